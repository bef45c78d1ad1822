"""The circuit breaker before an adapter, by a clock that the tests move."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from wsgi_auth.adapters import connect
from wsgi_auth.adapters.breaker import COSTLY, ENOUGH, RETRY, WITHIN, with_breaker
from wsgi_auth.errors import AlreadyExists, StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.testing import AdapterContract
from wsgi_auth.testing.threads import at_once

TIMEOUT = 1.0
ADA = UserRecord("ada")


class Moved:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """A store in memory that takes its time, and answers or does not."""

    def __init__(self, clock: Moved) -> None:
        self.clock = clock
        self.kept = connect("memory:")
        self.takes = 0.0
        self.is_down = False
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        def step(*values: Any) -> Any:
            self.asked += 1
            is_down, takes = self.is_down, self.takes
            self.clock.now += takes
            self.meanwhile()
            if is_down:
                raise StoreUnavailable(f"after {takes} s")
            return getattr(self.kept, name)(*values)

        return step

    def falls_silent(self) -> None:
        self.is_down, self.takes = True, TIMEOUT

    def is_back(self) -> None:
        self.is_down, self.takes = False, 0.0


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def store(clock: Moved) -> Store:
    return Store(clock)


@pytest.fixture
def adapter(store: Store, clock: Moved) -> Adapter:
    made: Any = with_breaker(store, clock, logging.getLogger("wsgi_auth"))  # type: ignore[arg-type]
    made.create_user(ADA)
    store.asked = 0
    return made


def ask(adapter: Adapter) -> UserRecord | None:
    return adapter.get_user("ada")


def refused(adapter: Adapter) -> None:
    with pytest.raises(StoreUnavailable):
        ask(adapter)


def broken(adapter: Adapter, store: Store) -> None:
    """The store is silent, and known for it."""
    store.asked = 0
    store.falls_silent()
    for _ in range(ENOUGH):
        refused(adapter)
    assert store.asked == ENOUGH
    store.asked = 0


class TestContract(AdapterContract):
    """An adapter behind a breaker is an adapter."""

    @pytest.fixture
    def adapter(self, clock: Moved) -> Adapter:
        return with_breaker(connect("memory:"), clock, logging.getLogger("wsgi_auth"))


def test_after_enough_time_outs_in_a_row_nobody_waits(adapter, store, clock):
    broken(adapter, store)
    now = clock.now
    for _ in range(100):
        refused(adapter)
    assert (store.asked, clock.now) == (0, now)


def test_one_request_in_each_interval_looks_whether_it_is_back(adapter, store, clock):
    broken(adapter, store)
    for _ in range(5):
        clock.now += RETRY
        for _ in range(20):
            refused(adapter)
    assert store.asked == 5


def test_the_first_answer_ends_it(adapter, store, clock):
    broken(adapter, store)
    store.is_back()
    refused(adapter)  # it is not time yet
    clock.now += RETRY
    for _ in range(10):
        assert ask(adapter) == ADA
    assert store.asked == 10


def test_a_refused_write_is_an_answer(adapter, store, clock):
    for _ in range(ENOUGH * 2):
        with pytest.raises(AlreadyExists):
            adapter.create_user(ADA)
    broken(adapter, store)
    store.is_back()
    clock.now += RETRY
    with pytest.raises(AlreadyExists):
        adapter.create_user(ADA)
    assert ask(adapter) == ADA


def test_a_slow_answer_is_an_answer(adapter, store):
    store.takes = 0.9 * TIMEOUT
    for _ in range(ENOUGH * 4):
        assert ask(adapter) == ADA


def test_an_answer_in_between_begins_the_count_anew(adapter, store):
    for _ in range(5):
        store.falls_silent()
        for _ in range(ENOUGH - 1):
            refused(adapter)
        store.is_back()
        assert ask(adapter) == ADA
    assert store.asked == 5 * ENOUGH


def test_failures_that_take_no_time_are_not_counted_so_that_the_end_is_seen_at_once(
    adapter, store, clock
):
    store.is_down, store.takes = True, COSTLY / 2
    for _ in range(ENOUGH * 4):
        refused(adapter)
    assert store.asked == ENOUGH * 4
    store.is_back()
    assert ask(adapter) == ADA


def test_failures_far_apart_are_no_outage(adapter, store, clock):
    store.falls_silent()
    for _ in range(ENOUGH * 4):
        refused(adapter)
        clock.now += WITHIN
    assert store.asked == ENOUGH * 4


def test_while_one_looks_the_others_do_not_wait(adapter, store, clock):
    broken(adapter, store)
    clock.now += RETRY
    looking, enough = threading.Event(), threading.Event()

    def hang() -> None:
        looking.set()
        assert enough.wait(20)

    store.meanwhile = hang
    trial = threading.Thread(target=lambda: refused(adapter))
    trial.start()
    assert looking.wait(20)
    clock.now += 100 * RETRY  # however long it takes
    for _ in range(50):
        refused(adapter)
    enough.set()
    trial.join(20)
    assert store.asked == 1


def test_of_many_threads_one_looks(adapter, store, clock):
    broken(adapter, store)
    store.is_back()
    barrier = threading.Barrier(16)

    def step(number: int) -> object:
        barrier.wait(20)
        try:
            return ask(adapter)
        except StoreUnavailable:
            return None

    store.meanwhile = lambda: threading.Event().wait(0.2)
    clock.now += RETRY
    found = at_once(16, step)
    assert (found.count(ADA), found.count(None), store.asked) == (1, 15, 1)


def test_a_look_that_was_broken_off_is_not_the_last(adapter, store, clock):
    broken(adapter, store)
    clock.now += RETRY

    def killed() -> None:
        raise SystemExit

    store.meanwhile = killed
    with pytest.raises(SystemExit):
        ask(adapter)
    store.meanwhile = lambda: None
    store.is_back()
    clock.now += RETRY
    assert ask(adapter) == ADA


def test_a_failure_that_began_before_the_end_of_an_outage_is_not_the_next(adapter, store, clock):
    late: list[threading.Thread] = []
    begun, go_on = threading.Barrier(ENOUGH + 1), threading.Event()
    store.falls_silent()

    def hang() -> None:
        if threading.current_thread() in late:
            begun.wait(20)
            assert go_on.wait(20)

    store.meanwhile = hang
    late += [threading.Thread(target=lambda: refused(adapter)) for _ in range(ENOUGH)]
    for each in late:
        each.start()
    begun.wait(20)
    for _ in range(ENOUGH):
        refused(adapter)
    store.is_back()
    clock.now += RETRY
    assert ask(adapter) == ADA
    go_on.set()
    for each in late:
        each.join(20)
    assert ask(adapter) == ADA


def test_an_outage_is_logged_once_and_so_is_its_end(adapter, store, clock, caplog):
    caplog.set_level(logging.INFO, "wsgi_auth")
    broken(adapter, store)
    for _ in range(4):
        clock.now += RETRY
        refused(adapter)
    store.is_back()
    clock.now += RETRY
    for _ in range(4):
        ask(adapter)
    assert [(each.levelname, "does not answer" in each.message) for each in caplog.records] == [
        ("ERROR", True), ("INFO", False),
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_looks_for_itself(adapter, store, clock):
    broken(adapter, store)
    store.is_back()
    process = os.fork()
    if process == 0:
        good = False
        try:
            good = ask(adapter) == ADA
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    refused(adapter)  # here nothing has changed
    assert store.asked == 0


def test_what_is_no_step_passes_as_it_is(adapter, store):
    broken(adapter, store)
    store.close = lambda: "closed"
    assert adapter.close() == "closed"
    with pytest.raises(AttributeError):
        _ = adapter._pool


def test_a_record_whose_fields_are_of_other_types_than_they_say_is_none(tmp_path) -> None:
    """SQLite takes any value in any column, from whoever writes into the file."""
    file = tmp_path / "auth.db"
    adapter = with_breaker(connect(f"sqlite:///{file}"), time.monotonic, logging.getLogger())
    adapter.create_user(UserRecord("ada", email="ada@example.test", email_verified=1))
    adapter.create_session(SessionRecord("s", "ada", 4_000_000_000, "{}"))
    steps: list[Callable[[], Any]] = [
        lambda: adapter.get_session_and_user("s"),
        lambda: adapter.get_user("ada"),
        lambda: adapter.list_sessions("ada"),
    ]
    assert all(step() for step in steps)
    with contextlib.closing(sqlite3.connect(file)) as others:
        others.execute("UPDATE auth_users SET email_verified = datetime('now')")
        others.execute("UPDATE auth_sessions SET expires = 'next week'")
        others.commit()
    for step in steps:
        with pytest.raises(StoreUnavailable, match="a field is of the wrong type"):
            step()
