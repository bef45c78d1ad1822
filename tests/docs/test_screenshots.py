"""The pictures of the built-in pages: all that the command makes are there, small, and shown."""

from __future__ import annotations

import re
from pathlib import Path

from tests.screens import DOCS, screenshots

MOST_BYTES = 60_000


def test_every_page_has_its_pictures_and_they_are_small():
    wanted = {f"{name}-{end}.png" for name in screenshots.PAGES for end in screenshots.SHAPES}
    files = {file.name: file.stat().st_size for file in (DOCS / "images").iterdir()}
    assert set(files) == wanted, "make screenshots"
    assert [name for name, size in files.items() if size > MOST_BYTES] == []


def test_every_page_is_shown():
    shown = set()
    for page in Path(DOCS).rglob("*.rst"):
        shown |= set(re.findall(r"\.\. screens:: (\S+)", page.read_text(encoding="utf-8")))
    assert shown == set(screenshots.PAGES)
