"""The kinds of request, as data: how the package stands around an application, and what is asked.

``PASSING``: the application answers. ``REFUSED``: it is never called. ``ENDPOINTS``: our own pages.
A check runs over all of a group, so a new piece is one more entry here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import BROWSER, PASSWORDS, USERS, config
from tests.pep3333.server import Log, make_environ
from wsgi_auth import AuthMiddleware, Forbidden, Pass, get_auth, require
from wsgi_auth.reader import CookieSessionReader

JSON = {"HTTP_ACCEPT": "application/json"}
HTML = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in BROWSER.items()}
DAY = 86_400
#: The options of the plain set-up: everything needs a session, but what is below these two.
OPTIONS: dict[str, Any] = {"public": ["/public/:path*"], "ignore": ["/static/:path*"]}
DUE: dict[str, Any] = {**OPTIONS, "session": {"update_age": 0}}


def cookie(name: str = "alice", age: int = 0, size: int = 0) -> str:
    """A Cookie header of a session that began ``age`` seconds ago; ``size`` makes it bigger."""
    checked = config()
    now = int(time.time()) - age
    user = USERS[name]
    claims = {
        "sub": name, "sid": "a" * 22, "auth_time": now, "name": user["name"],
        "email": user["email"], "email_verified": True, "groups": user["groups"],
        "provider": "credentials", "login": name, "more": "m" * size,
    }  # fmt: skip
    written = CookieSessionReader(checked).strategy.save(claims, now)
    assert written is not None
    value = written.value
    written = checked.cookies.session.set(value)
    return "; ".join(each.partition(";")[0] for each in written)


def csrf_cookie() -> str:
    """A Cookie header of a browser that has seen a form."""
    return f"{config().cookies.csrf.name}={'b' * 22}"


@dataclass(frozen=True)
class Kind:
    """One way in which a request meets the package.

    ``wrap(app)`` puts the package around the application; ``more`` is what the environ has beside
    the usual; ``cookies``, how many Set-Cookie headers of ours the response has; ``caching``, what
    its Cache-Control must have (None: nothing of ours).
    """

    name: str
    wrap: Callable[[Any], Any]
    path: str = "/members"
    more: dict[str, Any] = field(default_factory=dict)
    user: str | None = None
    cookies: int = 0
    caching: str | None = None
    status: str = ""
    #: An exception of the application is not its own here: it stands for an answer of ours.
    answers_for_us: bool = False

    def environ(self, log: Log, body: bytes = b"", **more: Any) -> dict[str, Any]:
        """The environ of such a request."""
        return make_environ(log, body, PATH_INFO=self.path, **{**self.more, **more})

    def __str__(self) -> str:
        return self.name


def around(**options: Any) -> Callable[[Any], Any]:
    """The middleware with these options."""
    return lambda app: AuthMiddleware(app, config(**{**OPTIONS, **options}))


def _nested(app: Any) -> Any:
    inner = AuthMiddleware(app, config(matcher=["/members/:path*"], challenge_401=True))
    return AuthMiddleware(inner, config(**DUE))


def _guarded(**how: Any) -> Callable[[Any], Any]:
    return lambda app: AuthMiddleware(require(app, **how), config(matcher=["/elsewhere"]))


def _twice_guarded(app: Any) -> Any:
    return AuthMiddleware(require(require(app, allow_groups=["staff"])), config(**DUE))


def _answered_by_callback(app: Any) -> Any:
    return AuthMiddleware(_untouchable, config(authorized=lambda request, session: app))


def _answered_by_responder(app: Any) -> Any:
    responders = {"forbidden": lambda environ, decision: app}
    return AuthMiddleware(
        _untouchable, config(authorized=lambda request, session: False, responders=responders)
    )


def _untouchable(environ: Any, start_response: Any) -> Any:
    raise AssertionError("the protected application was called")


def _sets_cookies(app: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        assert get_auth(environ).csrf_token
        return app(environ, start_response)

    return AuthMiddleware(application, config(**OPTIONS))


def _signs_in(app: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        get_auth(environ).sign_in(USERS["bob"])
        return app(environ, start_response)

    return AuthMiddleware(application, config(**OPTIONS))


def _signs_out(app: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        get_auth(environ).sign_out()
        return app(environ, start_response)

    return AuthMiddleware(application, config(**OPTIONS))


class _OwnReader:
    """A reader of the application's own."""

    def __init__(self) -> None:
        self._reader = CookieSessionReader(config())

    def read(self, environ: Any, now: float) -> Any:
        return self._reader.read(environ, now)


