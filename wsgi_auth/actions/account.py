"""``/account``: a user's own accounts and sessions; linked, unlinked and ended by their own act.

What lives here: who may ask for what. What must not: whose account it is (``accounts``), the
protocol (``oauth``). Nothing is there without an adapter.
"""

from __future__ import annotations

from datetime import UTC, datetime

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import every, is_offered, offered
from wsgi_auth.actions.outside import depart, linked
from wsgi_auth.actions.signin import ways_to
from wsgi_auth.errors import AuthError, LastAccount, StateLost, StoreUnavailable, UsageError
from wsgi_auth.oauth.proven import ProvenAccount
from wsgi_auth.pages import (
    AccountRow,
    AccountView,
    LinkView,
    PasskeyRow,
    ProviderView,
    SessionRow,
    known_code,
)
from wsgi_auth.providers.base import FormProvider, Provider
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.sessions.life import MAX_TIME, is_fresh
from wsgi_auth.sessions.register import SessionInfo
from wsgi_auth.types import Claims, WSGIApp
from wsgi_auth.ways import Way, is_last

#: A session that is written less often is shown with the day it was seen, not the minute.
_TO_THE_MINUTE = 6 * 3_600


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page, or the application's own; nobody goes to the sign-in page and comes back."""
    site, environ = exchange.site, exchange.environ
    exchange.require_writable()
    if exchange.reading.session is None:
        return exchange.handle.challenge()
    error = exchange.query.get("error")
    if site.config.pages.account is not None:
        params = {"error": error} if error else {}
        return exchange.go(site.locations.page(environ, "account", **params))
    return _page(exchange, error, 200)


def account_problem(exchange: Exchange, problem: AuthError) -> WSGIApp | None:
    """What went wrong, said on the page of somebody who is signed in; None where it cannot be."""
    own = exchange.site.config.pages.account
    if exchange.reading.session is None or isinstance(problem, StoreUnavailable):
        return None
    if own is False or problem.status in (401, 500) or exchange.site.config.session.read_only:
        return None
    if own is not None:
        location = exchange.site.locations.page(exchange.environ, "account", error=problem.code)
        return exchange.go(location)
    try:
        return _page(exchange, problem.code, problem.status)
    except AuthError:
        return None


