"""A real SMTP server on loopback, what it received, and a visitor who looks into their mail."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import AuthResult

from tests.conftest import BROWSER, Browser, config, hello
from tests.processes import free_port
from wsgi_auth import AuthMiddleware

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FROM = "Example <no-reply@example.test>"


class Box:
    """What came: the messages, and how each was handed over."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.envelopes: list[Any] = []
        self.sessions: list[Any] = []
        self.logins: list[tuple[str, str]] = []
        self.refuses: set[str] = set()
        self.refusal = "550 no such mailbox"

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        if address in self.refuses:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        self.raw.append(envelope.content)
        self.envelopes.append(envelope)
        self.sessions.append(session)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        self.logins.append((user, password))
        return AuthResult(success=password == "p@ss/word", handled=False)


class _Implicit(Controller):
    """TLS from the first octet."""

    def factory(self) -> Protocol:
        return Protocol(self.handler, **self.SMTP_kwargs)


@contextmanager
def post_office(
    tls: ssl.SSLContext | None = None, implicit: bool = False, login: bool = False
) -> Iterator[tuple[Box, int]]:
    """A server that takes mail; ``tls``: with STARTTLS, or with TLS from the first octet."""
    box = Box()
    more: dict[str, Any] = {"hostname": "127.0.0.1", "port": free_port(), "server_hostname": "post"}
    if tls is not None:
        more["ssl_context" if implicit else "tls_context"] = tls
    if login:
        more |= {"authenticator": box.authenticate, "auth_require_tls": tls is not None}
        if implicit:
            more["auth_require_tls"] = False  # the server knows of STARTTLS only
    controller = _Implicit(box, **more) if implicit else Controller(box, **more)
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


def link_in(message: Any) -> str:
    """The link of a mail, as a path; the same in its text and its HTML."""
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    (url,) = re.findall(r"https?://\S+", text)
    assert re.findall(r'href="([^"]+)"', html) == [url.replace("&", "&amp;")]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def fields_of(link: str) -> dict[str, str]:
    """What is in the link."""
    return {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}


def provider(port: int = 0, **more: Any) -> dict[str, Any]:
    """The entry of the configuration."""
    where = {"server": f"smtp://127.0.0.1:{port}"} if port else {}
    return {"id": "email", "from": FROM, **where, **more}


def application(adapter: Any, entry: dict[str, Any], app: Any = hello, **more: Any) -> Any:
    """A protected application where one signs in by e-mail."""
    return AuthMiddleware(
        app, config(adapter=adapter, providers=[entry], **{"matcher": ["/members"], **more})
    )


class Visitor(Browser):
    """Somebody with a browser of their own."""

    def ask(self, email: str = "ada@example.test", expect: int = 303, **more: Any) -> Any:
        """Ask for a link, through the form."""
        form = {"email": email, "csrfToken": self.token(), "callbackUrl": "/members", **more}
        headers = {**BROWSER, "User-Agent": FIREFOX}
        return self.post("/auth/signin/email", form, headers=headers, status=expect)

    def follow(self, link: str, expect: int = 200) -> Any:
        """Open the link."""
        return self.get(link, headers=BROWSER, status=expect)

    def open_and_confirm(self, link: str) -> Any:
        """Open it and press the button."""
        return self.follow(link).form.submit(headers=BROWSER)

    def post_link(self, link: str, expect: int, **more: Any) -> Any:
        """Post what the link says without having seen its page."""
        form = {**fields_of(link), "csrfToken": self.token(), **more}
        return self.post("/auth/callback/email", form, headers=BROWSER, status=expect)

    @property
    def who(self) -> str:
        return self.get("/").text
