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


def shown(text: object) -> str:
    """Text from outside for a line of the log: quoted, controls escaped, at most 200 characters."""
    return ascii(str(text)[:200])


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

    @cached_property
    def logger(self) -> logging.Logger:
        """The operator's log."""
        return self._logger()

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
