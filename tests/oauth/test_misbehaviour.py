"""A provider that goes wrong in every way there is a name for: nobody is signed in by mistake."""

from __future__ import annotations

import json
import logging
import time

import pytest
import time_machine

from tests.oauth.visits import Visitor, pieces_of_tokens, site
from wsgi_auth.oauth.discovery import PAUSE
from wsgi_auth.testing import MISBEHAVIOURS, FakeClient, FakeProvider

#: The stages that no sign-in comes to, with the test that does.
ELSEWHERE = {
    "refresh": "test_tokens_and_leaving",
    "refresh_claims": "test_tokens_and_leaving",
    "logout_response": "there is nothing in it to believe",
    "logout_claims": "test_leaving_at_the_provider",
    "logout_token": "test_leaving_at_the_provider",
    "http.revoke": "tokens are never revoked",
}
ROWS = {name: row for name, row in MISBEHAVIOURS.items() if row.stage not in ELSEWHERE}
#: Ways in which a sign-in may go: the client, and the options of the provider.
WAYS = {
    "query": (FakeClient(), {"userinfo": True}),
    "form_post with DPoP": (
        FakeClient(dpop=True, dpop_nonce=True),
        {"userinfo": True, "response_mode": "form_post", "tokens": True},
    ),
    "ES256 with post": (
        FakeClient(auth="client_secret_post", id_token_alg="ES256"), {"userinfo": True}
    ),
}  # fmt: skip
#: What a page may say where the answer of a row does not show who was meant.
PAGES = ("OAuthCallbackError", "OAuthSignin", "InvalidCheck", "ProviderUnavailable")


class Secrets(set):
    """Whatever passes between the application and the provider, and concerns nobody else."""

    def __init__(self, fake: FakeProvider) -> None:
        super().__init__(each.client_secret for each in fake.clients.values())
        self._fake = fake
        fake.tamper("http.token", self._tokens)

    def _tokens(self, answer, scene):
        try:
            said = json.loads(answer.body)
        except ValueError:
            return answer
        if isinstance(said, dict):
            names = ("access_token", "refresh_token", "id_token")
            self.update(each for name in names if isinstance(each := said.get(name), str))
        return answer

    def sent(self) -> set[str]:
        """These, and what was sent in forms."""
        names = ("code", "code_verifier", "state", "nonce", "refresh_token", "client_secret")
        sent = {value for each in self._fake.requests for name, value in each.form if name in names}
        return {each for each in self | sent if len(each) > 8}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ROWS)
def test_a_misbehaving_provider_signs_in_whom_it_should_or_nobody(name, way, caplog):
    caplog.set_level(logging.DEBUG)
    client, options = WAYS[way]
    fake = FakeProvider(clients=[client])
    secrets = Secrets(fake)
    page = Visitor(site(fake, provider=options))
    fake.misbehave(name)
    answer = fake.sign_in(page, "alice", expect_errors=True)
    who = page.who
    assert ROWS[name].verdict in ("accept" if who else "refuse", "either")
    if who is None:
        assert (answer.status_int >= 400, answer.content_type) == (True, "text/html")
        assert any(code in answer.text for code in PAGES) and "Try again" in answer.text
        assert any("sign-in by fake failed" in record.getMessage() for record in caplog.records)
    else:
        assert (who, page.claims["provider"]) == ("alice", "fake")
    said = caplog.text + answer.text
    assert "Traceback" not in answer.text
    assert not [secret for secret in secrets.sent() if secret in said] and not pieces_of_tokens(
        said
    )


@pytest.mark.parametrize("name", ROWS)
def test_whoever_was_signed_in_before_stays_so_unless_somebody_else_is_proven(name):
    fake = FakeProvider()
    page = Visitor(site(fake, provider={"userinfo": True}))
    fake.sign_in(page, "bob")
    page.app = site(fake, provider={"userinfo": True})  # which knows nothing of the provider yet
    fake.misbehave(name)
    answer = fake.sign_in(page, "alice", expect_errors=True)
    who = page.who
    assert ROWS[name].verdict in ("accept" if who == "alice" else "refuse", "either")
    assert who in ("alice", "bob")
    assert who == "alice" or answer.status_int >= 400 or answer.request.path == "/"


@pytest.mark.parametrize("stage", sorted({row.stage for row in MISBEHAVIOURS.values()}))
def test_every_stage_is_looked_at_somewhere(stage):
    assert stage in ELSEWHERE or any(row.stage == stage for row in ROWS.values())


@pytest.mark.parametrize("name", ROWS)
def test_after_the_trouble_and_a_short_pause_the_next_sign_in_works(name):
    """Nothing of what was wrong is kept: no keys, no metadata."""
    fake = FakeProvider()
    page = Visitor(site(fake, provider={"userinfo": True}))
    with fake.misbehave(name):
        fake.sign_in(page, "alice", expect_errors=True)
    with time_machine.travel(time.time() + PAUSE):
        fake.sign_in(page, "bob")
        assert page.who == "bob"
