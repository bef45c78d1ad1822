"""Every adapter passes one contract."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


class OfSQL(AdapterContract):
    """The tables of one database, emptied for each test."""

    kind = ""

    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        return named(request, self.kind)

    @pytest.fixture
    def adapter(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Adapter]:
        made = connect(self.url(request, tmp_path))
        assert isinstance(made, SQLAdapter)
        with made._pool.connect() as connection:
            for table in sql_schema.METADATA.sorted_tables:
                if table is not sql_schema.SCHEMA:
                    connection.execute(table.delete())
        yield made
        made.close()


@pytest.mark.live
class TestPostgreSQL(OfSQL):
    kind = "postgresql"


@pytest.mark.live
class TestMariaDB(OfSQL):
    kind = "mysql"


@pytest.mark.live
class TestMySQL(OfSQL):
    """What MySQL lacks of MariaDB, on a MariaDB: rows that a statement deletes do not come back."""

    kind = "mysql"

    @pytest.fixture(autouse=True)
    def less(self, adapter: SQLAdapter) -> None:
        adapter._pool.dialect.delete_returning = False
        adapter._prepare()


class TestSQLiteThroughSQLAlchemy(OfSQL):
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        return f"sqlite+pysqlite:///{tmp_path}/auth.db"
