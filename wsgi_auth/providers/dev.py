"""A chooser of made-up people, for development only.

It checks nothing, so it exists only under ``dev``, answers only on loopback, and opens only to a
browser that followed the link with the key printed at start-up (``actions`` checks that).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_auth.frozen import Frozen
from wsgi_auth.providers.base import Choice, Field
from wsgi_auth.types import Environ

#: The field of the form that holds the choice (the built-in page posts it).
CHOICE_FIELD = "user"

PEOPLE: tuple[Mapping[str, Any], ...] = (
    {"id": "alice", "name": "Alice Admin", "login": "alice", "email": "alice@example.test",
     "groups": ["admins", "members"], "role": "admin"},
    {"id": "bob", "name": "Bob Member", "login": "bob", "email": "bob@example.test",
     "groups": ["members"], "role": "member"},
    {"id": "carol", "name": "Carol Guest", "login": "carol", "email": "carol@example.test",
     "groups": [], "role": "guest"},
)  # fmt: skip


class Dev(Frozen):
    """Sign in as one of ``people`` by a click. Refused outside ``dev``."""

    people: tuple[Mapping[str, Any], ...] = PEOPLE
    id: str = "dev"
    name: str = "Made-up people"
    type: str = "dev"
    vouches: bool = True
    limited: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """None: the choice is the form."""
        return ()

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The people, with what sets them apart."""
        return tuple(
            Choice(
                str(person["id"]),
                str(person.get("name") or person["id"]),
                ", ".join(person.get("groups", ())) or "no groups",
            )
            for person in self.people
        )

    def account(self, form: Mapping[str, str]) -> str:
        """The person chosen."""
        return form.get(CHOICE_FIELD, "")

    def authenticate(self, form: Mapping[str, str], environ: Environ) -> Mapping[str, Any] | None:
        """The person chosen, if there is one of that id."""
        chosen = form.get(CHOICE_FIELD)
        return next((person for person in self.people if str(person["id"]) == chosen), None)
