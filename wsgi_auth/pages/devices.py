"""What a browser calls itself, in words: enough to tell one's own devices apart.

What lives here: two short tables. What is sent proves nothing, and nothing is decided by it.
"""

from __future__ import annotations

from typing import Final

#: In this order: most browsers also name those that they descend from.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"), ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_LONGEST: Final = 60


def device(agent: str) -> tuple[str, str]:
    """The browser and the system of a User-Agent, "" for what it does not tell; of an unknown
    browser the beginning of the text."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return browser or ("" if system else agent[:_LONGEST]), system
