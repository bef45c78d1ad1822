"""Sign-in with another party where something is unusual: what a visitor meets then, and what an
application is told. The straight way is in ``test_flow``."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import time_machine
from joserfc.jwk import OKPKey
from webtest import TestApp

from tests.oauth.visits import (
    URL,
    Visitor,
    asked_for,
    changed,
    exchanged,
    just_looking,
    site,
)
from wsgi_auth.adapters import connect
from wsgi_auth.testing import FakeClient, FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.web import Answered
from wsgi_auth.testing.threads import at_once

SESSION = "__Host-auth.session-token"
FLOW, FLOW_POST = "__Host-auth.flow", "__Host-auth.flow-post"
FORM_POST = {"response_mode": "form_post"}


def two() -> tuple[FakeProvider, FakeProvider]:
    return (FakeProvider("https://one.example.test", id="one"),
            FakeProvider("https://two.example.test", id="two"))  # fmt: skip


# --- how long ago -------------------------------------------------------------------------------

PROTECTED = {"matcher": [{"source": "/members/:path*", "fresh": "10m"}]}


def proved(seconds_ago: int | None):
    """The provider says that somebody proved it so long ago (None: it says nothing)."""

    def said(claims, scene):
        return {**claims, "auth_time": None if seconds_ago is None else time.time() - seconds_ago}

    return said


@pytest.mark.parametrize(
    ("ago", "status"), [(None, 200), (0, 200), (-30, 200), (70, 200), (580, 200), (601, 401),
                        (86_400, 401)],
)  # fmt: skip
def test_coming_back_from_a_provider_that_asked_nothing_is_no_fresh_sign_in(ago, status):
    """A living session at the provider lets whoever has the open browser pass there."""
    fake = FakeProvider()
    page = Visitor(site(fake, **PROTECTED))
    with fake.tamper("claims", proved(ago)):
        fake.sign_in(page, "alice")
    answer = page.get("/members/x", expect_errors=True)
    assert answer.status_int == status and page.who == "alice"
    if status == 401:
        assert answer.json["error"] == "FreshSignInRequired"


def test_the_page_that_wants_a_fresh_sign_in_has_the_provider_ask_for_it():
    """OpenID Connect Core section 3.1.2.1: ``prompt=login``."""
    fake = FakeProvider()
    page = Visitor(site(fake, **PROTECTED))
    with fake.tamper("claims", proved(3_600)):
        fake.sign_in(page, "alice")
    assert "prompt" not in asked_for(fake)
    asking = page.get("/members/x", headers={"Accept": "text/html"}).location
    fake.sign_in(page, "alice", start=asking)
    assert asked_for(fake)["prompt"] == "login"
    assert page.get("/members/x").status_int == 200


def test_a_provider_that_will_not_ask_again_is_not_visited_in_a_circle():
    fake = FakeProvider()
    page = Visitor(site(fake, auto_sign_in=True, **PROTECTED))
    with fake.tamper("claims", proved(3_600)):
        fake.sign_in(page, "alice")
    asking = page.get("/members/x", headers={"Accept": "text/html"}).location
    assert page.get(asking).status_int == 200, "a page, which waits for a click"


def test_what_a_callback_makes_of_the_claims_is_no_fresh_sign_in():
    fake = FakeProvider()
    callbacks = {"jwt": lambda claims, context: {
        **{name: claims[name] for name in claims if name != "proved_at"}, "seen": True}}  # fmt: skip
    page = Visitor(site(fake, callbacks=callbacks, **PROTECTED))
    with fake.tamper("claims", proved(3_600)):
        fake.sign_in(page, "alice")
    assert page.claims["seen"] and page.get("/members/x", expect_errors=True).status_int == 401


# --- every kind of client ---------------------------------------------------------------------

KEY = OKPKey.generate_key("Ed25519", private=True, auto_kid=True)
SIGNS = {"private_key": json.dumps(KEY.as_dict(private=True))}
CLIENTS = {
    "basic": (FakeClient(), {}),
    "odd basic": (FakeClient("an odd: %id&+/", "a secret: %&+/ äöü 中"), {}),
    "post": (FakeClient(auth="client_secret_post"), {}),
    "public": (FakeClient(auth="none"), {}),
    "key": (FakeClient(auth="private_key_jwt", jwks={"keys": [KEY.as_dict(private=False)]}), SIGNS),
    "pushed": (FakeClient(par=True), {}),
    "DPoP": (FakeClient(dpop=True), {}),
    "DPoP with a nonce": (FakeClient(dpop=True, dpop_nonce=True), {}),
    "HS256": (FakeClient(id_token_alg="HS256"), {}),
    "ES256": (FakeClient(id_token_alg="ES256"), {}),
    "no refresh token": (FakeClient(refresh=False), {"tokens": True}),
    "form_post": (FakeClient(), FORM_POST),
    "form_post and DPoP": (FakeClient(dpop=True, dpop_nonce=True), FORM_POST),
}


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("userinfo", [False, True])
def test_every_kind_of_client_signs_in(kind, userinfo):
    client, options = CLIENTS[kind]
    fake = FakeProvider(clients=[client])
    page = Visitor(site(fake, provider={**options, "userinfo": userinfo}))
    fake.sign_in(page, "bob")
    assert (page.who, page.claims["email"]) == ("bob", "bob@example.test")


@pytest.mark.parametrize("mount", ["", "/app", "/a%20b"])
def test_the_callback_is_below_the_mount_and_never_taken_from_the_request(mount):
    fake = FakeProvider(clients=[FakeClient(redirect_uris=(f"{URL}{mount}/auth/callback/fake",))])
    page = Visitor(site(fake, url=URL + mount), URL + mount.replace("%20", " "))
    page.extra_environ["HTTP_X_FORWARDED_HOST"] = "evil.example.test"
    answer = page.press(callbackUrl=f"{mount}/members/x")
    landing = fake.approve(answer.location, "alice")
    done = page.get(landing.url.removeprefix(URL + mount))
    assert done.location == f"{mount}/members/x" and page.who == "alice"


@pytest.mark.parametrize(
    "issuer",
    ["https://op.example.test/", "https://op.example.test/t", "https://op.example.test/t/",
     "https://op.example.test:8443/a/b", "https://OP.example.test"],
)  # fmt: skip
def test_an_issuer_is_taken_letter_by_letter(issuer):
    fake = FakeProvider(issuer)
    page = Visitor(site(fake))
    fake.sign_in(page, "alice")
    assert page.who == "alice"


PLACES = {
    "developing": ("http://localhost:8000", {"url": None, "dev": True}),
    "loopback": ("http://127.0.0.1:8000", {"url": "http://127.0.0.1:8000"}),
    "another base path": (URL, {"base_path": "/sso"}),
    "a sign-in page of its own": (URL, {"pages": {"sign_in": "/login"}, "auto_sign_in": True}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("options", [{}, FORM_POST])
def test_it_works_wherever_an_application_may_be(place, options):
    url, more = PLACES[place]
    fake = FakeProvider()
    page = Visitor(site(fake, provider=options, **more), url)
    start = f"{more.get('base_path', '/auth')}/signin?callbackUrl=/members/x"
    done = fake.sign_in(page, "alice", start=start)
    assert (done.request.path, page.who) == ("/members/x", "alice")


@pytest.mark.parametrize(
    ("more", "wanted", "location"),
    [
        ({"allowed_redirects": ["https://www.example.test"]}, "https://www.example.test/x?y=z",
         "https://www.example.test/x?y=z"),
        ({"allowed_redirects": ["https://www.example.test"]}, "https://evil.example.test/", "/"),
        ({"callbacks": {"redirect": lambda url, base: "https://evil.example.test"}}, "/x", "/"),
        ({"callbacks": {"redirect": lambda url, base: "/home"}}, "/x", "/home"),
    ],
)  # fmt: skip
def test_a_return_url_elsewhere_has_to_be_listed(more, wanted, location):
    fake = FakeProvider()
    page = Visitor(site(fake, **more))
    landing = fake.approve(page.begin(callbackUrl=wanted), "alice")
    assert page.land(landing).location == location


def test_the_longest_return_url_comes_back_whole_even_with_a_key_in_the_flow():
    fake = FakeProvider(clients=[FakeClient(dpop=True)])
    page = Visitor(site(fake))
    wanted = "/members/" + "x" * (2048 - len("/members/"))
    landing = fake.approve(page.begin(callbackUrl=wanted), "alice")
    assert page.land(landing).location == wanted and page.who == "alice"


# --- state ------------------------------------------------------------------------------------


def lost(page: Visitor, answer, *fakes: FakeProvider, before: int = 0) -> bool:
    """Whether the visitor is told that the answer is none, and nobody was signed in by it."""
    return (
        answer.status_int == 400
        and "InvalidCheck" in answer.text
        and page.who is None
        and exchanged(*fakes) == before
    )


def test_a_used_state_is_refused_although_another_tab_is_under_way_R075():
    fake = FakeProvider()
    page = Visitor(site(fake))
    landing = fake.approve(page.begin(), "alice")
    page.begin(callbackUrl="/members/other")
    page.land(landing)
    page.delete(SESSION)
    assert FLOW in page.cookies
    assert lost(page, page.land(landing), fake, before=1)


@pytest.mark.parametrize("fault", ["token_503", "token_slow", "bad_signature", "wrong_nonce"])
def test_a_state_is_used_up_by_a_sign_in_that_failed(fault):
    fake = FakeProvider()
    page = Visitor(site(fake))
    landing = fake.approve(page.begin(callbackUrl="/members/x"), "alice")
    with fake.misbehave(fault):
        failed = page.land(landing)
    assert failed.status_int >= 500 and "/auth/signin?callbackUrl=/members/x" in failed.text
    assert FLOW not in page.cookies
    assert lost(page, page.land(landing), fake, before=1)


def test_the_answer_to_somebody_elses_sign_in_never_changes_who_is_signed_in_R076():
    """A link to a callback signs nobody in as the one who made it."""
    fake = FakeProvider()
    app = site(fake)
    victim, attacker = Visitor(app), Visitor(app)
    fake.sign_in(victim, "alice")
    planted = fake.approve(attacker.begin(), "bob")
    before = exchanged(fake)
    assert victim.land(planted).location == "/"
    assert victim.who == "alice" and exchanged(fake) == before
    victim.begin()  # also while a sign-in of the victim's own is under way
    assert victim.land(planted).location == "/"
    assert victim.who == "alice" and exchanged(fake) == before


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_cookie_that_is_gone_is_told_or_the_session_stays(signed_in):
    fake = FakeProvider()
    page = Visitor(site(fake))
    if signed_in:
        fake.sign_in(page, "alice")
    landing, before = fake.approve(page.begin(), "bob"), exchanged(fake)
    page.delete(FLOW)
    answer = page.land(landing)
    if signed_in:
        assert (answer.location, page.who, exchanged(fake)) == ("/", "alice", before)
    else:
        assert lost(page, answer, fake)


@pytest.mark.parametrize(("minutes", "in_time"), [(14, True), (16, False)])
def test_a_visitor_has_a_quarter_of_an_hour_R075(minutes, in_time):
    fake = FakeProvider()
    page = Visitor(site(fake))
    url = page.begin()
    cookie = page.cookies[FLOW]
    with time_machine.travel(time.time() + 60 * minutes):
        # the provider is patient; nor does the browser forget
        fake._memory.pushed = {
            uri: (client, form, time.time() + 60)
            for uri, (client, form, _) in fake._memory.pushed.items()
        }
        landing = fake.approve(url, "alice")
        page.set_cookie(FLOW, cookie)
        answer = page.land(landing)
        assert (page.who == "alice") if in_time else lost(page, answer, fake)


@pytest.mark.parametrize("value", ["", "x", "x" * 5000, "changed", "another secret's", "a session"])
def test_a_flow_cookie_that_is_not_ours_is_none(value):
    fake = FakeProvider()
    page, other = Visitor(site(fake)), Visitor(site(fake, secret="t" * 40))
    landing = fake.approve(page.begin(), "alice")
    mine = page.cookies[FLOW]
    if value == "changed":
        value = mine[:40] + ("A" if mine[40] != "A" else "B") + mine[41:]
    elif value == "another secret's":
        other.begin()
        value = other.cookies[FLOW]
    elif value == "a session":
        fake.sign_in(other, "alice")
        value = other.cookies[SESSION]
    page.delete(FLOW)
    page.set_cookie(FLOW, value)
    assert lost(page, page.land(landing), fake, before=exchanged(fake))


def test_nothing_of_a_flow_can_be_read_from_its_cookie():
    fake = FakeProvider()
    page = Visitor(site(fake))
    state = fake.approve(page.begin(callbackUrl="/members/private"), "alice").params["state"]
    seen = "".join(page.cookies.values())
    assert state not in seen and "private" not in seen


def test_every_sign_in_has_values_of_its_own():
    fake = FakeProvider()
    page = Visitor(site(fake))
    found = []
    for _ in range(3):
        page.begin()
        asked = asked_for(fake)
        found += [asked["state"], asked["nonce"], asked["code_challenge"]]
        assert asked["code_challenge_method"] == "S256" and "code_verifier" not in asked
    assert len(set(found)) == 9 and min(map(len, found)) >= 43


@pytest.mark.parametrize("name", ["state", "code", "iss", "error", "session_state", "x"])
@pytest.mark.parametrize("again", ["", "another", "the same"])
def test_an_answer_with_a_parameter_twice_is_none_R066(name, again):
    fake = FakeProvider()
    page = Visitor(site(fake))
    url = changed(fake.approve(page.begin(), "alice").url)
    said = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    pairs = [(name, said.get(name, "x") if again == "the same" else again)]
    if name not in said:
        pairs.append((name, said.get(name, "x")))
    answer = page.get(changed(url, *pairs).removeprefix(URL), expect_errors=True)
    assert answer.status_int == 400 and page.who is None and exchanged(fake) == 0


def test_no_answer_that_was_made_up_of_true_parts_signs_anybody_in():
    """What an attacker can put together from answers of other flows and of his own."""
    fake, other = two()
    app, chance = site(fake, other), Random(3)
    attacker, victim = Visitor(app), Visitor(app)
    parts: dict[str, list[str]] = {"error": ["access_denied", ""], "x": ["y"]}
    for provider, person in ((fake, "bob"), (other, "bob"), (fake, "carol")):
        landing = provider.approve(attacker.begin(provider.id), person)
        for name, value in landing.params.items():
            parts.setdefault(name, ["", "0", "x" * 5000]).append(value)
    parts["code"].append(fake.approve(victim.begin("one"), "alice").params["code"])
    parts["state"].append(asked_for(other)["nonce"])
    for _ in range(300):
        names = [name for name in parts if chance.random() < 0.8]
        names += chance.choices([*parts], k=chance.randrange(2))
        query = urlencode([(name, chance.choice(parts[name])) for name in names])
        answer = victim.get(
            f"/auth/callback/{chance.choice(['one', 'two'])}?{query}", expect_errors=True
        )
        assert answer.status_int in (400, 403) and "Traceback" not in answer.text, query
    assert victim.who is None and exchanged(fake, other) == 0


# --- mix-up -----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_iss", [True, False])
def test_an_answer_of_one_provider_is_worth_nothing_at_the_other_R078(with_iss):
    one, other = two()
    page = Visitor(site(one, other))
    mine = one.approve(page.begin("one"), "alice")
    page.begin("two")
    theirs = asked_for(other)["state"]
    stolen = changed(mine.url, state=theirs, **({} if with_iss else {"iss": None}))
    for url in (stolen.replace("/one?", "/two?"), mine.url.replace("/one?", "/two?"), stolen):
        answer = page.get(url.removeprefix(URL), expect_errors=True)
        assert answer.status_int == 400 and page.who is None
    assert exchanged(one, other) == 0


def test_a_code_of_another_browser_fails_under_a_state_of_ones_own_R079():
    """PKCE: the provider refuses a verifier that is another's."""
    fake = FakeProvider()
    app = site(fake)
    thief, victim = Visitor(app), Visitor(app)
    stolen = fake.approve(victim.begin(), "alice").params["code"]
    own = fake.approve(thief.begin(), "bob")
    answer = thief.get(changed(own.url, code=stolen).removeprefix(URL), expect_errors=True)
    assert answer.status_int == 403 and thief.who is None


