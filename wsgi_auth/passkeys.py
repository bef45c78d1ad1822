"""Passkeys: what a browser is asked, and what its answer proves (W3C Web Authentication, level 3).

What lives here: the two ceremonies, the challenges, and the passkeys of a user. The only module
that knows fido2, which parses and verifies; it is loaded with the first answer. What must not:
requests, pages, sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from wsgi_auth import cookies
from wsgi_auth.accounts import told
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import AlreadyExists, ConfigError, PasskeyRefused, StoreUnavailable
from wsgi_auth.events import Events, shown
from wsgi_auth.protocols import Adapter
from wsgi_auth.providers.passkey import Passkey
from wsgi_auth.records import Authenticator, Revocation, UserRecord
from wsgi_auth.sealed import SealedCodec
from wsgi_auth.tokens import random_token
from wsgi_auth.types import TURNS, Account, Claims, Environ, FrozenDict
from wsgi_auth.urls import BaseURL
from wsgi_auth.ways import Way, Ways, give_up

if TYPE_CHECKING:
    from fido2.server import Fido2Server
    from fido2.webauthn import AuthenticatorData

Purpose: TypeAlias = Literal["register", "authenticate"]

#: Seconds for which a challenge may be answered.
LIFETIME = 300
#: Most challenges that one browser has open (tabs, the autofill of a page); then the oldest go.
MOST_OPEN = 5
#: The version of what is written about a passkey.
VERSION = 1
#: Most passkeys of one user.
MOST = 20
#: Most characters of a passkey's name.
LONGEST_NAME = 60
#: Octets: WebAuthn section 5.1.3 (credential id); a key of RSA 4096 and more than that of any other
#: algorithm.
_LONGEST_ID, _LONGEST_KEY = 1_023, 1_200
#: EdDSA, ES256, RS256: IANA COSE Algorithms.
ALGORITHMS = (-8, -7, -257)
#: Words that name a transport: WebAuthn section 5.8.4.
_TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})


class Party(NamedTuple):
    """Who asks: the relying party's id (a domain), and the one origin that may answer."""

    id: str
    origin: str


class PasskeyInfo(NamedTuple):
    """A passkey as its owner is shown it. Times are seconds since the epoch; ``used``: None for
    never. ``backed_up``: whether it is kept in an account with its maker, so that the loss of a
    device does not lose it."""

    id: str
    name: str
    created: int
    used: int | None
    backed_up: bool


class Proven(NamedTuple):
    """Who signs in, and by which passkey; ``verified``: it saw a PIN, a face, a fingerprint."""

    user: UserRecord
    credential_id: str
    verified: bool

    @property
    def amr(self) -> tuple[str, ...]:
        """The claim ``amr``."""
        return ("passkey", "uv") if self.verified else ("passkey",)


class _Challenge(NamedTuple):
    """One question that is open: ``sid`` is the session in which it was asked, "" for none, and
    ``handle`` what the authenticator was told to call the user."""

    value: str
    purpose: str
    sid: str
    expires: int
    verify: bool = False
    handle: str = ""


