"""The handle: what a request can do with its session, and when it is too late."""

from __future__ import annotations

import gc
import json
import logging
import sys
import warnings
import weakref
from datetime import UTC, datetime

import pytest
import time_machine
from webtest import TestApp
from webtest.app import TestRequest

from tests.conftest import BROWSER, URL, USERS, Browser, config, hello, options
from wsgi_auth import (
    AccessDenied,
    Auth,
    AuthMiddleware,
    UsageError,
    get_auth,
    get_session,
    get_token,
    require,
)
from wsgi_auth.adapters.memory import MemoryAdapter
from wsgi_auth.caching import merged
from wsgi_auth.errors import StoreUnavailable
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.sessions.view import _MINUTES_KEPT, _minutes, default_session
from wsgi_auth.testing import session_cookie, sign_in
from wsgi_auth.types import ANONYMOUS


def site(**more) -> Browser:
    """An application with routes for everything the handle does."""

    def app(environ, start_response):
        auth = get_auth(environ)
        path = environ["PATH_INFO"]
        text = ""
        if path == "/login":
            try:
                auth.sign_in({"id": "carol", "name": "Carol", "groups": ["staff"]})
            except AccessDenied:
                text = "denied"
        elif path == "/logout":
            auth.sign_out()
        elif path == "/update":
            auth.update({"theme": "dark"})
        elif path == "/challenge":
            return auth.challenge()(environ, start_response)
        elif path == "/late":
            write = start_response("200 OK", [("Content-Type", "text/plain")])
            with pytest.raises(UsageError, match="have left"):
                auth.sign_in({"id": "late"})
            write(b"late")
            return []
        session = environ["auth.session"]
        assert session is auth.session
        who = "nobody" if session is None else session.user["id"]
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{who} {text}".encode()]

    return Browser(AuthMiddleware(app, config(matcher=["/never"], **more)))


def test_an_application_signs_in_by_its_own_form_and_out_again():
    browser = site()
    assert browser.get("/login").text == "carol "
    assert browser.get("/").text == "carol "
    assert browser.get("/logout").text == "nobody "
    assert browser.get("/").text == "nobody "
    assert not browser.cookies


@pytest.mark.parametrize(
    ("said", "counts"), [({}, True), ({"email_verified": True}, True), ({"email_verified": False}, False)]
)  # fmt: skip
def test_an_address_that_the_application_gives_is_proven_unless_it_says_otherwise(said, counts):
    def app(environ, start_response):
        auth = get_auth(environ)
        try:
            auth.sign_in({"id": "carol", "email": "carol@example.test", **said})
        except AccessDenied:
            assert not counts
        else:
            assert auth.claims["email_verified"] is counts
        start_response("200 OK", [])
        return [b"signed in" if auth.session else b"nobody"]

    browser = Browser(AuthMiddleware(app, config(matcher=[], allow_domains=["example.test"])))
    assert browser.get("/").text == ("signed in" if counts else "nobody")


def test_who_is_signed_in_by_the_application_came_by_the_way_app():
    """What ``remote_user`` and an event tell others must not change from one day to the next."""
    told = []

    def app(environ, start_response):
        get_auth(environ).sign_in({"id": "carol"})
        start_response("200 OK", [])
        return [get_auth(environ).claims["provider"].encode()]

    given = config(matcher=[], events={"sign_in": told.append})
    assert Browser(AuthMiddleware(app, given)).get("/").text == "app"
    (account,) = [each.account for each in told]
    assert (account.provider, account.type, account.provider_account_id) == ("app", "app", "carol")


def test_a_new_sign_in_is_a_new_session():
    """R025."""
    browser = site()
    browser.get("/login")
    first = browser.cookies["__Host-auth.session-token"]
    browser.get("/login")
    assert browser.cookies["__Host-auth.session-token"] != first


def test_who_may_sign_in_is_asked_of_an_own_form_too():
    assert site(allow_groups=["admins"]).get("/login").text == "nobody denied"
    refusing = {"callbacks": {"sign_in": lambda user, account, context: False}}
    assert site(**refusing).get("/login").text == "nobody denied"


def test_update_asks_the_jwt_callback():
    def jwt(claims, context):
        return {**claims, "theme": context.data["theme"]} if context.trigger == "update" else claims

    def session(session, context):
        return {**session, "user": {**session["user"], "id": context.claims.get("theme", "none")}}

    browser = site(callbacks={"jwt": jwt, "session": session})
    sign_in(browser, USERS["bob"])
    assert browser.get("/").text == "none "
    assert browser.get("/update").text == "dark "
    assert browser.get("/").text == "dark "


def test_the_jwt_callback_is_shown_the_request_of_an_update_and_may_end_the_session():
    seen, told = [], []

    def jwt(claims, context):
        if context.trigger != "update":
            return claims
        seen.append(context.request.path)
        return None

    browser = site(callbacks={"jwt": jwt}, events={"sign_out": told.append})
    sign_in(browser, USERS["bob"])
    assert browser.get("/update").text == "nobody "
    assert seen == ["/update"] and not browser.cookies
    assert [(each.request.path, each.claims["sub"]) for each in told] == [("/update", "bob")]
    assert asking(lambda auth: auth.update({}), callbacks={"jwt": jwt}).get(
        "/", headers={"Cookie": session_cookie(config(), {"id": "bob"})}
    ).text == "None"  # fmt: skip


@pytest.mark.parametrize(
    "change", [Auth.sign_out, lambda auth: auth.sign_in({"id": "eve"})], ids=["out", "in"]
)
def test_a_callback_that_is_asked_about_the_session_cannot_change_it_in_the_same_breath(change):
    """What it did would be lost, or half of it: an error that is seen, on protected pages."""

    def jwt(claims, context):
        if context.trigger is None:
            change(get_auth(context.environ))
        return claims

    asked = config(callbacks={"jwt": jwt}, matcher=["/members"])
    browser = Browser(AuthMiddleware(hello, asked))
    cookie = {"Cookie": session_cookie(config(), {"id": "alice"})}
    assert "Set-Cookie" not in browser.get("/members", headers=cookie, status=500).headers
    answer = browser.get("/open", headers=cookie)
    assert "hello nobody" in answer and "Set-Cookie" not in answer.headers


def test_a_callback_that_asks_for_the_handle_hears_why_there_is_none(caplog):
    def jwt(claims, context):
        if context.trigger is None:
            get_auth(context.environ)
        return claims

    browser = Browser(AuthMiddleware(hello, config(callbacks={"jwt": jwt})))
    browser.get("/x", headers={"Cookie": session_cookie(config(), {"id": "alice"})}, status=500)
    assert "the session is only being read, and a callback asks for it" in caplog.text