# --- form_post --------------------------------------------------------------------------------


def test_a_posted_answer_comes_with_one_cookie_that_any_site_may_send():
    fake = FakeProvider()
    page = Visitor(site(fake, provider=FORM_POST))
    started = page.press(callbackUrl="/members/x")
    cookie = next(v for v in started.headers.getall("Set-Cookie") if v.startswith(FLOW_POST))
    assert {"SameSite=None", "Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert FLOW not in page.cookies
    landing = fake.approve(started.location, "alice")
    assert asked_for(fake)["response_mode"] == "form_post"
    assert landing.form and "?" not in landing.url
    answer = page.post_back(landing)
    assert (answer.status_int, answer.location) == (303, "/members/x")
    assert page.who == "alice" and FLOW_POST not in page.cookies


def test_a_posted_answer_takes_the_place_of_a_session_it_cannot_see():
    fake = FakeProvider()
    page = Visitor(site(fake, provider=FORM_POST))
    fake.sign_in(page, "bob")
    before = page.claims["sid"]
    page.post_back(fake.approve(page.begin(), "alice"))
    assert page.who == "alice" and page.claims["sid"] != before


def test_a_posted_answer_without_its_cookie_is_lost_and_the_session_stays():
    fake = FakeProvider()
    page = Visitor(site(fake, provider=FORM_POST))
    fake.sign_in(page, "bob")
    landing, before = fake.approve(page.begin(), "alice"), exchanged(fake)
    page.delete(FLOW_POST)
    answer = page.post_back(landing)
    assert answer.status_int == 400 and "InvalidCheck" in answer.text
    assert page.who == "bob" and exchanged(fake) == before


@pytest.mark.parametrize(
    ("options", "method", "status"),
    [(FORM_POST, "GET", 405), ({}, "POST", 405), ({}, "PUT", 405), (FORM_POST, "DELETE", 405)],
)
def test_an_answer_by_the_other_method_is_405_and_used_for_nothing(options, method, status):
    fake = FakeProvider()
    page = Visitor(site(fake, provider=options))
    landing = fake.approve(page.begin(), "alice")
    url = f"/auth/callback/fake?{urlsplit(landing.url).query}"
    answer = page.request(url, method=method, expect_errors=True)
    allowed = "POST" if options else "GET, HEAD"
    assert (answer.status_int, answer.headers["Allow"]) == (status, allowed)
    assert page.who is None and exchanged(fake) == 0


@pytest.mark.parametrize(
    ("options", "method", "right"), [(FORM_POST, "GET", "query"), ({}, "POST", "form_post")]
)
@pytest.mark.parametrize("pages", [{}, {"error": "/problem"}])
def test_a_provider_that_answers_by_the_other_method_is_a_page_and_a_line_that_names_the_option(
    options, method, right, pages, caplog
):
    fake = FakeProvider()
    page = Visitor(site(fake, provider=options, pages=pages))
    landing = fake.approve(page.begin(), "alice")
    caplog.clear()
    answer = page.request(
        f"/auth/callback/fake?{urlsplit(landing.url).query}", method=method, expect_errors=True
    )
    if pages:
        assert answer.location == "/problem?error=MethodNotAllowed&callbackUrl=/"
    else:
        assert answer.content_type == "text/html" and "Not possible this way" in answer.text
        assert "MethodNotAllowed" in answer.text
    (record,) = caplog.records
    assert f"providers.fake.response_mode = {right}" in record.getMessage()
    code = dict(landing.params).get("code", "no code")
    assert code not in caplog.text and record.exc_info is None


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"state": "x", "code": "y"}', 415),
        ("text/plain", b"state=x&code=y", 415),
        ("application/x-www-form-urlencoded", b"state=x&code=" + b"y" * 70_000, 413),
        ("application/x-www-form-urlencoded", b"a=b&" * 300, 400),
        ("application/x-www-form-urlencoded", b"state=\xff&code=%ff", 400),
        ("application/x-www-form-urlencoded", b"", 400),
    ],
)
def test_a_posted_answer_that_is_no_form_of_ours_is_refused(kind, body, status):
    page = Visitor(site(FakeProvider(), provider=FORM_POST))
    answer = page.post("/auth/callback/fake", body, content_type=kind, expect_errors=True)
    assert answer.status_int == status and page.who is None


