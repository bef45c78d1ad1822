"""The pictures on the pages, all drawn here: no artwork of anybody, no request to anywhere.

A provider's picture is its initials on its colour. Signs that a company owns are not ours to draw;
a site that may use one names a file of its own (the provider's option ``icon``). Inline SVG whose
colours are attributes of the drawing, which the pages' policy has no say in. Screen readers pass
all of it over: the text beside it says the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from zlib import crc32

from markupsafe import Markup

from wsgi_auth.pages.views import ProviderView
from wsgi_auth.theme import READABLE, contrast, is_color, is_logo, luminance

#: What a provider without a colour gets, always the same by its id; white reads well on each.
PALETTE: Final = (
    "#1f6f8b", "#7a3e9d", "#a8326b", "#b3471d", "#2f7d32", "#3450b0", "#8a5a00", "#4a5568",
)  # fmt: skip
#: A colour above this luminance is paper, not ink: the provider's other colour is its own then.
_PAPER: Final = 0.85
#: A word, and a capital inside one: ``GitHub`` has two.
_INITIAL: Final = re.compile(r"(?<![^\W_])[^\W_]|(?<=[a-zà-öø-ÿ])[A-Z]")


def _drawing(path: str) -> Markup:
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>'
    ).format(path)


ENVELOPE: Final = _drawing("M3 6h18v12H3zm0 1 9 6 9-6")
KEY: Final = _drawing("M11.5 12a4.5 4.5 0 1 0-9 0 4.5 4.5 0 0 0 9 0zh10v4m-4.5-4v3.5")
PERSON: Final = _drawing("M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-5 8-5s7 1 8 5")
PASSKEY: Final = _drawing(
    "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 20c.5-4 3-6 7-6 1.5 0 2.7.3 3.7.8"
    "M17.5 15a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zv6m0-2h2"
)


def icon(provider: ProviderView) -> Markup:
    """The picture of a way to sign in: the site's own, else by its type, else its initials."""
    if provider.icon and is_logo(provider.icon):
        return Markup('<img class="icon" src="{}" alt="">').format(provider.icon)
    if provider.type == "email":
        return ENVELOPE
    if provider.type == "passkey":
        return PASSKEY
    if provider.type in ("credentials", "htpasswd"):
        return KEY if any(field.type == "password" for field in provider.fields) else PERSON
    letters = initials(provider.name or provider.id)
    if not letters:
        return PERSON
    background = color(provider.id, provider.colors)
    return Markup(
        '<svg class="icon mark" viewBox="0 0 24 24" aria-hidden="true">'
        '<rect x=".5" y=".5" width="23" height="23" rx="6" fill="{}"/>'
        '<text x="12" y="{}" font-size="{}" fill="{}">{}</text></svg>'
    ).format(background, *_SIZES[len(letters)], ink_on(background), letters)


#: Where the letters stand and how large they are, by their number.
_SIZES: Final = {1: ("17", "14"), 2: ("16", "11")}


def initials(name: str) -> str:
    """The first letters of the first two words, or of the two parts of a word such as GitHub."""
    return "".join(letter.upper()[0] for letter in _INITIAL.findall(name)[:2])


def ink_on(background: str) -> str:
    """White where it can be read, as on most signs; else black."""
    return "#ffffff" if contrast("#ffffff", background) >= READABLE else "#000000"


def color(provider_id: str, colors: Iterable[str]) -> str:
    """The first of its colours that is one and no paper; else one of :data:`PALETTE`."""
    for each in colors:
        if is_color(each) and luminance(each) < _PAPER:
            return each
    return PALETTE[crc32(provider_id.encode("utf-8", "replace")) % len(PALETTE)]
