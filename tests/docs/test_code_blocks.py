"""Every code block of the documentation runs, or is a configuration that is accepted, or names
commands and options that exist."""

from __future__ import annotations

import configparser
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

import wsgi_auth
from tests.docs import blocks
from tests.needs import require_program
from wsgi_auth.config import AuthConfig
from wsgi_auth.config.model import option_names
from wsgi_auth.config.roads import nested
from wsgi_auth.served import from_environment

SECRET = "a secret of more than thirty-two bytes, for the documentation"
URL = "https://app.example.org"


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """What the pages call ``app``."""
    session = environ["auth.session"]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nobody" if session is None else session.user["id"].encode()]


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    """What the pages call ``authorize`` before they show one."""
    if credentials == {"username": "ada", "password": "lovelace"}:
        return {"id": "ada", "name": "Ada Lovelace", "email": "ada@example.org"}
    return None


class _Anything(types.ModuleType):
    """A module that has every name: ``myapp.auth:is_admin`` of a configuration."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments: None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, ``myapp`` to import, and the variables."""
    bcrypt = pytest.importorskip("bcrypt")
    hashed = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()
    (tmp_path / "users.htpasswd").write_text(f"ada:{hashed}\n")
    (tmp_path / "secret.txt").write_text(SECRET + "\n")
    (tmp_path / "company.secret").write_text("of this client at the provider\n")
    (tmp_path / "client.pem").write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    (tmp_path / "locale" / "nl" / "LC_MESSAGES").mkdir(parents=True)
    mo = Path(wsgi_auth.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "wsgi_auth.mo"
    (tmp_path / "locale" / "nl" / "LC_MESSAGES" / "wsgi_auth.mo").write_bytes(mo.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTH_SECRET", SECRET)
    monkeypatch.setenv("AUTH_URL", URL)
    for name in ("AUTH_GITHUB_ID", "AUTH_GITHUB_SECRET"):
        monkeypatch.setenv(name, "from the environment")
    for name in ("myapp", "myapp.auth", "myapp.pages"):
        monkeypatch.setitem(sys.modules, name, _Anything(name))
    return tmp_path


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", blocks.PAGES, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_the_python_blocks_of_a_page_run_in_order(page: Path, place: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page", "app": app, "authorize": authorize}
    for block in blocks.blocks(page):
        if block.language != "python":
            continue
        for module in re.findall(r"^\s*(?:from|import) (\w+)", block.code, re.MULTILINE):
            if module not in ("myapp", "page"):
                try:
                    importlib.import_module(module)
                except ModuleNotFoundError:
                    pytest.skip(f"{block.name} needs {module}")
        source = "\n" * (block.line - 1) + block.code
        exec(compile(source, str(page), "exec"), namespace)


def test_the_sample_for_pytest_passes_in_pytest(place: Path) -> None:
    """With its own fixtures and parameters, in a process of its own: as its reader will run it."""
    page = blocks.DOCS / "testing-your-app.rst"
    (sample,) = (each for each in blocks.blocks(page) if "@pytest.fixture" in each.code)
    before = (
        "from typing import Any\n"
        "from webtest import TestApp\n"
        "from wsgi_auth import AuthMiddleware\n"
        "from wsgi_auth.testing import FakeProvider\n\n"
    )
    (place / "test_sample.py").write_text(before + inspect.getsource(app) + "\n\n" + sample.code)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sample.py"],
        cwd=place, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("5 passed"), ran.stdout


@pytest.mark.parametrize("block", blocks.of("toml"), ids=lambda block: block.name)
def test_a_toml_block_is_a_configuration(block: blocks.Block, place: Path) -> None:
    file = place / "auth.toml"
    file.write_text(block.code, encoding="utf-8")
    AuthConfig.from_toml(file)
    assert tomllib.loads(block.code), "an empty example shows nothing"


SERVED = [page for page in blocks.PAGES
          if page.stem in ("README", "protecting-an-application", "protecting-anything")]  # fmt: skip


@pytest.mark.parametrize("page", SERVED, ids=lambda page: page.name)
def test_the_file_above_the_line_for_any_server_is_served(
    page: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader has written by then, put together."""
    above = page.read_text(encoding="utf-8").partition("wsgi_auth.wsgi:application")[0]
    written = [block.code for block in blocks.blocks(page) if block.language == "toml"
               and block.line < above.count("\n")]  # fmt: skip
    (place / "auth.toml").write_text("\n".join(written))
    yourapp = types.ModuleType("yourapp")
    yourapp.application = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "yourapp", yourapp)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert from_environment({"WSGI_AUTH_CONFIG": "auth.toml"}).app is not None


@pytest.mark.parametrize("block", blocks.of("ini"), ids=lambda block: block.name)
def test_an_ini_block_is_a_configuration(block: blocks.Block, place: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(block.code)
    assert parser.sections(), "an example has a section"
    if parser.has_section("auth"):
        file = place / "auth.ini"
        file.write_text(block.code, encoding="utf-8")
        AuthConfig.from_ini(file)
    for section in parser.sections():
        if parser.get(section, "use", fallback="").startswith("egg:wsgi_auth"):
            keys = {
                key: value.replace("%(here)s", str(place))
                for key, value in parser.items(section)
                if key != "use"
            }
            theirs = AuthConfig.from_mapping(nested(keys), here=place)
            (place / "production.ini").write_text(block.code, encoding="utf-8")
            assert AuthConfig.from_ini(place / "production.ini").source == theirs.source


@pytest.mark.parametrize("block", blocks.of("nginx"), ids=lambda block: block.name)
def test_nginx_takes_its_block(block: blocks.Block, tmp_path: Path) -> None:
    program = require_program("nginx")
    openssl = require_program("openssl")
    made = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch")
    to = ("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"))
    subprocess.run([openssl, "req", *made, *to], check=True, capture_output=True)
    inside = block.code if "server {" in block.code else f"server {{\n{block.code}\n}}"
    inside = re.sub(r"listen 443 ssl;", "listen 127.0.0.1:1 ssl;", inside)
    temporary = "".join(
        f"{each}_temp_path {tmp_path}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\n{temporary}"
        f"access_log off;\nssl_certificate {tmp_path}/cert.pem;\n"
        f"ssl_certificate_key {tmp_path}/key.pem;\n{inside}}}\n"
    )
    arguments = [program, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr


def commands() -> list[tuple[str, str]]:
    """Every line of a shell block in which ``wsgi-auth`` is called, with its block's name."""
    found = []
    for language in ("console", "sh", "shell", "bash"):
        for block in blocks.of(language):
            for line in block.code.splitlines():
                if "wsgi-auth " in line and not line.startswith(("  ", "#")):
                    found.append((block.name, line.removeprefix("$ ")))
    return found


@pytest.mark.parametrize(("name", "line"), commands())
def test_a_command_line_names_a_command_and_options_that_exist(name: str, line: str) -> None:
    cli = pytest.importorskip("wsgi_auth.cli")
    click = pytest.importorskip("click")
    words = shlex.split(line, comments=True)
    words = words[words.index("wsgi-auth") + 1 :]
    words = words[: next((i for i, w in enumerate(words) if w in (">", "|", "&&", "<")), None)]
    group = cli.main
    assert isinstance(group, click.Group)
    if words and words[0].startswith("-"):
        known = {o for p in group.params for o in p.opts} | {"--help"}
        assert words[0] in known, line
        return
    assert words[0] in group.commands, f"{name}: there is no command {words[0]!r}"
    command = group.commands[words.pop(0)]
    while isinstance(command, click.Group):
        assert words[0] in command.commands, f"{name}: there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    known = {option for each in command.params for option in each.opts + each.secondary_opts}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in known | {"--help"}, f"{name}: {word}"


def test_a_variable_that_a_shell_block_sets_is_an_option() -> None:
    known = {"AUTH_" + "_".join(steps).upper() for steps in option_names()}
    known |= {
        "AUTH_OIDC_ISSUER",
        "AUTH_OIDC_ID",
        "AUTH_OIDC_SECRET",
        "AUTH_SECRET_1",
        "AUTH_SECRET_2",
        "AUTH_SECRET_3",
        "AUTH_HTPASSWD_FILE",
    }
    for language in ("console", "sh"):
        for block in blocks.of(language):
            for name in re.findall(r"\b(AUTH_[A-Z0-9_]+)=", block.code):
                assert name in known, f"{block.name}: {name}"
