"""``/callback/{provider}``: the proof. A form is checked; another party's answer is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_auth.actions.email_link import confirm, show
from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import is_offered
from wsgi_auth.actions.outside import arrive
from wsgi_auth.actions.signin import chooser_is_open
from wsgi_auth.errors import AuthError, CallbackError, CredentialsSignin, StoreUnavailable
from wsgi_auth.events import shown
from wsgi_auth.providers.base import FormProvider, Provider
from wsgi_auth.providers.email import Email
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.providers.passkey import Passkey
from wsgi_auth.sessions.lifecycle import ElsewhereInstead
from wsgi_auth.types import Proof, WSGIApp


def check(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Sign in whom the form proves, and go on to ``callbackUrl``; any failure is an error page."""
    assert isinstance(provider, FormProvider)  # noqa: S101 - methods() has looked
    exchange.require_writable()
    exchange.require_csrf(signs_in=True)
    if not is_offered(exchange.site, exchange.environ, provider):
        raise Refused(404, "NotFound", "this provider is not on offer here")
    if provider.type == "dev" and not chooser_is_open(exchange):
        raise Refused(403, "AccessDenied", "the chooser opens by the link printed at start-up")
    exchange.require_once(field.name for field in provider.fields)
    form = {name: value for name, value in exchange.form.items() if isinstance(value, str)}
    since = exchange.site.clock()
    user = prove(exchange, provider, form)
    typed = {name: value for name, value in form.items() if name != "csrfToken"}
    try:
        # a box that is not ticked is not sent
        asks = exchange.site.config.session.remember == "ask" and bool(provider.fields)
        remember = exchange.remembers(otherwise=not asks)
        proof = Proof(credentials=typed, remember=remember, since=since)
        exchange.begin(user, provider, proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(exchange.site.locations.return_url(exchange.environ, elsewhere.location))
    return exchange.go(exchange.callback_url)


def answered(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Sign in whom another party's answer proves, and go on to where the sign-in was begun."""
    assert isinstance(provider, OAuth | OIDC)  # noqa: S101 - methods() has looked
    exchange.require_visit()
    exchange.require_writable()
    if not is_offered(exchange.site, exchange.environ, provider):
        raise Refused(404, "NotFound", "this provider is not on offer here")
    return arrive(exchange, provider)


def prove(exchange: Exchange, provider: FormProvider, form: Mapping[str, str]) -> Mapping[str, Any]:
    """The user whom the form proves; counted as an attempt, and given back if it succeeds.

    Raises :class:`CredentialsSignin` for a wrong answer, :class:`TooManyAttempts` for one too
    many, :class:`CallbackError` where the provider itself fails.
    """
    site = exchange.site
    attempt = None
    if provider.limited:
        attempt = site.attempts.attempt(provider.account(form), exchange.environ)
    try:
        user = provider.authenticate(form, exchange.environ)
        if user is None:
            raise CredentialsSignin("the name or the password is wrong")
    except CredentialsSignin:
        site.events.logger.warning(
            "sign-in by %s failed for %s", provider.id, shown(provider.account(form))
        )
        raise
    except StoreUnavailable:
        if attempt is not None:  # nobody has looked at the password
            attempt.succeeded()
        raise
    except AuthError:
        raise
    except Exception as error:
        raise CallbackError(provider.id, f"raised {type(error).__name__}: {error}") from error
    if attempt is not None:
        attempt.succeeded()
    return user


def methods(provider: Provider | None) -> Methods:
    """A form is posted; a link in a mail leads to one; an answer comes by GET, or by POST where
    ``form_post`` was asked for."""
    if isinstance(provider, Passkey):
        from wsgi_auth.actions.passkeys import SIGN_IN

        return SIGN_IN
    if isinstance(provider, OAuth | OIDC):
        return {"POST" if provider.response_mode == "form_post" else "GET": answered}
    if isinstance(provider, Email):
        return {"GET": show, "POST": confirm}
    return {"POST": check} if isinstance(provider, FormProvider) else {}


def misplaced(provider: Provider | None, method: str) -> Refused | None:
    """Why an answer of another party that came by the other of GET and POST is refused; None for
    any other request. Its own mistake, or an option of ours: the log says which one."""
    if not isinstance(provider, OAuth | OIDC) or method not in ("GET", "HEAD", "POST"):
        return None
    came, right = ("POST", "form_post") if method == "POST" else ("GET", "query")
    return Refused(
        405,
        "MethodNotAllowed",
        f"{provider.id} answered by {came}; if it always does, set "
        f"providers.{provider.id}.response_mode = {right}",
    )
