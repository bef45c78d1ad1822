"""From a view to a page: small functions that each return escaped HTML, and :class:`Pages`.

Everything is ``markupsafe.Markup``: a constant of this module, or a value escaped on its way in.
The policy needs no ``unsafe-inline``: the one style sheet is permitted by its hash, no element has
a ``style`` attribute, and the one script there may be is a file of ours (for passkeys).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from wsgi_auth.pages.devices import device
from wsgi_auth.pages.icons import icon
from wsgi_auth.pages.letter import Letter, letter
from wsgi_auth.pages.problems import INVITATIONS, PROBLEMS, known_code
from wsgi_auth.pages.style import stylesheet
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
from wsgi_auth.texts import Texts
from wsgi_auth.theme import Theme
from wsgi_auth.types import Headers

NOTHING: Final = Markup("")
#: Markup's join: what is no markup yet is escaped.
_join: Final = NOTHING.join

# "same-origin", not "no-referrer": with the latter browsers send "Origin: null" with a form, which
# the check for same origin refuses (Fetch, "append a request Origin header").
_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("X-Robots-Tag", "noindex"),
)

_ORIGIN = re.compile(r"https:|https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
_LINK = re.compile(r"(?:https?://|/(?![/\\]))", re.ASCII | re.IGNORECASE)
_PASSWORD_TYPES: Final = frozenset({"credentials", "htpasswd"})
_FORM_TYPES: Final = _PASSWORD_TYPES | {"email", "dev"}
_INPUT_TYPES: Final = frozenset({"text", "email", "password", "tel", "url", "number", "search"})
_USERNAMES: Final = frozenset({"username", "user", "login", "email"})

_ICON_ALERT: Final = Markup(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3 2 20h20zM12 10v4m0 3v0"/></svg>'
)
_ICON_LOCK: Final = Markup(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M5 11h14v9H5zM8 11V7a4 4 0 0 1 8 0v4"/>'
    "</svg>"
)
_ICON_MAIL: Final = Markup(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 5h18v14H3zm0 2 9 6 9-6"/></svg>'
)

# Stand in the prepared refusal for what differs from request to request; U+FDD0 and U+FDD1 are
# noncharacters, so no text has them.
_SIGN_IN_SLOT: Final = "/\ufdd0"
_HOME_SLOT: Final = "/\ufdd1"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its HTML, its headers (a list of its own, for adding to), and its status."""

    html: str
    headers: Headers
    status: int = 200
    #: Whether it would be another in another language.
    is_negotiated: bool = False

    def with_script(self, digest: str = "") -> Page:
        """The same page, whose policy lets scripts of this site run and ask it; or, with a
        ``digest``, the one in the page that has it, and no other."""
        more = f"; script-src {digest}" if digest else "; script-src 'self'; connect-src 'self'"
        headers = [
            (name, value + more if name == "Content-Security-Policy" else value)
            for name, value in self.headers
        ]
        return replace(self, headers=headers)

    def without_its_address(self) -> Page:
        """The same page, of whose address nobody learns more than the origin (the Referer)."""
        return replace(self, headers=without_address(self.headers))

    @property
    def body(self) -> bytes:
        """The HTML as UTF-8; what cannot be encoded (a lone surrogate) becomes ``?``."""
        return self.html.encode("utf-8", "replace")


def without_address(headers: Headers) -> Headers:
    """Headers of a page of whose address nobody learns more than the origin."""
    others = [each for each in headers if each[0] != "Referrer-Policy"]
    return [*others, ("Referrer-Policy", "strict-origin")]


