"""REMOTE_USER, Basic, development mode, events: what some configurations have."""

from __future__ import annotations

import base64
import logging

import bcrypt
import pytest
import time_machine
from webtest import TestApp

from tests.conftest import (
    BROWSER,
    PASSWORDS,
    SECRET,
    USERS,
    Browser,
    authorize,
    authorize_unless,
    config,
    options,
)
from wsgi_auth import AuthMiddleware, CredentialsSignin, StoreUnavailable
from wsgi_auth.errors import CallbackError
from wsgi_auth.testing import sign_in


def seen(environ, start_response):
    """An application that says what it was told."""
    keys = ("REMOTE_USER", "AUTH_TYPE", "HTTP_REMOTE_USER", "HTTP_AUTHORIZATION")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [repr({key: environ[key] for key in keys if key in environ}).encode()]


def visitor(**more) -> Browser:
    return Browser(AuthMiddleware(seen, config(**more)))


@pytest.mark.parametrize(
    ("rule", "user", "name"),
    [
        ("login", USERS["alice"], "alice"),
        ("id", USERS["bob"], "bob"),
        ("email", USERS["alice"], "alice@example.test"),
        ("{provider}:{id}", USERS["bob"], "test:bob"),
        (lambda session: session.user["name"], USERS["bob"], "Bob Brown"),
    ],
)
def test_the_application_is_told_who_it_is(rule, user, name):
    browser = visitor(remote_user=rule)
    sign_in(browser, user)
    assert eval(browser.get("/").text) == {"REMOTE_USER": name, "AUTH_TYPE": "wsgi_auth"}


@pytest.mark.parametrize(
    ("rule", "user", "why"),
    [
        ("login", USERS["bob"], "remote_user = login, and there is no login"),
        ("login", {"id": "1", "login": "a\nb"}, "remote_user = login gives no printable text"),
        ("email", {"id": "1"}, "remote_user = email, and there is no address"),
        (
            "email",
            {"id": "1", "email": "x@example.test", "email_verified": False},
            "remote_user = email, and nobody vouches for the address",
        ),
        (
            "email",
            {"id": "1", "email": "x@example.test", "email_verified": "true"},
            "remote_user = email, and nobody vouches for the address",
        ),
        (
            "{provider}:{login}",
            USERS["bob"],
            "remote_user = {provider}:{login}, and there is no login",
        ),
        (lambda session: None, USERS["bob"], "the callable remote_user gives no printable text"),
        (lambda session: "", USERS["bob"], "the callable remote_user gives no printable text"),
        (lambda session: "a\nb", USERS["bob"], "the callable remote_user gives no printable text"),
    ],
)
def test_a_user_without_such_a_name_is_refused_and_the_log_says_what_is_missing(
    rule, user, why, caplog
):
    browser = visitor(remote_user=rule)
    sign_in(browser, user)
    assert browser.get("/", headers=BROWSER, status=403)
    assert f"refused {user['id']!r}: {why}" in caplog.messages


@pytest.mark.parametrize("path", ["/open", "/static/x"])
def test_what_a_client_or_an_outer_layer_claims_is_removed_on_every_request(path):
    """R048."""
    browser = visitor(remote_user="login", public=["/open"], ignore=["/static/:p*"])
    claims = {"REMOTE_USER": "admin", "AUTH_TYPE": "x", "HTTP_REMOTE_USER": "admin"}
    assert eval(browser.get(path, extra_environ=claims).text) == {}


def basic(name, password) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


DAV = {"routes": [{"source": "/dav/:p*", "basic": True}], "remote_user": "{provider}:{id}"}


