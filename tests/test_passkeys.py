"""Passkeys: added while signed in, signed in with, refused for every way of answering wrongly."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.authenticator import BE, BS, UP, UV, Device, new_key, octets, text
from tests.conftest import BROWSER, URL, Browser, authorize, config, hello
from wsgi_auth import AuthMiddleware, get_auth
from wsgi_auth.adapters import connect
from wsgi_auth.config import AuthConfig
from wsgi_auth.errors import ConfigError, StoreUnavailable
from wsgi_auth.passkeys import MOST, MOST_OPEN
from wsgi_auth.providers import Passkey

cbor = pytest.importorskip("fido2.cbor")

PASSWORD = {"id": "credentials", "authorize": authorize}
JSON = {"Accept": "application/json"}


class Site:
    """One application with passkeys; :meth:`browser` gives another visitor."""

    def __init__(self, adapter: Any, provider: dict[str, Any] | None = None, **more: Any) -> None:
        passkey = {"id": "passkey", **(provider or {})}
        self.events: list[Any] = []
        settings = {
            "providers": [PASSWORD, passkey],
            "adapter": adapter,
            "public": ["/open"],
            "limits": {"account": "off", "address": "off"},
            "events": dict.fromkeys(("link_account", "sign_in"), self.events.append),
            **more,
        }
        self.app = AuthMiddleware(self.application, config(**settings))
        self.store = self.app.site.adapter
        self.claims: Any = None

    def application(self, environ: Any, start_response: Any) -> Any:
        self.claims = get_auth(environ).claims
        return hello(environ, start_response)

    def browser(self) -> Visitor:
        return Visitor(self.app)


class Visitor(Browser):
    """A browser that has passkeys."""

    def options(self, action: str = "authenticate", **more: Any) -> Any:
        body = {"csrfToken": self.token(), "action": action}
        return self.post_json("/auth/passkey/options", body, headers=JSON, **more)

    def register(self, device: Device, name: str = "", status: int = 200, **wrong: Any) -> Any:
        asked = self.options("register").json
        return self.add(device.create(asked, URL, **wrong), name, status)

    def add(self, credential: Any, name: str = "", status: int = 200) -> Any:
        body = {"csrfToken": self.token(), "action": "add", "name": name, "credential": credential}
        return self.post_json(
            "/auth/account/passkeys", body, headers={**JSON, "X-Auth-Return-Redirect": "1"},
            status=status,
        )  # fmt: skip

    def answer(self, device: Device, status: int = 303, **wrong: Any) -> Any:
        return self.prove(device.get(self.options().json, URL, **wrong), status)

    def prove(self, credential: Any, status: int = 303, **fields: Any) -> Any:
        form = {"csrfToken": self.token(), "callbackUrl": "/members", **fields,
                "credential": json.dumps(credential)}  # fmt: skip
        return self.post("/auth/callback/passkey", form, headers=BROWSER, status=status)

    def change(self, status: int = 303, **fields: str) -> Any:
        form = {"csrfToken": self.token(), "callbackUrl": "/auth/account", **fields}
        return self.post("/auth/account/passkeys", form, headers=BROWSER, status=status)

    def passkeys(self) -> list[dict[str, Any]]:
        return self.get("/auth/account/passkeys", headers=JSON).json

    @property
    def who(self) -> str:
        return self.get("/open").text.removeprefix("hello ")


@pytest.fixture(params=["memory:", "sqlite"])
def adapter(request, tmp_path) -> Iterator[str]:
    yield request.param if ":" in request.param else f"sqlite:///{tmp_path}/auth.db"


def alice(site: Site, *devices: Device, **wrong: Any) -> Visitor:
    """Alice, signed in by her password, with these passkeys."""
    browser = site.browser()
    browser.sign_in()
    for device in devices:
        browser.register(device)
    return browser


# --- the whole way ------------------------------------------------------------------------------


def test_a_sign_in_whose_redirect_callback_fails_leaves_no_session(adapter):
    fails = []
    site = Site(adapter, callbacks={"redirect": lambda url, base: 1 / 0 if fails else url})
    device = Device()
    alice(site, device)
    site.events.clear()
    browser = site.browser()
    asked = browser.options().json
    fails.append(True)
    browser.prove(device.get(asked, URL), 500)
    assert browser.who == "nobody"
    assert site.events == []


@pytest.mark.parametrize("alg", [-7, -8, -257])
def test_a_passkey_signs_in_without_a_user_name(adapter, alg):
    site, device = Site(adapter), Device(alg)
    alice(site, device)
    other = site.browser()
    answer = other.answer(device)
    assert answer.headers["Location"] == "/members"
    assert other.who == "alice"
    assert site.claims["provider"] == "passkey"
    assert site.claims["amr"] == ["passkey", "uv"]
    assert site.claims["email"] == "alice@example.test"
    names = [event.name for event in site.events]
    assert names == ["sign_in", "link_account", "sign_in"]
    assert site.events[1].account.type == "passkey"
    assert site.events[1].user["email"] == "alice@example.test"
    assert site.events[2].is_new_user is False


def test_what_the_browser_is_asked(adapter):
    site = Site(adapter)
    browser = alice(site, Device())
    asked = browser.options("register").json["publicKey"]
    assert asked["rp"] == {"id": "app.example.test", "name": "app.example.test"}
    assert len(octets(asked["user"]["id"])) == 32
    assert asked["user"]["name"] == "alice@example.test"
    assert [each["alg"] for each in asked["pubKeyCredParams"]] == [-8, -7, -257]
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert len(octets(asked["challenge"])) == 32
    [known] = asked["excludeCredentials"]
    assert known["transports"] == ["hybrid", "internal"]
    asked = site.browser().options().json["publicKey"]
    assert asked["allowCredentials"] == []
    assert asked["rpId"] == "app.example.test"
    assert asked["userVerification"] == "preferred"


def test_a_challenge_is_sealed_in_a_cookie_of_five_minutes(adapter):
    answer = Site(adapter).browser().options()
    [cookie] = [c for c in answer.headers.getall("Set-Cookie") if "auth.passkey" in c]
    assert cookie.startswith("__Host-auth.passkey=")
    assert "; Max-Age=300; " in cookie and "HttpOnly" in cookie and "Secure" in cookie
    assert answer.json["publicKey"]["challenge"] not in cookie


def test_several_passkeys_have_names_of_their_own(adapter):
    site = Site(adapter)
    maker = bytes.fromhex("d548826e79b4db40a3d811116f7e8349")
    first, second, third = Device(aaguid=maker), Device(aaguid=maker), Device()
    browser = alice(site, first, second)
    browser.extra_environ["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"
    browser.register(third)
    browser.register(Device(), name="  My\n<b>key</b> ")
    assert sorted(each["name"] for each in browser.passkeys()) == [
        "Bitwarden", "Bitwarden 2", "Firefox, Linux", "My <b>key</b>"
    ]  # fmt: skip
    for device in (first, second, third):
        other = site.browser()
        other.answer(device)
        assert other.who == "alice"
    assert sum(each["used"] is not None for each in browser.passkeys()) == 3


def test_a_passkey_is_renamed_and_removed(adapter):
    site, first, second = Site(adapter), Device(), Device()
    browser = alice(site, first, second)
    one = browser.passkeys()[0]["id"]
    assert (
        browser.change(action="rename", id=one, name="Work").headers["Location"] == "/auth/account"
    )
    assert {each["name"] for each in browser.passkeys() if each["id"] == one} == {"Work"}
    browser.change(action="remove", id=text(first.id))
    assert [each["id"] for each in browser.passkeys()] == [text(second.id)]
    site.browser().answer(first, status=401)
    site.browser().answer(second)
    browser.change(400, action="rename", id=text(second.id), name=" \n ")
    browser.change(400, action="burn", id=text(second.id))


def test_nobody_renames_or_removes_the_passkey_of_another(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    bob = site.browser()
    bob.sign_in("bob")
    bob.change(404, action="rename", id=text(device.id), name="Mine")
    bob.change(action="remove", id=text(device.id))
    assert bob.passkeys() == []
    site.browser().answer(device)


def test_the_last_way_to_sign_in_cannot_be_removed(adapter):
    site, first, second = Site(adapter), Device(), Device()
    alice(site, first, second)
    browser = site.browser()
    browser.answer(first)
    browser.change(action="remove", id=text(second.id))
    answer = browser.change(409, action="remove", id=text(first.id))
    assert "Without this passkey" in answer.text
    # whoever knows the password has another way
    by_password = alice(site)
    by_password.change(action="remove", id=text(first.id))
    assert by_password.passkeys() == []


@pytest.mark.parametrize(("provider", "status"), [("github", 303), ("gone", 409)])
def test_a_linked_account_of_a_provider_there_is_is_another_way(adapter, provider, status):
    from wsgi_auth.records import AccountRecord

    github = {"id": "github", "client_id": "a", "client_secret": "b"}
    site, device = Site(adapter, providers=[PASSWORD, "passkey", github]), Device()
    alice(site, device)
    site.store.link_account(AccountRecord(provider, "1", "alice", "oauth"))
    browser = site.browser()
    browser.answer(device)
    browser.change(status, action="remove", id=text(device.id))
    assert len(browser.passkeys()) == (status == 409)


def test_nobody_has_more_than_twenty(adapter):
    site = Site(adapter)
    browser = alice(site, *(Device() for _ in range(MOST - 1)))
    asked = browser.options("register").json
    browser.register(Device())
    assert browser.options("register", status=409).json["error"] == "PasskeyNotAdded"
    browser.add(Device().create(asked, URL), status=409)


# --- wrong answers ------------------------------------------------------------------------------

EVERY_OTHER_BIT = bytes(index ^ 0x55 for index in range(64))
#: What is wrong with an assertion, and how the device is led to say it.
ASSERTIONS: dict[str, Any] = {
    "another challenge": {"challenge": text(bytes(32))},
    "no challenge": {"challenge": ""},
    "a challenge that is no text": {"challenge": 7},
    "another origin": {"origin": "https://evil.example.test"},
    "a subdomain": {"origin": "https://x.app.example.test"},
    "the origin with a port": {"origin": URL + ":8443"},
    "the origin over http": {"origin": URL.replace("https", "http")},
    "the origin with a slash": {"origin": URL + "/"},
    "the type of a registration": {"type": "webauthn.create"},
    "a frame of another site": {"cross_origin": True},
    "another relying party": {"rp_id": "evil.example.test"},
    "the parent domain": {"rp_id": "example.test"},
    "nobody present": {"flags": UV},
    "backed up without being able to": {"flags": UP | UV | BS},
    "suddenly able to be backed up": {"flags": UP | UV | BE},
    "the key of another": {"signs_with": new_key(-7)},
    "no signature": {"signature": b""},
    "another signature": {"signature": EVERY_OTHER_BIT},
    "client data that was not signed": {"client_sent": None},
    "data that was not signed": {"data_sent": None},
    "another handle": {"handle": text(bytes(32))},
    "the id of the user": {"handle": text(b"alice")},
    "an empty handle": {"handle": ""},
    "no handle": {"handle": None},
    "a passkey that nobody has": {"id": bytes(32)},
    "short data": {"data_sent": b"\0" * 36},
    "long data": {"data_sent": bytes(3_000)},
}


@pytest.mark.parametrize("what", ASSERTIONS)
def test_a_wrong_assertion_signs_nobody_in(adapter, what, caplog):
    site, device = Site(adapter), Device()
    alice(site, device)
    browser, wrong = site.browser(), dict(ASSERTIONS[what])
    asked = browser.options().json
    right = device.get(asked, URL)
    for part, name in (("client_sent", "clientDataJSON"), ("data_sent", "authenticatorData")):
        if wrong.get(part, "") is None:
            said = octets(right["response"][name])
            wrong[part] = (
                said.replace(b'": ', b'" :', 1) if part == "client_sent" else said[:-1] + b"\1"
            )
    caplog.clear()
    answer = browser.prove(device.get(asked, URL, **wrong), status=[400, 401])
    assert browser.who == "nobody"
    assert "sign in another way" in answer.text or "Please start again" in answer.text
    said = [each.getMessage() for each in caplog.records if each.name == "wsgi_auth"]
    assert len(said) == 1 and said[0].startswith("passkey: 'sign-in' refused: "), said
    assert not any(each.exc_info for each in caplog.records)


#: What is wrong with a registration.
REGISTRATIONS: dict[str, Any] = {
    "another challenge": {"challenge": text(bytes(32))},
    "another origin": {"origin": "https://evil.example.test"},
    "the type of a sign-in": {"type": "webauthn.get"},
    "a frame of another site": {"cross_origin": True},
    "another relying party": {"rp_id": "evil.example.test"},
    "nobody present": {"flags": UV},
    "backed up without being able to": {"flags": UP | UV | BS},
    "no credential": {
        "attestation": text(
            cbor.encode(
                {
                    "fmt": "none",
                    "attStmt": {},
                    "authData": hashlib.sha256(b"app.example.test").digest()
                    + bytes([UP | UV])
                    + bytes(4),
                }
            )
        )
    },
    "another id outside than inside": {"raw_id": bytes(32)},
    "a short id": {"id": b"short"},
    "a long id": {"id": bytes(1_024)},
    "an algorithm that was not asked for": {"cose": {3: -36}},
    "no algorithm": {"cose": {3: 0}},
    "a key that is too large": {"cose": {-99: b"x" * 1_200}},
    "another curve": {"cose": {-1: 2}},
    "no point of the curve": {"cose": {-2: bytes(32)}},
    "a key that is no map": {"key": b"\x01"},
    "a key that breaks off": {"key": b"\xa5\x01"},
    "an attestation that is no CBOR": {"attestation": text(b"\xff\xff")},
    "an attestation without end": {"attestation": text(b"\x9f" * 5_000)},
    "lists within lists": {"attestation": text(b"\x81" * 5_000)},
    "no attestation": {"attestation": None},
    "a number for an attestation": {"attestation": 7},
}


@pytest.mark.parametrize("what", REGISTRATIONS)
def test_a_wrong_registration_adds_nothing(adapter, what, caplog):
    site = Site(adapter)
    browser = alice(site)
    caplog.clear()
    answer = browser.register(Device(), status=400, **REGISTRATIONS[what])
    assert answer.json["error"] in ("PasskeyNotAdded", "InvalidCheck")
    assert browser.passkeys() == []
    assert not any(each.exc_info for each in caplog.records)


def test_the_longest_id_that_there_may_be_is_kept(adapter):
    """Section 5.1.3."""
    browser = alice(Site(adapter))
    browser.register(Device(), id=bytes(1_023))
    (known,) = browser.passkeys()
    assert len(octets(known["id"])) == 1_023


@pytest.mark.parametrize(
    ("user", "name", "shown"),
    [
        ({"email": "a" * 60 + "@example.test", "name": "b" * 70}, "a" * 60 + "@exa", "b" * 64),
        ({"email": "ada@example.test"}, "ada@example.test", "ada@example.test"),
        ({"name": "Ada"}, "Ada", "Ada"),
        ({}, "ada", "ada"),
    ],
)
def test_the_authenticator_is_told_a_name_that_is_no_longer_than_it_has_to_keep(
    adapter, user, name, shown
):
    def check(credentials: Any, request: Any) -> Any:
        return {"id": "ada", **user}

    password = {"id": "credentials", "authorize": check}
    browser = Site(adapter, providers=[password, {"id": "passkey"}]).browser()
    browser.sign_in()
    asked = browser.options("register").json["publicKey"]["user"]
    assert (asked["name"], asked["displayName"]) == (name, shown)


@pytest.mark.parametrize("credential", [
    None, 7, "x", "[]", [], {}, {"response": 7}, {"response": {}}, {"response": {"clientDataJSON": 7}},
    {"response": {"clientDataJSON": "é"}}, {"response": {"clientDataJSON": text(b"[]")}},
    {"response": {"clientDataJSON": text(b"[" * 9_000)}}, {"response": {"clientDataJSON": text(b"\xff")}},
])  # fmt: skip
def test_what_is_no_answer_of_a_browser_is_refused(adapter, credential, caplog):
    site = Site(adapter)
    browser = alice(site)
    assert browser.add(credential, status=400).json["error"] == "PasskeyNotAdded"
    browser.prove(credential, status=400)
    assert not any(each.exc_info for each in caplog.records)


@pytest.mark.parametrize("id", [None, 7, "\u00e9", "x", [], {}], ids=repr)
def test_an_answer_that_names_no_passkey_is_refused(adapter, id):
    site, device = Site(adapter), Device()
    browser = alice(site, device)
    browser.add({**Device().create(browser.options("register").json, URL), "rawId": id}, status=400)
    assert len(browser.passkeys()) == 1
    other = site.browser()
    other.prove({**device.get(other.options().json, URL), "rawId": id}, status=401)
    assert other.who == "nobody"


def test_a_small_rsa_key_or_one_of_another_algorithm_is_not_added(adapter):
    site = Site(adapter)
    browser = alice(site)
    device = Device(-257)
    for small in (b"\xff" * 128, b"\xff" * 255, b"\0" + b"\xff" * 255, b"\0" * 128 + b"\xff" * 128):
        browser.register(device, status=400, cose={-1: small})
    browser.register(Device(-35), status=400)
    assert browser.passkeys() == []


def test_the_handle_says_nothing_of_the_user_and_is_one_for_all_their_passkeys(adapter):
    """WebAuthn section 14.6.1: who holds a device reads it without being known to it."""
    site, first, second, third = Site(adapter), Device(), Device(), Device()
    alice(site, first, second)
    bob = site.browser()
    bob.sign_in("bob")
    bob.register(third)
    assert first.handle == second.handle != third.handle
    assert len(octets(first.handle)) == 32
    other = Site(adapter="memory:")
    again = Device()
    alice(other, again)
    assert again.handle != first.handle  # nothing of the id is in it


def test_one_passkey_is_added_once(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    handle = device.handle
    bob = site.browser()
    bob.sign_in("bob")
    assert bob.register(device, status=409).json["error"] == "PasskeyNotAdded"
    browser = site.browser()
    browser.answer(device, status=401)  # the handle that bob was given
    device.handle = handle
    browser.answer(device)
    assert browser.who == "alice"


# --- challenges ---------------------------------------------------------------------------------


def test_an_answer_works_once(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    browser = site.browser()
    credential = device.get(browser.options().json, URL)
    thief = site.browser()
    for cookie in browser.cookiejar:
        thief.cookiejar.set_cookie(cookie)
    browser.prove(credential)
    thief.prove(credential, status=400)
    assert (browser.who, thief.who) == ("alice", "nobody")


def test_of_many_that_answer_at_once_one_signs_in(adapter):
    from concurrent.futures import ThreadPoolExecutor

    site, device = Site(adapter), Device()
    alice(site, device)
    browser = site.browser()
    credential = device.get(browser.options().json, URL)
    token, copies = browser.token(), []
    for _ in range(8):
        copy = site.browser()
        for cookie in browser.cookiejar:
            copy.cookiejar.set_cookie(cookie)
        copies.append(copy)

    def answer(copy: Visitor) -> int:
        form = {"csrfToken": token, "credential": json.dumps(credential)}
        said = copy.post("/auth/callback/passkey", form, headers=BROWSER, expect_errors=True)
        return said.status_int

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(answer, copies)) == [303] + [400] * 7


def test_a_challenge_is_of_one_browser_one_session_and_one_purpose(adapter):
    site, device = Site(adapter), Device()
    browser = alice(site, device)
    # another browser
    other = site.browser()
    credential = device.get(other.options().json, URL)
    site.browser().prove(credential, status=400)
    # another session in the same browser
    asked = other.options().json
    other.sign_in("bob")
    other.prove(device.get(asked, URL), status=400)
    assert other.who == "bob"
    # the same user's next session
    asked = browser.options("register").json
    browser.sign_in()
    new = Device()
    browser.add(new.create(asked, URL), status=400)
    # another purpose
    asked = browser.options("register").json["publicKey"]
    browser.prove(device.get({"publicKey": asked}, URL), status=400)
    asked = browser.options().json["publicKey"]
    asked |= {"user": {"id": device.handle}, "rp": {"id": "app.example.test"}}
    browser.add(new.create({"publicKey": asked}, URL), status=400)
    assert len(browser.passkeys()) == 1


def test_a_challenge_ends_after_five_minutes(adapter):
    import time_machine

    site, device = Site(adapter), Device()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        alice(site, device)
        late, intime = site.browser(), site.browser()
        answers = [device.get(each.options().json, URL) for each in (late, intime)]
        clock.shift(299)
        intime.prove(answers[1])
        clock.shift(1)
        late.prove(answers[0], status=400)
    assert late.who == "nobody"


def test_tabs_do_not_disturb_each_other(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    browser = site.browser()
    asked = [browser.options().json for _ in range(MOST_OPEN + 1)]
    browser.prove(device.get(asked[0], URL), status=400)  # the oldest was forgotten
    browser.prove(device.get(asked[1], URL))
    assert browser.who == "alice"
    assert all(len(cookie.value) < 3_800 for cookie in browser.cookiejar)


# --- counts, verification, people ---------------------------------------------------------------


def test_a_count_that_does_not_grow_is_refused_and_logged(adapter, caplog):
    site, device = Site(adapter), Device(counts=True, counter=7)
    alice(site, device)
    site.browser().answer(device)
    for counter in (8, 7, 1, 0):
        site.browser().answer(device, status=401, counter=counter)
    assert sum("there may be a copy" in each.getMessage() for each in caplog.records) == 4
    site.browser().answer(device, counter=9)


def test_a_passkey_that_never_counts_is_let_in_every_time(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    for _ in range(3):
        site.browser().answer(device)


def test_two_that_use_one_count_cannot_both_sign_in(adapter):
    site, device = Site(adapter), Device(counts=True)
    alice(site, device)
    site.browser().answer(device, counter=5)
    site.browser().answer(device, counter=5, status=401)


def test_what_is_synced_is_known(adapter):
    site, device = Site(adapter), Device(flags=UP | UV | BE)
    browser = alice(site, device)
    assert [each["backedUp"] for each in browser.passkeys()] == [False]
    site.browser().answer(device, flags=UP | UV | BE | BS)
    assert [each["backedUp"] for each in browser.passkeys()] == [True]
    site.browser().answer(device, status=401, flags=UP | UV)


def test_without_verification_the_session_says_so(adapter):
    site, device = Site(adapter), Device(flags=UP)
    alice(site, device)
    browser = site.browser()
    browser.answer(device)
    assert browser.who == "alice" and site.claims["amr"] == ["passkey"]


def test_verification_can_be_demanded_of_everybody(adapter):
    site, device = Site(adapter, {"user_verification": "required"}), Device()
    browser = alice(site)
    asked = browser.options("register").json["publicKey"]
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    browser.register(Device(flags=UP), status=400)
    browser.register(device)
    other = site.browser()
    assert other.options().json["publicKey"]["userVerification"] == "required"
    other.answer(device, status=401, flags=UP)
    other.answer(device)


def test_a_route_can_demand_it_and_then_it_is_asked_for(adapter):
    site = Site(adapter, routes=[{"source": "/vault", "user_verified": True}])
    device = Device(flags=UP)
    browser = alice(site, device)
    # a password is no passkey, a passkey without a PIN is not enough
    assert "/auth/signin?" in browser.visit("/vault", status=302).headers["Location"]
    stranger = site.browser()
    stranger.answer(device)
    assert stranger.visit("/members").text == "hello alice"
    assert "/auth/signin?" in stranger.visit("/vault", status=302).headers["Location"]
    assert stranger.options().json["publicKey"]["userVerification"] == "required"
    stranger.answer(device, status=401)
    stranger.answer(device, flags=UP | UV)
    assert stranger.visit("/vault").text == "hello alice"


@pytest.mark.parametrize(
    ("amr", "status"),
    [(["passkey", "uv"], 200), (["uv", "x", 7, "passkey"], 200), (["uv"], 401), (["passkey"], 401),
     (["pwd", "uv"], 401), ([], 401), ("passkey uv", 401), ({"passkey": 1, "uv": 1}, 401), (None, 401)],
    ids=str,
)  # fmt: skip
def test_it_is_a_passkey_with_verification_or_nothing(adapter, amr, status):
    site = Site(adapter, routes=[{"source": "/vault", "user_verified": True}],
                session={"strategy": "cookie"})  # fmt: skip
    now = time.time()
    signed = site.app.site.cookies.strategy.save(
        {"sub": "alice", "auth_time": int(now), "provider": "passkey", "amr": amr}, now
    )
    cookie = site.app.config.cookies.session.set(signed.value)[0].partition(";")[0]
    site.browser().get("/vault", headers={**JSON, "Cookie": cookie}, status=status)


def test_the_jwt_callback_cannot_say_that_somebody_was_verified(adapter):
    def jwt(claims, context):
        return {**claims, "amr": ["passkey", "uv"]}

    site = Site(adapter, callbacks={"jwt": jwt})
    device = Device(flags=UP)
    alice(site, device)
    browser = site.browser()
    browser.answer(device)
    assert browser.who == "alice" and site.claims["amr"] == ["passkey"]


def test_what_a_browser_has_the_jwt_callback_write_opens_no_route_that_asks_for_more(adapter):
    """A callback that takes all that an update brings, as many do."""

    def jwt(claims, context):
        return {**claims, **(context.data or {})}

    routes = [{"source": "/vault", "user_verified": True}]
    site = Site(adapter, callbacks={"jwt": jwt}, routes=routes)
    browser = alice(site)
    data = {"amr": ["passkey", "uv"], "theme": "dark"}
    browser.post_json("/auth/session", {"csrfToken": browser.token(), "data": data}, status=200)
    assert browser.who == "alice" and site.claims["theme"] == "dark"
    assert "/auth/signin?" in browser.get("/vault", headers=BROWSER, status=302).location


def test_a_user_who_is_gone_neither_signs_in_nor_comes_back(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    record = site.store.get_authenticator(text(device.id))
    site.store.delete_user("alice")
    site.store.create_authenticator(record)
    site.browser().answer(device, status=401)
    assert site.store.get_user("alice") is None


@pytest.mark.parametrize("goes_after", [True, False], ids=["after the question", "before it"])
def test_a_user_who_is_gone_adds_no_passkey_and_does_not_come_back(adapter, goes_after):
    site = Site(adapter, session={"strategy": "cookie"})
    browser = alice(site)
    if goes_after:
        credential = Device().create(browser.options("register").json, URL)
        site.store.delete_user("alice")
        browser.add(credential, status=403)
    else:
        site.store.delete_user("alice")
        browser.options("register", status=403)
    assert site.store.get_user("alice") is None
    assert site.store.list_authenticators("alice") == []


def test_while_the_store_is_down_no_answer_of_a_passkey_is_an_attempt():
    store = connect("memory:")
    found, down = store.get_authenticator, []

    def get_authenticator(*given: Any) -> Any:
        if down:
            raise StoreUnavailable("away")
        return found(*given)

    store.get_authenticator = get_authenticator
    site, device = Site(store, limits={"address": "3 per hour"}), Device()
    alice(site, device)
    browser = site.browser()
    down.append(True)
    for _ in range(5):
        browser.answer(device, status=503)
    down.clear()
    browser.answer(device)
    assert browser.who == "alice"


@pytest.mark.parametrize("turns", [1, 1_000])
def test_a_passkey_that_others_change_at_the_same_time_is_changed_after_them_or_not_at_all(turns):
    store = connect("memory:")
    update, others = store.update_authenticator, []

    def overtaken(record: Any, expected: Any) -> bool:
        if len(others) < turns:
            others.append(1)
            content = json.loads(expected.data) | {"turn": len(others)}
            assert update(expected._replace(data=json.dumps(content)), expected)
        return bool(update(record, expected))

    site, device = Site(store), Device(counts=True)
    browser = alice(site, device)
    store.update_authenticator = overtaken
    is_done = turns == 1
    browser.change(action="rename", id=text(device.id), name="Key", status=303 if is_done else 503)
    assert [each["name"] == "Key" for each in browser.passkeys()] == [is_done]
    others.clear()
    other = site.browser()
    other.answer(device, status=303 if is_done else 503)
    assert other.who == ("alice" if is_done else "nobody")


@pytest.mark.parametrize(
    "data", ["", "x", "[]", "null", "7", '{"v": 1', '{"v": 2}', "{}", "[" * 9_000]
)
def test_what_a_store_holds_of_another_release_is_no_passkey_and_stops_nothing_R105(data):
    site, device, good = Site("memory:"), Device(), Device()
    browser = alice(site, device)
    browser.register(good)
    record = site.store.get_authenticator(text(device.id))
    assert site.store.update_authenticator(record._replace(data=data), record)
    assert [each["id"] for each in browser.passkeys()] == [text(good.id)]
    assert text(good.id) in browser.get("/auth/account", headers=BROWSER).text
    asked = browser.options("register").json["publicKey"]["excludeCredentials"]
    assert {each["id"] for each in asked} == {text(device.id), text(good.id)}
    browser.change(action="rename", id=text(device.id), name="x", status=404)
    stranger = site.browser()
    stranger.answer(device, status=401)
    stranger.answer(good)
    assert stranger.who == "alice"
    browser.register(Device())
    browser.change(action="remove", id=text(device.id))
    assert site.store.get_authenticator(text(device.id)) is None


def test_the_callbacks_and_lists_decide_as_ever(adapter):
    site = Site(adapter, callbacks={"sign_in": lambda user, account, _: account.type != "passkey"})
    device = Device()
    alice(site, device)
    browser = site.browser()
    browser.answer(device, status=403)
    assert browser.who == "nobody"


@pytest.mark.parametrize("said", ["/first-the-terms", "https://evil.test/"])
def test_the_sign_in_callback_sends_elsewhere(adapter, said):
    site = Site(
        adapter, callbacks={"sign_in": lambda user, account, _: account.type != "passkey" or said}
    )
    device = Device()
    alice(site, device)
    browser = site.browser()
    location = browser.answer(device).headers["Location"]
    assert location == (said if said.startswith("/") else "/")
    assert browser.who == "nobody"


def test_an_address_that_nobody_vouched_for_stays_unverified(adapter):
    people = {"id": "eve", "email": "admin@example.test", "email_verified": False}
    site = Site(
        adapter, providers=[{"id": "credentials", "authorize": lambda *_: people}, "passkey"]
    )
    browser, device = site.browser(), Device()
    browser.post("/auth/callback/credentials", {"csrfToken": browser.token()}, headers=BROWSER)
    browser.register(device)
    other = site.browser()
    other.answer(device)
    assert other.who == "eve" and site.claims["email_verified"] is False


def test_a_long_id_of_a_user_has_its_hash_for_a_handle(adapter):
    name = "x" * 65
    site = Site(
        adapter, providers=[{"id": "credentials", "authorize": lambda *_: {"id": name}}, "passkey"]
    )
    browser, device = site.browser(), Device()
    browser.post("/auth/callback/credentials", {"csrfToken": browser.token()}, headers=BROWSER)
    browser.register(device)
    assert len(octets(device.handle)) == 32
    other = site.browser()
    other.answer(device)
    assert other.who == name


# --- who may ask --------------------------------------------------------------------------------


def test_everything_needs_a_csrf_token_and_adding_needs_a_session(adapter):
    site = Site(adapter)
    browser = site.browser()
    browser.post_json("/auth/passkey/options", {"action": "authenticate"}, headers=JSON, status=403)
    browser.post("/auth/callback/passkey", {"credential": "{}"}, headers=BROWSER, status=403)
    browser.post("/auth/account/passkeys", {"action": "add"}, headers=BROWSER, status=403)
    assert browser.options("register", status=401).json["error"] == "SessionRequired"
    browser.add({"response": {}}, status=401)
    browser.get("/auth/account/passkeys", headers=JSON, status=401)
    browser.options("dance", status=400)


def test_adding_and_removing_wants_a_fresh_sign_in(adapter):
    import time_machine

    site, device = Site(adapter), Device()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser = alice(site, device)
        asked = browser.options("register").json
        clock.shift(900)
        refused = browser.options("register", status=401).json
        assert refused["error"] == "FreshSignInRequired"
        assert refused["url"].startswith("/auth/signin?error=FreshSignInRequired")
        browser.add(Device().create(asked, URL), status=401)
        page = browser.change(401, action="remove", id=text(device.id))
        assert "This page wants to be sure that it is you" in page
        browser.change(action="rename", id=text(device.id), name="Old")
        browser.answer(device)
        assert browser.passkeys()[0]["name"] == "Old"
        browser.register(Device())
        browser.change(action="remove", id=text(device.id))


def test_how_fresh_it_has_to_be_is_an_option(adapter):
    import time_machine

    with time_machine.travel(1_800_000_000, tick=False) as clock:
        browser = alice(Site(adapter, {"fresh": 0}))
        clock.shift(86_000)
        browser.register(Device())
        assert (
            config(adapter=adapter, providers=[{"id": "passkey", "fresh": "1h"}]).providers[0].fresh
            == 3_600
        )


def test_attempts_are_limited(adapter):
    site = Site(adapter, limits={"address": "3 per 15 minutes"})
    device = Device()
    alice(site, device)
    for _ in range(5):
        site.browser().answer(device)  # who succeeds has attempted nothing
    for _ in range(3):
        site.browser().answer(device, status=401, signature=b"")
    assert "Too many attempts" in site.browser().answer(device, status=429).text


def test_without_the_provider_there_is_nothing(adapter):
    site = Site(adapter, providers=[PASSWORD])
    browser = site.browser()
    for path in ("/auth/passkey/options", "/auth/account/passkeys", "/auth/callback/passkey"):
        assert browser.visit(path).status_int in (302, 404)
    browser.get("/auth/passkey.js", headers=JSON, status=401)


def test_where_the_provider_is_not_on_offer_it_does_not_work(adapter):
    site, device = Site(adapter), Device()
    alice(site, device)
    elsewhere = Site(adapter, providers_for=lambda request: ["credentials"])
    elsewhere.browser().options(status=404)
    assert "data-passkey" not in elsewhere.browser().visit("/auth/signin")


def test_the_page_has_the_button_the_script_and_a_policy_for_it(adapter):
    page = Site(adapter).browser().visit("/auth/signin")
    assert 'data-passkey="authenticate"' in page
    assert 'action="/auth/callback/passkey"' in page
    assert 'autocomplete="username webauthn"' in page
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "connect-src 'self'" in policy
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert '<script type="module" src="/auth/passkey.js?v=' in page


def test_a_page_without_passkeys_runs_no_script(browser):
    page = browser().visit("/auth/signin")
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "<script" not in page


def test_the_form_without_javascript_says_so_and_not_more(adapter):
    browser = Site(adapter).browser()
    form = {"csrfToken": browser.token(), "credential": ""}
    page = browser.post("/auth/callback/passkey", form, headers=BROWSER, status=400)
    assert "That passkey did not work here" in page


def test_nothing_of_an_answer_is_logged(adapter, caplog):
    caplog.set_level(logging.DEBUG)
    site, device = Site(adapter), Device()
    browser = alice(site, device)
    asked = browser.options().json
    right = device.get(asked, URL)
    browser.prove(right)
    site.browser().answer(device, status=401, signature=b"")
    said = caplog.text
    assert asked["publicKey"]["challenge"] not in said
    assert right["response"]["signature"] not in said


# --- configuration ------------------------------------------------------------------------------


def settings(**more: Any) -> AuthConfig:
    return config(**{"providers": [PASSWORD, "passkey"], "adapter": "memory:", **more})


@pytest.mark.parametrize(("more", "key", "said"), [
    ({"adapter": None}, "adapter", "to keep them"),
    ({"url": None}, "url", "bound to it"),
    ({"url": "http://127.0.0.1:8000"}, "url", "http://localhost:8000"),
    ({"url": "http://[::1]:8000"}, "url", "http://localhost:8000"),
    ({"url": "https://203.0.113.9"}, "url", "'https://app.example.com'"),
    ({"url": "http://app.example.test"}, "url", "https only"),
    ({"providers": [{"id": "passkey", "rp_id": "example.org"}]}, "providers.passkey.rp_id", "nor a parent"),
    ({"providers": [{"id": "passkey", "rp_id": "ample.test"}]}, "providers.passkey.rp_id", "nor a parent"),
    ({"providers": [{"id": "passkey", "user_verification": "discouraged"}]},
     "providers.passkey.user_verification", "required"),
    ({"providers": ["passkey", {"id": "more", "type": "passkey"}]}, "providers.passkey", "one provider"),
    ({"providers": ["passkey", {"id": "sso", "per_request": print}]}, "providers.passkey", "knows no tenants"),
    ({"providers": [SimpleNamespace(id="own", name="Own", type="passkey")]}, "providers.own", "no wsgi_auth.providers.Passkey"),
    ({"providers": [PASSWORD], "routes": [{"source": "/a", "user_verified": True}]}, "providers", "passkey"),
    ({"providers": [{"id": "passkey", "rp": "x"}]}, "providers.passkey.rp", "no such option"),
    ({"providers": [{"id": "passkey", "fresh": "soon"}]}, "providers.passkey.fresh", "15m"),
])  # fmt: skip
def test_a_mistake_stops_start_up(more, key, said):
    with pytest.raises(ConfigError) as caught:
        settings(**more)
    assert caught.value.key == key
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"user_verification": "discouraged"}, {"fresh": -1}, {"fresh": "15m"}]
)
def test_a_mistake_in_an_object_is_one_too(wrong):
    with pytest.raises(ConfigError):
        Passkey(**wrong)
    assert Passkey(rp_id="Example.TEST.").rp_id == "example.test"


def test_browsers_have_passkeys_at_localhost_without_https():
    assert settings(url="http://localhost:8000").url.is_loopback


def test_without_fido2_start_up_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fido2", None)
    with pytest.raises(ConfigError, match=r"pip install 'wsgi_auth\[passkeys\]'"):
        settings()


@pytest.mark.parametrize("rp_id", ["app.example.test", "example.test"])
def test_passkeys_are_bound_to_the_host_or_to_a_parent_of_it(rp_id):
    assert (
        settings(providers=[PASSWORD, {"id": "passkey", "rp_id": rp_id}]).providers[1].rp_id
        == rp_id
    )


def test_a_domain_that_nobody_can_own_stops_start_up():
    made = settings(
        url="https://app.example.co.uk", providers=[PASSWORD, {"id": "passkey", "rp_id": "co.uk"}]
    )
    with pytest.raises(ConfigError, match="that one can register"):
        AuthMiddleware(hello, made)


def test_a_parent_domain_is_asked_for_and_answered(adapter):
    site = Site(adapter, {"rp_id": "example.test", "rp_name": "Example"})
    browser, device = alice(site), Device()
    assert browser.options("register").json["publicKey"]["rp"] == {
        "id": "example.test",
        "name": "Example",
    }
    browser.register(device)
    browser = site.browser()
    browser.answer(device)
    assert browser.who == "alice"


def test_in_development_an_ip_address_is_told_to_be_localhost(caplog):
    site = AuthMiddleware(
        hello, config(url=None, dev=True, adapter="memory:", providers=[PASSWORD, "passkey"])
    )
    for host, status in (("localhost:8000", 200), ("127.0.0.1:8000", 400)):
        browser = Visitor(site, f"http://{host}")
        browser.extra_environ["REMOTE_ADDR"] = "127.0.0.1"
        answer = browser.options(status=status)
    assert answer.json["error"] == "PasskeySignin"
    assert "open http://localhost:8000 instead" in caplog.text


def test_passkeys_alone_are_a_warning():
    assert any("first time" in each for each in settings(providers=["passkey"]).warnings)
