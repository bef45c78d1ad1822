"""Sign-in by a link that is mailed (Auth.js: Email, Nodemailer, Resend, ...)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wsgi_auth.errors import ConfigError
from wsgi_auth.mailing import MailServer
from wsgi_auth.mailing import sender as checked_sender

#: Seconds (R091); links in mails live longer than people think.
MAX_AGE = 600
LONGEST_AGE = 86_400


@dataclass(frozen=True)
class Email:
    """Sign-in by a link in a mail that works once, within ``max_age`` seconds.

    ``server`` is the URL of an SMTP server (:meth:`~wsgi_auth.mailing.MailServer.parse`), or
    ``send(mail)`` hands a :class:`~wsgi_auth.mailing.Mail` to any other service and raises where
    it was not taken. ``sender`` is the address that mails come from (``from`` in a configuration).
    Needs the options ``adapter`` and ``url``.
    """

    server: str = field(default="", repr=False)
    sender: str = ""
    send: Callable[..., Any] | None = None
    max_age: int = MAX_AGE
    id: str = "email"
    name: str = "E-mail"
    icon: str = ""
    type: str = field(default="email", init=False)
    #: Whoever follows the link has the address.
    vouches: bool = field(default=True, init=False)
    #: Anybody has an address.
    open_to_world: bool = field(default=True, init=False)
    mail_server: MailServer | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        key = f"providers.{self.id}"
        if bool(self.server) == (self.send is not None):
            raise ConfigError(
                f"{key}.server",
                "is needed (smtps://user:password@mail.example.com), or in its place send, a "
                "callable that takes the mail; one of the two",
            )
        if checked_sender(self.sender) is None:
            raise ConfigError(
                f"{key}.from",
                f"must be the address that mails come from, such as 'no-reply@example.com' or "
                f"'Example <no-reply@example.com>', not {self.sender!r}",
            )
        if not 60 <= self.max_age <= LONGEST_AGE:
            raise ConfigError(f"{key}.max_age", "must be 60 seconds to 24 hours")
        if self.server:
            try:
                object.__setattr__(self, "mail_server", MailServer.parse(self.server))
            except ValueError as error:
                raise ConfigError(f"{key}.server", str(error)) from None
