"""The address of the client, as far as it can be trusted."""

from __future__ import annotations

import ipaddress
import re

from wsgi_auth.types import Environ

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(environ: Environ, trusted_proxies: int = 0) -> str:
    """The address of the client, as text: REMOTE_ADDR, or what the outermost of our proxies saw.

    With ``trusted_proxies`` of n, the n-th entry of ``X-Forwarded-For`` from the right: those
    further left are the client's own words (R064). REMOTE_ADDR again when there are fewer, or
    when it is no address. An IPv4 address in IPv6 comes back as IPv4; "" if nothing is known (a
    Unix socket).
    """
    peer = environ.get("REMOTE_ADDR")
    peer = peer if isinstance(peer, str) else ""
    address = forwarded(environ, trusted_proxies) if trusted_proxies > 0 else None
    address = address or address_in(peer)
    return str(address) if address else peer[:64]


def forwarded(environ: Environ, position: int) -> Address | None:
    """The ``position``-th entry of ``X-Forwarded-For`` from the right, if it is an address."""
    header = environ.get("HTTP_X_FORWARDED_FOR")
    if not isinstance(header, str):
        return None
    entries = header.rsplit(",", position)[-position:]  # the rest is not even looked at
    return address_in(entries[0]) if len(entries) == position else None


# Some proxies add the port, and RFC 7239 6 (Forwarded) writes quotes and brackets.
_HOST_PORT = re.compile(r'"?(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?"?')


def address_in(text: str) -> Address | None:
    """The address in a text that proxies write, with a port and brackets or without; without its
    zone (RFC 4007), which may be any text."""
    text = text.strip(" \t")
    if len(text) > 64:
        return None
    found = _HOST_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(found[1] or found[2] if found else text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        address = ipaddress.IPv6Address(int(address))
    return getattr(address, "ipv4_mapped", None) or address
