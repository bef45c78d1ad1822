"""60 kB of anything in a header: the longest of a few calls, in milliseconds."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import floors
from benchmarks.measure import Environ, respond
from benchmarks.requests import config, environ
from wsgi_auth import AuthMiddleware

SIZE = 60_000


def _requests() -> Iterator[tuple[str, Environ]]:
    name = config().cookies.session.name
    fill = "a" * SIZE
    for label, cookie in (
        ("one long value", f"{name}={fill}"),
        ("our name again and again", f"{name}=x; " * (SIZE // (len(name) + 4))),
        ("our chunks again and again", f"{name}.0=9~x; " * (SIZE // (len(name) + 8))),
        ("our name without an end", (name + "=") * (SIZE // (len(name) + 1))),
        ("quotes", f'{name}="' + '"' * SIZE),
        ("backslashes", "\\" * SIZE),
        ("semicolons", ";" * SIZE),
        ("dots", f"{name}=" + "." * SIZE),
    ):
        yield f"Cookie: {label}", environ("/members", cookie)
    yield "path: slashes", environ("/" * SIZE)
    yield "path: dot segments", environ("/a/.." * (SIZE // 5))
    yield "path: parameters", environ("/a;b" * (SIZE // 4))
    yield "path: broken UTF-8", environ("/members\xff" * (SIZE // 9))
    yield "query", environ("/members", QUERY_STRING="a=%zz&" * (SIZE // 6))
    yield "Accept", environ("/members", HTTP_ACCEPT="text/html;q=0.1," * (SIZE // 16))
    yield "Authorization", environ("/members", HTTP_AUTHORIZATION="Basic " + fill)


def measure() -> Iterator[tuple[str, float]]:
    """``(label, milliseconds)`` of every hostile request."""
    app = AuthMiddleware(floors.bare, config(matcher=["/members/:path*"]))
    for label, given in _requests():
        worst = 0.0
        for _ in range(3):
            began = time.thread_time()
            respond(app, dict(given))
            worst = max(worst, time.thread_time() - began)
        yield label, worst * 1_000
