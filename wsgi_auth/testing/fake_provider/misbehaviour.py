"""Every way in which the fake provider can go wrong, as data: one row each.

A row has a name, the stage of the flow where it strikes, what it does in words, and the function
that turns what a good provider would have sent into what this one sends. The words finish the
sentence "the provider ...".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from wsgi_auth.testing.fake_provider.clients import FakeClient
from wsgi_auth.testing.fake_provider.keys import (
    Keys,
    b64,
    compact,
    key_of,
    signed,
    signed_hs256,
)
from wsgi_auth.testing.fake_provider.web import Answered

Endpoint = Literal["discovery", "jwks", "token", "userinfo", "par", "revoke"]
#: Where a row strikes. ``discovery``, ``jwks``, ``token``, ``refresh``, ``userinfo``, ``par``: the
#: JSON document. ``response``, ``logout_response``: the parameters in the browser's address.
#: ``claims``, ``refresh_claims``, ``logout_claims``: of the token before it is signed.
#: ``id_token``, ``logout_token``: the signing. ``http.token`` and the like: the whole answer.
Stage = Literal[
    "discovery", "jwks", "token", "refresh", "userinfo", "par", "response", "logout_response",
    "claims", "refresh_claims", "logout_claims", "id_token", "logout_token", "http.discovery",
    "http.jwks", "http.token", "http.userinfo", "http.par", "http.revoke", "introspection",
    "http.introspect",
]  # fmt: skip
Verdict = Literal["refuse", "accept", "either"]
ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)
DAY: Final = 86_400


@dataclass(frozen=True)
class Scene:
    """What a row may look at: whose token it is, and the provider's keys and address."""

    issuer: str
    keys: Keys
    client: FakeClient


