"""Every option by every road: a mapping, TOML, INI, PasteDeploy and the environment agree."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import SECRET, hello, options
from wsgi_auth import AuthConfig, AuthMiddleware, ConfigError
from wsgi_auth.config.model import option_names
from wsgi_auth.config.parts import env_prefix
from wsgi_auth.config.roads import read_env
from wsgi_auth.paste import filter_app_factory, filter_factory
from wsgi_auth.providers import catalogue
from wsgi_auth.providers.oauth import OIDC, OAuth

BASE = {"secret": SECRET, "url": "https://app.example.test"}


def called(*_: Any) -> Any:
    """Stands for any callable."""


class Thing:
    """A reader, an adapter and a transport by its methods, and none of them by what they do."""

    read = send = get_session_and_user = get_user = called


THING = Thing()
CALLED, THINGS = f"{__name__}:called", f"{__name__}:THING"
ROUTES = {
    "admin": {
        "source": "/admin/:path*", "allow_groups": ["ops", "staff"], "fresh": 900,
        "methods": ["GET", "POST"], "answer": "401", "case_sensitive": False,
    },
    "api": {
        "source": "/api/:path*", "basic": True, "bearer": True, "scopes": ["read", "write"],
        "has": [{"type": "header", "key": "X-A", "value": "a b"}, {"type": "query", "key": "q"}],
        "missing": [{"type": "host", "value": "b.example.test"}],
    },
    "keys": {"source": "/keys", "user_verified": True, "authorized": CALLED},
    "vault": {"source": "/vault", "acr": ["mfa", "phr"]},
}  # fmt: skip
#: Option to its value as Python has it, and as text.
SAMPLES: dict[str, tuple[Any, str]] = {
    "secret": (["n" * 40, "o" * 40], f"{'n' * 40}\n{'o' * 40}"),
    "url": ("https://b.example.test/at", "https://b.example.test/at"),
    "base_path": ("/sign", "/sign"),
    "dev": (False, "off"),
    "dev_peers": (["10.0.0.1", "10.0.0.2"], "10.0.0.1, 10.0.0.2"),
    "matcher": (["/a/:path*", "/b/(x|y, z)"], "/a/:path*\n/b/(x|y, z)"),
    "public": (["/a", "/b"], "/a\n/b"),
    "ignore": (["/static/:path*"], "/static/:path*"),
    "authorized": (CALLED, CALLED),
    "auto_sign_in": (False, "no"),
    "show_last_used": (False, "0"),
    "adapter": ("sqlite:///auth.db", "sqlite:///auth.db"),
    "languages": (["de", "fr"], "de, fr"),
    "remote_user": ("{provider}:{id}", "{provider}:{id}"),
    "allow_emails": (["a@b.example", "C@d.example"], "a@b.example, C@d.example"),
    "allow_domains": (["b.example"], "@b.example"),
    "allow_groups": (["ops", "staff"], "ops staff"),
    "allowed_redirects": (["https://*.example.com", "https://x.test"], "https://*.example.com https://x.test"),
    "trusted_proxies": (2, "2"),
    "challenge_401": (True, "Yes"),
    "providers_for": (CALLED, CALLED),
    "reader": (THINGS, THINGS),
    "transport": (THINGS, THINGS),
    "logger": ("shop", "shop"),
    "session.strategy": ("jwt", "jwt"),
    "session.read_only": (True, "on"),
    "session.max_age": (604_800, "7d"),
    "session.update_age": (0, "0"),
    "session.absolute_age": (60 * 86_400, "60d"),
    "session.fresh_age": (60, "1m"),
    "session.remember": ("ask", "ask"),
    "revocation.max_stale": (5, "5s"),
    **{f"callbacks.{name}": (CALLED, CALLED) for name in ("authorized", "sign_in", "redirect", "jwt", "session", "bearer")},
    "events.sign_in": (CALLED, CALLED),
    "pages.sign_in": ("/login", "/login"),
    "pages.sign_out": ("/bye", "/bye"),
    "pages.error": ("/sorry", "/sorry"),
    "pages.verify_request": ("/mail", "/mail"),
    "pages.new_user": ("/welcome", "/welcome"),
    "pages.account": (False, "off"),
    "theme.color_scheme": ("dark", "dark"),
    "theme.brand_color": ("#123456", "#123456"),
    "theme.button_text": ("#ffffff", "#ffffff"),
    "theme.logo": ("/logo.svg", "/logo.svg"),
    "limits.account": ("3 per hour", "3 per hour"),
    "limits.address": ("off", "off"),
    "limits.storage": ("redis://h:1/0", "redis://h:1/0"),
    **{f"responders.{name}": (CALLED, CALLED) for name in ("redirect", "unauthorized", "forbidden")},
    "texts.sign_in.heading": ("Hello = there; #1", "Hello = there; #1"),
    "cookies.session.name": ("sid", "sid"),
    "cookies.session.domain": ("example.test", ".example.test"),
    "cookies.session.path": ("/at", "/at/"),
    "cookies.csrf.same_site": ("Strict", "strict"),
    "cookies.flow.secure": (False, "false"),
}  # fmt: skip
#: What is no single text: described by names, or an object that no text names.
OTHERS = {
    ("providers",), ("routes",), ("events",), ("texts",), ("locale_dir",),
    ("session", "encode"), ("session", "decode"),
}  # fmt: skip
LEFT_OUT = {"source", "here", "environ", "app"}


def judged(config: AuthConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__match_args__ if name not in LEFT_OUT}


def tree(flat: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in flat.items():
        steps = name.split(".") if not name.startswith("texts.") else ["texts", name[6:]]
        at = found
        for step in steps[:-1]:
            at = at.setdefault(step, {})
        at[steps[-1]] = value
    return found


def toml(given: dict[str, Any], at: str = "") -> str:
    """Just enough of it: JSON's scalars and lists are TOML's."""
    values = {key: value for key, value in given.items() if not isinstance(value, dict)}
    lines = [f"{json.dumps(key)} = {inline(value)}" for key, value in values.items()]
    for key, value in given.items():
        if isinstance(value, dict):
            name = f"{at}.{json.dumps(key)}" if at else json.dumps(key)
            lines += [f"[{name}]", toml(value, name)]
    return "\n".join(lines)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


def ini(flat: dict[str, str]) -> str:
    return "[auth]\n" + "".join(
        f"{name} = {value}\n".replace("\n", "\n    ").rstrip() + "\n"
        for name, value in flat.items()
    )


def roads(native: dict[str, Any], text: dict[str, str], folder: Any) -> dict[str, AuthConfig]:
    """The configurations that the options give, as values by dotted names and as texts by them."""
    files = {
        "a.toml": toml(tree(native)), "text.toml": toml(tree(text)), "auth.toml": toml({"auth": tree(native)}),
        "dotted.toml": toml(native), "a.ini": ini(text), "prefixed.ini": ini({f"auth.{name}": each for name, each in text.items()}),
    }  # fmt: skip
    found = {
        "mapping": AuthConfig.from_mapping(tree(native), environ={}),
        "texts": AuthConfig.from_mapping(tree(text), environ={}),
        "filter": filter_factory({}, **text)(hello).config,
        "filter-app": filter_app_factory(hello, {}, **{f"auth.{n}": e for n, e in text.items()}).config,
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(content)
        found[name] = AuthConfig.from_file(folder / name, environ={})
    return found


def agree(found: dict[str, AuthConfig]) -> None:
    expected = judged(found["mapping"])
    for name, config in found.items():
        for option, value in judged(config).items():
            assert value == expected[option], (name, option)


def test_every_option_has_a_sample():
    given = {tuple(name.split(".")) for name in SAMPLES}
    kinds = {name for name in option_names() if name[0] == "cookies"}
    missing = set(option_names()) - kinds - OTHERS - given
    assert not missing
    assert {name[-1] for name in kinds} == {name[-1] for name in given if name[0] == "cookies"}


@pytest.mark.parametrize("option", SAMPLES)
def test_an_option_means_the_same_on_every_road(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where sqlite:///auth.db is made
    native, text = SAMPLES[option]
    more = {"allow_emails": "*"} if option == "remote_user" else {}
    native, text = {**BASE, **more, option: native}, {**BASE, **more, option: text}
    found = roads(native, text, tmp_path)
    if tuple(option.split(".")) in option_names():
        env = {f"AUTH_{name.replace('.', '_').upper()}": value for name, value in text.items()}
        if option == "secret":
            newest, older = text["secret"].split("\n")
            env |= {"AUTH_SECRET": older, "AUTH_SECRET_1": newest}
        found["environment"] = AuthConfig.from_env(env)
    agree(found)
    without = AuthConfig.from_mapping({**BASE, **more}, environ={})
    if option not in ("dev", "auto_sign_in"):
        assert judged(found["mapping"]) != judged(without)


#: A program that only reads sessions may ask for passkeys, and has no provider.
READS = {**BASE, "session.read_only": "true"}


def routes_as_text() -> dict[str, str]:
    found = {}
    for name, route in ROUTES.items():
        for option, value in route.items():
            if option in ("has", "missing"):
                value = "\n".join(" ".join(each.values()) for each in value)
            elif isinstance(value, list):
                value = ", ".join(value)
            found[f"route.{name}.{option}"] = str(value)
    found["route.admin.fresh"] = "15m"
    return found


@pytest.mark.parametrize("listed", ["", "vault keys, api admin"])
def test_routes_mean_the_same_on_every_road(listed, tmp_path):
    names = listed.replace(",", "").split() or list(ROUTES)
    table = {name: ROUTES[name] for name in names}
    listing = [{"name": name, **ROUTES[name]} for name in names]
    text = {**READS, **routes_as_text(), **({"routes": listed} if listed else {})}
    for name, content in {
        "a.ini": ini(text),
        "list.toml": toml(tree({**READS, "routes": listing})),
        "table.toml": toml(tree({**READS, "routes": table})),
        "dotted-list.toml": toml({**READS, "routes": listing}),
        "dotted-table.toml": toml({**READS, "routes": table}),
    }.items():
        (tmp_path / name).write_text(content)
    agree(
        {
            "mapping": AuthConfig.from_mapping(tree({**READS, "routes": table}), environ={}),
            "list": AuthConfig.from_mapping(tree({**READS, "routes": listing}), environ={}),
            "filter": filter_factory({}, **text)(hello).config,
            **{file.name: AuthConfig.from_file(file, environ={}) for file in tmp_path.iterdir()},
        }
    )


def test_providers_mean_the_same_on_every_road(tmp_path):
    given = {
        "github": {"client_id": "a", "client_secret": "b"},
        "acme": {"type": "oidc", "issuer": "https://acme.example", "client_id": "c", "client_secret": "d"},
    }  # fmt: skip
    native = {**BASE, "providers": given}
    text = {
        **BASE,
        **{f"provider.{name}.{key}": each for name, options in given.items() for key, each in options.items()},
    }  # fmt: skip
    listing = {**BASE, "providers": [{"id": name, **options} for name, options in given.items()]}
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": BASE["url"], "AUTH_PROVIDERS": "github",
        "AUTH_GITHUB_ID": "a", "AUTH_GITHUB_SECRET": "b",
    }  # fmt: skip
    files = {
        "a.toml": toml(native), "mixed.toml": toml({"session.max_age": "30d", **native}),
        "dotted.toml": toml({"session.max_age": "30d", **listing}), "a.ini": ini(text),
        "listed.ini": ini({**text, "providers": "github acme"}),
    }  # fmt: skip
    found = {
        "mapping": AuthConfig.from_mapping(native, environ={}),
        "list": AuthConfig.from_mapping(listing, environ={}),
        "filter": filter_factory({}, **text)(hello).config,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        found[name] = AuthConfig.from_file(tmp_path / name, environ={})
    shown = {name: [vars_of(each) for each in config.providers] for name, config in found.items()}
    for name, providers in shown.items():
        assert providers == shown["mapping"], name
    assert vars_of(AuthConfig.from_env(env).providers[0]) == shown["mapping"][0]


def test_the_environment_alone_describes_a_provider():
    """Who lists two, of which one's id begins with the other's, means the longer one's."""
    who = {"ID": "a", "SECRET": "b", "ISSUER": "https://id.example.test"}
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": BASE["url"], "AUTH_PROVIDERS": "staff, staff-api keycloak",
        "AUTH_STAFF_TYPE": "oidc", "AUTH_STAFF_NAME": "The staff", "AUTH_STAFF_SCOPE": "openid groups",
        "AUTH_STAFF_LOGOUT": "yes", "AUTH_STAFF_MAX_AGE": "1h", "AUTH_STAFF_TOKEN": "another program's",
        "AUTH_STAFF_API_TYPE": "oidc", "AUTH_STAFF_API_SIGN_IN": "no",
        "AUTH_STAFF_API_AUDIENCE": "https://api.example.test https://other.example.test",
        **{f"AUTH_STAFF_{name}": value for name, value in who.items()},
        **{f"AUTH_KEYCLOAK_{name}": f"{value}2" for name, value in who.items()},
        "AUTH_STAFF_API_ISSUER": "https://api-id.example.test", "AUTH_KEYCLOAK_WEBHOOK": "another's",
    }  # fmt: skip
    config = AuthConfig.from_env(env)
    staff, keycloak = config.providers
    (api,) = config.issuers
    assert (staff.name, staff.scope, staff.logout, staff.max_age) == (
        "The staff", "openid groups", True, 3600
    )  # fmt: skip
    assert not staff.token and keycloak.type == "oidc"
    assert api.audience == ("https://api.example.test", "https://other.example.test")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AUTH_OIDC_AUDEINCE", "x", "AUTH_OIDC_AUDEINCE: is no option of a provider; did you mean 'audience'?"),
        ("AUTH_OIDC_SCOPES", "x", "did you mean 'scope'?"),
        ("AUTH_OIDC_CLIENT_ID", "x", "AUTH_OIDC_CLIENT_ID: is called AUTH_OIDC_ID in the environment"),
        ("AUTH_OIDC_CLIENT_SECRET", "x", "is called AUTH_OIDC_SECRET"),
        ("AUTH_OIDC_ALLOW_CLAIMS", "groups=staff", "AUTH_OIDC_ALLOW_CLAIMS: is no word, switch or list"),
        ("AUTH_OIDC_USERINFO", "https://x.test", "is no word, switch or list"),
        ("AUTH_OIDC_LOGOUT", "perhaps", "providers.oidc.logout: "),
        ("AUTH_OIDC_TYPE", "odic", "providers.oidc.type: "),
        ("AUTH_OIDC_CLIENT_AUTH", "magic", "providers.oidc.client_auth: "),
    ],
)  # fmt: skip
def test_a_variable_of_a_provider_that_cannot_be_meant_stops_start_up(variable, value, said):
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": BASE["url"], "AUTH_PROVIDERS": "oidc", "AUTH_OIDC_ID": "a",
        "AUTH_OIDC_SECRET": "b", "AUTH_OIDC_ISSUER": "https://id.example.test", variable: value,
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        AuthConfig.from_env(env)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        *((f"AUTH_{name}", value, said) for name in ("ALLOW_EMAILS", "ALLOW_DOMAINS", "ALLOW_GROUPS")
          for value, said in (("", f"AUTH_{name}: is empty"), (" ", "is empty"))),
        *((f"AUTH_GITHUB_{name}", value, "is empty") for name in ("ALLOW_EMAILS", "ALLOW_GROUPS")
          for value in ("", " ", ",")),
        ("AUTH_ALLOW_EMAILS_FILE", "", "AUTH_ALLOW_EMAILS_FILE: is empty"),
        ("AUTH_GITHUB_ALLOW_USERS", "ada", "AUTH_GITHUB_ALLOW_USERS: is no option of a provider"),
        ("AUTH_GITHUB_ALLOWED_EMAIL_DOMAINS", "a.test", "is no option of a provider"),
        ("AUTH_GITHUB_ALLOWLIST", "ada", "is no option of a provider"),
        ("AUTH_ALLOW_USERS", "ada", "AUTH_ALLOW_USERS: is no option"),
        ("AUTH_ALLOWED_EMAIL_DOMAINS", "a.test", "is no option"),
        ("AUTH_ALLOW_CLAIMS", "a.test", "is no option"),
        ("auth_allow_emails", "ada@a.test", "is called AUTH_ALLOW_EMAILS"),
        ("AUTH_GITHUB_Allow_Emails", "ada@a.test", "is called AUTH_GITHUB_ALLOW_EMAILS"),
    ],
)  # fmt: skip
def test_a_variable_that_was_to_say_who_may_sign_in_is_never_left_alone(variable, value, said):
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": BASE["url"], "AUTH_PROVIDERS": "github",
        "AUTH_GITHUB_ID": "a", "AUTH_GITHUB_SECRET": "b", variable: value,
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        AuthConfig.from_env(env)
    assert said in str(error.value)


