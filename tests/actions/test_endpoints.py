"""The endpoints: methods, CSRF, honest statuses, both shapes of an answer (R056 to R074, R098)."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest

from tests.conftest import (
    BROWSER,
    PASSWORDS,
    URL,
    Browser,
    authorize,
    authorize_unless,
    config,
    hello,
)
from tests.wire import Connection
from wsgi_auth import AccessDenied, AuthMiddleware, CallbackError, CredentialsSignin, get_auth
from wsgi_auth.actions.exchange import Exchange
from wsgi_auth.adapters.memory import MemoryAdapter
from wsgi_auth.responders import answer as answered
from wsgi_auth.testing import FakeProvider, sign_in
from wsgi_auth.types import ANONYMOUS, Forbidden, Redirect, Unauthorized

JSON = {"Accept": "application/json"}


def visitor(**more) -> Browser:
    return Browser(AuthMiddleware(hello, config(**more)))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/auth/signin", "GET, HEAD"), ("/auth/signout", "GET, HEAD, POST"),
        ("/auth/session", "GET, HEAD, POST"), ("/auth/csrf", "GET, HEAD"),
        ("/auth/providers", "GET, HEAD"), ("/auth/error", "GET, HEAD"),
        ("/auth/signin/credentials", "GET, HEAD, POST"), ("/auth/callback/credentials", "POST"),
    ],
)  # fmt: skip
def test_another_method_is_405_and_says_which_there_are(path, allowed):
    answer = visitor().request(path, method="DELETE", status=405)
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/auth/x", "/auth", "/authsignin", "/auth/signin/x", "/auth/signin/../x",
                                  "/AUTH/signin", "/auth//signin", "/x/auth/signin"])  # fmt: skip
def test_what_is_no_endpoint_is_guarded_like_any_page(path):
    """R044."""
    assert visitor().get(path, headers=JSON, status=401)


def post(browser, path, fields, **headers):
    return browser.post(path, fields, headers={**BROWSER, **headers}, status="*")


POSTS = ["/auth/callback/credentials", "/auth/signout", "/auth/signin/credentials", "/auth/session"]


@pytest.mark.parametrize("path", POSTS)
def test_a_post_needs_a_token_of_this_browser_and_of_the_same_origin(path):
    """R067, R069."""
    form = {"username": "alice", "password": PASSWORDS["alice"]}
    browser, other = visitor(), visitor()
    signs_out = path == "/auth/signout"  # for nobody there is nothing to be protected
    if signs_out:
        browser.sign_in()
    token = browser.token()
    for fields, headers in (
        ({}, {}),
        ({"csrfToken": ""}, {}),
        ({"csrfToken": "x.y"}, {}),
        ({"csrfToken": other.token()}, {}),
        ({"csrfToken": token}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrfToken": token}, {"Origin": "https://evil.test"}),
        ({"csrfToken": token}, {"Origin": "null"}),
    ):
        answer = post(browser, path, {**form, **fields}, **headers)
        assert answer.status_int == 403
        assert "MissingCSRF" in answer.text
    assert browser.get("/", headers=JSON, status=200 if signs_out else 401)


@pytest.mark.parametrize(
    ("url", "asked", "fields", "headers", "said"),
    [
        (URL, URL, {}, {}, "the form has no csrfToken"),
        (URL, URL, {"csrfToken": "x.y"}, {}, "its csrfToken is of another browser, session or secret"),
        (URL, URL, {"csrfToken": "of this browser"}, {"Origin": "http://app.example.test"},
         "the browser is at http://app.example.test, and url is https://app.example.test"),
        (URL, "http://127.0.0.1:8000", {"csrfToken": "of this browser"},
         {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
         "the browser is at http://127.0.0.1:8000, and url is https://app.example.test"),
        (None, "http://127.0.0.1:8000", {"csrfToken": "of this browser"}, {"Origin": URL},
         "the browser is at https://app.example.test, and Host is 127.0.0.1:8000"),
        (URL, URL, {"csrfToken": "of this browser"}, {"Sec-Fetch-Site": "same-site"},
         "the form is of another site, says Sec-Fetch-Site (url is https://app.example.test)"),
        (URL, URL, {"csrfToken": "x.y", "no": "cookie"}, {},
         "the browser sent no cookie __Host-auth.csrf-token"),
        # a proxy speaks http to us, and so does a browser at the wrong address
        (URL, "http://app.example.test", {"csrfToken": "of this browser"}, {},
         "the browser sent no cookie __Host-auth.csrf-token, which is for https only"),
    ],
)  # fmt: skip
def test_the_log_says_why_a_form_was_not_taken(url, asked, fields, headers, said, caplog):
    browser = Browser(AuthMiddleware(hello, config(url=url)), asked)
    token = browser.token()
    if "no" in fields:
        browser.reset()
    form = {name: token if value == "of this browser" else value for name, value in fields.items()}
    post(browser, "/auth/callback/credentials", form, **headers)
    assert caplog.messages[-1] == f"the endpoint 'callback/' refused: '{said}'"


@pytest.mark.parametrize(
    ("path", "is_said"),
    [("/auth/callback/password", True), ("/auth/signin/credentail", True), ("/auth/signin/\n", True),
     ("/auth/callback/credentials", False), ("/auth/callback/credentials/", False),
     ("/auth/signin", False), ("/auth/else/password", False), ("/members", False)],
)  # fmt: skip
def test_the_log_says_that_a_path_is_of_no_provider(path, is_said, caplog):
    """Once a minute, for anybody may ask for anything."""
    browser = visitor()
    for suffix in ("", "", "?x"):
        browser.get(quote(path) + suffix, headers=BROWSER, status="*")
    said = f"a request came for {path!a}, which is of no provider; there is: credentials"
    assert caplog.messages == ([said] if is_said else [])


def test_a_token_from_before_the_sign_in_is_worth_nothing_after_it():
    """R068."""
    browser = visitor()
    token = browser.token()
    browser.sign_in()
    assert post(browser, "/auth/signout", {"csrfToken": token}).status_int == 403
    assert "hello alice" in browser.get("/")


def test_a_second_click_signs_in_or_out_again_and_is_no_failure():
    """The form is from before the sign-in, and still shown while the first page loads."""
    browser = visitor()
    form = {"username": "alice", "password": PASSWORDS["alice"], "callbackUrl": "/members"}
    form["csrfToken"] = browser.token()
    for _ in range(2):
        answer = post(browser, "/auth/callback/credentials", form)
        assert (answer.status_int, answer.location) == (303, "/members")
        assert "hello alice" in browser.get("/")
    out = {"csrfToken": browser.token(), "callbackUrl": "/bye"}
    for _ in range(2):
        answer = post(browser, "/auth/signout", out)
        assert (answer.status_int, answer.location) == (303, "/bye")
    out["callbackUrl"] = "https://evil.test/"
    assert post(browser, "/auth/signout", out).location == "/"


def test_a_get_changes_nothing():
    browser = visitor()
    browser.sign_in()
    for path in ("/auth/signout", "/auth/session", "/auth/signin", "/auth/error?error=x"):
        browser.get(path, status="*")
        browser.head(path, status="*")
    assert "hello alice" in browser.get("/")


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/members?a=1#b", "/members?a=1#b"), (URL + "/x", "/x"), ("https://evil.test", "/"),
        ("//evil.test", "/"), ("/\\evil.test", "/"), ("javascript:alert(1)", "/"), ("", "/"),
        ("https://listed.test/y", "https://listed.test/y"), ("https://listed.test.evil.test", "/"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("carrier", ["form", "query", "json", "sign-out"])
def test_every_carrier_of_a_return_url_is_judged(wanted, location, carrier):
    """R057, R060."""
    browser = visitor(allowed_redirects=["https://listed.test"])
    form = {"username": "alice", "password": PASSWORDS["alice"]}
    path = "/auth/callback/credentials"
    if carrier == "sign-out":
        browser.sign_in()
        path, form = "/auth/signout", {}
    form["csrfToken"] = browser.token()
    if carrier == "query":
        from urllib.parse import quote

        answer = post(browser, f"{path}?callbackUrl={quote(wanted)}", form)
    elif carrier == "json":
        answer = browser.post_json(path, {**form, "callbackUrl": wanted}, headers=JSON)
        assert answer.json == {"url": location}
        return
    else:
        answer = post(browser, path, {**form, "callbackUrl": wanted})
    assert (answer.status_int, answer.headers["Location"]) == (303, location)


@pytest.mark.parametrize("value", ["/\r\nX: y", "/\n", "/\0", "/\x7f", "/\u20ac"])
def test_no_answer_of_ours_has_a_header_that_http_lacks(value):
    """R062; whatever made it, at the last place where it can be seen."""
    with pytest.raises(ValueError, match="HTTP lacks"):
        answered(303, [("Location", value)], b"")
    environ = {"REQUEST_METHOD": "POST", "HTTP_ACCEPT": "application/json"}
    exchange = Exchange(AuthMiddleware(hello, config()).site, environ, None, ANONYMOUS)
    with pytest.raises(ValueError, match="HTTP lacks"):
        exchange.go(value)


@pytest.mark.parametrize("value", [1, ["/x"], {"a": 1}, None])
def test_a_return_url_that_is_no_text_gives_the_default_page(value):
    """R059."""
    browser = visitor()
    fields = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token(),
              "callbackUrl": value}  # fmt: skip
    answer = browser.post_json("/auth/callback/credentials", fields, headers=JSON)
    assert answer.json == {"url": "/"}


def test_the_redirect_callback_is_asked_and_checked_again():
    for said, location in (("/there", "/there"), ("https://evil.test", "/"), (None, "/")):
        browser = visitor(callbacks={"redirect": lambda url, base_url, said=said: said})
        answer = browser.sign_in()
        assert answer.headers["Location"] == location
    failing = visitor(callbacks={"redirect": lambda url, base_url: 1 / 0})
    assert failing.get("/auth/signin", headers=BROWSER, status=500)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("alice", "authorize must return a mapping or None, not str"),
        (True, "authorize must return a mapping or None, not bool"),
        ({"name": "Alice"}, "gave a user without an 'id'"),
        ({"id": ""}, "gave a user without an 'id'"),
        ({"id": UUID(int=1)}, "gave a user whose 'id' is a UUID, and no string or whole number"),
        ({"id": True}, "gave a user whose 'id' is a bool, and no string or whole number"),
        ({"id": "1", "name": 5}, "gave a user whose 'name' is no text"),
        ({"id": "1", "groups": "admins"}, "gave a user whose 'groups' is no list of strings"),
    ],
)
def test_what_authorize_returns_and_must_not_is_in_the_log(returned, said, caplog):
    provider = {"id": "credentials", "authorize": lambda credentials, request: returned}
    assert visitor(providers=[provider]).sign_in(status=500)
    assert said in caplog.text


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "the session callback must return a mapping with 'user', not a NoneType"),
        (
            {"role": "x"},
            "the session callback returned a mapping whose 'user' is none, or is missing",
        ),
        ({"user": "alice"}, "the session callback returned a mapping whose 'user' is none"),
    ],
)
def test_what_the_session_callback_returns_and_must_not_is_in_the_log(returned, said, caplog):
    browser = visitor(callbacks={"session": lambda session, context: returned})
    assert browser.sign_in(status=500)
    assert said in caplog.text


def test_a_session_that_is_no_json_is_said_where_it_has_to_be_one(caplog):
    def page(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        return [get_auth(environ).session_script.encode()]

    made = config(
        callbacks={"session": lambda session, context: {**session, "at": datetime.now(UTC)}}
    )
    browser = Browser(AuthMiddleware(page, made))
    browser.sign_in()
    said = "the session callback returned what is no JSON: Object of type datetime"
    assert browser.get("/auth/session", headers=JSON, status=500)
    assert said in caplog.text
    with pytest.raises(CallbackError, match=said):
        browser.get("/")


@pytest.mark.parametrize(
    ("option", "decision"),
    [("redirect", Redirect("/a")), ("unauthorized", Unauthorized()), ("forbidden", Forbidden())],
    ids=["redirect", "unauthorized", "forbidden"],
)
@pytest.mark.parametrize("returned", [None, "/login"])
def test_a_responder_that_gives_no_application_is_named_in_the_log(
    returned, option, decision, caplog
):
    browser = visitor(
        responders={option: lambda environ, decision: returned},
        authorized=lambda request, session: decision,
    )
    assert browser.visit("/members", status=500)
    assert caplog.messages == ["a responder failed; the request is refused"]
    kind = type(returned).__name__
    assert (
        f"responders.{option} callback must return a WSGI application, not a {kind}" in caplog.text
    )


def test_a_failure_is_honest_in_both_shapes():
    browser = visitor()
    page = browser.sign_in("alice", "wrong", status=401)
    assert page.forms[0]["username"].value == "alice"
    assert page.forms[0]["password"].value == ""
    fields = {"username": "alice", "password": "wrong", "csrfToken": browser.token()}
    answer = browser.post_json("/auth/callback/credentials", fields, headers=JSON, status=401)
    assert answer.json["error"] == "CredentialsSignin"
    assert answer.json["url"].startswith("/auth/signin?error=CredentialsSignin")


def test_json_by_header_is_given_to_a_form_too():
    browser = visitor()
    form = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token()}
    answer = post(browser, "/auth/callback/credentials", form, **{"X-Auth-Return-Redirect": "1"})
    assert (answer.status_int, answer.json) == (200, {"url": "/"})
    assert "Location" not in answer.headers


READ_ONLY = {"session": {"read_only": True}}
WRITING = [
    ("GET", "/auth/signin"), ("GET", "/auth/signout"), ("POST", "/auth/signin/credentials"),
    ("POST", "/auth/callback/credentials"), ("POST", "/auth/signout"), ("POST", "/auth/session"),
    ("POST", "/auth/signin/fake"), ("GET", "/auth/signin/fake?iss=https://op.example.test"),
    ("GET", "/auth/callback/fake?code=c&state=s"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITING)
@pytest.mark.parametrize("signed_in", [False, True])
def test_what_would_write_says_clearly_that_sessions_are_only_read(method, path, signed_in, caplog):
    fake = FakeProvider()
    providers = [{"id": "credentials", "authorize": authorize}, fake.options()]
    browser = visitor(**READ_ONLY, providers=providers, transport=fake.transport,
                      callbacks={"jwt": lambda claims, context: claims})  # fmt: skip
    if signed_in:
        sign_in(browser, {"id": "alice"})
    caplog.clear()
    form = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token()}
    if method == "POST":
        answer = post(browser, path, form)
    else:
        answer = browser.get(path, headers=BROWSER, status="*")
    assert answer.status_int == 403 and "SessionReadOnly" in answer.text
    assert "/auth/signin" not in answer.text  # which says the same
    assert "session-token" not in str(answer.headers) and fake.requests == []
    assert all(record.exc_info is None for record in caplog.records)
    assert (browser.get("/auth/session").json is not None) == signed_in
    assert "session.read_only is set" in caplog.text


def test_where_sessions_are_only_read_the_way_in_is_the_other_applications_page():
    browser = visitor(**READ_ONLY, pages={"sign_in": "https://next.example.test/login"})
    sent = browser.get("/auth/signin?callbackUrl=/x", headers=BROWSER, status=302)
    assert sent.headers["Location"] == (
        f"https://next.example.test/login?callbackUrl={quote(URL)}/x"
    )
    answer = post(browser, "/auth/signout", {"csrfToken": browser.token()})
    assert answer.status_int == 403 and "https://next.example.test/login" in answer.text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "nobody can sign in here by credentials"),
        ({}, "pages.sign_in does not say where people sign in"),
        ({"providers": [], "pages": {"sign_in": "/login"}}, None),
        ({"routes": [{"source": "/x", "basic": True}], "pages": {"sign_in": "/login"}}, None),
    ],
)
def test_start_up_says_what_providers_are_of_no_use_where_sessions_are_only_read(more, said):
    found = [each for each in config(**READ_ONLY, **more).warnings if "read_only" in each]
    assert any(said in each for each in found) if said else not found


def test_custom_pages_get_the_return_url_and_the_error():
    class Locked(CredentialsSignin):
        code = "locked"

    def check(credentials, request):
        if credentials["username"] == "locked":
            raise Locked("locked")
        return authorize(credentials, request)

    browser = visitor(pages={"sign_in": "/login", "error": "/problem"},
                      providers=[{"id": "credentials", "authorize": check}])  # fmt: skip
    sent = browser.get("/auth/signin?callbackUrl=/x&error=y", headers=BROWSER, status=302)
    assert sent.headers["Location"] == "/login?callbackUrl=/x&error=y"
    sent = browser.sign_in("alice", "wrong", status=303)
    assert sent.headers["Location"] == "/login?error=CredentialsSignin&callbackUrl=/members"
    sent = browser.sign_in("locked", "x", status=303)
    assert "error=CredentialsSignin" in sent.headers["Location"]
    assert "code=locked" in sent.headers["Location"]
    sent = post(browser, "/auth/callback/credentials", {"csrfToken": "x"})
    assert sent.headers["Location"].startswith("/problem?error=MissingCSRF")
    assert "hello nobody" in browser.get("/login")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/auth/signout", "/bye?callbackUrl=/"),
        ("/auth/signout?callbackUrl=/x", "/bye?callbackUrl=/x"),
        ("/auth/signout?callbackUrl=https://evil.test", "/bye?callbackUrl=/"),
        ("/auth/verify-request", "/mail"),
        ("/auth/error?error=AccessDenied", "/problem?error=AccessDenied"),
        ("/auth/error?error=%0d%0aSet-Cookie:x%26a=b", "/problem?error=%0D%0ASet-Cookie%3Ax%26a%3Db"),
    ],
)  # fmt: skip
def test_a_custom_page_is_where_the_built_in_one_was(path, location):
    pages = {"sign_out": "/bye", "verify_request": "/mail", "error": "/problem"}
    answer = visitor(pages=pages).get(path, headers=BROWSER, status=302)
    assert answer.headers["Location"] == location


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a" * 65_537, "application/x-www-form-urlencoded", 413),
        (b"[" * 60_000, "application/json", 400),
        (b'{"data": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}", "application/json", 400),
        (b"9" * 6_000, "application/json", 400),
        (b"{", "application/json", 400),
        (rb'{"username": "\ud800"}', "application/json", 400),
        (rb'{"data": [{"\uDFFF": 1}]}', "application/json", 400),
        (b'{"username": "\xed\xa0\x80"}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"data": ' + b"[" * 50 + b"]" * 50 + b"}", "application/json", 400),
        (b'{"data": NaN}', "application/json", 400),
        (b'{"data": -Infinity}', "application/json", 400),
        (b'{"data": [1, -1e400]}', "application/json", 400),
        (b'{"csrfToken": "a", "csrfToken": "b"}', "application/json", 400),
        (b"\xff\xff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400),
        (b"csrfToken=a&csrfToken=b", "application/x-www-form-urlencoded", 400),
        (b"callbackUrl=/a&callbackUrl=/b", "application/x-www-form-urlencoded", 400),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"x", "text/plain", 415),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_too_large_or_no_form_gets_a_clear_answer(path, body, kind, status):
    """R066, R098."""
    answer = visitor().post(path, body, content_type=kind, headers=BROWSER, status="*")
    assert answer.status_int == status
    assert "Traceback" not in answer.text


class Broken(io.BytesIO):
    """The body of a client that goes away half-way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrfToken=a&csrfToken=b", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400),
        (b"\xff\xff", "application/x-www-form-urlencoded", 400),
        (b"{", "application/json", 400),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"x", "text/plain", 415),
    ],
)
@pytest.mark.parametrize("path", [*POSTS, "/auth/callback/post"])
def test_a_body_that_is_no_form_is_read_once_and_nobody_waits_for_more(path, body, kind, status):
    fake = FakeProvider()
    outside = fake.options(id="post", response_mode="form_post")
    providers = [{"id": "credentials", "authorize": authorize}, outside]
    app = AuthMiddleware(hello, config(providers=providers))
    environ = {"wsgi.input": Connection(body), "CONTENT_LENGTH": str(len(body)),
               "CONTENT_TYPE": kind, "PATH_INFO": path, "REQUEST_METHOD": "POST"}  # fmt: skip
    said = []
    b"".join(app(environ, lambda status, headers, *_: said.append(status)))
    of_a_provider = {400, 415} if path == "/auth/callback/post" else set()
    assert int(said[0][:3]) in {status} | of_a_provider


