"""The real provider does what the tests rely on, and the hostile one what it is told."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode

import pytest
import requests
from joserfc import jwk

from tests.op.harness import APP, CLIENTS, running
from tests.op.hostile import MODES
from tests.op.raw import CALLBACK, Flow, Rejected, header_of
from tests.testing.evidence import LOGOUT, TEXTBOOK_LETS_THROUGH, unpacked
from wsgi_auth.providers.oauth import OIDC
from wsgi_auth.testing import MISBEHAVIOURS

pytestmark = pytest.mark.live


def signed_in(provider, client, login="alice", pushed=False, **params):
    """The claims of a whole sign-in."""
    flow, visitor = Flow(), provider.visitor(login)
    url = client.pushed_url(flow, **params) if pushed else client.url(flow, **params)
    back = visitor.walk(url)
    visitor.close()
    assert back.url.startswith(CALLBACK)
    return client.whole(back.params, flow)


def tokens_of(provider, client, login="alice"):
    """The token answer of a sign-in."""
    flow, visitor = Flow(), provider.visitor(login)
    back = visitor.walk(client.url(flow))
    visitor.close()
    return client.tokens(client.exchange(client.code(back.params, flow), flow))


@pytest.mark.parametrize(
    "client_id", [each for each in CLIENTS if each not in ("pushed", "bound", "nonce")]
)
def test_every_kind_of_client_signs_in(oidc_provider, client_id):
    claims = signed_in(oidc_provider, oidc_provider.client(client_id), "bob")
    assert claims["sub"] == "bob" and claims["email"] == "bob@example.test"


def test_a_client_that_has_to_push_its_request_does(oidc_provider):
    client = oidc_provider.client("pushed")
    with pytest.raises(Rejected, match="invalid_request"):
        signed_in(oidc_provider, client)
    assert signed_in(oidc_provider, client, pushed=True)["sub"] == "alice"


def test_tokens_bound_to_a_key_want_its_proof(oidc_provider):
    client = oidc_provider.client("bound")
    with pytest.raises(Rejected, match="invalid_grant"):
        signed_in(oidc_provider, client)
    bound = replace(client, dpop=jwk.ECKey.generate_key("P-256"))
    tokens = tokens_of(oidc_provider, bound)
    assert tokens["token_type"] == "DPoP"
    assert bound.profile(tokens, "alice")
    assert client.userinfo(tokens["access_token"]).status == 401


def test_proofs_may_have_to_hold_a_nonce(oidc_provider):
    client = oidc_provider.client("nonce", dpop=jwk.ECKey.generate_key("P-256"))
    tokens = tokens_of(oidc_provider, client)
    assert client.dpop_nonce and tokens["token_type"] == "DPoP"
    assert client.profile(tokens, "alice")


def test_pkce_is_demanded(oidc_provider):
    with pytest.raises(Rejected, match="invalid_request"):
        signed_in(oidc_provider, oidc_provider.client(), code_challenge="")


def test_the_answer_may_be_posted(oidc_provider):
    client, flow = oidc_provider.client(), Flow()
    back = oidc_provider.visitor().walk(client.url(flow, response_mode="form_post"))
    assert back.url == CALLBACK and back.form
    assert client.whole(back.params, flow)["sub"] == "alice"


def test_a_visitor_who_is_signed_in_comes_back_without_a_page(oidc_provider):
    client, flow, visitor = oidc_provider.client(), Flow(), oidc_provider.visitor("bob")
    silent = client.url(flow, prompt="none")
    assert visitor.walk(silent).params["error"] == "login_required"
    visitor.walk(client.url(Flow()))
    assert client.whole(visitor.walk(silent).params, flow)["sub"] == "bob"


def test_refresh_tokens_are_replaced_and_reuse_ends_the_family(oidc_provider):
    client = oidc_provider.client()
    first = tokens_of(oidc_provider, client)
    second = client.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    assert client.claims(second, None)["sub"] == "alice"
    assert client.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert client.refresh(second["refresh_token"]).json["error"] == "invalid_grant"


@pytest.mark.parametrize("keep_old", [True, False])
def test_keys_rotate_at_run_time(oidc_provider, keep_old):
    client = oidc_provider.client()
    before = tokens_of(oidc_provider, client)
    kids = oidc_provider.rotate_keys(keep_old=keep_old)
    after = tokens_of(oidc_provider, client)
    assert header_of(after["id_token"])["kid"] in kids
    assert client.claims(after, None)
    if keep_old:
        assert client.claims(before, None)
    else:
        with pytest.raises(Rejected):
            client.claims(before, None)
    assert client.refresh(before["refresh_token"]).status == 200, "grants survive"


def test_leaving_goes_back_with_state(oidc_provider):
    client, flow, visitor = oidc_provider.client(), Flow(), oidc_provider.visitor()
    back = visitor.walk(client.url(flow))
    tokens = client.exchange(client.code(back.params, flow), flow).json
    leave = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{APP}/",
             "state": "s t"}  # fmt: skip
    end = client.metadata()["end_session_endpoint"]
    assert visitor.walk(f"{end}?{urlencode(leave)}").url == f"{APP}/?state=s+t"
    silent = visitor.walk(client.url(flow, prompt="none"))
    assert silent.params["error"] == "login_required"


class Listener:
    """An address that keeps what is posted to it."""

    def __enter__(self):
        posted = self.posted = []
        arrived = self.arrived = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                posted.append(parse_qs(self.rfile.read(length).decode()))
                self.send_response(200)
                self.end_headers()
                arrived.set()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/backchannel"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_leaving_tells_the_applications_behind_the_browser(oidc_provider):
    with Listener() as listener:
        said = oidc_provider.register(
            backchannel_logout_uri=listener.url, backchannel_logout_session_required=True
        )
        client = replace(oidc_provider.client(), client_id=said["client_id"],
                         secret=said["client_secret"])  # fmt: skip
        flow, visitor = Flow(), oidc_provider.visitor("bob")
        claims = client.whole(visitor.walk(client.url(flow)).params, flow)
        end = client.metadata()["end_session_endpoint"]
        leave = {"client_id": client.client_id, "post_logout_redirect_uri": f"{APP}/"}
        assert visitor.walk(f"{end}?{urlencode(leave)}").url == f"{APP}/"
        assert listener.arrived.wait(10)
    (token,) = listener.posted[0]["logout_token"]
    head, body = unpacked(token.split(".")[0]), unpacked(token.split(".")[1])
    assert head["typ"] == "logout+jwt"
    assert (body["sub"], body["sid"], body["aud"]) == ("bob", claims["sid"], client.client_id)
    assert body["events"] == {LOGOUT: {}}


@pytest.mark.parametrize("ci, outcome", [("", "Skipped"), ("true", "Failed")])
def test_without_node_a_test_is_skipped_and_fails_where_ci_is_set(monkeypatch, ci, outcome):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(BaseException) as caught, running():
        pass
    assert type(caught.value).__name__ == outcome
    assert "node is not installed" in str(caught.value)


def test_the_provider_ends_with_the_block_also_when_it_fails():
    with pytest.raises(ZeroDivisionError), running() as provider:
        assert provider.client().metadata()
        1 / 0
    with pytest.raises(requests.ConnectionError):
        provider.client().metadata()


@pytest.mark.parametrize("client_id", [each for each in CLIENTS if "odd" not in each])
def test_the_options_are_those_of_a_configuration(oidc_provider, client_id):
    options = oidc_provider.options(client_id)
    assert options.pop("type") == "oidc"
    made = OIDC(**options)
    assert made.issuer == oidc_provider.issuer and made.client_id == client_id
    assert made.client_auth == oidc_provider.client(client_id).auth


# --- the hostile one ------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["basic", "es256", "hs256"])
def test_a_wrapper_that_was_told_nothing_is_honest(hostile_provider, client_id):
    assert signed_in(hostile_provider, hostile_provider.client(client_id))["sub"] == "alice"


#: Those that a textbook check lets through, and a relying party has to find by itself.
LET_THROUGH = {"foreign_aud", "azp_mismatch", "wrong_at_hash", "typ_logout", "wrong_token_type"}


@pytest.mark.parametrize("name", sorted(LET_THROUGH))
def test_the_textbook_lets_through_what_it_does_not_know(hostile_provider, name):
    hostile_provider.misbehave(name)
    assert signed_in(hostile_provider, hostile_provider.client())["sub"] == "alice"
    assert MISBEHAVIOURS[name].verdict == "refuse"


STAGES = {"id_token", "claims", "token", "userinfo", "response", "discovery", "jwks",
          "http.discovery", "http.jwks", "http.token", "http.userinfo"}  # fmt: skip


@pytest.mark.parametrize("name", [
    name for name in MODES
    if MISBEHAVIOURS[name].stage in STAGES
    # the textbook has neither a limit of size nor of time, and believes any endpoint
    and not name.endswith(("_slow", "_huge")) and name != "discovery_http_authorization"
])  # fmt: skip
def test_the_textbook_judges_the_real_provider_gone_wrong_as_it_does_the_fake_one(
    hostile_provider, name
):
    hostile_provider.misbehave(name)
    try:
        signed_in(hostile_provider, hostile_provider.client(scope="openid profile email groups"))
    except (
        Rejected,
        KeyError,
        AssertionError,
        TypeError,
        AttributeError,
        requests.RequestException,
    ):
        assert name not in TEXTBOOK_LETS_THROUGH
    else:
        assert name in TEXTBOOK_LETS_THROUGH


def test_the_wrapper_tampers_with_a_refresh_too(hostile_provider):
    client = hostile_provider.client()
    tokens = tokens_of(hostile_provider, client)
    hostile_provider.misbehave("refresh_wrong_sub")
    again = client.tokens(client.refresh(tokens["refresh_token"]))
    assert client.claims(again, None)["sub"] == "mallory"


def test_the_wrapper_tampers_with_leaving_too(hostile_provider):
    client, flow, visitor = hostile_provider.client(), Flow(), hostile_provider.visitor()
    visitor.walk(client.url(flow))
    hostile_provider.misbehave("logout_other_state")
    end = client.metadata()["end_session_endpoint"]
    leave = {"client_id": "basic", "post_logout_redirect_uri": f"{APP}/", "state": "mine"}
    assert visitor.walk(f"{end}?{urlencode(leave)}").url == f"{APP}/?state=another"


def test_the_wrapper_signs_with_the_key_of_the_provider_after_a_rotation(hostile_provider):
    hostile_provider.rotate_keys(keep_old=False)
    hostile_provider.misbehave("email_not_verified")
    assert signed_in(hostile_provider, hostile_provider.client())["sub"] == "alice"


def test_the_wrapper_knows_its_modes(hostile_provider):
    with pytest.raises(AssertionError, match="nonsense"):
        hostile_provider.misbehave("nonsense")
    assert len(MODES) > 200