ALICE = {"HTTP_COOKIE": cookie()}
LONG_AGO = {"HTTP_COOKIE": cookie(age=400 * DAY)}
BIG = {"HTTP_COOKIE": cookie(size=9_000)}
FOREIGN = {"HTTP_COOKIE": "theme=dark; __Host-auth.session-token=no.such.token; x=1"}
BASIC = {"HTTP_AUTHORIZATION": "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ=="}

PASSING = [
    Kind("ignored", around(), "/static/logo.png", ALICE),
    Kind("public, nobody", around(), "/public/page"),
    Kind("public, a foreign cookie", around(), "/public/page", FOREIGN),
    Kind("public, signed in", around(), "/public/page", ALICE, "alice", caching="private"),
    Kind("public, renewal due", around(**DUE), "/public/page", ALICE, "alice", 1, "no-store"),
    Kind("public, a session that has ended", around(), "/public/page", LONG_AGO, None, 1,
         "no-store"),
    Kind("no route applies, nobody", around(matcher=["/admin"]), "/members"),
    Kind("no route applies, the reader fails", around(
        matcher=["/admin"], callbacks={"session": lambda session, context: 1 / 0},
        logger="tests.pep3333.quiet"), "/members", ALICE, caching="private"),
    Kind("protected, signed in", around(), "/members", ALICE, "alice", caching="no-store"),
    Kind("protected, renewal due", around(**DUE), "/members", ALICE, "alice", 1, "no-store"),
    Kind("protected, renewal due in chunks", around(**DUE), "/members", BIG, "alice", 4,
         "no-store"),
    Kind("protected, read only", around(session={"update_age": 0, "read_only": True}), "/members",
         ALICE, "alice", caching="no-store"),
    Kind("protected, authorized says yes", around(authorized=lambda request, session: True),
         "/members", caching="no-store"),
    Kind("protected, authorized says Pass", around(authorized=lambda request, session: Pass()),
         "/members", ALICE, "alice", caching="no-store"),
    Kind("protected, conditions", around(
        routes=[{"source": "/members", "allow_groups": ["staff"], "fresh": 3600,
                 "methods": ["GET", "HEAD", "POST"]}]), "/members", ALICE, "alice",
         caching="no-store"),
    Kind("protected, a session callback", around(
        callbacks={"session": lambda session, context: {**session, "more": 1}}), "/members",
        ALICE, "alice", caching="no-store"),
    Kind("protected, a jwt callback that changes", around(
        callbacks={"jwt": lambda claims, context: {**claims, "seen": True}}), "/members",
        ALICE, "alice", 1, "no-store"),
    Kind("protected, a reader of its own", lambda app: AuthMiddleware(
        app, config(reader=_OwnReader())), "/members", ALICE, "alice", caching="no-store"),
    Kind("challenge_401, nobody", around(challenge_401=True), "/public/page"),
    Kind("challenge_401, signed in", around(challenge_401=True), "/members", ALICE, "alice",
         caching="no-store"),
    Kind("challenge_401, a session that has ended", around(challenge_401=True), "/public/page",
         LONG_AGO, None, 1, "no-store"),
    Kind("remote_user, nobody", around(remote_user="email"), "/public/page"),
    Kind("remote_user, signed in", around(remote_user="email"), "/members", ALICE, "alice",
         caching="no-store"),
    Kind("basic", lambda app: AuthMiddleware(app, config(
        matcher=[{"source": "/members", "basic": True}],
        limits={"account": "off", "address": "off"})), "/members", BASIC, "alice",
        caching="no-store"),
    Kind("development mode", lambda app: AuthMiddleware(app, {
        "secret": "a secret of more than thirty-two bytes, for tests only", "dev": True,
        "providers": ["dev"], "public": ["/public/:path*"], "logger": "tests.pep3333.quiet"}),
        "/public/page", {"HTTP_HOST": "localhost:8000", "REMOTE_ADDR": "127.0.0.1"}),
    Kind("nested", _nested, "/members", ALICE, "alice", 1, "no-store"),
    Kind("nested, open", _nested, "/public/page", {}, None),
    Kind("require, signed in", _guarded(), "/members", ALICE, "alice", caching="no-store"),
    Kind("require, authorized", _guarded(authorized=lambda request, session: True), "/members",
         caching="no-store"),
    Kind("require, another method", _guarded(methods=["DELETE"]), "/members", caching="no-store"),
    Kind("require twice, renewal due", _twice_guarded, "/members", ALICE, "alice", 1, "no-store"),
    Kind("a CSRF token is asked for", _sets_cookies, "/public/page", {}, None, 1, "no-store"),
    Kind("the application signs in", _signs_in, "/public/page", {}, "bob", 1, "no-store"),
    Kind("the application signs out", _signs_out, "/public/page", ALICE, None, 1, "no-store"),
    Kind("an answer of the authorized callback", _answered_by_callback, "/members", {}, None,
         caching="no-store", answers_for_us=True),
    Kind("a responder of the application", _answered_by_responder, "/members", ALICE, "alice",
         caching="no-store", answers_for_us=True),
]  # fmt: skip


