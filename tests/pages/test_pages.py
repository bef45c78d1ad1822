"""The built-in pages: escaped, allowed by their own policy, readable, honest about failures."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from wsgi_auth.pages import (
    PROBLEMS,
    AccountRow,
    AccountView,
    ChoiceView,
    ConfirmView,
    ErrorView,
    FieldView,
    LinkView,
    MailView,
    Page,
    Pages,
    PasskeyRow,
    ProviderView,
    SessionRow,
    SignInView,
    SignOutView,
    VerifyRequestView,
    known_code,
    problem,
)
from wsgi_auth.pages.style import DARK, LIGHT, palette, stylesheet
from wsgi_auth.texts import ENGLISH, Texts
from wsgi_auth.theme import DISCERNIBLE, READABLE, Theme, contrast

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&{0}{name}</style>"

PASSWORD = ProviderView(
    "credentials",
    "Password",
    "credentials",
    "/auth/callback/credentials",
    (FieldView("username"), FieldView("password", type="password")),
)
HTPASSWD = ProviderView("htpasswd", "Staff", "htpasswd", "/auth/callback/htpasswd", PASSWORD.fields)
GITHUB = ProviderView("github", "GitHub", "oauth", "/auth/signin/github")
GOOGLE = ProviderView("google", "Google", "oidc", "/auth/signin/google")
PASSKEY = ProviderView("passkey", "Passkey", "passkey", "/auth/callback/passkey")
EMAIL = ProviderView("email", "E-mail", "email", "/auth/signin/email")
DEV = ProviderView(
    "dev",
    "Development",
    "dev",
    "/auth/callback/dev",
    choices=(ChoiceView("ada", "Ada", "admin"), ChoiceView("bob", "Bob")),
)
CLOSED = ProviderView("dev", "Development", "dev", "/auth/callback/dev")


class Tree(HTMLParser):
    """What a browser makes of a page: tags with attributes, and whether all tags are closed."""

    VOID = {"meta", "input", "img", "path"}

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute of {tag} is given twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def header(page: Page, name: str) -> str:
    (value,) = (value for each, value in page.headers if each == name)
    return value


def style_of(page: Page) -> str:
    (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
    return style


def sign_in(*providers: ProviderView, pages: Pages | None = None, **view: object) -> Page:
    return (pages or Pages()).sign_in(
        SignInView(providers, "token", "/account", **view)  # type: ignore[arg-type]
    )


def every_page(pages: Pages, text: str = "x", url: str = "/x") -> dict[str, Page]:
    """One page of each kind, ``text`` and ``url`` in every place where a value can go."""
    field = FieldView(text, text, text, text, value=text, placeholder=text)
    labelled = FieldView(text, "", "text", value=text)
    providers = tuple(
        ProviderView(text, text, kind, url, (field, labelled), (ChoiceView(text, text, text),))
        for kind in ("credentials", "htpasswd", "email", "oauth", "oidc", "dev", text)
    )
    view = SignInView(providers, text, url, text, text, text, (text,))
    account = AccountView(
        text, text, url, url, f"{text}@", (AccountRow(text, text, text, text),), providers,
        (PasskeyRow(text, text, text),), url, "", 60, url,
        (SessionRow(text, text, text, text, True), SessionRow(text, f"Firefox/ Linux {text}", text, text)),
        url, url, text, (text,),
    )  # fmt: skip
    return {
        "account": pages.account(account),
        "link": pages.link(LinkView(url, text, text, text, text, url, (text,))),
        "sign_in": pages.sign_in(view),
        "sign_out": pages.sign_out(SignOutView(url, text, url, text, (text,))),
        "error": pages.error(ErrorView(text, url, url)),
        "verify_request": pages.verify_request(VerifyRequestView(text, url)),
        "refusal": pages.refusal(403, text, url, url),
    }


NAMES = ["account", "link", "sign_in", "sign_out", "error", "verify_request", "refusal"]


# --- escaping (R070) --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("url", [HOSTILE, "/" + HOSTILE, "javascript:alert(1)", "JAVASCRIPT:x"])
def test_markup_in_a_value_stays_text(name, url):
    texts = Texts({"sign_in.heading": "<b>Sign in</b> & more"})
    page = every_page(Pages(texts=texts, app_name=HOSTILE), HOSTILE, url)[name]
    tree = Tree(page)
    assert not tree.all("script")
    assert not tree.all("b")
    assert not tree.all("img")
    for tag, attributes in tree.tags:
        assert not any(each.startswith("on") for each in attributes), tag
        assert "style" not in attributes
        assert not (attributes.get("href") or "").lower().startswith("javascript:")
    assert all(HOSTILE not in value for _, value in page.headers)


def test_values_arrive_whole():
    tree = Tree(every_page(Pages(), HOSTILE, "/" + HOSTILE)["sign_in"])
    hidden = [row for row in tree.all("input") if row["type"] == "hidden"]
    assert {row["value"] for row in hidden if row["name"] == "csrfToken"} == {HOSTILE}
    assert {row["value"] for row in hidden if row["name"] == "callbackUrl"} == {"/" + HOSTILE}


@pytest.mark.parametrize("url", ["//evil.example", "/\\evil.example", "evil", "data:text/html,x"])
def test_a_link_that_is_no_path_and_not_http_is_left_out(url):
    for name, page in every_page(Pages(), "x", url).items():
        assert not [row for row in Tree(page).all("a") if row["href"]], name


def test_a_value_that_utf8_lacks_does_no_harm():
    page = sign_in(PASSWORD, signed_in_as="\ud800")
    assert b"as <bdi>?</bdi>" in page.body


def test_the_value_of_a_password_is_never_shown():
    field = FieldView("password", "Password", "password", value="hunter2")
    page = sign_in(ProviderView("c", "C", "credentials", "/c", (field,)))
    assert "hunter2" not in page.html


# --- headers (R071) ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["auto", "light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_the_policy_permits_the_style_that_is_sent_and_nothing_inline_else(name, scheme):
    pages = Pages(Theme(scheme, "tomato"), app_name="Acme")
    page = every_page(pages)[name]
    digest = base64.b64encode(hashlib.sha256(style_of(page).encode()).digest()).decode()
    policy = header(page, "Content-Security-Policy")
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    form_action = directives.pop("form-action")
    assert form_action == ("'self'" if name.startswith(("sign", "account", "link")) else "'none'")
    assert directives == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_the_headers_that_protect_it(name):
    page = every_page(Pages())[name]
    assert header(page, "Content-Type") == "text/html; charset=utf-8"
    assert header(page, "Cache-Control") == "no-store"
    assert header(page, "X-Content-Type-Options") == "nosniff"
    assert header(page, "X-Frame-Options") == "DENY"
    assert header(page, "Referrer-Policy") == "same-origin"
    assert header(page, "Cross-Origin-Opener-Policy") == "same-origin"
    assert header(page, "X-Robots-Tag") == "noindex"
    assert header(page, "Permissions-Policy")
    page.headers.append(("Set-Cookie", "a=b"))
    assert all(name != "Set-Cookie" for name, _ in every_page(Pages())["error"].headers)


def test_a_form_may_lead_to_the_listed_origins():
    page = sign_in(
        GITHUB,
        form_action=("https://github.com", "http://localhost:9000", "https://github.com"),
    )
    assert header(page, "Content-Security-Policy").endswith(
        "form-action 'self' https://github.com http://localhost:9000"
    )


def test_a_form_may_lead_to_all_of_https_where_a_provider_sends_people_on():
    policy = header(sign_in(GITHUB, form_action=("https:",)), "Content-Security-Policy")
    assert policy.endswith("form-action 'self' https:")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "http:",
        "https://a.example; script-src *",
        "https://a b",
        "https://a\r\nX: y",
        "a.example",
    ],
)
def test_what_is_no_origin_does_not_get_into_the_policy(origin):
    policy = header(sign_in(GITHUB, form_action=(origin,)), "Content-Security-Policy")
    assert policy.endswith("form-action 'self'")


# --- texts ------------------------------------------------------------------------------------


def test_every_text_is_shown_somewhere():
    marked = {
        message_id: f"[{message_id}]" + "".join(re.findall(r"\{\w+\}", text))
        for message_id, text in ENGLISH.items()
        if message_id not in ("lang", "dir")
    }
    pages = Pages(texts=Texts(marked))
    shown = [
        sign_in(PASSWORD, HTPASSWD, EMAIL, GITHUB, PASSKEY, DEV, pages=pages, signed_in_as="Ada"),
        sign_in(PASSWORD, CLOSED, pages=pages, asks_to_remember=True, last_used=PASSWORD.id),
        sign_in(pages=pages),
        pages.sign_out(SignOutView("/o", "t", "/", "Ada")),
        pages.sign_out(SignOutView("/o", "t")),
        pages.verify_request(VerifyRequestView("h", "/s")),
        pages.confirm(ConfirmView("/c", "t", "h", "a@b.test", ())),
        pages.confirm(ConfirmView("/c", "t", "h", "a@b.test", (), asked=("t", "d", "a"))),
        pages.mail(MailView("https://h/l", "h", 10, ("t", "d", "a"))),
        pages.refusal(403, "AccessDenied", "/s", "/"),
        pages.account(AccountView("t", "Ada", "/u", "/s", links=(GITHUB,))),
        pages.account(
            AccountView(
                "t",
                "Ada",
                "/u",
                "/s",
                passkeys=(PasskeyRow("1", "Key", "today"),),
                passkeys_url="/p",
            )
        ),
        pages.account(
            AccountView(
                "t",
                "Ada",
                "/u",
                "/s",
                accounts=(AccountRow("g", "1", "G", can_unlink=False),),
                sessions=(
                    SessionRow("1", "Firefox/1 Linux", "", "now", True),
                    SessionRow("2", "", "", "now"),
                ),
            )
        ),
        pages.account(AccountView("t", "A", "/u", "/s", accounts=(AccountRow("g", "1", "G"),))),
        pages.link(LinkView("/l", "t", "G", "ada", "Ada", "/")),
        pages.link(LinkView("/l", "t", "G", "", "Ada", "/")),
        *(pages.error(ErrorView(code, "/s", "/")) for code in PROBLEMS),
    ]
    html = "".join(page.html for page in shown)
    elsewhere = {"device.unknown", "device.address_unknown"}  # values that fill other texts
    assert {each for each in marked if f"[{each}]" not in html} == elsewhere


def test_every_error_code_has_its_texts_and_no_text_is_without_code():
    codes = {
        each.split(".")[1] for each in ENGLISH if each.startswith("error.") and each.count(".") == 2
    }
    assert codes == set(PROBLEMS)


def test_language_and_direction_are_those_of_the_texts():
    page = sign_in(PASSWORD, pages=Pages(texts=Texts({"lang": "ar", "dir": "rtl"})))
    (html,) = Tree(page).all("html")
    assert html == {"lang": "ar", "dir": "rtl"}


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_a_failure_is_never_200(code):
    page = Pages().error(ErrorView(code, "/signin", "/"))
    assert page.status == PROBLEMS[code].status >= 400
    tree = Tree(page)
    assert ENGLISH[f"error.{code}.text"] in tree.text
    assert (f"Error code: {code}" in tree.text) == (code != "Default")
    assert [row["href"] for row in tree.all("a")] == ["/signin", "/"]


def test_statuses_are_the_agreed_ones():
    expected = {
        "Configuration": 500,
        "AccessDenied": 403,
        "Verification": 403,
        "CredentialsSignin": 401,
        "TooManyAttempts": 429,
        "MissingCSRF": 403,
        "Unavailable": 503,
        "PayloadTooLarge": 413,
    }
    assert {code: problem(code).status for code in expected} == expected


@pytest.mark.parametrize("code", ["", None, "undefined", "configuration", HOSTILE, "__class__"])
def test_an_unknown_code_is_the_general_failure_and_is_not_shown(code):
    page = Pages().error(ErrorView(code, "/signin", "/"))
    assert page.status == 400
    assert page.html == Pages().error(ErrorView("Default", "/signin", "/")).html
    assert known_code(code) == "Default"
    if code:
        assert sign_in(PASSWORD, error_code=code).status == 400


def test_the_status_of_an_error_can_be_given():
    page = Pages().error(ErrorView("nothing we know", status=503))
    assert page.status == 503
    assert ENGLISH["error.Unavailable.text"] in Tree(page).text


def test_without_a_way_in_trying_again_means_the_same_address():
    (link,) = Tree(Pages().error(ErrorView("Configuration"))).all("a")
    assert link["href"] == ""
    assert not Tree(Pages().error(ErrorView("AccessDenied"))).all("a")


def test_the_sign_in_page_has_the_status_of_its_failure():
    assert sign_in(PASSWORD).status == 200
    assert sign_in(PASSWORD, error_code="CredentialsSignin").status == 401
    assert sign_in(PASSWORD, error_code="TooManyAttempts").status == 429
    assert sign_in(PASSWORD, error_code="SessionRequired").status == 200
    assert sign_in(PASSWORD, error_code="").status == 200


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (401, None, "error.SessionRequired.text"),
        (403, "AccessDenied", "refusal.AccessDenied.text"),
        (403, "MissingCSRF", "error.MissingCSRF.text"),
        (404, None, "error.NotFound.text"),
        (429, "whatever", "error.TooManyAttempts.text"),
        (500, None, "error.Default.text"),
        (503, None, "error.Unavailable.text"),
    ],
)
def test_a_refusal_says_what_happened(status, code, text):
    page = Pages().refusal(status, code, "/signin", "/")
    assert page.status == status
    assert ENGLISH[text] in Tree(page).text


def test_a_prepared_refusal_has_the_addresses_of_its_own_request():
    pages = Pages(app_name="Acme")
    for number in range(3):
        page = pages.refusal(
            401, "SessionRequired", f"/signin?a=1&callbackUrl={number}", f"/{number}"
        )
        hrefs = [row["href"] for row in Tree(page).all("a")]
        assert hrefs == [f"/signin?a=1&callbackUrl={number}", f"/{number}"]
    assert [row["href"] for row in Tree(pages.refusal(401, None, "/s")).all("a")] == ["/s"]
    assert "\ufdd0" not in page.html + pages.refusal(401, None, None, "/").html


def test_codes_from_outside_do_not_fill_the_memory():
    pages = Pages()
    for number in range(100):
        pages.refusal(403, f"code{number}", "/s", "/")
    assert len(pages._refusals) == 1


# --- forms ------------------------------------------------------------------------------------


def test_each_provider_has_a_post_form_with_token_and_return_url():
    tree = Tree(sign_in(PASSWORD, GITHUB, EMAIL, DEV))
    forms = tree.all("form")
    assert [form["action"] for form in forms] == [
        "/auth/callback/credentials",
        "/auth/signin/github",
        "/auth/signin/email",
        "/auth/callback/dev",
    ]
    assert {form["method"] for form in forms} == {"post"}
    hidden = [(row["name"], row["value"]) for row in tree.all("input") if row["type"] == "hidden"]
    assert hidden == [("csrfToken", "token"), ("callbackUrl", "/account")] * 4


def test_a_browser_can_fill_in_the_fields():
    name, password = (
        row for row in Tree(sign_in(PASSWORD)).all("input") if row["type"] != "hidden"
    )
    assert name["autocomplete"] == "username"
    assert name["autocapitalize"] == "none"
    assert "required" in name
    assert "autofocus" in name
    assert password["autocomplete"] == "current-password"
    assert "autofocus" not in password


def test_what_was_typed_is_kept_and_the_password_has_the_focus():
    fields = (FieldView("username", value="ada"), FieldView("password", type="password"))
    provider = ProviderView("c", "C", "credentials", "/c", fields)
    tree = Tree(sign_in(provider, error_code="CredentialsSignin"))
    name, password = (row for row in tree.all("input") if row["type"] != "hidden")
    assert name["value"] == "ada"
    assert "autofocus" not in name
    assert "autofocus" in password
    (alert,) = (row for row in tree.all("p") if row.get("role") == "alert")
    for row in (name, password):
        assert row["aria-describedby"] == alert["id"]
        assert row["aria-invalid"] == "true"


def test_only_one_field_of_a_page_has_the_focus():
    tree = Tree(sign_in(PASSWORD, HTPASSWD, EMAIL))
    assert sum("autofocus" in row for row in tree.all("input")) == 1
    assert not any("autofocus" in row for row in Tree(sign_in(GITHUB, PASSWORD)).all("input"))


def test_each_person_of_the_chooser_is_a_button():
    buttons = Tree(sign_in(DEV)).all("button")
    assert [(row["name"], row["value"]) for row in buttons] == [("user", "ada"), ("user", "bob")]


def test_a_closed_chooser_has_no_form():
    tree = Tree(sign_in(CLOSED))
    assert not tree.all("form")
    assert ENGLISH["sign_in.choose_closed"] in tree.text


def test_or_stands_between_forms_but_not_between_buttons():
    def ors(*providers: ProviderView) -> int:
        return sign_in(*providers).html.count('<p class="or">')

    assert ors(PASSWORD) == ors(GITHUB, GOOGLE) == 0
    assert ors(PASSWORD, GITHUB, GOOGLE) == 1
    assert ors(GITHUB, PASSWORD, EMAIL, GOOGLE) == 3


def test_an_input_of_another_type_is_a_line_of_text():
    fields = tuple(FieldView("a", "A", kind) for kind in ("file", "hidden", "checkbox", "submit"))
    tree = Tree(sign_in(ProviderView("c", "C", "credentials", "/c", fields)))
    assert [row["type"] for row in tree.all("input")] == ["hidden", "hidden", *["text"] * 4]


# --- reading and seeing -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_a_title_one_heading_and_one_main(name):
    page = every_page(Pages(app_name="Acme"))[name]
    tree = Tree(page)
    assert len(tree.all("main")) == len(tree.all("h1")) == len(tree.all("title")) == 1
    (title,) = re.findall(r"<title>(.*?)</title>", page.html)
    (heading,) = re.findall(r"<h1>(.*?)</h1>", page.html)
    assert heading in title
    assert title.endswith(" – x" if name == "sign_in" else " – Acme")
    labels = tree.all("label")
    assert len(labels) == len([row for row in tree.all("input") if row["type"] != "hidden"])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_weighs_little(name):
    assert len(every_page(Pages())[name].body) < 12_000


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("brand", ["", "#ffee00", "navy", "#808080", "#fff", "#000"])
def test_text_can_be_read_in_both_schemes(colors, brand):
    drawn = palette(colors, Theme(brand_color=brand))
    texts = [
        ("ink", "page"),
        ("ink", "card"),
        ("ink", "tint"),
        ("soft", "card"),
        ("soft", "tint"),
        ("alert-ink", "alert"),
        ("brand-ink", "brand"),
    ]
    for text, ground in texts:
        assert contrast(drawn[text], drawn[ground]) >= READABLE, (text, ground)
    for part in ("edge", "alert-ink", "ink"):
        assert contrast(drawn[part], drawn["card"]) >= DISCERNIBLE, part


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_our_own_button_stands_out_from_the_card(colors):
    drawn = palette(colors, Theme())
    assert contrast(drawn["brand"], drawn["card"]) >= DISCERNIBLE


def test_a_fixed_scheme_does_not_follow_the_system():
    assert "prefers-color-scheme" in stylesheet(Theme())
    for scheme, colors in (("light", LIGHT), ("dark", DARK)):
        css = stylesheet(Theme(scheme))
        assert "prefers-color-scheme" not in css
        assert f"--page:{colors['page']}" in css


def test_the_style_has_no_physical_sides_and_loads_nothing():
    css = stylesheet(Theme())
    assert not re.search(
        r"(margin|padding|border)-(left|right)|[{;](left|right|width|height):", css
    )
    assert "url(" not in css
    assert "@import" not in css
    assert "</" not in css


def test_a_logo_is_shown_with_the_name_as_its_text():
    pages = Pages(Theme(logo="/logo.svg"), app_name="Acme")
    (image,) = Tree(sign_in(GITHUB, pages=pages)).all("img")
    assert image == {"src": "/logo.svg", "alt": "Acme"}
    (image,) = Tree(sign_in(GITHUB, pages=pages, app_name="Other")).all("img")
    assert image["alt"] == "Other"
