"""The account page in a real browser, at a provider that posts its answer: nothing is linked before
the user has said yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.parts import CONTRAST, MARKS, overheard, served, tab_to, width
from tests.conftest import SECRET, authorize
from wsgi_auth.testing import FakeProvider

pytestmark = MARKS


@pytest.fixture
def site() -> Iterator[str]:
    """The address of an application with a form and a provider that posts its answer. They are of
    two sites: 127.0.0.1 and localhost."""
    fake = FakeProvider(id="acme")
    acme = {"name": "Acme", "response_mode": "form_post"}

    def options(url: str) -> dict[str, Any]:
        password = {"id": "credentials", "authorize": authorize}
        return {"secret": SECRET, "adapter": "memory:",
                "providers": [password, fake.options(**acme)]}  # fmt: skip

    with fake.serving(), served(nothing, options, "localhost") as (url, _):
        yield url


def nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return []


def signed_in(chromium: Any, site: str, **context: Any) -> Any:
    tab = chromium.new_context(**context).new_page()
    tab.said = overheard(tab)
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
    assert width(tab) <= 320
    assert tab.evaluate(CONTRAST) == []
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent").strip())
    assert reached[:2] == ["Link Acme", "Sign out everywhere"]


def test_everything_is_done_by_keyboard_alone(chromium, site):
    signed_in(chromium, site)
    tab = signed_in(chromium, site)

    def press(name: str) -> None:
        tab_to(tab, name)
        tab.keyboard.press("Enter")

    press("Link Acme")
    tab.wait_for_url("**/authorize**")
    tab.get_by_role("button").filter(has_text="Bob").press("Enter")
    tab.wait_for_url(f"{site}/auth/account/link")
    press("Link")
    tab.wait_for_url(f"{site}/auth/account")
    press("Unlink Acme")
    tab.get_by_role("button", name="Link Acme").wait_for()
    assert tab.get_by_role("listitem").count() == 2
    press("Sign out Chrome on Linux")
    tab.wait_for_function("document.querySelectorAll('li').length === 1")
    press("Sign out everywhere")
    tab.wait_for_url("**/auth/signin?callbackUrl=/")
    tab.goto(f"{site}/auth/account")
    assert "/auth/signin" in tab.url
