"""Waitress, the server of ``serve`` and ``demo``."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes

from wsgi_auth.errors import ConfigError
from wsgi_auth.types import Environ, StartResponse, WSGIApp

#: What waitress takes from a request that no proxy of its own knowledge has passed.
_FORWARDED = (
    "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_BY",
)  # fmt: skip


class Unforwarded:
    """An application that is not shown what anybody may say of where a request came from: some
    believe it unasked, and lead who comes to wherever it says. The middleware has seen it."""

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for name in _FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start_response)


def serve_forever(
    app: WSGIApp,
    host: str,
    port: int | None,
    threads: int = 8,
    mount: str = "",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted or terminated. ``port`` None: 8080, or a free one if that is taken.

    ``mount`` is taken off the path of a request that begins with it, and is ``SCRIPT_NAME`` of
    all: a proxy may hand the path on whole, or what is below the mount alone.
    ``ready`` is told the address once the socket is bound; without it, one line says it.
    """
    try:
        import waitress
    except ImportError:
        raise ConfigError("serve", "needs waitress: pip install 'wsgi_auth[serve]'") from None
    import click

    bound = _bind(host, port)
    prefix = unquote_to_bytes(mount).decode("latin-1")  # as the server reads the path
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{bound.getsockname()[1]}"
    server = waitress.create_server(
        app,
        sockets=[bound],
        threads=threads,
        ident=None,
        url_prefix=prefix,
        # by what a proxy adds the fence of dev knows it, and trusted_proxies its clients; from the
        # application of serve it is taken then
        clear_untrusted_proxy_headers=False,
    )
    with _terminable():
        try:
            if ready is not None:
                ready(address)
            else:
                click.echo(f"Serving on {address} (Ctrl+C to stop)")
            server.run()
        except KeyboardInterrupt:
            pass
        finally:
            server.close()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM, by which whatever manages processes ends them, does what Ctrl+C does; a second one
    ends the process at once. Only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _bind(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (8080, 0) if port is None else (port,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, wanted))
        except (OSError, UnicodeError, TypeError) as error:  # a host that is no name
            found.close()
            if wanted == 0 or port is not None:
                why = getattr(error, "strerror", None) or error
                is_taken = getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES)
                raise ConfigError(
                    "port" if is_taken else "host", f"cannot listen on {host}:{wanted}: {why}"
                ) from None
        else:
            return found
    raise AssertionError("unreachable")
