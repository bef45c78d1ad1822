"""Sessions that a store keeps, or keeps a record of: begun, renewed, listed, ended, lost."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from webtest import TestApp

from tests.conftest import BROWSER, Browser, config, hello
from wsgi_auth import AuthMiddleware, CookieSessionReader, get_auth, get_session, get_token
from wsgi_auth.adapters import connect
from wsgi_auth.errors import ConfigError, StoreUnavailable, UsageError
from wsgi_auth.jwe import JWECodec
from wsgi_auth.records import Revocation, SessionRecord
from wsgi_auth.sessions.database import content, hashed
from wsgi_auth.sessions.endings import Endings
from wsgi_auth.sessions.revocations import Revocations
from wsgi_auth.testing import sign_in
from wsgi_auth.testing.threads import at_once

DAY = 86_400
NAME = "__Host-auth.session-token"
START = 1_800_000_000


@pytest.fixture(params=["memory", "sqlite"])
def adapter(request, tmp_path: Path) -> Any:
    return connect("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db")


@pytest.fixture(params=["database", "cookie", "jwt"])
def strategy(request) -> str:
    return request.param


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


class Flaky:
    """A store that can be switched off, as a server is; it counts what is asked of it."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.is_down = False
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.asked.append(name)
            if self.is_down:
                raise StoreUnavailable("switched off")
            return method(*arguments, **named)

        return call


class FailsOnce:
    """A store whose ``method`` fails once, when it is called for the ``nth`` time from when it is
    armed on."""

    def __init__(self, store: Any, method: str, nth: int) -> None:
        self.store, self.method, self.left = store, method, nth
        self.is_armed = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name == self.method and self.is_armed:
                self.left -= 1
                if not self.left:
                    self.is_armed = False
                    raise StoreUnavailable("switched off")
            return method(*arguments, **named)

        return call


def protected(adapter: Any, strategy: str = "database", app: Any = hello, **more: Any) -> Any:
    session = {"strategy": strategy, **more.pop("session", {})}
    more = {"cookies": {"session": {"name": NAME}}, **more}  # one name, whatever the strategy
    return AuthMiddleware(app, config(adapter=adapter, session=session, **more))


def cookie_of(browser: Browser) -> str:
    return browser.cookies[NAME]


def who(middleware: Any, cookie: str) -> str:
    visitor = Browser(middleware)
    visitor.set_cookie(NAME, cookie)
    return visitor.get("/", expect_errors=True).text


# --- the identifier -----------------------------------------------------------------------------


def test_the_cookie_is_an_opaque_identifier_and_the_store_has_only_its_hash(adapter):
    middleware = protected(adapter)
    visitor = Browser(middleware)
    visitor.sign_in()
    value = cookie_of(visitor)
    assert len(value) == 43
    (record,) = adapter.list_sessions("alice")
    assert record.id == hashed(value) != value
    assert value not in record.data
    # a copy of the store is no set of live sessions
    for stolen in (record.id, record.data, record.user_id):
        assert who(middleware, stolen.replace(",", "")[:300]) != "hello alice"
    assert who(middleware, value) == "hello alice"


@pytest.mark.parametrize("junk", ["", "x", "a" * 42, "a" * 44, "ä" * 43, "a" * 42 + "=",
                                  "a" * 42 + "%", "../" * 20, "a" * 5_000])  # fmt: skip
def test_a_value_that_is_none_of_ours_never_reaches_the_store(junk):
    store = Flaky(connect("memory:"))
    middleware = protected(store)
    reading = middleware.site.reader.read({"HTTP_COOKIE": f"{NAME}={junk}"}, START)
    assert reading.session is None
    assert "get_session_and_user" not in store.asked


def test_one_request_asks_the_store_a_few_times_at_most_however_many_cookies_it_brings(adapter):
    store = Flaky(adapter)
    visitor = Browser(protected(store))
    visitor.sign_in()
    mine = cookie_of(visitor)
    others = [f"{NAME}={hashed(str(number))}" for number in range(1_500)]
    for header in ([*others[:9], f"{NAME}={mine}"], others):
        store.asked.clear()
        said = visitor.get("/", headers={"Cookie": "; ".join(header)}, expect_errors=True)
        assert (said.text == "hello alice") is (len(header) == 10)
        assert store.asked.count("get_session_and_user") <= 20


def test_reading_a_session_asks_the_store_once(adapter):
    store = Flaky(adapter)
    visitor = Browser(protected(store))
    visitor.sign_in()
    store.asked.clear()
    assert visitor.get("/").text == "hello alice"
    assert store.asked == ["get_session_and_user"]


def test_a_session_in_a_cookie_asks_the_store_twice_a_second_at_most(adapter, clock):
    store = Flaky(adapter)
    visitor = Browser(protected(store, "cookie"))
    visitor.sign_in()
    store.asked.clear()
    for _ in range(20):
        assert visitor.get("/").text == "hello alice"
    clock.shift(0.6)
    for _ in range(20):
        assert visitor.get("/").text == "hello alice"
    assert store.asked.count("revocations") <= 2
    assert set(store.asked) <= {"revocations"}


# --- what the user is ----------------------------------------------------------------------------


def test_what_the_store_says_of_a_user_is_seen_at_the_next_request(adapter):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(environ["auth.session"].user["name"]).encode()]

    visitor = Browser(protected(adapter, app=app))
    visitor.sign_in()
    assert visitor.get("/").text == "Alice Adams"
    adapter.update_user(adapter.get_user("alice")._replace(name="Alice Baker"))
    assert visitor.get("/").text == "Alice Baker"
    adapter.delete_user("alice")
    assert visitor.get("/", status=401)


def test_an_address_that_is_no_longer_proven_is_not_said_to_be(adapter):
    middleware = protected(adapter)
    visitor = Browser(middleware)
    visitor.sign_in()
    adapter.update_user(adapter.get_user("alice")._replace(email="x@example.test",
                                                           email_verified=None))  # fmt: skip
    header = {"HTTP_COOKIE": f"{NAME}={cookie_of(visitor)}"}
    claims = middleware.site.reader.read(header, __import__("time").time()).claims
    assert (claims["email"], claims["email_verified"]) == ("x@example.test", False)


def test_an_address_that_was_taken_from_a_user_is_in_no_session_of_theirs(adapter):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        claims = get_auth(environ).claims
        return [f"{claims.get('email')} {claims.get('email_verified')}".encode()]

    visitor = Browser(protected(adapter, app=app))
    visitor.sign_in()
    assert visitor.get("/").text == "alice@example.test True"
    adapter.update_user(adapter.get_user("alice")._replace(email=None, email_verified=None))
    assert visitor.get("/").text == "None None"


def test_text_of_an_unknown_version_is_no_session_and_stays(adapter):
    middleware = protected(adapter)
    visitor = Browser(middleware)
    visitor.sign_in()
    (record,) = adapter.list_sessions("alice")
    newer = record._replace(data=record.data.replace('"v":1', '"v":2'))
    assert adapter.update_session(newer, record)
    answer = visitor.get("/", status=401)
    assert not [c for c in answer.headers.getall("Set-Cookie") if c.startswith(NAME)]
    assert adapter.list_sessions("alice") == [newer]
    for odd in ("", "null", "[]", "{}", '{"v":1}', '{"v":1,"claims":[]}', "[" * 5_000):
        assert content(odd) is None


# --- renewal -------------------------------------------------------------------------------------


def test_a_session_in_use_lives_on_and_one_that_is_not_ends(adapter, clock, strategy):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    for _ in range(6):
        clock.shift(8 * DAY)
        assert visitor.get("/").text == "hello alice"
    (info,) = middleware.sessions.of("alice")
    assert info.last_seen == START + 48 * DAY
    clock.shift(31 * DAY)
    visitor.get("/", status=401)
    assert middleware.sessions.of("alice") == []


