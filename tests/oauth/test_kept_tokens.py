"""A provider's tokens with a store: sealed in the account, renewed once for all processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.oauth.visits import Visitor, application
from wsgi_auth import AuthMiddleware, ProviderUnavailable, SignInAgain
from wsgi_auth.adapters import connect
from wsgi_auth.errors import AlreadyExists, ProviderRefused, StoreUnavailable
from wsgi_auth.oauth.kept import LEASE, KeptTokens
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.records import AccountData, AccountRecord, UserRecord
from wsgi_auth.testing import FakeClient, FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.web import Answered, as_json
from wsgi_auth.types import Account

START = 1_800_000_000


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path: Path) -> Any:
    return connect("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db")


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def asking(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Says what ``access_token`` says."""
    if environ["PATH_INFO"] != "/token":
        return application(environ, start_response)
    try:
        said = environ["auth.handle"].access_token(environ["QUERY_STRING"] or "fake")
    except (SignInAgain, ProviderUnavailable) as problem:
        said = type(problem).__name__
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


def site(store: Any, *fakes: FakeProvider, secret: Any = "s" * 40, **provider: Any) -> Any:
    return AuthMiddleware(asking, {
        "secret": secret, "url": "https://app.example.test", "matcher": ["/members"],
        "adapter": store, "transport": FakeTransport(*fakes),
        "providers": [fake.options(tokens=True, **provider) for fake in fakes],
    })  # fmt: skip


def token(page: Visitor, provider: str = "") -> Any:
    return page.get(f"/token?{provider}").json


def refreshes(fake: FakeProvider) -> int:
    return sum(
        asked.path == "/token" and ("grant_type", "refresh_token") in asked.form
        for asked in fake.requests
    )


def signed_in(store: Any, fake: FakeProvider, **more: Any) -> Visitor:
    page = Visitor(site(store, fake, **more))
    fake.sign_in(page, "alice")
    return page


def test_tokens_are_sealed_in_the_account_and_in_no_cookie(store, clock):
    fake = FakeProvider()
    page = signed_in(store, fake)
    assert "__Host-auth.tokens" not in page.cookies
    (record,) = store.list_accounts(page.claims["sub"])
    found = token(page)
    assert found and found not in record.data
    assert AccountData.of(record.data).label == "alice"
    assert found not in repr(record) + str(page.get("/auth/session").json)


def test_tokens_of_one_account_are_of_no_use_in_anothers_row(store, clock):
    page = signed_in(store, FakeProvider())
    (record,) = store.list_accounts(page.claims["sub"])
    store.create_user(UserRecord("eve"))
    store.link_account(AccountRecord("fake", "eve", "eve", "oidc", record.data))
    kept = KeptTokens(store, (b"s" * 40,), logging.getLogger)
    assert kept.fresh(page.claims["sub"], "fake", "", lambda tokens: tokens, lambda: START)
    assert kept.fresh("eve", "fake", "", lambda tokens: tokens, lambda: START) is None


def test_a_token_is_renewed_once_it_is_due_and_the_rotated_one_kept(store, clock):
    fake = FakeProvider(token_life=60)
    page = signed_in(store, fake)
    first = token(page)
    assert token(page) == first
    for number in range(1, 4):
        clock.shift(61)
        fresh = token(page)
        assert fresh != first
        assert (token(page), refreshes(fake)) == (fresh, number)
        first = fresh


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_token_that_cannot_be_renewed_is_given_until_its_end(store, clock, is_kept):
    """Where all are brief, who is sent to sign in again would come back with another such one, be
    sent again, and so on."""
    fake = FakeProvider(token_life=20, clients=[FakeClient(refresh=False)])
    page = signed_in(store if is_kept else None, fake)
    first = token(page)
    assert first not in ("SignInAgain", None)
    clock.shift(19)
    assert token(page) == first
    clock.shift(1)
    assert token(page) == "SignInAgain"


