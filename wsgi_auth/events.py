"""Events and the log: what happened, told to the application's handlers and to the operator.

An exception in a handler is logged and goes no further. Nothing secret is written, and what comes
from outside is shown with its control characters escaped (R101).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wsgi_auth.types import Environ, Event

if TYPE_CHECKING:
    import logging


#: Seconds between two words to the operator about the same trouble.
QUIET = 60


def shown(text: object) -> str:
    """Text from outside for a line of the log: quoted, controls escaped, at most 200 characters."""
    return ascii(str(text)[:200])


class Word:
    """A word to the operator, the first at once and no more than one in :data:`QUIET` seconds:
    neither whoever sends junk nor a store that is down can fill the log. ``log`` is a method of a
    logger."""

    def __init__(self, log: Callable[..., None]) -> None:
        self._log = log
        self._said_at = float("-inf")

    def say(self, now: float, message: str, problem: BaseException | None = None) -> None:
        """Log it, with the traceback of ``problem``, or not. A clock that went back is no reason
        for silence."""
        if not 0 <= now - self._said_at < QUIET:
            self._said_at = now
            self._log("%s", message, exc_info=problem)


class Events:
    """Fires the configured handlers; :meth:`fire` never raises. ``logger`` is asked for once there
    is something to say."""

    def __init__(
        self,
        handlers: Mapping[str, tuple[Callable[..., Any], ...]],
        logger: Callable[[], logging.Logger],
    ) -> None:
        self._handlers = handlers
        self._logger = logger
        self._mentioned: dict[str, Word] = {}

    @cached_property
    def logger(self) -> logging.Logger:
        """The operator's log."""
        return self._logger()

    def mention(
        self,
        topic: str,
        now: float,
        message: str,
        level: str = "error",
        *,
        problem: BaseException | None = None,
    ) -> None:
        """Tell the operator of something that lasts: once in :data:`QUIET` seconds a ``topic``,
        with the traceback of ``problem``."""
        word = self._mentioned.get(topic)
        if word is None:
            word = self._mentioned[topic] = Word(getattr(self.logger, level))
        word.say(now, message, problem)

    def wants(self, name: str) -> bool:
        """Whether anybody listens to this event."""
        return name in self._handlers

    def fire(self, name: str, environ: Environ, **what: Any) -> None:
        """Tell every handler of ``name``; ``what`` are fields of :class:`Event`."""
        for handler in self._handlers.get(name, ()):
            try:
                handler(Event(environ, name, **what))
            except Exception:
                self.logger.exception("the handler of the event %r raised", name)
