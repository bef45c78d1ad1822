"""A refresh token is used once: a second use ends every session that came from it (RFC 9700
4.14.2)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.oauth.ground import NOW
from wsgi_auth.errors import AuthError, ProviderRefused, ProviderUnavailable
from wsgi_auth.oauth.refresh import REMEMBERED, Refresher
from wsgi_auth.oauth.token import Tokens

OLD = Tokens(access_token="old", refresh_token="refresh-1", expires_at=int(NOW))


class Client:
    """The other party's side: refuses a refresh token that comes twice."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken: AuthError | None = None

    def refresh(self, tokens: Tokens, now: float) -> Tokens:
        self.asked += 1
        if self.broken is not None:
            raise self.broken
        return replace(tokens, access_token="new", refresh_token=f"refresh-{self.asked + 1}")


@pytest.mark.usefixtures("hasty_threads")
def test_however_many_threads_ask_and_however_late_there_is_one_request() -> None:
    """Some come while it runs, some had looked before it ended and go on after it."""
    with ThreadPoolExecutor(16) as pool:
        for _ in range(100):
            refresher, client = Refresher(), Client()
            start = threading.Barrier(16)

            def ask(number: int) -> Tokens:
                start.wait()
                return refresher.renewed("acme", client, OLD, NOW + number / 100)

            found = list(pool.map(ask, range(16)))
            assert ({each.access_token for each in found}, client.asked) == ({"new"}, 1)


def test_who_still_has_the_old_token_is_given_the_new_ones_for_a_minute() -> None:
    refresher, client = Refresher(), Client()
    first = refresher.renewed("acme", client, OLD, NOW)
    assert refresher.renewed("acme", client, OLD, NOW + REMEMBERED - 1) is first
    assert refresher.renewed("acme", client, OLD, NOW - 1) is first
    assert client.asked == 1
    refresher.renewed("acme", client, OLD, NOW + REMEMBERED)
    assert client.asked == 2


def test_what_is_too_old_to_be_of_use_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_auth.oauth.refresh.MOST", 3)
    refresher, client = Refresher(), Client()
    for number in range(20):
        tokens = replace(OLD, refresh_token=f"of {number}")
        now = NOW + number * REMEMBERED / 2
        fresh = refresher.renewed("acme", client, tokens, now)
        assert refresher.renewed("acme", client, tokens, now + 1) is fresh
        assert len(refresher._recent) <= 3


@pytest.mark.parametrize(
    "broken", [ProviderUnavailable("down"), ProviderRefused("refresh", "no", "invalid_grant")]
)
def test_what_failed_is_not_remembered(broken: AuthError) -> None:
    refresher, client = Refresher(), Client()
    client.broken = broken
    with pytest.raises(type(broken)):
        refresher.renewed("acme", client, OLD, NOW)
    client.broken = None
    assert refresher.renewed("acme", client, OLD, NOW).access_token == "new"


def test_the_same_refresh_token_of_two_parties_is_two():
    """One that counts them, say; a tenant may choose what its party issues."""
    refresher, acme, globex = Refresher(), Client(), Client()
    refresher.renewed("sso acme", acme, OLD, NOW)
    refresher.renewed("sso globex", globex, OLD, NOW)
    assert (acme.asked, globex.asked) == (1, 1)
