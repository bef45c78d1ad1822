"""``wsgi-auth sessions``: the sessions of a user, listed and ended from the outside."""

from __future__ import annotations

import time
from collections.abc import Iterator

from wsgi_auth.cli.configured import quiet
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError, UsageError
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.sessions.life import MAX_TIME
from wsgi_auth.sessions.register import Register
from wsgi_auth.types import Environ, StartResponse


def listed(config: AuthConfig, user: str) -> Iterator[str]:
    """A line for each session: its id, the provider, when it began, was last seen, and where."""
    register, user = _known(config, user)
    found = register.of(user)
    if not found:
        yield f"no sessions of {user}"
    for each in found:
        yield "  ".join(
            (
                each.id,
                each.provider,
                f"since {_when(each.signed_in)}",
                f"seen {_when(each.last_seen)}",
                f"until {_when(each.expires)}",
                each.address or "-",
                each.agent or "-",
            )
        )


def ended(config: AuthConfig, user: str, session: str | None) -> str:
    """End one session or all; a sentence that says what was done."""
    register, user = _known(config, user)
    if session is None:
        return f"{register.end_all(user)} sessions of {user} ended"
    if not register.end(user, session):
        raise UsageError(f"{user} has no session {session}")
    return "1 session ended"


def _known(config: AuthConfig, user: str) -> tuple[Register, str]:
    """The register of sessions, and the id of who is meant: by their own id, by an address that was
    proven, or by an account as ``provider:id``. Ids of users that are made here say nothing."""
    if config.adapter is None:
        raise ConfigError("adapter", "is needed: without one sessions live in cookies alone")
    if isinstance(config.adapter, str) and config.adapter.startswith("memory:"):
        raise ConfigError("adapter", "memory: keeps sessions in the server's own process")
    middleware = AuthMiddleware(_nothing, config.override(logger=quiet("sessions")))
    store, register = middleware.site.adapter, middleware.sessions
    found = None
    if store is not None and not register.of(user) and store.get_user(user) is None:
        provider, colon, id = user.partition(":")
        found = store.get_user_by_account(provider, id) if colon else None
        if found is None and "@" in user:
            found = store.get_user_by_email(user)
    return register, user if found is None else found.id


def _nothing(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """The application of a middleware that serves no request."""
    start_response("404 Not Found", [])
    return []


def _when(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(min(seconds, MAX_TIME - 1)))
