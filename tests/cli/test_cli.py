"""The command: what it prints, how it fails, and that a server it starts protects."""

from __future__ import annotations

import http.client
import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from webtest import TestApp

import wsgi_auth
from tests.needs import require_module
from wsgi_auth import AuthConfig, AuthMiddleware
from wsgi_auth.adapters import connect
from wsgi_auth.cli import main
from wsgi_auth.dev import FORWARDING
from wsgi_auth.errors import ConfigError, StoreUnavailable
from wsgi_auth.records import AccountRecord, UserRecord
from wsgi_auth.served import from_environment, protected
from wsgi_auth.testing import session_cookie

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"user {environ.get('REMOTE_USER')}".encode()]

def make(greeting="hello", *, loud=False):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [(greeting.upper() if loud else greeting).encode()]
    return app

nothing = 3
async def asgi(scope, receive, send): ...
"""
CONFIG = """
url = "http://127.0.0.1"
secret = "0123456789012345678901234567890123456789"
public = ["/health"]
pages.sign_in = "/login"

[routes.admin]
source = "/admin/:path*"
allow_groups = ["ops"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "someapp.py").write_text(APP)
    (tmp_path / "auth.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "someapp", raising=False)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_secret_is_fresh_and_long_enough():
    first, second = run("secret").strip(), run("secret").strip()
    assert first != second
    assert len(first) >= 32


def test_a_secret_is_written_to_a_file_of_its_owner_and_never_over_one(folder):
    assert run("secret", "--out", "secret.txt") == ""
    kept = Path("secret.txt").read_text()
    assert len(kept.strip()) >= 32 and Path("secret.txt").stat().st_mode & 0o777 == 0o600
    assert "'secret.txt' is there already" in run("secret", "-o", "secret.txt", code=2)
    assert Path("secret.txt").read_text() == kept
    assert "cannot write 'none/secret.txt': No such file" in run(
        "secret", "-o", "none/secret.txt", code=2
    )
    (folder / "auth.toml").write_text(
        'url = "https://app.example.test"\nsecret_file = "secret.txt"\n'
    )
    assert "url        https://app.example.test" in run("check")


def test_check_says_what_is_open_and_warns(folder):
    password = '[providers.credentials]\nauthorize = "builtins:print"\n'
    (folder / "auth.toml").write_text(CONFIG + password)
    said = run("check")
    assert "protected  /:path*" in said
    assert "/admin/:path*  groups ops" in said
    assert "public     /health" in said
    assert "the rest   protected" in said
    assert "limits.storage counts in each process by itself" in said
    run("check", "--strict", code=1)
    (folder / "auth.toml").write_text(CONFIG + password + '[limits]\nstorage = "memory://"\n')
    assert "ok\n" in run("check", "--strict")  # who says so means it


def test_check_names_all_that_a_route_asks_for(folder):
    (folder / "someapp.py").write_text(APP + "\ndef may(request, session): ...\n")
    routes = """
        [routes.all]
        source = "/all"
        methods = ["PUT", "DELETE"]
        authorized = "someapp:may"
        fresh = "10m"
        acr = ["mfa", "phr"]
        user_verified = true
        basic = true
        bearer = true
        scopes = ["write", "read"]
        [routes.keys]
        source = "/keys"
        bearer = true
    """
    providers = """
        [providers.passkey]
        [providers.sso]
        type = "oidc"
        issuer = "https://id.example.org"
        client_id = "app"
        client_secret = "0123456789012345678901234567890123456789"
        audience = "https://api.example.org"
    """
    top = 'adapter = "sqlite:///auth.db"\n' + CONFIG.replace("127.0.0.1", "localhost")
    (folder / "auth.toml").write_text(top + providers + routes)
    said = run("check")
    assert (
        "/all  methods DELETE/PUT, an authorized callback, signed in within 600 s, a sign-in as "
        "strong as mfa or phr, a passkey that verified its user, Basic for programs, access tokens "
        "with read write for programs\n"
    ) in said
    assert "/keys  access tokens for programs\n" in said


def test_check_says_what_a_request_must_have_for_a_route_to_apply(folder):
    (folder / "auth.toml").write_text(
        CONFIG + '[[routes.api.has]]\ntype = "header"\nkey = "x-api"\n'
        '[[routes.api.has]]\ntype = "host"\nvalue = "a\\\\.example"\n'
        '[[routes.api.missing]]\ntype = "cookie"\nkey = "seen"\nvalue = "yes"\n'
        '[routes.api]\nsource = "/api"\n'
    )
    assert (
        r"/api  if it has the header x-api, if it has the host 'a\\.example', "
        "if it lacks the cookie seen 'yes'\n"
    ) in run("check")


def test_check_warns_of_expressions_that_one_request_can_keep_busy(folder):
    (folder / "auth.toml").write_text(
        "matcher = ['/x/:id((?:\\w+-?)*)/y', '/:path*', '/ok/:id(\\d+)']\n"
        f"{CONFIG}has = [{{ type = 'header', key = 'x-a', value = '(a|aa)+' }}]\n"
    )
    said = run("check")
    assert r"warning: matcher: '/x/:id((?:\\w+-?)*)/y' can match in many ways" in said
    assert "warning: routes: '(a|aa)+' can match in many ways what has 'a' many times" in said
    assert said.count("many ways") == 2


def test_check_takes_a_file_with_the_arguments_of_the_factory_that_serve_names(folder):
    (folder / "auth.toml").write_text(f'{CONFIG}[app]\ngreeting = "hello"\nloud = true\n')
    assert "app        made by what serve names, with greeting, loud\n" in run("check")
    app = protected(AuthConfig.from_file("auth.toml"), "someapp:make()")
    assert TestApp(app).get("/health").text == "HELLO"


def test_check_says_that_dev_is_for_this_machine(folder):
    (folder / "auth.toml").write_text("dev = true\nadapter = 'memory:'\n")
    said = run("check")
    assert "warning: dev is on: for this machine only" in said
    assert "memory: is one process" not in said


MANY = """
url = "https://app.example.test/tools"
secret = "0123456789012345678901234567890123456789"
allow_emails = ["max@example.com"]
allow_domains = ["example.org"]
allow_groups = ["staff"]
remote_user = "{provider}:{login}"
[callbacks]
sign_in = "someapp:may"
[providers.company]
type = "oidc"
issuer = "https://id.example.org"
client_id = "a"
client_secret = "b"
allow_claims = { hd = "example.org example.net" }
[providers.github]
client_id = "a"
client_secret = "b"
"""


def test_check_says_who_may_sign_in_and_what_to_register_at_each_provider(folder):
    (folder / "someapp.py").write_text(APP + "\ndef may(*given): ...\n\ndef name(session): ...\n")
    (folder / "auth.toml").write_text(MANY)
    said = run("check")
    assert "callback   https://app.example.test/tools/auth/callback/company\n" in said
    assert "callback   https://app.example.test/tools/auth/callback/github\n" in said
    assert (
        "who        an address of @example.org, max@example.com; a group of staff; of company with hd = "
        "example.org or example.net; a sign_in callback\n"
    ) in said
    assert "as         REMOTE_USER, {provider}:{login}\n" in said
    (folder / "auth.toml").write_text(CONFIG)
    said = run("check")
    assert "who        whoever can\n" in said
    assert "REMOTE_USER" not in said and "callback" not in said
    (folder / "auth.toml").write_text(
        'allow_emails = ["*"]\nremote_user = "someapp:name"\n' + CONFIG
    )
    said = run("check")
    assert "who        whoever can\n" in said and "as         REMOTE_USER, by a callable\n" in said


def test_check_refuses_what_would_not_be_served(folder):
    github = '[providers.github]\nclient_id = "a"\nclient_secret = "b"\n'
    (folder / "auth.toml").write_text(CONFIG + github)
    warned = run("check")
    assert "warning: allow_emails: anybody may have an account at 'github'" in warned
    assert "serve and wsgi_auth.wsgi refuse this" in warned
    (folder / "mysite.py").write_text(
        "from wsgi_auth import AuthMiddleware\n"
        "from someapp import application as app\n"
        "application = AuthMiddleware(app, secret='x' * 40, url='https://a.example', providers=[\n"
        "    {'id': 'github', 'client_id': 'a', 'client_secret': 'b'}])\n"
    )
    # which may mean it, and is served by nobody but itself
    assert "anybody may have" not in run("check", "-c", "mysite:application")
    (folder / "auth.toml").write_text(f'{CONFIG}{github}[app]\napp = "someapp:application"\n')
    said = "anybody may have an account at 'github'"
    assert said in run("check", code=2) and said in run("serve", code=2)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ('factory = "pypiservr:app"', "app: cannot import 'pypiservr'"),
        ('app = "someapp:aplication"', "app: 'someapp' has no 'aplication'"),
        (
            'app = "someapp:application"\nfactory = "someapp:make"',
            "app: has both factory and app; keep one of",
        ),
    ],
)
def test_check_imports_what_is_to_be_served(folder, app, said):
    (folder / "auth.toml").write_text(f"{CONFIG}[app]\n{app}\n")
    assert said in run("check", code=2)
    (folder / "auth.toml").write_text(f'{CONFIG}[app]\nfactory = "someapp:nothing"\n')
    run("check")  # a factory is not called


