"""What every test in a real browser may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.needs import require_chromium, require_module


@pytest.fixture(scope="package")
def playwright() -> Iterator[Any]:
    """Playwright, of which a thread can run one only."""
    require_chromium()
    require_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def chromium(playwright) -> Iterator[Any]:
    """A running Chromium, for all tests of this folder."""
    browser = playwright.chromium.launch(executable_path=require_chromium(), args=["--no-sandbox"])
    yield browser
    browser.close()
