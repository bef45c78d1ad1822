"""Stores that other machines keep, when things go wrong: never a wrong answer, always
``StoreUnavailable`` within the time-out, and all is well again by itself (R035)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import wsgi_auth
from tests.adapters.servers import Server
from tests.adapters.wire import Proxy
from wsgi_auth.adapters import connect
from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.testing.threads import at_once, outcomes

pytestmark = [pytest.mark.live, pytest.mark.alone]

KINDS = ["redis", "postgresql", "mysql"]
#: Seconds that no answer may take, however the store fares: waiting for a connection, opening one,
#: asking, each with a second, and a busy machine.
LONGEST = 10


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(f"{request.param}_server")


def session(number: int) -> SessionRecord:
    return SessionRecord(f"fault-{number}", f"user-{number}", 4_000_000_000, f"of {number}")


def patient(server: Server, port: int = 0, **more: int) -> Adapter:
    """An adapter that waits longer, where nothing is wrong but that this machine is busy."""
    url = server.url.replace(f":{server.port}/", f":{port or server.port}/")
    return connect(f"{url}?timeout=20" + "".join(f"&{name}={more[name]}" for name in more))


@pytest.fixture
def adapter(server: Server):
    made = patient(server)
    made.delete_user("never")
    for number in range(32):
        made.delete_user(f"user-{number}")
        made.create_user(UserRecord(f"user-{number}", f"name {number}"))
        made.create_session(session(number))
    made.close()
    made = connect(server.url)
    yield made
    made.close()


def right(adapter: Adapter, number: int) -> bool:
    """Whether the store hands out the very session that was asked for, with its own user."""
    found = adapter.get_session_and_user(f"fault-{number}")
    return found == (session(number), UserRecord(f"user-{number}", f"name {number}"))


def soon(adapter: Adapter, number: int) -> bool:
    """The same, of a store that may still be busy with what it missed."""
    until = time.monotonic() + 2 * LONGEST
    while True:
        try:
            return right(adapter, number)
        except StoreUnavailable:
            assert time.monotonic() < until


def down(adapter: Adapter) -> None:
    """Every step is refused in time, from many threads at once."""
    started = time.monotonic()
    steps: list[Callable[[], object]] = [
        lambda: adapter.get_session_and_user("fault-0"),
        lambda: adapter.update_session(session(0), session(0)),
        lambda: adapter.delete_session("fault-31"),
        lambda: adapter.create_user(UserRecord("never")),
        lambda: adapter.get_user("user-0"),
        lambda: adapter.revocations(0),
    ]
    results = outcomes(24, lambda number: steps[number % len(steps)]())
    assert [type(each) for each in results] == [StoreUnavailable] * 24
    assert time.monotonic() - started < LONGEST


def test_thirty_two_threads_get_each_their_own(adapter: Adapter, server: Server) -> None:
    shared = patient(server)

    def step(number: int) -> bool:
        for _ in range(30):
            assert right(shared, number)
        return shared.update_session(session(number), session(number))

    assert at_once(32, step) == [True] * 32
    shared.close()


def test_few_connections_are_shared_by_many_threads(adapter: Adapter, server: Server) -> None:
    small = patient(server, pool_size=2)
    assert at_once(32, lambda number: all(right(small, number) for _ in range(10))) == [True] * 32
    small.close()


def test_reading_a_session_is_one_round_trip(adapter: Adapter, server: Server) -> None:
    proxy = Proxy(server.port)
    through = patient(server, proxy.port)
    for _ in range(10):
        assert right(through, 1)
    before = proxy.turns
    for _ in range(20):
        assert right(through, 1)
    assert proxy.turns - before == 20
    through.close()
    proxy.end()


def test_a_connection_that_broke_is_nobodys_trouble(adapter: Adapter, server: Server) -> None:
    proxy = Proxy(server.port)
    through = patient(server, proxy.port)
    assert at_once(32, lambda number: right(through, number)) == [True] * 32
    proxy.cut()
    assert at_once(32, lambda number: right(through, number)) == [True] * 32
    proxy.cut()
    time.sleep(0.05)  # a write is never sent twice, but what is closed already is not used
    assert through.update_session(session(1), session(1))
    through.close()
    proxy.end()


def test_a_server_that_died_is_missed_and_found_again(adapter: Adapter, server: Server) -> None:
    assert at_once(32, lambda number: soon(adapter, number)) == [True] * 32
    server.kill()
    try:
        down(adapter)
    finally:
        server.start()
    assert soon(adapter, 0)
    assert at_once(32, lambda number: soon(adapter, number)) == [True] * 32
    assert adapter.update_session(session(3), session(3))
    assert adapter.get_user("never") is None


def test_a_server_that_does_not_answer_is_not_waited_for(adapter: Adapter, server: Server) -> None:
    assert at_once(32, lambda number: soon(adapter, number)) == [True] * 32
    server.pause()
    try:
        down(adapter)
    finally:
        server.go_on()
    # what was asked before may be done now; nobody gets the late answer to what another asked
    assert at_once(30, lambda number: all(soon(adapter, number) for _ in range(20))) == [True] * 30


def test_a_wrong_password_is_a_store_that_cannot_be_asked(server: Server) -> None:
    adapter = connect(server.wrong_password)
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as caught:
            adapter.get_session_and_user("fault-0")
        assert "wrong" not in str(caught.value).replace("wrong number", "").split()
    adapter.close()


def test_a_server_that_never_was_there_stops_no_start_up(server: Server) -> None:
    from tests.processes import free_port

    adapter = connect(server.url.replace(f":{server.port}/", f":{free_port()}/"))
    with pytest.raises(StoreUnavailable):
        adapter.get_session_and_user("fault-0")
    adapter.close()


FORKS = """
import os, sys, threading
from wsgi_auth.adapters import connect
from tests.adapters.test_faults import right

adapter = connect(sys.argv[1])
assert right(adapter, 0)
children = []
for child in range(4):
    process = os.fork()
    if process == 0:
        try:
            good = all(right(adapter, child * 8 + turn % 8) for turn in range(100))
            adapter.close()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            good = False
        os._exit(0 if good else 1)
    children.append(process)
good = all(right(adapter, turn % 32) for turn in range(200))
ends = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in children]
assert right(adapter, 5)
print(good, ends)
"""


def test_after_a_fork_each_process_has_connections_of_its_own(
    adapter: Adapter, server: Server
) -> None:
    roots = [str(Path(__file__).parents[2]), str(Path(wsgi_auth.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", FORKS, f"{server.url}?timeout=20"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
    )
    assert done.stdout.strip() == "True [0, 0, 0, 0]", done.stderr
    assert urlsplit(server.url).password not in done.stderr
