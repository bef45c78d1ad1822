"""``AuthMiddleware`` and ``require``: the shell, the only place that speaks WSGI to both sides.

What lives here: the order of things on a request's way, and the composition of the pieces. What
must not: a decision of any kind. Every line of ``__call__`` is on the path of every request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_auth.actions import Endpoint, endpoints
from wsgi_auth.auth import HANDLE, OVER, SESSION, Auth, complete, get_auth
from wsgi_auth.caching import GUARDED, NO_STORE, SOMEBODYS
from wsgi_auth.config.model import AuthConfig
from wsgi_auth.config.parts import Limits
from wsgi_auth.config.values import ASGI, cannot_take, is_asgi
from wsgi_auth.errors import (
    AuthError,
    CallbackError,
    ConfigError,
    StoreUnavailable,
    UsageError,
)
from wsgi_auth.events import shown
from wsgi_auth.matcher import Plan, RouteMatcher, as_route
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.responders import TEXT, Answer
from wsgi_auth.responders import answer as text_answer
from wsgi_auth.site import Site
from wsgi_auth.types import (
    ANONYMOUS,
    KEEP,
    PASS,
    Claims,
    Decision,
    Environ,
    Failed,
    Forbidden,
    HeaderReading,
    JWTContext,
    Reading,
    Route,
    Session,
    StartResponse,
    Unreadable,
    WSGIApp,
)

if TYPE_CHECKING:
    from wsgi_auth.basic import BasicAuthentication
    from wsgi_auth.bearer import BearerAuthentication
    from wsgi_auth.protocols import Adapter, Attempts, Mailer, Transport
    from wsgi_auth.remote_user import RemoteUser
    from wsgi_auth.sessions.register import Register

_now = time.time
#: Characters of a Cookie header that are searched in no time: what most browsers send, and more.
_LONG = 1_000
#: The first word of a header. What is no word is passed over, in front of it and behind: others who
#: read the header are not strict either, and must not find a scheme where none was seen here.
_WORD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class AuthMiddleware:
    """Sign-in, sessions and route protection around any WSGI application.

    ``config`` is a mapping or an :class:`AuthConfig`; keyword options override it. Raises
    :class:`ConfigError`, which names the option, for anything that is wrong with them.
    """

    def __init__(
        self,
        app: WSGIApp,
        config: AuthConfig | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if not callable(app):
            raise ConfigError("", f"the application must be a WSGI app, not {type(app).__name__}")
        if cannot_take(app, 2) is not None:
            name = getattr(app, "__name__", "the application")
            if is_asgi(app):
                raise ConfigError("", f"{name} {ASGI}")
            raise ConfigError(
                "",
                f"{name} takes no (environ, start_response); if it makes the application, call it",
            )
        if isinstance(config, AuthConfig):
            config = config.override(**options) if options else config
        else:
            if config is not None and not isinstance(config, Mapping):
                raise ConfigError(
                    "",
                    "the configuration must be a mapping or an AuthConfig, not "
                    f"{type(config).__name__}; AuthConfig.from_file('auth.toml') reads a file",
                )
            config = AuthConfig.from_mapping({**(config or {}), **options})
        self.app = app
        self.config = config
        self.site = site = Site(
            config,
            time.time,
            lambda: _attempts(config),
            lambda: _transport(config),
            lambda: _adapter(config),
            _mailer,
        )
        self._read = site.reader.read
        # a reader may say what the Cookie header must hold for it to find anybody
        self._mark: str = getattr(site.reader, "mark", "")
        self._reads_all = not hasattr(site.reader, "mark")
        self.endpoints = endpoints(config)
        pages = config.pages
        pages_of_app = (
            pages.sign_in, pages.sign_out, pages.error, pages.verify_request, pages.new_user
        )  # fmt: skip
        self.matcher = RouteMatcher(
            config.matcher, config.public, config.ignore, config.routes,
            own=self.endpoints,
            pages=[page for page in pages_of_app if page and page[0] == "/"],
        )  # fmt: skip
        self._of_providers = tuple(f"{config.base_path}/{name}/" for name in ("signin", "callback"))
        self._no_callback = config.authorized is None
        self._remote_user = _remote_user(config)
        self._schemes: dict[str, BasicAuthentication | BearerAuthentication] = {}
        # what few configurations have costs the others one look each
        self._is_alone = isinstance(config.adapter, str) and config.adapter.startswith("memory:")
        mount = config.url.mount if config.url is not None else ""
        self._mount = f"{mount}/" if mount else None
        fenced = config.dev or self._remote_user is not None or self._is_alone or self._mount
        self._before = self._fence if fenced else None
        self._after = self._run if config.challenge_401 or self._remote_user is not None else None
        if config.limits != Limits():
            site.attempts  # noqa: B018 - made now, so that a wrong rate stops start-up
        for warning in config.warnings:
            config.logger.warning("%s", warning)
        if config.dev and any(provider.type == "dev" for provider in config.providers):
            config.logger.warning(
                "dev: the chooser opens at %s/signin?dev_key=%s on this application's address",
                config.base_path,
                site.dev_key,
            )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        # asked for with brackets, which a dict answers without a call
        try:
            path = environ["PATH_INFO"]
            plan = self.matcher.memo[path]
        except KeyError:  # not seen lately; an empty one may be left out (PEP 3333)
            path = environ.get("PATH_INFO", "")
            plan = self._plan(path)
        environ["auth.session"] = None
        if self._before is not None:
            refused = self._before(environ)
            if refused is not None:
                return refused(environ, start_response)
        if plan.ignored:
            environ.pop("auth.handle", None)
            app = self.app  # a local name is called faster
            return app(environ, start_response)
        # Filled in here: a constructor with arguments would take as long as all of the above.
        handle = Auth()
        handle.site = site = self.site
        handle.environ = environ
        handle.path_info = path
        handle.send = start_response
        handle.reading = ANONYMOUS
        handle.pending = None
        handle.caching = site.nobodys
        handle.is_sent = False
        failed = None
        if "HTTP_COOKIE" in environ and (header := environ["HTTP_COOKIE"]):
            handle.header = header
            # the reader looks as well, and for a long one twice is too often
            reads = len(header) > _LONG or self._mark in header
        else:
            handle.header = ""
            reads = self._reads_all
        if reads:
            environ["auth.handle"] = None  # a middleware around this one has put its own there
            try:
                read = self._read
                reading = read(environ, _now())
                if reading is not ANONYMOUS:
                    # first what another's reader may have left out: then it is nobody's
                    if reading.then is not KEEP:
                        handle.pending = []
                    environ["auth.session"] = reading.session
                    handle.reading = reading
                    handle.caching = SOMEBODYS
            except Exception as error:
                failed = self._failure(error)
                handle.reading = self._unasked(environ, error)
                handle.caching = SOMEBODYS  # it might have been somebody's
        # not before: a callback that is asked about the session cannot change it in the same breath
        environ["auth.handle"] = handle
        try:
            if not plan.is_open:
                own = plan.own
                if own is not None:
                    handle.caching = GUARDED
                    return handle.part(self._act(own, environ, handle, failed))
                routes = plan.static if not plan.conditional else plan.routes(environ)
                if routes:
                    handle.caching = GUARDED
                    if not (plan.session_is_enough and self._no_callback):
                        decision = failed or self._decide(environ, handle, routes)
                    elif handle.reading.session is not None:  # the usual case: nobody need be asked
                        decision = PASS
                    else:
                        decision = failed or self.site.authorizer.nobody(
                            environ, handle.reading, routes[0]
                        )
                    if decision is not PASS:
                        return handle.part(self._refuse(environ, handle, decision))
            if self._after is not None:
                return handle.part(self._after(environ, handle))
            app = self.app
            body = app(environ, handle.start_response)
        except BaseException:
            handle.let_go()
            raise
        if body.__class__ is list:  # as in handle.part; to call type takes 5 % of all of this
            handle.environ = OVER
            handle.send = complete
            return body
        return handle.part(body)

    @property
    def sessions(self) -> Register:
        """The sessions of all users, to list and to end (``end_all(user_id)`` after a change of
        password, say). Raises :class:`UsageError` where no adapter keeps them."""
        return self.site.require_register()

    def _plan(self, path: str) -> Plan:
        """What is known about a path that has not come lately."""
        plan = self.matcher.plan(path)
        if plan.own is None and isinstance(path, str) and path.startswith(self._of_providers):
            ids = ", ".join(each.id for each in self.config.providers) or "none"
            self.site.events.mention(
                "provider",
                _now(),
                f"a request came for {shown(path)}, which is of no provider; there is: {ids}",
                "warning",
            )
        return plan

    def _decide(self, environ: Environ, handle: Auth, routes: tuple[Route, ...]) -> Any:
        """The decision for this request, by cookie or, where the routes allow it, by what the
        header ``Authorization`` proves."""
        authorizer = self.site.authorizer
        scheme = _scheme(environ, routes) if "HTTP_AUTHORIZATION" in environ else ""
        if not scheme:
            return authorizer.decide(environ, handle.reading, routes, _now())
        if handle.reading.session is not None:
            del environ["HTTP_AUTHORIZATION"]  # nobody has checked it
        elif scheme in authorizer.schemes(routes):
            found = self._proven(scheme, environ)
            if not isinstance(found, Reading):
                return authorizer.refused(environ, handle.reading, found)
            handle.adopt(found)
        decision = authorizer.decide(environ, handle.reading, routes, _now())
        if decision is PASS and handle.reading.scopes is None:
            environ.pop("HTTP_AUTHORIZATION", None)  # it proved nobody
        return decision

    # --- refusing -----------------------------------------------------------------------------

    def _refuse(self, environ: Environ, handle: Auth, decision: Any) -> Iterable[bytes]:
        """The answer to a refused request; the application is never called."""
        try:
            app = self.site.responders.respond(environ, decision)
            # our own answers say themselves that nobody may keep them
            start = (
                handle.start_response if type(app) is not Answer or handle.changes else handle.send
            )
            return app(environ, start)
        except Exception:
            return self.site.responders.broken(environ, handle.start_response)

    def _failure(self, error: Exception) -> Failed:
        """Why the session could not be read, said in the log: 503 for a store, which is mentioned
        once a minute while it is down, and 500 for a callback."""
        if isinstance(error, StoreUnavailable):
            self.site.store_is_down(error)
            return Failed(503, error.code, 5)
        self.config.logger.error("the session could not be read", exc_info=error)
        return Failed()

    def _unasked(self, environ: Environ, error: Exception) -> Reading:
        """Nobody; where a callback failed, with what the browser can still end."""
        if not isinstance(error, CallbackError):
            return ANONYMOUS
        try:
            return self.site.cookies.unasked(environ, _now())
        except Exception:  # what is wrong with it has just been said
            return ANONYMOUS

    # --- our own endpoints --------------------------------------------------------------------

    def _act(
        self, endpoint: Endpoint, environ: Environ, handle: Auth, failed: Failed | None
    ) -> Iterable[bytes]:
        from wsgi_auth.actions.exchange import Exchange

        if endpoint.is_blind:  # no session matters, and no cookie gets into a shared cache
            exchange = Exchange(self.site, environ, handle, ANONYMOUS)
            return endpoint.respond(exchange)(environ, handle.send)
        if failed is not None:
            # at what a callback fails somebody may still leave, or come in anew
            can_leave = isinstance(handle.reading, Unreadable) and endpoint.is_way_in_or_out
            if not can_leave:
                return self._refuse(environ, handle, failed)
        exchange = Exchange(self.site, environ, handle, handle.reading)
        return endpoint.respond(exchange)(environ, handle.start_response)

    # --- what some configurations have ----------------------------------------------------------

    def _fence(self, environ: Environ) -> WSGIApp | None:
        """Nobody's name from outside; under ``dev`` nobody from outside at all. A mount that was
        left on the path is said in the log."""
        if self._remote_user is not None:
            self._remote_user.remove(environ)
        if self._mount is not None and not environ.get("SCRIPT_NAME"):
            path = environ.get("PATH_INFO") or ""
            if path.startswith(self._mount):
                self.site.events.mention(
                    "mount",
                    _now(),
                    f"a request came for {shown(path)}, and url says that the application is "
                    f"mounted at {self._mount[:-1]}: the server has to take that off the path and "
                    "name it as SCRIPT_NAME, or no pattern matches and nobody can sign in",
                )
        if self._is_alone and environ.get("wsgi.multiprocess"):
            self.config.logger.error(
                "adapter = memory: keeps sessions in one process, and this server runs several; "
                "use 'sqlite:///auth.db', or one process"
            )
            return text_answer(500, [TEXT, NO_STORE], b"The configuration is wrong; see the log.\n")
        if not self.config.dev:
            return None
        from wsgi_auth.dev import outsider

        why = outsider(environ, self.config.dev_peers)
        if why is None:
            return None
        self.config.logger.error("dev: refused a request that is not from this machine: %s", why)
        body = b"This application runs in development mode and answers only on this machine.\n"
        return text_answer(403, [TEXT, NO_STORE], body)

    def _run(self, environ: Environ, handle: Auth) -> Iterable[bytes]:
        """The application, told its ``REMOTE_USER``, its own 401 turned into ours."""
        if self._remote_user is not None:
            try:
                named = self._remote_user.set(environ, handle.reading)
            except AuthError as error:
                return self._refuse(environ, handle, self._failure(error))
            if not named:
                self.config.logger.warning(
                    "refused %s: %s",
                    shown(handle.reading.subject),
                    self._remote_user.lacks(handle.reading),
                )
                return self._refuse(environ, handle, Forbidden("NoUserName"))
        if (
            self.config.challenge_401
            and handle.reading.session is None
            and environ.get("PATH_INFO", "") not in self.matcher.pages  # it would lead to itself
        ):
            from wsgi_auth.challenged import Challenged

            return Challenged(self.app, handle).run()
        return self.app(environ, handle.start_response)

    def _proven(self, scheme: str, environ: Environ) -> Reading | Decision:
        """The reading of an ``Authorization`` header of this scheme; once a password proved
        somebody, the header is gone. An access token is for the application to use, too."""
        reader = self._schemes.get(scheme)
        if reader is None:
            if scheme == "basic":
                from wsgi_auth.basic import BasicAuthentication

                reader = BasicAuthentication(self.site)
            else:
                from wsgi_auth.bearer import BearerAuthentication

                reader = BearerAuthentication(self.site)
            # of two threads that come first, both go on with the one that is kept
            reader = self._schemes.setdefault(scheme, reader)
        found = reader.read(environ, _now())
        if scheme == "basic" and isinstance(found, Reading) and found.session is not None:
            environ.pop("HTTP_AUTHORIZATION", None)
        return found


def _scheme(environ: Environ, routes: tuple[Route, ...]) -> str:
    """The scheme of ``Authorization``, in lower case; "" for one that none of the routes knows."""
    word = _WORD.search(str(environ["HTTP_AUTHORIZATION"]))
    scheme = word[0].lower() if word else ""
    return scheme if any(scheme in route.schemes for route in routes) else ""


def _attempts(config: AuthConfig) -> Attempts:
    from wsgi_auth.throttle import Throttle
    from wsgi_auth.tokens import derive

    limits = config.limits
    # an application is known as by its sessions (R014): by the secret and the cookie's name. The
    # oldest secret, which stays while newer ones come before it, so that no rotation that is under
    # way gives a guesser other counters, or old and new processes counters of their own
    key = derive(config.secret[-1], f"wsgi_auth.limits {config.cookies.session.name}")
    return Throttle(
        limits.account,
        limits.address,
        limits.storage,
        config.trusted_proxies,
        key=key,
        logger=config.logger,
    )


def _adapter(config: AuthConfig) -> Adapter:
    """The configuration's own, else the one that its URL names; behind a circuit breaker."""
    from wsgi_auth.adapters import connect
    from wsgi_auth.adapters.breaker import with_breaker

    adapter = config.adapter
    if isinstance(adapter, str):
        adapter = connect(adapter)
    return with_breaker(adapter, time.monotonic, config.logger)


