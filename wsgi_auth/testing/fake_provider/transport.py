"""How an application reaches the fake provider: in this process, or over a port of loopback."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from wsgi_auth.errors import ProviderUnavailable
from wsgi_auth.testing.fake_provider.web import from_outgoing
from wsgi_auth.types import Incoming, Outgoing, WSGIApp

if TYPE_CHECKING:
    from wsgi_auth.testing.fake_provider.provider import FakeProvider

#: What the real transport takes at most, in seconds and bytes; here nobody waits.
PATIENCE = 5
LARGEST = 1_000_000


class FakeTransport:
    """A :class:`~wsgi_auth.protocols.Transport` to one or more fake providers, without a network.

    An address of none of them is refused, as a host that is down would be.
    """

    def __init__(self, *providers: FakeProvider) -> None:
        self._providers = providers

    def send(self, request: Outgoing) -> Incoming:
        """The provider's answer; see :class:`~wsgi_auth.protocols.Transport`."""
        target = urlsplit(request.url)
        for provider in self._providers:
            issuer = urlsplit(provider.issuer)
            below = issuer.path.rstrip("/")
            if issuer[:2] == target[:2] and target.path.startswith(f"{below}/"):
                break
        else:
            raise ProviderUnavailable(f"no fake provider at {target.scheme}://{target.netloc}")
        answer = provider.answer(from_outgoing(request, below))
        if answer.delay > PATIENCE:
            raise ProviderUnavailable("the answer took too long")
        if len(answer.body) > LARGEST:
            raise ProviderUnavailable("the answer is too large")
        headers = {name.lower(): value for name, value in answer.headers}
        return Incoming(answer.status, headers, answer.body)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a code in an address belongs in no log."""


@contextmanager
def serve(app: WSGIApp) -> Iterator[str]:
    """Serve ``app`` on a free port of 127.0.0.1 while the block runs; gives its address."""
    server = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
