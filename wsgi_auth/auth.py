"""``Auth``: what a request can do with its session, as ``environ["auth.handle"]``.

What lives here: the handle, and the moment its changes become Set-Cookie headers. What must not:
what a change means (``sessions/lifecycle``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from wsgi_auth import cookies
from wsgi_auth.caching import (
    CACHING,
    GUARDED,
    NO_STORE,
    NOBODYS,
    OTHERS,
    PRIVATE,
    SOMEBODYS,
    UNHEARD,
    VARY_COOKIE,
    merged,
)
from wsgi_auth.errors import StoreUnavailable, UsageError
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.site import Site
from wsgi_auth.types import (
    ANONYMOUS,
    KEEP,
    NO_PROOF,
    PASS,
    TURNS,
    Claims,
    Environ,
    Forbidden,
    HeaderReading,
    Headers,
    Proof,
    Reading,
    Redirect,
    Route,
    Session,
    StartResponse,
    Then,
    WSGIApp,
)

if TYPE_CHECKING:
    from wsgi_auth.accounts import LinkedAccount
    from wsgi_auth.providers.base import Provider
    from wsgi_auth.sessions.lifecycle import Begun
    from wsgi_auth.sessions.register import SessionInfo

HANDLE = "auth.handle"
SESSION = "auth.session"
#: Seconds for which a browser keeps which provider it used last: a year without signing in.
LAST_PROVIDER_AGE = 365 * 86_400


class _Application:
    """Stands for the application where it proved the visitor's identity itself."""

    id = "app"
    name = "Application"
    type = "app"
    vouches = True


APPLICATION = _Application()


class _Over(dict[str, Any]):
    """In place of a request that is over."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise UsageError(
            "the request is over: its response was complete when the application returned it; ask "
            "before that, or ask get_auth(environ)"
        )

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __ior__ = _refuse
    get = pop = popitem = setdefault = update = copy = keys = values = items = _refuse


OVER: Environ = _Over()


def complete(*_: object) -> NoReturn:
    """In place of the server's ``start_response``, which may hold the request as well."""
    raise UsageError("the response was complete when the application returned it")


