"""A session over time: begun by a proof of identity, prolonged, updated, ended.

What lives here: who may sign in (``allow_*``, the ``sign_in`` callback) and what the claims of a
new session are. What must not: cookies as text, requests, responses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.parts import ALLOWED
from wsgi_auth.errors import (
    NO_JSON,
    AccessDenied,
    AccountNotLinked,
    AuthError,
    CallbackError,
    UsageError,
    no_json,
)
from wsgi_auth.events import Events, shown
from wsgi_auth.sessions.life import SKEW, ends_at
from wsgi_auth.sessions.view import SessionView
from wsgi_auth.tokens import random_id
from wsgi_auth.types import (
    ANONYMOUS,
    NO_PROOF,
    Account,
    Claims,
    Device,
    Environ,
    HeaderReading,
    JWTContext,
    Proof,
    Reading,
    Session,
    SignInContext,
    Written,
    freeze,
)

if TYPE_CHECKING:
    from wsgi_auth.accounts import Accounts
    from wsgi_auth.protocols import SessionStrategy
    from wsgi_auth.sessions.at_provider import AtProviders
    from wsgi_auth.sessions.endings import Endings


_TOO_LATE = "all sessions of the user were ended in the course of the sign-in"


class Begun:
    """A session as it is from now on: what the handler sees, its claims, and its cookie's value."""

    __slots__ = ("claims", "is_new_user", "kept", "session", "value")

    def __init__(self, session: Session, written: Written) -> None:
        self.is_new_user = False
        self.session = session
        self.value, self.claims, self.kept = written.value, written.claims, written.kept


class ElsewhereInstead(AccessDenied):
    """The ``sign_in`` callback sends the visitor to a path instead of signing them in."""

    def __init__(self, location: str) -> None:
        super().__init__("the sign_in callback sends the visitor elsewhere")
        self.location = location


class _Found(NamedTuple):
    """The id of a user here, and whether they are new."""

    id: str
    is_new: bool


_Find: TypeAlias = Callable[[dict[str, Any], Account, Any, Environ, float, Proof], _Found]


class Overtaken(AuthError):
    """The session is no longer what was read: read it again."""

    code = "Conflict"
    status = 409


