"""What a provider says of itself: believed word for word or not at all (R083)."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.oauth.ground import ISSUER, NOW, oidc, response
from tests.oauth.party import party, sends
from wsgi_auth.errors import AuthError, OAuthError, OAuthSigninError, ProviderUnavailable
from wsgi_auth.http import Http
from wsgi_auth.oauth.discovery import (
    LIFETIME,
    PAUSE,
    MetadataSource,
    metadata_request,
    read_metadata,
)
from wsgi_auth.types import Incoming, Outgoing

SAID = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://op.test/auth",
    "token_endpoint": "https://op.test/token",
    "jwks_uri": "https://op.test/jwks",
}


def said(**more: Any) -> Incoming:
    """The answer of a provider; None leaves a field out."""
    return response({name: value for name, value in (SAID | more).items() if value is not None})


# --- the address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://op.test", "https://op.test/.well-known/openid-configuration"),
        ("https://op.test/", "https://op.test/.well-known/openid-configuration"),
        ("https://op.test/a/b", "https://op.test/a/b/.well-known/openid-configuration"),
        ("https://op.test/a/b/", "https://op.test/a/b/.well-known/openid-configuration"),
        ("https://op.test:8443/a", "https://op.test:8443/a/.well-known/openid-configuration"),
    ],
)
def test_metadata_is_asked_for_below_the_issuer(issuer: str, url: str) -> None:
    """Discovery 4: one slash at the end goes, whatever path there is stays."""
    assert metadata_request(oidc(issuer=issuer)) == Outgoing(url)


# --- the answer ----------------------------------------------------------------------------------


def test_what_is_needed_is_enough() -> None:
    found = read_metadata(said(), oidc())
    assert (found.issuer, found.jwks_uri) == (ISSUER, "https://op.test/jwks")
    assert found.id_token_signing_alg_values_supported is None
    assert not found.require_pushed_authorization_requests


def test_what_is_announced_is_known() -> None:
    found = read_metadata(
        said(
            userinfo_endpoint="https://op.test/me",
            end_session_endpoint="https://op.test/end?a=b",
            code_challenge_methods_supported=["plain", "S256"],
            id_token_signing_alg_values_supported=[],
            authorization_response_iss_parameter_supported=True,
            require_pushed_authorization_requests=True,
        ),
        oidc(),
    )
    assert found.userinfo_endpoint == "https://op.test/me"
    assert found.end_session_endpoint == "https://op.test/end?a=b"
    assert found.code_challenge_methods_supported == ("plain", "S256")
    assert found.id_token_signing_alg_values_supported == ()
    assert found.authorization_response_iss_parameter_supported
    assert found.require_pushed_authorization_requests


OTHER_ISSUERS = {
    "a-slash-more": "https://op.test/",
    "upper-case": "https://OP.test",
    "a-port": "https://op.test:443",
    "http": "http://op.test",
    "another": "https://evil.test",
    "longer": "https://op.test.evil.test",
    "a-path": "https://op.test/tenant",
    "a-space": "https://op.test ",
    "nothing": None,
    "empty": "",
    "a-list": [ISSUER],
    "an-object": {"issuer": ISSUER},
    "a-number": 1,
    "true": True,
}


@pytest.mark.parametrize("issuer", OTHER_ISSUERS.values(), ids=OTHER_ISSUERS)
def test_another_issuer_is_refused_letter_by_letter(issuer: object) -> None:
    """Discovery 4.3, and R083: the two URLs are the same, no more and no less."""
    with pytest.raises(OAuthSigninError, match=r"the option issuer is 'https://op\.test'"):
        read_metadata(said(issuer=issuer), oidc())


def test_a_slash_at_the_end_of_the_option_is_wanted_back() -> None:
    provider = oidc(issuer="https://op.test/")
    assert read_metadata(said(issuer="https://op.test/"), provider).issuer == "https://op.test/"
    with pytest.raises(OAuthSigninError):
        read_metadata(said(), provider)


ENTRA = {
    "issuer": "https://login.example/common/v2.0",
    "issuer_pattern": "https://login.example/{tid}/v2.0",
}


@pytest.mark.parametrize(
    ("issuer", "ok"),
    [
        ("https://login.example/common/v2.0", True),
        ("https://login.example/{tenantid}/v2.0", True),
        ("https://login.example/some-tenant/v2.0", False),
        ("https://evil.test/{tenantid}/v2.0", False),
    ],
)
def test_a_provider_of_many_tenants_may_name_its_template(issuer: str, ok: bool) -> None:
    answer = said(issuer=issuer)
    if ok:
        assert read_metadata(answer, oidc(**ENTRA)).issuer == ENTRA["issuer"]
    else:
        with pytest.raises(OAuthSigninError):
            read_metadata(answer, oidc(**ENTRA))


def test_a_template_is_for_those_who_configured_one() -> None:
    provider = oidc(issuer="https://login.example/common/v2.0")
    with pytest.raises(OAuthSigninError):
        read_metadata(said(issuer="https://login.example/{tenantid}/v2.0"), provider)


BAD_URLS = {
    "http": "http://op.test/x",
    "http-on-loopback": "http://127.0.0.1/x",
    "no-scheme": "op.test/x",
    "scheme-relative": "//op.test/x",
    "relative": "/x",
    "empty": "",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "file": "file:///etc/passwd",
    "user": "https://op.test@evil.test/x",
    "no-host": "https:///x",
    "backslash": "https://op.test\\@evil.test/x",
    "space": "https://op.test/ x",
    "newline": "https://op.test/\r\nSet-Cookie: a=b",
    "not-ascii": "https://öp.test/x",
    "bracket": "https://[::1/x",
    "port": "https://op.test:99999/x",
    "quote": 'https://op.test/"onload=',
    "a-list": ["https://op.test/x"],
    "a-number": 1,
    "true": True,
}
ENDPOINTS = [
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
    "end_session_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint",
]  # fmt: skip


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_every_url_is_an_absolute_one_over_https(endpoint: str, url: object) -> None:
    with pytest.raises(OAuthSigninError, match=f"{endpoint} must be an https URL"):
        read_metadata(said(**{endpoint: url}), oidc())


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_http_is_for_this_machine_where_that_is_allowed(endpoint: str) -> None:
    answer = said(**{endpoint: "http://127.0.0.1:9000/x"})
    read_metadata(answer, oidc(), allow_loopback=True)
    for url in ("http://10.0.0.1/x", "ftp://127.0.0.1/x", "javascript://127.0.0.1/%0aalert(1)"):
        with pytest.raises(OAuthSigninError):
            read_metadata(said(**{endpoint: url}), oidc(), allow_loopback=True)


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_endpoint_that_is_needed_is_missed(endpoint: str) -> None:
    with pytest.raises(OAuthSigninError, match=f"no {endpoint}"):
        read_metadata(said(**{endpoint: None}), oidc())


def test_keys_are_needed_only_where_signatures_are_asymmetric() -> None:
    provider = oidc(id_token_signed_response_alg="HS256")
    assert read_metadata(said(jwks_uri=None), provider).jwks_uri is None
    with pytest.raises(OAuthSigninError):
        read_metadata(said(jwks_uri=None), oidc(id_token_signed_response_alg=("HS256", "RS256")))


def test_what_the_configuration_says_wins() -> None:
    provider = oidc(token="https://other.test/token")
    found = read_metadata(said(token_endpoint=None), provider)
    assert found.token_endpoint == "https://other.test/token"


def test_a_provider_with_plain_alone_is_refused() -> None:
    """RFC 9700 2.1.1: the challenge of PKCE is a hash."""
    with pytest.raises(OAuthSigninError, match="lacks S256"):
        read_metadata(said(code_challenge_methods_supported=["plain"]), oidc())


WRONG_KINDS = ["true", 1, "S256", {"a": 1}, [1, None, {}]]


@pytest.mark.parametrize("value", WRONG_KINDS, ids=repr)
@pytest.mark.parametrize(
    "name",
    [
        "id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
        "dpop_signing_alg_values_supported", "backchannel_logout_supported",
        "require_pushed_authorization_requests",
    ],
)  # fmt: skip
def test_a_field_of_another_kind_says_nothing(name: str, value: object) -> None:
    found = read_metadata(said(**{name: value}), oidc())
    assert getattr(found, name) in (None, (), False)


NO_METADATA = {
    "html": response(b"<html>", kind="text/html"),
    "a-list": response([SAID]),
    "null": response(None),
    "text": response("issuer"),
    "nothing": response(b""),
    "not-utf8": response(b'{"issuer": "\xff"}'),
    "nan": response(b'{"issuer": NaN}'),
    "deep": response(b"[" * 100_000),
    "deep-and-whole": response(b'{"x":' + b"[" * 101 + b"]" * 101 + b"}"),
    "a-name-twice": response(
        json.dumps(SAID).replace("{", '{"issuer": "https://evil.test", ').encode()
    ),
    "a-redirect": response(b"", 302, location="https://op.test/elsewhere"),
    "not-found": response(SAID, 404),
    "unauthorized": response(SAID, 401),
    "an-error": response({"error": "invalid_request"}),
}


@pytest.mark.parametrize("answer", NO_METADATA.values(), ids=NO_METADATA)
def test_an_answer_that_is_no_metadata_is_refused(answer: Incoming) -> None:
    with pytest.raises(OAuthError):
        read_metadata(answer, oidc())


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_provider_out_of_order_is_not_there(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        read_metadata(response(SAID, status), oidc())


# --- how long it is believed ---------------------------------------------------------------------


class Provider:
    """Answers with its metadata, or with what ``broken`` says; counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken: Exception | Incoming | None = None
        self.more: dict[str, Any] = {}

    def send(self, request: Outgoing) -> Incoming:
        self.asked += 1
        if isinstance(self.broken, Exception):
            raise self.broken
        return self.broken or said(**self.more)