def test_the_query_of_a_posted_answer_says_nothing():
    fake = FakeProvider()
    page = Visitor(site(fake, provider=FORM_POST))
    landing = fake.approve(page.begin(), "alice")
    query = "&".join(f"{name}={quote(value)}" for name, value in landing.form)
    answer = page.post(f"/auth/callback/fake?{query}", {"x": "y"}, expect_errors=True)
    assert lost(page, answer, fake)


# --- a provider in trouble, a visitor who says no ---------------------------------------------


@pytest.mark.parametrize(
    "fault", ["token_503", "token_429", "token_slow", "jwks_500", "userinfo_503", "userinfo_slow"]
)
def test_a_provider_that_is_down_at_the_end_is_said_and_the_session_before_stays(fault):
    fake = FakeProvider()
    page = Visitor(site(fake, provider={"userinfo": True}))
    first = fake.approve(page.begin(callbackUrl="/members/x"), "bob")
    with fake.misbehave(fault):
        answer = page.land(first)
        assert (answer.status_int, answer.headers["Retry-After"]) == (503, "5")
        assert "ProviderUnavailable" in answer.text and page.get("/").status_int == 200
    fake.sign_in(page, "bob")
    second = fake.approve(page.begin(), "alice")
    with fake.misbehave(fault):
        if not fault.startswith("jwks"):  # known by now
            assert page.land(second).status_int == 503 and page.who == "bob"


