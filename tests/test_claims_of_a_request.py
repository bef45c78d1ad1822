"""What a request claims in headers and names changes nothing of what it may see."""

from __future__ import annotations

import pytest
from webtest import TestApp

from tests.conftest import config
from wsgi_auth import AuthMiddleware
from wsgi_auth.testing import FakeProvider

CLAIMS = {
    "SCRIPT_NAME names a public path": {"SCRIPT_NAME": "/public"},
    "the query names a public path": {"QUERY_STRING": "/public"},
    "a health check": {"HTTP_USER_AGENT": "kube-probe/1.30"},
    "the agent of a load balancer": {"HTTP_USER_AGENT": "GoogleHC/1.0"},
    "X-Original-URL": {"HTTP_X_ORIGINAL_URL": "/public"},
    "X-Rewrite-URL": {"HTTP_X_REWRITE_URL": "/public"},
    "X-Forwarded-Uri": {"HTTP_X_FORWARDED_URI": "/public"},
    "X-Forwarded-Prefix": {"HTTP_X_FORWARDED_PREFIX": "/public"},
    "x-middleware-subrequest": {
        "HTTP_X_MIDDLEWARE_SUBREQUEST": "middleware:middleware:middleware:middleware:middleware"
    },
    "X-Auth-Request": {"HTTP_X_AUTH_REQUEST_USER": "admin", "HTTP_X_FORWARDED_USER": "admin"},
    "REMOTE_USER": {"REMOTE_USER": "admin", "HTTP_REMOTE_USER": "admin"},
    "a loopback peer by header": {"HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_X_REAL_IP": "::1"},
    "a loopback peer": {"REMOTE_ADDR": "127.0.0.1"},
    "another host": {"HTTP_HOST": "evil.example.test"},
    "a forwarded host": {"HTTP_X_FORWARDED_HOST": "evil.example.test"},
    "another method by header": {"HTTP_X_HTTP_METHOD_OVERRIDE": "OPTIONS"},
    "an outer layer's session": {"auth.session": {"user": {"id": "admin"}}, "auth.handle": "x"},
}


def protected(called: list) -> TestApp:
    def app(environ, start_response):
        called.append(environ)
        start_response("200 OK", [])
        return [b""]

    settings = config(matcher=["/members/:path*"], public=["/public/:path*"])
    return TestApp(AuthMiddleware(app, settings))


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_no_claim_of_a_request_opens_a_page_R039_R046(claims):
    called: list = []
    answer = protected(called).get(
        "/members/area", extra_environ=claims, headers={"Accept": "text/html"}, status="*"
    )
    assert answer.status_int == 302 and called == []


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_the_way_to_the_sign_in_page_is_a_path_of_ours_whatever_is_claimed_R054(claims):
    answer = protected([]).get(
        "/members/area", extra_environ=claims, headers={"Accept": "text/html"}, status="*"
    )
    assert "evil" not in str(answer.headers)
    assert dict(answer.headers.items())["Location"].partition("?")[0].endswith("/auth/signin")


def outside(fake: FakeProvider, **options) -> TestApp:
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b""]

    wrapped = AuthMiddleware(
        app, secret="s" * 40, url="https://app.example.test", matcher=["/members"],
        providers=[fake.options(**options)], transport=fake.transport,
    )  # fmt: skip
    served = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.test"}
    return TestApp(wrapped, extra_environ=served)


def start(visitor: TestApp, **environ: str):
    form = visitor.get("/auth/signin").forms[0]
    return visitor.post(form.action, form.submit_fields(), extra_environ=environ, status="*")


def test_the_callback_url_comes_from_the_configuration_alone_R063():
    fake = FakeProvider()
    visitor = outside(fake)
    start(visitor, HTTP_X_FORWARDED_HOST="evil.example.test", HTTP_X_FORWARDED_PROTO="http")
    pushed = [dict(asked.form) for asked in fake.requests if asked.path.endswith("/par")]
    assert [each["redirect_uri"] for each in pushed] == [
        "https://app.example.test/auth/callback/fake"
    ]


def test_sixty_sign_ins_begun_and_left_keep_the_cookies_small_R099():
    visitor = outside(FakeProvider())
    for _ in range(60):
        assert start(visitor).status_int == 303
    header = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    assert len(header) < 8_000


def test_the_address_with_a_code_is_left_or_shown_without_anything_from_outside_R072():
    visitor = outside(FakeProvider())
    answer = visitor.get("/auth/callback/fake?code=c&state=s", status=400)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers.getall("Referrer-Policy") == ["strict-origin"]  # of the address: no path
    assert answer.headers["Cache-Control"] == "no-store"
    assert "http" not in answer.text.replace("http-equiv", "")
