"""The requests and cookies that the cases are made of."""

from __future__ import annotations

import io
import time
from typing import Any
from wsgiref.util import FileWrapper

from benchmarks.floors import HandWritten, bare
from benchmarks.measure import Environ
from wsgi_auth import AuthConfig
from wsgi_auth.sessions import strategy_for
from wsgi_auth.tokens import derive

SECRET = "a secret of more than thirty-two bytes, for benchmarks only"
#: What other software leaves in a browser: about 400 octets.
FOREIGN = "; ".join(
    (
        "_ga=GA1.2.1034567890.1731234567",
        "_gid=GA1.2.987654321.1731234567",
        "theme=dark",
        "lang=en-GB",
        "consent=eyJhbmFseXRpY3MiOnRydWUsIm1hcmtldGluZyI6ZmFsc2V9",
        "ajs_anonymous_id=7b1c8f9e-2d4a-4c6b-9e8f-0a1b2c3d4e5f",
        "intercom-id-x1y2z3=5f0e9d8c-7b6a-4f5e-8d7c-6b5a4f3e2d1c",
        "optimizelyEndUserId=oeu1731234567890r0.123456789012345",
        "tz=Europe%2FBerlin",
        "hubspotutk=0123456789abcdef0123456789abcdef",
    )
)
#: Fetch Metadata (https://www.w3.org/TR/fetch-metadata/).
NAVIGATION = {
    "HTTP_SEC_FETCH_SITE": "none",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_USER": "?1",
    "HTTP_SEC_FETCH_DEST": "document",
}
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def config(**options: Any) -> AuthConfig:
    """A configuration with one provider; ``options`` replace whole options."""
    return AuthConfig.from_mapping(
        {
            "secret": SECRET,
            "url": "https://app.example.com",
            "providers": [{"id": "credentials", "authorize": lambda credentials, request: None}],
            "matcher": ["/members/:path*"],
            "ignore": ["/static/:path*"],
            **options,
        },
        environ={},
    )


def environ(path: str = "/members/area", cookie: str | None = None, **more: Any) -> Environ:
    """A navigation in Chromium as gunicorn hands it over, key by key and in its order.

    How many there are matters: a dict of 21 grows with the first key that a middleware adds, which
    alone takes as long as half a do-nothing call.
    """
    given: Environ = {
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "gunicorn/23.0.0",
        "wsgi.input": io.BytesIO(),
        "gunicorn.socket": None,
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "",
        "RAW_URI": path,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "app.example.com",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_SEC_CH_UA": '"Not:A-Brand";v="8", "Chromium";v="138"',
        "HTTP_SEC_CH_UA_MOBILE": "?0",
        "HTTP_SEC_CH_UA_PLATFORM": '"Linux"',
        "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/138.0.0.0 Safari/537.36",
        "HTTP_ACCEPT": PAGE,
        **NAVIGATION,
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "wsgi.url_scheme": "https",
        "REMOTE_ADDR": "203.0.113.7",
        "REMOTE_PORT": "36740",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        **more,
    }
    if cookie is not None:
        given["HTTP_COOKIE"] = cookie
    return given


def claims(number: int = 0, **more: Any) -> dict[str, Any]:
    """A user with five claims; the times come with the signature."""
    return {
        "sub": f"user-{number:06}",
        "name": "Alice Adams",
        "email": "alice.adams@example.com",
        "picture": "https://cdn.example.com/avatars/alice.png",
        "role": "editor",
        **more,
    }


def session_cookies(settings: AuthConfig, content: dict[str, Any], age: float = 0) -> str:
    """The cookies of a session that was signed ``age`` seconds ago, as a browser sends them."""
    written = strategy_for(settings).save(content, time.time() - age)
    assert written is not None
    return _pairs(settings, written.value)


def hand_written_cookies(settings: AuthConfig, content: dict[str, Any], age: float = 0) -> str:
    """The same session as it would be signed by hand: an object, with the name of each claim."""
    issued = int(time.time() - age)
    key = derive(settings.secret[0], f"wsgi_auth.session {settings.cookies.session.name}")
    by_hand = HandWritten(bare, settings.cookies.session.name, key)
    return _pairs(settings, by_hand.sign({**content, "iat": issued, "exp": issued + 2_592_000}))


def _pairs(settings: AuthConfig, value: str) -> str:
    pairs = settings.cookies.session.set(value)
    return "; ".join(pair.partition(";")[0] for pair in pairs)


def among_others(cookie: str) -> str:
    """A header of about 400 octets with foreign cookies around."""
    first, second, third, *_ = FOREIGN.split("; ")
    return f"{first}; {second}; {third}; {cookie}; lang=en-GB"
