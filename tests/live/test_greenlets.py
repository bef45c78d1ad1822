"""Greenlets: gunicorn's gevent worker over each store. Sessions are right, nobody sees another, no
lock is waited for for ever, and connections are bounded (R036, R037)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters import servers as stores
from tests.adapters.wire import Proxy
from tests.live.kept_client import ask, sign_in, sign_out
from tests.live.servers import Running, running
from tests.needs import require_module, require_program
from wsgi_auth.testing.threads import at_once

pytestmark = pytest.mark.live

APP = "tests.live.kept:application"
AT_ONCE = 64
POOL = 8
#: Seconds that each packet takes between the application and a server.
DELAY = 0.05


def gevent(*more: str) -> Any:
    def command(app: str, port: int) -> list[str]:
        require_module("gevent")
        program = require_program("gunicorn", "pip install gunicorn")
        return [program, "--bind", f"127.0.0.1:{port}", "--workers=1", "--worker-class=gevent",
                "--worker-connections=200", "--graceful-timeout=2", *more, app]  # fmt: skip

    return command


@pytest.fixture(scope="module", params=["redis", "postgresql", "mysql"])
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Server]:
    kinds = {"redis": stores.Redis, "postgresql": stores.Postgresql, "mysql": stores.Mysql}
    made = kinds[request.param](tmp_path_factory.mktemp(request.param))
    made.kind = request.param
    yield made
    made.end()


def is_theirs(served: Running, value: str, user: str) -> Any:
    """True, or what was answered instead."""
    status, _, seen = ask(served, value)
    return (status, seen) == (200, user) or f"{status} {seen} for {user}"


def visit(served: Running) -> None:
    """Many users at once, each with own pages; then one signs out amid their other requests."""
    users = [f"user{number}" for number in range(8)]
    values = at_once(len(users), lambda number: sign_in(served, users[number]))
    mine = [(values[number % 8], users[number % 8]) for number in range(AT_ONCE)]
    for _ in range(3):
        found = at_once(AT_ONCE, lambda number: is_theirs(served, *mine[number]))
        assert found == [True] * AT_ONCE
    time.sleep(1.1)  # all are due for renewal
    assert at_once(AT_ONCE, lambda number: is_theirs(served, *mine[number])) == [True] * AT_ONCE

    def leave(number: int) -> object:
        if number == 0:
            return sign_out(served, values[0])
        return ask(served, values[0])[2] in ("user0", "")

    assert at_once(16, leave) == [303] + [True] * 15
    assert at_once(16, lambda _: ask(served, values[0])[0]) == [401] * 16
    assert is_theirs(served, values[1], users[1])


@pytest.mark.parametrize("strategy", ["database", "cookie"])
def test_with_greenlets_over_sqlite_everybody_is_who_they_are(
    tmp_path: Path, strategy: str
) -> None:
    environ = {"KEPT_ADAPTER": f"sqlite:///{tmp_path}/auth.db", "KEPT_STRATEGY": strategy}
    with running("gevent", APP, environ=environ, ready="/public", command=gevent()) as served:
        visit(served)
        assert "Traceback" not in served.log


@pytest.mark.parametrize(
    ("server", "strategy", "more"),
    [("redis", "database", ()), ("redis", "cookie", ("--preload",)),
     ("postgresql", "database", ()), ("postgresql", "database", ("--preload",)),
     ("mysql", "cookie", ())],
    indirect=["server"],
)  # fmt: skip
def test_with_greenlets_over_a_server_everybody_is_who_they_are(
    server: Any, strategy: str, more: tuple[str, ...]
) -> None:
    environ = {"KEPT_ADAPTER": f"{server.url}?timeout=10", "KEPT_STRATEGY": strategy}
    with running("gevent", APP, environ=environ, ready="/public", command=gevent(*more)) as served:
        visit(served)
        assert "Traceback" not in served.log


@pytest.mark.alone
def test_while_one_greenlet_waits_for_the_store_others_go_on(server: Any) -> None:
    proxy = Proxy(server.port)
    url = server.url.replace(f":{server.port}/", f":{proxy.port}/")
    environ = {"KEPT_ADAPTER": f"{url}?timeout=10&pool_size={POOL}", "KEPT_STRATEGY": "database"}
    try:
        with running("gevent", APP, environ=environ, ready="/public", command=gevent()) as served:
            value = sign_in(served, "ada")
            proxy.delay = lambda: DELAY
            most = [0]

            def step(_: int) -> Any:
                right = is_theirs(served, value, "ada")
                most[0] = max(most[0], proxy.connections())
                return right

            assert at_once(AT_ONCE, step) == [True] * AT_ONCE
            assert POOL / 2 < most[0] <= POOL, "each held up the others"
            assert "Traceback" not in served.log
    finally:
        proxy.end()


@pytest.mark.alone
def test_a_silent_store_does_not_stop_greenlets_that_need_none(server: Any) -> None:
    environ = {"KEPT_ADAPTER": f"{server.url}?timeout=3", "KEPT_STRATEGY": "database"}
    with running("gevent", APP, environ=environ, ready="/public", command=gevent()) as served:
        value = sign_in(served, "ada")
        assert is_theirs(served, value, "ada")
        server.pause()
        try:

            def step(number: int) -> tuple[int, float]:
                began = time.monotonic()
                if number % 2:
                    return ask(served, value)[0], 0.0
                time.sleep(0.2)
                status = served.request("GET", "/public")[0].status  # without a cookie
                return status, time.monotonic() - began

            found = at_once(16, step)
        finally:
            server.go_on()
        assert [status for status, _ in found] == [200, 503] * 8
        assert max(seconds for _, seconds in found) < 1.5
        until = time.monotonic() + 15
        while is_theirs(served, value, "ada") is not True:
            assert time.monotonic() < until, "it does not recover"
            time.sleep(0.1)
