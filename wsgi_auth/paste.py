"""PasteDeploy: ``[filter:auth]`` with ``use = egg:wsgi_auth``.

Keys are the options in dotted form, bare or with the prefix ``auth.``; PasteDeploy itself is not
imported (it imports this).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.roads import of_ini
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.types import WSGIApp


def filter_factory(
    global_conf: Mapping[str, str], **local_conf: str
) -> Callable[[WSGIApp], AuthMiddleware]:
    """A filter: the middleware around whichever application it is given."""
    config = _config(global_conf, local_conf)

    def auth_filter(app: WSGIApp) -> AuthMiddleware:
        return AuthMiddleware(app, config)

    return auth_filter


def filter_app_factory(
    app: WSGIApp, global_conf: Mapping[str, str], **local_conf: str
) -> AuthMiddleware:
    """The middleware around ``app``."""
    return AuthMiddleware(app, _config(global_conf, local_conf))


def _config(global_conf: Mapping[str, str], local_conf: Mapping[str, str]) -> AuthConfig:
    here = global_conf.get("here")
    return AuthConfig.from_mapping(of_ini(local_conf), here=Path(here) if here else None)
