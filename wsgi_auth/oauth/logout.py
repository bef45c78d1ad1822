"""Leaving: the request that ends the session at the provider too.

What lives here: OpenID Connect RP-Initiated Logout 1.0. What must not: ending our own session.
"""

from __future__ import annotations

from urllib.parse import urlencode

from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC


def logout_url(
    provider: OIDC, metadata: Metadata, *, return_to: str, state: str, id_token: str = ""
) -> str | None:
    """The URL to send the browser to, or None for a provider without such an endpoint.

    ``return_to`` is one fixed URL, which is registered at the provider (section 3); ``state`` comes
    back with it. ``id_token`` says whose session it is (section 2)."""
    endpoint = metadata.end_session_endpoint
    if not endpoint:
        return None
    params = {
        "client_id": provider.client_id,
        "post_logout_redirect_uri": return_to,
        "state": state,
    }
    if id_token:
        params["id_token_hint"] = id_token
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(params)}"
