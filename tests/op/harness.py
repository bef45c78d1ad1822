"""npm ``oidc-provider`` in a process of its own, and a visitor who walks through its pages.

Fixtures ``oidc_provider`` (a :class:`Provider`) and ``hostile_provider`` (the same behind a wrapper
that tampers with its answers, see :mod:`tests.op.hostile`); a ``conftest.py`` imports the one it
wants. Node is needed, and npm once: what it installs is kept below ``build/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
import requests

from tests.needs import require_program
from tests.npm import installed
from tests.op.raw import CALLBACK, CLIENT_KEY, Answer, Raw, over_http
from tests.processes import free_port, serving

HERE = Path(__file__).parent
FILES = {name: HERE / name for name in ("package.json", "package-lock.json", "server.mjs")}
APP = "https://app.example.test"
SECRET = "the secret of a client at a real provider"

_BASIC: dict[str, Any] = {
    "client_secret": SECRET,
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "post_logout_redirect_uris": [f"{APP}/", f"{APP}/auth/signout", f"{APP}/signed-out"],
}
_KEY = {"keys": [CLIENT_KEY.as_dict(private=False)]}

#: The clients that are registered from the start, by id.
CLIENTS: dict[str, dict[str, Any]] = {
    "basic": {"token_endpoint_auth_method": "client_secret_basic"},
    "post": {"token_endpoint_auth_method": "client_secret_post"},
    "public": {"token_endpoint_auth_method": "none", "client_secret": None},
    "key": {"token_endpoint_auth_method": "private_key_jwt", "jwks": _KEY, "client_secret": None},
    "pushed": {"require_pushed_authorization_requests": True},
    "bound": {"dpop_bound_access_tokens": True},
    "nonce": {"dpop_bound_access_tokens": True},  # and its proofs hold a nonce, see server.mjs
    "es256": {"id_token_signed_response_alg": "ES256"},
    "ps256": {"id_token_signed_response_alg": "PS256"},
    "eddsa": {"id_token_signed_response_alg": "EdDSA"},
    "hs256": {"id_token_signed_response_alg": "HS256"},
    "odd name: %&+/": {"client_secret": "an odd secret: %&+/ of some length"},
}


#: Those by which nobody signs in.
MACHINES: dict[str, dict[str, Any]] = {
    "machine": {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
        "post_logout_redirect_uris": [],
    },
}


def registrations() -> list[dict[str, Any]]:
    """The same as ``oidc-provider`` wants to have them."""
    return [
        {name: value for name, value in {**_BASIC, "client_id": client_id, **more}.items()
         if value is not None}
        for client_id, more in {**CLIENTS, **MACHINES}.items()
    ]  # fmt: skip


@dataclass
class Provider:
    """A running provider. ``control`` is its own address where ``issuer`` is a wrapper's."""

    issuer: str
    control: str

    def client(self, client_id: str = "basic", **more: Any) -> Raw:
        """The textbook client, as one that is registered."""
        said = {**_BASIC, **CLIENTS[client_id]}
        more.setdefault("algs", (said.get("id_token_signed_response_alg", "RS256"),))
        auth = said.get("token_endpoint_auth_method", "client_secret_basic")
        secret = said.get("client_secret") or ""
        return Raw(self.issuer, client_id, secret, auth, **more)

    def options(self, client_id: str = "basic", **more: Any) -> dict[str, Any]:
        """The entry of ``providers`` in a configuration."""
        said = {**_BASIC, **CLIENTS[client_id]}
        entry: dict[str, Any] = {
            "id": "op", "type": "oidc", "issuer": self.issuer, "client_id": client_id
        }  # fmt: skip
        auth = said.get("token_endpoint_auth_method", "client_secret_basic")
        if said.get("client_secret"):
            entry["client_secret"] = said["client_secret"]
        if auth != "client_secret_basic":
            entry["client_auth"] = auth
        if auth == "private_key_jwt":
            entry["private_key"] = json.dumps(CLIENT_KEY.as_dict(private=True))
        if said.get("dpop_bound_access_tokens"):
            entry["dpop"] = True
        if "id_token_signed_response_alg" in said:
            entry["id_token_signed_response_alg"] = said["id_token_signed_response_alg"]
        return {**entry, **more}

    def register(self, **metadata: Any) -> dict[str, Any]:
        """Register one more client (RFC 7591), whose redirect URIs a test knows only now; gives
        ``client_id``, ``client_secret`` and the rest."""
        said = {name: value for name, value in _BASIC.items() if name != "client_secret"}
        body = json.dumps({**said, **metadata}).encode()
        answer = over_http("POST", f"{self.issuer}/reg", {"Content-Type": "application/json"}, body)
        assert answer.status == 201, answer.body
        return answer.json

    def rotate_keys(self, *, keep_old: bool = True) -> list[str]:
        """Sign with new keys from now on; gives their kids."""
        url = f"{self.control}/control/rotate{'?keep=1' if keep_old else ''}"
        return over_http("POST", url, {}, b"").json

    def private_keys(self) -> list[dict[str, Any]]:
        """The keys, newest first, as private JWKs."""
        return over_http("GET", f"{self.control}/control/keys", {}, None).json["keys"]

    def visitor(self, login: str = "alice") -> Visitor:
        """Somebody with a browser."""
        return Visitor(self.issuer, {"login": login, "password": "any"})


