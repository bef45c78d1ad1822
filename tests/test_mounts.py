"""Below a dispatcher that mounts applications: our pages stay where the middleware has them."""

from __future__ import annotations

import json
from wsgiref.util import shift_path_info

import pytest
from webtest import TestApp
from webtest.app import TestRequest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.conftest import BROWSER, config, hello, options
from wsgi_auth import AuthMiddleware, get_auth, require


def shifted(app):
    """What PEP 3333 has for it: the environ itself is changed."""

    def dispatch(environ, start_response):
        assert shift_path_info(environ) == "members"
        return app(environ, start_response)

    return dispatch


def copied(app):
    """A dispatcher that keeps the environ it got."""

    def dispatch(environ, start_response):
        mount, path = f"{environ.get('SCRIPT_NAME', '')}/members", environ["PATH_INFO"][8:]
        return app({**environ, "SCRIPT_NAME": mount, "PATH_INFO": path}, start_response)

    return dispatch


def rewriting(app):
    """One whose application has an index, below the mount."""

    def indexed(environ, start_response):
        environ["PATH_INFO"] = "/en/index.html"
        return app(environ, start_response)

    return shifted(indexed)


def rewritten(app):
    """One that tells nobody what it took off."""

    def dispatch(environ, start_response):
        environ["PATH_INFO"] = environ["PATH_INFO"][8:]
        return app(environ, start_response)

    return dispatch


DISPATCHERS = {
    "a page in place of another": rewriting,
    "a rewritten path": rewritten,
    "shift_path_info": shifted,
    "a copy": copied,
    "werkzeug": lambda app: DispatcherMiddleware(hello, {"/members": app}),
    "one below another": lambda app: shifted(DispatcherMiddleware(hello, {"/x": app})),
}

#: ``url``, and the SCRIPT_NAME that the server gives.
SERVED = {
    "no url": (None, ""),
    "no url, at a mount": (None, "/at"),
    "a url": ("https://app.example.test", ""),
    "a url at a mount": ("https://app.example.test/at", "/at"),
}


def challenge(environ, start_response):
    return get_auth(environ).challenge()(environ, start_response)


def at_provider(environ, start_response):
    return get_auth(environ).challenge("credentials")(environ, start_response)


def bare(environ, start_response):
    start_response("401 Unauthorized", [("Content-Type", "text/plain")])
    return [b"who are you?"]


def late(environ, start_response):
    """Its first block comes when the handle holds the environ no more."""

    def blocks():
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        yield b"who are you?"

    return blocks()


REFUSALS = {
    "require": (require(hello), {}),
    "challenge": (challenge, {}),
    "challenge at a provider": (at_provider, {}),
    "challenge_401": (bare, {"challenge_401": True}),
    "challenge_401, late": (late, {"challenge_401": True}),
}

every_dispatcher = pytest.mark.parametrize("dispatch", DISPATCHERS.values(), ids=DISPATCHERS)
however_served = pytest.mark.parametrize(("url", "script"), SERVED.values(), ids=SERVED)


def below(dispatch, app, url, script, **more) -> TestApp:
    given = options(matcher=["/nothing"], **more)
    del given["url"]
    if url is not None:
        given["url"] = url
    extra = {"SCRIPT_NAME": script, "HTTP_HOST": "app.example.test", "wsgi.url_scheme": "https"}
    return TestApp(AuthMiddleware(dispatch(app), given), extra_environ=extra)


def location(client: TestApp, path: str) -> str:
    """Where a browser is sent that asks for this PATH_INFO, exactly (WebTest would mend it)."""
    request = TestRequest.blank("/", headers=BROWSER)
    request.environ.update(client.extra_environ, PATH_INFO=path)
    return client.do_request(request).headers["Location"]


