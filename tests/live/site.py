"""The application that the live tests protect, as it is without protection.

It reads paths as carelessly as anything in use: whatever has the letters of ``admin`` in it, in
this order, shows the protected page.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

#: What nobody without a session may ever see.
PROTECTED = "the books of the company"
PUBLIC = "the public page"

_released: dict[str, threading.Event] = {}
_lock = threading.Lock()


def site(environ: dict[str, Any], start_response: Any) -> Any:
    """Public pages, a protected one, an echo and a stream."""
    path = environ["PATH_INFO"]
    if "admin" in re.sub("[^a-z]", "", path):
        return _text(environ, start_response, f"{PROTECTED}: {_who(environ)}")
    if path == "/members/echo":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        return _text(environ, start_response, f"{len(body)} {hashlib.sha256(body).hexdigest()}")
    if path == "/members/stream":
        return _stream(environ, start_response)
    if path == "/release":
        _event(environ).set()
    if path == "/members":
        return _text(environ, start_response, f"hello {_who(environ)}")
    if path == "/me":
        start_response("200 OK", [("Content-Type", "application/json")])
        seen = ("auth.session", "REMOTE_USER", "AUTH_TYPE", "HTTP_REMOTE_USER")
        return [json.dumps({name: environ.get(name) for name in seen}).encode()]
    return _text(environ, start_response, PUBLIC)


def _text(environ: dict[str, Any], start_response: Any, text: str) -> list[bytes]:
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"),
                              ("Content-Length", str(len(body)))])  # fmt: skip
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _who(environ: dict[str, Any]) -> str:
    session = environ["auth.session"]
    return "nobody" if session is None else str(session.user["id"])


def _stream(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """The second block is made when ``/release`` was asked for: the first must be out by then."""
    event = _event(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first\n"
    yield b"second\n" if event.wait(6) else b"nobody saw the first\n"


def _event(environ: dict[str, Any]) -> threading.Event:
    with _lock:
        return _released.setdefault(environ["QUERY_STRING"], threading.Event())


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    """One user."""
    if credentials != {"username": "alice", "password": "correct horse"}:
        return None
    return {"id": "alice", "name": "Alice Adams", "login": "alice", "email": "alice@example.test"}
