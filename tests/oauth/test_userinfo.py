"""Who an access token speaks for: the requests, and whose answers are believed."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from tests.oauth.ground import METADATA, NOW, oauth, oidc, response
from wsgi_auth.errors import OAuthError, ProviderUnavailable
from wsgi_auth.oauth import dpop
from wsgi_auth.oauth.id_token import unverified_claims
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.oauth.userinfo import (
    more_requests,
    read_more,
    read_userinfo,
    userinfo_request,
    wants_userinfo,
)

TOKENS = Tokens(
    "a+t", extras={"user_id": "a/b?", "number": 7, "odd": ["x"], "yes": True, "line": "a\nb"}
)


def asked(provider: Any, tokens: Tokens = TOKENS, metadata: Any = METADATA) -> Any:
    return userinfo_request(provider, metadata, tokens, NOW)


def test_the_endpoint_is_the_announced_one_or_the_providers_own() -> None:
    assert asked(oidc(userinfo=True)).url == "https://op.test/me"
    assert asked(oidc(userinfo="https://op.test/other")).url == "https://op.test/other"
    assert [wants_userinfo(oidc(userinfo=each)) for each in (True, False)] == [True, False]
    with pytest.raises(OAuthError):
        asked(oidc(userinfo=True), metadata=replace(METADATA, userinfo_endpoint=None))


def test_the_token_is_in_the_header_and_nowhere_else() -> None:
    request = asked(oauth())
    assert (request.method, request.body) == ("GET", None)
    assert request.headers == {"Accept": "application/json", "Authorization": "Bearer a+t"}
    assert "a+t" not in request.url


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bound_token_is_presented_with_a_proof(method: str) -> None:
    tokens = Tokens("at", "DPoP", dpop_key=dpop.new_key())
    provider = oauth(userinfo_method=method)
    request = userinfo_request(provider, METADATA, tokens, NOW, dpop_nonce="n")
    assert request.headers["Authorization"] == "DPoP at"
    claims = unverified_claims(request.headers["DPoP"])
    said = [claims[name] for name in ("htm", "htu", "nonce", "ath")]
    hashed = urlsafe_b64encode(sha256(b"at").digest()).decode().rstrip("=")
    assert said == [request.method, request.url, "n", hashed]
    assert request.method == method


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://op.test/{tokens.user_id}/x", "https://op.test/a%2Fb%3F/x"),
        ("https://op.test/{tokens.number}", "https://op.test/7"),
        ("https://op.test/?t={tokens.access_token}", "https://op.test/?t=a%2Bt"),
    ],
)
def test_a_url_with_fields_of_the_token_response(url: str, expected: str) -> None:
    request = asked(oauth(userinfo=url))
    assert request.url == expected
    assert ("Authorization" in request.headers) is ("access_token" not in url)


@pytest.mark.parametrize("name", ["missing", "odd", "yes", "line"])
def test_a_field_that_is_no_text_is_refused(name: str) -> None:
    with pytest.raises(OAuthError, match=name):
        asked(oauth(userinfo=f"https://op.test/{{tokens.{name}}}"))


def test_posts_and_headers_of_the_odd_ones() -> None:
    request = asked(
        oauth(
            userinfo_method="POST",
            userinfo_headers={"Authorization": "OAuth {tokens.access_token}", "Version": "1"},
            userinfo_body="token={tokens.access_token}",
        )
    )
    assert (request.method, request.body) == ("POST", b"token=a%2Bt")
    assert request.headers["Authorization"] == "OAuth a+t"
    assert request.headers["Version"] == "1"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    empty = asked(oauth(userinfo_method="POST"))
    assert (empty.body, "Content-Type" in empty.headers) == (b"", False)


def test_more_is_asked_by_get() -> None:
    provider = oauth(userinfo_method="POST", more={"emails": "https://op.test/emails"})
    (request,) = more_requests(provider, TOKENS, NOW).values()
    assert (request.url, request.method) == ("https://op.test/emails", "GET")
    assert request.headers["Authorization"] == "Bearer a+t"


# --- answers --------------------------------------------------------------------------------------


def test_an_object_is_believed() -> None:
    assert read_userinfo(response({"id": 1, "error": {"code": "ok"}})) == {
        "id": 1, "error": {"code": "ok"},
    }  # fmt: skip
    assert read_userinfo(response({"sub": "s"}), "s") == {"sub": "s"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (response({"sub": "other"}), OAuthError),
        (response({"sub": ""}), OAuthError),
        (response({}), OAuthError),
        (response({"sub": ["s"]}), OAuthError),
        (response({"sub": "s"}, 401), OAuthError),
        (response({"sub": "s"}, 199), OAuthError),
        (response({"sub": "s"}, 300), OAuthError),
        (response({"sub": "s"}, 302), OAuthError),
        (response({"sub": "s"}, 500), ProviderUnavailable),
        (response({"sub": "s"}, 429), ProviderUnavailable),
        (response([{"sub": "s"}]), OAuthError),
        (response(b"<html>"), OAuthError),
        (response(b'{"sub":"s","x":NaN}'), OAuthError),
        (response(b"a.b.c", kind="application/jwt"), OAuthError),
    ],
)
def test_anything_else_is_not(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_userinfo(answer, "s")


def test_a_signed_answer_is_verified_or_refused() -> None:
    answer = response(b"a.b.c", kind="application/jwt; charset=utf-8")
    assert (
        read_userinfo(answer, "s", lambda token: {"sub": "s", "token": token})["token"] == "a.b.c"
    )
    with pytest.raises(OAuthError, match="userinfo_signed_response_alg"):
        read_userinfo(answer, "s")
    with pytest.raises(OAuthError, match="sub"):
        read_userinfo(answer, "s", lambda token: {"sub": "other"})
    with pytest.raises(OAuthError, match="no JSON object"):
        read_userinfo(response(b"\xff", kind="application/jwt"), "s", lambda token: {"sub": "s"})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (response([1]), [1]),
        (response({"a": 1}), {"a": 1}),
        (response({"a": 1}, 299), {"a": 1}),
        (response({"message": "no"}, 199), None),
        (response({"message": "no"}, 300), None),
        (response({"message": "no"}, 403), None),
        (response(b"", 404), None),
        (response(b"<html>"), None),
        (response(b'1},"it":{"x":1'), None),
    ],
)
def test_more_is_any_json_or_nothing(answer: Any, expected: Any) -> None:
    assert read_more(answer) == expected


def test_more_that_is_down_is_not_nothing() -> None:
    with pytest.raises(ProviderUnavailable):
        read_more(response(b"", 503))
