"""A provider's access token for whoever is signed in: from the store, or from the browser's cookie.

What lives here: which of the two, and what a refusal to renew it means for this request. What must
not: the renewal (``oauth/refresh``), and how tokens are kept (``oauth/kept``, ``oauth/vault``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgi_auth.errors import ProviderRefused, SignInAgain, UsageError

if TYPE_CHECKING:
    from wsgi_auth.auth import Auth


def fresh_token(handle: Auth, provider: str) -> str | None:
    """See :meth:`wsgi_auth.auth.Auth.access_token`."""
    site = handle.site
    found: Any = next((each for each in site.config.providers if each.id == provider), None)
    if found is not None:
        found = site.tenants.provider(found, handle.environ)
        if found is None:
            return None
    if not getattr(found, "tokens", False):
        raise UsageError(
            f"the provider {provider!r} keeps no tokens; set providers.{provider}.tokens = True"
        )
    claims = handle.reading.claims
    if claims is None:
        return None
    if site.kept_tokens is not None:
        return site.kept_tokens.fresh(
            claims["sub"],
            found.id,
            found.tenant,
            lambda tokens: site.client(found).refresh(tokens, site.clock()),
            site.clock,
        )
    if claims.get("tenant", "") != found.tenant:
        return None
    header = handle.header
    held = site.vault.read(header, claims)
    if provider not in held:
        return None
    tokens, now = held[provider], site.clock()
    if tokens is None:
        raise SignInAgain(f"{provider} refused to renew its tokens")
    if tokens.is_fresh(now):
        return tokens.access_token
    if not tokens.refresh_token:
        raise SignInAgain(f"the token of {provider} has expired, and it gave none to renew it")
    handle.may_change()  # a new refresh token that nobody keeps would be lost
    try:
        party = f"{found.id} {found.tenant}"
        fresh = site.refresher.renewed(party, site.client(found), tokens, now)
    except ProviderRefused as refused:
        if not refused.is_final:
            raise  # our fault or the provider's, and no word on this user
        site.events.logger.warning("%s gives no fresh token: %s", provider, refused)
        handle.set_cookies(site.vault.write(header, claims, {**held, provider: None}))
        raise SignInAgain(f"{provider} refused to renew its tokens") from None
    try:
        kept = site.vault.write(header, claims, {**held, provider: fresh})
    except ValueError as error:
        site.events.logger.error("the fresh tokens of %s are not kept: %s", provider, error)
        # what the browser has is used up
        kept = site.vault.write(header, claims, {**held, provider: None})
    handle.set_cookies(kept)
    return fresh.access_token
