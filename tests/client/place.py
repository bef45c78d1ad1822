"""A site for ``client.js``: the middleware, twice, before an application that can be told to fail."""

from __future__ import annotations

from typing import Any

from tests.conftest import PASSWORDS, SECRET, USERS
from wsgi_auth import AuthMiddleware, CredentialsSignin


class Locked(CredentialsSignin):
    """A reason of the application's own."""

    code = "locked"


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    name = credentials.get("username", "")
    if name == "locked":
        raise Locked("locked")
    return USERS[name] if PASSWORDS.get(name) == credentials.get("password") else None


def jwt(claims: dict[str, Any], context: Any) -> dict[str, Any] | None:
    if context.trigger == "update":
        if context.data == "end":
            return None
        claims["name"] = context.data["name"]
    return claims


def members(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """``/api/forbidden`` has a 401 of its own."""
    refused = environ["PATH_INFO"] == "/api/forbidden"
    start_response("401 No" if refused else "200 OK", [("Content-Type", "text/plain")])
    return [b"members only"]


def application() -> Any:
    """``/auth``; ``/brief``, where a session lasts four seconds and has no ``jwt`` callback; and
    ``/control/down``, after which all of it is 503 until ``/control/up``."""
    provider = {"id": "credentials", "authorize": authorize}
    party = {"id": "acme", "type": "oauth", "authorization": "https://acme.test/authorize",
             "token": "https://acme.test/token", "userinfo": "https://acme.test/userinfo",
             "client_id": "x", "client_secret": "y", "profile": lambda said: said}  # fmt: skip
    shared = {"secret": SECRET, "url": "http://127.0.0.1", "matcher": ["/api/:path*"]}
    main = AuthMiddleware(members, {
        **shared, "providers": [provider, party], "callbacks": {"jwt": jwt},
        "limits": {"account": "1000/minute", "address": "1000/minute"},
    })  # fmt: skip
    brief = AuthMiddleware(members, {
        **shared, "providers": [provider], "base_path": "/brief",
        "session": {"max_age": 4, "update_age": 1}, "cookies": {"session": {"name": "brief"}},
    })  # fmt: skip
    is_down = False

    def site(environ: dict[str, Any], start_response: Any) -> Any:
        nonlocal is_down
        path = environ["PATH_INFO"]
        if path.startswith("/control/"):
            is_down = path.endswith("down")
        elif not is_down:
            app = brief if path.startswith("/brief/") else main
            return app(environ, start_response)
        start_response("503 Down" if is_down else "200 OK", [("Content-Type", "text/html")])
        return [b"<p>"]

    return site
