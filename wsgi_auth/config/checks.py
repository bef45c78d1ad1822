"""How options must agree, and what is allowed but risky.

What lives here: rules over the finished configuration. A rule over one value is in ``values``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wsgi_auth.config import values
from wsgi_auth.config.parts import ALLOWED, env_prefix
from wsgi_auth.errors import ConfigError

if TYPE_CHECKING:
    from wsgi_auth.config.model import AuthConfig

#: What a ``remote_user`` template may name. A display name is not among them: visitors choose it.
REMOTE_USER_FIELDS = ("provider", "id", "login", "email")

#: How other frameworks write a parameter: ``<id>``, ``<int:id>``, ``{id}``; not ``:size{px}``,
#: where the braces keep two names apart.
_FOREIGN = r"<(?:\w+:)?(\w+)>|(?<=[/.-])\{(\w+)\}(?![?*+])"

#: A segment of a pattern that is itself, letter by letter.
_TEXT = r"(?:/[^/:(){}*+?\\]+)"

#: The first segments below ``base_path`` that are endpoints (``actions`` has the table).
BUILT_IN = frozenset(
    (
        "signin", "callback", "signout", "session", "csrf", "providers", "error", "verify-request",
        "account", "passkey", "backchannel-logout", "frontchannel-logout",
    )
)  # fmt: skip


def remote_user(key: str, given: Any) -> str | Callable[..., Any]:
    """``email``, ``login``, ``id``, a template such as ``{provider}:{id}``, or a callable."""
    if callable(given):
        return values.called_with("session")(key, given)
    word = values.text(key, given)
    if word == "name":
        raise ConfigError(key, "visitors choose their display name; use 'login', 'email' or 'id'")
    if word in REMOTE_USER_FIELDS[1:]:
        return word
    if "{" not in word:
        if ":" in word:
            return values.called_with("session")(key, word)
        raise ConfigError(
            key,
            f"must be 'email', 'login', 'id', a template such as '{{provider}}:{{id}}' or a "
            f"callable, not {word!r}{values.near(word, REMOTE_USER_FIELDS[1:])}",
        )
    import string

    try:
        fields = [(name, spec, how) for _, name, spec, how in string.Formatter().parse(word)]
    except ValueError as error:
        raise ConfigError(key, f"{word!r}: {error}") from None
    for name, spec, how in fields:
        if name is not None and (name not in REMOTE_USER_FIELDS or spec or how):
            raise ConfigError(key, f"{{{name}}} is not one of {', '.join(REMOTE_USER_FIELDS)}")
    return word


def agree(config: AuthConfig) -> None:
    """Raise :class:`ConfigError` where two options contradict each other."""
    _urls(config)
    _cookies(config)
    _dev(config)
    _sessions(config)
    _strength(config)
    if config.all_providers:
        # imported here: a process that only reads sessions has none
        from wsgi_auth.config.of_providers import agree as providers_agree

        providers_agree(config)
    _who(config)
    if config.auto_sign_in and not any(is_oauth(each) for each in config.providers):
        raise ConfigError("auto_sign_in", "wants a single provider of type oauth or oidc")
    if config.theme:
        # imported here, and below: most configurations have none, and a cold start should not pay
        from wsgi_auth.theme import Theme

        try:
            Theme(**config.theme)  # type: ignore[arg-type]
        except ValueError as error:
            option, _, problem = str(error).partition(": ")
            raise ConfigError(f"theme.{option}", problem) from None
        own_image(config, "theme.logo", config.theme.get("logo", ""))
    if config.texts or config.languages or config.locale_dir is not None:
        from wsgi_auth.languages import Languages

        Languages(config.languages, config.texts, config.locale_dir).check()


def own_image(config: AuthConfig, key: str, image: str) -> None:
    """Raise :class:`ConfigError` for an image that a built-in page would not load."""
    if not image.lower().startswith(("http:", "https:")):
        return
    if config.url is None or not f"{image}/".startswith(f"{config.url.origin}/"):
        raise ConfigError(
            key,
            "must be of this site (the pages load nothing from elsewhere): a path such as "
            "/static/logo.svg, a URL below the option url, or a data:image/ URI",
        )


def _urls(config: AuthConfig) -> None:
    if config.base_path == "/":
        raise ConfigError("base_path", "must be a path below the root, such as '/auth'")
    if config.url is not None:
        mount = config.url.mount
        if mount.endswith(("/api/auth", config.base_path)) or mount == "/auth":
            raise ConfigError(
                "url",
                f"its path {mount!r} looks like the endpoints' own; url is where the application "
                f"is mounted. Leave the path out, and set base_path = {mount!r} if the endpoints "
                "are to live there",
            )

    for name in ("sign_in", "sign_out", "error", "verify_request", "new_user", "account"):
        page = getattr(config.pages, name) or ""
        action = page.removeprefix(config.base_path + "/")
        if action != page and action.partition("/")[0] in BUILT_IN:
            raise ConfigError(
                f"pages.{name}",
                f"{page!r} is a built-in endpoint, so the visitor would be sent in circles; leave "
                "it out for the built-in page, or give your own page another path",
            )


def _cookies(config: AuthConfig) -> None:
    cookies = config.cookies
    host = config.url and config.url.host
    for kind in cookies.__match_args__:
        domain = getattr(cookies, kind).domain
        if domain and host and not f".{host}".endswith(f".{domain}"):
            raise ConfigError(
                f"cookies.{kind}.domain",
                f"{domain!r} is neither the host of url ({host}) nor a parent of it, so browsers "
                "would drop the cookie",
            )
    names = [getattr(cookies, kind).name for kind in cookies.__match_args__]
    if len(set(names)) < len(names):
        raise ConfigError("cookies", f"two of them have one name: {', '.join(names)}")
    for kind in ("flow", "flow_post"):
        if getattr(cookies, kind).same_site == "Strict":
            raise ConfigError(
                f"cookies.{kind}.same_site",
                "'Strict' is never sent when a provider sends the browser back; leave it out",
            )


def _dev(config: AuthConfig) -> None:
    if config.dev and config.url is not None and not config.url.is_loopback:
        raise ConfigError("dev", f"is for loopback only, and url is {config.url.origin}")


def _sessions(config: AuthConfig) -> None:
    session = config.session
    if session.strategy == "database" and config.adapter is None:
        raise ConfigError(
            "adapter", "session.strategy = 'database' needs one, such as 'sqlite:///auth.db'"
        )
    if session.strategy == "jwt":
        _jwt(config)
    elif session.encode is not None or session.decode is not None:
        given = "encode" if session.encode is not None else "decode"
        raise ConfigError(f"session.{given}", "belongs to the strategy 'jwt'")
    if session.update_age >= session.max_age:
        raise ConfigError(
            "session.update_age",
            f"({session.update_age} s) must be shorter than session.max_age ({session.max_age} s), "
            f"or no session is ever prolonged; set it to {session.max_age // 12} s, say",
        )
    if session.absolute_age is not None and session.absolute_age < session.max_age:
        raise ConfigError(
            "session.absolute_age", "is the whole life and cannot be shorter than session.max_age"
        )


def _jwt(config: AuthConfig) -> None:
    session = config.session
    if session.decode is None and session.encode is not None:
        raise ConfigError("session.decode", "is missing: what session.encode writes is to be read")
    if session.decode is not None and session.encode is None and not session.read_only:
        raise ConfigError(
            "session.encode",
            "is missing: the token that session.decode reads is to be written, too; or set "
            "session.read_only",
        )
    if config.cookies.session.name.endswith("next-auth.session-token") and not session.read_only:
        raise ConfigError(
            "cookies.session.name",
            "is that of Auth.js v4, which cannot read what is written here; set session.read_only",
        )


def _strength(config: AuthConfig) -> None:
    """Only an OpenID Provider says how strong a sign-in was, and only a passkey verifies a user."""
    if config.session.read_only:
        return
    routes = (*config.matcher, *config.routes)
    kinds = {each.type for each in config.providers}
    if any(route.user_verified for route in routes) and "passkey" not in kinds:
        raise ConfigError(
            "providers", "a route asks for user_verified, so there must be the provider passkey"
        )
    if any(route.acr for route in routes) and kinds.isdisjoint(("oidc", "per_request")):
        raise ConfigError(
            "providers", "a route asks for an acr, so there must be a provider of type oidc"
        )


def _who(config: AuthConfig) -> None:
    addresses = {"allow_emails": config.allow_emails, "allow_domains": config.allow_domains}
    for lists in (addresses, {"allow_groups": config.allow_groups}):
        given = [name for name, entries in lists.items() if entries is not None]
        if given and not any(lists.values()):
            raise ConfigError(
                given[0], "is empty, so that nobody could sign in; leave it out to let in anybody"
            )
    rule = config.remote_user
    made = next((each.id for each in config.providers if each.type == "per_request"), None)
    if made is not None and isinstance(rule, str) and rule != "id" and "{id}" not in rule:
        raise ConfigError(
            "remote_user",
            f"each tenant of {made!r} may call anybody by any name and any address; use 'id', a "
            "template with {id}, or a callable that knows the tenant",
        )
    if rule in ("login", "id") and len(config.all_providers) > 1:
        raise ConfigError(
            "remote_user",
            f"two providers may know different people by one {rule}; use '{{provider}}:{{{rule}}}'",
        )
    if rule == "login" and not config.providers and config.issuers and config.has_sign_in:
        raise ConfigError(
            "remote_user",
            f"the application and {config.issuers[0].id!r} may know different people by one login; "
            "use 'id'",
        )
    if rule is not None:
        refuse_open_to_world(config)


def refuse_open_to_world(config: AuthConfig) -> None:
    """Raise :class:`ConfigError` for a provider where anybody has an account, and nothing that
    narrows it: the application behind trusts whoever comes through."""
    if config.allow_emails or config.allow_domains or config.allow_groups:
        return
    for provider in config.all_providers:
        narrows = any(getattr(provider, name, None) for name in (*ALLOWED, "allow_claims"))
        if getattr(provider, "open_to_world", False) and not narrows:
            raise ConfigError(
                "allow_emails",
                f"anybody may have an account at {provider.id!r}; say who may sign in with "
                "allow_emails, allow_domains, allow_groups (for all, or of this provider alone) or "
                "the provider's allow_claims ('allow_emails = *': everybody)",
            )


def risks(config: AuthConfig) -> Iterator[str]:
    """What is allowed but deserves a second look, one sentence each."""
    if not config.providers and config.has_sign_in and config.pages.sign_in is None:
        yield "no providers and no pages.sign_in: nobody can sign in"
    if config.url is None and config.dev and any(e.type == "passkey" for e in config.providers):
        yield "passkeys work at http://localhost: browsers bind none to an IP address"
    if [each.type for each in config.providers] == ["passkey"]:
        yield (
            "the only provider is passkey: people add one while they are signed in, so the "
            "application has to sign them in the first time"
        )
    if config.url is None and not config.dev and config.has_sign_in:
        yield "url is not set: return URLs are limited to paths, cookies are Secure all the same"
    if config.url is not None and not config.url.secure and not config.url.is_loopback:
        yield f"url is {config.url.origin}: without https anybody on the way can take a session"
    if config.session.absolute_age is None and any(is_oauth(each) for each in config.providers):
        yield (
            "session.absolute_age is not set: who is removed at the provider stays signed in here "
            "for as long as they keep coming"
        )
    if config.all_providers:
        from wsgi_auth.config.of_providers import risks as provider_risks

        yield from provider_risks(config)
    if config.session.read_only:
        yield from _idle(config)
    yield from _of_patterns(config)
    yield from _taken_out(config)
    yield from _ignored_pages(config)
    by_mail = next((each.id for each in config.providers if each.type == "email"), None)
    if by_mail is not None and config.allow_groups is not None:
        yield f"allow_groups is set, and who signs in by {by_mail!r} is in no group: nobody can"
    by_file = next((each.id for each in config.providers if each.type == "htpasswd"), None)
    if by_file is not None:
        yield from (
            f"{why}, and who signs in by {by_file!r} has {lacks}: nobody can"
            for why, lacks in _not_in_a_file(config)
        )
    yield from _unread(config)
    if "*" in (config.allow_emails or ()):
        yield "allow_emails = *: everybody with an account at a provider may sign in"


def _unread(config: AuthConfig) -> Iterator[str]:
    """Variables that were to say who may sign in, beside a file or a mapping that does not."""
    of_all: tuple[tuple[str, Any], ...] = (("AUTH_", config),)
    for prefix, said in (
        *of_all, *((env_prefix(each.id), each) for each in config.all_providers)
    ):  # fmt: skip
        for name in ALLOWED:
            variable = prefix + name.upper()
            if config.environ.get(variable) and getattr(said, name, None) is None:
                yield (
                    f"{variable} is set and changes nothing: it is read by AuthConfig.from_env() "
                    "alone, and the configuration has to say it"
                )


def _not_in_a_file(config: AuthConfig) -> Iterator[tuple[str, str]]:
    """What is asked of everybody and a line of htpasswd, a name and a password, cannot have."""
    of_addresses = [n for n in ("allow_emails", "allow_domains") if getattr(config, n) is not None]
    if of_addresses and "*" not in (config.allow_emails or ()):
        yield f"{of_addresses[0]} is set", "no address"
    if config.allow_groups is not None:
        yield "allow_groups is set", "no group"
    rule = config.remote_user
    if isinstance(rule, str) and (rule == "email" or "{email}" in rule):
        yield f"remote_user is {rule}", "no address"


def _of_patterns(config: AuthConfig) -> Iterator[str]:
    """Patterns that mean something else than their writer, and routes that nobody can pass."""
    from wsgi_auth.matcher import place

    for option in ("matcher", "routes", "public", "ignore"):
        for route in getattr(config, option):
            where = place(option, route)
            is_text = isinstance(route.source, str)
            may_be = is_text and ("<" in route.source or "{" in route.source)
            other = re.search(_FOREIGN, route.source) if may_be else None
            if other is not None:
                meant = re.sub(_FOREIGN, lambda found: f":{found[1] or found[2]}", route.source)
                yield (
                    f"{where}: {route.source!r} has no parameter: {other[0]} is itself, letter by "
                    f"letter; write {meant}"
                )
            mount = config.url.mount if config.url is not None else ""
            if is_text and mount and f"{route.source}/".startswith(f"{mount}/"):
                rest = route.source.removeprefix(mount) or "/"
                yield (
                    f"{where}: {route.source!r} begins with {mount!r}, the path of url, and paths "
                    f"are matched below it; write {rest}"
                )
            if route.basic and not _checks_passwords(config):
                yield (
                    f"{where}: {route.source!r} has basic, and no provider checks a password "
                    "(credentials, htpasswd)"
                )
            if route.bearer and not _checks_tokens(config):
                yield (
                    f"{where}: {route.source!r} has bearer, and nothing checks a token: no "
                    "provider has an audience, and there is no callbacks.bearer"
                )


def _taken_out(config: AuthConfig) -> Iterator[str]:
    """Entries that protect nothing, for an exception takes out all that they match."""
    from wsgi_auth.matcher import place

    for option, names in (("matcher", ("ignore", "public")), ("routes", ("ignore",))):
        if config.source.get(option) is None:
            continue  # nobody wrote these
        exceptions = _Exceptions((name, each) for name in names for each in getattr(config, name))
        for route in getattr(config, option):
            by = exceptions.covering(route)
            if by is not None:
                name, exception = by
                yield (
                    f"{place(option, route)}: {route.source!r} protects nothing: {name} = "
                    f"{exception.source!r} takes its paths out"
                )


class _Exceptions:
    """Those by which a route may be covered: spelled like it, or a beginning (``/static/:path*``)
    that the route's own text lies below. Others may cover one, too: what can be seen is looked at,
    each once, however many routes there are."""

    def __init__(self, exceptions: Iterable[tuple[str, Any]]) -> None:
        self._alike: dict[str, list[tuple[str, Any]]] = {}
        self._above: dict[str, list[tuple[str, Any]]] = {}
        for name, each in exceptions:
            if isinstance(each.source, str):
                self._alike.setdefault(each.source, []).append((name, each))
                beginning = re.fullmatch(rf"({_TEXT}*)/:\w+\*", each.source)
                if beginning:
                    self._above.setdefault(beginning[1], []).append((name, each))

    def covering(self, route: Any) -> tuple[str, Any] | None:
        """The option and the exception that covers this route; None if none is seen to."""
        if not self._alike or not isinstance(route.source, str):
            return None
        found = list(self._alike.get(route.source, ()))
        literal = re.match(rf"({_TEXT}*)(?=/|$)", route.source)
        names = literal[0].split("/") if literal and self._above else []
        for count in range(1, len(names) + 1):
            found += self._above.get("/".join(names[:count]), ())
        for name, each in found:
            if route.case_sensitive or not each.case_sensitive:
                return name, each
        return None


def _ignored_pages(config: AuthConfig) -> Iterator[str]:
    """Pages of the application's own that ask for what is not there on a path of ``ignore``."""
    if not config.ignore:
        return
    from wsgi_auth.matcher import RouteMatcher

    ignore = RouteMatcher(ignore=config.ignore)
    for name in ("sign_in", "sign_out", "new_user", "account"):
        page = getattr(config.pages, name)
        if isinstance(page, str) and page.startswith("/") and ignore.ignores(page):
            yield (
                f"pages.{name}: {page!r} is a path of ignore, where nobody is known and get_auth() "
                "raises; leave it out of ignore: a page of pages is open to all by itself"
            )