@dataclass(frozen=True)
class Draft:
    """A token about to be signed."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    def signed_with(self, key: Any, **header: Any) -> str:
        """The token, signed with ``key``, with these further fields in its header."""
        return signed(key, {**self.header, **header}, self.claims)


@dataclass(frozen=True)
class Misbehaviour:
    """One row; ``tamper(value, scene)`` gives the value to send instead.

    ``verdict``: what an application that meets it ought to do. ``refuse`` what it was about to do
    with what was sent (to sign in, refresh, push, end a session); ``accept`` it and go on as if
    nothing were wrong, at most with less (no address that is vouched for, no refresh token);
    ``either`` is defensible.
    """

    name: str
    stage: Stage
    says: str
    tamper: Callable[[Any, Scene], Any]
    verdict: Verdict = "refuse"


def _with(**more: Any) -> Callable[[Any, Scene], Any]:
    return lambda value, scene: {**value, **more}


def _without(*names: str) -> Callable[[Any, Scene], Any]:
    return lambda value, scene: {name: value[name] for name in value if name not in names}


def _later(name: str, seconds: float) -> Callable[[Any, Scene], Any]:
    return lambda value, scene: {**value, name: int(time.time() + seconds)}


def _param(name: str, value: str | None) -> Callable[[Any, Scene], Any]:
    """The parameter changed everywhere, or left out (None)."""
    return lambda pairs, scene: [
        (each, old if each != name else str(value))
        for each, old in pairs
        if each != name or value is not None
    ]


def _doubled(name: str, other: str | None = None) -> Callable[[Any, Scene], Any]:
    """The parameter twice: the second time with another value, or with the same (None)."""
    return lambda pairs, scene: [
        *pairs, *((each, old if other is None else other) for each, old in pairs if each == name)
    ]  # fmt: skip


# --- signatures -----------------------------------------------------------------------------


def _bad_signature(draft: Draft, scene: Scene) -> str:
    head, _, signature = _honest(draft, scene).rpartition(".")
    return f"{head}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}"


def _alg_none(spelt: str) -> Callable[[Draft, Scene], str]:
    return lambda draft, scene: compact(
        {**draft.header, "alg": spelt}, json.dumps(draft.claims).encode()
    )


def _no_signature(draft: Draft, scene: Scene) -> str:
    return _honest(draft, scene).rpartition(".")[0] + "."


def _hs256_confusion(draft: Draft, scene: Scene) -> str:
    key = scene.keys.current(scene.client.id_token_alg)
    return signed_hs256(draft.header, draft.claims, key.as_pem(private=False))


def _hs256_of_client_secret(draft: Draft, scene: Scene) -> str:
    return signed_hs256(draft.header, draft.claims, scene.client.client_secret.encode())


def _hs256_of_nothing(draft: Draft, scene: Scene) -> str:
    return signed_hs256(draft.header, draft.claims, b"")


def _other_key(draft: Draft, scene: Scene) -> str:
    return draft.signed_with(scene.keys.foreign(draft.header["alg"]))


def _embedded_jwk(draft: Draft, scene: Scene) -> str:
    key = scene.keys.foreign(draft.header["alg"])
    return draft.signed_with(key, jwk=dict(key.as_dict(private=False)))


def _embedded_short_jwk(draft: Draft, scene: Scene) -> str:
    # a header of at most 512 bytes: a library that only limits its size lets this one through
    key = key_of("somebody else", "ES256", 1)
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "alg"}
    return draft.signed_with(key, alg="ES256", jwk=public)


def _jku(draft: Draft, scene: Scene) -> str:
    key = scene.keys.foreign(draft.header["alg"])
    return draft.signed_with(key, jku="https://keys.attacker.test/jwks")


def _x5u(draft: Draft, scene: Scene) -> str:
    key = scene.keys.foreign(draft.header["alg"])
    return draft.signed_with(key, x5u="https://keys.attacker.test/cert.pem")


def _crit(draft: Draft, scene: Scene) -> str:
    key = scene.keys.current(draft.header["alg"])
    header = {**draft.header, "crit": ["urn:example:unknown"], "urn:example:unknown": True}
    return signed(key, header, draft.claims)


def _other_alg(draft: Draft, scene: Scene) -> str:
    """A key of the provider's own, and an algorithm that was not agreed on."""
    alg = draft.header["alg"]
    if alg.startswith(("RS", "PS")):
        other = "RS512" if alg != "RS512" else "RS384"
        return draft.signed_with(scene.keys.current(alg), alg=other)
    key = scene.keys.current("RS256")
    return draft.signed_with(key, alg="RS256", kid=key.kid)


def _no_kid(draft: Draft, scene: Scene) -> str:
    header = {name: value for name, value in draft.header.items() if name != "kid"}
    return _honest(Draft(header, draft.claims), scene)


def _header(**more: Any) -> Callable[[Draft, Scene], str]:
    return lambda draft, scene: _honest(Draft({**draft.header, **more}, draft.claims), scene)


def _honest(draft: Draft, scene: Scene) -> str:
    if draft.header["alg"] == "HS256":
        return signed_hs256(draft.header, draft.claims, scene.client.client_secret.encode())
    return draft.signed_with(scene.keys.current(draft.header["alg"]))


def _claims_not_object(draft: Draft, scene: Scene) -> str:
    return signed(scene.keys.current(draft.header["alg"]), draft.header, [draft.claims])


def _double_claims(draft: Draft, scene: Scene) -> str:
    """``sub`` twice in the payload: which one counts depends on the parser."""
    text = json.dumps(draft.claims).encode()
    payload = b'{"sub": "somebody-else", ' + text[1:]
    return signed(scene.keys.current(draft.header["alg"]), draft.header, payload)


def _rotated(claims: dict[str, Any], scene: Scene) -> dict[str, Any]:
    scene.keys.rotate(keep_old=False)
    return claims


def _second_key(body: dict[str, Any], scene: Scene) -> dict[str, Any]:
    more = [
        {**scene.keys.foreign(key["alg"]).as_dict(private=False), "kid": f"second-{key['kid']}"}
        for key in body["keys"]
    ]
    return {"keys": [*more, *body["keys"]]}


