"""The network: the one way by which this package reaches another party (R080).

What lives here: bounds (time, size), and what is refused before anything is sent. What must not:
what a request says and what an answer means (``oauth``).
"""

from __future__ import annotations

import io
import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wsgi_auth.errors import ConfigError, OAuthError, ProviderUnavailable
from wsgi_auth.sockets import connected
from wsgi_auth.types import Incoming, Outgoing
from wsgi_auth.urls import is_loopback_host

if TYPE_CHECKING:
    import requests

#: Octets read at a time.
_PIECE = 16_384
#: To how many parties connections are kept, and how many of these to each.
_PARTIES = _CONNECTIONS = 64
#: Octets that may come beside the body: headers, lengths of chunks, trailers.
_AROUND = 262_144
# What no URL has that was written properly; parsers disagree about what it means.
_STRANGE = re.compile(r"[^!-~]|[\\<>\"^`{|}]")


class Http:
    """A :class:`~wsgi_auth.protocols.Transport` over the network, for many threads, and for the
    processes that a server forks off.

    https only; ``allow_loopback`` adds http to this very machine. Times are seconds: ``connect``
    and ``read`` bound every wait, ``total`` the whole exchange, so that a server that sends an
    octet a second holds nobody, nor a name with many addresses where nobody answers. (How long a
    name is looked up, the resolver says.) ``largest`` bounds the body, also once it is unpacked,
    and twice that all that is read.
    ``ca_file``: the certificates that are trusted in place of the usual ones (a company's own,
    say).

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
        if ca_file is not None and not Path(ca_file).is_file():
            raise ConfigError("ca_file", f"there is no file {ca_file!r}")
        self._allow_loopback = allow_loopback
        self._connect, self._read, self._total = connect, read, total
        self._largest = largest
        self._verify: str | bool = ca_file or True
        self._bounds = _Bounds()
        self._session: tuple[int, requests.Session] | None = None

    def send(self, request: Outgoing) -> Incoming:
        """The answer, whatever its status. Raises :class:`~wsgi_auth.errors.ProviderUnavailable`
        when there was none within the bounds, and :class:`~wsgi_auth.errors.OAuthError` for an
        address that is not to be asked."""
        host = self._host(request.url)
        from urllib3.exceptions import HTTPError

        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "wsgi_auth",
            **request.headers,
        }
        self._bounds.begin(self._total, self._connect, self._read, 2 * self._largest + _AROUND)
        try:
            with self._own_session().request(
                request.method,
                request.url,
                headers=headers,
                data=request.body,
                timeout=(self._connect, self._read),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
            ) as response:
                body = self._body(response)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Incoming(response.status_code, found, body)
        except (HTTPError, HTTPException, OSError, ValueError) as error:  # requests' are OSErrors
            raise ProviderUnavailable(f"{host} gave no answer: {self._why(error)}") from None

    def _host(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            host = ""
        if not host or "@" in parts.netloc or _STRANGE.search(url):
            raise OAuthError("request", "the address is no absolute URL")
        loopback = self._allow_loopback and is_loopback_host(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise OAuthError("request", f"{host} must be asked over https")
        return parts.netloc

    def _own_session(self) -> requests.Session:
        """This process's: a connection must not be shared with a process that was forked off. Two
        threads that come first at once make one each, and one of the two is used once; a lock
        might be held by a thread that the fork left behind."""
        if self._session is None or self._session[0] != os.getpid():
            self._session = os.getpid(), _new_session(self._bounds)
        return self._session[1]

    def _body(self, response: requests.Response) -> bytes:
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in ("identity", "gzip", "x-gzip", "deflate"):
            raise _Unfit("it is packed in a way that nobody asked for")
        unpack = None if packing == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
        response.raw.enforce_content_length = True  # urllib3 1.26 takes half a body for one
        body, piece = bytearray(), b""
        for piece in response.raw.stream(_PIECE, decode_content=False):
            try:
                body += piece if unpack is None else unpack.decompress(piece, self._largest + 1)
            except zlib.error:
                raise _Unfit(_MISPACKED) from None
            if len(body) > self._largest:
                raise _Unfit(f"it is larger than {self._largest} bytes")
            if unpack is not None and unpack.unused_data:
                raise _Unfit(_MISPACKED)
        if unpack is not None and piece and not unpack.eof:
            raise _Unfit(_MISPACKED)  # the connection ended too early, perhaps
        return bytes(body)

    def _why(self, error: Exception) -> str:
        """What happened, for a log: no URL, nothing of what was sent or received."""
        if self._bounds.is_over:
            return f"it took longer than {self._total:g} s"
        root: BaseException = error
        for root in _causes(error):
            if isinstance(root, _Unfit):
                return str(root)
            if isinstance(root, TimeoutError):
                return "it was silent for too long"
            if isinstance(root, ssl.SSLCertVerificationError):
                return f"its certificate is not trusted ({root.verify_message})"
            if isinstance(root, socket.gaierror):
                return "there is no address for this name"
            if isinstance(root, ConnectionRefusedError):
                return "the connection was refused"
        return f"the exchange broke off ({type(root).__name__})"


class _Unfit(ValueError):
    """An answer that is not read to its end."""


_MISPACKED = "it is not packed as it says"


class _Bounds(threading.local):
    """When the exchange of this thread has to be over, and how much may still come; and what it
    asks for."""

    target = ""
    _ends = _connect = _read = 0.0
    _room = 0

    def begin(self, total: float, connect: float, read: float, most: int) -> None:
        self._ends = time.monotonic() + total
        self._connect = connect
        self._read = read
        self._room = most

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._ends

    def left(self) -> float:
        """How long the next wait may be. Raises ``TimeoutError`` when the time is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self._read)

    def connected(self, host: str, port: int) -> socket.socket:
        """A connection to the first of the host's addresses that takes one."""
        connection = connected(host, port, lambda _: min(self.left(), self._connect))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def came(self, octets: int) -> None:
        """Count what was read: not every line that urllib3 reads has an end to its length."""
        self._room -= octets
        if self._room < 0:
            raise _Unfit("it sends more than an answer has")


