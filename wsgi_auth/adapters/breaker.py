"""The circuit breaker before an adapter: not everybody waits for a store that does not answer.

What lives here: when a store counts as down, and who finds out that it is back. What must not: what
a store is.

:data:`ENOUGH` failures in a row that each took time (a time-out, mostly) and the store is down:
every step fails at once, but for one every :data:`RETRY` seconds, which is let through. The first
answer ends it. A failure that took no time (a refused connection, a record of another release) does
not count: asking again costs nothing, and finds the store as soon as it is there.

No lock is held, during I/O or otherwise: the state is one object, replaced whole, and what only one
may do is taken from a deque.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from wsgi_auth.errors import AlreadyExists, StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import checked

#: So many failures in a row, within so many seconds, are an outage. Not one: whoever waits for
#: another's lock in vain is no reason to send everybody away.
ENOUGH, WITHIN = 3, 30.0
#: Seconds that a failure took to count. The shortest time-out that a store can have is 0.05.
COSTLY = 0.02
#: Seconds between two looks whether the store is back.
RETRY = 1.0


def with_breaker(adapter: Adapter, clock: Callable[[], float], logger: logging.Logger) -> Adapter:
    """The adapter behind a circuit breaker of its own; ``clock`` never goes back (monotonic)."""
    return cast(Adapter, Breaker(adapter, clock, logger))


class Breaker:
    """Has the methods of an adapter. Safe under threads, greenlets and after a fork: a child
    process knows nothing of its parent's outage."""

    def __init__(
        self, adapter: Adapter, clock: Callable[[], float], logger: logging.Logger
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._logger = logger
        self._trouble: _Trouble | None = None  # None: all is well
        self._answered_at = float("-inf")  # the end of the last trouble

    def __getattr__(self, name: str) -> Any:
        """A step of the adapter, guarded from now on; made when it is first looked for."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._adapter, name)
        if name == "close" or not callable(found):
            return found
        guarded = self.__dict__[name] = self._guarded(found)
        return guarded

    def _guarded(self, step: Callable[..., Any]) -> Callable[..., Any]:
        clock = self._clock

        def guarded(*values: Any, **named: Any) -> Any:
            if self._trouble is not None:
                return self._with_care(step, values, named)
            began = clock()
            try:
                found = step(*values, **named)
            except StoreUnavailable:
                self._failed(began)
                raise
            return checked(found)

        return guarded

    def _with_care(
        self, step: Callable[..., Any], values: Sequence[Any], named: Mapping[str, Any]
    ) -> Any:
        trouble = self._trouble
        if trouble is not None and trouble.process != os.getpid():
            self._trouble = trouble = None  # the parent's
        began = self._clock()
        is_trial = trouble is not None and trouble.retry_at is not None
        if trouble is not None and is_trial and not trouble.may_try(began):
            raise StoreUnavailable("the store does not answer, and is left alone for a moment")
        answered = False
        try:
            result = step(*values, **named)
            answered = True
            return checked(result)
        except AlreadyExists:
            answered = True
            raise
        except StoreUnavailable:
            self._failed(began)
            raise
        finally:  # also where the thread or the greenlet is ended
            if answered:
                self._answered(trouble)
            elif is_trial and self._trouble is trouble:
                self._trouble = _Trouble(self._clock() + RETRY)

    def _failed(self, began: float) -> None:
        now = self._clock()
        if now - began < COSTLY or began < self._answered_at:
            return
        trouble = self._trouble
        if trouble is None or trouble.process != os.getpid():
            trouble = self._trouble = _Trouble()
        if trouble.retry_at is None and trouble.is_enough(now):
            self._trouble = _Trouble(now + RETRY)
            self._logger.error(
                "the store of the option adapter does not answer: from now on one request a second "
                "asks it, and the others fail at once"
            )

    def _answered(self, trouble: _Trouble | None) -> None:
        if trouble is None:
            return
        ended, self._trouble = self._trouble, None
        self._answered_at = self._clock()
        if ended is not None and ended.retry_at is not None:
            self._logger.info("the store of the option adapter answers again")


class _Trouble:
    """Failures in a row; with ``retry_at``, an outage, and when the next one may ask."""

    __slots__ = ("_failures", "_turn", "process", "retry_at")

    def __init__(self, retry_at: float | None = None) -> None:
        self.process = os.getpid()
        self.retry_at = retry_at
        self._failures: deque[float] = deque(maxlen=ENOUGH)
        self._turn = deque([True])  # who takes it has it; taking is one atomic step

    def is_enough(self, now: float) -> bool:
        """One more failure: whether it is the one that makes an outage of them."""
        failures = self._failures
        failures.append(now)
        return len(failures) == ENOUGH and now - failures[0] <= WITHIN and self._take_turn()

    def may_try(self, now: float) -> bool:
        """Whether the caller, and nobody else, may ask the store now."""
        return self.retry_at is not None and now >= self.retry_at and self._take_turn()

    def _take_turn(self) -> bool:
        try:
            return self._turn.pop()
        except IndexError:
            return False


__all__ = ["COSTLY", "ENOUGH", "RETRY", "WITHIN", "Breaker", "with_breaker"]
