"""The configuration: :class:`AuthConfig`, its parts, and every road in."""

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.parts import (
    Callbacks,
    Cookies,
    Limits,
    PageOptions,
    Responders,
    SessionOptions,
)
from wsgi_auth.config.secret import new_secret

__all__ = [
    "AuthConfig",
    "Callbacks",
    "Cookies",
    "Limits",
    "PageOptions",
    "Responders",
    "SessionOptions",
    "new_secret",
]
