"""A page that wants a stronger sign-in than the one there was: ``acr`` on a route."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from webtest import TestApp

from tests.oauth.visits import URL, Visitor, site
from wsgi_auth import AuthMiddleware, ConfigError, require
from wsgi_auth.testing import FakeProvider, session_cookie, sign_in

VAULT = [{"source": "/vault/:path*", "acr": ["phr", "mfa"]}]
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def fake() -> FakeProvider:
    return FakeProvider()


def bank(*fakes: FakeProvider, **more) -> Visitor:
    return Visitor(site(*fakes, **{"routes": VAULT, **more}))


def asked(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("acr_values", [""])[0]


def pushed(fake: FakeProvider) -> dict[str, str]:
    """The parameters of the last sign-in, as the provider got them."""
    return dict([each for each in fake.requests if each.path == "/par"][-1].form)


def test_somebody_who_is_signed_in_steps_up_and_is_back_at_the_page(fake):
    browser = bank(fake)
    fake.sign_in(browser, "alice")
    assert "acr" not in browser.get("/members/x").json["claims"]
    sent = browser.get("/vault/gold", headers=BROWSER, status=302).location
    assert asked(sent) == "phr mfa"
    form = browser.get(sent).forms[0]
    there = browser.post(form.action, form.submit_fields(), status=303).location
    assert (pushed(fake)["acr_values"], pushed(fake)["prompt"]) == ("phr mfa", "login")
    assert browser.land(fake.approve(there)).location == "/vault/gold"
    assert browser.get("/vault/gold").json["claims"]["acr"] == "phr"


def test_a_stranger_signs_in_as_strongly_at_once(fake):
    browser = bank(fake)
    sent = browser.get("/vault/gold", headers=BROWSER, status=302).location
    form = browser.get(sent).forms[0]
    there = browser.post(form.action, form.submit_fields(), status=303).location
    browser.land(fake.approve(there))
    assert browser.get("/vault/gold", status=200)


@pytest.mark.parametrize(
    ("second", "expected"), [(["mfa", "x"], "mfa"), (["x"], "phr mfa"), (None, "phr mfa")]
)
def test_one_sign_in_is_asked_for_that_will_do_for_all_routes(fake, second, expected):
    other = [{"source": "/vault/gold", "acr": second}] if second else []
    browser = bank(fake, matcher=["/:path*"], routes=[*VAULT, *other])
    assert asked(browser.get("/vault/gold", headers=BROWSER, status=302).location) == expected


def test_a_program_is_told_where_and_how_strongly(fake):
    browser = bank(fake)
    assert asked(browser.get("/vault/gold", status=401).json["signinUrl"]) == "phr mfa"
    fake.sign_in(browser, "alice")
    said = browser.get("/vault/gold", status=401).json
    assert said["error"] == "FreshSignInRequired" and asked(said["signinUrl"]) == "phr mfa"


def test_with_auto_sign_in_a_stranger_is_sent_with_the_question(fake):
    browser = bank(fake, auto_sign_in=True)
    sent = browser.get("/vault/gold", headers=BROWSER, status=302).location
    browser.get(sent, status=302)
    assert pushed(fake)["acr_values"] == "phr mfa"


def test_a_page_of_ones_own_is_told_what_to_ask_for(fake):
    browser = bank(fake, pages={"sign_in": "/login"})
    sent = browser.get("/vault/gold", headers=BROWSER, status=302).location
    assert urlsplit(sent).path == "/login" and asked(sent) == "phr mfa"
    other = browser.get("/auth/signin?acr_values=phr&callbackUrl=/x", status=302).location
    assert urlsplit(other).path == "/login" and asked(other) == "phr"


def test_a_provider_that_answers_with_less_signs_nobody_in_and_nothing_goes_round_in_circles(fake):
    browser = bank(fake, auto_sign_in=True)
    sent = browser.get("/vault/gold", headers=BROWSER, status=302).location
    with fake.tamper("claims", lambda claims, scene: {**claims, "acr": "pwd"}):
        answer = browser.land(fake.approve(browser.get(sent, status=302).location))
    assert answer.status_int >= 400
    assert browser.get("/vault/gold", status=401)


@pytest.mark.parametrize(
    ("acr", "status"),
    [("phr", 200), ("mfa", 200), ("pwd", 401), ("", 401), (None, 401), (["phr"], 401), (1, 401)],
)
def test_the_session_has_one_of_the_strengths_or_does_not_pass(fake, acr, status):
    browser = bank(fake)
    claims = {} if acr is None else {"acr": acr}
    app = site(fake, routes=VAULT)
    signed = app.site.cookies.strategy.save(
        {"sub": "alice", "auth_time": int(time.time()), "provider": "fake", **claims}, time.time()
    )
    cookie = app.config.cookies.session.set(signed.value)[0].partition(";")[0]
    browser.get("/vault/gold", headers={"Cookie": cookie}, status=status)


def test_no_callback_makes_a_session_stronger(fake):
    browser = bank(fake, callbacks={"jwt": lambda claims, context: {**claims, "acr": "phr"}})
    fake.sign_in(browser, "alice")
    assert "acr" not in browser.get("/members/x").json["claims"]
    browser.get("/vault/gold", status=401)


def test_a_weaker_sign_in_later_is_the_weaker_session(fake):
    browser = bank(fake)
    form = browser.get("/auth/signin?acr_values=mfa").forms[0]
    browser.land(fake.approve(browser.post(form.action, form.submit_fields()).location))
    browser.get("/vault/gold", status=200)
    fake.sign_in(browser, "alice")
    browser.get("/vault/gold", status=401)


def test_the_page_shows_only_who_can_be_asked(fake):
    options = [
        fake.options(),
        {**FakeProvider("https://two.example.test", id="two").options(),
         "authorization_params": {"acr_values": "pwd"}},
        {"id": "credentials", "authorize": lambda credentials, request: None},
        {"id": "github", "client_id": "a", "client_secret": "b"},
    ]  # fmt: skip
    app = AuthMiddleware(
        site(fake).app,
        {"secret": "s" * 40, "url": URL, "routes": VAULT, "providers": options,
         "transport": fake.transport},
    )  # fmt: skip
    browser = Visitor(app)
    everyone = browser.get("/auth/signin")
    able = browser.get("/auth/signin?acr_values=phr")
    assert len(everyone.forms) > 3
    assert [form.action.rpartition("/")[2] for form in able.forms.values()] == ["fake"] * len(
        able.forms
    )


@pytest.mark.parametrize("value", ["a" * 600, "a\nb", "\0", ""])
def test_what_can_be_asked_of_nobody_is_asked_of_nobody(fake, value):
    page = bank(fake).get(f"/auth/signin?acr_values={quote(value)}", status=200)
    assert "acr_values" not in page.text


@pytest.mark.parametrize("value", ['"><b>', "' onfocus=x", "\u00e9\u00df", "%00"])
def test_what_anybody_can_write_into_the_address_is_text(fake, value):
    page = bank(fake).get(f"/auth/signin?acr_values={quote(value)}", status=200)
    assert page.forms[0]["acr_values"].value == value
    assert "<b>" not in page.text and "' onfocus" not in page.text


def test_a_token_needs_the_strength_too_and_the_answer_names_it(fake):
    api = "https://api.example.test"
    app = site(
        fake, provider={"audience": api},
        routes=[{"source": "/vault/:path*", "bearer": True, "acr": ["phr", "mfa"], "fresh": "10m"}],
    )  # fmt: skip
    page = TestApp(app, extra_environ={"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"})
    strong = {
        "Authorization": f"Bearer {fake.access_token('robot', api, acr='mfa', auth_time=int(time.time()))}"
    }
    weak = {
        "Authorization": f"Bearer {fake.access_token('robot', api, acr='pwd', auth_time=int(time.time()))}"
    }
    page.get("/vault/x", headers=strong, status=200)
    said = page.get("/vault/x", headers=weak, status=401).headers["WWW-Authenticate"]
    assert said == (
        'Bearer realm="sign-in", error="insufficient_user_authentication", '
        'error_description="a more recent or a stronger sign-in is needed", max_age="600", '
        'acr_values="phr mfa"'
    )


@pytest.mark.parametrize("acr", ["pwd", "phr", "sms"])
def test_a_program_is_told_of_a_token_that_will_do_for_all_routes_at_once(fake, acr):
    api = "https://api.example.test"
    routes = [
        {"source": "/vault/:path*", "bearer": True, "acr": ["phr", "mfa"]},
        {"source": "/vault/gold", "bearer": True, "acr": ["sms", "mfa"]},
    ]
    app = site(fake, provider={"audience": api}, routes=routes)
    sent = {"Authorization": f"Bearer {fake.access_token('robot', api, acr=acr)}"}
    answer = Visitor(app).get("/vault/gold", headers=sent, status=401)
    assert 'acr_values="mfa"' in answer.headers["WWW-Authenticate"]
    assert asked(answer.json["signinUrl"]) == "mfa"


def test_require_takes_it_as_a_route_does(fake):
    app = AuthMiddleware(
        require(site(fake).app, acr=["mfa"]), secret="s" * 40, url=URL, matcher=[],
        providers=[fake.options()], transport=fake.transport,
    )  # fmt: skip
    browser = Visitor(app)
    sign_in(browser, {"id": "alice"})
    assert asked(browser.get("/x", status=401).json["signinUrl"]) == "mfa"


def test_the_strength_of_a_cookie_from_elsewhere_is_of_no_route_that_asks_for_none(fake):
    app = site(fake, routes=VAULT)
    cookie = session_cookie(app.config, {"id": "alice"})
    Visitor(app).get("/members/x", headers={"Cookie": cookie}, status=200)


@pytest.mark.parametrize(
    ("route", "match"),
    [({"acr": []}, "acr must be"), ({"acr": "a\x00"}, "control characters"), ({"acr": 7}, "must be a list"),
     ({"acr": 'a"b'}, "acr must be"), ({"acr": ["a" * 255] * 3}, "512 characters in all"),
     ({"acr": "a" * 256}, "255 characters")],
)  # fmt: skip
def test_a_strength_that_no_parameter_can_hold_stops_start_up(fake, route, match):
    with pytest.raises(ConfigError, match=match):
        site(fake, routes=[{"source": "/vault", **route}])


def test_the_longest_strengths_that_a_parameter_can_hold_are_taken(fake):
    longest = ["a" * 255, "b" * 254, "c"]
    (route,) = site(fake, routes=[{"source": "/vault", "acr": longest}]).config.routes
    assert route.acr == tuple(longest)


def test_a_strength_that_no_provider_can_give_stops_start_up(fake):
    with pytest.raises(ConfigError, match="there must be a provider of type oidc"):
        AuthMiddleware(
            site(fake).app, secret="s" * 40, url=URL, routes=VAULT,
            providers=[{"id": "github", "client_id": "a", "client_secret": "b"}],
        )  # fmt: skip
