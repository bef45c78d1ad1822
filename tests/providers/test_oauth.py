"""What a configuration may say of a provider that is another party."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_auth.errors import ConfigError
from wsgi_auth.providers import OIDC, OAuth, Provider

PEM = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"


def oidc(**more: Any) -> OIDC:
    options = {
        "id": "acme", "client_id": "us", "client_secret": "hush", "issuer": "https://op.test"
    }  # fmt: skip
    return OIDC(**(options | more))


def oauth(**more: Any) -> OAuth:
    options = {
        "id": "acme", "client_id": "us", "client_secret": "hush", "profile": {"id": "id"},
        "authorization": "https://op.test/auth", "token": "https://op.test/token",
        "userinfo": "https://op.test/me",
    }  # fmt: skip
    return OAuth(**(options | more))


def test_both_are_providers() -> None:
    for provider, kind in ((oidc(), "oidc"), (oauth(), "oauth")):
        assert isinstance(provider, Provider)
        assert (provider.id, provider.name, provider.type) == ("acme", "Acme", kind)
        assert provider.vouches is False
        assert provider.client_auth == "client_secret_basic"


def test_a_key_proves_who_we_are_unless_something_else_is_said() -> None:
    assert oidc(private_key=PEM, client_secret="").client_auth == "private_key_jwt"
    assert (
        oidc(private_key=PEM, client_auth="client_secret_post").client_auth == "client_secret_post"
    )
    jwk = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"}
    assert oidc(private_key=jwk).client_auth == "private_key_jwt"


def test_one_algorithm_is_a_list_of_one() -> None:
    assert oidc().id_token_signed_response_alg == ()
    assert oidc(id_token_signed_response_alg="ES256").id_token_signed_response_alg == ("ES256",)


def test_an_oidc_profile_changes_only_what_it_says() -> None:
    provider = oidc(profile={"groups": "roles"})
    claims = {"sub": "1", "email": "a@x.test", "email_verified": True, "roles": ["a"], "groups": []}
    assert provider.mapper.read(claims) == {
        "id": "1", "email": "a@x.test", "email_verified": True, "groups": ["a"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"tid": "8eaef023-2b34"}, "https://login.test/8eaef023-2b34/v2.0"),
        ({}, ""),
        ({"tid": ""}, ""),
        ({"tid": "a/b"}, ""),
        ({"tid": "a\n"}, ""),
        ({"tid": ["a"]}, ""),
    ],
)
def test_a_tenant_has_an_issuer_of_its_own(claims: dict[str, Any], expected: str) -> None:
    assert oidc(issuer_pattern="https://login.test/{tid}/v2.0").issuer_of(claims) == expected
    assert oidc().issuer_of(claims) == "https://op.test"


@pytest.mark.parametrize(
    ("issuer", "is_one"),
    [
        ("https://login.test/8eaef023-2b34/v2.0", True),
        ("https://login.test/a/v2.0", True),
        ("https://login.test/a/v2.0/", False),
        ("https://login.test/a/v2x0", False),
        ("https://login.test//v2.0", False),
        ("https://login.test/a/b/v2.0", False),
        ("https://login.test/{tid}/v2.0", False),
        ("https://login.test/a/v2.0\n", False),
        ("https://login.test.evil.test/a/v2.0", False),
        ("https://evil.test/?https://login.test/a/v2.0", False),
        (f"https://login.test/{'a' * 65}/v2.0", False),
        ("https://op.test", False),
        ("", False),
    ],
)
def test_a_token_may_be_of_any_tenant_and_of_nobody_else(issuer: str, is_one: bool) -> None:
    provider = oidc(issuer_pattern="https://login.test/{tid}/v2.0")
    assert provider.may_be_issuer(issuer) is is_one
    assert oidc().may_be_issuer(issuer) is (issuer == "https://op.test")


def test_a_loopback_provider_may_be_http() -> None:
    for host in ("127.0.0.1:8080", "localhost", "op.localhost", "[::1]:1"):
        assert oidc(issuer=f"http://{host}").issuer


def test_nothing_secret_is_shown() -> None:
    provider = oidc(private_key=PEM, token_headers={"X-Key": "hidden"})
    for shown in (repr(provider), str(provider), f"{provider!r}"):
        assert shown == "<OIDC 'acme'>"


def test_a_provider_is_frozen_all_the_way() -> None:
    params = {"a": "b"}
    provider = oidc(authorization_params=params)
    params["a"] = "changed"
    assert provider.authorization_params == {"a": "b"}
    with pytest.raises(TypeError):
        provider.authorization_params["a"] = "c"  # type: ignore[index]
    with pytest.raises(AttributeError):
        provider.client_id = "x"  # type: ignore[misc]


SYMMETRIC = {"client_auth": "none", "client_secret": "", "id_token_signed_response_alg": "HS256"}
WRONG: list[tuple[Any, dict[str, Any], str, str]] = [
    (oidc, {"id": ""}, "providers", "letters"),
    (oidc, {"id": "a/b"}, "providers", "letters"),
    (oidc, {"id": "a" * 64}, "providers", "letters"),
    (oidc, {"client_id": ""}, "client_id", "missing"),
    (oidc, {"client_id": 5}, "client_id", "string"),
    (oidc, {"client_secret": ""}, "client_secret", "client_auth = none"),
    (oidc, {"client_secret": "x\n"}, "client_secret", "control"),
    (oidc, {"client_auth": "basic"}, "client_auth", "client_secret_basic, "),
    (oidc, {"client_auth": "none"}, "client_auth", "never be used"),
    (oidc, {"client_auth": "private_key_jwt"}, "private_key", "is missing"),
    (oidc, {"private_key": "-----BEGIN PUBLIC KEY-----"}, "private_key", "no private key"),
    (oidc, {"private_key": PEM.replace("PRI", "ENCRYPTED PRI")}, "private_key", "openssl"),
    (oidc, {"private_key": "{"}, "private_key", "JSON"),
    (oidc, {"private_key": '{"kty": "EC"}'}, "private_key", "private part"),
    (oidc, {"private_key": {"kty": "oct", "d": "x"}}, "private_key", "private part"),
    (oidc, {"private_key": PEM, "client_auth": "apple"}, "team_id", "Apple"),
    (oidc, {"issuer": ""}, "issuer", "missing"),
    (oidc, {"issuer": "http://op.test"}, "issuer", "https"),
    (oidc, {"issuer": "http://localhost.evil.test"}, "issuer", "https"),
    (oidc, {"issuer": "op.test"}, "issuer", "absolute"),
    (oidc, {"issuer": "https://op.test?x=1"}, "issuer", "query"),
    (oidc, {"issuer": "https://u:p@op.test"}, "issuer", "user name"),
    (oidc, {"issuer": "https://op.test/{tenant}"}, "issuer", "filled in"),
    (oidc, {"issuer_pattern": "https://op.test/v2"}, "issuer_pattern", "one claim"),
    (oidc, {"issuer_pattern": "http://op.test/{tid}"}, "issuer_pattern", "https"),
    (oidc, {"audience": ("https://api.test", " ")}, "audience", "blank value"),
    (oidc, {"unsupported": ("state",)}, "unsupported", "neither pkce nor nonce"),
    (oidc, {"issuer": "https://op test"}, "issuer", "no URL"),
    (oidc, {"issuer": "https://op.test:x"}, "issuer", "no URL"),
    (oidc, {"scope": "profile"}, "scope", "openid"),
    (oidc, {"scope": ["openid"]}, "scope", "string"),
    (oidc, {"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg", "'none'"),
    (oidc, {"id_token_signed_response_alg": ("RS256", "")}, "id_token_signed_response_alg", "''"),
    (oidc, SYMMETRIC, "id_token_signed_response_alg", "client_secret"),
    (oidc, {"max_age": -1}, "max_age", "0 or more"),
    (oidc, {"max_age": True}, "max_age", "0 or more"),
    (oidc, {"logout": "yes"}, "logout", "True or False"),
    (oidc, {"response_mode": "fragment"}, "response_mode", "query, form_post"),
    (oidc, {"authorization_params": {"scope": "x"}}, "authorization_params.scope", "option scope"),
    (oidc, {"authorization_params": {"state": "x"}}, "authorization_params.state", "protocol"),
    (oidc, {"authorization_params": {"max_age": "5"}}, "authorization_params.max_age", "own"),
    (oidc, {"authorization_params": {"a b": "5"}}, "authorization_params.a b", "no name"),
    (oidc, {"authorization_params": {"a": 5}}, "authorization_params", "mapping of strings"),
    (oidc, {"request_params": ("redirect_uri",)}, "request_params.redirect_uri", "protocol"),
    (oidc, {"request_params": ["hd"]}, "request_params", "tuple"),
    (oidc, {"token_params": {"client_secret": "x"}}, "token_params.client_secret", "protocol"),
    (oidc, {"authorization": "https://op.test/a?state=1"}, "authorization", "state in its query"),
    (oidc, {"token_headers": {"X Y": "z"}}, "token_headers.X Y", "header"),
    (oidc, {"token_headers": {"X": "z\r\nY: 1"}}, "token_headers.X", "header"),
    (oidc, {"profile": {"mail": "email"}}, "profile.mail", "there is no such field"),
    (oidc, {"profile": {"email": "a b"}}, "profile", "email = 'a b'"),
    (oidc, {"profile": "pkg:function"}, "profile", "callable"),
    (oidc, {"style": {"bgg": "#fff"}}, "style.bgg", "did you mean 'bg'?"),
    (oidc, {"style": {"logo": "/a.svg"}}, "style.logo", "(known: bg, text)"),
    (oidc, {"style": {"bg": "nocolour"}}, "style.bg", "#rrggbb or the name of a CSS colour"),
    (oidc, {"style": {"text": "#fff;}"}}, "style.text", "#rrggbb or the name of a CSS colour"),
    (oauth, {"authorization": ""}, "authorization", "missing"),
    (oauth, {"token": ""}, "token", "missing"),
    (oauth, {"token": "http://op.test/t"}, "token", "https"),
    (oauth, {"userinfo": True}, "userinfo", "URL"),
    (oauth, {"userinfo": "https://{tokens.host}/x"}, "userinfo", "choose the host"),
    (oauth, {"more": {"emails": "http://op.test"}}, "more.emails", "https"),
    (oauth, {"profile": {}}, "profile", "where the id is"),
]


@pytest.mark.parametrize(("make", "options", "key", "cure"), WRONG)
def test_a_mistake_names_the_option_and_the_cure(
    make: Any, options: dict[str, Any], key: str, cure: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert caught.value.key == (key if key == "providers" else f"providers.acme.{key}")
    assert cure in caught.value.problem
    assert "hush" not in str(caught.value)


def test_a_profile_may_be_a_function() -> None:
    provider = oauth(profile=dict)
    assert callable(provider.profile)
