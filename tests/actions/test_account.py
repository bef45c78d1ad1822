"""``/account``: a user's own accounts and sessions, linked, unlinked and ended by their own act."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine

from tests.conftest import Browser, authorize, config
from tests.oauth.visits import Visitor, application, exchanged
from tests.sessions.test_jwt import NAME, NODE, settled
from tests.sessions.test_jwt import token as written
from wsgi_auth import AuthMiddleware
from wsgi_auth.adapters import connect
from wsgi_auth.errors import ConfigError, LastAccount
from wsgi_auth.records import AccountRecord, Authenticator, UserRecord
from wsgi_auth.testing import FakeProvider, FakeTransport

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path: Path) -> Any:
    return connect("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db")


class Ground:
    """A site with two providers, and Ada, who signs in at the first one."""

    def __init__(self, store: Any, **more: Any) -> None:
        self.store = store
        self.one = FakeProvider("https://one.example.test", id="one")
        self.two = FakeProvider("https://two.example.test", id="two")
        self.told: list[tuple[str, Any]] = []
        self.lost: list[tuple[str, str, Any]] = []
        events = {
            "link_account": lambda event: self.told.append(
                (event.account.provider, event.user["id"])
            ),
            "unlink_account": lambda event: self.lost.append(
                (event.account.provider, event.account.provider_account_id, event.user["id"])
            ),
        }
        options = {"adapter": store, "events": events, **more}
        posts = options.pop("posts", False)
        rest = options.pop("rest", [{"id": "credentials", "authorize": authorize}])
        self.middleware = AuthMiddleware(
            application,
            {
                "secret": "s" * 40, "url": "https://app.example.test",
                "matcher": ["/members/:path*"],
                "providers": [
                    self.one.options(),
                    self.two.options(
                        **({"response_mode": "form_post"} if posts else {}), **options.pop("two", {})
                    ),
                    *rest,
                ],
                "transport": FakeTransport(self.one, self.two), **options,
            },
        )  # fmt: skip
        self.page = Visitor(self.middleware)
        self.one.sign_in(self.page, "alice")
        self.ada = self.page.claims["sub"]

    def ask(self, **fields: str) -> Any:
        """The answer to the button "Link two"."""
        form = form_of(self.page.get("/auth/account"), "/account/link/two")
        return self.page.post(
            form.action, {**dict(form.submit_fields()), **fields}, expect_errors=True
        )

    def linked(self, user: str | None = None) -> list[str]:
        return [each.provider for each in self.store.list_accounts(user or self.ada)]


@pytest.fixture
def ground(store: Any) -> Ground:
    return Ground(store)


def form_of(page: Any, ending: str, text: str = "") -> Any:
    return next(
        each for each in page.forms.values() if each.action.endswith(ending) and text in each.text
    )


def token(page: Any) -> str:
    return page.get("/auth/csrf").json["csrfToken"]


# --- linking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lists", "fits"),
    [
        ({"allow_domains": ["elsewhere.test"]}, False),
        ({"allow_emails": ["eve@elsewhere.test"]}, False),
        ({"allow_groups": ["staff"]}, False),
        ({"allow_claims": {"sub": "eve"}}, False),
        ({"allow_claims": {"sub": "bob"}}, True),
    ],
    ids=str,
)
def test_who_may_not_sign_in_by_a_provider_links_no_account_of_it(store, lists, fits):
    ground = Ground(store, two=lists)
    answer = ground.page.land(ground.two.approve(ground.ask().location, "bob"))
    assert answer.status_int == (302 if fits else 403)
    assert ground.linked() == (["one", "two"] if fits else ["one"])


def test_a_user_links_an_account_and_signs_in_by_either(ground):
    answer = ground.page.land(ground.two.approve(ground.ask().location, "bob"))
    assert answer.location == "/auth/account"
    assert ground.page.claims["sub"] == ground.ada
    assert ground.linked() == ["one", "two"]
    assert ground.told == [("one", ground.ada), ("two", ground.ada)]
    again = Visitor(ground.middleware)
    ground.two.sign_in(again, "bob")
    assert again.claims["sub"] == ground.ada
    text = ground.page.get("/auth/account").text
    assert "bob" in text
    assert "Link two" not in text


def test_linking_leads_back_to_where_it_was_asked_for(ground):
    landing = ground.two.approve(ground.ask(callbackUrl="/settings").location, "bob")
    assert ground.page.land(landing).location == "/settings"
    landing = ground.two.approve(
        ground.page.post("/auth/account/link/two", {
            "csrfToken": token(ground.page), "callbackUrl": "https://evil.test/"}).location, "bob",
    )  # fmt: skip
    assert ground.page.land(landing).location == "/"


def test_a_link_is_asked_for_by_a_post_of_a_form_of_ours_by_somebody_signed_in(ground):
    page = ground.page
    assert page.get("/auth/account/link/two", expect_errors=True).status_int == 405
    answer = page.post("/auth/account/link/two", {"csrfToken": "x"}, expect_errors=True)
    assert (answer.status_int, "Please try that again" not in answer) == (403, True)
    assert page.post("/auth/account/link/nope", {}, expect_errors=True).status_int == 200
    stranger = Visitor(ground.middleware)
    sent = {"csrfToken": token(stranger)}
    assert stranger.post("/auth/account/link/two", sent, expect_errors=True).status_int == 401
    assert (
        stranger.post("/auth/account/link/two", sent, headers=JSON, expect_errors=True).status_int
        == 401
    )
    assert exchanged(ground.two) == 0


def test_who_has_signed_out_meanwhile_links_nothing_and_is_not_signed_in(ground):
    landing = ground.two.approve(ground.ask().location, "bob")
    ground.page.post("/auth/signout", {"csrfToken": token(ground.page)})
    answer = ground.page.land(landing)
    assert (answer.status_int, ground.page.who) == (400, None)
    assert "InvalidCheck" in answer
    assert exchanged(ground.two) == 0
    assert ground.linked() == ["one"]


def test_an_account_goes_to_nobody_but_who_asked_for_it(ground):
    """Somebody else has signed in in this browser while Ada was at the provider."""
    landing = ground.two.approve(ground.ask().location, "bob")
    ground.page.land(ground.one.approve(ground.page.begin("one"), "carol"))
    carol = ground.page.claims["sub"]
    assert carol != ground.ada
    answer = ground.page.land(landing)
    assert (answer.status_int, ground.page.claims["sub"]) == (400, carol)
    assert exchanged(ground.two) == 0
    assert ground.linked() == ground.linked(carol) == ["one"]


def test_an_account_of_somebody_else_stays_theirs_and_nobody_is_switched(ground):
    bob = Visitor(ground.middleware)
    ground.two.sign_in(bob, "bob")
    answer = ground.page.land(ground.two.approve(ground.ask().location, "bob"))
    assert answer.status_int == 403
    assert "This account is linked to somebody else here." in answer
    assert ground.page.claims["sub"] == ground.ada
    assert ground.linked() == ["one"]
    assert ground.linked(bob.claims["sub"]) == ["two"]


def test_an_account_that_is_linked_already_stays_so(ground):
    for _ in range(2):
        url = ground.page.post("/auth/account/link/two", {"csrfToken": token(ground.page)}).location
        assert ground.page.land(ground.two.approve(url, "bob")).location == "/auth/account"
    assert ground.linked() == ["one", "two"]
    assert len(ground.told) == 2


def test_who_may_not_sign_in_is_not_linked(store):
    ground = Ground(
        store, callbacks={"sign_in": lambda user, account, _: account.provider == "one"}
    )
    answer = ground.page.land(ground.two.approve(ground.ask().location, "bob"))
    assert answer.status_int == 403
    assert ground.linked() == ["one"]
    assert ground.page.claims["sub"] == ground.ada


@pytest.mark.parametrize("said", ["/ask-first", "https://evil.test/"])
def test_who_is_sent_elsewhere_by_the_callback_is_not_linked(store, said):
    def sign_in(user, account, context):
        return account.provider == "one" or said

    ground = Ground(store, callbacks={"sign_in": sign_in})
    answer = ground.page.land(ground.two.approve(ground.ask().location, "bob"))
    assert answer.location == ("/ask-first" if said.startswith("/") else "/")
    assert ground.linked() == ["one"]


def test_a_provider_that_is_not_on_offer_is_not_linked(store):
    ground = Ground(store, providers_for=lambda request: ["one"])
    answer = ground.page.post(
        "/auth/account/link/two", {"csrfToken": token(ground.page)}, expect_errors=True
    )
    assert answer.status_int == 404
    assert ground.two.requests == []


def test_a_refusal_at_the_provider_is_said_on_the_account_page(ground):
    answer = ground.page.land(ground.two.refuse(ground.ask().location))
    assert answer.status_int == 403
    assert "did not confirm" in answer
    assert "Your account" in answer


def test_a_user_who_was_deleted_links_nothing(store):
    ground = Ground(store, session={"strategy": "cookie"})
    store.delete_user(ground.ada)
    answer = ground.page.post(
        "/auth/account/link/two", {"csrfToken": token(ground.page)}, expect_errors=True
    )
    assert answer.status_int == 403
    assert exchanged(ground.two) == 0


def test_a_user_who_is_deleted_half_way_links_nothing_and_does_not_come_back(store):
    ground = Ground(store, session={"strategy": "cookie"})
    landing = ground.two.approve(ground.ask().location, "bob")
    store.delete_user(ground.ada)
    assert ground.page.land(landing).status_int == 403
    assert store.get_user(ground.ada) is None
    assert ground.linked() == []


# --- an answer that comes as a cross-site POST -----------------------------------------------------


def asked(ground: Ground) -> Any:
    """The question, after the provider has posted its answer."""
    answer = ground.page.post_back(ground.two.approve(ground.ask().location, "bob"))
    assert answer.location == "/auth/account/link"
    assert ground.linked() == ["one"], "a posted answer comes without a session: it links nothing"
    return ground.page.get(answer.location, expect_errors=True)


def test_a_posted_answer_never_links_without_asking(store):
    ground = Ground(store, posts=True)
    question = asked(ground)
    assert "bob" in question
    assert "Alice" in question
    assert question.form.submit().location == "/auth/account"
    assert ground.linked() == ["one", "two"]
    assert ground.page.claims["sub"] == ground.ada
    again = ground.page.get("/auth/account/link", expect_errors=True)
    assert (again.status_int, "This sign-in took too long" in again) == (400, True)


@pytest.mark.parametrize(
    ("target", "named"),
    [("/after", ""), ("https://docs.example.test:8443/a/b", " https://docs.example.test:8443")],
)
def test_the_question_leads_on_to_where_it_was_asked_from(store, target, named):
    ground = Ground(store, posts=True, allowed_redirects=["https://docs.example.test:8443"])
    landing = ground.two.approve(ground.ask(callbackUrl=target).location, "bob")
    ground.page.post_back(landing)
    question = ground.page.get("/auth/account/link", headers=HTML)
    policy = question.headers["Content-Security-Policy"].partition("form-action ")[2]
    assert policy.partition(";")[0] == f"'self'{named}"
    assert question.form.submit().location == target


def test_the_question_takes_a_token_and_the_one_who_asked(store):
    ground = Ground(store, posts=True)
    asked(ground)
    page = ground.page
    assert page.post("/auth/account/link", {"csrfToken": "x"}, expect_errors=True).status_int == 403
    page.land(ground.one.approve(page.begin("one"), "carol"))
    assert page.get("/auth/account/link", expect_errors=True).status_int == 400
    sent = {"csrfToken": token(page)}
    assert page.post("/auth/account/link", sent, expect_errors=True).status_int == 400
    page.post("/auth/signout", sent)
    assert page.get("/auth/account/link", headers=HTML).location.startswith("/auth/signin")
    assert (
        page.post("/auth/account/link", {"csrfToken": token(page)}, expect_errors=True).status_int
        == 401
    )
    assert ground.linked() == ["one"]


def test_the_question_waits_ten_minutes(store):
    import time_machine

    ground = Ground(store, posts=True)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        ground.one.sign_in(ground.page, "alice")
        question = asked(ground)
        clock.shift(601)
        assert question.form.submit(expect_errors=True).status_int == 400
    assert ground.linked() == ["one"]


def test_a_posted_answer_to_a_plain_sign_in_signs_in_and_links_nothing(store):
    ground = Ground(store, posts=True)
    ground.page.post_back(ground.two.approve(ground.page.begin("two"), "bob"))
    assert ground.page.claims["sub"] != ground.ada
    assert ground.linked() == ["one"]


# --- unlinking ------------------------------------------------------------------------------------


def link(ground: Ground) -> None:
    ground.page.land(ground.two.approve(ground.ask().location, "bob"))


def unlinked(ground: Ground, provider: str, id: str, **more: Any) -> Any:
    sent = {"csrfToken": token(ground.page), "provider": provider, "id": id}
    return ground.page.post("/auth/account/unlink", sent, expect_errors=True, **more)


def test_an_account_is_unlinked_by_its_button_and_the_last_one_never(ground):
    link(ground)
    form = form_of(ground.page.get("/auth/account"), "/unlink", 'value="one"')
    assert form.submit().location == "/auth/account"
    assert ground.linked() == ["two"]
    assert ground.lost == [("one", "alice", ground.ada)]
    page = ground.page.get("/auth/account")
    assert "/auth/account/unlink" not in page
    assert "the only way" in page
    answer = unlinked(ground, "two", "bob")
    assert (answer.status_int, "Link another one first." in answer) == (409, True)
    assert unlinked(ground, "two", "bob", headers=JSON).json["error"] == "LastAccount"
    assert ground.linked() == ["two"]
    assert ground.page.claims["sub"] == ground.ada


def test_a_provider_that_nobody_can_sign_in_by_any_more_is_no_other_way(ground):
    ground.store.link_account(AccountRecord("gone", "1", ground.ada, "oidc"))
    assert unlinked(ground, "one", "alice").status_int == 409
    assert unlinked(ground, "gone", "1").status_int == 303
    assert ground.linked() == ["one"]


def test_nobody_unlinks_what_is_another_users(ground):
    ground.store.create_user(UserRecord("eve"))
    ground.store.link_account(AccountRecord("two", "eve", "eve", "oidc"))
    unlinked(ground, "two", "eve")
    assert ground.linked("eve") == ["two"]
    assert ground.lost == []


def test_who_signs_in_by_password_can_unlink_every_account(store):
    ground = Ground(store)
    page = ground.page = Visitor(ground.middleware)
    sent = {"username": "alice", "password": "correct horse", "csrfToken": token(page)}
    page.post("/auth/callback/credentials", sent)
    ground.ada = "alice"
    link(ground)
    assert ground.linked() == ["two"]
    assert unlinked(ground, "two", "bob").status_int == 303
    assert ground.linked() == []


def test_a_passkey_is_another_way_and_the_page_has_its_row_and_its_script(store):
    pytest.importorskip("fido2")
    ground = Ground(store)
    ground.middleware = AuthMiddleware(
        application,
        config(adapter=store, secret="s" * 40, transport=FakeTransport(ground.one),
               providers=[ground.one.options(), "passkey"]),
    )  # fmt: skip
    page = ground.page = Visitor(ground.middleware)
    ground.one.sign_in(page, "alice")
    shown = page.get("/auth/account")
    assert "Add a passkey" in shown
    assert "/auth/account/unlink" not in shown
    assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
    assert unlinked(ground, "one", "alice").status_int == 409
    store.create_authenticator(
        Authenticator(
            "c1",
            ground.ada,
            0,
            '{"v": 1, "name": "<b>Key", "created": 1800000000, "used": null, "backed_up": false}',
        )
    )
    shown = page.get("/auth/account")
    assert "&lt;b&gt;Key" in shown
    assert "Added <bdi>2027-01-15</bdi>" in shown
    assert unlinked(ground, "one", "alice").status_int == 303
    assert "the only way" in page.get("/auth/account")
    sent = {"csrfToken": token(page), "action": "remove", "id": "c1"}
    answer = page.post("/auth/account/passkeys", sent, expect_errors=True)
    assert answer.status_int == 409, "and now it is the last"
    assert "Without this passkey you could not sign in" in answer
    assert "Your account" in answer


#: What a user has, how this session was begun, and what of it the user may give up.
WAYS = {
    "an account": ({"one"}, "one", set()),
    "two accounts": ({"one", "two"}, "one", {"one", "two"}),
    "an account, and one at a provider that is gone": ({"one", "gone"}, "one", {"gone"}),
    "an account and a passkey": ({"one", "passkey"}, "one", {"one", "passkey"}),
    "two passkeys": ({"passkey", "another passkey"}, "one", {"passkey", "another passkey"}),
    "a passkey": ({"passkey"}, "one", set()),
    "a passkey, and an account at a provider that is gone": ({"passkey", "gone"}, "one", {"gone"}),
    "a passkey and a password": ({"passkey"}, "credentials", {"passkey"}),
    "an account and a password": ({"one"}, "credentials", {"one"}),
    "an account and a proven address": ({"one", "link"}, "one", {"one"}),
    "a passkey and a proven address": ({"passkey", "link"}, "one", {"passkey"}),
    "nothing that works any more": ({"gone"}, "one", {"gone"}),
}
KEY = '{"v": 1, "name": "Key", "created": 1, "used": null, "backed_up": false}'


@pytest.mark.parametrize("case", WAYS)
def test_the_last_way_to_sign_in_stays_and_the_page_has_no_button_for_it(tmp_path, case):
    pytest.importorskip("fido2")
    has, begun_by, may_go = WAYS[case]
    things = {"one": ("one", "alice"), "two": ("two", "bob"), "gone": ("gone", "1")}
    keys = {"passkey": "c1", "another passkey": "c2"}
    for what in sorted(has - {"link"}):
        store = connect("memory:")
        mail = {"id": "email", "type": "email", "from": "a@app.test", "send": lambda mail: None}
        password = {"id": "credentials", "authorize": authorize}
        ground = Ground(store, rest=[password, mail, "passkey"])
        page, user = ground.page, ground.ada
        if begun_by == "credentials":
            ground.page = page = Visitor(ground.middleware)
            sent = {"username": "alice", "password": "correct horse", "csrfToken": token(page)}
            page.post("/auth/callback/credentials", sent)
            user = "alice"
        for name, key in things.items():
            store.unlink_account(*key)
            if name in has:
                store.link_account(AccountRecord(*key, user, "oidc"))
        for name, id in keys.items():
            if name in has:
                store.create_authenticator(Authenticator(id, user, 0, KEY))
        kept = store.get_user(user)
        proven = 1 if "link" in has else None
        store.update_user(kept._replace(email="ada@example.test", email_verified=proven))
        path, sent = "/auth/account/passkeys", {"action": "remove", "id": keys.get(what, "")}
        if what in things:
            path, sent = "/auth/account/unlink", dict(zip(("provider", "id"), things[what]))
        offered = [
            form
            for form in page.get("/auth/account").forms.values()
            if {(name, form[name].value) for name in sent if name in form.fields}
            == set(sent.items())
        ]
        answer = page.post(path, {**sent, "csrfToken": token(page)}, expect_errors=True)
        assert (bool(offered), answer.status_int) == (
            (True, 303) if what in may_go else (False, 409)
        )
        left = {each[:2] for each in store.list_accounts(user)}
        left |= {each[:1] for each in store.list_authenticators(user)}
        assert ((things.get(what) or (keys[what],)) in left) == (what not in may_go)
        lost = things.get(what) or ("passkey", keys[what])
        assert ground.lost == ([(*lost, user)] if what in may_go else [])


def test_of_two_that_unlink_at_once_at_least_one_way_stays(ground):
    """Each sees the other's account as the way that is left."""
    link(ground)
    accounts = ground.middleware.site.accounts
    original = ground.store.unlink_account

    def unlink_account(provider: str, id: str) -> bool:
        original("two", "bob")
        return original(provider, id)

    ground.store.unlink_account = unlink_account
    with pytest.raises(LastAccount):
        accounts.unlink(ground.ada, "one", "alice", {})
    assert ground.linked() == ["one"]


