"""The screenshots of the built-in pages: ``make screenshots`` writes ``docs/images``.

Each page in light and dark, wide and at 320 pixels; the tests look at the same pages with axe
(``tests/browser/test_accessible.py``). They come from real configurations, served on 127.0.0.1 over
TLS, at a fixed time, under a name that Chromium is told. Needs playwright and a Chromium
(``CHROMIUM`` names another than the one on the path), and pillow to make the files small.

``python docs/screenshots.py sign-in account`` makes those alone.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters import connect
from wsgi_auth.mailing import Mail
from wsgi_auth.records import AccountData, AccountRecord, Authenticator
from wsgi_auth.testing import FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.transport import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 60_000
NOW = datetime(2026, 6, 1, 9, 41, tzinfo=UTC)
SITE, PROVIDER = "https://app.example.org", "https://id.example.org"
LOGO = (
    "data:image/svg+xml,%3Csvg%20xmlns=%27http://www.w3.org/2000/svg%27%20width=%2748%27%20"
    "height=%2748%27%3E%3Crect%20width=%2748%27%20height=%2748%27%20rx=%2712%27%20"
    "fill=%27%232b59c3%27/%3E%3Cpath%20d=%27M14%2026l7%207%2014-18%27%20fill=%27none%27%20"
    "stroke=%27%23fff%27%20stroke-width=%275%27%20stroke-linecap=%27round%27%20"
    "stroke-linejoin=%27round%27/%3E%3C/svg%3E"
)
#: What the pages are shown in: the name of a file's end, and the window.
SHAPES = {
    f"{scheme}{end}": {"color_scheme": scheme, "viewport": {"width": width, "height": 400}}
    for scheme in ("light", "dark")
    for end, width in (("", 640), ("-narrow", 320))
}
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b"<!doctype html><title>The application</title><link rel=icon href='data:,'>"]


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    if (credentials["username"], credentials["password"]) == ("ada", "engine"):
        return {"id": "ada", "name": "Ada Lovelace", "email": "ada@example.org", "groups": []}
    return None


PASSWORD = {"id": "credentials", "authorize": authorize}


@dataclass
class Place:
    """A browser that reaches the sites below; ``mails`` is what they sent. ``local`` is the address
    of the one for development, which has no other."""

    browser: Browser
    sites: dict[str, AuthMiddleware]
    mails: list[Mail]
    local: str
    shape: dict[str, Any] = field(default_factory=dict)
    contexts: list[Any] = field(default_factory=list)

    def visit(self, path: str, site: str = "app", **more: Any) -> Page:
        """The page at this path, in a fresh browser profile."""
        context = self.browser.new_context(
            ignore_https_errors=True, device_scale_factor=1.5, **{**self.shape, **more}
        )
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        page.goto(url_of(site) + path)
        return page

    def done(self) -> None:
        """Close what was opened."""
        while self.contexts:
            self.contexts.pop().close()

    def signed_in(self, path: str, site: str = "app", **more: Any) -> Page:
        page = self.visit(path, site, **more)
        send_password(page)
        page.wait_for_url(url_of(site) + path)
        return page

    def mailed(self, page: Page) -> Mail:
        """The mail that the form of this sign-in page sends."""
        page.fill("[name=email]", "ada@example.org")
        page.locator("form:has([name=email]) button").click()
        page.wait_for_url("**/verify-request**")
        return self.mails[-1]


def url_of(site: str) -> str:
    return SITE.replace("app", site, 1)


def send_password(page: Page, password: str = "engine") -> None:
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", password)
    page.locator("form:has([name=password]) button").click()


# --- the pages ------------------------------------------------------------------------------------


def sign_in(place: Place) -> Page:
    return place.visit("/members")


def passkey_refused(place: Place) -> Page:
    page = place.visit("/members")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("alert").wait_for()  # there is none here
    return page


def sign_in_again(place: Place) -> Page:
    page = place.signed_in("/members")
    page.goto(f"{SITE}/auth/signin?error=FreshSignInRequired&callbackUrl=/auth/account")
    return page


def last_used(place: Place) -> Page:
    page = place.signed_in("/members")
    page.goto(f"{SITE}/auth/signout")
    page.locator("form button").click()
    page.wait_for_url("**/auth/signin?**")
    return page


def password(place: Place) -> Page:
    page = place.visit("/members", "plain")
    page.fill("[name=username]", "ada")
    return page


def failed(place: Place) -> Page:
    page = place.visit("/members", "plain")
    send_password(page, "wrong")
    page.get_by_role("alert").wait_for()
    return page


def german(place: Place) -> Page:
    return place.visit("/members", "green", locale="de-DE")


def chooser(place: Place) -> Page:
    key = place.sites["dev"].site.dev_key
    page = place.visit("/")
    page.goto(f"{place.local}/auth/signin?dev_key={key}")
    return page


def sign_out(place: Place) -> Page:
    page = place.signed_in("/members")
    page.goto(f"{SITE}/auth/signout")
    return page


def no_access(place: Place) -> Page:
    return place.signed_in("/admin", "plain")


def error(code: str) -> Callable[[Place], Page]:
    return lambda place: place.visit(f"/auth/error?error={code}", "plain")


def verify_request(place: Place) -> Page:
    page = place.visit("/members")
    place.mailed(page)
    return page


def mail(place: Place) -> Page:
    sent = place.mailed(place.visit("/members"))
    page = place.visit("/")
    page.goto("about:blank")
    page.set_content(sent.html)
    return page


def link(place: Place) -> Page:
    page = place.visit("/members")
    page.goto(place.mailed(page).url)
    return page


def link_elsewhere(place: Place) -> Page:
    sent = place.mailed(place.visit("/members"))
    return place.visit(sent.url.removeprefix(SITE), user_agent=IPHONE)


def account(place: Place) -> Page:
    store = place.sites["app"].site.adapter
    store.delete_sessions("ada")
    place.signed_in("/members", user_agent=IPHONE)
    page = place.signed_in("/members")
    for provider, label in (("github", "lovelace"), ("google", "ada@example.org")):
        if store.get_account(provider, "17") is None:
            data = AccountData(label).text()
            store.link_account(AccountRecord(provider, "17", "ada", "oauth", data))
    if not store.list_authenticators("ada"):
        added = int((NOW - timedelta(days=90)).timestamp())
        kept = {"v": 1, "name": "My laptop", "created": added, "used": None, "backed_up": True}
        store.create_authenticator(Authenticator("c1", "ada", 0, json.dumps(kept)))
    page.goto(f"{SITE}/auth/account")
    return page


def renaming(place: Place) -> Page:
    page = account(place)
    page.locator("summary").click()
    return page


def account_error(place: Place) -> Page:
    page = account(place)
    page.goto(f"{SITE}/auth/account?error=PasskeyNotAdded")
    return page


def link_account(place: Place) -> Page:
    page = place.signed_in("/auth/account", "posted")
    page.get_by_role("button", name="Link Acme").click()
    page.get_by_role("button").filter(has_text="Bob").click()
    page.wait_for_url("**/auth/account/link")
    return page


#: Every kind of built-in page, by the name of its screenshots.
PAGES: dict[str, Callable[[Place], Page]] = {
    "sign-in": sign_in,
    "passkey-refused": passkey_refused,
    "sign-in-again": sign_in_again,
    "last-used": last_used,
    "password": password,
    "failed": failed,
    "german": german,
    "chooser": chooser,
    "sign-out": sign_out,
    "no-access": no_access,
    "cancelled": error("OAuthCallbackError"),
    "link-used": error("Verification"),
    "verify-request": verify_request,
    "mail": mail,
    "link": link,
    "link-elsewhere": link_elsewhere,
    "account": account,
    "renaming": renaming,
    "account-error": account_error,
    "link-account": link_account,
}


# --- the sites ------------------------------------------------------------------------------------


def sites(mails: list[Mail], acme: FakeProvider) -> dict[str, AuthMiddleware]:
    """The configurations, each at a host of its own."""
    outside = [
        {"id": name, "client_id": "x", "client_secret": "x"}
        for name in ("github", "google", "gitlab")
    ]
    post = {"id": "email", "from": "no-reply@example.org", "send": mails.append}
    options: dict[str, dict[str, Any]] = {
        "app": {
            "adapter": connect("memory:"),
            "providers": [*outside[:2], "passkey", post, PASSWORD],
        },
        "plain": {
            "adapter": "memory:",
            "providers": [PASSWORD],
            "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
        },
        "green": {
            "providers": [PASSWORD],
            "theme": {"logo": LOGO, "brand_color": "#0f766e"},
        },
        "posted": {
            "adapter": "memory:",
            "providers": [PASSWORD, acme.options(name="Acme", response_mode="form_post")],
            "transport": FakeTransport(acme),
        },
        "dev": {"dev": True, "providers": ["dev", PASSWORD]},
    }
    shared = {
        "secret": "s" * 40, "theme": {"logo": LOGO}, "limits": {"account": "off", "address": "off"}
    }  # fmt: skip
    urls = {name: {} if name == "dev" else {"url": url_of(name)} for name in options}
    return {
        name: AuthMiddleware(app, {**shared, **urls[name], **more})
        for name, more in options.items()
    }


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, address: Any) -> None:
        pass


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass

    def get_stderr(self) -> Any:
        return io.StringIO()  # a browser that is closed breaks off what it asked for


@contextmanager
def over_tls(app: Any) -> Iterator[int]:
    """``app`` with a certificate that nobody signed; the port."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(certificate())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
    server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def certificate() -> bytes:
    """A key and a certificate, which only a browser takes that is told to."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app.example.org")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@contextmanager
def opened(playwright: Playwright, chromium: str) -> Iterator[Place]:
    """The sites, and a browser that knows them."""
    mails: list[Mail] = []
    acme = FakeProvider(PROVIDER, id="acme")
    there = sites(mails, acme)
    hosts = {url_of(name).partition("//")[2]: each for name, each in there.items()}
    hosts[PROVIDER.partition("//")[2]] = acme

    def by_host(environ: dict[str, Any], start_response: Any) -> Any:
        return hosts[environ["HTTP_HOST"]](environ, start_response)

    with ExitStack() as stack:
        local = stack.enter_context(serve(there["dev"]))
        port = stack.enter_context(over_tls(by_host))
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox", "--force-color-profile=srgb", "--font-render-hinting=none",
                f"--host-resolver-rules=MAP *.example.org:443 127.0.0.1:{port}",
            ],
        )  # fmt: skip
        stack.callback(browser.close)
        yield Place(browser, there, mails, local)


def shot(page: Page, name: str) -> int:
    """Save the page as a small PNG: a palette is enough for flat colours. Its size in bytes."""
    from PIL import Image

    file = IMAGES / f"{name}.png"
    page.mouse.move(0, 0)
    # as high as what it shows: the pages are in the middle of the window
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({**size, "height": 100})
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": height})
    page.screenshot(path=file, animations="disabled", caret="hide")
    picture = Image.open(file).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)
    return file.stat().st_size


def main(names: list[str]) -> None:
    import time_machine
    from playwright.sync_api import sync_playwright

    unknown = set(names) - set(PAGES)
    if unknown:
        sys.exit(f"there is no page {min(unknown)!r}; there are: {', '.join(PAGES)}")
    IMAGES.mkdir(exist_ok=True)
    if not names:
        for file in IMAGES.glob("*.png"):
            file.unlink()
    total = 0
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or sys.exit("no Chromium")
    with (
        time_machine.travel(NOW),
        sync_playwright() as playwright,
        opened(playwright, chromium) as place,
    ):
        for name in names or PAGES:
            for end, shape in SHAPES.items():
                place.shape = shape
                size = shot(PAGES[name](place), f"{name}-{end}")
                place.done()
                print(f"{name}-{end}.png: {size / 1000:.0f} kB")
                assert size < MOST_BYTES, f"{name}-{end}.png has {size} bytes"
                total += size
    print(f"{total / 1000:.0f} kB in all")


if __name__ == "__main__":
    main(sys.argv[1:])
