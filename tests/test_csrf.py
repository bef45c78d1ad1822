"""CSRF tokens: of this browser and this session, and no other (R067, R068)."""

from __future__ import annotations

import pytest

from wsgi_auth.csrf import CSRF, same_origin

KEY, OTHER = b"k" * 40, b"o" * 40
BROWSER, ELSEWHERE = "b" * 32, "e" * 32
ALICE, BOB = {"sub": "alice", "sid": "1"}, {"sub": "bob", "sid": "2"}


def test_a_token_is_valid_in_its_browser_and_session_only():
    csrf = CSRF([KEY], "name")
    for claims in (None, ALICE):
        token = csrf.token(BROWSER, claims)
        assert csrf.valid(token, BROWSER, claims)
        assert not csrf.valid(token, ELSEWHERE, claims)
        assert not csrf.valid(token, BROWSER, BOB)
    assert not csrf.valid(csrf.token(BROWSER, None), BROWSER, ALICE)
    assert csrf.token(BROWSER, None) != csrf.token(BROWSER, None)


SESSIONS = [None, ALICE, BOB, {"sub": "alice", "sid": "3"}, {"sub": "alice"}, {"sub": "bob"}]


@pytest.mark.parametrize("claims", SESSIONS, ids=str)
def test_a_token_is_of_one_session_and_of_its_user_where_the_session_has_no_name(claims):
    csrf = CSRF([KEY], "name")
    token = csrf.token(BROWSER, claims)
    assert [csrf.valid(token, BROWSER, other) for other in SESSIONS] == [
        other == claims for other in SESSIONS
    ]


def test_no_part_of_a_token_serves_for_another_nor_without_a_browser():
    csrf = CSRF([KEY], "name")
    (one, mac), (other, _) = (csrf.token(BROWSER, ALICE).split(".") for _ in range(2))
    assert csrf.valid(f"{one}.{mac}", BROWSER, ALICE)
    assert not csrf.valid(f"{other}.{mac}", BROWSER, ALICE)
    assert not csrf.valid(csrf.token("", ALICE), "", ALICE)
    token = csrf.token(BROWSER, ALICE)
    assert not csrf.valid(token, "\ud800", ALICE)
    # what stands at the end of the one is not taken for the start of the other
    moved = csrf.token(f"{BROWSER}1", {"sub": "", "sid": "23"})
    assert not csrf.valid(moved, f"{BROWSER}12", {"sub": "", "sid": "3"})


def test_a_token_survives_the_rotation_of_the_secret():
    token = CSRF([KEY], "name").token(BROWSER, ALICE)
    assert CSRF([OTHER, KEY], "name").valid(token, BROWSER, ALICE)
    assert not CSRF([OTHER], "name").valid(token, BROWSER, ALICE)
    assert not CSRF([KEY], "other name").valid(token, BROWSER, ALICE)


@pytest.mark.parametrize(
    "token", [None, "", ".", "a.b", 1, ["x"], {"x": 1}, "ü.ü", "x" * 100_000, "\ud800.\ud800"]
)
def test_no_odd_token_raises_or_passes(token):
    """R023."""
    assert not CSRF([KEY], "name").valid(token, BROWSER, None)
    assert not CSRF([KEY], "name").valid(token, "", None)


URL = ("https://app.example.test",)


@pytest.mark.parametrize(
    ("environ", "origins", "same"),
    [
        ({}, URL, True),
        ({"HTTP_ORIGIN": "https://app.example.test"}, URL, True),
        ({"HTTP_ORIGIN": "https://app.example.test:444"}, URL, False),
        ({"HTTP_ORIGIN": "http://app.example.test"}, URL, False),
        ({"HTTP_ORIGIN": "null"}, URL, False),
        ({"HTTP_ORIGIN": "https://evil.test"}, URL, False),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, URL, True),
        ({"HTTP_SEC_FETCH_SITE": "none"}, URL, True),
        ({"HTTP_SEC_FETCH_SITE": ""}, URL, False),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, URL, False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, URL, False),
        ({"HTTP_SEC_FETCH_SITE": "Same-Origin"}, URL, False),
        ({"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "https://evil.test"}, URL, False),
        ({"HTTP_ORIGIN": "https://a.test", "HTTP_HOST": "a.test"}, (), True),
        ({"HTTP_ORIGIN": "https://a.test", "HTTP_HOST": "A.test"}, (), True),
        ({"HTTP_ORIGIN": "https://A.test", "HTTP_HOST": "a.test"}, (), True),
        ({"HTTP_ORIGIN": "https://a.test:8443", "HTTP_HOST": "a.test"}, (), False),
        ({"HTTP_ORIGIN": "https://evil.test", "HTTP_HOST": "a.test"}, (), False),
        ({"HTTP_ORIGIN": "https://[", "HTTP_HOST": "a.test"}, (), False),
        ({"HTTP_ORIGIN": "null"}, (), False),
    ],
)
def test_a_request_from_elsewhere_is_told_by_what_the_browser_says(environ, origins, same):
    assert same_origin(environ, origins) is same
