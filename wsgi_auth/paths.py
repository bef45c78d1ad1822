r"""The readings of a path: every text that a server, framework or application may take it for.

What lives here: PATH_INFO to texts. What must not: patterns, routes, decisions.

The guard stands in front of an application whose own idea of a path it cannot see. Flask merges
slashes, Bottle drops octets that are not UTF-8, Pyramid's traversal resolves dot segments, its
routes match before a trailing newline; a server may have left ``#fragment`` or ``%2F`` in place.
So a path is protected if *any* reading of it is, and public only if *all* are. A reading that
nobody uses costs one refused odd request; a reading that is missing costs the page.

Not readings, because nothing serves them as the same page (measured): another letter case,
trailing blanks, full-width and combining forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

__all__ = ["affordable_readings", "is_plain", "readings"]

# Printable ASCII without # % / ; ? and backslash; a segment neither empty (but the last one)
# nor beginning with a dot.
_PLAIN = re.compile(r"""(?:/(?![/.])[ -"$&-.0-:<->@-\[\]-~]*+)++""")

# Texts made on the way times the length of the path, at most (see affordable_readings). A path of
# 85 characters never reaches it; one of 4,000 may be odd in two ways at once.
_BUDGET = 16_384

_SLASHES = re.compile(r"//+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_CUT = re.compile(r"[#?\x00]")
_PARAMS = re.compile(r";[^/]*")
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_HOST = re.compile(r"/+[^/?#]*")


def readings(path_info: str) -> tuple[str, ...]:
    r"""Every plausible reading of a PATH_INFO, as decoded text; the path as it stands comes first.

    Never empty and never raises, whatever ``str`` comes in. ``path_info`` is a WSGI string (octets
    as latin-1); one that holds other characters came from a broken server and is read as text.

    A plain path (see :func:`is_plain`) has one reading, itself. The others are made by these steps,
    each taken or not taken, in this order: octets decoded as UTF-8 (where they are not UTF-8:
    dropped, replaced, or latin-1), percent sequences that are still there decoded once more,
    control characters dropped (the trailing newline among them), cut at ``#``, ``?`` or NUL,
    ``\`` read as ``/``, a leading ``scheme://host`` removed, ``;params`` removed. Each result
    counts as it is, with slashes collapsed and a leading slash, and with dot segments resolved
    (collapsing first, as ``normpath`` does, and without, as RFC 3986 does).

    At least one reading has no empty segments: a reading with ``//`` in it always has its
    collapsed form beside it. Each step is linear in the length, and the number of readings is
    bounded by the kinds of odd characters, not by how many there are.
    """
    return _read(path_info, budget=float("inf")) or ()


def affordable_readings(path_info: str) -> tuple[str, ...] | None:
    """:func:`readings`, or None for a path so long and so odd that reading it would be an attack.

    None must be taken as "may be any page": protected by every route, public to nobody. A plain
    path always has its reading, at any length.
    """
    return _read(path_info, budget=_BUDGET)


def is_plain(path_info: str) -> bool:
    r"""Whether a path can be read in one way only: a leading slash, printable ASCII, and none of
    ``//``, ``/.``, ``;``, ``\``, ``%``, ``#``, ``?``."""
    return _PLAIN.fullmatch(path_info) is not None


def _read(path_info: str, budget: float) -> tuple[str, ...] | None:
    if _PLAIN.fullmatch(path_info):
        return (path_info,)
    if not path_info:  # the mount itself, without its slash (PEP 3333)
        return ("/",)
    if len(path_info) > budget:
        return None
    texts = dict.fromkeys(_texts(path_info))
    for step in _STEPS:
        if len(texts) * len(path_info) > budget:
            return None
        for text in tuple(texts):
            texts.update(dict.fromkeys(step(text)))
    return tuple(dict.fromkeys(form for text in texts for form in _forms(text)))


# --- octets to texts ------------------------------------------------------------------------


def _texts(path_info: str) -> Iterator[str]:
    try:
        octets = path_info.encode("latin-1")
    except UnicodeEncodeError:
        # Not a WSGI string. Surrogates are what ``surrogateescape`` makes of invalid octets.
        yield path_info
        octets = path_info.encode("utf-8", "surrogatepass")
        yield octets.decode("ascii", "ignore")
    yield from _decoded(octets)
    if b"%" in octets:
        from urllib.parse import unquote_to_bytes  # rare

        yield from _decoded(unquote_to_bytes(octets))


def _decoded(octets: bytes) -> Iterator[str]:
    try:
        yield octets.decode()
    except UnicodeDecodeError:
        yield octets.decode("utf-8", "replace")  # Werkzeug, Django
        yield octets.decode("utf-8", "ignore")  # Bottle
        yield octets.decode("latin-1")  # CherryPy, and whoever takes PATH_INFO as it is


# --- steps: a text to the other texts it may be taken for -----------------------------------


def _without_controls(text: str) -> Iterator[str]:
    yield _CONTROLS.sub("", text)


def _cut(text: str) -> Iterator[str]:
    if first := _CUT.search(text):
        yield text[: first.start()]
        yield text.partition("#")[0]
        yield text.partition("?")[0]


def _backslash_as_slash(text: str) -> Iterator[str]:
    yield text.replace("\\", "/")


def _without_authority(text: str) -> Iterator[str]:
    if authority := _AUTHORITY.match(text):
        yield text[authority.end() :]
        # what stands behind more slashes is a host to JavaScript's ``new URL(target, base)``
        if authority[0].endswith("//") and (host := _HOST.match(text, authority.end())):
            yield text[host.end() :]


def _without_params(text: str) -> Iterator[str]:
    yield _PARAMS.sub("", text)


_STEPS: tuple[Callable[[str], Iterator[str]], ...] = (
    _without_controls,
    _cut,
    _backslash_as_slash,
    _without_authority,
    _without_params,
)


# --- slashes and dots -----------------------------------------------------------------------


def _forms(text: str) -> Iterator[str]:
    if text:
        yield text
    rooted = text if text.startswith("/") else "/" + text
    collapsed = _SLASHES.sub("/", rooted)
    yield collapsed
    if "/." in collapsed:
        yield _resolve(collapsed)
        if len(collapsed) != len(rooted):
            resolved = _resolve(rooted)
            yield resolved
            yield _SLASHES.sub("/", resolved)


def _resolve(path: str) -> str:
    """``path`` (with a leading slash) without ``.`` and ``..`` segments; never above the root."""
    kept: list[str] = []
    segment = ""
    for segment in path[1:].split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segment in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
