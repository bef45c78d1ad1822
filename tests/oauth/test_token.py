"""The token endpoint: each way to say who we are, and each answer that is none."""

from __future__ import annotations

import json
import warnings
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x448
from joserfc import jwk, jwt
from oauthlib.oauth2 import WebApplicationClient

from tests.oauth.ground import (
    CALLBACK,
    METADATA,
    NOW,
    answered,
    begun,
    form,
    oauth,
    oidc,
    query,
    response,
)
from wsgi_auth.errors import (
    AuthError,
    ConfigError,
    OAuthError,
    ProviderRefused,
    ProviderUnavailable,
)
from wsgi_auth.oauth import dpop
from wsgi_auth.oauth.client_auth import check_key
from wsgi_auth.oauth.token import Tokens, code_request, read_tokens, refresh_request

FLOW = begun()
GOOD = {"access_token": "at", "token_type": "Bearer"}
HELD = Tokens("at", refresh_token="rt")


def pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEYS = {
    "RS256": pem(RSA),
    "ES256": pem(EC),
    "ES384": pem(ec.generate_private_key(ec.SECP384R1())),
    "EdDSA": pem(ed25519.Ed25519PrivateKey.generate()),
}


def exchanged(provider: Any, **more: Any) -> Any:
    return code_request(answered(FLOW), provider, METADATA, NOW, **more)


# --- the request ----------------------------------------------------------------------------------


def test_a_code_is_exchanged_with_its_verifier() -> None:
    request = exchanged(oidc())
    assert (request.url, request.method) == ("https://op.test/token", "POST")
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": CALLBACK,
        "code_verifier": FLOW.code_verifier,
    }
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert "hush" not in repr(request)


def test_a_refresh_asks_for_no_scope() -> None:
    request = refresh_request(HELD, oidc(), METADATA, NOW)
    assert form(request) == {"grant_type": "refresh_token", "refresh_token": "rt"}


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("us", "hush"), ("a:b", "c:d"), ("a b", "p+q%/é"), ("https://us.test", "=&?")],
)
def test_basic_is_form_encoded_first(client_id: str, secret: str) -> None:
    request = exchanged(oidc(client_id=client_id, client_secret=secret))
    scheme, _, value = request.headers["Authorization"].partition(" ")
    given = [unquote_plus(part) for part in b64decode(value).decode("ascii").split(":")]
    assert (scheme, given) == ("Basic", [client_id, secret])
    assert not {"client_id", "client_secret"} & set(form(request))


def test_post_and_none() -> None:
    found = form(exchanged(oidc(client_auth="client_secret_post")))
    assert (found["client_id"], found["client_secret"]) == ("us", "hush")
    found = form(exchanged(oidc(client_auth="none", client_secret="")))
    assert found["client_id"] == "us"
    assert "client_secret" not in found


@pytest.mark.parametrize("algorithm", sorted(KEYS))
def test_an_assertion_is_what_rfc_7523_says(algorithm: str) -> None:
    key = KEYS[algorithm]
    request = exchanged(oidc(private_key=key, client_secret="", private_key_id="k1"))
    found = form(request)
    assert found["client_assertion_type"] == (
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    )
    assert (found["client_id"], "Authorization" in request.headers) == ("us", False)
    kind = {"R": "RSA", "E": "OKP" if algorithm == "EdDSA" else "EC"}[algorithm[0]]
    with warnings.catch_warnings(action="ignore"):  # EdDSA is an old name
        token = jwt.decode(
            found["client_assertion"], jwk.import_key(key, kind), algorithms=[algorithm]
        )
    assert token.header == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    assert len(token.claims.pop("jti")) == 43
    assert token.claims == {
        "iss": "us", "sub": "us", "aud": "https://op.test",
        "iat": int(NOW), "exp": int(NOW) + 60,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("option", "issuer", "expected"),
    [
        ("", "https://op.test", "https://op.test"),
        ("", "", "https://op.test/token"),
        ("token_endpoint", "https://op.test", "https://op.test/token"),
        ("https://other.test", "https://op.test", "https://other.test"),
    ],
)
def test_an_assertion_has_one_audience(option: str, issuer: str, expected: str) -> None:
    provider = oidc(private_key=KEYS["ES256"], client_secret="", assertion_audience=option)
    request = code_request(answered(FLOW), provider, replace(METADATA, issuer=issuer), NOW)
    key = jwk.import_key(KEYS["ES256"], "EC")
    assert jwt.decode(form(request)["client_assertion"], key).claims["aud"] == expected