def test_nobody_can_be_signed_out_and_has_no_session_to_update():
    assert site().get("/logout").text == "nobody "
    with pytest.raises(UsageError, match="nobody is signed in"):
        site(callbacks={"jwt": lambda claims, context: claims}).get("/update")


def test_update_without_a_jwt_callback_names_it():
    browser = site()
    sign_in(browser, USERS["bob"])
    with pytest.raises(UsageError, match=r"callbacks\.jwt"):
        browser.get("/update")


def test_a_change_after_the_headers_have_left_raises():
    assert site().get("/late").text == "late"


def test_the_handle_answers_after_the_headers_have_left_as_before():
    said = {}

    def app(environ, start_response):
        auth = get_auth(environ)
        known = (auth.csrf_token, auth.sign_in_url(), auth.sign_out_url("/x"), auth.session)
        start_response("200 OK", [])
        assert get_auth(environ) is auth
        said["after"] = (auth.csrf_token, auth.sign_in_url(), auth.sign_out_url("/x"), auth.session)
        said["same"] = known[1:] == said["after"][1:]
        return []

    browser = Browser(AuthMiddleware(app, config(matcher=["/never"])))
    browser.get("/page?a=b")
    assert said["same"] and said["after"][1] == "/auth/signin?callbackUrl=/page%3Fa%3Db"