class Passkeys:
    """The passkeys of one configuration. Raises :class:`ConfigError` where there can be none."""

    def __init__(
        self, config: AuthConfig, provider: Passkey, store: Adapter, events: Events
    ) -> None:
        self.provider = provider
        self._store = store
        self._events = events
        self._cookie = config.cookies.passkey
        self._codec = SealedCodec(config.secret, f"wsgi_auth.passkey {self._cookie.name}")
        self._steps_up = any(route.user_verified for route in (*config.matcher, *config.routes))
        if config.url is not None:
            _check_domain(provider, config.url)

    # --- what the browser is asked ------------------------------------------------------------

    def party(self, base: BaseURL | None) -> Party:
        """The relying party at this address. Raises :class:`ConfigError` for an IP address, to
        which browsers bind no passkeys; known at start-up but for ``dev`` without a ``url``."""
        if base is None or base.is_address:
            port = f":{base.port}" if base is not None else ""
            raise ConfigError(
                "url", f"an IP address has no passkeys; open http://localhost{port} instead"
            )
        return Party(self.provider.rp_id or base.host, base.origin)

    def ask_to_register(
        self, party: Party, user_id: str, claims: Claims, header: str, now: float
    ) -> tuple[dict[str, Any], list[str]]:
        """``publicKey`` for ``navigator.credentials.create``, as JSON, and Set-Cookie values.

        Raises :class:`PasskeyRefused` for a user that is gone, or has too many.
        """
        user = self._store.get_user(user_id)
        if user is None:
            raise PasskeyRefused("the user of the session is not kept here", "PasskeyNotAdded", 403)
        mine = self._store.list_authenticators(user_id)
        if len(mine) >= MOST:
            raise PasskeyRefused(f"nobody has more than {MOST} passkeys", "PasskeyNotAdded", 409)
        name = user.email or user.name or user.id
        # one for all of a user's passkeys, and random: whoever holds a device can read it without
        # being known to it, so it says nothing of the user (section 14.6.1)
        known = (content.get("handle") for content in map(_content, mine) if content is not None)
        handle = next(filter(None, known), None) or random_token()
        # so that no device has two; a resident key, so that no user name has to be typed
        challenge, written = self._opened("register", claims, header, now, handle=handle)
        return {
            "rp": {"id": party.id, "name": self.provider.rp_name or party.id},
            "user": {
                "id": handle,
                "name": name[:64],
                "displayName": (user.name or name)[:64],
            },
            "challenge": challenge.value,
            "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
            "timeout": LIFETIME * 1_000,
            "attestation": "none",
            "excludeCredentials": [_descriptor(each) for each in mine],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": self.provider.user_verification,
            },
        }, written

    def ask_to_authenticate(
        self, party: Party, claims: Claims | None, header: str, now: float
    ) -> tuple[dict[str, Any], list[str]]:
        """``publicKey`` for ``navigator.credentials.get``, as JSON, and Set-Cookie values.

        No passkey is named: the authenticator knows which it has for this domain, and nobody
        learns which users there are. Who is signed in already is here because a page asks for
        more, so where a route asks for ``user_verified``, it is demanded of them.
        """
        verify = self.provider.user_verification == "required"
        verify = verify or (claims is not None and self._steps_up)
        challenge, written = self._opened("authenticate", claims, header, now, verify=verify)
        return {
            "rpId": party.id,
            "challenge": challenge.value,
            "timeout": LIFETIME * 1_000,
            "allowCredentials": [],
            "userVerification": "required" if verify else "preferred",
        }, written

    # --- what the answer proves ---------------------------------------------------------------

    def register(
        self,
        party: Party,
        answer: Any,
        name: str,
        claims: Claims,
        environ: Environ,
        now: float,
    ) -> PasskeyInfo:
        """Keep the passkey that the browser made for the user of this session (section 7.1).

        ``name`` empty: that of its maker, or of the browser. Raises :class:`PasskeyRefused`.
        """
        code = "PasskeyNotAdded"
        challenge = self._taken("register", answer, claims, environ, now, code)
        required = self.provider.user_verification == "required"
        data = _registered(self._server(party), challenge, answer, required, code)
        credential = data.credential_data
        assert credential is not None  # noqa: S101 - _registered has looked
        mine = self._store.list_authenticators(claims["sub"])
        if len(mine) >= MOST:
            raise PasskeyRefused(f"nobody has more than {MOST} passkeys", code, 409)
        user = self._store.get_user(claims["sub"])
        if user is None:
            raise PasskeyRefused("the user of the session is not kept here", code, 403)
        taken = {(_content(each) or {}).get("name") for each in mine}
        content = {
            "v": VERSION,
            "handle": challenge.handle,
            "credential": _text(bytes(credential)),
            "name": _unique(_name(name) or _known_as(str(credential.aaguid), environ), taken),
            "transports": _transports(answer),
            "backup_eligible": data.is_backup_eligible(),
            "backed_up": data.is_backed_up(),
            "created": int(now),
            "used": None,
        }
        record = Authenticator(
            _text(credential.credential_id), claims["sub"], data.counter, json.dumps(content)
        )
        try:
            self._store.create_authenticator(record)
        except AlreadyExists:
            raise PasskeyRefused("a passkey of this id is kept already", code, 409) from None
        self._events.logger.info("passkey added for %s", shown(claims["sub"]))
        self._tell("link_account", user, record.credential_id, environ)
        return _info(record, content)

    def authenticate(
        self, party: Party, answer: Any, claims: Claims | None, environ: Environ, now: float
    ) -> Proven:
        """Whose passkey signed the challenge (section 7.2). Raises :class:`PasskeyRefused`."""
        challenge = self._taken("authenticate", answer, claims, environ, now, "PasskeySignin")
        id = _credential_id(answer)
        for _ in range(TURNS):
            record = self._store.get_authenticator(id)
            if record is None:
                raise PasskeyRefused("no passkey of this id is kept")
            content = _content(record)
            if content is None:
                raise PasskeyRefused("what is kept of the passkey is of another release")
            data = _authenticated(self._server(party), challenge, content, answer)
            if data.is_backup_eligible() != content.get("backup_eligible"):
                raise PasskeyRefused("the passkey says otherwise than before whether it is synced")
            if (data.counter or record.counter) and data.counter <= record.counter:
                self._events.logger.warning(
                    "a passkey of %s was refused: it counts %d signatures after %d, so there may "
                    "be a copy of it",
                    shown(record.user_id), data.counter, record.counter,
                )  # fmt: skip
                raise PasskeyRefused("the count of signatures has not grown")
            user = self._store.get_user(record.user_id)
            if user is None:
                raise PasskeyRefused("the owner of the passkey is gone")
            content |= {"backed_up": data.is_backed_up(), "used": int(now)}
            used = record._replace(counter=data.counter, data=json.dumps(content))
            if self._store.update_authenticator(used, record):
                return Proven(user, id, data.is_user_verified())
        raise StoreUnavailable("a passkey is used by many at the same time")

    # --- the passkeys of a user ---------------------------------------------------------------

    def of(self, user_id: str) -> list[PasskeyInfo]:
        """The passkeys of a user, the oldest first."""
        found = ((each, _content(each)) for each in self._store.list_authenticators(user_id))
        known = (_info(each, content) for each, content in found if content is not None)
        return sorted(known, key=lambda each: (each.created, each.id))

    def rename(self, user_id: str, id: str, name: str) -> None:
        """Call one of the user's passkeys so. Raises :class:`PasskeyRefused` for none of theirs."""
        for _ in range(TURNS):
            record, content = self._mine(user_id, id)
            wanted = _name(name)
            if not wanted:
                raise PasskeyRefused("a name is missing", "BadRequest", 400)
            data = json.dumps({**content, "name": wanted})
            if self._store.update_authenticator(record._replace(data=data), record):
                return
        raise StoreUnavailable("a passkey is used by many at the same time")

    def remove(self, user_id: str, id: str, environ: Environ, ways: Ways) -> None:
        """Forget one of the user's passkeys. Raises :class:`PasskeyRefused` for the last of their
        ``ways`` to sign in. One that is not theirs is none, and stays whose it is."""
        record = self._store.get_authenticator(id)
        if record is None or record.user_id != user_id:
            return  # a form that was sent twice, say: it is as was asked for
        if not give_up(
            Way("passkey", self.provider.id, id),
            ways,
            lambda: self._store.delete_authenticator(id),
            lambda: self._store.create_authenticator(record),
        ):
            raise PasskeyRefused("it is the user's last way to sign in", "PasskeyKept", 409)
        self._events.logger.info("passkey removed for %s", shown(user_id))
        self._tell("unlink_account", self._store.get_user(user_id), id, environ)

    def _tell(self, event: str, user: UserRecord | None, id: str, environ: Environ) -> None:
        self._events.fire(
            event,
            environ,
            user=None if user is None else told(user),
            account=Account(self.provider.id, self.provider.type, id),
        )

    def _mine(self, user_id: str, id: str) -> tuple[Authenticator, dict[str, Any]]:
        record = self._store.get_authenticator(id)
        content = None if record is None or record.user_id != user_id else _content(record)
        if record is None or content is None:
            raise PasskeyRefused("the user has no passkey of this id", "NotFound", 404)
        return record, content

    # --- challenges -----------------------------------------------------------------------------

    def _opened(
        self,
        purpose: Purpose,
        claims: Claims | None,
        header: str,
        now: float,
        **more: Any,
    ) -> tuple[_Challenge, list[str]]:
        """A new challenge of 256 bits, and the cookie that holds it beside the browser's others."""
        new = _Challenge(random_token(), purpose, _sid(claims), int(now) + LIFETIME, **more)
        kept = [*self._open(header, now), new][-MOST_OPEN:]
        return new, self._cookie.set(self._codec.seal({"open": [list(e) for e in kept]}), LIFETIME)

    def _open(self, header: str, now: float) -> list[_Challenge]:
        for value in cookies.values(header, self._cookie.name)[:4]:
            content = self._codec.open(value)
            if content is not None:
                found = (_Challenge(*each) for each in content["open"])
                return [each for each in found if now < each.expires]
        return []

    def _taken(
        self,
        purpose: Purpose,
        answer: Any,
        claims: Claims | None,
        environ: Environ,
        now: float,
        code: str,
    ) -> _Challenge:
        """The challenge that the answer is to, if this browser and session were asked it for this
        purpose; nobody can use it again. Whether the signature covers it is not known yet."""
        given = _challenge_in(answer, code)
        for challenge in self._open(environ.get("HTTP_COOKIE") or "", now):
            if hmac.compare_digest(challenge.value, given) and (
                challenge.purpose,
                challenge.sid,
            ) == (purpose, _sid(claims)):
                break
        else:
            raise PasskeyRefused(
                "no open question of this browser and session", "InvalidCheck", 400
            )
        id = "passkey:" + hashlib.sha256(given.encode()).hexdigest()
        used = Revocation("session", id, int(now), challenge.expires)
        if not self._store.revoke_once(used):
            raise PasskeyRefused("the question was answered already", "InvalidCheck", 400)
        return challenge

    def _server(self, party: Party) -> Fido2Server:
        from fido2.server import Fido2Server
        from fido2.webauthn import PublicKeyCredentialRpEntity

        name = self.provider.rp_name or party.id
        return Fido2Server(
            PublicKeyCredentialRpEntity(id=party.id, name=name),
            attestation=None,
            verify_origin=lambda origin: origin == party.origin,
        )


