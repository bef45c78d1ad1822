"""Sessions: three strategies of the same three methods, and what happens to a session over time.

This release has the strategy ``cookie``: the signed claims are the session.
"""

from __future__ import annotations

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.protocols import SessionStrategy
from wsgi_auth.sessions.cookie import CookieStrategy
from wsgi_auth.tokens import SignedCodec


def strategy_for(config: AuthConfig) -> SessionStrategy:
    """The strategy that ``session.strategy`` names, ready for use."""
    # the cookie's name is part of the purpose: two applications with one secret share nothing
    purpose = f"wsgi_auth.session {config.cookies.session.name}"
    return CookieStrategy(SignedCodec(config.secret, purpose), config.session)