# --- whole answers --------------------------------------------------------------------------


def _status(status: int) -> Callable[[Answered, Scene], Answered]:
    return lambda answer, scene: Answered(
        status, [("Content-Type", "text/plain")], b"something went wrong"
    )


def _html(answer: Answered, scene: Scene) -> Answered:
    return Answered(
        200, [("Content-Type", "text/html")], b"<!doctype html><title>Maintenance</title>"
    )


def _labelled_html(answer: Answered, scene: Scene) -> Answered:
    return replace(answer, headers=[("Content-Type", "text/html")])


def _redirect(status: int) -> Callable[[Answered, Scene], Answered]:
    return lambda answer, scene: Answered(
        status, [("Location", "https://attacker.test/collect"), ("Content-Type", "text/plain")]
    )


def _body(body: bytes) -> Callable[[Answered, Scene], Answered]:
    return lambda answer, scene: replace(answer, body=body)


def _huge(answer: Answered, scene: Scene) -> Answered:
    # valid JSON all the same: only its size is wrong
    return replace(answer, body=answer.body[:-1] + b', "filler": "' + b"x" * 5_000_000 + b'"}')


def _double_keys(answer: Answered, scene: Scene) -> Answered:
    """Every key twice, the first time with another value."""
    text = answer.body.decode()
    first = ", ".join(f"{json.dumps(name)}: null" for name in json.loads(text))
    return replace(answer, body=("{" + first + ", " + text[1:]).encode())


def _slow(answer: Answered, scene: Scene) -> Answered:
    return replace(answer, delay=30)


def _deep(answer: Answered, scene: Scene) -> Answered:
    return replace(answer, body=b"[" * 100_000 + b"]" * 100_000)


_ANSWERS: Final[tuple[tuple[str, str, Callable[[Answered, Scene], Answered]], ...]] = (
    ("500", "answers 500", _status(500)),
    ("503", "answers 503", _status(503)),
    ("429", "answers 429", _status(429)),
    ("404", "answers 404", _status(404)),
    ("slow", "takes 30 seconds", _slow),
    ("huge", "answers with 5 MB of JSON", _huge),
    ("html", "answers with an HTML page and 200", _html),
    ("labelled_html", "answers with JSON that is labelled HTML", _labelled_html),
    ("nothing", "answers with nothing", _body(b"")),
    ("not_json", "answers with broken JSON", _body(b'{"access_token": ')),
    ("list", "answers with a JSON list", _body(b"[1, 2]")),
    ("null", "answers with JSON null", _body(b"null")),
    ("nan", "answers with JSON that has NaN in it", _body(b'{"expires_in": NaN}')),
    ("not_utf8", "answers with bytes that are no UTF-8", _body(b'{"a": "\xff\xfe"}')),
    ("deep", "answers with JSON nested 100,000 deep", _deep),
    ("duplicate_keys", "answers with JSON in which every key stands twice", _double_keys),
    ("302", "redirects with 302 to another host", _redirect(302)),
    ("307", "redirects with 307 to another host", _redirect(307)),
)

_NEED_A_BODY: Final = frozenset(
    {"huge", "labelled_html", "nothing", "not_json", "list", "null", "nan", "not_utf8", "deep",
     "duplicate_keys"}
)  # fmt: skip

# --- the table ------------------------------------------------------------------------------

