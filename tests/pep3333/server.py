"""A WSGI server in one process that writes down what happens, in the order in which it happens.

It does what PEP 3333 asks of a server and nothing more: headers leave with the first block that is
not empty, ``start_response`` follows the rules for ``exc_info``, ``close()`` is called once.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from wsgiref.validate import validator

#: What the log of a request is made of: a word, and what belongs to it.
Log = list[tuple[str, Any]]


class Input(io.BytesIO):
    """``wsgi.input`` that writes down who reads it."""

    def __init__(self, body: bytes, log: Log) -> None:
        super().__init__(body)
        self._log = log

    def _noted(self, name: str, *args: Any) -> Any:
        self._log.append(("input", name))
        return getattr(io.BytesIO, name)(self, *args)

    def read(self, *args: Any) -> Any:
        return self._noted("read", *args)

    def readline(self, *args: Any) -> Any:
        return self._noted("readline", *args)

    def readlines(self, *args: Any) -> Any:
        return self._noted("readlines", *args)

    def __iter__(self) -> Any:
        return self._noted("__iter__")


def make_environ(log: Log, body: bytes = b"", **more: Any) -> dict[str, Any]:
    """The environ of one request: a plain ``dict``, as PEP 3333 wants it."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "app.example.test",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "HTTP_HOST": "app.example.test",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": Input(body, log),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **more,
    }
    if body:
        environ.setdefault("CONTENT_LENGTH", str(len(body)))
        environ.setdefault("CONTENT_TYPE", "application/octet-stream")
    return environ


class Exchange:
    """One request served: what the server was given, in order, in ``log``."""

    def __init__(self, log: Log, environ: dict[str, Any]) -> None:
        self.log = log
        self.environ = environ
        self.status = ""
        self.headers: Any = None
        #: Every call of start_response, as ``(status, headers, exc_info)``.
        self.heads: list[tuple[str, Any, Any]] = []
        self.body: list[bytes] = []
        #: The iterable that the application returned, and what had been logged until then.
        self.iterable: Any = None
        self.before_return: Log = []
        #: What reached the server as an exception.
        self.error: BaseException | None = None
        self.headers_sent = False

    # --- what tests ask -------------------------------------------------------------------------

    def words(self) -> list[str]:
        """The log without what belongs to each word."""
        return [word for word, _ in self.log]

    def header(self, name: str) -> list[str]:
        """Every value of a header, any case."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    @property
    def text(self) -> str:
        """The whole body."""
        return b"".join(self.body).decode()

    # --- what the application is given ----------------------------------------------------------

    def start_response(
        self, status: str, headers: Any, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """By the letter of PEP 3333, "The start_response() Callable"."""
        self.log.append(("start_response", status))
        if exc_info is not None:
            try:
                if self.headers_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = (exc_info[0], exc_info[1], None)
        elif self.headers is not None:
            raise AssertionError("Headers already set!")
        self.heads.append((status, headers, exc_info))
        self.status, self.headers = status, headers
        return self.write

    def write(self, block: bytes) -> None:
        """The imperative way out: sent at once."""
        assert type(block) is bytes, f"write() got {type(block)}"
        self.log.append(("write", block))
        self._send(block)

    def _send(self, block: bytes) -> None:
        assert type(block) is bytes, f"the body has {type(block)}"
        assert self.headers is not None, "a block came before start_response was called"
        if block:
            self.headers_sent = True
        self.body.append(block)


def serve(
    app: Any, environ: dict[str, Any], log: Log, *, stop_after: int | None = None
) -> Exchange:
    """Serve one request; ``stop_after`` is how many blocks the client stays for."""
    exchange = Exchange(log, environ)
    iterable = None
    try:
        iterable = exchange.iterable = app(environ, exchange.start_response)
        exchange.before_return = list(log)
        log.append(("returned", None))
        if stop_after != 0:
            for number, block in enumerate(iterable, 1):
                log.append(("block", block))
                exchange._send(block)
                if number == stop_after:
                    break
    except Exception as error:
        exchange.error = error
    finally:
        if hasattr(iterable, "close"):
            iterable.close()
    return exchange


def checked(app: Any) -> Any:
    """``app`` between two halves of ``wsgiref.validate``."""
    return validator(app)
