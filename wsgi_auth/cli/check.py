"""``wsgi-auth check``: a configuration in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from wsgi_auth.cli.configured import quiet
from wsgi_auth.cli.stores import counts, unanswered
from wsgi_auth.config.checks import is_oauth, refuse_open_to_world
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.parts import ALLOWED
from wsgi_auth.errors import ConfigError
from wsgi_auth.matcher import RouteMatcher, compile_source
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.served import findable, named, nearly_named
from wsgi_auth.types import Condition, Route

#: A path that no pattern has in mind.
_UNNAMED = "/a-path-nobody-has-named"


def report(config: AuthConfig, say: Callable[[str], Any]) -> list[str]:
    """Say what the configuration does; the warnings come back as well."""
    if config.app:  # it is served as it is, by `serve` or wsgi_auth.wsgi, which ask for this
        refuse_open_to_world(config)
        findable(config)
    # building it finds what only compiling the patterns finds
    middleware = AuthMiddleware(_nothing, config.override(logger=quiet("check")))
    say(f"url        {config.url or 'not set'}{'  (dev)' if config.dev else ''}")
    say(f"sign-in    {', '.join(_providers(config)) or 'nobody can'}")
    for callback in _callbacks(config):
        say(f"callback   {callback}")
    if config.issuers:
        say(f"tokens     also of {', '.join(each.id for each in config.issuers)}")
    say(f"who        {'; '.join(_who(config)) or 'whoever can'}")
    if config.remote_user is not None:
        rule = config.remote_user
        say(f"as         REMOTE_USER, {rule if isinstance(rule, str) else 'by a callable'}")
    say(f"sessions   {_kept(config)}")
    by_route = "by route" if config.routes else "nothing"
    say(f"protected  {_listed(config.matcher) or by_route}")
    for route in config.routes:
        say(f"           {_spelled(route)}  {_conditions(route)}".rstrip())
    if config.app and named(config) is None:
        hint = nearly_named(config)
        say(f"app        made by what serve names, with {', '.join(config.app)}{hint}")
    say(f"public     {_listed(config.public) or 'nothing'}")
    say(f"ignored    {_listed(config.ignore) or 'nothing'}")
    everything = bool(middleware.matcher.match({"PATH_INFO": _UNNAMED}))
    say(f"the rest   {'protected' if everything else 'open to all'}")
    warnings = [
        *config.warnings, *_more(config, everything), *unanswered(config, middleware.site.adapter)
    ]  # fmt: skip
    for warning in warnings:
        say(f"warning: {warning}")
    say("ok" if not warnings else f"ok, {len(warnings)} warning(s)")
    return warnings


def _more(config: AuthConfig, everything: bool) -> Iterator[str]:
    try:
        if config.here is not None:  # a file's: an application that is configured in Python may be
            refuse_open_to_world(config)
    except ConfigError as problem:
        yield f"{problem}; serve and wsgi_auth.wsgi refuse this"
    yield from _slow(config)
    if not everything:
        yield _why_open(config)
    if config.dev:
        yield "dev is on: for this machine only"
    elif _scheme(config) == "memory":
        yield "adapter = memory: is one process, and everybody is signed out when it ends"
    elif _scheme(config) == "sqlite":
        yield (
            "adapter = sqlite: is a file of this machine; where several machines serve the "
            "application, they need one Redis, PostgreSQL or MariaDB"
        )
    own = next((each.id for each in config.providers if each.type == "credentials"), None)
    finds = [
        each.id
        for each in config.providers
        if each.type == "email" or getattr(each, "link_by_email", False)
    ]
    if config.adapter is not None and own is not None and finds:
        yield (
            f"addresses that the authorize of {own!r} returns count as proven, and by an address "
            f"{' and '.join(map(repr, finds))} finds people: it has to return 'email_verified': "
            "False for one that nobody has checked"
        )
    is_said = "storage" in (config.source.get("limits") or {})  # then it is meant
    if counts(config) and config.limits.storage == "memory://" and not is_said and not config.dev:
        yield (
            "limits.storage counts in each process by itself; with several processes a Redis URL "
            "makes them count together"
        )


def _why_open(config: AuthConfig) -> str:
    """What leaves a path that nothing names open to all."""
    unnamed = {"PATH_INFO": _UNNAMED}
    if not RouteMatcher(config.matcher).match(unnamed):
        return "the matcher leaves every path it does not name open to all"
    if RouteMatcher(ignore=config.ignore).ignores(_UNNAMED):
        return (
            f"ignore ({_listed(config.ignore)}) takes every path out: nothing is protected, and "
            "nobody is known anywhere"
        )
    return (
        f"public ({_listed(config.public)}) takes every path out of the matcher: only routes "
        "protect"
    )


def _slow(config: AuthConfig) -> Iterator[str]:
    """The application's own expressions that one request can keep busy."""
    from wsgi_auth.cli.slow import takes_for_ever

    for (key, shown), expression in _expressions(config).items():
        text = takes_for_ever(expression)
        if text:
            yield (
                f"{key}: {shown!r} can match in many ways what has {text!r} many times, and tries "
                "them all where the end does not fit: one request can keep a worker busy for "
                "very long; write it so that there is one way"
            )


