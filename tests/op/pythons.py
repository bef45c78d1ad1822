"""A provider written in Python, in a virtual environment of its own: it wants other versions than
we do, and brings a pytest plugin that would be loaded with every test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.needs import missing
from tests.npm import BUILD, alone
from tests.processes import free_port, serving

HERE = Path(__file__).parent / "servers"
FOLDER = BUILD / "op"


def environment(name: str, *requirements: str) -> Path:
    """The Python of an environment that has ``requirements``; made once, kept below ``build/``."""
    folder = FOLDER / f"venv-{name}-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    with alone(FOLDER):
        done = folder / "installed"
        if not done.is_file() or done.read_text() != json.dumps(requirements):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            run = subprocess.run(
                [python, "-m", "pip", "install", "-q", *requirements],
                capture_output=True, text=True, timeout=600,
            )  # fmt: skip
            if run.returncode:
                missing(" ".join(requirements), f"pip: {run.stderr.strip()[-300:]}")
            done.write_text(json.dumps(requirements))
    return python


@contextmanager
def running(python: Path, script: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Run a script of the folder ``servers`` on a free port while the block runs; gives its address. The
    script is called with the port and a file of ``settings``."""
    port = free_port()
    file, log = FOLDER / f"settings-{port}.json", FOLDER / f"log-{port}.txt"
    file.write_text(json.dumps(settings))
    try:
        arguments = [str(python), str(HERE / script), str(port), str(file)]
        with serving(arguments, port, FOLDER, 60, LOG=str(log), PYTHONPATH=""):
            yield f"http://127.0.0.1:{port}"
    finally:
        file.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
