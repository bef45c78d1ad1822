"""The reader: of everything a Cookie header can hold, just our own living session (R001 to R022)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.conftest import OTHER_SECRET, SECRET, config
from wsgi_auth import CallbackError, CookieSessionReader, Then
from wsgi_auth.cookies import cut
from wsgi_auth.sessions import strategy_for
from wsgi_auth.sessions.view import OWN_CLAIMS, SessionView, default_session
from wsgi_auth.tokens import SignedCodec
from wsgi_auth.types import ANONYMOUS, JWTContext

NAME = "__Host-auth.session-token"
NOW = 1_800_000_000
DAY = 86_400
USER = {"sub": "alice", "name": "Alice", "auth_time": NOW, "sid": "x" * 32}


def value(claims=USER, now=NOW, **options) -> str:
    return strategy_for(config(**options)).save(claims, now).value


def signed(claims) -> str:
    """Claims signed by the right key, whatever they are."""
    return SignedCodec([SECRET.encode()], f"wsgi_auth.session {NAME}").encode(claims)


def header(token: str) -> str:
    return "; ".join(f"{name}={piece}" for name, piece in cut(NAME, token))


def read(cookie: str, now=NOW + 1, **options):
    return CookieSessionReader(config(**options)).read({"HTTP_COOKIE": cookie}, now)


TOKEN = value()
NEIGHBOURS = [
    'a="unterminated', "a=b=c", "=", "==", ";;;", "a", " ", "a=\\", 'a="x;y"', "a=\x7f", "a=\xff\xfe",
    "expires=Thu, 01 Jan 1970", "$Version=1", "a=b,c=d", "a=(b)", "a=[1,2]", 'a={"x":1}', "a=%",
    "\t", "a=\x00", "päth=1", "a=" + "x" * 3_000, NAME[7:] + "=x", "x" + NAME + "=x", NAME.lower() + "=x",
]  # fmt: skip


@pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=ascii)
@pytest.mark.parametrize("order", ["before", "behind", "around"])
def test_a_broken_neighbour_never_hides_the_session(neighbour, order):
    """R006."""
    ours = f"{NAME}={TOKEN}"
    cookie = {"before": f"{neighbour}; {ours}", "behind": f"{ours}; {neighbour}",
              "around": f"{neighbour}; {ours}; {neighbour}"}[order]  # fmt: skip
    if neighbour.startswith('a="unterminated') or neighbour == "a=\\":
        pass  # a quote or backslash ends nothing
    assert read(cookie).session.user["id"] == "alice"


@pytest.mark.parametrize(
    "cookie",
    [f"a=b,{NAME}={TOKEN}", f"{NAME}={TOKEN},a=b", f'{NAME}="{TOKEN}"', f"a=b;{NAME}={TOKEN};c=d"],
)
def test_headers_joined_by_a_server_and_quoted_values_are_read(cookie):
    assert read(cookie).session is not None


@pytest.mark.parametrize(
    "cookie",
    [
        "", f"{NAME}=", f"{NAME}={TOKEN[:-1]}", f"{NAME}={TOKEN}x", f"{NAME}={TOKEN.lower()}",
        f"auth.session-token={TOKEN}", f"__Secure-auth.session-token={TOKEN}",
        f"{NAME.upper()}={TOKEN}", f"x{NAME}={TOKEN}", f"; x{NAME}={TOKEN}", f"{NAME}.0={TOKEN}", f"{NAME}.0=2~{TOKEN}",
        f"{NAME}.0=1e1~{TOKEN}", f"{NAME}.00=1~{TOKEN}", NAME,
    ],
)  # fmt: skip
def test_what_is_not_ours_is_nobody_and_left_alone(cookie):
    """R002, R009."""
    reading = read(cookie)
    assert (reading.session, reading.then) == (None, Then.KEEP)


@pytest.mark.parametrize("environ", [{}, {"HTTP_COOKIE": ""}], ids=["no header", "empty"])
def test_without_a_cookie_header_there_is_nobody(environ):
    assert CookieSessionReader(config()).read(environ, NOW) is ANONYMOUS


def test_a_cookie_that_another_secret_signed_is_left_alone_and_logged_once_a_minute(caplog):
    reader = CookieSessionReader(config(secret=OTHER_SECRET))
    for second in range(120):
        reading = reader.read({"HTTP_COOKIE": header(TOKEN)}, NOW + second)
        assert (reading.session, reading.then) == (None, Then.KEEP)
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 2
    assert "signed with none of the secrets" in caplog.text and TOKEN[:40] not in caplog.text


@pytest.mark.parametrize("junk", ["", "x", TOKEN[:-1], TOKEN + "x", "W." + "x" * 43, "x" * 90])
def test_what_does_not_look_like_a_session_is_not_mentioned(junk, caplog):
    assert read(f"{NAME}={junk}").session is None
    assert caplog.text == ""


def test_of_duplicates_the_first_that_verifies_counts():
    """R010."""
    bob = value({**USER, "sub": "bob"})
    pieces = header(value({**USER, "data": "x" * 6_000}))
    short = f"{NAME}.0=1~{TOKEN}"
    for duplicates in (
        f"{NAME}=junk; {pieces}", f"{pieces}; {NAME}=junk",
        f"{NAME}=junk; {short}", f"{short}; {NAME}=junk",
    ):  # fmt: skip
        assert read(duplicates).session.user["id"] == "alice"
    for _ in range(20):
        assert read(f"{NAME}=junk; {NAME}={TOKEN}; {NAME}={bob}").session.user["id"] == "alice"
        assert read(f"{NAME}={bob}; {NAME}={TOKEN}").session.user["id"] == "bob"


@pytest.mark.parametrize(
    "size", [1, 3_000, 3_900, 3_950, 4_000, 4_050, 7_900, 8_000, 20_000, 40_000]
)
def test_a_session_of_any_size_is_cut_and_joined(size):
    """R004."""
    token = value({**USER, "data": "x" * size})
    pieces = cut(NAME, token)
    assert all(len(name) + len(piece) <= 4_000 for name, piece in pieces)
    assert read(header(token)).claims["data"] == "x" * size
    shuffled = "; ".join(reversed(header(token).split("; ")))
    assert read(shuffled).session is not None
    if len(pieces) > 1:
        for missing in range(len(pieces)):
            kept = [p for n, p in enumerate(header(token).split("; ")) if n != missing]
            assert read("; ".join(kept)).session is None


def test_a_chunk_left_over_from_a_longer_session_spoils_nothing():
    token = value({**USER, "data": "x" * 6_000})
    assert read(header(token) + f"; {NAME}.5=junk; {NAME}.23=y").session is not None


@pytest.mark.parametrize(
    ("age", "session", "then"),
    [
        (0, True, Then.KEEP),
        (DAY - 1, True, Then.KEEP),
        (DAY, True, Then.RENEW),
        (30 * DAY - 1, True, Then.RENEW),
        (30 * DAY, False, Then.CLEAR),
        (400 * DAY, False, Then.CLEAR),
        (-30, True, Then.KEEP),
        (-3600, False, Then.KEEP),
    ],
)
@pytest.mark.parametrize("again", [False, True], ids=["read once", "read before"])
@pytest.mark.parametrize("around", ["", '"'], ids=["bare", "quoted"])
def test_what_becomes_of_a_session_as_it_ages(age, session, then, again, around):
    """Quoted: the reader's long way."""
    reader = CookieSessionReader(config())
    environ = {"HTTP_COOKIE": f"{NAME}={around}{TOKEN}{around}"}
    if again:
        reader.read(environ, NOW + 1)
    reading = reader.read(environ, NOW + age)
    if again and age < -60:
        return  # a clock that jumps back an hour does not end a session already verified
    assert (reading.session is not None, reading.then) == (session, then)
    if then is not Then.KEEP:
        assert reading.names == (NAME,)


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
def test_the_reading_of_a_session_with_which_nothing_is_to_be_done_says_so(strategy):
    settings = config(session={"strategy": strategy})
    reader, name = CookieSessionReader(settings), settings.cookies.session.name
    cookie = {"HTTP_COOKIE": f"{name}={reader.strategy.save(USER, NOW).value}"}
    reading = reader.read(cookie, NOW + 1)
    assert (reading.then, reading.names, reading.kept) == (Then.KEEP, (), None)


