"""Sign-in by a link in a mail: asked for by ``POST /signin/{id}``, followed to ``/callback/{id}``.

A GET of the link only shows a page and uses nothing up, for programs that look into mails follow
links too. Its form signs in: where the link was asked for by one click, in any other browser only
with a field that the page there has, beside the words that say so. A stranger's link, sent to
somebody to sign them in as the stranger, gets no further than that page.

Whoever asks learns nothing about an address: the answer, its time and what is asked of the store
are the same whether it is a user's, may be one's, or may not sign in (then no mail is sent, and the
log says why). The one exception is ``allow_domains`` alone, which says nothing about a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.offer import is_offered
from wsgi_auth.addresses import address_in, client_address
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import (
    AccessDenied,
    ConfigError,
    EmailInvalid,
    EmailSignin,
    RecipientRefused,
    StoreUnavailable,
    VerificationFailed,
)
from wsgi_auth.events import shown
from wsgi_auth.mailing import Mail, address
from wsgi_auth.pages import EMAIL_FIELD, ConfirmView, MailView
from wsgi_auth.protocols import Adapter
from wsgi_auth.providers.base import Provider
from wsgi_auth.providers.email import Email
from wsgi_auth.records import VerificationToken
from wsgi_auth.sessions.lifecycle import ElsewhereInstead
from wsgi_auth.site import Site
from wsgi_auth.tokens import random_token
from wsgi_auth.types import Account, Environ, Proof, WSGIApp
from wsgi_auth.urls import BaseURL

#: The field by which a form says that its page has told of another browser.
ELSEWHERE = "elsewhere"
#: The version of what is written about a link.
_VERSION = 1
#: Seconds after a sign-in within which the same form is taken for a second click.
_A_MOMENT = 60
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class _Link(NamedTuple):
    """A link that works: what was noted as it was asked for, and whether this browser did."""

    record: VerificationToken
    target: str
    remember: bool
    asked: tuple[str, str, str]
    is_here: bool


def ask(exchange: Exchange, provider: Email) -> WSGIApp:
    """Mail a link to the address in the form, and on to "look into your mail"."""
    site, environ = exchange.site, exchange.environ
    to = address(exchange.text(EMAIL_FIELD))
    if to is None:
        raise EmailInvalid("what was typed is no e-mail address")
    # in words that no other provider's account has: who asks for links locks no password
    site.attempts.attempt(f"link to {_mailbox(to)}", environ)
    _refuse_openly(site, to)
    now = site.clock()
    site.sweep()
    try:
        may = site.lifecycle.may_be_asked(_user(site, to), provider, environ)
    except ElsewhereInstead as elsewhere:
        return exchange.go(site.locations.return_url(environ, elsewhere.location))
    mail = _prepared(exchange, provider, to, now)
    try:
        if may:
            site.mailer.send(mail, provider.mail_server, provider.send, now)
        else:
            site.mailer.send_none(provider.mail_server, provider.send)
    except RecipientRefused as problem:
        site.events.logger.warning("no link by %s for %s: %s", provider.id, shown(to), problem)
    except EmailSignin as problem:
        site.events.logger.error("no link by %s for %s: %s", provider.id, shown(to), problem)
        raise
    return exchange.go(
        site.locations.page(environ, "verify_request", provider=provider.id, type=provider.type)
    )


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page of a link, which asks whether to sign in; nothing is used up."""
    assert isinstance(provider, Email)  # noqa: S101 - callback.methods has looked
    _open(exchange, provider)
    site, environ = exchange.site, exchange.environ
    _refuse_loaded(environ)
    token = exchange.query.get("token", "")
    link = _found(exchange, provider, exchange.query)
    exchange.callback_url = link.target
    fields = [("token", token), (EMAIL_FIELD, link.record.identifier)]
    fields.append(("callbackUrl", link.target))  # for a second click, when the link is used up
    if not link.is_here:
        fields.append((ELSEWHERE, "true"))
    session = exchange.reading.session
    view = ConfirmView(
        action_url=site.locations.endpoint(environ, f"callback/{provider.id}"),
        csrf_token=exchange.handle.csrf_token,
        host=_host(_base(site, environ)),
        email=link.record.identifier,
        fields=tuple(fields),
        asked=None if link.is_here else link.asked,
        cancel_url=site.locations.mount(environ) + "/",
        signed_in_as=None
        if session is None
        else str(session.user.get("email") or session.user.get("id") or ""),
        form_action=exchange.foreign_origins,
    )
    return exchange.page(exchange.pages.confirm(view))