# --- one answer ---------------------------------------------------------------------------------
#
# fido2 checks type, origin, challenge, the hash of the relying party's id, presence, verification
# where it is demanded, and the signature. The rest is here. Whatever it raises at hostile octets is
# a refusal: its parsers raise KeyError, struct.error and AssertionError too.


def _registered(
    server: Fido2Server, challenge: _Challenge, answer: Any, verify: bool, code: str
) -> AuthenticatorData:
    from cryptography.exceptions import InvalidSignature
    from fido2.webauthn import CollectedClientData

    try:
        client = CollectedClientData(_octets(answer["response"]["clientDataJSON"]))
        data = server.register_complete(_state(challenge, verify), answer)
        credential = data.credential_data
        if credential is None:
            raise ValueError("no credential came with it")
        id, key = credential.credential_id, credential.public_key
        if _text(id) != _credential_id(answer) or not 16 <= len(id) <= _LONGEST_ID:
            raise ValueError("the credential's id is another, too short or too long")
        if key.get(3) == -257 and len(key.get(-1, b"").lstrip(b"\0")) < 256:
            raise ValueError("an RSA key of less than 2,048 bits")
        if key.get(3) not in ALGORITHMS or len(bytes(credential)) - len(id) > _LONGEST_KEY:
            raise ValueError("the key is of an algorithm that was not asked for, or too large")
        _check_common(client, data)
        try:
            key.verify(b"", bytes(64))
        except InvalidSignature:
            pass  # a key that can be used; anything else it raises says that it cannot
    except Exception as error:
        raise PasskeyRefused(f"registration: {_why(error)}", code, 400) from None
    return data