@pytest.mark.parametrize("twice", ["state=1&state=2", "error=1&error=2", "a=1&" * 300])
@pytest.mark.parametrize("callback_url", [{}, {"callbackUrl": "/members"}])
def test_a_wrong_password_is_one_whatever_the_query_says_twice(twice, callback_url):
    browser = visitor()
    form = {"csrfToken": browser.token(), "username": "alice", "password": "x", **callback_url}
    path = f"/auth/callback/credentials?{twice}"
    answer = browser.post(path, form, headers=BROWSER, status=401)
    assert "Alice" not in answer.text and answer.forms


def test_a_form_that_is_none_is_no_matter_to_somebody_who_has_tried_too_often():
    options = {"limits": {"address": "1 per hour"}, "adapter": MemoryAdapter()}
    email = {"id": "email", "type": "email", "send": lambda mail: None, "from": "us@example.test"}
    browser = visitor(providers=[email], **options)
    for status in (403, 429):
        headers = {**BROWSER, "Content-Type": "text/plain"}
        browser.get("/auth/callback/email", headers=headers, status=status)


class Drop(io.BytesIO):
    """A body that comes one octet at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size))


ENDS = {"wsgi.input_terminated": True}


@pytest.mark.parametrize(
    ("body", "environ", "status"),
    [
        (io.BytesIO, {"CONTENT_LENGTH": "ten"}, 400),
        (io.BytesIO, {"CONTENT_LENGTH": "-1"}, 400),
        (io.BytesIO, {"CONTENT_LENGTH": "+5"}, 400),
        (io.BytesIO, {"CONTENT_LENGTH": "\u0661"}, 400),
        (io.BytesIO, {"CONTENT_LENGTH": "9" * 5_000}, 400),
        (lambda form: Broken(OSError("reset")), {"CONTENT_LENGTH": "100"}, 400),
        (lambda form: Broken(ValueError("closed")), {"CONTENT_LENGTH": "100"}, 400),
        (lambda form: Broken(OSError("reset")), ENDS, 400),
        # of a server's own, for what is no chunk: gunicorn's are no OSError, nor ValueError
        (lambda form: Broken(LookupError("chunk")), ENDS, 400),
        (lambda form: Broken(LookupError("chunk")), {"CONTENT_LENGTH": "100"}, 400),
        (lambda form: io.BytesIO(form + b"&x=" + b"a" * 65_536), ENDS, 413),
        # nobody says where it ends, and to read on may be to wait for ever
        (lambda form: Broken(AssertionError("it was read")), {}, 403),
        # what has come without its end is what has come
        (lambda form: io.BytesIO(form[:-5]), {"CONTENT_LENGTH": "1000"}, 401),
        (Drop, {"CONTENT_LENGTH": "whole"}, 303),
        (io.BytesIO, {"CONTENT_LENGTH": "whole"}, 303),
        (Drop, ENDS, 303),
        (io.BytesIO, ENDS, 303),
    ],
)  # fmt: skip
def test_of_a_body_as_much_is_read_as_somebody_vouches_for(body, environ, status):
    """R098. A chunked body has no length; ``wsgi.input_terminated`` says that the server ends it."""
    browser = visitor()
    form = urlencode({"csrfToken": browser.token(), "username": "alice",
                      "password": PASSWORDS["alice"]}).encode()  # fmt: skip
    said = []
    app = AuthMiddleware(hello, config())
    if environ.get("CONTENT_LENGTH") == "whole":
        environ = {"CONTENT_LENGTH": str(len(form))}
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    asked = {
        **browser.extra_environ, "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "PATH_INFO": "/auth/callback/credentials", "HTTP_ACCEPT": "text/html", "HTTP_COOKIE": cookie,
        "CONTENT_TYPE": "application/x-www-form-urlencoded", "wsgi.input": body(form), **environ,
    }  # fmt: skip
    b"".join(app(asked, lambda status, headers: said.append(status)))
    assert said[0][:3] == str(status)


@pytest.mark.parametrize("option", ["ask", "always"])
@pytest.mark.parametrize(("remember", "lasts"), [(True, True), (False, False), ("off", False)])
def test_json_says_yes_and_no_in_its_own_words(option, remember, lasts):
    browser = visitor(session={"remember": option})
    fields = {"username": "alice", "password": PASSWORDS["alice"], "remember": remember,
              "csrfToken": browser.token()}  # fmt: skip
    answer = browser.post_json("/auth/callback/credentials", fields, headers=JSON)
    session = next(each for each in answer.headers.getall("Set-Cookie") if "session-token" in each)
    assert ("Max-Age" in session) is lasts


def test_a_field_that_is_too_long_never_reaches_the_applications_check():
    """R098."""
    asked = []

    def check(credentials, request):
        asked.append(credentials)
        return authorize(credentials, request)

    browser = visitor(providers=[{"id": "credentials", "authorize": check}])
    browser.sign_in("alice", "x" * 4_097, status=401)
    browser.sign_in("a" * 4_097, "x", status=401)
    assert asked == []


@pytest.mark.parametrize("headers", [BROWSER, JSON], ids=["browser", "program"])
def test_an_endpoint_that_fails_is_a_500_and_why_is_in_the_log_alone(headers, caplog):
    class Own(MemoryAdapter):
        """A store that raises what none is meant to."""

        def create_session(self, record):
            raise RuntimeError(f"no room for {record.id}")

    browser = visitor(adapter=Own(), session={"strategy": "database"})
    form = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token()}
    answer = browser.post("/auth/callback/credentials", form, headers=headers, status=500)
    assert "Configuration" in answer.text and "room" not in answer.text
    assert "session-token" not in str(answer.headers)
    assert "the endpoint 'callback/' failed" in caplog.text
    assert "RuntimeError: no room for" in caplog.text


@pytest.mark.parametrize("odd", [5, None, ["alice"], {"a": 1}, True])
def test_what_is_no_text_in_a_form_of_json_is_a_wrong_password_and_no_fault(odd):
    browser = visitor()
    fields = {"csrfToken": browser.token(), "username": odd, "password": odd}
    answer = browser.post_json("/auth/callback/credentials", fields, headers=JSON, status=401)
    assert answer.json["error"] == "CredentialsSignin"


@pytest.mark.parametrize("shown", [len, lambda body: len(body) + 5], ids=["whole", "cut off"])
def test_a_callable_may_read_the_form_that_we_have_read(shown):
    seen = []

    def reads(credentials, request):
        seen.append(dict(request.POST))
        return authorize(credentials, request)

    def offers(request):
        seen.append(dict(request.params))
        return ["credentials"]

    own = {"id": "credentials", "authorize": reads}
    app = AuthMiddleware(hello, config(providers=[own], providers_for=offers))
    browser = Browser(app)
    form = {"csrfToken": browser.token(), "username": "alice", "password": PASSWORDS["alice"]}
    body = urlencode(form).encode()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    environ = {**browser.extra_environ, "wsgi.input": Connection(body), "HTTP_COOKIE": cookie,
               "CONTENT_LENGTH": str(shown(body)), "PATH_INFO": "/auth/callback/credentials",
               "CONTENT_TYPE": "application/x-www-form-urlencoded", "SCRIPT_NAME": "",
               "REQUEST_METHOD": "POST", "QUERY_STRING": "", "SERVER_NAME": "x",
               "SERVER_PORT": "80"}  # fmt: skip
    if shown is not len:  # the client went away
        environ["wsgi.input"] = io.BytesIO(body)
    said = []
    b"".join(app(environ, lambda status, headers, *_: said.append(status)))
    assert (said, seen) == (["303 See Other"], [form, form])


def test_the_sign_in_callback_is_shown_what_was_typed_and_no_token():
    seen = []

    def sign_in(user, account, context):
        seen.append(dict(context.credentials))
        return True

    browser = visitor(callbacks={"sign_in": sign_in})
    browser.sign_in()
    (typed,) = seen
    assert (typed["username"], typed["password"]) == ("alice", PASSWORDS["alice"])
    assert "csrfToken" not in typed


def test_whoever_asks_for_the_session_is_told_of_by_an_event():
    told = []
    browser = visitor(events={"session": told.append})
    browser.get("/auth/session")
    assert told == []
    browser.sign_in()
    browser.get("/")
    browser.get("/auth/session")
    (event,) = told
    assert event.name == "session" and event.claims["sub"] == "alice"
    assert event.session.user["id"] == "alice"


def test_the_page_to_sign_out_names_the_user_and_any_state_is_nothing_to_it():
    fake = FakeProvider()  # which nobody leaves by our page
    browser = visitor(providers=[fake.options(), {"id": "credentials", "authorize": authorize}])
    nobody = browser.get("/auth/signout", headers=BROWSER)
    assert "Alice Adams" not in nobody.text
    browser.sign_in()
    for query in ("", "?state=x"):
        assert "Alice Adams" in browser.get(f"/auth/signout{query}", headers=BROWSER).text


def test_the_session_as_json():
    """R073."""
    browser = visitor()
    nobody = browser.get("/auth/session", headers={"Origin": "https://evil.test"})
    assert nobody.json is None
    assert nobody.headers["Cache-Control"] == "no-store"
    assert nobody.headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in nobody.headers if name.lower().startswith("access-control")]
    browser.sign_in()
    assert browser.get("/auth/session").json["user"] == {
        "id": "alice", "name": "Alice Adams", "email": "alice@example.test",
        "image": "https://app.example.test/alice.png",
    }  # fmt: skip


def test_the_session_is_updated_by_post():
    def jwt(claims, context):
        return {**claims, "name": context.data["name"]} if context.trigger == "update" else claims

    browser = visitor(callbacks={"jwt": jwt})
    fields = {"csrfToken": browser.token(), "data": {"name": "New"}}
    assert browser.post_json("/auth/session", fields, headers=JSON, status=401)
    browser.sign_in()
    fields["csrfToken"] = browser.token()
    answer = browser.post_json("/auth/session", fields, headers=JSON)
    assert answer.json["user"]["name"] == "New"
    assert browser.get("/auth/session").json["user"]["name"] == "New"


def test_updating_without_a_jwt_callback_is_400_and_keeps_the_session():
    browser = visitor()
    browser.sign_in()
    fields = {"csrfToken": browser.token(), "data": {}}
    assert browser.post_json("/auth/session", fields, headers=JSON, status=400)
    assert "hello alice" in browser.get("/")


def test_the_providers_are_listed_with_absolute_urls():
    assert visitor().get("/auth/providers").json == {
        "credentials": {
            "id": "credentials", "name": "Password", "type": "credentials",
            "signinUrl": f"{URL}/auth/signin/credentials",
            "callbackUrl": f"{URL}/auth/callback/credentials",
        }
    }  # fmt: skip


def test_an_id_that_no_provider_has_is_said_in_the_log(caplog):
    browser = visitor(providers_for=lambda request: ["credentials", "gihub"])
    for _ in range(2):
        assert list(browser.get("/auth/providers").json) == ["credentials"]
        browser.get("/auth/signin", headers=BROWSER)
    said = "providers_for names 'gihub', and the providers are ['credentials']"
    assert caplog.messages == [said]  # once a minute


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda request: 1 / 0, "providers_for callback raised ZeroDivisionError"),
        (lambda request: "credentials", "providers_for callback must return the ids of providers"),
        (lambda request: None, "providers_for callback must return the ids of providers"),
    ],
)
def test_who_is_offered_what_nobody_can_say_is_offered_nothing(choose, said, caplog):
    """Never everything: a tenant's provider is not for all."""
    browser = visitor(providers_for=choose)
    form = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token()}
    browser.get("/auth/signin", headers=BROWSER, status=500)
    browser.get("/auth/providers", status=500)
    answer = browser.post("/auth/callback/credentials", form, headers=BROWSER, status=500)
    assert "session-token" not in str(answer.headers)
    assert [said in each for each in caplog.messages] == [True] * 3