def collected():
    """What earlier tests left is gone; what they left open (a database, say) is theirs to close."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def at_once(environ, start_response):
    start_response("200 OK", [])
    return [b"all of it"]


def block_by_block(environ, start_response):
    start_response("200 OK", [])
    return iter([b"one", b"two"])


def with_its_first_block(environ, start_response):
    start_response("200 OK", [])
    yield b"one"


def with_a_session(environ, start_response):
    environ["auth.handle"].sign_in({"id": "1"})
    start_response("200 OK", [])
    yield b"one"


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (at_once, "/"),
        (block_by_block, "/"),
        (with_its_first_block, "/"),
        (with_a_session, "/"),
        (at_once, "/members"),  # refused
        (at_once, "/auth/signin"),
        (at_once, "/auth/session"),
        (at_once, "/auth/client.js"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("more", [{}, {"challenge_401": True}], ids=["plain", "challenge_401"])
@pytest.mark.parametrize("holds", [False, True], ids=["server lets go", "server holds"])
def test_a_request_is_gone_with_its_response_and_waits_for_no_collector(app, path, more, holds):
    class Upload:
        """Something large that a request holds."""

    class Task:
        """What a server has of a request, whose method our ``start_response`` is: waitress."""

        def __init__(self, environ):
            self.environ = environ if holds else None

        def start_response(self, status, headers, exc_info=None):
            return print

    gone = []
    wrapped = AuthMiddleware(app, config(matcher=["/members"], **more))
    for turn in range(2):  # what the first one imports makes cycles of its own
        collected()
        gone.clear()
        gc.disable()
        try:
            environ = {**TestRequest.blank(path).environ, "upload": Upload()}
            weakref.finalize(environ["upload"], gone.append, "upload")
            body = wrapped(environ, Task(environ).start_response)
            assert list(body)
            del environ, body
            assert gone == ["upload"] or turn == 0
        finally:
            gc.enable()


@pytest.mark.parametrize("more", [{}, {"challenge_401": True}], ids=["plain", "challenge_401"])
@pytest.mark.parametrize("begins", [True, False], ids=["with headers", "without"])
def test_a_request_whose_application_raised_waits_for_no_collector(begins, more):
    class Upload:
        """Something large that a request holds."""

    class Task:
        def __init__(self, environ):
            self.environ = environ

        def start_response(self, status, headers):
            return print

    gone = []

    def failing(environ, start_response):
        if begins:
            start_response("200 OK", [])
        raise ZeroDivisionError

    wrapped = AuthMiddleware(failing, config(public=["/"], **more))
    environ = {**TestRequest.blank("/").environ, "upload": Upload()}
    weakref.finalize(environ["upload"], gone.append, "upload")
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            wrapped(environ, Task(environ).start_response)
        # a page of an error says where to sign in
        assert environ["auth.handle"].sign_in_url() == "/auth/signin?callbackUrl=/"
        del environ
        assert gone == ["upload"]
    finally:
        gc.enable()


@pytest.mark.parametrize("more", [{}, {"challenge_401": True}], ids=["plain", "challenge_401"])
@pytest.mark.parametrize("path", ["/", "/open"], ids=["refusal", "application"])
def test_a_request_whose_answer_broke_off_waits_for_no_collector(path, more):
    class Upload:
        """Something large that a request holds."""

    gone = []

    def half(environ, start_response):
        start_response("401 Unauthorized", [])
        raise ZeroDivisionError

    def failing(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Internal Server Error", [], sys.exc_info())

    def begun(status, headers, exc_info=None):
        try:
            if exc_info is not None:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None

    given = config(
        responders={"unauthorized": lambda *_: half},
        public=["/open"],
        **more,
        logger=logging.Logger("kept by nobody", logging.CRITICAL + 1),  # a record has its traceback
    )
    wrapped = AuthMiddleware(failing, given)
    for turn in range(2):  # what the first one imports makes cycles of its own
        collected()
        gone.clear()
        gc.disable()
        try:
            environ = {**TestRequest.blank(path).environ, "upload": Upload()}
            weakref.finalize(environ["upload"], gone.append, "upload")
            with pytest.raises(ZeroDivisionError):
                wrapped(environ, begun)
            del environ
            assert gone == ["upload"] or turn == 0
        finally:
            gc.enable()


def test_after_a_complete_response_the_handle_says_who_it_was_and_get_auth_the_rest():
    wrapped = AuthMiddleware(at_once, config(public=["/open"]))
    environ = TestRequest.blank("/open").environ
    signed_in = session_cookie(wrapped, {"id": "1"})
    environ["HTTP_COOKIE"] = signed_in
    wrapped(environ, lambda status, headers: print)
    handle = environ["auth.handle"]
    assert handle.session.user["id"] == handle.claims["sub"] == "1"
    assert handle.expires_in > 0
    with pytest.raises(UsageError, match="get_auth"):
        handle.sign_in_url()
    with pytest.raises(UsageError, match="headers have left"):
        handle.sign_out()
    assert get_auth(environ).sign_in_url() == "/auth/signin?callbackUrl=/open"
    assert handle.sign_in_url() == "/auth/signin?callbackUrl=/open"


def complete(path="/open", app=at_once, **more):
    """The environ of a visitor to whom everything has been said."""
    wrapped = AuthMiddleware(app, config(public=["/open"], **more))
    environ = TestRequest.blank(path).environ
    if path == "/open":
        environ["HTTP_COOKIE"] = session_cookie(wrapped, {"id": "1"})
    wrapped(environ, lambda status, headers: print)
    return environ


def test_what_is_asked_after_a_complete_response_waits_for_no_collector_either():
    class Upload:
        """Something large that a request holds."""

    gone = []
    wrapped = AuthMiddleware(at_once, config(public=["/open"]))
    environ = {**TestRequest.blank("/open").environ, "upload": Upload()}
    weakref.finalize(environ["upload"], gone.append, "upload")
    collected()
    gc.disable()
    try:
        wrapped(environ, lambda status, headers: print)
        assert get_auth(environ).sign_in_url() == "/auth/signin?callbackUrl=/open"
        del environ
        assert gone == ["upload"]
    finally:
        gc.enable()


def test_get_session_reads_the_cookies_after_a_complete_response_too():
    assert get_session(complete()).user["id"] == "1"


def test_nothing_is_kept_in_the_place_of_a_request_that_is_over():
    over = complete()["auth.handle"].environ
    for touch in (
        lambda: over.setdefault("mine", 1),
        lambda: over.update(mine=1),
        lambda: over.popitem(),
        lambda: over.__delitem__("mine"),
        lambda: over.__ior__({"mine": 1}),
        lambda: {**over},
        lambda: dict(over),
        lambda: list(over.items()),
        lambda: list(over.values()),
    ):
        with pytest.raises(UsageError, match="the request is over"):
            touch()
    assert not dict.__len__(over)


def test_a_form_of_a_complete_response_has_its_token_where_no_cookie_has_to_be_set_for_it():
    wrapped = AuthMiddleware(at_once, config(public=["/open"]))
    known = f"{wrapped.config.cookies.csrf.name}=0123456789abcdefghijkl"
    for cookies in ("", known):
        environ = TestRequest.blank("/open").environ
        environ["HTTP_COOKIE"] = f"{session_cookie(wrapped, {'id': '1'})}; {cookies}"
        wrapped(environ, lambda status, headers: print)
        handle = environ["auth.handle"]
        if cookies:
            for token in (handle.csrf_token, get_auth(environ).csrf_token):
                assert handle.site.csrf.valid(token, cookies[-22:], handle.claims)
            continue
        with pytest.raises(UsageError, match="headers have left"):
            handle.csrf_token


def test_no_session_is_ended_by_a_request_that_is_over_for_no_handler_could_be_told():
    told, kept = [], []

    def app(environ, start_response):
        auth = environ["auth.handle"]
        if environ["PATH_INFO"] == "/in":
            auth.sign_in({"id": "1"})
        kept.append(auth)
        start_response("200 OK", [])
        return [b""]

    given = config(public=["/:path*"], adapter="memory:", events={"sign_out": told.append})
    here, there = (Browser(AuthMiddleware(app, given)) for _ in range(2))
    there.app = here.app
    here.get("/in"), there.get("/in"), here.get("/")
    over = kept[-1]
    other = over.site.register.of("1")[1].id
    for end in (lambda: over.end_session(other), lambda: over.sign_out_everywhere(but_here=True)):
        with pytest.raises(UsageError, match="the request is over"):
            end()
    assert len(over.site.register.of("1")) == 2 and not told


@pytest.mark.parametrize("path", ["/members", "/auth/client.js"])
def test_a_change_after_our_own_complete_answer_is_refused_and_not_lost(path):
    environ = complete(path)
    for handle in (environ["auth.handle"], get_auth(environ)):
        with pytest.raises(UsageError, match="headers have left"):
            handle.sign_in({"id": "1"})


def test_a_stream_that_goes_on_beside_a_complete_response_lives_as_long_as_its_session():
    streams = []

    def upgrading(environ, start_response):
        streams.append(environ["auth.handle"].while_signed_in([b"one", b"two"], every=0))
        return at_once(environ, start_response)

    handle = complete(app=upgrading)["auth.handle"]
    assert list(streams[0]) == [b"one", b"two"]
    with pytest.raises(UsageError, match="the request is over"):
        handle.while_signed_in([])


def test_a_body_that_is_made_later_has_its_whole_handle():
    said = []

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"one"
        said.append(environ["auth.handle"].sign_in_url())

    wrapped = AuthMiddleware(app, config(public=["/open"]))
    assert list(wrapped(TestRequest.blank("/open").environ, lambda status, headers: print))
    assert said == ["/auth/signin?callbackUrl=/open"]


def test_challenge_is_the_answer_of_a_protected_page():
    assert site().get("/challenge", headers=BROWSER, status=302)
    assert site().get("/challenge", status=401)
    browser = site()
    sign_in(browser, USERS["bob"])
    assert browser.get("/challenge", headers=BROWSER, status=403)


def handle(path="/x", query="", script="", **more) -> Auth:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": script,
    }
    AuthMiddleware(lambda environ, start_response: [], config(matcher=[], **more))(environ, print)
    return get_auth(environ)


@pytest.mark.parametrize(
    ("call", "url"),
    [
        (lambda auth: auth.sign_in_url(), "/auth/signin?callbackUrl=/x%3Fa%3D1"),
        (lambda auth: auth.sign_in_url(redirect_to="/y"), "/auth/signin?callbackUrl=/y"),
        (lambda auth: auth.sign_in_url(redirect_to="//evil.test"), "/auth/signin?callbackUrl=/"),
        (lambda auth: auth.sign_in_url(redirect_to=URL + "/z"), "/auth/signin?callbackUrl=/z"),
        (
            lambda auth: auth.sign_in_url("credentials"),
            "/auth/callback/credentials?callbackUrl=/x%3Fa%3D1",
        ),
        (
            lambda auth: auth.sign_in_url("credentials", "/y"),
            "/auth/callback/credentials?callbackUrl=/y",
        ),
        (
            lambda auth: auth.sign_in_url("credentials", "//evil.test"),
            "/auth/callback/credentials?callbackUrl=/",
        ),
        (lambda auth: auth.sign_out_url(), "/auth/signout"),
        (lambda auth: auth.sign_out_url("/bye"), "/auth/signout?callbackUrl=/bye"),
    ],
)
def test_the_handle_knows_the_urls(call, url):
    assert call(handle(query="a=1")) == url


@pytest.mark.parametrize(
    ("call", "url"),
    [
        (lambda auth: auth.sign_in_url(), "/auth/signin?callbackUrl=/app/x"),
        (lambda auth: auth.sign_in_url(redirect_to="/app/y"), "/auth/signin?callbackUrl=/app/y"),
        (lambda auth: auth.sign_in_url("credentials", "/app/y"), "/auth/callback/credentials?callbackUrl=/app/y"),
        (lambda auth: auth.sign_out_url(), "/auth/signout"),
        (lambda auth: auth.sign_out_url("/app/bye"), "/auth/signout?callbackUrl=/app/bye"),
        (lambda auth: auth.client_url.partition("?")[0], "/auth/client.js"),
        (lambda auth: auth.return_url("https://elsewhere.test"), "/"),
        (lambda auth: auth.return_url("/app/y"), "/app/y"),
    ],
)  # fmt: skip
def test_without_a_configured_url_the_urls_bear_the_mount_of_the_request(call, url):
    mounted = handle(url=None, script="/app")
    assert call(mounted) == ("" if url == "/app/y" else "/app") + url


@pytest.mark.parametrize(
    ("script", "path", "is_said"),
    [("", "/shop/members", True), ("/shop", "/members", False), ("/shop", "/shop/members", False),
     ("", "/members", False), ("", "/shopping", False)],
)  # fmt: skip
def test_a_mount_that_was_left_on_the_path_is_said_once_a_minute(script, path, is_said, caplog):
    site = AuthMiddleware(hello, config(url="https://app.example.test/shop", matcher=["/members"]))
    for _ in range(3):
        TestApp(site).get(path, extra_environ={"SCRIPT_NAME": script}, status="*")
    said = (
        f"a request came for '{path}', and url says that the application is mounted at /shop: the "
        "server has to take that off the path and name it as SCRIPT_NAME, or no pattern matches "
        "and nobody can sign in"
    )
    assert caplog.messages == ([said] if is_said else [])


def test_urls_bear_the_mount_and_custom_pages():
    assert handle(url="https://a.test/app").sign_in_url() == "/app/auth/signin?callbackUrl=/app/x"
    assert handle(pages={"sign_in": "/login"}).sign_in_url() == "/login?callbackUrl=/x"
    away = handle(pages={"sign_in": "https://next.example.test/login"}).sign_in_url()
    assert away == f"https://next.example.test/login?callbackUrl={URL.replace(':', '%3A')}/x"
    with pytest.raises(UsageError, match="no provider 'nope'"):
        handle().sign_in_url("nope")


@pytest.mark.parametrize("page", [None, "/goodbye", "https://www.example.test/goodbye"])
def test_one_url_of_signing_out_is_for_links_and_for_forms(page):
    """The application's own page is where a link leads, and no place for a form to be lost."""
    browser = asking(lambda auth: auth.sign_out_url("/bye"), pages={"sign_out": page})
    browser.sign_in()
    url = browser.get("/").text
    answer = browser.visit(url)
    if page is None:
        assert 'name="csrfToken"' in answer.text
    else:
        assert answer.headers["Location"].startswith(f"{page}?callbackUrl=")
    answer = browser.post(url, {"csrfToken": browser.token()}, headers=BROWSER, status=303)
    assert answer.headers["Location"] == "/bye"
    assert browser.get("/auth/session").json is None


