"""An authenticator in software: what a browser and a security key answer together, octet by octet,
and every way of answering wrongly."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import CoseKey

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


def text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_key(alg: int) -> Any:
    if alg == -8:
        return ed25519.Ed25519PrivateKey.generate()
    if alg == -257:
        return rsa.generate_private_key(65_537, 2_048)
    return ec.generate_private_key(ec.SECP384R1() if alg == -35 else ec.SECP256R1())


def signed(key: Any, message: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    curve = hashes.SHA384() if isinstance(key.curve, ec.SECP384R1) else hashes.SHA256()
    return key.sign(message, ec.ECDSA(curve))


@dataclass
class Device:
    """One passkey. ``counts``: whether it counts signatures, as a security key does."""

    alg: int = -7
    counts: bool = False
    flags: int = UP | UV
    aaguid: bytes = bytes(16)
    counter: int = 0
    handle: str = ""
    rp_id: str = ""

    def __post_init__(self) -> None:
        self.key = new_key(self.alg)
        self.id = os.urandom(32)

    def create(self, options: dict[str, Any], origin: str, /, **wrong: Any) -> dict[str, Any]:
        """The answer to ``navigator.credentials.create``; ``wrong`` is what it says instead."""
        asked = options["publicKey"]
        self.handle, self.rp_id = asked["user"]["id"], asked["rp"]["id"]
        cose = dict(CoseKey.for_alg(self.alg).from_cryptography_key(self.key.public_key()))
        cose |= wrong.get("cose", {})
        id = wrong.get("id", self.id)
        attested = (
            self.aaguid + struct.pack(">H", len(id)) + id + wrong.get("key", cbor.encode(cose))
        )
        data = self._data(wrong, AT, attested)
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", asked, origin, wrong)
        return {
            "id": text(wrong.get("raw_id", id)),
            "rawId": text(wrong.get("raw_id", id)),
            "type": "public-key",
            "response": {
                "clientDataJSON": text(client),
                "attestationObject": wrong.get("attestation", text(cbor.encode(attestation))),
                "transports": ["internal", "hybrid", "smoke"],
            },
        }

    def get(self, options: dict[str, Any], origin: str, /, **wrong: Any) -> dict[str, Any]:
        """The answer to ``navigator.credentials.get``; ``wrong`` is what it says instead."""
        asked = options["publicKey"]
        if self.counts:
            self.counter += 1
        client = self._client("webauthn.get", asked, origin, wrong)
        data = self._data(wrong)
        key = wrong.get("signs_with", self.key)
        signature = signed(key, data + hashlib.sha256(client).digest())
        response = {
            "clientDataJSON": text(wrong.get("client_sent", client)),
            "authenticatorData": text(wrong.get("data_sent", data)),
            "signature": text(wrong.get("signature", signature)),
            "userHandle": wrong.get("handle", self.handle),
        }
        return {
            "id": text(wrong.get("id", self.id)),
            "rawId": text(wrong.get("id", self.id)),
            "type": "public-key",
            "response": {name: each for name, each in response.items() if each is not None},
        }

    def _data(self, wrong: dict[str, Any], more: int = 0, attested: bytes = b"") -> bytes:
        flags = wrong.get("flags", self.flags) | more
        rp_id = wrong.get("rp_id", self.rp_id)
        counter = wrong.get("counter", self.counter)
        return (
            hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, counter) + attested
        )

    def _client(
        self, type: str, asked: dict[str, Any], origin: str, wrong: dict[str, Any]
    ) -> bytes:
        said = {
            "type": wrong.get("type", type),
            "challenge": wrong.get("challenge", asked["challenge"]),
            "origin": wrong.get("origin", origin),
            "crossOrigin": wrong.get("cross_origin", False),
        }
        return json.dumps(said).encode()
