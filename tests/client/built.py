"""The React example, built by npm below ``build/``: once per change of its files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import wsgi_auth
from tests.needs import require_program
from tests.npm import alone, installed

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "react"
NAMES = (
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.js",
    "index.html",
    "src",
)


def react() -> Path:
    """A copy of the example with what npm installs for it (Vite, React, TypeScript)."""
    files = {name: EXAMPLE / name for name in NAMES}
    return installed("react", files, "what the React example needs")


def built() -> Path:
    """The folder that ``npm run build`` makes: types are checked on the way."""
    folder = react()
    client = Path(wsgi_auth.__file__).parent / "pages" / "client.d.ts"
    texts = [path.read_bytes() for path in (*sorted(EXAMPLE.rglob("src/*.ts*")), client)]
    texts += [(EXAMPLE / name).read_bytes() for name in NAMES if (EXAMPLE / name).is_file()]
    stamp = hashlib.sha256(b"\0".join(texts)).hexdigest()
    with alone(folder):
        done = folder / "built"
        if not done.is_file() or done.read_text() != stamp:
            run = _run(folder, [require_program("npm"), "run", "build"])
            assert run.returncode == 0, run.stdout + run.stderr
            done.write_text(stamp)
    return folder / "dist"


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent
    paths = [str(beside), os.environ["PATH"]]
    # where the package is imported from its tree, a script of npm has to find it too
    tree = str(Path(wsgi_auth.__file__).parents[1])
    env = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": tree}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env=env
    )  # fmt: skip
