"""By what a user can sign in, and that the last of it is never given up.

What lives here: the ways as values, and the one rule on them. What must not: which there are
(``actions/account``), and where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wsgi_auth.errors import AlreadyExists


class Way(NamedTuple):
    """One way to sign in: an ``account`` of a ``provider``, a ``passkey``, both with their ``id``;
    a ``link`` to a proven address, or ``local``, a password or what the application knows."""

    kind: str
    provider: str = ""
    id: str = ""


#: The ways of a user at this moment.
Ways = Callable[[], frozenset[Way]]


def is_last(way: Way, ways: frozenset[Way]) -> bool:
    """Whether there is no other. What is no way (any more) is never the last one."""
    return ways == {way}


def give_up(
    way: Way, ways: Ways, forget: Callable[[], object], restore: Callable[[], object]
) -> bool:
    """Call ``forget``, unless this way is the last one: whether it was given up.

    Looked at afterwards, too: of two requests that each give up one way, both had seen the other.
    """
    before = ways()
    if is_last(way, before):
        return False
    forget()
    if way in before and not ways():
        try:
            restore()
        except AlreadyExists:
            pass  # another request has put it back, or it is somebody else's by now
        return False
    return True
