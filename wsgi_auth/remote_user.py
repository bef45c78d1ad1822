"""``REMOTE_USER`` for applications that take their user from the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsgi_auth.errors import CallbackError
from wsgi_auth.types import Environ, Reading

#: What the application must never get from a client: ours, and the header that looks like it.
OURS = ("REMOTE_USER", "AUTH_TYPE", "HTTP_REMOTE_USER")


class RemoteUser:
    """Removes what a client or an outer layer claims, and sets what the session says."""

    def __init__(self, rule: str | Callable[..., Any], *, keeps_users: bool) -> None:
        self._rule = rule
        self._keeps_users = keeps_users

    def remove(self, environ: Environ) -> None:
        """Nobody, whatever the request says; on every request, open ones too (R048)."""
        for name in OURS:
            environ.pop(name, None)

    def set(self, environ: Environ, reading: Reading) -> bool:
        """The user of this reading; False if there is a session that names none (answer: 403)."""
        if reading.session is None or reading.claims is None:
            return True
        name = self._name(reading)
        # a header-like value: what a server would have put there itself
        if not name or not name.isprintable():
            return False
        environ["REMOTE_USER"] = name.encode("utf-8").decode("latin-1")
        environ["AUTH_TYPE"] = "wsgi_auth"
        return True

    def lacks(self, reading: Reading) -> str:
        """Why :meth:`set` found no name, for the log: never the value itself."""
        if callable(self._rule):
            return "the callable remote_user gives no printable text"
        claims: Mapping[str, Any] = reading.claims or {}
        for name in ("provider", "login", "email"):
            if self._rule == name or f"{{{name}}}" in self._rule:
                if not claims.get(name):
                    missing = "address" if name == "email" else name
                    return f"remote_user = {self._rule}, and there is no {missing}"
                if name == "email" and claims.get("email_verified") is not True:
                    return f"remote_user = {self._rule}, and nobody vouches for the address"
        return f"remote_user = {self._rule} gives no printable text"

    def _name(self, reading: Reading) -> str:
        claims = reading.claims
        assert claims is not None  # noqa: S101 - set() has looked
        id = str(claims.get("sub") or "")
        fields = {
            "provider": claims.get("provider"),
            # where users are kept, only a machine's begins so: without that it may be a user's
            "id": id if self._keeps_users else id.removeprefix(f"{claims.get('provider')}:"),
            "login": claims.get("login"),
            # only an address that the provider vouches for
            "email": claims.get("email") if claims.get("email_verified") is True else None,
        }
        rule = self._rule
        if callable(rule):
            try:
                name = rule(reading.session)
            except Exception as error:
                raise CallbackError("remote_user", f"raised {type(error).__name__}") from error
            return name if isinstance(name, str) else ""
        if rule in fields:
            return str(fields[rule] or "")
        used = [name for name in fields if f"{{{name}}}" in rule]
        if not all(fields[name] for name in used):
            return ""
        return rule.format(**fields)
