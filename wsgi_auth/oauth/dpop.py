"""Tokens bound to a key of ours: DPoP (RFC 9449), with a P-256 key for every sign-in.

What lives here: the key and its proofs. What must not: where a proof is sent (``token``,
``userinfo``).

A key travels as the base64url of its private number, 43 characters: a flow has to fit a cookie.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from wsgi_auth.oauth.checks import random_value
from wsgi_auth.types import Incoming

if TYPE_CHECKING:
    from joserfc.jwk import ECKey


def new_key() -> str:
    """A fresh key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _encode(number.to_bytes(32, "big"))


def proof(
    key: str, method: str, url: str, now: float, *, access_token: str = "", nonce: str = ""
) -> str:
    """The value of the header ``DPoP`` for one request (RFC 9449 4.2): never used twice.

    ``access_token`` where one is presented (``ath``); ``nonce`` where the server asked for it.
    """
    from joserfc import jwt

    claims = {
        "jti": random_value(),
        "htm": method,
        "htu": urlunsplit(urlsplit(url)._replace(query="", fragment="")),
        "iat": int(now),
    }
    if access_token:
        claims["ath"] = _encode(hashlib.sha256(access_token.encode()).digest())
    if nonce:
        claims["nonce"] = nonce
    imported = _imported(key)
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": imported.as_dict(private=False)}
    return jwt.encode(header, claims, imported, algorithms=["ES256"])


def thumbprint(key: str) -> str:
    """What an authorization request says of the key: ``dpop_jkt`` (RFC 9449 10, RFC 7638)."""
    return _imported(key).thumbprint()


def wanted_nonce(response: Incoming) -> str:
    """The nonce that this answer asks to be put into another proof, or "" (RFC 9449 8 and 9)."""
    nonce = response.headers.get("dpop-nonce", "")
    asked = (
        b"use_dpop_nonce" in response.body
        if response.status == 400
        else "use_dpop_nonce" in response.headers.get("www-authenticate", "")
        and response.status == 401
    )
    # the syntax of RFC 9449 8.1: one line of what RFC 6749 calls NQCHAR
    if not asked or not 0 < len(nonce) <= 1024 or not nonce.isascii() or not nonce.isprintable():
        return ""
    return nonce


def _imported(key: str) -> ECKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from joserfc.jwk import ECKey

    number = int.from_bytes(urlsafe_b64decode(key + "="), "big")
    return ECKey.import_key(ec.derive_private_key(number, ec.SECP256R1()))


def _encode(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