# --- a session that anybody could have found open ------------------------------------------------

CHANGES = {
    "link": ("/auth/account/link/two", {}),
    "unlink": ("/auth/account/unlink", {"provider": "two", "id": "bob"}),
    "add a passkey": ("/auth/account/passkeys", {"action": "add", "credential": "{}"}),
    "remove a passkey": ("/auth/account/passkeys", {"action": "remove", "id": "c1"}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("fresh", "after"), [(None, 900), ("5m", 300)])
def test_who_signed_in_long_ago_changes_no_way_in_before_signing_in_again(change, fresh, after):
    pytest.importorskip("fido2")
    path, fields = CHANGES[change]
    session = {} if fresh is None else {"fresh_age": fresh}
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        ground = Ground(connect("memory:"), rest=["passkey"], session=session)
        ground.store.link_account(AccountRecord("two", "bob", ground.ada, "oidc"))
        ground.store.create_authenticator(Authenticator("c1", ground.ada, 0, KEY))
        before = ground.linked(), ground.store.list_authenticators(ground.ada)
        clock.shift(after)
        sent = {**fields, "csrfToken": token(ground.page), "callbackUrl": "/auth/account"}
        said = ground.page.post(path, sent, headers=JSON, status=401).json
        assert said["error"] == "FreshSignInRequired"
        assert said["url"] == "/auth/signin?error=FreshSignInRequired&callbackUrl=/auth/account"
        page = ground.page.post(path, sent, headers=HTML, status=401)
        assert "wants to be sure that it is you" in page
        assert (ground.linked(), ground.store.list_authenticators(ground.ada)) == before
        # by the form that is on this page they sign in again and are where they were
        form = form_of(page, "/signin/one")
        landing = ground.one.approve(form.submit().location, "alice")
        assert ground.page.land(landing).location == "/auth/account"
        sent["csrfToken"] = token(ground.page)
        assert ground.page.post(path, sent, headers=HTML, expect_errors=True).status_int != 401


def test_how_fresh_a_sign_in_has_to_be_is_an_option_and_renaming_and_ending_never_ask():
    pytest.importorskip("fido2")
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        ground = Ground(connect("memory:"), rest=["passkey"], session={"fresh_age": 0})
        ground.store.create_authenticator(Authenticator("c1", ground.ada, 0, KEY))
        other = Visitor(ground.middleware)
        ground.one.sign_in(other, "alice")
        clock.shift(20 * 86_400)
        link(ground)
        assert ground.linked() == ["one", "two"]
        ground = Ground(ground.store, rest=["passkey"])
        clock.shift(901)
        sent = {"csrfToken": token(ground.page), "action": "rename", "id": "c1", "name": "Mine"}
        ground.page.post("/auth/account/passkeys", sent, status=303)
        sent = {"csrfToken": token(ground.page), "all": "others"}
        ground.page.post("/auth/account/sessions", sent, status=303)
        assert other.who is None


def test_the_applications_own_sign_in_page_is_told_where_to_lead_back(store):
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        middleware = AuthMiddleware(
            application, config(adapter=store, pages={"sign_in": "/login"}, providers=[
                {"id": "credentials", "authorize": authorize}, FakeProvider(id="two").options(),
            ]),
        )  # fmt: skip
        page = Browser(middleware)
        page.sign_in()
        clock.shift(900)
        answer = page.post("/auth/account/link/two", {"csrfToken": page.token()}, headers=HTML)
        assert answer.location == "/login?error=FreshSignInRequired&callbackUrl=/auth/account"


# --- somebody who means ill ------------------------------------------------------------------------

ALL_CHANGES = {
    **CHANGES,
    "confirm a link": ("/auth/account/link", {}),
    "rename a passkey": ("/auth/account/passkeys", {"action": "rename", "id": "c1", "name": "x"}),
    "end the sessions": ("/auth/account/sessions", {"all": "everywhere"}),
    "ask for a passkey": ("/auth/passkey/options", {"action": "register"}),
}


@pytest.fixture
def attacked(store) -> Ground:
    """Ada with two accounts and a passkey; Eve has signed in, too."""
    pytest.importorskip("fido2")
    ground = Ground(store, rest=["passkey"])
    store.link_account(AccountRecord("two", "bob", ground.ada, "oidc"))
    store.create_authenticator(Authenticator("c1", ground.ada, 0, KEY))
    ground.eve = Visitor(ground.middleware)
    ground.one.sign_in(ground.eve, "bob")
    return ground


def kept(ground: Ground) -> Any:
    sessions = sorted(each.id for each in ground.store.list_sessions(ground.ada))
    return ground.linked(), ground.store.list_authenticators(ground.ada), sessions


@pytest.mark.parametrize("change", ALL_CHANGES)
def test_another_site_or_user_makes_no_change_in_adas_name(attacked, change):
    path, fields = ALL_CHANGES[change]
    page, before = attacked.page, kept(attacked)
    mine = token(page)
    for said, headers in (
        ({}, {}),
        ({"csrfToken": "x.y"}, {}),
        ({"csrfToken": token(attacked.eve)}, {}),
        ({"csrfToken": token(Visitor(attacked.middleware))}, {}),
        ({"csrfToken": mine}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrfToken": mine}, {"Sec-Fetch-Site": "same-site"}),
        ({"csrfToken": mine}, {"Origin": "https://evil.example.test"}),
        ({"csrfToken": mine}, {"Origin": "null"}),
    ):
        sent = {**fields, **said}
        answer = page.post(path, sent, headers={**JSON, **headers}, status=403)
        assert answer.json["error"] == "MissingCSRF"
    assert page.get(f"{path}?{urlencode(fields)}", expect_errors=True).status_int != 303
    assert (kept(attacked), page.claims["sub"]) == (before, attacked.ada)


@pytest.mark.parametrize(
    "change", [each for each in ALL_CHANGES if each not in ("link", "ask for a passkey")]
)
def test_eve_changes_nothing_of_adas_by_naming_it(attacked, change):
    path, fields = ALL_CHANGES[change]
    before = kept(attacked)
    for session in attacked.store.list_sessions(attacked.ada):
        named = {**fields, "csrfToken": token(attacked.eve), "user": attacked.ada}
        if change == "end the sessions":
            named = {"csrfToken": named["csrfToken"], "id": session.id}
        attacked.eve.post(path, named, headers=JSON, expect_errors=True)
    assert kept(attacked) == before
    assert attacked.page.claims["sub"] == attacked.ada


def test_an_answer_to_eves_question_links_nothing_to_ada(attacked):
    """Eve has Ada's browser follow the end of her own linking."""
    form = {"csrfToken": token(attacked.eve)}
    landing = attacked.two.approve(
        attacked.eve.post("/auth/account/link/two", form).location, "carol"
    )
    before = kept(attacked)
    attacked.page.land(landing)
    assert (kept(attacked), attacked.page.claims["sub"]) == (before, attacked.ada)
    # with Eve's flow planted in Ada's browser, the flow is still Eve's
    flow = "__Host-auth.flow"
    attacked.page.set_cookie(flow, attacked.eve.cookies[flow])
    assert attacked.page.land(landing).status_int == 400
    assert (kept(attacked), attacked.page.claims["sub"]) == (before, attacked.ada)


def test_linking_neither_renews_a_session_nor_makes_it_fresh(store):
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        ground = Ground(store)
        claims = ground.page.claims
        asked = ground.ask().location
        clock.shift(30)  # the other side takes its time
        ground.page.land(ground.two.approve(asked, "bob"))
        assert ground.linked() == ["one", "two"]
        names = ("sid", "auth_time", "sub")
        assert [ground.page.claims[each] for each in names] == [claims[each] for each in names]
        clock.shift(870)
        assert unlinked(ground, "two", "bob", headers=JSON).json["error"] == "FreshSignInRequired"


@pytest.mark.parametrize("path", ["/auth/account", "/auth/signin", "/auth/signout", "/auth/error"])
def test_no_page_of_ours_is_shown_in_a_frame(attacked, path):
    answer = attacked.page.get(path, headers=HTML, expect_errors=True)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["database", "cookie"])
def test_sessions_are_listed_and_ended(store, strategy):
    ground = Ground(store, session={"strategy": strategy})
    page = ground.page
    others = [Visitor(ground.middleware) for _ in range(2)]
    for other, agent in zip(others, ("Mozilla/5.0 (iPhone) Safari/1", "<b>robot"), strict=True):
        other.extra_environ["HTTP_USER_AGENT"] = agent
        ground.one.sign_in(other, "alice")
    shown = page.get("/auth/account")
    assert "<bdi>Safari</bdi> on <bdi>iPhone</bdi>" in shown
    assert "&lt;b&gt;robot" in shown
    assert shown.text.count("This device") == 1
    form_of(shown, "/sessions", "robot").submit()
    assert [each.who is None for each in (page, *others)] == [False, False, True]
    form_of(page.get("/auth/account"), "/sessions", "everywhere else").submit()
    assert [each.who is None for each in (page, *others)] == [False, True, True]
    form = form_of(page.get("/auth/account"), "/sessions", 'value="everywhere"')
    assert form.submit().location == "/"
    assert page.who is None


@pytest.mark.parametrize(
    ("update_age", "seen"), [(30, "2027-01-15 08:00 UTC"), (86_400, "2027-01-15")]
)
def test_a_session_is_said_to_be_seen_as_exactly_as_is_known(store, update_age, seen):
    with time_machine.travel(1_800_000_000, tick=False):
        ground = Ground(store, session={"update_age": update_age})
        text = ground.page.get("/auth/account").text
    assert seen in text and (" UTC" in text) is seen.endswith("UTC")


def test_a_session_that_authjs_began_ends_the_others_and_stays(store):
    now = int(time.time())
    middleware = AuthMiddleware(
        application, settled(adapter=store, matcher=[], url="https://app.example.test")
    )
    page = Visitor(middleware)
    page.set_cookie(NAME, written({**NODE, "iat": now, "exp": now + 3_600}))
    store.create_user(UserRecord(NODE["sub"]))
    sent = {"csrfToken": token(page), "all": "others"}
    page.post("/auth/account/sessions", sent, status=303)
    assert page.who == NODE["sub"]
    sent["all"] = "everywhere"
    page.post("/auth/account/sessions", sent, status=303)
    assert page.who is None


@pytest.mark.parametrize("said", [7, True, ["one"], {"id": "one"}])
@pytest.mark.parametrize("name", ["provider", "provider_sid", "tenant"])
def test_what_authjs_calls_by_a_name_of_ours_is_no_trouble(store, name, said, caplog):
    now = int(time.time())
    one = FakeProvider(id="one")
    options = settled(
        adapter=store, matcher=[], url="https://app.example.test", transport=FakeTransport(one),
        providers=[one.options(backchannel_logout=True)], session={"strategy": "jwt", "update_age": 60},
    )  # fmt: skip
    page = Visitor(AuthMiddleware(application, options))
    page.set_cookie(NAME, written({**NODE, "iat": now - 90, "exp": now + 3_600, name: said}))
    store.create_user(UserRecord(NODE["sub"]))
    assert page.who == NODE["sub"]
    assert page.get("/auth/account").status_int == 200
    assert "Traceback" not in caplog.text


def with_passkeys(store) -> Visitor:
    """Alice, signed in where people may have passkeys."""
    pytest.importorskip("fido2")
    ground = Ground(store)
    middleware = AuthMiddleware(
        application,
        config(adapter=store, secret="s" * 40, transport=FakeTransport(ground.one),
               providers=[ground.one.options(), "passkey"]),
    )  # fmt: skip
    page = Visitor(middleware)
    ground.one.sign_in(page, "alice")
    return page


@pytest.mark.parametrize("created", [10**12, -5, 10**30])
def test_a_clock_that_was_far_off_spoils_no_page(store, created):
    page = with_passkeys(store)
    said = {"v": 1, "name": "Key", "created": created, "used": None, "backed_up": False}
    store.create_authenticator(Authenticator("c1", page.claims["sub"], 0, json.dumps(said)))
    assert "Key" in page.get("/auth/account")


@pytest.mark.parametrize(
    "change", [{"name": 7}, {"created": "today"}, {"used": []}, {"backed_up": None}, {"v": 2}, {}]
)
def test_a_passkey_that_was_written_otherwise_is_none(store, change):
    page = with_passkeys(store)
    said = {"v": 1, "name": "Key", "created": 1, "used": None, "backed_up": False}
    text = json.dumps({**said, **change} if change else {"v": 1})
    store.create_authenticator(Authenticator("c1", page.claims["sub"], 0, text))
    assert page.get("/auth/account/passkeys").json == []
    assert page.get("/auth/account").status_int == 200


def test_nobody_ends_a_session_of_another_user(ground):
    bob = Visitor(ground.middleware)
    ground.one.sign_in(bob, "bob")
    sent = {"csrfToken": token(ground.page), "id": bob.claims["sid"]}
    ground.page.post("/auth/account/sessions", sent)
    assert bob.who is not None
    for wrong in ({}, {"all": "x"}):
        sent = {"csrfToken": token(ground.page), **wrong}
        answer = ground.page.post("/auth/account/sessions", sent, expect_errors=True)
        assert answer.status_int == 400
    answer = ground.page.post("/auth/account/sessions", {"all": "everywhere"}, expect_errors=True)
    assert answer.status_int == 403
    assert ground.page.who is not None


# --- the page -------------------------------------------------------------------------------------


def test_nobody_is_sent_to_sign_in_and_comes_back_and_a_program_gets_401(ground):
    stranger = Visitor(ground.middleware)
    answer = stranger.get("/auth/account", headers=HTML)
    assert answer.location == "/auth/signin?callbackUrl=/auth/account"
    assert stranger.get("/auth/account", headers=JSON, expect_errors=True).status_int == 401


def test_without_an_adapter_the_path_is_the_applications():
    page = Browser(AuthMiddleware(application, config(matcher=[])))
    assert "session" in page.get("/auth/account").json
    assert "session" in page.post("/auth/account/unlink").json


@pytest.mark.parametrize("off", [False, "off", "false"])
def test_switched_off_nothing_of_it_is_there(store, off):
    page = Browser(
        AuthMiddleware(application, config(matcher=[], adapter=store, pages={"account": off}))
    )
    for path in ("/auth/account", "/auth/account/link", "/auth/account/sessions"):
        assert "session" in page.post(path).json


def test_an_application_may_have_a_page_of_its_own(store):
    ground = Ground(store, pages={"account": "/settings"})
    assert ground.page.get("/auth/account").location == "/settings"
    sent = {"csrfToken": token(ground.page)}
    landing = ground.two.approve(ground.page.post("/auth/account/link/two", sent).location, "bob")
    assert ground.page.land(landing).location == "/settings"
    landing = ground.two.refuse(ground.page.post("/auth/account/link/two", sent).location)
    assert ground.page.land(landing).location == "/settings?error=OAuthCallbackError"
    unlinked(ground, "two", "bob")
    assert unlinked(ground, "one", "alice").location == "/settings?error=LastAccount"
    with pytest.raises(ConfigError, match=r"pages\.account"):
        Ground(store, pages={"account": "/auth/account"})


def test_an_application_lists_the_accounts_itself(store):
    found = []

    def app(environ, start_response):
        found.append(environ["auth.handle"].accounts())
        return application(environ, start_response)

    ground = Ground(store)
    link(ground)
    ground.middleware.app = app
    ground.page.get("/")
    Visitor(ground.middleware).get("/")
    assert [tuple(each) for each in found[0]] == [
        ("one", "alice", "oidc", "alice"), ("two", "bob", "oidc", "bob")]  # fmt: skip
    assert found[1] == []


def test_where_sessions_are_only_read_there_is_nothing_to_manage(store):
    page = Browser(AuthMiddleware(application, config(
        adapter=store, providers=[], pages={"sign_in": "/in"},
        session={"strategy": "cookie", "read_only": True})))  # fmt: skip
    assert page.get("/auth/account", expect_errors=True).status_int == 403


def test_a_store_that_is_down_is_503_on_the_page(store):
    from tests.sessions.test_kept import Flaky

    flaky = Flaky(store)
    ground = Ground(flaky, session={"strategy": "cookie"})
    flaky.is_down = True
    assert ground.page.get("/auth/account", expect_errors=True).status_int == 503
    answer = ground.page.post("/auth/account/unlink", {}, expect_errors=True)
    assert answer.status_int in (403, 503)