def test_at_the_edge_of_renewal_all_stay_signed_in_and_one_writes(adapter, clock):
    store = Flaky(adapter)
    middleware = protected(store)
    visitor = Browser(middleware)
    visitor.sign_in()
    clock.shift(2 * DAY)
    store.asked.clear()
    cookie, results = cookie_of(visitor), []
    barrier = threading.Barrier(32)

    def one() -> None:
        own = Browser(middleware)
        own.set_cookie(NAME, cookie)
        barrier.wait(20)
        answer = own.get("/", expect_errors=True)
        sent = [c for c in answer.headers.getall("Set-Cookie") if c.startswith(NAME)]
        results.append((answer.text, len(sent)))

    threads = [threading.Thread(target=one) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [text for text, _ in results] == ["hello alice"] * 32
    assert sum(sent for _, sent in results) == 1
    (record,) = adapter.list_sessions("alice")
    assert record.expires == START + 32 * DAY


def test_absolute_age_ends_a_busy_session_and_is_not_written_again_and_again(adapter, clock):
    store = Flaky(adapter)
    options = {"max_age": 10 * DAY, "absolute_age": 20 * DAY}
    visitor = Browser(protected(store, session=options))
    visitor.sign_in()
    for _ in range(19):
        clock.shift(DAY)
        assert visitor.get("/").text == "hello alice"
    assert store.asked.count("update_session") <= 19
    clock.shift(DAY)
    visitor.get("/", status=401)


def test_a_callback_gives_a_user_a_life_of_their_own(adapter, clock, strategy):
    def jwt(claims, context):
        return {**claims, "max_age": 3_600} if context.trigger else claims

    visitor = Browser(protected(adapter, strategy, callbacks={"jwt": jwt}))
    visitor.sign_in()
    for _ in range(3):
        clock.shift(3_000)
        assert visitor.get("/").text == "hello alice"
    clock.shift(3_601)
    visitor.get("/", status=401)


# --- updates -------------------------------------------------------------------------------------


def count(claims: Any, context: Any) -> Any:
    if context.trigger == "update":
        return {**claims, "count": claims.get("count", 0) + context.data}
    return claims


def test_updates_at_the_same_time_are_all_kept(adapter):
    middleware = protected(adapter, callbacks={"jwt": count}, app=updating)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    barrier, answers = threading.Barrier(4), []

    def one() -> None:
        own = Browser(middleware)
        own.set_cookie(NAME, cookie)
        barrier.wait(20)
        answers.append(own.get("/", expect_errors=True).status_int)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 4
    (record,) = adapter.list_sessions("alice")
    assert content(record.data)["claims"]["count"] == 4


def updating(environ: Any, start_response: Any) -> list[bytes]:
    get_auth(environ).update(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


class Overtaking:
    """A ``jwt`` callback that counts updates, and lets others come first as often as it is told."""

    def __init__(self) -> None:
        self.others: list[Callable[[], Any]] = []

    def __call__(self, claims: Any, context: Any) -> Any:
        if context.trigger == "update" and self.others:
            self.others.pop()()
        return count(claims, context)


def test_an_update_that_was_overtaken_is_made_of_what_the_session_is_then(adapter):
    jwt = Overtaking()
    middleware = protected(adapter, callbacks={"jwt": jwt}, app=updating)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    jwt.others = [lambda: who(middleware, cookie)] * 2
    assert visitor.get("/").text == "ok"
    (record,) = adapter.list_sessions("alice")
    assert content(record.data)["claims"]["count"] == 3
    assert cookie_of(visitor) == cookie


def test_an_update_that_others_always_overtake_is_503_and_changes_nothing(adapter):
    jwt = Overtaking()
    middleware = protected(adapter, callbacks={"jwt": jwt}, app=updating)
    visitor = Browser(middleware)
    visitor.sign_in()
    (record,) = adapter.list_sessions("alice")
    turns: list[int] = []

    def other() -> None:
        turns.append(1)
        (now,) = adapter.list_sessions("alice")
        said = now.data.replace("}", f', "turn{len(turns)}": 1}}', 1)
        assert adapter.update_session(now._replace(data=said), now)

    jwt.others = [other] * 1_000
    fields = {"csrfToken": visitor.token(), "data": 1}
    answer = visitor.post_json("/auth/session", fields, status=503)
    assert answer.headers["Retry-After"] and len(turns) < 100
    (record,) = adapter.list_sessions("alice")
    assert "count" not in content(record.data)["claims"]
    jwt.others.clear()
    assert visitor.post_json("/auth/session", fields, status=200)


def test_an_update_in_the_course_of_which_the_session_ends_brings_it_not_back(adapter, strategy):
    jwt, said = Overtaking(), []

    def app(environ, start_response):
        said.append(get_auth(environ).update(1))
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, callbacks={"jwt": jwt}, app=app)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    jwt.others = [lambda: middleware.sessions.end_all("alice")]
    assert visitor.get("/").text == "hello nobody"
    assert said == [None]
    assert who(middleware, cookie) != "hello alice"
    assert middleware.sessions.of("alice") == []


def test_two_updates_of_one_request_are_one_session(adapter):
    def app(environ, start_response):
        get_auth(environ).sign_in({"id": "zoe"})
        get_auth(environ).update(1)
        get_auth(environ).update(2)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    visitor = Browser(protected(adapter, callbacks={"jwt": count}, app=app, public=["/"]))
    visitor.get("/")
    (record,) = adapter.list_sessions("zoe")
    assert content(record.data)["claims"]["count"] == 3
    assert hashed(cookie_of(visitor)) == record.id


# --- ending --------------------------------------------------------------------------------------


def _too_large(claims: Any, context: Any) -> Any:
    return {**claims, "data": "x" * 200_000}


@pytest.mark.parametrize(
    ("strategy", "callbacks"),
    [
        *((each, {"session": lambda *_: 1 / 0}) for each in ("database", "cookie", "jwt")),
        *((each, {"jwt": _too_large}) for each in ("cookie", "jwt")),
        *((each, {"redirect": lambda *_: 1 / 0}) for each in ("database", "cookie", "jwt")),
    ],
)
def test_a_sign_in_that_fails_at_its_last_step_leaves_no_session(adapter, strategy, callbacks):
    told = []
    middleware = protected(adapter, strategy, callbacks=callbacks, events={"sign_in": told.append})
    answer = Browser(middleware).sign_in(status=500)
    assert NAME not in str(answer.headers)
    assert middleware.sessions.of("alice") == []
    assert told == []


@pytest.mark.parametrize(("method", "nth"), [("delete_session", 1), ("get_verification_token", 2)])
def test_a_sign_in_during_which_the_store_fails_leaves_no_session(adapter, method, nth):
    """The old session cannot be ended, or nobody can say whether all were ended meanwhile."""

    store = FailsOnce(adapter, method, nth)
    middleware = protected(store)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    (kept,) = middleware.sessions.of("alice")
    store.is_armed = True
    answer = visitor.sign_in(status=503)
    assert not store.is_armed
    assert NAME not in str(answer.headers)
    assert middleware.sessions.of("alice") == [kept]
    assert who(middleware, cookie) == "hello alice"


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("an own mistake")])
def test_what_cannot_be_swept_is_nothing_to_a_sign_in(adapter, strategy, error, caplog):
    class Unswept:
        def __getattr__(self, name: str) -> Any:
            return getattr(adapter, name)

        def sweep(self, now: int, at_most: int) -> int:
            raise error

    middleware = protected(Unswept(), strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    assert visitor.get("/").text == "hello alice"
    assert "could not be swept" in caplog.text


def _breaks(kind: str, broken: list[bool]) -> dict[str, Any]:
    """Callbacks of which one fails at every session while ``broken``."""
    return {kind: lambda given, context: 1 / 0 if broken else given}


@pytest.mark.parametrize("kind", ["jwt", "session"])
def test_who_has_a_session_at_which_a_callback_fails_can_sign_out(adapter, strategy, kind):
    broken: list[bool] = []
    middleware = protected(adapter, strategy, callbacks=_breaks(kind, broken))
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    broken.append(True)
    assert visitor.get("/", expect_errors=True).status_int == 500  # it opens no page
    assert visitor.get("/auth/session", expect_errors=True).status_int == 500
    assert visitor.visit("/auth/signin").status_int == 200
    assert "AccessDenied" in visitor.visit("/auth/error?error=AccessDenied", status=403).text
    visitor.visit("/auth/signout").form.submit(headers=BROWSER, status=303)
    assert NAME not in visitor.cookies
    assert middleware.sessions.of("alice") == []
    broken.clear()
    assert who(middleware, cookie) != "hello alice"


@pytest.mark.parametrize("kind", ["jwt", "session"])
def test_who_has_a_session_at_which_a_callback_fails_signs_out_by_a_page_of_the_applications(
    adapter, strategy, kind
):
    """And is nobody there: no claims, no accounts, no sessions."""

    def app(environ: Any, start_response: Any) -> Any:
        auth = get_auth(environ)
        if environ["PATH_INFO"] == "/out":
            auth.sign_out()
        said = [auth.csrf_token, auth.session, auth.claims, auth.accounts(), auth.sessions()]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(said).encode()]

    for by in ("/auth/signout", "/out"):
        broken: list[bool] = []
        more = {"pages": {"sign_out": "/bye"}, "public": ["/out"]}
        middleware = protected(adapter, strategy, app, callbacks=_breaks(kind, broken), **more)
        visitor = Browser(middleware)
        visitor.sign_in()
        broken.append(True)
        token, *rest = visitor.visit("/auth/signout").follow().json
        assert rest == [None, None, [], []]
        visitor.post(by, {"csrfToken": token})
        assert NAME not in visitor.cookies
        assert middleware.sessions.of("alice") == []


