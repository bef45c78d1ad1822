"""The pictures on the buttons: drawn here, readable, and nothing to a screen reader."""

from __future__ import annotations

import re

import pytest

from wsgi_auth.pages import FieldView, Pages, ProviderView, SignInView
from wsgi_auth.pages.icons import ENVELOPE, KEY, PALETTE, PASSKEY, PERSON, color, icon, initials
from wsgi_auth.providers.rows import ROWS
from wsgi_auth.theme import READABLE, contrast

PASSWORD = (FieldView("username"), FieldView("password", type="password"))


def provider(type: str = "oidc", name: str = "Acme", **more: object) -> ProviderView:
    return ProviderView("acme", name, type, "/auth/signin/acme", **more)  # type: ignore[arg-type]


def of_row(name: str) -> ProviderView:
    style = ROWS[name].get("style", {})
    colors = tuple(style[each] for each in ("bg", "text") if each in style)
    return ProviderView(name, ROWS[name]["name"], ROWS[name]["type"], "/x", colors=colors)


@pytest.mark.parametrize("name", ROWS)
def test_every_provider_of_the_catalogue_has_a_picture_that_can_be_read(name):
    """WCAG 2.2, 1.4.3, in both schemes: the letters stand on a ground of their own."""
    drawn = str(icon(of_row(name)))
    (ground,) = re.findall(r'<rect [^>]*fill="([^"]+)"', drawn)
    (ink, letters) = re.findall(r'<text [^>]*fill="([^"]+)">([^<]+)<', drawn)[0]
    assert contrast(ink, ground) >= READABLE
    assert re.fullmatch(r"[A-Z0-9]{1,2}", letters)
    if ROWS[name].get("style", {}).get("bg") not in (None, "#fff"):
        assert ground == ROWS[name]["style"]["bg"]


@pytest.mark.parametrize("ground", PALETTE)
def test_white_reads_well_on_every_colour_of_the_palette(ground):
    assert contrast("#ffffff", ground) >= READABLE


@pytest.mark.parametrize(
    ("name", "letters"),
    [("GitHub", "GH"), ("Google", "G"), ("Microsoft Entra ID", "ME"), ("authentik", "A"),
     ("42 School", "4S"), ("osu!", "O"), ("EVE Online", "EO"), ("LinkedIn", "LI"), ("X", "X"),
     ("Mail.ru", "MR"), ("Élan", "É"), ("微信", "微"), ("دخول", "د"), ("ßeta", "S"), ("!!", ""),
     ("", ""), ("🔑", ""), ("a_b", "AB")],
)  # fmt: skip
def test_the_letters_are_the_first_of_two_words(name, letters):
    assert initials(name) == letters


def test_a_name_without_letters_has_a_picture_all_the_same():
    assert icon(provider(name="🔑")) == PERSON


def test_paper_is_no_colour_of_a_provider_and_nonsense_is_none():
    assert color("x", ("#fff", "#0052cc")) == "#0052cc"
    assert color("x", ('red" onload="x', "url(x)", "")) in PALETTE
    assert color("x", ()) == color("x", ("#ffffff",)) in PALETTE
    assert len({color(each, ()) for each in "abcdefghijklmnop"}) > 4


@pytest.mark.parametrize(
    ("type", "fields", "drawn"),
    [("email", (), ENVELOPE), ("passkey", (), PASSKEY), ("credentials", PASSWORD, KEY),
     ("htpasswd", PASSWORD, KEY), ("credentials", PASSWORD[:1], PERSON)],
)  # fmt: skip
def test_what_is_no_provider_has_a_sign_of_its_own(type, fields, drawn):
    assert icon(provider(type, fields=fields)) == drawn


@pytest.mark.parametrize("type", ["oidc", "email", "passkey", "credentials"])
def test_an_image_of_the_sites_own_takes_the_place_of_ours(type):
    drawn = icon(provider(type, icon="/static/acme.svg"))
    assert drawn == '<img class="icon" src="/static/acme.svg" alt="">'


@pytest.mark.parametrize("image", ["//evil.test/x.svg", "javascript:x", '/x" onerror="y', "x.svg"])
def test_what_is_no_image_of_the_site_is_not_shown(image):
    assert "<svg" in icon(provider(icon=image))


def test_pictures_need_no_style_attribute_and_say_nothing():
    rows = tuple(map(of_row, ROWS))
    html = Pages().sign_in(SignInView(rows, "token", "/")).html
    assert html.count("<svg") == html.count('aria-hidden="true"') == len(ROWS)
    assert "style=" not in html and "<image" not in html and "xlink" not in html


def test_the_text_of_a_hostile_name_is_text():
    drawn = icon(provider(name="<b &"))
    assert "<b" not in drawn.replace("<svg", "") and ">B<" in drawn
