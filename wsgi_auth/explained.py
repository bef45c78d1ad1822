"""Why a request is protected or not, for people (``wsgi-auth explain``)."""

from __future__ import annotations

from wsgi_auth.frozen import Frozen
from wsgi_auth.types import Route


class ReadingTrace(Frozen):
    """One reading of a path, and the sources that match it, by the option they stand in (one that
    stands in both ``matcher`` and ``routes`` is listed under ``routes``)."""

    text: str
    ignore: tuple[str, ...]
    public: tuple[str, ...]
    matcher: tuple[str, ...]
    routes: tuple[str, ...]


class Explanation(Frozen):
    """Why a request is protected or not.

    ``routes`` apply. ``not_applying`` match the path, but not the method or the conditions.
    ``unreadable``: the path is too long and too odd, so every route matches and no reading is
    listed. ``page``: it is one of the application's own, which no route protects. ``public`` is
    about the path: a route from ``routes`` may protect it all the same.
    """

    path_info: str
    readings: tuple[ReadingTrace, ...]
    unreadable: bool
    ignored: bool
    page: bool
    public: bool
    routes: tuple[Route, ...]
    not_applying: tuple[Route, ...]

    @property
    def protected(self) -> bool:
        """Whether any route applies to the request."""
        return bool(self.routes)
