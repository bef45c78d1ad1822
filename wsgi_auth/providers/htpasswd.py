"""Passwords in a file: ``user:$2y$...`` lines as ``htpasswd -B`` writes them, and only those.

What lives here: reading such a file, and checking a name and a password against it in the same
time whether the name is known or not (R094, R096). What must not: counting attempts (``throttle``),
and any other scheme: MD5, SHA-1 and crypt can be tried at billions a second.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsgi_auth.errors import ConfigError
from wsgi_auth.providers.base import Choice, Field
from wsgi_auth.providers.credentials import PASSWORD, USERNAME
from wsgi_auth.types import Environ

#: Bytes of a password that bcrypt looks at; longer ones are refused, never cut (R096).
MAX_PASSWORD = 72
#: Characters of a name; Apache has 255 bytes.
MAX_NAME = 255


@dataclass(frozen=True)
class Htpasswd:
    """Sign-in by name and password from an htpasswd file (bcrypt lines).

    The user's ``id``, ``login`` and ``name`` are the name as the file writes it; there is no
    e-mail address in such a file.
    """

    file: str | os.PathLike[str]
    id: str = "htpasswd"
    name: str = "Password"
    type: str = "htpasswd"
    fields: tuple[Field, ...] = (USERNAME, PASSWORD)
    choices: tuple[Choice, ...] = ()
    vouches: bool = False
    limited: bool = True
    icon: str = ""
    _users: HtpasswdFile = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        users = HtpasswdFile(self.file, key=f"providers.{self.id}.file")
        object.__setattr__(self, "_users", users)

    @property
    def is_empty(self) -> bool:
        """Whether nobody was in the file when it was last read."""
        return self._users.is_empty

    def account(self, form: Mapping[str, str]) -> str:
        """The name that was typed."""
        return form.get(USERNAME.name, "")

    def authenticate(self, form: Mapping[str, str], environ: Environ) -> Mapping[str, Any] | None:
        """The user whose name and password these are, or None."""
        name = self._users.find(form.get(USERNAME.name, ""), form.get(PASSWORD.name, ""))
        return None if name is None else {"id": name, "login": name, "name": name}

    def basic_form(self, name: str, password: str) -> Mapping[str, str]:
        """The form that the credentials of an ``Authorization: Basic`` header amount to."""
        return {USERNAME.name: name, PASSWORD.name: password}


@dataclass(frozen=True, slots=True)
class _Content:
    """One reading of the file: which file it was, its users, and the highest cost among them."""

    signature: tuple[int, ...] | None
    users: Mapping[str, _User] = field(default_factory=dict)
    cost: int = 10


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    hash: bytes
    cost: int


class HtpasswdFile:
    """The users of one file, read again when it changes. Safe under threads and after a fork.

    Names are case-sensitive, as in Apache; composed and decomposed letters are the same (NFC). A
    change that cannot be read keeps the users that were, and is logged once; a file that is gone,
    or may not be read, refuses everybody.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: str = "htpasswd",
        logger: logging.Logger | None = None,
    ) -> None:
        try:
            import bcrypt
        except ImportError:
            raise ConfigError(key, "needs bcrypt: pip install wsgi_auth[htpasswd]") from None
        self._matches = bcrypt.checkpw
        self._path = Path(path)
        self._key = key
        self._logger = logger or logging.getLogger("wsgi_auth")
        self._broken: tuple[int, ...] | None = None
        try:
            self._content = self._read()
        except OSError as problem:
            raise ConfigError(key, f"{self._path} cannot be read: {problem.strerror}") from None

    @property
    def is_empty(self) -> bool:
        """Whether nobody was in the file when it was last read."""
        return not self._content.users

    def check(self, name: str, password: str) -> bool:
        """Whether ``password`` is that of ``name``, in a time that tells nothing about the name."""
        return self.find(name, password) is not None

    def find(self, name: str, password: str) -> str | None:
        """The name as the file writes it, if ``password`` is right; else None. Never raises for
        anything that a visitor can send."""
        content = self._current()
        user = content.users.get(_composed(name)) if len(name) <= MAX_NAME else None
        # What bcrypt would cut or stop at (72 bytes, NUL) is wrong; it costs as much as the rest.
        given = _password_bytes(password)
        right = self._checks(given or b"", user, content.cost)
        return user.name if user and right and given is not None else None

    def _checks(self, password: bytes, user: _User | None, cost: int) -> bool:
        """One check of the user's hash, filled up to the work of the highest cost in the file.

        bcrypt does 2**cost rounds, and 2**c + (2**c + 2**(c+1) + ... + 2**(cost-1)) = 2**cost: so
        a hash of a lower cost gets one blind check of each cost from its own up, and an unknown
        name one of the highest.
        """
        if user is None:
            self._matches(password, _blind(cost))
            return False
        right = self._matches(password, user.hash)
        for missing in range(user.cost, cost):
            self._matches(password, _blind(missing))
        return right

    def _current(self) -> _Content:
        """The users of now. Threads that see a change at once may each read it: the last wins,
        and a lock would be one more thing to be held during a fork."""
        content = self._content
        try:
            signature = _signature(self._path.stat())
            if signature in (content.signature, self._broken):
                return content
            fresh = self._read()
        except OSError as problem:
            if content.signature is not None:
                self._logger.error(
                    "%s: %s cannot be read any more (%s): nobody can sign in with it",
                    self._key, self._path, problem.strerror,
                )  # fmt: skip
            fresh = _Content(None, cost=content.cost)
        except ConfigError as problem:
            self._broken = signature
            self._logger.error("%s; the users that were there before stay", problem)
            return content
        self._broken = None
        self._content = fresh
        return fresh

    def _read(self) -> _Content:
        with self._path.open("rb") as file:
            # of the file that is read, and from before: a change meanwhile shows the next time
            signature = _signature(os.fstat(file.fileno()))
            data = file.read()
        try:
            lines = data.decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as problem:
            number = data.count(b"\n", 0, problem.start) + 1
            raise self._wrong(number, "is not UTF-8") from None
        users: dict[str, _User] = {}
        for number, line in enumerate(lines, 1):
            line = line.strip(" \t\r")
            if line and not line.startswith("#"):
                user = self._user(number, line)
                if _composed(user.name) in users:
                    raise self._wrong(number, f"has {user.name} for the second time")
                users[_composed(user.name)] = user
        return _Content(signature, users, max((user.cost for user in users.values()), default=10))

    def _user(self, number: int, line: str) -> _User:
        name, colon, scheme = line.partition(":")
        if not colon or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise self._wrong(number, "is not of the form name:hash")
        found = _BCRYPT.fullmatch(scheme)
        if not found:
            raise self._wrong(
                number,
                f"holds no bcrypt hash; make one with: htpasswd -B {self._path} {name}",
            )
        cost = int(found[1])
        if not _LOWEST_COST <= cost <= _HIGHEST_COST:
            raise self._wrong(
                number,
                f"has a bcrypt cost of {cost}, which must be {_LOWEST_COST} to {_HIGHEST_COST}; "
                f"make another with: htpasswd -B -C 12 {self._path} {name}",
            )
        return _User(name, scheme.encode("ascii"), cost)

    def _wrong(self, number: int, problem: str) -> ConfigError:
        return ConfigError(self._key, f"{self._path}, line {number}: {problem}")


# 22 characters of salt and 31 of hash, of which the last of the salt carries only two bits.
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_LOWEST_COST, _HIGHEST_COST = 4, 17  # what htpasswd -C takes


def _blind(cost: int) -> bytes:
    """A hash of this cost that is nobody's: only the time it takes is wanted."""
    return b"$2b$%02d$" % cost + b"." * 53


def _password_bytes(password: str) -> bytes | None:
    try:
        data = password.encode()
    except UnicodeEncodeError:
        return None
    return data if len(data) <= MAX_PASSWORD and b"\0" not in data else None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _signature(stat: os.stat_result) -> tuple[int, ...]:
    # ctime as well: a copy that keeps the old mtime and size is a change too
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
