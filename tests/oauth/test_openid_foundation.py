"""The OpenID Foundation's test modules for relying parties, under their own names."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from webtest import TestApp

from tests.testing.oidf import (
    BACKCHANNEL,
    BASIC,
    CONFIG,
    LOGOUT,
    MODULES,
    REFRESH,
    THIRD_PARTY,
    Module,
)
from wsgi_auth import AuthError, AuthMiddleware, get_auth
from wsgi_auth.testing import FakeProvider

URL = "https://app.example.test"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}


def application(environ, start_response):
    try:
        token = get_auth(environ).access_token("fake")
    except AuthError as error:
        token = error.code
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"session": environ["auth.session"], "token": token}).encode()]


def visitor(fake: FakeProvider, adapter: str | None = None, **options) -> TestApp:
    app = AuthMiddleware(
        application, secret="s" * 40, url=URL, matcher=["/members"], transport=fake.transport,
        adapter=adapter, providers=[fake.options(tokens=True, logout=True, **options)],
    )  # fmt: skip
    return TestApp(app, extra_environ=SERVED)


def judged(module: Module, accepted: bool) -> None:
    assert module.expected in ("accept" if accepted else "refuse", "either")


def of(*plans: str) -> list:
    return [pytest.param(each, id=each.name) for each in MODULES if each.plan in plans]


#: What a module also wants to see: options of ours, and the request that shows it.
SHOWN = {
    "userinfo-bearer-header": ({}, "/userinfo", "authorization", "Bearer "),
    "userinfo-bearer-body": (
        {
            "userinfo_method": "POST",
            "userinfo_body": "access_token={tokens.access_token}",
        },
        "/userinfo", "content-type", "application/x-www-form-urlencoded",
    ),
    "client-secret-basic": ({}, "/token", "authorization", "Basic "),
    "discovery-openid-config": ({}, "/.well-known/openid-configuration", "accept", ""),
    "discovery-jwks-uri-keys": ({}, "/jwks", "accept", ""),
}  # fmt: skip


@pytest.mark.parametrize(
    "module", [each for each in of(BASIC, CONFIG) if "key-rotation" not in each.id]
)
def test_sign_in(module):
    suffix = module.name.removeprefix("oidcc-client-test").removeprefix("-")
    options, path, header, value = SHOWN.get(suffix, ({}, "/token", "authorization", ""))
    fake = FakeProvider(claims_in_id_token="userinfo only" not in module.plays)
    page = visitor(fake, userinfo=True, **options)
    fake.misbehave(*module.wrong)
    fake.sign_in(page, "alice", expect_errors=True)
    session = page.get("/").json["session"]
    judged(module, session is not None)
    assert session is None or session["user"]["email"] == "alice@example.test"
    if suffix in SHOWN:
        asked = next(each for each in fake.requests if each.path == path)
        assert asked.headers.get(header, "").startswith(value)
        assert "access_token" not in dict(asked.query)
        assert ("access_token" in dict(asked.form)) is suffix.endswith("body")
        assert ("authorization" in asked.headers) is (value[-1:] == " ")


@pytest.mark.parametrize("module", [each for each in of(CONFIG) if "key-rotation" in each.id])
def test_key_rotation(module):
    fake = FakeProvider()
    page = visitor(fake)
    fake.misbehave(*module.wrong)
    for _ in range(2):
        fake.sign_in(page, "alice", expect_errors=True)
        judged(module, page.get("/").json["session"] is not None)
        fake.rotate_keys(keep_old=False)


@pytest.mark.parametrize("module", of(REFRESH))
def test_refresh(module):
    fake = FakeProvider(token_life=120)
    page = visitor(fake)
    fake.sign_in(page, "alice")
    fake.misbehave(*module.wrong)
    with time_machine.travel(time.time() + 100):
        token = page.get("/").json["token"]
    judged(module, token != "OAuthCallbackError")


@pytest.mark.parametrize("module", of(LOGOUT))
def test_rp_initiated_logout(module):
    fake = FakeProvider()
    page = visitor(fake)
    fake.sign_in(page, "alice")
    fake.misbehave(*module.wrong)
    form = page.get("/auth/signout?callbackUrl=/bye").forms[0]
    sent = parse_qs(urlsplit(form.submit().location).query)
    assert page.get("/").json["session"] is None
    state = sent["state"][0]
    given = {"no_state": "", "other_state": "&state=other"}
    query = next((value for key, value in given.items() if module.wrong and key in module.wrong[0]),
                 f"&state={state}")  # fmt: skip
    answer = page.get(f"/auth/signout?x=y{query}", expect_errors=True)
    judged(module, answer.status_int == 302 and answer.location == "/bye")


@pytest.mark.parametrize("module", of(THIRD_PARTY))
def test_third_party_initiated_login_R090(module):
    fake = FakeProvider()
    page = visitor(fake)
    answer = page.get(
        f"/auth/signin/fake?iss={fake.issuer}&target_link_uri={URL}/members&login_hint=alice"
    )
    landing = fake.approve(answer.location, "alice")
    done = page.get(landing.url.removeprefix(URL))
    posted = page.post(
        "/auth/signin/fake", {"iss": fake.issuer, "target_link_uri": f"{URL}/members"}
    )
    again = page.get(posted.location.removeprefix(URL))
    assert again.location.startswith(fake.issuer)
    judged(module, done.location in ("/members", f"{URL}/members"))
    refused = page.get("/auth/signin/fake?iss=https://evil.example.test", expect_errors=True)
    assert refused.status_int == 400


@pytest.mark.parametrize("module", of(BACKCHANNEL))
def test_backchannel_logout_R089(module):
    """The visitor leaves by our sign-out; a second browser of theirs learns it from the provider."""
    fake = FakeProvider()
    page = visitor(fake, adapter="memory:", backchannel_logout=True)
    other = TestApp(page.app, extra_environ=SERVED)
    fake.sign_in(page, "alice")
    fake.sign_in(other, "alice")
    fake.misbehave(*module.wrong)
    left = page.get("/auth/signout").forms[0].submit()
    assert urlsplit(left.location).netloc == urlsplit(fake.issuer).netloc
    token = fake.logout_token("alice")
    answer = TestApp(page.app, extra_environ=SERVED).post(
        "/auth/backchannel-logout/fake", {"logout_token": token}, expect_errors=True
    )
    ended = other.get("/").json["session"] is None
    assert answer.status_int == (200 if ended else 400)
    assert "no-store" in answer.headers["Cache-Control"]
    judged(module, ended)


def test_every_plan_is_played():
    played = {BASIC, CONFIG, REFRESH, LOGOUT, THIRD_PARTY, BACKCHANNEL}
    assert {module.plan for module in MODULES} == played
