"""What an adapter keeps: users, their accounts, sessions, tokens of e-mail links, authenticators,
and what was ended before its time.

What lives here: shapes. ``data`` is text that we write and an adapter hands back unread (versioned
JSON, sealed where it holds secrets), so that a store needs no new column for what we come to keep.
Times are whole seconds since the epoch.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class UserRecord(NamedTuple):
    """Somebody who signs in. ``email_verified`` is when a provider, or a link that was followed,
    proved the address; None for one that nobody vouches for."""

    id: str
    name: str | None = None
    email: str | None = None
    email_verified: int | None = None
    image: str | None = None


class AccountRecord(NamedTuple):
    """One way in which a user signs in: the key is the provider with its own id of them, never an
    address (R085)."""

    provider: str
    provider_account_id: str
    user_id: str
    type: str
    data: str = ""

    def __repr__(self) -> str:  # the data holds tokens, if only sealed
        return f"<AccountRecord {self.provider} of {self.user_id!r}>"


class SessionRecord(NamedTuple):
    """A session. ``id`` is a hash of what the cookie holds (R028), of no use in its place."""

    id: str
    user_id: str
    expires: int
    data: str

    def __repr__(self) -> str:
        return f"<SessionRecord of {self.user_id!r}>"


class VerificationToken(NamedTuple):
    """What an e-mail link bears: ``identifier`` is the address, ``token`` a hash of the link's."""

    identifier: str
    token: str
    expires: int
    data: str = ""

    def __repr__(self) -> str:
        return f"<VerificationToken for {self.identifier!r}>"


class Authenticator(NamedTuple):
    """A passkey: ``credential_id`` as base64url, the count of its signatures so far."""

    credential_id: str
    user_id: str
    counter: int
    data: str


class Revocation(NamedTuple):
    """What was ended before its time: the session of that id, or every session of a user that was
    begun ``at`` this time or before. Of no interest once it ``expires``."""

    kind: Literal["session", "user"]
    id: str
    at: int
    expires: int


__all__ = [
    "AccountRecord",
    "Authenticator",
    "Revocation",
    "SessionRecord",
    "UserRecord",
    "VerificationToken",
]
