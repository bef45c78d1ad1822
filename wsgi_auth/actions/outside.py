"""Sign-in with another party: the way there, and the way back.

What lives here: what the browser brings and takes along (the flow's cookie, redirects). What must
not: the protocol's rules (``oauth``).
"""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.errors import ConfigError, StateLost
from wsgi_auth.oauth.checks import Flow, find
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.sessions.lifecycle import ElsewhereInstead
from wsgi_auth.types import WSGIApp


def depart(exchange: Exchange, provider: OAuth | OIDC, asked: Iterable[tuple[str, str]]) -> WSGIApp:
    """On to the provider; ``asked`` are the parameters of the request, of which some may be for
    the provider (``login_hint``, ...)."""
    site = exchange.site
    now = site.clock()
    url, flow = site.client(provider).begin(
        _callback(exchange, provider), exchange.callback_url, now, asked
    )
    under_way = site.pending.read(provider, _cookies(exchange), now)
    exchange.handle.set_cookies(site.pending.write(provider, (*under_way, flow)))
    return exchange.go(url)


def arrive(exchange: Exchange, provider: OAuth | OIDC) -> WSGIApp:
    """Sign in whom the provider's answer proves, and go on to where the sign-in was begun.

    An answer to no sign-in of this browser never has its code exchanged (R076): somebody who is
    signed in goes to the default page and stays so, anybody else learns what happened.
    """
    site = exchange.site
    now = site.clock()
    answer = exchange.pairs
    under_way = site.pending.read(provider, _cookies(exchange), now)
    flow = find(under_way, _state(answer))
    if flow is None or flow.provider != provider.id:
        if exchange.reading.session is not None:
            site.events.logger.warning(
                "an answer of %s belongs to no sign-in of this browser; it stays signed in",
                provider.id,
            )
            return exchange.go(site.locations.return_url(exchange.environ, None))
        raise StateLost(
            "callback",
            f"the answer of {provider.id} belongs to no sign-in of this browser: its cookie is "
            "gone, too old or of another address, or the answer came before",
        )
    # whatever comes of it, it was for once
    left = tuple(each for each in under_way if each is not flow)
    exchange.handle.set_cookies(site.pending.write(provider, left))
    exchange.callback_url = flow.callback_url
    return _sign_in(exchange, provider, flow, now)


def _sign_in(exchange: Exchange, provider: OAuth | OIDC, flow: Flow, now: float) -> WSGIApp:
    site = exchange.site
    posted = exchange.environ["REQUEST_METHOD"] == "POST"
    signed_in = site.client(provider).finish(exchange.pairs, flow, now, posted=posted)
    try:
        exchange.handle.begin(signed_in.user, provider, signed_in.proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(site.locations.return_url(exchange.environ, elsewhere.location))
    return exchange.go(flow.callback_url)


def initiated(exchange: Exchange, provider: OIDC) -> WSGIApp:
    """A sign-in that another site begins (OpenID Connect Core section 4): only for the issuer that
    is configured, and only to a target that is ours (R090)."""
    query = exchange.query
    if query.get("iss") != provider.issuer:
        raise Refused(400, "BadRequest", "iss is not the issuer of this provider")
    wanted = query.get("target_link_uri")
    exchange.callback_url = exchange.site.locations.return_url(exchange.environ, wanted)
    hints = [("login_hint", query["login_hint"])] if "login_hint" in query else []
    return depart(exchange, provider, hints)


def _callback(exchange: Exchange, provider: OAuth | OIDC) -> str:
    """Our absolute callback URL, which is registered at the provider: from ``url`` alone."""
    locations = exchange.site.locations
    base = locations.base(exchange.environ)
    if base is None:
        raise ConfigError("url", f"is needed for {provider.id}: it sends the browser back there")
    return base.absolute(locations.endpoint(exchange.environ, f"callback/{provider.id}"))


def _state(answer: tuple[tuple[str, str], ...]) -> str:
    """The state, if there is one and only one."""
    states = [value for name, value in answer if name == "state"]
    return states[0] if len(states) == 1 else ""


def _cookies(exchange: Exchange) -> str:
    return exchange.environ.get("HTTP_COOKIE") or ""
