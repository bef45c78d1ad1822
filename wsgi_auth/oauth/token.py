"""The third step: a code, or a refresh token, to tokens.

What lives here: the request and the judgement of its answer (RFC 6749 4.1.3, 5, 6). What must not:
what is in an ID token (``id_token``).

oauthlib writes the form. Its parser is not used: it reads the clock, and takes a token of any type
and a lifetime of any kind.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from wsgi_auth.errors import OAuthError
from wsgi_auth.oauth.answers import form_in, object_in, refuse_error
from wsgi_auth.oauth.callback import ValidatedCallback
from wsgi_auth.oauth.client_auth import authenticated
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, OAuth
from wsgi_auth.types import FrozenDict, Incoming, Outgoing, freeze

#: Most characters of a token: Entra's are long, and a header has to bear it.
LONGEST = 16_384
_MOST_SECONDS = 10 * 366 * 86_400
_KNOWN = frozenset(
    ("access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token")
)


@dataclass(frozen=True, repr=False)
class Tokens:
    """What a provider issued. ``expires_at``: seconds since the epoch, None for not said.
    ``scope``: what was granted, "" for what was asked for (RFC 6749 5.1). ``extras``: the other
    fields of its answer. ``dpop_key``: the key they are bound to, "" for none. ``subject``: the
    ``sub`` of the ID token they came with, which is held on to where that is too large to keep. An
    absent token is ""."""

    access_token: str
    token_type: Literal["Bearer", "DPoP"] = "Bearer"
    expires_at: int | None = None
    refresh_token: str = ""
    scope: str = ""
    id_token: str = ""
    extras: Mapping[str, Any] = field(default_factory=FrozenDict)
    dpop_key: str = ""
    subject: str = ""

    def __repr__(self) -> str:
        return f"<Tokens of type {self.token_type}>"

    def is_fresh(self, now: float, leeway: int = 30) -> bool:
        """Whether the access token is good for at least another ``leeway`` seconds; if nothing can
        renew it, whether it is good at all."""
        least = leeway if self.refresh_token else 0
        return self.expires_at is None or now + least < self.expires_at

    def renewed(self, answer: Tokens) -> Tokens:
        """These, after a refresh: what the answer leaves out stays (RFC 6749 6, OpenID Connect Core
        12.2)."""
        return replace(
            answer,
            refresh_token=answer.refresh_token or self.refresh_token,
            scope=answer.scope or self.scope,
            id_token=answer.id_token or self.id_token,
            extras=FrozenDict({**self.extras, **answer.extras}),
            subject=self.subject,
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON that :meth:`from_json` reads: to be encrypted wherever it is kept."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in found.items() if value not in ("", None, {})}

    @classmethod
    def from_json(cls, value: object) -> Tokens | None:
        """The tokens that :meth:`to_json` wrote, or None for anything else. Never raises."""
        if not isinstance(value, Mapping) or not value.keys() <= set(cls.__dataclass_fields__):
            return None
        names = ("refresh_token", "scope", "id_token", "dpop_key", "subject")
        texts = [value.get(name, "") for name in names]
        ok = (
            isinstance(value.get("access_token"), str)
            and value.get("token_type") in ("Bearer", "DPoP")
            and all(isinstance(text, str) for text in texts)
            and type(value.get("expires_at", 0)) is int
            and isinstance(value.get("extras", {}), Mapping)
        )
        return cls(**value) if ok else None


def code_request(
    callback: ValidatedCallback,
    provider: OAuth | OIDC,
    metadata: Metadata,
    now: float,
    *,
    dpop_nonce: str = "",
) -> Outgoing:
    """The request that exchanges a code, with the verifier only its flow has (RFC 7636 4.5)."""
    from oauthlib.oauth2 import WebApplicationClient

    flow = callback.flow
    with_pkce = "pkce" not in provider.unsupported
    # a client per request: it keeps what it is shown
    body = WebApplicationClient(provider.client_id).prepare_request_body(
        code=callback.code,
        redirect_uri=flow.redirect_uri,
        include_client_id=False,
        code_verifier=flow.code_verifier if with_pkce else None,
    )
    return _request(body, provider, metadata, now, flow.dpop_key, dpop_nonce)


def refresh_request(
    tokens: Tokens,
    provider: OAuth | OIDC,
    metadata: Metadata,
    now: float,
    *,
    dpop_nonce: str = "",
) -> Outgoing:
    """The request that renews tokens (RFC 6749 6), bound to the key that they are bound to.

    No scope is sent: it would have to be one that was granted, and is the same without."""
    from oauthlib.oauth2 import WebApplicationClient

    body = WebApplicationClient(provider.client_id).prepare_refresh_body(
        refresh_token=tokens.refresh_token
    )
    return _request(body, provider, metadata, now, tokens.dpop_key, dpop_nonce)


def _request(
    body: str,
    provider: OAuth | OIDC,
    metadata: Metadata,
    now: float,
    dpop_key: str,
    dpop_nonce: str,
) -> Outgoing:
    form = {**provider.token_params, **dict(parse_qsl(body, keep_blank_values=True))}
    form, headers = authenticated(provider, metadata, form, now)
    if provider.quirk is not None:
        form = provider.quirk.token(form)
    headers = {**headers, **provider.token_headers, "Accept": "application/json"}
    url = metadata.token_endpoint
    if dpop_key:
        from wsgi_auth.oauth.dpop import proof

        headers["DPoP"] = proof(dpop_key, provider.token_method, url, now, nonce=dpop_nonce)
    if provider.token_method == "GET":
        return Outgoing(f"{url}{'&' if '?' in url else '?'}{urlencode(form)}", "GET", headers)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return Outgoing(url, "POST", headers, urlencode(form).encode("ascii"))


def read_tokens(
    response: Incoming,
    provider: OAuth | OIDC,
    now: float,
    *,
    dpop_key: str = "",
    step: Literal["token", "refresh"] = "token",
) -> Tokens:
    """The tokens in an answer of the token endpoint (RFC 6749 5.1, RFC 9449 5).

    ``dpop_key`` is the one that the request proved: the tokens have to be bound to it. Raises
    :class:`~wsgi_auth.errors.ProviderRefused` for a no (its ``error`` is ``invalid_grant`` when the
    code or the refresh token is no good any more),
    :class:`~wsgi_auth.errors.ProviderUnavailable` where a later attempt may succeed, and
    :class:`OAuthError` for an answer that is none.
    """
    fields = object_in(response)
    if fields is None:
        fields = form_in(response)
    refuse_error(step, response, fields)
    if fields is None:
        raise OAuthError(step, "the answer is neither a JSON object nor a form")
    tokens = Tokens(
        access_token=_text(step, fields, "access_token"),
        token_type=_type(step, fields, provider, dpop_key),
        expires_at=_expiry(step, fields, now),
        refresh_token=_text(step, fields, "refresh_token"),
        scope=_scope(step, fields),
        id_token=_text(step, fields, "id_token"),
        extras=freeze(
            {
                name: value
                for name, value in fields.items()
                if name not in _KNOWN and _is_writable({name: value})
            }
        ),
        dpop_key=dpop_key,
    )
    if not tokens.access_token:
        raise OAuthError(step, "the answer has no access_token")
    if step == "token" and provider.type == "oidc" and not tokens.id_token:
        raise OAuthError(step, "the answer has no id_token")
    return tokens


def _text(step: str, fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise OAuthError(step, f"{name} is no token")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise OAuthError(step, f"{name} has a character in it that no token has")
    return value


def _type(
    step: str, fields: Mapping[str, Any], provider: OAuth | OIDC, dpop_key: str
) -> Literal["Bearer", "DPoP"]:
    """The type of token, which has to be the one asked for: a client must not use one of a type it
    does not know (RFC 6749 7.1)."""
    value = fields.get("token_type")
    if value in (None, "", "jwt-bearer") and provider.token_type_optional and not dpop_key:
        return "Bearer"
    expected: Literal["Bearer", "DPoP"] = "DPoP" if dpop_key else "Bearer"
    if not isinstance(value, str) or value.lower() != expected.lower():
        raise OAuthError(step, f"token_type must be {expected}")
    return expected


def _expiry(step: str, fields: Mapping[str, Any], now: float) -> int | None:
    """When the access token expires. Numbers as text are met in the wild, and 0 for never."""
    value = fields.get("expires_in")
    if value in (None, "", 0, "0") and value is not False:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -math.inf < value < math.inf:
        raise OAuthError(step, "expires_in is no number of seconds")
    return int(now + max(0, min(value, _MOST_SECONDS)))


def _scope(step: str, fields: Mapping[str, Any]) -> str:
    """What was granted; Twitch sends a list."""
    value = fields.get("scope")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = " ".join(value)
    if value is not None and not (isinstance(value, str) and _is_writable(value)):
        raise OAuthError(step, "scope is no text")
    return value or ""


def _is_writable(value: object) -> bool:
    """Whether it can be kept: JSON can say a number that is beyond all, and half of a character."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True
