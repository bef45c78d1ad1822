"""An account that another party's answer proved, put aside until its user says whether to link it.

What lives here: one such account to a cookie and back, sealed. An answer that comes as a cross-site
POST (``form_post``) brings no session along, so nobody is there yet who could have it linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsgi_auth import cookies
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.oauth.checks import is_recent
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.sealed import SealedCodec

#: Seconds that the user has to answer.
LIFETIME = 10 * 60
#: Most characters of the cookie's value, so that it is one cookie.
LARGEST = 3_600


@dataclass(frozen=True, repr=False)
class ProvenAccount:
    """``subject``: the user who asked, and to whom alone it may be linked. ``label``: what the
    provider calls its owner. ``created``: seconds since the epoch."""

    subject: str
    provider: str
    tenant: str
    type: str
    account_id: str
    label: str
    callback_url: str
    created: int
    tokens: Tokens | None = None

    def __repr__(self) -> str:
        return f"<ProvenAccount of {self.provider!r}>"


class ProvenAccounts:
    """Reads and writes the one that a browser keeps for us."""

    def __init__(self, config: AuthConfig) -> None:
        self._cookie = config.cookies.link
        self._codec = SealedCodec(config.secret, f"wsgi_auth.link {self._cookie.name}")

    def read(self, header: str, now: float) -> ProvenAccount | None:
        """The account in a Cookie header, if there is still time. Never raises."""
        for value in cookies.values(header, self._cookie.name)[:4]:
            content = self._codec.open(value)
            if content is not None:
                said: dict[str, Any] = dict(content)
                tokens = Tokens.from_json(said.pop("tokens", None))
                try:
                    found = ProvenAccount(**said, tokens=tokens)
                except TypeError:  # of another release, in the course of a deployment
                    continue
                return found if is_recent(found.created, now, LIFETIME) else None
        return None

    def write(self, proven: ProvenAccount) -> list[str]:
        """The Set-Cookie values that keep it; without its tokens if they are too large, which the
        next sign-in brings again."""
        said = {
            name: getattr(proven, name)
            for name in ProvenAccount.__dataclass_fields__
            if name != "tokens"
        }
        if proven.tokens is not None:
            value = self._codec.seal({**said, "tokens": proven.tokens.to_json()})
            if len(value) <= LARGEST:
                return self._cookie.set(value, LIFETIME)
        return self._cookie.set(self._codec.seal(said), LIFETIME)

    def remove(self) -> list[str]:
        """The Set-Cookie values that forget it."""
        return self._cookie.remove([self._cookie.name])
