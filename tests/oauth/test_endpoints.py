"""Where a provider's endpoints are: what was configured goes over what was found."""

from __future__ import annotations

from dataclasses import replace

from tests.oauth.ground import METADATA, oauth, oidc
from wsgi_auth.oauth.endpoints import configured, overruled
from wsgi_auth.oauth.metadata import Metadata


def test_plain_oauth_is_all_configuration() -> None:
    assert configured(oauth(issuer="https://op.test/login")) == Metadata(
        "https://op.test/auth",
        "https://op.test/token",
        "https://op.test/login",
        "https://op.test/me",
    )
    assert configured(oauth(userinfo="")).userinfo_endpoint is None


def test_an_option_overrules_discovery() -> None:
    assert overruled(METADATA, oidc(userinfo=True)) == METADATA
    provider = oidc(token="https://other.test/token", userinfo="https://other.test/me")
    assert overruled(METADATA, provider) == replace(
        METADATA,
        token_endpoint="https://other.test/token",
        userinfo_endpoint="https://other.test/me",
    )
