"""Providers, flows and answers for the tests of single steps."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wsgi_auth.oauth import checks
from wsgi_auth.oauth.callback import ValidatedCallback
from wsgi_auth.oauth.checks import Flow
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.types import Incoming, Outgoing

NOW = 1_800_000_000.9
ISSUER = "https://op.test"
CALLBACK = "https://us.test/auth/callback/acme"
METADATA = Metadata(
    authorization_endpoint="https://op.test/auth",
    token_endpoint="https://op.test/token",
    issuer=ISSUER,
    userinfo_endpoint="https://op.test/me",
    pushed_authorization_request_endpoint="https://op.test/par",
)


def oidc(**more: Any) -> OIDC:
    options = {"id": "acme", "client_id": "us", "client_secret": "hush", "issuer": ISSUER}
    return OIDC(**(options | more))


def oauth(**more: Any) -> OAuth:
    options = {
        "id": "acme", "client_id": "us", "client_secret": "hush", "profile": {"id": "id"},
        "authorization": "https://op.test/auth", "token": "https://op.test/token",
        "userinfo": "https://op.test/me",
    }  # fmt: skip
    return OAuth(**(options | more))


def begun(provider: OIDC | OAuth | None = None, **more: Any) -> Flow:
    return checks.begin(provider or oidc(), CALLBACK, "/after", NOW, **more)


def answered(flow: Flow, code: str = "the-code") -> ValidatedCallback:
    return ValidatedCallback(flow, code)


def response(
    body: object, status: int = 200, kind: str = "application/json", **headers: str
) -> Incoming:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming(status, {"content-type": kind, **headers}, octets)


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def form(request: Outgoing) -> dict[str, str]:
    found = parse_qs((request.body or b"").decode("ascii"), keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}
