"""An application with a sign-in form of its own: it checks the password, we keep the session.

Run it with ``python examples/own_form.py``, or ``cd examples && gunicorn own_form:application``,
and open http://127.0.0.1:8080/members (ada, lovelace).

Recipe::

    application = AuthMiddleware(app, {"pages": {"sign_in": "/login"}, ...})

    get_auth(environ).sign_in({"id": "1", "name": "Ada"})   # once the password is right
    get_auth(environ).sign_out()
"""

import hmac
import os
from html import escape

from bottle import Bottle, abort, redirect, request

from wsgi_auth import AccessDenied, AuthMiddleware, get_auth

USERS = {
    "ada": {"id": "1", "login": "ada", "name": "Ada Lovelace", "groups": ["admins"]},
    "bob": {"id": "2", "login": "bob", "name": "Bob Brown"},
}
PASSWORDS = {"ada": "lovelace", "bob": "brown"}  # yours are hashed

FORM = """<!doctype html><title>Sign in</title><p>{error}</p>
<form method="post"><input type="hidden" name="callbackUrl" value="{url}">
<label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form>"""

app = Bottle()


@app.get("/")
def home():
    session = request.environ["auth.session"]
    return f"Hello, {escape(session.user['name'] or '') if session else 'stranger'}"


@app.get("/members")
def members():
    name = escape(request.environ["auth.session"].user["name"] or "")
    return (
        f"Hello, {name} ({escape(request.environ['REMOTE_USER'])}). "
        '<form method="post" action="/logout"><button>Sign out</button></form>'
    )


@app.get("/admin")
def admin():
    return f"Hello, admin {escape(request.environ['REMOTE_USER'])}"


def from_our_own_page():
    """A framework's own CSRF protection does as well."""
    if request.get_header("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403, "This form is ours alone to send.")


@app.get("/login")
def form(error=""):
    url = request.query.callbackUrl or request.forms.callbackUrl
    return FORM.format(error=error, url=escape(url))


@app.post("/login")
def login():
    from_our_own_page()
    name, password = request.forms.name, request.forms.password
    right = hmac.compare_digest(PASSWORDS.get(name, "").encode(), password.encode())
    if not right or name not in USERS:
        return form("The name or the password is wrong.")
    auth = get_auth(request.environ)
    try:
        auth.sign_in(USERS[name])
    except AccessDenied:
        return form("You may not sign in here.")
    # the handle judges where to go on: nowhere but to this site
    return redirect(auth.return_url(request.forms.callbackUrl))


@app.post("/logout")
def logout():
    from_our_own_page()
    get_auth(request.environ).sign_out()
    redirect("/")


application = AuthMiddleware(
    app,
    {
        "dev": True,  # a secret and http cookies of its own, on this machine only
        "remote_user": "login",
        "pages": {"sign_in": "/login"},
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
