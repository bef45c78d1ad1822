"""The catalogue's rows, each through a whole sign-in with a party that answers in its shape."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from webtest import TestApp

from tests.providers import said
from tests.providers.said import TENANT, Said
from wsgi_auth import AuthMiddleware
from wsgi_auth.providers import OIDC, catalogue
from wsgi_auth.testing import FakeClient, FakeProvider
from wsgi_auth.types import Incoming, Outgoing

ORIGIN = "https://app.example.test"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
CLIENT = {"client_id": "app", "client_secret": "a secret of the client: 32+ bytes"}
NAMES = catalogue.names()
#: What a session says of itself.
SESSION_ONLY = ("provider", "auth_time", "sid", "iat", "exp")
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    handle = environ["auth.handle"]
    return [json.dumps({"session": handle.session, "claims": handle.claims}).encode()]


def entered(name: str) -> dict[str, str]:
    """What an operator has to enter for a row."""
    found = dict(CLIENT)
    for ask in catalogue.entry(name).asks:
        if ask.required and ask.option not in found:
            found[ask.option] = ask.example if "://" in ask.example else "1234567"
    return found


def of(name: str) -> Said:
    """What the provider says of somebody."""
    if catalogue.entry(name).type == "oauth":
        return said.OAUTH[name]
    return said.OIDC.get(name, said.STANDARD)


class Party:
    """The other party: it answers in the shape of its row, and only to a request that is right."""

    def __init__(self, name: str, given: Mapping[str, str]) -> None:
        self.name = name
        self.says = of(name)
        self.row = catalogue.provider(name, **given)
        self.issuer = self.row.issuer.rstrip("/")
        self.asked: dict[str, str] = {}
        self.requests: list[Outgoing] = []

    # --- the browser's part -----------------------------------------------------------------

    def authorize(self, location: str) -> dict[str, str]:
        """What comes back with the callback, for the authorization request at ``location``."""
        endpoint = self.row.authorization or f"{self.issuer}/authorize"
        parts = urlsplit(location)
        assert location.startswith(endpoint.partition("?")[0].partition("#")[0])
        assert parts.fragment == urlsplit(endpoint).fragment
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        self.asked = dict(pairs)
        assert len(self.asked) == len(pairs), "no parameter stands there twice"
        back = {"code": "the-code", "state": self.asked["state"]}
        return {**back, **self.says.callback}

    # --- what the application asks itself ---------------------------------------------------

    def send(self, request: Outgoing) -> Incoming:
        self.requests.append(request)
        parts = urlsplit(request.url)
        path, bare = parts.path, request.url.partition("?")[0]
        if bare == (self.row.token or f"{self.issuer}/token").partition("?")[0]:
            return self._token(request)
        if bare == f"{self.issuer}/.well-known/openid-configuration":
            return _json(self._metadata())
        if bare == f"{self.issuer}/jwks":
            return _json({"keys": [KEY.as_dict(private=False)]})
        if path in self.says.more:
            return self._resource(request, self.says.more[path])
        wanted = f"{self.issuer}/userinfo"
        if isinstance(self.row.userinfo, str) and self.row.userinfo:
            wanted = self.row.userinfo.replace("{tokens.access_token}", "the-token")
        assert self.says.userinfo is not None and bare == wanted.partition("?")[0], request.url
        assert request.method == ("POST" if self.name in said.POSTED else "GET")
        return self._resource(request, self.says.userinfo)

    def _metadata(self) -> dict[str, Any]:
        issuer = self.row.issuer
        if self.name in ("azure-ad", "microsoft-entra-id") and TENANT not in issuer:
            issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [self._algorithm],
        }

    @property
    def _algorithm(self) -> str:
        return "HS256" if self.name == "line" else "RS256"

    def _token(self, request: Outgoing) -> Incoming:
        method = "GET" if self.name in said.WITH_GET else "POST"
        assert request.method == method
        text = urlsplit(request.url).query if method == "GET" else (request.body or b"").decode()
        form = dict(parse_qsl(text, keep_blank_values=True))
        self._check_client(request, form)
        code = form["assertion" if self.name == "azure-devops" else "code"]
        assert (code, form["redirect_uri"]) == ("the-code", self.asked["redirect_uri"])
        if self.name in said.WITHOUT_PKCE:
            assert "code_verifier" not in form
        else:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            assert challenge == self.asked["code_challenge"]
        answer = {"access_token": "the-token", **self.says.token}
        if self.says.claims is not None:
            answer["id_token"] = self._id_token(self.says.claims)
        if self.name in said.AS_A_FORM:
            kind = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
            return Incoming(200, kind, urlencode(answer).encode())
        return _json(answer)

    def _check_client(self, request: Outgoing, form: Mapping[str, str]) -> None:
        """The client proves who it is in this party's way, and in no other."""
        called, secret = said.CALLED.get(self.name, ("client_id", "client_secret"))
        if self.name in said.IN_THE_FORM:
            assert "Authorization" not in request.headers
            assert form[secret] == CLIENT["client_secret"]
            assert not called or form[called] == CLIENT["client_id"]
        else:
            scheme, _, value = request.headers["Authorization"].partition(" ")
            pair = [unquote_plus(each) for each in base64.b64decode(value).decode().split(":")]
            assert (scheme, pair) == ("Basic", list(CLIENT.values()))
            assert not form.keys() & {"client_id", "client_secret"}

    def _id_token(self, claims: Mapping[str, Any]) -> str:
        now = int(time.time())
        tenant = self.row.issuer.replace("/common/", f"/{TENANT}/")
        whole = {"iss": tenant, "aud": "app", "iat": now, "exp": now + 300, **claims}
        if self.name not in said.WITHOUT_NONCE:
            whole["nonce"] = self.asked["nonce"]
        if self._algorithm == "HS256":
            key = OctKey.import_key(CLIENT["client_secret"])
            return jwt.encode({"alg": "HS256"}, whole, key)
        return jwt.encode({"alg": "RS256", "kid": "one"}, whole, KEY)

    def _resource(self, request: Outgoing, document: Any) -> Incoming:
        """A document for whoever has the token, once: in the header, or in the URL."""
        shown = [request.url, *request.headers.values()]
        assert sum("the-token" in each for each in shown) == 1
        return _json(document)


