"""Canaille and django-oauth-toolkit do what the tests rely on, oddities included."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.op.raw import CALLBACK, Flow, header_of

pytestmark = pytest.mark.live


def tokens_of(provider, client, flow):
    """The token answer of a sign-in through the provider's own pages."""
    visitor = provider.visitor()
    back = visitor.walk(client.url(flow))
    visitor.close()
    assert back.url.startswith(CALLBACK)
    return client.tokens(client.exchange(client.code(back.params, flow), flow))


@pytest.mark.parametrize("client_id", ["basic", "post"])
def test_canaille_signs_alice_in(canaille_provider, client_id):
    client, flow = canaille_provider.client(client_id), Flow()
    tokens = tokens_of(canaille_provider, client, flow)
    claims = client.claims(tokens, flow)
    assert claims["sub"] == "alice" and claims["aud"] == [client_id]
    assert isinstance(claims["auth_time"], float)
    assert client.profile(tokens, "alice")["email"] == "alice@example.test"
    assert header_of(tokens["id_token"])["alg"] in ("RS256", "RS512")


def test_canaille_refreshes(canaille_provider):
    client, flow = canaille_provider.client(), Flow()
    tokens = tokens_of(canaille_provider, client, flow)
    again = client.tokens(client.refresh(tokens["refresh_token"]))
    assert client.profile(again, "alice")


@pytest.mark.parametrize("client_id, auth", [
    ("basic", "client_secret_basic"), ("basic", "client_secret_post"), ("public", "none"),
])  # fmt: skip
def test_the_toolkit_signs_alice_in(dot_provider, client_id, auth):
    client, flow = dot_provider.client(client_id, auth, scope="openid profile email"), Flow()
    tokens = tokens_of(dot_provider, client, flow)
    claims = client.claims(tokens, flow)
    assert claims["jti"] and "email" not in claims
    assert client.profile(tokens, claims["sub"])


def test_the_toolkit_replaces_refresh_tokens_and_ends_a_family_on_reuse(dot_provider):
    client, flow = dot_provider.client(), Flow()
    first = tokens_of(dot_provider, client, flow)
    second = client.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    assert client.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert client.refresh(second["refresh_token"]).json["error"] == "invalid_grant"


def test_leaving_the_toolkit_goes_back(dot_provider):
    client, flow, visitor = dot_provider.client(), Flow(), dot_provider.visitor()
    back = visitor.walk(client.url(flow))
    tokens = client.exchange(client.code(back.params, flow), flow).json
    leave = {"id_token_hint": tokens["id_token"], "state": "s",
             "post_logout_redirect_uri": "https://app.example.test/"}  # fmt: skip
    end = client.metadata()["end_session_endpoint"]
    assert visitor.walk(f"{end}?{urlencode(leave)}").url == "https://app.example.test/?state=s"
