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
#: The same for an application that may say just this line itself, and would have it twice. Equal to
#: the other, and told from it by ``is``.
UNHEARD = [VARY_COOKIE]
#: What one kind of shared cache goes by in place of ``Cache-Control`` (RFC 9213, Edge Architecture
#: 1.0; nginx), in small letters.
TARGETED = frozenset(
    {
        "cdn-cache-control", "cloudflare-cdn-cache-control", "vercel-cdn-cache-control",
        "netlify-cdn-cache-control", "akamai-cache-control", "edge-control", "surrogate-control",
        "x-accel-expires",
    }
)  # fmt: skip
#: The names, in small letters, of the headers that are looked at.
CACHING = frozenset({"vary", "cache-control"}) | TARGETED
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
    says = aimed = False
    for name, value in headers:
        size = len(name)
        if size == 4 and name.lower() == "vary" and _names_cookie(value):
            vary = ()
        elif size == 13 and name.lower() == "cache-control":
            says = True
        elif size > 11 and name.lower() in TARGETED and not _keeps_out(value):
            aimed = True
    if aimed:  # that cache goes by what the others do, then
        headers = [
            (name, value)
            for name, value in headers
            if name.lower() not in TARGETED or _keeps_out(value)
        ]
    if says:
        return [*_kept_from_others(headers), *vary]
    return [*headers, *vary, caching]


def _names_cookie(vary: str) -> bool:
    return not {"cookie", "*"}.isdisjoint(word.strip() for word in vary.lower().split(","))


def _kept_from_others(headers: Headers) -> Headers:
    said = [value for name, value in headers if name.lower() == "cache-control"]
    others = [each for each in headers if each[0].lower() != "cache-control"]
    return [*others, ("Cache-Control", _private(", ".join(said)))]


def _keeps_out(targeted: str) -> bool:
    """Whether a cache may not keep the answer by this header, or learns nothing of that by it."""
    words = {word.partition("=")[0].strip().lower() for word in targeted.split(",")}
    if words & {"no-store", "private", "0"}:
        return True
    return words <= {"content", "no-store-remote"}


def _private(said: str) -> str:
    """A Cache-Control with ``private``, or ``no-store`` where it was said, and nothing shared."""
    words = [word.strip() for word in re.findall(_DIRECTIVE, said) if word.strip()]
    # bare only: private="Set-Cookie" lets a shared cache have the rest (RFC 9111 section 5.2.2.7)
    if {word.lower() for word in words} & {"no-store", "private"}:
        return said
    kept = [w for w in words if w.partition("=")[0].lower() not in ("public", "s-maxage")]
    return ", ".join(["private", *kept])
