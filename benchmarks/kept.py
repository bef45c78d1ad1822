"""wsgi_auth with its sessions in a store: one read of it at each request.

SQLite needs nothing; ``BENCHMARK_REDIS`` and ``BENCHMARK_POSTGRESQL`` are URLs of empty ones. What
is measured is the CPU time of the application's thread, so that of a server is not in it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import floors
from benchmarks.measure import Case
from benchmarks.requests import among_others, claims, config, environ
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import session_cookie


def cases() -> Iterator[tuple[str, Case]]:
    """``(label, case)`` of every store that is there."""
    folder = Path(tempfile.mkdtemp())  # for as long as the process runs
    stores = {"SQLite": f"sqlite:///{folder}/auth.db"}
    for name in ("Redis", "PostgreSQL"):
        url = os.environ.get(f"BENCHMARK_{name.upper()}")
        if url:
            stores[name] = url
    for name, url in stores.items():
        app = AuthMiddleware(floors.reads_ours, config(adapter=url))
        user = {"id": claims()["sub"], "name": claims()["name"], "email": claims()["email"]}
        given = environ("/members/area", among_others(session_cookie(app, user)))
        yield f"wsgi_auth, {name}", Case(name, app, given)
