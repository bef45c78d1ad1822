"""The middleware against real providers, over the network."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import pytest
import time_machine
from webtest import TestApp

from tests.op.harness import CLIENTS
from tests.op.hostile import MODES
from wsgi_auth import AuthMiddleware
from wsgi_auth.http import Http
from wsgi_auth.testing import MISBEHAVIOURS

pytestmark = pytest.mark.live

SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
#: What the sign-in never comes to, or what takes longer than anybody wants to wait.
LEFT_OUT = ("refresh", "logout", "http.revoke")


def application(environ, start_response):
    session, handle = environ["auth.session"], environ["auth.handle"]
    token = handle.access_token("op") if environ["PATH_INFO"] == "/token" else None
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"session": session, "token": token}).encode()]


def browser(options: dict) -> TestApp:
    app = AuthMiddleware(
        application, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[options], transport=Http(allow_loopback=True),
    )  # fmt: skip
    return TestApp(app, extra_environ=SERVED)


def sign_in(page: TestApp, visitor, **asked: str):
    """From the button to the answer of our callback; gives that answer."""
    form = page.get("/auth/signin").forms[0]
    fields = [*form.submit_fields(), *asked.items()]
    answer = page.post(form.action, fields, expect_errors=True)
    if answer.status_int != 303:
        return answer
    back = visitor.walk(answer.location)
    path = back.url.removeprefix("https://app.example.test")
    if back.form:
        return page.post(path, back.form, expect_errors=True)
    return page.get(path, expect_errors=True)


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "odd name: %&+/"])
@pytest.mark.parametrize("options", [{}, {"userinfo": True, "response_mode": "form_post"}])
def test_every_kind_of_client_signs_in(oidc_provider, client, options):
    page = browser(oidc_provider.options(client, **options))
    answer = sign_in(page, oidc_provider.visitor())
    assert answer.status_int == (303 if options else 302), answer.text
    user = page.get("/").json["session"]["user"]
    assert (user["id"], user["email"]) == ("alice", "alice@example.test")


def test_an_id_and_a_secret_that_need_encoding_are_encoded(oidc_provider):
    page = browser(oidc_provider.options("odd name: %&+/"))
    assert sign_in(page, oidc_provider.visitor()).status_int == 302


def test_new_keys_are_asked_for_and_old_sessions_stay(oidc_provider):
    page = browser(oidc_provider.options())
    sign_in(page, oidc_provider.visitor())
    oidc_provider.rotate_keys(keep_old=False)
    other = TestApp(page.app, extra_environ=SERVED)
    assert sign_in(other, oidc_provider.visitor()).status_int == 302
    assert page.get("/").json["session"] and other.get("/").json["session"]


def test_prompt_none_without_a_session_there_is_a_page_that_says_so(oidc_provider):
    page = browser(oidc_provider.options())
    answer = sign_in(page, oidc_provider.visitor(), prompt="none")
    assert answer.status_int == 403 and "OAuthCallbackError" in answer.text
    assert page.get("/").json["session"] is None


def test_who_cancels_there_reads_why(oidc_provider):
    page, visitor = browser(oidc_provider.options()), oidc_provider.visitor()
    form = page.get("/auth/signin").forms[0]
    there = visitor.session.get(page.post(form.action, form.submit_fields()).location, timeout=20)
    back = visitor.walk(f"{there.url}/abort")
    assert back.params["error"] == "access_denied"
    answer = page.get(back.url.removeprefix("https://app.example.test"), expect_errors=True)
    assert answer.status_int == 403 and "OAuthCallbackError" in answer.text


@pytest.mark.parametrize(
    ("asked", "silent"), [({}, True), ({"max_age": "600"}, True), ({"max_age": "0"}, False)]
)
def test_prompt_none_is_silent_while_the_sign_in_there_is_young_enough(
    oidc_provider, asked, silent
):
    visitor = oidc_provider.visitor()
    sign_in(browser(oidc_provider.options()), visitor)
    if not silent:
        time.sleep(1.1)  # the provider counts whole seconds
    page = browser(oidc_provider.options())
    answer = sign_in(page, visitor, prompt="none", **asked)
    assert (page.get("/").json["session"] is not None) is silent, answer.text


def test_max_age_makes_the_provider_ask_again_and_say_when_it_did(oidc_provider):
    page = browser(oidc_provider.options(max_age=60))
    assert sign_in(page, oidc_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["id"] == "alice"


@pytest.mark.parametrize("client", ["basic", "post", "public", "nonce"])
def test_the_application_gets_a_token_that_is_renewed_once_when_it_is_due(oidc_provider, client):
    scope = "openid offline_access email"
    options = {"scope": scope, "authorization_params": {"prompt": "consent"}}
    page = browser(oidc_provider.options(client, tokens=True, userinfo=True, **options))
    answer = sign_in(page, oidc_provider.visitor())
    assert answer.status_int == 302, answer.text
    first = page.get("/token").json["token"]
    with time_machine.travel(time.time() + 3590):
        second, again = (page.get("/token").json["token"] for _ in range(2))
    assert len(first) > 20 and first != second == again


def test_signing_out_ends_the_session_there_and_comes_back(oidc_provider):
    visitor = oidc_provider.visitor()
    page = browser(oidc_provider.options(logout=True))
    sign_in(page, visitor)
    form = page.get("/auth/signout?callbackUrl=/bye").forms[0]
    back = visitor.walk(form.submit().location)
    assert urlsplit(back.url)[:3] == ("https", "app.example.test", "/auth/signout")
    assert page.get(back.url.removeprefix("https://app.example.test")).location == "/bye"
    assert sign_in(page, visitor, prompt="none").status_int == 403


#: This provider has two RSA keys, and without kid and alg nothing says which of them is meant.
AMBIGUOUS = ("jwks_no_use",)
SENT = [name for name in MODES if not MISBEHAVIOURS[name].stage.startswith(LEFT_OUT)
        and "slow" not in name]  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_a_real_provider_gone_wrong_signs_in_whom_it_should_or_nobody(hostile_provider, name):
    page = browser(hostile_provider.options(userinfo=True))
    hostile_provider.misbehave(name)
    answer = sign_in(page, hostile_provider.visitor())
    session = page.get("/").json["session"]
    verdict = "either" if name in AMBIGUOUS else MISBEHAVIOURS[name].verdict
    assert verdict in ("accept" if session else "refuse", "either")
    assert session is None or session["user"]["id"] == "alice"
    assert session is not None or answer.status_int >= 400


SECOND_OPINIONS = [{}, {"userinfo": True}]


@pytest.mark.parametrize("more", SECOND_OPINIONS)
@pytest.mark.parametrize("client", ["basic", "post"])
def test_canaille_signs_in(canaille_provider, client, more):
    auth = {"client_auth": "client_secret_post"} if client == "post" else {}
    page = browser(canaille_provider.options(client, **auth, **more))
    assert sign_in(page, canaille_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["email"] == "alice@example.test"


@pytest.mark.parametrize("more", SECOND_OPINIONS)
@pytest.mark.parametrize("client", ["basic", "public"])
def test_the_django_oauth_toolkit_signs_in(dot_provider, client, more):
    page = browser(dot_provider.options(client, **more))
    assert sign_in(page, dot_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["id"]


def test_a_provider_that_ignores_form_post_signs_nobody_in(canaille_provider):
    page = browser(canaille_provider.options(response_mode="form_post"))
    assert sign_in(page, canaille_provider.visitor()).status_int == 405
    assert page.get("/").json["session"] is None
