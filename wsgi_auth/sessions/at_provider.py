"""The sessions at providers that ours were begun by: whose they are, and which of them are over.

What lives here: the notes in the store by which a provider that speaks of *its* session (``sid``)
or says something twice is understood. What must not: ending ours (``register``), and checking who
speaks (``oauth``).

A note is kept as e-mail links are: a key, a time at which it is over, and a text. Its key has
spaces and no ``@``, so it is nobody's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_auth.protocols import VerificationStore
from wsgi_auth.records import VerificationToken
from wsgi_auth.sessions.database import hashed

#: Seconds for which a sign-in under way learns that the provider's session is over. Longer than one
#: takes from the provider's answer on; not longer, for a provider may use the session's name again.
UNDER_WAY = 60


class AtProviders:
    """Notes on the sessions of providers. ``tenant`` is "" for a provider that is the same for
    everybody. Every method raises :class:`~wsgi_auth.errors.StoreUnavailable` when the store cannot
    be asked."""

    def __init__(self, store: VerificationStore) -> None:
        self._store = store

    def note(self, claims: Mapping[str, Any], expires: int) -> None:
        """Remember whose session it is that the provider calls ``provider_sid``."""
        sid = claims.get("provider_sid")
        if sid and isinstance(sid, str):  # another program may call anything so
            key = _key("session", claims.get("provider", ""), claims.get("tenant", ""))
            self._store.create_verification_token(
                VerificationToken(key, hashed(sid), expires, claims["sub"])
            )

    def user_of(self, provider: str, tenant: str, sid: str) -> str:
        """The user whose session the provider calls ``sid``; "" if that is nobody's here."""
        found = self._store.get_verification_token(_key("session", provider, tenant), hashed(sid))
        return "" if found is None else found.data

    def close(self, provider: str, tenant: str, sid: str, now: float) -> None:
        """From now on no sign-in that is under way begins a session by this one."""
        until = int(now) + UNDER_WAY
        key = _key("closed session", provider, tenant)
        self._store.create_verification_token(VerificationToken(key, hashed(sid), until))

    def is_closed(self, claims: Mapping[str, Any], now: float) -> bool:
        """Whether the provider has just ended the session by which this one begins."""
        sid = claims.get("provider_sid")
        if not sid:
            return False
        key = _key("closed session", claims.get("provider", ""), claims.get("tenant", ""))
        found = self._store.get_verification_token(key, hashed(sid))
        return found is not None and now < found.expires

    def was_heard(self, provider: str, tenant: str, jti: str) -> bool:
        """Whether a logout token of this ``jti`` has been acted on."""
        key = _key("logout token", provider, tenant)
        return self._store.get_verification_token(key, hashed(jti)) is not None

    def hear(self, provider: str, tenant: str, jti: str, expires: int) -> None:
        """A logout token of this ``jti`` has been acted on, and is refused from now on."""
        key = _key("logout token", provider, tenant)
        self._store.create_verification_token(VerificationToken(key, hashed(jti), expires))


def _key(what: str, provider: str, tenant: str) -> str:
    return f"{what} at {provider} {tenant}".rstrip()


__all__ = ["AtProviders"]
