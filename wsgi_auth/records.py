"""What an adapter keeps: users, their accounts, sessions, tokens of e-mail links, authenticators,
and what was ended before its time.

What lives here: shapes. ``data`` is text that we write and an adapter hands back unread (versioned
JSON, sealed where it holds secrets), so that a store needs no new column for what we come to keep.
Times are whole seconds since the epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar

from wsgi_auth.errors import StoreUnavailable


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


class AccountData(NamedTuple):
    """What the ``data`` of an account says: ``label``, what the provider calls somebody, to be
    recognised by; ``at``, when they last signed in by it with tokens that we keep; ``tokens``,
    sealed; ``refused``, whether the provider gives no more; ``lease``, who asks it for fresh ones
    just now, and until when at the latest."""

    label: str = ""
    at: int = 0
    tokens: str = ""
    refused: bool = False
    lease: str = ""
    lease_until: int = 0

    def __repr__(self) -> str:
        return f"<AccountData of {self.label!r}>"

    def text(self) -> str:
        """The text for the store; "" for nothing to say."""
        said: dict[str, Any] = {name: value for name, value in self._asdict().items() if value}
        if not said:
            return ""
        return json.dumps({"v": 1, **said}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> AccountData:
        """What :meth:`text` wrote; of anything else, nothing. Never raises."""
        try:
            said = json.loads(text) if text else {}
            if said.pop("v", None) != 1:
                return cls()
            found = cls(**said)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls()
        defaults = cls()
        same = all(type(a) is type(b) for a, b in zip(found, defaults, strict=True))
        return found if same else defaults


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


_T = TypeVar("_T")
_Types = type | tuple[type, ...]
_TEXT_OR_NONE, _NUMBER_OR_NONE = (str, type(None)), (int, type(None))
#: What the fields of each are: a store may be written by others, and SQLite takes any value in any
#: column.
_SHAPES: Final[Mapping[type, tuple[_Types, ...]]] = {
    UserRecord: (str, _TEXT_OR_NONE, _TEXT_OR_NONE, _NUMBER_OR_NONE, _TEXT_OR_NONE),
    AccountRecord: (str, str, str, str, str),
    SessionRecord: (str, str, int, str),
    VerificationToken: (str, str, int, str),
    Authenticator: (str, str, int, str),
    Revocation: (str, str, int, int),
}


def checked(found: _T) -> _T:
    """What a step of a store gave: a record, several, or something else. Raises
    :class:`StoreUnavailable` for a record in which a field is of another type than it says."""
    records: Any = found if type(found) in (list, tuple) else (found,)
    for each in records:
        shape = _SHAPES.get(type(each))
        if shape is not None and not all(map(isinstance, each, shape)):
            raise StoreUnavailable(f"{type(each).__name__}: a field is of the wrong type")
    return found


__all__ = [
    "AccountData",
    "AccountRecord",
    "Authenticator",
    "Revocation",
    "SessionRecord",
    "UserRecord",
    "VerificationToken",
]
