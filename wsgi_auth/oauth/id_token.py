"""The ID token: who it is, signed (OpenID Connect Core 2 and 3.1.3.7); the logout token, and the
access token that is a JWT (RFC 9068).

What lives here: every check before a claim is believed. What must not: asking for keys (``keys``).
joserfc verifies the signature; everything around it is looked at here, for a textbook check lets
a foreign audience, a wrong ``azp``, a wrong ``at_hash`` and a token of another type pass.
"""

from __future__ import annotations

import hashlib
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, NoReturn

from wsgi_auth.errors import OAuthError
from wsgi_auth.oauth.answers import json_object
from wsgi_auth.oauth.keys import FITTING
from wsgi_auth.types import Claims, freeze

#: Most characters of a token that are looked at.
LONGEST = 65_536
#: Seconds by which the provider's clock may differ from ours.
SKEW = 60
#: Seconds since ``iat`` after which a token without a nonce is none for us, whatever ``exp`` says.
OLDEST = 86_400
_END_OF_TIME = 253_402_300_800  # the year 10000
#: What a provider that is asked about a token may call an access token (the first: if it says
#: nothing); it answers for refresh tokens as well.
_TOKEN_KINDS = {"token_type": ("bearer",), "token_use": ("access_token", "access")}
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_SYMMETRIC = ("HS256", "HS384", "HS512")
#: Header fields that change what a signature covers, or how: never agreed on with anybody.
_UNHEARD_OF = ("crit", "b64", "zip")

#: Gives the key for an algorithm and a ``kid``: a :class:`KeySource`'s ``fitting``, or the secret.
KeyFor = Callable[[str, str | None], Any]


@dataclass(frozen=True, repr=False)
class Expected:
    """What an ID token must say.

    ``issuer``: a function of its claims, for a provider of many tenants. ``nonce``: "" where the
    provider cannot return one, None where the caller looks at it. ``access_token`` and ``code`` are
    what ``at_hash`` and ``c_hash`` are of, "" where there is none to compare with. ``max_age`` and
    ``acr``: what was asked for, None and empty for nothing. ``trusted_audiences``: who may stand in
    ``aud`` beside this client, which then has to be the ``azp``.
    """

    issuer: Callable[[Mapping[str, Any]], str]
    client_id: str
    algorithms: tuple[str, ...]
    nonce: str | None = ""
    access_token: str = ""
    code: str = ""
    max_age: int | None = None
    acr: tuple[str, ...] = ()
    trusted_audiences: tuple[str, ...] = ()
    skew: int = SKEW


@dataclass(frozen=True, repr=False)
class Identity:
    """The claims of an ID token that passed every check."""

    claims: Claims

    @property
    def subject(self) -> str:
        """Who it is, at this issuer."""
        return str(self.claims["sub"])

    @property
    def proved_at(self) -> int:
        """When they proved it to the issuer (``auth_time``, in seconds); 0: it does not say."""
        return int(self.claims.get("auth_time") or 0)

    @property
    def acr(self) -> str:
        """How strong that was, in the issuer's own words; "" where it does not say."""
        said = self.claims.get("acr")
        return said if isinstance(said, str) and len(said) <= 255 and said.isprintable() else ""


@dataclass(frozen=True, repr=False)
class LogoutNotice:
    """A logout token that passed every check: it ends the session ``sid``, or every one of
    ``subject``; one of them is "" if it does not say. ``jti`` must not have come before; it can be
    forgotten at ``expires`` (seconds since the epoch), when the token itself is refused."""

    subject: str
    sid: str
    jti: str
    expires: int


def algorithms_of(
    configured: tuple[str, ...], announced: tuple[str, ...] | None
) -> tuple[str, ...]:
    """The algorithms to accept: the configured, else the announced ones that are asymmetric, else
    RS256 (OpenID Connect Core 15.1)."""
    if configured:
        return configured
    return tuple(name for name in announced or () if name in FITTING) or ("RS256",)