UNWRITABLE = {
    "a number beyond all": b"1e999",
    "half of a character": b'"\\ud83d"',
    "half of one deep inside": b'{"a": [{"\\ud83d": 1}]}',
}


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("odd", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_nobody_could_write_down_is_left_out_of_an_answer(store, clock, is_kept, odd):
    def answer(honest: Answered, scene: Any) -> Answered:
        body = honest.body.rstrip()[:-1] + b', "team": "blue", "odd": ' + odd + b"}"
        return Answered(honest.status, honest.headers, body)

    fake = FakeProvider()
    page = Visitor(site(store if is_kept else None, fake))
    with fake.tamper("http.token", answer):
        assert fake.sign_in(page, "alice").status_int == 200
    assert page.who and token(page) not in (None, "SignInAgain")


def test_secrets_rotate(store, clock):
    fake = FakeProvider(token_life=60)
    page = signed_in(store, fake)
    first = token(page)
    again = Visitor(site(store, fake, secret=["n" * 40, "s" * 40]))
    for name, value in page.cookies.items():
        again.set_cookie(name, value)
    assert token(again) == first
    clock.shift(61)
    fresh = token(again)
    last = Visitor(site(store, fake, secret="n" * 40))
    for name, value in page.cookies.items():
        last.set_cookie(name, value)
    assert token(last) == fresh


def test_every_sign_in_writes_them_anew_from_whichever_browser(store, clock):
    fake = FakeProvider(token_life=60)
    middleware = site(store, fake)
    here, there = Visitor(middleware), Visitor(middleware)
    fake.sign_in(here, "alice")
    clock.shift(61)
    fake.sign_in(there, "alice")
    assert token(here) == token(there)
    assert refreshes(fake) == 0


def test_a_provider_that_keeps_no_tokens_any_more_clears_them_at_the_next_sign_in(store, clock):
    fake = FakeProvider()
    page = signed_in(store, fake)
    (record,) = store.list_accounts(page.claims["sub"])
    assert AccountData.of(record.data).tokens
    off = AuthMiddleware(asking, {
        "secret": "s" * 40, "url": "https://app.example.test", "matcher": ["/members"],
        "adapter": store, "transport": FakeTransport(fake), "providers": [fake.options()],
    })  # fmt: skip
    again = Visitor(off)
    fake.sign_in(again, "alice")
    (record,) = store.list_accounts(page.claims["sub"])
    assert AccountData.of(record.data) == AccountData(label="alice")
    assert store.update_account(record._replace(data="what another program wrote"), record)
    fake.sign_in(again, "alice")
    (record,) = store.list_accounts(page.claims["sub"])
    assert record.data == "what another program wrote"


def test_a_store_that_fails_at_the_tokens_stops_no_sign_in_and_the_log_says_so(
    store, clock, caplog
):
    fake = FakeProvider()
    page = Visitor(site(store, fake))
    update, is_down = store.update_account, [True]

    def failing(*said: Any) -> bool:
        if is_down:
            raise StoreUnavailable("switched off")
        return bool(update(*said))

    store.update_account = failing
    fake.sign_in(page, "alice")
    assert page.get("/members").json["session"] is not None
    assert token(page) is None
    assert "the tokens of fake are not kept: switched off" in caplog.messages
    is_down.clear()
    fake.sign_in(page, "alice")
    assert token(page)


def test_any_linked_provider_has_its_tokens(store, clock):
    one = FakeProvider("https://one.example.test", id="one")
    two = FakeProvider("https://two.example.test", id="two")
    page = Visitor(site(store, one, two))
    one.sign_in(page, "alice")
    assert token(page, "two") is None
    csrf = page.get("/auth/csrf").json["csrfToken"]
    url = page.post("/auth/account/link/two", {"csrfToken": csrf}).location
    page.land(two.approve(url, "bob"))
    assert token(page, "one") != token(page, "two")
    assert token(page, "two")
    page.post("/auth/account/unlink", {"csrfToken": csrf, "provider": "two", "id": "bob"})
    assert token(page, "two") is None


def test_tokens_of_a_posted_answer_are_kept_once_it_is_linked(store, clock):
    one = FakeProvider("https://one.example.test", id="one")
    page = Visitor(site(store, one, response_mode="form_post"))
    one.sign_in(page, "alice")
    csrf = page.get("/auth/csrf").json["csrfToken"]
    first = token(page, "one")
    url = page.post("/auth/account/link/one", {"csrfToken": csrf}).location
    clock.shift(5)
    page.get(page.post_back(one.approve(url, "bob")).location).form.submit()
    assert token(page, "one") not in (None, first)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), AlreadyExists("it is"), KeyError("x")])
def test_tokens_that_cannot_be_kept_are_nothing_to_a_sign_in(error, caplog):
    memory = connect("memory:")

    class Store:
        def __getattr__(self, name: str) -> Any:
            return getattr(memory, name)

        def update_account(self, *_: Any) -> bool:
            raise error

    fake = FakeProvider()
    page = signed_in(Store(), fake)
    assert page.who is not None
    assert "the tokens of fake are not kept" in caplog.text


