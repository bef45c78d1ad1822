"""nginx and Caddy, configured as ``docs/protecting-anything`` says, in front of what is not ours."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import time_machine

from tests.docs.blocks import DOCS, blocks
from tests.needs import require_module, require_program
from tests.processes import PYTHON, Answer, Running, free_port, serving
from wsgi_auth.testing import session_cookie

pytestmark = pytest.mark.live

ROOT = DOCS.parent
BLOCKS = {block.language: block.code for block in blocks(DOCS / "protecting-anything.rst")}
SECRET = "a secret of more than thirty-two bytes, for a gate"
MORE = """
[session]
max_age = "1h"
update_age = "1m"
[[routes]]
source = "/admin/:path*"
allow_groups = ["admins"]
[[routes]]
source = "/api/health"
methods = ["POST"]
"""
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/1;
    client_body_buffer_size 1m;
    proxy_temp_path {folder}/2;
    fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4;
    scgi_temp_path {folder}/5;
    {server}
}}
"""
BROWSER = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
ADA = {
    "id": "1", "login": "ada", "email": "ada@example.org", "email_verified": True,
    "groups": ["staff", "b\u00fcro", "a,b"],
}  # fmt: skip
SPOOFED = {"X-Auth-User": "root", "X-Auth-Email": "root@example.org", "X-Auth-Groups": "admins"}


@dataclass
class Guarded:
    """A proxy that asks the gate, and guards something that tells what it was sent."""

    proxy: Running
    url: str
    #: What runs the gate.
    gate: ExitStack

    def ask(self, path: str = "/d/1?a=1&b=2", method: str = "GET", **more: Any) -> Answer:
        return self.proxy.request(method, path, **more)

    def seen(self, *arguments: Any, **more: Any) -> dict[str, Any]:
        """What the guarded thing was sent."""
        answer = self.ask(*arguments, **more)
        assert answer.status == 200, answer
        return json.loads(answer.text)

    def sent(self, *lines: str) -> Answer:
        """The answer to exactly this, which no client would send."""
        host = self.url.removeprefix("http://")
        with socket.create_connection(("127.0.0.1", self.proxy.port), 20) as connection:
            head = [lines[0], f"Host: {host}", "Connection: close", *lines[1:], "", ""]
            connection.sendall("\r\n".join(head).encode("latin-1"))
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return Answer(answer.status, answer.headers, answer.read().decode())

    def cookie(self, age: float = 0, **more: Any) -> str:
        config = {
            "url": self.url,
            "secret": SECRET,
            "session": {"max_age": "1h", "update_age": "1m"},
        }
        with time_machine.travel(time.time() - age):
            return session_cookie(config, {**ADA, **more})


def told(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    said = {
        "method": environ["REQUEST_METHOD"],
        "target": environ["PATH_INFO"] + "?" + environ["QUERY_STRING"],
        "body": environ["wsgi.input"].read(length).decode(),
        **{
            name: environ.get(f"HTTP_X_AUTH_{name.upper()}", "").encode("latin-1").decode()
            for name in ("user", "email", "groups")
        },
    }
    body = json.dumps(said).encode()
    wanted = environ["PATH_INFO"].strip("/")
    status = f"{wanted} So" if wanted.isdigit() else "200 OK"
    start_response(status, [("Content-Length", str(len(body))), ("Set-Cookie", "own=1")])
    return [body]


class Silent(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def guarded_thing() -> Iterator[int]:
    server = make_server("127.0.0.1", 0, told, handler_class=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Switching(socketserver.StreamRequestHandler):
    """Says 101 to every ``Upgrade``, whatever it is to, and sends back what comes then."""

    def handle(self) -> None:
        head = list(iter(lambda: self.rfile.readline().decode("latin-1").strip(), ""))
        if not head:
            return
        self.server.heads.append(head)
        pairs = (line.split(": ", 1) for line in head[1:])
        said = {name.lower(): value for name, value in pairs}
        if "upgrade" not in said:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            return
        key = said.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.wfile.write(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            f"Upgrade: {said['upgrade']}\r\nSec-WebSocket-Accept: {accepted}\r\n\r\n".encode()
        )
        while octets := self.connection.recv(100):
            self.wfile.write(octets)


@contextmanager
def switching_thing() -> Iterator[socketserver.ThreadingTCPServer]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Switching)
    server.daemon_threads = True
    server.heads = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def nginx(folder: Path, port: int, server: str) -> Iterator[Running]:
    program = require_program("nginx")
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    assert str(port) in server
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, server=server))
    folder.chmod(0o755)
    arguments = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with serving(arguments, port, folder, LOG=str(folder / "nginx.log")) as running:
        yield running