def _checks_passwords(config: AuthConfig) -> bool:
    from wsgi_auth.providers.base import BasicProvider

    return any(isinstance(each, BasicProvider) for each in config.providers)


def _checks_tokens(config: AuthConfig) -> bool:
    if config.callbacks.bearer is not None:
        return True
    return any(
        each.type == "per_request" or bool(getattr(each, "audience", None))
        for each in config.all_providers
    )


def _idle(config: AuthConfig) -> Iterator[str]:
    """What cannot be used where sessions are only read."""
    routes = (*config.matcher, *config.routes)
    with_basic = any(route.basic for route in routes)
    with_bearer = any(route.bearer for route in routes)
    if not config.providers:
        return
    from wsgi_auth.providers.base import BasicProvider

    idle = [
        each.id
        for each in config.providers
        if not getattr(each, "tokens", False)
        and not (with_basic and isinstance(each, BasicProvider))
        and not (with_bearer and getattr(each, "audience", None))
    ]
    if idle:
        yield (
            f"session.read_only is set, so nobody can sign in here by {', '.join(idle)}; leave "
            "them to the application that writes the session"
        )
    if config.providers and config.pages.sign_in is None:
        yield "session.read_only is set and pages.sign_in does not say where people sign in"


def is_oauth(provider: Any) -> bool:
    """Whether somebody is sent there to sign in."""
    return provider.type in ("oauth", "oidc", "per_request")
