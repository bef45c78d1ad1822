"""A real store that falls silent or dies under load, behind the middleware: no answer is wrong, few
wait for it, and it is found again within seconds (R035, R036)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.adapters import servers as stores
from tests.conftest import config
from tests.wire import request
from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters.breaker import ENOUGH, RETRY
from wsgi_auth.testing import session_cookie
from wsgi_auth.testing.threads import at_once

pytestmark = [pytest.mark.live, pytest.mark.alone]

USERS = 16
#: Seconds that one step of the store may take, as the URL below has it: waiting for a connection,
#: opening one (PostgreSQL: 2 at least) and an answer.
TIMEOUT = 0.5
LONGEST = {"redis": 3 * TIMEOUT, "postgresql": 2 + 2 * TIMEOUT}


class Seen(NamedTuple):
    """One request: when it began, how long it took, whether for a public page, and its answer."""

    at: float
    seconds: float
    is_public: bool
    user: int
    status: int
    body: str


class Pulse:
    """Notices when this whole process stood still (the collector in a long run of tests, a machine
    with too much to do): none of the store's doing."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []  # from, until
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._end.wait(0.01):
            now = time.monotonic()
            if now - last > 0.05:
                self.stalls.append((last + 0.01, now))
            last = now

    def without(self, each: Seen) -> float:
        """The seconds that a request took, but for those."""
        end = each.at + each.seconds
        stood = (min(until, end) - max(since, each.at) for since, until in self.stalls)
        return each.seconds - sum(part for part in stood if part > 0)


class Load:
    """Each user in a thread, asking for a public and a protected page in turn."""

    def __init__(self, app: Any, cookies: list[str]) -> None:
        self.app = app
        self.cookies = cookies
        self.seen: list[Seen] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(USERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, user: int) -> None:
        turn = 0
        while not self._end.wait(0.02):
            turn += 1
            self.ask(user, turn % 2 == 0)

    def ask(self, user: int, is_public: bool) -> Seen:
        began = time.monotonic()
        path = "/public" if is_public else "/"
        reply = request(self.app, path, cookie=self.cookies[user])
        seconds = time.monotonic() - began
        found = Seen(began, seconds, is_public, user, reply.status, reply.body.decode())
        if reply.status == 503:
            assert reply.header("Retry-After")
        assert not reply.cookies
        self.seen.append(found)
        return found

    def between(self, start: float, end: float) -> list[Seen]:
        """What began after ``start`` and was answered before ``end``."""
        return [each for each in self.seen if start <= each.at and each.at + each.seconds < end]


def who(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["auth.session"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"nobody" if session is None else session.user["id"].encode()]


def is_right(each: Seen) -> bool:
    """Their own page; or, where the store cannot be asked, 503 and a public page for nobody."""
    if each.is_public:
        return each.status == 200 and each.body in (f"user{each.user}", "nobody")
    return each.status == 503 or (each.status, each.body) == (200, f"user{each.user}")


def is_served(each: Seen) -> bool:
    return each.body == f"user{each.user}"


@pytest.fixture(params=["redis", "postgresql"])
def store(request: Any, tmp_path: Any) -> Iterator[stores.Server]:
    kinds = {"redis": stores.Redis, "postgresql": stores.Postgresql}
    made = kinds[request.param](tmp_path)
    made.kind = request.param
    yield made
    made.go_on()
    made.end()


@pytest.fixture
def load(store: Any) -> Iterator[Load]:
    url = f"{store.url}?timeout={TIMEOUT}&connect_timeout={TIMEOUT}&pool_size={USERS}"
    app = AuthMiddleware(who, config(adapter=url, public=["/public"]))
    cookies = [session_cookie(app, {"id": f"user{number}"}) for number in range(USERS)]
    found = Load(app, cookies)
    assert at_once(USERS, lambda user: is_served(found.ask(user, False))) == [True] * USERS
    yield found
    app.site.adapter.close()


@pytest.mark.parametrize("fault", ["silent", "killed"])
def test_under_load_no_answer_is_wrong_few_wait_and_the_store_is_found_again(
    store: Any, load: Load, fault: str
) -> None:
    longest = LONGEST[store.kind]
    with Pulse() as pulse, load:
        time.sleep(0.5)
        gone = time.monotonic()
        if fault == "silent":
            store.pause()
        else:
            store.kill()
        known = gone + longest + 0.5  # every request that met the fault is through
        time.sleep(known - gone + 3)
        until = time.monotonic()
        if fault == "silent":
            store.go_on()
        else:
            store.start()
        back = time.monotonic()
        time.sleep(RETRY + longest + 1)
    assert load.seen and all(map(is_right, load.seen)), [x for x in load.seen if not is_right(x)]
    before, during = load.between(0, gone), load.between(known, until)
    assert before and all(map(is_served, before))
    assert not any(map(is_served, during))
    # nearly all of them fail at once: one in each interval waits
    waited = [each for each in during if pulse.without(each) > TIMEOUT / 2]
    assert len(waited) <= (until - known) / RETRY + 1
    assert len(during) > USERS * 10
    assert sum(map(pulse.without, waited)) <= (longest + 0.5) * len(waited)
    # until it was known, each thread met the fault about once
    near = [each for each in load.seen if gone - longest <= each.at < known]
    met = [each for each in near if pulse.without(each) > TIMEOUT / 2]
    assert len(met) <= USERS + ENOUGH + (known - gone) / RETRY
    # all is well soon after its return, and stays so
    missed = [each for each in load.seen if each.at > back and not is_served(each)]
    recovered = max((each.at for each in missed), default=back) - back
    print(f"{store.kind}, {fault}: {len(met) + len(waited)} of {len(load.seen)} requests waited, "
          f"{sum(map(pulse.without, met + waited)):.1f} s together; "
          f"well again after {recovered:.2f} s")  # fmt: skip
    assert recovered < RETRY + longest
    assert all(map(is_served, load.between(back + RETRY + longest, back + 60)))