def test_a_provider_that_is_not_on_offer_cannot_be_used():
    providers = [{"id": name, "type": "credentials", "authorize": authorize} for name in ("a", "b")]
    browser = visitor(providers=providers, providers_for=lambda request: ["a"])
    assert list(browser.get("/auth/providers").json) == ["a"]
    form = {"username": "alice", "password": PASSWORDS["alice"], "csrfToken": browser.token()}
    assert post(browser, "/auth/callback/b", form).status_int == 404
    assert post(browser, "/auth/callback/a", form).status_int == 303


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("Configuration", 500),
        ("Verification", 403),
        ("<script>", 400),
        ("", 400),
    ],
)
def test_an_error_code_maps_to_our_own_words(code, status):
    """R070."""
    answer = visitor().get("/auth/error", {"error": code}, headers=BROWSER, status=status)
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "path", ["/auth/signin", "/auth/signout", "/auth/error", "/auth/verify-request"]
)
def test_every_page_has_a_strict_policy(path):
    """R071."""
    headers = visitor().get(path, headers=BROWSER, status="*").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


MARKUP = '"><script>alert(1)</script>'


def test_markup_from_outside_is_escaped_wherever_it_shows():
    """R011, R070."""
    browser = visitor()
    sign_in(browser, {"id": MARKUP, "name": MARKUP})
    for path in (f"/auth/signin?callbackUrl=/{MARKUP}&error={MARKUP}", "/auth/signout",
                 f"/auth/error?error={MARKUP}"):  # fmt: skip
        assert "<script>alert" not in browser.get(path, headers=BROWSER, status="*").text
    assert "<script>alert" not in browser.sign_in(MARKUP, "x", status=401).text


