"""What a test needs that a machine may not have.

On a user's machine a test whose server or module is missing is skipped, with the reason in the
list that pytest prints at the end. Where ``CI`` is set it fails: there everything is installed, and
a test that silently does not run proves nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str, hint: str = "") -> NoReturn:
    """Skip this test because ``what`` is not here; fail it where ``CI`` is set."""
    reason = f"{what} is not installed" + (f" ({hint})" if hint else "")
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set", pytrace=False)
    pytest.skip(reason)


def find_program(name: str) -> str | None:
    """The path of a program: from this virtual environment if it is there, else from PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def require_program(name: str, hint: str = "") -> str:
    """The path of a program that this test cannot do without."""
    return find_program(name) or missing(name, hint)


def require_chromium() -> str:
    """The path of a Chromium: without its own windows and menus, if the machine has such a one. The
    pages are shown by the same engine, in half the time."""
    return find_program("chromium-headless-shell") or require_program("chromium")


def require_module(name: str, hint: str = "") -> None:
    """A module that this test cannot do without. It is looked for and not imported: pypiserver, for
    one, leaves an import hook behind that would trouble every test after it."""
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None  # not even its package is here
    if found is None:
        missing(name, hint or f"pip install {name.partition('.')[0]}")
