"""The shape of an endpoint: for each method a function of the exchange and the path's provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.providers.base import Provider
from wsgi_auth.types import WSGIApp

Methods: TypeAlias = Mapping[str, Callable[[Exchange, Provider | None], WSGIApp]]
