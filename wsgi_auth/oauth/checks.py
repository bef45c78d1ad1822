"""One sign-in under way, between the redirect to a provider and its answer.

What lives here: the values that tie an answer to the browser that asked (state, nonce, code
verifier), fresh for every sign-in, and how to find them again. This is the room for randomness.
What must not: the cookie that holds them (``actions``) and its seal (``tokens``).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from wsgi_auth.providers.oauth import OIDC, OAuth

#: Seconds that a visitor has at the provider (R075).
LIFETIME = 15 * 60
#: Seconds that the clocks of two machines of ours may differ.
_SKEW = 60


@dataclass(frozen=True, repr=False)
class Flow:
    """One sign-in: at which ``provider`` (its id), with which values, and where to go then.

    ``state``, ``nonce`` and ``code_verifier`` are 256 random bits each (RFC 6749 10.12, OpenID
    Connect Core 3.1.2.1, RFC 7636 4.1). ``redirect_uri`` is our absolute callback URL,
    ``callback_url`` the checked return URL. ``created``: seconds since the epoch.
    ``subject``: the user who asked to link another account, "" for a plain sign-in.
    ``max_age`` and ``acr`` (words): what the provider was asked for, so that ``auth_time`` and
    ``acr`` are checked.
    ``dpop_key``: see :mod:`wsgi_auth.oauth.dpop`, "" without.
    ``brief``: "y" if the session is to end with the browser's.
    ``tenant``: which of those that have this id, where it is made per request.
    """

    provider: str
    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    callback_url: str
    created: int
    subject: str = ""
    max_age: int | None = None
    acr: str = ""
    dpop_key: str = ""
    brief: str = ""
    tenant: str = ""

    def __repr__(self) -> str:
        return f"<Flow at {self.provider!r}>"

    def is_alive(self, now: float) -> bool:
        """Whether its answer may still come."""
        return is_recent(self.created, now, LIFETIME)

    def to_json(self) -> dict[str, Any]:
        """As little JSON as says it all: five of these travel in one cookie."""
        found = {short: getattr(self, name) for short, name in _SHORT.items()}
        return {short: value for short, value in found.items() if value not in ("", None)}

    @classmethod
    def from_json(cls, value: object) -> Flow | None:
        """The flow that :meth:`to_json` wrote, or None for anything else. Never raises."""
        if not isinstance(value, Mapping) or not value.keys() <= _SHORT.keys():
            return None
        given = {_SHORT[short]: each for short, each in value.items()}
        try:
            flow = cls(**given)
        except TypeError:
            return None
        for name in _SHORT.values():
            each = getattr(flow, name)
            if name == "created" or (name == "max_age" and each is not None):
                if type(each) is not int:
                    return None
            elif name != "max_age" and not isinstance(each, str):
                return None
        return flow if flow.state and flow.code_verifier and flow.nonce else None


_SHORT: Mapping[str, str] = {
    "p": "provider", "s": "state", "n": "nonce", "v": "code_verifier", "r": "redirect_uri",
    "u": "callback_url", "t": "created", "l": "subject", "m": "max_age", "d": "dpop_key",
    "b": "brief", "a": "acr",
    "o": "tenant",
}  # fmt: skip


def is_recent(created: int, now: float, lifetime: int) -> bool:
    """Whether what one of our machines made at ``created`` is no older than its lifetime."""
    return -_SKEW <= now - created <= lifetime


def begin(
    provider: OAuth | OIDC,
    redirect_uri: str,
    callback_url: str,
    now: float,
    *,
    subject: str = "",
    max_age: int | None = None,
    acr: str = "",
) -> Flow:
    """A new sign-in at this provider. ``max_age`` can only make the provider's own stricter."""
    ages = [max_age, provider.max_age] if isinstance(provider, OIDC) else []
    dpop_key = ""
    if provider.dpop:
        from wsgi_auth.oauth.dpop import new_key

        dpop_key = new_key()
    return Flow(
        provider.id,
        state=random_value(),
        nonce=random_value(),
        code_verifier=random_value(),
        redirect_uri=redirect_uri,
        callback_url=callback_url,
        created=int(now),
        subject=subject,
        max_age=min((age for age in ages if age is not None), default=None),
        acr=acr if isinstance(provider, OIDC) else "",
        dpop_key=dpop_key,
        tenant=provider.tenant,
    )


def find(flows: Iterable[Flow], state: str) -> Flow | None:
    """The flow of this state, in a time that does not tell how near a guess came; None for none,
    and always for an empty state (R076)."""
    found = None
    given = state.encode("utf-8", "replace")
    for flow in flows:
        if flow.state and compare_digest(flow.state.encode(), given):
            found = flow
    return found


def alive(flows: Iterable[Flow], now: float) -> tuple[Flow, ...]:
    """Those that may still be answered, in their order."""
    return tuple(flow for flow in flows if flow.is_alive(now))


def random_value() -> str:
    """256 random bits as 43 characters of base64url: also the least that a code verifier has."""
    return secrets.token_urlsafe(32)
