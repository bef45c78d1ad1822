"""The last step: who the access token speaks for.

What lives here: the requests for what a provider knows of somebody, and the judgement of their
answers (OpenID Connect Core 5.3). What must not: what a user is made from it (``profile``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.oauth.answers import media_type, object_in
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.types import Incoming, Outgoing

_FIELD = re.compile(r"\{tokens\.([A-Za-z0-9_]+)\}")
_ACCESS_TOKEN = "{tokens.access_token}"


def wants_userinfo(provider: OAuth | OIDC) -> bool:
    """Whether there is anybody to ask beyond the token response."""
    return bool(provider.userinfo)


def userinfo_request(
    provider: OAuth | OIDC,
    metadata: Metadata,
    tokens: Tokens,
    now: float,
    *,
    dpop_nonce: str = "",
) -> Outgoing:
    """The request to the provider's own ``userinfo``, else to the endpoint it announced."""
    url = provider.userinfo if isinstance(provider.userinfo, str) else metadata.userinfo_endpoint
    if not url:
        raise OAuthError("userinfo", "the provider has no userinfo endpoint")
    body = _filled(provider.userinfo_body, tokens, quoted=True).encode()
    return _request(provider, url, tokens, now, dpop_nonce, body)


def more_requests(provider: OAuth | OIDC, tokens: Tokens, now: float) -> dict[str, Outgoing]:
    """The further requests, by the name their answers have in the profile."""
    return {
        name: _request(provider, url, tokens, now, "") for name, url in provider.more.items()
    }  # fmt: skip


def read_userinfo(
    response: Incoming,
    subject: str | None = None,
    verify: Callable[[str], Mapping[str, Any]] | None = None,
) -> Mapping[str, Any]:
    """What a provider says of somebody: an object, and of ``subject`` if one is known (the ``sub``
    of the ID token; OpenID Connect Core 5.3.2, 5.3.4). None for plain OAuth.

    ``verify`` gives the claims of a signed answer (``application/jwt``), or raises; without it such
    an answer is refused. An ``error`` in a 200 is not looked at: TikTok sends one that says "ok",
    and no answer passes that does not say who somebody is.
    """
    _check_status(response)
    if media_type(response) == "application/jwt":
        if verify is None:
            raise OAuthError("userinfo", "the answer is signed, which was not asked for: register "
                             "this client without userinfo_signed_response_alg")  # fmt: skip
        try:
            found: Mapping[str, Any] | None = verify(response.body.decode("ascii"))
        except UnicodeDecodeError:
            found = None
    else:
        found = object_in(response)
    if found is None:
        raise OAuthError("userinfo", "the answer is no JSON object")
    if subject is not None and found.get("sub") != subject:
        raise OAuthError("userinfo", "sub is not the one of the ID token")
    return found


def read_more(response: Incoming) -> Any:
    """What a further request brought: any JSON; None where the provider does not say (a token
    without that permission, say), for nothing depends on it but an address that is missing then."""
    if response.status >= 500 or response.status == 429:
        _check_status(response)
    if not 200 <= response.status < 300:
        return None
    wrapped = Incoming(200, response.headers, b'{"it":' + response.body + b"}")
    return (object_in(wrapped) or {}).get("it")


def _request(
    provider: OAuth | OIDC,
    template: str,
    tokens: Tokens,
    now: float,
    dpop_nonce: str,
    body: bytes = b"",
) -> Outgoing:
    url = _filled(template, tokens, quoted=True)
    headers = {"Accept": "application/json"}
    for name, value in provider.userinfo_headers.items():
        headers[name] = _filled(value, tokens, quoted=False)
    own = (template, provider.userinfo_body, *provider.userinfo_headers.values())
    if not any(_ACCESS_TOKEN in text for text in own):
        headers["Authorization"] = f"{tokens.token_type} {tokens.access_token}"
    post = provider.userinfo_method == "POST" and template not in provider.more.values()
    method = "POST" if post else "GET"
    if tokens.dpop_key:
        from wsgi_auth.oauth.dpop import proof

        headers["DPoP"] = proof(
            tokens.dpop_key, method, url, now, access_token=tokens.access_token, nonce=dpop_nonce
        )
    if not post:
        return Outgoing(url, "GET", headers)
    if body:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return Outgoing(url, "POST", headers, body)


def _filled(template: str, tokens: Tokens, *, quoted: bool) -> str:
    """The template with fields of the token response in it, each unable to leave its place."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        given = tokens.access_token if name == "access_token" else tokens.extras.get(name)
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        if not isinstance(given, str) or not given or not given.isprintable():
            raise OAuthError("userinfo", f"the token response has no {name}")
        return quote(given, safe="") if quoted else given.encode("ascii", "replace").decode()

    return _FIELD.sub(value, template)


def _check_status(response: Incoming) -> None:
    if response.status >= 500 or response.status == 429:
        raise ProviderUnavailable(f"userinfo: the provider answered {response.status}")
    if not 200 <= response.status < 300:
        raise OAuthError("userinfo", f"the provider answered {response.status}, not 200")
