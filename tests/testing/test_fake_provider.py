"""The fake provider does what a good one does, as a client sees it that shares no code with us."""

from __future__ import annotations

import pytest

from tests.op.raw import Answer, Flow, Raw, Rejected
from wsgi_auth.testing import FakeProvider
from wsgi_auth.types import Outgoing


def client_of(provider: FakeProvider, client_id: str = "app", **more) -> Raw:
    """The textbook client, in process through the transport."""

    def send(method, url, headers, body):
        answer = provider.transport.send(Outgoing(url, method, headers, body))
        return Answer(answer.status, answer.headers, answer.body)

    client = provider.clients[client_id]
    more = {"algs": (client.id_token_alg,), **more}
    return Raw(provider.issuer, client_id, client.client_secret, client.auth, send=send, **more)


def signed_in(client: Raw, provider: FakeProvider, person: str = "alice", **params: str):
    """The claims of a whole sign-in."""
    flow = Flow()
    return client.whole(provider.approve(client.url(flow, **params), person).params, flow)


def test_a_visitor_chooses_a_person_and_is_signed_in():
    provider = FakeProvider()
    claims = signed_in(client_of(provider), provider, "bob")
    assert claims["sub"] == "bob"
    assert claims["email"] == "bob@example.test" and claims["email_verified"] is True


def test_a_visitor_may_refuse():
    provider = FakeProvider()
    client, flow = client_of(provider), Flow()
    with pytest.raises(Rejected, match="access_denied"):
        client.whole(provider.refuse(client.url(flow)).params, flow)
