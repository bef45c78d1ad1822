"""The steps of one provider together, with the other party in a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.oauth.ground import CALLBACK, ISSUER, NOW, form, oauth, oidc, query, response
from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.oauth.client import Client, SignedIn
from wsgi_auth.oauth.discovery import LIFETIME
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.testing.fake_provider.keys import signed, signed_hs256
from wsgi_auth.types import Incoming, Outgoing

KEY = ECKey.generate_key("P-256")


class Provider:
    """Signs in alice; ``claims`` overrule what it says of her, ``told`` is its userinfo."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.told: bytes = b'{"sub": "alice"}'
        self.jwks_uri = f"{ISSUER}/jwks"
        self.kid = "one"
        self.secret = b""
        self.nonce = ""
        self.with_id_token = True
        self.asked: list[Outgoing] = []

    def paths(self) -> list[str]:
        return [each.url.removeprefix(ISSUER) for each in self.asked]

    def send(self, request: Outgoing) -> Incoming:
        self.asked.append(request)
        if request.url.endswith("/openid-configuration"):
            return response(
                {"issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/auth",
                 "token_endpoint": f"{ISSUER}/token", "userinfo_endpoint": f"{ISSUER}/me",
                 "jwks_uri": self.jwks_uri, "id_token_signing_alg_values_supported": ["ES256"]}
            )  # fmt: skip
        if request.url == self.jwks_uri:
            return response({"keys": [{**KEY.as_dict(private=False), "kid": self.kid}]})
        if request.url.endswith("/me"):
            return response(self.told)
        assert form(request)["grant_type"] in ("authorization_code", "refresh_token")
        tokens = {"access_token": "at", "token_type": "Bearer", "refresh_token": "rt"}
        return response({**tokens, "id_token": self.id_token()} if self.with_id_token else tokens)

    def id_token(self) -> str:
        claims = {"iss": ISSUER, "aud": "us", "sub": "alice", "iat": NOW, "exp": NOW + 300,
                  "nonce": self.nonce, **self.claims}  # fmt: skip
        if self.secret:
            return signed_hs256({"typ": "JWT"}, claims, self.secret)
        return signed(KEY, {"alg": "ES256", "kid": self.kid}, claims)


def sign_in(client: Client, provider: Provider, now: float = NOW) -> SignedIn:
    url, flow = client.begin(CALLBACK, "/after", now)
    provider.nonce = query(url)["nonce"][0]
    return client.finish([("code", "c"), ("state", flow.state)], flow, now)


def test_a_sign_in_asks_for_everything_once_and_the_next_only_for_tokens() -> None:
    provider = Provider()
    client = Client(oidc(), provider)
    assert sign_in(client, provider).user["id"] == "alice"
    sign_in(client, provider)
    known = ["/.well-known/openid-configuration", "/token", "/jwks"]
    assert provider.paths() == [*known, "/token"]


def test_two_clients_share_nothing() -> None:
    provider = Provider()
    for _ in range(2):
        sign_in(Client(oidc(), provider), provider)
    assert provider.paths().count("/jwks") == 2


def test_keys_belong_to_the_address_they_came_from() -> None:
    """A provider that moves its keys is believed when its metadata say so, and not before."""
    provider = Provider()
    client = Client(oidc(), provider)
    sign_in(client, provider)
    provider.jwks_uri, provider.kid = f"{ISSUER}/newer", "two"
    later = NOW + LIFETIME
    provider.claims = {"iat": later, "exp": later + 300}
    assert sign_in(client, provider, later).user["id"] == "alice"
    assert provider.paths().count("/jwks") == provider.paths().count("/newer") == 1


@pytest.mark.parametrize(
    "secret", ["hush", "-----BEGIN hush", '{"kty": "oct", "k": "aHVzaA"}', "é", "x" * 2_000]
)
def test_any_secret_verifies_what_was_signed_with_it(secret: str) -> None:
    """As the octets it is, and without a warning: how long it is, the provider decided."""
    provider = Provider()
    provider.secret = secret.encode()
    client = Client(oidc(client_secret=secret, id_token_signed_response_alg="HS256"), provider)
    assert sign_in(client, provider).user["id"] == "alice"
    assert "/jwks" not in provider.paths()
    provider.secret = b"another"
    with pytest.raises(OAuthError, match="the signature is not the provider's"):
        sign_in(client, provider)


def test_the_secret_signs_nothing_where_keys_were_configured_to() -> None:
    provider = Provider()
    provider.secret = b"hush"
    with pytest.raises(OAuthError, match="alg must be one of ES256"):
        sign_in(Client(oidc(), provider), provider)


DEEP = [400, 700, 950, 5_000, 100_000]


@pytest.mark.parametrize("depth", DEEP)
def test_a_profile_that_is_deep_is_refused_and_nothing_else_happens(depth: int) -> None:
    provider = Provider()
    provider.told = b'{"sub": "alice", "x": %s%s}' % (b"[" * depth, b"]" * depth)
    with pytest.raises(OAuthError, match=r"^userinfo: "):
        sign_in(Client(oidc(userinfo=True), provider), provider)


