"""CherryPy: ``cherrypy.request.login`` is the user's name, from ``REMOTE_USER``.

Run it with ``python examples/cherrypy_app.py``, or ``cd examples && gunicorn
cherrypy_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    application = AuthMiddleware(cherrypy.tree.mount(Root(), "/"),
                                 {"remote_user": "login", "matcher": ["/members/:path*"], ...})

    session = cherrypy.request.wsgi_environ["auth.session"]    # None for nobody
"""

import os
from html import escape

import cherrypy

from wsgi_auth import AuthMiddleware, get_auth


class Root:
    @cherrypy.expose
    def index(self):
        session = cherrypy.request.wsgi_environ["auth.session"]
        return f"Hello, {escape(session.user['name'] or '') if session else 'stranger'}"

    @cherrypy.expose
    def members(self):
        auth = get_auth(cherrypy.request.wsgi_environ)
        name = escape(auth.session.user["name"] or "")  # what a provider says may be anything
        return f"Hello, {name} ({escape(cherrypy.request.login)}). " + (
            f'<a href="{escape(auth.sign_out_url())}">Sign out</a>'
        )

    @cherrypy.expose
    def admin(self):
        return f"Hello, admin {escape(cherrypy.request.login)}"


cherrypy.config.update({"environment": "embedded"})  # the server is somebody else's

application = AuthMiddleware(
    cherrypy.tree.mount(Root(), "/"),
    {
        "dev": True,  # made-up people, on this machine only
        "providers": ["dev"],
        "remote_user": "login",
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
