"""Rules over the providers of a configuration, and what else they need.

What lives here: the rules of ``checks`` that a configuration without a provider never breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from wsgi_auth.config.checks import is_oauth, own_image
from wsgi_auth.errors import ConfigError
from wsgi_auth.theme import is_logo

if TYPE_CHECKING:
    from wsgi_auth.config.model import AuthConfig


def agree(config: AuthConfig) -> None:
    """Raise :class:`ConfigError` where a provider does not go with another option."""
    _addresses(config)
    _dev(config)
    _passkeys(config)
    _leaving(config)
    _audiences(config)
    _email(config)
    _icons(config)


def _addresses(config: AuthConfig) -> None:
    for each in config.providers:
        if config.url is None and not config.dev and (is_oauth(each) or each.type == "email"):
            how = "whose mails hold" if each.type == "email" else "which sends the browser back to"
            raise ConfigError(
                "url",
                f"is needed for {each.id!r}, {how} an absolute URL: the "
                "address that visitors see, such as 'https://app.example.com'",
            )


def _dev(config: AuthConfig) -> None:
    for provider in config.providers:
        if provider.type == "dev" and not config.dev:
            raise ConfigError(
                "providers", "'dev' signs anybody in as anybody and needs the option dev = true"
            )


def _passkeys(config: AuthConfig) -> None:
    found = [each for each in config.providers if each.type == "passkey"]
    if not found:
        return
    key = f"providers.{found[0].id}"
    if any(each.type == "per_request" for each in config.providers):
        raise ConfigError(
            key, "does not go with a provider that is made per request: it knows no tenants"
        )
    from wsgi_auth.providers.passkey import Passkey

    passkey = found[0]
    if not isinstance(passkey, Passkey):
        raise ConfigError(key, "is of type 'passkey' and no wsgi_auth.providers.Passkey")
    if len(found) > 1:
        raise ConfigError(key, "one provider of type 'passkey' is enough for all")
    if find_spec("fido2") is None:
        raise ConfigError(key, "needs fido2: pip install 'wsgi_auth[passkeys]'")
    if config.adapter is None:
        raise ConfigError(
            "adapter", f"is needed for {found[0].id!r}, to keep them: 'sqlite:///auth.db', say"
        )
    url = config.url
    if url is None:
        if not config.dev:
            raise ConfigError(
                "url",
                f"is needed for {found[0].id!r}: the address that visitors see, for passkeys are "
                "bound to it, such as 'https://app.example.com'",
            )
        return
    if url.is_address:
        instead = f"http://localhost:{url.port}" if url.is_loopback else "https://app.example.com"
        raise ConfigError(
            "url",
            f"{url.origin} has an IP address, to which browsers bind no passkeys; use a name, such "
            f"as {instead!r}",
        )
    if not url.secure and not url.is_loopback:
        raise ConfigError("url", f"{url.origin}: browsers have passkeys on https only")
    domain = passkey.rp_id
    if domain and not f".{url.host}".endswith(f".{domain}"):
        raise ConfigError(
            f"{key}.rp_id", f"{domain!r} is neither the host of url ({url.host}) nor a parent of it"
        )


def _leaving(config: AuthConfig) -> None:
    """A provider that is to end sessions needs a place where all processes see which."""
    heard = next(
        (each.id for each in config.providers if getattr(each, "hears_logout", False)), None
    )
    if heard is not None:
        if config.session.read_only:
            raise ConfigError(
                "session.read_only",
                f"sessions are ended where they are written: {heard!r} is to have "
                "backchannel_logout and frontchannel_logout there, and not here",
            )
        if config.adapter is None:
            raise ConfigError(
                "adapter",
                f"is needed for {heard!r}, which is to end sessions (backchannel_logout or "
                "frontchannel_logout): what was ended has to be kept where all processes see it, "
                "such as 'sqlite:///auth.db'",
            )


def _audiences(config: AuthConfig) -> None:
    """The ID tokens of one entry must not be the access tokens of another (each has looked whether
    they are its own)."""
    there = config.all_providers
    for each in there:
        for other in there:
            if getattr(other, "client_id", "") in (getattr(each, "audience", None) or ()) and (
                _may_be_at_one_issuer(each, other)
            ):
                raise ConfigError(
                    f"providers.{each.id}.audience",
                    f"is the client_id of {other.id!r} at the same issuer, so that every ID token "
                    "of that client would be an access token too; give the API a name of its own",
                )
    for alone in config.issuers:
        at = alone.issuer
        signs_in = next(
            (each.id for each in config.providers if getattr(each, "issuer", "") == at), None
        )
        if signs_in is not None:
            raise ConfigError(
                f"providers.{alone.id}.sign_in",
                f"is false, and people sign in at the same issuer by {signs_in!r}, as whom a token "
                f"of theirs would not count; give {signs_in!r} the audience instead",
            )


def _may_be_at_one_issuer(one: Any, other: Any) -> bool:
    """Whether a token of one may be of the other's issuer: that of all tenants is that of each."""
    issuers = getattr(one, "issuer", ""), getattr(other, "issuer", "")
    patterns = getattr(one, "issuer_pattern", ""), getattr(other, "issuer_pattern", "")
    if all(patterns):
        return patterns[0] == patterns[1]
    return (
        issuers[0] == issuers[1]
        or (bool(patterns[0]) and bool(one.may_be_issuer(issuers[1])))
        or (bool(patterns[1]) and bool(other.may_be_issuer(issuers[0])))
    )


