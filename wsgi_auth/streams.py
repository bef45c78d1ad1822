"""An answer without an end that ends with its session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from wsgi_auth.errors import AuthError
from wsgi_auth.types import HeaderReading

if TYPE_CHECKING:
    from wsgi_auth.auth import Auth


class WhileSignedIn:
    """Blocks of an endless answer, until its session is over; then the answer ends."""

    __slots__ = (
        "_blocks", "_clock", "_ends", "_environ", "_events", "_every", "_handle", "_looked_at",
    )  # fmt: skip

    def __init__(self, handle: Auth, events: Iterable[bytes], every: float) -> None:
        self._handle = handle
        # it may go on, in a thread of its own, where the response itself is complete
        self._environ = handle.environ.copy()
        self._events: Iterable[bytes] = events
        self._blocks = iter(events)
        self._every = every
        self._clock = handle.site.clock
        self._looked_at = self._clock()
        claims = handle.reading.claims
        self._ends: float = 0 if claims is None else claims["exp"]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        if not self._is_signed_in(self._clock()):
            raise StopIteration
        return block

    def _is_signed_in(self, now: float) -> bool:
        handle = self._handle
        claims = handle.reading.claims
        if claims is not None and type(handle.reading) is HeaderReading:
            return now < self._ends  # no cookie knows more of it
        if now >= self._ends:
            # prolonged meanwhile by other requests, perhaps
            self._looked_at = 0.0
        if self._looked_at <= now < self._looked_at + self._every:
            return True
        try:
            fresh = handle.site.reader.read(self._environ, now)
        except AuthError:
            return False  # nobody can say whether it has ended
        self._looked_at = now
        if claims is None or fresh.claims is None or fresh.subject != handle.reading.subject:
            return False
        self._ends = fresh.claims["exp"]
        return True

    def close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
