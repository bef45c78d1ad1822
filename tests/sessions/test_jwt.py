"""Strategy ``jwt``: Auth.js's cookie, whoever wrote it, and the application's own token."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import BROWSER, OTHER_SECRET, SECRET, Browser, config, hello, options
from wsgi_auth import (
    AuthConfig,
    AuthMiddleware,
    ConfigError,
    CookieSessionReader,
    Then,
    get_auth,
    get_token,
)
from wsgi_auth.cookies import AUTHJS_SLICE
from wsgi_auth.errors import CallbackError
from wsgi_auth.jwe import JWECodec
from wsgi_auth.sessions import strategy_for
from wsgi_auth.sessions.jwt import TOLERANCE
from wsgi_auth.testing import session_cookie
from wsgi_auth.tokens import MAX_TOKEN

NAME = "__Secure-authjs.session-token"
V4 = "__Secure-next-auth.session-token"
NOW = 1_800_000_000
DAY = 86_400
#: What Node puts into a token, with a field of its own jwt callback.
NODE = {"sub": "alice", "name": "Alice", "email": "alice@example.test", "picture": None,
        "iat": NOW, "exp": NOW + 30 * DAY, "jti": "0b9ff7e8-2b5c-4d8a-9c1f-6f2f0f0b8a11",
        "role": "editor", "nested": {"list": [1, {"a": None}]}}  # fmt: skip


def settled(secret=SECRET, session=None, **more) -> AuthConfig:
    return config(secret=secret, session={"strategy": "jwt", **(session or {})}, **more)


def token(claims=NODE, secret=SECRET, name=NAME) -> str:
    return JWECodec([secret.encode()], name).encode(claims)


def read(cookie: str, now: float = NOW + 1, **more):
    return CookieSessionReader(settled(**more)).read({"HTTP_COOKIE": cookie}, now)


def sliced(value: str, name: str = NAME, size: int = AUTHJS_SLICE) -> list[str]:
    """As Auth.js cuts."""
    pieces = [value[at : at + size] for at in range(0, len(value), size)]
    if len(pieces) == 1:
        return [f"{name}={value}"]
    return [f"{name}.{number}={piece}" for number, piece in enumerate(pieces)]


# --- what Node wrote --------------------------------------------------------------------------


def test_what_node_wrote_is_a_session():
    reading = read(f"{NAME}={token()}")
    assert reading.session == {
        "user": {"id": "alice", "name": "Alice", "email": "alice@example.test", "image": None},
        "expires": "2027-02-14T08:00:00Z",
    }
    assert reading.claims["role"] == "editor"
    assert reading.then is Then.KEEP


def test_what_node_put_beside_survives_a_renewal_by_us():
    now = NOW + 2 * DAY
    made = AuthMiddleware(hello, settled())
    reading = read(f"{NAME}={token()}", now)
    assert reading.then is Then.RENEW
    written = made.site.lifecycle.renew(reading, now)
    again = JWECodec([SECRET.encode()], NAME).verify(written.value)[0]
    assert again == written.claims
    # the jti too: it is what the session is ended by
    assert again == {**NODE, "iat": now, "exp": now + 30 * DAY}


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"sub": ""}, 0), ({"sub": None}, 0), ({"sub": 1}, 0), ({"sub": True}, 0), ({"exp": None}, 0),
        ({"exp": True}, 0), ({"exp": "9"}, 0), ({"exp": 1e300}, 0), ({"exp": NOW + 0.5}, 0),
        ({"exp": 2**53}, 0), ({"exp": -1}, 0), ({"iat": "1"}, 0), ({"iat": None}, 0),
        ({"iat": NOW + 90}, 0), ({"iat": -1}, 0), ({"nbf": NOW + 17}, 0), ({"nbf": "x"}, 0),
        ({"nbf": None}, 0), ({"nbf": True}, 0), ({"sid": ["x"]}, 0), ({"sid": {}}, 0), ({"jti": 5}, 0),
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_are_no_session_are_nobody_and_left_alone(change, now):
    """R021, R022."""
    reading = read(f"{NAME}={token({**NODE, **change})}", NOW + 1 + now)
    assert (reading.session, reading.then) == (None, Then.KEEP)


def test_a_clock_may_be_as_far_off_as_in_authjs():
    """jose allows 15 seconds: of two servers neither deletes what the other still accepts."""
    cookie = f"{NAME}={token({**NODE, 'exp': NOW + 100})}"
    assert read(cookie, NOW + 114).session is not None
    ended = read(cookie, NOW + 115)
    assert (ended.session, ended.then, ended.names) == (None, Then.CLEAR, (NAME,))
    assert read(f"{NAME}={token({**NODE, 'nbf': NOW + 16})}", NOW + 1).session is not None
    assert read(f"{NAME}={token({**NODE, 'iat': NOW + 30})}", NOW).session is not None


def test_the_end_in_the_token_counts_whatever_max_age_says():
    cookie = f"{NAME}={token()}"
    short = {"max_age": 3_600, "update_age": 60}
    assert read(cookie, NOW + 29 * DAY, session=short).session is not None


def test_a_whole_life_needs_the_time_of_sign_in(caplog):
    short = {"absolute_age": "30d"}
    assert read(f"{NAME}={token()}", session=short).session is None
    assert "auth_time" in caplog.text
    began = token({**NODE, "auth_time": NOW - 30 * DAY + 10})
    assert read(f"{NAME}={began}", session=short).session is not None
    assert read(f"{NAME}={began}", NOW + 11, session=short).then is Then.CLEAR


def test_an_address_counts_as_proven_for_true_only():
    """What Node's own callback puts there may be a date or a string."""
    for said, status in ((True, 200), ("false", 403), ("2026-01-01", 403), (1, 403), (None, 403)):
        claims = {**NODE, "email_verified": said, "iat": int(time.time()), "exp": 4_000_000_000}
        app = AuthMiddleware(hello, settled(remote_user="email", matcher=["/members"]))
        cookie = f"{NAME}={token(claims)}"
        Browser(app).get("/members", headers={"Cookie": cookie}, status=status)


