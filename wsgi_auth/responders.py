"""A decision to the answer a client gets: redirect, 401, 403, 429, 500, 503.

What lives here: status, headers and body of refusals, ready before the request comes. What must
not: deciding (``authorized``), and the pages' HTML (``pages``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wsgi_auth.caching import NO_STORE
from wsgi_auth.config.parts import Responders as ResponderOptions
from wsgi_auth.errors import CallbackError
from wsgi_auth.negotiation import is_htmx, prefers_html
from wsgi_auth.types import (
    Environ,
    Failed,
    Forbidden,
    Headers,
    Redirect,
    StartResponse,
    Unauthorized,
    WSGIApp,
)

if TYPE_CHECKING:
    import logging

    from wsgi_auth.pages import Pages

#: What the choice between redirect, 401 and their bodies looks at.
VARY = (
    "Vary",
    "Accept, Authorization, Cookie, HX-Request, Purpose, Sec-Fetch-Dest, Sec-Fetch-Mode, "
    "Sec-Purpose, X-Requested-With",
)
#: The same for a page that there is in several languages.
VARY_BY_LANGUAGE = ("Vary", f"{VARY[1]}, Accept-Language")
TEXT = ("Content-Type", "text/plain; charset=utf-8")
JSON = ("Content-Type", "application/json")
NO_SNIFF = ("X-Content-Type-Options", "nosniff")
#: A scheme no browser opens a dialogue for (RFC 9110 section 11.6.1 wants one with every 401).
CHALLENGE = ("WWW-Authenticate", 'Session realm="sign-in"')
BASIC = ("WWW-Authenticate", 'Basic realm="sign-in", charset="UTF-8"')
BEARER = 'Bearer realm="sign-in"'
EMPTY = ("Content-Length", "0")

REASONS = {
    200: "OK",
    302: "Found",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Answer:
    """A whole response as a WSGI application; HEAD gets its headers without the body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: str, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, self.headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


def answer(status: int, headers: Headers, body: bytes) -> Answer:
    """An :class:`Answer` of this status, with its Content-Length. Refuses, with ``ValueError``,
    header values no server should be handed (R062)."""
    for name, value in headers:
        if not is_legal(value):
            raise ValueError(f"the value of the header {name} has characters that HTTP lacks")
    return Answer(
        f"{status} {REASONS[status]}", [*headers, ("Content-Length", str(len(body)))], body
    )


def is_legal(value: str) -> bool:
    """Whether a header may have this value: printable, nothing above U+00FF (PEP 3333)."""
    return value.isprintable() and (value.isascii() or max(value) <= "\xff")


