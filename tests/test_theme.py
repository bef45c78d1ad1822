"""The option ``theme``: only colours get in, and text on a button can be read."""

from __future__ import annotations

import pytest

from wsgi_auth.theme import (
    READABLE,
    Theme,
    contrast,
    is_color,
    is_logo,
    luminance,
    readable_on,
)


@pytest.mark.parametrize("color", ["#fff", "#1A2b3C", "rebeccapurple", "Tomato"])
def test_a_color_is_a_color(color):
    assert is_color(color)
    Theme(brand_color=color)


@pytest.mark.parametrize(
    "color",
    [
        "#ff",
        "#ffff",
        "#fffffff",
        "fff",
        "#ggg",
        "#fff;",
        "#fff\n",
        "red}body{display:none",
        "url(//evil.example)",
        "var(--x)",
        "reddish",
        "inherit",
        "transparent",
        "</style><script>",
        "#١٢٣",
        3,
        None,
    ],
)
def test_what_is_more_than_a_color_is_refused(color):
    assert not is_color(color)
    for option in ("brand_color", "button_text"):
        with pytest.raises(ValueError, match=rf"^{option}: .* is not #rgb, #rrggbb or the name"):
            Theme(**{option: color})


def test_the_color_scheme_is_one_of_three():
    for scheme in ("auto", "light", "dark"):
        Theme(color_scheme=scheme)
    with pytest.raises(ValueError, match=r"^color_scheme: 'blue' is not one of auto, light, dark"):
        Theme(color_scheme="blue")


@pytest.mark.parametrize(
    "logo",
    [
        "/static/logo.svg",
        "/logo.png?v=2",
        "https://app.example.com/logo.svg",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/svg+xml;charset=utf-8,%3Csvg%3E",
    ],
)
def test_a_logo_is_of_the_own_origin_or_inline(logo):
    assert is_logo(logo)
    Theme(logo=logo)


@pytest.mark.parametrize(
    "logo",
    [
        "//evil.example/logo.svg",
        "javascript:alert(1)",
        "data:text/html,<script>",
        "logo.svg",
        '/logo.svg" onerror="alert(1)',
        "/\\evil",
        "https://user@evil.example/x",
        "/a b",
        "https:///x",
    ],
)
def test_another_kind_of_logo_is_refused(logo):
    assert not is_logo(logo)
    with pytest.raises(ValueError, match=r"^logo: "):
        Theme(logo=logo)


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(ValueError) as caught:
        Theme(logo="x" * 10_000)
    assert len(str(caught.value)) < 200


def test_contrast_is_what_wcag_says():
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("white", "#FFFFFF") == pytest.approx(1)
    assert contrast("#777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert luminance("red") == pytest.approx(0.2126)


def test_black_or_white_can_be_read_on_any_color():
    levels = range(0, 256, 15)
    colors = [f"#{r:02x}{g:02x}{b:02x}" for r in levels for g in levels for b in levels]
    assert min(contrast(color, readable_on(color)) for color in colors) >= READABLE
    assert readable_on("yellow") == "#000000"
    assert readable_on("navy") == "#ffffff"


def test_a_button_text_that_could_not_be_read_is_refused():
    Theme(brand_color="#2b59c3", button_text="#fff")
    with pytest.raises(ValueError, match=r"^button_text: .* 1\.\d to 1 .* #000000 is used"):
        Theme(brand_color="#ffee00", button_text="white")
