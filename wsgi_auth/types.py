"""The values that travel: session, reading, route, decision, cookie, contexts.

What lives here: shapes without behaviour beyond guarding their own contents. What must not:
anything that reads a request, a clock or a configuration.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

from wsgi_auth.frozen import Frozen

if TYPE_CHECKING:
    from webob import Request

Environ: TypeAlias = dict[str, Any]
Headers: TypeAlias = list[tuple[str, str]]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
#: A segment of a pattern that is not literal: the expression it must match (None: any that is not
#: empty), and ``?``, ``*``, ``+`` or nothing.
Step: TypeAlias = tuple[str | None, str]


# --- read-only containers -------------------------------------------------------------------


class FrozenDict(dict[str, Any]):
    """A ``dict`` that cannot be changed, so that one object may serve many requests at once.

    It stays a ``dict``: ``json.dumps`` works and it equals a plain ``dict`` of the same content.
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is read-only; to change what a session holds, call "
            f'environ["auth.handle"].update(data)'
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def copy(self) -> dict[str, Any]:  # a copy is for changing
        """A plain ``dict`` of the same items."""
        return dict(self)

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class FrozenList(list[Any]):
    """A ``list`` that cannot be changed; equals a plain ``list`` of the same items."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this list is read-only; list(...) makes a copy that can be changed")

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = pop = remove = clear = sort = reverse = _refuse

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, memo: object) -> FrozenList:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)


#: The types of JSON values that hold no others.
SCALARS = frozenset({str, int, float, bool, type(None)})


def freeze(value: Any) -> Any:
    """The same JSON value, read-only all the way down."""
    kind = type(value)
    if kind is list:
        if SCALARS.issuperset(map(type, value)):
            return FrozenList(value)
        return FrozenList([freeze(item) for item in value])
    if kind in SCALARS or kind is FrozenList or kind is Session:
        return value
    if kind is dict and SCALARS.issuperset(map(type, value.values())):
        return FrozenDict(value)
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return freeze(list(value))
    return value


class Session(FrozenDict):
    """What a handler sees: ``{"user": {"id", "name", "email", "image"}, "expires": ISO 8601 UTC}``
    plus what the session callback added. A read-only ``dict``."""

    __slots__ = ()

    @property
    def user(self) -> Mapping[str, Any]:
        """``session["user"]``: ``id``, ``name``, ``email``, ``image`` (each may be None but id)."""
        user: Mapping[str, Any] = self["user"]
        return user

    @property
    def expires(self) -> str:
        """``session["expires"]``: when it ends if nothing renews it, ISO 8601 in UTC."""
        expires: str = self["expires"]
        return expires


Claims: TypeAlias = FrozenDict

#: No claims at all.
NOTHING: Claims = FrozenDict()


class Then(enum.StrEnum):
    """What should become of the session cookie after it was read."""

    KEEP = "keep"
    RENEW = "renew"
    CLEAR = "clear"


#: Under a name of its own: looking up a member of an enumeration takes longer than one expects.
KEEP = Then.KEEP
#: How often a step that reads and then writes is taken again where another request was faster each
#: time; after that it is StoreUnavailable.
TURNS = 5


class Reading:
    """What a reader made of the cookies: the session (or None), its claims, and what is due then.

    ``names`` are the cookies that hold it, or what is left of it: all that a renewal has to
    replace and a clearing has to delete. ``kept`` is what the strategy needs to write it anew.
    """

    __slots__ = ("claims", "kept", "names", "session", "then")

    #: What an access token was issued for; None where none proved who it is.
    scopes: frozenset[str] | None = None

    def __init__(
        self,
        session: Session | None,
        claims: Claims | None,
        then: Then = KEEP,
        names: tuple[str, ...] = (),
        kept: Any = None,
    ) -> None:
        self.session = session
        self.claims = claims
        self.then = then
        self.names = names
        self.kept = kept

    @property
    def subject(self) -> str | None:
        """The id of the user; None for nobody."""
        return None if self.claims is None else self.claims.get("sub")

    @property
    def held(self) -> Reading:
        """What the cookie holds by itself: what a sign-out ends, and a form's token is bound to."""
        return self

    def __repr__(self) -> str:  # claims stay out: a log is no place for an e-mail address
        who = "nobody" if self.session is None else "a session"
        return f"<Reading {who}, then {self.then}>"


class Stored(Reading):
    """What a strategy found: claims, with the times (seconds since the epoch) after which they are
    due for renewal, or have ended. The session is the default one; the reader may remember the
    whole, with the ``value`` of the cookie."""

    __slots__ = ("ends_at", "raw", "renew_at", "value")

    __init__ = object.__init__

    session: Session
    #: What the claims are made of, for us alone: a ``dict`` that might be changed, with values that
    #: cannot, or what else a kind of its own knows to read.
    raw: Any
    renew_at: float
    ends_at: float
    value: str

    @property
    def claims(self) -> Claims:  # type: ignore[override]
        """The claims. Read-only from when somebody asks: few requests do."""
        claims = self.raw
        if type(claims) is not FrozenDict:
            claims = self.raw = FrozenDict(claims)
        return claims


