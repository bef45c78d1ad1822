"""The same step in many threads at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

#: Seconds until a thread that has not ended counts as stuck.
PATIENCE = 60.0


def outcomes(count: int, step: Callable[[int], Any]) -> list[Any]:
    """What each of ``count`` threads gets from ``step(number)``: a value, or the exception."""
    start = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        start.wait(PATIENCE)
        try:
            results[number] = step(number)
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        raise AssertionError(f"{stuck} of {count} threads are stuck")
    return results


def at_once(count: int, step: Callable[[int], Any]) -> list[Any]:
    """The same; the first exception of any is raised."""
    results = outcomes(count, step)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return results


__all__ = ["PATIENCE", "at_once", "outcomes"]
