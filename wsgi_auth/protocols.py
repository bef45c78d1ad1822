"""Every extension point on one page: Protocols of one to three methods, edge cases ruled here.

Nothing to inherit from and nothing to register: an object of the right shape is put into the
configuration. What must not live here: an implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from wsgi_auth.types import (
    Claims,
    Environ,
    Incoming,
    Outgoing,
    Proof,
    Reading,
    Session,
    Stored,
    WSGIApp,
)


class Reader(Protocol):
    """Cookies to :class:`~wsgi_auth.types.Reading`: the option ``reader``.

    Nobody is signed in: a reading without a session, never an exception. An exception means that
    the question could not be answered: protected pages answer 500 (503 for
    :class:`~wsgi_auth.errors.StoreUnavailable`), public ones go on without a session.
    """

    def read(self, environ: Environ, now: float) -> Reading: ...


class Codec(Protocol):
    """Claims to an opaque string and back.

    ``verify`` never raises; its number is the index of the secret that signed: above 0, the
    string is due to be written anew.
    """

    def encode(self, claims: Mapping[str, Any]) -> str: ...
    def verify(self, token: str) -> tuple[Claims, int] | None: ...


class SessionStrategy(Protocol):
    """Where a session lives, between the value of a cookie and its claims.

    ``load``: None for a value that is not ours (left alone); one that was ours and has ended is
    returned with its ``ends_at`` in the past (and deleted). Raises
    :class:`~wsgi_auth.errors.StoreUnavailable` when the store cannot be asked, never anything
    else. ``cacheable``: whether the same value always means the same claims.
    ``save``: stamps ``iat`` and ``exp`` and returns the cookie's value with the claims as saved.
    ``delete``: the session is over; an unknown one is no error.
    """

    cacheable: bool

    def load(self, value: str, now: float) -> Stored | None: ...
    def save(self, claims: Mapping[str, Any], now: float) -> tuple[str, Claims]: ...
    def delete(self, claims: Claims) -> None: ...


class Responder(Protocol):
    """A decision to the WSGI application that answers it: the options below ``responders``.

    Called once a refusal, before anything was sent. The middleware adds cookies and cache headers.
    """

    def __call__(self, environ: Environ, decision: Any) -> WSGIApp: ...


class Attempt(Protocol):
    """One counted attempt; ``succeeded`` gives it back."""

    def succeeded(self) -> None: ...


class Attempts(Protocol):
    """Counts attempts at sign-in, per account and per address.

    Raises :class:`~wsgi_auth.errors.TooManyAttempts`, or
    :class:`~wsgi_auth.errors.StoreUnavailable` when it cannot count: then nobody may try.
    """

    def attempt(self, account: str, environ: Environ) -> Attempt: ...


class Transport(Protocol):
    """The only way to another party (R080).

    Never follows a redirect, never reads a proxy or netrc from the environment; bounded in time
    and size. Any status is an answer. Raises :class:`~wsgi_auth.errors.ProviderUnavailable` when
    there was none, or one that is too large or too slow; never anything else.
    """

    def send(self, request: Outgoing) -> Incoming: ...


class Handle(Protocol):
    """What an action needs of ``environ["auth.handle"]``: changes become Set-Cookie headers."""

    def begin(self, user: Mapping[str, Any], provider: Any, proof: Proof = ...) -> Session: ...
    def update(self, data: Any) -> Session | None: ...
    def sign_out(self) -> None: ...
    def set_cookies(self, values: list[str]) -> None: ...
    @property
    def claims(self) -> Claims | None: ...
    @property
    def csrf_token(self) -> str: ...


__all__ = [
    "Attempt",
    "Attempts",
    "Codec",
    "Handle",
    "Reader",
    "Responder",
    "SessionStrategy",
    "Transport",
]
