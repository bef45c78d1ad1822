"""The application answers: what it does reaches the server as if nothing stood between them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import is_hop_by_hop

import pytest

from tests.pep3333 import apps
from tests.pep3333.apps import BLOCKS, CONSTANT_HEADERS, Body, FileWrapper, Wrong
from tests.pep3333.kinds import PASSING, Kind, cookie
from tests.pep3333.server import Exchange, Log, checked, serve

KINDS = pytest.mark.parametrize("kind", PASSING, ids=str)
#: Once as it is, and once between two halves of wsgiref.validate.
VALIDATED = pytest.mark.parametrize("validated", [False, True], ids=["plain", "validated"])


def run(
    kind: Kind,
    make: Callable[[Log], Any],
    validated: bool = False,
    *,
    stop_after: int | None = None,
    body: bytes = b"",
    **more: Any,
) -> Exchange:
    """Serve one request of this kind by the application that ``make(log)`` gives."""
    log: Log = []
    app = make(log)
    if validated:
        app = checked(kind.wrap(checked(app)))
    else:
        app = kind.wrap(app)
    return serve(app, kind.environ(log, body, **more), log, stop_after=stop_after)


def body(**how: Any) -> Callable[[Log], Any]:
    """An application that starts at once and returns a logging body."""
    return lambda log: apps.with_body(log, lambda: Body(log, **how))


def lazy(**how: Any) -> Callable[[Log], Any]:
    """One that starts with its first block."""
    return lambda log: apps.lazy(log, **how)


# --- close() ------------------------------------------------------------------------------------

BODIES = {"eager": body, "lazy": lazy}
STYLES = pytest.mark.parametrize("style", BODIES.values(), ids=BODIES)


@KINDS
@VALIDATED
@STYLES
def test_close_is_called_once_when_the_body_is_exhausted(kind, validated, style):
    exchange = run(kind, style(), validated)
    assert exchange.error is None
    assert exchange.words().count("closed") == 1
    assert exchange.text == "one two three"


@KINDS
@VALIDATED
@STYLES
@pytest.mark.parametrize("blocks", [1, 2])
def test_close_is_called_once_when_the_client_leaves_early(kind, validated, style, blocks):
    exchange = run(kind, style(), validated, stop_after=blocks)
    assert exchange.words().count("closed") == 1
    assert exchange.words().count("made") == blocks


@KINDS
@STYLES
def test_close_is_called_once_when_no_block_is_ever_asked_for(kind, style):
    exchange = run(kind, style(), stop_after=0)
    assert exchange.words().count("closed") == 1
    assert "made" not in exchange.words()


@KINDS
@VALIDATED
@STYLES
@pytest.mark.parametrize("at", [0, 1])
def test_close_is_called_once_when_the_body_raises(kind, validated, style, at):
    exchange = run(kind, style(fails_at=at), validated)
    assert isinstance(exchange.error, Wrong)
    assert exchange.words().count("closed") == 1


@KINDS
@VALIDATED
def test_a_generator_is_finished_when_the_client_leaves_early(kind, validated):
    exchange = run(kind, apps.generator, validated, stop_after=1)
    assert exchange.words().count("closed") == 1
    assert exchange.words().count("made") == 1


# --- streaming ----------------------------------------------------------------------------------


@KINDS
@VALIDATED
@STYLES
def test_no_block_is_made_before_the_server_asks(kind, validated, style):
    exchange = run(kind, style(), validated)
    assert "made" not in [word for word, _ in exchange.before_return]


@KINDS
@VALIDATED
@pytest.mark.parametrize(
    "make", [body(), lazy(), apps.generator], ids=["eager", "lazy", "generator"]
)
def test_each_block_reaches_the_server_before_the_next_is_made(kind, validated, make):
    exchange = run(kind, make, validated)
    flow = [each for each in exchange.log if each[0] in ("made", "block")]
    assert flow == [(word, block) for block in BLOCKS for word in ("made", "block")]


@KINDS
@VALIDATED
def test_an_endless_stream_goes_on_as_long_as_the_client_stays(kind, validated):
    exchange = run(kind, body(endless=True), validated, stop_after=500)
    assert len(exchange.body) == 500
    assert exchange.words().count("made") == 500
    assert exchange.words().count("closed") == 1


@KINDS
@VALIDATED
def test_empty_blocks_are_passed_on_as_empty_blocks(kind, validated):
    exchange = run(kind, body(blocks=(b"", b"one", b"")), validated)
    assert exchange.body == [b"", b"one", b""]


@KINDS
@VALIDATED
@pytest.mark.parametrize("make", [lazy(), apps.generator], ids=["lazy", "generator"])
def test_an_application_may_call_start_response_with_its_first_block(kind, validated, make):
    exchange = run(kind, make, validated)
    assert exchange.error is None
    assert exchange.text == "one two three"
    assert len(exchange.header("Set-Cookie")) == kind.cookies


# --- the body itself ----------------------------------------------------------------------------

SAME = {
    "a list of one block": lambda log: [b"x" * 10],
    "a tuple": lambda log: (b"one", b"two"),
    "a file wrapper": lambda log: FileWrapper(log),
    "an iterable": lambda log: Body(log),
    "a generator": lambda log: (block for block in BLOCKS),
    "an empty list": lambda log: [],
}


@KINDS
@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_the_object_that_the_application_returns_is_the_one_the_server_gets(kind, make):
    made: list[Any] = []

    def application(log: Log) -> Any:
        def keep() -> Any:
            made.append(make(log))
            return made[0]

        return apps.with_body(log, keep)

    assert run(kind, application).iterable is made[0]


# --- write() and start_response -----------------------------------------------------------------


@KINDS
@VALIDATED
def test_write_takes_bytes_and_they_reach_the_server_at_once(kind, validated):
    exchange = run(kind, apps.writes, validated)
    assert exchange.error is None
    words = [each for each in exchange.words() if each in ("write", "wrote", "block")]
    assert words == ["write", "wrote", "write", "block"]
    assert exchange.body == [b"written ", b"twice ", b"returned"]


@KINDS
def test_start_response_returns_the_write_of_the_server(kind):
    got: list[Any] = []

    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            got.append(apps.ok(start_response))
            return []

        return apps.app(log, answer)

    exchange = run(kind, application)
    assert got == [exchange.write]


@KINDS
@VALIDATED
def test_an_error_before_the_headers_left_replaces_the_answer(kind, validated):
    exchange = run(kind, apps.fails_before_headers, validated)
    assert exchange.error is None
    assert exchange.status == "500 Oops"
    assert exchange.text == "an error page"
    assert not exchange.header("X-Constant")
    assert len(exchange.header("Set-Cookie")) == kind.cookies


@KINDS
@VALIDATED
def test_an_error_after_the_headers_left_is_raised_again_inside_the_application(kind, validated):
    exchange = run(kind, apps.fails_after_headers, validated)
    assert ("re-raised", True) in exchange.log
    assert isinstance(exchange.error, Wrong)
    assert exchange.status.startswith("200")
    assert exchange.text == "half a page"


@KINDS
def test_exc_info_reaches_the_server_as_it_is_and_at_once(kind):
    seen: list[Any] = []

    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            wrong = Wrong("looked at")
            start_response("500 Oops", [("Content-Type", "text/plain")], (Wrong, wrong, None))
            seen.append((wrong, len(log)))
            return []

        return apps.app(log, answer)

    exchange = run(kind, application)
    assert exchange.heads[-1][2][1] is seen[0][0]
    assert exchange.log[seen[0][1] - 1] == ("start_response", "500 Oops")


@KINDS
def test_a_second_start_response_without_exc_info_is_the_applications_mistake(kind):
    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response)
            with pytest.raises(AssertionError, match="already set"):
                apps.ok(start_response)
            log.append(("told", None))
            return []

        return apps.app(log, answer)

    assert "told" in run(kind, application).words()


# --- headers ------------------------------------------------------------------------------------

CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@KINDS
@VALIDATED
@pytest.mark.parametrize("make", [body(), apps.generator, apps.fails_before_headers],
                         ids=["eager", "generator", "error page"])  # fmt: skip
def test_headers_are_a_list_of_pairs_of_plain_text(kind, validated, make):
    exchange = run(kind, make, validated)
    for status, headers, _ in exchange.heads:
        assert type(status) is str and re.fullmatch(r"\d{3} \S.*", status)
        assert_well_formed(headers)


def assert_well_formed(headers: Any) -> None:
    """A list of ``(str, str)`` that any server may send."""
    assert type(headers) is list
    for header in headers:
        assert type(header) is tuple and len(header) == 2
        name, value = header
        assert type(name) is str and type(value) is str
        assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)
        assert not CONTROLS.search(value) and value == value.strip()
        value.encode("latin-1")
        assert not is_hop_by_hop(name)


@KINDS
def test_the_applications_own_list_of_headers_is_never_changed(kind):
    before = list(CONSTANT_HEADERS)
    for _ in range(2):
        exchange = run(kind, body())
        if exchange.headers is not CONSTANT_HEADERS:
            exchange.headers.append(("X-Server", "added"))  # servers do, wsgiref among them
    assert before == CONSTANT_HEADERS


@KINDS
def test_the_applications_headers_arrive_in_their_order_with_ours_behind_them(kind):
    own = [("X-B", "2"), ("Set-Cookie", "own=1; Path=/"), ("X-A", "1"), ("X-B", "3"),
           ("Content-Type", "text/plain"), ("Set-Cookie", "own=2")]  # fmt: skip

    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response, list(own))
            return []

        return apps.app(log, answer)

    headers = run(kind, application).headers
    assert headers[: len(own)] == own
    assert {name for name, _ in headers[len(own) :]} <= {"Set-Cookie", "Vary", "Cache-Control"}
    names = [name for name, _ in headers]
    assert names.count("Vary") <= 1 and names.count("Cache-Control") <= 1


@KINDS
@VALIDATED
def test_what_depends_on_a_session_says_so_to_caches_and_sets_its_cookies_once(kind, validated):
    exchange = run(kind, body(), validated)
    assert len(exchange.header("Set-Cookie")) == kind.cookies
    if kind.name.startswith("ignored"):
        assert exchange.headers == CONSTANT_HEADERS
    elif kind.caching is None:
        # nobody's answer may be kept, but not given to somebody who is signed in (R065)
        assert exchange.headers == [*CONSTANT_HEADERS, ("Vary", "Cookie")]
    else:
        assert exchange.header("Cache-Control") == [kind.caching]
        assert exchange.header("Vary") == ["Cookie"]


@KINDS
@VALIDATED
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_gets_no_content_type_and_no_length(kind, validated, status):
    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response, [("ETag", '"1"')], status)
            return []

        return apps.app(log, answer)

    exchange = run(kind, application, validated)
    assert exchange.error is None
    assert exchange.status == status
    assert not exchange.header("Content-Type") and not exchange.header("Content-Length")
    assert exchange.text == ""


@KINDS
@VALIDATED
def test_HEAD_gets_the_headers_of_GET_and_the_body_the_application_gave(kind, validated):
    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            apps.ok(start_response, [*CONSTANT_HEADERS, ("Content-Length", "5")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"12345"]

        return apps.app(log, answer)

    get = run(kind, application, validated)
    head = run(kind, application, validated, REQUEST_METHOD="HEAD")
    assert get.text == "12345" and head.text == ""
    assert [name for name, _ in head.headers] == [name for name, _ in get.headers]
    assert head.header("Content-Length") == ["5"]


# --- exceptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in PASSING if not k.answers_for_us], ids=str)
@VALIDATED
def test_an_exception_of_the_application_passes_through(kind, validated):
    exchange = run(kind, apps.raises, validated)
    assert isinstance(exchange.error, Wrong)
    assert exchange.heads == []


@pytest.mark.parametrize("kind", [k for k in PASSING if k.answers_for_us], ids=str)
@VALIDATED
@pytest.mark.parametrize("begun", [False, True])
def test_an_exception_of_an_answer_given_for_us_is_500(kind, validated, begun, caplog):
    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            if begun:
                apps.ok(start_response)
            raise Wrong("a secret of the answer")

        return apps.app(log, answer)

    exchange = run(kind, application, validated)
    assert exchange.error is None
    assert exchange.status.startswith("500") and "a secret" not in exchange.text
    assert [record.exc_info is not None for record in caplog.records if record.exc_info] == [True]


@KINDS
def test_an_exception_that_is_no_Exception_passes_through(kind):
    class Stop(BaseException):
        pass

    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            raise Stop

        return apps.app(log, answer)

    with pytest.raises(Stop):
        run(kind, application)


# --- environ and input --------------------------------------------------------------------------


@KINDS
def test_the_environ_is_the_servers_own_dict(kind):
    exchange = run(kind, body())
    (given,) = [what for word, what in exchange.log if word == "app"]
    assert given is exchange.environ
    assert type(given) is dict


@KINDS
@VALIDATED
def test_the_input_is_left_to_the_application(kind, validated):
    octets = bytes(range(256)) * 8

    def application(log: Log) -> Any:
        def answer(environ: Any, start_response: Any) -> Any:
            log.append(("reads", None))
            got = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            log.append(("read", got))
            apps.ok(start_response)
            return []

        return apps.app(log, answer)

    exchange = run(kind, application, validated, body=octets, REQUEST_METHOD="POST")
    assert ("read", octets) in exchange.log
    before = exchange.words()[: exchange.words().index("reads")]
    assert "input" not in before


@KINDS
def test_where_the_application_is_mounted_is_not_changed(kind):
    exchange = run(kind, body(), SCRIPT_NAME="/mount")
    (given,) = [what for word, what in exchange.log if word == "app"]
    assert (given["SCRIPT_NAME"], given["PATH_INFO"]) == ("/mount", kind.path)


@KINDS
def test_the_application_is_called_once_and_sees_who_is_signed_in(kind):
    exchange = run(kind, body())
    (given,) = [what for word, what in exchange.log if word == "app"]
    session = given["auth.session"]
    assert kind.user == (None if session is None else session.user["id"])


# --- threads ------------------------------------------------------------------------------------


@KINDS
def test_requests_in_many_threads_share_nothing(kind):
    """Each request stays inside the application until all are there, under its own cookies."""
    together = threading.Barrier(6, timeout=20)

    def answer(environ: Any, start_response: Any) -> Any:
        together.wait()
        session = environ["auth.session"]
        who = "nobody" if session is None else session.user["id"]
        together.wait()
        apps.ok(start_response, [*CONSTANT_HEADERS, ("X-Who", who)])
        together.wait()
        return [environ["QUERY_STRING"].encode()]

    app = kind.wrap(answer)

    def one(number: int) -> Exchange:
        log: Log = []
        more = {"QUERY_STRING": f"n={number}"}
        if kind.user is not None and "HTTP_COOKIE" in kind.more and number % 2:
            more["HTTP_COOKIE"] = cookie("bob")
        return serve(app, kind.environ(log, **more), log)

    with ThreadPoolExecutor(6) as pool:
        served = list(pool.map(one, range(6)))
    for number, exchange in enumerate(served):
        assert exchange.error is None
        assert exchange.text == f"n={number}"
        user = kind.user or "nobody"
        if user != "nobody" and "HTTP_COOKIE" in kind.more and number % 2:
            user = "bob"
        assert exchange.header("X-Who") == [user]
