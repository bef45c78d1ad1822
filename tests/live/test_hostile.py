"""What a client should not send, on each server: without a session nobody sees the protected page,
and nothing that was sent becomes a header (``security.md`` 3.1 and 3.2, R040 to R048, R062)."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest

from tests.live.servers import Running
from tests.live.site import PROTECTED, PUBLIC
from tests.live.test_servers import sign_in

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Answer:
    """What a server sent, as it came."""

    octets: bytes

    @property
    def text(self) -> str:
        """All of it."""
        return self.octets.decode("latin-1")

    @property
    def status(self) -> int:
        """0 where the server closed the connection without a word."""
        words = self.text.split(None, 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header lines, by whatever ends a line."""
        head = self.text.partition("\r\n\r\n")[0].replace("\r\n", "\n").replace("\r", "\n")
        lines = [line.partition(":") for line in head.split("\n")[1:]]
        return [(name.strip().lower(), value.strip()) for name, _, value in lines]


def send(
    server: Running, target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b""
) -> Answer:
    """One request, octet by octet as it is given."""
    if not any(line.lower().startswith(b"host:") for line in lines):
        lines = (b"Host: 127.0.0.1:%d" % server.port, *lines)
    if body:
        lines = (*lines, b"Content-Length: %d" % len(body))
    head = b"\r\n".join((method + b" " + target + b" HTTP/1.1", *lines, b"Connection: close"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.settimeout(5)
        octets = b""
        try:
            connection.sendall(head + b"\r\n\r\n" + body)
            while piece := connection.recv(65536):
                octets += piece
        except OSError:
            pass  # refused in the server's own way
    return Answer(octets)


# --- odd paths ----------------------------------------------------------------------------------

#: Each is the protected page to some server, framework or application.
TARGETS = [
    b"/admin", b"/admin/", b"/admin/users", b"/admin?x=1", b"/admin/?x=/public",
    b"//admin", b"///admin", b"//admin//", b"/admin//users", b"/%2fadmin", b"/%2Fadmin/x",
    b"/./admin", b"/x/../admin", b"/x/./../admin", b"/x//../admin", b"/%2e/admin",
    b"/x/%2e%2e/admin", b"/x/..%2fadmin", b"/x%2f..%2fadmin", b"/../admin", b"/../../admin",
    b"/admin/..", b"/admin/.", b"/admin/../x", b"/admin/x/..", b"/x/..//admin",
    b"/admin%0a", b"/admin%0d%0a", b"/admin%0d", b"/admin%09", b"/%0aadmin", b"/ad%0amin",
    b"/admin%00", b"/admin%00.png", b"/%00admin", b"/admin%7f",
    b"/adm%ffin", b"/%ffadmin", b"/admin%a0", b"/admin%ff", b"/adm%c0%80in", b"/admin%c3",
    b"/admin;x=1", b"/admin;x/users", b"/x;y/../admin", b"/;/admin",
    b"/admin#frag", b"/admin%23frag", b"/admin%3fx=1", b"/admin%3f", b"/#/../admin",
    b"/\\admin", b"/%5cadmin", b"/admin%5cusers", b"/x\\..\\admin", b"/x%5c..%5cadmin",
    b"/%61dmin", b"/%2561dmin", b"/admi%256e", b"/x/%252e%252e/admin",
    b"admin", b"admin/users", b"./admin", b"../admin", b"%61dmin",
    b"http://127.0.0.1/admin", b"http://evil.test/admin", b"HTTP://x//admin", b"http:///admin",
    b"https://a:b@c/admin?x", b"http://admin/admin", b"x://y/admin",
    b"/public/../admin", b"/auth/../admin", b"/auth/signin/../../admin", b"/auth/signin/..%2f../admin",
]  # fmt: skip
#: What a server makes another page of before anybody else sees it: here uwsgi hands on /x/admin.
ANOTHER_PAGE = {("uwsgi", b"/x//../admin")}


@pytest.mark.parametrize("accept", [b"text/html", b"*/*"], ids=["browser", "program"])
def test_no_odd_path_shows_the_protected_page_without_a_session(server, accept):
    shown = []
    for target in TARGETS:
        if (server.name, target) in ANOTHER_PAGE:
            continue
        answer = send(server, target, b"Accept: " + accept)
        if PROTECTED in answer.text or "Traceback" in answer.text:
            shown.append((target, answer.text[:99]))
    assert shown == []


def test_with_a_session_most_of_these_paths_show_it(server):
    """So the test above has something to find."""
    with sign_in(server) as visitor:
        held = b"Cookie: auth.session-token=" + visitor.cookies["auth.session-token"].encode()
    shown = [target for target in TARGETS if PROTECTED in send(server, target, held).text]
    assert {b"/admin", b"/admin/users", b"/admin?x=1"} <= set(shown)
    assert len(shown) > len(TARGETS) / 2


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"PROPFIND",
                                    b"get", b"FOO"])  # fmt: skip
