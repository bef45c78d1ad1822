"""A textbook relying party on oauthlib, requests and joserfc. None of the package's own protocol
code is in it, so that it can judge a provider; what it lets through is known from the textbook."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import requests
from joserfc import jwk, jws, jwt
from joserfc.errors import SecurityWarning
from oauthlib.oauth2 import WebApplicationClient

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CALLBACK = "https://app.example.test/auth/callback/op"
CLIENT_KEY = jwk.ECKey.generate_key("P-256", {"kid": "client", "alg": "ES256", "use": "sig"})


class Rejected(AssertionError):
    """The textbook says no."""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[[str, str, Mapping[str, str], bytes | None], Answer]


def over_http(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    """One request on the wire; no redirect is followed, nothing is read from the environment."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method, url, headers=dict(headers), data=body, timeout=10, allow_redirects=False
        )
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, lower, answer.content)


@dataclass
class Flow:
    """One sign-in under way."""

    state: str = field(default_factory=secrets.token_urlsafe)
    nonce: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return WebApplicationClient("").create_code_challenge(self.verifier, "S256")


@dataclass
class Raw:
    """The textbook client at one provider."""

    issuer: str
    client_id: str = "app"
    secret: str = ""
    auth: str = "client_secret_basic"
    scope: str = "openid profile email"
    redirect_uri: str = CALLBACK
    send: Send = over_http
    algs: tuple[str, ...] = ("RS256",)
    dpop: jwk.ECKey | None = None
    iss_in_response: bool = True
    dpop_nonce: str = ""

    def get(self, url: str, **headers: str) -> Answer:
        return self.send("GET", url, headers, None)

    def post(self, url: str, form: Mapping[str, str], **headers: str) -> Answer:
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", url, headers, urlencode(form).encode())

    def metadata(self) -> dict[str, Any]:
        answer = self.get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        found = self._object(answer)
        if found.get("issuer") != self.issuer:
            raise Rejected("discovery: issuer")
        return found

    # --- the authorization request ----------------------------------------------------------

    def params(self, flow: Flow, **more: str) -> dict[str, str]:
        return {
            "response_type": "code", "client_id": self.client_id, "scope": self.scope,
            "redirect_uri": self.redirect_uri, "state": flow.state, "nonce": flow.nonce,
            "code_challenge": flow.challenge, "code_challenge_method": "S256", **more,
        }  # fmt: skip

    def url(self, flow: Flow, **more: str) -> str:
        return f"{self.metadata()['authorization_endpoint']}?{urlencode(self.params(flow, **more))}"

    def pushed_url(self, flow: Flow, **more: str) -> str:
        metadata = self.metadata()
        endpoint = metadata["pushed_authorization_request_endpoint"]
        answer = self.as_client(endpoint, self.params(flow, **more))
        assert answer.status == 201, answer.body
        short = {"client_id": self.client_id, "request_uri": answer.json["request_uri"]}
        return f"{metadata['authorization_endpoint']}?{urlencode(short)}"

    def code(self, landing: str | Mapping[str, str], flow: Flow) -> str:
        """The code of an authorization response (a URL or its parameters)."""
        pairs = parse_qsl(urlsplit(landing).query) if isinstance(landing, str) else landing.items()
        said = dict(pairs)
        if "error" in said:
            raise Rejected(said["error"])
        if said.get("state") != flow.state:
            raise Rejected("response: state")
        if said.get("iss") != (self.issuer if self.iss_in_response else None):
            raise Rejected("response: iss")
        if "code" not in said:
            raise Rejected("response: code")
        return said["code"]

    # --- requests of a client that proves who it is -----------------------------------------

    def as_client(self, url: str, form: Mapping[str, str]) -> Answer:
        form, headers = dict(form), {}
        if self.auth == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self.auth == "client_secret_post":
            form |= {"client_id": self.client_id, "client_secret": self.secret}
        elif self.auth == "private_key_jwt":
            form |= {"client_assertion_type": ASSERTION, "client_assertion": self.assertion(),
                     "client_id": self.client_id}  # fmt: skip
        else:
            form |= {"client_id": self.client_id}
        if self.dpop is None:
            return self.post(url, form, **headers)
        answer = self.post(url, form, **headers, DPoP=self.proof("POST", url))
        if answer.status == 400 and answer.json.get("error") == "use_dpop_nonce":
            self.dpop_nonce = answer.headers["dpop-nonce"]
            answer = self.post(url, form, **headers, DPoP=self.proof("POST", url))
        return answer

    def assertion(self, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.client_id, "sub": self.client_id, "aud": self.issuer, "iat": now,
                "exp": now + 60, "jti": secrets.token_urlsafe(), **claims}  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": "client"}, said, CLIENT_KEY)

    def proof(self, method: str, url: str, token: str = "", **claims: Any) -> str:
        assert self.dpop is not None
        said = {"htm": method, "htu": url, "iat": int(time.time()),
                "jti": secrets.token_urlsafe(), **claims}  # fmt: skip
        if self.dpop_nonce:
            said["nonce"] = self.dpop_nonce
        if token:
            said["ath"] = _b64(hashlib.sha256(token.encode()).digest())
        public = {k: v for k, v in self.dpop.as_dict(private=False).items() if k in "kty crv x y"}
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": public}
        return jwt.encode(header, said, self.dpop)

    def exchange(self, code: str, flow: Flow) -> Answer:
        return self.as_client(
            self.metadata()["token_endpoint"],
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
             "code_verifier": flow.verifier},
        )  # fmt: skip

    def refresh(self, token: str) -> Answer:
        return self.as_client(
            self.metadata()["token_endpoint"],
            {"grant_type": "refresh_token", "refresh_token": token},
        )

    def userinfo(self, token: str) -> Answer:
        url = self.metadata()["userinfo_endpoint"]
        if self.dpop is None:
            return self.get(url, Authorization=f"Bearer {token}")
        proof = self.proof("GET", url, token)
        return self.get(url, Authorization=f"DPoP {token}", DPoP=proof)

    # --- judging ----------------------------------------------------------------------------

    def tokens(self, answer: Answer) -> dict[str, Any]:
        found = self._object(answer)
        if not isinstance(found.get("access_token"), str) or not found["access_token"]:
            raise Rejected("token: access_token")
        return found

    def claims(self, tokens: Mapping[str, Any], flow: Flow | None) -> dict[str, Any]:
        """What a textbook check of the ID token lets through: signature by the keys of the
        provider, and the claims. ``flow`` None: no nonce is expected (a refresh)."""
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise Rejected("token: id_token")
        keys = self._object(self.get(self.metadata()["jwks_uri"])).get("keys")
        try:
            if "HS256" in self.algs:
                key: Any = jwk.OctKey.import_key(self.secret)
            else:
                key = jwk.KeySet.import_key_set({"keys": keys})
            with warnings.catch_warnings():  # joserfc warns of the name EdDSA (RFC 9864)
                warnings.simplefilter("ignore", SecurityWarning)
                claims = jwt.decode(token, key, algorithms=list(self.algs)).claims
            now = int(time.time())
            jwt.JWTClaimsRegistry(
                now=now, leeway=60, iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id}, sub={"essential": True},
                exp={"essential": True}, iat={"essential": True},
            ).validate(claims)  # fmt: skip
        except Exception as problem:  # whatever a library raises on nonsense
            raise Rejected(f"id_token: {type(problem).__name__}: {problem}") from problem
        if flow is not None and claims.get("nonce") != flow.nonce:
            raise Rejected("id_token: nonce")
        return claims

    def profile(self, tokens: Mapping[str, Any], sub: str) -> dict[str, Any]:
        found = self._object(self.userinfo(tokens["access_token"]))
        if found.get("sub") != sub:
            raise Rejected("userinfo: sub")
        return found

    def whole(self, landing: str | Mapping[str, str], flow: Flow) -> dict[str, Any]:
        """From the authorization response to the claims and the profile."""
        tokens = self.tokens(self.exchange(self.code(landing, flow), flow))
        claims = self.claims(tokens, flow)
        return claims | self.profile(tokens, claims["sub"])

    def _object(self, answer: Answer) -> dict[str, Any]:
        if answer.status != 200:
            raise Rejected(f"status {answer.status}: {answer.body[:200]!r}")
        try:
            found = answer.json
        except (ValueError, RecursionError) as problem:
            raise Rejected("no JSON") from problem
        if not isinstance(found, dict):
            raise Rejected("no object")
        return found


def header_of(token: str) -> dict[str, Any]:
    """The header of a JWT, unverified."""
    return jws.extract_compact(token.encode()).headers()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
