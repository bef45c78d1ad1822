"""``python -m benchmarks.stores [--sessions 1000000]``: reading a session where very many live, the
size of one, and reading beside a sweep. Prints a table and writes it to ``results/stores.rst``.

Servers are started for it (``benchmarks/servers``). Wall-clock times on whatever machine this is:
the ratios to the driver's own shortest question are what can be compared. Not part of ``make
bench``: a million takes some minutes, which it says beforehand.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from benchmarks import servers
from benchmarks.__main__ import RESULTS, processor, rst_table
from wsgi_auth.adapters import connect
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.sessions.database import hashed, written
from wsgi_auth.types import Device

DEVICE = Device("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0", "203.0.113.9")
USERS = 1_000
READS = 20_000
FEW = 1_000
#: Records that one step of a sweep deletes at most: as many as the middleware's own.
STEP = 200
#: Where the machine is busy with others, the run goes on.
PATIENT = "?timeout=30"
#: Microseconds that all stores together need for a session, and seconds besides, on two cores.
FOR_EACH, BESIDES = 350, 30


def record(number: int, expires: int) -> SessionRecord:
    """The record of a usual session."""
    id, user = hashed(f"session {number}"), f"user{number % USERS}"
    claims = {"sub": user, "name": "Ada Lovelace", "email": "ada@example.org", "sid": id,
              "email_verified": True, "provider": "github", "auth_time": expires - 100,
              "iat": expires - 100, "exp": expires}  # fmt: skip
    return SessionRecord(id, user, expires, written(claims, DEVICE))


class Store(Protocol):
    """One kind of store, with a connection of its driver's own.

    ``ask`` is the shortest question that it can be asked, ``fill`` writes records as the adapter
    would, many at a time; ``end_some`` lets one session in ten be over, and ``size`` is in octets.
    """

    adapter: Adapter

    def ask(self) -> None: ...
    def fill(self, records: Iterator[SessionRecord]) -> None: ...
    def end_some(self, count: int) -> None: ...
    def size(self) -> int: ...


class SQLite:
    """One file."""

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/auth.db"
        self.adapter = connect(f"sqlite:///{self._path}")
        self._plain = sqlite3.connect(self._path, isolation_level=None)
        self._plain.execute("PRAGMA cache_size = -400000")  # the filling only

    def ask(self) -> None:
        self._plain.execute("SELECT 1").fetchall()

    def fill(self, records: Iterator[SessionRecord]) -> None:
        for part in _parts(records, 50_000):
            self._plain.execute("BEGIN IMMEDIATE")
            self._plain.executemany("INSERT INTO auth_sessions VALUES (?, ?, ?, ?)", sorted(part))
            self._plain.execute("COMMIT")

    def end_some(self, count: int) -> None:
        pass  # they are over as they are written

    def size(self) -> int:
        self._plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return os.path.getsize(self._path)


class PostgreSQL:
    """An empty database."""

    def __init__(self, url: str) -> None:
        import psycopg

        self.adapter = connect(url + PATIENT)
        self._plain = psycopg.connect(url, autocommit=True)

    def ask(self) -> None:
        self._plain.execute("SELECT 1").fetchall()

    def fill(self, records: Iterator[SessionRecord]) -> None:
        statement = "COPY auth_sessions (id, user_id, expires, data) FROM STDIN"
        with self._plain.cursor() as cursor, cursor.copy(statement) as copy:
            for each in records:
                copy.write_row(each)
        self._plain.execute("ANALYZE auth_sessions")
        self._plain.execute("CHECKPOINT")

    def end_some(self, count: int) -> None:
        pass  # they are over as they are written

    def size(self) -> int:
        row = self._plain.execute("SELECT pg_total_relation_size('auth_sessions')").fetchone()
        assert row is not None
        return int(row[0])


class Redis:
    """An empty server. What is over goes there by itself, so that there is no sweep to be done."""

    def __init__(self, url: str) -> None:
        from redis import Redis as Client

        self.adapter = connect(url + PATIENT)
        self._plain = Client.from_url(url)
        self._before = self._plain.info("memory")["used_memory"]

    def ask(self) -> None:
        self._plain.ping()

    def fill(self, records: Iterator[SessionRecord]) -> None:
        """What ``wsgi_auth/adapters/redis`` says that a session is."""
        for part in _parts(records, 5_000):
            pipeline = self._plain.pipeline(transaction=False)
            for id, user, expires, data in part:
                value = json.dumps(
                    [1, user, expires, data], ensure_ascii=False, separators=(",", ":")
                )
                pipeline.set(f"auth:s:{id}", value, exat=expires + 3_600)
                pipeline.zadd(f"auth:us:{user}", {id: expires})
            pipeline.execute()

    def end_some(self, count: int) -> None:
        """Their hour after the end is over in a second, for all of them at the same moment."""
        soon = int(time.time()) + 2
        for part in _parts(iter(range(FEW, count, 10)), 5_000):
            pipeline = self._plain.pipeline(transaction=False)
            for number in part:
                pipeline.expireat(f"auth:s:{hashed(f'session {number}')}", soon)
            pipeline.execute()

    def size(self) -> int:
        return int(self._plain.info("memory")["used_memory"] - self._before)


def _parts(values: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while part := list(itertools.islice(values, size)):
        yield part


class Measured(NamedTuple):
    """Of one store: microseconds of each step, octets of a session, seconds of the sweep."""

    name: str
    ask: list[float]
    few: list[float]
    many: list[float]
    beside: list[float]
    gone: int
    octets: float

    def row(self) -> list[str]:
        """A line of the table."""
        return [
            self.name,
            _said(self.ask),
            _said(self.few),
            _said(self.many),
            f"{statistics.median(self.many) / statistics.median(self.ask):.1f}",
            _said(self.beside),
            f"{self.gone:,}",
            f"{self.octets:.0f}",
        ]


def _said(found: list[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(found)
    return f"{statistics.median(ordered):.0f} / {ordered[len(ordered) * 99 // 100]:.0f}"


def timed(step: Callable[[], Any], count: int) -> list[float]:
    """Microseconds of each of ``count`` steps."""
    found = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        found.append((time.perf_counter() - start) * 1e6)
    return found


def measure(name: str, store: Store, count: int) -> Measured:
    """Fill, read, let one in ten be over, and read beside their going."""
    adapter = store.adapter
    for number in range(USERS):
        adapter.create_user(UserRecord(f"user{number}", "Ada", f"u{number}@example.org", 1))
    now = int(time.time())
    chosen = random.Random(7)

    def expires(number: int) -> int:
        is_over = number >= FEW and number % 10 == 0 and name != "Redis"
        return now - 1 if is_over else now + 86_400

    def read(among: int) -> Callable[[], Any]:
        def step() -> None:
            number = chosen.randrange(among)
            found = adapter.get_session_and_user(hashed(f"session {number}"))
            assert found is None or found[0].user_id == f"user{number % USERS}"

        return step

    store.fill(record(number, expires(number)) for number in range(FEW))
    for number in (0, 500):  # what was written is what the adapter would have written
        there = adapter.get_session_and_user(record(number, 0).id)
        assert there is not None and there[0] == record(number, expires(number))
    before = store.size()
    few = timed(read(FEW), READS)
    started = time.perf_counter()
    store.fill(record(number, expires(number)) for number in range(FEW, count))
    print(f"{name}: filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    octets = (store.size() - before) / (count - FEW)
    ask, many = timed(store.ask, READS), timed(read(count), READS)

    beside, done, gone = [], threading.Event(), [0]

    def sweep() -> None:
        try:
            while swept := adapter.sweep(now, STEP):
                gone[0] += swept
        finally:
            done.set()

    store.end_some(count)
    over = range(FEW, count, 10)
    if name == "Redis":
        # gone when nobody can see the last of them any more
        ended = time.monotonic() + 12
        while time.monotonic() < ended:
            beside += timed(read(count), 500)
        gone[0] = sum(
            adapter.get_session_and_user(hashed(f"session {number}")) is None for number in over
        )
    else:
        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        while not done.is_set():
            beside += timed(read(count), 100)
        sweeper.join()
    assert gone[0] == len(over), f"{gone[0]} of {len(over)} are gone"
    print(f"{name}: done after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    adapter.close()
    return Measured(name, ask, few, many, beside, gone[0], octets)


HEAD = (
    "store", "the driver's shortest question", "read among 1,000", "read among all",
    "read / shortest question", "read while those that are over go", "went", "octets a session",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    count = max(parser.parse_args().sessions, 2 * FEW)
    minutes = (count * FOR_EACH / 1e6 + BESIDES) / 60
    print(f"{count:,} sessions in each store: about {minutes:.0f} minutes", file=sys.stderr)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        found.append(measure("SQLite", SQLite(folder), count))
    for name, kind in (("Redis", Redis), ("PostgreSQL", PostgreSQL)):
        with servers.running(name) as urls:
            if name in urls:
                found.append(measure(name, kind(urls[name]), count))
    said = (
        f"{count:,} sessions in each store, of {USERS:,} users; {READS:,} reads of sessions chosen "
        f"at random, one after the other. Microseconds, median / 99th percentile, measured on "
        f"{datetime.date.today():%d %B %Y} with CPython {platform.python_version()} on "
        f"{processor()}.\n"
    )
    table = rst_table(HEAD, (each.row() for each in found))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "stores.rst").write_text(f"{said}\n{table}", encoding="utf-8")
    for each in found:
        print("  ".join(f"{cell:>16}" for cell in each.row()))


if __name__ == "__main__":
    main()
