"""Under a real server: what a request costs gunicorn's worker, CPU time over the bare application.

One sync worker each, taking turns on one core; rounds of requests in shuffled order, each on a
connection of its own, as that worker wants. The kernel's count of the worker's CPU time (Linux
only).
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from benchmarks import floors
from benchmarks.requests import among_others, claims, config, hand_written_cookies, session_cookies
from wsgi_auth import AuthMiddleware
from wsgi_auth.tokens import derive

#: The workers take turns on the first, and who asks them is elsewhere: where the scheduler puts
#: which of them makes more of a difference than what they do.
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []

bare = floors.bare
settings = config()
protected = AuthMiddleware(floors.reads_ours, settings)
name = settings.cookies.session.name
by_hand = floors.HandWrittenUncached(
    floors.reads_hand_written, name, derive(settings.secret[0], f"wsgi_auth.session {name}")
)

#: What is served, with the number of distinct tokens that come in turn, and the target.
CASES = (
    ("bare", "bare", 6_000, None),
    ("signed session, token not seen before", "protected", 6_000, 20),
    ("the same by the hand-written reader", "by_hand", 6_000, None),
    ("signed session, token seen before", "protected", 1, 6),
)


class Worker:
    """gunicorn with one worker on a free port of 127.0.0.1, ended on exit by its process id."""

    def __init__(self, app: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{self.port}",
                   "--log-level", "error", f"benchmarks.server:{app}"]  # fmt: skip
        self.process = subprocess.Popen(command)
        self.pid = 0

    def wait(self) -> None:
        """Until it answers, for at most ten seconds."""
        for _ in range(100):
            try:
                self.get("")
            except OSError:
                time.sleep(0.1)
            else:
                children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                self.pid = int(children.read_text().split()[0])
                os.sched_setaffinity(self.pid, CORES[:1])
                return
        raise TimeoutError("gunicorn does not answer")

    def get(self, cookie: str) -> bytes:
        """The answer to one request."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(
                f"GET /members/area HTTP/1.1\r\nHost: app.example.com\r\nAccept: text/html\r\n"
                f"Cookie: {cookie}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        return answer

    @property
    def nanoseconds(self) -> int:
        """CPU time of the worker so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0])

    def end(self) -> None:
        """Stop it and wait for it."""
        self.process.terminate()
        self.process.wait(10)


def measure(rounds: int, requests: int = 500) -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what is added to the bare application, with target and verdict."""
    if not Path("/proc/self/schedstat").exists():
        return
    os.sched_setaffinity(0, CORES[1:] or CORES)
    workers = [Worker(app) for _, app, _, _ in CASES]
    try:
        headers = []
        for worker, (_, app, count, _) in zip(workers, CASES, strict=True):
            worker.wait()
            cookies = hand_written_cookies if app == "by_hand" else session_cookies
            tokens = (among_others(cookies(settings, claims(n))) for n in range(count))
            headers.append(cycle(list(tokens)))
        costs: list[list[float]] = [[] for _ in CASES]
        order = list(range(len(CASES)))
        for number in range(rounds + 1):
            random.Random(number).shuffle(order)
            for which in order:
                began = workers[which].nanoseconds
                for cookie in islice(headers[which], requests):
                    if b"hello" not in workers[which].get(cookie):
                        raise ValueError("the benchmark's own session was refused")
                if number:  # the first round is for warming up
                    costs[which].append(workers[which].nanoseconds - began)
        for (label, _, _, target), cost in zip(CASES[1:], costs[1:], strict=True):
            ratios = (ours / plain for ours, plain in zip(cost, costs[0], strict=True))
            added = (statistics.median(ratios) - 1) * 100
            if target is None:
                yield f"gunicorn, {label}", f"{added:+.0f} %", "", ""
                continue
            verdict = "met" if added <= target else "missed"
            yield f"gunicorn, {label}", f"{added:+.0f} %", f"+{target} %", verdict
    finally:
        os.sched_setaffinity(0, CORES)
        for worker in workers:
            worker.end()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    for line in measure(15):
        print(line)
