"""Somebody leaves the provider, which says so behind the browser's back (OpenID Connect
Back-Channel Logout 1.0) or through it (Front-Channel Logout 1.0)."""

from __future__ import annotations

import json
import logging
import threading
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from webtest import TestApp

from tests.oauth.visits import SERVED, Visitor, just_looking, pieces_of_tokens, site
from wsgi_auth import AuthMiddleware, ConfigError
from wsgi_auth.adapters import connect
from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.sessions.at_provider import UNDER_WAY, AtProviders
from wsgi_auth.testing import MISBEHAVIOURS, FakeProvider
from wsgi_auth.testing.fake_provider.web import Answered, as_json

BACK, FRONT = "/auth/backchannel-logout/fake", "/auth/frontchannel-logout/fake"
HEARD = {"backchannel_logout": True, "frontchannel_logout": True}
LATER = 1.1
DAY = 86_400


@pytest.fixture(params=["database", "cookie", "jwt"])
def strategy(request) -> str:
    return request.param


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/auth.db"


def heard(*fakes: FakeProvider, strategy: str = "database", adapter: Any = "memory:",
          provider: Any = None, **more: Any) -> AuthMiddleware:  # fmt: skip
    session = {"strategy": strategy, **more.pop("session", {})}
    options = {**HEARD, **(provider or {})}
    return site(*fakes, provider=options, adapter=adapter, session=session, **more)


def signed_in(app: AuthMiddleware, fake: FakeProvider, sub: str = "alice") -> Visitor:
    visitor = Visitor(app)
    fake.sign_in(visitor, sub)
    assert visitor.who
    return visitor


def tell(app: Any, token: Any, path: str = BACK, **more: Any) -> Any:
    """The answer to the provider's request, which has nothing of a browser's."""
    return TestApp(app, extra_environ=SERVED).post(
        path, {"logout_token": token}, expect_errors=True, **more
    )


def sid_of(visitor: Visitor) -> str:
    assert visitor.claims is not None
    return str(visitor.claims["provider_sid"])


# --- what ends -----------------------------------------------------------------------------------


def test_who_leaves_the_provider_leaves_here_R089(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    alice, bob = signed_in(app, fake), signed_in(app, fake, "bob")
    answer = tell(app, fake.logout_token("alice"))
    assert (answer.status_int, answer.headers["Cache-Control"], answer.body) == (
        200, "no-store", b"",
    )  # fmt: skip
    assert "Set-Cookie" not in answer.headers
    assert (alice.who, bob.who) == (None, bob.who) and bob.who
    assert len(app.sessions.of(bob.claims["sub"])) == 1
    fake.sign_in(alice, "alice")
    assert alice.who


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ({"sub": "alice", "sid": True}, {"desk"}),
        ({"sid": True}, {"desk"}),
        ({"sub": "alice"}, set()),
        ({"sub": "carol"}, {"desk", "phone"}),
        ({"sub": "carol", "sid": True}, {"desk"}),
        ({"sid": "of-nobody"}, {"desk", "phone"}),
        ({"sub": "alice", "sid": "of-nobody"}, {"desk", "phone"}),
    ],
)
def test_a_sid_ends_one_session_and_a_sub_all_of_them(strategy, names, left):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    browsers = {"desk": signed_in(app, fake), "phone": signed_in(app, fake)}
    sids = {sid_of(each) for each in browsers.values()}
    assert len(sids) == 2
    wanted = {"sub": None, **names}
    if names.get("sid") is True:
        wanted["sid"] = sid_of(browsers["phone"])
    token = fake.logout_token(**{"sub": None, "sid": None, **wanted}) if "sid" in wanted else (
        fake_without_sid(fake, str(wanted["sub"]))
    )  # fmt: skip
    assert tell(app, token).status_int == 200
    assert {name for name, each in browsers.items() if each.who} == left


def fake_without_sid(fake: FakeProvider, sub: str) -> str:
    with fake.misbehave("logout_no_sid"):
        return fake.logout_token(sub)