def test_a_program_sends_basic_and_the_application_never_sees_it():
    browser = visitor(**DAV)
    answer = browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]))
    assert eval(answer.text)["REMOTE_USER"] == "credentials:alice"
    assert "HTTP_AUTHORIZATION" not in eval(answer.text)
    assert "Set-Cookie" not in answer.headers
    refused = browser.get("/dav/x", headers=basic("alice", "wrong"), status=401)
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert browser.get("/elsewhere", headers=basic("alice", PASSWORDS["alice"]), status=401)


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_a_scheme_that_no_route_knows_is_the_applications_own(is_signed_in):
    rest = {"basic": True, "authorized": lambda request, session: True}
    browser = visitor(routes=[{"source": "/dav/:p*", **rest}], matcher=[])
    if is_signed_in:
        sign_in(browser, USERS["bob"])
    for header in ("Digest x", "Token Basic x"):
        answer = browser.get("/dav/x", headers={"Authorization": header}, status=200)
        assert eval(answer.text) == {"HTTP_AUTHORIZATION": header}


def test_no_callback_of_the_application_is_given_the_password():
    asked = []

    def authorized(request, session):
        asked.append((session.user["id"], request.headers.get("Authorization")))
        return True

    routes = [{"source": "/dav/:p*", "basic": True, "authorized": authorized}]
    browser = visitor(routes=routes, matcher=[])
    browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]), status=200)
    assert asked == [("alice", None)]


def test_a_browser_is_not_shown_a_dialogue():
    browser = visitor(**DAV)
    assert browser.get("/dav/x", headers=BROWSER, status=302)
    fetch = browser.get("/dav/x", headers={"Sec-Fetch-Mode": "cors"}, status=401)
    assert fetch.headers["WWW-Authenticate"].startswith("Session ")


@pytest.mark.parametrize("order", [1, -1])
def test_a_route_that_asks_for_more_without_basic_keeps_basic_out(order):
    routes = [{"source": "/dav/:p*", "basic": True, "allow_groups": ["staff"]},
              {"source": "/dav/admin", "allow_groups": ["admins"]}]  # fmt: skip
    browser = visitor(routes=routes[::order])
    assert browser.get("/dav/admin", headers=basic("alice", PASSWORDS["alice"]), status=401)


PAIR = base64.b64encode(b"alice:correct horse").decode()
ODD = ["Basic", "Basic ", "Basic %%%", "Basic YQ==", "Basic " + "A" * 60_000, "basic Og==", "Digest x",
       "Basic " + base64.b64encode(b"\xff\xfe").decode(),
       "Basic é", f"Basic\t{PAIR}", f",Basic {PAIR}", f"Basic,{PAIR}", f"Basic {PAIR[:4]}!{PAIR[4:]}",
       f"Basic {' ' * 9_000}{PAIR}", "Basic " + base64.b64encode(b":correct horse").decode()]  # fmt: skip


@pytest.mark.parametrize("header", ODD)
def test_an_odd_authorization_header_is_a_clean_401_and_nobody_is_asked(header):
    asked = []

    def anybody(credentials, request):
        asked.append(credentials)
        return USERS["alice"]

    browser = visitor(providers=[{"id": "credentials", "authorize": anybody}], **DAV)
    browser.get("/dav/x", extra_environ={"HTTP_AUTHORIZATION": header}, status=401)
    assert asked == []


@pytest.mark.parametrize(
    ("octets", "name", "password"),
    [(b"alice:a:b", "alice", "a:b"), (b"alice:", "alice", ""),
     ("zoë:é".encode(), "zoë", "é"), (b"zo\xeb:\xe9", "zoë", "é")],
)  # fmt: skip
def test_name_and_password_stand_before_and_behind_the_first_colon(octets, name, password):
    asked = []

    def anybody(credentials, request):
        asked.append(credentials)
        return USERS["alice"]

    browser = visitor(providers=[{"id": "credentials", "authorize": anybody}], **DAV)
    header = f"bAsIc  {base64.b64encode(octets).decode()} "
    browser.get("/dav/x", extra_environ={"HTTP_AUTHORIZATION": header}, status=200)
    assert asked == [{"username": name, "password": password}]


