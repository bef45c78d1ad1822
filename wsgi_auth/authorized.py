"""May this request pass? The routes that apply and the session, to one :data:`Decision`.

What lives here: the verdict, and whether nobody-signed-in means redirect or 401. What must not:
how an answer looks (``responders``), which routes apply (``matcher``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.events import Events, shown
from wsgi_auth.locations import Locations
from wsgi_auth.negotiation import wants_redirect
from wsgi_auth.sessions.life import is_fresh
from wsgi_auth.types import (
    NOTHING,
    PASS,
    Answer,
    Environ,
    Failed,
    Forbidden,
    Pass,
    Reading,
    Redirect,
    Route,
    Unauthorized,
    webob_request,
)

_PLAIN = r"[!#-\[\]-~]*"  # a URL has no more, and JSON needs no escapes


class Authorizer:
    """Asks every route that applies; all must agree, so their order decides nothing."""

    def __init__(self, config: AuthConfig, locations: Locations, events: Events) -> None:
        self._authorized = config.authorized
        self._locations = locations
        self._events = events

    def decide(
        self, environ: Environ, reading: Reading, routes: tuple[Route, ...], now: float
    ) -> Any:
        """:class:`Pass`, a refusal, or a WSGI application that a callback answered with.

        Whatever a callback raises, or returns that is no decision, denies with 500 (R038).
        """
        basic = self.accepts_basic(routes)
        for route in routes:
            decision = self._one(environ, reading, route, now, basic)
            if decision is not PASS:
                if self._events.wants("denied"):
                    self._events.fire(
                        "denied",
                        environ,
                        session=reading.session,
                        claims=reading.claims,
                        reason=type(decision).__name__,
                    )
                return decision
        return PASS

    def accepts_basic(self, routes: tuple[Route, ...]) -> bool:
        """Whether Basic may prove the visitor: a route says so, and every other that asks for more
        than a session says so too."""
        accepted = False
        for route in routes:
            if route.basic:
                accepted = True
            elif route.asks_for_more:
                return False
        return accepted

    def challenge(
        self,
        environ: Environ,
        answer: Answer | None = None,
        *,
        code: str = "SessionRequired",
        basic: bool = False,
        methods: frozenset[str] | None = None,
    ) -> Redirect | Unauthorized:
        """What nobody-signed-in gets: the sign-in page for a browser that navigates, else 401."""
        url = self._locations.sign_in(environ)
        if answer == "redirect" or (answer is None and wants_redirect(environ)):
            return Redirect(url)
        # a dialogue is for programs: a page's own fetch must not open one
        basic = basic and "HTTP_SEC_FETCH_MODE" not in environ
        return Unauthorized(url, code, basic)

    def _one(
        self, environ: Environ, reading: Reading, route: Route, now: float, basic: bool
    ) -> Any:
        asked = route.authorized or self._authorized
        passes: Any = reading.session is not None
        if asked is not None:
            passes = self._ask(asked, environ, reading)
        if passes is True or type(passes) is Pass:
            passes = self._conditions(reading, route, now)
            if passes == "stale":
                return self.challenge(environ, route.answer, code="FreshSignInRequired")
        if passes is True:
            return PASS
        if passes is False or passes is None:
            if reading.session is None:
                return self.challenge(environ, route.answer, basic=basic)
            self._events.logger.info(
                "refused %s: not authorized for %s",
                shown(reading.subject),
                shown(environ.get("PATH_INFO", "")),
            )
            return Forbidden()
        return passes

    def _ask(self, asked: Callable[..., Any], environ: Environ, reading: Reading) -> Any:
        """What the callback says: True, False, None, a decision, a WSGI application, or Failed."""
        try:
            said = asked(webob_request(environ), reading.session)
        except Exception:
            self._events.logger.exception(
                "the authorized callback raised; %s is refused", shown(environ.get("PATH_INFO"))
            )
            return Failed()
        if said is None or isinstance(said, bool | Pass | Redirect | Forbidden):
            return said
        if isinstance(said, Unauthorized):
            # goes into a header and into JSON as it is
            if re.fullmatch(_PLAIN, f"{said.code}{said.sign_in_url or ''}"):
                return said
            self._events.logger.error("the authorized callback's Unauthorized is no code and URL")
            return Failed()
        if callable(said) and not isinstance(said, type):
            return said
        if hasattr(said, "close"):
            said.close()  # a coroutine that nobody will await
        self._events.logger.error(
            "the authorized callback returned a %s; it must return True, False, None, a decision "
            "or a WSGI application%s",
            type(said).__name__,
            ", and must not be async" if hasattr(said, "__await__") else "",
        )
        return Failed()

    def _conditions(self, reading: Reading, route: Route, now: float) -> Any:
        """``allow_groups``, ``fresh``, ``user_verified``: True, False or ``"stale"``."""
        claims = reading.claims if reading.claims is not None else NOTHING
        if route.allow_groups is not None:
            groups = claims.get("groups")  # whatever a jwt callback may have made of them
            if not isinstance(groups, list) or not any(
                isinstance(group, str) and group in route.allow_groups for group in groups
            ):
                return False
        if route.fresh is not None and not is_fresh(claims, route.fresh, now):
            return "stale" if reading.session is not None else False
        if route.user_verified:
            how = claims.get("amr")
            if not isinstance(how, list) or not {"passkey", "uv"} <= set(map(str, how)):
                return "stale" if reading.session is not None else False
        return True
