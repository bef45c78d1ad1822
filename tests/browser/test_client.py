"""``client.js`` in a real browser: the two examples under their policies, tabs that follow each
other, what the first paint shows, and the end of a session."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.parts import MARKS, faults, overheard, served
from tests.client.built import built
from tests.conftest import SECRET, authorize
from tests.needs import require_module
from tests.processes import PYTHON, free_port, serving
from wsgi_auth import get_auth
from wsgi_auth.testing import session_cookie

pytestmark = MARKS

EXAMPLES = Path(__file__).parents[2] / "examples"
POLICY = "default-src 'none'; script-src 'self' 'nonce-once'; connect-src 'self'; img-src data:"


@dataclass
class Visitor:
    """One browser profile; what its tabs complain of is in ``said``, what they ask for in ``asked``."""

    context: Any
    url: str
    said: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def tab(self, path: str = "/") -> Any:
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        self.said.append(overheard(page))
        page.on("request", lambda request: self.asked.append(urlsplit(request.url).path))
        page.goto(self.url + path)
        return page


@contextmanager
def visitor(chromium: Any, url: str) -> Iterator[Visitor]:
    context = chromium.new_context()
    somebody = Visitor(context, url)
    try:
        yield somebody
    finally:
        context.close()
    said = [text for tab in somebody.said for text in faults(tab)]
    assert not said, said


@pytest.fixture(scope="module", params=["plain_html", "react"])
def example(request, tmp_path_factory) -> Iterator[str]:
    """The address of one of the examples, as its user starts it."""
    require_module("waitress")
    place = tmp_path_factory.mktemp(request.param)
    port, env = free_port(), {"XDG_CACHE_HOME": str(place), "LOG": str(place / "log")}
    if request.param == "react":
        require_module("flask")
        env["DIST"] = str(built())
    env["PYTHONPATH"] = os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])
    command = [PYTHON, str(EXAMPLES / request.param / "app.py")]
    with serving(command, port, place, PORT=str(port), **env):
        yield f"http://127.0.0.1:{port}"


def sign_in(tab: Any, password: str = "lovelace") -> None:
    tab.get_by_label("User name").fill("ada")
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name="Sign in", exact=True).click()


def greets(tab: Any, name: str) -> None:
    from playwright.sync_api import expect

    expect(tab.get_by_role("heading")).to_have_text(f"Hello, {name}")


def test_signing_in_and_out_is_followed_by_the_other_tab(chromium, example):
    with visitor(chromium, example) as somebody:
        first, second = somebody.tab(), somebody.tab()
        greets(first, "stranger")
        sign_in(first, "wrong")
        first.get_by_text("That did not match.").wait_for()
        sign_in(first)
        for tab in (first, second):
            greets(tab, "Ada Lovelace")
        second.get_by_role("button", name="What members read").click()
        second.get_by_text("Only members such as Ada Lovelace read this.").wait_for()
        second.get_by_role("button", name="Sign out").click()
        for tab in (first, second):
            greets(tab, "stranger")


def test_signing_in_on_the_built_in_page_is_followed_too(chromium, example):
    with visitor(chromium, example) as somebody:
        first, second = somebody.tab(), somebody.tab("/auth/signin?callbackUrl=/")
        greets(first, "stranger")
        sign_in(second)
        for tab in (second, first):
            greets(tab, "Ada Lovelace")
        second.goto(f"{example}/auth/signout?callbackUrl=/")
        second.get_by_role("button", name="Sign out").click()
        for tab in (second, first):
            greets(tab, "stranger")


def test_a_fetch_that_is_refused_shows_the_form(chromium, example):
    with visitor(chromium, example) as somebody:
        tab = somebody.tab()
        sign_in(tab)
        greets(tab, "Ada Lovelace")
        somebody.context.clear_cookies()
        tab.get_by_role("button", name="What members read").click()
        greets(tab, "stranger")


def test_back_after_signing_out_shows_no_member(chromium, example):
    with visitor(chromium, example) as somebody:
        tab = somebody.tab()
        sign_in(tab)
        greets(tab, "Ada Lovelace")
        tab.reload()  # this page now holds the session
        greets(tab, "Ada Lovelace")
        tab.goto(f"{example}/auth/signout?callbackUrl=/auth/signin")
        tab.get_by_role("button", name="Sign out").click()
        tab.wait_for_url("**/auth/signin*")
        for _ in range(2):
            tab.go_back()
        assert urlsplit(tab.url).path == "/"
        greets(tab, "stranger")


@pytest.mark.parametrize("example", ["react"], indirect=True)
def test_an_update_renders_in_both_tabs(chromium, example):
    with visitor(chromium, example) as somebody:
        first, second = somebody.tab(), somebody.tab()
        sign_in(first)
        greets(second, "Ada Lovelace")
        second.get_by_role("button", name="Be a countess").click()
        for tab in (first, second):
            greets(tab, "Countess Lovelace")


PAGE = """<!doctype html><title>x</title><link rel=icon href='data:,'>{head}
<script type=module src='{mount}/page.js'></script><pre></pre>"""
SCRIPT = """import * as client from "./{url}";
globalThis.client = client;
globalThis.seen = [];
client.session.subscribe(({{ status, data }}) => {{
  seen.push(status);
  document.querySelector("pre").textContent = data ? data.user.name : status;
}});
"""


@contextmanager
def site(**options: Any) -> Iterator[tuple[str, Any]]:
    """A page with a script, mounted anywhere; and the middleware."""
    mount = options.pop("mount", "")

    def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        auth = get_auth(environ)
        is_script = environ["PATH_INFO"] == "/page.js"
        url = options.get("base_path", "/auth").lstrip("/") + "/client.js"
        head = auth.session_script if environ["PATH_INFO"] == "/told" else ""
        if environ["PATH_INFO"] == "/mapped":
            imports = json.dumps({"imports": {"/auth/client.js": auth.client_url}})
            head = f"<script type=importmap nonce=once>{imports}</script>"
        text = SCRIPT.format(url=url) if is_script else PAGE.format(head=head, mount=mount)
        kind = "text/javascript" if is_script else "text/html"
        start_response("200 OK", [("Content-Type", kind), ("Content-Security-Policy", POLICY)])
        return [text.encode()]

    settings = {
        "secret": SECRET, "matcher": ["/api/:path*"],
        "providers": [{"id": "credentials", "authorize": authorize}], **options,
    }  # fmt: skip
    with served(page, lambda url: settings, mount=mount) as made:
        yield made


def signed_in(somebody: Visitor, app: Any, name: str = "Ada") -> None:
    """As if this browser had signed in."""
    cookie, _, value = session_cookie(app, {"id": "ada", "name": name}).partition("=")
    cookies = [{"name": cookie, "value": value, "url": somebody.url, "httpOnly": True}]
    somebody.context.add_cookies(cookies)


def shows(tab: Any, text: str) -> None:
    from playwright.sync_api import expect

    expect(tab.locator("pre")).to_have_text(text)


@pytest.mark.parametrize(
    "options", [{}, {"mount": "/some/where"}, {"base_path": "/api/sign-in", "mount": "/x"}]
)
def test_it_finds_the_endpoints_wherever_they_are(chromium, options):
    with site(**options) as (url, _), visitor(chromium, url) as somebody:
        tab = somebody.tab()
        shows(tab, "unauthenticated")
        fields = {"username": "alice", "password": "correct horse"}
        # not waited for: this page is about to go
        tab.evaluate("fields => void client.signIn('credentials', fields)",
                     {**fields, "redirectTo": f"{url}/#x"})  # fmt: skip
        shows(tab, "Alice Adams")
        tab.wait_for_url("**/#x")
        assert tab.evaluate("seen") == ["loading", "authenticated"], "the page was loaded again"
        assert tab.evaluate("client.signOut({redirect: false})")["ok"]
        shows(tab, "unauthenticated")
        tab.evaluate("void client.signIn()")
        tab.wait_for_url("**/signin?callbackUrl=*")


@pytest.mark.parametrize("name", ["Ada", "</script><script>globalThis.wrong = 1</script>"])
def test_what_the_server_wrote_is_known_from_the_first_paint_on(chromium, name):
    with site() as (url, app), visitor(chromium, url) as somebody:
        nobody = somebody.tab("/told")
        shows(nobody, "unauthenticated")
        assert nobody.evaluate("seen") == ["unauthenticated"]
        assert "/auth/session" not in somebody.asked
        nobody.close()
        signed_in(somebody, app, name)
        tab = somebody.tab("/told")
        shows(tab, name)
        assert tab.evaluate("seen") == ["authenticated"]
        assert "/auth/session" not in somebody.asked
        assert tab.evaluate("globalThis.wrong") is None


def test_an_import_map_has_every_import_lead_to_the_url_that_is_kept(chromium):
    with site() as (url, _), visitor(chromium, url) as somebody:
        tab = somebody.tab("/mapped")
        shows(tab, "unauthenticated")
        entries = "performance.getEntriesByType('resource').map(({name}) => name)"
        urls = [each for each in tab.evaluate(entries) if "client.js" in each]
        assert len(urls) == 1 and "/auth/client.js?v=" in urls[0]
        tab.evaluate("void client.signIn()")
        tab.wait_for_url("**/auth/signin?callbackUrl=*")


@pytest.mark.parametrize("path", ["/told", "/untold"])
def test_the_end_of_a_session_is_noticed_without_a_reload(chromium, path):
    lifetime = {"max_age": 5, "update_age": 4}
    with site(session=lifetime) as (url, app), visitor(chromium, url) as somebody:
        signed_in(somebody, app)
        tab = somebody.tab(path)
        shows(tab, "Ada")
        tab.locator("pre", has_text="unauthenticated").wait_for(timeout=20_000)
        assert tab.evaluate("seen").count("authenticated") == 1
        assert somebody.asked.count("/auth/session") == (1 if path == "/told" else 2)


def test_a_tab_that_is_offline_keeps_what_it_knows(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        signed_in(somebody, app)
        tab = somebody.tab()
        shows(tab, "Ada")
        somebody.context.set_offline(True)
        assert tab.evaluate("client.getSession()")["user"]["name"] == "Ada"
        result = tab.evaluate("client.signOut()")
        assert result == {"ok": False, "status": 0, "error": "Unreachable", "url": None}
        shows(tab, "Ada")
        somebody.context.clear_cookies()
        somebody.context.set_offline(False)  # the page is told, and asks
        shows(tab, "unauthenticated")


def test_a_listener_that_fails_is_reported_and_keeps_no_other_from_hearing(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        tab = somebody.tab()
        shows(tab, "unauthenticated")
        tab.evaluate(
            """() => {
              client.session.subscribe(({ data }) => { if (data) throw new Error("mine"); });
              client.session.subscribe(({ status }) => (globalThis.last = status));
            }"""
        )
        signed_in(somebody, app)
        tab.evaluate("client.getSession()")
        assert tab.evaluate("last") == "authenticated"
        tab.wait_for_timeout(50)
        assert somebody.said == [["mine"]]
        somebody.said.clear()