RAISES = {
    "import": ("import os\ndef application(environ, start_response): ...\nos.environ['NO_SUCH_URL']\n",
               "importing 'bad' raised KeyError: 'NO_SUCH_URL'", "os.environ['NO_SUCH_URL']"),
    "its own import": ("import no_such_module\n", "cannot import 'bad': No module named 'no_such_module'",
                       "import no_such_module"),
    "exit": ("raise SystemExit(0)\n", "importing 'bad' raised SystemExit: 0", "raise SystemExit(0)"),
    "syntax": ("def application(:\n", "importing 'bad' raised SyntaxError: ", ""),
}  # fmt: skip


@pytest.mark.parametrize(("module", "said", "line"), RAISES.values(), ids=RAISES)
@pytest.mark.parametrize(
    "command",
    [["check", "--strict"], ["serve"], ["serve", "bad:application"], ["explain", "GET", "/"],
     ["check", "-c", "bad:application"]],
    ids=" ".join,
)  # fmt: skip
def test_an_application_that_raises_is_a_sentence_below_its_own_lines(
    folder, monkeypatch, command, module, said, line
):
    monkeypatch.delitem(sys.modules, "bad", raising=False)
    (folder / "bad.py").write_text(module)
    used = "authorized" if command[0] == "explain" else None
    app = '[app]\napp = "bad:application"\n' if command != ["serve", "bad:application"] else ""
    (folder / "auth.toml").write_text(
        (f'{used} = "bad:application"\n' if used else "") + CONFIG + app
    )
    shown = run(*command, code=2)
    assert f": {said}" in shown.splitlines()[-1]
    assert line in shown
    for foreign in ("importlib", "click", "wsgi_auth/", "os.py"):
        assert foreign not in shown


