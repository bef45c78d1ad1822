"""Programs with an access token: a route with ``bearer``, the providers' tokens and one's own."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

import pytest
import time_machine
from webtest import TestApp

from tests.oauth.visits import URL, Visitor, site
from wsgi_auth import (
    AuthMiddleware,
    ConfigError,
    Forbidden,
    Route,
    Unauthorized,
    get_session,
    get_token,
)
from wsgi_auth.errors import AccessDenied, ProviderUnavailable, StoreUnavailable, UsageError
from wsgi_auth.remembered import MOST, Remembered
from wsgi_auth.testing import FakeProvider, FakeTransport, session_cookie
from wsgi_auth.testing.fake_provider.keys import b64
from wsgi_auth.testing.fake_provider.web import as_json, as_text

API = "https://api.example.test"
SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def api(**route: Any) -> list[dict[str, Any]]:
    return [{"source": "/api/:path*", "bearer": True, **route}]


def served(*fakes: FakeProvider, routes: Any = None, **more: Any) -> TestApp:
    """A client of an API that takes the access tokens of these providers."""
    options = {"routes": api() if routes is None else routes, **more}
    provider = {"audience": API, **options.pop("provider", {})}
    return TestApp(site(*fakes, provider=provider, **options), extra_environ=dict(SERVED))


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def fake() -> FakeProvider:
    return FakeProvider()


# --- whom a token stands for ----------------------------------------------------------------------


def test_a_program_with_a_token_of_the_provider_is_let_in(fake):
    answer = served(fake).get("/api/x", headers=bearing(fake.access_token("robot", API, "read")))
    assert answer.json["session"]["user"]["id"] == "robot"
    assert answer.json["claims"]["provider"] == "fake"
    assert "Set-Cookie" not in answer.headers
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_scheme_is_read_in_any_case(fake):
    token = fake.access_token("robot", API)
    served(fake).get("/api/x", headers={"Authorization": f"bEARER  {token}"}, status=200)


def test_its_claims_are_mapped_as_those_of_a_sign_in(fake):
    token = fake.access_token(
        "alice", API, name="Alice", email="a@example.test", email_verified=True,
        realm_access={"roles": ["ops", "dev"]},
    )  # fmt: skip
    page = served(fake, provider={"profile": {"groups": "realm_access.roles"}})
    said = page.get("/api/x", headers=bearing(token)).json
    assert said["session"]["user"] == {
        "id": "alice", "name": "Alice", "email": "a@example.test", "image": None,
    }  # fmt: skip
    assert said["claims"]["groups"] == ["ops", "dev"] and said["claims"]["email_verified"] is True


def test_a_browsers_session_and_a_token_name_the_same_user(fake):
    for more in ({}, {"adapter": "memory:"}):
        app = site(fake, provider={"audience": API}, routes=api(), **more)
        browser = Visitor(app)
        fake.sign_in(browser, "alice")
        mine = browser.get("/api/x").json["session"]["user"]["id"]
        program = TestApp(app, extra_environ=dict(SERVED))
        token = fake.access_token("alice", API)
        assert program.get("/api/x", headers=bearing(token)).json["session"]["user"]["id"] == mine


def test_where_users_are_kept_a_machine_is_named_by_its_provider_and_nobody_is_made(fake):
    app = site(fake, provider={"audience": API}, routes=api(), adapter="memory:")
    program = TestApp(app, extra_environ=dict(SERVED))
    said = program.get("/api/x", headers=bearing(fake.access_token("robot", API))).json
    assert said["session"]["user"]["id"] == "fake:robot"
    assert app.site.adapter.get_user_by_account("fake", "robot") is None
    assert app.site.adapter.get_user("fake:robot") is None


def test_the_application_gets_the_token_to_use_it_itself(fake):
    seen = []

    def application(environ, start_response):
        seen.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("200 OK", [])
        return []

    app = site(fake, provider={"audience": API}, routes=api())
    app.app = application
    token = fake.access_token("robot", API)
    TestApp(app, extra_environ=dict(SERVED)).get("/api/x", headers=bearing(token))
    assert seen == [f"Bearer {token}"]


@pytest.mark.parametrize("more", [{}, {"adapter": "memory:"}, {"session": {"strategy": "jwt"}}])
def test_no_token_is_made_into_a_session_that_outlives_it(fake, more):
    def application(environ, start_response):
        with pytest.raises(UsageError, match="no session to update"):
            environ["auth.handle"].update({"name": "Ada"})
        start_response("200 OK", [])
        return []

    jwt = {"jwt": lambda claims, context: dict(claims)}
    app = site(fake, provider={"audience": API}, routes=api(), callbacks=jwt, **more)
    app.app = application
    program = TestApp(app, extra_environ=dict(SERVED))
    answer = program.get("/api/x", headers=bearing(fake.access_token("robot", API)))
    assert "Set-Cookie" not in answer.headers


def test_an_answer_without_an_end_lasts_as_long_as_the_token(fake):
    with time_machine.travel(1_800_000_000, tick=False) as clock:

        def events():
            while True:
                clock.shift(1)
                yield b"."

        def application(environ, start_response):
            start_response("200 OK", [])
            return environ["auth.handle"].while_signed_in(events())

        app = site(fake, provider={"audience": API}, routes=api())
        app.app = application
        token = fake.access_token("robot", API, exp=1_800_000_030)
        answer = TestApp(app, extra_environ=dict(SERVED)).get("/api/x", headers=bearing(token))
    assert answer.body == b"." * 29


def test_remote_user_and_the_session_callback_are_as_for_any_session(fake):
    page = served(
        fake, remote_user="id",
        callbacks={"session": lambda session, context: {**session, "seen": True},
                   "jwt": lambda claims, context: {**claims, "tier": "gold"}},
    )  # fmt: skip
    said = page.get("/api/x", headers=bearing(fake.access_token("robot", API))).json
    assert said["name"] == "robot" and said["session"]["seen"] and said["claims"]["tier"] == "gold"


def test_no_machine_gets_the_name_of_a_user_who_is_kept(fake):
    app = site(
        fake, provider={"audience": API}, routes=api(), adapter="memory:", remote_user="id",
        allow_emails=["*"],
    )  # fmt: skip
    browser = Visitor(app)
    fake.sign_in(browser, "alice")
    alice = browser.get("/api/x").json["name"]
    program = TestApp(app, extra_environ=dict(SERVED))
    said = program.get("/api/x", headers=bearing(fake.access_token(alice, API))).json
    assert said["name"] == f"fake:{alice}"


def test_nobody_signs_in_under_the_name_of_a_machine(fake):
    def application(environ, start_response):
        with pytest.raises(AccessDenied, match="machine"):
            environ["auth.handle"].sign_in({"id": "fake:robot"})
        assert environ["auth.handle"].sign_in({"id": "robot"})
        start_response("200 OK", [])
        return []

    app = site(fake, provider={"audience": API}, routes=api(), adapter="memory:")
    app.app = application
    TestApp(app, extra_environ=dict(SERVED)).get("/")


# --- where, and beside what ------------------------------------------------------------------------


def test_elsewhere_a_token_is_nothing(fake):
    token = fake.access_token("robot", API)
    page = served(fake)
    page.get("/members/x", headers=bearing(token), status=401)
    assert page.get("/open", headers=bearing(token)).json["session"] is None


@pytest.mark.parametrize("order", [1, -1])
def test_a_route_that_asks_for_more_without_bearer_keeps_tokens_out(fake, order):
    routes = [*api(allow_groups=["ops"]), {"source": "/api/admin", "allow_groups": ["ops"]}]
    token = fake.access_token("robot", API, groups=["ops"])
    page = served(fake, routes=routes[::order])
    page.get("/api/admin", headers=bearing(token), status=401)
    page.get("/api/x", headers=bearing(token), status=200)


def test_a_cookie_goes_first_and_a_token_that_nobody_checked_stays_outside(fake):
    seen = []

    def application(environ, start_response):
        seen.append(("HTTP_AUTHORIZATION" in environ, environ["auth.session"].user["id"]))
        start_response("200 OK", [])
        return []

    app = site(fake, provider={"audience": API}, routes=api())
    app.app = application
    cookie = session_cookie(app.config, {"id": "alice"})
    page = TestApp(app, extra_environ=dict(SERVED))
    page.get("/api/x", headers={"Cookie": cookie, **bearing("of-somebody")}, status=200)
    assert seen == [(False, "alice")]


#: What some application takes for a token, though no such header may be sent.
NEARLY = ["Bearer\tx", "Bearer,x", "Bearer:x", "Bearer=x", 'Bearer"x"', " Bearer x", ",Bearer x",
          "\x0bBearer x", "Bearer\xa0x", "Bearer", "Bearer,", "Bearer x, Bearer y"]  # fmt: skip


@pytest.mark.parametrize("header", NEARLY)
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_what_is_nearly_a_token_stays_outside_too(fake, header, is_signed_in):
    seen = []

    def application(environ, start_response):
        seen.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("200 OK", [])
        return []

    routes = api(authorized=lambda request, session: True)
    app = site(fake, provider={"audience": API}, routes=routes)
    app.app = application
    page = TestApp(app, extra_environ={**SERVED, "HTTP_AUTHORIZATION": header})
    if is_signed_in:
        page.get("/api/x", headers={"Cookie": session_cookie(app.config, {"id": "alice"})})
        assert seen == [None]
    else:
        page.get("/api/x", status=401)
        assert seen == []


@pytest.mark.parametrize("header", ["Bearer x", "Basic x"])
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_what_one_route_keeps_from_being_checked_stays_outside(fake, header, is_signed_in):
    seen = []

    def application(environ, start_response):
        seen.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("200 OK", [])
        return []

    anybody = {"authorized": lambda request, session: True}
    routes = [*api(basic=True, **anybody), {"source": "/api/x", **anybody}]
    app = site(fake, provider={"audience": API}, routes=routes)
    app.app = application
    page = TestApp(app, extra_environ={**SERVED, "HTTP_AUTHORIZATION": header})
    cookie = session_cookie(app.config, {"id": "alice"})
    page.get("/api/x", headers={"Cookie": cookie} if is_signed_in else {})
    assert seen == [None]


def test_basic_and_bearer_stand_beside_each_other(fake):
    routes = api(basic=True)

    def authorize(credentials, request):
        return {"id": "ada"} if credentials["password"] == "lovelace" else None

    app = site(
        providers=[fake.options(audience=API), {"id": "credentials", "authorize": authorize}],
        transport=fake.transport, routes=routes,
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    challenges = page.get("/api/x", status=401).headers.getall("WWW-Authenticate")
    assert [each.partition(" ")[0] for each in challenges] == ["Basic", "Bearer"]
    page.authorization = ("Basic", ("ada", "lovelace"))
    assert page.get("/api/x").json["session"]["user"]["id"] == "ada"
    page.authorization = ("Bearer", fake.access_token("robot", API))
    assert page.get("/api/x").json["session"]["user"]["id"] == "fake:robot"


def test_a_browser_goes_to_the_sign_in_page_all_the_same(fake):
    assert served(fake).get("/api/x", headers=BROWSER, status=302)


# --- what is no good ------------------------------------------------------------------------------


def test_without_a_token_the_answer_asks_for_one(fake):
    answer = served(fake).get("/api/x", status=401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sign-in"'
    assert answer.json["error"] == "SessionRequired"


def challenge(answer: Any) -> str:
    return answer.headers["WWW-Authenticate"]


NO_GOOD = {
    "over": lambda fake: fake.access_token("robot", API, exp=int(time.time()) - 999),
    "for another API": lambda fake: fake.access_token("robot", "https://elsewhere.test"),
    "another provider's": lambda fake: FakeProvider("https://evil.test").access_token("x", API),
    "another's in its name": lambda fake: FakeProvider("https://evil.test").access_token(
        "robot", API, iss=fake.issuer
    ),
    "bound to a key": lambda fake: fake.access_token("robot", API, cnf={"jkt": "x"}),
    "no JWT": lambda fake: "opaque",
    "unsigned": lambda fake: (
        b64(b'{"alg":"none"}') + "." + fake.access_token("robot", API).split(".")[1] + "."
    ),
    "odd characters": lambda fake: 'a"b\\c',
    "nothing": lambda fake: "",
    "two": lambda fake: "a b",
    "long": lambda fake: "a" * 70_000,
    "dots": lambda fake: "." * 60_000,
    "deep": lambda fake: "e30." + b64(b"[" * 20_000) + ".e30",
}


@pytest.mark.parametrize("make", NO_GOOD.values(), ids=NO_GOOD)
def test_a_token_that_is_no_good_is_a_401_that_says_so(fake, make, caplog):
    caplog.set_level(logging.INFO)
    token = make(fake)
    answer = served(fake).get("/api/x", headers=bearing(token), status=401)
    assert 'Bearer realm="sign-in", error="invalid_token", error_description="' in challenge(answer)
    assert answer.json["error"] == "InvalidToken" and "signinUrl" in answer.json
    assert len(token) < 9 or token not in caplog.text + answer.text + challenge(answer)


@pytest.mark.parametrize("make", NO_GOOD.values(), ids=NO_GOOD)
def test_where_several_may_have_issued_it_a_token_that_is_no_good_is_a_401_too(fake, make):
    other = FakeProvider("https://other.example.test", id="other")
    answer = served(fake, other).get("/api/x", headers=bearing(make(fake)), status=401)
    assert 'error="invalid_token"' in challenge(answer)
    for each in (fake, other):
        token = each.access_token("robot", API)
        served(fake, other).get("/api/x", headers=bearing(token), status=200)


def test_neither_the_id_token_nor_the_opaque_token_of_a_sign_in_is_one(fake):
    tokens = []

    def told(event):
        tokens.append(event.account.tokens)

    app = site(fake, provider={"audience": API}, routes=api(), events={"sign_in": told})
    fake.sign_in(Visitor(app), "alice")
    program = TestApp(app, extra_environ=dict(SERVED))
    for kind, problem in (("id_token", "aud must be"), ("access_token", "no signed JWT")):
        answer = program.get("/api/x", headers=bearing(tokens[0][kind]), status=401)
        assert problem in challenge(answer)


def test_a_bad_token_is_refused_where_the_callback_would_let_anybody_in(fake):
    page = served(fake, routes=api(authorized=lambda request, session: True))
    page.get("/api/x", status=200)
    page.get("/api/x", headers=bearing("bad"), status=401)


@pytest.mark.parametrize(
    "more", [{"allow_emails": ["a@example.test"]}, {"allow_groups": ["ops"]},
             {"provider": {"allow_claims": {"azp": "other"}}},
             {"provider": {"allow_emails": ("a@example.test",)}},
             {"provider": {"allow_domains": ("example.test",)}},
             {"provider": {"allow_groups": ("ops",)}},
             {"callbacks": {"sign_in": lambda user, account, context: False}},
             {"callbacks": {"sign_in": lambda user, account, context: "/elsewhere"}}],
)  # fmt: skip
def test_whoever_may_not_sign_in_gets_nowhere_with_a_token(fake, more):
    answer = served(fake, **more).get(
        "/api/x", headers=bearing(fake.access_token("robot", API)), status=403
    )
    assert answer.json["error"] == "AccessDenied"


@pytest.mark.parametrize(
    ("more", "status"),
    [({"callbacks": {"sign_in": lambda user, account, context: 1 / 0}}, 500),
     ({"callbacks": {"jwt": lambda claims, context: 1 / 0}}, 500),
     ({"callbacks": {"session": lambda session, context: 1 / 0}}, 500),
     ({"provider": {"profile": lambda said: 1 / 0}}, 500)],
)  # fmt: skip
def test_a_callback_that_fails_lets_nobody_in(fake, more, status):
    served(fake, **more).get(
        "/api/x", headers=bearing(fake.access_token("robot", API)), status=status
    )


def test_a_provider_that_cannot_be_asked_is_a_503_and_no_word_on_the_token(fake):
    class Down:
        def send(self, request):
            raise ProviderUnavailable("down")

    page = served(fake, transport=Down())
    answer = page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=503)
    assert "WWW-Authenticate" not in answer.headers and answer.headers["Retry-After"] == "5"


def test_a_token_that_names_no_user_of_the_configured_profile_is_a_word_on_the_token(fake):
    page = served(fake, provider={"profile": {"id": "employee"}})
    employee = fake.access_token("robot", API, employee="7")
    assert page.get("/api/x", headers=bearing(employee)).json["session"]["user"]["id"] == "7"
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=401)


def test_what_is_said_of_a_token_is_short_whatever_the_token_says(fake):
    for claims in ({"aud": "a" * 9_000}, {"iss": "i" * 9_000}, {"azp": "z" * 9_000, "exp": 1}):
        token = fake.access_token("robot", API, **claims)
        answer = served(fake).get("/api/x", headers=bearing(token), status=401)
        assert len(challenge(answer)) < 300


NO_KEYS = {
    "no page": as_text("gone", 404),
    "a page": as_text("<html>", 200),
    "an error": as_json({"error": "invalid_request"}, 400),
    "no list": as_json({}),
}


@pytest.mark.parametrize("said", NO_KEYS.values(), ids=NO_KEYS)
def test_a_provider_that_answers_without_keys_is_a_503_and_no_word_on_the_token(fake, said):
    page = served(fake)
    token = fake.access_token("robot", API)
    with fake.tamper("http.jwks", lambda answer, scene: said):
        answer = page.get("/api/x", headers=bearing(token), status=503)
    assert "WWW-Authenticate" not in answer.headers and answer.headers["Retry-After"]


def test_a_key_that_the_provider_does_not_have_is_a_word_on_the_token(fake):
    token = fake.access_token("robot", API)
    fake.rotate_keys(keep_old=False)
    answer = served(fake).get("/api/x", headers=bearing(token), status=401)
    assert "no single key" in challenge(answer)


def test_a_session_of_ours_is_no_access_token(fake):
    app = site(fake, provider={"audience": API}, routes=api())
    value = session_cookie(app.config, {"id": "alice"}).partition("=")[2]
    TestApp(app, extra_environ=dict(SERVED)).get("/api/x", headers=bearing(value), status=401)


def counted() -> tuple[list[str], Any]:
    """A ``sign_in`` callback that lets everybody in, and whom it was asked about."""
    asked: list[str] = []

    def sign_in(user: Any, account: Any, context: Any) -> bool:
        asked.append(user["id"])
        return True

    return asked, sign_in


# --- how long, and of whom -------------------------------------------------------------------------


def test_a_good_token_is_checked_once_a_minute_and_never_after_its_end(fake):
    asked, sign_in = counted()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        page = served(fake, callbacks={"sign_in": sign_in})
        token = fake.access_token("robot", API, exp=1_800_000_090)
        for _ in range(5):
            page.get("/api/x", headers=bearing(token), status=200)
        assert len(asked) == 1
        clock.shift(61)
        page.get("/api/x", headers=bearing(token), status=200)
        assert len(asked) == 2
        clock.shift(90)
        page.get("/api/x", headers=bearing(token), status=401)


def test_of_all_that_was_good_lately_so_much_is_remembered():
    remembered: Remembered[str] = Remembered()
    keys = [remembered.key(str(number), {}) for number in range(MOST + 2)]
    for key in keys[:-1]:
        remembered.put(key, "good", 1_000)
    remembered.put(keys[1], "good", 1_000)  # the next to go is not the one just seen
    remembered.put(keys[-1], "good", 1_000)
    is_there = [remembered.get(key, 1_001) is not None for key in keys]
    assert is_there == [False, True, False] + [True] * (MOST - 1)


def test_a_clock_that_goes_back_makes_nothing_last(fake):
    asked, sign_in = counted()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        page = served(fake, callbacks={"sign_in": sign_in})
        token = fake.access_token("robot", API, iat=1_700_000_000)
        page.get("/api/x", headers=bearing(token), status=200)
        clock.shift(-86_400)
        page.get("/api/x", headers=bearing(token), status=200)
    assert len(asked) == 2


def test_the_session_ends_when_the_token_does(fake):
    with time_machine.travel(1_800_000_000, tick=False):
        token = fake.access_token("robot", API, exp=1_800_000_300)
        said = served(fake).get("/api/x", headers=bearing(token)).json["session"]
    assert said["expires"] == "2027-01-15T08:05:00Z"


def test_new_keys_of_the_provider_are_found(fake):
    page = served(fake)
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=200)
    fake.rotate_keys()
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=200)


def test_many_threads_with_one_token_are_all_let_in(fake):
    page = site(fake, provider={"audience": API}, routes=api())
    token = fake.access_token("robot", API)
    statuses: list[int] = []

    def ask() -> None:
        program = TestApp(page, extra_environ=dict(SERVED))
        for _ in range(5):
            statuses.append(program.get("/api/x", headers=bearing(token), status="*").status_int)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40


def test_what_is_good_at_one_tenant_is_nothing_at_another(fake):
    other = FakeProvider("https://other.example.test", id="other")
    tenants = {"a.example.test": fake, "b.example.test": other}

    def per_request(request):
        return tenants[request.host].options(audience=API) | {"id": "company"}

    app = AuthMiddleware(
        site(fake).app, secret="s" * 40, url=URL, matcher=[], routes=api(),
        providers=[{"id": "company", "per_request": per_request}],
        transport=site(fake, other).config.transport,
    )  # fmt: skip
    token = fake.access_token("robot", API)
    page = TestApp(app, extra_environ={"wsgi.url_scheme": "https"})
    for _ in range(2):  # what is remembered of one is not the other's
        said = page.get("/api/x", headers={"Host": "a.example.test", **bearing(token)}).json
        assert said["session"]["user"]["id"].endswith(":robot")
        page.get("/api/x", headers={"Host": "b.example.test", **bearing(token)}, status=401)


def test_a_token_is_good_only_where_its_provider_is_on_offer(fake):
    def chosen(request):
        return request.headers["X-Tenant"].split()

    asked, sign_in = counted()
    other = FakeProvider("https://other.example.test", id="other")
    page = served(fake, other, providers_for=chosen, callbacks={"sign_in": sign_in})
    token = fake.access_token("robot", API)
    for tenant, status in (("fake", 200), ("other", 401), ("other fake", 200), ("fake", 200)):
        page.get("/api/x", headers={"X-Tenant": tenant, **bearing(token)}, status=status)
    assert asked == ["robot"]


UNKNOWN = {
    "another issuer": lambda fake: FakeProvider("https://evil.test").access_token("x", API),
    "an issuer of the wrong kind": lambda fake: fake.access_token("x", API, iss=7),
    "no issuer": lambda fake: fake.access_token("x", API, iss=None),
    "opaque": lambda fake: "opaque",
}


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN)
def test_a_token_that_no_provider_issued_is_asked_of_none(fake, make):
    other = FakeProvider("https://other.example.test", id="other")
    page = served(fake, other)
    token = make(fake)
    before = len(fake.requests), len(other.requests)
    answer = page.get("/api/x", headers=bearing(token), status=401)
    assert 'error_description="it was issued by no provider that is known here"' in challenge(
        answer
    )
    assert (len(fake.requests), len(other.requests)) == before


@pytest.mark.parametrize(
    ("problem", "status"), [(KeyError("x"), 500), (StoreUnavailable("x"), 503)], ids=repr
)
def test_a_tenant_that_cannot_be_made_refuses_no_token_and_others_are_good(fake, problem, status):
    def per_request(request):
        raise problem

    other = FakeProvider("https://other.example.test", id="other")
    app = site(
        providers=[{"id": "company", "per_request": per_request}, other.options(audience=API)],
        transport=FakeTransport(fake, other), routes=api(),
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    page.get("/api/x", headers=bearing(other.access_token("robot", API)), status=200)
    # 401 would be: throw it away
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=status)


def test_while_a_tenant_cannot_be_made_no_token_that_may_be_its_own_is_shown_to_another(fake):
    other = FakeProvider("https://other.example.test", id="other")
    made: list[Any] = []

    def per_request(request):
        return made[0]

    app = site(
        providers=[{"id": "company", "per_request": per_request},
                   other.options(audience=API, introspection=True)],
        transport=FakeTransport(fake, other), routes=api(),
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    token = fake.access_token("robot", API, opaque=True)
    for _ in range(2):
        page.get("/api/x", headers=bearing(token), status=500)
    page.get("/api/x", headers=bearing(other.access_token("robot", API)), status=200)
    assert token not in asked(other)
    made.append(fake.options(audience=API) | {"id": "company"})
    page.get("/api/x", headers=bearing(other.access_token("x", API, opaque=True)), status=200)


def test_what_is_good_at_one_host_is_asked_about_at_another(fake):
    def is_at_home(request):
        return request.host == "a.example.test"

    def authorize(credentials, request):
        return {"id": "ada"} if is_at_home(request) else None

    app = site(
        providers=[fake.options(audience=API), {"id": "credentials", "authorize": authorize}],
        callbacks={"sign_in": lambda user, account, context: is_at_home(context.request)},
        transport=fake.transport, routes=api(basic=True),
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    basic = {"Authorization": "Basic YTpi"}
    for headers, refused in ((bearing(fake.access_token("robot", API)), 403), (basic, 401)):
        page.get("/api/x", headers={"Host": "a.example.test", **headers}, status=200)
        page.get("/api/x", headers={"Host": "b.example.test", **headers}, status=refused)


# --- scopes, and more than a session ----------------------------------------------------------------

SCOPES = {
    "as RFC 9068 has it": {"scope": "orders:read orders:write other"},
    "as Entra has it": {"scp": "orders:read orders:write"},
    "as Okta has it": {"scp": ["orders:read", "orders:write"]},
}


@pytest.mark.parametrize("claims", SCOPES.values(), ids=SCOPES)
def test_a_token_with_all_scopes_of_the_route_passes(fake, claims):
    page = served(fake, routes=api(scopes="orders:read orders:write"))
    page.get("/api/x", headers=bearing(fake.access_token("robot", API, **claims)), status=200)


@pytest.mark.parametrize("scope", ["", "orders:read", "orders", "orders:read,orders:write"])
def test_a_token_that_lacks_one_is_a_403_that_names_them(fake, scope, caplog):
    caplog.set_level(logging.INFO, "wsgi_auth")
    page = served(fake, routes=api(scopes=["orders:write", "orders:read"]))
    answer = page.get("/api/x", headers=bearing(fake.access_token("robot", API, scope)), status=403)
    assert challenge(answer) == (
        'Bearer realm="sign-in", error="insufficient_scope", scope="orders:read orders:write"'
    )
    assert answer.json["error"] == "InsufficientScope"
    said = "the access token lacks a scope of orders:read orders:write"
    assert caplog.messages[-1] == f"refused 'robot': {said}"


def test_a_callback_may_say_itself_what_a_token_lacks(fake):
    said = Forbidden("TooLittle", 'error="insufficient_scope", scope="admin"')
    page = served(fake, routes=api(authorized=lambda request, session: said))
    answer = page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=403)
    assert challenge(answer).endswith('error="insufficient_scope", scope="admin"')


@pytest.mark.parametrize("kind", [Unauthorized, Forbidden])
@pytest.mark.parametrize("challenge", [True, 7, b"x", "a\r\nSet-Cookie: a=b", "\u20ac"])
def test_what_a_callback_says_that_no_header_can_is_a_500(fake, kind, challenge):
    page = served(fake, routes=api(authorized=lambda request, session: kind(bearer=challenge)))
    answer = page.get("/api/x", status=500)
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("route", [{"authorized": lambda request, session: False},
                                   {"allow_groups": ["ops"]}])  # fmt: skip
def test_scopes_open_nothing_that_the_route_refuses(fake, route):
    page = served(fake, routes=api(scopes="read", **route))
    token = fake.access_token("robot", API, "read", groups=["staff"])
    assert page.get("/api/x", headers=bearing(token), status=403).json["error"] == "AccessDenied"


def test_scopes_are_of_tokens_and_a_session_of_a_browser_has_none_to_lack(fake):
    app = site(fake, provider={"audience": API}, routes=api(scopes=["orders:read"]))
    cookie = session_cookie(app.config, {"id": "alice"})
    TestApp(app, extra_environ=dict(SERVED)).get("/api/x", headers={"Cookie": cookie}, status=200)


def test_groups_and_callbacks_are_asked_of_a_token_too(fake):
    routes = [*api(allow_groups=["ops"]),
              {"source": "/api/mine", "bearer": True,
               "authorized": lambda request, session: session.user["id"] == "alice"}]  # fmt: skip
    page = served(fake, routes=routes)
    token = fake.access_token("robot", API, groups=["ops"])
    page.get("/api/x", headers=bearing(token), status=200)
    page.get("/api/mine", headers=bearing(token), status=403)
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=403)


def test_a_fresh_route_wants_a_token_that_says_when_its_user_signed_in(fake):
    page = served(fake, routes=api(fresh="10m"))
    now = int(time.time())
    page.get(
        "/api/x", headers=bearing(fake.access_token("alice", API, auth_time=now - 60)), status=200
    )
    for late in ({"auth_time": now - 700}, {}):
        answer = page.get(
            "/api/x", headers=bearing(fake.access_token("alice", API, **late)), status=401
        )
        assert 'error="insufficient_user_authentication"' in challenge(answer)
        assert 'max_age="600"' in challenge(answer)
        assert answer.json["error"] == "FreshSignInRequired"


def test_no_token_proves_a_passkey(fake):
    app = site(
        providers=[fake.options(audience=API), {"id": "passkey", "type": "passkey"}],
        transport=fake.transport, adapter="memory:", routes=api(user_verified=True),
    )  # fmt: skip
    token = fake.access_token("alice", API, amr=["passkey", "uv"])
    page = TestApp(app, extra_environ=dict(SERVED))
    answer = page.get("/api/x", headers=bearing(token), status=401)
    assert 'error="insufficient_user_authentication"' in challenge(answer)
    assert "max_age" not in challenge(answer)


# --- tokens of one's own ---------------------------------------------------------------------------

KEYS = {"key-of-ada": {"id": "ada", "groups": ["ops"], "scopes": ["read"]}}


def own(callback: Any, *fakes: FakeProvider, **more: Any) -> TestApp:
    return served(*fakes, callbacks={"bearer": callback}, **more)


def test_the_application_says_whose_its_own_tokens_are():
    page = own(lambda token, request: KEYS.get(token), routes=api(scopes="read"))
    said = page.get("/api/x", headers=bearing("key-of-ada")).json
    assert said["session"]["user"]["id"] == "ada" and said["claims"]["groups"] == ["ops"]
    answer = page.get("/api/x", headers=bearing("key-of-eve"), status=401)
    assert 'error_description="it is not known here"' in challenge(answer)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [("read write", 200), (["write", "read"], 200), (("read", "write"), 200),
     ({"read", "write"}, 200), (frozenset({"read", "write"}), 200),
     ("read", 403), ("read,write", 403), ("", 403), ([], 403), (None, 403)],
    ids=lambda value: repr(sorted(value) if isinstance(value, set | frozenset) else value),
)  # fmt: skip
def test_what_its_own_tokens_are_good_for_is_what_it_says_and_else_nothing(scopes, status):
    ada = {"id": "ada"} if scopes is None else {"id": "ada", "scopes": scopes}
    page = own(lambda token, request: ada, routes=api(scopes="read write"))
    page.get("/api/x", headers=bearing("any"), status=status)


def test_who_bears_a_token_of_ones_own_is_so_for_a_minute():
    with time_machine.travel("2026-11-25 10:00", tick=False):
        said = own(lambda token, request: {"id": "ada"}).get("/api/x", headers=bearing("any")).json
    assert said["session"]["expires"] == "2026-11-25T10:01:00Z"
    assert said["claims"]["provider"] == "token"


@pytest.mark.parametrize("token", ["a" * 70_000, "a b", 'a"b', "", "a=b"])
def test_the_application_is_asked_for_nothing_that_can_be_no_token(token):
    asked = []
    page = own(lambda token, request: asked.append(token))
    page.get("/api/x", headers=bearing(token), status=401)
    assert asked == []


def test_its_own_tokens_are_asked_for_every_time_and_can_be_withdrawn():
    keys = dict(KEYS)
    page = own(lambda token, request: keys.get(token))
    page.get("/api/x", headers=bearing("key-of-ada"), status=200)
    keys.clear()
    page.get("/api/x", headers=bearing("key-of-ada"), status=401)


def test_its_own_tokens_stand_beside_a_providers_which_are_never_asked_for(fake):
    asked = []

    def bearer(token, request):
        asked.append(token)
        return KEYS.get(token)

    page = own(bearer, fake)
    page.get("/api/x", headers=bearing("key-of-ada"), status=200)
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=200)
    expired = fake.access_token("robot", API, exp=1)
    page.get("/api/x", headers=bearing(expired), status=401)
    assert asked == ["key-of-ada"]


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN)
def test_whatever_no_provider_issued_is_asked_of_the_application(fake, make):
    page = own(lambda token, request: {"id": "ada"}, fake)
    said = page.get("/api/x", headers=bearing(make(fake))).json
    assert said["session"]["user"]["id"] == "ada"


def test_a_provider_without_an_audience_issues_no_tokens_for_here(fake):
    page = own(lambda token, request: {"id": "ada"}, fake, provider={"audience": ()})
    said = page.get("/api/x", headers=bearing(fake.access_token("robot", API))).json
    assert said["session"]["user"]["id"] == "ada"


def test_an_address_that_the_application_gives_for_a_token_is_one_that_it_vouches_for():
    ada = {"id": "ada", "email": "ada@example.test"}
    page = own(lambda token, request: ada, remote_user="email", allow_emails=["ada@example.test"])
    assert page.get("/api/x", headers=bearing("any")).json["name"] == "ada@example.test"


def test_a_token_of_ones_own_is_no_sign_in_of_just_now():
    page = own(lambda token, request: {"id": "ada"}, routes=api(fresh="10m"))
    page.get("/api/x", headers=bearing("any"), status=401)


def denied(token, request):
    raise AccessDenied("blocked")


async def late(token, request):
    return {"id": "ada"}


WRONG = {
    "raises": (lambda token, request: 1 / 0, 500),
    "says True": (lambda token, request: True, 500),
    "names nobody": (lambda token, request: {"name": "Ada"}, 500),
    "scopes of the wrong kind": (lambda token, request: {"id": "ada", "scopes": 7}, 500),
    "scopes by name": (lambda token, request: {"id": "ada", "scopes": {"read": True}}, 500),
    "scopes that are no strings": (lambda token, request: {"id": "ada", "scopes": ["a", 7]}, 500),
    "denies": (denied, 403),
}


@pytest.mark.parametrize(("callback", "status"), WRONG.values(), ids=WRONG)
def test_a_callback_gone_wrong_lets_nobody_in(callback, status):
    own(callback).get("/api/x", headers=bearing("any"), status=status)


def test_no_token_is_in_the_log_because_a_callback_failed_over_it(caplog):
    def look_up(token, request):
        return {}[token]

    own(look_up).get("/api/x", headers=bearing("a-token-of-ada"), status=500)
    assert "KeyError" in caplog.text and "in look_up" in caplog.text
    assert "a-token-of-ada" not in caplog.text


def test_an_asynchronous_callback_stops_start_up():
    with pytest.raises(ConfigError, match=r"callbacks\.bearer"):
        own(late)


def test_the_callback_takes_token_and_request():
    with pytest.raises(ConfigError, match=r"callbacks\.bearer"):
        own(lambda token: None)


# --- configuration ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "match"),
    [({"audience": "client"}, "is the client_id"),
     ({"audience": [API, " "]}, "non-empty"),
     ({"audience": API, "id_token_signed_response_alg": "HS256"}, "private key")],
)  # fmt: skip
def test_an_audience_that_would_let_other_tokens_in_stops_start_up(fake, provider, match):
    options = fake.options()
    options["client_id"] = "client"
    with pytest.raises(ConfigError, match=match) as caught:
        AuthMiddleware(
            site(fake).app, secret="s" * 40, url=URL, providers=[{**options, **provider}]
        )
    assert "audience" in str(caught.value)


def test_an_audience_that_is_another_client_of_the_issuer_stops_start_up(fake):
    spa = fake.options()
    api_of = {**spa, "id": "api", "client_id": "api-client", "audience": spa["client_id"]}
    with pytest.raises(ConfigError, match=r"api\.audience.* of 'fake' at the same issuer"):
        site(providers=[spa, api_of])
    site(providers=[{**spa, "issuer": "https://elsewhere.example.test"}, api_of])


@pytest.mark.parametrize(
    ("route", "match"),
    [({"bearer": False, "scopes": "read"}, "set bearer"),
     ({"bearer": "sometimes"}, "bearer"),
     ({"scopes": 'a"b'}, "scopes must be"),
     ({"scopes": []}, "scopes must be")],
)  # fmt: skip
def test_a_route_that_cannot_be_meant_stops_start_up(fake, route, match):
    with pytest.raises(ConfigError, match=match):
        served(fake, routes=api(**route))


def test_start_up_warns_of_a_route_whose_tokens_nobody_checks(fake):
    warnings = site(fake, routes=api()).config.warnings
    assert any("has bearer, and nothing checks a token" in each for each in warnings)
    assert not any("bearer" in each for each in served(fake).app.config.warnings)


def test_a_route_is_written_in_a_file_as_well(tmp_path, fake):
    from wsgi_auth import AuthConfig

    file = tmp_path / "auth.ini"
    file.write_text(
        "[auth]\nurl = https://app.example.test\nprovider.kc.type = oidc\n"
        "provider.kc.issuer = https://kc.example.test\nprovider.kc.client_id = app\n"
        "provider.kc.client_secret = s\n"
        f"provider.kc.audience = {API}\nroute.api.source = /api/:path*\nroute.api.bearer = true\n"
        "route.api.scopes = read write\n"
    )
    config = AuthConfig.from_ini(file, environ={"AUTH_SECRET": "s" * 40})
    (route,) = config.routes
    assert isinstance(route, Route) and route.bearer and route.scopes == {"read", "write"}
    assert config.providers[0].audience == (API,)


def test_what_the_log_is_told_of_a_clock_is_not_for_the_client(fake, caplog):
    caplog.set_level(logging.INFO)
    token = fake.access_token("robot", API, exp=1)
    answer = served(fake).get("/api/x", headers=bearing(token), status=401)
    assert challenge(answer).endswith('error_description="exp is over"')
    assert "is the clock of this machine right?" in caplog.text


def test_the_event_of_a_refusal_is_told_of_a_bad_token(fake):
    heard = []
    page = served(fake, events={"denied": heard.append})
    page.get("/api/x", headers=bearing("bad"), status=401)
    assert [event.reason for event in heard] == ["Unauthorized"]
    assert "bad" not in json.dumps(str(heard))


# --- what an application asks itself ----------------------------------------------------------------


def test_get_session_and_get_token_know_whom_the_header_proved(fake):
    seen = []

    def application(environ, start_response):
        seen.append((get_session(environ), get_token(environ), environ["auth.session"]))
        start_response("200 OK", [])
        return []

    def authorize(credentials, request):
        return {"id": "ada"}

    app = site(
        providers=[fake.options(audience=API), {"id": "credentials", "authorize": authorize}],
        transport=fake.transport, routes=[*api(basic=True), "/else/:p*"],
    )  # fmt: skip
    app.app = application
    page = TestApp(app, extra_environ=dict(SERVED))
    page.get("/api/x", headers=bearing(fake.access_token("robot", API)))
    page.authorization = ("Basic", ("ada", "any"))
    page.get("/api/x")
    page.get("/open")
    (token, claims, session), (by_password, its_claims, _), nobody = seen
    assert token == session and claims["sub"] == "fake:robot"
    assert by_password.user["id"] == its_claims["sub"] == "ada"
    assert nobody == (None, None, None)


def test_what_a_header_proved_is_no_session_to_update(fake):
    def application(environ, start_response):
        with pytest.raises(UsageError, match="no session to update"):
            environ["auth.handle"].update({"name": "x"})
        start_response("200 OK", [])
        return []

    def authorize(credentials, request):
        return {"id": "ada"}

    app = site(
        providers=[fake.options(audience=API), {"id": "credentials", "authorize": authorize}],
        transport=fake.transport, routes=api(basic=True),
        callbacks={"jwt": lambda claims, context: dict(claims)},
    )  # fmt: skip
    app.app = application
    page = TestApp(app, extra_environ=dict(SERVED))
    answer = page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=200)
    page.authorization = ("Basic", ("ada", "any"))
    assert "Set-Cookie" not in {**answer.headers, **page.get("/api/x", status=200).headers}


# --- tokens that the provider is asked about (RFC 7662) -----------------------------------------------


def asking(*fakes: FakeProvider, **more: Any) -> TestApp:
    """A client of an API whose tokens the provider is asked about."""
    return served(
        *fakes, **{**more, "provider": {"introspection": True, **more.get("provider", {})}}
    )


def asked(fake: FakeProvider) -> list[str]:
    """The tokens that the provider was asked about, in turn."""
    return [dict(each.form)["token"] for each in fake.requests if each.path == "/introspect"]


@pytest.mark.parametrize("opaque", [True, False])
def test_a_token_that_the_provider_knows_is_let_in(fake, opaque):
    token = fake.access_token("robot", API, "read", opaque=opaque, groups=["ops"])
    page = asking(fake, routes=api(scopes="read", allow_groups=["ops"]))
    answer = page.get("/api/x", headers=bearing(token), status=200)
    assert answer.json["session"]["user"]["id"] == "robot"
    assert answer.json["claims"]["provider"] == "fake"
    assert "Set-Cookie" not in answer.headers
    page.get("/api/x", headers=bearing(fake.access_token("robot", API, opaque=opaque)), status=403)


def test_the_provider_is_asked_by_us_and_about_this_token_alone(fake):
    token = fake.access_token("robot", API, opaque=True)
    asking(fake).get("/api/x", headers=bearing(token), status=200)
    (said,) = [each for each in fake.requests if each.path == "/introspect"]
    assert dict(said.form) == {"token": token, "token_type_hint": "access_token"}
    assert said.headers["authorization"].startswith("Basic ")
    assert said.headers["accept"] == "application/json"


def test_an_endpoint_that_is_not_announced_may_be_named(fake):
    fake.tamper("discovery", lambda said, _: {**said, "introspection_endpoint": None})
    token = fake.access_token("robot", API, opaque=True)
    assert asking(fake).get("/api/x", headers=bearing(token), status=503)
    named = {"introspection": f"{fake.issuer}/introspect"}
    asking(fake, provider=named).get("/api/x", headers=bearing(token), status=200)


@pytest.mark.parametrize(
    ("claims", "why"),
    [({"exp": 1}, "it is not active"), ({"aud": "https://elsewhere.example.test"}, "aud must be one"),
     ({"aud": None}, "aud must be one"), ({"cnf": {"jkt": "x"}}, "it is bound to a key"),
     ({"iss": "https://evil.test"}, "iss is not the provider's"),
     ({"token_use": "refresh_token"}, "it is another kind of token")],
    ids=str,
)  # fmt: skip
def test_a_token_that_is_good_for_something_else_is_refused(fake, claims, why):
    token = fake.access_token("robot", API, opaque=True, **claims)
    answer = asking(fake).get("/api/x", headers=bearing(token), status=401)
    assert f'error="invalid_token", error_description="{why}' in challenge(answer)


def test_the_provider_is_asked_once_a_minute_whatever_it_says(fake):
    page = asking(fake)
    good, bad = fake.access_token("robot", API, opaque=True), "made-up"
    with time_machine.travel("2026-11-25 10:00", tick=False) as clock:
        good = fake.access_token("robot", API, opaque=True)
        for _ in range(3):
            page.get("/api/x", headers=bearing(good), status=200)
            page.get("/api/x", headers=bearing(bad), status=401)
        assert asked(fake) == [good, bad]
        fake.revoke(good)
        page.get("/api/x", headers=bearing(good), status=200)
        clock.shift(61)
        page.get("/api/x", headers=bearing(good), status=401)
        page.get("/api/x", headers=bearing(bad), status=401)
        assert asked(fake) == [good, bad, good, bad]


def test_the_provider_is_asked_once_a_minute_whatever_we_say(fake):
    """Whoever has a token of it must not make us ask at will."""
    page = asking(fake, allow_groups=["ops"])
    token = fake.access_token("robot", API, opaque=True)
    for host in ("a.example.test", "b.example.test"):
        page.get("/api/x", headers={"Host": host, **bearing(token)}, status=403)
        page.get("/api/x", headers={"Host": host, **bearing(token)}, status=403)
    assert asked(fake) == [token]


def test_a_token_is_good_for_a_minute_after_the_answer_wherever_it_is_used_first(fake):
    at_a, at_b = ({"Host": f"{host}.example.test"} for host in "ab")
    with time_machine.travel("2026-11-25 10:00", tick=False) as clock:
        page = asking(fake)
        token = fake.access_token("robot", API, opaque=True)
        ends = fake.access_token("robot", API, opaque=True, exp=int(time.time()) + 90)
        endless = fake.access_token("robot", API, opaque=True, exp=None)
        for each in (token, ends, endless):
            page.get("/api/x", headers={**at_a, **bearing(each)}, status=200)
        clock.shift(59)
        page.get("/api/x", headers={**at_b, **bearing(token)}, status=200)
        said = page.get("/api/x", headers={**at_b, **bearing(endless)}).json
        assert said["session"]["expires"] == "2026-11-25T10:01:00Z"
        fake.revoke(token)
        clock.shift(1)
        page.get("/api/x", headers={**at_b, **bearing(token)}, status=401)
        page.get("/api/x", headers={**at_b, **bearing(ends)}, status=200)
        clock.shift(31)
        page.get("/api/x", headers={**at_b, **bearing(ends)}, status=401)


def test_what_one_tenants_provider_refuses_is_good_at_anothers_a_moment_later(fake):
    other = FakeProvider("https://other.example.test", id="other")
    tenants = {"a": fake, "b": other}

    def per_request(request):
        options = tenants[request.headers["X-Tenant"]].options(audience=API, introspection=True)
        return options | {"id": "company"}

    app = site(
        providers=[{"id": "company", "per_request": per_request}], routes=api(),
        transport=FakeTransport(fake, other),
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    token = fake.access_token("robot", API, opaque=True)
    for tenant, status in (("b", 401), ("a", 200), ("b", 401), ("a", 200)):
        page.get("/api/x", headers={"X-Tenant": tenant, **bearing(token)}, status=status)


def test_a_key_that_the_application_learns_of_a_moment_later_is_good_then(fake):
    keys: dict[str, Any] = {}
    page = own(lambda token, request: keys.get(token), fake, provider={"introspection": True})
    page.get("/api/x", headers=bearing("key-of-ada"), status=401)
    keys.update(KEYS)
    page.get("/api/x", headers=bearing("key-of-ada"), status=200)


def test_a_token_of_which_the_provider_does_not_say_when_it_ends_is_asked_about_in_a_minute(fake):
    with time_machine.travel("2026-11-25 10:00", tick=False):
        token = fake.access_token("robot", API, opaque=True, exp=None)
        said = asking(fake).get("/api/x", headers=bearing(token)).json
    assert said["session"]["expires"] == "2026-11-25T10:01:00Z"


FAULTS = {
    "down": lambda answer, _: as_text("", 500),
    "overloaded": lambda answer, _: as_text("", 429),
    "it does not know us": lambda answer, _: as_json({"error": "invalid_client"}, 401),
    "it does not say": lambda answer, _: as_json({"sub": "robot"}),
    "it says so in its own way": lambda answer, _: as_json({"active": "true"}),
    "a page": lambda answer, _: as_text("<h1>Hello</h1>"),
    "a list": lambda answer, _: as_json([]),
    "a book": lambda answer, _: as_json(
        {"active": True, "aud": API, "sub": "x", "more": "x" * 65_536}
    ),
    "empty": lambda answer, _: as_text("", 204),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_provider_that_gives_no_answer_refuses_no_token(fake, fault, caplog):
    """401 would be: throw it away."""
    page = asking(fake)
    token = fake.access_token("robot", API, opaque=True)
    with fake.tamper("http.introspect", fault):
        answer = page.get("/api/x", headers=bearing(token), status=503)
    assert answer.headers["Retry-After"] and token not in caplog.text
    assert "an access token could not be checked: fake: introspection: " in caplog.text
    page.get("/api/x", headers=bearing(token), status=200)


def test_a_provider_that_is_silent_holds_up_one_request_and_not_all(fake):
    """Whoever makes tokens up could stop every thread of the server, for as long as it is."""
    sent: list[str] = []

    class Silent:
        def send(self, request):
            if not request.url.endswith("/introspect"):
                return fake.transport.send(request)
            sent.append(request.url)
            if len(sent) == 2:  # this one waits
                page.get("/api/x", headers=bearing("another"), status=503)
            raise ProviderUnavailable("it was silent for too long")

    page = asking(fake, transport=Silent())
    for _ in range(2):
        page.get("/api/x", headers=bearing("any"), status=503)
    assert len(sent) == 2


def test_a_token_of_a_kind_that_the_provider_is_not_asked_about_is_refused(fake):
    """oidc-provider says so of its own JWTs."""
    said = {"error": "unsupported_token_type"}
    with fake.tamper("http.introspect", lambda answer, _: as_json(said, 400)):
        answer = asking(fake).get("/api/x", headers=bearing("any"), status=401)
    assert "the provider says nothing of its kind" in challenge(answer)


def test_whoever_makes_tokens_up_is_stopped_and_who_has_one_is_not(fake):
    page = asking(fake, limits={"address": "1/10m"})
    good = fake.access_token("robot", API, opaque=True)
    page.get("/api/x", headers=bearing(good), status=200)
    for guess in range(20):  # twenty times as many as attempts at sign-in
        page.get("/api/x", headers=bearing(f"made-up-{guess}"), status=401)
    answer = page.get("/api/x", headers=bearing("made-up-20"), status=429)
    assert answer.headers["Retry-After"] and len(asked(fake)) == 21
    page.get("/api/x", headers=bearing(good), status=200)
    page.get("/api/x", headers=bearing("made-up-0"), status=401)  # no guess: the answer is known
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    page.get("/api/x", headers=bearing("made-up-21"), extra_environ=elsewhere, status=401)


def test_a_program_whose_tokens_are_over_keeps_nobody_from_signing_in(fake):
    def authorize(credentials, request):
        return {"id": "ada"} if credentials["password"] == "b" else None

    app = site(
        providers=[fake.options(audience=API, introspection=True),
                   {"id": "credentials", "authorize": authorize}],
        transport=fake.transport, routes=api(basic=True), limits={"address": "1/10m"},
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    for number in range(20):
        page.get("/api/x", headers=bearing(f"over-{number}"), status=401)
    right, wrong = {"Authorization": "Basic YTpi"}, {"Authorization": "Basic YTpj"}
    page.get("/api/x", headers=wrong, status=401)  # the one attempt at signing in
    page.get("/api/x", headers=right, status=429)
    page.get("/api/x", headers=right, extra_environ={"REMOTE_ADDR": "198.51.100.7"}, status=200)


def test_tokens_that_are_good_and_providers_that_are_down_use_up_no_attempts(fake):
    page = asking(fake, limits={"address": "1/10m"})
    for number in range(21):
        token = fake.access_token(f"robot-{number}", API, opaque=True)
        with fake.tamper("http.introspect", FAULTS["down"]):
            page.get("/api/x", headers=bearing(token), status=503)
        page.get("/api/x", headers=bearing(token), status=200)


def test_the_applications_own_tokens_are_shown_to_no_provider(fake):
    page = own(lambda token, request: KEYS.get(token), fake, provider={"introspection": True})
    said = page.get("/api/x", headers=bearing("key-of-ada"), status=200).json
    assert said["session"]["user"]["id"] == "ada" and asked(fake) == []
    other = fake.access_token("robot", API, opaque=True)
    assert page.get("/api/x", headers=bearing(other)).json["session"]["user"]["id"] == "robot"
    answer = page.get("/api/x", headers=bearing("made-up"), status=401)
    assert 'error_description="it is not active"' in challenge(answer)


def test_a_token_of_one_provider_is_never_shown_to_another(fake):
    other = FakeProvider("https://other.example.test", id="other")
    for both in (True, False):
        app = site(
            providers=[fake.options(audience=API, introspection=True),
                       other.options(audience=API, introspection=both)],
            transport=FakeTransport(fake, other), routes=api(),
        )  # fmt: skip
        page = TestApp(app, extra_environ=dict(SERVED))
        said = any(
            "introspection is set for fake and other" in each for each in app.config.warnings
        )
        assert said is both
        page.get("/api/x", headers=bearing(other.access_token("robot", API)), status=200)
        page.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=200)
        opaque = fake.access_token("robot", API, opaque=True)
        page.get("/api/x", headers=bearing(opaque), status=401 if both else 200)
        assert opaque not in asked(other) and (opaque in asked(fake)) is not both


@pytest.mark.parametrize("callback", [None, lambda token, request: None], ids=["alone", "with own"])
def test_a_token_that_names_another_issuer_is_not_shown_to_the_only_provider(fake, callback):
    """It may be good there."""
    other = FakeProvider("https://other.example.test", id="other")
    app = site(
        providers=[fake.options(audience=API, introspection=True), other.options(audience=API)],
        transport=FakeTransport(fake, other), routes=api(), callbacks={"bearer": callback},
        providers_for=lambda request: ["fake"],
    )  # fmt: skip
    page = TestApp(app, extra_environ=dict(SERVED))
    stranger = FakeProvider("https://stranger.example.test")
    for each in (other, stranger):
        answer = page.get("/api/x", headers=bearing(each.access_token("robot", API)), status=401)
        assert "known here" in challenge(answer)
    assert asked(fake) == []
    for opaque in (True, False):
        token = fake.access_token("robot", API, opaque=opaque)
        page.get("/api/x", headers=bearing(token), status=200)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"audience": ()}, r"providers\.fake\.audience: is missing"),
     ({"introspection": "http://id.example.test/i"}, r"providers\.fake\.introspection: "),
     ({"introspection": 1}, r"providers\.fake\.introspection: "),
     ({"client_auth": "none", "client_secret": ""}, r"introspection: is for a client that can prove")],
    ids=str,
)  # fmt: skip
def test_what_nobody_could_be_asked_by_stops_the_start(fake, wrong, match):
    options = {**fake.options(audience=API, introspection=True), **wrong}
    with pytest.raises(ConfigError, match=match):
        site(providers=[options], transport=fake.transport)
