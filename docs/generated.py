"""Tables that are read from the package, so that they cannot differ from it.

``.. option-spellings::``, ``.. message-ids::``, ``.. error-codes::``, ``.. floors::``,
``.. provider-catalogue::``; and ``.. screens:: sign-in``, the screenshots of one page.
"""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from wsgi_auth.config.model import option_names
from wsgi_auth.config.parts import env_prefix
from wsgi_auth.pages import PROBLEMS
from wsgi_auth.providers import catalogue
from wsgi_auth.texts import ENGLISH

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "wsgi_auth"
#: Options that an environment variable cannot hold: their values are mappings.
NOT_IN_ENVIRONMENT = {("events",), ("texts",)}


def literal(text: str) -> nodes.Node:
    return nodes.literal(text, text)


def table(head: Iterable[str], rows: Iterable[Iterable[nodes.Node | str]], widths: list[int]):
    group = nodes.tgroup(cols=len(widths))
    group += [nodes.colspec(colwidth=width) for width in widths]

    def row(cells: Iterable[nodes.Node | str]) -> nodes.row:
        made = nodes.row()
        for cell in cells:
            content = nodes.Text(cell) if isinstance(cell, str) else cell
            made += nodes.entry("", nodes.paragraph("", "", content))
        return made

    group += nodes.thead("", row(head))
    group += nodes.tbody("", *(row(cells) for cells in rows))
    return nodes.table("", group)


class OptionSpellings(Directive):
    """Every option with its spelling on each road."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for steps in option_names():
            key = steps[-1]
            mapping = "".join(f'{{"{step}": ' for step in steps) + "…" + "}" * len(steps)
            toml = f"{key} = …" if len(steps) == 1 else f"[{'.'.join(steps[:-1])}] {key} = …"
            env = "AUTH_" + "_".join(steps).upper()
            rows.append(
                [
                    literal(mapping),
                    literal(toml),
                    literal(f"{'.'.join(steps)} = …"),
                    "not there" if steps in NOT_IN_ENVIRONMENT else literal(env),
                ]
            )
        return [table(("mapping", "TOML", "INI", "environment"), rows, [30, 28, 22, 20])]


class MessageIds(Directive):
    """Every message id with its English text."""

    def run(self) -> list[nodes.Node]:
        rows = [[literal(name), text] for name, text in ENGLISH.items()]
        return [table(("id", "English"), rows, [40, 60])]


class ErrorCodes(Directive):
    """Every error code with its status and what the page says."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [literal(code), str(problem.status), ENGLISH[f"error.{code}.text"]]
            for code, problem in PROBLEMS.items()
        ]
        return [table(("code", "status", "text"), rows, [26, 10, 64])]


class Floors(Directive):
    """The floors that ``tests/test_floors.py`` enforces, from the top, and who lives there."""

    def run(self) -> list[nodes.Node]:
        tree = ast.parse((ROOT / "tests" / "test_floors.py").read_text(encoding="utf-8"))
        found = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("FLOORS", "ANNEXE")
        }
        floors: dict[int, list[str]] = {}
        for name, floor in found["FLOORS"].items():
            floors.setdefault(floor, []).append(name or "__init__")
        house = [(f"Floor {floor}", names) for floor, names in sorted(floors.items(), reverse=True)]
        house.append(("Annexe", sorted(found["ANNEXE"])))
        items = [
            nodes.definition_list_item(
                "", nodes.term("", title), nodes.definition("", self._rooms(names))
            )
            for title, names in house
        ]
        return [nodes.definition_list("", *items)]

    def _rooms(self, names: list[str]) -> nodes.Node:
        """Each module with the first sentence of its docstring, a package with those in it."""
        return nodes.bullet_list("", *(self._room(PACKAGE / name) for name in names))

    def _room(self, path: Path) -> nodes.list_item:
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        said = nodes.paragraph("", "", literal(path.name), nodes.Text(": "))
        found, _ = self.state.inline_text(opening(file), self.lineno)
        said += found
        item = nodes.list_item("", said)
        inside = sorted(
            each.with_suffix("")
            for each in path.glob("*")
            if each.name != "__init__.py"
            and (each.suffix == ".py" or (each / "__init__.py").exists())
        )
        if file.parent == path and path.name != "__init__" and inside:
            item += nodes.bullet_list("", *(self._room(each) for each in inside))
        return item


