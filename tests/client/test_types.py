"""``client.d.ts`` against code of an application, and against the module itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import wsgi_auth
from tests.client.built import installed

pytestmark = pytest.mark.live

PAGES = Path(wsgi_auth.__file__).parent / "pages"


def test_the_types_fit_what_an_application_writes(tmp_path):
    npm = installed()
    shutil.copy(PAGES / "client.d.ts", tmp_path / "client.d.ts")
    shutil.copy(Path(__file__).with_name("sample.ts"), tmp_path / "sample.ts")
    options = json.loads((npm / "tsconfig.json").read_text())["compilerOptions"]
    paths = {"/auth/client.js": ["./client.d.ts"]}
    config = {"compilerOptions": {**options, "paths": paths}, "files": ["sample.ts", "client.d.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    tsc = npm / "node_modules" / ".bin" / "tsc"
    run = subprocess.run([tsc, "-p", tmp_path], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout


def test_the_types_name_what_the_module_exports():
    exported = r"^export (?:declare )?(?:async )?(?:const|function) (\w+)"
    script, types = ((PAGES / f"client.{end}").read_text() for end in ("js", "d.ts"))
    named = set(re.findall(exported, types, re.MULTILINE))
    assert named == set(re.findall(exported, script, re.MULTILINE)) and len(named) == 9
