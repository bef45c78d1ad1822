"""Not everybody waits for a provider that does not answer.

What lives here: who may ask it meanwhile. What must not: what is asked, and what an answer means.
"""

from __future__ import annotations

import math

from wsgi_auth.errors import ProviderUnavailable
from wsgi_auth.oauth.flight import PATIENCE
from wsgi_auth.protocols import Transport
from wsgi_auth.types import Incoming, Outgoing


class Silence:
    """The way to a provider that is asked with many requests of ours. Once there was no answer, one
    thread at a time waits for the next, and the others fail at once: a provider that is silent
    must not hold every thread of a server.

    There is no pause, which would be one for everybody whenever a single exchange breaks off. And
    no lock: of two that ask at once, both may; one that never came back (its thread was lost with a
    fork) is forgotten.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._is_silent = False
        self._asked_at = -math.inf

    def send(self, request: Outgoing, now: float) -> Incoming:
        """The answer; raises what the transport does. ``now`` is in seconds since the epoch."""
        if self._is_silent:
            if 0 <= now - self._asked_at < PATIENCE:
                raise ProviderUnavailable("it did not answer, and is just being asked again")
            self._asked_at = now
        try:
            response = self._transport.send(request)
        except ProviderUnavailable:
            self._is_silent = True
            raise
        finally:
            self._asked_at = -math.inf
        self._is_silent = False
        return response
