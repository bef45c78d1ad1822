"""``GET /signout``: a page that asks. ``POST``: sign out."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import every
from wsgi_auth.actions.outside import leave, left
from wsgi_auth.actions.signin import ways_to
from wsgi_auth.errors import CallbackError
from wsgi_auth.pages import SignOutView
from wsgi_auth.providers.base import Provider
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.types import WSGIApp


def ask(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page, or the application's own. A GET signs nobody out: any page could make one."""
    site, environ = exchange.site, exchange.environ
    if "state" in exchange.query and any(_leaves(each) for each in every(site, environ)):
        return left(exchange)
    url = _onward(exchange)
    if site.config.pages.sign_out is not None:
        return exchange.go(site.locations.page(environ, "sign_out", callbackUrl=url))
    exchange.require_writable()
    session, party = exchange.reading.session, _party(exchange)
    user = {} if session is None else session.user
    view = SignOutView(
        action_url=site.locations.endpoint(environ, "signout"),
        csrf_token=exchange.handle.csrf_token,
        callback_url=url,
        form_action=(*exchange.foreign_origins, *ways_to(() if party is None else (party,))),
        user_name=user.get("name") or user.get("email") or user.get("id"),
    )
    return exchange.page(exchange.pages.sign_out(view))


def sign_out(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """End the session, at the provider too where ``logout`` says so; go on to ``callbackUrl``."""
    exchange.require_writable()
    url = _onward(exchange)
    claims = exchange.reading.held.claims
    if claims is None:  # a second click, or another tab: it is as was asked for
        return exchange.go(url)
    exchange.require_csrf()
    site, party = exchange.site, _party(exchange)
    id_token = ""
    if party is not None:
        held = site.vault.read(exchange.environ.get("HTTP_COOKIE") or "", claims).get(party.id)
        id_token = held.id_token if held is not None else ""
    exchange.handle.sign_out()
    there = None if party is None else leave(exchange, party, id_token)
    return exchange.go(url) if there is None else there


def _onward(exchange: Exchange) -> str:
    """Where to go on. A ``redirect`` callback that fails keeps nobody signed in."""
    try:
        return exchange.callback_url
    except CallbackError as error:
        site = exchange.site
        site.events.logger.error("signing out leads to the root: %s", error, exc_info=error)
        exchange.callback_url = url = site.locations.mount(exchange.environ) + "/"
        return url


def _party(exchange: Exchange) -> OIDC | None:
    """The provider of this session, where it is to be left as well. No other is asked for: one that
    cannot be made for this request keeps nobody signed in."""
    claims, site = exchange.reading.held.claims, exchange.site
    if claims is None:
        return None
    for each in site.config.providers:
        if each.id == claims.get("provider"):
            found = site.tenants.provider(each, exchange.environ)
            return found if isinstance(found, OIDC) and found.logout else None
    return None


def _leaves(provider: Provider) -> bool:
    return isinstance(provider, OIDC) and provider.logout


METHODS: Methods = {"GET": ask, "POST": sign_out}