# --- secrets ----------------------------------------------------------------------------------


def test_a_token_of_an_older_secret_is_written_anew_at_once():
    """R018."""
    cookie = f"{NAME}={token()}"
    assert read(cookie, secret=[OTHER_SECRET, SECRET]).then is Then.RENEW
    assert read(cookie, secret=[SECRET, OTHER_SECRET]).then is Then.KEEP
    assert read(cookie, secret=[OTHER_SECRET]).session is None


def test_a_cookie_that_cannot_be_read_is_left_alone_and_logged_once_a_minute(caplog):
    """With a wrong secret here nobody is signed out there."""
    reader = CookieSessionReader(settled(secret=OTHER_SECRET))
    for second in range(180):
        reading = reader.read({"HTTP_COOKIE": f"{NAME}={token()}"}, NOW + second)
        assert (reading.session, reading.then) == (None, Then.KEEP)
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 3
    assert "AUTH_SECRET" in caplog.text
    assert token()[:40] not in caplog.text
    browser = Browser(AuthMiddleware(hello, settled(secret=OTHER_SECRET, matcher=[])))
    answer = browser.get("/", headers={"Cookie": f"{NAME}={token()}"})
    assert answer.text == "hello nobody" and "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "value", ["", "x", "eyJ", "a.b.c", "....", "eyJ..", "é", "eyJhbGciOiJkaXIifQ.x.y.z.w"]
)
def test_junk_is_nobody_and_says_nothing(value, caplog):
    assert read(f"{NAME}={value}").session is None
    assert caplog.text == ""


@pytest.mark.parametrize("other", ["authjs.session-token", "__Host-authjs.session-token",
                                   "__Secure-authjs.state", "__Secure-authjs.pkce.code_verifier"])  # fmt: skip
def test_a_token_for_another_cookie_is_refused(other):
    """R013, R014: the cookie's name is the salt."""
    assert read(f"{NAME}={token(name=other)}").session is None
    assert read(f"{other}={token(name=other)}").session is None


# --- chunks -----------------------------------------------------------------------------------


def large(size: int) -> dict[str, object]:
    return {**NODE, "data": "x" * size}


