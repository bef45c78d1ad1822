"""``/backchannel-logout/{provider}`` and ``/frontchannel-logout/{provider}``: somebody has left the
provider, and their session here ends too.

What lives here: what a provider says behind the browser's back (OpenID Connect Back-Channel Logout
1.0), and what it has the browser say (Front-Channel Logout 1.0). What must not: the checks of a
logout token (``oauth/id_token``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.caching import NO_STORE
from wsgi_auth.errors import AuthError, OAuthError, ProviderUnavailable, StoreUnavailable
from wsgi_auth.events import shown
from wsgi_auth.oauth.id_token import LogoutNotice
from wsgi_auth.providers.base import Provider
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.providers.per_request import party_of
from wsgi_auth.responders import NO_SNIFF, TEXT, answer
from wsgi_auth.types import Claims, WSGIApp

Handler: TypeAlias = Callable[[Exchange, Provider | None], WSGIApp]
#: Most characters of a provider's name for its session.
_LONGEST = 255


# --- behind the browser's back --------------------------------------------------------------


def behind(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """End what the logout token says. The request proves itself by the token's signature alone: it
    is the provider's own, so there is no cookie and no CSRF token (section 2.5).

    200 also if there was nothing to end; 400 for a token that is not right, and for one that came
    before; 503 where it could not be done now. Never anything that a cache keeps (section 2.8)."""
    assert isinstance(provider, OIDC)  # noqa: S101 - only such a provider has this endpoint
    logger = exchange.site.events.logger
    try:
        exchange.require_writable()
        ended = _obeyed(exchange, provider)
    except AuthError as problem:
        if not isinstance(problem, Refused | OAuthError | ProviderUnavailable | StoreUnavailable):
            raise
        status = 400 if isinstance(problem, OAuthError) else problem.status
        logger.log(
            40 if status >= 500 else 30,
            "%s said that somebody has left, to no effect: %s", provider.id, shown(problem),
        )  # fmt: skip
        if status >= 500:
            later = exchange.json({"error": "temporarily_unavailable"}, 503)
            later.headers.append(("Retry-After", "5"))  # type: ignore[attr-defined]
            return later
        said = {"error": "invalid_request", "error_description": str(problem)}
        return exchange.json(said, status)
    logger.info("%s said that somebody has left; sessions ended: %d", provider.id, ended)
    return answer(200, [NO_STORE, TEXT], b"")


def _obeyed(exchange: Exchange, provider: OIDC) -> int:
    """How many sessions a good token has ended.

    What is heard is written down last: a token that could not be obeyed is one that may come
    again. Two of the same at once end the same sessions, so that no order of them matters."""
    site = exchange.site
    given = [value for name, value in exchange.pairs if name == "logout_token"]
    if len(given) != 1:
        raise Refused(400, "BadRequest", "a form with one logout_token is expected")
    now = site.clock()
    notice = site.client(provider).logout_notice(given[0], now)
    notes = site.require_at_providers()
    if notes.was_heard(provider.id, provider.tenant, notice.jti):
        raise OAuthError("logout", "a token of this jti has come before")
    ended = _ended(exchange, provider, notice, now)
    notes.hear(provider.id, provider.tenant, notice.jti, notice.expires)
    return ended


def _ended(exchange: Exchange, provider: OIDC, notice: LogoutNotice, now: float) -> int:
    site = exchange.site
    notes, register = site.require_at_providers(), site.require_register()
    users = []
    if notice.sid:
        notes.close(provider.id, provider.tenant, notice.sid, now)
        users.append(notes.user_of(provider.id, provider.tenant, notice.sid))
    if notice.subject and provider.knows_by_sub:
        subject = notice.subject
        if provider.tenant:
            subject = f"{party_of(provider)}:{subject}"
        assert site.adapter is not None  # noqa: S101 - there is a register
        owner = site.adapter.get_user_by_account(provider.id, subject)
        users.append("" if owner is None else owner.id)
    elif not notice.sid:
        raise OAuthError(
            "logout", "it has no sid, and the profile of this provider knows nobody by sub"
        )
    ended = [
        claims
        for user in sorted({each for each in users if each})
        for claims in register.end_at_provider(user, provider.id, notice.sid, provider.tenant)
    ]
    _tell(exchange, ended)
    return len(ended)


# --- by the browser -------------------------------------------------------------------------


def through(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """End the session that the query names, or this browser's, from a frame in a page of the
    provider; an empty page that nobody else can frame.

    Nothing is signed here: whoever knows the ``sid``, which is the provider's secret and the
    browser's, can end that session (section 4). Without ``iss`` and ``sid`` it can only be this
    browser's, and only in a frame: a link or a redirect signs nobody out."""
    assert isinstance(provider, OIDC)  # noqa: S101 - only such a provider has this endpoint
    exchange.require_visit()
    exchange.require_writable()
    issuer, sid = _once(exchange, "iss"), _once(exchange, "sid")
    if bool(issuer) != bool(sid):
        raise Refused(400, "BadRequest", "iss and sid come together (Front-Channel Logout 1.0, 2)")
    if not sid and provider.frontchannel_logout_session_required:
        raise Refused(400, "BadRequest", "iss and sid are required of this provider")
    if sid:
        if not provider.may_be_issuer(issuer):
            raise Refused(400, "BadRequest", "iss is not the issuer of this provider")
        if len(sid) <= _LONGEST:
            _end_session(exchange, provider, sid)
    elif exchange.environ.get("HTTP_SEC_FETCH_DEST") not in ("iframe", "frame"):
        raise Refused(400, "BadRequest", "without iss and sid it is only for a frame")
    claims = exchange.reading.claims
    if (
        claims is not None
        and claims.get("provider") == provider.id
        and claims.get("tenant", "") == provider.tenant
        and (not sid or claims.get("provider_sid") == sid)
    ):
        exchange.handle.sign_out()
    policy = f"default-src 'none'; frame-ancestors {' '.join(_origins(exchange, provider))}"
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy),
               NO_STORE, NO_SNIFF, ("Referrer-Policy", "no-referrer")]  # fmt: skip
    return answer(200, headers, b"<!doctype html><title>Signed out</title>\n")


