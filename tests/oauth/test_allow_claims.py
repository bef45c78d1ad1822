"""Who may sign in, by what one provider says of them: ``allow_claims``."""

from __future__ import annotations

import pytest

from tests.oauth.visits import Visitor, site
from wsgi_auth.adapters import connect
from wsgi_auth.cli.check import report
from wsgi_auth.config import AuthConfig
from wsgi_auth.errors import ConfigError
from wsgi_auth.providers import OIDC
from wsgi_auth.testing import FakeProvider

ADA = {
    "sub": "ada", "email": "ada@example.org", "email_verified": True, "hd": "example.org",
    "level": 3, "active": True, "https://example.org/team": "blue", "roles": ["staff", "writer"],
    "realm_access": {"roles": ["admin"], "depth": {"x": "y"}},
}  # fmt: skip

#: The rule, and whether Ada fits.
RULES = [
    ({"hd": "example.org"}, True),
    ({"hd": "example.net example.org"}, True),
    ({"hd": "example.net"}, False),
    ({"hd": "example"}, False),
    ({"hd": "EXAMPLE.ORG"}, False),
    ({"no_such": "x"}, False),
    ({"no_such": "None"}, False),
    ({"roles": "writer"}, True),
    ({"roles": "boss"}, False),
    ({"roles.0": "staff"}, False),
    ({"realm_access.roles": "admin"}, True),
    ({"realm_access.roles": "staff"}, False),
    ({"realm_access": "roles"}, False),
    ({"realm_access.depth": "x"}, False),
    ({"realm_access.depth.x": "y"}, True),
    ({"hd.x": "y"}, False),
    ({"https://example.org/team": "blue"}, True),
    ({"level": "3"}, True),
    ({"active": "true"}, True),
    ({"active": "1 True"}, False),
    ({"hd": "example.org", "roles": "staff"}, True),
    ({"hd": "example.org", "roles": "boss"}, False),
]


@pytest.mark.parametrize(("rule", "fits"), RULES, ids=lambda value: str(value))
def test_who_signs_in_has_every_claim_that_is_asked_for(rule, fits):
    fake = FakeProvider(people=[ADA])
    page = Visitor(site(fake, provider={"allow_claims": rule, "userinfo": True}))
    answer = page.land(fake.approve(page.begin(), "ada"))
    assert (page.who == "ada", answer.status_int) == ((True, 302) if fits else (False, 403))
    assert fits or "AccessDenied" in answer.text


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"hd": "example.net"}, "the claim 'hd' has none of the values that are allowed"),
        ({"no_such": "x"}, "the claim 'no_such' is missing"),
        ({"realm_access.groups": "x"}, "the claim 'realm_access.groups' is missing"),
    ],
    ids=str,
)
def test_the_log_says_whether_a_claim_is_another_or_missing(rule, why, caplog):
    fake = FakeProvider(people=[ADA])
    page = Visitor(site(fake, provider={"allow_claims": rule, "userinfo": True}))
    page.land(fake.approve(page.begin(), "ada"))
    assert [each for each in caplog.messages if each.endswith(f" refused: {why}")]


def test_the_rules_of_one_provider_are_not_anothers():
    one = FakeProvider("https://one.example.test", people=[ADA], id="one")
    two = FakeProvider("https://two.example.test", people=[{"sub": "bob"}], id="two")
    middleware = site(one, two)
    strict = middleware.config.override(
        providers=[one.options(allow_claims={"hd": "example.org"}), two.options()]
    )
    page = Visitor(type(middleware)(middleware.app, strict))
    page.land(two.approve(page.begin("two"), "bob"))
    assert page.who == "two:bob"


def test_a_file_may_list_the_values():
    google = {"id": "google", "client_id": "x", "client_secret": "y"}

    def made(**rule):
        return AuthConfig.from_mapping(
            {"secret": "s" * 40, "url": "https://app.example.test", "remote_user": "email",
             "providers": [{**google, **rule}]},
            environ={},
        )  # fmt: skip

    (provider,) = made(allow_claims={"hd": ["example.org", "example.net"]}).providers
    assert provider.allow_claims == {"hd": "example.org example.net"}
    with pytest.raises(ConfigError, match="allow_claims"):
        made()
    with pytest.raises(ConfigError, match="allow_claims"):
        made(allow_claims="example.org")
    with pytest.raises(ConfigError, match=r"allow_claims\.hd"):
        made(allow_claims={"hd": ""})


# --- the lists of one provider --------------------------------------------------------------------

#: Of one provider, and whether Ada fits.
LISTS = [
    ({"allow_domains": ["example.org"]}, True),
    ({"allow_domains": ["@Example.ORG"]}, True),
    ({"allow_domains": ["example.net"]}, False),
    ({"allow_domains": ["sub.example.org"]}, False),
    ({"allow_emails": ["Ada@example.org"]}, True),
    ({"allow_emails": ["bob@example.org"]}, False),
    ({"allow_emails": ["bob@example.org"], "allow_domains": ["example.org"]}, True),
    ({"allow_emails": "*"}, True),
    ({"allow_groups": ["ops", "staff"]}, True),
    ({"allow_groups": ["ops"]}, False),
    ({"allow_domains": ["example.org"], "allow_groups": ["ops"]}, False),
    ({"allow_domains": ["example.org"], "allow_claims": {"hd": "example.net"}}, False),
]
PASSWORDS = {"id": "credentials", "authorize": lambda credentials, request: {"id": "eve"}}


def beside_passwords(fake, **more):
    options = fake.options(userinfo=True, profile={"groups": "roles"}, **more)
    return site(fake, providers=[options, PASSWORDS])


