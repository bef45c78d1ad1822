"""The page "Languages" keeps its word: its commands, run one after the other, add a language."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.docs import blocks
from tests.needs import require_program
from wsgi_auth.languages import Languages

TRANSLATE = (
    r"""sed -i '/^msgctxt "sign_in.heading"/,/^$/ s/^msgstr ""/msgstr "Inloggen"/' wsgi_auth.po"""
)


def test_the_commands_of_the_page_add_a_language(tmp_path: Path) -> None:
    for program in ("bash", "msginit", "msgfmt", "msgmerge"):
        require_program(program)
    (block,) = (each for each in blocks.of("console") if "msginit" in each.code)
    lines = [line.removeprefix("$ ") for line in block.code.splitlines()]
    script = "\n".join(TRANSLATE if "translate wsgi_auth.po" in line else line for line in lines)
    assert TRANSLATE in script
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, check=True, capture_output=True,
                   env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"})  # fmt: skip
    languages = Languages((), None, tmp_path / "locale")
    languages.check()
    texts = languages.texts(languages.negotiate("nl-BE"))
    assert (texts["sign_in.heading"], texts["sign_out.heading"]) == ("Inloggen", "Sign out")
