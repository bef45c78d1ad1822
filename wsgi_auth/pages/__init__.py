"""The built-in pages: sign-in, sign-out, account, error, verify-request, and refusals.

What lives here: a view (plain values) goes in, a :class:`Page` (HTML and headers) comes out. What
must not: requests, cookies, configuration, or a decision about who may do what. The package is
imported when the first page is needed, so that an application with pages of its own never pays
for it.
"""

from wsgi_auth.pages.pages import Page, Pages
from wsgi_auth.pages.problems import PROBLEMS, Problem, known_code, problem
from wsgi_auth.pages.views import (
    CHOICE_FIELD,
    EMAIL_FIELD,
    AccountRow,
    AccountView,
    ChoiceView,
    ConfirmView,
    ErrorView,
    FieldView,
    LinkView,
    MailView,
    PasskeyRow,
    ProviderView,
    SessionRow,
    SignInView,
    SignOutView,
    VerifyRequestView,
)

__all__ = [
    "CHOICE_FIELD",
    "EMAIL_FIELD",
    "PROBLEMS",
    "AccountRow",
    "AccountView",
    "ChoiceView",
    "ConfirmView",
    "ErrorView",
    "FieldView",
    "LinkView",
    "MailView",
    "Page",
    "Pages",
    "PasskeyRow",
    "Problem",
    "ProviderView",
    "SessionRow",
    "SignInView",
    "SignOutView",
    "VerifyRequestView",
    "known_code",
    "problem",
]