def _email(config: AuthConfig) -> None:
    for each in config.providers:
        if each.type == "email" and config.adapter is None:
            raise ConfigError(
                "adapter",
                f"is needed for {each.id!r}, whose links are kept until they are used: "
                "'sqlite:///auth.db', for one",
            )
        # what one tenant says of an address must not become a user whom another's mail signs in
        if each.type == "email" and any(one.type == "per_request" for one in config.providers):
            raise ConfigError(
                f"providers.{each.id}",
                "does not go with a provider that is made per request: it knows no tenants",
            )


def _icons(config: AuthConfig) -> None:
    for provider in config.providers:
        icon = getattr(provider, "icon", "")
        if not icon:
            continue
        key = f"providers.{provider.id}.icon"
        if not is_logo(icon):
            raise ConfigError(
                key, "must be a path of this site such as /static/acme.svg, or a data:image/ URI"
            )
        own_image(config, key, icon)


def risks(config: AuthConfig) -> Iterator[str]:
    """What is allowed of a provider but deserves a second look, one sentence each."""
    yield from _short_secrets(config)
    if config.issuers and not any(route.bearer for route in (*config.matcher, *config.routes)):
        ids = " and ".join(each.id for each in config.issuers)
        yield f"providers.{ids}: sign_in is false, and no route has bearer: its tokens open nothing"
    yield from _empty_files(config)
    there = config.all_providers
    asked = [each.id for each in there if getattr(each, "introspection", False)]
    if len(asked) > 1:
        yield (
            f"introspection is set for {' and '.join(asked)}: a token that is no JWT does not say "
            "whose it is, and no other provider must be shown it, so none of them is asked about it"
        )


def _empty_files(config: AuthConfig) -> Iterator[str]:
    by_file = [each for each in config.providers if each.type == "htpasswd"]
    if not by_file:
        return
    from wsgi_auth.providers.htpasswd import Htpasswd

    for each in by_file:
        if isinstance(each, Htpasswd) and each.is_empty:
            yield (
                f"providers.{each.id}.file: nobody is in {str(each.file)!r}, so nobody can sign in "
                f"by it; add somebody with: htpasswd -B {each.file} NAME"
            )


def _short_secrets(config: AuthConfig) -> Iterator[str]:
    """Secrets that are shorter than the hash they sign with (RFC 7518 section 3.2, OpenID Connect
    Core section 16.19). No mistake of ours to refuse: the provider made the secret and signs."""
    for each in config.providers:
        for algorithm in getattr(each, "id_token_signed_response_alg", ()):
            octets = int(algorithm[2:]) // 8 if algorithm.startswith("HS") else 0
            if len(getattr(each, "client_secret", "").encode()) < octets:
                yield (
                    f"providers.{each.id}.client_secret: {algorithm} wants {octets} octets or "
                    "more, and it is shorter: whoever sees an ID token can guess at it; have the "
                    "provider make a longer one, or sign with RS256 or ES256"
                )
