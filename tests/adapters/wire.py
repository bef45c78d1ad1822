"""A proxy between a client and its server that counts how often the client waits for an answer, and
does to packets what a network does: delays them, cuts an answer off, resets, or takes all and says
nothing. Everything is on 127.0.0.1, in threads of its own."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path


class Proxy:
    """Listens on ``port`` of 127.0.0.1 for the server on another; ``turns``: round trips so far."""

    def __init__(self, server: int) -> None:
        self.turns = 0
        #: Seconds that the next packet takes, in either direction.
        self.delay: Callable[[], float] = lambda: 0.0
        #: Whether it takes everything and passes on nothing.
        self.is_deaf = False
        self._server = server
        self._cut_after: int | None = None
        self._resets = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asking = [True]
            for one, two, counts in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pump, args=(one, two, counts, asking), daemon=True
                ).start()

    def _pump(self, one: socket.socket, two: socket.socket, asks: bool, asking: list[bool]) -> None:
        while True:
            try:
                data = one.recv(65536)
            except OSError:
                data = b""
            if asks and not asking[0]:
                self.turns += 1
            asking[0] = asks
            time.sleep(self.delay() if data else 0)
            if data and self.is_deaf:
                continue
            try:
                if not data:
                    two.shutdown(socket.SHUT_WR)
                    return
                if not asks:
                    data, is_cut = self._cut(data)
                    if is_cut:
                        self._break(two, data)
                        one.close()
                        return
                two.sendall(data)
            except OSError:
                return

    def _cut(self, data: bytes) -> tuple[bytes, bool]:
        with self._lock:
            if self._cut_after is None or len(data) <= self._cut_after:
                return data, False
            data, self._cut_after = data[: self._cut_after], None
            return data, True

    def _break(self, client: socket.socket, data: bytes) -> None:
        if data:
            client.sendall(data)
        if self._resets:
            # nothing of what is on its way is said any more
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.shutdown(socket.SHUT_RD)  # for the thread that reads from it keeps it open
        else:
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def cut_next(self, after: int, resets: bool = False) -> None:
        """The next answer that is longer ends after so many octets, and the connection with it."""
        with self._lock:
            self._cut_after, self._resets = after, resets

    def cut(self) -> None:
        """Break every connection, and take new ones."""
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def connections(self) -> int:
        """How many connections of clients are open at once, as the client's end sees it (Linux).

        The kernel's list is no picture of one moment: one that closes while it is read, and one
        that opens then, may both be in it. Those that two readings hold were open between them.
        """
        return len(self._established() & self._established())

    def _established(self) -> set[tuple[str, str]]:
        rows = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        return {
            (row[1], row[9])  # the client's address, the inode
            for row in rows
            if row[2].endswith(f":{self.port:04X}") and row[3] == "01"
        }

    def end(self) -> None:
        self._listener.close()
        self.cut()
