"""For each misbehaviour of the fake provider: what shows, from outside, that it does as it is named.

One row a name: a predicate on what was seen. Rows for whole answers (``token_500``) are by kind.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jws

ISSUER = "https://op.example.test"
SECRET = "the secret of the app at the fake provider"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


def unpacked(part: str) -> Any:
    """One part of a JWT; the second value of a doubled key wins."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@dataclass
class Token:
    """A JWT taken apart, believed in nothing."""

    text: str
    published: list[dict[str, Any]] = field(default_factory=list)

    @property
    def head(self) -> dict[str, Any]:
        return unpacked(self.text.split(".")[0])

    @property
    def claims(self) -> Any:
        return unpacked(self.text.split(".")[1])

    @property
    def signature(self) -> str:
        return self.text.split(".")[2]

    def verifies(self, key: dict[str, Any] | None = None) -> bool:
        """Whether the signature is that of a published key (or of this one), by header alg."""
        keys = [key] if key else self.published
        for each in keys:
            try:
                registry = jws.JWSRegistry(
                    algorithms=["RS256", "RS512", "ES256"], strict_check_header=False
                )
                registry.max_header_length = 4000
                bare = {name: each[name] for name in each if name not in ("alg", "use")}
                # "crit" and odd kids are the header's affair, not the signature's
                head, payload, signature = self.text.split(".")
                alg = registry.get_alg(self.head["alg"])
                raw = base64.urlsafe_b64decode(signature + "==")
                if alg.verify(f"{head}.{payload}".encode(), raw, jwk.import_key(bare)):
                    return True
            except Exception:
                continue
        return False

    def is_hs256_of(self, secret: bytes) -> bool:
        head, _, signature = self.text.rpartition(".")
        digest = hmac.digest(secret, head.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == signature

    def is_hs256_of_a_public_key(self) -> bool:
        return any(
            self.is_hs256_of(jwk.RSAKey.import_key(key).as_pem(private=False))
            for key in self.published
            if key["kty"] == "RSA"
        )


@dataclass
class Seen:
    """Everything a provider sent in one visit, and what was sent to it."""

    nonce: str
    state: str
    discovery: Any
    jwks: Any
    pairs: list[tuple[str, str]]
    tokens: Any
    id_token: Token
    userinfo: Any
    par: Any
    refreshed: Any
    refreshed_id_token: Token
    logout_pairs: list[tuple[str, str]]
    logout_token: Token

    def said(self, name: str) -> list[str]:
        """The values of a parameter in the address."""
        return [value for each, value in self.pairs if each == name]

    @property
    def claims(self) -> Any:
        return self.id_token.claims


def half_hash(access_token: str) -> str:
    """``at_hash`` where the signature is with SHA-256 (OpenID Connect Core 3.1.3.6)."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def ago(seconds: float, value: Any) -> bool:
    """Whether a time is about that long ago (before now if positive)."""
    return abs(time.time() - seconds - value) < 300


DAY = 86_400
YEAR = 365 * DAY

#: name → what shows it
EVIDENCE: dict[str, Callable[[Seen], Any]] = {
    # signature
    "bad_signature": lambda s: s.id_token.head["alg"] == "RS256" and not s.id_token.verifies(),
    "no_signature": lambda s: s.id_token.head["alg"] == "RS256" and s.id_token.signature == "",
    "alg_none": lambda s: s.id_token.head["alg"] == "none" and s.id_token.signature == "",
    "alg_none_capitals": lambda s: s.id_token.head["alg"] == "NonE",
    "hs256_confusion": lambda s: (
        s.id_token.head["alg"] == "HS256" and s.id_token.is_hs256_of_a_public_key()
    ),
    "hs256_client_secret": lambda s: s.id_token.is_hs256_of(SECRET.encode()),
    "hs256_empty": lambda s: s.id_token.is_hs256_of(b""),
    "other_alg": lambda s: s.id_token.head["alg"] == "RS512" and s.id_token.verifies(),
    "other_key": lambda s: (
        s.id_token.head["kid"] in {key["kid"] for key in s.jwks["keys"]}
        and not s.id_token.verifies()
        and len(s.id_token.signature) == 342
    ),
    "embedded_jwk": lambda s: (
        s.id_token.verifies(s.id_token.head["jwk"]) and not s.id_token.verifies()
    ),
    "embedded_short_jwk": lambda s: (
        s.id_token.verifies(s.id_token.head["jwk"])
        and len(base64.urlsafe_b64decode(s.id_token.text.split(".")[0] + "==")) < 512
    ),
    "jku": lambda s: "attacker" in s.id_token.head["jku"] and not s.id_token.verifies(),
    "x5u": lambda s: "attacker" in s.id_token.head["x5u"] and not s.id_token.verifies(),
    "crit": lambda s: s.id_token.head["crit"][0] in s.id_token.head and s.id_token.verifies(),
    "no_kid": lambda s: "kid" not in s.id_token.head and s.id_token.verifies(),
    "unknown_kid": lambda s: (
        s.id_token.head["kid"] not in {key["kid"] for key in s.jwks["keys"]}
        and s.id_token.verifies()
    ),
    "kid_not_text": lambda s: s.id_token.head["kid"] == 7,
    "typ_logout": lambda s: s.id_token.head["typ"] == "logout+jwt" and s.id_token.verifies(),
    "typ_access": lambda s: s.id_token.head["typ"] == "at+jwt" and s.id_token.verifies(),
    "claims_list": lambda s: isinstance(s.claims, list) and s.id_token.verifies(),
    "duplicate_claims": lambda s: (
        base64.urlsafe_b64decode(s.id_token.text.split(".")[1] + "==").count(b'"sub"') == 2
        and s.id_token.verifies()
    ),
    "garbage_id_token": lambda s: s.tokens["id_token"] == "not.a.token",
    "encrypted_id_token": lambda s: s.tokens["id_token"].count(".") == 4,
    # claims; every token of these verifies (see the test)
    "wrong_iss": lambda s: s.claims["iss"] != ISSUER,
    "iss_slash": lambda s: s.claims["iss"] == ISSUER + "/",
    "no_iss": lambda s: "iss" not in s.claims,
    "wrong_aud": lambda s: s.claims["aud"] == "somebody-else",
    "no_aud": lambda s: "aud" not in s.claims,
    "empty_aud": lambda s: s.claims["aud"] == [],
    "foreign_aud": lambda s: s.claims["aud"] == ["app", "somebody-else"] and "azp" not in s.claims,
    "foreign_aud_azp": lambda s: (
        s.claims["aud"] == ["app", "somebody-else"] and s.claims["azp"] == "app"
    ),
    "azp_mismatch": lambda s: s.claims["azp"] != "app" and s.claims["aud"] == "app",
    "wrong_nonce": lambda s: s.claims["nonce"] not in ("", s.nonce),
    "no_nonce": lambda s: "nonce" not in s.claims,
    "empty_nonce": lambda s: s.claims["nonce"] == "",
    "nonce_list": lambda s: s.claims["nonce"] == [s.nonce],
    "no_iat": lambda s: "iat" not in s.claims,
    "iat_future": lambda s: ago(-DAY, s.claims["iat"]),
    "iat_old": lambda s: ago(YEAR, s.claims["iat"]),
    "iat_text": lambda s: isinstance(s.claims["iat"], str),
    "nbf_future": lambda s: ago(-DAY, s.claims["nbf"]),
    "no_exp": lambda s: "exp" not in s.claims,
    "expired": lambda s: ago(3600, s.claims["exp"]),
    "exp_text": lambda s: isinstance(s.claims["exp"], str),
    "exp_bool": lambda s: s.claims["exp"] is True,
    "no_sub": lambda s: "sub" not in s.claims,
    "empty_sub": lambda s: s.claims["sub"] == "",
    "sub_number": lambda s: s.claims["sub"] == 7,
    "sub_long": lambda s: len(s.claims["sub"]) > 255,
    "wrong_at_hash": lambda s: s.claims["at_hash"] != half_hash(s.tokens["access_token"]),
    "no_at_hash": lambda s: "at_hash" not in s.claims,
    "auth_time_old": lambda s: ago(YEAR, s.claims["auth_time"]),
    "no_auth_time": lambda s: "auth_time" not in s.claims,
    "email_not_verified": lambda s: s.claims["email_verified"] is False,
    "email_verified_text": lambda s: s.claims["email_verified"] == "false",
    "groups_text": lambda s: isinstance(s.claims["groups"], str),
    "logout_event": lambda s: s.claims["events"] == {LOGOUT: {}},
    "rotated_just_now": lambda s: s.id_token.head["kid"] != s.jwks["keys"][0]["kid"],
    # the token answer
    "no_id_token": lambda s: "id_token" not in s.tokens,
    "id_token_null": lambda s: s.tokens["id_token"] is None,
    "id_token_object": lambda s: isinstance(s.tokens["id_token"], dict),
    "no_access_token": lambda s: "access_token" not in s.tokens,
    "empty_access_token": lambda s: s.tokens["access_token"] == "",
    "access_token_number": lambda s: s.tokens["access_token"] == 7,
    "no_token_type": lambda s: "token_type" not in s.tokens,
    "wrong_token_type": lambda s: s.tokens["token_type"] == "mac",
    "expires_text": lambda s: s.tokens["expires_in"] == "3600",
    "expires_negative": lambda s: s.tokens["expires_in"] < 0,
    "no_expires": lambda s: "expires_in" not in s.tokens,
    "no_refresh_token": lambda s: "refresh_token" not in s.tokens,
    "fewer_scopes": lambda s: s.tokens["scope"] == "openid",
    "error_with_200": lambda s: s.tokens == {"error": "invalid_grant"},
    "error_with_tokens": lambda s: s.tokens["error"] and s.tokens["access_token"],
    # refreshing
    "refresh_wrong_sub": lambda s: s.refreshed_id_token.claims["sub"] != s.claims["sub"],
    "refresh_wrong_iss": lambda s: s.refreshed_id_token.claims["iss"] != ISSUER,
    "refresh_wrong_aud": lambda s: s.refreshed_id_token.claims["aud"] != "app",
    "refresh_wrong_azp": lambda s: (
        s.refreshed_id_token.claims["azp"] == "somebody-else" and "azp" not in s.claims
    ),
    "refresh_wrong_nonce": lambda s: s.refreshed_id_token.claims["nonce"] != s.nonce,
    "refresh_iat_future": lambda s: ago(-DAY, s.refreshed_id_token.claims["iat"]),
    "refresh_other_auth_time": lambda s: (
        s.refreshed_id_token.claims["auth_time"] != s.claims["auth_time"]
    ),
    "refresh_no_id_token": lambda s: "id_token" not in s.refreshed,
    "refresh_no_rotation": lambda s: "refresh_token" not in s.refreshed,
    "refresh_no_access_token": lambda s: "access_token" not in s.refreshed,
    # userinfo
    "userinfo_wrong_sub": lambda s: s.userinfo["sub"] != s.claims["sub"],
    "userinfo_no_sub": lambda s: "sub" not in s.userinfo,
    "userinfo_sub_number": lambda s: s.userinfo["sub"] == 7,
    "userinfo_email_not_verified": lambda s: s.userinfo["email_verified"] is False,
    "userinfo_jwt": lambda s: isinstance(s.userinfo, str),
    # the way back
    "wrong_response_iss": lambda s: s.said("iss") == ["https://other.example.test"],
    "no_response_iss": lambda s: (
        s.said("iss") == [] and s.discovery["authorization_response_iss_parameter_supported"]
    ),
    "double_response_iss": lambda s: s.said("iss") == [ISSUER, "https://other.example.test"],
    "wrong_state": lambda s: s.said("state") not in ([], [""], [s.state]),
    "no_state": lambda s: s.said("state") == [],
    "empty_state": lambda s: s.said("state") == [""],
    "double_state": lambda s: s.said("state") == [s.state, s.state],
    "double_state_differing": lambda s: s.said("state") == [s.state, "another"],
    "wrong_code": lambda s: s.said("code") == ["another"],
    "no_code": lambda s: s.said("code") == [],
    "empty_code": lambda s: s.said("code") == [""],
    "double_code": lambda s: len(s.said("code")) == 2 and len(set(s.said("code"))) == 1,
    "double_code_differing": lambda s: len(set(s.said("code"))) == 2,
    "code_and_error": lambda s: s.said("code") and s.said("error"),
    "tokens_in_address": lambda s: s.said("id_token") and s.said("access_token"),
    # discovery
    "discovery_wrong_issuer": lambda s: s.discovery["issuer"] != ISSUER,
    "discovery_issuer_slash": lambda s: s.discovery["issuer"] == ISSUER + "/",
    "discovery_no_issuer": lambda s: "issuer" not in s.discovery,
    "discovery_no_authorization": lambda s: "authorization_endpoint" not in s.discovery,
    "discovery_no_token": lambda s: "token_endpoint" not in s.discovery,
    "discovery_no_jwks": lambda s: "jwks_uri" not in s.discovery,
    "discovery_endpoint_list": lambda s: isinstance(s.discovery["token_endpoint"], list),
    "discovery_relative": lambda s: s.discovery["token_endpoint"].startswith("/"),
    "discovery_http_authorization": lambda s: s.discovery["authorization_endpoint"][:5] == "http:",
    "discovery_http_token": lambda s: s.discovery["token_endpoint"].startswith("http:"),
    "discovery_http_jwks": lambda s: s.discovery["jwks_uri"].startswith("http:"),
    "discovery_file": lambda s: s.discovery["jwks_uri"].startswith("file:"),
    "discovery_metadata_address": lambda s: "169.254.169.254" in s.discovery["jwks_uri"],
    "discovery_javascript": lambda s: s.discovery["authorization_endpoint"][:11] == "javascript:",
    "discovery_userinfo_in_url": lambda s: "@attacker.test" in s.discovery["token_endpoint"],
    "no_pkce": lambda s: "code_challenge_methods_supported" not in s.discovery,
    "pkce_plain_only": lambda s: s.discovery["code_challenge_methods_supported"] == ["plain"],
    "announces_none": lambda s: "none" in s.discovery["id_token_signing_alg_values_supported"],
    "announces_hs256": lambda s: s.discovery["id_token_signing_alg_values_supported"][0] == "HS256",
    "no_iss_announced": lambda s: (
        "authorization_response_iss_parameter_supported" not in s.discovery
    ),
    "requires_par": lambda s: s.discovery["require_pushed_authorization_requests"] is True,
    # keys
    "jwks_empty": lambda s: s.jwks == {"keys": []},
    "jwks_no_keys": lambda s: s.jwks == {},
    "jwks_not_list": lambda s: s.jwks == {"keys": {}},
    "jwks_private": lambda s: s.jwks["keys"][-1]["kty"] == "oct",
    "jwks_unknown_types": lambda s: s.jwks["keys"][0]["kty"] == "XYZ" and len(s.jwks["keys"]) == 5,
    "jwks_enc": lambda s: {key["use"] for key in s.jwks["keys"]} == {"enc"},
    "jwks_no_use": lambda s: not any({"use", "alg", "kid"} & set(key) for key in s.jwks["keys"]),
    "jwks_other_alg": lambda s: {key["alg"] for key in s.jwks["keys"]} == {"PS512"},
    "jwks_same_kid": lambda s: (
        len(s.jwks["keys"]) == 4
        and len({key["kid"] for key in s.jwks["keys"]}) == 2
        and s.id_token.verifies()
    ),
    "jwks_second_key": lambda s: (
        len(s.jwks["keys"]) == 4
        and len({key["kid"] for key in s.jwks["keys"]}) == 4
        and s.id_token.verifies()
    ),
    "jwks_weak_key": lambda s: all(len(key["n"]) == 86 for key in s.jwks["keys"]),
    # pushed requests
    "par_no_uri": lambda s: "request_uri" not in s.par,
    "par_uri_number": lambda s: s.par["request_uri"] == 7,
    # leaving
    "logout_no_state": lambda s: s.logout_pairs == [],
    "logout_other_state": lambda s: s.logout_pairs == [("state", "another")],
    "logout_wrong_iss": lambda s: s.logout_token.claims["iss"] != ISSUER,
    "logout_wrong_aud": lambda s: s.logout_token.claims["aud"] != "app",
    "logout_with_nonce": lambda s: "nonce" in s.logout_token.claims,
    "logout_no_event": lambda s: "events" not in s.logout_token.claims,
    "logout_wrong_event": lambda s: LOGOUT not in s.logout_token.claims["events"],
    "logout_event_text": lambda s: s.logout_token.claims["events"][LOGOUT] == "yes",
    "logout_no_jti": lambda s: "jti" not in s.logout_token.claims,
    "logout_no_iat": lambda s: "iat" not in s.logout_token.claims,
    "logout_iat_future": lambda s: ago(-DAY, s.logout_token.claims["iat"]),
    "logout_iat_old": lambda s: ago(7 * DAY, s.logout_token.claims["iat"]),
    "logout_expired": lambda s: ago(3600, s.logout_token.claims["exp"]),
    "logout_no_exp": lambda s: "exp" not in s.logout_token.claims,
    "logout_no_sub_no_sid": lambda s: not {"sub", "sid"} & set(s.logout_token.claims),
    "logout_no_sid": lambda s: {"sub", "sid"} & set(s.logout_token.claims) == {"sub"},
    "logout_no_sub": lambda s: {"sub", "sid"} & set(s.logout_token.claims) == {"sid"},
    "logout_typ_jwt": lambda s: s.logout_token.head["typ"] == "JWT",
    "logout_bad_signature": lambda s: not s.logout_token.verifies(),
    "logout_alg_none": lambda s: s.logout_token.head["alg"] == "none",
    "logout_wrong_alg": lambda s: s.logout_token.head["alg"] == "RS512",
    "logout_hs256_confusion": lambda s: s.logout_token.is_hs256_of_a_public_key(),
    "logout_other_key": lambda s: not s.logout_token.verifies(),
}

#: kind of a whole answer → what shows it, of (status, headers by lower-case name, body)
ANSWERS: dict[str, Callable[[int, dict[str, str], bytes], Any]] = {
    "500": lambda status, headers, body: status == 500,
    "503": lambda status, headers, body: status == 503,
    "429": lambda status, headers, body: status == 429,
    "404": lambda status, headers, body: status == 404,
    "html": lambda status, headers, body: (
        status == 200 and headers["content-type"] == "text/html" and body.startswith(b"<!doctype")
    ),
    "labelled_html": lambda status, headers, body: headers["content-type"] == "text/html",
    "nothing": lambda status, headers, body: body == b"",
    "not_json": lambda status, headers, body: _refused_by_json(body),
    "list": lambda status, headers, body: json.loads(body) == [1, 2],
    "null": lambda status, headers, body: json.loads(body) is None,
    "nan": lambda status, headers, body: b"NaN" in body,
    "not_utf8": lambda status, headers, body: body.decode("utf-8", "ignore").encode() != body,
    "deep": lambda status, headers, body: body.startswith(b"[[[[[") and len(body) == 200_000,
    "duplicate_keys": lambda status, headers, body: _doubled(body),
    "302": lambda status, headers, body: status == 302 and "attacker" in headers["location"],
    "307": lambda status, headers, body: status == 307 and "attacker" in headers["location"],
}
#: Those that a transport does not hand on at all.
NO_ANSWER = ("slow", "huge")


def _refused_by_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return True
    return False


def _doubled(body: bytes) -> bool:
    names: list[str] = []
    json.loads(body, object_pairs_hook=lambda pairs: names.extend(name for name, _ in pairs))
    return len(names) > len(set(names))


#: What the textbook lets through: here a relying party has to think for itself.
TEXTBOOK_LETS_THROUGH = {
    *(f"{endpoint}_{kind}" for endpoint in ("discovery", "jwks", "token", "userinfo")
      for kind in ("labelled_html", "duplicate_keys")),
    "announces_hs256", "announces_none", "auth_time_old", "azp_mismatch",
    "discovery_http_authorization", "double_code", "double_state", "duplicate_claims",
    "email_not_verified", "email_verified_text", "error_with_tokens", "expires_negative",
    "expires_text", "fewer_scopes", "foreign_aud", "foreign_aud_azp", "groups_text", "iat_old",
    "logout_event", "no_at_hash", "no_auth_time", "no_expires", "no_iss_announced", "no_pkce",
    "no_refresh_token", "no_token_type", "pkce_plain_only", "requires_par", "tokens_in_address",
    "rotated_just_now", "jwks_second_key",
    "typ_access", "typ_logout", "userinfo_email_not_verified", "wrong_at_hash", "wrong_token_type",
}  # fmt: skip