def test_when_a_session_ends_is_said_to_the_second():
    """Twice: minutes are remembered, and another one's would be wrong."""
    for ends in [*range(7_200), *range(NOW, NOW + 60)] * 2:
        said = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert default_session({"exp": ends})["expires"] == said


@pytest.mark.parametrize("left", ["{NAME}.5=x; {cookie}", "{cookie}; {NAME}.5=x"])
@pytest.mark.parametrize("age", [DAY, 30 * DAY], ids=["renewed", "cleared"])
def test_what_is_left_of_a_longer_session_goes_with_it(left, age):
    cookie = left.format(NAME=NAME, cookie=f"{NAME}={TOKEN}")
    reading = CookieSessionReader(config()).read({"HTTP_COOKIE": cookie}, NOW + age)
    assert reading.names == (NAME, f"{NAME}.5")


def test_absolute_age_ends_even_a_busy_session():
    options = {"session": {"max_age": "30d", "absolute_age": "40d"}}
    token = value({**USER, "auth_time": NOW - 39 * DAY}, now=NOW, **options)
    assert read(f"{NAME}={token}", NOW + 1, **options).session is not None
    assert read(f"{NAME}={token}", NOW + DAY, **options).then is Then.CLEAR
    assert read(f"{NAME}={signed({**USER, 'iat': NOW, 'exp': NOW + 9, 'auth_time': None})}",
                **options).session is None  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": True}, {"exp": "9999999999"}, {"exp": 1e300}, {"exp": None}, {"exp": -1},
        {"exp": 10**15}, {"iat": True}, {"iat": "1"}, {"iat": None}, {"iat": 1.5}, {"iat": -1},
        {"sub": ""}, {"sub": None}, {"sub": 1}, {"sub": ["a"]}, {"sub": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_signed_claims_without_a_subject_or_with_odd_times_are_no_session(wrong):
    """R021, R022."""
    claims = {**USER, "iat": NOW, "exp": NOW + DAY, **wrong}
    claims = {name: claim for name, claim in claims.items() if claim is not None}
    assert read(f"{NAME}={signed(claims)}").session is None


@pytest.mark.parametrize("claims", [{}, {"error": "x"}, {"message": "There was a problem"}])
def test_an_error_object_is_no_session(claims):
    assert read(f"{NAME}={signed(claims)}").session is None


def test_a_session_under_an_older_secret_is_renewed_and_one_under_a_removed_secret_is_nobody():
    """R018."""
    reading = read(f"{NAME}={TOKEN}", secret=[OTHER_SECRET, SECRET])
    assert (reading.session is not None, reading.then) == (True, Then.RENEW)
    assert read(f"{NAME}={TOKEN}", secret=OTHER_SECRET).then is Then.KEEP


def test_what_was_verified_is_handed_out_again_and_is_read_only():
    reader = CookieSessionReader(config())
    environ = {"HTTP_COOKIE": f"{NAME}={TOKEN}"}
    reader.read(environ, NOW + 1)  # what comes once is not kept: most of it never comes again
    first = reader.read(environ, NOW + 2).session
    assert reader.read(environ, NOW + 3).session is first
    with pytest.raises(TypeError, match=r'environ\["auth.handle"\].update'):
        first["role"] = "admin"
    with pytest.raises(TypeError):
        first.user["id"] = "bob"


@pytest.mark.parametrize("strategy", ["cookie", "jwt"])
def test_another_payload_before_a_remembered_signature_is_nobody(strategy):
    settings = config(session={"strategy": strategy})
    reader, name = CookieSessionReader(settings), settings.cookies.session.name
    good = reader.strategy.save(USER, NOW).value
    for _ in range(3):
        assert reader.read({"HTTP_COOKIE": f"{name}={good}"}, NOW + 1).session is not None
    for place in range(len(good) - 43):
        other = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        for forged in (other, good[place + 1 :], good[place] + good):
            assert reader.read({"HTTP_COOKIE": f"{name}={forged}"}, NOW + 2) is ANONYMOUS
    assert reader.read({"HTTP_COOKIE": f"{name}={good}"}, NOW + 2).session is not None


def test_what_is_remembered_is_bounded():
    """R100."""
    reader = CookieSessionReader(config())
    for number in range(5_000):
        token = value({**USER, "sub": str(number)})
        for _ in range(2):
            assert reader.read({"HTTP_COOKIE": f"{NAME}={token}"}, NOW + 1).session is not None
    assert 2_048 <= len(reader._known) + len(reader._older) <= 4_096
    assert len(reader._seen) <= 2_048


@pytest.mark.parametrize(
    "callbacks",
    [
        {"jwt": lambda claims, context: 1 / 0},
        {"jwt": lambda claims, context: "claims"},
        {"session": lambda session, context: 1 / 0},
        {"session": lambda session, context: None},
        {"session": lambda session, context: {"no": "user"}},
    ],
)
def test_a_callback_that_fails_is_never_a_session(callbacks):
    """R038."""
    with pytest.raises(CallbackError):
        read(f"{NAME}={TOKEN}", callbacks=callbacks)


def test_claims_are_read_only_where_there_is_no_jwt_callback_too():
    claims = SessionView(None, None).claims({"sub": "alice", "groups": ["a"]}, JWTContext({}))
    with pytest.raises(TypeError, match="read-only"):
        claims["groups"].append("b")


def test_the_jwt_callback_ends_or_changes_the_session_but_not_whose_it_is():
    ended = read(f"{NAME}={TOKEN}", callbacks={"jwt": lambda claims, context: None})
    assert (ended.session, ended.then) == (None, Then.CLEAR)
    changed = read(f"{NAME}={TOKEN}", callbacks={
        "jwt": lambda claims, context: {**claims, "role": "x", "sub": "mallory", "exp": 9}})  # fmt: skip
    assert changed.then is Then.RENEW
    assert (changed.claims["role"], changed.claims["sub"]) == ("x", "alice")
    same = read(f"{NAME}={TOKEN}", callbacks={"jwt": lambda claims, context: claims})
    assert same.then is Then.KEEP


@pytest.mark.parametrize("name", OWN_CLAIMS)
@pytest.mark.parametrize("has_it", [True, False])
def test_the_jwt_callback_writes_no_claim_that_is_the_sessions_own(name, has_it):
    claims = {"role": "x", **({name: NOW} if has_it else {})}
    view = SessionView(lambda claims, context: {**claims, name: NOW + 9}, None)
    assert view.claims(claims, JWTContext({})) == claims


def test_the_session_callback_runs_every_time():
    calls = []

    def session(session, context):
        calls.append(context.claims["sub"])
        session["user"]["role"] = "editor"
        return session

    reader = CookieSessionReader(config(callbacks={"session": session}))
    for _ in range(3):
        found = reader.read({"HTTP_COOKIE": f"{NAME}={TOKEN}"}, NOW + 1).session
    assert calls == ["alice"] * 3
    assert found.user["role"] == "editor"


def test_two_names_and_one_secret_share_no_session():
    """R014."""
    assert read(f"other={TOKEN}", cookies={"session": {"name": "other"}}).session is None
