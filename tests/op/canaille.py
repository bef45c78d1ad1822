"""Canaille (``canaille`` and ``pytest-iam``), a second opinion: it signs with another algorithm,
its ``aud`` is a list and its ``auth_time`` a float. Fixture ``canaille_provider``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.op.harness import Visitor
from tests.op.pythons import environment, running
from tests.op.raw import CALLBACK, Raw

#: It takes the secret in Basic as it stands, not form-encoded (RFC 6749 2.3.1), so nothing in this
#: one needs encoding.
SECRET = "a-secret-of-plain-characters-0123456789"
REQUIREMENTS = ("canaille[oidc,front,server]==0.3.6", "pytest-iam==0.3.0")
PERSON = {
    "user_name": "alice", "given_name": "Alice", "family_name": "Adams",
    "formatted_name": "Alice Adams", "emails": ["alice@example.test"], "password": "any",
}  # fmt: skip
CLIENT = {
    "client_id": "basic", "client_secret": SECRET, "client_name": "The application",
    "client_uri": "https://app.example.test", "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    "post_logout_redirect_uris": ["https://app.example.test/"],
    "scope": ["openid", "profile", "email", "groups"],
    "token_endpoint_auth_method": "client_secret_basic",
}  # fmt: skip
CLIENTS = (CLIENT, {**CLIENT, "client_id": "post",
                    "token_endpoint_auth_method": "client_secret_post"})  # fmt: skip


@dataclass
class Canaille:
    """A running Canaille."""

    issuer: str

    def client(self, client_id: str = "basic", **more: Any) -> Raw:
        """The textbook client."""
        auth = "client_secret_post" if client_id == "post" else "client_secret_basic"
        return Raw(self.issuer, client_id, SECRET, auth, algs=("RS256", "RS512"), **more)

    def options(self, client_id: str = "basic", **more: Any) -> dict[str, Any]:
        """The entry of ``providers`` in a configuration."""
        return {
            "id": "op", "type": "oidc", "issuer": self.issuer, "client_id": client_id,
            "client_secret": SECRET, "id_token_signed_response_alg": ["RS256", "RS512"], **more,
        }  # fmt: skip

    def visitor(self) -> Visitor:
        """Alice, with a browser."""
        return Visitor(self.issuer, {"login": "alice", "password": "any"}, ("answer=accept",))


@pytest.fixture(scope="session")
def canaille_provider() -> Iterator[Canaille]:
    """Canaille for the whole test session."""
    python = environment("canaille", *REQUIREMENTS)
    settings = {"people": [PERSON], "clients": CLIENTS}
    with running(python, "canaille_server.py", settings) as url:
        yield Canaille(url)
