"""CSRF tokens for the built-in endpoints: bound to the browser, and to the session if there is one.

The browser holds a random value in a ``__Host-`` cookie; a form carries ``nonce.mac``, where the
MAC covers the nonce, that value and the session's id. So a token is worth nothing in another
browser, nor after another sign-in (R067, R068), and no two pages show the same token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from wsgi_auth.tokens import derive, random_id
from wsgi_auth.types import Environ


class CSRF:
    """Makes and checks tokens under a list of secrets (newest first; all verify)."""

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[bytes], cookie_name: str) -> None:
        self._keys = tuple(derive(secret, f"wsgi_auth.csrf {cookie_name}") for secret in secrets)

    def new_browser_value(self) -> str:
        """A fresh value for the cookie."""
        return random_id()

    def token(self, browser: str, claims: Mapping[str, Any] | None) -> str:
        """A token for a form in the browser that holds ``browser``, signed in as ``claims``."""
        nonce = random_id()
        return f"{nonce}.{_mac(self._keys[0], nonce, browser, claims)}"

    def valid(self, token: object, browser: str, claims: Mapping[str, Any] | None) -> bool:
        """Whether this browser, with this session, was given the token; constant time."""
        if not isinstance(token, str) or not token.isascii() or not browser or len(token) > 200:
            return False
        nonce, _, mac = token.partition(".")
        good = False
        for key in self._keys:
            good |= hmac.compare_digest(_mac(key, nonce, browser, claims), mac)
        return good


def _mac(key: bytes, nonce: str, browser: str, claims: Mapping[str, Any] | None) -> str:
    session = "" if claims is None else str(claims.get("sid") or claims.get("sub"))
    bound = "\n".join((nonce, browser, session))
    return hmac.digest(key, bound.encode("utf-8", "surrogatepass"), "sha256").hex()


def same_origin(environ: Environ, origins: Sequence[str]) -> bool:
    """Whether the request says it comes from one of ``origins``, or does not say.

    ``Sec-Fetch-Site`` decides where it is sent, else ``Origin``; a browser sends one of them with
    every POST, an older one neither (then the token alone decides). Empty ``origins`` (no ``url``
    is configured): the origin's host must be the request's own.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    # a browser that says same-origin sends a matching Origin too; both are looked at
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return True
    if origins:
        return origin in origins
    from urllib.parse import urlsplit  # with a configured url, nobody needs it

    host = environ.get("HTTP_HOST") or ""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