def asking(question, **more) -> Browser:
    """An application that answers with what its handle says."""

    def app(environ, start_response):
        said = question(get_auth(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(said).encode()]

    return Browser(AuthMiddleware(app, options(matcher=[], **more)))


@pytest.mark.parametrize(("more", "lasts"), [({}, True), ({"remember": False}, False)], ids=str)
def test_somebody_whom_the_application_signs_in_is_remembered_unless_it_says_otherwise(more, lasts):
    answer = asking(lambda auth: auth.sign_in({"id": "carol"}, **more)).get("/")
    (cookie,) = (each for each in answer.headers.getall("Set-Cookie") if "session-token=" in each)
    assert (f"Max-Age={30 * 86_400};" in cookie) is ("Max-Age=" in cookie) is lasts


def test_a_sign_in_sweeps_what_is_over_out_of_the_store():
    store = MemoryAdapter()
    browser = asking(lambda auth: auth.sign_in({"id": "carol"}), adapter=store)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser.get("/")
        clock.shift(31 * 86_400)
        assert len(store.list_sessions("carol")) == 1
        browser.get("/")
    assert len(store.list_sessions("carol")) == 1


@pytest.mark.parametrize(
    "change",
    [lambda auth: auth.sign_in({"id": "carol"}), Auth.sign_out, lambda auth: auth.update({}), Auth.sign_out_everywhere],
    ids=["in", "out", "update", "everywhere"],
)  # fmt: skip
def test_where_sessions_are_only_read_the_application_changes_none(change):
    asked, told = [], []

    def jwt(claims, context):
        asked.append(context.trigger)
        return claims

    middleware = AuthMiddleware(
        lambda environ, start_response: change(get_auth(environ)),
        config(session={"read_only": True}, adapter="memory:", matcher=[], callbacks={"jwt": jwt},
               events=dict.fromkeys(("sign_in", "sign_out"), told.append)),
    )  # fmt: skip
    browser = Browser(middleware)
    cookie = {"Cookie": session_cookie(middleware, {"id": "bob"})}
    asked.clear()
    with pytest.raises(UsageError, match=r"session\.read_only is set"):
        browser.get("/", headers=cookie)
    assert set(asked) <= {None} and not told
    assert len(middleware.sessions.of("bob")) == 1


def test_nobodys_session_ends_at_no_time():
    said = asking(lambda auth: auth.expires_in)
    assert said.get("/").text == "None"
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        sign_in(said, USERS["bob"])
        clock.shift(60)
        assert float(said.get("/").text) == 30 * 86_400 - 60


@pytest.mark.parametrize(
    ("wanted", "url"), [("/x?y=z", "/x?y=z"), ("https://evil.test/", "/"), (None, "/"), (7, "/")]
)
def test_where_to_go_on_is_judged_for_an_own_form_too(wanted, url):
    assert asking(lambda auth: auth.return_url(wanted)).get("/").text == url


def test_a_token_for_a_form_stays_good_when_another_is_asked_for_and_a_planted_cookie_is_not_used():
    browser = asking(lambda auth: auth.csrf_token)
    name = "__Host-auth.csrf-token"
    browser.get("/")
    assert name in browser.cookies
    assert "Set-Cookie" not in browser.get("/").headers
    browser.set_cookie(name, "short")
    assert f"{name}=" in browser.get("/").headers["Set-Cookie"]


def test_what_a_token_for_a_form_is_bound_to_stays_when_the_session_changes_in_the_same_breath():
    def both(auth):
        auth.sign_in({"id": "carol"})
        return auth.csrf_token

    answer = asking(both).get("/", headers={"Cookie": f"__Host-auth.csrf-token={'a' * 22}"})
    (set_,) = answer.headers.getall("Set-Cookie")
    assert set_.startswith("__Host-auth.session-token=")


def test_the_csrf_cookie_is_set_when_a_token_is_asked_for_and_only_then():
    assert handle().pending is None
    auth = handle()
    first, second = auth.csrf_token, auth.csrf_token
    assert first != second
    assert len(auth.pending) == 1
    assert auth.pending[0].startswith("__Host-auth.csrf-token=")


@pytest.mark.parametrize(
    ("said", "caching", "control", "vary"),
    [
        ([], "no-store", "no-store", "Cookie"),
        ([("Cache-Control", "max-age=60, public")], "no-store", "private, max-age=60", "Cookie"),
        ([("cache-control", "s-maxage=9")], "private", "private", "Cookie"),
        ([("Cache-Control", "no-store")], "private", "no-store", "Cookie"),
        ([("Cache-Control", "private"), ("Cache-Control", "max-age=1")], "no-store",
         "private, max-age=1", "Cookie"),
        ([("Vary", "Accept, Cookie")], "private", "private", "Accept, Cookie"),
        ([("vary", "*")], "private", "private", "*"),
        ([("Vary", "Accept")], "private", "private", "Accept, Cookie"),
        ([("Date", "x"), ("ETag", "y")], "private", "private", "Cookie"),
        ([("Cache-Control", "Public, S-MaxAge=60 , , Max-Age=5")], "private", "private, Max-Age=5", "Cookie"),
        ([("Cache-Control", "No-Store, max-age=0")], "private", "No-Store, max-age=0", "Cookie"),
    ],
)  # fmt: skip
def test_what_the_application_says_of_caching_is_kept_but_for_sharing(said, caching, control, vary):
    """R065."""
    before = list(said)
    headers = merged(said, ("Cache-Control", caching))
    assert said == before
    found = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    assert found["cache-control"] == [control]
    assert ", ".join(found["vary"]) == vary


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("CDN-Cache-Control", "max-age=600", False),
        ("cdn-cache-control", "public", False),
        ("Cloudflare-CDN-Cache-Control", "max-age=600, must-revalidate", False),
        ("CDN-Cache-Control", "no-store", True),
        ("CDN-Cache-Control", "Private, max-age=600", True),
        ("Surrogate-Control", "max-age=600+60", False),
        ("Surrogate-Control", 'max-age=600, content="ESI/1.0"', False),
        ("Surrogate-Control", 'content="ESI/1.0"', True),
        ("Edge-Control", "!no-store, cache-maxage=1h", False),
        ("X-Accel-Expires", "3600", False),
        ("X-Accel-Expires", "@1795812101", False),
        ("X-Accel-Expires", "0", True),
        ("X-Accel-Buffering", "no", True),
    ],
)
@pytest.mark.parametrize("path", ["/open", "/members"])
def test_a_header_for_one_kind_of_cache_does_not_let_that_one_keep_the_answer(
    path, name, value, is_kept
):
    """R065; RFC 9213: such a cache goes by its own header and not by Cache-Control."""

    def app(environ, start_response):
        start_response("200 OK", [(name, value), ("X-Other", "1")])
        return [b""]

    browser = Browser(AuthMiddleware(app, config(public=["/open"])))
    sign_in(browser, USERS["bob"])
    headers = browser.get(path).headers
    assert headers.get(name) == (value if is_kept else None)
    assert headers["X-Other"] == "1" and headers["Vary"] == "Cookie"
    assert headers["Cache-Control"] == ("private" if path == "/open" else "no-store")


