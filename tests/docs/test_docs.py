"""The documentation is complete: options, names, messages; and what it points to exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import wsgi_auth
from tests.docs.blocks import DOCS, PAGES, ROOT
from wsgi_auth import protocols, providers, testing, texts
from wsgi_auth.config import AuthConfig, model
from wsgi_auth.pages import PROBLEMS
from wsgi_auth.providers import catalogue

CONFIGURATION = (DOCS / "configuration.rst").read_text(encoding="utf-8")
API = (DOCS / "api.rst").read_text(encoding="utf-8")
EVERYTHING = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def described() -> set[str]:
    """The options that the reference describes."""
    return set(re.findall(r"^\.\. confval:: (\S+)", CONFIGURATION, re.MULTILINE))


def test_every_option_is_in_the_reference_and_nothing_else() -> None:
    options = {
        ".".join(steps) if steps[0] != "cookies" else f"cookies.KIND.{steps[2]}"
        for steps in model.option_names()
    }
    assert described() == options


def test_every_option_is_one_that_a_mapping_may_have() -> None:
    assert {name.partition(".")[0] for name in described()} == model.OPTIONS


@pytest.mark.parametrize("module", [wsgi_auth, providers, testing, protocols])
def test_every_exported_name_is_in_the_reference(module) -> None:
    listed = set(re.findall(r"auto(?:class|function|exception|data):: (\S+)", API))
    missing = [name for name in module.__all__ if f"{module.__name__}.{name}" not in listed]
    assert not missing


def test_message_ids_and_error_codes_are_listed_by_the_code_itself() -> None:
    pages = (DOCS / "custom-pages.rst").read_text(encoding="utf-8")
    assert ".. message-ids::" in pages and ".. error-codes::" in pages
    generated = pytest.importorskip("docs.generated")
    for directive, known in (
        (generated.MessageIds, texts.ENGLISH),
        (generated.ErrorCodes, PROBLEMS),
    ):
        (table,) = directive.run(None)
        assert all(name in table.astext() for name in known)


@pytest.mark.parametrize("name", catalogue.names())
def test_a_provider_is_configured_by_what_its_page_says(name: str) -> None:
    generated = pytest.importorskip("docs.generated")
    entry = catalogue.entry(name)
    environ, given = {"AUTH_SECRET": "x" * 32, "AUTH_URL": "https://app.example.org"}, {"id": name}
    for ask in entry.asks:
        variable = generated.variable(entry, ask.option)
        value = ask.example if "://" in ask.example else "1234567"
        if variable:
            environ[variable] = value
        else:
            given[ask.option] = value
    (made,) = AuthConfig.from_mapping({"providers": [given]}, environ=environ).providers
    assert made.client_id == "1234567"
    item = generated.item_of(entry).astext()
    assert all(word in item for word in (*environ, *given, f"<url>/auth/callback/{name}")
               if word not in ("id", "AUTH_SECRET", "AUTH_URL"))  # fmt: skip


def test_every_option_has_its_spellings() -> None:
    assert ".. option-spellings::" in CONFIGURATION


STEP = re.compile(r"(callback|token|id_token|keys|userinfo|profile|discovery|authorization): ")


def test_the_log_says_what_the_page_of_troubles_quotes() -> None:
    package = Path(wsgi_auth.__file__).parent  # of the wheel, where that is what is tested
    source = "".join(path.read_text() for path in sorted(package.rglob("*.py")))
    assert source
    source = re.sub(r'"\s*f?"', "", source)
    quoted = re.findall(r"`([^`]+)`", (DOCS / "troubleshooting.rst").read_text(encoding="utf-8"))
    lines = [STEP.sub("", re.sub(r"\s+", " ", each)) for each in quoted if STEP.match(each)]
    assert len(lines) > 15
    for line in lines:
        line = re.sub("(?<=answered) [a-z_]+$|(?<=answered) [0-9]+", " ...", line)
        line = line.replace("keycloak", "...").replace("authorization_endpoint", "...")
        for piece in line.split("..."):
            assert piece.strip(" :") in source, line


NODE_ID = re.compile(r"(tests/[\w/]+\.py)(?:::(test_\w+))?")


def test_every_test_that_is_named_exists() -> None:
    named = set(NODE_ID.findall(EVERYTHING))
    assert len(named) > 30, "the promises name their tests"
    missing = []
    for file, name in sorted(named):
        path = ROOT / file
        if not path.is_file():
            missing.append(file)
        elif name and name not in functions(path):
            missing.append(f"{file}::{name}")
    assert not missing


def functions(path: Path) -> set[str]:
    """The functions that a test module defines, at any depth."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_promise_has_a_test() -> None:
    security = (DOCS / "security.rst").read_text(encoding="utf-8")
    promises = security.split("Promises\n--------", 1)[1].split("\nNot promised\n", 1)[0]
    rows = re.split(r"^   \* - ", promises, flags=re.MULTILINE)[1:]
    rows = [row for row in rows if not row.startswith("promise\n")]
    assert len(rows) > 25
    for row in rows:
        assert NODE_ID.search(row), row


def test_every_picture_exists_and_is_small() -> None:
    for page in PAGES:
        for name in re.findall(r"(?:image|figure):: (\S+)", page.read_text(encoding="utf-8")):
            picture = page.parent / name
            assert picture.is_file(), f"{page.name}: {name}"
            assert picture.stat().st_size < 60_000, name


def test_every_included_file_exists() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"(?:literalinclude|include):: (\S+)", text):
            assert (page.parent / name).is_file(), f"{page.name}: {name}"


def test_no_page_has_a_path_of_one_machine() -> None:
    # /home/... as an example of an absolute path would be no better than /work or /Users
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])/(?:work|home|Users|tmp|root)/", text), page.name
