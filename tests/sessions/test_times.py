"""One rule of a session's times, whatever the strategy (R021, R022, R030): ``life.times`` says it,
and those that read cookies, where speed counts, say it again."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_auth.adapters import connect
from wsgi_auth.config.parts import SessionOptions
from wsgi_auth.jwe import JWECodec
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.sessions.cookie import CookieStrategy
from wsgi_auth.sessions.database import NOWHERE, DatabaseStrategy, hashed, written
from wsgi_auth.sessions.jwt import TOLERANCE, JWTStrategy
from wsgi_auth.sessions.life import MAX_TIME, SKEW, is_fresh, times
from wsgi_auth.tokens import SignedCodec

NOW = 1_800_000_000
DAY = 86_400
SECRETS = [b"a secret of more than thirty-two bytes, for tests only"]
SIGNED = SignedCodec(SECRETS, "times")
SEALED = JWECodec(SECRETS, "times")
QUIET = logging.getLogger("tests.quiet")
QUIET.propagate = False
QUIET.addHandler(logging.NullHandler())

#: Either side of every limit that there is.
EDGES = [0, SKEW, TOLERANCE, 3_600, DAY, 2 * DAY, 30 * DAY, 366 * DAY]
MOMENTS = st.one_of(
    st.sampled_from(
        [NOW + sign * edge + off for edge in EDGES for sign in (1, -1) for off in (-1, 0, 1)]
        + [-1, 0, 1, MAX_TIME - 1, MAX_TIME, 10**30, -(10**30)]
    ),
    st.integers(NOW - 40 * DAY, NOW + 40 * DAY),
)
NONE_AT_ALL = st.sampled_from([True, False, None, "", str(NOW), float(NOW), 1e300, [NOW], {}])
TIMES = st.one_of(MOMENTS, MOMENTS, MOMENTS, NONE_AT_ALL)
AGES = st.one_of(
    st.sampled_from([0, -1, 1, 2, 3, 3_600, DAY, 366 * DAY, 366 * DAY + 1, 10**30]), NONE_AT_ALL
)
CLAIMS = st.fixed_dictionaries(
    {"sub": st.just("ada")},
    optional={"iat": TIMES, "exp": TIMES, "auth_time": TIMES, "max_age": AGES},
)
OPTIONS = st.builds(
    SessionOptions,
    max_age=st.sampled_from([3_600, DAY, 30 * DAY]),
    update_age=st.sampled_from([0, 1, 600, 3_599, DAY - 1]),
    absolute_age=st.sampled_from([None, DAY, 30 * DAY]),
)
USUAL = {"sub": "ada", "iat": NOW, "exp": NOW + 10 * DAY, "auth_time": NOW}


def stored(found: Any) -> tuple[float, float] | None:
    return None if found is None else (found.renew_at, found.ends_at)


def as_list(claims: dict[str, Any]) -> list[Any]:
    """These claims as the cookie has them, whatever they are."""
    names = ("iat", "exp", "sub", "name", "email", "picture", "sid", "auth_time", "provider",
             "email_verified")  # fmt: skip
    rest = {name: claims[name] for name in claims if name not in names}
    return [*map(claims.get, names), rest or None]


@settings(deadline=None)
@given(CLAIMS, OPTIONS)
@example(USUAL, SessionOptions(max_age=10 * DAY, update_age=9 * DAY))
@example({**USUAL, "role": "editor"}, SessionOptions(max_age=10 * DAY, update_age=9 * DAY))
@example({**USUAL, "max_age": 100}, SessionOptions())
@example({**USUAL, "exp": NOW}, SessionOptions(absolute_age=DAY))
@example({**USUAL, "exp": NOW + 30 * DAY}, SessionOptions(absolute_age=30 * DAY))
@example({**USUAL, "iat": NOW + SKEW}, SessionOptions())
@example({**USUAL, "iat": NOW + SKEW + 1}, SessionOptions())
@example({**USUAL, "exp": MAX_TIME - 1}, SessionOptions())
def test_every_strategy_judges_the_times_of_a_session_alike(
    claims: dict[str, Any], options: SessionOptions
) -> None:
    said = times(claims, NOW, options)
    cookie = CookieStrategy(SIGNED, options)
    assert stored(cookie.load(SIGNED.encode(claims), NOW)) == said
    assert stored(cookie.load(SIGNED.encode(as_list(claims)), NOW)) == said
    if "iat" in claims:  # Auth.js's may leave it out
        jwt = JWTStrategy(SEALED, options, QUIET)
        found = stored(jwt.load(SEALED.encode(claims), NOW))
        assert found == (None if said is None else lenient(claims, said, options))
    if type(claims.get("exp")) is int:
        assert stored(from_a_store(claims, options)) == said


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({}, (NOW + 100, NOW + DAY)),
        ({"iat": NOW + SKEW}, (NOW + SKEW + 100, NOW + DAY)), ({"iat": NOW + SKEW + 1}, None),
        ({"iat": 0}, (100, NOW + DAY)), ({"iat": -1}, None), ({"iat": True}, None),
        ({"exp": 0}, (NOW + 100, 0)), ({"exp": -1}, None), ({"exp": True}, None),
        ({"exp": MAX_TIME - 1}, (NOW + 100, NOW + 2 * DAY)), ({"exp": MAX_TIME}, None),
        ({"auth_time": NOW - DAY - 1}, (NOW + 100, NOW + DAY - 1)),
        ({"auth_time": NOW + SKEW, "exp": MAX_TIME - 1}, (NOW + 100, NOW + SKEW + 2 * DAY)),
        ({"auth_time": NOW + SKEW + 1}, None), ({"auth_time": 0}, (NOW + 100, 2 * DAY)),
        ({"auth_time": -1}, None), ({"auth_time": True}, None), ({"auth_time": None}, None),
        ({"max_age": 50}, (NOW + 25, NOW + DAY)), ({"max_age": 2_000}, (NOW + 100, NOW + DAY)),
        ({"max_age": 1}, (NOW, NOW + DAY)), ({"max_age": 0}, (NOW + 100, NOW + DAY)),
        ({"max_age": True}, (NOW + 100, NOW + DAY)),
    ],
    ids=str,
)  # fmt: skip
def test_either_side_of_every_limit_of_a_sessions_times(
    odd: dict[str, Any], said: tuple[int, int] | None
) -> None:
    options = SessionOptions(max_age=30 * DAY, update_age=100, absolute_age=2 * DAY)
    claims = {**USUAL, "exp": NOW + DAY, **odd}
    assert times(claims, NOW, options) == said
    for content in (claims, as_list(claims)):
        assert stored(CookieStrategy(SIGNED, options).load(SIGNED.encode(content), NOW)) == said
    found = stored(JWTStrategy(SEALED, options, QUIET).load(SEALED.encode(claims), NOW))
    assert found == (None if said is None else lenient(claims, said, options))


@pytest.mark.parametrize(
    ("own", "absolute_age", "lives"),
    [
        ({}, None, DAY), ({"max_age": 50}, None, 50), ({"max_age": 366 * DAY}, None, 366 * DAY),
        ({"max_age": 366 * DAY + 1}, None, DAY), ({"max_age": 0}, None, DAY),
        ({"max_age": True}, None, DAY), ({"auth_time": NOW - DAY}, None, DAY),
        ({}, 2 * DAY, DAY), ({"auth_time": NOW - 2 * DAY + 5}, 2 * DAY, 5),
        ({"auth_time": NOW - 2 * DAY + 5, "max_age": 366 * DAY}, 2 * DAY, 5),
        ({"max_age": 3 * DAY}, 2 * DAY, 2 * DAY), ({"max_age": 50}, 2 * DAY, 50),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_written_says_itself_when_it_ends(
    own: dict[str, Any], absolute_age: int | None, lives: int
) -> None:
    options = SessionOptions(max_age=DAY, update_age=100, absolute_age=absolute_age)
    for strategy in (CookieStrategy(SIGNED, options), JWTStrategy(SEALED, options, QUIET)):
        claims = strategy.save({"sub": "ada", "auth_time": NOW, **own}, NOW + 0.9).claims
        assert (claims["iat"], claims["exp"]) == (NOW, NOW + lives)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"auth_time": NOW}, True), ({"auth_time": NOW - 899}, True),
        ({"auth_time": NOW - 900}, False), ({"auth_time": NOW + SKEW}, True),
        ({"auth_time": NOW + SKEW + 1}, False),
        ({"auth_time": 1_000 * NOW}, False),  # milliseconds, as JavaScript has them
        ({"auth_time": NOW, "proved_at": NOW - 900}, False),
        ({"auth_time": NOW - 900, "proved_at": NOW}, False),
        ({"auth_time": NOW, "proved_at": 1_000 * NOW}, True),
        ({}, False), ({"auth_time": None}, False), ({"auth_time": True}, False),
        ({"auth_time": str(NOW)}, False), ({"auth_time": float(NOW)}, False),
        ({"proved_at": NOW}, False), ({"auth_time": NOW, "proved_at": str(NOW)}, False),
        ({"auth_time": NOW, "proved_at": None}, False), ({"auth_time": NOW, "proved_at": 0}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_sign_in_is_fresh_for_so_long_and_one_that_is_yet_to_come_never(claims, said):
    assert is_fresh(claims, 900, NOW) is said


def lenient(
    claims: dict[str, Any], said: tuple[float, float], options: SessionOptions
) -> tuple[float, float]:
    """As Auth.js is with ``exp``; a life that is limited from the sign-in on has no such grace."""
    renew_at, _ = said
    ends: int = claims["exp"] + TOLERANCE
    if options.absolute_age is not None:
        ends = min(ends, claims["auth_time"] + options.absolute_age)
    return renew_at, ends


def from_a_store(claims: dict[str, Any], options: SessionOptions) -> Any:
    store, value = connect("memory:"), "v" * 43
    store.create_user(UserRecord("ada"))
    data = written(claims, NOWHERE)
    store.create_session(SessionRecord(hashed(value), "ada", claims["exp"], data))
    return DatabaseStrategy(store, options).load(value, NOW)


@settings(deadline=None)
@given(CLAIMS, OPTIONS, st.sampled_from([0, 1, SKEW, 3_600, DAY, 29 * DAY, 30 * DAY, 400 * DAY]))
def test_what_is_a_session_has_an_end_that_no_renewal_puts_off_for_ever(
    claims: dict[str, Any], options: SessionOptions, later: int
) -> None:
    said = times(claims, NOW, options)
    if said is None:
        return
    renew_at, ends = said
    issued, began, own = claims["iat"], claims.get("auth_time"), claims.get("max_age")
    assert issued <= renew_at <= issued + options.update_age
    assert ends <= claims["exp"]
    if options.absolute_age is None:
        began = issued
    else:
        assert ends <= began + options.absolute_age
    now = NOW + later
    if now >= ends:
        return
    # what any strategy writes of it is again a session, and has no longer life than it may
    strategy = CookieStrategy(SIGNED, options)
    again = strategy.save({**claims, "auth_time": began}, now)
    assert json.loads(json.dumps(again.claims)) == again.claims
    found = times(again.claims, now, options)
    assert found is not None
    longest = own if type(own) is int and 0 < own <= 366 * DAY else options.max_age
    assert found[1] <= now + longest
    if options.absolute_age is not None:
        assert found[1] <= began + options.absolute_age
        assert again.claims["exp"] <= began + options.absolute_age