def test_a_pair_is_one_attempt_however_many_providers_look_it_up(tmp_path):
    hashed = bcrypt.hashpw(b"bricks", bcrypt.gensalt(4)).decode()
    (tmp_path / "users").write_text(f"carol:{hashed}\n")
    providers = [{"id": "credentials", "authorize": authorize},
                 {"id": "htpasswd", "file": str(tmp_path / "users")}]  # fmt: skip
    browser = visitor(providers=providers, limits={"account": "3 per hour"}, **DAV)
    wrong = [browser.get("/dav/x", headers=basic("carol", f"{n}"), status="*") for n in range(5)]
    assert [each.status_int for each in wrong] == [401, 401, 401, 429, 429]
    browser = visitor(providers=providers, limits={"account": "1 per hour"}, **DAV)
    browser.get("/dav/x", headers=basic("carol", "bricks"), status=200)


def test_while_nobody_can_look_at_passwords_no_pair_is_an_attempt():
    down = [True]
    browser = visitor(
        providers=[{"id": "credentials", "authorize": authorize_unless(down)}],
        limits={"account": "2 per hour", "address": "2 per hour"}, **DAV)  # fmt: skip
    pair = basic("alice", PASSWORDS["alice"])
    for _ in range(4):
        browser.get("/dav/x", headers=pair, status=503)
    down.clear()
    browser.get("/dav/x", headers=pair, status=200)


def test_a_pair_that_somebody_has_looked_at_is_an_attempt_though_another_cannot():
    def down(credentials, request):
        raise StoreUnavailable("the directory is away")

    browser = visitor(
        providers=[{"id": "one", "type": "credentials", "authorize": authorize},
                   {"id": "two", "type": "credentials", "authorize": down}],
        limits={"account": "3 per hour"}, **DAV)  # fmt: skip
    statuses = [
        browser.get("/dav/x", headers=basic("alice", f"{n}"), status="*").status_int
        for n in range(5)
    ]
    assert statuses == [503, 503, 503, 429, 429]


def test_basic_is_limited_and_a_good_pair_is_checked_once_a_minute():
    calls = []

    def counting(credentials, request):
        calls.append(credentials["username"])
        return authorize(credentials, request)

    browser = visitor(
        providers=[{"id": "credentials", "authorize": counting}],
        limits={"account": "3 per hour", "address": "off"}, **DAV)  # fmt: skip
    for _ in range(20):
        browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]))
    assert calls == ["alice"]
    for _ in range(3):
        browser.get("/dav/x", headers=basic("bob", "wrong"), status=401)
    limited = browser.get("/dav/x", headers=basic("bob", PASSWORDS["bob"]), status=429)
    assert int(limited.headers["Retry-After"]) > 0


def test_what_was_right_is_no_guess_and_neither_is_what_another_provider_did_not_know():
    providers = [{"id": "others", "type": "credentials", "authorize": lambda form, request: None},
                 {"id": "credentials", "authorize": authorize}]  # fmt: skip
    limits = {"account": "3 per hour", "address": "3 per hour"}
    with time_machine.travel("2026-11-25 10:00", tick=False) as clock:
        browser = visitor(providers=providers, limits=limits, **DAV)
        for _ in range(9):
            browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]), status=200)
            clock.shift(61)


def test_who_basic_proved_is_so_for_a_minute():
    def told(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["auth.session"]["expires"].encode()]

    with time_machine.travel("2026-11-25 10:00", tick=False):
        browser = Browser(AuthMiddleware(told, config(**DAV)))
        answer = browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]))
    assert answer.text.startswith("2026-11-25T10:01:00")


def test_a_password_that_was_right_at_one_tenant_is_asked_about_at_another():
    asked = []

    def at_a(credentials, request):
        asked.append(credentials["username"])
        return authorize(credentials, request)

    def chosen(request):
        return request.headers["X-Tenant"].split()

    providers = [{"id": "a", "type": "credentials", "authorize": at_a},
                 {"id": "b", "type": "credentials", "authorize": lambda form, request: None}]  # fmt: skip
    browser = visitor(providers=providers, providers_for=chosen, **DAV)
    pair = basic("alice", PASSWORDS["alice"])
    for tenant, status in (("a", 200), ("b", 401), ("b a", 200), ("a", 200)):
        browser.get("/dav/x", headers={"X-Tenant": tenant, **pair}, status=status)
    assert asked == ["alice"]


def refusing(credentials, request):
    raise CredentialsSignin("wrong")