def test_a_file_that_lists_the_providers_is_as_good_as_the_variable(tmp_path):
    (tmp_path / "providers").write_text("github\n")
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": BASE["url"],
        "AUTH_PROVIDERS_FILE": str(tmp_path / "providers"), "AUTH_GITHUB_ID": "a",
        "AUTH_GITHUB_SECRET": "b", "AUTH_GITHUB_ALLOW_DOMAINS": "example.org",
    }  # fmt: skip
    (github,) = AuthConfig.from_env(env).providers
    assert github.allow_domains == ("example.org",)


@pytest.mark.parametrize("variable", ["AUTH_ALLOW_DOMAINS", "AUTH_GITHUB_ALLOW_DOMAINS"])
def test_start_up_warns_of_a_variable_beside_a_file_that_nobody_reads(variable):
    github = {"id": "github", "client_id": "a", "client_secret": "b"}
    env = {variable: "example.org"}

    def warned(**more):
        mapping = {**BASE, "providers": [{**github, **more}]}
        found = AuthConfig.from_mapping(mapping, environ=env).warnings
        return [each for each in found if each.startswith(variable)]

    (said,) = warned()
    assert "read by AuthConfig.from_env() alone" in said
    env[variable] = ""
    assert not warned()


def test_no_variable_of_what_a_provider_has_is_taken_for_a_mistake():
    """All that the catalogue and the other providers read from the environment."""
    is_field = {each.name for each in fields(OIDC)}
    for name in catalogue.names():
        variables = [each for each in catalogue.options(name) if each not in is_field]
        own = [*variables, "id", "secret", "secret_file", "issuer", "private_key"]
        env = {env_prefix(name) + each.upper(): "x" for each in own}
        assert read_env({"AUTH_PROVIDERS": name, **env}, ()) == {}, name
    for name, own in {
        "email": ["server", "from", "max_age"], "htpasswd": ["file"], "passkey": ["rp_id", "rp_name"]
    }.items():  # fmt: skip
        env = {env_prefix(name) + each.upper(): "1" for each in own}
        read_env({"AUTH_PROVIDERS": name, **env}, ())


