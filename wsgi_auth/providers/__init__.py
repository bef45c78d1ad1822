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
    from wsgi_auth.providers.htpasswd import Htpasswd

__all__ = [
    "BasicProvider",
    "Choice",
    "Credentials",
    "Dev",
    "Field",
    "FormProvider",
    "Htpasswd",
    "Provider",
]


def __getattr__(name: str) -> Any:
    if name == "Htpasswd":  # bcrypt is an extra, and takes its time to load
        from wsgi_auth.providers.htpasswd import Htpasswd

        return Htpasswd
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
