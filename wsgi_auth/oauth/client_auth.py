"""How we prove to a provider's endpoints which client we are (RFC 6749 2.3, RFC 7523).

What lives here: what is added to the form and the headers of a request. What must not: the rest of
the request (``token``, ``authorization``).
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from wsgi_auth.errors import ConfigError
from wsgi_auth.oauth.checks import random_value
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, OAuth

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

#: Seconds that an assertion of ours can be used.
LIFETIME = 60
_APPLE = "https://appleid.apple.com"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_LEAST_RSA_BITS = 2048  # RFC 7518 3.3


def authenticated(
    provider: OAuth | OIDC, metadata: Metadata, form: Mapping[str, str], now: float
) -> tuple[dict[str, str], dict[str, str]]:
    """The form and the headers of a request to the token endpoint (or another that authenticates
    clients) with this client's authentication in them, by the provider's ``client_auth``."""
    how = provider.client_auth
    client = {"client_id": provider.client_id, provider.client_id_name: provider.client_id}
    if how == "client_secret_basic":
        return dict(form), {"Authorization": basic(provider.client_id, provider.client_secret)}
    if how == "client_secret_post":
        client[provider.client_secret_name] = provider.client_secret
    elif how == "apple":
        client["client_secret"] = _apple_secret(provider, now)
    elif how == "private_key_jwt":
        client["client_assertion_type"] = _JWT_BEARER
        client["client_assertion"] = _assertion(provider, metadata, now)
    return {**form, **client}, {}


def basic(client_id: str, client_secret: str) -> str:
    """The value of ``Authorization``: both form-encoded first (RFC 6749 2.3.1), which is why a
    colon in either cannot be misread."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + b64encode(pair.encode("ascii")).decode("ascii")


def check_key(provider: OAuth | OIDC) -> None:
    """Raise :class:`ConfigError` for a ``private_key`` that cannot sign: call it at start-up."""
    if provider.client_auth in ("private_key_jwt", "apple"):
        key, algorithm = _signer(provider, None)
        if provider.client_auth == "apple" and algorithm != "ES256":
            raise _wrong(provider, f"is for {algorithm}, and Apple's keys are for ES256")
        del key


def _assertion(provider: OAuth | OIDC, metadata: Metadata, now: float) -> str:
    """A JWT that says who we are, for one use within a minute (RFC 7523 3, OpenID Connect Core 9).

    One audience only, the issuer where it is known: with several, or with an endpoint that one
    provider can name and another has, an assertion for the one could be used at the other.
    """
    audience = provider.assertion_audience or metadata.issuer or "token_endpoint"
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": metadata.token_endpoint if audience == "token_endpoint" else audience,
        "jti": random_value(),
        "iat": int(now),
        "exp": int(now) + LIFETIME,
    }
    key, algorithm = _signer(provider, metadata.token_endpoint_auth_signing_alg_values_supported)
    header = {"alg": algorithm, "typ": "JWT"}
    kid = provider.private_key_id or key.kid
    if kid:
        header["kid"] = kid
    return _signed(header, claims, key, algorithm)


def _signed(header: dict[str, Any], claims: dict[str, Any], key: Any, algorithm: str) -> str:
    from joserfc import jwt

    if algorithm != "EdDSA":
        return jwt.encode(header, claims, key, algorithms=[algorithm])
    # joserfc warns of the name, which RFC 9864 deprecates and which most providers know alone
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = urlsafe_b64encode(key.private_key.sign(text)).rstrip(b"=")
    return (text + b"." + signature).decode("ascii")


def _apple_secret(provider: OAuth | OIDC, now: float) -> str:
    """The ``client_secret`` that Apple wants: a JWT by the team's key, made for this request."""
    claims = {
        "iss": provider.team_id,
        "sub": provider.client_id,
        "aud": _APPLE,
        "iat": int(now),
        "exp": int(now) + LIFETIME,
    }
    header = {"alg": "ES256", "kid": provider.private_key_id}
    return _signed(header, claims, _signer(provider, None)[0], "ES256")


def _signer(
    provider: OAuth | OIDC, announced: tuple[str, ...] | None
) -> tuple[RSAKey | ECKey | OKPKey, str]:
    """The key and its algorithm: what a JWK says, else what its type means (RS256 for RSA, unless
    the provider announces PS256 and not RS256). Never what a response says."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    given = provider.private_key
    try:
        if isinstance(given, str) and given.lstrip().startswith("{"):
            given = json.loads(given)
        key: Any = (
            jwk.import_key(dict(given))
            if isinstance(given, Mapping)
            else jwk.import_key(given, _type_of(given))
        )
    except (JoseError, ValueError, TypeError, KeyError, Warning):
        # without the cause: it may quote the key
        raise _wrong(provider, "cannot be read: expected a JWK or PEM") from None
    if key.key_type == "RSA":
        if key.private_key.key_size < _LEAST_RSA_BITS:
            raise _wrong(provider, f"has fewer than {_LEAST_RSA_BITS} bits")
        ps = announced is not None and "PS256" in announced and "RS256" not in announced
        usual = "PS256" if ps else "RS256"
    elif key.key_type == "EC":
        usual = _BY_CURVE.get(str(key.curve_name), "")
    else:
        usual = "EdDSA" if key.curve_name == "Ed25519" else ""
    algorithm = str(key.get("alg") or usual)
    if not algorithm or not _fits(algorithm, usual):
        raise _wrong(provider, f"is of a kind that cannot be used: {algorithm or key.curve_name}")
    return key, algorithm


def _fits(algorithm: str, usual: str) -> bool:
    """Whether a key that would be used with one algorithm may be used with the other."""
    if usual in ("RS256", "PS256"):
        return algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    return algorithm == usual or (usual, algorithm) == ("EdDSA", "Ed25519")


def _type_of(pem: str) -> Any:
    """Which of joserfc's key types a PEM is."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.strip().encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "EC" if isinstance(key, ec.EllipticCurvePrivateKey) else "OKP"


def _wrong(provider: OAuth | OIDC, problem: str) -> ConfigError:
    return ConfigError(f"providers.{provider.id}.private_key", problem)
