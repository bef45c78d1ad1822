"""Asking a provider about an access token (RFC 7662).

What lives here: the request, and whether its answer is one. What must not: whether the token is
good (``id_token``), how often is asked (``bearer``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from wsgi_auth.errors import OAuthError
from wsgi_auth.oauth.answers import object_in, refuse_error
from wsgi_auth.oauth.client_auth import authenticated
from wsgi_auth.oauth.id_token import LONGEST
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.types import Incoming, Outgoing

#: Seconds for which a token is good of which the provider does not say when it ends.
LIFETIME = 60
_STEP = "introspection"


def introspection_request(token: str, provider: OIDC, metadata: Metadata, now: float) -> Outgoing:
    """The question about this token, with our authentication: who may not ask must learn nothing
    (section 2.1)."""
    url = metadata.introspection_endpoint
    if not url:
        raise OAuthError(_STEP, "the provider announces no introspection_endpoint; set its URL")
    form = {"token": token, "token_type_hint": "access_token"}
    form, headers = authenticated(provider, metadata, form, now)
    headers["Accept"] = "application/json"
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return Outgoing(url, "POST", headers, urlencode(form).encode())


def read_introspection(response: Incoming) -> Mapping[str, Any]:
    """What the provider says of the token. Raises :class:`OAuthError` where it says nothing: the
    step is ``access_token`` if that is the token's fault, else ``introspection`` (it does not know
    us, say); :class:`~wsgi_auth.errors.ProviderUnavailable` where it cannot now."""
    if len(response.body) > LONGEST:  # it is kept for a while, and there are many of them
        raise OAuthError(_STEP, f"the answer is larger than {LONGEST} bytes")
    found = object_in(response)
    if found is not None and found.get("error") == "unsupported_token_type":  # a JWT, at some
        raise OAuthError("access_token", "the provider says nothing of its kind")
    refuse_error(_STEP, response, found)
    if found is None or not isinstance(found.get("active"), bool):
        raise OAuthError(_STEP, "the answer does not say whether the token is active")
    return found
