"""JSON to opaque string and back: signed tokens, one purpose each, under a list of secrets.

What lives here: :class:`SignedCodec`, key derivation, fresh random values. What must not: what
the claims mean (``sessions``) and where the string travels (``cookies``).

itsdangerous writes the token and is its definition: whoever holds the secret reads one with
``itsdangerous.Signer(secret, salt=purpose, key_derivation="hmac", digest_method=sha256)``.
Reading is on the path of every request, so the same bytes are verified here with two prepared
SHA-256 states, in a third of the time; a property test holds the two together.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itsdangerous import Signer

#: Characters of 32 octets as base64url without padding.
_SIGNATURE = 43
_MINUS, _LINE = b"-_"
#: Most characters of a token that are looked at: more than fit into all the chunks of a cookie.
MAX_TOKEN = 100_000

_BLOCK = 64  # SHA-256's block (RFC 2104)
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _dumper() -> Callable[[Any], str]:
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
    )
    try:
        # what its encode makes anew at every call, which takes longer than what it is for
        chunks = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False,
            False,
        )  # fmt: skip
    except (AttributeError, TypeError):  # no CPython, or one with another of the kind
        return encoder.encode
    join = "".join
    return lambda content: join(chunks(content, 0))


#: Compact JSON; ``TypeError``, ``ValueError`` or ``RecursionError`` for what is none.
dump_json = _dumper()


def random_id() -> str:
    """A fresh identifier of 192 random bits, safe in a URL, a cookie and JSON (R024)."""
    import secrets  # here: it loads all of random, and nothing that reads needs it

    return secrets.token_urlsafe(24)


def random_token() -> str:
    """A fresh identifier of 256 random bits: what a cookie or a link holds whose hash is stored."""
    import secrets

    return secrets.token_urlsafe(32)


def derive(secret: bytes, purpose: str) -> bytes:
    """The key of one purpose: HMAC-SHA256 of the purpose under the secret (R013)."""
    return hmac.digest(secret, purpose.encode(), "sha256")


class SignedCodec:
    """JSON to ``payload.signature`` and back; the first secret signs, all verify.

    ``secrets`` newest first; ``purpose`` keeps one kind of token from standing in for another and
    holds the cookie's name, so that two applications with one secret share nothing (R014).
    The algorithm is HMAC-SHA256 and nothing in a token can change it (R016).
    """

    __slots__ = ("_keys", "_signer")

    def __init__(self, secrets: Sequence[bytes], purpose: str) -> None:
        derived = (derive(secret, purpose).ljust(_BLOCK, b"\0") for secret in secrets)
        self._signer: Signer | None = None
        self._keys = tuple(
            (hashlib.sha256(key.translate(_INNER)), hashlib.sha256(key.translate(_OUTER)))
            for key in derived
        )

    def encode(self, content: Any) -> str:
        """The token for this content; ``TypeError`` or ``ValueError`` if it is no JSON."""
        signer = self._signer
        if signer is None:
            signer = self._signer = _signer(self._keys[0])
        payload = b2a_base64(dump_json(content).encode(), newline=False)
        return signer.sign(payload.translate(_TO_URL, b"=")).decode("ascii")

    def verify(self, token: str) -> tuple[Any, int] | None:
        """The content, new, and the index of the secret that signed it, or None. Never raises.

        The signature is checked before anything is parsed (R019) and must be spelt as we spell
        it: itsdangerous would accept other spellings of the same bytes (R020).
        """
        try:
            octets = token.encode("ascii")
        except UnicodeEncodeError:
            return None
        signed, _, given = octets.rpartition(b".")
        if len(given) != _SIGNATURE or not signed or len(octets) > MAX_TOKEN:
            return None
        given += b"="
        index = 0
        for inner, outer in self._keys:
            first = inner.copy()
            first.update(signed)
            second = outer.copy()
            second.update(first.digest())
            expected = b2a_base64(second.digest(), newline=False).translate(_TO_URL)
            if compare_digest(expected, given):
                break
            index += 1
        else:
            return None
        if _MINUS in signed or _LINE in signed:  # few are, where all of the JSON is ASCII
            signed = signed.translate(_FROM_URL)
        try:
            text = a2b_base64(signed + b"==").decode()
            content, end = _scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            return None
        return (content, index) if end == len(text) else None


def _signer(key: tuple[Any, Any]) -> Signer:
    """itsdangerous, with HMAC-SHA256 of the prepared key: reading alone never loads it."""
    from itsdangerous import Signer

    inner, outer = key

    class Prepared(Signer):
        def get_signature(self, value: str | bytes) -> bytes:
            first = inner.copy()
            first.update(value)
            second = outer.copy()
            second.update(first.digest())
            return b2a_base64(second.digest(), newline=False).translate(_TO_URL, b"=")

    return Prepared(b"-", sep=".")
