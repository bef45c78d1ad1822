"""One request to one of our endpoints: what it brought, and what may be answered with.

What lives here: reading the body within bounds (R098), the CSRF rule (R067), and answers in the
two shapes every endpoint has: for a browser, and as JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from wsgi_auth import cookies
from wsgi_auth.caching import NO_STORE
from wsgi_auth.csrf import same_origin
from wsgi_auth.errors import AuthError
from wsgi_auth.negotiation import only_looks, wants_json_redirect
from wsgi_auth.protocols import Handle, NewSession
from wsgi_auth.providers.base import Provider
from wsgi_auth.responders import JSON, NO_SNIFF, TEXT, answer, is_legal
from wsgi_auth.site import Site
from wsgi_auth.types import Claims, Environ, Proof, Reading, WSGIApp

if TYPE_CHECKING:
    from wsgi_auth.pages import Page, Pages

#: Most octets of a body that an endpoint reads.
MAX_BODY = 65_536
#: Most levels of a JSON body.
MAX_DEPTH = 50
#: Parameters that must not come twice (R066): software differs in which of the two it believes.
_ONCE = frozenset({"csrfToken", "callbackUrl", "state", "code", "iss", "error"})


class Refused(AuthError):
    """The request cannot be served as it is: 400, 403, 413 or 415."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Exchange:
    """The request, the site it came to, and the handle through which the session changes."""

    def __init__(self, site: Site, environ: Environ, handle: Handle, reading: Reading) -> None:
        self.site = site
        self.environ = environ
        self.handle = handle
        self.reading = reading
        #: Whether it is about the user's accounts and sessions: their page says what goes wrong.
        self.of_account = False

    # --- what came --------------------------------------------------------------------------

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; raises :class:`Refused` for a protocol parameter given twice."""
        return _pairs(self.environ.get("QUERY_STRING") or "")

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What another party's answer says, each parameter as often as it came: from the query,
        or for a POST from the form (OAuth 2.0 Form Post Response Mode)."""
        text = self.environ.get("QUERY_STRING") or ""
        if self.environ["REQUEST_METHOD"] == "POST":
            if self._content_type != "application/x-www-form-urlencoded":
                raise Refused(415, "UnsupportedMediaType", "an answer is posted as a form")
            text = self._body.decode("utf-8", "replace")
        return tuple(_parsed(text))

    @cached_property
    def form(self) -> Mapping[str, Any]:
        """The body's fields: a form, or a JSON object. Raises :class:`Refused` for anything else,
        for too much, and for a protocol parameter given twice."""
        kind, body = self._content_type, self._body
        if kind == "application/x-www-form-urlencoded" or (not kind and not body):
            try:
                return _pairs(body.decode("utf-8"))
            except UnicodeDecodeError:
                raise Refused(400, "BadRequest", "the form is not UTF-8") from None
        if kind == "application/json":
            try:
                fields = json.loads(body, parse_constant=_no_number, object_pairs_hook=_object)
                # half of a surrogate pair is no text, and 1e400 no number: nothing can keep them
                json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
            except (ValueError, RecursionError):
                raise Refused(400, "BadRequest", "the body is no JSON") from None
            if _is_deep(fields):
                raise Refused(400, "BadRequest", "the JSON is nested too deeply")
            if not isinstance(fields, dict):
                raise Refused(400, "BadRequest", "the body is no JSON object")
            return fields
        raise Refused(
            415, "UnsupportedMediaType", "a form (application/x-www-form-urlencoded) or JSON"
        )

    def require_once(self, names: Iterable[str]) -> None:
        """Raise :class:`Refused` where the form has a field of these ``names`` twice: who reads the
        request besides us may take the other (R066)."""
        if self._content_type == "application/json":
            return  # there no name is, or it was refused
        given = [name for name, _ in _parsed(self._body.decode("utf-8", "replace"))]
        for name in names:
            if given.count(name) > 1:
                raise Refused(400, "BadRequest", f"{name} is given twice")

    def text(self, name: str) -> str:
        """A field of the body as text, "" if it is missing or no text."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def remembers(self, otherwise: bool = True) -> bool:
        """Whether the session is to outlive the browser's, as the form's ``remember`` says;
        ``otherwise`` if it does not."""
        said = self.form.get("remember")
        if isinstance(said, bool):
            return said
        return otherwise if not said else str(said).lower() not in ("false", "off", "no", "0")

    @cached_property
    def callback_url(self) -> str:
        """Where to go on, from the body or the query, judged: always safe to redirect to."""
        wanted: Any = None
        if self.environ["REQUEST_METHOD"] == "POST":
            wanted = self.form.get("callbackUrl")
        if wanted is None:
            wanted = self.query.get("callbackUrl")
        return self.site.locations.return_url(self.environ, wanted)

    @property
    def foreign_origins(self) -> tuple[str, ...]:
        """The listed origin that ``callback_url`` leads to, which a page's policy has to name."""
        url = self.callback_url
        return () if url.startswith("/") else ("/".join(url.split("/", 3)[:3]),)

    @property
    def passkey_script(self) -> str:
        """The URL of ``passkey.js`` with its version."""
        site = self.site
        version = site.passkey_script.version
        return site.locations.endpoint(self.environ, "passkey.js", v=version)

    def of_this_request(self, provider: Provider) -> Provider:
        """The provider, or what is made in its place per request; :class:`Refused` for none."""
        found = self.site.tenants.provider(provider, self.environ)
        if found is None:
            raise Refused(404, "NotFound", "this provider is not on offer here")
        return found

    def require_csrf(self, *, signs_in: bool = False) -> None:
        """Raise :class:`Refused` unless the form has a token of this browser and session, and the
        browser does not say that it comes from elsewhere.

        ``signs_in``: one that the browser got before it was signed in will do, for whoever clicks
        again while the first page loads, or signs in from a tab that was open before.
        """
        claims = self.reading.held.claims
        origins = self.site.locations.origins(self.environ)
        if not same_origin(self.environ, origins):
            raise Refused(403, "MissingCSRF", self._elsewhere(origins))
        if not (self._has_token(claims) or (signs_in and self._has_token(None))):
            raise Refused(403, "MissingCSRF", self._without_token())

    def _elsewhere(self, origins: Sequence[str]) -> str:
        """Where the browser says that the form came from, for the log."""
        origin = self.environ.get("HTTP_ORIGIN")
        ours = f"url is {origins[0]}" if origins else f"Host is {self.environ.get('HTTP_HOST')}"
        if origin is not None and origin not in origins:
            return f"the browser is at {origin[:80]}, and {ours}"
        return f"the form is of another site, says Sec-Fetch-Site ({ours})"

    def _without_token(self) -> str:
        """Why no token counts, for the log."""
        if not self.form.get("csrfToken"):
            return "the form has no csrfToken"
        if not self.browsers:
            cookie = self.site.config.cookies.csrf
            over = self.environ.get("wsgi.url_scheme")
            why = ", which is for https only" if cookie.secure and over == "http" else ""
            return f"the browser sent no cookie {cookie.name}{why}"
        return "its csrfToken is of another browser, session or secret"

    def _has_token(self, claims: Claims | None) -> bool:
        token, csrf = self.form.get("csrfToken"), self.site.csrf
        return any(csrf.valid(token, each, claims) for each in self.browsers)

    @property
    def browsers(self) -> list[str]:
        """What this browser is known by: the values of the cookie that CSRF tokens are bound to
        (of two that bear its name, it is not known which is ours)."""
        name = self.site.config.cookies.csrf.name
        return cookies.values(self.environ.get("HTTP_COOKIE") or "", name)[:4]

    def require_visit(self) -> None:
        """Raise :class:`Refused` for a request that only looks (R074); whoever made it comes again
        in earnest."""
        if only_looks(self.environ):
            raise Refused(400, "BadRequest", "HEAD or a prefetch: it uses nothing up")

    def require_writable(self) -> None:
        """Raise :class:`Refused` where the session is another application's to write."""
        if self.site.config.session.read_only:
            raise Refused(
                403,
                "SessionReadOnly",
                "session.read_only is set: people sign in and out where the session is written",
            )

    def begin(self, user: Mapping[str, Any], provider: Any, proof: Proof) -> NewSession:
        """The session of who has proved to be ``user``: the last step of a sign-in that may fail.

        Where to go on is asked before, for the ``redirect`` callback may fail as well, and a
        sign-in that fails leaves no session (R038).
        """
        _ = self.callback_url
        return self.handle.begin(user, provider, proof)

    # --- what is answered -------------------------------------------------------------------

    @property
    def wants_json(self) -> bool:
        """Whether the client wants ``{"url"}`` in place of a redirect."""
        return wants_json_redirect(self.environ)

    def go(self, url: str) -> WSGIApp:
        """On to ``url``: 303 (302 for GET), or 200 and ``{"url"}`` as JSON."""
        if not is_legal(url):
            raise ValueError("the URL to go on to has characters that HTTP lacks")
        if self.wants_json:
            return self.json({"url": url})
        status = 302 if self.environ["REQUEST_METHOD"] in ("GET", "HEAD") else 303
        return answer(status, [("Location", url), NO_STORE, TEXT], b"")

    def step_over(self, url: str) -> WSGIApp:
        """On to ``url`` by a page of ours, so that the request for it comes from this site."""
        headers = [("Refresh", f"0; url={url}"), NO_STORE, TEXT, ("Referrer-Policy", "no-referrer")]
        return answer(200, headers, b"")

    def json(self, value: Any, status: int = 200) -> WSGIApp:
        """``value`` as JSON that no cache keeps and no other origin reads (R073)."""
        body = json.dumps(value, allow_nan=False).encode()
        return answer(status, [JSON, NO_STORE, NO_SNIFF, ("Vary", "Accept, Cookie")], body)

    @property
    def pages(self) -> Pages:
        """The built-in pages in this visitor's language."""
        return self.site.pages(self.environ)

    def page(self, page: Page, status: int = 200) -> WSGIApp:
        """One of the built-in pages."""
        vary = "Accept, Cookie" + (", Accept-Language" if page.is_negotiated else "")
        return answer(status, [*page.headers, ("Vary", vary)], page.body)

    @property
    def _content_type(self) -> str:
        return (self.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()

    @property
    def _body(self) -> bytes:
        """What came."""
        found = self._received
        if isinstance(found, Refused):
            raise found
        return found

    @cached_property
    def _received(self) -> bytes | Refused:
        """What came, or what was wrong with it: read once, for not every server ends its input
        where the body does: wsgiref waits for more. It is put back, for a callback may look into
        the request as well."""
        try:
            body = self._read()
        except Refused as problem:
            return problem
        environ = self.environ
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return body

    def _read(self) -> bytes:
        environ = self.environ
        source = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH") or ""
        if length:
            if not length.isascii() or not length.isdigit() or len(length) > 12:
                raise Refused(400, "BadRequest", "Content-Length is no number")
            if int(length) > MAX_BODY:
                raise Refused(413, "PayloadTooLarge", f"more than {MAX_BODY} bytes")
            return _read(source, int(length))
        # A chunked body has no length; only a server that ends its input for us may be read.
        if environ.get("wsgi.input_terminated"):
            body = _read(source, MAX_BODY + 1)
            if len(body) > MAX_BODY:
                raise Refused(413, "PayloadTooLarge", f"more than {MAX_BODY} bytes")
            return body
        return b""


def _read(source: Any, length: int) -> bytes:
    """Up to ``length`` octets; a client that stops half-way has sent what it has sent."""
    pieces: list[bytes] = []
    while length > 0:
        try:
            piece = source.read(length)
        except Exception as error:  # servers have classes of their own for what is no chunk, say
            raise Refused(400, "BadRequest", "the body broke off") from error
        if not piece:
            break
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # software differs in which of the two it believes (R066)
        raise ValueError("a name is given twice")
    return found


def _is_deep(value: Any) -> bool:
    """Whether JSON is nested beyond what a session could ever keep."""
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [
            inner
            for each in layer
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return True


def _parsed(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=200, errors="replace")
    except ValueError:
        raise Refused(400, "BadRequest", "too many fields") from None


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _parsed(text):
        if name in found and name in _ONCE:
            raise Refused(400, "BadRequest", f"{name} is given twice")
        found.setdefault(name, value)
    return found
