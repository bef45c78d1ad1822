"""Sessions in a store under four processes that were forked from one: none sees another's user,
what is ended is ended for all, and a store that is gone is 503 until it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters import servers as stores
from tests.live.kept_client import NAME, ask, cookies, sign_in, sign_out
from tests.live.servers import SECRET, Running, running
from tests.needs import require_program
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing.threads import at_once

pytestmark = pytest.mark.live

APP = "tests.live.kept:application"
WORKERS = 4


def preloaded(app: str, port: int) -> list[str]:
    program = require_program("gunicorn", "pip install gunicorn")
    return [program, "--bind", f"127.0.0.1:{port}", f"--workers={WORKERS}", "--preload",
            "--worker-class=gthread", "--threads=4", "--graceful-timeout=2", app]  # fmt: skip


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Redis]:
    made = stores.Redis(tmp_path_factory.mktemp("redis"))
    yield made
    made.end()


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def url(request: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/auth.db"
    return request.getfixturevalue("redis").url


@pytest.fixture(scope="module", params=["database", "cookie"])
def served(request: Any, url: str) -> Iterator[tuple[Running, AuthMiddleware]]:
    environ = {"KEPT_ADAPTER": url, "KEPT_STRATEGY": request.param}
    with running("gunicorn", APP, environ=environ, ready="/public", command=preloaded) as server:
        here = AuthMiddleware(
            print, adapter=url, secret=SECRET, url=server.url, pages={"sign_in": "/in"},
            session={"strategy": request.param, "update_age": 1},
        )  # fmt: skip
        yield server, here
        here.site.adapter.close()


@pytest.mark.alone
def test_what_is_ended_from_outside_is_refused_by_every_worker_within_a_second(served):
    server, here = served
    value = sign_in(server, "ada")
    seen: set[str] = set()

    def step(_: int) -> None:
        status, process, user = ask(server, value)
        assert (status, user) == (200, "ada")
        seen.add(process)

    for _ in range(50):
        at_once(16, step)  # one after the other the same workers may serve them all
        if len(seen) == WORKERS:
            break
    assert len(seen) == WORKERS
    here.sessions.end_all("ada")
    time.sleep(1)
    at_once(16, lambda _: [_refused(server, value) for _ in range(8)])
    again = sign_in(server, "ada")
    at_once(16, lambda _: [_is(server, again, "ada") for _ in range(8)])


def test_nobody_ever_sees_another(served):
    server, _ = served
    users = [f"user{number}" for number in range(8)]
    values = [sign_in(server, user) for user in users]

    def step(number: int) -> None:
        mine = number % len(users)
        for _ in range(12):
            _is(server, values[mine], users[mine])

    at_once(64, step)


def contest(served: Any, rounds: int) -> None:
    """Renewals against a sign-out: afterwards the session is gone for good."""
    server, here = served
    for turn in range(rounds):
        value = sign_in(server, "eve")
        time.sleep(1.1 if turn == 0 else 0)  # once for sure at the edge of renewal

        def step(number: int, value: str = value) -> None:
            if number == 0:
                assert sign_out(server, value) == 303
            else:
                for _ in range(3):
                    ask(server, value)

        at_once(8, step)
        if turn % 10 == 0:
            time.sleep(1)
            at_once(8, lambda _, value=value: _refused(server, value))
    assert here.sessions.of("eve") == []


def test_no_renewal_brings_back_what_a_sign_out_ended(served):
    contest(served, 12)


@pytest.mark.soak
def test_no_renewal_brings_back_what_a_sign_out_ended_in_a_thousand_rounds(served):
    contest(served, 1_000)


def _refused(server: Running, value: str) -> None:
    status, _, user = ask(server, value)
    assert (status, user) == (401, "")


def _is(server: Running, value: str, user: str) -> None:
    status, _, seen = ask(server, value)
    assert (status, seen) == (200, user)


@pytest.mark.alone
@pytest.mark.parametrize("fault", ["killed", "half-open"])
def test_a_store_that_is_gone_is_503_until_it_is_back_and_public_pages_go_on(tmp_path: Path, fault):
    store = stores.Redis(tmp_path)
    try:
        environ = {"KEPT_ADAPTER": f"{store.url}?timeout=0.5", "KEPT_STRATEGY": "database"}
        with running(
            "gunicorn", APP, environ=environ, ready="/public", command=preloaded
        ) as server:
            value = sign_in(server, "ada")
            _is(server, value, "ada")
            if fault == "killed":
                store.kill()
            else:
                store.pause()
            for _ in range(4):
                response, _ = server.request("GET", "/", {"Cookie": f"{NAME}={value}"})
                assert response.status == 503
                assert response.headers["Retry-After"]
                assert NAME not in cookies(response)
                response, body = server.request("GET", "/public")
                assert (response.status, body.endswith(b"nobody")) == (200, True)
            if fault == "killed":
                store.start()
            else:
                store.go_on()
            back = time.monotonic()
            # each worker finds out for itself, by one request a second
            while 503 in at_once(16, lambda _: ask(server, value)[0]):
                assert time.monotonic() - back < 10, "it does not recover"
                time.sleep(0.1)
            at_once(16, lambda _: [_is(server, value, "ada") for _ in range(4)])
            assert "Traceback" not in server.log
    finally:
        store.end()