@pytest.mark.parametrize(
    ("error", "status"),
    [("access_denied", 403), ("login_required", 403), ("temporarily_unavailable", 403),
     ("<script>alert(1)</script>", 403), ("x" * 5000, 403), ("", 400)],
)  # fmt: skip
def test_an_error_of_the_provider_is_a_page_of_ours_that_repeats_nothing(error, status, caplog):
    fake = FakeProvider()
    page = Visitor(site(fake))
    landing = fake.refuse(page.begin(callbackUrl="/members/x"))
    described = ("error_description", "look here\r\nERROR forged line <b>bold</b>")
    url = changed(landing.url, described, error=error).removeprefix(URL)
    answer = page.get(url, expect_errors=True)
    assert (answer.status_int, answer.content_type) == (status, "text/html")
    assert "alert(1)" not in answer.text and "look here" not in answer.text
    assert "/auth/signin?callbackUrl=/members/x" in answer.text
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert page.who is None and exchanged(fake) == 0


CAUSES = [
    ("access_denied", "callback: the provider answered access_denied"),
    ("made up state", "belongs to no sign-in of this browser"),
    ("wrong_response_iss", "callback: iss is another provider's"),
    ("double_code", "callback: a parameter stands there twice"),
    ("token_503", "token: the provider answered 503"),
    ("bad_signature", "id_token: the signature is not the provider's"),
    ("userinfo_wrong_sub", "userinfo: sub is not the one of the ID token"),
    ("discovery_wrong_issuer", "issuer"),
    ("par_no_uri", "authorization: the answer to a pushed request has no request_uri"),
]


@pytest.mark.parametrize(("what", "cause"), CAUSES)
def test_the_log_says_at_which_provider_and_step_it_failed_and_the_page_does_not(
    what, cause, caplog
):
    fake = FakeProvider()
    page = Visitor(site(fake, provider={"userinfo": True}))
    if what == "access_denied":
        answer = page.land(fake.refuse(page.begin()))
    elif what == "made up state":
        answer = page.get("/auth/callback/fake?code=c&state=s", expect_errors=True)
    else:
        fake.misbehave(what)
        answer = fake.sign_in(page, "alice", expect_errors=True)
    said = [record.getMessage() for record in caplog.records]
    assert any("fake" in line and cause in line for line in said), said
    assert answer.status_int >= 400 and cause not in answer.text


