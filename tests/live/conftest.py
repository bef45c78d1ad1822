"""One process of each server for all the tests of this folder, and its log with what fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live.servers import SERVERS, Running, running

APP = "tests.live.application:application"


@pytest.fixture(scope="session")
def _running() -> Iterator[Callable[[str], Running]]:
    with contextlib.ExitStack() as stack:
        found: dict[str, Running] = {}

        def start(name: str) -> Running:
            if name not in found:
                found[name] = stack.enter_context(running(name, APP))
            return found[name]

        yield start


@pytest.fixture(params=SERVERS)
def server(request: Any, _running: Callable[[str], Running]) -> Iterator[Running]:
    """Each server in turn. What it logs during the test is printed, and shown if the test fails."""
    started = _running(request.param)
    before = len(started.log)
    yield started
    print(f"--- the log of {started.name} ---")
    print(started.log[before:])
