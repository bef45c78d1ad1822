"""Every road in: PasteDeploy and plain INI, TOML and environment variables, each to one mapping.

What lives here: turning flat, dotted or upper-case names into the nested mapping that
``AuthConfig.from_mapping`` takes, and nothing else: no option is judged here, so the same option
cannot mean two things on two roads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.config.parts import ALLOWED, env_prefix
from wsgi_auth.config.values import near, text_of_file
from wsgi_auth.errors import ConfigError

if TYPE_CHECKING:
    from configparser import ConfigParser
    from pathlib import Path

#: Of whom a variable speaks that begins with ``AUTH_ALLOW``; ``AUTH_ALLOWED_HOSTS`` is another's.
_WHO = "mail|address|domain|group|user|role|team|member|people|login|claim|list"
_PLURAL = {
    "provider": "providers",
    "route": "routes",
    "callback": "callbacks",
    "event": "events",
    "page": "pages",
    "cookie": "cookies",
    "limit": "limits",
    "responder": "responders",
    "text": "texts",
}


def nested(flat: Mapping[str, Any], prefix: str = "auth.") -> dict[str, Any]:
    """Dotted keys as nested mappings: ``session.max_age`` as ``{"session": {"max_age": ...}}``.

    Keys may bear ``prefix``. Named things come singular or plural (``route.admin.source``).
    Where a section is both listed (``providers = htpasswd``) and described
    (``provider.htpasswd.file``), the description belongs to the listed entry. A key given twice
    under two spellings is a ``ConfigError``.
    """
    tree: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for name, value in flat.items():
        steps = name.removeprefix(prefix).split(".")
        # everything behind ``texts.`` is one message id, which has dots of its own
        if _PLURAL.get(steps[0], steps[0]) == "texts" and len(steps) > 1:
            steps = ["texts", ".".join(steps[1:])]
        steps[0] = _PLURAL.get(steps[0], steps[0])
        if steps[0] in ("providers", "routes") and len(steps) == 1 and not isinstance(value, dict):
            lists[steps[0]] = value
            continue
        at = tree
        for step in steps[:-1]:
            at = at.setdefault(step, {})
            if not isinstance(at, dict):
                raise ConfigError(name, f"{step!r} is a value of its own above")
        if steps[-1] in at:
            raise ConfigError(name, "is given twice (with and without a prefix, or in the plural)")
        at[steps[-1]] = value
    for section, value in lists.items():
        described = tree.get(section)
        if not described:
            tree[section] = value
            continue
        listed = value.replace(",", " ").split() if isinstance(value, str) else value
        if not all(isinstance(name, str) for name in listed):
            raise ConfigError(
                section, "is a list, and described by names as well; keep one of them"
            )
        tree[section] = {name: described.pop(name, {}) for name in listed} | described
    return tree


def of_ini(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the keys of an INI file, PasteDeploy's too, where quotes are no syntax."""
    for name, value in flat.items():
        if isinstance(value, str) and re.fullmatch(r"\"[^\"]*\"|'[^']*'", value):
            raise ConfigError(
                name, "stands in quotes, which an INI file takes for part of the value"
            )
    return nested(flat)


