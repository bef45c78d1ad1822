"""The provider's tokens for the application, and leaving the provider at sign-out."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from webtest import TestApp

from tests.oauth.visits import just_looking
from wsgi_auth import (
    AuthMiddleware,
    ConfigError,
    OAuthError,
    ProviderUnavailable,
    SignInAgain,
    UsageError,
    get_auth,
)
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.testing import MISBEHAVIOURS, FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.web import Answered

URL = "https://app.example.test"
TOKENS = "__Host-auth.tokens"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}


def application(environ, start_response):
    """Says what the token of the fake provider is, or why there is none."""
    try:
        said = get_auth(environ).access_token("fake")
    except (SignInAgain, OAuthError, ProviderUnavailable, UsageError) as error:
        said = f"{error.code}: {error}"
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


def site(fake: FakeProvider, **options) -> AuthMiddleware:
    return AuthMiddleware(
        application, secret="s" * 40, url=URL, matcher=["/members"], transport=fake.transport,
        providers=[fake.options(**{"tokens": True, "logout": True, **options})],
    )  # fmt: skip


def browser(app: AuthMiddleware) -> TestApp:
    return TestApp(app, extra_environ=SERVED)


def token_requests(fake: FakeProvider) -> int:
    return sum(asked.path.endswith("/token") for asked in fake.requests)


def test_the_application_gets_the_providers_token_and_a_browser_cannot_read_it():
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    token = visitor.get("/").json
    assert isinstance(token, str) and len(token) > 20
    assert token not in str(visitor.cookies) and token not in visitor.get("/auth/session").text


def test_nobody_and_a_provider_that_keeps_none_have_no_token():
    fake = FakeProvider()
    assert browser(site(fake)).get("/").json is None
    visitor = browser(site(fake, tokens=False))
    fake.sign_in(visitor, "alice")
    assert "set providers.fake.tokens = True" in visitor.get("/").json


@pytest.mark.parametrize(
    ("keeps", "has_cookie"),
    [({"tokens": True}, True), ({"logout": True}, True), ({}, False)],
    ids=["tokens", "logout", "neither"],
)
def test_a_browser_keeps_of_the_tokens_what_is_asked_for_and_else_nothing(keeps, has_cookie):
    fake = FakeProvider()
    visitor = browser(site(fake, **{"tokens": False, "logout": False, **keeps}))
    fake.sign_in(visitor, "alice")
    assert (TOKENS in visitor.cookies) is has_cookie


@pytest.mark.parametrize(
    ("adapter", "tokens"), [(None, False), ("memory:", False), ("memory:", True)]
)
def test_what_a_browser_keeps_for_the_sign_out_alone_opens_nothing_else(adapter, tokens):
    fake = FakeProvider()

    def kept(**options):
        app = AuthMiddleware(
            application, secret="s" * 40, url=URL, matcher=["/members"], transport=fake.transport,
            providers=[fake.options(tokens=tokens, **options)], adapter=adapter,
        )  # fmt: skip
        visitor = browser(app)
        fake.sign_in(visitor, "alice")
        header = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        claims = app.site.reader.read({"HTTP_COOKIE": header}, time.time()).claims
        return app.site.vault.read(header, claims)

    held = kept(logout=True)["fake"]
    assert held == Tokens("-", id_token=held.id_token) and held.id_token
    assert kept(logout=False) == {}


@pytest.mark.parametrize("name", ["credentials", "no such provider"])
def test_to_ask_for_a_token_where_there_can_be_none_is_a_mistake_that_is_named(name):
    def asking(environ, start_response):
        get_auth(environ).access_token(name)

    fake = FakeProvider()
    providers = [fake.options(tokens=True), {"id": "credentials", "authorize": lambda *_: None}]
    app = AuthMiddleware(asking, secret="s" * 40, url=URL, matcher=[], providers=providers)
    with pytest.raises(UsageError, match=f"the provider '{name}' keeps no tokens"):
        browser(app).get("/")


def test_somebody_whom_the_application_signs_in_brings_no_token_and_no_cookie_is_needed_for_that():
    def signing_in(environ, start_response):
        get_auth(environ).sign_in({"id": "alice"})
        return application(environ, start_response)

    fake = FakeProvider()
    app = AuthMiddleware(signing_in, secret="s" * 40, url=URL, matcher=[],
                         providers=[fake.options(tokens=True)])  # fmt: skip
    assert browser(app).get("/").json is None


def later(seconds: float = 100) -> time_machine.travel:
    return time_machine.travel(time.time() + seconds)


def test_a_token_about_to_expire_is_renewed_once_and_the_rotated_one_kept():
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    first = visitor.get("/").json
    with later():
        second = visitor.get("/").json
        third = visitor.get("/").json
    assert first != second == third
    assert token_requests(fake) == 2


def test_of_many_requests_at_once_one_asks_and_all_get_the_same():
    fake = FakeProvider(token_life=120)
    app = site(fake)
    visitor = browser(app)
    fake.sign_in(visitor, "alice")
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    found: list[str] = []

    def ask() -> None:
        found.append(TestApp(app, extra_environ={**SERVED, "HTTP_COOKIE": cookies}).get("/").json)

    with later():
        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 24 and len(set(found)) == 1
    assert token_requests(fake) == 2


def test_a_token_that_cannot_be_renewed_is_given_until_it_expires_and_nobody_is_asked():
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    with fake.tamper("token", lambda said, scene: {**said, "refresh_token": None}):
        fake.sign_in(visitor, "alice")
    assert len(visitor.get("/").json) > 20
    with later(130):
        said = visitor.get("/").json
    assert said == "RefreshTokenError: the token of fake has expired, and it gave none to renew it"
    assert token_requests(fake) == 1


def test_a_token_that_nobody_could_keep_is_not_renewed():
    """Once the headers have left: the provider might take the one that there is for used up."""

    def too_late(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])(b"")
        return application(environ, lambda *_: None)

    fake = FakeProvider(token_life=120)
    app = site(fake)
    visitor = browser(app)
    fake.sign_in(visitor, "alice")
    app.app, application_ = too_late, app.app
    with later():
        assert "headers have left" in visitor.get("/").json
        assert token_requests(fake) == 1
        app.app = application_
        assert len(visitor.get("/").json) > 20


def test_a_refused_renewal_says_so_from_then_on_and_asks_no_more(caplog):
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    refusal = Answered(400, [("Content-Type", "application/json")], b'{"error": "invalid_grant"}')
    with later():
        with fake.tamper("http.token", lambda answer, scene: refusal):
            assert visitor.get("/").json.startswith("RefreshTokenError")
        assert visitor.get("/").json.startswith("RefreshTokenError")
        assert visitor.get("/auth/session").json["user"]["id"] == "alice"
    assert token_requests(fake) == 2
    assert "fake gives no fresh token" in caplog.text and "invalid_grant" in caplog.text


def test_fresh_tokens_that_are_too_large_to_keep_are_given_once_and_the_log_says_so(caplog):
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    first = visitor.get("/").json
    large = secrets.token_urlsafe(6_000)
    with later(), fake.tamper("refresh", lambda said, scene: {**said, "refresh_token": large}):
        second = visitor.get("/").json
        assert second != first and not second.startswith("RefreshTokenError")
        assert visitor.get("/").json.startswith("RefreshTokenError")
        assert visitor.get("/auth/session").json["user"]["id"] == "alice"
    assert "the fresh tokens of fake are not kept" in caplog.text and large not in caplog.text
    assert token_requests(fake) == 2


def test_tokens_that_are_too_large_to_keep_stop_no_sign_in_and_the_log_says_so(caplog):
    fake = FakeProvider()
    visitor = browser(site(fake))
    large = secrets.token_urlsafe(6_000)
    with fake.tamper("token", lambda said, scene: {**said, "refresh_token": large}):
        fake.sign_in(visitor, "alice")
    assert visitor.get("/auth/session").json["user"]["id"] == "alice"
    assert visitor.get("/").json is None
    assert "the tokens of fake are not kept" in caplog.text and large not in caplog.text


def calling(environ, start_response):
    """As ``docs/calling-the-provider`` says it; "/kept" does without."""
    auth = get_auth(environ)
    try:
        said = environ["PATH_INFO"] == "/kept" or auth.access_token("fake")
    except SignInAgain:
        return auth.challenge("fake")(environ, start_response)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


HTML = {"Accept": "text/html"}
NO_MORE = Answered(400, [("Content-Type", "application/json")], b'{"error": "invalid_grant"}')


def out_of_tokens(fake, **more):
    """A visitor whose session is good and whose tokens are not."""
    app = AuthMiddleware(
        calling, secret="s" * 40, url=URL, matcher=["/members"], transport=fake.transport,
        providers=[fake.options(tokens=True)], **more,
    )  # fmt: skip
    visitor = browser(app)
    fake.sign_in(visitor, "alice", start="/auth/signin?callbackUrl=/kept")
    return visitor


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_recipe_for_sign_in_again_leads_to_the_provider_and_back_with_fresh_tokens(method):
    fake = FakeProvider(token_life=120)
    visitor = out_of_tokens(fake)
    with later():
        with fake.tamper("http.token", lambda answer, scene: NO_MORE):
            sent = getattr(visitor, method)("/repos?of=me", headers=HTML)
        assert sent.status_int == (302 if method == "get" else 303)
        assert sent.location.startswith(fake.issuer) and sent.headers["Cache-Control"] == "no-store"
        landing = fake.approve(sent.location, "alice")
        done = visitor.get(landing.url.removeprefix(URL))
        assert done.location == "/repos?of=me"
        assert isinstance(visitor.get(done.location, headers=HTML).json, str)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x--"), ("text/plain", b"a=b"),
        ("application/json", b"[1]"), ("application/octet-stream", b"\xff" * 200_000),
        ("application/x-www-form-urlencoded", b"remember=no"),
    ],
    ids=["multipart", "text", "json", "large", "remember"],
)  # fmt: skip
def test_the_body_of_a_post_that_needs_fresh_tokens_is_the_applications_and_says_nothing(
    kind, body
):
    fake = FakeProvider(token_life=120)
    visitor = out_of_tokens(fake)
    with later():
        with fake.tamper("http.token", lambda answer, scene: NO_MORE):
            sent = visitor.post("/repos", body, content_type=kind, headers=HTML, status=303)
        landing = fake.approve(sent.location, "alice")
        done = visitor.get(landing.url.removeprefix(URL))
    (session,) = (c for c in done.headers.getall("Set-Cookie") if "session-token=" in c)
    assert "Max-Age=" in session


def test_a_program_that_has_to_sign_in_again_gets_401_and_the_session_stays():
    fake = FakeProvider(token_life=120)
    visitor = out_of_tokens(fake)
    with later():
        with fake.tamper("http.token", lambda answer, scene: NO_MORE):
            refused = visitor.get("/repos", expect_errors=True)
        assert refused.status_int == 401 and refused.json["error"] == "SessionRequired"
        assert visitor.get("/auth/session").json["user"]["id"] == "alice"


def test_a_provider_that_is_down_when_somebody_has_to_sign_in_again_is_an_error_page():
    fake = FakeProvider(token_life=120)
    visitor = out_of_tokens(fake)
    with later():
        with fake.tamper("http.token", lambda answer, scene: NO_MORE):
            visitor.get("/repos", expect_errors=True)
        fake.misbehave("par_no_uri")
        body = b"the application's own"
        answer = visitor.post("/repos", body, headers=HTML, expect_errors=True)
    assert answer.status_int == 502 and "OAuthSignin" in answer.text


def test_a_challenge_at_a_provider_is_for_one_that_there_is_and_that_is_on_offer():
    fake = FakeProvider(token_life=120)
    offered = ["fake"]
    visitor = out_of_tokens(fake, providers_for=lambda request: offered)
    with later(), fake.tamper("http.token", lambda answer, scene: NO_MORE):
        offered.clear()
        assert visitor.get("/repos", headers=HTML, expect_errors=True).status_int == 404

    def wrong(environ, start_response):
        return get_auth(environ).challenge("other")(environ, start_response)

    with pytest.raises(UsageError, match="no provider 'other'"):
        browser(AuthMiddleware(wrong, secret="s" * 40, matcher=[])).get("/")


def test_a_challenge_at_a_provider_with_a_form_leads_to_the_sign_in_page():
    def again(environ, start_response):
        return get_auth(environ).challenge("credentials")(environ, start_response)

    app = AuthMiddleware(again, secret="s" * 40, url=URL, matcher=[],
                         providers=[{"id": "credentials", "authorize": lambda *_: None}])  # fmt: skip
    sent = browser(app).get("/x?y=z", headers=HTML)
    assert sent.location == "/auth/signin?callbackUrl=/x%3Fy%3Dz"


@pytest.mark.parametrize("fault", ["token_503", "token_slow", "token_429", "token_html"])
def test_a_provider_in_trouble_loses_nothing(fault):
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    with later():
        with fake.misbehave(fault):
            code = visitor.get("/").json.partition(":")[0]
            assert code in ("ProviderUnavailable", "OAuthCallbackError")
        assert len(visitor.get("/").json) > 20


REFRESHED = {name: row for name, row in MISBEHAVIOURS.items() if row.stage.startswith("refresh")}


@pytest.mark.parametrize("name", REFRESHED)
def test_a_renewal_is_judged_like_a_sign_in(name):
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    with later(), fake.misbehave(name):
        said = visitor.get("/").json
    verdict = "refuse" if said.startswith("OAuthCallbackError") else "accept"
    assert REFRESHED[name].verdict in (verdict, "either"), said


def test_the_tokens_of_one_session_are_none_of_another():
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    kept = visitor.cookies[TOKENS]
    fake.sign_in(visitor, "bob")
    visitor.set_cookie(TOKENS, kept)
    assert visitor.get("/").json is None


def test_signing_out_deletes_the_tokens():
    fake = FakeProvider()
    visitor = browser(site(fake, logout=False))
    fake.sign_in(visitor, "alice")
    form = visitor.get("/auth/signout").forms[0]
    form.submit()
    assert TOKENS not in visitor.cookies


def test_who_signs_in_by_another_way_keeps_no_tokens_of_the_session_before():
    def app(environ, start_response):
        get_auth(environ).sign_in({"id": "carol"})
        start_response("200 OK", [])
        return []

    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    assert TOKENS in visitor.cookies
    given = site(fake).config
    held = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    answer = browser(AuthMiddleware(app, given)).get("/", headers={"Cookie": held})
    (gone,) = [each for each in answer.headers.getall("Set-Cookie") if each.startswith(TOKENS)]
    assert "Max-Age=0" in gone


def test_a_strict_session_cookie_is_there_on_the_first_page_after_the_sign_in():
    fake = FakeProvider()
    app = AuthMiddleware(
        application, secret="s" * 40, url=URL, transport=fake.transport, matcher=["/members"],
        providers=[fake.options()], cookies={"session": {"same_site": "Strict"}},
    )  # fmt: skip
    visitor = browser(app)
    form = visitor.get("/auth/signin?callbackUrl=/members").forms[0]
    landing = fake.approve(visitor.post(form.action, form.submit_fields()).location, "alice")
    answer = visitor.get(landing.url.removeprefix(URL))
    assert (answer.status_int, answer.headers["Refresh"]) == (200, "0; url=/members")


def test_a_strict_cookie_for_flows_stops_start_up():
    with pytest.raises(ConfigError, match=r"cookies\.flow\.same_site: 'Strict' is never sent"):
        AuthMiddleware(
            application, secret="s" * 40, url=URL, cookies={"flow": {"same_site": "Strict"}}
        )


# --- leaving ----------------------------------------------------------------------------------


def leave(visitor: TestApp, back_to: str = "/bye"):
    form = visitor.get(f"/auth/signout?callbackUrl={back_to}").forms[0]
    return form.submit()


def test_signing_out_leads_to_the_provider_and_back_to_where_it_was_to_lead():
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    sent = leave(visitor)
    target = urlsplit(sent.location)
    said = {name: value[0] for name, value in parse_qs(target.query).items()}
    assert sent.status_int == 303 and sent.location.startswith(fake.issuer)
    assert said["post_logout_redirect_uri"] == f"{URL}/auth/signout"
    assert said["client_id"] and said["id_token_hint"].count(".") == 2
    assert visitor.get("/auth/session").json is None
    back = visitor.get(f"/auth/signout?state={said['state']}")
    assert back.location == "/bye"
    again = visitor.get(f"/auth/signout?state={said['state']}", status="*")
    assert again.status_int == 400 and "InvalidCheck" in again.text


@just_looking
def test_who_only_looks_uses_up_no_state_of_a_sign_out_R074(method, headers):
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    back = f"/auth/signout?state={parse_qs(urlsplit(leave(visitor).location).query)['state'][0]}"
    assert visitor.request(back, method=method, headers=headers, status=400)
    assert visitor.get(back).location == "/bye"


def test_who_left_one_of_several_providers_comes_back_to_where_it_was_to_lead():
    fake = FakeProvider()
    first, plain = (FakeProvider(f"https://{id}.example.test", id=id) for id in ("first", "plain"))
    app = AuthMiddleware(
        application, secret="s" * 40, url=URL, transport=FakeTransport(fake, first, plain),
        providers=[
            {"id": "credentials", "authorize": lambda *_: None}, plain.options(),
            first.options(logout=True), fake.options(logout=True),
        ],
        public=["/"],
    )  # fmt: skip
    visitor = browser(app)
    fake.sign_in(visitor, "alice")
    state = parse_qs(urlsplit(leave(visitor).location).query)["state"][0]
    assert visitor.get(f"/auth/signout?state={state}").location == "/bye"


@pytest.mark.parametrize("state", ["", "x", "x" * 43])
def test_coming_back_with_a_state_that_is_none_of_ours_leads_nowhere(state, caplog):
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    leave(visitor)
    assert visitor.get(f"/auth/signout?state={state}", status="*").status_int == 400
    assert "a state of no sign-out of this browser" in caplog.text


def test_the_state_of_a_sign_out_is_no_state_of_a_sign_in():
    fake = FakeProvider()
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    state = parse_qs(urlsplit(leave(visitor).location).query)["state"][0]
    answer = visitor.get(f"/auth/callback/fake?code=x&state={state}", status="*")
    assert answer.status_int == 400 and "InvalidCheck" in answer.text


def test_nor_is_the_state_of_a_sign_in_one_of_a_sign_out():
    fake = FakeProvider()
    visitor = browser(site(fake))
    form = visitor.get("/auth/signin?callbackUrl=/members").forms[0]
    landing = fake.approve(visitor.post(form.action, form.submit_fields()).location, "alice")
    answer = visitor.get(f"/auth/signout?state={landing.params['state']}", status="*")
    assert answer.status_int == 400 and "InvalidCheck" in answer.text
    assert visitor.get(landing.url.removeprefix(URL)).location == "/members"


def test_a_provider_that_is_down_or_has_no_such_endpoint_keeps_nobody_signed_in(caplog):
    fake = FakeProvider()
    app = site(fake)
    visitor = browser(app)
    fake.sign_in(visitor, "alice")
    cookies = dict(visitor.cookies)
    with fake.misbehave("discovery_503"):
        fresh = browser(site(fake))
        for name, value in cookies.items():
            fresh.set_cookie(name, value)
        assert leave(fresh).location == "/bye"
    assert fresh.get("/auth/session").json is None
    assert "signed out here, but not at fake" in caplog.text

    def without(said, scene):
        return {name: value for name, value in said.items() if name != "end_session_endpoint"}

    with fake.tamper("discovery", without):
        fresh = browser(site(fake))
        fake.sign_in(fresh, "alice")
        assert leave(fresh).location == "/bye"
    assert fresh.get("/auth/session").json is None


def test_no_token_is_ever_logged(caplog):
    caplog.set_level(logging.DEBUG)
    fake = FakeProvider(token_life=120)
    visitor = browser(site(fake))
    fake.sign_in(visitor, "alice")
    tokens = {visitor.get("/").json}
    with later():
        tokens.add(visitor.get("/").json)
    leave(visitor)
    assert not any(token in caplog.text for token in tokens)
