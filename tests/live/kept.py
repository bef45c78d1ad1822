"""An application whose sessions a store keeps: which process answered, and for whom."""

from __future__ import annotations

import os
from typing import Any

from wsgi_auth import AuthMiddleware


def who(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["auth.session"]
    name = "nobody" if session is None else session.user["id"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {name}".encode()]


def authorize(credentials: dict[str, str], request: Any) -> dict[str, Any] | None:
    if credentials.get("password") != "correct horse":
        return None
    return {"id": credentials["username"]}


application = AuthMiddleware(
    who,
    providers=[{"id": "credentials", "authorize": authorize}],
    public=["/public"],
    adapter=os.environ["KEPT_ADAPTER"],
    session={"strategy": os.environ["KEPT_STRATEGY"], "update_age": 1},
)