def down(credentials, request):
    raise StoreUnavailable("down")


def broken(credentials, request):
    raise RuntimeError("in the check of the password")


def mistaken(credentials, request):
    raise CallbackError("authorize", "in the check of the password")


FAILING = [(down, 503), (broken, 500), (mistaken, 500)]


@pytest.mark.parametrize(("check", "status"), [(refusing, 401), *FAILING])
def test_a_check_of_basic_that_fails_lets_nobody_in(check, status, caplog):
    browser = visitor(providers=[{"id": "credentials", "authorize": check}], **DAV)
    answer = browser.get("/dav/x", headers=basic("alice", "x"), status=status)
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert "in the check" not in answer.text
    assert any(record.levelno >= logging.ERROR for record in caplog.records) == (status >= 500)


@pytest.mark.parametrize(("check", "status"), [(refusing, 200), *FAILING])
def test_a_provider_that_refuses_leaves_it_to_the_next_and_one_that_fails_does_not(check, status):
    providers = [{"id": "first", "type": "credentials", "authorize": check},
                 {"id": "second", "type": "credentials", "authorize": authorize}]  # fmt: skip
    browser = visitor(providers=providers, **DAV)
    browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]), status=status)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        # nobody is listening there
        ({"limits": {"storage": "redis://127.0.0.1:1/0"}}, 503, "Basic could not be checked: "),
        ({"allow_groups": ["nobody"]}, 401, "Basic for 'alice' refused: none of the groups is allowed: 'admins'"),
        ({"allow_domains": ["evil.test"]}, 401, "Basic for 'alice' refused: the address is none that is allowed"),
        ({"callbacks": {"sign_in": lambda user, account, context: False}}, 401,
         "Basic for 'alice' refused: the sign_in callback said no"),
        ({"callbacks": {"jwt": lambda claims, context: None}}, 401,
         "Basic for 'alice' refused: the jwt callback returned None"),
        ({"callbacks": {"session": lambda session, context: 1 / 0}}, 500, "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_basic_that_cannot_be_checked_or_is_not_allowed_lets_nobody_in(
    options, status, said, caplog
):
    """R038: what goes wrong is no session, and is told from a wrong password."""
    browser = visitor(**DAV, **options)
    answer = browser.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]), status=status)
    assert said in caplog.text and PASSWORDS["alice"] not in caplog.text
    assert said not in answer.text
    assert ("Retry-After" in answer.headers) is (status == 503)


# --- development ------------------------------------------------------------------------------


def local(monkeypatch, tmp_path, **extra) -> TestApp:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1", **extra}
    return TestApp(AuthMiddleware(seen, dev=True, providers=["dev"]), extra_environ=environ)


