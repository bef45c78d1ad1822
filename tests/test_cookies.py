"""Cookies as text: one's own found in any header, cut and joined at any size, written exactly."""

from __future__ import annotations

import http.cookiejar
import random
import time
import urllib.request
from email.message import Message
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webob import Request
from webob.cookies import _valid_cookie_name as valid_cookie_name

from wsgi_auth import cookies
from wsgi_auth.cookies import (
    MAX_CHUNKS,
    MAX_COOKIE,
    MAX_HEADER,
    CookieFormat,
    cut,
    find,
    join,
    values,
)
from wsgi_auth.types import webob_request

NAME = "__Host-auth.session-token"

FINDS = [
    ("", []),
    (f"{NAME}=v", ["v"]),
    (f"a=1; {NAME}=v; b=2", ["v"]),
    (f"a=1;{NAME}=v;b=2", ["v"]),
    (f"a=1, {NAME}=v", ["v"]),  # joined by the server
    (f"{NAME}=v ; b=2", ["v"]),
    (f"{NAME}=", [""]),
    (f"{NAME}=one; {NAME}=two", ["one", "two"]),
    (f"{NAME}==", ["="]),
    (f"x{NAME}=v", []),
    (f"{NAME}x=v", []),
    (f"{NAME}.0=v", []),
    (f"{NAME.lower()}=v", []),
    (f"{NAME.upper()}=v", []),
    (NAME, []),
    (f"{NAME} =v", []),
    (f"a={NAME}=v", []),  # the value of another cookie
    (f"a={NAME}=v; {NAME}=w", ["w"]),
    (f'a="; {NAME}=v', ["v"]),
    (f"\t{NAME}=v", ["v"]),
    (f"\x0b{NAME}=v", []),
    (f"\xa0{NAME}=v", []),
]


@pytest.mark.parametrize(("header", "expected"), FINDS)
def test_a_cookie_is_found_by_its_exact_name_R002(header, expected):
    assert values(header, NAME) == expected


