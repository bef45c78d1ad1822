"""Sign-in by passkey (WebAuthn): its options. The ceremonies are in ``wsgi_auth/passkeys``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wsgi_auth.errors import ConfigError


@dataclass(frozen=True)
class Passkey:
    """Sign-in by passkeys that people add to their account while they are signed in.

    ``rp_id``: the domain that passkeys are for; the host of ``url``, or a parent domain of it to
    share them with other hosts. It can never change: passkeys of another one are of no use.
    ``rp_name``: what the browser calls this site; the domain if not given. ``user_verification``:
    whether a PIN or a fingerprint is demanded every time (``"required"``) or where the
    authenticator can (``"preferred"``). ``fresh``: seconds since the sign-in within which passkeys
    may be added and removed, 0 for whenever; None is ``session.fresh_age``.
    """

    rp_id: str = ""
    rp_name: str = ""
    user_verification: Literal["preferred", "required"] = "preferred"
    fresh: int | None = None
    id: str = "passkey"
    name: str = "Passkey"
    icon: str = ""
    type: str = "passkey"
    #: Whether the address of a user counts as verified: never by itself, the store knows.
    vouches: bool = False

    def __post_init__(self) -> None:
        key = f"providers.{self.id}"
        if self.user_verification not in ("preferred", "required"):
            raise ConfigError(f"{key}.user_verification", "must be 'preferred' or 'required'")
        if self.fresh is not None and (type(self.fresh) is not int or self.fresh < 0):
            raise ConfigError(f"{key}.fresh", "must be a number of seconds, or 0")
        if self.rp_id and not self.rp_id.strip("."):
            raise ConfigError(f"{key}.rp_id", f"{self.rp_id!r} is no domain")
        # as browsers spell a domain
        object.__setattr__(self, "rp_id", self.rp_id.lower().rstrip("."))