def test_no_method_shows_the_protected_page_without_a_session(server, method):
    for more in ((), (b"X-HTTP-Method-Override: GET",), (b"X-HTTP-Method: HEAD",)):
        answer = send(server, b"/admin", b"Content-Length: 0", *more, method=method)
        assert PROTECTED not in answer.text
        assert "Traceback" not in answer.text


# --- headers that claim something ---------------------------------------------------------------

CLAIMS = [
    b"auth.session: {}", b"auth_session: 1", b"auth-session: 1", b"auth.handle: 1",
    b"Remote-User: admin", b"REMOTE_USER: admin", b"remote_user: admin", b"Remote_User: admin",
    b"X-Remote-User: admin", b"X_Remote_User: admin", b"X-Forwarded-User: admin",
    b"X_Forwarded_User: admin", b"HTTP_REMOTE_USER: admin", b"Auth-Type: Basic",
    b"AUTH_TYPE: Basic", b"X-Auth-User: admin",
    b"X-Original-URL: /public", b"X-Rewrite-URL: /public", b"X-Original-URI: /public",
    b"X-Forwarded-Uri: /public", b"X-Forwarded-Path: /public", b"X-Forwarded-Prefix: /public",
    b"PATH_INFO: /public", b"Path-Info: /public", b"REQUEST_URI: /public",
    b"SCRIPT_NAME: /public", b"Script-Name: /public", b"SCRIPT_NAME: /admin",
    b"X-HTTP-Method-Override: OPTIONS", b"X-HTTP-Method-Override: HEAD",
    b"X-Forwarded-For: 127.0.0.1", b"X-Real-IP: 127.0.0.1", b"Forwarded: for=127.0.0.1",
    b"X-Forwarded-Host: evil.test", b"X-Forwarded-Proto: https", b"X-Forwarded-Server: evil.test",
    b"x-middleware-subrequest: middleware", b"X-Auth-Request-Redirect: /admin",
    b"User-Agent: GoogleHC/1.0", b"Authorization: Basic YWRtaW46YWRtaW4=",
    b"Authorization: Bearer admin", b"wsgi.url_scheme: https", b"wsgi.input: x",
    b"webob.adhoc_attrs: {}", b"paste.testing_variables: {}", b"X-Auth-Return-Redirect: 1",
]  # fmt: skip


def test_no_header_opens_the_protected_page(server):
    for claim in CLAIMS:
        targets = [b"/admin", b"//admin"]
        if server.name == "gunicorn" and claim == b"SCRIPT_NAME: /public":
            targets.append(b"/public/admin")  # it believes this one, and cuts the path
        for target in targets:
            answer = send(server, target, b"Accept: text/html", claim)
            assert PROTECTED not in answer.text, claim
            assert "evil.test" not in answer.text, claim


def test_no_header_makes_anybody_of_a_visitor_on_an_open_page(server):
    for claim in CLAIMS:
        answer = send(server, b"/me", claim)
        if "auth.session" in answer.text:
            assert answer.text.count("null") == 4, claim
        else:  # another page, or the server's own refusal (gunicorn: SCRIPT_NAME does not fit)
            assert PUBLIC in answer.text or answer.status in (0, 400, 403, 500), claim


# --- cookies ------------------------------------------------------------------------------------

SESSION = b"auth.session-token="
COOKIES = [
    b"", b"x", SESSION + b"", SESSION + b"x", SESSION + b".", SESSION + b"..", SESSION + b"a.b.c",
    SESSION + b"x; " + SESSION + b"y", SESSION + b"\x00", SESSION + b"a\x00b", SESSION + b"\x01\x02",
    SESSION + b"\xff\xfe", SESSION + b'"', SESSION + b'"\\', SESSION + b"%00", SESSION + b"null",
    SESSION + b"a" * 7_000, b"auth.session-token.0=99~x", b"auth.session-token.0=2~a; "
    b"auth.session-token.1=b", b"; ".join(b"a%d=b" % number for number in range(500)),
    b";" * 3_000, b"=" * 3_000, SESSION + b"eyJzdWIiOiJhbGljZSJ9.AAAA.AAAA",
]  # fmt: skip