def _end_session(exchange: Exchange, provider: OIDC, sid: str) -> None:
    """By the store, for in a frame the session's cookie is usually missing. Of a name that is
    nobody's here nothing is written: anybody could send many."""
    site = exchange.site
    notes = site.require_at_providers()
    user = notes.user_of(provider.id, provider.tenant, sid)
    if user:
        notes.close(provider.id, provider.tenant, sid, site.clock())
        ended = site.require_register().end_at_provider(user, provider.id, sid, provider.tenant)
        site.events.logger.info(
            "a browser at %s left; sessions of %s ended: %d", provider.id, shown(user), len(ended)
        )
        # that of this very browser is signed out below, which tells it
        claims = exchange.reading.claims
        here = None if claims is None else claims.get("sid")
        _tell(exchange, [each for each in ended if each.get("sid") != here])


def _tell(exchange: Exchange, ended: list[Claims]) -> None:
    """The event ``sign_out``, once for each session; what is known of one is in its record."""
    for claims in ended:
        exchange.site.lifecycle.ended(claims, exchange.environ, "provider")


def _once(exchange: Exchange, name: str) -> str:
    given = [value for each, value in exchange.pairs if each == name]
    if len(given) > 1:
        raise Refused(400, "BadRequest", f"{name} is given twice")
    return given[0] if given else ""


def _origins(exchange: Exchange, provider: OIDC) -> list[str]:
    """The provider's own: of its issuer, and of the page that people leave by."""
    site = exchange.site
    urls = [provider.issuer]
    try:
        urls.append(site.client(provider).metadata(site.clock()).end_session_endpoint or "")
    except AuthError as error:
        site.events.logger.warning("%s: its page may not frame ours: %s", provider.id, error)
    found = (urlsplit(url) for url in urls if url)
    return sorted({f"{each.scheme}://{each.netloc}" for each in found})


def backchannel(provider: Provider | None) -> Methods:
    """POST, where the provider is to be heard."""
    return {"POST": _if_heard(behind, provider, "backchannel_logout")}


def frontchannel(provider: Provider | None) -> Methods:
    """GET, where the provider is to be heard."""
    return {"GET": _if_heard(through, provider, "frontchannel_logout")}


def _if_heard(handler: Handler, provider: Provider | None, option: str) -> Handler:
    if not getattr(provider, option, False):  # one that is made per request may go without
        raise Refused(404, "NotFound", f"this provider has no {option} here")
    return handler