def confirm(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Sign in who has followed the link and said yes: the link is used up."""
    assert isinstance(provider, Email)  # noqa: S101 - callback.methods has looked
    exchange.require_csrf(signs_in=True)
    _open(exchange, provider)
    site, environ = exchange.site, exchange.environ
    since = site.clock()
    try:
        link = _found(exchange, provider, exchange.form)
    except VerificationFailed:
        if _has_just_signed_in(exchange, provider):  # by this very form: a second click
            return exchange.go(exchange.callback_url)
        raise
    if not link.is_here and exchange.text(ELSEWHERE) != "true":
        raise Refused(400, "InvalidCheck", "the link was asked for by another browser")
    record = link.record
    if _store(site).use_verification_token(record.identifier, record.token) is None:
        raise VerificationFailed("the link was used a moment ago")
    exchange.callback_url = link.target
    to = record.identifier
    proof = Proof(Account(provider.id, "email", to), remember=link.remember, since=since)
    try:
        begun = exchange.begin(_user(site, to), provider, proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(site.locations.return_url(environ, elsewhere.location))
    target = link.target
    if begun.is_new_user and site.config.pages.new_user is not None:
        target = site.locations.page(environ, "new_user", callbackUrl=target)
    return exchange.go(target)


# --- asking -------------------------------------------------------------------------------------


def _mailbox(to: str) -> str:
    """What is limited together: mail to ``ada+anything@`` arrives at ``ada@`` with most servers."""
    local, _, domain = to.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _refuse_openly(site: Site, to: str) -> None:
    """``allow_domains`` alone is about no person, so who has typed another address is told."""
    config: AuthConfig = site.config
    if config.allow_domains is None or config.allow_emails is not None:
        return
    if to.rpartition("@")[2] not in config.allow_domains:
        site.events.logger.warning("no link for %s: allow_domains", shown(to))
        raise AccessDenied("the address is of no domain that is allowed")


def _prepared(exchange: Exchange, provider: Email, to: str, now: float) -> Mail:
    """The mail, with a link that the store knows."""
    site, environ = exchange.site, exchange.environ
    base = _base(site, environ)
    token = random_token()
    asks = site.config.session.remember == "ask"  # a box that is not ticked is not sent
    asked = _asked(exchange, now)
    valid = next(
        each
        for each in exchange.browsers
        if site.csrf.valid(exchange.form.get("csrfToken"), each, exchange.reading.held.claims)
    )
    noted = {
        "v": _VERSION,
        "target": exchange.callback_url,
        "remember": exchange.remembers(otherwise=not asks),
        "asked": asked,
        "browser": _hashed("browser", valid),
    }
    expires = int(now) + provider.max_age
    _store(site).create_verification_token(
        VerificationToken(to, _hashed(f"link of {provider.id}", token), expires, json.dumps(noted))
    )
    local = site.locations.endpoint(
        environ, f"callback/{provider.id}", token=token, **{EMAIL_FIELD: to}
    )
    url, host = base.absolute(local), _host(base)
    letter = exchange.pages.mail(MailView(url, host, provider.max_age // 60, asked))
    return Mail(
        to, provider.sender, letter.subject, host, expires, url, letter.text, letter.html
    )  # fmt: skip


def _asked(exchange: Exchange, now: float) -> tuple[str, str, str]:
    """When, by what and from where a link is asked for: words of ours and what has been parsed,
    for it will stand in a mail to somebody who may not have asked."""
    site, environ, texts = exchange.site, exchange.environ, exchange.pages.texts
    time = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%d %H:%M UTC")
    peer = address_in(client_address(environ, site.config.trusted_proxies))
    device = _device(str(environ.get("HTTP_USER_AGENT") or "")) or texts["device.unknown"]
    return time, device, str(peer or texts["device.address_unknown"])


#: What a User-Agent says, most telling first: many browsers also claim to be others.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def _device(agent: str) -> str:
    """``Firefox, Windows``: from a fixed vocabulary, "" if nothing is recognised."""
    found = (
        next((name for mark, name in table.items() if mark in agent[:1_000]), "")
        for table in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(filter(None, found))


# --- following ----------------------------------------------------------------------------------


def _open(exchange: Exchange, provider: Email) -> None:
    exchange.require_writable()
    if not is_offered(exchange.site, exchange.environ, provider):
        raise Refused(404, "NotFound", "this provider is not on offer here")


def _refuse_loaded(environ: Environ) -> None:
    """A link is opened. Another site's page that loads one as a picture, or in a frame, wants its
    visitors to use up their attempts."""
    if environ.get("HTTP_SEC_FETCH_DEST", "document") == "document":
        return
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none"):
        raise Refused(400, "BadRequest", "a link is opened, not loaded by another site's page")


def _found(exchange: Exchange, provider: Email, given: Mapping[str, Any]) -> _Link:
    """The link of this token and address; :class:`VerificationFailed` for any other."""
    site, environ = exchange.site, exchange.environ
    token, to = given.get("token"), address(given.get(EMAIL_FIELD))
    attempt = site.attempts.attempt("", environ)
    if to is None or not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise VerificationFailed("no link of ours")
    try:
        record = _store(site).get_verification_token(to, _hashed(f"link of {provider.id}", token))
    except StoreUnavailable:
        attempt.succeeded()  # nobody has looked at it
        raise
    link = None if record is None else _read(exchange, record)
    if link is None or link.record.expires <= site.clock():
        raise VerificationFailed("the link was used, has expired, or never was")
    attempt.succeeded()
    return link


def _has_just_signed_in(exchange: Exchange, provider: Email) -> bool:
    """Whether the session is one that a link to the address of this form began a moment ago."""
    claims = exchange.reading.claims
    if claims is None or claims.get("provider") != provider.id:
        return False
    began, to = claims.get("auth_time"), address(exchange.text(EMAIL_FIELD))
    is_recent = type(began) is int and exchange.site.clock() < began + _A_MOMENT
    # as a provider spelt it, perhaps
    return is_recent and to is not None and address(claims.get("email")) == to


def _read(exchange: Exchange, record: VerificationToken) -> _Link | None:
    """A record of the store; None for what this release does not know."""
    try:
        noted = json.loads(record.data)
        if noted["v"] != _VERSION:
            return None
        time, device, client = map(str, noted["asked"])
        browser, remember = str(noted["browser"]), noted["remember"] is True
        target = exchange.site.locations.return_url(exchange.environ, noted["target"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_here = any(_hashed("browser", each) == browser for each in exchange.browsers)
    return _Link(record, target, remember, (time, device, client), is_here)


# --- both ---------------------------------------------------------------------------------------


def _user(site: Site, to: str) -> Mapping[str, Any]:
    """Whom a proof of this address is a proof of: a user, or somebody new."""
    known = None if site.accounts is None else site.accounts.of_address(to)
    if known is None:
        return {"id": to, "email": to, "email_verified": True}
    return {
        "id": known.id,
        "name": known.name,
        "email": to,
        "email_verified": True,
        "image": known.image,
    }


def _hashed(purpose: str, value: str) -> str:
    """What the store knows a value of 192 random bits or more by, for one purpose."""
    return sha256(f"wsgi_auth.email-link {purpose}\n{value}".encode()).hexdigest()


def _store(site: Site) -> Adapter:
    if site.adapter is None:  # start-up has looked
        raise ConfigError("adapter", "is needed for sign-in by e-mail")
    return site.adapter


def _base(site: Site, environ: Environ) -> BaseURL:
    base = site.locations.base(environ)
    if base is None:
        raise ConfigError("url", "is needed: the link in a mail is an absolute URL")
    return base


def _host(base: BaseURL) -> str:
    return base.origin.partition("://")[2]
