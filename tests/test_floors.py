"""The house stands: imports point down, and what must stay out of a room stays out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wsgi_auth"

FLOORS = {
    "": 9, "paste": 9, "cli": 9, "wsgi": 9, "served": 9, "gate": 9, "testing": 9, "__main__": 9,
    "middleware": 8,
    "auth": 7, "basic": 7, "bearer": 7, "challenged": 7, "streams": 6, "access": 6,
    "actions": 6,
    "reader": 5, "authorized": 5, "responders": 5, "site": 5, "remote_user": 5, "dev": 5,
    "sessions": 4, "oauth": 4, "pages": 4, "locations": 4, "events": 4,
    "passkeys": 4,
    "accounts": 4, "tenants": 4, "ways": 1,
    "config": 3,
    "providers": 2,
    "protocols": 1, "caching": 1, "cookies": 1, "tokens": 1, "sealed": 1, "csrf": 1, "urls": 1, "paths": 1, "readings": 1, "matcher": 1,
    "jwe": 1, "patterns": 1, "conditions": 1, "routes": 1, "negotiation": 1, "addresses": 1, "mailing": 1, "theme": 1, "texts": 1,
    "languages": 1, "recent": 1, "remembered": 1,
    "errors": 0, "frozen": 0, "once": 0, "sockets": 0, "explained": 1, "callback_request": 0, "types": 0, "records": 0,
}  # fmt: skip
ANNEXE = {"throttle", "http", "mail", "adapters"}
SHELL = {"middleware", "cli"}
#: What may be imported, and by which rooms only.
ONLY_IN = {
    "webob": {"types", "callback_request"},
    "itsdangerous": {"tokens"},
    "limits": {"throttle"},
    "requests": {"http"},
    "smtplib": {"mail"},
    "gettext": {"languages", "texts"},
    "oauthlib": {"oauth"},
    "joserfc": {"oauth", "testing"},
    "cryptography": {"sealed", "jwe", "oauth", "passkeys", "testing"},
    "bcrypt": {"providers"},
    "fido2": {"passkeys"},
    "redis": {"adapters", "throttle"},
    "sqlalchemy": {"adapters"},
    "sqlite3": {"adapters"},
    "markupsafe": {"pages"},
    "secrets": {"tokens", "sealed", "jwe", "csrf", "config", "oauth"},
    "time": {"middleware", "throttle", "http", "mail", "providers", "sessions", "cli", "testing"},
    "os": {
        "config",
        "cli",
        "served",
        "testing",
        "providers",
        "remembered",
        "throttle",
        "http",
        "adapters",
    },
}

FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The first name below the package: ``actions`` for ``actions/signin.py``."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(path: Path) -> set[str]:
    """Every module that a file imports at run time, also inside functions."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute, so that floors show"
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path: Path) -> None:
    here = room(path)
    assert here in FLOORS or here in ANNEXE, f"{here!r} has no floor"
    for module in imports(path):
        top, _, rest = module.partition(".")
        there = rest.partition(".")[0]
        if top != "wsgi_auth" or there == here or (there not in FLOORS and there not in ANNEXE):
            continue
        if module == "wsgi_auth":
            continue  # its names are looked at one by one
        if here in ANNEXE:
            assert FLOORS.get(there, 9) <= 1, f"{here} (annexe) imports {module}"
        elif there in ANNEXE:
            assert here in SHELL, f"{here} makes an object of the annexe: {module}"
        else:
            assert FLOORS[there] <= FLOORS[here], f"{here} imports upwards: {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_keeps_out_what_belongs_elsewhere(path: Path) -> None:
    for module in imports(path):
        top = module.partition(".")[0]
        if top in ONLY_IN:
            assert room(path) in ONLY_IN[top], f"{path.name} imports {module}"


def test_only_the_shell_and_the_answers_call_start_response() -> None:
    for path in FILES:
        if room(path) in {
            "middleware",
            "responders",
            "auth",
            "cli",
            "testing",
            "served",
            "gate",
            "challenged",
        }:
            continue
        assert "start_response(" not in path.read_text(encoding="utf-8"), path


def test_nothing_unpickles_or_asserts_for_security() -> None:
    for path in FILES:
        found = imports(path)
        assert not found & {"pickle", "marshal", "shelve", "random"}, path


def test_no_cookie_of_a_client_meets_a_parser_of_quadratic_cost() -> None:
    for path in FILES:
        if room(path) != "testing":
            assert "http.cookies" not in imports(path), path