def test_sessions_begun_elsewhere_stay(strategy):
    fake, other = FakeProvider(), FakeProvider("https://other.example.test", id="other")
    app = heard(fake, other, strategy=strategy)
    here, there = signed_in(app, fake), Visitor(app)
    other.sign_in(there, "bob")
    assert there.who
    for sub in ("alice", "bob"):
        assert tell(app, fake_without_sid(fake, sub)).status_int == 200
    assert here.who is None and there.who
    # a name of a session says nothing at another provider
    token = fake.logout_token(sid=sid_of(there))
    assert tell(app, token).status_int == 200 and there.who


def test_what_the_same_user_began_elsewhere_stays(strategy):
    fake, other = FakeProvider(), FakeProvider("https://other.example.test", id="other")
    app = heard(fake, other, strategy=strategy, provider={"link_by_email": True})
    here, there = signed_in(app, fake), Visitor(app)
    other.sign_in(there, "alice")
    assert there.claims["sub"] == here.claims["sub"]
    assert tell(app, fake_without_sid(fake, "alice")).status_int == 200
    assert here.who is None and there.who


def test_a_session_in_use_for_long_is_still_found_by_sid(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    with time_machine.travel(time.time(), tick=False) as clock:
        visitor = signed_in(app, fake)
        sid = sid_of(visitor)
        for _ in range(4):
            clock.shift(20 * DAY)
            assert visitor.who
            app.site.sweep()
        assert tell(app, fake.logout_token(sid=sid)).status_int == 200
        assert visitor.who is None


def test_two_workers_see_it_within_a_second(strategy, url):
    fake = FakeProvider()
    one, two = (heard(fake, strategy=strategy, adapter=url) for _ in range(2))
    visitor = signed_in(one, fake)
    visitor.app = two
    assert visitor.who
    assert tell(one, fake.logout_token("alice")).status_int == 200
    time.sleep(LATER if strategy != "database" else 0)
    assert visitor.who is None


def test_without_the_option_a_session_keeps_nothing_of_the_provider(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy, provider={"backchannel_logout": False,
                                                   "frontchannel_logout": False})  # fmt: skip
    assert "provider_sid" not in signed_in(app, fake).claims


def test_where_ids_are_not_the_sub_a_token_needs_a_sid(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy, provider={"profile": {"id": "email"}})
    visitor = signed_in(app, fake)
    answer = tell(app, fake_without_sid(fake, "alice"))
    assert answer.status_int == 400 and "knows nobody by sub" in answer.json["error_description"]
    assert visitor.who
    assert tell(app, fake.logout_token("alice")).status_int == 200
    assert visitor.who is None


def test_one_tenants_party_ends_nothing_of_anothers(strategy):
    fakes = {
        name: FakeProvider(f"https://{name}.example.test", id="sso") for name in ("acme", "globex")
    }

    def make(request):
        fake = fakes.get(request.headers.get("X-Tenant"))
        return fake and fake.options(**(HEARD if fake.issuer.startswith("https://acme") else {}))

    provider = {"id": "sso", "per_request": make}
    app = heard(*fakes.values(), strategy=strategy, providers=[provider])
    pages = {}
    for name, fake in fakes.items():
        pages[name] = Visitor(app)
        pages[name].extra_environ["HTTP_X_TENANT"] = name
        fake.sign_in(pages[name], {"acme": "alice", "globex": "bob"}[name])
    path = BACK.replace("fake", "sso")
    acme = {"headers": {"X-Tenant": "acme"}}
    acmes, globexs = (
        lambda name=name: fakes[name].logout_token(sid="known", sub="alice") for name in fakes
    )
    assert tell(app, acmes(), path).status_int == 404
    assert tell(app, acmes(), path, headers={"X-Tenant": "globex"}).status_int == 404
    assert tell(app, globexs(), path, **acme).status_int == 400
    token = fakes["acme"].logout_token(sid=sid_of(pages["acme"]), sub=None)
    assert tell(app, token, path, **acme).status_int == 200
    assert (pages["acme"].who, bool(pages["globex"].who)) == (None, True)
    fakes["acme"].sign_in(pages["acme"], "alice")
    assert tell(app, fake_without_sid(fakes["acme"], "alice"), path, **acme).status_int == 200
    assert tell(app, fake_without_sid(fakes["acme"], "bob"), path, **acme).status_int == 200
    assert (pages["acme"].who, bool(pages["globex"].who)) == (None, True)


# --- what ends nothing -------------------------------------------------------------------------------

LOGOUT_ROWS = [row for row in MISBEHAVIOURS.values() if row.stage in ("logout_claims",
                                                                      "logout_token")]  # fmt: skip


@pytest.mark.parametrize("row", LOGOUT_ROWS, ids=lambda row: row.name)
def test_a_token_gone_wrong_ends_what_it_should_or_nothing_R089(strategy, row, caplog):
    caplog.set_level(logging.DEBUG)
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    visitor = signed_in(app, fake)
    fake.misbehave(row.name)
    token = fake.logout_token("alice")
    answer = tell(app, token)
    ended = visitor.who is None
    assert row.verdict in ("accept" if ended else "refuse", "either")
    assert answer.status_int == (200 if ended else 400)
    assert answer.headers["Cache-Control"] == "no-store"
    if not ended:
        assert answer.content_type == "application/json"
        assert answer.json["error"] == "invalid_request" and answer.json["error_description"]
        assert "fake said that somebody has left, to no effect" in caplog.text
    assert token not in caplog.text and not pieces_of_tokens(caplog.text + answer.text)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "claims",
    [
        {"sid": 7}, {"sid": "x" * 256}, {"sid": "a\nb"}, {"sid": "\ud800"}, {"jti": "\ud800"},
        {"jti": 7}, {"jti": ""}, {"jti": "x" * 256}, {"sub": 7}, {"sub": "x" * 256},
        {"aud": []}, {"aud": ["app", "another"]}, {"events": {}}, {"events": "logout"},
        {"nonce": ""}, {"iat": "now"}, {"exp": True}, {"exp": 1}, {"nbf": 9_999_999_999},
        {"iss": ["https://idp.example.test"]},
    ],
    ids=ascii,
)  # fmt: skip
def test_a_claim_of_a_wrong_kind_ends_nothing(claims):
    fake = FakeProvider()
    app = heard(fake)
    visitor = signed_in(app, fake)
    answer = tell(app, fake.logout_token(**{"sub": "alice", **claims}))
    assert answer.status_int == 400 and visitor.who