def algorithm_of(key: Any, announced: tuple[str, ...] | None = None) -> str:
    metadata = replace(METADATA, token_endpoint_auth_signing_alg_values_supported=announced)
    provider = oidc(private_key=key, client_secret="")
    assertion = form(code_request(answered(FLOW), provider, metadata, NOW))["client_assertion"]
    from joserfc import jws

    return jws.extract_compact(assertion.encode()).headers()["alg"]


def test_the_algorithm_follows_the_key() -> None:
    assert algorithm_of(KEYS["RS256"], ("ES256", "PS256")) == "PS256"
    assert algorithm_of(KEYS["RS256"], ("RS256", "PS256")) == "RS256"
    assert algorithm_of(KEYS["RS256"], ("none", "HS256")) == "RS256"
    key = jwk.import_key(KEYS["RS256"], "RSA").as_dict(private=True)
    for usual in (("RS256",), ("PS256",)):
        for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
            assert algorithm_of({**key, "alg": name}, usual) == name
    assert algorithm_of(json.dumps({**key, "kid": "x"})) == "RS256"


@pytest.mark.parametrize(
    "key",
    [
        pem(EC)[:60] + pem(EC)[70:],
        pem(rsa.generate_private_key(65537, 1024)),
        pem(ec.generate_private_key(ec.SECP256K1())),
        {**jwk.import_key(pem(EC), "EC").as_dict(private=True), "alg": "HS256"},
        {**jwk.import_key(pem(EC), "EC").as_dict(private=True), "alg": "none"},
        {**jwk.import_key(pem(EC), "EC").as_dict(private=True), "alg": "ES512"},
        {**jwk.import_key(KEYS["RS256"], "RSA").as_dict(private=True), "alg": "ES256"},
        {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"},
        {"crv": "P-256"},
        pem(x448.X448PrivateKey.generate()),
    ],
    ids=[
        "torn",
        "short",
        "curve",
        "symmetric",
        "none",
        "another",
        "of another",
        "numbers",
        "no kind",
        "no signatures",
    ],
)
def test_a_key_that_cannot_sign_is_found_at_start_up(key: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_key(oidc(private_key=key, client_secret=""))
    assert caught.value.key == "providers.acme.private_key"
    assert "MII" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_a_short_key_is_refused_where_warnings_are_not_errors() -> None:
    key = pem(rsa.generate_private_key(65537, 1024))
    with pytest.raises(ConfigError, match="2048 bits"):
        check_key(oidc(private_key=key, client_secret=""))


def test_good_keys_and_no_keys_pass_at_start_up() -> None:
    for key in KEYS.values():
        check_key(oidc(private_key=key, client_secret=""))
    known = jwk.import_key(KEYS["EdDSA"], "OKP").as_dict(private=True)
    for name in ("EdDSA", "Ed25519"):
        check_key(oidc(private_key={**known, "alg": name}, client_secret=""))
    check_key(oidc())


APPLE = {"client_auth": "apple", "client_secret": "", "team_id": "T", "private_key_id": "K"}


def test_apples_secret_is_made_for_each_request() -> None:
    found = form(exchanged(oidc(private_key=KEYS["ES256"], **APPLE)))
    token = jwt.decode(found["client_secret"], jwk.import_key(KEYS["ES256"], "EC"))
    assert (token.header["alg"], token.header["kid"]) == ("ES256", "K")
    assert token.claims == {
        "iss": "T", "sub": "us", "aud": "https://appleid.apple.com",
        "iat": int(NOW), "exp": int(NOW) + 60,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="Apple"):
        check_key(oidc(private_key=KEYS["RS256"], **APPLE))


def test_what_the_odd_ones_want() -> None:
    provider = oauth(
        client_auth="client_secret_post", client_id_name="appid", client_secret_name="secret",
        token_method="GET", token_params={"lang": "x"}, token_headers={"X-A": "b"},
        unsupported=("pkce",),
    )  # fmt: skip
    request = exchanged(provider)
    assert (request.method, request.body, request.headers["X-A"]) == ("GET", None, "b")
    found = query(request.url)
    assert (found["appid"], found["secret"], found["lang"]) == (["us"], ["hush"], ["x"])
    assert "code_verifier" not in found


def test_a_bound_token_is_asked_for_with_a_proof() -> None:
    provider = oidc(dpop=True)
    flow = begun(provider)
    request = code_request(answered(flow), provider, METADATA, NOW, dpop_nonce="n")
    assert request.headers["DPoP"]
    tokens = replace(HELD, dpop_key=flow.dpop_key)
    assert refresh_request(tokens, provider, METADATA, NOW).headers["DPoP"]
    assert "DPoP" not in refresh_request(HELD, provider, METADATA, NOW).headers


# --- the answer -----------------------------------------------------------------------------------


def test_a_full_answer() -> None:
    body = {**GOOD, "expires_in": 3600, "refresh_token": "rt", "scope": "a b", "id_token": "it",
            "team": {"id": 1}}  # fmt: skip
    tokens = read_tokens(response(body), oidc(), NOW)
    assert tokens == Tokens(
        "at", "Bearer", int(NOW + 3600), "rt", "a b", "it", extras={"team": {"id": 1}}
    )
    for secret in ("at", "rt", "it"):
        assert f"'{secret}'" not in repr(tokens)


@pytest.mark.parametrize(
    "answer",
    [
        response(GOOD),
        response({**GOOD, "token_type": "bearer"}),
        response({**GOOD, "token_type": "BEARER"}),
        response({**GOOD, "expires_in": None, "refresh_token": None, "scope": None}),
        response(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()),
        response(b"access_token=at&token_type=bearer", kind="application/x-www-form-urlencoded"),
        response(b"access_token=at&token_type=bearer", kind="text/plain; charset=utf-8"),
        response(GOOD, 201),
        response(GOOD, kind="text/html"),
    ],
)
def test_an_answer_that_is_good_enough(answer: Any) -> None:
    assert read_tokens(answer, oauth(), NOW).access_token == "at"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None), ("", None), (60, 60), ("60", 60), (60.7, 61), (0, None), ("0", None), (-5, 0),
        (10**30, 10 * 366 * 86_400), ("9" * 11, 10 * 366 * 86_400),
        (10**400, 10 * 366 * 86_400),  # no float is so large
    ],
)  # fmt: skip
def test_a_lifetime(given: Any, expected: int | None) -> None:
    tokens = read_tokens(response({**GOOD, "expires_in": given}), oauth(), NOW)
    assert tokens.expires_at == (None if expected is None else int(NOW) + expected)


