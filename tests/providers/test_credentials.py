"""The application's own password check: which field is the name, and what is handed to it."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_auth.errors import ConfigError, CredentialsSignin
from wsgi_auth.providers.base import Field
from wsgi_auth.providers.credentials import MAX_VALUE, Credentials

PIN = Field("pin", "PIN", "password", "off")
MAIL = Field("mail", "Mail", "email", "email")
TEAM = Field("team", "Team", "text", "off")


def given(credentials: Any, request: Any) -> Any:
    return {"id": "x", **credentials}


@pytest.mark.parametrize(
    ("fields", "form", "account", "basic"),
    [
        (Credentials(given).fields, {"username": "ada", "password": "s"}, "ada",
         {"username": "n", "password": "p"}),
        ((MAIL, PIN), {"mail": "ada", "pin": "s"}, "ada", {"mail": "n", "pin": "p"}),
        ((PIN, MAIL, TEAM), {"mail": "ada", "pin": "s"}, "ada", {"mail": "n", "pin": "p"}),
        ((MAIL, TEAM), {"team": "t"}, "", {"mail": "n", "password": "p"}),
        ((PIN,), {"pin": "s"}, "s", {"pin": "p"}),
    ],
    ids=["usual", "own", "password first", "no password", "nothing else"],
)  # fmt: skip
def test_the_name_is_the_first_field_that_is_no_password(
    fields: tuple[Field, ...], form: dict[str, str], account: str, basic: dict[str, str]
) -> None:
    provider = Credentials(given, fields)
    assert provider.account(form) == account
    assert provider.basic_form("n", "p") == basic


def test_the_check_is_handed_the_fields_and_nothing_else() -> None:
    provider = Credentials(given, (MAIL, PIN))
    environ = {"REQUEST_METHOD": "POST"}
    found = provider.authenticate({"mail": "ada", "csrfToken": "x"}, environ)
    assert found == {"id": "x", "mail": "ada", "pin": ""}
    assert provider.authenticate({"pin": "p" * MAX_VALUE}, environ)
    with pytest.raises(CredentialsSignin, match="too long"):
        provider.authenticate({"pin": "p" * (MAX_VALUE + 1)}, environ)


def test_a_form_without_fields_stops_start_up() -> None:
    with pytest.raises(ConfigError, match=r"providers\.credentials\.fields: needs at least one"):
        Credentials(given, ())
