"""Fresh tokens, asked for once however many requests want them.

What lives here: requests of one process that hold the same refresh token, which a provider with
rotation takes only once. What must not: where tokens are kept (``vault``).
"""

from __future__ import annotations

import hashlib
import threading

from wsgi_auth.oauth.client import Client
from wsgi_auth.oauth.flight import Flight
from wsgi_auth.oauth.token import Tokens

#: Seconds for which a request that still bears the old refresh token is given the new tokens.
REMEMBERED = 60
#: Most answers that are remembered.
MOST = 10_000


class Refresher:
    """Renews the tokens of one middleware's users."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[bytes, Flight[Tokens]] = {}
        self._recent: dict[bytes, tuple[float, Tokens]] = {}

    def renewed(self, party: str, client: Client, tokens: Tokens, now: float) -> Tokens:
        """Fresh tokens for these; raises what :meth:`Client.refresh` does. No lock is held while
        the provider is asked. ``party``: whose they are, for two may issue the same text."""
        key = hashlib.sha256(f"{party}\n{tokens.refresh_token}".encode()).digest()

        def known(_: bool) -> Tokens | None:
            when, fresh = self._recent.get(key, (0.0, None))
            return fresh if abs(now - when) < REMEMBERED else None

        def fetch() -> Tokens:
            fresh = client.refresh(tokens, now)
            with self._lock:
                self._recent[key] = now, fresh
                if len(self._recent) > MOST:
                    self._recent = {
                        each: found for each, found in self._recent.items()
                        if abs(now - found[0]) < REMEMBERED
                    }  # fmt: skip
            return fresh

        with self._lock:
            flight = self._flights.setdefault(key, Flight())
        try:
            return flight.land(fetch, known)
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
