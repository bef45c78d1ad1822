"""Cookies as text: finding one's own in a header, cutting long values, writing Set-Cookie.

What lives here: the format. What must not: what a value means (``tokens``), and which cookie is
called what (``config``). Nothing here uses ``http.cookies`` or WebOb, whose parsers lose cookies
behind a broken neighbour or take quadratic time on hostile input (R006, R007).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal

from wsgi_auth.frozen import Frozen

#: Most octets of name and value in one Set-Cookie. Browsers take 4,096 (RFC 6265bis section 5.6).
MAX_COOKIE = 4_000
#: Most characters of a header that are searched. Servers cut far below it.
MAX_HEADER = 131_072
#: Most chunks one value is cut into.
MAX_CHUNKS = 24
#: Characters of a value in one cookie of Auth.js v5 (its 4,096 less 160 for name and attributes).
AUTHJS_SLICE = 3_936

# Our own values never hold a separator, so a value ends at the first one. A comma separates too:
# servers join repeated Cookie headers with it (HTTP/2 sends them split). Some clients put a value
# into quotes, which are no part of it (RFC 6265 section 4.1.1).
ENDS = ';, \t"'
BEFORE = frozenset("; ,\t")
_NUMBER = re.compile(r"(0|[1-9][0-9]?)=")

SameSite = Literal["Lax", "Strict", "None"]


def find(header: str, name: str) -> list[tuple[int, str]]:
    """The cookies of a header called exactly ``name``, as ``(-1, value)``, and the chunks called
    ``name.0``, ``name.1``, ..., as ``(0, value)``, ``(1, value)``, in the header's order.

    Linear in the header; never raises. A name that merely ends in ``name``, or differs in case,
    is another cookie.
    """
    found: list[tuple[int, str]] = []
    size, length = len(header), len(name)
    if size > MAX_HEADER:
        return found
    nearest = dict.fromkeys(ENDS, -1)  # each only moves on, so all of them together are linear
    at = header.find(name)
    while at >= 0:
        start = at + length
        if at == 0 or header[at - 1] in BEFORE:
            follows = header[start : start + 1]
            number = -1
            if follows == ".":
                digits = _NUMBER.match(header, start + 1)
                if digits is not None:
                    follows, number, start = "=", int(digits[1]), digits.end() - 1
            if follows == "=":
                start += 2 if header[start + 1 : start + 2] == '"' else 1
                end = size
                for separator, known in nearest.items():
                    if known < start:
                        known = header.find(separator, start)
                        nearest[separator] = known = size if known < 0 else known
                    if known < end:
                        end = known
                found.append((number, header[start:end]))
                start = end
        at = header.find(name, start)
    return found


def is_named(cookie: str, name: str) -> bool:
    """Whether a Set-Cookie value is of the cookie ``name``, or of a chunk of it."""
    if not cookie.startswith(name):
        return False
    follows = cookie[len(name) :]
    return follows[:1] == "=" or (follows[:1] == "." and _NUMBER.match(follows, 1) is not None)


def values(header: str, name: str) -> list[str]:
    """Every value that a Cookie header gives for exactly ``name``, in the header's order."""
    return [value for number, value in find(header, name) if number < 0]


def join(found: Iterable[tuple[int, str]]) -> list[str]:
    """The values that the chunks of a header may stand for (at most two), most likely first.

    Complete sets only. Of a chunk sent twice the first of each is joined, then the last of each.
    """
    chunks: dict[int, list[str]] = {}
    for number, value in found:
        chunks.setdefault(number, []).append(value)
    joined: list[str] = []
    for pick in (0, -1):
        count, separator, first = chunks.get(0, [""])[pick].partition("~")
        if not separator or not count.isascii() or not count.isdigit() or len(count) > 2:
            continue
        try:
            rest = [chunks[number][pick] for number in range(1, int(count))]
        except KeyError:
            continue
        value = "".join((first, *rest))
        if value not in joined:
            joined.append(value)
    return joined


def join_slices(found: Iterable[tuple[int, str]]) -> list[str]:
    """:func:`join` for chunks as Auth.js cuts them: nothing says how many there are, but all but
    the last are equally long, so that one left over from a longer value is seen to be none."""
    chunks: dict[int, list[str]] = {}
    for number, value in found:
        chunks.setdefault(number, []).append(value)
    joined: list[str] = []
    for pick in (0, -1):
        pieces: list[str] = []
        while len(pieces) in chunks and len(pieces) < MAX_CHUNKS:
            pieces.append(chunks[len(pieces)][pick])
            if len(pieces[-1]) != len(pieces[0]):
                break
        value = "".join(pieces)
        if value and value not in joined:
            joined.append(value)
    return joined


