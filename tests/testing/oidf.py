"""The OpenID Foundation's test modules for relying parties, as data for the fake provider.

Source: the plans below ``openid/client`` of the conformance suite (Basic, Config, Refresh,
RP-initiated logout, back-channel logout, third-party initiated login), which needs a Java machine.
A module is a provider with one deviation: ``wrong`` are the names of misbehaviours to switch on,
``expected`` is what the suite wants to see of the relying party. What is not of this form says so
in ``plays``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Module:
    """One test module, by the suite's own name."""

    name: str
    plan: str
    wrong: tuple[str, ...] = ()
    expected: Literal["accept", "refuse", "either"] = "accept"
    plays: str = ""


BASIC, CONFIG, REFRESH = "basic", "config", "refresh"
LOGOUT, BACKCHANNEL, THIRD_PARTY = "rp-initiated-logout", "backchannel-logout", "3rd-party"
_TEST, _BACK = "oidcc-client-test", "oidcc-client-test-rp-backchannel-rpinitlogout"

MODULES: tuple[Module, ...] = (
    Module(_TEST, BASIC),
    Module(f"{_TEST}-invalid-iss", BASIC, ("wrong_iss",), "refuse"),
    Module(f"{_TEST}-missing-sub", BASIC, ("no_sub",), "refuse"),
    Module(f"{_TEST}-invalid-aud", BASIC, ("wrong_aud",), "refuse"),
    Module(f"{_TEST}-missing-iat", BASIC, ("no_iat",), "refuse"),
    Module(f"{_TEST}-kid-absent-single-jwks", BASIC, ("no_kid", "jwks_no_use")),
    Module(f"{_TEST}-kid-absent-multiple-jwks", BASIC,
           ("no_kid", "jwks_second_key", "jwks_no_use"), "either"),
    Module(f"{_TEST}-idtoken-sig-rs256", BASIC),
    Module(f"{_TEST}-idtoken-sig-none", BASIC, ("alg_none",), "refuse"),
    Module(f"{_TEST}-invalid-sig-rs256", BASIC, ("bad_signature",), "refuse"),
    Module(f"{_TEST}-userinfo-bearer-header", BASIC, plays="userinfo is asked for, by header"),
    Module(f"{_TEST}-userinfo-bearer-body", BASIC, plays="userinfo is asked for, by form"),
    Module(f"{_TEST}-userinfo-invalid-sub", BASIC, ("userinfo_wrong_sub",), "refuse"),
    Module(f"{_TEST}-nonce-invalid", BASIC, ("wrong_nonce",), "refuse"),
    Module(f"{_TEST}-scope-userinfo-claims", BASIC, plays="claims are at userinfo only"),
    Module(f"{_TEST}-client-secret-basic", BASIC, plays="the client is client_secret_basic"),
    Module(f"{_TEST}-discovery-openid-config", CONFIG),
    Module(f"{_TEST}-discovery-jwks-uri-keys", CONFIG),
    Module(f"{_TEST}-discovery-issuer-mismatch", CONFIG, ("discovery_wrong_issuer",), "refuse"),
    Module(f"{_TEST}-idtoken-sig-none", CONFIG, ("alg_none",), "refuse"),
    Module(f"{_TEST}-signing-key-rotation-just-before-signing", CONFIG, ("rotated_just_now",)),
    Module(f"{_TEST}-signing-key-rotation", CONFIG,
           plays="a sign-in, rotate_keys(keep_old=False), a sign-in"),
    Module(f"{_TEST}-refresh-token", REFRESH),
    Module(f"{_TEST}-refresh-token-invalid-issuer", REFRESH, ("refresh_wrong_iss",), "refuse"),
    Module(f"{_TEST}-refresh-token-invalid-sub", REFRESH, ("refresh_wrong_sub",), "refuse"),
    # not in a plan, but in the suite
    Module(f"{_TEST}-refresh-token-invalid-aud", REFRESH, ("refresh_wrong_aud",), "refuse"),
    Module(f"{_TEST}-refresh-token-invalid-azp", REFRESH, ("refresh_wrong_azp",), "refuse"),
    Module(f"{_TEST}-rp-init-logout", LOGOUT, plays="leaves, and comes back with state"),
    Module(f"{_TEST}-rp-init-logout-other-state", LOGOUT, ("logout_other_state",), "either"),
    Module(f"{_TEST}-rp-init-logout-no-state", LOGOUT, ("logout_no_state",), "either"),
    Module(_BACK, BACKCHANNEL),
    Module(f"{_BACK}-alg-none", BACKCHANNEL, ("logout_alg_none",), "refuse"),
    Module(f"{_BACK}-no-event", BACKCHANNEL, ("logout_no_event",), "refuse"),
    Module(f"{_BACK}-with-nonce", BACKCHANNEL, ("logout_with_nonce",), "refuse"),
    Module(f"{_BACK}-wrong-alg", BACKCHANNEL, ("logout_wrong_alg",), "refuse"),
    Module(f"{_BACK}-wrong-aud", BACKCHANNEL, ("logout_wrong_aud",), "refuse"),
    Module(f"{_BACK}-wrong-event", BACKCHANNEL, ("logout_wrong_event",), "refuse"),
    Module(f"{_BACK}-wrong-iss", BACKCHANNEL, ("logout_wrong_iss",), "refuse"),
    Module("oidcc-client-test-3rd-party-init-login", THIRD_PARTY,
           plays="GET /auth/signin/{provider}?iss=...&target_link_uri=... starts the sign-in"),
)  # fmt: skip
