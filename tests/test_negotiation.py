"""Redirect or 401, over client profiles as they really are, and Accept headers as they may be."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_auth.negotiation import (
    accepts_json,
    is_htmx,
    prefers_html,
    wants_json_redirect,
    wants_redirect,
)

CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;"
    "q=0.8,application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OLD_FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
IE11 = "text/html, application/xhtml+xml, */*"
AXIOS = "application/json, text/plain, */*"
NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
CORS = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
NO_CORS = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin"}

REDIRECT, REFUSE = True, False

# name, method, headers, expected
PROFILES: list[tuple[str, str, dict[str, str], bool]] = [
    # people
    ("Chrome navigates", "GET", {"Accept": CHROME, **NAVIGATE}, REDIRECT),
    ("Chrome over plain http", "GET", {"Accept": CHROME}, REDIRECT),
    ("Chrome upgrades insecure requests", "GET", {"Accept": CHROME, "Upgrade-Insecure-Requests": "1"}, REDIRECT),
    ("Firefox navigates", "GET", {"Accept": FIREFOX, **NAVIGATE}, REDIRECT),
    ("Firefox of 2019", "GET", {"Accept": OLD_FIREFOX}, REDIRECT),
    ("Safari navigates", "GET", {"Accept": FIREFOX, **NAVIGATE}, REDIRECT),
    ("Safari of 2020", "GET", {"Accept": FIREFOX}, REDIRECT),
    ("Internet Explorer 11", "GET", {"Accept": IE11}, REDIRECT),
    ("Internet Explorer 8", "GET", {"Accept": "*/*"}, REFUSE),
    ("lynx", "GET", {"Accept": "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"}, REDIRECT),
    ("w3m", "GET", {"Accept": "text/html, text/*;q=0.5, image/*, application/*, audio/*, multipart/*"}, REDIRECT),
    ("links", "GET", {"Accept": "*/*"}, REFUSE),
    ("text/* alone", "GET", {"Accept": "text/*"}, REDIRECT),
    ("a form is posted", "POST", {"Accept": CHROME, **NAVIGATE, "Origin": "https://app.example.com"}, REDIRECT),
    ("a form is posted by an old browser", "POST", {"Accept": OLD_FIREFOX}, REDIRECT),
    ("HEAD by a browser's extension", "HEAD", {"Accept": CHROME}, REDIRECT),
    ("navigation from a service worker", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "navigate"}, REDIRECT),
    ("navigation with a bare Accept", "GET", {"Accept": "*/*", **NAVIGATE}, REDIRECT),
    ("navigation without Accept", "GET", NAVIGATE, REDIRECT),
    ("navigation that names JSON too", "GET", {"Accept": "application/json, text/html", **NAVIGATE}, REDIRECT),
    ("document by its destination only", "GET", {"Accept": CHROME, "Sec-Fetch-Dest": "document"}, REDIRECT),
    ("Android WebView sends its package", "GET", {"Accept": CHROME, "X-Requested-With": "com.example.shop"}, REDIRECT),
    ("Facebook's in-app browser", "GET", {"Accept": CHROME, **NAVIGATE, "X-Requested-With": "com.facebook.katana"}, REDIRECT),
    ("an empty X-Requested-With", "GET", {"Accept": CHROME, "X-Requested-With": ""}, REDIRECT),
    ("Safari previews a top site", "GET", {"Accept": FIREFOX, "Purpose": "preview"}, REDIRECT),
    ("XHTML only", "GET", {"Accept": "application/xhtml+xml"}, REDIRECT),
    ("Google's crawler", "GET", {"Accept": "text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8"}, REDIRECT),
    ("a purpose that is no prefetch", "GET", {"Accept": CHROME, "Sec-Purpose": "navigate"}, REDIRECT),
    # frames and parts of pages
    ("an iframe", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, REFUSE),
    ("a frame", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "frame"}, REFUSE),
    ("an object", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"}, REFUSE),
    ("an image", "GET", {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8", **NO_CORS, "Sec-Fetch-Dest": "image"}, REFUSE),
    ("an image in an old browser", "GET", {"Accept": "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"}, REFUSE),
    ("a style sheet", "GET", {"Accept": "text/css,*/*;q=0.1", **NO_CORS, "Sec-Fetch-Dest": "style"}, REFUSE),
    ("a style sheet in an old browser", "GET", {"Accept": "text/css,*/*;q=0.1"}, REFUSE),
    ("a script", "GET", {"Accept": "*/*", **NO_CORS, "Sec-Fetch-Dest": "script"}, REFUSE),
    ("a font", "GET", {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "font"}, REFUSE),
    ("a video", "GET", {"Accept": "*/*", **NO_CORS, "Sec-Fetch-Dest": "video", "Range": "bytes=0-"}, REFUSE),
    ("a service worker's script", "GET", {"Accept": "*/*", "Service-Worker": "script", "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker"}, REFUSE),
    ("a manifest", "GET", {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "manifest"}, REFUSE),
    ("the favicon", "GET", {"Accept": "image/avif,image/webp,*/*", **NO_CORS, "Sec-Fetch-Dest": "image"}, REFUSE),
    ("a beacon", "POST", {"Accept": "*/*", **NO_CORS, "Sec-Fetch-Dest": "empty"}, REFUSE),
    ("a report", "POST", {"Accept": "*/*", "Content-Type": "application/csp-report", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "report"}, REFUSE),
    # scripts in a page
    ("fetch", "GET", {"Accept": "*/*", **CORS}, REFUSE),
    ("fetch for HTML", "GET", {"Accept": "text/html", **CORS}, REFUSE),
    ("fetch in an old browser", "GET", {"Accept": "*/*"}, REFUSE),
    ("fetch for JSON", "POST", {"Accept": "application/json", "Content-Type": "application/json", **CORS}, REFUSE),
    ("axios", "GET", {"Accept": AXIOS, **CORS}, REFUSE),
    ("axios in an old browser", "GET", {"Accept": AXIOS}, REFUSE),
    ("jQuery", "GET", {"Accept": "*/*", "X-Requested-With": "XMLHttpRequest"}, REFUSE),
    ("jQuery for HTML", "GET", {"Accept": "text/html, */*; q=0.01", "X-Requested-With": "XMLHttpRequest"}, REFUSE),
    ("XHR in lower case", "GET", {"Accept": CHROME, "X-Requested-With": "xmlhttprequest "}, REFUSE),
    ("Turbo visits", "GET", {"Accept": "text/html, application/xhtml+xml", **CORS}, REFUSE),
    ("htmx", "GET", {"Accept": "*/*", "HX-Request": "true", **CORS}, REFUSE),
    ("htmx boosted", "GET", {"Accept": "text/html, */*", "HX-Request": "true", "HX-Boosted": "true"}, REFUSE),
    ("htmx in spite of a navigation", "GET", {"Accept": CHROME, **NAVIGATE, "HX-Request": "true"}, REFUSE),
    ("GraphQL", "POST", {"Accept": "application/graphql-response+json, application/json", **CORS}, REFUSE),
    ("server-sent events", "GET", {"Accept": "text/event-stream", **CORS}, REFUSE),
    ("server-sent events, old browser", "GET", {"Accept": "text/event-stream"}, REFUSE),
    ("WebSocket", "GET", {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Fetch-Mode": "websocket"}, REFUSE),
    ("WebSocket without Fetch Metadata", "GET", {"Accept": CHROME, "Upgrade": "websocket"}, REFUSE),
    ("preflight", "OPTIONS", {"Accept": "*/*", "Origin": "https://other.example", "Access-Control-Request-Method": "PUT"}, REFUSE),
    ("OPTIONS with HTML", "OPTIONS", {"Accept": CHROME}, REFUSE),
    ("a PUT from a page", "PUT", {"Accept": CHROME, **NAVIGATE}, REFUSE),
    ("a DELETE from a page", "DELETE", {"Accept": CHROME}, REFUSE),
    # speculation
    ("prefetch by Chrome", "GET", {"Accept": CHROME, **NAVIGATE, "Sec-Purpose": "prefetch", "Purpose": "prefetch"}, REFUSE),
    ("prerender by Chrome", "GET", {"Accept": CHROME, **NAVIGATE, "Sec-Purpose": "prefetch;prerender"}, REFUSE),
    ("prefetch by a private proxy", "GET", {"Accept": CHROME, **NAVIGATE, "Sec-Purpose": "prefetch;anonymous-client-ip"}, REFUSE),
    ("prefetch by Safari", "GET", {"Accept": FIREFOX, "Purpose": "prefetch"}, REFUSE),
    ("prefetch in capitals", "GET", {"Accept": FIREFOX, "Purpose": "Prefetch"}, REFUSE),
    ("prefetch as the second token", "GET", {"Accept": FIREFOX, "Sec-Purpose": "x, prefetch"}, REFUSE),
    # programs
    ("curl", "GET", {"Accept": "*/*"}, REFUSE),
    ("curl over HTTP/2 clear text", "GET", {"Accept": "*/*", "Upgrade": "h2c"}, REFUSE),
    ("wget", "GET", {"Accept": "*/*", "Accept-Encoding": "identity"}, REFUSE),
    ("HTTPie", "GET", {"Accept": "*/*"}, REFUSE),
    ("HTTPie with JSON", "POST", {"Accept": "application/json, */*;q=0.5"}, REFUSE),
    ("python-requests", "GET", {"Accept": "*/*"}, REFUSE),
    ("urllib", "GET", {}, REFUSE),
    ("an empty Accept", "GET", {"Accept": ""}, REFUSE),
    ("pip asks a simple index", "GET", {"Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"}, REFUSE),
    ("old pip asks a simple index", "GET", {"Accept": "text/html"}, REDIRECT),
    ("twine uploads", "POST", {"Accept": "*/*", "Authorization": "Basic YTpi"}, REFUSE),
    ("uv", "GET", {"Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"}, REFUSE),
    ("git clones", "GET", {"Accept": "*/*", "Git-Protocol": "version=2"}, REFUSE),
    ("git fetches", "POST", {"Accept": "application/x-git-upload-pack-result"}, REFUSE),
    ("git LFS", "POST", {"Accept": "application/vnd.git-lfs+json"}, REFUSE),
    ("docker", "GET", {"Accept": "application/vnd.oci.image.index.v1+json, application/json"}, REFUSE),
    ("WebDAV lists", "PROPFIND", {"Depth": "1"}, REFUSE),
    ("Windows' WebDAV asks", "OPTIONS", {"Translate": "f"}, REFUSE),
    ("macOS Finder locks", "LOCK", {"Accept": "*/*"}, REFUSE),
    ("a CalDAV client reports", "REPORT", {"Accept": "text/xml"}, REFUSE),
    ("MLflow's client", "POST", {"Accept": "*/*", "Content-Type": "application/json"}, REFUSE),
    ("a token that was rejected", "GET", {"Accept": "application/json", "Authorization": "Bearer x"}, REFUSE),
    ("a browser with a token", "GET", {"Accept": CHROME, **NAVIGATE, "Authorization": "Bearer x"}, REFUSE),
    ("an empty Authorization", "GET", {"Accept": CHROME, "Authorization": ""}, REFUSE),
    ("gRPC-Web", "POST", {"Accept": "application/grpc-web+proto"}, REFUSE),
    ("a feed reader", "GET", {"Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.8"}, REFUSE),
    ("a podcast client with HTML as a last resort", "GET", {"Accept": "application/feed+json, application/rss+xml, text/html;q=0.4"}, REFUSE),
    ("a health check", "GET", {"User-Agent": "kube-probe/1.30", "Accept": "*/*"}, REFUSE),
    # impossible or odd
    ("a lower-case method", "get", {"Accept": CHROME}, REFUSE),
    ("an empty mode", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": ""}, REFUSE),
    ("two modes", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "navigate, navigate"}, REFUSE),
    ("a mode in capitals", "GET", {"Accept": CHROME, "Sec-Fetch-Mode": "Navigate"}, REFUSE),
    ("an empty destination", "GET", {"Accept": CHROME, "Sec-Fetch-Dest": ""}, REFUSE),
]  # fmt: skip


def environ(method: str = "GET", headers: dict[str, str] | None = None) -> dict[str, object]:
    keys = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()
    }
    return {"REQUEST_METHOD": method, "PATH_INFO": "/", **keys}


def test_the_table_is_as_large_as_promised() -> None:
    assert len(PROFILES) >= 60


@pytest.mark.parametrize(
    ("name", "method", "headers", "expected"), PROFILES, ids=[p[0] for p in PROFILES]
)
def test_a_client_is_redirected_only_if_it_is_a_browser_that_navigates(
    name: str, method: str, headers: dict[str, str], expected: bool
) -> None:
    assert wants_redirect(environ(method, headers)) is expected


# Accept → (prefers_html, accepts_json, wants_json_redirect)
ACCEPTS: list[tuple[str | None, tuple[bool, bool, bool]]] = [
    (None, (False, True, False)),
    ("", (False, True, False)),
    ("*/*", (False, True, False)),
    ("text/html; q=0", (False, False, False)),
    ("text/html ;\tQ =\t0 , application/json ; q = 0.4", (False, True, True)),
    ("text/html; q=0.05, application/json; q=0.005", (True, True, False)),
    ("text/html; q=0.005, application/json; q=0.05", (False, True, False)),
    ("text/html; q=0.5, application/json; q=0.05", (True, True, False)),
    (CHROME, (True, True, False)),
    (FIREFOX, (True, True, False)),
    (AXIOS, (False, True, True)),
    ("text/html", (True, False, False)),
    ("TEXT/HTML", (True, False, False)),
    (" text/html ;\tQ=0.1 ", (True, False, False)),
    ("text/html;charset=utf-8", (True, False, False)),
    ("text/*", (True, False, False)),
    ("application/xhtml+xml;q=0.001", (True, False, False)),
    ("application/json", (False, True, True)),
    ("application/problem+json", (False, True, True)),
    ("text/json", (False, True, True)),
    ("application/jsonp", (False, False, False)),
    ("application/*", (False, True, False)),
    ("json", (False, False, False)),
    ("/json", (False, False, False)),
    ("application/json;q=0", (False, False, False)),
    ("application/json;q=0, */*", (False, False, False)),
    ("application/*;q=0, */*", (False, False, False)),
    ("text/html;q=0", (False, False, False)),
    ("text/html;q=0.000", (False, False, False)),
    ("text/html;q=0, text/*", (False, False, False)),
    ("text/*, text/html;q=0", (False, False, False)),
    ("text/html;q=0, application/xhtml+xml", (True, False, False)),
    ("text/html, application/json", (False, True, False)),
    ("text/html, application/json;q=0.9", (True, True, False)),
    ("text/html;q=0.9, application/json", (False, True, False)),
    ("text/html;q=0.2, application/json;q=0.10", (True, True, False)),
    ("text/html;q=0.5, application/json;q=0.501", (False, True, False)),
    ("text/html;q=1.000, application/json;q=0.999", (True, True, False)),
    ("text/html;q=0., application/json;q=0.", (False, False, False)),
    ("text/html;q=1.", (True, False, False)),
    ("text/html;level=1;q=0.4, text/html", (True, False, False)),
    # a q that is none counts for nothing
    *((f"text/html;q={q}", (False, False, False)) for q in ["2", "1.1", "1.0000", "0.0001", "-1", "+1", ".5", "1e0", "NaN", "inf", "x"]),
    *((f"text/html;q={q}", (False, False, False)) for q in ("", '"1"', "0,5", "٠.٥", "1 0", "0x1")),
    ("text/html;q", (False, False, False)),
    ("text/html;q = 1", (True, False, False)),
    ("text/html;q=0;q=1", (False, False, False)),
    # quoted strings
    ('text/plain;x="text/html", application/json', (False, True, True)),
    ('text/plain;x=", text/html,"', (False, False, False)),
    ('text/plain;x="\\", text/html,"', (False, False, False)),
    ('text/plain;x=", text/html', (False, False, False)),
    ('text/html;x="a,b;q=0";q=0.5', (True, False, False)),
    # nonsense
    (",,,;;;===", (False, False, False)),
    ("text/html\x00", (False, False, False)),
    ("text/html\r\n", (False, False, False)),
    ("\u00a0text/html", (False, False, False)),
    ("text / html", (False, False, False)),
    ("text/html/x", (False, False, False)),
    ("\ud800", (False, False, False)),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), ACCEPTS, ids=lambda value: ascii(value)[:50])
def test_accept_is_read_strictly(header: str | None, expected: tuple[bool, bool, bool]) -> None:
    for length in (0, 600):  # below and above what is remembered
        padded = header + "," + " " * length if header and length else header
        request = environ(headers={} if padded is None else {"Accept": padded})
        assert (
            prefers_html(request),
            accepts_json(request),
            wants_json_redirect(request),
        ) == expected


def test_the_header_of_auth_js_asks_for_json_in_place_of_a_redirect() -> None:
    assert wants_json_redirect(environ(headers={"X-Auth-Return-Redirect": "1", "Accept": CHROME}))
    assert not wants_json_redirect(environ(headers={"Accept": CHROME}))


def test_htmx_is_known_by_its_header() -> None:
    assert is_htmx(environ(headers={"HX-Request": "true"}))
    assert not is_htmx(environ())


HEADERS = [
    "HTTP_ACCEPT",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_PURPOSE",
    "HTTP_SEC_PURPOSE",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_X_AUTH_RETURN_REDIRECT",
    "REQUEST_METHOD",
]
ODD = st.one_of(
    st.text(max_size=40),
    st.text('texhml/*json,;q=01. "\\\t', max_size=60),
    st.sampled_from(["navigate", "prefetch", CHROME, "GET", "HEAD"]),
    st.none(),
    st.binary(max_size=3),
)


@given(st.dictionaries(st.sampled_from(HEADERS), ODD))
def test_no_environ_raises(headers: dict[str, object]) -> None:
    assert isinstance(wants_redirect(headers), bool)
    assert isinstance(prefers_html(headers), bool)
    assert isinstance(accepts_json(headers), bool)
    assert isinstance(wants_json_redirect(headers), bool)


@pytest.mark.parametrize(
    "shape", [",", ";", "=", '"', '\\"', '"\\', "text/html,", ";q=", "a/", " ", "q=0;"]
)
def test_reading_accept_costs_in_proportion_to_its_length(shape: str) -> None:
    short, long = (environ(headers={"Accept": (shape * size)[:size]}) for size in (4_000, 32_000))
    cost = [
        min(timeit.repeat(lambda e=e: prefers_html(e), number=3, repeat=7)) for e in (short, long)
    ]
    assert cost[1] / cost[0] < 8 * 4


def test_a_million_accept_headers_leave_a_bounded_memo() -> None:
    from wsgi_auth import negotiation

    for number in range(2_000):
        prefers_html(environ(headers={"Accept": f"text/html;v={number}"}))
        prefers_html(environ(headers={"Accept": f"text/html;v={number}" + " " * 600}))
    info = negotiation._remembered.cache_info()
    assert info.currsize <= (info.maxsize or 0) <= 1_000
