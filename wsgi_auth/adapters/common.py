"""What several adapters have in common: options in a URL, and what of an address is unique."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from wsgi_auth.errors import ConfigError
from wsgi_auth.records import UserRecord


class Options(NamedTuple):
    """What the query of a store's URL may say, whatever the store. Times are seconds.

    ``timeout``: of one answer, and of waiting for a connection that nobody uses;
    ``pool_size``: connections at most, in each process; ``url``: without these.
    """

    url: str
    timeout: float
    connect_timeout: float
    pool_size: int
    rest: dict[str, str]

    @classmethod
    def of(cls, url: str) -> Options:
        """Raises :class:`ConfigError` for what is no number, without showing the URL's password."""
        base, _, query = url.partition("?")
        try:
            parts = urlsplit(base)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise ConfigError(
                "adapter", "is not a URL: a password in it must be %-encoded"
            ) from None
        try:
            # as sockets do, for each request; a socket's path (%2Frun%2F...) is no host
            host.encode("idna" if "%" not in host else "utf-8")
        except UnicodeError:
            raise ConfigError("adapter", f"{host!a} in its URL can be no host") from None
        rest = dict(parse_qsl(query, keep_blank_values=True))
        timeout = _number("timeout", rest.pop("timeout", "1"), 0.05, 60)
        connect = _number("connect_timeout", rest.pop("connect_timeout", "1"), 0.05, 60)
        size = _number("pool_size", rest.pop("pool_size", "16"), 1, 10_000)
        return cls(_with(base, rest), timeout, connect, int(size), rest)

    def without(self, *names: str) -> Options:
        """These without the options of such names."""
        rest = {name: value for name, value in self.rest.items() if name not in names}
        return self._replace(url=_with(self.url.partition("?")[0], rest), rest=rest)


def _with(base: str, query: dict[str, str]) -> str:
    return f"{base}?{urlencode(query)}" if query else base


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise ConfigError("adapter", f"{name} in its URL must be a number, {least:g} to {most:g}")
    return value


def email_key(user: UserRecord) -> str | None:
    """What of a user's address is unique: all of it, without case, once somebody proved it."""
    return user.email.lower() if user.email and user.email_verified is not None else None


def missing_driver(what: str, package: str, extra: str) -> ConfigError:
    """The error for a URL whose driver is not installed."""
    return ConfigError("adapter", f"{what} needs {package}: pip install 'wsgi_auth[{extra}]'")