def _fails(request: Any, session: Any) -> Any:
    raise RuntimeError("the authorized callback is broken")


async def _later() -> bool:
    return True


def _coroutine(request: Any, session: Any) -> Any:
    return _later()


def _broken_responder(environ: Any, decision: Any) -> Any:
    raise RuntimeError("the responder is broken")


def _half_responder(environ: Any, decision: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        raise RuntimeError("the responder broke after it had begun")

    return application


QUIET = {"logger": "tests.pep3333.quiet"}

REFUSED = [
    Kind("to sign-in", around(), "/members", HTML, status="302"),
    Kind("to sign-in after a POST", around(), "/members", {**HTML, "REQUEST_METHOD": "POST"},
         status="303"),
    Kind("to a sign-in page of the application", around(pages={"sign_in": "/login"}), "/members",
         HTML, status="302"),
    Kind("401 as JSON", around(), "/members", JSON, status="401"),
    Kind("401 as a page", around(), "/members", {**HTML, "HTTP_SEC_FETCH_DEST": "iframe"},
         status="401"),
    Kind("401 for htmx", around(), "/members", {**HTML, "HTTP_HX_REQUEST": "true"}, status="401"),
    Kind("401 where Basic is wrong", lambda app: AuthMiddleware(app, config(
        matcher=[{"source": "/members", "basic": True}],
        limits={"account": "off", "address": "off"}, **QUIET)), "/members",
        {"HTTP_AUTHORIZATION": "Basic YWxpY2U6d3Jvbmc="}, status="401"),
    Kind("401, a session that has ended", around(), "/members", {**LONG_AGO, **JSON}, None, 1,
         status="401"),
    Kind("401, sign-in was too long ago", around(
        routes=[{"source": "/members", "fresh": 60}]), "/members",
        {"HTTP_COOKIE": cookie(age=3600), **JSON}, status="401"),
    Kind("403 as JSON", around(authorized=lambda request, session: False, **QUIET), "/members",
         {**ALICE, **JSON}, "alice", status="403"),
    Kind("403 as a page", around(authorized=lambda request, session: Forbidden(), **QUIET),
         "/members", {**ALICE, **HTML}, "alice", status="403"),
    Kind("403 and renewal due", around(**{
        **DUE, "authorized": lambda request, session: None, **QUIET}), "/members",
        {**ALICE, **JSON}, "alice", 1, status="403"),
    Kind("403, remote_user has no name", around(remote_user=lambda session: "", **QUIET),
         "/members", {**ALICE, **JSON}, "alice", status="403"),
    Kind("403 from outside in development mode", lambda app: AuthMiddleware(app, {
        "secret": "a secret of more than thirty-two bytes, for tests only", "dev": True,
        "providers": ["dev"], "logger": "tests.pep3333.quiet"}), "/members",
        {"HTTP_HOST": "evil.test"}, status="403"),
    Kind("500, authorized raises", around(authorized=_fails, **QUIET), "/members",
         {**ALICE, **JSON}, "alice", status="500"),
    Kind("500 as a page", around(authorized=_fails, **QUIET), "/members", {**ALICE, **HTML},
         "alice", status="500"),
    Kind("500, authorized is a coroutine", around(authorized=_coroutine, **QUIET), "/members",
         {**ALICE, **JSON}, "alice", status="500"),
    Kind("500, the session callback raises", around(
        callbacks={"session": lambda session, context: 1 / 0}, **QUIET), "/members",
        {**ALICE, **JSON}, status="500"),
    Kind("500, remote_user raises", around(remote_user=lambda session: 1 / 0, **QUIET),
         "/members", {**ALICE, **JSON}, "alice", status="500"),
    Kind("500, the responder raises", around(
        responders={"unauthorized": _broken_responder}, **QUIET), "/members", JSON, status="500"),
    Kind("500, the responder's answer raises", around(
        responders={"unauthorized": _half_responder}, **QUIET), "/members", JSON, status="500"),
    Kind("require refuses with a redirect", _guarded(), "/members", HTML, status="302"),
    Kind("require refuses with 401", _guarded(), "/members", JSON, status="401"),
    Kind("require refuses with 403", _guarded(allow_groups=["nobody"]), "/members",
         {**ALICE, **JSON}, "alice", status="403"),
    Kind("require without the middleware", lambda app: require(app), "/members", {},
         status="500"),
    Kind("require, authorized raises", lambda app: AuthMiddleware(
        require(app, _fails), config(matcher=["/elsewhere"], **QUIET)), "/members",
        {**ALICE, **JSON}, "alice", status="500"),
    Kind("require, the responder raises", lambda app: AuthMiddleware(require(app), config(
        matcher=["/elsewhere"], responders={"unauthorized": _broken_responder}, **QUIET)),
        "/members", JSON, status="500"),
    Kind("nested, the outer refuses", _nested, "/members", HTML, status="302"),
    Kind("nested, the inner refuses", lambda app: AuthMiddleware(
        AuthMiddleware(app, config()), config(matcher=["/elsewhere"])), "/members", JSON,
        status="401"),
    Kind("the application's challenge", lambda app: AuthMiddleware(
        lambda environ, start_response: get_auth(environ).challenge()(environ, start_response),
        config(matcher=["/elsewhere"])), "/members", HTML, status="302"),
]  # fmt: skip

FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}