# --- R033 -----------------------------------------------------------------------------------------


def test_a_refusal_is_remembered_until_the_next_sign_in(store, clock):
    fake = FakeProvider(token_life=60)
    page = signed_in(store, fake)
    clock.shift(61)
    with fake.tamper("http.token", lambda *_: as_json({"error": "invalid_grant"}, 400)):
        assert token(page) == "SignInAgain"
    asked = refreshes(fake)
    assert token(page) == token(page) == "SignInAgain"
    assert refreshes(fake) == asked
    assert page.who is not None, "the session is as good as before"
    fake.sign_in(page, "alice", start="/auth/signin")
    page.land(fake.approve(page.begin(), "alice"))
    assert token(page) not in ("SignInAgain", None)


#: The RFC's, GitHub's (with 200), Slack's, those of Spring and of Entra where it must ask.
OVER = ["invalid_grant", "bad_refresh_token", "invalid_refresh_token", "invalid_token",
        "interaction_required"]  # fmt: skip


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("error", OVER)
def test_a_refusal_has_many_names(clock, is_kept, status, error):
    fake = FakeProvider(token_life=60)
    page = signed_in(connect("memory:") if is_kept else None, fake)
    clock.shift(61)
    with fake.tamper("http.token", lambda *_: as_json({"error": error}, status)):
        assert token(page) == token(page) == "SignInAgain"
    assert refreshes(fake) == 1


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "unauthorized_client"])
def test_a_fault_of_ours_is_no_refusal_of_a_user(clock, is_kept, error):
    fake = FakeProvider(token_life=60)
    page = signed_in(connect("memory:") if is_kept else None, fake)
    clock.shift(61)
    for _ in range(2):  # it is not remembered
        refused = fake.tamper("http.token", lambda *_: as_json({"error": error}, 400))
        with refused, pytest.raises(ProviderRefused, match=error):
            token(page)
    assert refreshes(fake) == 2


def test_a_provider_that_is_down_loses_nothing(store, clock):
    fake = FakeProvider(token_life=60)
    middleware = site(store, fake)
    page = Visitor(middleware)
    fake.sign_in(page, "alice")
    clock.shift(61)
    send = middleware.site.transport.send
    middleware.site.transport.send = down
    assert token(page) == token(page) == "ProviderUnavailable"
    middleware.site.transport.send = send
    assert token(page) not in ("SignInAgain", "ProviderUnavailable", None)


def down(request: Any) -> Any:
    raise ProviderUnavailable("down")


# --- R032 -----------------------------------------------------------------------------------------


