"""Passkeys in a real browser with a virtual authenticator, on ``http://localhost``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.browser.parts import MARKS, faults, overheard, served, tab_to
from tests.conftest import SECRET, authorize
from tests.needs import require_module
from wsgi_auth import AuthMiddleware, get_auth

pytestmark = MARKS

POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


def page_of(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["auth.session"]
    who = "nobody" if session is None else session.user["id"]
    html = f"<!doctype html><title>-</title><h1>{who}</h1>"
    if environ["PATH_INFO"] == "/mine":
        html += FORM.format(get_auth(environ).csrf_token)
    headers = [("Content-Type", "text/html"), ("Content-Security-Policy", POLICY)]
    start_response("200 OK", headers)
    return [html.encode()]


#: What adds a passkey without a line of script on the page.
FORM = """<form method="post" action="/auth/account/passkeys" data-passkey="register">
<input type="hidden" name="csrfToken" value="{}"><input type="hidden" name="callbackUrl" value="/mine">
<input type="hidden" name="action" value="add"><input type="hidden" name="credential">
<label>Name <input name="name"></label><button>Add</button><p role="alert" hidden>Not added</p></form>
<script type="module" src="/auth/passkey.js"></script>"""


@contextmanager
def site(**passkey: Any) -> Iterator[tuple[str, AuthMiddleware]]:
    """An application at ``http://localhost``, with a form and passkeys."""
    require_module("fido2")
    options = {
        "secret": SECRET, "adapter": "memory:", "matcher": ["/members"],
        "providers": [{"id": "credentials", "authorize": authorize}, {"id": "passkey", **passkey}],
    }  # fmt: skip
    with served(page_of, lambda url: options, "localhost") as made:
        yield made


class Visitor:
    """A browser with an authenticator in it that says yes to everything while :meth:`agrees`."""

    def __init__(self, chromium: Any, url: str) -> None:
        self.url = url
        self.context = chromium.new_context()
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(30_000)
        self.said = overheard(self.tab)
        self.cdp = self.context.new_cdp_session(self.tab)
        self.cdp.send("WebAuthn.enable")
        self.devices = [self.device()]

    def device(self) -> str:
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return str(made["authenticatorId"])

    def agrees(self, does: bool) -> None:
        for each in self.devices:
            self.cdp.send(
                "WebAuthn.setAutomaticPresenceSimulation",
                {"authenticatorId": each, "enabled": does},
            )

    def sign_in(self, name: str = "alice", password: str = "correct horse") -> None:
        self.agrees(False)
        self.tab.goto(f"{self.url}/auth/signin?callbackUrl=/members")
        self.tab.get_by_label("User name").fill(name)
        self.tab.get_by_label("Password").fill(password)
        self.tab.get_by_role("button", name="Sign in", exact=True).click()
        self.tab.wait_for_url(f"{self.url}/members")
        self.agrees(True)

    def opens_the_page(self) -> None:
        """The sign-in page, without taking what the list of the field offers."""
        self.agrees(False)
        self.tab.goto(f"{self.url}/auth/signin?callbackUrl=/members")
        self.tab.wait_for_load_state("networkidle")
        self.agrees(True)

    def sign_out(self) -> None:
        self.tab.goto(f"{self.url}/auth/signout?callbackUrl=/")
        self.tab.get_by_role("button", name="Sign out").click()
        self.tab.wait_for_url(f"{self.url}/")
        assert self.who == "nobody"

    def register(self, name: str = "") -> Any:
        """As a page of the application does it; the error code, if there is one."""
        return self.tab.evaluate(
            """name => import("/auth/passkey.js").then((module) => module.register({ name }))
                .then(() => null, (problem) => problem.message)""",
            name,
        )

    @property
    def who(self) -> str:
        self.tab.goto(f"{self.url}/")
        return str(self.tab.get_by_role("heading").inner_text())


@contextmanager
def visitor(chromium: Any, url: str) -> Iterator[Visitor]:
    somebody = Visitor(chromium, url)
    try:
        yield somebody
    finally:
        somebody.context.close()
    assert not faults(somebody.said)


def button(somebody: Visitor) -> Any:
    return somebody.tab.get_by_role("button", name="Sign in with a passkey")


