"""``Frozen``: the base of every value with named fields that cannot be changed.

What lives here: what ``dataclasses`` would write for each class, once for all of them. That module
compiles five functions per class and loads ``inspect`` to do so: a third of the time that an
application took to start, and of what it kept in memory. ``NamedTuple``, which compiles one and
every annotation, is for modules that are not needed to start. What must not: a field of anybody's.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class Frozen:
    """Fields are the annotated names of a class, a value at one is its default (never a mutable
    one: it is shared).

    Two are equal when they are of one class and all their fields are equal. ``hidden`` fields stay
    out of the ``repr``: secrets, and what holds some. ``__post_init__`` may refuse what does not
    fit together. Pattern matching goes by position.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _required: ClassVar[frozenset[str]] = frozenset()
    _hidden: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, hidden: tuple[str, ...] = ()) -> None:
        own = tuple(cls.__annotations__)  # of this class alone
        cls.__match_args__ = cls.__match_args__ + own  # type: ignore[misc]  # once, here
        cls._required = cls._required | {name for name in own if name not in cls.__dict__}
        cls._hidden = cls._hidden.union(hidden)

    def __init__(self, *values: Any, **named: Any) -> None:
        names = self.__match_args__
        fields = self.__dict__
        fields.update(zip(names, values))  # noqa: B905 - the count is looked at below
        fields.update(named)
        if len(fields) != len(values) + len(named) or not self._required <= fields.keys():
            self._misused(values, named)
        for name in named:
            if name not in names:
                self._misused(values, named)
        self.__post_init__()

    def but(self, **changes: Any) -> Self:
        """The same with these fields changed."""
        kept = {name: getattr(self, name) for name in self.__match_args__}
        return type(self)(**{**kept, **changes})

    def __post_init__(self) -> None:
        pass

    def _misused(self, values: tuple[Any, ...], named: dict[str, Any]) -> NoReturn:
        names, kind = self.__match_args__, type(self).__name__
        if len(values) > len(names):
            raise TypeError(f"{kind} has {len(names)} fields, not {len(values)}")
        given = names[: len(values)]
        for name in named:
            if name not in names:
                import difflib  # for a mistake only

                close = difflib.get_close_matches(name, names, 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"{kind} has no field {name!r}{hint}")
            if name in given:
                raise TypeError(f"{kind}: {name!r} is given twice")
        missing = sorted(self._required.difference(given, named))
        raise TypeError(f"{kind} needs {', '.join(missing)}")

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        said = ", ".join(
            f"{name}={getattr(self, name)!r}"
            for name in self.__match_args__
            if name not in self._hidden
        )
        return f"{type(self).__qualname__}({said})"

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is read-only, so {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is read-only, so {name!r} cannot be deleted")
