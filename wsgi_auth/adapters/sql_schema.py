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

from wsgi_auth.errors import ConfigError, StoreUnavailable


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


def is_behind(found: int | None, upgrade: bool) -> bool:
    """Whether there is something to make: an empty database, or an older one to ``upgrade``."""
    return found is None or (upgrade and found < len(MIGRATIONS))


def migrate(connection: sa.Connection, upgrade: bool) -> int:
    """Make the tables, or bring them up to date; of many that come at once, one does. Returns the
    version that they are of. The connection is in autocommit mode."""
    with _alone(connection):
        found = version(connection)
        if is_behind(found, upgrade):
            for step in MIGRATIONS[found or 0 :]:
                step(connection)
            connection.execute(SCHEMA.delete())
            connection.execute(SCHEMA.insert().values(version=len(MIGRATIONS)))
            return len(MIGRATIONS)
    assert found is not None  # noqa: S101  then there would have been something to make
    return found


def check(found: int) -> None:
    """Raises :class:`ConfigError` for tables that are not of this release."""
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
    lock = "CONCAT('auth_schema_', MD5(DATABASE()))"
    begin, end, undo = {
        "postgresql": (("BEGIN", f"SELECT pg_advisory_xact_lock({_LOCK})"), "COMMIT", "ROLLBACK"),
        "sqlite": (("BEGIN IMMEDIATE",), "COMMIT", "ROLLBACK"),
    }.get(
        connection.dialect.name,
        ((f"SELECT GET_LOCK({lock}, 50)",), f"DO RELEASE_LOCK({lock})", f"DO RELEASE_LOCK({lock})"),
    )
    for statement in begin:
        answer = connection.exec_driver_sql(statement)
        if "GET_LOCK" in statement and answer.scalar() != 1:
            raise StoreUnavailable("others have been changing the tables for long")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql(undo)
        raise
    connection.exec_driver_sql(end)
