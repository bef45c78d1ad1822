"""``GET /signout``: a page that asks. ``POST``: sign out."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.pages import SignOutView
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp


def ask(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page, or the application's own. A GET signs nobody out: any page could make one."""
    site, environ = exchange.site, exchange.environ
    url = exchange.callback_url
    if site.config.pages.sign_out is not None:
        return exchange.go(site.locations.page(environ, "sign_out", callbackUrl=url))
    session = exchange.reading.session
    user = {} if session is None else session.user
    view = SignOutView(
        action_url=site.locations.endpoint(environ, "signout"),
        csrf_token=exchange.handle.csrf_token,
        callback_url=url,
        form_action=exchange.foreign_origins,
        user_name=user.get("name") or user.get("email") or user.get("id"),
    )
    return exchange.page(site.pages.sign_out(view))


def sign_out(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """End the session and go on to ``callbackUrl``."""
    exchange.require_csrf()
    url = exchange.callback_url
    exchange.handle.sign_out()
    return exchange.go(url)


METHODS: Methods = {"GET": ask, "POST": sign_out}
