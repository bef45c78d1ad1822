"""What the middleware puts into the environ, takes out of it, and never believes (R047, R048)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import config, options
from tests.pep3333.kinds import ALICE, BASIC, ENDPOINTS, HTML, JSON, PASSING, REFUSED, Kind
from tests.pep3333.server import Log, make_environ, serve
from wsgi_auth import Auth, AuthMiddleware, Session, get_session, require

#: All that is ever added, and all that is ever taken away.
OURS = {"auth.session", "auth.handle"}
WITH_REMOTE_USER = OURS | {"REMOTE_USER", "AUTH_TYPE"}
REMOVED = {"REMOTE_USER", "AUTH_TYPE", "HTTP_REMOTE_USER"}
#: What a client or an outer layer may have put there.
PRESETS: dict[str, Any] = {
    "auth.session": {"user": {"id": "mallory"}, "expires": "2999-01-01T00:00:00Z"},
    "auth.handle": object(),
    "REMOTE_USER": "mallory",
    "AUTH_TYPE": "Basic",
    "HTTP_REMOTE_USER": "mallory",
}
#: Headers that a client sends in the hope of becoming one of those keys, as servers hand them on.
HEADERS = ["HTTP_AUTH.SESSION", "HTTP_AUTH_SESSION", "HTTP_AUTH.HANDLE", "HTTP_AUTH_HANDLE",
           "HTTP_X_REMOTE_USER", "HTTP_X_FORWARDED_USER", "HTTP_AUTH_TYPE"]  # fmt: skip

KINDS = pytest.mark.parametrize("kind", PASSING, ids=str)


class Seen:
    """An application that keeps a copy of each environ it is called with."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environs.append(dict(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"seen"]


