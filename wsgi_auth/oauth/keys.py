"""The keys that a provider signs with (RFC 7517).

What lives here: which of them may verify what, and when they are asked for again. What must not:
what is signed (``id_token``).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from wsgi_auth.errors import AuthError, OAuthError, ProviderUnavailable
from wsgi_auth.oauth.answers import object_in, refuse_error
from wsgi_auth.oauth.flight import Flight
from wsgi_auth.protocols import Transport
from wsgi_auth.types import Incoming, Outgoing

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

#: Most keys of one provider that are looked at.
MOST = 100
#: Fewest bits of an RSA key (RFC 7518 3.3).
LEAST_RSA_BITS = 2_048
#: Most, or verifying takes its time.
MOST_RSA_BITS = 16_384
#: Requests for keys that may follow at once, and seconds until each further one, whatever is asked
#: for: ten in any minute (R082).
AT_ONCE = 4
PAUSE = 10
#: Seconds after which keys are asked for again though they still fit: one may have been withdrawn.
LIFETIME = 3_600
# Seconds that somebody may need from the reading of the clock until a key is looked for.
_LATE = 60

#: The algorithms of asymmetric signatures, and the keys that fit.
FITTING: Mapping[str, tuple[str, str]] = {
    **{f"{kind}{size}": ("RSA", "") for kind in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}


class UnknownKey(OAuthError):
    """None of the keys is the one of a signature: the provider has answered, and this is no word on
    it."""


class PublicKey:
    """One key that verifies: its ``kid`` (None for none), and the algorithms it is for."""

    __slots__ = ("algorithms", "key", "kid")

    def __init__(
        self, kid: str | None, key: RSAKey | ECKey | OKPKey, algorithms: frozenset[str]
    ) -> None:
        self.kid = kid
        self.key = key
        self.algorithms = algorithms


def read_keys(response: Incoming) -> tuple[PublicKey, ...]:
    """The keys in an answer that can verify a signature; what is none of ours is left out, as
    section 5 says. Symmetric keys never count: everybody can read this answer."""
    fields = object_in(response)
    refuse_error("keys", response, fields)
    listed = None if fields is None else fields.get("keys")
    if not isinstance(listed, list):
        raise OAuthError("keys", "the answer is no JSON object with a list of keys")
    return tuple(key for key in map(_public, listed[:MOST]) if key is not None)


def _public(fields: object) -> PublicKey | None:
    if not isinstance(fields, Mapping) or fields.get("use", "sig") != "sig":
        return None
    operations = fields.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    kid, kind, curve = fields.get("kid"), fields.get("kty"), fields.get("crv", "")
    named = fields.get("alg")
    algorithms = frozenset(
        name
        for name, fits in FITTING.items()
        if fits == (kind, "" if kind == "RSA" else curve) and named in (None, name)
    )
    if not algorithms or (kid is not None and not isinstance(kid, str)):
        return None
    # no private part, whatever the provider published by mistake
    wanted = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}[str(kind)]
    try:
        key = _imported({"kty": kind, **{name: fields[name] for name in wanted}})
    except Exception:
        return None
    return None if key is None else PublicKey(kid, key, algorithms)


def _imported(fields: dict[str, Any]) -> RSAKey | ECKey | OKPKey | None:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    if fields["kty"] == "RSA":
        modulus = urlsafe_b64decode(fields["n"] + "==")
        size = int.from_bytes(modulus, "big").bit_length()
        return RSAKey.import_key(fields) if LEAST_RSA_BITS <= size <= MOST_RSA_BITS else None
    return ECKey.import_key(fields) if fields["kty"] == "EC" else OKPKey.import_key(fields)


class KeySource:
    """A provider's keys: asked for when one is needed that is not known, however many threads
    need it once, and seldom (R082); the known ones serve on while the provider does not answer."""

    def __init__(self, transport: Transport, jwks_uri: str) -> None:
        self._transport = transport
        self._uri = jwks_uri
        self._flight: Flight[tuple[PublicKey, ...]] = Flight()
        self._allowance = _Allowance()
        self._keys: tuple[PublicKey, ...] | None = None
        self._due = 0.0

    def fitting(self, algorithm: str, kid: str | None, now: float) -> PublicKey:
        """The key for a signature of this algorithm and ``kid``; without a ``kid`` the only one
        that fits (OpenID Connect Core 10.1). Raises :class:`UnknownKey` for none, and
        :class:`~wsgi_auth.errors.ProviderUnavailable` (or another :class:`OAuthError`, where the
        answer was none) when that could not be found out."""
        keys = self._flight.land(partial(self._renew, now), partial(self._known, now))
        found = _choose(keys, algorithm, kid)
        if found is None:  # perhaps among newer ones (section 10.1.1)
            keys = self._flight.land(partial(self._ask, now), partial(self._newer, keys))
            found = _choose(keys, algorithm, kid)
        if found is None:
            raise UnknownKey("keys", _missing(keys, algorithm, kid))
        return found

    def _known(self, now: float, is_under_way: bool) -> tuple[PublicKey, ...] | None:
        # and a pause: it was counted from another thread's now, perhaps a little later than ours
        is_current = now < self._due <= now + LIFETIME + PAUSE
        return self._keys if is_current or is_under_way else None

    def _newer(self, than: tuple[PublicKey, ...], _: bool) -> tuple[PublicKey, ...] | None:
        return None if self._keys is than else self._keys

    def _renew(self, now: float) -> tuple[PublicKey, ...]:
        try:
            return self._ask(now)
        except AuthError:
            self._due = now + PAUSE
            if self._keys is None:
                raise
            return self._keys

    def _ask(self, now: float) -> tuple[PublicKey, ...]:
        if not self._allowance.take(now):
            if self._keys is None:
                raise ProviderUnavailable("its keys were asked for in vain just now")
            return self._keys
        self._keys = read_keys(self._transport.send(Outgoing(self._uri)))
        self._due = now + LIFETIME
        return self._keys


class _Allowance:
    """Requests that may still be made: some at once, then one at a time, so that a storm of
    unknown keys ends in ten a minute, and yet never keeps a new key out for longer than a pause.
    Who asks has the only :class:`Flight`, so there is no lock."""

    def __init__(self) -> None:
        self._left = float(AT_ONCE)
        self._since = 0.0

    def take(self, now: float) -> bool:
        passed = now - self._since
        if passed > 0:
            self._left = min(AT_ONCE, self._left + passed / PAUSE)
        # a little back is somebody who began earlier, and no time passes twice; more is the clock
        if passed > 0 or passed < -_LATE:
            self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _choose(keys: tuple[PublicKey, ...], algorithm: str, kid: str | None) -> PublicKey | None:
    fitting = [key for key in keys if algorithm in key.algorithms]
    if kid is not None:
        # a key without a name of its own may be the one that is meant, if there is no other
        named = [key for key in fitting if key.kid == kid]
        fitting = named or [key for key in fitting if key.kid is None]
    return fitting[0] if len(fitting) == 1 else None


def _missing(keys: tuple[PublicKey, ...], algorithm: str, kid: str | None) -> str:
    which = "a token without kid" if kid is None else f"kid {kid[:100]!a}"
    return f"no single key for {which} and {algorithm} among the {len(keys)} of the provider"