@pytest.mark.parametrize(("lists", "fits"), LISTS, ids=str)
def test_the_lists_of_one_provider_say_who_comes_by_it_and_nobody_else(lists, fits):
    """The people of a company by its provider, a guest by password beside them."""
    fake = FakeProvider(people=[ADA])
    page = Visitor(beside_passwords(fake, **lists))
    assert page.land(fake.approve(page.begin(), "ada")).status_int == (302 if fits else 403)
    guest = Visitor(page.app)
    form = guest.get("/auth/signin").forms.values()
    form = next(each for each in form if each.action.endswith("/credentials"))
    assert form.submit().status_int == 303 and guest.who == "eve"


@pytest.mark.parametrize("lists", [each for each, fits in LISTS if not fits], ids=str)
def test_the_lists_of_one_provider_are_asked_again_of_a_user_who_is_known(lists):
    fake = FakeProvider(people=[ADA])
    store = connect("memory:")
    options = {"userinfo": True, "profile": {"groups": "roles"}}
    for more, status in (({}, 302), (lists, 403)):
        page = Visitor(site(fake, provider={**options, **more}, adapter=store))
        assert page.land(fake.approve(page.begin(), "ada")).status_int == status


def test_an_address_that_nobody_vouches_for_is_on_no_list():
    fake = FakeProvider(people=[{**ADA, "email_verified": False}])
    page = Visitor(beside_passwords(fake, allow_domains=["example.org"]))
    assert page.land(fake.approve(page.begin(), "ada")).status_int == 403


@pytest.mark.parametrize("general", [{"allow_domains": ["example.net"]}, {"allow_groups": ["ops"]}])
def test_the_lists_of_the_configuration_count_as_well(general):
    fake = FakeProvider(people=[ADA])
    options = fake.options(userinfo=True, allow_domains=["example.org"])
    page = Visitor(site(fake, providers=[options], **general))
    assert page.land(fake.approve(page.begin(), "ada")).status_int == 403


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"allow_emails": ["example.org"]}, "providers.fake.allow_emails: 'example.org' is no address"),
        ({"allow_domains": ["ada@example.org"]}, "providers.fake.allow_domains: 'ada@example.org' is no domain"),
        ({"allow_domains": 5}, "providers.fake.allow_domains: "),
        ({"allow_groups": {"a": "b"}}, "providers.fake.allow_groups: "),
    ],
    ids=str,
)  # fmt: skip
def test_a_list_that_could_let_nobody_in_stops_start_up(lists, said):
    with pytest.raises(ConfigError) as raised:
        beside_passwords(FakeProvider(), **lists)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"allow_emails": ("example.org",)}, "allow_emails: 'example.org' is no address"),
        ({"allow_domains": ("ada@example.org",)}, "allow_domains: 'ada@example.org' is no domain"),
        ({"allow_domains": ("*",)}, "allow_domains: '*' is no domain"),
        ({"allow_groups": "staff"}, "allow_groups: must be a tuple of strings"),
        ({"allow_groups": ()}, "allow_groups: is empty"),
    ],
    ids=str,
)
def test_so_does_one_of_a_provider_made_in_python(lists, said):
    with pytest.raises(ConfigError) as raised:
        OIDC(id="op", issuer="https://op.example.test", client_id="a", client_secret="b", **lists)
    assert f"providers.op.{said}" in str(raised.value)


def test_a_domain_of_a_provider_made_in_python_counts_in_the_form_that_addresses_have():
    made = OIDC(
        id="op",
        issuer="https://op.example.test",
        client_id="a",
        client_secret="b",
        allow_domains=("B\u00fccher.example",),
    )
    assert "xn--bcher-kva.example" in made.allow_domains


@pytest.mark.parametrize("option", ["allow_emails", "allow_domains", "allow_groups"])
@pytest.mark.parametrize("value", [[], (), frozenset(), "", " , "], ids=repr)
def test_an_empty_list_lets_in_nobody_and_not_everybody(option, value):
    for entry in ({"id": "github"}, {"id": "op", "type": "oidc", "issuer": "https://op.test"}):
        options = {**entry, "client_id": "a", "client_secret": "b", option: value}
        base = {"secret": "s" * 40, "url": "https://app.example.test"}
        with pytest.raises(ConfigError, match=rf"providers\.{entry['id']}\.{option}: is empty"):
            AuthConfig.from_mapping({**base, "providers": [options]}, environ={})


def test_no_claim_that_is_asked_for_is_a_mistake_where_some_were_to_be():
    options = {"id": "github", "client_id": "a", "client_secret": "b", "allow_claims": {}}
    with pytest.raises(ConfigError, match=r"providers\.github\.allow_claims: is empty"):
        AuthConfig.from_mapping(
            {"secret": "s" * 40, "url": "https://app.example.test", "providers": [options]},
            environ={},
        )


def test_what_narrows_one_provider_narrows_it_for_who_trusts_it_blindly():
    google = {"id": "google", "client_id": "a", "client_secret": "b"}
    base = {"secret": "s" * 40, "url": "https://app.example.test", "remote_user": "email"}
    with pytest.raises(ConfigError, match="anybody may have an account at 'google'"):
        AuthConfig.from_mapping({**base, "providers": [google]}, environ={})
    config = AuthConfig.from_mapping(
        {**base, "providers": [{**google, "allow_domains": "example.org"}]}, environ={}
    )
    said: list[str] = []
    report(config, said.append)
    assert "who        of google with an address of @example.org" in said