@pytest.mark.parametrize("length", [3_935, 3_936, 3_937, 7_872, 7_873, 15_000, 60_000])
def test_a_long_token_is_cut_and_joined_as_in_authjs(length):
    """4,096 octets less 160 for name and attributes."""
    name = settled().cookies.session
    value = "v" * length
    written = [cookie.partition(";")[0] for cookie in name.set(value, 5)]
    assert written == sliced(value)
    assert name.found("; ".join(reversed(written)))[0] == [value]
    assert all(len(cookie) <= 4_096 for cookie in name.set(value, 5))


def test_a_large_session_is_read_in_any_order():
    pieces = sliced(token(large(9_000)))
    assert len(pieces) > 2
    for cookies in (pieces, pieces[::-1], ["a=b", *pieces[1:], pieces[0]]):
        assert read("; ".join(cookies)).session.user["id"] == "alice"


def test_a_gap_or_a_foreign_piece_is_no_session():
    pieces = sliced(token(large(9_000)))
    others = sliced(token({**large(9_000), "sub": "mallory"}))
    for at in range(len(pieces)):
        gap = pieces[:at] + pieces[at + 1 :]
        assert read("; ".join(gap)).session is None, at
        mixed = [*gap[:at], others[at], *gap[at:]]
        assert read("; ".join(mixed)).session is None, at


@pytest.mark.parametrize("size", [0, 9_000], ids=["one cookie", "chunks"])
def test_a_stray_chunk_hides_nothing_and_goes_with_the_next_write(size):
    """Auth.js is signed out by one (its reader takes whatever begins with the name)."""
    whole = sliced(token(large(size)))
    # a cookie that merely begins with the name is somebody else's, and stays
    header = "; ".join([*whole, f"{NAME}.7=stray", f"{NAME}-legacy=other"])
    reading = read(header, NOW + 2 * DAY)
    assert reading.session is not None
    cookie = settled().cookies.session
    written = cookie.replace("short", 5, reading.names)
    gone = {each.partition("=")[0] for each in written if "Max-Age=0" in each}
    assert f"{NAME}.7" in gone and f"{NAME}-legacy" not in gone and NAME not in gone
    assert gone == {each.partition("=")[0] for each in header.split("; ")} - {
        NAME,
        f"{NAME}-legacy",
    }


def test_a_chunk_left_over_directly_behind_the_last_is_seen_to_be_none():
    pieces = sliced(token(large(9_000)))
    assert read("; ".join([*pieces, f"{NAME}.{len(pieces)}=stray"])).session is not None


def test_of_two_cookies_the_first_that_verifies_counts():
    """R010."""
    junk, mine, other = "x" * 40, token(), token({**NODE, "sub": "bob"})
    assert read(f"{NAME}={junk}; {NAME}={mine}; {NAME}={other}").session.user["id"] == "alice"


def test_a_session_too_large_for_cookies_is_refused_when_it_begins(browser):
    app = browser(
        session={"strategy": "jwt"},
        callbacks={"jwt": lambda claims, context: {**claims, "d": "x" * 90_000}},
    )
    answer = app.sign_in(expect_errors=True)
    assert answer.status_int >= 303 and not any(
        each.startswith(NAME) for each in answer.headers.getall("Set-Cookie")
    )


# --- a whole visit ----------------------------------------------------------------------------


def test_a_visit_from_sign_in_to_sign_out(browser):
    there = browser(session={"strategy": "jwt"}, matcher=["/members"])
    there.sign_in("alice")
    value = there.cookies[NAME]
    assert value.startswith("eyJ") and "alice" not in value
    assert there.visit("/members").text == "hello alice"
    assert there.get("/auth/session").json["user"]["id"] == "alice"
    there.post("/auth/signout", {"csrfToken": there.token()}, headers=BROWSER)
    assert NAME not in there.cookies
    assert there.visit("/members").status_int == 302


def test_on_http_the_name_has_no_prefix():
    plain = settled(url="http://app.example.test")
    assert plain.cookies.session.name == "authjs.session-token"
    assert plain.cookies.session.older == "next-auth.session-token"
    assert plain.cookies.csrf.name == "auth.csrf-token"