def test_of_what_a_browser_holds_a_session_that_has_ended_is_not_ended_again(adapter):
    """The first of two cookies of one name was ended; the other is the one that lives."""
    broken: list[bool] = []
    middleware = protected(adapter, "cookie", callbacks=_breaks("session", broken))
    ended, living = Browser(middleware), Browser(middleware)
    ended.sign_in("bob")
    living.sign_in("alice")
    middleware.sessions.end_all("bob")
    broken.append(True)
    both = f"{NAME}={cookie_of(ended)}; {NAME}={cookie_of(living)}"
    browser = TestApp(middleware, extra_environ={**living.extra_environ, "HTTP_COOKIE": both})
    csrf = browser.get("/auth/csrf")
    set_ = csrf.headers["Set-Cookie"].partition(";")[0]
    browser.extra_environ["HTTP_COOKIE"] = f"{both}; {set_}"
    browser.post("/auth/signout", {"csrfToken": csrf.json["csrfToken"]}, status=303)
    assert middleware.sessions.of("alice") == []


@pytest.mark.parametrize("path", ["/", "/auth/signin", "/auth/csrf", "/auth/signout"])
def test_a_store_whose_own_mistake_nobody_caught_is_a_500_on_every_page(path):
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(memory, name)

        def get_session_and_user(self, id: str) -> Any:
            raise KeyError(id)

    memory = connect("memory:")
    visitor = Browser(protected(memory))
    visitor.sign_in()
    broken = Browser(protected(Broken()))
    broken.set_cookie(NAME, cookie_of(visitor))
    broken.get(path, status=500)


@pytest.mark.parametrize("kind", ["jwt", "session"])
def test_who_has_a_session_at_which_a_callback_fails_can_begin_another(adapter, strategy, kind):
    def fails(given: Any, context: Any) -> Any:
        claims = given if kind == "jwt" else context.claims
        return 1 / 0 if broken and claims["sub"] == "alice" else given

    broken: list[bool] = []
    middleware = protected(adapter, strategy, callbacks={kind: fails})
    visitor = Browser(middleware)
    visitor.sign_in()
    broken.append(True)
    visitor.sign_in("bob")
    assert visitor.get("/").text == "hello bob"
    assert middleware.sessions.of("alice") == []


def test_a_redirect_callback_that_fails_keeps_nobody_signed_in(adapter, strategy):
    broken: list[bool] = []
    middleware = protected(
        adapter, strategy, callbacks={"redirect": lambda url, base: 1 / 0 if broken else url}
    )
    visitor = Browser(middleware)
    visitor.sign_in()
    token = visitor.token()
    broken.append(True)
    fields = {"csrfToken": token, "callbackUrl": "/bye"}
    assert visitor.visit("/auth/signout?callbackUrl=/bye").form["callbackUrl"].value == "/"
    assert visitor.post("/auth/signout", fields, status=303).headers["Location"] == "/"
    assert NAME not in visitor.cookies and middleware.sessions.of("alice") == []


def test_an_update_that_fails_changes_nothing(adapter, strategy):
    def session(session: Any, context: Any) -> Any:
        session["age"] = int(context.claims.get("age", 0))
        return session

    def jwt(claims: Any, context: Any) -> Any:
        return {**claims, "age": context.data} if context.trigger == "update" else claims

    middleware = protected(adapter, strategy, callbacks={"jwt": jwt, "session": session})
    visitor = Browser(middleware)
    visitor.sign_in()
    for age, status in (("ten", 500), (10, 200), ("many", 500)):
        fields = {"csrfToken": visitor.token(), "data": age}
        visitor.post_json("/auth/session", fields, status=status)
        assert visitor.get("/").text == "hello alice"
    assert visitor.get("/auth/session").json["age"] == 10


def test_an_update_that_fails_ends_no_session(adapter, strategy):
    failing = [True]

    def session(session: Any, context: Any) -> Any:
        return 1 / 0 if failing and context.claims.get("count") else session

    middleware = protected(adapter, strategy, callbacks={"jwt": count, "session": session})
    visitor = Browser(middleware)
    visitor.sign_in()
    fields = {"csrfToken": visitor.token(), "data": 1}
    visitor.post_json("/auth/session", fields, status=500)
    failing.clear()
    assert visitor.get("/").text == "hello alice"
    assert len(middleware.sessions.of("alice")) == 1


def test_after_sign_out_the_old_cookie_is_dead(adapter, strategy):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    old = cookie_of(visitor)
    visitor.post("/auth/signout", {"csrfToken": visitor.token()}, status=303)
    assert who(middleware, old) != "hello alice"
    assert middleware.sessions.of("alice") == []


def test_sign_in_begins_a_new_session_and_ends_the_one_before(adapter, strategy):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    old = cookie_of(visitor)
    visitor.sign_in("bob")
    assert cookie_of(visitor) != old
    assert who(middleware, old) not in ("hello alice", "hello bob")
    assert middleware.sessions.of("alice") == []
    assert len(middleware.sessions.of("bob")) == 1


def test_a_user_sees_their_sessions_and_ends_one(adapter, strategy):
    seen: list[Any] = []

    def app(environ, start_response):
        seen[:] = get_auth(environ).sessions()
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, app=app)
    phone, desk = Browser(middleware), Browser(middleware)
    phone.extra_environ["HTTP_USER_AGENT"] = "Phone \x1b[31m"
    phone.extra_environ["REMOTE_ADDR"] = "198.51.100.7"
    phone.sign_in()
    desk.sign_in()
    desk.get("/")
    assert len(seen) == 2
    other = next(each for each in seen if each.agent.startswith("Phone"))
    assert "\x1b" not in other.agent
    assert (other.address, other.provider) == ("198.51.100.7", "credentials")
    assert not middleware.sessions.end("bob", other.id)
    assert middleware.sessions.end("alice", other.id)
    phone.get("/", status=401)
    assert desk.get("/").text == "hello alice"


