"""A connection that takes no longer than it may, however many addresses a name has."""

from __future__ import annotations

import socket
from collections.abc import Callable


def connected(host: str, port: int, wait: Callable[[int], float]) -> socket.socket:
    """A connection to the first of the host's addresses that takes one.

    ``wait``: the seconds for the next of them, of so many that are left; what it raises ends it.
    Raises the ``OSError`` of the last one.
    """
    problem = OSError("there is no address for this name")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(found):
        seconds = wait(len(found) - number)
        try:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(seconds)
                connection.connect(address)
            except BaseException:
                connection.close()
                raise
            return connection
        except OSError as error:  # nobody there, or no such kind of address on this machine
            problem = error
    raise problem
