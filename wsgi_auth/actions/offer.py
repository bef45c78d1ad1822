"""Which of the configured providers this visitor is offered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wsgi_auth.errors import AuthError, CallbackError
from wsgi_auth.providers.base import Provider
from wsgi_auth.site import Site
from wsgi_auth.types import Environ, webob_request


class Found(NamedTuple):
    """The providers of a request, and the first problem of one that could not be made for it."""

    providers: tuple[Provider, ...]
    problem: AuthError | None


def offered(site: Site, environ: Environ) -> tuple[Provider, ...]:
    """All, or those whose ids ``providers_for(request)`` names, in the configuration's order; one
    that is made per request as it is made for this one, if it is and can be.

    Raises what the callable of ``per_request`` raised only where nothing else is left to offer."""
    return _some(looked_for(site, environ))


def every(site: Site, environ: Environ) -> tuple[Provider, ...]:
    """All that this request has, on offer or not; the same of what cannot be made."""
    return _some(_there(site, site.config.providers, environ))


def issuing(site: Site, environ: Environ) -> Found:
    """As :func:`looked_for`, with those that nobody signs in by: whose access tokens count."""
    config = site.config
    return _there(site, _chosen(site, environ, config.all_providers), environ)


def looked_for(site: Site, environ: Environ) -> Found:
    """As :func:`offered`, for who has to know whether one was left out."""
    return _there(site, _chosen(site, environ, site.config.providers), environ)


def is_offered(site: Site, environ: Environ, provider: Provider | None) -> bool:
    """Whether this visitor may use the provider (of this very request) at all."""
    if provider is None:
        return False
    on_offer = _chosen(site, environ, site.config.providers)
    return any(each.id == provider.id for each in on_offer)


def _chosen(site: Site, environ: Environ, there: tuple[Provider, ...]) -> tuple[Provider, ...]:
    config = site.config
    choose = config.providers_for
    if choose is None:
        return there
    try:
        ids = choose(webob_request(environ))
    except Exception as error:
        raise CallbackError("providers_for", f"raised {type(error).__name__}") from error
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise CallbackError("providers_for", "must return the ids of providers")
    wanted = list(ids)
    known = [each.id for each in config.all_providers]
    unknown = [id for id in wanted if id not in known]
    if unknown:
        # several pages and checks ask it
        problem = f"providers_for names {unknown[0]!a}, and the providers are {known}"
        site.events.mention("providers_for", site.clock(), problem)
    return tuple(each for each in there if each.id in wanted)


def _some(found: Found) -> tuple[Provider, ...]:
    if found.problem is not None and not found.providers:
        raise found.problem
    return found.providers


def _there(site: Site, providers: Iterable[Provider], environ: Environ) -> Found:
    found: list[Provider] = []
    problem: AuthError | None = None
    for each in providers:
        try:
            made = site.tenants.provider(each, environ)
        except AuthError as error:
            # one tenant's mistake must not keep out who signs in by something else
            said = f"the provider {each.id!r} is left out for now: {error}"
            site.events.mention(f"providers.{each.id}", site.clock(), said, problem=error)
            problem = problem or error
        else:
            found += [] if made is None else [made]
    return Found(tuple(found), problem)
