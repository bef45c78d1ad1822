"""What every test in a real browser may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.needs import require_module, require_program


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """A running Chromium, for all tests of this folder."""
    program = require_program("chromium")
    require_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
