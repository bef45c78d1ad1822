"""The configuration: every road in, and every mistake a sentence that names the option."""

from __future__ import annotations

import copy
import functools
import pickle
import re
from datetime import timedelta
from types import MappingProxyType, SimpleNamespace

import bcrypt
import pytest

from tests.conftest import SECRET, authorize, hello, options
from tests.docs import blocks
from tests.needs import require_module
from wsgi_auth import AuthConfig, AuthMiddleware, ConfigError
from wsgi_auth.adapters.memory import MemoryAdapter
from wsgi_auth.config.roads import of_ini
from wsgi_auth.oauth.proven import ProvenAccount
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.paste import filter_app_factory, filter_factory
from wsgi_auth.records import AccountData
from wsgi_auth.types import FrozenDict, Incoming, Reading, Route, Then

URL = "https://app.example.test"


def _fields(fields):
    return {"providers": [{"id": "credentials", "authorize": authorize, "fields": fields}]}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sesion": {}}, "sesion: there is no such option; did you mean 'session'?"),
        ({"maxAge": 1}, "maxAge: there is no such option; did you mean 'session.max_age'?"),
        ({"sign_in": "/in"}, "sign_in: there is no such option; did you mean 'callbacks.sign_in' or 'pages.sign_in'?"),
        ({"client_id": "a"}, "client_id: there is no such option; it is one of a provider: providers.NAME.client_id"),
        ({"protected": "/x"}, "protected: there is no such option; did you mean 'matcher'?"),
        ({"routes": {"admin": {"sorce": "/x"}}}, "routes.admin: unknown route option 'sorce'; did you mean 'source'?"),
        ({"base_path": "/a/../b"}, "base_path: must be a path such as '/login', not '/a/../b'"),
        ({"base_path": "/."}, "base_path: must be a path such as '/login', not '/.'"),
        ({"session": {"maxage": 1}}, "session.maxage: there is no such option; did you mean 'max_age'"),
        ({"session": {"max_age": "soon"}}, "session.max_age: must be seconds or a duration"),
        ({"session": {"max_age": True}}, "session.max_age"),
        ({"session": {"max_age": 0}}, "longer than 0"),
        ({"session": {"max_age": 60, "update_age": 60}}, "session.update_age"),
        ({"session": {"max_age": 3600, "update_age": "1d"}}, "session.update_age: (86400 s) must be shorter than session.max_age "
         "(3600 s), or no session is ever prolonged; set it to 300 s, say"),
        ({"limits": {"ip": "5 per hour"}}, "limits.ip: there is no such option; there is account, address, storage"),
        ({"SECRET_KEY": SECRET}, "SECRET_KEY: there is no such option; did you mean 'secret'?"),
        ({"adapter": "postgres://u:a-password@h/x"}, "adapter: no store begins with postgres://; did you mean 'postgresql'?"),
        ({"adapter": "sqlite:/tmp/auth.db"}, "adapter: must be sqlite:/// and a file: sqlite:///auth.db"),
        ({"adapter": "mongodb://u:a-password@h/x"}, "adapter: no store begins with mongodb://; there is memory:, sqlite://"),
        ({"providers": [{"id": "sso", "type": "OIDC"}]}, "providers.sso.type: must be one of oidc, oauth, credentials, "
         "htpasswd, dev, passkey, email, or a name of the catalogue, not 'OIDC'; did you mean 'oidc'?"),
        ({"providers": [{"id": "sso", "type": "oidc", "client_id": "a", "client_secret": "b",
                         "issuer": "https://id.test/x/.well-known/openid-configuration"}]},
         "providers.sso.issuer: is what stands before /.well-known/: https://id.test/x"),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b", "scope": ["a", "b"]}]},
         "providers.github.scope: must be a string with a blank between two scopes"),
        ({"cookies": {"session": {"domain": "example.org"}}}, "cookies.session.domain: 'example.org' is neither the host "
         "of url (app.example.test) nor a parent of it, so browsers would drop the cookie"),
        ({"session": {"max_age": "9d", "absolute_age": "8d"}}, "session.absolute_age"),
        ({"session": {"strategy": "cokie"}}, "did you mean 'cookie'?"),
        ({"session": {"strategy": "database"}}, "session.strategy"),
        ({"session": {"encode": print}}, "session.encode: belongs to the strategy 'jwt'"),
        ({"session": {"decode": print}}, "session.decode: belongs to the strategy 'jwt'"),
        ({"session": "30d"}, "session: must be a mapping"),
        ({"secret": None}, "secret: is missing"),
        ({"secret": ""}, "secret: must have 32 bytes"),
        ({"secret": " " * 40}, "secret: must have 32 bytes"),
        ({"secret": "x" * 31}, "secret: must have 32 bytes or more, not 31"),
        ({"secret": []}, "the list is empty"),
        ({"secret": [SECRET, ""]}, "secret: must have 32 bytes"),
        ({"secret": 5}, "secret: must be a string, or a list of strings, newest first"),
        ({"secret": [SECRET, 5]}, "secret: must be a string, or a list of strings, newest first"),
        ({"url": "app.example.test"}, "url:"),
        ({"url": "https://u:p@app.example.test"}, "url:"),
        ({"url": "https://app.example.test/auth"}, "set base_path = '/auth'"),
        ({"url": "https://app.example.test/api/auth"}, "set base_path = '/api/auth'"),
        ({"allow_emails": "example.test"}, "allow_emails: 'example.test' is no address such as 'ada@example.com'; "
         "all of a domain are let in by allow_domains"),
        ({"allow_emails": ["@example.test"]}, "let in by allow_domains"),
        ({"allow_emails": ["*@example.test"]}, "let in by allow_domains"),
        ({"allow_emails": ["Ada <ada@example.test>"]}, "allow_emails: "),
        ({"allow_emails": "ada@"}, "'ada@' is no address"),
        ({"allow_emails": "ada@eve@example.test"}, "is no address"),
        ({"allow_domains": ["ada@example.test"]}, "'ada@example.test' is no domain"),
        ({"allow_domains": ["*.example.test"]}, "allow_domains: '*.example.test' is no domain such as 'example.com'; "
         "each is named whole, a subdomain too"),
        ({"allow_domains": "*"}, "'*' is no domain"),
        ({"allow_domains": "https://example.test"}, "is no domain such as 'example.com'"),
        ({"allow_domains": "example.test."}, "'example.test.' is no domain"),
        ({"allow_domains": "b\xfccher..example"}, "is no domain"),
        # nor is it strasse.example
        ({"allow_domains": "stra\xdfe.example"}, "is no domain such as 'example.com' (try its xn-- form);"),
        ({"allow_emails": "ada@stra\xdfe.example"}, "'ada@example.com' (try its xn-- form); all of a domain"),
        ({"allow_domains": "[::1]"}, "is no domain"),
        ({"allow_domains": ["@"]}, "is no domain"),
        ({"url": "https://app.example.test/auth", "base_path": "/sign"}, "url: its path '/auth' looks like the endpoints' own"),
        ({"pages": {"sign_in": "/auth/signin"}}, "pages.sign_in: '/auth/signin' is a built-in endpoint"),
        ({"pages": {"error": "/auth/callback/github"}}, "pages.error: '/auth/callback/github' is a built-in endpoint"),
        ({"base_path": "auth"}, "base_path: must be a path"),
        ({"base_path": "/"}, "base_path"),
        ({"dev": True}, "dev: is for loopback only"),
        ({"dev": "perhaps"}, "dev: must be true or false"),
        ({"providers": ["dev"]}, "needs the option dev = true"),
        ({"providers": ["htpaswd"]}, "did you mean 'htpasswd'?"),
        ({"providers": ["credentials"]}, "providers.credentials.authorize: is missing"),
        ({"providers": [{"id": "credentials", "authorize": 5}]}, "must be a callable"),
        ({"providers": [{"id": "a b", "type": "credentials", "authorize": authorize}]}, "letters"),
        ({"providers": [{"id": "credentials", "authorize": authorize}] * 2}, "two providers"),
        ({"providers": [object()]}, "is no provider"),
        ({"providers": [SimpleNamespace(id="a", name="A", type=["x"])]}, "is no provider"),
        ({"providers": [SimpleNamespace(id=1, name="A", type="x")]}, "is no provider"),
        ({"providers": [{"id": "htpasswd", "file": "/no/such/file"}]}, "htpasswd"),
        ({"matcher": ["/(?!api).*"]}, "write /((?!api).*)"),
        ({"matcher": ["/a/**"]}, "matcher: '/a/**' at position 3: '*' repeats a parameter or a group, and here is none "
         "before it; write /a/:path* or /a/(.*)"),
        ({"matcher": ["/a/:path**"]}, "matcher: '/a/:path**' at position 9: what stands before it is repeated already; "
         "write /a/:path*"),
        ({"matcher": ["/a/:path+*/b"]}, "write /a/:path+/b"),
        ({"matcher": object()}, "matcher: an entry is a pattern such as"),
        ({"session": {"max_age": object()}}, "such as '30d', '12h', '15m', not an object"),
        ({"matcher": ["/a/*"]}, "write /a/:path* or /a/(.*)"),
        ({"matcher": ["members"]}, "matcher: 'members' must start with '/': try '/members'"),
        ({"matcher": ["^/members"]}, "matcher: '^/members' must start with '/': try '/members'"),
        ({"matcher": ["https://app.example.test/x"]}, "must start with '/': try '/x'"),
        ({"matcher": "/a, /b"}, "matcher: '/a, /b' holds several patterns: write one a line, or a list"),
        ({"matcher": "/a,/b"}, "matcher: '/a,/b' holds several patterns"),
        ({"matcher": ["/a /b"]}, "matcher: '/a /b' holds several patterns"),
        ({"ignore": "/a /b"}, "ignore: '/a /b' holds several patterns"),
        ({"public": ["/a/:path*, /b"]}, "public: '/a/:path*, /b' holds several patterns"),
        ({"secret": "${A_VARIABLE_WITH_QUITE_A_LONG_NAME}"}, "secret: is a variable that nothing fills in; leave it "
         "out, and set AUTH_SECRET"),
        ({"secret": "$AUTH_SECRET"}, "secret: is a variable that nothing fills in"),
        ({"session": {"max_age": "30d", "url": URL}}, "session.url: there is no such option; url is an option of its "
         "own: in a file it stands above [session]"),
        ({"matcher": "/admin/:path*   # members only"}, "matcher: has a comment in it"),
        ({"allow_domains": "a.test # not b.test"}, "allow_domains: has a comment in it (# or ;), which must stand "
         "outside of a list; in an INI file, on a line of its own"),
        ({"allow_emails": "a@b.test\n; c@d.test"}, "allow_emails: has a comment"),
        ({"routes": {"a": {"source": "/a", "allow_groups": "ops # not staff"}}},
         "routes.a.allow_groups: has a comment"),
        ({"routes": {"a": {"source": "/a", "has": "header x # y"}}}, "routes.a.has: has a comment"),
        ({"routes": {"a": {"source": "/admin\t; ours"}}}, "must stand on a line of its own"),
        ({"routes": [{"source": "/x", "method": "GET"}]}, "did you mean 'methods'?"),
        ({"routes": [{"methods": ["GET"]}]}, "source"),
        ({"authorized": "no_such_module:f"}, "cannot import 'no_such_module'"),
        ({"authorized": "tests.conftest:helo"}, "did you mean 'hello'?"),
        ({"authorized": print, "callbacks": {"authorized": print}}, "authorized: is given twice"),
        ({"callbacks": {"signIn": print}}, "did you mean 'sign_in'?"),
        ({"events": {"signin": print}}, "did you mean 'sign_in'?"),
        ({"pages": {"sign_in": "login"}}, "pages.sign_in"),
        ({"cookies": {"session": {"name": "a b"}}}, "cookies.session.name"),
        ({"cookies": {"flow": {"name": "n" * 201}}}, "cookies.flow.name: must have 200 characters"),
        ({"theme": {"logo": "https://cdn.example.test/logo.svg"}}, "theme.logo: must be of this site"),
        ({"theme": {"logo": "http://app.example.test/logo.svg"}}, "theme.logo: must be of this site"),
        ({"theme": {"logo": "https://app.example.test.evil.test/x.svg"}}, "theme.logo"),
        ({"theme": {"logo": "HTTPS://cdn.example.test/logo.svg"}}, "theme.logo"),
        ({"url": None, "theme": {"logo": "https://app.example.test/logo.svg"}}, "theme.logo"),
        ({"cookies": {"session": {"name": "__Host-x", "domain": "example.test"}}}, "__Host-"),
        ({"cookies": {"session": {"same_site": "None", "secure": False}}}, "'None' wants https"),
        ({"cookies": {"sesion": {}}}, "did you mean 'session'?"),
        ({"theme": {"brand_color": "red;}"}}, "theme.brand_color"),
        ({"texts": {"sign_in.titel": "x"}}, "texts.sign_in.titel"),
        ({"texts": {"de": {"sign_in.titel": "x"}}}, "texts.de.sign_in.titel"),
        ({"texts": {"de.sign_in.titel": "x"}}, "texts.de.sign_in.titel"),
        ({"texts": {"de": {"sign_in": {"heading": "x"}}}}, "texts.de.sign_in"),
        ({"texts": {"sign_in": {"heading": "x"}}}, 'texts.sign_in: is no language tag such as de'),
        ({"texts": {"lang": "de"}, "languages": ["de", "en"]}, "texts.lang"),
        ({"providers": [{"id": "credentials", "authorize": authorize, "icon": "https://cdn.test/x.svg"}]}, "providers.credentials.icon: must be of this site"),
        ({"providers": [{"id": "credentials", "authorize": authorize, "icon": "x.svg"}]}, "providers.credentials.icon: must be a path of this site"),
        ({"providers": [{"id": "github", "client_id": "x", "client_secret": "y", "icon": "//evil.test/x.svg"}]}, "providers.github.icon: must be a path"),
        ({"providers": [{"id": "passkey", "icon": 7}], "adapter": "memory:"}, "providers.passkey.icon"),
        ({"providers": [{"id": "dev", "icon": "/x.svg"}], "url": None, "dev": True}, "providers.dev.icon: there is no such option"),
        ({"show_last_used": "perhaps"}, "show_last_used: must be true or false"),
        ({"cookies": {"last_provider": {"name": "__Host-x", "domain": "example.test"}}}, "__Host-"),
        ({"languages": ["de", "tlh"]}, "languages: there are no texts in 'tlh'"),
        ({"languages": "deutsch"}, "languages: 'deutsch' is no language tag"),
        ({"languages": {"de": 1}}, "languages: must be a list"),
        ({"locale_dir": "no/such/folder"}, "locale_dir: there is no folder"),
        ({"locale_dir": 7}, "locale_dir: must be the path of a folder"),
        ({"locale_dir": "tests"}, "locale_dir: "),
        ({"remote_user": "name"}, "visitors choose their display name"),
        ({"remote_user": "{name}"}, "{name}"),
        ({"remote_user": "{id!r}"}, "remote_user"),
        ({"remote_user": "{id:>9}"}, "remote_user"),
        ({"remote_user": "provider"}, "remote_user: must be 'email', 'login', 'id', a template such as"),
        ({"remote_user": "emial"}, "did you mean 'email'?"),
        ({"trusted_proxies": -1}, "trusted_proxies"),
        ({"limits": {"account": "many"}}, "limits.account: must be a rate such as \"10 per 15 minutes\" or \"10/15m\", at least 1, or \"off\", not 'many'"),
        ({"allowed_redirects": ["https://*.test"]}, "allowed_redirects"),
        ({"auto_sign_in": True}, "auto_sign_in"),
        ({"reader": object()}, "reader"),
        ({"session": {"remember": "perhaps"}}, "session.remember"), ({"adapter": "nonsense"}, "adapter"), ({"adapter": object()}, "adapter"),
        ({"adapter": "mongodb://x"}, "adapter"), ({"session": {"strategy": "database"}}, "adapter"),
        ({"challenge_401": "si"}, "challenge_401"),
        ({"remote_user": "{id"}, "remote_user: '{id': expected '}'"),
        ({"remote_user": "tests.conftest:helo"}, "did you mean 'hello'?"),
        ({"cookies": {"csrf": {"name": "one"}, "flow": {"name": "one"}}}, "cookies: two of them have one name"),
        ({"cookies": "auth"}, "cookies: must be a mapping of session,"),
        ({"cookies": {"session": "auth"}}, "cookies.session: must be a mapping of "),
        ({"cookies": {"session": {"name": "__Secure-x", "secure": False}}}, "cookies.session.name: __Secure- wants https"),
        ({"cookies": {"session": {"name": "auth.0"}}}, "cookies.session.name: 'auth.0' ends like a chunk"),
        ({"cookies": {"session": {"domain": "example test"}}}, "cookies.session.domain: must be a domain such as"),
        ({"matcher": " \n"}, "matcher: is blank, so nothing would be protected"),
        ({"matcher": [5]}, "matcher: an entry is a pattern such as"),
        ({"public": 5}, "public: an entry is a pattern such as"),
        ({"events": print}, "events: must be a mapping of sign_in,"),
        ({"texts": ["sign_in.title"]}, "texts: must be a mapping of message ids to texts"),
        ({"adapter": "tests.conftest:hello"}, "adapter: must be an adapter or its URL"),
        ({"adapter": "no_such_module:f"}, "adapter: cannot import 'no_such_module'"),
        ({"transport": object()}, "transport: must be an object with send(request)"),
        ({"transport": "tests.conftest:Browser"}, "transport: must be an object with send(request)"),
        ({"authorized": "tests.conftest"}, "authorized: 'tests.conftest' is not of the form 'package.module:name'"),
        ({"session": {"max_age": [30]}}, "session.max_age: must be seconds or a duration such as '30d', '12h', '15m', not a list"),
        ({"allow_emails": {7: "a@b.test"}}, "allow_emails: must be a list, not a mapping"),
        ({"allow_emails": {7, "a@b.test"}}, "allow_emails: must be a non-empty string, not 7"),
        ({"providers": ["htpasswd"]}, "providers.htpasswd.file: is missing"),
        ({"providers": [{"id": "dev", "people": [{"name": "Ada"}]}], "url": None, "dev": True},
         "providers.dev.people: must be a list of user mappings with an id"),
        ({"providers": [{"id": "dev", "people": 7}], "url": None, "dev": True},
         "providers.dev.people: must be a list of user mappings with an id"),
        ({"allow_emails": []}, "allow_emails: is empty, so that nobody could sign in"),
        ({"allow_domains": " "}, "allow_domains: is empty, so that nobody could sign in"),
        ({"allow_groups": (), "allow_emails": "*"}, "allow_groups: is empty, so that nobody could sign in"),
        ({"dev_peers": "172.17.0.1, gateway"}, "dev_peers: 'gateway' is no address such as '172.17.0.1'"),
        ({"dev_peers": ["172.17.0.0/16"]}, "dev_peers: '172.17.0.0/16' is no address"),
        ({"providers": [{"id": "passkey", "rp_id": ".."}], "adapter": "memory:"}, "providers.passkey.rp_id: '..' is no domain"),
        # a digit, and no number; more digits than Python reads; a letter whose capital is another's
        ({"trusted_proxies": "\xb2"}, "trusted_proxies: must be a whole number"),
        ({"trusted_proxies": "9" * 5_000}, "trusted_proxies: must be a whole number of 0 or more, not a string of 5000"),
        ({"trusted_proxies": -(10**20)}, "trusted_proxies: must be a whole number of 0 or more, not so large a number"),
        ({"session": {"max_age": timedelta}}, "session.max_age: must be seconds or a duration"),
        ({"cookies": {"session": {"same_site": "\u017ftrict"}}}, "cookies.session.same_site: must be one of 'Lax', 'Strict'"),
        ({"cookies": {"session": False}}, "cookies.session: must be a mapping of name,"),
        # what an environment variable holds that is no UTF-8
        ({"secret": "\udcff" * 40}, "secret: must be text in UTF-8"),
        ({"theme": {"button_text": "\udcff"}}, "theme.button_text: must be text in UTF-8"),
        ({"matcher": b""}, "matcher: an entry is a pattern such as"),
        ({"routes": {"source": "/a", "has": [""]}}, "type must be one of header,"),
        ({"routes": {"source": "/a", "name": {"a": 1}}}, "name must be a string"),
        ({"locale_dir": "~nobody-of-this-name/x"}, "locale_dir: there is no folder '~nobody-of-this-name/x'"),
        ({"locale_dir": "a" * 5_000}, "locale_dir: there is no folder"),
        ({"secret": None, "secret_file": "a\0b"}, "secret_file: there is no file"),
        ({"adapter": "redis://my..host/0"}, "adapter: 'my..host' in its URL can be no host"),
        ({"adapter": f"redis://{'a' * 64}/0"}, "in its URL can be no host"),
        ({"adapter": "redis://localhost/\xb2"}, "adapter: must be redis://user:password@host:port/number"),
        ({"adapter": "redis://localhost/one"}, "adapter: must be redis://user:password@host:port/number"),
        ({"adapter": "sqlite:///a\0b"}, "adapter: the SQLite file 'a\\x00b': embedded null"),
        ({"providers": [{"id": "htpasswd", "file": "~nobody-of-this-name/x"}]}, "providers.htpasswd.file: there is no file"),
        ({"providers": [{"id": "htpasswd", "file": "a\0b"}]}, "providers.htpasswd.file: there is no file"),
        ({"providers": [{"id": "htpasswd", "file": 5}]}, "providers.htpasswd.file: must be the path of a file, not 5"),
        ({"providers": [{"id": "htpasswd", "file": "."}]}, "providers.htpasswd.file: '.' is a folder, and must be a file"),
        ({"secret": None, "secret_file": "."}, "secret_file: '.' is a folder, and must be a file"),
        ({"providers": [{"id": "\udcff", "type": "credentials", "authorize": authorize}]}, "must be letters, digits,"),
        ({"providers": [{"id": 1, "type": "credentials", "authorize": authorize}]}, "needs an id, which is text"),
        ({"providers": [{"id": 1, "per_request": authorize}]}, "needs an id, which is text"),
        ({"providers": [{"id": "a", "type": ["oidc"]}]}, "providers.a.type: must be text"),
        ({"providers": [{"id": "credentials", "authorize": authorize, "name": object()}]}, "providers.credentials.name: must be text"),
        ({"providers": [{"id": "credentials", "authorize": authorize, "icon": b""}]}, "providers.credentials.icon: must be text"),
        ({"providers": [{"id": "credentials", "authorize": authorize, 1: 2}]}, "providers.credentials.1: there is no such option"),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b", 1: 2}]}, "providers.github.1: there is no such option"),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b", "issuer": []}]}, "providers.github.issuer: must be a string"),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b", "profile": {"id": 1}}]},
         "providers.github.profile: must be a mapping of strings"),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b", "allow_claims": {"a": object()}}]},
         "providers.github.allow_claims.a: must be text, a whole number, true or false, or a list"),
        ({"providers": [{"id": "sso", "type": "oidc", "issuer": "https://id.test", "client_id": "a", "private_key": 1}]},
         "providers.sso.private_key: is no private key"),
        ({"providers": [{"id": "dev", "people": [{"id": object()}]}], "url": None, "dev": True},
         "providers.dev.people: must be a list of user mappings with an id"),
        ({"providers": [{"id": "dev", "people": [{"id": "ada", "groups": 5}]}], "url": None, "dev": True},
         "providers.dev.people.ada.groups: must be a list"),
        (_fields({"pin": {"label": 5}}), "providers.credentials.fields.pin.label: must be a non-empty string"),
        (_fields({"pin": {"required": "perhaps"}}), "providers.credentials.fields.pin.required: must be true or false"),
        (_fields({"pin": {1: 2, "x": 3}}), "providers.credentials.fields.pin.1: there is no such option"),
        (_fields(["pin"]), "providers.credentials.fields: must map field names to"),
        (_fields({}), "providers.credentials.fields: must map field names to"),
        (_fields({"p n": {}}), "providers.credentials.fields.p n: must be a mapping with 'label' and 'type'"),
        (_fields({"pin": "PIN"}), "providers.credentials.fields.pin: must be a mapping with 'label' and 'type'"),
        (_fields({"pin": {"lable": "PIN"}}), "providers.credentials.fields.pin.lable: there is no such option"),
        (_fields({"pin": {"type": "checkbox"}}), "providers.credentials.fields.pin.type: 'checkbox' is no type of input"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:50],  # an address is another each time
)  # fmt: skip
def test_a_mistake_stops_start_up_and_names_the_option(wrong, said):
    with pytest.raises(ConfigError) as caught:
        AuthMiddleware(hello, options(**wrong))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"allow_groups": "ops"}, "a route needs a source"),
        ({"source": "/a("}, "'/a(' at position 2: this parenthesis is never closed"),
        ({"source": "/a", "allow_groups": []}, "'/a': allow_groups must be one or more names"),
        ({"source": "/a", "has": "header x ("}, "'/a': has: the value '(' at position 1: a parenthesis"),
        ({"source": "/a", "missing": "host ("}, "'/a': missing: the value '(' at position 1"),
        ({"source": re.compile("/a"), "missing": "host ("}, "'/a': missing: the value '('"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_route_names_the_route(route, said):
    named = {"name": "admin", **route}
    ways = [
        ({"routes": {"admin": route}}, "routes.admin"), ({"routes": [named]}, "routes.admin"),
        ({"matcher": {"admin": route}}, "matcher.admin"), ({"matcher": [route]}, "matcher"),
    ]  # fmt: skip
    if not any(isinstance(each, re.Pattern | list) for each in route.values()):
        ini = of_ini({f"auth.route.admin.{name}": value for name, value in route.items()})
        ways.append((ini, "routes.admin"))
    for given, where in ways:
        with pytest.raises(ConfigError) as caught:
            AuthMiddleware(hello, options(**given))
        assert str(caught.value).startswith(f"{where}: {said}")


def test_a_route_of_python_says_what_a_misspelt_option_means():
    with pytest.raises(TypeError, match="no field 'allow_group'; did you mean 'allow_groups'"):
        Route("/admin", allow_group=["ops"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"public": {"open": {"source": "/a("}}}, "public.open: '/a(' at position 2"),
        ({"ignore": {"open": {"source": "/a", "basic": True}}}, "ignore.open: '/a' has basic"),
        ({"routes": [Route("/a", name="admin", fresh=0)]}, "routes.admin: '/a': fresh must be a number"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_exception_or_a_route_of_python_names_it_too(given, said):
    with pytest.raises(ConfigError) as caught:
        AuthMiddleware(hello, options(**given))
    assert str(caught.value).startswith(said)


STORE = MemoryAdapter()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"secret": b"\xff" * 32}, lambda config: config.secret == (b"\xff" * 32,)),
        ({"secret": [b"\xff" * 32, SECRET]}, lambda config: config.secret == (b"\xff" * 32, SECRET.encode())),
        ({"session": {"max_age": timedelta(days=9, seconds=1.5)}}, lambda config: config.session.max_age == 777_601),
        ({"allow_emails": {"b@x.test", "a@x.test"}}, lambda config: config.allow_emails == {"a@x.test", "b@x.test"}),
        ({"routes": {"source": "/x", "allow_groups": ["ops"]}}, lambda config: [
            (each.source, each.allow_groups) for each in config.routes] == [("/x", {"ops"})]),
        ({"public": re.compile("/open/[0-9]+")}, lambda config: len(config.public) == 1),
        ({"remote_user": "{id}@corp"}, lambda config: config.remote_user == "{id}@corp"),
        ({"remote_user": "{provider}:{id}", "providers": [{"id": "sso", "per_request": lambda request: {}}], "allow_emails": "*"},
         lambda config: config.remote_user == "{provider}:{id}"),
        ({"providers": [], "session": {"read_only": True}, "routes": {"source": "/x", "acr": "mfa", "user_verified": True}},
         lambda config: config.routes[0].acr == ("mfa",)),
        ({"theme": {"logo": "/static/logo.svg"}}, lambda config: config.theme["logo"] == "/static/logo.svg"),
        ({"pages": {"sign_in": "/auth/own", "error": "/signin"}}, lambda config: config.pages.sign_in == "/auth/own"),
        ({"cookies": {"session": {"domain": "example.test"}}, "url": None},
         lambda config: config.cookies.session.domain == "example.test"),
        ({"dev": True, "url": "http://localhost:8000"}, lambda config: config.dev),
        (_fields({"pin": {"required": "false"}}), lambda config: not config.providers[0].fields[0].required),
        ({"providers": [{"id": "github", "client_id": "a", "client_secret": "b",
                         "allow_claims": {"staff": True, "level": [1, "2"]}}]},
         lambda config: config.providers[0].allow_claims == {"staff": "true", "level": "1 2"}),
        ({"allow_emails": [], "allow_domains": "example.test"}, lambda config: config.allow_domains == {"example.test"}),
        ({"adapter": "tests.test_config:STORE"}, lambda config: config.adapter is STORE),
        ({"providers": [{"id": "dev", "people": "ada, bob"}], "url": None, "dev": True},
         lambda config: config.providers[0].people == ({"id": "ada"}, {"id": "bob"})),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_python_and_a_file_say_in_a_way_of_their_own_is_understood(given, found):
    assert found(AuthConfig.from_mapping(options(**given), environ={}))


