"""The hand-written counterparts: what somebody would write who needs just this one thing.

Plain standard library (``cryptography`` for AES), no care for hostile input, rotation of secrets,
caches or read-only sessions. They read and write sessions of the same users, each claim with its
name.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from joserfc import jwe, jwt
from joserfc.jwk import KeySet, OctKey

from benchmarks.measure import App, Environ

BODY = [b"hello"]


def bare(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return BODY


def reads_ours(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The application, reading who is signed in."""
    environ["auth.session"]["user"]["id"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return BODY


def reads_hand_written(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The same behind the hand-written reader."""
    environ["session"]["sub"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return BODY


class NoOp:
    """**N**: a middleware that does nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        return self.app(environ, start_response)


class HandWritten:
    """**F**: a signed session read from a cookie, and the two answers for who has none."""

    def __init__(self, app: App, name: str, key: bytes) -> None:
        self.app = app
        self.name = name
        self.key = key
        self.prefix = name + "="

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        claims = self.read(environ)
        if claims is None:
            return self.refuse(environ, start_response)
        environ["session"] = claims
        return self.app(environ, start_response)

    def read(self, environ: Environ) -> Any:
        header = environ.get("HTTP_COOKIE")
        if not header:
            return None
        start = header.find(self.prefix)
        if start < 0:
            return None
        start += len(self.prefix)
        end = header.find(";", start)
        return self.verify(header[start:] if end < 0 else header[start:end])

    def verify(self, value: str) -> Any:
        payload, _, given = value.encode().rpartition(b".")
        digest = hmac.digest(self.key, payload, "sha256")
        if not hmac.compare_digest(digest, base64.urlsafe_b64decode(given + b"=")):
            return None
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=="))
        if claims["exp"] < time.time():
            return None
        return claims

    def sign(self, claims: Any) -> str:
        payload = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode())
        payload = payload.rstrip(b"=")
        digest = hmac.digest(self.key, payload, "sha256")
        return (payload + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()

    def refuse(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """To the sign-in page, or 401 with JSON: both say where to sign in and come back."""
        url = "/auth/signin?" + urlencode({"callbackUrl": environ["PATH_INFO"]})
        common = [("Vary", "Accept, Cookie"), ("Cache-Control", "no-store")]
        if "text/html" in environ.get("HTTP_ACCEPT", ""):
            start_response("302 Found", [("Location", url), ("Content-Length", "0"), *common])
            return [b""]
        body = json.dumps({"error": "SessionRequired", "signinUrl": url}).encode()
        start_response(
            "401 Unauthorized",
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("WWW-Authenticate", "Session"),
                *common,
            ],
        )
        return [body]


class HandWrittenList(HandWritten):
    """The same for our own cookie, whose claims are a list."""

    names = ("iat", "exp", "sub", "name", "email", "picture", "sid", "auth_time", "provider",
             "email_verified", "rest")  # fmt: skip

    def verify(self, value: str) -> Any:
        payload, _, given = value.encode().rpartition(b".")
        digest = hmac.digest(self.key, payload, "sha256")
        if not hmac.compare_digest(digest, base64.urlsafe_b64decode(given + b"=")):
            return None
        found = json.loads(base64.urlsafe_b64decode(payload + b"=="))
        if found[1] < time.time():
            return None
        return dict(zip(self.names, found, strict=True))


class HandWrittenUncached(HandWritten):
    """The same, with the headers that keep what a visitor gets out of caches."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        def uncached(status: str, headers: Any, exc_info: Any = None) -> Any:
            kept = ("Vary", "Cookie"), ("Cache-Control", "no-store")
            return start_response(status, [*headers, *kept], exc_info)

        return super().__call__(environ, uncached)


class HandWrittenSeen(HandWrittenUncached):
    """The same, keeping what it read of every token it has seen."""

    def __init__(self, app: App, name: str, key: bytes) -> None:
        super().__init__(app, name, key)
        self.seen: dict[str, Any] = {}

    def verify(self, token: str) -> Any:
        claims = self.seen.get(token)
        if claims is None:
            claims = self.seen[token] = super().verify(token)
        return claims if claims is not None and claims["exp"] > time.time() else None


class HandWrittenChunks(HandWritten):
    """The same for a session in several cookies: ``name.0`` begins with their number and ``~``."""

    def read(self, environ: Environ) -> Any:
        jar = dict(pair.split("=", 1) for pair in environ["HTTP_COOKIE"].split("; "))
        count, _, first = jar[self.name + ".0"].partition("~")
        rest = [jar[f"{self.name}.{number}"] for number in range(1, int(count))]
        return self.verify("".join([first, *rest]))


class HandWrittenRenewal(HandWritten):
    """The same with a rolling expiry: verified, signed anew and sent back with the response."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        claims = self.read(environ)
        environ["session"] = claims
        now = int(time.time())
        value = self.sign({**claims, "iat": now, "exp": now + 2_592_000})
        cookie = f"{self.name}={value}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax; Secure"

        def renewed(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(
                status,
                [*headers, ("Set-Cookie", cookie), ("Vary", "Cookie"),
                 ("Cache-Control", "no-store")],
                exc_info,
            )  # fmt: skip

        return self.app(environ, renewed)


class HandWrittenJWE(HandWritten):
    """**J**: Auth.js's encrypted cookie read with ``cryptography``, key and header made once.

    ``name`` is the cookie's, ``key`` the 64 derived octets.
    """

    def __init__(self, app: App, name: str, key: bytes, header: bytes) -> None:
        super().__init__(app, name, key)
        self.mac, self.aes = key[:32], key[32:]
        self.header = header
        self.length = (len(header) * 8).to_bytes(8, "big")

    def verify(self, value: str) -> Any:
        header, _, iv, ciphertext, tag = value.encode().split(b".")
        if header != self.header:
            return None
        iv = base64.urlsafe_b64decode(iv + b"==")
        ciphertext = base64.urlsafe_b64decode(ciphertext + b"==")
        content = header + iv + ciphertext + self.length
        digest = hmac.digest(self.mac, content, "sha512")[:32]
        if not hmac.compare_digest(digest, base64.urlsafe_b64decode(tag + b"=")):
            return None
        decryptor = Cipher(algorithms.AES(self.aes), modes.CBC(iv)).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        claims = json.loads(padded[: -padded[-1]])
        if claims["exp"] < time.time():
            return None
        return claims


class HandWrittenJWEUncached(HandWrittenJWE, HandWrittenUncached):
    """The same, with the headers that keep what a visitor gets out of caches."""


class JoserfcJWE(HandWrittenJWE):
    """The same with a JOSE library."""

    def __init__(self, app: App, name: str, key: bytes, header: bytes) -> None:
        super().__init__(app, name, key, header)
        self.jwk = OctKey.import_key(key)

    def verify(self, value: str) -> Any:
        token = jwe.decrypt_compact(value, self.jwk, algorithms=["dir", "A256CBC-HS512"])
        claims = json.loads(token.plaintext or b"")
        return None if claims["exp"] < time.time() else claims


class HandWrittenBearer:
    """An access token from ``Authorization``, verified with joserfc: the provider's ``keys`` are
    there already."""

    def __init__(self, app: App, keys: KeySet, issuer: str, audience: str) -> None:
        self.app = app
        self.keys = keys
        self.claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        scheme, _, text = environ["HTTP_AUTHORIZATION"].partition(" ")
        if scheme.lower() != "bearer":
            start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
            return [b""]
        token = jwt.decode(text, self.keys, algorithms=["RS256"])
        self.claims.validate(token.claims)
        environ["session"] = token.claims
        return self.app(environ, start_response)
