"""Who may sign in, by what one provider says of them: ``allow_claims``."""

from __future__ import annotations

import pytest

from tests.oauth.visits import Visitor, site
from wsgi_auth.config import AuthConfig
from wsgi_auth.errors import ConfigError
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
