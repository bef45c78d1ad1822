"""What stands behind the middleware where it guards what is not WSGI: it says yes to a proxy.

nginx (``auth_request``) and Caddy ask before each request whether it may pass, at the request's own
path and with its own headers, so that the middleware decides as it would for an application of its
own. What it lets pass comes here, and the proxy learns who it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsgi_auth.auth import HANDLE
from wsgi_auth.types import Claims, Environ, StartResponse

#: What the proxy gets, and hands on to what it guards.
USER, EMAIL, GROUPS = "X-Auth-User", "X-Auth-Email", "X-Auth-Groups"


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """204 with the user in the headers ``X-Auth-User`` (the ``REMOTE_USER``, if the option
    ``remote_user`` names one, else the id), ``X-Auth-Email`` (one that was proven) and
    ``X-Auth-Groups`` (separated by commas), in UTF-8; empty where there is nothing to say, and for
    nobody: always sent, because Caddy puts the name of what is missing in its place.

    403 for a user that no header can name; an address or a group that none can is left out.
    """
    handle = environ.get(HANDLE)
    claims = None if handle is None else handle.claims
    if claims is None:
        start_response("204 No Content", [(USER, ""), (EMAIL, ""), (GROUPS, "")])
        return []
    said = _who(claims, environ.get("REMOTE_USER"))
    if not said[USER]:
        body = b"No header can name this user; see the option remote_user.\n"
        sizes = ("Content-Length", str(len(body)))
        start_response("403 Forbidden", [("Content-Type", "text/plain"), sizes])
        return [body]
    start_response("204 No Content", [*said.items()])
    return []


def _who(claims: Claims, named: str | None) -> dict[str, str]:
    vouched = claims.get("email_verified") is True
    groups = [group for group in claims.get("groups") or () if "," not in group]
    return {
        # PEP 3333: octets as Latin-1, which REMOTE_USER is already
        USER: _text(claims["sub"]) if named is None else named if named == named.strip() else "",
        EMAIL: _text(claims.get("email")) if vouched else "",
        GROUPS: ",".join(filter(None, map(_text, groups))),
    }


def _text(value: Any) -> str:
    """The value as a header holds it; empty where none can: it would be read as another."""
    if not isinstance(value, str) or not value.isprintable() or value != value.strip():
        return ""
    return value.encode("utf-8").decode("latin-1")