def test_attempts_are_limited_and_the_answer_says_when_to_come_back():
    """R095."""
    browser = visitor(limits={"account": "3 per hour", "address": "off"})
    for _ in range(3):
        browser.sign_in("alice", "wrong", status=401)
    answer = browser.sign_in("ALICE", "wrong", status=429)
    assert int(answer.headers["Retry-After"]) > 0
    assert browser.sign_in("alice", status=429)
    assert browser.sign_in("bob", status=303)


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_form_that_has_a_field_twice_is_refused_so_that_none_is_counted_and_another_tried(name):
    """R066, R095: an ``authorize`` that reads the request may take the other of the two."""
    asked = []
    browser = visitor(
        providers=[{"id": "credentials", "authorize": lambda *given: asked.append(given)}]
    )
    fields = [
        ("username", "decoy"),
        ("password", "x"),
        (name, "alice"),
        ("csrfToken", browser.token()),
    ]
    assert post(browser, "/auth/callback/credentials", fields).status_int == 400
    assert asked == []


def test_while_nobody_can_look_at_passwords_no_attempt_is_used_up():
    down = [True]
    browser = visitor(
        providers=[{"id": "credentials", "authorize": authorize_unless(down)}],
        limits={"account": "2 per hour", "address": "2 per hour"},
    )
    for _ in range(4):
        browser.sign_in(status=503)
    down.clear()
    browser.sign_in(status=303)