_ROWS: Final[tuple[tuple[str, Stage, str, Callable[[Any, Scene], Any]], ...]] = (
    # the signature of the ID token
    ("bad_signature", "id_token", "changes a bit of the signature", _bad_signature),
    ("no_signature", "id_token", "cuts the signature off", _no_signature),
    ("alg_none", "id_token", "signs with alg none", _alg_none("none")),
    ("alg_none_capitals", "id_token", "signs with alg NonE", _alg_none("NonE")),
    ("hs256_confusion", "id_token", "signs HS256 with the public key", _hs256_confusion),
    ("hs256_client_secret", "id_token", "signs HS256 with the client's secret although RS256 is "
     "agreed", _hs256_of_client_secret),
    ("hs256_empty", "id_token", "signs HS256 with an empty secret", _hs256_of_nothing),
    ("other_alg", "id_token", "signs with an algorithm not agreed on", _other_alg),
    ("other_key", "id_token", "signs with another key of the same kid", _other_key),
    ("embedded_jwk", "id_token", "signs with a key it puts into the header", _embedded_jwk),
    ("embedded_short_jwk", "id_token", "signs with a short key it puts into the header",
     _embedded_short_jwk),
    ("jku", "id_token", "signs with a key that jku in the header points to", _jku),
    ("x5u", "id_token", "signs with a key that x5u in the header points to", _x5u),
    ("crit", "id_token", "marks an unknown header field as critical", _crit),
    ("no_kid", "id_token", "names no kid", _no_kid),
    ("unknown_kid", "id_token", "names a kid that is not published", _header(kid="unknown")),
    ("kid_not_text", "id_token", "names a kid that is a number", _header(kid=7)),
    ("typ_logout", "id_token", "sends typ logout+jwt as an ID token", _header(typ="logout+jwt")),
    ("typ_access", "id_token", "sends typ at+jwt as an ID token", _header(typ="at+jwt")),
    ("claims_list", "id_token", "sends a list in place of claims", _claims_not_object),
    ("duplicate_claims", "id_token", "puts sub twice into the claims", _double_claims),
    ("garbage_id_token", "id_token", "sends an ID token that is no JWT",
     lambda draft, scene: "not.a.token"),
    ("encrypted_id_token", "id_token", "sends five parts, as if encrypted",
     lambda draft, scene: ".".join([b64(b'{"alg":"dir","enc":"A256GCM"}'), "", "AA", "AA", "AA"])),
    # the claims of the ID token
    ("wrong_iss", "claims", "names another issuer", _with(iss="https://other.example.test")),
    ("iss_slash", "claims", "names its issuer with a slash behind it",
     lambda claims, scene: {**claims, "iss": scene.issuer + "/"}),
    ("no_iss", "claims", "names no issuer", _without("iss")),
    ("wrong_aud", "claims", "means another client", _with(aud="somebody-else")),
    ("no_aud", "claims", "means nobody", _without("aud")),
    ("empty_aud", "claims", "means an empty list of clients", _with(aud=[])),
    ("foreign_aud", "claims", "means this client and a foreign one, without azp",
     lambda claims, scene: {**claims, "aud": [scene.client.client_id, "somebody-else"]}),
    ("foreign_aud_azp", "claims", "means this client and a foreign one, with azp",
     lambda claims, scene: {**claims, "aud": [scene.client.client_id, "somebody-else"],
                            "azp": scene.client.client_id}),
    ("azp_mismatch", "claims", "issued it to another client (azp)", _with(azp="somebody-else")),
    ("wrong_nonce", "claims", "sends another nonce", _with(nonce="another")),
    ("no_nonce", "claims", "sends no nonce", _without("nonce")),
    ("empty_nonce", "claims", "sends an empty nonce", _with(nonce="")),
    ("nonce_list", "claims", "sends the nonce in a list",
     lambda claims, scene: {**claims, "nonce": [claims.get("nonce")]}),
    ("no_iat", "claims", "leaves iat out", _without("iat")),
    ("iat_future", "claims", "issues it tomorrow", _later("iat", DAY)),
    ("iat_old", "claims", "issued it a year ago", _later("iat", -365 * DAY)),
    ("iat_text", "claims", "writes iat as text", _with(iat="now")),
    ("nbf_future", "claims", "makes it valid from tomorrow on", _later("nbf", DAY)),
    ("no_exp", "claims", "leaves exp out", _without("exp")),
    ("expired", "claims", "lets it expire an hour ago", _later("exp", -3600)),
    ("exp_text", "claims", "writes exp as text", _with(exp="tomorrow")),
    ("exp_bool", "claims", "writes exp as true", _with(exp=True)),
    ("no_sub", "claims", "leaves sub out", _without("sub")),
    ("empty_sub", "claims", "sends an empty sub", _with(sub="")),
    ("sub_number", "claims", "sends a number as sub", _with(sub=7)),
    ("sub_long", "claims", "sends a sub of 300 characters", _with(sub="x" * 300)),
    ("wrong_at_hash", "claims", "sends a wrong at_hash", _with(at_hash=b64(b"x" * 16))),
    ("no_at_hash", "claims", "leaves at_hash out", _without("at_hash")),
    ("auth_time_old", "claims", "signed the visitor in a year ago",
     _later("auth_time", -365 * DAY)),
    ("no_auth_time", "claims", "leaves auth_time out", _without("auth_time")),
    ("email_not_verified", "claims", "does not vouch for the address",
     _with(email_verified=False)),
    ("email_verified_text", "claims", "writes email_verified as text",
     _with(email_verified="false")),
    ("groups_text", "claims", "writes groups as one text", _with(groups="admins")),
    ("logout_event", "claims", "puts a logout event into the ID token",
     _with(events={"http://schemas.openid.net/event/backchannel-logout": {}})),
    ("rotated_just_now", "claims", "rotates its keys just before it signs", _rotated),
    # the token answer
    ("no_id_token", "token", "sends no ID token", _without("id_token")),
    ("id_token_null", "token", "sends null as ID token", _with(id_token=None)),
    ("id_token_object", "token", "sends the ID token as an object", _with(id_token={"sub": "x"})),
    ("no_access_token", "token", "sends no access token", _without("access_token")),
    ("empty_access_token", "token", "sends an empty access token", _with(access_token="")),
    ("access_token_number", "token", "sends a number as access token", _with(access_token=7)),
    ("no_token_type", "token", "leaves token_type out", _without("token_type")),
    ("wrong_token_type", "token", "sends token_type mac", _with(token_type="mac")),
    ("expires_text", "token", "writes expires_in as text", _with(expires_in="3600")),
    ("expires_negative", "token", "sends a negative expires_in", _with(expires_in=-5)),
    ("no_expires", "token", "leaves expires_in out", _without("expires_in")),
    ("no_refresh_token", "token", "sends no refresh token", _without("refresh_token")),
    ("fewer_scopes", "token", "grants less than was asked for", _with(scope="openid")),
    ("error_with_200", "token", "sends an error with 200",
     lambda body, scene: {"error": "invalid_grant"}),
    ("error_with_tokens", "token", "sends an error beside the tokens",
     _with(error="invalid_grant")),
    # refreshing
    ("refresh_wrong_sub", "refresh_claims", "refreshes for another sub", _with(sub="mallory")),
    ("refresh_wrong_iss", "refresh_claims", "refreshes with another issuer",
     _with(iss="https://other.example.test")),
    ("refresh_wrong_aud", "refresh_claims", "refreshes for another client",
     _with(aud="somebody-else")),
    ("refresh_wrong_azp", "refresh_claims", "refreshes with an azp it did not have before",
     _with(azp="somebody-else")),
    ("refresh_wrong_nonce", "refresh_claims", "refreshes with another nonce",
     _with(nonce="another")),
    ("refresh_iat_future", "refresh_claims", "refreshes tomorrow", _later("iat", DAY)),
    ("refresh_other_auth_time", "refresh_claims", "refreshes with another auth_time",
     _later("auth_time", -365 * DAY)),
    ("refresh_no_id_token", "refresh", "refreshes without an ID token", _without("id_token")),
    ("refresh_no_rotation", "refresh", "sends no new refresh token", _without("refresh_token")),
    ("refresh_no_access_token", "refresh", "refreshes without an access token",
     _without("access_token")),
    # userinfo
    ("userinfo_wrong_sub", "userinfo", "tells of another sub", _with(sub="mallory")),
    ("userinfo_no_sub", "userinfo", "leaves sub out", _without("sub")),
    ("userinfo_sub_number", "userinfo", "sends a number as sub", _with(sub=7)),
    ("userinfo_email_not_verified", "userinfo", "does not vouch for the address",
     _with(email_verified=False)),
    ("userinfo_jwt", "userinfo", "sends text in place of an object",
     lambda body, scene: "eyJhbGciOiJub25lIn0.e30."),
    # the way back through the browser
    ("wrong_response_iss", "response", "names another issuer in the address",
     _param("iss", "https://other.example.test")),
    ("no_response_iss", "response", "announces iss in the address and leaves it out",
     _param("iss", None)),
    ("double_response_iss", "response", "puts iss twice into the address",
     _doubled("iss", "https://other.example.test")),
    ("wrong_state", "response", "sends another state", _param("state", "another")),
    ("no_state", "response", "sends no state", _param("state", None)),
    ("empty_state", "response", "sends an empty state", _param("state", "")),
    ("double_state", "response", "sends state twice", _doubled("state")),
    ("double_state_differing", "response", "sends two states", _doubled("state", "another")),
    ("wrong_code", "response", "sends a code it does not know", _param("code", "another")),
    ("no_code", "response", "sends no code", _param("code", None)),
    ("empty_code", "response", "sends an empty code", _param("code", "")),
    ("double_code", "response", "sends code twice", _doubled("code")),
    ("double_code_differing", "response", "sends two codes", _doubled("code", "another")),
    ("code_and_error", "response", "sends a code and an error",
     lambda pairs, scene: [*pairs, ("error", "access_denied")]),
    ("tokens_in_address", "response", "puts tokens into the address",
     lambda pairs, scene: [*pairs, ("id_token", "eyJ.e30."), ("access_token", "leaked")]),
    # discovery
    ("discovery_wrong_issuer", "discovery", "says that it is another issuer",
     _with(issuer="https://other.example.test")),
    ("discovery_issuer_slash", "discovery", "writes a slash behind its issuer",
     lambda body, scene: {**body, "issuer": scene.issuer + "/"}),
    ("discovery_no_issuer", "discovery", "names no issuer", _without("issuer")),
    ("discovery_no_authorization", "discovery", "names no authorization endpoint",
     _without("authorization_endpoint")),
    ("discovery_no_token", "discovery", "names no token endpoint", _without("token_endpoint")),
    ("discovery_no_jwks", "discovery", "names no jwks_uri", _without("jwks_uri")),
    ("discovery_endpoint_list", "discovery", "names an endpoint that is a list",
     _with(token_endpoint=["https://op.example.test/token"])),
    ("discovery_relative", "discovery", "names a relative endpoint",
     _with(token_endpoint="/token")),
    ("discovery_http_authorization", "discovery", "names an authorization endpoint without TLS",
     _with(authorization_endpoint="http://op.example.test/authorize")),
    ("discovery_http_token", "discovery", "names a token endpoint without TLS",
     _with(token_endpoint="http://op.example.test/token")),
    ("discovery_http_jwks", "discovery", "names a jwks_uri without TLS",
     _with(jwks_uri="http://op.example.test/jwks")),
    ("discovery_file", "discovery", "names a file as jwks_uri", _with(jwks_uri="file:///etc/passwd")),
    ("discovery_metadata_address", "discovery", "names a link-local address as jwks_uri",
     _with(jwks_uri="http://169.254.169.254/latest/meta-data")),
    ("discovery_javascript", "discovery", "names a script as authorization endpoint",
     _with(authorization_endpoint="javascript:alert(1)")),
    ("discovery_userinfo_in_url", "discovery", "names an endpoint with a user in its address",
     _with(token_endpoint="https://op.example.test@attacker.test/token")),
    ("no_pkce", "discovery", "does not announce PKCE",
     _without("code_challenge_methods_supported")),
    ("pkce_plain_only", "discovery", "announces PKCE plain only",
     _with(code_challenge_methods_supported=["plain"])),
    ("announces_none", "discovery", "announces alg none",
     _with(id_token_signing_alg_values_supported=["none", "RS256"])),
    ("announces_hs256", "discovery", "announces HS256",
     _with(id_token_signing_alg_values_supported=["HS256", "RS256"])),
    ("no_iss_announced", "discovery", "does not announce iss in the address",
     _without("authorization_response_iss_parameter_supported")),
    ("requires_par", "discovery", "demands pushed authorization requests",
     _with(require_pushed_authorization_requests=True)),
    # keys
    ("jwks_empty", "jwks", "publishes no key", _with(keys=[])),
    ("jwks_no_keys", "jwks", "publishes a document without keys", _without("keys")),
    ("jwks_not_list", "jwks", "publishes an object in place of the list", _with(keys={})),
    ("jwks_private", "jwks", "publishes a secret (oct) key beside its own",
     lambda body, scene: {"keys": [*body["keys"], {"kty": "oct", "k": "AAAA", "alg": "HS256"}]}),
    ("jwks_unknown_types", "jwks", "publishes keys of unknown types and broken ones first",
     lambda body, scene: {"keys": [{"kty": "XYZ", "kid": "x"}, {"kty": "RSA"}, 7, *body["keys"]]}),
    ("jwks_enc", "jwks", "publishes its keys for encryption only",
     lambda body, scene: {"keys": [{**key, "use": "enc"} for key in body["keys"]]}),
    ("jwks_no_use", "jwks", "publishes its keys without use, alg and kid",
     lambda body, scene: {"keys": [
         {name: key[name] for name in key if name not in ("use", "alg", "kid")}
         for key in body["keys"]]}),
    ("jwks_other_alg", "jwks", "publishes its keys for another algorithm",
     lambda body, scene: {"keys": [{**key, "alg": "PS512"} for key in body["keys"]]}),
    ("jwks_same_kid", "jwks", "publishes a foreign key first, of the same kid",
     lambda body, scene: {"keys": [
         *(dict(scene.keys.foreign(key["alg"]).as_dict(private=False)) for key in body["keys"]),
         *body["keys"]]}),
    ("jwks_second_key", "jwks", "publishes one more key of each kind, first", _second_key),
    ("jwks_weak_key", "jwks", "publishes an RSA key of 512 bits in place of its own",
     lambda body, scene: {"keys": [
         {"kty": "RSA", "kid": key["kid"], "use": "sig", "alg": "RS256", "e": "AQAB",
          "n": b64(b"\xc1" + b"\x55" * 62 + b"\x01")} for key in body["keys"]]}),
    # pushed authorization requests
    ("par_no_uri", "par", "pushes without a request_uri", _without("request_uri")),
    ("par_uri_number", "par", "pushes with a request_uri that is a number", _with(request_uri=7)),
    # leaving
    ("logout_no_state", "logout_response", "returns from logout without state",
     _param("state", None)),
    ("logout_other_state", "logout_response", "returns from logout with another state",
     _param("state", "another")),
    ("logout_wrong_iss", "logout_claims", "sends a logout token of another issuer",
     _with(iss="https://other.example.test")),
    ("logout_wrong_aud", "logout_claims", "sends a logout token for another client",
     _with(aud="somebody-else")),
    ("logout_with_nonce", "logout_claims", "puts a nonce into the logout token",
     _with(nonce="a-nonce")),
    ("logout_no_event", "logout_claims", "leaves events out of the logout token",
     _without("events")),
    ("logout_wrong_event", "logout_claims", "names another event in the logout token",
     _with(events={"http://schemas.openid.net/event/something-else": {}})),
    ("logout_event_text", "logout_claims", "names the event with text in place of an object",
     _with(events={"http://schemas.openid.net/event/backchannel-logout": "yes"})),
    ("logout_no_jti", "logout_claims", "leaves jti out of the logout token", _without("jti")),
    ("logout_no_iat", "logout_claims", "leaves iat out of the logout token", _without("iat")),
    ("logout_iat_future", "logout_claims", "issues the logout token tomorrow",
     _later("iat", DAY)),
    ("logout_iat_old", "logout_claims", "sends a logout token of last week",
     _later("iat", -7 * DAY)),
    ("logout_expired", "logout_claims", "sends an expired logout token", _later("exp", -3600)),
    ("logout_no_exp", "logout_claims", "leaves exp out of the logout token", _without("exp")),
    ("logout_no_sub_no_sid", "logout_claims", "names neither sub nor sid in the logout token",
     _without("sub", "sid")),
    ("logout_no_sid", "logout_claims", "names only sub in the logout token", _without("sid")),
    ("logout_no_sub", "logout_claims", "names only sid in the logout token", _without("sub")),
    ("logout_typ_jwt", "logout_token", "sends typ JWT as a logout token", _header(typ="JWT")),
    ("logout_bad_signature", "logout_token", "changes a bit of the logout token's signature",
     _bad_signature),
    ("logout_alg_none", "logout_token", "signs the logout token with alg none",
     _alg_none("none")),
    ("logout_wrong_alg", "logout_token", "signs the logout token with an algorithm not agreed on",
     _other_alg),
    ("logout_hs256_confusion", "logout_token", "signs the logout token HS256 with the public key",
     _hs256_confusion),
    ("logout_other_key", "logout_token", "signs the logout token with another key", _other_key),
)  # fmt: skip


