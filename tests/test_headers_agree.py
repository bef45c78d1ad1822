"""The cache headers of an answer: the shortcut of ``start_response`` and the rule it stands for."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_auth import AuthMiddleware
from wsgi_auth.auth import Auth
from wsgi_auth.caching import GUARDED, NOBODYS, SOMEBODYS, UNHEARD, VARY_COOKIE, merged
from wsgi_auth.types import ANONYMOUS, Reading, Session

NAMES = [
    "Vary", "vary", "VARY", "Vari", "Date", "Cache-Control", "cache-control", "CACHE-CONTROL",
    "Last-Modified", "Accept-Ranges", "Set-Cookie", "Content-Type", "", "Vary ", "Cache_Control",
]  # fmt: skip
VALUES = [
    "Cookie", "cookie", "Accept, COOKIE", "*", "Accept", "Cookies", "X-Cookie", "", ",", "Accept,,cookie ",
    "private", "PRIVATE", "no-store", "public", "public, max-age=60", "s-maxage=60", "max-age=60, S-MaxAge=9",
    "no-cache", 'private="Set-Cookie"', 'private="a, no-store"', 'no-cache="private"', "must-revalidate",
    "public, private", 'no-cache="a, private, b"', 'public="x"', "max-age = 60", 'ext="a, public"',
]  # fmt: skip
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=6)
SOMEBODY = Reading(Session({"user": {"id": "ada"}}), {"sub": "ada"})
READINGS = {
    "guarded": (ANONYMOUS, GUARDED, ("Cache-Control", "no-store")),
    "guarded, somebody": (SOMEBODY, GUARDED, ("Cache-Control", "no-store")),
    "somebody": (SOMEBODY, SOMEBODYS, ("Cache-Control", "private")),
    "nobody": (ANONYMOUS, NOBODYS, None),
    "nobody, unheard": (ANONYMOUS, UNHEARD, None),
}


SITE = AuthMiddleware(print, secret="s" * 40, url="https://app.example.test").site


def sent(headers, reading, for_whom, pending=None):
    """What leaves by the handle's ``start_response``."""
    left = []
    handle = Auth()
    handle.environ, handle.reading, handle.pending, handle.site = {}, reading, pending, SITE
    handle.caching, handle.is_sent = for_whom, False
    handle.send = lambda status, headers: left.extend(headers)
    handle.start_response("200 OK", headers)
    return left


def directives(headers):
    """The Cache-Control of an answer as a cache reads it (RFC 9111 section 5.2): a list where each
    name may have a quoted value, which commas in it do not end."""
    text = ", ".join(value for name, value in headers if name.lower() == "cache-control")
    found, word, is_quoted = [], "", False
    for each in text + ",":
        if each == '"':
            is_quoted = not is_quoted
        if each == "," and not is_quoted:
            found.append(word.strip().lower())
            word = ""
        else:
            word += each
    return {each for each in found if each}


@pytest.mark.parametrize("kind", READINGS)
def test_start_response_sends_what_the_rule_says_and_changes_nothing_of_the_application(kind):
    reading, for_whom, caching = READINGS[kind]

    @settings(max_examples=300, deadline=None)
    @given(HEADERS)
    def agree(headers):
        given_before = list(headers)
        found = sent(headers, reading, for_whom)
        assert headers == given_before
        if caching is not None:
            assert sorted(found) == sorted(merged(headers, caching))
        elif for_whom is UNHEARD and VARY_COOKIE in headers:
            assert found == headers
        else:  # what the application says of Vary is not looked at
            assert found == [*headers, VARY_COOKIE]
        assert [each for each in found if each[0].lower() not in ("vary", "cache-control")] == [
            each for each in headers if each[0].lower() not in ("vary", "cache-control")
        ]
        varies = {
            word.strip().lower()
            for name, value in found
            if name.lower() == "vary"
            for word in value.split(",")
        }
        assert varies & {"cookie", "*"}  # R065

    agree()


@pytest.mark.parametrize("says_at", [None, 1, 999, 1_000, 1_001])
def test_where_the_first_answers_to_nobody_do_not_vary_by_themselves_nobody_looks_any_more(says_at):
    said = []

    def app(environ, start_response):
        said.append(environ)
        start_response("200 OK", [VARY_COOKIE] if len(said) == says_at else [])
        return []

    def lines():
        left = []
        wrapped({"PATH_INFO": "/"}, lambda status, headers: left.extend(headers))
        assert set(left) == {VARY_COOKIE}
        return len(left)

    wrapped = AuthMiddleware(app, secret="s" * 40, url="https://app.example.test", matcher=[])
    assert [at for at in range(1, 1_101) if lines() > 1] == ([1_001] if says_at == 1_001 else [])
    heard = says_at is not None and says_at <= 1_000
    assert wrapped.site.nobodys is (UNHEARD if heard else NOBODYS)
    says_at = len(said) + 1
    assert lines() == (1 if heard else 2)


@pytest.mark.parametrize("kind", ["guarded", "guarded, somebody", "somebody"])
def test_no_shared_cache_may_keep_an_answer_to_somebody(kind):
    """R065: whatever the application says of caching."""
    reading, for_whom, _ = READINGS[kind]

    @settings(max_examples=300, deadline=None)
    @given(HEADERS)
    @example([("Cache-Control", 'private="a, no-store, b"')])
    @example([("Cache-Control", 'no-cache="a, private, b"')])
    def kept_from_others(headers):
        assert directives(sent(headers, reading, for_whom)) & {"private", "no-store"}

    kept_from_others()


@pytest.mark.parametrize("kind", READINGS)
@pytest.mark.parametrize("pending", [None, ["a=b"]], ids=["nothing", "a cookie"])
@pytest.mark.parametrize(
    "given", [[], [("Vary", "Accept")], [("Content-Type", "text/plain"), ("Cache-Control", "public")]],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("make", [tuple, iter, lambda found: (each for each in found)],
                         ids=["tuple", "iterator", "generator"])  # fmt: skip
def test_headers_that_are_no_list_are_sent_all_the_same(make, given, pending, kind):
    """PEP 3333 wants a list, and not every application has read it."""
    reading, for_whom, _ = READINGS[kind]
    assert sent(make(given), reading, for_whom, pending) == sent(given, reading, for_whom, pending)
