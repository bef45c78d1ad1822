"""A proxy between a client and its server that counts how often the client waits for an answer."""

from __future__ import annotations

import socket
import threading


class Proxy:
    """Listens on ``port`` of 127.0.0.1 for the server on another; ``turns``: round trips so far."""

    def __init__(self, server: int) -> None:
        self.turns = 0
        self._server = server
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            self._sockets += [client, server]
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
            try:
                if not data:
                    two.shutdown(socket.SHUT_WR)
                    return
                two.sendall(data)
            except OSError:
                return

    def cut(self) -> None:
        """Break every connection, and take new ones."""
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def end(self) -> None:
        self._listener.close()
        self.cut()
