"""Proof of possession (RFC 9449): the thumbprint of the key that a request proves."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from wsgi_auth.testing.fake_provider.keys import b64, unverified, verified
from wsgi_auth.testing.fake_provider.web import Asked, Refusal

ALGS: Final = ["ES256", "EdDSA", "Ed25519", "RS256"]


def proven_key(
    asked: Asked,
    url: str,
    seen: set[str],
    *,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str | None:
    """The thumbprint of the key in the proof, checked as RFC 9449 4.3 says; None without a proof.

    ``seen``: the ids of proofs so far; one is taken once. ``nonce``: what the proof has to hold.
    """
    proof = asked.headers.get("dpop")
    if proof is None:
        return None
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        header, _ = unverified(proof)
        key = import_key(header["jwk"])
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise _bad(f"the proof has no key ({type(problem).__name__})") from None
    claims = verified(key, proof, ALGS)
    if claims is None:
        raise _bad("the key in the proof did not sign it")
    if header.get("typ") != "dpop+jwt" or key.is_private:
        raise _bad("typ is dpop+jwt, and the key is public")
    if claims.get("htm") != asked.method or claims.get("htu") != url:
        raise _bad("htm or htu is another request's")
    issued = claims.get("iat")
    if not isinstance(issued, int) or abs(time.time() - issued) > 300:
        raise _bad("iat is not now")
    if not claims.get("jti") or claims["jti"] in seen:
        raise _bad("jti is missing, or was used before")
    if nonce is not None and claims.get("nonce") != nonce:
        raise _wants_nonce(nonce, access_token is not None)
    if access_token and claims.get("ath") != b64(hashlib.sha256(access_token.encode()).digest()):
        raise _bad("ath is not that of the access token")
    seen.add(claims["jti"])
    return key.thumbprint()


def _wants_nonce(nonce: str, at_resource: bool) -> Refusal:
    """RFC 9449 8 and 9: try again with this."""
    headers = [("DPoP-Nonce", nonce)]
    if at_resource:
        headers.append(("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'))
    status = 401 if at_resource else 400
    return Refusal("use_dpop_nonce", "the proof needs this nonce", status, headers)


def _bad(description: str) -> Refusal:
    return Refusal("invalid_dpop_proof", description)
