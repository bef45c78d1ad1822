"""Whatever a client sends has a clear answer: never 500, never a traceback, and nobody waits.

A generator (seeded, so that a failure comes again) drives every endpoint of several sites with odd
text in every place that a client can write to. ``soak`` lets it go on for longer.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.conftest import SECRET, URL, authorize
from tests.wire import Connection
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import FakeProvider, FakeTransport, session_cookie

#: Text that is a digit, a letter, a blank or a URL to some and not to others.
ODD = [
    "", " ", "\0", "a\0b", "\u017f", "http\u017f://app.example.test/x", "\u212a", "\u0131", "\u0130",
    "\ufb01", "\uff11\uff12", "\u0663", "\xb2", "\u2167", "\ud800", "a\udfff", "\U0001d7d9",
    "\u202e", "\x85", "\r\nX: y", "\\", "%", "%zz", "%E0%A4", "%00", "a" * 5_000, "9" * 5_000, "-1",
    "1e400", "NaN", "null", "[]", "{}", "1_000", "253402300800", "-62135596801", "//evil.test",
    "https://app.example.test:\xb2/", "https://app.example.test:99999/", "https://[::1%eth0]/",
    "https://[::1", "https://" + "a" * 64 + ".test/", "https://\u2100.test/", "https://xn--/",
    "ada@ex\u212aample.test", "a,b@c.test", "ada", "fake", "passkey", "everywhere", "register", "add",
    '"', "<b>", "{0}", "%s", "\u2028", "\U0010ffff", "a\u0300" * 200, "[" * 2_000, "x;y", "a&b=c",
    "same-origin", "application/json", "text/html;q=\xb2", "de;q=0.\u0663", "Basic YTpi", "Bearer x.y.z",
    "basic \xff", "::1%\xb2", "[::ffff:1.2.3.4]:99999", "text/plain", "multipart/form-data",
]  # fmt: skip
#: JSON as text, for what no Python value is written as.
NUMBERS = ["1e400", "-1e999", "NaN", "1" * 4_300, "1" * 4_301, "-0", "true", "null", '"\\ud800"',
           "[" * 60 + "]" * 60, '{"a":1,"a":2}', "[[[]]]", "01", ""]  # fmt: skip
FIELDS = [
    "callbackUrl", "csrfToken", "error", "code", "state", "iss", "dev_key", "acr_values", "token",
    "email", "login_hint", "target_link_uri", "sid", "logout_token", "username", "password", "id",
    "all", "action", "name", "credential", "data", "remember", "provider", "elsewhere", "max_age",
]  # fmt: skip
HEADERS = [
    "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_ORIGIN", "HTTP_HOST", "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_DEST", "HTTP_SEC_PURPOSE", "HTTP_X_REQUESTED_WITH",
    "HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT", "HTTP_AUTHORIZATION", "HTTP_X_AUTH_RETURN_REDIRECT",
    "HTTP_HX_REQUEST", "REMOTE_ADDR", "SCRIPT_NAME", "SERVER_NAME", "HTTP_COOKIE", "CONTENT_TYPE",
    "QUERY_STRING", "PATH_INFO", "HTTP_X_HTTP_METHOD_OVERRIDE",
]  # fmt: skip
ROUTES = [
    "/members/:path*",
    {"source": "/ci/:a(kiss)", "case_sensitive": False},
    {"source": "/token/:path*", "basic": True, "bearer": True},
    {"source": "/q/:x(\\d+)", "has": [{"type": "query", "key": "a", "value": "\\w+"}]},
    {"source": "/c/:x", "missing": [{"type": "cookie", "key": "a", "value": "\\d+"}]},
    {"source": "/h/:x", "has": [{"type": "host", "value": "(?<name>.*)\\.test"}]},
]  # fmt: skip


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(environ["auth.session"]).encode()]


def kept(claims: dict[str, Any], context: Any) -> dict[str, Any]:
    """A ``jwt`` callback that keeps whatever a browser tells it."""
    return {**claims, "data": context.data} if context.trigger == "update" else claims


def site(name: str) -> AuthMiddleware:
    fake, post = FakeProvider(id="fake"), FakeProvider("https://post.example.test", id="post")
    has_store = name in ("database", "mounted", "dev")
    heard = {"backchannel_logout": True, "frontchannel_logout": True} if has_store else {}
    own: dict[str, Any] = {"id": "credentials", "authorize": authorize}
    options: dict[str, Any] = {
        "secret": SECRET, "url": URL, "matcher": ROUTES, "transport": FakeTransport(fake, post),
        "callbacks": {"jwt": kept}, "limits": {"account": "off", "address": "off"},
        "providers": [own, fake.options(logout=True, audience="https://api", **heard),
                      post.options(response_mode="form_post", tokens=True)],
    }  # fmt: skip
    if has_store:
        email = {"id": "email", "type": "email", "send": lambda mail: None, "from": "us@x.test"}
        options |= {"adapter": "memory:", "providers": [*options["providers"], email, "passkey"]}
    if name == "jwt":
        options |= {"session": {"strategy": "jwt"}, "limits": {"address": "5 per minute"}}
    if name == "mounted":
        options |= {"url": f"{URL}/app", "session": {"strategy": "cookie", "remember": "ask"},
                    "remote_user": "{provider}:{id}", "allow_emails": "*", "challenge_401": True}  # fmt: skip
    if name == "asked":  # callables of the application that look at what a client has sent
        options["providers"] = [
            own,
            {"id": "sso", "per_request": lambda request: _looked(request, None)},
        ]
        options["providers_for"] = lambda request: _looked(request, ["credentials", "sso"])
        options["callbacks"] = {
            "jwt": lambda claims, context: _looked(context.request, claims),
            "session": lambda session, context: _looked(context.request, session),
            "sign_in": lambda user, account, context: _looked(context.request, True),
            "authorized": lambda request, session: _looked(request, session is not None),
            "redirect": lambda url, base: url,
            "bearer": lambda token, request: _looked(request, None),
        }
    if name == "dev":
        options |= {"dev": True, "url": None, "providers": ["dev", own, "passkey"]}
        del options["transport"]
    return AuthMiddleware(hello, options)


def _looked(request: Any, answer: Any) -> Any:
    """What a callable answers that has looked at the query and the cookies."""
    return [request.GET, request.cookies] and answer


class Requests:
    """Odd requests to one site, as environs."""

    def __init__(self, app: AuthMiddleware, seed: int) -> None:
        self.app = app
        self.random = random.Random(seed)
        self.paths = [*app.endpoints, "/members/x", "/q/\u0661", "/ci/\u212ai\u017f\u017f", "/c/1",
                      "/h/1", "/token/x", "/auth/signin/none", "", "*", "//auth/signin"]  # fmt: skip
        self.names = [app.config.cookies.flow.name, app.config.cookies.passkey.name,
                      app.config.cookies.session.name, app.config.cookies.tokens.name]  # fmt: skip
        self.cookies = self._cookie(), f"{self._cookie()}; {session_cookie(app, {'id': 'ada'})}"
        self.tokens = [self._token(cookie) for cookie in self.cookies]

    def _cookie(self) -> str:
        said = self._answer(self.environ("GET", "/auth/csrf"))
        return said[1]["Set-Cookie"].partition(";")[0]

    def _token(self, cookie: str) -> str:
        environ = self.environ("GET", "/auth/csrf", HTTP_COOKIE=cookie)
        return str(json.loads(self._answer(environ)[2])["csrfToken"])

    def _answer(self, environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
        said: list[Any] = []
        body = b"".join(self.app(environ, lambda *answer: said.append(answer)))
        return said[0][0], dict(said[0][1]), body

    def environ(self, method: str, path: str, body: bytes = b"", **more: Any) -> dict[str, Any]:
        is_local = self.app.config.dev
        return {
            "REQUEST_METHOD": method, "PATH_INFO": _octets(path), "QUERY_STRING": "",
            "SCRIPT_NAME": self.app.config.url.mount if self.app.config.url else "",
            "HTTP_HOST": "localhost" if is_local else "app.example.test", "SERVER_PORT": "443",
            "SERVER_NAME": "app.example.test", "wsgi.url_scheme": "http" if is_local else "https",
            "REMOTE_ADDR": "127.0.0.1" if is_local else "203.0.113.9", "HTTP_ACCEPT": "text/html",
            "wsgi.input": Connection(body), "CONTENT_LENGTH": str(len(body)), **more,
        }  # fmt: skip

    def odd(self) -> str:
        if self.random.random() < 0.8:
            return self.random.choice(ODD)
        return "".join(chr(self.random.choice((0x100, 0x3000, 0xE000, 0x110000)) * 7919
                           * self.random.randrange(9999) % 0x110000) for _ in range(5))  # fmt: skip

    def json(self, depth: int = 0) -> str:
        kind = self.random.random()
        if kind < 0.5 or depth > 3:
            return json.dumps(self.odd())
        if kind < 0.7:
            return self.random.choice(NUMBERS)
        inner = [self.json(depth + 1) for _ in range(self.random.randrange(3))]
        if kind < 0.85:
            return f"[{','.join(inner)}]"
        return "{" + ",".join(f'"{self.random.choice(FIELDS)}":{each}' for each in inner) + "}"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        choice, chance = self.random.choice, self.random.random
        while True:
            who = self.random.randrange(2)
            method, path = choice(["GET", "POST", "POST"]), choice(self.paths)
            names = self.random.sample(FIELDS, self.random.randrange(5))
            twice = names[:1] * (chance() < 0.1)
            query = "&".join(
                f"{name}={quote(_octets(self.odd()), '', 'latin-1')}" for name in names + twice
            )
            body, kind = b"", ""
            if method == "POST":
                fields = {name: self.json() for name in self.random.sample(FIELDS, 5)}
                fields["csrfToken"] = json.dumps(self.tokens[who])
                fields["username"], fields["password"] = choice(
                    [('"alice"', '"correct horse"'), ('"a"', self.json())]
                )
                if chance() < 0.5:
                    kind = "application/json"
                    text = "{" + ",".join(f'"{name}":{fields[name]}' for name in fields) + "}"
                    body = text.encode(choice(["utf-8"] * 9 + ["utf-16"]), "replace")
                else:
                    kind = "application/x-www-form-urlencoded"
                    plain = {name: fields[name].strip('"') for name in fields}
                    body = urlencode(plain, errors="surrogatepass").encode() + b"&sid=%ff" * len(
                        twice
                    )
            environ = self.environ(method, path, body, QUERY_STRING=query * (chance() < 0.7),
                                   CONTENT_TYPE=kind, HTTP_COOKIE=self.cookies[who])  # fmt: skip
            for name in self.random.sample(HEADERS, choice([0, 0, 1, 1, 2])):
                environ[name] = _octets(self.odd()) if chance() < 0.9 else None
            if chance() < 0.2:
                environ["HTTP_COOKIE"] = (
                    f"{choice(self.names)}={_octets(self.odd())}; {environ['HTTP_COOKIE']}"
                )
            yield environ


def _octets(text: str) -> str:
    """As an environ spells it (PEP 3333)."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def driven(name: str, seed: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    requests = Requests(site(name), seed)
    for number, environ in enumerate(requests):
        if number == count:
            return
        caplog.clear()
        shown = {key: value for key, value in environ.items() if key != "wsgi.input"}
        shown["body"] = environ["wsgi.input"].getvalue()
        said: list[Any] = []
        body = requests.app(environ, lambda *answer, said=said: said.append(answer))
        b"".join(body)
        status, headers = said[0][:2]
        assert not status.startswith("500"), shown
        assert all(value.isprintable() and value.isascii() for _, value in headers), shown
        assert not [each for each in caplog.records if each.exc_info], shown


SITES = ["cookie", "jwt", "database", "mounted", "asked", "dev"]


@pytest.mark.parametrize("name", SITES)
def test_no_request_makes_the_middleware_fail(name, caplog):
    caplog.set_level(logging.WARNING)
    driven(name, 12, 1_500, caplog)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", SITES)
def test_no_request_of_very_many_makes_the_middleware_fail(name, seed, caplog):
    caplog.set_level(logging.WARNING)
    driven(name, 1_000 + seed, 30_000, caplog)