def test_the_longest_token_is_one_that_a_header_bears() -> None:
    tokens = read_tokens(response({**GOOD, "access_token": "a" * 16_384}), oauth(), NOW)
    assert len(tokens.access_token) == 16_384


@pytest.mark.parametrize("given", [None, "", []])
def test_a_scope_that_is_not_said_is_the_one_that_was_asked_for(given: Any) -> None:
    assert read_tokens(response({**GOOD, "scope": given}), oauth(), NOW).scope == ""


def test_a_scope_may_be_a_list() -> None:
    assert read_tokens(response({**GOOD, "scope": ["a", "b"]}), oauth(), NOW).scope == "a b"


BAD: list[tuple[Any, type[AuthError]]] = [
    ({"access_token": "at"}, OAuthError),
    ({**GOOD, "token_type": "mac"}, OAuthError),
    ({**GOOD, "token_type": "DPoP"}, OAuthError),
    ({**GOOD, "token_type": 5}, OAuthError),
    ({**GOOD, "token_type": ""}, OAuthError),
    ({"token_type": "Bearer"}, OAuthError),
    ({**GOOD, "access_token": ""}, OAuthError),
    ({**GOOD, "access_token": 5}, OAuthError),
    ({**GOOD, "access_token": ["at"]}, OAuthError),
    ({**GOOD, "access_token": "a\r\nb"}, OAuthError),
    ({**GOOD, "access_token": "a b"}, OAuthError),
    ({**GOOD, "access_token": "é"}, OAuthError),
    ({**GOOD, "access_token": "a" * 16_385}, OAuthError),
    ({**GOOD, "access_token": "a\x7fb"}, OAuthError),
    ({**GOOD, "refresh_token": 5}, OAuthError),
    ({**GOOD, "id_token": {}}, OAuthError),
    ({**GOOD, "scope": 5}, OAuthError),
    ({**GOOD, "scope": [5]}, OAuthError),
    ({**GOOD, "expires_in": "soon"}, OAuthError),
    ({**GOOD, "expires_in": "1" * 5000}, OAuthError),
    ({**GOOD, "expires_in": "1" * 12}, OAuthError),
    ({**GOOD, "expires_in": "\u00b2"}, OAuthError),  # a digit, and no number
    ({**GOOD, "expires_in": "\u0661"}, OAuthError),
    ({**GOOD, "expires_in": True}, OAuthError),
    ({**GOOD, "expires_in": False}, OAuthError),
    ({**GOOD, "expires_in": []}, OAuthError),
    (b'{"access_token":"at","token_type":"Bearer","expires_in":1e999}', OAuthError),
    (b'{"access_token":"at","token_type":"Bearer","expires_in":NaN}', OAuthError),
    (b'{"access_token":"at","token_type":"Bearer","x":' + b"[" * 100_000, OAuthError),
    (b"access_token=at&token_type=bearer", OAuthError),
    (b"\xff", OAuthError),
    (b"", OAuthError),
    ([], OAuthError),
    (3, OAuthError),
    (None, OAuthError),
    ("at", OAuthError),
]


