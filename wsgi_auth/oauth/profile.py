"""What a provider says of somebody, to a user: ``id``, ``name``, ``email``, ``email_verified``,
``image``, ``login``, ``groups``.

What lives here: what is believed of it, and what is left out. What must not: the language of
mappings (``providers/mapping``), any provider's own fields (``providers/catalogue``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wsgi_auth.errors import CallbackError, OAuthError
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.providers.oauth import OIDC, OAuth

#: Most characters: a session travels with every request.
_LONGEST = {"name": 256, "login": 256, "email": 254, "image": 1024}
_MOST_ID = 255  # OpenID Connect Core 2, of sub
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]{1,64}@[^@\s\"(),:;<>\[\\\]/]{1,253}")
_IMAGE = re.compile(r"https://[!-~]+")


def document(
    claims: Mapping[str, Any] | None = None,
    userinfo: Mapping[str, Any] | None = None,
    tokens: Tokens | None = None,
    more: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All that is known, as the one object that a profile mapping reads.

    What userinfo says goes over the ID token's ``claims``; an address is never vouched for by what
    was said of another. The further fields of the token response are under ``tokens``, the answers
    of further requests under their names, and what the callback brought under ``user``.
    """
    claims, userinfo = claims or {}, userinfo or {}
    found = {**claims, **userinfo}
    if "email" in userinfo and userinfo["email"] != claims.get("email"):
        found["email_verified"] = userinfo.get("email_verified")
    if tokens is not None:
        found["tokens"] = tokens.extras
    found.update(more or {})
    if user is not None:
        found["user"] = user
    return found


def user_from(provider: OAuth | OIDC, document: Mapping[str, Any]) -> dict[str, Any]:
    """The user, by the provider's ``profile``. ``email_verified`` is always there where ``email``
    is, and True only for the value True, or for a provider that vouches.

    Raises :class:`OAuthError` when nothing says who it is: an id is never made up. Of the rest,
    what is of the wrong kind is left out. A ``profile`` function is the application's own: it is
    :class:`CallbackError` when it fails, and what it returns is taken as it is.
    """
    if callable(provider.profile):
        return _asked(provider, document)
    found = provider.mapper.read(document)
    user: dict[str, Any] = {"id": _id(found.get("id"))}
    for name in ("name", "login", "email", "image"):
        value = _text(found.get(name), _LONGEST[name])
        if name == "email" and value and not _EMAIL.fullmatch(value):
            value = ""
        if name == "image" and value and not _IMAGE.fullmatch(value):
            value = ""  # a data URL would be the whole picture, at every request
        if value:
            user[name] = value
    if "email" in user:
        user["email_verified"] = provider.vouches or found.get("email_verified") is True
    groups = found.get("groups")
    names = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    texts = [text for text in (_text(name, 256) for name in names) if text]
    if texts:
        user["groups"] = texts
    return user


def _asked(provider: OAuth | OIDC, document: Mapping[str, Any]) -> dict[str, Any]:
    assert callable(provider.profile)  # noqa: S101 - the caller looked
    name = f"{provider.id} profile"
    try:
        user = provider.profile(document)
    except Exception as error:
        raise CallbackError(name, f"raised {type(error).__name__}") from error
    if not isinstance(user, Mapping):
        raise CallbackError(name, f"must return a mapping, not a {type(user).__name__}")
    return {**user}


def _id(value: object) -> str:
    """The id as text: some providers number their users."""
    text = _text(value, _MOST_ID)
    if not text:
        raise OAuthError("profile", "the provider did not say who it is: its answer has no id")
    return text


def _text(value: object, longest: int) -> str:
    """A text, or a whole number as one; "" for anything else, and for what cannot be written."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if -(2**63) <= value < 2**64 else ""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        return ""
    return value
