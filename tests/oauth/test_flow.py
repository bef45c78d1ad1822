"""A sign-in with another party, from the button to the page that was asked for."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from webtest import TestApp

from tests.oauth.visits import pieces_of_tokens
from wsgi_auth import AuthMiddleware, ConfigError
from wsgi_auth.testing import FakeProvider, FakeTransport

URL = "https://app.example.test"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    handle = environ["auth.handle"]
    who = {"session": handle.session, "provider": (handle.claims or {}).get("provider")}
    return [json.dumps({**who, "name": environ.get("REMOTE_USER")}).encode()]


def site(*fakes: FakeProvider, **options) -> AuthMiddleware:
    """An application that offers these providers; ``options`` overrule."""
    more = options.pop("provider", {})
    return AuthMiddleware(
        application,
        **{
            "secret": "s" * 40, "url": URL, "matcher": ["/members/:path*"],
            "providers": [fake.options(**more) for fake in fakes],
            "transport": FakeTransport(*fakes), **options,
        },
    )  # fmt: skip


def browser(app: AuthMiddleware) -> TestApp:
    return TestApp(app, extra_environ=SERVED)


def begin(page: TestApp, provider: str = "fake", **fields: str) -> str:
    """Press the button; the URL at the provider."""
    found = page.get("/auth/signin")
    form = next(each for each in found.forms.values() if each.action.endswith(f"/{provider}"))
    return page.post(form.action, {**dict(form.submit_fields()), **fields}).location


def local(url: str) -> str:
    return url.removeprefix(URL)


def who(page: TestApp):
    session = page.get("/").json["session"]
    return session and session["user"]["id"]


def test_a_visitor_comes_back_to_the_page_that_was_asked_for():
    fake = FakeProvider()
    page = browser(site(fake))
    refused = page.get("/members/area?a=b&c=%2F", headers={"Accept": "text/html"})
    form = page.get(refused.location).forms[0]
    landing = fake.approve(page.post(form.action, form.submit_fields()).location, "bob")
    done = page.get(local(landing.url))
    assert done.location == "/members/area?a=b&c=%2F" and who(page) == "bob"


@pytest.mark.parametrize("wanted", ["https://evil.example.test/", "//evil.example.test", "/\\evil"])
def test_a_hostile_return_url_leads_to_the_default_page(wanted):
    fake = FakeProvider()
    page = browser(site(fake))
    landing = fake.approve(begin(page, callbackUrl=wanted), "alice")
    assert page.get(local(landing.url)).location == "/"


def test_two_tabs_finish_in_either_order():
    fake = FakeProvider()
    for order in ((0, 1), (1, 0)):
        page = browser(site(fake))
        tabs = [begin(page, callbackUrl=f"/tab{number}") for number in (0, 1)]
        for number in order:
            landing = fake.approve(tabs[number], "alice")
            assert page.get(local(landing.url)).location == f"/tab{number}"


def test_of_six_tabs_the_oldest_is_forgotten():
    fake = FakeProvider()
    page = browser(site(fake))
    tabs = [begin(page, callbackUrl=f"/tab{number}") for number in range(6)]
    lost = page.get(local(fake.approve(tabs[0], "alice").url), expect_errors=True)
    assert lost.status_int == 400 and "InvalidCheck" in lost.text
    assert page.get(local(fake.approve(tabs[1], "alice").url)).location == "/tab1"


def exchanged(fake: FakeProvider) -> int:
    return sum(asked.path.endswith("/token") for asked in fake.requests)


@pytest.mark.parametrize("state", ["used", "another browser's", "missing", "empty", "made up"])
def test_an_answer_to_no_sign_in_of_this_browser_is_never_exchanged_R076(state):
    fake = FakeProvider()
    app = site(fake)
    page, other = browser(app), browser(app)
    url = local(fake.approve(begin(page), "alice").url)
    if state == "used":
        page.get(url)
        page.cookies.clear()
        page.reset()
    elif state == "another browser's":
        page = other
    else:
        query = parse_qs(urlsplit(url).query)
        query["state"] = [{"missing": "", "empty": "", "made up": "x" * 43}[state]]
        if state == "missing":
            del query["state"]
        url = f"/auth/callback/fake?{urlencode(query, doseq=True)}"
    before = exchanged(fake)
    answer = page.get(url, expect_errors=True)
    assert answer.status_int == 400 and "InvalidCheck" in answer.text
    assert exchanged(fake) == before and who(page) is None


def test_a_lost_state_leaves_a_session_as_it_is_and_the_log_says_so(caplog):
    fake = FakeProvider()
    page = browser(site(fake))
    url = local(fake.approve(begin(page), "alice").url)
    page.get(url)
    before = exchanged(fake)
    assert page.get(url).location == "/"
    assert who(page) == "alice" and exchanged(fake) == before
    assert "an answer of fake belongs to no sign-in of this browser" in caplog.text


def test_an_answer_of_one_provider_is_none_of_another_R078():
    one = FakeProvider(id="one", issuer="https://one.example.test")
    two = FakeProvider(id="two", issuer="https://two.example.test")
    page = browser(site(one, two))
    url = local(one.approve(begin(page, "one"), "alice").url)
    answer = page.get(url.replace("/callback/one", "/callback/two"), expect_errors=True)
    assert answer.status_int == 400 and exchanged(one) == exchanged(two) == 0


def test_the_same_name_at_two_providers_is_two_users_R085():
    one = FakeProvider(id="one", issuer="https://one.example.test")
    two = FakeProvider(id="two", issuer="https://two.example.test")
    found = []
    for fake in (one, two):
        page = browser(site(one, two))
        fake.sign_in(page, "alice")
        found.append(who(page))
    assert found == ["alice", "two:alice"]


def test_an_id_that_looks_like_another_providers_is_refused_R085():
    person = {"sub": "two:alice", "name": "Mallory"}
    one = FakeProvider("https://one.example.test", people=[person], id="one")
    two = FakeProvider(id="two", issuer="https://two.example.test")
    page = browser(site(one, two))
    assert one.sign_in(page, "two:alice", expect_errors=True).status_int == 403
    assert who(page) is None


def test_a_posted_answer_brings_only_its_own_cookie_and_works():
    fake = FakeProvider()
    page = browser(site(fake, provider={"response_mode": "form_post"}))
    fake.sign_in(page, "alice")
    assert who(page) == "alice"
    assert page.get("/auth/callback/fake", expect_errors=True).status_int == 405


def test_who_says_no_at_the_provider_gets_a_page_that_says_so():
    fake = FakeProvider()
    page = browser(site(fake))
    answer = page.get(local(fake.refuse(begin(page)).url), expect_errors=True)
    assert answer.status_int == 403 and "OAuthCallbackError" in answer.text
    assert who(page) is None


@pytest.mark.parametrize("fault", ["discovery_503", "discovery_slow", "discovery_html"])
def test_a_provider_that_is_down_is_said_and_holds_up_nothing_else(fault):
    fake = FakeProvider()
    page = browser(site(fake))
    form = page.get("/auth/signin").forms[0]
    with fake.misbehave(fault):
        answer = page.post(form.action, form.submit_fields(), expect_errors=True)
        assert answer.status_int in (502, 503)
        assert page.get("/").status_int == 200
    assert page.get("/auth/signin").status_int == 200


def test_what_a_request_may_ask_for_is_passed_on_and_nothing_else():
    fake = FakeProvider()
    page = browser(site(fake))
    begin(page, login_hint="alice", prompt="login", max_age="60", scope="all", redirect_uri="x",
          state="mine", client_id="other")  # fmt: skip
    pushed = dict(next(asked for asked in fake.requests if asked.path.endswith("/par")).form)
    assert (pushed["login_hint"], pushed["prompt"], pushed["max_age"]) == ("alice", "login", "60")
    assert pushed["scope"] == "openid profile email" and pushed["state"] != "mine"
    assert pushed["redirect_uri"] == f"{URL}/auth/callback/fake"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("iss=https%3A//op.example.test&login_hint=alice", 302),
        ("iss=https%3A//evil.example.test", 400),
        ("", 302),  # to the sign-in page
    ],
)
def test_another_site_may_begin_a_sign_in_for_the_configured_issuer_only_R090(query, status):
    page = browser(site(FakeProvider()))
    assert page.get(f"/auth/signin/fake?{query}", expect_errors=True).status_int == status


def test_auto_sign_in_goes_to_the_only_provider_and_shows_what_failed():
    fake = FakeProvider()
    page = browser(site(fake, auto_sign_in=True))
    landing = fake.approve(page.get("/auth/signin?callbackUrl=/members/x").location, "alice")
    assert page.get(local(landing.url)).location == "/members/x"
    assert "Sign in with" in page.get("/auth/signin?error=AccessDenied", expect_errors=True).text


def test_callbacks_are_told_who_it_is_at_the_provider():
    told = {}

    def sign_in(user, account, context):
        told["sign_in"] = (user["id"], account.provider, account.provider_account_id,
                           context.profile["email"], bool(account.tokens["access_token"]))  # fmt: skip
        told["shown"] = f"{account} {context}"
        return True

    def jwt(claims, context):
        if context.trigger == "sign_in":
            told["jwt"] = (context.account.provider, context.profile["sub"])
        return claims

    fake = FakeProvider()
    page = browser(site(fake, callbacks={"sign_in": sign_in, "jwt": jwt}))
    fake.sign_in(page, "alice")
    assert told["sign_in"] == ("alice", "fake", "alice", "alice@example.test", True)
    assert told["jwt"] == ("fake", "alice")
    assert "access_token" not in told["shown"]


@pytest.mark.parametrize(
    ("options", "misbehaviour", "signed_in"),
    [
        ({"allow_emails": ["alice@example.test"]}, (), True),
        ({"allow_emails": ["bob@example.test"]}, (), False),
        ({"allow_domains": ["example.test"]}, (), True),
        ({"allow_domains": ["example.test"]}, ("email_not_verified",), False),
        ({"allow_domains": ["example.test"]}, ("email_verified_text",), False),
        ({"allow_groups": ["nobody"]}, (), False),
    ],
)
def test_who_may_sign_in_is_said_without_python_and_verified_addresses_count(
    options, misbehaviour, signed_in
):
    fake = FakeProvider()
    page = browser(site(fake, **options))
    fake.misbehave(*misbehaviour)
    answer = fake.sign_in(page, "alice", expect_errors=True)
    assert (who(page) == "alice") is signed_in
    assert signed_in or (answer.status_int == 403 and "AccessDenied" in answer.text)


def test_remote_user_names_the_provider_and_the_providers_own_id():
    one = FakeProvider(id="one", issuer="https://one.example.test")
    two = FakeProvider(id="two", issuer="https://two.example.test")
    page = browser(site(one, two, remote_user="{provider}:{id}"))
    two.sign_in(page, "alice")
    assert page.get("/").json["name"] == "two:alice"


def test_two_middlewares_in_one_process_share_nothing():
    good, bad = FakeProvider(), FakeProvider()
    first, second = browser(site(good)), browser(site(bad))
    good.sign_in(first, "alice")
    with bad.misbehave("discovery_503"):
        form = second.get("/auth/signin").forms[0]
        answer = second.post(form.action, form.submit_fields(), expect_errors=True)
    assert answer.status_int == 503 and who(first) == "alice"


def test_a_provider_that_is_not_on_offer_here_answers_nothing():
    fake = FakeProvider()
    app = site(fake, providers_for=lambda request: [])
    page = browser(app)
    assert page.get("/auth/callback/fake?code=c&state=s", expect_errors=True).status_int == 404
    assert "Sign in with" not in page.get("/auth/signin").text


def test_a_client_that_wants_json_gets_the_url():
    page = browser(site(FakeProvider()))
    form = page.get("/auth/signin").forms[0]
    answer = page.post(form.action, form.submit_fields(), headers={"X-Auth-Return-Redirect": "1"})
    assert answer.json["url"].startswith("https://op.example.test/")


def test_nothing_secret_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    fake = FakeProvider()
    page = browser(site(fake))
    landing = fake.approve(begin(page), "alice")
    page.get(local(landing.url))
    client = next(iter(fake.clients.values()))
    for secret in (landing.params["code"], landing.params["state"], client.client_secret):
        assert secret not in caplog.text
    assert not pieces_of_tokens(caplog.text)


def test_a_token_is_found_whole_and_in_pieces_and_a_random_value_is_none():
    token = FakeProvider().logout_token("alice")
    head, claims, _ = token.split(".")
    for leak in (token, head, claims, claims[:16]):
        assert pieces_of_tokens(f"the provider said {leak}; no more")
    assert not pieces_of_tokens('"sid": "sndeyJ-47TSItzUjcjCnN_bTF8ocWLd6", eyJ')


def test_another_party_needs_the_public_url():
    with pytest.raises(ConfigError, match="url: is needed for 'fake'"):
        site(FakeProvider(), url=None)


@pytest.mark.parametrize(("trusted", "signed_in"), [((), False), (("project",), True)])
def test_who_stands_beside_us_in_aud_has_to_be_named(trusted, signed_in):
    fake = FakeProvider()
    client = next(iter(fake.clients))
    page = browser(site(fake, provider={"trusted_audiences": trusted}))
    beside = {"aud": [client, "project"], "azp": client}
    with fake.tamper("claims", lambda claims, scene: {**claims, **beside}):
        fake.sign_in(page, "alice", expect_errors=True)
    assert (who(page) is not None) is signed_in


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong_nonce", "sign-in by fake failed: id_token: nonce"),
        ("token_503", "sign-in by fake failed: token: the provider answered 503"),
        ("discovery_wrong_issuer", "sign-in by fake failed: discovery: the provider calls itself"),
    ],
)
def test_the_log_has_the_provider_the_step_and_what_was_expected(fault, said, caplog):
    fake = FakeProvider()
    page = browser(site(fake))
    with fake.misbehave(fault):
        fake.sign_in(page, "alice", expect_errors=True)
    assert said in caplog.text