DOWN = ProviderUnavailable("op.test gave no answer")


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def source(provider: Provider) -> MetadataSource:
    return MetadataSource(oidc(), provider)


def test_nothing_is_asked_before_somebody_signs_in(
    provider: Provider, source: MetadataSource
) -> None:
    assert provider.asked == 0


def test_metadata_is_believed_for_an_hour(provider: Provider, source: MetadataSource) -> None:
    first = source.get(NOW)
    assert source.get(NOW + LIFETIME - 1) is first
    assert provider.asked == 1
    provider.more = {"token_endpoint": "https://op.test/new"}
    assert source.get(NOW + LIFETIME).token_endpoint == "https://op.test/new"
    assert provider.asked == 2


@pytest.mark.parametrize(
    "broken",
    [DOWN, response(b"", 503), response(b"<html>"), said(issuer="https://evil.test")],
    ids=["down", "503", "html", "another-issuer"],
)
def test_known_metadata_serves_on_while_the_provider_has_none(
    broken: Exception | Incoming, provider: Provider, source: MetadataSource
) -> None:
    first = source.get(NOW)
    provider.broken = broken
    later = NOW + LIFETIME
    for seconds in range(PAUSE):
        assert source.get(later + seconds) is first
    assert provider.asked == 2
    assert source.get(later + PAUSE) is first
    assert provider.asked == 3
    provider.broken = None
    assert source.get(later + 2 * PAUSE) is not first


