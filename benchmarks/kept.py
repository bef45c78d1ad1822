"""wsgi_auth with its sessions in a store: one read of it at each request.

What is measured is the CPU time of the application's thread, so that of a server is not in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from benchmarks import floors
from benchmarks.measure import Case
from benchmarks.requests import among_others, claims, config, environ
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import session_cookie


def cases(stack: ExitStack, servers: Mapping[str, str]) -> Iterator[tuple[str, Case]]:
    """``(label, case)`` of SQLite and of every server; good until the ``stack`` ends."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    for name, url in {"SQLite": f"sqlite:///{folder}/auth.db", **servers}.items():
        app = AuthMiddleware(floors.reads_ours, config(adapter=url))
        adapter = app.site.adapter
        assert adapter is not None
        stack.callback(adapter.close)
        user = {"id": claims()["sub"], "name": claims()["name"], "email": claims()["email"]}
        given = environ("/members/area", among_others(session_cookie(app, user)))
        yield f"wsgi_auth, {name}", Case(name, app, given)
