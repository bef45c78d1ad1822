"""What the answers of every endpoint have in common: an object, or an error (RFC 6749 5.2).

What lives here: reading a body without trusting it. What must not: what its fields mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from wsgi_auth.errors import OAuthError, OAuthSigninError, ProviderRefused, ProviderUnavailable
from wsgi_auth.types import Incoming

_ERROR = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_STRANGE = re.compile(r"[^ -~]|[\"\\<>]")
#: Most objects and lists in one another: whoever walks through them later has a stack to mind.
DEEPEST = 100
# The steps before the browser is sent to the provider.
_BEGINNING = ("discovery", "authorization")
#: RFC 6749 5.2: a client that is not known, or proves itself otherwise; or may not do this.
_OF_THE_CLIENT = frozenset(("invalid_client", "unauthorized_client", "unsupported_grant_type"))
# What may be a token, a code or a key that a description repeats.
_LONG = re.compile(r"[A-Za-z0-9._~+/=-]{20,}")


def object_in(response: Incoming) -> dict[str, Any] | None:
    """The JSON object that the body is, or None for any other body. Never raises."""
    try:
        return json_object(response.body.decode("utf-8-sig"))
    except ValueError:
        return None


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is, or None. Never raises.

    In every object each name stands once: of two values, another reader may believe the other
    (RFC 8259 4, RFC 7519 4)."""
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not _is_deep(found) else None


def form_in(response: Incoming) -> dict[str, Any] | None:
    """The fields of a form-encoded body, each of them once, or None. Never raises."""
    kind = media_type(response)
    if kind not in ("application/x-www-form-urlencoded", "text/plain", ""):
        return None
    try:
        pairs = parse_qsl(
            response.body.decode("ascii"), strict_parsing=True, max_num_fields=100, errors="strict"
        )
    except ValueError:
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def media_type(response: Incoming) -> str:
    """The media type without its parameters, in lower case."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def refuse_error(step: str, response: Incoming, fields: Mapping[str, Any] | None) -> None:
    """Raise what an answer that says no, or is out of order, amounts to; nothing for a 2xx answer
    without an ``error``.

    :class:`ProviderUnavailable` for 5xx and 429: whoever asked may ask again.
    :class:`ProviderRefused` for an ``error`` of RFC 6749 5.2, whatever the status (GitHub sends
    200). :class:`OAuthError` for what is neither. :class:`OAuthSigninError` for both in the steps
    before the visitor was asked anything: no user said no there.
    """
    error = None if fields is None else fields.get("error")
    if isinstance(error, Mapping):  # Facebook and other APIs: an object with details
        error = error.get("code") or error.get("type") or "error"
    status = response.status
    if status == 429 or (status >= 500 and error not in ("invalid_grant", "invalid_client")):
        raise ProviderUnavailable(f"{step}: the provider answered {status}")
    if error:
        refuse(step, str(error), None if fields is None else fields.get("error_description"))
    if not 200 <= status < 300:
        kind = OAuthSigninError if step in _BEGINNING else OAuthError
        raise kind(step, f"the provider answered {status}, where 200 was expected")


def refuse(step: str, error: str, description: object = None) -> NoReturn:
    """Raise :class:`ProviderRefused` with the provider's own error, cleaned for a log;
    :class:`OAuthSigninError` in the steps that begin a sign-in, and where the code is not given for
    what this application is or says of itself: no visitor has cancelled anything."""
    code = error if _ERROR.fullmatch(error) else "invalid"
    said = f": {_cleaned(description)}" if isinstance(description, str) and description else ""
    if step in _BEGINNING or (step == "token" and code in _OF_THE_CLIENT):
        raise OAuthSigninError(step, f"the provider answered {code}{said}")
    raise ProviderRefused(step, f"the provider answered {code}{said}", code)


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """The parameters by name, or None if one stands there twice (RFC 6749 3.1)."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            return None
        found[name] = value
    return found


def _cleaned(description: str) -> str:
    """One line for a log, in which nothing long enough to be a token is left."""
    return _LONG.sub("...", _STRANGE.sub("?", description[:300]))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _is_deep(found: dict[str, Any]) -> bool:
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        insides = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for inside in insides for each in inside if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