def test_a_provider_that_failed_is_left_alone_for_a_while(
    provider: Provider, source: MetadataSource
) -> None:
    provider.broken = DOWN
    for seconds in range(PAUSE):
        with pytest.raises(ProviderUnavailable):
            source.get(NOW + seconds)
    assert provider.asked == 1
    provider.broken = None
    assert source.get(NOW + PAUSE).issuer == ISSUER


def test_a_clock_that_was_far_ahead_makes_nothing_last(
    provider: Provider, source: MetadataSource
) -> None:
    provider.broken = DOWN
    with pytest.raises(ProviderUnavailable):
        source.get(NOW + 10**9)
    provider.broken = None
    source.get(NOW)
    source.get(NOW + 10**9)
    source.get(NOW)
    assert provider.asked == 4


def test_who_read_the_clock_a_little_earlier_than_another_does_not_ask_again(
    provider: Provider, source: MetadataSource
) -> None:
    first = source.get(NOW)
    assert source.get(NOW - PAUSE) is first
    assert provider.asked == 1


def test_a_provider_that_fails_slowly_is_left_alone_as_long_as_one_that_fails_at_once() -> None:
    """What counts is when somebody last waited for it, not when the first began to."""
    began, go_on = threading.Event(), threading.Event()

    class Silent(Provider):
        def send(self, request: Outgoing) -> Incoming:
            began.set()
            go_on.wait(10)
            return super().send(request)

    class Last(float):
        """The time of somebody who comes when the provider is about to fail."""

        def __lt__(self, other: float) -> bool:
            go_on.set()
            return super().__lt__(other)

    provider = Silent()
    provider.broken = DOWN
    source = MetadataSource(oidc(), provider)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(source.get, NOW)
        assert began.wait(10)
        with pytest.raises(ProviderUnavailable):
            source.get(Last(NOW + PAUSE - 1))
        assert first.exception() is DOWN
    for seconds in range(PAUSE - 1, 2 * PAUSE - 1):
        with pytest.raises(ProviderUnavailable):
            source.get(NOW + seconds)
    assert provider.asked == 1
    provider.broken = None
    assert source.get(NOW + 2 * PAUSE - 1).issuer == ISSUER