def _json(document: Any) -> Incoming:
    kind = {"content-type": "application/json; charset=utf-8"}
    return Incoming(200, kind, json.dumps(document).encode())


def browser_before(party: Party, name: str, given: Mapping[str, str]) -> TestApp:
    app = AuthMiddleware(
        application, secret="s" * 40, url=ORIGIN, matcher=["/members"],
        providers=[{"id": name, **given}], transport=party, allow_emails="*",
    )  # fmt: skip
    return TestApp(app, extra_environ=SERVED)


def departed(browser: TestApp) -> str:
    """Where the one button of the sign-in page leads."""
    form = browser.get("/auth/signin?callbackUrl=/members").forms[0]
    return browser.post(form.action, form.submit_fields()).location


def claims_after(browser: TestApp, name: str, back: Mapping[str, str]) -> dict[str, Any]:
    """Whom the callback signed in."""
    way = f"/auth/callback/{name}"
    if name in said.FORM_POST:
        done = browser.post(way, back, headers={"Origin": "https://appleid.apple.com"})
    else:
        done = browser.get(way, back)
    assert done.status_int in (302, 303) and done.location.endswith("/members")
    claims = browser.get("/members").json["claims"]
    assert claims["provider"] == name
    return {key: value for key, value in claims.items() if key not in SESSION_ONLY}


@pytest.mark.parametrize("name", NAMES)
def test_a_row_signs_in_whom_the_provider_speaks_of(name: str) -> None:
    given = entered(name)
    party = Party(name, given)
    browser = browser_before(party, name, given)
    back = party.authorize(departed(browser))
    assert claims_after(browser, name, back) == party.says.user


@pytest.mark.parametrize("name", NAMES)
def test_a_row_asks_for_what_it_says_and_for_nothing_else(name: str) -> None:
    given = entered(name)
    party, entry = Party(name, given), catalogue.entry(name)
    party.authorize(departed(browser_before(party, name, given)))
    asked = dict(party.asked)
    assert asked.pop("redirect_uri") == f"{ORIGIN}/auth/callback/{name}"
    assert re.fullmatch(r"[\w-]{43,}", asked.pop("state"))
    assert asked.pop("scope", "") == entry.scope
    assert asked.pop("client_id") == "app"
    called = said.CALLED.get(name, ("client_id",))[0]
    assert asked.pop(called, "app") == "app"
    assert asked.pop("response_type") == ("Assertion" if name == "azure-devops" else "code")
    method = None if name in said.WITHOUT_PKCE else "S256"
    assert asked.pop("code_challenge_method", None) == method
    assert bool(asked.pop("code_challenge", None)) is (method is not None)
    nonce = entry.type == "oidc" and name not in said.WITHOUT_NONCE
    assert bool(asked.pop("nonce", None)) is nonce
    mode = "form_post" if name in said.FORM_POST else None
    assert asked.pop("response_mode", None) == mode
    fixed = dict(party.row.authorization_params)
    own = dict(parse_qsl(urlsplit(party.row.authorization).query))
    assert asked == {**own, **{key: value for key, value in fixed.items() if value}}


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_promises_of_an_address_what_is_so(name: str) -> None:
    entry, user = catalogue.entry(name), of(name).user
    assert entry.has_email >= ("email" in user)
    assert entry.verifies >= bool(user.get("email_verified"))