def seen(kind: Kind, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The environ as the server made it, and as the application saw it."""
    log: Log = []
    app = Seen()
    environ = kind.environ(log, **more)
    before = dict(environ)
    exchange = serve(kind.wrap(app), environ, log)
    assert exchange.error is None and exchange.status == "200 OK"
    (after,) = app.environs
    return before, after


def _names_somebody(kind: Kind) -> bool:
    return kind.name == "remote_user, signed in"


def _has_handle(kind: Kind) -> bool:
    return kind.name != "ignored"


# --- which keys there are -----------------------------------------------------------------------


@KINDS
def test_the_session_is_always_there_and_is_a_session_or_None(kind):
    _, after = seen(kind)
    session = after["auth.session"]
    assert session is None or type(session) is Session
    assert kind.user == (None if session is None else session.user["id"])


@KINDS
def test_no_key_is_added_beyond_the_documented_ones(kind):
    before, after = seen(kind)
    expected = set(OURS)
    if not _has_handle(kind):
        expected.remove("auth.handle")
    if _names_somebody(kind):
        expected = WITH_REMOTE_USER
    assert after.keys() - before.keys() == expected
    if _has_handle(kind):
        assert type(after["auth.handle"]) is Auth


@KINDS
def test_no_other_key_is_changed_or_taken_away(kind):
    before, after = seen(kind)
    gone = {"HTTP_AUTHORIZATION"} if kind.name == "basic" else set()
    assert before.keys() - after.keys() == gone
    assert all(after[name] is value for name, value in before.items() if name not in gone)


@pytest.mark.parametrize("kind", REFUSED + ENDPOINTS, ids=str)
def test_an_answer_of_ours_leaves_no_other_key_in_the_environ_either(kind):
    log: Log = []
    environ = kind.environ(log)
    before = set(environ)
    serve(kind.wrap(Seen()), environ, log)
    assert set(environ) - before <= OURS


# --- what is not believed -----------------------------------------------------------------------


@KINDS
def test_what_an_outer_layer_claims_is_overwritten_on_every_kind_of_path(kind):
    _, after = seen(kind, **PRESETS)
    session = after["auth.session"]
    assert kind.user == (None if session is None else session.user["id"])
    assert after.get("auth.handle") is not PRESETS["auth.handle"]
    assert ("auth.handle" in after) == _has_handle(kind)


@KINDS
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_makes_nobody_of_anybody(kind, header):
    if kind.name == "development mode" and header.startswith("HTTP_X_FORWARDED"):
        log: Log = []  # only a proxy adds it, so nobody is served at all
        refused = serve(kind.wrap(Seen()), kind.environ(log, **{header: "mallory"}), log)
        assert refused.status[:3] == "403"
        return
    before, after = seen(kind, **{header: "mallory"})
    session = after["auth.session"]
    assert kind.user == (None if session is None else session.user["id"])
    if _names_somebody(kind):
        assert after["REMOTE_USER"] == "alice@example.test"
    else:
        assert "REMOTE_USER" not in after
    assert after[header] == before[header]  # not one of ours


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind.status in ("302", "401")],
                         ids=str)  # fmt: skip
def test_a_claim_of_an_outer_layer_opens_nothing(kind):
    log: Log = []
    app = Seen()
    exchange = serve(kind.wrap(app), kind.environ(log, **PRESETS), log)
    assert exchange.status[:3] == kind.status
    assert app.environs == []


def test_a_handle_of_another_middleware_opens_nothing_where_ours_reads_nothing():
    """``require`` below an ignored path: whoever the outer middleware knows, we know nobody."""
    inside = Seen()
    inner = AuthMiddleware(require(inside), config(ignore=["/static/:path*"]))
    outer = AuthMiddleware(inner, config(matcher=["/elsewhere"]))
    log: Log = []
    exchange = serve(outer, make_environ(log, PATH_INFO="/static/x", **ALICE), log)
    assert exchange.status.startswith("500")
    assert inside.environs == []


@pytest.mark.parametrize(("cookies", "who"), [({}, None), (ALICE, "alice")], ids=["no", "yes"])
@pytest.mark.parametrize("below", [True, False], ids=["below the middleware", "alone"])
def test_get_session_reads_the_cookies_whatever_the_environ_claims(below, cookies, who):
    found: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["auth.session"] = PRESETS["auth.session"]
        found.append(get_session(environ, None if below else config()))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    log: Log = []
    served = AuthMiddleware(app, config(matcher=["/elsewhere"])) if below else app
    assert serve(served, make_environ(log, **PRESETS | cookies), log).error is None
    assert who == (None if found[0] is None else found[0].user["id"])


# --- REMOTE_USER --------------------------------------------------------------------------------

PATHS = {
    "ignored": ("/static/x", {}), "ignored, signed in": ("/static/x", ALICE),
    "public": ("/public/x", {}), "no route": ("/open", {}),
    "a foreign cookie": ("/public/x", {"HTTP_COOKIE": "__Host-auth.session-token=foreign"}),
}  # fmt: skip


@pytest.mark.parametrize(("path", "more"), PATHS.values(), ids=PATHS)
def test_with_remote_user_nobody_can_claim_a_name_on_any_path(path, more):
    app = Seen()
    served = AuthMiddleware(
        app,
        config(remote_user="email", matcher=["/members"], public=["/public/:path*"],
               ignore=["/static/:path*"]),
    )  # fmt: skip
    log: Log = []
    serve(served, make_environ(log, PATH_INFO=path, **{**PRESETS, **more}), log)
    assert not app.environs[0].keys() & REMOVED


def test_without_remote_user_what_the_server_says_is_left_alone():
    app = Seen()
    log: Log = []
    serve(AuthMiddleware(app, config(matcher=["/members"])), make_environ(log, **PRESETS), log)
    assert app.environs[0]["REMOTE_USER"] == "mallory"
    assert app.environs[0]["AUTH_TYPE"] == "Basic"


RULES = {
    "email": ("email", "alice@example.test"),
    "login": ("login", "alice"),
    "id": ("id", "alice"),
    "a template": ("{provider}:{id}", "credentials:alice"),
    "a callable": (lambda session: session.user["name"].upper(), "ALICE ADAMS"),
    "beyond ASCII": (lambda session: "Zoë", "Zo\xc3\xab"),  # octets as latin-1 (PEP 3333)
}


@pytest.mark.parametrize(("rule", "name"), RULES.values(), ids=RULES)
@pytest.mark.parametrize("path", ["/members", "/public/x", "/open"])
def test_with_remote_user_the_session_gives_the_name_and_nothing_else_does(rule, name, path):
    app = Seen()
    served = AuthMiddleware(
        app, config(remote_user=rule, matcher=["/members"], public=["/public/:path*"])
    )
    log: Log = []
    serve(served, make_environ(log, PATH_INFO=path, **{**PRESETS, **ALICE}), log)
    assert app.environs[0]["REMOTE_USER"] == name
    assert app.environs[0]["AUTH_TYPE"] == "wsgi_auth"
    assert "HTTP_REMOTE_USER" not in app.environs[0]


@pytest.mark.parametrize("value", ["", None, 7, "a\nb", "a\x00b", b"alice"], ids=repr)
def test_a_name_that_is_none_is_403_and_the_application_is_not_called(value):
    app = Seen()
    served = AuthMiddleware(app, config(remote_user=lambda session: value))
    log: Log = []
    environ = make_environ(log, PATH_INFO="/members", **{**PRESETS, **ALICE, **JSON})
    exchange = serve(served, environ, log)
    assert exchange.status.startswith("403")
    assert app.environs == []
    assert not environ.keys() & REMOVED


# --- Basic --------------------------------------------------------------------------------------


def basic(**more: Any) -> Any:
    return config(**{"matcher": [{"source": "/members", "basic": True}],
                     "limits": {"account": "off", "address": "off"}, **more})  # fmt: skip


def test_a_password_that_was_checked_does_not_reach_the_application():
    app = Seen()
    log: Log = []
    environ = make_environ(log, PATH_INFO="/members", **BASIC)
    exchange = serve(AuthMiddleware(app, basic()), environ, log)
    assert exchange.status == "200 OK"
    assert "HTTP_AUTHORIZATION" not in app.environs[0]
    assert app.environs[0]["auth.session"].user["id"] == "alice"
    assert app.environs[0]["auth.handle"].session is app.environs[0]["auth.session"]


def test_where_basic_is_not_allowed_the_header_is_nobodys_proof():
    app = Seen()
    log: Log = []
    environ = make_environ(log, PATH_INFO="/members", **BASIC, **HTML)
    assert serve(AuthMiddleware(app, config()), environ, log).status.startswith("401")
    assert app.environs == []


# --- a reader that fails ------------------------------------------------------------------------


def test_a_session_that_cannot_be_read_is_None_on_open_pages_whatever_was_preset(caplog):
    app = Seen()
    broken = options(callbacks={"session": lambda session, context: 1 / 0}, matcher=["/members"])
    log: Log = []
    exchange = serve(AuthMiddleware(app, broken), make_environ(log, **{**PRESETS, **ALICE}), log)
    assert exchange.status == "200 OK"
    assert app.environs[0]["auth.session"] is None
    assert app.environs[0]["auth.handle"].session is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