def test_the_helper_for_tests_makes_such_a_cookie():
    made = settled()
    cookie = session_cookie(made, {"id": "ada", "groups": ["x" * 30] * 300})
    assert cookie.startswith(f"{NAME}.0=eyJ")
    assert CookieSessionReader(made).read({"HTTP_COOKIE": cookie}, time.time()).session is not None


def test_the_claims_come_from_a_bearer_token_too():
    """Auth.js: getToken. R097."""
    made = settled()
    now = int(time.time())
    mine = token({**NODE, "iat": now, "exp": now + 60})
    assert get_token({"HTTP_AUTHORIZATION": f"Bearer {mine}"}, made)["sub"] == "alice"
    for wrong in (
        mine[:-1],
        mine + "x",
        token({**NODE, "iat": now - 99, "exp": now - 16}),
        "",
        "..",
        "é",
    ):
        assert get_token({"HTTP_AUTHORIZATION": f"Bearer {wrong}"}, made) is None


def test_a_verified_token_is_remembered_but_never_beyond_its_end():
    reader = CookieSessionReader(settled())
    environ = {"HTTP_COOKIE": f"{NAME}={token({**NODE, 'exp': NOW + 50})}"}
    first, second, third = (reader.read(environ, NOW + second) for second in (1, 2, 3))
    assert first.session == second.session and second is third
    assert reader.read(environ, NOW + 65).then is Then.CLEAR


# --- Node writes, we read ---------------------------------------------------------------------


def test_read_only_nothing_is_ever_written_and_nothing_is_due():
    read_only = {"read_only": True}
    for secret in (SECRET, [OTHER_SECRET, SECRET]):
        assert (
            read(f"{NAME}={token()}", NOW + 29 * DAY, secret=secret, session=read_only).then
            is Then.KEEP
        )
    page = "https://app.example.test/login"
    app = AuthMiddleware(hello, settled(session=read_only, providers=[], pages={"sign_in": page}))
    old = int(time.time()) - 20 * DAY
    for claims in (NODE | {"iat": old, "exp": old + 30 * DAY}, NODE | {"iat": old, "exp": old + 5}):
        answer = Browser(app).get(
            "/", headers={"Cookie": f"{NAME}={token(claims)}"}, expect_errors=True
        )
        assert "Set-Cookie" not in answer.headers


def test_the_page_to_sign_in_may_be_the_other_applications():
    elsewhere = "https://www.example.test/api/auth/signin"
    app = AuthMiddleware(
        hello, settled(session={"read_only": True}, providers=[], pages={"sign_in": elsewhere})
    )
    answer = Browser(app).visit("/members?a=b", status=302)
    assert answer.headers["Location"] == (
        f"{elsewhere}?callbackUrl=https%3A//app.example.test/members%3Fa%3Db"
    )


def test_so_may_the_page_to_sign_out():
    elsewhere = "https://www.example.test/api/auth/signout"
    app = AuthMiddleware(
        lambda environ, start_response: (
            start_response("200 OK", [("Content-Type", "text/plain")])
            and [get_auth(environ).sign_out_url("/bye").encode()]
        ),
        settled(
            session={"read_only": True}, providers=[], matcher=[], pages={"sign_out": elsewhere}
        ),
    )
    leads = f"{elsewhere}?callbackUrl=https%3A//app.example.test/bye"
    assert Browser(app).get("/").text == leads
    answer = Browser(app).visit("/auth/signout?callbackUrl=/bye", status=302)
    assert answer.headers["Location"] == leads


@pytest.mark.parametrize("name", ["sign_in", "sign_out"])
def test_a_page_of_ones_own_by_its_whole_url_is_its_path(name):
    given = settled(pages={name: "https://app.example.test/own"}, url="https://app.example.test")
    assert getattr(given.pages, name) == "/own"


