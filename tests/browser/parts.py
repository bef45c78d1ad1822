"""Sites and tabs: what the tests in a real browser set up in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.needs import require_module
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing.fake_provider.transport import serve

#: The marks of a module of such tests.
MARKS = [pytest.mark.live, pytest.mark.browser, pytest.mark.filterwarnings("default")]


@contextmanager
def served(
    app: Any, options: Callable[[str], dict[str, Any]], host: str = "127.0.0.1", mount: str = ""
) -> Iterator[tuple[str, AuthMiddleware]]:
    """``app`` under a middleware, at an address of its own, of which the ``options`` are made: the
    address and the middleware. Chromium calls ``127.0.0.1`` and ``localhost`` two sites, and two
    ports of one name the same site."""
    later: dict[str, Any] = {}

    def late(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SCRIPT_NAME"] = mount
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(mount)
        return later["app"](environ, start_response)

    with serve(late) as address:
        url = address.replace("127.0.0.1", host) + mount
        later["app"] = AuthMiddleware(app, {"url": url, **options(url)})
        yield url, later["app"]


def overheard(page: Any) -> list[str]:
    """What the page will complain of from now on: errors of scripts, and the console."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    return said


def faults(said: list[str]) -> list[str]:
    """Of what was overheard, all but requests that were refused, which the console tells too."""
    return [text for text in said if not text.startswith("Failed to load resource")]


def width(page: Any) -> int:
    """The width in pixels that the page takes: more than the window's is scrolled to the side."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


#: In which axe looks at a page.
SHAPES = [(scheme, wide) for scheme in ("light", "dark") for wide in (320, 1_280)]


def accessible(page: Any) -> None:
    """Fail where axe finds something, or the page is scrolled to the side, in any of the shapes."""
    require_module("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    for scheme, wide in SHAPES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": wide, "height": 800})
        found = Axe().run(page).response
        wrong = [
            (each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]
        ]
        assert (scheme, wide, wrong) == (scheme, wide, [])
        assert {"color-contrast", "html-lang-valid"} <= {each["id"] for each in found["passes"]}
        assert width(page) <= wide


def tab_to(page: Any, what: str) -> list[str]:
    """Press Tab until the keyboard is at the field of this name, or at what has this text; on the
    way every stop has to show where it is. What was passed."""
    passed: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        found, is_shown = page.evaluate(FOCUS)
        assert is_shown, f"nothing shows that the keyboard is at {found!r}"
        if found == what:
            return passed
        passed.append(found)
    raise AssertionError(f"{what!r} cannot be reached by keyboard; there is {passed}")


#: What has the keyboard, and whether that shows.
FOCUS = """() => {
  const found = document.activeElement;
  const style = getComputedStyle(found);
  const box = found.getBoundingClientRect();
  const is_shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const name = found.name || found.textContent.trim();
  return [name, found === document.body || (is_shown && box.width > 8 && box.height > 8)];
}"""

#: Finds every text of a page that does not stand out from its background, with the contrast.
CONTRAST = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = numbers(colour).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opaque = colour => numbers(colour).length < 4 || numbers(colour)[3] === 1;
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (opaque(colour) && colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.offsetParent) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${text}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""