class Rotating:
    """A refresh that takes each token once, slowly; another use of one is noticed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.used: list[str] = []
        self.wait = threading.Event()

    def __call__(self, tokens: Any) -> Any:
        with self.lock:
            assert tokens.refresh_token not in self.used, "used twice: the family is revoked"
            self.used.append(tokens.refresh_token)
            number = len(self.used)
        self.wait.wait(0.2)
        return replace(tokens, access_token=f"a{number}", refresh_token=f"r{number}",
                       expires_at=START + 10_000)  # fmt: skip


def kept_in(store: Any, expires_at: int = START - 1) -> KeptTokens:
    kept = KeptTokens(store, (b"s" * 40,), logging.getLogger)
    store.create_user(UserRecord("ada"), AccountRecord("fake", "1", "ada", "oidc"))
    kept.keep(Account("fake", "oidc", "1"), Tokens("a0", refresh_token="r0", expires_at=expires_at),
              "", START)  # fmt: skip
    return kept


def data(store: Any) -> AccountData:
    return AccountData.of(store.get_account("fake", "1").data)


def test_of_many_threads_one_asks(store):
    kept, renew, found = kept_in(store), Rotating(), []

    def ask() -> None:
        found.append(kept.fresh("ada", "fake", "", renew, lambda: START))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(40)
    assert found == ["a1"] * 16
    assert renew.used == ["r0"]


def test_the_lease_of_a_process_that_died_runs_out(store, monkeypatch):
    monkeypatch.setattr("wsgi_auth.oauth.kept.PATIENCE", 0.1)
    kept, renew = kept_in(store), Rotating()
    record = store.get_account("fake", "1")
    dead = data(store)._replace(lease="gone", lease_until=START + LEASE)
    store.update_account(record._replace(data=dead.text()), record)
    with pytest.raises(ProviderUnavailable):
        kept.fresh("ada", "fake", "", renew, lambda: START + LEASE - 1)
    assert renew.used == []
    assert kept.fresh("ada", "fake", "", renew, lambda: START + LEASE) == "a1"
    assert data(store).lease == ""


def test_who_waited_for_a_process_that_died_renews_in_its_place(store):
    kept, renew = kept_in(store), Rotating()
    record = store.get_account("fake", "1")
    dead = data(store)._replace(lease="gone", lease_until=START + LEASE)
    store.update_account(record._replace(data=dead.text()), record)
    times = iter([START + LEASE - 1, START + LEASE])  # the second look is after its end
    assert kept.fresh("ada", "fake", "", renew, lambda: next(times)) == "a1"
    assert renew.used == ["r0"]


def test_an_account_that_was_unlinked_has_no_tokens_and_does_not_come_back(store):
    kept, account = kept_in(store), Account("fake", "oidc", "1")
    store.unlink_account("fake", "1")
    kept.keep(account, Tokens("new", expires_at=START + 500), "", START)
    kept.forget(account)
    assert store.list_accounts("ada") == []


def test_a_sign_in_in_the_middle_of_a_refusal_counts(store):
    kept = kept_in(store)

    def renew(tokens: Any) -> Any:
        kept.keep(Account("fake", "oidc", "1"), Tokens("new", expires_at=START + 500), "", START)
        raise ProviderRefused("refresh", "no", "invalid_grant")

    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "new"
    assert not data(store).refused


def test_who_waits_for_a_request_that_fails_does_not_ask_again(store):
    kept, asked = kept_in(store), []
    is_asked = threading.Event()

    def fails(tokens: Any) -> Any:
        asked.append(1)
        is_asked.set()
        threading.Event().wait(0.3)
        raise ProviderUnavailable("down")

    outcomes: list[str] = []

    def ask() -> None:
        try:
            kept.fresh("ada", "fake", "", fails, lambda: START)
        except ProviderUnavailable as problem:
            outcomes.append(str(problem))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    threads[0].start()
    assert is_asked.wait(20)
    for each in threads[1:]:
        each.start()
    for each in threads:
        each.join(40)
    assert len(outcomes) == 8
    assert len(asked) <= 2
    assert data(store).lease == ""


def test_a_store_that_stutters_does_not_lose_a_fresh_token(store):
    kept, renew = kept_in(store), Rotating()
    update, calls = store.update_account, []

    def stuttering(account: Any, expected: Any) -> bool:
        calls.append(1)
        if len(calls) in (2, 3):
            raise StoreUnavailable("for a moment")
        return bool(update(account, expected))

    store.update_account = stuttering
    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "a1"
    assert kept.fresh("ada", "fake", "", renew, lambda: START + 9_000) == "a1"
    assert renew.used == ["r0"]


def test_what_is_written_beside_the_tokens_meanwhile_does_not_lose_a_fresh_one(store):
    kept, rotating = kept_in(store), Rotating()

    def renew(tokens: Any) -> Any:
        record = store.get_account("fake", "1")
        store.update_account(record._replace(data=data(store)._replace(label="Ada").text()), record)
        return rotating(tokens)

    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "a1"
    assert kept.fresh("ada", "fake", "", renew, lambda: START + 9_000) == "a1"
    assert rotating.used == ["r0"]


def test_a_sign_in_in_the_middle_of_a_renewal_counts(store):
    kept, rotating = kept_in(store), Rotating()

    def renew(tokens: Any) -> Any:
        kept.keep(Account("fake", "oidc", "1"), Tokens("new", expires_at=START + 9_999), "", START)
        return rotating(tokens)

    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "a1"
    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "new"


def test_an_account_that_is_unlinked_in_the_middle_of_a_renewal_stays_so(store):
    kept, rotating = kept_in(store), Rotating()

    def renew(tokens: Any) -> Any:
        store.unlink_account("fake", "1")
        return rotating(tokens)

    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "a1"
    kept.keep(Account("fake", "oidc", "1"), Tokens("late"), "", START)
    kept.forget(Account("fake", "oidc", "1"))
    assert store.get_account("fake", "1") is None
    assert kept.fresh("ada", "fake", "", renew, lambda: START) is None


def _unlinked(store: Any, kept: KeptTokens) -> None:
    store.unlink_account("fake", "1")


def _anothers(store: Any, kept: KeptTokens) -> None:
    record = store.get_account("fake", "1")
    store.unlink_account("fake", "1")
    store.create_user(UserRecord("bob"))
    store.link_account(record._replace(user_id="bob"))


def _forgotten(store: Any, kept: KeptTokens) -> None:
    kept.forget(Account("fake", "oidc", "1"))


@pytest.mark.parametrize("goes", [_unlinked, _anothers, _forgotten])
def test_who_waits_for_tokens_that_go_meanwhile_gets_none(store, goes):
    kept, found = kept_in(store), []

    def renew(tokens: Any) -> Any:
        waiting = threading.Thread(target=lambda: found.append(ask()))
        waiting.start()
        waiting.join(0.1)
        goes(store, kept)
        waiting.join(30)
        return replace(tokens, access_token="a1", expires_at=START + 9_999)

    def ask() -> Any:
        return kept.fresh("ada", "fake", "", renew, lambda: START)

    assert ask() == "a1"
    assert found == [None]
    assert ask() is None


def test_fresh_tokens_that_no_store_takes_are_given_once_and_the_log_says_so(
    store, monkeypatch, caplog
):
    monkeypatch.setattr("wsgi_auth.oauth.kept._LONGEST", 0.001)
    kept, rotating = kept_in(store), Rotating()

    def down(*_: Any) -> bool:
        raise StoreUnavailable("down")

    def renew(tokens: Any) -> Any:
        store.update_account = down
        return rotating(tokens)

    assert kept.fresh("ada", "fake", "", renew, lambda: START) == "a1"
    assert caplog.messages == ["fresh tokens of fake could not be kept: they are lost"]


def test_tokens_that_others_always_overtake_are_not_kept_and_nobody_waits_for_ever(store):
    kept, update = kept_in(store), store.update_account

    def overtaken(account: Any, expected: Any) -> bool:
        label = data(store).label + "x"
        assert update(expected._replace(data=data(store)._replace(label=label).text()), expected)
        return bool(update(account, expected))

    store.update_account = overtaken
    with pytest.raises(StoreUnavailable, match="overtaken"):
        kept.keep(Account("fake", "oidc", "1"), Tokens("new"), "", START)


def _process(path: str, issuer: str, cookie: str, answers: Any, go: Any) -> None:
    """16 threads of one process of the site, each with the same session."""
    fake = FakeProvider(issuer)
    middleware = AuthMiddleware(asking, {
        "secret": "s" * 40, "url": "http://127.0.0.1", "matcher": ["/members"],
        "adapter": path,
        "providers": [fake.options(tokens=True)],
    })  # fmt: skip

    def ask() -> None:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/token", "QUERY_STRING": "",
            "SCRIPT_NAME": "", "HTTP_COOKIE": cookie, "wsgi.url_scheme": "http",
            "HTTP_HOST": "127.0.0.1", "wsgi.multiprocess": True,
        }  # fmt: skip
        body = middleware(environ, lambda *_: lambda data: None)
        answers.put(json.loads(b"".join(body)))

    go.wait(60)
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)


@pytest.mark.live
def test_four_processes_of_sixteen_threads_use_a_refresh_token_once(tmp_path):
    """R032: at a provider that rotates, and revokes all of them if one is used twice."""
    path = f"sqlite:///{tmp_path}/auth.db"
    fake = FakeProvider(token_life=31)
    with fake.serving() as issuer:
        middleware = AuthMiddleware(asking, {
            "secret": "s" * 40, "url": "http://127.0.0.1", "matcher": ["/members"],
            "adapter": path,
            "providers": [fake.options(tokens=True)],
        })  # fmt: skip
        page = Visitor(middleware, "http://127.0.0.1")
        answer = page.get(fake.approve(page.begin(), "alice").url.removeprefix("http://127.0.0.1"))
        assert answer.status_int == 302
        first = token(page)
        before = refreshes(fake)  # on a busy machine the token was old by then
        cookie = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        fake.token_life = 3600
        threading.Event().wait(1.5)
        processes = multiprocessing.get_context("spawn")
        answers, go = processes.Queue(), processes.Event()
        workers = [
            processes.Process(target=_process, args=(path, issuer, cookie, answers, go))
            for _ in range(4)
        ]
        for each in workers:
            each.start()
        try:
            threading.Event().wait(3)
            go.set()
            found = [answers.get(timeout=90) for _ in range(64)]
        finally:
            for each in workers:
                each.join(30)
                if each.is_alive():
                    each.kill()
    assert len(set(found)) == 1
    assert found[0] not in (first, "SignInAgain", "ProviderUnavailable", None)
    assert refreshes(fake) - before == 1
