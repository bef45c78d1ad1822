"""Strategy ``database``: the cookie holds an opaque identifier, the claims are in a store.

What lives here: what is written about a session, and the identifier. A store that was copied is no
set of live sessions: it has hashes of the identifiers only (R028).
"""

from __future__ import annotations

import hashlib
import json
import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import Any

from wsgi_auth.config.parts import SessionOptions
from wsgi_auth.protocols import SessionStore
from wsgi_auth.records import SessionRecord, UserRecord
from wsgi_auth.sessions.life import ends_at, times
from wsgi_auth.sessions.view import stored
from wsgi_auth.tokens import random_token
from wsgi_auth.types import Claims, Device, FrozenDict, Stored, Written, freeze

#: The version of what is written about a session; a later release may know more, never fewer.
VERSION = 1
#: What a cookie of ours looks like: the store is not asked about anything else.
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_TO_URL = bytes.maketrans(b"+/", b"-_")
NOWHERE = Device("", "")


class DatabaseStrategy:
    """An identifier of 256 random bits in the cookie; one read of the store at each request.

    A renewal is written only over what was read, so of many at the same time one is, and a session
    that was ended meanwhile stays so (R030, R031).
    """

    cacheable = False
    has_ended: Callable[[Mapping[str, Any], float], bool] | None = None

    def __init__(self, store: SessionStore, options: SessionOptions) -> None:
        self._store = store
        self._options = options

    def load(self, value: str, now: float) -> Stored | None:
        """The session of this identifier, ended or not; None if there is none.

        Raises :class:`~wsgi_auth.errors.StoreUnavailable` when the store cannot be asked.
        """
        if _VALUE.fullmatch(value) is None:
            return None
        found = self._store.get_session_and_user(hashed(value))
        if found is None:
            return None
        record, user = found
        read = content(record.data)
        if read is None:
            return None  # a newer release's: not ours to judge, nor to delete
        claims = _claims(read["claims"], record, user)
        judged = times(claims, now, self._options)
        if judged is None:
            return None
        renew_at, ends = judged
        return stored(claims, renew_at, ends, (value, record))

    def save(
        self, claims: Mapping[str, Any], now: float, kept: Any = None, device: Device | None = None
    ) -> Written | None:
        """Write the session; see :class:`~wsgi_auth.protocols.SessionStrategy`."""
        issued = int(now)
        ends = ends_at(claims, issued, self._options)
        fresh = {**claims, "iat": issued, "exp": ends}
        if kept is None:
            value = random_token()
            fresh["sid"] = hashed(value)
            data = written(fresh, device or NOWHERE)
            record = SessionRecord(fresh["sid"], fresh["sub"], ends, data)
            self._store.create_session(record)
            return Written(value, freeze(fresh), (value, record))
        value, before = kept
        data = written(fresh, device_of(content(before.data)))
        record = SessionRecord(before.id, before.user_id, ends, data)
        if not self._store.update_session(record, before):
            return None
        return Written(value, freeze(fresh), (value, record))

    def delete(self, claims: Claims, now: float) -> None:
        """The session is gone from the store."""
        self._store.delete_session(claims["sid"])


def hashed(value: str) -> str:
    """What the store knows an identifier by: SHA-256 as base64url, of no use as a cookie."""
    digest = hashlib.sha256(value.encode()).digest()
    return b2a_base64(digest, newline=False).translate(_TO_URL, b"=").decode("ascii")


def written(claims: Mapping[str, Any], device: Device) -> str:
    """The text for the store; ``TypeError`` or ``ValueError`` if the claims are no JSON."""
    content = {"v": VERSION, "claims": claims, "agent": device.agent, "address": device.address}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def content(data: str) -> dict[str, Any] | None:
    """What :func:`written` wrote, with the ``claims`` in it; None for what this release does not
    know, or what is none of ours."""
    try:
        found: dict[str, Any] = json.loads(data)
        is_ours = found["v"] == VERSION and type(found["claims"]) is dict
        return found if is_ours and {"agent", "address"} <= found.keys() else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def device_of(read: Mapping[str, Any] | None) -> Device:
    """From where the session came whose content this is."""
    return NOWHERE if read is None else Device(str(read["agent"]), str(read["address"]))


def _claims(read: dict[str, Any], record: SessionRecord, user: UserRecord) -> Claims:
    """The claims of a session: of its user, what the store says now."""
    read["sub"], read["sid"], read["exp"] = user.id, record.id, record.expires
    for name, value in (("name", user.name), ("email", user.email), ("picture", user.image)):
        if value is not None:
            read[name] = value
    if user.email is not None:
        read["email_verified"] = user.email_verified is not None
    elif "email_verified" in read:  # of an address that the user no longer has, or never got here
        del read["email_verified"]
        read.pop("email", None)
    claims: FrozenDict = freeze(read)
    return claims
