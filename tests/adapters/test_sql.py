"""SQL databases beyond the contract: tables and their versions, what they cannot keep, locks, URLs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

import wsgi_auth
from tests.adapters.servers import Database
from wsgi_auth.adapters import connect, sql_schema, upgrade
from wsgi_auth.adapters.common import Options
from wsgi_auth.adapters.sql import SQLAdapter
from wsgi_auth.errors import ConfigError, StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.records import Authenticator, SessionRecord, UserRecord

NUMBERS = count()
SERVERS = ["postgresql", "mysql"]
KINDS = [*(pytest.param(kind, marks=pytest.mark.live) for kind in SERVERS), "sqlite"]
SESSION = SessionRecord("s1", "u1", 4_000_000_000, "")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite+pysqlite:///{tmp_path}/auth.db"
    return empty(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue(f"{request.param}_server")


def empty(server: Database) -> str:
    name = f"empty{next(NUMBERS)}"
    server.execute(f"CREATE DATABASE {name}")
    return server.url.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def adapter(url: str) -> Iterator[Adapter]:
    made = connect(url)
    yield made
    made.close()


def run(url: str, *statements: str) -> list[Any]:
    """What the last statement says, by another way into the database."""
    pool = SQLAdapter(url)._pool
    with pool.connect() as connection:
        for statement in statements:
            found = connection.exec_driver_sql(statement)
        return list(found) if found.returns_rows else []


# --- tables -------------------------------------------------------------------------------------

START = """
import sys
from wsgi_auth.adapters import connect
from wsgi_auth.records import UserRecord
sys.stdin.read(1)  # until all of us are here
adapter = connect(sys.argv[1])
adapter.create_user(UserRecord(sys.argv[2]))
adapter.close()
"""


def test_of_four_workers_that_start_at_once_each_finds_the_tables(url: str) -> None:
    root = str(Path(wsgi_auth.__file__).parents[1])
    workers = [
        subprocess.Popen([sys.executable, "-c", START, url, f"w{number}"], stdin=subprocess.PIPE,
                         stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root})
        for number in range(4)
    ]  # fmt: skip
    time.sleep(0.5)
    for worker in workers:
        worker.stdin.write(b"x")
        worker.stdin.flush()
    errors = [worker.communicate(timeout=60)[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, errors
    adapter = connect(url)
    assert all(adapter.get_user(f"w{number}") for number in range(4))
    adapter.close()


def test_tables_of_an_older_release_want_the_command(url: str) -> None:
    connect(url).close()
    run(url, "UPDATE auth_schema SET version = 0")
    with pytest.raises(ConfigError, match="wsgi-auth db upgrade"):
        connect(url)


def test_tables_of_a_newer_release_stop_start_up(url: str) -> None:
    connect(url).close()
    pool = SQLAdapter(url)._pool
    with pool.connect() as connection:
        connection.exec_driver_sql("UPDATE auth_schema SET version = 99")
    for step in (connect, upgrade):
        with pytest.raises(ConfigError, match="newer release"):
            step(url)


def test_an_upgrade_goes_forward_and_keeps_what_is_there(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = connect(url)
    adapter.create_user(UserRecord("u1", "Ada"))
    adapter.close()

    def second(connection: sa.Connection) -> None:
        slow = {"postgresql": "SELECT pg_sleep(1.3)", "mysql": "DO SLEEP(1.3)"}
        connection.exec_driver_sql(slow.get(connection.dialect.name, "SELECT 1"))  # a large table
        connection.exec_driver_sql("ALTER TABLE auth_users ADD COLUMN more INTEGER")

    monkeypatch.setattr(sql_schema, "MIGRATIONS", (*sql_schema.MIGRATIONS, second))
    with pytest.raises(ConfigError, match="wsgi-auth db upgrade"):
        connect(url)
    assert upgrade(url) == len(sql_schema.MIGRATIONS)
    assert upgrade(url) == len(sql_schema.MIGRATIONS)
    adapter = connect(url)
    assert adapter.get_user("u1") == UserRecord("u1", "Ada")
    assert run(url, "SELECT id, more FROM auth_users") in ([("u1", None)], [(b"u1", None)])
    adapter.close()


def test_a_first_start_that_was_cut_short_is_finished(url: str) -> None:
    connect(url).close()
    run(url, "DROP TABLE auth_sessions", "DELETE FROM auth_schema")
    adapter = connect(url)
    adapter.create_session(SESSION)
    adapter.close()


@pytest.mark.live
def test_a_database_that_comes_later_gets_its_tables_then(server: Database) -> None:
    url = empty(server)
    server.kill()
    try:
        adapter = connect(url)
        with pytest.raises(StoreUnavailable):
            adapter.get_user("u1")
    finally:
        server.start()
    adapter.create_user(UserRecord("u1"))
    assert adapter.get_user("u1") == UserRecord("u1")
    adapter.close()


# --- what it keeps ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["u1\0", "\0", "\ud800", "u\udfff"])
def test_text_that_no_database_can_keep_is_not_there(adapter: Adapter, text: str) -> None:
    assert adapter.get_user(text) is None
    assert adapter.get_user_by_email(text) is None
    assert adapter.get_session_and_user(text) is None
    assert adapter.delete_session(text) is None
    assert adapter.delete_sessions(text) == []
    assert not adapter.delete_user(text)
    assert not adapter.unlink_account(text, text)
    assert adapter.use_verification_token(text, text) is None
    for record in (UserRecord(text), UserRecord("u1", text)):
        with pytest.raises(StoreUnavailable):
            adapter.create_user(record)
    assert adapter.get_user("u1") is None


def test_the_longest_keys_are_kept_whole(adapter: Adapter) -> None:
    passkey = Authenticator("A" * 1_364, "\U0001f600" * 255, 0, "x" * 100_000)
    adapter.create_authenticator(passkey)
    assert adapter.get_authenticator(passkey.credential_id) == passkey
    assert adapter.get_authenticator("A" * 1_363) is None


@pytest.mark.live
def test_a_key_that_is_too_long_is_refused_and_not_cut_off(server: Database) -> None:
    adapter = connect(empty(server))
    with pytest.raises(StoreUnavailable):
        adapter.create_user(UserRecord("".join(chr(0x4E00 + number) for number in range(5_000))))
    adapter.close()


@pytest.mark.live
def test_what_is_locked_is_not_waited_for_and_not_written_later(server: Database) -> None:
    url = empty(server)
    adapter = connect(url)
    adapter.create_user(UserRecord("u1"))
    adapter.create_session(SESSION)
    with SQLAdapter(url)._pool.connect() as other:
        other.exec_driver_sql("BEGIN")
        other.exec_driver_sql("SELECT * FROM auth_sessions WHERE id = 's1' FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            adapter.update_session(SESSION._replace(data="late"), SESSION)
        assert time.monotonic() - started < 8
        assert adapter.get_session_and_user("s1") == (SESSION, UserRecord("u1"))
        other.exec_driver_sql("COMMIT")
    time.sleep(0.2)
    assert adapter.get_session_and_user("s1") == (SESSION, UserRecord("u1"))
    assert adapter.update_session(SESSION._replace(data="now"), SESSION)
    adapter.close()


@pytest.mark.live
def test_the_options_of_the_page_about_stores_do_what_it_says(postgresql_server: Database) -> None:
    url = empty(postgresql_server)
    run(url, "CREATE SCHEMA elsewhere")
    other = f"{url}?prepare=off&options=-csearch_path%3Delsewhere&sslmode=disable&timeout=2"
    adapter = connect(other)
    for _ in range(20):
        assert adapter.get_user("u1") is None
    tables = run(
        url, "SELECT table_schema FROM information_schema.tables WHERE table_name = 'auth_users'"
    )
    assert sorted(row[0] for row in tables) == ["elsewhere", "public"]
    pool = adapter._pool
    held = pool._take()
    held.cursor.execute("SELECT count(*) FROM pg_prepared_statements")
    assert held.cursor.fetchone() == (0,)
    held.cursor.execute("SHOW statement_timeout")
    assert held.cursor.fetchone() == ("2s",)
    pool._slots.put(held)
    adapter.close()


@pytest.mark.live
def test_an_application_that_may_not_create_tables_uses_them(postgresql_server: Database) -> None:
    url = empty(postgresql_server)
    run(url, "DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN PASSWORD 'app'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app")  # fmt: skip
    head, _, rest = url.partition("//")
    adapter = connect(f"{head}//app:app@{rest.rpartition('@')[2]}")
    assert adapter.create_user(UserRecord("u1")) == adapter.get_user("u1")
    adapter.close()
    run(url, "DROP OWNED BY app", "DROP ROLE app")


@pytest.mark.live
def test_a_sweep_never_walks_through_a_whole_table(postgresql_server: Database) -> None:
    """Prepared statements lose sight of how few records a step is for, after ten of them."""
    url = empty(postgresql_server)
    adapter = connect(url)
    run(url, "INSERT INTO auth_sessions SELECT 's' || n, 'u1', CASE WHEN mod(n, 10) = 0 THEN 5 "
        "ELSE 4000000000 END, repeat('x', 400) FROM generate_series(1, 20000) n", "ANALYZE")  # fmt: skip
    walked = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'auth_sessions'"
    before = run(url, walked)[0]
    steps = [adapter.sweep(5, 50) for _ in range(41)]
    assert steps == [50] * 40 + [0]
    adapter.close()  # what a connection counted is told when it ends, if not before
    deadline = time.monotonic() + 10
    while (now := run(url, walked)[0])[1] < before[1] + 41:
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    assert now[0] == before[0]


# --- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:hunter2@127.0.0.1", "postgresql+psycopg2://ada:hunter2@127.0.0.1/x",
     "mysql+mysqldb://ada:hunter2@127.0.0.1/x", "postgresql://ada:hunter2@127.0.0.1:port/x",
     "postgresql://ada:hunter2@127.0.0.1/x?timeout=soon", "mysql://ada:hunter2@127.0.0.1/x?pool_size=0",
     "mysql://ada:hunter2@127.0.0.1/x?colour=red", "postgresql://ada:hunter2@127.0.0.1/x?colour=red",
     "sqlite+pysqlite://ada:hunter2@/x", "sqlite+pysqlite://", "sqlite+aiosqlite:///x.db"],
)  # fmt: skip
def test_a_bad_url_stops_start_up_without_showing_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("postgresql://127.0.0.1/x", "sqlalchemy", "postgresql"),
     ("mariadb://127.0.0.1/x", "sqlalchemy", "mysql"),
     ("mysql+mysqldb://127.0.0.1/x", "sqlalchemy", "sql"),
     ("postgresql://127.0.0.1/x", "psycopg", "postgresql"),
     ("mysql://127.0.0.1/x", "pymysql", "mysql"), ("mariadb://127.0.0.1/x", "pymysql", "mysql")],
)  # fmt: skip
def test_without_its_driver_it_says_what_to_install(url: str, module: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from wsgi_auth.adapters import connect\n"
        "from wsgi_auth.errors import ConfigError\n"
        f"try: connect({url!r})\n"
        "except ConfigError as error: print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"pip install 'wsgi_auth[{extra}]'" in shown.stdout, shown.stderr


def test_a_socket_may_be_named_in_place_of_a_host():
    """As SQLAlchemy and libpq have it; longer than any host's label may be."""
    url = f"postgresql://ada@{quote('/run/' + 'a' * 70 + '/sockets', safe='')}/auth?timeout=2"
    assert Options.of(url).timeout == 2
