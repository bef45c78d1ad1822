"""``GET /error``: what went wrong, in our own words for a known code (R070)."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.pages import ErrorView
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page for ``?error=``, or the application's own with the code handed over."""
    code = exchange.query.get("error", "")
    site, environ = exchange.site, exchange.environ
    if site.config.pages.error is not None:
        return exchange.go(site.locations.page(environ, "error", error=code))
    return error_page(exchange, code, None)


def error_page(exchange: Exchange, code: str, status: int | None) -> WSGIApp:
    """The built-in page for a code; its status is the code's own if none is given."""
    site, environ = exchange.site, exchange.environ
    sign_in_url: str | None = site.locations.page(
        environ, "sign_in", callbackUrl=exchange.callback_url
    )
    if site.config.session.read_only and site.config.pages.sign_in is None:
        sign_in_url = None  # it would say the same
    view = ErrorView(
        code=code,
        sign_in_url=sign_in_url,
        home_url=site.locations.mount(environ) + "/",
    )
    page = exchange.pages.error(view)
    return exchange.page(page, status or page.status)


METHODS: Methods = {"GET": show}
