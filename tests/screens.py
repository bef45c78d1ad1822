"""``docs/screenshots.py``, whose pages the tests look at too: every kind of page that is built in."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

_spec = importlib.util.spec_from_file_location("screenshots", DOCS / "screenshots.py")
assert _spec is not None and _spec.loader is not None
screenshots = importlib.util.module_from_spec(_spec)
sys.modules["screenshots"] = screenshots  # dataclasses look their module up
_spec.loader.exec_module(screenshots)
