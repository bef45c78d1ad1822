"""``challenge_401``: the application's own bare 401 becomes our answer, however it was given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import config
from tests.pep3333 import apps
from tests.pep3333.apps import Body, Wrong
from tests.pep3333.kinds import HTML, JSON, QUIET, Kind, around, csrf_cookie
from tests.pep3333.server import Exchange, Log, checked, serve
from wsgi_auth import AuthMiddleware, get_auth

VALIDATED = pytest.mark.parametrize("validated", [False, True], ids=["plain", "validated"])
PLAIN = [("Content-Type", "text/plain")]
OWN = b"the application's own 401"


def at_once(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        start_response("401 Unauthorized", PLAIN)
        return [OWN]

    return apps.app(log, answer)


def eager(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        start_response("401 Unauthorized", PLAIN)
        return Body(log)

    return apps.app(log, answer)


def with_first_block(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        return Body(log, first=lambda: start_response("401 Unauthorized", PLAIN))

    return apps.app(log, answer)


def without_a_block(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        return Body(log, (), first=lambda: start_response("401 Unauthorized", PLAIN))

    return apps.app(log, answer)


def generator(log: Log) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        log.append(("app", environ))
        try:
            start_response("401 Unauthorized", PLAIN)
            log.append(("made", OWN))
            yield OWN
            log.append(("made", OWN))
            yield OWN
        finally:
            log.append(("closed", None))

    return application


def written(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        write = start_response("401 Unauthorized", PLAIN)
        write(OWN)
        return Body(log)

    return apps.app(log, answer)


def instead_of_an_error(log: Log) -> Any:
    def answer(environ: Any, start_response: Any) -> Any:
        try:
            raise Wrong
        except Wrong:
            start_response("401 Unauthorized", PLAIN, sys.exc_info())
        return Body(log)

    return apps.app(log, answer)


BARE = [at_once, eager, with_first_block, without_a_block, generator, written, instead_of_an_error]
BARE_401 = pytest.mark.parametrize("make", BARE, ids=lambda make: make.__name__)


def run(
    make: Callable[[Log], Any],
    validated: bool = False,
    *,
    stop_after: int | None = None,
    options: dict[str, Any] | None = None,
    **more: Any,
) -> Exchange:
    log: Log = []
    app = make(log)
    wrap = around(challenge_401=True, **(options or {}))
    app = checked(wrap(checked(app))) if validated else wrap(app)
    kind = Kind("challenged", wrap, "/public/page", more or HTML)
    return serve(app, kind.environ(log), log, stop_after=stop_after)


@BARE_401
@VALIDATED
def test_a_bare_401_sends_a_browser_to_sign_in(make, validated):
    exchange = run(make, validated)
    assert exchange.error is None
    assert exchange.status == "302 Found"
    assert exchange.header("Location") == ["/auth/signin?callbackUrl=/public/page"]
    assert OWN.decode() not in exchange.text and "one" not in exchange.text
    assert exchange.words().count("app") == 1
    assert exchange.words().count("start_response") == 1


@BARE_401
@VALIDATED
def test_a_bare_401_is_our_401_for_a_program(make, validated):
    exchange = run(make, validated, **JSON)
    assert exchange.status == "401 Unauthorized"
    assert "signinUrl" in exchange.text
    assert exchange.header("Content-Length") == [str(len(exchange.text))]
    assert exchange.header("WWW-Authenticate")


@BARE_401
@VALIDATED
@pytest.mark.parametrize("stop_after", [None, 1])
def test_the_body_of_a_bare_401_is_closed_once(make, validated, stop_after):
    exchange = run(make, validated, stop_after=stop_after)
    if make is not at_once:
        assert exchange.words().count("closed") == 1
        assert exchange.words().count("made") <= 1


@BARE_401
def test_the_body_of_a_bare_401_is_closed_once_when_no_block_is_asked_for(make):
    exchange = run(make, stop_after=0)
    # a generator that was never begun has nothing to finish
    assert exchange.words().count("closed") == (make not in (at_once, generator))


@BARE_401
def test_HEAD_of_a_bare_401_has_no_body(make):
    exchange = run(make, **JSON, REQUEST_METHOD="HEAD")
    assert exchange.status == "401 Unauthorized"
    assert exchange.text == ""


@VALIDATED
@pytest.mark.parametrize("name", ["www-authenticate", "WWW-Authenticate"])
def test_a_401_with_a_scheme_of_its_own_is_left_alone(validated, name):
    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            start_response("401 Unauthorized", [*PLAIN, (name, "Negotiate")])
            return [OWN]

        return apps.app(log, answer)

    exchange = run(make, validated)
    assert exchange.status == "401 Unauthorized"
    assert exchange.body == [OWN]


@VALIDATED
def test_a_bare_401_that_turns_into_an_error_is_the_error(validated):
    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            start_response("401 Unauthorized", PLAIN)
            try:
                raise Wrong
            except Wrong:
                start_response("500 Oops", PLAIN, sys.exc_info())
            return [b"an error page"]

        return apps.app(log, answer)

    exchange = run(make, validated)
    assert (exchange.status, exchange.body) == ("500 Oops", [b"an error page"])


@VALIDATED
@pytest.mark.parametrize("returns", ["a list", "an iterable"])
def test_an_answer_that_turns_into_a_bare_401_before_anything_left_is_ours(validated, returns):
    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response)
            try:
                raise Wrong
            except Wrong:
                start_response("401 Unauthorized", PLAIN, sys.exc_info())
            return [OWN] if returns == "a list" else Body(log)

        return apps.app(log, answer)

    exchange = run(make, validated)
    assert exchange.error is None
    assert exchange.status == "302 Found"
    assert OWN.decode() not in exchange.text and "one" not in exchange.text


@VALIDATED
def test_a_401_after_the_headers_left_is_raised_again_inside_the_application(validated):
    def make(log: Log) -> Any:
        def application(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response)
            yield b"half a page"
            try:
                raise Wrong
            except Wrong as wrong:
                try:
                    start_response("401 Unauthorized", PLAIN, sys.exc_info())
                except Wrong as again:
                    log.append(("re-raised", again is wrong))
                    raise
            yield OWN

        return application

    exchange = run(make, validated)
    assert ("re-raised", True) in exchange.log
    assert isinstance(exchange.error, Wrong)
    assert exchange.text == "half a page"


def test_what_the_application_had_set_goes_out_with_our_answer():
    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            assert get_auth(environ).csrf_token
            start_response("401 Unauthorized", PLAIN)
            return [OWN]

        return apps.app(log, answer)

    assert len(run(make).header("Set-Cookie")) == 1
    assert not run(make, HTTP_COOKIE=csrf_cookie(), **HTML).header("Set-Cookie")


@VALIDATED
@pytest.mark.parametrize("headers", [HTML, JSON], ids=["browser", "program"])
def test_the_cookies_of_a_bare_401_go_out_with_our_answer(validated, headers):
    """A message to show after sign-in, say, or the end of a session of the application's own."""
    own = [("Set-Cookie", "flash=hello; Path=/"), ("set-cookie", "own=; Max-Age=0; Path=/")]

    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            start_response("401 Unauthorized", [*PLAIN, *own, ("X-Own", "lost")])
            return [OWN]

        return apps.app(log, answer)

    exchange = run(make, validated, **headers)
    assert exchange.header("Set-Cookie") == [value for _, value in own]
    assert not exchange.header("X-Own")


