"""The readings of a path."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data_matcher import MUST_PASS, MUST_PROTECT, PUBLIC
from wsgi_auth.paths import affordable_readings, is_plain, readings

PATHS = st.text(
    st.sampled_from("/ab.\\;%2eE5c#?\n\x00\xff\xc3\xa9é\u0100\ud800\udcff:"), max_size=30
)


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a/b.c/d..e", "/a b", "/~x/@y:z,(1)[2]|"])
def test_a_plain_path_has_one_reading(path):
    assert is_plain(path)
    assert readings(path) == (path,)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "//",
        "/a//b",
        "/.a",
        "/a/.",
        "/a;b",
        "/a\\b",
        "/%41",
        "/a#",
        "/a?",
        "/a\n",
        "/\x7f",
        "/\xe9",
    ],
)
def test_a_path_with_anything_dangerous_is_not_plain(path):
    assert not is_plain(path)


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        ("", "/"),
        ("admin", "/admin"),
        ("//a///b", "/a/b"),
        ("/x/../a", "/a"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/../../a", "/a"),
        ("/x//../a", "/a"),
        ("/x//../a", "/x/a"),
        ("/caf\xc3\xa9", "/café"),
        ("/adm\xffin", "/admin"),
        ("/adm\xffin", "/adm\ufffdin"),
        ("/adm\xffin", "/admÿin"),
        ("/adm\udcffin", "/admin"),
        ("/a\n", "/a"),
        ("/a#b?c", "/a"),
        ("/a?b#c", "/a?b"),
        ("/a\x00b", "/a"),
        ("\\x\\..\\a", "/a"),
        ("/a;b=c/d;e", "/a/d"),
        ("/%61", "/a"),
        ("/%2561", "/%61"),
        ("/x%2f..%2fa", "/a"),
        ("http://host/a", "/a"),
        ("//host/a", "/a"),
        ("///host/a", "/a"),
        ("http:///host/a", "/a"),
        ("/\\//host/a", "/a"),
        ("/x/..;y/\xffa\n", "/a"),
    ],
)
def test_a_path_is_read_in_each_way_that_some_program_reads_it(path, reading):
    assert reading in readings(path)


def test_a_valid_utf8_path_is_not_read_as_latin_1():
    assert readings("/caf\xc3\xa9") == ("/café",)


def test_what_decoding_leaves_is_decoded_once_and_no_further():
    assert "/a" not in readings("/%2561")


def test_the_path_as_it_stands_comes_first():
    assert readings("/a;b/../c\n")[0] == "/a;b/../c\n"


@given(st.text() | PATHS)
def test_no_text_whatever_makes_it_raise(path):
    assert readings(path)
    assert affordable_readings(path) in (readings(path), None)


@given(st.text() | PATHS)
def test_there_is_always_a_reading_without_empty_segments(path):
    found = readings(path)
    rooted = [text for text in found if text.startswith("/") and "//" not in text]
    assert rooted
    for text in found:
        if "//" in text:
            assert re.sub("//+", "/", text if text[0] == "/" else f"/{text}") in rooted


@given(st.text() | PATHS)
def test_readings_do_not_repeat(path):
    assert len(set(readings(path))) == len(readings(path))


@given(PATHS)
def test_a_plain_path_would_have_no_other_reading_on_the_long_way_either(path):
    if is_plain(path):
        assert readings(path + "\n") == (path + "\n", path)


ODDEST = "/a;b\\..\\c#d?e\x01\xff%41//.."


def test_the_number_of_readings_does_not_grow_with_the_path():
    few, many = (len(readings(ODDEST * times)) for times in (20, 400))
    assert many <= few + 20
    assert many < 400


def test_a_path_too_long_and_too_odd_is_given_up():
    assert affordable_readings(ODDEST) is not None
    assert affordable_readings(ODDEST * 400) is None
    assert affordable_readings("//" + "a" * 100_000) is None


def test_a_long_plain_path_is_read():
    path = "/a" * 50_000
    assert affordable_readings(path) == (path,)


@pytest.mark.parametrize("path", [*MUST_PROTECT, *MUST_PASS, *PUBLIC])
def test_no_case_of_the_tables_is_too_odd(path):
    assert affordable_readings(path) == readings(path)
