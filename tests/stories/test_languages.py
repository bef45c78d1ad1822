"""A visitor reads the pages and mails in their own language."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import BROWSER, Browser, hello, options
from tests.mail.post import Visitor, application, link_in, post_office, provider
from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters import connect
from wsgi_auth.config import AuthConfig

SIGN_IN = {
    "en": "Sign in", "de": "Anmelden", "es": "Iniciar sesión", "fr": "Se connecter",
    "ja": "ログイン", "zh-Hans": "登录",
}  # fmt: skip


def read(visitor: Browser, path: str, language: str | None, **more):
    headers = dict(BROWSER) if language is None else {**BROWSER, "Accept-Language": language}
    return visitor.get(path, headers=headers, **more)


def varies(answer) -> bool:
    return "accept-language" in ", ".join(answer.headers.getall("Vary")).lower()


@pytest.mark.parametrize("language", SIGN_IN)
def test_the_sign_in_page_is_in_the_visitors_language(browser, language):
    page = read(browser(), "/auth/signin", f"{language};q=0.9, tlh")
    assert page.html.h1.text == SIGN_IN[language]
    assert page.html.html["lang"] == language == page.headers["Content-Language"]
    assert page.html.html["dir"] == "ltr"
    assert varies(page)


PAGES = {
    "/auth/signin": 200,
    "/auth/signin?error=CredentialsSignin": 200,
    "/auth/error?error=Verification": 403,
    "/auth/signout": 200,
    "/auth/verify-request": 200,
}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is(browser, path):
    visitor = browser()
    german, english = (read(visitor, path, each, status=PAGES[path]) for each in ("de", None))
    assert german.headers["Content-Language"] == "de"
    assert english.headers["Content-Language"] == "en"
    assert german.html.h1.text != english.html.h1.text
    assert varies(german) and varies(english)


def test_so_is_what_somebody_reads_who_may_not_see_a_page(browser):
    visitor = browser(routes=[{"source": "/admin", "authorized": lambda request, session: False}])
    visitor.sign_in()
    refused = read(visitor, "/admin", "fr-CA", status=403)
    assert "Vous êtes connecté" in refused.html.text
    assert refused.headers["Content-Language"] == "fr" and varies(refused)
    again = read(visitor, "/admin", "es", status=403)
    assert again.html.html["lang"] == "es"


def test_what_a_program_reads_is_the_same_in_every_language(browser):
    visitor = browser()
    headers = {"Accept": "application/json", "Accept-Language": "de"}
    refused = visitor.get("/members", headers=headers, status=401)
    assert refused.json["error"] == "SessionRequired" and not varies(refused)
    assert "Content-Language" not in refused.headers
    failed = visitor.post("/auth/session", {}, headers=headers, status=403)
    assert failed.json["error"] == "MissingCSRF" and not varies(failed)


def test_one_language_is_for_everybody_and_no_cache_is_told_otherwise(browser):
    visitor = browser(languages="de")
    page = read(visitor, "/auth/signin", "fr")
    assert page.html.html["lang"] == "de" == page.headers["Content-Language"]
    assert not varies(page)
    headers = {"Accept": "text/html", "Authorization": "x", "Accept-Language": "fr"}
    refused = visitor.get("/members", headers=headers, status=401)
    assert refused.headers["Content-Language"] == "de" and not varies(refused)


def test_of_several_the_first_is_for_who_reads_none(browser):
    visitor = browser(languages=["fr", "de"])
    for accept, language in {"en": "fr", "de-AT": "de", None: "fr", "tlh;q=x,,": "fr"}.items():
        page = read(visitor, "/auth/signin", accept)
        assert page.html.html["lang"] == language


def test_own_words_win_for_all_or_for_one_language(browser):
    visitor = browser(
        texts={"sign_in.heading": "Acme", "de": {"sign_in.submit": "Los"}, "fr.sign_in.or": "/"}
    )
    german, french = (read(visitor, "/auth/signin", each) for each in ("de", "fr"))
    assert german.html.h1.text == french.html.h1.text == "Acme"
    assert german.html.form.button.text == "Los"
    assert french.html.form.button.text == "Se connecter"


def test_a_language_from_right_to_left_is_given_in_the_configuration(browser):
    arabic = {"sign_in.heading": "تسجيل الدخول", "sign_in.password": "كلمة المرور"}
    page = read(browser(texts={"ar": arabic}), "/auth/signin", "ar-EG, en;q=0.5")
    assert (page.html.html["lang"], page.html.html["dir"]) == ("ar", "rtl")
    assert page.html.h1.text == arabic["sign_in.heading"]


@pytest.mark.parametrize(("language", "subject"), [
    ("de-AT", "Anmeldung bei app.example.test"),
    ("ja", "app.example.test へのログイン"),
    (None, "Sign in to app.example.test"),
])  # fmt: skip
def test_the_mail_is_in_the_language_of_whoever_asks_for_it(language, subject):
    with post_office() as (box, port):
        visitor = Visitor(application(connect("memory:"), provider(port)))
        headers = dict(BROWSER) if language is None else {**BROWSER, "Accept-Language": language}
        form = {"email": "ada@example.test", "csrfToken": visitor.token()}
        visitor.post("/auth/signin/email", form, headers=headers, status=303)
        (message,) = box.messages
    assert message["Subject"] == subject
    html = message.get_body(("html",)).get_content()
    assert f'<html lang="{(language or "en")[:2]}" dir="ltr">' in html
    if language == "de-AT":
        text = message.get_body(("plain",)).get_content()
        assert "unbekannter Browser" in text and "nur innerhalb von 10 Minuten" in text
    # whoever opens it reads the page in the language of that browser
    page = read(visitor, link_in(message), "fr")
    assert page.html.html["lang"] == "fr"


def test_a_mail_is_from_right_to_left_where_its_language_is():
    with post_office() as (box, port):
        texts = {"he": {"mail.subject": "כניסה אל {host}"}}
        visitor = Visitor(application(connect("memory:"), provider(port), texts=texts))
        form = {"email": "ada@example.test", "csrfToken": visitor.token()}
        headers = {**BROWSER, "Accept-Language": "he-IL"}
        visitor.post("/auth/signin/email", form, headers=headers, status=303)
    (message,) = box.messages
    assert message["Subject"] == "כניסה אל app.example.test"
    html = message.get_body(("html",)).get_content()
    assert '<html lang="he" dir="rtl">' in html
    # readers of mail in the web keep neither html nor body
    assert '<div lang="he" dir="rtl" style=' in html


# --- every road, and start-up ---------------------------------------------------------------------


def test_languages_come_by_every_road(tmp_path):
    ini = tmp_path / "auth.ini"
    ini.write_text(
        "[auth]\nsecret = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nlanguages = de, en\n"
        "text.sign_in.or = /\ntext.de.sign_in.heading = Los\ntext.pt-BR.sign_in.heading = Entrar\n"
    )
    toml = tmp_path / "auth.toml"
    toml.write_text(
        'secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"\nlanguages = ["de", "en"]\n'
        '[texts]\n"sign_in.or" = "/"\n[texts.de]\n"sign_in.heading" = "Los"\n'
        '[texts.pt-BR]\n"sign_in.heading" = "Entrar"\n'
    )
    expected = {
        "*": {"sign_in.or": "/"},
        "de": {"sign_in.heading": "Los"},
        "pt-BR": {"sign_in.heading": "Entrar"},
    }
    for file in (ini, toml):
        config = AuthConfig.from_file(file, environ={})
        assert (config.languages, config.texts) == (("de", "en"), expected)
    env = {"AUTH_SECRET": "a" * 40, "AUTH_LANGUAGES": "de,en", "AUTH_LOCALE_DIR": str(tmp_path)}
    folder = tmp_path / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with pytest.raises(Exception, match="locale_dir"):
        AuthConfig.from_env(env)
    (folder / "wsgi_auth.mo").write_bytes(_EMPTY)
    config = AuthConfig.from_env(env)
    assert (config.languages, config.locale_dir) == (("de", "en"), tmp_path)


#: A compiled catalogue without messages (gettext manual, "The Format of GNU MO Files").
_EMPTY = b"\xde\x12\x04\x95" + b"".join(
    number.to_bytes(4, "little") for number in (0, 0, 28, 28, 0, 28)
)


def test_a_relative_folder_counts_from_the_file(tmp_path):
    (tmp_path / "locale" / "nl" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "locale" / "nl" / "LC_MESSAGES" / "wsgi_auth.mo").write_bytes(_EMPTY)
    file = tmp_path / "auth.ini"
    file.write_text(f"[auth]\nsecret = {'a' * 40}\nlocale_dir = locale\nlanguages = nl\n")
    config = AuthConfig.from_ini(file, environ={})
    assert config.locale_dir == tmp_path / "locale"


def test_a_catalogue_that_cannot_be_read_any_more_costs_the_language_and_not_the_page(
    browser, tmp_path, caplog
):
    file = tmp_path / "nl" / "LC_MESSAGES" / "wsgi_auth.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(_EMPTY)
    visitor = browser(locale_dir=tmp_path)
    file.write_bytes(b"half a fi")
    page = read(visitor, "/auth/signin", "nl")
    assert page.headers["Content-Language"] == "en" and page.html.h1.text == "Sign in"
    assert "no pages in nl: locale_dir: " in caplog.text
    file.write_bytes(_EMPTY)
    assert read(visitor, "/auth/signin", "nl").headers["Content-Language"] == "nl"


_START = """
import json, sys
from wsgi_auth import AuthMiddleware
def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
app = AuthMiddleware(hello, {"secret": "s" * 40, "url": "https://app.example.test",
                             "providers": [{"id": "credentials", "authorize": print}]})
