"""``wsgi-auth db``: the tables of the adapter, brought up to date and swept."""

from __future__ import annotations

import time
from pathlib import Path

from wsgi_auth.adapters import connect, upgrade
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError

#: Records of a kind that one step deletes: few, so that nobody waits for it.
_AT_ONCE = 1_000


def upgraded(url: str) -> str:
    """Bring the tables of ``url`` up to date; says what they are."""
    version = upgrade(url)
    return f"the tables are of version {version}" if version else "this store has no tables"


def swept(url: str) -> str:
    """Delete all that is over; says how much that was."""
    adapter = connect(url)
    try:
        gone = 0
        while step := adapter.sweep(int(time.time()), _AT_ONCE):
            gone += step
    finally:
        adapter.close()
    return f"{gone} records deleted that were over"


def url_of(config: AuthConfig, path: Path) -> str:
    """The URL of the adapter of this configuration, which is at ``path``."""
    adapter = config.adapter
    if not isinstance(adapter, str):
        problem = "is not set" if adapter is None else "is no URL"
        raise ConfigError("adapter", f"{problem} in {path}")
    return adapter
