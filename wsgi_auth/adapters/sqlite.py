"""``sqlite:///auth.db``: one file, no server; the embedded default, for one machine.

What lives here: SQL of SQLite (standard library), write-ahead log, short transactions. Readers
never wait for a writer; a writer waits :data:`BUSY` seconds for another at most.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wsgi_auth.adapters.common import email_key
from wsgi_auth.errors import AlreadyExists, ConfigError, StoreUnavailable
from wsgi_auth.records import (
    AccountRecord,
    Authenticator,
    Revocation,
    SessionRecord,
    UserRecord,
    VerificationToken,
)

#: Seconds that a statement waits for another's lock.
BUSY = 2.0
#: Connections that are kept open when nobody uses them.
_KEPT = 16

#: Version by version, the statements that lead to it: number 1 is the first.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE auth_users (id TEXT PRIMARY KEY, name TEXT, email TEXT,
           email_verified INTEGER, image TEXT, email_key TEXT UNIQUE) WITHOUT ROWID""",
        """CREATE TABLE auth_accounts (provider TEXT NOT NULL, provider_account_id TEXT NOT NULL,
           user_id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
           PRIMARY KEY (provider, provider_account_id)) WITHOUT ROWID""",
        "CREATE INDEX auth_accounts_user ON auth_accounts (user_id)",
        """CREATE TABLE auth_sessions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL,
           expires INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX auth_sessions_user ON auth_sessions (user_id)",
        "CREATE INDEX auth_sessions_expires ON auth_sessions (expires)",
        """CREATE TABLE auth_verification_tokens (identifier TEXT NOT NULL, token TEXT NOT NULL,
           expires INTEGER NOT NULL, data TEXT NOT NULL,
           PRIMARY KEY (identifier, token)) WITHOUT ROWID""",
        """CREATE TABLE auth_authenticators (credential_id TEXT PRIMARY KEY,
           user_id TEXT NOT NULL, counter INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX auth_authenticators_user ON auth_authenticators (user_id)",
        """CREATE TABLE auth_revocations (kind TEXT NOT NULL, id TEXT NOT NULL,
           at INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID""",
        "CREATE INDEX auth_revocations_at ON auth_revocations (at)",
    ),
)

_READ = """SELECT s.id, s.user_id, s.expires, s.data, u.name, u.email, u.email_verified, u.image
FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id WHERE s.id = ?"""
_USER = "SELECT id, name, email, email_verified, image FROM auth_users"
_ACCOUNT = "SELECT provider, provider_account_id, user_id, type, data FROM auth_accounts"
_SESSION = "SELECT id, user_id, expires, data FROM auth_sessions"


