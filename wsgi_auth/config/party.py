"""A provider that is another party, as a configuration spells it.

What lives here: each option in its final type, from whatever road. Which options there are, and
what they mean together, is in ``providers/oauth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsgi_auth.config import values
from wsgi_auth.config.parts import env_prefix
from wsgi_auth.errors import ConfigError

if TYPE_CHECKING:
    from wsgi_auth.providers.oauth import OIDC, OAuth

#: What Auth.js calls the variables, after the provider's prefix.
_VARIABLES = {
    "client_id": "ID",
    "client_secret": "SECRET",
    "issuer": "ISSUER",
    "private_key": "PRIVATE_KEY",
}


def party(
    kind: str, given: Mapping[str, Any], env: Mapping[str, str], here: Path | None
) -> OAuth | OIDC:
    """The provider of type ``oauth`` or ``oidc``, or of this name in the catalogue.

    What is not given comes from ``AUTH_<ID>_ID``, ``_SECRET``, ``_ISSUER`` and, for a row of the
    catalogue, the row's own variables. Raises :class:`ConfigError` for what is wrong.
    """
    from wsgi_auth.providers import catalogue
    from wsgi_auth.providers.oauth import OIDC, OAuth

    name = str(given["id"])
    key = f"providers.{name}"
    make: Callable[..., OAuth | OIDC]
    if kind in ("oauth", "oidc"):
        make = OAuth if kind == "oauth" else OIDC
        kinds = {each.name: str(each.type) for each in fields(make) if each.init}
        del kinds["quirk"]
    else:
        make = partial(catalogue.provider, kind)
        kinds = catalogue.options(kind)
    options: dict[str, Any] = {}
    for option, value in values.from_files(key, given, here).items():
        if option not in kinds:
            raise ConfigError(
                f"{key}.{option}", f"there is no such option{values.near(option, kinds)}"
            )
        options[option] = value
    own = kinds.keys() - {each.name for each in (*fields(OAuth), *fields(OIDC))}
    for option in (*_VARIABLES, *own):
        found = env.get(env_prefix(name) + _VARIABLES.get(option, option.upper()))
        if found:
            options.setdefault(option, found)
    for option, value in options.items():
        options[option] = _typed(f"{key}.{option}", kinds[option], value)
    if "allow_claims" in options and not options["allow_claims"]:
        raise ConfigError(f"{key}.allow_claims", "is empty; leave it out to ask for none")
    if isinstance(options.get("private_key"), str):
        options["private_key"] = _private_key(f"{key}.private_key", options["private_key"], here)
    is_client = options.get("sign_in") is not False or options.get("introspection")
    if is_client and not options.get("client_id"):
        raise ConfigError(
            f"{key}.client_id",
            "is missing: what the provider calls this application; it may come from "
            f"{env_prefix(name)}ID, and the secret from {env_prefix(name)}SECRET",
        )
    return make(**options)


def _typed(key: str, kind: str, value: Any) -> Any:
    """A value in the type of its option; what fits none is left to the provider to refuse."""
    if kind == "Profile" and (isinstance(value, str) or callable(value)):
        return values.called_with("said")(key, value)
    if kind == "str | bool" and isinstance(value, str) and "/" not in value:
        return values.boolean(key, value)
    convert = _KINDS.get(kind)
    return convert(key, value) if convert is not None else value


def _mapping(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(key, "must be a mapping of strings")
    return {str(name): _written(f"{key}.{name}", each) for name, each in value.items()}


def _written(key: str, value: Any) -> str:
    """A value as a query has it, and as a claim is compared: words with blanks between them."""
    if isinstance(value, bool):
        return str(value).lower()
    words = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(word, str | int) for word in words):
        raise ConfigError(key, "must be text, a whole number, true or false, or a list of them")
    return values.text(key, " ".join(map(str, words)))


_KINDS: Mapping[str, Callable[[str, Any], Any]] = {
    "bool": values.boolean,
    "int | None": values.duration,
    "tuple[str, ...]": values.strings,
    "tuple[str, ...] | str": values.strings,
    "tuple[str, ...] | None": values.strings,
    "Mapping[str, str]": _mapping,
}


def _private_key(key: str, given: str, here: Path | None) -> str:
    """PEM or JWK text as it is; anything else is the path of a file that holds it."""
    if "PRIVATE KEY-----" in given or given.lstrip().startswith("{"):
        return given
    return values.text_of_file(key, given.strip(), here)
