"""Who may sign in, and what a session keeps of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Browser, config, hello, options
from wsgi_auth import AccessDenied, AuthMiddleware
from wsgi_auth.errors import CallbackError
from wsgi_auth.sessions.lifecycle import claims_of

NOW = 1_800_000_000


def visitor(user: Any, **more: Any) -> Browser:
    """Somebody whom every password proves to be this user."""
    provider = {"id": "credentials", "authorize": lambda credentials, request: user}
    return Browser(AuthMiddleware(hello, config(providers=[provider], **more)))


ADA, OPS = "ada@example.test", {"groups": ["ops", "staff"]}
EMAILS = {"allow_emails": [ADA, "Grace@example.test"]}
DOMAINS = {"allow_domains": ["example.test"]}
EITHER = {"allow_emails": [ADA], "allow_domains": ["other.test"]}
ANY = {"allow_emails": ["*"], "allow_domains": ["other.test"]}
GROUPS = {"allow_groups": ["ops"]}
MAY: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (EMAILS, {"email": ADA}, True), (EMAILS, {"email": "Ada@Example.TEST"}, True),
    (EMAILS, {"email": "grace@example.test"}, True), (EMAILS, {"email": "eve@example.test"}, False),
    (EMAILS, {}, False), (EMAILS, {"email": ""}, False), (EMAILS, {"login": ADA}, False),
    (EMAILS, {"email": ADA, "email_verified": False}, False),
    (EMAILS, {"email": ADA, "email_verified": "true"}, False),
    (EMAILS, {"email": ADA, "email_verified": None}, False),
    (DOMAINS, {"email": "eve@example.test"}, True), (DOMAINS, {"email": "eve@EXAMPLE.test"}, True),
    (DOMAINS, {"email": "eve@a.example.test"}, False),
    (DOMAINS, {"email": "eve@example.test.evil.test"}, False),
    (DOMAINS, {"email": "example.test@evil.test"}, False), (DOMAINS, {"email": "example.test"}, False),
    (DOMAINS, {"email": "eve@evil.test@example.test"}, True), (DOMAINS, {}, False),
    (DOMAINS, {"email": "eve@example.test", "email_verified": False}, False),
    (EITHER, {"email": ADA}, True), (EITHER, {"email": "eve@other.test"}, True),
    (EITHER, {"email": "eve@example.test"}, False), (EITHER, {}, False),
    (ANY, {"email": "eve@example.test"}, True), (ANY, {}, True),
    (GROUPS, OPS, True), (GROUPS, {"groups": ("ops",)}, True), (GROUPS, {"groups": {"ops"}}, True),
    (GROUPS, {"groups": ["staff"]}, False), (GROUPS, {"groups": []}, False), (GROUPS, {}, False),
    (GROUPS, {"groups": None}, False), (GROUPS, {"groups": ["OPS"]}, False),
    ({**GROUPS, **DOMAINS}, {"email": ADA, **OPS}, True), ({**GROUPS, **DOMAINS}, {"email": ADA}, False),
    ({**GROUPS, **DOMAINS}, {"email": "eve@other.test", **OPS}, False), ({**GROUPS, **ANY}, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(("allow", "user", "may"), MAY, ids=str)
def test_whoever_fits_all_that_is_allowed_may_sign_in_and_nobody_else(
    allow: dict[str, Any], user: dict[str, Any], may: bool
) -> None:
    browser = visitor({"id": "ada", **user}, **allow)
    browser.sign_in(status=303 if may else 403)
    assert browser.get("/", status="*").status_int == (200 if may else 401)


@pytest.mark.parametrize(
    ("allow", "user", "why"),
    [
        (DOMAINS, {}, "there is no address"),
        (DOMAINS, {"email": "eve@other.test"}, "the address is none that is allowed"),
        (EMAILS, {"email": ADA, "email_verified": False}, "nobody vouches for the address"),
        (GROUPS, {}, "nothing says which groups the user is in"),
        (GROUPS, {"groups": ["/ops", "a\nb"]}, "none of the groups is allowed: '/ops', 'a\\nb'"),
    ],
    ids=str,
)
def test_the_log_says_what_somebody_who_may_not_sign_in_lacks(
    allow: dict[str, Any], user: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    visitor({"id": "ada", **user}, **allow).sign_in(status=403)
    assert [each for each in caplog.messages if each.endswith(f" refused: {why}")]


def test_a_store_that_is_down_is_a_line_of_the_log_that_says_where_it_was_looked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    visitor({"id": "ada"}, limits={"storage": "redis://127.0.0.1:1/0"}).sign_in(status=503)
    (line,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "the store of limits cannot be asked: " in line.message and ":1" in line.message
    assert line.exc_info is None


def denied(*_: Any) -> bool:
    raise AccessDenied("blocked")


async def late(*_: Any) -> bool:
    return True


REFUSING: dict[str, tuple[dict[str, Any], int]] = {
    "says no": ({"sign_in": lambda user, account, context: False}, 403),
    "denies": ({"sign_in": denied}, 403),
    "fails": ({"sign_in": lambda user, account, context: 1 / 0}, 500),
    "says nothing": ({"sign_in": lambda user, account, context: None}, 500),
    "says 1": ({"sign_in": lambda user, account, context: 1}, 500),
    "is late": ({"sign_in": lambda user, account, context: late()}, 500),
    "makes no claims": ({"jwt": lambda claims, context: None}, 403),
    "fails over the claims": ({"jwt": lambda claims, context: 1 / 0}, 500),
    "denies what is seen": ({"session": denied}, 403),
}


@pytest.mark.parametrize(("callbacks", "status"), REFUSING.values(), ids=REFUSING)
def test_a_callback_that_does_not_agree_lets_nobody_sign_in(
    callbacks: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    browser = visitor({"id": "ada"}, callbacks=callbacks)
    answer = browser.sign_in(status=status)
    refused = [
        each for each in caplog.messages if each.endswith(" refused") or " refused: " in each
    ]
    assert len(refused) == (status == 403)
    assert not any("session" in each for each in answer.headers.getall("Set-Cookie"))
    browser.get("/", status=401)


WRONG: list[Any] = [
    None, "ada", [("id", "ada")], {}, {"id": None}, {"id": ""}, {"id": True}, {"id": 1.5},
    {"id": ["ada"]}, {"id": "\ud800"}, {"id": "ada", "name": 7}, {"id": "ada", "email": [ADA]},
    {"id": "ada", "image": "\ud800"}, {"id": "ada", "login": b"ada"}, {"id": "ada", "groups": "ops"},
    {"id": "ada", "groups": {"ops": 1}}, {"id": "ada", "groups": ["ops", 1]},
    {"id": "ada", "groups": [None]}, {"id": "ada", "groups": 5},
]  # fmt: skip


@pytest.mark.parametrize("user", WRONG, ids=ascii)
def test_a_user_that_is_none_is_a_fault_of_whoever_made_it(user: Any) -> None:
    with pytest.raises(CallbackError, match="gave a"):
        claims_of(user, config().providers[0])


def test_a_session_keeps_little_of_a_user_and_a_number_for_an_id_is_text() -> None:
    user = {"id": 7, "name": "Ada", "image": "/a.png", "groups": ("ops",), "shoe": 38}
    assert claims_of(user, config().providers[0]) == {
        "sub": "7", "name": "Ada", "picture": "/a.png", "groups": ["ops"], "provider": "credentials",
    }  # fmt: skip


def test_the_chooser_of_development_changes_nobodys_id(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    party = {"id": "acme", "type": "oidc", "issuer": "https://acme.example.test", "client_id": "us",
             "client_secret": "secret"}  # fmt: skip
    for providers in ([party], ["dev", party]):
        more = {"dev": True, "url": None} if "dev" in providers else {}
        made = AuthMiddleware(hello, options(providers=providers, **more))
        admitted = made.site.lifecycle.admit({"id": "ada"}, made.config.providers[-1], {}, NOW)
        assert admitted["sub"] == "ada"
