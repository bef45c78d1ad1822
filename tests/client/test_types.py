"""``client.d.ts`` against code of an application, and against the module itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import wsgi_auth
from tests.client.built import react
from tests.docs import blocks

pytestmark = pytest.mark.live

PAGES = Path(wsgi_auth.__file__).parent / "pages"


def test_the_types_fit_what_an_application_writes(tmp_path):
    npm = react()
    shutil.copy(PAGES / "client.d.ts", tmp_path / "client.d.ts")
    shutil.copy(Path(__file__).with_name("sample.ts"), tmp_path / "sample.ts")
    check(npm, tmp_path, {})


LANGUAGES = {"javascript": "js", "typescript": "ts", "tsx": "tsx"}
BLOCKS = [block for language in LANGUAGES for block in blocks.of(language)]


def test_the_scripts_of_the_documentation_fit_too(tmp_path):
    assert len(BLOCKS) > 8
    npm = react()
    for name in ("client.d.ts", "passkey.d.ts"):
        shutil.copy(PAGES / name, tmp_path / name)
    (tmp_path / "vue.d.ts").write_text('declare module "vue";')
    (tmp_path / "node_modules").symlink_to(npm / "node_modules")
    for number, block in enumerate(BLOCKS):
        kind = LANGUAGES[block.language]
        (tmp_path / f"line_{block.line}_{number}.{kind}").write_text(block.code)
    check(npm, tmp_path, {"allowJs": True, "checkJs": True, "strict": False})


def check(npm: Path, folder: Path, more: dict[str, bool]) -> None:
    """Everything in the folder, with the options of the example, by its TypeScript."""
    options = json.loads((npm / "tsconfig.json").read_text())["compilerOptions"]
    paths = {f"/auth/{name}.js": [f"./{name}.d.ts"] for name in ("client", "passkey")}
    options |= {"paths": paths, **more}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))
    tsc = npm / "node_modules" / ".bin" / "tsc"
    run = subprocess.run([tsc, "-p", folder], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(("name", "number"), [("client", 9), ("passkey", 2)])
def test_the_types_name_what_the_module_exports(name, number):
    exported = r"^export (?:declare )?(?:async )?(?:const|function) (\w+)"
    script, types = ((PAGES / f"{name}.{end}").read_text() for end in ("js", "d.ts"))
    named = set(re.findall(exported, types, re.MULTILINE))
    assert named == set(re.findall(exported, script, re.MULTILINE)) and len(named) == number