@pytest.mark.parametrize("error", [OSError("timed out"), CallbackError("x", "y")], ids=repr)
def test_where_even_the_page_of_a_failure_fails_the_answer_is_a_plain_500(error, caplog):
    asked = []

    def providers_for(request):
        asked.append(request)
        if len(asked) > 1:
            raise error
        return ["credentials"]

    browser = visitor(providers_for=providers_for)
    answer = browser.sign_in("alice", "wrong", status=500)
    assert answer.text == "Something went wrong; see the log.\n"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "the page of a failure failed, too" in caplog.messages


def test_a_spoofed_forwarding_header_does_not_lift_the_limit():
    """R064."""
    browser = visitor(limits={"account": "off", "address": "5 per hour"})
    browser.extra_environ["REMOTE_ADDR"] = "93.184.216.34"
    statuses = []
    for number in range(8):
        form = {"username": f"u{number}", "password": "x", "csrfToken": browser.token()}
        answer = post(browser, "/auth/callback/credentials", form,
                      **{"X-Forwarded-For": f"10.0.0.{number}"})  # fmt: skip
        statuses.append(answer.status_int)
    assert statuses == [401] * 5 + [429] * 3


@pytest.mark.parametrize(
    ("authorize_", "status"),
    [
        (lambda credentials, request: 1 / 0, 500),
        (lambda credentials, request: "alice", 500),
        (lambda credentials, request: {"name": "no id"}, 500),
        (lambda credentials, request: {"id": ""}, 500),
        (lambda credentials, request: {"id": "x", "name": 5}, 500),
        (lambda credentials, request: {"id": "x", "groups": "admins"}, 500),
        (lambda credentials, request: None, 401),
        (lambda credentials, request: {"id": 7}, 303),
    ],
)
def test_what_authorize_returns_or_raises_is_never_a_session_by_mistake(authorize_, status):
    """R038."""
    browser = visitor(providers=[{"id": "credentials", "authorize": authorize_}])
    answer = browser.sign_in("alice", "x", status="*")
    assert answer.status_int == status
    assert "ZeroDivisionError" not in answer.text
    signed = status == 303
    assert (browser.get("/auth/session").json is not None) is signed


