"""Real applications that nobody here wrote, protected from the configuration in ``examples/apps``."""

from __future__ import annotations

import base64
import os
import subprocess
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.needs import require_module
from tests.processes import PYTHON, free_port, serving
from wsgi_auth.testing import session_cookie

APPS = Path(__file__).parents[2] / "examples" / "apps"
SECRET = "a secret of more than thirty-two bytes, for applications"
HTML = {"Accept": "text/html"}

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("default")]


@contextmanager
def protected(name: str, folder: Path):
    """``wsgi-auth serve --config NAME.toml`` in a folder with users and a secret."""
    require_module("bcrypt")
    import bcrypt

    hashed = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()
    (folder / "users.htpasswd").write_text(f"ada:{hashed}\n")
    (folder / "secret.txt").write_text(SECRET)
    port = free_port()
    text = (APPS / f"{name}.toml").read_text(encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    lines = [
        f'url = "{address}"' if line.startswith("url =") else line for line in text.splitlines()
    ]
    (folder / "auth.toml").write_text("\n".join(lines), encoding="utf-8")
    env = {
        "PYTHONPATH": os.pathsep.join([str(APPS), str(APPS.parents[1])]),
        "LOG": str(folder / "log"),
    }
    arguments = [PYTHON, "-m", "wsgi_auth", "serve", "--config", "auth.toml", "--port", str(port)]
    with serving(arguments, port, folder, **env) as running:
        cookie = session_cookie({"url": address, "secret": SECRET}, {"id": "ada", "login": "ada"})
        yield running, cookie


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_pypiserver_is_for_people_with_an_account_and_pip_still_works(tmp_path):
    require_module("pypiserver")
    (tmp_path / "packages").mkdir()
    wheel = tmp_path / "packages" / "tiny_thing-1.0-py3-none-any.whl"
    info = "tiny_thing-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", "")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny_thing\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    with protected("pypiserver", tmp_path) as (server, cookie):
        assert server.get("/", **HTML).status == 302
        assert server.get("/simple/", Authorization=basic("ada", "wrong")).status == 401
        assert "tiny" in server.get("/simple/", Cookie=cookie, **HTML).text
        done = subprocess.run(
            [PYTHON, "-m", "pip", "--isolated", "download", "--no-deps", "--no-cache-dir", "-d", "got",
             "--index-url", f"http://ada:lovelace@127.0.0.1:{server.port}/simple/", "tiny-thing"],
            cwd=tmp_path, capture_output=True, text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert list((tmp_path / "got").iterdir())


def test_wsgidav_serves_files_to_whom_it_knows(tmp_path):
    require_module("wsgidav")
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "hello.txt").write_text("hello from the share")
    with protected("wsgidav", tmp_path) as (server, cookie):
        assert server.get("/", **HTML).status == 302
        refused = server.request("PROPFIND", "/", Depth="1")
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        right = basic("ada", "lovelace")
        assert server.request("PROPFIND", "/", Depth="1", Authorization=right).status == 207
        assert server.request("PUT", "/new.txt", b"written", Authorization=right).status == 201
        assert (tmp_path / "share" / "new.txt").read_bytes() == b"written"
        assert server.get("/hello.txt", Cookie=cookie).text == "hello from the share"


def test_radicale_gives_each_user_their_own_calendars(tmp_path):
    require_module("radicale")
    (tmp_path / "collections").mkdir()
    body = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    with protected("radicale", tmp_path) as (server, _):
        assert server.get("/", **HTML).status == 302
        assert server.request("PROPFIND", "/", body, Depth="0").status == 401
        right = basic("ada", "lovelace")
        answer = server.request("PROPFIND", "/", body, Depth="0", Authorization=right)
        assert answer.status == 207
        assert "/ada/" in answer.text
        assert server.request("MKCALENDAR", "/ada/work/", Authorization=right).status == 201
        assert server.request("MKCALENDAR", "/bob/work/", Authorization=right).status == 403


def test_trac_knows_who_signed_in(tmp_path):
    require_module("trac", "pip install trac 'setuptools<82', on Python 3.11")
    subprocess.run(
        [PYTHON, "-c", "from trac.admin.console import run; raise SystemExit(run())",
         "project", "initenv", "Project", "sqlite:db/trac.db"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    with protected("trac", tmp_path) as (server, cookie):
        assert server.get("/wiki", **HTML).status == 302
        page = server.get("/wiki", Cookie=cookie, **HTML)
        assert page.status == 200 and "logged in as" in page.text and "ada" in page.text


@pytest.mark.parametrize("name", ["pypiserver", "wsgidav", "radicale", "trac"])
def test_the_head_of_a_configuration_makes_what_it_names(name):
    """Whoever follows the comment needs to make nothing else."""
    text = (APPS / f"{name}.toml").read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("#   ")]
    made = " ".join(head).split()
    for needed in (
        "secret.txt",
        "users.htpasswd",
        {"pypiserver": "packages", "wsgidav": "share"}.get(name),
    ):
        assert needed is None or needed in made
