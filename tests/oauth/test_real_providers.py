"""Sign-in at real providers, beyond the straight way (``tests/op/test_product``): answers by form,
userinfo, silence, age, renewal. The providers are processes of this module's own, so that nothing
it leaves there concerns another.

One thing to know of Canaille: a code that nobody exchanges makes it take a later one of the same
client for it, now and then ("Code challenge failed"). So every code here is exchanged.
"""

from __future__ import annotations

import json
import time

import pytest
import time_machine

from tests.oauth.visits import URL, Visitor
from tests.op.canaille import canaille_provider  # noqa: F401 - fixtures
from tests.op.dot import dot_provider  # noqa: F401
from tests.op.harness import CLIENTS, _hostile, hostile_provider, oidc_provider  # noqa: F401
from tests.op.hostile import MODES
from wsgi_auth import AuthMiddleware, get_auth
from wsgi_auth.http import Http
from wsgi_auth.testing import MISBEHAVIOURS

pytestmark = pytest.mark.live


def application(environ, start_response):
    auth = get_auth(environ)
    token = auth.access_token("op") if environ["PATH_INFO"] == "/token" else None
    start_response("200 OK", [("Content-Type", "application/json")])
    said = {"session": auth.session, "claims": auth.claims, "token": token}
    return [json.dumps(said).encode()]


def visitor(options: dict) -> Visitor:
    return Visitor(
        AuthMiddleware(
            application, secret="s" * 40, url=URL, matcher=["/members"], providers=[options],
            transport=Http(allow_loopback=True),
        )
    )  # fmt: skip


def sign_in(page: Visitor, there, **asked: str):
    """From the button through the provider's pages; the answer of our callback, or of the start."""
    started = page.press("op", **asked)
    if started.status_int != 303:
        return started
    back = there.walk(started.location)
    path = back.url.removeprefix(URL)
    if back.form:
        return page.post(path, back.form, expect_errors=True)
    return page.get(path, expect_errors=True)


MORE = [{"userinfo": True}, {"response_mode": "form_post"}]


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_kind_of_client_signs_in(oidc_provider, client, more):  # noqa: F811
    page = visitor(oidc_provider.options(client, **more))
    answer = sign_in(page, oidc_provider.visitor())
    assert answer.status_int == (303 if "response_mode" in more else 302), answer.text
    assert page.claims["email"] == "alice@example.test"


def test_who_cancels_there_reads_why(oidc_provider):  # noqa: F811
    page, there = visitor(oidc_provider.options()), oidc_provider.visitor()
    asked = there.session.get(page.begin("op"), timeout=20)
    back = there.walk(f"{asked.url}/abort")
    assert back.params["error"] == "access_denied"
    answer = page.land(back)
    assert answer.status_int == 403 and "OAuthCallbackError" in answer.text


@pytest.mark.parametrize(
    ("asked", "silent"), [({}, True), ({"max_age": "600"}, True), ({"max_age": "0"}, False)]
)
def test_prompt_none_is_silent_while_the_sign_in_there_is_young_enough(
    oidc_provider,  # noqa: F811
    asked,
    silent,
):
    there = oidc_provider.visitor()
    sign_in(visitor(oidc_provider.options()), there)
    if not silent:
        time.sleep(1.1)  # the provider counts whole seconds
    page = visitor(oidc_provider.options())
    answer = sign_in(page, there, prompt="none", **asked)
    assert (page.who is not None) is silent, answer.text


def test_max_age_makes_the_provider_say_when_it_was(oidc_provider):  # noqa: F811
    page = visitor(oidc_provider.options(max_age=60))
    assert sign_in(page, oidc_provider.visitor()).status_int == 302 and page.who == "alice"


@pytest.mark.parametrize("client", ["basic", "post", "public", "nonce"])
def test_a_token_for_the_application_is_renewed_once_when_it_is_due(
    oidc_provider,  # noqa: F811
    client,
):
    # this provider gives refresh tokens to who agrees to it anew
    more = {"scope": "openid offline_access email", "authorization_params": {"prompt": "consent"}}
    page = visitor(oidc_provider.options(client, tokens=True, userinfo=True, **more))
    assert sign_in(page, oidc_provider.visitor()).status_int == 302
    first = page.get("/token").json["token"]
    with time_machine.travel(time.time() + 3590):  # its own clock stays
        second, again = (page.get("/token").json["token"] for _ in range(2))
    assert len(first) > 20 and first != second == again


HUGE = [name for name in MODES if name.endswith("_huge")
        and MISBEHAVIOURS[name].stage != "http.revoke"]  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_an_answer_of_megabytes_signs_nobody_in(hostile_provider, name):  # noqa: F811
    page = visitor(hostile_provider.options(userinfo=True))
    hostile_provider.misbehave(name)
    answer = sign_in(page, hostile_provider.visitor())
    assert (answer.status_int, page.who) == (503, None)


@pytest.mark.parametrize("client", ["basic", "post"])
def test_canaille_answers_userinfo(canaille_provider, client):  # noqa: F811
    auth = {"client_auth": "client_secret_post"} if client == "post" else {}
    page = visitor(canaille_provider.options(client, userinfo=True, **auth))
    assert sign_in(page, canaille_provider.visitor()).status_int == 302
    assert page.claims["email"] == "alice@example.test"


@pytest.mark.parametrize("more", [{}, {"userinfo": True}])
@pytest.mark.parametrize("client", ["basic", "public"])
def test_the_django_oauth_toolkit_signs_in(dot_provider, client, more):  # noqa: F811
    page = visitor(dot_provider.options(client, **more))
    assert sign_in(page, dot_provider.visitor()).status_int == 302 and page.who