def opening(file: Path) -> str:
    """The first sentence of a module's docstring, without what only Sphinx's roles can show."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    first = " ".join(said.partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[a-z)`\"])\.(?: |$)", first)[0].rstrip(".")
    return re.sub(r":[a-z]+:`~?([^`]+)`", r"``\1``", sentence)


#: What a provider's environment variable ends with, where it is not the option in capitals.
ENDINGS = {"client_id": "ID", "client_secret": "SECRET"}
TYPES = {"oidc": "OpenID Connect", "oauth": "OAuth 2.0"}


def variable(entry: catalogue.Entry, option: str) -> str:
    """The environment variable that an option of a provider may come from; "" for none."""
    if option == "userinfo":
        return ""
    return env_prefix(entry.id) + ENDINGS.get(option, option.upper())


def item_of(entry: catalogue.Entry) -> nodes.definition_list_item:
    """What the page says of one provider."""
    term = nodes.term("", f"{entry.name}, ", literal(entry.id))
    enter = nodes.paragraph("", f"{TYPES[entry.type]}. Enter ")
    for number, ask in enumerate(entry.asks):
        enter += [nodes.Text(", "), literal(ask.option)] if number else [literal(ask.option)]
        enter += _meaning(entry, ask)
    enter += nodes.Text(".")
    register = nodes.paragraph("", "Register ", literal(f"<url>/auth/callback/{entry.id}"))
    register += nodes.Text(". " + " ".join(_known(entry)))
    return nodes.definition_list_item("", term, nodes.definition("", enter, register))


def _meaning(entry: catalogue.Entry, ask: catalogue.Ask) -> list[nodes.Node]:
    found: list[nodes.Node] = [nodes.Text(" (")]
    name = variable(entry, ask.option)
    if name:
        found += [literal(name)]
    if ask.default:
        found += [nodes.Text("; left out: "), literal(ask.default)]
    elif ask.example:
        also = "; " if name else ""
        also += "such as " if ask.required else "may be left out, such as "
        found += [nodes.Text(also), literal(ask.example)]
    return [*found, nodes.Text(")")]


def _known(entry: catalogue.Entry) -> Iterable[str]:
    if entry.note:
        yield entry.note
    if entry.open_to_world:
        yield "Anybody has an account there."
    if not entry.has_email:
        yield "No e-mail address."
    elif not entry.verifies:
        yield "No address counts as verified."


class ProviderCatalogue(Directive):
    """Every provider of the catalogue: what to enter, what to register, what to know."""

    def run(self) -> list[nodes.Node]:
        links, items = nodes.paragraph(), nodes.definition_list()
        for name in catalogue.names():
            entry, anchor = catalogue.entry(name), f"provider-{name}"
            if len(items):
                links += nodes.Text(" \N{MIDDLE DOT} ")
            links += nodes.reference("", entry.name, refid=anchor, internal=True)
            item = item_of(entry)
            item[0]["ids"].append(anchor)
            items += item
        return [links, items]


class Screens(Directive):
    """A built-in page as ``docs/screenshots.py`` has made it: light and dark, wide and narrow."""

    required_arguments = 1
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        name, alt = self.arguments[0], self.options["alt"]
        shapes = [
            ("light", "32%", alt),
            ("dark", "32%", "The same, dark"),
            ("light-narrow", "16%", "The same at 320 pixels, light"),
            ("dark-narrow", "16%", "The same at 320 pixels, dark"),
        ]
        shown = nodes.paragraph()
        for shape, width, text in shapes:
            uri = f"images/{name}-{shape}.png"
            image = nodes.image(uri=uri, alt=text, width=width, classes=["screenshot"])
            shown += [image, nodes.Text(" ")]
        return [shown]


def setup(app) -> dict[str, bool]:
    app.add_directive("option-spellings", OptionSpellings)
    app.add_directive("message-ids", MessageIds)
    app.add_directive("error-codes", ErrorCodes)
    app.add_directive("floors", Floors)
    app.add_directive("screens", Screens)
    app.add_directive("provider-catalogue", ProviderCatalogue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
