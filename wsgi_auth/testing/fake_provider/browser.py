"""The visitor's side: a browser that goes from the application to the fake provider and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from wsgi_auth.testing.fake_provider.web import Answered, Asked, Pairs

if TYPE_CHECKING:
    from wsgi_auth.testing.fake_provider.provider import FakeProvider

_NAVIGATION: Final = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_MOST_STEPS: Final = 12


@dataclass(frozen=True)
class Landing:
    """The request that brings the browser back to the application. ``form`` is empty for a GET,
    which has everything in its ``url``. ``params``: what the provider said, by name."""

    url: str
    form: tuple[tuple[str, str], ...] = ()

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the authorization response."""
        return dict(self.form or parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


class _Form(HTMLParser):
    """The first form of a page: where it leads, and what it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: Pairs = []
        self._forms = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._forms += 1
            if self._forms == 1:
                self.action = said.get("action", "")
        elif tag == "input" and self._forms == 1:
            self.fields.append((said.get("name", ""), said.get("value", "")))


def land(provider: FakeProvider, url: str, person: str) -> Landing:
    """Choose ``person`` at the authorization URL; an error that stays at the provider raises."""
    from wsgi_auth.pages.views import CHOICE_FIELD

    parts = urlsplit(url)
    below = urlsplit(provider.issuer).path.rstrip("/")
    query = parse_qsl(parts.query, keep_blank_values=True)
    answer = provider.answer(Asked("GET", parts.path.removeprefix(below), query, [], {}))
    page = _Form(answer.body.decode())
    if answer.status == 200 and page.action.endswith("/choose"):
        handle = dict(page.fields)["csrfToken"]
        chosen = [("csrfToken", handle), (CHOICE_FIELD, person)]
        answer = provider.answer(Asked("POST", "/choose", [], chosen, {}))
    return _landing(answer)


def _landing(answer: Answered) -> Landing:
    location = dict(answer.headers).get("Location")
    if location:
        return Landing(location)
    page = _Form(answer.body.decode())
    if answer.status == 200 and page.action:
        return Landing(page.action, tuple(page.fields))
    raise AssertionError(f"the fake provider answered {answer.status}: {answer.body.decode()}")


def drive(
    provider: FakeProvider, test_app: Any, person: str, start: str, expect_errors: bool
) -> Any:
    """From ``start`` in a ``webtest.TestApp`` to the provider and back, to the last page. To end
    without having been there raises, but for who is signed in there already."""
    browser = _Browser(test_app, expect_errors)
    answer = browser.go("GET", start)
    been_there = False
    for _ in range(_MOST_STEPS):
        location = answer.headers.get("Location")
        if location and location.startswith(f"{provider.issuer.rstrip('/')}/authorize"):
            landing = land(provider, location, person)
            answer = browser.arrive(landing)
            been_there = True
        elif location and 300 <= answer.status_int < 400:
            answer = browser.go("GET", location)
        else:
            button = _button(answer, provider.id)
            if button is not None:
                answer = browser.submit(button)
            elif been_there or expect_errors or answer.request.environ.get("auth.session"):
                return answer
            else:
                raise AssertionError(
                    f"found no button of the provider {provider.id!r} on {answer.request.path}; "
                    "is fake.options() among the providers?"
                )
    raise AssertionError(f"{start} leads round in circles")


def _button(answer: Any, provider_id: str) -> Any:
    """The form of a page that starts a sign-in with this provider."""
    if answer.content_type != "text/html":
        return None
    for form in answer.forms.values():
        if urlsplit(form.action).path.endswith(f"/signin/{provider_id}"):
            return form
    return None


class _Browser:
    """A TestApp with the habits of a browser: it goes where it is sent on its own host."""

    def __init__(self, test_app: Any, expect_errors: bool) -> None:
        self._app = test_app
        self._expect_errors = expect_errors
        self._mount = test_app.extra_environ.get("SCRIPT_NAME", "")

    def go(self, method: str, url: str, form: Pairs | None = None) -> Any:
        parts = urlsplit(url)
        path = parts.path.removeprefix(self._mount) or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        more: dict[str, Any] = {"headers": _NAVIGATION, "expect_errors": self._expect_errors}
        if method == "POST":
            answer = self._app.post(target, form or [], **more)
        else:
            answer = self._app.get(target, **more)
        for cookie in self._app.cookiejar:
            cookie.secure = False  # a TestApp speaks http, whatever the application is told
        return answer

    def submit(self, form: Any) -> Any:
        return self.go("POST", form.action, list(form.submit_fields()))

    def arrive(self, landing: Landing) -> Any:
        if not landing.form:
            return self.go("GET", landing.url)
        # another site's page posts: a browser sends only the cookies with SameSite=None along
        jar = self._app.cookiejar
        kept = [cookie for cookie in jar if _same_site(cookie) != "none"]
        for cookie in kept:
            jar.clear(cookie.domain, cookie.path, cookie.name)
        answer = self.go("POST", landing.url, list(landing.form))
        now = {(cookie.domain, cookie.path, cookie.name) for cookie in jar}
        for cookie in kept:
            if (cookie.domain, cookie.path, cookie.name) not in now:
                jar.set_cookie(cookie)
        return answer


def _same_site(cookie: Any) -> str:
    rest: Mapping[str, str | None] = getattr(cookie, "_rest", None) or {}
    said = next((value for name, value in rest.items() if name.lower() == "samesite"), None)
    return (said or "lax").lower()
