"""The shape of an endpoint: for each method a function of the exchange and the path's provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.caching import NO_STORE
from wsgi_auth.providers.base import Provider
from wsgi_auth.responders import TEXT, answer
from wsgi_auth.types import WSGIApp

Methods: TypeAlias = Mapping[str, Callable[[Exchange, Provider | None], WSGIApp]]


def method_not_allowed(methods: Methods) -> WSGIApp:
    """405 with the methods that there are (RFC 9110 section 15.5.6)."""
    return answer(405, [("Allow", allowed(methods)), NO_STORE, TEXT], b"method not allowed\n")


def allowed(methods: Methods) -> str:
    """The methods as an ``Allow`` header names them."""
    return ", ".join(sorted({*methods, *({"HEAD"} if "GET" in methods else ())}))
