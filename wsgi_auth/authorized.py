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
_PARAMETERS = r"[ -~]*"
_NONE: frozenset[str] = frozenset()


class Authorizer:
    """Asks every route that applies; all must agree, so their order decides nothing."""

    def __init__(self, config: AuthConfig, locations: Locations, events: Events) -> None:
        self._authorized = config.authorized
        self._has_page = config.has_sign_in
        self._locations = locations
        self._events = events

    def decide(
        self, environ: Environ, reading: Reading, routes: tuple[Route, ...], now: float
    ) -> Any:
        """:class:`Pass`, a refusal, or a WSGI application that a callback answered with.

        Whatever a callback raises, or returns that is no decision, denies with 500 (R038).
        """
        for route in routes:
            decision = self._one(environ, reading, route, now, routes)
            if decision is not PASS:
                return self.refused(environ, reading, decision)
        return PASS

    def refused(self, environ: Environ, reading: Reading, decision: Any) -> Any:
        """The same decision, which is none to pass, told to who listens for the event."""
        if self._events.wants("denied"):
            self._events.fire(
                "denied",
                environ,
                session=reading.session,
                claims=reading.claims,
                reason=type(decision).__name__,
            )
        return decision

    def nobody(self, environ: Environ, reading: Reading, route: Route) -> Any:
        """What nobody-signed-in gets where every route asks for a session and no more, ``route``
        first: as :meth:`decide` says, which need not ask."""
        return self.refused(environ, reading, self.challenge(environ, route.answer))

    def schemes(self, routes: tuple[Route, ...]) -> frozenset[str]:
        """By which schemes of ``Authorization`` a program may prove who it is: a route says so, and
        every other that asks for more than a session says so too."""
        accepted, demanded = _NONE, None
        for route in routes:
            if route.schemes:
                accepted |= route.schemes
            if route.asks_for_more:
                demanded = route.schemes if demanded is None else demanded & route.schemes
        return accepted if demanded is None else accepted & demanded

    def challenge(
        self,
        environ: Environ,
        answer: Answer | None = None,
        *,
        code: str = "SessionRequired",
        schemes: frozenset[str] = _NONE,
        bearer: str = "",
        acr: tuple[str, ...] | None = None,
    ) -> Redirect | Unauthorized:
        """What nobody-signed-in gets: the sign-in page for a browser that navigates, else 401, with
        what the ``schemes`` that would do say; ``bearer``: what was wrong with an access token;
        ``acr``: how strong the sign-in has to be."""
        url = self._locations.sign_in(environ) if self._has_page else ""
        if acr is not None and url:
            url += _asking(acr)
        if url and (answer == "redirect" or (answer is None and wants_redirect(environ))):
            return Redirect(url)
        # a dialogue is for programs: a page's own fetch must not open one
        basic = "basic" in schemes and "HTTP_SEC_FETCH_MODE" not in environ
        return Unauthorized(url, code, basic, bearer if "bearer" in schemes else None)

    def _one(
        self,
        environ: Environ,
        reading: Reading,
        route: Route,
        now: float,
        routes: tuple[Route, ...],
    ) -> Any:
        """What one of the ``routes`` that apply says."""
        asked = route.authorized or self._authorized
        passes: Any = reading.session is not None
        if asked is not None:
            passes = self._ask(asked, environ, reading)
        if passes is True or type(passes) is Pass:
            passes = self._conditions(reading, route, now)
            if passes == "stale":
                if reading.scopes is not None:
                    return self._step_up(environ, route, routes)
                return self.challenge(
                    environ, route.answer, code="FreshSignInRequired", acr=_strength(routes)
                )
        if passes is True:
            wanted, given = route.scopes, reading.scopes  # a session of a browser has none to lack
            if wanted is None or given is None or wanted <= given:
                return PASS
            return self._out_of_scope(reading, wanted)
        if passes is False or passes is None:
            if reading.session is None:
                return self.challenge(
                    environ, route.answer, schemes=self.schemes(routes), acr=_strength(routes)
                )
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
        except Exception as error:
            unreadable = self.unreadable(environ, error)
            if unreadable is not None:
                return unreadable
            self._events.logger.exception(
                "the authorized callback raised; %s is refused", shown(environ.get("PATH_INFO"))
            )
            return Failed()
        if said is None or isinstance(said, bool | Pass | Redirect):
            return said
        if isinstance(said, Unauthorized | Forbidden):
            if _can_be_sent(said):
                return said
            self._events.logger.error(
                "the authorized callback's %s has a code, a URL or a challenge that cannot be sent",
                type(said).__name__,
            )
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

    def unreadable(self, environ: Environ, error: BaseException) -> Failed | None:
        """The answer where a callback raised this for it reads the path, of which no text can be
        made: nobody's mistake here."""
        # not the whole chain: one may lead back into itself
        causes = (error, error.__cause__, error.__context__)
        if not any(isinstance(each, UnicodeDecodeError) for each in causes) or _is_utf8(environ):
            return None
        self._events.logger.info(
            "refused %s: its path is not UTF-8", shown(environ.get("PATH_INFO"))
        )
        return Failed(400, "BadRequest")

    def _step_up(
        self, environ: Environ, route: Route, routes: tuple[Route, ...]
    ) -> Redirect | Unauthorized:
        """Another token is needed, of somebody who has signed in just now (RFC 9470 section 3)."""
        said = (
            'error="insufficient_user_authentication", '
            'error_description="a more recent or a stronger sign-in is needed"'
        )
        if route.fresh is not None:
            said += f', max_age="{route.fresh}"'
        acr = _strength(routes)
        if acr is not None:
            said += f', acr_values="{" ".join(acr)}"'
        return self.challenge(
            environ, "401", code="FreshSignInRequired", schemes=route.schemes, bearer=said,
            acr=acr,
        )  # fmt: skip

    def _out_of_scope(self, reading: Reading, wanted: frozenset[str]) -> Forbidden:
        """Another token is needed, which is good for this (RFC 6750 section 3.1)."""
        scope = " ".join(sorted(wanted))
        self._events.logger.info(
            "refused %s: the access token lacks a scope of %s", shown(reading.subject), scope
        )
        return Forbidden("InsufficientScope", f'error="insufficient_scope", scope="{scope}"')

    def _conditions(self, reading: Reading, route: Route, now: float) -> Any:
        """``allow_groups``, ``fresh``, ``acr``, ``user_verified``: True, False or ``"stale"``."""
        claims = reading.claims if reading.claims is not None else NOTHING
        if route.allow_groups is not None:
            groups = claims.get("groups")  # whatever a jwt callback may have made of them
            if not isinstance(groups, list) or not any(
                isinstance(group, str) and group in route.allow_groups for group in groups
            ):
                return False
        if route.fresh is not None and not is_fresh(claims, route.fresh, now):
            return "stale" if reading.session is not None else False
        if route.acr is not None and claims.get("acr") not in route.acr:
            return "stale" if reading.session is not None else False
        if route.user_verified:
            how = claims.get("amr")
            if not isinstance(how, list) or not {"passkey", "uv"} <= set(map(str, how)):
                return "stale" if reading.session is not None else False
        return True