@pytest.mark.parametrize(
    ("raised", "said"),
    [("KeyError('A_URL')", "calling 'bad:make' raised KeyError: 'A_URL'"),
     ("SystemExit", "calling 'bad:make' raised SystemExit"),
     ("TypeError('no text')", "calling 'bad:make' raised TypeError: no text")],
)  # fmt: skip
def test_a_factory_that_raises_is_a_sentence_below_its_own_lines(folder, monkeypatch, raised, said):
    monkeypatch.delitem(sys.modules, "bad", raising=False)
    (folder / "bad.py").write_text(f"def make():\n    raise {raised}\n")
    shown = run("serve", "bad:make()", code=2)
    assert shown.endswith(f"    raise {raised}\nwsgi-auth: app: {said}\n")
    assert "wsgi_auth/" not in shown and "click" not in shown


def test_an_application_is_imported_without_the_arguments_of_the_command(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["wsgi-auth", "check", "--strict"])
    (folder / "reads.py").write_text(
        "import sys\nfrom someapp import application\nassert len(sys.argv) == 1, sys.argv\n"
    )
    monkeypatch.delitem(sys.modules, "reads", raising=False)
    (folder / "auth.toml").write_text(CONFIG + '[app]\napp = "reads:application"\n')
    run("check")
    assert len(sys.argv) == 3


def test_check_is_content_where_there_is_nothing_to_warn_of(folder):
    """A provider that is another party counts no attempts, so nothing is said of counting them."""
    (folder / "auth.toml").write_text(
        f'url = "https://app.example.test"\nsecret = "{"x" * 40}"\nallow_domains = ["example.org"]\n[session]\nabsolute_age = "90d"\n'
        '[providers.github]\nclient_id = "a"\nclient_secret = "b"\n'
    )
    assert run("check", "--strict").endswith("\nok\n")


@pytest.mark.parametrize(
    ("url", "said"),
    [("memory:", "memory: is one process"), ("sqlite:///a.db", "several machines")],
)
def test_check_says_where_sessions_live_and_what_that_means(folder, url, said):
    (folder / "kept.toml").write_text(
        f'secret = "{"s" * 40}"\nurl = "https://app.example.test"\n'
        f'adapter = "{url}"\npages = {{sign_in = "/login"}}\n'
    )
    result = run("check", "-c", "kept.toml")
    assert f"sessions   in a database; adapter {url.partition(chr(58))[0]}" in result
    assert said in result


class Store:
    """An adapter of one's own that only answers, or does not."""

    def __init__(self, answer):
        self.get_session_and_user = answer


def raising(error):
    def answer(id):
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda id: None, ""),
        (raising(StoreUnavailable("no way\nto there")), "adapter: the store does not answer: no way\n"),
        (raising(ValueError("a-password")), "adapter: the store does not answer: ValueError\n"),
        (lambda id: time.sleep(1), "adapter: the store does not answer: nothing within 0.2 seconds\n"),
    ],
)  # fmt: skip
def test_check_asks_the_store_once_and_not_for_long(folder, monkeypatch, answer, said):
    monkeypatch.setattr("wsgi_auth.cli.stores.PATIENCE", 0.2)
    monkeypatch.setitem(sys.modules, "own", SimpleNamespace(store=Store(answer)))
    (folder / "auth.toml").write_text(f'adapter = "own:store"\n{CONFIG}')
    shown = run("check")
    assert said in shown and ("does not answer" in shown) is bool(said)
    assert "a-password" not in shown


@pytest.mark.parametrize(
    ("adapter", "limits", "said"),
    [
        ("redis://:a-password@127.0.0.1:{}/0", "memory://", "adapter: the store does not answer: Redis: "),
        ("memory:", "redis://:a-password@127.0.0.1:{}/0",
         "limits.storage: the store does not answer: the store of limits cannot be asked: "),
    ],
)  # fmt: skip
def test_check_warns_of_a_server_that_is_not_there(folder, adapter, limits, said):
    require_module("redis")
    require_module("limits")
    port = free_port()
    own = '[providers.credentials]\nauthorize = "builtins:print"\n'
    (folder / "auth.toml").write_text(
        f'adapter = "{adapter.format(port)}"\n{CONFIG}{own}[limits]\nstorage = "{limits.format(port)}"\n'
    )
    shown = run("check")
    assert f"warning: {said}" in shown and shown.count("does not answer") == 1
    assert "a-password" not in shown


def test_check_says_where_no_path_is_protected_by_itself(folder):
    (folder / "auth.toml").write_text("matcher = []\n" + CONFIG)
    assert "protected  by route\n           /admin/:path*  groups ops\n" in run("check")
    (folder / "auth.toml").write_text("matcher = []\n" + CONFIG.partition("[routes")[0])
    assert "protected  nothing\n" in run("check")


def test_check_warns_of_a_matcher_that_leaves_the_rest_open(folder):
    (folder / "auth.toml").write_text('matcher = ["/admin/:path*"]\n' + CONFIG)
    said = run("check")
    assert "the rest   open to all" in said
    assert "leaves every path it does not name open" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("ignore = ['/:path*']", "ignore (/:path*) takes every path out: nothing is protected"),
        ("ignore = ['/b', '/(.*)']", "ignore (/b, /(.*)) takes every path out"),
        ("public = ['/:path*']", "public (/:path*) takes every path out of the matcher: only routes"),
        ("matcher = ['/:path*']\npublic = ['/:path*']", "public (/:path*) takes every path out"),
        ("matcher = ['/a']\npublic = ['/:path*']", "the matcher leaves every path it does not name"),
    ],
)  # fmt: skip
def test_check_says_what_leaves_the_rest_open(folder, more, said):
    config = CONFIG.replace('public = ["/health"]\n', "")
    (folder / "auth.toml").write_text(f"{more}\n{config}")
    shown = run("check")
    assert f"warning: {said}" in shown
    assert sum(each in shown for each in ("every path out", "every path it does not name")) == 1


