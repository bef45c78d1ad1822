"""The language of profile mappings, as a table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_auth.providers.mapping import Mapper, compiled

DOCUMENT: dict[str, Any] = {
    "id": 7,
    "zero": 0,
    "one": 1,
    "name": "",
    "login": "ada",
    "none": None,
    "yes": True,
    "no": False,
    "text_true": "true",
    "text_false": "false",
    "first": "Ada",
    "last": "Adams",
    "user": {"email": "ada@Gmail.com", "tags": ["x", "y"]},
    "emails": [
        {"email": "old@x.test", "primary": False},
        "odd",
        {"email": "ada@x.test", "primary": True, "verified": True},
        {"email": "third@x.test", "primary": "true"},
    ],
    "roles": {"admin": {}, "staff": {}},
    "urn:zitadel:iam": "u",
    "empty": [],
}

CASES: list[tuple[str, Any]] = [
    ("id", 7),
    ("zero", 0),
    ("name", None),
    ("none", None),
    ("missing", None),
    ("no", False),
    ("user.email", "ada@Gmail.com"),
    ("user.missing.deeper", None),
    ("login.deeper", None),
    ("id[0]", None),
    ("user.tags[1]", "y"),
    ("user.tags[2]", None),
    ("user[0]", None),
    ("emails[0].email", "old@x.test"),
    ("emails[primary].email", "ada@x.test"),
    ("emails[primary].verified", True),
    ("emails[verified].email", "ada@x.test"),
    ("emails[missing].email", None),
    ("empty[0]", None),
    ("urn:zitadel:iam", "u"),
    ("name|login", "ada"),
    ("missing | none | login", "ada"),
    ("zero|login", 0),
    ("no|login", False),
    ("{first} {last}", "Ada Adams"),
    ("{first} {missing}", None),
    ("{first} {missing}|first", "Ada"),
    ("https://x.test/{id}.png", "https://x.test/7.png"),
    ("{yes}", None),
    ("{user}", None),
    ("{user.email}|login", "ada@Gmail.com"),
    ("true(yes)", True),
    ("true(text_true)", True),
    ("true(text_false)", None),
    ("true(one)", True),
    ("true(no)", None),
    ("true(id)", None),
    ("true(missing)", None),
    ("exists(login)", True),
    ("exists(no)", True),
    ("exists(none)", None),
    ("exists(name)", None),
    ("ends(user.email, '@gmail.com')", True),
    ("ends(login, '@gmail.com')", None),
    ("ends(missing, '@gmail.com')", None),
    ("ends(login, 'a|b,c')", None),
    ("all(yes, login)", True),
    ("all(yes, no)", None),
    ("all(yes, missing)", None),
    ("all(true(yes), exists(none))|all(yes, ends(user.email, '@gmail.com'))", True),
    ("keys(roles)", ["admin", "staff"]),
    ("keys(login)", None),
]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_an_expression_reads(expression: str, expected: Any) -> None:
    found = compiled(expression)(DOCUMENT)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "no path"),
        ("a|", "no path"),
        ("a..b", "no path"),
        ("a b", "no path"),
        ("a[", "no path"),
        ("[0]", "no path"),
        ("{a", "brace"),
        ("{a} b}", "brace"),
        ("{a b}", "no path"),
        ("{}", "no path"),
        ("str(id)", "there is no str()"),
        ("true(a, b)", "one path"),
        ("true()", "no path"),
        ("ends(a)", "single quotes"),
        ("ends(a, b)", "single quotes"),
        ("all(a,)", "no path"),
    ],
)
def test_a_mistake_is_named(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match="email = ") as caught:
        Mapper({"email": expression})
    assert problem in str(caught.value)


def test_a_mapper_leaves_out_what_is_absent() -> None:
    mapper = Mapper({"id": "id", "name": "name", "login": "login", "verified": "no"})
    assert mapper.read(DOCUMENT) == {"id": 7, "login": "ada", "verified": False}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "user", "emails", "email", "primary", "roles"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(list(DOCUMENT)), json_values))
def test_no_document_makes_a_mapping_fail(document: dict[str, Any]) -> None:
    for expression, _ in CASES:
        compiled(expression)(document)
