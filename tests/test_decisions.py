"""The decision: what each answer of a callback means, and what a refused request gets (R038, R052)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from types import SimpleNamespace

import pytest
import time_machine

from tests.conftest import BROWSER, PASSWORDS, USERS, Browser, authorize, config, hello
from wsgi_auth import AuthMiddleware, Forbidden, Pass, Redirect, Unauthorized
from wsgi_auth.responders import REASONS, is_legal, redirect
from wsgi_auth.responders import answer as answered
from wsgi_auth.testing import session_cookie, sign_in

PASSKEYS = [{"id": "credentials", "authorize": authorize}, "passkey"]
PROGRAM = {"Accept": "application/json"}
ACME = {"id": "acme", "type": "oidc", "issuer": "https://op.test", "client_id": "us", "client_secret": "x" * 40}  # fmt: skip


def wsgi_answer(environ, start_response):
    start_response("418 I'm a teapot", [("Content-Type", "text/plain")])
    return [b"teapot"]


async def coroutine(request, session):
    return True


def raising(request, session):
    raise RuntimeError("in the callback")


def visitor(authorized, user=None, **more) -> Browser:
    browser = Browser(AuthMiddleware(hello, config(authorized=authorized, **more)))
    if user:
        sign_in(browser, USERS[user])
    return browser


@pytest.mark.parametrize(
    ("one", "other"),
    [(Redirect("/a"), Redirect("/b")), (Forbidden("A"), Forbidden("B")), (Pass(), Forbidden()),
     (Forbidden("A"), Unauthorized("A"))],
)  # fmt: skip
def test_decisions_are_equal_where_they_say_the_same(one, other):
    """For the tests of an application's callback."""
    assert one == eval(repr(one)) and hash(one) == hash(eval(repr(one)))
    assert one != other and one != repr(one)


@pytest.mark.parametrize(
    ("authorized", "nobody", "somebody"),
    [
        (lambda request, session: True, 200, 200),
        (lambda request, session: Pass(), 200, 200),
        (lambda request, session: False, 302, 403),
        (lambda request, session: None, 302, 403),
        (lambda request, session: session is not None, 302, 200),
        (lambda request, session: Redirect("/elsewhere"), 302, 302),
        (lambda request, session: Unauthorized(), 401, 401),
        (lambda request, session: Forbidden(), 403, 403),
        (lambda request, session: wsgi_answer, 418, 418),
        (lambda request, session: 1, 500, 500),
        (lambda request, session: "yes", 500, 500),
        (lambda request, session: {"user": 1}, 500, 500),
        (lambda request, session: Forbidden, 500, 500),
        (lambda request, session: Redirect("/a\r\nSet-Cookie: x=1"), 500, 500),
        (lambda request, session: Unauthorized("/a\r\nSet-Cookie: x=1"), 500, 500),
        (lambda request, session: Unauthorized('/a"b'), 500, 500),
        (lambda request, session: Unauthorized(code='a"b'), 500, 500),
        (lambda request, session: Unauthorized("/login?next=/x", "TooOld"), 401, 401),
        (lambda request, session: Unauthorized(bearer='"\x7f'), 500, 500),
        (lambda request, session: coroutine(request, session), 500, 500),
        (raising, 500, 500),
    ],
)
def test_each_answer_of_the_callback_means_one_thing(authorized, nobody, somebody, caplog):
    for user, status in ((None, nobody), ("bob", somebody)):
        caplog.clear()
        answer = visitor(authorized, user).get("/x", headers=BROWSER, status="*")
        assert answer.status_int == status
        assert "x=1" not in str(answer.headers)
        if status == 500:
            assert "in the callback" not in answer.text
            assert "Traceback" not in answer.text
            assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 1
        if status != 200:
            assert "hello" not in answer.text


def test_a_routes_own_callback_replaces_the_general_one():
    routes = [{"source": "/own", "authorized": lambda request, session: True}]
    browser = visitor(lambda request, session: False, routes=routes, matcher=["/general"])
    assert browser.get("/own").status_int == 200
    assert browser.get("/general", headers=PROGRAM, status=401)


