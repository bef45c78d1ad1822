"""The configuration that ``--config`` names: a file's, or that of an application in Python."""

from __future__ import annotations

import logging
from pathlib import Path

from wsgi_auth.config import values
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError, UsageError
from wsgi_auth.served import import_from_here, loaded
from wsgi_auth.testing import _middleware

#: How the name of a file ends that has a configuration.
FILES = (".toml", ".ini", ".cfg")


def quiet(name: str) -> logging.Logger:
    """A logger that shows nothing: a command says itself what there is to say."""
    logger = logging.getLogger(f"wsgi_auth.{name}")
    logger.propagate, logger.handlers = False, [logging.NullHandler()]
    return logger


def configuration(named: Path) -> AuthConfig:
    """That of a TOML or INI file; or, for ``module:name``, of the :class:`AuthMiddleware` that the
    application of this name is, or has inside. Importing it runs its module."""
    name = str(named)
    is_file = named.suffix in FILES or (":" not in name and named.suffix != ".py")
    import_from_here(named.parent if is_file else None)
    if is_file:
        return AuthConfig.from_file(named)
    if ":" not in name:
        module = ".".join(named.with_suffix("").parts)
        raise ConfigError(
            "--config", f"{name!r} is Python; name the application in it, e.g. {module}:application"
        )
    found = loaded(name, "--config")
    if isinstance(found, AuthConfig):
        return found
    try:
        return _middleware(found).config
    except UsageError:
        raise ConfigError(
            "--config",
            f"{name!r} is no AuthConfig, and has no AuthMiddleware inside: it is "
            f"{values.kind(found)}",
        ) from None
