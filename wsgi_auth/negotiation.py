"""Which form an answer takes: redirect or 401, HTML or JSON, by the headers of the request.

What lives here: the rule "Redirect or 401" and the reading of ``Accept``, as pure functions of the
environ. What must not: anything that decides whether a request may pass; by the time these are
asked, it may not. So every doubt here ends in the 401, which follows nothing and starts nothing.
The rules of R052 and R055.
"""

from __future__ import annotations

import re
from functools import lru_cache

from wsgi_auth.frozen import Frozen
from wsgi_auth.types import Environ

_BROWSER_METHODS = frozenset(("GET", "HEAD", "POST"))

# A program's headers: whoever sends one of these does not want a page.
_PROGRAM = ("HTTP_AUTHORIZATION", "HTTP_UPGRADE", "HTTP_HX_REQUEST")


def wants_redirect(environ: Environ) -> bool:
    """True if a visitor without a session is sent to the sign-in page, False if the answer is 401.

    First match wins; a route's ``answer=`` overrules it. An ``OPTIONS`` request (a CORS preflight
    too) is always 401: a route whose ``methods`` leave it out does not apply, and nobody asks.
    """
    get = environ.get
    for header in _PROGRAM:
        if header in environ:
            return False
    if get("REQUEST_METHOD") not in _BROWSER_METHODS:
        return False
    if "HTTP_X_REQUESTED_WITH" in environ and _is_xhr(environ["HTTP_X_REQUESTED_WITH"]):
        return False
    if "HTTP_SEC_PURPOSE" in environ and _is_prefetch(environ["HTTP_SEC_PURPOSE"]):
        return False
    if "HTTP_PURPOSE" in environ and _is_prefetch(environ["HTTP_PURPOSE"]):
        return False
    if get("HTTP_SEC_FETCH_DEST", "document") != "document":
        return False
    mode = get("HTTP_SEC_FETCH_MODE")
    if mode is not None:  # Fetch Metadata: sent by browsers only, and a page cannot set it
        return bool(mode == "navigate")
    return prefers_html(environ)


def only_looks(environ: Environ) -> bool:
    """Whether nobody may ever see the answer: HEAD, and what a browser fetches in advance. Such a
    request uses nothing up (R074)."""
    return (
        environ.get("REQUEST_METHOD") == "HEAD"
        or _is_prefetch(environ.get("HTTP_SEC_PURPOSE", ""))
        or _is_prefetch(environ.get("HTTP_PURPOSE", ""))
    )


def is_htmx(environ: Environ) -> bool:
    """Whether htmx asks: its 401 carries ``HX-Redirect``, which it follows with the whole page."""
    return "HTTP_HX_REQUEST" in environ


def prefers_html(environ: Environ) -> bool:
    """Whether ``Accept`` names HTML, XHTML or ``text/*`` with q > 0 and above any JSON type.

    A bare ``*/*`` or no ``Accept`` at all is a program. Chooses the body of an error page.
    """
    accept = _accept(environ)
    return accept.html > accept.json


def accepts_json(environ: Environ) -> bool:
    """Whether a JSON body is welcome: a JSON type, ``application/*``, ``*/*``, or no ``Accept``."""
    accept = _accept(environ)
    return accept.any_json


def wants_json_redirect(environ: Environ) -> bool:
    """Whether ``{"url": ...}`` takes the place of a redirect, for a script that cannot follow one.

    ``X-Auth-Return-Redirect`` asks for it (Auth.js's client sends it); so does an ``Accept`` that
    names JSON and not HTML.
    """
    if "HTTP_X_AUTH_RETURN_REDIRECT" in environ:
        return True
    accept = _accept(environ)
    return accept.json > 0 and accept.html == 0


# --- headers --------------------------------------------------------------------------------


def _is_xhr(value: object) -> bool:
    # An Android WebView sends the package name of its application here, on plain navigations.
    return isinstance(value, str) and value.strip(" \t").lower() == "xmlhttprequest"


def _is_prefetch(value: object) -> bool:
    """``prefetch``, ``prefetch;prerender``, ``prefetch;anonymous-client-ip``; in any list."""
    return isinstance(value, str) and any(
        token.strip(" \t").lower() == "prefetch" for token in re.split("[,;]", value)
    )


class _Accept(Frozen):
    """What an ``Accept`` says, in thousandths: q of HTML and JSON where they are named."""

    html: int
    json: int
    any_json: bool


_ABSENT = _Accept(0, 0, True)
#: Header texts above this length are read each time; those below are remembered.
_MEMO_LENGTH = 512


def _accept(environ: Environ) -> _Accept:
    header = environ.get("HTTP_ACCEPT")
    if not isinstance(header, str) or not header:
        return _ABSENT
    return _remembered(header) if len(header) <= _MEMO_LENGTH else _parse(header)


# RFC 9110 12.4.2: at most three digits, and nothing else. A bad one makes its entry count for
# nothing, which is the closed side: the 401.
_Q = r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?"
# The second alternative ends at the end of the text, so that an open quote is read once (linear).
_QUOTED = r'(?s)"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_XHTML = "application/xhtml+xml"


def _parse(header: str) -> _Accept:
    """Linear in the length of the header, and defined for any text (R055)."""
    if '"' in header:  # a comma or a "q=" inside a quoted string is none
        header = re.sub(_QUOTED, '""', header)
    named: dict[str, int] = {}
    for entry in header.split(","):
        media, *parameters = entry.split(";")
        kind = _kind(media.strip(" \t").lower())
        if kind:
            named[kind] = max(named.get(kind, 0), _quality(parameters))
    # The most specific range decides (RFC 9110 12.5.1): "text/html;q=0, text/*" refuses HTML.
    html = max(named.get("html", named.get("text/*", 0)), named.get("xhtml", 0))
    json = named.get("json", 0)
    welcome = named.get("json", named.get("application/*", named.get("*/*", 0)))
    return _Accept(html, json, welcome > 0)


def _kind(media: str) -> str:
    """The class a media range counts in; "" for one that is of no interest."""
    if media == "text/html":
        return "html"
    if media == _XHTML:
        return "xhtml"
    if media in ("text/*", "application/*", "*/*"):
        return media
    main, slash, subtype = media.partition("/")
    if slash and main and (subtype == "json" or subtype.endswith("+json")):
        return "json"
    return ""


def _quality(parameters: list[str]) -> int:
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name.strip(" \t").lower() == "q":
            found = re.fullmatch(_Q, value.strip(" \t")) if equals else None
            if not found:
                return 0
            if found[0][0] == "1":
                return 1000
            return int((found[1] or "").ljust(3, "0"))
    return 1000


# A pure function's memo, bounded in entries here and in key length above; C code under its own
# lock, so threads cannot tear it. Browsers of one version all send the same text.
_remembered = lru_cache(maxsize=256)(_parse)
