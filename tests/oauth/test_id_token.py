"""An ID token proves who somebody is only if every single thing about it is right (R081), and a
logout token ends a session only then (R089)."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.oauth.ground import ISSUER, NOW, response
from wsgi_auth.errors import AuthError, OAuthError
from wsgi_auth.oauth.id_token import (
    OLDEST,
    SKEW,
    Expected,
    Identity,
    KeyFor,
    algorithms_of,
    unverified_claims,
    verify_id_token,
    verify_logout_token,
    verify_signed,
)
from wsgi_auth.oauth.keys import FITTING, KeySource
from wsgi_auth.testing.fake_provider.keys import b64, compact, signed, signed_hs256
from wsgi_auth.types import Incoming, Outgoing

SECRET = "the-secret-of-this-client-which-is-long-enough"
ACCESS_TOKEN = "an-access-token-of-some-length"
CODE = "a-code-of-some-length"
NONCE = "a-nonce-of-some-length"
#: In place of a claim: it is left out.
ABSENT: Any = object()


def key(algorithm: str = "ES256", owner: str = "the provider") -> Any:
    """The key of this owner, made once."""
    return made(*FITTING[algorithm], owner)


@functools.cache
def made(kind: str, curve: str, owner: str) -> Any:
    if kind == "RSA":
        return RSAKey.generate_key(2048)
    return {"EC": ECKey, "OKP": OKPKey}[kind].generate_key(curve)


class Provider:
    """Publishes a key of each kind, named after it."""

    def send(self, request: Outgoing) -> Incoming:
        kinds = ("RS256", "ES256", "ES384", "ES512", "EdDSA")
        return response(
            {"keys": [{**key(each).as_dict(private=False), "kid": kid(each)} for each in kinds]}
        )


def kid(algorithm: str) -> str:
    return "".join(FITTING.get(algorithm, ("oct",)))


def keys() -> KeyFor:
    """What a client has: the published keys, and the secret for HMAC."""
    source = KeySource(Provider(), "https://op.test/jwks")

    def key_for(algorithm: str, name: str | None) -> Any:
        if algorithm.startswith("HS"):
            return OctKey.import_key(SECRET)
        return source.fitting(algorithm, name, NOW).key

    return key_for


KEYS = keys()
CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER, "aud": "us", "sub": "alice", "iat": NOW - 1, "exp": NOW + 300, "nonce": NONCE,
    "email": "alice@example.test",
}  # fmt: skip
EXPECTED = Expected(
    lambda claims: ISSUER, "us", ("ES256",), NONCE, access_token=ACCESS_TOKEN, code=CODE
)


def claims_with(changes: Mapping[str, Any], base: Mapping[str, Any] = CLAIMS) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changes}.items() if value is not ABSENT}


def header_with(changes: Mapping[str, Any], algorithm: str = "ES256") -> dict[str, Any]:
    return claims_with(changes, {"alg": algorithm, "kid": kid(algorithm), "typ": "JWT"})


def token(algorithm: str = "ES256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """A good token, with these changes."""
    return signed(key(algorithm), header_with(header or {}, algorithm), claims_with(claims))


def verify(text: str, expected: Expected = EXPECTED, now: float = NOW) -> Identity:
    return verify_id_token(text, KEYS, expected, now)


def refused(
    text: str, match: str | None = None, expected: Expected = EXPECTED, now: float = NOW
) -> None:
    """The token is refused by an error with this in it, and with nothing of the token."""
    with pytest.raises(AuthError, match=match) as caught:
        verify(text, expected, now)
    assert isinstance(caught.value, OAuthError)
    for secret in (NONCE, ACCESS_TOKEN, CODE, "alice", *text.split(".")):
        assert len(secret) < 5 or secret not in str(caught.value)


# --- what passes ---------------------------------------------------------------------------------


def test_a_good_token_proves_who_it_is() -> None:
    identity = verify(token())
    assert identity.subject == "alice"
    assert identity.claims["email"] == "alice@example.test"
    assert "alice" not in repr(identity) and NONCE not in repr(EXPECTED)


@pytest.mark.parametrize("algorithm", FITTING)
def test_every_algorithm_of_a_public_key_is_verified(algorithm: str) -> None:
    expected = replace(EXPECTED, algorithms=(algorithm,))
    assert verify(token(algorithm), expected).subject == "alice"
    forged = signed(key(algorithm, "somebody"), header_with({}, algorithm), CLAIMS)
    refused(forged, "the signature is not the provider's", expected)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_secret_signs_where_it_was_configured_to(algorithm: str) -> None:
    expected = replace(EXPECTED, algorithms=(algorithm,))
    good = signed(OctKey.import_key(SECRET), header_with({}, algorithm), CLAIMS)
    assert verify(good, expected).subject == "alice"
    refused(good, "alg must be one of ES256")
    bad = signed(OctKey.import_key(SECRET + "x"), header_with({}, algorithm), CLAIMS)
    refused(bad, "the signature is not", expected)


def test_a_signature_of_rfc_7515_is_one() -> None:
    """Appendix A.3."""
    text = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    published = ECKey.import_key(
        {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
    )  # fmt: skip
    expected = replace(EXPECTED, issuer=lambda _: "joe")
    claims = verify_signed("userinfo", text, lambda *_: published, expected)
    assert claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


PASS: Mapping[str, Mapping[str, Any]] = {
    "an audience in a list": {"aud": ["us"]},
    "azp that is us": {"azp": "us"},
    "times with fractions": {"iat": NOW - 0.5, "exp": NOW + 0.5, "auth_time": NOW - 9.25},
    "no time of authentication": {"auth_time": 0},
    "nbf now": {"nbf": NOW},
    "iat ahead by less than the skew": {"iat": NOW + SKEW - 1},
    "exp over by less than the skew": {"exp": NOW - SKEW + 1},
    "nbf ahead by the skew": {"nbf": NOW + SKEW},
    "a subject of 255 characters": {"sub": "x" * 255},
    "a subject in another script": {"sub": "алиса"},
    "claims that nobody knows": {"x": {"y": [1, None, {"z": 1.5}]}, "jti": "1", "sid": "2"},
    "an old iat, for the nonce says when": {"iat": NOW - 2 * OLDEST},
    "a huge number elsewhere": {"x": 10**400},
    "lists in lists": {"x": functools.reduce(lambda inner, _: [inner], range(98), [])},
}


@pytest.mark.parametrize("claims", PASS.values(), ids=PASS)
def test_what_may_be_in_it(claims: Mapping[str, Any]) -> None:
    assert verify(token(**claims)).claims["nonce"] == NONCE


HEADERS_PASS: Mapping[str, Mapping[str, Any]] = {
    "no typ": {"typ": ABSENT},
    "typ in small letters": {"typ": "jwt"},
    "typ as a media type": {"typ": "application/jwt"},
    "no kid": {"kid": ABSENT},
    "kid null": {"kid": None},
    "a long header": {"x5c": ["x" * 4_000]},
    "the print of a certificate": {"x5t": "abc", "x5t#S256": "def"},
    "what nobody knows": {"https://op.test/x": {"y": 1}},
    "where a key is to be had": {"jku": "https://evil.test/jwks", "x5u": "https://evil.test/x"},
}


@pytest.mark.parametrize("header", HEADERS_PASS.values(), ids=HEADERS_PASS)
def test_what_may_be_in_its_header(header: Mapping[str, Any]) -> None:
    """What it says of keys is not believed, and not even looked at (RFC 8725 3.8, 3.10)."""
    assert verify(token(header=header)).subject == "alice"


# --- claims --------------------------------------------------------------------------------------

BAD_TIMES = {
    "text": "1800000000", "true": True, "false": False, "null": None, "a list": [NOW],
    "an object": {"t": NOW}, "negative": -1, "negative zero point five": -0.5, "huge": 10**18,
    "more than a float holds": 10**400, "in milliseconds": NOW * 1_000, "as large as it gets": 1e308,
}  # fmt: skip

CLAIMS_REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    # Core 3.1.3.7, point 2
    "no iss": ({"iss": ABSENT}, "iss is not"),
    "another iss": ({"iss": "https://evil.test"}, "iss is not"),
    "iss with a slash more": ({"iss": ISSUER + "/"}, "iss is not"),
    "iss in capitals": ({"iss": ISSUER.upper()}, "iss is not"),
    "iss in a list": ({"iss": [ISSUER]}, "iss is not"),
    "iss null": ({"iss": None}, "iss is not"),
    "iss empty": ({"iss": ""}, "iss is not"),
    # point 3
    "no aud": ({"aud": ABSENT}, "aud must be"),
    "aud null": ({"aud": None}, "aud must be"),
    "aud empty": ({"aud": ""}, "aud must be"),
    "aud an empty list": ({"aud": []}, "aud must be"),
    "another aud": ({"aud": "them"}, "aud must be"),
    "aud that begins like us": ({"aud": "us2"}, "aud must be"),
    "aud in capitals": ({"aud": "US"}, "aud must be"),
    "aud an object": ({"aud": {"us": "us"}}, "aud must be"),
    "aud with lists in it": ({"aud": [["us"]]}, "aud must be"),
    "a foreign audience beside us": ({"aud": ["us", "them"]}, "nobody else"),
    "a foreign audience before us": ({"aud": ["them", "us"]}, "nobody else"),
    "a foreign audience though azp is us": ({"aud": ["us", "them"], "azp": "us"}, "nobody else"),
    "an audience that is no text": ({"aud": ["us", {}], "azp": "us"}, "nobody else"),
    # points 4 and 5
    "another azp": ({"azp": "them"}, "azp must be"),
    "azp null": ({"azp": None}, "azp must be"),
    "azp empty": ({"azp": ""}, "azp must be"),
    "azp in a list": ({"azp": ["us"]}, "azp must be"),
    # points 9 and 10, RFC 7519 4.1.4 to 4.1.6
    "no exp": ({"exp": ABSENT}, "exp must be a time"),
    "exp over": ({"exp": NOW - SKEW}, "exp is over"),
    "exp long over": ({"exp": 1}, "exp is over"),
    "no iat": ({"iat": ABSENT}, "iat must be a time"),
    "iat in the future": ({"iat": NOW + SKEW + 1}, "iat is in the future"),
    "nbf in the future": ({"nbf": NOW + SKEW + 1}, "nbf is in the future"),
    **{f"exp {kind}": ({"exp": value}, "exp must be a time") for kind, value in BAD_TIMES.items()},
    **{f"iat {kind}": ({"iat": value}, "iat must be a time") for kind, value in BAD_TIMES.items()},
    **{
        f"{name} {kind}": ({name: value}, f"{name} must be a time")
        for name in ("nbf", "auth_time")
        for kind, value in BAD_TIMES.items()
        if value is not None
    },
    # point 11
    "no nonce": ({"nonce": ABSENT}, "nonce is not"),
    "another nonce": ({"nonce": "another"}, "nonce is not"),
    "nonce empty": ({"nonce": ""}, "nonce is not"),
    "nonce null": ({"nonce": None}, "nonce is not"),
    "nonce in a list": ({"nonce": [NONCE]}, "nonce is not"),
    "nonce longer": ({"nonce": NONCE + "x"}, "nonce is not"),
    "nonce shorter": ({"nonce": NONCE[:-1]}, "nonce is not"),
    "nonce with half a character": ({"nonce": "\ud800"}, "nonce is not"),
    # section 2
    "no sub": ({"sub": ABSENT}, "sub must be text"),
    "sub null": ({"sub": None}, "sub must be text"),
    "sub empty": ({"sub": ""}, "sub must be text"),
    "sub a number": ({"sub": 1}, "sub must be text"),
    "sub true": ({"sub": True}, "sub must be text"),
    "sub in a list": ({"sub": ["alice"]}, "sub must be text"),
    "sub of 256 characters": ({"sub": "x" * 256}, "sub must be text"),
    "sub with a line break": ({"sub": "alice\nbob"}, "sub must be text"),
    "sub with a zero": ({"sub": "alice\0"}, "sub must be text"),
    "sub with half a character": ({"sub": "\ud800"}, "sub must be text"),
    # 3.1.3.8, 3.3.2.11
    "at_hash of another token": ({"at_hash": b64(b"0" * 16)}, "at_hash is of something else"),
    "at_hash of the code": ({"at_hash": "Ff"}, "at_hash is of something else"),
    "at_hash empty": ({"at_hash": ""}, "at_hash is of something else"),
    "at_hash null": ({"at_hash": None}, "at_hash is of something else"),
    "at_hash no text": ({"at_hash": 1}, "at_hash is of something else"),
    "c_hash of another code": ({"c_hash": b64(b"0" * 16)}, "c_hash is of something else"),
    # Back-Channel Logout 2.4
    "events of a logout token": ({"events": {}}, "a token of an event"),
}


@pytest.mark.parametrize(("claims", "why"), CLAIMS_REFUSED.values(), ids=CLAIMS_REFUSED)
def test_a_claim_that_is_wrong_is_refused(claims: Mapping[str, Any], why: str) -> None:
    refused(token(**claims), f"^id_token: .*{why}")


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5_000])
def test_a_time_that_is_no_number_is_refused(name: str, number: str) -> None:
    payload = json.dumps(claims_with({name: 1})).replace(f'"{name}": 1', f'"{name}": {number}')
    refused(signed(key(), header_with({}), payload.encode()), "must be a time|no JSON object")


def test_claims_are_looked_at_with_the_skew_that_is_given() -> None:
    exact = replace(EXPECTED, skew=0)
    verify(token(iat=NOW, exp=NOW + 1), exact)
    refused(token(iat=NOW + 1), "iat is in the future", exact)
    refused(token(exp=NOW), "exp is over", exact)
    verify(token(exp=NOW - 200), replace(EXPECTED, skew=300))


def test_an_audience_that_is_trusted_may_stand_beside_us_if_we_are_azp() -> None:
    """Core 3.1.3.7, points 3 to 5: Zitadel names the project of a client and all its clients."""
    expected = replace(EXPECTED, trusted_audiences=("project", "sister"))
    both = ["us", "project"]
    assert verify(token(aud=both, azp="us"), expected).subject == "alice"
    refused(token(aud=both), "azp must be this client", expected)
    refused(token(aud=both, azp="sister"), "azp must be", expected)
    refused(token(aud=["us", "project", "them"], azp="us"), "nobody else", expected)
    refused(token(aud=["project"], azp="us"), "aud must be this client", expected)


def test_an_issuer_may_depend_on_the_tenant_and_is_compared_all_the_same() -> None:
    expected = replace(EXPECTED, issuer=lambda claims: str(claims.get("tid", "")))
    verify(token(iss="https://op.test/a", tid="https://op.test/a"), expected)
    refused(token(iss="https://op.test/a", tid="https://op.test/b"), "iss is not", expected)
    refused(token(iss=""), "iss is not", expected)


def test_without_a_nonce_sent_none_may_come_back() -> None:
    expected = replace(EXPECTED, nonce="")
    verify(token(nonce=ABSENT), expected)
    refused(token(), "it has a nonce, and none was sent", expected)


def test_a_nonce_that_the_caller_looks_at_is_left_to_it() -> None:
    """Core 12.2: an ID token of a refresh may have the old one, or none."""
    expected = replace(EXPECTED, nonce=None)
    assert verify(token(), expected).claims["nonce"] == NONCE
    verify(token(nonce=ABSENT), expected)


def test_a_token_that_no_nonce_binds_must_be_of_today() -> None:
    expected = replace(EXPECTED, nonce="")
    verify(token(nonce=ABSENT, iat=NOW - OLDEST), expected)
    refused(token(nonce=ABSENT, iat=NOW - OLDEST - 1), "more than a day ago", expected)


# --- the access token and the code ---------------------------------------------------------------


def test_hashes_of_the_specification_are_ours() -> None:
    """Core A.3 and A.6, which are signed with RS256."""
    expected = replace(
        EXPECTED,
        algorithms=("RS256",),
        access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        code="Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
    )
    hashes = {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ", "c_hash": "LDktKdoQak3Pk0cnXxCltA"}
    assert verify(token("RS256", **hashes), expected)
    for name in hashes:
        refused(token("RS256", **hashes), f"{name} is of", replace(
            expected, **{"at_hash": {"access_token": "x"}, "c_hash": {"code": "x"}}[name]
        ))  # fmt: skip


@pytest.mark.parametrize("algorithm", FITTING)
def test_the_hash_is_that_of_the_algorithm(algorithm: str) -> None:
    import hashlib

    expected = replace(EXPECTED, algorithms=(algorithm,))
    right = {"256": 256, "384": 384, "512": 512}.get(algorithm[2:], 512)
    for size in (256, 384, 512):
        digest = hashlib.new(f"sha{size}", ACCESS_TOKEN.encode()).digest()
        text = token(algorithm, at_hash=b64(digest[: len(digest) // 2]))
        if size == right:
            verify(text, expected)
        else:
            refused(text, "at_hash", expected)


def test_a_hash_of_what_did_not_come_is_not_compared() -> None:
    """An ID token of a refresh may repeat the c_hash of the first one."""
    verify(token(c_hash="x", at_hash="y"), replace(EXPECTED, code="", access_token=""))


# --- how somebody proved who they are ------------------------------------------------------------

RECENT = replace(EXPECTED, max_age=60)


def test_somebody_who_proved_it_recently_enough_passes() -> None:
    """Core 3.1.2.1: max_age, and then auth_time is required."""
    for ago in (0, 60, 60 + SKEW - 1):
        verify(token(auth_time=NOW - ago), RECENT)


@pytest.mark.parametrize("ago", [60 + SKEW + 1, 3_600, NOW])
def test_somebody_who_proved_it_too_long_ago_does_not(ago: float) -> None:
    refused(token(auth_time=NOW - ago), "auth_time is longer ago than max_age, 60 s", RECENT)


@pytest.mark.parametrize("value", [ABSENT, None, "now", True])
def test_a_time_that_was_asked_for_has_to_be_there(value: object) -> None:
    refused(token(auth_time=value), "auth_time must be a time", RECENT)


def test_a_max_age_of_zero_is_one() -> None:
    expected = replace(EXPECTED, max_age=0, skew=0)
    verify(token(iat=NOW - 1, auth_time=NOW), expected)
    refused(token(iat=NOW - 1, auth_time=NOW - 1), "max_age, 0 s", expected)


@pytest.mark.parametrize("acr", [ABSENT, None, "low", ["high"], 1, ""])
def test_a_level_that_was_demanded_has_to_be_reached(acr: object) -> None:
    """Core 5.5.1.1: acr as an essential claim."""
    expected = replace(EXPECTED, acr=("high", "higher"))
    verify(token(acr="higher"), expected)
    refused(token(acr=acr), "acr must be one of high, higher", expected)


# --- header and signature ------------------------------------------------------------------------

HEADERS_REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a logout token": ({"typ": "logout+jwt"}, "typ must be jwt"),
    "an access token": ({"typ": "at+jwt"}, "typ must be jwt"),
    "an access token as a media type": ({"typ": "application/at+jwt"}, "typ must be jwt"),
    "a proof of possession": ({"typ": "dpop+jwt"}, "typ must be jwt"),
    "an event": ({"typ": "secevent+jwt"}, "typ must be jwt"),
    "typ empty": ({"typ": ""}, "typ must be jwt"),
    "typ null": ({"typ": None}, "typ must be jwt"),
    "typ a list": ({"typ": ["JWT"]}, "typ must be jwt"),
    "typ a prefix twice": ({"typ": "application/application/jwt"}, "typ must be jwt"),
    "crit": ({"crit": ["exp"]}, "its header has one of crit"),
    "crit empty": ({"crit": []}, "its header has one of crit"),
    "b64": ({"b64": False, "crit": ["b64"]}, "its header has one of crit"),
    "b64 alone": ({"b64": False}, "its header has one of crit"),
    "zip": ({"zip": "DEF"}, "its header has one of crit"),
    "kid unknown": ({"kid": "another"}, "no single key for kid 'another'"),
    "kid empty": ({"kid": ""}, "no single key"),
    "kid of a key of another kind": ({"kid": "RSA"}, "no single key"),
    "kid a number": ({"kid": 1}, "kid is no text"),
    "kid a list": ({"kid": ["ECP-256"]}, "kid is no text"),
    "kid a path": ({"kid": "../../dev/null"}, "no single key"),
}


@pytest.mark.parametrize(("header", "why"), HEADERS_REFUSED.values(), ids=HEADERS_REFUSED)
def test_a_header_that_is_wrong_is_refused(header: Mapping[str, Any], why: str) -> None:
    refused(token(header=header), why)


def with_alg(alg: Any, signature: bytes = b"", **more: Any) -> str:
    return compact(header_with({"alg": alg, **more}), json.dumps(CLAIMS).encode(), signature)


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, 0, True, ["ES256"], {"ES256": 1}, "es256"],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("signature", [b"", b"x" * 64])
@pytest.mark.parametrize(
    "expected", [EXPECTED, replace(EXPECTED, algorithms=("none", "", "ES256"))]
)
def test_an_algorithm_that_is_none_is_refused_whatever_is_configured(
    alg: object, signature: bytes, expected: Expected
) -> None:
    """RFC 8725 3.1 and 3.2."""
    refused(with_alg(alg, signature), "alg must be one of", expected)


def test_a_header_without_an_algorithm_is_refused() -> None:
    refused(with_alg(ABSENT), "alg must be one of ES256, not None")


@pytest.mark.parametrize("algorithm", [each for each in FITTING if each != "ES256"])
def test_an_algorithm_that_is_not_expected_is_refused_though_the_key_is_right(
    algorithm: str,
) -> None:
    refused(token(algorithm), f"alg must be one of ES256, not '{algorithm}'")


def spellings(public: Any) -> dict[str, bytes]:
    return {
        "PEM": public.as_pem(private=False),
        "PEM without its last line break": public.as_pem(private=False).strip(),
        "DER": public.as_der(private=False),
        "JWK": json.dumps(public.as_dict(private=False)).encode(),
    }


@pytest.mark.parametrize("spelling", ["PEM", "PEM without its last line break", "DER", "JWK"])
@pytest.mark.parametrize("algorithms", [("RS256",), ("RS256", "HS256")])
def test_a_public_key_is_no_secret(spelling: str, algorithms: tuple[str, ...]) -> None:
    """RFC 8725 2.1: HMAC with the public key as its secret, also where HMAC is allowed."""
    octets = spellings(key("RS256"))[spelling]
    forged = signed_hs256({"kid": "RSA", "typ": "JWT"}, CLAIMS, octets)
    refused(forged, "alg must be|the signature is not", replace(EXPECTED, algorithms=algorithms))


@pytest.mark.parametrize("secret", [b"", b"\0", b"us"])
def test_a_secret_that_everybody_knows_signs_nothing(secret: bytes) -> None:
    forged = signed_hs256({"typ": "JWT"}, CLAIMS, secret)
    refused(forged, "the signature is not", replace(EXPECTED, algorithms=("HS256",)))


@pytest.mark.parametrize("kind", ["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("named", [True, False])
def test_a_key_that_the_token_brings_verifies_nothing(kind: str, named: bool) -> None:
    """RFC 8725 3.10. The key is a short one, so that no limit on headers is in the way."""
    own = key("ES256", "somebody")
    value = {"jwk": own.as_dict(private=False), "x5c": ["MIIB"]}.get(kind, "https://evil.test/k")
    header = header_with({kind: value, **({} if named else {"kid": ABSENT})})
    refused(signed(own, header, CLAIMS), "the signature is not the provider's")


def test_a_signature_is_of_this_header_and_these_claims() -> None:
    one, other = token().split("."), token(sub="bob").split(".")
    refused(".".join((one[0], other[1], one[2])), "the signature is not")
    other = token(header={"x": 1}).split(".")
    refused(".".join((other[0], one[1], one[2])), "the signature is not")


@pytest.mark.parametrize(
    "octets", [b"", b"\0" * 64, b"\0" * 63 + b"\1", b"\xff" * 64, b"x" * 5_000]
)
def test_a_signature_of_nothing_is_none(octets: bytes) -> None:
    """Among them r and s of zero, which some verified (CVE-2022-21449)."""
    good = token()
    refused(f"{good.rpartition('.')[0]}.{b64(octets)}", "the signature is not")


def test_a_signature_in_der_is_none() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    head, _, signature = token().rpartition(".")
    import base64

    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    refused(f"{head}.{b64(der)}", "the signature is not")


NO_TOKEN = {
    "empty": "", "a word": "nonsense", "two parts": "a.b", "four parts": "a.b.c.d", "dots": "..",
    "six parts": "a.b.c.d.e.f", "spaces": " . . ", "not base64": "*.*.*", "not ascii": "é.é.é",
    "a null": "\0.\0.\0", "long": "a" * 70_000, "long parts": f"{'a' * 70_000}.b.c",
    "json": '{"payload": "", "signatures": []}',
}  # fmt: skip


@pytest.mark.parametrize("text", NO_TOKEN.values(), ids=NO_TOKEN)
def test_what_is_no_token_is_refused(text: str) -> None:
    refused(text, "no signed JWT|no JSON object")


def test_an_encrypted_token_is_refused_with_what_to_do() -> None:
    head = b64(b'{"alg": "dir", "enc": "A256GCM"}')
    refused(f"{head}..b.c.d", "it is encrypted; register this client without encryption")


def test_a_token_in_a_token_is_refused() -> None:
    inner = token()
    refused(signed(key(), header_with({"cty": "JWT"}), inner.encode()), "no JSON object")


def test_a_token_with_white_space_around_is_refused() -> None:
    for text in (f" {token()}", f"{token()}\n", f"{token()}=", f"Bearer {token()}"):
        refused(text)


def encoded(text: bytes) -> str:
    """A token whose claims are these octets, well signed."""
    return signed(key(), header_with({}), text)


GOOD = json.dumps(CLAIMS)


def nested(depth: int, begin: str, end: str) -> bytes:
    """Good claims with another one that is deep."""
    return GOOD.replace("{", f'{{"x": {begin * depth}1{end * depth}, ', 1).encode()


ODD_CLAIMS = {
    "a name twice": GOOD.replace("{", '{"sub": "bob", ', 1).encode(),
    "the same name twice with the same value": GOOD.replace("{", '{"sub": "alice", ', 1).encode(),
    "a name twice further down": GOOD.replace("{", '{"x": {"a": 1, "a": 2}, ', 1).encode(),
    "a name twice in two spellings": GOOD.replace("{", '{"s\\u0075b": "bob", ', 1).encode(),
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-32": GOOD.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "not UTF-8": GOOD.replace("alice", "\xff").encode("latin-1"),
    "a list": f"[{GOOD}]".encode(),
    "text": b'"alice"',
    "null": b"null",
    "nothing": b"",
    "something behind": GOOD.encode() + b"{}",
    "half": GOOD.encode()[:-1],
    "deep": b'{"x":' + b"[" * 20_000,
    **{f"{depth} lists": nested(depth, "[", "]") for depth in (100, 400, 700, 950, 5_000)},
    **{f"{depth} objects": nested(depth, '{"y":', "}") for depth in (100, 400, 700, 950, 5_000)},
}


@pytest.mark.parametrize("octets", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_claims_that_two_readers_could_read_differently_are_refused(octets: bytes) -> None:
    refused(encoded(octets), "no JSON object with each name once")


def test_a_header_with_a_name_twice_is_refused() -> None:
    head = b64(b'{"alg": "none", "alg": "ES256", "kid": "ECP-256"}') + "." + b64(GOOD.encode())
    signature = JWSRegistry.algorithms["ES256"].sign(head.encode(), key())
    refused(f"{head}.{b64(signature)}", "no JSON object with each name once")


def test_one_token_has_one_spelling() -> None:
    """RFC 7515 2: no padding, no other alphabet, no bits behind the last octet."""
    good = token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = good[-1]  # of 64 octets, 86 characters: four bits of the last one are unused
    others = [alphabet[alphabet.index(last) + more] for more in range(1, 16)]
    for other in others:
        refused(good[:-1] + other, "the signature is not")
    refused(good + "==", "the signature is not")


@functools.cache
def one_good_token() -> str:
    return token()


@given(st.integers(0, 999), st.characters() | st.sampled_from("AZaz09-_.="))
def test_no_character_of_a_token_can_be_changed(place: int, other: str) -> None:
    good = one_good_token()
    place %= len(good)
    assume(good[place] != other)
    refused(good[:place] + other + good[place + 1 :])


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){2,4}"))
@example("e30.e30.")
def test_no_text_does_anything_but_be_refused(text: str) -> None:
    with pytest.raises(OAuthError):
        verify(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "events"]),
        JSON,
        min_size=1,
    )
)
def test_no_value_of_a_claim_gets_through_that_is_not_the_right_one(claims: dict[str, Any]) -> None:
    """Each of them is as it was, or is refused; nothing else is ever raised."""
    try:
        found = verify(token(**claims)).claims
    except OAuthError:
        return
    assert found["iss"] == ISSUER and found["nonce"] == NONCE and found.get("azp", "us") == "us"
    assert found["aud"] in ("us", ["us"]) and "events" not in found and "at_hash" not in found
    assert found["exp"] > NOW - SKEW and found["iat"] < NOW + SKEW


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x"]), JSON))
def test_no_header_does_anything_but_be_refused_or_ignored(header: dict[str, Any]) -> None:
    text = compact(
        header_with(header),
        json.dumps(CLAIMS).encode(),
        JWSRegistry.algorithms["ES256"].sign(b"x", key()),
    )
    refused(text)


def test_verifying_leaves_the_warnings_of_the_process_alone() -> None:
    """joserfc warns about the name EdDSA; other threads may want their warnings meanwhile."""
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verify(token("EdDSA"), replace(EXPECTED, algorithms=("EdDSA",)))
    assert list(warnings.filters) == before


# --- which algorithms are expected ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "announced", "found"),
    [
        ((), None, ("RS256",)),
        ((), (), ("RS256",)),
        ((), ("none", "HS256"), ("RS256",)),
        ((), ("none", "HS256", "RS256", "RS512", "ES256"), ("RS256", "RS512", "ES256")),
        ((), ("ES256K", "dir", "ML-DSA-44"), ("RS256",)),
        (("HS256",), ("RS256",), ("HS256",)),
        (("PS256", "ES256"), None, ("PS256", "ES256")),
    ],
)
def test_what_the_provider_announces_never_brings_in_a_secret_or_none(
    configured: tuple[str, ...], announced: tuple[str, ...] | None, found: tuple[str, ...]
) -> None:
    assert algorithms_of(configured, announced) == found


# --- the logout token ----------------------------------------------------------------------------

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT: Mapping[str, Any] = {
    "iss": ISSUER, "aud": "us", "iat": NOW - 1, "exp": NOW + 120, "jti": "once", "sub": "alice",
    "sid": "session", "events": {EVENT: {}},
}  # fmt: skip


def logout_token(header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    head = header_with({"typ": "logout+jwt", **(header or {})})
    return signed(key(), head, claims_with(claims, LOGOUT))


def verify_logout(text: str, now: float = NOW) -> Any:
    return verify_logout_token(text, KEYS, replace(EXPECTED, nonce=None), now)


def test_a_logout_token_says_whose_session_ends() -> None:
    notice = verify_logout(logout_token())
    assert (notice.subject, notice.sid, notice.jti) == ("alice", "session", "once")
    assert "alice" not in repr(notice)


def test_a_logout_token_cannot_come_again_once_it_is_forgotten() -> None:
    """R089: a jti that is kept until ``expires`` is enough, for then the token itself is over."""
    text = logout_token(exp=NOW + 100.5)
    notice = verify_logout(text)
    with pytest.raises(OAuthError, match="exp is over"):
        verify_logout(text, notice.expires)
    verify_logout(text, notice.expires - 2)


LOGOUT_PASS: Mapping[str, Mapping[str, Any]] = {
    "the subject alone": {"sid": ABSENT},
    "the session alone": {"sub": ABSENT},
    "an event with something in it": {"events": {EVENT: {"x": 1}}},
    "an event beside it": {"events": {EVENT: {}, "https://op.test/event": {}}},
    "aud in a list": {"aud": ["us"]},
    "azp that is us": {"azp": "us"},
}


@pytest.mark.parametrize("claims", LOGOUT_PASS.values(), ids=LOGOUT_PASS)
def test_what_a_logout_token_may_say(claims: Mapping[str, Any]) -> None:
    notice = verify_logout(logout_token(**claims))
    assert notice.subject or notice.sid


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "application/logout+jwt", "LOGOUT+JWT"])
def test_what_a_logout_token_may_call_itself(typ: object) -> None:
    """Back-Channel Logout 2.4: typ is recommended."""
    assert verify_logout(logout_token({"typ": typ})).jti == "once"


LOGOUT_REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no iss": ({"iss": ABSENT}, "iss is not"),
    "another iss": ({"iss": "https://evil.test"}, "iss is not"),
    "no aud": ({"aud": ABSENT}, "aud must be"),
    "another aud": ({"aud": "them"}, "aud must be"),
    "a foreign audience": ({"aud": ["us", "them"]}, "nobody else"),
    "another azp": ({"azp": "them"}, "azp must be"),
    "no iat": ({"iat": ABSENT}, "iat must be"),
    "iat in the future": ({"iat": NOW + SKEW + 1}, "iat is in the future"),
    "iat of last week": ({"iat": NOW - 7 * OLDEST}, "more than a day ago"),
    "iat text": ({"iat": "now"}, "iat must be"),
    "no exp": ({"exp": ABSENT}, "exp must be"),
    "exp over": ({"exp": NOW - SKEW}, "exp is over"),
    "exp true": ({"exp": True}, "exp must be"),
    "no jti": ({"jti": ABSENT}, "jti is missing"),
    "jti empty": ({"jti": ""}, "jti is missing"),
    "jti a number": ({"jti": 1}, "jti is missing"),
    "jti long": ({"jti": "x" * 256}, "jti is missing"),
    "neither sub nor sid": ({"sub": ABSENT, "sid": ABSENT}, "neither sub nor sid"),
    "sid empty without sub": ({"sub": ABSENT, "sid": ""}, "neither sub nor sid"),
    "sub empty": ({"sub": ""}, "sub must be text"),
    "sub null": ({"sub": None}, "sub must be text"),
    "sub a list": ({"sub": ["alice"]}, "sub must be text"),
    "sid a number": ({"sid": 1}, "neither sub nor sid"),
    "sid null": ({"sid": None}, "neither sub nor sid"),
    "no events": ({"events": ABSENT}, "events does not say"),
    "events null": ({"events": None}, "events does not say"),
    "events a list": ({"events": [EVENT]}, "events does not say"),
    "events text": ({"events": EVENT}, "events does not say"),
    "another event": ({"events": {"https://op.test/event": {}}}, "events does not say"),
    "an event that is no object": ({"events": {EVENT: True}}, "events does not say"),
    "an event that is null": ({"events": {EVENT: None}}, "events does not say"),
    "a nonce": ({"nonce": NONCE}, "it is no logout token"),
    "a nonce null": ({"nonce": None}, "it is no logout token"),
}


@pytest.mark.parametrize(("claims", "why"), LOGOUT_REFUSED.values(), ids=LOGOUT_REFUSED)
def test_a_logout_token_with_a_wrong_claim_ends_nothing(
    claims: Mapping[str, Any], why: str
) -> None:
    """Back-Channel Logout 2.6."""
    with pytest.raises(OAuthError, match=f"^logout: .*{why}"):
        verify_logout(logout_token(**claims))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: logout_token({"typ": "at+jwt"}), "typ must be jwt or logout"),
        (lambda: logout_token({"kid": "another"}), "no single key"),
        (lambda: logout_token({"crit": ["x"]}), "its header has one of"),
        (lambda: with_alg("none"), "alg must be"),
        (lambda: signed(key("ES256", "somebody"), header_with({}), LOGOUT), "the signature is"),
        (lambda: signed_hs256({}, LOGOUT, SECRET.encode()), "alg must be"),
        (lambda: logout_token()[:-4] + "AAAA", "the signature is"),
        (lambda: "a.b.c.d.e", "it is encrypted"),
        (lambda: "", "no signed JWT"),
    ],
)
def test_a_logout_token_that_is_not_well_signed_ends_nothing(
    make: Callable[[], str], why: str
) -> None:
    with pytest.raises(OAuthError, match=why):
        verify_logout(make())


def test_neither_token_passes_for_the_other() -> None:
    """Back-Channel Logout 2.4: why a logout token has no nonce."""
    refused(logout_token(nonce=NONCE, typ="JWT"), "typ must be jwt")
    refused(logout_token({"typ": "JWT"}, nonce=NONCE), "a token of an event")
    with pytest.raises(OAuthError, match="it is no logout token"):
        verify_logout(token())
    with pytest.raises(OAuthError, match="events does not say"):
        verify_logout(token(nonce=ABSENT))


# --- other tokens --------------------------------------------------------------------------------


def test_a_signed_answer_is_of_this_provider_and_for_this_client() -> None:
    """Core 5.3.2: iss and aud may be there."""

    def read(**claims: Any) -> Mapping[str, Any]:
        text = signed(key(), header_with({}), claims)
        return verify_signed("userinfo", text, KEYS, EXPECTED)

    assert read(sub="alice") == {"sub": "alice"}
    assert read(sub="alice", iss=ISSUER, aud=["us", "them"])["sub"] == "alice"
    with pytest.raises(OAuthError, match="userinfo: iss is another"):
        read(sub="alice", iss="https://evil.test")
    with pytest.raises(OAuthError, match="userinfo: aud is another"):
        read(sub="alice", aud="them")


def test_claims_that_were_verified_before_are_read_again() -> None:
    assert unverified_claims(token())["sub"] == "alice"
    assert unverified_claims("") == {}
