"""The fake provider itself: what each endpoint does when nothing was told to go wrong."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any, Final
from urllib.parse import urlsplit

from wsgi_auth.errors import UsageError
from wsgi_auth.pages import Pages
from wsgi_auth.pages.views import CHOICE_FIELD, ChoiceView, ProviderView, SignInView, SignOutView
from wsgi_auth.providers.dev import PEOPLE
from wsgi_auth.testing.fake_provider.browser import Landing, drive, land
from wsgi_auth.testing.fake_provider.clients import ASSERTION_ALGS, FakeClient, authenticated
from wsgi_auth.testing.fake_provider.dpop import ALGS as DPOP_ALGS
from wsgi_auth.testing.fake_provider.dpop import proven_key
from wsgi_auth.testing.fake_provider.grants import (
    CODE_LIFE,
    REQUEST_LIFE,
    Grant,
    Memory,
    SignedIn,
)
from wsgi_auth.testing.fake_provider.keys import Keys, b64, half_hash, signed, signed_hs256
from wsgi_auth.testing.fake_provider.misbehaviour import (
    MISBEHAVIOURS,
    Draft,
    Misbehaviour,
    Scene,
    Stage,
)
from wsgi_auth.testing.fake_provider.transport import FakeTransport, serve
from wsgi_auth.testing.fake_provider.web import (
    Answered,
    Asked,
    Pairs,
    Refusal,
    as_json,
    as_text,
    form_post,
    from_environ,
    once,
    redirect,
    with_query,
)
from wsgi_auth.tokens import random_id
from wsgi_auth.types import Environ, StartResponse

#: The claims that a scope stands for (OpenID Connect Core 5.4).
SCOPE_CLAIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "profile": ("name", "preferred_username", "picture", "given_name", "family_name", "locale"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_COOKIE: Final = "fake_provider"
_REFUSE: Final = "\N{MULTIPLICATION SIGN}"


def people_of(users: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Users as the rest of the package knows them, as claims of OpenID Connect."""
    return tuple(
        {
            "sub": str(user["id"]),
            "name": user.get("name"),
            "preferred_username": user.get("login"),
            "email": user.get("email"),
            "email_verified": True,
            "groups": list(user.get("groups", ())),
        }
        for user in users
    )