class Lifecycle:
    """Begins, renews, updates and ends sessions, by one strategy and the callbacks."""

    def __init__(
        self,
        config: AuthConfig,
        strategy: SessionStrategy,
        view: SessionView,
        events: Events,
        accounts: Accounts | None = None,
        at_providers: AtProviders | None = None,
        endings: Endings | None = None,
    ) -> None:
        self._endings = endings
        self._at_providers = at_providers
        self._config = config
        self._accounts = accounts
        self._strategy = strategy
        self._view = view
        self._events = events
        self._prefixes = _prefixes(config)
        # what the ids of those begin with who bear a token, and never signed in
        self._machines = tuple(
            f"{each.id}:"
            for each in config.all_providers
            if each.type == "per_request" or bool(getattr(each, "audience", None))
        )

    def admit(
        self,
        user: Mapping[str, Any],
        provider: Any,
        environ: Environ,
        now: float,
        proof: Proof = NO_PROOF,
    ) -> Claims:
        """The claims of this user, proven by this provider, if they may sign in at all.

        Raises :class:`AccessDenied` (or :class:`ElsewhereInstead`) if not, and
        :class:`CallbackError` when a callback fails. Nothing is written.
        """
        return self._admitted(user, provider, environ, now, proof, self._named)[0]

    def admit_holder(
        self, user: Mapping[str, Any], provider: Any, environ: Environ, now: float, proof: Proof
    ) -> Claims:
        """The same for whom an access token stands for. Where users are kept it is the user who has
        signed in by this account; somebody (or something) that never has is named by the provider's
        id and its own, with a colon between."""
        return self._admitted(user, provider, environ, now, proof, self._known)[0]

    def may_be_asked(self, user: Mapping[str, Any], provider: Any, environ: Environ) -> bool:
        """Whether a proof may be asked of this user at all (by a mail to their address), as far as
        can be told before it is there. Raises as :meth:`admit` does where a callback fails, and
        :class:`ElsewhereInstead`."""
        claims = claims_of(user, provider)
        account = Account(provider.id, provider.type, claims["email"])
        try:
            self._allowed(claims)
            self._asked(user, account, environ, NO_PROOF, verification_request=True)
        except ElsewhereInstead:
            raise
        except AccessDenied as denied:
            self._events.logger.warning(
                "no link by %s for %s: %s", provider.id, shown(claims["email"]), denied
            )
            return False
        return True

    def _admitted(
        self,
        user: Mapping[str, Any],
        provider: Any,
        environ: Environ,
        now: float,
        proof: Proof,
        find: _Find,
    ) -> tuple[Claims, bool]:
        """The claims, and whether the user is new; ``find`` says who it is here."""
        claims = claims_of(user, provider)
        account = proof.account or Account(provider.id, provider.type, claims["sub"])
        self._allowed(claims)
        _fits(claims, provider, proof)
        self._asked(user, account, environ, proof)
        claims["sub"], is_new = find(claims, account, provider, environ, now, proof)
        if getattr(provider, "tenant", ""):
            claims["tenant"] = provider.tenant
        claims["auth_time"] = int(now)
        if proof.proved_at is not None and proof.proved_at < int(now) - SKEW:
            claims["proved_at"] = proof.proved_at
        claims["sid"] = random_id()
        if not proof.remember:
            claims["remember"] = False
        if proof.acr:
            claims["acr"] = proof.acr
        if proof.amr:
            claims["amr"] = list(proof.amr)
        if proof.provider_sid and getattr(provider, "hears_logout", False):
            claims["provider_sid"] = proof.provider_sid
        trigger: Literal["sign_in", "sign_up"] = "sign_up" if is_new else "sign_in"
        context = JWTContext(environ, trigger, user, account, proof.profile)
        wanted = self._view.claims(claims, context)
        if wanted is None:
            raise AccessDenied("the jwt callback returned None, which ends the session")
        return wanted, is_new

    def _named(self, claims: dict[str, Any], _: Account, provider: Any, *__: Any) -> _Found:
        """By the provider's own id, which nobody keeps."""
        return _Found(self._subject(claims["sub"], provider), False)

    def _known(self, claims: dict[str, Any], account: Account, provider: Any, *more: Any) -> _Found:
        """By the account, if anybody has signed in by it; nobody is made."""
        if self._accounts is None:
            return self._named(claims, account, provider, *more)
        user = self._accounts.of_account(account)
        return _Found(f"{provider.id}:{claims['sub']}" if user is None else user.id, False)

    def _owner(
        self, claims: dict[str, Any], account: Account, provider: Any, environ: Environ, now: float,
        proof: Proof,
    ) -> _Found:  # fmt: skip
        """By whatever proves it, where users are kept; somebody new is made."""
        accounts = self._accounts
        if accounts is None:
            return self._named(claims, account, provider)
        if proof.is_known:
            owner = accounts.known(claims["sub"])
        elif proof.account is None:
            if claims["sub"].startswith(self._machines):
                raise AccessDenied("the id looks like one of a provider's machines")
            owner = accounts.local(claims, environ, now)
        elif account.type == "email":
            owner = accounts.addressed(claims, environ, now)
        else:
            owner = accounts.owner(claims, account, provider, environ, now)
        return _Found(owner.user.id, owner.is_new)

    def vetted(
        self, user: Mapping[str, Any], provider: Any, environ: Environ, proof: Proof
    ) -> Mapping[str, Any]:
        """What the provider says of a user who may sign in by this proof, and so may have it
        linked. Raises what :meth:`admit` does."""
        claims = claims_of(user, provider)
        account = proof.account or Account(provider.id, provider.type, claims["sub"])
        self._allowed(claims)
        _fits(claims, provider, proof)
        self._asked(user, account, environ, proof)
        return claims

    def begin(
        self,
        user: Mapping[str, Any],
        provider: Any,
        environ: Environ,
        now: float,
        proof: Proof = NO_PROOF,
        before: Reading = ANONYMOUS,
    ) -> Begun:
        """A new session, under a new identifier (R025), for a user that :meth:`admit` lets in. The
        one of the same browser ``before`` is over."""
        try:
            return self._begun(user, provider, environ, now, proof, before)
        except (AccessDenied, AccountNotLinked) as denied:
            self._events.logger.warning(
                "sign-in of %s by %s refused: %s", shown(user.get("id")), provider.id, denied
            )
            raise

    def _begun(
        self,
        user: Mapping[str, Any],
        provider: Any,
        environ: Environ,
        now: float,
        proof: Proof,
        before: Reading,
    ) -> Begun:
        claims, is_new = self._admitted(user, provider, environ, now, proof, self._owner)
        endings, user_id = self._endings, claims["sub"]
        ending = "" if endings is None else endings.last(user_id)
        if endings is not None and endings.is_since(ending, proof.since or now):
            raise AccessDenied(_TOO_LATE)
        from wsgi_auth.addresses import client_address  # needed at sign-in alone

        address = client_address(environ, self._config.trusted_proxies)
        device = Device(_agent(environ), address)
        begun = self._saved(claims, environ, now, None, device)
        assert begun is not None  # noqa: S101 - a new session has nothing to lose against
        try:
            # asked after it was written, so that of a sign-in and the provider's word that its
            # session is over one always sees the other
            if self._at_providers is not None and self._at_providers.is_closed(begun.claims, now):
                raise AccessDenied("the provider ended its session in the course of the sign-in")
            if endings is not None and endings.last(user_id) not in (ending, ""):
                raise AccessDenied(_TOO_LATE)
            if before.claims is not None:
                self._strategy.delete(before.claims, now)
        except BaseException:
            with suppress(Exception):  # of the store, which is what it may have been
                self._strategy.delete(begun.claims, now)
            raise
        begun.is_new_user = is_new
        there = proof.account
        named = (
            ""  # the id here says it
            if there is None
            or there.type not in ("oauth", "oidc")
            or claims["sub"].endswith(there.provider_account_id)
            else f", there {shown(there.provider_account_id)}"
        )
        self._events.logger.info("sign-in of %s by %s%s", shown(claims["sub"]), provider.id, named)
        self._events.fire(
            "sign_in",
            environ,
            user=user,
            account=proof.account or Account(provider.id, provider.type, claims["sub"]),
            profile=proof.profile,
            is_new_user=is_new,
            claims=begun.claims,
            session=begun.session,
        )
        return begun

    def renew(self, reading: Reading, now: float) -> Written | None:
        """A reading that is due, prolonged; None where another request was faster, or the session
        has ended meanwhile."""
        claims = reading.claims
        assert claims is not None  # noqa: S101 - only a living session is due
        self._note(claims, now)
        return self._strategy.save(claims, now, reading.kept)

    def update(self, reading: Reading, data: Any, environ: Environ, now: float) -> Begun | None:
        """The session after ``jwt`` was told ``data`` with the trigger ``update``; None: ended.

        Raises :class:`Overtaken` where another request has changed it since it was read.
        """
        if reading.claims is None:
            raise UsageError("nobody is signed in, so there is no session to update")
        if isinstance(reading, HeaderReading):  # a cookie would outlive a token, without its scopes
            raise UsageError(
                "this request was let in by its header Authorization: there is no session to update"
            )
        if not self._view.has_jwt:
            raise UsageError(
                "updating a session needs callbacks.jwt: it is called with context.trigger == "
                "'update' and context.data, and returns the claims as they are to be"
            )
        claims = self._view.claims(reading.claims, JWTContext(environ, "update", data=data))
        if claims is None:
            return None
        begun = self._saved(claims, environ, now, reading.kept)
        if begun is None:
            raise Overtaken("the session was changed or ended meanwhile")
        return begun

    def end(self, reading: Reading, environ: Environ, now: float) -> None:
        """The session of this reading is over."""
        if reading.claims is None:
            return
        self._strategy.delete(reading.claims, now)
        self._events.logger.info("sign-out of %s", shown(reading.claims["sub"]))
        self._events.fire("sign_out", environ, claims=reading.claims, session=reading.session)

    def ended(self, claims: Claims, environ: Environ, reason: str) -> None:
        """Tell of a session that this request has ended, and that is not its own; ``claims`` are
        what is known of it."""
        self._events.fire("sign_out", environ, claims=claims, reason=reason)

    def _saved(
        self,
        claims: Claims,
        environ: Environ,
        now: float,
        kept: Any = None,
        device: Device | None = None,
    ) -> Begun | None:
        """None: what was ``kept`` has changed or ended meanwhile, so nothing was written."""
        session = None
        if kept is not None:
            # asked first: what fails here must not be what every later request is about
            issued = int(now)
            ends = ends_at(claims, issued, self._config.session)
            session = self._view.session(freeze({**claims, "iat": issued, "exp": ends}), environ)
        self._note(claims, now)
        try:
            saved = self._strategy.save(claims, now, kept, device)
        except NO_JSON as error:
            raise no_json("jwt", "put into the claims", error) from error
        if saved is None:
            return None
        try:
            self._fits_cookies(saved.value)
            return Begun(session or self._view.session(saved.claims, environ), saved)
        except BaseException:
            if device is not None:  # a new one, of which nobody gets the cookie
                self._strategy.delete(saved.claims, now)
            raise

    def _fits_cookies(self, value: str) -> None:
        try:
            self._config.cookies.session.cut(value)
        except ValueError as error:
            raise UsageError(f"the session is too large for cookies: {error}") from None

    def _note(self, claims: Claims, now: float) -> None:
        """Whose the provider's session is, for as long as ours lives."""
        if self._at_providers is not None and "provider_sid" in claims:
            ends = ends_at(claims, int(now), self._config.session)
            self._at_providers.note(claims, ends + SKEW)

    def _subject(self, own: str, provider: Any) -> str:
        """The id of the user here. What one party calls somebody says nothing of what another does
        (R085): beside other providers, the ids of a party begin with its own id and a colon."""
        # the application's own ids have none, though a provider be called "app" or "token"
        is_outside = provider.type not in ("app", "token")
        prefix = self._prefixes.get(provider.id, "") if is_outside else ""
        if not prefix and own.startswith(tuple(filter(None, self._prefixes.values()))):
            raise AccessDenied("the id looks like one of another provider")
        return prefix + own

    def _allowed(self, claims: Mapping[str, Any]) -> None:
        """Whether they are on the lists of the configuration; :class:`AccessDenied` if not."""
        config = self._config
        _listed(claims, config.allow_emails, config.allow_domains, config.allow_groups)

    def _asked(
        self,
        user: Mapping[str, Any],
        account: Account,
        environ: Environ,
        proof: Proof,
        verification_request: bool = False,
    ) -> None:
        callback = self._config.callbacks.sign_in
        if callback is None:
            return
        try:
            context = SignInContext(environ, proof.profile, proof.credentials, verification_request)
            answer = callback(user, account, context)
        except AccessDenied:
            raise
        except Exception as error:
            raise CallbackError("sign_in", f"raised {type(error).__name__}") from error
        if isinstance(answer, str):
            raise ElsewhereInstead(answer)
        if not isinstance(answer, bool):
            if hasattr(answer, "close"):
                answer.close()
            raise CallbackError(
                "sign_in", f"must return True, False or a path, not a {type(answer).__name__}"
            )
        if not answer:
            raise AccessDenied("the sign_in callback said no")