def verify_id_token(token: str, key_for: KeyFor, expected: Expected, now: float) -> Identity:
    """The identity that a token proves. Raises :class:`OAuthError` (step ``id_token``), whose
    message says what was expected and holds nothing of the token; ``now`` is in seconds."""
    step = "id_token"
    header, claims = _opened(step, token, key_for, expected.algorithms)
    _check_common(step, claims, expected, now)
    if "events" in claims:
        _refuse(step, "it is a token of an event")
    began = _time(step, claims, "auth_time", required=expected.max_age is not None)
    if expected.max_age is not None and began + expected.max_age + expected.skew < now:
        _refuse(step, f"auth_time is longer ago than max_age, {expected.max_age} s")
    if expected.acr and claims.get("acr") not in expected.acr:
        _refuse(step, f"acr must be one of {', '.join(expected.acr)}")
    if expected.nonce and not _same(claims.get("nonce"), expected.nonce):
        _refuse(step, "nonce is not the one that was sent")
    if expected.nonce == "" and claims.get("nonce") is not None:
        _refuse(step, "it has a nonce, and none was sent")
    for name, what in (("at_hash", expected.access_token), ("c_hash", expected.code)):
        if what and name in claims and not _same(claims[name], _half(header["alg"], what)):
            _refuse(step, f"{name} is of something else")
    return Identity(claims)


def verify_logout_token(
    token: str, key_for: KeyFor, expected: Expected, now: float
) -> LogoutNotice:
    """What a logout token says (OpenID Connect Back-Channel Logout 1.0 section 2.6). Whether its
    ``jti`` came before, the caller knows."""
    step = "logout"
    _, claims = _opened(step, token, key_for, expected.algorithms, ("jwt", "logout+jwt"))
    subject, sid, jti = claims.get("sub", ""), claims.get("sid", ""), claims.get("jti")
    _check_common(step, claims, expected, now, with_subject="sub" in claims)
    if "nonce" in claims:
        _refuse(step, "it has a nonce: it is no logout token")
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(_LOGOUT_EVENT), Mapping):
        _refuse(step, "events does not say that this is a logout")
    if not isinstance(sid, str) or not (subject or sid):
        _refuse(step, "it names neither sub nor sid")
    if len(sid) > 255 or (sid and not sid.isprintable()):
        _refuse(step, "sid must be text of at most 255 characters")
    if not isinstance(jti, str) or not 0 < len(jti) <= 255 or not jti.isprintable():
        _refuse(step, "jti is missing")
    return LogoutNotice(str(subject), sid, jti, math.ceil(claims["exp"]) + expected.skew)


def verify_access_token(
    token: str, key_for: KeyFor, expected: Expected, audience: tuple[str, ...], now: float
) -> Identity:
    """Whom an access token stands for that was issued for one of ``audience`` (RFC 9068 section 4).
    Raises as :func:`verify_id_token` does, step ``access_token``.

    A token whose use is bound to a key (``cnf``: RFC 9449, RFC 8705) is none that whoever bears it
    may use, and none of another kind is an access token, whatever its ``aud`` (RFC 8725 3.11)."""
    step = "access_token"
    _, claims = _opened(step, token, key_for, expected.algorithms, ("at+jwt", "jwt"))
    _check_issuer(step, claims, expected)
    _check_times(step, claims, expected, now)
    return _checked_access(step, claims, expected, audience, now)


def accept_access_token(
    answer: Mapping[str, Any], expected: Expected, audience: tuple[str, ...], now: float
) -> Identity:
    """Whom an access token stands for by what its provider has just said of it (RFC 7662 section
    2.2). Raises as :func:`verify_access_token` does.

    Judged as what a JWT says of itself, but that it need not say who issued it, and when. A token
    of a client that nobody stands behind may have no ``sub``: it is the client then (RFC 9068
    section 2.2). With a ``username`` somebody does, and all of them would be one."""
    step = "access_token"
    if answer.get("active") is not True:
        _refuse(step, "it is not active")
    said = {name: answer[name] for name in answer if answer[name] is not None}
    if "username" not in said:
        said.setdefault("sub", said.get("client_id"))
    claims: Claims = freeze(said)
    if "iss" in claims:
        _check_issuer(step, claims, expected)
    for name, kinds in _TOKEN_KINDS.items():
        if str(claims.get(name, kinds[0])).lower() not in kinds:
            _refuse(step, "it is another kind of token")
    soon = now + expected.skew
    if "exp" in claims and _time(step, claims, "exp") + expected.skew <= now:
        _refuse(step, "exp is over; is the clock of this machine right?")
    if max(_time(step, claims, name, required=False) for name in ("iat", "nbf")) > soon:
        _refuse(step, "it is from the future; is the clock of this machine right?")
    return _checked_access(step, claims, expected, audience, now)


