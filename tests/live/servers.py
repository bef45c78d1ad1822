"""Real servers in processes of their own, on a free port of 127.0.0.1.

``running("gunicorn", "package.module:app")`` starts one, waits until it answers, and ends it by its
own process id, whatever happens in between. Its output is kept in ``log``.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.needs import find_program, missing, require_module, require_program

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
SECRET = "a secret of more than thirty-two bytes, for live tests"
#: Seconds a server may take until it answers, and until it has ended.
PATIENCE = 20.0


@dataclass
class Running:
    """A server that answers at ``http://127.0.0.1:{port}``."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log_file: Path
    command: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_file.read_text("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request on a connection of its own; nothing is followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


# --- the servers --------------------------------------------------------------------------------

#: What makes the command of a server: for an application (``module:name``) and a port.
Command = Callable[[str, int], list[str]]


def _wsgiref(app: str, port: int) -> list[str]:
    return [sys.executable, "-m", "tests.live.wsgiref_server", app, str(port)]


def _wsgiref_validated(app: str, port: int) -> list[str]:
    return [sys.executable, "-m", "tests.live.wsgiref_server", "--validate", app, str(port)]


def _waitress(app: str, port: int) -> list[str]:
    require_module("waitress")
    program = require_program("waitress-serve", "pip install waitress")
    return [program, f"--listen=127.0.0.1:{port}", "--threads=8", app]


def _gunicorn(app: str, port: int) -> list[str]:
    program = require_program("gunicorn", "pip install gunicorn")
    return [program, "--bind", f"127.0.0.1:{port}", "--workers=1", "--worker-class=gthread",
            "--threads=8", "--graceful-timeout=2", app]  # fmt: skip


def _cheroot(app: str, port: int) -> list[str]:
    program = require_program("cheroot", "pip install cheroot")
    return [program, app, "--bind", f"127.0.0.1:{port}", "--threads", "8"]


def _granian(app: str, port: int) -> list[str]:
    program = require_program("granian", "pip install granian")
    return [program, "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--blocking-threads", "8", "--no-ws", app]  # fmt: skip


def _uwsgi(app: str, port: int) -> list[str]:
    program = require_program("uwsgi", "apt-get install uwsgi-core uwsgi-plugin-python3")
    # Debian's has Python in a plugin, the one from PyPI has it built in
    for plugin in ([], ["--plugin", "python3"]):
        said = subprocess.run([program, *plugin, "--python-version"], capture_output=True,
                              text=True, timeout=PATIENCE)  # fmt: skip
        version = said.stdout.strip().rpartition("\n")[2]
        if said.returncode == 0 and version:
            break
    else:
        missing("uwsgi's Python plugin", "apt-get install uwsgi-plugin-python3")
    if version.split(".")[:2] != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"uwsgi has Python {version} inside, these tests run under another")
    # SIGTERM reloads it otherwise
    return [program, *plugin, "--die-on-term", "--http-socket", f"127.0.0.1:{port}", "--need-app",
            "--threads", "8", "--module", app]  # fmt: skip


SERVERS: dict[str, Command] = {
    "wsgiref": _wsgiref,
    "wsgiref-validated": _wsgiref_validated,
    "waitress": _waitress,
    "gunicorn": _gunicorn,
    "cheroot": _cheroot,
    "granian": _granian,
    "uwsgi": _uwsgi,
}


# --- starting and ending ------------------------------------------------------------------------


@contextlib.contextmanager
def running(
    name: str,
    app: str,
    *,
    environ: Mapping[str, str] | None = None,
    ready: str = "/",
    command: Command | None = None,
) -> Iterator[Running]:
    """The server ``name`` with the application ``app``, as long as the block lasts.

    The process has ``AUTH_SECRET`` and ``AUTH_URL`` (its own address) in its environment, and
    ``environ`` besides. It counts as started when ``ready`` is answered, with whatever status.
    ``command`` starts a server that is not in :data:`SERVERS`.
    """
    make = command or SERVERS[name]
    with TemporaryDirectory(prefix=f"wsgi_auth-{name}-") as folder:
        log_file = Path(folder) / "log"
        for attempt in range(3):
            server = _started(name, make, app, environ or {}, log_file)
            try:
                if _answers(server, ready):
                    yield server
                    return
                if attempt == 2 or "in use" not in server.log:
                    pytest.fail(f"{name} did not start:\n{server.log}", pytrace=False)
            finally:
                _end(server.process)


def _started(
    name: str, make: Command, app: str, environ: Mapping[str, str], log_file: Path
) -> Running:
    port = free_port()
    command = make(app, port)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AUTH_")},
        # uwsgi and whatever has an interpreter of its own finds the packages of this one
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(each for each in sys.path if each)]),
        "PYTHONUNBUFFERED": "1",
        "XDG_RUNTIME_DIR": str(log_file.parent),  # for gunicorn's control socket
        "AUTH_SECRET": SECRET,
        "AUTH_URL": f"http://127.0.0.1:{port}",
        **environ,
    }
    if find_program(command[0]) is None and not Path(command[0]).exists():
        missing(command[0])
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, so that no worker outlives it
        )
    return Running(name, port, process, log_file, command)


def _answers(server: Running, path: str) -> bool:
    """Whether it answers within :data:`PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.request("GET", path)
            return True
        time.sleep(0.03)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started; what is left of its group, too."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