EMAIL = "[providers.post]\ntype = 'email'\nfrom = 'a@example.test'\nserver = 'smtp://localhost'\n"
GITHUB = "[providers.github]\nclient_id = 'x'\nclient_secret = 'x'\nlink_by_email = {}\n"


@pytest.mark.parametrize(
    ("adapter", "more", "warns"),
    [
        ("adapter = 'sqlite:///auth.db'\n", EMAIL, "'post' finds"),
        ("adapter = 'sqlite:///auth.db'\n", GITHUB.format("true"), "'github' finds"),
        ("adapter = 'sqlite:///auth.db'\n", GITHUB.format("false"), ""),
        ("adapter = 'sqlite:///auth.db'\n", "", ""),
    ],
)
def test_check_warns_of_addresses_that_people_may_have_made_up(folder, adapter, more, warns):
    (folder / "own.py").write_text("def authorize(credentials, request): ...\n")
    own = "[providers.credentials]\nauthorize = 'own:authorize'\n"
    text = f"secret = '{'s' * 40}'\nurl = 'https://app.example.test'\n{adapter}{own}{more}"
    (folder / "auth.toml").write_text(text)
    said = run("check")
    assert ("count as proven" in said) is bool(warns)
    assert warns in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("secrt = 1", "secrt: there is no such option; did you mean 'secret'?"),
        ("secret = 'short'", "must have 32 bytes or more"),
        ("secret_file = 'secret.txt'", "'; make it with: wsgi-auth secret --out secret.txt"),
        (f"secret = '{'s' * 40}'\n[providers.htpasswd]\nfile = 'users'",
         "there is no file 'users'; make it with: htpasswd -cB users NAME"),
        ("x = [", "Unclosed array" if sys.version_info >= (3, 14) else "auth.toml"),
        (f"secret = '{'s' * 40}'\n[routes.a]\nsource = '/a/*'", "write /a/:path*"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_configuration_is_a_sentence_and_exit_code_2(folder, text, said):
    (folder / "auth.toml").write_text(text)
    output = run("check", code=2)
    assert said in output
    assert "Traceback" not in output


IN_PYTHON = """
from wsgi_auth import AuthConfig, AuthMiddleware
config = AuthConfig.from_toml("auth.toml")
def plain(environ, start_response): ...
class Site:
    wsgi_app = AuthMiddleware(plain, config)
    def __call__(self, environ, start_response): ...
site = Site()
application = AuthMiddleware(plain, config.override(remote_user="id"))
"""


@pytest.mark.parametrize(
    ("named", "user"),
    [("mysite:application", "REMOTE_USER is 'ada'"), ("mysite:site", ""), ("mysite:config", "")],
)
def test_a_configuration_in_python_is_named_by_its_application(folder, monkeypatch, named, user):
    (folder / "mysite.py").write_text(IN_PYTHON)
    monkeypatch.delitem(sys.modules, "mysite", raising=False)
    assert "/admin/:path*  groups ops" in run("check", "-c", named)
    said = run("explain", "GET", "/x", "--as", "ada", "-c", named)
    assert "auth.session is ada" in said and ("REMOTE_USER" in said) is bool(user) and user in said
    assert "adapter: is needed" in run("sessions", "list", "ada", "-c", named, code=2)
    assert "adapter: is not set" in run("db", "sweep", "-c", named, code=2)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (
            "mysite:plain",
            "--config: 'mysite:plain' is no AuthConfig, and has no AuthMiddleware inside: it is a function",
        ),
        ("mysite:aplication", "--config: 'mysite' has no 'aplication'"),
        ("mysit:application", "--config: cannot import 'mysit'"),
        ("mysite/wsgi.py", "name the application in it, e.g. mysite.wsgi:application"),
        ("mysite", "'mysite' must end in .toml or .ini"),
    ],
)
def test_what_has_no_configuration_is_a_sentence(folder, monkeypatch, named, said):
    (folder / "mysite.py").write_text(IN_PYTHON)
    monkeypatch.delitem(sys.modules, "mysite", raising=False)
    assert said in run("check", "-c", named, code=2)


