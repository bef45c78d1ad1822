"""``GET /client.js`` and ``/passkey.js``: the browser's side, the same for everybody."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.actions.methods import Methods
from wsgi_auth.pages.script import Script
from wsgi_auth.providers.base import Provider
from wsgi_auth.responders import NO_SNIFF, Answer, answer
from wsgi_auth.types import WSGIApp

SCRIPT = ("Content-Type", "text/javascript; charset=utf-8")
#: One year: RFC 9111 section 1.2.2 and RFC 8246. The URL changes with the text.
FOR_EVER = ("Cache-Control", "public, max-age=31536000, immutable")
#: May be kept, but not used unasked.
ASK_FIRST = ("Cache-Control", "public, no-cache")


def serve(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The module; under ``?v=`` and its version it may be kept for ever."""
    return _served(exchange, exchange.site.script)


def serve_passkeys(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The module for passkeys, likewise."""
    return _served(exchange, exchange.site.passkey_script)


def _served(exchange: Exchange, script: Script) -> WSGIApp:
    tag = f'"{script.version}"'
    caching = FOR_EVER if exchange.query.get("v") == script.version else ASK_FIRST
    headers = [caching, ("ETag", tag), NO_SNIFF]
    if tag in (exchange.environ.get("HTTP_IF_NONE_MATCH") or ""):
        return Answer("304 Not Modified", headers)
    return answer(200, [SCRIPT, *headers], script.body)


METHODS: Methods = {"GET": serve}
OF_PASSKEYS: Methods = {"GET": serve_passkeys}
