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

__all__ = ["affordable_readings", "is_plain", "readings"]

# Printable ASCII without # % / ; ? and backslash; a segment neither empty (but the last one)
# nor beginning with a dot.
_PLAIN = re.compile(r"""(?:/(?![/.])[ -"$&-.0-:<->@-\[\]-~]*+)++""")

# Texts made on the way times the length of the path, at most (see affordable_readings). A path of
# 85 characters never reaches it; one of 4,000 may be odd in two ways at once.
_BUDGET = 16_384


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
    # imported here: most applications have none but plain paths
    from wsgi_auth.readings import read

    return read(path_info, budget)
