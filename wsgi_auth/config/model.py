"""``AuthConfig``: the whole configuration, read once, checked once, frozen.

What lives here: which options exist and how each becomes its final value. How one value is
judged is in ``values``; how options must agree, in ``checks``; how files become mappings, in
``roads``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from wsgi_auth.config import checks, parts, values
from wsgi_auth.cookies import AUTHJS_SLICE, CookieFormat, SameSite
from wsgi_auth.errors import ConfigError
from wsgi_auth.frozen import Frozen
from wsgi_auth.types import NOTHING, Route
from wsgi_auth.urls import AllowedOrigin, BaseURL

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from wsgi_auth.protocols import Transport
    from wsgi_auth.providers.base import Provider
    from wsgi_auth.providers.oauth import OIDC

#: How a URL begins; ``package.module:name`` is none.
_SCHEME = r"(memory|sqlite|postgresql|mysql|mariadb|rediss?)(\+\w+)?:"
#: A language tag (RFC 5646), with a language of two or three letters as all of today's have.
_LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"
#: Fewest octets of a secret (RFC 7518 section 3.2 wants as many as the hash has).
MIN_SECRET = 32
#: What Auth.js calls its session cookie: v5, and v4 (then NextAuth.js).
AUTHJS_NAME, AUTHJS_V4_NAME = "authjs.session-token", "next-auth.session-token"


class AuthConfig(
    Frozen, hidden=("secret", "providers", "issuers", "adapter", "log", "app", "source", "environ")
):
    """The frozen, checked configuration. Make one with :meth:`from_mapping`, :meth:`from_ini`,
    :meth:`from_toml` or :meth:`from_env`; whatever is wrong raises :class:`ConfigError`.

    Every attribute is the option of that name (``docs/configuration``) in its final form:
    durations in seconds, callables loaded, patterns as :class:`Route`.
    """

    secret: tuple[bytes, ...]
    url: BaseURL | None
    dev: bool
    dev_peers: tuple[str, ...]
    base_path: str
    #: Those of ``providers`` by which people sign in.
    providers: tuple[Provider, ...]
    #: Those with ``sign_in = false``, which are there for their access tokens alone.
    issuers: tuple[OIDC, ...]
    providers_for: Callable[..., Any] | None
    matcher: tuple[Any, ...]
    routes: tuple[Route, ...]
    public: tuple[Any, ...]
    ignore: tuple[Any, ...]
    authorized: Callable[..., Any] | None
    callbacks: parts.Callbacks
    events: Mapping[str, tuple[Callable[..., Any], ...]]
    pages: parts.PageOptions
    auto_sign_in: bool
    show_last_used: bool
    session: parts.SessionOptions
    revocation: parts.RevocationOptions
    #: An adapter, or the URL of one (which may hold a password).
    adapter: Any
    cookies: parts.Cookies
    theme: Mapping[str, str]
    #: By language tag, and those for every language under ``*``.
    texts: Mapping[str, Mapping[str, str]]
    languages: tuple[str, ...]
    locale_dir: Path | None
    remote_user: str | Callable[..., Any] | None
    allow_emails: frozenset[str] | None
    allow_domains: frozenset[str] | None
    allow_groups: frozenset[str] | None
    limits: parts.Limits
    allowed_redirects: tuple[AllowedOrigin, ...]
    trusted_proxies: int
    challenge_401: bool
    reader: Any
    responders: parts.Responders
    transport: Transport | None
    #: Where messages go, by name or itself; :attr:`logger` is the one to use.
    log: str | logging.Logger
    #: What ``[app]`` of a file says; only ``wsgi-auth serve`` and ``wsgi_auth.wsgi`` read it.
    app: Mapping[str, Any] = NOTHING
    #: What was handed in, and where its relative files count from, so that options can override it.
    source: Mapping[str, Any] = NOTHING
    here: Path | None = None
    #: The ``AUTH_*`` variables it was read with.
    environ: Mapping[str, str] = NOTHING

    @property
    def all_providers(self) -> tuple[Provider, ...]:
        """Those that people sign in by, and those that only issue access tokens."""
        return self.providers + self.issuers

    @property
    def has_sign_in(self) -> bool:
        """Whether there is a page to sign in at; without it the only way in is an access token."""
        return bool(self.providers or self.pages.sign_in or not self.issuers)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but risky; said once at start-up and by ``wsgi-auth check``."""
        return tuple(checks.risks(self))

    @classmethod
    def from_mapping(
        cls,
        mapping: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        here: Path | None = None,
        app: Mapping[str, Any] | None = None,
    ) -> AuthConfig:
        """The configuration a mapping describes. ``environ`` (``os.environ``) supplies ``secret``,
        ``url`` and ``dev`` where the mapping does not; relative files count from ``here``."""
        env = os.environ if environ is None else environ
        if mapping is not None and not isinstance(mapping, Mapping):
            raise ConfigError(
                "",
                f"the configuration must be a mapping, not {type(mapping).__name__}; "
                "AuthConfig.from_file('auth.toml') reads a file",
            )
        given = values.from_files("", mapping or {}, here, OPTIONS)
        _refuse_unknown("", given, OPTIONS)
        return _build(given, env, here, dict(app or {}))

    @classmethod
    def from_ini(cls, path: str | Path, *, environ: Mapping[str, str] | None = None) -> AuthConfig:
        """The configuration of a plain INI file: section ``[auth]``, dotted keys."""
        from pathlib import Path

        file = Path(path)
        from wsgi_auth.config import roads  # here: a mapping needs none of it

        options, app = roads.read_ini(file)
        return cls.from_mapping(options, environ=environ, here=file.parent, app=app)

    @classmethod
    def from_toml(cls, path: str | Path, *, environ: Mapping[str, str] | None = None) -> AuthConfig:
        """The configuration of a TOML file: keys and tables as in a mapping."""
        from pathlib import Path

        file = Path(path)
        from wsgi_auth.config import roads  # here: a mapping needs none of it

        options, app = roads.read_toml(file)
        return cls.from_mapping(options, environ=environ, here=file.parent, app=app)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> AuthConfig:
        """The configuration that ``AUTH_*`` variables alone describe."""
        env = os.environ if environ is None else environ
        from wsgi_auth.config import roads

        return cls.from_mapping(roads.read_env(env, option_names()), environ=env)

    @classmethod
    def from_file(cls, path: str | Path, *, environ: Mapping[str, str] | None = None) -> AuthConfig:
        """:meth:`from_toml` or :meth:`from_ini`, by the name's ending."""
        from pathlib import Path

        ending = Path(path).suffix
        if ending == ".toml":
            return cls.from_toml(path, environ=environ)
        if ending in (".ini", ".cfg"):
            return cls.from_ini(path, environ=environ)
        raise ConfigError("", f"{str(path)!r} must end in .toml or .ini")

    def override(self, **options: Any) -> AuthConfig:
        """This configuration with whole options replaced."""
        return type(self).from_mapping(
            {**self.source, **options}, environ=self.environ, here=self.here, app=self.app
        )

    @cached_property
    def logger(self) -> logging.Logger:
        """The standard library's logger; loaded with the first message, for it is a fifth of what
        a start would take."""
        import logging

        return logging.getLogger(self.log) if isinstance(self.log, str) else self.log


