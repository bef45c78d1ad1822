"""Who a proof of identity belongs to, where users are kept: the accounts of a user.

What lives here: the matrix of known, unknown and taken. The key of an account is the provider with
its own id of somebody, never an address (R085): an address only tells that two accounts might be
one person's, which only they, or an operator who trusts the provider, may decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from wsgi_auth.errors import (
    AccessDenied,
    AccountNotLinked,
    AccountTaken,
    AlreadyExists,
    LastAccount,
    StoreUnavailable,
    UsageError,
)
from wsgi_auth.events import Events, shown
from wsgi_auth.protocols import UserStore
from wsgi_auth.records import AccountData, AccountRecord, UserRecord
from wsgi_auth.tokens import random_id
from wsgi_auth.types import TURNS, Account, Environ
from wsgi_auth.ways import Way, Ways, give_up


class Owner(NamedTuple):
    """The user of a proof, as the store has them; ``is_new``: since just now."""

    user: UserRecord
    is_new: bool


class LinkedAccount(NamedTuple):
    """One account of a user: the ``provider`` with its own ``id`` of them, the ``type`` of the
    provider, and what they are called there (``label``), "" for not known."""

    provider: str
    id: str
    type: str
    label: str


class Accounts:
    """Finds or makes the user that a proof of identity belongs to."""

    def __init__(self, store: UserStore, events: Events) -> None:
        self._store = store
        self._events = events

    def owner(
        self, claims: Mapping[str, Any], account: Account, provider: Any, environ: Environ,
        now: float,
    ) -> Owner:  # fmt: skip
        """The user that signs in by this account; made, with the account, at the first time.

        Raises :class:`AccountNotLinked` where the address is another user's: nobody becomes
        somebody else by an address, unless the provider has ``link_by_email`` and both it and we
        have seen it proven.
        """
        for _ in range(TURNS):
            found = self._store.get_user_by_account(account.provider, account.provider_account_id)
            if found is not None:
                return Owner(self._refreshed(found, claims, environ, now), False)
            # what nobody vouches for finds nobody, nor does it stand in anybody's way
            email = claims.get("email") if claims.get("email_verified") else None
            other = self._store.get_user_by_email(email) if email else None
            if other is None:
                made = self._made(claims, account, environ, now)
                if made is not None:
                    return Owner(made, True)
            elif self._store.get_user_by_account(account.provider, account.provider_account_id):
                continue  # made since we looked, by another request of the same visitor
            elif getattr(provider, "link_by_email", False):
                if self._linked(other, account, environ, label_of(claims)):
                    return Owner(other, False)
            else:
                raise AccountNotLinked(
                    f"the address that {account.provider} says is that of a user who signs in "
                    "another way"
                )
        raise StoreUnavailable("a sign-in was overtaken by others of the same account")

    def local(self, claims: Mapping[str, Any], environ: Environ, now: float) -> Owner:
        """The user whose id the application (or a file of passwords) has given itself."""
        wanted = _record(claims["sub"], claims, now)
        for _ in range(TURNS):
            found = self._store.get_user(wanted.id)
            if found is not None:
                return Owner(self._refreshed(found, claims, environ, now), False)
            try:
                return Owner(self._created(wanted, environ), True)
            except AlreadyExists:
                # the address may be another user's: whose it is in truth is not for us to say
                wanted = wanted._replace(email_verified=None)
        raise StoreUnavailable("a sign-in was overtaken by others of the same user")

    def known(self, user_id: str) -> Owner:
        """The user of this id, who is kept here. Raises :class:`AccessDenied` for none."""
        found = self._store.get_user(user_id)
        if found is None:
            raise AccessDenied("the user is gone")
        return Owner(found, False)

    def of_account(self, account: Account) -> UserRecord | None:
        """The user who signs in by this account."""
        return self._store.get_user_by_account(account.provider, account.provider_account_id)

    def of_address(self, email: str) -> UserRecord | None:
        """The user whose verified address this is."""
        return self._store.get_user_by_email(email)

    def addressed(self, claims: Mapping[str, Any], environ: Environ, now: float) -> Owner:
        """The user whose verified address it is (they have just proven it); made at the first
        time."""
        for _ in range(TURNS):
            found = self._store.get_user_by_email(claims["email"])
            if found is not None:
                return Owner(found, False)
            try:
                return Owner(self._created(_record(random_id(), claims, now), environ), True)
            except AlreadyExists:
                continue  # by another link at this moment
        raise StoreUnavailable("a sign-in was overtaken by others of the same address")

    def link(self, user_id: str, account: Account, environ: Environ, label: str = "") -> None:
        """From now on this account signs in this user, who is signed in and asked for it.

        Raises :class:`AccountNotLinked` if it is another user's; once theirs, nothing changes.
        """
        user = self._store.get_user(user_id)
        if user is None:
            raise UsageError("there is no such user to link an account to")
        if not self._linked(user, account, environ, label):
            found = self._store.get_user_by_account(account.provider, account.provider_account_id)
            if found is None or found.id != user_id:
                raise AccountTaken(f"this account of {account.provider} is another user's")

    def unlink(
        self, user_id: str, provider: str, provider_account_id: str, environ: Environ,
        ways: Ways | None = None,
    ) -> None:  # fmt: skip
        """This account no longer signs in this user.

        ``ways``: by what they can sign in (None: by each of their accounts). Raises
        :class:`LastAccount` for the last one, and :class:`UsageError` for an account that is not
        theirs.
        """
        key = (provider, provider_account_id)
        record = next((e for e in self._store.list_accounts(user_id) if e[:2] == key), None)
        if record is None:
            raise UsageError("this account is not linked to the user")

        def accounts() -> frozenset[Way]:
            mine = self._store.list_accounts(user_id)
            return frozenset(Way("account", *each[:2]) for each in mine)

        if not give_up(
            Way("account", *key),
            ways or accounts,
            lambda: self._store.unlink_account(*key),
            lambda: self._store.link_account(record),
        ):
            raise LastAccount("it is the last account by which the user could sign in")
        self._events.logger.info("%s no longer signs in %s", provider, shown(user_id))
        user = self._store.get_user(user_id)
        self._events.fire(
            "unlink_account",
            environ,
            user=None if user is None else told(user),
            account=Account(record.provider, record.type, record.provider_account_id),
        )

    def linked(self, user_id: str) -> list[AccountRecord]:
        """The accounts of a user."""
        return self._store.list_accounts(user_id)

    def of(self, user_id: str) -> list[LinkedAccount]:
        """The same, as an application is told of them."""
        return [
            LinkedAccount(e.provider, e.provider_account_id, e.type, AccountData.of(e.data).label)
            for e in self.linked(user_id)
        ]

    def has_address(self, user_id: str) -> bool:
        """Whether the user has an address that is proven."""
        user = self._store.get_user(user_id)
        return user is not None and user.email_verified is not None

    def knows(self, user_id: str) -> bool:
        """Whether there is such a user."""
        return self._store.get_user(user_id) is not None

    # --- steps ------------------------------------------------------------------------------

    def _made(
        self, claims: Mapping[str, Any], account: Account, environ: Environ, now: float
    ) -> UserRecord | None:
        """A new user with this account; None if another request was faster."""
        wanted = _record(random_id(), claims, now)
        record = _account(wanted.id, account, label_of(claims))
        try:
            user = self._store.create_user(wanted, record)
        except AlreadyExists:
            left = self._left_behind(account)
            if left is None:
                return None
            try:
                user = self._store.create_user(wanted)
            except AlreadyExists:
                return None
            if not self._store.update_account(record, left):
                self._store.delete_user(user.id)
                return None
        self._events.fire("create_user", environ, user=told(user))
        self._events.fire("link_account", environ, user=told(user), account=account)
        return user

    def _created(self, user: UserRecord, environ: Environ) -> UserRecord:
        made = self._store.create_user(user)
        self._events.fire("create_user", environ, user=told(made))
        return made

    def _linked(self, user: UserRecord, account: Account, environ: Environ, label: str) -> bool:
        record = _account(user.id, account, label)
        try:
            self._store.link_account(record)
        except AlreadyExists:
            left = self._left_behind(account)
            if left is None or not self._store.update_account(record, left):
                return False
        self._events.logger.info("%s signs in %s from now on", account.provider, shown(user.id))
        self._events.fire("link_account", environ, user=told(user), account=account)
        return True

    def _left_behind(self, account: Account) -> AccountRecord | None:
        """The record of this account, if its user is gone: it was linked as they were deleted, or
        they were without an adapter. Whoever proves the account may have it."""
        found = self._store.get_account(account.provider, account.provider_account_id)
        if found is None or self._store.get_user(found.user_id) is not None:
            return None
        return found

    def _refreshed(
        self, user: UserRecord, claims: Mapping[str, Any], environ: Environ, now: float
    ) -> UserRecord:
        """The user with what the proof says of name, picture and a verified address."""
        fresh = _record(user.id, claims, now)
        wanted = user._replace(
            name=fresh.name or user.name,
            image=fresh.image or user.image,
        )
        if fresh.email is not None:
            if fresh.email_verified is None:
                # nobody vouches for it: it takes the place of none that somebody vouched for
                if user.email_verified is None:
                    wanted = wanted._replace(email=fresh.email)
            elif user.email != fresh.email or user.email_verified is None:
                wanted = wanted._replace(email=fresh.email, email_verified=fresh.email_verified)
        if wanted == user:
            return user
        try:
            self._store.update_user(wanted)
        except AlreadyExists:
            # the address is another user's by now; all else may change
            wanted = wanted._replace(email=user.email, email_verified=user.email_verified)
            self._store.update_user(wanted)
        self._events.fire("update_user", environ, user=told(wanted))
        return wanted


def _record(id: str, claims: Mapping[str, Any], now: float) -> UserRecord:
    verified = int(now) if claims.get("email") and claims.get("email_verified") else None
    return UserRecord(id, claims.get("name"), claims.get("email"), verified, claims.get("picture"))


def _account(user_id: str, account: Account, label: str) -> AccountRecord:
    data = AccountData(label).text()
    return AccountRecord(account.provider, account.provider_account_id, user_id, account.type, data)


def label_of(claims: Mapping[str, Any]) -> str:
    """What somebody is called at a provider, to recognise the account by."""
    return str(claims.get("login") or claims.get("email") or claims.get("name") or "")[:200]


def told(user: UserRecord) -> dict[str, Any]:
    """A user as events are told of one."""
    return {"id": user.id, "name": user.name, "email": user.email, "image": user.image}


__all__ = ["Accounts", "LinkedAccount", "Owner", "label_of", "told"]
