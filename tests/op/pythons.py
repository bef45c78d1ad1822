"""A provider written in Python, in a virtual environment of its own: it wants other versions than
we do, and brings a pytest plugin that would be loaded with every test."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.needs import missing
from tests.op.harness import BUILD
from tests.processes import free_port, serving

HERE = Path(__file__).parent / "servers"


def environment(name: str, *requirements: str) -> Path:
    """The Python of an environment that has ``requirements``; made once, kept below ``build/``."""
    folder = BUILD / f"venv-{name}-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"lock-{name}").open("w") as lock:  # several test processes may come at once
        fcntl.flock(lock, fcntl.LOCK_EX)
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
    file, log = BUILD / f"settings-{port}.json", BUILD / f"log-{port}.txt"
    file.write_text(json.dumps(settings))
    try:
        arguments = [str(python), str(HERE / script), str(port), str(file)]
        with serving(arguments, port, BUILD, 60, LOG=str(log), PYTHONPATH=""):
            yield f"http://127.0.0.1:{port}"
    finally:
        file.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
