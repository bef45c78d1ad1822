"""Our side of the protocol with one provider: the steps in their order.

What lives here: what is sent when, and what is kept of a provider between sign-ins (its metadata,
its keys). What must not: a check (each step has its own), a cookie, a session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wsgi_auth.errors import OAuthError
from wsgi_auth.oauth import authorization, checks, dpop, introspection, token, userinfo
from wsgi_auth.oauth.callback import ValidatedCallback, validate_callback
from wsgi_auth.oauth.checks import Flow
from wsgi_auth.oauth.discovery import MetadataSource
from wsgi_auth.oauth.endpoints import configured
from wsgi_auth.oauth.id_token import (
    Expected,
    Identity,
    KeyFor,
    LogoutNotice,
    accept_access_token,
    algorithms_of,
    unverified_claims,
    verify_access_token,
    verify_id_token,
    verify_logout_token,
    verify_signed,
)
from wsgi_auth.oauth.keys import KeySource
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.oauth.profile import document, user_from
from wsgi_auth.oauth.silence import Silence
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.protocols import Transport
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.providers.per_request import party_of
from wsgi_auth.types import Account, Claims, FrozenDict, Incoming, Outgoing, Proof, freeze


@dataclass(frozen=True, repr=False)
class SignedIn:
    """Whom a provider's answer proves: the ``user``, the ``proof`` for the callbacks, the
    ``tokens``."""

    user: Mapping[str, Any]
    proof: Proof
    tokens: Tokens


@dataclass(frozen=True, repr=False)
class Holder:
    """Whom an access token stands for: the ``user`` and the ``proof`` for the callbacks, the
    ``scopes`` that it was issued for, and when it ends (``expires``, seconds since the epoch)."""

    user: Mapping[str, Any]
    proof: Proof
    scopes: frozenset[str]
    expires: int


class Client:
    """Signs in at one provider. For many threads; two clients share nothing."""

    def __init__(
        self, provider: OAuth | OIDC, transport: Transport, *, allow_loopback: bool = False
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._source = (
            MetadataSource(provider, transport, allow_loopback=allow_loopback)
            if isinstance(provider, OIDC)
            else None
        )
        self._fixed = configured(provider) if isinstance(provider, OAuth) else None
        self._keys: dict[str, KeySource] = {}
        self._silence = Silence(transport)

    def metadata(self, now: float) -> Metadata:
        """Where the provider's endpoints are."""
        if self._source is not None:
            return self._source.get(now)
        assert self._fixed is not None  # noqa: S101 - one of the two is there
        return self._fixed

    def begin(
        self,
        redirect_uri: str,
        callback_url: str,
        now: float,
        asked: Iterable[tuple[str, str]] = (),
    ) -> tuple[str, Flow]:
        """The URL to send the browser to, and the flow that its answer belongs to.

        ``asked`` are the parameters of the request that begins the sign-in; those that it may set
        (:data:`~wsgi_auth.providers.oauth.REQUEST_PARAMS`) are passed on."""
        provider, metadata = self._provider, self.metadata(now)
        wanted = authorization.asked(provider, asked)
        age = wanted.get("max_age")
        flow = checks.begin(
            provider, redirect_uri, callback_url, now, max_age=int(age) if age else None,
            acr=wanted.get("acr_values", ""),
        )  # fmt: skip
        params = authorization.parameters(provider, flow, wanted)
        if not authorization.wants_push(metadata):
            return authorization.authorization_url(metadata, params), flow
        answer = self._with_nonce(
            lambda nonce: authorization.pushed_request(
                provider, metadata, params, now, flow=flow, dpop_nonce=nonce
            )
        )
        return authorization.pushed_url(provider, metadata, answer), flow

    def finish(
        self, answer: Iterable[tuple[str, str]], flow: Flow, now: float, *, posted: bool = False
    ) -> SignedIn:
        """Whom the provider's answer to ``flow`` proves; raises what the steps do."""
        provider, metadata = self._provider, self.metadata(now)
        callback = validate_callback(answer, flow, metadata, provider, posted=posted)
        response = self._with_nonce(
            lambda nonce: token.code_request(callback, provider, metadata, now, dpop_nonce=nonce)
        )
        tokens = token.read_tokens(response, provider, now, dpop_key=flow.dpop_key)
        identity = None
        if isinstance(provider, OIDC):
            identity = self._identity(provider, metadata, tokens, callback, now)
        profile = self._profile(metadata, tokens, identity, callback, now)
        user = self._user(profile)
        account = Account(
            provider.id, provider.type, str(user.get("id", "")), freeze(tokens.to_json())
        )
        if identity is not None:
            tokens = replace(tokens, subject=identity.subject)
        proof = Proof(
            account,
            freeze(profile),
            provider_sid=_sid(identity),
            proved_at=identity.proved_at or None if identity is not None else None,
            acr="" if identity is None else identity.acr,
        )
        return SignedIn(user, proof, tokens)

    def _user(self, profile: Mapping[str, Any]) -> Mapping[str, Any]:
        provider = self._provider
        user = user_from(provider, profile)
        if provider.tenant:  # what one tenant's party calls somebody, another's may call anybody
            user = {**user, "id": f"{party_of(provider)}:{user.get('id', '')}"}
        return user

    def verified(self, token: str, now: float) -> Identity:
        """Whom an access token of this provider stands for that was issued for its ``audience``;
        raises :class:`OAuthError` for one that is not right. Asks the provider for nothing but its
        metadata and keys, as seldom as ever."""
        provider, metadata = self._provider, self.metadata(now)
        assert isinstance(provider, OIDC)  # noqa: S101 - no other has such tokens
        # what everybody who has the secret could sign is no word of the provider's
        asymmetric = tuple(
            name for name in _algorithms(provider, metadata) if not name.startswith("HS")
        )
        expected = Expected(provider.issuer_of, provider.client_id, asymmetric, nonce=None)
        key_for = self._key_for(metadata, now)
        return verify_access_token(token, key_for, expected, provider.audience, now)

    def introspected(self, token: str, now: float) -> Identity:
        """The same, by what the provider says of the token, which is asked each time."""
        provider, metadata = self._provider, self.metadata(now)
        assert isinstance(provider, OIDC)  # noqa: S101 - no other has such tokens
        request = introspection.introspection_request(token, provider, metadata, now)
        answer = introspection.read_introspection(self._silence.send(request, now))
        expected = Expected(provider.issuer_of, provider.client_id, (), nonce=None)
        return accept_access_token(answer, expected, provider.audience, now)

    def holder(self, token: str, identity: Identity, proven_at: float) -> Holder:
        """The user and the rights of whom an access token stands for; it was looked at
        ``proven_at`` (seconds since the epoch). Raises what :func:`user_from` does."""
        provider, claims = self._provider, identity.claims
        profile = document(claims)
        user = self._user(profile)
        account = Account(
            provider.id, provider.type, str(user.get("id", "")), freeze({"access_token": token})
        )
        proof = Proof(account, FrozenDict(profile), proved_at=identity.proved_at, acr=identity.acr)
        expires = int(claims.get("exp", proven_at + introspection.LIFETIME))
        return Holder(user, proof, _scopes(claims), expires)

    def logout_notice(self, token: str, now: float) -> LogoutNotice:
        """What a logout token of this provider says; raises :class:`OAuthError` for one that is not
        right. Asks the provider for nothing but its metadata and keys, as seldom as ever."""
        provider, metadata = self._provider, self.metadata(now)
        assert isinstance(provider, OIDC)  # noqa: S101 - no other has such tokens
        expected = self._expected(provider, metadata, nonce=None)
        return verify_logout_token(token, self._key_for(metadata, now), expected, now)

    def refresh(self, tokens: Tokens, now: float) -> Tokens:
        """Fresh tokens for these (RFC 6749 section 6). Raises
        :class:`~wsgi_auth.errors.ProviderRefused` when the provider will give none any more."""
        provider, metadata = self._provider, self.metadata(now)
        response = self._with_nonce(
            lambda nonce: token.refresh_request(tokens, provider, metadata, now, dpop_nonce=nonce)
        )
        answer = token.read_tokens(
            response, provider, now, dpop_key=tokens.dpop_key, step="refresh"
        )
        if isinstance(provider, OIDC) and answer.id_token:
            self._same_person(provider, metadata, tokens, answer, now)
        return tokens.renewed(answer)

    def _same_person(
        self, provider: OIDC, metadata: Metadata, before: Tokens, answer: Tokens, now: float
    ) -> None:
        """Raise :class:`OAuthError` for an ID token that is not of the one we had (OpenID Connect
        Core 12.2), which was checked when it came."""
        expected = self._expected(provider, metadata, nonce=None, access_token=answer.access_token)
        claims = verify_id_token(
            answer.id_token, self._key_for(metadata, now), expected, now
        ).claims
        known = unverified_claims(before.id_token)
        subject = before.subject or known.get("sub")
        if subject and claims["sub"] != subject:
            raise OAuthError("refresh", "sub is not the one of the first ID token")
        if known and "nonce" in claims and claims["nonce"] != known.get("nonce"):
            raise OAuthError("refresh", "nonce is not the one of the first ID token")

    def _identity(
        self,
        provider: OIDC,
        metadata: Metadata,
        tokens: Tokens,
        callback: ValidatedCallback,
        now: float,
    ) -> Identity:
        flow = callback.flow
        expected = self._expected(
            provider,
            metadata,
            nonce="" if "nonce" in provider.unsupported else flow.nonce,
            access_token=tokens.access_token,
            code=callback.code,
            max_age=flow.max_age,
            acr=tuple(flow.acr.split()),
        )
        return verify_id_token(tokens.id_token, self._key_for(metadata, now), expected, now)

    def _profile(
        self,
        metadata: Metadata,
        tokens: Tokens,
        identity: Identity | None,
        callback: ValidatedCallback,
        now: float,
    ) -> dict[str, Any]:
        provider = self._provider
        said = None
        if userinfo.wants_userinfo(provider):
            response = self._with_nonce(
                lambda nonce: userinfo.userinfo_request(
                    provider, metadata, tokens, now, dpop_nonce=nonce
                )
            )
            said = userinfo.read_userinfo(
                response,
                identity.subject if identity is not None else None,
                self._verifier(metadata, now),
            )
        more = {
            name: userinfo.read_more(self._transport.send(request))
            for name, request in userinfo.more_requests(provider, tokens, now).items()
        }
        claims = identity.claims if identity is not None else None
        return document(claims, said, tokens, more, callback.user)

    def _verifier(self, metadata: Metadata, now: float) -> Callable[[str], Claims] | None:
        provider = self._provider
        if not isinstance(provider, OIDC):
            return None
        expected = self._expected(provider, metadata)
        return lambda text: verify_signed("userinfo", text, self._key_for(metadata, now), expected)

    def _expected(self, provider: OIDC, metadata: Metadata, **more: Any) -> Expected:
        return Expected(
            provider.issuer_of,
            provider.client_id,
            _algorithms(provider, metadata),
            trusted_audiences=provider.trusted_audiences,
            **more,
        )

    def _key_for(self, metadata: Metadata, now: float) -> KeyFor:
        def key_for(algorithm: str, kid: str | None) -> Any:
            if algorithm.startswith("HS"):  # only where the configuration says so
                from joserfc.jwk import OctKey

                secret = self._provider.client_secret.encode()
                return OctKey(secret, secret)  # import_key would warn of a secret that is short
            return self._key_source(metadata.jwks_uri or "").fitting(algorithm, kid, now).key

        return key_for

    def _key_source(self, uri: str) -> KeySource:
        # of threads that come first, all go on with the one that is kept; old addresses are few
        found = self._keys.get(uri)
        return found or self._keys.setdefault(uri, KeySource(self._transport, uri))

    def _with_nonce(self, request: Callable[[str], Outgoing]) -> Incoming:
        """The answer, asked for once more with the nonce that the first one demands (RFC 9449)."""
        response = self._transport.send(request(""))
        nonce = dpop.wanted_nonce(response) if self._provider.dpop else ""
        return self._transport.send(request(nonce)) if nonce else response


def _algorithms(provider: OIDC, metadata: Metadata) -> tuple[str, ...]:
    configured = provider.id_token_signed_response_alg
    return algorithms_of(
        (configured,) if isinstance(configured, str) else configured,
        metadata.id_token_signing_alg_values_supported,
    )


def _scopes(claims: Claims) -> frozenset[str]:
    """What an access token was issued for: ``scope`` (RFC 9068 section 2.2.3), which Entra and Okta
    call ``scp``, and Okta writes as a list."""
    said = claims.get("scope", claims.get("scp", ""))
    if isinstance(said, str):
        said = said.split()
    words = said if isinstance(said, list) else []
    return frozenset(word for word in words if isinstance(word, str))


def _sid(identity: Identity | None) -> str:
    """The provider's name for its session; "" where it gives none that can be one."""
    sid = identity.claims.get("sid") if identity is not None else None
    return sid if isinstance(sid, str) and len(sid) <= 255 and sid.isprintable() else ""
