"""One server of each kind for all tests of the stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters import servers


def _fixture(kind: type[servers.Server]):
    @pytest.fixture(scope="session")
    def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
        made = kind(tmp_path_factory.mktemp(kind.__name__.lower()))
        yield made
        made.end()

    return server


redis_server = _fixture(servers.Redis)
secure_redis = _fixture(servers.SecureRedis)
postgresql_server = _fixture(servers.Postgresql)
mysql_server = _fixture(servers.Mysql)
