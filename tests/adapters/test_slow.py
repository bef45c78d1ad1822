"""Stores behind a bad network: answers that come late, in part, or not at all. What an adapter says
is right, or it is StoreUnavailable: never what another asked for (R035, R036)."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.adapters.servers import Server
from tests.adapters.wire import Proxy
from wsgi_auth.adapters import connect
from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.testing.threads import at_once

pytestmark = [pytest.mark.live, pytest.mark.alone]

USERS = 24
POOL = 6
#: Of one answer, in seconds; what an adapter waits for in all is a few of them.
TIMEOUT = 0.2


def session(number: int, turn: int = 0) -> SessionRecord:
    # of very different lengths, so that the rest of one looks like anything in another
    return SessionRecord(
        f"slow-{number}", f"user-{number}", 4_000_000_000, f"{turn} of {number} " + "x" * number**2
    )


def user(number: int) -> UserRecord:
    return UserRecord(f"user-{number}", f"name {number}", f"u{number}@example.org", 1)


@pytest.fixture(params=["redis", "postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    made: Server = request.getfixturevalue(f"{request.param}_server")
    patient = connect(f"{made.url}?timeout=20")
    for number in range(USERS):
        patient.delete_user(f"user-{number}")
        patient.create_user(user(number))
        patient.create_session(session(number))
    patient.close()
    return made


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.end()


@pytest.fixture
def adapter(server: Server, proxy: Proxy) -> Iterator[Adapter]:
    url = server.url.replace(f":{server.port}/", f":{proxy.port}/")
    made = connect(f"{url}?timeout={TIMEOUT}&connect_timeout={5 * TIMEOUT}&pool_size={POOL}")
    yield made
    made.close()


def read(adapter: Adapter, number: int) -> bool | None:
    """Whether it is their own; None where the store cannot be asked."""
    try:
        found = adapter.get_session_and_user(f"slow-{number}")
    except StoreUnavailable:
        return None
    return (
        found is not None
        and found[1] == user(number)
        and found[0]._replace(data="") == session(number)._replace(data="")
        and found[0].data.partition(" ")[2] == session(number).data.partition(" ")[2]
    )


def wait_until_well(adapter: Adapter) -> None:
    """Soon: this machine may be busy with others."""
    until = time.monotonic() + 20
    while True:
        found = at_once(POOL, lambda number: read(adapter, number))
        assert False not in found
        if None not in found:
            return
        assert time.monotonic() < until, "it does not recover"
        time.sleep(0.05)


class Watched:
    """The most connections that were open at once, looked at all the time."""

    def __init__(self, proxy: Proxy) -> None:
        self.most = 0
        self._proxy = proxy
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.01):
            self.most = max(self.most, self._proxy.connections())

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)


def test_a_slow_network_makes_nothing_wrong(adapter: Adapter, proxy: Proxy) -> None:
    wait_until_well(adapter)
    proxy.delay = lambda: 0.01
    with Watched(proxy) as watched:
        found = at_once(POOL, lambda number: [read(adapter, number) for _ in range(20)])
    assert {each for row in found for each in row} <= {True, None}
    assert sum(row.count(True) for row in found) > 100
    assert watched.most <= POOL


def test_who_gave_up_an_answer_leaves_it_to_nobody(adapter: Adapter, proxy: Proxy) -> None:
    """The delays are about the time-out: many an answer comes just after it was given up."""
    wait_until_well(adapter)
    chosen = random.Random(5)
    proxy.delay = lambda: chosen.choice((0, 0, 0, 0, 0, TIMEOUT * chosen.uniform(0.3, 1.3)))
    end = time.monotonic() + 3

    def step(number: int) -> list[bool | None]:
        found = []
        turn, expected = 0, session(number)
        while time.monotonic() < end:
            found.append(read(adapter, number))
            try:
                turn += 1
                wanted = session(number, turn)
                if adapter.update_session(wanted, expected):
                    expected = wanted
                else:  # one of those that were given up was done
                    there = adapter.get_session_and_user(f"slow-{number}")
                    assert there is not None
                    expected = there[0]
                found.append(expected.id == f"slow-{number}")
            except StoreUnavailable:
                found.append(None)
        return found

    with Watched(proxy) as watched:
        found = at_once(USERS, step)
    said = [each for row in found for each in row]
    assert said.count(False) == 0
    assert said.count(True) > 10 and said.count(None) > 10, "too much or nothing was late"
    assert watched.most <= POOL
    proxy.delay = lambda: 0
    wait_until_well(adapter)


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_an_answer_that_is_cut_off_is_no_answer(
    adapter: Adapter, proxy: Proxy, resets: bool
) -> None:
    wait_until_well(adapter)
    chosen = random.Random(7)
    for turn in range(60):
        number = chosen.randrange(USERS)
        proxy.cut_next(turn if turn < 20 else chosen.randrange(400), resets)
        assert read(adapter, number) is not False
        other = (number + 1) % USERS
        assert read(adapter, other) is not False
    proxy.cut_next(10**9)
    wait_until_well(adapter)


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_write_whose_answer_is_cut_off_was_done_once_or_not(
    adapter: Adapter, proxy: Proxy, server: Server, resets: bool
) -> None:
    wait_until_well(adapter)
    direct = connect(f"{server.url}?timeout=20")
    for after in range(12):
        before, wanted = session(3, after), session(3, after + 1)
        direct.delete_session("slow-3")
        direct.create_session(before)
        proxy.cut_next(after, resets)
        try:
            done = adapter.update_session(wanted, before)
        except StoreUnavailable:
            done = None
        there = direct.get_session_and_user("slow-3")
        assert there is not None
        assert there[0] == wanted if done else there[0] in (before, wanted)
        assert done is not False, "it was sent twice"
    direct.close()
    proxy.cut_next(10**9)
    wait_until_well(adapter)


def test_a_half_open_store_is_not_waited_for_and_its_connections_are_bounded(
    adapter: Adapter, proxy: Proxy
) -> None:
    wait_until_well(adapter)
    proxy.is_deaf = True
    with Watched(proxy) as watched:
        started = time.monotonic()
        assert at_once(USERS, lambda number: read(adapter, number)) == [None] * USERS
        assert time.monotonic() - started < 10
    assert watched.most <= POOL
    proxy.is_deaf = False
    wait_until_well(adapter)


class Interrupted(BaseException):
    """As a server ends a thread, or a greenlet another."""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_who_is_interrupted_leaves_nothing_behind_for_the_next(
    adapter: Adapter, proxy: Proxy
) -> None:
    wait_until_well(adapter)
    chosen, interrupted = random.Random(9), 0

    def strike(*_: Any) -> None:
        raise Interrupted

    def within(seconds: float, step: Callable[[], object]) -> bool:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            step()
        except Interrupted:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False

    proxy.delay = lambda: 0.02
    before = signal.signal(signal.SIGALRM, strike)
    try:
        for _ in range(20):
            number = chosen.randrange(USERS)
            seconds = chosen.uniform(0.005, 0.05)
            interrupted += within(seconds, lambda number=number: read(adapter, number))
            assert read(adapter, (number + 1) % USERS) is not False
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 5
    # no place for a connection was lost
    until = time.monotonic() + 20
    with Watched(proxy) as watched:
        while watched.most < POOL:
            assert time.monotonic() < until, f"there are {watched.most} connections at most"
            at_once(2 * POOL, lambda number: read(adapter, number))
    assert watched.most == POOL
    proxy.delay = lambda: 0
    wait_until_well(adapter)
