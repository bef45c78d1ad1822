"""A Redis and a PostgreSQL of the benchmarks' own: on free ports of 127.0.0.1, with what they keep
in folders that go with them. A store whose server is not installed is left out; the variables
``BENCHMARK_REDIS`` and ``BENCHMARK_POSTGRESQL`` name an empty one that is there already."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters import servers


class _Redis(servers.Redis):
    """As ``docs/keeping-sessions`` wants it: on disk, once a second."""

    def more(self) -> list[str]:
        return ["--appendfsync", "everysec"]


class _Postgresql(servers.Postgresql):
    """As it comes: what was written is on disk."""

    def command(self) -> list[str]:
        return [*super().command(), "-c", "fsync=on", "-c", "shared_buffers=256MB",
                "-c", "max_wal_size=4GB"]  # fmt: skip


KINDS: dict[str, type[servers.Server]] = {"Redis": _Redis, "PostgreSQL": _Postgresql}


@contextlib.contextmanager
def running(*names: str) -> Iterator[dict[str, str]]:
    """The URLs of those that are here, by name, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        urls = {}
        for name in names:
            given = os.environ.get(f"BENCHMARK_{name.upper()}")
            if given:
                urls[name] = given
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                server = KINDS[name](folder)
            except (pytest.skip.Exception, pytest.fail.Exception) as missing:
                print(f"without {name}: {missing}", file=sys.stderr)
                continue
            stack.callback(server.end)
            urls[name] = server.url
        yield urls