def _is_utf8(environ: Environ) -> bool:
    """Whether the path, as the server decoded it (PEP 3333), is text in UTF-8."""
    path = f"{environ.get('SCRIPT_NAME') or ''}{environ.get('PATH_INFO') or ''}"
    try:
        path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return True


def _strength(routes: tuple[Route, ...]) -> tuple[str, ...] | None:
    """How strong a sign-in has to be for all of these routes, so that one is enough; where they
    share no word, for the first that asks."""
    asked = [route.acr for route in routes if route.acr is not None]
    if not asked:
        return None
    return tuple(word for word in asked[0] if all(word in other for other in asked)) or asked[0]


def _asking(acr: tuple[str, ...]) -> str:
    """The end of a query that asks for a sign-in of this strength."""
    from urllib.parse import quote  # few routes ask

    return f"&acr_values={quote(' '.join(acr), safe='')}"


def _can_be_sent(said: Unauthorized | Forbidden) -> bool:
    """Whether it goes as it is into a header, and an :class:`Unauthorized` into JSON."""
    if said.bearer is not None and not (
        isinstance(said.bearer, str) and re.fullmatch(_PARAMETERS, said.bearer)
    ):
        return False
    if isinstance(said, Forbidden):  # its code is written as JSON wants it
        return isinstance(said.code, str)
    return re.fullmatch(_PLAIN, f"{said.code}{said.sign_in_url or ''}") is not None
