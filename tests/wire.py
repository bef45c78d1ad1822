"""One request by hand, for what WebTest would refuse to send, and what a browser's jar holds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: A header is not sent: ``request(app, REQUEST_METHOD=ABSENT)``.
ABSENT: Any = object()

NAVIGATION = {"HTTP_ACCEPT": "text/html,*/*;q=0.8", "HTTP_SEC_FETCH_MODE": "navigate",
              "HTTP_SEC_FETCH_DEST": "document"}  # fmt: skip


class Connection(io.BytesIO):
    """A body as ``wsgiref`` hands it on: who reads beyond its end waits for the client to go."""

    is_over = False

    def read(self, size: int | None = -1) -> bytes:
        assert not self.is_over, "the client waits for the answer, and we for more from it"
        piece = super().read(size)
        self.is_over = self.tell() == len(self.getvalue())
        return piece


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    environ: dict[str, Any] = field(repr=False, default_factory=dict)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that is there once; None if it is not there."""
        found = self.all(name)
        assert len(found) <= 1, (name, found)
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> list[str]:
        return self.all("Set-Cookie")


def request(
    app: Any,
    path: Any = "/",
    method: str = "GET",
    *,
    cookie: str = "",
    body: bytes = b"",
    **extra: Any,
) -> Reply:
    """Send it and read the answer to its end; an exception of the middleware is one of the test."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
        "SERVER_NAME": "app.example.test", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "app.example.test", "REMOTE_ADDR": "203.0.113.9", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ.update(extra)
    environ = {key: value for key, value in environ.items() if value is not ABSENT}
    sent: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not sent or exc_info is not None
        sent[:] = [status, list(headers)]
        return lambda block: None

    blocks: Iterable[bytes] = app(environ, start_response)
    try:
        content = b"".join(blocks)
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
    for name, value in sent[1]:
        assert type(name) is str and type(value) is str
        assert not set("\r\n\0") & set(name + value), (name, value)
    return Reply(int(sent[0][:3]), sent[1], content, environ)


class Jar:
    """A browser's cookies: names, values and what it would refuse (RFC 6265bis 5.7)."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.refused: list[str] = []

    def take(self, set_cookies: Iterable[str]) -> None:
        for line in set_cookies:
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            words = {each.partition("=")[0]: each.partition("=")[2] for each in attributes}
            too_long = len(name) + len(value) > 4096
            broken_host = name.startswith("__Host-") and (
                "Secure" not in words or words.get("Path") != "/" or "Domain" in words
            )
            if too_long or broken_host or (name.startswith("__Secure-") and "Secure" not in words):
                self.refused.append(name)
            elif words.get("Max-Age") is not None and int(words["Max-Age"]) <= 0:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    @property
    def header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())
