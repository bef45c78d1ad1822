"""Expressions that take for ever with a text that nearly fits: they are tried out, for ``check``.

What lives here: texts for an expression, made of what it repeats, and how its time grows with them.
What must not: which expressions a configuration has.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

#: What may come last, so that a text nearly fits: something that hardly any expression takes, and
#: what one takes that takes nearly everything.
_LAST = ("\0", "/", "0", "a", "\n")
#: Characters to choose from where an expression takes any of many.
_USUAL = "a0-. /%_Zé"
_TEXTS_EACH = 24
#: Seconds after which an expression has had its chance with one text.
_LONG = 0.02


def takes_for_ever(expression: re.Pattern[str]) -> str:
    """A short text of which many make ``expression`` search for long: the time doubles with each,
    or grows with the square of their number. "" if none was found, which proves nothing."""
    try:
        from re import _parser  # type: ignore[attr-defined]  # Python's own, of no public name
    except ImportError:
        return ""
    parsed = _parser.parse(expression.pattern, expression.flags)
    for before, turn in islice(_turns(parsed, ""), 200):
        for last in _LAST:
            if expression.fullmatch(before + 2 * turn + last):
                continue
            if _doubles(expression, before, turn, last) or _squares(expression, before, turn, last):
                return turn
    return ""


def _doubles(expression: re.Pattern[str], before: str, turn: str, last: str) -> bool:
    took_before = 0.0
    for count in range(4, 33, 2):
        took = _time(expression, before + turn * count + last)
        if took > _LONG:
            return took > 2 * took_before
        took_before = took
    return False


def _squares(expression: re.Pattern[str], before: str, turn: str, last: str) -> bool:
    took_before = 0.0
    for count in (32, 64, 128, 250, 500, 1_000, 2_000, 4_000, 8_000):
        took = _time(expression, before + turn * count + last)
        if took > _LONG:
            return took > 3 * took_before
        took_before = took
    return False


def _time(expression: re.Pattern[str], text: str) -> float:
    began = time.thread_time()
    expression.fullmatch(text)
    return time.thread_time() - began


def _turns(parsed: Any, before: str) -> Iterator[tuple[str, str]]:
    """For everything that repeats without end: a text that leads there, and texts of one turn."""
    for operation, argument in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > 100:
            for text in dict.fromkeys(islice(_texts(argument[2]), _TEXTS_EACH)):
                if text:
                    yield before, text
        for inner in _inside(name, argument):
            yield from _turns(inner, before)
        before += next(_texts([(operation, argument)]), "")


def _inside(name: str, argument: Any) -> list[Any]:
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    if name in ("ASSERT", "ASSERT_NOT"):
        return [argument[1]]
    return [argument] if name == "ATOMIC_GROUP" else []


def _texts(parsed: Any) -> Iterator[str]:
    """Texts that it matches, the shortest first; not all of them."""
    choices = [list(islice(_choices(str(name), argument), 4)) for name, argument in parsed]
    for pieces in product(*choices):
        yield "".join(pieces)


def _choices(name: str, argument: Any) -> Iterator[str]:
    if name == "LITERAL":
        yield chr(argument)
    elif name == "NOT_LITERAL":
        yield next(each for each in _USUAL if each != chr(argument))
    elif name == "ANY":
        yield _USUAL[0]
    elif name == "IN":
        yield from _of_class(argument)
    elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        if least == 0:
            yield ""
        if most:
            for text in islice(_texts(inner), 3):
                yield text * max(least, 1)
    elif name in ("SUBPATTERN", "BRANCH", "ATOMIC_GROUP"):
        for inner in _inside(name, argument):
            yield from islice(_texts(inner), 3)
    else:  # it looks, or repeats what was there
        yield ""


def _of_class(items: Any) -> Iterator[str]:
    """One or two characters of a class."""
    fits = re.compile(_spelled(items))
    own = "".join(chr(value) for name, value in items if str(name) == "LITERAL")
    yield from islice(filter(fits.fullmatch, dict.fromkeys(_USUAL + own)), 2)


_CATEGORIES = {
    "DIGIT": r"\d", "NOT_DIGIT": r"\D", "SPACE": r"\s", "NOT_SPACE": r"\S", "WORD": r"\w",
    "NOT_WORD": r"\W",
}  # fmt: skip


def _spelled(items: Any) -> str:
    """The class as an expression."""
    said = ""
    for name, value in items:
        if str(name) == "NEGATE":
            said += "^"
        elif str(name) == "RANGE":
            said += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        elif str(name) == "CATEGORY":
            said += _CATEGORIES[str(value).removeprefix("CATEGORY_")]
        else:
            said += re.escape(chr(value))
    return f"[{said}]"
