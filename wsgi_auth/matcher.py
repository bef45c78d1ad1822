r"""Which routes apply to a request: the pattern language, the compiled set, the conditions.

What lives here: path-to-regexp 6 as Next.js uses it for ``matcher`` (:func:`compile_source`), the
trie that holds every pattern at once, and :class:`RouteMatcher`. What must not: sessions, who may
pass, answers, endpoints.

Two readings of every doubt. A pattern that *protects* is read widely: ``\d`` covers all Unicode
digits (frameworks route ``/reports/٣`` to an integer rule), ``.`` covers line ends, one reading
of the path that matches is enough. A pattern that makes an *exception* (``public``, ``ignore``) is
read narrowly: ASCII only, and every reading must match. Inside a negative look-ahead the two
change places, so that ``/((?!\d).*)`` excludes as little as it can.

Cost. Patterns go into one trie of segments; what is common to many is stored and tested once, and
a path is walked with a set of states, never with backtracking. A pattern whose own regular
expression may reach over a slash (``(.*)``, look-aheads) stands in a list at the node its literal
beginning leads to. What such an expression costs is its author's affair; repetition of nothing but
a repetition (``(?:a+)+``) is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeAlias
from urllib.parse import unquote_to_bytes

from wsgi_auth.errors import ConfigError
from wsgi_auth.paths import affordable_readings
from wsgi_auth.types import Condition, Environ, Route

__all__ = [
    "Explanation",
    "Plan",
    "ReadingTrace",
    "RouteMatcher",
    "as_route",
    "compile_source",
]

RouteSource: TypeAlias = "str | re.Pattern[str] | Mapping[str, Any] | Route"
RouteSources: TypeAlias = "RouteSource | Iterable[RouteSource]"

MAX_SOURCE = 4096  # characters; Next.js has the same limit

MEMO_PATHS = 1024  # per generation, of which there are two
MEMO_PATH_LENGTH = 256  # longer paths are not remembered: their senders choose them


# --- the public pieces ----------------------------------------------------------------------


class Plan:
    """What is known about a path before the rest of the request is looked at. Never changed.

    ``ignored``: the middleware reads nothing here. ``static``: the routes that apply to every
    request for the path. ``conditional``: those that depend on method, headers, cookies, query
    or host. ``routes(environ)`` puts them together, in the order of the configuration.
    ``session_is_enough``: a session of any kind satisfies every route there is.
    """

    __slots__ = ("_guards", "conditional", "ignored", "session_is_enough", "static")

    def __init__(self, guards: Sequence[_Guard] = (), ignored: bool = False) -> None:
        self._guards = guards
        self.ignored = ignored
        self.static = tuple([guard.route for guard in guards if not guard.conditional])
        self.conditional = tuple([guard.route for guard in guards if guard.conditional])
        self.session_is_enough = not any(
            guard.route.asks_for_more or guard.route.basic for guard in guards
        )

    def routes(self, environ: Environ) -> tuple[Route, ...]:
        """The routes that apply to this request; empty for none."""
        if not self.conditional:
            return self.static
        return tuple(guard.route for guard in self._guards if guard.applies(environ))


class RouteMatcher:
    """The compiled set of patterns; says which routes apply to a request.

    ``matcher`` and ``routes`` both protect. *All* routes that match are returned, and every one
    of them must agree later, so their order never decides. ``public`` holds exceptions to
    ``matcher`` only: a path that is public is still protected by each entry of ``routes`` that
    matches it. On an ``ignore`` path no route applies at all.

    A path is protected by a route if any reading of it matches (``wsgi_auth.paths``); it is
    public, or ignored, only if all do. (A reading with empty segments does not count against
    ``public`` and ``ignore``: its collapsed form, which does, says the same.) A path too long and
    too odd to be read is protected by every route and public to nobody.

    Entries are path-to-regexp strings, compiled patterns (full match), mappings, or
    :class:`Route`; a mistake is a :class:`ConfigError`. For ``public`` and ``ignore`` they have
    only ``source``, ``case_sensitive`` and ``name``.

    ``memo`` maps paths to plans; on the hot path read ``matcher.memo.get(path)`` and fall back to
    ``plan(path)``. Ask the attribute each time: a full memo is replaced, not emptied, so that
    readers need no lock.
    """

    def __init__(
        self,
        matcher: RouteSources = (),
        public: RouteSources = (),
        ignore: RouteSources = (),
        routes: RouteSources = (),
    ) -> None:
        guards = _guards(_entries(matcher, "matcher"), _entries(routes, "routes"))
        self._guards = guards
        self._protected = _PatternSet(((g.key, g.route) for g in guards), protects=True)
        self._public = _PatternSet(_exceptions(public, "public"), protects=False)
        self._ignored = _PatternSet(_exceptions(ignore, "ignore"), protects=False)
        self._everything = Plan(guards)
        self.memo: dict[str, Plan] = {}
        self._older: dict[str, Plan] = {}

    def match(self, environ: Environ) -> tuple[Route, ...]:
        """The routes that apply to this request, in the order of the configuration; empty for
        none."""
        return self.plan(environ.get("PATH_INFO", "")).routes(environ)

    def ignores(self, path_info: str) -> bool:
        """Whether every reading of the path matches ``ignore``."""
        return self.plan(path_info).ignored

    def plan(self, path_info: str) -> Plan:
        """What is known about a path; remembered for the paths that come again."""
        memo = self.memo
        plan = memo.get(path_info) or self._older.get(path_info)
        if plan is None:
            if type(path_info) is not str:  # None from an odd server: may be any page
                return self._everything
            plan = self._judge(affordable_readings(path_info))
        if len(path_info) <= MEMO_PATH_LENGTH and path_info not in memo:
            if len(memo) >= MEMO_PATHS:
                self._older, memo = memo, {}
                self.memo = memo
            memo[path_info] = plan
        return plan

    def explain(self, environ: Environ) -> Explanation:
        """How the answer of :meth:`match` comes about, for people."""
        path_info = environ.get("PATH_INFO", "")
        texts = affordable_readings(path_info)
        plan = self._judge(texts)
        applying = plan.routes(environ)
        return Explanation(
            path_info=path_info,
            readings=tuple(self._trace(text) for text in texts or ()),
            unreadable=texts is None,
            ignored=plan.ignored,
            public=texts is not None and self._public.covers(texts),
            routes=applying,
            not_applying=tuple(r for r in plan.static + plan.conditional if r not in applying),
        )

    def _judge(self, texts: tuple[str, ...] | None) -> Plan:
        """The decision, for a request and for its explanation alike."""
        if texts is None:
            return self._everything
        if self._ignored.covers(texts):
            return _IGNORED
        found = self._protected.touched_by(texts)
        if not found:
            return _OPEN
        guards = [self._guards[index] for index in found]
        if self._public.covers(texts):
            guards = [guard for guard in guards if guard.ignores_public]
        return Plan(guards)

    def _trace(self, text: str) -> ReadingTrace:
        found = [self._guards[index] for index in self._protected.find(text)]
        return ReadingTrace(
            text=text,
            ignore=self._ignored.sources(text),
            public=self._public.sources(text),
            matcher=tuple(_spelling(g.route) for g in found if not g.ignores_public),
            routes=tuple(_spelling(g.route) for g in found if g.ignores_public),
        )


@dataclass(frozen=True)
class ReadingTrace:
    """One reading of a path, and the sources that match it, by the option they stand in (one that
    stands in both ``matcher`` and ``routes`` is listed under ``routes``)."""

    text: str
    ignore: tuple[str, ...]
    public: tuple[str, ...]
    matcher: tuple[str, ...]
    routes: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a request is protected or not.

    ``routes`` apply. ``not_applying`` match the path, but not the method or the conditions.
    ``unreadable``: the path is too long and too odd, so every route matches and no reading is
    listed. ``public`` is about the path: a route from ``routes`` may protect it all the same.
    """

    path_info: str
    readings: tuple[ReadingTrace, ...]
    unreadable: bool
    ignored: bool
    public: bool
    routes: tuple[Route, ...]
    not_applying: tuple[Route, ...]

    @property
    def protected(self) -> bool:
        """Whether any route applies to the request."""
        return bool(self.routes)


