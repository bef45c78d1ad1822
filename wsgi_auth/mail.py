"""Sending mail: by SMTP, or by the application's own ``send``.

What lives here: the only use of :mod:`smtplib`. What must not: what a message says (``pages``) and
who gets one (``actions``).
"""

from __future__ import annotations

import io
import smtplib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime
from typing import Any

from wsgi_auth.errors import EmailSignin, RecipientRefused
from wsgi_auth.mailing import Mail, MailServer, sender
from wsgi_auth.sockets import connected
from wsgi_auth.tokens import random_id

#: How many deliveries are remembered.
_REMEMBERED = 32
#: What a server says to an address where it takes no mail at all: it is going down, or wants a
#: password (RFC 5321 section 3.8, RFC 4954 section 6).
_FOR_ALL = frozenset({421, 530})


class Post:
    """Sends the mails of one middleware, and takes as long where there is none to send."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._ways: dict[object, _Way] = {}

    def send(self, mail: Mail, server: MailServer | None, send: Any, now: float) -> None:
        """Hand the message over to ``send`` or to the server.

        Raises :class:`EmailSignin` if it was not taken, with the reason but without the link;
        :class:`RecipientRefused` if it was for this address alone.
        """
        with self._way(server, send).remembered():
            try:
                if server is None:
                    _call(send, mail)
                else:
                    deliver(server, written(mail, now), mail)
            except smtplib.SMTPRecipientsRefused as refused:
                said = f"the mail server refused it: {refused}"
                codes = {code for code, _ in refused.recipients.values()}
                raise (EmailSignin if codes & _FOR_ALL else RecipientRefused)(said) from None
            except Exception as error:
                token = mail.url.partition("token=")[2].partition("&")[0]
                said = f"{type(error).__name__}: {error}".replace(token or mail.url, "...")
                kind = RecipientRefused if isinstance(error, RecipientRefused) else EmailSignin
                raise kind(f"the mail was not taken: {said[:300]!a}") from None

    def send_none(self, server: MailServer | None, send: Any) -> None:
        """Do nothing for as long as a recent delivery by the same way took, and fail if the last
        one did: whoever asked cannot tell by the clock whether there was a mail (R094)."""
        way = self._way(server, send)
        failed = way.failed
        way.past.rotate()
        self._sleep(way.past[0] if failed is None else failed)
        if failed is not None:
            raise EmailSignin("nothing was to be sent, and the last mail could not be")

    def _way(self, server: MailServer | None, send: Any) -> _Way:
        return self._ways.setdefault(server or id(send), _Way())


class _Way:
    """What is remembered of one way by which mail goes: two providers may have one each."""

    def __init__(self) -> None:
        # how many seconds each took; until something was sent, a guess
        self.past: deque[float] = deque([0.3], _REMEMBERED)
        #: Of the last one, if it failed.
        self.failed: float | None = None

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """The block is a delivery."""
        began = time.monotonic()
        failed = True
        try:
            yield
            failed = False
        except RecipientRefused:
            failed = False
            raise
        finally:
            seconds = time.monotonic() - began
            self.failed = seconds if failed else None
            if not failed:
                self.past.append(seconds)


def _call(send: Callable[..., Any], mail: Mail) -> None:
    answer = send(mail)
    if hasattr(answer, "__await__"):
        if hasattr(answer, "close"):
            answer.close()
        raise TypeError("send must not be async")


def written(mail: Mail, now: float) -> EmailMessage:
    """The message as text and HTML. Its headers refuse a line break (``ValueError``)."""
    message = EmailMessage(POLICY)
    name, from_address = _from(mail)
    message["From"] = Address(name, addr_spec=from_address)
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{random_id()}@{from_address.rpartition('@')[2]}>"
    # no holiday answers, please (RFC 3834 section 5)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


def deliver(server: MailServer, message: EmailMessage, mail: Mail) -> None:
    """One delivery by SMTP (RFC 5321), within ``server.timeout`` seconds.

    Certificates are always checked. Raises ``OSError`` or ``SMTPException``; also where STARTTLS
    (RFC 3207) is demanded and not offered: nothing was said in the clear then, no password either.
    """
    deadline = time.monotonic() + server.timeout
    here = _greeting(mail.host)
    if server.tls == "implicit":
        session: smtplib.SMTP = _ImplicitSession(server, deadline, here)
    else:
        session = _Session(server, deadline, here)
    try:
        if server.tls == "starttls":
            session.starttls(context=ssl.create_default_context())
        if server.user:
            session.login(server.user, server.password)
        session.send_message(message, _from(mail)[1], [mail.to])
        with suppress(OSError, smtplib.SMTPException):
            session.quit()  # the mail is on its way, whatever is said to this
    finally:
        session.close()


def _from(mail: Mail) -> tuple[str, str]:
    parsed = sender(mail.sender)
    if parsed is None:
        raise ValueError("the sender of the mail is no address")
    return parsed


class _Session(smtplib.SMTP):
    """Every answer has to come before one deadline: a server that is slow at each step is slow."""

    def __init__(self, server: MailServer, deadline: float, here: str) -> None:
        self._deadline = deadline
        super().__init__(server.host, server.port, local_hostname=here, timeout=self._left())

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server took too long")
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to one of the host's addresses; each gets its share of the time."""
        connection = connected(host, port, lambda addresses: self._left() / addresses)
        try:
            connection.settimeout(self._left())  # all that is left is for what follows
        except TimeoutError:
            connection.close()
            raise
        return connection

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Timed(self.sock, self._left))
        return super().getreply()


class _Timed(io.RawIOBase):
    """What comes from a socket, as long as there is time left: for one octet and for a million."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)


class _ImplicitSession(_Session):
    """From ``smtps://``: TLS from the first octet (RFC 8314 section 3.3)."""

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        plain = super()._get_socket(host, port, timeout)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _greeting(host: str) -> str:
    """What we call ourselves (RFC 5321 section 4.1.4); asking the name service takes seconds."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.startswith("["):
        return f"[IPv6:{name[1:-1]}]"
    return f"[{name}]" if name.replace(".", "").isdigit() else name


__all__ = ["Post"]
