"""A site with providers of its own, and its visitors: for the tests of whole sign-ins."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from webtest import TestApp

from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import FakeProvider, FakeTransport

URL = "https://app.example.test"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}


def pieces_of_tokens(text: str) -> list[str]:
    """What in ``text`` is the base64url of a JSON object: a head, claims, or all of a JWT. Their
    first three letters alone may be in any random value."""
    return [
        found
        for found in re.findall(r"eyJ[\w-]+", text, re.ASCII)
        if re.match(rb'\{"\w+":', urlsafe_b64decode(found[: len(found) // 4 * 4]))
    ]


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Says who is signed in."""
    start_response("200 OK", [("Content-Type", "application/json")])
    handle = environ["auth.handle"]
    found = {"session": handle.session, "claims": handle.claims, "name": environ.get("REMOTE_USER")}
    return [json.dumps(found).encode()]


def site(*fakes: FakeProvider, provider: dict[str, Any] | None = None, **more: Any) -> Any:
    """The middleware with these providers, each with the options ``provider``; ``more`` overrules
    the whole configuration."""
    return AuthMiddleware(
        application,
        {
            "secret": "s" * 40, "url": URL, "matcher": ["/members/:path*"],
            "providers": [fake.options(**(provider or {})) for fake in fakes],
            "transport": FakeTransport(*fakes), **more,
        },
    )  # fmt: skip


#: Requests whose answer nobody may ever see.
LOOKS = {
    "HEAD": ("HEAD", {}),
    "Sec-Purpose": ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    "Purpose": ("GET", {"Purpose": "prefetch"}),
}
just_looking = pytest.mark.parametrize(("method", "headers"), LOOKS.values(), ids=LOOKS)


class Visitor(TestApp):
    """Somebody with a browser on the site."""

    def __init__(self, app: Any, url: str = URL) -> None:
        parts = urlsplit(url)
        served = {"wsgi.url_scheme": parts.scheme, "HTTP_HOST": parts.netloc}
        super().__init__(app, extra_environ={**served, "SCRIPT_NAME": parts.path})

    def press(self, provider: str = "fake", **fields: str) -> Any:
        """The answer to the button of a provider."""
        forms = self.get("/auth/signin").forms.values()
        form = next(each for each in forms if each.action.endswith(f"/{provider}"))
        sent = {**dict(form.submit_fields()), **fields}
        return self.post(form.action, sent, expect_errors=True)

    def begin(self, provider: str = "fake", **fields: str) -> str:
        """The address at the provider that the button leads to."""
        return self.press(provider, **fields).location

    def land(self, landing: Any) -> Any:
        """Come back from the provider, by a GET."""
        return self.get(landing.url.removeprefix(URL), expect_errors=True)

    def post_back(self, landing: Any) -> Any:
        """Come back by a form of the provider's page, which brings no cookie but SameSite=None."""
        kept = [each for each in self.cookies if each != "__Host-auth.flow-post"]
        values = {name: self.cookies[name] for name in kept}
        for name in kept:
            self.delete(name)
        answer = self.post(landing.url.removeprefix(URL), landing.form, expect_errors=True)
        for name, value in values.items():
            if name not in self.cookies and f"{name}=;" not in str(answer.headers):
                self.set_cookie(name, value)
        return answer

    def delete(self, name: str) -> None:
        """Forget one cookie."""
        for cookie in list(self.cookiejar):
            if cookie.name == name:
                self.cookiejar.clear(cookie.domain, cookie.path, cookie.name)

    @property
    def claims(self) -> dict[str, Any] | None:
        """What the session holds."""
        return self.get("/").json["claims"]

    @property
    def who(self) -> str | None:
        """The id of whoever is signed in."""
        session = self.get("/").json["session"]
        return session and session["user"]["id"]


def changed(url: str, *more: tuple[str, str], **replaced: str | None) -> str:
    """``url`` with these parameters replaced (None: left out), and more behind them."""
    parts = urlsplit(url)
    pairs = [
        (name, replaced.get(name, value))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if replaced.get(name, value) is not None
    ]
    return parts._replace(query=urlencode([*pairs, *more])).geturl()


def exchanged(*fakes: FakeProvider) -> int:
    """How many codes these providers were asked to exchange."""
    return sum(asked.path == "/token" for fake in fakes for asked in fake.requests)


def asked_for(fake: FakeProvider) -> dict[str, str]:
    """The parameters of the last authorization request, which is pushed."""
    return dict([asked for asked in fake.requests if asked.path == "/par"][-1].form)
