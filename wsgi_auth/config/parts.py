"""The groups of options, as frozen values with their defaults.

What lives here: what an option is called, its default, and its documentation. How a value gets
in and what is refused: ``values`` (one option) and ``checks`` (options together).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from wsgi_auth.cookies import CookieFormat
from wsgi_auth.frozen import Frozen

#: The options that say who may sign in: of the configuration for all, of a provider for its own.
ALLOWED = ("allow_emails", "allow_domains", "allow_groups")
DAY = 86_400

EVENTS = (
    "sign_in",
    "sign_out",
    "create_user",
    "update_user",
    "link_account",
    "unlink_account",
    "session",
    "denied",
)


def env_prefix(provider_id: str) -> str:
    """``AUTH_GITHUB_`` for ``github``: upper case, a hyphen as an underscore (as Auth.js)."""
    return f"AUTH_{provider_id.upper().replace('-', '_')}_"


class SessionOptions(Frozen):
    """How long a session lives and where it is kept. Times are seconds."""

    strategy: Literal["cookie", "jwt", "database"] = "cookie"
    #: Never write or delete the session cookie (another program owns it).
    read_only: bool = False
    #: Idle life: a session unused for this long has ended.
    max_age: int = 30 * DAY
    #: A session in use is prolonged at most this often; 0 is at every request. A twelfth of
    #: ``max_age`` where that is a day or less.
    update_age: int = DAY
    #: Whether a session outlives the browser's: always, or as a box on the sign-in page says.
    remember: Literal["always", "ask"] = "always"
    #: The whole life since sign-in, however busy; None is without end.
    absolute_age: int | None = None
    #: After a sign-in, how long a user may change by what they sign in; 0 is without end.
    fresh_age: int = 15 * 60
    #: Strategy ``jwt``: your own token in place of Auth.js's.
    encode: Callable[..., Any] | None = None
    decode: Callable[..., Any] | None = None


class RevocationOptions(Frozen):
    """The list of sessions that were ended before their time. Times are seconds."""

    #: For how long the last list serves when the store does not answer.
    max_stale: int = 60


class Callbacks(Frozen):
    """The application's own word in sign-in and session; None keeps the default."""

    sign_in: Callable[..., Any] | None = None
    redirect: Callable[..., Any] | None = None
    jwt: Callable[..., Any] | None = None
    session: Callable[..., Any] | None = None
    bearer: Callable[..., Any] | None = None


class PageOptions(Frozen):
    """Your own pages in place of the built-in ones: paths below the mount."""

    #: May be an absolute URL: sign-in then lives in another application.
    sign_in: str | None = None
    sign_out: str | None = None
    error: str | None = None
    verify_request: str | None = None
    new_user: str | None = None
    #: False: neither the page nor what it posts to is there.
    account: str | Literal[False] | None = None


class Limits(Frozen, hidden=("storage",)):
    """Attempts at sign-in, as ``10 per 15 minutes``; ``off`` lifts one."""

    account: str = "10 per 15 minutes"
    address: str = "50 per 15 minutes"
    #: ``memory://`` counts in this process; a Redis URL (it may hold a password) counts for all.
    storage: str = "memory://"


class Responders(Frozen):
    """Your own answers: ``f(environ, decision)`` returns a WSGI application; None is built in."""

    redirect: Callable[..., Any] | None = None
    unauthorized: Callable[..., Any] | None = None
    forbidden: Callable[..., Any] | None = None


class Cookies(Frozen):
    """The cookies by purpose, with names and attributes as they are sent."""

    session: CookieFormat
    csrf: CookieFormat
    dev: CookieFormat
    #: The sign-ins under way with other parties, sealed; answers that come as a cross-site POST
    #: (``form_post``) bring only a cookie of SameSite=None with them.
    flow: CookieFormat
    flow_post: CookieFormat
    #: An account that was proven in such an answer, until its user says whether to link it, sealed.
    link: CookieFormat
    #: The tokens of other parties for a provider with ``tokens``, sealed.
    tokens: CookieFormat
    #: The id of the provider that this browser used last: the sign-in page marks it. No proof.
    last_provider: CookieFormat
    #: The questions that passkeys of this browser may answer, sealed.
    passkey: CookieFormat
