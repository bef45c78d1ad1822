"""The fake provider's pages, in Chromium: the policy lets the forms through, keys do the choosing."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.needs import require_module, require_program
from tests.op.raw import Raw
from tests.testing.test_fake_provider import Application
from wsgi_auth.testing import FakeProvider
from wsgi_auth.testing.fake_provider.transport import serve

pytestmark = pytest.mark.browser

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def chromium():
    require_module("playwright")
    path = require_program("chromium", "apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def application(provider: FakeProvider, **params: str):
    """A textbook application on a port of its own; gives its address."""
    client = Raw(provider.issuer, "app", next(iter(provider.clients.values())).client_secret)
    app = Application(client, **params)
    with serve(app) as url:
        client.redirect_uri = f"{url}/auth/callback/op"
        yield url


@pytest.mark.parametrize("params", [{}, {"response_mode": "form_post"}], ids=["query", "form_post"])
def test_a_visitor_signs_in_and_out(chromium, params):
    provider = FakeProvider()
    with provider.serving(), application(provider, **params) as url:
        context = chromium.new_context()
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(f"{url}/auth/signin")
        page.get_by_role("button", name="fake").click()
        page.wait_for_url(f"{provider.issuer}/**")
        assert page.get_by_role("heading", level=1).count() == 1
        page.get_by_role("button", name="Bob Member").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/**")
        assert "who=bob" in page.content()
        page.goto(f"{provider.issuer}/logout")
        page.get_by_role("button", name="Sign out").click()
        assert "signed out" in page.content()
        assert not [text for text in problems if "Content Security Policy" in text]
        context.close()
