"""What stands behind the middleware where it guards what is not WSGI: it says yes to a proxy.

nginx (``auth_request``) and Caddy ask before each request whether it may pass, at the request's own
path and with its own headers, so that the middleware decides as it would for an application of its
own. What it lets pass comes here, and the proxy learns who it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wsgi_auth.auth import HANDLE
from wsgi_auth.responders import TEXT, answer
from wsgi_auth.types import Claims, Environ, Headers, StartResponse

#: What the proxy gets, and hands on to what it guards.
USER, EMAIL, GROUPS = "X-Auth-User", "X-Auth-Email", "X-Auth-Groups"
#: Where servers keep the path as it came, with its query: gunicorn; the others that do.
_AS_IT_CAME = ("RAW_URI", "REQUEST_URI")


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """204 with the user in the headers ``X-Auth-User`` (the ``REMOTE_USER``, if the option
    ``remote_user`` names one, else the id), ``X-Auth-Email`` (one that was proven) and
    ``X-Auth-Groups`` (separated by commas), in UTF-8; empty where there is nothing to say, and for
    nobody: always sent, because Caddy puts the name of what is missing in its place.

    403 for a user that no header can name; an address or a group that none can is left out. 403
    also for a path that the server shortened: what is guarded gets all of it.
    """
    if not _is_whole(environ):
        body = b"The server shortened this path, or was told to by a header SCRIPT_NAME.\n"
        return _refused(body, environ, start_response)
    handle = environ.get(HANDLE)
    if handle is None:  # an ignored path
        start_response("204 No Content", [(USER, ""), (EMAIL, ""), (GROUPS, "")])
        return []
    handle.send = _without_pieces(handle.send, f"{handle.site.config.cookies.session.name}.")
    said = {USER: "", EMAIL: "", GROUPS: ""}
    if handle.claims is not None:
        is_named = bool(handle.site.config.remote_user)
        said = _who(handle.claims, environ.get("REMOTE_USER", "") if is_named else None)
        if not said[USER]:
            body = b"No header can name this user; see the option remote_user.\n"
            return _refused(body, environ, start_response)
    start_response("204 No Content", [*said.items()])
    return []


def _refused(body: bytes, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return answer(403, [TEXT], body)(environ, start_response)


def _is_whole(environ: Environ) -> bool:
    """Whether the path that was judged is the one that what is guarded will get.

    Some servers cut a path at ``#``, or take slashes from its start (waitress); gunicorn takes off
    what a header called ``SCRIPT_NAME`` says, of whoever sends one through a proxy on its machine.
    """
    if "HTTP_SCRIPT_NAME" in environ:
        return False
    came = next((environ[key] for key in _AS_IT_CAME if key in environ), None)
    if came is None:
        return True
    from urllib.parse import unquote_to_bytes

    judged = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    try:
        octets = judged.encode("latin-1")
        whole = unquote_to_bytes(came.partition("?")[0].encode("latin-1"))
    except UnicodeEncodeError:
        return False
    # cheroot leaves %2F as it is
    return whole in (octets, unquote_to_bytes(octets))


def _without_pieces(send: StartResponse, piece: str) -> StartResponse:
    """``send`` without the cookies that hold pieces of a session: of several cookies a proxy hands
    on one, and with pieces of two sessions a browser has none."""

    def sent(status: str, headers: Headers, *exc_info: Any) -> Callable[[bytes], object]:
        kept = [
            (name, value)
            for name, value in headers
            if name != "Set-Cookie" or not value.startswith(piece)
        ]
        return send(status, kept, *exc_info)

    return sent


def _who(claims: Claims, named: str | None) -> dict[str, str]:
    vouched = claims.get("email_verified") is True
    groups = claims.get("groups")  # whatever a jwt callback may have made of them
    told = [_text(each) for each in groups] if isinstance(groups, list) else []
    return {
        # PEP 3333: octets as Latin-1, which REMOTE_USER is already
        USER: _text(claims["sub"] if named is None else named.encode("latin-1").decode()),
        EMAIL: _text(claims.get("email")) if vouched else "",
        GROUPS: ",".join(group for group in told if group and "," not in group),
    }


def _text(value: Any) -> str:
    """The value as a header holds it; empty where none can: it would be read as another."""
    if not isinstance(value, str) or not value.isprintable():
        return ""
    octets = value.encode("utf-8").decode("latin-1")
    # wsgiref takes off what is a blank in Latin-1: "jos\u00e0" and "jos\u00c5" would be one
    return octets if octets == octets.strip() else ""
