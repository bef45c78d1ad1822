"""Error codes: which exist, which HTTP status each has, and what a visitor can do about it.

A code comes from a query string, so anybody can write one: whatever is not in the table is
``Default``, and only a code of the table is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

#: The message ids of what the main button of an error page may say.
WayOut: TypeAlias = Literal["action.sign_in", "action.other_account", "action.try_again"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One error code. ``retype``: it is about what was typed, so the fields are marked too."""

    status: int
    way_out: WayOut = "action.try_again"
    retype: bool = False


DEFAULT: Final = "Default"
SESSION_REQUIRED: Final = "SessionRequired"
#: No failures but ordinary ways in: the sign-in page that says so is a 200.
INVITATIONS: Final = frozenset({SESSION_REQUIRED, "FreshSignInRequired"})

PROBLEMS: Final[Mapping[str, Problem]] = MappingProxyType(
    {
        "AccessDenied": Problem(403, "action.other_account"),
        "AccountNotLinked": Problem(403, "action.other_account"),
        "BadRequest": Problem(400),
        "CallbackFailed": Problem(500),
        "Configuration": Problem(500),
        "CredentialsSignin": Problem(401, retype=True),
        DEFAULT: Problem(400),
        "EmailInvalid": Problem(400, retype=True),
        "EmailSignin": Problem(503),
        "FreshSignInRequired": Problem(401, "action.sign_in"),
        "InvalidCheck": Problem(400),
        "LastAccount": Problem(409, "action.sign_in"),
        "MethodNotAllowed": Problem(405, "action.sign_in"),
        "MissingCSRF": Problem(403),
        "NoUserName": Problem(403, "action.other_account"),
        "NotFound": Problem(404, "action.sign_in"),
        "OAuthAccountNotLinked": Problem(403, "action.sign_in"),
        "OAuthCallbackError": Problem(400),
        "OAuthSignin": Problem(502),
        "PasskeyKept": Problem(409),
        "PasskeyNotAdded": Problem(400),
        "PasskeySignin": Problem(401),
        "PayloadTooLarge": Problem(413),
        "ProviderUnavailable": Problem(503),
        "SessionReadOnly": Problem(403, "action.sign_in"),
        SESSION_REQUIRED: Problem(401, "action.sign_in"),
        "TooManyAttempts": Problem(429),
        "Unavailable": Problem(503),
        "UntrustedHost": Problem(400),
        "UnsupportedMediaType": Problem(415),
        "Verification": Problem(403),
    }
)

#: What a refusal is about when its code says nothing.
_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: SESSION_REQUIRED,
        403: "AccessDenied",
        404: "NotFound",
        405: "MethodNotAllowed",
        413: "PayloadTooLarge",
        429: "TooManyAttempts",
        503: "Unavailable",
    }
)


def known_code(code: str | None, status: int | None = None) -> str:
    """The code itself if it is in the table, else the status's own, else ``Default``."""
    if code is not None and code in PROBLEMS:
        return code
    return _BY_STATUS.get(status or 0, DEFAULT)


def problem(code: str | None) -> Problem:
    """The table's row for a code; that of ``Default`` for one it does not have."""
    return PROBLEMS[known_code(code)]
