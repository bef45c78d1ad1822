"""The middleware against real providers, over the network."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
import time_machine
from webtest import TestApp

from tests.op.harness import CLIENTS, SECRET
from tests.op.hostile import MODES
from wsgi_auth import AuthMiddleware
from wsgi_auth.http import Http
from wsgi_auth.testing import MISBEHAVIOURS

pytestmark = pytest.mark.live

SERVED = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
#: What the sign-in never comes to, or what takes longer than anybody wants to wait.
LEFT_OUT = ("refresh", "logout", "http.revoke")


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    session, handle = environ["auth.session"], environ["auth.handle"]
    token = handle.access_token("op") if environ["PATH_INFO"] == "/token" else None
    return [json.dumps({"session": session, "token": token}).encode()]


def site(options: dict, **more) -> AuthMiddleware:
    return AuthMiddleware(
        application, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[options], transport=Http(allow_loopback=True), **more,
    )  # fmt: skip


def browser(options: dict) -> TestApp:
    return TestApp(site(options), extra_environ=SERVED)


def sign_in(page: TestApp, visitor, **asked: str):
    """From the button to the answer of our callback; gives that answer."""
    form = page.get("/auth/signin").forms[0]
    fields = [*form.submit_fields(), *asked.items()]
    answer = page.post(form.action, fields, expect_errors=True)
    if answer.status_int != 303:
        return answer
    back = visitor.walk(answer.location)
    return page.get(back.url.removeprefix("https://app.example.test"), expect_errors=True)


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "odd name: %&+/"])
def test_every_kind_of_client_signs_in(oidc_provider, client):
    page = browser(oidc_provider.options(client))
    answer = sign_in(page, oidc_provider.visitor())
    assert answer.status_int == 302, answer.text
    user = page.get("/").json["session"]["user"]
    assert (user["id"], user["email"]) == ("alice", "alice@example.test")


def test_an_id_and_a_secret_that_need_encoding_are_encoded(oidc_provider):
    page = browser(oidc_provider.options("odd name: %&+/"))
    assert sign_in(page, oidc_provider.visitor()).status_int == 302


def test_new_keys_are_asked_for_and_old_sessions_stay(oidc_provider):
    page = browser(oidc_provider.options())
    sign_in(page, oidc_provider.visitor())
    oidc_provider.rotate_keys(keep_old=False)
    other = TestApp(page.app, extra_environ=SERVED)
    assert sign_in(other, oidc_provider.visitor()).status_int == 302
    assert page.get("/").json["session"] and other.get("/").json["session"]


def test_prompt_none_without_a_session_there_is_a_page_that_says_so(oidc_provider):
    page = browser(oidc_provider.options())
    answer = sign_in(page, oidc_provider.visitor(), prompt="none")
    assert answer.status_int == 403 and "OAuthCallbackError" in answer.text
    assert page.get("/").json["session"] is None


def test_a_provider_that_ignores_how_strong_a_sign_in_is_to_be_signs_nobody_in(oidc_provider):
    page = browser(oidc_provider.options())
    assert sign_in(page, oidc_provider.visitor(), acr_values="mfa").status_int >= 400
    assert page.get("/").json["session"] is None


def test_the_application_gets_a_token_that_the_provider_knows(oidc_provider):
    page = browser(oidc_provider.options(tokens=True, userinfo=True))
    sign_in(page, oidc_provider.visitor())
    assert len(page.get("/token").json["token"]) > 20


def test_signing_out_ends_the_session_there_and_comes_back(oidc_provider):
    visitor = oidc_provider.visitor()
    page = browser(oidc_provider.options(logout=True))
    sign_in(page, visitor)
    form = page.get("/auth/signout?callbackUrl=/bye").forms[0]
    back = visitor.walk(form.submit().location)
    assert urlsplit(back.url)[:3] == ("https", "app.example.test", "/auth/signout")
    assert page.get(back.url.removeprefix("https://app.example.test")).location == "/bye"
    assert sign_in(page, visitor, prompt="none").status_int == 403


API = "https://api.example.test"


def of_a_machine(provider, client: str = "machine", **asked: str) -> str:
    """The access token that a program gets for itself (RFC 6749 section 4.4)."""
    form = {"grant_type": "client_credentials", "resource": API, **asked}
    answer = requests.post(
        f"{provider.issuer}/token", form, auth=(client, SECRET), timeout=20
    ).json()
    return answer["access_token"]


def test_a_machine_brings_the_token_that_the_provider_gave_it(oidc_provider):
    routes = [{"source": "/api/:path*", "bearer": True, "scopes": ["orders:read"]}]
    page = TestApp(
        site(oidc_provider.options(audience=API), routes=routes), extra_environ=dict(SERVED)
    )
    for scope, status in (("orders:read orders:write", 200), ("orders:write", 403)):
        token = of_a_machine(oidc_provider, scope=scope)
        answer = page.get("/api/x", headers={"Authorization": f"Bearer {token}"}, status=status)
        if status == 200:
            assert answer.json["session"]["user"]["id"] == "machine"
        else:
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    for wrong in (of_a_machine(oidc_provider, resource="https://other.example.test"),
                  token[:-5] + "AAAAA"):  # fmt: skip
        page.get("/api/x", headers={"Authorization": f"Bearer {wrong}"}, status=401)
    oidc_provider.rotate_keys(keep_old=False)
    fresh = of_a_machine(oidc_provider, scope="orders:read")
    page.get("/api/x", headers={"Authorization": f"Bearer {fresh}"}, status=200)


def of_somebody(
    provider, audience: str, scope: str, asked: dict[str, str] | None = None, **more
) -> tuple[TestApp, dict[str, str]]:
    """A program, and the tokens for this API that alice's sign-in brought; ``asked`` for with these
    parameters, too; ``more``: options of the provider."""
    told = []
    options = provider.options(
        audience=audience, tokens=True, scope=f"openid profile email {scope}",
        authorization_params={"resource": audience, **(asked or {})},
        token_params={"resource": audience}, **more,
    )  # fmt: skip
    app = site(
        options,
        routes=[{"source": "/api/:path*", "bearer": True}],
        events={"sign_in": lambda event: told.append(event.account.tokens)},
    )
    page = TestApp(app, extra_environ=dict(SERVED))
    assert sign_in(page, provider.visitor()).status_int == 302
    return TestApp(app, extra_environ=dict(SERVED)), told[0]


def test_a_program_acts_for_somebody_who_signed_in_and_their_id_token_is_no_token(oidc_provider):
    program, told = of_somebody(oidc_provider, API, "orders:read")
    token, id_token = told["access_token"], told["id_token"]
    said = program.get("/api/x", headers={"Authorization": f"Bearer {token}"}).json
    assert said["session"]["user"]["id"] == "alice"
    program.get("/api/x", headers={"Authorization": f"Bearer {id_token}"}, status=401)


OPAQUE = "https://opaque.example.test"


@pytest.mark.parametrize("client", ["basic", "post", "key"])
def test_the_provider_says_of_a_token_that_says_nothing_whose_it_is(oidc_provider, client):
    options = oidc_provider.options(client, audience=OPAQUE, introspection=True)
    routes = [{"source": "/api/:path*", "bearer": True, "scopes": ["orders:read"]}]
    page = TestApp(site(options, routes=routes), extra_environ=dict(SERVED))
    for scope, status in (("orders:read orders:write", 200), ("orders:write", 403)):
        token = of_a_machine(oidc_provider, scope=scope, resource=OPAQUE)
        assert token.count(".") != 2
        answer = page.get("/api/x", headers={"Authorization": f"Bearer {token}"}, status=status)
        if status == 200:
            assert answer.json["session"]["user"]["id"] == "machine"
    # a JWT for another API, which the provider knows well, and what it does not know at all
    for wrong in (of_a_machine(oidc_provider), token[:-5] + "AAAAA"):
        answer = page.get("/api/x", headers={"Authorization": f"Bearer {wrong}"}, status=401)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_that_was_withdrawn_at_the_provider_is_good_for_a_minute_at_most(oidc_provider):
    program, told = of_somebody(
        oidc_provider,
        OPAQUE,
        "orders:read offline_access",
        {"prompt": "consent"},
        introspection=True,
    )
    token, refresh = told["access_token"], told["refresh_token"]
    said = program.get("/api/x", headers={"Authorization": f"Bearer {token}"}).json
    assert said["session"]["user"]["id"] == "alice"
    # the provider says of it, too, that it is active
    program.get("/api/x", headers={"Authorization": f"Bearer {refresh}"}, status=401)
    answer = requests.post(
        f"{oidc_provider.issuer}/token/revocation",
        {"token": token},
        auth=("basic", SECRET),
        timeout=20,
    )
    assert answer.status_code == 200
    program.get("/api/x", headers={"Authorization": f"Bearer {token}"}, status=200)
    with time_machine.travel(time.time() + 61):
        program.get("/api/x", headers={"Authorization": f"Bearer {token}"}, status=401)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Reached:
    """Our application on a port of this machine, where the provider reaches it; ``app`` is set
    once the provider is told. ``statuses``: of what the provider posted."""

    def __init__(self) -> None:
        self.app = None
        self.statuses: list[str] = []
        self.posted = threading.Event()

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            self.statuses.append(status[:3])
            return start_response(status, headers)

        try:
            yield from self.app(environ, start)
        finally:
            self.posted.set()


@contextmanager
def reached() -> Iterator[tuple[str, Reached]]:
    there = Reached()
    server = make_server("127.0.0.1", 0, there, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", there
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("strategy", ["database", "cookie", "jwt"])
@pytest.mark.parametrize("with_sid", [True, False])
def test_who_leaves_the_provider_leaves_here_within_a_second_R089(
    oidc_provider, strategy, with_sid, tmp_path
):
    with reached() as (url, there):
        said = oidc_provider.register(
            backchannel_logout_uri=f"{url}/auth/backchannel-logout/op",
            backchannel_logout_session_required=with_sid,
        )
        options = {
            **oidc_provider.options(backchannel_logout=True),
            "client_id": said["client_id"], "client_secret": said["client_secret"],
        }  # fmt: skip
        kept = {"adapter": f"sqlite:///{tmp_path}/auth.db", "session": {"strategy": strategy}}
        there.app, other_worker = site(options, **kept), site(options, **kept)
        alice, bob = (TestApp(other_worker, extra_environ=SERVED) for _ in range(2))
        visitor = oidc_provider.visitor()
        assert sign_in(alice, visitor).status_int == 302
        assert sign_in(bob, oidc_provider.visitor("bob")).status_int == 302
        assert alice.get("/").json["session"] and bob.get("/").json["session"]
        # at the provider itself, with no word to us from the browser
        end = there.app.site.client(there.app.config.providers[0]).metadata(time.time())
        leave = {"client_id": said["client_id"],
                 "post_logout_redirect_uri": "https://app.example.test/"}  # fmt: skip
        visitor.walk(f"{end.end_session_endpoint}?{urlencode(leave)}")
        assert there.posted.wait(10)
        assert there.statuses == ["200"]
        time.sleep(0 if strategy == "database" else 1.0)
        assert alice.get("/").json["session"] is None
        assert bob.get("/").json["session"]
        assert sign_in(alice, visitor).status_int == 302
        assert alice.get("/").json["session"]


#: This provider has two RSA keys, and without kid and alg nothing says which of them is meant.
AMBIGUOUS = ("jwks_no_use",)
SENT = [name for name in MODES if not MISBEHAVIOURS[name].stage.startswith(LEFT_OUT)
        and "slow" not in name and "huge" not in name]  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_a_real_provider_gone_wrong_signs_in_whom_it_should_or_nobody(hostile_provider, name):
    page = browser(hostile_provider.options(userinfo=True))
    hostile_provider.misbehave(name)
    answer = sign_in(page, hostile_provider.visitor())
    session = page.get("/").json["session"]
    verdict = "either" if name in AMBIGUOUS else MISBEHAVIOURS[name].verdict
    assert verdict in ("accept" if session else "refuse", "either")
    assert session is None or session["user"]["id"] == "alice"
    assert session is not None or answer.status_int >= 400


@pytest.mark.parametrize("client", ["basic", "post"])
def test_canaille_signs_in(canaille_provider, client):
    page = browser(
        canaille_provider.options(
            client, **({"client_auth": "client_secret_post"} if client == "post" else {})
        )
    )
    assert sign_in(page, canaille_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["email"] == "alice@example.test"


def test_the_django_oauth_toolkit_signs_in(dot_provider):
    page = browser(dot_provider.options())
    assert sign_in(page, dot_provider.visitor()).status_int == 302
    assert page.get("/").json["session"]["user"]["id"]