def test_a_missing_configuration_is_named(folder, monkeypatch):
    assert "nowhere.toml" in run("check", "--config", "nowhere.toml", code=2)
    (folder / "auth.toml").unlink()
    monkeypatch.delenv("WSGI_AUTH_CONFIG", raising=False)
    said = "there is no 'auth.toml' here; --config or WSGI_AUTH_CONFIG names another"
    for command in (["check"], ["serve"], ["db", "sweep"], ["sessions", "list", "ada"]):
        assert said in run(*command, code=2)
    monkeypatch.setenv("WSGI_AUTH_CONFIG", "nowhere.toml")
    assert "there is no 'nowhere.toml' here, which WSGI_AUTH_CONFIG names;" in run("check", code=2)
    assert "records deleted" in run("db", "sweep", "sqlite:///a.db")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("GET", "/health"), ["every reading is public", "passes", "auth.session is nobody"]),
        (("GET", "/x"), ["302 Found, Location: /login?callbackUrl=/x", "nobody is signed in"]),
        (("GET", "/x", "-H", "Accept: application/json"), ["401 Unauthorized"]),
        (("DELETE", "/x"), ["401 Unauthorized"]),
        (
            ("POST", "/x"),
            [
                "answered here (nobody is signed in,",
                "sent a form",
                "303 See Other, Location: /login",
            ],
        ),
        (("GET", "//admin", "--as", "ada"), ["read as '/admin'", "403 Forbidden", "may not"]),
        (
            ("GET", "/admin", "--as", "ada", "--groups", "ops"),
            ["auth.session is ada", "answer: the application's own\n"],
        ),
        (("GET", "/%61dmin"), ["GET '/admin'", "routes /admin/:path*"]),
        (("GET", "/größe"), ["GET '/größe'", "read as '/größe'"]),
        (("GET", "/gr%C3%B6%DFe"), ["GET '/gr"]),
        (("GET", "/auth/session"), ["built-in endpoints", "200 OK"]),
        (
            ("GET", "/login"),
            ["a page of the application's own (pages): no route", "the application's own"],
        ),
        (("GET", "/static/x"), ["ignored: every reading matches ignore", "auth.session is nobody"]),
        (
            ("GET", "/drop", "--as", "ada"),
            ["does not apply (methods, has, missing): /drop", "the application's own"],
        ),
        (
            ("DELETE", "/drop", "--as", "ada"),
            ["routes that apply: /:path*, /drop", "403 Forbidden"],
        ),
        (("GET", "/x", "--as", "ada"), ["REMOTE_USER is 'ada'"]),
        (
            ("GET", "/public/;" + "a" * 20_000),
            ["too long and too odd to be read: every route applies"],
        ),
    ],
)
def test_explain_says_what_the_middleware_does(folder, arguments, lines):
    more = '[routes.drop]\nsource = "/drop"\nmethods = "DELETE"\nallow_groups = ["ops"]\n'
    (folder / "auth.toml").write_text(
        f'remote_user = "id"\nignore = ["/static/:p*"]\n{CONFIG}{more}'
    )
    said = run("explain", *arguments)
    for line in lines:
        assert line in said, said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("GET /x", "/x"), "METHOD: 'GET /x' must be a word such as GET"),
        (
            ("GET", "/x", "--groups", "ops"),
            "--groups: are those of somebody who is signed in: name",
        ),
        (("GET", "x"), "PATH: 'x' must start with '/'"),
        (("GET", "/x", "-H", "Accept"), "--header: 'Accept' is not of the form 'Name: value'"),
    ],
)
def test_explain_says_what_is_wrong_with_its_question(folder, arguments, said):
    assert said in run("explain", *arguments, code=2)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "adapter: is needed: without one sessions live in cookies alone"),
        ('adapter = "memory:"\n', "adapter: memory: keeps sessions in the server's own process"),
    ],
)
def test_sessions_says_where_there_is_nothing_to_list(folder, more, said):
    (folder / "auth.toml").write_text(more + CONFIG)
    assert said in run("sessions", "list", "ada", code=2)
    assert said in run("sessions", "end", "ada", code=2)


@pytest.mark.parametrize(
    ("more", "arguments", "line"),
    [
        ("", ("/tools/x",), "below the mount '/tools' of url: in a browser it is '/tools/tools/x'"),
        ("", ("/tools",), "below the mount '/tools' of url: in a browser it is '/tools/tools'"),
        ("remote_user = 'email'", ("/x", "--as", "ada"),
         "log: refused 'ada': remote_user = email, and there is no address"),
        ("authorized = 'someapp:may'", ("/x", "--as", "ada"),
         "log: the authorized callback raised; '/x' is refused (ValueError: no such user)"),
    ],
)  # fmt: skip
def test_explain_says_what_the_log_would(folder, more, arguments, line):
    may = "\ndef may(request, session):\n    raise ValueError('no such user')\n"
    (folder / "someapp.py").write_text(APP + may)
    at_tools = CONFIG.replace("127.0.0.1", "127.0.0.1/tools")
    (folder / "auth.toml").write_text(f"{more}\n{at_tools}")
    said = run("explain", "GET", *arguments)
    assert line in said, said
    assert "below the mount" not in run("explain", "GET", "/toolsx")


@pytest.mark.parametrize(
    ("more", "arguments", "is_said"),
    [
        ("challenge_401 = true", ("/health",), True),
        ("challenge_401 = true", ("/health", "--as", "ada"), False),
        ("challenge_401 = true", ("/login",), False),
        ("challenge_401 = true\nignore = ['/health']", ("/health",), False),
        ("", ("/health",), False),
    ],
)
def test_explain_says_what_becomes_of_a_401_of_the_application(folder, more, arguments, is_said):
    (folder / "auth.toml").write_text(f"{more}\n{CONFIG}")
    said = run("explain", "GET", *arguments)
    assert "  answer: the application's own" in said
    assert ("; a 401 without WWW-Authenticate becomes the way to sign in" in said) is is_said