def test_all_routes_must_agree_whatever_their_order():
    routes = [{"source": "/a/:path*", "allow_groups": ["staff"]},
              {"source": "/a/b", "allow_groups": ["admins"]}]  # fmt: skip
    for order in (routes, routes[::-1]):
        browser = Browser(AuthMiddleware(hello, config(routes=order)))
        sign_in(browser, USERS["bob"])
        assert browser.get("/a/x").status_int == 200
        assert browser.get("/a/b", status=403)
        sign_in(browser, USERS["alice"])
        assert browser.get("/a/b").status_int == 200


@pytest.mark.parametrize(
    "condition",
    [{"allow_groups": ["staff"]}, {"fresh": "10m"}, {"user_verified": True}, {"acr": ["mfa"]}],
    ids=str,
)
def test_a_callback_that_lets_anybody_in_leaves_the_other_conditions_of_the_route(condition):
    route = {"source": "/x", "authorized": lambda request, session: True, **condition}
    browser = visitor(
        None, matcher=[], routes=[route], providers=[*PASSKEYS, ACME], adapter="memory:"
    )
    assert browser.get("/x", headers=PROGRAM, status=401).json["error"] == "SessionRequired"


@pytest.mark.parametrize(
    ("groups", "status"),
    [(["staff"], 200), ([{}, ["staff"], None, "staff"], 200), ([{}, ["staff"]], 403),
     ("staff", 403), ({"staff": True}, 403), (None, 403), ([], 403)],
)  # fmt: skip
def test_groups_are_what_the_jwt_callback_made_of_them_and_only_strings_of_a_list_count(
    groups, status
):
    def jwt(claims, context):
        return {**claims, "groups": groups}

    routes = [{"source": "/x", "allow_groups": ["staff"]}]
    browser = visitor(None, "bob", routes=routes, callbacks={"jwt": jwt})
    browser.get("/x", headers=PROGRAM, status=status)


def test_fresh_wants_a_recent_sign_in_and_leads_to_the_sign_in_page():
    routes = [{"source": "/pay", "fresh": "10m"}]
    browser = Browser(AuthMiddleware(hello, config(routes=routes)))
    with time_machine.travel("2026-11-25 10:00", tick=False) as clock:
        sign_in(browser, USERS["bob"])
        assert browser.get("/pay").status_int == 200
        clock.shift(600)
        assert browser.get("/other").status_int == 200
        sent = browser.get("/pay", headers=BROWSER, status=302)
        assert sent.headers["Location"] == "/auth/signin?callbackUrl=/pay"
        assert (
            browser.get("/pay", headers=PROGRAM, status=401).json["error"] == "FreshSignInRequired"
        )
        browser.sign_in("bob")
        assert browser.get("/pay").status_int == 200


@pytest.mark.parametrize(("answer", "status"), [("401", 401), ("redirect", 302)])
def test_a_routes_answer_overrules_it_for_somebody_who_signed_in_too_long_ago(answer, status):
    with time_machine.travel("2026-11-25 10:00"):
        cookie = {"Cookie": session_cookie(config(), {"id": "bob"})}
    browser = visitor(None, matcher=[], routes=[{"source": "/x", "fresh": "10m", "answer": answer}])
    for headers in (BROWSER, PROGRAM):
        with time_machine.travel("2026-11-25 10:20"):
            browser.get("/x", headers={**headers, **cookie}, status=status)


@pytest.mark.parametrize(("answer", "status"), [("401", 401), ("redirect", 302)])
def test_a_routes_answer_overrules_the_negotiation(answer, status):
    browser = visitor(None, routes=[{"source": "/x", "answer": answer}], matcher=[])
    for headers in (BROWSER, PROGRAM):
        assert browser.get("/x", headers=headers, status=status)