@pytest.mark.parametrize(("body", "error"), BAD)
def test_an_answer_that_is_none(body: Any, error: type[AuthError]) -> None:
    with pytest.raises(error) as caught:
        read_tokens(response(body), oauth(), NOW)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "body",
    [
        b"access_token=at&token_type=bearer&access_token=evil",
        b"access_token",
        b"&".join([b"a=b"] * 200),
    ],
)
def test_a_form_that_is_none(body: bytes) -> None:
    with pytest.raises(OAuthError):
        read_tokens(response(body, kind="application/x-www-form-urlencoded"), oauth(), NOW)


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, {"error": "invalid_grant"}, ProviderRefused, "invalid_grant"),
        (401, {"error": "invalid_client"}, ProviderRefused, "invalid_client"),
        (200, {"error": "bad_verification_code"}, ProviderRefused, "bad_verification_code"),
        (200, {**GOOD, "error": "x"}, ProviderRefused, "x"),
        (400, {"error": {"type": "OAuthException", "code": 100}}, ProviderRefused, "100"),
        (400, {"error": "<b>"}, ProviderRefused, "invalid"),
        (500, {"error": "invalid_grant"}, ProviderRefused, "invalid_grant"),
        (500, {"error": "server_error"}, ProviderUnavailable, None),
        (503, {}, ProviderUnavailable, None),
        (502, b"<html>", ProviderUnavailable, None),
        (429, {"error": "slow_down"}, ProviderUnavailable, None),
        (400, {"status": 400, "message": "Invalid code"}, OAuthError, None),
        (400, GOOD, OAuthError, None),
        (302, GOOD, OAuthError, None),
        (404, b"", OAuthError, None),
    ],
)
def test_a_no_and_a_fault_are_told_apart(
    status: int, body: Any, error: type[AuthError], code: str | None
) -> None:
    with pytest.raises(error) as caught:
        read_tokens(response(body, status), oauth(), NOW, step="refresh")
    assert type(caught.value) is error
    assert getattr(caught.value, "error", None) == code


def test_a_description_loses_what_may_be_a_token() -> None:
    body = {
        "error": "invalid_grant",
        "error_description": "code the-code-of-someone-1234567890 no\n",
    }
    with pytest.raises(ProviderRefused) as caught:
        read_tokens(response(body, 400), oauth(), NOW)
    assert str(caught.value) == "token: the provider answered invalid_grant: code ... no?"


def test_openid_needs_an_id_token_at_sign_in_only() -> None:
    with pytest.raises(OAuthError, match="no id_token"):
        read_tokens(response(GOOD), oidc(), NOW)
    assert read_tokens(response(GOOD), oidc(), NOW, step="refresh")