class FakeProvider:
    """An OpenID Provider in this process, for tests and demonstrations: a WSGI application.

    ``people``: who may be chosen, each a mapping of claims with a ``sub`` (none given: ``alice``,
    who is an admin, ``bob``, a member, and ``carol``, a guest). ``clients``: the applications it
    knows (none given: ``FakeClient()``, which may return to anywhere). ``id``: what the
    application calls this provider. ``claims_in_id_token``: whether the claims of the scopes stand
    in the ID token, or only at userinfo. ``token_life``: seconds that an access token is good for.

    It does what a good provider does, and whatever :meth:`misbehave` was told. Two of them share
    nothing.
    """

    def __init__(
        self,
        issuer: str = "https://op.example.test",
        people: Sequence[Mapping[str, Any]] = (),
        clients: Iterable[FakeClient] = (),
        *,
        id: str = "fake",
        algs: tuple[str, ...] = ("RS256", "ES256"),
        claims_in_id_token: bool = True,
        token_life: int = 3600,
    ) -> None:
        self.issuer = issuer
        self.id = id
        self.people = {str(person["sub"]): person for person in people or people_of(PEOPLE)}
        self.clients = {client.client_id: client for client in clients or (FakeClient(),)}
        self.claims_in_id_token = claims_in_id_token
        self.token_life = token_life
        self.keys = Keys(issuer, algs)
        #: Every request to an endpoint that an application calls itself, oldest first.
        self.requests: list[Asked] = []
        self._wrong: dict[str, Misbehaviour] = {}
        self._memory = Memory()
        self._lock = RLock()
        self._pages = Pages(app_name="Fake identity provider")

    # --- how the application under test is set up, and reaches it ---------------------------

    def options(self, client_id: str | None = None, **more: Any) -> dict[str, Any]:
        """The entry of ``providers`` in the configuration of the application under test."""
        client = self.clients[client_id] if client_id else next(iter(self.clients.values()))
        entry: dict[str, Any] = {
            "id": self.id,
            "type": "oidc",
            "name": "Fake identity provider",
            "issuer": self.issuer,
            "client_id": client.client_id,
        }
        if client.auth in ("client_secret_basic", "client_secret_post"):
            entry["client_secret"] = client.client_secret
        if client.auth != "client_secret_basic":
            entry["client_auth"] = client.auth
        if client.id_token_alg != "RS256":
            entry["id_token_signed_response_alg"] = client.id_token_alg
        if client.dpop:
            entry["dpop"] = True
        return {**entry, **more}

    @property
    def transport(self) -> FakeTransport:
        """What the application under test sends through, in place of the network."""
        return FakeTransport(self)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = self.answer(from_environ(environ, urlsplit(self.issuer).path.rstrip("/")))
        if answer.delay:
            time.sleep(answer.delay)
        length = ("Content-Length", str(len(answer.body)))
        start_response(answer.line, [*answer.headers, length])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port of 127.0.0.1 while the block runs. Gives the address, which is the
        issuer meanwhile: for browsers and other processes."""
        before = self.issuer
        with serve(self) as url:
            self.issuer = url
            try:
                yield url
            finally:
                self.issuer = before

    # --- the visitor's side -----------------------------------------------------------------

    def sign_in(
        self,
        test_app: Any,
        person: str = "alice",
        *,
        start: str = "/auth/signin",
        expect_errors: bool = False,
    ) -> Any:
        """Sign ``person`` in in a ``webtest.TestApp`` as a visitor would: from the page ``start``
        through the button of this provider, the choice here, and back. Gives the answer that the
        visitor sees in the end. A failure raises, and so does a page without that button;
        unless ``expect_errors``."""
        return drive(self, test_app, self._known(person), start, expect_errors)

    def approve(self, url: str, person: str = "alice") -> Landing:
        """What a visitor's browser does at the authorization URL ``url``: it chooses ``person``
        and is sent back. Gives the request that leads it to the application."""
        return land(self, url, self._known(person))

    def _known(self, person: str) -> str:
        if person not in self.people:
            raise UsageError(f"{self.id!r} knows nobody {person!r}, but {', '.join(self.people)}")
        return person

    def refuse(self, url: str) -> Landing:
        """The same of a visitor who says no."""
        return land(self, url, _REFUSE)

    # --- going wrong ------------------------------------------------------------------------

    def misbehave(self, *names: str) -> AbstractContextManager[FakeProvider]:
        """From now on do what these names of :data:`MISBEHAVIOURS` say; until :meth:`behave`, or
        until the end of the block if this is used in a ``with``."""
        rows = []
        for name in names:
            if name not in MISBEHAVIOURS:
                from difflib import get_close_matches  # for a mistake only

                near = get_close_matches(name, list(MISBEHAVIOURS), 1)
                meant = f"did you mean {near[0]!r}? All" if near else "all there"
                raise ValueError(
                    f"there is no misbehaviour {name!r}; {meant} are in "
                    "wsgi_auth.testing.MISBEHAVIOURS"
                )
            rows.append(MISBEHAVIOURS[name])
        before = dict(self._wrong)
        self._wrong.update((row.name, row) for row in rows)
        return _Wrong(self, before)

    def behave(self) -> None:
        """From now on do everything right."""
        self._wrong.clear()

    def tamper(
        self, stage: Stage, function: Callable[[Any, Scene], Any]
    ) -> AbstractContextManager[FakeProvider]:
        """A misbehaviour of your own: ``function(value, scene)`` gives what is sent instead."""
        before = dict(self._wrong)
        row = Misbehaviour(f"tamper {stage} {len(before)}", stage, "is tampered with", function)
        self._wrong[row.name] = row
        return _Wrong(self, before)

    def rotate_keys(self, *, keep_old: bool = True) -> None:
        """Sign with new keys from now on; the old ones stay published unless told otherwise."""
        with self._lock:
            self.keys.rotate(keep_old=keep_old)

    def logout_token(
        self, sub: str | None = None, sid: str | None = None, client_id: str | None = None,
        **claims: Any,
    ) -> str:  # fmt: skip
        """A logout token to post to the application's back-channel endpoint (OpenID Connect
        Back-Channel Logout 2.4). Without ``sid`` it is that of the person's last session here."""
        client = self.clients[client_id] if client_id else next(iter(self.clients.values()))
        if sub is not None and sid is None:
            sids = [each.sid for each in self._memory.sessions.values() if each.sub == sub]
            sid = sids[-1] if sids else None
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": random_id(),
            "events": {_LOGOUT_EVENT: {}},
            "sub": sub,
            "sid": sid,
        }
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        said = self._apply("logout_claims", said, client)
        return self._sign(said, client, "logout_token", "logout+jwt")

    def access_token(
        self,
        sub: str,
        audience: str,
        scope: str = "",
        client_id: str | None = None,
        *,
        opaque: bool = False,
        **claims: Any,
    ) -> str:
        """An access token to send as ``Authorization: Bearer`` to an API of this ``audience`` (RFC
        9068), for one of the people or for a machine, whose ``sub`` is anything else. ``opaque``: a
        random text in place of a JWT, which says nothing to whoever does not ask (RFC 7662)."""
        client = self.clients[client_id] if client_id else next(iter(self.clients.values()))
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": audience,
            "sub": sub,
            "client_id": client.client_id,
            "iat": now,
            "exp": now + self.token_life,
            "jti": random_id(),
            "scope": scope or None,
        }
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        token = random_id() if opaque else self._sign(said, client, "access_token", "at+jwt")
        with self._lock:
            self._memory.told[token] = said
        return token

    def revoke(self, token: str) -> None:
        """Withdraw an access token: whoever asks about it hears that it is not active."""
        with self._lock:
            self._memory.told[token] = None

    # --- requests ---------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answered:
        """The answer to one request."""
        routes: dict[str, tuple[str, str, Callable[[Asked], Answered]]] = {
            "/.well-known/openid-configuration": ("GET", "discovery", self._discovery),
            "/jwks": ("GET", "jwks", self._jwks),
            "/authorize": ("GET POST", "", self._authorize),
            "/choose": ("POST", "", self._choose),
            "/token": ("POST", "token", self._token),
            "/userinfo": ("GET POST", "userinfo", self._userinfo),
            "/par": ("POST", "par", self._push),
            "/revoke": ("POST", "revoke", self._revoke),
            "/introspect": ("POST", "introspect", self._introspect),
            "/logout": ("GET POST", "", self._logout),
        }
        methods, endpoint, endpoint_of = routes.get(asked.path, ("", "", None))
        if endpoint_of is None:
            return as_text(f"the fake provider has no {asked.path}", 404)
        if asked.method.replace("HEAD", "GET") not in methods.split():
            return as_text(f"{asked.path} takes {methods}", 405)
        with self._lock:
            if endpoint:
                self.requests.append(asked)
            try:
                answer = endpoint_of(asked)
            except Refusal as refusal:
                answer = refusal.answer()
            return self._apply(f"http.{endpoint}", answer) if endpoint else answer

    def _apply(self, stage: str, value: Any, client: FakeClient | None = None) -> Any:
        scene = Scene(self.issuer, self.keys, client or next(iter(self.clients.values())))
        for row in tuple(self._wrong.values()):
            if row.stage == stage:
                value = row.tamper(value, scene)
        return value

    def _url(self, path: str) -> str:
        return self.issuer.rstrip("/") + path

    def _discovery(self, asked: Asked) -> Answered:
        ways = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
        return as_json(self._apply("discovery", {
            "issuer": self.issuer,
            "authorization_endpoint": self._url("/authorize"),
            "token_endpoint": self._url("/token"),
            "userinfo_endpoint": self._url("/userinfo"),
            "jwks_uri": self._url("/jwks"),
            "pushed_authorization_request_endpoint": self._url("/par"),
            "revocation_endpoint": self._url("/revoke"),
            "introspection_endpoint": self._url("/introspect"),
            "end_session_endpoint": self._url("/logout"),
            "scopes_supported": ["openid", *SCOPE_CLAIMS, "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [*self.keys.algs, "HS256"],
            "token_endpoint_auth_methods_supported": ways,
            "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGS,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "frontchannel_logout_supported": True,
            "frontchannel_logout_session_supported": True,
            "dpop_signing_alg_values_supported": DPOP_ALGS,
        }))  # fmt: skip

    def _jwks(self, asked: Asked) -> Answered:
        return as_json(self._apply("jwks", self.keys.document()))

    # --- the authorization endpoint ---------------------------------------------------------

    def _authorize(self, asked: Asked) -> Answered:
        try:
            params = once(asked.fields)
            client = self.clients.get(params.get("client_id", ""))
            if client is None:
                return as_text(f"there is no client {params.get('client_id')!r}", 400)
            if "request_uri" in params:
                params = self._pushed(client, params["request_uri"])
            elif client.par:
                raise Refusal("invalid_request", "this client has to push its request (RFC 9126)")
            uri = _checked_redirect_uri(client, params)
        except Refusal as refusal:  # the browser is sent nowhere while that is in doubt
            return as_text(f"{refusal.error}: {refusal.description}", 400)
        try:
            _check_authorization_request(params)
            session = self._session_of(asked)
            if params.get("prompt") == "none":
                self._check_silent(params, session)
                assert session  # noqa: S101 - _check_silent saw to it
                return self._grant(client, params, session)
        except Refusal as refusal:
            return self._send_back(uri, params, [("error", refusal.error)])
        handle = random_id()
        self._memory.requests[handle] = (client, params, time.time() + REQUEST_LIFE)
        return self._chooser(handle, params, session)

    def _pushed(self, client: FakeClient, request_uri: str) -> dict[str, str]:
        owner, params, until = self._memory.pushed.pop(request_uri, ("", {}, 0.0))
        if owner != client.client_id or until < time.time():
            raise Refusal("invalid_request_uri", "no such pushed request, or it was used")
        return params

    def _session_of(self, asked: Asked) -> SignedIn | None:
        return self._memory.sessions.get(asked.cookies.get(_COOKIE, ""))

    def _check_silent(self, params: Mapping[str, str], session: SignedIn | None) -> None:
        if session is None:
            raise Refusal("login_required", "nobody is signed in here")
        age = time.time() - session.auth_time
        if params.get("max_age", "").isdigit() and age > int(params["max_age"]):
            raise Refusal("login_required", "the sign-in here is too old")
        hint = params.get("id_token_hint")
        if hint and (self.keys.verify(hint) or {}).get("sub") != session.sub:
            raise Refusal("login_required", "somebody else is signed in here")

    def _chooser(
        self, handle: str, params: Mapping[str, str], session: SignedIn | None
    ) -> Answered:
        hint = params.get("login_hint", "")
        first = {hint, session.sub if session and not hint else hint}
        people = sorted(
            self.people.values(),
            key=lambda person: not first & {str(person["sub"]), str(person.get("email"))},
        )
        choices = [
            ChoiceView(str(each["sub"]), str(each.get("name") or each["sub"]),
                       str(each.get("email") or ""))
            for each in people
        ]  # fmt: skip
        choices.append(ChoiceView(_REFUSE, "Refuse", "The application gets access_denied"))
        action = urlsplit(self._url("/choose")).path
        way = ProviderView(self.id, "Fake identity provider", "dev", action, (), tuple(choices))
        # a form may lead to the application in the end, which Chromium wants to have named
        target = urlsplit(params["redirect_uri"])
        page = self._pages.sign_in(
            SignInView(
                (way,), csrf_token=handle, form_action=(f"{target.scheme}://{target.netloc}",)
            )
        )
        return Answered(200, page.headers, page.body)

    def _choose(self, asked: Asked) -> Answered:
        form = once(asked.form)
        handle = form.get("csrfToken", "")
        client, params, until = self._memory.requests.pop(handle, (None, {}, 0.0))
        if client is None or until < time.time():
            return as_text("this page is too old, or was used before: start again", 400)
        person = form.get(CHOICE_FIELD, "")
        if person not in self.people:
            return self._send_back(params["redirect_uri"], params, [("error", "access_denied")])
        session = SignedIn(person, random_id(), int(time.time()))
        cookie = random_id()
        self._memory.sessions[cookie] = session
        secure = "; Secure" if self.issuer.startswith("https:") else ""
        where = urlsplit(self._url("/")).path
        set_cookie = f"{_COOKIE}={cookie}; Path={where}; HttpOnly; SameSite=Lax{secure}"
        answer = self._grant(client, params, session)
        return replace(answer, headers=[*answer.headers, ("Set-Cookie", set_cookie)])

    def _grant(self, client: FakeClient, params: dict[str, str], session: SignedIn) -> Answered:
        code = random_id()
        grant = Grant(client, self.people[session.sub], session, params)
        self._memory.codes[code] = (grant, time.time() + CODE_LIFE)
        return self._send_back(params["redirect_uri"], params, [("code", code)])

    def _send_back(self, uri: str, params: Mapping[str, str], said: Pairs) -> Answered:
        if "state" in params:
            said = [*said, ("state", params["state"])]
        said = self._apply("response", [*said, ("iss", self.issuer)])
        if params.get("response_mode") == "form_post":
            return form_post(uri, said)
        return redirect(with_query(uri, said))

    def _push(self, asked: Asked) -> Answered:
        form = once(asked.form)
        client = self._client(asked, form)
        if "request_uri" in form:
            raise Refusal("invalid_request", "a pushed request names no request_uri")
        _checked_redirect_uri(client, form)
        _check_authorization_request(form)
        uri = f"urn:ietf:params:oauth:request_uri:{random_id()}"
        self._memory.pushed[uri] = (client.client_id, form, time.time() + CODE_LIFE)
        said = self._apply("par", {"request_uri": uri, "expires_in": CODE_LIFE}, client)
        return as_json(said, 201)

    # --- tokens -----------------------------------------------------------------------------

    def _client(self, asked: Asked, form: Mapping[str, str]) -> FakeClient:
        audiences = {self.issuer, self._url("/token"), self._url(asked.path)}
        return authenticated(asked, form, self.clients, audiences, self._memory.seen)

    def _token(self, asked: Asked) -> Answered:
        form = once(asked.form)
        client = self._client(asked, form)
        nonce = self._memory.dpop_nonce if client.dpop_nonce else None
        key = proven_key(asked, self._url("/token"), self._memory.seen, nonce=nonce)
        if client.dpop and key is None:
            raise Refusal("invalid_dpop_proof", "this client has to send a DPoP proof")
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._memory.take_code(form.get("code", ""))
                _check_exchange(grant, client, form)
                grant.dpop_key = key
                return self._tokens(grant, "token")
            case "refresh_token":
                grant = self._memory.take_refresh_token(form.get("refresh_token", ""))
                if grant.client.client_id != client.client_id or grant.dpop_key != key:
                    raise Refusal("invalid_grant", "the refresh token is another client's")
                return self._tokens(grant, "refresh")
        raise Refusal("unsupported_grant_type", "a code or a refresh token, please")

    def _tokens(self, grant: Grant, stage: str) -> Answered:
        access, refresh = self._memory.issue(grant, self.token_life)
        said: dict[str, Any] = {
            "access_token": access,
            "token_type": "DPoP" if grant.dpop_key else "Bearer",
            "expires_in": self.token_life,
            "scope": " ".join(grant.scopes),
        }
        if refresh:
            said["refresh_token"] = refresh
        if "openid" in grant.scopes:
            said["id_token"] = self._id_token(grant, access, stage)
        said = self._apply("token", said, grant.client)
        if stage == "refresh":
            said = self._apply("refresh", said, grant.client)
        return as_json(said)

    def _id_token(self, grant: Grant, access_token: str, stage: str) -> str:
        client, now = grant.client, int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": str(grant.person["sub"]),
            "aud": client.client_id,
            "iat": now,
            "exp": now + 300,
            "auth_time": grant.session.auth_time,
            "sid": grant.session.sid,
            "at_hash": half_hash(access_token, client.id_token_alg),
        }
        if stage == "token" and "nonce" in grant.asked:
            claims["nonce"] = grant.asked["nonce"]
        if "acr_values" in grant.asked:
            claims["acr"] = grant.asked["acr_values"].split()[0]
        if self.claims_in_id_token:
            claims |= _claims_of(grant)
        claims = self._apply("claims", claims, client)
        if stage == "refresh":
            claims = self._apply("refresh_claims", claims, client)
        return self._sign(claims, client, "id_token", "JWT")

    def _sign(self, claims: Mapping[str, Any], client: FakeClient, stage: str, typ: str) -> str:
        alg = client.id_token_alg
        header = {"alg": alg, "typ": typ}
        if alg != "HS256":
            header = self.keys.header(alg, typ)
        draft = Draft(header, claims)
        rows = [row for row in self._wrong.values() if row.stage == stage]
        if rows:
            token: str = rows[-1].tamper(draft, Scene(self.issuer, self.keys, client))
            return token
        if alg == "HS256":
            return signed_hs256(header, claims, client.client_secret.encode())
        return signed(self.keys.current(alg), header, claims)

    def _userinfo(self, asked: Asked) -> Answered:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if not scheme:  # RFC 6750 2.2
            scheme, token = "Bearer", dict(asked.form).get("access_token", "")
        grant = self._memory.holder(token)
        wanted = "dpop" if grant and grant.dpop_key else "bearer"
        refused = [("WWW-Authenticate", 'Bearer error="invalid_token"')]
        if grant is None or scheme.lower() != wanted:
            raise Refusal("invalid_token", "no access token that is valid here", 401, refused)
        nonce = self._memory.dpop_nonce if grant.client.dpop_nonce else None
        key = proven_key(
            asked, self._url("/userinfo"), self._memory.seen, access_token=token, nonce=nonce
        )
        if key != grant.dpop_key:
            raise Refusal("invalid_token", "the token is bound to another key", 401, refused)
        said = {"sub": str(grant.person["sub"]), **_claims_of(grant)}
        return as_json(self._apply("userinfo", said, grant.client))

    def _revoke(self, asked: Asked) -> Answered:
        form = once(asked.form)
        client = self._client(asked, form)
        token = form.get("token", "")
        grant = self._memory.refresh_tokens.get(token) or self._memory.holder(token)
        if grant and grant.client.client_id == client.client_id:
            grant.ended = True
        return Answered(200, [])  # unknown tokens too (RFC 7009 2.2)

    def _introspect(self, asked: Asked) -> Answered:
        form = once(asked.form)
        client = self._client(asked, form)
        said = self._memory.told.get(form.get("token", ""))
        is_active = said is not None and said.get("exp", math.inf) > time.time()
        answer = {"active": True, "token_type": "Bearer", **said} if said and is_active else {}
        return as_json(self._apply("introspection", answer or {"active": False}, client))

    # --- leaving ----------------------------------------------------------------------------

    def _logout(self, asked: Asked) -> Answered:
        try:
            params = once(asked.fields)
        except Refusal as refusal:
            return as_text(refusal.description, 400)
        hint = self.keys.verify(params.get("id_token_hint", "")) or {}
        client_id = params.get("client_id") or hint.get("aud")
        uri = params.get("post_logout_redirect_uri")
        if hint and hint.get("aud") != client_id:
            return as_text("id_token_hint is another client's", 400)
        client = self.clients.get(str(client_id))
        if uri and (client is None or not _allowed(client.post_logout_redirect_uris, uri)):
            return as_text(f"post_logout_redirect_uri {uri!r} is not registered", 400)
        session = self._session_of(asked)
        if session and hint.get("sub") != session.sub and params.get("csrfToken") != session.sid:
            return self._ask_before_logout(session, params)
        self._memory.sessions.pop(asked.cookies.get(_COOKIE, ""), None)
        if not uri:
            return as_text("You are signed out of the fake provider.")
        state: Pairs = [("state", params["state"])] if "state" in params else []
        return redirect(with_query(uri, self._apply("logout_response", state, client)))

    def _ask_before_logout(self, session: SignedIn, params: Mapping[str, str]) -> Answered:
        # who has no id_token_hint of this visitor might be anybody (RP-Initiated Logout 2)
        keep: Pairs = [(name, value) for name, value in params.items() if name != "csrfToken"]
        action = with_query(urlsplit(self._url("/logout")).path, keep)
        name = str(self.people[session.sub].get("name") or session.sub)
        page = self._pages.sign_out(SignOutView(action, session.sid, user_name=name))
        return Answered(200, page.headers, page.body)


