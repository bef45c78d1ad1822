"""An access token stands for somebody only if it was issued for this API, and for whoever bears it
(RFC 9068 section 4, RFC 8725)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oauth.ground import ISSUER, NOW
from tests.oauth.test_id_token import ABSENT, KEYS, SECRET, claims_with, header_with, key
from wsgi_auth.errors import OAuthError
from wsgi_auth.oauth.id_token import (
    SKEW,
    Expected,
    Identity,
    accept_access_token,
    verify_access_token,
)
from wsgi_auth.testing.fake_provider.keys import signed, signed_hs256

API = "https://api.example.test"
EXPECTED = Expected(lambda claims: ISSUER, "us", ("ES256",), None)
CLAIMS = {
    "iss": ISSUER, "aud": API, "sub": "alice", "iat": NOW - 1, "exp": NOW + 300, "jti": "1",
    "client_id": "a-program", "scope": "read write",
}  # fmt: skip


def token(header: dict[str, Any] | None = None, owner: str = "the provider", **claims: Any) -> str:
    """A good access token, with these changes."""
    said = header_with({"typ": "at+jwt", **(header or {})})
    return signed(key("ES256", owner), said, claims_with(claims, CLAIMS))


def verify(text: str, expected: Expected = EXPECTED, now: float = NOW) -> Identity:
    return verify_access_token(text, KEYS, expected, (API, "https://other.example.test"), now)


GOOD = {
    "as it should be": {},
    "of several audiences": {"aud": ["https://op.test/userinfo", API]},
    "of another of our names": {"aud": "https://other.example.test"},
    "an azp that is not us, for it is who asked": {"azp": "a-program"},
    "issued months ago, if it still runs": {"iat": NOW - 90 * 86_400},
    "at the edge of its time": {"exp": NOW - SKEW + 1},
    "Keycloak's word for an access token": {"typ": "Bearer"},
    "its type said again": {"typ": "at+JWT"},
    "that it is a JWT": {"typ": "JWT"},
    "no scope and no client": {"scope": ABSENT, "client_id": ABSENT, "jti": ABSENT},
}


@pytest.mark.parametrize("claims", GOOD.values(), ids=GOOD)
def test_a_good_access_token_stands_for_somebody(claims: dict[str, Any]) -> None:
    assert verify(token(**claims)).subject == "alice"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", ABSENT])
def test_the_types_of_an_access_token_are_taken(typ: Any) -> None:
    assert verify(token({"typ": typ})).subject == "alice"


BAD = {
    "an ID token's audience": ({"aud": "us"}, "aud must be one of"),
    "another API": ({"aud": "https://elsewhere.example.test"}, "aud must be one of"),
    "an audience that only begins alike": ({"aud": API + "/"}, "aud must be one of"),
    "no audience": ({"aud": ABSENT}, "aud must be one of"),
    "an empty list of audiences": ({"aud": []}, "aud must be one of"),
    "an audience that is a mapping": ({"aud": {API: 1}}, "aud must be one of"),
    "another issuer": ({"iss": "https://evil.test"}, "iss is not"),
    "no issuer": ({"iss": ABSENT}, "iss is not"),
    "over": ({"exp": NOW - SKEW - 1}, "exp is over"),
    "no end": ({"exp": ABSENT}, "exp must be"),
    "an end that is text": ({"exp": str(NOW + 300)}, "exp must be"),
    "an end that is no number": ({"exp": float("nan")}, None),
    "no beginning": ({"iat": ABSENT}, "iat must be"),
    "from the future": ({"iat": NOW + SKEW + 9}, "iat is in the future"),
    "not yet good": ({"nbf": NOW + SKEW + 9}, "nbf is in the future"),
    "nobody's": ({"sub": ABSENT}, "sub must be"),
    "an empty subject": ({"sub": ""}, "sub must be"),
    "a subject with a line": ({"sub": "a\nb"}, "sub must be"),
    "bound to a key (RFC 9449)": ({"cnf": {"jkt": "x"}}, "bound to a key"),
    "bound to a certificate (RFC 8705)": ({"cnf": {"x5t#S256": "x"}}, "bound to a key"),
    "an ID token for this audience": ({"nonce": "n"}, "another kind"),
    "an ID token with a hash": ({"at_hash": "n"}, "another kind"),
    "an ID token with a code's hash": ({"c_hash": "n"}, "another kind"),
    "a logout token": ({"events": {}}, "another kind"),
    "another kind's word": ({"typ": ""}, "another kind"),
    "a word that is none": ({"typ": None}, "another kind"),
    "Keycloak's ID token": ({"typ": "ID"}, "another kind"),
    "Keycloak's refresh token": ({"typ": "Refresh"}, "another kind"),
    "a sign-in that is to come": ({"auth_time": NOW + SKEW + 9}, "auth_time is in the future"),
    "a time that is none": ({"auth_time": "yesterday"}, "auth_time must be"),
}


@pytest.mark.parametrize(("claims", "match"), BAD.values(), ids=BAD)
def test_any_other_token_stands_for_nobody(claims: dict[str, Any], match: str | None) -> None:
    text = token(**claims)
    with pytest.raises(OAuthError, match=match) as caught:
        verify(text)
    assert caught.value.step == "access_token"
    assert all(len(part) < 5 or part not in str(caught.value) for part in text.split("."))


HEADERS = {
    "a logout token's type": {"typ": "logout+jwt"},
    "a proof's type": {"typ": "dpop+jwt"},
    "an extension that must be understood": {"crit": ["b64"], "b64": False},
    "no signature": {"alg": "none"},
    "a key of its own": {"jwk": {"kty": "EC"}, "kid": "unknown"},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_is_not_an_access_tokens_is_refused(header: dict[str, Any]) -> None:
    said = header_with({"typ": "at+jwt", **header})
    text = signed(key("ES256"), {**said, "alg": "ES256"}, CLAIMS)
    if header.get("alg") == "none":
        text = f"{signed_hs256(said, CLAIMS, b'').rpartition('.')[0]}."
    with pytest.raises(OAuthError):
        verify(text)


def test_what_another_key_signed_is_refused() -> None:
    with pytest.raises(OAuthError, match="signature"):
        verify(token(owner="somebody"))


def test_what_the_secret_signed_is_refused() -> None:
    text = signed_hs256(header_with({"typ": "at+jwt"}), CLAIMS, SECRET.encode())
    with pytest.raises(OAuthError, match="alg must be"):
        verify(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "a.b.c.d.e", "é.é.é", "opaque"])
def test_what_is_no_jwt_is_refused(text: str) -> None:
    with pytest.raises(OAuthError):
        verify(text)


@given(st.integers(0, 10_000), st.characters(codec="ascii", min_codepoint=33))
def test_one_other_character_and_it_stands_for_nobody(place: int, other: str) -> None:
    text = token()
    place %= len(text)
    changed = text[:place] + other + text[place + 1 :]
    if changed != text:
        with pytest.raises(OAuthError):
            verify(changed)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "auth_time", "typ", "cnf"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
        ),
    )
)  # fmt: skip
def test_whatever_the_claims_are_it_is_an_answer_and_no_traceback(claims: dict[str, Any]) -> None:
    text = token(**json.loads(json.dumps(claims)))
    try:
        found = verify(text)
    except OAuthError:
        return
    assert found.claims["sub"] and found.claims["iss"] == ISSUER


def test_the_algorithms_are_the_configured_ones() -> None:
    with pytest.raises(OAuthError, match="alg must be"):
        verify(token(), replace(EXPECTED, algorithms=("RS256",)))


# --- what the provider says of a token (RFC 7662) ---------------------------------------------------


def accept(now: float = NOW, **claims: Any) -> Identity:
    """What comes of a provider's answer about a good token, with these changes."""
    said = claims_with({"active": True, **claims}, CLAIMS)
    return accept_access_token(said, EXPECTED, (API, "https://other.example.test"), now)


