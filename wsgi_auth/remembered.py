"""What was proven a moment ago, so that a program which proves it with every request does not cost
a slow check each time.

What lives here: remembering, by a MAC under a key of this process, so that no password and no token
is kept. What must not: what is proven, and how.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from wsgi_auth.types import Environ

#: Most that is remembered; what was remembered first goes first.
MOST = 1_024
#: Seconds for which it is.
LIFETIME = 60

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by what proved them, each for :data:`LIFETIME`. For many threads."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, proof: str, environ: Environ) -> bytes:
        """What a proof is remembered by, at the host that the request is for: the application's
        callables are given the request, and may know somebody at one of its hosts only."""
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        octets = f"{host}\0{proof}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(octets, key=self._key).digest()  # a MAC by itself (RFC 7693)

    def get(self, key: bytes, now: float) -> Value | None:
        """The value that was put there, while it lasts."""
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] <= now:  # it must not come back with the clock
                del self._known[key]
        # nothing lasts longer because the clock went back
        is_current = known is not None and now < known[0] <= now + LIFETIME
        return known[1] if known is not None and is_current else None

    def put(self, key: bytes, value: Value, now: float, ends: float = math.inf) -> None:
        """Remember this value from ``now`` on, which ``ends`` then (seconds since the epoch)."""
        with self._lock:
            self._known[key] = (min(now + LIFETIME, ends), value)
            self._known.move_to_end(key)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
