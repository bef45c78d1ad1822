"""What is known of a provider's endpoints: from discovery, or from the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metadata:
    """The part of a provider's metadata that is used (OpenID Connect Discovery 3, RFC 8414 2).

    Every URL is absolute and was checked: https, or http on loopback where that is allowed. A tuple
    that the provider did not announce is None, which is not the same as empty.
    """

    authorization_endpoint: str
    token_endpoint: str
    #: Empty for an OAuth provider that has none; then no ``iss`` is expected anywhere.
    issuer: str = ""
    userinfo_endpoint: str | None = None
    jwks_uri: str | None = None
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    require_pushed_authorization_requests: bool = False
    #: RFC 9207: an answer without ``iss`` is refused.
    authorization_response_iss_parameter_supported: bool = False
    id_token_signing_alg_values_supported: tuple[str, ...] | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] | None = None
    code_challenge_methods_supported: tuple[str, ...] | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] | None = None
    backchannel_logout_supported: bool = False
    backchannel_logout_session_supported: bool = False
    frontchannel_logout_supported: bool = False
