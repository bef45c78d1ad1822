"""The middleware against real providers, over the network."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
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
    start_response("200 OK", [("Content-Type", "application/json")])
    session, handle = environ["auth.session"], environ["auth.handle"]
    token = handle.access_token("op") if environ["PATH_INFO"] == "/token" else None
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
    return page.get(back.url.removeprefix("https://app.example.test"), expect_errors=True)


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "odd name: %&+/"])
def test_every_kind_of_client_signs_in(oidc_provider, client):
    page = browser(oidc_provider.options(client))
    answer = sign_in(page, oidc_provider.visitor())
    assert answer.status_int == 302, answer.text
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


def test_the_application_gets_a_token_that_the_provider_knows(oidc_provider):
    page = browser(oidc_provider.options(tokens=True, userinfo=True))
    sign_in(page, oidc_provider.visitor())
    assert len(page.get("/token").json["token"]) > 20


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
        and "slow" not in name and "huge" not in name]  # fmt: skip


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


@pytest.mark.parametrize("client", ["basic", "post"])
def test_canaille_signs_in(canaille_provider, client):
    page = browser(
        canaille_provider.options(
            client, **({"client_auth": "client_secret_post"} if client == "post" else {})
        )
    )
    assert sign_in(page, canaille_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["email"] == "alice@example.test"


def test_the_django_oauth_toolkit_signs_in(dot_provider):
    page = browser(dot_provider.options())
    assert sign_in(page, dot_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["id"]
