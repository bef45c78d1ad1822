"""The tokens of other parties, kept in the accounts of users where there is a store: sealed, and
renewed once however many requests of however many processes ask.

What lives here: tokens to the data of an account and back, and whose turn it is to ask for fresh
ones. What must not: the request for them (``client``).

Whoever renews writes a lease into the account first, by compare-and-set, so that of many one does;
the others look again now and then. A lease of a process that died runs out. No lock is held,
neither here nor in the store, while the provider is asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence

from wsgi_auth.errors import ProviderRefused, ProviderUnavailable, SignInAgain, StoreUnavailable
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.protocols import UserStore
from wsgi_auth.records import AccountData, AccountRecord
from wsgi_auth.sealed import SealedCodec
from wsgi_auth.tokens import random_id
from wsgi_auth.types import TURNS, Account

#: Seconds that a renewal may take: more than its requests do (metadata, keys, and twice the token
#: endpoint) and the clocks of two machines differ, for a used refresh token must not be sent again.
LEASE = 90
#: Seconds that a request waits for another that renews.
PATIENCE = 20.0
_SHORTEST, _LONGEST = 0.02, 0.25
#: How often tokens that were renewed are offered to a store that cannot be asked, or is ahead of
#: them: for five seconds at least, however quickly it fails.
_OFFERS = 20


class KeptTokens:
    """The tokens in the accounts of one store."""

    def __init__(
        self, store: UserStore, secrets: Sequence[bytes], logger: Callable[[], logging.Logger]
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._logger = logger

    def keep(self, account: Account, tokens: Tokens, tenant: str, now: float) -> None:
        """These are the account's tokens from now on. One that was unlinked meanwhile has none."""
        self._change(
            account,
            lambda record, said: AccountData(
                said.label, int(now), self._sealed(record, tokens, tenant)
            ),
        )

    def forget(self, account: Account) -> None:
        """The account has no tokens from now on."""
        self._change(account, lambda _, said: AccountData(said.label) if said.tokens else None)

    def _change(
        self, account: Account, change: Callable[[AccountRecord, AccountData], AccountData | None]
    ) -> None:
        """None: it stays as it is."""
        key = account.provider, account.provider_account_id
        for _ in range(TURNS):
            record = self._store.get_account(*key)
            if record is None:
                return
            wanted = change(record, AccountData.of(record.data))
            if wanted is None or self._store.update_account(_with(record, wanted), record):
                return
        raise StoreUnavailable("the tokens of an account were overtaken by others")

    def fresh(
        self,
        user_id: str,
        provider: str,
        tenant: str,
        renew: Callable[[Tokens], Tokens],
        clock: Callable[[], float],
    ) -> str | None:
        """A fresh access token of the user at this provider: of several accounts there, that by
        which they signed in last. None if there are no tokens of any.

        Raises :class:`SignInAgain` and :class:`ProviderUnavailable` as
        :meth:`wsgi_auth.Auth.access_token` says.
        """
        record = self._latest(user_id, provider, tenant)
        under_way = None  # the tokens that another request is renewing
        for pause in _pauses():
            if record is None or record.user_id != user_id:
                return None
            said, now = AccountData.of(record.data), clock()
            if said.refused:
                raise SignInAgain(f"{provider} refused to renew its tokens")
            tokens = self._opened(record, tenant)
            if tokens is None:
                return None
            if tokens.is_fresh(now) or under_way not in (None, said.tokens):
                return tokens.access_token
            if not tokens.refresh_token:
                raise SignInAgain(
                    f"the token of {provider} has expired, and it gave none to renew it"
                )
            if said.lease and now < said.lease_until:
                under_way = said.tokens
                threading.Event().wait(pause)
            elif under_way is not None and not said.lease:
                raise ProviderUnavailable(f"{provider} gave no fresh token to another request")
            else:
                mine = _with(record, said._replace(lease=random_id(), lease_until=int(now) + LEASE))
                if self._store.update_account(mine, record):
                    token = self._renewed(mine, tokens, tenant, renew)
                    if token is not None:
                        return token
                under_way = None
            record = self._store.get_account(*record[:2])
        raise ProviderUnavailable(f"a fresh token of {provider} took another request too long")

    def _renewed(
        self, mine: AccountRecord, tokens: Tokens, tenant: str, renew: Callable[[Tokens], Tokens]
    ) -> str | None:
        """The access token of the fresh tokens, which are kept; None where somebody has signed in
        meanwhile, so that others count. ``mine`` is the account with our lease in it."""
        said = AccountData.of(mine.data)
        free = said._replace(lease="", lease_until=0)
        try:
            fresh = renew(tokens)
        except ProviderRefused as refused:
            if not refused.is_final:  # our fault or theirs, and no word on this user
                self._store.update_account(_with(mine, free), mine)
                raise
            self._logger().warning("%s gives no fresh token: %s", mine.provider, refused)
            over = _with(mine, free._replace(refused=True))
            if not self._store.update_account(over, mine):
                return None
            raise SignInAgain(f"{mine.provider} refused to renew its tokens") from None
        except BaseException:
            self._store.update_account(_with(mine, free), mine)
            raise
        self._write(mine, free._replace(tokens=self._sealed(mine, fresh, tenant)))
        return fresh.access_token

    def _write(self, mine: AccountRecord, wanted: AccountData) -> None:
        """Keep what was renewed, if the account still has what it was renewed from: the old refresh
        token is used, so this must not be given up lightly."""
        before = AccountData.of(mine.data).tokens
        expected: AccountRecord | None = mine
        for _ in range(_OFFERS):
            try:
                if expected is None or AccountData.of(expected.data).tokens != before:
                    return
                if self._store.update_account(_with(expected, wanted), expected):
                    return
                expected = self._store.get_account(*mine[:2])
            except StoreUnavailable:
                threading.Event().wait(_LONGEST)
        self._logger().error("fresh tokens of %s could not be kept: they are lost", mine.provider)

    def _latest(self, user_id: str, provider: str, tenant: str) -> AccountRecord | None:
        there = (
            (AccountData.of(each.data).at, each)
            for each in self._store.list_accounts(user_id)
            if each.provider == provider and self._opened(each, tenant) is not None
        )
        return max(there, default=(0, None))[1]

    def _sealed(self, record: AccountRecord, tokens: Tokens, tenant: str) -> str:
        return self._codec(record).seal({"tenant": tenant, "tokens": tokens.to_json()})

    def _opened(self, record: AccountRecord, tenant: str) -> Tokens | None:
        sealed = AccountData.of(record.data).tokens
        content = self._codec(record).open(sealed) if sealed else None
        if content is None or content.get("tenant") != tenant:
            return None
        return Tokens.from_json(content.get("tokens"))

    def _codec(self, record: AccountRecord) -> SealedCodec:
        # a purpose for each account: one's tokens cannot be put into another's row
        purpose = f"wsgi_auth.account {record.provider} {record.provider_account_id}"
        return SealedCodec(self._secrets, purpose)


def _with(record: AccountRecord, said: AccountData) -> AccountRecord:
    return record._replace(data=said.text())


def _pauses() -> Iterator[float]:
    """Seconds between two looks, longer and longer, until patience is over."""
    waited, pause = 0.0, _SHORTEST
    while waited < PATIENCE:
        yield pause
        waited += pause
        pause = min(pause * 1.5, _LONGEST)
