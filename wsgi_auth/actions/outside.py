"""Sign-in with another party: the way there, and the way back.

What lives here: what the browser brings and takes along (the flow's cookie, redirects). What must
not: the protocol's rules (``oauth``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from wsgi_auth.accounts import label_of
from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.offer import every
from wsgi_auth.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    OAuthError,
    ProviderUnavailable,
    StateLost,
    StoreUnavailable,
)
from wsgi_auth.oauth.checks import Flow, begin, find
from wsgi_auth.oauth.client import SignedIn
from wsgi_auth.oauth.logout import logout_url
from wsgi_auth.oauth.proven import ProvenAccount
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.sessions.lifecycle import ElsewhereInstead
from wsgi_auth.types import Account, WSGIApp

#: Most characters of what another site may say as it begins a sign-in: as of a return URL.
_LONGEST = 2_048


def depart(
    exchange: Exchange,
    provider: OAuth | OIDC,
    asked: Iterable[tuple[str, str]],
    subject: str = "",
    *,
    remember: bool = True,
) -> WSGIApp:
    """On to the provider; ``asked`` are the parameters of the request, of which some may be for
    the provider (``login_hint``, ...). ``subject``: the user who asks to link an account there.
    Without ``remember`` the session will last until the browser is closed.

    The body of the request is not read: it may be the application's (``actions/challenge``)."""
    site = exchange.site
    now = site.clock()
    back, target = _absolute(exchange, f"callback/{provider.id}"), exchange.callback_url
    with _causes_logged(exchange, provider):
        url, flow = site.client(provider).begin(back, target, now, asked)
    if not remember:
        flow = replace(flow, brief="y")
    if subject:
        flow = replace(flow, subject=subject)
    under_way = site.pending.read(provider, _cookies(exchange), now)
    exchange.handle.set_cookies(site.pending.write(provider, (*under_way, flow)))
    return exchange.go(url)


def arrive(exchange: Exchange, provider: OAuth | OIDC) -> WSGIApp:
    """Sign in whom the provider's answer proves, and go on to where the sign-in was begun.

    An answer to no sign-in of this browser never has its code exchanged (R076): somebody who is
    signed in goes to the default page and stays so, anybody else learns what happened.
    """
    with _causes_logged(exchange, provider):
        return _judged(exchange, provider)


@contextmanager
def _causes_logged(exchange: Exchange, provider: OAuth | OIDC) -> Iterator[None]:
    """Whatever goes wrong with the provider in the block is logged with its name, for the page that
    the visitor sees has no cause."""
    try:
        yield
    except (OAuthError, ProviderUnavailable) as problem:
        exchange.site.events.logger.warning("sign-in by %s failed: %s", provider.id, problem)
        raise


def _judged(exchange: Exchange, provider: OAuth | OIDC) -> WSGIApp:
    site = exchange.site
    now = site.clock()
    answer = exchange.pairs
    under_way = site.pending.read(provider, _cookies(exchange), now)
    flow = find(under_way, _state(answer))
    if flow is None or (flow.provider, flow.tenant, flow.redirect_uri) != (
        provider.id,
        provider.tenant,
        _absolute(exchange, f"callback/{provider.id}"),
    ):
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
    return (_link if flow.subject else _sign_in)(exchange, provider, flow, now)


