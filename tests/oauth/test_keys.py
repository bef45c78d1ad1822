"""The keys of a provider: only what can verify, asked for seldom, kept while it is down (R082)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.oauth.ground import NOW, response
from tests.oauth.party import party, sends
from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.http import Http
from wsgi_auth.oauth import keys as module
from wsgi_auth.oauth.flight import Flight
from wsgi_auth.oauth.keys import FITTING, LIFETIME, MOST, PAUSE, KeySource, read_keys
from wsgi_auth.testing.fake_provider.keys import b64
from wsgi_auth.testing.threads import outcomes
from wsgi_auth.types import Incoming, Outgoing

URI = "https://op.test/jwks"
RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
ED = OKPKey.generate_key("Ed25519")


def jwk(key: RSAKey | ECKey | OKPKey = EC, private: bool = False, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=private), "kid": "one", **more}


def jwks(*keys: object) -> Incoming:
    return response({"keys": list(keys)})


def algorithms(*keys: object) -> set[str]:
    return {name for key in read_keys(jwks(*keys)) for name in key.algorithms}


# --- which keys count ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (EC, {"ES256"}),
        (ECKey.generate_key("P-384"), {"ES384"}),
        (ECKey.generate_key("P-521"), {"ES512"}),
        (ED, {"EdDSA", "Ed25519"}),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "Ed25519"],
)
def test_a_key_is_for_the_algorithms_of_its_kind(key: Any, fits: set[str]) -> None:
    assert algorithms(jwk(key)) == fits
    for name in FITTING:
        assert algorithms(jwk(key, alg=name)) == fits & {name}


def modulus(bits: int, zeros: int = 0) -> dict[str, Any]:
    """An RSA key of this size, with zeros in front."""
    octets = bytes(zeros) + ((1 << bits) - 1).to_bytes((bits + 7) // 8)
    return {"kty": "RSA", "kid": "one", "e": "AQAB", "n": b64(octets)}


LEFT_OUT: Mapping[str, object] = {
    "encryption": jwk(use="enc"),
    "a-strange-use": jwk(use=["sig"]),
    "operations-without-verify": jwk(key_ops=["sign"]),
    "a-symmetric-key": {**OctKey.generate_key(256).as_dict(), "kid": "one"},
    "a-symmetric-key-for-hs256": {**OctKey.generate_key(256).as_dict(), "alg": "HS256"},
    "rsa-for-hs256": jwk(RSA, alg="HS256"),
    "rsa-for-none": jwk(RSA, alg="none"),
    "rsa-for-encryption": jwk(RSA, alg="RSA-OAEP"),
    "rsa-for-ecdsa": jwk(RSA, alg="ES256"),
    "small-rsa": modulus(1_024),
    "almost-rsa": modulus(2_047),
    "small-rsa-behind-zeros": modulus(1_024, zeros=200),
    "huge-rsa": modulus(16_385),
    "rsa-with-exponent-one": jwk(RSA, e="AQ"),
    "rsa-with-even-exponent": jwk(RSA, e="Ag"),
    "rsa-without-exponent": {name: value for name, value in jwk(RSA).items() if name != "e"},
    "rsa-no-base64": jwk(RSA, n="*" * 400),
    "rsa-number": jwk(RSA, n=1),
    "rsa-long": jwk(RSA, n="AQAB" * 200_000),
    "secp256k1": jwk(ECKey.generate_key("secp256k1")),
    "a-point-elsewhere": jwk(x=jwk()["y"]),
    "a-curve-of-another-kind": jwk(crv="Ed25519"),
    "a-curve-that-is-none": jwk(crv=[]),
    "ed448": jwk(OKPKey.generate_key("Ed448")),
    "x25519": jwk(OKPKey.generate_key("X25519")),
    "short-okp": jwk(ED, x="AAAA"),
    "an-unknown-kind": jwk(kty="AKP"),
    "a-kind-that-is-none": jwk(kty=["EC"]),
    "no-kind": {"kid": "one"},
    "a-kid-that-is-no-text": jwk(kid=1),
    "a-list": [jwk()],
    "null": None,
    "text": "EC",
}


@pytest.mark.filterwarnings("ignore")  # joserfc's about sizes: to warn is not to refuse
@pytest.mark.parametrize("key", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_cannot_verify_is_left_out_and_disturbs_nobody(key: object) -> None:
    """RFC 7517 5: what is not understood is ignored. Sizes: RFC 7518 3.3."""
    assert read_keys(jwks(key)) == ()
    assert [each.kid for each in read_keys(jwks(key, jwk(kid="good"), key))] == ["good"]


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RSA", "EC", "OKP"])
def test_a_private_part_that_was_published_by_mistake_is_not_taken(key: Any) -> None:
    (found,) = read_keys(jwks(jwk(key, private=True)))
    assert not found.key.is_private


@pytest.mark.parametrize(
    "more", [{"use": "sig"}, {"key_ops": ["verify"]}, {"x5c": ["x"]}, {"z": 1}]
)
def test_what_else_a_key_says_does_not_matter(more: dict[str, Any]) -> None:
    assert len(read_keys(jwks(jwk(**more)))) == 1


def test_there_is_an_end_to_how_many_keys_are_looked_at() -> None:
    assert len(read_keys(jwks(*[jwk(kid=str(number)) for number in range(1_000)]))) == MOST


NO_KEYS = {
    "html": response(b"<html>"),
    "a-list": response([jwk()]),
    "one-key": response(jwk()),
    "no-list": response({"keys": {"one": jwk()}}),
    "a-name-twice": response(b'{"keys": [], "keys": []}'),
    "a-redirect": response({"keys": []}, 302),
    "not-found": response({"keys": []}, 404),
}


@pytest.mark.parametrize("answer", NO_KEYS.values(), ids=NO_KEYS)
def test_an_answer_without_keys_is_refused(answer: Incoming) -> None:
    with pytest.raises(OAuthError):
        read_keys(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]) | JSON,
        "crv": st.sampled_from(["P-256", "Ed25519"]) | JSON,
        **{name: st.text("AQ_-x", max_size=12) | JSON for name in ("n", "e", "x", "y", "d", "k")},
        **dict.fromkeys(("use", "key_ops", "kid", "alg"), JSON),
    },
)


@given(st.lists(FIELDS | JSON, max_size=3))
def test_nothing_that_is_published_as_a_key_raises(keys: list[object]) -> None:
    assert isinstance(read_keys(response({"keys": keys})), tuple)


# --- which of them is meant ----------------------------------------------------------------------


class Provider:
    """Answers with its ``keys``, or raises what is ``broken``; counts."""

    def __init__(self, *keys: object) -> None:
        self.keys = list(keys)
        self.asked: list[Outgoing] = []
        self.broken: Exception | None = None

    def send(self, request: Outgoing) -> Incoming:
        self.asked.append(request)
        if self.broken is not None:
            raise self.broken
        return jwks(*self.keys)


def source(*keys: object) -> tuple[Provider, KeySource]:
    provider = Provider(*keys)
    return provider, KeySource(provider, URI)


def test_a_key_is_found_by_its_name() -> None:
    provider, keys = source(jwk(kid="a"), jwk(ECKey.generate_key("P-256"), kid="b"))
    assert keys.fitting("ES256", "b", NOW).kid == "b"
    assert provider.asked == [Outgoing(URI)]


@pytest.mark.parametrize(
    "others", [(), (jwk(RSA, kid="rsa"),), (jwk(use="enc", kid="enc"), jwk(kty="AKP"))]
)
def test_without_a_name_the_only_key_that_fits_is_taken(others: tuple[object, ...]) -> None:
    """Core 10.1: a kid is needed only where there are several keys."""
    _, keys = source(jwk(kid="ec"), *others)
    assert keys.fitting("ES256", None, NOW).kid == "ec"


def test_without_a_name_several_keys_are_none() -> None:
    _, keys = source(jwk(kid="a"), jwk(kid="b"))
    with pytest.raises(OAuthError, match="no single key for a token without kid and ES256"):
        keys.fitting("ES256", None, NOW)


def test_a_name_that_two_keys_have_is_none() -> None:
    _, keys = source(jwk(), jwk(ECKey.generate_key("P-256")))
    with pytest.raises(OAuthError):
        keys.fitting("ES256", "one", NOW)


def test_a_name_is_for_one_kind_of_key() -> None:
    _, keys = source(jwk(), jwk(RSA))
    assert "ES256" in keys.fitting("ES256", "one", NOW).algorithms
    assert "RS256" in keys.fitting("RS256", "one", NOW).algorithms


def test_a_key_without_a_name_may_be_the_one_that_is_meant() -> None:
    _, keys = source({name: value for name, value in jwk().items() if name != "kid"})
    assert keys.fitting("ES256", "any", NOW).kid is None


@pytest.mark.parametrize("algorithm", ["RS256", "HS256", "none", "ES384", "", "ES256K"])
def test_a_key_is_never_used_for_another_algorithm(algorithm: str) -> None:
    _, keys = source(jwk(), {**OctKey.generate_key(256).as_dict(), "kid": "one"})
    with pytest.raises(OAuthError):
        keys.fitting(algorithm, "one", NOW)


def test_a_message_shows_no_more_of_a_name_than_a_line() -> None:
    _, keys = source(jwk())
    with pytest.raises(OAuthError) as caught:
        keys.fitting("ES256", "\r\nINFO fine\x1b[2J" + "x" * 1_000, NOW)
    assert len(str(caught.value)) < 250 and str(caught.value).isprintable()


# --- when they are asked for ---------------------------------------------------------------------


def test_known_keys_are_not_asked_for_again() -> None:
    provider, keys = source(jwk())
    for seconds in range(0, LIFETIME, 60):
        keys.fitting("ES256", "one", NOW + seconds)
    assert len(provider.asked) == 1


def test_a_key_that_is_withdrawn_is_gone_in_an_hour() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.keys = [jwk(kid="two")]
    keys.fitting("ES256", "one", NOW + LIFETIME - 1)
    with pytest.raises(OAuthError):
        keys.fitting("ES256", "one", NOW + LIFETIME)


def test_an_unknown_name_is_looked_for_among_newer_keys() -> None:
    """Core 10.1.1, and the modules oidcc-client-test-signing-key-rotation of the OpenID
    Foundation."""
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.keys = [jwk(kid="two")]
    assert keys.fitting("ES256", "two", NOW + 1).kid == "two"
    assert len(provider.asked) == 2
    with pytest.raises(OAuthError):
        keys.fitting("ES256", "one", NOW + 1)


def test_without_a_name_newer_keys_are_looked_for_too() -> None:
    provider, keys = source()
    with pytest.raises(OAuthError):
        keys.fitting("ES256", None, NOW)
    provider.keys = [jwk()]
    assert keys.fitting("ES256", None, NOW + 1).kid == "one"


def test_a_name_that_is_nowhere_is_asked_for_once_and_refused() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    with pytest.raises(OAuthError, match="no single key for kid 'two' and ES256 among the 1"):
        keys.fitting("ES256", "two", NOW)
    assert len(provider.asked) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.06, 1.0, 7.0])
def test_a_storm_of_1000_names_gives_ten_requests_a_minute_at_most(seconds: float) -> None:
    """R082, however the storm is spread."""
    provider = Provider(jwk())
    times: list[float] = []
    keys = KeySource(provider, URI)
    for number in range(1_000):
        now, before = NOW + number * seconds, len(provider.asked)
        with pytest.raises(OAuthError):
            keys.fitting("ES256", f"kid-{number}", now)
        times += [now] * (len(provider.asked) - before)
    assert all(sum(begin <= each < begin + 60 for each in times) <= 10 for begin in times)


@given(st.lists(st.floats(0, 30), max_size=80))
def test_whatever_the_times_no_minute_has_more_than_ten(pauses: list[float]) -> None:
    allowance, now, times = module._Allowance(), NOW, []
    for pause in pauses:
        now += pause
        if allowance.take(now):
            times.append(now)
    assert all(sum(begin <= each < begin + 60 for each in times) <= 10 for begin in times)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 50)), max_size=150))
def test_who_comes_late_with_an_early_time_gives_no_more_requests(
    comers: list[tuple[float, float]],
) -> None:
    """A sign-in reads the clock at its beginning, and needs keys when the provider has answered."""
    allowance, real, times = module._Allowance(), NOW, []
    for pause, needed in comers:
        real += pause
        if allowance.take(real - needed):
            times.append(real)
    # each was counted at a time of its own, at most 50 s earlier
    assert all(sum(begin <= each < begin + 60 for each in times) <= 15 for begin in times)


@pytest.mark.parametrize("back", [0.01, 1, 8, 30, 59])
def test_a_storm_with_times_in_disorder_is_the_same_storm(back: float) -> None:
    provider, keys = source(jwk())
    for number in range(1_000):
        with pytest.raises(OAuthError):
            keys.fitting("ES256", f"kid-{number}", NOW - (back if number % 2 else 0))
    assert len(provider.asked) <= 10


def test_a_clock_that_was_put_right_keeps_no_new_key_out() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW + 10**6)
    for number in range(10):
        with pytest.raises(OAuthError):
            keys.fitting("ES256", f"kid-{number}", NOW + 10**6)
    provider.keys = [jwk(kid="two")]
    with pytest.raises(OAuthError):
        keys.fitting("ES256", "two", NOW)
    assert keys.fitting("ES256", "two", NOW + PAUSE).kid == "two"


def test_a_storm_keeps_a_new_key_out_for_no_longer_than_a_pause() -> None:
    provider, keys = source(jwk())
    for number in range(1_000):
        with pytest.raises(OAuthError):
            keys.fitting("ES256", str(number), NOW)
    provider.keys = [jwk(), jwk(kid="two")]
    assert keys.fitting("ES256", "two", NOW + PAUSE).kid == "two"
    assert keys.fitting("ES256", "one", NOW + PAUSE).kid == "one"


def test_a_storm_does_not_touch_those_who_have_a_known_key() -> None:
    provider, keys = source(jwk())
    for number in range(100):
        with pytest.raises(OAuthError):
            keys.fitting("ES256", str(number), NOW)
    asked = len(provider.asked)
    assert keys.fitting("ES256", "one", NOW).kid == "one"
    assert len(provider.asked) == asked


# --- while the provider is down ------------------------------------------------------------------

DOWN = ProviderUnavailable("op.test gave no answer")


def test_old_keys_serve_on_while_the_provider_is_down() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.broken = DOWN
    for hours in range(1, 30):
        assert keys.fitting("ES256", "one", NOW + hours * 3_600).kid == "one"
    provider.broken = None
    provider.keys = [jwk(kid="two")]
    assert keys.fitting("ES256", "two", NOW + 30 * 3_600).kid == "two"


def test_a_provider_that_is_down_is_not_hammered_for_newer_keys() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.broken = DOWN
    for seconds in range(60):
        keys.fitting("ES256", "one", NOW + LIFETIME + seconds)
    assert len(provider.asked) <= 1 + 60 / PAUSE


def test_an_answer_that_is_no_jwks_leaves_the_old_keys() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.send = lambda request: response(b"<html>")  # type: ignore[method-assign]
    assert keys.fitting("ES256", "one", NOW + LIFETIME).kid == "one"


def test_an_unknown_name_while_the_provider_is_down_is_for_later() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    provider.broken = DOWN
    with pytest.raises(ProviderUnavailable):
        keys.fitting("ES256", "two", NOW + 1)
    assert keys.fitting("ES256", "one", NOW + 1).kid == "one"


def test_a_provider_that_never_answered_is_asked_seldom() -> None:
    provider, keys = source(jwk())
    provider.broken = DOWN
    for seconds in range(60):
        with pytest.raises(ProviderUnavailable):
            keys.fitting("ES256", "one", NOW + seconds)
    assert len(provider.asked) <= 10
    provider.broken = None
    assert keys.fitting("ES256", "one", NOW + 60).kid == "one"


def test_a_clock_that_was_far_ahead_makes_nothing_last() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW + 10**9)
    provider.keys = [jwk(kid="two")]
    with pytest.raises(OAuthError):
        keys.fitting("ES256", "one", NOW)


# --- many threads --------------------------------------------------------------------------------


def slowly(*keys: object) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        sends(json.dumps({"keys": list(keys)}).encode())(handler)

    return answer


def test_64_threads_ask_once() -> None:
    with party(jwks=slowly(jwk())) as here:
        keys = KeySource(Http(allow_loopback=True), here.url + "/jwks")
        found = outcomes(64, lambda _: keys.fitting("ES256", "one", NOW))
    assert (len(set(map(id, found))), len(here.seen)) == (1, 1)


def test_64_threads_with_a_new_key_ask_once_more() -> None:
    with party(jwks=slowly(jwk())) as here:
        keys = KeySource(Http(allow_loopback=True), here.url + "/jwks")
        keys.fitting("ES256", "one", NOW)
        here.answers["/jwks"] = slowly(jwk(kid="two"))
        found = outcomes(64, lambda _: keys.fitting("ES256", "two", NOW))
    assert ({each.kid for each in found}, len(here.seen)) == ({"two"}, 2)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_that_come_late_find_what_the_request_before_them_brought() -> None:
    """They looked before it ended, and go on after it."""
    for _ in range(100):
        provider, keys = source(jwk())
        keys.fitting("ES256", "one", NOW)
        provider.keys = [jwk(kid="two")]
        found = outcomes(16, lambda _: keys.fitting("ES256", "two", NOW))
        assert ({each.kid for each in found}, len(provider.asked)) == ({"two"}, 2)


def test_who_read_the_clock_a_little_earlier_than_another_does_not_ask_again() -> None:
    provider, keys = source(jwk())
    keys.fitting("ES256", "one", NOW)
    keys.fitting("ES256", "one", NOW - PAUSE)
    assert len(provider.asked) == 1


def test_64_threads_with_64_unknown_names_share_a_request() -> None:
    with party(jwks=slowly(jwk())) as here:
        keys = KeySource(Http(allow_loopback=True), here.url + "/jwks")
        keys.fitting("ES256", "one", NOW)
        found = outcomes(64, lambda number: keys.fitting("ES256", f"kid-{number}", NOW))
    assert all(isinstance(each, OAuthError) for each in found)
    assert len(here.seen) == 2


def test_who_has_a_key_does_not_wait_for_newer_ones() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow(Provider):
        def send(self, request: Outgoing) -> Incoming:
            answer = super().send(request)
            if len(self.asked) > 1:
                asked.set()
                go_on.wait(10)
            return answer

    keys = KeySource(Slow(jwk()), URI)
    keys.fitting("ES256", "one", NOW)
    later = NOW + LIFETIME
    renewing = threading.Thread(target=keys.fitting, args=("ES256", "one", later))
    renewing.start()
    assert asked.wait(10)
    began = time.monotonic()
    for _ in range(100):
        keys.fitting("ES256", "one", later)
    assert time.monotonic() - began < 1
    go_on.set()
    renewing.join()


# --- one request for all ------------------------------------------------------------------------


def test_a_call_whose_thread_was_lost_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork in the middle of a call leaves it without anybody who would end it."""
    monkeypatch.setattr("wsgi_auth.oauth.flight.PATIENCE", 0.1)
    flight: Flight[int] = Flight()
    go_on, began = threading.Event(), threading.Event()

    def never() -> int:
        began.set()
        go_on.wait(10)
        return 1

    lost = threading.Thread(target=flight.land, args=(never, lambda _: None))
    lost.start()
    assert began.wait(10)
    with pytest.raises(ProviderUnavailable, match="never came back"):
        flight.land(lambda: 2, lambda _: None)
    assert flight.land(lambda: 2, lambda _: None) == 2
    go_on.set()
    lost.join()
    assert flight.land(lambda: 3, lambda _: None) == 3


def test_what_a_call_raises_all_who_wait_for_it_raise() -> None:
    flight: Flight[int] = Flight()

    def fails() -> int:
        time.sleep(0.1)
        raise DOWN

    assert outcomes(8, lambda _: flight.land(fails, lambda _: None)) == [DOWN] * 8


@pytest.mark.parametrize("ending", [SystemExit, GeneratorExit, BaseException])
def test_what_ends_one_thread_ends_no_other(ending: type[BaseException]) -> None:
    """A server may end a request that takes too long by an exception that is no error."""
    flight: Flight[int] = Flight()
    began, go_on = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def broken_off() -> int:
        began.set()
        go_on.wait(10)
        raise ending

    def first() -> None:
        try:
            flight.land(broken_off, lambda _: None)
        except BaseException as error:
            ended.append(error)

    def late(is_under_way: bool) -> None:
        """Asked just before it is waited for."""
        assert is_under_way
        go_on.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert began.wait(10)
    with pytest.raises(ProviderUnavailable, match="broken off"):
        flight.land(lambda: 2, late)
    thread.join()
    assert [type(each) for each in ended] == [ending]
    assert flight.land(lambda: 3, lambda _: None) == 3
