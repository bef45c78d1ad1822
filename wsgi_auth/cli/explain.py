"""``wsgi-auth explain``: one request sent through the real middleware, and what it did in words."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from wsgi_auth.cli.check import _spelled
from wsgi_auth.cli.configured import quiet
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.testing import session_cookie
from wsgi_auth.types import Environ

_METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_BROWSER = "text/html,application/xhtml+xml"


def explained(
    config: AuthConfig,
    method: str,
    target: str,
    user: str | None,
    groups: str,
    headers: tuple[str, ...],
) -> Iterator[str]:
    """The lines of the explanation. The request goes the way of every request; only the
    application behind is a stand-in."""
    if not re.fullmatch(_METHOD, method):
        raise ConfigError("METHOD", f"{method!r} must be a word such as GET")
    if groups and user is None:
        raise ConfigError("--groups", "are those of somebody who is signed in: name them by --as")
    logger = quiet("explain")
    logger.setLevel(logging.INFO)
    middleware = AuthMiddleware(_reached, config.override(logger=logger, **_harmless(config)))
    environ = _environ(config, method, target, headers)
    if user is not None:
        person = {
            "id": user,
            "name": user,
            "login": user,
            "email": user if "@" in user else None,
            "groups": [group.strip() for group in groups.split(",") if group.strip()],
        }
        fixed = (each.id for each in config.providers if each.type != "per_request")
        by = next(fixed, "test")
        environ["HTTP_COOKIE"] = session_cookie(middleware, person, provider=by)
    path = environ["PATH_INFO"]
    mount = environ["SCRIPT_NAME"]
    found = middleware.matcher.explain(environ)
    yield f"{method} {_legible(path)!r}" + (f" as {user}" if user else " with nobody signed in")
    if mount and f"{path}/".startswith(f"{mount}/"):
        yield f"  below the mount {mount!r} of url: in a browser it is {mount + path!r}"
    for reading in found.readings:
        matched = [
            f"{kind} {', '.join(sources)}"
            for kind, sources in (
                ("ignore", reading.ignore),
                ("public", reading.public),
                ("matcher", reading.matcher),
                ("routes", reading.routes),
            )
            if sources
        ]
        yield f"  read as {reading.text!r}: {'; '.join(matched) or 'no pattern'}"
    if found.unreadable:
        yield "  too long and too odd to be read: every route applies"
    if path in middleware.endpoints:
        yield "  one of the built-in endpoints: it answers itself"
    elif found.ignored:
        yield "  ignored: every reading matches ignore; nothing is read"
    elif found.page:
        yield "  a page of the application's own (pages): no route protects it"
    elif found.routes:
        yield "  routes that apply: " + ", ".join(_spelled(route) for route in found.routes)
    else:
        yield "  no route applies" + (": every reading is public" if found.public else "")
    for route in found.not_applying:
        yield f"  does not apply (methods, has, missing): {_spelled(route)}"
    said: list[str] = []
    logger.handlers = [_Heard(said)]  # what the request makes of it, not what start-up warned of
    status, answer, reached = _send(middleware, environ)
    if reached:
        session = environ.get("auth.session")
        who = session["user"]["id"] if session else "nobody"
        yield f"  verdict: passes to the application, auth.session is {who}"
        if "REMOTE_USER" in environ:
            yield f"  REMOTE_USER is {environ['REMOTE_USER']!r}"
    else:
        why = _WHY.get(status[:3], "see the log")
        if path in middleware.endpoints:
            why = "an endpoint of the middleware"
        yield f"  verdict: answered here ({why}); the application is not called"
    for line in said:
        yield f"  log: {line}"
    if reached:
        by_itself = found.ignored or found.page or environ.get("auth.session") is not None
        becomes = _CHALLENGED if config.challenge_401 and not by_itself else ""
        yield f"  answer: the application's own{becomes}"
    else:
        location = answer.get("location")
        yield f"  answer: {status}" + (f", Location: {location}" if location else "")


_CHALLENGED = "; a 401 without WWW-Authenticate becomes the way to sign in (challenge_401)"


_NOBODY = "nobody is signed in, or not recently or strongly enough"
_WHY = {
    "302": f"{_NOBODY}; a browser navigates",
    "303": f"{_NOBODY}; a browser sent a form, and navigates on by GET",
    "401": _NOBODY,
    "403": "who is signed in may not",
}


def _legible(path: str) -> str:
    """A path of an environ as people write it, where it is UTF-8."""
    try:
        return path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return path


def _harmless(config: AuthConfig) -> dict[str, Any]:
    """What a question must not touch: it begins no session in the store, counts as no attempt, and
    no handler of events is told of it."""
    limits = {**(config.source.get("limits") or {}), "storage": "memory://"}
    kept = {} if config.adapter is None else {"adapter": "memory:"}
    return {"limits": limits, "events": {}, **kept}


def _environ(config: AuthConfig, method: str, target: str, headers: tuple[str, ...]) -> Environ:
    if not target.startswith("/"):
        raise ConfigError("PATH", f"{target!r} must start with '/'")
    path, _, query = target.partition("?")
    base = config.url
    environ: Environ = {
        "REQUEST_METHOD": method.upper() if method.isalpha() else method,
        "SCRIPT_NAME": unquote_to_bytes(base.mount).decode("latin-1") if base else "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": base.host if base else "localhost",
        "SERVER_PORT": str((base.port if base else None) or (443 if base and base.secure else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": base.origin.partition("://")[2] if base else "localhost",
        "HTTP_ACCEPT": _BROWSER,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if base and base.secure else "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": True,
    }
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise ConfigError("--header", f"{header!r} is not of the form 'Name: value'")
        environ["HTTP_" + name.strip().upper().replace("-", "_")] = value.strip()
    return environ


def _send(middleware: AuthMiddleware, environ: Environ) -> tuple[str, dict[str, str], bool]:
    seen: dict[str, Any] = {}

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        seen.update(status=status, headers={name.lower(): value for name, value in headers})
        return lambda block: None

    body = middleware(environ, start_response)
    blocks = b"".join(body)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    return seen["status"], seen["headers"], blocks == _MARK


class _Heard(logging.Handler):
    """Keeps what is logged, in words; of a traceback the last line."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if cause is not None and cause.__cause__ is not None:
            cause = cause.__cause__
        more = f" ({type(cause).__name__}: {cause})" if cause is not None else ""
        self._said.append(record.getMessage() + more)


_MARK = b"the application was reached"


def _reached(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [_MARK]
