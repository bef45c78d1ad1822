r"""Which routes apply to a request: the compiled set of patterns.

What lives here: the trie that holds every pattern at once, and :class:`RouteMatcher`. What must
not: how one pattern is read (``patterns``), what else a route may say (``routes``), what its
conditions look at (``conditions``), sessions, who may pass, answers, endpoints.

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

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wsgi_auth.errors import ConfigError
from wsgi_auth.paths import affordable_readings
from wsgi_auth.types import NOTHING, Environ, Route, Step

if TYPE_CHECKING:
    from wsgi_auth.explained import Explanation, ReadingTrace

__all__ = [
    "Plan",
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
    ``session_is_enough``: a session of any kind satisfies every route there is. ``own``: what was
    said to be at this path, where no route applies and nothing is ignored; None for nothing.
    ``is_open``: there is neither a route nor ``own``.
    """

    __slots__ = (
        "_guards", "conditional", "ignored", "is_open", "own", "session_is_enough", "static"
    )  # fmt: skip

    def __init__(
        self, guards: Sequence[_Guard] = (), ignored: bool = False, own: Any = None
    ) -> None:
        self._guards = guards
        self.ignored = ignored
        self.own = own
        self.is_open = not guards and own is None
        self.static = tuple([guard.route for guard in guards if not guard.conditional])
        self.conditional = tuple([guard.route for guard in guards if guard.conditional])
        self.session_is_enough = not any(
            guard.route.asks_for_more or guard.route.schemes for guard in guards
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
    only ``source``, ``case_sensitive`` and ``name``. Two go by the path exactly as it comes:
    ``own``, what is at which path, for :attr:`Plan.own`, and ``pages``, which no route protects.

    ``memo`` maps paths to plans; on the hot path read ``matcher.memo[path]`` and fall back to
    ``plan(path)``. Ask the attribute each time: a full memo is replaced, not emptied, so that
    readers need no lock.
    """

    def __init__(
        self,
        matcher: RouteSources = (),
        public: RouteSources = (),
        ignore: RouteSources = (),
        routes: RouteSources = (),
        *,
        own: Mapping[str, Any] = NOTHING,
        pages: Iterable[str] = (),
    ) -> None:
        guards = _guards(_entries(matcher, "matcher"), _entries(routes, "routes"))
        self._guards = guards
        self._protected = _PatternSet(((g.key, g.route) for g in guards), protects=True)
        self._public = _PatternSet(_exceptions(public, "public"), protects=False)
        self._ignored = _PatternSet(_exceptions(ignore, "ignore"), protects=False)
        self._own = own
        #: The paths that no route protects, whatever its pattern.
        self.pages = frozenset(pages)
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
            own = self._own.get(path_info)
            if own is not None:
                plan = Plan(own=own)
            else:
                plan = self._judge(path_info, affordable_readings(path_info))
        if len(path_info) <= MEMO_PATH_LENGTH and path_info not in memo:
            if len(memo) >= MEMO_PATHS:
                self._older, memo = memo, {}
                self.memo = memo
            memo[path_info] = plan
        return plan

    def explain(self, environ: Environ) -> Explanation:
        """How the answer of :meth:`match` comes about, for people."""
        from wsgi_auth.explained import Explanation  # no request needs it

        path_info = environ.get("PATH_INFO", "")
        texts = affordable_readings(path_info)
        plan = self._judge(path_info, texts)
        applying = plan.routes(environ)
        return Explanation(
            path_info=path_info,
            readings=tuple(self._trace(text) for text in texts or ()),
            unreadable=texts is None,
            ignored=plan.ignored,
            page=path_info in self.pages,
            public=texts is not None and self._public.covers(texts),
            routes=applying,
            not_applying=tuple(r for r in plan.static + plan.conditional if r not in applying),
        )

    def _judge(self, path_info: str, texts: tuple[str, ...] | None) -> Plan:
        """The decision, for a request and for its explanation alike."""
        if texts is not None and self._ignored.covers(texts):
            return _IGNORED
        if path_info in self.pages:
            return _OPEN
        if texts is None:
            return self._everything
        found = self._protected.touched_by(texts)
        if not found:
            return _OPEN
        guards = [self._guards[index] for index in found]
        if self._public.covers(texts):
            guards = [guard for guard in guards if guard.ignores_public]
        return Plan(guards)

    def _trace(self, text: str) -> ReadingTrace:
        from wsgi_auth.explained import ReadingTrace

        found = [self._guards[index] for index in self._protected.find(text)]
        return ReadingTrace(
            text=text,
            ignore=self._ignored.sources(text),
            public=self._public.sources(text),
            matcher=tuple(_spelling(g.route) for g in found if not g.ignores_public),
            routes=tuple(_spelling(g.route) for g in found if g.ignores_public),
        )


# --- entries of a configuration to routes ---------------------------------------------------

_ROUTE_KEYS: Final[tuple[str, ...]] = Route.__match_args__
# Slips in an INI file or a variable that would leave a pattern without a path to protect. Compiled
# where there is a blank or a comma: hardly a pattern has one.
_COMMENT, _SEVERAL = r"\s[#;]", r"(?<!\\)[,\s]/"
_EXCEPTION_KEYS: Final = frozenset({"source", "case_sensitive", "name"})


def as_route(entry: RouteSource, key: str) -> Route:
    """The :class:`Route` that an entry stands for, checked; ``key`` is the option it stands in.

    Values have their final types: ``fresh`` is seconds, ``authorized`` a callable. The pattern is
    compiled by :class:`RouteMatcher`, which is where a mistake in it shows.
    """
    if isinstance(entry, str | re.Pattern):
        return Route(_source(entry, key))
    if isinstance(entry, Route):
        if type(entry) is Route and vars(entry) == {"source": entry.source}:  # nothing else given
            _source(entry.source, key)
            return entry
        given = {name: getattr(entry, name) for name in _ROUTE_KEYS}
        key = place(key, entry)
    elif isinstance(entry, Mapping):
        given = dict(entry)
        for name in given:
            if name not in _ROUTE_KEYS:
                from wsgi_auth.routes import hint  # for a mistake only

                raise ConfigError(key, f"unknown route option {name!r}{hint(name, _ROUTE_KEYS)}")
        if "source" not in given:
            raise ConfigError(key, f"a route needs a source (a pattern): {given!r}")
    else:
        raise ConfigError(
            key,
            f"an entry is a pattern such as '/admin/:path*', a compiled regular expression, a "
            f"mapping with 'source', or a Route, not {entry!r}",
        )
    # imported here: most configurations have none but patterns
    from wsgi_auth.routes import checked

    route = checked(given, _source(given["source"], key), key)
    return entry if isinstance(entry, Route) and route == entry else route


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
        path = re.sub(r"^(https?://[^/]*)?[\^/]*", "/", source)
        raise ConfigError(key, f"{source!r} must start with '/': try {path!r}")
    is_odd = "," in source or len(source.split(None, 1)) > 1
    if is_odd and re.search(_COMMENT, source):
        raise ConfigError(
            key, f"{source!r} has a comment behind it, which must stand on a line of its own"
        )
    if is_odd and re.search(_SEVERAL, source):
        raise ConfigError(
            key,
            f"{source!r} holds several patterns: write one a line, or a list (a comma or a blank "
            "that stands before a slash is \\, or \\ and the blank)",
        )
    if len(source) > MAX_SOURCE:
        raise ConfigError(key, f"{source[:40]!r}... is longer than {MAX_SOURCE} characters")
    return source


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
                place(key, route),
                f"{_spelling(route)!r} has {', '.join(extra)}; an exception has only "
                f"{', '.join(sorted(_EXCEPTION_KEYS))}. Put the condition on a route of 'matcher' "
                f"or 'routes'",
            )
        yield place(key, route), route


def place(key: str, route: Route) -> str:
    """Where a route stands, as a message says it: the option, and the route's name if it has
    one."""
    return f"{key}.{route.name}" if route.name else key


def _spelling(route: Route) -> str:
    return route.source if isinstance(route.source, str) else route.source.pattern


# --- one pattern ------------------------------------------------------------------------------


def compile_source(
    source: str, *, key: str = "matcher", protects: bool = True, case_sensitive: bool = True
) -> re.Pattern[str]:
    """The regular expression of a pattern; use it with ``fullmatch`` on a reading of a path.

    ``protects`` says which way a doubt is read (see the module). A mistake is a
    :class:`ConfigError` for the option ``key`` that names pattern, position, and what is right.
    """
    from wsgi_auth.patterns import compile_pattern

    _source(source, key)
    return compile_pattern(source, key, protects, case_sensitive)


# --- guards ---------------------------------------------------------------------------------


class _Guard:
    """A route of ``matcher`` or ``routes`` with its conditions compiled."""

    __slots__ = ("_tests", "conditional", "ignores_public", "key", "route")

    def __init__(self, route: Route, ignores_public: bool, key: str) -> None:
        self.route = route
        self.ignores_public = ignores_public
        self.key = key
        self._tests: tuple[Callable[[Environ], bool], ...] = ()
        self.conditional = bool(route.methods or route.has or route.missing)
        if self.conditional:
            # imported here: most configurations have no conditions
            from wsgi_auth.conditions import tests_of

            self._tests = tests_of(route, key)

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
            guard = _Guard(route, key == "routes", place(key, route))
            found.append(guard)
            if namesake is None:
                first[route.source] = guard
            else:
                further.setdefault(route.source, []).append(guard)
    return tuple(found)


# --- many patterns at once ------------------------------------------------------------------


_NEVER: Final = "(?!)"
_NO_EDGES: Final[dict[Step, _Node]] = {}  # shared, never written to


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
        self.edges: dict[Step, _Node] = _NO_EDGES
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
            # imported here: most configurations have none but simple patterns
            from wsgi_auth.patterns import read_pattern

            steps, beginning, expression = read_pattern(source, key, protects, cased)
            if expression is not None:
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
                    if step[1] in ("*", "+"):
                        child.again = step[0]
                        self._branching.append(child)
            node = child
        node.accepts += (index,)


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


# --- tokens to segments ---------------------------------------------------------------------

_SIMPLE = re.compile(r"(?:/(?:[^/:(){}*+?\\]*|:[0-9A-Za-z_]+[*+?]?))+")


def _simple_steps(source: str) -> list[str | Step] | None:
    """The segments of a pattern whose segments are texts and whole parameters; None for another,
    and for one with a mistake in it. It makes thousands of patterns quick to read, no more."""
    if not _SIMPLE.fullmatch(source) or not source.startswith("/"):
        return None
    steps: list[str | Step] = []
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
            steps.append((None, segment[len(name) :]))
        else:
            steps.append(segment)
    return steps


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


_OPEN: Final = Plan()
_IGNORED: Final = Plan(ignored=True)