# --- which options there are ------------------------------------------------------------------

_SECTIONS: dict[str, dict[str, Callable[[str, Any], Any]]] = {
    "session": {
        "strategy": values.choice("cookie", "jwt", "database"),
        "read_only": values.boolean,
        "max_age": values.positive_duration,
        "update_age": values.duration,
        "absolute_age": values.positive_duration,
        "fresh_age": values.duration,
        "remember": values.choice("always", "ask"),
        "encode": values.function,
        "decode": values.function,
    },
    "revocation": {"max_stale": values.positive_duration},
    "callbacks": {
        "authorized": values.called_with("request", "session"),
        "sign_in": values.called_with("user", "account", "context"),
        "redirect": values.called_with("url", "base_url"),
        "jwt": values.called_with("claims", "context"),
        "session": values.called_with("session", "context"),
        "bearer": values.called_with("token", "request"),
    },
    "pages": {
        "sign_in": lambda key, value: _page_or_url(key, value),
        "sign_out": lambda key, value: _page_or_url(key, value),
        "error": values.path,
        "verify_request": values.path,
        "new_user": values.path,
        "account": lambda key, value: _page_or_off(key, value),
    },
    "theme": dict.fromkeys(("color_scheme", "brand_color", "button_text", "logo"), values.text),
    "limits": dict.fromkeys(("account", "address", "storage"), values.text),
    "responders": dict.fromkeys(
        ("redirect", "unauthorized", "forbidden"), values.called_with("environ", "decision")
    ),
}
_COOKIE_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "name": values.cookie_name,
    "domain": values.domain,
    "path": values.path,
    "same_site": values.same_site,
    "secure": values.boolean,
}
#: Purpose of a cookie to the last part of its name.
_COOKIES = {
    "session": "session-token",
    "csrf": "csrf-token",
    "flow": "flow",
    "flow_post": "flow-post",
    "link": "link",
    "tokens": "tokens",
    "passkey": "passkey",
    "last_provider": "last-provider",
    "dev": "dev-key",
}

