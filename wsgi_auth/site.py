"""The pieces of one middleware, put together once: what the handle and the actions work with.

What lives here: the composition, so that two middlewares in one process share nothing. What must
not: anything that belongs to one request.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgi_auth.authorized import Authorizer
from wsgi_auth.caching import NOBODYS, UNHEARD
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import ConfigError, StoreUnavailable, UsageError
from wsgi_auth.events import Events
from wsgi_auth.locations import Locations
from wsgi_auth.once import once
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.responders import Responders
from wsgi_auth.sessions import strategy_for
from wsgi_auth.tokens import derive

if TYPE_CHECKING:
    from wsgi_auth.accounts import Accounts
    from wsgi_auth.csrf import CSRF
    from wsgi_auth.languages import Languages
    from wsgi_auth.oauth.client import Client
    from wsgi_auth.oauth.kept import KeptTokens
    from wsgi_auth.oauth.pending import Pending
    from wsgi_auth.oauth.proven import ProvenAccounts
    from wsgi_auth.oauth.refresh import Refresher
    from wsgi_auth.oauth.vault import Vault
    from wsgi_auth.pages import Pages
    from wsgi_auth.pages.script import Script
    from wsgi_auth.passkeys import Passkeys
    from wsgi_auth.protocols import Adapter, Attempts, Mailer, Reader, Transport
    from wsgi_auth.providers.oauth import OIDC, OAuth
    from wsgi_auth.recent import Recent
    from wsgi_auth.sessions.at_provider import AtProviders
    from wsgi_auth.sessions.endings import Endings
    from wsgi_auth.sessions.lifecycle import Lifecycle
    from wsgi_auth.sessions.register import Register
    from wsgi_auth.tenants import Tenants
    from wsgi_auth.texts import Texts
    from wsgi_auth.types import Environ, Headers


#: Seconds between two sweeps, and records of a kind that one deletes at most.
_SWEEP_EVERY = 60
_SWEEP_AT_MOST = 200
#: An application says ``Vary: Cookie`` itself on most of its pages, as one with sessions of its own
#: does, or on none: where it does not in so many answers to nobody, no further one is looked at.
_FIRST_ANSWERS = 1_000


class Site:
    """One configuration, in working order. ``clock`` gives seconds since the epoch; ``attempts``
    makes the counter of sign-in attempts on first use (it may open a connection), ``transport``
    the way to other parties, ``connect`` the adapter, ``mailer`` what sends mail."""

    def __init__(
        self,
        config: AuthConfig,
        clock: Callable[[], float],
        attempts: Callable[[], Attempts],
        transport: Callable[[], Transport],
        connect: Callable[[], Adapter] | None = None,
        mailer: Callable[[], Mailer] | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self._new_attempts = attempts
        self._new_transport = transport
        self._new_mailer = mailer
        self._clients: dict[str, Client] = {}
        self._swept_at = 0.0
        #: What an answer to nobody is to caches.
        self.nobodys: Headers = UNHEARD
        self._listens_to = _FIRST_ANSWERS
        self._pages: dict[str, Pages] = {}
        for provider in config.all_providers:
            if getattr(provider, "private_key", None):
                from wsgi_auth.oauth.client_auth import check_key

                check_key(provider)  # type: ignore[arg-type]  # only OAuth and OIDC have one
        self.events = Events(config.events, lambda: config.logger)
        self.locations = Locations(config)
        #: Where users and sessions are kept, if they are.
        self.adapter: Adapter | None = None
        self.accounts: Accounts | None = None
        self._at_providers: AtProviders | None = None
        if config.adapter is not None and connect is not None:
            from wsgi_auth.accounts import Accounts

            self.adapter = connect()
            self.accounts = Accounts(self.adapter, self.events)
            if any(
                each.type == "per_request" or getattr(each, "hears_logout", False)
                for each in config.providers
            ):
                from wsgi_auth.sessions.at_provider import AtProviders

                self._at_providers = AtProviders(self.adapter)
        #: The passkeys of its users, if it has any.
        self.passkeys: Passkeys | None = None
        for provider in config.providers:
            if provider.type == "passkey" and self.adapter is not None:
                from wsgi_auth.passkeys import Passkeys
                from wsgi_auth.providers.passkey import Passkey

                assert isinstance(provider, Passkey)  # noqa: S101 - the configuration has looked
                self.passkeys = Passkeys(config, provider, self.adapter, self.events)
        cookie_reader = CookieSessionReader(config, strategy_for(config, self.adapter))
        self.cookies = cookie_reader
        self.reader: Reader = config.reader or cookie_reader
        self.view = cookie_reader.view
        self.authorizer = Authorizer(config, self.locations, self.events)
        home = (config.url.mount if config.url else "") + "/"
        can_sign_in = config.pages.sign_in or (config.providers and not config.session.read_only)
        sign_in = self.locations.sign_in if can_sign_in else None
        self.responders = Responders(
            config.responders, self.pages, home, sign_in, lambda: config.logger
        )

    def store_is_down(self, error: StoreUnavailable) -> None:
        """Say so in the log, once a minute while it lasts."""
        problem = f"the session store is unavailable: {error}"
        self.events.mention("store", self.clock(), problem)

    @once
    def csrf(self) -> CSRF:
        """The tokens of forms; loaded with the first page that has one."""
        from wsgi_auth.csrf import CSRF

        return CSRF(self.config.secret, self.config.cookies.csrf.name)

    @once
    def languages(self) -> Languages:
        """The languages of the built-in pages, looked for when the first page is shown."""
        from wsgi_auth.languages import Languages

        config = self.config
        return Languages(config.languages, config.texts, config.locale_dir)

    def pages(self, environ: Environ) -> Pages:
        """The built-in pages in the language that this visitor likes best, made when the first in
        that language is shown. English ones, for now, where its catalogue cannot be read any more:
        what has to be refused is refused in any language."""
        language = self.languages.negotiate(environ.get("HTTP_ACCEPT_LANGUAGE"))
        found = self._pages.get(language)
        if found is not None:
            return found
        try:
            texts = self.languages.texts(language)
        except ConfigError as problem:
            from wsgi_auth.texts import Texts

            self.config.logger.error("no pages in %s: %s", language, problem)
            return self._new_pages(Texts())
        return self._pages.setdefault(language, self._new_pages(texts))

    def _new_pages(self, texts: Texts) -> Pages:
        from wsgi_auth.pages import Pages
        from wsgi_auth.theme import Theme

        theme: dict[str, Any] = dict(self.config.theme)
        return Pages(Theme(**theme), texts, is_negotiated=len(self.languages.tags) > 1)

    @once
    def script(self) -> Script:
        """``client.js``, read when it is first asked for."""
        from wsgi_auth.pages.script import Script

        return Script()

    @once
    def passkey_script(self) -> Script:
        """``passkey.js``."""
        from wsgi_auth.pages.script import Script

        return Script("passkey.js")

    @once
    def register(self) -> Register | None:
        """The sessions of a user, to list and to end; None where nothing is kept."""
        if self.adapter is None:
            return None
        from wsgi_auth.sessions.register import Register

        revocations = getattr(self.cookies.strategy, "revocations", None)
        assert self.endings is not None  # noqa: S101 - there is an adapter
        return Register(self.adapter, revocations, self.clock, self.endings)

    @once
    def endings(self) -> Endings | None:
        """When all sessions of a user were ended; None where nothing is kept."""
        if self.adapter is None:
            return None
        from wsgi_auth.sessions.endings import Endings

        return Endings(self.adapter, self.clock)

    def hears(self, says: bool) -> bool:
        """Learn whether the application has said ``Vary: Cookie`` itself in an answer to nobody;
        returns just that."""
        if says:
            self._listens_to = 0  # for good: ``nobodys`` stays as it is
        else:
            left = self._listens_to  # looked at once: other threads count too
            if left > 0:
                self._listens_to = left - 1
                if left == 1:
                    self.nobodys = NOBODYS
        return says

    def sweep(self) -> None:
        """Delete some of what is over in the store, now and then: with a sign-in, once a minute."""
        now = self.clock()
        if self.adapter is None or now < self._swept_at + _SWEEP_EVERY:
            return
        self._swept_at = now
        try:
            self.adapter.sweep(int(now), _SWEEP_AT_MOST)
        except StoreUnavailable as error:
            self.config.logger.warning("what is over could not be swept: %s", error)
        except Exception:  # an adapter's own mistake; the sign-in that came by is none of it
            self.config.logger.exception("what is over could not be swept")

    def require_register(self) -> Register:
        """:attr:`register`; raises :class:`UsageError` where nothing is kept."""
        if self.register is None:
            raise UsageError(
                "sessions can be listed and ended only where an adapter keeps them; set the option "
                "adapter = 'sqlite:///auth.db'"
            )
        return self.register

    def require_at_providers(self) -> AtProviders:
        """The notes on the sessions of providers, which endpoints for their logout have."""
        if self._at_providers is None:
            raise UsageError("no provider is heard about who has left it")
        return self._at_providers

    def require_accounts(self) -> Accounts:
        """:attr:`accounts`; raises :class:`UsageError` where nothing is kept."""
        if self.accounts is None:
            raise UsageError(
                "users have accounts only where an adapter keeps them; set the option "
                "adapter = 'sqlite:///auth.db'"
            )
        return self.accounts

    @once
    def attempts(self) -> Attempts:
        """The counter of sign-in attempts."""
        return self._new_attempts()

    @once
    def pending(self) -> Pending:
        """The sign-ins under way with other parties."""
        from wsgi_auth.oauth.pending import Pending

        return Pending(self.config)

    @once
    def proven(self) -> ProvenAccounts:
        """The accounts whose users have yet to say whether to link them."""
        from wsgi_auth.oauth.proven import ProvenAccounts

        return ProvenAccounts(self.config)

    @once
    def kept_tokens(self) -> KeptTokens | None:
        """The tokens of other parties in the accounts of users; None where nothing is kept."""
        if self.adapter is None:
            return None
        from wsgi_auth.oauth.kept import KeptTokens

        return KeptTokens(self.adapter, self.config.secret, lambda: self.events.logger)

    @once
    def vault(self) -> Vault:
        """The tokens of other parties that browsers keep for us."""
        from wsgi_auth.oauth.vault import Vault

        return Vault(self.config)

    @once
    def refresher(self) -> Refresher:
        """What renews tokens of other parties."""
        from wsgi_auth.oauth.refresh import Refresher

        return Refresher()

    @once
    def lifecycle(self) -> Lifecycle:
        """How sessions begin, change and end: of no concern to a process that only reads them."""
        from wsgi_auth.sessions.lifecycle import Lifecycle

        strategy, view = self.cookies.strategy, self.view
        return Lifecycle(
            self.config,
            strategy,
            view,
            self.events,
            self.accounts,
            self._at_providers,
            self.endings,
        )

    @property
    def tenants(self) -> Tenants:
        """The providers as one request has them."""
        return self.cookies.tenants

    @once
    def _tenants_clients(self) -> Recent[OAuth | OIDC, Client]:
        from wsgi_auth.recent import Recent

        return Recent()

    @once
    def transport(self) -> Transport:
        """The way to other parties: the configuration's own, or the network."""
        return self._new_transport()

    @once
    def mailer(self) -> Mailer:
        """What sends mail."""
        if self._new_mailer is None:
            raise UsageError("this site was made without a way to send mail")
        return self._new_mailer()

    def client(self, provider: OAuth | OIDC) -> Client:
        """Our side of the protocol with this provider; what it learns of the provider is kept."""
        if provider.tenant:
            return self._tenants_clients.get(provider, lambda: self._new_client(provider))
        found = self._clients.get(provider.id)
        if found is None:
            # of two threads that come first, both go on with the one that is kept
            found = self._clients.setdefault(provider.id, self._new_client(provider))
        return found

    def _new_client(self, provider: OAuth | OIDC) -> Client:
        from wsgi_auth.oauth.client import Client

        if provider.tenant and provider.private_key:  # of the others, start-up has looked
            from wsgi_auth.oauth.client_auth import check_key

            check_key(provider)
        return Client(provider, self.transport, allow_loopback=self.allows_loopback)

    @property
    def allows_loopback(self) -> bool:
        """Whether another party may be reached over http on this very machine. A transport that
        the configuration brings decides that itself."""
        config = self.config
        loopback = config.url is not None and config.url.is_loopback
        return config.dev or loopback or config.transport is not None

    @once
    def dev_key(self) -> str:
        """What opens the chooser of made-up people: in the link that start-up prints."""
        return derive(self.config.secret[0], "wsgi_auth.dev-key").hex()[:32]

    def is_dev_key(self, key: str) -> bool:
        """Whether it is the key of the chooser of made-up people."""
        return self.config.dev and hmac.compare_digest(
            key.encode("utf-8", "replace"), self.dev_key.encode()
        )
