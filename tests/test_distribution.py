"""What is handed out: the source distribution holds what the repository holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile

import pytest

from tests.docs.blocks import ROOT
from tests.needs import require_module, require_program


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """The files that git knows."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    git = require_program("git")
    command = [git, "ls-files", "--cached", "--others", "--exclude-standard"]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).splitlines())


def test_the_source_distribution_holds_what_the_repository_holds(tracked, tmp_path):
    for name in ("build", "setuptools"):
        require_module(name)
    for name in tracked:  # a copy: the build makes files beside those that it reads
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {each.name.partition("/")[2] for each in tar if each.isfile()}
    made = {"PKG-INFO", "setup.cfg"} | {n for n in names if n.startswith("wsgi_auth.egg-info/")}
    assert names - made == tracked
