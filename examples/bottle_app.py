"""Bottle: the session is in ``request.environ``, the user's name in ``request.remote_user``.

Run it with ``python examples/bottle_app.py``, or ``cd examples && gunicorn
bottle_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    application = AuthMiddleware(bottle.default_app(), {"matcher": ["/members/:path*"], ...})

    session = bottle.request.environ["auth.session"]    # in a handler: None for nobody
"""

import os

from bottle import Bottle, html_escape, request, response

from wsgi_auth import AuthMiddleware, get_auth

app = Bottle()


@app.get("/")
def home():
    session = request.environ["auth.session"]
    return f"Hello, {html_escape(session.user['name'] or '') if session else 'stranger'}"


@app.get("/members")
def members():
    response.content_type = "text/plain; charset=utf-8"
    auth = get_auth(request.environ)
    name = auth.session.user["name"]
    return f"Hello, {name} ({request.environ['REMOTE_USER']}). Sign out: {auth.sign_out_url()}"


@app.get("/admin")
def admin():
    return f"Hello, admin {html_escape(request.environ['REMOTE_USER'])}"


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
