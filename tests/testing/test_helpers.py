"""The helpers for an application's own tests do what a visitor's sign-in does."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from webtest import TestApp

from tests.conftest import BROWSER, USERS, config, hello, options
from wsgi_auth import AuthMiddleware, CookieSessionReader, UsageError
from wsgi_auth.testing import session_cookie, sign_in


@pytest.mark.parametrize("host", ["localhost:80", "app.example.test", "127.0.0.1:8080"])
def test_a_test_app_is_signed_in_until_it_signs_out(host):
    visitor = TestApp(
        AuthMiddleware(hello, config()),
        extra_environ={"HTTP_HOST": host, "wsgi.url_scheme": "https"},
    )
    sign_in(visitor, USERS["alice"])
    assert "hello alice" in visitor.get("/")
    sign_in(visitor, USERS["bob"])
    assert "hello bob" in visitor.get("/")
    visitor.get("/auth/signout", headers=BROWSER).forms[0].submit(headers=BROWSER)
    assert visitor.get("/", headers=BROWSER).status_int == 302


def test_a_cookie_header_for_any_client_holds_the_user():
    header = session_cookie(options(), USERS["alice"])
    reading = CookieSessionReader(options()).read({"HTTP_COOKIE": header}, time.time())
    assert reading.session.user["email"] == "alice@example.test"
    middleware = AuthMiddleware(hello, config())
    answer = TestApp(middleware).get(
        "/", headers={"Cookie": session_cookie(middleware, USERS["alice"])}
    )
    assert "hello alice" in answer


def test_the_callbacks_see_the_user_as_in_a_sign_in():
    def jwt(claims, context):
        return {**claims, "role": context.user["role"]} if context.trigger else claims

    def session(session, context):
        return {**session, "role": context.claims["role"]}

    seen = {}

    def app(environ, start_response):
        seen.update(environ["auth.session"])
        return hello(environ, start_response)

    visitor = TestApp(AuthMiddleware(app, config(callbacks={"jwt": jwt, "session": session})))
    sign_in(visitor, {**USERS["bob"], "role": "editor"})
    visitor.get("/")
    assert seen["role"] == "editor"


def test_without_a_middleware_the_helper_says_so():
    with pytest.raises(UsageError, match="found no AuthMiddleware in this "):
        sign_in(TestApp(hello), USERS["alice"])
    with pytest.raises(UsageError, match="found no AuthMiddleware in this function"):
        session_cookie(hello, USERS["alice"])


def test_another_client_than_a_test_app_is_sent_to_session_cookie():
    site = Flask("site")
    site.wsgi_app = AuthMiddleware(hello, config())
    with pytest.raises(
        UsageError, match=r"wants a webtest.TestApp, not a FlaskClient; .* session_cookie"
    ):
        sign_in(site.test_client(), USERS["alice"])
    cookie = session_cookie(site, USERS["alice"])  # as sign_in does, it finds what the Flask wraps
    client = site.test_client(use_cookies=False)
    answer = client.get("/", headers={"Cookie": cookie, "Host": "app.example.test"})
    assert answer.text == "hello alice"