@pytest.mark.parametrize("fault", ["token_503", "bad_signature", "discovery_wrong_issuer"])
def test_what_goes_wrong_with_a_provider_is_logged_once_and_without_a_traceback(fault, caplog):
    """A provider that is down is no fault of this program: its stack tells nobody anything."""
    fake = FakeProvider()
    page = Visitor(site(fake))
    fake.misbehave(fault)
    caplog.clear()  # of what start-up said
    assert fake.sign_in(page, "alice", expect_errors=True).status_int in (502, 503)
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "sign-in by fake failed" in record.getMessage() and record.exc_info is None


@pytest.mark.parametrize("stage", ["http.discovery", "http.par"])
@pytest.mark.parametrize(
    ("status", "body"),
    [(302, b""), (403, b"no"), (404, b"<html>"), (400, b'{"error": "invalid_client"}'),
     (404, b'{"error": "not_found"}'), (200, b'{"error": "invalid_grant"}')],
)  # fmt: skip
def test_a_provider_that_refuses_before_anybody_was_asked_is_no_refused_sign_in(
    stage, status, body
):
    """The visitor cannot have cancelled what never began."""
    fake = FakeProvider()
    page = Visitor(site(fake))
    answer = Answered(status, [("Content-Type", "application/json")], body)
    with fake.tamper(stage, lambda honest, scene: answer):
        said = page.press()
    assert said.status_int == 502 and "OAuthSignin" in said.text


@pytest.mark.parametrize(
    "error", ["invalid_client", "unauthorized_client", "unsupported_grant_type"]
)
def test_a_client_that_the_provider_does_not_take_is_no_cancelled_sign_in(error, caplog):
    """A wrong secret, say, where the provider takes no pushed requests: what is wrong is ours."""
    fake = FakeProvider()
    page = Visitor(site(fake))
    said = Answered(
        401, [("Content-Type", "application/json")], json.dumps({"error": error}).encode()
    )
    landing = fake.approve(page.begin(), "alice")
    with fake.tamper("http.token", lambda honest, scene: said):
        answer = page.land(landing)
    assert (
        answer.status_int == 502 and "OAuthSignin" in answer.text and "cancelled" not in answer.text
    )
    assert f"token: the provider answered {error}" in caplog.text


@pytest.mark.parametrize("what", ["no", "down", "lost"])
@pytest.mark.parametrize("options", [{}, FORM_POST])
def test_a_failed_sign_in_leads_to_the_applications_own_error_page_however_it_ends(what, options):
    fake = FakeProvider()
    page = Visitor(site(fake, provider=options, pages={"error": "/problem"}))
    if what == "no":
        landing = fake.refuse(page.begin(callbackUrl="/members/x"))
    else:
        landing = fake.approve(page.begin(callbackUrl="/members/x"), "alice")
    if what == "lost":
        page.delete(FLOW)
        page.delete(FLOW_POST)
    if what == "down":
        fake.misbehave("token_503")
    answer = page.post_back(landing) if options else page.land(landing)
    code = {"no": "OAuthCallbackError", "down": "ProviderUnavailable", "lost": "InvalidCheck"}[what]
    assert answer.status_int == (303 if options else 302)
    back = "" if what == "lost" else "members/x"
    assert answer.location == f"/problem?error={code}&callbackUrl=/{back}"
    assert page.who is None


def test_a_start_that_fails_leads_to_the_applications_own_error_page():
    fake = FakeProvider()
    page = Visitor(site(fake, pages={"error": "/problem"}, auto_sign_in=True))
    fake.misbehave("discovery_503")
    answer = page.get("/auth/signin?callbackUrl=/members/x", expect_errors=True)
    assert answer.location == "/problem?error=ProviderUnavailable&callbackUrl=/members/x"


def test_a_start_that_fails_leaves_other_sign_ins_as_they_are():
    one, other = two()
    page = Visitor(site(one, other))
    landing = one.approve(page.begin("one", callbackUrl="/members/x"), "alice")
    with other.misbehave("discovery_503"):
        assert page.press("two").status_int == 503
    assert page.land(landing).location == "/members/x" and page.who == "alice"


# --- how a sign-in begins ---------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "x" * 43])
def test_no_other_site_can_press_the_button(token):
    fake = FakeProvider()
    page = Visitor(site(fake))
    form = {} if token is None else {"csrfToken": token}
    assert page.post("/auth/signin/fake", form, expect_errors=True).status_int == 403
    assert fake.requests == [] and FLOW not in page.cookies


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (f"{URL}/members/x", "/members/x"),
        ("/members/x", "/members/x"),
        ("https://evil.example.test/", "/"),
        ("//evil.example.test", "/"),
        (f"{URL}@evil.example.test/", "/"),
        ("javascript:alert(1)", "/"),
        (None, "/"),
    ],
)
def test_a_sign_in_begun_elsewhere_leads_to_a_page_of_ours_only_R090(target, location):
    fake = FakeProvider()
    page = Visitor(site(fake))
    asked = {"iss": fake.issuer, "login_hint": "alice", "prompt": "none", "scope": "all"}
    if target is not None:
        asked["target_link_uri"] = target
    answer = page.get("/auth/signin/fake", asked)
    sent = asked_for(fake)
    assert sent["login_hint"] == "alice" and "prompt" not in sent
    assert sent["scope"] == "openid profile email"
    assert page.land(fake.approve(answer.location, "alice")).location == location
    assert page.who == "alice"


@pytest.mark.parametrize(
    "query",
    ["iss=", "iss=https://op.example.test/", "iss=https://evil.example.test",
     "iss=https://op.example.test&iss=https://evil.example.test",
     "iss=https://evil.example.test&iss=https://op.example.test"],
)  # fmt: skip
def test_a_sign_in_begun_elsewhere_for_another_issuer_is_refused_R090(query):
    fake = FakeProvider()
    page = Visitor(site(fake))
    answer = page.get(f"/auth/signin/fake?{query}", expect_errors=True)
    assert answer.status_int == 400 and fake.requests == []


@pytest.mark.parametrize(
    ("query", "back"),
    [("", "/"), ("callbackUrl=/members/x", "/members/x"), ("target_link_uri=/members/x", "/"),
     ("callbackUrl=https://evil.example.test/", "/"), ("csrfToken=x&login_hint=alice", "/")],
)  # fmt: skip
def test_a_link_to_a_provider_starts_nothing_and_leads_to_the_sign_in_page(query, back):
    fake = FakeProvider()
    page = Visitor(site(fake))
    answer = page.get(f"/auth/signin/fake?{query}", status=302)
    assert answer.location == f"/auth/signin?callbackUrl={back}"
    assert fake.requests == []


