"""Every extension point on one page: Protocols of one to three methods, edge cases ruled here.

Nothing to inherit from and nothing to register: an object of the right shape is put into the
configuration. What must not live here: an implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from wsgi_auth.types import (
    Claims,
    Device,
    Environ,
    Incoming,
    Outgoing,
    Proof,
    Reading,
    Session,
    Stored,
    Written,
    WSGIApp,
)

if TYPE_CHECKING:  # needed by few configurations
    from wsgi_auth.mailing import Mail, MailServer
    from wsgi_auth.records import (
        AccountRecord,
        Authenticator,
        Revocation,
        SessionRecord,
        UserRecord,
        VerificationToken,
    )


class Reader(Protocol):
    """Cookies to :class:`~wsgi_auth.types.Reading`: the option ``reader``.

    Nobody is signed in: a reading without a session, never an exception. An exception, or an answer
    that is no reading, means that the question could not be answered: protected pages answer 500
    (503 for :class:`~wsgi_auth.errors.StoreUnavailable`), public ones go on without a session.
    """

    def read(self, environ: Environ, now: float) -> Reading: ...


class Codec(Protocol):
    """Claims to an opaque string and back.

    ``verify`` never raises; its claims are new, their values read-only; its number is the index of
    the secret that signed: above 0, the string is due to be written anew.
    """

    def encode(self, claims: Mapping[str, Any]) -> str: ...
    def verify(self, token: str) -> tuple[dict[str, Any], int] | None: ...


class SessionStrategy(Protocol):
    """Where a session lives, between the value of a cookie and its claims.

    ``load``: None for a value that is not ours (left alone); one that was ours and has ended is
    returned with its ``ends_at`` in the past (and deleted). Raises
    :class:`~wsgi_auth.errors.StoreUnavailable` when the store cannot be asked, never anything
    else. ``cacheable``: whether the same value always means the same claims.
    ``save``: stamps ``iat`` and ``exp`` and returns the cookie's value with the claims as saved.
    ``kept`` is that of the reading that is prolonged or changed; without it the session is a new
    one. None: the session was changed or has ended meanwhile, and nothing was written.
    ``delete``: the session is over; an unknown one is no error.
    ``has_ended``: whether a session that ``load`` would still return was ended all the same; None
    where ``load`` knows. Called at every request, also for what the reader remembers.
    """

    cacheable: bool
    has_ended: Callable[[Mapping[str, Any], float], bool] | None

    def load(self, value: str, now: float) -> Stored | None: ...
    def save(
        self, claims: Mapping[str, Any], now: float, kept: Any = None, device: Device | None = None
    ) -> Written | None: ...
    def delete(self, claims: Claims, now: float) -> None: ...


class Responder(Protocol):
    """A decision to the WSGI application that answers it: the options below ``responders``.

    Called once a refusal, before anything was sent. The middleware adds cookies and cache headers.
    """

    def __call__(self, environ: Environ, decision: Any) -> WSGIApp: ...


class Attempt(Protocol):
    """One counted attempt; ``succeeded`` gives it back."""

    def succeeded(self) -> None: ...


class Attempts(Protocol):
    """Counts attempts at sign-in, per account and per address; by themselves (``question``) the
    access tokens that a provider has to be asked about, per address.

    Raises :class:`~wsgi_auth.errors.TooManyAttempts`, or
    :class:`~wsgi_auth.errors.StoreUnavailable` when it cannot count: then nobody may try.
    """

    def attempt(self, account: str, environ: Environ) -> Attempt: ...
    def question(self, environ: Environ) -> Attempt: ...


class Transport(Protocol):
    """The only way to another party (R080).

    Never follows a redirect, never reads a proxy or netrc from the environment; bounded in time
    and size. Any status is an answer. Raises :class:`~wsgi_auth.errors.ProviderUnavailable` when
    there was none, or one that is too large or too slow; never anything else.
    """

    def send(self, request: Outgoing) -> Incoming: ...


class Mailer(Protocol):
    """The only way to send mail. ``send`` raises :class:`~wsgi_auth.errors.EmailSignin` where the
    mail was not taken; ``send_none`` takes as long by the same way, and sends nothing."""

    def send(self, mail: Mail, server: MailServer | None, send: Any, now: float) -> None: ...
    def send_none(self, server: MailServer | None, send: Any) -> None: ...


class NewSession(Protocol):
    """What became of a sign-in."""

    @property
    def is_new_user(self) -> bool:
        """Whether the user was made for it."""


class Handle(Protocol):
    """What is needed of ``environ["auth.handle"]`` below it: changes become Set-Cookie headers."""

    #: ``PATH_INFO`` as the middleware found it; odd servers put None there.
    path_info: str | None

    def begin(self, user: Mapping[str, Any], provider: Any, proof: Proof = ...) -> NewSession: ...
    def update(self, data: Any) -> Session | None: ...
    def sign_out(self) -> None: ...
    def challenge(self) -> WSGIApp: ...
    def end_session(self, id: str) -> bool: ...
    def sign_out_everywhere(self, *, but_here: bool = ...) -> int: ...
    def set_cookies(self, values: list[str]) -> None: ...
    @property
    def claims(self) -> Claims | None: ...
    @property
    def csrf_token(self) -> str: ...


# --- stores -------------------------------------------------------------------------------------
#
# An adapter is one object with the methods of all of these, in Auth.js's names. Every method is one
# atomic step, safe under threads, greenlets and after a fork, bounded in time. Keys are compared
# exactly, octet by octet (R029). Raises StoreUnavailable when the store cannot be asked, and
# AlreadyExists where a key is taken; nothing else. An unknown key is None, False or an empty list.


class SessionStore(Protocol):
    """Sessions. Reading one is a single round trip.

    ``get_session_and_user``: also one whose time is over; None where the session or its user is
    unknown. ``update_session`` writes only if the record is still ``expected``, whole, and says
    whether it did: of many that try, one does, and one that was deleted stays so (R030).
    ``list_sessions``: newest first. ``delete_session`` and ``delete_sessions`` (all of a user, but
    ``but``) return the records they deleted.
    """

    def create_session(self, session: SessionRecord) -> None: ...
    def get_session_and_user(self, id: str) -> tuple[SessionRecord, UserRecord] | None: ...
    def update_session(self, session: SessionRecord, expected: SessionRecord) -> bool: ...
    def delete_session(self, id: str) -> SessionRecord | None: ...
    def list_sessions(self, user_id: str) -> list[SessionRecord]: ...
    def delete_sessions(self, user_id: str, but: str = "") -> list[SessionRecord]: ...


class UserStore(Protocol):
    """Users and the accounts they sign in by.

    A verified address is one user's at most, compared without regard to case: ``create_user`` and
    ``update_user`` raise AlreadyExists otherwise. ``create_user`` with an ``account`` makes both,
    or neither if either is there: nobody ever sees one without the other. ``get_user_by_email``
    looks at verified addresses only. ``update_user`` says whether there was one. ``delete_user``
    takes accounts, sessions and authenticators along. ``link_account`` raises AlreadyExists if the
    account is anybody's. ``update_account`` writes only if the record is still ``expected``, whole;
    its user may be another then.
    """

    def create_user(self, user: UserRecord, account: AccountRecord | None = None) -> UserRecord: ...
    def get_user(self, id: str) -> UserRecord | None: ...
    def get_user_by_email(self, email: str) -> UserRecord | None: ...
    def get_user_by_account(self, provider: str, provider_account_id: str) -> UserRecord | None: ...
    def update_user(self, user: UserRecord) -> bool: ...
    def delete_user(self, id: str) -> bool: ...
    def link_account(self, account: AccountRecord) -> None: ...
    def unlink_account(self, provider: str, provider_account_id: str) -> bool: ...
    def get_account(self, provider: str, provider_account_id: str) -> AccountRecord | None: ...
    def list_accounts(self, user_id: str) -> list[AccountRecord]: ...
    def update_account(self, account: AccountRecord, expected: AccountRecord) -> bool: ...


class VerificationStore(Protocol):
    """Tokens of e-mail links, and notes of ours that are over after a time (their identifier is no
    address). ``create_verification_token`` takes the place of one of the same key.
    ``use_verification_token`` hands out and deletes in one step: of many that ask at the same time,
    one gets it."""

    def create_verification_token(self, token: VerificationToken) -> None: ...
    def get_verification_token(self, identifier: str, token: str) -> VerificationToken | None: ...
    def use_verification_token(self, identifier: str, token: str) -> VerificationToken | None: ...


class AuthenticatorStore(Protocol):
    """Passkeys. ``create_authenticator`` raises AlreadyExists. ``update_authenticator`` writes only
    if the record is still ``expected``, whole: two that use one count cannot both."""

    def create_authenticator(self, authenticator: Authenticator) -> None: ...
    def get_authenticator(self, credential_id: str) -> Authenticator | None: ...
    def list_authenticators(self, user_id: str) -> list[Authenticator]: ...
    def update_authenticator(
        self, authenticator: Authenticator, expected: Authenticator
    ) -> bool: ...
    def delete_authenticator(self, credential_id: str) -> bool: ...


class RevocationStore(Protocol):
    """What was ended before its time. ``revocations``: all with ``at`` not before ``since``, in any
    order. ``revoke_once``: the same as ``revoke`` for one that is new (True), and nothing where it
    is known (False): of many that ask at the same time, one hears True."""

    def revoke(self, revocations: Sequence[Revocation]) -> None: ...
    def revoke_once(self, revocation: Revocation) -> bool: ...
    def revocations(self, since: int) -> list[Revocation]: ...


class Adapter(
    SessionStore, UserStore, VerificationStore, AuthenticatorStore, RevocationStore, Protocol
):
    """All that is kept: the option ``adapter``. ``sweep`` deletes what is over at ``now``, at most
    ``limit`` records of each kind, and returns how many went; ``close`` gives up connections."""

    def sweep(self, now: int, limit: int) -> int: ...
    def close(self) -> None: ...


__all__ = [
    "Adapter",
    "Attempt",
    "Attempts",
    "AuthenticatorStore",
    "Codec",
    "Handle",
    "Mailer",
    "Reader",
    "Responder",
    "RevocationStore",
    "SessionStore",
    "SessionStrategy",
    "Transport",
    "UserStore",
    "VerificationStore",
]
