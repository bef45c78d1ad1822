"""``GET /signin``: the sign-in page. ``POST /signin/{provider}``: start there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wsgi_auth import cookies
from wsgi_auth.actions.email_link import ask
from wsgi_auth.actions.exchange import Exchange, Refused
from wsgi_auth.actions.methods import Methods
from wsgi_auth.actions.offer import is_offered, looked_for, offered
from wsgi_auth.actions.outside import depart, initiated, initiated_by_post
from wsgi_auth.negotiation import only_looks
from wsgi_auth.oauth import authorization
from wsgi_auth.pages import EMAIL_FIELD, ChoiceView, FieldView, ProviderView, SignInView
from wsgi_auth.providers.base import FormProvider, Provider, first_step
from wsgi_auth.providers.email import Email
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.types import WSGIApp


def show(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """The page, or a redirect to the application's own with ``callbackUrl`` and ``error`` kept."""
    site, environ = exchange.site, exchange.environ
    key = exchange.query.get("dev_key")
    if key is not None and site.config.dev:
        return _open_chooser(exchange, key)
    error = exchange.query.get("error")
    if site.config.pages.sign_in is None:
        exchange.require_writable()
    # nobody is sent off twice by themselves: who is signed in and comes here is to be asked
    is_nobody = exchange.reading.session is None and error is None
    is_auto = site.config.auto_sign_in and not only_looks(environ)
    if is_auto and not site.config.session.read_only and is_nobody:
        only, problem = looked_for(site, environ)
        # one that was left out may be theirs, and what is left another's
        if problem is None and len(only) == 1 and isinstance(only[0], OAuth | OIDC):
            return depart(exchange, only[0], [("acr_values", exchange.query.get("acr_values", ""))])
    if site.config.pages.sign_in is not None:
        params = {"callbackUrl": exchange.callback_url} | ({"error": error} if error else {})
        if exchange.query.get("acr_values"):
            params["acr_values"] = exchange.query["acr_values"]
        return exchange.go(site.locations.page(environ, "sign_in", **params))
    return sign_in_page(exchange, error, 200)


def sign_in_page(
    exchange: Exchange, error: str | None, status: int, typed: dict[str, str] | None = None
) -> WSGIApp:
    """The built-in page; ``typed`` is what the visitor had entered (never a password)."""
    site = exchange.site
    reading = exchange.reading
    on_offer = offered(site, exchange.environ)
    acr_values = exchange.query.get("acr_values", "")
    able = _able(on_offer, acr_values)
    if able:
        on_offer = able
    passkeys = site.passkeys
    with_passkeys = passkeys is not None and passkeys.provider in on_offer
    view = SignInView(
        script_url=exchange.passkey_script if with_passkeys else "",
        providers=tuple(_provider(exchange, each, typed or {}) for each in on_offer),
        csrf_token=exchange.handle.csrf_token,
        callback_url=exchange.callback_url,
        error_code=error,
        form_action=(*exchange.foreign_origins, *ways_to(on_offer)),
        asks_to_remember=site.config.session.remember == "ask",
        last_used=_last_used(exchange),
        signed_in_as=None if reading.session is None else _who(reading.session.user),
        acr_values=acr_values if able else "",
    )
    return exchange.page(exchange.pages.sign_in(view), status)


def _able(providers: Iterable[Provider], acr_values: str) -> tuple[Provider, ...]:
    """Those that can be asked for a sign-in of this strength; none where nobody asks."""
    pair = ("acr_values", acr_values)
    return tuple(
        each for each in providers if isinstance(each, OIDC) and authorization.asked(each, [pair])
    )


def ways_to(providers: Iterable[Provider]) -> tuple[str, ...]:
    """Where the buttons of these providers lead in the end, for the page's policy: a company's
    provider may send people on to any other, so all of https; http only to this machine."""
    found: dict[str, None] = {}
    for provider in providers:
        if isinstance(provider, OAuth | OIDC):
            found["https:"] = None
            address = provider.authorization or provider.issuer
            if address.startswith("http://"):
                found["/".join(address.split("/", 3)[:3])] = None
    return tuple(found)


