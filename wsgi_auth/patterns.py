r"""The pattern language (path-to-regexp 6 as Next.js uses it): a pattern to expression or segments.

What lives here: how one pattern is read. What must not: routes, many patterns, a path
(``wsgi_auth.matcher``). Loaded for the first pattern that is more than texts and whole parameters.

Written after the behaviour of path-to-regexp 6.3 with the options of Next.js (sensitive, not
strict), which the tests hold it to. Two differences are meant. A parameter without an expression
matches [^/]+ even where 6.3 excludes the text before it as well (its guard against backtracking,
which atomic groups give us without missing a path), and ``#`` and ``?`` are ordinary characters,
because PATH_INFO has no query. Refused here and not there: two parameters of one name, and
what JavaScript reads otherwise than Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, NoReturn, TypeAlias

from wsgi_auth.errors import ConfigError
from wsgi_auth.types import Step


def compile_pattern(source: str, key: str, protects: bool, case_sensitive: bool) -> re.Pattern[str]:
    """The expression of a pattern, for ``fullmatch`` on a reading of a path; a mistake is a
    :class:`ConfigError` for the option ``key``."""
    return _compile(_parse(source, key, protects), source, key, case_sensitive)


def read_pattern(
    source: str, key: str, protects: bool, case_sensitive: bool
) -> tuple[list[str | Step], tuple[str, ...], re.Pattern[str] | None]:
    """A pattern as a row of segments; or, where some part of it may reach over a slash, the whole
    segments that it begins with and its expression."""
    tokens = _parse(source, key, protects)
    steps = _steps(tokens, case_sensitive)
    if steps is not None:
        return steps, (), None
    expression = _compile(tokens, source, key, case_sensitive)
    return [], _literal_beginning(tokens) if case_sensitive else (), expression


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
    rest = after.lstrip("*+?")
    if found.at and source[found.at - 1] in "*+?" and source[found.at - 2] != "\\":
        refuse(found.at, "what stands before it is repeated already", f"{before}{rest}")
    if found.value == "*":
        stem = before.rstrip("/")
        name = "path"
        while f":{name}" in source:
            name += "_"
        refuse(
            found.at,
            "'*' repeats a parameter or a group, and here is none before it",
            f"{stem}/:{name}*{rest}",
            f"{before}(.*){rest}",
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
    step: Step | None


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
        step = (None if expression is _ANY else expression.regex, key.modifier)
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


def _steps(tokens: _Tokens, case_sensitive: bool) -> list[str | Step] | None:
    """The pattern as a row of segments, or None if some part of it may reach over a slash."""
    steps: list[str | Step] = []
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


def _segment(parts: list[_Part], case_sensitive: bool) -> str | Step:
    if not parts:
        return ""
    if parts == [_ANY]:
        return (None, "")
    if case_sensitive and len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return _cased((_join(parts), ""), case_sensitive)


def _cased(step: Step, case_sensitive: bool) -> Step:
    test, modifier = step
    return step if case_sensitive or test is None else (f"(?i:{test})", modifier)


def _literal_beginning(tokens: _Tokens) -> tuple[str, ...]:
    """The whole segments that any text the pattern matches begins with."""
    beginning, *rest = tokens
    if not isinstance(beginning, str):
        return ()
    if rest and isinstance(rest[0], _Key) and rest[0].modifier in ("", "+"):
        beginning += rest[0].prefix
    return tuple(beginning.split("/")[1:-1])


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


def compile_value(value: str, key: str, wide: bool) -> re.Pattern[str]:
    """The expression of a condition's value, for ``fullmatch``."""

    def fail(at: int, problem: str) -> NoReturn:
        raise ConfigError(key, f"the value {value!r} at position {at}: {problem}")

    return re.compile(_translate(value, wide, fail).regex, re.DOTALL)
