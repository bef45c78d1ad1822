"""The providers that are made per request: asked for, checked as at start-up, and kept.

What lives here: the application's callable, what it may return, and whose session is at home. What
must not: a request to a provider (``oauth``), which has its own place for each of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import AuthError, CallbackError, ConfigError
from wsgi_auth.once import once
from wsgi_auth.types import Claims, Environ, webob_request

if TYPE_CHECKING:
    from wsgi_auth.providers.base import Provider
    from wsgi_auth.providers.oauth import OIDC, OAuth
    from wsgi_auth.providers.per_request import PerRequest
    from wsgi_auth.recent import Recent


class Tenants:
    """The providers of one configuration, as one request has them."""

    def __init__(self, config: AuthConfig) -> None:
        self._makers = {each.id: each for each in config.providers if each.type == "per_request"}

    @once
    def _made(self) -> Recent[tuple[str, Any], OAuth | OIDC]:
        from wsgi_auth.recent import Recent

        return Recent()

    def provider(self, provider: Provider, environ: Environ) -> Provider | None:
        """``provider`` itself, or what is made in its place for this request; None for none.

        Raises :class:`CallbackError` if the callable does, and :class:`ConfigError`, as start-up
        would, for what is no provider."""
        maker: Any = self._makers.get(provider.id)
        if maker is None:
            return provider
        key = f"providers.{maker.id}.per_request"
        try:
            said = maker.make(webob_request(environ))
        except AuthError:
            raise
        except Exception as error:
            raise CallbackError(key, f"raised {type(error).__name__}") from error
        if said is None:
            return None
        try:
            identity = (maker.id, _identity(said))
            hash(identity)
        except TypeError:
            raise ConfigError(key, "returned a mapping with a value that is none of text, number, "
                              "list, mapping and function") from None  # fmt: skip
        return self._made.get(identity, lambda: _made(maker, key, said))

    def is_home(self, claims: Claims, environ: Environ) -> bool:
        """Whether a session with these claims is one of the tenant that this request is for; of a
        provider that is not made per request, always. Raises what :meth:`provider` does."""
        maker = self._makers.get(str(claims.get("provider")))
        if maker is None:
            return True
        found = self.provider(maker, environ)
        return found is not None and claims.get("tenant") == getattr(found, "tenant", None)


def _made(maker: PerRequest, key: str, said: Any) -> OAuth | OIDC:
    from dataclasses import replace

    from wsgi_auth.config.provider import provider_from
    from wsgi_auth.providers.oauth import OIDC, OAuth
    from wsgi_auth.providers.per_request import tenant_of

    if isinstance(said, Mapping):
        _refuse_references(f"providers.{maker.id}", said)
        named = {"name": maker.name, "icon": maker.icon}
        named = {option: value for option, value in named.items() if value}
        # no variables: a tenant that lacks a secret must not be given that of another
        said = provider_from({"id": maker.id, **named, **said}, {}, None)
    if not isinstance(said, OAuth | OIDC):
        if hasattr(said, "close"):
            said.close()  # a coroutine that nobody will await
        raise ConfigError(
            key,
            "must return a mapping, an OAuth or OIDC provider, or None, not a "
            f"{type(said).__name__}",
        )
    if said.id != maker.id:
        raise ConfigError(key, f"returned a provider with the id {said.id!r}; leave the id out")
    if any(name.startswith("HS") for name in getattr(said, "id_token_signed_response_alg", ())):
        raise ConfigError(
            f"providers.{maker.id}.id_token_signed_response_alg",
            "must be asymmetric where a provider is made per request: who knows the client_secret "
            "could sign in anybody of any issuer",
        )
    if not getattr(said, "sign_in", True):
        raise ConfigError(
            f"providers.{maker.id}.sign_in",
            "is not for a provider that is made per request, which people sign in by",
        )
    if said.link_by_email:
        raise ConfigError(
            f"providers.{maker.id}.link_by_email",
            "is not for a provider that is made per request: one tenant's could say that an "
            "address of another's people is proven",
        )
    found = replace(said)
    object.__setattr__(found, "tenant", tenant_of(found))
    return found


def _refuse_references(key: str, given: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` for what names a file or a function: what comes from a table that
    tenants write must not choose what is read or called here."""
    for option in given:
        if str(option).endswith("_file"):
            raise ConfigError(f"{key}.{option}", "names a file; give the value itself")
    profile, private_key = given.get("profile"), given.get("private_key")
    if isinstance(profile, str):
        raise ConfigError(f"{key}.profile", "names a function; give the function, or a mapping")
    if isinstance(private_key, str) and not (
        "PRIVATE KEY-----" in private_key or private_key.lstrip().startswith("{")
    ):
        raise ConfigError(f"{key}.private_key", "must be PEM or JWK text here, not a path")


def _identity(value: Any) -> Any:
    """What is equal for equal mappings, and hashable."""
    if isinstance(value, Mapping):
        return frozenset((str(name), _identity(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(_identity(each) for each in value)
    return type(value), value  # with its type: True is 1 otherwise
