"""What an OpenID Provider says of itself (OpenID Connect Discovery 1.0).

What lives here: the request for its metadata, the judgement of it, and how long it is believed.
What must not: what a configuration says of endpoints (``endpoints``).
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from wsgi_auth.errors import AuthError, OAuthSigninError
from wsgi_auth.oauth.answers import object_in, refuse_error
from wsgi_auth.oauth.endpoints import overruled
from wsgi_auth.oauth.flight import Flight
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.protocols import Transport
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.types import Incoming, Outgoing
from wsgi_auth.urls import is_loopback_host

#: Seconds for which metadata is believed.
LIFETIME = 3_600
#: Seconds until a provider that failed is asked again.
PAUSE = 10

_URLS = (
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
    "end_session_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint",
    "introspection_endpoint",
)  # fmt: skip
_FLAGS = (
    "require_pushed_authorization_requests", "authorization_response_iss_parameter_supported",
    "backchannel_logout_supported", "backchannel_logout_session_supported",
    "frontchannel_logout_supported",
)  # fmt: skip
_LISTS = (
    "id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported", "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
)  # fmt: skip

# What no URL has that was written properly: a browser and a parser would disagree about it.
_STRANGE = re.compile(r"[^!-~]|[\\<>\"^`{|}]")


def metadata_request(provider: OIDC) -> Outgoing:
    """The request for a provider's metadata (OpenID Connect Discovery 4.1)."""
    return Outgoing(provider.issuer.removesuffix("/") + "/.well-known/openid-configuration")


def read_metadata(response: Incoming, provider: OIDC, *, allow_loopback: bool = False) -> Metadata:
    """The metadata in an answer, with what the configuration overrules (R083).

    ``issuer`` has to be the configured one, letter by letter (section 4.3); for a provider of many
    tenants it may be the template. Every URL is https, or http on this machine where that is
    allowed. Raises :class:`OAuthSigninError`, and what
    :func:`~wsgi_auth.oauth.answers.refuse_error` does.
    """
    fields = object_in(response)
    refuse_error("discovery", response, fields)
    if fields is None:
        raise OAuthSigninError("discovery", "the answer is no JSON object")
    if fields.get("issuer") not in _issuers(provider):
        raise OAuthSigninError(
            "discovery",
            f"the provider calls itself {_shown(fields.get('issuer'))}, and the option issuer is "
            f"{provider.issuer!r}; both must be the same, letter by letter",
        )
    found: dict[str, Any] = {"authorization_endpoint": "", "token_endpoint": ""}
    for name in _URLS:
        url = fields.get(name)
        if url is not None:
            found[name] = _checked(name, url, allow_loopback)
    for name in _FLAGS:
        found[name] = fields.get(name) is True
    for name in _LISTS:
        values = fields.get(name)
        if isinstance(values, list):
            found[name] = tuple(value for value in values if isinstance(value, str))
    metadata = overruled(Metadata(**found, issuer=provider.issuer), provider)
    for name in ("authorization_endpoint", "token_endpoint"):
        if not getattr(metadata, name):
            raise OAuthSigninError("discovery", f"the answer has no {name}")
    if metadata.jwks_uri is None and not _is_symmetric(provider):
        raise OAuthSigninError("discovery", "the answer has no jwks_uri")
    methods = metadata.code_challenge_methods_supported
    if methods is not None and "S256" not in methods and "pkce" not in provider.unsupported:
        raise OAuthSigninError(
            "discovery", "code_challenge_methods_supported lacks S256, and plain is never used"
        )
    return metadata


class MetadataSource:
    """A provider's metadata: asked for at the first sign-in, believed for an hour, and for longer
    while the provider does not answer. What failed is not tried again at once, and nobody who has
    metadata waits for newer."""

    def __init__(
        self, provider: OIDC, transport: Transport, *, allow_loopback: bool = False
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._allow_loopback = allow_loopback
        self._flight: Flight[Metadata] = Flight()
        self._metadata: Metadata | None = None
        self._failed: AuthError | None = None
        self._due = 0.0
        self._latest = 0.0

    def get(self, now: float) -> Metadata:
        """The metadata at ``now`` (seconds since the epoch); raises why there is none."""
        return self._flight.land(partial(self._ask, now), partial(self._known, now))

    def _known(self, now: float, is_under_way: bool) -> Metadata | None:
        self._latest = max(self._latest, now) if is_under_way else now
        # a clock that was far ahead once must not make anything last
        # and a pause: it was counted from another thread's now, perhaps a little later than ours
        is_current = now < self._due <= now + LIFETIME + PAUSE
        if self._metadata is not None:
            return self._metadata if is_current or is_under_way else None
        if is_current and self._failed is not None:
            raise self._failed.with_traceback(None)
        return None

    def _ask(self, now: float) -> Metadata:
        try:
            response = self._transport.send(metadata_request(self._provider))
            found = read_metadata(response, self._provider, allow_loopback=self._allow_loopback)
        except AuthError as error:
            # from the last who came: a provider that is silent fails long after the first of them
            self._due = self._latest + PAUSE
            if self._metadata is None:
                self._failed = error
                raise
            return self._metadata
        self._metadata, self._failed, self._due = found, None, now + LIFETIME
        return found


def _issuers(provider: OIDC) -> tuple[str, ...]:
    if not provider.issuer_pattern:
        return (provider.issuer,)
    template = provider.issuer_of({"tid": "-"}).replace("/-/", "/{tenantid}/")
    return provider.issuer, template


def _checked(name: str, url: object, allow_loopback: bool) -> str:
    """A URL to which something may be sent, or a browser be."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host = parts.hostname or ""
        local = parts.scheme == "http" and allow_loopback and is_loopback_host(host)
        ok = bool(host) and (parts.scheme == "https" or local) and "@" not in parts.netloc
        parts.port  # noqa: B018 - raises for what is no number
    except ValueError:
        ok = False
    if not ok or not isinstance(url, str) or _STRANGE.search(url):
        raise OAuthSigninError("discovery", f"{name} must be an https URL, not {_shown(url)}")
    return url


def _is_symmetric(provider: OIDC) -> bool:
    algorithms = provider.id_token_signed_response_alg
    return bool(algorithms) and all(name.startswith("HS") for name in algorithms)


def _shown(value: object) -> str:
    return ascii(value[:200]) if isinstance(value, str) else f"a {type(value).__name__}"
