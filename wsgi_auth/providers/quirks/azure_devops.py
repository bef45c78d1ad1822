"""Azure DevOps: an authorization code is an assertion there, and so is the client's secret
(https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth)."""

from __future__ import annotations

_CLIENT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def authorization(params: dict[str, str]) -> dict[str, str]:
    """The same, with its own ``response_type``."""
    return {**params, "response_type": "Assertion"}


def token(params: dict[str, str]) -> dict[str, str]:
    """The form of its token endpoint, in place of RFC 6749's."""
    refresh = params["grant_type"] == "refresh_token"
    return {
        "client_assertion_type": _CLIENT,
        "client_assertion": params["client_secret"],
        "grant_type": "refresh_token" if refresh else _GRANT,
        "assertion": params["refresh_token" if refresh else "code"],
        **{name: params[name] for name in ("redirect_uri", "code_verifier") if name in params},
    }
