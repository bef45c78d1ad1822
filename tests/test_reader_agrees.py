"""The reader's shortcuts against the long way: whatever a Cookie header is made of, one answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import OTHER_SECRET, config
from wsgi_auth import CookieSessionReader, Then
from wsgi_auth.sessions import strategy_for
from wsgi_auth.types import ANONYMOUS

NOW = 1_800_000_000
DAY = 86_400
OPTIONS = {
    "cookie": {"session": {"strategy": "cookie"}},
    "jwt": {"session": {"strategy": "jwt"}},
    "cookie of another name": {"cookies": {"session": {"name": "a"}}},
}


def written(user: str, now: int, **options) -> str:
    claims = {"sub": user, "auth_time": now, "sid": user * 8}
    return strategy_for(config(**options)).save(claims, now).value


def pieces(options) -> list[str]:
    """What a header is made of: names and what looks like them, values and what looks like them."""
    cookie = config(**options).cookies.session
    name, older = cookie.name, cookie.older or "older"
    good, other = written("ada", NOW, **options), written("bob", NOW, **options)
    values = [
        good, other, good[:-1], good + "x", good + "=", f'"{good}"', f'"{good}', f'{good}"', "junk", "",
        written("old", NOW - 31 * DAY, **options), written("due", NOW - 2 * DAY, **options),
        written("eve", NOW, **{**options, "secret": OTHER_SECRET}),
    ]  # fmt: skip
    chunks = [
        f"{name}{piece}" for piece in (f".0=1~{other}", ".0=2~" + other[:9], ".1=" + other[9:])
    ]
    chunks += [f"{name}.0={other}", f"{older}.0={other[:40]}", f"{older}.1={other[40:]}"]
    names = [name, older, f"x{name}", name[:-1], name[1:], f"{name}x", name.upper(), f"{name}.00"]
    return [
        *values, *chunks, *names, *(f"{each}={value}" for each in (name, older) for value in values),
        "=", ";", "; ", ",", ", ", "\t", " ", '"', ".", ".0", "~", "a=b", "\xff", "\x00", "\\",
    ]  # fmt: skip


def told(reading) -> tuple:
    return reading.session, reading.claims, reading.then, reading.names


PIECES = {kind: pieces(options) for kind, options in OPTIONS.items()}


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_shortcut_of_the_reader_and_its_long_way_agree_on_every_header(kind):
    reader = CookieSessionReader(config(**OPTIONS[kind]))

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(st.sampled_from(PIECES[kind]), min_size=1, max_size=8), st.sampled_from(["", "; "])
    )
    def agree(parts, between):
        header = between.join(parts)
        environ = {"HTTP_COOKIE": header}
        long_way = told(reader._read(header, environ, NOW + 9))
        for _ in range(3):  # unknown, seen once, remembered
            assert told(reader.read(environ, NOW + 9)) == long_way
        if not header or reader.mark not in header:
            assert long_way == told(ANONYMOUS)

    agree()


@pytest.mark.parametrize("kind", OPTIONS)
def test_what_those_headers_are_made_of_has_every_outcome(kind):
    reader = CookieSessionReader(config(**OPTIONS[kind]))
    found = [reader.read({"HTTP_COOKIE": each}, NOW + 9) for each in PIECES[kind]]
    assert {each.then for each in found} == set(Then)
    assert {each.subject for each in found} == {"ada", "bob", "due", None}