def _why_no_address(claims: Mapping[str, Any]) -> str:
    """Why none of ``allow_emails`` and ``allow_domains`` fits; never the address itself."""
    if not claims.get("email"):
        return "there is no address"
    if not claims.get("email_verified"):
        return "nobody vouches for the address"
    return "the address is none that is allowed"


def _listed(
    claims: Mapping[str, Any],
    emails: Collection[str] | None,
    domains: Collection[str] | None,
    groups: Collection[str] | None,
) -> None:
    """Raise :class:`AccessDenied` unless a verified address is one of ``emails`` or of one of
    ``domains``, and one of the groups is one of ``groups``: what is not None must fit."""
    email = claims["email"].lower() if claims.get("email_verified") else ""
    if (emails is not None or domains is not None) and "*" not in (emails or ()):
        _, at, domain = email.rpartition("@")
        if not at or not (email in (emails or ()) or domain in (domains or ())):
            raise AccessDenied(_why_no_address(claims))
    said = claims.get("groups") or ()
    if groups is not None and not any(group in groups for group in said):
        raise AccessDenied(
            f"none of the groups is allowed: {', '.join(map(shown, said[:10]))}"
            if said
            else "nothing says which groups the user is in"
        )


def _fits(claims: Mapping[str, Any], provider: Any, proof: Proof) -> None:
    """Raise :class:`AccessDenied` unless the user is on the lists of the provider itself, and what
    it said is what its ``allow_claims`` want: of each claim one of the values."""
    lists = (getattr(provider, name, None) for name in ALLOWED)
    _listed(claims, *lists)
    for name, allowed in getattr(provider, "allow_claims", {}).items():
        said: Any = proof.profile or {}
        for step in (name,) if name in said else name.split("."):
            said = said.get(step) if isinstance(said, Mapping) else None
        values = said if isinstance(said, list | tuple) else (said,)
        if not any(_word(value) in allowed.split() for value in values):
            problem = "is missing" if said is None else "has none of the values that are allowed"
            raise AccessDenied(f"the claim {name!r} {problem}")