OPTIONS: frozenset[str] = frozenset(
    {
        "secret", "url", "dev", "dev_peers", "base_path", "providers", "providers_for", "matcher",
        "routes", "public", "ignore", "authorized", "events", "auto_sign_in", "cookies", "texts",
        "show_last_used",
        "languages", "locale_dir", "adapter", "remote_user", "allow_emails", "allow_domains",
        "allow_groups",
        "allowed_redirects", "trusted_proxies", "challenge_401", "reader", "transport", "logger",
        *_SECTIONS,
    }
)  # fmt: skip


def option_names() -> list[tuple[str, ...]]:
    """Every option with a value of its own, as its steps: ``("session", "max_age")``."""
    names: list[tuple[str, ...]] = [
        (name,) for name in sorted(OPTIONS - set(_SECTIONS) - {"cookies"})
    ]
    names += [(section, name) for section, inner in _SECTIONS.items() for name in inner]
    names += [("cookies", kind, name) for kind in _COOKIES for name in _COOKIE_OPTIONS]
    return names


def _build(
    given: dict[str, Any], env: Mapping[str, str], here: Path | None, app: Mapping[str, Any]
) -> AuthConfig:
    def option(name: str, kind: Callable[[str, Any], Any], default: Any = None) -> Any:
        value = given.get(name)
        return default if value is None else kind(name, value)

    dev = option("dev", values.boolean, bool(_env_flag(env, "AUTH_DEV")))
    url = option("url", _base_url)
    if url is None and not dev:
        url = _first_env(env, ("AUTH_URL", "NEXTAUTH_URL"), _base_url)
    base_path = option("base_path", values.path, "/auth")
    sections = {name: _section(name, given.get(name)) for name in _SECTIONS}
    authorized = option("authorized", _SECTIONS["callbacks"]["authorized"])
    callbacks = sections["callbacks"]
    if authorized is not None and "authorized" in callbacks:
        raise ConfigError("authorized", "is given twice; remove callbacks.authorized")
    authorized = callbacks.pop("authorized", authorized)
    session = sections["session"]
    if session.get("max_age", parts.DAY + 1) <= parts.DAY:
        session.setdefault("update_age", session["max_age"] // 12)
    adapter = option("adapter", _adapter)
    if adapter is not None:
        session.setdefault("strategy", "database")
    named = _Variables(env)
    providers, issuers = _providers(given.get("providers"), named, here)

    config = AuthConfig(
        secret=_secrets(given.get("secret"), named, dev),
        url=url,
        dev=dev,
        dev_peers=option("dev_peers", _addresses, ()),
        base_path=base_path,
        providers=providers,
        issuers=issuers,
        providers_for=option("providers_for", values.called_with("request")),
        matcher=_matcher(given.get("matcher")),
        routes=_routes("routes", given.get("routes"), ()),
        public=_routes("public", given.get("public"), ()),
        ignore=_routes("ignore", given.get("ignore"), ()),
        authorized=authorized,
        callbacks=parts.Callbacks(**callbacks),
        events=_events(given.get("events")),
        pages=_pages(sections["pages"], url),
        auto_sign_in=option("auto_sign_in", values.boolean, False),
        show_last_used=option("show_last_used", values.boolean, True),
        session=parts.SessionOptions(**session),
        revocation=parts.RevocationOptions(**sections["revocation"]),
        adapter=adapter,
        cookies=_cookies(
            given.get("cookies"),
            secure=url.secure if url else not dev,
            authjs=session.get("strategy") == "jwt",
        ),
        theme=sections["theme"],
        texts=_texts(given.get("texts")),
        languages=option("languages", _languages, ()),
        locale_dir=option("locale_dir", lambda key, value: values.folder(key, value, here)),
        remote_user=option("remote_user", checks.remote_user),
        allow_emails=option("allow_emails", _emails),
        allow_domains=option("allow_domains", _domains),
        allow_groups=option("allow_groups", _set),
        limits=parts.Limits(**sections["limits"]),
        allowed_redirects=tuple(
            _origin(entry) for entry in option("allowed_redirects", values.strings, ())
        ),
        trusted_proxies=option("trusted_proxies", values.integer, 0),
        challenge_401=option("challenge_401", values.boolean, False),
        reader=option("reader", _reader),
        responders=parts.Responders(**sections["responders"]),
        transport=option("transport", _transport),
        log=option("logger", _logger, "wsgi_auth"),
        app=app,
        source=given,
        here=here,
        environ={
            name: value for name, value in env.items() if name.startswith(("AUTH_", "NEXTAUTH_"))
        },
    )
    checks.agree(config)
    return config


def _section(name: str, given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(name, f"must be a mapping of {', '.join(sorted(_SECTIONS[name]))}")
    _refuse_unknown(name, given, _SECTIONS[name])
    return {
        key: _SECTIONS[name][key](f"{name}.{key}", value)
        for key, value in given.items()
        if value is not None
    }


def _refuse_unknown(section: str, given: Mapping[str, Any], known: Any) -> None:
    for key in given:
        if key not in known:
            full = f"{section}.{key}" if section else str(key)
            hint = values.near(str(key), known) if section else _meant(str(key))
            if section and key in OPTIONS:
                hint = f"; {key} is an option of its own: in a file it stands above [{section}]"
            elif section and not hint:
                hint = f"; there is {', '.join(sorted(known))}"
            raise ConfigError(full, f"there is no such option{hint}")


def _meant(key: str) -> str:
    """What an unknown key at the top stands for: an option of a section, in the words of Auth.js
    too, or the nearest of those that stand there."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    if plain in ("client_id", "client_secret", "issuer"):
        return f"; it is one of a provider: providers.NAME.{plain}"
    inside = [f"{section}.{plain}" for section, inner in _SECTIONS.items() if plain in inner]
    if inside:
        return f"; did you mean {' or '.join(map(repr, inside))}?"
    if plain in ("protected", "protect"):
        return "; did you mean 'matcher'?"
    return values.near(key, OPTIONS)


class _Variables(Mapping[str, str]):
    """The variables. In place of ``AUTH_..._SECRET``, asked for by name, counts what is in the file
    that ``AUTH_..._SECRET_FILE`` names; those that nobody asks for may be another program's."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def __getitem__(self, name: str) -> str:
        env, variable = self._env, f"{name}_FILE"
        may_be = name.startswith("AUTH_") and name.endswith("SECRET")
        path = env.get(variable) if may_be else None
        if not path:
            return env[name]
        if env.get(name):
            raise ConfigError(variable, f"is set beside {name}; keep one of the two")
        return values.text_of_file(variable, path, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._env)

    def __len__(self) -> int:
        return len(self._env)


# --- one option each --------------------------------------------------------------------------


def _secrets(given: Any, env: Mapping[str, str], dev: bool) -> tuple[bytes, ...]:
    where = "secret"
    if given is None:
        found = [
            env[name]
            for name in ("AUTH_SECRET_3", "AUTH_SECRET_2", "AUTH_SECRET_1")
            if env.get(name)
        ]
        last = env.get("AUTH_SECRET") or env.get("NEXTAUTH_SECRET")
        if last and env.get("AUTH_SECRET_FILE"):
            found += last.splitlines()
        elif last:  # all of it is one to Auth.js, lines that openssl broke too
            found.append(last)
        given = found
        where = "secret (from AUTH_SECRET)"
        if not given:
            if dev:
                from wsgi_auth.config.secret import dev_secret

                return (dev_secret(),)
            raise ConfigError(
                "secret", "is missing; set it, or AUTH_SECRET, to what `wsgi-auth secret` prints"
            )
    if isinstance(given, str):
        given = given.splitlines() if "\n" in given.strip() else [given]
    elif isinstance(given, bytes):
        given = [given]
    if not isinstance(given, list | tuple) or not all(isinstance(e, str | bytes) for e in given):
        raise ConfigError(where, "must be a string, or a list of strings, newest first")
    secrets = []
    for entry in given:
        # random bytes may begin or end with a blank; only text has blanks that nobody meant
        secret = values.octets(where, entry.strip()) if isinstance(entry, str) else entry
        if not secret.strip():
            secret = b""
        if secret.startswith(b"$") and re.fullmatch(rb"\$(\w+|\{.*\})", secret):
            raise ConfigError(
                where, "is a variable that nothing fills in; leave it out, and set AUTH_SECRET"
            )
        if len(secret) < MIN_SECRET:
            raise ConfigError(
                where,
                f"must have {MIN_SECRET} bytes or more, not {len(secret)}; "
                "`wsgi-auth secret` prints a good one",
            )
        if b"`wsgi-auth secret`" in secret:
            raise ConfigError(
                where,
                "is the text of the documentation, which everybody knows; put what "
                "`wsgi-auth secret` prints in its place",
            )
        secrets.append(secret)
    if not secrets:
        raise ConfigError(where, "the list is empty; `wsgi-auth secret` prints a good one")
    return tuple(secrets)


def _env_flag(env: Mapping[str, str], name: str) -> bool:
    return bool(env.get(name)) and values.boolean(name, env[name])


def _first_env(env: Mapping[str, str], names: Sequence[str], kind: Callable[..., Any]) -> Any:
    name = next((name for name in names if env.get(name)), None)
    return None if name is None else kind(name, env[name])


def _base_url(key: str, given: Any) -> BaseURL:
    try:
        return BaseURL.parse(values.text(key, given))
    except ConfigError as error:
        raise ConfigError(key, error.problem) from None


def _origin(entry: str) -> AllowedOrigin:
    try:
        return AllowedOrigin.parse(entry)
    except ConfigError as error:
        raise ConfigError("allowed_redirects", error.problem) from None


def _page_or_url(key: str, given: Any) -> str:
    page = values.text(key, given)
    if page.startswith(("https://", "http://")):
        parsed = _base_url(key, page)
        return parsed.origin + parsed.mount
    return values.path(key, page)


def _page_or_off(key: str, given: Any) -> str | bool | None:
    if isinstance(given, str) and given.startswith("/"):
        return values.path(key, given)
    return None if values.boolean(key, given) else False


def _pages(section: dict[str, Any], url: BaseURL | None) -> parts.PageOptions:
    """A page that is our own by its whole URL is the path: the guard must leave it out."""
    for name in ("sign_in", "sign_out"):
        page = section.get(name)
        if page and url is not None and f"{page}/".startswith(f"{url}/"):
            section = {**section, name: page[len(str(url)) :] or "/"}
    return parts.PageOptions(**section)


def _providers(
    given: Any, env: Mapping[str, str], here: Path | None
) -> tuple[tuple[Provider, ...], tuple[OIDC, ...]]:
    """Those that people sign in by, and those that only issue tokens."""
    if given is None:
        return (), ()
    from wsgi_auth.config.provider import provider_from  # who has none need not load them

    entries: list[Any]
    if isinstance(given, Mapping):
        entries = [
            {"id": name, **entry} if isinstance(entry, Mapping) else entry
            for name, entry in given.items()
        ]
    elif isinstance(given, str):
        entries = list(values.strings("providers", given))
    else:
        entries = list(values.sequence("providers", given))
    providers = [provider_from(entry, env, here) for entry in entries]
    seen: set[str] = set()
    for provider in providers:
        if provider.id in seen:
            raise ConfigError("providers", f"two providers have the id {provider.id!r}")
        seen.add(provider.id)
    issuers: list[Any] = [
        each for each in providers if each.type == "oidc" and not getattr(each, "sign_in", True)
    ]
    return tuple(each for each in providers if each not in issuers), tuple(issuers)


def _matcher(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str) and not given.strip():
        raise ConfigError(
            "matcher", "is blank, so nothing would be protected; leave it out to protect everything"
        )
    return _routes("matcher", given, ("/:path*",))


def _routes(key: str, given: Any, default: tuple[Any, ...]) -> tuple[Any, ...]:
    from wsgi_auth.matcher import as_route

    if given is None:
        given = default
    if isinstance(given, Mapping):
        if "source" in given:
            given = [given]
        else:
            given = [
                {"name": name, **entry}
                if isinstance(entry, Mapping)
                else {"name": name, "source": entry}
                for name, entry in given.items()
            ]
    return tuple(
        as_route(_typed(key, entry), _named(key, entry)) for entry in values.lines(key, given)
    )


_ROUTE_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "authorized": _SECTIONS["callbacks"]["authorized"],
    "fresh": values.positive_duration,
    "acr": values.strings,
    "basic": values.boolean,
    "bearer": values.boolean,
    "scopes": values.strings,
    "user_verified": values.boolean,
    "case_sensitive": values.boolean,
    "methods": values.strings,
    "allow_groups": values.strings,
    "answer": lambda key, value: values.choice("redirect", "401")(
        key, "401" if value == 401 else value
    ),
    "has": lambda key, value: _conditions(key, value),
    "missing": lambda key, value: _conditions(key, value),
}


def _named(key: str, entry: Any) -> str:
    """Where this route stands, as a message says it."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f"{key}.{name}" if name and isinstance(name, str) else key


def _typed(key: str, entry: Any) -> Any:
    """A route's mapping with its values in their final types; anything else as it is."""
    if not isinstance(entry, Mapping):
        return entry
    where = _named(key, entry)
    return {
        name: _ROUTE_OPTIONS[name](f"{where}.{name}", value) if name in _ROUTE_OPTIONS else value
        for name, value in entry.items()
        if value is not None
    }


def _conditions(key: str, given: Any) -> list[Any]:
    """``has`` and ``missing``: mappings, or as text ``type key value``, one a line."""
    found: list[Any] = []
    for entry in values.lines(key, given):
        if not isinstance(entry, str):
            found.append(entry)
            continue
        kind, *rest = entry.split(None, 2) or [""]
        if kind == "host":
            found.append({"type": kind, "value": " ".join(rest)})
        else:
            found.append(dict(zip(("type", "key", "value"), (kind, *rest), strict=False)))
    return found


def _events(given: Any) -> dict[str, tuple[Callable[..., Any], ...]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError("events", f"must be a mapping of {', '.join(parts.EVENTS)}")
    _refuse_unknown("events", given, parts.EVENTS)
    return {
        name: tuple(
            values.called_with("event")(f"events.{name}", one)
            for one in (entry if isinstance(entry, list | tuple) else [entry])
        )
        for name, entry in given.items()
        if entry is not None
    }


def _cookies(given: Any, *, secure: bool, authjs: bool) -> parts.Cookies:
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ConfigError("cookies", f"must be a mapping of {', '.join(_COOKIES)}")
    _refuse_unknown("cookies", given, _COOKIES)
    # browsers keep no SameSite=None that is not Secure; on loopback they take Secure over http
    own = {
        **given,
        "flow_post": {"same_site": "None", "secure": True, **_given(given, "flow_post")},
    }
    formats = {kind: _cookie(kind, _given(own, kind), secure) for kind in _COOKIES}
    if authjs:
        formats["session"] = _authjs(formats["session"], named="name" in _given(own, "session"))
    return parts.Cookies(**formats)


def _given(cookies: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    options = {} if cookies.get(kind) is None else cookies[kind]
    if not isinstance(options, Mapping):
        raise ConfigError(f"cookies.{kind}", f"must be a mapping of {', '.join(_COOKIE_OPTIONS)}")
    return options


def _cookie(kind: str, given: Any, secure: bool) -> CookieFormat:
    key = f"cookies.{kind}"
    _refuse_unknown(key, given, _COOKIE_OPTIONS)
    options = {
        name: _COOKIE_OPTIONS[name](f"{key}.{name}", value)
        for name, value in given.items()
        if value is not None
    }
    secure = options.get("secure", secure)
    domain, path = options.get("domain"), options.get("path", "/")
    same_site = cast(SameSite, options.get("same_site", "Lax"))
    prefix = ""
    if secure:
        prefix = "__Host-" if domain is None and path == "/" else "__Secure-"
    name = options.get("name", f"{prefix}auth.{_COOKIES[kind]}")
    # browsers drop a cookie that breaks its prefix's promise, without a word (RFC 6265bis 4.1.3)
    if name.lower().startswith("__host-") and not (secure and domain is None and path == "/"):
        raise ConfigError(f"{key}.name", "__Host- wants https, no domain and the path /")
    if name.lower().startswith("__secure-") and not secure:
        raise ConfigError(f"{key}.name", "__Secure- wants https")
    if same_site == "None" and not secure:
        raise ConfigError(f"{key}.same_site", "'None' wants https")
    return CookieFormat(name, secure, path, domain, same_site)


def _authjs(ours: CookieFormat, named: bool) -> CookieFormat:
    """The session cookie as Auth.js names and cuts it: its name is the salt of the key."""
    if named:
        return ours.but(slices=AUTHJS_SLICE)
    prefix = "__Secure-" if ours.secure else ""
    name, older = f"{prefix}{AUTHJS_NAME}", f"{prefix}{AUTHJS_V4_NAME}"
    return ours.but(name=name, slices=AUTHJS_SLICE, older=older)


def _texts(given: Any) -> Mapping[str, Mapping[str, str]]:
    """By language: under its tag (``{"de": {id: text}}``, or ``de.`` and the id), else ``*``."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError("texts", "must be a mapping of message ids to texts")
    found: dict[str, dict[str, str]] = {}

    def add(language: str, message_id: str, key: str, value: Any) -> None:
        found.setdefault(language, {})[message_id] = values.text(key, value)

    for name, value in given.items():
        key = f"texts.{name}"
        language, _, rest = str(name).partition(".")
        if isinstance(value, Mapping):
            if not re.fullmatch(_LANGUAGE, str(name)):
                raise ConfigError(
                    key,
                    "is no language tag such as de or pt-BR; a message id is one key, in quotes "
                    'where it has dots: "sign_in.heading"',
                )
            for message_id, text in value.items():
                add(str(name), str(message_id), f"{key}.{message_id}", text)
        elif rest and re.fullmatch(_LANGUAGE, language):  # no message id begins like a language
            add(language, rest, key, value)
        else:
            add("*", str(name), key, value)
    return found


def _languages(key: str, given: Any) -> tuple[str, ...]:
    found = values.strings(key, given)
    for tag in found:
        if not re.fullmatch(_LANGUAGE, tag):
            raise ConfigError(key, f"{tag!r} is no language tag such as de or pt-BR")
    return found


def _emails(key: str, given: Any) -> frozenset[str]:
    from wsgi_auth.mailing import allowed_addresses  # here, and below: few say it

    return allowed_addresses(key, values.strings(key, given))


def _domains(key: str, given: Any) -> frozenset[str]:
    from wsgi_auth.mailing import allowed_domains

    return allowed_domains(key, values.strings(key, given))


def _addresses(key: str, given: Any) -> tuple[str, ...]:
    import ipaddress  # hardly anybody has one

    found = values.strings(key, given)
    for each in found:
        try:
            ipaddress.ip_address(each)
        except ValueError:
            raise ConfigError(key, f"{each!r} is no address such as '172.17.0.1'") from None
    return found


def _set(key: str, given: Any) -> frozenset[str]:
    return frozenset(values.strings(key, given))


def _reader(key: str, given: Any) -> Any:
    reader = values.load(key, given) if isinstance(given, str) else given
    if isinstance(reader, type) or not callable(getattr(reader, "read", None)):
        raise ConfigError(key, "must be an object with read(environ, now)")
    return reader


def _adapter(key: str, given: Any) -> Any:
    """A URL as it is (what it names is looked at when it is opened), or an object."""
    if isinstance(given, str):
        if re.match(_SCHEME, given):
            return given
        if ":" not in given:
            raise ConfigError(key, "must be a URL: memory:, sqlite:///auth.db, redis://host:6379")
        scheme, is_url, _ = given.partition("://")
        if is_url:
            known = ("sqlite", "postgresql", "mysql", "mariadb", "redis", "rediss")
            hint = values.near(scheme, known) or f"; there is memory:, {'://, '.join(known)}://"
            raise ConfigError(key, f"no store begins with {scheme}://{hint}")
        given = values.load(key, given)
    if isinstance(given, type) or not callable(getattr(given, "get_session_and_user", None)):
        raise ConfigError(
            key, "must be an adapter or its URL: memory:, sqlite:///auth.db, redis://host:6379"
        )
    return given


def _transport(key: str, given: Any) -> Any:
    transport = values.load(key, given) if isinstance(given, str) else given
    if isinstance(transport, type) or not callable(getattr(transport, "send", None)):
        raise ConfigError(key, "must be an object with send(request)")
    return transport


def _logger(key: str, given: Any) -> Any:
    import logging

    return given if isinstance(given, logging.Logger) else values.text(key, given)