class Pages:
    """The built-in pages of one middleware, in one language; style sheet, policy and refusals are
    prepared once.

    Nothing a view holds is trusted: texts are escaped, a link that is neither a path nor
    ``http(s)`` is left out, an origin that is not one is left out of the policy.
    """

    __slots__ = (
        "_brand",
        "_head",
        "_headers",
        "_is_negotiated",
        "_policy",
        "_refusals",
        "_theme",
        "_words",
        "app_name",
        "texts",
    )

    def __init__(
        self,
        theme: Theme | None = None,
        texts: Texts | None = None,
        app_name: str | None = None,
        is_negotiated: bool = False,
    ) -> None:
        self.app_name = app_name
        self._theme = theme or Theme()
        #: What they say.
        self.texts = texts or Texts()
        self._words = Words(self.texts)
        self._is_negotiated = is_negotiated
        self._headers = (*_HEADERS, ("Content-Language", self.texts["lang"]))
        style = stylesheet(self._theme)
        self._policy = (
            f"default-src 'none'; style-src {_digest(style)}; img-src 'self' data:; "
            "base-uri 'none'; frame-ancestors 'none'; form-action "
        )
        # Markup, not escape: a style sheet is no text, and Theme let nothing but colours in
        self._head = _head(self._words, self._theme, Markup(style))  # noqa: S704
        self._brand = _brand(self._theme.logo, app_name)
        self._refusals: dict[tuple[str, bool, bool], tuple[str, ...]] = {}

    def sign_in(self, view: SignInView) -> Page:
        """The sign-in page. A failure in ``error_code`` gives the page that failure's status."""
        words = self._words
        code = known_code(view.error_code) if view.error_code else None
        title = words["sign_in.heading"]
        content = _join(
            (
                _heading(title),
                _signed_in_as(words, view.signed_in_as),
                _notice(words, code),
                _providers(words, view, code),
                _script(view.script_url),
            )
        )
        status = PROBLEMS[code].status if code and code not in INVITATIONS else 200
        if status != 200:
            title = Markup("{} – {}").format(words[f"error.{code}.heading"], title)
        page = self._page(title, content, status, view.form_action, view.app_name)
        return page.with_script() if view.script_url else page

    def sign_out(self, view: SignOutView) -> Page:
        """The page that asks before signing out: a link alone must not do it."""
        words = self._words
        if view.user_name:
            question = words.fill("sign_out.text", name=view.user_name)
        else:
            question = words["sign_out.text_nameless"]
        content = _join(
            (
                _heading(words["sign_out.heading"]),
                _paragraph(question),
                _form(
                    view.action_url,
                    _hidden(csrfToken=view.csrf_token, callbackUrl=view.callback_url),
                    _submit(words["sign_out.submit"], main=True),
                ),
                _ways(_link(view.callback_url, words["action.cancel"])),
            )
        )
        return self._page(words["sign_out.heading"], content, 200, view.form_action)

    def account(self, view: AccountView) -> Page:
        """The page of a user's own accounts and sessions."""
        words = self._words
        code = known_code(view.error_code) if view.error_code else None
        who = [view.user_name, view.user_email if view.user_email != view.user_name else ""]
        content = _join(
            (
                _heading(words["account.heading"]),
                _join(_paragraph(_bdi(each), "soft") for each in who if each),
                _notice(words, code),
                _accounts(words, view),
                _passkeys(words, view),
                _sessions(words, view),
                _ways(
                    _link(view.home_url, words["action.home"]),
                    _link(view.sign_out_url, words["sign_out.heading"]),
                ),
                _script(view.passkey_script),
            )
        )
        status = PROBLEMS[code].status if code else 200
        page = self._page(words["account.heading"], content, status, view.form_action)
        return page.with_script() if view.passkey_script else page

    def link(self, view: LinkView) -> Page:
        """The page that asks before an account is linked."""
        words = self._words
        said = {"provider": view.provider_name, "user": view.user_name}
        if view.label:
            question = words.fill("link.text", name=view.label, **said)
        else:
            question = words.fill("link.text_nameless", **said)
        content = _join(
            (
                _heading(words["link.heading"]),
                _paragraph(question),
                _form(
                    view.action_url,
                    _hidden(csrfToken=view.csrf_token),
                    _submit(words["link.submit"], main=True),
                ),
                _ways(_link(view.cancel_url, words["action.cancel"])),
            )
        )
        return self._page(words["link.heading"], content, 200, view.form_action)

    def error(self, view: ErrorView) -> Page:
        """The page for a sign-in that failed, with the status of its code."""
        code = known_code(view.code, view.status)
        status = view.status or PROBLEMS[code].status
        heading, content = _problem(self._words, code, "error", view.sign_in_url, view.home_url)
        return self._page(heading, content, status)

    def verify_request(self, view: VerifyRequestView) -> Page:
        """The page after an e-mail with a sign-in link was sent."""
        words = self._words
        content = _join(
            (
                _ICON_MAIL,
                _heading(words["verify_request.heading"]),
                _paragraph(words.fill("verify_request.text", host=view.host)),
                _paragraph(words["verify_request.hint"], "soft"),
                _ways(_link(view.sign_in_url, words["action.try_again"])),
            )
        )
        return self._page(words["verify_request.heading"], content, 200)

    def confirm(self, view: ConfirmView) -> Page:
        """The page that a link in a mail leads to: a link alone must not sign in (a mail scanner
        follows it too), and in another browser than asked for it the visitor has to know."""
        words = self._words
        heading = words.fill("confirm.heading", host=view.host)
        note = NOTHING
        if view.asked is not None:
            time, device, address = view.asked
            text = words.fill("confirm.elsewhere", time=time, device=device, address=address)
            note = Markup('<p class="note" role="note">{}</p>').format(text)
        submit = words["confirm.submit" if view.asked is None else "confirm.submit_here"]
        content = _join(
            (
                _ICON_MAIL,
                _heading(heading),
                _signed_in_as(words, view.signed_in_as),
                _paragraph(words.fill("confirm.text", email=view.email)),
                note,
                _form(
                    view.action_url,
                    _hidden_fields((("csrfToken", view.csrf_token), *view.fields)),
                    _submit(submit, main=True),
                ),
                _ways(_link(view.cancel_url, words["action.cancel"])),
                # Markup: a constant
                Markup("<script>{}</script>").format(Markup(_ONCE)),  # noqa: S704
            )
        )
        page = self._page(words["confirm.submit"], content, 200, view.form_action)
        page = page.with_script(_digest(_ONCE))
        # its address is as good as a password, and is not told: not to the next page, where what
        # counts visitors reads it, nor with the request for the logo
        return page.without_its_address()

    def mail(self, view: MailView) -> Letter:
        """A mail with a sign-in link."""
        return letter(view, self.texts, self._theme)

    def refusal(
        self,
        status: int,
        code: str | None = None,
        sign_in_url: str | None = None,
        home_url: str | None = None,
    ) -> Page:
        """The answer to a browser that was refused a page of the application.

        It may be needed for every request of a flood: each kind is built once, then only the
        two addresses are put in.
        """
        sign_in, home = _address(sign_in_url), _address(home_url)
        kind = (known_code(code, status), sign_in is not None, home is not None)
        parts = self._refusals.get(kind)
        if parts is None:
            parts = self._refusals[kind] = self._prepare_refusal(*kind)
        filled = [
            sign_in or "" if part == _SIGN_IN_SLOT else home or "" if part == _HOME_SLOT else part
            for part in parts
        ]
        return self._made("".join(filled), "'none'", status)

    def _prepare_refusal(self, code: str, has_sign_in: bool, has_home: bool) -> tuple[str, ...]:
        sign_in, home = _SIGN_IN_SLOT if has_sign_in else None, _HOME_SLOT if has_home else None
        heading, content = _problem(self._words, code, "refusal", sign_in, home)
        html = self._document(heading, content)
        return tuple(re.split(f"({_SIGN_IN_SLOT}|{_HOME_SLOT})", html))

    def _page(
        self,
        title: Markup,
        content: Markup,
        status: int,
        form_action: tuple[str, ...] | None = None,
        app_name: str | None = None,
    ) -> Page:
        if form_action is None:
            sources = "'none'"
        else:
            origins = dict.fromkeys(filter(_ORIGIN.fullmatch, form_action))
            sources = " ".join(("'self'", *origins))
        return self._made(self._document(title, content, app_name), sources, status)

    def _document(self, title: Markup, content: Markup, app_name: str | None = None) -> str:
        name = app_name or self.app_name
        brand = _brand(self._theme.logo, app_name) if app_name else self._brand
        full_title = Markup("{} – {}").format(title, name) if name else title
        return self._head + full_title + _BODY + brand + content + _END

    def _made(self, html: str, form_action: str, status: int) -> Page:
        headers = [*self._headers, ("Content-Security-Policy", self._policy + form_action)]
        return Page(html, headers, status, self._is_negotiated)