class Nobody:
    """A ``reader`` that finds nobody, or fails."""

    def __init__(self, problem=None):
        self.problem = problem

    def read(self, environ, now):
        if self.problem is not None:
            raise self.problem
        return ANONYMOUS


@pytest.mark.parametrize(
    ("more", "ask"),
    [
        ({}, lambda environ: get_auth(environ).csrf_token),
        ({"reader": Nobody()}, get_token),
        ({"reader": Nobody(StoreUnavailable("down"))}, lambda environ: None),
    ],
    ids=["a form of this browser", "claims", "nobody knows"],
)
def test_no_shared_cache_keeps_what_is_made_for_one_visitor_though_the_request_is_nobodys(
    more, ask
):
    """R065."""

    def app(environ, start_response):
        said.append(ask(environ))
        start_response("200 OK", [("Cache-Control", "public, max-age=60")])
        return [b""]

    said = []
    given = config(matcher=[], logger=logging.Logger("quiet", logging.CRITICAL + 1), **more)
    wrapped = AuthMiddleware(app, given)
    environ = TestRequest.blank("/").environ
    if "reader" not in more:
        environ["HTTP_COOKIE"] = f"{given.cookies.csrf.name}=0123456789abcdefghijkl"
    else:
        environ["HTTP_COOKIE"] = session_cookie(given, USERS["bob"])
    headers = {}
    wrapped(environ, lambda status, said: headers.update(said))
    assert said[0] or "reader" in more
    assert headers == {"Cache-Control": "private, max-age=60", "Vary": "Cookie"}


def test_who_signs_out_is_signed_out_though_the_application_took_the_cookies_away():
    """Who hands an environ on to another program, takes out what that must not see."""

    def app(environ, start_response):
        auth = get_auth(environ)
        del environ["HTTP_COOKIE"]
        auth.sign_out()
        start_response("200 OK", [])
        return [b""]

    wrapped = AuthMiddleware(app, config())
    environ, cookies = TestRequest.blank("/members").environ, wrapped.config.cookies
    environ["HTTP_COOKIE"] = f"{session_cookie(wrapped, USERS['bob'])}; {cookies.tokens.name}=x"
    said = []
    wrapped(environ, lambda status, headers: said.extend(headers))
    removed = [value.partition(";")[0] for name, value in said if name == "Set-Cookie"]
    assert sorted(removed) == sorted([f"{cookies.session.name}=", f"{cookies.tokens.name}="])


