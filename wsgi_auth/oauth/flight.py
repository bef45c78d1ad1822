"""One request for all who wait for its answer.

What lives here: threads that want the same thing at the same time. What must not: what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from wsgi_auth.errors import ProviderUnavailable

Value = TypeVar("Value")

#: Seconds that somebody waits for another's request: longer than a transport takes.
PATIENCE = 30


class Flight(Generic[Value]):
    """Makes one call for all threads that want its outcome while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Future[Value] | None = None

    def land(self, fetch: Callable[[], Value], known: Callable[[bool], Value | None]) -> Value:
        """What is ``known``, else what ``fetch`` returns or raises.

        ``known`` is told whether a call is under way, and returns or raises what to go on with in
        place of one, None for nothing. It is asked under a lock, so a thread that comes late finds
        what the call before it brought; ``fetch``, without one, stores that before it returns.

        A call that never ends (its thread was lost with a fork) is
        :class:`~wsgi_auth.errors.ProviderUnavailable`, and the next one starts anew.
        """
        with self._lock:
            shared = self._under_way
            value = known(shared is not None)
            if value is not None:
                return value
            if shared is None:
                mine = self._under_way = Future[Value]()
        if shared is not None:
            return self._shared(shared)
        try:
            value = fetch()
            mine.set_result(value)
        except Exception as error:
            mine.set_exception(error)
            raise
        except BaseException:  # ends this thread (an exit, a server's time-out) and no other
            mine.set_exception(ProviderUnavailable("an earlier request was broken off"))
            raise
        finally:
            self._clear(mine)
        return value

    def _shared(self, under_way: Future[Value]) -> Value:
        try:
            return under_way.result(PATIENCE)
        except TimeoutError:
            self._clear(under_way)
            raise ProviderUnavailable("an earlier request never came back") from None

    def _clear(self, done: Future[Value]) -> None:
        with self._lock:
            if self._under_way is done:
                self._under_way = None
