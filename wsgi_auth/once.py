"""``once``: a ``cached_property`` whose value is made once, however many threads come first.

What lives here: that alone. For what threads share: since Python 3.12 ``cached_property`` lets each
of them make a value of its own, and two counters, or two lists of what is under way, are none.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar, overload

Made = TypeVar("Made")


class once(cached_property[Made]):
    """A method as an attribute: called at the first look, its answer kept for good.

    Others who look meanwhile wait for it; where it raises, the next one calls it again. Making one
    value may look at others, as long as none of them needs this one.
    """

    def __init__(self, make: Callable[[Any], Made]) -> None:
        super().__init__(make)
        self._lock = RLock()

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Made: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | Made:
        if instance is None:
            return self
        with self._lock:
            made: Made = super().__get__(instance, owner)
        return made