def test_who_ends_the_session_that_is_their_own_is_signed_out(adapter, strategy):
    said: list[bool] = []

    def app(environ, start_response):
        auth = get_auth(environ)
        said.append(auth.end_session("of nobody"))
        said.append(auth.end_session(auth.claims["sid"]))
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, app=app)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    assert visitor.get("/").text == "hello nobody"
    assert said == [False, True]
    assert NAME not in visitor.cookies
    assert who(middleware, cookie) != "hello alice"


def test_nobody_has_no_sessions_to_end(adapter, strategy):
    def app(environ, start_response):
        auth = get_auth(environ)
        said = (auth.sessions(), auth.accounts(), auth.sign_out_everywhere(),
                auth.sign_out_everywhere(but_here=True), auth.end_session(of_alice.id))  # fmt: skip
        assert said == ([], [], 0, 0, False)
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, app=app, public=["/"])
    visitor = Browser(middleware)
    visitor.sign_in()
    (of_alice,) = middleware.sessions.of("alice")
    assert Browser(middleware).get("/").text == "hello nobody"
    assert middleware.sessions.of("alice") == [of_alice]


def test_signing_out_everywhere_ends_all_and_nobody_elses(adapter, strategy):
    counted: list[int] = []

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/out":
            counted.append(get_auth(environ).sign_out_everywhere())
        if environ["PATH_INFO"] == "/others":
            counted.append(get_auth(environ).sign_out_everywhere(but_here=True))
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, app=app)
    browsers = [Browser(middleware) for _ in range(3)]
    bob = Browser(middleware)
    for each in browsers:
        each.sign_in()
    bob.sign_in("bob")
    browsers[0].get("/others")
    assert browsers[0].get("/").text == "hello alice"
    for each in browsers[1:]:
        each.get("/", status=401)
    assert browsers[0].get("/out").text == "hello nobody"
    browsers[0].get("/", status=401)
    assert bob.get("/").text == "hello bob"
    assert counted == [2, 1]


def test_the_end_of_each_other_session_is_told_once_with_its_user_and_id(adapter, clock, strategy):
    def app(environ, start_response):
        handle, path = get_auth(environ), environ["PATH_INFO"]
        if path.startswith("/end/"):
            handle.end_session(path.removeprefix("/end/"))
        if path in ("/others", "/everywhere"):
            handle.sign_out_everywhere(but_here=path == "/others")
        return hello(environ, start_response)

    told = []
    more = {"session": {"max_age": 3_600}, "events": {"sign_out": told.append}}
    middleware = protected(adapter, strategy, app=app, **more)
    Browser(middleware).sign_in()  # over by itself, which is nobody's deed
    clock.shift(3_601)
    here = Browser(middleware)
    here.sign_in()
    (mine,) = [each.id for each in middleware.sessions.of("alice")]

    def other() -> str:
        Browser(middleware).sign_in()
        return next(each.id for each in middleware.sessions.of("alice") if each.id != mine)

    for path in ("/end/{}", "/others", "/everywhere"):
        id = other()
        here.get(path.format(id))
        here.get(path.format(id), expect_errors=True)  # a second click
        at = path.format(id)
        expected = [(id, "alice", "user", None, at)]
        if path == "/everywhere":
            expected.append((mine, "alice", None, "alice", at))
        assert [
            (each.claims["sid"], each.claims["sub"], each.reason,
             each.session and each.session.user["id"], each.request.path) for each in told
        ] == expected  # fmt: skip
        told.clear()
    id = other()
    middleware.sessions.end_all("alice", tell=told.append)
    assert [each["sid"] for each in told] == [id], "no event without a request"


def test_a_user_is_ended_from_code_for_every_worker_within_a_second(adapter, clock, strategy):
    workers = [protected(adapter, strategy) for _ in range(4)]
    visitor = Browser(workers[0])
    visitor.sign_in()
    cookie = cookie_of(visitor)
    assert [who(worker, cookie) for worker in workers] == ["hello alice"] * 4
    workers[3].sessions.end_all("alice")
    clock.shift(1)
    assert "hello alice" not in [who(worker, cookie) for worker in workers]
    # and who signs in again is in
    clock.shift(1)
    visitor.sign_in()
    assert [who(worker, cookie_of(visitor)) for worker in workers] == ["hello alice"] * 4


def test_who_changes_their_password_is_signed_in_anew_and_nobody_else(adapter, clock, strategy):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/password":
            middleware.sessions.end_all("alice")
            get_auth(environ).sign_in({"id": "alice"})
        return hello(environ, start_response)

    middleware = protected(adapter, strategy, app=app)
    here, there = Browser(middleware), Browser(middleware)
    here.sign_in()
    there.sign_in()
    here.get("/password")
    for _ in range(3):
        assert here.get("/").text == "hello alice"
        there.get("/", status=401)
        clock.shift(1)


def test_who_only_reads_sees_what_was_ended_too(adapter):
    middleware = protected(adapter, "cookie")
    reads = protected(adapter, "cookie", session={"read_only": True}, pages={"sign_in": "/in"})
    visitor = Browser(middleware)
    visitor.sign_in()
    assert who(reads, cookie_of(visitor)) == "hello alice"
    middleware.sessions.end_all("alice")
    __import__("time").sleep(0.6)
    assert who(reads, cookie_of(visitor)) != "hello alice"


def test_a_session_that_auth_js_wrote_is_ended_by_its_subject_or_its_token(adapter, clock):
    revocations = Revocations(adapter, 60, 30 * DAY, logging.getLogger("tests"))
    written = {"sub": "alice", "name": "Alice", "jti": "one", "iat": START - 10, "exp": START + DAY}
    assert not revocations.has_ended(written, START)
    revocations.end([Revocation("session", "one", START, START + DAY)])
    assert revocations.has_ended(written, START)
    again = {**written, "jti": "two"}
    assert not revocations.has_ended(again, START)
    revocations.end([Revocation("user", "alice", START, START + DAY)])
    assert revocations.has_ended(again, START)
    assert not revocations.has_ended({**again, "sub": "bob"}, START)
    for begins in ({"iat": START}, {"iat": START + 1, "auth_time": START}):
        assert revocations.has_ended({**again, **begins}, START), "of the same second"
    assert not revocations.has_ended({**again, "iat": START + 1}, START)
    assert revocations.has_ended({"sub": "alice"}, START), "one without a time is older than any"
    for began in (1_000 * START, "soon", None, 1.5):  # milliseconds, as JavaScript has them
        assert revocations.has_ended({**again, "iat": START + 1, "auth_time": began}, START)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_ends_of_all_the_later_one_counts_in_whatever_order_they_are_heard_of(
    adapter, clock, order
):
    revocations = Revocations(adapter, 60, 30 * DAY, logging.getLogger("tests"))
    begun = {"sub": "alice", "sid": "x", "auth_time": START + 9}
    assert not revocations.has_ended(begun, START)
    for at in (START, START + 9)[::order]:  # by two machines' clocks
        revocations.end([Revocation("user", "alice", at, START + DAY)])
    for now in (START + 0.1, START + 60):  # as it was told here, and as the store has it
        assert revocations.has_ended(begun, now)
        assert not revocations.has_ended({**begun, "auth_time": START + 10}, now)
    began = {"alice": START + 10, "bob": START + 3}
    assert {user: revocations.begins_after(user, START + 3) for user in began} == began
    assert revocations.begins_after("alice", START + 20) == START + 20


def test_without_an_adapter_ending_from_elsewhere_says_what_it_takes(browser):
    middleware = AuthMiddleware(hello, config())
    with pytest.raises(UsageError, match="adapter"):
        middleware.sessions


# --- what was ended stays so, as long as any of its cookies could live ---------------------------


def forget_what_is_over(middleware: Any, clock: Any) -> None:
    """What is over goes: from the store with a sign-in, from the list in the course of a request."""
    clock.shift(61)
    visitor = Browser(middleware)
    visitor.sign_in("bob", "battery staple")
    assert visitor.get("/").text == "hello bob"


