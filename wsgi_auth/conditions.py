"""What of a request, but for its path, a route may depend on: methods, ``has`` and ``missing``.

What lives here: where a value is looked for. A condition in doubt holds: whoever gets around it
gets around a route.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from wsgi_auth.errors import ConfigError
from wsgi_auth.types import Condition, Environ, Route

_Test: TypeAlias = Callable[[Environ], bool]

# What applications and their middlewares take a method from. It can only add routes: a client
# that sends DELETE here may get the application's DELETE.
_OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE")


def tests_of(route: Route, key: str) -> tuple[_Test, ...]:
    """What must hold of a request for the route to apply; ``key`` is where it stands, which a
    :class:`ConfigError` for a value that is no pattern names."""
    tests = []
    for option, conditions in (("has", route.has), ("missing", route.missing)):
        for condition in conditions:
            try:
                tests.append(_condition_test(condition, option == "has", key))
            except ConfigError as error:
                spelling = getattr(route.source, "pattern", route.source)
                raise ConfigError(key, f"{spelling!r}: {option}: {error.problem}") from None
    if route.methods is not None:
        tests.insert(0, functools.partial(method_in, route.methods))
    return tuple(tests)


def method_in(methods: frozenset[str], environ: Environ) -> bool:
    """Whether a route with these methods covers this request; in doubt it does."""
    method = environ.get("REQUEST_METHOD")
    if not method:
        return True
    sent = [method, *(environ[name] for name in _OVERRIDES if name in environ)]
    for method in sent:
        method = method.strip().upper()  # Bottle upper-cases it (R045)
        if method in methods or (method == "HEAD" and "GET" in methods):
            return True
    return False


def _condition_test(condition: Condition, has: bool, key: str) -> _Test:
    """``has`` or ``missing``, such that a client cannot get out of a route by repeating things.

    Where a name comes several times, frameworks disagree on which one counts. So one value that
    matches is enough for ``has``, and all must match before ``missing`` does not hold.
    """
    values = _VALUES[condition.type]
    name = condition.key or ""
    if condition.value is None:
        matches: Callable[[str], object] = bool
    else:
        from wsgi_auth.patterns import compile_value

        matches = compile_value(condition.value, key, wide=has).fullmatch
    if has:
        return lambda environ: any(matches(value) for value in values(environ, name, True))

    def missing(environ: Environ) -> bool:
        found = list(values(environ, name, False))
        return not found or not all(matches(value) for value in found)

    return missing


# Each yields the values that something has in a request. ``every``: also those that only some
# would see (what a comma joined, another separator, quotes).


def _header_values(environ: Environ, name: str, every: bool) -> Iterator[str]:
    field = name.upper().replace("-", "_")
    if field not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        field = "HTTP_" + field
    value = environ.get(field)
    if value is not None:
        yield value
        if every and "," in value:  # servers join repeated headers with a comma
            yield from (part.strip(" \t") for part in value.split(","))


def _cookie_values(environ: Environ, name: str, every: bool) -> Iterator[str]:
    # One linear split: http.cookies and WebOb take seconds for some headers of 32 kB.
    header = environ.get("HTTP_COOKIE") or ""
    pairs = header.split(";")
    if every and "," in header:  # two Cookie headers, joined by a server
        pairs += header.replace(";", ",").split(",")
    for pair in pairs:
        found, equals, value = pair.partition("=")
        if equals and found.strip(" \t") == name:
            value = value.strip(" \t")
            yield value
            if every and len(value) > 1 and value[0] == value[-1] == '"':
                yield value[1:-1]


def _query_values(environ: Environ, name: str, every: bool) -> Iterator[str]:
    query = (environ.get("QUERY_STRING") or "").encode("latin-1", "replace")
    pairs = query.split(b"&")
    if every and b";" in query:  # Bottle splits there too
        pairs += query.replace(b";", b"&").split(b"&")
    for pair in pairs:
        found, _, value = pair.partition(b"=")
        if _unquote(found) == name:
            yield _unquote(value)


def _unquote(text: bytes) -> str:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _host_values(environ: Environ, _: str, every: bool) -> Iterator[str]:
    host = (environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or "").lower()
    hosts = [host, *host.split(",")] if every and "," in host else [host]
    for host in hosts:
        name = re.sub(r":[0-9]*\Z", "", host.strip(" \t"))
        yield name
        if every and name.endswith("."):
            yield name[:-1]


_VALUES: Final[Mapping[str, Callable[[Environ, str, bool], Iterator[str]]]] = {
    "header": _header_values,
    "cookie": _cookie_values,
    "query": _query_values,
    "host": _host_values,
}
