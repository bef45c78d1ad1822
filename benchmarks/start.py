"""Cold start: a new interpreter until its first response, CPU time and memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

_BARE = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")]); return [b"hello"]
"""
_READER = """
import base64, binascii, hashlib, hmac, json, time, urllib.parse
"""
_OURS = """
from wsgi_auth import AuthMiddleware
app = AuthMiddleware(app, {"secret": "x" * 40, "url": "https://app.example.com",
                           "pages": {"sign_in": "/login"}, "matcher": ["/members/:path*"]})
"""
_CALL = """
import resource
list(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/members", "HTTP_ACCEPT": "text/html",
          "QUERY_STRING": "", "SCRIPT_NAME": ""}, lambda status, headers, exc_info=None: None))
used = resource.getrusage(resource.RUSAGE_SELF)
# of this process; ru_maxrss would count the one that started it
pages = int(open("/proc/self/statm").read().split()[1])
print(used.ru_utime + used.ru_stime, pages * resource.getpagesize() / 1e6)
"""


def _run(code: str) -> tuple[float, float]:
    # with byte code on disk, as an installed package has it
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code + _CALL], capture_output=True, text=True, check=True, env=env
    )
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    return seconds, megabytes


def measure(rounds: int) -> Iterator[tuple[str, str]]:
    """Lines of the table: what ours costs, and what the imports of a hand-written reader do."""
    programs = {"bare": _BARE, "reader": _BARE + _READER, "ours": _BARE + _OURS}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, code in programs.items():
            measured = _run(code)
            if number:  # the first round writes the byte code
                found[name].append(measured)

    def median(name: str, which: int) -> float:
        return statistics.median(each[which] for each in found[name])

    bare, reader, ours = (median(name, 0) for name in programs)
    yield "cold start to the first response, over the bare application", f"{ours / bare:.2f}"
    yield "the same for the imports of a hand-written reader", f"{reader / bare:.2f}"
    more = median("ours", 1) - median("bare", 1)
    yield "memory added", f"{more:.1f} MB"
