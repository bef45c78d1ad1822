"""The providers: ways to prove who one is.

A provider is an object with ``id``, ``name`` and ``type``; there is nothing to inherit from and
nothing to register. How an entry of the configuration becomes one is in ``config/provider.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgi_auth.providers.base import BasicProvider, Choice, Field, FormProvider, Provider
from wsgi_auth.providers.credentials import Credentials
from wsgi_auth.providers.dev import Dev

if TYPE_CHECKING:
    from wsgi_auth.providers.catalogue import provider
    from wsgi_auth.providers.email import Email
    from wsgi_auth.providers.htpasswd import Htpasswd
    from wsgi_auth.providers.oauth import OIDC, OAuth
    from wsgi_auth.providers.passkey import Passkey
    from wsgi_auth.providers.per_request import PerRequest

__all__ = [
    "OIDC",
    "BasicProvider",
    "Choice",
    "Credentials",
    "Dev",
    "Email",
    "Field",
    "FormProvider",
    "Htpasswd",
    "OAuth",
    "Passkey",
    "PerRequest",
    "Provider",
    "provider",
]


#: What is loaded when asked for: each takes its time, and most applications use one or two.
_LATER = {
    "Email": "wsgi_auth.providers.email",
    "Htpasswd": "wsgi_auth.providers.htpasswd",
    "OAuth": "wsgi_auth.providers.oauth",
    "OIDC": "wsgi_auth.providers.oauth",
    "Passkey": "wsgi_auth.providers.passkey",
    "PerRequest": "wsgi_auth.providers.per_request",
    "provider": "wsgi_auth.providers.catalogue",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