def test_a_passkey_is_added_and_signs_in_by_the_button(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        assert somebody.register("My laptop") is None
        [kept] = app.site.passkeys.of("alice")
        assert kept.name == "My laptop"
        somebody.sign_out()
        somebody.opens_the_page()
        button(somebody).click()
        somebody.tab.wait_for_url(f"{url}/members")
        assert somebody.who == "alice"


def test_who_clicks_before_the_page_has_settled_and_again_signs_in_once(chromium):
    with site() as (url, _), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        somebody.agrees(False)
        tab, scripts, questions, asked = somebody.tab, [], [], []
        tab.route("**/passkey.js?*", lambda route: scripts.append(route))
        tab.on("request", lambda request: request.method == "POST" and asked.append(request.url))
        tab.goto(f"{url}/auth/signin?callbackUrl=/members", wait_until="commit")
        button(somebody).wait_for()
        for _ in range(3):
            button(somebody).click(force=True)
        tab.wait_for_timeout(100)
        assert button(somebody).is_disabled() and asked == [] and len(scripts) == 1
        scripts[0].continue_()
        tab.wait_for_load_state("networkidle")  # the list of the field has asked
        somebody.agrees(True)
        tab.route("**/passkey/options", lambda route: questions.append(route))
        for _ in range(5):
            button(somebody).click(force=bool(questions))  # the first waits until it can be used
            tab.wait_for_timeout(20)
        assert button(somebody).get_attribute("aria-busy") == "true"
        assert tab.evaluate("document.activeElement.textContent") == "Sign in with a passkey"
        [question] = questions
        question.continue_()
        tab.wait_for_url(f"{url}/members")
        assert [each.removeprefix(url) for each in asked].count("/auth/callback/passkey") == 1
        assert somebody.who == "alice"


def test_a_page_without_fields_asks_nothing_before_its_button_is_used(chromium):
    """There is no list that could offer passkeys."""
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        github = {"id": "github", "client_id": "x", "client_secret": "x"}
        options = {
            "secret": SECRET, "url": url, "adapter": app.site.adapter, "matcher": ["/members"],
            "providers": ["passkey", github],
        }  # fmt: skip
        with served(page_of, lambda other: options, "localhost") as (other, _):
            asked = []
            somebody.tab.on("request", lambda request: asked.append(request.method))
            somebody.tab.goto(f"{other}/auth/signin?callbackUrl=/members")
            somebody.tab.wait_for_load_state("networkidle")
            assert "POST" not in asked
            assert button(somebody).is_enabled()


def test_a_second_click_on_add_a_passkey_adds_one(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        tab = somebody.tab
        tab.goto(f"{url}/auth/account")
        tab.get_by_role("button", name="Add a passkey").dblclick()
        tab.get_by_role("button", name="Remove").wait_for()
        assert len(app.site.passkeys.of("alice")) == 1


def test_without_javascript_the_page_says_that_passkeys_need_it(chromium):
    with site() as (url, _):
        context = chromium.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{url}/auth/signin")
        assert tab.get_by_role("button", name="Sign in with a passkey").is_disabled()
        assert "Passkeys need JavaScript." in tab.inner_text("main")
        context.close()


def test_a_page_that_is_no_longer_that_of_this_browser_says_so(chromium):
    with site() as (url, _), visitor(chromium, url) as somebody:
        somebody.opens_the_page()
        somebody.context.clear_cookies()
        button(somebody).click()
        somebody.tab.get_by_role("heading", name="Please try that again").wait_for()


def test_a_passkey_is_renamed_by_keyboard_alone(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register("<b>Old")
        tab = somebody.tab
        tab.goto(f"{url}/auth/account")
        tab_to(tab, "Rename <b>Old")
        tab.keyboard.press("Enter")
        tab_to(tab, "name")
        tab.keyboard.press("Control+A")
        tab.keyboard.type("“New” & <i>shiny</i> " + "x" * 80)
        tab.keyboard.press("Enter")
        name = "“New” & <i>shiny</i> " + "x" * 39
        tab.get_by_text(name, exact=True).first.wait_for()
        assert [each.name for each in app.site.passkeys.of("alice")] == [name]


def test_the_list_of_the_field_signs_in(chromium):
    with site() as (url, _), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        # the authenticator picks it at once, perhaps before the page has wholly loaded
        somebody.tab.goto(f"{url}/auth/signin?callbackUrl=/members", wait_until="commit")
        somebody.tab.wait_for_url(f"{url}/members")
        assert somebody.who == "alice"


def test_who_refuses_is_told_so_and_may_try_again(chromium):
    with site(user_verification="required") as (url, _), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        [device] = somebody.devices

        def verifies(does: bool) -> None:
            somebody.cdp.send(
                "WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": does}
            )

        # the list of the field would have it first, now and then: a browser that fills none in
        somebody.tab.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
        somebody.opens_the_page()
        verifies(False)
        notice = somebody.tab.get_by_role("alert")
        assert notice.count() == 0  # there, but hidden
        button(somebody).click()
        notice.wait_for()
        assert "No passkey was used" in notice.inner_text()
        verifies(True)
        button(somebody).click()
        somebody.tab.wait_for_url(f"{url}/members")


def test_one_device_has_one_passkey_and_another_device_another(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        assert somebody.register("One") is None
        assert somebody.register("One again") == "PasskeyThere"
        somebody.cdp.send(
            "WebAuthn.removeVirtualAuthenticator", {"authenticatorId": somebody.devices.pop()}
        )
        somebody.devices.append(somebody.device())
        assert somebody.register("Two") is None
        assert {each.name for each in app.site.passkeys.of("alice")} == {"One", "Two"}


def test_a_form_adds_one_and_who_signed_in_long_ago_signs_in_again_first(chromium):
    with site(fresh=1) as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        tab = somebody.tab
        tab.wait_for_timeout(1_100)
        tab.goto(f"{url}/mine")
        tab.get_by_role("button", name="Add").click()
        tab.get_by_text("This page wants to be sure that it is you").wait_for()
        app.site.passkeys.provider.__dict__["fresh"] = 600  # this machine may be slow
        tab.get_by_label("User name").fill("alice")
        tab.get_by_label("Password").fill("correct horse")
        tab.get_by_role("button", name="Sign in", exact=True).click()
        tab.wait_for_url(f"{url}/mine")
        tab.get_by_label("Name").fill("Mine")
        tab.get_by_role("button", name="Add").click()
        tab.wait_for_load_state("networkidle")
        tab.wait_for_url(f"{url}/mine")
        assert [each.name for each in app.site.passkeys.of("alice")] == ["Mine"]
        tab.get_by_role("button", name="Add").click()
        tab.get_by_role("alert").wait_for()  # this device has one


def test_one_that_was_removed_signs_nobody_in(chromium):
    with site() as (url, app), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        [kept] = app.site.passkeys.of("alice")
        somebody.tab.evaluate(
            """async (id) => {
                const { csrfToken } = await (await fetch("/auth/csrf")).json();
                const body = new URLSearchParams({ csrfToken, action: "remove", id });
                await fetch("/auth/account/passkeys", { method: "POST", body });
            }""",
            kept.id,
        )
        assert app.site.passkeys.of("alice") == []
        somebody.sign_out()
        somebody.opens_the_page()
        with somebody.tab.expect_request("**/auth/callback/passkey"):
            button(somebody).click()
        somebody.agrees(False)  # to the list of the next page's field, at once and without end
        somebody.tab.get_by_text("That passkey did not work here").wait_for()
        assert somebody.tab.url == f"{url}/auth/callback/passkey"


SIGN_IN = """() => import("/auth/client.js")
    .then(({ signIn }) => signIn("passkey", { redirect: false }))"""


def test_signin_of_the_client_takes_a_passkey(chromium):
    with site() as (url, _), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        result = somebody.tab.evaluate(SIGN_IN)
        assert (result["ok"], result["status"]) == (True, 200)
        assert somebody.who == "alice"


def test_signin_of_the_client_says_what_went_wrong(chromium):
    with site(user_verification="required") as (url, _), visitor(chromium, url) as somebody:
        somebody.sign_in()
        somebody.register()
        somebody.sign_out()
        somebody.cdp.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": somebody.devices[0], "isUserVerified": False},
        )
        result = somebody.tab.evaluate(SIGN_IN)
        assert (result["ok"], result["error"]) == (False, "PasskeyCancelled")
        assert somebody.who == "nobody"
