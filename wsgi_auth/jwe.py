"""Auth.js's encrypted session tokens: claims to a compact JWE (RFC 7516) and back.

What lives here: :class:`JWECodec`, Auth.js's key derivation, the two content encryptions it uses.
What must not: what the claims mean and when they end (``sessions/jwt``), cookies, other algorithms.

``alg`` is ``dir``: the key is derived from the secret and the cookie's name, so nothing in a token
can ask for a costly derivation, a key of its own or another algorithm. ``enc`` is
``A256CBC-HS512`` (Auth.js v5; what is written) or ``A256GCM`` (v4, and v5 reads it too).
Reading is on the path of every request: keys, and everything of the protected header that Auth.js
writes, are made ready once. A JOSE library takes two and a half times as long; joserfc reads and
writes the same tokens in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from wsgi_auth.tokens import MAX_TOKEN, dump_json
from wsgi_auth.types import SCALARS, freeze

#: Most characters of a protected header that are parsed; Auth.js's own has 170.
MAX_HEADER = 1_024
#: Octets of an AES block, and of the IV and tag of either encryption (RFC 7518 section 5).
_BLOCK = 16
_CBC_IV, _CBC_TAG = 22, 43  # characters: 16 and 32 octets without padding
_GCM_IV, _GCM_TAG = 12, 16
#: SHA-512's block (RFC 2104).
_HASH_BLOCK = 128
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
# base64url without padding only: what belongs to other spellings becomes invalid
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_PADDING = {0: b"", 1: b"", 2: b"==", 3: b"="}
#: By the same remainder of the length by four: the characters whose unused bits are zero, so that
#: octets have one spelling.
_LAST = {0: bytes(range(128)), 1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
#: In a compact token (RFC 7516 section 7.1). One too many ends up in the tag, and spoils it.
_DOTS = 4


def read_claims(octets: bytes) -> dict[str, Any] | None:
    """The JSON object in these octets (UTF-8, nothing around it), its values read-only all the way
    down; None for anything else. Never raises. What nobody vouches for must not come here (R019).
    """
    try:
        text = octets.decode()
        claims, end = _scan(text, 0)
        if type(claims) is not dict or end != len(text):
            return None
        # few hold lists or objects; a text may hold a bracket, too
        if "[" in text or text.rpartition("{")[0]:
            for name, value in claims.items():
                if type(value) not in SCALARS:
                    claims[name] = freeze(value)
    except (ValueError, StopIteration, RecursionError):
        return None
    return claims


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869); ``length`` octets, at most 8,160."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    made = block = b""
    while len(made) < length:
        block = hmac.digest(key, block + info + bytes([len(made) // 32 + 1]), "sha256")
        made += block
    return made[:length]


def thumbprint(key: bytes) -> str:
    """The JWK thumbprint of a symmetric key (RFC 7638) by the SHA-2 of its own length, which is
    what Auth.js takes for ``kid``."""
    jwk = b'{"k":"%s","kty":"oct"}' % _encoded(key)
    return _encoded(hashlib.new(f"sha{len(key) * 8}", jwk).digest()).decode("ascii")


class _Key:
    """What one secret opens: the keys of both encryptions, and the header that goes with them."""

    __slots__ = (
        "absorbed",
        "aes",
        "gcm",
        "gcm_kid",
        "gcm_v4",
        "header",
        "idle",
        "inner",
        "kid",
        "outer",
    )

    def __init__(self, secret: bytes, salt: str) -> None:
        name = salt.encode()
        key = hkdf(secret, name, b"Auth.js Generated Encryption Key (%s)" % name, 64)
        self.kid = thumbprint(key)
        # Auth.js writes its members in this order
        header = f'{{"alg":"dir","enc":"A256CBC-HS512","kid":"{self.kid}"}}'
        self.header = _encoded(header.encode())
        # RFC 7518 section 5.2.2.1: the first half authenticates, the second encrypts
        mac = key[:32].ljust(_HASH_BLOCK, b"\0")
        self.inner = hashlib.sha512(mac.translate(_INNER))
        self.outer = hashlib.sha512(mac.translate(_OUTER))
        self.absorbed = self.after(self.header)
        self.aes = AES(key[32:])
        #: Decryptors that no thread is using (:func:`_decrypted`).
        self.idle: list[CipherContext] = []
        self.gcm = AESGCM(key[:32])  # HKDF's first 32 octets do not depend on the length
        self.gcm_kid = thumbprint(key[:32])
        self.gcm_v4 = AESGCM(hkdf(secret, b"", b"NextAuth.js Generated Encryption Key", 32))

    def after(self, header: bytes) -> Any:
        """The hash's inner state with this header absorbed."""
        inner = self.inner.copy()
        inner.update(header)
        return inner


