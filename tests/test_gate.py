"""The gate's own answer, in process; behind real proxies: ``tests/live/test_gate.py``."""

from __future__ import annotations

import time

import pytest
import time_machine

from tests.conftest import config
from tests.wire import request
from wsgi_auth import AuthMiddleware, gate
from wsgi_auth.testing import session_cookie

NOBODY = ["", "", ""]


def gated(**options):
    return AuthMiddleware(gate.app, config(**options))


def told(app, user, path="/", **extra):
    """The status, and user, address and groups as text."""
    cookie = session_cookie(app, user) if user else ""
    reply = request(app, path, cookie=cookie, **extra)
    said = [reply.header(name) for name in (gate.USER, gate.EMAIL, gate.GROUPS)]
    if reply.status == 204:
        assert None not in said, "Caddy puts the name of what is missing in its place"
    return reply.status, [(each or "").encode("latin-1").decode("utf-8") for each in said]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"id": "1"}, ["1", "", ""]),
        ({"id": "1", "email": "a@b.example", "email_verified": True}, ["1", "a@b.example", ""]),
        ({"id": "1", "email": "a@b.example", "email_verified": False}, ["1", "", ""]),
        ({"id": "j\u00fcrgen \u6f22"}, ["j\u00fcrgen \u6f22", "", ""]),
        ({"id": "1", "groups": ["a", "b c", "d,e", " f", "g\x85", ""]}, ["1", "", "a,b c"]),
        # the last octet of the second is a blank, were it a character
        ({"id": "jos\u00e9", "groups": ["\u5f21", "\u5f20"]}, ["jos\u00e9", "", "\u5f21"]),
    ],
)
def test_the_proxy_is_told_who_it_is(user, expected):
    assert told(gated(), user) == (204, expected)


@pytest.mark.parametrize("id", [" 1", "1 ", "\u00a01", "1\x7f", "1\u2028", "a\tb", "jos\u00e0"])
def test_a_user_that_a_header_would_make_another_is_refused(id):
    assert told(gated(), {"id": id}) == (403, NOBODY)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("ada", (204, ["ada", "", ""])),
        ("\u00fc", (204, ["\u00fc", "", ""])),
        ("jos\u00e0", (403, NOBODY)),
        ("jos\u00c5", (403, NOBODY)),
        (" ada", (403, NOBODY)),
    ],
)
def test_the_user_is_the_one_that_remote_user_names(login, expected):
    app = gated(remote_user="login")
    assert told(app, {"id": "1", "login": login}, REMOTE_USER="root") == expected


def test_who_the_server_says_it_is_counts_for_nothing():
    assert told(gated(), {"id": "1"}, REMOTE_USER="root") == (204, ["1", "", ""])


@pytest.mark.parametrize("groups", ["admins", ["a", 1, None, "b"], {"a": "b"}, 7], ids=str)
def test_what_a_callback_made_of_the_groups_is_told_as_far_as_it_is_names(groups):
    app = gated(callbacks={"jwt": lambda claims, context: {**claims, "groups": groups}})
    expected = "a,b" if isinstance(groups, list) else ""
    assert told(app, {"id": "1"}) == (204, ["1", "", expected])


def test_a_refusal_has_no_body_for_head():
    app = gated(remote_user="login")
    cookie = session_cookie(app, {"id": "1", "login": " "})
    reply = request(app, "/", "HEAD", cookie=cookie)
    assert (reply.status, reply.body) == (403, b"")


SHORTENED = [
    ("/api/health#/../../d", "/api/health", "#"),
    ("//api/health", "/api/health", "slashes"),
    ("http://elsewhere.example/api/health", "/api/health", "a host"),
    ("/api/health\u20ac", "/api/health", "no octets"),
]
WHOLE = [
    ("/api/health?a=1#b", "/api/health", "a query"),
    ("/api%2fhealth", "/api/health", "decoded"),
    ("/api%2fhealth", "/api%2fhealth", "not decoded (cheroot)"),
    ("/%C3%BC/%ff", "/\u00c3\u00bc/\u00ff", "octets"),
    ("/api//health", "/api//health", "as it is"),
    ("/a%2525", "/a%25", "what looks encoded when it is decoded"),
]


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(("came", "path", "why"), SHORTENED, ids=str)
@pytest.mark.parametrize("option", ["public", "ignore"])
def test_a_path_that_the_server_shortened_does_not_pass(option, came, path, why, key):
    app = gated(**{option: ["/:path*"]})
    assert told(app, None, path) == (204, NOBODY)
    assert told(app, None, path, **{key: came}) == (403, NOBODY)


@pytest.mark.parametrize(("came", "path", "why"), WHOLE, ids=str)
def test_a_path_that_came_as_it_was_judged_passes(came, path, why):
    assert told(gated(public=["/:path*"]), None, path, RAW_URI=came) == (204, NOBODY)
    mounted = {"SCRIPT_NAME": "/at", "RAW_URI": f"/at{came}"}
    assert told(gated(public=["/:path*"]), None, path, **mounted) == (204, NOBODY)


def test_no_header_says_what_is_the_path():
    app = gated(public=["/api/health"])
    moved = {"SCRIPT_NAME": "/d", "HTTP_SCRIPT_NAME": "/d", "RAW_URI": "/d/api/health"}
    assert told(app, None, "/api/health", **moved) == (403, NOBODY)


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
def test_a_session_in_pieces_outlives_a_check_that_would_prolong_it(strategy):
    app = gated(session={"strategy": strategy, "max_age": "1h", "update_age": "1m"})
    groups = [f"group {number}" for number in range(600)]
    with time_machine.travel(time.time() - 600):
        cookie = session_cookie(app, {"id": "1", "groups": groups})
    reply = request(app, "/", cookie=cookie)
    assert reply.status == 204
    # a proxy hands on the first
    jar = dict(each.split("=", 1) for each in cookie.split("; "))
    assert len(jar) > 1
    jar.update(each.partition(";")[0].split("=", 1) for each in reply.cookies[:1])
    after = "; ".join(f"{name}={value}" for name, value in jar.items())
    assert request(app, "/", cookie=after).status == 204


def test_a_session_in_one_piece_is_prolonged_by_a_check():
    app = gated(session={"max_age": "1h", "update_age": "1m"})
    with time_machine.travel(time.time() - 600):
        cookie = session_cookie(app, {"id": "1"})
    (renewed,) = request(app, "/", cookie=cookie).cookies
    after = renewed.partition(";")[0]
    assert after.partition("=")[0] == cookie.partition("=")[0] and after != cookie
    assert told(app, None, "/", HTTP_COOKIE=after) == (204, ["1", "", ""])


@pytest.mark.parametrize("options", [{"public": ["/open"]}, {"ignore": ["/open"]}], ids=str)
def test_a_path_that_is_open_is_nobodys(options):
    assert told(gated(**options), None, "/open", REMOTE_USER="root") == (204, NOBODY)
    assert told(gated(**options), None, "/else", HTTP_ACCEPT="text/html")[0] == 302
