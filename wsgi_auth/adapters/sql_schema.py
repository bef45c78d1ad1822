"""The tables of a SQL database, and how they came to be: version by version, forward only.

What lives here: tables and the small table ``auth_schema`` that says which version they are of.
Keys are compared octet by octet (R029): in MariaDB and MySQL, whose texts are equal when they
differ in case or in blanks at the end, what is compared is a binary column with UTF-8 in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from wsgi_auth.errors import ConfigError


def _key(length: int) -> TypeEngine[str]:
    """Text that is compared: of so many octets at most where an index has a limit."""
    kind: TypeEngine[str] = sa.Text()
    return kind.with_variant(mysql.VARBINARY(length), "mysql", "mariadb").with_variant(
        # also keeps indexes right when the machine's rules of sorting change
        postgresql.TEXT(collation="C"),
        "postgresql",
    )


def _data() -> TypeEngine[str]:
    kind: TypeEngine[str] = sa.Text()
    return kind.with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def _column(name: str, kind: TypeEngine[str], primary: bool = False) -> sa.Column[str]:
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def _number(name: str, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null)


METADATA = sa.MetaData()
_MYSQL: dict[str, Any] = {
    f"{name}_{option}": value
    for name in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}

SCHEMA = sa.Table(
    "auth_schema",
    METADATA,
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    **_MYSQL,
)
USERS = sa.Table(
    "auth_users",
    METADATA,
    _column("id", _key(1020), primary=True),
    sa.Column("name", sa.Text()),
    sa.Column("email", sa.Text()),
    _number("email_verified", null=True),
    sa.Column("image", sa.Text()),
    sa.Column("email_key", _key(1280), unique=True),
    **_MYSQL,
)
ACCOUNTS = sa.Table(
    "auth_accounts",
    METADATA,
    _column("provider", _key(255), primary=True),
    _column("provider_account_id", _key(1020), primary=True),
    _column("user_id", _key(1020)),
    _column("type", _key(255)),
    _column("data", _data()),
    sa.Index("auth_accounts_user", "user_id"),
    **_MYSQL,
)
SESSIONS = sa.Table(
    "auth_sessions",
    METADATA,
    _column("id", _key(255), primary=True),
    _column("user_id", _key(1020)),
    _number("expires"),
    _column("data", _data()),
    sa.Index("auth_sessions_user", "user_id"),
    sa.Index("auth_sessions_expires", "expires"),
    **_MYSQL,
)
TOKENS = sa.Table(
    "auth_verification_tokens",
    METADATA,
    _column("identifier", _key(1280), primary=True),
    _column("token", _key(255), primary=True),
    _number("expires"),
    _column("data", _data()),
    sa.Index("auth_verification_tokens_expires", "expires"),
    **_MYSQL,
)
AUTHENTICATORS = sa.Table(
    "auth_authenticators",
    METADATA,
    # a credential id has 1,023 octets at most (WebAuthn level 3, 5.1.3): so many as base64url
    _column("credential_id", _key(1400), primary=True),
    _column("user_id", _key(1020)),
    _number("counter"),
    _column("data", _data()),
    sa.Index("auth_authenticators_user", "user_id"),
    **_MYSQL,
)
REVOCATIONS = sa.Table(
    "auth_revocations",
    METADATA,
    _column("kind", _key(16), primary=True),
    _column("id", _key(1020), primary=True),
    _number("at"),
    _number("expires"),
    sa.Index("auth_revocations_at", "at"),
    sa.Index("auth_revocations_expires", "expires"),
    **_MYSQL,
)


def _create(connection: sa.Connection) -> None:
    METADATA.create_all(connection)  # what a first start that was cut short has made is kept


#: Step by step, what leads to a version: number 1 is the first.
MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_create,)

#: A number of ours among the advisory locks of PostgreSQL.
_LOCK = 0x77736769617574


def ensure(connection: sa.Connection, upgrade: bool = False) -> None:
    """Make the tables in an empty database; of many that come at once, one does.

    Raises :class:`ConfigError` for tables that are not of this release; those of an older one are
    brought up to date where ``upgrade`` says so. The connection is in autocommit mode.
    """
    found = version(connection)
    if found is None or (upgrade and found < len(MIGRATIONS)):
        with _alone(connection):
            found = version(connection)
            if found is None or (upgrade and found < len(MIGRATIONS)):
                for step in MIGRATIONS[found or 0 :]:
                    step(connection)
                connection.execute(SCHEMA.delete())
                connection.execute(SCHEMA.insert().values(version=len(MIGRATIONS)))
                return
    if found < len(MIGRATIONS):
        raise ConfigError(
            "adapter",
            f"the tables are of an older release (version {found}, this one has "
            f"{len(MIGRATIONS)}): run wsgi-auth db upgrade",
        )
    if found > len(MIGRATIONS):
        raise ConfigError(
            "adapter",
            f"the tables are of a newer release (version {found}, this one has "
            f"{len(MIGRATIONS)}): upgrade wsgi_auth",
        )


def version(connection: sa.Connection) -> int | None:
    """The version of the tables; None for an empty database, or a first start that was cut short
    before it was written."""
    if not sa.inspect(connection).has_table(SCHEMA.name):
        return None
    found: int | None = connection.execute(sa.select(SCHEMA.c.version)).scalar()
    return found


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """While nobody else changes tables: a transaction where the database has such for tables."""
    name = connection.dialect.name
    begin, end, undo = {
        "postgresql": (("BEGIN", f"SELECT pg_advisory_xact_lock({_LOCK})"), "COMMIT", "ROLLBACK"),
        "sqlite": (("BEGIN IMMEDIATE",), "COMMIT", "ROLLBACK"),
    }.get(
        name,
        (
            ("SELECT GET_LOCK('auth_schema', 30)",),
            "SELECT RELEASE_LOCK('auth_schema')",
            "SELECT RELEASE_LOCK('auth_schema')",
        ),
    )
    for statement in begin:
        connection.exec_driver_sql(statement)
    try:
        yield
    except BaseException:
        connection.exec_driver_sql(undo)
        raise
    connection.exec_driver_sql(end)
