"""The code blocks of the documentation: where they are, and what they need to run."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    path
    for path in [ROOT / "README.rst", *sorted(DOCS.rglob("*.rst"))]
    if "_build" not in path.parts
]

#: What stands where a reader's secret goes; start-up refuses it.
PLACEHOLDER = re.compile(r'"[^"\n]*`wsgi-auth secret`[^"\n]*"')

_START = re.compile(
    r"^(?P<indent> *)\.\. (?:(?:code-block|sourcecode):: *(?P<language>\S*)|(?P<check>check))\s*$"
)


@dataclass(frozen=True)
class Block:
    """One block; ``line`` is that of its first line of code."""

    page: Path
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every ``code-block`` of a page, and every comment ``.. check``: code that shows nothing to the
    reader and checks what the page says."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    number = 0
    while number < len(lines):
        start = _START.match(lines[number])
        number += 1
        if not start:
            continue
        inside = len(start["indent"]) + 1
        while number < len(lines) and lines[number].strip().startswith(":"):
            number += 1
        while number < len(lines) and not lines[number].strip():
            number += 1
        first = number
        while number < len(lines) and (
            not lines[number].strip() or len(lines[number]) - len(lines[number].lstrip()) >= inside
        ):
            number += 1
        code = textwrap.dedent("\n".join(lines[first:number])).strip() + "\n"
        code = PLACEHOLDER.sub('"a secret that the reader has put in, as the text says"', code)
        language = "python" if start["check"] else start["language"]
        found.append(Block(page, first + 1, language, code))
    return found


def of(language: str) -> list[Block]:
    """Every block of a language."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]
