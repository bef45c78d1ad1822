"""Where users, accounts and sessions are kept: ``connect`` makes an adapter from a URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from wsgi_auth.errors import ConfigError
from wsgi_auth.protocols import Adapter

#: The beginnings of URLs that :func:`connect` knows, each with an example.
SCHEMES = {
    "memory": "memory:",
    "sqlite": "sqlite:///auth.db",
    "postgresql": "postgresql://user:password@127.0.0.1/name",
    "mysql": "mysql://user:password@127.0.0.1/name",
    "mariadb": "mariadb://user:password@127.0.0.1/name",
    "redis": "redis://127.0.0.1:6379/0",
    "rediss": "rediss://127.0.0.1:6379/0",
}


def connect(url: str) -> Adapter:
    """The adapter that ``url`` names, ready for use; its tables are there or are made.

    Raises :class:`ConfigError` for a URL that is none of :data:`SCHEMES`, a missing driver, or
    tables that are not of this release.
    """
    try:
        scheme = urlsplit(url).scheme.partition("+")[0]
    except ValueError:  # its message would show what may hold a password
        scheme = ""
    if scheme == "memory":
        from wsgi_auth.adapters.memory import MemoryAdapter

        return MemoryAdapter()
    if scheme == "sqlite":
        from wsgi_auth.adapters.sqlite import SQLiteAdapter

        return SQLiteAdapter(_path(url))
    if scheme in ("redis", "rediss"):
        from wsgi_auth.adapters.redis import RedisAdapter

        return RedisAdapter(url)
    raise ConfigError("adapter", f"a URL such as {', '.join(SCHEMES.values())}")


def _path(url: str) -> str:
    """The file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or parts.query:
        raise ConfigError("adapter", "must be sqlite:/// and a file: sqlite:///auth.db")
    return path


__all__ = ["SCHEMES", "connect"]