@pytest.mark.parametrize(
    ("claims", "why"),
    [({"at_hash": "x"}, "at_hash is of"), ({"c_hash": "x"}, "c_hash is of"),
     ({"nonce": "x"}, "nonce")],
)  # fmt: skip
def test_an_id_token_of_another_answer_signs_nobody_in(claims: dict[str, Any], why: str) -> None:
    provider = Provider()
    provider.claims = claims
    with pytest.raises(OAuthError, match=why):
        sign_in(Client(oidc(), provider), provider)


@pytest.mark.parametrize(
    ("sid", "expected"),
    [("s", "s"), ("x" * 255, "x" * 255), ("x" * 256, ""), ("a\nb", ""), (5, ""), (None, "")],
)
def test_a_name_of_the_providers_session_is_one_line_of_text(sid: Any, expected: str) -> None:
    provider = Provider()
    provider.claims = {"sid": sid}
    assert sign_in(Client(oidc(), provider), provider).proof.provider_sid == expected


# --- fresh tokens --------------------------------------------------------------------------------


def refreshed(
    claims: Mapping[str, Any], *, with_id_token: bool = True, kept: bool = True
) -> tuple[Tokens, Tokens]:
    """The tokens of a sign-in, and those of a refresh whose ID token says this; the first one is
    ``kept``, or was too large for that."""
    provider = Provider()
    client = Client(oidc(), provider)
    first = sign_in(client, provider).tokens
    if not kept:
        first = replace(first, id_token="")
    provider.claims, provider.with_id_token = dict(claims), with_id_token
    later = NOW + 60
    provider.claims = {"iat": later, "exp": later + 300, **claims}
    return first, client.refresh(first, later)


def test_fresh_tokens_come_with_a_fresh_id_token_or_keep_the_one_before() -> None:
    """Core 12.2."""
    first, fresh = refreshed({})
    assert fresh.id_token and fresh.id_token != first.id_token
    first, fresh = refreshed({}, with_id_token=False)
    assert fresh.id_token == first.id_token


OTHERS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "another sub": ({"sub": "bob"}, "refresh: sub is not the one"),
    "another nonce": ({"nonce": "another"}, "refresh: nonce is not the one"),
    "another issuer": ({"iss": "https://evil.test"}, "iss is not"),
    "another client": ({"aud": "them"}, "aud must be"),
    "over": ({"exp": NOW - 60}, "exp is over"),
    "of another access token": ({"at_hash": "x"}, "at_hash is of"),
}


@pytest.mark.parametrize(("claims", "why"), OTHERS.values(), ids=OTHERS)
def test_fresh_tokens_of_somebody_else_are_refused(claims: Mapping[str, Any], why: str) -> None:
    with pytest.raises(OAuthError, match=why):
        refreshed(claims)


def test_fresh_tokens_of_somebody_else_are_refused_though_the_first_id_token_was_not_kept() -> None:
    with pytest.raises(OAuthError, match="refresh: sub is not the one"):
        refreshed({"sub": "bob"}, kept=False)
    first, fresh = refreshed({}, kept=False)
    assert first.subject == fresh.subject == "alice" and fresh.id_token


def test_a_provider_of_plain_oauth_may_send_whatever_it_calls_an_id_token() -> None:
    provider = Provider()
    client = Client(oauth(token=f"{ISSUER}/token"), provider)
    fresh = client.refresh(Tokens("at", refresh_token="rt"), NOW)
    assert (fresh.access_token, provider.paths()) == ("at", ["/token"])


def test_tokens_of_which_nobody_knows_whose_they_are_are_renewed() -> None:
    """As an older release kept them: without the subject, and the ID token too large to keep."""
    provider = Provider()
    fresh = Client(oidc(), provider).refresh(Tokens("at", refresh_token="rt"), NOW)
    assert fresh.id_token


def test_a_provider_that_goes_away_half_way_is_not_there() -> None:
    provider = Provider()
    client = Client(oidc(), provider)
    url, flow = client.begin(CALLBACK, "/after", NOW)
    provider.nonce = query(url)["nonce"][0]

    def gone(request: Outgoing) -> Incoming:
        raise ProviderUnavailable("op.test gave no answer")

    provider.send = gone  # type: ignore[method-assign]
    with pytest.raises(ProviderUnavailable):
        client.finish([("code", "c"), ("state", flow.state)], flow, NOW)


def test_nothing_secret_is_shown_by_what_a_sign_in_returns() -> None:
    provider = Provider()
    found = sign_in(Client(oidc(), provider), provider)
    shown = repr((found, found.tokens, found.proof))
    for secret in ("hush", "'at'", "'rt'", found.tokens.id_token):
        assert secret not in shown
    assert json.dumps(dict(found.user))