def test_a_chooser_of_people_asks_no_password_and_stands_for_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    providers = ["dev", {"id": "credentials", "authorize": authorize}]
    app = AuthMiddleware(seen, dev=True, providers=providers, routes=DAV["routes"])
    page = TestApp(app, extra_environ={"HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1"})
    page.get("/dav/x", headers=basic("alice", PASSWORDS["alice"]), status=200)
    page.get("/dav/x", headers=basic("alice", "wrong"), status=401)


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({}, 302),
        ({"HTTP_HOST": "localhost"}, 302),
        ({"HTTP_HOST": "shop.LOCALHOST:8000"}, 302),
        ({"HTTP_HOST": "evillocalhost"}, 403),
        ({"HTTP_HOST": "[::1]:80", "REMOTE_ADDR": "::1"}, 302),
        ({"HTTP_HOST": "evil.test"}, 403),
        ({"HTTP_HOST": "localhost.evil.test"}, 403),
        ({"HTTP_HOST": ""}, 403),
        # these are this machine too (RFC 6761), and no browser is told to go there
        ({"HTTP_HOST": "localhost."}, 403),
        ({"HTTP_HOST": "127.0.0.1."}, 403),
        ({"HTTP_HOST": "localhost", "REMOTE_ADDR": "localhost"}, 403),
        ({"HTTP_HOST": "localhost", "REMOTE_ADDR": "::ffff:127.0.0.1"}, 302),
        ({"HTTP_HOST": "localhost", "REMOTE_ADDR": "::ffff:192.168.0.9"}, 403),
        ({"REMOTE_ADDR": "192.168.0.9"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 403),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, 403),
        ({"HTTP_X_FORWARDED_HOST": "localhost"}, 403),
        ({"HTTP_X_FORWARDED_PROTO": "http"}, 403),
        ({"HTTP_VIA": "1.1 proxy"}, 403),
        ({"HTTP_VIA": ""}, 403),
        ({"HTTP_X_FORWARDED_SERVER": "x"}, 403),
        ({"HTTP_X_FORWARDED": "for=127.0.0.1"}, 403),
        ({"HTTP_CF_CONNECTING_IP": "127.0.0.1"}, 403),
        ({"HTTP_TRUE_CLIENT_IP": "127.0.0.1"}, 403),
        ({"HTTP_X_ORIGINAL_HOST": "localhost"}, 403),
        ({"HTTP_HOST": "[::1].evil.test"}, 403),
        ({"HTTP_HOST": "localhost:80@evil.test"}, 403),
        ({"HTTP_HOST": "localhost:8000, evil.test"}, 403),
        ({"HTTP_HOST": "]127.0.0.1["}, 403),
        ({"HTTP_HOST": "127.0.0.1:"}, 302),
    ],
)
def test_development_mode_answers_on_this_machine_only(monkeypatch, tmp_path, extra, status):
    browser = local(monkeypatch, tmp_path, **extra)
    assert browser.get("/", headers=BROWSER, status=status)


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"REMOTE_ADDR": "172.17.0.1"}, 302), ({"REMOTE_ADDR": "172.17.0.2"}, 403),
        ({"REMOTE_ADDR": "127.0.0.1"}, 302), ({"REMOTE_ADDR": None}, 302),
        ({"REMOTE_ADDR": "172.17.0.1", "HTTP_HOST": "evil.test"}, 403),
        ({"REMOTE_ADDR": "172.17.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
    ],
)  # fmt: skip
def test_a_listed_peer_is_as_this_machine_and_no_more(monkeypatch, tmp_path, extra, status):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    app = AuthMiddleware(seen, dev=True, providers=["dev"], dev_peers=["172.17.0.1"])
    environ = {"HTTP_HOST": "localhost", **extra}
    page = TestApp(app, extra_environ={k: v for k, v in environ.items() if v is not None})
    page.get("/", headers=BROWSER, status=status)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"HTTP_HOST": "box.lan:8080"}, "the Host is 'box.lan:8080'; open it as localhost or 127.0.0.1"),
        ({"REMOTE_ADDR": "172.17.0.1"}, "the peer is '172.17.0.1'; if that is a container's gateway, name it in dev_peers"),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, "it bears X-Forwarded-For, so it came through a proxy"),
    ],
)  # fmt: skip
def test_development_mode_says_what_would_open_it(monkeypatch, tmp_path, caplog, extra, said):
    local(monkeypatch, tmp_path, **extra).get("/", headers=BROWSER, status=403)
    assert caplog.messages[-1].endswith(f"a request that is not from this machine: {said}")


