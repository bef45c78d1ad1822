"""Help for testing an application that is protected: be signed in without the sign-in.

The cookies made here are real ones, by the same code that signs a visitor in; the ``sign_in``
callback is not asked, for nobody signs in. There is no test mode: the middleware cannot tell.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.cookiejar import Cookie
from typing import Any

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.cookies import MAX_CHUNKS
from wsgi_auth.errors import UsageError
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.sessions import strategy_for
from wsgi_auth.sessions.lifecycle import claims_of
from wsgi_auth.sessions.view import SessionView
from wsgi_auth.testing.adapter_contract import AdapterContract
from wsgi_auth.testing.fake_provider import (
    MISBEHAVIOURS,
    FakeClient,
    FakeProvider,
    FakeTransport,
    Landing,
    Misbehaviour,
    Scene,
)
from wsgi_auth.tokens import random_id
from wsgi_auth.types import Account, Device, JWTContext

__all__ = [
    "MISBEHAVIOURS",
    "AdapterContract",
    "FakeClient",
    "FakeProvider",
    "FakeTransport",
    "Landing",
    "Misbehaviour",
    "Scene",
    "session_cookie",
    "sign_in",
]


class _Tests:
    id = "test"
    name = "Tests"
    type = "test"
    vouches = True


def session_cookie(
    config: AuthConfig | Mapping[str, Any] | AuthMiddleware,
    user: Mapping[str, Any],
    *,
    provider: str = "test",
) -> str:
    """The value of a ``Cookie`` header that signs in ``user``, for any HTTP client.

    ``user`` is what a provider would return: ``id``, and ``name``, ``email``, ``image``,
    ``login``, ``groups``. Further keys reach a ``jwt`` callback as ``context.user``, as ever.
    With an adapter in the configuration, hand in the middleware that has it, or what wraps it.
    """
    site = None
    if not isinstance(config, AuthConfig | Mapping):
        config = _middleware(config)
        site, config = config.site, config.config
    if not isinstance(config, AuthConfig):
        config = AuthConfig.from_mapping(config)
    there = [each.id for each in config.providers]
    if there and provider not in ("test", "app", *there):
        raise UsageError(
            f"there is no provider {provider!r}, but {', '.join(there)}, and 'app' for a sign-in "
            "by the application itself"
        )
    by = _Tests()
    by.id = provider
    now = time.time()
    claims = claims_of(user, by) | {"auth_time": int(now), "sid": random_id()}
    if site is not None and site.accounts is not None:
        site.accounts.local(claims, {}, now)
    view = SessionView(config.callbacks.jwt, config.callbacks.session)
    account = Account(by.id, by.type, claims["sub"])
    wanted = view.claims(claims, JWTContext({}, "sign_in", user, account))
    if wanted is None:
        raise UsageError("the jwt callback returned None, which ends the session")
    strategy = strategy_for(config) if site is None else site.cookies.strategy
    written = strategy.save(wanted, now, None, Device("tests", ""))
    assert written is not None  # noqa: S101 - a new session has nothing to lose against
    cookies = config.cookies.session.set(written.value)
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def sign_in(test_app: Any, user: Mapping[str, Any], *, provider: str = "test") -> None:
    """Sign ``user`` in in a ``webtest.TestApp``, or in the test client of Flask or Werkzeug, whose
    application is (or wraps in attributes ``app`` or ``wsgi_app``) an :class:`AuthMiddleware`.
    Signing in again replaces the user.

    A client of Werkzeug has them signed in at ``localhost`` (a Flask's ``SERVER_NAME``), which it
    asks by itself, and at the host of ``url``, for a ``base_url``."""
    if hasattr(test_app, "cookiejar") and hasattr(test_app, "extra_environ"):
        middleware, put = _middleware(test_app.app), _put_into_webtest
    elif hasattr(test_app, "get_cookie") and hasattr(test_app, "application"):
        middleware, put = _middleware(test_app.application), _put_into_werkzeug
    else:
        raise UsageError(
            "sign_in() wants a webtest.TestApp, or a test client of Flask or Werkzeug (2.3 or "
            f"newer), not a {type(test_app).__name__}; for any other client there is "
            "session_cookie()"
        )
    header = session_cookie(middleware, user, provider=provider)
    pairs = (cookie.partition("=") for cookie in header.split("; "))
    put(test_app, middleware.config, {name: value for name, _, value in pairs})


def _put_into_webtest(client: Any, config: AuthConfig, cookies: Mapping[str, str]) -> None:
    host = client.extra_environ.get("HTTP_HOST", "localhost").partition(":")[0]
    domain = host if "." in host else f"{host}.local"  # http.cookiejar's spelling of a bare name
    before = _names(config)
    for cookie in list(client.cookiejar):
        if cookie.name in before and cookie.domain == domain:
            client.cookiejar.clear(cookie.domain, cookie.path, cookie.name)
    for name, value in cookies.items():
        client.cookiejar.set_cookie(_cookie(name, value, domain))


def _put_into_werkzeug(client: Any, config: AuthConfig, cookies: Mapping[str, str]) -> None:
    settings = getattr(client.application, "config", None)
    own = settings.get("SERVER_NAME") if isinstance(settings, Mapping) else None  # a Flask's
    hosts = {(own or "localhost").partition(":")[0].lower()}
    if config.url is not None:
        hosts.add(config.url.host)
    for host in hosts:
        for name in _names(config):
            client.delete_cookie(name, domain=host)
        for name, value in cookies.items():
            client.set_cookie(name, value, domain=host)


def _names(config: AuthConfig) -> list[str]:
    """What the cookies of the session before may be called: it may have had more of them."""
    name = config.cookies.session.name
    return [name, *(f"{name}.{number}" for number in range(MAX_CHUNKS))]


def _cookie(name: str, value: str, domain: str) -> Cookie:
    """A cookie as the jar would keep it had the application set it itself, so that signing out
    removes it; sent over http too, as tests mostly do."""
    return Cookie(
        version=0, name=name, value=value, port=None, port_specified=False, domain=domain,
        domain_specified=False, domain_initial_dot=False, path="/", path_specified=True,
        secure=False, expires=None, discard=True, comment=None, comment_url=None, rest={},
    )  # fmt: skip


def _middleware(app: Any) -> AuthMiddleware:
    seen: list[Any] = [app]
    while seen:
        each = seen.pop()
        if isinstance(each, AuthMiddleware):
            return each
        # webtest's lint and most middleware keep what they wrap under one of these names
        seen += [
            getattr(each, name)
            for name in ("app", "application", "wsgi_app", "_app")
            if getattr(each, name, None) is not None and getattr(each, name) is not each
        ]
        if len(seen) > 20:
            break
        if getattr(each, "__closure__", None):
            seen += [
                cell.cell_contents for cell in each.__closure__ if callable(cell.cell_contents)
            ]
    raise UsageError(f"found no AuthMiddleware in this {type(app).__name__}")