class SQLiteAdapter:
    """An :class:`~wsgi_auth.protocols.Adapter` in one file.

    Opening creates the tables in a new file, and brings those of an older release up to date;
    raises :class:`ConfigError` for tables of a newer one, or a place that cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._process = os.getpid()
        self._abandoned: list[Any] = []
        try:
            self.upgrade()
        except (sqlite3.Error, ValueError) as error:  # NUL, or half of a character
            raise ConfigError("adapter", f"the SQLite file {path!r}: {error}") from None

    @property
    def version(self) -> int:
        """The version of the tables in the file; 0 for none."""
        with self._connection() as connection:
            found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found

    def upgrade(self) -> None:
        """Bring the tables to this release's version: forward only, all or nothing."""
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > len(MIGRATIONS):
                    raise ConfigError(
                        "adapter",
                        f"the tables in {self._path!r} are of a newer release (version {version}, "
                        f"this one has {len(MIGRATIONS)}); upgrade wsgi_auth",
                    )
                for statements in MIGRATIONS[version:]:
                    for statement in statements:
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    # --- connections ------------------------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            # SQLite's connections must not be used on the other side of a fork, nor closed there:
            # closing could remove the log that the parent still writes
            self._abandoned.append(self._idle)
            self._process, self._idle = os.getpid(), deque()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        connection = sqlite3.connect(
            self._path, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def _run(self, statement: str, *values: Any) -> list[Any]:
        """All rows of one statement, which is a transaction of its own."""
        try:
            with self._connection() as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(str(error)) from None
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(str(error)) from None
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}") from error

    # --- sessions ---------------------------------------------------------------------------

    def create_session(self, session: SessionRecord) -> None:
        self._run("INSERT INTO auth_sessions VALUES (?, ?, ?, ?)", *session)

    def get_session_and_user(self, id: str) -> tuple[SessionRecord, UserRecord] | None:
        # on the path of every request: by hand what _run does
        connection = None
        try:
            connection = self._take()
            rows = connection.execute(_READ, (id,)).fetchall()
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise StoreUnavailable(f"SQLite: {error}") from error
        self._give_back(connection)
        if not rows:
            return None
        _, user_id, expires, data, name, email, verified, image = rows[0]
        return (
            SessionRecord(id, user_id, expires, data),
            UserRecord(user_id, name, email, verified, image),
        )

    def update_session(self, session: SessionRecord, expected: SessionRecord) -> bool:
        return bool(
            self._run(
                """UPDATE auth_sessions SET user_id = ?, expires = ?, data = ?
                WHERE id = ? AND user_id = ? AND expires = ? AND data = ? RETURNING 1""",
                session.user_id,
                session.expires,
                session.data,
                session.id,
                *expected[1:],
            )
        )

    def delete_session(self, id: str) -> SessionRecord | None:
        rows = self._run(
            "DELETE FROM auth_sessions WHERE id = ? RETURNING id, user_id, expires, data", id
        )
        return SessionRecord(*rows[0]) if rows else None

    def list_sessions(self, user_id: str) -> list[SessionRecord]:
        rows = self._run(f"{_SESSION} WHERE user_id = ? ORDER BY expires DESC, id", user_id)
        return [SessionRecord(*row) for row in rows]

    def delete_sessions(self, user_id: str, but: str = "") -> list[SessionRecord]:
        rows = self._run(
            """DELETE FROM auth_sessions WHERE user_id = ? AND id != ?
            RETURNING id, user_id, expires, data""",
            user_id,
            but,
        )
        return [SessionRecord(*row) for row in rows]

    # --- users ------------------------------------------------------------------------------

    def create_user(self, user: UserRecord, account: AccountRecord | None = None) -> UserRecord:
        with self._transaction() as connection:
            values = (*user, email_key(user))
            connection.execute("INSERT INTO auth_users VALUES (?, ?, ?, ?, ?, ?)", values)
            if account is not None:
                connection.execute("INSERT INTO auth_accounts VALUES (?, ?, ?, ?, ?)", account)
        return user

    def get_user(self, id: str) -> UserRecord | None:
        return _user(self._run(f"{_USER} WHERE id = ?", id))

    def get_user_by_email(self, email: str) -> UserRecord | None:
        return _user(self._run(f"{_USER} WHERE email_key = ?", email.lower()))

    def get_user_by_account(self, provider: str, provider_account_id: str) -> UserRecord | None:
        return _user(
            self._run(
                f"""{_USER} WHERE id = (SELECT user_id FROM auth_accounts
                WHERE provider = ? AND provider_account_id = ?)""",
                provider,
                provider_account_id,
            )
        )

    def update_user(self, user: UserRecord) -> bool:
        return bool(
            self._run(
                """UPDATE auth_users SET name = ?, email = ?, email_verified = ?, image = ?,
                email_key = ? WHERE id = ? RETURNING 1""",
                *user[1:],
                email_key(user),
                user.id,
            )
        )

    def delete_user(self, id: str) -> bool:
        with self._transaction() as connection:
            for table in ("auth_accounts", "auth_sessions", "auth_authenticators"):
                connection.execute(f"DELETE FROM {table} WHERE user_id = ?", (id,))
            return connection.execute("DELETE FROM auth_users WHERE id = ?", (id,)).rowcount > 0

    # --- accounts ---------------------------------------------------------------------------

    def link_account(self, account: AccountRecord) -> None:
        self._run("INSERT INTO auth_accounts VALUES (?, ?, ?, ?, ?)", *account)

    def unlink_account(self, provider: str, provider_account_id: str) -> bool:
        return bool(
            self._run(
                """DELETE FROM auth_accounts WHERE provider = ? AND provider_account_id = ?
                RETURNING 1""",
                provider,
                provider_account_id,
            )
        )

    def get_account(self, provider: str, provider_account_id: str) -> AccountRecord | None:
        rows = self._run(
            f"{_ACCOUNT} WHERE provider = ? AND provider_account_id = ?",
            provider,
            provider_account_id,
        )
        return AccountRecord(*rows[0]) if rows else None

    def list_accounts(self, user_id: str) -> list[AccountRecord]:
        rows = self._run(
            f"{_ACCOUNT} WHERE user_id = ? ORDER BY provider, provider_account_id", user_id
        )
        return [AccountRecord(*row) for row in rows]

    def update_account(self, account: AccountRecord, expected: AccountRecord) -> bool:
        return bool(
            self._run(
                """UPDATE auth_accounts SET user_id = ?, type = ?, data = ? WHERE provider = ?
                AND provider_account_id = ? AND user_id = ? AND type = ? AND data = ?
                RETURNING 1""",
                *account[2:],
                *expected,
            )
        )

    # --- tokens of e-mail links -------------------------------------------------------------

    def create_verification_token(self, token: VerificationToken) -> None:
        self._run("INSERT OR REPLACE INTO auth_verification_tokens VALUES (?, ?, ?, ?)", *token)

    def get_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        rows = self._run(
            """SELECT identifier, token, expires, data FROM auth_verification_tokens
            WHERE identifier = ? AND token = ?""",
            identifier,
            token,
        )
        return VerificationToken(*rows[0]) if rows else None

    def use_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        rows = self._run(
            """DELETE FROM auth_verification_tokens WHERE identifier = ? AND token = ?
            RETURNING identifier, token, expires, data""",
            identifier,
            token,
        )
        return VerificationToken(*rows[0]) if rows else None

    # --- passkeys ---------------------------------------------------------------------------

    def create_authenticator(self, authenticator: Authenticator) -> None:
        self._run("INSERT INTO auth_authenticators VALUES (?, ?, ?, ?)", *authenticator)

    def get_authenticator(self, credential_id: str) -> Authenticator | None:
        rows = self._run(
            """SELECT credential_id, user_id, counter, data FROM auth_authenticators
            WHERE credential_id = ?""",
            credential_id,
        )
        return Authenticator(*rows[0]) if rows else None

    def list_authenticators(self, user_id: str) -> list[Authenticator]:
        rows = self._run(
            """SELECT credential_id, user_id, counter, data FROM auth_authenticators
            WHERE user_id = ? ORDER BY credential_id""",
            user_id,
        )
        return [Authenticator(*row) for row in rows]

    def update_authenticator(self, authenticator: Authenticator, expected: Authenticator) -> bool:
        return bool(
            self._run(
                """UPDATE auth_authenticators SET user_id = ?, counter = ?, data = ?
                WHERE credential_id = ? AND user_id = ? AND counter = ? AND data = ?
                RETURNING 1""",
                *authenticator[1:],
                *expected,
            )
        )

    def delete_authenticator(self, credential_id: str) -> bool:
        return bool(
            self._run(
                "DELETE FROM auth_authenticators WHERE credential_id = ? RETURNING 1",
                credential_id,
            )
        )

    # --- what was ended ---------------------------------------------------------------------

    def revoke(self, revocations: Sequence[Revocation]) -> None:
        with self._transaction() as connection:
            connection.executemany(
                """INSERT INTO auth_revocations VALUES (?, ?, ?, ?) ON CONFLICT (kind, id)
                DO UPDATE SET at = max(at, excluded.at),
                expires = max(expires, excluded.expires)""",
                revocations,
            )

    def revoke_once(self, revocation: Revocation) -> bool:
        return bool(
            self._run(
                """INSERT INTO auth_revocations VALUES (?, ?, ?, ?)
                ON CONFLICT (kind, id) DO NOTHING RETURNING 1""",
                *revocation,
            )
        )

    def revocations(self, since: int) -> list[Revocation]:
        rows = self._run("SELECT kind, id, at, expires FROM auth_revocations WHERE at >= ?", since)
        return [Revocation(*row) for row in rows]

    # --- all of it --------------------------------------------------------------------------

    def sweep(self, now: int, limit: int) -> int:
        gone = 0
        for table, key in (
            ("auth_sessions", "id"),
            ("auth_verification_tokens", "identifier, token"),
            ("auth_revocations", "kind, id"),
        ):
            gone += len(
                self._run(
                    f"""DELETE FROM {table} WHERE ({key}) IN
                    (SELECT {key} FROM {table} WHERE expires <= ? LIMIT ?) RETURNING 1""",
                    now,
                    limit,
                )
            )
        return gone

    def __del__(self) -> None:
        if self._process == os.getpid():
            self.close()

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        while self._idle:
            self._idle.pop().close()


def _user(rows: list[Any]) -> UserRecord | None:
    return UserRecord(*rows[0]) if rows else None