# --- entries of a configuration to routes ---------------------------------------------------

_ROUTE_KEYS: Final = tuple(field.name for field in fields(Route))
_CONDITION_TYPES: Final = ("header", "cookie", "query", "host")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EXCEPTION_KEYS: Final = frozenset({"source", "case_sensitive", "name"})


def as_route(entry: RouteSource, key: str) -> Route:
    """The :class:`Route` that an entry stands for, checked; ``key`` is the option it stands in.

    Values have their final types: ``fresh`` is seconds, ``authorized`` a callable. The pattern is
    compiled by :class:`RouteMatcher`, which is where a mistake in it shows.
    """
    if isinstance(entry, str | re.Pattern):
        return Route(_source(entry, key))
    if isinstance(entry, Route):
        given = {name: getattr(entry, name) for name in _ROUTE_KEYS}
    elif isinstance(entry, Mapping):
        given = dict(entry)
        for name in given:
            if name not in _ROUTE_KEYS:
                raise ConfigError(key, f"unknown route option {name!r}{_hint(name, _ROUTE_KEYS)}")
        if "source" not in given:
            raise ConfigError(key, f"a route needs a source (a pattern): {given!r}")
    else:
        raise ConfigError(
            key,
            f"an entry is a pattern such as '/admin/:path*', a compiled regular expression, a "
            f"mapping with 'source', or a Route, not {entry!r}",
        )
    route = _checked(given, key)
    return entry if route == entry else route


def _checked(given: dict[str, Any], key: str) -> Route:
    source = _source(given["source"], key)
    spelling = source if isinstance(source, str) else source.pattern

    def wrong(option: str, expected: str) -> NoReturn:
        raise ConfigError(
            key, f"{spelling!r}: {option} must be {expected}, not {given.get(option)!r}"
        )

    def words(option: str, expected: str) -> frozenset[str] | None:
        value = given.get(option)
        if value is None:
            return None
        if isinstance(value, str):
            value = value.replace(",", " ").split() if option == "methods" else [value]
        if isinstance(value, Mapping) or not isinstance(value, Iterable):
            wrong(option, expected)
        found = frozenset(value)
        if not found or not all(isinstance(word, str) and word for word in found):
            wrong(option, expected)
        return found

    methods = words("methods", "one or more HTTP methods (leave it out for all)")
    if methods is not None:
        if not all(_METHOD.fullmatch(method) for method in methods) or "*" in methods:
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
    for option in ("basic", "case_sensitive"):
        if type(given.get(option, False)) is not bool:
            wrong(option, "True or False")
    if not isinstance(given.get("name", ""), str):
        wrong("name", "a string")
    return Route(
        source=source,
        methods=methods,
        has=_conditions(given, "has", key, spelling),
        missing=_conditions(given, "missing", key, spelling),
        authorized=authorized,
        allow_groups=words("allow_groups", "one or more names of groups (leave it out for any)"),
        fresh=fresh,
        answer=answer,
        basic=given.get("basic", False),
        case_sensitive=given.get("case_sensitive", True),
        name=given.get("name", ""),
    )


def _source(source: object, key: str) -> str | re.Pattern[str]:
    if isinstance(source, re.Pattern) and isinstance(source.pattern, str):
        return source
    if not isinstance(source, str):
        raise ConfigError(
            key,
            f"a source is a pattern such as '/admin/:path*' or a compiled regular expression of "
            f"str, not {source!r}",
        )
    if not source.startswith("/"):
        raise ConfigError(key, f"{source!r} must start with '/': try {'/' + source!r}")
    if len(source) > MAX_SOURCE:
        raise ConfigError(key, f"{source[:40]!r}... is longer than {MAX_SOURCE} characters")
    return source


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
            raise ConfigError(key, f"{where}: unknown key {name!r}{_hint(name, names)}")
    kind, name, value = entry.get("type"), entry.get("key"), entry.get("value")
    if kind not in _CONDITION_TYPES:
        raise ConfigError(
            key,
            f"{where}: type must be one of {', '.join(_CONDITION_TYPES)}, "
            f"not {kind!r}{_hint(kind, _CONDITION_TYPES)}",
        )
    if kind == "host":
        if name is not None or not value:
            raise ConfigError(key, f"{where}: a host condition has a value and no key")
    elif not isinstance(name, str) or not name:
        raise ConfigError(key, f"{where}: a {kind} condition needs a key, as in {example}")
    if value is not None and not isinstance(value, str):
        raise ConfigError(key, f"{where}: value must be a pattern (a string), not {value!r}")
    return Condition(kind, name.lower() if kind == "header" and name else name, value)


