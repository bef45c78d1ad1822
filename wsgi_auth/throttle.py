"""Limits on attempts at sign-in: per account, and per address of the client.

What lives here: counting (fixed windows that begin with the first attempt), in this process or in
a Redis that several processes share. What must not: anything about passwords. An attempt is counted
*before* the password is checked, so that parallel guesses cannot all pass the test, and given back
when it proves right (R095).

The ``limits`` library speaks to Redis. Its memory storage is not used: it never forgets a key
before its time however many there are (R100), reads its counter back outside the lock, so that
parallel attempts see each other's, and starts a thread for every sweep.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import re
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from wsgi_auth.addresses import address_in, client_address, forwarded
from wsgi_auth.errors import ConfigError, StoreUnavailable, TooManyAttempts
from wsgi_auth.types import Environ

ACCOUNT = "10 per 15 minutes"
ADDRESS = "50 per 15 minutes"

#: A peer that seems to be a proxy nobody configured may use this many addresses' attempts.
_PROXY_FACTOR = 10
#: How many times as many tokens may be asked about and be no good as attempts at sign-in may be:
#: programs bring those that are over, and get a new one then.
_QUESTIONS_FACTOR = 20


class Throttle:
    """Counts attempts at sign-in; one for each middleware.

    ``account`` and ``address`` are rates, ``"10 per 15 minutes"``, ``"10/15 minutes"`` or
    ``"10/15m"``; ``"off"`` counts nothing. ``storage`` is ``"memory://"`` (this process only; a
    fork goes on from a copy) or a Redis URL. ``trusted_proxies``: how many proxies of ours have
    added to ``X-Forwarded-For`` (R064). ``key``, of 64 octets at most, is the application's own:
    with another, a Redis that two of them use holds other counters.
    """

    def __init__(
        self,
        account: str = ACCOUNT,
        address: str = ADDRESS,
        storage: str = "memory://",
        trusted_proxies: int = 0,
        *,
        key: bytes = b"",
        logger: logging.Logger | None = None,
    ) -> None:
        self._account = Rate.parse(account, "limits.account")
        self._address = Rate.parse(address, "limits.address")
        self._counters = _counters(storage)
        self._key = key
        if isinstance(trusted_proxies, bool) or not isinstance(trusted_proxies, int):
            raise ConfigError("trusted_proxies", "must be a number of proxies, e.g. 1")
        if trusted_proxies < 0:
            raise ConfigError("trusted_proxies", "must be 0 (no proxy) or more")
        self._trusted_proxies = trusted_proxies
        self._logger = logger or logging.getLogger("wsgi_auth")
        self._warned = False

    def attempt(self, account: str, environ: Environ) -> Attempt:
        """Counts one attempt at ``account``; call it before anything looks at the password.

        Raises TooManyAttempts (then nothing was counted) or StoreUnavailable (fail closed). An
        empty ``account`` (no name is known yet) counts for the address only.
        """
        return self._counted(self._keys(account, environ))

    def question(self, environ: Environ) -> Attempt:
        """Counts one access token that a provider has to be asked about, by the address alone and
        by itself: a program whose token is over, again and again, must keep nobody behind its
        address from signing in. Raises as :meth:`attempt` does."""
        return self._counted(self._of_client(environ, "token ", _QUESTIONS_FACTOR))

    def _counted(self, keys: Iterable[tuple[str, Rate]]) -> Attempt:
        counted: list[tuple[str, Rate]] = []
        for key, rate in keys:
            retry_after = self._counters.take(key, rate)
            if retry_after is not None:
                Attempt(self._counters, counted, self._logger).succeeded()
                raise TooManyAttempts(retry_after)
            counted.append((key, rate))
        return Attempt(self._counters, counted, self._logger)

    def _keys(self, account: str, environ: Environ) -> Iterable[tuple[str, Rate]]:
        # Addresses first: who is over that limit must not use up other people's accounts.
        yield from self._of_client(environ)
        if self._account and account:
            yield self._name("account", _same_name(account)), self._account

    def _of_client(
        self, environ: Environ, what: str = "", factor: int = 1
    ) -> Iterable[tuple[str, Rate]]:
        if self._address:
            rate = self._address.times(factor)
            client = client_address(environ, self._trusted_proxies)
            behind = "" if self._trusted_proxies else _forgotten_proxy(environ, client)
            if self._trusted_proxies and forwarded(environ, self._trusted_proxies) is None:
                self._warn(_UNTOLD, client, self._trusted_proxies)
            if behind:
                self._warn(_FORGOTTEN, client)
                yield self._name(f"{what}peer", _network(client)), rate.times(_PROXY_FACTOR)
            yield self._name(f"{what}address", _network(behind or client)), rate

    def _name(self, kind: str, subject: str) -> str:
        """A short name of a counter without the subject in it, nor a guess at it that somebody
        could verify without the key: a store of limits is no list of users."""
        said = subject.encode("utf-8", "replace")
        digest = blake2b(said, digest_size=16, key=self._key, person=b"wsgi_auth")
        return f"{kind}:{digest.hexdigest()}"

    def _warn(self, message: str, peer: str, *more: object) -> None:
        if not self._warned:
            self._warned = True
            self._logger.warning(message, peer or "a local socket", *more)


_FORGOTTEN = (
    "sign-in attempts come from %s with X-Forwarded-For, and trusted_proxies is 0: if that is your "
    "proxy, set trusted_proxies = 1 (the number of proxies in front of the application); until "
    "then the address it reports is used for the limit"
)
_UNTOLD = (
    "a sign-in attempt came from %s without the client's address in X-Forwarded-For, and "
    "trusted_proxies is %d: all that come so share one limit, and one of them can use it up for "
    "all; every proxy has to add to the header, and the server to leave it as it is (waitress: "
    "clear_untrusted_proxy_headers=False)"
)


class Attempt:
    """One counted attempt. Left alone it stays counted."""

    __slots__ = ("_counted", "_counters", "_logger")

    def __init__(
        self, counters: _Counters, counted: list[tuple[str, Rate]], logger: logging.Logger
    ) -> None:
        self._counters = counters
        self._counted = counted
        self._logger = logger

    def succeeded(self) -> None:
        """Gives this attempt back: it was no guess. Resets nobody's counter, not even its own.

        Once, however often it is called. Never raises: if the store is gone by now the attempt
        stays counted, and who proved who they are is let in.
        """
        counted, self._counted = self._counted, []
        for key, rate in counted:
            try:
                self._counters.give_back(key, rate)
            except StoreUnavailable:
                self._logger.warning("the store of limits is down; an attempt stays counted")
                return


# --- rates ----------------------------------------------------------------------------------

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# The words of the limits library, with its lengths of a month and a year.
_WORDS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "month": 2_592_000,
    "year": 31_104_000,
}
_UNITS = {**_SECONDS, **_WORDS, **{f"{word}s": seconds for word, seconds in _WORDS.items()}}
_RATE = re.compile(r"\s*([0-9]{1,9})\s*(?:/|per\b)\s*([0-9]{1,9})?\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rate:
    """``amount`` attempts in ``seconds``."""

    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str, key: str) -> Rate | None:
        """The rate that ``text`` writes, None for ``"off"``; ConfigError (``key``) for the rest.

        The notation of the limits library for one rate, and ``10/15m`` beside it.
        """
        if isinstance(text, str):
            if text.strip().lower() == "off":
                return None
            found = _RATE.fullmatch(text)
            if found and found[3].lower() in _UNITS:
                amount = int(found[1])
                seconds = int(found[2] or 1) * _UNITS[found[3].lower()]
                if amount and seconds:
                    return cls(amount, seconds)
        raise ConfigError(
            key,
            'must be a rate such as "10 per 15 minutes" or "10/15m", at least 1, or "off", not '
            f"{text!r}"[:120],
        )

    def times(self, factor: int) -> Rate:
        """``factor`` times as many attempts in the same time."""
        return Rate(self.amount * factor, self.seconds)


# --- whose attempt it is --------------------------------------------------------------------


def _forgotten_proxy(environ: Environ, peer: str) -> str:
    """What a proxy that nobody told us of says of its client; "" if there is no sign of one.

    A peer on this machine or a private network that sends ``X-Forwarded-For`` is most likely a
    proxy, and all its clients would share one limit: one attacker would lock everybody out.
    """
    address = address_in(peer)
    if address is not None and address.is_global:
        return ""
    said = forwarded(environ, 1)
    return str(said) if said else ""


#: 64:ff9b::/96, where a translator puts IPv4 (RFC 6052 section 2.1).
_TRANSLATED = 0x0064FF9B << 64


def _network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has."""
    parsed = address_in(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if int(parsed) >> 32 == _TRANSLATED:
            return str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
        return str(int(parsed) >> 64)
    return address


def _same_name(name: str) -> str:
    """One spelling for all that an application or its database may take for the same account.

    NFKC and casefold (R095), and beyond: databases also compare without accents, blanks and
    invisible characters, so a guesser who varies them must not get a new counter each time. Two
    people whose names differ in nothing else share a counter, and that is all they share.
    """
    folded = unicodedata.normalize("NFKC", name[:1024]).casefold()
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", folded)
        if unicodedata.category(character) not in _IGNORED
    )