def read_ini(path: Path, section: str = "auth") -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections ``[auth]`` and ``[app]`` of a plain INI file, as nested mappings; of a file of
    PasteDeploy, which has no ``[auth]``, our filter, and no ``[app]``."""
    import configparser  # both parsers take longer to load than to run

    text = _read(path)
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"), strict=True
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    problem = None
    try:
        parser.read_string(text, str(path))
    except configparser.MissingSectionHeaderError:
        raise ConfigError("", f"{path}: wants a section [{section}] above its keys") from None
    except configparser.Error as error:
        problem = error
    if not parser.has_section(section):
        of_paste = _read_paste(path, text)
        if of_paste is not None:
            return of_ini(of_paste), {}
    if problem is not None:
        raise ConfigError("", f"{path}: {problem}") from problem
    unknown = [name for name in parser.sections() if name not in (section, "app")]
    if unknown or not parser.has_section(section):
        raise ConfigError("", f"{path}: {_no_section(section, parser)}")
    here = str(path.parent)
    sections = [
        {
            name: value.replace("%(here)s", here)
            for name, value in (parser.items(wanted) if parser.has_section(wanted) else ())
        }
        for wanted in (section, "app")
    ]
    return of_ini(sections[0]), sections[1]


def _no_section(wanted: str, parser: ConfigParser) -> str:
    """What a file should have in place of the sections that it has."""
    found = ", ".join(f"[{name}]" for name in parser.sections()) or "none"
    said = f"wants a section [{wanted}] (and may have [app]); the file has: {found}"
    groups = {*_PLURAL, *_PLURAL.values(), "session", "revocation", "theme"}
    for name in parser.sections():
        keys = parser.options(name)
        if keys and name.removeprefix(f"{wanted}.").partition(".")[0] in groups:
            return f"{said}; write {name}.{keys[0]} in [{wanted}]"
    return said


#: How a section of PasteDeploy names what it is of.
_FACTORIES = ("paste.filter_factory", "paste.filter_app_factory")


def _read_paste(path: Path, text: str) -> dict[str, str] | None:
    """The options of our filter in a file of PasteDeploy, as PasteDeploy hands them to it; None
    where there is none. What stands in ``[DEFAULT]`` is everybody's, and no option of ours."""
    import configparser

    defaults = {"here": str(path.parent.absolute()), "__file__": str(path.absolute())}
    parser = configparser.ConfigParser(defaults=defaults)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text, str(path))
        ours = [name for name in parser.sections() if _is_ours(parser, name)]
        if len(ours) > 1:
            raise ConfigError(
                "", f"{path}: has several filters, and one is read: [{'], ['.join(ours)}]"
            )
        if not ours:
            return None
        of_all, own = parser.defaults(), dict(parser.items(ours[0]))
    except configparser.Error as error:
        raise ConfigError("", f"{path}: {error}") from error
    of_all = {name: parser.get(ours[0], name) for name in of_all}
    set_here = {name[4:].strip(): own[name] for name in own if name.startswith("set ")}
    found = {}
    for name, value in own.items():
        if name.startswith("get "):
            there = {**of_all, **set_here}
            if value not in there:
                raise ConfigError(name, f"there is no {value!r} in [DEFAULT]")
            found[name[4:].strip()] = there[value]
        elif name not in of_all and not name.startswith("set "):
            found[name] = value
    for name in ("use", "next", "filter-with", "require", *_FACTORIES):
        found.pop(name, None)
    return found


def _is_ours(parser: ConfigParser, name: str) -> bool:
    """Whether a section of PasteDeploy is a filter of this package."""
    if name.partition(":")[0] not in ("filter", "filter-app"):
        return False
    used = parser.get(name, "use", fallback="")
    of_egg = re.fullmatch(r"egg:wsgi[-_]auth(#\w+)?", used, re.IGNORECASE)
    named = [used.removeprefix("call:")]
    named += [parser.get(name, each, fallback="") for each in _FACTORIES]
    return of_egg is not None or any(each.startswith("wsgi_auth.paste:") for each in named)


