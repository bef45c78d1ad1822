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


Function = TypeVar("Function", bound=Callable[..., Any])


class Server:
    """As little of a server as answers a request: keeps what it is told, sends the body nowhere."""

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        self.status = status
        self.headers = headers
        return self.write

    def write(self, block: bytes) -> None:
        """The callable that PEP 3333 asks for."""


def own(function: Function) -> Function:
    """A copy of ``function`` with code of its own.

    The interpreter adapts code to what it has seen. In a process an application runs below one
    middleware; here it runs below all of them in turn, and would be adapted to none.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                        function.__defaults__, function.__closure__)  # fmt: skip
    return cast(Function, copy)


def _serve(app: App, environs: list[Environ], start_response: Any) -> float:
    began = time.thread_time()
    for environ in environs:
        for _ in app(environ, start_response):
            pass
    return time.thread_time() - began


def _serve_cookies(app: App, environ: Environ, headers: list[str], start_response: Any) -> float:
    began = time.thread_time()
    for environ["HTTP_COOKIE"] in headers:
        for _ in app(environ, start_response):
            pass
    return time.thread_time() - began


@dataclass
class Case:
    """One thing to measure: ``app`` on ``environ``.

    ``cookies``: headers that take turns, one a call (for a cache to be missed). ``fresh``: each
    call has an environ that nothing has written into, for applications that leave things there.
    """

    name: str
    app: App
    environ: Environ
    cookies: Sequence[str] = ()
    fresh: bool = False
    calls: int = 0
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._headers = cycle(self.cookies)
        self._start_response = Server().start_response
        self._serve = own(_serve)
        self._serve_cookies = own(_serve_cookies)

    def batch(self, calls: int) -> float:
        """CPU seconds per call over one batch."""
        count = calls if self.fresh else 1
        environs = [dict(self.environ) for _ in range(count)]
        headers = list(islice(self._headers, calls))
        gc.disable()
        if headers:
            seconds = self._serve_cookies(self.app, environs[0], headers, self._start_response)
        else:
            environs *= calls // count
            seconds = self._serve(self.app, environs, self._start_response)
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
