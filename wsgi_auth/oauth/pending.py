"""The sign-ins under way in one browser, as one sealed cookie.

What lives here: several flows to a cookie and back, so that tabs do not break one another. What
must not: making a flow or finding one (``checks``).
"""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_auth import cookies
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.cookies import CookieFormat
from wsgi_auth.oauth.checks import LIFETIME, Flow, alive
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.sealed import SealedCodec

#: Most sign-ins that are remembered; of more, the oldest are forgotten.
MOST = 5
#: Most characters of the cookie's value, so that it is one cookie (only one is read) whatever its
#: name: ``config/values`` leaves that the rest.
LARGEST = 3_800


class Pending:
    """Reads and writes the flows of a browser, for one provider or another.

    A provider that answers with ``form_post`` has a cookie of SameSite=None, for a cross-site POST
    brings no other; nobody else's sign-in is in it.
    """

    def __init__(self, config: AuthConfig) -> None:
        self._lax = config.cookies.flow, self._codec(config, config.cookies.flow)
        self._none = config.cookies.flow_post, self._codec(config, config.cookies.flow_post)

    @staticmethod
    def _codec(config: AuthConfig, cookie: CookieFormat) -> SealedCodec:
        return SealedCodec(config.secret, f"wsgi_auth.flow {cookie.name}")

    def read(self, provider: OAuth | OIDC, header: str, now: float) -> tuple[Flow, ...]:
        """The flows in a Cookie header that may still be answered, oldest first. Never raises."""
        cookie, codec = self._of(provider)
        for value in cookies.values(header, cookie.name)[:4]:
            content = codec.open(value)
            if content is not None:
                found = map(Flow.from_json, content["flows"])
                return alive((flow for flow in found if flow is not None), now)
        return ()

    def write(self, provider: OAuth | OIDC, flows: Iterable[Flow]) -> list[str]:
        """The Set-Cookie values that keep the newest of these flows; for none, the removal."""
        cookie, codec = self._of(provider)
        kept = list(flows)[-MOST:]
        while kept:
            value = codec.seal({"flows": [flow.to_json() for flow in kept]})
            if len(value) <= LARGEST:
                return cookie.set(value, LIFETIME)
            del kept[0]
        return cookie.remove([cookie.name])

    def _of(self, provider: OAuth | OIDC) -> tuple[CookieFormat, SealedCodec]:
        return self._none if provider.response_mode == "form_post" else self._lax
