"""What a page is told: frozen rows of plain text, escaped where they are put into HTML.

``form_action``, where there is one: origins beside our own to which a form may lead in the end.
Chromium holds the whole chain of redirects after a POST to the policy, so a provider's
authorization endpoint (or an origin of ``allowed_redirects``) must be named or the browser stops.
Where a provider sends people on to others, ``https:`` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The form field that a chooser of people posts.
CHOICE_FIELD: Final = "user"
#: The form field that the e-mail form posts.
EMAIL_FIELD: Final = "email"


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input of a form. A type that is not a plain one-line input is shown as ``text``.

    ``label`` empty: the page's own word for a user name, a password or an e-mail address.
    ``autocomplete`` empty: derived from type and name. ``value`` is never shown for a password.
    """

    name: str
    label: str = ""
    type: str = "text"
    autocomplete: str = ""
    required: bool = True
    value: str = ""
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """One made-up person: ``value`` is posted as :data:`CHOICE_FIELD`."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProviderView:
    """One way to sign in. ``type``: ``credentials`` and ``htpasswd`` show ``fields``, ``email``
    one e-mail field, ``dev`` its ``choices``; anything else is one button, which for ``passkey``
    asks the browser first. ``icon``: an image of the site's own, in place of ours in the first of
    ``colors`` that will do."""

    id: str
    name: str
    type: str
    action_url: str
    fields: tuple[FieldView, ...] = ()
    choices: tuple[ChoiceView, ...] = ()
    icon: str = ""
    colors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInView:
    """The sign-in page. ``error_code`` may be anything a query string holds. ``app_name`` stands
    in for that of :class:`Pages`. ``asks_to_remember``: a box "Keep me signed in".
    ``script_url``: ``passkey.js``, which a provider of type ``passkey`` needs. ``last_used``: the
    id of the provider to mark, if it is one of them. ``acr_values``: how strong a sign-in is asked
    for, which is for OpenID Providers alone."""

    providers: tuple[ProviderView, ...]
    csrf_token: str
    callback_url: str = ""
    error_code: str | None = None
    signed_in_as: str | None = None
    app_name: str | None = None
    form_action: tuple[str, ...] = ()
    asks_to_remember: bool = False
    script_url: str = ""
    last_used: str = ""
    acr_values: str = ""


@dataclass(frozen=True, slots=True)
class SignOutView:
    """The question before signing out; ``callback_url`` is also where Cancel leads."""

    action_url: str
    csrf_token: str
    callback_url: str = ""
    user_name: str | None = None
    form_action: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorView:
    """A sign-in that failed. ``code`` may be anything; ``status`` None takes the code's own."""

    code: str | None
    sign_in_url: str | None = None
    home_url: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """Where a link in a mail leads. ``asked``, if it was asked for elsewhere: when, by which
    device, from which address. ``fields`` are posted as they are."""

    action_url: str
    csrf_token: str
    host: str
    email: str
    fields: tuple[tuple[str, str], ...]
    asked: tuple[str, str, str] | None = None
    cancel_url: str | None = None
    signed_in_as: str | None = None
    form_action: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail with a sign-in link. ``asked``: when, by which device, from which address."""

    url: str
    host: str
    minutes: int
    asked: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class VerifyRequestView:
    """An e-mail with a link was sent; ``host`` is what the link signs in to."""

    host: str
    sign_in_url: str | None = None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of a user; ``label`` is what they are called there, "" for not known."""

    provider: str
    id: str
    provider_name: str
    label: str = ""
    can_unlink: bool = True


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """One passkey of a user; ``added`` is the day, as it is shown."""

    id: str
    name: str
    added: str
    can_remove: bool = True


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of a user. ``agent`` is what the browser calls itself, ``seen`` when it was last
    seen, as it is shown."""

    id: str
    agent: str
    address: str
    seen: str
    is_this: bool = False


@dataclass(frozen=True, slots=True)
class AccountView:
    """The page of a user's own accounts and sessions; ``links`` are what else can be linked.
    With a ``passkeys_url`` there are passkeys, which the script at ``passkey_script`` adds;
    their names have at most ``longest_name`` characters; ``page_url`` is the page's own."""

    csrf_token: str
    user_name: str
    unlink_url: str
    sessions_url: str
    user_email: str = ""
    accounts: tuple[AccountRow, ...] = ()
    links: tuple[ProviderView, ...] = ()
    passkeys: tuple[PasskeyRow, ...] = ()
    passkeys_url: str = ""
    passkey_script: str = ""
    longest_name: int = 60
    page_url: str = ""
    sessions: tuple[SessionRow, ...] = ()
    sign_out_url: str | None = None
    home_url: str | None = None
    error_code: str | None = None
    form_action: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkView:
    """The question before linking an account that was proven; ``label`` as in
    :class:`AccountRow`."""

    action_url: str
    csrf_token: str
    provider_name: str
    label: str
    user_name: str
    cancel_url: str = ""
    form_action: tuple[str, ...] = ()
