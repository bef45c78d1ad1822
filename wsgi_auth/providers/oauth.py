"""Providers that are another party: OAuth 2.0 (RFC 6749) and OpenID Connect.

What lives here: what a configuration says of one, checked once and frozen. What must not: requests,
responses, keys (``oauth``), and which providers there are (``catalogue``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, get_args
from urllib.parse import parse_qsl, urlsplit

from wsgi_auth.errors import ConfigError
from wsgi_auth.mailing import allowed_addresses, allowed_domains
from wsgi_auth.providers.mapping import Mapper
from wsgi_auth.routes import hint
from wsgi_auth.theme import is_color
from wsgi_auth.types import FrozenDict
from wsgi_auth.urls import is_loopback_host

ClientAuth: TypeAlias = Literal[
    "client_secret_basic", "client_secret_post", "private_key_jwt", "none", "apple"
]
#: What the user of a profile function may return, and a profile mapping may name.
USER_FIELDS = ("id", "name", "email", "email_verified", "image", "login", "groups")
#: What an environment alone may say of a provider, beside who we are there (``client_id``): words,
#: switches, lists. No endpoint: ``AUTH_GITHUB_TOKEN`` is another program's.
PLAIN = (
    "type", "name", "scope", "client_auth", "private_key_id", "assertion_audience", "response_mode",
    "vouches", "link_by_email", "open_to_world", "allow_emails", "allow_domains", "allow_groups",
    "tokens", "dpop", "icon", "audience", "max_age",
    "id_token_signed_response_alg", "logout", "backchannel_logout", "frontchannel_logout",
    "frontchannel_logout_session_required", "issuer_pattern", "trusted_audiences", "introspection",
    "sign_in",
)  # fmt: skip
#: What a single sign-in may ask for beside what the configuration says (OpenID Connect Core
#: 3.1.2.1). What the configuration says wins.
REQUEST_PARAMS = (
    "prompt", "login_hint", "acr_values", "max_age", "ui_locales", "claims_locales", "display",
)  # fmt: skip
#: What belongs to the protocol: no option and no request sets it (RFC 6749 4.1, RFC 7636, ...).
PROTOCOL_PARAMS = frozenset(
    ("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
     "code", "code_challenge", "code_challenge_method", "code_verifier", "grant_type", "request",
     "request_uri", "dpop_jkt", "client_secret", "client_assertion", "client_assertion_type",
     "refresh_token", "registration", "id_token_hint")
)  # fmt: skip
#: OpenID Connect Core 5.1.
STANDARD_PROFILE: Mapping[str, str] = MappingProxyType(
    {
        "id": "sub",
        "name": "name|nickname|preferred_username",
        "email": "email",
        "email_verified": "email_verified",
        "image": "picture",
        "login": "preferred_username",
        "groups": "groups",
    }
)
_ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
     "EdDSA", "Ed25519", "HS256", "HS384", "HS512")
)  # fmt: skip
#: Who may sign in, with what reads each entry of the list.
_LISTS: Mapping[str, Callable[[str, tuple[str, ...]], frozenset[str]] | None] = MappingProxyType(
    {"allow_emails": allowed_addresses, "allow_domains": allowed_domains, "allow_groups": None}
)
#: What ``style`` may say: of the button's initials, the ground and the letters.
_COLORS = ("bg", "text")
#: What says nothing where nobody signs in.
_OF_SIGN_IN = ("tokens", "link_by_email", "logout", "backchannel_logout", "frontchannel_logout")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_TOKEN_FIELD = re.compile(r"\{tokens\.[A-Za-z0-9_]+\}")
_PATTERN = re.compile(r"https://[^{}?#]+\{[a-z_]+\}[^{}?#]*")
_CLAIM = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")

Profile: TypeAlias = Mapping[str, str] | Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Quirk(Protocol):
    """What a provider does so differently that no option can say it: one module each.

    Each takes all the parameters that would be sent, and returns what is sent in their place.
    """

    def authorization(self, params: dict[str, str]) -> dict[str, str]: ...
    def token(self, params: dict[str, str]) -> dict[str, str]: ...


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class _Client:
    """What :class:`OAuth` and :class:`OIDC` share: us, as a client of one provider.

    ``id`` is in our URLs, ``name`` on the button. ``client_auth`` is how we prove to the token
    endpoint who we are: left out, by the ``private_key`` (PEM or JWK) if there is one, else by
    ``client_secret`` in ``Authorization: Basic``; ``none`` is a public client, and has to be said.
    ``authorization_params`` and ``token_params`` are sent in addition; ``request_params`` names
    what a single sign-in may ask for.

    ``profile`` maps what the provider says of somebody to a user: a mapping in the language of
    :mod:`wsgi_auth.providers.mapping`, or a function of one mapping that returns another.
    ``vouches``: its e-mail addresses count as verified whatever it says of them.
    ``link_by_email``: whoever signs in here for the first time with an address that is proven on
    both sides is the user who has it (needs an adapter).
    ``allow_claims``: of these claims each must have one of the values (words of one string), or
    nobody signs in; ``realm_access.roles`` is a claim inside another. ``allow_emails``,
    ``allow_domains``, ``allow_groups``: as the options of these names, for who comes by this
    provider.
    ``open_to_world``: anybody has an account there. ``tokens``: keep its tokens.
    ``icon``: the image on its button, a path of this site or a ``data:image/`` URI; left out, its
    initials in the colours of ``style``: ``text`` on ``bg``.

    ``dpop``: tokens are bound to a key of ours (RFC 9449). ``assertion_audience``: the ``aud`` of a
    ``private_key_jwt``; left out, the issuer if it is known, else the token endpoint, which is what
    the word ``token_endpoint`` always means.
    """

    id: str
    client_id: str = ""
    client_secret: str = ""
    name: str = ""
    issuer: str = ""
    scope: str = ""
    client_auth: ClientAuth | Literal[""] = ""
    private_key: str | Mapping[str, Any] = ""
    private_key_id: str = ""
    assertion_audience: str = ""
    team_id: str = ""
    authorization: str = ""
    token: str = ""
    userinfo: str | bool = ""
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    token_params: Mapping[str, str] = field(default_factory=dict)
    request_params: tuple[str, ...] = REQUEST_PARAMS
    response_mode: Literal["", "query", "form_post"] = ""
    profile: Profile = field(default_factory=dict)
    vouches: bool = False
    link_by_email: bool = False
    allow_claims: Mapping[str, str] = field(default_factory=dict)
    allow_emails: tuple[str, ...] | None = None
    allow_domains: tuple[str, ...] | None = None
    allow_groups: tuple[str, ...] | None = None
    open_to_world: bool = False
    tokens: bool = False
    dpop: bool = False
    style: Mapping[str, str] = field(default_factory=dict)
    icon: str = ""

    # What only the odd ones need. In the URL, the headers and the body of userinfo, and in ``more``
    # (name in the profile to URL: a request each), ``{tokens.x}`` is the field x of the token
    # response; where it names the access token, no Authorization is sent.
    userinfo_method: Literal["GET", "POST"] = "GET"
    userinfo_headers: Mapping[str, str] = field(default_factory=dict)
    userinfo_body: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    token_method: Literal["GET", "POST"] = "POST"
    token_headers: Mapping[str, str] = field(default_factory=dict)
    #: A token response without ``token_type`` (which RFC 6749 5.1 demands) is of type Bearer; so
    #: is the ``jwt-bearer`` of Azure DevOps.
    token_type_optional: bool = False
    client_id_name: str = "client_id"
    client_secret_name: str = "client_secret"
    #: Of ``pkce`` and ``nonce``, what it cannot do: LinkedIn refuses a code that comes with a
    #: verifier, and forgets a nonce. ``state`` has to carry more then: no default, one row only.
    unsupported: tuple[str, ...] = ()
    #: The callback brings a form field ``user`` with JSON (Apple). Anybody can have written it.
    callback_user: bool = False
    quirk: Quirk | None = None

    #: ``profile``, ready to use.
    mapper: Mapper = field(init=False, compare=False)
    #: Tells this one from others of its id, where it was made for a request (``per_request``).
    tenant: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise ConfigError(
                "providers", f"the id {self.id!r} must be letters, digits, '-' and '_' only"
            )
        for option in fields(self):
            if option.init:
                value = getattr(self, option.name)
                _check_kind(self._key(option.name), str(option.type), value)
                if isinstance(value, Mapping):
                    self._set(option.name, FrozenDict(value))
        self._set("name", self.name or self.id.replace("-", " ").replace("_", " ").title())
        self._check_client()
        self._check_allowed()
        self._check_urls()
        self._check_params()
        self._check_style()
        self._set("mapper", self._mapper())

    def __repr__(self) -> str:  # everything else may be a secret or hold one
        return f"<{type(self).__name__} {self.id!r}>"

    def _key(self, option: str) -> str:
        return f"providers.{self.id}.{option}"

    def _set(self, option: str, value: object) -> None:
        object.__setattr__(self, option, value)

    @property
    def _is_client(self) -> bool:
        """Whether we ever prove to the provider who we are."""
        return True

    def _check_client(self) -> None:
        if not self._is_client:
            self._set("client_auth", self.client_auth or "none")
            return
        if not _is_clean(self.client_id):
            raise ConfigError(
                self._key("client_id"), "is missing: what the provider calls this application"
            )
        if not self.client_auth:
            default = "private_key_jwt" if self.private_key else "client_secret_basic"
            self._set("client_auth", default)
        how = self.client_auth
        if how in ("client_secret_basic", "client_secret_post") and not _is_clean(
            self.client_secret
        ):
            raise ConfigError(
                self._key("client_secret"),
                "is missing; it came with the client_id. A public client, which has none, says "
                "client_auth = none",
            )
        if how in ("private_key_jwt", "apple"):
            self._check_private_key()
        if how == "apple" and not (self.team_id and self.private_key_id):
            raise ConfigError(
                self._key("team_id"),
                "and private_key_id are needed with a private_key: both stand beside the key in "
                "Apple's developer account",
            )
        if how == "none" and self.client_secret:
            raise ConfigError(
                self._key("client_auth"), "is none, so the client_secret would never be used"
            )

    def _check_allowed(self) -> None:
        for option, read in _LISTS.items():
            given = getattr(self, option)
            if given is None:
                continue
            if read is not None:
                given = tuple(sorted(read(self._key(option), given)))
                self._set(option, given)
            if not given:
                raise ConfigError(
                    self._key(option),
                    "is empty, so that nobody could sign in; leave it out to let in anybody",
                )

    def _check_private_key(self) -> None:
        key = self.private_key
        problem = ""
        if isinstance(key, str) and key.lstrip().startswith("{"):
            try:
                key = json.loads(key)
            except (ValueError, RecursionError):
                problem = "is no JSON"
        if isinstance(key, Mapping):
            if "d" not in key or key.get("kty") not in ("RSA", "EC", "OKP"):
                problem = "is a JWK without the private part of an RSA, EC or OKP key"
        elif not problem and not (isinstance(key, str) and "PRIVATE KEY-----" in key):
            problem = "is missing" if not key else "is no private key"
        elif not problem and "ENCRYPTED" in key:
            problem = "is encrypted; write it out with: openssl pkey -in KEY -out PLAIN"
        if problem:
            raise ConfigError(
                self._key("private_key"),
                f"{problem}; expected a JWK or PEM ('-----BEGIN PRIVATE KEY-----')",
            )

    def _check_urls(self) -> None:
        for option in ("authorization", "token", "issuer", "userinfo", "introspection"):
            url = getattr(self, option, "")
            if url and isinstance(url, str):
                _check_url(self._key(option), url)
        for name, url in self.more.items():
            _check_url(f"{self._key('more')}.{name}", url)
        if self.issuer and ("?" in self.issuer or "#" in self.issuer):
            raise ConfigError(self._key("issuer"), "has a query or a fragment")
        own = {name for name, _ in parse_qsl(urlsplit(self.authorization).query)}
        if own & PROTOCOL_PARAMS:
            raise ConfigError(
                self._key("authorization"), f"has {min(own & PROTOCOL_PARAMS)} in its query, which "
                "is set anew at every sign-in"
            )  # fmt: skip

    def _check_params(self) -> None:
        for option in ("authorization_params", "token_params", "request_params"):
            for name in getattr(self, option):
                if name in PROTOCOL_PARAMS:
                    raise ConfigError(
                        f"{self._key(option)}.{name}",
                        "belongs to the protocol and is set by us"
                        + (f"; there is an option {name}" if hasattr(self, name) else ""),
                    )
                if not _NAME.fullmatch(name):
                    raise ConfigError(f"{self._key(option)}.{name}", "is no name of a parameter")
        if "max_age" in self.authorization_params:
            raise ConfigError(
                f"{self._key('authorization_params')}.max_age",
                "has an option of its own, max_age, so that the answer is checked",
            )
        for option in ("userinfo_headers", "token_headers"):
            for name, value in getattr(self, option).items():
                if not _HEADER.fullmatch(name) or not _is_clean(value):
                    raise ConfigError(f"{self._key(option)}.{name}", "cannot be a header")

        for word in self.unsupported:
            if word not in ("pkce", "nonce"):
                raise ConfigError(self._key("unsupported"), f"{word!r} is neither pkce nor nonce")

    def _check_style(self) -> None:
        for name, color in self.style.items():
            key = f"{self._key('style')}.{name}"
            if name not in _COLORS:
                raise ConfigError(key, f"there is no such colour{hint(name, _COLORS)}")
            if not is_color(color):
                raise ConfigError(
                    key, f"must be #rgb, #rrggbb or the name of a CSS colour, not {color!r}"
                )

    def _mapper(self) -> Mapper:
        if callable(self.profile):
            return Mapper({})
        unknown = set(self.profile) - set(USER_FIELDS)
        if unknown:
            raise ConfigError(
                f"{self._key('profile')}.{min(unknown)}",
                f"there is no such field; a user has {', '.join(USER_FIELDS)}",
            )
        try:
            return Mapper({**self._standard_profile(), **self.profile})
        except ValueError as error:
            raise ConfigError(self._key("profile"), str(error)) from None

    def _standard_profile(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OAuth(_Client):
    """A provider of OAuth 2.0 alone: who somebody is, its ``userinfo`` URL says.

    ``authorization``, ``token`` and ``profile`` (its ``id`` at least) are needed. ``userinfo`` is
    left out only where the token response itself says who it is (the profile then reads
    ``tokens.``). ``issuer`` is what the provider puts into ``iss`` (RFC 9207), if it does.
    """

    type: str = field(default="oauth", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for option in ("authorization", "token"):
            if not getattr(self, option):
                raise ConfigError(
                    self._key(option), "is missing: the URL of the provider's endpoint"
                )
        if self.userinfo in (True, False):
            raise ConfigError(self._key("userinfo"), "must be the URL that says who somebody is")
        if not callable(self.profile) and "id" not in self.profile:
            raise ConfigError(
                self._key("profile"),
                "needs to say where the id is, e.g. {'id': 'str(id)', 'name': 'name|login'}",
            )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OIDC(_Client):
    """An OpenID Provider: endpoints and keys come from its ``issuer`` (OpenID Connect Discovery),
    and who somebody is from its signed ID token.

    ``authorization`` and ``token`` overrule what discovery found. ``userinfo``: True also asks the
    userinfo endpoint (for what the ID token leaves out); a URL asks that one.
    ``id_token_signed_response_alg``: the algorithms accepted (one, or several); none given, what
    the provider announces, without the symmetric ones. ``max_age``: seconds since somebody proved
    at the provider who they are, at most; checked against ``auth_time``. ``logout``: sign-out ends
    the session at the provider too. ``issuer_pattern``: for a provider of many tenants, the ``iss``
    of an ID token with the claim that its tenant is in, ``https://login.example/{tid}/v2.0``.
    ``trusted_audiences``: who may stand beside us in ``aud``; nobody, unless named here (OpenID
    Connect Core 3.1.3.7). ``backchannel_logout``, ``frontchannel_logout``: who leaves the provider
    leaves here too, as it tells us by itself or by the browser (both need an ``adapter``);
    ``frontchannel_logout_session_required``: the browser has to say which session (``iss`` and
    ``sid``), as the provider was told at registration. ``audience``: what the ``aud`` of an access
    token has to be for a route with ``bearer`` (RFC 9068); never the ``client_id``, which is what
    the ``aud`` of an ID token is. ``introspection``: such tokens are no JWTs, or may be withdrawn,
    so the provider is asked about each (RFC 7662), at the endpoint that it announces or at a URL.
    ``sign_in``: False for one that nobody signs in by, whose access tokens are taken and no more;
    it needs no ``client_id`` then, but for ``introspection``.
    """

    id_token_signed_response_alg: tuple[str, ...] | str = ()
    max_age: int | None = None
    logout: bool = False
    backchannel_logout: bool = False
    frontchannel_logout: bool = False
    frontchannel_logout_session_required: bool = False
    issuer_pattern: str = ""
    trusted_audiences: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    introspection: str | bool = False
    sign_in: bool = True
    scope: str = "openid profile email"
    userinfo: str | bool = False
    type: str = field(default="oidc", init=False)

    def __post_init__(self) -> None:
        given = self.id_token_signed_response_alg
        algorithms = (given,) if isinstance(given, str) else given
        self._set("id_token_signed_response_alg", algorithms)
        super().__post_init__()
        if not self.issuer:
            raise ConfigError(
                self._key("issuer"),
                "is missing: the URL before /.well-known/openid-configuration, letter by letter",
            )
        if "openid" not in self.scope.split():
            raise ConfigError(self._key("scope"), "must have 'openid' in it (OpenID Connect)")
        for algorithm in algorithms:
            if algorithm not in _ALGORITHMS:
                raise ConfigError(
                    self._key("id_token_signed_response_alg"),
                    f"{algorithm!r} is none of {', '.join(sorted(_ALGORITHMS))}",
                )
            if algorithm.startswith("HS") and not self.client_secret:
                raise ConfigError(
                    self._key("id_token_signed_response_alg"),
                    f"{algorithm} signs with the client_secret, and there is none",
                )
        self._check_audience(algorithms)
        if self.issuer_pattern and not _PATTERN.fullmatch(self.issuer_pattern):
            raise ConfigError(
                self._key("issuer_pattern"),
                "must be an https URL with one claim in it, https://login.example/{tid}/v2.0",
            )

    @property
    def _is_client(self) -> bool:
        return self.sign_in or bool(self.introspection)

    def _check_audience(self, algorithms: tuple[str, ...]) -> None:
        if not self.sign_in:
            self._check_issuer_alone()
        if self.client_id in self.audience:
            raise ConfigError(
                self._key("audience"),
                "is the client_id, so that every ID token would be an access token too; give the "
                "API a name of its own at the provider (https://api.example.com)",
            )
        if not all(_is_clean(each) for each in self.audience):
            raise ConfigError(self._key("audience"), "has a blank value in it")
        if self.introspection:
            self._check_introspection()
        elif self.audience and algorithms and all(name.startswith("HS") for name in algorithms):
            raise ConfigError(
                self._key("audience"),
                "needs a provider that signs with a private key, and id_token_signed_response_alg "
                f"is {', '.join(algorithms)}",
            )

    def _check_issuer_alone(self) -> None:
        if not self.audience:
            raise ConfigError(
                self._key("audience"),
                "is missing: nobody signs in by this provider (sign_in), so it is there for its "
                "access tokens, and this is what it calls the API that they are for",
            )
        for option in _OF_SIGN_IN:
            if getattr(self, option):
                raise ConfigError(
                    self._key(option), "is about those who sign in by it, and sign_in is false"
                )

    def _check_introspection(self) -> None:
        if not self.audience:
            raise ConfigError(
                self._key("audience"),
                "is missing: what the provider calls this API; it says of a token whether it is "
                "good, and not whether it was meant for this application",
            )
        if self.client_auth == "none":
            raise ConfigError(
                self._key("introspection"),
                "is for a client that can prove who it is (RFC 7662 section 2.1); client_auth is "
                "none",
            )

    @property
    def hears_logout(self) -> bool:
        """Whether the provider's word that somebody has left ends their session here."""
        return self.backchannel_logout or self.frontchannel_logout

    @property
    def knows_by_sub(self) -> bool:
        """Whether the ids of its users are the ``sub`` of its tokens."""
        return not callable(self.profile) and self.profile.get("id", "sub") == "sub"

    def may_be_issuer(self, issuer: str) -> bool:
        """Whether ``issuer`` is this provider's, of any of the tenants of an
        ``issuer_pattern``."""
        if not self.issuer_pattern:
            return issuer == self.issuer
        pattern = _CLAIM.sub("\0", self.issuer_pattern)
        expected = re.escape(pattern).replace(re.escape("\0"), "[A-Za-z0-9-]{1,64}")
        return re.fullmatch(expected, issuer) is not None

    def issuer_of(self, claims: Mapping[str, Any]) -> str:
        """The ``iss`` that an ID token with these claims has to have: the issuer, or with an
        ``issuer_pattern`` the one of the tenant that it names. "" where it names none."""
        if not self.issuer_pattern:
            return self.issuer
        claim = _CLAIM.search(self.issuer_pattern)
        tenant = claims.get(claim[1]) if claim else None
        if not isinstance(tenant, str) or not re.fullmatch("[A-Za-z0-9-]{1,64}", tenant):
            return ""
        return _CLAIM.sub(tenant, self.issuer_pattern)

    def _standard_profile(self) -> Mapping[str, str]:
        return STANDARD_PROFILE


