"""The fence around development mode: loopback only, whoever claims what.

With ``dev`` anybody can be anybody, so every request that may have come from another machine is
refused: another Host (DNS rebinding), another peer, or a header only a proxy adds.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from wsgi_auth.types import Environ
from wsgi_auth.urls import is_loopback_address

#: Headers that say the request passed a proxy, which makes anyone look local; beside these every
#: one that begins with ``X-Forwarded``.
FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
    "HTTP_CLIENT_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_X_ORIGINAL_FORWARDED_FOR",
    "HTTP_X_ORIGINAL_HOST",
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@,\[\]]*)(:[0-9]*)?", re.ASCII)


def outsider(environ: Environ, peers: Collection[str]) -> str | None:
    """Why this request is not from this machine (or one of ``peers``); None if it is."""
    host = environ.get("HTTP_HOST") or ""
    found = _HOST.fullmatch(host)
    name = found[1] if found is not None else ""
    # stricter than is_loopback_host, which takes a dot at the end as DNS does.
    # RFC 6761 section 6.3: what ends in localhost is this machine, and no DNS is asked
    is_here = is_loopback_address(name.strip("[]")) or f".{name.lower()}".endswith(".localhost")
    if not is_here:
        return f"the Host is {host[:100]!a}; open it as localhost or 127.0.0.1"
    # an in-process call (WebTest) has no peer; every server names one
    peer = environ.get("REMOTE_ADDR")
    if peer is not None and not is_loopback_address(peer) and peer not in peers:
        return f"the peer is {peer[:100]!a}; if that is a container's gateway, name it in dev_peers"
    for name in environ:
        if name in FORWARDING or name.startswith("HTTP_X_FORWARDED"):
            return f"it bears {name[5:].replace('_', '-').title()}, so it came through a proxy"
    return None