_IGNORED = frozenset(("Mn", "Me", "Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"))


# --- counters -------------------------------------------------------------------------------


class _Counters(Protocol):
    def take(self, key: str, rate: Rate) -> int | None:
        """Counts one; or, with ``rate`` used up, counts nothing: the seconds until its window
        ends (at least 1)."""
        ...

    def give_back(self, key: str, rate: Rate) -> None:
        """Takes one back from the window that is running, never below nothing."""
        ...


def _counters(storage: str) -> _Counters:
    if not isinstance(storage, str):
        raise ConfigError("limits.storage", 'must be "memory://" or the URL of a Redis')
    if storage in ("memory://", "memory:", "memory"):
        return MemoryCounters()
    if storage.startswith(("redis://", "rediss://", "redis+unix://")):
        return _RedisCounters(storage)
    raise ConfigError("limits.storage", 'must be "memory://" or a URL such as redis://host:6379/0')


class _Window(NamedTuple):
    ends: float
    used: int


class MemoryCounters:
    """Counters of this process, at most ``capacity`` of a kind (R100): a fixed amount of memory.

    Full of windows that still run, it forgets the oldest. Who wants that to happen needs
    ``capacity`` attempts at other accounts for each ten at one.
    """

    def __init__(self, capacity: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        # By kind, so that a flood of addresses pushes no account out. All windows of a kind are
        # equally long, so the order of insertion is the order in which they end.
        self._kinds: dict[str, OrderedDict[str, _Window]] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def take(self, key: str, rate: Rate) -> int | None:
        now = self._clock()
        with self._locked():
            windows = self._kinds.setdefault(key.partition(":")[0], OrderedDict())
            window = windows.get(key)
            if window is None or window.ends <= now:
                windows.pop(key, None)
                self._make_room(windows, now)
                windows[key] = _Window(now + rate.seconds, 1)
                return None
            if window.used >= rate.amount:
                return max(1, math.ceil(window.ends - now))
            windows[key] = _Window(window.ends, window.used + 1)
            return None

    def give_back(self, key: str, rate: Rate) -> None:
        with self._locked():
            windows = self._kinds.get(key.partition(":")[0], OrderedDict())
            window = windows.get(key)
            if window is None or window.ends <= self._clock():
                return
            if window.used > 1:
                windows[key] = _Window(window.ends, window.used - 1)
            else:
                del windows[key]

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def _make_room(self, windows: OrderedDict[str, _Window], now: float) -> None:
        while windows:
            oldest = next(iter(windows))
            if windows[oldest].ends > now and len(windows) < self._capacity:
                return
            del windows[oldest]

    def _locked(self) -> threading.Lock:
        """The lock; a new one after a fork, where its holder may not exist any more."""
        if self._process != os.getpid():
            self._lock = threading.Lock()
            self._process = os.getpid()
        return self._lock


#: Seconds that a connection to Redis, and an answer of it, may take (R036).
_TIMEOUT = 1


class _RedisCounters:
    """Counters in a Redis, for several processes; every fault of it is a StoreUnavailable."""

    def __init__(self, url: str) -> None:
        try:
            # imported here: costs a fifth of a second, and most have one process
            from limits.errors import ConfigurationError
            from limits.storage import storage_from_string
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigError(
                "limits.storage", "needs the redis library: pip install wsgi_auth[redis]"
            ) from None
        options: dict[str, Any] = {
            "key_prefix": "wsgi_auth",
            "socket_connect_timeout": _TIMEOUT,
            "socket_timeout": _TIMEOUT,
            "retry": Retry(NoBackoff(), 1),
        }
        try:
            self._storage: Any = storage_from_string(url, **options)
        except (ConfigurationError, ValueError, TypeError) as problem:
            # the URL stays out of the message: it may hold a password
            raise ConfigError(
                "limits.storage",
                f"is no URL of a Redis that can be used ({type(problem).__name__}); "
                "expected e.g. redis://host:6379/0",
            ) from None
        self._faults: tuple[type[Exception], ...] = (
            OSError,
            UnicodeError,
            *_as_tuple(self._storage),
        )

    def take(self, key: str, rate: Rate) -> int | None:
        try:
            # INCRBY is atomic and each caller gets its own count back: the first ``amount`` pass.
            if self._storage.incr(key, rate.seconds) <= rate.amount:
                return None
            self._storage.incr(key, rate.seconds, -1)
            ends: float = self._storage.get_expiry(key)
            return max(1, math.ceil(ends - time.time()))
        except self._faults as fault:
            raise _unavailable(fault) from fault

    def give_back(self, key: str, rate: Rate) -> None:
        try:
            # A window that ended meanwhile begins again at -1, with its own end: one attempt
            # more, for somebody who has just proved who they are.
            self._storage.incr(key, rate.seconds, -1)
        except self._faults as fault:
            raise _unavailable(fault) from fault


def _as_tuple(storage: Any) -> tuple[type[Exception], ...]:
    base = storage.base_exceptions
    return base if isinstance(base, tuple) else (base,)


def _unavailable(fault: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the store of limits cannot be asked: {fault}")
