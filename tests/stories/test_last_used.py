"""The sign-in page marks the way that this browser used last."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import BROWSER, authorize, config, hello
from tests.mail.post import Visitor as MailVisitor
from tests.mail.post import link_in, post_office, provider
from tests.oauth.visits import Visitor, site
from wsgi_auth import AuthMiddleware, UsageError, get_auth
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.testing import FakeProvider

COOKIE = "__Host-auth.last-provider"
PASSWORD = {"id": "credentials", "authorize": authorize}
STAFF = {"id": "staff", "type": "credentials", "name": "Staff", "authorize": authorize}
ACME = {"id": "acme", "type": "oidc", "issuer": "https://id.example.test", "client_id": "x",
        "client_secret": "y"}  # fmt: skip
SEVERAL = [ACME, PASSWORD, STAFF]


def last_cookie(answer: Any) -> str | None:
    found = [each for each in answer.headers.getall("Set-Cookie") if each.startswith(COOKIE)]
    return found[0] if found else None


def marked(page: Any) -> list[str]:
    """The action of every form with a mark."""
    return [each["action"] for each in page.html.find_all("form") if each.small]


def main_ones(page: Any) -> list[str]:
    return [each["action"] for each in page.html.find_all("form") if each.select("button.main")]


def focused(page: Any) -> list[str]:
    return [each.find_parent("form")["action"] for each in page.html.select("[autofocus]")]


def test_nothing_is_marked_before_the_first_sign_in(browser):
    page = browser(providers=SEVERAL).visit("/auth/signin")
    assert marked(page) == [] and last_cookie(page) is None
    assert main_ones(page) == ["/auth/callback/credentials", "/auth/callback/staff"]


def test_the_next_time_the_page_marks_the_way_that_was_used(browser):
    visitor = browser(providers=SEVERAL)
    answer = visitor.sign_in()
    assert last_cookie(answer) == (
        f"{COOKIE}=credentials; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    visitor.visit("/auth/signout").forms[0].submit(headers=BROWSER)
    page = visitor.visit("/auth/signin")
    form = "/auth/callback/credentials"
    assert marked(page) == main_ones(page) == focused(page) == [form]
    order = [each["action"] for each in page.html.find_all("form")]
    assert order == ["/auth/signin/acme", form, "/auth/callback/staff"]
    assert page.html.small.text == "Last used"
    button = page.html.select_one("button.main")
    assert (button.text, button["aria-describedby"]) == ("Sign in with Password", "last")
    assert page.html.small["id"] == "last"
    assert last_cookie(page) is None


def test_a_button_that_was_used_last_has_the_focus_itself(browser):
    visitor = browser(providers=SEVERAL)
    visitor.set_cookie(COOKIE, "acme")
    page = visitor.visit("/auth/signin")
    assert marked(page) == main_ones(page) == focused(page) == ["/auth/signin/acme"]


def test_what_was_typed_wrongly_has_the_focus_before_it(browser):
    visitor = browser(providers=[PASSWORD, ACME])
    visitor.set_cookie(COOKIE, "acme")
    page = visitor.sign_in("alice", "wrong", status=401)
    assert marked(page) == ["/auth/signin/acme"]
    assert focused(page) == ["/auth/callback/credentials"]
    assert last_cookie(page) is None


def test_the_mark_is_in_the_visitors_language(browser):
    visitor = browser(providers=SEVERAL)
    visitor.sign_in()
    page = visitor.get("/auth/signin", headers={**BROWSER, "Accept-Language": "de"})
    assert page.html.small.text == "Zuletzt verwendet"


@pytest.mark.parametrize("value", ["nobody-here", "", "ACME", "<b>nobody", "x" * 3_000])
def test_what_is_no_provider_on_offer_is_ignored(browser, value):
    visitor = browser(providers=SEVERAL)
    headers = {**BROWSER, "Cookie": f"{COOKIE}={value}"}
    page = visitor.get("/auth/signin", headers=headers)
    assert marked(page) == [] and len(main_ones(page)) == 2
    assert not value or value not in page


def test_one_that_this_visitor_is_not_offered_is_not_marked(browser):
    visitor = browser(providers=SEVERAL, providers_for=lambda request: ["credentials", "staff"])
    visitor.set_cookie(COOKIE, "acme")
    page = visitor.visit("/auth/signin")
    assert marked(page) == [] and "acme" not in page


def test_the_cookie_proves_nothing(browser):
    visitor = browser(providers=SEVERAL)
    visitor.set_cookie(COOKIE, "credentials")
    assert visitor.visit("/members", status=302)
    assert visitor.get("/auth/session").json is None


@pytest.mark.parametrize(
    "more",
    [
        {"providers": [PASSWORD]},  # nothing to choose
        {"providers": SEVERAL, "show_last_used": False},
        {"providers": SEVERAL, "pages": {"sign_in": "/login"}},  # a page that is not ours
    ],
)
def test_where_no_page_would_show_it_nothing_is_kept(browser, more):
    visitor = browser(**more)
    assert last_cookie(visitor.sign_in()) is None
    visitor.set_cookie(COOKIE, "credentials")
    visitor.visit("/auth/signout").forms[0].submit(headers=BROWSER)
    if "pages" not in more and len(more["providers"]) > 1:
        assert marked(visitor.visit("/auth/signin")) == []


def test_an_application_that_signs_in_itself_keeps_nothing(browser):
    def app(environ, start_response):
        get_auth(environ).sign_in({"id": "ada"})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"in"]

    answer = browser(app, providers=SEVERAL, public=["/login"]).visit("/login")
    assert answer.text == "in" and last_cookie(answer) is None


def test_where_the_session_is_another_applications_nothing_is_kept(browser):
    def app(environ, start_response):
        with pytest.raises(UsageError):
            get_auth(environ).sign_in({"id": "ada"})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"read"]

    visitor = browser(app, providers=SEVERAL, session={"read_only": True}, public=["/login"])
    assert last_cookie(visitor.visit("/login")) is None
    assert last_cookie(visitor.sign_in(status=403)) is None


def test_a_browser_that_is_not_to_remember_forgets_it_with_its_own_session(browser):
    visitor = browser(providers=SEVERAL, session={"remember": "ask"})
    assert "Max-Age" not in (last_cookie(visitor.sign_in()) or "Max-Age")
    form = {"username": "alice", "password": "correct horse", "remember": "true"}
    answer = visitor.post(
        "/auth/callback/credentials", {**form, "csrfToken": visitor.token()}, headers=BROWSER
    )
    assert "Max-Age=31536000" in (last_cookie(answer) or "")


def test_only_the_answer_to_a_sign_in_sets_it(browser):
    visitor = browser(providers=SEVERAL)
    assert last_cookie(visitor.sign_in("alice", "wrong", status=401)) is None
    visitor.sign_in()
    for path in ("/", "/members", "/auth/signin", "/auth/session", "/auth/signout"):
        assert last_cookie(visitor.visit(path)) is None
    assert last_cookie(visitor.visit("/auth/signout").forms[0].submit(headers=BROWSER)) is None


@pytest.mark.parametrize("options", [{}, {"response_mode": "form_post"}])
def test_another_party_is_marked_as_well(options):
    one = FakeProvider("https://one.example.test", id="one")
    two = FakeProvider("https://two.example.test", id="two")
    visitor = Visitor(site(one, two, provider=options))
    two.sign_in(visitor, "bob")
    assert visitor.cookies[COOKIE] == "two"
    assert marked(visitor.get("/auth/signin")) == ["/auth/signin/two"]


def test_so_is_a_link_in_a_mail():
    with post_office() as (box, port):
        entries = [provider(port), PASSWORD]
        middleware = AuthMiddleware(
            hello, config(adapter="memory:", providers=entries, matcher=["/members"])
        )
        visitor = MailVisitor(middleware)
        visitor.ask()
        visitor.open_and_confirm(link_in(box.messages[0]))
    assert visitor.cookies[COOKIE] == "email"
    assert marked(visitor.visit("/auth/signin")) == ["/auth/signin/email"]


def test_its_name_and_attributes_are_options_like_those_of_the_others():
    config = AuthConfig.from_mapping(
        {"secret": "s" * 40, "cookies": {"last_provider": {"name": "last", "domain": "a.test"}}},
        environ={},
    )
    assert config.cookies.last_provider.set("x")[0] == (
        "last=x; Path=/; Domain=a.test; HttpOnly; SameSite=Lax; Secure"
    )
