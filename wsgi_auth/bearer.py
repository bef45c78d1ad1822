"""``Authorization: Bearer`` for programs, where a route has ``bearer=True``: the access tokens of
the configured providers (RFC 6750, RFC 9068), and those that ``callbacks.bearer`` knows.

What lives here: whose token it is, and what is said about one that is no good. What must not: the
checks of a token (``oauth/id_token``), whether its scopes are enough (``authorized``).
"""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wsgi_auth.actions.offer import issuing
from wsgi_auth.errors import (
    AccessDenied,
    AuthError,
    CallbackError,
    OAuthError,
    ProviderUnavailable,
    StoreUnavailable,
    TooManyAttempts,
)
from wsgi_auth.events import shown
from wsgi_auth.oauth.id_token import LONGEST, Identity, unverified_claims
from wsgi_auth.oauth.keys import UnknownKey
from wsgi_auth.providers.base import Provider
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.remembered import Remembered
from wsgi_auth.sessions.view import default_session
from wsgi_auth.site import Site
from wsgi_auth.types import (
    Claims,
    Decision,
    Environ,
    Failed,
    Forbidden,
    FrozenDict,
    HeaderReading,
    Proof,
    Session,
    webob_request,
)

#: Seconds that a session lasts whose token does not say when it ends: it is asked about every time.
LIFETIME = 60
_HEADER = re.compile(r"bearer +([a-z0-9._~+/-]+=*) *", re.IGNORECASE | re.ASCII)  # RFC 6750 2.1
#: What is wrong with the token itself; the rest is the provider's fault, or ours.
_OF_THE_TOKEN = frozenset(("access_token", "profile"))


class _Tokens:
    """Stands for the application where it knows a token itself."""

    id = "token"
    name = "Token"
    type = "token"
    vouches = True


TOKENS = _Tokens()
#: Who they are is proven; when they last proved it themselves is not known.
_NOT_LATELY = Proof(proved_at=0)


class _Holder(NamedTuple):
    """What a token proved: at which provider, the claims, what it may be used for, and what the
    application sees of it."""

    provider: Any
    claims: Claims
    scopes: frozenset[str]
    session: Session


class _Told(NamedTuple):
    """What a provider that was asked about a token said of it, and when: whom it stands for, or
    else what is wrong with it."""

    provider: OIDC
    at: float
    identity: Identity | None
    problem: str = ""


class _Refused(AuthError):
    """The token proves nothing; the message is for whoever sent it."""

    code = "InvalidToken"
    status = 401


