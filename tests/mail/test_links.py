"""Sign-in by a link in a mail: whole stories, through a real SMTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.conftest import BROWSER
from tests.mail.post import (
    FIREFOX,
    Box,
    Visitor,
    application,
    fields_of,
    link_in,
    post_office,
    provider,
)
from tests.sessions.test_kept import Flaky
from wsgi_auth.adapters import connect
from wsgi_auth.errors import RecipientRefused
from wsgi_auth.records import AccountRecord, UserRecord

START = 1_800_000_000
ADA = "ada@example.test"


@pytest.fixture(params=["memory", "sqlite"])
def adapter(request, tmp_path: Path) -> Any:
    return connect("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/auth.db")


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Box, int]]:
    with post_office() as found:
        yield found


@pytest.fixture
def box(office) -> Box:
    box, _ = office
    box.messages.clear()
    box.raw.clear()
    box.envelopes.clear()
    box.refuses.clear()
    return box


@pytest.fixture
def make(adapter, office, box):
    """Makes the application: ``make(allow_emails=...)``."""

    def made(entry: dict[str, Any] | None = None, store: Any = None, **more: Any) -> Any:
        return application(store or adapter, provider(office[1], **(entry or {})), **more)

    return made


def linked(visitor: Visitor, box: Box, email: str = ADA, **more: Any) -> str:
    """The link that this visitor asks for and gets."""
    before = len(box.messages)
    visitor.ask(email, **more)
    assert len(box.messages) == before + 1
    return link_in(box.messages[-1])


# --- the whole way ------------------------------------------------------------------------------


def test_a_visitor_signs_in_by_the_link_in_a_mail(make, box, adapter):
    told: list[Any] = []
    visitor = Visitor(make(events={"create_user": told.append, "sign_in": told.append}))
    page = visitor.visit("/members").follow(headers=BROWSER)
    page.form["email"] = " Ada@Example.test "
    sent = page.form.submit(headers={**BROWSER, "User-Agent": FIREFOX})
    assert sent.status_int == 303
    page = sent.follow(headers=BROWSER)
    assert "Check your e-mail" in page and "sign in to app.example.test." in page.html.text
    (message,) = box.messages
    assert (message["To"], message["From"]) == (ADA, "Example <no-reply@example.test>")
    assert (box.envelopes[0].mail_from, box.envelopes[0].rcpt_tos) == (
        "no-reply@example.test",
        [ADA],
    )
    assert visitor.who == "hello nobody"
    page = visitor.follow(link_in(message))
    assert ADA in page and "another browser" not in page
    done = page.form.submit(headers=BROWSER)
    assert (done.status_int, done.headers["Location"]) == (303, "/members")
    (user_id,) = {event.claims["sub"] for event in told if event.name == "sign_in"}
    assert visitor.get("/members").text == f"hello {user_id}"
    user = adapter.get_user_by_email(ADA)
    assert (user.id, user.email) == (user_id, ADA) and user.email_verified
    assert [event.name for event in told] == ["create_user", "sign_in"]
    assert told[1].is_new_user is True
    assert adapter.list_accounts(user_id) == []


def test_the_same_address_is_the_same_user(make, box, adapter):
    middleware = make()
    first, second = Visitor(middleware), Visitor(middleware)
    first.open_and_confirm(linked(first, box))
    second.open_and_confirm(linked(second, box, "ADA@example.test"))
    assert first.who == second.who != "hello nobody"


def test_a_user_who_signed_in_another_way_is_known_by_a_verified_address_only(make, box, adapter):
    adapter.create_user(UserRecord("u1", "Ada Lovelace", ADA, START, "/ada.png"))
    adapter.link_account(AccountRecord("github", "17", "u1", "oauth"))
    adapter.create_user(UserRecord("u2", "Eve", "eve@example.test", None))
    middleware = make()
    ada, eve = Visitor(middleware), Visitor(middleware)
    ada.open_and_confirm(linked(ada, box))
    assert ada.who == "hello u1"
    user = ada.get("/auth/session").json["user"]
    assert (user["name"], user["image"]) == ("Ada Lovelace", "/ada.png")
    # whoever once wrote an address of somebody else into a profile does not become them
    eve.open_and_confirm(linked(eve, box, "eve@example.test"))
    assert eve.who not in ("hello u2", "hello nobody")


def test_a_new_user_is_welcomed_and_an_old_one_goes_on(make, box):
    middleware = make(pages={"new_user": "/welcome"})
    first, second = Visitor(middleware), Visitor(middleware)
    done = first.open_and_confirm(linked(first, box))
    assert done.headers["Location"] == "/welcome?callbackUrl=/members"
    done = second.open_and_confirm(linked(second, box))
    assert done.headers["Location"] == "/members"


def test_a_visitor_who_was_somebody_else_is_told_and_becomes_the_one_of_the_address(make, box):
    visitor = Visitor(make())
    visitor.open_and_confirm(linked(visitor, box))
    before = visitor.who
    link = linked(visitor, box, "bob@example.test")
    page = visitor.follow(link)
    assert "You are signed in as" in page and ADA in page and "bob@example.test" in page
    page.form.submit(headers=BROWSER)
    assert visitor.who not in (before, "hello nobody")


def test_a_script_asks_and_confirms_with_json(make, box):
    visitor = Visitor(make())
    body = {"email": ADA, "csrfToken": visitor.token(), "callbackUrl": "/members"}
    headers = {"X-Auth-Return-Redirect": "1"}
    answer = visitor.post_json("/auth/signin/email", body, headers=headers)
    assert answer.json == {"url": "/auth/verify-request?provider=email&type=email"}
    found = fields_of(link_in(box.messages[0]))
    body = {**found, "csrfToken": visitor.token()}
    answer = visitor.post_json("/auth/callback/email", body, headers=headers)
    assert answer.json == {"url": "/members"}
    assert visitor.who != "hello nobody"


@pytest.mark.parametrize(("ticked", "lasts"), [(True, True), (False, False)])
def test_the_box_keep_me_signed_in_counts_from_the_form_to_the_session(make, box, ticked, lasts):
    visitor = Visitor(make(session={"remember": "ask"}))
    form = visitor.get("/auth/signin", headers=BROWSER).form
    form["email"], form["remember"] = ADA, ticked
    form.submit(headers=BROWSER)
    done = visitor.open_and_confirm(link_in(box.messages[0]))
    (cookie,) = [value for value in done.headers.getall("Set-Cookie") if "session-token" in value]
    assert ("Max-Age" in cookie) is lasts


# --- the link -----------------------------------------------------------------------------------


def test_the_link_is_long_random_stored_hashed_and_of_the_configured_host_R091_R093(make, box):
    stored: list[Any] = []
    store = Flaky(connect("memory:"))
    keep = store.store.create_verification_token
    store.store.create_verification_token = lambda token: (stored.append(token), keep(token))
    visitor = Visitor(make(store=store))
    form = {"email": ADA, "csrfToken": visitor.token()}
    environ = {"HTTP_HOST": "evil.test", "HTTP_X_FORWARDED_HOST": "evil.test"}
    name = "__Host-auth.csrf-token"
    headers = {**BROWSER, "Cookie": f"{name}={visitor.cookies[name]}"}
    visitor.post("/auth/signin/email", form, headers=headers, extra_environ=environ, status=303)
    visitor.ask()
    tokens = [fields_of(link_in(each))["token"] for each in box.messages]
    assert len(set(tokens)) == 2 and {len(token) for token in tokens} == {43}
    for message, token, record in zip(box.messages, tokens, stored, strict=True):
        assert "https://app.example.test/auth/callback/email?" in message.as_string().replace(
            "=\n", ""
        ).replace("=3D", "=")
        assert "evil.test" not in message.as_string()
        assert token not in repr(tuple(record)) and record.identifier == ADA


def test_twenty_looks_at_the_link_use_nothing_up(make, box):
    middleware = make()
    visitor = Visitor(middleware)
    link = linked(visitor, box)
    for _ in range(20):
        scanner = Visitor(middleware)
        scanner.get(link, headers={"User-Agent": "scanner"})
        scanner.head(link)
        assert scanner.who == "hello nobody"
    visitor.open_and_confirm(link)
    assert visitor.who != "hello nobody"


def test_a_link_works_once(make, box):
    middleware = make()
    visitor = Visitor(middleware)
    link = linked(visitor, box)
    page = visitor.follow(link)
    page.form.submit(headers=BROWSER)
    session = visitor.get("/auth/session").json
    twice = page.form.submit(headers=BROWSER)  # a second click signs nobody in, and is no failure
    assert (twice.status_int, "session-token" in str(twice.headers)) == (303, False)
    assert visitor.get("/auth/session").json == session
    visitor.reset()
    for again in (visitor, Visitor(middleware)):
        refused = again.follow(link, expect=403)
        assert "This link no longer works" in refused
        assert "Verification" in again.post_link(link, 403, elsewhere="true")


@pytest.mark.parametrize(
    ("later", "email", "status"),
    [(0, ADA, 303), (59, ADA, 303), (60, ADA, 403), (0, "bob@example.test", 403), (0, "x", 403)],
)
def test_a_second_click_comes_a_moment_after_the_first_and_for_the_same_address(
    make, box, later, email, status
):
    with time_machine.travel(START, tick=False) as clock:
        visitor = Visitor(make())
        link = linked(visitor, box)
        visitor.open_and_confirm(link)
        who = visitor.who
        clock.shift(later)
        fields = {**fields_of(link), "email": email, "csrfToken": visitor.token()}
        visitor.post("/auth/callback/email", fields, headers=BROWSER, status=status)
        assert visitor.who == who != "hello nobody"


def test_a_second_click_is_no_failure_either_where_a_provider_spelt_the_address(make, box, adapter):
    adapter.create_user(UserRecord("ada", "Ada", "Ada@Example.test", 1))
    visitor = Visitor(make())
    page = visitor.follow(linked(visitor, box))
    page.form.submit(headers=BROWSER)
    assert visitor.who == "hello ada"
    assert page.form.submit(headers=BROWSER).status_int == 303


def test_of_eight_at_once_one_is_signed_in_R091(make, box):
    middleware = make()
    link = linked(Visitor(middleware), box)
    visitors = [Visitor(middleware) for _ in range(8)]
    forms = [visitor.follow(link).form for visitor in visitors]
    start, done = threading.Barrier(8), []

    def press(form: Any) -> None:
        start.wait()
        done.append(form.submit(headers=BROWSER, expect_errors=True).status_int)

    threads = [threading.Thread(target=press, args=(form,)) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [303] + [403] * 7
    assert sum(visitor.who != "hello nobody" for visitor in visitors) == 1


def test_a_link_that_is_used_between_a_look_at_it_and_its_use_signs_nobody_in_R091(
    make, box, adapter
):
    visitor = Visitor(make())
    page = visitor.follow(linked(visitor, box))
    use = adapter.use_verification_token

    def second(identifier: str, token: str) -> Any:
        assert use(identifier, token) is not None
        return use(identifier, token)

    adapter.use_verification_token = second
    page.form.submit(headers=BROWSER, status=403)
    assert visitor.who == "hello nobody"


def test_a_link_ends_after_ten_minutes_or_what_max_age_says(make, box):
    with time_machine.travel(START, tick=False) as clock:
        # of a minute that is not whole nothing is promised
        for options, seconds, promised in (
            ({}, 600, "10 minutes"),
            ({"max_age": "1h"}, 3600, "60 minutes"),
            ({"max_age": "90s"}, 90, "1 minute."),
        ):
            middleware = make(options)
            visitor = Visitor(middleware)
            link = linked(visitor, box)
            said = box.messages[-1].get_body(("plain",)).get_content()
            assert f"within {promised}" in said
            clock.shift(seconds - 1)
            form = visitor.follow(link).form
            clock.shift(1)
            visitor.follow(link, expect=403)
            form.submit(headers=BROWSER, status=403)
            assert visitor.who == "hello nobody"


def test_a_new_link_leaves_the_one_before_as_it_is(make, box):
    visitor = Visitor(make())
    first, second = linked(visitor, box), linked(visitor, box)
    assert first != second
    for link in (second, first):
        assert visitor.open_and_confirm(link).status_int == 303


def changed(link: str) -> dict[str, dict[str, str]]:
    """What somebody may make of a link."""
    found = fields_of(link)
    token = found["token"]
    return {
        "another address": {**found, "email": "eve@example.test"},
        "no address": {"token": token, "email": ""},
        "a list of addresses": {**found, "email": f"{ADA},eve@example.test"},
        "another end": {**found, "token": token[:-1] + ("A" if token[-1] != "A" else "B")},
        "shorter": {**found, "token": token[:-1]},
        "longer": {**found, "token": token + "A"},
        "nothing": {**found, "token": ""},
        "another case": {**found, "token": token.swapcase()},
        "a blank": {**found, "token": token + " "},
        "zero": {**found, "token": token + "\0"},
        "huge": {**found, "token": token * 200},
        "quotes": {**found, "token": "' OR '1'='1"},
    }


@pytest.mark.parametrize("how", list(changed("?token=x&email=y")))
def test_a_link_that_was_changed_is_none(make, box, how):
    visitor = Visitor(make())
    fields = changed(linked(visitor, box))[how]
    assert "Verification" in visitor.get(
        "/auth/callback/email", fields, headers=BROWSER, status=403
    )
    form = {**fields, "csrfToken": visitor.token(), "elsewhere": "true"}
    visitor.post("/auth/callback/email", form, headers=BROWSER, status=403)
    assert visitor.who == "hello nobody"


def test_what_the_store_knows_of_a_link_is_no_link(make, box):
    stored: list[Any] = []
    store = connect("memory:")
    keep = store.create_verification_token
    store.create_verification_token = lambda token: (stored.append(token), keep(token))[1]
    visitor = Visitor(make(store=store))
    linked(visitor, box)
    form = {"email": ADA, "csrfToken": visitor.token(), "token": stored[0].token[:43]}
    visitor.post("/auth/callback/email", form, headers=BROWSER, status=403)


def test_a_link_of_one_provider_is_none_of_another(adapter, office, box):
    entries = [provider(office[1]), provider(office[1], id="other", type="email")]
    from tests.conftest import config, hello
    from wsgi_auth import AuthMiddleware

    visitor = Visitor(AuthMiddleware(hello, config(adapter=adapter, providers=entries)))
    link = linked(visitor, box)
    visitor.follow(link.replace("/callback/email", "/callback/other"), expect=403)
    visitor.follow(link)


@pytest.mark.parametrize(
    "data", ["", "null", "{}", "[]", '{"v": 2}', '{"v": 1}', '{"v": 1, "asked": 5}', "[" * 5_000]
)
def test_a_record_that_another_release_wrote_is_no_link(make, box, data):
    store = connect("memory:")
    keep = store.create_verification_token
    store.create_verification_token = lambda token: keep(token._replace(data=data))
    visitor = Visitor(make(store=store))
    visitor.follow(linked(visitor, box), expect=403)


# --- another browser ----------------------------------------------------------------------------


def test_in_another_browser_the_page_says_so_and_asks_R091(make, box):
    with time_machine.travel(START, tick=False):
        middleware = make()
        asking, other = Visitor(middleware), Visitor(middleware)
        link = linked(asking, box)
        page = other.follow(link)
        for said in ("another browser", "2027-01-15 08:00 UTC", "Firefox, Linux", "203.0.113.9"):
            assert said in page, said
        # a page of somebody else could not know that it has to say this
        assert "InvalidCheck" in other.post_link(link, 400)
        assert other.who == "hello nobody"
        page.form.submit(headers=BROWSER)
        assert other.who != "hello nobody" and asking.who == "hello nobody"


def test_the_mail_says_where_it_was_asked_from_in_words_of_ours(make, box):
    visitor = Visitor(make())
    agent = 'Firefox/1 <a href="https://evil.test">Click</a> https://evil.test Windows'
    form = {"email": ADA, "csrfToken": visitor.token()}
    visitor.post("/auth/signin/email", form, headers={**BROWSER, "User-Agent": agent})
    for kind in ("plain", "html"):
        text = box.messages[0].get_body((kind,)).get_content()
        assert "Firefox, Windows, 203.0.113.9" in text
        assert "evil" not in text and "Click" not in text


@pytest.mark.parametrize(
    "agent", ["", "curl/8", "\xff\xfe", "x" * 9_000, "Mozilla/5.0 (nothing)"], ids=range(5)
)
def test_an_unknown_device_is_called_one(make, box, agent):
    visitor = Visitor(make())
    form = {"email": ADA, "csrfToken": visitor.token()}
    environ = {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": ""}
    visitor.post("/auth/signin/email", form, headers=BROWSER, extra_environ=environ)
    text = box.messages[0].get_body(("plain",)).get_content()
    assert "unknown browser, unknown address" in text


# --- the mail -----------------------------------------------------------------------------------


def test_the_mail_is_text_and_html_and_nothing_of_the_visitor_is_in_it(make, box):
    middleware = make(
        theme={"brand_color": "#b3005e"}, texts={"mail.button": "<b>Go</b>", "lang": "de"}
    )
    visitor = Visitor(middleware)
    link = linked(visitor, box, "x'&=ada@example.test", callbackUrl="/members?<script>=1")
    (message,) = box.messages
    assert message.get_content_type() == "multipart/alternative"
    assert message["Subject"] == "Anmeldung bei app.example.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.test>") and message["Date"]
    html = message.get_body(("html",)).get_content()
    assert "#b3005e" in html and '<html lang="de"' in html and "&lt;b&gt;Go" in html
    assert html.count("href=") == 1 and "<script" not in html and "src=" not in html
    assert "callbackUrl" not in link and "script" not in link
    assert max(map(len, box.raw[0].split(b"\r\n"))) <= 78
    visitor.open_and_confirm(link)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@example.test\r\nBcc: eve@evil.test",
        "ada@example.test\nSubject: x",
        "ada@example.test, eve@evil.test",
        "Ada <ada@example.test>",
        "ada@example.test\x00",
        '"ada@evil.test"@example.test',
        "ada@example.test> SIZE=1",
        "a" * 3_000 + "@example.test",
        "=?utf-8?q?eve=40evil.test=2c?=@example.test",
    ],
    ids=range(11),
)
def test_what_is_no_single_address_gets_no_mail_and_a_clear_answer_R092(make, box, typed):
    visitor = Visitor(make())
    body = {"email": typed, "csrfToken": visitor.token()}
    page = visitor.post("/auth/signin/email", body, headers=BROWSER, status=400)
    assert "That is no e-mail address" in page and 'aria-invalid="true"' in page
    json_headers = {"Accept": "application/json"}
    answer = visitor.post_json("/auth/signin/email", body, headers=json_headers, status=400)
    assert answer.json["error"] == "EmailInvalid"
    for odd in (None, 5, [ADA], {"a": ADA}):
        body = {"email": odd, "csrfToken": visitor.token()}
        visitor.post_json("/auth/signin/email", body, headers=json_headers, status=400)
    assert box.messages == []


def test_no_header_can_be_smuggled_in_by_any_part(make, box):
    visitor = Visitor(make())
    body = {
        "email": ADA,
        "csrfToken": visitor.token(),
        "callbackUrl": "/members\r\nBcc: eve@evil.test",
        "to": "eve@evil.test",
        "subject": "x",
    }
    visitor.post_json(
        "/auth/signin/email",
        body,
        headers={"User-Agent": "Firefox/1\tX", "X-Forwarded-For": "1.2.3.4\tBcc: eve@evil.test"},
    )
    (message,) = box.messages
    assert sorted(message.keys()) == [
        "Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject",
        "To",
    ]  # fmt: skip
    assert b"evil" not in box.raw[0]


# --- who may ------------------------------------------------------------------------------------


def answers(visitor: Visitor, email: str) -> tuple[Any, ...]:
    answer = visitor.ask(email)
    return answer.status_int, answer.headers["Location"], sorted(answer.headers), answer.body


def test_known_unknown_and_refused_addresses_get_the_same_answer_R094(make, box, adapter):
    adapter.create_user(UserRecord("u1", "Ada", ADA, START))
    store = Flaky(adapter)
    middleware = make(store=store, allow_emails=[ADA, "new@example.test"])
    seen = []
    for email in (ADA, "new@example.test", "eve@example.test"):
        visitor = Visitor(middleware)
        visitor.ask(email)  # the first one sweeps
        store.asked.clear()
        seen.append((answers(visitor, email), tuple(store.asked)))
    assert seen[0] == seen[1] == seen[2]
    assert {message["To"] for message in box.messages} == {ADA, "new@example.test"}


def test_allow_domains_alone_says_so_for_it_is_about_no_person(make, box):
    visitor = Visitor(make(allow_domains=["example.test"]))
    visitor.ask("ada@example.test")
    assert "AccessDenied" in visitor.ask("ada@evil.test", expect=403)
    silent = Visitor(make(allow_domains=["example.test"], allow_emails=["bob@other.test"]))
    silent.ask("eve@other.test")
    assert [message["To"] for message in box.messages] == [ADA]


def test_the_sign_in_callback_is_asked_before_the_mail_and_after_the_link(make, box, caplog):
    asked: list[Any] = []
    says: dict[str, Any] = {}

    def sign_in(user, account, context):
        asked.append(
            (user["id"], account.type, account.provider_account_id, context.verification_request)
        )
        return says.get("answer", True)

    visitor = Visitor(make(callbacks={"sign_in": sign_in}))
    link = linked(visitor, box)
    visitor.open_and_confirm(link)
    assert asked == [(ADA, "email", ADA, True), (ADA, "email", ADA, False)]
    user_id = visitor.who.removeprefix("hello ")
    link = linked(visitor, box)
    assert asked[2] == (user_id, "email", ADA, True)
    says["answer"] = False
    visitor.ask()
    assert len(box.messages) == 2 and "no link by email for 'ada@example.test'" in caplog.text
    other = Visitor(visitor.app.application if hasattr(visitor.app, "application") else visitor.app)
    page = other.follow(link)
    page.form.submit(headers=BROWSER, status=403)
    assert other.who == "hello nobody"
    says["answer"] = True
    link = linked(visitor, box)
    says["answer"] = "/waiting-list"
    assert visitor.ask().headers["Location"] == "/waiting-list"
    sent = other.follow(link).form.submit(headers=BROWSER, status=303)
    assert sent.headers["Location"] == "/waiting-list" and other.who == "hello nobody"


def test_a_callback_that_fails_sends_nothing(make, box):
    def sign_in(user, account, context):
        raise RuntimeError("broken")

    visitor = Visitor(make(callbacks={"sign_in": sign_in}))
    visitor.ask(expect=500)
    assert box.messages == []


def test_too_many_links_for_one_address_are_refused_and_lock_nothing_else_R095(make, box):
    middleware = make(limits={"account": "3 per hour", "address": "off"})
    for email in (ADA, "ADA@example.test", "a\u0064a@example.test"):
        Visitor(middleware).ask(email)
    refused = Visitor(middleware).ask(expect=429)
    assert refused.headers["Retry-After"] and "too many attempts" in refused.text.lower()
    Visitor(middleware).ask("bob@example.test")
    assert len(box.messages) == 4


def test_the_addresses_of_one_mailbox_share_its_limit_R095(make, box):
    middleware = make(limits={"account": "3 per hour", "address": "off"})
    for email in (ADA, "ada+1@example.test", "ADA+news+2@example.test"):
        Visitor(middleware).ask(email)
    for email in ("ada+3@example.test", ADA):
        Visitor(middleware).ask(email, expect=429)
    assert len(box.messages) == 3


def test_too_many_links_and_guesses_from_one_client_are_refused_R095(make, box):
    middleware = make(limits={"account": "off", "address": "5 per hour"})
    visitor = Visitor(middleware)
    link = linked(visitor, box)
    for _ in range(10):  # what is right is no guess
        visitor.follow(link)
    for _ in range(4):
        visitor.follow(link[:-4], expect=403)
    visitor.follow(link[:-4], expect=429)
    visitor.ask(expect=429)
    assert len(box.messages) == 1


@pytest.mark.parametrize("dest", ["image", "iframe", "empty", "script", "object"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_another_site_use_up_no_attempts_of_their_visitors(make, box, dest, site):
    """An advertisement with fifty pictures would lock a whole office out."""
    visitor = Visitor(make(limits={"account": "off", "address": "2 per hour"}))
    loaded = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": "no-cors"}
    for _ in range(5):
        visitor.get("/auth/callback/email?token=x", headers=loaded, status=400)
        visitor.head("/auth/callback/email?token=x", headers=loaded, status=400)
    opened = {**loaded, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    # from a mail in the browser
    visitor.get(linked(visitor, box), headers={**BROWSER, **opened}, status=200)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"},
     {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "none"}, {"Sec-Fetch-Dest": "empty"}, {}],
)  # fmt: skip
def test_whoever_opens_a_link_in_another_way_than_a_foreign_page_sees_it(make, box, headers):
    visitor = Visitor(make())
    visitor.get(linked(visitor, box), headers=headers, status=200)


# --- what does not go well ----------------------------------------------------------------------


def test_a_post_needs_a_token_of_this_browser(make, box):
    visitor = Visitor(make())
    visitor.post("/auth/signin/email", {"email": ADA}, headers=BROWSER, status=403)
    assert box.messages == []
    link = linked(visitor, box)
    visitor.post("/auth/callback/email", fields_of(link), headers=BROWSER, status=403)
    elsewhere = {**BROWSER, "Sec-Fetch-Site": "cross-site"}
    form = {**fields_of(link), "csrfToken": visitor.token()}
    visitor.post("/auth/callback/email", form, headers=elsewhere, status=403)
    visitor.get("/auth/signin/email", headers=BROWSER, status=302)
    assert visitor.who == "hello nobody" and len(box.messages) == 1
    visitor.open_and_confirm(link)


def test_where_sessions_are_only_read_no_mail_is_sent(make, box):
    visitor = Visitor(make(session={"read_only": True}))
    visitor.ask(expect=403)
    assert box.messages == []


def test_who_is_not_offered_it_cannot_use_it(make, box):
    offered = {"email"}
    visitor = Visitor(make(providers_for=lambda request: offered))
    link = linked(visitor, box)
    offered.clear()
    visitor.ask(expect=404)
    visitor.follow(link, expect=404)
    visitor.post_link(link, 404)


@pytest.mark.parametrize("step", ["ask", "follow", "confirm"])
def test_a_store_that_is_down_is_503_and_nothing_is_sent_or_used(make, box, adapter, step):
    store = Flaky(adapter)
    visitor = Visitor(make(store=store))
    link = linked(visitor, box)
    token = visitor.token()
    store.is_down = True
    if step == "ask":
        body = {"email": ADA, "csrfToken": token}
        visitor.post("/auth/signin/email", body, headers=BROWSER, status=503)
    elif step == "follow":
        visitor.follow(link, expect=503)
    else:
        body = {**fields_of(link), "csrfToken": token}
        visitor.post("/auth/callback/email", body, headers=BROWSER, status=503)
    assert len(box.messages) == 1
    store.is_down = False
    visitor.open_and_confirm(link)
    assert visitor.who != "hello nobody"


def test_while_the_store_is_down_no_look_at_a_link_is_an_attempt(make, box, adapter):
    store = Flaky(adapter)
    visitor = Visitor(make(store=store, limits={"address": "3 per hour"}))
    link = linked(visitor, box)
    store.is_down = True
    for _ in range(5):
        visitor.follow(link, expect=503)
    store.is_down = False
    visitor.open_and_confirm(link)
    assert visitor.who != "hello nobody"


def test_a_mail_server_that_is_down_is_503_and_the_log_says_why(adapter, caplog):
    from tests.processes import free_port

    visitor = Visitor(application(adapter, provider(free_port())))
    answer = visitor.ask(expect=503)
    assert "EmailSignin" in answer and answer.headers["Retry-After"]
    assert "ConnectionRefusedError" in caplog.text and "Traceback" not in caplog.text


def test_a_mailbox_that_the_server_does_not_know_is_no_other_answer(make, box, caplog):
    box.refuses.add(ADA)
    visitor = Visitor(make())
    assert answers(visitor, ADA) == answers(visitor, "bob@example.test")
    assert "no such mailbox" in caplog.text


# --- any other service --------------------------------------------------------------------------


def test_send_gets_the_mail_whole(adapter):
    sent: list[Any] = []
    with time_machine.travel(START, tick=False):
        visitor = Visitor(application(adapter, provider(send=sent.append)))
        visitor.ask()
    (mail,) = sent
    assert (mail.to, mail.sender, mail.host) == (
        ADA,
        "Example <no-reply@example.test>",
        "app.example.test",
    )
    assert mail.expires == START + 600 and mail.url in mail.text and "<html" in mail.html
    assert "token" not in repr(mail)
    with pytest.raises(AttributeError):
        mail.to = "eve@evil.test"
    with time_machine.travel(START, tick=False):
        visitor.open_and_confirm(mail.url.removeprefix("https://app.example.test"))


def test_send_that_fails_is_503_and_the_link_is_not_in_the_log(adapter, caplog):
    def send(mail):
        raise RuntimeError(f"the service said no to {mail.url}")

    visitor = Visitor(application(adapter, provider(send=send)))
    visitor.ask(expect=503)
    assert "the service said no" in caplog.text and "token=..." in caplog.text


def test_send_tells_an_address_that_is_refused_from_a_service_that_fails_R094(adapter, caplog):
    """Else whoever knows one that is refused learns at the next who may sign in."""

    def send(mail):
        if mail.to == "gone@example.test":
            raise RecipientRefused(f"there is no such mailbox for {mail.url}")

    middleware = application(adapter, provider(send=send), callbacks={"sign_in": may_not_be_eve})
    seen = []
    for email in (ADA, "gone@example.test", "eve@example.test", "bob@example.test"):
        seen.append(answers(Visitor(middleware), email))
    assert seen == [seen[0]] * 4
    assert "there is no such mailbox" in caplog.text and "token=..." in caplog.text


def may_not_be_eve(user, account, context):
    return not user["email"].startswith("eve@")


def test_the_log_has_no_link_at_any_step(make, box, caplog):
    caplog.set_level("DEBUG")
    visitor = Visitor(make())
    link = linked(visitor, box)
    visitor.follow(link[:-4], expect=403)
    visitor.open_and_confirm(link)
    visitor.follow(link, expect=403)
    ours = [record for record in caplog.records if record.name.startswith("wsgi_auth")]
    assert ours and fields_of(link)["token"] not in " ".join(each.getMessage() for each in ours)


def test_the_page_of_a_link_is_kept_by_nobody_and_frames_in_nothing(make, box):
    visitor = Visitor(make())
    page = visitor.follow(linked(visitor, box))
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    # not even this site's own next page: what counts visitors there reads the referrer
    assert page.headers.getall("Referrer-Policy") == ["strict-origin"]


@pytest.mark.parametrize("status", [429, 503])
def test_nor_is_the_address_of_a_link_told_that_could_not_be_looked_at(adapter, make, box, status):
    store = Flaky(adapter)
    visitor = Visitor(make(store=store, limits={"account": "off", "address": "2 per hour"}))
    link = linked(visitor, box)
    if status == 429:
        visitor.follow(link[:-4], expect=403)
    store.is_down = status == 503
    page = visitor.follow(link, expect=status)
    assert page.headers.getall("Referrer-Policy") == ["strict-origin"]


def test_links_that_nobody_followed_are_swept(make, box):
    swept: list[Any] = []
    store = connect("memory:")
    sweep = store.sweep
    store.sweep = lambda now, limit: swept.append(now) or sweep(now, limit)
    with time_machine.travel(START, tick=False) as clock:
        visitor = Visitor(make(store=store))
        link = linked(visitor, box)
        clock.shift(700)
        visitor.ask()
    found = fields_of(link)
    assert len(swept) == 2 and found
    assert json.dumps(sorted(map(int, swept))) == json.dumps([START, START + 700])
