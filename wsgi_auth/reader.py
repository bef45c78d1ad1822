"""``CookieSessionReader``: the Cookie header to a :class:`Reading`. On the path of every request.

What lives here: finding the session's cookie, and remembering what was verified. What a value
means is the strategy's business; nothing here writes anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.cookies import BEFORE, ENDS
from wsgi_auth.errors import NO_JSON
from wsgi_auth.once import once
from wsgi_auth.sessions import strategy_for
from wsgi_auth.sessions.view import SessionView, default_session
from wsgi_auth.types import (
    ANONYMOUS,
    Environ,
    JWTContext,
    Reading,
    Stored,
    Then,
    Unreadable,
)

if TYPE_CHECKING:
    from wsgi_auth.protocols import SessionStrategy
    from wsgi_auth.tenants import Tenants

#: Most values that are looked at where a request brings several: more than a browser has, and no
#: more questions to a store for one request than this.
_MOST = 16
#: What a token is looked up by, its signature mostly: looking it up by all of it takes longer. The
#: whole of it is compared then.
_TAIL = 43
#: Verified tokens remembered per generation; two generations are kept.
_REMEMBERED = 2_048
#: Longer ones are not remembered, which bounds the memory (R100).
_REMEMBERED_LENGTH = 2_048


class CookieSessionReader:
    """Reads the session from the cookies of a request; usable alone (a worker, a WebSocket server).

    ``config`` is an :class:`AuthConfig` or a mapping. Reads only: what is due (a renewal, a
    clearing) is said in the reading and done by the middleware.
    """

    def __init__(
        self, config: AuthConfig | Mapping[str, Any], strategy: SessionStrategy | None = None
    ) -> None:
        if not isinstance(config, AuthConfig):
            config = AuthConfig.from_mapping(config)
        self.view = SessionView(config.callbacks.jwt, config.callbacks.session)
        self.strategy = strategy or strategy_for(config)
        self._cookie = config.cookies.session
        self._name = self._cookie.name
        older = self._cookie.older
        self._former = self._cookie.but(name=older, older=None) if older else None
        self._config = config
        self._asks_home = any(each.type == "per_request" for each in config.providers)
        self._asks_nobody = self.view.plain and not self._asks_home
        self._remembers = self._asks_nobody and self.strategy.cacheable
        self._has_ended = self.strategy.has_ended
        #: Without this in the Cookie header nobody is signed in.
        self.mark = self._name if self._former is None else ""
        self._load = self.strategy.load
        self._known: dict[str, Stored] = {}
        self._older: dict[str, Stored] = {}
        self._seen: set[str] = set()

    @once
    def tenants(self) -> Tenants:
        """Whose session is at home where, if providers are made per request."""
        from wsgi_auth.tenants import Tenants

        return Tenants(self._config)

    def read(self, environ: Environ, now: float) -> Reading:
        """The reading of this request at ``now`` (seconds since the epoch).

        Never raises for anything a client sends. Of duplicates the first that verifies counts
        (R010). Raises :class:`CallbackError` when a callback fails (:class:`ConfigError` for what
        ``per_request`` returned) and :class:`StoreUnavailable` when the store does.
        """
        header = environ.get("HTTP_COOKIE")
        if not header:
            return ANONYMOUS
        # The usual request holds the cookie once, in one piece: no list, no regular expression, and
        # looked for once. Cut by partition: to call find takes longer than all the copying.
        before, found, after = header.partition(self._name)
        if not found:
            return ANONYMOUS if self._former is None else self._read_former(header, environ, now)
        if self._remembers and after and after[0] == "=" and (not before or before[-1] in BEFORE):
            value, _, _ = after.partition(";")  # with the "=" in front
            tail = value[-_TAIL:]
            stored = self._known.get(tail) or self._older.get(tail)
            is_known = stored is not None and stored.value == value
            if not is_known:
                load = self._load
                stored = load(value[1:], now)
            if stored is None:
                if (
                    self._former is None
                    and self._name not in after
                    and not any(each in value for each in ENDS)
                ):
                    return ANONYMOUS  # the only one there is, and read as a whole
            elif now < stored.ends_at and (
                self._has_ended is None or not self._has_ended(stored.claims, now)
            ):
                if now < stored.renew_at:
                    if not is_known:
                        # kept when it comes for the second time: many a one never comes again
                        seen = self._seen
                        if tail in seen:
                            self._remember(value, stored)
                        elif len(seen) < _REMEMBERED:
                            seen.add(tail)
                        else:
                            self._seen = {tail}
                    return stored
                alone = self._name not in after
                names = (self._name,) if alone else self._names(header)
                return Reading(stored.session, stored.claims, Then.RENEW, names, stored.kept)
        return self._read(header, environ, now)

    def _read(self, header: str, environ: Environ, now: float) -> Reading:
        values, names = self._cookie.found(header)
        ended = False
        for value in values[:_MOST]:
            stored = self._load(value, now)
            if stored is None:
                continue
            if now < stored.ends_at and not (
                self._has_ended is not None and self._has_ended(stored.claims, now)
            ):
                return self._living(header, stored, environ, now)
            ended = True
        if ended:
            return Reading(None, None, Then.CLEAR, names)
        # not ours, or an older secret's: left alone
        return ANONYMOUS if self._former is None else self._read_former(header, environ, now)

    def unasked(self, environ: Environ, now: float) -> Reading:
        """Nobody, where a callback fails that says what the session is; with what the cookie holds
        by itself, for a sign-out or another sign-in to end it."""
        header = environ.get("HTTP_COOKIE") or ""
        values, names = self._cookie.found(header)
        for value in values[:_MOST]:
            stored = self._load(value, now)
            if stored is None or now >= stored.ends_at:
                continue
            if self._has_ended is not None and self._has_ended(stored.claims, now):
                continue
            if self._asks_home and not self.tenants.is_home(stored.claims, environ):
                return ANONYMOUS  # another tenant's: left alone
            return Unreadable(Reading(None, stored.claims, names=names, kept=stored.kept))
        return ANONYMOUS

    def _read_former(self, header: str, environ: Environ, now: float) -> Reading:
        """The session under an older name, which is another program's: nothing is ever due."""
        former = self._former
        if former is None or former.name not in header:
            return ANONYMOUS
        for value in former.found(header)[0][:_MOST]:
            stored = self._load(value, now)
            if (
                stored is not None
                and now < stored.ends_at
                and (self._has_ended is None or not self._has_ended(stored.claims, now))
            ):
                reading = self._living(header, stored, environ, now)
                return Reading(reading.session, reading.claims)
        return ANONYMOUS

    def _living(self, header: str, stored: Stored, environ: Environ, now: float) -> Reading:
        due = now >= stored.renew_at
        if not due and self._asks_nobody:
            return stored
        claims, session = stored.claims, stored.session
        if self._asks_home and not self.tenants.is_home(claims, environ):
            return ANONYMOUS  # another tenant's: left alone, for it is good over there
        if self.view.has_jwt:
            wanted = self.view.claims(claims, JWTContext(environ))
            if wanted is None:
                return Reading(None, None, Then.CLEAR, self._cookie.names(header))
            if wanted != claims:
                due = due or _is_change(wanted, claims)
                session = default_session(wanted)
            claims = wanted
        session = self.view.shown(session, claims, environ)
        if due:
            return Reading(session, claims, Then.RENEW, self._names(header), stored.kept)
        return Reading(session, claims, kept=stored.kept)

    def _names(self, header: str) -> tuple[str, ...]:
        return self._cookie.found(header)[1]

    def _remember(self, value: str, stored: Stored) -> None:
        """Keep a verified token, with the "=" in front of it.

        Two generations: the older one goes when the newer is full. Threads may lose an entry to
        each other, which costs one verification.
        """
        if len(value) <= _REMEMBERED_LENGTH:
            if len(self._known) >= _REMEMBERED:
                self._older, self._known = self._known, {}
            stored.value = value
            self._known[value[-_TAIL:]] = stored


def _is_change(wanted: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """Whether it is one once it is written: JSON makes text of a key that is a number, and the next
    request would find the same change again."""
    try:
        return bool(json.loads(json.dumps(wanted)) != claims)
    except NO_JSON:
        return True  # where it is to be written it is said
