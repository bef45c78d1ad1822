"""Takes the pictures of the built-in pages: ``python docs/screenshots.py`` (needs Chromium)."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from wsgi_auth.pages import ChoiceView, FieldView, Pages, ProviderView, SignInView

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def sign_in_page() -> str:
    """The page as the demo shows it."""
    fields = (FieldView("username", ""), FieldView("password", "", "password"))
    people = (
        ChoiceView("alice", "Alice Admin", "admins, members"),
        ChoiceView("bob", "Bob Member", "members"),
    )
    view = SignInView(
        providers=(
            ProviderView("credentials", "Password", "credentials", "/auth/callback/c", fields),
            ProviderView("dev", "Made-up people", "dev", "/auth/callback/dev", (), people),
        ),
        csrf_token="token",
        callback_url="/",
    )
    return Pages(app_name="Example").sign_in(view).html


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "chromium", args=FLAGS
        )
        for scheme in ("light", "dark"):
            for suffix, width, height in (("", 640, 720), ("-narrow", 320, 720)):
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.set_content(sign_in_page())
                page.screenshot(path=IMAGES / f"sign-in-{scheme}{suffix}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