def _check_kind(key: str, kind: str, value: object) -> None:
    """Raise :class:`ConfigError` for a value of another type than its annotation says."""
    if kind.startswith("Mapping"):
        ok = isinstance(value, Mapping) and all(
            isinstance(each, str) for item in value.items() for each in item
        )
        expected = "a mapping of strings"
    elif kind == "bool":
        ok, expected = isinstance(value, bool), "True or False"
    elif kind == "str | bool":
        ok = isinstance(value, bool) or (isinstance(value, str) and _is_line(value))
        expected = "a URL, True or False"
    elif kind == "int | None":
        ok = value is None or (type(value) is int and value >= 0)
        expected = "seconds, 0 or more"
    elif kind.startswith("tuple"):
        ok = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        ok = ok or (value is None and kind.endswith("None"))
        expected = "a tuple of strings"
    elif kind.startswith(("Literal", "ClientAuth")):
        words = _WORDS[key.rpartition(".")[2]]
        ok, expected = value in words, "one of " + ", ".join(word for word in words if word)
    elif kind == "str":
        ok = isinstance(value, str) and _is_line(value)
        expected = "a string without control characters"
        if key.endswith(".scope"):
            expected = "a string with a blank between two scopes, such as 'openid email'"
    elif kind == "Profile":
        ok = callable(value) or (
            isinstance(value, Mapping)
            and all(isinstance(each, str) for item in value.items() for each in item)
        )
        expected = "a mapping of strings, or a callable that takes and returns one"
    else:
        ok, expected = True, ""
    if not ok:
        raise ConfigError(key, f"must be {expected}")  # without the value: it may be a secret


