"""Strategy ``jwt``: the cookie is Auth.js's own encrypted token, read and written by both.

What lives here: what its claims must be, the application's own ``encode`` and ``decode``, and the
word to the operator about a token that cannot be read. What must not: how a token is encrypted
(``jwe``) and cut (``cookies``). Nothing is stored here: a session ends when it runs out or its
cookie goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from logging import Logger
from typing import Any

from wsgi_auth.config.parts import SessionOptions
from wsgi_auth.errors import CallbackError
from wsgi_auth.events import Word
from wsgi_auth.protocols import Codec
from wsgi_auth.sessions.life import MAX_TIME, SKEW, ends_at, max_age
from wsgi_auth.sessions.view import stored
from wsgi_auth.tokens import MAX_TOKEN, random_id
from wsgi_auth.types import Claims, Device, FrozenDict, Stored, Written, freeze

#: Seconds that ``exp`` and ``nbf`` may be off, as in Auth.js: both ends accept the same tokens.
TOLERANCE = 15
_NEVER = float("inf")
_TEXT_OR_NONE = (str, type(None))  # the union of the two is made anew wherever it is written
# five parts, the second empty: ``dir`` has no encrypted key
_LIKE_AUTHJS = re.compile(r"eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
# what a cookie's value may hold (RFC 6265 section 4.1.1), without the comma that servers join by
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")


class JWTStrategy:
    """Encrypted claims in, encrypted claims out; ``iat``, ``exp``, ``jti`` are stamped at every
    write, and what Node put beside them stays. So does its ``jti`` where there is no ``sid``: it is
    what a session that Node began is ended by, and a new one would be that of no ended session."""

    def __init__(
        self, codec: Codec, options: SessionOptions, logger: Logger, cacheable: bool = True
    ) -> None:
        self.cacheable = cacheable
        self.has_ended: Callable[[Mapping[str, Any], float], bool] | None = None
        self._options = options
        self._verify = codec.verify
        self._encode = codec.encode
        # another program's tokens are never due: it renews them itself
        self._update_age = _NEVER if options.read_only else options.update_age
        self._absolute_age = options.absolute_age
        self._word = Word(logger.warning)

    def load(self, value: str, now: float) -> Stored | None:
        """The session that ``value`` holds, ended or not; None if it is not one of ours.

        A token that none of the secrets opens is left alone: with a wrong secret here nobody is
        signed out there.
        """
        verify = self._verify
        found = verify(value)
        if found is None:
            if len(value) <= MAX_TOKEN and _LIKE_AUTHJS.fullmatch(value):
                self._word.say(
                    now,
                    "a session token looks like Auth.js's, and none of the secrets opens it: is "
                    "'secret' the same as there (AUTH_SECRET), and the cookie's name?",
                )
            return None
        claims, key = found
        get = claims.get
        subject, ends, issued = get("sub"), get("exp"), get("iat", 0)
        # type, not isinstance: True is an int to the latter
        if not (type(subject) is str and type(ends) is int and type(issued) is int and subject):
            self._word.say(now, "a session token was refused: it wants 'sub' and 'exp'")
            return None
        if not (0 <= issued <= now + SKEW and 0 <= ends < MAX_TIME):
            self._word.say(now, "a session token was refused: its times are from the future")
            return None
        if "nbf" in claims:
            begins = claims["nbf"]
            if type(begins) is not int or begins > now + TOLERANCE:
                return None
        # an identifier that is none could not be looked up among those that were ended
        if not isinstance(get("sid"), _TEXT_OR_NONE) or not isinstance(get("jti"), _TEXT_OR_NONE):
            return None
        ends += TOLERANCE
        if self._absolute_age is not None:
            began = get("auth_time")
            if type(began) is not int or not 0 <= began <= now + SKEW:
                self._word.say(
                    now,
                    "a session token was refused: session.absolute_age is set, and whoever wrote "
                    "the token left out 'auth_time', the time of sign-in",
                )
                return None
            ends = min(ends, began + self._absolute_age)
        # under an older secret: due at once, so that the older one can be retired (R018)
        age = self._update_age
        if key and age is not _NEVER:
            return stored(claims, 0, ends)
        if "max_age" in claims and age is not _NEVER:
            age = min(age, max_age(claims, self._options) // 2)  # a life of its own
        return stored(claims, issued + age, ends)

    def save(
        self, claims: Mapping[str, Any], now: float, kept: Any = None, device: Device | None = None
    ) -> Written:
        """The cookie's value for these claims from now on, and the claims as they are in it."""
        issued = int(now)
        ends = ends_at(claims, issued, self._options)
        known = None if claims.get("sid") else claims.get("jti")
        fresh = {**claims, "iat": issued, "exp": ends, "jti": known or random_id()}
        stamped: Claims = FrozenDict(fresh) if type(claims) is FrozenDict else freeze(fresh)
        return Written(self._encode(stamped), stamped)

    def delete(self, claims: Claims, now: float) -> None:
        """Nothing is stored, so there is nothing to delete; the cookie itself is removed."""


class CallableCodec:
    """The application's own ``encode`` and ``decode`` in place of the encrypted token.

    Whatever they raise, or return that they must not, is no session (R038).
    """

    def __init__(
        self,
        secrets: Sequence[bytes],
        salt: str,
        options: SessionOptions,
        logger: Logger,
        clock: Callable[[], float],
    ) -> None:
        self._secrets = tuple(secrets)
        self._salt = salt
        self._encoder = options.encode
        self._decoder = options.decode
        self._clock = clock
        self._word = Word(logger.warning)

    def encode(self, claims: Mapping[str, Any]) -> str:
        """What ``encode`` makes of the claims. Raises :class:`CallbackError` for what is no value
        of a cookie."""
        if self._encoder is None:
            raise CallbackError("session.encode", "is not set")
        try:
            token = self._encoder(
                dict(claims),
                secret=self._secrets[0],
                salt=self._salt,
                max_age=claims["exp"] - claims["iat"],
            )
        except Exception as error:
            raise CallbackError("session.encode", f"raised {type(error).__name__}") from error
        if not isinstance(token, str) or not _COOKIE_VALUE.fullmatch(token):
            raise CallbackError("session.encode", "must return a string that a cookie can hold")
        return token

    def verify(self, token: str) -> tuple[Claims, int] | None:
        """The claims that ``decode`` finds in the token, or None. Never raises."""
        if self._decoder is None or len(token) > MAX_TOKEN:
            return None
        try:
            found = self._decoder(token, secrets=self._secrets, salt=self._salt)
            if found is None:
                return None
            if isinstance(found, Mapping):
                return freeze(found), 0
            if hasattr(found, "close"):
                found.close()  # a coroutine that nobody will await
            said = f"returned a {type(found).__name__}, not a mapping or None"
        except Exception as error:
            # its message may hold the token
            said = f"raised {type(error).__name__}"
        self._word.say(self._clock(), f"session.decode {said}: there is no session")
        return None
