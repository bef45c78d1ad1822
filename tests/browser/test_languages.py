"""The sign-in page in every language, in a real browser: as anybody may use it, from left to right
and from right to left, and as the browser itself asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.parts import MARKS, accessible, served
from tests.conftest import SECRET, authorize, hello
from tests.needs import require_module
from wsgi_auth.languages import Languages

pytestmark = MARKS

#: A language of the site's own, from right to left.
ARABIC = {
    "sign_in.heading": "تسجيل الدخول",
    "sign_in.submit": "تسجيل الدخول",
    "sign_in.with": "تسجيل الدخول باستخدام {provider}",
    "sign_in.or": "أو",
    "sign_in.username": "اسم المستخدم",
    "sign_in.password": "كلمة المرور",
    "sign_in.email": "البريد الإلكتروني",
    "sign_in.email_submit": "أرسل رابط تسجيل الدخول",
    "sign_in.passkey": "تسجيل الدخول بمفتاح مرور",
    "sign_in.remember": "إبقائي مسجّل الدخول",
    "sign_in.last_used": "آخر استخدام",
}
LANGUAGES = (*Languages().tags, "ar")
OF_A_PARTY = {"client_id": "x", "client_secret": "y"}


@contextmanager
def at(**options: Any) -> Iterator[str]:
    """The address of a site with these options; an IP address is no relying party."""
    with served(hello, lambda url: {"secret": SECRET, **options}, "localhost") as (url, _):
        yield url


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """The address of a site with every kind of provider."""
    require_module("fido2")

    with at(
        adapter="memory:",
        session={"remember": "ask", "absolute_age": "60d"},
        texts={"ar": ARABIC},
        providers=[
            {"id": "github", **OF_A_PARTY},
            {"id": "google", **OF_A_PARTY},
            {"id": "acme", "type": "oidc", "issuer": "https://id.example.test",
             "name": "Acme Corporation Identity", **OF_A_PARTY},
            {"id": "passkey"},
            {"id": "email", "send": print, "from": "no-reply@example.test"},
            {"id": "credentials", "authorize": authorize},
        ],
    ) as url:  # fmt: skip
        yield url


@pytest.fixture(params=LANGUAGES)
def page(chromium, place, request) -> Iterator[Any]:
    """The sign-in page of a browser in this language, which has signed in with Google before."""
    context = chromium.new_context(locale=request.param)
    context.add_cookies([{"name": "auth.last-provider", "value": "google", "url": place}])
    page = context.new_page()
    page.asked, page.language = [], request.param
    page.on("request", lambda asked: page.asked.append(asked.url))
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.goto(f"{place}/auth/signin?error=CredentialsSignin")
    yield page
    context.close()


def test_axe_finds_nothing_in_any_language(page):
    accessible(page)


def test_the_browser_gets_the_language_it_asks_for_and_nothing_from_elsewhere(page, place):
    language = {"zh": "zh-Hans"}.get(page.language, page.language)
    assert page.evaluate("document.documentElement.lang") == language
    assert all(url.startswith(place) for url in page.asked)
    assert not [text for text in page.said if "Content Security Policy" in text]


def test_icons_stand_where_a_line_begins_and_the_mark_where_it_ends(page):
    """The right of the page in Arabic: the middle of the icon is in the first half of the button."""
    page.set_viewport_size({"width": 1_000, "height": 800})
    is_rtl = page.language == "ar"
    assert page.evaluate("getComputedStyle(document.body).direction") == (
        "rtl" if is_rtl else "ltr"
    )
    places = page.evaluate(
        """() => [...document.querySelectorAll(".way-in .icon, .last small")].map(each => {
          const middle = box => box.x + box.width / 2;
          const button = each.closest("form").querySelector("button");
          return [each.className.baseVal !== undefined,
                  middle(each.getBoundingClientRect()) < middle(button.getBoundingClientRect())];
        })"""
    )
    assert len(places) == 7
    for is_icon, is_left in places:
        assert is_left == (is_icon != is_rtl)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_icon_can_be_told_from_what_is_behind_it(page, scheme):
    """WCAG 2.2, 1.4.11, for the drawn lines; the letters of a provider have a ground of their own,
    which a test of the icons looks at."""
    from wsgi_auth.theme import contrast

    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    pairs = page.evaluate(
        """() => [...document.querySelectorAll("svg.icon:not(.mark)")].map(each => [
          getComputedStyle(each).stroke, getComputedStyle(each.closest("button")).backgroundColor])"""
    )
    assert len(pairs) == 3
    for pair in pairs:
        line, ground = (
            "#" + "".join(f"{int(n):02x}" for n in each[4:-1].split(",")) for each in pair
        )
        assert contrast(line, ground) >= 3


def test_an_image_of_the_sites_own_is_shown(chromium, place):
    """The policy lets in what the configuration may name."""
    image = (
        "data:image/svg+xml,%3Csvg%20xmlns=%27http://www.w3.org/2000/svg%27%20width=%2724%27%20"
        "height=%2724%27/%3E"
    )
    provider = {"id": "credentials", "authorize": authorize, "icon": image}
    with at(providers=[provider]) as url:
        page = chromium.new_page()
        page.goto(f"{url}/auth/signin")
        assert page.evaluate("document.querySelector('.icon').naturalWidth") == 24
        page.close()


def test_the_way_that_was_used_is_marked_the_next_time(chromium, place):
    context = chromium.new_context(locale="de")
    page = context.new_page()
    page.goto(f"{place}/members")
    page.get_by_label("Benutzername").fill("alice")
    page.get_by_label("Passwort").fill("correct horse")
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.wait_for_url(f"{place}/members")
    page.goto(f"{place}/auth/signout")
    page.get_by_role("button", name="Abmelden", exact=True).click()
    page.goto(f"{place}/auth/signin")
    button = page.get_by_role("button", name="Anmelden", exact=True)
    assert button.evaluate("each => each.className") == "way-in main"
    described = button.evaluate("each => document.getElementById(each.getAttribute("
                                "'aria-describedby')).textContent")  # fmt: skip
    assert described == "Zuletzt verwendet"
    assert page.evaluate("document.activeElement.name") == "username"
    (cookie,) = (each for each in context.cookies() if each["name"] == "auth.last-provider")
    assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == ("credentials", True, "Lax")
    assert not cookie["domain"].startswith(".")
    context.close()
