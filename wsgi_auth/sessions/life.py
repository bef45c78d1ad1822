"""How long a session lives: the options, and what the session says of itself.

A session may say ``max_age`` (seconds, at most a year): the ``jwt`` callback sets it for a user who
is to stay for a shorter or a longer time than ``session.max_age``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_auth.config.parts import SessionOptions

#: Seconds by which the clocks of two machines may differ.
SKEW = 60
#: No time beyond it is one (R021): the year 9999.
MAX_TIME = 253_402_300_800
#: The longest life that a session may have of its own.
LONGEST = 366 * 86_400


def max_age(claims: Mapping[str, Any], options: SessionOptions) -> int:
    """Seconds that this session lives without being used."""
    own = claims.get("max_age")
    return own if type(own) is int and 0 < own <= LONGEST else options.max_age


def ends_at(claims: Mapping[str, Any], issued: int, options: SessionOptions) -> int:
    """When a session that is written at ``issued`` ends if nothing renews it."""
    ends = issued + max_age(claims, options)
    if options.absolute_age is not None:
        ends = min(ends, int(claims["auth_time"]) + options.absolute_age)
    return ends


def is_fresh(claims: Mapping[str, Any], seconds: int, now: float) -> bool:
    """Whether the user proved who they are within so many seconds: here, or at the provider if that
    has said when. Coming back from a provider that asked nothing is no proof."""
    began = claims.get("auth_time")
    proved = claims.get("proved_at", began)
    if type(began) is not int or type(proved) is not int or began > now + SKEW:
        return False
    return now < min(began, proved) + seconds


def times(
    claims: Mapping[str, Any], now: float, options: SessionOptions
) -> tuple[float, float] | None:
    """When a session is due for renewal, and when it has ended; None for claims whose times cannot
    be (R021, R022)."""
    issued, ends = claims.get("iat"), claims.get("exp")
    # type, not isinstance: True is an int to the latter
    if type(issued) is not int or type(ends) is not int:
        return None
    if not (0 <= issued <= now + SKEW and 0 <= ends < MAX_TIME):
        return None
    if options.absolute_age is not None:
        began = claims.get("auth_time")
        if type(began) is not int or not 0 <= began <= now + SKEW:
            return None
        ends = min(ends, began + options.absolute_age)
    age = options.update_age
    if "max_age" in claims:  # a life of its own, prolonged when half of it is over
        age = min(age, max_age(claims, options) // 2)
    return issued + age, ends
