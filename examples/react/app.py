"""A React application, built with Vite, in front of a Flask API.

Build it once: ``cd examples/react && npm ci && npm run build``. Then run ``python app.py``, or
``gunicorn app:application``, and open http://127.0.0.1:8080/ (ada, lovelace). While you work on it:
``npm run dev`` beside ``python app.py``.

Recipe::

    export const useSession = () =>
        useSyncExternalStore(session.subscribe, session.getSnapshot)
"""

import os
from pathlib import Path

from flask import Flask, request

from wsgi_auth import AuthMiddleware, get_auth

DIST = Path(os.environ.get("DIST", Path(__file__).parent / "dist"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

app = Flask(__name__, static_folder=DIST / "assets", static_url_path="/assets")


@app.get("/")
def home():
    page = (DIST / "index.html").read_text(encoding="utf-8")
    return page.replace("<!--session-->", get_auth(request.environ).session_script)


@app.get("/api/members")
def members():
    return {
        "text": f"Only members such as {request.environ['auth.session'].user['name']} read this."
    }


@app.after_request
def strict(response):
    response.headers["Content-Security-Policy"] = POLICY
    return response


def authorize(credentials, request):
    if credentials.get("username") == "ada" and credentials.get("password") == "lovelace":
        return {"id": "ada", "name": "Ada Lovelace"}
    return None


def jwt(claims, context):
    # what update() sends comes from the browser: take only what a visitor may say of themselves
    if context.trigger == "update" and context.data.get("name") in ("Ada", "Countess Lovelace"):
        claims["name"] = context.data["name"]
    return claims


application = AuthMiddleware(
    app,
    {
        "dev": True,  # a secret and http cookies of its own, on this machine only
        "providers": [{"id": "credentials", "authorize": authorize}],
        "callbacks": {"jwt": jwt},
        "matcher": ["/api/:path*"],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
