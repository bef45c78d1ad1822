"""Which of the configured providers this visitor is offered."""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import CallbackError
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import Environ, webob_request


def offered(config: AuthConfig, environ: Environ) -> tuple[Provider, ...]:
    """All, or those whose ids ``providers_for(request)`` names; in the configuration's order."""
    choose = config.providers_for
    if choose is None:
        return config.providers
    try:
        ids = choose(webob_request(environ))
    except Exception as error:
        raise CallbackError("providers_for", f"raised {type(error).__name__}") from error
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise CallbackError("providers_for", "must return the ids of providers")
    wanted = list(ids)
    return tuple(each for each in config.providers if each.id in wanted)


def is_offered(config: AuthConfig, environ: Environ, provider: Provider | None) -> bool:
    """Whether this visitor may use the provider at all."""
    return any(each is provider for each in offered(config, environ))
