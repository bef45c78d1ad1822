"""Where a provider's endpoints are, as far as its configuration says.

What lives here: what an option overrules. What must not: discovery.
"""

from __future__ import annotations

from dataclasses import replace

from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, OAuth


def configured(provider: OAuth) -> Metadata:
    """The metadata of a provider that has no discovery."""
    return Metadata(
        authorization_endpoint=provider.authorization,
        token_endpoint=provider.token,
        issuer=provider.issuer,
        userinfo_endpoint=str(provider.userinfo) or None,
    )


def overruled(discovered: Metadata, provider: OIDC) -> Metadata:
    """What discovery found, with the endpoints that the configuration names in place of its own."""
    own = {
        name: url
        for name, url in (
            ("authorization_endpoint", provider.authorization),
            ("token_endpoint", provider.token),
            ("userinfo_endpoint", provider.userinfo),
            ("introspection_endpoint", provider.introspection),
        )
        if isinstance(url, str) and url
    }
    return replace(discovered, **own)  # type: ignore[arg-type]  # names and kinds are ours
