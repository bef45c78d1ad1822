"""The request that callables of the application get: webob's, but for its parsers of cookies and of
the query."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from webob import Request
from webob.multidict import GetDict

# Anchored at a separator, so that each character is looked at a few times only.
_COOKIE = re.compile(
    r"(?:^|[;,])[ \t]*([!#%&'*+.^_`|~0-9A-Za-z-][!#$%&'*+.^_`|~0-9A-Za-z-]*)[ \t]*=[ \t]*"
    r'("(?:[^"\\]|\\.)*"|[^;,\s"]*)'
)
_ESCAPED = re.compile(r"\\([0-3][0-7][0-7]|.)")


class CallbackRequest(Request):  # type: ignore[misc]  # webob has no types
    """webob's takes a second and a half for eight kilobytes of one letter in a Cookie header, and
    raises for a cookie that is not UTF-8, whosever it is, and for such a parameter of the query.

    For a path that is not UTF-8 this one raises as well (the answer is 400): what an application
    makes of it nobody knows, and a callable that was shown something else would let it pass."""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; of duplicates the last, as webob has it."""
        header = self.environ.get("HTTP_COOKIE") or ""
        return {name: _value(value) for name, value in _COOKIE.findall(header)}

    @cookies.setter
    def cookies(self, cookies: dict[str, str]) -> None:
        Request.cookies.fset(self, cookies)

    @property
    def GET(self) -> GetDict:
        """The parameters of the query; ``params`` has them, too."""
        query = (self.environ.get("QUERY_STRING") or "").encode("latin-1", "replace")
        text = query.decode("utf-8", "replace")
        return GetDict(parse_qsl(text, keep_blank_values=True, errors="replace"), self.environ)


def _value(value: str) -> str:
    """The text of a value in the header, which webob and :mod:`http.cookies` write in quotes, with
    octal numbers, where it has other characters than RFC 6265 allows."""
    if value.startswith('"'):
        value = value[1:-1]
    if "\\" in value:
        value = _ESCAPED.sub(
            lambda found: chr(int(found[1], 8)) if len(found[1]) == 3 else found[1], value
        )
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