class _BoundedSocket(io.RawIOBase):
    """What a connection reads from, as long and as much as the bounds allow. No thread watches over
    it, for some servers run none."""

    def __init__(self, connection: socket.socket, bounds: _Bounds) -> None:
        self._socket = connection
        self._octets = connection.makefile("rb", buffering=0)
        self._bounds = bounds

    def makefile(self, mode: str) -> io.BufferedReader:
        """All that ``http.client`` wants of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._bounds.left())
        count = self._octets.readinto(buffer)
        self._bounds.came(count or 0)
        return count

    def close(self) -> None:
        self._octets.close()
        super().close()


def _new_session(bounds: _Bounds) -> requests.Session:
    """A session that several threads may use: nothing of an exchange stays in it."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Response(HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
            bounded: Any = _BoundedSocket(sock, bounds)
            super().__init__(bounded, *arguments, **options)

    # urllib3 writes every address into its log (at DEBUG), and some providers take an access token
    # in the query or the path (R105). So its pools are told of "/", and its connections the rest.
    class Told:
        _dns_host: str
        port: int

        def _new_conn(self) -> socket.socket:
            """urllib3's own takes the whole of ``connect`` for each address of a name."""
            return bounds.connected(self._dns_host, self.port)

        def putrequest(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
            above: Any = super()
            above.putrequest(method, bounds.target, *arguments, **options)

    class Untold:
        def urlopen(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
            bounds.target = url
            above: Any = super()
            return above.urlopen(method, "/", *arguments, **options)

    class Plain(Told, HTTPConnection):
        response_class = Response

    class Secure(Told, HTTPSConnection):
        response_class = Response

    class PlainPool(Untold, HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(Untold, HTTPSConnectionPool):
        ConnectionCls = Secure

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> None:
            """Nowhere: even where it does not follow, requests would read a redirect's body to
            its end, and unpack it."""

    adapter = HTTPAdapter(pool_connections=_PARTIES, pool_maxsize=_CONNECTIONS)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    session = Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, the last first."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__ or error
