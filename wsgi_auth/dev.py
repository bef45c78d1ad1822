"""The fence around development mode: loopback only, whoever claims what.

With ``dev`` anybody can be anybody, so every request that may have come from another machine is
refused: another Host (DNS rebinding), another peer, or a header only a proxy adds.
"""

from __future__ import annotations

from collections.abc import Collection

from wsgi_auth.types import Environ
from wsgi_auth.urls import is_loopback_address

#: Headers that say the request passed a proxy, which makes anyone look local.
FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


def outsider(environ: Environ, peers: Collection[str]) -> str | None:
    """Why this request is not from this machine (or one of ``peers``); None if it is."""
    host = environ.get("HTTP_HOST") or ""
    name = host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
    # stricter than is_loopback_host, which takes a dot at the end as DNS does.
    # RFC 6761 section 6.3: what ends in localhost is this machine, and no DNS is asked
    is_here = is_loopback_address(name.strip("[]")) or f".{name.lower()}".endswith(".localhost")
    if not is_here:
        return f"the Host is {host[:100]!a}; open it as localhost or 127.0.0.1"
    # an in-process call (WebTest) has no peer; every server names one
    peer = environ.get("REMOTE_ADDR")
    if peer is not None and not is_loopback_address(peer) and peer not in peers:
        return f"the peer is {peer[:100]!a}; if that is a container's gateway, name it in dev_peers"
    for name in FORWARDING:
        if name in environ:
            return f"it bears {name[5:].replace('_', '-').title()}, so it came through a proxy"
    return None
