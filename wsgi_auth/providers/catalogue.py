"""The catalogue: providers by name, made from a row of data and what the operator enters.

What lives here: how a row becomes a provider, and what a row asks for. What must not: the rows
(``rows``), which are loaded when the first one is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

from wsgi_auth.errors import ConfigError
from wsgi_auth.providers.oauth import OIDC, ClientAuth, OAuth

_ABOUT_THE_ROW = ("type", "variables", "defaults", "asks", "note")
_MERGED = (
    "authorization_params", "token_params", "userinfo_headers", "token_headers", "more", "profile",
    "style",
)  # fmt: skip
_FIELD = re.compile(r"\{([a-z_]+)\}")
_VARIABLE = re.compile(r"[A-Za-z0-9._~:/@-]*")


@dataclass(frozen=True)
class Ask:
    """One thing that the operator enters, with an example; not ``required`` where ``default``
    serves most."""

    option: str
    example: str
    required: bool = True
    default: str = ""


@dataclass(frozen=True)
class Entry:
    """What a page about a provider needs to know: ``asks`` in the order in which to enter them.

    ``verifies``: whether some address of its users can count as verified. ``has_email``: whether
    there is one at all.
    """

    id: str
    name: str
    type: str
    asks: tuple[Ask, ...]
    scope: str
    client_auth: ClientAuth
    form_post: bool
    open_to_world: bool
    has_email: bool
    verifies: bool
    note: str


def names() -> tuple[str, ...]:
    """Every name of the catalogue, sorted."""
    return tuple(sorted(_rows()))


def options(name: str) -> dict[str, str]:
    """What may be given for this row: the row's variables and the options of its class, each with
    its kind (the annotation). Raises :class:`ConfigError` for no row."""
    row = _row(name)
    kind = OIDC if row["type"] == "oidc" else OAuth
    own = {option.name: str(option.type) for option in fields(kind) if option.init}
    del own["quirk"]
    return {**dict.fromkeys(row.get("variables", ()), "str"), **own}


def provider(name: str, /, **given: Any) -> OAuth | OIDC:
    """The provider of this row, with what the operator enters: ``client_id`` and ``client_secret``,
    the row's variables, and any option of :class:`~wsgi_auth.providers.OAuth` or
    :class:`~wsgi_auth.providers.OIDC` that is to be other than the row says. Of options that are
    mappings, only the keys given change.

    ``id`` is the name, unless given: two of a kind need two. Raises :class:`ConfigError` for what
    is missing, unknown or wrong.
    """
    row = _row(name)
    key = f"providers.{given.get('id', name)}"
    _check_names(key, given, options(name))
    variables = _variables(key, row, given)
    # only the row's own texts are filled: a secret may look like a template
    made = {
        option: _all_filled(value, _seen_by(option, variables))
        for option, value in row.items()
        if option not in _ABOUT_THE_ROW
    }
    made |= {"id": name, "client_id": ""}
    for option, value in given.items():
        if option in _MERGED and isinstance(value, Mapping):
            made[option] = {**made.get(option, {}), **value}
        elif option not in row.get("variables", ()):
            made[option] = value
    for option, example in row.get("asks", {}).items():
        if not made.get(option):
            raise ConfigError(f"{key}.{option}", f"is missing, for example {example}")
    _settle_world(made, row, given, {*variables.values(), str(made.get("issuer"))})
    if "quirk" in row:
        made["quirk"] = import_module(f"wsgi_auth.providers.quirks.{row['quirk']}")
    return OIDC(**made) if row["type"] == "oidc" else OAuth(**made)


def entry(name: str) -> Entry:
    """What there is to know of a row before anything was entered."""
    row = _row(name)
    defaults = row.get("defaults", {})
    asked = [Ask("client_id", ""), Ask("client_secret", "")]
    asked += [
        Ask(option, example, option not in defaults, defaults.get(option, ""))
        for option, example in row.get("variables", {}).items()
    ]
    asked += [Ask(option, example) for option, example in row.get("asks", {}).items()]
    standard = row["type"] == "oidc"
    profile, scope = row.get("profile", {}), row.get("scope", "openid profile email" * standard)
    has_email = "email" in profile or (standard and "email" in scope)
    said = "email_verified" in profile or (standard and "email" not in profile)
    return Entry(
        name,
        row["name"],
        row["type"],
        tuple(asked),
        scope,
        row.get("client_auth", "client_secret_basic"),
        form_post=row.get("response_mode") == "form_post",
        open_to_world=bool(row.get("open_to_world")),
        has_email=has_email,
        verifies=has_email and said,
        note=row.get("note", ""),
    )


def _rows() -> Mapping[str, Mapping[str, Any]]:
    from wsgi_auth.providers.rows import ROWS

    return ROWS


def _row(name: str) -> Mapping[str, Any]:
    row = _rows().get(name)
    if row is None:
        raise ConfigError(
            f"providers.{name}",
            "is not in the catalogue; one that is not needs type = 'oidc' and an issuer, or "
            f"type = 'oauth' and its URLs{_near(name, _rows())}",
        )
    return row


def _check_names(key: str, given: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for option in given:
        if option not in known:
            raise ConfigError(f"{key}.{option}", f"there is no such option{_near(option, known)}")


def _variables(key: str, row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """What stands for each ``{name}`` in the row: its variables as entered, or as they usually are;
    ``client_id``; and ``issuer``, without a slash at its end."""
    found = {}
    needed = _named(row, given)
    for name, example in row.get("variables", {}).items():
        if name not in needed:
            continue  # what it stands in was given itself
        value = given.get(name) or row.get("defaults", {}).get(name)
        if value is None:
            raise ConfigError(f"{key}.{name}", f"is missing, for example {example}")
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise ConfigError(f"{key}.{name}", f"must be text such as {example}")
        found[name] = value.rstrip("/")
    if isinstance(given.get("client_id"), str):
        found["client_id"] = given["client_id"]
    issuer = given.get("issuer") or row.get("issuer")
    if isinstance(issuer, str):
        found["issuer"] = _filled(issuer, found).rstrip("/")
    return found


def _named(row: Mapping[str, Any], given: Mapping[str, Any]) -> set[str]:
    """The variables that are needed: those in what is not given otherwise."""
    texts = [str(value) for option, value in row.items() if option not in given]
    return {name for text in texts for name in _FIELD.findall(text)}


def _seen_by(option: str, variables: Mapping[str, str]) -> Mapping[str, str]:
    """A profile has fields of its own in braces, which may be called like a variable."""
    if option != "profile":
        return variables
    return {name: value for name, value in variables.items() if name == "issuer"}


def _all_filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, variables)
    if isinstance(value, Mapping):
        return {key: _all_filled(each, variables) for key, each in value.items()}
    return value


def _filled(text: str, variables: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: variables.get(found[1], found[0]), text)


def _settle_world(
    made: dict[str, Any], row: Mapping[str, Any], given: Mapping[str, Any], entered: set[Any]
) -> None:
    """Whether anybody has an account depends, for some, on what was entered: one tenant of Entra
    is a company, ``common`` is everybody."""
    if "open_to_world" in given or not isinstance(row.get("open_to_world"), tuple):
        return
    common = set(row["open_to_world"])
    pattern = row.get("issuer", "")
    filled = {_filled(pattern, dict.fromkeys(row["variables"], each)) for each in common}
    made["open_to_world"] = bool(entered & (common | filled))
    if not made["open_to_world"] and "issuer_pattern" not in given:
        made.pop("issuer_pattern", None)


def _near(word: object, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches  # for a mistake only

    found = get_close_matches(str(word), list(known), 1, 0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
