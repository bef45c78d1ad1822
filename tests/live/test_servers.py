"""A visitor's whole way on each server: the smoke test of PEP 3333 on the real ones."""

from __future__ import annotations

import hashlib
import http.client
import re
from typing import Any

import pytest
import requests

from tests.live.servers import SERVERS, Running, running
from tests.live.site import PROTECTED, PUBLIC

pytestmark = pytest.mark.live

HTML = {"Accept": "text/html"}


class Client(requests.Session):
    """A client with cookies and a connection for each request: uwsgi closes its own without saying
    so, and a second request would race with that."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no proxy of the machine

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """As ever, but on no connection that was used before."""
        self.get_adapter(request.url).close()
        return super().send(request, **options)


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_finds_the_application_that_a_file_protects(name, tmp_path):
    (tmp_path / "auth.toml").write_text(
        'public = ["/open"]\nproviders = ["dev"]\ndev = true\n'
        '[app]\napp = "wsgiref.simple_server:demo_app"\n'
    )
    environ = {"WSGI_AUTH_CONFIG": str(tmp_path / "auth.toml"), "XDG_CACHE_HOME": str(tmp_path)}
    with running(name, "wsgi_auth.wsgi:application", environ=environ, ready="/open") as server:
        assert Client().get(f"{server.url}/members").status_code == 401
        assert "Hello world" in Client().get(f"{server.url}/open").text


def sign_in(server: Running) -> requests.Session:
    """A client that has signed in through the real form."""
    visitor = Client()
    page = visitor.get(f"{server.url}/auth/signin?callbackUrl=/members", headers=HTML)
    assert page.status_code == 200
    form = {
        **dict(re.findall(r'name="([^"]+)"[^>]* value="([^"]*)"', page.text)),
        "username": "alice",
        "password": "correct horse",
    }
    (action,) = re.findall(r'action="([^"]*/callback/credentials)"', page.text)
    answer = visitor.post(
        server.url + action, form, headers={**HTML, "Origin": server.url}, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/members")
    return visitor


@pytest.fixture
def visitor(server):
    """Somebody signed in."""
    with sign_in(server) as visitor:
        yield visitor


def test_an_open_page_is_open(server):
    response, body = server.request("GET", "/")
    assert (response.status, body.decode()) == (200, PUBLIC)
    assert response.getheader("Set-Cookie") is None


def test_a_browser_is_sent_to_sign_in_and_a_program_gets_401(server):
    response, body = server.request("GET", "/members?page=2", HTML)
    assert response.status == 302
    assert response.getheader("Location") == "/auth/signin?callbackUrl=/members%3Fpage%3D2"
    assert body == b""
    response, body = server.request("GET", "/members", {"Accept": "application/json"})
    assert response.status == 401
    assert b'"SessionRequired"' in body
    assert response.getheader("WWW-Authenticate", "").startswith("Session ")
    assert response.getheader("Cache-Control") == "no-store"


def test_after_signing_in_by_the_form_the_page_is_there_until_signing_out(server, visitor):
    page = visitor.get(f"{server.url}/members")
    assert page.text == "hello alice"
    assert page.headers["Cache-Control"] == "no-store"
    assert PROTECTED in visitor.get(f"{server.url}/admin").text
    assert visitor.get(f"{server.url}/me").json() == {
        "auth.session": visitor.get(f"{server.url}/auth/session").json(),
        "REMOTE_USER": "alice",
        "AUTH_TYPE": "wsgi_auth",
        "HTTP_REMOTE_USER": None,
    }
    token = visitor.get(f"{server.url}/auth/csrf").json()["csrfToken"]
    out = visitor.post(f"{server.url}/auth/signout", {"csrfToken": token, "callbackUrl": "/"},
                       headers=HTML)  # fmt: skip
    assert out.text == PUBLIC
    assert visitor.get(f"{server.url}/members").status_code == 401
    assert "auth.session-token" not in visitor.cookies


def test_a_wrong_password_signs_nobody_in(server):
    with Client() as visitor:
        token = visitor.get(f"{server.url}/auth/csrf").json()["csrfToken"]
        form = {"csrfToken": token, "username": "nobody", "password": "guess"}
        answer = visitor.post(f"{server.url}/auth/callback/credentials", form, headers=HTML)
        assert answer.status_code == 401
        assert "auth.session-token" not in visitor.cookies


def test_the_session_cookie_has_its_attributes(server, visitor):
    (cookie,) = [each for each in visitor.cookies if each.name == "auth.session-token"]
    assert (cookie.path, cookie.secure, cookie.domain_specified) == ("/", False, False)
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert cookie.expires is not None


def test_the_first_block_of_a_stream_arrives_before_the_second_is_made(server, visitor):
    name = f"stream-of-{server.name}"
    with visitor.get(f"{server.url}/members/stream?{name}", stream=True, timeout=10) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b"first"
        server.request("GET", f"/release?{name}")
        assert list(lines) == [b"second"]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", ["/members", "/auth/signin", "/auth/session"])
def test_HEAD_of_our_answers_has_the_headers_of_GET_and_no_body(server, path, accept):
    get, _ = server.request("GET", path, {"Accept": accept})
    head, body = server.request("HEAD", path, {"Accept": accept})
    assert body == b""
    assert head.status == get.status
    same = ("Content-Type", "Content-Length", "Location", "WWW-Authenticate", "Vary",
            "Cache-Control")  # fmt: skip
    assert {name: head.getheader(name) for name in same} == {
        name: get.getheader(name) for name in same
    }


def test_HEAD_of_a_page_that_passes_has_its_length_and_no_body(server, visitor):
    head = visitor.head(f"{server.url}/members")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len("hello alice"))


def test_a_body_reaches_the_application_whole(server, visitor):
    body = bytes(range(256)) * 2_000
    answer = visitor.post(f"{server.url}/members/echo", body)
    assert answer.text == f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def test_a_refused_body_is_not_read_and_the_server_goes_on(server):
    try:
        response, body = server.request("POST", "/members/echo", HTML, b"x" * 300_000)
        assert response.status == 303
        assert hashlib.sha256(b"x" * 300_000).hexdigest().encode() not in body
    except (ConnectionError, http.client.HTTPException):
        # closing a connection with a body that nobody read resets it: each server as it likes
        pass
    assert server.request("GET", "/")[0].status == 200
