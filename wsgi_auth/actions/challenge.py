"""To a provider because the application says so, and back to the page that it was about."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.failure import failure
from wsgi_auth.actions.offer import is_offered
from wsgi_auth.actions.outside import depart
from wsgi_auth.errors import AuthError
from wsgi_auth.providers.base import Provider
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.types import WSGIApp


def sent_to(exchange: Exchange, provider: Provider, page: str) -> WSGIApp:
    """On to ``provider``; to ``page``, the sign-in page with its return URL, if it has a form of
    its own. The body of the request is the application's and is not read."""
    locations, environ = exchange.site.locations, exchange.environ
    # first something that cannot fail: a failure would look for it in the body
    exchange.callback_url = locations.mount(environ) + "/"
    try:
        back = dict(parse_qsl(urlsplit(page).query)).get("callbackUrl")
        exchange.callback_url = locations.return_url(environ, back)
        exchange.require_writable()
        provider = exchange.of_this_request(provider)
        if not is_offered(exchange.site, environ, provider):
            raise Refused(404, "NotFound", "this provider is not on offer here")
        if isinstance(provider, OAuth | OIDC):
            return depart(exchange, provider, ())
        return exchange.go(page)
    except AuthError as problem:
        return failure(exchange, problem, "challenge")