def _expressions(config: AuthConfig) -> dict[tuple[str, str], re.Pattern[str]]:
    """What is matched against paths and conditions, by option and spelling."""
    found: dict[tuple[str, str], re.Pattern[str]] = {}
    for key in ("matcher", "routes", "public", "ignore"):
        for route in getattr(config, key):
            source = route.source
            own = compile_source(source, key=key) if isinstance(source, str) else source
            found[key, _spelled(route)] = own
            for each in (*route.has, *route.missing):
                if each.value is not None:
                    found[key, each.value] = re.compile(each.value)
    return found


def _kept(config: AuthConfig) -> str:
    """Where sessions live; of a URL its scheme alone, for it may hold a password."""
    where = {"cookie": "signed, in cookies", "jwt": "encrypted, in cookies (Auth.js)"}
    said = where.get(config.session.strategy, "in a database")
    if config.adapter is None:
        return said
    store = _scheme(config) or type(config.adapter).__name__
    return f"{said}; adapter {store}"


def _scheme(config: AuthConfig) -> str:
    adapter = config.adapter
    return adapter.partition(":")[0].partition("+")[0] if isinstance(adapter, str) else ""


def _providers(config: AuthConfig) -> Iterator[str]:
    for provider in config.providers:
        yield f"{provider.id} ({provider.type})" if provider.id != provider.type else provider.id


def _callbacks(config: AuthConfig) -> Iterator[str]:
    """What to register at each other party."""
    if config.url is not None:
        for provider in config.providers:
            if is_oauth(provider):
                yield f"{config.url}{config.base_path}/callback/{provider.id}"


def _who(config: AuthConfig) -> Iterator[str]:
    """What narrows who may sign in; without any of it, nothing does."""
    yield from _lists(config)
    for provider in config.providers:
        yield from (f"of {provider.id} with {said}" for said in _lists(provider))
        if claims := getattr(provider, "allow_claims", None):
            wanted = (f"{name} = {' or '.join(claims[name].split())}" for name in sorted(claims))
            yield f"of {provider.id} with " + ", ".join(wanted)
    if config.callbacks.sign_in is not None:
        yield "a sign_in callback"


def _lists(of: Any) -> Iterator[str]:
    """The lists of the configuration, or those of a provider."""
    emails, domains, groups = (getattr(of, name, None) or () for name in ALLOWED)
    addresses = [*emails, *(f"@{each}" for each in domains)]
    if addresses and "*" not in addresses:
        yield "an address of " + ", ".join(sorted(addresses))
    if groups:
        yield "a group of " + ", ".join(sorted(groups))


def _listed(routes: tuple[Any, ...]) -> str:
    return ", ".join(_spelled(route) for route in routes)


def _spelled(route: Any) -> str:
    source = route.source if isinstance(route, Route) else route
    return source.pattern if isinstance(source, re.Pattern) else str(source)


def _conditions(route: Route) -> str:
    said = []
    if route.methods:
        said.append("methods " + "/".join(sorted(route.methods)))
    said += [f"if it has {_condition(each)}" for each in route.has]
    said += [f"if it lacks {_condition(each)}" for each in route.missing]
    if route.allow_groups:
        said.append("groups " + "/".join(sorted(route.allow_groups)))
    if route.authorized:
        said.append("an authorized callback")
    if route.fresh:
        said.append(f"signed in within {route.fresh} s")
    if route.acr:
        said.append("a sign-in as strong as " + " or ".join(route.acr))
    if route.user_verified:
        said.append("a passkey that verified its user")
    if route.basic:
        said.append("Basic for programs")
    if route.bearer:
        scopes = f" with {' '.join(sorted(route.scopes))}" if route.scopes else ""
        said.append(f"access tokens{scopes} for programs")
    return ", ".join(said)


def _condition(each: Condition) -> str:
    named = f"the {each.type} {each.key}" if each.key is not None else f"the {each.type}"
    return named if each.value is None else f"{named} {each.value!r}"


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("check sends no request")