@pytest.mark.parametrize("section", ["providers", "routes"])
def test_a_list_that_is_described_by_names_as_well_is_a_mistake(section, tmp_path):
    entry = {"id": "github", "client_id": "a"} if section == "providers" else {"source": "/a"}
    given = {**BASE, section: [entry], f"{section}.other.name": "b"}
    (tmp_path / "auth.toml").write_text(toml(given))
    with pytest.raises(ConfigError, match=f"{section}: is a list, and described"):
        AuthConfig.from_toml(tmp_path / "auth.toml", environ={})


@pytest.mark.parametrize("option", ["userinfo", "introspection"])
@pytest.mark.parametrize(
    ("text", "found"),
    [("true", True), ("off", False), ("https://op.test/userinfo", "https://op.test/userinfo")],
)
def test_what_is_a_url_or_a_yes_or_no_is_told_apart_in_text(option, text, found, tmp_path):
    acme = (
        "provider.acme.type = oidc\nprovider.acme.client_id = a\nprovider.acme.client_secret = b\n"
    )
    (tmp_path / "auth.ini").write_text(
        f"[auth]\nsecret = {SECRET}\nurl = https://app.example.test\n{acme}"
        f"provider.acme.issuer = https://op.test\nprovider.acme.{option} = {text}\n"
        "provider.acme.audience = https://api.example.test\n"
    )
    (provider,) = AuthConfig.from_ini(tmp_path / "auth.ini", environ={}).providers
    said = getattr(provider, option)
    assert said == found and type(said) is type(found)


