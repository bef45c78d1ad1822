"""The tokens of other parties, kept for the application where there is no store: a sealed cookie.

What lives here: tokens to a cookie and back, each bound to the session they came with. What must
not: asking a provider for fresh ones (``refresh``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wsgi_auth import cookies
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.sealed import SealedCodec
from wsgi_auth.types import Claims, FrozenDict

#: Most characters of the cookies in all: proxies cut headers at 8 kB, and the session is beside it.
LARGEST = 6_000


class Vault:
    """Reads and writes what a browser keeps of a session's tokens; nobody but us can read it."""

    def __init__(self, config: AuthConfig) -> None:
        self._cookie = config.cookies.tokens
        self._max_age = config.session.max_age
        self._codec = SealedCodec(config.secret, f"wsgi_auth.tokens {self._cookie.name}")

    def read(self, header: str, claims: Claims) -> dict[str, Tokens | None]:
        """The tokens in a Cookie header that came with this session, by provider; None for those
        that the provider refused to renew. Never raises."""
        found = cookies.find(header, self._cookie.name)
        values = [value for number, value in found if number < 0]
        for value in [*values, *cookies.join(found)][:4]:
            content = self._codec.open(value)
            if content is not None and content["sid"] == claims.get("sid"):
                return {
                    provider: Tokens.from_json(tokens)
                    for provider, tokens in content["tokens"].items()
                }
        return {}

    def write(self, header: str, claims: Claims, tokens: Mapping[str, Tokens | None]) -> list[str]:
        """The Set-Cookie values that keep these in place of what the browser has. Raises
        ``ValueError`` when they are too large even without what nobody needs."""
        for spare in ((), ("extras",), ("extras", "id_token")):
            content = {
                provider: _without(each, spare).to_json() if each is not None else None
                for provider, each in tokens.items()
            }
            value = self._codec.seal({"sid": claims.get("sid"), "tokens": content})
            if len(value) <= LARGEST:
                return self._cookie.replace(value, self._max_age, self._names(header))
        raise ValueError(f"{len(value)} characters of tokens, and {LARGEST} fit into cookies")

    def remove(self, header: str) -> list[str]:
        """The Set-Cookie values that delete what the browser has."""
        return self._cookie.remove(self._names(header))

    def _names(self, header: str) -> tuple[str, ...]:
        return cookies.names(cookies.find(header, self._cookie.name), self._cookie.name)


def _without(tokens: Tokens, spare: tuple[str, ...]) -> Tokens:
    if "extras" in spare:
        tokens = replace(tokens, extras=FrozenDict())
    return replace(tokens, id_token="") if "id_token" in spare else tokens