def v4_token(claims=NODE) -> str:
    """As next-auth 4 writes it."""
    import base64
    import secrets

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from wsgi_auth.jwe import hkdf

    def text(octets: bytes) -> str:
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    key = hkdf(SECRET.encode(), b"", b"NextAuth.js Generated Encryption Key", 32)
    header, iv = text(b'{"alg":"dir","enc":"A256GCM"}'), secrets.token_bytes(12)
    sealed = AESGCM(key).encrypt(iv, json.dumps(claims).encode(), header.encode())
    return f"{header}..{text(iv)}.{text(sealed[:-16])}.{text(sealed[-16:])}"


def test_a_cookie_of_v4_is_read_and_never_touched():
    old = v4_token()
    for cookie in ([f"{V4}={old}"], sliced(v4_token(large(9_000)), V4, 3_933)):
        for now in (NOW + 1, NOW + 29 * DAY):
            reading = read("; ".join(["a=b", *cookie]), now)
            assert (reading.session.user["id"], reading.then) == ("alice", Then.KEEP)
        for now in (NOW + 30 * DAY + TOLERANCE, NOW + 31 * DAY):
            ended = read("; ".join(cookie), now)
            assert (ended.session, ended.then) == (None, Then.KEEP)
    assert read(f"{V4}={token()[:-1]}").session is None
    assert read(f"next-auth.session-token={old}").session is None


def test_beside_one_of_v5_the_cookie_of_v4_comes_second_and_goes_at_sign_out(browser):
    both = f"{V4}={v4_token({**NODE, 'sub': 'old'})}; {NAME}={token()}"
    assert read(both).session.user["id"] == "alice"
    assert read(f"{V4}={v4_token({**NODE, 'sub': 'old'})}; {NAME}=junk").session.user["id"] == "old"
    # a renewal of the one leaves the other alone
    assert read(both, NOW + 2 * DAY).names == (NAME,)
    there = browser(session={"strategy": "jwt"})
    there.sign_in("alice")
    now = int(time.time())
    there.set_cookie(V4, v4_token({**NODE, "iat": now, "exp": now + 60}))
    there.post("/auth/signout", {"csrfToken": there.token()}, headers=BROWSER)
    assert not {NAME, V4} & set(there.cookies)
    assert there.get("/auth/session").json is None


@pytest.mark.parametrize("ended_by", ["its sign-out", "the end of all"])
def test_a_session_of_v4_that_was_ended_is_over_and_another_is_not(ended_by):
    made = AuthMiddleware(hello, settled(adapter="memory:"))
    now = int(time.time())

    def visitor(name: str) -> Browser:
        there = Browser(made)
        claims = {**NODE, "sub": name, "jti": name, "iat": now - 9, "exp": now + DAY}
        there.set_cookie(V4, v4_token(claims))
        return there

    alice, bob = visitor("alice"), visitor("bob")
    assert alice.get("/").text == "hello alice"
    if ended_by == "its sign-out":
        alice.post("/auth/signout", {"csrfToken": alice.token()}, headers=BROWSER)
    else:
        made.sessions.end_all("alice")
    visitor("alice").get("/", status=401)
    assert bob.get("/").text == "hello bob"


# --- the application's own token ----------------------------------------------------------------


def own(**more):
    codec = {
        "encode": lambda claims, *, secret, salt, max_age: json.dumps(claims).encode().hex(),
        "decode": lambda token, *, secrets, salt: json.loads(bytes.fromhex(token)),
    }
    return {"strategy": "jwt", **codec, **more}


def test_encode_and_decode_replace_the_token(browser):
    seen = []

    def encode(claims, *, secret, salt, max_age):
        seen.append((secret, salt, max_age))
        return json.dumps(claims).encode().hex()

    def decode(token, *, secrets, salt):
        seen.append((secrets, salt))
        return json.loads(bytes.fromhex(token))

    there = browser(session=own(encode=encode, decode=decode), secret=[SECRET, OTHER_SECRET])
    there.sign_in("alice")
    assert json.loads(bytes.fromhex(there.cookies[NAME]))["sub"] == "alice"
    assert there.visit("/").text == "hello alice"
    secrets = (SECRET.encode(), OTHER_SECRET.encode())
    assert (secrets[0], NAME, 30 * DAY) in seen and (secrets, NAME) in seen