@contextmanager
def caddy(folder: Path, port: int, site: str) -> Iterator[Running]:
    program = require_program("caddy")
    site = site.replace(
        "grafana.example.org {", f"http://127.0.0.1:{port} {{\n    bind 127.0.0.1\n"
    )
    assert str(port) in site
    file = folder / "Caddyfile"
    file.write_text("{\n    admin off\n    auto_https off\n}\n" + site)
    arguments = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with serving(arguments, port, folder, LOG=str(folder / "caddy.log"), **home) as running:
        yield running


PROXIES = {"nginx": (nginx, "nginx"), "Caddy": (caddy, "text")}
SERVERS = {
    "waitress": ["-m", "wsgi_auth", "serve", "--config", "auth.toml", "--port", "{port}"],
    "gunicorn": ["-m", "gunicorn", "-b", "127.0.0.1:{port}", "wsgi_auth.wsgi:application"],
}


@contextmanager
def guarding(
    proxy: str, server: str, folder: Path, top: str = "", thing: int | None = None
) -> Iterator[Guarded]:
    """The proxy in front of the gate, which runs under this server, and of the guarded thing, or of
    what listens on the port ``thing``."""
    require_module("bcrypt")
    require_module(server)
    import bcrypt

    start, language = PROXIES[proxy]
    hashed = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()
    (folder / "users.htpasswd").write_text(f"ada:{hashed}\n")
    (folder / "secret.txt").write_text(SECRET)
    port, gate = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    settings = BLOCKS["toml"].replace("https://grafana.example.org", url)
    settings = settings.replace('["/api/health"]', '["/api/health", "/open/:path*"]')
    assert "/open/" in settings
    (folder / "auth.toml").write_text(f"{top}\n{settings}{MORE}")
    arguments = [PYTHON, *(each.format(port=gate) for each in SERVERS[server])]
    env = {"WSGI_AUTH_CONFIG": "auth.toml", "PYTHONPATH": str(ROOT), "LOG": str(folder / "log")}
    with guarded_thing() as there, ExitStack() as running:
        running.enter_context(serving(arguments, gate, folder, **env))
        text = BLOCKS[language].replace(":8001", f":{gate}")
        text = text.replace(":3000", f":{there if thing is None else thing}")
        with start(folder, port, text) as at:
            yield Guarded(at, url, running)


