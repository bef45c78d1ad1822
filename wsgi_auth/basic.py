"""``Authorization: Basic`` for programs, where a route has ``basic=True``.

The same check as the form, the same limits; the header is gone before the application sees it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from wsgi_auth.actions.offer import offered
from wsgi_auth.errors import AccessDenied, AuthError, StoreUnavailable, TooManyAttempts
from wsgi_auth.events import shown
from wsgi_auth.protocols import Attempt
from wsgi_auth.providers.base import BasicProvider, FormProvider, Provider
from wsgi_auth.remembered import LIFETIME, Remembered
from wsgi_auth.site import Site
from wsgi_auth.types import ANONYMOUS, Claims, Environ, Failed, HeaderReading, Reading, freeze

_LONGEST = 8_192


class BasicAuthentication:
    """The reading of a request that brings a name and a password; nothing is ever written."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._remembered: Remembered[Claims] = Remembered()

    def read(self, environ: Environ, now: float) -> Reading | Failed:
        """Who the header proves: a reading, :data:`ANONYMOUS` for nobody, or why nobody can say."""
        header = environ.get("HTTP_AUTHORIZATION", "")
        pair = _decoded(header)
        if pair is None:
            return ANONYMOUS
        # a WebDAV client sends it with every request, and a slow hash is slow on purpose
        key = self._remembered.key(header, environ)
        try:
            # of this visitor: who is known here may be nobody at another tenant
            on_offer = offered(self._site, environ)
            claims = self._remembered.get(key, now)
            if claims is None or all(each.id != claims["provider"] for each in on_offer):
                claims = self._prove(*pair, on_offer, environ, now)
                if claims is None:
                    return ANONYMOUS
                self._remembered.put(key, claims, now)
            return HeaderReading(self._site.view.session(claims, environ), claims)
        except TooManyAttempts as error:
            return Failed(429, error.code, error.retry_after)
        except StoreUnavailable as error:
            self._site.events.logger.error("Basic could not be checked: %s", error)
            return Failed(503, error.code, 5)
        except Exception:
            self._site.events.logger.exception("Basic could not be checked")
            return Failed()

    def _prove(
        self,
        name: str,
        password: str,
        on_offer: Sequence[Provider],
        environ: Environ,
        now: float,
    ) -> Claims | None:
        attempts: dict[str, Attempt] = {}  # one for each name, however many look it up
        judged: set[str] = set()
        for provider in on_offer:
            if not isinstance(provider, FormProvider) or not isinstance(provider, BasicProvider):
                continue
            form = provider.basic_form(name, password)
            account = provider.account(form)
            if account not in attempts:
                attempts[account] = self._site.attempts.attempt(account, environ)
            try:
                user = provider.authenticate(form, environ)
            except StoreUnavailable:
                for name_there, attempt in attempts.items():
                    if name_there not in judged:  # nobody has looked at the password
                        attempt.succeeded()
                raise
            except AuthError as error:
                if error.status >= 500:
                    raise
                user = None
            if user is None:
                judged.add(account)
                continue
            for attempt in attempts.values():  # that another did not know the name was no guess
                attempt.succeeded()
            try:
                claims = self._site.lifecycle.admit(user, provider, environ, now)
            except AccessDenied as denied:
                self._site.events.logger.warning("Basic for %s refused: %s", shown(name), denied)
                return None
            stamped: Claims = freeze({**claims, "iat": int(now), "exp": int(now) + LIFETIME})
            return stamped
        self._site.events.logger.warning("Basic failed for %s", shown(name))
        return None


def _decoded(header: Any) -> tuple[str, str] | None:
    """Name and password of a Basic header (RFC 7617), or None for anything else."""
    if not isinstance(header, str) or len(header) > _LONGEST or header[:6].lower() != "basic ":
        return None
    try:
        octets = base64.b64decode(header[6:].strip(), validate=True)
    except ValueError:
        return None
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    name, colon, password = text.partition(":")
    return (name, password) if colon and name else None
