"""The authorization request: what is always in it, what may be, and what nobody can change."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from oauthlib.oauth2 import WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import InsecureTransportError
from oauthlib.oauth2.rfc6749.parameters import prepare_grant_uri

from tests.oauth.ground import CALLBACK, METADATA, NOW, begun, form, oauth, oidc, query, response
from wsgi_auth.errors import OAuthSigninError, ProviderUnavailable
from wsgi_auth.oauth import authorization
from wsgi_auth.oauth.dpop import thumbprint
from wsgi_auth.providers.oauth import PROTOCOL_PARAMS


def test_an_openid_request_has_everything_and_nothing_else() -> None:
    provider = oidc()
    flow = begun(provider)
    url = authorization.authorization_url(METADATA, authorization.parameters(provider, flow))
    digest = hashlib.sha256(flow.code_verifier.encode()).digest()
    assert url.startswith("https://op.test/auth?")
    assert query(url) == {
        "response_type": ["code"],
        "client_id": ["us"],
        "redirect_uri": [CALLBACK],
        "scope": ["openid profile email"],
        "state": [flow.state],
        "nonce": [flow.nonce],
        "code_challenge": [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
    }
    assert flow.code_verifier not in url


def test_plain_oauth_has_no_nonce_and_no_scope_that_nobody_asked_for() -> None:
    provider = oauth()
    params = authorization.parameters(provider, begun(provider))
    assert "nonce" not in params
    assert "scope" not in params
    assert params["code_challenge_method"] == "S256"


def test_rfc_7636_appendix_b() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert authorization.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_what_a_provider_asks_for() -> None:
    provider = oidc(
        max_age=60, response_mode="form_post", dpop=True, client_id_name="client_key",
        authorization_params={"prompt": "login", "audience": "x y"},
    )  # fmt: skip
    flow = begun(provider)
    params = authorization.parameters(provider, flow, {"prompt": "none", "login_hint": "ada"})
    assert params["max_age"] == "60"
    assert params["response_mode"] == "form_post"
    assert params["dpop_jkt"] == thumbprint(flow.dpop_key)
    assert params["client_key"] == params["client_id"] == "us"
    assert params["prompt"] == "login", "a request does not weaken what the operator set"
    assert params["login_hint"] == "ada"
    url = authorization.authorization_url(METADATA, params)
    assert query(url)["audience"] == ["x y"]


def test_what_a_provider_cannot_do_is_left_out() -> None:
    provider = oidc(unsupported=("pkce", "nonce"))
    params = authorization.parameters(provider, begun(provider))
    assert not {"nonce", "code_challenge", "code_challenge_method"} & set(params)
    assert params["state"]


@pytest.mark.parametrize("name", sorted(PROTOCOL_PARAMS))
def test_no_request_sets_a_parameter_of_the_protocol(name: str) -> None:
    assert authorization.asked(oidc(), [(name, "evil")]) == {}
    provider = oidc()
    flow = begun(provider)
    mine = authorization.parameters(provider, flow)
    params = authorization.parameters(provider, flow, {name: "evil"})
    if name in mine:
        assert params[name] == mine[name]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("prompt", "login"), ("ui_locales", "de fr")], {"prompt": "login", "ui_locales": "de fr"}),
        ([("login_hint", "ada@x.test")], {"login_hint": "ada@x.test"}),
        ([("max_age", "0")], {"max_age": "0"}),
        ([("max_age", "-1")], {}),
        ([("max_age", "x")], {}),
        ([("max_age", "٣")], {}),
        ([("max_age", "9" * 10)], {}),
        ([("hd", "x.test"), ("callbackUrl", "/"), ("csrfToken", "x")], {}),
        ([("prompt", "")], {}),
        ([("prompt", "a\r\nb")], {}),
        ([("prompt", "a" * 513)], {}),
        ([("acr_values", "gold")], {}),
    ],
)  # fmt: skip
def test_a_request_may_ask_for_little(
    pairs: list[tuple[str, str]], expected: dict[str, str]
) -> None:
    provider = oidc(authorization_params={"acr_values": "phr"})
    assert authorization.asked(provider, pairs) == expected


def test_a_provider_may_allow_more() -> None:
    provider = oidc(request_params=("hd",))
    assert authorization.asked(provider, [("hd", "x"), ("prompt", "login")]) == {"hd": "x"}


def test_the_endpoints_own_query_stays_and_is_not_repeated() -> None:
    metadata = replace(METADATA, authorization_endpoint="https://op.test/auth?p=policy&prompt=x&e=")
    provider = oidc(authorization_params={"prompt": "login"})
    found = query(
        authorization.authorization_url(metadata, authorization.parameters(provider, begun()))
    )
    assert (found["p"], found["prompt"], found["e"]) == (["policy"], ["x"], [""])


@pytest.mark.parametrize("own", ["state=x", "client_id=evil", "redirect_uri=", "a=b&nonce=1"])
def test_an_endpoint_that_sets_the_protocols_parameters_is_refused(own: str) -> None:
    metadata = replace(METADATA, authorization_endpoint=f"https://op.test/auth?{own}")
    with pytest.raises(OAuthSigninError):
        authorization.authorization_url(metadata, authorization.parameters(oidc(), begun()))


def test_a_fragment_that_wechat_wants_stays_at_the_end() -> None:
    metadata = replace(METADATA, authorization_endpoint="https://op.test/auth#wechat_redirect")
    url = authorization.authorization_url(metadata, {"client_id": "us", "response_type": "code"})
    assert url == "https://op.test/auth?response_type=code&client_id=us#wechat_redirect"


def test_loopback_without_https_works() -> None:
    metadata = replace(METADATA, authorization_endpoint="http://127.0.0.1:8080/auth?a=http:")
    url = authorization.authorization_url(metadata, authorization.parameters(oidc(), begun()))
    assert url.startswith("http://127.0.0.1:8080/auth?a=http%3A&response_type=code")


# --- the traps of oauthlib, so that a release that changes them is noticed ------------------------


def test_trap_pkce_is_plain_unless_said() -> None:
    client = WebApplicationClient("us")
    assert client.create_code_challenge("v" * 43) == "v" * 43


def test_trap_http_is_refused_on_loopback_too() -> None:
    with pytest.raises(InsecureTransportError):
        prepare_grant_uri("http://127.0.0.1/auth", "us", "code")


def test_trap_an_empty_state_is_not_compared() -> None:
    client = WebApplicationClient("us")
    answer = client.parse_request_uri_response("https://us.test/?code=a&code=b&state=x", state="")
    assert answer["code"] == "b", "nor is a repeated parameter noticed"


def test_trap_an_empty_parameter_is_dropped() -> None:
    assert "x=" not in prepare_grant_uri("https://op.test/", "us", "code", x="")


# --- pushed authorization requests ----------------------------------------------------------------


def test_parameters_are_pushed_with_the_clients_authentication() -> None:
    provider = oidc(client_auth="client_secret_post")
    flow = begun(provider)
    params = authorization.parameters(provider, flow)
    request = authorization.pushed_request(provider, METADATA, params, NOW)
    assert (request.url, request.method) == ("https://op.test/par", "POST")
    assert form(request) == {**params, "client_secret": "hush"}
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "DPoP" not in request.headers


def test_a_key_is_proven_when_pushing() -> None:
    provider = oidc(dpop=True)
    flow = begun(provider)
    params = authorization.parameters(provider, flow)
    request = authorization.pushed_request(provider, METADATA, params, NOW, flow=flow)
    assert request.headers["DPoP"].count(".") == 2


def test_pushing_is_wanted_where_it_is_offered() -> None:
    without = replace(METADATA, pushed_authorization_request_endpoint=None)
    assert authorization.wants_push(METADATA)
    assert not authorization.wants_push(without)
    demanded = replace(without, require_pushed_authorization_requests=True)
    assert authorization.wants_push(demanded)
    with pytest.raises(OAuthSigninError):
        authorization.pushed_request(oidc(), demanded, {}, NOW)


URI = "urn:ietf:params:oauth:request_uri:6esc"


def test_after_a_push_only_its_uri_goes_through_the_browser() -> None:
    answer = response({"request_uri": URI, "expires_in": 60}, 201)
    url = authorization.pushed_url(oidc(), METADATA, answer)
    assert query(url) == {"response_type": ["code"], "client_id": ["us"], "request_uri": [URI]}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (response({"error": "invalid_request"}, 400), OAuthSigninError),
        (response({"error": "invalid_client"}, 401), OAuthSigninError),
        (response({}, 503), ProviderUnavailable),
        (response({}, 429), ProviderUnavailable),
        (response({}, 302), OAuthSigninError),
        (response({}, 404), OAuthSigninError),
        (response({}, 201), OAuthSigninError),
        (response([], 201), OAuthSigninError),
        (response(b"<html>", 201), OAuthSigninError),
        (response({"request_uri": 5, "expires_in": 60}, 201), OAuthSigninError),
        (response({"request_uri": "", "expires_in": 60}, 201), OAuthSigninError),
        (response({"request_uri": "a\nb", "expires_in": 60}, 201), OAuthSigninError),
        (response({"request_uri": URI}, 201), OAuthSigninError),
        (response({"request_uri": URI, "expires_in": 0}, 201), OAuthSigninError),
        (response({"request_uri": URI, "expires_in": True}, 201), OAuthSigninError),
        (response({"request_uri": URI, "expires_in": "60"}, 201), OAuthSigninError),
    ],
)
def test_an_answer_to_a_push_that_is_none(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        authorization.pushed_url(oidc(), METADATA, answer)