def test_sessions_finds_somebody_by_an_address_or_by_an_account_too(folder):
    (folder / "auth.toml").write_text('adapter = "sqlite:///auth.db"\n' + CONFIG)
    store = connect(f"sqlite:///{folder}/auth.db")
    for id, email, proven in (("x7", "ada@example.test", 1), ("y8", "bob@example.test", None)):
        store.create_user(
            UserRecord(id, email=email, email_verified=proven),
            AccountRecord("sso", f"the:{id}", id, "oidc"),
        )
    store.close()
    middleware = AuthMiddleware(print, AuthConfig.from_file(folder / "auth.toml"))
    for id in ("x7", "y8", "ada"):
        session_cookie(middleware, {"id": id})
    for named in ("x7", "Ada@example.test", "sso:the:x7", "y8", "sso:the:y8", "ada"):
        assert "since 2" in run("sessions", "list", named), named
    for nobody in ("bob@example.test", "sso:x7", "sso:", "@", ":", "7"):
        assert run("sessions", "list", nobody) == f"no sessions of {nobody}\n"
    assert run("sessions", "end", "ada@example.test") == "1 sessions of x7 ended\n"
    assert run("sessions", "list", "x7") == "no sessions of x7\n"


def test_explain_leaves_no_trace(folder):
    (folder / "someapp.py").write_text(APP + "\ndef told(event):\n    open('told', 'w').close()\n")
    events = "[events]\ndenied = 'someapp:told'\nsession = 'someapp:told'\n"
    limits = "[limits]\naccount = '1 per minute'\nstorage = 'redis://127.0.0.1:1/0'\n"
    file = '[providers.htpasswd]\nfile = "users"\n[routes.dav]\nsource = "/dav"\nbasic = true\n'
    (folder / "users").write_text("")
    store = f"adapter = 'sqlite:///{folder}/auth.db'\n"
    (folder / "auth.toml").write_text(store + CONFIG + file + limits + events)
    assert "auth.session is ada" in run("explain", "GET", "/x", "--as", "ada")
    assert "403 Forbidden" in run("explain", "GET", "/admin", "--as", "ada")
    assert "401 Unauthorized" in run("explain", "GET", "/dav", "-H", "Authorization: Basic YTpi")
    assert run("sessions", "list", "ada") == "no sessions of ada\n"
    kept = connect(f"sqlite:///{folder}/auth.db")
    assert kept.get_user("ada") is None
    kept.close()
    assert not (folder / "told").exists()


def test_explain_says_that_a_sign_in_was_not_strong_enough(folder):
    provider = '[providers.sso]\ntype = "oidc"\nissuer = "https://id.example.org"\n'
    vault = '[routes.vault]\nsource = "/vault"\nacr = ["mfa"]\n'
    more = f'{provider}client_id = "app"\nclient_secret = "{"s" * 40}"\n{vault}'
    (folder / "auth.toml").write_text(CONFIG + more)
    said = run("explain", "GET", "/vault", "--as", "ada")
    assert "302 Found" in said and "strongly enough" in said
    said = run("explain", "GET", "/vault", "--as", "ada", "-H", "Accept: application/json")
    assert "401 Unauthorized" in said and "strongly enough" in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("someap:application", "cannot import 'someap'"),
        ("someapp:aplication", "has no 'aplication'"),
        ("someapp", "not of the form 'module:name'"),
        (".:application", "not of the form 'module:name'"),
        ("someapp:nothing", "someapp:nothing is an int, not a WSGI application"),
        (
            "someapp.py:application",
            "'someapp.py:application' is Python; name the application in it, e.g. someapp:application",
        ),
        ("sub/someapp.py", "name the application in it, e.g. sub.someapp:application"),
        (
            "someapp:asgi",
            "someapp:asgi takes (scope, receive, send), so it seems to be an ASGI application",
        ),
        ("someapp:make", "write 'someapp:make()'"),
    ],
)
def test_serve_says_what_is_wrong_with_its_target(folder, target, said):
    assert said in run("serve", target, code=2)


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_serve_says_what_is_wrong_with_a_port(folder, port):
    said = run("serve", "someapp:application", "--port", port, code=2)
    assert "Invalid value for '--port'" in said


@pytest.mark.parametrize("host", ["no such host", "300.1.1.1", "\xe9..b", "\xe9" * 70, "a\0b"])
def test_serve_says_what_is_wrong_with_a_host(folder, host):
    said = run("serve", "someapp:application", "--host", host, "--port", "0", code=2)
    assert f"host: cannot listen on {host}:0" in said


def test_serve_says_that_a_port_is_taken(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run("serve", "someapp:application", "--port", str(port), code=2)
    assert f"port: cannot listen on 127.0.0.1:{port}: Address already in use" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "GET", "/\udcff"), ("explain", "\udcff", "/"), ("sessions", "list", "\udcff"),
        ("db", "sweep", "sqlite:///\udcff"), ("serve", "\udcff"), ("check", "-c", "\udcff.toml"),
    ],
)  # fmt: skip
def test_an_argument_that_is_no_text_is_said_to_be_none(folder, arguments):
    assert "the arguments must be text in UTF-8" in run(*arguments, code=2)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("", "factory = 'module:make' or app = 'module:application'; or name it: wsgi-auth serve "
         "module:application"),
        ("[app]\nloud = true\n", "; or name it: wsgi-auth serve module:application"),
        ("[app]\nfactori = 'someapp:make'\n", "; there is 'factori'; did you mean 'factory'?"),
        ("[app]\nap = 'someapp:application'\n", "; there is 'ap'; did you mean 'app'?"),
    ],
)  # fmt: skip
def test_serve_without_a_target_wants_app_in_the_configuration(folder, app, said):
    (folder / "auth.toml").write_text(CONFIG + app)
    assert said in run("serve", code=2)
    if "did you mean" in said:
        assert f"app        made by what serve names, with {said.split(chr(39))[1]}{said}\n" in run(
            "check"
        )