class Auth:
    """The per-request handle. Changes are sent with the response's headers; after those have left,
    a change raises :class:`UsageError` instead of being lost. So does what needs the request (a URL
    of a page, say) once the application has returned a complete response, a list: who still has the
    environ then asks ``get_auth(environ)``."""

    __slots__ = (
        "caching",
        "environ",
        "header",
        "is_sent",
        "path_info",
        "pending",
        "reading",
        "send",
        "site",
    )

    #: The pieces of the middleware that made the handle.
    site: Site
    #: The request.
    environ: Environ
    #: Its PATH_INFO, as it came: a dispatcher moves the mounts of its own applications from there
    #: to SCRIPT_NAME. Odd servers put None there.
    path_info: str | None
    #: Its Cookie header, as it came: an application may take it out of the environ before it hands
    #: that on. Empty without one.
    header: str
    #: The server's ``start_response``.
    send: StartResponse
    #: What the request's session is by now.
    reading: Reading
    #: Set-Cookie values that wait for the response; None: nor is anything else due.
    pending: list[str] | None
    #: What the answer is to caches: one of the lists of :mod:`wsgi_auth.caching`.
    caching: Headers
    #: Whether the response's headers have left.
    is_sent: bool

    # --- what is ----------------------------------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The session, as in ``environ["auth.session"]``; None for nobody."""
        return self.reading.session

    @property
    def claims(self) -> Claims | None:
        """The claims behind the session (Auth.js: the token), read-only; None for nobody."""
        return self.reading.claims

    @property
    def csrf_token(self) -> str:
        """A token for a form that posts to one of the built-in endpoints (field ``csrfToken``).

        On first use in a browser it sets the cookie that the token is bound to.
        """
        site = self.site
        cookie = site.config.cookies.csrf
        # what this very response sets counts before what the browser has
        held = "; ".join([*(self.pending or ()), self.header])
        known = cookies.values(held, cookie.name)
        browser = next((value for value in known if len(value) >= 22), None)
        if browser is None:
            browser = site.csrf.new_browser_value()
            self.set_cookies(cookie.set(browser))
        self.is_somebodys()  # no other browser can use it
        return site.csrf.token(browser, self.reading.held.claims)

    def sign_in_url(self, provider: str | None = None, redirect_to: str | None = None) -> str:
        """The URL of the sign-in page; with ``provider`` the one that a form for it posts to, which
        starts there, or holds the proof itself (a password).

        ``redirect_to``: where to go afterwards; this request if not given.
        """
        site, environ = self.site, self._arrived()
        action = None
        if provider is not None:
            from wsgi_auth.providers.base import first_step

            action = f"{first_step(self._configured(provider))}/{provider}"
        if redirect_to is None:
            return site.locations.sign_in(environ, action)
        params = {"callbackUrl": site.locations.return_url(environ, redirect_to)}
        if action is None:
            return site.locations.page(environ, "sign_in", **params)
        return site.locations.endpoint(environ, action, **params)

    def sign_out_url(self, redirect_to: str | None = None) -> str:
        """The URL of signing out, for a link (to the page that asks, the application's own if
        ``pages`` has one) and for a form with a ``csrfToken``, which signs out; ``redirect_to``
        comes after. With ``session.read_only`` that of the page: it is done there."""
        site, environ = self.site, self._arrived()
        params = {}
        if redirect_to is not None:
            params["callbackUrl"] = site.locations.return_url(environ, redirect_to)
        if site.config.session.read_only:
            return site.locations.page(environ, "sign_out", **params)
        return site.locations.endpoint(environ, "signout", **params)

    @property
    def client_url(self) -> str:
        """The URL of ``client.js`` with its version, which browsers keep for good."""
        site = self.site
        return site.locations.endpoint(self._arrived(), "client.js", v=site.script.version)

    @property
    def session_script(self) -> str:
        """An HTML element with the session as JSON, in which ``client.js`` finds it: who is signed
        in is then known from the first paint on. Safe to put into a page as it is."""
        from wsgi_auth.pages.script import session_script

        return session_script(self.session)

    def return_url(self, wanted: Any) -> str:
        """Where to go on after an own sign-in: ``wanted`` (a ``callbackUrl``) if it leads to this
        site or a listed origin, else the default page. Always safe to redirect to."""
        return self.site.locations.return_url(self._arrived(), wanted)

    def challenge(self, provider: str | None = None) -> WSGIApp:
        """A WSGI application that answers as for a page that needs a session: to the sign-in page
        for a browser, 401 for a program, 403 for somebody who is signed in.

        With the id of a ``provider`` it sends a browser there, signed in or not, and back to this
        request: the answer to :class:`SignInAgain`. A program gets its 401 all the same.
        """
        site = self.site
        if provider is not None:
            return self._challenge_at(provider)
        if self.session is None:
            decision: Any = site.authorizer.challenge(self._arrived())
        else:
            decision = Forbidden()

        def challenge(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            self.caching = GUARDED
            return site.responders.refuse(environ, decision, start_response)

        return challenge

    def _challenge_at(self, provider: str) -> WSGIApp:
        site, found = self.site, self._configured(provider)
        arrived = self._arrived()
        decision = site.authorizer.challenge(arrived)

        def challenge(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            self.caching = GUARDED
            if not isinstance(decision, Redirect):
                return site.responders.refuse(environ, decision, start_response)
            from wsgi_auth.actions.challenge import sent_to
            from wsgi_auth.actions.exchange import Exchange

            exchange = Exchange(site, arrived, self, self.reading)
            app = sent_to(exchange, found, decision.location)
            return app(environ, start_response)

        return challenge

    def _arrived(self) -> Environ:
        """The request, with this handle in it, by which :class:`Locations` goes: another middleware
        below has put its own there, and in a copy there is none."""
        environ = self.environ
        return environ if environ.get(HANDLE) is self else {**environ, HANDLE: self}

    def _configured(self, provider: str) -> Provider:
        """The provider of this id; a :class:`UsageError` for none."""
        for each in self.site.config.providers:
            if each.id == provider:
                return each
        ids = [each.id for each in self.site.config.providers]
        raise UsageError(f"there is no provider {provider!r}; configured: {ids}")

    def access_token(self, provider: str) -> str | None:
        """A fresh access token of the provider that the visitor signed in with; None if they did
        not sign in there. The provider needs ``tokens = True``. With an adapter: of any provider
        that they have linked.

        One that is about to expire is renewed, once however many requests ask; with an adapter, of
        however many processes. Raises
        :class:`SignInAgain` when the provider gives no more, from then on at every call, and
        :class:`ProviderUnavailable` when it cannot be asked (nothing is lost, try again later);
        :class:`OAuthError` where it rejects this application, or its answer is none.
        """
        from wsgi_auth.access import fresh_token

        return fresh_token(self, provider)

    # --- changes ----------------------------------------------------------------------------

    def sign_in(self, user: Mapping[str, Any], *, remember: bool = True) -> Session:
        """Sign in somebody whose identity the application has checked itself; without ``remember``
        until the browser is closed.

        ``user`` has an ``id`` (and ``name``, ``email``, ``image``, ``login``, ``groups``). The
        ``sign_in`` callback and ``allow_*`` run as ever and may raise :class:`AccessDenied`.
        """
        return self.begin(user, APPLICATION, Proof(remember=remember)).session

    def begin(self, user: Mapping[str, Any], provider: Any, proof: Proof = NO_PROOF) -> Begun:
        """Sign in a user that ``provider`` proved: what the endpoints call."""
        self._may_write()
        site = self.site
        begun = site.lifecycle.begin(
            user, provider, self.environ, site.clock(), proof, self.reading.held
        )
        self._become(begun)
        site.sweep()
        self._forget_tokens()
        self._note_provider(provider, proof.remember)
        return begun

    def update(self, data: Any) -> Session | None:
        """Give ``data`` to the ``jwt`` callback (trigger ``update``); the session as it is then.

        Without a ``jwt`` callback, or with nobody signed in, it raises :class:`UsageError`.
        """
        from wsgi_auth.sessions.lifecycle import Overtaken

        self._may_write()
        site = self.site
        for _ in range(TURNS):
            try:
                begun = site.lifecycle.update(self.reading, data, self.environ, site.clock())
            except Overtaken:  # by another request: what the session is now is to be changed
                self.adopt(site.reader.read(self.environ, site.clock()))
                if self.reading.session is None:
                    return None
                continue
            if begun is None:
                self.sign_out()
                return None
            self._become(begun)
            return begun.session
        raise StoreUnavailable("the session could not be changed: others were faster every time")

    def sign_out(self) -> None:
        """End the session and remove its cookie; nobody signed in is no error."""
        self._may_write()
        self.site.lifecycle.end(self.reading.held, self.environ, self.site.clock())
        self._forget_written()
        self._forget_tokens()
        # at once: this was asked for, whatever others say of the cookie in the same answer
        self.set_cookies(self.site.config.cookies.session.remove(self._names()))
        self.reading = ANONYMOUS
        self.environ[SESSION] = None

    # --- the user's accounts, and other sessions ------------------------------------------------

    def accounts(self) -> list[LinkedAccount]:
        """The accounts by which the user signs in. Needs an adapter; nobody signed in has none."""
        accounts = self.site.require_accounts()
        claims = self.reading.claims
        return [] if claims is None else accounts.of(claims["sub"])

    def sessions(self) -> list[SessionInfo]:
        """The living sessions of the user, newest first; the one with the id ``claims["sid"]`` is
        this. Needs an adapter; nobody signed in has none."""
        register = self.site.require_register()
        claims = self.reading.claims
        return [] if claims is None else register.of(claims["sub"])

    def end_session(self, id: str) -> bool:
        """End one of the user's sessions; False if there is none of this id among theirs."""
        register = self.site.require_register()
        claims = self.reading.claims
        self._must_last()
        if claims is None:
            return False
        if id == claims.get("sid"):
            self.sign_out()
            return True
        return register.end(claims["sub"], id, self._ended)

    def sign_out_everywhere(self, *, but_here: bool = False) -> int:
        """End all sessions of the user, or all but this one; how many there were."""
        register = self.site.require_register()
        claims = self.reading.claims
        self._must_last()
        if claims is None:
            return 0
        if but_here:
            # one that Auth.js began has no id and is on no list: no other is spared in its place
            return register.end_all(claims["sub"], claims.get("sid") or "-", self._ended)
        self._may_write()
        ended = register.end_all(claims["sub"], "", self._ended)
        self.sign_out()
        return ended

    def _must_last(self) -> None:
        """Raise where the request is over: the handlers of events could not be told of it."""
        self.environ.get(HANDLE)

    def _ended(self, claims: Claims) -> None:
        """Another session of the user is over; this one's end is told by :meth:`sign_out`."""
        mine = self.reading.claims
        if mine is None or claims["sid"] != mine.get("sid"):
            self.site.lifecycle.ended(claims, self.environ, "user")

    def while_signed_in(self, events: Iterable[bytes], every: float = 5.0) -> Iterator[bytes]:
        """``events`` (server-sent events, say) for as long as the session lives: looked at between
        two events, in the store or the list of ended sessions every ``every`` seconds. Send a
        comment now and then: an iterable that waits cannot be interrupted."""
        from wsgi_auth.streams import WhileSignedIn

        return WhileSignedIn(self, events, every)

    @property
    def expires_in(self) -> float | None:
        """Seconds until the session ends if nothing renews it; None for nobody."""
        claims = self.reading.claims
        return None if claims is None else max(0.0, claims["exp"] - self.site.clock())

    # --- for the middleware ---------------------------------------------------------------------

    @property
    def reader(self) -> CookieSessionReader:
        """The reader of this middleware's cookies."""
        return self.site.cookies

    @property
    def changes(self) -> bool:
        """Whether a cookie has to go with the response."""
        return self.pending is not None

    def adopt(self, reading: Reading) -> None:
        """This request is ``reading``."""
        self.reading = reading
        self.environ[SESSION] = reading.session
        if reading.then is not KEEP and self.pending is None:
            self.pending = []
            self.is_somebodys()

    def read_again(self) -> Session | None:
        """The session as the cookies prove it now; what is due is renewed with the response. For a
        program without any, what ``Authorization`` has proven."""
        site = self.site
        reading = site.reader.read(self.environ, site.clock())
        if reading.session is None and type(self.reading) is HeaderReading:
            reading = self.reading
        if reading.session is not None:
            self.is_somebodys()
        if reading.session is not None and site.events.wants("session"):
            site.events.fire(
                "session", self.environ, session=reading.session, claims=reading.claims
            )
        return reading.session

    def is_somebodys(self) -> None:
        """The answer is for whom the application has just found in the request, or changes what the
        browser has: no shared cache may have it, though the request was nobody's."""
        if self.caching is NOBODYS or self.caching is UNHEARD:
            self.caching = SOMEBODYS

    def guarded(
        self, app: WSGIApp, route: Route, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """``app`` if this route lets the request pass, else the answer that refuses it. The
        ``environ`` is the one that it got: a mount may have copied ours."""
        site = self.site
        self.caching = GUARDED
        if route.methods is not None:
            from wsgi_auth.conditions import method_in  # few routes have any

            if not method_in(route.methods, environ):
                return app(environ, start_response)
        decision = site.authorizer.decide(environ, self.reading, (route,), site.clock())
        if decision is PASS:
            return app(environ, start_response)
        return site.responders.refuse(environ, decision, start_response)

    # --- the moment the application is done ---------------------------------------------------

    # The environ holds the handle. Two that hold each other would stay in memory, the upload and
    # the database connection of the request with them, until the collector comes round. What the
    # server gave us to send with is a method of what holds the environ, with many servers.

    def part(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """``body``, which the application has just returned: from now on the handle does not hold
        the environ. A list is all there is to come; of what makes its blocks as they are asked for
        the handle keeps a copy of the environ."""
        if type(body) is list:
            self.environ = OVER
            self.send = complete
            self.is_sent = True  # also of our own answers, whose headers do not come by here
        elif self.is_sent:
            self.let_go()
        else:
            self.send = self._parting(self.send)
        return body

    def let_go(self) -> None:
        """Hold a copy of the environ in its place. In the environ itself stays a handle that sends
        nothing: the application has this one, and may send another answer while it makes blocks."""
        environ = self.environ
        self.environ = rest = environ.copy()
        rest[HANDLE] = None
        if environ.get(HANDLE) is not self:
            return
        environ[HANDLE] = left = Auth()
        left.site = self.site
        left.environ = rest
        left.path_info = self.path_info
        left.header = self.header
        left.send = complete
        left.reading = self.reading
        left.pending = self.pending
        left.caching = self.caching
        left.is_sent = self.is_sent

    def _parting(self, send: StartResponse) -> StartResponse:
        """``send`` for an application that calls it with its first block: until then it may change
        the session, and with it the environ itself."""

        def parting(*said: Any) -> Callable[[bytes], object]:
            self.send = send  # once is enough
            self.let_go()
            return send(*said)

        return parting

    # --- the moment the headers leave --------------------------------------------------------

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """The ``start_response`` that the application gets: cookies and cache headers are added.

        Safe to call again with ``exc_info``, as PEP 3333 allows.
        """
        caching = self.caching
        try:
            more = headers + caching
        except TypeError:  # no list (PEP 3333 wants one; not everybody reads it)
            headers = list(headers)
            more = headers + caching
        if caching is NOBODYS:  # then nothing is pending
            headers = more
        elif self.pending is not None:
            headers = self._headers(headers)
        elif caching is UNHEARD:
            headers = headers if self.site.hears(VARY_COOKIE in headers) else more
        else:
            for name, _ in headers:
                # merged, where it has something to look at
                if name not in OTHERS and name.lower() in CACHING:
                    headers = merged(headers, caching[1])
                    break
            else:
                headers = more
        self.is_sent = True
        send = self.send
        if exc_info is None:
            return send(status, headers)
        try:
            return send(status, headers, exc_info)
        finally:
            exc_info = None  # a server that raises it makes a circle through this frame

    def _headers(self, headers: Headers) -> Headers:
        """The application's headers with ours: always a new list, the given one is not ours."""
        written = list(self.pending or ())
        reading = self.reading
        if reading.then is not KEEP:  # said once, and sent again with an answer in place of this
            for name, _ in headers:
                if name not in OTHERS:  # looked at where there is something to look at
                    is_written = self._is_written_below(headers)
                    break
            else:
                is_written = False
            if not is_written and not self.site.config.session.read_only:
                written += self._session_cookies(reading)
            self.pending = written
            self.reading = Reading(
                reading.session, reading.claims, KEEP, reading.names, reading.kept
            )
        caching = NO_STORE if written or self.caching is GUARDED else PRIVATE
        return merged(headers, caching) + [("Set-Cookie", value) for value in written]

    def _is_written_below(self, headers: Headers) -> bool:
        """Whether another middleware below has written this very cookie, or a chunk of it. What it
        did was meant: to prolong here what was ended there would bring it back."""
        for name, value in headers:
            if name.lower() == "set-cookie" and cookies.is_named(
                value, self.site.config.cookies.session.name
            ):
                return True
        return False

    def _session_cookies(self, reading: Reading) -> list[str]:
        site = self.site
        cookie = site.config.cookies.session
        if reading.then is Then.CLEAR:
            return cookie.remove(reading.names)
        if reading.then is Then.RENEW:
            try:
                renewed = site.lifecycle.renew(reading, site.clock())
                if renewed is None:
                    return []
                return self._written(renewed.value, renewed.claims, reading.names)
            except Exception as error:
                # the session is still good; it is prolonged at the next request
                if isinstance(error, StoreUnavailable):
                    site.store_is_down(error)
                else:
                    site.events.logger.exception("the session could not be renewed")
        return []

    def _written(self, value: str, claims: Claims, names: tuple[str, ...]) -> list[str]:
        cookie = self.site.config.cookies.session
        size = len(value)
        if size > 7_000:
            self.site.events.logger.warning(
                "a session cookie of %d bytes: proxies cut headers at 8 kB; keep less in it, or "
                "set an adapter (session.strategy = database), and the cookie is an identifier",
                size,
            )
        # one that is not to be remembered ends with the browser's own session
        lasts = None if claims.get("remember") is False else claims["exp"] - claims["iat"]
        return cookie.replace(value, lasts, names)

    def _become(self, begun: Begun) -> None:
        """From here on this request is that session; its cookie replaces what the browser has."""
        names = self._names()
        self._forget_written()
        self.set_cookies(self._written(begun.value, begun.claims, names))
        self.reading = Reading(begun.session, begun.claims, KEEP, names, begun.kept)
        self.environ[SESSION] = begun.session
        # a CSRF token is bound to the session, so the next one is made anew

    def _forget_written(self) -> None:
        """Take back the session cookies, chunks too, that an earlier change of this very request
        would have sent: of two sessions a browser must not get pieces of both."""
        name = self.site.config.cookies.session.name
        self.pending = [
            each for each in self.pending or () if not each.startswith((f"{name}=", f"{name}."))
        ]
        self.is_somebodys()

    def _forget_tokens(self) -> None:
        """What a browser keeps of tokens belongs to the session that is over."""
        header = self.header
        if self.site.config.cookies.tokens.name in header:
            self.set_cookies(self.site.vault.remove(header))

    def _note_provider(self, provider: Any, remember: bool) -> None:
        """Which way this browser has come in, where the built-in page has several to choose from:
        it will mark this one. What is not to be remembered goes with the browser's session."""
        config = self.site.config
        if not config.show_last_used or config.pages.sign_in is not None:
            return
        if len(config.providers) < 2 or provider is APPLICATION or provider.type == "dev":
            return
        lasts = LAST_PROVIDER_AGE if remember else None
        self.set_cookies(config.cookies.last_provider.set(provider.id, lasts))

    def _names(self) -> tuple[str, ...]:
        return self.site.config.cookies.session.names(self.header)

    def set_cookies(self, values: list[str]) -> None:
        """Send these Set-Cookie values with the response; a later one of a name replaces an
        earlier one. For the endpoints: an application has its framework's own way."""
        self.may_change()
        names = {value.partition("=")[0] for value in values}
        kept = [each for each in self.pending or () if each.partition("=")[0] not in names]
        self.pending = kept + values
        self.is_somebodys()

    def _may_write(self) -> None:
        """Raise where the session cookie cannot be changed any more, or never."""
        if self.site.config.session.read_only:
            raise UsageError(
                "session.read_only is set: this application reads sessions that another one "
                "writes, so it can neither begin, change nor end one"
            )
        self.may_change()

    def may_change(self) -> None:
        """Raise where the headers have left, so that no cookie can be set any more."""
        if self.is_sent:
            raise UsageError(
                "the response's headers have left, so no cookie can be set any more; change the "
                "session before start_response is called"
            )


def get_auth(environ: Environ) -> Auth:
    """The handle of this request. Raises :class:`UsageError`, saying why, if there is none."""
    try:
        handle = environ.get(HANDLE)
    except AttributeError:
        raise UsageError(
            f"get_auth() wants the environ of WSGI, not a {type(environ).__name__}: "
            "get_auth(request.environ), or what your framework calls it"
        ) from None
    if isinstance(handle, Auth):
        if handle.environ is OVER:  # somebody around the middleware still has it
            handle.environ = {**environ, HANDLE: None}
        return handle
    if SESSION in environ:
        raise UsageError(
            "there is no handle: this path is in the option 'ignore', where nothing is read (put "
            "it into 'public' if it is open but has a session), or the session is only being read, "
            "and a callback asks for it: what it needs is in its context"
        )
    raise UsageError(
        "there is no AuthMiddleware above this application: app = AuthMiddleware(app, config)"
    )