def test_decode_is_asked_every_time():
    """It may know of sessions that have ended."""
    ended = []

    def decode(token, *, secrets, salt):
        return None if ended else NODE

    reader = CookieSessionReader(settled(session=own(decode=decode)))
    for _ in range(4):
        assert reader.read({"HTTP_COOKIE": f"{NAME}=x"}, NOW + 1).session is not None
    ended.append(True)
    assert reader.read({"HTTP_COOKIE": f"{NAME}=x"}, NOW + 1).session is None


def _raises(*_, **__):
    raise RuntimeError("a secret in a message")


async def _later():
    return {}


def _async(*_, **__):
    return _later()


@pytest.mark.parametrize(
    "decode",
    [_raises, _async, lambda *_, **__: "alice", lambda *_, **__: True, lambda *_, **__: ["sub"],
     lambda *_, **__: {}, lambda *_, **__: {1: 2}, lambda token: NODE],
    ids=["raises", "async", "text", "true", "list", "empty", "numbers", "wrong signature"],
)  # fmt: skip
def test_whatever_decode_does_that_it_must_not_is_no_session(decode, caplog):
    """R038; logged, at most once a minute, without the message or the token."""
    reader = CookieSessionReader(settled(session=own(decode=decode)))
    for _ in range(5):
        reading = reader.read({"HTTP_COOKIE": f"{NAME}=the-token"}, NOW)
        assert (reading.session, reading.then) == (None, Then.KEEP)
    assert len(caplog.records) == 1
    assert "the-token" not in caplog.text and "a secret" not in caplog.text