def a_year(claims: dict[str, Any], context: Any) -> dict[str, Any]:
    return {**claims, "max_age": 365 * DAY}


@pytest.mark.parametrize("how", ["of the user", "the one"])
def test_a_session_with_a_long_life_of_its_own_never_comes_back(adapter, clock, strategy, how):
    middleware = protected(adapter, strategy, callbacks={"jwt": a_year})
    visitor = Browser(middleware)
    visitor.sign_in()
    (mine,) = middleware.sessions.of("alice")
    if how == "of the user":
        middleware.sessions.end_all("alice")
    else:
        middleware.sessions.end("alice", mine.id)
    for days in (31, 200, 133):
        forget_what_is_over(middleware, clock)
        assert who(middleware, cookie_of(visitor)) != "hello alice"
        clock.shift(days * DAY)


def test_a_session_from_before_max_age_was_lowered_never_comes_back(adapter, clock, strategy):
    before = protected(adapter, strategy)
    visitor = Browser(before)
    visitor.sign_in()
    middleware = protected(adapter, strategy, session={"max_age": "1d", "update_age": "1h"})
    middleware.sessions.end_all("alice")
    clock.shift(2 * DAY)
    forget_what_is_over(middleware, clock)
    assert who(middleware, cookie_of(visitor)) != "hello alice"


@pytest.mark.parametrize("how", ["by the user", "from elsewhere", "all the others"])
def test_a_copy_of_a_cookie_that_was_renewed_is_over_with_the_session(
    adapter, clock, strategy, how
):
    """Whoever has a copy renews it, and its owner signs out with the cookie from before."""
    middleware = protected(adapter, strategy)
    visitor, other, renewed = Browser(middleware), Browser(middleware), Browser(middleware)
    visitor.sign_in()
    other.sign_in()
    token, original = visitor.token(), cookie_of(visitor)
    records = adapter.list_sessions("alice")
    clock.shift(29 * DAY)
    renewed.set_cookie(NAME, original)
    assert renewed.get("/").text == "hello alice"
    if how == "by the user":
        visitor.post("/auth/signout", {"csrfToken": token}, status=303)
    else:  # what is known of the session is what was written before the renewal
        for each in records:
            now = next(r for r in adapter.list_sessions("alice") if r.id == each.id)
            adapter.update_session(each, now)
        if how == "from elsewhere":
            for each in records:
                middleware.sessions.end("alice", each.id)
        else:
            middleware.sessions.end_all("alice", but=id_of(middleware, cookie_of(other)))
    for _ in range(3):
        forget_what_is_over(middleware, clock)
        for cookie in (cookie_of(renewed), original):
            assert who(middleware, cookie) != "hello alice"
        clock.shift(9.5 * DAY)


@pytest.mark.parametrize(
    ("kind", "writer"),
    [("database", "ours"), ("cookie", "ours"), ("jwt", "ours"), ("jwt", "Auth.js")],
)
def test_who_signs_out_while_a_slow_page_renews_stays_out(adapter, clock, kind, writer):
    """The page that began before and ends after must not bring a living cookie."""
    tabs: list[Any] = []

    def slow(environ: Any, start_response: Any) -> Any:
        if tabs:
            tabs.pop()()
        return hello(environ, start_response)

    middleware = protected(adapter, kind, slow)
    visitor = Browser(middleware)
    if writer == "ours":
        visitor.sign_in()
        cookie = cookie_of(visitor)
    else:
        claims = {"sub": "alice", "name": "Alice"}
        cookie = JWECodec(middleware.config.secret, NAME).encode(
            {**claims, "jti": "one", "iat": START, "exp": START + 30 * DAY}
        )
    clock.shift(2 * DAY)
    slow_tab, other_tab = Browser(middleware), Browser(middleware)
    for tab in (slow_tab, other_tab):
        tab.set_cookie(NAME, cookie)
    token = other_tab.token()

    def sign_out() -> None:
        other_tab.set_cookie(NAME, cookie)
        other_tab.post("/auth/signout", {"csrfToken": token}, status=303)

    tabs.append(sign_out)
    assert slow_tab.get("/").text == "hello alice"
    assert who(middleware, cookie_of(slow_tab)) != "hello alice"


@pytest.mark.parametrize("how", ["by the user", "of the user"])
@pytest.mark.parametrize("later", [0.0, 0.3])
def test_a_worker_that_has_yet_to_hear_of_the_end_renews_no_session_of_authjs(
    adapter, clock, how, later
):
    """What is written has no time of sign-in, and so must not look newly begun to anybody."""
    here, there = protected(adapter, "jwt"), protected(adapter, "jwt")
    claims = {"sub": "alice", "jti": "one", "iat": START, "exp": START + 30 * DAY}
    cookie = JWECodec(here.config.secret, NAME).encode(claims)
    clock.shift(2 * DAY + 0.8)
    visitor, slow = Browser(here), Browser(there)
    visitor.set_cookie(NAME, cookie)
    slow.set_cookie(NAME, cookie)
    token = visitor.token()
    bob = Browser(there)
    bob.sign_in("bob", "battery staple")
    assert bob.get("/").text == "hello bob"  # this worker's list is a moment old
    if how == "by the user":
        visitor.set_cookie(NAME, cookie)
        visitor.post("/auth/signout", {"csrfToken": token}, status=303)
    else:
        here.sessions.end_all("alice")
    clock.shift(later)
    slow.get("/", expect_errors=True)
    clock.shift(1)
    for middleware in (here, there):
        assert who(middleware, slow.cookies.get(NAME, cookie)) != "hello alice"


def test_a_session_of_authjs_is_not_renewed_while_nobody_can_say_whether_it_has_ended(
    adapter, clock
):
    store = Flaky(adapter)
    middleware = protected(store, "jwt")
    claims = {"sub": "alice", "jti": "one", "iat": START, "exp": START + 30 * DAY}
    visitor = Browser(middleware)
    visitor.set_cookie(NAME, JWECodec(middleware.config.secret, NAME).encode(claims))
    clock.shift(2 * DAY)
    bob = Browser(middleware)
    bob.sign_in("bob", "battery staple")
    bob.get("/")
    store.is_down = True
    clock.shift(2)
    for _ in range(2):  # the list of a moment ago serves, and no more than that
        answer = visitor.get("/")
        assert answer.text == "hello alice"
        assert not answer.headers.getall("Set-Cookie")
    store.is_down = False
    clock.shift(2)
    assert visitor.get("/").headers.getall("Set-Cookie")


def test_all_sessions_of_a_user_end_also_what_a_machine_began_whose_clock_is_ahead(
    adapter, clock, strategy
):
    middleware = protected(adapter, strategy)
    clock.shift(30)
    visitor = Browser(middleware)
    visitor.sign_in()
    clock.shift(-25)
    assert middleware.sessions.end_all("alice") == 1
    for _ in range(3):
        assert who(middleware, cookie_of(visitor)) != "hello alice"
        clock.shift(20)


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
def test_a_session_that_begins_while_the_others_are_ended_is_over_or_on_the_list(
    adapter, clock, strategy
):
    class Between(Flaky):
        """A store in which somebody signs in right after the sessions were listed."""

        def list_sessions(self, user_id: str) -> Any:
            found = self.store.list_sessions(user_id)
            if turns:
                turns.pop()()
            return found

    turns: list[Any] = []
    middleware = protected(Between(adapter), strategy)
    here, meanwhile = Browser(middleware), Browser(middleware)
    here.sign_in()
    turns.append(meanwhile.sign_in)
    middleware.sessions.end_all("alice", but=id_of(middleware, cookie_of(here)))
    assert here.get("/").text == "hello alice"
    listed = [each.id for each in middleware.sessions.of("alice")]
    is_over = who(middleware, cookie_of(meanwhile)) != "hello alice"
    assert is_over or id_of(middleware, cookie_of(meanwhile)) in listed


