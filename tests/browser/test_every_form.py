"""Every form of the built-in pages is clicked twice, and sent from two tabs: whoever is impatient
ends where one click leads, and nobody reads that something went wrong that has gone right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.parts import MARKS, served
from tests.conftest import SECRET, authorize
from tests.needs import require_module
from wsgi_auth.records import AccountRecord, Authenticator
from wsgi_auth.testing import FakeProvider

pytestmark = MARKS

#: Seconds that a page of the application takes: the browser shows the form until it is there.
SLOW = 0.4
KEY = '{"v": 1, "name": "Key", "created": 1, "used": null, "backed_up": false}'


def slowly(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    time.sleep(SLOW)
    session = environ["auth.session"]
    who = "nobody" if session is None else session.user["id"]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><title>-</title><link rel=icon href='data:,'><h1>", who.encode()]


class Place:
    def __init__(self, chromium: Any, url: str, app: Any, mails: list[Any]) -> None:
        self.url, self.store, self.mails = url, app.site.adapter, mails
        self.context = chromium.new_context()
        self.context.set_default_timeout(20_000)

    def tab(self, path: str) -> Any:
        page = self.context.new_page()
        page.goto(self.url + path)
        return page

    def signed_in(self, path: str) -> Any:
        page = self.tab("/auth/signin?callbackUrl=/auth/account")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{self.url}/auth/account")
        for key in ("1", "2"):
            if self.store.get_account("gone", key) is None:
                self.store.link_account(AccountRecord("gone", key, "alice", "oauth"))
                self.store.create_authenticator(Authenticator(f"c{key}", "alice", 0, KEY))
        page.goto(self.url + path)
        return page

    def mailed(self) -> Any:
        page = self.tab("/auth/signin?callbackUrl=/members")
        page.get_by_label("E-mail address").fill("bob@example.test")
        page.get_by_role("button", name="Send me a sign-in link").click()
        page.wait_for_url("**/verify-request**")
        page.goto(self.mails[-1].url)
        return page


@pytest.fixture
def place(chromium) -> Iterator[Place]:
    require_module("fido2")
    acme, mails = FakeProvider(id="acme"), []
    mail = {"id": "email", "from": "a@example.test", "send": mails.append}
    password = {"id": "credentials", "authorize": authorize}

    def options(url: str) -> dict[str, Any]:
        outside = acme.options(name="Acme", response_mode="form_post")
        return {
            "secret": SECRET, "adapter": "memory:", "matcher": ["/members"],
            "providers": [outside, "passkey", mail, password],
            "limits": {"account": "off", "address": "off"},
        }  # fmt: skip

    with acme.serving(), served(slowly, options, "localhost") as (url, app):
        made = Place(chromium, url, app, mails)
        yield made
        made.context.close()


def password(place: Place) -> Any:
    page = place.tab("/members")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("correct horse")
    return page, page.get_by_role("button", name="Sign in", exact=True)


def outside(place: Place) -> Any:
    page = place.tab("/members")
    return page, page.get_by_role("button", name="Sign in with Acme")


def send_link(place: Place) -> Any:
    page = place.tab("/members")
    page.get_by_label("E-mail address").fill("bob@example.test")
    return page, page.get_by_role("button", name="Send me a sign-in link")


def use_link(place: Place) -> Any:
    page = place.mailed()
    return page, page.get_by_role("button", name="Sign in", exact=True)


def sign_out(place: Place) -> Any:
    page = place.signed_in("/auth/signout?callbackUrl=/")
    return page, page.get_by_role("button", name="Sign out")


def on_the_account_page(name: str, is_exact: bool = False) -> Any:
    def open(place: Place) -> Any:
        if "Sign out" in name:
            place.signed_in("/auth/account")
            place.context.clear_cookies()
        page = place.signed_in("/auth/account")
        if name == "Save":
            page.locator("summary").first.click()
        return page, page.get_by_role("button", name=name, exact=is_exact).first

    return open


def link(place: Place) -> Any:
    page = place.signed_in("/auth/account")
    page.get_by_role("button", name="Link Acme").click()
    page.get_by_role("button").filter(has_text="Bob").click()
    page.wait_for_url("**/auth/account/link")
    return page, page.get_by_role("button", name="Link", exact=True)


#: How each form is come to, and the path where it leads in the end.
FORMS = {
    "a password": (password, "/members"),
    "a provider": (outside, "/authorize"),
    "ask for a link": (send_link, "/auth/verify-request"),
    "use a link": (use_link, "/members"),
    "sign out": (sign_out, "/"),
    "link": (on_the_account_page("Link Acme"), "/authorize"),
    "yes, link": (link, "/auth/account"),
    "unlink": (on_the_account_page("Unlink"), "/auth/account"),
    "rename": (on_the_account_page("Save"), "/auth/account"),
    "remove": (on_the_account_page("Remove"), "/auth/account"),
    "end a session": (on_the_account_page("Sign out Chrome"), "/auth/account"),
    "end the others": (on_the_account_page("Sign out everywhere else"), "/auth/account"),
    "end them all": (on_the_account_page("Sign out everywhere", True), "/"),
}


def ends_at(page: Any, path: str) -> None:
    # no wait_for_url: it gives up when a second click takes the place of the first
    for _ in range(200):
        if page.url.partition("?")[0].endswith(path):
            break
        page.wait_for_timeout(50)
    # what a second answer could change, it has changed by then
    page.wait_for_timeout(1_000 * SLOW + 400)
    page.wait_for_load_state()
    assert page.url.partition("?")[0].rpartition("//")[2].partition("/")[2] == path[1:], page.url
    assert page.get_by_text("Error code").count() == 0, page.inner_text("main")
    assert page.get_by_role("alert").count() == 0, page.inner_text("main")


@pytest.mark.parametrize("pause", [None, 1_000 * SLOW / 2], ids=["at once", "a moment later"])
@pytest.mark.parametrize("form", FORMS)
def test_a_second_click_leads_where_one_does(place, form, pause):
    open, path = FORMS[form]
    page, button = open(place)
    if pause is None:
        button.dblclick(no_wait_after=True)
    else:
        # the browser has the first answer by then, and shows the form while it waits for the page
        button.scroll_into_view_if_needed()
        spot = button.bounding_box()
        where = spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2
        page.mouse.click(*where)
        page.wait_for_timeout(pause)
        if page.url.partition("?")[0].endswith(path) is False:
            page.mouse.click(*where)
    ends_at(page, path)


@pytest.mark.parametrize("form", [each for each in FORMS if each != "yes, link"])
def test_the_same_form_in_a_second_tab_leads_there_too(place, form):
    open, path = FORMS[form]
    page, button = open(place)
    again = place.context.new_page()
    again.goto(page.url)  # the same form, before it is sent in the other tab
    filled = page.evaluate("[...document.querySelectorAll('input:not([type=hidden])')]"
                           ".map(each => [each.name, each.value])")  # fmt: skip
    for name, value in filled:
        if value and again.locator(f"[name={name}]").count() == 1:
            again.locator(f"[name={name}]").fill(value)
    mine = "each => [...document.querySelectorAll('button')].indexOf(each)"
    number = button.evaluate(mine)
    if form == "rename":
        again.locator("summary").first.click()
    button.click()
    ends_at(page, path)
    again.locator("button").nth(number).click()
    ends_at(again, path)
