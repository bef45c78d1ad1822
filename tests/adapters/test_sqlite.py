"""SQLite: a file that is none of ours, is in use, or goes bad while it serves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from wsgi_auth.adapters import connect, sqlite
from wsgi_auth.errors import AlreadyExists, ConfigError, StoreUnavailable
from wsgi_auth.records import AccountRecord, SessionRecord, UserRecord

ADA = UserRecord("ada")
SESSION = SessionRecord("s1", "ada", 2_000_000_000, "{}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "auth.db"


def opened(path: Path) -> sqlite.SQLiteAdapter:
    return sqlite.SQLiteAdapter(str(path))


def test_tables_of_a_newer_release_stop_start_up_and_stay_as_they_are(path: Path) -> None:
    opened(path).create_user(ADA)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match=r"auth\.db' are of a newer release \(version 99,"):
        connect(f"sqlite:///{path}")
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.execute("BEGIN EXCLUSIVE")  # nobody holds it
    connection.close()


def test_an_upgrade_is_all_or_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path).create_user(ADA)
    broken = ("CREATE TABLE more (id TEXT)", "CREATE NONSENSE")
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*sqlite.MIGRATIONS, broken))
    with pytest.raises(ConfigError, match="the SQLite file"):
        opened(path)
    monkeypatch.undo()
    adapter = opened(path)
    assert adapter.version == len(sqlite.MIGRATIONS)
    assert adapter.get_user("ada") == ADA
    with closing(sqlite3.connect(path)) as connection:
        assert (
            connection.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall()
            == []
        )


@pytest.mark.parametrize("kind", ["junk", "a folder", "no folder"])
def test_a_place_where_no_file_can_be_stops_start_up(path: Path, kind: str) -> None:
    if kind == "junk":
        path.write_bytes(b"no database" * 1_000)
    elif kind == "a folder":
        path.mkdir()
    else:
        path = path / "auth.db"
    with pytest.raises(ConfigError, match=r"the SQLite file '.*auth\.db': "):
        connect(f"sqlite:///{path}")


STEPS = {
    "a read of a session": lambda adapter: adapter.get_session_and_user("s1"),
    "a read": lambda adapter: adapter.get_user("ada"),
    "a write": lambda adapter: adapter.create_user(UserRecord("bob")),
    "a write of several steps": lambda adapter: adapter.delete_user("ada"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("how", ["is overwritten", "is deleted", "goes with its folder"])
def test_a_file_that_goes_bad_is_a_store_that_cannot_be_asked(
    tmp_path: Path, how: str, step: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one for which the process has no file descriptor left, and no connection that is open."""
    made: list[sqlite3.Connection] = []
    real = sqlite3.connect

    def connecting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(real(*arguments, **options))
        return made[-1]

    path = tmp_path / "data" / "auth.db"
    path.parent.mkdir()
    adapter = opened(path)
    adapter.create_user(ADA)
    adapter.create_session(SESSION)
    while adapter._idle:  # or they would go on with what they have in memory
        adapter._idle.pop().close()
    if how == "is overwritten":
        path.write_bytes(b"no database" * 1_000)
    elif how == "is deleted":
        path.unlink()
    else:
        path.parent.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(sqlite3, "connect", connecting)
    with pytest.raises(StoreUnavailable, match=r"^SQLite: "):
        step(adapter)
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("step", list(STEPS.values())[2:], ids=list(STEPS)[2:])
def test_who_writes_waits_a_while_for_another_and_then_has_written_nothing(
    path: Path, step: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY", 0.05)
    adapter = opened(path)
    adapter.create_user(ADA)
    adapter.create_session(SESSION)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        step(adapter)
    assert adapter.get_session_and_user("s1") == (SESSION, ADA), "a reader waits for nobody"
    assert adapter.get_user("bob") is None
    other.execute("ROLLBACK")
    other.close()
    step(adapter)
    assert (adapter.get_user("ada") is None) is (adapter.get_user("bob") is None)


def test_of_many_steps_that_cannot_all_be_done_none_is(path: Path) -> None:
    adapter = opened(path)
    adapter.create_user(ADA, AccountRecord("github", "17", "ada", "oauth"))
    with pytest.raises(AlreadyExists):
        adapter.create_user(UserRecord("bob"), AccountRecord("github", "17", "bob", "oauth"))
    assert adapter.get_user("bob") is None


def test_a_rush_leaves_few_connections_open(path: Path) -> None:
    adapter = opened(path)
    rush = [adapter._take() for _ in range(40)]
    for connection in rush:
        adapter._give_back(connection)
    is_closed = []
    for connection in rush:
        try:
            connection.execute("SELECT 1")
        except sqlite3.ProgrammingError:
            is_closed.append(connection)
    assert 20 <= len(is_closed) < 40
    assert adapter.get_user("ada") is None
