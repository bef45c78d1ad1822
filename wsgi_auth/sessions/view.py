"""What a handler sees of the claims: the ``jwt`` and ``session`` callbacks, or the default."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from wsgi_auth.errors import AuthError, CallbackError
from wsgi_auth.types import (
    KEEP,
    Claims,
    Environ,
    FrozenDict,
    JWTContext,
    Session,
    SessionContext,
    Stored,
    freeze,
)

#: Claims that are the session's own; a ``jwt`` callback can neither change, add nor remove them.
OWN_CLAIMS = (
    "sub", "sid", "iat", "exp", "auth_time", "provider", "provider_sid", "tenant",
    "remember", "amr", "acr", "proved_at",
)  # fmt: skip


def default_session(claims: Mapping[str, Any]) -> Session:
    """The session without a callback: ``user`` with ``id``, ``name``, ``email``, ``image``, and
    when it ends (ISO 8601 in UTC: ``2026-11-25T09:30:00Z``)."""
    get = claims.get
    return session_of(get("sub"), get("name"), get("email"), get("picture"), claims["exp"])


def session_of(id: Any, name: Any, email: Any, image: Any, ends: int) -> Session:
    """The same of these claims; ``ends`` is when, in seconds since the epoch."""
    try:
        minute = _minutes[ends // 60]
    except KeyError:
        minute = _minute(ends // 60)
    return Session(
        user=FrozenDict(id=id, name=name, email=email, image=image),
        expires=minute + _SECONDS[ends % 60],
    )


_SECONDS = tuple(f"{number:02}Z" for number in range(60))
#: What the minutes that sessions end in look like, and of how many that is kept.
_minutes: dict[int, str] = {}
_MINUTES_KEPT = 4_096


def _minute(minute: int) -> str:
    if len(_minutes) >= _MINUTES_KEPT:
        _minutes.clear()
    made = _minutes[minute] = time.strftime("%Y-%m-%dT%H:%M:", time.gmtime(minute * 60))
    return made


def stored(claims: dict[str, Any], renew_at: float, ends_at: float, kept: Any = None) -> Stored:
    """What a strategy found, with its default session. ``claims``: read-only, or new and with
    read-only values."""
    # Filled in here: a constructor of its own would take twice the time.
    made: Stored = Stored()
    made.session = default_session(claims)
    made.raw = claims
    made.then = KEEP
    made.names = ()
    made.kept = kept
    made.renew_at = renew_at
    made.ends_at = ends_at
    return made


class SessionView:
    """Runs the application's ``jwt`` and ``session`` callbacks over claims.

    Whatever a callback raises, or returns that it must not, becomes a :class:`CallbackError`:
    never a session (R038).
    """

    __slots__ = ("_jwt", "_session", "plain")

    def __init__(self, jwt: Callable[..., Any] | None, session: Callable[..., Any] | None) -> None:
        self._jwt = jwt
        self._session = session
        #: Without callbacks the same claims always give the same session.
        self.plain = jwt is None and session is None

    @property
    def has_jwt(self) -> bool:
        """Whether the application has a ``jwt`` callback."""
        return self._jwt is not None

    def claims(self, claims: Mapping[str, Any], context: JWTContext) -> Claims | None:
        """The claims as the ``jwt`` callback wants them; None ends the session."""
        if self._jwt is None:
            return claims if isinstance(claims, FrozenDict) else freeze(claims)
        changed = _called("jwt", self._jwt, dict(claims), context)
        if changed is None:
            return None
        if not isinstance(changed, Mapping):
            raise CallbackError("jwt", f"must return a mapping or None, not {_kind(changed)}")
        wanted = {**changed}
        for name in OWN_CLAIMS:
            if name in claims:
                wanted[name] = claims[name]
            else:
                wanted.pop(name, None)
        frozen: Claims = freeze(wanted)
        return frozen

    def session(self, claims: Claims, environ: Environ) -> Session:
        """What the handler sees."""
        return self.shown(default_session(claims), claims, environ)

    def shown(self, session: Session, claims: Claims, environ: Environ) -> Session:
        """What the handler sees in place of ``session``, the default one of these claims."""
        if self._session is None:
            return session
        # a plain copy, so that the callback may write into it as in Auth.js
        draft = {"user": dict(session["user"]), "expires": session["expires"]}
        wanted = _called("session", self._session, draft, SessionContext(environ, claims))
        if not isinstance(wanted, Mapping):
            raise CallbackError(
                "session", f"must return a mapping with 'user', not {_kind(wanted)}"
            )
        if not isinstance(wanted.get("user"), Mapping):
            raise CallbackError("session", "returned a mapping whose 'user' is none, or is missing")
        return Session({**freeze(wanted), "expires": session["expires"]})


def _called(name: str, callback: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return callback(*arguments)
    except AuthError:
        raise
    except Exception as error:
        raise CallbackError(name, f"raised {type(error).__name__}") from error


def _kind(value: Any) -> str:
    if hasattr(value, "__await__"):
        value.close()
        return "a coroutine (it must not be async)"
    return f"a {type(value).__name__}"