class Words:
    """The texts, escaped once; :meth:`fill` escapes what is put into one."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Texts) -> None:
        self._texts = {message_id: escape(text) for message_id, text in texts.items()}

    def __getitem__(self, message_id: str) -> Markup:
        text = self._texts[message_id]
        return text.format() if "{" in text or "}" in text else text  # a doubled brace is one

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._texts

    def fill(self, message_id: str, **values: str) -> Markup:
        """The text with its placeholders filled; ``<bdi>`` keeps a value's direction to itself."""
        return self._texts[message_id].format(
            **{name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        )


def _digest(text: str) -> str:
    """What a policy calls this text (Content Security Policy Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


#: A form whose first answer is under way is not sent again by an impatient second click, whose
#: request would take that answer's place, cookies and all.
_ONCE: Final = (
    "addEventListener('submit',e=>{const f=e.target;"
    "if(e.timeStamp-(f.at??-9e3)<9e3)e.preventDefault();else f.at=e.timeStamp})"
)

# --- the document ---------------------------------------------------------------------------

_BODY: Final = Markup("</title></head><body><main>")
_END: Final = Markup("</main></body></html>\n")


def _head(words: Words, theme: Theme, style: Markup) -> Markup:
    """Everything before the text of the title."""
    scheme = "light dark" if theme.color_scheme == "auto" else theme.color_scheme
    return Markup(
        '<!doctype html><html lang="{}" dir="{}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="{}"><meta name="robots" content="noindex">'
        "<style>{}</style><title>"
    ).format(words["lang"], words["dir"], scheme, style)


def _brand(logo: str, app_name: str | None) -> Markup:
    """The logo, which the name describes to those who do not see it, or the name alone."""
    if logo:
        return Markup('<p class="app"><img src="{}" alt="{}"></p>').format(logo, app_name or "")
    return _paragraph(Markup("<bdi>{}</bdi>").format(app_name), "app") if app_name else NOTHING


# --- pieces ---------------------------------------------------------------------------------


def _heading(text: Markup) -> Markup:
    return Markup("<h1>{}</h1>").format(text)


def _paragraph(text: Markup, kind: str = "") -> Markup:
    if kind:
        return Markup('<p class="{}">{}</p>').format(kind, text)
    return Markup("<p>{}</p>").format(text)


def _attributes(*pairs: tuple[str, str | bool | None]) -> Markup:
    """`` name="value"`` for each; True is a bare name, False, None and ``""`` are left out."""
    return _join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in pairs
        if value
    )


def _address(url: str | None) -> Markup | None:
    """The URL escaped, or None if it is no path of ours and not ``http(s)``."""
    return escape(url) if url and _LINK.match(url) else None


def _link(url: str | None, text: Markup, *, main: bool = False) -> Markup:
    """A link that looks like a button; nothing without a URL to go to."""
    address = _address(url)
    if address is None:
        return NOTHING
    kind = "button main" if main else "button"
    return Markup('<a class="{}" href="{}">{}</a>').format(kind, address, text)


def _ways(*links: Markup) -> Markup:
    links_html = _join(links)
    return Markup('<div class="way">{}</div>').format(links_html) if links_html else NOTHING


def _form(action_url: str, *content: Markup) -> Markup:
    return Markup('<form method="post" action="{}">{}</form>').format(action_url, _join(content))


def _hidden(**fields: str) -> Markup:
    return _hidden_fields(fields.items())


def _hidden_fields(fields: Iterable[tuple[str, str]]) -> Markup:
    return _join(
        Markup('<input type="hidden"{}>').format(_attributes(("name", name), ("value", value)))
        for name, value in fields
        if value
    )


def _submit(text: Markup, *, main: bool, waits: bool = False) -> Markup:
    """A button; one that ``waits`` cannot be used until a script says so."""
    attributes = _attributes(("class", main and "main"), ("disabled", waits))
    return Markup("<button{}>{}</button>").format(attributes, text)


def _bdi(text: str) -> Markup:
    """A value from outside, which keeps its direction to itself."""
    return Markup("<bdi>{}</bdi>").format(text)


# --- signing in -----------------------------------------------------------------------------


def _signed_in_as(words: Words, name: str | None) -> Markup:
    return _paragraph(words.fill("sign_in.signed_in_as", name=name), "soft") if name else NOTHING


def _notice(words: Words, code: str | None) -> Markup:
    """Why the visitor sees this page; the fields refer to it by its id."""
    if code is None:
        return NOTHING
    text = words[f"error.{code}.text"]
    if code in INVITATIONS:
        return Markup('<p class="note" role="status" id="notice">{}</p>').format(text)
    return Markup('<p class="note alert" role="alert" id="notice">{}</p>').format(text)


def _providers(words: Words, view: SignInView, code: str | None) -> Markup:
    """All the ways in, in their order; "or" stands between, but not between two plain buttons. The
    one that was used last is the main one and has the focus."""
    if not view.providers:
        return _paragraph(words["sign_in.nothing"])
    hidden = _hidden(csrfToken=view.csrf_token, callbackUrl=view.callback_url)
    # Who is signed in and comes here is to prove it again, or is somebody else: a provider that
    # knows the visitor asks nothing, unless it is told to (OpenID Connect Core section 3.1.2.1).
    prompt = "" if view.signed_in_as is None else "login"
    asked = _hidden(prompt=prompt, acr_values=view.acr_values)
    has_one_password_form = [row.type in _PASSWORD_TYPES for row in view.providers].count(True) == 1
    marked = [row.id for row in view.providers if row.id == view.last_used and row.type != "dev"]
    last = marked[0] if marked else None
    # what was typed wrongly is typed again, whatever was used the time before
    focused = None if code and PROBLEMS[code].retype else last

    def submit(row: ProviderView, text: Markup) -> Markup:
        is_form, is_last = row.type in _FORM_TYPES, row.id == last
        return _way_in(
            icon(row),
            text,
            note=words["sign_in.last_used"] if is_last else NOTHING,
            main=is_last if last else is_form or len(view.providers) == 1,
            autofocus=row.id == focused and not is_form,
            waits=row.type == "passkey",
        )

    blocks: list[Markup] = []
    for is_form, group in groupby(view.providers, lambda row: row.type in _FORM_TYPES):
        if not is_form:
            blocks.append(
                _join(
                    _button_form(
                        words, row, hidden + asked if row.type == "oidc" else hidden, submit
                    )
                    for row in group
                )
            )
            continue
        for row in group:
            if row.type == "dev":
                blocks.append(_chooser(words, row, hidden))
                continue
            if row.type == "email":
                text = words["sign_in.email_submit"]
            elif has_one_password_form:
                text = words["sign_in.submit"]
            else:
                text = words.fill("sign_in.with", provider=row.name)
            focus = row.id == focused if focused else not blocks
            fields = _fields(
                words, _fields_of(row), code, focus=focus, passkeys=bool(view.script_url)
            )
            box = _remember(words) if view.asks_to_remember and row.fields else Markup()
            blocks.append(_form(row.action_url, hidden, fields, box, submit(row, text)))
    return _paragraph(words["sign_in.or"], "or").join(blocks)


def _way_in(
    picture: Markup, text: Markup, *, note: Markup, main: bool, autofocus: bool, waits: bool
) -> Markup:
    """The button of one way in: a picture and what it does. A note stands on its edge; it is no
    part of the button's name, which stays the same, but of what is said of it."""
    button = Markup("<button{}>{}<span>{}</span></button>").format(
        _attributes(
            ("class", "way-in main" if main else "way-in"),
            ("autofocus", autofocus),
            ("aria-describedby", "last" if note else None),
            ("disabled", waits),
        ),
        picture,
        text,
    )
    if not note:
        return button
    return Markup('<div class="last">{}<small id="last">{}</small></div>').format(button, note)


def _remember(words: Words) -> Markup:
    return Markup(
        '<label class="box"><input type="checkbox" name="remember" value="true">{}</label>'
    ).format(words["sign_in.remember"])


def _button_form(
    words: Words,
    provider: ProviderView,
    hidden: Markup,
    submit: Callable[[ProviderView, Markup], Markup],
) -> Markup:
    if provider.type == "passkey":
        return _passkey(words, provider, hidden, submit(provider, words["sign_in.passkey"]))
    text = words.fill("sign_in.with", provider=provider.name)
    return _form(provider.action_url, hidden, submit(provider, text))


def _passkey(words: Words, provider: ProviderView, hidden: Markup, submit: Markup) -> Markup:
    """A button that asks the browser, which fills in the answer; what to say if there is none."""
    problem = words["sign_in.passkey_problem"]
    return _ceremony(words, "authenticate", provider.action_url, hidden, submit, problem)


def _ceremony(
    words: Words, what: str, url: str, hidden: Markup, submit: Markup, problem: Markup
) -> Markup:
    # autocomplete: Firefox would keep the button usable when the page is loaded again
    return Markup(
        '<form method="post" action="{}" data-passkey="{}" autocomplete="off">{}'
        '<input type="hidden" name="credential">{}<noscript>{}</noscript>'
        '<p class="note alert" role="alert" hidden>{}</p></form>'
    ).format(
        url, what, hidden, submit, _paragraph(words["sign_in.passkey_script"], "soft"), problem
    )


def _script(url: str) -> Markup:
    return Markup('<script type="module" src="{}"></script>').format(url) if url else NOTHING


def _chooser(words: Words, provider: ProviderView, hidden: Markup) -> Markup:
    """The made-up people, each a button; or how to open the chooser, if it is closed."""
    if not provider.choices:
        return _paragraph(words["sign_in.choose_closed"], "note")
    people = map(_person, provider.choices)
    note = _paragraph(words["sign_in.choose"], "soft")
    return note + _form(provider.action_url, hidden, *people)


def _fields_of(provider: ProviderView) -> tuple[FieldView, ...]:
    if provider.type == "email" and not provider.fields:
        return (FieldView(EMAIL_FIELD, type="email"),)
    return provider.fields


def _fields(
    words: Words,
    fields: tuple[FieldView, ...],
    code: str | None,
    *,
    focus: bool,
    passkeys: bool,
) -> Markup:
    """The inputs, each inside its label. With ``focus`` the first empty one has the focus, which
    also makes a screen reader say the notice that describes it."""
    rows: list[Markup] = []
    for field in fields:
        kind = field.type if field.type in _INPUT_TYPES else "text"
        is_empty = kind == "password" or not field.value
        rows.append(
            _field(words, field, kind, code, autofocus=focus and is_empty, passkeys=passkeys)
        )
        focus = focus and not is_empty
    return _join(rows)


def _field(
    words: Words,
    field: FieldView,
    kind: str,
    code: str | None,
    *,
    autofocus: bool,
    passkeys: bool,
) -> Markup:
    autocomplete = field.autocomplete or _autocomplete(field.name, kind)
    verbatim = autocomplete.startswith("username")  # a phone would "correct" a user name
    if passkeys and autocomplete == "username":
        autocomplete += " webauthn"  # the list of the field offers passkeys too
    return Markup("<label>{}<input{}></label>").format(
        field.label or _label(words, field.name, kind),
        _attributes(
            ("type", kind),
            ("name", field.name),
            ("value", field.value if kind != "password" else None),
            ("placeholder", field.placeholder),
            ("autocomplete", autocomplete),
            ("autocapitalize", "none" if verbatim else None),
            ("spellcheck", "false" if verbatim else None),
            ("required", field.required),
            ("autofocus", autofocus),
            ("aria-describedby", "notice" if code else None),
            ("aria-invalid", "true" if code and PROBLEMS[code].retype else None),
        ),
    )


def _autocomplete(name: str, kind: str) -> str:
    if kind == "password":
        return "current-password"
    return "username" if kind == "email" or name.lower() in _USERNAMES else ""


def _label(words: Words, name: str, kind: str) -> str:
    """The label of a field that came without one, in the language of the page."""
    if kind in ("password", "email"):
        return words[f"sign_in.{kind}"]
    return words["sign_in.username"] if name.lower() in _USERNAMES else name


def _person(choice: ChoiceView) -> Markup:
    detail = Markup("<small>{}</small>").format(choice.detail) if choice.detail else NOTHING
    return Markup(
        '<button class="person" name="{}" value="{}"><i aria-hidden="true">{}</i>'
        "<span>{}</span>{}</button>"
    ).format(CHOICE_FIELD, choice.value, choice.label[:1].upper(), choice.label, detail)


# --- a user's own accounts and sessions ------------------------------------------------------


def _accounts(words: Words, view: AccountView) -> Markup:
    """The accounts, each with its button, and what else can be linked."""
    rows = _join(_account_row(words, view, row) for row in view.accounts)
    is_only = any(not each.can_unlink for each in view.accounts)
    hidden = _hidden(csrfToken=view.csrf_token)
    links = _join(
        _form(
            row.action_url,
            hidden,
            _submit(words.fill("account.link", provider=row.name), main=False),
        )
        for row in view.links
    )
    if not rows and not links:
        return NOTHING
    return _join(
        (
            _subheading(words["account.accounts"]),
            _rows(rows) if rows else _paragraph(words["account.none"], "soft"),
            _paragraph(words["account.last"], "soft") if is_only else NOTHING,
            links,
        )
    )


def _account_row(words: Words, view: AccountView, row: AccountRow) -> Markup:
    small = Markup("<small>{}</small>").format(_bdi(row.label)) if row.label else NOTHING
    button = NOTHING
    if row.can_unlink:
        button = _form(
            view.unlink_url,
            _hidden(csrfToken=view.csrf_token, provider=row.provider, id=row.id),
            _row_submit(words["account.unlink"], row.provider_name),
        )
    return Markup("<li><p>{}{}</p>{}</li>").format(_bdi(row.provider_name), small, button)


def _passkeys(words: Words, view: AccountView) -> Markup:
    """The passkeys, each with its button, and one to add another."""
    if not view.passkeys_url:
        return NOTHING

    def hidden(**fields: str) -> Markup:
        return _hidden(csrfToken=view.csrf_token, callbackUrl=view.page_url, **fields)

    def row(passkey: PasskeyRow) -> Markup:
        added = words.fill("account.passkey_added", time=passkey.added)
        name = _bdi(passkey.name)
        rename = Markup("<details><summary>{} {}</summary>{}</details>").format(
            words["account.rename"],
            _off(name),
            _form(
                view.passkeys_url,
                hidden(action="rename", id=passkey.id),
                Markup("<label>{}<input{}></label>").format(
                    words["account.passkey_name"],
                    _attributes(
                        ("type", "text"),
                        ("name", "name"),
                        ("value", passkey.name),
                        ("maxlength", str(view.longest_name)),
                        ("autocomplete", "off"),
                        ("required", True),
                    ),
                ),
                _submit(words["account.save"], main=False),
            ),
        )
        remove = NOTHING
        if passkey.can_remove:
            remove = _form(
                view.passkeys_url,
                hidden(action="remove", id=passkey.id),
                _row_submit(words["account.remove"], name),
            )
        small = Markup("<small>{}</small>").format(added)
        return Markup("<li><p>{}{}</p>{}{}</li>").format(name, small, rename, remove)

    is_only = any(not each.can_remove for each in view.passkeys)
    return _join(
        (
            _subheading(words["account.passkeys"]),
            _rows(_join(map(row, view.passkeys))) if view.passkeys else NOTHING,
            _paragraph(words["account.last"], "soft") if is_only else NOTHING,
            _ceremony(
                words,
                "register",
                view.passkeys_url,
                hidden(action="add"),
                _submit(words["account.add_passkey"], main=False, waits=True),
                words["account.passkey_problem"],
            ),
        )
    )


def _sessions(words: Words, view: AccountView) -> Markup:
    """The sessions, each with its button, and two for many at once."""
    if not view.sessions:
        return NOTHING
    hidden = _hidden(csrfToken=view.csrf_token)

    def at_once(which: str, text: str) -> Markup:
        return _form(
            view.sessions_url, hidden, _hidden(all=which), _submit(words[text], main=False)
        )

    several = len(view.sessions) > 1
    return _join(
        (
            _subheading(words["account.sessions"]),
            _rows(_join(_session_row(words, view, row) for row in view.sessions)),
            at_once("others", "account.end_others") if several else NOTHING,
            at_once("everywhere", "account.end_all"),
        )
    )


def _session_row(words: Words, view: AccountView, row: SessionRow) -> Markup:
    browser, system = device(row.agent)
    if browser and system:
        name = words.fill("account.device", browser=browser, system=system)
    else:
        name = _bdi(browser or system) if browser or system else words["account.unknown_device"]
    mark = Markup("<strong>{}</strong>").format(words["account.this"]) if row.is_this else NOTHING
    seen = words.fill("account.seen", time=row.seen)
    details = _join(Markup("<small>{}</small>").format(each) for each in (seen, _bdi(row.address)))
    button = NOTHING  # this one has the way out below, which leaves the provider too
    if not row.is_this or not view.sign_out_url:
        button = _form(
            view.sessions_url,
            _hidden(csrfToken=view.csrf_token, id=row.id),
            _row_submit(words["account.end"], name),
        )
    return Markup("<li><p>{}{}{}</p>{}</li>").format(name, mark, details, button)


def _row_submit(text: Markup, what: Markup | str) -> Markup:
    """The button of a row: those who do not see the row are told what it is about."""
    return Markup("<button>{} {}</button>").format(text, _off(what))


def _off(text: Markup | str) -> Markup:
    """What is heard and not seen."""
    return Markup('<span class="off">{}</span>').format(text)


def _subheading(text: Markup) -> Markup:
    return Markup("<h2>{}</h2>").format(text)


def _rows(rows: Markup) -> Markup:
    return Markup('<ul class="rows">{}</ul>').format(rows)


# --- errors and refusals --------------------------------------------------------------------


def _problem(
    words: Words, code: str, family: str, sign_in_url: str | None, home_url: str | None
) -> tuple[Markup, Markup]:
    """The heading and the content: what happened, what can be done, the code in small."""
    family = family if f"{family}.{code}.text" in words else "error"
    heading = words[f"{family}.{code}.heading"]
    way_out = PROBLEMS[code].way_out
    again = _link(sign_in_url, words[way_out], main=True)
    if not again and way_out == "action.try_again":
        # an empty reference is this very address, asked for with GET
        again = Markup('<a class="button main" href="">{}</a>').format(words[way_out])
    shown = words.fill("error.code", code=code) if code != "Default" else NOTHING
    content = (
        _ICON_LOCK if PROBLEMS[code].status in (401, 403) else _ICON_ALERT,
        _heading(heading),
        _paragraph(words[f"{family}.{code}.text"]),
        _ways(again, _link(home_url, words["action.home"])),
        _paragraph(shown, "soft code") if shown else NOTHING,
    )
    return heading, _join(content)
