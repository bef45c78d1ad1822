"""What came in and what goes out, as plain values: the fake provider's own small web layer."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from wsgi_auth.types import Environ, Headers, Outgoing

Pairs = list[tuple[str, str]]

_REASONS: Final = {
    200: "OK", 201: "Created", 302: "Found", 303: "See Other", 307: "Temporary Redirect",
    400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_SCRIPT: Final = "document.forms[0].submit()"
_SCRIPT_HASH: Final = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_LARGEST_FORM: Final = 1_000_000


@dataclass(frozen=True)
class Asked:
    """A request: ``path`` is below the issuer, ``headers`` by lower-case name, ``base`` the scheme
    and host it came in by."""

    method: str
    path: str
    query: Pairs
    form: Pairs
    headers: Mapping[str, str]
    base: str = ""

    @property
    def fields(self) -> Pairs:
        """The parameters where the method puts them."""
        return self.form if self.method == "POST" else self.query

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; none where the header makes no sense."""
        try:
            found = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in found.items()}


@dataclass(frozen=True)
class Answered:
    """An answer. ``delay``: seconds that pass first."""

    status: int
    headers: Headers
    body: bytes = b""
    delay: float = 0

    @property
    def line(self) -> str:
        """The status with its reason, as WSGI wants it."""
        return f"{self.status} {_REASONS.get(self.status, 'Answer')}"


@dataclass
class Refusal(Exception):
    """A request that is refused with an OAuth error."""

    error: str
    description: str = ""
    status: int = 400
    headers: Headers = field(default_factory=list)

    def answer(self) -> Answered:
        """As JSON (RFC 6749 5.2)."""
        said = {"error": self.error, "error_description": self.description}
        return as_json(said, self.status, self.headers)


def from_environ(environ: Environ, below: str) -> Asked:
    """The request in an environ; ``below`` is the path of the issuer, taken off."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(min(length, _LARGEST_FORM)) if length else b""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return _asked(
        environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers,
        environ.get("CONTENT_TYPE", ""), body, below, f"{environ['wsgi.url_scheme']}://{host}",
    )  # fmt: skip


def from_outgoing(request: Outgoing, below: str) -> Asked:
    """The same of a request that never became bytes."""
    parts = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return _asked(
        request.method, parts.path, parts.query, headers, headers.get("content-type", ""),
        request.body or b"", below, f"{parts.scheme}://{parts.netloc}",
    )  # fmt: skip


def _asked(
    method: str, path: str, query: str, headers: Mapping[str, str], kind: str, body: bytes,
    below: str, base: str,
) -> Asked:  # fmt: skip
    form: Pairs = []
    if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    path = path.removeprefix(below) if below else path
    return Asked(method, path, parse_qsl(query, keep_blank_values=True), form, headers, base)


def once(pairs: Pairs) -> dict[str, str]:
    """The parameters by name; one that stands twice is refused (RFC 6749 3.1)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("invalid_request", "a parameter is there twice")
    return found


def as_json(value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answered:
    """JSON that nobody stores."""
    return Answered(
        status,
        [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers],
        json.dumps(value).encode(),
    )


def as_text(text: str, status: int = 200) -> Answered:
    """Plain text: for the developer who looks at it."""
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    return Answered(status, headers, text.encode())


def with_query(url: str, pairs: Pairs) -> str:
    """``url`` with these parameters behind those it has."""
    return url + ("&" if "?" in url else "?") * bool(pairs) + urlencode(pairs)


def redirect(url: str, headers: Iterable[tuple[str, str]] = ()) -> Answered:
    """A browser goes to ``url``."""
    return Answered(303, [("Location", url), ("Cache-Control", "no-store"), *headers])


def form_post(url: str, pairs: Pairs, headers: Iterable[tuple[str, str]] = ()) -> Answered:
    """A page that posts ``pairs`` to ``url`` by itself (Form Post Response Mode 2)."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in pairs
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>One moment</title>'
        f'<form method="post" action="{escape(url)}">{fields}'
        f"<noscript><button>Continue</button></noscript></form><script>{_SCRIPT}</script></html>"
    )
    policy = f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; base-uri 'none'"
    return Answered(
        200,
        [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"),
         ("Content-Security-Policy", policy), *headers],
        page.encode(),
    )  # fmt: skip
