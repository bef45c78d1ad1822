"""Every word that the built-in pages show: message id to text, each replaceable.

What lives here: the English texts, and :class:`Texts`, those of one language with a site's own
wording. What must not: markup (a text is plain text; the pages escape it), and other languages:
those are gettext catalogues in ``locale``, found by ``languages``.

The ids are a public interface. ``error.<code>.heading`` and ``error.<code>.text`` belong to the
error code of that name, ``refusal.<code>.*`` are said instead when a page of the application was
refused rather than a sign-in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wsgi_auth.errors import ConfigError

if TYPE_CHECKING:
    from gettext import NullTranslations

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        # not shown: the language tag and the writing direction of the texts; in no catalogue
        "lang": "en",
        "dir": "ltr",
        # sign-in
        "sign_in.heading": "Sign in",
        "sign_in.submit": "Sign in",
        "sign_in.with": "Sign in with {provider}",
        "sign_in.or": "or",
        "sign_in.username": "User name",
        "sign_in.password": "Password",
        "sign_in.email": "E-mail address",
        "sign_in.email_submit": "Send me a sign-in link",
        "sign_in.passkey": "Sign in with a passkey",
        "sign_in.passkey_problem": "No passkey was used. Try again, or sign in another way.",
        "sign_in.passkey_script": "Passkeys need JavaScript.",
        "sign_in.remember": "Keep me signed in",
        "sign_in.last_used": "Last used",
        "sign_in.choose": "Choose who to be. These people are made up, for development.",
        "sign_in.choose_closed": "The choice of made-up people opens with the link "
        "that the server printed when it started.",
        "sign_in.signed_in_as": "You are signed in as {name}.",
        "sign_in.nothing": "No way to sign in has been set up.",
        # sign-out
        "sign_out.heading": "Sign out",
        "sign_out.text": "You are signed in as {name}. Do you want to sign out?",
        "sign_out.text_nameless": "Do you want to sign out?",
        "sign_out.submit": "Sign out",
        # a user's own accounts and sessions
        "account.heading": "Your account",
        "account.accounts": "How you sign in",
        "account.none": "No other account is linked.",
        "account.last": "This is the only way in which you can sign in.",
        "account.link": "Link {provider}",
        "account.unlink": "Unlink",
        "account.passkeys": "Passkeys",
        "account.passkey_added": "Added {time}",
        "account.add_passkey": "Add a passkey",
        "account.passkey_problem": "No passkey was added. Try again.",
        "account.passkey_name": "Name of the passkey",
        "account.rename": "Rename",
        "account.save": "Save",
        "account.remove": "Remove",
        "account.sessions": "Where you are signed in",
        "account.device": "{browser} on {system}",
        "account.unknown_device": "Unknown device",
        "account.this": "This device",
        "account.seen": "Last seen {time}",
        "account.end": "Sign out",
        "account.end_others": "Sign out everywhere else",
        "account.end_all": "Sign out everywhere",
        "link.heading": "Link this account?",
        "link.text": "{provider} knows you as {name}. From now on that account signs you in "
        "as {user}.",
        "link.text_nameless": "From now on your account at {provider} signs you in as {user}.",
        "link.submit": "Link",
        # an e-mail with a link was sent
        "verify_request.heading": "Check your e-mail",
        "verify_request.text": "A link is on its way to you. Open it to sign in to {host}.",
        "verify_request.hint": "Nothing there after a few minutes? Look among the spam.",
        # the page that a link leads to
        "confirm.heading": "Sign in to {host}",
        "confirm.text": "You are about to sign in as {email}.",
        "confirm.elsewhere": "The link was asked for in another browser or on another device: "
        "{time}, {device}, {address}. Go on only if that was you.",
        "confirm.submit": "Sign in",
        "confirm.submit_here": "Sign in here",
        # the e-mail with the link
        "mail.subject": "Sign in to {host}",
        "mail.heading": "Sign in to {host}",
        "mail.button": "Sign in",
        "mail.limits": "The link works once, within {minutes} minutes.",
        "mail.asked": "It was asked for on {time}: {device}, {address}.",
        "mail.ignore": "If that was not you, ignore this e-mail. Nobody gets in without the link.",
        "device.unknown": "unknown browser",
        "device.address_unknown": "unknown address",
        # what a visitor can do next
        "action.sign_in": "Sign in",
        "action.other_account": "Use another account",
        "action.try_again": "Try again",
        "action.home": "Go to the home page",
        "action.cancel": "Cancel",
        # errors
        "error.code": "Error code: {code}",
        "error.AccessDenied.heading": "Access denied",
        "error.AccessDenied.text": "This account may not sign in here.",
        "error.AccountNotLinked.heading": "Account already in use",
        "error.AccountNotLinked.text": "This account is linked to somebody else here.",
        "error.BadRequest.heading": "Not understood",
        "error.BadRequest.text": "What was sent could not be read. Please start again.",
        "error.CallbackFailed.heading": "Something went wrong",
        "error.CallbackFailed.text": "The application could not complete this step. "
        "If it happens again, tell the people who run it.",
        "error.Configuration.heading": "Server error",
        "error.Configuration.text": "Sign-in is not set up correctly on this server. "
        "The people who run it find the reason in its log.",
        "error.CredentialsSignin.heading": "Sign-in failed",
        "error.CredentialsSignin.text": "That did not match. Check what you entered and try again.",
        "error.Default.heading": "Something went wrong",
        "error.Default.text": "The sign-in did not work. Please try again.",
        "error.EmailInvalid.heading": "No e-mail address",
        "error.EmailInvalid.text": "That is no e-mail address. Check what you entered and try "
        "again.",
        "error.EmailSignin.heading": "E-mail not sent",
        "error.EmailSignin.text": "The e-mail with the link could not be sent. "
        "Try again in a moment.",
        "error.FreshSignInRequired.heading": "Please sign in again",
        "error.FreshSignInRequired.text": "This page wants to be sure that it is you. "
        "Sign in again to go on.",
        "error.InvalidCheck.heading": "Sign-in expired",
        "error.InvalidCheck.text": "This sign-in took too long, or it was started in another "
        "browser. Please start again.",
        "error.LastAccount.heading": "Still needed",
        "error.LastAccount.text": "It is the only way in which you can sign in. "
        "Link another one first.",
        "error.MethodNotAllowed.heading": "Not possible this way",
        "error.MethodNotAllowed.text": "This address cannot be used like that. "
        "Please start from the sign-in page.",
        "error.MissingCSRF.heading": "Please try that again",
        "error.MissingCSRF.text": "The page was open too long, or the request did not come from "
        "it. Go back to the form and send it again. Cookies must be allowed.",
        "error.NoUserName.heading": "No user name",
        "error.NoUserName.text": "This account has no user name that the application can use.",
        "error.NotFound.heading": "Page not found",
        "error.NotFound.text": "There is nothing at this address.",
        "error.OAuthAccountNotLinked.heading": "Known e-mail address",
        "error.OAuthAccountNotLinked.text": "There is already an account with your e-mail address. "
        "Sign in the way you did before. You can link this one then.",
        "error.OAuthCallbackError.heading": "Sign-in not completed",
        "error.OAuthCallbackError.text": "The sign-in service did not confirm who you are. "
        "Perhaps it was cancelled. Please try again.",
        "error.OAuthSignin.heading": "Sign-in service not usable",
        "error.OAuthSignin.text": "The sign-in service cannot be used from here. "
        "The people who run this server find the reason in its log.",
        "error.PasskeyKept.heading": "Your only way to sign in",
        "error.PasskeyKept.text": "Without this passkey you could not sign in any more. "
        "Add another one first.",
        "error.PasskeyNotAdded.heading": "Passkey not added",
        "error.PasskeyNotAdded.text": "The passkey could not be added. Please try again.",
        "error.PasskeySignin.heading": "Sign-in failed",
        "error.PasskeySignin.text": "That passkey did not work here. Try again, "
        "or sign in another way.",
        "error.PayloadTooLarge.heading": "Too much data",
        "error.PayloadTooLarge.text": "What was sent is larger than this page accepts.",
        "error.ProviderUnavailable.heading": "Sign-in service not reached",
        "error.ProviderUnavailable.text": "The sign-in service did not answer. "
        "Try again in a moment, or sign in another way.",
        "error.SessionReadOnly.heading": "Not possible here",
        "error.SessionReadOnly.text": "Signing in and out is done in another application, "
        "and this one only knows who you are.",
        "error.SessionRequired.heading": "Please sign in",
        "error.SessionRequired.text": "Sign in to see this page.",
        "error.TooManyAttempts.heading": "Too many attempts",
        "error.TooManyAttempts.text": "There were too many attempts. Wait a few minutes, "
        "then try again.",
        "error.Unavailable.heading": "Not available right now",
        "error.Unavailable.text": "This part of the system does not answer at the moment. "
        "You are still signed in if you were. Try again shortly.",
        "error.UntrustedHost.heading": "Unknown address",
        "error.UntrustedHost.text": "This server does not answer under the address that was used.",
        "error.UnsupportedMediaType.heading": "Not understood",
        "error.UnsupportedMediaType.text": "What was sent has a format that this page does not "
        "read.",
        "error.Verification.heading": "This link no longer works",
        "error.Verification.text": "The sign-in link was used already, or it has expired. "
        "Ask for a new one.",
        # refusals of the application's own pages
        "refusal.AccessDenied.heading": "No access",
        "refusal.AccessDenied.text": "You are signed in, but this page is not open to you.",
    }
)

#: The texts that depend on a number, as they are for one: English has two forms, a catalogue has as
#: many as its language.
SINGULAR: Final[Mapping[str, str]] = MappingProxyType(
    {"mail.limits": "The link works once, within {minutes} minute."}
)
#: What is no text but says which language the texts are in.
ABOUT: Final = ("lang", "dir")
#: Languages that are written from right to left (Unicode CLDR, characterOrder).
_RIGHT_TO_LEFT: Final = frozenset(
    (
        "ar", "arc", "ckb", "dv", "fa", "he", "ks", "mzn", "nqo", "ps", "rhg", "sd", "sdh", "syr",
        "ug", "ur", "yi",
    )
)  # fmt: skip
#: A tag that says more than a catalogue's name: which of two scripts, for the choice of glyphs.
_IN_FULL: Final[Mapping[str, str]] = MappingProxyType({"zh": "zh-Hans"})
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
#: Numbers among which each plural form of every language occurs.
_COUNTS: Final = range(200)


class Texts(Mapping[str, str]):
    """The texts of one language: ``translations`` of the English ones (by msgctxt, which is the
    message id, and msgid), with ``overrides`` in place of some or all.

    A text may use the ``{placeholders}`` of the English one, or leave them out. ``lang`` is a
    language tag, ``dir`` is ``ltr`` or ``rtl``; both follow from ``tag`` unless given. Read-only;
    what is wrong is a ``ConfigError``.
    """

    __slots__ = ("_is_own", "_texts", "_translations")

    def __init__(
        self,
        overrides: Mapping[str, str] | None = None,
        tag: str = "en",
        translations: NullTranslations | None = None,
    ) -> None:
        own = overrides or {}
        check_texts(own)
        texts = dict(ENGLISH)
        if translations is not None:
            texts |= translated(translations)
        tag = own.get("lang", tag)
        texts |= {"lang": _IN_FULL.get(tag, tag), "dir": direction(tag)}
        self._texts = {**texts, **own}
        self._is_own = frozenset(own)
        self._translations = translations

    def __getitem__(self, message_id: str) -> str:
        return self._texts[message_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"<Texts {self['lang']!r}, {len(self)} messages>"

    def counted(self, message_id: str, number: int) -> str:
        """A text of :data:`SINGULAR` in the form that its language has for this number."""
        one, other = SINGULAR[message_id], ENGLISH[message_id]
        if message_id in self._is_own:
            return self._texts[message_id]
        if self._translations is None:
            return one if number == 1 else other
        return self._translations.npgettext(message_id, one, other, number)


def check_texts(texts: Mapping[str, str], key: str = "texts") -> None:
    """Raise :class:`ConfigError`, under ``key``, for what can be no text of ours."""
    for message_id, text in texts.items():
        _check(f"{key}.{message_id}", message_id, text)


def translated(translations: NullTranslations, key: str = "texts") -> dict[str, str]:
    """What a catalogue says for the English texts; English where it says nothing. A text that
    cannot be filled in raises :class:`ConfigError`."""
    found = {}
    for message_id, english in ENGLISH.items():
        if message_id in ABOUT:
            continue
        one = SINGULAR.get(message_id)
        if one is None:
            forms = [translations.pgettext(message_id, english)]
        else:
            counts = (*_COUNTS, 2)  # the last stands for the text where no number is said
            forms = [translations.npgettext(message_id, one, english, each) for each in counts]
        for form in dict.fromkeys(forms):
            _check(f"{key}.{message_id}", message_id, form)
        found[message_id] = forms[-1]
    return found


def is_language_tag(tag: object) -> bool:
    """Whether it has the form of a language tag (RFC 5646), such as ``de`` or ``pt-BR``."""
    return isinstance(tag, str) and _LANGUAGE_TAG.fullmatch(tag) is not None


def direction(tag: str) -> str:
    """``rtl`` for a language that is written from right to left, else ``ltr``."""
    subtags = tag.lower().split("-")
    if len(subtags) > 1 and len(subtags[1]) == 4:  # the script is named
        written = subtags[1] in ("arab", "hebr", "thaa", "syrc", "nkoo", "rohg", "adlm")
        return "rtl" if written else "ltr"
    return "rtl" if subtags[0] in _RIGHT_TO_LEFT else "ltr"


def _check(key: str, message_id: object, text: object) -> None:
    if not isinstance(message_id, str) or message_id not in ENGLISH:
        raise ConfigError(key, f"there is no message of that id{_near_miss(message_id)}")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(key, f"needs a text that is not blank, not {text!r}")
    if message_id == "lang" and not is_language_tag(text):
        raise ConfigError(key, f"{text!r} is not a language tag such as de or pt-BR")
    if message_id == "dir" and text not in ("ltr", "rtl"):
        raise ConfigError(key, f"{text!r} is not a direction; ltr or rtl")
    if message_id == "mail.subject" and text.splitlines() != [text]:  # no mail could be sent
        raise ConfigError(key, f"must be one line, not {text!r}")
    allowed = _placeholders(ENGLISH[message_id])
    try:
        unknown = _placeholders(text) - allowed
    except ValueError as error:
        raise ConfigError(key, f"{error}; a brace that is meant is doubled") from None
    if unknown:
        usable = ", ".join(sorted(allowed)) or "no placeholder"
        raise ConfigError(key, f"{{{min(unknown)}}} cannot be filled in; this text has {usable}")


def _placeholders(text: str) -> set[str]:
    """The replacement fields, conversions and format specs included so that none passes."""
    return {
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in Formatter().parse(text)
        if name is not None
    }


def _near_miss(message_id: object) -> str:
    from difflib import get_close_matches  # only ever needed on the way to a start-up error

    near = get_close_matches(str(message_id), ENGLISH, n=1)
    return f"; did you mean {near[0]}?" if near else ""
