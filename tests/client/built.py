"""The React example, built by npm below ``build/``: once per change of its files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import wsgi_auth
from tests.needs import missing, require_program

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "react"
BUILD = ROOT / "build" / "react"
FILES = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.js", "index.html")


def installed() -> Path:
    """A copy of the example with what npm installs for it (Vite, React, TypeScript)."""
    npm = require_program("npm", "https://nodejs.org")
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:  # several test processes may come here at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in FILES:
            shutil.copy(EXAMPLE / name, BUILD / name)
        shutil.copytree(EXAMPLE / "src", BUILD / "src", dirs_exist_ok=True)
        stamp = hashlib.sha256((BUILD / "package-lock.json").read_bytes()).hexdigest()
        done = BUILD / "installed"
        if not done.is_file() or done.read_text() != stamp:
            run = _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            if run.returncode:
                missing("what the React example needs", run.stderr.strip()[-300:])
            done.write_text(stamp)
    return BUILD


def built() -> Path:
    """The folder that ``npm run build`` makes: types are checked on the way."""
    folder = installed()
    client = Path(wsgi_auth.__file__).parent / "pages" / "client.d.ts"
    texts = [path.read_bytes() for path in (*sorted(EXAMPLE.rglob("src/*.ts*")), client)]
    texts += [(EXAMPLE / name).read_bytes() for name in FILES]
    stamp = hashlib.sha256(b"\0".join(texts)).hexdigest()
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = BUILD / "built"
        if not done.is_file() or done.read_text() != stamp:
            run = _run([require_program("npm"), "run", "build"])
            assert run.returncode == 0, run.stdout + run.stderr
            done.write_text(stamp)
    return folder / "dist"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent
    paths = [str(beside), os.environ["PATH"]]
    # where the package is imported from its tree, a script of npm has to find it too
    tree = str(Path(wsgi_auth.__file__).parents[1])
    env = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": tree}
    return subprocess.run(
        command, cwd=BUILD, capture_output=True, text=True, timeout=300, env=env
    )  # fmt: skip
