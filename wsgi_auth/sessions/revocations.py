"""Which sessions were ended before their time, for strategies whose cookies say all themselves.

What lives here: a small list, shared through a store, that every worker asks for what is new twice
a second at most, in the course of a request. Between two askings it costs a look into a dictionary.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.protocols import RevocationStore
from wsgi_auth.records import Revocation
from wsgi_auth.sessions.life import LONGEST, MAX_TIME, SKEW

#: Seconds for which a list is as good as new.
INTERVAL = 0.5
#: Seconds after which nobody is judged by it while another asks for a newer one.
WITHIN = 1.0
#: Seconds between two askings of a store that did not answer.
RETRY = 1.0
#: Seconds that a request waits for another that asks.
PATIENCE = 5.0
#: Seconds by which the clocks of two machines may differ, on either side.
OVERLAP = 120
_TIDY = 60.0


class Revocations:
    """The list. ``max_stale``: seconds for which it serves when the store does not answer; after
    that nobody can say whether a session has ended, which is :class:`StoreUnavailable`.
    ``max_age``: of the sessions, in seconds."""

    def __init__(
        self, store: RevocationStore, max_stale: int, max_age: int, logger: logging.Logger
    ) -> None:
        self._store = store
        self._max_stale = max_stale
        self._max_age = max_age
        self._logger = logger
        self._sessions: dict[str, int] = {}
        self._users: dict[str, Revocation] = {}
        # whose event is in it asks; nobody waits for that with a full list
        self._asking: dict[bool, threading.Event] = {}
        self._is_failing = False
        self._due = self._tidy_at = self._retry_at = 0.0
        self._read_at = float("-inf")

    def has_ended(self, claims: Mapping[str, Any], now: float) -> bool:
        """Whether the session of these claims was ended. On the path of every request."""
        if not self._read_at <= now < self._due:
            self._refresh(now)
        if self._sessions and (claims.get("sid") or claims.get("jti")) in self._sessions:
            return True
        if self._users:
            ended = self._users.get(claims.get("sub", ""))
            if ended is not None:
                # who has no time of sign-in is of another program (Auth.js): when it was written
                began = claims.get("auth_time", claims.get("iat"))
                # and what is no time (milliseconds, say) is after nothing
                return not isinstance(began, int) or began <= ended.at or began >= MAX_TIME
        return False

    def ask_again(self, now: float) -> None:
        """Have the list as it is at this moment. Raises :class:`StoreUnavailable` where the store
        does not answer, however good the last one still is."""
        if not (self._is_failing and self._retry_at - RETRY <= now < self._retry_at):
            self._ask(now)
        if self._is_failing:
            raise StoreUnavailable("the list of ended sessions could not be read just now")

    def begins_after(self, user_id: str, began: int) -> int:
        """The time of sign-in of a session that begins now: after all of this user's were ended,
        if that was in this very second (a change of password, say)."""
        ended = self._users.get(user_id)
        return began if ended is None else max(began, ended.at + 1)

    def session(self, id: str, now: float, issued: int, expires: int) -> Revocation:
        """That this session has ended, of no interest once none of its cookies can live. The one
        that is known, of these times, need not be the last: of a copy that was renewed, or is by a
        worker that has yet to hear of the end, nobody here knows."""
        renewed = int(now) + max(expires - issued, self._max_age)
        until = max(expires, renewed) + self._max_stale + SKEW
        return Revocation("session", id, int(now), min(until, MAX_TIME))

    def user(self, user_id: str, now: float) -> Revocation:
        """That every session of this user has ended, those too of which nothing is known: each may
        have a life of its own, or be from before ``session.max_age`` was lowered."""
        until = int(now) + max(self._max_age, LONGEST) + self._max_stale + SKEW
        return Revocation("user", user_id, int(now), min(until, MAX_TIME))

    def end(self, revocations: Sequence[Revocation]) -> None:
        """Tell everybody; here it holds at once."""
        self._store.revoke(revocations)
        self._add(revocations)

    def _add(self, revocations: Sequence[Revocation]) -> None:
        for each in revocations:
            if each.kind == "session":
                self._sessions[each.id] = each.expires
            else:
                known = self._users.get(each.id)
                if known is None or known.at < each.at:
                    self._users[each.id] = each

    def _refresh(self, now: float) -> None:
        """Ask, unless another does: then wait for it where what is known is too old."""
        for _ in range(2):
            if self._is_failing and self._retry_at - RETRY <= now < self._retry_at:
                break
            # made here and not before: of the kind that this process, or greenlet, waits for
            mine = threading.Event()
            asking = self._asking.setdefault(True, mine)
            if asking is mine:
                try:
                    self._ask(now)
                finally:
                    self._asking.pop(True, None)
                    mine.set()
                break
            if self._is_failing or self._read_at <= now < self._read_at + WITHIN:
                break
            if not asking.wait(PATIENCE):
                # whoever asked is gone, on the other side of a fork perhaps
                self._asking.pop(True, None)
            if self._read_at <= now < self._due:
                break
        if not -SKEW <= now - self._read_at <= self._max_stale:  # older, or nobody knows how old
            raise StoreUnavailable("the list of ended sessions could not be read for too long")

    def _ask(self, now: float) -> None:
        # a clock that went back was wrong, and so was what was asked for by it
        is_new = self._read_at < 0 or now < self._read_at - SKEW
        since = 0 if is_new else int(min(now, self._read_at)) - OVERLAP
        try:
            news = self._store.revocations(max(since, 0))
        except StoreUnavailable as error:
            if not self._is_failing:
                self._logger.error("the list of ended sessions cannot be read: %s", error)
            self._is_failing = True
            self._retry_at = now + RETRY
            return
        if self._is_failing:
            self._logger.info("the list of ended sessions can be read again")
        self._add(news)
        if now >= self._tidy_at:
            self._tidy(now)
        self._is_failing = False
        self._read_at, self._due = now, now + INTERVAL

    def _tidy(self, now: float) -> None:
        """Forget what has ended by itself; new dictionaries, for others are reading the old."""
        self._tidy_at = now + _TIDY
        self._sessions = {id: end for id, end in list(self._sessions.items()) if end > now}
        self._users = {id: one for id, one in list(self._users.items()) if one.expires > now}
