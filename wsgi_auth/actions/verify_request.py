"""``GET /verify-request``: "look into your mail"."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.pages import VerifyRequestView
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page, or the application's own."""
    site, environ = exchange.site, exchange.environ
    if site.config.pages.verify_request is not None:
        return exchange.go(site.locations.page(environ, "verify_request"))
    base = site.locations.base(environ)
    host = "" if base is None else base.origin.partition("://")[2]  # as the mail has it
    again = site.locations.page(environ, "sign_in")  # a mistyped address, say
    return exchange.page(
        exchange.pages.verify_request(VerifyRequestView(host=host, sign_in_url=again))
    )


METHODS: Methods = {"GET": show}