@every_dispatcher
@however_served
@pytest.mark.parametrize(("app", "more"), REFUSALS.values(), ids=REFUSALS)
def test_below_a_mount_who_is_refused_signs_in_at_our_page_and_comes_back(
    app, more, dispatch, url, script
):
    client = below(dispatch, app, url, script, **more)
    answer = client.get("/members/x/y?z=1", headers=BROWSER)
    wanted = f"{script}/auth/signin?callbackUrl={script}/members/x/y%3Fz%3D1"
    assert (answer.status_int, answer.headers["Location"]) == (302, wanted)
    # and there the way ends
    page = answer.headers["Location"].removeprefix(script)
    assert client.get(page, headers=BROWSER).status_int == 200
    # a program is told the same
    said = client.get("/members/x/y?z=1", status=401)
    assert json.loads(said.text)["signinUrl"] == wanted


@pytest.mark.parametrize("path", [
    "//members/x", "/members//x", "/./members/x", "/members/./x", "/members", "/members/",
    "//members//x//",
])  # fmt: skip
@however_served
def test_what_a_dispatcher_leaves_out_of_a_path_moves_our_pages_nowhere(path, url, script):
    def sent(dispatch):
        return location(below(dispatch, require(hello), url, script), path)

    assert sent(shifted).startswith(f"{script}/auth/signin?callbackUrl=")
    assert sent(shifted) == sent(rewriting) == sent(lambda app: app)


@however_served
@pytest.mark.parametrize("path", ["/", "/x", "/index.html", "/en/at/x"])
@pytest.mark.parametrize("instead", ["/index.html", "/en/", "/en/x", "", "/at/x", "//evil.test/"])
def test_what_an_application_makes_of_its_path_moves_our_pages_nowhere(path, instead, url, script):
    def app(environ, start_response):
        environ["PATH_INFO"] = instead
        return get_auth(environ).challenge()(environ, start_response)

    found = location(below(lambda inner: inner, app, url, script), path)
    assert found == f"{script}/auth/signin?callbackUrl={script}{path}"


@every_dispatcher
@however_served
def test_below_a_mount_the_handle_says_where_our_pages_are(dispatch, url, script):
    def urls(environ, start_response):
        auth = get_auth(environ)

        def blocks(first):
            yield f"{first}\n{asked(auth)}".encode()

        start_response("200 OK", [("Content-Type", "text/plain")])
        return blocks(asked(auth))

    def asked(auth):
        return " ".join([
            auth.sign_in_url(), auth.sign_in_url("credentials"), auth.sign_in_url(None, "/home"),
            auth.sign_out_url(), auth.sign_out_url("/home"), auth.return_url(None),
            auth.client_url.partition("?")[0],
        ])  # fmt: skip

    said = below(dispatch, urls, url, script).get("/members/x/y")
    back = f"callbackUrl={script}/members/x/y"
    once, again = said.text.split("\n")
    assert once.split() == [
        f"{script}/auth/signin?{back}",
        f"{script}/auth/callback/credentials?{back}",
        f"{script}/auth/signin?callbackUrl=/home",
        f"{script}/auth/signout",
        f"{script}/auth/signout?callbackUrl=/home",
        f"{script}/",
        f"{script}/auth/client.js",
    ]
    assert again == once  # in the body, when the headers have left


def test_of_two_middlewares_each_has_its_pages_at_its_own_mount():
    asked = []

    def app(environ, start_response):
        asked.append((outer[0].sign_in_url(), get_auth(environ).sign_in_url()))
        return hello(environ, start_response)

    outer = []

    def note(environ, start_response):
        outer[:] = [get_auth(environ)]
        return inner(environ, start_response)

    of_inner = options(matcher=["/nothing"], cookies={"session": {"name": "inner"}})
    del of_inner["url"]
    inner = shifted(AuthMiddleware(DispatcherMiddleware(hello, {"/x": app}), of_inner))
    TestApp(AuthMiddleware(note, config(matcher=["/nothing"]))).get("/members/x/y")
    assert asked == [
        ("/auth/signin?callbackUrl=/members/x/y", "/members/auth/signin?callbackUrl=/members/x/y")
    ]
