"""A profile mapping: where in what a provider says the fields of a user are, as a line of data.

What lives here: the language and its meaning. What must not: any provider, and what a user is.

========================  =========================================================================
``name``                  the value of that key
``picture.data.url``      a key in an object in an object
``emails[0].email``       the first item of a list
``emails[primary].email`` the first item in which ``primary`` is true
``name|login``            the first of these that is present
``{first} {last}``        a text with values in it; absent as soon as one of them is
``true(verified)``        True where the value is true, 1 or either as text, else absent
``exists(confirmed_at)``  True where there is a value, else absent
``ends(email, '@x.com')`` True where the text ends so, without regard to case, else absent
``all(a, b)``             True where each is present and not False, else absent
``keys(roles)``           the keys of an object, as a list
========================  =========================================================================

A value is absent when it is missing, null or an empty string. Nothing in a document can make a
mapping fail: of the wrong shape is absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Document], Any]

_CALL = re.compile(r"([a-z]+)\((.*)\)", re.DOTALL)
_NAME = r"[A-Za-z0-9_@$:/-]+"
_PATH = re.compile(rf"{_NAME}(\[{_NAME}\])*(\.{_NAME}(\[{_NAME}\])*)*")
_STEP = re.compile(rf"\.?({_NAME})|\[({_NAME})\]")
_VALUE = re.compile(r"\{([^{}]*)\}")


class Mapper:
    """A mapping of field to expression, ready to use: :meth:`read` gives what is present.

    Raises ``ValueError``, which names the field, for what is no expression.
    """

    __slots__ = ("_readers",)

    def __init__(self, spec: Mapping[str, str]) -> None:
        self._readers: dict[str, Reader] = {}
        for name, expression in spec.items():
            try:
                self._readers[name] = compiled(expression)
            except ValueError as error:
                raise ValueError(f"{name} = {expression!r}: {error}") from None

    def read(self, document: Document) -> dict[str, Any]:
        """The fields that are present in the document."""
        found = ((name, reader(document)) for name, reader in self._readers.items())
        return {name: value for name, value in found if _present(value)}


def compiled(expression: str) -> Reader:
    """What reads this expression from a document: the value, or None where it is absent."""
    choices = [_term(part.strip()) for part in _split(expression, "|")]
    if len(choices) == 1:
        return choices[0]

    def first(document: Document) -> Any:
        return next((value for read in choices if _present(value := read(document))), None)

    return first


def _term(text: str) -> Reader:
    found = _CALL.fullmatch(text)
    if found:
        return _call(found[1], [part.strip() for part in _split(found[2], ",")])
    if "{" in text:
        return _template(text)
    return _path(text)


def _path(text: str) -> Reader:
    if not _PATH.fullmatch(text):
        raise ValueError(f"{text!r} is no path such as user.emails[0]")
    steps = [(step[1] or "", step[2] or "") for step in _STEP.finditer(text)]

    def read(document: Document) -> Any:
        value: Any = document
        for key, item in steps:
            if key:
                value = value.get(key) if isinstance(value, Mapping) else None
            elif item.isascii() and item.isdigit():
                index = int(item)
                in_it = isinstance(value, list) and index < len(value)
                value = value[index] if in_it else None
            else:
                items = value if isinstance(value, list) else ()
                value = next(
                    (
                        each
                        for each in items
                        if isinstance(each, Mapping) and each.get(item) is True
                    ),
                    None,
                )
        return value if _present(value) else None

    return read


def _template(text: str) -> Reader:
    names = _VALUE.findall(text)
    if not names or "{" in _VALUE.sub("", text) or "}" in _VALUE.sub("", text):
        raise ValueError(f"{text!r} has a brace without its other half")
    values = {name: _path(name) for name in names}

    def fill(document: Document) -> str | None:
        found = {name: read(document) for name, read in values.items()}
        if not all(_is_text(value) for value in found.values()):
            return None
        return _VALUE.sub(lambda name: str(found[name[1]]), text)

    return fill


def _call(name: str, arguments: list[str]) -> Reader:
    if name == "ends":
        if len(arguments) != 2 or not re.fullmatch("'[^']+'", arguments[1]):
            raise ValueError("ends() takes a path and a text in single quotes")
        read, ending = compiled(arguments[0]), arguments[1][1:-1].lower()
        return lambda document: _true_or_absent(str(read(document) or "").lower().endswith(ending))
    if name == "all":
        readers = [compiled(argument) for argument in arguments]
        return lambda document: _true_or_absent(
            all(each(document) not in (None, False) for each in readers)
        )
    if name not in ("true", "exists", "keys"):
        raise ValueError(f"there is no {name}(); there are true, exists, ends, all, keys")
    if len(arguments) != 1:
        raise ValueError(f"{name}() takes one path")
    read = compiled(arguments[0])
    if name == "true":
        return lambda document: _true_or_absent(str(read(document)).lower() in ("true", "1"))
    if name == "exists":
        return lambda document: _true_or_absent(read(document) is not None)

    def keys(document: Document) -> list[str] | None:
        value = read(document)
        return [str(key) for key in value] if isinstance(value, Mapping) else None

    return keys


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts between the separators that are in no bracket, brace or quote."""
    depth, quoted, start = 0, False, 0
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _present(value: Any) -> bool:
    return value is not None and value != ""


def _is_text(value: Any) -> bool:
    """Whether a template may show it: a text or a whole number (bool is an int, and neither)."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _true_or_absent(value: bool) -> bool | None:
    return True if value else None
