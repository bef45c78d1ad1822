"""The built-in endpoints below ``base_path``: one file each, and the table that finds them.

An endpoint is found by its exact path, so nothing that merely begins like one is exempt from the
guard (R044); what is not in the table is the application's. The table is light and made at
start-up; what answers (pages and all) is loaded with the first request to an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from wsgi_auth.errors import AuthError
from wsgi_auth.types import WSGIApp

if TYPE_CHECKING:
    from wsgi_auth.actions.exchange import Exchange
    from wsgi_auth.actions.methods import Methods
    from wsgi_auth.config.model import AuthConfig
    from wsgi_auth.providers.base import Provider

#: The endpoint that is the same for everybody, and the one beside it.
SCRIPT = "client.js"
PASSKEY_SCRIPT = "passkey.js"
#: The endpoints that belong to no provider.
NAMES = ("signin", "signout", "session", "csrf", "providers", "error", "verify-request", SCRIPT)
#: The endpoints that there are only with the provider ``passkey``.
OF_PASSKEYS = ("passkey/options", "account/passkeys", PASSKEY_SCRIPT)
#: What is there with an adapter: the user's own accounts and sessions.
OF_ACCOUNT = ("account", "account/link", "account/unlink", "account/sessions")
#: The endpoints that every provider has: ``/signin/{id}``, ``/callback/{id}``.
OF_PROVIDER = ("signin/", "callback/")
#: What leads in or out, whatever a callback makes of the session that there is.
_IN_AND_OUT = (
    "signin", *OF_PROVIDER, "signout", "csrf", "providers", "error", "verify-request",
)  # fmt: skip
BACKCHANNEL, FRONTCHANNEL = "backchannel-logout/", "frontchannel-logout/"


class Endpoint:
    """What answers at one path, for one provider or for none."""

    __slots__ = ("name", "provider")

    def __init__(self, name: str, provider: Provider | None = None) -> None:
        self.name = name
        self.provider = provider

    @property
    def is_blind(self) -> bool:
        """Whether no cookie matters, nor any trouble with reading one."""
        return self.name in (SCRIPT, BACKCHANNEL)

    @property
    def is_way_in_or_out(self) -> bool:
        """Whether it is there for who has no session, or a broken one."""
        return self.name in _IN_AND_OUT

    @property
    def is_for_all(self) -> bool:
        """Whether the answer is the same for everybody, so that any cache may have it."""
        return self.name in (SCRIPT, PASSKEY_SCRIPT)

    def respond(self, exchange: Exchange) -> WSGIApp:
        """The answer; whatever goes wrong is an answer too, never a traceback to the client."""
        from wsgi_auth.actions.methods import allowed, method_not_allowed

        try:
            provider = self.provider
            if provider is not None:
                provider = exchange.of_this_request(provider)
            methods = _handlers()[self.name](provider)
            method = exchange.environ.get("REQUEST_METHOD", "")
            handler = methods.get("GET" if method == "HEAD" else method)
            if handler is None:
                wrong = self._misplaced(provider, method)
                if wrong is None:
                    return method_not_allowed(methods)
                app = self._failed(exchange, wrong)
                if hasattr(app, "headers"):
                    app.headers.append(("Allow", allowed(methods)))
                return app
            return handler(exchange, provider)
        except AuthError as problem:
            return self._failed(exchange, problem)
        except Exception:
            exchange.site.events.logger.exception("the endpoint %r failed", self.name)
            return self._failed(exchange, AuthError("see the traceback above"))

    def _failed(self, exchange: Exchange, problem: AuthError) -> WSGIApp:
        """The answer that says so, or a plain one where even that fails: its page asks the
        application, too (who may be offered what, say)."""
        from wsgi_auth.actions.failure import failure
        from wsgi_auth.caching import NO_STORE
        from wsgi_auth.responders import TEXT, answer

        try:
            return failure(exchange, problem, self.name)
        except Exception:
            exchange.site.events.logger.exception("the page of a failure failed, too")
            return answer(500, [TEXT, NO_STORE], b"Something went wrong; see the log.\n")

    def _misplaced(self, provider: Provider | None, method: str) -> AuthError | None:
        from wsgi_auth.actions.callback import misplaced

        return misplaced(provider, method) if self.name == "callback/" else None


def endpoints(config: AuthConfig) -> dict[str, Endpoint]:
    """Every path (below the mount) that is ours, with and without a trailing slash."""
    found = {name: Endpoint(name) for name in NAMES}
    if any(each.type == "passkey" for each in config.providers):
        found |= {name: Endpoint(name) for name in OF_PASSKEYS}
    for provider in config.providers:
        names = (*OF_PROVIDER, *_of_leaving(config, provider))
        found |= {f"{name}{provider.id}": Endpoint(name, provider) for name in names}
    if config.adapter is not None and config.pages.account is not False:
        found |= {name: Endpoint(name) for name in OF_ACCOUNT}
        found |= {
            f"account/link/{provider.id}": Endpoint("account/link/", provider)
            for provider in config.providers
            if provider.type in ("oauth", "oidc", "per_request")
        }
    return {
        f"{config.base_path}/{path}{slash}": endpoint
        for path, endpoint in found.items()
        for slash in ("", "/")
        if not (slash and endpoint.is_for_all)  # a file is no folder
    }


def _of_leaving(config: AuthConfig, provider: Provider) -> tuple[str, ...]:
    """The endpoints by which a provider says that somebody has left it, if it is heard at all."""
    if config.adapter is None:
        return ()
    if provider.type == "per_request":  # what is made of it for a request, says the request
        return BACKCHANNEL, FRONTCHANNEL
    wanted = {BACKCHANNEL: "backchannel_logout", FRONTCHANNEL: "frontchannel_logout"}
    return tuple(name for name, option in wanted.items() if getattr(provider, option, False))


@cache
def _handlers() -> dict[str, Callable[[Provider | None], Methods]]:
    from wsgi_auth.actions import (
        account,
        callback,
        client,
        csrf,
        error,
        logout,
        passkeys,
        providers,
        session,
        signin,
        signout,
        verify_request,
    )

    return {
        "signin": lambda _: signin.METHODS,
        "signin/": lambda _: signin.STARTS,
        "callback/": callback.methods,
        BACKCHANNEL: logout.backchannel,
        FRONTCHANNEL: logout.frontchannel,
        "signout": lambda _: signout.METHODS,
        "session": lambda _: session.METHODS,
        "csrf": lambda _: csrf.METHODS,
        "providers": lambda _: providers.METHODS,
        "error": lambda _: error.METHODS,
        "verify-request": lambda _: verify_request.METHODS,
        "passkey/options": lambda _: passkeys.OPTIONS,
        "account/passkeys": lambda _: passkeys.OF_USER,
        "account": lambda _: account.PAGE,
        "account/link": lambda _: account.QUESTION,
        "account/link/": lambda _: account.LINK,
        "account/unlink": lambda _: account.UNLINK,
        "account/sessions": lambda _: account.SESSIONS,
        SCRIPT: lambda _: client.METHODS,
        PASSKEY_SCRIPT: lambda _: client.OF_PASSKEYS,
    }
