"""Who a proof of identity belongs to: the matrix of accounts known and unknown, addresses taken and
free, vouched for or not (R085)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.oauth.visits import Visitor, site
from wsgi_auth.accounts import Accounts
from wsgi_auth.adapters import connect
from wsgi_auth.errors import (
    AccessDenied,
    AccountNotLinked,
    AlreadyExists,
    StoreUnavailable,
    UsageError,
)
from wsgi_auth.events import Events
from wsgi_auth.records import AccountRecord, UserRecord
from wsgi_auth.testing import FakeProvider
from wsgi_auth.types import Account
from wsgi_auth.ways import Way, give_up

NOW = 1_800_000_000
ADA = UserRecord("u1", "Ada", "ada@example.org", 1_000)
GITHUB = Account("github", "oauth", "17")
GOOGLE = Account("google", "oidc", "g-17")
CAREFUL = SimpleNamespace(id="google")
LINKING = SimpleNamespace(id="google", link_by_email=True)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path: Path) -> Any:
    return connect("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db")


class Ground:
    """The accounts of one store, and the events that were told."""

    def __init__(self, store: Any) -> None:
        self.told: list[str] = []
        names = ("create_user", "update_user", "link_account")
        handlers = {name: (lambda event: self.told.append(event.name),) for name in names}
        self.store = store
        self.accounts = Accounts(store, Events(handlers, lambda: logging.getLogger("tests")))

    def sign_in(
        self, account: Account = GOOGLE, provider: Any = CAREFUL, **claims: Any
    ) -> tuple[UserRecord, bool]:
        owner = self.accounts.owner(claims, account, provider, {}, NOW)
        return owner.user, owner.is_new


@pytest.fixture
def ground(store: Any) -> Ground:
    return Ground(store)


def link(store: Any, user: UserRecord, account: Account) -> None:
    store.create_user(user)
    store.link_account(
        AccountRecord(account.provider, account.provider_account_id, user.id, account.type)
    )


# --- the matrix ------------------------------------------------------------------------------------

VERIFIED, UNVERIFIED = ADA, ADA._replace(email_verified=None)
SAID = {"email": "ADA@example.org", "email_verified": True}
RUMOURED = {"email": "ada@example.org", "email_verified": False}

#: Who is there (with another account), what the new account's provider says, whether the operator
#: trusts it with addresses: and what becomes of it.
MATRIX = {
    "nobody there, an address vouched for": (None, SAID, False, "new"),
    "nobody there, an address nobody vouches for": (None, RUMOURED, False, "new"),
    "nobody there, no address": (None, {}, False, "new"),
    "the address is taken": (VERIFIED, SAID, False, "refused"),
    "the address is taken, and only rumoured": (VERIFIED, RUMOURED, False, "new"),
    "the address is taken, trusted": (VERIFIED, SAID, True, "linked"),
    "the address is taken, trusted, but only rumoured": (VERIFIED, RUMOURED, True, "new"),
    "somebody else claims the address without proof": (UNVERIFIED, SAID, False, "new"),
    "somebody else claims the address without proof, trusted": (UNVERIFIED, SAID, True, "new"),
    "both only claim it": (UNVERIFIED, RUMOURED, True, "new"),
    "another address": (VERIFIED, {**SAID, "email": "ada@example.com"}, True, "new"),
    "an address that only looks alike": (VERIFIED, {**SAID, "email": "ad\u0430@example.org"}, True, "new"),
}  # fmt: skip


@pytest.mark.parametrize("case", MATRIX)
def test_an_unknown_account_becomes_a_user_or_is_refused(ground, case):
    there, said, trusted, outcome = MATRIX[case]
    if there is not None:
        link(ground.store, there, GITHUB)
    provider = LINKING if trusted else CAREFUL
    if outcome == "refused":
        with pytest.raises(AccountNotLinked):
            ground.sign_in(provider=provider, **said)
        assert ground.store.get_account("google", "g-17") is None
        assert ground.told == []
        return
    user, is_new = ground.sign_in(provider=provider, **said)
    assert is_new is (outcome == "new")
    assert (user.id == "u1") is (outcome == "linked")
    assert ground.told == (["create_user"] if is_new else []) + ["link_account"]
    again, is_new = ground.sign_in(provider=provider, **said)
    assert (again.id, is_new) == (user.id, False)
    if there is not None:
        assert ground.store.get_user_by_account("github", "17").id == "u1"


@pytest.mark.parametrize("said", [SAID, RUMOURED, {}, {**SAID, "email": "new@example.org"}])
@pytest.mark.parametrize("trusted", [False, True])
def test_a_known_account_is_its_user_whatever_address_comes_with_it(ground, said, trusted):
    link(ground.store, ADA, GOOGLE)
    user, is_new = ground.sign_in(provider=LINKING if trusted else CAREFUL, **said)
    assert (user.id, is_new) == ("u1", False)


def test_the_same_id_at_two_providers_is_two_users(ground):
    one, _ = ground.sign_in(Account("github", "oauth", "17"))
    two, _ = ground.sign_in(Account("gitlab", "oauth", "17"))
    assert one.id != two.id


def test_a_known_account_does_not_take_the_address_of_another_user(ground):
    link(ground.store, ADA, GITHUB)
    link(ground.store, UserRecord("u2", "Bob", "bob@example.org", 5), GOOGLE)
    user, _ = ground.sign_in(name="Bobby", **SAID)
    assert (user.id, user.name, user.email) == ("u2", "Bobby", "bob@example.org")
    assert ground.store.get_user_by_email("ada@example.org") == ADA


def test_an_address_nobody_vouches_for_takes_the_place_of_none_that_was_proven(ground):
    link(ground.store, ADA, GOOGLE)
    user, _ = ground.sign_in(email="eve@example.org", email_verified=False)
    assert (user.email, user.email_verified) == ("ada@example.org", 1_000)


NEW, OLD = "new@example.org", "ada@example.org"


@pytest.mark.parametrize(
    ("has", "said", "then"),
    [
        ((OLD, 1_000), (NEW, True), (NEW, NOW)), ((OLD, 1_000), (NEW, False), (OLD, 1_000)),
        ((OLD, 1_000), (OLD, True), (OLD, 1_000)), ((OLD, 1_000), (OLD, False), (OLD, 1_000)),
        ((OLD, 1_000), (None, True), (OLD, 1_000)),
        ((OLD, None), (NEW, True), (NEW, NOW)), ((OLD, None), (NEW, False), (NEW, None)),
        ((OLD, None), (OLD, True), (OLD, NOW)), ((OLD, None), (OLD, False), (OLD, None)),
        ((OLD, None), (None, False), (OLD, None)),
        ((None, None), (NEW, True), (NEW, NOW)), ((None, None), (NEW, False), (NEW, None)),
        ((None, None), (None, False), (None, None)),
    ],
    ids=str,
)  # fmt: skip
def test_an_address_is_replaced_by_one_that_is_better_proven_or_as_well(ground, has, said, then):
    link(ground.store, UserRecord("u1", "Ada", *has), GOOGLE)
    email, is_vouched_for = said
    claims = (
        {"name": "Ada"} if email is None else {"email": email, "email_verified": is_vouched_for}
    )
    user, _ = ground.sign_in(**claims)
    assert (user.id, user.email, user.email_verified) == ("u1", *then)
    assert ground.store.get_user("u1") == user
    assert ground.told == ([] if then == has else ["update_user"])


@pytest.mark.parametrize(
    ("claims", "label"),
    [({"login": "ada", "email": OLD, "name": "Ada"}, "ada"), ({"email": OLD, "name": "Ada"}, OLD),
     ({"login": "", "name": "Ada"}, "Ada"), ({}, ""), ({"name": "a" * 300}, "a" * 200)],
)  # fmt: skip
def test_an_account_is_recognised_by_what_somebody_is_called_there(ground, claims, label):
    user, _ = ground.sign_in(**claims)
    assert [each.label for each in ground.accounts.of(user.id)] == [label]


def test_a_user_who_is_gone_has_no_address_and_is_nobody(ground):
    link(ground.store, ADA, GOOGLE)
    link(ground.store, UNVERIFIED._replace(id="u2"), GITHUB)
    found = [
        (ground.accounts.has_address(id), ground.accounts.knows(id)) for id in ("u1", "u2", "u3")
    ]
    assert found == [(True, True), (False, True), (False, False)]
    assert not ground.accounts.known("u1").is_new
    with pytest.raises(AccessDenied):
        ground.accounts.known("u3")


def test_what_changed_at_the_provider_is_told(ground):
    link(ground.store, ADA, GOOGLE)
    user, _ = ground.sign_in(name="Ada L.", picture="https://x.org/a.png", **SAID)
    assert ground.store.get_user("u1") == user
    assert (user.name, user.image) == ("Ada L.", "https://x.org/a.png")
    assert ground.told == ["update_user"]
    ground.sign_in(name="Ada L.", picture="https://x.org/a.png", email=user.email,
                   email_verified=True)  # fmt: skip
    assert ground.told == ["update_user"], "and nothing is written where nothing changed"


def test_an_account_whose_user_is_gone_keeps_nobody_out(ground):
    """Of one that was linked as its user was deleted, say, or whose user went by hand."""
    ground.store.link_account(AccountRecord("google", "g-17", "gone", "oidc"))
    user, is_new = ground.sign_in(**SAID)
    assert is_new
    assert ground.store.get_user_by_account("google", "g-17") == user
    assert ground.sign_in(**SAID) == (user, False)
    assert ground.store.list_accounts("gone") == []


def test_an_account_whose_user_is_gone_is_linked_to_who_asks(ground):
    ground.store.create_user(ADA)
    ground.store.link_account(AccountRecord("github", "17", "gone", "oauth"))
    ground.accounts.link("u1", GITHUB, {})
    assert ground.store.get_user_by_account("github", "17") == ADA


@pytest.mark.parametrize("is_left", [False, True], ids=["free", "left behind"])
def test_first_sign_ins_at_the_same_time_are_one_user(store, is_left):
    ground, found, barrier = Ground(store), [], threading.Barrier(8)
    if is_left:
        store.link_account(AccountRecord("google", "g-17", "gone", "oidc"))

    def one() -> None:
        barrier.wait(20)
        found.append(ground.sign_in(**({} if is_left else SAID)))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len({user.id for user, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1
    assert ground.told.count("create_user") == 1


def first_of_all(store: Any, method: str, deed: Callable[[], Any]) -> None:
    """What ``method`` of the store finds when it is called first was done just before."""
    own, done = getattr(store, method), []

    def call(*arguments: Any) -> Any:
        if not done:
            done.append(True)
            deed()
        return own(*arguments)

    setattr(store, method, call)


@pytest.mark.parametrize("method", ["get_user_by_email", "create_user"])
def test_who_is_overtaken_by_another_request_of_their_own_is_the_same_user(ground, method):
    found = []
    first_of_all(ground.store, method, lambda: found.append(ground.sign_in(**SAID)))
    user, is_new = ground.sign_in(**SAID)
    assert found == [(user, True)] and not is_new
    assert ground.told.count("create_user") == 1


def test_two_links_of_one_address_at_the_same_time_are_one_user(ground):
    def by_a_link():
        return ground.accounts.addressed(SAID | {"email": ADA.email}, {}, NOW)

    found = []
    first_of_all(ground.store, "create_user", lambda: found.append(by_a_link()))
    owner = by_a_link()
    assert not owner.is_new and found == [owner._replace(is_new=True)]
    assert ground.told == ["create_user"]


def test_who_takes_the_place_of_a_user_who_is_gone_takes_nobodys_address(ground):
    """The address became another's at that very moment."""
    ground.store.link_account(AccountRecord("google", "g-17", "gone", "oidc"))
    create, calls = ground.store.create_user, []

    def overtaken(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            create(ADA)
        return create(*arguments)

    ground.store.create_user = overtaken
    with pytest.raises(AccountNotLinked):
        ground.sign_in(**SAID)
    assert ground.store.list_accounts("u1") == []
    assert ground.told == []


IN_VAIN = {
    "an account": lambda ground: ground.sign_in(),
    "a user of the application": lambda ground: ground.accounts.local({"sub": "ada"}, {}, NOW),
    "a link": lambda ground: ground.accounts.addressed(SAID, {}, NOW),
}


@pytest.mark.parametrize("sign_in", IN_VAIN.values(), ids=IN_VAIN)
def test_a_store_that_neither_finds_nor_takes_somebody_is_a_503_and_no_endless_loop(
    ground, sign_in
):
    def never(*_: Any) -> Any:
        raise AlreadyExists("somebody else was faster")

    ground.store.create_user = never
    with pytest.raises(StoreUnavailable, match="overtaken"):
        sign_in(ground)


def test_a_user_who_was_to_be_known_and_is_gone_is_denied(ground):
    with pytest.raises(AccessDenied):
        ground.accounts.known("gone")
    assert ground.store.get_user("gone") is None


# --- people whom the application knows by an id of its own ------------------------------------------


def test_a_local_user_keeps_the_id_that_the_application_gave(ground):
    owner = ground.accounts.local({"sub": "ada", "name": "Ada"}, {}, NOW)
    assert (owner.user.id, owner.is_new) == ("ada", True)
    assert not ground.accounts.local({"sub": "ada", "name": "Ada"}, {}, NOW).is_new


def test_a_local_user_does_not_take_the_address_of_another(ground):
    link(ground.store, ADA, GITHUB)
    owner = ground.accounts.local({"sub": "ada", **SAID}, {}, NOW)
    assert (owner.user.id, owner.user.email_verified) == ("ada", None)
    assert ground.store.get_user_by_email("ada@example.org") == ADA


@pytest.mark.parametrize("is_back", [True, False])
def test_the_last_way_in_that_was_given_up_by_two_at_once_is_put_back_by_one(is_back):
    """Another request, or somebody else, may have been faster in that, too."""
    mine, there = Way("account", "github", "17"), {Way("account", "github", "17"), Way("passkey")}

    def restore() -> None:
        if is_back:
            raise AlreadyExists("it is there")
        there.add(mine)

    # the passkey goes at the same time
    given_up = give_up(mine, lambda: frozenset(there), there.clear, restore)
    assert not given_up
    assert there == (set() if is_back else {mine})


# --- linking, by the user's own act -----------------------------------------------------------------


def test_a_user_links_another_account_and_signs_in_by_either(ground):
    link(ground.store, ADA, GITHUB)
    ground.accounts.link("u1", GOOGLE, {})
    ground.accounts.link("u1", GOOGLE, {})
    assert ground.sign_in(email="else@example.org", email_verified=True)[0].id == "u1"
    assert ground.told[0] == "link_account"
    assert [each.provider for each in ground.accounts.linked("u1")] == ["github", "google"]


def test_an_account_of_somebody_else_is_not_linked(ground):
    link(ground.store, ADA, GITHUB)
    link(ground.store, UserRecord("u2"), GOOGLE)
    with pytest.raises(AccountNotLinked):
        ground.accounts.link("u1", GOOGLE, {})
    assert ground.store.get_user_by_account("google", "g-17").id == "u2"
    with pytest.raises(UsageError):
        ground.accounts.link("nobody", Account("x", "oauth", "1"), {})


def test_an_account_is_unlinked_but_never_the_last_nor_somebody_elses(ground):
    link(ground.store, ADA, GITHUB)
    link(ground.store, UserRecord("u2"), GOOGLE)
    with pytest.raises(UsageError, match="last"):
        ground.accounts.unlink("u1", "github", "17", {})
    with pytest.raises(UsageError, match="not linked"):
        ground.accounts.unlink("u1", "google", "g-17", {})
    ground.accounts.link("u1", Account("gitlab", "oauth", "9"), {})
    ground.accounts.unlink("u1", "github", "17", {})
    assert ground.store.get_user_by_account("github", "17") is None


# --- whole sign-ins ---------------------------------------------------------------------------------


def two() -> tuple[FakeProvider, FakeProvider]:
    return (FakeProvider("https://one.example.test", id="one"),
            FakeProvider("https://two.example.test", id="two"))  # fmt: skip


KNOWN = {"nobody's": None, "hers": "ada", "another's": "bob"}
THERE = {"proven": "verified", "only claimed": "unverified", "another": "other"}
SAYS = {
    "vouched for": True,
    "not vouched for": False,
    "vouched for, as a string": "true",
    "none": None,
}


@pytest.mark.parametrize("trusted", [False, True], ids=["careful", "link_by_email"])
@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("there", THERE)
@pytest.mark.parametrize("known", KNOWN)
def test_nobody_becomes_somebody_else_R085_R086(store, known, there, says, trusted):
    """An account of the provider "two", with Ada's address or none, in a browser in which nobody is
    signed in and in one in which Ada is: it makes no difference."""
    email = "ada@example.test"
    claims = {} if SAYS[says] is None else {"email": email, "email_verified": SAYS[says]}
    one = FakeProvider("https://one.example.test", id="one", people=[
        {"sub": "1", "email": email if there != "another" else "ada@else.test",
         "email_verified": there != "only claimed"}])  # fmt: skip
    two = FakeProvider("https://two.example.test", [{"sub": "2", **claims}], id="two")
    middleware = site(one, two, provider={"link_by_email": trusted}, adapter=store)
    hers, elsewhere = Visitor(middleware), Visitor(middleware)
    hers.land(one.approve(hers.begin("one"), "1"))
    ada = hers.claims["sub"]
    if KNOWN[known] is not None:
        owner = ada if KNOWN[known] == "ada" else "bob"
        if owner == "bob":
            store.create_user(UserRecord("bob", "Bob"))
        store.link_account(AccountRecord("two", "2", owner, "oidc"))
    found = []
    for page in (elsewhere, hers):
        answer = page.land(two.approve(page.begin("two"), "2"))
        found.append((answer.status_int, page.who))
    if KNOWN[known] is not None:
        assert found == [(302, owner), (302, owner)]
    elif (there, says) == ("proven", "vouched for"):
        assert found == ([(302, ada)] * 2 if trusted else [(403, None), (403, ada)])
    else:
        (_, first), (_, second) = found
        assert first == second
        assert first not in (None, ada, "bob")
    others = [each for each in store.list_accounts(ada) if each.provider == "two"]
    linked = KNOWN[known] == "ada" or (found[0][1] == ada)
    assert len(others) == (1 if linked else 0)


#: Addresses that lower case, or a form of Unicode, makes the same as Mark's: other mailboxes.
NOT_MARKS = (
    "mar\u212a@example.test",
    "\uff4dark@example.test",
    "mark@e\u2179ample.test",
    "mark@\u212aample.test",
)


@pytest.mark.parametrize("address", NOT_MARKS, ids=ascii)
def test_an_address_that_folds_to_another_is_proof_of_neither_R092(store, address):
    person = {"sub": "1", "email": address, "email_verified": True}
    mark = UserRecord("mark", "Mark", "mark@example.test", 7)
    other = FakeProvider(people=[person])
    # where Mark is a user: they do not become him
    page = Visitor(site(other, provider={"link_by_email": True}, adapter=store))
    store.create_user(mark)
    page.land(other.approve(page.begin(), "1"))
    assert page.who not in (None, "mark")
    # where he is none yet: they do not wait for him
    store.delete_user("mark")
    page.land(other.approve(page.begin(), "1"))
    store.create_user(mark)
    # where he is let in
    domains = ["example.test", "kample.test"]
    for allowed in ({"allow_emails": ["mark@example.test"]}, {"allow_domains": domains}):
        page = Visitor(site(other, **allowed))
        page.land(other.approve(page.begin(), "1"))
        assert page.who is None


def test_a_new_user_is_told_as_one_and_goes_to_the_page_for_new_users(store):
    triggers: list[Any] = []

    def jwt(claims, context):
        triggers.append(context.trigger)
        return claims

    fake, told = FakeProvider(), []
    middleware = site(
        fake, adapter=store, callbacks={"jwt": jwt}, pages={"new_user": "/welcome"},
        events={"sign_in": lambda event: told.append(event.is_new_user)},
    )  # fmt: skip
    first, second = Visitor(middleware), Visitor(middleware)
    landing = fake.approve(first.begin(callbackUrl="/members/x"), "alice")
    assert first.land(landing).location == "/welcome?callbackUrl=/members/x"
    landing = fake.approve(second.begin(callbackUrl="/members/x"), "alice")
    assert second.land(landing).location == "/members/x"
    assert told == [True, False]
    assert [each for each in triggers if each] == ["sign_up", "sign_in"]
    assert first.claims["sub"] == second.claims["sub"] != "alice"


def test_who_signs_in_another_way_learns_it_on_a_page(store):
    one, other = two()
    middleware = site(one, other, adapter=store)
    first, second = Visitor(middleware), Visitor(middleware)
    one.sign_in(first, "alice")
    landing = other.approve(second.begin("two"), "alice")
    answer = second.land(landing)
    assert answer.status_int == 403
    assert "OAuthAccountNotLinked" in answer.text
    assert "Sign in the way you did before. You can link this one then." in answer.text
    assert second.who is None
    assert len(store.list_accounts(first.claims["sub"])) == 1


def test_a_plain_sign_in_while_signed_in_never_links(store):
    one, other = two()
    page = Visitor(site(one, other, adapter=store))
    one.sign_in(page, "alice")
    alice = page.claims["sub"]
    landing = other.approve(page.begin("two"), "bob")
    page.land(landing)
    assert page.claims["sub"] != alice
    assert [each.provider for each in store.list_accounts(alice)] == ["one"]


def test_a_refused_visitor_leaves_no_user_behind(store):
    fake = FakeProvider()
    page = Visitor(site(fake, adapter=store, callbacks={"sign_in": lambda *_: False}))
    page.land(fake.approve(page.begin(), "alice"))
    assert page.who is None
    with pytest.raises(AlreadyExists):
        store.create_user(ADA._replace(email="alice@example.test"))
        store.create_user(ADA._replace(id="u2", email="alice@example.test"))
    assert store.get_user_by_account("fake", "alice") is None
