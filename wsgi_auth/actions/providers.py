"""``GET /providers``: what a sign-in page of the application's own can offer."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import offered
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Id to ``{id, name, type, signinUrl, callbackUrl}``, in the configuration's order."""
    endpoint = exchange.site.locations.endpoint
    base = exchange.site.locations.base(exchange.environ)

    def url(action: str) -> str:
        local = endpoint(exchange.environ, action)
        return base.absolute(local) if base is not None else local

    return exchange.json(
        {
            each.id: {
                "id": each.id,
                "name": each.name,
                "type": each.type,
                "signinUrl": url(f"signin/{each.id}"),
                "callbackUrl": url(f"callback/{each.id}"),
            }
            for each in offered(exchange.site, exchange.environ)
        }
    )


METHODS: Methods = {"GET": show}