def id_of(middleware: Any, cookie: str) -> str:
    claims = get_token({"HTTP_COOKIE": f"{NAME}={cookie}"}, middleware.config)
    return str(claims["sid"])


# --- what a store has lost, or has of another release ---------------------------------------------


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
@pytest.mark.parametrize("record", ["gone", "of another release"])
def test_a_session_in_a_cookie_lives_on_whatever_became_of_its_record(
    adapter, clock, strategy, record
):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    (kept,) = adapter.list_sessions("alice")
    if record == "gone":
        adapter.delete_session(kept.id)
    else:
        adapter.update_session(kept._replace(data='{"v": 99}'), kept)
    before = cookie_of(visitor)
    clock.shift(2 * DAY)
    assert visitor.get("/").text == "hello alice"
    assert cookie_of(visitor) != before, "it is prolonged"
    found = [(each.signed_in, each.last_seen) for each in middleware.sessions.of("alice")]
    assert found == ([] if record == "gone" else [(START, START + 2 * DAY)])
    assert who(middleware, cookie_of(visitor)) == "hello alice"


def test_a_record_of_another_release_is_listed_and_ended_like_any(adapter, clock, strategy):
    middleware = protected(adapter, strategy)
    Browser(middleware).sign_in()
    (known,) = middleware.sessions.of("alice")
    assert (known.signed_in, known.last_seen) == (START, START)
    texts = ('{"v": 99}', "no JSON", '{"v": 1, "claims": {"iat": "x"}, "agent": "", "address": ""}')
    for number, text in enumerate(texts):
        adapter.create_session(SessionRecord(f"odd-{number}", "alice", START + DAY, text))
    odd = [each for each in middleware.sessions.of("alice") if each.id != known.id]
    assert {each[1:] for each in odd} == {("alice", "", 0, 0, START + DAY, "", "")}
    assert middleware.sessions.end_at_provider("alice", "elsewhere") == []
    told: list[Any] = []
    assert middleware.sessions.end("alice", "odd-0", told.append)
    assert middleware.sessions.end_all("alice", tell=told.append) == 3
    assert sorted((each["sub"], each["sid"]) for each in told) == sorted(
        [("alice", known.id), ("alice", "odd-0"), ("alice", "odd-1"), ("alice", "odd-2")]
    )


def test_of_two_who_end_a_session_at_once_one_tells_of_it(adapter, strategy):
    class Between(Flaky):
        """A store in which a session ends right after it was listed."""

        def list_sessions(self, user_id: str) -> Any:
            found = self.store.list_sessions(user_id)
            for each in found:
                self.store.delete_session(each.id)
            return found

    visitor = Browser(protected(adapter, strategy))
    visitor.sign_in()
    (mine,) = adapter.list_sessions("alice")
    told: list[Any] = []
    here = protected(Between(adapter), strategy)
    assert here.sessions.end("alice", mine.id, told.append)
    assert told == []


def test_who_has_a_session_of_authjs_without_an_id_signs_out_of_it(adapter, clock):
    middleware = protected(adapter, "jwt")
    claims = {"sub": "alice", "iat": START, "exp": START + 30 * DAY}
    visitor = Browser(middleware)
    visitor.set_cookie(NAME, JWECodec(middleware.config.secret, NAME).encode(claims))
    assert visitor.get("/").text == "hello alice"
    visitor.post("/auth/signout", {"csrfToken": visitor.token()}, status=303)
    assert visitor.get("/", expect_errors=True).status_int == 401
    assert adapter.revocations(0) == [], "nothing could be told from another's"


def test_an_end_by_a_clock_that_is_ahead_keeps_nobody_out(adapter, clock, strategy):
    middleware = protected(adapter, strategy)
    clock.shift(30)
    at_once(1, lambda _: middleware.sessions.end_all("alice"))  # as by another process
    clock.shift(-25)
    visitor = Browser(middleware)
    visitor.sign_in(status=303)
    assert visitor.get("/").text == "hello alice"


def test_a_sign_in_that_was_proven_at_the_very_time_of_an_end_is_after_it(adapter):
    endings = Endings(adapter, lambda: START + 0.5)
    at_once(1, lambda _: endings.note("alice"))  # by another thread than the one that signs in
    ending = endings.last("alice")
    judged = [endings.is_since(ending, START + since) for since in (0.25, 0.5, 0.75)]
    assert judged == [True, False, False]
    endings.note("alice")
    assert endings.last("alice") != ending
    assert not endings.is_since(endings.last("alice"), START), "our own"
    assert not endings.is_since(endings.last("bob"), START)
    with pytest.raises(StoreUnavailable):
        endings.is_since("next week", START)


# --- outages -------------------------------------------------------------------------------------


def test_a_store_that_is_down_is_503_on_protected_pages_and_the_cookie_stays(adapter, clock):
    store = Flaky(adapter)
    middleware = protected(store, public=["/public"])
    visitor = Browser(middleware)
    visitor.sign_in()
    store.is_down = True
    answer = visitor.get("/", status=503)
    assert answer.headers["Retry-After"]
    assert not [c for c in answer.headers.getall("Set-Cookie") if c.startswith(NAME)]
    assert visitor.get("/public").text == "hello nobody"
    visitor.post("/auth/signout", {"csrfToken": "x"}, status=503)
    store.is_down = False
    assert visitor.get("/").text == "hello alice"


def test_a_store_that_is_down_is_mentioned_in_the_log_once_a_minute(adapter, clock, caplog):
    store = Flaky(adapter)
    visitor = Browser(protected(store, public=["/public"]))
    visitor.sign_in()
    store.is_down = True
    caplog.clear()
    for _ in range(20):
        visitor.get("/", status=503)
        visitor.get("/public")
    assert caplog.messages == ["the session store is unavailable: switched off"]
    for shift, said in ((30, 1), (30, 2), (-3_000, 3)):
        clock.shift(shift)
        visitor.get("/", status=503)
        assert len(caplog.messages) == said


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
def test_a_session_that_a_store_which_is_down_keeps_from_renewal_fills_no_log(
    adapter, clock, strategy, caplog
):
    store = Flaky(adapter)
    middleware = protected(store, strategy)
    visitor, bob = Browser(middleware), Browser(middleware)
    visitor.sign_in()
    clock.shift(2 * DAY)
    bob.sign_in("bob", "battery staple")
    assert bob.get("/").text == "hello bob"  # so that there is a list
    store.is_down = True
    clock.shift(1)
    caplog.clear()
    for _ in range(20):
        assert visitor.get("/").text == "hello alice"
    assert caplog.messages == [
        "the list of ended sessions cannot be read: switched off",
        "the session store is unavailable: switched off",
    ]


def test_the_last_list_of_ended_sessions_serves_for_a_while_and_then_nothing_does(adapter, clock):
    store = Flaky(adapter)
    middleware = protected(store, "cookie", public=["/public"])
    visitor = Browser(middleware)
    visitor.sign_in()
    assert visitor.get("/").text == "hello alice"
    store.is_down = True
    for _ in range(5):
        clock.shift(10)
        assert visitor.get("/").text == "hello alice"
    clock.shift(11)
    for _ in range(3):
        visitor.get("/", status=503)
    assert visitor.get("/public").text == "hello nobody"
    assert store.asked.count("revocations") < 12, "a store that is down is not asked by everybody"
    store.is_down = False
    clock.shift(1.1)
    assert visitor.get("/").text == "hello alice"


def test_a_list_that_cannot_be_read_serves_no_longer_because_the_clock_went_back(adapter, clock):
    store = Flaky(adapter)
    visitor = Browser(protected(store, "cookie"))
    visitor.sign_in()
    clock.shift(3_000)
    assert visitor.get("/").text == "hello alice"
    store.is_down = True
    clock.shift(1)
    assert visitor.get("/").text == "hello alice"
    clock.shift(-2_990)
    visitor.get("/", status=503)
    store.is_down = False
    clock.shift(1.1)
    assert visitor.get("/").text == "hello alice"