def _signed_form(**fields: str) -> tuple[dict[str, Any], bytes]:
    """The environ and body of a form with a CSRF token that is valid."""
    from urllib.parse import urlencode

    from wsgi_auth.csrf import CSRF

    checked = config()
    token = CSRF(checked.secret, checked.cookies.csrf.name).token("b" * 22, None)
    more = {"REQUEST_METHOD": "POST", "HTTP_COOKIE": csrf_cookie(), **FORM, **HTML}
    return more, urlencode({"csrfToken": token, **fields}).encode()


@dataclass(frozen=True)
class EndpointKind(Kind):
    """A request to one of our own endpoints, with its body."""

    body: bytes = b""

    def environ(self, log: Log, body: bytes = b"", **more: Any) -> dict[str, Any]:
        return super().environ(log, body or self.body, **more)


_POST, _GOOD = _signed_form(username="alice", password=PASSWORDS["alice"], callbackUrl="/members")
_, _WRONG = _signed_form(username="alice", password="wrong")
_OUR = around(limits={"account": "off", "address": "off"}, **QUIET)

ENDPOINTS = [
    EndpointKind("the sign-in page", _OUR, "/auth/signin", HTML, None, 1, status="200"),
    EndpointKind("the sign-in page again", _OUR, "/auth/signin",
                 {**HTML, "HTTP_COOKIE": csrf_cookie()}, status="200"),
    EndpointKind("the sign-out page", _OUR, "/auth/signout", {**HTML, **ALICE}, "alice", 1,
                 status="200"),
    EndpointKind("the session, nobody", _OUR, "/auth/session", JSON, status="200"),
    EndpointKind("the session", _OUR, "/auth/session", {**JSON, **ALICE}, "alice", status="200"),
    EndpointKind("the session, renewal due", around(**DUE), "/auth/session", {**JSON, **ALICE},
                 "alice", 1, status="200"),
    EndpointKind("a CSRF token", _OUR, "/auth/csrf", JSON, None, 1, status="200"),
    EndpointKind("the providers", _OUR, "/auth/providers", JSON, status="200"),
    EndpointKind("the error page", _OUR, "/auth/error", HTML, status=""),
    EndpointKind("verify-request", _OUR, "/auth/verify-request", HTML, status="200"),
    EndpointKind("a right password", _OUR, "/auth/callback/credentials", _POST, None, 1,
                 status="303", body=_GOOD),
    EndpointKind("a wrong password", _OUR, "/auth/callback/credentials", _POST, None, status="401",
                 body=_WRONG),
    EndpointKind("no CSRF token", _OUR, "/auth/callback/credentials",
                 {"REQUEST_METHOD": "POST", **FORM, **HTML}, None, status="403",
                 body=b"username=alice"),
    EndpointKind("a body that is too large", _OUR, "/auth/callback/credentials",
                 {**_POST, "CONTENT_LENGTH": "10000000"}, None, status="413", body=b"x"),
    EndpointKind("a body of another kind", _OUR, "/auth/callback/credentials",
                 {**_POST, "CONTENT_TYPE": "text/plain"}, None, status="415", body=b"x"),
    EndpointKind("a method that is not there", _OUR, "/auth/signin",
                 {"REQUEST_METHOD": "DELETE"}, None, status="405"),
    EndpointKind("the session is unreadable", around(
        callbacks={"session": lambda session, context: 1 / 0}, **QUIET), "/auth/session",
        {**JSON, **ALICE}, None, status="500"),
]  # fmt: skip
