"""``GET /csrf``: a token for forms and scripts of this browser."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """``{"csrfToken": ...}``, with the cookie that it is bound to."""
    return exchange.json({"csrfToken": exchange.handle.csrf_token})


METHODS: Methods = {"GET": show}