def _checked_access(
    step: str, claims: Claims, expected: Expected, audience: tuple[str, ...], now: float
) -> Identity:
    if not any(each in audience for each in _audience(claims)):
        _refuse(step, f"aud must be one of {', '.join(audience)}")
    _check_subject(step, claims)
    if _time(step, claims, "auth_time", required=False) > now + expected.skew:
        _refuse(step, "auth_time is in the future; is the clock of this machine right?")
    if "cnf" in claims:
        _refuse(step, "it is bound to a key, and came without a proof of it")
    if any(name in claims for name in ("nonce", "at_hash", "c_hash", "events")):
        _refuse(step, "it is another kind of token")
    if str(claims.get("typ", "Bearer")).lower() not in ("bearer", "at+jwt", "jwt"):
        _refuse(step, "it is another kind of token")  # Keycloak's word for its kinds
    return Identity(claims)


def verify_signed(step: str, token: str, key_for: KeyFor, expected: Expected) -> Claims:
    """The claims of a signed answer (userinfo): signature, and ``iss`` and ``aud`` where they are
    (OpenID Connect Core 5.3.2)."""
    _, claims = _opened(step, token, key_for, expected.algorithms)
    if "iss" in claims and claims["iss"] != expected.issuer(claims):
        _refuse(step, "iss is another provider's")
    if "aud" in claims and expected.client_id not in _audience(claims):
        _refuse(step, "aud is another client")
    return claims


def unverified_claims(token: str) -> Mapping[str, Any]:
    """The claims of a token that was verified before and kept where nobody else writes, or is yet
    to be verified by whom they name; empty for none."""
    parts = token.split(".")
    return _object("id_token", parts[1]) if len(parts) == 3 else {}


# --- signature ------------------------------------------------------------------------------


def _opened(
    step: str,
    token: str,
    key_for: KeyFor,
    algorithms: tuple[str, ...],
    types: tuple[str, ...] = ("jwt",),
) -> tuple[Mapping[str, Any], Claims]:
    """The header and the claims of a token that is signed as it should be."""
    parts = token.split(".") if len(token) <= LONGEST else []
    if len(parts) == 5:
        _refuse(step, "it is encrypted; register this client without encryption")
    if len(parts) != 3 or not token.isascii():
        _refuse(step, "it is no signed JWT")
    header = _object(step, parts[0])
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in algorithms or not (algorithm in FITTING or algorithm in _SYMMETRIC):
        _refuse(step, f"alg must be one of {', '.join(algorithms)}, not {ascii(algorithm)[:40]}")
    if any(name in header for name in _UNHEARD_OF):
        _refuse(step, f"its header has one of {', '.join(_UNHEARD_OF)}")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        _refuse(step, f"typ must be {' or '.join(types)}: it is another kind of token")
    if kid is not None and not isinstance(kid, str):
        _refuse(step, "kid is no text")
    # a key in the header (jwk, jku, x5u, x5c) is not even looked at (RFC 8725 3.10)
    if not _is_signed(algorithm, key_for(algorithm, kid), token):
        _refuse(step, "the signature is not the provider's")
    return header, freeze(_object(step, parts[1]))


