"""django-oauth-toolkit, a second opinion: no ``iss`` in the address, no e-mail address among the
claims by default, ``jti`` in the ID token. Fixture ``dot_provider``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.op.harness import SECRET, Visitor
from tests.op.pythons import environment, running
from tests.op.raw import CALLBACK, Raw

REQUIREMENTS = ("django==5.2.*", "django-oauth-toolkit==3.4.1")
CLIENT = {
    "client_id": "basic", "client_secret": SECRET, "client_type": "confidential",
    "authorization_grant_type": "authorization-code", "algorithm": "RS256",
    "redirect_uris": CALLBACK, "post_logout_redirect_uris": "https://app.example.test/",
    "name": "The application",
}  # fmt: skip
PUBLIC = {**CLIENT, "client_id": "public", "client_type": "public", "client_secret": ""}


@dataclass
class Toolkit:
    """A running django-oauth-toolkit."""

    issuer: str

    def client(self, client_id: str = "basic", auth: str = "", **more: Any) -> Raw:
        """The textbook client; confidential ones may send their secret either way."""
        auth = auth or ("none" if client_id == "public" else "client_secret_basic")
        return Raw(self.issuer, client_id, SECRET, auth, iss_in_response=False, **more)

    def options(self, client_id: str = "basic", **more: Any) -> dict[str, Any]:
        """The entry of ``providers`` in a configuration."""
        proof = {"client_auth": "none"} if client_id == "public" else {"client_secret": SECRET}
        entry = {"id": "op", "type": "oidc", "issuer": self.issuer, "client_id": client_id}
        return {**entry, **proof, **more}

    def visitor(self) -> Visitor:
        """Alice, with a browser."""
        return Visitor(self.issuer, {"username": "alice", "password": "any"}, ("allow=Authorize",))


@pytest.fixture(scope="session")
def dot_provider() -> Iterator[Toolkit]:
    """django-oauth-toolkit for the whole test session."""
    python = environment("dot", *REQUIREMENTS)
    settings = {"people": {"alice": "any"}, "clients": [CLIENT, PUBLIC]}
    with running(python, "dot_server.py", settings) as url:
        yield Toolkit(f"{url}/o")
