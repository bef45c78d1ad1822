"""What an answer says to caches: ``Vary`` and ``Cache-Control``, beside what the application says.

What lives here: the headers themselves. What must not: whose an answer is (``auth`` knows).
"""

from __future__ import annotations

import re

from wsgi_auth.types import Headers

VARY_COOKIE = ("Vary", "Cookie")
NO_STORE = ("Cache-Control", "no-store")
PRIVATE = ("Cache-Control", "private")
#: What the headers of an answer get, where the application says nothing of caching: of a protected
#: page, one for somebody, and one for nobody, which may be kept for everybody but not be given to
#: somebody (R065).
GUARDED = [VARY_COOKIE, NO_STORE]
SOMEBODYS = [VARY_COOKIE, PRIVATE]
#: Whatever the application says of ``Vary``, in a line of its own (RFC 9110 section 5.3): to look
#: through eight headers takes as long as half of all the rest of a request.
NOBODYS = [VARY_COOKIE]
#: The same for an application that may say just this line itself, and would have it twice.
UNHEARD = [VARY_COOKIE]
#: The names, in small letters, of the headers that are looked at.
CACHING = frozenset({"vary", "cache-control"})
#: Headers that are none of these, as they are usually spelt: the others cost a little more.
OTHERS = frozenset({"Content-Type", "Content-Length"})
#: One directive of a Cache-Control; commas in a quoted value do not end it (RFC 9110 section 5.6).
_DIRECTIVE = r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+'


def merged(headers: Headers, caching: tuple[str, str]) -> Headers:
    """A new list of the headers, with ``Vary: Cookie`` unless the application has said so, and with
    a ``Cache-Control`` that keeps the answer from being given to somebody else (R065).

    ``caching`` is what to say where the application says nothing. What it does say is kept, but for
    what would let a shared cache have the answer.
    """
    vary: tuple[tuple[str, str], ...] = (VARY_COOKIE,)
    says = False
    for name, value in headers:
        size = len(name)
        if size == 4 and name.lower() == "vary" and _names_cookie(value):
            vary = ()
        elif size == 13 and name.lower() == "cache-control":
            says = True
    if says:
        return [*_kept_from_others(headers), *vary]
    return [*headers, *vary, caching]


def _names_cookie(vary: str) -> bool:
    return not {"cookie", "*"}.isdisjoint(word.strip() for word in vary.lower().split(","))


def _kept_from_others(headers: Headers) -> Headers:
    said = [value for name, value in headers if name.lower() == "cache-control"]
    others = [each for each in headers if each[0].lower() != "cache-control"]
    return [*others, ("Cache-Control", _private(", ".join(said)))]


def _private(said: str) -> str:
    """A Cache-Control with ``private``, or ``no-store`` where it was said, and nothing shared."""
    words = [word.strip() for word in re.findall(_DIRECTIVE, said) if word.strip()]
    # bare only: private="Set-Cookie" lets a shared cache have the rest (RFC 9111 section 5.2.2.7)
    if {word.lower() for word in words} & {"no-store", "private"}:
        return said
    kept = [w for w in words if w.partition("=")[0].lower() not in ("public", "s-maxage")]
    return ", ".join(["private", *kept])