def _word(value: Any) -> str:
    """A value as a configuration writes it; nothing that could be written for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else ""


def _prefixes(config: AuthConfig) -> dict[str, str]:
    """What the ids of each outside provider's users begin with: nothing for the first provider of a
    configuration where nobody else gives ids, so that a single provider's ids are its own."""
    others = [each for each in config.all_providers if each.type != "dev"]
    if not others:
        return {}
    from wsgi_auth.providers.base import FormProvider

    # the application does where people sign in, and by no provider, or where it knows tokens
    by_hand = not config.providers and bool(config.pages.sign_in or config.callbacks.bearer)
    local = by_hand or any(isinstance(each, FormProvider) for each in others)
    return {
        each.id: f"{each.id}:"
        if local or each is not others[0] or each.type == "per_request"
        else ""
        for each in others
        if not isinstance(each, FormProvider)
    }


def claims_of(user: Mapping[str, Any], provider: Any) -> dict[str, Any]:
    """What a session keeps of a user: small, for every request carries it.

    Raises :class:`CallbackError` for a user without an ``id``, or with a value of the wrong type:
    whoever made the mapping (``authorize``, say) is at fault.
    """
    if not isinstance(user, Mapping):
        raise CallbackError(provider.id, f"gave a {type(user).__name__} for a user")
    subject = user.get("id")
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if subject is None or subject == "":
        raise CallbackError(provider.id, "gave a user without an 'id'")
    if not _is_text(subject):
        raise CallbackError(
            provider.id,
            f"gave a user whose 'id' is a {type(subject).__name__}, and no string or whole number",
        )
    claims: dict[str, Any] = {"sub": subject}
    for name, claim in (("name", "name"), ("email", "email"), ("image", "picture"),
                        ("login", "login")):  # fmt: skip
        value = user.get(name)
        if value is not None:
            if not _is_text(value):
                raise CallbackError(provider.id, f"gave a user whose {name!r} is no text")
            claims[claim] = value
    if "email" in claims:
        # only True is true: providers have sent "false" (OpenID Connect Core 5.1 says boolean)
        vouched = user.get("email_verified", provider.vouches) is True
        claims["email_verified"] = vouched and _is_as_compared(claims["email"])
    groups = user.get("groups")
    if groups:
        if not isinstance(groups, list | tuple | set | frozenset) or not all(
            _is_text(group) for group in groups
        ):
            raise CallbackError(provider.id, "gave a user whose 'groups' is no list of strings")
        claims["groups"] = list(groups)
    claims["provider"] = provider.id
    return claims


def _agent(environ: Environ) -> str:
    """What the browser calls itself, as far as a list of sessions shows it."""
    text = str(environ.get("HTTP_USER_AGENT") or "")[:200]
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _is_as_compared(email: str) -> bool:
    """Whether case is all in which this address may differ from the one that it is compared as:
    lower case makes a Kelvin sign the letter of another mailbox (R092)."""
    if email.isascii():
        return True
    import unicodedata  # hardly anybody has another

    return unicodedata.is_normalized("NFKC", email)


def _is_text(value: Any) -> bool:
    """Whether it is a string that can be written (half a surrogate pair cannot)."""
    return isinstance(value, str) and re.search("[\ud800-\udfff]", value) is None