def test_what_a_file_names_may_stand_beside_it_and_takes_the_place_of_nothing(
    folder, tmp_path_factory, monkeypatch
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(elsewhere)
    beside = "def may(*given): ...\ndef application(environ, start_response): ...\n"
    (folder / "beside.py").write_text(beside)
    (elsewhere / "both.py").write_text(beside)
    (folder / "both.py").write_text("raise ValueError\n")
    top, app = 'authorized = "beside:may"\n', '[app]\napp = "both:application"\n'
    (folder / "auth.toml").write_text(top + CONFIG + app)
    monkeypatch.syspath_prepend(str(elsewhere))
    sys.path.remove(str(folder))
    for module in ("beside", "both"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    run("check", "-c", f"{folder}/auth.toml")
    assert sys.modules["both"].__file__ == f"{elsewhere}/both.py"
    assert from_environment({"WSGI_AUTH_CONFIG": f"{folder}/auth.toml"}).app(1, 2) is None
    assert sys.path[-1] == str(folder)


def test_a_factory_gets_its_arguments_from_the_configuration(folder):
    text = CONFIG + '\n[app]\nfactory = "someapp:make"\nargs = ["good day"]\nloud = true\n'
    (folder / "auth.toml").write_text(text)
    middleware = from_environment({"WSGI_AUTH_CONFIG": "auth.toml"})
    seen = []
    assert middleware.app({}, lambda *given: seen.append(given)) == [b"GOOD DAY"]


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ('app = "someapp:application"\ngreeting = "x"', "'someapp:application' is no factory"),
        ('factory = "someapp:make"\nargs = "x"', "app.args: must be a list"),
        ('factory = "someapp:make"\nquiet = true', "unexpected keyword argument 'quiet'"),
        ('factory = "someapp:make"\nargs = ["a", "b"]', "someapp:make: make() takes"),
        (
            'factory = "someapp:make"\napp = "someapp:application"',
            "app: has both factory and app; keep",
        ),
        ('factori = "someapp:make"', "there is 'factori'; did you mean 'factory'?"),
        ("loud = true", "app: needs factory = 'module:make' or app = 'module:application'"),
    ],
)
def test_an_app_that_cannot_be_made_is_a_sentence(folder, app, said):
    (folder / "auth.toml").write_text(f"{CONFIG}\n[app]\n{app}\n")
    with pytest.raises(ConfigError) as caught:
        from_environment({"WSGI_AUTH_CONFIG": "auth.toml"})
    assert said in str(caught.value)