class JWECodec:
    """Claims to Auth.js's session token and back; the first secret encrypts, all decrypt.

    ``secrets`` newest first; ``salt`` is the cookie's name, as in Auth.js. Loads ``cryptography``.
    """

    __slots__ = ("_aad", "_first", "_keys")

    def __init__(self, secrets: Sequence[bytes], salt: str) -> None:
        self._keys = tuple(_Key(secret, salt) for secret in secrets)
        self._first = self._keys[0]
        self._aad = _length(self._first.header)  # the same for all: only the kid differs

    def encode(self, claims: Mapping[str, Any]) -> str:
        """The token for these claims; ``TypeError`` or ``ValueError`` if they are no JSON."""
        key = self._first
        text = dump_json(claims).encode()
        fill = _BLOCK - len(text) % _BLOCK
        iv = secrets.token_bytes(_BLOCK)
        encryptor = Cipher(key.aes, CBC(iv)).encryptor()
        ciphertext = encryptor.update(text + bytes([fill]) * fill) + encryptor.finalize()
        inner = key.absorbed.copy()
        inner.update(iv + ciphertext + self._aad)
        parts = (key.header, b"", _encoded(iv), _encoded(ciphertext), _tag(key, inner))
        return b".".join(parts).decode("ascii")

    def verify(self, token: str) -> tuple[dict[str, Any], int] | None:
        """The claims and the index of the secret that opened them, or None. Never raises.

        The tag is checked, in constant time, before anything is decrypted or parsed (R019), and
        octets have one spelling only (R020).
        """
        if len(token) > MAX_TOKEN:
            return None
        try:
            header, nothing, iv, ciphertext, tag = token.encode("ascii").split(b".", _DOTS)
            if nothing:  # dir has no encrypted key
                return None
            index = 0
            for key in self._keys:
                if header == key.header:
                    break
                index += 1
            else:
                return self._otherwise(header, iv, ciphertext, tag)
            text = _open_cbc(key, key.absorbed, iv, ciphertext, tag, self._aad)
        except ValueError:
            return None
        claims = None if text is None else read_claims(text)
        return None if claims is None else (claims, index)

    def _otherwise(
        self, header: bytes, iv: bytes, ciphertext: bytes, tag: bytes
    ) -> tuple[dict[str, Any], int] | None:
        """A token whose header is spelt otherwise than Auth.js v5 spells it now: without ``kid``,
        in another order, or of the other encryption."""
        if len(header) > MAX_HEADER:
            return None
        try:
            said = json.loads(_decoded(header))
        except (ValueError, RecursionError):
            return None
        # what would have to be understood (RFC 7516 sections 4.1.3 and 4.1.13) is refused;
        # anything else that a header may say changes nothing
        if not isinstance(said, dict) or said.get("alg") != "dir" or "crit" in said:
            return None
        if "zip" in said:
            return None
        kid, enc = said.get("kid"), said.get("enc")
        for index, key in enumerate(self._keys):
            text = None
            try:
                if enc == "A256CBC-HS512":
                    if kid in (None, key.kid):
                        absorbed, aad = key.after(header), _length(header)
                        text = _open_cbc(key, absorbed, iv, ciphertext, tag, aad)
                elif enc == "A256GCM":
                    if kid in (None, key.gcm_kid):
                        text = _open_gcm(key.gcm, header, iv, ciphertext, tag)
                    if kid is None and text is None:
                        text = _open_gcm(key.gcm_v4, header, iv, ciphertext, tag)
            except ValueError:
                return None  # not spelt as it must be, whatever the key
            claims = None if text is None else read_claims(text)
            if claims is not None:
                return claims, index
        return None


def _open_cbc(
    key: _Key, absorbed: Any, iv: bytes, ciphertext: bytes, tag: bytes, aad: bytes
) -> bytes | None:
    """The text; None if the tag is not this key's, ``ValueError`` for what is not spelt as it must
    be. ``absorbed``: the hash's inner state with the header in it."""
    if len(iv) != _CBC_IV or len(tag) != _CBC_TAG:
        return None
    sealed = _decoded(iv) + _decoded(ciphertext)
    inner = absorbed.copy()
    inner.update(sealed + aad)
    if not compare_digest(_tag(key, inner), tag):
        return None
    if len(sealed) % _BLOCK or len(sealed) < 2 * _BLOCK:
        return None
    # whole blocks without padding: nothing is left for finalize
    padded = _decrypted(key, sealed)
    # no oracle: the tag has been checked
    fill = padded[-1]
    return padded[_BLOCK:-fill] if 0 < fill <= _BLOCK else None


def _decrypted(key: _Key, sealed: bytes) -> bytes:
    """A block of noise and the padded text, of IV and whole blocks of ciphertext.

    A decryptor is used again and again, for one takes ten times as long to make: CBC remembers the
    block of ciphertext before and nothing else (NIST SP 800-38A section 6.2), so behind the IV
    there is nothing left of the token before.
    """
    idle = key.idle
    try:
        decryptor = idle.pop()  # nobody else's until it is put back
    except IndexError:
        decryptor = Cipher(key.aes, CBC(bytes(_BLOCK))).decryptor()
    padded = decryptor.update(sealed)
    idle.append(decryptor)
    return padded


def _open_gcm(gcm: AESGCM, header: bytes, iv: bytes, ciphertext: bytes, tag: bytes) -> bytes | None:
    nonce, tag = _decoded(iv), _decoded(tag)
    if len(nonce) != _GCM_IV or len(tag) != _GCM_TAG:  # a short tag is easily guessed
        return None
    try:
        return gcm.decrypt(nonce, _decoded(ciphertext) + tag, header)
    except InvalidTag:
        return None


def _tag(key: _Key, inner: Any) -> bytes:
    """The authentication tag (RFC 7518 section 5.2.2.1), spelt as in a token: half of the
    HMAC-SHA-512 of the header, IV, ciphertext and the header's length in bits, which ``inner`` has
    absorbed."""
    outer = key.outer.copy()
    outer.update(inner.digest())
    return b2a_base64(outer.digest()[:32], newline=False).translate(_TO_URL, b"=")


def _length(header: bytes) -> bytes:
    """AL of RFC 7518 section 5.2.2.1."""
    return (len(header) * 8).to_bytes(8, "big")


def _encoded(octets: bytes) -> bytes:
    return b2a_base64(octets, newline=False).translate(_TO_URL, b"=")


def _decoded(text: bytes) -> bytes:
    """The octets of base64url without padding (RFC 7515 section 2); ``ValueError`` for any other
    spelling: the library would skip what does not belong there."""
    left = len(text) % 4
    if text and text[-1] not in _LAST[left]:
        raise ValueError("no base64url")
    return a2b_base64(text.translate(_FROM_URL) + _PADDING[left], strict_mode=True)
