"""Every example: in process through WebTest, and as a process on waitress and on gunicorn."""

from __future__ import annotations

import importlib
import os
import re
from html import escape
from pathlib import Path

import pytest
import requests
from webtest import TestApp, TestResponse

from tests.client.built import built
from tests.conftest import BROWSER
from tests.needs import require_module, require_program
from tests.processes import PYTHON, free_port, serving
from wsgi_auth.testing import FakeProvider, session_cookie, sign_in

EXAMPLES = Path(__file__).parents[2] / "examples"
ALICE = {"id": "alice", "name": "Alice Admin", "login": "alice", "email": "a@example.test",
         "groups": ["admins"]}  # fmt: skip
SCRIPT = "<script>alert()</script>"
BOB = {"id": "bob", "name": "Bob Member", "login": "bob", "groups": ["members"]}
FRAMEWORKS = {
    "plain": None, "bottle_app": "bottle", "pyramid_app": "pyramid", "flask_app": "flask",
    "django_app": "django", "falcon_app": "falcon", "cherrypy_app": "cherrypy", "own_form": "bottle",
    "custom_pages": None, "require_mount": None,
}  # fmt: skip

# third-party code warns of its own dependencies
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def example(request, monkeypatch, tmp_path):
    """A browser in front of one example."""
    if FRAMEWORKS[request.param]:
        require_module(FRAMEWORKS[request.param])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.import_module(request.param)
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1"}
    return TestApp(module.application, extra_environ=environ)


every_example = pytest.mark.parametrize("example", FRAMEWORKS, indirect=True)


@every_example
def test_an_open_page_greets_nobody_and_the_members_page_does_not(example):
    assert "stranger" in example.get("/")
    sent = example.get("/members", headers=BROWSER, status=302)
    assert sent.headers["Location"].endswith("?callbackUrl=/members")
    assert sent.follow(headers=BROWSER).status_int == 200
    assert example.get("/members", status=401).json["error"] == "SessionRequired"


@every_example
def test_a_member_is_greeted_and_the_framework_knows_the_name(example):
    sign_in(example, BOB)
    page = example.get("/members")
    assert "Bob Member" in page
    assert "bob" in page


@every_example
def test_only_an_admin_passes_to_the_admin_page(example):
    sign_in(example, BOB)
    assert example.get("/admin", headers=BROWSER, status=403)
    sign_in(example, ALICE)
    page = example.get("/admin/", status="*")
    if page.status_int == 404:
        page = example.get("/admin")
    assert page.status_int == 200


@every_example
def test_a_name_that_is_html_is_shown_and_is_none(example):
    sign_in(example, {**ALICE, "name": f"{SCRIPT} Ada", "login": SCRIPT})
    for path in ("/", "/members", "/orders", "/admin"):
        page = example.get(path, status="*")
        assert page.content_type != "text/html" or "<script" not in page, path
    page = example.get("/members")
    assert escape(f"{SCRIPT} Ada") in page if page.content_type == "text/html" else SCRIPT in page


@every_example
def test_somebody_without_a_name_sees_every_page(example):
    sign_in(example, {"id": "7", "login": "seven", "groups": ["members"]})
    for path in ("/", "/members"):
        assert example.get(path, headers=BROWSER).status_int == 200


def greeted(application) -> str:
    """The page for members, as somebody sees it whose name is HTML."""
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1"}
    browser = TestApp(application, extra_environ=environ)
    sign_in(browser, {**ALICE, "name": SCRIPT, "login": SCRIPT})
    page = browser.get("/members")
    assert page.content_type == "text/html"
    return page.text


def test_the_examples_of_paste_and_openid_connect_escape_a_name_too(monkeypatch, tmp_path):
    require_module("paste.deploy")
    require_module("pyramid")
    deploy = importlib.import_module("paste.deploy")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES / "pyramid_paste"))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    page = greeted(deploy.loadapp(f"config:{EXAMPLES / 'pyramid_paste' / 'development.ini'}"))
    assert page.count(escape(SCRIPT)) == 2 and "<script" not in page
    for name, value in (("SECRET", "s" * 40), ("URL", "http://127.0.0.1:8080"), ("OIDC_ID", "us"),
                        ("OIDC_SECRET", "hush"), ("OIDC_ISSUER", "http://127.0.0.1:1")):  # fmt: skip
        monkeypatch.setenv(f"AUTH_{name}", value)
    page = greeted(importlib.import_module("oidc").application)
    assert escape(SCRIPT) in page and "<script" not in page