def test_a_server_that_looks_for_the_application_finds_it_or_learns_what_is_missing(
    folder, monkeypatch
):
    """uWSGI looks into the module's own names, and asks it for none."""
    monkeypatch.delenv("WSGI_AUTH_CONFIG", raising=False)
    monkeypatch.delitem(sys.modules, "wsgi_auth.wsgi", raising=False)
    with pytest.raises(ConfigError, match="WSGI_AUTH_CONFIG: is not set"):
        importlib.import_module("wsgi_auth.wsgi")
    (folder / "auth.toml").write_text(CONFIG + '\n[app]\napp = "someapp:application"\n')
    monkeypatch.setenv("WSGI_AUTH_CONFIG", "auth.toml")
    made = importlib.import_module("wsgi_auth.wsgi")
    monkeypatch.delitem(sys.modules, "wsgi_auth.wsgi")
    assert isinstance(vars(made)["application"], AuthMiddleware)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(*arguments: str, port: int, cwd: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, ended by its own process id."""
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=cwd, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, **env},
    )  # fmt: skip
    try:
        for _ in range(150):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert started.poll() is None, started.stdout.read()
                time.sleep(0.1)
        yield started
    finally:
        started.send_signal(signal.SIGINT)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        started.stdout.close()


def get(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer


@pytest.mark.live
def test_serve_protects_an_application_with_no_python_written(folder):
    require_module("waitress")
    port = free_port()
    arguments = ("wsgi_auth", "serve", "someapp:application", "--port", str(port))
    with process(*arguments, port=port, cwd=folder):
        assert get(port, "/x", Accept="text/html").status == 302
        assert get(port, "/x").status == 401
        assert get(port, "/health").text == "user None"


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_end_answers_what_it_has_begun(folder, number):
    require_module("waitress")
    (folder / "slow.py").write_text(
        "import time\ndef application(environ, start_response):\n"
        "    open('begun', 'w').close()\n    time.sleep(1)\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'done']\n"
    )
    port = free_port()
    arguments = ("wsgi_auth", "serve", "slow:application", "--port", str(port))
    with process(*arguments, port=port, cwd=folder) as started, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, port, "/health")
        for _ in range(200):
            if (folder / "begun").exists():
                break
            time.sleep(0.05)
        started.send_signal(number)
        assert started.wait(10) == 0
        assert answer.result().text == "done"


@pytest.mark.live
def test_the_demo_that_is_told_to_end_ends(tmp_path):
    require_module("waitress")
    port = free_port()
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    with process("wsgi_auth", "demo", "--port", str(port), port=port, cwd=tmp_path, **env) as demo:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(10) == 0


@pytest.mark.live
def test_serve_takes_the_mount_off_the_path_that_url_names_and_logs_to_standard_error(folder):
    require_module("waitress")
    at_tools = CONFIG.replace("127.0.0.1", "127.0.0.1/tools%20of%20ours")
    (folder / "auth.toml").write_text(f'ignore = ["/static/<file>"]\n{at_tools}')
    port = free_port()
    arguments = ("wsgi_auth", "serve", "someapp:mounted", "--port", str(port))
    (folder / "someapp.py").write_text(
        APP + "\ndef mounted(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [repr((environ['SCRIPT_NAME'], environ['PATH_INFO'])).encode()]\n"
    )
    with process(*arguments, port=port, cwd=folder) as started:
        for path in ("/tools%20of%20ours/health", "/health"):  # the proxy hands it on, or cuts it
            assert get(port, path).text == "('/tools of ours', '/health')"
        sent = get(port, "/tools%20of%20ours/", Accept="text/html").headers["Location"]
        assert sent == "/tools%20of%20ours/login?callbackUrl=/tools%2520of%2520ours/"
        started.send_signal(signal.SIGINT)
        started.wait(10)
        assert re.search(r"^[-\d]+ [\d:,]+ WARNING wsgi_auth ", started.stdout.read(), re.M)


@pytest.mark.live
@pytest.mark.parametrize(
    "command",
    [["check"], ["explain", "GET", "/x"], ["serve", "--help"], ["sessions", "list", "ada"],
     ["db", "upgrade"]],
)  # fmt: skip
def test_the_script_finds_what_a_file_names_in_the_current_folder(folder, command):
    (folder / "mine.py").write_text("def may(*given):\n    return True\n")
    (folder / "auth.toml").write_text(
        'authorized = "mine:may"\nadapter = "sqlite:///auth.db"\n'
        f'{CONFIG}[providers.credentials]\nauthorize = "mine:may"\n'
    )
    # without the folder on the path, as a script runs: `python -m` adds it
    root = str(Path(wsgi_auth.__file__).parents[1])
    asked = subprocess.run(
        [sys.executable, "-P", "-m", "wsgi_auth", *command], cwd=folder, text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout


@pytest.mark.live
def test_serve_knows_the_clients_of_its_proxy_so_that_one_guesser_locks_nobody_else_out(folder):
    require_module("waitress")
    require_module("bcrypt")
    import bcrypt

    hashed = bcrypt.hashpw(b"bricks", bcrypt.gensalt(4))
    (folder / "users").write_text(f"bob:{hashed.decode()}\n")
    (folder / "auth.toml").write_text(
        'secret = "0123456789012345678901234567890123456789"\ntrusted_proxies = 1\n'
        '[limits]\naddress = "3/hour"\n[providers.htpasswd]\nfile = "users"\n'
        '[routes.dav]\nsource = "/dav"\nbasic = true\n'
    )

    def ask(client: str, password: str) -> int:
        basic = b64encode(f"bob:{password}".encode()).decode()
        forwarded = {"Authorization": f"Basic {basic}", "X-Forwarded-For": client}
        return get(port, "/dav", **forwarded).status

    port = free_port()
    with process("wsgi_auth", "serve", "someapp:application", "--port", str(port), port=port,
                 cwd=folder):  # fmt: skip
        assert [ask("203.0.113.6", f"guess {n}") for n in range(5)] == [401, 401, 401, 429, 429]
        assert ask("203.0.113.7", "bricks") == 200


@pytest.mark.live
def test_serve_shows_its_application_nothing_of_what_anybody_says_of_a_request(folder):
    """Bottle, for one, believes X-Forwarded-Host unasked, and leads there."""
    require_module("waitress")
    (folder / "someapp.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [' '.join(name for name in environ if 'FORWARDED' in name).encode()]\n"
    )
    port = free_port()
    named = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
             "X-Forwarded-Port", "X-Forwarded-By")  # fmt: skip
    with process("wsgi_auth", "serve", "someapp:application", "--port", str(port), port=port,
                 cwd=folder):  # fmt: skip
        answer = get(port, "/health", **dict.fromkeys(named, "evil.test"))
        assert (answer.status, answer.text) == (200, "")


@pytest.mark.live
def test_any_server_runs_the_application_that_the_configuration_names(folder):
    require_module("gunicorn")
    (folder / "auth.toml").write_text(CONFIG + '\n[app]\napp = "someapp:application"\n')
    port = free_port()
    arguments = ("gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", "wsgi_auth.wsgi:application")
    with process(*arguments, port=port, cwd=folder, WSGI_AUTH_CONFIG="auth.toml"):
        assert get(port, "/x", Accept="text/html").status == 302
        assert get(port, "/health").status == 200


@pytest.mark.live
def test_the_demo_does_what_it_prints(tmp_path):
    require_module("waitress")
    port = free_port()
    env = {"XDG_CACHE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with process("wsgi_auth", "demo", "--port", str(port), port=port, cwd=tmp_path, **env) as demo:
        printed = ""
        while "Ctrl+C" not in printed:
            printed += demo.stdout.readline()
        assert "Everybody sees this page" in get(port, "/").text
        assert get(port, "/members", Accept="text/html").headers["Location"].startswith("/auth/")
        assert get(port, "/api/me").status == 401
        token = printed.partition("Bearer ")[2].partition('"')[0]
        assert "Ada Lovelace" in get(port, "/api/me", Authorization=f"Bearer {token}").text
        key = printed.partition("dev_key=")[2].split()[0]
        opened = get(port, f"/auth/signin?dev_key={key}")
        cookie = opened.headers["Set-Cookie"].partition(";")[0]
        assert "Alice Admin" in get(port, "/auth/signin", Cookie=cookie).text
        assert "Alice Admin" not in get(port, "/auth/signin").text
        assert get(port, "/", Host="evil.example").status == 403
        for name in FORWARDING:  # from outside, through a proxy or a tunnel on this machine
            header = name.removeprefix("HTTP_").replace("_", "-")
            assert get(port, "/", **{header: "127.0.0.1"}).status == 403, header
