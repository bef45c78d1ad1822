"""The standard library's server with a thread for each request: ``[--validate] module:app port``."""

from __future__ import annotations

import importlib
import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.validate import validator


class ThreadingWSGIServer(ThreadingMixIn, WSGIServer):
    """wsgiref, without one slow request in the way of the next."""

    daemon_threads = True


def main(*args: str) -> None:
    """Serve until somebody ends the process."""
    *flags, name, port = args
    module, _, attribute = name.partition(":")
    app: Any = getattr(importlib.import_module(module), attribute or "application")
    if "--validate" in flags:
        app = validator(app)
    make_server(
        "127.0.0.1", int(port), app, ThreadingWSGIServer, WSGIRequestHandler
    ).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
