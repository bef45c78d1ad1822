"""Delivery by SMTP: encryption, names and passwords, time, and servers that go wrong."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, repeat
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.servers import certificates
from tests.mail.post import post_office
from tests.processes import deaf
from wsgi_auth.errors import EmailSignin, RecipientRefused
from wsgi_auth.mail import Post
from wsgi_auth.mailing import Mail, MailServer

NOW = 1_800_000_000
URL = "https://app.example.test/auth/callback/email?token=sesame&email=ada%40example.test"


def mail(**more: Any) -> Mail:
    parts: dict[str, Any] = {
        "to": "ada@example.test",
        "sender": "Exämple, Inc. <no-reply@example.test>",
        "subject": "Sign in – now",
        "host": "app.example.test",
        "expires": NOW + 600,
        "url": URL,
        "text": f"Grüße\n\n{URL}\n.\nend\n",
        "html": "<p>Grüße</p>",
    }
    return Mail(**{**parts, **more})


def send(url: str, **more: Any) -> None:
    Post().send(mail(**more), MailServer.parse(url), None, NOW)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """The folder of an authority and of a certificate for ``localhost``."""
    folder = tmp_path_factory.mktemp("authority")
    certificates(folder)
    return folder


@pytest.fixture
def tls(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    return context


@pytest.fixture
def trusted(authority: Path, monkeypatch) -> None:
    """This machine trusts the authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))


def test_a_message_arrives_whole():
    with post_office() as (box, port):
        send(f"smtp://127.0.0.1:{port}")
    (message,) = box.messages
    assert message["From"].addresses[0].display_name == "Exämple, Inc."
    assert message["From"].addresses[0].addr_spec == "no-reply@example.test"
    assert (message["Subject"], message["To"]) == ("Sign in – now", "ada@example.test")
    assert message["Date"].datetime.timestamp() == NOW
    text = message.get_body(("plain",)).get_content()
    assert text.splitlines() == ["Grüße", "", URL, ".", "end"]
    assert box.sessions[0].host_name == "app.example.test"
    assert box.raw[0].isascii()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("app.example.test:8443", "app.example.test"),
        ("127.0.0.1:8080", "[127.0.0.1]"),
        ("[::1]:8080", "[IPv6:::1]"),
        ("[::1]", "[IPv6:::1]"),
        ("localhost", "localhost"),
    ],
)
def test_the_greeting_is_our_own_host_and_asks_no_name_service(host, said):
    with post_office() as (box, port):
        send(f"smtp://127.0.0.1:{port}", host=host)
    assert box.sessions[0].host_name == said


@pytest.mark.parametrize("implicit", [True, False])
def test_over_tls_with_a_name_and_a_password(tls, trusted, implicit):
    with post_office(tls, implicit, login=True) as (box, port):
        scheme, tail = ("smtps", "") if implicit else ("smtp", "?tls=starttls")
        send(f"{scheme}://me:p%40ss%2Fword@localhost:{port}{tail}")
    assert box.logins == [("me", "p@ss/word")] and len(box.messages) == 1
    assert implicit or box.sessions[0].ssl is not None


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_trusted_gets_no_mail_and_no_password(
    tls, authority, monkeypatch, implicit, wrong
):
    host = "localhost"
    if wrong == "name":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
        host = "127.0.0.1"
    with post_office(tls, implicit, login=True) as (box, port):
        scheme, tail = ("smtps", "") if implicit else ("smtp", "?tls=starttls")
        with pytest.raises(EmailSignin, match="CERTIFICATE_VERIFY_FAILED"):
            send(f"{scheme}://me:p%40ss%2Fword@{host}:{port}{tail}")
    assert box.logins == [] and box.messages == []


def test_a_server_without_starttls_gets_no_password_and_no_mail():
    with post_office(login=True) as (box, port):
        with pytest.raises(EmailSignin, match="STARTTLS"):
            send(f"smtp://me:p%40ss%2Fword@127.0.0.1:{port}?tls=starttls")
        assert box.logins == [] and box.messages == []
        send(f"smtp://me:p%40ss%2Fword@127.0.0.1:{port}?tls=off")
    assert len(box.logins) == 1 and len(box.messages) == 1


def test_a_wrong_password_is_no_mail_and_stays_out_of_the_message():
    failure = pytest.raises(EmailSignin, match="SMTPAuthenticationError")
    with post_office(login=True) as (box, port), failure as refused:
        send(f"smtp://me:wr0ng@127.0.0.1:{port}")
    assert "wr0ng" not in str(refused.value) and box.messages == []


def test_a_mailbox_that_is_refused_is_told_apart():
    with post_office() as (box, port):
        box.refuses.add("ada@example.test")
        with pytest.raises(RecipientRefused, match="no such mailbox"):
            send(f"smtp://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "says",
    ["421 closing", "421 4.7.0 too many connections", "530 5.7.0 authentication required"],
)
def test_a_server_that_serves_nobody_is_no_refusal_of_one_mailbox(says):
    with post_office() as (box, port):
        box.refuses.add("ada@example.test")
        box.refusal = says
        with pytest.raises(EmailSignin, match=says[:3]) as failed:
            send(f"smtp://127.0.0.1:{port}")
    assert not isinstance(failed.value, RecipientRefused)


@pytest.mark.parametrize(
    "more",
    [
        {"to": "ada@example.test\r\nBcc: eve@evil.test"},
        {"to": "ada@example.test>\r\nRCPT TO:<eve@evil.test"},
        {"subject": "x\r\nBcc: eve@evil.test"},
        {"subject": "x\nBcc: eve@evil.test"},
        {"sender": "a@b.test\r\nBcc: eve@evil.test"},
        {"sender": "nobody"},
    ],
    ids=range(6),
)
def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(more):
    with post_office() as (box, port), pytest.raises(EmailSignin):
        send(f"smtp://127.0.0.1:{port}", **more)
    assert box.messages == []