#: Odd, or poor, but no reason to refuse.
_ACCEPT: Final = frozenset(
    {"no_kid", "no_at_hash", "no_auth_time", "auth_time_old", "iat_old", "email_not_verified",
     "email_verified_text", "groups_text", "no_expires", "no_refresh_token", "fewer_scopes",
     "refresh_no_id_token", "refresh_no_rotation", "userinfo_email_not_verified",
     "no_pkce", "announces_none", "announces_hs256", "no_iss_announced",
     "requires_par", "jwks_private", "jwks_unknown_types", "jwks_no_use", "logout_no_sid",
     "rotated_just_now", "jwks_second_key",
     "logout_no_sub"}
)  # fmt: skip
_EITHER: Final = frozenset(
    {"tokens_in_address", "kid_not_text", "duplicate_claims", "expires_text", "expires_negative",
     "error_with_tokens",
     "refresh_other_auth_time", "refresh_iat_future", "pkce_plain_only", "jwks_same_kid",
     "logout_no_state", "logout_other_state", "logout_iat_old", "logout_typ_jwt",
     "logout_event_text", "logout_event"}
)  # fmt: skip
_EITHER_KINDS: Final = frozenset({"labelled_html", "duplicate_keys", "nan"})


def _verdict(name: str) -> Verdict:
    return "accept" if name in _ACCEPT else "either" if name in _EITHER else "refuse"


def _table() -> dict[str, Misbehaviour]:
    rows = [Misbehaviour(*row, _verdict(row[0])) for row in _ROWS]
    for endpoint in ENDPOINTS:
        for kind, says, tamper in _ANSWERS:
            if endpoint == "revoke" and kind in _NEED_A_BODY:
                continue  # its answer has none (RFC 7009 2.2)
            stage: Stage = f"http.{endpoint}"  # type: ignore[assignment]  # of two Literals
            verdict: Verdict = "either" if kind in _EITHER_KINDS else "refuse"
            if endpoint == "revoke":
                verdict = "accept"  # who leaves has left, whatever the provider makes of it
            name, words = f"{endpoint}_{kind}", f"{says} ({endpoint})"
            rows.append(Misbehaviour(name, stage, words, tamper, verdict))
    table = {row.name: row for row in rows}
    assert len(table) == len(rows), "a name stands twice"  # noqa: S101
    return table


#: Every misbehaviour by name.
MISBEHAVIOURS: Final[Mapping[str, Misbehaviour]] = MappingProxyType(_table())