def test_the_cookies_of_an_answer_that_another_replaced_do_not():
    def make(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            start_response("401 Unauthorized", [*PLAIN, ("Set-Cookie", "first=1")])
            try:
                raise Wrong
            except Wrong:
                start_response(
                    "401 Unauthorized", [*PLAIN, ("Set-Cookie", "second=2")], sys.exc_info()
                )
            return [OWN]

        return apps.app(log, answer)

    assert run(make).header("Set-Cookie") == ["second=2"]


def _broken(environ: Any, decision: Any) -> Any:
    raise RuntimeError("the responder is broken")


@BARE_401
@VALIDATED
def test_a_responder_that_fails_is_500_and_logged_once(make, validated, caplog):
    exchange = run(
        make, validated, options={"responders": {"unauthorized": _broken}, **QUIET}, **JSON
    )
    assert exchange.error is None
    assert exchange.status.startswith("500")
    assert "broken" not in exchange.text
    assert len([record for record in caplog.records if record.exc_info]) == 1


@BARE_401
@VALIDATED
def test_the_body_of_our_answer_is_closed_once(make, validated):
    log: Log = []
    ours: Log = []
    answered = apps.with_body(ours, lambda: Body(ours))
    app = AuthMiddleware(
        make(log),
        config(
            matcher=["/elsewhere"],
            challenge_401=True,
            responders={"unauthorized": lambda environ, decision: answered},
        ),
    )
    kind = Kind("challenged", lambda app: app, "/public/page", JSON)
    exchange = serve(checked(app) if validated else app, kind.environ(log), log, stop_after=1)
    assert exchange.error is None
    assert [word for word, _ in ours].count("closed") == 1
    assert [word for word, _ in ours].count("made") == 1
