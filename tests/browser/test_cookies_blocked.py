"""A browser that keeps no cookies, as its user has set it: no form works, and the page says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.parts import MARKS, served
from tests.conftest import SECRET, authorize, hello
from tests.needs import require_module, require_program
from wsgi_auth.testing import FakeProvider

pytestmark = MARKS


@pytest.fixture
def blocked(playwright, tmp_path) -> Iterator[Any]:
    """A profile with Chromium's own setting "block all cookies"."""
    profile = tmp_path / "Default"
    profile.mkdir()
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Preferences").write_text(json.dumps(settings))
    context = playwright.chromium.launch_persistent_context(
        str(tmp_path), executable_path=require_program("chromium"), args=["--no-sandbox"]
    )
    yield context
    context.close()


@pytest.fixture
def url() -> Iterator[str]:
    require_module("fido2")
    acme = FakeProvider(id="acme")
    mail = {"id": "email", "from": "a@example.test", "send": print}
    password = {"id": "credentials", "authorize": authorize}

    def options(url: str) -> dict[str, Any]:
        providers = [acme.options(name="Acme"), "passkey", mail, password]
        return {"secret": SECRET, "adapter": "memory:", "providers": providers}

    with acme.serving(), served(hello, options, "localhost") as (address, _):
        yield address


@pytest.mark.parametrize("way", ["Sign in with Acme", "Sign in with a passkey", "Sign in",
                                 "Send me a sign-in link"])  # fmt: skip
def test_whoever_blocks_cookies_is_told_that_they_must_be_allowed(blocked, url, way):
    page = blocked.new_page()
    page.goto(f"{url}/members")
    assert blocked.cookies() == []
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_label("E-mail address").fill("alice@example.test")
    page.get_by_role("button", name=way, exact=True).click()
    page.get_by_text("Cookies must be allowed.").wait_for(timeout=15_000)
    assert page.get_by_role("link").count() >= 1  # a way on
