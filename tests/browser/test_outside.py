"""Sign-in with another party in a real browser, which keeps its own counsel on cookies and
policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.browser.parts import MARKS, overheard, served
from tests.conftest import SECRET
from wsgi_auth.adapters import connect
from wsgi_auth.testing import FakeProvider
from wsgi_auth.testing.fake_provider.transport import serve

pytestmark = MARKS

BUTTON = "Sign in with Fake identity provider"


@dataclass
class Place:
    """A site with a provider, each at an address of its own, and a page in a browser."""

    fake: FakeProvider
    url: str
    page: Any
    said: list[str] = field(default_factory=list)

    def choose(self, name: str) -> None:
        """At the provider: that is me."""
        self.page.get_by_role("button").filter(has_text=name).first.click()

    def shown(self) -> dict[str, Any]:
        """What the application says of whoever is signed in."""
        return json.loads(self.page.inner_text("pre"))

    def sign_in(self, path: str, name: str) -> None:
        """From a page of ours to the provider and back to it."""
        self.page.goto(self.url + path)
        self.page.get_by_role("button", name=BUTTON).click()
        self.choose(name)
        self.page.wait_for_url(self.url + path)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["auth.session"]
    said = {"who": session and session["user"]["name"], "path": environ["PATH_INFO"]}
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><title>x</title><link rel=icon href='data:,'><pre>"
            + json.dumps(said).encode() + b"</pre>"]  # fmt: skip


@contextmanager
def place(
    chromium: Any, provider: dict[str, Any] | None = None, host: str = "127.0.0.1", **options: Any
) -> Iterator[Place]:
    fake = FakeProvider()

    def settings(url: str) -> dict[str, Any]:
        return {"secret": SECRET, "matcher": ["/members/:path*"],
                "providers": [fake.options(**(provider or {}))], **options}  # fmt: skip

    with fake.serving(), served(application, settings, host) as (url, _):
        context = chromium.new_context()
        page = context.new_page()
        here = Place(fake, url, page, overheard(page))
        try:
            yield here
        finally:
            context.close()
        assert not [text for text in here.said if "Content Security Policy" in text], here.said


#: Chromium calls two names on one machine two sites, and two ports of one name the same site.
SITES = {"of the same site": "127.0.0.1", "of another site": "localhost"}


@pytest.mark.parametrize("host", SITES.values(), ids=SITES)
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_the_button_leads_to_the_provider_and_back_to_the_page_that_was_asked_for(
    chromium, mode, host
):
    with place(chromium, {"response_mode": mode}, host) as here:
        here.sign_in("/members/area", "Alice")
        assert here.shown() == {"who": "Alice Admin", "path": "/members/area"}


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_a_strict_session_cookie_is_there_on_the_first_page(chromium, mode):
    cookies = {"session": {"same_site": "Strict"}}
    with place(chromium, {"response_mode": mode}, "localhost", cookies=cookies) as here:
        here.sign_in("/members/area", "Bob")
        assert here.shown()["who"] == "Bob Member"


def test_two_tabs_finish_in_the_other_order(chromium):
    with place(chromium, host="localhost") as here:
        first, second = here.page, here.page.context.new_page()
        for tab, path in ((first, "/members/1"), (second, "/members/2")):
            tab.goto(here.url + path)
            tab.get_by_role("button", name=BUTTON).click()
        for tab, path in ((second, "/members/2"), (first, "/members/1")):
            tab.get_by_role("button").filter(has_text="Carol").first.click()
            tab.wait_for_url(here.url + path)


def test_who_refuses_reads_why_and_may_try_again(chromium):
    with place(chromium, host="localhost") as here:
        here.page.goto(f"{here.url}/members/area")
        here.page.get_by_role("button", name=BUTTON).click()
        here.choose("Refuse")
        assert "OAuthCallbackError" in here.page.inner_text("main")
        here.page.get_by_role("link", name="Try again").click()
        here.page.get_by_role("button", name=BUTTON).click()
        here.choose("Alice")
        here.page.wait_for_url(f"{here.url}/members/area")


def test_going_back_to_the_providers_answer_keeps_the_session(chromium):
    with place(chromium, host="localhost") as here:
        landed = []
        here.page.on(
            "request", lambda asked: "/auth/callback/" in asked.url and landed.append(asked.url)
        )
        here.sign_in("/members/area", "Alice")
        here.page.goto(landed[0])
        assert here.page.url == f"{here.url}/" and here.shown()["who"] == "Alice Admin"


def test_signing_out_leads_to_the_provider_and_back(chromium):
    with place(chromium, {"logout": True}, "localhost") as here:
        here.sign_in("/members/area", "Alice")
        here.page.goto(f"{here.url}/auth/signout?callbackUrl=/bye")
        here.page.get_by_role("button", name="Sign out").click()
        here.page.wait_for_url(f"{here.url}/bye")
        assert here.shown()["who"] is None
        here.page.goto(f"{here.url}/members/area")
        assert "/auth/signin" in here.page.url


def framed(here: Place, page_there: str, query: str) -> str:
    """Where a frame with our front-channel endpoint ends up in a page of somebody else's."""
    page = here.page.context.new_page()
    page.goto(page_there)
    page.evaluate(
        """address => new Promise(loaded => {
            const frame = document.createElement("iframe")
            frame.onload = loaded
            frame.src = address
            document.body.append(frame)
        })""",
        f"{here.url}/auth/frontchannel-logout/fake?{query}",
    )
    return str(page.frames[1].url)


@pytest.mark.parametrize("host", SITES.values(), ids=SITES)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_frame_at_the_provider_signs_out_by_name_or_where_the_cookie_comes_along(
    chromium, host, is_named
):
    store = connect("memory:")
    heard = {"frontchannel_logout": True}
    with place(chromium, heard, host, adapter=store) as here:
        here.sign_in("/members/area", "Alice")
        (user,) = store._users
        (record,) = store.list_sessions(user)
        sid = json.loads(record.data)["claims"]["provider_sid"]
        query = urlencode({"iss": here.fake.issuer, "sid": sid}) if is_named else ""
        theirs = f"{here.fake.issuer}/.well-known/openid-configuration"
        assert framed(here, theirs, query).startswith(here.url)
        here.page.goto(f"{here.url}/")
        stays = not is_named and host == SITES["of another site"]
        assert here.shown()["who"] == ("Alice Admin" if stays else None)


def test_nobody_but_the_provider_shows_that_frame(chromium):
    def page(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<!doctype html><link rel=icon href='data:,'><body>"]

    heard = {"frontchannel_logout": True}
    with place(chromium, heard, adapter="memory:") as here, serve(page) as elsewhere:
        query = urlencode({"iss": here.fake.issuer, "sid": "unknown"})
        assert framed(here, elsewhere, query) == "chrome-error://chromewebdata/"
        theirs = f"{here.fake.issuer}/.well-known/openid-configuration"
        assert framed(here, theirs, query).startswith(here.url)