@dataclass
class Back:
    """The request that leads a visitor's browser away from the provider. ``form``: posted."""

    url: str
    form: dict[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """What the provider said."""
        return self.form or dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


class _Page(HTMLParser):
    """The forms of a page, each with its address, fields and buttons."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": said.get("action", ""), "fields": {}, "buttons": [],
                               "method": said.get("method", "get").lower()})  # fmt: skip
        elif self.forms and tag in ("input", "button") and said.get("name"):
            kind = said.get("type", "text" if tag == "input" else "submit")
            pair = (said["name"], said.get("value", ""))
            if kind == "submit":
                self.forms[-1]["buttons"].append(pair)
            else:
                self.forms[-1]["fields"][pair[0]] = pair[1]


class Visitor:
    """A browser at a provider: it follows redirects there, fills in forms with ``answers`` and
    presses the first button (or one of ``buttons``, as ``name=value``), until it is sent away."""

    def __init__(
        self, issuer: str, answers: Mapping[str, str], buttons: tuple[str, ...] = ()
    ) -> None:
        self._origin = urlsplit(issuer)[:2]
        self._answers = answers
        self._buttons = buttons
        self.session = requests.Session()
        self.session.trust_env = False

    def walk(self, url: str) -> Back:
        """From ``url`` at the provider to where it sends the browser in the end."""
        method, form = "GET", None
        for _ in range(15):
            if urlsplit(url)[:2] != self._origin:
                return Back(url, form)
            answer = self.session.request(method, url, data=form, timeout=20, allow_redirects=False)
            if "Location" in answer.headers:
                method, url, form = "GET", urljoin(url, answer.headers["Location"]), None
                continue
            page = _Page(answer.text)
            assert page.forms, f"{answer.status_code} at {url}: {answer.text[:2000]}"
            method, url, form = "POST", *self._filled(page, url)
        raise AssertionError(f"the provider leads round in circles at {url}")

    def _filled(self, page: _Page, url: str) -> tuple[str, dict[str, str]]:
        wanted = [form for form in page.forms if form["method"] == "post"] or page.forms
        form = next(
            (each for each in wanted if set(each["fields"]) & set(self._answers)), wanted[0]
        )
        fields = {name: self._answers.get(name, value) for name, value in form["fields"].items()}
        pressed = [pair for pair in form["buttons"] if "=".join(pair) in self._buttons]
        fields.update((pressed or form["buttons"])[:1])
        return urljoin(url, form["action"]) if form["action"] else url, fields

    def close(self) -> None:
        """Forget the cookies."""
        self.session.close()


@contextmanager
def running(issuer: str | None = None, port: int | None = None) -> Iterator[Provider]:
    """A provider of its own while the block runs, ended by its own process id."""
    node = require_program("node", "https://nodejs.org")
    folder = installed("op", FILES, "npm oidc-provider")
    port = port or free_port()
    control = f"http://127.0.0.1:{port}"
    clients = folder / f"clients-{port}.json"
    clients.write_text(json.dumps(registrations()))
    log = str(folder / f"log-{port}.txt")
    arguments = [node, "server.mjs", str(port), issuer or control, str(clients)]
    try:
        with serving(arguments, port, folder, LOG=log, NODE_OPTIONS=""):
            yield Provider(issuer or control, control)
    finally:
        clients.unlink(missing_ok=True)
        Path(log).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[Provider]:
    """A real provider for the whole test session."""
    with running() as provider:
        yield provider


@pytest.fixture(scope="session")
def _hostile() -> Iterator[Any]:
    from tests.op.hostile import hostile

    with hostile() as provider:
        yield provider


@pytest.fixture
def hostile_provider(_hostile: Any) -> Iterator[Any]:
    """A real provider behind a wrapper that tampers; well-behaved at the start of each test."""
    _hostile.misbehave()
    yield _hostile
    _hostile.misbehave()


__all__ = ["Answer", "Back", "Provider", "Visitor", "hostile_provider", "oidc_provider", "running"]