def _transport(config: AuthConfig) -> Transport:
    """The configuration's own, else the network."""
    if config.transport is not None:
        return config.transport
    from wsgi_auth.http import Http

    return Http(allow_loopback=config.dev or (config.url is not None and config.url.is_loopback))


def _remote_user(config: AuthConfig) -> RemoteUser | None:
    if not config.remote_user:
        return None
    from wsgi_auth.remote_user import RemoteUser

    return RemoteUser(config.remote_user, keeps_users=config.adapter is not None)


def _mailer() -> Mailer:
    from wsgi_auth.mail import Post

    return Post()


# --- guarding one application -----------------------------------------------------------------


def require(
    app: WSGIApp,
    authorized: Callable[..., Any] | None = None,
    *,
    methods: Iterable[str] | None = None,
    allow_groups: Iterable[str] | None = None,
    fresh: int | None = None,
    acr: Iterable[str] | None = None,
    user_verified: bool = False,
    answer: Any = None,
) -> WSGIApp:
    """Guard one WSGI application or mount (Auth.js: ``auth(handler)``, ``withAuth``).

    Below an :class:`AuthMiddleware`, ``app`` is called only for requests that ``authorized`` (and
    the other conditions, as on a :class:`Route`) let pass. Without one above it refuses with 500
    and says so. Raises :class:`UsageError` for something that is no WSGI application.
    """
    _wsgi_app(app)
    conditions = {
        "methods": methods,
        "authorized": authorized,
        "allow_groups": allow_groups,
        "fresh": fresh,
        "acr": acr,
        "user_verified": user_verified,
        "answer": answer,
    }
    route = as_route({"source": "/:path*", **conditions}, "require")

    def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        handle = environ.get(HANDLE)
        if not isinstance(handle, Auth):
            return _unguarded(environ, start_response)
        return handle.guarded(app, route, environ, start_response)

    return guarded


