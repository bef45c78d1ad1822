"""``wsgi-auth demo``: a small application with a login, written as an author of one would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import click

from wsgi_auth.auth import get_auth
from wsgi_auth.cli.server import serve_forever
from wsgi_auth.middleware import AuthMiddleware
from wsgi_auth.types import Environ

if TYPE_CHECKING:
    from wsgi_auth.testing import FakeProvider

PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "ada": {"id": "ada", "name": "Ada Lovelace", "email": "ada@example.test", "login": "ada",
            "groups": ["admins", "members"]},
    "bob": {"id": "bob", "name": "Bob Builder", "email": "bob@example.test", "login": "bob",
            "groups": ["members"]},
}  # fmt: skip
PASSWORDS = {"ada": "engine", "bob": "bricks"}
KEYS = {"key-of-ada": "ada"}

_STYLE = """
:root{color-scheme:light dark;--page:#f5f6f9;--card:#fff;--ink:#181c25;--soft:#5a6373;
--line:#e0e4ec;--brand:#2b59c3;--on:#fff}
@media (prefers-color-scheme:dark){:root{--page:#0f1218;--card:#181c24;--ink:#eceff4;--soft:#a6afbd;
--line:#2b313c;--brand:#8fb4ff;--on:#000}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:1rem/1.6 system-ui,sans-serif}header,main{max-width:46rem;margin:0 auto;padding:1rem 1.25rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center}
header b{margin-inline-end:auto}a{color:var(--brand)}a[aria-current]{color:inherit;font-weight:600;
text-decoration:none}main{background:var(--card);border:1px solid var(--line);border-radius:1rem;
padding:1.75rem 1.75rem 2rem;margin-block:.5rem 2rem}h1{margin:0 0 .5rem;font-size:1.7rem}
pre{background:var(--page);border-radius:.6rem;padding:1rem;overflow-x:auto;font-size:.9rem}
.soft{color:var(--soft)}form{display:inline}button,.button{font:inherit;font-weight:600;
background:var(--brand);color:var(--on);border:0;border-radius:.6rem;padding:.45rem 1rem;
text-decoration:none;cursor:pointer}:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_LINKS = (("/", "Public"), ("/members", "Members"), ("/admin", "Admin"), ("/api/me", "API"))
_PAGES = {
    "/": ("Everybody sees this page", "The middleware protects /members, /admin and /api."),
    "/members": ("For members", "Nobody comes here without a session; there is no check in this "
                 "page's code."),
    "/admin": ("For admins", "The route asks for the group admins: Bob gets 403 here, Ada passes."),
}  # fmt: skip


def authorize(credentials: Mapping[str, str], request: Any) -> Mapping[str, Any] | None:
    """The application's own check of a password. Yours compares hashes."""
    name, password = credentials["username"], credentials["password"]
    right = hmac.compare_digest(PASSWORDS.get(name, "").encode(), password.encode())
    return PEOPLE[name] if right and name in PEOPLE else None


def bearer(token: str, request: Any) -> Mapping[str, Any] | None:
    """The application's own check of a program's key. Yours keeps hashes."""
    return PEOPLE.get(KEYS.get(token, ""))


def application(environ: Environ, start_response: Any) -> list[bytes]:
    """Three pages and an API; who is there is in ``environ["auth.session"]``."""
    path = environ["PATH_INFO"]
    session = environ["auth.session"]
    if path == "/api/me":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(session).encode()]
    if path not in _PAGES:
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is no such page.\n"]
    body = _page(environ, path, *_PAGES[path])
    start_response(
        "200 OK",
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", _POLICY)],
    )
    return [body.encode()]


def _page(environ: Environ, path: str, title: str, text: str) -> str:
    auth = get_auth(environ)
    links = "".join(
        f'<a href="{href}"{" aria-current=page" if href == path else ""}>{name}</a>'
        for href, name in _LINKS
    )
    if auth.session is None:
        who = f'<a class="button" href="{escape(auth.sign_in_url())}">Sign in</a>'
    else:
        who = (
            f"<span>{escape(auth.session.user['name'])}</span>"
            f'<form method="post" action="{escape(auth.sign_out_url())}">'
            f'<input type="hidden" name="csrfToken" value="{escape(auth.csrf_token)}">'
            f"<button>Sign out</button></form>"
        )
    shown = escape(json.dumps(auth.session, indent=2))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f"<header><b>wsgi_auth demo</b>{links}{who}</header>"
        f"<main><h1>{title}</h1><p>{text}</p>"
        f'<p class="soft">environ["auth.session"] of this request:</p><pre>{shown}</pre></main>'
    )


def protected_demo(provider: FakeProvider | None = None) -> AuthMiddleware:
    """The demo, protected: all that an application needs is this call. ``provider`` adds an
    identity provider, which a real application would name in place of it."""
    return AuthMiddleware(
        application,
        dev=True,
        providers=[
            *(
                [provider.options(name="Demo ID", scope="openid profile email groups")]
                if provider
                else []
            ),
            {"id": "credentials", "authorize": authorize},
            "dev",
        ],
        matcher=["/members/:path*", "/admin/:path*", "/api/:path*"],
        routes=[
            {"source": "/admin/:path*", "allow_groups": ["admins"]},
            {"source": "/api/:path*", "bearer": True},
        ],
        callbacks={"bearer": bearer},
        logger="wsgi_auth.demo",
    )


def run(host: str, port: int | None) -> None:
    """Serve the demo until interrupted, and print what to try."""
    import logging

    from wsgi_auth.testing import FakeProvider

    logging.getLogger("wsgi_auth.demo").setLevel(logging.ERROR)
    people = [{**person, "sub": name, "email_verified": True} for name, person in PEOPLE.items()]
    provider = FakeProvider(people=people, id="provider")
    with provider.serving():
        app = protected_demo(provider)

        def ready(address: str) -> None:
            click.echo(f"""
  The demo runs on        {address}

  Sign in                 with its identity provider (people to choose from), or
  by password             ada / engine (an admin), bob / bricks, or
  by a click              {address}/auth/signin?dev_key={app.site.dev_key}

  Try                     {address}/members   as nobody: to the sign-in page and back
                          {address}/admin     as bob: 403
                          curl -i {address}/api/me        a program: 401
                          curl -H "Authorization: Bearer key-of-ada" {address}/api/me
  Stop                    Ctrl+C
""")

        serve_forever(app, host, port, ready=ready)
