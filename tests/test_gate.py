"""The gate's own answer, in process; behind real proxies: ``tests/live/test_gate.py``."""

from __future__ import annotations

import pytest

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
    names = (gate.USER, gate.EMAIL, gate.GROUPS)
    return reply.status, [
        (reply.header(name) or "").encode("latin-1").decode("utf-8") for name in names
    ]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"id": "1"}, ["1", "", ""]),
        ({"id": "1", "email": "a@b.example", "email_verified": True}, ["1", "a@b.example", ""]),
        ({"id": "1", "email": "a@b.example", "email_verified": False}, ["1", "", ""]),
        ({"id": "j\u00fcrgen \u6f22"}, ["j\u00fcrgen \u6f22", "", ""]),
        ({"id": "1", "groups": ["a", "b c", "d,e", " f", "g\x85", ""]}, ["1", "", "a,b c"]),
    ],
)
def test_the_proxy_is_told_who_it_is(user, expected):
    assert told(gated(), user) == (204, expected)


@pytest.mark.parametrize("id", [" 1", "1 ", "\u00a01", "1\x7f", "1\u2028", "a\tb"])
def test_a_user_that_a_header_would_make_another_is_refused(id):
    assert told(gated(), {"id": id}) == (403, NOBODY)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("ada", (204, ["ada", "", ""])),
        ("\u00fc", (204, ["\u00fc", "", ""])),
        (" ada", (403, NOBODY)),
    ],
)
def test_the_user_is_the_one_that_remote_user_names(login, expected):
    app = gated(remote_user="login")
    assert told(app, {"id": "1", "login": login}, REMOTE_USER="root") == expected


@pytest.mark.parametrize("options", [{"public": ["/open"]}, {"ignore": ["/open"]}], ids=str)
def test_a_path_that_is_open_is_nobodys(options):
    assert told(gated(**options), None, "/open", REMOTE_USER="root") == (204, NOBODY)
    assert told(gated(**options), None, "/else", HTTP_ACCEPT="text/html")[0] == 302
