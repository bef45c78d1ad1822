"""Sessions: three strategies of the same three methods, and what happens to a session over time.

``cookie``: the signed claims are the session. ``jwt``: Auth.js's encrypted claims are.
``database``: the cookie holds an identifier, the store the rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError
from wsgi_auth.sessions.cookie import CookieStrategy
from wsgi_auth.tokens import SignedCodec

if TYPE_CHECKING:
    from wsgi_auth.protocols import Adapter, SessionStrategy


def strategy_for(config: AuthConfig, adapter: Adapter | None = None) -> SessionStrategy:
    """The strategy that ``session.strategy`` names, ready for use; with an adapter, its sessions
    can be ended from elsewhere. The configuration's own adapter is taken if none is given."""
    if adapter is None:
        adapter = config.adapter
    if isinstance(adapter, str):
        raise ConfigError(
            "adapter",
            "outside the middleware it must be an adapter, not its URL: "
            "adapter = wsgi_auth.adapters.connect(url)",
        )
    if config.session.strategy == "database":
        from wsgi_auth.sessions.database import DatabaseStrategy

        assert adapter is not None  # noqa: S101 - the configuration was checked
        return DatabaseStrategy(adapter, config.session)
    strategy = _stateless(config)
    if adapter is None:
        return strategy
    from wsgi_auth.sessions.register import Registered
    from wsgi_auth.sessions.revocations import Revocations

    revocations = Revocations(
        adapter, config.revocation.max_stale, config.session.max_age, config.logger
    )
    return Registered(strategy, adapter, revocations)


def _stateless(config: AuthConfig) -> SessionStrategy:
    if config.session.strategy == "jwt":
        return _jwt(config)
    # the cookie's name is part of the purpose: two applications with one secret share nothing
    purpose = f"wsgi_auth.session {config.cookies.session.name}"
    return CookieStrategy(
        SignedCodec(config.secret, purpose), config.session, lambda: config.logger
    )


def _jwt(config: AuthConfig) -> SessionStrategy:
    # imported here: whoever has another strategy never loads cryptography
    from wsgi_auth.sessions.jwt import CallableCodec, JWTStrategy

    options, name = config.session, config.cookies.session.name
    if options.encode is None and options.decode is None:
        from wsgi_auth.jwe import JWECodec

        return JWTStrategy(JWECodec(config.secret, name), options, config.logger)
    codec = CallableCodec(config.secret, name, options, config.logger, time.time)
    # who asks the application's own decode wants an answer each time: it may know of ended sessions
    return JWTStrategy(codec, options, config.logger, cacheable=options.decode is None)
