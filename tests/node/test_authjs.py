"""Real Auth.js beside us: what either writes the other reads, and neither reads what is forged.

This is the specification of ``docs/sharing-with-authjs``.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import OTHER_SECRET, SECRET, authorize
from tests.node.harness import Node, running
from wsgi_auth import AuthConfig, AuthMiddleware, CookieSessionReader, get_auth, get_token
from wsgi_auth.jwe import JWECodec
from wsgi_auth.sessions import strategy_for

pytestmark = pytest.mark.live

NAME = "authjs.session-token"
V4 = "next-auth.session-token"
THIRD = "a third secret of more than thirty-two bytes, for tests"
CLAIMS = {"sub": "alice", "name": "Алиса", "email": "alice@example.test", "picture": None,
          "nested": {"list": [1, {"a": "ü"}]}}  # fmt: skip
SIZES = [0, 2_000, 3_000, 9_000, 40_000]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running([SECRET, OTHER_SECRET]) as site:
        yield site


def ours(secret: Any = SECRET, url: str = "http://127.0.0.1", **session: Any) -> AuthConfig:
    given = {"secret": secret, "url": url, "session": {"strategy": "jwt", **session},
             "providers": [{"id": "credentials", "authorize": authorize}]}  # fmt: skip
    return AuthConfig.from_mapping(given, environ={})


def read(header: str, made: AuthConfig | None = None):
    return CookieSessionReader(made or ours()).read({"HTTP_COOKIE": header}, time.time())


def sized(size: int) -> dict[str, Any]:
    return {**CLAIMS, "data": "x" * size} if size else CLAIMS


def header_of(made: AuthConfig, claims: dict[str, Any]) -> str:
    written = strategy_for(made).save(claims, time.time())
    assert written is not None
    return "; ".join(each.partition(";")[0] for each in made.cookies.session.set(written.value))


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_what_authjs_encodes_we_read(node, size):
    token = node.call("encode", version=5, token=sized(size), secret=SECRET, salt=NAME)
    found = JWECodec([SECRET.encode()], NAME).verify(token)
    assert found is not None and {**found[0], **sized(size)} == found[0]
    assert get_token({"HTTP_AUTHORIZATION": f"Bearer {token}"}, ours())["sub"] == "alice"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_what_we_write_get_token_accepts(node, size, secure):
    made = ours(url="https://app.example.test" if secure else "http://127.0.0.1")
    header = header_of(made, sized(size))
    assert header.count(NAME) == 1 or size > 2_000
    claims = node.call("getToken", headers={"cookie": header}, secret=SECRET, secureCookie=secure)
    assert {**claims, **sized(size)} == claims
    assert {"iat", "exp", "jti"} <= set(claims)


def test_a_token_of_ours_is_a_bearer_token_there(node):
    token = header_of(ours(), CLAIMS).partition("=")[2]
    headers = {"authorization": f"Bearer {token}"}
    assert node.call("getToken", headers=headers, secret=SECRET, salt=NAME)["sub"] == "alice"


@pytest.mark.parametrize("size", [0, 9_000])
def test_what_next_auth_4_encodes_we_read(node, size):
    token = node.call("encode", version=4, token=sized(size), secret=SECRET)
    pieces = [token[at : at + 3_933] for at in range(0, len(token), 3_933)]
    names = [V4] if len(pieces) == 1 else [f"{V4}.{number}" for number in range(len(pieces))]
    header = "; ".join(f"{name}={piece}" for name, piece in zip(names, pieces, strict=True))
    reading = read(header)
    assert reading.session is not None and reading.session.user["name"] == "Алиса"
    assert read(header, ours(secret=OTHER_SECRET)).session is None


def test_secrets_rotate_on_both_sides(node):
    """Any secret of the list reads, the first writes; each by the key's id."""
    both, other = [SECRET, OTHER_SECRET], [OTHER_SECRET, THIRD]
    for writing, reading, good in (
        (SECRET, both, True), (OTHER_SECRET, both, True), (both, SECRET, True),
        (both, other, False), (other, both, True), (THIRD, both, False), (both, OTHER_SECRET, False),
    ):  # fmt: skip
        token = node.call("encode", version=5, token=CLAIMS, secret=writing, salt=NAME)
        assert (read(f"{NAME}={token}", ours(secret=reading)).session is not None) is good
        header = header_of(ours(secret=writing), CLAIMS)
        said = node.call("getToken", headers={"cookie": header}, secret=reading)
        assert (said is not None) is good