def test_a_store_that_is_down_is_asked_for_what_was_ended_once_a_second(adapter):
    store = Flaky(adapter)
    revocations = Revocations(store, 60, 30 * DAY, logging.getLogger("tests"))
    assert not revocations.has_ended(ALICE, START)
    store.is_down = True
    for quarters in range(4, 20):
        now = START + quarters / 4
        for _ in range(2):
            assert not revocations.has_ended(ALICE, now)
            with pytest.raises(StoreUnavailable):
                revocations.ask_again(now)
        assert len(store.asked) == 1 + quarters // 4
    store.is_down = False
    revocations.ask_again(START + 5)
    revocations.ask_again(START + 5)  # what is good is asked for each time
    assert len(store.asked) == 7


def test_what_was_ended_while_the_clock_was_ahead_is_heard_of_once_it_is_right(adapter):
    revocations = Revocations(adapter, 60, 30 * DAY, logging.getLogger("tests"))
    claims = {"sub": "alice", "sid": "one"}
    assert not revocations.has_ended(claims, START + 3_600)
    adapter.revoke([Revocation("session", "one", START, START + DAY)])
    revocations.has_ended(claims, START + 3_601)  # whose at is of another time
    assert revocations.has_ended(claims, START + 200)


def test_a_first_list_that_cannot_be_read_lets_nobody_in(adapter):
    store = Flaky(adapter)
    visitor = Browser(protected(store, "cookie"))
    visitor.sign_in()
    store.is_down = True
    other = Browser(protected(store, "cookie"))
    other.set_cookie(NAME, cookie_of(visitor))
    other.get("/", status=503)


