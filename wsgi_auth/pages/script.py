"""``client.js`` and ``passkey.js`` as they are served, and what a page is given for it."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from typing import Final

from wsgi_auth.errors import NO_JSON, no_json
from wsgi_auth.types import Session

_COMMENT: Final = re.compile(r"^\s*//.*\n", re.MULTILINE)
_MARGIN: Final = re.compile(r"^\s+", re.MULTILINE)
#: What would end a script element, or begin something in it.
_UNSAFE: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


class Script:
    """The module's text without whole-line comments and indentation; ``version`` is its hash."""

    __slots__ = ("body", "version")

    def __init__(self, name: str = "client.js") -> None:
        text = files("wsgi_auth.pages").joinpath(name).read_text(encoding="utf-8")
        self.body = _MARGIN.sub("", _COMMENT.sub("", text)).encode()
        self.version = hashlib.sha256(self.body).hexdigest()[:16]


class Element(str):
    """HTML that template engines put in as it is: Jinja, Django and Chameleon ask ``__html__``. A
    plain text otherwise; markupsafe's would escape the page that it is added to."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def session_script(session: Session | None) -> Element:
    """The element in which ``client.js`` looks for the session. It is data, so that no content
    security policy minds it; JSON's own escapes keep it from ending early."""
    try:
        data = json.dumps(session, allow_nan=False).translate(_UNSAFE)
    except NO_JSON as error:
        raise no_json("session", "returned", error) from error
    return Element(f'<script type="application/json" id="auth.session">{data}</script>')