def test_an_id_token_is_no_logout_token():
    fake = FakeProvider()
    app = heard(fake)
    issued = []

    def keep(answer, scene):
        issued.append(json.loads(answer.body)["id_token"])
        return answer

    with fake.tamper("http.token", keep):
        visitor = signed_in(app, fake)
    answer = tell(app, issued[0])
    assert answer.status_int == 400 and "nonce" in answer.json["error_description"]
    assert visitor.who


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("", "application/x-www-form-urlencoded", 400),
        ("logout_token=", "application/x-www-form-urlencoded", 400),
        ("logout_token={0}&logout_token={0}", "application/x-www-form-urlencoded", 400),
        ("token={0}", "application/x-www-form-urlencoded", 400),
        ('{{"logout_token": "{0}"}}', "application/json", 415),
        ("{0}", "application/logout+jwt", 415),
        ("{0}", "", 415),
        ("logout_token={0}", "text/plain", 415),
        ("logout_token=" + "a" * 70_000, "application/x-www-form-urlencoded", 413),
        ("logout_token=%ff%00", "application/x-www-form-urlencoded", 400),
        ("logout_token=a.b.c", "application/x-www-form-urlencoded", 400),
        ("logout_token=a.b.c.d.e", "application/x-www-form-urlencoded", 400),
        ("&".join(["x=y"] * 300) + "&logout_token={0}", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_request_of_another_shape_ends_nothing(body, kind, status):
    fake = FakeProvider()
    app = heard(fake)
    visitor = signed_in(app, fake)
    answer = TestApp(app, extra_environ=SERVED).post(
        BACK, body.format(fake.logout_token("alice")), content_type=kind, expect_errors=True
    )
    assert (answer.status_int, answer.json["error"]) == (status, "invalid_request")
    assert answer.headers["Cache-Control"] == "no-store" and visitor.who


def test_a_token_in_the_query_is_none():
    fake = FakeProvider()
    app = heard(fake)
    visitor = signed_in(app, fake)
    query = urlencode({"logout_token": fake.logout_token("alice")})
    page = TestApp(app, extra_environ=SERVED)
    assert page.post(f"{BACK}?{query}", expect_errors=True).status_int in (400, 415)
    assert page.get(f"{BACK}?{query}", expect_errors=True).status_int == 405
    assert visitor.who


def test_no_cookie_is_looked_at():
    fake = FakeProvider()
    app = heard(fake)
    visitor = signed_in(app, fake)
    token = fake.logout_token(sid="of-nobody")
    answer = visitor.post(BACK, {"logout_token": token})
    assert answer.status_int == 200 and "Set-Cookie" not in answer.headers
    assert visitor.who


# --- replay ------------------------------------------------------------------------------------------


def test_a_token_that_comes_again_is_refused_in_every_worker_R089(strategy, url):
    fake = FakeProvider()
    one, two = (heard(fake, strategy=strategy, adapter=url) for _ in range(2))
    visitor = signed_in(one, fake)
    token = fake_without_sid(fake, "alice")
    assert tell(one, token).status_int == 200
    with time_machine.travel(time.time() + 5, tick=True):
        fake.sign_in(visitor, "alice")
        for app in (one, two):
            answer = tell(app, token)
            assert answer.status_int == 400 and "jti" in answer.json["error_description"]
        time.sleep(LATER)
        assert visitor.who
    for late in (60, 179, 181, 400):  # and once it is forgotten, it is over
        with time_machine.travel(time.time() + late):
            one.site.sweep()
            assert tell(two, token).status_int == 400


def test_of_one_token_many_times_at_once_the_session_ends_and_the_next_stays(strategy, url):
    fake = FakeProvider()
    apps = [heard(fake, strategy=strategy, adapter=url) for _ in range(2)]
    visitor = signed_in(apps[0], fake)
    token = fake_without_sid(fake, "alice")
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda app=app: statuses.append(tell(app, token).status_int))
        for app in apps * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(statuses) == 8 and 200 in statuses and set(statuses) <= {200, 400}
    time.sleep(LATER)
    assert visitor.who is None
    fake.sign_in(visitor, "alice")
    assert [tell(app, token).status_int for app in apps] == [400, 400]
    time.sleep(LATER)
    assert visitor.who