def _entries(given: RouteSources, key: str) -> Iterator[Route]:
    if isinstance(given, str | re.Pattern | Route | Mapping):
        given = (given,)
    if not isinstance(given, Iterable):
        raise ConfigError(key, f"must be a pattern or a list of them, not {given!r}")
    for entry in given:
        yield as_route(entry, key)


def _exceptions(given: RouteSources, key: str) -> Iterator[tuple[str, Route]]:
    for route in _entries(given, key):
        plain = Route(route.source, case_sensitive=route.case_sensitive, name=route.name)
        if plain != route:
            extra = [n for n in _ROUTE_KEYS if getattr(plain, n) != getattr(route, n)]
            raise ConfigError(
                key,
                f"{_spelling(route)!r} has {', '.join(extra)}; an exception has only "
                f"{', '.join(sorted(_EXCEPTION_KEYS))}. Put the condition on a route of 'matcher' "
                f"or 'routes'",
            )
        yield key, route


def _hint(word: object, known: Iterable[str]) -> str:
    import difflib  # for a mistake only

    close = difflib.get_close_matches(str(word), list(known), 1, 0.5)
    return f"; did you mean {close[0]!r}?" if close else f" (known: {', '.join(known)})"


def _spelling(route: Route) -> str:
    return route.source if isinstance(route.source, str) else route.source.pattern


# --- conditions -----------------------------------------------------------------------------

_Test: TypeAlias = Callable[[Environ], bool]

# What applications and their middlewares take a method from. It can only add routes: a client
# that sends DELETE here may get the application's DELETE.
_OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE")


class _Guard:
    """A route of ``matcher`` or ``routes`` with its conditions compiled."""

    __slots__ = ("_tests", "conditional", "ignores_public", "key", "route")

    def __init__(self, route: Route, ignores_public: bool, key: str) -> None:
        self.route = route
        self.ignores_public = ignores_public
        self.key = key
        self._tests: tuple[_Test, ...] = ()
        self.conditional = bool(route.methods or route.has or route.missing)
        if self.conditional:
            tests = [_condition_test(condition, True, key) for condition in route.has]
            tests += [_condition_test(condition, False, key) for condition in route.missing]
            if route.methods is not None:
                tests.insert(0, functools.partial(method_in, route.methods))
            self._tests = tuple(tests)

    def applies(self, environ: Environ) -> bool:
        """Whether method and conditions hold; a condition in doubt holds."""
        return all(test(environ) for test in self._tests)


def _guards(matcher: Iterable[Route], routes: Iterable[Route]) -> tuple[_Guard, ...]:
    """One guard for each different route, in the order of the configuration."""
    found: list[_Guard] = []
    first: dict[object, _Guard] = {}
    further: dict[object, list[_Guard]] = {}  # with a source that an earlier guard has too
    for key, entries in (("matcher", matcher), ("routes", routes)):
        for route in entries:
            namesake = first.get(route.source)
            guard = None
            if namesake is not None:
                same = (namesake, *further.get(route.source, ()))
                guard = next((guard for guard in same if guard.route == route), None)
            if guard is not None:
                guard.ignores_public |= key == "routes"
                continue
            guard = _Guard(route, key == "routes", key)
            found.append(guard)
            if namesake is None:
                first[route.source] = guard
            else:
                further.setdefault(route.source, []).append(guard)
    return tuple(found)


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
        matches = _compile_value(condition.value, key, wide=has).fullmatch
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
    header = environ.get("HTTP_COOKIE", "")
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
    query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
    pairs = query.split(b"&")
    if every and b";" in query:  # Bottle splits there too
        pairs += query.replace(b";", b"&").split(b"&")
    for pair in pairs:
        found, _, value = pair.partition(b"=")
        if _unquote(found) == name:
            yield _unquote(value)