class Hanging(Flaky):
    """A store whose list of what was ended comes when a test says so."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def revocations(self, since: int) -> Any:
        self.asked.append("revocations")
        self.begun.set()
        assert self.go_on.wait(20)
        return self.store.revocations(since)


ALICE = {"sub": "alice", "sid": "one", "iat": START, "auth_time": START}


def test_who_has_no_list_yet_waits_for_the_one_that_asks(adapter):
    adapter.revoke([Revocation("session", "one", START, START + DAY)])
    store = Hanging(adapter)
    revocations = Revocations(store, 60, 30 * DAY, logging.getLogger("tests"))
    timer = threading.Timer(0.3, store.go_on.set)
    timer.start()
    assert at_once(16, lambda _: revocations.has_ended(ALICE, START)) == [True] * 16
    assert len(store.asked) == 1
    timer.join()


def test_who_has_a_good_list_does_not_wait_for_the_next(adapter):
    store = Hanging(adapter)
    store.go_on.set()
    revocations = Revocations(store, 60, 30 * DAY, logging.getLogger("tests"))
    assert not revocations.has_ended(ALICE, START)
    store.go_on.clear()
    store.begun.clear()
    asking = threading.Thread(target=lambda: revocations.has_ended(ALICE, START + 0.6))
    asking.start()
    assert store.begun.wait(20)
    assert not revocations.has_ended(ALICE, START + 0.7)  # waiting would take for ever
    store.go_on.set()
    asking.join(20)
    assert len(store.asked) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_process_that_is_asking_asks_for_itself(adapter, monkeypatch):
    monkeypatch.setattr("wsgi_auth.sessions.revocations.PATIENCE", 0.2)
    store = Hanging(adapter)
    revocations = Revocations(store, 60, 30 * DAY, logging.getLogger("tests"))
    asking = threading.Thread(target=lambda: revocations.has_ended(ALICE, START))
    asking.start()
    assert store.begun.wait(20)
    process = os.fork()
    if process == 0:
        good = False
        try:
            store.go_on.set()
            good = not revocations.has_ended(ALICE, START) and len(store.asked) == 2
        finally:
            os._exit(0 if good else 1)
    ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    store.go_on.set()
    asking.join(20)
    assert ended == 0


def test_a_sign_in_or_sign_out_that_the_store_cannot_take_is_503_and_loses_nothing(
    adapter, strategy
):
    store = Flaky(adapter)
    middleware = protected(store, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    token = visitor.token()
    if strategy == "cookie":
        store.is_down = True
        visitor.post("/auth/signout", {"csrfToken": token}, status=503)
        store.is_down = False
        assert visitor.get("/").text == "hello alice"
    other = Browser(middleware)
    token = other.token()
    store.is_down = True
    form = {"username": "bob", "password": "battery staple", "csrfToken": token}
    answer = other.post("/auth/callback/credentials", form, status=503)
    assert not [c for c in answer.headers.getall("Set-Cookie") if c.startswith(NAME)]


def test_a_memory_store_is_refused_under_several_processes(caplog):
    middleware = AuthMiddleware(hello, config(adapter="memory:"))
    visitor = Browser(middleware)
    assert visitor.get("/", status=401)
    visitor.extra_environ["wsgi.multiprocess"] = True
    visitor.get("/", status=500)
    assert "memory:" in caplog.text


def test_a_store_in_a_file_serves_several_processes(tmp_path):
    visitor = Browser(protected(f"sqlite:///{tmp_path}/auth.db"))
    visitor.extra_environ["wsgi.multiprocess"] = True
    visitor.sign_in()
    assert visitor.get("/").text == "hello alice"


def test_renewing_never_brings_an_ended_session_back(adapter, clock):
    middleware = protected(adapter, session={"update_age": 1})
    for turn in range(10):
        visitor = Browser(middleware)
        visitor.sign_in()
        cookie = cookie_of(visitor)
        clock.shift(5)
        barrier = threading.Barrier(9)

        def renew(cookie: str = cookie, barrier: Any = barrier) -> None:
            barrier.wait(20)
            who(middleware, cookie)

        def out(visitor: Any = visitor, barrier: Any = barrier) -> None:
            token = visitor.token()
            barrier.wait(20)
            visitor.post("/auth/signout", {"csrfToken": token}, status=303)

        threads = [threading.Thread(target=renew) for _ in range(8)]
        threads.append(threading.Thread(target=out))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert who(middleware, cookie) != "hello alice", turn
        assert middleware.sessions.of("alice") == []


# --- outside the middleware ------------------------------------------------------------------------


def test_tests_sign_in_where_a_store_keeps_sessions(adapter, strategy):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    sign_in(visitor, {"id": "zoe", "name": "Zoe"})
    assert visitor.get("/").text == "hello zoe"
    assert [each.agent for each in middleware.sessions.of("zoe")] == ["tests"]
    middleware.sessions.end_all("zoe")
    visitor.get("/", status=401)


def test_a_worker_reads_kept_sessions_with_the_adapter_itself(adapter, strategy):
    middleware = protected(adapter, strategy)
    visitor = Browser(middleware)
    visitor.sign_in()
    environ = {"HTTP_COOKIE": f"{NAME}={cookie_of(visitor)}"}
    names = {"session": {"name": NAME}}
    settings = config(adapter=adapter, session={"strategy": strategy}, cookies=names)
    assert get_session(environ, settings).user["id"] == "alice"
    middleware.sessions.end_all("alice")
    assert get_session(environ, settings) is None
    assert get_token({"HTTP_AUTHORIZATION": f"Bearer {cookie_of(visitor)}"}, settings) is None


def test_a_worker_that_could_not_see_what_was_ended_does_not_start(strategy):
    with pytest.raises(ConfigError, match="adapter"):
        CookieSessionReader(config(adapter="sqlite:///x.db", session={"strategy": strategy}))


# --- how long, and where ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "posted", "lasts"),
    [
        ("always", None, True), ("always", "true", True), ("always", "false", False),
        ("ask", None, False), ("ask", "true", True), ("ask", "off", False),
        ("always", "no", False), ("always", "0", False), ("always", "False", False),
        ("always", "on", True),
    ],
)  # fmt: skip
def test_a_session_outlives_the_browser_only_if_it_is_to(adapter, strategy, option, posted, lasts):
    visitor = Browser(protected(adapter, strategy, session={"remember": option}))
    form = {"username": "alice", "password": "correct horse", "csrfToken": visitor.token()}
    answer = visitor.post(
        "/auth/callback/credentials", form | ({"remember": posted} if posted else {}), status=303
    )
    (cookie,) = [c for c in answer.headers.getall("Set-Cookie") if c.startswith(NAME)]
    assert ("Max-Age" in cookie) is lasts


def test_the_box_is_on_the_page_when_it_is_asked_for(adapter):
    for option, there in (("ask", True), ("always", False)):
        visitor = Browser(protected(adapter, session={"remember": option}))
        page = visitor.visit("/auth/signin")
        assert ("Keep me signed in" in page.text) is there
        assert ("remember" in page.forms[0].fields) is there


def test_an_application_of_its_own_form_chooses_too(adapter, strategy):
    def app(environ, start_response):
        get_auth(environ).sign_in({"id": "zoe"}, remember=False)
        return hello(environ, start_response)

    visitor = Browser(protected(adapter, strategy, app=app, public=["/"]))
    (cookie,) = [c for c in visitor.get("/").headers.getall("Set-Cookie") if c.startswith(NAME)]
    assert "Max-Age" not in cookie


def test_the_address_of_a_session_is_the_one_our_proxy_saw(adapter):
    middleware = protected(adapter, trusted_proxies=1)
    visitor = Browser(middleware)
    visitor.extra_environ["HTTP_X_FORWARDED_FOR"] = "192.0.2.1, 198.51.100.99"
    visitor.sign_in()
    (info,) = middleware.sessions.of("alice")
    assert info.address == "198.51.100.99"


def test_a_session_that_is_prolonged_is_still_of_the_device_that_it_was_begun_on(adapter, clock):
    middleware = protected(adapter)
    visitor = Browser(middleware)
    visitor.extra_environ["HTTP_USER_AGENT"] = "Phone"
    visitor.sign_in()
    visitor.extra_environ.update(HTTP_USER_AGENT="Desk", REMOTE_ADDR="203.0.113.99")
    (before,) = middleware.sessions.of("alice")
    clock.shift(2 * DAY)
    assert visitor.get("/").headers["Set-Cookie"]
    (after,) = middleware.sessions.of("alice")
    assert (
        (after.agent, after.address) == (before.agent, before.address) == ("Phone", "203.0.113.9")
    )
    assert after.expires > before.expires


def test_what_is_over_is_swept_with_later_sign_ins(adapter, clock, strategy):
    middleware = protected(adapter, strategy)
    Browser(middleware).sign_in()
    clock.shift(31 * DAY)
    Browser(middleware).sign_in("bob")
    clock.shift(61)
    Browser(middleware).sign_in("bob")
    assert adapter.list_sessions("alice") == []


def test_a_sweep_that_fails_stops_no_sign_in(adapter, strategy, caplog):
    def down(*_: Any) -> Any:
        raise StoreUnavailable("switched off")

    adapter.sweep = down
    visitor = Browser(protected(adapter, strategy))
    visitor.sign_in()
    assert visitor.get("/").text == "hello alice"
    assert "what is over could not be swept: switched off" in caplog.messages


# --- streams ---------------------------------------------------------------------------------------


def test_a_stream_ends_when_its_session_does(adapter, clock, strategy):
    closed: list[bool] = []

    class Events:
        def __iter__(self):
            number = 0
            while number < 1_000:
                number += 1
                clock.shift(1)
                yield b"data: %d\n\n" % number

        def close(self):
            closed.append(True)

    def app(environ, start_response):
        auth = get_auth(environ)
        assert 0 < auth.expires_in <= 30 * DAY
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return auth.while_signed_in(Events(), every=5)

    middleware = protected(adapter, strategy, app=app)
    visitor = Browser(middleware)
    visitor.sign_in()
    cookie = cookie_of(visitor)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": "", "QUERY_STRING": "",
               "HTTP_HOST": "app.example.test", "wsgi.url_scheme": "https",
               "HTTP_COOKIE": f"{NAME}={cookie}"}  # fmt: skip
    body = middleware(environ, lambda *_: None)
    blocks = iter(body)
    assert next(blocks) == b"data: 1\n\n"
    other = protected(adapter, strategy)
    other.sessions.end_all("alice")
    rest = list(blocks)
    assert len(rest) <= 7
    body.close()
    assert closed == [True]


def streaming(store, clock, strategy="database", each=lambda number: None, **session):
    """The blocks of a stream with one a second; what ``each`` does comes before its block."""

    def events():
        for number in range(1, 1_000):
            clock.shift(1)
            each(number)
            yield b"%d" % number

    def app(environ, start_response):
        if environ["PATH_INFO"] != "/stream":
            return hello(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return get_auth(environ).while_signed_in(events(), every=5)

    middleware = protected(store, strategy, app=app, session=session)
    visitor = Browser(middleware)
    visitor.sign_in()
    return middleware, visitor


def test_a_stream_goes_on_where_other_requests_prolong_its_session(adapter, clock):
    store = Flaky(adapter)
    asked: dict[int, int] = {}

    def each(number):
        if number == 23:
            assert visitor.get("/").text == "hello alice"
        asked[number] = len(store.asked)

    _, visitor = streaming(store, clock, each=each, max_age=30, update_age=5)
    body = visitor.get("/stream").body
    assert body == b"".join(b"%d" % number for number in range(1, 53))
    assert asked[52] - asked[30] < 8, "the store is asked every five seconds, as before"


def test_a_stream_of_a_store_that_is_down_ends_for_nobody_knows(adapter, clock):
    store = Flaky(adapter)

    def each(number):
        store.is_down = number > 7

    _, visitor = streaming(store, clock, each=each)
    assert visitor.get("/stream").body == b"123456789"


# --- from the command line -------------------------------------------------------------------------


def test_the_command_takes_an_id_that_looks_like_an_option(tmp_path):
    from click.testing import CliRunner

    from wsgi_auth.cli import main

    file = tmp_path / "auth.toml"
    file.write_text(
        f'secret = "{"s" * 40}"\nadapter = "sqlite:///{tmp_path}/a.db"\npages = {{sign_in = "/login"}}\n'
    )
    words = ["sessions", "end", "ada", "--session", "-c2Zk", "-c", str(file)]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, "ada has no session -c2Zk" in result.output) == (2, True)


def test_the_command_lists_and_ends_sessions(tmp_path, strategy):
    from click.testing import CliRunner

    from wsgi_auth.cli import main

    url = f"sqlite:///{tmp_path}/auth.db"
    middleware = protected(url, strategy)
    visitor = Browser(middleware)
    visitor.extra_environ["HTTP_USER_AGENT"] = "Desk"
    visitor.sign_in()
    Browser(middleware).sign_in()
    file = tmp_path / "auth.toml"
    file.write_text(
        f'secret = "{"s" * 40}"\nadapter = "{url}"\npages = {{sign_in = "/login"}}\n'
        f'session = {{strategy = "{strategy}"}}\n'
    )
    run = lambda *words: CliRunner().invoke(main, ["sessions", *words, "-c", str(file)])  # noqa: E731
    lines = run("list", "alice").output.splitlines()
    assert len(lines) == 2 and "203.0.113.9" in lines[0]
    mine = next(line for line in lines if line.endswith("Desk")).split()[0]
    assert run("end", "bob", "--session", mine).exit_code == 2
    assert run("end", "alice", "--session", mine).output == "1 session ended\n"
    assert "1 sessions of alice ended" in run("end", "alice").output
    assert run("list", "alice").output == "no sessions of alice\n"
    __import__("time").sleep(1.1)
    visitor.get("/", status=401)