SAID = {
    **{name: said for name, said in GOOD.items() if "no scope" not in name},
    "nothing but whose it is, and for whom": dict.fromkeys(("iss", "iat", "exp", "jti", "client_id", "scope"), ABSENT),
    "the usual type": {"token_type": "Bearer"},
    "the type in lower case": {"token_type": "bearer"},
    "a name for people": {"username": "alice@example.test"},
    "Hydra's word": {"token_use": "access_token"},
    "Cognito's word": {"token_use": "access"},
    "nothing where null stands": {
        "iss": None, "exp": None, "token_type": None, "cnf": None, "nonce": None, "typ": None,
    },
}  # fmt: skip


@pytest.mark.parametrize("claims", SAID.values(), ids=SAID)
def test_a_token_that_its_provider_knows_stands_for_somebody(claims: dict[str, Any]) -> None:
    assert accept(**claims).subject == "alice"


@pytest.mark.parametrize("absent", [ABSENT, None])
def test_a_token_that_nobody_stands_behind_is_its_clients(absent: Any) -> None:
    assert accept(sub=absent).subject == "a-program"


UNACCEPTED = {
    **{
        name: case
        for name, case in BAD.items()
        if not name.startswith(("no issuer", "no end", "no beginning", "nobody's", "a word"))
    },
    "not active": ({"active": False}, "not active"),
    "no word of it": ({"active": ABSENT}, "not active"),
    "active in another way": ({"active": "true"}, "not active"),
    "active by a number": ({"active": 1}, "not active"),
    "somebody's who has no name": ({"sub": ABSENT, "username": "alice"}, "sub must be"),
    "nobody's, of no client": ({"sub": ABSENT, "client_id": ABSENT}, "sub must be"),
    "from the future": ({"iat": NOW + SKEW + 9}, "from the future"),
    "not yet good": ({"nbf": NOW + SKEW + 9}, "from the future"),
    "a refresh token": ({"token_use": "refresh_token"}, "another kind"),
    "Cognito's ID token": ({"token_use": "id"}, "another kind"),
    "bound to a key by its type": ({"token_type": "DPoP"}, "another kind"),
    "a type that is none": ({"token_type": ["Bearer"]}, "another kind"),
}  # fmt: skip


@pytest.mark.parametrize(("claims", "match"), UNACCEPTED.values(), ids=UNACCEPTED)
def test_any_other_answer_about_a_token_stands_for_nobody(
    claims: dict[str, Any], match: str | None
) -> None:
    with pytest.raises(OAuthError, match=match) as caught:
        accept(**claims)
    assert caught.value.step == "access_token"
