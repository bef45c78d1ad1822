"""``challenge_401``: the application's own bare 401 becomes our answer, however it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgi_auth.auth import Auth
from wsgi_auth.caching import GUARDED
from wsgi_auth.types import Headers, WSGIApp


class Challenged:
    """Runs the application once and turns its own bare 401 into our negotiated answer.

    Bare: without a ``WWW-Authenticate`` of its own. Its body is closed unread; the cookies that it
    sets (a message to show after sign-in, say) go with our answer.
    """

    __slots__ = ("_app", "_cookies", "_exc_info", "_handle", "_is_out", "is_bare")

    def __init__(self, app: WSGIApp, handle: Auth) -> None:
        self._app = app
        self._handle = handle
        self._cookies: Headers = []
        self._exc_info: Any = None
        self._is_out = False
        self.is_bare = False

    def run(self) -> Iterable[bytes]:
        """The body of the application, or of our answer."""
        body = self._app(self._handle.environ, self._start_response)
        if self.is_bare:
            _close(body)
            return self.challenge()
        # the application may call start_response as late as its first block
        if not self._handle.is_sent:
            return _LateBody(self, body)
        self._is_out = True
        return body

    def _start_response(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self.is_bare = (
            status[:3] == "401"
            and not self._is_out
            and not any(name.lower() == "www-authenticate" for name, _ in headers)
        )
        try:
            if not self.is_bare:
                return self._handle.start_response(status, headers, exc_info)
            if self._handle.is_sent:
                # in place of another answer: raises here if that one has left (PEP 3333)
                self._handle.start_response(status, headers, exc_info)
                self._exc_info = exc_info
        finally:
            exc_info = None  # no circle through this frame
        self._cookies = [each for each in headers if each[0].lower() == "set-cookie"]
        return _swallow

    def challenge(self) -> Iterable[bytes]:
        """Our answer, in place of the application's."""
        handle, exc_info, cookies = self._handle, self._exc_info, self._cookies
        self._exc_info = None
        handle.caching = GUARDED

        def start_response(
            status: str, headers: Headers, again: Any = None
        ) -> Callable[[bytes], object]:
            return handle.start_response(status, [*headers, *cookies], again or exc_info)

        return handle.challenge()(handle.environ, start_response)


class _LateBody:
    """The body of an application that has yet to call start_response; ours once that was a 401.

    No generator: one that was never begun would not close the application's body.
    """

    __slots__ = ("_blocks", "_body", "_challenged")

    def __init__(self, challenged: Challenged, body: Iterable[bytes]) -> None:
        self._challenged: Challenged | None = challenged
        self._body = body
        self._blocks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._blocks is None:
            self._blocks = iter(self._body)
        challenged = self._challenged
        if challenged is None:
            return next(self._blocks)
        try:
            block = next(self._blocks)
        except StopIteration:
            if not challenged.is_bare:
                raise
        else:
            if not challenged.is_bare:
                return block
        self.close()
        self._challenged = None
        self._body = challenged.challenge()
        self._blocks = iter(self._body)
        return next(self._blocks)

    def close(self) -> None:
        body, self._body = self._body, ()
        _close(body)


def _swallow(block: bytes) -> None:
    """The ``write`` of an answer that nobody will see."""


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