class BearerAuthentication:
    """The reading of a request that brings an access token; nothing is ever written."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._remembered: Remembered[_Holder] = Remembered()
        self._told: Remembered[_Told] = Remembered()

    def read(self, environ: Environ, now: float) -> HeaderReading | Decision:
        """Whom the header's token stands for, or the answer to one that is no good."""
        site = self._site
        try:
            known = self._proven(environ, now)
            session = site.view.shown(known.session, known.claims, environ)
            return HeaderReading(session, known.claims, known.scopes)
        except _Refused as refused:
            site.events.logger.info("an access token was refused: %s", shown(refused))
            return self._invalid(str(refused), environ)
        except TooManyAttempts as error:
            return Failed(429, error.code, error.retry_after)
        except AccessDenied as denied:
            site.events.logger.warning("who bears an access token was refused: %s", denied)
            return Forbidden()
        except StoreUnavailable as error:
            site.store_is_down(error)
            return Failed(503, error.code, 5)
        except (ProviderUnavailable, OAuthError) as error:
            problem = f"an access token could not be checked: {error}"
            site.events.mention("bearer", now, problem)
            return Failed(503, ProviderUnavailable.code, 5)
        except Exception as error:
            unreadable = site.authorizer.unreadable(environ, error)
            if unreadable is not None:
                return unreadable
            site.events.logger.exception("an access token could not be checked")
            return Failed()

    def _proven(self, environ: Environ, now: float) -> _Holder:
        # of this visitor: what is good at one tenant is not at another
        on_offer, problem = issuing(self._site, environ)
        header = str(environ["HTTP_AUTHORIZATION"])
        key = self._remembered.key(header, environ)
        known = self._remembered.get(key, now)
        if known is not None and any(each is known.provider for each in on_offer):
            return known
        token = _token(header)
        parties = self._parties(token, on_offer)
        try:
            if not parties:
                own = self._asked(token, environ, now)
                if own is not None:
                    return own
                # it may be of the one that could not be made just now
                parties = [] if problem is not None else self._opaque(token, on_offer)
            known, proven_at = self._held(token, parties, environ, now)
        except _Refused:
            if problem is not None:  # the same
                raise problem from None
            raise
        self._remembered.put(key, known, proven_at, known.claims["exp"])
        return known

    def _parties(self, token: str, on_offer: Sequence[Provider]) -> list[OIDC]:
        """The providers that may have issued a token: the only one that there is, if it alone
        looks; else by what the token says itself, for they will look."""
        issuing = [each for each in on_offer if isinstance(each, OIDC) and each.audience]
        is_only = len(issuing) == 1 and self._site.config.callbacks.bearer is None
        if not issuing or (is_only and not issuing[0].introspection):
            return issuing
        issuer = _issuer(token)
        return [each for each in issuing if issuer and each.may_be_issuer(issuer)]

    def _opaque(self, token: str, on_offer: Sequence[Provider]) -> list[OIDC]:
        """The provider to ask about a token that does not say whose it is: the only one that can be
        asked, for no other must be shown it."""
        asked = [each for each in on_offer if isinstance(each, OIDC) and each.introspection]
        return asked if len(asked) == 1 and not _issuer(token) else []

    def _identity(
        self, token: str, provider: OIDC, environ: Environ, now: float
    ) -> tuple[Identity, float]:
        """Whom the token stands for at this provider, and when that was proven."""
        if not provider.introspection:
            return self._site.client(provider).verified(token, now), now
        # what the provider says is the same at each of our hosts, and for whom we let in or not
        key = self._told.key(token, {})
        told = self._told.get(key, now)
        if told is None or told.provider is not provider:
            told = self._ask(token, provider, environ, now)
            ends = math.inf if told.identity is None else told.identity.claims.get("exp", math.inf)
            self._told.put(key, told, now, ends)
        if told.identity is None:
            raise OAuthError("access_token", told.problem)
        return told.identity, told.at

    def _ask(self, token: str, provider: OIDC, environ: Environ, now: float) -> _Told:
        # whoever makes tokens up makes us ask
        attempt = self._site.attempts.question(environ)
        is_guess = False
        try:
            return _Told(provider, now, self._site.client(provider).introspected(token, now))
        except OAuthError as error:
            if error.step not in _OF_THE_TOKEN:
                raise
            is_guess = True
            return _Told(provider, now, None, error.problem)
        finally:
            if not is_guess:
                attempt.succeeded()

    def _held(
        self, token: str, parties: Sequence[OIDC], environ: Environ, now: float
    ) -> tuple[_Holder, float]:
        """By the one of these providers that issued it; and when that was proven."""
        site = self._site
        problem = "it was issued by no provider that is known here"
        if site.config.callbacks.bearer is not None:
            problem = "it is not known here"
        for provider in parties:
            try:
                identity, proven_at = self._identity(token, provider, environ, now)
                holder = site.client(provider).holder(token, identity, proven_at)
            except ProviderUnavailable as error:
                raise ProviderUnavailable(f"{provider.id}: {error}") from None
            except OAuthError as error:
                if error.step not in _OF_THE_TOKEN and not isinstance(error, UnknownKey):
                    raise ProviderUnavailable(f"{provider.id}: {error}") from None
                problem = error.problem
                continue
            claims = site.lifecycle.admit_holder(holder.user, provider, environ, now, holder.proof)
            stamped = FrozenDict({**claims, "iat": int(now), "exp": holder.expires})
            return _Holder(provider, stamped, holder.scopes, default_session(stamped)), proven_at
        raise _Refused(problem)

    def _asked(self, token: str, environ: Environ, now: float) -> _Holder | None:
        """By the application, every time: it may have been withdrawn. None: it does not know it."""
        site = self._site
        callback = site.config.callbacks.bearer
        if callback is None:
            return None
        try:
            user = callback(token, webob_request(environ))
        except AccessDenied:
            raise
        except Exception as error:
            # where, and not what it says, which has the token in it if it was a key or a parameter
            where = "".join(traceback.format_tb(error.__traceback__))
            raise CallbackError("bearer", f"raised {type(error).__name__}:\n{where}") from None
        if user is None:
            return None
        claims = site.lifecycle.admit(user, TOKENS, environ, now, _NOT_LATELY)
        stamped = FrozenDict({**claims, "iat": int(now), "exp": int(now) + LIFETIME})
        return _Holder(TOKENS, stamped, _scopes(user), default_session(stamped))

    def _invalid(self, problem: str, environ: Environ) -> Decision:
        """401 that says why (RFC 6750 section 3.1); what is behind a semicolon is for the log."""
        said = re.sub(r"[^ !#-\[\]-~]", "?", problem.partition(";")[0])[:200]
        return self._site.authorizer.challenge(
            environ,
            "401",
            code=_Refused.code,
            schemes=frozenset({"bearer"}),
            bearer=f'error="invalid_token", error_description="{said}"',
        )


def _token(header: str) -> str:
    found = _HEADER.fullmatch(header) if len(header) <= LONGEST else None
    if found is None:
        raise _Refused("it is no token")
    return found[1]


def _issuer(token: str) -> str:
    """Who has issued it, by what it says itself; "" if it does not say."""
    try:
        said = unverified_claims(token).get("iss")
    except OAuthError:
        return ""
    return said if isinstance(said, str) else ""


def _scopes(user: Mapping[str, Any]) -> frozenset[str]:
    """What the application says that a token may be used for."""
    said = user.get("scopes", ())
    if isinstance(said, str):
        said = said.split()
    if not isinstance(said, list | tuple | set | frozenset) or not all(
        isinstance(each, str) for each in said
    ):
        raise CallbackError("bearer", "gave a user whose 'scopes' is no list of strings")
    return frozenset(said)
