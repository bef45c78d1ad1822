"""Several applications under one middleware, two of them guarded with ``require``.

Run it with ``python examples/require_mount.py``, or ``cd examples && gunicorn
require_mount:application``, and open the link with ``dev_key`` that it prints.

Recipe::

    mounted = {"/members": require(members), "/admin": require(admin, allow_groups=["admins"])}
    application = AuthMiddleware(dispatch, {"matcher": [], ...})
"""

import os
from wsgiref.util import shift_path_info

from wsgi_auth import AuthMiddleware, require


def greeting(environ, start_response):
    session = environ["auth.session"]
    name = "stranger" if session is None else session.user["name"]
    text = f"Hello, {name} ({environ.get('REMOTE_USER', 'nobody')})"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


MOUNTS = {
    "members": require(greeting),
    "admin": require(greeting, allow_groups=["admins"]),
}


def dispatch(environ, start_response):
    """The first segment of the path chooses; a mount sees the rest, as PEP 3333 wants."""
    mounted = MOUNTS.get(environ["PATH_INFO"].split("/")[1])
    if mounted is None:
        return greeting(environ, start_response)
    shift_path_info(environ)
    return mounted(environ, start_response)


application = AuthMiddleware(
    dispatch,
    {
        "dev": True,  # made-up people, on this machine only
        "providers": ["dev"],
        "remote_user": "login",
        "matcher": ["/nothing"],  # what is guarded is guarded at its mount
    },
)

if __name__ == "__main__":
    from waitress import serve

    serve(application, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
