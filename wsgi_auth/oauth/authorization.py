"""The first step: the URL that a browser is sent to, so that a provider asks who it is.

Code flow only (RFC 6749 4.1), with state and PKCE S256 (RFC 7636), and a nonce for OpenID Connect,
always. What lives here: the parameters, the URL, and the request that pushes them (RFC 9126). What
must not: what comes back (``callback``).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from wsgi_auth.errors import OAuthSigninError
from wsgi_auth.oauth.answers import object_in, refuse_error
from wsgi_auth.oauth.checks import Flow
from wsgi_auth.oauth.client_auth import authenticated
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, PROTOCOL_PARAMS, OAuth
from wsgi_auth.types import Incoming, Outgoing

#: Most characters of a value that a request asks for.
LONGEST = 512


def asked(provider: OAuth | OIDC, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What a single sign-in may ask the provider for, out of the parameters of a request: what the
    provider's ``request_params`` allow and the configuration leaves open. The rest is ignored."""
    fixed = provider.authorization_params
    found = {
        name: value
        for name, value in pairs
        if name in provider.request_params
        and name not in fixed
        and 0 < len(value) <= LONGEST
        and value.isprintable()
    }
    age = found.get("max_age", "0")
    if not (age.isascii() and age.isdigit() and len(age) < 10):
        del found["max_age"]
    return found


def parameters(
    provider: OAuth | OIDC, flow: Flow, asked: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every parameter of the authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1).

    ``asked`` is what :func:`asked` let through. The configuration wins over it, and the protocol's
    own parameters over both. ``max_age`` is the flow's.
    """
    params = {**(asked or {}), **provider.authorization_params}
    params.pop("max_age", None)
    params |= {
        "response_type": "code",
        "client_id": provider.client_id,
        provider.client_id_name: provider.client_id,
        "redirect_uri": flow.redirect_uri,
        "state": flow.state,
    }
    if provider.scope:
        params["scope"] = provider.scope
    if "pkce" not in provider.unsupported:
        params["code_challenge"] = challenge(flow.code_verifier)
        params["code_challenge_method"] = "S256"
    if provider.type == "oidc" and "nonce" not in provider.unsupported:
        params["nonce"] = flow.nonce
    if flow.max_age is not None:
        params["max_age"] = str(flow.max_age)
    if provider.response_mode:
        params["response_mode"] = provider.response_mode
    if flow.dpop_key:
        from wsgi_auth.oauth.dpop import thumbprint

        params["dpop_jkt"] = thumbprint(flow.dpop_key)
    return params if provider.quirk is None else provider.quirk.authorization(params)


def challenge(code_verifier: str) -> str:
    """The S256 ``code_challenge`` of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def authorization_url(metadata: Metadata, params: Mapping[str, str]) -> str:
    """The URL to send the browser to. A query that the endpoint has stays, and what is in it is not
    sent a second time; one that sets a parameter of the protocol is an error of the provider.

    oauthlib puts it together. It refuses every http URL, on loopback too, and only a variable of
    the whole process would change that: ours was judged when it was configured or discovered, so it
    is shown an https one.
    """
    from oauthlib.oauth2.rfc6749.parameters import prepare_grant_uri

    endpoint = metadata.authorization_endpoint
    scheme, colon, rest = endpoint.partition(":")
    own = {name for name, _ in parse_qsl(urlsplit(endpoint).query, keep_blank_values=True)}
    if own & PROTOCOL_PARAMS:
        raise OAuthSigninError(
            "authorization", "the provider's endpoint has a parameter of the protocol in its query"
        )
    ours = {name: value for name, value in params.items() if name not in own}
    url: str = prepare_grant_uri(f"https:{rest}", **ours)
    return scheme + colon + url.removeprefix("https:")


def wants_push(metadata: Metadata) -> bool:
    """Whether the parameters are pushed first: wherever the provider offers it, for then nothing
    of them can be changed on the way through the browser (RFC 9126 1)."""
    return bool(
        metadata.pushed_authorization_request_endpoint
        or metadata.require_pushed_authorization_requests
    )


def pushed_request(
    provider: OAuth | OIDC,
    metadata: Metadata,
    params: Mapping[str, str],
    now: float,
    *,
    flow: Flow | None = None,
    dpop_nonce: str = "",
) -> Outgoing:
    """The request that hands the parameters over beforehand (RFC 9126 2.1).

    ``flow`` where its DPoP key is to be proven with it (RFC 9449 10.1), ``dpop_nonce`` when the
    first attempt was asked for one."""
    url = metadata.pushed_authorization_request_endpoint
    if not url:
        raise OAuthSigninError(
            "authorization", "the provider requires pushed requests and names no endpoint for them"
        )
    form, headers = authenticated(provider, metadata, params, now)
    headers |= {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if flow is not None and flow.dpop_key:
        from wsgi_auth.oauth.dpop import proof

        headers["DPoP"] = proof(flow.dpop_key, "POST", url, now, nonce=dpop_nonce)
    return Outgoing(url, "POST", headers, urlencode(form).encode("ascii"))


def pushed_url(provider: OAuth | OIDC, metadata: Metadata, response: Incoming) -> str:
    """The URL to send the browser to, by the answer to a pushed request (RFC 9126 2.2, 4).

    Raises :class:`OAuthSigninError` for a no and for an answer that is none, and
    :class:`~wsgi_auth.errors.ProviderUnavailable` for one that may be a yes later.
    """
    fields = object_in(response)
    refuse_error("authorization", response, fields)
    uri = (fields or {}).get("request_uri")
    lifetime = (fields or {}).get("expires_in")
    if not isinstance(uri, str) or not 0 < len(uri) <= LONGEST or not uri.isprintable():
        raise OAuthSigninError("authorization", "the answer to a pushed request has no request_uri")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime <= 0:
        raise OAuthSigninError("authorization", "the answer to a pushed request has no expires_in")
    params = {"response_type": "code", "client_id": provider.client_id}
    return authorization_url(metadata, {**params, "request_uri": uri})
