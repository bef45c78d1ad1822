"""The second step: what the browser brings back from a provider.

What lives here: the checks before a code may be used. What must not: using it (``token``), and
finding the flow it belongs to (``checks``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from wsgi_auth.errors import OAuthCallbackError, StateLost
from wsgi_auth.oauth.answers import json_object, once, refuse
from wsgi_auth.oauth.checks import Flow
from wsgi_auth.oauth.metadata import Metadata
from wsgi_auth.providers.oauth import OIDC, OAuth

_CODE = re.compile(r"[!-~]{1,4096}")
_LONGEST_USER = 4096
#: What only other flows answer with: implicit and hybrid (RFC 6749 4.2.2), JARM.
_OTHER_FLOWS = ("access_token", "id_token", "token", "response")


@dataclass(frozen=True, repr=False)
class ValidatedCallback:
    """An answer that belongs to ``flow``: its ``code`` may be exchanged, once.

    ``user`` is what Apple sends beside it at the first sign-in: unsigned, so for a name at most.
    """

    flow: Flow
    code: str
    user: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<ValidatedCallback of {self.flow!r}>"


def validate_callback(
    params: Iterable[tuple[str, str]],
    flow: Flow,
    metadata: Metadata,
    provider: OAuth | OIDC,
    *,
    posted: bool = False,
) -> ValidatedCallback:
    """The answer, if it is the provider's to this flow (RFC 6749 4.1.2, 10.12; RFC 9207 2.4).

    ``params`` are the pairs of the query, or of the form when it was ``posted``. Raises
    :class:`StateLost` for a state that is not the flow's,
    :class:`~wsgi_auth.errors.ProviderRefused` for an error of the provider, and
    :class:`OAuthCallbackError` for anything else that is not in order. In this order, so that
    nothing is believed of an answer that is not ours.
    """
    found = once(params)
    if found is None:
        raise OAuthCallbackError("callback", "a parameter stands there twice")
    if posted != (provider.response_mode == "form_post"):
        expected = "a form" if provider.response_mode == "form_post" else "a query"
        raise OAuthCallbackError("callback", f"the answer must come as {expected}")
    if (flow.provider, flow.tenant) != (provider.id, provider.tenant):
        raise StateLost("callback", "the sign-in was begun at another provider")
    state = found.get("state", "")
    if not state or not compare_digest(state.encode("utf-8", "replace"), flow.state.encode()):
        raise StateLost("callback", "the state is not the one that was sent")
    _check_issuer(found.get("iss"), metadata, provider)
    if found.get("error"):
        refuse("callback", found["error"], found.get("error_description"))
    for name in _OTHER_FLOWS:
        if name in found:
            raise OAuthCallbackError("callback", f"{name} is no answer to the code flow")
    code = found.get("code", "")
    if not _CODE.fullmatch(code):
        raise OAuthCallbackError("callback", "there is no code")
    return ValidatedCallback(flow, code, _user(found) if provider.callback_user else None)


def _check_issuer(given: str | None, metadata: Metadata, provider: OAuth | OIDC) -> None:
    """``iss``: compared when it is sent, demanded when it was announced, so that an answer of one
    provider is never taken to another (RFC 9207 2.4, RFC 9700 4.4)."""
    if given is None:
        if metadata.authorization_response_iss_parameter_supported:
            raise OAuthCallbackError("callback", "iss is missing, which the provider announced")
        return
    if isinstance(provider, OIDC) and provider.issuer_pattern:
        # which tenant it is, the ID token says; here, that it is one of them
        before, _, rest = provider.issuer_pattern.partition("{")
        after = rest.partition("}")[2]
        pattern = f"{re.escape(before)}[A-Za-z0-9-]+{re.escape(after)}"
        ok = re.fullmatch(pattern, given) is not None
    else:
        # without an issuer there is nothing to compare: each provider has a callback of its own
        expected = metadata.issuer or provider.issuer
        ok = given == expected or not expected
    if not ok:
        raise OAuthCallbackError("callback", "iss is another provider's")


def _user(found: Mapping[str, str]) -> Mapping[str, Any] | None:
    text = found.get("user", "")
    if not text or len(text) > _LONGEST_USER:
        return None
    return json_object(text)
