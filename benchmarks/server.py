"""Under a real server: what a request costs gunicorn's worker, CPU time over the bare application.

One sync worker each, taking turns on one core; rounds of requests in shuffled order, each on a
connection of its own, as that worker wants. The kernel's count of the worker's CPU time (Linux
only). Two workers that run the same code differ by several percent for as long as they live (where
their memory happens to lie): so each worker serves the bare application too, and is compared with
itself; what counts is the median of several sets of workers.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import floors
from benchmarks.measure import App, Environ, own
from benchmarks.requests import among_others, claims, config, hand_written_cookies, session_cookies
from wsgi_auth import AuthMiddleware
from wsgi_auth.jwe import hkdf
from wsgi_auth.tokens import derive

#: The workers take turns on the first, and who asks them is elsewhere: where the scheduler puts
#: which of them makes more of a difference than what they do.
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
#: Rounds of one set of workers, beside one for warming up, and requests of a round.
ROUNDS = 24
REQUESTS = 50
#: As many different tokens as a worker is sent requests.
DISTINCT = 2 * (ROUNDS + 1) * REQUESTS

settings = config()
name = settings.cookies.session.name
_floor = floors.reads_hand_written, name, derive(settings.secret[0], f"wsgi_auth.session {name}")
of_authjs = config(session={"strategy": "jwt"})
its_name = of_authjs.cookies.session.name
_key = hkdf(
    settings.secret[0],
    its_name.encode(),
    f"Auth.js Generated Encryption Key ({its_name})".encode(),
    64,
)
_header = session_cookies(of_authjs, claims()).partition("=")[2].partition(".")[0].encode()


def _beside_bare(app: App) -> App:
    """``app``, and the bare application below ``/bare``."""
    bare = own(floors.bare)

    def choice(environ: Environ, start_response: Any) -> Iterable[bytes]:
        chosen = bare if environ["PATH_INFO"] == "/bare" else app
        return chosen(environ, start_response)

    return choice


protected = _beside_bare(AuthMiddleware(floors.reads_ours, settings))
by_hand = _beside_bare(floors.HandWrittenUncached(*_floor))
by_hand_seen = _beside_bare(floors.HandWrittenSeen(*_floor))
shared = _beside_bare(AuthMiddleware(floors.reads_ours, of_authjs))
shared_by_hand = _beside_bare(
    floors.HandWrittenJWEUncached(floors.reads_hand_written, its_name, _key, _header)
)

_ours = partial(session_cookies, settings)
_by_hand = partial(hand_written_cookies, settings)
_authjs = partial(session_cookies, of_authjs)


class Served(NamedTuple):
    """One line: what is served, to sessions as ``sign`` writes them, so many different ones."""

    label: str
    app: str
    sign: Callable[..., str]
    tokens: int
    target: int | None = None


CASES = (
    Served("signed session, token not seen before", "protected", _ours, DISTINCT, 20),
    Served("the same by the hand-written reader", "by_hand", _by_hand, DISTINCT),
    Served("signed session, token seen before", "protected", _ours, 1, 6),
    Served("the same by the hand-written reader, which keeps it", "by_hand_seen", _by_hand, 1),
    Served("Auth.js's cookie, token not seen before", "shared", _authjs, DISTINCT, 40),
    Served("the same by the hand-written reader", "shared_by_hand", _authjs, DISTINCT),
)


class Worker:
    """gunicorn with one worker on a free port of 127.0.0.1, ended on exit by its process id."""

    def __init__(self, app: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.address = listening.getsockname()
            number = listening.fileno()
            command = [sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"fd://{number}",
                       "--no-control-socket", "--log-level", "error",
                       f"benchmarks.server:{app}"]  # fmt: skip
            self.process = subprocess.Popen(command, pass_fds=[number])
        self.pid = 0

    def wait(self) -> None:
        """Until it answers, for at most ten seconds."""
        for _ in range(100):
            try:
                self.get("/bare", "")
            except OSError:
                time.sleep(0.1)
            else:
                children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                self.pid = int(children.read_text().split()[0])
                os.sched_setaffinity(self.pid, CORES[:1])
                return
        raise TimeoutError("gunicorn does not answer")

    def get(self, path: str, cookie: str) -> bytes:
        """The answer to one request."""
        with socket.create_connection(self.address, 10) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: app.example.com\r\nAccept: text/html\r\n"
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


def measure(sets: int) -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what is added to the bare application, with target and verdict."""
    if not Path("/proc/self/schedstat").exists():
        return
    os.sched_setaffinity(0, CORES[1:] or CORES)
    try:
        headers = [
            [among_others(served.sign(claims(number))) for number in range(served.tokens)]
            for served in CASES
        ]
        ratios = [_ratios(headers, number) for number in range(sets)]
    finally:
        os.sched_setaffinity(0, CORES)
    for served, found in zip(CASES, zip(*ratios, strict=True), strict=True):
        added = (statistics.median(found) - 1) * 100
        if served.target is None:
            yield f"gunicorn, {served.label}", f"{added:+.0f} %", "", ""
            continue
        verdict = "met" if added <= served.target else "missed"
        yield f"gunicorn, {served.label}", f"{added:+.0f} %", f"+{served.target} %", verdict


def _ratios(headers: list[list[str]], seed: int) -> list[float]:
    """By one set of workers: CPU time of each case over that of the bare application."""
    workers = [Worker(served.app) for served in CASES]
    shuffle = random.Random(seed).shuffle
    try:
        for worker in workers:
            worker.wait()
        turns = [cycle(each) for each in headers]
        costs: dict[tuple[int, str], list[int]] = {
            (which, path): [] for which in range(len(CASES)) for path in ("/bare", "/members/area")
        }
        order = list(costs)
        for _ in range(ROUNDS + 1):
            shuffle(order)
            for which, path in order:
                began = workers[which].nanoseconds
                for cookie in islice(turns[which], REQUESTS):
                    if b"hello" not in workers[which].get(path, cookie):
                        raise ValueError("the benchmark's own session was refused")
                costs[which, path].append(workers[which].nanoseconds - began)
        # the first round was for warming up
        return [
            statistics.median(
                ours / plain
                for ours, plain in zip(
                    costs[which, "/members/area"][1:], costs[which, "/bare"][1:], strict=True
                )
            )
            for which in range(len(CASES))
        ]
    finally:
        for worker in workers:
            worker.end()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    for line in measure(9):
        print(line)
