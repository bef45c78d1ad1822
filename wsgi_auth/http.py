"""The network: the one way by which this package reaches another party (R080).

What lives here: bounds (time, size), and what is refused before anything is sent. What must not:
what a request says and what an answer means (``oauth``).
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.types import Incoming, Outgoing
from wsgi_auth.urls import is_loopback_host

if TYPE_CHECKING:
    import requests

#: Octets read at a time.
_PIECE = 16_384


class Http:
    """A :class:`~wsgi_auth.protocols.Transport` over the network, for many threads.

    https only; ``allow_loopback`` adds http to this very machine. Times are seconds: ``connect``
    and ``read`` bound every wait, ``total`` the whole exchange, so that a server that sends an
    octet a second holds nobody. ``largest`` bounds the body, also once it is unpacked. ``ca_file``:
    the certificates that are trusted in place of the usual ones (a company's own, say).

    No redirect is followed, no cookie kept, nothing taken from the environment or from a netrc.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        connect: float = 3.05,
        read: float = 8.0,
        total: float = 15.0,
        largest: int = 1_048_576,
        ca_file: str | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._timeouts = (connect, read)
        self._total = total
        self._largest = largest
        self._verify: str | bool = ca_file or True
        self._local = threading.local()

    def send(self, request: Outgoing) -> Incoming:
        """The answer, whatever its status. Raises :class:`~wsgi_auth.errors.ProviderUnavailable`
        when there was none within the bounds, and :class:`~wsgi_auth.errors.OAuthError` for an
        address that is not to be asked."""
        host = self._host(request.url)
        import requests
        from urllib3.exceptions import HTTPError

        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "wsgi_auth",
            **request.headers,
        }
        watch = _Watch(self._total)
        try:
            session = self._session(watch)
            with watch, session.request(
                request.method,
                request.url,
                headers=headers,
                data=request.body,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
                verify=self._verify,
            ) as response:  # fmt: skip
                body = self._body(response, watch)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Incoming(response.status_code, found, body)
        except (requests.RequestException, HTTPError, OSError, zlib.error) as error:
            why = "took too long" if watch.is_over else type(error).__name__
            raise ProviderUnavailable(f"{host} could not be asked: {why}") from None

    def _host(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or "@" in parts.netloc:
            raise OAuthError("request", "the address is no absolute URL")
        loopback = self._allow_loopback and is_loopback_host(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise OAuthError("request", f"{host} must be asked over https")
        return host

    def _session(self, watch: _Watch) -> requests.Session:
        """This thread's own, in this process: requests' sessions are for one thread, and their
        connections must not be shared with a process that was forked off."""
        local = self._local
        if getattr(local, "pid", None) != os.getpid():
            local.session, local.pid = _new_session(local), os.getpid()
        local.watch = watch
        session: requests.Session = local.session
        session.cookies.clear()
        return session

    def _body(self, response: Any, watch: _Watch) -> bytes:
        packed = response.headers.get("Content-Encoding", "").lower() in ("gzip", "deflate")
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
        body = b""
        while piece := response.raw.read1(_PIECE, decode_content=False):
            watch.check()
            if unpack is not None:
                piece = unpack.decompress(piece, self._largest + 1)
            body += piece
            if len(body) > self._largest:
                raise OSError(f"more than {self._largest} bytes")
        watch.check()
        return body


class _Watch:
    """Ends an exchange that takes too long by closing its connection, wherever it waits."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._connections: list[Any] = []
        self.is_over = False

    def __enter__(self) -> _Watch:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def note(self, connection: Any) -> None:
        """The connection that carries the exchange."""
        self._connections.append(connection)

    def check(self) -> None:
        """Raise ``TimeoutError`` when the time is over."""
        if self.is_over or time.monotonic() > self._ends:
            self.is_over = True
            raise TimeoutError

    def _end(self) -> None:
        import socket

        self.is_over = True
        for connection in self._connections:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except (AttributeError, OSError):
                pass  # closed already


def _new_session(local: Any) -> requests.Session:
    """A session that knows nothing of the environment, and tells the watch of its connections."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        def request(self, *arguments: Any, **options: Any) -> None:
            local.watch.note(self)
            super().request(*arguments, **options)

    class Secure(HTTPSConnection):
        def request(self, *arguments: Any, **options: Any) -> None:
            local.watch.note(self)
            super().request(*arguments, **options)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    adapter = HTTPAdapter(max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
