"""Providers as a configuration spells them: a name, a mapping or an object, each made a provider.

What lives here: which options an entry may have. What a provider does is in ``providers``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.config import values
from wsgi_auth.config.parts import env_prefix
from wsgi_auth.errors import ConfigError
from wsgi_auth.providers.base import Field, Provider
from wsgi_auth.providers.credentials import PASSWORD, USERNAME, Credentials
from wsgi_auth.providers.dev import Dev

if TYPE_CHECKING:
    from pathlib import Path

_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
_OPTIONS = {
    "credentials": {"authorize", "fields"},
    "htpasswd": {"file"},
    "dev": {"people"},
    "passkey": {"rp_id", "rp_name", "user_verification", "fresh"},
    "email": {"server", "from", "send", "max_age"},
}


def provider_from(entry: Any, env: Mapping[str, str], here: Path | None) -> Provider:
    """The provider that one entry of ``providers`` means: a name, a mapping or an object.

    What a mapping leaves out comes from ``AUTH_<ID>_<OPTION>`` in ``env``; relative files count
    from ``here``. Raises :class:`ConfigError` for anything that is not a provider.
    """
    if isinstance(entry, str):
        entry = {"id": entry.strip()}
    if not isinstance(entry, Mapping):
        return _checked(entry)
    given = {key: value for key, value in entry.items() if value is not None}
    name = given.get("id")
    if not isinstance(name, str) or not name:
        raise ConfigError("providers.?", "needs an id, which is text")
    key = f"providers.{name}"
    if not re.fullmatch(_ID, name):
        raise ConfigError("providers", f"the id {name!r} must be letters, digits, '-' and '_' only")
    for option in ("type", "name", "icon"):
        if not isinstance(given.get(option, ""), str):
            raise ConfigError(f"{key}.{option}", "must be text")
    if "per_request" in given:
        return _checked(_per_request(key, given))
    typed = "type" in given
    kind: str = given.pop("type", name)
    if kind not in _OPTIONS and (kind in ("oauth", "oidc") or kind in _catalogue()):
        from wsgi_auth.config.party import party

        return _checked(party(kind, given, env, here))
    if kind not in _OPTIONS and typed:
        types = ["oidc", "oauth", *_OPTIONS]
        raise ConfigError(
            f"{key}.type",
            f"must be one of {', '.join(types)}, or a name of the catalogue, not {kind!r}"
            + values.near(kind, types),
        )
    if kind not in _OPTIONS:
        raise ConfigError(
            key,
            f"there is no provider {kind!r}; one that is not in the catalogue needs "
            "type = 'oidc' and an issuer, or type = 'oauth'"
            + values.near(kind, [*_OPTIONS, *_catalogue()]),
        )
    options = _OPTIONS[kind]
    common = {"id", "name"} if kind == "dev" else {"id", "name", "icon"}
    if kind == "email":
        given = values.from_files(key, given, here)  # the URL of a server may hold a password
    for option in given:
        if option not in options | common:
            raise ConfigError(
                f"{key}.{option}",
                f"there is no such option; a provider of type {kind!r} has "
                + ", ".join(sorted(options | common))
                + values.near(option, options),
            )
    for option in options:
        variable = env_prefix(name) + option.upper()
        if option not in given and env.get(variable):
            given[option] = env[variable]
    return _checked(_MAKERS[kind](key, given, here))


def _catalogue() -> tuple[str, ...]:
    from wsgi_auth.providers.catalogue import names

    return names()


def _credentials(key: str, given: dict[str, Any], here: Path | None) -> Credentials:
    authorize = given.get("authorize")
    if authorize is None:
        raise ConfigError(
            f"{key}.authorize",
            "is missing: a callable, or 'package.module:name', that takes (credentials, request) "
            "and returns a user mapping or None",
        )
    given["authorize"] = values.called_with("credentials", "request")(f"{key}.authorize", authorize)
    if "fields" in given:
        given["fields"] = _fields(f"{key}.fields", given["fields"])
    return Credentials(**given)


def _fields(key: str, given: Any) -> tuple[Field, ...]:
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(key, "must map field names to {'label', 'type', ...}")
    found = []
    for name, options in given.items():
        if not isinstance(options, Mapping) or not re.fullmatch(_ID, str(name)):
            raise ConfigError(f"{key}.{name}", "must be a mapping with 'label' and 'type'")
        said = {}
        for option, value in options.items():
            if option not in _OF_FIELD:
                raise ConfigError(
                    f"{key}.{name}.{option}",
                    "there is no such option; a field has label, type, autocomplete, required",
                )
            said[option] = _OF_FIELD[option](f"{key}.{name}.{option}", value)
        standard = {field.name: field for field in (USERNAME, PASSWORD)}.get(str(name))
        kind = said.get("type", standard.type if standard else "text")
        if kind not in ("text", "password", "email", "tel", "url", "number"):
            raise ConfigError(f"{key}.{name}.type", f"{kind!r} is no type of input for text")
        found.append(
            Field(
                str(name),
                said.get("label", standard.label if standard else str(name)),
                kind,
                said.get("autocomplete", standard.autocomplete if standard else ""),
                said.get("required", True),
            )
        )
    return tuple(found)


_OF_FIELD: Mapping[str, Callable[[str, Any], Any]] = {
    "label": values.text,
    "type": values.text,
    "autocomplete": values.text,
    "required": values.boolean,
}


def _htpasswd(key: str, given: dict[str, Any], here: Path | None) -> Any:
    if "file" not in given:
        raise ConfigError(f"{key}.file", "is missing: the path of a file that `htpasswd -B` wrote")
    given["file"] = values.file(f"{key}.file", given["file"], here, "htpasswd -cB {} NAME")
    from wsgi_auth.providers.htpasswd import Htpasswd

    return Htpasswd(**given)


def _per_request(key: str, given: Mapping[str, Any]) -> Any:
    from wsgi_auth.providers.per_request import PerRequest

    for option in given:
        if option not in ("id", "name", "icon", "per_request"):
            raise ConfigError(
                f"{key}.{option}",
                "belongs into what per_request returns; beside it: id, name, icon",
            )
    make = values.called_with("request")(f"{key}.per_request", given["per_request"])
    name, icon = given.get("name", ""), given.get("icon", "")
    return PerRequest(given["id"], make, name, icon)


def _dev(key: str, given: dict[str, Any], here: Path | None) -> Dev:
    people = given.get("people")
    if people is not None:
        if isinstance(people, str):
            people = [{"id": name} for name in people.replace(",", " ").split()]
        if not isinstance(people, list | tuple) or not all(
            isinstance(each, Mapping) and isinstance(each.get("id"), str | int) and each["id"]
            for each in people
        ):
            raise ConfigError(f"{key}.people", "must be a list of user mappings with an id")
        for person in people:
            values.sequence(f"{key}.people.{person['id']}.groups", person.get("groups", ()))
        given["people"] = tuple(people)
    return Dev(**given)


def _email(key: str, given: dict[str, Any], here: Path | None) -> Any:
    from wsgi_auth.providers.email import Email

    if "max_age" in given:
        given["max_age"] = values.duration(f"{key}.max_age", given["max_age"])
    if "send" in given:
        given["send"] = values.called_with("mail")(f"{key}.send", given["send"])
    if "server" in given:
        given["server"] = values.text(f"{key}.server", given["server"])
    given["sender"] = given.pop("from", "")
    return Email(**given)


def _passkey(key: str, given: dict[str, Any], here: Path | None) -> Any:
    for option in ("rp_id", "rp_name", "user_verification"):
        if option in given:
            given[option] = values.text(f"{key}.{option}", given[option])
    if "fresh" in given:
        given["fresh"] = values.duration(f"{key}.fresh", given["fresh"])
    from wsgi_auth.providers.passkey import Passkey

    return Passkey(**given)


_MAKERS = {
    "credentials": _credentials,
    "htpasswd": _htpasswd,
    "dev": _dev,
    "passkey": _passkey,
    "email": _email,
}


def _checked(provider: Any) -> Provider:
    if (
        isinstance(provider, type)
        or not isinstance(provider, Provider)
        or not all(isinstance(each, str) for each in (provider.id, provider.type))
    ):
        raise ConfigError(
            "providers", f"{provider!r} is no provider: it needs id, name and type, each a text"
        )
    if not re.fullmatch(_ID, provider.id):
        raise ConfigError(
            "providers", f"the id {provider.id!r} must be letters, digits, '-' and '_' only"
        )
    return provider