def start(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """On to the provider; one with a form of its own starts on the sign-in page."""
    exchange.require_writable()
    begins_elsewhere = "iss" in exchange.form and "csrfToken" not in exchange.form
    if not (begins_elsewhere and isinstance(provider, OIDC)):
        exchange.require_csrf(signs_in=True)
    if not is_offered(exchange.site, exchange.environ, provider):
        raise Refused(404, "NotFound", "this provider is not on offer here")
    if begins_elsewhere and isinstance(provider, OIDC):
        return initiated_by_post(exchange, provider)
    if isinstance(provider, Email):
        return ask(exchange, provider)
    if isinstance(provider, OAuth | OIDC):
        asked = [(name, exchange.text(name)) for name in provider.request_params]
        return depart(exchange, provider, asked, remember=exchange.remembers())
    return _to_page(exchange)


def _to_page(exchange: Exchange) -> WSGIApp:
    url = exchange.callback_url
    return exchange.go(exchange.site.locations.page(exchange.environ, "sign_in", callbackUrl=url))


def begun_elsewhere(exchange: Exchange, provider: Provider | None) -> WSGIApp:
    """A sign-in that another site begins, which OpenID Connect alone knows. Any other link starts
    nothing: it leads to the page that has the button."""
    if not isinstance(provider, OIDC) or "iss" not in exchange.query:
        return _to_page(exchange)
    exchange.require_writable()
    if not is_offered(exchange.site, exchange.environ, provider):
        raise Refused(404, "NotFound", "this provider is not on offer here")
    return initiated(exchange, provider)


def _provider(exchange: Exchange, provider: Provider, typed: dict[str, str]) -> ProviderView:
    action = first_step(provider)
    fields: tuple[FieldView, ...] = ()
    choices: tuple[ChoiceView, ...] = ()
    if isinstance(provider, Email):
        fields = (FieldView(EMAIL_FIELD, type="email", value=typed.get(EMAIL_FIELD, "")),)
    if isinstance(provider, FormProvider):
        fields = tuple(
            FieldView(
                name=field.name,
                label=field.label,
                type=field.type,
                autocomplete=field.autocomplete,
                required=field.required,
                value="" if field.type == "password" else typed.get(field.name, ""),
            )
            for field in provider.fields
        )
        if provider.type != "dev" or chooser_is_open(exchange):
            choices = tuple(
                ChoiceView(value=each.value, label=each.label, detail=each.detail)
                for each in provider.choices
            )
    return ProviderView(
        id=provider.id,
        name=provider.name,
        type=provider.type,
        action_url=exchange.site.locations.endpoint(exchange.environ, f"{action}/{provider.id}"),
        fields=fields,
        choices=choices,
        icon=str(getattr(provider, "icon", "")),
        colors=_colors(getattr(provider, "style", {})),
    )


def _colors(style: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(str(style[name]) for name in ("bg", "text") if name in style)


def _last_used(exchange: Exchange) -> str:
    """The id of a provider that the browser says it used last: what it is worth is a mark on a
    page. Of several cookies the first."""
    config = exchange.site.config
    if not config.show_last_used:
        return ""
    name = config.cookies.last_provider.name
    return next(iter(cookies.values(exchange.environ.get("HTTP_COOKIE") or "", name)), "")


def chooser_is_open(exchange: Exchange) -> bool:
    """Whether this browser followed the link with the key that start-up printed."""
    site = exchange.site
    held = cookies.values(exchange.environ.get("HTTP_COOKIE") or "", site.config.cookies.dev.name)
    return any(site.is_dev_key(value) for value in held[:4])


def _open_chooser(exchange: Exchange, key: str) -> WSGIApp:
    site = exchange.site
    if not site.is_dev_key(key):
        raise Refused(403, "AccessDenied", "the key in the link is not the one printed at start")
    exchange.handle.set_cookies(site.config.cookies.dev.set(key))
    return exchange.go(
        site.locations.endpoint(exchange.environ, "signin", callbackUrl=exchange.callback_url)
    )


def _who(user: object) -> str:
    if not isinstance(user, dict):
        return ""
    return str(user.get("name") or user.get("email") or user.get("id") or "")


METHODS: Methods = {"GET": show}

#: Of ``signin/{provider}``.
STARTS: Methods = {"GET": begun_elsewhere, "POST": start}
