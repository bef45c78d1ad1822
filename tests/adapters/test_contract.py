"""Every adapter passes one contract: the ones that need no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_auth.adapters import connect
from wsgi_auth.protocols import Adapter
from wsgi_auth.testing import AdapterContract


class TestMemory(AdapterContract):
    @pytest.fixture
    def adapter(self) -> Adapter:
        return connect("memory:")


class TestSQLite(AdapterContract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Adapter:
        return connect(f"sqlite:///{tmp_path}/auth.db")