def test_a_missing_type_is_bearer_only_where_a_row_says_so() -> None:
    body = response({"access_token": "at"})
    lenient = oauth(token_type_optional=True)
    assert read_tokens(body, lenient, NOW).token_type == "Bearer"
    for none in (None, "", "jwt-bearer"):
        answer = response({**GOOD, "token_type": none})
        assert read_tokens(answer, lenient, NOW).token_type == "Bearer"
        with pytest.raises(OAuthError):
            read_tokens(answer, oauth(), NOW)
    for other in ("mac", "DPoP", 5):
        with pytest.raises(OAuthError):
            read_tokens(response({**GOOD, "token_type": other}), lenient, NOW)
    with pytest.raises(OAuthError):
        read_tokens(body, oauth(token_type_optional=True), NOW, dpop_key=dpop.new_key())


def test_a_token_must_be_bound_when_that_was_asked() -> None:
    key = dpop.new_key()
    tokens = read_tokens(response({**GOOD, "token_type": "dpop"}), oauth(), NOW, dpop_key=key)
    assert (tokens.token_type, tokens.dpop_key) == ("DPoP", key)
    with pytest.raises(OAuthError):
        read_tokens(response(GOOD), oauth(), NOW, dpop_key=key)


# --- tokens over time -----------------------------------------------------------------------------


def test_a_refresh_keeps_what_it_does_not_replace() -> None:
    old = Tokens("a1", refresh_token="r1", scope="s", id_token="i1", extras={"x": 1, "y": 1})
    new = old.renewed(Tokens("a2", expires_at=5, extras={"y": 2}))
    assert new == Tokens("a2", "Bearer", 5, "r1", "s", "i1", extras={"x": 1, "y": 2})
    assert old.renewed(Tokens("a2", refresh_token="r2")).refresh_token == "r2"


def test_a_scope_that_nobody_could_write_down_is_none() -> None:
    with pytest.raises(OAuthError, match="scope is no text"):
        read_tokens(response({**GOOD, "scope": "\ud83d"}), oauth(), NOW)


def test_freshness() -> None:
    assert Tokens("a").is_fresh(NOW)
    renewable = Tokens("a", expires_at=100, refresh_token="r")
    assert renewable.is_fresh(69) and not renewable.is_fresh(70)
    # nothing better is to be had
    assert Tokens("a", expires_at=100).is_fresh(99)
    assert not Tokens("a", expires_at=100).is_fresh(100)


def test_tokens_come_back_as_they_were() -> None:
    for tokens in (
        HELD,
        Tokens("a", "DPoP", 5, "r", "s", "i", {"x": [1]}, "k", "somebody"),
        Tokens("a"),
    ):
        assert Tokens.from_json(json.loads(json.dumps(tokens.to_json()))) == tokens


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"access_token": "a"}, {"access_token": 1, "token_type": "Bearer"},
        {"access_token": "a", "token_type": "mac"},
        {"access_token": "a", "token_type": "Bearer", "expires_at": "5"},
        {"access_token": "a", "token_type": "Bearer", "extras": []},
        {"access_token": "a", "token_type": "Bearer", "more": 1},
        {"access_token": "a", "token_type": "Bearer", "scope": None},
    ],
)  # fmt: skip
def test_anything_else_is_no_tokens(value: Any) -> None:
    assert Tokens.from_json(value) is None


# --- the traps of oauthlib ------------------------------------------------------------------------


def test_trap_a_client_with_a_scope_raises_a_warning_for_a_wider_one() -> None:
    client = WebApplicationClient("us", scope=["a"])
    with pytest.raises(Warning):
        client.parse_request_body_response(json.dumps({**GOOD, "scope": "a b"}))


def test_trap_its_parser_takes_any_type_of_token() -> None:
    body = json.dumps({"access_token": 5, "token_type": "mac", "expires_in": 5})
    assert WebApplicationClient("us").parse_request_body_response(body)["access_token"] == 5


def test_trap_a_client_keeps_what_it_saw() -> None:
    client = WebApplicationClient("us")
    client.parse_request_body_response(json.dumps(GOOD))
    assert client.access_token == "at"
