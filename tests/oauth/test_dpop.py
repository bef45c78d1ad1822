"""Proofs of possession: RFC 9449, checked with another implementation's reading of them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from joserfc import jwk, jwt

from wsgi_auth.oauth import dpop
from wsgi_auth.types import Incoming

NOW = 1_800_000_000.9


def read(proof: str) -> jwt.Token:
    import json

    head = proof.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return jwt.decode(proof, jwk.import_key(header["jwk"]), algorithms=["ES256"])


def test_a_proof_is_what_rfc_9449_says() -> None:
    key = dpop.new_key()
    token = read(dpop.proof(key, "POST", "https://op.test/token?a=b#c", NOW, nonce="n"))
    assert token.header["typ"] == "dpop+jwt"
    assert token.header["alg"] == "ES256"
    assert set(token.header["jwk"]) == {"kty", "crv", "x", "y"}, "and nothing private"
    jti = token.claims.pop("jti")
    assert len(jti) == 43
    assert token.claims == {
        "htm": "POST",
        "htu": "https://op.test/token",
        "iat": 1_800_000_000,
        "nonce": "n",
    }
    assert jwk.import_key(token.header["jwk"]).thumbprint() == dpop.thumbprint(key)


def test_a_proof_beside_a_token_names_its_hash() -> None:
    token = read(dpop.proof(dpop.new_key(), "GET", "https://op.test/me", NOW, access_token="abc"))
    expected = base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).rstrip(b"=").decode()
    assert token.claims["ath"] == expected
    assert "nonce" not in token.claims


def test_no_proof_and_no_key_is_made_twice() -> None:
    key = dpop.new_key()
    proofs = {read(dpop.proof(key, "GET", "https://op.test/", NOW)).claims["jti"] for _ in range(9)}
    assert len(proofs) == 9
    assert len({dpop.new_key() for _ in range(9)}) == 9


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (400, {"dpop-nonce": "n"}, b'{"error":"use_dpop_nonce"}', "n"),
        (401, {"dpop-nonce": "n", "www-authenticate": 'DPoP error="use_dpop_nonce"'}, b"", "n"),
        (400, {"dpop-nonce": "n"}, b'{"error":"invalid_grant"}', ""),
        (400, {}, b'{"error":"use_dpop_nonce"}', ""),
        (401, {"dpop-nonce": "n"}, b'{"error":"use_dpop_nonce"}', ""),
        (200, {"dpop-nonce": "n"}, b'{"error":"use_dpop_nonce"}', ""),
        (400, {"dpop-nonce": "n\n"}, b'{"error":"use_dpop_nonce"}', ""),
        (403, {"dpop-nonce": "n", "www-authenticate": 'DPoP error="use_dpop_nonce"'}, b"", ""),
        (400, {"dpop-nonce": ""}, b'{"error":"use_dpop_nonce"}', ""),
        (400, {"dpop-nonce": "é"}, b'{"error":"use_dpop_nonce"}', ""),
        (400, {"dpop-nonce": "n" * 1024}, b'{"error":"use_dpop_nonce"}', "n" * 1024),
        (400, {"dpop-nonce": "n" * 1025}, b'{"error":"use_dpop_nonce"}', ""),
    ],
)
def test_a_nonce_is_given_only_where_one_is_asked_for(
    status: int, headers: dict[str, str], body: bytes, expected: str
) -> None:
    assert dpop.wanted_nonce(Incoming(status, headers, body)) == expected
