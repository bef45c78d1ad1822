"""The built-in pages in a real browser: the demo, as a visitor uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.parts import CONTRAST, MARKS, width
from tests.needs import require_module
from tests.processes import PYTHON, free_port, serving

pytestmark = MARKS


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[str]:
    """The address of ``wsgi-auth demo``."""
    require_module("waitress")
    port = free_port()
    arguments = [PYTHON, "-m", "wsgi_auth", "demo", "--port", str(port)]
    with serving(arguments, port, tmp_path_factory.mktemp("demo")):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def page(chromium, demo):
    """A fresh page whose console must stay free of errors of the page itself."""
    context = chromium.new_context(viewport={"width": 900, "height": 800})
    page = context.new_page()
    page.said = []
    page.asked = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    assert not [text for text in page.said if "Content Security Policy" in text]
    elsewhere = [url for url in page.asked if not url.startswith("http://127.0.0.1:")]
    assert elsewhere == []
    context.close()


def sign_in(page, name: str = "ada", password: str = "engine") -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state()


def test_the_sign_in_page_fits_a_narrow_screen(page, demo):
    page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/members", "/auth/signout", "/auth/error?error=AccessDenied"):
        page.goto(demo + path)
        assert width(page) <= 320


def test_the_keyboard_alone_signs_in_and_leads_to_the_page_that_was_asked_for(page, demo):
    page.goto(f"{demo}/members?a=b")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        found = page.evaluate("document.activeElement.name || document.activeElement.textContent")
        reached.append(found.strip())
        if found == "username":
            page.keyboard.type("bob")
        elif found == "password":
            page.keyboard.type("bricks")
            page.keyboard.press("Enter")
            break
    page.wait_for_url(f"{demo}/members?a=b")
    assert reached.index("username") + 1 == reached.index("password")
    assert "Bob Builder" in page.content()


def test_a_wrong_password_is_said_and_the_name_kept(page, demo):
    page.goto(f"{demo}/members")
    sign_in(page, "ada", "wrong")
    assert "did not match" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("User name").input_value() == "ada"
    assert page.get_by_label("Password").input_value() == ""


def test_after_sign_out_the_back_button_shows_nothing_protected(page, demo):
    page.goto(f"{demo}/members")
    sign_in(page)
    assert "Ada Lovelace" in page.content()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_load_state()
    page.goto(demo + "/")
    page.go_back()
    page.go_back()
    assert "Ada Lovelace" not in page.content()
    page.goto(f"{demo}/members")
    assert "/auth/signin" in page.url


def test_an_identity_provider_signs_in_and_the_policy_lets_the_form_lead_there(page, demo):
    page.goto(f"{demo}/admin")
    page.get_by_role("button", name=re.compile("Demo ID")).click()
    page.get_by_role("button").filter(has_text="Ada").first.click()
    page.wait_for_url(f"{demo}/admin")
    assert "For admins" in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(chromium, demo, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    for path in ("/", "/members", "/auth/signout", "/auth/error?error=Configuration"):
        page.goto(demo + path)
        low = page.evaluate(CONTRAST)
        assert low == []
    context.close()
