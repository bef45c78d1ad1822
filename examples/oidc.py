"""Sign-in with any OpenID Provider, which the environment names.

Register ``http://127.0.0.1:8080/auth/callback/oidc`` at the provider as callback URL. Then::

    export AUTH_SECRET=$(wsgi-auth secret)
    export AUTH_OIDC_ISSUER=https://id.example.org AUTH_OIDC_ID=app AUTH_OIDC_SECRET=...
    python examples/oidc.py            # or: cd examples && gunicorn oidc:application

and open http://127.0.0.1:8080/members.

Recipe::

    application = AuthMiddleware(app, providers=["oidc"], url="https://app.example.org")
"""

import os
from html import escape

from wsgi_auth import AuthMiddleware, get_auth

PORT = int(os.environ.get("PORT", "8080"))


def app(environ, start_response):
    auth = get_auth(environ)
    if auth.session is None:
        text = f'Hello, stranger. <a href="{escape(auth.sign_in_url())}">Sign in</a>'
    else:
        user = auth.session.user
        verified = "verified" if auth.claims.get("email_verified") else "not verified"
        text = f"Hello, {escape(user['name'] or user['id'])} ({escape(environ['REMOTE_USER'])})"
        if user["email"]:
            text += f", {escape(user['email'])} ({verified})"
        text += f'. <a href="{escape(auth.sign_out_url())}">Sign out</a>'
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [text.encode()]


application = AuthMiddleware(
    app,
    {
        # what AUTH_OIDC_ISSUER, AUTH_OIDC_ID and AUTH_OIDC_SECRET do not say
        "providers": [{"id": "oidc", "scope": os.environ.get("SCOPE", "openid profile email")}],
        "url": os.environ.get("AUTH_URL", f"http://127.0.0.1:{PORT}"),
        "remote_user": "id",
        "matcher": ["/members/:path*"],
        "routes": [{"source": "/admin/:path*", "allow_groups": ["admins"]}],
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=PORT)