UNREADABLE = {
    "auth.yaml": (b"secret: x", "must end in .toml or .ini"),
    "auth.ini": (b"[auth]\nsecret = x\nsecret = y\n", "option 'secret' in section 'auth' already exists"),
    "twice.ini": (b"[auth]\nprovider.github.client_id = x\nproviders.github.client_id = y\n",
                  "providers.github.client_id: is given twice"),
    "both.ini": (b"[auth]\nsession = 30d\nsession.max_age = 30d\n",
                 "session.max_age: 'session' is a value of its own above"),
    "latin1.ini": (b"[auth]\nsecret = \xff\n", "latin1.ini is not UTF-8 text"),
    "latin1.toml": (b"secret = '\xff'\n", "latin1.toml is not UTF-8 text"),
    "broken.toml": (b"secret = \n", "broken.toml: "),
    "app.toml": (b"app = 'shop:make'\n", "app: must be a table of arguments"),
    "folder.toml": (None, "cannot read "),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_configuration_stops_start_up_and_says_why(name, tmp_path):
    content, said = UNREADABLE[name]
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        AuthConfig.from_file(path, environ={})
    assert said in str(caught.value)


def vars_of(provider: Any) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in provider.__match_args__}


FILES = {
    "AUTH_SECRET_FILE": "\n".join(["n" * 40, "o" * 40, ""]),
    "AUTH_GITHUB_SECRET_FILE": "a secret of github's\n",
}


