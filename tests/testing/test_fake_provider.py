"""The fake provider does what a good one does, as a client sees it that shares no code with us;
and each misbehaviour does as it is named."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from joserfc import jwk
from webtest import AppError, TestApp

from tests.oauth.visits import Visitor, site
from tests.op.raw import CALLBACK, CLIENT_KEY, Answer, Flow, Raw, Rejected, header_of
from tests.testing.evidence import (
    ANSWERS,
    EVIDENCE,
    NO_ANSWER,
    TEXTBOOK_LETS_THROUGH,
    Seen,
    Token,
)
from tests.testing.oidf import MODULES
from wsgi_auth import AuthError, UsageError
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.testing import MISBEHAVIOURS, FakeClient, FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.misbehaviour import ENDPOINTS
from wsgi_auth.types import Outgoing

PUBLIC_KEYS = {"keys": [CLIENT_KEY.as_dict(private=False)]}
CLIENTS = (
    FakeClient(),
    FakeClient("post", auth="client_secret_post"),
    FakeClient("odd name: %&+", client_secret="odd secret: %&+é"),
    FakeClient("public", auth="none"),
    FakeClient("key", auth="private_key_jwt", jwks=PUBLIC_KEYS),
    FakeClient("es256", id_token_alg="ES256"),
    FakeClient("hs256", id_token_alg="HS256"),
    FakeClient("pushed", par=True),
    FakeClient("bound", dpop=True),
    FakeClient("nonce", dpop=True, dpop_nonce=True),
    FakeClient("strict", redirect_uris=(CALLBACK,), post_logout_redirect_uris=(CALLBACK + "/out",)),
)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider(clients=CLIENTS)


def client_of(provider: FakeProvider, client_id: str = "app", **more) -> Raw:
    """The textbook client, in process through the transport."""

    def send(method, url, headers, body):
        answer = provider.transport.send(Outgoing(url, method, headers, body))
        return Answer(answer.status, answer.headers, answer.body)

    client = provider.clients[client_id]
    more = {"algs": (client.id_token_alg,), "scope": "openid profile email groups", **more}
    return Raw(provider.issuer, client_id, client.client_secret, client.auth, send=send, **more)


def signed_in(client: Raw, provider: FakeProvider, person: str = "alice", **params: str):
    """The claims of a whole sign-in."""
    flow = Flow()
    return client.whole(provider.approve(client.url(flow, **params), person).params, flow)


def tokens_of(client: Raw, provider: FakeProvider, person: str = "alice"):
    """The token answer of a sign-in."""
    flow = Flow()
    code = client.code(provider.approve(client.url(flow), person).params, flow)
    return client.tokens(client.exchange(code, flow))


# --- the code flow --------------------------------------------------------------------------


def test_a_visitor_chooses_a_person_and_is_signed_in(provider):
    claims = signed_in(client_of(provider), provider, "bob")
    assert claims["sub"] == "bob"
    assert claims["email"] == "bob@example.test" and claims["email_verified"] is True
    assert claims["groups"] == ["members"]


def test_a_visitor_may_refuse(provider):
    client, flow = client_of(provider), Flow()
    with pytest.raises(Rejected, match="access_denied"):
        client.whole(provider.refuse(client.url(flow)).params, flow)


@pytest.mark.parametrize("client_id", ["app", "post", "odd name: %&+", "public", "key"])
def test_every_way_of_client_authentication_works(provider, client_id):
    assert signed_in(client_of(provider, client_id), provider)["sub"] == "alice"


@pytest.mark.parametrize("client_id", ["app", "post", "public", "key"])
@pytest.mark.parametrize("used", ["client_secret_basic", "client_secret_post", "none",
                                  "private_key_jwt"])  # fmt: skip
def test_a_client_proves_itself_in_the_registered_way_only(provider, client_id, used):
    client, flow = client_of(provider, client_id), Flow()
    code = client.code(provider.approve(client.url(flow)).params, flow)
    answer = replace(client, auth=used).exchange(code, flow)
    assert answer.status == (200 if used == client.auth else 401)
    if used != client.auth:
        assert answer.json["error"] == "invalid_client"


@pytest.mark.parametrize("claims", [
    {"aud": "https://other.example.test"}, {"iss": "app"}, {"exp": 1}, {"jti": ""}, {"sub": "app"},
], ids=str)  # fmt: skip
def test_an_assertion_with_a_wrong_claim_is_refused(provider, claims):
    client, flow = client_of(provider, "key"), Flow()
    code = client.code(provider.approve(client.url(flow)).params, flow)
    good = client.assertion
    client.assertion = lambda: good(**claims)
    assert client.exchange(code, flow).status == 401


def test_an_assertion_is_taken_once(provider):
    client, flow = client_of(provider, "key"), Flow()
    used = client.assertion()
    client.assertion = lambda: used
    code = client.code(provider.approve(client.url(flow)).params, flow)
    assert client.exchange(code, flow).status == 200
    assert client.exchange(code, flow).json["error"] == "invalid_client"


@pytest.mark.parametrize("client_id", ["es256", "hs256"])
def test_id_tokens_are_signed_as_the_client_is_registered(provider, client_id):
    tokens = tokens_of(client_of(provider, client_id), provider)
    assert header_of(tokens["id_token"])["alg"].lower() == client_id
    assert signed_in(client_of(provider, client_id), provider)["sub"] == "alice"


def test_what_an_id_token_holds(provider):
    client, flow = client_of(provider), Flow()
    code = client.code(provider.approve(client.url(flow, acr_values="gold")).params, flow)
    tokens = client.tokens(client.exchange(code, flow))
    assert set(tokens) == {
        "access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token",
    }  # fmt: skip
    claims = client.claims(tokens, flow)
    assert claims["aud"] == "app" and claims["sid"] and claims["acr"] == "gold"
    assert abs(claims["auth_time"] - time.time()) < 10
    assert header_of(tokens["id_token"]) == {"alg": "RS256", "kid": "rs256-1", "typ": "JWT"}


def test_claims_follow_the_scopes(provider):
    assert "email" not in signed_in(client_of(provider, scope="openid"), provider)
    provider.claims_in_id_token = False
    client = client_of(provider)
    tokens = tokens_of(client, provider)
    assert "email" not in client.claims(tokens, None)
    assert client.profile(tokens, "alice")["email"] == "alice@example.test"


def test_people_are_what_the_test_says():
    people = [{"sub": "1", "name": "Zoë", "email": "z@example.test", "role": "editor"}]
    provider = FakeProvider(people=people)
    assert signed_in(client_of(provider), provider, "1")["role"] == "editor"


@pytest.mark.parametrize("change, error", [
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"scope": ""}, "invalid_scope"),
    ({"prompt": "none"}, "login_required"),
], ids=str)  # fmt: skip
def test_a_wrong_request_is_answered_at_the_application(provider, change, error):
    client, flow = client_of(provider), Flow()
    said = provider.approve(client.url(flow, **change)).params
    assert said == {"error": error, "state": flow.state, "iss": provider.issuer}


@pytest.mark.parametrize("change, answer", [
    ({"client_id": "nobody"}, "no client 'nobody'"),
    ({"redirect_uri": "https://attacker.test/"}, "not registered"),
    ({"redirect_uri": CALLBACK + "/"}, "not registered"),
    ({"redirect_uri": CALLBACK + "?a=b"}, "not registered"),
    ({"redirect_uri": ""}, "not registered"),
], ids=str)  # fmt: skip
def test_a_request_that_leads_nowhere_safe_stays_here(provider, change, answer):
    client = client_of(provider, "strict")
    with pytest.raises(AssertionError, match=answer):
        provider.approve(client.url(Flow(), **change))


def test_a_doubled_parameter_is_refused(provider):
    url = client_of(provider).url(Flow())
    with pytest.raises(AssertionError, match="twice"):
        provider.approve(url + "&state=another")


def test_a_code_is_taken_once_and_its_tokens_end_with_the_second_use(provider):
    client, flow = client_of(provider), Flow()
    code = client.code(provider.approve(client.url(flow)).params, flow)
    tokens = client.exchange(code, flow).json
    assert client.exchange(code, flow).json["error"] == "invalid_grant"
    assert client.userinfo(tokens["access_token"]).status == 401
    assert client.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_a_code_is_bound_to_client_verifier_and_redirect_uri(provider):
    client = client_of(provider)
    others = [
        (replace(client, client_id="odd name: %&+", secret="odd secret: %&+é"), None),
        (client, "x" * 43),
        (client, "short"),
        (replace(client, redirect_uri=CALLBACK + "2"), None),
    ]
    for other, verifier in others:
        flow = Flow()
        code = client.code(provider.approve(client.url(flow)).params, flow)
        flow.verifier = verifier or flow.verifier
        assert other.exchange(code, flow).json["error"] == "invalid_grant"


def test_form_post_brings_the_answer_in_a_form(provider):
    client, flow = client_of(provider), Flow()
    landing = provider.approve(client.url(flow, response_mode="form_post"))
    assert landing.url == CALLBACK and landing.form
    assert client.whole(landing.params, flow)["sub"] == "alice"


def test_userinfo_takes_the_token_in_the_form_too(provider):
    client = client_of(provider)
    token = tokens_of(client, provider)["access_token"]
    answer = client.post(client.metadata()["userinfo_endpoint"], {"access_token": token})
    assert answer.json["sub"] == "alice"
    assert client.userinfo("another").status == 401


# --- pushed requests, bound tokens ----------------------------------------------------------


def test_a_pushed_request_is_taken_once(provider):
    client, flow = client_of(provider, "pushed"), Flow()
    with pytest.raises(AssertionError, match="push its request"):
        provider.approve(client.url(flow))
    url = client.pushed_url(flow)
    assert client.whole(provider.approve(url).params, flow)["sub"] == "alice"
    with pytest.raises(AssertionError, match="invalid_request_uri"):
        provider.approve(url)


def test_a_pushed_request_belongs_to_its_client(provider):
    url = client_of(provider, "pushed").pushed_url(Flow())
    with pytest.raises(AssertionError, match="invalid_request_uri"):
        provider.approve(url.replace("client_id=pushed", "client_id=app"))


def test_tokens_bound_to_a_key_work_with_that_key_only(provider):
    key = jwk.ECKey.generate_key("P-256")
    client = client_of(provider, "bound", dpop=key)
    tokens = tokens_of(client, provider)
    assert tokens["token_type"] == "DPoP"
    assert client.profile(tokens, "alice")["email"] == "alice@example.test"
    assert replace(client, dpop=None).userinfo(tokens["access_token"]).status == 401
    thief = replace(client, dpop=jwk.ECKey.generate_key("P-256"))
    assert thief.userinfo(tokens["access_token"]).status == 401
    assert thief.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert client.refresh(tokens["refresh_token"]).status == 200


def test_a_proof_may_have_to_hold_a_nonce(provider):
    client = client_of(provider, "nonce", dpop=jwk.ECKey.generate_key("P-256"))
    metadata = client.metadata()
    answer = replace(client, auth="client_secret_basic").as_client(metadata["token_endpoint"], {})
    assert answer.json["error"] == "unsupported_grant_type", "the second time it held the nonce"
    tokens = tokens_of(client, provider)
    assert client.dpop_nonce and client.profile(tokens, "alice")
    without = replace(client, dpop_nonce="").userinfo(tokens["access_token"])
    assert without.status == 401 and without.headers["dpop-nonce"] == client.dpop_nonce
    assert "use_dpop_nonce" in without.headers["www-authenticate"]


@pytest.mark.parametrize("wrong", [
    {"htm": "GET"}, {"htu": "https://other.example.test/token"}, {"iat": 1}, {"jti": ""}, None,
], ids=str)  # fmt: skip
def test_a_proof_with_a_wrong_claim_is_refused(provider, wrong):
    client, flow = client_of(provider, "bound"), Flow()
    code = client.code(provider.approve(client.url(flow)).params, flow)
    if wrong is not None:
        client.dpop = jwk.ECKey.generate_key("P-256")
        good = client.proof
        client.proof = lambda method, url: good(method, url, **wrong)
    assert client.exchange(code, flow).json["error"] == "invalid_dpop_proof"


# --- refreshing -----------------------------------------------------------------------------


def test_a_refresh_token_is_replaced_each_time_and_reuse_ends_the_family(provider):
    client = client_of(provider)
    first = tokens_of(client, provider)
    second = client.refresh(first["refresh_token"]).json
    third = client.refresh(second["refresh_token"]).json
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    claims = client.claims(third, None)
    assert claims["sub"] == "alice" and "nonce" not in claims
    assert client.userinfo(third["access_token"]).status == 200
    assert client.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert client.refresh(third["refresh_token"]).json["error"] == "invalid_grant"
    assert client.userinfo(third["access_token"]).status == 401


def test_another_sign_in_survives_the_end_of_a_family(provider):
    client = client_of(provider)
    one, other = tokens_of(client, provider), tokens_of(client, provider)
    client.refresh(one["refresh_token"])
    client.refresh(one["refresh_token"])
    assert client.refresh(other["refresh_token"]).status == 200


def test_a_revoked_token_ends_the_grant(provider):
    client = client_of(provider)
    tokens = tokens_of(client, provider)
    endpoint = client.metadata()["revocation_endpoint"]
    assert client.as_client(endpoint, {"token": "unknown"}).status == 200
    assert client.userinfo(tokens["access_token"]).status == 200
    assert client.as_client(endpoint, {"token": tokens["refresh_token"]}).status == 200
    assert client.userinfo(tokens["access_token"]).status == 401


def test_an_access_token_ends_in_time():
    provider = FakeProvider(token_life=0)
    client = client_of(provider)
    tokens = tokens_of(client, provider)
    assert tokens["expires_in"] == 0
    assert client.userinfo(tokens["access_token"]).status == 401


# --- keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_old", [True, False])
def test_keys_rotate(provider, keep_old):
    client = client_of(provider)
    before = tokens_of(client, provider)
    provider.rotate_keys(keep_old=keep_old)
    after = tokens_of(client, provider)
    assert header_of(after["id_token"])["kid"] == "rs256-2"
    client.claims(after, None)
    if keep_old:
        client.claims(before, None)
    else:
        with pytest.raises(Rejected):
            client.claims(before, None)


def test_two_providers_share_nothing():
    one = FakeProvider("https://one.example.test")
    two = FakeProvider("https://two.example.test")
    first, second = (client_of(each).get(client_of(each).metadata()["jwks_uri"]).json["keys"]
                     for each in (one, two))  # fmt: skip
    assert [key["kid"] for key in first] == [key["kid"] for key in second]
    assert not {json.dumps(key) for key in first} & {json.dumps(key) for key in second}
    token = tokens_of(client_of(one), one)["access_token"]
    assert client_of(two).userinfo(token).status == 401
    one.misbehave("wrong_nonce")
    assert signed_in(client_of(two), two)["sub"] == "alice"


# --- sessions, leaving ----------------------------------------------------------------------


def browser_of(provider: FakeProvider) -> TestApp:
    """A browser at the provider itself, on its own host; WebTest checks that it keeps to WSGI."""
    host = urlsplit(provider.issuer).netloc
    return TestApp(provider, extra_environ={"HTTP_HOST": host, "wsgi.url_scheme": "https"})


def chosen(browser: TestApp, url: str, person: str):
    """The answer to the choice of a person on the page."""
    return browser.get(url).forms[0].submit("user", value=person)


def test_the_chooser_is_a_page_that_a_browser_can_use(provider):
    browser, client, flow = browser_of(provider), client_of(provider), Flow()
    page = browser.get(client.url(flow, login_hint="bob@example.test"))
    assert "<title>" in page.text and 'lang="en"' in page.text
    assert page.text.index("Bob Member") < page.text.index("Alice Admin")
    assert "form-action 'self' https://app.example.test" in page.headers["Content-Security-Policy"]
    answer = chosen(browser, client.url(flow), "carol")
    assert answer.status_int == 303
    assert client.whole(answer.headers["Location"], flow)["sub"] == "carol"


def test_a_page_is_used_once(provider):
    browser = browser_of(provider)
    form = browser.get(client_of(provider).url(Flow())).forms[0]
    form.submit()
    assert "start again" in form.submit(status=400)


def test_without_a_page_only_who_is_signed_in_comes_back(provider):
    browser, client, flow = browser_of(provider), client_of(provider), Flow()
    silent = client.url(flow, prompt="none")
    assert "error=login_required" in browser.get(silent).headers["Location"]
    chosen(browser, client.url(Flow()), "bob")
    assert client.whole(browser.get(silent).headers["Location"], flow)["sub"] == "bob"
    old = client.url(flow, prompt="none", max_age="0")
    time.sleep(0.01)
    assert "error=login_required" in browser.get(old).headers["Location"]
    hint = tokens_of(client, provider, "alice")["id_token"]
    other = client.url(flow, prompt="none", id_token_hint=hint)
    assert "error=login_required" in browser.get(other).headers["Location"]


def test_leaving_ends_the_session_and_returns_with_state(provider):
    browser, client, flow = browser_of(provider), client_of(provider, "strict"), Flow()
    code = client.code(chosen(browser, client.url(flow), "bob").headers["Location"], flow)
    hint = client.exchange(code, flow).json["id_token"]
    end = client.metadata()["end_session_endpoint"]
    back = {"id_token_hint": hint, "post_logout_redirect_uri": CALLBACK + "/out", "state": "s t"}
    answer = browser.get(f"{end}?{urlencode(back)}")
    assert answer.headers["Location"] == CALLBACK + "/out?state=s+t"
    silent = browser.get(client.url(flow, prompt="none"))
    assert "error=login_required" in silent.headers["Location"]
    elsewhere = urlencode({**back, "post_logout_redirect_uri": "https://attacker.test/"})
    assert "not registered" in browser.get(f"{end}?{elsewhere}", status=400)
    assert "another client" in browser.get(f"{end}?{urlencode({**back, 'client_id': 'app'})}",
                                           status=400)  # fmt: skip


def test_leaving_without_a_hint_asks_first(provider):
    browser, client, flow = browser_of(provider), client_of(provider), Flow()
    chosen(browser, client.url(flow), "bob")
    page = browser.get(client.metadata()["end_session_endpoint"])
    assert "Bob Member" in page
    assert "code=" in browser.get(client.url(flow, prompt="none")).headers["Location"]
    assert "signed out" in page.forms[0].submit()
    assert "login_required" in browser.get(client.url(flow, prompt="none")).headers["Location"]


def test_a_logout_token_names_the_session(provider):
    client, flow = client_of(provider), Flow()
    code = client.code(provider.approve(client.url(flow)).params, flow)
    claims = client.claims(client.exchange(code, flow).json, flow)
    token = provider.logout_token("alice")
    assert header_of(token)["typ"] == "logout+jwt"
    said = client.claims({"id_token": token}, None)
    assert (said["sub"], said["sid"]) == ("alice", claims["sid"])
    assert said["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    only = client.claims({"id_token": provider.logout_token("alice", sid="x", exp=None,
                                                            iat=int(time.time()), jti="1",
                                                            nbf=5) and token}, None)  # fmt: skip
    assert only["jti"] != "1"


# --- the whole way with an application in a WebTest browser ---------------------------------


class Application:
    """A textbook application: a sign-in page with two buttons, a callback, and who is signed in."""

    def __init__(self, client: Raw, **params: str) -> None:
        self.client, self.params = client, params
        self.flows: dict[str, Flow] = {}
        self.cookies_at_callback = ""

    def __call__(self, environ, start_response):
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        cookies = environ.get("HTTP_COOKIE", "")
        if path == "/auth/signin":
            page = "".join(f'<form method="post" action="/auth/signin/{id}"><button>{id}</button>'
                           f'<input type="hidden" name="csrfToken" value="{id}"></form>'
                           for id in ("other", "fake"))  # fmt: skip
            return self.say(start_response, "200 OK", page)
        if path == "/auth/signin/fake":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            assert body == b"csrfToken=fake"
            flow = Flow()
            self.flows[flow.state] = flow
            site = "None; Secure" if self.params else "Lax"
            return self.say(start_response, "302 Found", "",
                            ("Location", self.client.url(flow, **self.params)),
                            ("Set-Cookie", f"flow={flow.state}; SameSite={site}; Path=/"),
                            ("Set-Cookie", "session=before; Secure; Path=/"))  # fmt: skip
        if path == "/auth/callback/op":
            self.cookies_at_callback = cookies
            if environ["REQUEST_METHOD"] == "POST":
                query = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            said = dict(parse_qsl(query))
            if f"flow={said.get('state')}" not in cookies:
                return self.say(start_response, "400 Bad Request", "state lost")
            try:
                who = self.client.whole(said, self.flows.pop(said["state"]))["sub"]
            except Rejected as problem:
                return self.say(start_response, "403 Forbidden", str(problem))
            return self.say(start_response, "302 Found", "", ("Location", "/members"),
                            ("Set-Cookie", f"who={who}; Path=/"))  # fmt: skip
        return self.say(start_response, "200 OK", f"{path} {cookies}")

    def say(self, start_response, status, text, *headers):
        start_response(status, [("Content-Type", "text/html; charset=utf-8"), *headers])
        return [text.encode()]


@pytest.mark.parametrize("extra", [
    {}, {"HTTP_HOST": "app.example.test", "wsgi.url_scheme": "https"},
], ids=["plain", "as the application is reached"])  # fmt: skip
def test_one_line_signs_a_webtest_browser_in(provider, extra):
    visitor = TestApp(Application(client_of(provider)), extra_environ=extra)
    answer = provider.sign_in(visitor, "bob")
    assert answer.request.path == "/members" and "who=bob" in answer
    assert "who=bob" in visitor.get("/members")
    assert "who=carol" in provider.sign_in(visitor, "carol")


def test_a_failure_raises_unless_it_is_expected(provider):
    visitor = TestApp(Application(client_of(provider)))
    provider.misbehave("wrong_nonce")
    with pytest.raises(AppError, match="403"):
        provider.sign_in(visitor, "bob")
    answer = provider.sign_in(visitor, "bob", expect_errors=True)
    assert answer.status_int == 403 and "nonce" in answer


def test_a_posted_answer_brings_only_the_cookies_that_a_browser_would_send(provider):
    app = Application(client_of(provider), response_mode="form_post")
    visitor = TestApp(app)
    assert "who=alice" in provider.sign_in(visitor)
    assert app.cookies_at_callback.startswith("flow=") and "session" not in app.cookies_at_callback
    assert "session=before" in visitor.get("/")


GITHUB = {"id": "github", "client_id": "us", "client_secret": "hush"}


@pytest.mark.parametrize("more, start, page", [
    ({"providers": [GITHUB]}, "/auth/signin", "/auth/signin"),
    ({"providers": [GITHUB]}, "/members/", "/auth/signin"),
    ({"pages": {"sign_in": "/login"}}, "/auth/signin", "/login"),
    ({}, "/open", "/open"),
], ids=["another provider", "sent there", "an own page without it", "an open page"])  # fmt: skip
def test_a_start_that_leads_to_no_button_of_it_is_a_mistake_of_the_test(more, start, page):
    fake = FakeProvider()
    visitor = Visitor(site(fake, **more))
    wanted = f"found no button of the provider 'fake' on {page}; is fake.options() among the "
    with pytest.raises(AssertionError, match=re.escape(wanted)):
        fake.sign_in(visitor, start=start)
    assert fake.sign_in(visitor, start=start, expect_errors=True).request.path == page


@pytest.mark.parametrize("more", [{}, {"auto_sign_in": True}], ids=str)
def test_who_needs_no_button_is_where_the_sign_in_ends(more):
    fake = FakeProvider()
    visitor = Visitor(site(fake, **more))
    for _ in ("signs in", "is signed in"):
        assert fake.sign_in(visitor, start="/members/x").request.path == "/members/x"
        assert visitor.who == "alice"


# --- on a port, under a path, many at once --------------------------------------------------


def test_it_can_be_served_to_other_processes(provider):
    with provider.serving() as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url) and provider.issuer == url
        client, flow = Raw(url, "app", provider.clients["app"].client_secret), Flow()
        with requests.Session() as browser:
            browser.trust_env = False
            page = browser.get(client.url(flow), timeout=10).text
            handle = re.search(r'name="csrfToken" value="([^"]+)"', page)
            answer = browser.post(f"{url}/choose", {"csrfToken": handle[1], "user": "bob"},
                                  timeout=10, allow_redirects=False)  # fmt: skip
        assert client.whole(answer.headers["Location"], flow)["sub"] == "bob"
    assert provider.issuer == "https://op.example.test"
    with pytest.raises(OSError):
        http.client.HTTPConnection(urlsplit(url).netloc, timeout=2).request("GET", "/")


def test_its_port_is_closed_when_the_block_fails(provider):
    with pytest.raises(ZeroDivisionError), provider.serving() as url:
        1 / 0
    with pytest.raises(OSError):
        http.client.HTTPConnection(urlsplit(url).netloc, timeout=2).request("GET", "/")


def test_an_issuer_may_have_a_path():
    provider = FakeProvider("https://op.example.test/realms/one")
    assert signed_in(client_of(provider), provider)["sub"] == "alice"
    root = FakeProvider("https://op.example.test/")
    assert signed_in(client_of(root), root)["sub"] == "alice"


def test_a_transport_reaches_several_providers_and_nobody_else():
    one = FakeProvider("https://op.example.test/one")
    two = FakeProvider("https://op.example.test/two")
    transport = FakeTransport(one, two)
    for provider in (one, two):
        url = provider.issuer + "/.well-known/openid-configuration"
        assert json.loads(transport.send(Outgoing(url)).body)["issuer"] == provider.issuer
    for url in ("https://op.example.test/three/jwks", "http://op.example.test/one/jwks",
                "https://op.example.test:444/one/jwks", "https://attacker.test/one/jwks"):  # fmt: skip
        with pytest.raises(AuthError, match="no fake provider"):
            transport.send(Outgoing(url))


def test_a_refresh_token_is_good_for_one_of_many_threads(provider):
    client = client_of(provider)
    token = tokens_of(client, provider)["refresh_token"]
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(client.refresh(token).status))
               for _ in range(8)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


def test_requests_are_kept_for_counting(provider):
    client = client_of(provider)
    client.metadata()
    client.metadata()
    assert [asked.path for asked in provider.requests] == ["/.well-known/openid-configuration"] * 2


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("POST", "/jwks", 405), ("GET", "/token", 405), ("HEAD", "/jwks", 200),
])  # fmt: skip
def test_what_is_not_there_is_said(provider, method, path, status):
    browser_of(provider).request(path, method=method, status=status)


def test_the_options_set_an_application_up(provider):
    assert provider.options() == {
        "id": "fake", "type": "oidc", "name": "Fake identity provider", "client_id": "app",
        "issuer": provider.issuer, "client_secret": provider.clients["app"].client_secret,
    }  # fmt: skip
    assert provider.options("public", prompt="login").items() >= {
        "client_auth": "none", "prompt": "login"
    }.items()  # fmt: skip
    assert provider.options("es256")["id_token_signed_response_alg"] == "ES256"
    assert "client_secret" not in provider.options("key")
    for client_id, client in provider.clients.items():
        more = {"private_key": CLIENT_KEY.as_dict(private=True)} if client_id == "key" else {}
        options = provider.options(client_id, **more)
        assert options.pop("type") == "oidc"
        made = OIDC(**options)
        assert (made.client_auth, made.dpop) == (client.auth, client.dpop)


# --- going wrong ----------------------------------------------------------------------------


def test_misbehaving_ends_with_the_block(provider):
    with provider.misbehave("wrong_nonce"):
        with pytest.raises(Rejected, match="nonce"):
            signed_in(client_of(provider), provider)
        with provider.misbehave("wrong_iss"), pytest.raises(Rejected, match="iss"):
            signed_in(client_of(provider), provider)
        with pytest.raises(Rejected, match="nonce"):
            signed_in(client_of(provider), provider)
    assert signed_in(client_of(provider), provider)
    provider.misbehave("wrong_nonce", "wrong_state")
    provider.behave()
    assert signed_in(client_of(provider), provider)


def test_an_unknown_misbehaviour_is_a_mistake(provider):
    for name, said in (("bad_sig", "did you mean 'bad_signature'? All"), ("xyz", "all there")):
        wanted = f"no misbehaviour '{name}'; {said} are in wsgi_auth.testing.MISBEHAVIOURS"
        with pytest.raises(ValueError, match=re.escape(wanted)):
            provider.misbehave(name)


def test_a_test_may_tamper_itself(provider):
    with provider.tamper("claims", lambda claims, scene: {**claims, "email": scene.issuer}):
        flow, client = Flow(), client_of(provider)
        code = client.code(provider.approve(client.url(flow)).params, flow)
        assert client.claims(client.exchange(code, flow).json, flow)["email"] == provider.issuer


def seen_of(provider: FakeProvider) -> Seen:
    """Everything that the provider sends in one visit, believed in nothing."""
    client, flow = client_of(provider), Flow()
    honest = {
        "authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks",
        "userinfo_endpoint": "/userinfo", "end_session_endpoint": "/logout",
        "pushed_authorization_request_endpoint": "/par",
    }  # fmt: skip
    addresses = {name: provider.issuer + path for name, path in honest.items()}
    discovery = client.get(provider.issuer + "/.well-known/openid-configuration").json
    client.metadata = lambda: addresses
    jwks = client.get(addresses["jwks_uri"]).json
    keys = jwks.get("keys") or []
    landing = provider.approve(client.url(flow))
    pairs = parse_qsl(urlsplit(landing.url).query, keep_blank_values=True)
    real = next(iter(provider._memory.codes))
    tokens = client.exchange(real, flow).json
    id_token = tokens.get("id_token")
    access = next(reversed(provider._memory.access_tokens))
    userinfo = client.userinfo(access).json
    refresh_token = next(reversed(provider._memory.refresh_tokens))
    refreshed = client.refresh(refresh_token).json
    par = client.as_client(addresses["pushed_authorization_request_endpoint"],
                           client.params(Flow())).json  # fmt: skip
    out = {"client_id": "app", "post_logout_redirect_uri": CALLBACK, "state": "s"}
    away = browser_of(provider).get(f"{addresses['end_session_endpoint']}?{urlencode(out)}")
    return Seen(
        flow.nonce, flow.state, discovery, jwks, pairs, tokens,
        Token(id_token, keys) if isinstance(id_token, str) else Token(""), userinfo, par,
        refreshed, Token(refreshed.get("id_token", ""), keys),
        parse_qsl(urlsplit(away.headers["Location"]).query),
        Token(provider.logout_token("alice"), keys),
    )  # fmt: skip


PLAIN = [name for name, row in MISBEHAVIOURS.items() if not row.stage.startswith("http.")]
#: The answer of the revocation endpoint has no body that could be wrong.
WHOLE = [
    (endpoint, kind)
    for endpoint in ENDPOINTS
    for kind in (*ANSWERS, *NO_ANSWER)
    if endpoint != "revoke" or kind in {"500", "503", "429", "404", "html", "302", "307", "slow"}
]


def test_every_misbehaviour_has_its_evidence():
    whole = {f"{endpoint}_{kind}" for endpoint, kind in WHOLE}
    assert set(MISBEHAVIOURS) == set(EVIDENCE) | whole
    assert len(MISBEHAVIOURS) > 200
    for name, row in MISBEHAVIOURS.items():
        assert re.fullmatch("[a-z0-9_]+", name) and row.name == name
        assert re.match("[a-z]", row.says), "the words go on after: the provider"


@pytest.mark.parametrize("name", PLAIN)
def test_it_misbehaves_as_it_is_named(provider, name):
    """It shows the evidence that it is named for, and without being told it does not."""
    show = EVIDENCE[name]
    assert not _shown(show, seen_of(provider)), f"without being told: {name}"
    provider.misbehave(name)
    seen = seen_of(provider)
    assert show(seen), f"{name}: the provider {MISBEHAVIOURS[name].says}"
    if MISBEHAVIOURS[name].stage in ("claims", "refresh_claims", "logout_claims"):
        token = {"claims": seen.id_token, "refresh_claims": seen.refreshed_id_token,
                 "logout_claims": seen.logout_token}[MISBEHAVIOURS[name].stage]  # fmt: skip
        if name != "rotated_just_now":
            assert token.verifies(), "it is wrong in the claims alone"


def _shown(show, seen) -> bool:
    try:
        return bool(show(seen))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False


def answer_of(provider: FakeProvider, endpoint: str):
    """One honest request to an endpoint, and what comes back."""
    client, flow = client_of(provider), Flow()
    if endpoint == "discovery":
        return client.get(provider.issuer + "/.well-known/openid-configuration")
    if endpoint == "jwks":
        return client.get(provider.issuer + "/jwks")
    metadata = {"token_endpoint": provider.issuer + "/token",
                "userinfo_endpoint": provider.issuer + "/userinfo",
                "authorization_endpoint": provider.issuer + "/authorize"}  # fmt: skip
    client.metadata = lambda: metadata
    if endpoint == "par":
        return client.as_client(provider.issuer + "/par", client.params(flow))
    code = client.code(provider.approve(client.url(flow)).params, flow)
    answer = client.exchange(code, flow)
    if endpoint == "token":
        return answer
    if endpoint == "userinfo":
        return client.userinfo(answer.json["access_token"])
    return client.as_client(provider.issuer + "/revoke", {"token": answer.json["refresh_token"]})


@pytest.mark.parametrize("endpoint, kind", WHOLE)
def test_an_endpoint_answers_as_badly_as_named(provider, endpoint, kind):
    provider.misbehave(f"{endpoint}_{kind}")
    if kind in NO_ANSWER:
        with pytest.raises(AuthError, match=r"too long|too large") as caught:
            answer_of(provider, endpoint)
        assert caught.value.code == "ProviderUnavailable"
        return
    answer = answer_of(provider, endpoint)
    assert ANSWERS[kind](answer.status, dict(answer.headers), answer.body)


def test_what_the_textbook_lets_through_is_known():
    through = set()
    sign_in = ("id_token", "claims", "token", "userinfo", "response", "discovery", "jwks",
               "http.discovery", "http.jwks", "http.token", "http.userinfo")  # fmt: skip
    for name, row in MISBEHAVIOURS.items():
        if row.stage in sign_in:
            fresh = FakeProvider(clients=CLIENTS)
            fresh.misbehave(name)
            try:
                if signed_in(client_of(fresh), fresh):
                    through.add(name)
            except (Rejected, AuthError, KeyError, AssertionError, TypeError, AttributeError):
                pass
    assert through == TEXTBOOK_LETS_THROUGH
    refused = {name for name in through if MISBEHAVIOURS[name].verdict == "refuse"}
    assert {
        "foreign_aud",
        "azp_mismatch",
        "wrong_at_hash",
        "typ_logout",
        "wrong_token_type",
    } < refused


def test_the_modules_of_the_openid_foundation_can_be_played():
    """Every one has its misbehaviours here, and the verdicts agree."""
    plans: dict[str, int] = {}
    for module in MODULES:
        plans[module.plan] = plans.get(module.plan, 0) + 1
        verdicts = {MISBEHAVIOURS[name].verdict for name in module.wrong} or {"accept"}
        if len(module.wrong) < 2:
            assert verdicts == {module.expected}, module.name
    assert plans == {"basic": 16, "config": 6, "refresh": 5, "rp-initiated-logout": 3,
                     "backchannel-logout": 8, "3rd-party": 1}  # fmt: skip


def test_somebody_whom_it_does_not_know_is_a_mistake_of_the_test():
    fake = FakeProvider()
    for deed in (
        lambda: fake.sign_in(None, "alcie"),
        lambda: fake.approve("https://x.test", "alcie"),
    ):
        with pytest.raises(UsageError, match="'fake' knows nobody 'alcie', but alice, bob, carol"):
            deed()
