"""A provider that goes wrong in every way there is a name for: nobody is signed in by mistake."""

from __future__ import annotations

import json
import logging

import pytest
from webtest import TestApp

from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import MISBEHAVIOURS, FakeProvider

SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
#: The stages that no sign-in comes to, with the test that does.
ELSEWHERE = {
    "refresh": "test_tokens_and_leaving",
    "refresh_claims": "test_tokens_and_leaving",
    "logout_response": "there is nothing in it to believe",
    "logout_claims": "back-channel logout is not in this release",
    "logout_token": "back-channel logout is not in this release",
    "http.revoke": "tokens are never revoked",
}
ROWS = {name: row for name, row in MISBEHAVIOURS.items() if row.stage not in ELSEWHERE}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(environ["auth.session"]).encode()]


def visitor(fake: FakeProvider, **options) -> TestApp:
    app = AuthMiddleware(
        application, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[fake.options(userinfo=True, **options)], transport=fake.transport,
    )  # fmt: skip
    return TestApp(app, extra_environ=SERVED)


@pytest.mark.parametrize("name", ROWS)
def test_a_misbehaving_provider_signs_in_whom_it_should_or_nobody(name, caplog):
    caplog.set_level(logging.DEBUG)
    fake = FakeProvider()
    browser = visitor(fake)
    fake.misbehave(name)
    answer = fake.sign_in(browser, "alice", expect_errors=True)
    session = browser.get("/").json
    assert ROWS[name].verdict in ("accept" if session else "refuse", "either")
    assert session is None or session["user"]["id"] == "alice"
    assert "Traceback" not in answer.text
    if session is None:
        assert answer.status_int >= 400
    secrets = [client.client_secret for client in fake.clients.values()]
    said = caplog.text + answer.text
    assert not any(secret in said for secret in secrets if secret)
    assert "eyJ" not in said  # the beginning of every JWT


@pytest.mark.parametrize("stage", sorted({row.stage for row in MISBEHAVIOURS.values()}))
def test_every_stage_is_looked_at_somewhere(stage):
    assert stage in ELSEWHERE or any(row.stage == stage for row in ROWS.values())


def test_after_the_trouble_the_next_sign_in_works():
    fake = FakeProvider()
    browser = visitor(fake)
    with fake.misbehave("token_500"):
        assert fake.sign_in(browser, "alice", expect_errors=True).status_int == 503
    fake.sign_in(browser, "alice")
    assert browser.get("/").json["user"]["id"] == "alice"
