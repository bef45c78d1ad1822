"""Every built-in page as anybody may use it: axe finds nothing, in light and dark, at 320 and 1,280
pixels; nothing is scrolled to the side; the keyboard reaches everything, and shows where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.parts import FOCUS, MARKS, accessible
from tests.needs import require_chromium, require_module
from tests.screens import screenshots

pytestmark = MARKS

#: A mail is no page: it has no main part, and no style for the keyboard.
PAGES = [name for name in screenshots.PAGES if name != "mail"]
#: All that a keyboard can use, in the order of the page.
USABLE = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), summary, select, textarea"
)].filter(each => !each.disabled && each.checkVisibility()).map(each => each.outerHTML)"""


@pytest.fixture(scope="module")
def place(playwright) -> Iterator[Any]:
    """All built-in pages, and a browser that is told where they are."""
    require_module("fido2")
    with screenshots.opened(playwright, require_chromium()) as made:
        yield made


@pytest.fixture(params=PAGES)
def page(place, request) -> Iterator[Any]:
    """The page of this name."""
    yield screenshots.PAGES[request.param](place)
    place.done()


def test_axe_finds_nothing_and_nothing_is_scrolled_to_the_side(page):
    accessible(page)


@pytest.mark.parametrize(("scheme", "wide"), [("light", 320), ("dark", 1_280)])
def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(page, scheme, wide):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": wide, "height": 800})
    usable = page.evaluate(USABLE)
    reached: list[str] = []
    for _ in range(len(usable) + 1):
        page.keyboard.press("Tab")
        name, is_shown = page.evaluate(FOCUS)
        assert is_shown, f"nothing shows that the keyboard is at {name!r}"
        reached.append(page.evaluate("document.activeElement.outerHTML"))
    # from the field that has the keyboard at first, over the end to the start; between them is none
    ring = [each for each in reached if not each.startswith("<body")]
    first = usable.index(ring[0]) if ring else 0
    assert ring[: len(usable)] == usable[first:] + usable[:first]