@pytest.fixture
def files(tmp_path):
    """The variables that name files."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in FILES}


@pytest.mark.parametrize("by", ["a mapping", "the environment"])
def test_secrets_come_from_files_that_variables_name(files, by):
    """What Docker and Kubernetes mount."""
    env = {**files, "AUTH_GITHUB_ID": "x", "AUTH_URL": BASE["url"], "AUTH_PROVIDERS": "github"}
    if by == "a mapping":
        config = AuthConfig.from_mapping({"providers": ["github"]}, environ=env)
    else:
        config = AuthConfig.from_env(env)
    for each in (config, config.override(base_path="/sign")):
        assert each.secret == (b"n" * 40, b"o" * 40)
        assert each.providers[0].client_secret == "a secret of github's"


def test_an_option_comes_from_a_file_that_a_variable_names(tmp_path):
    (tmp_path / "url").write_text("sqlite:///auth.db\n")
    env = {"AUTH_SECRET": SECRET, "AUTH_ADAPTER_FILE": str(tmp_path / "url")}
    assert AuthConfig.from_env(env).adapter == "sqlite:///auth.db"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"AUTH_SECRET": SECRET}, "AUTH_SECRET_FILE: is set beside AUTH_SECRET; keep one of the two"),
        ({"AUTH_SECRET_FILE": "/nowhere/at/all"}, "AUTH_SECRET_FILE: there is no file '/nowhere/at/all'"),
    ],
)  # fmt: skip
def test_a_variable_that_names_no_file_or_one_too_many_stops_start_up(files, more, said):
    with pytest.raises(ConfigError) as error:
        AuthConfig.from_mapping({}, environ={**files, **more})
    assert str(error.value).startswith(said)


def test_a_file_that_cannot_be_read_is_said_with_its_variable(tmp_path, monkeypatch):
    (tmp_path / "binary").write_bytes(b"\xff" * 40)
    env = {"AUTH_SECRET_FILE": str(tmp_path / "binary")}
    with pytest.raises(ConfigError, match=r"AUTH_SECRET_FILE: .*binary' .* no text in UTF-8"):
        AuthConfig.from_mapping({}, environ=env)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", denied)  # root may read anything
    with pytest.raises(ConfigError, match=r"AUTH_SECRET_FILE: .* be read: Permission denied"):
        AuthConfig.from_mapping({}, environ=env)


def test_a_file_that_is_not_asked_for_is_not_looked_at(files):
    """Other programs have variables with the prefix, too, and files that only they can read."""
    others = {"AUTH_JWT_SECRET_FILE": "/nowhere/at/all", "AUTH_SECRET_FILE": "/nowhere/at/all"}
    config = AuthConfig.from_mapping(BASE, environ={**files, **others})
    assert config.secret == (SECRET.encode(),)


def test_a_variable_is_one_secret_whatever_lines_openssl_has_made_of_it():
    broken = f"{'a' * 64}\n{'b' * 24}"
    config = AuthConfig.from_mapping({}, environ={"AUTH_SECRET": broken})
    assert config.secret == (broken.encode(),)


def test_an_empty_variable_is_none():
    config = AuthConfig.from_mapping(BASE, environ={"AUTH_SECRET_FILE": ""})
    assert config.secret == (SECRET.encode(),)


#: What no option is, or only a few are: of every type, and text that is a number, a name, a path, a
#: URL or a letter to some and not to others.
ODD = [
    True, -1, 2**70, 1.5, float("nan"), b"", b"x" * 40, [], [None], [[]], [{}], {}, {"a": 1},
    {1: 2}, {None: None}, {"source": 1}, (), {1, "a"}, object(), print, int, timedelta, timedelta.max,
    re.compile("a"), re.compile(b"a"), range(3), iter(()), 1j, "", "  ", "\n", "\0", "/\0", "\udcff",
    "\udcff" * 40, "a" * 9_000, "9" * 5_000, "-5", "1e3", "\xb2", "\u0663d", "1d1h", "30d ", "\u017f", "x:y",
    "os:nothing", "os:", ":", "a..b:c", ".:c", "json:loads", "~nobody-of-this-name/x", "~", "/", "true",
    "None", "%", "{", "{id.__class__}", "{0}", "*", "(", "/(", "/:a(", "/:a(?P<x>)", "[a", "/\\",
    "https://", "https://x:\xb2", "https://x:99999", "https://[", "https://[::1%z]", "sqlite:",
    "sqlite://host/x", "sqlite:///\0", "redis://[", "redis://h/\xb2", "redis://a..b", "postgresql://[",
    "mysql://h:\xb2/d", "10/1m", "\xb2/1m", "\u017ftrict", "__Host-x", "a.1", "..", "@", "*@x", "zz",
    "https://*.1", "#\xb2\xb2\xb2", "//x/y.png", "::1%1",
]  # fmt: skip


@pytest.mark.parametrize("steps", option_names(), ids=".".join)
def test_whatever_an_option_is_given_it_is_taken_or_a_mistake_that_names_it(steps):
    for value in ODD:
        given = value
        for step in reversed(steps[1:]):
            given = {step: given}
        try:
            AuthMiddleware(hello, options(**{steps[0]: given}))
        except ConfigError as mistake:
            assert steps[0] in str(mistake)


@pytest.mark.parametrize("name", sorted({each.name for each in (*fields(OIDC), *fields(OAuth))}))
@pytest.mark.parametrize("kind", ["oidc", "github"])
def test_whatever_an_option_of_a_provider_is_given_it_is_taken_or_a_mistake(name, kind):
    entry = {"id": kind, "type": kind, "client_id": "a", "client_secret": "b"}
    if kind == "oidc":
        entry["issuer"] = "https://op.test"
    for value in ODD:
        try:
            AuthMiddleware(hello, options(providers=[{**entry, name: value}]))
        except ConfigError as mistake:
            assert mistake.key


@pytest.mark.parametrize("name", ["auth.toml", "auth.ini"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "a byte-order mark"])
def test_files_as_editors_of_windows_write_them_say_the_same(tmp_path, mark, end, name):
    lines = ['secret_file = "secret.txt"', 'url = "https://app.example.test"',
             'public = ["/open"]', "", "[routes.api]", 'source = "/api"', "answer = 401"]  # fmt: skip
    if name == "auth.ini":
        lines = ["[auth]", "secret_file = secret.txt", "url = https://app.example.test",
                 "public = /open", "route.api.source = /api", "route.api.answer = 401"]  # fmt: skip
    (tmp_path / "secret.txt").write_bytes(mark + b"s" * 40 + end.encode())
    (tmp_path / name).write_bytes(mark + end.join(lines).encode())
    found = AuthConfig.from_file(tmp_path / name, environ={})
    assert found.secret == (b"s" * 40,)
    assert [(each.source, each.answer) for each in found.routes] == [("/api", "401")]
    assert [each.source for each in found.public] == ["/open"]
