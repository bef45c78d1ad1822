"""The applications that the fake provider knows, and how they prove who they are."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from wsgi_auth.testing.fake_provider.keys import unverified, verified
from wsgi_auth.testing.fake_provider.web import Asked, Refusal

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGS: Final = ["ES256", "RS256", "PS256", "EdDSA", "Ed25519", "ES384", "RS384", "RS512"]


@dataclass(frozen=True)
class FakeClient:
    """An application registered at a :class:`FakeProvider`.

    ``auth`` is the one way in which it may prove who it is: ``client_secret_basic``,
    ``client_secret_post``, ``private_key_jwt`` (then ``jwks`` is its public JWK Set) or ``none``.
    ``redirect_uris`` and ``post_logout_redirect_uris``: compared exactly; None takes any.
    ``id_token_alg``: what its ID tokens are signed with (``HS256``: with its secret).
    ``par``: only pushed authorization requests (RFC 9126) are taken. ``dpop``: only tokens bound
    to a key (RFC 9449) are issued; ``dpop_nonce``: and each proof has to hold the provider's nonce.
    ``refresh``: whether it gets refresh tokens.
    """

    client_id: str = "app"
    client_secret: str = "the secret of the app at the fake provider"
    redirect_uris: tuple[str, ...] | None = None
    auth: str = "client_secret_basic"
    jwks: Mapping[str, Any] | None = None
    post_logout_redirect_uris: tuple[str, ...] | None = None
    id_token_alg: str = "RS256"
    par: bool = False
    dpop: bool = False
    dpop_nonce: bool = False
    refresh: bool = True


def authenticated(
    asked: Asked,
    form: Mapping[str, str],
    clients: Mapping[str, FakeClient],
    audiences: set[str],
    seen: set[str],
) -> FakeClient:
    """The client that sent ``form``, by exactly the way it is registered for (RFC 6749 2.3).

    ``seen``: the ids of assertions so far; one is taken once.
    """
    way, client_id, secret = _presented(asked, form)
    client = clients.get(client_id)
    if client is None:
        raise _no(f"there is no client {client_id!r}", way)
    if way != client.auth:
        raise _no(f"client {client_id!r} is registered for {client.auth}, and used {way}", way)
    if way == "private_key_jwt":
        _check_assertion(secret, client, audiences, seen)
    elif way != "none" and not hmac.compare_digest(secret.encode(), client.client_secret.encode()):
        raise _no("that is not its secret", way)
    return client


def _presented(asked: Asked, form: Mapping[str, str]) -> tuple[str, str, str]:
    ways: list[tuple[str, str, str]] = []
    scheme, _, value = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _no("Basic that is no base64 of UTF-8", "client_secret_basic") from None
        if not colon:
            raise _no("Basic without a colon", "client_secret_basic")
        ways.append(("client_secret_basic", unquote_plus(name), unquote_plus(secret)))
    if "client_secret" in form:
        ways.append(("client_secret_post", form.get("client_id", ""), form["client_secret"]))
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION:
            raise _no("an unknown client_assertion_type", "private_key_jwt")
        assertion = form["client_assertion"]
        ways.append(("private_key_jwt", _unverified_subject(assertion), assertion))
    if len(ways) > 1:
        raise Refusal("invalid_request", "the client proves itself in more than one way")
    if not ways:
        return "none", form.get("client_id", ""), ""
    if form.get("client_id", ways[0][1]) != ways[0][1]:
        raise _no("client_id is another's", ways[0][0])
    return ways[0]


def _unverified_subject(assertion: str) -> str:
    try:
        return str(unverified(assertion)[1].get("sub", ""))
    except ValueError:
        raise _no("the assertion is no JWT", "private_key_jwt") from None


def _check_assertion(
    assertion: str, client: FakeClient, audiences: set[str], seen: set[str]
) -> None:
    from joserfc.jwk import import_key

    found = [
        verified(import_key(dict(key)), assertion, ASSERTION_ALGS)
        for key in (client.jwks or {}).get("keys", ())
    ]
    claims = next((each for each in found if each is not None), None)
    if claims is None:
        raise _no("no key of the client signed the assertion")
    audience = claims.get("aud")
    named = set(audience) if isinstance(audience, list) else {audience}
    if claims.get("iss") != client.client_id or not named & audiences:
        raise _no("iss of the assertion is not the client, or aud is not this provider")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] < time.time():
        raise _no("the assertion has expired")
    if not claims.get("jti") or claims["jti"] in seen:
        raise _no("the assertion has no jti, or was used before")
    seen.add(claims["jti"])


def _no(description: str, way: str = "") -> Refusal:
    basic = [("WWW-Authenticate", 'Basic realm="fake"')] if way == "client_secret_basic" else []
    return Refusal("invalid_client", description, 401, basic)