def test_every_provider_says_something() -> None:
    plain = {name for name in NAMES if catalogue.entry(name).type == "oauth"}
    assert set(said.OAUTH) == plain
    assert set(said.OIDC) <= set(NAMES) - plain


# --- where what was entered makes another provider of it ------------------------------------------


@pytest.mark.parametrize(
    ("name", "more", "hosts"),
    [
        ("microsoft-entra-id", {"tenant": TENANT}, {"login.microsoftonline.com"}),
        (
            "github",
            {"base_url": "https://git.corp.test", "api_url": "https://git.corp.test/api/v3"},
            {"git.corp.test"},
        ),
        ("gitlab", {"base_url": "https://gitlab.corp.test/"}, {"gitlab.corp.test"}),
        ("keycloak", {"issuer": "https://id.corp.test/auth/realms/x"}, {"id.corp.test"}),
        (
            "wechat",
            {
                "authorization": "https://open.weixin.qq.com/connect/qrconnect#wechat_redirect",
                "scope": "snsapi_login",
            },
            {"api.weixin.qq.com"},
        ),
    ],
)
def test_what_was_entered_says_whom_to_ask(name: str, more: dict[str, str], hosts: set) -> None:
    given = {**entered(name), **more}
    party = Party(name, given)
    party.says = Said(
        party.says.user, party.says.userinfo, party.says.claims, party.says.token,
        {path if name != "github" else f"/api/v3{path}": each
         for path, each in party.says.more.items()},
    )  # fmt: skip
    browser = browser_before(party, name, given)
    back = party.authorize(departed(browser))
    assert claims_after(browser, name, back) == party.says.user
    assert {urlsplit(each.url).hostname for each in party.requests} == hosts


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("github", {"login": "ada", "id": None}),
        ("nextcloud", {"ocs": {"meta": {"status": "failure"}, "data": []}}),
        ("tiktok", {"data": {}, "error": {"code": "access_token_invalid"}}),
        ("wechat", {"errcode": 40003, "errmsg": "invalid openid"}),
        ("vk", {"error": {"error_code": 5}}),
        ("notion", {"object": "user", "type": "bot", "bot": {"owner": {"type": "workspace"}}}),
    ],
)
def test_an_answer_that_names_nobody_signs_nobody_in(name: str, document: dict) -> None:
    given = entered(name)
    party = Party(name, given)
    browser = browser_before(party, name, given)
    back = party.authorize(departed(browser))
    party.says = Said({}, document, token=party.says.token, more=party.says.more)
    browser.get(f"/auth/callback/{name}", back, status=502)
    assert browser.get("/").json["session"] is None


@pytest.mark.parametrize(
    ("issuer_of", "tenant", "signed_in"),
    [(TENANT, TENANT, True), ("../evil", "../evil", False), (TENANT, "another", False)],
)
def test_entra_for_everybody_wants_the_issuer_of_the_tenant_that_the_token_names(
    issuer_of, tenant, signed_in
):
    given = {**CLIENT, "tenant": "common"}
    made = catalogue.provider("microsoft-entra-id", **given)
    assert isinstance(made, OIDC)
    client = FakeClient("app", CLIENT["client_secret"])
    fake = FakeProvider(made.issuer, id="microsoft-entra-id", clients=[client])
    app = AuthMiddleware(
        application, secret="s" * 40, url=ORIGIN, matcher=["/members"], allow_emails="*",
        providers=[{"id": "microsoft-entra-id", **given}], transport=fake.transport,
    )  # fmt: skip
    browser = TestApp(app, extra_environ=SERVED)
    issuer = f"https://login.microsoftonline.com/{issuer_of}/v2.0"
    with (
        fake.tamper("claims", lambda claims, scene: {**claims, "iss": issuer, "tid": tenant}),
        fake.tamper("response", lambda pairs, scene: [p for p in pairs if p[0] != "iss"]),
        fake.misbehave("no_iss_announced"),
    ):
        fake.sign_in(browser, "alice", expect_errors=True)
    assert (browser.get("/").json["session"] is not None) is signed_in