def _sign_in(exchange: Exchange, provider: OAuth | OIDC, flow: Flow, now: float) -> WSGIApp:
    site = exchange.site
    signed_in = _proven(exchange, provider, flow, now)
    try:
        proof = signed_in.proof.but(remember=not flow.brief, since=now)
        begun = exchange.begin(signed_in.user, provider, proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(site.locations.return_url(exchange.environ, elsewhere.location))
    _keep(exchange, provider, signed_in, now)
    target = flow.callback_url
    if begun.is_new_user and site.config.pages.new_user is not None:
        target = site.locations.page(exchange.environ, "new_user", callbackUrl=target)
    return _onward(exchange, target)


def _link(exchange: Exchange, provider: OAuth | OIDC, flow: Flow, now: float) -> WSGIApp:
    """Link the account that the provider's answer proves to the user who asked for it.

    They must be signed in still: an answer never links to anybody else, nor signs in anybody. One
    that comes as a cross-site POST brings no session: what it proves is put aside, sealed, and its
    user is asked on a page of ours.
    """
    site = exchange.site
    exchange.of_account = True
    posted = exchange.environ["REQUEST_METHOD"] == "POST"
    if not posted and exchange.reading.subject != flow.subject:
        raise StateLost("callback", "the user who asked to link an account is not signed in here")
    signed_in = _proven(exchange, provider, flow, now)
    account = signed_in.proof.account
    assert account is not None  # noqa: S101 - another party's proof is one of an account
    try:
        claims = site.lifecycle.vetted(signed_in.user, provider, exchange.environ, signed_in.proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(site.locations.return_url(exchange.environ, elsewhere.location))
    proven = ProvenAccount(
        flow.subject, provider.id, provider.tenant, provider.type, account.provider_account_id,
        label_of(claims), flow.callback_url, int(now),
        signed_in.tokens if provider.tokens else None,
    )  # fmt: skip
    if not posted:
        return linked(exchange, proven)
    exchange.handle.set_cookies(site.proven.write(proven))
    return _onward(exchange, site.locations.endpoint(exchange.environ, "account/link"))


def linked(exchange: Exchange, proven: ProvenAccount) -> WSGIApp:
    """The account is linked to the user who asked for it; on to where that was."""
    accounts = exchange.site.require_accounts()
    if not accounts.knows(proven.subject):
        raise AccessDenied("the user who asked to link an account is no longer there")
    account = Account(proven.provider, proven.type, proven.account_id)
    accounts.link(proven.subject, account, exchange.environ, proven.label)
    _keep_in_account(exchange, account, proven.tokens, proven.tenant, exchange.site.clock())
    return _onward(exchange, proven.callback_url)


def _proven(exchange: Exchange, provider: OAuth | OIDC, flow: Flow, now: float) -> SignedIn:
    posted = exchange.environ["REQUEST_METHOD"] == "POST"
    return exchange.site.client(provider).finish(exchange.pairs, flow, now, posted=posted)


def _onward(exchange: Exchange, target: str) -> WSGIApp:
    if exchange.site.config.cookies.session.same_site == "Strict":
        # a redirect would still count as coming from the provider, and bring no such cookie
        return exchange.step_over(target)
    return exchange.go(target)


def _keep(exchange: Exchange, provider: OAuth | OIDC, signed_in: SignedIn, now: float) -> None:
    """Keep the tokens for the application, in the account where there is a store, or what the
    provider wants to see at sign-out."""
    leaves = isinstance(provider, OIDC) and provider.logout
    claims, tokens, account = exchange.handle.claims, signed_in.tokens, signed_in.proof.account
    kept = exchange.site.kept_tokens
    if kept is not None and account is not None:
        mine = tokens if provider.tokens else None
        _keep_in_account(exchange, account, mine, provider.tenant, now)
    if claims is None or not (leaves or (provider.tokens and kept is None)):
        return
    if not provider.tokens or kept is not None:
        tokens = Tokens("-", id_token=tokens.id_token)
    vault = exchange.site.vault
    try:
        exchange.handle.set_cookies(vault.write(_cookies(exchange), claims, {provider.id: tokens}))
    except ValueError as error:
        exchange.site.events.logger.error("the tokens of %s are not kept: %s", provider.id, error)


def _keep_in_account(
    exchange: Exchange, account: Account, tokens: Tokens | None, tenant: str, now: float
) -> None:
    """None: the provider keeps none (any more), so that there are none in the account either."""
    kept = exchange.site.kept_tokens
    if kept is None:
        return
    try:
        if tokens is None:
            kept.forget(account)
        else:
            kept.keep(account, tokens, tenant, now)
    except Exception as error:  # the next sign-in brings others, and this one is a sign-in
        is_known = isinstance(error, StoreUnavailable)
        exchange.site.events.logger.error(
            "the tokens of %s are not kept: %s", account.provider, error,
            exc_info=None if is_known else error,
        )  # fmt: skip


def leave(exchange: Exchange, provider: OIDC, id_token: str) -> WSGIApp | None:
    """On to the provider, which ends its session too and sends the browser back; None if it has no
    such endpoint, or cannot be asked where it is: ours has ended all the same."""
    site = exchange.site
    now = site.clock()
    back = _absolute(exchange, "signout")
    try:
        metadata = site.client(provider).metadata(now)
    except AuthError as error:
        site.events.logger.warning("signed out here, but not at %s: %s", provider.id, error)
        return None
    flow = begin(provider, back, exchange.callback_url, now)
    url = logout_url(provider, metadata, return_to=back, state=flow.state, id_token=id_token)
    if url is None:
        return None
    under_way = site.pending.read(provider, _cookies(exchange), now)
    exchange.handle.set_cookies(site.pending.write(provider, (*under_way, flow)))
    return exchange.go(url)


def left(exchange: Exchange) -> WSGIApp:
    """Back from the provider after sign-out: on to where it was to lead, if the state is ours."""
    exchange.require_visit()
    site = exchange.site
    now = site.clock()
    back = _absolute(exchange, "signout")
    for provider in every(site, exchange.environ):
        if not isinstance(provider, OIDC) or not provider.logout:
            continue
        under_way = site.pending.read(provider, _cookies(exchange), now)
        flow = find(under_way, exchange.query.get("state", ""))
        if flow is not None and (flow.tenant, flow.redirect_uri) == (provider.tenant, back):
            others = tuple(each for each in under_way if each is not flow)
            exchange.handle.set_cookies(site.pending.write(provider, others))
            return exchange.go(flow.callback_url)
    site.events.logger.warning("somebody came back with a state of no sign-out of this browser")
    raise StateLost("logout", "the state belongs to no sign-out of this browser")


def initiated(exchange: Exchange, provider: OIDC) -> WSGIApp:
    """A sign-in that another site begins (OpenID Connect Core section 4): only for the issuer that
    is configured, and only to a target that is ours (R090)."""
    query = exchange.query
    _check_initiator(query.get("iss"), provider)
    wanted = query.get("target_link_uri")
    exchange.callback_url = exchange.site.locations.return_url(exchange.environ, wanted)
    hints = [("login_hint", query["login_hint"])] if "login_hint" in query else []
    return depart(exchange, provider, hints)


def initiated_by_post(exchange: Exchange, provider: OIDC) -> WSGIApp:
    """The same by POST: nothing but a redirect to the GET that says it. A POST of another site
    comes without the browser's cookies, so it could only write over the sign-ins under way."""
    _check_initiator(exchange.text("iss"), provider)
    params = {name: exchange.text(name) for name in ("iss", "login_hint", "target_link_uri")}
    given = {name: value for name, value in params.items() if 0 < len(value) <= _LONGEST}
    action = f"signin/{provider.id}"
    return exchange.go(exchange.site.locations.endpoint(exchange.environ, action, **given))


def _check_initiator(issuer: str | None, provider: OIDC) -> None:
    if issuer != provider.issuer:
        raise Refused(400, "BadRequest", "iss is not the issuer of this provider")


def _absolute(exchange: Exchange, action: str) -> str:
    """An absolute URL of ours, which is registered at the provider: from ``url`` alone."""
    locations = exchange.site.locations
    base = locations.base(exchange.environ)
    if base is None:
        raise ConfigError("url", "is needed: a provider sends the browser back there")
    return base.absolute(locations.endpoint(exchange.environ, action))


def _state(answer: tuple[tuple[str, str], ...]) -> str:
    """The state, if there is one and only one."""
    states = [value for name, value in answer if name == "state"]
    return states[0] if len(states) == 1 else ""


def _cookies(exchange: Exchange) -> str:
    return exchange.environ.get("HTTP_COOKIE") or ""
