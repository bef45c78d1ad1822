"""A provider that does not answer holds up one thread, and not every one of a server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.oauth.flight import PATIENCE
from wsgi_auth.oauth.silence import Silence
from wsgi_auth.types import Incoming, Outgoing

NOW = 1_800_000_000.0
REQUEST = Outgoing("https://op.test/introspect")


class Provider:
    """A transport to what answers or not; ``meanwhile`` is called while somebody waits for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: BaseException | None = None
        self.meanwhile: Callable[[], None] | None = None

    def send(self, request: Outgoing) -> Incoming:
        self.asked += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if self.problem is not None:
            raise self.problem
        return Incoming(200, {}, b"{}")


@pytest.fixture
def provider() -> Provider:
    return Provider()


def refused(silence: Silence, now: float) -> str:
    with pytest.raises(ProviderUnavailable) as caught:
        silence.send(REQUEST, now)
    return str(caught.value)


@pytest.mark.parametrize("later", [0, 1, PATIENCE - 1])
def test_while_one_waits_for_a_silent_provider_the_others_fail_at_once(provider, later):
    silence = Silence(provider)
    provider.problem = ProviderUnavailable("silent")
    assert refused(silence, NOW) == "silent"
    said = []
    provider.meanwhile = lambda: said.append(refused(silence, NOW + later))
    assert refused(silence, NOW) == "silent"
    assert "is just being asked again" in said[0] and provider.asked == 2
    assert refused(silence, NOW) == "silent"  # the next one's turn


@pytest.mark.parametrize("later", [PATIENCE, 86_400, -1, -86_400])
def test_one_that_never_comes_back_and_a_clock_that_moves_keep_nobody_out(provider, later):
    silence = Silence(provider)
    provider.problem = ProviderUnavailable("silent")
    refused(silence, NOW)
    provider.meanwhile = lambda: refused(silence, NOW + later) and None
    refused(silence, NOW)
    assert provider.asked == 3


def test_one_that_is_broken_off_leaves_the_next_its_turn(provider):
    silence = Silence(provider)
    for problem in (ProviderUnavailable("silent"), SystemExit(), ProviderUnavailable("silent")):
        provider.problem = problem
        with pytest.raises(type(problem)):
            silence.send(REQUEST, NOW)
    assert provider.asked == 3


def test_the_first_answer_ends_it(provider):
    silence = Silence(provider)
    provider.problem = ProviderUnavailable("silent")
    refused(silence, NOW)
    provider.problem = None
    assert silence.send(REQUEST, NOW).status == 200
    provider.meanwhile = lambda: silence.send(REQUEST, NOW) and None
    assert silence.send(REQUEST, NOW).status == 200


def test_while_a_provider_answers_as_many_as_like_ask_it(provider):
    silence = Silence(provider)
    provider.meanwhile = lambda: silence.send(REQUEST, NOW) and None
    assert silence.send(REQUEST, NOW).status == 200
    provider.problem = OAuthError("request", "the address is no absolute URL")
    for _ in range(2):
        with pytest.raises(OAuthError, match="no absolute URL"):
            silence.send(REQUEST, NOW)
