"""Interleaved rounds: every case once a round, in shuffled order, thread CPU time."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from types import FunctionType
from typing import Any, TypeVar, cast

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

#: Headers made at once: few enough for all of them to be in the processor's cache, as what a server
#: has just received is, and enough for the clock to cost nothing.
_AT_ONCE = 50

Function = TypeVar("Function", bound=Callable[..., Any])
Middleware = TypeVar("Middleware")


class Response:
    """What a server keeps of one response; the least that PEP 3333 asks for."""

    __slots__ = ("headers", "status")

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Keep what is to be sent."""
        self.status = status
        self.headers = headers
        return self.write

    def write(self, block: bytes) -> None:
        """The callable that PEP 3333 asks for."""


def own(function: Function) -> Function:
    """A copy of ``function`` with code of its own.

    The interpreter adapts code to what it has seen. In a process an application runs below one
    middleware, and a middleware around one application; here each meets all the others in turn,
    and would be adapted to none.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                        function.__defaults__, function.__closure__)  # fmt: skip
    return cast(Function, copy)


def alone(middleware: type[Middleware], app: Callable[..., Any], *arguments: Any) -> Middleware:
    """``middleware`` around ``app``, each as it would be in a process of its own."""
    copied = {"__call__": own(cast(FunctionType, middleware.__call__))}
    kind = type(middleware.__name__, (middleware,), copied)
    return cast(Middleware, kind(own(app), *arguments))


def _serve(app: App, given: Environ, headers: Iterable[str | None], name: str) -> float:
    """Serve one request for each of ``headers`` (None: without it): CPU seconds."""
    began = time.thread_time()
    for header in headers:
        environ = given.copy()
        if header is not None:
            environ[name] = header
        respond(app, environ)
    return time.thread_time() - began


def _anew(header: str) -> str:
    """``header`` as a server makes it of what it received."""
    return header.encode("latin-1").decode("latin-1")


def respond(app: App, environ: Environ) -> tuple[Response, bytes]:
    """One request, by as little of a server as there can be (PEP 3333)."""
    response = Response()
    body = app(environ, response.start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return response, content


@dataclass
class Case:
    """One thing to measure: ``app`` on ``environ``.

    ``cookies``: headers that take turns, one a call (for a cache to be missed); ``header``: which.
    """

    name: str
    app: App
    environ: Environ
    cookies: Sequence[str] = ()
    calls: int = 0
    header: str = "HTTP_COOKIE"
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._headers = cycle(self.cookies or (None,))
        self._serve = own(_serve)

    def batch(self, calls: int) -> float:
        """CPU seconds per call over one batch, each header made anew shortly before."""
        headers = islice(self._headers, calls)
        seconds = 0.0
        gc.disable()
        while some := [header and _anew(header) for header in islice(headers, _AT_ONCE)]:
            seconds += self._serve(self.app, self.environ, some, self.header)
        gc.enable()
        return seconds / calls


def run(cases: Sequence[Case], rounds: int, batch_seconds: float, seed: int = 1) -> None:
    """Fill in ``seconds`` of every case: one number a round."""
    for case in cases:
        case.batch(10)
        once = min(case.batch(20) for _ in range(3))
        case.calls = max(5, int(batch_seconds / once))
    order = list(cases)
    shuffle = random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        for case in order:
            case.seconds.append(case.batch(case.calls))
        gc.collect()
    for case in cases:
        assert len(case.seconds) >= rounds


def ratio(case: Case, unit: Case) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(case.seconds, unit.seconds, strict=True))


def spread(case: Case, unit: Case) -> float:
    """Half the distance of the quartiles, relative to the median: how far rounds disagree."""
    ratios = [a / b for a, b in zip(case.seconds, unit.seconds, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return (high - low) / 2 / middle
