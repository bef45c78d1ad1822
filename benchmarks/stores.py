"""``python -m benchmarks.stores [--sessions 1000000] [--redis URL] [--postgresql URL]``: reading a
session where very many live, the size of one, and a sweep beside readers.

Wall-clock times on whatever machine this is: the ratios to the driver's own shortest question are
what can be compared. Not part of ``make bench``: filling a store takes minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgi_auth.adapters import connect
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.sessions.database import hashed, written
from wsgi_auth.types import Device

DEVICE = Device("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0", "203.0.113.9")
USERS = 1_000
READS = 5_000


def record(number: int, expires: int) -> SessionRecord:
    """The record of a usual session."""
    id, user = hashed(f"session {number}"), f"user{number % USERS}"
    claims = {"sub": user, "name": "Ada Lovelace", "email": "ada@example.org", "sid": id,
              "email_verified": True, "provider": "github", "auth_time": expires - 100,
              "iat": expires - 100, "exp": expires}  # fmt: skip
    return SessionRecord(id, user, expires, written(claims, DEVICE))


def times(step: Callable[[int], Any], count: int) -> list[float]:
    """Microseconds of each of ``count`` steps."""
    found = []
    for number in range(count):
        start = time.perf_counter()
        step(number)
        found.append((time.perf_counter() - start) * 1e6)
    return found


def said(name: str, found: list[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(found)
    last = ordered[len(ordered) * 99 // 100]
    return f"{name}: p50 {statistics.median(ordered):.0f} us, p99 {last:.0f} us"


def fill(adapter: Any, first: int, count: int, many: int, expires: Callable[[int], int]) -> None:
    """The sessions from ``first`` to ``count``, by so ``many`` threads."""

    def part(start: int) -> None:
        for number in range(first + start, count, many):
            adapter.create_session(record(number, expires(number)))

    threads = [threading.Thread(target=part, args=(start,)) for start in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(
    name: str, adapter: Any, shortest: Callable[[int], Any], count: int, many: int = 8
) -> None:
    """Fill, read, sweep; one line each."""
    for number in range(USERS):
        adapter.create_user(UserRecord(f"user{number}", "Ada", f"u{number}@example.org", 1))
    now = int(time.time())
    few = 1_000
    fill(adapter, 0, few, many, lambda number: now + 86_400)
    chosen = random.Random(7)

    def read(among: int) -> Callable[[int], Any]:
        return lambda _: adapter.get_session_and_user(hashed(f"session {chosen.randrange(among)}"))

    small = times(read(few), READS)
    start = time.perf_counter()
    # one in ten is over already, and is for the sweep
    fill(adapter, few, count, many, lambda each: now - 1 if each % 10 == 0 else now + 86_400)
    print(f"{name}: {count} sessions, filled in {time.perf_counter() - start:.0f} s")
    plain, large = times(shortest, READS), times(read(count), READS)
    print(said(f"{name}, the driver's shortest question", plain))
    print(said(f"{name}, read among 1,000", small))
    print(said(f"{name}, read among {count}", large))
    ratio = statistics.median(large) / statistics.median(plain)
    growth = statistics.median(large) / statistics.median(small)
    print(f"{name}: read / shortest {ratio:.2f}, {count} / 1,000 sessions {growth:.2f}")
    gone, beside, done = [0], [], threading.Event()

    def sweep() -> None:
        while True:
            swept = adapter.sweep(now, 200)
            gone[0] += swept
            if not swept:
                break
        done.set()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    while not done.is_set() and len(beside) < 200_000:
        beside += times(read(few), 100)
    sweeper.join()
    print(f"{name}: {gone[0]} swept")
    print(said(f"{name}, read beside the sweep", beside))


def sqlite(count: int) -> None:
    """One file, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auth.db"
        adapter = connect(f"sqlite:///{path}")
        plain = sqlite3.connect(path)
        measure("SQLite", adapter, lambda _: plain.execute("SELECT 1").fetchall(), count, 1)
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"SQLite: {os.path.getsize(path) / count:.0f} bytes a session")
        adapter.close()


def redis(url: str, count: int) -> None:
    """An empty Redis."""
    from redis import Redis

    plain = Redis.from_url(url)
    before = plain.info("memory")["used_memory"]
    measure("Redis", connect(url), lambda _: plain.ping(), count)
    print(f"Redis: {(plain.info('memory')['used_memory'] - before) / count:.0f} bytes a session")


def postgresql(url: str, count: int) -> None:
    """An empty database."""
    import psycopg

    plain = psycopg.connect(url, autocommit=True)
    measure("PostgreSQL", connect(url), lambda _: plain.execute("SELECT 1").fetchall(), count)
    size = plain.execute("SELECT pg_database_size(current_database())").fetchone()
    print(f"PostgreSQL: {(size[0] if size else 0) / count:.0f} bytes a session")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--redis")
    parser.add_argument("--postgresql")
    given = parser.parse_args()
    sqlite(given.sessions)
    if given.redis:
        redis(given.redis, given.sessions)
    if given.postgresql:
        postgresql(given.postgresql, given.sessions)


if __name__ == "__main__":
    main()