async def _asynchronous(*_):
    return True


class _Wanting:
    """Callables of every kind that take one argument too few for ``session``."""

    def method(self, session):
        return session

    def __call__(self, session):
        return session


class _Around:
    """What ``wrapt`` puts around a function: it hands in the first argument, and looks like it."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return self.function("a connection", *arguments)

    def __getattr__(self, name):
        return getattr(self.function, name)

    @property
    def __class__(self):
        return type(self.function)


def _credentials(authorize):
    return {"providers": [{"id": "credentials", "authorize": authorize}]}


def _forge(profile):
    return {
        "url": URL,
        "providers": [{"id": "github", "client_id": "a", "client_secret": "b", "profile": profile}],
    }


#: Every option that is called, with the parameters it is called with.
CALLED = {
    "authorized": (lambda f: {"authorized": f}, "request, session"),
    "callbacks.sign_in": (lambda f: {"callbacks": {"sign_in": f}}, "user, account, context"),
    "callbacks.redirect": (lambda f: {"callbacks": {"redirect": f}}, "url, base_url"),
    "callbacks.jwt": (lambda f: {"callbacks": {"jwt": f}}, "claims, context"),
    "callbacks.session": (lambda f: {"callbacks": {"session": f}}, "session, context"),
    "events.sign_in": (lambda f: {"events": {"sign_in": [print, f]}}, "event"),
    "providers_for": (lambda f: {"providers_for": f}, "request"),
    "providers.credentials.authorize": (_credentials, "credentials, request"),
    "providers.github.profile": (_forge, "said"),
    "providers.sso.per_request": (lambda f: {"providers": [{"id": "sso", "per_request": f}]}, "request"),
    "providers.email.send": (lambda f: {"providers": [{"id": "email", "from": "a@b.test", "send": f}]}, "mail"),
    "remote_user": (lambda f: {"remote_user": f}, "session"),
    "responders.forbidden": (lambda f: {"responders": {"forbidden": f}}, "environ, decision"),
    "routes.authorized": (lambda f: {"routes": [{"source": "/x", "authorized": f}]}, "request, session"),
}  # fmt: skip


@pytest.mark.parametrize("option", CALLED)
def test_a_callable_that_could_not_be_called_stops_start_up(option):
    made, parameters = CALLED[option]
    with pytest.raises(ConfigError) as caught:
        AuthMiddleware(hello, options(**made(_asynchronous)))
    assert str(caught.value) == f"{option}: must not be async: what it returns is needed at once"
    with pytest.raises(ConfigError) as caught:
        AuthMiddleware(hello, options(**made(lambda: None)))
    assert str(caught.value) == f"{option}: is called with ({parameters}), and takes ()"


@pytest.mark.parametrize(
    ("wrong", "takes"),
    [
        (lambda session: session, "session"),
        (_Wanting().method, "session"),
        (_Wanting(), "session"),
        (lambda session, context, more: session, "session, context, more"),
        (lambda session, context, *, token: session, "session, context, token"),
        (lambda *, session, token: session, "session, token"),
    ],
)
def test_what_a_callable_takes_is_told(wrong, takes):
    with pytest.raises(ConfigError, match=rf"and takes \({takes}\)$"):
        AuthMiddleware(hello, options(callbacks={"session": wrong}))


@pytest.mark.parametrize(
    "right",
    [
        lambda *arguments: arguments[0],
        lambda session, context=None, more=None: session,
        lambda session, *more, token=None: session,
        functools.partial(lambda token, session, context: session, "token"),
        functools.wraps(_Wanting.__call__)(lambda *arguments: arguments[0]),
        _Around(lambda connection, session, context: session),
        max,
        dict,
    ],
)
def test_a_callable_that_may_be_right_is_taken(right):
    AuthMiddleware(hello, options(callbacks={"session": right}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"matcher": ["/user/<id>"]}, "matcher: '/user/<id>' has no parameter: <id> is itself, letter by letter; "
         "write /user/:id"),
        ({"matcher": ["/user/<int:id>/x"]}, "matcher: '/user/<int:id>/x' has no parameter: <int:id> is itself, letter "
         "by letter; write /user/:id/x"),
        ({"matcher": ["/<lang>/user/<int:id>"]}, "matcher: '/<lang>/user/<int:id>' has no parameter: <lang> is itself, "
         "letter by letter; write /:lang/user/:id"),
        ({"routes": {"admin": {"source": "/user/<id>"}}}, "routes.admin: '/user/<id>' has no parameter: <id> is "
         "itself, letter by letter; write /user/:id"),
        ({"routes": [{"source": "/user/{id}"}]}, "routes: '/user/{id}' has no parameter: {id} is itself, letter by "
         "letter; write /user/:id"),
        ({"providers": [], "pages": {"sign_in": "/login"}, "routes": [{"source": "/dav", "basic": True}]},
         "routes: '/dav' has basic, and no provider checks a password (credentials, htpasswd)"),
        ({"url": "https://app.example.test/tools", "matcher": ["/tools/admin/:path*"]},
         "matcher: '/tools/admin/:path*' begins with '/tools', the path of url, and paths are matched below it; "
         "write /admin/:path*"),
        ({"url": "https://app.example.test/tools", "public": ["/tools"]},
         "public: '/tools' begins with '/tools', the path of url, and paths are matched below it; write /"),
    ],
)  # fmt: skip
def test_a_pattern_that_means_something_else_is_warned_of(given, said):
    assert said in AuthConfig.from_mapping(options(**given), environ={}).warnings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ignore": ["/a/:path*"], "routes": {"x": {"source": "/a/:path*"}}},
         ["routes.x: '/a/:path*' protects nothing: ignore = '/a/:path*' takes its paths out"]),
        ({"ignore": ["/a/:all*"], "routes": [{"source": "/a/b/:id(\\d+)"}]},
         ["routes: '/a/b/:id(\\\\d+)' protects nothing: ignore = '/a/:all*' takes its paths out"]),
        ({"ignore": ["/:path*"], "routes": ["/:path*", "/a-:id"]},
         ["routes: '/:path*' protects nothing: ignore", "routes: '/a-:id' protects nothing: ignore"]),
        ({"ignore": ["/a/(b|c)"], "matcher": ["/a/(b|c)", "/d"]}, ["matcher: '/a/(b|c)' protects nothing: ignore"]),
        ({"public": ["/a/:path*"], "matcher": ["/a/b"], "routes": ["/a/b"]},
         ["matcher: '/a/b' protects nothing: public = '/a/:path*'"]),
        ({"ignore": [{"source": "/A", "case_sensitive": False}], "matcher": ["/A", "/a"]}, ["matcher: '/A'"]),
        ({"ignore": ["/a"], "matcher": [{"source": "/a", "case_sensitive": False}]}, []),
        ({"ignore": ["/a/:path*"], "matcher": ["/ab", "/:x", "/a:b", "/a-:id/b"]}, []),
        ({"ignore": ["/a/:path+"], "matcher": ["/a"]}, []),
        ({"ignore": [re.compile("/a")], "matcher": [re.compile("/a"), "/a"]}, []),
        ({"ignore": ["/:path*"], "public": ["/:path*"]}, []),  # check says this of the whole
    ],
)  # fmt: skip
def test_a_pattern_that_protects_nothing_is_warned_of(given, said):
    found = AuthConfig.from_mapping(options(**given), environ={}).warnings
    found = [each for each in found if "protects nothing" in each]
    assert len(found) == len(said) and all(map(str.startswith, found, said))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ignore": ["/login"], "pages": {"sign_in": "/login"}}, ["pages.sign_in: '/login'"]),
        ({"ignore": ["/own/:path*"], "pages": dict.fromkeys(("sign_out", "new_user", "account"), "/own/x")},
         ["pages.sign_out: '/own/x'", "pages.new_user: '/own/x'", "pages.account: '/own/x'"]),
        ({"ignore": [re.compile("/login")], "pages": {"sign_in": f"{URL}/login"}}, ["pages.sign_in: '/login'"]),
        ({"ignore": ["/x/:path*"], "pages": {"sign_in": "https://id.test/x/login"}}, []),
        ({"ignore": ["/x/:path*"], "pages": {"error": "/x/e", "verify_request": "/x/v", "sign_in": "/in"}}, []),
        ({"ignore": ["/login/:path+"], "pages": {"sign_in": "/login", "account": False}}, []),
    ],
)  # fmt: skip
def test_a_page_of_ones_own_that_is_ignored_is_warned_of(given, named):
    found = AuthConfig.from_mapping(options(**given), environ={}).warnings
    found = [each for each in found if "is a path of ignore" in each]
    assert len(found) == len(named) and all(map(str.startswith, found, named))


EMAIL = {"id": "email", "server": "smtp://127.0.0.1:25", "from": "no-reply@example.test"}
ACME = {"id": "acme", "type": "oidc", "issuer": "https://op.test", "client_id": "us",
        "client_secret": "x" * 40, "audience": "https://api.test"}  # fmt: skip
WORDS = {"id": "credentials", "authorize": authorize}
READ = {"session": {"read_only": True}, "pages": {"sign_in": "/in"}}
IN_NO_GROUP = "allow_groups is set, and who signs in by 'email' is in no group: nobody can"
EVERYBODY = "allow_emails = *: everybody with an account at a provider may sign in"
NO_TOKEN = "has bearer, and nothing checks a token"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"providers": [WORDS, EMAIL], "adapter": "memory:", "allow_groups": ["x"]}, IN_NO_GROUP),
        ({"allow_emails": ["*"]}, EVERYBODY),
        ({"routes": [{"source": "/api", "bearer": True}]}, NO_TOKEN),
        ({**READ, "providers": [WORDS, ACME]}, "nobody can sign in here by credentials, acme;"),
        ({**READ, "providers": [WORDS, ACME], "routes": [{"source": "/dav", "basic": True}]},
         "nobody can sign in here by acme;"),
        ({**READ, "providers": [WORDS, ACME], "routes": [{"source": "/api", "bearer": True}]},
         "nobody can sign in here by credentials;"),
    ],
)  # fmt: skip
def test_what_can_never_be_used_is_warned_of(given, said):
    (found,) = [
        w for w in AuthConfig.from_mapping(options(**given), environ={}).warnings if said in w
    ]
    assert found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"allow_domains": ["example.test"]}, ["allow_domains is set, and who signs in by 'file' has no address"]),
        ({"allow_emails": ["a@example.test"]}, ["allow_emails is set, and who signs in by 'file' has no address"]),
        ({"allow_groups": ["staff"]}, ["allow_groups is set, and who signs in by 'file' has no group"]),
        ({"allow_emails": ["*"], "allow_domains": ["example.test"]}, []),
        ({"remote_user": "email"}, ["remote_user is email, and who signs in by 'file' has no address"]),
        ({"remote_user": "{provider}:{email}"}, ["remote_user is {provider}:{email}, and who signs in by 'file' has no"]),
        ({"remote_user": "login"}, []),
        ({"remote_user": lambda session: "x"}, []),
    ],
)  # fmt: skip
def test_what_a_line_of_htpasswd_cannot_have_is_warned_of(given, said, tmp_path):
    users = tmp_path / "users"
    users.write_text("")
    by_file = {"id": "file", "type": "htpasswd", "file": str(users)}
    found = AuthConfig.from_mapping(options(providers=[by_file], **given), environ={}).warnings
    found = [each for each in found if "signs in by" in each]
    assert len(found) == len(said) and all(map(str.startswith, found, said))
    assert all(each.endswith(": nobody can") for each in found)


@pytest.mark.parametrize(("text", "is_said"), [("", True), ("# nobody\n", True), (None, False)])
def test_a_file_of_passwords_with_nobody_in_it_is_warned_of(text, is_said, tmp_path):
    users = tmp_path / "users"
    hashed = bcrypt.hashpw(b"bricks", bcrypt.gensalt(4)).decode()
    users.write_text(f"bob:{hashed}\n" if text is None else text)
    by_file = {"id": "file", "type": "htpasswd", "file": str(users)}
    found = AuthConfig.from_mapping(options(providers=[by_file]), environ={}).warnings
    said = (
        f"providers.file.file: nobody is in '{users}', so nobody can sign in by it; add somebody "
        f"with: htpasswd -B {users} NAME"
    )
    assert list(found) == [said] * is_said


@pytest.mark.parametrize("url", ["https://app.example.test", "https://app.example.test/tool", None])
def test_a_pattern_is_not_taken_for_one_that_begins_with_a_mount_that_is_none(url):
    given = options(matcher=["/tools/:path*", re.compile("/tools")], url=url)
    found = AuthConfig.from_mapping(given, environ={}).warnings
    assert not [each for each in found if "begins with" in each]


@pytest.mark.parametrize(
    "given",
    [
        {"providers": [WORDS, EMAIL], "adapter": "memory:", "allow_emails": ["ada@example.test"]},
        {"allow_groups": ["x"]},
        {"providers": [WORDS, ACME], "routes": [{"source": "/api", "bearer": True}]},
    ],
)
def test_what_can_be_used_is_not(given):
    found = " ".join(AuthConfig.from_mapping(options(**given), environ={}).warnings)
    assert not [said for said in (IN_NO_GROUP, EVERYBODY, NO_TOKEN) if said in found]


LOCAL = {"dev": True, "url": "http://localhost:8000", "adapter": "memory:"}
NO_END = "session.absolute_age is not set"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"providers": []}, ["no providers and no pages.sign_in"]),
        ({"providers": [], "pages": {"sign_in": "/in"}}, []),
        ({"url": None}, ["url is not set"]),
        ({"url": None, "dev": True}, []),
        ({"url": "http://app.example.test"}, ["url is http://app.example.test: without https"]),
        ({"url": "http://localhost:8000"}, []),
        ({**LOCAL, "providers": [WORDS, "passkey"]}, []),
        ({**LOCAL, "url": None, "providers": [WORDS, "passkey"]}, ["passkeys work at"]),
        ({**LOCAL, "providers": ["passkey"]}, ["the only provider is passkey"]),
        ({"providers": ["passkey"], "adapter": "memory:"}, ["the only provider is passkey"]),
        ({"providers": [ACME]}, [NO_END]),
        ({"providers": [ACME], "session": {"absolute_age": "90d"}}, []),
        ({"providers": [{**ACME, "introspection": True}], "session": {"absolute_age": "90d"}}, []),
        ({"session": {"max_age": "9d", "absolute_age": "9d"}}, []),
        ({"matcher": [re.compile("/(?P<id>a)")]}, []),
    ],
    ids=range(16),
)
def test_what_deserves_a_second_look_is_said_where_it_does_and_nowhere_else(given, said):
    warnings = AuthConfig.from_mapping(options(**given), environ={}).warnings
    assert len(warnings) == len(said)
    assert all(map(str.startswith, warnings, said))


@pytest.mark.parametrize(
    ("provider", "why"),
    [(ACME, ", which sends the browser back to an"), (EMAIL, ", whose mails hold an"), ({"id": "passkey"}, ": the address")],
    ids=lambda each: each["id"] if isinstance(each, dict) else "",
)  # fmt: skip
def test_while_developing_the_url_is_found_out(provider, why):
    given = options(providers=[provider], adapter="memory:", url=None)
    with pytest.raises(ConfigError, match=f"^url: is needed for '{provider['id']}'{why}"):
        AuthConfig.from_mapping(given, environ={})
    AuthConfig.from_mapping({**given, "dev": True}, environ={})


@pytest.mark.parametrize(
    "pattern", ["/user/:id", "/a{/b}?", "/a{-:x}?", "/x{abc}*", "/:name{.html}", "/:size{px}"]
)
def test_a_pattern_with_a_parameter_or_a_group_is_not(pattern):
    assert not AuthConfig.from_mapping(options(matcher=[pattern]), environ={}).warnings


@pytest.mark.parametrize(
    ("algorithms", "octets"),
    [("HS256", 32), ("HS384", 48), ("HS512", 64), (["RS256", "HS512"], 64), ("RS256", 0), ([], 0)],
)
def test_a_client_secret_shorter_than_the_hash_it_signs_with_is_warned_of(algorithms, octets):
    """RFC 7518 section 3.2; OpenID Connect Core section 16.19."""

    def warned(secret: str) -> list[str]:
        provider = {"id": "acme", "type": "oidc", "issuer": "https://op.test", "client_id": "us",
                    "client_secret": secret, "id_token_signed_response_alg": algorithms}  # fmt: skip
        given = {"secret": "s" * 40, "url": "https://app.test", "providers": [provider]}
        found = AuthConfig.from_mapping(given, environ={}).warnings
        assert not any(secret in each for each in found)
        return [each for each in found if " octets or more, and it is shorter" in each]

    short = warned("\u00e9" * ((octets or 32) // 2 - 1))
    named = algorithms if isinstance(algorithms, str) else "HS512"
    said = f"providers.acme.client_secret: {named} wants {octets} octets or more"
    assert len(short) == (1 if octets else 0) and all(each.startswith(said) for each in short)
    assert warned("\u00e9" * ((octets or 32) // 2)) == []


async def asgi(scope, receive, send): ...


class Starlette:
    async def __call__(self, scope, receive, send): ...


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (
            lambda: hello,
            "<lambda> takes no (environ, start_response); if it makes the application, call it",
        ),
        (None, "the application must be a WSGI app, not NoneType"),
        (asgi, "asgi takes (scope, receive, send), so it seems to be an ASGI application: this is for those of WSGI"),
        (Starlette(), "the application takes (scope, receive, send), so it seems to be an ASGI application: this is for "
         "those of WSGI"),
    ],
)  # fmt: skip
def test_what_is_no_application_stops_start_up(app, said):
    with pytest.raises(ConfigError) as caught:
        AuthMiddleware(app, options())
    assert str(caught.value) == said


def test_the_name_of_a_file_is_no_configuration_and_the_message_says_how_to_read_it():
    with pytest.raises(
        ConfigError, match=r"must be a mapping or an AuthConfig, not str; AuthConfig.from_file"
    ):
        AuthMiddleware(hello, "auth.toml")
    with pytest.raises(ConfigError, match=r"must be a mapping, not str; AuthConfig.from_file"):
        AuthConfig.from_mapping("auth.toml")


@pytest.mark.parametrize(
    "text",
    ["trusted_proxies = " + "9" * 5_000, "matcher = " + "[" * 5_000, "a = \0"],
    ids=["long", "deep", "NUL"],
)
def test_a_toml_file_that_is_none_is_said_to_be_none(text, tmp_path):
    file = tmp_path / "auth.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"auth.toml: "):
        AuthConfig.from_file(file)


@pytest.mark.parametrize("name", ["a\0b.toml", "\udcff\ud800.toml", "a\0b.ini", "/no/such.ini"])
def test_a_file_that_can_be_none_is_said_to_be_none(name):
    with pytest.raises(ConfigError, match="cannot read"):
        AuthConfig.from_file(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("secret = a-secret\n", "auth.ini: wants a section [auth] above its keys"),
        ("[auth]\nurl = 'https://app.example.test'\n", "url: stands in quotes, which an INI file takes for part "
         "of the value"),
        ('[auth]\nsecret = "a-secret"\n', "secret: stands in quotes"),
        ("[authh]\nsecret = a-secret\n", "wants a section [auth] (and may have [app]); the file has: [authh]"),
        ("[auth]\nsecret = a-secret\n[routes.admin]\nsource = /admin\n", "the file has: [auth], [routes.admin]; write "
         "routes.admin.source in [auth]"),
        ("[auth]\nsecret = a-secret\n[server:main]\nuse = egg:x\n[auth.session]\nmax_age = 1d\n",
         "the file has: [auth], [server:main], [auth.session]; write auth.session.max_age in [auth]"),
        ("[auth]\nsecret = a-secret\n[session]\nmax_age = 1d\n", "; write session.max_age in [auth]"),
        ("[pipeline:main]\npipeline = x\n[filter:x]\nuse = egg:other\nsecret = a-secret\n",
         "wants a section [auth] (and may have [app]); the file has: [pipeline:main], [filter:x]"),
        ("[filter:x]\nuse = egg:wsgi_auth\nsecret = a-secret\n[filter:y]\nuse = egg:wsgi_auth#auth\n",
         "auth.ini: has several filters, and one is read: [filter:x], [filter:y]"),
        ("[filter:x]\nuse = egg:wsgi_auth\nsecret = a-secret\nurl = %(host)s\n", "auth.ini: Bad value substitution"),
        ("[filter:x]\nuse = egg:wsgi_auth\nsecret = a-secret\nget url = base\n", "get url: there is no 'base' in [DEFAULT]"),
        ("[filter:x]\nuse = egg:wsgi_auth\nsecret = a-secret\nsecrt = 1\n", "secrt: there is no such option"),
    ],
)  # fmt: skip
def test_what_an_ini_file_is_not_is_said_and_shows_no_secret(text, said, tmp_path):
    (tmp_path / "auth.ini").write_text(text)
    with pytest.raises(ConfigError) as caught:
        AuthConfig.from_ini(tmp_path / "auth.ini", environ={})
    assert said in str(caught.value) and "a-secret" not in str(caught.value)


PASTE = """
[DEFAULT]
debug = 100%%
base = https://app.example.test
[pipeline:main]
pipeline: auth hello
[filter:other]
use = egg:other
[filter:auth]
use = egg:wsgi_auth
secret_file = %(here)s/secret.txt
set mine = 5
get url = base
get trusted_proxies = mine
auth.session.max_age = 7d
provider.htpasswd.file = users.htpasswd
texts.sign_in.heading = 100%% ours
matcher =
    /members/:path*
    /orders/:path*
