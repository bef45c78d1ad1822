"""How else a path may be read that is not plain (see ``paths``): all the texts that servers,
frameworks and applications may take it for. Loaded for the first such path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SLASHES = re.compile(r"//+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_CUT = re.compile(r"[#?\x00]")
_PARAMS = re.compile(r";[^/]*")
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_HOST = re.compile(r"/+[^/?#]*")


def read(path_info: str, budget: float) -> tuple[str, ...] | None:
    """The readings of a path, itself first; None if that would make more than ``budget``
    characters on the way."""
    texts = dict.fromkeys(_texts(path_info))
    for step in _STEPS:
        if len(texts) * len(path_info) > budget:
            return None
        for text in tuple(texts):
            texts.update(dict.fromkeys(step(text)))
    return tuple(dict.fromkeys(form for text in texts for form in _forms(text)))


# --- octets to texts ------------------------------------------------------------------------


def _texts(path_info: str) -> Iterator[str]:
    try:
        octets = path_info.encode("latin-1")
    except UnicodeEncodeError:
        # Not a WSGI string. Surrogates are what ``surrogateescape`` makes of invalid octets.
        yield path_info
        octets = path_info.encode("utf-8", "surrogatepass")
        yield octets.decode("ascii", "ignore")
    yield from _decoded(octets)
    if b"%" in octets:
        from urllib.parse import unquote_to_bytes  # rare

        yield from _decoded(unquote_to_bytes(octets))


def _decoded(octets: bytes) -> Iterator[str]:
    try:
        yield octets.decode()
    except UnicodeDecodeError:
        yield octets.decode("utf-8", "replace")  # Werkzeug, Django
        yield octets.decode("utf-8", "ignore")  # Bottle
        yield octets.decode("latin-1")  # CherryPy, and whoever takes PATH_INFO as it is


# --- steps: a text to the other texts it may be taken for -----------------------------------


def _without_controls(text: str) -> Iterator[str]:
    yield _CONTROLS.sub("", text)


def _cut(text: str) -> Iterator[str]:
    if first := _CUT.search(text):
        yield text[: first.start()]
        yield text.partition("#")[0]
        yield text.partition("?")[0]


def _backslash_as_slash(text: str) -> Iterator[str]:
    yield text.replace("\\", "/")


def _without_authority(text: str) -> Iterator[str]:
    if authority := _AUTHORITY.match(text):
        yield text[authority.end() :]
        # what stands behind more slashes is a host to JavaScript's ``new URL(target, base)``
        if authority[0].endswith("//") and (host := _HOST.match(text, authority.end())):
            yield text[host.end() :]


def _without_params(text: str) -> Iterator[str]:
    yield _PARAMS.sub("", text)


_STEPS: tuple[Callable[[str], Iterator[str]], ...] = (
    _without_controls,
    _cut,
    _backslash_as_slash,
    _without_authority,
    _without_params,
)


# --- slashes and dots -----------------------------------------------------------------------


def _forms(text: str) -> Iterator[str]:
    if text:
        yield text
    rooted = text if text.startswith("/") else "/" + text
    collapsed = _SLASHES.sub("/", rooted)
    yield collapsed
    if "/." in collapsed:
        yield _resolve(collapsed)
        if len(collapsed) != len(rooted):
            resolved = _resolve(rooted)
            yield resolved
            yield _SLASHES.sub("/", resolved)


def _resolve(path: str) -> str:
    """``path`` (with a leading slash) without ``.`` and ``..`` segments; never above the root."""
    kept: list[str] = []
    segment = ""
    for segment in path[1:].split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segment in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
