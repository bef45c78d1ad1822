"""An application protected by configuration alone: what the file names, made and put behind it.

The file's ``[app]`` says what is protected: ``factory = "module:make"`` (called with the other
keys of ``[app]``, and with the list ``args`` as positional arguments), or ``app =
"module:application"``.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsgi_auth.config import values
from wsgi_auth.config.checks import refuse_open_to_world
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ApplicationRaised, AuthError, ConfigError
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.types import WSGIApp

#: The environment variable that names the configuration.
VARIABLE = "WSGI_AUTH_CONFIG"
_NAMES = ("factory", "app")
#: What is said where nothing names the application.
WANTED = "needs factory = 'module:make' or app = 'module:application'"


def protected(config: AuthConfig, target: str | None = None) -> AuthMiddleware:
    """The middleware around the application that ``target`` or the file's ``[app]`` names.

    ``target`` is ``module:application`` or, for a factory, ``module:make()``. The current directory
    is importable, as under any server, and after all else the file's. Raises :class:`ConfigError`
    for whatever is wrong.
    """
    refuse_open_to_world(config)
    _log_somewhere(config.logger)
    import_from_here(config.here)
    return AuthMiddleware(_application(config, target), config)


def from_environment(environ: Mapping[str, str] | None = None) -> AuthMiddleware:
    """The middleware that ``WSGI_AUTH_CONFIG`` (the path of a TOML or INI file) describes."""
    path = (os.environ if environ is None else environ).get(VARIABLE)
    if not path:
        raise ConfigError(VARIABLE, "is not set; it names the configuration, e.g. auth.toml")
    import_from_here(Path(path).parent)
    return protected(AuthConfig.from_file(path))


def import_from_here(beside: Path | None = None) -> None:
    """Let what a configuration names be in the current directory, whatever started this process: a
    script has its own directory in that place. To be called before the configuration is read.

    ``beside``: the configuration's own folder, which is looked at last, so that nothing in it takes
    the place of what is installed.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    last = str(beside.absolute()) if beside is not None else here
    if last not in sys.path:
        sys.path.append(last)


def findable(config: AuthConfig) -> None:
    """Import what ``[app]`` names, and call nothing; :class:`ConfigError` where that fails. Where
    it names nothing it has the arguments of a factory that ``serve`` is told of."""
    key = named(config)
    if key is not None:
        loaded(str(config.app[key]))


def named(config: AuthConfig) -> str | None:
    """Which key of ``[app]`` names the application, if one does."""
    given = [key for key in _NAMES if key in config.app]
    if len(given) > 1:
        raise ConfigError("app", f"has both {' and '.join(given)}; keep one of the two")
    return given[0] if given else None


def nearly_named(config: AuthConfig) -> str:
    """What a key of ``[app]`` seems to be a misspelling of, as the end of a sentence; "" for
    none."""
    hints = ((key, values.near(key, _NAMES)) for key in config.app)
    return next((f"; there is {key!r}{hint}" for key, hint in hints if hint), "")


def _log_somewhere(logger: logging.Logger) -> None:
    """Show the log, sign-ins too, on standard error where nobody has said what becomes of it: who
    has no Python to say it in would see warnings alone, and without a time."""
    if not logger.hasHandlers():
        shown = logging.StreamHandler()
        shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(shown)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _application(config: AuthConfig, target: str | None) -> WSGIApp:
    options = dict(config.app)
    calls = target is not None and target.endswith("()")
    name = target.removesuffix("()") if target is not None else None
    if name is None:
        key = named(config)
        if key is None:
            raise ConfigError("app", f"{WANTED}{nearly_named(config)}")
        calls = key == "factory"
        name = str(options.pop(key))
    else:
        calls = calls or "factory" in options
        options = {key: options[key] for key in options if key not in _NAMES}
    found = loaded(name)
    if not calls:
        if options:
            raise ConfigError("app", f"{name!r} is no factory, so [app] must hold no arguments")
        return _checked(name, found)
    arguments = options.pop("args", [])
    if not isinstance(arguments, list):
        raise ConfigError("app.args", "must be a list of positional arguments")
    try:
        made = found(*arguments, **options)
    except AuthError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, TypeError) and _is_of_the_call(error):
            raise ConfigError("app", f"{name}: {error}") from error
        problem = f"calling {name!r} raised {values.raised(error)}"
        raise ApplicationRaised("app", problem) from error
    return _checked(f"{name}()", made)


def _is_of_the_call(error: TypeError) -> bool:
    """Whether the arguments did not fit: then nothing of what was called has run."""
    return error.__traceback__ is None or error.__traceback__.tb_next is None


def loaded(name: str, key: str = "app") -> Any:
    """What ``module:name`` is; :class:`ConfigError`, of the option ``key``, where there is none."""
    module, colon, attribute = name.partition(":")
    if module.endswith(".py"):
        right = ".".join(Path(module).with_suffix("").parts)
        raise ConfigError(
            key,
            f"{name!r} is Python; name the application in it, e.g. "
            f"{right}:{attribute or 'application'}",
        )
    if not colon or not module or not attribute or module.startswith("."):
        raise ConfigError(key, f"{name!r} is not of the form 'module:name'")
    import_from_here()
    found = values.imported(key, module)
    for step in attribute.split("."):
        found = getattr(found, step, None)
        if found is None:
            raise ConfigError(key, f"{module!r} has no {attribute!r}")
    return found


def _checked(name: str, app: Any) -> WSGIApp:
    if values.is_asgi(app):
        raise ConfigError("app", f"{name} {values.ASGI}")
    if not callable(app) or isinstance(app, type):
        raise ConfigError("app", f"{name} is {values.kind(app)}, not a WSGI application")
    try:
        inspect.signature(app).bind({}, print)
    except TypeError:
        raise ConfigError(
            "app",
            f"{name} takes no (environ, start_response); if it makes the application, write "
            f"'{name.removesuffix('()')}()' or factory = '{name}'",
        ) from None
    except ValueError:
        pass  # a callable in C tells no signature
    found: WSGIApp = app
    return found
