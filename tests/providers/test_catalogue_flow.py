"""The catalogue's rows, each through a whole sign-in with a party that answers in its shape."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from webtest import TestApp

from wsgi_auth import AuthMiddleware
from wsgi_auth.providers import catalogue
from wsgi_auth.testing import FakeClient, FakeProvider
from wsgi_auth.types import Incoming, Outgoing

SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
TENANT = "11111111-2222-3333-4444-555555555555"
#: What stands for a row's variables that have no address for an example.
ENTERED = {"tenant": TENANT, "client_id": "app", "client_secret": "a secret of the client"}
#: Rows that leave out what the fake provider, which is strict, will not do without.
WITHOUT_PKCE = ("linkedin", "slack")
ROWS = [
    name
    for name in catalogue.names()
    if catalogue.entry(name).type == "oidc" and name not in WITHOUT_PKCE
]


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    handle = environ["auth.handle"]
    return [json.dumps({"session": handle.session, "claims": handle.claims}).encode()]


def entered(name: str) -> dict[str, str]:
    """What an operator would enter for a row."""
    found = {"client_id": ENTERED["client_id"], "client_secret": ENTERED["client_secret"]}
    for ask in catalogue.entry(name).asks:
        if ask.option not in found and (ask.required or ask.option == "tenant"):
            found[ask.option] = ENTERED.get(ask.option) or (
                ask.example if "." in ask.example else "something"
            )
    return found


def provider_and_browser(name: str, given: dict[str, str]) -> tuple[FakeProvider, TestApp]:
    made = catalogue.provider(name, **given)
    algorithm = (made.id_token_signed_response_alg or ("RS256",))[0]
    client = FakeClient(
        "app", ENTERED["client_secret"], auth=made.client_auth, id_token_alg=algorithm
    )
    fake = FakeProvider(made.issuer, id=name, clients=[client])
    app = AuthMiddleware(
        application, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[{"id": name, **given}], transport=fake.transport, allow_emails="*",
    )  # fmt: skip
    return fake, TestApp(app, extra_environ=SERVED)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_openid_connect_signs_in(name):
    fake, browser = provider_and_browser(name, entered(name))
    fake.sign_in(browser, "alice")
    said = browser.get("/").json
    assert said["session"]["user"]["id"] and said["claims"]["provider"] == name
    entry = catalogue.entry(name)
    if not entry.verifies:
        assert not said["claims"].get("email_verified")


@pytest.mark.parametrize(
    ("issuer_of", "tenant", "signed_in"),
    [(TENANT, TENANT, True), ("../evil", "../evil", False), (TENANT, "another", False)],
)
def test_entra_for_everybody_wants_the_issuer_of_the_tenant_that_the_token_names(
    issuer_of, tenant, signed_in
):
    given = {"client_id": "app", "client_secret": ENTERED["client_secret"], "tenant": "common"}
    fake, browser = provider_and_browser("microsoft-entra-id", given)
    issuer = f"https://login.microsoftonline.com/{issuer_of}/v2.0"
    with (
        fake.tamper("claims", lambda claims, scene: {**claims, "iss": issuer, "tid": tenant}),
        fake.tamper("response", lambda pairs, scene: [p for p in pairs if p[0] != "iss"]),
        fake.misbehave("no_iss_announced"),
    ):
        fake.sign_in(browser, "alice", expect_errors=True)
    assert (browser.get("/").json["session"] is not None) is signed_in


# --- OAuth 2.0 alone ----------------------------------------------------------------------------

PLAIN = [name for name in catalogue.names() if catalogue.entry(name).type == "oauth"]
#: Where in an answer something stands, as a profile writes it: ``a.b[0].c``, perhaps in ``str()``.
_PATH = re.compile(r"(?:str\()?([A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*)\)?")


def put(document: dict, path: str, value: str) -> None:
    """Write ``value`` where ``path`` will look for it."""
    here: Any = document
    steps = path.replace("[", ".").replace("]", "").split(".")
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        index: Any = int(step) if isinstance(here, list) else step
        inner: Any = [None] * (int(following) + 1) if following.isdigit() else {}
        if not following:
            here[index] = value
        elif isinstance(here, list):
            here[index] = here[index] or inner
        else:
            here.setdefault(index, inner)
        here = here[index]


class Shaped:
    """A party that answers in the shape that a row expects; ``asked`` is what came."""

    def __init__(self, token_url: str, document: dict) -> None:
        self._token_url = token_url.partition("?")[0]
        self._document = document
        self.asked: list[Outgoing] = []

    def send(self, request: Outgoing) -> Incoming:
        self.asked.append(request)
        body = {name: value for name, value in self._document.items() if name != "tokens"}
        if request.url.partition("?")[0] == self._token_url:
            beside = dict.fromkeys(("openid", "unionid", "uid", "user_id", "id"), "1")
            said = self._document.get("tokens", {})
            body = {"access_token": "the-token", "token_type": "Bearer", **beside, **said}
        return Incoming(200, {"content-type": "application/json"}, json.dumps(body).encode())


@pytest.mark.parametrize("name", PLAIN)
def test_a_row_of_oauth_signs_in(name):
    given = entered(name)
    made = catalogue.provider(name, **given)
    document: dict = {}
    for field in ("id", "name"):
        path = _PATH.fullmatch(made.profile.get(field, "").split("|")[0].strip())
        if path:
            put(document, path[1], f"the {field}")
    party = Shaped(made.token, document)
    app = AuthMiddleware(
        application, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[{"id": name, **given}], transport=party, allow_emails="*",
    )  # fmt: skip
    browser = TestApp(app, extra_environ=SERVED)
    form = browser.get("/auth/signin").forms[0]
    sent = browser.post(form.action, form.submit_fields())
    asked = {key: each[0] for key, each in parse_qs(urlsplit(sent.location).query).items()}
    assert asked.get("scope", "") == made.scope and len(asked["state"]) == 43
    assert ("code_challenge" in asked) == ("pkce" not in made.unsupported)
    done = browser.get(f"/auth/callback/{name}?code=the-code&state={asked['state']}")
    said = browser.get("/").json
    assert done.status_int == 302 and said["session"]["user"]["id"] == "the id"
    assert any("the-code" in f"{each.url}{each.body!r}" for each in party.asked)