@pytest.mark.parametrize(
    "encode",
    [_raises, _async, lambda *_, **__: None, lambda *_, **__: b"x", lambda *_, **__: "",
     lambda *_, **__: "a; Domain=evil.test", lambda *_, **__: "a\r\nX: y", lambda *_, **__: "é",
     lambda *_, **__: "a,b", lambda *_, **__: 'a"b', lambda *_, **__: "a b", lambda *_, **__: "a\\b",
     lambda *_, **__: "a\n"],
    ids=["raises", "async", "none", "bytes", "empty", "attribute", "header", "letter", "comma", "quote",
         "blank", "backslash", "newline"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:coroutine")
def test_whatever_encode_does_that_it_must_not_signs_nobody_in(encode, browser):
    there = browser(session=own(encode=encode))
    answer = there.sign_in("alice", expect_errors=True)
    assert NAME not in there.cookies and "evil" not in str(answer.headers)
    with pytest.raises(CallbackError, match=r"session\.encode"):
        strategy_for(settled(session=own(encode=encode))).save(NODE, NOW)


def test_an_encode_that_fails_as_a_session_is_prolonged_ends_none(browser, caplog):
    """The page is served; the next request tries again."""
    failing = []

    def encode(claims, *, secret, salt, max_age):
        if failing:
            raise RuntimeError("a secret in a message")
        return json.dumps(claims).encode().hex()

    with time_machine.travel(NOW, tick=False) as clock:
        there = browser(session=own(encode=encode))
        there.sign_in("alice")
        clock.shift(2 * DAY)
        failing.append(True)
        answer = there.visit("/")
        assert answer.text == "hello alice" and "Set-Cookie" not in answer.headers
        assert "the session could not be renewed" in caplog.text
        assert "session.encode" in caplog.text
        failing.clear()
        assert NAME in there.visit("/").headers["Set-Cookie"]


def test_a_token_that_no_cookie_could_hold_is_not_even_decoded():
    """R098."""
    decoded = []

    def decode(token, *, secrets, salt):
        decoded.append(token)
        return NODE

    strategy = strategy_for(settled(session=own(decode=decode)))
    assert strategy.load("x" * MAX_TOKEN, NOW + 1) is not None
    assert strategy.load("x" * (MAX_TOKEN + 1), NOW + 1) is None
    assert len(decoded) == 1


def test_the_application_only_reads_a_token_of_another_program():
    made = settled(session={"decode": lambda token, *, secrets, salt: NODE, "read_only": True})
    assert CookieSessionReader(made).read({"HTTP_COOKIE": f"{NAME}=x"}, NOW + 1).session is not None


# --- configuration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session", "named"),
    [
        ({"strategy": "jwt", "encode": print}, "session.decode"),
        ({"strategy": "jwt", "decode": print}, "session.encode"),
        ({"decode": print}, "session.decode"),
        ({"encode": print, "decode": print}, "session.encode"),
        ({"strategy": "jwt", "encode": "nowhere:f", "decode": print}, "session.encode"),
        ({"strategy": "jwt", "decode": 5, "encode": print}, "session.decode"),
        ({"strategy": "JWT"}, "session.strategy"),
    ],
)
def test_a_mistake_stops_start_up_and_names_the_option(session, named):
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        config(session=session)


def test_the_cookie_of_v4_is_only_read():
    name = {"session": {"name": V4}}
    with pytest.raises(ConfigError, match=r"cookies\.session\.name.*read_only"):
        settled(cookies=name)
    made = settled(cookies=name, session={"read_only": True})
    reader = CookieSessionReader(made)
    assert reader.read({"HTTP_COOKIE": f"{V4}={v4_token()}"}, NOW + 1).session is not None


def test_a_name_of_ones_own_is_the_salt():
    made = settled(cookies={"session": {"name": "__Secure-shop", "domain": "example.test"}})
    assert (made.cookies.session.older, made.cookies.session.slices) == (None, AUTHJS_SLICE)
    cookie = f"__Secure-shop={token(name='__Secure-shop')}"
    assert CookieSessionReader(made).read({"HTTP_COOKIE": cookie}, NOW + 1).session is not None
    assert (
        CookieSessionReader(made).read({"HTTP_COOKIE": f"{NAME}={token()}"}, NOW + 1).session
        is None
    )


def test_every_road_leads_to_the_strategy(tmp_path):
    (tmp_path / "auth.ini").write_text("[auth]\nsession.strategy = jwt\nsession.read_only = yes\n")
    (tmp_path / "auth.toml").write_text('[session]\nstrategy = "jwt"\nread_only = true\n')
    env = {"AUTH_SECRET": SECRET, "AUTH_URL": "https://app.example.test"}
    roads = [
        AuthConfig.from_ini(tmp_path / "auth.ini", environ=env),
        AuthConfig.from_toml(tmp_path / "auth.toml", environ=env),
        AuthConfig.from_env({**env, "AUTH_SESSION_STRATEGY": "jwt", "AUTH_SESSION_READ_ONLY": "1"}),
        AuthConfig.from_mapping({"session": {"strategy": "jwt", "read_only": True}}, environ=env),
    ]
    for made in roads:
        assert (made.session.strategy, made.session.read_only) == ("jwt", True)
        assert made.cookies.session.name == NAME


def test_only_this_strategy_loads_cryptography():
    code = (
        "import sys\nfrom wsgi_auth import AuthMiddleware\n"
        "made = AuthMiddleware(print, {'secret': 's' * 40, 'url': 'https://a.test',"
        " 'session': {'strategy': sys.argv[1]}, 'providers': [], 'pages': {'sign_in': '/login'}})\n"
        "made.cookie = None\n"
        "environ = {'PATH_INFO': '/', 'REQUEST_METHOD': 'GET', 'HTTP_COOKIE': 'a=b'}\n"
        "made.site.reader.read(environ, 1.0)\n"
        "print('cryptography' in sys.modules, 'joserfc' in sys.modules)"
    )
    for strategy, said in (("cookie", "False False"), ("jwt", "True False")):
        run = [sys.executable, "-W", "ignore", "-c", code, strategy]
        assert (
            subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == said
        )


@settings(max_examples=300, deadline=None)
@given(
    st.text()
    | st.lists(
        st.sampled_from([NAME, V4, "=", ";", ".0=", ".1=", ".99=", "eyJ", "..", ".", "A"])
    ).map("".join)
)
def test_no_header_raises_or_signs_anybody_in(header):
    logging.getLogger("wsgi_auth").disabled = True
    try:
        assert READER.read({"HTTP_COOKIE": header}, NOW).session is None
    finally:
        logging.getLogger("wsgi_auth").disabled = False


READER = CookieSessionReader(
    AuthConfig.from_mapping(options(session={"strategy": "jwt"}), environ={})
)
