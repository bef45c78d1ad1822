"""``GET /session``: the session as JSON, or ``null``. ``POST``: update it."""

from __future__ import annotations

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.errors import NO_JSON, UsageError, no_json
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import Session, WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """What ``environ["auth.session"]`` holds. Renews as any other request does."""
    session = exchange.reading.session
    if session is not None:
        exchange.site.events.fire(
            "session", exchange.environ, session=session, claims=exchange.reading.claims
        )
    return _shown(exchange, session)


def update(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """``{"csrfToken", "data"}``: the ``jwt`` callback is told ``data``; the session as it is then.

    ``data`` comes from the browser: the callback decides what of it counts.
    """
    exchange.require_writable()
    exchange.require_csrf()
    if exchange.reading.session is None:
        raise Refused(401, "SessionRequired", "nobody is signed in")
    try:
        return _shown(exchange, exchange.handle.update(exchange.form.get("data")))
    except UsageError as error:
        exchange.site.events.logger.warning("POST /session: %s", error)
        raise Refused(400, "UpdateUnavailable", str(error)) from None


def _shown(exchange: Exchange, session: Session | None) -> WSGIApp:
    try:
        return exchange.json(session)
    except NO_JSON as error:
        raise no_json("session", "returned", error) from error


METHODS: Methods = {"GET": show, "POST": update}
