"""Strategy ``cookie``: the cookie holds the claims, signed; nothing is stored here.

A session ends when it runs out or its cookie goes. What was copied from the cookie before stays
valid until then (``docs/security``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.config.parts import SessionOptions
from wsgi_auth.events import Word
from wsgi_auth.sessions.life import MAX_TIME, SKEW, ends_at, max_age, times
from wsgi_auth.sessions.packed import Packed, packed
from wsgi_auth.sessions.view import session_of, stored
from wsgi_auth.types import KEEP, Claims, Device, FrozenDict, Stored, Written, freeze

if TYPE_CHECKING:
    from logging import Logger

    from wsgi_auth.tokens import SignedCodec

# a list or an object in base64, and a signature behind it: what SignedCodec writes
_LIKE_OURS = r"(?a:(?:W|ey)[\w-]+\.[\w-]{43})"


class CookieStrategy:
    """Signed claims in, signed claims out; ``exp`` is stamped at every write. ``logger``, asked for
    once there is something to say, is told of cookies that another secret signed, once a minute."""

    cacheable = True
    has_ended: Callable[[Mapping[str, Any], float], bool] | None = None

    def __init__(
        self,
        codec: SignedCodec,
        options: SessionOptions,
        logger: Callable[[], Logger] | None = None,
    ) -> None:
        self._codec = codec
        self._logger = logger
        self._word: Word | None = None
        self._verify = codec.verify
        self._options = options
        self._max_age = options.max_age
        self._update_age = options.update_age
        self._absolute_age = options.absolute_age

    def load(self, value: str, now: float) -> Stored | None:
        """The session that ``value`` holds, ended or not; None if it is not one of ours.

        Only claims with a subject and with whole numbers for times are a session (R021, R022).
        """
        verify = self._verify
        found = verify(value)
        if found is None:
            if self._logger is not None and re.fullmatch(_LIKE_OURS, value):
                self._mention(now, self._logger)
            return None
        content, key = found
        if type(content) is not list:
            return self._load_named(content, key, now)
        try:
            issued, ends, subject, name, email, picture, _, began, _, _, rest = content
        except ValueError:
            return None
        # type, not isinstance: True is an int to the latter
        if not (type(subject) is str and type(issued) is int and type(ends) is int and subject):
            return None
        if not (0 <= issued <= now + SKEW and 0 <= ends < MAX_TIME):
            return None
        if self._absolute_age is not None:
            if type(began) is not int or not 0 <= began <= now + SKEW:
                return None
            ends = min(ends, began + self._absolute_age)
        # signed under an older secret: due at once, so that the older one can be retired (R018)
        due = 0 if key else issued + self._update_age
        if rest is not None:
            if type(rest) is not dict:
                return None
            if "max_age" in rest:  # a life of its own, prolonged when half of it is over
                due = min(due, issued + max_age(rest, self._options) // 2)
        # Filled in here, as in sessions.view.stored.
        made: Stored = Packed()
        made.session = session_of(subject, name, email, picture, content[1])
        made.raw = content
        made.then = KEEP
        made.names = ()
        made.kept = None
        made.renew_at = due
        made.ends_at = ends
        return made

    def _mention(self, now: float, logger: Callable[[], Logger]) -> None:
        word = self._word
        if word is None:
            word = self._word = Word(logger().warning)
        word.say(
            now,
            "a session cookie was signed with none of the secrets, so nobody is signed in by it: "
            "processes with different secrets, a secret that was replaced, or another application "
            "on this host whose cookie has the same name",
        )

    def _load_named(self, content: Any, key: int, now: float) -> Stored | None:
        """The same of claims that are no list: they name themselves."""
        if type(content) is not dict:
            return None
        subject = content.get("sub")
        judged = times(content, now, self._options)
        if judged is None or type(subject) is not str or not subject:
            return None
        try:
            claims: Claims = freeze(content)
        except RecursionError:
            return None
        return stored(claims, 0 if key else judged[0], judged[1])

    def save(
        self, claims: Mapping[str, Any], now: float, kept: Any = None, device: Device | None = None
    ) -> Written:
        """The cookie's value for these claims from now on, and the claims as they were signed."""
        issued = int(now)
        if "max_age" in claims or self._absolute_age is not None:
            ends = ends_at(claims, issued, self._options)
        else:
            ends = issued + self._max_age
        fresh = {**claims, "iat": issued, "exp": ends}
        # claims that were read are read-only all the way down already
        stamped: Claims = FrozenDict(fresh) if type(claims) is FrozenDict else freeze(fresh)
        return Written(self._codec.encode(packed(stamped)), stamped)

    def delete(self, claims: Claims, now: float) -> None:
        """Nothing is stored, so there is nothing to delete; the cookie itself is removed."""