class Responders:
    """Answers a decision: the application's own responder where one is configured, else ours."""

    def __init__(
        self,
        options: ResponderOptions,
        pages: Callable[[Environ], Pages],
        home: str,
        sign_in: Callable[[Environ], str] | None,
        logger: Callable[[], logging.Logger],
    ) -> None:
        self._pages = pages
        self._home = home
        self._sign_in = sign_in
        self._logger = logger
        self._redirect = _checked("redirect", options.redirect) or redirect
        self._unauthorized = _checked("unauthorized", options.unauthorized) or self.unauthorized
        self._forbidden = _checked("forbidden", options.forbidden) or self.forbidden

    def respond(self, environ: Environ, decision: Any) -> WSGIApp:
        """The application that answers ``decision``; any WSGI application is its own answer."""
        kind = type(decision)
        if kind is Redirect:
            app: WSGIApp = self._redirect(environ, decision)
        elif kind is Unauthorized:
            app = self._unauthorized(environ, decision)
        elif kind is Forbidden:
            app = self._forbidden(environ, decision)
        elif kind is Failed:
            app = self.failed(environ, decision)
        else:
            app = decision
        return app

    def refuse(
        self, environ: Environ, decision: Any, start_response: StartResponse
    ) -> Iterable[bytes]:
        """The whole answer to a refused request; a responder that fails refuses with 500."""
        try:
            return self.respond(environ, decision)(environ, start_response)
        except Exception:
            return self.broken(environ, start_response)

    def broken(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """500 instead of an answer whose exception is being handled; it may have begun already,
        so the server is told of the exception (PEP 3333, ``exc_info``)."""
        self._logger().exception("a responder failed; the request is refused")
        exc_info = sys.exc_info()
        try:
            return self.failed(environ, Failed())(
                environ, lambda status, headers: start_response(status, headers, exc_info)
            )
        finally:
            exc_info = (None, None, None)  # no circle through this frame

    def unauthorized(self, environ: Environ, decision: Unauthorized) -> WSGIApp:
        """401 with JSON ``{"error", "signinUrl"}``, or a page; HX-Redirect for htmx."""
        url = decision.sign_in_url
        headers = [VARY, NO_STORE]
        if decision.basic:
            headers.append(BASIC)
        if decision.bearer is not None:
            headers.append(_bearer(decision.bearer))
        elif not decision.basic:
            headers.append(CHALLENGE)
        if url and is_htmx(environ):
            headers.append(("HX-Redirect", url))
        if prefers_html(environ):
            return self._page(environ, 401, decision.code, headers, url)
        # the URL was built by us: nothing in it needs JSON's escapes
        more = f', "signinUrl": "{url}"' if url else ""
        body = f'{{"error": "{decision.code}"{more}}}'.encode()
        headers += (JSON, ("Content-Length", str(len(body))))
        return Answer("401 Unauthorized", headers, body)

    def forbidden(self, environ: Environ, decision: Forbidden) -> WSGIApp:
        """403 as JSON ``{"error"}``, or a page with the way to another account."""
        if decision.bearer is not None:
            return self._refusal(environ, 403, decision.code, [_bearer(decision.bearer)])
        return self._refusal(environ, 403, decision.code, [], self._sign_in)

    def failed(self, environ: Environ, decision: Failed) -> WSGIApp:
        """429, 500 or 503 as JSON, or a page that gives no cause; the log has it (R102)."""
        later = decision.retry_after
        headers = [("Retry-After", str(later))] if later is not None else []
        return self._refusal(environ, decision.status, decision.code, headers)

    def _refusal(
        self,
        environ: Environ,
        status: int,
        code: str,
        headers: Headers,
        sign_in: Callable[[Environ], str] | None = None,
    ) -> WSGIApp:
        headers = [VARY, NO_STORE, *headers]
        if prefers_html(environ):
            url = None if sign_in is None else sign_in(environ)
            return self._page(environ, status, code, headers, url)
        body = json.dumps({"error": code}).encode()
        return answer(status, [*headers, JSON, NO_SNIFF], body)

    def _page(
        self, environ: Environ, status: int, code: str, headers: Headers, url: str | None
    ) -> WSGIApp:
        page = self._pages(environ).refusal(status, code, url, self._home)
        ours = {name for name, _ in headers}
        if page.is_negotiated:
            headers = [VARY_BY_LANGUAGE if each is VARY else each for each in headers]
        return answer(
            status,
            [*headers, *(each for each in page.headers if each[0] not in ours)],
            page.body,
        )


def _bearer(said: str) -> tuple[str, str]:
    """The challenge that asks for an access token (RFC 6750 section 3)."""
    return "WWW-Authenticate", f"{BEARER}, {said}" if said else BEARER


def _checked(name: str, responder: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """The application's own responder, which must return a WSGI application."""
    if responder is None:
        return None

    def respond(environ: Environ, decision: Any) -> Any:
        app = responder(environ, decision)
        if not callable(app):
            raise CallbackError(
                f"responders.{name}",
                f"must return a WSGI application, not a {type(app).__name__}",
            )
        return app

    return respond


def redirect(environ: Environ, decision: Redirect) -> WSGIApp:
    """302 for GET and HEAD; 303 else, so that a form is never posted again elsewhere (R051)."""
    location = decision.location
    if not is_legal(location):
        raise ValueError("a redirect's location has characters that HTTP lacks")
    status = "302 Found" if environ.get("REQUEST_METHOD") in ("GET", "HEAD") else "303 See Other"
    return Answer(status, [("Location", location), VARY, NO_STORE, TEXT, EMPTY])
