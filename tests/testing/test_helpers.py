"""The helpers for an application's own tests do what a visitor's sign-in does."""

from __future__ import annotations

import time

import pytest
import requests
from flask import Flask
from webtest import TestApp
from werkzeug.test import Client

from tests.conftest import BROWSER, USERS, config, hello, options
from wsgi_auth import AuthMiddleware, CookieSessionReader, UsageError
from wsgi_auth.providers import OIDC
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


MANY = {**USERS["alice"], "groups": [f"the group with the number {n}" for n in range(600)]}


def flask_site(**more):
    site = Flask("site")
    site.config.update(more)
    site.wsgi_app = AuthMiddleware(hello, config())
    return site


CLIENTS = {
    "webtest": lambda: TestApp(AuthMiddleware(hello, config())),
    "flask": lambda: flask_site().test_client(),
    "flask with SERVER_NAME": lambda: flask_site(SERVER_NAME="site.test:5000").test_client(),
    "werkzeug": lambda: Client(AuthMiddleware(hello, config())),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_signing_in_again_replaces_the_user_however_large_the_session_was(client):
    visitor = CLIENTS[client]()
    for user in (MANY, USERS["bob"], USERS["alice"], MANY, USERS["bob"]):
        sign_in(visitor, user)
        assert f"hello {user['id']}" in visitor.get("/").text


def test_a_client_of_flask_is_signed_in_until_it_signs_out():
    client = flask_site().test_client()
    for base_url in (None, "https://app.example.test"):
        sign_in(client, MANY)
        assert client.get("/", base_url=base_url).text == "hello alice"
        token = client.get("/auth/csrf", base_url=base_url).json["csrfToken"]
        client.post("/auth/signout", base_url=base_url, data={"csrfToken": token})
        assert client.get("/", base_url=base_url).status_code == 401


@pytest.mark.parametrize("provider", ["test", "app", "made", "named"])
def test_the_provider_is_one_that_there_is(provider):
    made = OIDC(id="made", client_id="us", client_secret="hush", issuer="https://op.test")
    named = {"id": "named", "type": "credentials", "authorize": lambda credentials, request: None}
    application = AuthMiddleware(hello, config(providers=[made, named]))
    sign_in(visitor := TestApp(application), USERS["alice"], provider=provider)
    assert "hello alice" in visitor.get("/")
    with pytest.raises(UsageError, match="there is no provider 'nope', but made, named, and 'app'"):
        sign_in(visitor, USERS["alice"], provider="nope")


def test_where_no_providers_are_configured_it_may_be_any():
    where = {"secret": "s" * 40, "url": "https://app.example.test", "matcher": []}
    assert session_cookie(where, USERS["alice"], provider="htpasswd")


def test_any_other_client_is_sent_to_session_cookie():
    site = flask_site()
    with pytest.raises(
        UsageError, match=r"a webtest.TestApp, or .* not a Session; .* session_cookie"
    ):
        sign_in(requests.Session(), USERS["alice"])
    cookie = session_cookie(site, USERS["alice"])  # as sign_in does, it finds what the Flask wraps
    client = site.test_client(use_cookies=False)
    answer = client.get("/", headers={"Cookie": cookie, "Host": "app.example.test"})
    assert answer.text == "hello alice"
