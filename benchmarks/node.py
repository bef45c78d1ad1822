"""Auth.js's own ``getToken`` in Node on the cookie that J reads; left out where Node is missing."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator

from benchmarks.measure import Case
from benchmarks.requests import SECRET


def measure(unit: Case, rounds: int) -> Iterator[tuple[str, float]]:
    """``(label, ratio)``: CPU time of a call over that of ``unit``, alternating in time."""
    if not (shutil.which("node") and shutil.which("npm")):
        return
    from tests.node.harness import running

    headers = {"cookie": unit.cookies[0]}
    found = []
    with running([SECRET]) as node:
        for _ in range(rounds):
            once = node.call(
                "measure", headers=headers, secret=SECRET, secureCookie=True, calls=500
            )
            found.append(once / 1e6 / unit.batch(2_000))
    yield "Auth.js's getToken in Node", statistics.median(found)
