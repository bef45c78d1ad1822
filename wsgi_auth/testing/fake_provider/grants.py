"""What the fake provider remembers: who is signed in, what was granted, what was used up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wsgi_auth.testing.fake_provider.clients import FakeClient
from wsgi_auth.testing.fake_provider.web import Refusal
from wsgi_auth.tokens import random_id

#: Seconds that a code, a pushed request and an open chooser page are good for.
CODE_LIFE = 60
REQUEST_LIFE = 600


@dataclass(frozen=True)
class SignedIn:
    """A browser's session at the provider."""

    sub: str
    sid: str
    auth_time: int


@dataclass
class Grant:
    """What one visitor allowed one client, and every token that came of it.

    ``ended``: a refresh token was used twice, or the grant was revoked: nothing of it works.
    """

    client: FakeClient
    person: Mapping[str, Any]
    session: SignedIn
    asked: Mapping[str, str]
    dpop_key: str | None = None
    refresh_token: str | None = None
    ended: bool = False

    @property
    def scopes(self) -> list[str]:
        """The scopes granted: those asked for."""
        return self.asked.get("scope", "").split()


@dataclass
class Memory:
    """Everything by its key; nothing is shared between two providers."""

    sessions: dict[str, SignedIn] = field(default_factory=dict)
    requests: dict[str, tuple[FakeClient, dict[str, str], float]] = field(default_factory=dict)
    pushed: dict[str, tuple[str, dict[str, str], float]] = field(default_factory=dict)
    codes: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    used_codes: dict[str, Grant] = field(default_factory=dict)
    refresh_tokens: dict[str, Grant] = field(default_factory=dict)
    access_tokens: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    #: What is said of a token without a grant, if somebody asks; None: it was withdrawn.
    told: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    dpop_nonce: str = field(default_factory=random_id)

    def take_code(self, code: str) -> Grant:
        """The grant of a code, once. Used again, everything that came of it ends (RFC 6749
        4.1.2)."""
        if code in self.used_codes:
            self.used_codes[code].ended = True
            raise Refusal("invalid_grant", "the code was used before")
        if code not in self.codes:
            raise Refusal("invalid_grant", "there is no such code")
        grant, until = self.codes.pop(code)
        self.used_codes[code] = grant
        if until < time.time():
            raise Refusal("invalid_grant", "the code is too old")
        return grant

    def take_refresh_token(self, token: str) -> Grant:
        """The grant of a refresh token. One that was replaced ends the whole family (RFC 9700
        4.14.2)."""
        grant = self.refresh_tokens.get(token)
        if grant is None or grant.ended:
            raise Refusal("invalid_grant", "there is no such refresh token, or it was revoked")
        if grant.refresh_token != token:
            grant.ended = True
            raise Refusal("invalid_grant", "the refresh token was used before; its family ends")
        return grant

    def holder(self, access_token: str) -> Grant | None:
        """Whose access token that is; None for one that is not valid."""
        grant, until = self.access_tokens.get(access_token, (None, 0.0))
        return grant if grant and not grant.ended and until > time.time() else None

    def issue(self, grant: Grant, life: int) -> tuple[str, str | None]:
        """A new access token, and a new refresh token in place of the old one."""
        access = random_id()
        self.access_tokens[access] = (grant, time.time() + life)
        if grant.client.refresh:
            grant.refresh_token = random_id()
            self.refresh_tokens[grant.refresh_token] = grant
        return access, grant.refresh_token
