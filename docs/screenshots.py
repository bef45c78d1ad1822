"""The screenshots of the built-in pages: ``python docs/screenshots.py`` writes ``docs/images``.

Needs playwright and a Chromium (``CHROMIUM`` names another than the one on the path), and pillow to
make the files small. The pages come from a real configuration, served on 127.0.0.1.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters import connect
from wsgi_auth.mailing import Mail
from wsgi_auth.records import AccountData, AccountRecord, UserRecord

IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 60_000
LOGO = (
    "data:image/svg+xml,%3Csvg%20xmlns=%27http://www.w3.org/2000/svg%27%20width=%2748%27%20"
    "height=%2748%27%3E%3Crect%20width=%2748%27%20height=%2748%27%20rx=%2712%27%20"
    "fill=%27%232b59c3%27/%3E%3Cpath%20d=%27M14%2026l7%207%2014-18%27%20fill=%27none%27%20"
    "stroke=%27%23fff%27%20stroke-width=%275%27%20stroke-linecap=%27round%27%20"
    "stroke-linejoin=%27round%27/%3E%3C/svg%3E"
)
GERMAN = {
    "lang": "de",
    "sign_in.heading": "Anmelden",
    "sign_in.submit": "Anmelden",
    "sign_in.username": "Benutzername",
    "sign_in.password": "Passwort",
}


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the application"]


def authorize(credentials, request):
    if credentials["password"] == "engine":
        return {"id": "ada", "name": "Ada Lovelace", "groups": []}
    return None


def protected(**more) -> AuthMiddleware:
    options = {
        "dev": True,
        "providers": ["dev", {"id": "credentials", "authorize": authorize}],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
        "theme": {"logo": LOGO},
        "limits": {"account": "off", "address": "off"},
    }
    return AuthMiddleware(app, {**options, **more})


def with_accounts() -> AuthMiddleware:
    store = connect("memory:")
    store.create_user(UserRecord("ada", "Ada Lovelace", "ada@example.org", 1))
    for provider, label in (("github", "lovelace"), ("google", "ada@example.org")):
        data = AccountData(label).text()
        store.link_account(AccountRecord(provider, "17", "ada", "oauth", data))
    others = [
        {"id": name, "client_id": "x", "client_secret": "x"}
        for name in ("github", "google", "gitlab")
    ]
    return protected(
        adapter=store, providers=[{"id": "credentials", "authorize": authorize}, *others]
    )


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


@contextmanager
def served(application: AuthMiddleware) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def shot(page: Page, name: str) -> None:
    """Save the page as a small PNG: a palette is enough for flat colours."""
    file = IMAGES / f"{name}.png"
    page.mouse.move(0, 0)
    page.screenshot(path=file)
    picture = Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.name}: {size // 1000} kB")
    assert size < MOST_BYTES, f"{file} has {size} bytes"


def sign_in(page: Page, password: str) -> None:
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", password)
    page.locator("form:has([name=password]) button").click()


MAILS: list[Mail] = []


def mailed(url: str, page: Page) -> Mail:
    """The mail that the form of the sign-in page sends."""
    page.goto(f"{url}/members")
    page.fill("[name=email]", "ada@example.org")
    page.locator("form:has([name=email]) button").click()
    page.wait_for_url("**/verify-request**")
    return MAILS[-1]


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    everything = protected()
    password = protected(providers=[{"id": "credentials", "authorize": authorize}])
    german = protected(
        providers=[{"id": "credentials", "authorize": authorize}],
        theme={"logo": LOGO, "brand_color": "#0f766e"},
        texts=GERMAN,
    )
    by_mail = protected(
        adapter="memory:",
        providers=[{"id": "email", "from": "no-reply@example.org", "send": MAILS.append}],
    )
    with (
        sync_playwright() as playwright,
        served(everything) as both,
        served(password) as form,
        served(german) as deutsch,
        served(by_mail) as links,
        served(with_accounts()) as kept,
    ):
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--force-color-profile=srgb", "--font-render-hinting=none"],
        )

        def visit(scheme: str = "light", width: int = 760, height: int = 560) -> Page:
            context = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": height},
                device_scale_factor=2,
            )
            return context.new_page()

        for scheme in ("light", "dark"):
            page = visit(scheme)
            page.goto(f"{form}/members")
            page.fill("[name=username]", "ada")
            shot(page, f"sign-in-{scheme}")

            page = visit(scheme, 760, 860)
            page.goto(f"{both}/auth/signin?dev_key={everything.site.dev_key}")
            shot(page, f"chooser-{scheme}")

            page = visit(scheme, 320, 640)
            page.goto(f"{form}/members")
            sign_in(page, "wrong")
            shot(page, f"failed-narrow-{scheme}")

            page = visit(scheme, 760, 900)
            page.goto(f"{kept}/members")
            sign_in(page, "engine")
            page.goto(f"{kept}/auth/account")
            shot(page, f"account-{scheme}")

            page = visit(scheme, 760, 500)
            page.goto(f"{form}/members")
            sign_in(page, "engine")
            page.goto(f"{form}/auth/signout")
            shot(page, f"sign-out-{scheme}")
            page.goto(f"{form}/admin")
            shot(page, f"no-access-{scheme}")

        page = visit("light", 560, 336)
        mail = mailed(f"{links}", visit())
        page.set_content(mail.html)
        shot(page, "mail-light")
        page = visit("light", 560, 620)
        page.goto(mail.url)
        shot(page, "link-elsewhere-light")

        page = visit("light", 760, 560)
        page.goto(f"{deutsch}/members")
        shot(page, "german-light")
        browser.close()


if __name__ == "__main__":
    main()
