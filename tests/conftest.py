"""What every test may use: a configuration, an application, a browser (WebTest), and time."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from webtest import TestApp

from wsgi_auth import AuthMiddleware
from wsgi_auth.config import AuthConfig
from wsgi_auth.errors import StoreUnavailable

SECRET = "a secret of more than thirty-two bytes, for tests only"
OTHER_SECRET = "another secret of more than thirty-two bytes, for tests"
URL = "https://app.example.test"

USERS = {
    "alice": {
        "id": "alice",
        "name": "Alice Adams",
        "email": "alice@example.test",
        "image": "https://app.example.test/alice.png",
        "login": "alice",
        "groups": ["admins", "staff"],
    },
    "bob": {"id": "bob", "name": "Bob Brown", "email": "bob@example.test", "groups": ["staff"]},
}
PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate",
           "Sec-Fetch-Dest": "document"}  # fmt: skip


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    """The application's own check of a password."""
    name = credentials.get("username", "")
    return USERS[name] if PASSWORDS.get(name) == credentials.get("password") else None


def authorize_unless(down: list[Any]) -> Callable[..., Any]:
    """The same by a directory that cannot be asked while ``down`` holds anything."""

    def asked(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
        if down:
            raise StoreUnavailable("the directory is away")
        return authorize(credentials, request)

    return asked


def options(**more: Any) -> dict[str, Any]:
    """A configuration that signs in by password; ``more`` replaces whole options."""
    return {
        "secret": SECRET,
        "url": URL,
        "providers": [{"id": "credentials", "authorize": authorize}],
        **more,
    }


def config(**more: Any) -> AuthConfig:
    """The same, checked."""
    return AuthConfig.from_mapping(options(**more), environ={})


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application that says who is signed in."""
    session = environ["auth.session"]
    who = "nobody" if session is None else session.user["id"]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"hello {who}".encode()]


def pytest_collection_finish() -> None:
    """What was collected stays to the end: a collector that went through all of it again and again
    would stop every thread for a good part of a second each time."""
    gc.collect()
    gc.freeze()


class Browser(TestApp):
    """WebTest with a browser's headers, on the origin of the configuration; lint is on."""

    def __init__(self, app: Any, url: str = URL) -> None:
        scheme, _, host = url.partition("://")
        super().__init__(
            app, extra_environ={"wsgi.url_scheme": scheme, "HTTP_HOST": host.partition("/")[0],
                                "REMOTE_ADDR": "203.0.113.9"}
        )  # fmt: skip

    def visit(self, path: str, **more: Any) -> Any:
        """A navigation."""
        return self.get(path, headers=BROWSER, **more)

    def token(self) -> str:
        """A CSRF token of this browser."""
        return self.get("/auth/csrf").json["csrfToken"]

    def sign_in(self, name: str = "alice", password: str | None = None, **more: Any) -> Any:
        """Through the form, as a visitor would."""
        form = {"username": name, "password": password or PASSWORDS[name],
                "csrfToken": self.token(), "callbackUrl": "/members"}  # fmt: skip
        return self.post("/auth/callback/credentials", form, headers=BROWSER, **more)


@pytest.fixture
def browser() -> Callable[..., Browser]:
    """Makes a browser in front of a protected application: ``browser(matcher=[...])``."""

    def make(app: Any = hello, **more: Any) -> Browser:
        return Browser(AuthMiddleware(app, config(**more)))

    return make


@pytest.fixture(autouse=True)
def no_ambient_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No ``AUTH_*`` of the machine reaches a test."""
    for name in [name for name in os.environ if name.startswith(("AUTH_", "NEXTAUTH_"))]:
        monkeypatch.delenv(name)
    yield
