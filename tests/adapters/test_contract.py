"""Every adapter passes one contract."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from wsgi_auth.adapters import connect, sql_schema
from wsgi_auth.adapters.sql import SQLAdapter
from wsgi_auth.protocols import Adapter
from wsgi_auth.testing import AdapterContract


class TestMemory(AdapterContract):
    @pytest.fixture
    def adapter(self) -> Adapter:
        return connect("memory:")


class TestSQLite(AdapterContract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Adapter:
        return connect(f"sqlite:///{tmp_path}/auth.db")


NUMBERS = count()


def named(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of a server: of the one that the environment names, else of one of our own."""
    given = os.environ.get(f"TEST_{kind.upper()}_URL")
    return given or str(request.getfixturevalue(f"{kind}_server").url)


@pytest.mark.live
class TestRedis(AdapterContract):
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
class TestPostgreSQL(OfSQL, AdapterContract):
    kind = "postgresql"


@pytest.mark.live
class TestMariaDB(OfSQL, AdapterContract):
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


class TestSQLiteThroughSQLAlchemy(AdapterContract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Iterator[Adapter]:
        made = connect(f"sqlite+pysqlite:///{tmp_path}/auth.db")
        yield made
        made.close()