def _unguarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    import logging

    message = (
        "require() found no AuthMiddleware above it and refuses every request; wrap the whole "
        "application: app = AuthMiddleware(app, config)"
        + (" and take this path out of 'ignore'" if SESSION in environ else "")
    )
    logging.getLogger("wsgi_auth").error("%s", message)
    failed = text_answer(500, [TEXT, NO_STORE], (message + "\n").encode())
    return failed(environ, start_response)


_RECIPES = """\
require() guards WSGI applications, and {name} is not called with (environ, start_response).
For a view, use the session where it is:
  Flask    before_request: if request.environ["auth.session"] is None: return \
get_auth(request.environ).challenge()
  Pyramid  a security policy whose identity() returns request.environ["auth.session"]
  Django   request.environ["auth.session"], or RemoteUserMiddleware with remote_user
  Bottle   bottle.request.environ["auth.session"]
  Falcon   req.env["auth.session"]
or protect its path: AuthMiddleware(app, routes=["/path/:rest*"])."""


def _wsgi_app(app: Any) -> None:
    name = getattr(app, "__qualname__", type(app).__name__)
    try:
        import inspect  # for a mistake only

        inspect.signature(app).bind({}, print)
    except TypeError:
        raise UsageError(_RECIPES.format(name=name)) from None
    except ValueError:
        pass  # a callable in C tells no signature


