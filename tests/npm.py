"""What npm installs for a test: below ``build/``, once per change of what it installs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.needs import missing, require_program

BUILD = Path(__file__).parent.parent / "build"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else is at work in the folder while the block runs: several test processes may come
    to it at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(name: str, files: Mapping[str, Path], what: str) -> Path:
    """``build/name`` with ``files`` (by the name they get there; folders too) and the packages that
    their ``package-lock.json`` lists. ``what`` is missing where npm cannot get them."""
    npm = require_program("npm", "https://nodejs.org")
    folder = BUILD / name
    with alone(folder):
        for there, here in files.items():
            if here.is_dir():
                shutil.copytree(here, folder / there, dirs_exist_ok=True)
            else:
                shutil.copy(here, folder / there)
        stamp = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        done = folder / "installed"
        if not done.is_file() or done.read_text() != stamp:
            run = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            if run.returncode:
                missing(what, f"npm ci failed: {run.stderr.strip()[-300:]}")
            done.write_text(stamp)
    return folder
