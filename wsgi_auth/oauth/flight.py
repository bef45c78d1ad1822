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
    """Calls ``fetch`` once for all threads that ask while it runs; no lock is held meanwhile."""

    def __init__(self, fetch: Callable[[], Value]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._under_way: Future[Value] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether somebody's call runs, which another would share."""
        return self._under_way is not None

    def land(self) -> Value:
        """What ``fetch`` returns or raises. A call that never ends (its thread is lost with a
        fork) is :class:`~wsgi_auth.errors.ProviderUnavailable`, and the next one starts anew."""
        with self._lock:
            mine = self._under_way is None
            under_way = self._under_way = self._under_way or Future()
        if mine:
            try:
                under_way.set_result(self._fetch())
            except BaseException as error:
                under_way.set_exception(error)
            finally:
                self._clear(under_way)
        try:
            return under_way.result(PATIENCE)
        except TimeoutError:
            self._clear(under_way)
            raise ProviderUnavailable("an earlier request never came back") from None

    def _clear(self, done: Future[Value]) -> None:
        with self._lock:
            if self._under_way is done:
                self._under_way = None
