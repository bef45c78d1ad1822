"""Where things are: the mount, our own pages, and where a visitor may be sent back to.

Everything absolute comes from the configured ``url`` and nothing else (R063); without one, only
paths are ever written, below the mount that the server reports. That is ``SCRIPT_NAME`` as the
middleware found it: a dispatcher below adds the mounts of its own applications to it, and our pages
are not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgi_auth.config.model import AuthConfig
from wsgi_auth.errors import CallbackError
from wsgi_auth.types import Environ
from wsgi_auth.urls import BaseURL, local_url, quote_return, safe_return_url

if TYPE_CHECKING:
    from wsgi_auth.protocols import Handle


#: Dispatchers below each other that are followed where one of them changed more than the line
#: between SCRIPT_NAME and PATH_INFO.
_MOUNTS = 32


class Locations:
    """Builds the URLs of one configuration for one request at a time."""

    def __init__(self, config: AuthConfig) -> None:
        self._config = config
        self._base = config.url
        self._page = config.pages.sign_in
        self._absolute_page = bool(self._page and not self._page.startswith("/"))
        mount = config.url.mount if config.url else ""
        page = self._page or config.base_path + "/signin"
        # ready for every refusal: all but the return URL
        # as an environ would spell the mount, and the origin as the value of a parameter
        self._mounted = _decoded(mount)
        self._origin = config.url.origin.replace(":", "%3A") if config.url else ""
        self._sign_in = (page if self._absolute_page else local_url(mount, page)) + "?callbackUrl="

    def mount(self, environ: Environ) -> str:
        """The path the application is mounted at, percent-encoded; "" at the root."""
        if self._base is not None:
            return self._base.mount
        # one slash at its start, whatever a server says: two would make a host of what follows
        script = _arrived(environ)[0].strip("/")
        if not script:
            return ""
        from urllib.parse import quote  # here and below: few are mounted

        path = quote(script.encode("latin-1", "replace"), safe="/~:@!$&'()*+,;=")
        return "/" + path

    def base(self, environ: Environ) -> BaseURL | None:
        """The public base URL; under ``dev`` that of this request, else None if there is none."""
        if self._base is not None or not self._config.dev:
            return self._base
        try:
            return BaseURL.parse(
                f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"
            )
        except Exception:
            return None

    def origins(self, environ: Environ) -> tuple[str, ...]:
        """The origins that count as our own; empty when none is configured."""
        return (self._base.origin,) if self._base is not None else ()

    def endpoint(self, environ: Environ, action: str, **params: str) -> str:
        """The URL of one of our own endpoints, such as ``signin`` or ``callback/htpasswd``."""
        return local_url(self.mount(environ), f"{self._config.base_path}/{action}", params)

    def page(self, environ: Environ, name: str, **params: str) -> str:
        """The URL of a page: the application's own if ``pages`` has one, else the built-in one."""
        own: str | None = getattr(self._config.pages, name)
        if own is None:
            return self.endpoint(environ, _BUILT_IN[name], **params)
        if own.startswith("/"):
            return local_url(self.mount(environ), own, params)
        back = params.get("callbackUrl", "")
        if back.startswith("/") and self._base is not None:
            params["callbackUrl"] = self._base.absolute(back)  # a path would be one over there
        return own + local_url("", "", params).lstrip("/")

    def sign_in(self, environ: Environ, action: str | None = None) -> str:
        """The sign-in page (or one of our own endpoints, such as ``signin/github``), to come back
        to this very request. On the path of every refusal."""
        if action is not None:
            back = self.sign_in(environ).partition("?")[2]
            return f"{self.endpoint(environ, action)}?{back}"
        path, query = _text(environ, "PATH_INFO"), _text(environ, "QUERY_STRING")
        handle: Handle | None = environ.get("auth.handle")
        script = None
        if handle is not None and handle.path_info != path:
            script, path = _arrived(environ)
        if self._base is not None:
            here = quote_return(self._mounted + path, query)
            return self._sign_in + (self._origin + here if self._absolute_page else here)
        if script is None:
            script = _text(environ, "SCRIPT_NAME")
        here = quote_return(script + path, query)
        if script and not self._absolute_page:
            return f"{self.page(environ, 'sign_in')}?callbackUrl={here}"
        return self._sign_in + here

    def return_url(self, environ: Environ, wanted: Any) -> str:
        """Where a visitor goes on: ``wanted`` if it is ours or listed, else the default page.

        The ``redirect`` callback is asked, and what it says is checked again (R057 to R061).
        """
        base = self.base(environ)
        mount = self.mount(environ)

        def safe(value: Any) -> str:
            return safe_return_url(
                value,
                base=base,
                mount=mount,
                allowed=self._config.allowed_redirects,
                default="/",
            )

        url = safe(wanted)
        callback = self._config.callbacks.redirect
        if callback is None:
            return url
        try:
            return safe(callback(url, str(base) if base else mount + "/"))
        except Exception as error:
            raise CallbackError("redirect", f"raised {type(error).__name__}") from error


def _decoded(mount: str) -> str:
    """A mount as a server would spell it in the environ."""
    if "%" not in mount:
        return mount
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(mount).decode("latin-1")


_BUILT_IN = {
    "sign_in": "signin",
    "sign_out": "signout",
    "error": "error",
    "verify_request": "verify-request",
    "account": "account",
}


def _arrived(environ: Environ) -> tuple[str, str]:
    """``SCRIPT_NAME`` and ``PATH_INFO`` as the middleware found them.

    It notes the one. The other is what is left of today's without what a dispatcher has moved
    there since: the beginning of the path, as it was or without needless slashes
    (``wsgiref.util.shift_path_info``).
    """
    script, path = _text(environ, "SCRIPT_NAME"), _text(environ, "PATH_INFO")
    handle: Handle | None = environ.get("auth.handle")
    if handle is None:
        return script, path
    came = handle.path_info or ""
    if came == path or not script:
        return script, came
    whole = script + path
    if whole.endswith(came) and script.startswith(mount := whole[: len(whole) - len(came)]):
        return mount, came
    names, moved = _names(script), _names(came)
    for count in range(min(len(names), len(moved), _MOUNTS), 0, -1):
        if names[-count:] == moved[:count]:
            return "".join(f"/{name}" for name in names[:-count]), came
    return script, came


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _text(environ: Environ, key: str) -> str:
    """A value of the environ as text; some servers put None where nothing came."""
    value = environ.get(key)
    return value if isinstance(value, str) else ""
