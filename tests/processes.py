"""A server in a process of its own, on a free port of 127.0.0.1, ended by its own process id."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def deaf() -> Iterator[int]:
    """A port that takes no connection, and refuses none."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Running:
    """A server that answers on ``port``."""

    port: int

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; ``_`` in a header's name is ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return Answer(answer.status, answer.headers, text)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)


@contextmanager
def serving(
    arguments: list[str], port: int, cwd: Path, seconds: float = 40, **env: str
) -> Iterator[Running]:
    """Run ``arguments`` until the block ends; its output is shown where it fails to start."""
    log = Path(env.pop("LOG", "") or os.devnull)
    with log.open("w") as stream:
        process = subprocess.Popen(
            arguments, cwd=cwd, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **env}
        )
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                output = log.read_text() if log.is_file() else ""
                assert process.poll() is None, f"{arguments} ended: {output}"
                assert time.monotonic() < until, f"{arguments} does not answer: {output}"
                time.sleep(0.1)
        yield Running(port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


PYTHON = sys.executable