def start(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """On to the provider, to link an account there to the user who is signed in and asks for it."""
    claims = _user_of_post(exchange)
    if not isinstance(provider, OAuth | OIDC) or not is_offered(
        exchange.site, exchange.environ, provider
    ):
        raise Refused(404, "NotFound", "this provider is not on offer here")
    exchange.callback_url = _back(exchange)
    require_fresh(exchange, claims)
    if not exchange.site.require_accounts().knows(claims["sub"]):
        raise Refused(403, "AccessDenied", "the user is not in the store")
    asked = [(name, exchange.text(name)) for name in provider.request_params]
    return depart(exchange, provider, asked, claims["sub"])


def ask(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Whether to link the account that was proven in an answer without our session."""
    exchange.require_writable()
    if exchange.reading.claims is None:
        return exchange.handle.challenge()
    exchange.of_account = True
    proven = _proven(exchange, exchange.reading.claims)
    exchange.callback_url = proven.callback_url
    site, environ = exchange.site, exchange.environ
    names = {each.id: each.name for each in every(site, environ)}
    view = LinkView(
        action_url=site.locations.endpoint(environ, "account/link"),
        csrf_token=exchange.handle.csrf_token,
        provider_name=names.get(proven.provider, proven.provider),
        label=proven.label,
        user_name=_name(exchange.reading.claims),
        cancel_url=proven.callback_url,
        form_action=exchange.foreign_origins,
    )
    return exchange.page(exchange.pages.link(view))


def confirm(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Yes: link it, to the user who asked and nobody else."""
    claims = _user_of_post(exchange)
    proven = _proven(exchange, claims)
    exchange.handle.set_cookies(exchange.site.proven.remove())
    return linked(exchange, proven)


def unlink(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The account ``provider``, ``id`` no longer signs in the user; never the last one. One that is
    not theirs is none, and stays whose it is."""
    claims = _user_of_post(exchange)
    exchange.callback_url = _back(exchange)
    require_fresh(exchange, claims)
    site = exchange.site
    for each in site.config.providers:
        if each.id == exchange.text("provider"):
            # raises where nobody can say now whether it is a way in, and maybe the last
            site.tenants.provider(each, exchange.environ)
    try:
        site.require_accounts().unlink(
            claims["sub"],
            exchange.text("provider"),
            exchange.text("id"),
            exchange.environ,
            lambda: ways_in(exchange, claims),
        )
    except LastAccount:
        raise
    except UsageError as error:  # a form that was sent twice, say: it is as was asked for
        site.events.logger.info("nothing was unlinked: %s", error)
    return exchange.go(exchange.callback_url)


def end(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """End the session ``id`` of the user; or with ``all`` every one of them: ``others`` leaves
    this."""
    which, id = exchange.text("all"), exchange.text("id")
    if which == "everywhere" and exchange.reading.claims is None:  # a second click
        return exchange.go(exchange.callback_url)
    _user_of_post(exchange)
    if which in ("others", "everywhere"):
        exchange.handle.sign_out_everywhere(but_here=which == "others")
    elif which or not id:
        raise Refused(400, "BadRequest", "id, or all = others or everywhere")
    else:
        exchange.handle.end_session(id)  # one that is over already is as was asked for
    if exchange.handle.claims is None and "callbackUrl" not in exchange.form:
        return exchange.go(exchange.site.locations.return_url(exchange.environ, None))
    return exchange.go(_back(exchange))


# --- steps ----------------------------------------------------------------------------------


def _user_of_post(exchange: Exchange) -> Claims:
    """Whoever is signed in and has posted this by a form of ours, or of the application."""
    exchange.require_writable()
    claims = exchange.reading.claims
    if claims is None:
        raise Refused(401, "SessionRequired", "nobody is signed in")
    exchange.of_account = True
    exchange.require_csrf()
    return claims


def _proven(exchange: Exchange, claims: Claims) -> ProvenAccount:
    header = exchange.environ.get("HTTP_COOKIE") or ""
    proven = exchange.site.proven.read(header, exchange.site.clock())
    if proven is None or proven.subject != claims["sub"]:
        raise StateLost("account", "there is no account that this user has asked to link")
    return proven


def _back(exchange: Exchange) -> str:
    """Where a form of the page leads: to what it says, else to the page again."""
    if exchange.form.get("callbackUrl"):
        return exchange.callback_url
    return exchange.site.locations.page(exchange.environ, "account")


def require_fresh(exchange: Exchange, claims: Claims, limit: int | None = None) -> None:
    """Raise :class:`Refused` unless the user of this session signed in a moment ago: within
    ``session.fresh_age``, or ``limit`` seconds; 0 is whenever."""
    seconds = exchange.site.config.session.fresh_age if limit is None else limit
    if seconds and not is_fresh(claims, seconds, exchange.site.clock()):
        raise Refused(401, "FreshSignInRequired", "the sign-in was too long ago")


def ways_in(exchange: Exchange, claims: Claims) -> frozenset[Way]:
    """By what this user can sign in here: accounts at providers that there are, passkeys, a link to
    their proven address, and a password or what the application knows, which they have done to be
    here (of these the store keeps none)."""
    site, user = exchange.site, claims["sub"]
    accounts = site.require_accounts()
    there = every(site, exchange.environ)
    outside = {each.id for each in there if isinstance(each, OAuth | OIDC)}
    local = {each.id for each in there if isinstance(each, FormProvider)} | {"app"}
    found = {Way("account", *each[:2]) for each in accounts.of(user) if each.provider in outside}
    if site.passkeys is not None:
        own = site.passkeys.provider.id
        found |= {Way("passkey", own, each.id) for each in site.passkeys.of(user)}
    if any(each.type == "email" for each in there) and accounts.has_address(user):
        found.add(Way("link"))
    if any(each == claims.get("provider") for each in local):  # another program may say anything
        found.add(Way("local"))
    return frozenset(found)


def _name(claims: Claims) -> str:
    return str(claims.get("name") or claims.get("email") or claims["sub"])


def _page(exchange: Exchange, error: str | None, status: int) -> WSGIApp:
    site, environ = exchange.site, exchange.environ
    claims = exchange.reading.claims
    assert claims is not None  # noqa: S101 - who is nobody was sent to the sign-in page
    ways = ways_in(exchange, claims)
    mine = site.require_accounts().of(claims["sub"])
    names = {each.id: each.name for each in every(site, environ)}
    on_offer = offered(site, environ)
    view = AccountView(
        csrf_token=exchange.handle.csrf_token,
        user_name=_name(claims),
        user_email=str(claims.get("email") or ""),
        accounts=tuple(
            AccountRow(
                each.provider,
                each.id,
                names.get(each.provider, each.provider),
                each.label,
                can_unlink=not is_last(Way("account", each.provider, each.id), ways),
            )
            for each in mine
        ),
        links=tuple(
            ProviderView(
                each.id,
                each.name,
                each.type,
                site.locations.endpoint(environ, f"account/link/{each.id}"),
            )
            for each in on_offer
            if isinstance(each, OAuth | OIDC) and each.id not in {one.provider for one in mine}
        ),
        passkeys=tuple(
            PasskeyRow(
                each.id,
                each.name,
                _day(each.created),
                can_remove=not is_last(Way("passkey", site.passkeys.provider.id, each.id), ways),
            )
            for each in site.passkeys.of(claims["sub"])
        )
        if site.passkeys
        else (),
        passkeys_url=site.locations.endpoint(environ, "account/passkeys") if site.passkeys else "",
        passkey_script=exchange.passkey_script if site.passkeys else "",
        page_url=site.locations.page(environ, "account"),
        sessions=tuple(
            _session(each, claims, site.config.session.update_age)
            for each in site.require_register().of(claims["sub"])
        ),
        unlink_url=site.locations.endpoint(environ, "account/unlink"),
        sessions_url=site.locations.endpoint(environ, "account/sessions"),
        sign_out_url=site.locations.page(environ, "sign_out"),
        home_url=site.locations.mount(environ) + "/",
        error_code=None if error is None else known_code(error),
        form_action=ways_to(on_offer),
    )
    return exchange.page(exchange.pages.account(view), status)


def _day(when: int) -> str:
    return _date(when).strftime("%Y-%m-%d")


def _date(when: int) -> datetime:
    """As near to it as a calendar comes: a clock may have been far off."""
    return datetime.fromtimestamp(min(max(when, 0), MAX_TIME - 1), UTC)


def _session(info: SessionInfo, claims: Claims, update_age: int) -> SessionRow:
    seen = _day(info.last_seen)
    if update_age < _TO_THE_MINUTE:
        seen = _date(info.last_seen).strftime("%Y-%m-%d %H:%M UTC")
    return SessionRow(
        id=info.id,
        agent=info.agent,
        address=info.address,
        seen=seen,
        is_this=info.id == claims.get("sid"),
    )


PAGE: Methods = {"GET": show}
QUESTION: Methods = {"GET": ask, "POST": confirm}
LINK: Methods = {"POST": start}
UNLINK: Methods = {"POST": unlink}
SESSIONS: Methods = {"POST": end}
