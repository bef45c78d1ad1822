"""``client.js`` as a file: cached well, the same for everybody; and the session within a page."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

import wsgi_auth
from tests.conftest import BROWSER, URL, Browser, config, hello
from wsgi_auth import AuthMiddleware, StoreUnavailable, get_auth
from wsgi_auth.errors import CallbackError
from wsgi_auth.pages.script import session_script
from wsgi_auth.testing import session_cookie, sign_in

PATH = "/auth/client.js"


def site(**more) -> Browser:
    return Browser(AuthMiddleware(hello, config(**more)))


def test_the_module_has_at_most_3_kb_compressed():
    answer = site().get(PATH)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(gzip.compress(answer.body)) <= 3_000
    assert "export const session" in answer


def test_what_is_served_is_the_file_without_comments_and_indentation():
    source = (Path(wsgi_auth.__file__).parent / "pages" / "client.js").read_text()
    # a line within a text of several lines would lose its indentation
    assert not re.search(r"`[^`\n]*\n", re.sub(r"`[^`\n]*`", "", source))
    served = site().get(PATH).text.splitlines()
    lines = [line.strip() for line in source.splitlines()]
    assert served == [line for line in lines if line and not line.startswith("//")]


def test_under_its_version_it_is_kept_for_ever_and_else_asked_for_again():
    browser = site()
    plain = browser.get(PATH)
    tag = plain.headers["ETag"]
    assert plain.headers["Cache-Control"] == "public, no-cache"
    assert browser.get(PATH, headers={"If-None-Match": f'"x", W/{tag}'}, status=304).body == b""
    assert browser.get(PATH, headers={"If-None-Match": '"x"'}, status=200)
    versioned = browser.get(f"{PATH}?v={tag[1:-1]}")
    assert versioned.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert versioned.body == plain.body
    # of an older or newer release: nobody may keep this text under that name
    assert browser.get(f"{PATH}?v=0").headers["Cache-Control"] == "public, no-cache"


def test_no_session_is_read_and_no_cookie_set_for_what_any_cache_may_keep():
    browser = site(session={"update_age": 0})
    sign_in(browser, {"id": "alice"})
    assert browser.get("/").headers.getall("Set-Cookie")  # due for renewal
    answer = browser.get(PATH)
    assert not answer.headers.getall("Set-Cookie")
    assert "Vary" not in answer.headers


def test_it_is_served_while_the_sessions_cannot_be_read():
    class Down:
        def read(self, environ, now):
            raise StoreUnavailable("down")

    browser = site(reader=Down())
    browser.get("/auth/session", status=503)
    browser.get(PATH, status=200)


def test_it_is_a_file_and_no_folder():
    browser = site()
    browser.get(f"{PATH}/", status=401)  # guarded as any other path
    assert browser.post(PATH, {}, status=405).headers["Allow"] == "GET, HEAD"
    assert browser.head(PATH).body == b""


@pytest.mark.parametrize(
    ("more", "mount"),
    [({}, "/auth"), ({"base_path": "/api/auth"}, "/api/auth"),
     ({"url": URL + "/app"}, "/app/auth")],
)  # fmt: skip
def test_a_page_is_told_the_url_that_is_kept(more, mount):
    def page(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [get_auth(environ).client_url.encode()]

    browser = Browser(AuthMiddleware(page, config(matcher=["/x"], **more)))
    url = browser.get("/").text
    assert url.startswith(f"{mount}/client.js?v=")
    assert "immutable" in browser.get(url.removeprefix("/app")).headers["Cache-Control"]


def test_template_engines_put_the_element_in_as_it_is_and_a_plain_page_stays_plain():
    element = session_script(None)
    assert escape(element) == element
    assert "<p>" + element == f"<p>{element}"


class Scripts(HTMLParser):
    """The elements of a page, and the text of those that are scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(
    "name",
    ["Ada", "</script><script>alert(1)</script>", "<!--<script>", "a & b &lt; \u2028 \U0001f600"],
)
def test_the_session_within_a_page_is_what_the_endpoint_says_whatever_a_name_holds(name):
    def page(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [get_auth(environ).session_script.encode()]

    app = AuthMiddleware(page, config(matcher=["/x"]))
    browser = Browser(app)
    assert ">null<" in browser.get("/")
    held = {"Cookie": session_cookie(app, {"id": "ada", "name": name}), **BROWSER}
    parser = Scripts()
    parser.feed(browser.get("/", headers=held).text)
    parser.close()
    assert parser.tags == ["script"]
    assert json.loads("".join(parser.texts)) == browser.get("/auth/session", headers=held).json


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), {1, 2}], ids=repr)
def test_a_session_that_no_browser_could_read_fails_where_it_is_written(odd, caplog):
    """NaN is no JSON: it would end the whole module, sign-out with it."""
    said = []

    def page(environ, start_response):
        with pytest.raises(CallbackError, match="JSON"):
            said.append(get_auth(environ).session_script)
        return hello(environ, start_response)

    callbacks = {"session": lambda session, context: {**session, "odd": odd}}
    browser = Browser(AuthMiddleware(page, config(callbacks=callbacks)))
    sign_in(browser, {"id": "alice"})
    browser.get("/", status=200)
    browser.get("/auth/session", status=500)
    assert said == [] and "JSON" in caplog.text