def _is_signed(algorithm: str, key: Any, token: str) -> bool:
    """Whether this key made the signature.

    joserfc's own way takes no header above 512 bytes, and its warning about the name EdDSA (RFC
    9864 says Ed25519) can be kept quiet only for the whole process."""
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    method = JWSRegistry.algorithms[algorithm]
    covered, _, signature = token.rpartition(".")
    octets = _octets(signature)
    try:
        method.check_key(key)
        return octets is not None and method.verify(covered.encode(), octets, key)
    except (JoseError, ValueError, TypeError):
        return False


def _object(step: str, part: str) -> dict[str, Any]:
    """A part of a JWT: a JSON object in which no name stands twice."""
    octets = _octets(part)
    try:
        found = None if octets is None else json_object(octets.decode())
    except ValueError:
        found = None
    if found is None:
        _refuse(step, "a part of it is no JSON object with each name once")
    return found


def _octets(part: str) -> bytes | None:
    """What base64url says (RFC 7515 2), or None. The same octets have one spelling only."""
    try:
        octets = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None
    return octets if urlsafe_b64encode(octets).rstrip(b"=").decode() == part else None


# --- claims ---------------------------------------------------------------------------------


def _check_common(
    step: str, claims: Claims, expected: Expected, now: float, *, with_subject: bool = True
) -> None:
    _check_issuer(step, claims, expected)
    _check_audience(step, claims, expected)
    issued = _check_times(step, claims, expected, now)
    if issued + OLDEST < now and not expected.nonce:
        _refuse(step, "iat is more than a day ago; is the clock of this machine right?")
    if with_subject:
        _check_subject(step, claims)


def _check_issuer(step: str, claims: Claims, expected: Expected) -> None:
    issuer = expected.issuer(claims)
    if not issuer or claims.get("iss") != issuer:
        _refuse(step, "iss is not the provider's issuer")


def _check_times(step: str, claims: Claims, expected: Expected, now: float) -> float:
    """When the token was issued; refused unless it is good at this moment."""
    soon = now + expected.skew
    if _time(step, claims, "exp") + expected.skew <= now:
        _refuse(step, "exp is over; is the clock of this machine right?")
    issued = _time(step, claims, "iat")
    if issued > soon:
        _refuse(step, "iat is in the future; is the clock of this machine right?")
    if _time(step, claims, "nbf", required=False) > soon:
        _refuse(step, "nbf is in the future; is the clock of this machine right?")
    return issued


def _check_subject(step: str, claims: Claims) -> None:
    subject = claims.get("sub")
    if not (isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable()):
        _refuse(step, "sub must be text of at most 255 characters")


def _check_audience(step: str, claims: Claims, expected: Expected) -> None:
    """OpenID Connect Core 3.1.3.7, points 3 to 5."""
    client_id, audience = expected.client_id, _audience(claims)
    if client_id not in audience:
        _refuse(step, "aud must be this client")
    others = [each for each in audience if each != client_id]
    if any(each not in expected.trusted_audiences for each in others):
        _refuse(step, "aud must be this client and nobody else")
    if claims.get("azp", None if others else client_id) != client_id:
        _refuse(step, "azp must be this client")


def _audience(claims: Claims) -> list[Any]:
    given = claims.get("aud")
    return [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []


def _time(step: str, claims: Claims, name: str, *, required: bool = True) -> float:
    """A time in seconds, some providers send fractions of them; 0 for none that is not required."""
    value: Any = claims.get(name)
    if value is None and not required:
        return 0.0
    if type(value) not in (int, float) or not 0 <= value < _END_OF_TIME:  # NaN is not either
        _refuse(step, f"{name} must be a time in seconds")
    return float(value)


def _half(algorithm: str, text: str) -> str:
    """What ``at_hash`` is: the left half of the hash (OpenID Connect Core 3.1.3.6)."""
    size = "512" if algorithm in ("EdDSA", "Ed25519") else algorithm[2:]
    digest = hashlib.new(f"sha{size}", text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _same(given: object, expected: str) -> bool:
    return isinstance(given, str) and compare_digest(given.encode("utf-8", "replace"),
                                                     expected.encode())  # fmt: skip


def _refuse(step: str, problem: str) -> NoReturn:
    raise OAuthError(step, problem)