@pytest.mark.parametrize("answer", [None, "redirect", "401"])
@pytest.mark.parametrize(
    "headers",
    [{}, BROWSER, PROGRAM, {**BROWSER, "Authorization": "Basic eDp5"}, {**BROWSER, "HX-Request": "true"},
     {"Sec-Fetch-Mode": "cors"}, {**BROWSER, "Cookie": "auth.session-token=x"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
def test_nobody_gets_the_same_answer_whether_or_not_a_callback_had_to_be_asked(
    method, headers, answer
):
    """Where a session is all that is asked for, the middleware answers by itself."""
    told = []

    def answered(**more):
        app = AuthMiddleware(
            hello,
            config(
                matcher=[{"source": "/members", "answer": answer}, "/:path*"],
                events={"denied": lambda event: told.append((event.reason, event.session))},
                **more,
            ),
        )
        return Browser(app).request("/members?a=b", method=method, headers=headers, status="*")

    by_itself = answered()
    asked = answered(authorized=lambda request, session: session is not None)
    assert (by_itself.status, by_itself.headerlist, by_itself.body) == (
        asked.status, asked.headerlist, asked.body
    )  # fmt: skip
    assert len(told) == 2 and told[0] == told[1]


@pytest.mark.parametrize("read", ["path", "url", "path_info"])
def test_a_path_that_is_no_text_is_a_bad_request_where_the_callback_reads_it(read, caplog):
    """Anybody can send one: no fault of the callback's, and no traceback."""
    browser = visitor(lambda request, session: bool(getattr(request, read)))
    with caplog.at_level("INFO"):
        for headers in (BROWSER, PROGRAM):
            answer = browser.get("/x%ff", headers=headers, status=400)
            assert "BadRequest" in answer.text
    assert caplog.text.count("its path is not UTF-8") == 2 and "Traceback" not in caplog.text
    assert browser.get("/x", headers=BROWSER).status_int == 200


def test_a_callback_that_fails_over_other_octets_is_at_fault_itself(caplog):
    browser = visitor(lambda request, session: b"\xff".decode())
    assert browser.get("/caf%c3%a9", headers=BROWSER, status=500)
    assert "Traceback" in caplog.text


VARY = (
    "Accept, Authorization, Cookie, HX-Request, Purpose, Sec-Fetch-Dest, Sec-Fetch-Mode, "
    "Sec-Purpose, X-Requested-With"
)
SIGN_IN = "/auth/signin?callbackUrl=/x"
TO_SIGN_IN = {"Location": SIGN_IN, "Content-Type": "text/plain; charset=utf-8"}
AS_JSON = {"Content-Type": "application/json"}
UNSNIFFED = {**AS_JSON, "X-Content-Type-Options": "nosniff"}
REQUIRED = f'{{"error": "SessionRequired", "signinUrl": "{SIGN_IN}"}}'
DIALOGUE = {"matcher": [{"source": "/x", "basic": True}]}


@pytest.mark.parametrize(
    ("authorized", "options", "ask", "status", "said", "body"),
    [
        (None, {}, BROWSER, "302 Found", TO_SIGN_IN, ""),
        (None, {}, PROGRAM, "401 Unauthorized", {**AS_JSON, "WWW-Authenticate": 'Session realm="sign-in"'}, REQUIRED),
        (None, DIALOGUE, PROGRAM, "401 Unauthorized",
         {**AS_JSON, "WWW-Authenticate": 'Basic realm="sign-in", charset="UTF-8"'}, REQUIRED),
        (None, DIALOGUE, {**PROGRAM, "Sec-Fetch-Mode": "cors"}, "401 Unauthorized",
         {**AS_JSON, "WWW-Authenticate": 'Session realm="sign-in"'}, REQUIRED),
        (lambda *_: Forbidden(), {}, PROGRAM, "403 Forbidden", UNSNIFFED, '{"error": "AccessDenied"}'),
        (raising, {}, PROGRAM, "500 Internal Server Error", UNSNIFFED, '{"error": "Configuration"}'),
    ],
    ids=["a browser", "a program", "one that may send a password", "a page's own fetch", "403", "500"],
)  # fmt: skip
def test_a_refusal_says_what_it_should_and_no_more(authorized, options, ask, status, said, body):
    answer = visitor(authorized, **options).get("/x", headers=ask, status="*")
    assert (answer.status, answer.text) == (status, body)
    length = {"Content-Length": str(len(body))}
    assert dict(answer.headerlist) == {"Vary": VARY, "Cache-Control": "no-store", **said, **length}
    assert len(answer.headerlist) == len(answer.headers)


@pytest.mark.parametrize("status", [each for each in REASONS if each != 413])  # renamed by RFC 9110
def test_a_status_has_the_phrase_of_http(status):
    assert answered(status, [], b"").status == f"{status} {HTTPStatus(status).phrase}"


NO_DECISION = (
    "the authorized callback returned a {}; it must return True, False, None, a decision or a WSGI "
    "application{}"
)
UNSENDABLE = "the authorized callback's {} has a code, a URL or a challenge that cannot be sent"


@pytest.mark.parametrize(
    ("authorized", "said"),
    [
        (lambda *_: False, "refused 'bob': not authorized for '/x'"),
        (lambda *_: 1, NO_DECISION.format("int", "")),
        (lambda *_: Forbidden, NO_DECISION.format("type", "")),
        (coroutine, NO_DECISION.format("coroutine", ", and must not be async")),
        (lambda *_: Unauthorized('/a"b'), UNSENDABLE.format("Unauthorized")),
        (lambda *_: Forbidden(bearer=7), UNSENDABLE.format("Forbidden")),
        (lambda *_: Forbidden(7), UNSENDABLE.format("Forbidden")),
        (raising, "the authorized callback raised; '/x' is refused"),
    ],
    ids=["no", "a number", "a class", "a coroutine", "no URL", "no challenge", "no code", "an exception"],
)  # fmt: skip
def test_the_log_says_who_was_refused_what_and_why(authorized, said, caplog):
    def asked(request, session):
        return authorized(request, session)

    caplog.set_level(logging.INFO, "wsgi_auth")
    browser = visitor(asked, "bob")
    caplog.clear()
    browser.get("/x", headers=PROGRAM, status="*")
    assert caplog.messages == [said]


@pytest.mark.parametrize(
    ("more", "leads"),
    [
        ({}, True), ({"session": {"read_only": True}}, False), ({"providers": []}, False),
        ({"providers": [], "pages": {"sign_in": "/login"}}, True),
        ({"session": {"read_only": True}, "pages": {"sign_in": "https://a.example.test/in"}}, True),
    ],
    ids=str,
)  # fmt: skip
def test_who_may_not_is_led_to_another_account_where_there_is_a_way_to_one(more, leads):
    middleware = AuthMiddleware(hello, config(authorized=lambda *_: False, **more))
    cookie = session_cookie(middleware, USERS["bob"])
    page = Browser(middleware).get("/x", headers={**BROWSER, "Cookie": cookie}, status=403)
    assert ("Use another account" in page.text) is leads


@pytest.mark.parametrize(
    "code", ["TooYoung", "Not a member", "é", 'x", "admin": "yes', "\\", "\n", "<b>", ""]
)
def test_a_code_of_the_applications_own_is_text_and_nothing_else(code):
    browser = visitor(lambda *_: Forbidden(code), "bob")
    assert browser.get("/x", headers=PROGRAM, status=403).json == {"error": code}
    page = browser.get("/x", headers=BROWSER, status=403)
    assert "No access" in page.text and "<b>" not in page.text


def test_a_callback_is_shown_the_request_and_the_session():
    seen = []

    def authorized(request, session):
        seen.append((request.path_qs, session and session.user["id"]))
        return True

    visitor(authorized).get("/x?a=b")
    visitor(authorized, "bob").post("/y")
    assert seen == [("/x?a=b", None), ("/y", "bob")]


@pytest.mark.parametrize("more", [{}, {"authorized": lambda request, session: False}], ids=" ".join)
def test_whoever_listens_hears_of_which_request_and_whom_was_refused(more):
    told = []
    browser = Browser(AuthMiddleware(hello, config(events={"denied": told.append}, **more)))
    browser.get("/x", status=401)
    if more:
        sign_in(browser, USERS["bob"])
        browser.get("/y", headers=PROGRAM, status=403)
    assert [
        (each.request.path, each.reason, each.session and each.session.user["id"], each.claims and each.claims["sub"])
        for each in told
    ] == [("/x", "Unauthorized", None, None), ("/y", "Forbidden", "bob", "bob")][: len(told)]  # fmt: skip
    assert len(told) == len(more) + 1


#: Nobody signs in by it: its access tokens are taken.
API = {"id": "api", "type": "oidc", "issuer": "https://op.test", "sign_in": False,
       "audience": "https://api.test"}  # fmt: skip


def test_who_has_the_wrong_account_comes_to_the_page_with_another():
    browser = visitor(lambda request, session: session and session.user["id"] == "alice", "bob")
    page = browser.get("/members?a=b", headers=BROWSER, status=403)
    form = page.click("Use another account").form
    form["username"], form["password"] = "alice", PASSWORDS["alice"]
    assert form.submit(headers=BROWSER, status=303).location == "/members?a=b"
    assert browser.get("/members?a=b", headers=BROWSER).text == "hello alice"


def test_a_page_that_refuses_says_what_happened_and_leads_on():
    for authorized, options, status, title, links in (
        (None, {"matcher": [{"source": "/x", "answer": "401"}]}, 401, "Please sign in", [SIGN_IN, "/"]),
        (lambda *_: Forbidden(), {}, 403, "No access", [SIGN_IN, "/"]),
        (lambda *_: Forbidden("TooYoung"), {}, 403, "No access", [SIGN_IN, "/"]),
        (lambda *_: Forbidden("InsufficientScope", "x"), {}, 403, "No access", ["/"]),
        (lambda *_: Forbidden(), {"providers": [API]}, 403, "No access", ["/"]),
        (lambda *_: Unauthorized(SIGN_IN, "FreshSignInRequired"), {}, 401, "Please sign in again", [SIGN_IN, "/"]),
        (raising, {}, 500, "Server error", ["", "/"]),
    ):  # fmt: skip
        page = visitor(authorized, **options).get("/x", headers=BROWSER, status=status)
        assert page.html.h1.text == title
        assert [link["href"] for link in page.html("a")] == links
        assert page.headers["Vary"] == f"{VARY}, Accept-Language"
        assert page.headers["Cache-Control"] == "no-store"


def test_a_refused_post_goes_by_303_and_reaches_nobody():
    """R051."""
    browser = visitor(None)
    answer = browser.post("/x", {"secret": "field"}, headers=BROWSER, status=303)
    assert (answer.status, answer.location) == ("303 See Other", SIGN_IN)
    assert "field" not in str(answer.headers) + answer.text


@pytest.mark.parametrize(
    ("headers", "leads"),
    [({**PROGRAM, "HX-Request": "true"}, True), (PROGRAM, False), ({**PROGRAM, "HX-Boosted": "true"}, False)],
)  # fmt: skip
def test_htmx_alone_is_told_where_to_go_by_its_own_header(headers, leads):
    answer = visitor(None).get("/members", headers=headers, status=401)
    assert ("HX-Redirect" in answer.headers) is leads
    answer = visitor(lambda request, session: Unauthorized()).get(
        "/members", headers=headers, status=401
    )
    assert "HX-Redirect" not in answer.headers and answer.json == {"error": "SessionRequired"}


@pytest.mark.parametrize("headers", [BROWSER, PROGRAM])
def test_a_refusal_says_each_thing_once_and_asks_no_program_for_a_token(headers):
    answer = visitor(lambda request, session: False, "bob").get("/", headers=headers, status=403)
    assert "WWW-Authenticate" not in answer.headers
    names = [name.lower() for name, _ in answer.headerlist]
    assert len(names) == len(set(names))


def test_a_responder_of_the_applications_own_answers_who_may_not():
    def forbidden(environ, decision):
        path = environ["PATH_INFO"]

        def answer(environ, start_response):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [f"not you: {decision.code} at {path}".encode()]

        return answer

    browser = visitor(lambda request, session: False, "bob", responders={"forbidden": forbidden})
    assert browser.get("/", status=403).text == "not you: AccessDenied at /"


@pytest.mark.parametrize(
    ("value", "legal"),
    [("", True), ("/x y", True), ("/\u00e9", True), ("/\u00ff", True), ("/\u0100", False),
     ("/\u20ac", False), ("/\r\n", False), ("/\x7f", False), ("\t", False)],
)  # fmt: skip
def test_a_header_has_what_a_server_can_be_handed(value, legal):
    """R062; PEP 3333."""
    assert is_legal(value) is legal
    if not legal:
        with pytest.raises(ValueError, match="HTTP lacks"):
            redirect({"REQUEST_METHOD": "GET"}, Redirect(value))


def test_a_refusal_says_that_nobody_may_keep_it_and_what_it_depends_on():
    """R053, R065."""
    for headers, status in ((BROWSER, 302), (PROGRAM, 401)):
        answer = visitor(None).get("/x", headers=headers, status=status)
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"Cookie", "Accept"} <= {word.strip() for word in answer.headers["Vary"].split(",")}
    assert answer.headers["WWW-Authenticate"].startswith("Session ")
    assert "Location" not in answer.headers


def test_head_gets_the_headers_of_get_without_a_body():
    browser = visitor(None)
    for headers, status in ((BROWSER, 302), (PROGRAM, 401)):
        got = browser.get("/x", headers=headers, status=status)
        head = browser.head("/x", headers=headers, status=status)
        assert head.headers == got.headers
        assert head.body == b""


def test_htmx_is_told_where_to_go():
    answer = visitor(None).get("/x", headers={**BROWSER, "HX-Request": "true"}, status=401)
    assert answer.headers["HX-Redirect"] == "/auth/signin?callbackUrl=/x"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pages": {"sign_in": "/login"}},
        {"pages": {"sign_in": "/login", "error": "/problem"}},
        {"authorized": lambda request, session: False},
        {"base_path": "/api/auth"},
        {"matcher": ["/:path*"], "routes": [{"source": "/:path*", "allow_groups": ["none"]}]},
    ],
)
@pytest.mark.parametrize("user", [None, "bob"])
def test_no_set_up_sends_a_browser_in_circles(options, user):
    """R056."""
    browser = visitor(options.pop("authorized", None), user, **options)
    answer = browser.get("/members", headers=BROWSER, status="*")
    for _ in range(10):
        if answer.status_int not in (302, 303):
            break
        answer = answer.follow(headers=BROWSER, status="*")
    assert answer.status_int in (200, 403)