# --- reading without the guard ----------------------------------------------------------------


def get_session(
    environ: Environ, config: AuthConfig | Mapping[str, Any] | None = None
) -> Session | None:
    """The session that the cookies of this request prove (Auth.js: ``getServerSession``).

    Verified from the cookies themselves, whatever the environ claims; without one, what the route
    let in by ``Authorization`` (``basic``, ``bearer``). Below the middleware its
    configuration counts, and what is due is renewed with the response; elsewhere ``config`` is
    needed and nothing is written.
    """
    handle = environ.get(HANDLE)
    if isinstance(handle, Auth):
        return get_auth(environ).read_again()
    return _reader(environ, config).read(environ, time.time()).session


def get_token(
    environ: Environ, config: AuthConfig | Mapping[str, Any] | None = None
) -> Claims | None:
    """The claims of this request (Auth.js: ``getToken``), from the session cookie, from what the
    route let in by ``Authorization`` (``basic``, ``bearer``), or from a session cookie's value as
    ``Authorization: Bearer``; or None. Never raises for anything a client sends (R097)."""
    reader = _reader(environ, config)
    now = time.time()
    claims = reader.read(environ, now).claims
    if claims is not None:
        _is_somebodys(environ)
        return claims
    if config is None:
        proven = get_auth(environ).reading
        if type(proven) is HeaderReading:
            return proven.claims
    header = environ.get("HTTP_AUTHORIZATION", "")
    if not isinstance(header, str) or header[:7].lower() != "bearer ":
        return None
    stored = reader.strategy.load(header[7:].strip(" \t"), now)
    if stored is None or now >= stored.ends_at:
        return None
    has_ended = reader.strategy.has_ended
    if has_ended is not None and has_ended(stored.claims, now):
        return None
    if not _is_home(reader, stored.claims, environ):
        return None
    _is_somebodys(environ)
    # asked as for a cookie: it may have ended the session
    return reader.view.claims(stored.claims, JWTContext(environ))


def _is_somebodys(environ: Environ) -> None:
    handle = environ.get(HANDLE)
    if isinstance(handle, Auth):
        handle.is_somebodys()


def _is_home(reader: CookieSessionReader, claims: Claims, environ: Environ) -> bool:
    try:
        return reader.tenants.is_home(claims, environ)
    except AuthError:
        return False


def _reader(environ: Environ, config: AuthConfig | Mapping[str, Any] | None) -> CookieSessionReader:
    if config is None:
        return get_auth(environ).reader
    return CookieSessionReader(config)


__all__ = ["AuthMiddleware", "get_session", "get_token", "require"]
