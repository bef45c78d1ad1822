"""We answer: refusals and our own endpoints, as a server and a client want them."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import config, hello, options
from tests.pep3333.apps import Body, with_body
from tests.pep3333.kinds import ALICE, ENDPOINTS, HTML, JSON, REFUSED, Kind
from tests.pep3333.server import Exchange, Log, checked, serve
from tests.pep3333.test_passing import assert_well_formed
from wsgi_auth import AuthMiddleware, get_auth, require

OURS = pytest.mark.parametrize("kind", REFUSED + ENDPOINTS, ids=str)
REFUSALS = pytest.mark.parametrize("kind", REFUSED, ids=str)
VALIDATED = pytest.mark.parametrize("validated", [False, True], ids=["plain", "validated"])


def application(log: Log) -> Any:
    """The application that must not be called."""

    def called(environ: Any, start_response: Any) -> Any:
        log.append(("app", environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"what is protected"]

    return called


def run(kind: Kind, validated: bool = False, body: bytes = b"", **more: Any) -> Exchange:
    """Serve one request of this kind."""
    log: Log = []
    app = kind.wrap(application(log))
    return serve(checked(app) if validated else app, kind.environ(log, body, **more), log)


@OURS
@VALIDATED
def test_our_answer_has_the_status_and_the_cookies_it_should(kind, validated):
    exchange = run(kind, validated)
    assert exchange.error is None
    assert exchange.status[:3] == (kind.status or exchange.status[:3])
    assert re.fullmatch(r"\d{3} [A-Z].*", exchange.status)
    assert len(exchange.header("Set-Cookie")) == kind.cookies


@OURS
@VALIDATED
def test_after_a_refusal_the_application_was_not_called(kind, validated):
    exchange = run(kind, validated)
    assert "app" not in exchange.words()
    assert "what is protected" not in exchange.text


@REFUSALS
@VALIDATED
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_after_a_refusal_the_input_was_not_read(kind, validated, method):
    exchange = run(kind, validated, b"x" * 1000, REQUEST_METHOD=method)
    assert exchange.status[:3] in ("303", "401", "403", "500")
    assert "input" not in exchange.words()
    assert "app" not in exchange.words()


@OURS
@VALIDATED
def test_our_headers_are_a_list_of_pairs_of_plain_text(kind, validated):
    exchange = run(kind, validated)
    for _, headers, _ in exchange.heads:
        assert_well_formed(headers)
    # lists may come in several lines (RFC 9110 section 5.3); around the inner middleware another
    # adds to what it takes for the application's Vary, without reading it
    several = {"Set-Cookie", "Vary"} if kind.name.startswith("nested") else {"Set-Cookie"}
    names = [name for name, _ in exchange.headers if name not in several]
    assert len(names) == len({name.lower() for name in names})


@OURS
def test_our_body_has_its_length_and_its_type(kind):
    exchange = run(kind)
    assert all(type(block) is bytes for block in exchange.body)
    assert exchange.header("Content-Length") == [str(len(b"".join(exchange.body)))]
    if exchange.text:
        (declared,) = exchange.header("Content-Type")
        assert declared == "application/json" or declared.endswith("; charset=utf-8")


@OURS
def test_no_cache_keeps_our_answer_for_somebody_else(kind):
    control = ", ".join(run(kind).header("Cache-Control"))
    assert "no-store" in control or "private" in control


@pytest.mark.parametrize(
    "kind", [k for k in REFUSED + ENDPOINTS if "REQUEST_METHOD" not in k.more], ids=str
)
@VALIDATED
def test_HEAD_gets_the_same_headers_and_no_body(kind, validated):
    get, head = run(kind), run(kind, validated, REQUEST_METHOD="HEAD")
    assert head.error is None
    assert head.text == ""
    assert head.status == get.status

    def without_random(headers: Any) -> Any:
        return [(n, v) for n, v in headers if n not in ("Set-Cookie", "Content-Security-Policy")]

    assert without_random(head.headers) == without_random(get.headers)
    assert len(head.header("Set-Cookie")) == len(get.header("Set-Cookie"))


@OURS
def test_start_response_is_called_before_we_return_and_once(kind):
    exchange = run(kind)
    words = [word for word, _ in exchange.before_return]
    begun = 2 if "the responder's answer raises" in kind.name else 1
    assert words.count("start_response") == begun
    assert [exc_info is not None for *_, exc_info in exchange.heads[1:]] == [True] * (begun - 1)


@OURS
def test_a_server_that_adds_to_our_headers_changes_no_later_answer(kind):
    log: Log = []
    app = kind.wrap(application(log))
    first = serve(app, kind.environ(log), log)
    first.headers.append(("X-Server", "added"))
    second = serve(app, kind.environ(log), log)
    assert not second.header("X-Server")


@OURS
def test_the_environ_stays_the_servers_own_dict(kind):
    log: Log = []
    environ = kind.environ(log)
    serve(kind.wrap(application(log)), environ, log)
    assert type(environ) is dict
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", kind.path)


@OURS
def test_nothing_is_written_to_the_servers_error_stream(kind):
    log: Log = []
    errors = io.StringIO()
    serve(kind.wrap(application(log)), kind.environ(log, **{"wsgi.errors": errors}), log)
    assert errors.getvalue() == ""


@OURS
def test_our_answers_in_many_threads_are_the_same(kind):
    log: Log = []
    app = kind.wrap(application(log))

    def one(number: int) -> Exchange:
        log: Log = []
        return serve(app, kind.environ(log), log)

    with ThreadPoolExecutor(4) as pool:
        served = list(pool.map(one, range(12)))
    assert {(e.status, len(e.text), len(e.headers), e.error) for e in served} == {
        (served[0].status, len(served[0].text), len(served[0].headers), None)
    }


# --- the mount ----------------------------------------------------------------------------------

SCRIPT_NAMES = {
    "/mount": "/mount",
    "/a b": "/a%20b",
    "/m%C3%BC": "/m%25C3%25BC",
    "/m\xc3\xbc": "/m%C3%BC",
    '/"><script>': "/%22%3E%3Cscript%3E",
    "//evil.test": "/evil.test",
    "/\\evil.test": "/%5Cevil.test",
    "/a\r\nX-Injected: 1": "/a%0D%0AX-Injected:%201",
}


def _challenges(environ: Any, start_response: Any) -> Any:
    return get_auth(environ).challenge()(environ, start_response)


@pytest.mark.parametrize("refuses", ["the middleware", "require", "the application's challenge"])
@VALIDATED
@pytest.mark.parametrize(("script", "mount"), SCRIPT_NAMES.items(), ids=SCRIPT_NAMES.values())
def test_without_a_configured_url_the_servers_mount_is_in_every_url(
    refuses, validated, script, mount
):
    log: Log = []
    app = application(log)
    plain = options(matcher=["/:path*" if refuses == "the middleware" else "/elsewhere"])
    del plain["url"]
    if refuses == "require":
        app = require(app)
    elif refuses == "the application's challenge":
        app = _challenges
    served = AuthMiddleware(app, plain)
    kind = Kind("mounted", lambda app: app, more=HTML)
    exchange = serve(checked(served) if validated else served,
                     kind.environ(log, SCRIPT_NAME=script), log)  # fmt: skip
    (location,) = exchange.header("Location")
    assert location.startswith(mount + "/auth/signin?callbackUrl=/")
    assert location.isascii() and location.isprintable() and not location.startswith("//")
    assert location.endswith("/members")


def test_with_a_configured_url_its_path_is_the_mount_whatever_the_server_says():
    log: Log = []
    app = AuthMiddleware(hello, options(url="https://app.example.test/shop"))
    kind = REFUSED[0]
    exchange = serve(app, kind.environ(log, SCRIPT_NAME="/evil"), log)
    assert exchange.header("Location") == ["/shop/auth/signin?callbackUrl=/shop/members"]


# --- answers that are the application's ---------------------------------------------------------


@pytest.mark.parametrize("option", ["unauthorized", "redirect", "forbidden"])
@VALIDATED
def test_the_body_of_a_responders_answer_is_closed_once(option, validated):
    log: Log = []
    answered = with_body(log, lambda: Body(log))
    app = AuthMiddleware(
        application(log),
        config(responders={option: lambda environ, decision: answered},
               authorized=lambda request, session: False),
    )  # fmt: skip
    more = {"unauthorized": JSON, "redirect": HTML, "forbidden": {**ALICE, **JSON}}[option]
    kind = Kind(option, lambda app: app, more=more)
    exchange = serve(checked(app) if validated else app, kind.environ(log), log, stop_after=1)
    assert exchange.words().count("closed") == 1
    assert exchange.words().count("made") == 1
