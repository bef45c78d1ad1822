"""A user, by what a provider says: what is believed, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oauth.ground import oauth, oidc
from wsgi_auth.errors import CallbackError, OAuthError
from wsgi_auth.oauth.profile import document, user_from
from wsgi_auth.oauth.token import Tokens

EMAIL = "ada@x.test"


def test_the_standard_claims() -> None:
    claims = {
        "sub": "1", "name": "Ada", "email": EMAIL, "email_verified": True,
        "picture": "https://x.test/a.png", "preferred_username": "ada", "groups": ["a", "b"],
        "iss": "https://op.test", "at_hash": "x",
    }  # fmt: skip
    assert user_from(oidc(), document(claims)) == {
        "id": "1", "name": "Ada", "login": "ada", "email": EMAIL,
        "image": "https://x.test/a.png", "email_verified": True, "groups": ["a", "b"],
    }  # fmt: skip


@pytest.mark.parametrize("given", ["true", 1, "yes", None, False, [], "absent"])
def test_only_true_is_true(given: Any) -> None:
    claims = {"sub": "1", "email": EMAIL} | ({} if given == "absent" else {"email_verified": given})
    assert user_from(oidc(), claims)["email_verified"] is False
    assert user_from(oidc(vouches=True), claims)["email_verified"] is True


def test_no_address_is_neither_verified_nor_not() -> None:
    assert user_from(oidc(vouches=True), {"sub": "1", "email_verified": True}) == {"id": "1"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", "a"),
        (7, "7"),
        (0, "0"),
        (2**64 - 1, str(2**64 - 1)),
        (-(2**63), str(-(2**63))),
        ("0", "0"),
        ("x" * 255, "x" * 255),
    ],
)
def test_an_id_is_text(given: Any, expected: str) -> None:
    assert user_from(oauth(), {"id": given}) == {"id": expected}


@pytest.mark.parametrize(
    "given", [None, "", True, False, 1.5, [], {}, "x" * 256, "\ud800", "a\0", 2**64, -(2**63) - 1]
)
def test_an_id_is_never_made_up(given: Any) -> None:
    with pytest.raises(OAuthError, match="no id"):
        user_from(oauth(), {"id": given, "sub": "other"})


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("name", "x\0"), ("email", "a\0@x.test"), ("groups", ["\0"]),  # PostgreSQL has no such text
        ("name", ["x"]), ("name", "\ud800"), ("name", "x" * 257), ("name", True),
        ("email", "no address"), ("email", "a@b@c"), ("email", "a@x.test\n"), ("email", 5),
        ("email", "a,b@x.test"), ("email", '"a b"@x.test'), ("email", "@x.test"),
        ("email", "a" * 300 + "@x.test"),
        ("picture", "data:image/png;base64,xxxx"), ("picture", "javascript:alert(1)"),
        ("picture", "http://x.test/a.png"), ("picture", "https://x.test/" + "a" * 1024),
        ("groups", {"a": 1}), ("groups", [1.5, None, "\ud800"]),
    ],
)  # fmt: skip
def test_what_is_of_the_wrong_kind_is_left_out(claim: str, value: Any) -> None:
    assert user_from(oidc(), {"sub": "1", claim: value}) == {"id": "1"}


@pytest.mark.parametrize(
    ("claim", "value"),
    [("name", "x" * 256), ("email", "a" * 64 + "@" + "x" * 189), ("groups", ["x" * 256]),
     ("picture", "https://x.test/" + "a" * 1009)],
)  # fmt: skip
def test_the_longest_of_the_right_kind_is_kept(claim: str, value: Any) -> None:
    assert value in user_from(oidc(), {"sub": "1", claim: value}).values()


def test_one_group_is_a_list_of_one() -> None:
    assert user_from(oidc(), {"sub": "1", "groups": "staff"})["groups"] == ["staff"]


# --- where the parts come from --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "userinfo", "expected"),
    [
        ({"email": "a@x.test", "email_verified": True}, {}, ("a@x.test", True)),
        ({"email": "a@x.test", "email_verified": True}, {"email": "a@x.test"}, ("a@x.test", True)),
        ({"email": "a@x.test", "email_verified": True}, {"email": "b@x.test"}, ("b@x.test", False)),
        ({"email_verified": True}, {"email": "b@x.test"}, ("b@x.test", False)),
        (
            {"email": "a@x.test"},
            {"email": "b@x.test", "email_verified": True},
            ("b@x.test", True),
        ),
        (
            {"email": "a@x.test", "email_verified": True},
            {"email": "a@x.test", "email_verified": False},
            ("a@x.test", False),
        ),
    ],
)
def test_an_address_is_not_vouched_for_by_what_was_said_of_another(
    claims: dict[str, Any], userinfo: dict[str, Any], expected: tuple[str, bool]
) -> None:
    user = user_from(oidc(), document({"sub": "1", **claims}, userinfo))
    assert (user["email"], user["email_verified"]) == expected


def test_a_profile_reads_everything_that_is_known() -> None:
    provider = oauth(
        profile={
            "id": "tokens.uid",
            "email": "emails[primary].email",
            "email_verified": "emails[primary].verified",
            "name": "{user.first} {user.last}|nick",
        }
    )
    emails = [{"email": "x@x.test"}, {"email": EMAIL, "primary": True, "verified": True}]
    found = document(
        userinfo={"nick": "n"},
        tokens=Tokens("secret", extras={"uid": 5}),
        more={"emails": emails},
        user={"first": "Ada", "last": "Adams"},
    )
    assert user_from(provider, found) == {
        "id": "5", "email": EMAIL, "email_verified": True, "name": "Ada Adams",
    }  # fmt: skip
    assert "secret" not in str(found), "a profile function is shown no token"


# --- a function of the application ----------------------------------------------------------------


def test_a_function_makes_the_user() -> None:
    provider = oauth(profile=lambda said: {"id": said["key"], "role": "x"})
    assert user_from(provider, {"key": "k"}) == {"id": "k", "role": "x"}


def test_a_function_that_fails_denies() -> None:
    for function in (lambda said: said["missing"], lambda said: None, lambda said: [said]):
        with pytest.raises(CallbackError):
            user_from(oauth(profile=function), {})
