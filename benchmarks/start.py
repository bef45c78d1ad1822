"""Cold start: a new interpreter until its first response, CPU time and memory.

The interpreter starts bare (``-S``), with the packages' folder on its path and nothing else: what a
development install puts into ``site`` (the finder of an editable install imports pathlib, re,
urllib.parse and ipaddress) would count as the interpreter's own, and a reader that needs the same
modules would seem to cost less than it does.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import wsgi_auth

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

#: What may be added to the bare application's memory.
_MEGABYTES = 8


def _run(code: str) -> tuple[float, float]:
    folder = str(Path(wsgi_auth.__file__).parents[1])
    # -E: with byte code on disk, as an installed package has it, whatever the environment says
    command = [sys.executable, "-S", "-E", "-s", "-c"]
    code = f"import sys; sys.path.append({folder!r})\n{code}{_CALL}"
    done = subprocess.run([*command, code], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    return seconds, megabytes


def measure(rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table, with target and verdict: what ours costs over the bare application, where
    the imports of a hand-written reader are allowed twice, and what it keeps in memory."""
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
    allowed = max(2.0, 1 + 2 * (reader / bare - 1))
    yield "cold start, the imports of a hand-written reader", f"{reader / bare:.2f}", "", ""
    verdict = "met" if ours / bare <= allowed else "missed"
    yield "cold start to the first response", f"{ours / bare:.2f}", f"{allowed:.2f}", verdict
    more = median("ours", 1) - median("bare", 1)
    verdict = "met" if more <= _MEGABYTES else "missed"
    yield "memory added", f"{more:.1f} MB", f"{_MEGABYTES} MB", verdict