BEGUN = {"login_hint": "alice", "target_link_uri": f"{URL}/members/x"}


def follow(page: Visitor, answer) -> object:
    return page.get(answer.location.removeprefix(URL), expect_errors=True)


def test_a_sign_in_may_be_begun_elsewhere_by_post_too_R090():
    """OpenID Connect Core 4: "GET or POST"."""
    fake = FakeProvider()
    page = Visitor(site(fake))
    headers = {"Origin": "https://elsewhere.example.test", "Sec-Fetch-Site": "cross-site"}
    posted = page.post("/auth/signin/fake", {"iss": fake.issuer, **BEGUN}, headers=headers)
    assert posted.status_int == 303 and fake.requests == []
    sent = follow(page, posted)
    assert asked_for(fake)["login_hint"] == "alice"
    assert page.land(fake.approve(sent.location, "alice")).location == "/members/x"
    assert page.who == "alice"


def test_a_sign_in_begun_elsewhere_by_post_writes_nothing_over_what_is_under_way():
    """The browser brings no cookie with it, so whatever it wrote would be all there is."""
    fake = FakeProvider()
    page = Visitor(site(fake))
    landing = fake.approve(page.begin(callbackUrl="/members/y"), "bob")
    stranger = TestApp(page.app, extra_environ=page.extra_environ, cookiejar=None)
    answer = stranger.post("/auth/signin/fake", {"iss": fake.issuer})
    assert "Set-Cookie" not in answer.headers
    follow(page, answer)
    assert page.land(landing).location == "/members/y" and page.who == "bob"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ([("iss", "")], 400),
        ([("iss", "https://op.example.test/")], 400),
        ([("iss", "https://evil.example.test")], 400),
        ([("iss", "https://op.example.test"), ("iss", "https://op.example.test")], 400),
        ([("iss", "https://op.example.test"), ("csrfToken", "x")], 403),
        ([("iss", "https://op.example.test"), ("csrfToken", "")], 403),
        ([("target_link_uri", "/members/x")], 403),
    ],
)
def test_a_post_from_elsewhere_that_is_no_begin_of_a_sign_in_is_refused_R090(form, status):
    fake = FakeProvider()
    page = Visitor(site(fake))
    answer = page.post("/auth/signin/fake", form, expect_errors=True)
    assert answer.status_int == status and fake.requests == []


def test_what_a_post_from_elsewhere_may_say_is_three_things_of_bounded_length_R090():
    fake = FakeProvider()
    page = Visitor(site(fake))
    form = {"iss": fake.issuer, "login_hint": "x" * 5000, "prompt": "none", "callbackUrl": "/x",
            "target_link_uri": "https://evil.example.test/\r\nSet-Cookie: a=b"}  # fmt: skip
    posted = page.post("/auth/signin/fake", form)
    parts = urlsplit(posted.location)
    assert parts.path == "/auth/signin/fake" and not parts.netloc
    assert set(parse_qs(parts.query)) == {"iss", "target_link_uri"}
    sent = follow(page, posted)
    assert page.land(fake.approve(sent.location, "alice")).location == "/"


def test_plain_oauth_knows_no_sign_in_begun_elsewhere():
    fake = FakeProvider()
    plain = {"id": "fake", "type": "oauth", "client_id": "x", "client_secret": "y", "profile": {"id": "id"},
             **{each: f"{fake.issuer}/{each}" for each in ("authorization", "token", "userinfo")},
             "issuer": fake.issuer}  # fmt: skip
    page = Visitor(site(fake, providers=[plain]))
    assert page.post("/auth/signin/fake", {"iss": fake.issuer}, status="*").status_int == 403


@just_looking
def test_who_only_looks_uses_up_neither_code_nor_state_R074(method, headers):
    fake = FakeProvider()
    told: list[object] = []
    page = Visitor(site(fake, events={"sign_in": told.append}))
    landing = fake.approve(page.begin(), "alice")
    back = landing.url.removeprefix(URL)
    answer = page.request(back, method=method, headers=headers, expect_errors=True)
    assert (answer.status_int, page.who, told) == (400, None, [])
    assert page.land(landing).status_int == 302
    assert page.who and told


@just_looking
def test_auto_sign_in_begins_nothing_for_who_only_looks_R074(method, headers):
    page = Visitor(site(FakeProvider(), auto_sign_in=True))
    page.request("/auth/signin", method=method, headers=headers, status=200)
    assert "__Host-auth.flow" not in page.cookies
    assert page.get("/auth/signin", status=302)


def test_auto_sign_in_never_chooses_among_several_and_never_goes_round_in_circles():
    one, other = two()
    both = Visitor(site(one, other, auto_sign_in=True))
    assert both.get("/auth/signin").text.count("Sign in with") >= 2
    only = Visitor(site(one, auto_sign_in=True))
    answer = only.land(one.refuse(only.get("/auth/signin").location))
    assert answer.status_int == 403 and "Location" not in answer.headers
    with one.misbehave("discovery_503"):
        fresh = Visitor(site(one, auto_sign_in=True))
        assert fresh.get("/auth/signin", expect_errors=True).status_int == 503


AGES = [
    # configured, asked for, sent, the answer was proven now / a year ago / does not say
    (None, None, None, (True, True, True)),
    (None, "60", "60", (True, False, False)),
    (None, "0", "0", (True, False, False)),
    (3600, None, "3600", (True, False, False)),
    (3600, "60", "60", (True, False, False)),
    (60, "3600", "60", (True, False, False)),
    (60, "-1", "60", (True, False, False)),
    (None, "soon", None, (True, True, True)),
]


@pytest.mark.parametrize(("configured", "asked", "sent", "verdicts"), AGES)
def test_max_age_is_asked_for_and_the_answer_is_held_against_it(configured, asked, sent, verdicts):
    options = {} if configured is None else {"max_age": configured}
    for fault, signed_in in zip(((), ("auth_time_old",), ("no_auth_time",)), verdicts, strict=True):
        fake = FakeProvider()
        page = Visitor(site(fake, provider=options))
        url = page.begin(**({} if asked is None else {"max_age": asked}))
        assert asked_for(fake).get("max_age") == sent
        with fake.misbehave(*fault):
            page.land(fake.approve(url, "alice"))
        assert (page.who == "alice") is signed_in


