"""The catalogue: every row is whole, says what it asks for, and makes a provider."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.oauth.ground import METADATA, NOW, answered, begun, form, query
from wsgi_auth.errors import ConfigError
from wsgi_auth.oauth import authorization
from wsgi_auth.oauth.profile import document, user_from
from wsgi_auth.oauth.token import Tokens, code_request, refresh_request
from wsgi_auth.oauth.userinfo import more_requests, userinfo_request
from wsgi_auth.providers import OIDC, OAuth, catalogue, provider
from wsgi_auth.providers.oauth import USER_FIELDS
from wsgi_auth.providers.rows import ROWS

NAMES = catalogue.names()
CLIENT = {"client_id": "us", "client_secret": "hush"}


def entered(name: str) -> dict[str, str]:
    """What an operator has to enter, and nothing else."""
    found = dict(CLIENT)
    for ask in catalogue.entry(name).asks:
        if ask.required and ask.option not in found:
            found[ask.option] = ask.example if "://" in ask.example else "abc"
    return found


def made(name: str, /, **more: Any) -> OAuth | OIDC:
    return provider(name, **{**entered(name), **more})


# --- each row -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_row_makes_a_provider_from_what_it_asks_for(name: str) -> None:
    found = made(name)
    assert (found.id, found.type, found.name) == (name, ROWS[name]["type"], ROWS[name]["name"])
    urls = [found.authorization, found.token, found.issuer, found.userinfo, *found.more.values()]
    for url in urls:
        if isinstance(url, str) and url:
            assert urlsplit(url).scheme == "https"
            assert not re.search(r"\{(?!tokens\.)", url), "every variable is filled in"
    for value in [*found.userinfo_headers.values(), *found.authorization_params.values()]:
        assert not re.search(r"\{[a-z_]+\}", value)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_no_field_that_nobody_reads(name: str) -> None:
    row = ROWS[name]
    known = {*catalogue.options(name), "type", "variables", "defaults", "asks", "note", "quirk"}
    assert set(row) <= known
    assert set(row.get("defaults", ())) <= set(row.get("variables", ()))
    named = set(re.findall(r"\{([a-z_]+)\}", str({**row, "profile": {}, "issuer_pattern": ""})))
    assert (
        set(row.get("variables", ())) <= named <= {*row.get("variables", ()), "issuer", "client_id"}
    )
    assert set(row.get("profile", ())) <= set(USER_FIELDS)
    assert set(row.get("style", ())) <= {"bg", "text"}
    for color in row.get("style", {}).values():
        assert re.fullmatch("#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", color)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_begins_and_ends_a_sign_in(name: str) -> None:
    found = made(name)
    flow = begun(found)
    params = authorization.parameters(found, flow)
    assert params["state"] == flow.state
    assert params["client_id"] == "us"
    assert ("nonce" in params) is (found.type == "oidc" and "nonce" not in found.unsupported)
    assert ("code_challenge" in params) is ("pkce" not in found.unsupported)
    metadata = METADATA
    if isinstance(found, OAuth):
        from dataclasses import replace

        metadata = replace(
            METADATA, authorization_endpoint=found.authorization, token_endpoint=found.token
        )
    url = authorization.authorization_url(metadata, params)
    assert all(len(values) == 1 for values in query(url).values())
    exchange = code_request(answered(flow), found, metadata, NOW)
    sent = exchange.url + (exchange.body or b"").decode() + str(exchange.headers)
    assert "the-code" in sent
    assert "hush" in sent or found.client_auth == "client_secret_basic"
    tokens = Tokens(
        "at", refresh_token="rt", extras={"user_id": 5, "openid": "o", "membership_id": "m"}
    )
    assert "rt" in str(refresh_request(tokens, found, metadata, NOW).body) or (
        exchange.method == "GET"
    )
    if found.userinfo:
        assert "at" in str(userinfo_request(found, metadata, tokens, NOW).__dict__)
    assert set(more_requests(found, tokens, NOW)) == set(found.more)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_what_the_page_needs(name: str) -> None:
    entry = catalogue.entry(name)
    assert [ask.option for ask in entry.asks[:2]] == ["client_id", "client_secret"]
    assert (entry.id, entry.name, entry.type) == (name, ROWS[name]["name"], ROWS[name]["type"])
    assert not entry.note or entry.note.endswith(".")
    assert entry.verifies <= entry.has_email


SCOPELESS = {
    "box", "bungie", "click-up", "faceit", "foursquare", "freshbooks", "kakao", "mailchimp",
    "mattermost", "naver", "netlify", "nextcloud", "notion", "osso", "pipedrive", "trakt",
    "wikimedia", "workos", "zoom", "boxyhq-saml",
}  # fmt: skip


def test_no_scope_is_sent_where_it_does_not_belong() -> None:
    plain = {name for name in NAMES if ROWS[name]["type"] == "oauth"}
    assert {name for name in plain if not made(name).scope} == SCOPELESS
    for name in plain:
        assert "openid" not in made(name).scope


def test_what_cannot_be_done_is_an_exception() -> None:
    found = {name: made(name).unsupported for name in NAMES if made(name).unsupported}
    assert found == {"linkedin": ("pkce", "nonce"), "slack": ("pkce",)}


# --- what people say, in the shape of each provider -----------------------------------------------

MAIL = "ada@x.test"
SAID: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "github",
        {"id": 1, "login": "ada", "name": None, "email": "public@x.test",
         "emails": [{"email": "old@x.test", "primary": False, "verified": True},
                    {"email": MAIL, "primary": True, "verified": True}]},
        {"id": "1", "name": "ada", "login": "ada", "email": MAIL, "email_verified": True},
    ),
    (
        "github",
        {"id": 1, "login": "ada", "email": "public@x.test", "emails": None},
        {"id": "1", "name": "ada", "login": "ada", "email": "public@x.test",
         "email_verified": False},
    ),
    ("google", {"sub": "1", "email": "a@gmail.com", "email_verified": True},
     {"id": "1", "email": "a@gmail.com", "email_verified": True}),
    ("google", {"sub": "1", "email": "a@corp.test", "email_verified": True, "hd": "corp.test"},
     {"id": "1", "email": "a@corp.test", "email_verified": True}),
    ("google", {"sub": "1", "email": "a@corp.test", "email_verified": True},
     {"id": "1", "email": "a@corp.test", "email_verified": False}),
    ("google", {"sub": "1", "email": "a@corp.test", "email_verified": False, "hd": "corp.test"},
     {"id": "1", "email": "a@corp.test", "email_verified": False}),
    ("microsoft-entra-id", {"sub": "1", "email": MAIL, "name": "Ada"},
     {"id": "1", "name": "Ada", "email": MAIL, "email_verified": False}),
    ("microsoft-entra-id", {"sub": "1", "email": MAIL, "xms_edov": "1"},
     {"id": "1", "email": MAIL, "email_verified": True}),
    ("apple", {"sub": "1", "email": MAIL, "email_verified": "true",
               "user": {"name": {"firstName": "Ada", "lastName": "Adams"}}},
     {"id": "1", "name": "Ada Adams", "email": MAIL, "email_verified": True}),
    ("kakao", {"id": 7, "kakao_account": {"email": MAIL, "is_email_valid": True,
               "is_email_verified": False, "profile": {"nickname": "a"}}},
     {"id": "7", "name": "a", "email": MAIL, "email_verified": False}),
    ("bitbucket", {"account_id": "1", "username": "ada", "emails": {"values": [
        {"is_primary": True, "is_confirmed": True, "email": MAIL}]}},
     {"id": "1", "name": "ada", "login": "ada", "email": MAIL, "email_verified": True}),
    ("discord", {"id": "1", "username": "ada", "avatar": "h", "email": MAIL, "verified": True},
     {"id": "1", "name": "ada", "login": "ada", "email": MAIL, "email_verified": True,
      "image": "https://cdn.discordapp.com/avatars/1/h.png"}),
    ("vk", {"response": [{"id": 5, "first_name": "Ada", "last_name": "Adams"}],
            "tokens": {"email": MAIL}},
     {"id": "5", "name": "Ada Adams", "email": MAIL, "email_verified": False}),
    ("notion", {"object": "user", "type": "bot", "bot": {"owner": {"type": "user", "user": {
        "id": "1", "name": "Ada", "person": {"email": MAIL}}}}},
     {"id": "1", "name": "Ada", "email": MAIL, "email_verified": False}),
    ("nextcloud", {"ocs": {"data": {"id": "ada", "displayname": "Ada", "email": MAIL,
                                    "groups": ["admin"]}}},
     {"id": "ada", "name": "Ada", "login": "ada", "email": MAIL, "email_verified": False,
      "image": "https://cloud.example.com/avatar/ada/512", "groups": ["admin"]}),
    ("tiktok", {"data": {"user": {"open_id": "o", "display_name": "Ada"}}, "error": {"code": "ok"}},
     {"id": "o", "name": "Ada"}),
    ("wechat", {"openid": "o", "unionid": "u", "nickname": "Ada"}, {"id": "u", "name": "Ada"}),
    ("zitadel", {"sub": "1", "urn:zitadel:iam:org:project:roles": {"admin": {"1": "x"}}},
     {"id": "1", "groups": ["admin"]}),
    ("twitter", {"data": {"id": "1", "name": "Ada", "username": "ada", "confirmed_email": MAIL}},
     {"id": "1", "name": "Ada", "login": "ada", "email": MAIL, "email_verified": True}),
    ("linkedin", {"sub": "1", "email": MAIL, "email_verified": True},
     {"id": "1", "email": MAIL, "email_verified": True}),
    ("spotify", {"id": "ada", "display_name": "Ada", "email": MAIL, "images": []},
     {"id": "ada", "name": "Ada", "login": "ada", "email": MAIL, "email_verified": False}),
    ("zoom", {"id": "1", "first_name": "Ada", "last_name": "Adams", "email": MAIL, "verified": 1},
     {"id": "1", "name": "Ada Adams", "email": MAIL, "email_verified": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), SAID)
def test_a_person(name: str, said: dict[str, Any], expected: dict[str, Any]) -> None:
    assert user_from(made(name), document(userinfo=said)) == expected


# --- what operators enter -------------------------------------------------------------------------


def test_github_is_the_public_one_or_their_own() -> None:
    public = provider("github", **CLIENT)
    assert public.authorization == "https://github.com/login/oauth/authorize"
    assert (public.issuer, public.open_to_world) == ("https://github.com/login/oauth", True)
    own = provider(
        "github",
        base_url="https://git.corp.test/",
        api_url="https://git.corp.test/api/v3",
        **CLIENT,
    )
    assert own.token == "https://git.corp.test/login/oauth/access_token"
    assert own.more == {"emails": "https://git.corp.test/api/v3/user/emails"}
    assert own.open_to_world is False


@pytest.mark.parametrize(
    ("given", "issuer", "open_to_world"),
    [
        ({}, "https://login.microsoftonline.com/common/v2.0", True),
        ({"tenant": "organizations"}, "https://login.microsoftonline.com/organizations/v2.0", True),
        ({"tenant": "8eaef023"}, "https://login.microsoftonline.com/8eaef023/v2.0", False),
        (
            {"issuer": "https://login.microsoftonline.com/common/v2.0"},
            "https://login.microsoftonline.com/common/v2.0",
            True,
        ),
        (
            {"issuer": "https://login.microsoftonline.com/8eaef023/v2.0"},
            "https://login.microsoftonline.com/8eaef023/v2.0",
            False,
        ),
    ],
)
def test_one_tenant_is_not_everybody(given: Any, issuer: str, open_to_world: bool) -> None:
    found = provider("microsoft-entra-id", **CLIENT, **given)
    assert isinstance(found, OIDC)
    assert (found.issuer, found.open_to_world) == (issuer, open_to_world)
    assert bool(found.issuer_pattern) is open_to_world


def test_an_issuer_stays_as_it_is_entered_and_a_base_loses_its_slash() -> None:
    assert made("authentik").issuer == "https://auth.example.com/application/o/APPLICATION/"
    found = made("mastodon", issuer="https://social.test/")
    assert (found.authorization, found.issuer) == ("https://social.test/oauth/authorize", "")
    params = made("united-effects").authorization_params
    assert params == {"resource": "https://auth.unitedeffects.com/AUTH_GROUP"}


def test_two_of_a_kind() -> None:
    found = made("keycloak", id="partners", name="Partners")
    assert (found.id, found.name) == ("partners", "Partners")


def test_options_are_overruled_one_by_one() -> None:
    found = made(
        "twitch", authorization_params={"force_verify": "true"}, profile={"groups": "roles"}
    )
    assert set(found.authorization_params) == {"claims", "force_verify"}
    assert made("github", scope="read:user").scope == "read:user"
    assert made("github", profile=dict).profile is dict


def test_what_is_entered_is_not_read_as_a_template() -> None:
    found = provider("github", client_id="us", client_secret="{client_id}{base_url}")
    assert found.client_secret == "{client_id}{base_url}"


def test_azure_devops_has_a_form_of_its_own() -> None:
    found = made("azure-devops")
    flow = begun(found)
    assert authorization.parameters(found, flow)["response_type"] == "Assertion"
    sent = form(code_request(answered(flow), found, METADATA, NOW))
    assert (sent["assertion"], sent["client_assertion"]) == ("the-code", "hush")
    assert not {"code", "client_id", "client_secret"} & set(sent)
    sent = form(refresh_request(Tokens("at", refresh_token="rt"), found, METADATA, NOW))
    assert (sent["grant_type"], sent["assertion"]) == ("refresh_token", "rt")


def test_apple_may_sign_its_own_secrets() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"
    found = provider(
        "apple", client_id="us", client_auth="apple", private_key=pem, private_key_id="K",
        team_id="T",
    )  # fmt: skip
    assert (found.client_auth, found.response_mode) == ("apple", "form_post")


@pytest.mark.parametrize(
    ("name", "given", "key", "problem"),
    [
        ("gihub", CLIENT, "providers.gihub", "did you mean 'github'?"),
        ("github", {}, "providers.github.client_id", "is missing"),
        ("github", {"client_id": "us"}, "providers.github.client_secret", "is missing"),
        ("github", {**CLIENT, "scopes": "x"}, "providers.github.scopes", "did you mean 'scope'?"),
        ("github", {**CLIENT, "quirk": "x"}, "providers.github.quirk", "no such option"),
        (
            "github",
            {**CLIENT, "base_url": "http://x.test"},
            "providers.github.authorization",
            "https",
        ),
        ("github", {**CLIENT, "base_url": "{x}"}, "providers.github.base_url", "must be text"),
        ("github", {**CLIENT, "base_url": 5}, "providers.github.base_url", "must be text"),
        ("keycloak", CLIENT, "providers.keycloak.issuer", "https://sso.example.com/realms/REALM"),
        ("keycloak", {**CLIENT, "id": "two"}, "providers.two.issuer", "is missing"),
        ("netsuite", CLIENT, "providers.netsuite.account_id", "1234567"),
        ("netsuite", {**CLIENT, "account_id": "1"}, "providers.netsuite.userinfo", "restlet"),
        ("mastodon", CLIENT, "providers.mastodon.issuer", "https://mastodon.social"),
    ],
)
def test_a_mistake_is_named(name: str, given: Any, key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        provider(name, **given)
    assert caught.value.key == key
    assert problem in caught.value.problem


def test_the_catalogue_is_loaded_when_a_row_is_asked_for() -> None:
    code = (
        "import sys, wsgi_auth; "
        "assert 'wsgi_auth.providers.rows' not in sys.modules; "
        "assert 'wsgi_auth.providers.oauth' not in sys.modules; "
        "from wsgi_auth.providers import provider; "
        "provider('github', client_id='a', client_secret='b'); "
        "assert not {'joserfc', 'oauthlib', 'cryptography', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
