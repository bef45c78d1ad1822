"""What was proven a moment ago, so that a program which proves it with every request does not cost
a slow check each time.

What lives here: remembering, by a MAC under a key of this process, so that no password and no token
is kept. What must not: what is proven, and how.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from wsgi_auth.types import Environ

#: Most that is remembered; what was remembered first goes first.
MOST = 1_024

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by what proved them, each until its own end. For many threads."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, proof: str, environ: Environ) -> bytes:
        """What a proof is remembered by, at the host that the request is for: the application's
        callables are given the request, and may know somebody at one of its hosts only."""
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        octets = f"{host}\0{proof}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, octets, "sha256")

    def get(self, key: bytes, now: float) -> Value | None:
        """The value that was put there, while it lasts."""
        with self._lock:
            known = self._known.get(key)
        return known[1] if known is not None and now < known[0] else None

    def put(self, key: bytes, value: Value, until: float) -> None:
        """Remember this value until then (seconds since the epoch)."""
        with self._lock:
            self._known[key] = (until, value)
            self._known.move_to_end(key)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
