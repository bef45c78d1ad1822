"""Falcon: the session is in ``req.env``; an API gets 401 as JSON with the sign-in page's URL.

Run it with ``python examples/falcon_app.py``, or ``cd examples && gunicorn
falcon_app:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    application = AuthMiddleware(falcon.App(), {"matcher": ["/members/:path*"], ...})

    session = req.env["auth.session"]       # in a responder: None for nobody
"""

import os

import falcon

from wsgi_auth import AuthMiddleware, get_auth


class Home:
    def on_get(self, req, resp):
        session = req.env["auth.session"]
        resp.text = f"Hello, {session.user['name'] if session else 'stranger'}"


class Members:
    def on_get(self, req, resp):
        auth = get_auth(req.env)
        resp.media = {
            "name": auth.session.user["name"],
            "remote_user": req.env["REMOTE_USER"],
            "sign_out": auth.sign_out_url(),
        }


class Admin:
    def on_get(self, req, resp):
        resp.text = f"Hello, admin {req.env['REMOTE_USER']}"


app = falcon.App()
app.add_route("/", Home())
app.add_route("/members", Members())
app.add_route("/admin", Admin())

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