route.admin.source = /admin/:path*
[server:main]
use: egg:waitress#main
"""


@pytest.mark.parametrize(
    "use",
    ["use = egg:wsgi_auth", "use = egg:wsgi_auth#main", "use = egg:WSGI-Auth#auth",
     "use = call:wsgi_auth.paste:filter_factory", "paste.filter_factory = wsgi_auth.paste:filter_factory"],
)  # fmt: skip
def test_a_file_of_pastedeploy_is_read_as_pastedeploy_reads_it(use, tmp_path):
    require_module("paste.deploy")
    from paste.deploy import loadfilter

    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "users.htpasswd").write_text("")
    file = tmp_path / "production.ini"
    file.write_text(PASTE.replace("use = egg:wsgi_auth", use))
    found = AuthConfig.from_file(file, environ={})
    theirs = loadfilter(f"config:{file}", "auth")(hello).config
    assert dict(found.source) == dict(theirs.source)
    assert found.trusted_proxies == 5 and found.matcher == theirs.matcher
    assert found.secret == (SECRET.encode(),) and str(found.url) == URL


def test_the_filter_of_one_application_is_read_too(tmp_path):
    text = f"[filter-app:main]\nuse = egg:wsgi_auth\nnext = hello\nsecret = {SECRET}\nurl = {URL}\n"
    (tmp_path / "production.ini").write_text(text)
    assert str(AuthConfig.from_ini(tmp_path / "production.ini", environ={}).url) == URL


def test_a_paste_filter_that_is_made_in_python_may_have_values_of_python():
    made = filter_factory({}, secret=SECRET, url=URL, trusted_proxies=1, matcher=["/a", "/b"])
    assert made(hello).config.trusted_proxies == 1


def test_quotes_are_no_syntax_in_a_paste_pipeline_either():
    with pytest.raises(ConfigError, match="url: stands in quotes"):
        filter_factory({}, secret=SECRET, url=f'"{URL}"')


@pytest.mark.parametrize("page", blocks.PAGES, ids=lambda page: page.name)
def test_the_secret_of_a_page_that_was_copied_as_it_stands_is_refused(page):
    for found in blocks.PLACEHOLDER.findall(page.read_text(encoding="utf-8")):
        with pytest.raises(ConfigError, match=r"secret: is the text of the documentation"):
            AuthMiddleware(hello, options(secret=found.strip('"')))


def test_login_and_id_are_refused_as_remote_user_with_several_providers():
    two = [{"id": name, "type": "credentials", "authorize": authorize} for name in ("a", "b")]
    for rule in ("login", "id"):
        with pytest.raises(ConfigError, match="remote_user"):
            AuthConfig.from_mapping(options(providers=two, remote_user=rule))
    AuthConfig.from_mapping(options(providers=two, remote_user="{provider}:{id}"))


class Open:
    """A provider where anybody in the world has an account."""

    id = name = type = "world"
    open_to_world = True


def test_a_provider_open_to_the_world_behind_remote_user_must_be_narrowed():
    with pytest.raises(ConfigError, match="allow_emails"):
        AuthConfig.from_mapping(options(providers=[Open()], remote_user="email"))
    for narrowed in ({"allow_emails": "*"}, {"allow_groups": ["x"]}, {"allow_domains": "a.test"}):
        AuthConfig.from_mapping(options(providers=[Open()], remote_user="email", **narrowed))


def test_an_international_domain_is_one_domain_however_an_address_spells_it():
    books, written = "b\xfccher.example", "xn--bcher-kva.example"
    config = AuthConfig.from_mapping(
        options(allow_domains=["@Example.test", books], allow_emails=f"Ada@{books} *")
    )
    assert config.allow_domains == {"example.test", books, written}
    assert config.allow_emails == {f"ada@{books}", f"ada@{written}", "*"}


EXPECTED = {
    "max_age": 7 * 86_400,
    "allow": {"ada@example.test", "grace@example.test"},
    "sources": ["/a/:path*", "/b"],
    "groups": {"ops", "staff"},
}


def facts(config: AuthConfig) -> dict:
    return {
        "max_age": config.session.max_age,
        "allow": set(config.allow_emails),
        "sources": [route.source for route in config.matcher],
        "groups": set(config.routes[0].allow_groups),
    }


MAPPING = {
    "secret": SECRET, "url": URL, "session": {"max_age": "7d"},
    "allow_emails": ["ada@example.test", "Grace@example.test"], "matcher": ["/a/:path*", "/b"],
    "routes": [{"name": "admin", "source": "/admin", "allow_groups": ["ops", "staff"]}],
}  # fmt: skip
INI = f"""
[auth]
secret = {SECRET}
url = {URL}
session.max_age = 7d
allow_emails = ada@example.test, Grace@example.test
matcher =
    /a/:path*
    /b
