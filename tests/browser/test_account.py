"""The account page in a real browser, at a provider that posts its answer: nothing is linked before
the user has said yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_pages import _CONTRAST
from tests.conftest import SECRET, authorize
from tests.needs import require_module, require_program
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import FakeProvider
from wsgi_auth.testing.fake_provider.transport import serve

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running Chromium."""
    program = require_program("chromium")
    require_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[str]:
    """The address of an application with a form and a provider that posts its answer. They are of
    two sites: 127.0.0.1 and localhost."""
    fake, later = FakeProvider(id="acme"), {}
    with serve(lambda environ, start: later["app"](environ, start)) as served, fake.serving():
        url = served.replace("127.0.0.1", "localhost")
        acme = fake.options(name="Acme", response_mode="form_post")
        later["app"] = AuthMiddleware(lambda environ, start: start("204 No Content", []) and [], {
            "secret": SECRET, "url": url, "adapter": "memory:",
            "providers": [{"id": "credentials", "authorize": authorize}, acme],
        })  # fmt: skip
        yield url


def signed_in(chromium: Any, site: str, **context: Any) -> Any:
    tab = chromium.new_context(**context).new_page()
    tab.said = []
    tab.on("console", lambda message: tab.said.append(message.text))
    tab.goto(f"{site}/auth/account")
    tab.get_by_label("User name").fill("alice")
    tab.get_by_label("Password").fill("correct horse")
    tab.get_by_role("button", name="Sign in", exact=True).click()
    tab.wait_for_url(f"{site}/auth/account")
    return tab


def test_a_user_links_unlinks_and_signs_out_elsewhere(chromium, site):
    elsewhere = signed_in(chromium, site)
    tab = signed_in(chromium, site)
    tab.get_by_role("button", name="Link Acme").click()
    tab.get_by_role("button").filter(has_text="Bob").click()
    tab.wait_for_url(f"{site}/auth/account/link")
    assert "bob" in tab.content()
    tab.get_by_role("button", name="Link", exact=True).click()
    tab.wait_for_url(f"{site}/auth/account")
    tab.get_by_role("button", name="Unlink Acme").click()
    tab.get_by_role("button", name="Link Acme").wait_for()
    tab.get_by_role("button", name="Sign out everywhere else").click()
    tab.wait_for_load_state()
    elsewhere.reload()
    assert "/auth/signin" in elsewhere.url
    assert not [text for text in tab.said if "Content Security Policy" in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen_and_every_text_stands_out(chromium, site, scheme):
    tab = signed_in(chromium, site, color_scheme=scheme, viewport={"width": 320, "height": 640})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    assert tab.evaluate(_CONTRAST) == []
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent").strip())
    assert reached[:2] == ["Link Acme", "Sign out everywhere"]