def read_toml(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A TOML file: its options (all at the top, or all below ``[auth]``) and its ``[app]``."""
    import tomllib

    try:
        tree = tomllib.loads(_read(path))
    except (ValueError, RecursionError) as error:  # a number too long for int, tables too deep
        raise ConfigError("", f"{path}: {error}") from error
    app = tree.pop("app", {})
    if not isinstance(app, dict):
        raise ConfigError("app", "must be a table of arguments")
    if set(tree) == {"auth"} and isinstance(tree["auth"], dict):
        tree = tree["auth"]
    # a dotted key may also be written as a string, as in INI
    return (nested(tree) if any("." in name for name in tree) else tree), app


def read_env(environ: Mapping[str, str], options: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    """The options that ``AUTH_*`` variables set: ``AUTH_SESSION_MAX_AGE`` is ``session.max_age``.

    ``AUTH_ADAPTER_FILE`` is ``adapter_file``.

    ``AUTH_PROVIDERS`` lists providers; ``AUTH_<ID>_<OPTION>`` describes one of them. A variable
    that names nothing is left alone (others use the prefix too) unless it is nearly an option.
    """
    from wsgi_auth.providers.oauth import PLAIN  # here: nobody else needs them at once

    known = {"AUTH_" + "_".join(steps).upper(): steps for steps in options}
    # these have rules of their own (rotation, the older names), which from_mapping knows
    own = {"AUTH_SECRET", "AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3", "AUTH_SECRET_FILE",
           "AUTH_URL", "AUTH_DEV"}  # fmt: skip
    listed = environ.get("AUTH_PROVIDERS") or ""
    if not listed and environ.get("AUTH_PROVIDERS_FILE"):
        listed = text_of_file("providers_file", environ["AUTH_PROVIDERS_FILE"], None)
    providers = listed.replace(",", " ").split()
    flat: dict[str, Any] = {}
    for variable, value in environ.items():
        _refuse_unheard_list(variable, value, known, providers)
        if not variable.startswith("AUTH_") or variable in own or not value:
            continue
        if variable in known:
            flat[".".join(known[variable])] = value
            continue
        option = known.get(variable.removesuffix("_FILE"), ())
        if len(option) == 1 and variable.endswith("_FILE"):
            if option != ("providers",) or environ.get("AUTH_PROVIDERS"):
                flat[f"{option[0]}_file"] = value
            else:
                flat["providers"] = listed
            continue
        owners = [name for name in providers if variable.startswith(env_prefix(name))]
        if owners:
            # from_mapping reads what its provider needs itself (ID, SECRET, AUTH_HTPASSWD_FILE)
            owner = max(owners, key=len)
            name = variable.removeprefix(env_prefix(owner)).lower()
            if name in PLAIN:
                flat[f"providers.{owner}.{name}"] = value
            else:
                _refuse_unheard(variable, env_prefix(owner), name)
            continue
        hint = near(variable, known) if len(variable) > 8 else ""
        if _is_nearly(variable, hint, 0.88):
            raise ConfigError(variable, f"is no option{hint}")
    return nested(flat)


def _refuse_unheard_list(
    variable: str, value: str, known: Container[str], providers: Iterable[str]
) -> None:
    """Raise :class:`ConfigError` for what was to say who may sign in and says nothing here: anybody
    might, without it."""
    spelled = variable.upper()
    prefixes = [env_prefix(name) for name in providers if spelled.startswith(env_prefix(name))]
    prefix = max(prefixes, key=len, default="AUTH_")
    if not spelled.startswith(f"{prefix}ALLOW"):
        return
    name = spelled.removeprefix(prefix).lower()
    if name in ALLOWED or (prefix == "AUTH_" and name.removesuffix("_file") in ALLOWED):
        if variable != spelled:
            raise ConfigError(variable, f"is called {spelled} in the environment")
        if not value:
            raise ConfigError(
                variable, "is empty, so that nobody could sign in; leave it out to let in anybody"
            )
    elif spelled.removesuffix("_FILE") in known:
        return
    elif prefix != "AUTH_":
        _refuse_unheard(variable, prefix, name)
        raise ConfigError(variable, f"is no option of a provider; there are {', '.join(ALLOWED)}")
    elif re.search(_WHO, name):
        raise ConfigError(
            variable, f"is no option{near(spelled, (f'AUTH_{each.upper()}' for each in ALLOWED))}"
        )


def _refuse_unheard(variable: str, prefix: str, name: str) -> None:
    """Raise :class:`ConfigError` for what is an option of a provider, or nearly one, and would not
    be heard here."""
    from dataclasses import fields

    from wsgi_auth.providers.oauth import OIDC, PLAIN, OAuth

    options = {each.name for each in (*fields(OIDC), *fields(OAuth)) if each.init}
    # AUTH_GITHUB_TOKEN is another program's; the others are read where the provider is made
    if name in ("token", "id", "issuer", "private_key"):
        return
    if name in ("client_id", "client_secret"):
        meant = prefix + name.removeprefix("client_").upper()
        raise ConfigError(variable, f"is called {meant} in the environment")
    if name in options:
        raise ConfigError(
            variable, "is no word, switch or list, so that a file or a mapping has to say it"
        )
    hint = near(name, PLAIN)
    if _is_nearly(name, hint, 0.8):
        raise ConfigError(variable, f"is no option of a provider{hint}")


def _is_nearly(name: str, hint: str, ratio: float) -> bool:
    """Whether what the hint proposes is what was meant: others use the prefix too."""
    if not hint:
        return False
    import difflib

    return difflib.SequenceMatcher(None, name, hint.split("'")[1]).ratio() > ratio


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            "", f"cannot read {str(path)!r}: {os.strerror(error.errno or 0)}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("", f"{path} is not UTF-8 text: {error}") from error
    except ValueError as error:  # NUL, say
        raise ConfigError("", f"cannot read {str(path)!r}: {error}") from error
