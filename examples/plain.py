"""Plain WSGI: a public page, a members' page and one for admins only.

Run it with ``python examples/plain.py``, or ``cd examples && gunicorn plain:application``, and
open the link with ``dev_key`` that it prints.

Recipe::

    application = AuthMiddleware(app, {"dev": True, "providers": ["dev"],
                                       "matcher": ["/members/:path*"]})

    session = environ["auth.session"]       # in a handler: None for nobody
"""

import os

from wsgi_auth import AuthMiddleware, get_auth


def app(environ, start_response):
    auth = get_auth(environ)
    if auth.session is None:
        text = f"Hello, stranger. Sign in: {auth.sign_in_url()}"
    else:
        name = auth.session.user["name"]
        text = f"Hello, {name} ({environ['REMOTE_USER']}). Sign out: {auth.sign_out_url()}"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


application = AuthMiddleware(
    app,
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
