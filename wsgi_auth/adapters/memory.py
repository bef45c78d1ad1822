"""``memory:``: everything in this process, gone with it. For development, tests and small sites
that run as one process.

Every method is a few dictionary operations under one lock, which is never held while anything
waits.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from typing import Any

from wsgi_auth.adapters.common import email_key
from wsgi_auth.errors import AlreadyExists
from wsgi_auth.records import (
    AccountRecord,
    Authenticator,
    Revocation,
    SessionRecord,
    UserRecord,
    VerificationToken,
)


class MemoryAdapter:
    """An :class:`~wsgi_auth.protocols.Adapter` without a store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, UserRecord] = {}
        self._emails: dict[str, str] = {}
        self._accounts: dict[tuple[str, str], AccountRecord] = {}
        self._sessions: dict[str, SessionRecord] = {}
        self._tokens: dict[tuple[str, str], VerificationToken] = {}
        self._authenticators: dict[str, Authenticator] = {}
        self._revocations: dict[tuple[str, str], Revocation] = {}

    # --- sessions ---------------------------------------------------------------------------

    def create_session(self, session: SessionRecord) -> None:
        with self._lock:
            if session.id in self._sessions:
                raise AlreadyExists("a session of this id")
            self._sessions[session.id] = session

    def get_session_and_user(self, id: str) -> tuple[SessionRecord, UserRecord] | None:
        with self._lock:
            session = self._sessions.get(id)
            user = self._users.get(session.user_id) if session else None
        return None if session is None or user is None else (session, user)

    def update_session(self, session: SessionRecord, expected: SessionRecord) -> bool:
        with self._lock:
            if self._sessions.get(session.id) != expected:
                return False
            self._sessions[session.id] = session
            return True

    def delete_session(self, id: str) -> SessionRecord | None:
        with self._lock:
            return self._sessions.pop(id, None)

    def list_sessions(self, user_id: str) -> list[SessionRecord]:
        with self._lock:
            found = [each for each in self._sessions.values() if each.user_id == user_id]
        return sorted(found, key=lambda each: each.expires, reverse=True)

    def delete_sessions(self, user_id: str, but: str = "") -> list[SessionRecord]:
        with self._lock:
            mine = (each for each in self._sessions.values() if each.user_id == user_id)
            ended = [each for each in mine if each.id != but]
            for each in ended:
                del self._sessions[each.id]
        return ended

    # --- users ------------------------------------------------------------------------------

    def create_user(self, user: UserRecord, account: AccountRecord | None = None) -> UserRecord:
        with self._lock:
            if user.id in self._users:
                raise AlreadyExists("a user of this id")
            if account is not None and account[:2] in self._accounts:
                raise AlreadyExists("an account of this provider and id")
            self._claim_email(user)
            self._users[user.id] = user
            if account is not None:
                self._accounts[account[:2]] = account
        return user

    def get_user(self, id: str) -> UserRecord | None:
        with self._lock:
            return self._users.get(id)

    def get_user_by_email(self, email: str) -> UserRecord | None:
        with self._lock:
            return self._users.get(self._emails.get(email.lower(), ""))

    def get_user_by_account(self, provider: str, provider_account_id: str) -> UserRecord | None:
        with self._lock:
            account = self._accounts.get((provider, provider_account_id))
            return None if account is None else self._users.get(account.user_id)

    def update_user(self, user: UserRecord) -> bool:
        with self._lock:
            if user.id not in self._users:
                return False
            self._claim_email(user)
            self._users[user.id] = user
            return True

    def delete_user(self, id: str) -> bool:
        with self._lock:
            if self._users.pop(id, None) is None:
                return False
            self._emails = {key: owner for key, owner in self._emails.items() if owner != id}
            self._accounts = {k: v for k, v in self._accounts.items() if v.user_id != id}
            self._sessions = {k: v for k, v in self._sessions.items() if v.user_id != id}
            self._authenticators = {
                k: v for k, v in self._authenticators.items() if v.user_id != id
            }
            return True

    def _claim_email(self, user: UserRecord) -> None:
        """The address is this user's from now on, and none they had before; called locked."""
        key = email_key(user)
        if key is not None and self._emails.get(key, user.id) != user.id:
            raise AlreadyExists("a user of this address")
        old = self._users.get(user.id)
        if old is not None and old.email and self._emails.get(old.email.lower()) == user.id:
            del self._emails[old.email.lower()]
        if key is not None:
            self._emails[key] = user.id

    # --- accounts ---------------------------------------------------------------------------

    def link_account(self, account: AccountRecord) -> None:
        key = account.provider, account.provider_account_id
        with self._lock:
            if key in self._accounts:
                raise AlreadyExists("an account of this provider and id")
            self._accounts[key] = account

    def unlink_account(self, provider: str, provider_account_id: str) -> bool:
        with self._lock:
            return self._accounts.pop((provider, provider_account_id), None) is not None

    def get_account(self, provider: str, provider_account_id: str) -> AccountRecord | None:
        with self._lock:
            return self._accounts.get((provider, provider_account_id))

    def list_accounts(self, user_id: str) -> list[AccountRecord]:
        with self._lock:
            found = [each for each in self._accounts.values() if each.user_id == user_id]
        return sorted(found)

    def update_account(self, account: AccountRecord, expected: AccountRecord) -> bool:
        key = account.provider, account.provider_account_id
        with self._lock:
            if self._accounts.get(key) != expected:
                return False
            self._accounts[key] = account
            return True

    # --- tokens of e-mail links -------------------------------------------------------------

    def create_verification_token(self, token: VerificationToken) -> None:
        with self._lock:
            self._tokens[token.identifier, token.token] = token

    def get_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        with self._lock:
            return self._tokens.get((identifier, token))

    def use_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        with self._lock:
            return self._tokens.pop((identifier, token), None)

    # --- passkeys ---------------------------------------------------------------------------

    def create_authenticator(self, authenticator: Authenticator) -> None:
        with self._lock:
            if authenticator.credential_id in self._authenticators:
                raise AlreadyExists("an authenticator of this id")
            self._authenticators[authenticator.credential_id] = authenticator

    def get_authenticator(self, credential_id: str) -> Authenticator | None:
        with self._lock:
            return self._authenticators.get(credential_id)

    def list_authenticators(self, user_id: str) -> list[Authenticator]:
        with self._lock:
            found = [each for each in self._authenticators.values() if each.user_id == user_id]
        return sorted(found)

    def update_authenticator(self, authenticator: Authenticator, expected: Authenticator) -> bool:
        with self._lock:
            if self._authenticators.get(authenticator.credential_id) != expected:
                return False
            self._authenticators[authenticator.credential_id] = authenticator
            return True

    def delete_authenticator(self, credential_id: str) -> bool:
        with self._lock:
            return self._authenticators.pop(credential_id, None) is not None

    # --- what was ended ---------------------------------------------------------------------

    def revoke(self, revocations: Sequence[Revocation]) -> None:
        with self._lock:
            for each in revocations:
                known = self._revocations.get((each.kind, each.id), each)
                self._revocations[each.kind, each.id] = later(known, each)

    def revoke_once(self, revocation: Revocation) -> bool:
        with self._lock:
            if (revocation.kind, revocation.id) in self._revocations:
                return False
            self._revocations[revocation.kind, revocation.id] = revocation
            return True

    def revocations(self, since: int) -> list[Revocation]:
        with self._lock:
            return [each for each in self._revocations.values() if each.at >= since]

    # --- all of it --------------------------------------------------------------------------

    def sweep(self, now: int, limit: int) -> int:
        with self._lock:
            return (
                _swept(self._sessions, now, limit)
                + _swept(self._tokens, now, limit)
                + _swept(self._revocations, now, limit)
            )

    def close(self) -> None:
        """Nothing to give up; what is kept stays."""


def _swept(table: dict[Any, Any], now: int, limit: int) -> int:
    over = list(islice((key for key, each in table.items() if each.expires <= now), limit))
    for key in over:
        del table[key]
    return len(over)


def later(known: Revocation, new: Revocation) -> Revocation:
    """One revocation in place of two of the same key: the later of their times."""
    return known._replace(at=max(known.at, new.at), expires=max(known.expires, new.expires))
