"""Peers reading a session of the same user; each is skipped where it is not installed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.cookies import SimpleCookie
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import floors
from benchmarks.measure import App, Case
from benchmarks.requests import SECRET, among_others, claims, environ

#: A label, an application, and the Cookie header of somebody who is signed in.
Made = tuple[str, App, str]


def installed(package: str) -> str | None:
    """The version of a package; None where it is missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cases(stack: ExitStack, servers: Mapping[str, str]) -> Iterator[tuple[str, Case]]:
    """``(label, case)`` of every peer: an application that reads who is signed in. Those that keep
    sessions in a store are good until the ``stack`` ends."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())

    def flask_files() -> Made:
        from cachelib.file import FileSystemCache

        cache = FileSystemCache(folder)
        return _flask("Flask-Session, files", SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)

    def flask_redis() -> Made:
        from redis import Redis

        client = Redis.from_url(servers["Redis"])
        stack.callback(client.close)
        return _flask("Flask-Session, Redis", SESSION_TYPE="redis", SESSION_REDIS=client)

    found: list[tuple[str, Callable[[], Made]]] = [
        ("repoze.who", _repoze_who),
        ("Beaker", _beaker),
        ("Flask", _flask),
        ("Flask-Session", flask_files),
        ("pyramid", _pyramid),
        ("Django", _django),
    ]
    if "Redis" in servers:
        found.insert(4, ("Flask-Session", flask_redis))
    for package, make in found:
        release = installed(package)
        if release:
            label, app, cookie = make()
            given = environ("/members/area", among_others(cookie))
            yield f"{label} {release}", Case(label, app, given)


def _cookie_of(app: App) -> str:
    """The cookies that an application sets at ``/sign-in``, as a browser sends them."""
    jar: SimpleCookie = SimpleCookie()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        for name, value in headers:
            if name.lower() == "set-cookie":
                jar.load(value)
        return lambda block: None

    for _ in app(environ("/sign-in"), start_response):
        pass
    return "; ".join(f"{morsel.key}={morsel.coded_value}" for morsel in jar.values())


def _repoze_who() -> Made:
    from repoze.who.middleware import PluggableAuthenticationMiddleware
    from repoze.who.plugins.auth_tkt import AuthTktCookiePlugin

    plugin = AuthTktCookiePlugin(SECRET, "auth_tkt", digest_algo="sha256")
    names = [("auth_tkt", plugin)]

    def app(given: Any, start_response: Any) -> Any:
        given["repoze.who.identity"]["repoze.who.userid"]
        return floors.bare(given, start_response)

    wrapped = PluggableAuthenticationMiddleware(
        app, names, names, [], [], lambda e: "browser", lambda e, s, h: False
    )
    headers = plugin.remember(environ("/"), {"repoze.who.userid": claims()["sub"]})
    return "repoze.who auth_tkt", wrapped, headers[0][1].partition(";")[0]


def _beaker() -> Made:
    from beaker.middleware import SessionMiddleware

    def app(given: Any, start_response: Any) -> Any:
        session = given["beaker.session"]
        if given["PATH_INFO"] == "/sign-in":
            session.update(claims())
            session.save()
        session["sub"]
        return floors.bare(given, start_response)

    wrapped = SessionMiddleware(
        app,
        {
            "session.type": "cookie",
            "session.validate_key": SECRET,
            "session.data_serializer": "json",
            "session.secure": True,
        },
    )
    return "Beaker signed cookie", wrapped, _cookie_of(wrapped)


def _flask(label: str = "Flask session", **settings: Any) -> Made:
    """Its own signed cookie; with ``settings`` of Flask-Session, a session on the server."""
    from flask import Flask, session

    app = Flask("benchmark")
    app.secret_key = SECRET
    if settings:
        from flask_session import Session

        app.config.update(settings)
        Session(app)

    @app.get("/sign-in")
    def sign_in() -> str:
        session.update(claims())
        return ""

    @app.get("/members/area")
    def area() -> str:
        session["sub"]
        return "hello"

    return label, app, _cookie_of(app)


def _pyramid() -> Made:
    from pyramid.config import Configurator
    from pyramid.response import Response
    from pyramid.session import SignedCookieSessionFactory

    def sign_in(request: Any) -> Any:
        request.session.update(claims())
        return Response("")

    def area(request: Any) -> Any:
        request.session["sub"]
        return Response("hello")

    config = Configurator(session_factory=SignedCookieSessionFactory(SECRET, secure=True))
    for name, path, view in (("in", "/sign-in", sign_in), ("area", "/members/area", area)):
        config.add_route(name, path)
        config.add_view(view, route_name=name)
    app = config.make_wsgi_app()
    return "Pyramid signed cookie session", app, _cookie_of(app)


def _django() -> Made:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    def sign_in(request: Any) -> Any:
        request.session.update(claims())
        return HttpResponse("")

    def area(request: Any) -> Any:
        request.session["sub"]
        return HttpResponse("hello")

    urls = type("urls", (), {"urlpatterns": [path("sign-in", sign_in), path("members/area", area)]})
    settings.configure(
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_COOKIE_SECURE=True,
        USE_TZ=True,
    )
    django.setup()
    app = get_wsgi_application()
    return "Django signed cookies", app, _cookie_of(app)
