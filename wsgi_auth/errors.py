"""The errors of the package: one ladder, each rung with a stable code that is safe in a URL.

What lives here: exceptions, and nothing that raises them. Bad input from a browser is not an
exception at all (it is a value: no session, the default page, a refusal); these classes are for
a developer's mistake (:class:`ConfigError`, :class:`UsageError`), for a refused sign-in, and for a
part of the system that is down.
"""

from __future__ import annotations


class AuthError(Exception):
    """Base of every error the package raises on purpose.

    ``code`` is the stable name that pages and ``?error=`` show; ``status`` the HTTP status that
    an answer made from it has. The message is for the log and the developer, never for a page.
    """

    code: str = "AuthError"
    status: int = 500


class ConfigError(AuthError):
    """The configuration is wrong; start-up stops. The message names the option and the cure."""

    code = "Configuration"

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key
        self.problem = problem


class ApplicationRaised(ConfigError):
    """Code of the application that the configuration names raised while it was imported or made:
    ``__cause__`` is what."""


class UsageError(AuthError):
    """The package's API is called where it cannot work (no middleware above, too late, ...)."""

    code = "Usage"


class CallbackError(AuthError):
    """A callable of the application raised or returned what it must not. Always denies."""

    code = "CallbackFailed"

    def __init__(self, callback: str, problem: str) -> None:
        super().__init__(f"the {callback} callback {problem}")
        self.callback = callback


#: What ``json.dumps`` raises for what is no JSON.
NO_JSON = (TypeError, ValueError, RecursionError)


def no_json(callback: str, did: str, problem: Exception) -> CallbackError:
    """A callable gave something that is no JSON: what it ``did`` with it, and one of
    :data:`NO_JSON`."""
    return CallbackError(callback, f"{did} what is no JSON: {problem}")


class StoreUnavailable(AuthError):
    """A store (sessions, limits) cannot be asked now: 503 on protected pages, cookie kept."""

    code = "Unavailable"
    status = 503


class AlreadyExists(AuthError):
    """A store has a record of that key already."""

    code = "AlreadyExists"
    status = 409


class AccessDenied(AuthError):
    """The visitor proved who they are, but may not sign in (``sign_in`` callback, ``allow_*``)."""

    code = "AccessDenied"
    status = 403


class CredentialsSignin(AuthError):
    """The password sign-in failed. Raise it, or a subclass with its own ``code``, in ``authorize``
    to tell the sign-in page more than "wrong name or password"."""

    code = "CredentialsSignin"
    status = 401


class PasskeyRefused(AuthError):
    """A passkey did not sign anybody in, or was not added, renamed or removed. The code is one of
    the pages' own; the message, for the log, says which check failed."""

    code = "PasskeySignin"
    status = 401

    def __init__(self, message: str, code: str = "PasskeySignin", status: int = 401) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TooManyAttempts(AuthError):
    """A limit on sign-in attempts is reached; ``retry_after`` says when to come back (seconds)."""

    code = "TooManyAttempts"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts; retry after {retry_after} s")
        self.retry_after = retry_after


class EmailInvalid(AuthError):
    """What was typed is no e-mail address that a link could be sent to."""

    code = "EmailInvalid"
    status = 400


class EmailSignin(AuthError):
    """The e-mail with the sign-in link could not be sent: try again later."""

    code = "EmailSignin"
    status = 503


class RecipientRefused(EmailSignin):
    """The mail server takes no mail for this address."""


class VerificationFailed(AuthError):
    """A sign-in link that works no longer, or never did: used, expired, changed."""

    code = "Verification"
    status = 403


class ProviderUnavailable(AuthError):
    """A provider could not be asked (down, slow, too large an answer, a 5xx): try again later."""

    code = "ProviderUnavailable"
    status = 503


class OAuthError(AuthError):
    """A sign-in with another party failed. ``step`` is where (``discovery``, ``authorization``,
    ``callback``, ``token``, ``id_token``, ``userinfo``, ``profile``, ``refresh``, ``logout``,
    ``access_token``, ``introspection``), and the message what was expected there; no token is ever
    part of it."""

    code = "OAuthCallbackError"
    status = 502

    def __init__(self, step: str, problem: str) -> None:
        super().__init__(f"{step}: {problem}")
        self.step = step
        self.problem = problem


class OAuthSigninError(OAuthError):
    """A sign-in with another party could not even begin: its metadata or answer is wrong, or it
    does not take this application for its client."""

    code = "OAuthSignin"


class OAuthCallbackError(OAuthError):
    """What the visitor's browser brought back is no answer to a sign-in of theirs."""

    status = 400


class StateLost(OAuthError):
    """The browser brought an answer without the sign-in it belongs to (cookie gone, too old, used
    already, another browser): the code is never exchanged."""

    code = "InvalidCheck"
    status = 400


class ProviderRefused(OAuthError):
    """The provider said no, in an ``error`` of its own (``access_denied``: the visitor did).
    ``error`` is its code, shown in the log only."""

    status = 403

    def __init__(self, step: str, problem: str, error: str = "") -> None:
        super().__init__(step, problem)
        self.error = error

    @property
    def is_final(self) -> bool:
        """Whether a refresh token is no good any more: only the user can help, by signing in."""
        return self.error in _FINAL


#: RFC 6749 5.2; what GitHub, Slack and Spring say in its place; OpenID Connect Core 3.1.2.6, which
#: Entra says of refresh tokens too.
_FINAL = frozenset(
    (
        "invalid_grant",
        "bad_refresh_token",
        "invalid_refresh_token",
        "invalid_token",
        "interaction_required",
        "login_required",
        "consent_required",
    )
)


class AccountNotLinked(AuthError):
    """The address belongs to somebody who signs in another way; linking takes a sign-in first."""

    code = "OAuthAccountNotLinked"
    status = 403


class AccountTaken(AccountNotLinked):
    """The account that is to be linked is another user's: it stays theirs."""

    code = "AccountNotLinked"


class LastAccount(UsageError):
    """The account that is to be unlinked is the last way in which its user can sign in."""

    code = "LastAccount"
    status = 409


class SignInAgain(AuthError):
    """The provider gives no more tokens for this user, who has to sign in there again: answer with
    ``auth.challenge(provider)``, which sends a browser there and back (without the provider's id it
    is 403, for the session is as good as before)."""

    code = "RefreshTokenError"
    status = 401