class Written:
    """A session as a strategy wrote it: the value of its cookie, its claims, and what the strategy
    needs to write it again."""

    __slots__ = ("claims", "kept", "value")

    def __init__(self, value: str, claims: Claims, kept: Any = None) -> None:
        self.value = value
        self.claims = claims
        self.kept = kept


#: Nobody, nothing to do. Shared: a Reading is never changed.
ANONYMOUS = Reading(None, None)


class Unreadable(Reading):
    """Nobody, for a callback failed at what the cookie ``held``: that can still be ended."""

    __slots__ = ("_held",)

    def __init__(self, held: Reading) -> None:
        super().__init__(None, None)
        self._held = held

    @property
    def held(self) -> Reading:
        """What the cookie holds by itself."""
        return self._held


class HeaderReading(Reading):
    """What ``Authorization`` proves of this one request: a password does, or an access token with
    its ``scopes``. Nothing is ever written to a cookie because of it."""

    __slots__ = ("scopes",)

    def __init__(
        self, session: Session, claims: Claims, scopes: frozenset[str] | None = None
    ) -> None:
        super().__init__(session, claims)
        self.scopes = scopes


# --- routes ---------------------------------------------------------------------------------

Answer: TypeAlias = Literal["redirect", "401"]


class Condition(Frozen):
    """One ``has`` or ``missing`` entry: a header, cookie, query key or the host, with an optional
    pattern that its whole value must match."""

    type: Literal["header", "cookie", "query", "host"]
    key: str | None = None
    value: str | None = None


class Route(Frozen):
    """One protected pattern with its conditions.

    ``source`` is a path-to-regexp 6 string or a compiled pattern (full match). ``methods``: only
    these (None: all). ``has`` / ``missing``: conditions on headers, cookies, query, host.
    ``authorized`` replaces the general callback. ``allow_groups``: one of these is needed.
    ``fresh``: seconds since the last sign-in at most. ``acr``: how strong that was, one of these in
    the provider's own words, the first liked best. ``answer``: ``"redirect"`` or ``"401"``
    overrules the negotiation. ``basic``: programs may send Basic. ``bearer``: programs may send an
    access token, which needs all of ``scopes``. ``user_verified``: only sessions begun by a passkey
    that saw a PIN, a face or a fingerprint.
    """

    source: str | re.Pattern[str]
    methods: frozenset[str] | None = None
    has: tuple[Condition, ...] = ()
    missing: tuple[Condition, ...] = ()
    authorized: Callable[..., Any] | None = None
    allow_groups: frozenset[str] | None = None
    fresh: int | None = None
    acr: tuple[str, ...] | None = None
    answer: Answer | None = None
    basic: bool = False
    bearer: bool = False
    scopes: frozenset[str] | None = None
    user_verified: bool = False
    case_sensitive: bool = True
    name: str = ""

    @cached_property
    def asks_for_more(self) -> bool:
        """Whether it asks for more than a session."""
        more = (self.authorized, self.allow_groups, self.fresh, self.acr)
        return self.user_verified or more != (None, None, None, None)

    @cached_property
    def schemes(self) -> frozenset[str]:
        """By what a program may prove who it is, beside a session: ``basic``, ``bearer``."""
        accepted = {"basic": self.basic, "bearer": self.bearer}
        return frozenset(scheme for scheme, is_accepted in accepted.items() if is_accepted)


# --- decisions ------------------------------------------------------------------------------


# Plain classes: a frozen dataclass takes four times as long to make, and one is made at every
# refusal. Nobody changes them all the same.


class _Decision:
    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({said})"

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)


class Pass(_Decision):
    """The request goes to the application."""

    __slots__ = ()


class Redirect(_Decision):
    """The visitor goes to ``location`` instead (a path, or an absolute URL of a listed origin)."""

    __slots__ = ("location",)

    def __init__(self, location: str) -> None:
        self.location = location


class Unauthorized(_Decision):
    """401: nobody is signed in, and the client is a program. ``sign_in_url`` says where to go;
    ``basic``, that Basic would do; ``bearer``, that an access token would: the parameters of that
    challenge beside the realm (RFC 6750 section 3), "" for none."""

    __slots__ = ("basic", "bearer", "code", "sign_in_url")

    def __init__(
        self,
        sign_in_url: str | None = None,
        code: str = "SessionRequired",
        basic: bool = False,
        bearer: str | None = None,
    ) -> None:
        self.sign_in_url = sign_in_url
        self.code = code
        self.basic = basic
        self.bearer = bearer


