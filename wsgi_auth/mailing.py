"""E-mail as values: an address as it is compared, the server that takes mail, one message.

What lives here: how these are spelt, and what is refused. What must not: sending (``mail``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from wsgi_auth.errors import ConfigError
from wsgi_auth.urls import host_name, is_loopback_host

#: Most characters of an address, and of what stands before its @ (RFC 5321 section 4.5.3.1).
LONGEST, LONGEST_LOCAL = 254, 64
#: Most characters of the input that are looked at.
_MOST = 1_024
# What HTML calls a valid e-mail address, but without dots where RFC 5321 has none. No quotes, no
# commas, no comments: of two readings of an address the wrong one would get the link (R092). Nor
# what begins an encoded word (RFC 2047): whoever reads the header To would decode it.
_LOCAL = re.compile(r"(?!.*=\?)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def address(text: object) -> str | None:
    """The address in the one spelling that is compared and written to, or None for what is none.

    NFKC first, then lower case, blanks around it dropped; ASCII (an international domain in its
    ``xn--`` form, which browsers send); one ``@``, 254 characters; no display name, no list, no
    control character (R092).
    """
    if not isinstance(text, str) or len(text) > _MOST:
        return None
    if any(unicodedata.category(each)[0] == "C" for each in text):
        return None
    folded = unicodedata.normalize("NFKC", text).strip(" ").lower()
    local, _, domain = folded.partition("@")
    if len(folded) > LONGEST or len(local) > LONGEST_LOCAL:
        return None
    if _LOCAL.fullmatch(local) is None or _DOMAIN.fullmatch(domain) is None:
        return None
    if domain.rpartition(".")[2].isdigit():  # an IP address is written otherwise
        return None
    return folded


def sender(text: object) -> tuple[str, str] | None:
    """The name and the address of ``no-reply@example.com`` or ``Example <no-reply@example.com>``;
    None for anything else."""
    if not isinstance(text, str) or not text.isprintable():
        return None
    name, bracket, rest = text.strip().partition("<")
    if not bracket:
        name, rest = "", f"{name}>"
    name = name.strip().removeprefix('"').removesuffix('"')
    written = rest[:-1]
    if rest[-1:] != ">" or any(each in name for each in '"\\<>'):
        return None
    if not written.isascii() or address(written) != written.lower():
        return None
    return name, written


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes mail by SMTP. ``tls``: from the first octet (``smtps``), ``starttls``
    before anything is said, or ``off``."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)
    #: Seconds for the whole of a delivery.
    timeout: float = 10.0

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """From ``smtps://user:password@host:465`` or ``smtp://user:password@host:587``.

        Over ``smtp`` STARTTLS is demanded, but on this very machine or with ``?tls=off``.
        ``?timeout=`` is in seconds. ``ValueError`` says what is wrong, and never a password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
                           if parts.query else ())  # fmt: skip
        except ValueError:
            raise ValueError("is no URL such as smtps://user:password@mail.example.com") from None
        if parts.scheme not in ("smtp", "smtps") or not host:
            raise ValueError("must be smtp://host:587 or smtps://host:465, with user:password@")
        if parts.path.strip("/") or parts.fragment or not url.isprintable() or " " in url:
            raise ValueError(
                "has something behind the host; write what is special in a name or a password as "
                "%2F, %3F, %23, %40"
            )
        tls = "implicit" if parts.scheme == "smtps" else options.pop("tls", "")
        if tls == "":
            tls = "off" if is_loopback_host(host) else "starttls"
        if tls not in ("implicit", "starttls", "off"):
            raise ValueError("tls must be 'starttls' or 'off'")
        seconds = options.pop("timeout", "10")
        if not re.fullmatch(r"[1-9][0-9]?", seconds, re.ASCII):
            raise ValueError("timeout must be 1 to 99 seconds")
        if options:
            raise ValueError(f"there is no {sorted(options)[0]!r}; it may have tls and timeout")
        default = 465 if tls == "implicit" else 25 if is_loopback_host(host) else 587
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():
            raise ValueError("has a name or a password beyond ASCII, which smtplib does not send")
        if password and not user:
            raise ValueError("has a password without a name: smtps://user:password@host")
        return cls(host, port or default, tls, user, password, float(seconds))


@dataclass(frozen=True, slots=True)
class Mail:
    """One message with a sign-in link, as a ``send`` callable gets it. ``expires``: seconds since
    the epoch; ``url`` is the link, which is a secret until then."""

    to: str
    sender: str
    subject: str
    host: str
    expires: int
    url: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


__all__ = ["Mail", "MailServer", "address", "sender"]


# --- lists of who may sign in ---------------------------------------------------------------------


def allowed_addresses(key: str, given: Iterable[str]) -> frozenset[str]:
    """As they are compared. What could be nobody's would silently let nobody in."""
    found = {entry.strip().lower() for entry in given}
    for entry in found - {"*"}:
        local, _, domain = entry.partition("@")
        if not re.fullmatch(r"[^\s<>*]+", local) or not _domain(domain):
            raise ConfigError(
                key,
                f"{entry!r} is no address such as 'ada@example.com'{_abroad(domain)}; all of a "
                "domain are let in by allow_domains",
            )
        found.add(f"{local}@{_domain(domain)}")
    return frozenset(found)


def allowed_domains(key: str, given: Iterable[str]) -> frozenset[str]:
    """As they are compared; an international one also in the form that addresses have."""
    found = {entry.strip().lower().lstrip("@") for entry in given}
    for entry in tuple(found):
        if not _domain(entry):
            raise ConfigError(
                key,
                f"{entry!r} is no domain such as 'example.com'{_abroad(entry)}; each is named "
                "whole, a subdomain too",
            )
        found.add(_domain(entry))
    return frozenset(found)


def _domain(text: str) -> str:
    """A domain in ASCII (``xn--``); "" for none."""
    try:
        written = host_name(text)
    except ValueError:
        return ""
    return "" if written[-1] in ".]" else written


def _abroad(domain: str) -> str:
    """A hint for those that are written in two ways: straße.de is not strasse.de everywhere."""
    return "" if domain.isascii() else " (try its xn-- form)"