@pytest.mark.parametrize("failing", [False, True])
def test_a_client_that_wants_json_gets_json(failing):
    fake = FakeProvider()
    page = Visitor(site(fake))
    form = page.get("/auth/signin").forms[0]
    sent = {**dict(form.submit_fields()), "callbackUrl": "/members/x"}
    with fake.misbehave(*(["discovery_503"] if failing else [])):
        answer = page.post(
            form.action, sent, headers={"X-Auth-Return-Redirect": "1"}, expect_errors=True
        )
    assert answer.content_type == "application/json"
    if failing:
        assert (answer.status_int, answer.json["error"]) == (503, "ProviderUnavailable")
    else:
        assert page.land(fake.approve(answer.json["url"], "alice")).location == "/members/x"
        assert page.who == "alice"


# --- what the application is told ---------------------------------------------------------------


def test_no_token_is_in_anything_that_is_shown_or_kept_in_the_open(caplog):
    caplog.set_level(logging.DEBUG)
    shown, secrets = [], set()

    def sign_in(user, account, context):
        shown.extend([repr(user), repr(account), repr(context)])
        assert account.tokens["access_token"] in secrets
        return True

    def jwt(claims, context):
        shown.extend([repr(claims), repr(context), repr(context.account)])
        return claims

    def session(value, context):
        shown.append(repr(context))
        return value

    def spy(answer, scene):
        found = json.loads(answer.body)
        secrets.update(found[name] for name in ("access_token", "refresh_token", "id_token"))
        return answer

    fake = FakeProvider()
    fake.tamper("http.token", spy)
    page = Visitor(
        site(
            fake,
            provider={"tokens": True, "userinfo": True},
            callbacks={"sign_in": sign_in, "jwt": jwt, "session": session},
            events={"sign_in": lambda event: shown.extend([repr(event), repr(event.account)])},
        )
    )
    landing = fake.approve(page.begin(), "alice")
    seen = page.land(landing)
    shown += [seen.text, str(seen.headers), page.get("/").text, page.get("/auth/session").text,
              caplog.text]  # fmt: skip
    for asked in fake.requests:
        secrets.update(value for name, value in asked.form if name in ("code", "code_verifier"))
    secrets |= {landing.params["state"], next(iter(fake.clients.values())).client_secret}
    assert page.who == "alice" and len(secrets) == 7
    assert not [secret for secret in secrets for text in shown if secret in text]


def test_the_event_says_who_it_was_at_the_provider():
    told = []
    fake = FakeProvider()
    page = Visitor(site(fake, events={"sign_in": told.append}))
    fake.sign_in(page, "bob")
    (event,) = told
    assert (event.account.provider, event.account.type) == ("fake", "oidc")
    assert event.account.provider_account_id == event.profile["sub"] == "bob"
    assert event.user["email"] == "bob@example.test"


@pytest.mark.parametrize(("fields", "lasts"), [({}, True), ({"remember": "false"}, False)])
def test_who_is_not_to_be_remembered_says_so_on_the_way_there(fields, lasts):
    fake = FakeProvider()
    page = Visitor(site(fake))
    answer = page.land(fake.approve(page.begin(**fields), "alice"))
    (cookie,) = [c for c in answer.headers.getall("Set-Cookie") if c.startswith(SESSION)]
    assert ("Max-Age" in cookie) is lasts


ANSWERS = [
    (True, 302, "/members/x", "alice"),
    (False, 403, None, "bob"),
    ("/welcome", 302, "/welcome", "bob"),
    ("https://evil.example.test/", 302, "/", "bob"),
    (None, 500, None, "bob"),
]


@pytest.mark.parametrize(("said", "status", "location", "who"), ANSWERS)
def test_the_sign_in_callback_decides_and_a_no_keeps_the_session_before(
    said, status, location, who
):
    fake = FakeProvider()
    page = Visitor(
        site(fake, callbacks={"sign_in": lambda user, *_: said if user["id"] == "alice" else True})
    )
    fake.sign_in(page, "bob")
    answer = page.land(fake.approve(page.begin(callbackUrl="/members/x"), "alice"))
    assert (answer.status_int, answer.headers.get("Location"), page.who) == (status, location, who)


@pytest.mark.parametrize(
    ("options", "person", "fault", "signed_in"),
    [
        ({"allow_groups": ["admins"]}, "alice", (), True),
        ({"allow_groups": ["admins"]}, "carol", (), False),
        ({"allow_groups": ["admins"]}, "alice", ("groups_text",), True),
        ({"allow_domains": ["example.test"]}, "alice", ("userinfo_email_not_verified",), False),
        ({"allow_domains": ["ample.test"]}, "alice", (), False),
        ({"allow_domains": ["EXAMPLE.test"]}, "alice", (), True),
        ({"allow_emails": ["Alice@Example.test"]}, "alice", (), True),
        ({"allow_emails": ["alice@example.test"]}, "alice", ("email_not_verified",), False),
        ({"allow_emails": ["*"]}, "alice", ("email_not_verified",), True),
    ],
)
def test_who_is_let_in_without_python_is_who_the_provider_vouches_for(
    options, person, fault, signed_in
):
    userinfo = any(name.startswith("userinfo") for name in fault)
    scope = "openid profile email groups"
    fake = FakeProvider(claims_in_id_token=not userinfo)
    page = Visitor(site(fake, provider={"scope": scope, "userinfo": userinfo}, **options))
    fake.misbehave(*fault)
    answer = fake.sign_in(page, person, expect_errors=True)
    assert (page.who == person) is signed_in
    assert signed_in or (answer.status_int == 403 and "AccessDenied" in answer.text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "sign-in of 'alice' by fake"),
        ({"adapter": "memory:"}, "sign-in of '{}' by fake, there 'alice'"),
    ],
)
def test_the_log_names_somebody_whose_id_says_nothing_by_the_providers_too(more, said, caplog):
    caplog.set_level("INFO")
    fake = FakeProvider()
    page = Visitor(site(fake, **more))
    fake.sign_in(page, "alice")
    assert said.format(page.who) in caplog.messages


