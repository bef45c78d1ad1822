"""A sign-in page of your own: it shows the error, posts to the built-in endpoint, and leads back.

Run it with ``python examples/custom_pages.py``, or ``cd examples && gunicorn
custom_pages:application``, and open http://127.0.0.1:8080/members (ada, lovelace).

Recipe::

    application = AuthMiddleware(app, {"pages": {"sign_in": "/login"}, ...})

    # your page is given callbackUrl and, after a failure, error; its form posts
    # csrfToken (auth.csrf_token), callbackUrl and the fields to
    # /auth/callback/credentials
"""

import hmac
import os
from html import escape
from urllib.parse import parse_qs

from wsgi_auth import AuthMiddleware, get_auth

PEOPLE = {
    "ada": {"id": "1", "login": "ada", "name": "Ada Lovelace", "groups": ["admins"]},
    "bob": {"id": "2", "login": "bob", "name": "Bob Brown"},
}
PASSWORDS = {"ada": "lovelace", "bob": "brown"}  # yours are hashed
ERRORS = {"CredentialsSignin": "That did not match.", "TooManyAttempts": "Wait a few minutes."}

LOGIN = """<!doctype html><html lang="en"><title>Sign in</title><h1>Welcome back</h1>
<p role="alert">{error}</p>
<form method="post" action="/auth/callback/credentials">
<input type="hidden" name="csrfToken" value="{token}">
<input type="hidden" name="callbackUrl" value="{url}">
<label>Name <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form>"""


def authorize(credentials, request):
    name, password = credentials["username"], credentials["password"]
    right = hmac.compare_digest(PASSWORDS.get(name, "").encode(), password.encode())
    return PEOPLE.get(name) if right else None


def app(environ, start_response):
    auth = get_auth(environ)
    if environ["PATH_INFO"] == "/login":
        query = parse_qs(environ.get("QUERY_STRING", ""))
        text = LOGIN.format(
            error=escape(ERRORS.get(query.get("error", [""])[0], "")),
            token=escape(auth.csrf_token),
            url=escape(auth.return_url(query.get("callbackUrl", [""])[0])),
        )
    elif auth.session is None:
        text = f'Hello, stranger. <a href="{escape(auth.sign_in_url())}">Sign in</a>'
    else:
        text = (
            f"Hello, {escape(auth.session.user['name'] or '')} ({escape(environ['REMOTE_USER'])})"
        )
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [text.encode()]


application = AuthMiddleware(
    app,
    {
        "dev": True,  # in production: "secret" and "url"
        "providers": [{"id": "credentials", "authorize": authorize}],
        "pages": {"sign_in": "/login"},
        "remote_user": "login",
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
