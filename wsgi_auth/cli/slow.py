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
#: Turns of a repetition from which on it counts.
_OFTEN = 10
#: Characters of its own that are tried where an expression takes any of many.
_OWN_EACH = 6
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
    # what separates the parts of an expression is what a hostile text is made of
    own = "".join(dict.fromkeys(_literals(parsed)))[:_OWN_EACH]
    for before, turn in islice(_turns(parsed, "", own), 300):
        for last in _LAST:
            if expression.fullmatch(before + turn + last):
                continue
            if _doubles(expression, before, turn, last) or _squares(expression, before, turn, last):
                return turn
    return ""


def _doubles(expression: re.Pattern[str], before: str, turn: str, last: str) -> bool:
    took_before = 0.0
    for count in (1, 2, 3, *range(4, 33, 2)):  # from one on: a few may be too many
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


def _literals(parsed: Any) -> Iterator[str]:
    """The characters that it names, those that are none of a word first."""
    found = [
        chr(argument) for name, argument in _all(parsed) if str(name) in ("LITERAL", "NOT_LITERAL")
    ]
    return iter(sorted(found, key=str.isalnum))


def _all(parsed: Any) -> Iterator[tuple[Any, Any]]:
    """Every operation, however deep."""
    for name, argument in parsed:
        yield name, argument
        inner = [argument] if str(name) == "IN" else _inside(str(name), argument)
        for each in inner:
            yield from _all(each)


def _turns(parsed: Any, before: str, own: str) -> Iterator[tuple[str, str]]:
    """For everything that repeats without end: a text that leads there, and texts of one turn."""
    for operation, argument in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] >= _OFTEN:
            for text in dict.fromkeys(islice(_texts(argument[2], own), _TEXTS_EACH)):
                if text:
                    yield before, text
        for inner in _inside(name, argument):
            yield from _turns(inner, before, own)
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


def _texts(parsed: Any, own: str = "") -> Iterator[str]:
    """Texts that it matches, the shortest first; not all of them. ``own``: what to choose besides
    where it takes any of many."""
    most = 4 + len(own)
    choices = [list(islice(_choices(str(name), argument, own), most)) for name, argument in parsed]
    for pieces in product(*choices):
        yield "".join(pieces)


def _choices(name: str, argument: Any, own: str) -> Iterator[str]:
    if name == "LITERAL":
        yield chr(argument)
    elif name == "NOT_LITERAL":
        yield from [each for each in _USUAL[:2] + own if each != chr(argument)]
    elif name == "ANY":
        yield from _USUAL[0] + own
    elif name == "IN":
        yield from _of_class(argument, own)
    elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        if least == 0:
            yield ""
        if most:
            for text in islice(_texts(inner, own), 3 + len(own)):
                yield text * max(least, 1)
    elif name in ("SUBPATTERN", "BRANCH", "ATOMIC_GROUP"):
        for inner in _inside(name, argument):
            yield from islice(_texts(inner, own), 3 + len(own))
    else:  # it looks, or repeats what was there
        yield ""


def _of_class(items: Any, own: str) -> Iterator[str]:
    """Some characters of a class: two of the usual ones or the beginnings of its ranges, and those
    of the expression's own."""
    fits = re.compile(_spelled(items))
    named = "".join(chr(value) for name, value in items if str(name) == "LITERAL")
    named += "".join(chr(value[0]) for name, value in items if str(name) == "RANGE")
    yield from islice(filter(fits.fullmatch, dict.fromkeys(_USUAL + named)), 2)
    yield from filter(fits.fullmatch, own)


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