def test_two_sources_share_nothing(provider: Provider, source: MetadataSource) -> None:
    source.get(NOW)
    MetadataSource(oidc(), provider).get(NOW)
    assert provider.asked == 2


# --- many threads --------------------------------------------------------------------------------


def test_64_threads_ask_once() -> None:
    """Through a real socket: they wait for one answer."""

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        body = b'{"issuer": "%s", "authorization_endpoint": "%s/a", "token_endpoint": "%s/t", "jwks_uri": "%s/k"}'
        sends(body.replace(b"%s", here.url.encode()))(handler)

    with party() as here, ThreadPoolExecutor(64) as pool:
        here.answers["/.well-known/openid-configuration"] = slowly
        source = MetadataSource(
            oidc(issuer=here.url), Http(allow_loopback=True), allow_loopback=True
        )
        start = threading.Barrier(64)

        def get(_: int) -> object:
            start.wait()
            return source.get(NOW)

        found = set(map(id, pool.map(get, range(64))))
    assert (len(found), len(here.seen)) == (1, 1)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_that_come_late_find_what_the_request_before_them_brought() -> None:
    with ThreadPoolExecutor(16) as pool:
        for _ in range(50):
            provider = Provider()
            source = MetadataSource(oidc(), provider)
            assert len(set(map(id, pool.map(source.get, [NOW] * 16)))) == 1
            assert provider.asked == 1


def test_threads_that_fail_together_fail_at_one_request() -> None:
    with party() as here, ThreadPoolExecutor(16) as pool:
        source = MetadataSource(
            oidc(issuer=here.url), Http(allow_loopback=True), allow_loopback=True
        )

        def get(_: int) -> str:
            with pytest.raises(AuthError) as caught:
                source.get(NOW)
            return str(caught.value)

        said = set(pool.map(get, range(16)))
    assert said == {"discovery: the provider answered 404, where 200 was expected"}
    assert len(here.seen) == 1


def test_who_has_metadata_does_not_wait_for_newer() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow(Provider):
        def send(self, request: Outgoing) -> Incoming:
            answer = super().send(request)
            if self.asked > 1:
                asked.set()
                go_on.wait(10)
            return answer

    provider = Slow()
    source = MetadataSource(oidc(), provider)
    first = source.get(NOW)
    later = NOW + LIFETIME
    renewing = threading.Thread(target=source.get, args=(later,))
    renewing.start()
    assert asked.wait(10)
    began = time.monotonic()
    assert all(source.get(later) is first for _ in range(100))
    assert time.monotonic() - began < 1
    go_on.set()
    renewing.join()
    assert source.get(later) is not first
    assert provider.asked == 2
