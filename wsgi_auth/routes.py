"""A route as somebody wrote it, with more than a pattern, to a :class:`Route`: everything checked.

What lives here: what each option of a route may be, but for its pattern (``matcher``). What must
not: what the options do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from wsgi_auth.errors import ConfigError
from wsgi_auth.types import Condition, Route

_CONDITION_TYPES: Final = ("header", "cookie", "query", "host")
_METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCOPE = r"[!#-\[\]-~]+"  # RFC 6749 section 3.3
#: Most characters of a word that a session keeps (``Identity.acr``), and of all that a sign-in can
#: ask for (``authorization.LONGEST``).
_LONGEST_ACR, _LONGEST_ACRS = 255, 512


def checked(given: dict[str, Any], source: str | re.Pattern[str], key: str) -> Route:
    """The route of these options, but with this ``source``; ``key`` is the option it stands in.
    A mistake is a :class:`ConfigError` that says what would be right."""
    spelling = source if isinstance(source, str) else source.pattern

    def wrong(option: str, expected: str) -> NoReturn:
        raise ConfigError(
            key, f"{spelling!r}: {option} must be {expected}, not {given.get(option)!r}"
        )

    def ordered(option: str, expected: str) -> tuple[str, ...] | None:
        value = given.get(option)
        if value is None:
            return None
        if isinstance(value, str):
            is_list = option in ("methods", "scopes", "acr")
            value = value.replace(",", " ").split() if is_list else [value]
        if isinstance(value, Mapping) or not isinstance(value, Iterable):
            wrong(option, expected)
        found = tuple(value)
        if not found or not all(isinstance(word, str) and word for word in found):
            wrong(option, expected)
        return found

    def words(option: str, expected: str) -> frozenset[str] | None:
        found = ordered(option, expected)
        return None if found is None else frozenset(found)

    methods = words("methods", "one or more HTTP methods (leave it out for all)")
    if methods is not None:
        if not all(re.fullmatch(_METHOD, method) for method in methods) or "*" in methods:
            wrong("methods", "one or more HTTP methods (leave it out for all)")
        methods = frozenset(method.upper() for method in methods)
    authorized = given.get("authorized")
    if authorized is not None and not callable(authorized):
        wrong("authorized", "callable")
    fresh = given.get("fresh")
    if fresh is not None and (type(fresh) is not int or fresh <= 0):
        wrong("fresh", "a number of seconds above 0")
    answer = given.get("answer")
    if answer not in (None, "redirect", "401"):
        wrong("answer", "'redirect' or '401'")
    for option in ("basic", "bearer", "user_verified", "case_sensitive"):
        if type(given.get(option, False)) is not bool:
            wrong(option, "True or False")
    if not isinstance(given.get("name", ""), str):
        wrong("name", "a string")
    acr = ordered("acr", "one or more words of the provider for how strong a sign-in was")
    if acr is not None and not all(re.fullmatch(_SCOPE, word) for word in acr):
        wrong("acr", "one or more words of the provider for how strong a sign-in was")
    if acr is not None and (
        max(map(len, acr)) > _LONGEST_ACR or len(" ".join(acr)) > _LONGEST_ACRS
    ):  # nobody could ever pass
        wrong(
            "acr", f"words of {_LONGEST_ACR} characters at most, {_LONGEST_ACRS} characters in all"
        )
    scopes = words("scopes", "one or more scopes, each a word (leave it out for any)")
    if scopes is not None:
        if not all(re.fullmatch(_SCOPE, scope) for scope in scopes):
            wrong("scopes", "one or more scopes, each a word (leave it out for any)")
        if given.get("bearer") is not True:
            raise ConfigError(
                key,
                f"{spelling!r}: scopes are of access tokens, and the route takes none; set bearer",
            )
    return Route(
        source=source,
        methods=methods,
        has=_conditions(given, "has", key, spelling),
        missing=_conditions(given, "missing", key, spelling),
        authorized=authorized,
        allow_groups=words("allow_groups", "one or more names of groups (leave it out for any)"),
        fresh=fresh,
        acr=acr,
        answer=answer,
        basic=given.get("basic", False),
        bearer=given.get("bearer", False),
        scopes=scopes,
        user_verified=given.get("user_verified", False),
        case_sensitive=given.get("case_sensitive", True),
        name=given.get("name", ""),
    )


def _conditions(
    given: Mapping[str, Any], option: str, key: str, spelling: str
) -> tuple[Condition, ...]:
    entries = given.get(option) or ()
    where = f"{spelling!r}: {option}"
    if isinstance(entries, Mapping | Condition):
        entries = (entries,)
    if isinstance(entries, str) or not isinstance(entries, Iterable):
        raise ConfigError(key, f"{where} must be a list of conditions, not {entries!r}")
    return tuple(_condition(entry, key, where) for entry in entries)


def _condition(entry: object, key: str, where: str) -> Condition:
    example = '{"type": "header", "key": "x-beta", "value": "1"}'
    if isinstance(entry, Condition):
        entry = {"type": entry.type, "key": entry.key, "value": entry.value}
    if not isinstance(entry, Mapping):
        raise ConfigError(
            key, f"{where}: a condition is a mapping such as {example}, not {entry!r}"
        )
    names = ("type", "key", "value")
    for name in entry:
        if name not in names:
            raise ConfigError(key, f"{where}: unknown key {name!r}{hint(name, names)}")
    kind, name, value = entry.get("type"), entry.get("key"), entry.get("value")
    if kind not in _CONDITION_TYPES:
        raise ConfigError(
            key,
            f"{where}: type must be one of {', '.join(_CONDITION_TYPES)}, "
            f"not {kind!r}{hint(kind, _CONDITION_TYPES)}",
        )
    if kind == "host":
        if name is not None or not value:
            raise ConfigError(key, f"{where}: a host condition has a value and no key")
    elif not isinstance(name, str) or not name:
        raise ConfigError(key, f"{where}: a {kind} condition needs a key, as in {example}")
    if value is not None and not isinstance(value, str):
        raise ConfigError(key, f"{where}: value must be a pattern (a string), not {value!r}")
    return Condition(kind, name.lower() if kind == "header" and name else name, value)


def hint(word: object, known: Iterable[str]) -> str:
    """What was meant by ``word``, to go on a message with: the nearest, else all there are."""
    import difflib  # for a mistake only

    close = difflib.get_close_matches(str(word), list(known), 1, 0.5)
    return f"; did you mean {close[0]!r}?" if close else f" (known: {', '.join(known)})"