def tampered(token: str) -> Iterator[tuple[str, str]]:
    """The token with an octet changed in each part, shortened, and put together otherwise."""
    parts = token.split(".")
    for at, what in ((0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")):
        octets = base64.urlsafe_b64decode(parts[at] + "=" * (-len(parts[at]) % 4))
        for place in sorted({0, 1, len(octets) // 2, len(octets) - 1}):
            changed = bytearray(octets)
            changed[place] ^= 1
            spelt = base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()
            yield f"{what} {place}", ".".join([*parts[:at], spelt, *parts[at + 1 :]])
    yield "an encrypted key", ".".join([parts[0], "AAAA", *parts[2:]])
    yield "no tag", ".".join([*parts[:4], ""])
    yield "half a tag", token[:-22]
    yield "four parts", ".".join(parts[:4])
    yield "six parts", token + ".AAAA"
    yield "a block less", ".".join([*parts[:3], parts[3][:-64], parts[4]])
    yield "the last character gone", token[:-1]
    yield "nothing encrypted", ".".join([*parts[:3], "", parts[4]])


def test_neither_side_reads_what_was_tampered_with(node):
    theirs = node.call("encode", version=5, token=CLAIMS, secret=SECRET, salt=NAME)
    mine = header_of(ours(), CLAIMS).partition("=")[2]
    count = 0
    for token in (theirs, mine):
        assert read(f"{NAME}={token}").session is not None
        for what, forged in tampered(token):
            assert read(f"{NAME}={forged}").session is None, what
            headers = {"cookie": f"{NAME}={forged}"}
            assert node.call("getToken", headers=headers, secret=SECRET) is None, what
            count += 1
    assert count >= 40


def test_neither_side_reads_a_token_of_another_cookie(node):
    for salt in ("authjs.state", "authjs.pkce.code_verifier", f"__Secure-{NAME}"):
        token = node.call("encode", version=5, token=CLAIMS, secret=SECRET, salt=salt)
        assert read(f"{NAME}={token}").session is None
        assert node.call("getToken", headers={"cookie": f"{NAME}={token}"}, secret=SECRET) is None


def test_both_allow_the_same_difference_of_clocks(node):
    for age, good in ((10, True), (20, False)):
        token = node.call("encode", version=5, token=CLAIMS, secret=SECRET, salt=NAME, maxAge=-age)
        assert (read(f"{NAME}={token}").session is not None) is good
        said = node.call("getToken", headers={"cookie": f"{NAME}={token}"}, secret=SECRET)
        assert (said is not None) is good


# --- one site, two languages --------------------------------------------------------------------


def application(environ, start_response):
    """The Python half: says who is signed in, and signs in, grows and signs out on request."""
    auth, path = get_auth(environ), environ["PATH_INFO"]
    if path == "/py/sign-in":
        auth.sign_in({"id": "bob", "name": "Python's bob"})
    if path == "/py/sign-out":
        auth.sign_out()
    session = auth.session
    claims = auth.claims or {}
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    who = "nobody" if session is None else session.user["id"]
    return [f"{who} {claims.get('role')}".encode()]


class Visitor(requests.Session):
    """A browser at the site."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node

    def page(self, path: str, **more: Any) -> requests.Response:
        return self.get(self.node.url + path, allow_redirects=False, timeout=20, **more)

    def post_to(self, path: str, **form: str) -> requests.Response:
        token = self.page("/api/auth/csrf").json()["csrfToken"]
        form = {"csrfToken": token, **form}
        return self.post(self.node.url + path, data=form, allow_redirects=False, timeout=20)

    @property
    def session_cookies(self) -> set[str]:
        return {each.name for each in self.cookies if each.name.startswith(NAME)}


@pytest.fixture
def site(node):
    """Makes a visitor of the site whose Python half has these options."""
    running = []

    def make(secret=(SECRET, OTHER_SECRET), callbacks=None, **session):
        app = AuthMiddleware(
            application, secret=list(secret), url=node.url, matcher=["/py/members"],
            session={"strategy": "jwt", **session}, pages={"sign_in": "/api/auth/signin"},
            callbacks=callbacks,
        )  # fmt: skip
        context = node.python(app)
        context.__enter__()
        running.append(context)
        return Visitor(node)

    yield make
    for context in running:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("name", ["alice", "bulky"])
def test_who_signs_in_in_node_is_known_in_python(site, name):
    visitor = site(read_only=True)
    answer = visitor.page("/py/members", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/api/auth/signin?callbackUrl=/py/members"
    answer = visitor.post_to(
        "/api/auth/callback/credentials", username=name, callbackUrl="/py/members"
    )
    assert answer.headers["Location"].endswith("/py/members")
    assert (len(visitor.session_cookies) > 2) is (name == "bulky")
    answer = visitor.page("/py/members")
    assert (answer.text, answer.headers.get("Set-Cookie")) == (f"{name} editor", None)
    visitor.post_to("/api/auth/signout")
    assert not visitor.session_cookies
    assert visitor.page("/py/members", headers={"Accept": "text/html"}).status_code == 302


def test_who_signs_in_in_python_is_known_in_node(site):
    visitor = site()
    assert visitor.page("/py/sign-in").text == "bob None"
    said = visitor.page("/api/auth/session").json()
    assert said["user"]["name"] == "Python's bob" and said["token"]["sub"] == "bob"
    # Auth.js has written it anew by now, with what was ours in it
    assert said["token"]["sid"] and said["token"]["auth_time"]
    assert visitor.page("/py/members").text == "bob None"
    assert visitor.page("/py/sign-out").text == "nobody None"
    assert not visitor.session_cookies
    assert visitor.page("/api/auth/session").json() is None


@pytest.mark.parametrize("name", ["alice", "bulky"])
def test_a_renewal_by_python_keeps_what_node_put_there(site, name):
    visitor = site(update_age=0)
    visitor.post_to("/api/auth/callback/credentials", username=name)
    before = dict(visitor.cookies)
    assert visitor.page("/py/members").text == f"{name} editor"
    assert dict(visitor.cookies) != before
    said = visitor.page("/api/auth/session").json()
    assert said["token"]["role"] == "editor" and said["user"]["name"] == f"Node's {name}"
    assert len(said["token"].get("large", "")) == (9_000 if name == "bulky" else 0)


def test_a_session_that_grows_and_shrinks_leaves_no_chunk_on_either_side(site):
    sizes = iter([9_000, 30_000, 0, 5_000, 0])

    def jwt(claims, context):
        size = next(sizes)
        claims.pop("large", None)
        return {**claims, "large": "x" * size} if size else claims

    visitor = site(callbacks={"jwt": jwt})
    visitor.post_to("/api/auth/callback/credentials", username="bulky")
    counts = []
    for _ in range(5):
        assert visitor.page("/py/members").text == "bulky editor"
        counts.append(len(visitor.session_cookies))
        assert visitor.page("/api/auth/session").json()["token"]["sub"] == "bulky"
        assert len(visitor.session_cookies) == counts[-1]
    assert counts == [4, 11, 1, 2, 1] and visitor.session_cookies == {NAME}


def test_a_secret_of_an_older_time_is_replaced_by_whoever_comes_first(site, node):
    visitor = site()
    token = node.call("encode", version=5, token=CLAIMS, secret=OTHER_SECRET, salt=NAME)
    visitor.cookies.set(NAME, token)
    answer = visitor.page("/py/members")
    assert answer.text == "alice None"
    new = visitor.cookies.get(NAME, domain="127.0.0.1") or answer.cookies[NAME]
    assert JWECodec([SECRET.encode()], NAME).verify(new)[1] == 0
    assert (
        node.call("getToken", headers={"cookie": f"{NAME}={new}"}, secret=SECRET)["sub"] == "alice"
    )


def test_a_wrong_secret_in_python_signs_nobody_out_of_node(site):
    visitor = site(secret=[THIRD])
    visitor.post_to("/api/auth/callback/credentials", username="alice")
    answer = visitor.page("/py/members", headers={"Accept": "text/html"})
    assert answer.status_code == 302 and "Set-Cookie" not in answer.headers
    assert visitor.page("/api/auth/session").json()["user"]["name"] == "Node's alice"