def test_another_provider_may_use_the_same_jti():
    fake, other = FakeProvider(), FakeProvider("https://other.example.test", id="other")
    app = heard(fake, other)
    assert tell(app, fake.logout_token("alice", jti="1")).status_int == 200
    path = BACK.replace("fake", "other")
    assert tell(app, other.logout_token("alice", jti="1"), path).status_int == 200
    assert tell(app, other.logout_token("alice", jti="1"), path).status_int == 400


class Flaky:
    """A store of which some methods can be switched off."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.down: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name in self.down or "all" in self.down:
                raise StoreUnavailable("switched off")
            return method(*arguments, **named)

        return call


@pytest.mark.parametrize(
    "down",
    ["all", "get_verification_token", "create_verification_token", "list_sessions",
     "delete_session", "get_user_by_account"],
)  # fmt: skip
def test_while_the_store_is_down_it_is_503_and_the_same_token_may_come_again(strategy, down):
    fake = FakeProvider()
    store = Flaky(connect("memory:"))
    app = heard(fake, strategy=strategy, adapter=store)
    visitor = signed_in(app, fake)
    token = fake.logout_token("alice")
    store.down = {down}
    answer = tell(app, token)
    assert (answer.status_int, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {"error": "temporarily_unavailable"}
    store.down = set()
    assert tell(app, token).status_int == 200
    assert visitor.who is None


def test_while_the_keys_cannot_be_had_it_is_503():
    fake = FakeProvider()
    store = connect("memory:")
    signed_in(heard(fake, adapter=store), fake)
    app = heard(fake, adapter=store)  # which has no keys yet
    down = Answered(500, [("Content-Type", "text/plain")], b"")
    with fake.tamper("http.jwks", lambda answer, scene: down):
        answer = tell(app, fake.logout_token("alice"))
    assert answer.status_int == 503


def test_tokens_of_unknown_keys_do_not_make_us_ask_the_provider_again_and_again():
    fake = FakeProvider()
    app = heard(fake)
    visitor = signed_in(app, fake)
    fake.requests.clear()
    for number in range(40):
        said = {"alg": "RS256", "typ": "logout+jwt", "kid": f"unknown-{number}"}
        head = urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
        rest = fake.logout_token("alice").partition(".")[2]
        assert tell(app, f"{head}.{rest}").status_int == 400
    assert len(fake.requests) <= 6
    assert visitor.who


# --- a sign-in under way -----------------------------------------------------------------------------


def test_a_sign_in_that_the_logout_overtakes_begins_no_session(strategy):
    fake = FakeProvider()
    sids = []

    def while_it_is_written(user, account, context):
        token = fake.logout_token("alice")
        sids.append(token)
        assert tell(app, token).status_int == 200
        return True

    app = heard(fake, strategy=strategy, callbacks={"sign_in": while_it_is_written})
    visitor = Visitor(app)
    answer = fake.sign_in(visitor, "alice", expect_errors=True)
    assert answer.status_int == 403 and visitor.who is None and sids


def test_a_provider_may_use_the_name_of_a_session_again(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    token_of = {"sid": "one-for-all"}
    with fake.tamper("claims", lambda claims, scene: {**claims, **token_of}):
        visitor = signed_in(app, fake)
        assert tell(app, fake.logout_token(**token_of)).status_int == 200
        assert visitor.who is None
        with time_machine.travel(time.time() + UNDER_WAY + 1):
            fake.sign_in(visitor, "alice")
            assert visitor.who


@pytest.mark.parametrize("tenant", ["acme", ""])
def test_what_is_noted_of_a_session_is_of_one_provider_and_one_tenant_and_a_time(tenant):
    notes, now = AtProviders(connect("memory:")), 1_800_000_000
    there = {"provider": "sso", "tenant": tenant, "provider_sid": "one", "sub": "alice"}
    if not tenant:
        del there["tenant"]
    notes.note(there, now + DAY)
    notes.close("sso", tenant, "one", now)
    notes.hear("sso", tenant, "one", now + DAY)
    assert notes.is_closed(there, now + UNDER_WAY - 1)
    assert not notes.is_closed(there, now + UNDER_WAY)
    others = [("sso", "globex", "one"), ("sso", tenant and "", "two"), ("other", tenant, "one")]
    for provider, other, sid in others:
        elsewhere = {"provider": provider, "tenant": other, "provider_sid": sid, "sub": "bob"}
        assert not notes.is_closed(elsewhere, now)
        assert not notes.user_of(provider, other, sid)
        assert not notes.was_heard(provider, other, sid)
    assert notes.user_of("sso", tenant, "one") == "alice"
    assert notes.was_heard("sso", tenant, "one")


# --- through the browser -----------------------------------------------------------------------------


def frame(visitor: Any, query: dict[str, str] | str = "", **headers: str) -> Any:
    text = query if isinstance(query, str) else urlencode(query)
    return visitor.get(f"{FRONT}?{text}", headers=headers, expect_errors=True)


def elsewhere(app: AuthMiddleware) -> TestApp:
    """The same browser in a frame at the provider: SameSite=Lax keeps the cookie back."""
    return TestApp(app, extra_environ=SERVED)


def test_a_frame_is_for_the_issuer_and_for_the_page_that_people_leave_by():
    fake = FakeProvider()
    leave = "https://leave.example.test:8443/end?x=y"

    def elsewhere_too(answer: Answered, scene: Any) -> Answered:
        return as_json({**json.loads(answer.body), "end_session_endpoint": leave})

    with fake.tamper("http.discovery", elsewhere_too):
        answer = frame(elsewhere(heard(fake)), {"iss": fake.issuer, "sid": "of-nobody"})
    policy = answer.headers["Content-Security-Policy"]
    assert set(policy.partition("frame-ancestors ")[2].split()) == {
        fake.issuer, "https://leave.example.test:8443",
    }  # fmt: skip


def test_a_frame_at_the_provider_ends_the_session_it_names(strategy):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    desk, phone = signed_in(app, fake), signed_in(app, fake)
    answer = frame(elsewhere(app), {"iss": fake.issuer, "sid": sid_of(desk)})
    assert (answer.status_int, answer.content_type) == (200, "text/html")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; frame-ancestors {fake.issuer}"
    )
    assert "X-Frame-Options" not in answer.headers
    assert desk.who is None and phone.who


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"iss": "https://evil.example.test", "sid": "{sid}"}, 400),
        ({"iss": "{iss}/", "sid": "{sid}"}, 400),
        ({"sid": "{sid}"}, 400),
        ({"iss": "{iss}"}, 400),
        ({"iss": "{iss}", "sid": ""}, 400),
        ({"iss": "{iss}", "sid": "guessed"}, 200),
        ({"iss": "{iss}", "sid": "x" * 5_000}, 200),
        ("iss={iss}&sid=guessed&sid={sid}", 400),
        ("iss={iss}&iss={iss}&sid={sid}", 400),
    ],
)
def test_a_frame_that_names_no_session_of_the_provider_ends_none(strategy, query, status):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    visitor = signed_in(app, fake)
    text = query if isinstance(query, str) else urlencode(query, safe="{}")
    text = text.format(iss=fake.issuer, sid=sid_of(visitor))
    assert frame(elsewhere(app), text).status_int == status
    assert frame(visitor, text, **{"Sec-Fetch-Dest": "iframe"}).status_int == status
    assert visitor.who


@pytest.mark.parametrize("how", ["back", "front with the cookie", "front without it"])
def test_each_session_that_ends_is_told_once(strategy, how):
    told: list[Any] = []
    fake = FakeProvider()
    app = heard(fake, strategy=strategy, events={"sign_out": told.append})
    desk, phone = signed_in(app, fake), signed_in(app, fake)
    sids = {sid_of(desk), sid_of(phone)} if how == "back" else {sid_of(desk)}
    sub = desk.claims["sub"]
    if how == "back":
        assert tell(app, fake_without_sid(fake, "alice")).status_int == 200
        again = fake.logout_token("alice")
        assert tell(app, again).status_int == 200
    else:
        browser = desk if "with the" in how else Visitor(app)
        query = urlencode({"iss": fake.issuer, "sid": sid_of(desk)})
        for _ in range(2):
            browser.get(f"{FRONT}?{query}", headers={"Sec-Fetch-Dest": "iframe"})
    assert {event.claims["provider_sid"] for event in told} == sids
    assert [event.claims["sub"] for event in told] == [sub] * len(sids)
    reasons = {event.reason for event in told}
    assert reasons == ({None} if how == "front with the cookie" else {"provider"})


def test_what_was_over_before_is_not_told(strategy):
    told: list[Any] = []
    fake = FakeProvider()
    app = heard(fake, strategy=strategy, events={"sign_out": told.append})
    start = time.time()
    with time_machine.travel(start) as clock:
        signed_in(app, fake)
        clock.move_to(start + 29 * DAY)
        living = sid_of(signed_in(app, fake))
        clock.move_to(start + 31 * DAY)
        assert tell(app, fake_without_sid(fake, "alice")).status_int == 200
    assert [event.claims["provider_sid"] for event in told] == [living]


def test_what_ends_by_two_at_once_is_told_once(strategy):
    told: list[Any] = []
    fake = FakeProvider()
    inner = connect("memory:")

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def delete_session(self, id: str) -> Any:
            inner.delete_session(id)  # by another process, which tells of it
            return inner.delete_session(id)

    app = heard(fake, strategy=strategy, adapter=Slow(), events={"sign_out": told.append})
    visitor = signed_in(app, fake)
    assert tell(app, fake.logout_token("alice")).status_int == 200
    assert (visitor.who, told) == (None, [])


def test_guessing_leaves_nothing_in_the_store():
    fake = FakeProvider()
    store = Flaky(connect("memory:"))
    app = heard(fake, adapter=store)
    store.down = {"create_verification_token", "revoke"}
    for number in range(20):
        answer = frame(elsewhere(app), {"iss": fake.issuer, "sid": f"guessed-{number}"})
        assert answer.status_int == 200


@pytest.mark.parametrize(
    ("dest", "status", "stays"),
    [("iframe", 200, False), ("document", 400, True), ("image", 400, True), (None, 400, True)],
)
def test_without_names_only_a_frame_signs_this_browser_out(strategy, dest, status, stays):
    fake = FakeProvider()
    app = heard(fake, strategy=strategy)
    visitor, other = signed_in(app, fake), signed_in(app, fake)
    answer = frame(visitor, "", **({"Sec-Fetch-Dest": dest} if dest else {}))
    assert answer.status_int == status
    assert (visitor.who is not None, other.who is not None) == (stays, True)


@just_looking
def test_who_only_looks_signs_nobody_out_R074(strategy, method, headers):
    fake = FakeProvider()
    visitor = signed_in(heard(fake, strategy=strategy), fake)
    left = "/auth/frontchannel-logout/fake"
    framed = {**headers, "Sec-Fetch-Dest": "iframe"}
    visitor.request(left, method=method, headers=framed, status=400)
    assert visitor.who
    visitor.get(left, headers={"Sec-Fetch-Dest": "iframe"}, status=200)
    assert not visitor.who


def test_a_session_of_another_provider_stays_in_a_frame(strategy):
    fake, other = FakeProvider(), FakeProvider("https://other.example.test", id="other")
    app = heard(fake, other, strategy=strategy)
    visitor = Visitor(app)
    other.sign_in(visitor, "alice")
    assert frame(visitor, "", **{"Sec-Fetch-Dest": "iframe"}).status_int == 200
    assert visitor.who


def test_names_can_be_required(strategy):
    fake = FakeProvider()
    options = {"frontchannel_logout_session_required": True}
    app = heard(fake, strategy=strategy, provider=options)
    visitor = signed_in(app, fake)
    assert frame(visitor, "", **{"Sec-Fetch-Dest": "iframe"}).status_int == 400
    assert visitor.who
    assert frame(visitor, {"iss": fake.issuer, "sid": sid_of(visitor)}).status_int == 200
    assert visitor.who is None


def test_a_frame_of_a_provider_that_cannot_be_asked_ends_the_session_all_the_same(
    strategy, url, caplog
):
    """Whose page may frame ours is then the issuer alone."""
    fake = FakeProvider()
    visitor = signed_in(heard(fake, strategy=strategy, adapter=url), fake)
    sid = sid_of(visitor)
    with fake.misbehave("discovery_503"):
        app = heard(fake, strategy=strategy, adapter=url)  # a process that has yet to ask
        answer = frame(elsewhere(app), {"iss": fake.issuer, "sid": sid})
    assert answer.status_int == 200
    assert f"frame-ancestors {fake.issuer}" in answer.headers["Content-Security-Policy"]
    assert any("fake: its page may not frame ours" in each for each in caplog.messages)
    time.sleep(LATER)
    assert visitor.who is None


def test_a_frame_while_the_store_is_down_is_503(strategy):
    fake = FakeProvider()
    store = Flaky(connect("memory:"))
    app = heard(fake, strategy=strategy, adapter=store)
    sid = sid_of(signed_in(app, fake))
    store.down = {"all"}
    assert frame(elsewhere(app), {"iss": fake.issuer, "sid": sid}).status_int == 503


# --- where there is no such endpoint -----------------------------------------------------------------


@pytest.mark.parametrize("option", HEARD)
def test_without_a_store_a_provider_that_is_to_end_sessions_is_a_mistake(option):
    with pytest.raises(ConfigError, match=r"adapter: .*'fake'.*backchannel_logout"):
        site(FakeProvider(), provider={option: True})


def test_where_sessions_are_only_read_it_is_a_mistake_too():
    with pytest.raises(ConfigError, match=r"session\.read_only: .*'fake'"):
        heard(FakeProvider(), session={"read_only": True})


@pytest.mark.parametrize("path", [BACK, FRONT])
@pytest.mark.parametrize("options", [{"adapter": "memory:"}, {}])
def test_a_provider_that_is_not_heard_has_no_such_endpoint(path, options):
    """It is the application's, guarded as any other path."""
    app = site(FakeProvider(), matcher=["/auth/:rest*"], **options)
    page = TestApp(app, extra_environ=SERVED)
    assert page.get(path, expect_errors=True).status_int == 401
    assert page.post(path, expect_errors=True).status_int == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [(BACK, 415), (f"{BACK}/", 415), (f"{BACK}/x", 401), (f"{BACK}x", 401), (BACK.upper(), 401),
     (f"/{BACK}", 401), (BACK.replace("fake", "other"), 401), (BACK.replace("/fake", ""), 401)],
)  # fmt: skip
def test_the_guard_lets_the_exact_path_pass_and_no_other(path, status):
    app = heard(FakeProvider(), matcher=["/:path*"])
    page = TestApp(app, extra_environ=SERVED)
    assert page.post(path, expect_errors=True).status_int == status
