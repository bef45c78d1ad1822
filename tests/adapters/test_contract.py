"""Every adapter passes one contract."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Browser, config, hello
from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters import connect, sql_schema
from wsgi_auth.adapters.sql import SQLAdapter
from wsgi_auth.errors import UsageError
from wsgi_auth.protocols import Adapter
from wsgi_auth.testing import AdapterContract


class Contract(AdapterContract):
    """With what only our own sign-in can do to a store."""

    @pytest.mark.parametrize("strategy", ["database", "cookie"])
    @pytest.mark.parametrize(
        "moment", ["as it is proven", "before it is written", "after it was written"]
    )
    def test_no_sign_in_survives_the_end_of_all_sessions_that_came_after_its_proof(
        self, adapter: Adapter, strategy: str, moment: str
    ) -> None:
        due: list[str] = []

        def end_all(when: str) -> None:
            """By another process."""
            if when in due:
                due.remove(when)
                middleware(adapter).sessions.end_all("alice")

        class Busy:
            def __getattr__(self, name: str) -> Any:
                return getattr(adapter, name)

            def create_session(self, session: Any) -> None:
                end_all("before it is written")
                adapter.create_session(session)
                end_all("after it was written")

        def authorize(credentials: Any, request: Any) -> Any:
            end_all("as it is proven")
            return {"id": "alice"}

        def middleware(store: Any) -> AuthMiddleware:
            providers = [{"id": "credentials", "authorize": authorize}]
            session = {"strategy": strategy}
            return AuthMiddleware(
                hello, config(adapter=store, session=session, providers=providers)
            )

        here = middleware(Busy())
        other, slow = Browser(here), Browser(here)
        other.sign_in(status=303)
        due.append(moment)
        slow.sign_in(status=403)
        assert not due
        assert slow.get("/", expect_errors=True).status_int == 401
        assert here.sessions.of("alice") == []
        slow.sign_in(status=303)  # again, after the end
        assert slow.get("/").text == "hello alice"

    @pytest.mark.parametrize("strategy", ["database", "cookie"])
    @pytest.mark.parametrize("moment", ["authorize", "sign_in", "jwt", "the event"])
    def test_a_sign_in_whose_own_callback_ends_all_sessions_goes_on(
        self, adapter: Adapter, strategy: str, moment: str
    ) -> None:
        def end_all(when: str, but: str = "") -> None:
            if when == moment:
                here.sessions.end_all("alice", but=but)

        def authorize(credentials: Any, request: Any) -> Any:
            end_all("authorize")
            return {"id": "alice"}

        def sign_in(user: Any, account: Any, context: Any) -> bool:
            end_all("sign_in")
            return True

        def jwt(claims: Any, context: Any) -> Any:
            if context.trigger is not None:
                end_all("jwt")
            return claims

        here = AuthMiddleware(
            hello,
            config(
                adapter=adapter,
                session={"strategy": strategy},
                providers=[{"id": "credentials", "authorize": authorize}],
                callbacks={"sign_in": sign_in, "jwt": jwt},
                events={"sign_in": lambda event: end_all("the event", event.claims["sid"])},
            ),
        )
        before, after = Browser(here), Browser(here)
        before.sign_in(status=303)
        after.sign_in(status=303)
        assert before.get("/", expect_errors=True).status_int == 401
        assert after.get("/").text == "hello alice"
        assert len(here.sessions.of("alice")) == 1

    def test_a_user_is_named_by_a_number_as_well(self, adapter: Adapter) -> None:
        providers = [{"id": "credentials", "authorize": lambda credentials, request: {"id": 42}}]
        here = AuthMiddleware(hello, config(adapter=adapter, providers=providers))
        browser = Browser(here)
        browser.sign_in(status=303)
        (mine,) = here.sessions.of(42)
        assert here.sessions.end(42, mine.id) and not here.sessions.of("42")
        browser.sign_in(status=303)
        assert here.sessions.end_all(42) == 1
        with pytest.raises(UsageError):
            here.sessions.end_all(None)  # type: ignore[arg-type]


class TestMemory(Contract):
    @pytest.fixture
    def adapter(self) -> Adapter:
        return connect("memory:")


class TestSQLite(Contract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Adapter:
        return connect(f"sqlite:///{tmp_path}/auth.db")


NUMBERS = count()


def named(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of a server: of the one that the environment names, else of one of our own."""
    given = os.environ.get(f"TEST_{kind.upper()}_URL")
    return given or str(request.getfixturevalue(f"{kind}_server").url)


@pytest.mark.live
class TestRedis(Contract):
    @pytest.fixture
    def adapter(self, request: pytest.FixtureRequest) -> Iterator[Adapter]:
        url, prefix = named(request, "redis"), f"contract:{next(NUMBERS)}:"
        made = connect(f"{url}?prefix={prefix}")
        yield made
        made.close()
        import redis

        with redis.from_url(url) as client:
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[[str], SQLAdapter]]:
    """Opens the database of a kind: one adapter for all its tests."""
    made: dict[str, SQLAdapter] = {}

    def opening(kind: str) -> SQLAdapter:
        if kind not in made:
            adapter = connect(named(request, kind))
            assert isinstance(adapter, SQLAdapter)
            made[kind] = adapter
        return made[kind]

    yield opening
    for adapter in made.values():
        adapter.close()


class OfSQL:
    """The tables of one database, emptied for each test."""

    kind = ""

    @pytest.fixture
    def adapter(self, opened: Callable[[str], SQLAdapter]) -> Adapter:
        adapter = opened(self.kind)
        with adapter._pool.connect() as connection:
            for table in sql_schema.METADATA.sorted_tables:
                if table is not sql_schema.SCHEMA:
                    connection.execute(table.delete())
        return adapter


@pytest.mark.live
class TestPostgreSQL(OfSQL, Contract):
    kind = "postgresql"


@pytest.mark.live
class TestMariaDB(OfSQL, Contract):
    kind = "mysql"


@pytest.mark.live
class TestMySQL(OfSQL):
    """What MySQL lacks of MariaDB, on a MariaDB: rows that a statement deletes do not come back."""

    kind = "mysql"

    @pytest.fixture(autouse=True)
    def less(self, adapter: SQLAdapter) -> Iterator[None]:
        dialect = adapter._pool.dialect
        dialect.delete_returning = False
        adapter._prepare()
        yield
        dialect.delete_returning = True
        adapter._prepare()

    test_deleted = AdapterContract.test_a_session_that_was_deleted_never_comes_back
    test_ended = AdapterContract.test_the_sessions_of_a_user_are_listed_and_ended
    test_raced = AdapterContract.test_renewing_never_outruns_ending
    test_used_once = AdapterContract.test_a_token_is_used_once_even_at_once


class TestSQLiteThroughSQLAlchemy(Contract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Iterator[Adapter]:
        made = connect(f"sqlite+pysqlite:///{tmp_path}/auth.db")
        yield made
        made.close()