#: In lower case the addresses of somebody else: a Kelvin sign, an Angstrom sign, an Ohm sign.
LOOK_ALIKES = {
    "\u212aelvin@example.test": "kelvin@example.test",
    "\u212bsa@example.test": "\xe5sa@example.test",
    "kelvin@\u2126.test": "kelvin@\u03c9.test",
}


@pytest.mark.parametrize(("said", "meant"), LOOK_ALIKES.items(), ids=range(len(LOOK_ALIKES)))
def test_an_address_that_is_anothers_in_lower_case_alone_is_not_proven(said, meant):
    fake, store = FakeProvider(), connect("memory:")
    with fake.tamper("claims", lambda claims, scene: {**claims, "email": said}):
        listed = Visitor(site(fake, allow_emails=[meant]))
        assert fake.sign_in(listed, "alice", expect_errors=True).status_int == 403
        kept = Visitor(site(fake, adapter=store))
        fake.sign_in(kept, "alice")
    assert kept.get("/auth/session").json["user"]["email"] == said
    assert store.get_user_by_email(meant) is None


# --- several, and hidden ones -------------------------------------------------------------------


def test_a_flow_and_a_session_of_one_site_are_nothing_at_another_of_the_same_process():
    fake = FakeProvider()
    one, other = Visitor(site(fake)), Visitor(site(fake, secret="t" * 40))
    landing = fake.approve(one.begin(), "alice")
    for name, value in one.cookies.items():
        other.set_cookie(name, value)
    assert lost(other, other.land(landing), fake)
    one.land(landing)
    other.set_cookie(SESSION, one.cookies[SESSION])
    assert (one.who, other.who) == ("alice", None)


def test_keys_and_metadata_of_one_site_are_nothing_to_another_of_the_same_process():
    """Two providers that call themselves the same, each known to one site only."""
    mine, theirs = FakeProvider(), FakeProvider()
    theirs.rotate_keys(keep_old=False)
    first, second = Visitor(site(mine)), Visitor(site(theirs))
    for fake, page in ((mine, first), (theirs, second)):
        fake.sign_in(page, "alice")
    seen = [asked.path for asked in theirs.requests]
    assert {"/.well-known/openid-configuration", "/jwks"} <= set(seen)
    token = {}
    mine.tamper("token", lambda said, scene: token.setdefault("mine", said))
    mine.sign_in(first, "alice")
    with theirs.tamper("token", lambda said, scene: {**said, **token["mine"]}):
        theirs.sign_in(second, "bob", expect_errors=True)
    assert second.who == "alice"  # as before


HIDDEN = [
    ("GET", "/auth/callback/fake?code=c&state=s"),
    ("GET", "/auth/signin/fake?iss=https%3A//op.example.test"),
    ("POST", "/auth/signin/fake"),
    ("POST begun elsewhere", "/auth/signin/fake"),
]


@pytest.mark.parametrize(("method", "path"), HIDDEN)
def test_a_provider_that_is_not_for_this_visitor_has_no_endpoints(method, path):
    fake = FakeProvider()
    hidden = {"hidden": True}
    app = site(fake, providers_for=lambda request: [] if hidden["hidden"] else ["fake"])
    page = Visitor(app)
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"]} if method == "POST" else {}
    if method.startswith("POST "):
        form = {"iss": fake.issuer}
    asked = page.post(path, form, status="*") if form else page.get(path, status="*")
    assert asked.status_int == 404 and fake.requests == []
    assert page.get("/auth/providers").json == {}
    assert "Sign in with Fake" not in page.get("/auth/signin").text


def test_a_provider_that_is_hidden_half_way_signs_nobody_in():
    fake = FakeProvider()
    offered = ["fake"]
    page = Visitor(site(fake, providers_for=lambda request: offered))
    landing = fake.approve(page.begin(), "alice")
    offered.clear()
    assert page.land(landing).status_int == 404
    assert page.who is None and exchanged(fake) == 0


# --- many at once -------------------------------------------------------------------------------


def test_many_first_visitors_at_once_are_each_signed_in_as_themselves(hasty_threads):
    fake = FakeProvider(people=[{"sub": f"person-{number}"} for number in range(16)])
    app = site(fake, provider={"userinfo": True})

    def visit(number: int) -> str | None:
        page = Visitor(app)
        fake.sign_in(page, f"person-{number}")
        return page.who

    assert at_once(16, visit) == list(fake.people)
    asked = [each.path for each in fake.requests]
    assert asked.count("/.well-known/openid-configuration") == asked.count("/jwks") == 1


class Held:
    """A transport that keeps whatever goes to one host until it is told to let go."""

    def __init__(self, host: str, inner) -> None:
        self._host, self._inner = host, inner
        self.came, self.let_go = Event(), Event()

    def send(self, request):
        if urlsplit(request.url).netloc == self._host:
            self.came.set()
            assert self.let_go.wait(20)
        return self._inner.send(request)


def test_a_provider_that_does_not_answer_holds_up_nobody_who_does_not_need_it():
    one, other = two()
    held = Held("one.example.test", FakeTransport(one, other))
    app = site(one, other, transport=held)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lambda: Visitor(app).press("one").status_int) for _ in range(4)]
        assert held.came.wait(20)
        page = Visitor(app)
        assert page.get("/").status_int == page.get("/auth/signin").status_int == 200
        other.sign_in(page, "alice")
        assert page.who == "two:alice" and not any(each.done() for each in waiting)
        held.let_go.set()
        assert [each.result(20) for each in waiting] == [303] * 4


def test_two_answers_to_one_sign_in_at_once_give_one_session_at_most(hasty_threads):
    """The code is good for once, and the provider ends what came of it (RFC 6749 4.1.2)."""
    fake = FakeProvider()
    app = site(fake)
    page = Visitor(app)
    landing, cookies = fake.approve(page.begin(), "alice"), dict(page.cookies)

    def come_back(number: int) -> int:
        browser = Visitor(app)
        for name, value in cookies.items():
            browser.set_cookie(name, value)
        return browser.land(landing).status_int

    assert sorted(at_once(4, come_back)) == [302, 403, 403, 403]
