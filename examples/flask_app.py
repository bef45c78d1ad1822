"""Flask: ``abort(401)`` leads to the sign-in page, for this is what ``challenge_401`` does.

Run it with ``python examples/flask_app.py``, or ``cd examples && gunicorn
flask_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    app.wsgi_app = AuthMiddleware(app.wsgi_app, {"challenge_401": True, "matcher": [], ...})

    session = request.environ["auth.session"]      # in a view: None for nobody
    if session is None:
        abort(401)                                 # a browser goes to the sign-in page

It goes around ``wsgi_app``, so that ``app`` is the protected one whoever serves it: ``flask run``,
gunicorn, the test client.
"""

import os

from flask import Flask, abort, request
from markupsafe import escape

from wsgi_auth import AuthMiddleware, get_auth

app = Flask(__name__)


@app.get("/")
def home():
    session = request.environ["auth.session"]
    return f"Hello, {escape(session.user['name'] or '') if session else 'stranger'}"


@app.get("/members")
def members():
    auth = get_auth(request.environ)
    name = escape(
        auth.session.user["name"] or ""
    )  # what a provider says of somebody may be anything
    return f"Hello, {name} ({escape(request.remote_user)}). " + (
        f'<a href="{escape(auth.sign_out_url())}">Sign out</a>'
    )


@app.get("/admin")
def admin():
    return f"Hello, admin {escape(request.remote_user)}"


@app.get("/drafts")
def drafts():
    """No pattern names this path: the view decides."""
    if request.environ["auth.session"] is None:
        abort(401)
    return f"The drafts of {escape(request.remote_user)}"


app.wsgi_app = AuthMiddleware(
    app.wsgi_app,
    {
        "dev": True,  # made-up people, on this machine only
        "providers": ["dev"],
        "remote_user": "login",
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
        "challenge_401": True,
    },
)
application = app

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