def test_the_store_being_down_is_503_on_protected_pages_and_nothing_elsewhere():
    """R035."""
    from wsgi_auth import StoreUnavailable

    class Down:
        def read(self, environ, now):
            raise StoreUnavailable("the store is down")

    browser = Browser(AuthMiddleware(hello, config(reader=Down(), public=["/open"])))
    answer = browser.get("/x", status=503)
    assert answer.headers["Retry-After"]
    assert "Set-Cookie" not in answer.headers
    assert "hello nobody" in browser.get("/open")


@pytest.mark.parametrize("answer", [None, 1, (None, None), SimpleNamespace(session={})], ids=repr)
def test_a_reader_whose_answer_is_no_reading_is_500_on_protected_pages_and_nobody_elsewhere(answer):
    """R038."""
    reader = SimpleNamespace(read=lambda environ, now: answer)
    browser = Browser(AuthMiddleware(hello, config(reader=reader, public=["/open"])))
    assert "hello" not in browser.get("/x", status=500)
    assert "hello nobody" in browser.get("/open")


def test_own_responders_answer_in_place_of_ours_and_a_broken_one_refuses():
    def unauthorized(environ, decision):
        return wsgi_answer

    browser = visitor(None, responders={"unauthorized": unauthorized})
    assert browser.get("/x", headers=PROGRAM, status=418).text == "teapot"
    broken = visitor(None, responders={"unauthorized": lambda environ, decision: 1 / 0})
    assert "hello" not in broken.get("/x", headers=PROGRAM, status=500)


def test_methods_has_and_missing_decide_whether_a_route_applies():
    """R045."""
    routes = [{"source": "/x", "methods": ["POST"]}]
    browser = visitor(None, routes=routes, matcher=[])
    assert browser.get("/x").status_int == 200
    assert browser.post("/x", status=401)
    answer = browser.get("/x", headers={"X-HTTP-Method-Override": "POST"}, status="*")
    assert answer.status_int in (200, 401)