@pytest.mark.parametrize("more", [{}, {"adapter": "memory:"}], ids=["cookie", "adapter"])
def test_an_answer_in_place_of_another_prolongs_the_session_as_that_one_would_have(more):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/in":
            get_auth(environ).sign_in(USERS["bob"])
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/broken":
            try:
                raise ZeroDivisionError
            except ZeroDivisionError:
                start_response("500 Internal Server Error", [], sys.exc_info())
        return [b""]

    given = config(public=["/:path*"], session={"update_age": 60}, **more)
    wrapped = AuthMiddleware(app, given)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser = Browser(wrapped)
        browser.get("/in")
        clock.shift(120)
        said = []
        environ = TestRequest.blank("/broken").environ
        environ["HTTP_COOKIE"] = "; ".join(f"{name}={v}" for name, v in browser.cookies.items())
        wrapped(environ, lambda status, headers, exc_info=None: said.append((status, headers)))
    (_, first), (status, second) = said
    assert status.startswith("500")
    assert first == second and sum(name == "Set-Cookie" for name, _ in second) == 1
    assert dict(second)["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("does", "then"),
    [
        (lambda auth: auth.sign_out(), None),
        (lambda auth: auth.sign_in({"id": "bob"}), "bob"),
        (lambda auth: None, "alice"),
    ],
    ids=["signs out", "signs somebody else in", "does nothing"],
)
@pytest.mark.parametrize("size", [0, 9_000])
def test_of_two_middlewares_with_one_cookie_none_prolongs_what_the_other_has_ended(
    does, then, size
):
    """R030. The session is due to be renewed, by both."""

    def app(environ, start_response):
        does(get_auth(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    filled = {"callbacks": {"jwt": lambda claims, context: {**claims, "data": "x" * size}}}
    inner = AuthMiddleware(app, config(matcher=[], **filled))
    browser = Browser(AuthMiddleware(inner, config(matcher=[], **filled)))
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser.sign_in()
        clock.shift(2 * 86_400)
        answer = browser.get("/")
        names = [value.partition("=")[0] for value in answer.headers.getall("Set-Cookie")]
        assert len(set(names)) == len(names) > 0
        session = browser.get("/auth/session").json
    assert (session and session["user"]["id"]) == then


@pytest.mark.parametrize(
    "cookie",
    ["session.sig=x", "session=other", "session.0=other", "session.=x", "session.x=", "sessions=x"],
)
def test_who_signs_out_is_signed_out_whatever_cookie_the_answer_sets_besides(cookie):
    """Another middleware's too: it may have prolonged what this one ends."""

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/out":
            get_auth(environ).sign_out()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", cookie)])
        try:
            raise ValueError
        except ValueError:  # the answer in place of that removes it as well
            start_response("200 OK", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"bye"]

    browser = Browser(
        AuthMiddleware(app, config(public=["/out"], cookies={"session": {"name": "session"}}))
    )
    browser.sign_in()
    answer = browser.get("/out")
    assert any(each.startswith("session=;") for each in answer.headers.getall("Set-Cookie"))
    assert browser.get("/auth/session").json is None


@pytest.mark.parametrize("cookie", ["session.sig=x", "session.x=", "sessions=x", "session.100=x"])
def test_a_cookie_that_is_called_nearly_alike_keeps_no_session_from_being_prolonged(cookie):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", cookie)])
        return [b"hello"]

    browser = Browser(AuthMiddleware(app, config(cookies={"session": {"name": "session"}})))
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser.sign_in()
        clock.shift(2 * 86_400)
        written = browser.get("/").headers.getall("Set-Cookie")
    assert [each.partition("=")[0] for each in written] == [cookie.partition("=")[0], "session"]


@pytest.mark.parametrize("adds", [{5: 1}, {"a": {True: (1, 2)}}, {"a": [{None: 1.0}]}], ids=repr)
def test_what_json_makes_of_the_claims_is_no_change_at_every_request(adds):
    """R030."""
    callbacks = {"jwt": lambda claims, context: {**claims, "limits": adds}}
    browser = Browser(AuthMiddleware(hello, config(callbacks=callbacks)))
    browser.sign_in()
    assert [len(browser.get("/").headers.getall("Set-Cookie")) for _ in range(3)] == [0, 0, 0]


def test_a_callback_of_an_inner_middleware_gets_no_handle_of_the_outer_one():
    found = []

    def jwt(claims, context):
        try:
            found.append(get_auth(context.request.environ))
        except UsageError:
            found.append(None)
        return claims

    def app(environ, start_response):
        found.append(get_auth(environ).site)
        start_response("200 OK", [])
        return [b""]

    inner = AuthMiddleware(
        app, config(cookies={"session": {"name": "inner"}}, callbacks={"jwt": jwt})
    )
    environ = TestRequest.blank("/members").environ
    outer = AuthMiddleware(inner, config())
    environ["HTTP_COOKIE"] = "; ".join(
        session_cookie(each, USERS["bob"]) for each in (inner, outer)
    )
    found.clear()
    outer(environ, lambda status, headers: print)
    assert found == [None, inner.site]


def test_the_ends_of_many_sessions_are_said_rightly_and_few_are_kept():
    for minute in (*range(0, 10_000 * 60, 60), 1_800_000_000):
        said = default_session({"exp": minute + 7})["expires"]
        assert said == datetime.fromtimestamp(minute + 7, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(_minutes) <= _MINUTES_KEPT


def test_an_answer_to_somebody_is_private_and_to_nobody_varies():
    browser = site()
    assert browser.get("/").headers["Vary"] == "Cookie"
    assert "Cache-Control" not in browser.get("/").headers
    sign_in(browser, USERS["bob"])
    assert browser.get("/").headers["Cache-Control"] == "private"


@pytest.mark.parametrize("user", [None, {"id": "1"}], ids=["nobody", "somebody"])
@pytest.mark.parametrize("path", ["/open", "/members"])
def test_headers_that_are_no_list_are_protected_all_the_same(user, path):
    """PEP 3333 wants one, and most servers take a tuple as well."""

    def app(environ, start_response):
        start_response("200 OK", (("Content-Type", "text/plain"),))
        return [b""]

    wrapped = AuthMiddleware(app, config(public=["/open"]))
    environ, said = TestRequest.blank(path).environ, []
    if user:
        environ["HTTP_COOKIE"] = session_cookie(wrapped, user)
    wrapped(environ, lambda status, headers: said.append((status, headers)))
    ((status, headers),) = said
    assert type(headers) is list and "Cookie" in dict(headers)["Vary"]
    is_served = user is not None or path == "/open"
    assert (status == "200 OK") is is_served
    if is_served:
        assert headers[0] == ("Content-Type", "text/plain")
    # (R065)
    assert ("Cache-Control" in dict(headers)) is (user is not None or not is_served)


def test_get_session_is_an_event_for_who_wants_to_know():
    told = []

    def app(environ, start_response):
        assert get_session(environ) is not None or environ["PATH_INFO"] == "/nobody"
        return hello(environ, start_response)

    browser = Browser(AuthMiddleware(app, config(matcher=[], events={"session": told.append})))
    browser.get("/nobody")
    assert told == []
    sign_in(browser, USERS["bob"])
    browser.get("/")
    assert [(each.claims["sub"], each.session.user["id"], each.request.path) for each in told] == [
        ("bob", "bob", "/")
    ]


def test_a_renewal_is_written_once_and_carries_no_old_chunk():
    """R005, R030."""
    import time_machine

    browser = Browser(AuthMiddleware(hello, config()))
    with time_machine.travel("2026-11-25", tick=False) as clock:
        sign_in(browser, USERS["alice"])
        assert "Set-Cookie" not in browser.get("/").headers
        clock.shift(86_400)
        assert browser.get("/").headers["Set-Cookie"].startswith("__Host-auth.session-token=")
        assert "Set-Cookie" not in browser.get("/").headers
        kept = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        clock.shift(30 * 86_400)
        late = browser.get("/", headers={**BROWSER, "Cookie": kept}, status=302)
        assert "Max-Age=0" in late.headers["Set-Cookie"]


def test_no_chunk_is_left_over_in_a_browser_whose_session_changes_its_size():
    """R005."""
    sizes = [10, 9_000, 100, 30_000, 4_000, 8_000, 3_900, 12_000, 1] * 2 + [20_000, 5]
    wanted = iter(sizes)

    def app(environ, start_response):
        get_auth(environ).update(next(wanted))
        return hello(environ, start_response)

    def jwt(claims, context):
        return {**claims, "data": "x" * context.data} if context.trigger == "update" else claims

    browser = Browser(AuthMiddleware(app, config(callbacks={"jwt": jwt})))
    sign_in(browser, USERS["bob"])
    for size in sizes:
        assert "hello bob" in browser.get("/")
        total = sum(len(value) for value in browser.cookies.values())
        assert size < total < size * 1.5 + 700


@pytest.mark.parametrize(
    "sizes", [(9_000, 10), (10, 9_000), (9_000, 20_000), (20_000, 9_000), (10, 20)]
)
def test_of_two_changes_in_one_request_a_browser_gets_the_last_and_nothing_of_the_first(sizes):
    def app(environ, start_response):
        auth = get_auth(environ)
        if environ["PATH_INFO"] == "/change":
            assert auth.csrf_token
            for size in sizes:
                auth.update(size)
        start_response("200 OK", [])
        return [str(len(auth.claims.get("data", ""))).encode()]

    def jwt(claims, context):
        return {**claims, "data": "x" * context.data} if context.trigger == "update" else claims

    browser = Browser(AuthMiddleware(app, config(callbacks={"jwt": jwt})))
    sign_in(browser, USERS["bob"])
    answer = browser.get("/change")
    names = [each.partition("=")[0] for each in answer.headers.getall("Set-Cookie")]
    assert len(names) == len(set(names)) and "__Host-auth.csrf-token" in names
    assert sum(len(value) for value in browser.cookies.values()) < sizes[-1] * 1.5 + 700
    assert answer.text == browser.get("/").text == str(sizes[-1])


def test_who_signs_in_and_out_in_one_breath_gets_no_session_at_all():
    def both(auth):
        auth.sign_in({"id": "carol"})
        auth.sign_out()

    browser = asking(both)
    for _ in range(2):
        said = browser.get("/").headers.getall("Set-Cookie")
        assert all("Max-Age=0" in each for each in said) and not browser.cookies
        sign_in(browser, USERS["bob"])


def test_a_later_cookie_of_a_name_replaces_an_earlier_one():
    auth = handle()
    auth.set_cookies(["a=1; Path=/", "b=2"])
    auth.set_cookies(["a=3=3; Path=/", "c=4"])
    assert auth.pending == ["b=2", "a=3=3; Path=/", "c=4"]


@pytest.mark.parametrize(("size", "is_said"), [(7_000, False), (7_001, True)])
def test_a_session_cookie_that_a_proxy_might_cut_is_said(size, is_said, caplog):
    codec = {"encode": lambda claims, **_: "a" * size, "decode": lambda token, **_: None}
    asking(lambda auth: auth.sign_in({"id": "carol"}), session={"strategy": "jwt", **codec}).get(
        "/"
    )
    said = f"a session cookie of {size} bytes: proxies cut headers at 8 kB; keep less in it, or set an adapter"
    assert (said in caplog.text) is is_said


@pytest.mark.parametrize(
    ("path", "fails", "control"),
    [("/", False, "no-store"), ("/members", False, "no-store"), ("/", True, "private"), ("/members", True, "no-store")],
)  # fmt: skip
def test_nobody_keeps_an_answer_with_a_cookie_of_ours_or_of_a_protected_page(path, fails, control):
    """R065; where a renewal fails nothing is written."""

    def encode(claims, **_):
        if fails and claims["iat"] > 1_800_000_000:
            raise RuntimeError
        return json.dumps(claims).encode().hex()

    codec = {"encode": encode, "decode": lambda token, **_: json.loads(bytes.fromhex(token))}
    given = config(matcher=["/members"], session={"strategy": "jwt", **codec})
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        cookie = {"Cookie": session_cookie(given, {"id": "bob"})}
        clock.shift(2 * 86_400)
        answer = Browser(AuthMiddleware(hello, given)).get(path, headers=cookie)
    assert answer.text == "hello bob" and ("Set-Cookie" in answer.headers) is not fails
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (control, "Cookie")


def test_an_application_that_begins_with_its_first_block_changes_the_session_in_its_own_environ():
    def app(environ, start_response):
        environ["auth.handle"].sign_in({"id": "carol"})
        start_response("200 OK", [])
        yield environ["auth.session"].user["id"].encode()

    browser = Browser(AuthMiddleware(app, config(matcher=[])))
    assert browser.get("/").text == "carol"


def test_a_session_that_ends_meanwhile_is_over_for_get_session_and_for_an_update():
    def app(environ, start_response):
        if environ["PATH_INFO"] != "/":
            middleware.sessions.end_all("bob")
        if environ["PATH_INFO"] == "/update":
            assert get_auth(environ).update({}) is None
        start_response("200 OK", [])
        return [str(get_session(environ) is not None).encode()]

    middleware = AuthMiddleware(
        app,
        config(adapter="memory:", session={"strategy": "cookie"},
               callbacks={"jwt": lambda claims, context: dict(claims)}),
    )  # fmt: skip
    for path in ("/read", "/update"):
        browser = Browser(middleware)
        sign_in(browser, USERS["bob"])
        assert browser.get("/").text == "True"
        assert browser.get(path).text == "False"
        assert bool(browser.cookies) is (path == "/read")


def test_get_auth_says_what_is_missing():
    with pytest.raises(UsageError, match="no AuthMiddleware above"):
        get_auth({})
    environ = {"PATH_INFO": "/static/x", "REQUEST_METHOD": "GET"}
    middleware = AuthMiddleware(lambda environ, start_response: [], config(ignore=["/static/:p*"]))
    middleware(environ, print)
    assert environ["auth.session"] is None
    with pytest.raises(UsageError, match="'ignore'"):
        get_auth(environ)


def test_below_a_mount_a_path_that_is_none_is_refused_and_no_error():
    site = AuthMiddleware(hello, config(url="https://app.example.test/shop", matcher=["/members"]))
    environ = {**TestRequest.blank("/").environ, "PATH_INFO": None}
    said = []
    site(environ, lambda status, headers: said.append(status))
    assert said == ["401 Unauthorized"]


def test_get_auth_wants_the_environ_and_no_frameworks_request():
    class Request:
        environ: dict[str, object] = {}

    with pytest.raises(
        UsageError, match=r"wants the environ of WSGI, not a Request: get_auth\(request.environ\)"
    ):
        get_auth(Request())


def test_get_session_and_get_token_read_the_cookies_themselves():
    cookie = session_cookie(options(), USERS["alice"])
    environ = {"HTTP_COOKIE": cookie, "auth.session": {"user": {"id": "mallory"}}}
    assert get_session(environ, options()).user["id"] == "alice"
    assert get_token(environ, options())["sub"] == "alice"
    bearer = {"HTTP_AUTHORIZATION": "Bearer " + cookie.partition("=")[2]}
    assert get_token(bearer, options())["sub"] == "alice"
    assert get_session(bearer, options()) is None


def test_what_is_shown_to_the_bearer_of_a_cookies_value_is_theirs_alone():
    """On an open path nobody is signed in by it, and a shared cache may have what is public (RFC
    9111 section 3.5)."""

    def app(environ, start_response):
        claims = get_token(environ)
        start_response("200 OK", [("Cache-Control", "public, max-age=60")])
        return [(claims or {"sub": "nobody"})["sub"].encode()]

    wrapped = AuthMiddleware(app, config(public=["/open"]))
    value = session_cookie(wrapped, USERS["alice"]).partition("=")[2]
    page = TestApp(wrapped).get("/open", headers={"Authorization": f"Bearer {value}"})
    assert (page.text, page.headers["Cache-Control"]) == ("alice", "private, max-age=60")
    page = TestApp(wrapped).get("/open", headers={"Authorization": "Bearer x"})
    assert (page.text, page.headers["Cache-Control"]) == ("nobody", "public, max-age=60")


def test_what_is_shown_to_whom_a_second_look_finds_is_theirs_alone():
    """The store answered again."""

    class Flickers(CookieSessionReader):
        looks = 0

        def read(self, environ, now):
            self.looks += 1
            if self.looks == 1:
                raise StoreUnavailable("not just now")
            return super().read(environ, now)

    def app(environ, start_response):
        session = get_session(environ)
        start_response("200 OK", [("Cache-Control", "public, max-age=60")])
        return [session.user["id"].encode()]

    given = config(public=["/open"])
    wrapped = AuthMiddleware(app, given, reader=Flickers(given))
    cookie = session_cookie(given, USERS["alice"])
    page = TestApp(wrapped).get("/open", headers={"Cookie": cookie})
    assert (page.text, page.headers["Cache-Control"]) == ("alice", "private, max-age=60")


def test_the_value_of_a_cookie_proves_nobody_after_its_end_and_in_no_other_scheme():
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        given = options(session={"max_age": 60})
        value = session_cookie(given, USERS["alice"]).partition("=")[2]
        for header in (f"Basic  {value}", f"Bearer={value}", value, f"Bearer {value[:-1]}"):
            assert get_token({"HTTP_AUTHORIZATION": header}, given) is None
        bearer = {"HTTP_AUTHORIZATION": f"bEARER \t{value} "}
        clock.shift(59)
        assert get_token(bearer, given)["sub"] == "alice"
        clock.shift(1)
        assert get_token(bearer, given) is None


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer %", "Bearer %ZZ", "Bearer a.b.c", "Basic x", "\ud800", "é"],
)
def test_a_malformed_bearer_is_nobody(header):
    """R097."""
    assert get_token({"HTTP_AUTHORIZATION": header}, options()) is None


def test_require_guards_one_application():
    inner = require(hello, allow_groups=["admins"])
    browser = Browser(AuthMiddleware(inner, config(matcher=[])))
    assert browser.get("/", headers=BROWSER, status=302)
    sign_in(browser, USERS["bob"])
    assert browser.get("/", headers=BROWSER, status=403)
    sign_in(browser, USERS["alice"])
    assert "hello alice" in browser.get("/")


def test_require_guards_the_methods_that_it_names_and_no_others():
    browser = Browser(AuthMiddleware(require(hello, methods=["POST"]), config(matcher=[])))
    assert browser.get("/").text == "hello nobody"
    browser.post("/", status=401)
    sign_in(browser, USERS["bob"])
    assert browser.post("/").text == "hello bob"


def test_require_wants_a_recent_sign_in_where_it_says_so():
    browser = Browser(AuthMiddleware(require(hello, fresh=600), config(matcher=[])))
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        sign_in(browser, USERS["bob"])
        clock.shift(599)
        assert browser.get("/").text == "hello bob"
        clock.shift(1)
        assert browser.get("/", status=401).json["error"] == "FreshSignInRequired"


def test_require_judges_and_serves_the_environ_that_a_mount_copied():
    judged = []

    def inner(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()

    def authorized(request, session):
        judged.append(request.environ["PATH_INFO"])
        return True

    guarded = require(inner, authorized)

    def mount(environ, start_response):  # as CherryPy does it
        moved = {**environ, "SCRIPT_NAME": "/mount", "PATH_INFO": "/page"}
        return guarded(moved, start_response)

    browser = Browser(AuthMiddleware(mount, config(matcher=[])))
    assert browser.get("/mount/page").text == "/mount /page"
    assert judged == ["/page"]


def test_require_without_the_middleware_refuses_and_says_so(caplog):
    answer = TestApp(require(hello)).get("/", status=500)
    assert "found no AuthMiddleware above it" in answer.text
    assert "hello" not in answer.text


@pytest.mark.parametrize("view", [lambda: "", lambda request: "", None, 5, "view"])
def test_require_on_a_view_raises_with_a_recipe(view):
    with pytest.raises(UsageError, match="Flask"):
        require(view)