@pytest.mark.alone
@pytest.mark.parametrize(
    "filler",
    ["a", ";", ", ", "=", '"', "\\", NAME, f"{NAME}=", f"{NAME}.", f"{NAME}.1=", f"; {NAME}.0=24~"],
)
def test_a_long_header_costs_in_proportion_to_its_length_R007(filler):
    def cost(size: int) -> float:
        header = (filler * (size // len(filler) + 1))[:size]
        begun = time.thread_time()
        for _ in range(3):
            values(header, NAME)
            join(find(header, NAME))
            cookies.names(find(header, NAME), NAME)
        return time.thread_time() - begun

    cost(8_000)
    # linear is 8 times as much, quadratic 64 times; a busy machine makes either look a bit worse
    assert min(cost(64_000) / max(cost(8_000), 1e-6) for _ in range(5)) < 32


def test_a_header_beyond_what_servers_pass_is_not_looked_at_R007():
    assert values("x" * MAX_HEADER + f"; {NAME}=v", NAME) == []
    assert find("x" * MAX_HEADER + f"; {NAME}.0=1~v", NAME) == []
    assert values("x" * (MAX_HEADER - 40) + f"; {NAME}=v", NAME) == ["v"]


@given(st.text(max_size=300), st.text(max_size=300))
def test_finding_never_raises_and_a_clean_neighbourhood_hides_nothing(before, after):
    for text in (before, after):
        values(text, NAME)
        join(find(text, NAME))
        cookies.names(find(text, NAME), NAME)
    if NAME not in before + after:
        assert values(f"{before}; {NAME}=v; {after}", NAME) == ["v"]


ROOM = MAX_COOKIE - len(NAME)
SIZES = [0, 1, 100, ROOM - 1, ROOM, ROOM + 1, 2 * ROOM, 8_000, 20_000, 32_000, 90_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ["as sent", "reversed", "shuffled"])
def test_a_value_of_any_size_comes_back_in_any_order_R004(size, order):
    value = "".join(chr(97 + index % 26) for index in range(size))
    pieces = cut(NAME, value)
    assert all(len(name) + len(piece) <= MAX_COOKIE for name, piece in pieces)
    assert (len(pieces) == 1) == (size <= ROOM)
    if order == "reversed":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(size).shuffle(pieces)
    header = "; ".join(f"{name}={piece}" for name, piece in pieces)
    found = values(header, NAME) + join(find(header, NAME))
    assert found == [value]


@given(st.integers(0, 30_000), st.integers(60, 4_000))
@settings(max_examples=60, deadline=None)
def test_cut_and_join_are_inverse_at_every_limit_R004(size, limit):
    value = "v" * size
    try:
        pieces = cut(NAME, value, limit)
    except ValueError:
        assert size > (MAX_CHUNKS - 1) * (limit - len(NAME) - 8)
        return
    header = ", ".join(f"{name}={piece}" for name, piece in pieces)
    assert all(len(name) + len(piece) <= limit for name, piece in pieces)
    assert values(header, NAME) + join(find(header, NAME)) == [value]


def test_exact_multiples_of_a_chunk_leave_no_empty_chunk_R004():
    room = MAX_COOKIE - len(NAME) - len(".00") - len("00~")
    for count in (2, 3, 24):
        pieces = cut(NAME, "v" * room * count)
        assert len(pieces) == count and all(piece for _, piece in pieces)
    with pytest.raises(ValueError, match="do not fit into 24 cookies"):
        cut(NAME, "v" * (room * 24 + 1))


CHUNKED = [
    ("complete", {0: ["2~a"], 1: ["b"]}, ["ab"]),
    ("the rest missing", {0: ["2~a"]}, []),
    ("the first missing", {1: ["b"]}, []),
    ("a left-over of a longer value", {0: ["2~a"], 1: ["b"], 2: ["old"]}, ["ab"]),
    ("no count", {0: ["a"], 1: ["b"]}, []),
    ("a count that is no number", {0: ["x~a"], 1: ["b"]}, []),
    ("a count in other digits", {0: ["²~a"], 1: ["b"]}, []),
    ("a count too long", {0: ["002~a"], 1: ["b"]}, []),
    ("a count of none", {0: ["0~a"]}, ["a"]),
    ("each twice", {0: ["2~a", "2~c"], 1: ["b", "d"]}, ["ab", "cd"]),
    ("the same twice", {0: ["2~a", "2~a"], 1: ["b", "b"]}, ["ab"]),
]


@pytest.mark.parametrize(
    ("found", "expected"), [case[1:] for case in CHUNKED], ids=[case[0] for case in CHUNKED]
)
def test_only_complete_sets_of_chunks_are_joined_R004(found, expected):
    pieces = [(number, value) for number, values in found.items() for value in values]
    assert join(pieces) == expected


def test_the_number_of_values_that_chunks_may_mean_is_bounded_R007():
    header = "; ".join(f"{NAME}.{number}={copy}" for number in range(24) for copy in range(40))
    assert len(join(find(header, NAME))) <= 2


@pytest.mark.parametrize("number", ["00", "01", "100", "-1", "+1", "1x", "x", "", "1.0"])
def test_a_name_that_is_no_chunk_is_none(number):
    assert find(f"{NAME}.{number}=v", NAME) == []


FORMATS = [
    (CookieFormat(NAME, True), "Path=/; HttpOnly; SameSite=Lax; Secure"),
    (CookieFormat("n", False), "Path=/; HttpOnly; SameSite=Lax"),
    (
        CookieFormat("n", True, "/app", "example.test", "Strict"),
        "Path=/app; Domain=example.test; HttpOnly; SameSite=Strict; Secure",
    ),
]


@pytest.mark.parametrize(("cookie", "attributes"), FORMATS)
def test_a_removal_repeats_the_attributes_R012(cookie, attributes):
    assert cookie.set("v", 60) == [f"{cookie.name}=v; Max-Age=60; {attributes}"]
    assert cookie.set("v") == [f"{cookie.name}=v; {attributes}"]
    assert cookie.remove([cookie.name]) == [f"{cookie.name}=; Max-Age=0; {attributes}"]


def test_what_a_new_value_no_longer_uses_is_deleted_R005():
    cookie = CookieFormat("n", True)
    written = cookie.replace("v", 60, ("n.0", "n.1", "n"))
    assert [line.partition(";")[0] for line in written] == ["n=v", "n.0=", "n.1="]
    grown = cookie.replace("v" * 5_000, 60, ("n",))
    assert [line.partition("=")[0] for line in grown] == ["n.0", "n.1", "n"]


class _Response:
    def __init__(self, lines: list[str]) -> None:
        self._message = Message()
        for line in lines:
            self._message["Set-Cookie"] = line

    def info(self) -> Message:
        return self._message


def test_the_standard_librarys_jar_is_empty_after_a_removal_R012():
    jar = http.cookiejar.CookieJar()
    here = urllib.request.Request("https://app.example.test/auth/signout")
    cookie = CookieFormat("n", True)
    jar.extract_cookies(_Response(cookie.set("v" * 9_000, 60)), here)  # type: ignore[arg-type]
    assert len(jar) == 3
    jar.extract_cookies(_Response(cookie.remove(["n.0", "n.1", "n.2"])), here)  # type: ignore[arg-type]
    assert len(jar) == 0


# --- a callback's request -----------------------------------------------------------------------


def asked(header: str) -> Any:
    """The cookies as a callback of the application reads them."""
    return webob_request({**Request.blank("/").environ, "HTTP_COOKIE": header}).cookies


READ = {
    "": {},
    "tenant=acme": {"tenant": "acme"},
    "a=1; tenant=acme;b=": {"a": "1", "tenant": "acme", "b": ""},
    "a=1, tenant=acme": {"a": "1", "tenant": "acme"},
    'tenant="acme; inc\\054\\303\\251"; a=1': {"tenant": "acme; inc,é", "a": "1"},
    "tenant=one; tenant=two": {"tenant": "two"},
    "tenant = acme": {"tenant": "acme"},
    # what other software wrote is no fault of ours
    "x=\xff; tenant=acme": {"x": "\ufffd", "tenant": "acme"},
    "x; tenant=acme; =y; \xe9=z": {"tenant": "acme"},
    'x="; tenant=acme': {"tenant": "acme", "x": ""},
}


@pytest.mark.parametrize(("header", "found"), READ.items(), ids=range(len(READ)))
def test_a_callback_reads_cookies_whatever_others_are_beside_them_R006(header, found):
    assert asked(header) == found


NAMES = st.text(st.sampled_from("abcXYZ019-_.!"), min_size=1, max_size=9).filter(
    lambda name: valid_cookie_name(name.encode())
)


@pytest.mark.filterwarnings("ignore:Cookie value contains invalid bytes")
@given(st.dictionaries(NAMES, st.text(max_size=20), max_size=5))
def test_a_callback_reads_what_webob_writes(wanted):
    request = Request.blank("/")
    for name, value in wanted.items():
        request.cookies[name] = value
    assert asked(request.environ.get("HTTP_COOKIE", "")) == wanted


def test_a_callback_may_make_a_request_with_cookies_of_its_own():
    request = webob_request(Request.blank("/").environ)
    request.cookies = {"a": "1"}
    assert request.cookies == {"a": "1"}
    assert type(request).blank("/", cookies={"b": "2"}).cookies == {"b": "2"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a=%ff&tenant=acme", {"a": "\ufffd", "tenant": "acme"}),
        ("%ff=1&tenant=acme", {"\ufffd": "1", "tenant": "acme"}),
        ("a=\xff&tenant=acme", {"a": "\ufffd", "tenant": "acme"}),
        ("a=\xc3\xa9+%C3%A9", {"a": "é é"}),
        ("a=\u017f", {"a": "?"}),  # no server can send that
        (None, {}),
    ],
)
def test_a_callback_reads_the_query_whatever_others_are_beside_it(query, found):
    request = webob_request({**Request.blank("/").environ, "QUERY_STRING": query})
    assert request.GET.mixed() == request.params.mixed() == found


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=5))
def test_a_callback_reads_the_query_that_webob_reads_as_webob_does(pairs):
    query = urlencode(pairs, errors="replace")
    environ = {**Request.blank("/").environ, "QUERY_STRING": query}
    assert list(webob_request(environ).GET.items()) == list(Request(dict(environ)).GET.items())


@pytest.mark.alone
@pytest.mark.parametrize(
    "filler", ["a", "a=", 'a="', "; ", ";a", ';a="', ";a=\\", 'a="\\"', "=", ",", " ", "a "]
)
def test_a_callback_that_reads_a_cookie_is_slow_for_nobody_R007(filler):
    header = (filler * 60_000)[:60_000] + "; tenant=acme"
    began = time.process_time()
    asked(header).get("tenant")
    assert time.process_time() - began < 0.2
