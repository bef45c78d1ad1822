"""An endpoint that failed, as an answer: the sign-in page again, an error page, or JSON.

A failure is never 200, a body never names a cause that only the operator should know (R102), and
the application's own pages get ``error`` and ``callbackUrl``.
"""

from __future__ import annotations

from typing import Any

from wsgi_auth.actions.account import account_problem
from wsgi_auth.actions.error import error_page
from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.signin import sign_in_page
from wsgi_auth.errors import (
    AuthError,
    CredentialsSignin,
    EmailInvalid,
    EmailSignin,
    OAuthError,
    PasskeyRefused,
    ProviderUnavailable,
    StoreUnavailable,
    TooManyAttempts,
)
from wsgi_auth.events import shown
from wsgi_auth.pages.pages import without_address
from wsgi_auth.types import WSGIApp

#: What the sign-in page itself can say; everything else is a page of its own.
_ON_SIGN_IN = (CredentialsSignin, EmailInvalid, TooManyAttempts)


def failure(exchange: Exchange, problem: AuthError, endpoint: str) -> WSGIApp:
    """The answer to a request whose endpoint raised ``problem``."""
    _log(exchange, problem, endpoint)
    app = _answer(exchange, problem, endpoint)
    if isinstance(problem, TooManyAttempts) and hasattr(app, "headers"):
        app.headers.append(("Retry-After", str(problem.retry_after)))
    elif problem.status == 503 and hasattr(app, "headers"):
        app.headers.append(("Retry-After", "5"))
    if endpoint == "callback/" and hasattr(app, "headers"):
        app.headers = without_address(app.headers)  # it may be as good as a password still
    return app


def _answer(exchange: Exchange, problem: AuthError, endpoint: str) -> WSGIApp:
    site, environ = exchange.site, exchange.environ
    is_about_signing_in = isinstance(problem, _ON_SIGN_IN) or problem.code in (
        PasskeyRefused.code, "FreshSignInRequired",
    )  # fmt: skip
    page = "sign_in" if is_about_signing_in else "error"
    params = {"error": problem.code if page == "sign_in" else _public(problem)}
    try:
        params["callbackUrl"] = exchange.callback_url
    except AuthError:
        exchange.callback_url = site.locations.mount(environ) + "/"
    if isinstance(problem, CredentialsSignin) and problem.code != CredentialsSignin.code:
        params = {**params, "error": CredentialsSignin.code, "code": problem.code}
    if exchange.wants_json or endpoint in ("session", "csrf", "providers", "passkey/options"):
        body: dict[str, Any] = {name: params[name] for name in ("error", "code") if name in params}
        body["url"] = site.locations.page(environ, page, **params)
        return exchange.json(body, problem.status)
    if exchange.of_account:
        shown_there = account_problem(exchange, problem)
        if shown_there is not None:
            return shown_there
    if getattr(site.config.pages, page) is not None:
        return exchange.go(site.locations.page(environ, page, **params))
    if page == "sign_in":
        _leave_out_what_cannot_be_read(exchange)
        typed = {name: value for name, value in exchange.form.items() if isinstance(value, str)}
        return sign_in_page(exchange, params["error"], problem.status, typed)
    return error_page(exchange, params["error"], problem.status)


def _leave_out_what_cannot_be_read(exchange: Exchange) -> None:
    """A parameter that is given twice, say: the page is about another problem, and does without."""
    for part in ("query", "form"):
        try:
            getattr(exchange, part)
        except Refused:
            setattr(exchange, part, {})


def _public(problem: AuthError) -> str:
    """The code a visitor may see: a failed callback or a broken set-up is all the same to them."""
    return "Configuration" if problem.status == 500 else problem.code


def _log(exchange: Exchange, problem: AuthError, endpoint: str) -> None:
    logger = exchange.site.events.logger
    if isinstance(problem, OAuthError | ProviderUnavailable | EmailSignin):
        return  # said already, with the provider's name; a traceback of ours says no more
    if isinstance(problem, StoreUnavailable):  # a traceback of ours says no more than the message
        logger.error("the endpoint %r failed: %s", endpoint, problem)
    elif problem.status >= 500:
        logger.error("the endpoint %r failed: %s", endpoint, problem, exc_info=problem)
    elif isinstance(problem, Refused | TooManyAttempts):
        logger.warning("the endpoint %r refused: %s", endpoint, shown(problem))