def ask(path, **headers):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "",
               "HTTP_ACCEPT_LANGUAGE": "de", "wsgi.url_scheme": "https", "SERVER_NAME": "x",
               "SERVER_PORT": "443", "HTTP_HOST": "app.example.test", **headers}
    said = []
    body = b"".join(app(environ, lambda status, headers, exc_info=None: said.append(status)))
    loaded = {"gettext", "wsgi_auth.languages", "wsgi_auth.texts", "wsgi_auth.locale"}
    return [said[0][:3], sorted(loaded & set(sys.modules)), "Anmelden" in body.decode()]
print(json.dumps([ask("/members", HTTP_ACCEPT="text/html"), ask("/members"),
                  ask("/auth/csrf"), ask("/auth/signin", HTTP_ACCEPT="text/html")]))
"""


def test_no_catalogue_is_loaded_before_a_page_is_shown():
    done = subprocess.run(
        [sys.executable, "-c", _START], capture_output=True, text=True, check=True
    )
    redirect, refusal, token, page = json.loads(done.stdout)
    assert redirect == ["302", [], False]
    assert refusal == ["401", [], False]
    assert token[0] == "200" and "gettext" not in token[1]
    assert page == ["200", ["gettext", "wsgi_auth.languages", "wsgi_auth.texts"], True]


def test_two_sites_in_one_process_do_not_share_a_language():
    one, two = (Browser(AuthMiddleware(hello, options(languages=[each]))) for each in ("de", "ja"))
    for _ in range(2):
        assert read(one, "/auth/signin", "ja").html.html["lang"] == "de"
        assert read(two, "/auth/signin", "de").html.html["lang"] == "ja"