_WORDS: Mapping[str, tuple[str, ...]] = {
    "client_auth": ("", *get_args(ClientAuth)),
    "response_mode": ("", "query", "form_post"),
    "userinfo_method": ("GET", "POST"),
    "token_method": ("GET", "POST"),
}


def _is_line(text: str) -> bool:
    return not any(ord(character) < 32 or ord(character) == 127 for character in text)


def _is_clean(text: str) -> bool:
    return bool(text) and text == text.strip() and _is_line(text)


def _check_url(key: str, url: str) -> None:
    """Raise :class:`ConfigError` for what is no absolute https URL (RFC 9700 4.12); http is for a
    provider on this machine, and the transport decides whether even that may be."""
    text = _TOKEN_FIELD.sub("x", url)
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is no number
    except ValueError:
        raise ConfigError(key, "is no URL") from None
    if re.search(r"[^!-~]|[\\{}\"<>^`]", text):
        raise ConfigError(
            key, f"has a character in it that no URL has: {url!r}; a {{...}} wants to be filled in"
        )
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ConfigError(key, f"must be an absolute https URL, not {url!r}")
    if "@" in parts.netloc:
        raise ConfigError(key, "has a user name in it")
    if key.endswith(".issuer") and "/.well-known/" in parts.path:
        raise ConfigError(
            key, f"is what stands before /.well-known/: {url.partition('/.well-k')[0]}"
        )
    if "{tokens." in url.partition("?")[0].split("/", 3)[2]:
        raise ConfigError(key, "lets a token response choose the host")
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        raise ConfigError(key, f"must be https; http is for a provider on this machine only: {url}")