def _unquote(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _host_values(environ: Environ, _: str, every: bool) -> Iterator[str]:
    host = (environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")).lower()
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


# --- many patterns at once ------------------------------------------------------------------


_NEVER: Final = "(?!)"
_NO_EDGES: Final[dict[_Step, _Node]] = {}  # shared, never written to


class _Node:
    """A place in the trie: the segments so far."""

    __slots__ = (
        "accepts", "again", "closure", "edges", "expressions", "literals", "tests", "wild",
    )  # fmt: skip

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.accepts: tuple[int, ...] = ()  # patterns that end here
        self.expressions: tuple[tuple[int, Callable[[str], object]], ...] = ()  # on the whole path
        # Only a node with edges other than literals has more than itself in its closure.
        self.edges: dict[_Step, _Node] = _NO_EDGES
        self.again: str | None = _NEVER  # the test of the segments that lead back to this node
        self.closure: tuple[_Node, ...] = (self,)  # itself, and where no segment leads
        self.wild: tuple[_Node, ...] = ()  # where any segment that is not empty leads
        self.tests: tuple[tuple[Callable[[str], object], tuple[_Node, ...]], ...] = ()


class _PatternSet:
    """Patterns by number, in the order given; says which of them match a text.

    A segment of the text leads from a set of nodes to the next set, so the cost is linear in
    the text whatever the patterns are. ``:a*`` is an edge that may be skipped, to a node that
    keeps itself for each further segment.
    """

    def __init__(self, routes: Iterable[tuple[str, Route]], protects: bool) -> None:
        self._routes: list[Route] = []
        self._root = _Node()
        self._branching: list[_Node] = []
        for index, (key, route) in enumerate(routes):
            self._routes.append(route)
            if isinstance(route.source, str):
                self._insert(index, route.source, key, protects, route.case_sensitive)
            else:
                self._root.expressions += ((index, _full_match(route.source, protects)),)
        # Children are made after their parents: backwards, each closure is ready when needed.
        for node in reversed(self._branching):
            _close(node)

    def sources(self, text: str) -> tuple[str, ...]:
        """The spelling of the patterns that match."""
        return tuple(_spelling(self._routes[index]) for index in self.find(text))

    def touched_by(self, texts: tuple[str, ...]) -> list[int]:
        """The patterns that match any of the texts, in order."""
        if len(texts) == 1:
            return self.find(texts[0])
        return sorted({index for text in texts for index in self.find(text)})

    def covers(self, texts: tuple[str, ...]) -> bool:
        """Whether each text without empty segments is matched by some pattern."""
        if not self._routes:
            return False
        telling = [text for text in texts if "//" not in text]
        return bool(telling) and all(map(self.find, telling))

    def find(self, text: str) -> list[int]:
        """The patterns that match the whole text, in order."""
        first, *segments = text.split("/")
        if first:  # no leading slash: only a compiled pattern of the user's can match
            return [index for index, match in self._root.expressions if match(text)]
        found: list[int] = []
        nodes = before = self._root.closure
        left = len(segments)
        for segment in segments:
            left -= 1
            before = nodes
            reached: list[_Node] = []
            for node in nodes:
                if node.expressions:
                    found += [index for index, match in node.expressions if match(text)]
                child = node.literals.get(segment)
                if child is not None:
                    reached += child.closure
                if segment:
                    reached += node.wild
                if node.tests:
                    for test, targets in node.tests:
                        if test(segment):
                            reached += targets
            nodes = tuple(dict.fromkeys(reached)) if len(reached) > 1 else tuple(reached)
            if not nodes:
                break
        for node in nodes:
            if node.expressions:
                found += [index for index, match in node.expressions if match(text)]
            found += node.accepts
        if not left and segments and not segments[-1]:  # one trailing slash is optional
            for node in before:
                found += node.accepts
        return sorted(set(found)) if len(found) > 1 else found

    def _insert(self, index: int, source: str, key: str, protects: bool, cased: bool) -> None:
        steps = _simple_steps(source) if cased else None
        if steps is None:
            tokens = _parse(source, key, protects)
            steps = _steps(tokens, cased)
            if steps is None:
                expression = _compile(tokens, source, key, cased)
                beginning = _literal_beginning(tokens) if cased else ()
                node = self._root
                for segment in beginning:
                    node = node.literals.setdefault(segment, _Node())
                node.expressions += ((index, expression.fullmatch),)
                return
        node = self._root
        for step in steps:
            if isinstance(step, str):
                child = node.literals.get(step)
                if child is None:
                    child = node.literals[step] = _Node()
            else:
                if not node.edges:
                    node.edges = {}
                    if node.again is _NEVER:  # else it is listed already
                        self._branching.append(node)
                child = node.edges.get(step)
                if child is None:
                    child = node.edges[step] = _Node()
                    if step.modifier in ("*", "+"):
                        child.again = step.test
                        self._branching.append(child)
            node = child
        node.accepts += (index,)


class _Step(NamedTuple):
    """A segment that is not literal: the expression it must match (None: any that is not empty)
    and ``?``, ``*``, ``+`` or nothing."""

    test: str | None
    modifier: str


def _close(node: _Node) -> None:
    """Put together where the edges of a node lead, now that its children are ready."""
    leads: list[tuple[str | None, tuple[_Node, ...]]] = []
    for (test, modifier), child in node.edges.items():
        if modifier == "*" or modifier == "?":
            node.closure += child.closure
        if modifier != "*":
            leads.append((test, child.closure))
    if node.again is not _NEVER:
        leads.append((node.again, node.closure))
    for test, targets in leads:
        if test is None:
            node.wild += targets
        else:
            node.tests += ((re.compile(test, re.DOTALL).fullmatch, targets),)


# --- the pattern language: path-to-regexp 6 -------------------------------------------------
#
# Written after the behaviour of path-to-regexp 6.3 with the options of Next.js (sensitive, not
# strict), which the tests hold it to. Two differences are meant. A parameter without an expression
# matches [^/]+ even where 6.3 excludes the text before it as well (its guard against backtracking,
# which atomic groups give us without missing a path), and ``#`` and ``?`` are ordinary characters,
# because PATH_INFO has no query. Refused here and not there: two parameters of one name, and
# what JavaScript reads otherwise than Python.


def compile_source(
    source: str, *, key: str = "matcher", protects: bool = True, case_sensitive: bool = True
) -> re.Pattern[str]:
    """The regular expression of a pattern; use it with ``fullmatch`` on a reading of a path.

    ``protects`` says which way a doubt is read (see the module). A mistake is a
    :class:`ConfigError` for the option ``key`` that names pattern, position, and what is right.
    """
    _source(source, key)
    return _compile(_parse(source, key, protects), source, key, case_sensitive)


class _Expression(NamedTuple):
    """A regular expression, translated to Python's, and what is known about it."""

    regex: str
    atoms: tuple[str, ...]  # its single characters, classes and escapes
    one_run: bool  # it is one atom, repeated with * or +
    looks: bool  # it looks around, or at the ends of the text

    def may_match(self, char: str) -> bool:
        return any(re.match(atom, char, re.DOTALL) for atom in self.atoms)

    @property
    def within_segment(self) -> bool:
        """Whether a text between two slashes is all it can see."""
        return not self.looks and not self.may_match("/")


_ANY: Final = _Expression("[^/]+", ("[^/]",), True, False)


class _Key(NamedTuple):
    """A parameter, or a group in braces (without ``expression``: prefix and suffix only)."""

    name: str
    prefix: str
    expression: _Expression | None
    suffix: str
    modifier: str

    @property
    def is_segments(self) -> bool:
        """Whether it stands for whole segments of any text: ``/:name``, ``/:rest*``, ..."""
        return self.expression is _ANY and self.prefix == "/" and not self.suffix


_Tokens: TypeAlias = "list[str | _Key]"


class _Lexeme(NamedTuple):
    kind: Literal["CHAR", "ESCAPED", "MODIFIER", "OPEN", "CLOSE", "NAME", "PATTERN", "END"]
    at: int
    value: str


_NAME = re.compile(r"[0-9A-Za-z_]+")
_PREFIXES: Final = "./"


class _Refusal:
    """Makes the errors of one pattern; an instance is called with position and problem."""

    def __init__(self, source: str, key: str) -> None:
        self.source = source
        self.key = key

    def __call__(self, index: int, problem: str, *right: str) -> NoReturn:
        shown = [source for source in dict.fromkeys(right) if self._compiles(source)]
        if shown:
            problem += "; write " + " or ".join(shown)
        raise ConfigError(self.key, f"{self.source!r} at position {index}: {problem}")

    def _compiles(self, source: str) -> bool:
        if source == self.source:
            return False
        try:
            _compile(_parse(source, self.key, True, hints=False), source, self.key, True)
        except ConfigError:
            return False
        return True


class _RefusalWithoutHints(_Refusal):
    def _compiles(self, source: str) -> bool:
        return False


def _lex(source: str, refuse: _Refusal) -> Iterator[_Lexeme]:
    index = 0
    while index < len(source):
        char = source[index]
        if char in "*+?":
            yield _Lexeme("MODIFIER", index, char)
        elif char == "\\":
            if index + 1 == len(source):
                refuse(index, "a backslash at the end escapes nothing", source[:-1])
            yield _Lexeme("ESCAPED", index, source[index + 1])
            index += 1
        elif char == "{":
            yield _Lexeme("OPEN", index, char)
        elif char == "}":
            yield _Lexeme("CLOSE", index, char)
        elif char == ":":
            name = _NAME.match(source, index + 1)
            if name is None:
                refuse(
                    index,
                    "a parameter needs a name of ASCII letters, digits and _ after the colon "
                    "(a colon itself is \\:)",
                    source[:index] + "\\" + source[index:],
                )
            yield _Lexeme("NAME", index, name[0])
            index = name.end() - 1
        elif char == "(":
            end = _closing_parenthesis(source, index, refuse)
            yield _Lexeme("PATTERN", index, source[index + 1 : end])
            index = end
        else:
            yield _Lexeme("CHAR", index, char)
        index += 1
    yield _Lexeme("END", index, "")


def _closing_parenthesis(source: str, start: int, refuse: _Refusal) -> int:
    """The position of the parenthesis that closes the one at ``start``, as path-to-regexp counts:
    also within ``[...]``."""
    depth, index, nested = 0, start, None
    while index < len(source):
        char = source[index]
        if char == "\\":
            index += 1
        elif char == "(":
            depth += 1
            if depth > 1 and nested is None and source[index + 1 : index + 2] != "?":
                nested = index
        elif char == ")":
            depth -= 1
            if depth == 0:
                break
        index += 1
    else:
        refuse(start, "this parenthesis is never closed (a parenthesis itself is \\( )")
    if source[start + 1] == "?":
        _refuse_question_mark(source, start, index, refuse)
    if nested is not None:
        refuse(
            nested,
            "a capturing group within an expression; (?: ) groups without capturing",
            source[: nested + 1] + "?:" + source[nested + 1 :],
        )
    if index == start + 1:
        refuse(
            start,
            "empty parentheses (for any text write (.*), a parenthesis itself is \\( )",
            source[:start] + "(.*)" + source[index + 1 :],
        )
    return index


def _refuse_question_mark(source: str, start: int, end: int, refuse: _Refusal) -> NoReturn:
    """``/(?!api).*``: regular expressions are written in parentheses of their own."""
    before, group, after = source[:start], source[start : end + 1], source[end + 1 :]
    if named := re.match(r"\(\?P?<([0-9A-Za-z_]+)>(.+)\)\Z", group, re.DOTALL):
        right = [f"{before}:{named[1]}({named[2]}){after}"]
    elif group.startswith("(?:"):
        right = [f"{before}({group[3:-1]}){after}"]
    elif run := re.match(r"(?:\.[*+])?\$?(?=/|\Z)", after):
        right = [f"{before}({group}{run[0].rstrip('$') or '.*'}){after[run.end() :]}"]
    elif after.startswith(":"):
        name = _NAME.match(after, 1)
        rest = after[name.end() :].lstrip("*+?") if name else after
        right = [f"{before}:{name[0]}({group}.*){rest}" if name else f"{before}({group}.*)"]
    else:
        right = [f"{before}({group}{after})", f"{before}({group}.*){after}"]
    refuse(
        start + 1,
        "an expression may not start with '?'; a look-ahead stands, with what follows it, in "
        "parentheses of its own",
        *right[:1],
    )


def _parse(source: str, key: str, protects: bool, hints: bool = True) -> _Tokens:
    refuse = _Refusal(source, key) if hints else _RefusalWithoutHints(source, key)
    lexemes = list(_lex(source, refuse))
    tokens: _Tokens = []
    names: set[str] = set()
    position = 0
    text = ""

    def take(*kinds: str) -> _Lexeme | None:
        nonlocal position
        if lexemes[position].kind not in kinds:
            return None
        position += 1
        return lexemes[position - 1]

    def flush() -> None:
        nonlocal text
        if text:
            tokens.append(text)
            text = ""

    def take_text() -> str:
        found = ""
        while lexeme := take("CHAR", "ESCAPED"):
            found += lexeme.value
        return found

    def add(
        name: _Lexeme | None, pattern: _Lexeme | None, prefix: str, suffix: str, index: int
    ) -> None:
        modifier = take("MODIFIER")
        repeated = modifier is not None and modifier.value in "*+"
        if name is not None:
            if name.value in names:
                refuse(name.at, f"the parameter name {name.value!r} is used twice")
            names.add(name.value)
        expression = None
        if pattern is not None:
            expression = _translate(
                pattern.value, protects, lambda at, problem: refuse(pattern.at + 1 + at, problem)
            )
        elif name is not None:
            expression = _ANY
            if tokens and isinstance(tokens[-1], _Key) and not prefix:
                refuse(
                    index,
                    "two parameters need some text between them",
                    source[:index] + "/" + source[index:],
                    source[:index] + "-" + source[index:],
                )
        if repeated and expression is not None:
            separator = suffix + prefix
            if not separator:
                at = source[:index]
                refuse(
                    index,
                    "what is repeated needs a prefix or suffix to tell one from the next",
                    f"{at}/{source[index:]}",
                    f"{at}(.*){source[modifier.at + 1 :]}" if modifier else "",
                )
            if not expression.one_run and all(map(expression.may_match, separator)):
                refuse(
                    index,
                    f"a repeated expression that matches its own separator {separator!r} takes "
                    f"exponential time; leave the repetition out, or exclude the separator",
                )
        tokens.append(
            _Key(
                name.value if name else "",
                prefix,
                expression,
                suffix,
                modifier.value if modifier else "",
            )
        )

    while True:
        char = take("CHAR")
        start = lexemes[position].at
        name, pattern = take("NAME"), take("PATTERN")
        if name or pattern:
            prefix = char.value if char else ""
            if prefix not in _PREFIXES:
                text += prefix
                prefix = ""
            flush()
            add(name, pattern, prefix, "", start)
            continue
        literal = char or take("ESCAPED")
        if literal:
            text += literal.value
            continue
        flush()
        if opened := take("OPEN"):
            prefix = take_text()
            name, pattern = take("NAME"), take("PATTERN")
            suffix = take_text()
            if not take("CLOSE"):
                _refuse_in_group(lexemes[position], opened, refuse)
            add(name, pattern, prefix, suffix, opened.at)
            continue
        stray = lexemes[position]
        if stray.kind == "END":
            return tokens
        _refuse_stray(stray, source, refuse)


def _refuse_in_group(found: _Lexeme, opened: _Lexeme, refuse: _Refusal) -> NoReturn:
    if found.kind == "END":
        refuse(opened.at, "this brace is never closed (a brace itself is \\{ )")
    if found.kind == "OPEN":
        refuse(found.at, "groups in braces do not nest")
    refuse(
        found.at,
        f"unexpected {found.value!r} in a group: braces hold a text, one parameter and a text",
    )


def _refuse_stray(found: _Lexeme, source: str, refuse: _Refusal) -> NoReturn:
    before, after = source[: found.at], source[found.at + 1 :]
    if found.kind == "CLOSE":
        refuse(found.at, "a brace is closed that was never opened (a brace itself is \\} )")
    escaped = f"{before}\\{found.value}{after}"
    if found.value == "*":
        stem = before.rstrip("/")
        name = "path"
        while f":{name}" in source:
            name += "_"
        refuse(
            found.at,
            "'*' repeats a parameter or a group, and here is none before it",
            f"{stem}/:{name}*{after}",
            f"{before}(.*){after}",
        )
    refuse(
        found.at,
        f"{found.value!r} belongs behind a parameter or a group, and here is none before it",
        f"{before[:-1]}{{{before[-1]}}}{found.value}{after}",
        escaped,
    )


# --- tokens to one expression ---------------------------------------------------------------


class _Repeat(NamedTuple):
    """A part with a modifier: the ready expression, and what it says segment by segment."""

    regex: str
    step: _Step | None


_Part: TypeAlias = "str | _Expression | _Repeat"


def _compile(tokens: _Tokens, source: str, key: str, case_sensitive: bool) -> re.Pattern[str]:
    flags = re.DOTALL if case_sensitive else re.DOTALL | re.IGNORECASE
    regex = _join(_parts(_merged(tokens))) + "/?"
    try:
        return re.compile(regex, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            key, f"{source!r}: Python cannot compile its expression: {error}"
        ) from None


def _merged(tokens: _Tokens) -> list[str | _Key | _Repeat]:
    """The tokens with neighbours such as ``/:a*/:b*`` as one count of segments: what lies where
    between them does not matter, and trying all divisions is polynomial."""
    merged: list[str | _Key | _Repeat] = []
    run: list[_Key] = []

    def flush() -> None:
        if len(run) > 1 and any(key.modifier for key in run):
            least = sum(key.modifier in ("", "+") for key in run)
            most = "" if any(key.modifier in ("*", "+") for key in run) else str(len(run))
            merged.append(_Repeat(f"(?:/[^/]+){{{least},{most}}}", None))
        else:
            merged.extend(run)
        run.clear()

    for token in tokens:
        if isinstance(token, _Key) and token.is_segments:
            run.append(token)
        else:
            flush()
            merged.append(token)
    flush()
    return merged


def _parts(tokens: Iterable[str | _Key | _Repeat]) -> list[_Part]:
    """Texts, expressions and repetitions one after the other; no two texts are neighbours."""
    parts: list[_Part] = []

    def add_text(text: str) -> None:
        if text and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)

    for token in tokens:
        if isinstance(token, str):
            add_text(token)
        elif isinstance(token, _Repeat):
            parts.append(token)
        elif token.modifier:
            parts.append(_repeat(token))
        else:
            add_text(token.prefix)
            if token.expression is not None:
                parts.append(token.expression)
            add_text(token.suffix)
    return parts


def _repeat(key: _Key) -> _Repeat:
    prefix, suffix, expression = re.escape(key.prefix), re.escape(key.suffix), key.expression
    if expression is None:
        return _Repeat(f"(?:{prefix}{suffix}){key.modifier}", None)
    once = f"(?:{expression.regex})"
    if key.modifier == "?":
        regex = f"(?:{prefix}{once}{suffix})?"
    else:
        # A run of what the separator is made of says the same with and without repetition.
        if not (expression.one_run and all(map(expression.may_match, key.suffix + key.prefix))):
            once = f"{once}(?:{suffix}{prefix}{once})*"
        regex = f"(?:{prefix}{once}{suffix})" + ("?" if key.modifier == "*" else "")
    step = None
    if key.prefix == "/" and not key.suffix and expression.within_segment:
        step = _Step(None if expression is _ANY else expression.regex, key.modifier)
    return _Repeat(regex, step)


def _join(parts: list[_Part]) -> str:
    regex = ""
    index = 0
    while index < len(parts):
        part = parts[index]
        if isinstance(part, str):
            regex += re.escape(part)
        elif isinstance(part, _Repeat):
            regex += part.regex
        elif part is _ANY and parts[index + 2 : index + 3] == [_ANY]:
            # ``:a-:b``: the first "-" will do, for :b takes all that a later one would leave. So
            # :a need not be tried again, and ``:a-:b-:c`` stays linear (CVE-2024-45296).
            text = parts[index + 1]
            if isinstance(text, str) and "/" not in text:
                regex += f"(?>[^/]+?{re.escape(text)})"
                index += 1
            else:
                regex += part.regex
        else:
            regex += f"(?:{part.regex})"
        index += 1
    return regex


# --- tokens to segments ---------------------------------------------------------------------

_SIMPLE = re.compile(r"(?:/(?:[^/:(){}*+?\\]*|:[0-9A-Za-z_]+[*+?]?))+")


def _simple_steps(source: str) -> list[str | _Step] | None:
    """:func:`_steps` of a pattern whose segments are texts and whole parameters; None for another,
    and for one with a mistake in it. It makes thousands of patterns quick to read, no more."""
    if not _SIMPLE.fullmatch(source) or not source.startswith("/"):
        return None
    steps: list[str | _Step] = []
    segments = source.split("/")[1:]
    if ":" not in source:
        return list(segments)
    names: set[str] = set()
    for segment in segments:
        if segment[:1] == ":":
            name = segment.rstrip("*+?")
            if name in names:
                return None
            names.add(name)
            steps.append(_Step(None, segment[len(name) :]))
        else:
            steps.append(segment)
    return steps


def _steps(tokens: _Tokens, case_sensitive: bool) -> list[str | _Step] | None:
    """The pattern as a row of segments, or None if some part of it may reach over a slash."""
    steps: list[str | _Step] = []
    segment: list[_Part] | None = None  # None: a slash, or the end, must come

    def close() -> None:
        if segment is not None:
            steps.append(_segment(segment, case_sensitive))

    for part in _parts(tokens):
        if isinstance(part, str):
            head, *more = part.split("/")
            if head:
                if segment is None:
                    return None
                segment.append(head)
            for text in more:
                close()
                segment = [text] if text else []
        elif isinstance(part, _Repeat):
            if part.step is None:
                return None
            close()
            segment = None
            steps.append(_cased(part.step, case_sensitive))
        elif segment is None or not part.within_segment:
            return None
        else:
            segment.append(part)
    close()
    return steps


def _segment(parts: list[_Part], case_sensitive: bool) -> str | _Step:
    if not parts:
        return ""
    if parts == [_ANY]:
        return _Step(None, "")
    if case_sensitive and len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return _cased(_Step(_join(parts), ""), case_sensitive)


def _cased(step: _Step, case_sensitive: bool) -> _Step:
    return (
        step if case_sensitive or step.test is None else _Step(f"(?i:{step.test})", step.modifier)
    )


def _literal_beginning(tokens: _Tokens) -> tuple[str, ...]:
    """The whole segments that any text the pattern matches begins with."""
    beginning, *rest = tokens
    if not isinstance(beginning, str):
        return ()
    if rest and isinstance(rest[0], _Key) and rest[0].modifier in ("", "+"):
        beginning += rest[0].prefix
    return tuple(beginning.split("/")[1:-1])


def _full_match(pattern: re.Pattern[str], protects: bool) -> Callable[[str], object]:
    """``fullmatch`` of a user's compiled pattern. One that protects ``/admin`` protects
    ``/admin/``, which many frameworks serve alike."""
    if not protects:
        return pattern.fullmatch

    def matches(text: str) -> object:
        return pattern.fullmatch(text) or (
            text.endswith("/") and pattern.fullmatch(text[:-1] or "/")
        )

    return matches


# --- JavaScript's regular expressions to Python's -------------------------------------------

_Fail: TypeAlias = Callable[[int, str], NoReturn]

# What stands in a class for each shorthand, read widely and narrowly. A complement is wide where
# the class itself is narrow.
_SHORTHANDS: Final[Mapping[tuple[str, bool], str]] = {
    ("d", True): r"\d",
    ("d", False): "0-9",
    ("D", True): r"\x00-/:-\U0010ffff",
    ("D", False): r"\D",
    ("w", True): r"\w",
    ("w", False): "0-9A-Za-z_",
    ("W", True): r"\x00-/:-@\[-\^`{-\U0010ffff",
    ("W", False): r"\W",
    ("s", True): r"\s",
    ("s", False): r" \t\n\r\f\v",
    ("S", True): r"\x00-\x08\x0e-\x1f!-\U0010ffff",
    ("S", False): r"\S",
}
_CONTROL_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_HEX_ESCAPE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_QUANTIFIER = re.compile(r"([*+?]|\{[0-9]+(?:,[0-9]*)?\})(\??)")
_OPENING = re.compile(r"\((?:\?(:|=|!|<=|<!|<[A-Za-z_$][0-9A-Za-z_$]*>))?")
_LINE_ENDS: Final = r"\n\r\u2028\u2029"


class _Group:
    """An open group: how its inside is read, and whether an alternative is only a repetition."""

    __slots__ = ("alternatives", "looks", "only_repetition", "repeats", "units", "wide")

    def __init__(self, wide: bool, looks: bool) -> None:
        self.wide = wide
        self.looks = looks
        self.units = 0  # of the alternative being read
        self.repeats = False  # its last unit is repeated without end
        self.only_repetition = False
        self.alternatives = 1

    def end_alternative(self) -> None:
        self.only_repetition |= self.units == 1 and self.repeats
        self.units, self.repeats = 0, False


def _translate(text: str, wide: bool, fail: _Fail) -> _Expression:
    """An expression of JavaScript (without flags) as Python's; ``fail`` gets what has no equal.

    The result is for ``re.DOTALL``. Captures, which a condition's value may have, group only.
    """
    out: list[str] = []
    atoms: list[str] = []
    looks = False
    groups = [_Group(wide, False)]
    index = 0
    one_run = False
    while index < len(text):
        start, char, group = index, text[index], groups[-1]
        repeats, quantifiable = False, True
        if char == "(":
            opening = _OPENING.match(text, index)
            kind = opening[1] if opening else None
            if opening is None or (kind is None and text.startswith("(?", index)):
                fail(
                    index, f"JavaScript knows no group that begins with {text[index : index + 4]!r}"
                )
            around = kind in ("=", "!", "<=", "<!")
            looks |= around
            out.append(f"(?{kind}" if around else "(?:")
            groups.append(_Group(group.wide ^ (kind in ("!", "<!")), around))
            index = opening.end()
            continue
        if char == "|":
            group.end_alternative()
            group.alternatives += 1
            out.append(char)
            index += 1
            continue
        if char == ")":
            if len(groups) == 1:
                fail(index, "a parenthesis is closed that was never opened")
            groups.pop()
            group.end_alternative()
            out.append(char)
            repeats = group.only_repetition
            group = groups[-1]
            index += 1
        elif char in "^$":
            looks = True
            out.append(r"\A" if char == "^" else r"\Z")
            quantifiable = False
            index += 1
        elif char == "\\" and text[index + 1 : index + 2] in ("b", "B"):
            looks = True
            boundary = text[index : index + 2]
            # Unicode's word boundaries or ASCII's (JavaScript's): either, or both
            either = "|" if group.wide else ""
            out.append(f"(?:{boundary}{either}(?a:{boundary}))")
            quantifiable = False
            index += 2
        elif found := _QUANTIFIER.match(text, index):
            fail(index, f"{found[1]!r} has nothing to repeat")
        else:
            atom, index = _atom(text, index, group.wide, fail)
            out.append(atom)
            atoms.append(atom)
        quantifier = _QUANTIFIER.match(text, index)
        if quantifier:
            endless = quantifier[1] in ("*", "+") or quantifier[1].endswith(",}")
            if not quantifiable:
                fail(index, f"{quantifier[1]!r} has nothing to repeat")
            if endless and repeats and char == ")":
                fail(index, "a repetition of nothing but a repetition takes exponential time")
            out.append(quantifier[0])
            index = quantifier.end()
            if again := _QUANTIFIER.match(text, index):
                fail(index, f"{again[1]!r} follows another quantifier")
            repeats |= endless
            one_run = start == 0 and char != ")" and quantifier[1] in ("*", "+")
            one_run = one_run and index == len(text)
        group.units += 1
        group.repeats = repeats
    if len(groups) > 1:
        fail(len(text), "a parenthesis is never closed")
    regex = "".join(out)
    try:
        re.compile(regex, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        fail(0, f"Python cannot compile the expression: {error}")
    return _Expression(regex, tuple(dict.fromkeys(atoms)), one_run, looks)


def _atom(text: str, index: int, wide: bool, fail: _Fail) -> tuple[str, int]:
    """One character, class or escape that matches a character: its translation, and its end."""
    char = text[index]
    if char == "[":
        return _class(text, index, wide, fail)
    if char == ".":
        return (".", index + 1) if wide else (f"[^{_LINE_ENDS}]", index + 1)
    if char == "\\":
        inside, index, _ = _escape(text, index, wide, fail)
        return f"[{inside}]", index
    return re.escape(char), index + 1


def _class(text: str, start: int, wide: bool, fail: _Fail) -> tuple[str, int]:
    index = start + 1
    negated = text[index : index + 1] == "^"
    index += negated
    members: list[tuple[str, bool]] = []  # with: is it a single character?
    while index < len(text) and text[index] != "]":
        if text[index] == "\\":
            inside, index, single = _escape(text, index, wide ^ negated, fail)
            members.append((inside, single))
        else:
            members.append((text[index] if text[index] == "-" else _plain(text[index]), True))
            index += 1
    if index == len(text):
        fail(start, "this class is never closed (a bracket itself is \\[ )")
    inside = ""
    for position, (member, _) in enumerate(members):
        if member == "-":  # a range only between two single characters
            around = members[max(position - 1, 0) : position + 2]
            is_range = len(around) == 3 and all(single for _, single in around)
            member = "-" if is_range and not inside.endswith("-") else r"\-"
        inside += member
    if not members:
        return (r"[\s\S]" if negated else "(?!)"), index + 1
    return f"[{'^' if negated else ''}{inside}]", index + 1


def _plain(char: str) -> str:
    """A character as it stands in a class of Python's, where more of them mean something."""
    return "\\" + char if char in r"\]^-[&~|" else char


def _escape(text: str, index: int, wide: bool, fail: _Fail) -> tuple[str, int, bool]:
    """The escape at ``index`` as the inside of a class; its end; if it is a single character."""
    char = text[index + 1 : index + 2]
    if not char:
        fail(index, "a backslash at the end escapes nothing")
    if (char, wide) in _SHORTHANDS:
        return _SHORTHANDS[char, wide], index + 2, False
    if char == "b":  # in a class only: see _translate
        return r"\x08", index + 2, True
    if char in _CONTROL_ESCAPES and not (char == "0" and text[index + 2 : index + 3].isdigit()):
        return _plain(_CONTROL_ESCAPES[char]), index + 2, True
    if found := _HEX_ESCAPE.match(text, index + 1):
        return _plain(chr(int(found[1] or found[2], 16))), found.end(), True
    if char.isdigit():
        fail(index, f"\\{char}: references to groups are not supported")
    if char.isascii() and char.isalpha():
        fail(index, f"\\{char} means other things in JavaScript and Python (a letter: [{char}])")
    return _plain(char), index + 2, True


def _compile_value(value: str, key: str, wide: bool) -> re.Pattern[str]:
    """The expression of a condition's value, for ``fullmatch``."""

    def fail(at: int, problem: str) -> NoReturn:
        raise ConfigError(key, f"the value {value!r} at position {at}: {problem}")

    return re.compile(_translate(value, wide, fail).regex, re.DOTALL)


_OPEN: Final = Plan()
_IGNORED: Final = Plan(ignored=True)
