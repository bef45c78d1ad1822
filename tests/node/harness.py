"""Real Auth.js (npm ``@auth/core``, and ``next-auth`` 4) in a process of its own.

Fixture ``node`` (a :class:`Node`): a site whose front end is Node and whose ``/py/`` is a Python
application. Node is needed, and npm once: what it installs is kept below ``build/``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests

from tests.needs import require_program
from tests.npm import installed
from tests.processes import Running, free_port, serving

HERE = Path(__file__).parent
FILES = {name: HERE / name for name in ("package.json", "package-lock.json", "server.mjs")}
FILES[".npmrc"] = HERE / "npmrc"


@dataclass
class Node:
    """The running site."""

    server: Running
    python_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def call(self, name: str, **params: Any) -> Any:
        """The answer of a function of the packages: ``encode``, ``decode``, ``getToken``."""
        answer = requests.post(f"{self.url}/control", json={"call": name, **params}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def python(self, app: Any) -> Iterator[None]:
        """``app`` at ``/py/`` while the block runs."""
        server = make_server("127.0.0.1", self.python_port, app, handler_class=_Silent)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running(secrets: list[str]) -> Iterator[Node]:
    """The site while the block runs, ended by its own process id. ``secrets`` newest first."""
    program = require_program("node", "https://nodejs.org")
    folder = installed("node", FILES, "npm @auth/core")
    port, python = free_port(), free_port()
    log = str(folder / f"log-{port}.txt")
    arguments = [program, "server.mjs", str(port), str(python), json.dumps(secrets)]
    try:
        with serving(arguments, port, folder, LOG=log, NODE_OPTIONS="") as server:
            yield Node(server, python)
    finally:
        Path(log).unlink(missing_ok=True)
