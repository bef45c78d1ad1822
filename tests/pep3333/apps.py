"""Applications that are awkward in one way each, and write down what is done to them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.pep3333.server import Log

#: One list for every response, as applications have it that prepare their headers.
CONSTANT_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("X-Constant", "yes")]
BLOCKS = (b"one ", b"two ", b"three")


class Wrong(Exception):
    """What the applications raise."""


class Body:
    """An iterable (no generator) that logs every block it is asked for, and its closing.

    ``first`` runs before the first block is made; ``fails_at`` is the number of the block that
    raises; ``endless`` never stops.
    """

    def __init__(
        self,
        log: Log,
        blocks: tuple[bytes, ...] = BLOCKS,
        first: Callable[[], object] | None = None,
        fails_at: int | None = None,
        endless: bool = False,
    ) -> None:
        self._log = log
        self._blocks = blocks
        self._first = first
        self._fails_at = fails_at
        self._endless = endless
        self._made = 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            first()
        if self._made == self._fails_at:
            raise Wrong("while the body was made")
        if not self._endless and self._made == len(self._blocks):
            raise StopIteration
        block = self._blocks[self._made % len(self._blocks)]
        self._made += 1
        self._log.append(("made", block))
        return block

    def close(self) -> None:
        self._log.append(("closed", None))


class FileWrapper(Body):
    """What a server's ``wsgi.file_wrapper`` makes: it is recognised by its type."""


def app(log: Log, answer: Callable[[Any, Any], Any]) -> Any:
    """A WSGI application that logs that it was called."""

    def application(environ: Any, start_response: Any) -> Any:
        log.append(("app", environ))
        return answer(environ, start_response)

    return application


def ok(start_response: Any, headers: Any = None, status: str = "200 OK") -> Any:
    """The usual start of a response."""
    return start_response(status, CONSTANT_HEADERS if headers is None else headers)


def with_body(log: Log, make: Callable[[], Any]) -> Any:
    """200 first, then the body that ``make`` gives."""

    def answer(environ: Any, start_response: Any) -> Any:
        ok(start_response)
        return make()

    return app(log, answer)


def lazy(log: Log, **how: Any) -> Any:
    """An iterable that calls start_response when it is asked for its first block."""

    def answer(environ: Any, start_response: Any) -> Any:
        return Body(log, first=lambda: ok(start_response), **how)

    return app(log, answer)


def generator(log: Log) -> Any:
    """A generator function: nothing at all happens before the first block is asked for."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        log.append(("app", environ))
        try:
            ok(start_response)
            for block in BLOCKS:
                log.append(("made", block))
                yield block
        finally:
            log.append(("closed", None))

    return application


def writes(log: Log) -> Any:
    """Uses write() and returns a block besides."""

    def answer(environ: Any, start_response: Any) -> Any:
        write = ok(start_response)
        write(b"written ")
        log.append(("wrote", None))
        write(b"twice ")
        return [b"returned"]

    return app(log, answer)


def fails_before_headers(log: Log) -> Any:
    """Begins a 200, fails before anything was sent, and answers with an error page instead."""

    def answer(environ: Any, start_response: Any) -> Any:
        try:
            ok(start_response)
            raise Wrong("before the headers left")
        except Wrong:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
            return [b"an error page"]

    return app(log, answer)


def fails_after_headers(log: Log) -> Any:
    """Fails when a block is already on its way: start_response re-raises inside the application."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        ok(start_response)
        yield b"half a page"
        try:
            raise Wrong("after the headers left")
        except Wrong as wrong:
            try:
                start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
            except Wrong as again:
                log.append(("re-raised", again is wrong))
                raise
            log.append(("re-raised", False))
        yield b" and an error page"

    return application


def raises(log: Log) -> Any:
    """Raises where it should answer."""

    def answer(environ: Any, start_response: Any) -> Any:
        raise Wrong("instead of an answer")

    return app(log, answer)
