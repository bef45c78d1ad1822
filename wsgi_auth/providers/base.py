"""What every provider has, and what a provider that checks a form has beside it.

What lives here: shapes. What must not: a provider's own rules (one module each).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from wsgi_auth.frozen import Frozen
from wsgi_auth.types import Environ


class Field(Frozen):
    """One input of a sign-in form."""

    name: str
    label: str
    type: str = "text"
    autocomplete: str = ""
    required: bool = True


class Choice(Frozen):
    """One person that a chooser offers."""

    value: str
    label: str
    detail: str = ""


@runtime_checkable
class Provider(Protocol):
    """A way to prove who one is: ``id`` (in URLs, unique), ``name`` (on the page), ``type``."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...


@runtime_checkable
class FormProvider(Provider, Protocol):
    """A provider whose proof is a form that the visitor posts to ``/callback/{id}``.

    ``vouches``: whether the e-mail address of a user it returns counts as verified.
    ``limited``: whether wrong answers count as attempts.
    """

    @property
    def fields(self) -> tuple[Field, ...]: ...
    @property
    def choices(self) -> tuple[Choice, ...]: ...
    @property
    def vouches(self) -> bool: ...
    @property
    def limited(self) -> bool: ...

    def account(self, form: Mapping[str, str]) -> str:
        """The account a form claims to be of, as text: what attempts are counted by."""
        ...

    def authenticate(self, form: Mapping[str, str], environ: Environ) -> Mapping[str, Any] | None:
        """The user (``id`` at least) whom the form proves, or None. May raise
        :class:`~wsgi_auth.errors.CredentialsSignin`; any other exception denies with 500."""
        ...


@runtime_checkable
class BasicProvider(Protocol):
    """A provider whose form has a name and a password, so that Basic can stand for it."""

    def basic_form(self, name: str, password: str) -> Mapping[str, str]:
        """The form that these credentials of an ``Authorization: Basic`` header amount to."""
        ...


def first_step(provider: Provider) -> str:
    """The endpoint that a form for this provider posts to: ``callback`` where the form is the proof
    itself, else ``signin``."""
    is_proof = isinstance(provider, FormProvider) or provider.type == "passkey"
    return "callback" if is_proof else "signin"
