"""Pyramid: a security policy that reads the environ; views keep their ``permission``.

Run it with ``python examples/pyramid_app.py``, or ``cd examples && gunicorn
pyramid_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    class SecurityPolicy:
        def identity(self, request):
            return request.environ["auth.session"]          # None for nobody
        ...                                                 # permits(), with an ACLHelper

    config.set_security_policy(SecurityPolicy())
    application = AuthMiddleware(config.make_wsgi_app(), {"challenge_401": True, ...})
"""

import os
from html import escape

from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPForbidden, HTTPUnauthorized
from pyramid.response import Response

from wsgi_auth import AuthMiddleware, get_auth


class SecurityPolicy:
    """The session is the identity, its groups are principals."""

    def identity(self, request):
        return request.environ["auth.session"]

    def authenticated_userid(self, request):
        session = self.identity(request)
        return None if session is None else session.user["id"]

    def principals(self, request):
        claims = get_auth(request.environ).claims
        if claims is None:
            return [Everyone]
        groups = [f"group:{name}" for name in claims.get("groups", ())]
        return [Everyone, Authenticated, f"user:{claims['sub']}", *groups]

    def permits(self, request, context, permission):
        return ACLHelper().permits(context, self.principals(request), permission)

    def remember(self, request, userid, **kw):
        return []  # the middleware's

    def forget(self, request, **kw):
        return []


class Root:
    __acl__ = [(Allow, Authenticated, "read"), (Allow, "group:admins", "manage")]

    def __init__(self, request):
        pass


def home(request):
    session = request.identity
    return Response(f"Hello, {escape(session.user['name'] or '') if session else 'stranger'}")


def members(request):
    auth = get_auth(request.environ)
    name = escape(request.identity.user["name"] or "")  # what a provider says may be anything
    return Response(
        f"Hello, {name} ({escape(request.remote_user)}). "
        f'<a href="{escape(auth.sign_out_url())}">Sign out</a>'
    )


def admin(request):
    return Response(f"Hello, admin {escape(request.authenticated_userid)}")


def forbidden(request):
    """Nobody is signed in: 401, which ``challenge_401`` turns into the way to the sign-in page."""
    return HTTPUnauthorized() if request.identity is None else HTTPForbidden()


def make_app():
    with Configurator(root_factory=Root) as config:
        config.set_security_policy(SecurityPolicy())
        config.add_forbidden_view(forbidden)
        for path, view, permission in (
            ("/", home, None),
            ("/members", members, "read"),
            ("/admin", admin, "manage"),
        ):
            config.add_route(view.__name__, path)
            config.add_view(view, route_name=view.__name__, permission=permission)
        return config.make_wsgi_app()


application = AuthMiddleware(
    make_app(),
    {
        "dev": True,  # made-up people, on this machine only
        "providers": ["dev"],
        "remote_user": "login",
        "matcher": [],  # the views' permissions decide
        "challenge_401": True,
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
