"""The sessions of a user: listed, and ended from elsewhere, whatever the strategy.

What lives here: what a stored session tells of itself, and ending it. Strategies that keep sessions
in cookies are given a record of each (written at sign-in, renewal and sign-out, never read by a
request) and the shared list of what was ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from wsgi_auth.errors import UsageError
from wsgi_auth.protocols import SessionStore, SessionStrategy
from wsgi_auth.records import SessionRecord
from wsgi_auth.sessions.database import NOWHERE, content, device_of, written
from wsgi_auth.sessions.endings import Endings
from wsgi_auth.sessions.revocations import Revocations
from wsgi_auth.types import Claims, Device, FrozenDict, Stored, Written, freeze

#: Of the claims, what the record of a session that lives in a cookie repeats.
_TOLD = ("sid", "sub", "iat", "exp", "auth_time", "provider", "provider_sid", "tenant")


Tell: TypeAlias = Callable[[Claims], object]


class SessionInfo(NamedTuple):
    """One session of a user: ``id`` ends it; times are seconds since the epoch. ``last_seen`` is
    exact to ``session.update_age``."""

    id: str
    user_id: str
    provider: str
    signed_in: int
    last_seen: int
    expires: int
    agent: str
    address: str


class Register:
    """Lists and ends the sessions of users, from code that serves no request of theirs too.

    ``revocations`` for strategies whose cookies say all themselves. Every method raises
    :class:`~wsgi_auth.errors.StoreUnavailable` when the store cannot be asked. ``tell`` is called
    with what is known of each living session that this very call has ended.
    """

    def __init__(
        self,
        store: SessionStore,
        revocations: Revocations | None,
        clock: Callable[[], float],
        endings: Endings,
    ) -> None:
        self._store = store
        self._endings = endings
        self._clock = clock
        self._revocations = revocations

    def of(self, user_id: str | int) -> list[SessionInfo]:
        """The living sessions of a user, newest first."""
        found, now = self._store.list_sessions(_text(user_id)), self._clock()
        return [_info(each) for each in found if each.expires > now]

    def end(self, user_id: str | int, id: str, tell: Tell | None = None) -> bool:
        """End one session of this user; False if it is not one of theirs."""
        found = self._store.list_sessions(_text(user_id))
        mine = next((each for each in found if each.id == id), None)
        if mine is None:
            return False
        self._revoke([mine])
        gone = self._store.delete_session(id)
        self._tell([] if gone is None else [gone], tell)
        return True

    def end_all(self, user_id: str | int, but: str = "", tell: Tell | None = None) -> int:
        """End every session of a user, but the one of the id ``but``; how many there were. No
        sign-in that was proven before begins one, but that which a callback calls this in."""
        user_id = _text(user_id)
        self._endings.note(user_id)
        ended = self._store.list_sessions(user_id) if self._revocations is not None else []
        # each by its id: it may have been begun by a machine whose clock is ahead of this one
        self._revoke([each for each in ended if each.id != but])
        if self._revocations is not None and not but:  # also those that no record tells of
            self._revocations.end([self._revocations.user(user_id, self._clock())])
        gone = self._store.delete_sessions(user_id, but)
        self._revoke([each for each in gone if each not in ended])  # begun in between
        self._tell(gone, tell)
        return len(gone)

    def end_at_provider(
        self, user_id: str, provider: str, sid: str = "", tenant: str = ""
    ) -> list[Claims]:
        """End what a provider signed out: the sessions of this user that were begun there (at that
        ``tenant`` of it), of its session ``sid`` if that is given; what is known of each living one
        that this very call has ended. A session that does not know by which of the provider's it
        was begun may be the one."""
        mine = []
        for record in self._store.list_sessions(user_id):
            claims = _known(record)
            if (claims.get("provider"), claims.get("tenant", "")) != (provider, tenant):
                continue
            if not sid or claims.get("provider_sid", sid) == sid:
                mine.append(record)
        self._revoke(mine)
        gone = [self._store.delete_session(record.id) for record in mine]
        ended: list[Claims] = []
        self._tell([each for each in gone if each is not None], ended.append)
        return ended

    def _tell(self, gone: Sequence[SessionRecord], tell: Tell | None) -> None:
        if tell is not None:
            now = self._clock()
            for record in gone:
                if record.expires > now:
                    tell(_known(record))

    def _revoke(self, records: Sequence[SessionRecord]) -> None:
        revocations = self._revocations
        if revocations is not None and records:
            now = self._clock()
            revocations.end(
                [
                    revocations.session(
                        each.id, now, _info(each).last_seen or int(now), each.expires
                    )
                    for each in records
                ]
            )


class Registered:
    """A strategy whose sessions live in cookies, with a record of each in a store."""

    def __init__(
        self, strategy: SessionStrategy, store: SessionStore, revocations: Revocations
    ) -> None:
        self._strategy = strategy
        self._store = store
        #: What was ended, for all workers.
        self.revocations = revocations
        self.cacheable = strategy.cacheable
        self.has_ended: Callable[[Mapping[str, Any], float], bool] | None = revocations.has_ended
        self.load: Callable[[str, float], Stored | None] = strategy.load

    def save(
        self, claims: Mapping[str, Any], now: float, kept: Any = None, device: Device | None = None
    ) -> Written | None:
        """As the strategy does, and its record with it; None for what was ended since it was read.

        Without a time of sign-in (another program's) what is written looks newly begun to whoever
        ended all of the user's a moment ago, so that is asked for once more."""
        if device is None:
            if "auth_time" not in claims:
                self.revocations.ask_again(now)
            if self.revocations.has_ended(claims, now):
                return None
        if device is not None and "auth_time" in claims:
            # all may have been ended a moment ago by another process: this one begins after that
            self.revocations.ask_again(now)
            began = self.revocations.begins_after(claims["sub"], claims["auth_time"])
            claims = FrozenDict({**claims, "auth_time": began})
        saved = self._strategy.save(claims, now, kept, device)
        if saved is None:
            return None
        stamped = saved.claims
        id, user_id = stamped.get("sid"), stamped.get("sub")
        if not id or not user_id:
            return saved  # another program's: it is no matter of ours
        told = {name: stamped[name] for name in _TOLD if name in stamped}
        record = SessionRecord(id, user_id, stamped["exp"], written(told, device or NOWHERE))
        if device is not None:
            self._store.create_session(record)
            return saved
        known = self._store.get_session_and_user(id)
        if known is not None:
            data = written(told, device_of(content(known[0].data)))
            self._store.update_session(record._replace(data=data), known[0])
        return saved

    def delete(self, claims: Claims, now: float) -> None:
        """Ended for every worker, and off the list."""
        id = claims.get("sid") or claims.get("jti")
        if id:
            issued = claims.get("iat", int(now))
            self.revocations.end([self.revocations.session(id, now, issued, claims["exp"])])
            self._store.delete_session(id)
        self._strategy.delete(claims, now)


def _text(user_id: str | int) -> str:
    """The id as sessions have it: ``authorize`` may return a number."""
    if type(user_id) is int:
        return str(user_id)
    if not isinstance(user_id, str):
        raise UsageError(
            f"the id of a user is text or a whole number, not {type(user_id).__name__}"
        )
    return user_id


def _known(record: SessionRecord) -> Claims:
    """What the store knows of a session: all of its claims, or a few where they are in a cookie."""
    read = content(record.data)
    claims = {} if read is None else read["claims"]
    known: FrozenDict = freeze({**claims, "sid": record.id, "sub": record.user_id})
    return known


def _info(record: SessionRecord) -> SessionInfo:
    read = content(record.data)
    claims: Mapping[str, Any] = {} if read is None else read["claims"]
    device = device_of(read)
    return SessionInfo(
        record.id,
        record.user_id,
        str(claims.get("provider") or ""),
        _time(claims.get("auth_time")),
        _time(claims.get("iat")),
        record.expires,
        device.agent,
        device.address,
    )


def _time(value: Any) -> int:
    return value if type(value) is int else 0
