"""The network is left as it was found: bounded, and asked for nothing but what was said (R080)."""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.conftest import config, hello
from tests.oauth.party import Answer, Party, certificate, party, sends
from tests.processes import deaf
from wsgi_auth import AuthMiddleware
from wsgi_auth.errors import ConfigError, OAuthError, ProviderUnavailable
from wsgi_auth.http import Http
from wsgi_auth.types import Incoming, Outgoing

MEGABYTE = 1_048_576


def ask(here: Party, path: str = "/", **options: object) -> Incoming:
    http = Http(allow_loopback=True, **options)  # type: ignore[arg-type]
    return http.send(Outgoing(here.url + path))


def raw(*pieces: bytes, pause: float = 0.0) -> Answer:
    """Octets as they are, then the connection is closed."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


# --- what is sent -------------------------------------------------------------------------------


def test_an_answer_comes_whole() -> None:
    with party(it=sends(b'{"a": 1}', X_More="yes")) as here:
        answer = ask(here, "/it")
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-more"] == "yes"


def test_what_is_sent_is_what_was_said_and_little_else() -> None:
    with party(it=sends()) as here:
        Http(allow_loopback=True).send(
            Outgoing(here.url + "/it?a=b%20c", "POST", {"Authorization": "Basic eA=="}, b"c=d")
        )
    (method, path, headers, body), = here.seen  # fmt: skip
    assert (method, path, body) == ("POST", "/it?a=b%20c", b"c=d")
    assert headers == {
        "host": here.url.removeprefix("http://"), "user-agent": "wsgi_auth",
        "accept": "application/json", "accept-encoding": "identity", "connection": "keep-alive",
        "authorization": "Basic eA==", "content-length": "3",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [200, 302, 500])
def test_no_token_of_an_address_is_in_anybodys_log_R101(
    method: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Some providers take an access token, or the client's secret, in the query or in the path."""
    caplog.set_level(logging.DEBUG, "")
    address = "/tokens/in-the-path?access_token=in-the-query&secret=s3cret"
    with party(**{"tokens/in-the-path": sends(status=status, Location=address)}) as here:
        http = Http(allow_loopback=True)
        for _ in range(2):
            assert http.send(Outgoing(here.url + address, method, {}, b"a=in-the-body")).body
    assert [path for _, path, _, _ in here.seen] == [address] * 2 and here.connections == 1
    with pytest.raises(ProviderUnavailable):
        ask(here, address)
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    for secret in ("in-the-path", "in-the-query", "s3cret", "in-the-body"):
        assert secret not in caplog.text


def test_a_request_may_ask_for_another_type() -> None:
    with party(it=sends()) as here:
        Http(allow_loopback=True).send(Outgoing(here.url + "/it", headers={"accept": "text/html"}))
    assert here.seen[0][2]["accept"] == "text/html"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_any_status_is_an_answer(status: int) -> None:
    with party(it=sends(b"no", status)) as here:
        assert ask(here, "/it").status == status


def test_html_is_an_answer_too() -> None:
    with party(it=sends(b"<html>", kind="text/html")) as here:
        assert ask(here, "/it").body == b"<html>"


# --- nothing is followed, kept or taken from around us ------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_leads_nowhere(status: int) -> None:
    """RFC 9700 4.12: a request with a secret in it goes where it was sent."""
    with party(elsewhere=sends(b"secret")) as here:
        here.answers["/it"] = sends(b"moved", status, Location=here.url + "/elsewhere")
        answer = ask(here, "/it")
    assert (answer.status, answer.body) == (status, b"moved")
    assert here.paths() == ["/it"]


def test_the_body_of_a_redirect_is_bounded_like_any_other() -> None:
    """requests reads it to the end and unpacks it, also where it does not follow."""
    bomb = gzip.compress(bytes(50 * MEGABYTE))
    with party() as here:
        here.answers["/it"] = sends(bomb, 302, Location="/elsewhere", Content_Encoding="gzip")
        with pytest.raises(ProviderUnavailable, match="larger than 1048576 bytes"):
            ask(here, "/it")


