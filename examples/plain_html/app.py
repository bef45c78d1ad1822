"""A page of plain HTML with a script of its own: no framework, no build step.

Run it with ``python examples/plain_html/app.py`` and open http://127.0.0.1:8080/ (ada, lovelace);
or ``cd examples/plain_html && gunicorn app:application``.

Recipe::

    import { session, signIn, signOut } from "/auth/client.js"    // in a script of the page

    get_auth(environ).session_script        # in the page: who is signed in, from the first paint on
"""

import json
import os
from pathlib import Path

from wsgi_auth import AuthMiddleware, get_auth

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def app(environ, start_response):
    auth = get_auth(environ)
    headers = [("Content-Security-Policy", POLICY), ("X-Content-Type-Options", "nosniff")]
    status, kind, body = "404 Not Found", "text/plain", "not found"
    match environ["PATH_INFO"]:
        case "/":
            page = (HERE / "index.html").read_text(encoding="utf-8")
            page = page.replace("<!--session-->", auth.session_script)
            status, kind, body = "200 OK", "text/html", page
        case "/page.js":
            script = (HERE / "page.js").read_text(encoding="utf-8")
            status, kind, body = "200 OK", "text/javascript", script
        case "/api/members":
            text = f"Only members such as {auth.session.user['name']} read this."
            status, kind, body = "200 OK", "application/json", json.dumps({"text": text})
    start_response(status, [*headers, ("Content-Type", f"{kind}; charset=utf-8")])
    return [body.encode()]


def authorize(credentials, request):
    if credentials.get("username") == "ada" and credentials.get("password") == "lovelace":
        return {"id": "ada", "name": "Ada Lovelace"}
    return None


application = AuthMiddleware(
    app,
    {
        "dev": True,  # a secret and http cookies of its own, on this machine only
        "providers": [{"id": "credentials", "authorize": authorize}],
        "matcher": ["/api/:path*"],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
