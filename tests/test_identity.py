"""REMOTE_USER, Basic, development mode, events: what some configurations have."""

from __future__ import annotations

import base64
import logging

import pytest
from webtest import TestApp

from tests.conftest import BROWSER, PASSWORDS, SECRET, USERS, Browser, authorize, config, options
from wsgi_auth import AuthMiddleware
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
    ("rule", "user"),
    [
        ("login", USERS["bob"]),
        ("email", {"id": "1", "email": "x@example.test", "email_verified": False}),
        ("email", {"id": "1", "email": "x@example.test", "email_verified": "true"}),
        ("{provider}:{login}", USERS["bob"]),
        (lambda session: None, USERS["bob"]),
        (lambda session: "", USERS["bob"]),
        (lambda session: "a\nb", USERS["bob"]),
    ],
)
def test_a_user_without_such_a_name_is_refused(rule, user):
    browser = visitor(remote_user=rule)
    sign_in(browser, user)
    assert browser.get("/", headers=BROWSER, status=403)


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


def test_a_browser_is_not_shown_a_dialogue():
    browser = visitor(**DAV)
    assert browser.get("/dav/x", headers=BROWSER, status=302)
    fetch = browser.get("/dav/x", headers={"Sec-Fetch-Mode": "cors"}, status=401)
    assert fetch.headers["WWW-Authenticate"].startswith("Session ")


def test_a_route_that_asks_for_more_without_basic_keeps_basic_out():
    routes = [*DAV["routes"], {"source": "/dav/admin", "allow_groups": ["admins"]}]
    browser = visitor(routes=routes)
    assert browser.get("/dav/admin", headers=basic("alice", PASSWORDS["alice"]), status=401)


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic ", "Basic %%%", "Basic YQ==", "Basic " + "A" * 60_000, "basic Og==", "Digest x",
     "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode()],
)  # fmt: skip
def test_an_odd_authorization_header_is_a_clean_401(header):
    browser = visitor(**DAV)
    assert browser.get("/dav/x", headers={"Authorization": header}, status=401)


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
    assert limited.headers["Retry-After"]


# --- development ------------------------------------------------------------------------------


def local(monkeypatch, tmp_path, **extra) -> TestApp:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1", **extra}
    return TestApp(AuthMiddleware(seen, dev=True, providers=["dev"]), extra_environ=environ)


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
    ],
)
def test_development_mode_answers_on_this_machine_only(monkeypatch, tmp_path, extra, status):
    browser = local(monkeypatch, tmp_path, **extra)
    assert browser.get("/", headers=BROWSER, status=status)


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


def test_two_middlewares_in_one_process_share_nothing():
    """R037."""
    one = AuthMiddleware(seen, options())
    two = AuthMiddleware(seen, options(secret="t" * 40))
    browser = Browser(one)
    browser.sign_in()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    assert TestApp(one).get("/", headers={"Cookie": cookies}).status_int == 200
    assert TestApp(two).get("/", headers={"Cookie": cookies}, status=401)
