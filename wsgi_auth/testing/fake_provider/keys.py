"""The provider's signing keys: made when first used, published, rotated, never forgotten."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, KeyParameters, OKPKey, RSAKey

    Key = RSAKey | ECKey | OKPKey

#: How ``at_hash`` is made, by the algorithm of the signature (OpenID Connect Core 3.1.3.6).
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@functools.cache
def key_of(seed: str, alg: str, number: int) -> Key:
    """The key of one provider, algorithm and turn. Kept for the life of the process: making an RSA
    key takes longer than a whole sign-in, and a test wants a fresh provider. Two providers of
    different issuers never have the same one."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    parameters: KeyParameters = {"kid": f"{alg.lower()}-{number}", "use": "sig", "alg": alg}
    match alg:
        case "ES256" | "ES384" | "ES512":
            curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg]
            return ECKey.generate_key(curve, parameters)
        case "EdDSA" | "Ed25519":
            return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(header: Mapping[str, Any], payload: bytes, signature: bytes | None = None) -> str:
    """A JWS by hand, for what no library would write."""
    parts = [b64(json.dumps(header).encode()), b64(payload)]
    return ".".join([*parts, b64(signature or b"")])


def signed_hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A JWS with HMAC-SHA256, by hand: ``secret`` may be what a library refuses as one."""
    head = compact({**header, "alg": "HS256"}, json.dumps(claims).encode()).rpartition(".")[0]
    return f"{head}.{b64(hmac.digest(secret, head.encode(), 'sha256'))}"


def signed(key: Key, header: Mapping[str, Any], claims: Any) -> str:
    """A JWS with the key and the algorithm that the header names, whatever else it says.
    ``claims`` may be anything that JSON can say, or the bytes themselves."""
    from joserfc.jws import JWSRegistry

    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    # the algorithm's own signing, for a JWS registry refuses the headers that are wanted here
    return f"{head}.{b64(JWSRegistry.algorithms[header['alg']].sign(head.encode(), key))}"


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, believed in nothing; a ``ValueError`` if it is none."""
    head, payload, _ = token.split(".")
    both = [json.loads(_unb64(part)) for part in (head, payload)]
    if not all(isinstance(each, dict) for each in both):
        raise ValueError("header or claims are no object")
    return both[0], both[1]


def verified(key: Any, token: str, algs: Collection[str]) -> dict[str, Any] | None:
    """The claims of a JWT that ``key`` signed with one of ``algs``; None for any other."""
    from joserfc.jws import JWSRegistry

    try:
        header, claims = unverified(token)
        head, _, signature = token.rpartition(".")
        if header.get("alg") not in algs:
            return None
        alg = JWSRegistry.algorithms[header["alg"]]
        fits = alg.key_type == key.key_type and alg.verify(head.encode(), _unb64(signature), key)
    except ValueError:
        return None
    return claims if fits else None


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def half_hash(value: str, alg: str) -> str:
    """``at_hash`` of an access token."""
    digest = _HASHES.get(alg[-3:], hashlib.sha512)(value.encode()).digest()
    return b64(digest[: len(digest) // 2])


class Keys:
    """The keys of one provider. ``seed`` tells those of different providers apart."""

    def __init__(self, seed: str, algs: tuple[str, ...]) -> None:
        self._seed = seed
        self._turn = 1
        self.algs = algs
        self._published: list[tuple[str, int]] = [(alg, 1) for alg in algs]

    def current(self, alg: str) -> Key:
        """The key that signs with ``alg`` now."""
        return key_of(self._seed, alg, self._turn)

    def foreign(self, alg: str) -> Key:
        """A key of somebody else, under the name of the current one."""
        return key_of(f"not {self._seed}", alg, self._turn)

    def header(self, alg: str, typ: str = "JWT") -> dict[str, Any]:
        """The header of a token that the current key signs."""
        return {"alg": alg, "kid": self.current(alg).kid, "typ": typ}

    def rotate(self, *, keep_old: bool) -> None:
        """From now on other keys sign; the old ones stay published on demand."""
        self._turn += 1
        new = [(alg, self._turn) for alg in self.algs]
        self._published = new + (self._published if keep_old else [])

    def document(self) -> dict[str, Any]:
        """The JWK Set."""
        keys = [key_of(self._seed, alg, turn) for alg, turn in self._published]
        return {"keys": [dict(key.as_dict(private=False)) for key in keys]}

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that any key of this provider ever signed, expired or not."""
        for alg in self.algs:
            for turn in range(self._turn, 0, -1):
                claims = verified(key_of(self._seed, alg, turn), token, [alg])
                if claims is not None:
                    return claims
        return None