def _authenticated(
    server: Fido2Server,
    challenge: _Challenge,
    content: Mapping[str, Any],
    answer: Any,
) -> AuthenticatorData:
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    try:
        credential = AttestedCredentialData(_octets(content["credential"]))
        given = AuthenticationResponse.from_dict(answer)
        server.authenticate_complete(_state(challenge, challenge.verify), [credential], given)
        handle = given.response.user_handle
        # always there where no credential was named (section 7.2, step 6)
        if handle is None or not hmac.compare_digest(_text(handle), content["handle"]):
            raise ValueError("the passkey says another user than the one it was made for")
        data: AuthenticatorData = given.response.authenticator_data
        _check_common(given.response.client_data, data)
    except Exception as error:
        raise PasskeyRefused(f"authentication: {_why(error)}") from None
    return data


def _check_common(client: Any, data: AuthenticatorData) -> None:
    if client.cross_origin:
        raise ValueError("it was made in a frame of another site")
    if data.is_backed_up() and not data.is_backup_eligible():
        raise ValueError("it is backed up and says that it cannot be")


def _state(challenge: _Challenge, verify: bool) -> dict[str, str]:
    return {
        "challenge": challenge.value,
        "user_verification": "required" if verify else "preferred",
    }


def _challenge_in(answer: Any, code: str) -> str:
    """The challenge that the browser says it answers, as text."""
    try:
        said = json.loads(_octets(answer["response"]["clientDataJSON"]))["challenge"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise PasskeyRefused("no answer of a browser", code, 400) from None
    if not isinstance(said, str) or not said.isascii() or len(said) > 100:
        raise PasskeyRefused("no answer of a browser", code, 400)
    return said


def _credential_id(answer: Any) -> str:
    """The id, spelt as we spell it; "" for what is none."""
    try:
        return _text(_octets(answer["rawId"]))
    except (ValueError, TypeError, LookupError):
        return ""


def _transports(answer: Any) -> list[str]:
    said = answer["response"].get("transports")
    words = said if isinstance(said, list) else []
    return sorted(_TRANSPORTS.intersection(each for each in words if isinstance(each, str)))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:120]}"


