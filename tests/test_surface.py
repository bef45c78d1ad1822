"""What is promised by name: exports, docstrings, what importing loads, what grows and how."""

from __future__ import annotations

import inspect
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import wsgi_auth
from tests.conftest import config, hello, options
from wsgi_auth import AuthMiddleware, CookieSessionReader
from wsgi_auth.testing import session_cookie

EXPECTED = {
    "AuthMiddleware", "AuthConfig", "Session", "Auth", "get_auth", "Route", "RouteMatcher",
    "CookieSessionReader", "get_session", "get_token", "require", "Pass", "Redirect",
    "Unauthorized", "Forbidden", "AuthError", "ConfigError",
}  # fmt: skip


def test_the_names_of_the_design_are_exported():
    assert set(wsgi_auth.__all__) >= EXPECTED
    for name in wsgi_auth.__all__:
        assert inspect.getdoc(getattr(wsgi_auth, name)), f"{name} has no docstring"


def test_every_error_has_a_code_that_is_safe_in_a_url():
    errors = [getattr(wsgi_auth, name) for name in wsgi_auth.__all__]
    for error in errors:
        if isinstance(error, type) and issubclass(error, wsgi_auth.AuthError):
            assert re.fullmatch(r"[A-Za-z0-9]+", error.code)


def test_the_package_is_typed():
    assert (Path(wsgi_auth.__file__).parent / "py.typed").is_file()


PROGRAM = """
import sys
before = set(sys.modules)
class P: id = name = type = 'p'
from wsgi_auth import AuthMiddleware
app = AuthMiddleware(lambda environ, start_response: [b"ok"],
                     {"secret": "s" * 40, "url": "https://a.test", "providers": [P()]})
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", "SCRIPT_NAME": "",
           "HTTP_COOKIE": sys.argv[1]}
assert list(app(environ, print)) == [b"ok"], environ
"""


def run(code: str, *flags: str) -> str:
    """What an interpreter of its own says that has answered somebody and then runs ``code``."""
    cookie = session_cookie({"secret": "s" * 40, "url": "https://a.test"}, {"id": "1"})
    command = [sys.executable, *flags, "-c", PROGRAM + code, cookie]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_neither_importing_nor_a_signed_in_request_loads_what_it_does_not_need():
    loaded = set(
        run("print(*{name.partition('.')[0] for name in sys.modules.keys() - before})").split()
    )
    assert "wsgi_auth" in loaded
    assert not loaded & {
        "dataclasses", "inspect", "webob", "oauthlib", "requests", "joserfc", "itsdangerous", "limits",
        "markupsafe", "click",
    }  # fmt: skip


def test_what_an_application_starts_with_compiles_no_annotation():
    """A ``NamedTuple`` does; the first of them takes a quarter of a megabyte."""
    said = run("""
ours = [module for name, module in sys.modules.items() if name.startswith("wsgi_auth")]
kinds = {kind for module in ours for kind in vars(module).values() if type(kind) is type}
print(len(kinds) > 50, [kind for kind in kinds if hasattr(kind, "_fields")])
""")
    assert said == "True []\n"


@pytest.mark.parametrize("flag", [["-O"], ["-W", "error"], ["-bb"]])
def test_optimised_and_strict_interpreters_change_nothing(flag):
    """R103."""
    said = run(
        """
seen = []
list(app({**environ, "HTTP_COOKIE": sys.argv[1][:-3]}, lambda s, h, e=None: seen.append(s)))
print(seen)
""",
        *flag,
    )
    assert said == "['401 Unauthorized']\n"


# --- growth: how cost follows the input, never how long it takes -----------------------------------


def cost(call, repeat=7) -> float:
    """CPU seconds of one call, the least of several."""
    best = []
    for _ in range(repeat):
        began = time.thread_time()
        for _ in range(20):
            call()
        best.append(time.thread_time() - began)
    return statistics.quantiles(best, n=4)[0]


NAME = "__Host-auth.session-token"


@pytest.mark.alone
@pytest.mark.parametrize(
    "fill",
    [
        "a", ";", '"', "\\", "=", f"{NAME}=x; ", f"{NAME}=", f"{NAME}.0=9~x; ", f"{NAME}.0=", "a=b; ",
        f'{NAME}="', f"{NAME}=.;", "\xff",
    ],
    ids=ascii,
)  # fmt: skip
def test_the_cost_of_a_cookie_header_grows_no_faster_than_the_header(fill):
    """R007."""
    reader = CookieSessionReader(config())
    sizes = (8_000, 64_000)
    small, large = (
        cost(lambda header=(fill * (size // len(fill) + 1))[:size]: reader.read(
            {"HTTP_COOKIE": header}, 1.0))
        for size in sizes
    )  # fmt: skip
    assert large < 8 * 4 * max(small, 2e-5)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("key", "fill"),
    [
        ("PATH_INFO", "/"), ("PATH_INFO", "/.."), ("PATH_INFO", ";"), ("PATH_INFO", "/a\xff"),
        ("PATH_INFO", "%25"), ("QUERY_STRING", "%zz&"), ("HTTP_ACCEPT", "text/html,"),
        ("HTTP_ACCEPT", "a;q=0.1;q=,"), ("HTTP_AUTHORIZATION", "Basic A"), ("HTTP_HOST", "a."),
    ],
)  # fmt: skip
def test_the_cost_of_a_refusal_grows_no_faster_than_what_came(key, fill):
    """R055."""
    app = AuthMiddleware(hello, options(routes=[{"source": "/x/:p*", "basic": True}]))
    base = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", "SCRIPT_NAME": ""}

    def call(size):
        list(app({**base, key: fill * (size // len(fill))}, lambda status, headers, exc=None: None))

    call(100)
    small, large = cost(lambda: call(8_000), 5), cost(lambda: call(64_000), 5)
    assert large < 8 * 4 * max(small, 2e-4)


@pytest.mark.alone
def test_a_hundred_cookies_cost_little_more_than_five():
    reader = CookieSessionReader(config())
    token = session_cookie(config(), {"id": "1"})
    few, many = (
        cost(lambda header="; ".join([f"c{n}=v{n}" for n in range(count)] + [token]): reader.read(
            {"HTTP_COOKIE": header}, time.time()))
        for count in (4, 99)
    )  # fmt: skip
    assert many < 3 * few


@pytest.mark.soak
def test_no_input_of_any_kind_makes_a_traceback_or_a_session():
    """Random input into every field that a client controls, for a minute."""
    import random

    random.seed(20261125)
    app = AuthMiddleware(hello, options(routes=[{"source": "/x/:p*", "basic": True}]))
    alphabet = [chr(n) for n in range(256)] + [
        NAME,
        "=",
        "; ",
        "/",
        "..",
        "%2f",
        "Basic ",
        "text/html",
    ]
    until = time.monotonic() + 60
    while time.monotonic() < until:

        def text():
            return "".join(random.choices(alphabet, k=random.randrange(40)))

        environ = {"REQUEST_METHOD": random.choice(["GET", "POST", text()]), "SCRIPT_NAME": "",
                   "PATH_INFO": random.choice(["/", "/auth/", ""]) + text(), "QUERY_STRING": text(),
                   "HTTP_COOKIE": text(), "HTTP_ACCEPT": text(), "HTTP_AUTHORIZATION": text()}  # fmt: skip
        statuses = []
        list(app(environ, lambda status, headers, exc=None: statuses.append(status)))
        assert environ["auth.session"] is None
        assert statuses[0][0] in "234"
