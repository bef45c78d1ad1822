"""``POST /passkey/options``: what to ask the browser. ``POST /callback/passkey``: sign in by its
answer. ``/account/passkeys``: list, add, rename, remove."""

from __future__ import annotations

import json
from typing import Any

from wsgi_auth.actions.account import require_fresh, ways_in
from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import is_offered
from wsgi_auth.errors import ConfigError, PasskeyRefused, StoreUnavailable
from wsgi_auth.events import shown
from wsgi_auth.passkeys import Party, Passkeys, Proven
from wsgi_auth.providers.base import Provider
from wsgi_auth.sessions.lifecycle import ElsewhereInstead
from wsgi_auth.types import Account, Claims, Proof, WSGIApp


def options(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """``{"publicKey": ...}`` for ``navigator.credentials.get``, or ``.create`` with the field
    ``action`` = ``register``; the cookie that comes with it holds the challenge."""
    passkeys, party = _ready(exchange)
    now = exchange.site.clock()
    header = exchange.environ.get("HTTP_COOKIE") or ""
    action = exchange.text("action") or "authenticate"
    if action == "register":
        claims = _signed_in(exchange)
        require_fresh(exchange, claims, passkeys.provider.fresh)
        asked, written = passkeys.ask_to_register(party, claims["sub"], claims, header, now)
    elif action == "authenticate":
        claims_or_none = exchange.reading.claims
        asked, written = passkeys.ask_to_authenticate(party, claims_or_none, header, now)
    else:
        raise Refused(400, "BadRequest", "action is 'authenticate' or 'register'")
    exchange.handle.set_cookies(written)
    return exchange.json({"publicKey": asked})


def sign_in(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """Sign in whose passkey answered, and go on to ``callbackUrl``."""
    passkeys, party = _ready(exchange)
    since = exchange.site.clock()
    proven = _prove(exchange, passkeys, party)
    own = passkeys.provider
    user = {
        "id": proven.user.id,
        "name": proven.user.name,
        "email": proven.user.email,
        "email_verified": proven.user.email_verified is not None,
        "image": proven.user.image,
    }
    proof = Proof(
        Account(own.id, own.type, proven.credential_id),
        remember=exchange.remembers(),
        amr=proven.amr,
        is_known=True,
        since=since,
    )
    try:
        exchange.begin(user, own, proof)
    except ElsewhereInstead as elsewhere:
        return exchange.go(exchange.site.locations.return_url(exchange.environ, elsewhere.location))
    return exchange.go(exchange.callback_url)


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The passkeys of who is signed in, as JSON: ``[{id, name, created, used, backedUp}]``."""
    passkeys = _passkeys(exchange)
    found = passkeys.of(_signed_in(exchange)["sub"])
    return exchange.json(
        [
            {
                "id": each.id,
                "name": each.name,
                "created": each.created,
                "used": each.used,
                "backedUp": each.backed_up,
            }
            for each in found
        ]
    )


def change(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """``action`` = ``add`` (``credential``, ``name``), ``rename`` (``id``, ``name``) or ``remove``
    (``id``); then on to ``callbackUrl``."""
    passkeys, party = _ready(exchange)
    claims = _signed_in(exchange)
    action, id, name = (exchange.text(field) for field in ("action", "id", "name"))
    environ, user_id = exchange.environ, claims["sub"]
    exchange.of_account = True
    try:
        if action != "rename":
            require_fresh(exchange, claims, passkeys.provider.fresh)
        if action == "add":
            answer = _credential(exchange, "PasskeyNotAdded")
            passkeys.register(party, answer, name, claims, environ, exchange.site.clock())
        elif action == "rename":
            passkeys.rename(user_id, id, name)
        elif action == "remove":
            passkeys.remove(user_id, id, environ, lambda: ways_in(exchange, claims))
        else:
            raise Refused(400, "BadRequest", "action is 'add', 'rename' or 'remove'")
    except PasskeyRefused as refused:
        _tell(exchange, f"{action} of {user_id}", refused)
        raise
    return exchange.go(exchange.callback_url)


# --- steps ----------------------------------------------------------------------------------------


def _ready(exchange: Exchange) -> tuple[Passkeys, Party]:
    """What every change asks for first."""
    exchange.require_writable()
    exchange.require_csrf()
    passkeys = _passkeys(exchange)
    base = exchange.site.locations.base(exchange.environ)
    try:
        return passkeys, passkeys.party(base)
    except ConfigError as error:  # in development, where the address is the request's
        exchange.site.events.logger.warning("passkey: %s", error)
        raise PasskeyRefused(str(error), "PasskeySignin", 400) from None


def _passkeys(exchange: Exchange) -> Passkeys:
    passkeys = exchange.site.passkeys
    if passkeys is None or not is_offered(exchange.site, exchange.environ, passkeys.provider):
        raise Refused(404, "NotFound", "passkeys are not on offer here")
    return passkeys


def _signed_in(exchange: Exchange) -> Claims:
    claims = exchange.reading.claims
    if claims is None:
        raise Refused(401, "SessionRequired", "nobody is signed in")
    return claims


def _prove(exchange: Exchange, passkeys: Passkeys, party: Party) -> Proven:
    """Counted as an attempt, which is given back if it succeeds."""
    site = exchange.site
    attempt = site.attempts.attempt("", exchange.environ)
    try:
        answer = _credential(exchange, "PasskeySignin")
        proven = passkeys.authenticate(
            party, answer, exchange.reading.claims, exchange.environ, site.clock()
        )
    except PasskeyRefused as refused:
        _tell(exchange, "sign-in", refused)
        raise
    except StoreUnavailable:
        attempt.succeeded()  # nobody has looked at it
        raise
    attempt.succeeded()
    return proven


def _credential(exchange: Exchange, code: str) -> Any:
    """The browser's answer: an object in a JSON body, or its text in a field of a form."""
    given = exchange.form.get("credential")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, dict) or not isinstance(given.get("response"), dict):
        raise PasskeyRefused("no answer of a browser (is JavaScript off?)", code, 400)
    return given


def _tell(exchange: Exchange, what: str, refused: PasskeyRefused) -> None:
    exchange.site.events.logger.warning("passkey: %s refused: %s", shown(what), shown(refused))


OPTIONS: Methods = {"POST": options}
SIGN_IN: Methods = {"POST": sign_in}
OF_USER: Methods = {"GET": show, "POST": change}