@pytest.fixture(
    scope="module",
    params=[(proxy, server) for proxy in PROXIES for server in SERVERS],
    ids=lambda param: "-".join(param),
)
def guarded(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarding(*request.param, tmp_path_factory.mktemp("gate")) as found:
        yield found


def test_a_browser_signs_in_and_comes_back_to_what_it_asked_for(guarded):
    sent = guarded.ask(**BROWSER)
    assert sent.status == 302
    page = guarded.ask(sent.headers["Location"], **BROWSER)
    assert page.status == 200
    (token,) = set(re.findall(r'name="csrfToken" value="([^"]+)"', page.text))
    (target,) = set(re.findall(r'action="([^"]+)"', page.text))
    back = re.search(r'name="callbackUrl" value="([^"]+)"', page.text)[1].replace("&amp;", "&")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = {"csrfToken": token, "callbackUrl": back, "username": "ada", "password": "lovelace"}
    signed_in = guarded.ask(
        target.replace("&amp;", "&"), "POST", body=urlencode(form).encode(), Cookie=cookie,
        Content_Type="application/x-www-form-urlencoded", Origin=guarded.url, **BROWSER,
    )  # fmt: skip
    assert signed_in.status == 303
    there = signed_in.headers["Location"].removeprefix(guarded.url)
    assert there == "/d/1?a=1&b=2"
    cookies = "; ".join(
        value.partition(";")[0] for value in signed_in.headers.get_all("Set-Cookie")
    )
    said = guarded.seen(there, Cookie=cookies, **BROWSER)
    assert (said["user"], said["target"]) == ("ada", "/d/1?a=1&b=2")


def test_a_program_gets_401_and_the_guarded_thing_is_not_asked(guarded):
    answer = guarded.ask()
    assert answer.status == 401
    assert json.loads(answer.text)["error"] == "SessionRequired"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_gets_in_by_another_method(guarded, method):
    assert guarded.ask("/d/1", method, body=b"x" if method != "DELETE" else None).status == 401


def test_the_guarded_thing_is_told_who_it_is_whatever_the_browser_says(guarded):
    said = guarded.seen(Cookie=guarded.cookie(), **SPOOFED)
    assert (said["user"], said["email"]) == ("ada", "ada@example.org")
    assert said["groups"] == "staff,b\u00fcro"  # a comma would make two of one


def test_an_address_that_was_not_proven_is_not_told(guarded):
    said = guarded.seen(Cookie=guarded.cookie(email_verified=False), **SPOOFED)
    assert (said["user"], said["email"]) == ("ada", "")


def test_a_public_page_is_nobodys_whatever_the_browser_says(guarded):
    said = guarded.seen("/api/health", **SPOOFED)
    assert (said["user"], said["email"], said["groups"]) == ("", "", "")


def test_a_body_arrives(guarded):
    said = guarded.seen("/d/1", "POST", body=b"a body", Cookie=guarded.cookie())
    assert (said["method"], said["body"]) == ("POST", "a body")


def test_who_may_not_gets_our_page(guarded):
    answer = guarded.ask("/admin/users", Cookie=guarded.cookie(), **BROWSER)
    assert answer.status == 403
    assert "<h1" in answer.text and "AccessDenied" in answer.text
    admin = guarded.cookie(groups=["admins"])
    assert guarded.seen("/admin/users", Cookie=admin)["groups"] == "admins"


def test_a_user_that_no_name_is_known_of_is_refused(guarded):
    assert guarded.ask(Cookie=guarded.cookie(login=None)).status == 403


@pytest.mark.parametrize(
    "path",
    ["/api/health/../../d", "/api/health/%2e%2e/d", "//d", "/api/health%2f..%2fd", "/%61dmin/x",
     "/d/..;/api/health", "/api/health%00", "/api/health%0a", "/api%5chealth"],
)  # fmt: skip
def test_no_spelling_of_a_path_opens_another(guarded, path):
    assert guarded.ask(path).status in (400, 401)


@pytest.mark.parametrize(
    "target",
    ["/api/health#/../../d", "/open/d#/../../d", "//open/d", "///open/d", "/d#/../api/health"],
)
def test_no_target_opens_another_that_servers_read_differently(guarded, target):
    # the second is Node's reading, of "//open/d" too: /d of a host called "open"
    assert guarded.sent(f"GET {target} HTTP/1.1").status in (400, 401, 403)


@pytest.mark.parametrize("target", ["/d#/../admin/users", "/admin#", "/admin/users"])
@pytest.mark.parametrize("header", ["Accept: */*", "SCRIPT_NAME: /admin", "SCRIPT_NAME: /d"])
def test_no_header_and_no_target_lead_around_a_rule(guarded, target, header):
    answer = guarded.sent(f"GET {target} HTTP/1.1", header, f"Cookie: {guarded.cookie()}")
    assert answer.status in (400, 403)


@pytest.mark.parametrize(
    "lines",
    [
        ["X_Auth_User: root", "X-Auth_Groups: admins", "X_Auth-Email: root@example.org"],
        ["x-auth-user: root", "X-AUTH-USER: root", "X-Auth-User: root"],
        ["Connection: X-Auth-User, X-Auth-Email, X-Auth-Groups"],
    ],
    ids=lambda lines: lines[0],
)
def test_no_spelling_of_a_header_changes_who_it_is(guarded, lines):
    here = guarded.sent("GET /d HTTP/1.1", *lines, f"Cookie: {guarded.cookie()}")
    said = json.loads(here.text)
    assert (said["user"], said["email"]) == ("ada", "ada@example.org")
    assert said["groups"] == "staff,b\u00fcro"
    said = json.loads(guarded.sent("GET /api/health HTTP/1.1", *lines).text)
    assert (said["user"], said["email"], said["groups"]) == ("", "", "")


def test_nobodys_upload_is_refused_and_not_cut_off(guarded):
    for _ in range(5):  # gunicorn closes the connection of a body that it did not read
        assert guarded.ask("/d", "POST", body=b"x" * 900_000).status == 401


@pytest.mark.parametrize("proxy", PROXIES)
def test_nobody_gets_in_while_the_store_is_down_and_is_told_so(proxy, tmp_path):
    require_module("redis")
    down = f'adapter = "redis://127.0.0.1:{free_port()}"'
    with guarding(proxy, "gunicorn", tmp_path, top=down) as guarded:
        cookie = f"auth.session-token={'A' * 43}"
        for path in ("/d", "/admin/users"):
            answer = guarded.ask(path, Cookie=cookie)
            assert (answer.status, json.loads(answer.text)) == (503, {"error": "Unavailable"})
        assert guarded.seen("/api/health", Cookie=cookie)["user"] == ""


@pytest.mark.parametrize("proxy", PROXIES)
def test_nobody_gets_in_while_the_gate_is_down(proxy, tmp_path):
    with guarding(proxy, "gunicorn", tmp_path) as guarded:
        cookie = guarded.cookie()
        assert guarded.ask(Cookie=cookie).status == 200
        guarded.gate.close()
        for path in ("/d", "/api/health"):
            assert guarded.ask(path, Cookie=cookie).status in (500, 502)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_rule_whose_answer_is_a_redirect_sends_everybody_to_sign_in(proxy, tmp_path):
    top = 'matcher = [{source = "/:path*", answer = "redirect"}]'
    with guarding(proxy, "gunicorn", tmp_path, top=top) as guarded:
        answer = guarded.ask()
        assert (answer.status, answer.headers["Location"][:5]) == (302, "/auth")
        assert guarded.ask(Cookie=guarded.cookie()).status == 200


def test_the_session_is_prolonged(guarded):
    answer = guarded.ask(Cookie=guarded.cookie(age=600))
    named = [value.partition("=")[0] for value in answer.headers.get_all("Set-Cookie")]
    assert sorted(named) == ["auth.session-token", "own"]
    answer = guarded.ask(Cookie=guarded.cookie())
    assert answer.headers.get_all("Set-Cookie") == ["own=1"]


def test_a_session_of_many_groups_is_prolonged_and_told(guarded):
    groups = [f"group {number}" for number in range(200)]
    answer = guarded.ask(Cookie=guarded.cookie(age=600, groups=groups))
    assert answer.status == 200
    assert json.loads(answer.text)["groups"] == ",".join(groups)
    assert len(answer.headers.get_all("Set-Cookie")) == 2


def test_the_answers_of_the_guarded_thing_stay_its_own(guarded):
    for status in (401, 403, 500, 503):
        answer = guarded.ask(f"/{status}", Cookie=guarded.cookie())
        assert (answer.status, json.loads(answer.text)["user"]) == (status, "ada")


def test_a_rule_for_a_method_is_one_for_that_method_under_nginx(guarded):
    answer = guarded.ask("/api/health", "POST", body=b"")
    assert answer.status == (401 if "nginx" in answer.headers["Server"] else 200)


# --- WebSockets ---------------------------------------------------------------------------------

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = [
    "GET /api/live/ws HTTP/1.1", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
    f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13",
]  # fmt: skip


@contextmanager
def handshake(port: int, *lines: str) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
    """The answer to exactly this head, and the connection."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        head = [lines[0], f"Host: 127.0.0.1:{port}", *lines[1:], "", ""]
        connection.sendall("\r\n".join(head).encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        yield answer, connection


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_websocket_opens_for_who_is_signed_in_and_for_nobody_else(proxy, server, tmp_path):
    with (
        switching_thing() as thing,
        guarding(proxy, server, tmp_path, thing=thing.server_address[1]) as guarded,
    ):
        port = guarded.proxy.port
        for more in ([], ["Origin: https://evil.example", "Sec-Fetch-Mode: websocket"]):
            with handshake(port, *HANDSHAKE, *more) as (answer, _):
                assert answer.status == 401
        assert thing.heads == []
        cookie = f"Cookie: {guarded.cookie()}"
        with handshake(port, *HANDSHAKE, cookie) as (answer, connection):
            assert answer.status == 101
            assert answer.headers["Upgrade"].lower() == "websocket"
            assert answer.headers["Connection"].lower() == "upgrade"
            assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            connection.sendall(b"to and fro")
            assert connection.recv(100) == b"to and fro"
        (head,) = thing.heads
        assert "X-Auth-User: ada" in head
        # what is no WebSocket is an ordinary request, which is judged each time: a connection
        # that became another protocol would lead around the gate from then on
        one = "GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAA"
        for protocols in (
            ["h2c"], ["websocket, h2c"], ["h2c, websocket"], ["h2c", "websocket"], ["websocket2"]
        ):  # fmt: skip
            upgrades = [f"Upgrade: {each}" for each in protocols]
            with handshake(port, *one, *upgrades, cookie) as (answer, _):
                assert answer.status == 200, protocols
            assert not any(line.lower().startswith("upgrade") for line in thing.heads[-1])
        with handshake(port, *one, "Upgrade: websocket", "Upgrade: h2c", cookie) as (answer, _):
            assert answer.headers["Upgrade"] in (None, "websocket")


def test_nginx_asks_the_gate_without_the_upgrade(tmp_path):
    with switching_thing() as thing:
        port, there = free_port(), f":{thing.server_address[1]}"
        text = BLOCKS["nginx"].replace(":8001", there).replace(":3000", there)
        with nginx(tmp_path, port, text), handshake(port, *HANDSHAKE) as (answer, _):
            assert answer.status == 101
        asked, handed_on = ({line.lower() for line in head} for head in thing.heads)
        assert "connection: close" in asked
        assert not any(line.startswith("upgrade") for line in asked)
        assert {"connection: upgrade", "upgrade: websocket"} <= handed_on
