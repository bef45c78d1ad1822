"""Where users, accounts and sessions are kept: ``connect`` makes an adapter from a URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from wsgi_auth.adapters.common import missing_driver
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
    tables that are not of this release. A server that is down raises nothing yet.
    """
    scheme = _scheme(url)
    if scheme == "memory":
        from wsgi_auth.adapters.memory import MemoryAdapter

        return MemoryAdapter()
    if scheme == "sqlite":
        from wsgi_auth.adapters.sqlite import SQLiteAdapter

        return SQLiteAdapter(_path(url))
    if scheme == "redis":
        from wsgi_auth.adapters.redis import RedisAdapter

        return RedisAdapter(url)
    return _sql(url)


def upgrade(url: str) -> int:
    """Bring the tables of ``url`` to this release's version, and return that; 0 for a store that
    has no tables. The same errors as :func:`connect`, and StoreUnavailable."""
    scheme = _scheme(url)
    adapter = _sql(url, upgrade=True) if scheme == "sql" else connect(url)
    found: int = getattr(adapter, "version", 0)
    adapter.close()
    return found


def _scheme(url: str) -> str:
    """``memory``, ``sqlite``, ``redis``, or ``sql`` for what goes through SQLAlchemy."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:  # its message would show what may hold a password
        scheme = ""
    name, _, driver = scheme.partition("+")
    if name not in SCHEMES or (driver and name in ("memory", "redis", "rediss")):
        raise ConfigError("adapter", f"must be a URL such as {', '.join(SCHEMES.values())}")
    if name in ("redis", "rediss"):
        return "redis"
    return name if name == "memory" or scheme == "sqlite" else "sql"


def _sql(url: str, upgrade: bool = False) -> Adapter:
    try:
        from wsgi_auth.adapters.sql import SQLAdapter
    except ModuleNotFoundError:
        scheme = url.partition(":")[0]
        extra = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}.get(
            scheme, "sql"
        )
        raise missing_driver(f"{scheme}://", "SQLAlchemy", extra) from None
    return SQLAdapter(url, upgrade=upgrade)


def _path(url: str) -> str:
    """The file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if not url.startswith("sqlite:///") or not path or parts.query:
        raise ConfigError("adapter", "must be sqlite:/// and a file: sqlite:///auth.db")
    return path


__all__ = ["SCHEMES", "connect", "upgrade"]