@contextmanager
def bad_server(says: Any) -> Iterator[int]:
    """A server that calls ``says(connection)`` for its one client."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                says(connection, over)
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join(20)
        listener.close()


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def drips(connection: socket.socket, over: threading.Event) -> None:
    """Each step is answered just in time, for ever."""
    connection.sendall(b"220 slow\r\n")
    while not over.is_set() and connection.recv(1_000):
        over.wait(0.6)
        connection.sendall(b"250 go on\r\n")


def letters(connection: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        connection.sendall(b"2")
        over.wait(0.2)


def no_end(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"220 hello\r\n")
    while not over.is_set():
        connection.sendall(b"250-and another line\r\n")
        over.wait(0.01)


@pytest.mark.parametrize("says", [silent, drips, letters, no_end])
def test_a_server_that_takes_its_time_gets_no_more_than_the_timeout(says):
    with bad_server(says) as port:
        began = time.monotonic()
        with pytest.raises(EmailSignin):
            send(f"smtp://127.0.0.1:{port}?timeout=1")
        assert time.monotonic() - began < 6


def test_a_name_with_deaf_addresses_takes_no_longer_and_the_others_are_tried(monkeypatch):
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    with deaf() as port, post_office() as (box, there):
        for ports, taken in (([port] * 5, 0), ([port, there], 1)):
            found = [(*kind, ("127.0.0.1", each)) for each in ports]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=found, **__: found)
            began = time.monotonic()
            with suppress(EmailSignin):
                send("smtp://localhost:1?timeout=1")
            assert time.monotonic() - began < 3
            assert len(box.messages) == taken


def closes(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"220 hello\r\n")


def refuses(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"554 go away\r\n")


def nonsense(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 100)


def a_long_line(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"220 " + b"x" * 100_000 + b"\r\n")


def plain_after_starttls(connection: socket.socket, over: threading.Event) -> None:
    """Answers in the clear, sent along with the consent to TLS, count for nothing."""
    connection.sendall(b"220 hello\r\n")
    connection.recv(1_000)
    connection.sendall(b"250-mail\r\n250 STARTTLS\r\n")
    connection.recv(1_000)
    connection.sendall(b"220 go\r\n250 AUTH PLAIN\r\n" * 3)


@pytest.mark.parametrize("says", [closes, refuses, nonsense, a_long_line, plain_after_starttls])
def test_a_server_that_is_none_is_a_clear_failure(says):
    with bad_server(says) as port, pytest.raises(EmailSignin, match="the mail was not taken"):
        send(f"smtp://127.0.0.1:{port}?tls=starttls&timeout=2")


def test_a_name_that_nobody_knows_is_a_clear_failure():
    with pytest.raises(EmailSignin, match="gaierror"):
        send("smtp://mail.invalid?timeout=5")


def test_an_address_of_a_kind_that_this_machine_has_not_hides_no_other(monkeypatch):
    """The first is of IPv6, say, where that is switched off."""
    with post_office() as (box, there):
        kinds = (999, socket.AF_INET)
        found = [
            (kind, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", there))
            for kind in kinds
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        send("smtp://localhost:1?timeout=5")
        assert len(box.messages) == 1


class Service:
    """A ``send`` that takes its time, or fails."""

    def __init__(self, pauses: Iterator[float]) -> None:
        self.pauses = pauses
        self.is_down = False

    def __call__(self, mail: Mail) -> None:
        if self.is_down:
            raise OSError("down")
        time.sleep(next(self.pauses))


def test_where_nothing_is_sent_it_takes_as_long_and_fails_when_the_last_one_did_R094():
    slept: list[float] = []
    # each takes a time of its own: two that take the same do so to the nanosecond now and then
    post, service = Post(slept.append), Service(0.005 + 0.001 * turn for turn in count())
    post.send_none(None, service)  # nothing was ever sent: a guess
    assert slept == [0.3]
    for _ in range(40):
        post.send(mail(), None, service, NOW)
    slept.clear()
    for _ in range(32):
        post.send_none(None, service)
    assert min(slept) >= 0.013 and len(set(slept)) == 32 and 0.3 not in slept  # the last 32

    service.is_down = True
    with pytest.raises(EmailSignin, match="down"):
        post.send(mail(), None, service, NOW)
    for _ in range(3):
        with pytest.raises(EmailSignin):
            post.send_none(None, service)
    assert len(set(slept[-3:])) == 1 and slept[-1] not in slept[:-3]
    service.is_down = False
    post.send(mail(), None, service, NOW)
    post.send_none(None, service)


def test_each_way_of_two_providers_has_a_time_and_failures_of_its_own_R094():
    slept: list[float] = []
    post = Post(slept.append)
    slow, down = Service(repeat(0.2)), Service(repeat(0))
    down.is_down = True
    with post_office() as (_, port):
        server = MailServer.parse(f"smtp://127.0.0.1:{port}")
        post.send(mail(), None, slow, NOW)
        post.send(mail(), server, None, NOW)
        with pytest.raises(EmailSignin, match="down"):
            post.send(mail(), None, down, NOW)
        for _ in range(3):
            post.send_none(None, slow)
        post.send_none(MailServer.parse(f"smtp://127.0.0.1:{port}"), None)
        with pytest.raises(EmailSignin):
            post.send_none(None, down)
    assert min(slept[:3]) >= 0.2 > slept[4]


def test_a_send_that_is_async_sends_nothing_and_says_so():
    async def send(mail: Mail) -> None:
        raise AssertionError("never run")

    with pytest.raises(EmailSignin, match="must not be async"):
        Post().send(mail(), None, send, NOW)