@pytest.mark.parametrize(
    ("said", "status", "location"),
    [
        (True, 303, "/members"), (False, 403, None), ("/welcome", 303, "/welcome"),
        ("https://evil.test", 303, "/"), (None, 500, None), (1, 500, None),
    ],
)  # fmt: skip
def test_the_sign_in_callback_admits_denies_or_sends_elsewhere(said, status, location):
    browser = visitor(callbacks={"sign_in": lambda user, account, context: said})
    answer = browser.sign_in(status="*")
    assert answer.status_int == status
    assert answer.headers.get("Location") == location
    assert (browser.get("/auth/session").json is not None) is (said is True)


async def _later(*_):
    return True


def _denying(*_):
    raise AccessDenied("not today")


@pytest.mark.parametrize(
    ("name", "callback", "status", "said"),
    [
        ("sign_in", _denying, 403, "not today"),
        ("sign_in", lambda *_: 1 / 0, 500, "sign_in callback raised ZeroDivisionError"),
        ("sign_in", lambda *_: _later(), 500, "must return True, False or a path, not a coroutine"),
        ("jwt", lambda *_: None, 403, "the jwt callback returned None, which ends the session"),
        ("jwt", _denying, 403, "not today"),
        ("jwt", lambda *_: 1 / 0, 500, "jwt callback raised ZeroDivisionError"),
        ("jwt", lambda *_: ["sub"], 500, "must return a mapping or None, not a list"),
        ("jwt", lambda *_: _later(), 500, "not a coroutine (it must not be async)"),
        ("jwt", lambda claims, _: {**claims, "at": datetime.now(UTC)}, 500,
         "jwt callback put into the claims what is no JSON"),
        ("jwt", lambda claims, _: {**claims, "at": float("nan")}, 500,
         "jwt callback put into the claims what is no JSON"),
        ("session", _denying, 403, ""),
        ("session", lambda *_: 1 / 0, 500, "session callback raised ZeroDivisionError"),
        ("session", lambda *_: _later(), 500, "not a coroutine (it must not be async)"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_a_callback_that_denies_or_fails_signs_nobody_in_and_the_log_says_why(
    name, callback, status, said, caplog
):
    """R038."""
    browser = visitor(callbacks={name: callback})
    answer = browser.sign_in(status=status)
    assert said in caplog.text and (not said or said not in answer.text)
    assert "session-token" not in str(answer.headers)
    assert browser.get("/auth/session").json is None


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [
        ({"allow_emails": ["ALICE@example.test"]}, {"alice"}),
        ({"allow_domains": ["example.test"]}, {"alice", "bob"}),
        ({"allow_domains": ["ample.test"]}, set()),
        ({"allow_groups": ["admins"]}, {"alice"}),
        ({"allow_emails": ["bob@example.test"], "allow_groups": ["admins"]}, set()),
        ({"allow_emails": ["*"]}, {"alice", "bob"}),
    ],
)
def test_who_may_sign_in_at_all(rule, admitted):
    for name in ("alice", "bob"):
        answer = visitor(**rule).sign_in(name, status="*")
        assert (answer.status_int == 303) is (name in admitted), (name, rule)


def test_a_session_too_large_for_cookies_is_an_error_and_no_broken_cookie():
    def jwt(claims, context):
        return {**claims, "data": "x" * 200_000}

    browser = visitor(callbacks={"jwt": jwt})
    answer = browser.sign_in(status=500)
    assert not [c for c in answer.headers.getall("Set-Cookie") if "session-token" in c]


def test_health_of_json_is_utf8():
    browser = visitor()
    sign_in(browser, {"id": "1", "name": "Ада"})
    assert json.loads(browser.get("/auth/session").body)["user"]["name"] == "Ада"
