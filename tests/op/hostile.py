"""A wrapper around the real provider that tampers with its answers and signs anew with its key.

Every row of :data:`wsgi_auth.testing.MISBEHAVIOURS` that concerns what the provider sends is a
mode; ``POST /control/misbehave?name=...`` at the wrapper chooses (none: an honest provider). What
is under test is the relying party; the rows themselves are proven in ``tests/testing``.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwk

from tests.op import harness
from tests.op.harness import CLIENTS, SECRET, Provider, over_http
from wsgi_auth.testing import MISBEHAVIOURS, FakeClient, Misbehaviour, Scene
from wsgi_auth.testing.fake_provider.keys import Keys, key_of, signed, signed_hs256
from wsgi_auth.testing.fake_provider.misbehaviour import Draft
from wsgi_auth.testing.fake_provider.transport import serve
from wsgi_auth.testing.fake_provider.web import Answered
from wsgi_auth.types import Environ

ENDPOINTS = {
    "/.well-known/openid-configuration": "discovery", "/jwks": "jwks", "/token": "token",
    "/me": "userinfo", "/request": "par", "/token/revocation": "revoke",
}  # fmt: skip
#: What the wrapper cannot do: logout tokens go from the provider to the application directly.
MODES = [name for name, row in MISBEHAVIOURS.items() if not row.stage.startswith("logout_c")
         and row.stage != "logout_token"]  # fmt: skip
_PER_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}


class OwnKeys(Keys):
    """The keys of the real provider, as they are now."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def current(self, alg: str) -> Any:
        key = next(each for each in self._provider.private_keys() if each["alg"] == alg)
        return jwk.import_key(key)

    def rotate(self, *, keep_old: bool) -> None:
        self._provider.rotate_keys(keep_old=keep_old)

    def foreign(self, alg: str) -> Any:
        theirs = key_of("the hostile wrapper", alg, 1).as_dict(private=True)
        return jwk.import_key({**theirs, "kid": self.current(alg).kid})


@dataclass
class Hostile(Provider):
    """The provider as an application sees it: ``issuer`` is the wrapper's address."""

    def misbehave(self, *names: str) -> None:
        """From now on do as these rows say; none: behave."""
        query = urlencode([("name", name) for name in names])
        answer = over_http("POST", f"{self.issuer}/control/misbehave?{query}", {}, b"")
        assert answer.status == 200, answer.body


class Wrapper:
    """The WSGI application in between."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.provider: Provider | None = None
        self._rows: list[Misbehaviour] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        answer = self._answer(environ)
        length = ("Content-Length", str(len(answer.body)))
        start_response(answer.line, [*answer.headers, length])
        return [answer.body]

    def _answer(self, environ: Environ) -> Answered:
        path = environ["PATH_INFO"]
        if path == "/control/misbehave":
            names = [value for _, value in parse_qsl(environ.get("QUERY_STRING", ""))]
            unknown = [name for name in names if name not in MODES]
            self._rows = [] if unknown else [MISBEHAVIOURS[name] for name in names]
            return Answered(400 if unknown else 200, [], str(unknown).encode())
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        answer = self._forward(environ, path, body)
        if not self._rows:
            return answer
        return self._tampered(answer, path, body)

    def _forward(self, environ: Environ, path: str, body: bytes) -> Answered:
        headers = {
            name[5:].replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") and name != "HTTP_CONNECTION"
        }
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        query = environ.get("QUERY_STRING")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            target = f"{path}?{query}" if query else path
            connection.request(environ["REQUEST_METHOD"], target, body or None, headers)
            answer = connection.getresponse()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in _PER_CONNECTION
            ]
            return Answered(answer.status, kept, answer.read())
        finally:
            connection.close()

    # --- tampering --------------------------------------------------------------------------

    def _tampered(self, answer: Answered, path: str, body: bytes) -> Answered:
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            return self._tampered_redirect(answer)
        scene = self._scene(None)
        if answer.status < 300 and answer.body and endpoint != "revoke":
            said = json.loads(answer.body)
            if endpoint == "token":
                said = self._tampered_tokens(said, b"grant_type=refresh_token" in body)
            else:
                said = self._through(endpoint, said, scene)
            answer = Answered(answer.status, answer.headers, json.dumps(said).encode())
        return self._through(f"http.{endpoint}", answer, scene)

    def _tampered_redirect(self, answer: Answered) -> Answered:
        headers = dict(answer.headers)
        location = headers.get("location") or headers.get("Location") or ""
        target = urlsplit(location)
        assert self.provider is not None
        if not target.netloc or location.startswith(self.provider.issuer):
            return answer
        pairs = parse_qsl(target.query, keep_blank_values=True)
        stage = "response" if dict(pairs).keys() & {"code", "error"} else "logout_response"
        pairs = self._through(stage, pairs, self._scene(None))
        url = target._replace(query=urlencode(pairs)).geturl()
        kept = [(name, value) for name, value in answer.headers if name.lower() != "location"]
        return Answered(answer.status, [*kept, ("Location", url)], answer.body)

    def _tampered_tokens(self, said: dict[str, Any], is_refresh: bool) -> Any:
        scene = self._scene(None)
        if "id_token" in said:
            draft = _draft(said["id_token"])
            scene = self._scene(draft)
            claims = self._through("claims", draft.claims, scene)
            if is_refresh:
                claims = self._through("refresh_claims", claims, scene)
            header = dict(draft.header)
            if header["alg"] != "HS256":  # the key may have changed just now
                header["kid"] = scene.keys.current(header["alg"]).kid
            said["id_token"] = self._signed(Draft(header, claims), scene)
        said = self._through("token", said, scene)
        return self._through("refresh", said, scene) if is_refresh else said

    def _signed(self, draft: Draft, scene: Scene) -> str:
        for row in self._rows:
            if row.stage == "id_token":
                return row.tamper(draft, scene)
        if draft.header["alg"] == "HS256":
            return signed_hs256(draft.header, draft.claims, scene.client.client_secret.encode())
        return signed(scene.keys.current(draft.header["alg"]), draft.header, draft.claims)

    def _through(self, stage: str, value: Any, scene: Scene) -> Any:
        for row in self._rows:
            if row.stage == stage:
                value = row.tamper(value, scene)
        return value

    def _scene(self, draft: Draft | None) -> Scene:
        assert self.provider is not None
        client_id = draft.claims["aud"] if draft else "basic"
        secret = CLIENTS.get(client_id, {}).get("client_secret") or SECRET
        alg = draft.header["alg"] if draft else "RS256"
        client = FakeClient(client_id, secret, id_token_alg=alg)
        return Scene(self.provider.issuer, OwnKeys(self.provider), client)


def _draft(token: str) -> Draft:
    from tests.testing.evidence import unpacked

    header, claims, _ = token.split(".")
    return Draft(unpacked(header), unpacked(claims))


@contextmanager
def hostile() -> Iterator[Hostile]:
    """The wrapper and the provider behind it while the block runs."""
    port = harness.free_port()
    wrapper = Wrapper(port)
    with serve(wrapper) as url, harness.running(url, port) as provider:
        wrapper.provider = provider
        yield Hostile(provider.issuer, provider.control)


__all__ = ["MODES", "Hostile", "hostile"]
