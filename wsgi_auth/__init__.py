"""Sign-in, sessions and route protection for any WSGI application, in one middleware.

    app = AuthMiddleware(app, config)

``environ["auth.session"]`` then holds the session or None, and ``environ["auth.handle"]`` the
handle to change it.
"""

from wsgi_auth.auth import Auth, get_auth
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import (
    AccessDenied,
    AuthError,
    CallbackError,
    ConfigError,
    CredentialsSignin,
    OAuthError,
    ProviderUnavailable,
    SignInAgain,
    StoreUnavailable,
    TooManyAttempts,
    UsageError,
)
from wsgi_auth.matcher import RouteMatcher
from wsgi_auth.middleware import AuthMiddleware, get_session, get_token, require
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.types import (
    Account,
    Event,
    Forbidden,
    Pass,
    Reading,
    Redirect,
    Route,
    Session,
    Then,
    Unauthorized,
)

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "Account",
    "Auth",
    "AuthConfig",
    "AuthError",
    "AuthMiddleware",
    "CallbackError",
    "ConfigError",
    "CookieSessionReader",
    "CredentialsSignin",
    "Event",
    "Forbidden",
    "OAuthError",
    "Pass",
    "ProviderUnavailable",
    "Reading",
    "Redirect",
    "Route",
    "RouteMatcher",
    "Session",
    "SignInAgain",
    "StoreUnavailable",
    "Then",
    "TooManyAttempts",
    "Unauthorized",
    "UsageError",
    "get_auth",
    "get_session",
    "get_token",
    "require",
]
