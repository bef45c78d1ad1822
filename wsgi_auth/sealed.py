"""JSON to an opaque string that only we can read, and back: what a browser keeps for us.

What lives here: :class:`SealedCodec`. A process that only reads sessions never loads it.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wsgi_auth.tokens import MAX_TOKEN, derive, dump_json
from wsgi_auth.types import Claims, freeze

#: Octets of AES-GCM's nonce and tag (NIST SP 800-38D).
_NONCE, _TAG = 12, 16


class SealedCodec:
    """A mapping to an opaque string that only we can read, and back: AES-256-GCM under a key of its
    own purpose. The first secret seals, all open.

    For what a browser keeps for us and must not know: a code verifier, a provider's tokens.
    """

    __slots__ = ("_keys", "_purpose")

    def __init__(self, secrets: Sequence[bytes], purpose: str) -> None:
        self._purpose = purpose.encode()
        self._keys = tuple(derive(secret, purpose) for secret in secrets)

    def seal(self, content: Mapping[str, Any]) -> str:
        """The string; ``TypeError`` or ``ValueError`` if the content is no JSON."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(self._keys[0]).encrypt(nonce, dump_json(content).encode(), self._purpose)
        return urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode("ascii")

    def open(self, token: str) -> Claims | None:
        """What was sealed, or None for anything else. Never raises."""
        try:
            octets = urlsafe_b64decode(token.encode("ascii") + b"==")
        except ValueError:
            return None
        if len(octets) > MAX_TOKEN or len(octets) < _NONCE + _TAG:
            return None
        for key in self._keys:
            try:
                text = AESGCM(key).decrypt(octets[:_NONCE], octets[_NONCE:], self._purpose)
            except InvalidTag:
                continue
            content: Claims = freeze(json.loads(text))
            return content
        return None