@every_example
def test_signing_out_ends_it(example):
    sign_in(example, BOB)
    form = {"csrfToken": example.get("/auth/csrf").json["csrfToken"]}
    example.post("/auth/signout", form, headers=BROWSER, status=303)
    assert example.get("/members", headers=BROWSER, status=302)


def test_an_own_form_signs_in_and_goes_on_to_this_site_only(monkeypatch, tmp_path):
    require_module("bottle")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    application = importlib.import_module("own_form").application
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1"}
    for wanted, location in (("/members", "/members"), ("//evil.test", "/"), ("", "/")):
        browser = TestApp(application, extra_environ=environ)
        fields = {"name": "ada", "password": "wrong", "callbackUrl": wanted}
        assert "wrong" in browser.post("/login", fields)
        fields["password"] = "lovelace"
        assert browser.post("/login", fields, headers={"Sec-Fetch-Site": "cross-site"}, status=403)
        sent = browser.post("/login", fields, status="*")
        assert sent.headers["Location"].endswith(location)
        assert "evil" not in sent.headers["Location"]
        assert "Ada Lovelace" in browser.get("/members")


def test_an_own_page_shows_the_error_and_leads_back(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    application = importlib.import_module("custom_pages").application
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1"}
    browser = TestApp(application, extra_environ=environ)
    page = browser.get("/members?a=b", headers=BROWSER).follow()
    form = page.form
    form["username"], form["password"] = "ada", "wrong"
    page = form.submit(status=303).follow()
    assert "That did not match." in page
    form = page.form
    form["username"], form["password"] = "ada", "lovelace"
    done = form.submit(status=303)
    assert done.location.endswith("/members?a=b") and "Ada Lovelace" in done.follow()


@pytest.mark.live
def test_the_example_of_links_in_mails_prints_one_that_signs_in(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    application = importlib.import_module("email_link").application
    environ = {"HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1"}
    browser = TestApp(application, extra_environ=environ)
    form = browser.get("/members", headers=BROWSER, status=302).follow(headers=BROWSER).form
    form["email"] = "ada@example.test"
    assert "Check your e-mail" in form.submit(headers=BROWSER).follow(headers=BROWSER)
    (link,) = re.findall(r"http://127\.0\.0\.1:8080(\S+)", capsys.readouterr().out)
    browser.get(link, headers=BROWSER).form.submit(headers=BROWSER, status=303)
    assert browser.get("/members").text == "Hello, ada@example.test"


@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
def test_the_example_of_openid_connect_signs_in_at_a_provider_on_a_port(server, tmp_path):
    require_module(server)
    port, fake = free_port(), FakeProvider(id="oidc")
    command = [PYTHON, "oidc.py"]
    if server == "gunicorn":
        command = [PYTHON, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "oidc:application"]
    client = next(iter(fake.clients.values()))
    with fake.serving() as issuer:
        env = {"AUTH_SECRET": "s" * 40, "PORT": str(port), "LOG": str(tmp_path / "log"),
               "AUTH_URL": f"http://127.0.0.1:{port}", "AUTH_OIDC_ISSUER": issuer,
               "AUTH_OIDC_ID": client.client_id, "AUTH_OIDC_SECRET": client.client_secret,
               "SCOPE": "openid profile email groups", "PYTHONPATH": str(EXAMPLES.parent)}  # fmt: skip
        with serving(command, port, EXAMPLES, **env), requests.Session() as browser:
            here = f"http://127.0.0.1:{port}"
            assert "stranger" in browser.get(here).text
            assert browser.get(f"{here}/members").status_code == 401
            page = browser.get(f"{here}/members?a=b", headers=BROWSER)
            form = TestResponse(body=page.content, content_type="text/html").form
            sent = browser.post(here + form.action, form.submit_fields(), allow_redirects=False)
            landing = fake.approve(sent.headers["Location"], "alice")
            done = browser.get(landing.url)
            assert done.url == f"{here}/members?a=b"
            assert "Alice Admin (alice), alice@example.test (verified)" in done.text
            assert browser.get(f"{here}/admin").status_code == 200


def story(server, cache: Path) -> None:
    """What every example does on every server."""
    html = {"Accept": "text/html"}
    assert "stranger" in server.get("/").text
    assert server.get("/members", **html).status == 302
    assert server.get("/members").status == 401
    secret = (cache / "wsgi_auth" / "dev-secret").read_text()
    cookie = session_cookie({"dev": True, "secret": secret}, BOB)
    assert "Bob Member" in server.get("/members", Cookie=cookie).text
    assert server.get("/admin", Cookie=cookie, **html).status == 403


@pytest.mark.live
@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_example_runs_on_a_real_server(name, server, tmp_path):
    require_module(server)
    if FRAMEWORKS[name]:
        require_module(FRAMEWORKS[name])
    port = free_port()
    root = str(EXAMPLES.parent)
    env = {"XDG_CACHE_HOME": str(tmp_path), "PORT": str(port), "LOG": str(tmp_path / "log"),
           "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)}  # fmt: skip
    command = [PYTHON, f"{name}.py"]
    if server == "gunicorn":
        command = [PYTHON, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", f"{name}:application"]
    with serving(command, port, EXAMPLES, **env) as running:
        story(running, tmp_path)


@pytest.mark.live
@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
@pytest.mark.parametrize("name", ["plain_html", "react"])
def test_an_example_with_a_script_runs_on_a_real_server(name, server, tmp_path):
    """What it does in a browser is in ``tests/browser/test_client.py``."""
    require_module(server)
    folder, port = EXAMPLES / name, free_port()
    env = {"XDG_CACHE_HOME": str(tmp_path), "PORT": str(port), "LOG": str(tmp_path / "log"),
           "PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])}  # fmt: skip
    if name == "react":
        require_module("flask")
        env["DIST"] = str(built())
    command = [PYTHON, str(folder / "app.py")]
    if server == "gunicorn":
        command = [PYTHON, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "app:application"]
    with serving(command, port, folder, **env) as running:
        page = running.get("/")
        assert 'id="auth.session">null</script>' in page.text
        for script in [*re.findall('src="([^"]+)"', page.text), "/auth/client.js"]:
            found = running.get(script)
            assert found.status == 200 and "javascript" in found.headers["Content-Type"]
        assert running.get("/api/members").status == 401
        secret = (tmp_path / "wsgi_auth" / "dev-secret").read_text()
        cookie = session_cookie({"dev": True, "secret": secret}, BOB)
        assert "Bob Member" in running.get("/api/members", Cookie=cookie).text
        assert "Bob Member" in running.get("/", Cookie=cookie).text


@pytest.mark.live
def test_the_paste_pipeline_runs_under_pserve(tmp_path):
    require_module("pyramid")
    require_module("paste.deploy")
    pserve = require_program("pserve")
    port = free_port()
    folder = EXAMPLES / "pyramid_paste"
    env = {"XDG_CACHE_HOME": str(tmp_path), "LOG": str(tmp_path / "log"),
           "PYTHONPATH": f"{folder}{os.pathsep}{EXAMPLES.parent}"}  # fmt: skip
    text = (folder / "development.ini").read_text(encoding="utf-8")
    (tmp_path / "development.ini").write_text(text.replace("8080", str(port)), encoding="utf-8")
    with serving([pserve, "development.ini"], port, tmp_path, **env) as running:
        story(running, tmp_path)


@pytest.mark.parametrize("example", ["django_app"], indirect=True)
def test_djangos_admin_is_found_without_its_slash(example):
    sign_in(example, ALICE)
    assert "Site administration" in example.get("/admin", status=301).follow()


@pytest.mark.parametrize("example", ["django_app"], indirect=True)
def test_djangos_own_decorator_leads_to_the_sign_in_page_and_back(example):
    sent = example.get("/orders?year=2026", headers=BROWSER, status=302)
    assert sent.headers["Location"] == "/auth/signin?callbackUrl=/orders%3Fyear%3D2026"
    sign_in(example, {"id": "bob", "login": "bob"})
    assert example.get("/orders").text == "Orders of bob"