def test_no_made_up_cookie_opens_the_protected_page(server):
    for cookie in COOKIES:
        answer = send(server, b"/admin", b"Accept: text/html", b"Cookie: " + cookie)
        assert PROTECTED not in answer.text, cookie
        assert "Traceback" not in answer.text, cookie
        assert answer.status in (0, 302, 400, 431), (cookie, answer.text)


def test_of_two_cookie_headers_the_valid_session_is_found_and_a_forged_one_is_none(server):
    with sign_in(server) as visitor:
        held = b"Cookie: " + SESSION + visitor.cookies["auth.session-token"].encode()
    forged = b"Cookie: " + SESSION + b"forged"
    other = b"Cookie: theme=dark"
    assert PROTECTED in send(server, b"/admin", other, held).text
    assert PROTECTED in send(server, b"/admin", forged, held).text
    if server.name != "cheroot":  # of two headers it hands on the last
        assert PROTECTED in send(server, b"/admin", held, other).text
        assert PROTECTED in send(server, b"/admin", held, forged).text
    assert PROTECTED not in send(server, b"/admin", forged, forged).text
    assert PROTECTED not in send(server, b"/admin", forged, other).text


# --- hosts --------------------------------------------------------------------------------------

HOSTS = [
    (b"Host: evil.test",), (b"Host: 127.0.0.1", b"Host: evil.test"),
    (b"Host: evil.test", b"Host: 127.0.0.1"), (b"Host: evil.test:80@127.0.0.1",), (b"Host:",),
    (b"Host: a b",), (b"Host: evil.test/admin",), (b"Host: \xff",), (b"Host: 127.0.0.1,evil.test",),
]  # fmt: skip


def test_no_host_becomes_part_of_our_answers(server):
    for hosts in HOSTS:
        for target in (b"/admin", b"/auth/signin", b"/auth/signin?callbackUrl=https://evil.test/"):
            answer = send(server, target, b"Accept: text/html", *hosts)
            assert PROTECTED not in answer.text
            if answer.status in (200, 302, 401):
                assert b"evil.test" not in answer.octets, (hosts, target)


# --- headers from what was sent -----------------------------------------------------------------

CRLF = [
    b"%0d%0aX-Injected:%201", b"%0aX-Injected:%201", b"%0dX-Injected:%201",
    b"%0d%0a%20X-Injected:%201", b"%E5%98%8D%E5%98%8AX-Injected:%201", b"%250d%250aX-Injected:%201",
    b"%c4%8d%c4%8aX-Injected:%201", b"%u000d%u000aX-Injected:%201", b"%00%0d%0aX-Injected:%201",
    b"%0d%0a%0d%0a<script>X-Injected</script>", b"%c2%85X-Injected:%201",
    b"%e2%80%a8X-Injected:%201", b"\tX-Injected:1", b"\x0bX-Injected:1",
]  # fmt: skip
PLACES = [
    b"/admin%s", b"/admin?x=%s", b"/admin?%s", b"/auth/signin?callbackUrl=/%s",
    b"/auth/signin?callbackUrl=%s", b"/auth/signin?error=%s", b"/auth/signout?callbackUrl=/%s",
    b"/auth/error?error=%s", b"/auth/signin/%s", b"/auth/session?%s",
]  # fmt: skip


def test_nothing_in_a_path_or_a_query_becomes_a_header(server):
    for place in PLACES:
        for tried in CRLF:
            target = place.replace(b"%s", tried)
            answer = send(server, target, b"Accept: text/html")
            names = [name for name, _ in answer.headers]
            assert not any("injected" in name for name in names), target
            assert "Traceback" not in answer.text, target


def test_nothing_in_a_form_becomes_a_header(server):
    token, cookie = _csrf(server)
    for tried in CRLF:
        body = (b"csrfToken=" + token + b"&username=alice&password=correct+horse&callbackUrl=/"
                + tried.replace(b"\t", b"%09").replace(b"\x0b", b"%0b"))  # fmt: skip
        answer = send(
            server, b"/auth/callback/credentials", b"Accept: text/html", cookie,
            b"Content-Type: application/x-www-form-urlencoded", method=b"POST", body=body,
        )  # fmt: skip
        assert answer.status == 303, answer.text
        assert not any("injected" in name for name, _ in answer.headers)
        (location,) = [value for name, value in answer.headers if name == "location"]
        assert location.startswith("/") and not location.startswith("//")


def _csrf(server: Running) -> tuple[bytes, bytes]:
    response, body = server.request("GET", "/auth/csrf")
    cookie = response.getheader("Set-Cookie", "").partition(";")[0]
    return body.split(b'"')[3], b"Cookie: " + cookie.encode()
