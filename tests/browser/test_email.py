"""Sign-in by a link in a mail, in a real browser, through a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.parts import MARKS, overheard, served, width
from tests.conftest import SECRET
from tests.mail.post import Box, link_in, post_office, provider

pytestmark = MARKS


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["auth.session"]
    who = "nobody" if session is None else session["user"]["email"]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><title>x</title><link rel=icon href='data:,'><p>hello ", who.encode()]


@pytest.fixture
def site() -> Iterator[tuple[str, Box]]:
    """The address of a site, and the mail that it sent."""
    with post_office() as (box, port):
        options = {
            "secret": SECRET, "adapter": "memory:", "matcher": ["/members"],
            "providers": [provider(port)], "theme": {"brand_color": "#0f766e"},
        }  # fmt: skip
        with served(application, lambda url: options) as (url, _):
            yield url, box


@pytest.fixture
def visitor(chromium) -> Iterator[Any]:
    """Makes a page in a browser of its own, whose console has to stay silent about policies."""
    contexts, said = [], []

    def page() -> Any:
        context = chromium.new_context()
        contexts.append(context)
        made = context.new_page()
        said.append(overheard(made))
        return made

    yield page
    for context in contexts:
        context.close()
    assert not [text for each in said for text in each if "Content Security Policy" in text], said


def ask(page: Any, url: str, email: str) -> None:
    page.goto(f"{url}/members")
    page.get_by_label("E-mail address").fill(email)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Check your e-mail").wait_for()


def test_a_visitor_looks_into_their_mail_and_is_signed_in_at_the_page_they_wanted(site, visitor):
    url, box = site
    page = visitor()
    ask(page, url, "Ada@Example.test")
    # the mail as a reader of mail shows it: its one link is the way in
    (message,) = box.messages
    mail = visitor()
    mail.set_content(message.get_body(("html",)).get_content())
    assert mail.get_by_role("link").count() == 1
    link = mail.get_by_role("link", name="Sign in").get_attribute("href")
    assert link == url + link_in(message)
    page.goto(link)
    assert "another browser" not in page.inner_text("main")
    assert "ada@example.test" in page.inner_text("main")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{url}/members")
    assert page.inner_text("p") == "hello ada@example.test"
    page.goto(link)
    assert "This link no longer works" in page.inner_text("main")
    page.goto(f"{url}/members")
    assert page.inner_text("p") == "hello ada@example.test"


def test_on_another_device_the_page_says_where_it_was_asked_for(site, visitor):
    url, box = site
    desk, phone = visitor(), visitor()
    ask(desk, url, "ada@example.test")
    link = url + link_in(box.messages[0])
    phone.set_viewport_size({"width": 320, "height": 640})
    phone.goto(link)
    said = phone.get_by_role("note").inner_text()
    assert "another browser" in said and "Chrome, Linux" in said and "127.0.0.1" in said
    assert width(phone) <= 320
    phone.get_by_role("button", name="Sign in here").click()
    phone.wait_for_url(f"{url}/members")
    assert phone.inner_text("p") == "hello ada@example.test"
    desk.goto(f"{url}/members")
    assert desk.get_by_label("E-mail address").is_visible()


def test_client_js_asks_for_a_link_and_stays_on_its_page(site, visitor):
    url, box = site
    page = visitor()
    page.goto(url)
    answer = page.evaluate(
        """async (email) => {
            const { signIn } = await import("/auth/client.js")
            return await signIn("email", { email, redirect: false, redirectTo: "/members" })
        }""",
        "ada@example.test",
    )
    assert answer["ok"] and "/auth/verify-request" in answer["url"]
    page.goto(url + link_in(box.messages[0]))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{url}/members")
    answer = page.evaluate(
        """async () => {
            const { signIn } = await import("/auth/client.js")
            return await signIn("email", { email: "no address", redirect: false })
        }"""
    )
    assert not answer["ok"] and answer["error"] == "EmailInvalid"
