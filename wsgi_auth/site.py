"""The pieces of one middleware, put together once: what the handle and the actions work with.

What lives here: the composition, so that two middlewares in one process share nothing. What must
not: anything that belongs to one request.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wsgi_auth.authorized import Authorizer
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.csrf import CSRF
from wsgi_auth.events import Events
from wsgi_auth.locations import Locations
from wsgi_auth.protocols import Reader
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.responders import Responders
from wsgi_auth.sessions.lifecycle import Lifecycle
from wsgi_auth.tokens import derive

if TYPE_CHECKING:
    from wsgi_auth.pages import Pages
    from wsgi_auth.protocols import Attempts


class Site:
    """One configuration, in working order. ``clock`` gives seconds since the epoch; ``attempts``
    makes the counter of sign-in attempts on first use (it may open a connection)."""

    def __init__(
        self, config: AuthConfig, clock: Callable[[], float], attempts: Callable[[], Attempts]
    ) -> None:
        self.config = config
        self.clock = clock
        self._new_attempts = attempts
        self.events = Events(config.events, config.logger)
        self.locations = Locations(config)
        cookie_reader = CookieSessionReader(config)
        self.cookies = cookie_reader
        self.reader: Reader = config.reader or cookie_reader
        self.view = cookie_reader.view
        self.lifecycle = Lifecycle(config, cookie_reader.strategy, cookie_reader.view, self.events)
        self.authorizer = Authorizer(config, self.locations, self.events)
        self.csrf = CSRF(config.secret, config.cookies.csrf.name)
        home = (config.url.mount if config.url else "") + "/"
        self.responders = Responders(config.responders, lambda: self.pages, home, config.logger)

    @cached_property
    def pages(self) -> Pages:
        """The built-in pages, made when the first is shown."""
        from wsgi_auth.pages import Pages
        from wsgi_auth.texts import Texts
        from wsgi_auth.theme import Theme

        theme: dict[str, Any] = dict(self.config.theme)
        return Pages(Theme(**theme), Texts(self.config.texts))

    @cached_property
    def attempts(self) -> Attempts:
        """The counter of sign-in attempts."""
        return self._new_attempts()

    @cached_property
    def dev_key(self) -> str:
        """What opens the chooser of made-up people: in the link that start-up prints."""
        return derive(self.config.secret[0], "wsgi_auth.dev-key").hex()[:32]

    def is_dev_key(self, key: str) -> bool:
        """Whether it is the key of the chooser of made-up people."""
        return self.config.dev and hmac.compare_digest(
            key.encode("utf-8", "replace"), self.dev_key.encode()
        )