route.admin.source = /admin
route.admin.allow_groups = ops staff
"""
TOML = f"""
secret = "{SECRET}"
url = "{URL}"
allow_emails = ["ada@example.test", "Grace@example.test"]
matcher = ["/a/:path*", "/b"]
[session]
max_age = "7d"
[routes.admin]
source = "/admin"
allow_groups = ["ops", "staff"]
"""


def test_every_road_leads_to_the_same_configuration(tmp_path):
    (tmp_path / "auth.ini").write_text(INI)
    (tmp_path / "auth.toml").write_text(TOML)
    pairs = [
        line.split(" = ", 1) for line in INI.replace("=\n    ", "= ").splitlines() if " = " in line
    ]
    local = {key: value for key, value in pairs} | {"matcher": "/a/:path*\n/b"}  # noqa: C416
    prefixed = {f"auth.{key}": value for key, value in local.items()}
    env = {
        "AUTH_SECRET": SECRET, "AUTH_URL": URL, "AUTH_SESSION_MAX_AGE": "7d",
        "AUTH_ALLOW_EMAILS": "ada@example.test Grace@example.test", "AUTH_MATCHER": "/a/:path*\n/b",
    }  # fmt: skip
    roads = [
        AuthConfig.from_mapping(MAPPING, environ={}),
        AuthConfig.from_ini(tmp_path / "auth.ini", environ={}),
        AuthConfig.from_toml(tmp_path / "auth.toml", environ={}),
        AuthConfig.from_file(tmp_path / "auth.toml", environ={}),
        AuthMiddleware(hello, **MAPPING).config,
        AuthMiddleware(hello, {"secret": SECRET}, **{k: MAPPING[k] for k in MAPPING if k != "secret"}).config,
        filter_app_factory(hello, {}, **local).config,
        filter_factory({}, **prefixed)(hello).config,
    ]  # fmt: skip
    for config in roads:
        assert facts(config) == EXPECTED
    from_env = AuthConfig.from_env(env)
    assert (from_env.session.max_age, set(from_env.allow_emails)) == (
        EXPECTED["max_age"], EXPECTED["allow"])  # fmt: skip
    assert [route.source for route in from_env.matcher] == EXPECTED["sources"]


def test_the_environment_supplies_secrets_newest_first_and_the_url():
    env = {f"AUTH_SECRET{suffix}": suffix * 16 + "x" * 32 for suffix in ("", "_1", "_2", "_3")}
    config = AuthConfig.from_mapping({}, environ={**env, "AUTH_URL": URL})
    assert [secret[:2] for secret in config.secret] == [b"_3", b"_2", b"_1", b"xx"]
    assert config.url.origin == URL
    older = {"NEXTAUTH_SECRET": SECRET, "NEXTAUTH_URL": URL}
    assert AuthConfig.from_mapping({}, environ=older).url.origin == URL
    assert AuthConfig.from_mapping({"secret": "y" * 40}, environ=env).secret == (b"y" * 40,)


def test_a_variable_that_is_nearly_an_option_is_a_mistake_and_a_foreign_one_is_not():
    base = {"AUTH_SECRET": SECRET, "AUTH_URL": URL}
    AuthConfig.from_env({**base, "AUTH_TRUST_HOST": "true", "AUTH_GITHUB_ID": "x"})
    with pytest.raises(ConfigError, match="did you mean 'AUTH_MATCHER'"):
        AuthConfig.from_env({**base, "AUTH_MATCHR": "/x"})


@pytest.mark.parametrize("by", ["secret_file", "AUTH_SECRET_FILE"])
def test_an_empty_file_of_a_secret_is_said_to_be_empty(by, tmp_path):
    (tmp_path / "secret.txt").write_text("\n")
    named = {by: str(tmp_path / "secret.txt")}
    with pytest.raises(ConfigError) as caught:
        if by == "secret_file":
            AuthConfig.from_mapping({"url": URL, **named}, environ={})
        else:
            AuthConfig.from_mapping({"url": URL}, environ=named)
    assert str(caught.value) == f"{by}: the file '{tmp_path}/secret.txt' is empty"


def test_a_key_ending_in_file_reads_the_value_from_a_file(tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET + "\n")
    (tmp_path / "auth.toml").write_text(f'url = "{URL}"\nsecret_file = "secret.txt"\n')
    assert AuthConfig.from_toml(tmp_path / "auth.toml").secret == (SECRET.encode(),)
    with pytest.raises(ConfigError, match="keep one of the two"):
        AuthConfig.from_mapping({"secret": SECRET, "secret_file": str(tmp_path / "secret.txt")})
    with pytest.raises(ConfigError, match="there is no file"):
        AuthConfig.from_mapping({"secret_file": "/no/such/file"})
    with pytest.raises(ConfigError, match="there is no such option"):
        AuthConfig.from_mapping({"password_file": "/no/such/file"})


@pytest.mark.parametrize(
    ("url", "options_", "name", "secure"),
    [
        (URL, {}, "__Host-auth.session-token", True),
        (None, {}, "__Host-auth.session-token", True),
        ("http://app.example.test", {}, "auth.session-token", False),
        (URL, {"domain": "example.test"}, "__Secure-auth.session-token", True),
        (URL, {"path": "/app"}, "__Secure-auth.session-token", True),
        (URL, {"name": "mine"}, "mine", True),
    ],
)
def test_cookie_names_and_flags_follow_the_configured_url(url, options_, name, secure):
    """R001 to R003."""
    config = AuthConfig.from_mapping(options(url=url, cookies={"session": options_}), environ={})
    cookie = config.cookies.session
    assert (cookie.name, cookie.secure) == (name, secure)
    (written,) = cookie.set("v", 60)
    assert "HttpOnly" in written and "SameSite=Lax" in written
    assert ("; Secure" in written) is secure
    (removed,) = cookie.remove([name])
    assert removed.replace("=; Max-Age=0", "") == written.replace("=v; Max-Age=60", "")


def test_neither_repr_nor_error_shows_a_secret():
    """R104."""
    config = AuthConfig.from_mapping(options())
    assert SECRET not in repr(config)
    with pytest.raises(ConfigError) as caught:
        AuthConfig.from_mapping(options(secret=SECRET[:20]))
    assert SECRET[:20] not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        Incoming(200, {"set-cookie": "a secret"}, b"a secret"),
        AccountData("ada@example.test", 1, "a secret", False, "a secret"),
        ProvenAccount("u", "github", "", "oauth", "a secret", "a secret", "/", 1, Tokens("a secret")),
        Reading(None, FrozenDict(sub="a secret", email="a secret"), Then.KEEP),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_holds_tokens_or_claims_shows_none_R104(value):
    assert repr(value).startswith(f"<{type(value).__name__} ")
    assert "a secret" not in f"{value!r} {value}"


@pytest.mark.parametrize(
    ("max_age", "update_age"),
    [("30d", 86_400), ("2d", 86_400), (86_401, 86_400), ("1d", 7_200), ("12h", 3_600), (10, 0)],
)
def test_a_session_of_a_day_or_less_is_prolonged_in_time(max_age, update_age):
    assert AuthConfig.from_mapping(options(session={"max_age": max_age})).session.update_age == (
        update_age
    )


def test_a_configuration_is_frozen_and_options_override_it_whole():
    config = AuthConfig.from_mapping(options(session={"max_age": "7d", "update_age": "1h"}))
    with pytest.raises(AttributeError):
        config.dev = True
    changed = AuthMiddleware(hello, config, session={"max_age": "8d"}).config
    assert (changed.session.max_age, changed.session.update_age) == (8 * 86_400, 86_400)
    assert changed.secret == config.secret


def test_what_is_risky_is_said_once_at_start(caplog):
    AuthMiddleware(hello, options(providers=[], url="http://app.example.test"))
    assert "nobody can sign in" in caplog.text
    assert "without https" in caplog.text


def test_the_development_secret_is_kept_for_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = AuthConfig.from_mapping({"dev": True}).secret
    assert AuthConfig.from_mapping({"dev": True}).secret == first
    file = tmp_path / "wsgi_auth" / "dev-secret"
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    assert AuthConfig.from_mapping({"dev": True}).secret != first


def test_where_the_development_secret_cannot_be_kept_it_is_another_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    first, second = (AuthConfig.from_mapping({"dev": True}).secret for _ in range(2))
    assert first != second and len(first[0]) >= 32


def test_what_is_no_development_secret_is_none(tmp_path, monkeypatch):
    (tmp_path / "wsgi_auth").mkdir()
    (tmp_path / "wsgi_auth" / "dev-secret").write_bytes(b"\xff" * 40)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(AuthConfig.from_mapping({"dev": True}).secret[0]) >= 32


def test_who_has_no_home_has_a_development_secret(monkeypatch):
    def home():  # as for a user id that no name belongs to, in a container
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", home)
    assert len(AuthConfig.from_mapping({"dev": True}).secret[0]) >= 32


def test_a_session_can_be_pickled_and_copied():
    from wsgi_auth import Session
    from wsgi_auth.types import freeze

    session = Session(freeze({"user": {"id": "1", "groups": ["a"]}, "expires": "x"}))
    assert pickle.loads(pickle.dumps(session)) == session
    assert copy.copy(session) is session and copy.deepcopy(session) is session
    groups = session["user"]["groups"]
    assert copy.copy(groups) is groups and copy.deepcopy(groups) is groups
    assert session.expires == "x"


def test_a_copy_that_a_method_makes_is_for_changing():
    from wsgi_auth.types import freeze

    frozen = freeze(MappingProxyType({"user": {"id": "1"}, "groups": ("a", {"b": ["c"]})}))
    with pytest.raises(TypeError):
        frozen["user"] = None
    with pytest.raises(TypeError):
        frozen["groups"][1]["b"].append("d")
    for made in (frozen.copy(), frozen["groups"].copy()):
        assert type(made) in (dict, list)
        made.clear()
    assert frozen == {"user": {"id": "1"}, "groups": ["a", {"b": ["c"]}]}