def test_the_chooser_opens_by_the_printed_key_only(monkeypatch, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        browser = local(monkeypatch, tmp_path)
    key = caplog.text.partition("dev_key=")[2].split()[0]
    assert "Alice Admin" not in browser.get("/auth/signin", headers=BROWSER)
    token = browser.get("/auth/csrf").json["csrfToken"]
    form = {"user": "alice", "csrfToken": token}
    assert browser.post("/auth/callback/dev", form, headers=BROWSER, status=403)
    assert browser.get("/auth/signin?dev_key=wrong", headers=BROWSER, status=403)
    page = browser.get(f"/auth/signin?dev_key={key}", headers=BROWSER).follow(headers=BROWSER)
    assert "Alice Admin" in page
    form["csrfToken"] = browser.get("/auth/csrf").json["csrfToken"]
    assert browser.post("/auth/callback/dev", form, headers=BROWSER, status=303)
    assert browser.get("/auth/session").json["user"]["id"] == "alice"


# --- events and the log ------------------------------------------------------------------------


def test_events_tell_what_happened_and_a_failing_handler_stops_nothing(caplog):
    told = []

    def failing(event):
        raise RuntimeError("in a handler")

    events = {name: [failing, lambda event: told.append((event.name, event.claims and event.claims["sub"]))]
              for name in ("sign_in", "sign_out", "session", "denied")}  # fmt: skip
    browser = visitor(
        events=events, authorized=lambda request, session: session and session.user["id"] != "bob"
    )
    browser.sign_in("bob")
    browser.get("/auth/session")
    browser.get("/x", headers=BROWSER, status="*")
    page = browser.get("/auth/signout", headers=BROWSER)
    page.forms[0].submit(headers=BROWSER)
    assert told == [("sign_in", "bob"), ("session", "bob"), ("denied", "bob"), ("sign_out", "bob")]
    assert caplog.text.count("RuntimeError: in a handler") == 4


def test_the_log_names_events_and_never_a_secret(caplog):
    """R101."""
    with caplog.at_level(logging.DEBUG):
        browser = visitor()
        browser.sign_in("alice")
        secrets = [*browser.cookies.values(), SECRET, PASSWORDS["alice"], browser.token()]
        browser.sign_in("al\r\nice", "hunter22", status=401)
        browser.get("/auth/signout", headers=BROWSER).forms[0].submit(headers=BROWSER)
        browser.get("/x", headers={"Cookie": "__Host-auth.session-token=forged"}, status=401)
    assert "sign-in of 'alice' by credentials" in caplog.text
    assert "sign-in by credentials failed" in caplog.text
    assert "sign-out of 'alice'" in caplog.text
    assert "\r" not in caplog.text
    for secret in [*secrets, "hunter22"]:
        assert secret not in caplog.text


def test_the_applications_own_401_becomes_ours_only_where_it_is_bare():
    def app(environ, start_response):
        headers = [("Content-Type", "text/plain")]
        if environ["PATH_INFO"] == "/own":
            headers.append(("WWW-Authenticate", "Basic"))
        start_response("401 Unauthorized", headers)
        yield b"inner"

    browser = Browser(AuthMiddleware(app, config(challenge_401=True, matcher=[])))
    sent = browser.get("/x", headers=BROWSER, status=302)
    assert sent.headers["Location"] == "/auth/signin?callbackUrl=/x"
    assert browser.get("/x", status=401).json["error"] == "SessionRequired"
    assert browser.get("/own", headers=BROWSER, status=401).text == "inner"
    sign_in(browser, USERS["bob"])
    assert browser.get("/x", headers=BROWSER, status=401).text == "inner"


@pytest.mark.parametrize(
    "more", [{}, {"remote_user": "id", "authorized": lambda request, session: True}]
)
def test_the_applications_own_401_is_its_own_unless_it_is_to_become_ours(more):
    def app(environ, start_response):
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        yield b"inner"

    browser = Browser(AuthMiddleware(app, config(matcher=[], **more)))
    assert browser.get("/x", headers=BROWSER, status=401).text == "inner"


def test_a_401_of_the_applications_own_sign_in_page_leads_not_to_itself():
    def app(environ, start_response):
        start_response("401 Unauthorized", [("Content-Type", "text/html")])
        yield b"<form>"

    more = {"challenge_401": True, "matcher": [], "pages": {"sign_in": "/login"}}
    browser = Browser(AuthMiddleware(app, config(**more)))
    assert browser.get("/login", headers=BROWSER, status=401).text == "<form>"
    assert browser.get("/x", headers=BROWSER, status=302).location.startswith("/login?")


def test_two_middlewares_in_one_process_share_nothing():
    """R037."""
    one = AuthMiddleware(seen, options())
    two = AuthMiddleware(seen, options(secret="t" * 40))
    browser = Browser(one)
    browser.sign_in()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    assert TestApp(one).get("/", headers={"Cookie": cookies}).status_int == 200
    assert TestApp(two).get("/", headers={"Cookie": cookies}, status=401)
