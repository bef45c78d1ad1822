"""What the cookie holds: the usual claims at their places in a list, any claims losslessly."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import SECRET
from tests.test_tokens import json_values
from wsgi_auth.config.parts import SessionOptions
from wsgi_auth.sessions.cookie import CookieStrategy
from wsgi_auth.sessions.packed import Packed, unpacked
from wsgi_auth.sessions.view import OWN_CLAIMS, default_session
from wsgi_auth.tokens import SignedCodec
from wsgi_auth.types import FrozenDict, FrozenList, Stored

NOW = 1_800_000_000
SIGNED = SignedCodec([SECRET.encode()], "packed")
STRATEGY = CookieStrategy(SIGNED, SessionOptions())
ADA = {
    "sub": "ada", "name": "Ada", "email": "ada@example.com", "picture": "https://example.com/a.png",
    "sid": "s" * 32, "auth_time": NOW, "provider": "github", "email_verified": True,
}  # fmt: skip
NAMES = st.sampled_from(sorted({*ADA, *OWN_CLAIMS, "role", "groups", ""} - {"sub", "iat", "exp"}))
#: Claims as an application may make them: of the right kinds, and of all others.
CLAIMS = st.builds(
    lambda subject, more: {**more, "sub": subject},
    st.text(min_size=1),
    st.dictionaries(NAMES, json_values | st.text() | st.integers(0, 10**12)),
)


def payload(value: str) -> Any:
    """What is signed."""
    encoded = value.rpartition(".")[0]
    return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def loaded(claims: dict[str, Any]) -> Stored:
    """These claims, written and read again."""
    found = STRATEGY.load(STRATEGY.save(claims, NOW).value, NOW)
    assert found is not None
    return found


def with_times(claims: dict[str, Any]) -> dict[str, Any]:
    return {**claims, "iat": NOW, "exp": NOW + SessionOptions().max_age}


@given(CLAIMS)
@example(ADA)
@example({"sub": "ada"})
@example({"sub": "ada", "name": None})
@example({"sub": "ada", "name": {"first": "Ada"}, "picture": ["x"]})
@example({"sub": "ada", "email_verified": 1, "auth_time": True})
@example({"sub": "ada", "sid": 7, "provider": None, "": ""})
def test_any_claims_are_read_as_they_were_written(claims: dict[str, Any]) -> None:
    found = loaded(claims)
    assert found.claims == with_times(claims)
    # 1 == True in Python, and not in JSON
    assert json.dumps(found.claims, sort_keys=True) == json.dumps(
        with_times(claims), sort_keys=True
    )
    assert found.session == default_session(found.claims)
    assert type(found.claims) is FrozenDict and found.claims is found.claims


def test_the_usual_claims_have_their_places_and_no_names() -> None:
    value = STRATEGY.save({**ADA, "groups": ["staff"]}, NOW).value
    assert payload(value) == [
        NOW, NOW + 30 * 86_400, "ada", "Ada", "ada@example.com", "https://example.com/a.png",
        "s" * 32, NOW, "github", True, {"groups": ["staff"]},
    ]  # fmt: skip
    assert payload(STRATEGY.save({"sub": "ada"}, NOW).value) == [
        NOW, NOW + 30 * 86_400, "ada", *[None] * 8,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [{"name": None}, {"name": 1}, {"email": ["a"]}, {"picture": {}}, {"sid": 5}, {"provider": {}},
     {"auth_time": "1"}, {"auth_time": True}, {"auth_time": 1.5}, {"email_verified": 1},
     {"email_verified": None}],
    ids=str,
)  # fmt: skip
def test_claims_that_no_list_could_tell_keep_their_names(odd: dict[str, Any]) -> None:
    value = STRATEGY.save({**ADA, **odd}, NOW).value
    assert payload(value) == with_times({**ADA, **odd})


def test_a_list_is_a_fifth_shorter() -> None:
    listed = STRATEGY.save(ADA, NOW).value
    assert len(listed) < 0.8 * len(SIGNED.encode(with_times(ADA)))


@pytest.mark.parametrize(
    "content",
    [
        [], [NOW], [NOW, NOW + 9, "ada"], [*[None] * 11], [NOW, NOW + 9, "ada", *[None] * 7],
        [NOW, NOW + 9, "ada", *[None] * 9], [NOW, NOW + 9, "", *[None] * 8],
        [NOW, NOW + 9, 7, *[None] * 8], [NOW, NOW + 9, None, *[None] * 8],
        [True, NOW + 9, "ada", *[None] * 8], [NOW, True, "ada", *[None] * 8],
        [str(NOW), NOW + 9, "ada", *[None] * 8], [NOW, float(NOW), "ada", *[None] * 8],
        [NOW, NOW + 9, "ada", *[None] * 7, []], [NOW, NOW + 9, "ada", *[None] * 7, 0],
        [NOW, NOW + 9, "ada", *[None] * 7, "max_age"], [NOW, NOW + 9, "ada", *[None] * 7, True],
        "ada", 1, None, True, {}, {"sub": "ada"}, {"error": "x"},
    ],
    ids=ascii,
)  # fmt: skip
def test_what_we_signed_and_is_no_session_is_none(content: Any) -> None:
    """R019, R022: signed by us, and still looked at."""
    assert STRATEGY.load(SIGNED.encode(content), NOW) is None


def test_the_shortest_session_is_one() -> None:
    found = STRATEGY.load(SIGNED.encode([NOW, NOW + 9, "ada", *[None] * 8]), NOW)
    assert found is not None and found.claims == {"sub": "ada", "iat": NOW, "exp": NOW + 9}


def test_two_threads_may_unpack_the_same_claims_at_once() -> None:
    """As it is where the other one is faster: the list is gone between two looks at it."""

    class Shared(Packed):
        @property
        def raw(self) -> Any:
            return looks.pop(0)

        @raw.setter
        def raw(self, claims: Any) -> None:
            looks[:] = [claims]

    content = payload(STRATEGY.save(ADA, NOW).value)
    looks: list[Any] = [content, unpacked(content)]
    assert Shared().claims == with_times(ADA)


@pytest.mark.parametrize("listed", [True, False])
def test_claims_are_read_only_all_the_way_down(listed: bool) -> None:
    """``name`` None keeps them from being a list."""
    more = {"groups": ["a"], "more": {"deep": [{"x": 1}]}, "lists": [["a"]]}
    claims: Any = loaded({**ADA, **more} if listed else {**ADA, **more, "name": None}).claims
    assert type(claims["groups"]) is FrozenList
    for change in (
        lambda: claims.update(sub="root"), lambda: claims["groups"].append("b"),
        lambda: claims["more"].clear(), lambda: claims["more"]["deep"].pop(),
        lambda: claims["more"]["deep"][0].pop("x"), lambda: claims["lists"][0].append("b"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="read-only"):
            change()


def test_claims_that_were_just_written_are_read_only_too() -> None:
    written: Any = STRATEGY.save({**ADA, "groups": ["a"]}, NOW).claims
    with pytest.raises(TypeError, match="read-only"):
        written["groups"].append("b")


def test_a_session_that_does_not_fit_a_list_can_be_shown_and_is_read_only() -> None:
    session: Any = loaded({"sub": "ada", "name": {"first": "Ada"}}).session
    assert session["user"]["name"] == {"first": "Ada"}
    with pytest.raises(TypeError, match="read-only"):
        session["user"]["name"].clear()


def test_a_session_does_not_grow_by_being_renewed() -> None:
    value = STRATEGY.save({**ADA, "role": "editor"}, NOW).value
    for hour in range(50):
        now = NOW + 3_600 * hour
        found = STRATEGY.load(value, now)
        assert found is not None
        again = STRATEGY.save(found.claims, now).value
        assert len(again) == len(value)
        value = again
