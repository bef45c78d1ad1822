"""The application's own password check (Auth.js: Credentials)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsgi_auth.errors import ConfigError, CredentialsSignin
from wsgi_auth.frozen import Frozen
from wsgi_auth.providers.base import Choice, Field
from wsgi_auth.types import Environ, webob_request

#: Most characters of one form value (R096 wants 64 and more taken whole).
MAX_VALUE = 4_096

# without a label: the built-in page has its own, translatable one for them
USERNAME = Field("username", "", "text", "username")
PASSWORD = Field("password", "", "password", "current-password")


class Credentials(Frozen):
    """Sign-in by a form that the application's ``authorize(credentials, request)`` judges.

    It returns a user mapping with an ``id`` (and ``name``, ``email``, ``image``, ``groups``,
    ``login``), or None; hashing passwords is its own. ``fields`` are the inputs, name and
    password unless given. Raising :class:`~wsgi_auth.errors.CredentialsSignin`, or a subclass
    with its own ``code``, tells the page more.
    """

    authorize: Callable[..., Any]
    fields: tuple[Field, ...] = (USERNAME, PASSWORD)
    id: str = "credentials"
    name: str = "Password"
    type: str = "credentials"
    choices: tuple[Choice, ...] = ()
    vouches: bool = True
    limited: bool = True
    icon: str = ""

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError(f"providers.{self.id}.fields", "needs at least one field")

    def account(self, form: Mapping[str, str]) -> str:
        """The first field that is no password: that is what a guesser holds fixed."""
        return form.get(_name_field(self.fields).name, "")

    def authenticate(self, form: Mapping[str, str], environ: Environ) -> Mapping[str, Any] | None:
        """What ``authorize`` says of the form; anything but a mapping or None is its mistake."""
        given = {field.name: form.get(field.name, "") for field in self.fields}
        if any(len(value) > MAX_VALUE for value in given.values()):
            raise CredentialsSignin("a form value is too long")
        user = self.authorize(given, webob_request(environ))
        if user is not None and not isinstance(user, Mapping):
            raise TypeError(
                f"authorize must return a mapping or None, not {type(user).__name__}"
                + (" (it must not be async)" if hasattr(user, "__await__") else "")
            )
        return user

    def basic_form(self, name: str, password: str) -> Mapping[str, str]:
        """Name into the first field, password into the first of type ``password``."""
        secret = next((field.name for field in self.fields if field.type == "password"), "password")
        return {_name_field(self.fields).name: name, secret: password}


def _name_field(fields: tuple[Field, ...]) -> Field:
    return next((field for field in fields if field.type != "password"), fields[0])