def _octets(text: Any) -> bytes:
    """Of base64url; ``ValueError`` or ``TypeError`` for anything else."""
    if not isinstance(text, str):
        raise TypeError("text is expected")
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def _sid(claims: Claims | None) -> str:
    return "" if claims is None else str(claims.get("sid") or claims["sub"])


# --- what is kept of one ------------------------------------------------------------------------


def _content(record: Authenticator) -> dict[str, Any] | None:
    """What was written about a passkey; None for what this release does not know (R105)."""
    try:
        content: dict[str, Any] = json.loads(record.data)
        is_ours = content["v"] == VERSION and all(
            isinstance(content[name], types) for name, types in _TYPES.items()
        )
        return content if is_ours else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


#: Of what every passkey has: what its owner is shown.
_TYPES: Mapping[str, type | tuple[type, ...]] = FrozenDict(
    {"name": str, "created": int, "used": (int, type(None)), "backed_up": bool}
)


def _info(record: Authenticator, content: Mapping[str, Any]) -> PasskeyInfo:
    return PasskeyInfo(
        record.credential_id,
        content["name"],
        content["created"],
        content["used"],
        content["backed_up"],
    )


def _descriptor(record: Authenticator) -> dict[str, Any]:
    transports = (_content(record) or {}).get("transports")
    known = {"transports": transports} if transports else {}
    return {"type": "public-key", "id": record.credential_id, **known}


def _name(text: str) -> str:
    """A name that may be kept and shown: one line, without controls."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME]


def _unique(name: str, taken: set[Any]) -> str:
    """The name, with a number behind it if the user has one of that name."""
    numbers = (f"{name} {number}" for number in range(2, MOST + 2))
    return name if name not in taken else next(each for each in numbers if each not in taken)


#: Makers of passkeys by AAGUID, for a name until the user gives one; no decision rests on it.
_MAKERS: Mapping[str, str] = FrozenDict(
    {
        "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello",
        "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper",
        "50726f74-6f6e-5061-7373-50726f746f6e": "Proton Pass",
        "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
        "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
        "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello",
        "771b48fd-d3d4-4f74-9232-fc157ab0507a": "Edge, macOS",
        "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
        "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome, macOS",
        "b84e4048-15dc-4dd0-8640-f4f60813c8af": "NordPass",
        "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
        "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
        "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "iCloud Keychain",
        "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
        "f3809540-7f14-49c1-a8b3-8f813b225541": "Enpass",
        "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "iCloud Keychain",
        "fdb141b2-5d84-443e-8a35-4698c205a502": "KeePassXC",
    }
)
# each browser says that it is the ones after it, too
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def _known_as(aaguid: str, environ: Environ) -> str:
    agent = str(environ.get("HTTP_USER_AGENT") or "")
    return _MAKERS.get(aaguid) or ", ".join(_said(agent)) or "Passkey"


def _said(agent: str) -> Sequence[str]:
    found = (
        next((name for sign, name in known if sign in agent), "") for known in (_BROWSERS, _SYSTEMS)
    )
    return [each for each in found if each]


def _check_domain(provider: Passkey, url: BaseURL) -> None:
    """A parent domain must be one that can be owned: ``co.uk`` cannot."""
    if provider.rp_id in ("", url.host):
        return
    from fido2.rpid import verify_rp_id

    if not verify_rp_id(provider.rp_id, url.origin):
        raise ConfigError(
            f"providers.{provider.id}.rp_id",
            f"{provider.rp_id!r} must be the host of url ({url.host}) or a parent domain of it "
            "that one can register",
        )
