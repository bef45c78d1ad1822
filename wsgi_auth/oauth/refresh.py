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

    def renewed(self, client: Client, tokens: Tokens, now: float) -> Tokens:
        """Fresh tokens for these; raises what :meth:`Client.refresh` does. No lock is held while
        the provider is asked."""
        key = hashlib.sha256(tokens.refresh_token.encode()).digest()
        with self._lock:
            recent = self._recent.get(key)
            if recent is not None and recent[0] <= now < recent[0] + REMEMBERED:
                return recent[1]
            flight = self._flights.setdefault(key, Flight(lambda: client.refresh(tokens, now)))
        try:
            fresh = flight.land()
        except BaseException:
            with self._lock:
                self._flights.pop(key, None)
            raise
        with self._lock:  # together: whoever comes next finds the one or the other
            self._flights.pop(key, None)
            self._recent[key] = now, fresh
            if len(self._recent) > MOST:
                self._recent = {
                    each: found for each, found in self._recent.items()
                    if now < found[0] + REMEMBERED
                }  # fmt: skip
        return fresh
