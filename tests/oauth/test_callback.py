"""The answer of a provider: in which cases its code may be used, and in which never."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.oauth.ground import ISSUER, METADATA, begun, oauth, oidc
from wsgi_auth.errors import AuthError, OAuthCallbackError, ProviderRefused, StateLost
from wsgi_auth.oauth.callback import validate_callback

ANNOUNCED = replace(METADATA, authorization_response_iss_parameter_supported=True)
FLOW = begun()
GOOD = [("code", "the-code"), ("state", FLOW.state)]


def judged(
    pairs: Any, flow: Any = FLOW, metadata: Any = METADATA, provider: Any = None, **more: Any
):
    return validate_callback(pairs, flow, metadata, provider or oidc(), **more)


@pytest.mark.parametrize(
    ("more", "metadata"),
    [
        ([], METADATA),
        ([("iss", ISSUER)], METADATA),
        ([("iss", ISSUER)], ANNOUNCED),
        ([("session_state", "x"), ("scope", "openid")], METADATA),
        ([("error", "")], METADATA),
    ],
)
def test_a_good_answer(more: list[tuple[str, str]], metadata: Any) -> None:
    found = judged(GOOD + more, metadata=metadata)
    assert (found.code, found.flow, found.user) == ("the-code", FLOW, None)
    assert "the-code" not in repr(found)


def with_state(state: str) -> list[tuple[str, str]]:
    return [("code", "c"), ("state", state)]


CASES: list[tuple[list[tuple[str, str]], Any, type[AuthError]]] = [
    ([*GOOD, ("code", "the-code")], METADATA, OAuthCallbackError),
    ([*GOOD, ("state", FLOW.state)], METADATA, OAuthCallbackError),
    ([*GOOD, ("x", "1"), ("x", "1")], METADATA, OAuthCallbackError),
    ([("code", "c")], METADATA, StateLost),
    (with_state(""), METADATA, StateLost),
    (with_state(FLOW.state[:-1]), METADATA, StateLost),
    (with_state(FLOW.state + "x"), METADATA, StateLost),
    (with_state("\udcff"), METADATA, StateLost),
    ([("error", "access_denied")], METADATA, StateLost),
    ([("error", "access_denied"), ("state", FLOW.state)], METADATA, ProviderRefused),
    ([("error", "access_denied"), *GOOD], METADATA, ProviderRefused),
    ([("error", "access_denied"), ("state", FLOW.state)], ANNOUNCED, OAuthCallbackError),
    ([("error", "x"), ("state", FLOW.state), ("iss", "https://evil.test")], METADATA, OAuthCallbackError),
    ([*GOOD, ("iss", "https://evil.test")], METADATA, OAuthCallbackError),
    ([*GOOD, ("iss", ISSUER + "/")], METADATA, OAuthCallbackError),
    ([*GOOD, ("iss", "")], METADATA, OAuthCallbackError),
    (GOOD, ANNOUNCED, OAuthCallbackError),
    ([("state", FLOW.state)], METADATA, OAuthCallbackError),
    ([("state", FLOW.state), ("code", "")], METADATA, OAuthCallbackError),
    ([("state", FLOW.state), ("code", "a b")], METADATA, OAuthCallbackError),
    ([("state", FLOW.state), ("code", "a\n")], METADATA, OAuthCallbackError),
    ([("state", FLOW.state), ("code", "é")], METADATA, OAuthCallbackError),
    ([("state", FLOW.state), ("code", "a" * 4097)], METADATA, OAuthCallbackError),
    ([*GOOD, ("id_token", "x")], METADATA, OAuthCallbackError),
    ([*GOOD, ("access_token", "x")], METADATA, OAuthCallbackError),
    ([*GOOD, ("response", "x")], METADATA, OAuthCallbackError),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "metadata", "error"), CASES)
def test_a_bad_answer(pairs: Any, metadata: Any, error: type[AuthError]) -> None:
    with pytest.raises(error) as caught:
        judged(pairs, metadata=metadata)
    assert type(caught.value) is error
    assert "the-code" not in str(caught.value)


def test_a_flow_with_an_empty_state_accepts_nothing() -> None:
    with pytest.raises(StateLost):
        judged(with_state(""), flow=replace(FLOW, state=""))


def test_an_answer_at_another_providers_callback_is_refused() -> None:
    with pytest.raises(StateLost):
        judged(GOOD, provider=oidc(id="other"))


@pytest.mark.parametrize(("mode", "posted"), [("", True), ("query", True), ("form_post", False)])
def test_an_answer_in_the_wrong_mode_is_refused(mode: str, posted: bool) -> None:
    with pytest.raises(OAuthCallbackError):
        judged(GOOD, provider=oidc(response_mode=mode), posted=posted)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("access_denied", "access_denied"),
        ("login_required", "login_required"),
        ("<script>", "invalid"),
        ("a\nb", "invalid"),
        ("x" * 65, "invalid"),
    ],
)
def test_the_error_of_a_provider_is_cleaned(error: str, shown: str) -> None:
    pairs = [("error", error), ("state", FLOW.state), ("error_description", 'no\n"x" ' + "t" * 40)]
    with pytest.raises(ProviderRefused) as caught:
        judged(pairs)
    assert caught.value.error == shown
    assert str(caught.value) == f"callback: the provider answered {shown}: no??x? ..."


# --- without an issuer, and with many tenants -----------------------------------------------------


def test_iss_of_plain_oauth_is_compared_where_it_is_known() -> None:
    metadata = replace(METADATA, issuer="")
    assert judged([*GOOD, ("iss", "https://x.test")], metadata=metadata, provider=oauth())
    known = oauth(issuer="https://github.test/login/oauth")
    assert judged([*GOOD, ("iss", known.issuer)], metadata=metadata, provider=known)
    with pytest.raises(OAuthCallbackError):
        judged([*GOOD, ("iss", "https://x.test")], metadata=metadata, provider=known)


@pytest.mark.parametrize(
    ("iss", "ok"),
    [
        ("https://login.test/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0", True),
        ("https://login.test/a/b/v2.0", False),
        ("https://login.test//v2.0", False),
        ("https://login_test/a/v2.0", False),
        ("https://login.test/a/v2.0\n", False),
    ],
)
def test_iss_of_a_provider_with_tenants(iss: str, ok: bool) -> None:
    provider = oidc(issuer_pattern="https://login.test/{tid}/v2.0")
    if ok:
        assert judged([*GOOD, ("iss", iss)], provider=provider)
    else:
        with pytest.raises(OAuthCallbackError):
            judged([*GOOD, ("iss", iss)], provider=provider)


# --- Apple's user ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": {"firstName": "Ada"}}', {"name": {"firstName": "Ada"}}),
        ("", None),
        ("[]", None),
        ("{", None),
        ("[" * 5000, None),
        ('{"a": ' + "[" * 700 + "]" * 700 + "}", None),
        ('{"a": 1, "a": 2}', None),
        ('{"a": NaN}', None),
        ('{"a": "' + "x" * 5000 + '"}', None),
    ],
)
def test_the_user_beside_a_code(text: str, expected: Any) -> None:
    provider = oidc(response_mode="form_post", callback_user=True)
    found = judged([*GOOD, ("user", text)], provider=provider, posted=True)
    assert found.user == expected
    assert judged([*GOOD, ("user", text)]).user is None, "only where it is meant"
