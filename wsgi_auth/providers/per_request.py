"""A provider that is made for each request: of many tenants, each with a party of its own.

What lives here: the entry in a configuration, and what tells two tenants apart. What must not:
asking the callable and keeping what it gave (``tenants``).
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from wsgi_auth.providers.oauth import OIDC, OAuth


@dataclass(frozen=True)
class PerRequest:
    """The provider ``id``, which ``make(request)`` makes: an :class:`OAuth` or :class:`OIDC` of
    that id, a mapping as in ``providers`` (without ``id``), or None where this request has none.

    It is called several times for one request, and at the callback too, where it has to give what
    it gave when the sign-in began. A mapping is checked once and kept for as long as it is the
    same; an object has to be the same object. ``name`` and ``icon`` are for what gives none.
    """

    id: str
    make: Callable[..., Any]
    name: str = ""
    icon: str = ""
    type: str = field(default="per_request", init=False)

    @property
    def open_to_world(self) -> bool:
        """Who has an account there, nobody knows beforehand."""
        return True


def party_of(provider: OAuth | OIDC) -> str:
    """Who vouches for the ids of people, in 22 characters: the ids of one party say nothing of
    those of another (R085). For OpenID Connect that is the issuer, together with where else the
    mapping takes the id from: somebody who writes it must not speak for an issuer by naming it."""
    profile = provider.profile if not callable(provider.profile) else {"id": provider.profile}
    return _digest(
        provider.type,
        provider.issuer,
        getattr(provider, "issuer_pattern", ""),
        provider.token,
        _url(provider.userinfo),
        _url(getattr(provider, "introspection", "")),
        provider.more,
        profile.get("id", ""),
    )


#: What may change without its being another tenant.
_NOT_ABOUT = (
    "name", "style", "icon", "client_secret", "private_key", "private_key_id", "quirk", "audience",
    "introspection", "sign_in",
)  # fmt: skip


def tenant_of(provider: OAuth | OIDC) -> str:
    """The party, and all else that says who we are there and what becomes of its answers, in 22
    characters: two tenants are one only if they could be told apart by nobody."""
    said = {
        each.name: getattr(provider, each.name)
        for each in fields(provider)
        if each.init and each.name not in _NOT_ABOUT
    }
    return _digest(party_of(provider), said)


def _url(option: str | bool) -> str:
    """The URL that an option names; "" where it leaves that to the issuer."""
    return option if isinstance(option, str) else ""


def _digest(*parts: object) -> str:
    # 128 bits: a tenant that chooses its own issuer must not find one that gives another's
    text = json.dumps([_plain(part) for part in parts])
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return [[str(name), _plain(value[name])] for name in sorted(value)]
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if callable(value):
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    return value
