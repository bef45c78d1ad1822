"""``wsgi-auth db``: tables brought up to date, and what is over deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_auth.adapters import connect, sql_schema
from wsgi_auth.cli import main
from wsgi_auth.records import SessionRecord, UserRecord


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["db", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(params=["sqlite", "sqlite+pysqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:///{tmp_path}/auth.db"


@pytest.fixture
def config(tmp_path: Path, url: str) -> str:
    path = tmp_path / "auth.toml"
    path.write_text(
        f'url = "https://app.example.test"\nsecret = "{"x" * 40}"\nadapter = "{url}"\n'
        'pages.sign_in = "/login"\n'
    )
    return str(path)


def test_tables_are_made_and_are_of_this_version(url: str, config: str) -> None:
    assert "version 1" in run("upgrade", "--config", config)
    assert "version 1" in run("upgrade", url)


def test_older_tables_are_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+pysqlite:///{tmp_path}/auth.db"
    connect(url).close()

    def second(connection) -> None:
        connection.exec_driver_sql("ALTER TABLE auth_users ADD COLUMN more INTEGER")

    monkeypatch.setattr(sql_schema, "MIGRATIONS", (*sql_schema.MIGRATIONS, second))
    assert "run wsgi-auth db upgrade" in run("sweep", url, code=2)
    assert "version 2" in run("upgrade", url)
    assert "0 records" in run("sweep", url)


def test_all_that_is_over_is_swept(url: str, config: str) -> None:
    adapter = connect(url)
    adapter.create_user(UserRecord("u1"))
    for number in range(1_100):
        adapter.create_session(SessionRecord(f"s{number}", "u1", 1_000, ""))
    adapter.create_session(SessionRecord("living", "u1", 4_000_000_000, ""))
    assert "1100 records" in run("sweep", "--config", config)
    assert [each.id for each in adapter.list_sessions("u1")] == ["living"]
    adapter.close()


def test_a_store_without_tables_says_so() -> None:
    assert "no tables" in run("upgrade", "redis://127.0.0.1:1/0")


def test_a_store_that_is_down_is_a_sentence() -> None:
    output = run("sweep", "redis://:hunter2@127.0.0.1:1/0", code=2)
    assert output.startswith("wsgi-auth: Redis: ") and "hunter2" not in output
    output = run("upgrade", "postgresql://ada:hunter2@127.0.0.1:1/x", code=2)
    assert output.startswith("wsgi-auth: ") and "hunter2" not in output


def test_a_configuration_without_an_adapter_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "auth.toml"
    path.write_text(
        f'url = "https://app.example.test"\nsecret = "{"x" * 40}"\npages.sign_in = "/"\n'
    )
    assert f"adapter: is not set in {path}" in run("upgrade", "--config", str(path), code=2)