def names(found: Iterable[tuple[int, str]], name: str) -> tuple[str, ...]:
    """The names of the cookies ``found``: all that has to be deleted when the value goes (R005)."""
    numbers = sorted({number for number, _ in found})
    return tuple(name if number < 0 else f"{name}.{number}" for number in numbers)


def cut(name: str, value: str, limit: int = MAX_COOKIE) -> list[tuple[str, str]]:
    """The cookies ``(name, value)`` that carry ``value``: one, or ``name.0`` to ``name.n``.

    The first chunk begins with the number of chunks and ``~``, so that a chunk left over from a
    longer value is never taken for a part of this one. Raises ``ValueError`` above
    :data:`MAX_CHUNKS` chunks.
    """
    if len(name) + len(value) <= limit:
        return [(name, value)]
    room = limit - len(name) - len(".00") - len("00~")
    pieces = [value[start : start + room] for start in range(0, len(value), room)]
    if len(pieces) > MAX_CHUNKS:
        raise ValueError(f"{len(value)} characters do not fit into {MAX_CHUNKS} cookies")
    pieces[0] = f"{len(pieces)}~{pieces[0]}"
    return [(f"{name}.{number}", piece) for number, piece in enumerate(pieces)]


class CookieFormat(Frozen):
    """The name and attributes of one kind of cookie; writes its Set-Cookie values.

    HttpOnly always. ``__Host-`` and ``__Secure-`` are part of ``name`` (RFC 6265bis 4.1.3).
    """

    name: str
    secure: bool
    path: str = "/"
    domain: str | None = None
    same_site: SameSite = "Lax"
    #: Long values are cut as Auth.js cuts them, into slices of so many characters; 0: our own way.
    slices: int = 0
    #: A name that is read as well, after this one, and never written: that of Auth.js v4.
    older: str | None = None

    @cached_property
    def attributes(self) -> str:
        """What follows the value and its Max-Age, the same for setting and removing (R012)."""
        domain = f"; Domain={self.domain}" if self.domain else ""
        secure = "; Secure" if self.secure else ""
        return f"; Path={self.path}{domain}; HttpOnly; SameSite={self.same_site}{secure}"

    def set(self, value: str, max_age: int | None = None) -> list[str]:
        """The Set-Cookie values that store ``value``; without ``max_age`` (seconds) it lasts as
        long as the browser runs."""
        age = "" if max_age is None else f"; Max-Age={max_age}"
        tail = age + self.attributes
        if not self.slices and len(self.name) + len(value) <= MAX_COOKIE:
            return [f"{self.name}={value}{tail}"]
        return [f"{name}={piece}{tail}" for name, piece in self.cut(value)]

    def cut(self, value: str) -> list[tuple[str, str]]:
        """The cookies ``(name, value)`` that carry ``value``. Raises ``ValueError`` where there
        would be more than :data:`MAX_CHUNKS`."""
        size = self.slices
        if not size:
            return cut(self.name, value)
        if len(value) <= size:
            return [(self.name, value)]
        pieces = [value[start : start + size] for start in range(0, len(value), size)]
        if len(pieces) > MAX_CHUNKS:
            raise ValueError(f"{len(value)} characters do not fit into {MAX_CHUNKS} cookies")
        return [(f"{self.name}.{number}", piece) for number, piece in enumerate(pieces)]

    def found(self, header: str) -> tuple[list[str], tuple[str, ...]]:
        """The values of this cookie that a header may hold, most likely first, with the names of
        all the cookies that hold them."""
        pairs = find(header, self.name)
        whole = [value for number, value in pairs if number < 0]
        return whole + (join_slices if self.slices else join)(pairs), names(pairs, self.name)

    def names(self, header: str) -> tuple[str, ...]:
        """The names of all cookies of a header that hold a value, or a piece of one, also under
        the older name: what has to go with the value."""
        found = names(find(header, self.name), self.name)
        if self.older is not None:
            found += names(find(header, self.older), self.older)
        return found

    def remove(self, found: Iterable[str]) -> list[str]:
        """The Set-Cookie values that delete the cookies of these names."""
        tail = "=; Max-Age=0" + self.attributes
        return [name + tail for name in found]

    def replace(self, value: str, max_age: int | None, found: Sequence[str]) -> list[str]:
        """Set ``value`` and delete whichever of the cookies ``found`` it no longer uses."""
        written = self.set(value, max_age)
        if len(written) == 1:
            if found == (self.name,):
                return written
            kept = {self.name}
        else:
            kept = {f"{self.name}.{number}" for number in range(len(written))}
        return written + self.remove([name for name in found if name not in kept])
