"""Whether the stores of a configuration answer: each is asked once, and not for long, by ``check``.

What lives here: a question that changes nothing, and what came of it in words. What must not: which
stores there are, and how they are spoken to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError, StoreUnavailable
from wsgi_auth.protocols import Adapter
from wsgi_auth.tokens import random_id

#: Seconds that a store may take. It has shorter time-outs of its own, unless its URL says others.
PATIENCE = 5.0


def counts(config: AuthConfig) -> bool:
    """Whether attempts at sign-in are counted."""
    return any(
        getattr(each, "limited", False) or each.type in ("email", "passkey")
        for each in config.providers
    )


def unanswered(config: AuthConfig, adapter: Adapter | None) -> Iterator[str]:
    """A sentence for each store that is not there. Raises :class:`ConfigError` where what the
    configuration says of it is wrong."""
    if adapter is not None:
        url = config.adapter if isinstance(config.adapter, str) else ""
        problem = _problem(lambda: adapter.get_session_and_user(random_id()), url)
        if problem:
            yield f"adapter: the store does not answer: {problem}"
    storage = config.limits.storage
    if storage != "memory://" and counts(config):
        problem = _problem(lambda: _count(storage), storage)
        if problem:
            yield f"limits.storage: the store does not answer: {problem}"


def _count(storage: str) -> None:
    """Count an attempt at an account that nobody has; it is forgotten after a second."""
    from wsgi_auth.throttle import Throttle

    throttle = Throttle("1 per second", "off", storage, key=random_id().encode())
    throttle.attempt(random_id(), {})


def _problem(ask: Callable[[], object], url: str) -> str:
    """What came of the question, in a line without the password of the URL; "" for an answer."""
    problems: list[Exception] = []

    def asked() -> None:
        try:
            ask()
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=asked, daemon=True)  # a store of one's own may hang for ever
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        return f"nothing within {PATIENCE:g} seconds"
    for problem in problems:
        if isinstance(problem, ConfigError):
            raise problem
        if not isinstance(problem, StoreUnavailable):
            return type(problem).__name__  # what it says may hold anything
        return _without_password(str(problem).partition("\n")[0], url)
    return ""


def _without_password(text: str, url: str) -> str:
    password = (urlsplit(url).password or "") if "://" in url else ""
    for each in (password, unquote(password)):
        text = text.replace(each, "...") if each else text
    return text
