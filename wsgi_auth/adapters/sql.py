"""``postgresql://``, ``mysql://``, ``mariadb://``: a database server, through SQLAlchemy Core.

What lives here: statements. Each is compiled once, when the database says for the first time what
it is; most methods are one statement, which is a transaction of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from wsgi_auth.adapters import sql_schema as schema
from wsgi_auth.adapters.common import email_key
from wsgi_auth.adapters.sql_pool import Pool, Statement
from wsgi_auth.errors import AlreadyExists, ConfigError, StoreUnavailable
from wsgi_auth.records import (
    AccountRecord,
    Authenticator,
    Revocation,
    SessionRecord,
    UserRecord,
    VerificationToken,
)

#: Seconds for one statement that makes tables, or changes large ones.
_CREATE, _UPGRADE = 60, 24 * 3600

_logger = logging.getLogger("wsgi_auth")


class SQLAdapter:
    """An :class:`~wsgi_auth.protocols.Adapter` in a database that SQLAlchemy speaks to.

    Opening makes the tables in an empty database; raises :class:`ConfigError` for a URL that
    cannot be right and tables of another release. A database that is down does not stop start-up:
    that is looked at before the first statement then.

    Options in the query of the URL: ``timeout``, ``connect_timeout`` (seconds) and ``pool_size`` as
    for every store; the rest is the driver's (``sslmode``, ``ssl_ca``, ...).
    """

    def __init__(self, url: str, *, upgrade: bool = False) -> None:
        self._pool = Pool(url)
        self._known: _Statements | None = None
        if upgrade:
            self._prepare(upgrade=True)
            return
        try:
            self._prepare()
        except StoreUnavailable as error:
            _logger.warning("the database of the option adapter cannot be asked: %s", error)

    @property
    def version(self) -> int:
        """The version of the tables that this release has."""
        return len(schema.MIGRATIONS)

    # --- asking -----------------------------------------------------------------------------

    def _prepare(self, upgrade: bool = False) -> _Statements:
        """Look at the tables and compile the statements, once the database can be asked."""
        with self._pool.connect() as connection:
            found = schema.version(connection)
        if found is None or schema.is_behind(found, upgrade):
            with self._pool.connect(_UPGRADE if upgrade else _CREATE) as connection:
                found = schema.migrate(connection, upgrade)
        schema.check(found)
        self._known = _Statements(self._pool)
        return self._known

    @property
    def _all(self) -> _Statements:
        known = self._known
        if known is not None:
            return known
        try:
            return self._prepare()
        except ConfigError as error:  # start-up is over
            raise StoreUnavailable(str(error)) from error

    def _read(self, statement: Statement, **values: Any) -> list[Sequence[Any]]:
        return self._pool.read(statement, values)

    def _insert(self, statement: Statement, record: Any) -> None:
        self._pool.write((statement, record._asdict()))

    def _update(self, statement: Statement, new: Any, old: Mapping[str, Any], **more: Any) -> bool:
        values = {f"new_{name}": value for name, value in {**new._asdict(), **more}.items()}
        values |= {f"old_{name}": value for name, value in old.items()}
        return self._pool.write((statement, values))[0][0] > 0

    def _delete(self, statement: Statement, **values: Any) -> int:
        return self._pool.write((statement, values))[0][0] if _keepable(values) else 0

    # --- sessions ---------------------------------------------------------------------------

    def create_session(self, session: SessionRecord) -> None:
        self._insert(self._all.create_session, session)

    def get_session_and_user(self, id: str) -> tuple[SessionRecord, UserRecord] | None:
        rows = self._pool.read(self._all.session_and_user, {"id": id})
        if not rows:
            return None
        user_id, expires, data, *user = rows[0]
        return SessionRecord(id, user_id, expires, data), UserRecord(user_id, *user)

    def update_session(self, session: SessionRecord, expected: SessionRecord) -> bool:
        return self._update(self._all.update_session, session, expected._asdict())

    def delete_session(self, id: str) -> SessionRecord | None:
        rows = self._take("session", id=id)
        return SessionRecord(*rows[0]) if rows else None

    def list_sessions(self, user_id: str) -> list[SessionRecord]:
        rows = self._read(self._all.list_sessions, user_id=user_id)
        return sorted(
            (SessionRecord(*row) for row in rows), key=lambda each: (-each.expires, each.id)
        )

    def delete_sessions(self, user_id: str, but: str = "") -> list[SessionRecord]:
        return [SessionRecord(*row) for row in self._take("sessions", user_id=user_id, but=but)]

    def _take(self, what: str, **values: Any) -> list[Sequence[Any]]:
        """Delete, and return what was deleted: of many that ask, one gets it."""
        if not _keepable(values):
            return []
        steps = self._all.take[what]
        if len(steps) == 1:
            return self._pool.write((steps[0], values))[0][1]
        return self._pool.write(*((step, values) for step in steps))[0][1]

    # --- users ------------------------------------------------------------------------------

    def create_user(self, user: UserRecord, account: AccountRecord | None = None) -> UserRecord:
        made = (self._all.create_user, {**user._asdict(), "email_key": email_key(user)})
        linked = [(self._all.link_account, account._asdict())] if account is not None else []
        self._pool.write(made, *linked)
        return user

    def get_user(self, id: str) -> UserRecord | None:
        return _user(self._read(self._all.user, id=id))

    def get_user_by_email(self, email: str) -> UserRecord | None:
        return _user(self._read(self._all.user_by_email, email_key=email.lower()))

    def get_user_by_account(self, provider: str, provider_account_id: str) -> UserRecord | None:
        statement = self._all.user_by_account
        return _user(
            self._read(statement, provider=provider, provider_account_id=provider_account_id)
        )

    def update_user(self, user: UserRecord) -> bool:
        return self._update(self._all.update_user, user, {"id": user.id}, email_key=email_key(user))

    def delete_user(self, id: str) -> bool:
        values = {"user_id": id, "id": id}
        if not _keepable(values):
            return False
        done = self._pool.write(*((each, values) for each in self._all.delete_user))
        return done[-1][0] > 0

    # --- accounts ---------------------------------------------------------------------------

    def link_account(self, account: AccountRecord) -> None:
        self._insert(self._all.link_account, account)

    def unlink_account(self, provider: str, provider_account_id: str) -> bool:
        key = {"provider": provider, "provider_account_id": provider_account_id}
        return self._delete(self._all.unlink_account, **key) > 0

    def get_account(self, provider: str, provider_account_id: str) -> AccountRecord | None:
        rows = self._read(
            self._all.account, provider=provider, provider_account_id=provider_account_id
        )
        return AccountRecord(*rows[0]) if rows else None

    def list_accounts(self, user_id: str) -> list[AccountRecord]:
        return sorted(
            AccountRecord(*row) for row in self._read(self._all.list_accounts, user_id=user_id)
        )

    def update_account(self, account: AccountRecord, expected: AccountRecord) -> bool:
        return self._update(self._all.update_account, account, expected._asdict())

    # --- tokens of e-mail links -------------------------------------------------------------

    def create_verification_token(self, token: VerificationToken) -> None:
        self._insert(self._all.put_token, token)

    def get_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        rows = self._read(self._all.token, identifier=identifier, token=token)
        return VerificationToken(*rows[0]) if rows else None

    def use_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        rows = self._take("token", identifier=identifier, token=token)
        return VerificationToken(*rows[0]) if rows else None

    # --- passkeys ---------------------------------------------------------------------------

    def create_authenticator(self, authenticator: Authenticator) -> None:
        self._insert(self._all.create_authenticator, authenticator)

    def get_authenticator(self, credential_id: str) -> Authenticator | None:
        rows = self._read(self._all.authenticator, credential_id=credential_id)
        return Authenticator(*rows[0]) if rows else None

    def list_authenticators(self, user_id: str) -> list[Authenticator]:
        rows = self._read(self._all.list_authenticators, user_id=user_id)
        return sorted(Authenticator(*row) for row in rows)

    def update_authenticator(self, authenticator: Authenticator, expected: Authenticator) -> bool:
        return self._update(self._all.update_authenticator, authenticator, expected._asdict())

    def delete_authenticator(self, credential_id: str) -> bool:
        return self._delete(self._all.delete_authenticator, credential_id=credential_id) > 0

    # --- what was ended ---------------------------------------------------------------------

    def revoke(self, revocations: Sequence[Revocation]) -> None:
        # in one order, so that two that come together do not wait for each other
        steps = [(self._all.revoke, each._asdict()) for each in sorted(revocations)]
        if steps:
            self._pool.write(*steps)

    def revoke_once(self, revocation: Revocation) -> bool:
        try:
            self._insert(self._all.revoke_once, revocation)
        except AlreadyExists:
            return False
        return True

    def revocations(self, since: int) -> list[Revocation]:
        return [Revocation(*row) for row in self._read(self._all.revocations, since=since)]

    # --- all of it --------------------------------------------------------------------------

    def sweep(self, now: int, limit: int) -> int:
        return sum(self._delete(each, now=now, most=limit) for each in self._all.sweep)

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        self._pool.drain()


def _user(rows: list[Sequence[Any]]) -> UserRecord | None:
    return UserRecord(*rows[0]) if rows else None


def _keepable(values: Mapping[str, Any]) -> bool:
    """Whether a database can have such keys: PostgreSQL has no U+0000, none has half a pair."""
    for value in values.values():
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                return False
            if "\0" in value:
                return False
    return True


class _Statements:
    """Every statement in the words of one database."""

    def __init__(self, pool: Pool) -> None:
        users, accounts, sessions = schema.USERS, schema.ACCOUNTS, schema.SESSIONS
        tokens, keys, revocations = schema.TOKENS, schema.AUTHENTICATORS, schema.REVOCATIONS
        make = pool.compile
        account = ("provider", "provider_account_id")
        user = [users.c[name] for name in UserRecord._fields]

        self.session_and_user = make(
            sa.select(sessions.c.user_id, sessions.c.expires, sessions.c.data, *user[1:])
            .select_from(sessions.join(users, users.c.id == sessions.c.user_id))
            .where(*_equal(sessions, "id"))
        )
        self.create_session = make(sa.insert(sessions))
        self.update_session = make(_change(sessions, ("id",)))
        self.list_sessions = make(sa.select(*sessions.c).where(*_equal(sessions, "user_id")))

        self.create_user = make(sa.insert(users))
        self.user = make(sa.select(*user).where(*_equal(users, "id")))
        self.user_by_email = make(sa.select(*user).where(*_equal(users, "email_key")))
        self.user_by_account = make(
            sa.select(*user)
            .select_from(users.join(accounts, users.c.id == accounts.c.user_id))
            .where(*_equal(accounts, *account))
        )
        self.update_user = make(_change(users, ("id",), old=("id",)))
        self.delete_user = [
            make(sa.delete(table).where(*_equal(table, "user_id")))
            for table in (accounts, sessions, keys)
        ] + [make(sa.delete(users).where(*_equal(users, "id")))]

        self.link_account = make(sa.insert(accounts))
        self.unlink_account = make(sa.delete(accounts).where(*_equal(accounts, *account)))
        self.account = make(sa.select(*accounts.c).where(*_equal(accounts, *account)))
        self.list_accounts = make(sa.select(*accounts.c).where(*_equal(accounts, "user_id")))
        self.update_account = make(_change(accounts, account))

        self.put_token = make(_put(pool, tokens, ("expires", "data"), later=False))
        self.token = make(sa.select(*tokens.c).where(*_equal(tokens, "identifier", "token")))

        self.create_authenticator = make(sa.insert(keys))
        self.authenticator = make(sa.select(*keys.c).where(*_equal(keys, "credential_id")))
        self.list_authenticators = make(sa.select(*keys.c).where(*_equal(keys, "user_id")))
        self.update_authenticator = make(_change(keys, ("credential_id",)))
        self.delete_authenticator = make(sa.delete(keys).where(*_equal(keys, "credential_id")))

        self.revoke = make(_put(pool, revocations, ("at", "expires"), later=True))
        self.revoke_once = make(sa.insert(revocations))
        self.revocations = make(
            sa.select(*revocations.c).where(revocations.c.at >= sa.bindparam("since"))
        )

        self.take = {
            "session": _take(pool, sessions, *_equal(sessions, "id")),
            "sessions": _take(
                pool,
                sessions,
                *_equal(sessions, "user_id"),
                sessions.c.id != sa.bindparam("but", type_=sa.Text()),
            ),
            "token": _take(pool, tokens, *_equal(tokens, "identifier", "token")),
        }
        self.sweep = [make(_over(pool, table)) for table in (sessions, tokens, revocations)]


def _equal(table: sa.Table, *names: str, prefix: str = "") -> list[sa.ColumnElement[bool]]:
    return [
        table.c[name] == sa.bindparam(prefix + name, type_=table.c[name].type) for name in names
    ]


def _change(
    table: sa.Table, key: tuple[str, ...], old: tuple[str, ...] | None = None
) -> sa.ClauseElement:
    """Write all but the key, if the record is still what it was: in all columns, or ``old``."""
    names = [column.name for column in table.c]
    return (
        sa.update(table)
        .values({name: sa.bindparam(f"new_{name}") for name in names if name not in key})
        .where(*_equal(table, *(old or names), prefix="old_"))
    )


def _put(pool: Pool, table: sa.Table, names: tuple[str, ...], later: bool) -> sa.ClauseElement:
    """Insert, or set the columns of such names: to the new values, or the later of both."""
    if pool.dialect.name in ("mysql", "mariadb"):
        statement = mysql.insert(table)
        new = statement.inserted
        return statement.on_duplicate_key_update(
            {
                name: sa.func.greatest(table.c[name], new[name]) if later else new[name]
                for name in names
            }
        )
    kind: Any = postgresql if pool.dialect.name == "postgresql" else sqlite
    greatest = sa.func.greatest if pool.dialect.name == "postgresql" else sa.func.max
    other = kind.insert(table)
    found: sa.ClauseElement = other.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={
            name: greatest(table.c[name], other.excluded[name]) if later else other.excluded[name]
            for name in names
        },
    )
    return found


def _take(pool: Pool, table: sa.Table, *which: sa.ColumnElement[bool]) -> list[Statement]:
    """One statement that deletes and returns; where there is none, two of one transaction."""
    if pool.dialect.delete_returning:
        return [pool.compile(sa.delete(table).where(*which).returning(*table.c))]
    return [
        pool.compile(sa.select(*table.c).where(*which).with_for_update()),
        pool.compile(sa.delete(table).where(*which)),
    ]


def _over(pool: Pool, table: sa.Table) -> sa.ClauseElement:
    """Delete what is over ``now``, ``most`` rows at most; not what is prolonged just then."""
    if pool.dialect.name in ("mysql", "mariadb"):
        return sa.text(f"DELETE FROM {table.name} WHERE expires <= :now LIMIT :most")
    if pool.dialect.name == "postgresql":
        # By their place, in the index's order: of a prepared statement the planner does not know
        # how many ``most`` are, and would read the whole table for a join.
        return sa.text(
            f"DELETE FROM {table.name} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table.name} "
            "WHERE expires <= :now ORDER BY expires LIMIT :most)) AND expires <= :now"
        )
    key = ", ".join(column.name for column in table.primary_key)
    return sa.text(
        f"DELETE FROM {table.name} WHERE ({key}) IN (SELECT {key} FROM {table.name} "
        "WHERE expires <= :now LIMIT :most) AND expires <= :now"
    )


__all__ = ["SQLAdapter"]