class _Wrong(AbstractContextManager[FakeProvider]):
    """Undoes, at the end of a ``with`` block, what went wrong at its beginning."""

    def __init__(self, provider: FakeProvider, before: dict[str, Misbehaviour]) -> None:
        self._provider = provider
        self._before = before

    def __enter__(self) -> FakeProvider:
        return self._provider

    def __exit__(self, *_: object) -> None:
        self._provider.behave()
        self._provider._wrong.update(self._before)


def _allowed(registered: tuple[str, ...] | None, uri: str) -> bool:
    return registered is None or uri in registered


def _checked_redirect_uri(client: FakeClient, params: Mapping[str, str]) -> str:
    uri = params.get("redirect_uri", "")
    parts = urlsplit(uri)
    if not _allowed(client.redirect_uris, uri) or not (parts.scheme and parts.netloc):
        raise Refusal("invalid_request", f"redirect_uri {uri!r} is not registered")
    return uri


def _check_authorization_request(params: Mapping[str, str]) -> None:
    if params.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "only code")
    if params.get("response_mode", "query") not in ("query", "form_post"):
        raise Refusal("invalid_request", "response_mode is query or form_post")
    if params.get("code_challenge_method") != "S256" or len(params.get("code_challenge", "")) != 43:
        raise Refusal("invalid_request", "PKCE with S256 is demanded")
    if not params.get("scope"):
        raise Refusal("invalid_scope", "scope is missing")


def _check_exchange(grant: Grant, client: FakeClient, form: Mapping[str, str]) -> None:
    if grant.client.client_id != client.client_id:
        raise Refusal("invalid_grant", "the code is another client's")
    if form.get("redirect_uri") != grant.asked["redirect_uri"]:
        raise Refusal("invalid_grant", "redirect_uri differs from the one asked with")
    verifier = form.get("code_verifier", "")
    if not 43 <= len(verifier) <= 128:
        raise Refusal("invalid_grant", "code_verifier has 43 to 128 characters")
    if b64(hashlib.sha256(verifier.encode()).digest()) != grant.asked["code_challenge"]:
        raise Refusal("invalid_grant", "code_verifier does not fit the code_challenge")


def _claims_of(grant: Grant) -> dict[str, Any]:
    names = {"sub"} | {name for scope in grant.scopes for name in SCOPE_CLAIMS.get(scope, ())}
    known = {name for claims in SCOPE_CLAIMS.values() for name in claims}
    # a claim that no scope stands for comes with every one: the person's own
    return {
        name: value
        for name, value in grant.person.items()
        if name != "sub" and value is not None and (name in names or name not in known)
    }