def test_cookies_are_not_kept() -> None:
    http = Http(allow_loopback=True)
    with party(it=sends(Set_Cookie="a=b; Path=/")) as here:
        for _ in range(2):
            http.send(Outgoing(here.url + "/it"))
    assert all("cookie" not in headers for _, _, headers, _ in here.seen)


def test_a_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_bytes(netrc.read_bytes())
    with party(it=sends()) as here:
        ask(here, "/it")
    assert "authorization" not in here.seen[0][2]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_not_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with party() as proxy, party(it=sends()) as here:
        monkeypatch.setenv(name, proxy.url)
        assert ask(here, "/it").status == 200
    assert proxy.connections == 0


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def tls(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with (
        party(tls, it=sends()) as here,
        pytest.raises(
            ProviderUnavailable, match=r"its certificate is not trusted \(self.signed.*\)$"
        ),
    ):
        ask(here, "/it")
    assert here.seen == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_vouches_for_nobody(
    name: str, tls: ssl.SSLContext, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(pem))
    with party(tls, it=sends()) as here, pytest.raises(ProviderUnavailable):
        ask(here, "/it")


def test_certificates_of_ones_own_are_trusted_where_it_is_said(
    tls: ssl.SSLContext, pem: Path
) -> None:
    with party(tls, it=sends(b"safe")) as here:
        assert Http(ca_file=str(pem)).send(Outgoing(here.url + "/it")).body == b"safe"


def test_a_certificate_for_another_name_is_refused(tls: ssl.SSLContext, pem: Path) -> None:
    with party(tls, it=sends()) as here:
        url = here.url.replace("127.0.0.1", "localhost") + "/it"
        with pytest.raises(
            ProviderUnavailable, match=r"certificate is not trusted|CertificateError"
        ):
            Http(ca_file=str(pem)).send(Outgoing(url))


def test_a_file_of_certificates_that_is_not_there_stops_start_up(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file: there is no file"):
        Http(ca_file=str(tmp_path / "none"))


def test_plain_http_on_a_port_of_tls_is_no_answer(tls: ssl.SSLContext) -> None:
    with party(it=sends()) as here, pytest.raises(ProviderUnavailable, match="broke off"):
        Http().send(Outgoing(here.url.replace("http:", "https:")))


# --- addresses that are not asked ---------------------------------------------------------------

NEVER = {
    "http": "http://op.test/it",
    "http-on-a-private-address": "http://10.0.0.1/it",
    "http-on-the-metadata-address": "http://169.254.169.254/latest",
    "http-on-every-address": "http://0.0.0.0/",
    "http-on-a-mapped-address": "http://[::ffff:10.0.0.1]/",
    "loopback-in-front-of-a-name": "http://127.0.0.1.op.test/",
    "loopback-behind-a-backslash": "http://127.0.0.1\\.op.test/",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/it",
    "no-scheme": "//127.0.0.1/it",
    "no-host": "https:///it",
    "relative": "/it",
    "empty": "",
    "user": "https://someone@op.test/it",
    "user-and-password": "http://127.0.0.1:80@op.test/it",
    "backslash": "https://op.test\\@evil.test/",
    "newline": "https://op.test/\nit",
    "tab": "ht\ttps://op.test/it",
    "space": "https://op.test/ it",
    "not-ascii": "https://öp.test/it",
    "bad-port": "https://op.test:port/it",
    "huge-port": "https://op.test:99999/it",
    "half-a-bracket": "https://[::1/it",
}


@pytest.mark.parametrize(
    ("more", "may"),
    [({"url": "https://app.example.test"}, False), ({"url": "http://localhost:8000"}, True),
     ({"url": None}, False), ({"url": None, "dev": True}, True)],
)  # fmt: skip
def test_only_an_application_on_this_machine_asks_this_machine_over_http(
    more: dict[str, object], may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    transport = AuthMiddleware(hello, config(**more)).site.transport
    with pytest.raises(ProviderUnavailable if may else OAuthError):
        transport.send(Outgoing("http://localhost:9/jwks"))


@pytest.mark.parametrize("url", NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("allow_loopback", [True, False])
def test_an_address_that_is_not_https_is_refused_before_anything_is_sent(
    url: str, allow_loopback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(OAuthError):
        Http(allow_loopback=allow_loopback).send(Outgoing(url))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_http_on_this_machine_is_for_those_who_allow_it(host: str) -> None:
    with pytest.raises(OAuthError, match="over https"):
        Http().send(Outgoing(f"http://{host}:1/it"))


# --- bounds -------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused() -> None:
    with (
        party(it=sends(bytes(5 * MEGABYTE))) as here,
        pytest.raises(ProviderUnavailable, match="larger than 1048576 bytes"),
    ):
        ask(here, "/it")


def test_a_body_just_as_large_as_allowed_is_not() -> None:
    with party(it=sends(b"x" * 5_000)) as here:
        assert len(ask(here, "/it", largest=5_000).body) == 5_000
        with pytest.raises(ProviderUnavailable):
            ask(here, "/it", largest=4_999)


def test_a_body_without_end_is_refused() -> None:
    def forever(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            handler.wfile.write(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")

    with party(it=forever) as here, pytest.raises(ProviderUnavailable, match="larger"):
        ask(here, "/it")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(encoding: str) -> None:
    """Peak memory stays near the bound, whatever the ratio."""
    import tracemalloc

    pack = zlib.compress if encoding == "deflate" else gzip.compress
    bomb = pack(bytes(100 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    with party(it=sends(bomb, Content_Encoding=encoding)) as here:
        ask(here, "/")
        tracemalloc.start()
        with pytest.raises(ProviderUnavailable, match="larger"):
            ask(here, "/it")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), (" GZip\t", gzip.compress),
     ("deflate", zlib.compress), ("Identity ", bytes)],
)  # fmt: skip
def test_a_packed_body_is_unpacked(encoding: str, pack: object) -> None:
    body = pack(b'{"a": 1}')  # type: ignore[operator]
    with party(it=sends(body, Content_Encoding=encoding)) as here:
        assert ask(here, "/it").body == b'{"a": 1}'


PACKED = gzip.compress(b"access_token=" + b"0123456789" * 50)
MISPACKED = {
    "half": PACKED[: len(PACKED) // 2],
    "without-its-end": PACKED[:-8],
    "with-more-behind": PACKED + b"x",
    "with-another-behind": PACKED + PACKED,
    "not-at-all": b"access_token=0123456789",
}


@pytest.mark.parametrize("body", MISPACKED.values(), ids=MISPACKED)
@pytest.mark.parametrize("chunked", [True, False])
def test_of_a_packed_body_the_whole_is_read_or_nothing(body: bytes, chunked: bool) -> None:
    """Half a form is a form as well, with half a token in it."""
    head = OK + b"Content-Encoding: gzip\r\n"
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with (
        party(it=raw(head + b"\r\n" + body)) as here,
        pytest.raises(ProviderUnavailable, match="it is not packed as it says"),
    ):
        ask(here, "/it")


def test_a_packed_body_of_nothing_is_nothing() -> None:
    with party(it=sends(b"", Content_Encoding="gzip")) as here:
        assert ask(here, "/it").body == b""


def test_a_packing_that_nobody_asked_for_is_refused() -> None:
    with (
        party(it=sends(b"..", Content_Encoding="br")) as here,
        pytest.raises(ProviderUnavailable, match="nobody asked for"),
    ):
        ask(here, "/it")


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "behind-a-packed-body": (OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED, b"x"),
    "packed-nothing": (
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"")[:2],
        b"\0\0\0\xff\xff",
    ),
    "the-length-of-a-chunk": (CHUNKED, b"0"),
    "what-follows-the-length-of-a-chunk": (CHUNKED + b"2;", b"x"),
    "a-trailer": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n"),
    "tiny-chunks": (CHUNKED, b"1\r\nx\r\n"),
    "interim-answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers": (OK, b"x: y\r\n"),
}


@pytest.mark.parametrize(("begin", "again"), FLOODS.values(), ids=FLOODS)
def test_a_server_that_sends_without_end_is_left_before_its_time_is_over(
    begin: bytes, again: bytes
) -> None:
    """What is beside the body is bounded as well: in memory it stands as long as it takes."""
    piece = again * (8_192 // len(again))

    def forever(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        while True:
            handler.wfile.write(piece)

    with party(it=forever) as here, pytest.raises(ProviderUnavailable) as caught:
        ask(here, "/it", largest=20_000, total=30.0, read=30.0)
    assert "longer than" not in str(caught.value) and "silent" not in str(caught.value)


def test_a_body_in_many_chunks_is_whole() -> None:
    body = b"".join(b"8\r\n%08d\r\n" % number for number in range(10_000)) + b"0\r\n\r\n"
    with party(it=raw(CHUNKED + body)) as here:
        assert ask(here, "/it", largest=80_000).body.endswith(b"0000999800009999")


DRIPS = {
    "the-body": (OK + b"Content-Length: 500\r\n\r\n", *[b"x"] * 500),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 500),
    "the-length-of-a-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"0"] * 500),
    "the-headers": (OK, *[b"x"] * 500),
    "the-first-line": (b"H", *[b"T"] * 500),
    "interim-answers": (*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 500,),
}


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_holds_nobody(pieces: tuple[bytes, ...]) -> None:
    """Each octet comes within the read time-out; together they would take ten seconds."""
    with party(it=raw(*pieces, pause=0.02)) as here:
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match=r"it took longer than 0\.3 s"):
            ask(here, "/it", total=0.3)
        assert time.monotonic() - began < 2


def test_a_server_that_drips_behind_tls_holds_nobody(tls: ssl.SSLContext, pem: Path) -> None:
    with party(tls, it=raw(*DRIPS["the-body"], pause=0.02)) as here:
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match=r"it took longer than 0\.4 s"):
            ask(here, "/it", total=0.4, ca_file=str(pem))
        assert time.monotonic() - began < 2


def test_a_server_that_drips_its_hello_holds_nobody() -> None:
    """A TLS handshake is bounded as a whole, not octet by octet."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
                for _ in range(500):
                    time.sleep(0.02)
                    connection.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match="silent"):
            Http(connect=0.3).send(Outgoing(f"https://127.0.0.1:{server.getsockname()[1]}/it"))
        assert time.monotonic() - began < 2
        dripping.join()


def test_a_server_that_is_silent_holds_nobody() -> None:
    with party() as here:
        here.answers["/it"] = lambda _: here.released.wait(10) and None
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match=r"it was silent for too long$"):
            ask(here, "/it", read=0.2)
        assert time.monotonic() - began < 2


def test_a_server_that_takes_no_connection_holds_nobody() -> None:
    with deaf() as port:
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match="silent"):
            Http(allow_loopback=True, connect=0.2).send(Outgoing(f"http://127.0.0.1:{port}"))
        assert time.monotonic() - began < 2


def addresses(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """The name ``localhost`` has these ports' addresses, whatever port is asked for."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    found = [(*kind, ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_with_many_deaf_addresses_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf() as port:
        addresses(monkeypatch, *[port] * 50)
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable, match=r"it took longer than 1 s$"):
            Http(allow_loopback=True, connect=0.3, total=1).send(Outgoing("http://localhost:1/"))
        assert time.monotonic() - began < 4


def test_of_several_addresses_the_first_that_answers_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with party(it=sends()) as here, deaf() as port, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        there = int(here.url.rpartition(":")[2])
        addresses(monkeypatch, nobody.getsockname()[1], port, there, port)
        http = Http(allow_loopback=True, connect=0.3)
        assert http.send(Outgoing("http://localhost:1/it")).status == 200


BROKEN = {
    "nothing": (),
    "no-http": (b"SSH-2.0-OpenSSH\r\n\r\n",),
    "half-a-body": (OK + b"Content-Length: 100\r\n\r\nhalf",),
    "half-a-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",),
    "no-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",),
    "endless-line": (b"HTTP/1.1 200 " + b"x" * 100_000,),
    "many-headers": (OK + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n",),
    "not-packed": (OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",),
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_broken_is_none(pieces: tuple[bytes, ...]) -> None:
    with party(it=raw(*pieces)) as here, pytest.raises(ProviderUnavailable) as caught:
        ask(here, "/it")
    who, _, why = str(caught.value).partition(" gave no answer: ")
    assert who == here.url.removeprefix("http://")
    said = r"the exchange broke off \((?!NoneType)\w+\)|it is not packed as it says"
    assert re.fullmatch(said, why), why


def test_a_refused_connection_says_who_refused_it() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(ProviderUnavailable) as caught:
            Http(allow_loopback=True).send(Outgoing(f"http://127.0.0.1:{port}/?code=secret"))
    assert str(caught.value) == f"127.0.0.1:{port} gave no answer: the connection was refused"


def test_a_name_without_an_address_says_so() -> None:
    with pytest.raises(ProviderUnavailable, match=r"there is no address for this name$"):
        Http().send(Outgoing("https://op.invalid/it"))


# --- connections --------------------------------------------------------------------------------


def test_a_connection_is_used_again() -> None:
    http = Http(allow_loopback=True)
    with party(it=sends(b"x" * 100_000)) as here:
        for _ in range(20):
            http.send(Outgoing(here.url + "/it"))
    assert (len(here.seen), here.connections) == (20, 1)


def test_a_connection_whose_answer_was_not_read_is_not_used_again() -> None:
    http = Http(allow_loopback=True)
    with party(large=sends(bytes(2 * MEGABYTE)), it=sends(b"whole")) as here:
        with pytest.raises(ProviderUnavailable):
            http.send(Outgoing(here.url + "/large"))
        assert http.send(Outgoing(here.url + "/it")).body == b"whole"


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew() -> None:
    http = Http(allow_loopback=True)
    with party(it=raw(OK + b"Content-Length: 2\r\n\r\n{}")) as here:
        for _ in range(5):
            assert http.send(Outgoing(here.url + "/it")).body == b"{}"
            time.sleep(0.02)
    assert here.connections == 5


def test_many_threads_get_each_its_own_answer() -> None:
    http = Http(allow_loopback=True)

    def echo(handler: BaseHTTPRequestHandler) -> None:
        sends(handler.path.encode())(handler)

    def one(number: int) -> bool:
        return http.send(Outgoing(f"{here.url}/it?{number}")).body == f"/it?{number}".encode()

    with party(it=echo) as here, ThreadPoolExecutor(32) as pool:
        assert all(pool.map(one, range(400)))
    assert here.connections <= 64  # two sessions may be made at the very first


def test_a_slow_party_does_not_slow_another() -> None:
    http = Http(allow_loopback=True)

    def late(handler: BaseHTTPRequestHandler) -> None:
        slow.released.wait(10)
        sends()(handler)

    with party(it=late) as slow, party(it=sends()) as quick:
        waiting = threading.Thread(target=http.send, args=(Outgoing(slow.url + "/it"),))
        waiting.start()
        began = time.monotonic()
        http.send(Outgoing(quick.url + "/it"))
        assert time.monotonic() - began < 1
        slow.released.set()
        waiting.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_opens_connections_of_its_own() -> None:
    http = Http(allow_loopback=True)
    with party(it=sends(b"whole")) as here:
        http.send(Outgoing(here.url + "/it"))
        child = os.fork()
        if child == 0:
            try:
                ok = http.send(Outgoing(here.url + "/it")).body == b"whole"
                os._exit(0 if ok else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert here.connections == 2
        assert http.send(Outgoing(here.url + "/it")).body == b"whole"
        assert here.connections == 2


def test_requests_is_imported_when_something_is_sent_and_not_before() -> None:
    code = "import sys, wsgi_auth.http as h; h.Http(); print('requests' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