class Forbidden(_Decision):
    """403: somebody is signed in, but may not. Never a redirect (it would loop). ``bearer``: what a
    challenge says of the access token that was not enough (RFC 6750 section 3.1)."""

    __slots__ = ("bearer", "code")

    def __init__(self, code: str = "AccessDenied", bearer: str | None = None) -> None:
        self.code = code
        self.bearer = bearer


class Failed(_Decision):
    """The question could not be decided (a callback raised, a store is down, too many attempts, a
    path that is no text): 500, 503, 429 or 400, with the seconds after which to try again."""

    __slots__ = ("code", "retry_after", "status")

    def __init__(
        self, status: int = 500, code: str = "Configuration", retry_after: int | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after


Decision: TypeAlias = Pass | Redirect | Unauthorized | Forbidden | Failed

PASS = Pass()


# --- people ---------------------------------------------------------------------------------


class Device(Frozen):
    """From where somebody signed in, as a list of sessions shows it: the browser's name for itself
    and the client's address. Both are what was sent, and prove nothing."""

    agent: str
    address: str


class Account(Frozen, hidden=("tokens",)):
    """How somebody proved who they are: at which provider, by which id there."""

    provider: str
    type: str
    provider_account_id: str
    #: What an OAuth provider issued (``access_token``, ``refresh_token``, ``expires_at``, ...), for
    #: the callbacks alone: never logged, never part of a session.
    tokens: Mapping[str, Any] | None = None


class Proof(Frozen):
    """What proved a user, beside the user: the ``account`` at a provider and what it said there
    (``profile``), or what was typed (``credentials``)."""

    account: Account | None = None
    profile: Mapping[str, Any] | None = None
    credentials: Mapping[str, str] | None = None
    #: The provider's own name for its session (``sid``), by which it may end ours.
    provider_sid: str = ""
    #: Whether the session is to outlive the browser's.
    remember: bool = True
    #: When the provider saw them prove it (its ``auth_time``, in seconds); None: just now, for all
    #: that is known, and 0: not at this time, for all that is known.
    proved_at: int | None = None
    #: When we began to look at the proof, by our clock; 0: just now.
    since: float = 0
    #: How strong the proof was, in the provider's own words (its ``acr``); "": it does not say.
    acr: str = ""
    #: How it was proved (RFC 8176): the claim of that name. Empty: nothing is said.
    amr: tuple[str, ...] = ()
    #: Whether the user's id is one of the store: nobody new can have signed in.
    is_known: bool = False


NO_PROOF = Proof()


class _Context(Frozen):
    """What a callback is told beside its subject; ``environ`` gives the lazily built request."""

    environ: Environ

    @property
    def request(self) -> Request:
        """The request as a ``webob.Request``, built on first use."""
        return webob_request(self.environ)

    def __repr__(self) -> str:  # the environ holds cookies, the profile tokens
        return f"<{type(self).__name__}>"


class SignInContext(_Context):
    """For ``sign_in``: ``profile`` (what the provider said), ``credentials`` (the form)."""

    profile: Mapping[str, Any] | None = None
    credentials: Mapping[str, str] | None = None
    #: Nobody has proven anything yet: may a sign-in link be mailed to the user's address?
    verification_request: bool = False


class JWTContext(_Context):
    """For ``jwt``: ``trigger`` is ``"sign_in"``, ``"sign_up"``, ``"update"`` or None (a read)."""

    trigger: Literal["sign_in", "sign_up", "update"] | None = None
    user: Mapping[str, Any] | None = None
    account: Account | None = None
    profile: Mapping[str, Any] | None = None
    data: Any = None


class SessionContext(_Context):
    """For ``session``: the ``claims`` of the cookie, and ``user`` (strategy ``database``)."""

    claims: Claims = NOTHING
    user: Mapping[str, Any] | None = None


class Event(_Context):
    """What an event handler is told; what does not apply is None."""

    name: str = ""
    user: Mapping[str, Any] | None = None
    account: Account | None = None
    profile: Mapping[str, Any] | None = None
    is_new_user: bool | None = None
    claims: Claims | None = None
    session: Session | None = None
    reason: str | None = None


def webob_request(environ: Environ) -> Request:
    """The request for a callable of the application: the one place where one is built."""
    from wsgi_auth.callback_request import CallbackRequest  # webob is loaded when needed

    return CallbackRequest(environ)


# --- requests to other parties ----------------------------------------------------------------


class Outgoing(Frozen):
    """A request to another party: ``url`` is absolute, ``body`` None for a GET."""

    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = NOTHING
    body: bytes | None = None

    def __repr__(self) -> str:  # headers and body hold secrets
        return f"<Outgoing {self.method} {self.url.partition('?')[0]}>"


class Incoming(Frozen):
    """What came back: ``headers`` by lower-case name, the whole ``body``."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:  # the body holds tokens
        return f"<Incoming {self.status}, {len(self.body)} bytes>"
