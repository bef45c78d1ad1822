"""An API alone: providers with ``sign_in = false``, whose access tokens are taken and no more."""

from __future__ import annotations

from typing import Any

import pytest
from webtest import TestApp

from tests.conftest import authorize, hello
from tests.test_bearer import API, BROWSER, bearing
from wsgi_auth import AuthConfig, AuthMiddleware, ConfigError, get_auth
from wsgi_auth.cli.check import report
from wsgi_auth.errors import AccessDenied, UsageError
from wsgi_auth.testing import FakeProvider

SECRET = "a secret of more than thirty-two bytes, for the tests"
ROUTES = [{"source": "/api/:path*", "bearer": True}]
PASSWORD = {"id": "credentials", "authorize": authorize}
ISSUER = {"id": "op", "type": "oidc", "issuer": "https://op.example.test", "audience": API}


@pytest.fixture
def fake() -> FakeProvider:
    return FakeProvider()


def alone(fake: FakeProvider, **more: Any) -> dict[str, Any]:
    """All that is needed of a provider for its tokens: who it is, and what it calls this API."""
    options = fake.options(audience=API, sign_in=False)
    del options["client_id"], options["client_secret"]
    return {**options, **more}


def middleware(*providers: Any, app: Any = hello, **more: Any) -> AuthMiddleware:
    options = {"secret": SECRET, "routes": ROUTES, "matcher": [], **more}
    return AuthMiddleware(
        app, AuthConfig.from_mapping({**options, "providers": providers}, environ={})
    )


def client(*providers: Any, **more: Any) -> TestApp:
    return TestApp(middleware(*providers, **more))


def whoever(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [get_auth(environ).session["user"]["id"].encode()]


def test_an_issuer_and_an_audience_are_all_that_an_api_needs(fake, caplog):
    program = client(alone(fake), transport=fake.transport, app=whoever)
    token = fake.access_token("robot", API)
    assert program.get("/api/x", headers=bearing(token)).text == "robot"
    program.get(
        "/api/x", headers=bearing(fake.access_token("robot", "https://other.test")), status=401
    )
    program.get("/api/x", headers=bearing(fake.access_token("robot", API, opaque=True)), status=401)
    assert not [each for each in caplog.records if each.levelname == "WARNING"]


def test_it_proves_who_it_is_where_it_asks_about_tokens_and_only_there(fake):
    options = fake.options(audience=API, sign_in=False, introspection=True)
    program = client(options, transport=fake.transport, app=whoever)
    token = fake.access_token("robot", API, opaque=True)
    assert program.get("/api/x", headers=bearing(token)).text == "robot"
    with pytest.raises(ConfigError, match="client_id: is missing"):
        client(alone(fake, introspection=True))


@pytest.mark.parametrize("headers", [BROWSER, {"Accept": "application/json"}, {}], ids=str)
def test_where_nobody_can_sign_in_nobody_is_sent_to(fake, headers):
    answer = client(alone(fake)).get("/api/x", headers=headers, status=401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "/auth/signin" not in answer.text and "signinUrl" not in answer.text


@pytest.mark.parametrize("page", ["own", "password"])
def test_where_somebody_can_a_browser_is(fake, page):
    how = {"pages": {"sign_in": "/login"}} if page == "own" else {}
    providers = [alone(fake)] if page == "own" else [PASSWORD, alone(fake)]
    answer = client(*providers, **how).get("/api/x", headers=BROWSER, status=302)
    assert answer.location.endswith("callbackUrl=/api/x")


def test_nobody_signs_in_by_it(fake):
    app = middleware(PASSWORD, alone(fake), transport=fake.transport)
    browser = TestApp(app, extra_environ={"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"})
    assert list(browser.get("/auth/providers").json) == ["credentials"]
    form = browser.get("/auth/signin").forms
    assert [each.action for each in form.values()] == ["/auth/callback/credentials"]
    csrf = browser.get("/auth/csrf").json["csrfToken"]
    before = len(fake.requests)
    for path in ("/auth/signin/fake", "/auth/callback/fake"):
        # no endpoint, so the application's
        assert browser.get(path, {"code": "x", "state": "y"}).text == "hello nobody"
        assert browser.post(path, {"csrfToken": csrf}).text == "hello nobody"
    assert len(fake.requests) == before
    assert browser.get("/auth/session").json is None


@pytest.mark.parametrize("ask", ["sign_in_url", "challenge"])
def test_an_application_that_sends_somebody_there_hears_that_it_cannot(fake, ask):
    def app(environ, start_response):
        getattr(get_auth(environ), ask)("fake")

    with pytest.raises(UsageError, match="no provider 'fake'"):
        client(PASSWORD, alone(fake), app=app).get("/")


def test_beside_others_its_users_are_its_own(fake):
    program = client(PASSWORD, alone(fake), transport=fake.transport, app=whoever)
    token = fake.access_token("1", API)
    assert program.get("/api/x", headers=bearing(token)).text == "fake:1"


@pytest.mark.parametrize("adapter", [None, "memory:"])
def test_nobody_whom_the_application_signs_in_itself_is_somebody_by_a_token(fake, adapter):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/login":
            get_auth(environ).sign_in({"id": environ["QUERY_STRING"]})
        return whoever(environ, start_response)

    more = {"adapter": adapter} if adapter else {}
    entry, page = alone(fake), {"sign_in": "/login"}
    guarded = middleware(entry, transport=fake.transport, app=app, pages=page, **more)
    program = TestApp(guarded)
    assert program.get("/login?1").text == "1"
    token = fake.access_token("1", API)
    assert program.get("/api/x", headers=bearing(token)).text == "fake:1"
    with pytest.raises(AccessDenied, match="looks like one of"):
        program.get("/login?fake:1")


def test_nobody_whose_token_the_application_knows_is_somebody_by_a_providers_token(fake):
    def own(token, request):
        return {"id": "1"} if token == "own" else None

    program = client(alone(fake), transport=fake.transport, app=whoever, callbacks={"bearer": own})
    assert program.get("/api/x", headers=bearing("own")).text == "1"
    token = fake.access_token("1", API)
    assert program.get("/api/x", headers=bearing(token)).text == "fake:1"


@pytest.mark.parametrize("id", ["app", "token"])
def test_a_provider_may_be_called_as_the_application_is_and_its_people_are_not_the_applications(
    fake, id
):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/login":
            get_auth(environ).sign_in({"id": "1"})
        return whoever(environ, start_response)

    def own(token, request):
        return {"id": "1"} if token == "own" else None

    program = client(
        PASSWORD,
        {**alone(fake), "id": id},
        transport=fake.transport,
        app=app,
        callbacks={"bearer": own},
    )
    assert program.get("/login").text == "1"
    assert program.get("/api/x", headers=bearing("own")).text == "1"
    token = fake.access_token("1", API)
    assert program.get("/api/x", headers=bearing(token)).text == f"{id}:1"


@pytest.mark.parametrize(
    "more",
    [
        {"providers_for": lambda request: ["fake"] if request.path else []},
        {"callbacks": {"bearer": lambda token, request: request.path and None}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_path_that_is_not_utf_8_is_a_bad_request_of_a_program_too(fake, more, caplog):
    program = client(alone(fake), transport=fake.transport, **more)
    answer = program.get("/api/%ff", headers=bearing("x"), status=400)
    assert answer.json["error"] == "BadRequest"
    assert not [each for each in caplog.records if each.exc_info]
    program.get("/api/x", headers=bearing("x"), status=401)


def test_a_name_says_who_it_is_only_where_one_party_gives_it(fake):
    with pytest.raises(ConfigError, match="remote_user: the application and 'fake' may know"):
        client(alone(fake), remote_user="login", pages={"sign_in": "/login"})
    client(alone(fake), remote_user="login")


@pytest.mark.parametrize(("ids", "status"), [(["fake"], 200), (["credentials"], 401), ([], 401)])
def test_providers_for_chooses_whose_tokens_count_too(fake, ids, status):
    program = client(
        PASSWORD, alone(fake), transport=fake.transport, providers_for=lambda request: ids
    )
    program.get("/api/x", headers=bearing(fake.access_token("robot", API)), status=status)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"audience": ""}, "providers.op.audience: is missing"),
        ({"logout": True}, "providers.op.logout: is about those who sign in by it"),
        ({"tokens": True}, "providers.op.tokens: is about"),
        ({"link_by_email": True}, "providers.op.link_by_email: is about"),
        ({"backchannel_logout": True}, "providers.op.backchannel_logout: is about"),
        ({"frontchannel_logout": True}, "providers.op.frontchannel_logout: is about"),
        ({"issuer": ""}, "providers.op.issuer: is missing"),
        ({"sign_in": "perhaps"}, "providers.op.sign_in: "),
    ],
    ids=str,
)
def test_what_says_nothing_without_a_sign_in_stops_start_up(options, problem):
    with pytest.raises(ConfigError) as raised:
        client({**ISSUER, "sign_in": False, **options})
    assert problem in str(raised.value)


def test_a_provider_of_oauth_alone_issues_no_tokens_that_could_be_checked():
    with pytest.raises(ConfigError, match="sign_in: there is no such option"):
        client({"id": "op", "type": "oauth", "sign_in": False})


def test_one_that_is_made_per_request_is_there_to_sign_in_by(fake, caplog):
    entry = {
        "id": "op",
        "per_request": lambda request: {**ISSUER, "sign_in": False},
    }
    browser = client(entry, url="https://localhost")
    browser.get("/auth/signin", status="*")
    assert "providers.op.sign_in: is not for a provider that is made per request" in caplog.text


def test_an_issuer_at_which_people_sign_in_needs_no_second_entry():
    signs_in = {
        **ISSUER,
        "id": "company",
        "client_id": "app",
        "client_secret": "secret",
        "audience": (),
    }
    with pytest.raises(ConfigError, match="give 'company' the audience instead"):
        client(signs_in, {**ISSUER, "sign_in": False}, url="https://app.example.test")


#: Who signs in at Entra: anybody with an account in any tenant, which has the issuer of its own.
ENTRA = {"id": "microsoft-entra-id", "client_id": "a" * 8, "client_secret": "secret"}
TENANT = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"


@pytest.mark.parametrize("more", [{"sign_in": False}, {"client_id": "b", "client_secret": "b"}])
def test_no_id_token_of_any_tenant_is_an_access_token_of_the_issuer_of_one(more):
    base = {"secret": SECRET, "url": "https://app.example.test", "routes": ROUTES}
    one = {**ISSUER, "issuer": TENANT, **more}
    for entry in (ENTRA, {**ENTRA, "tenant": TENANT.split("/")[3]}):
        providers = [entry, {**one, "audience": ENTRA["client_id"]}]
        with pytest.raises(ConfigError, match="every ID token of that client would be an access"):
            AuthConfig.from_mapping({**base, "providers": providers}, environ={})
    AuthConfig.from_mapping({**base, "providers": [ENTRA, one]}, environ={})


def test_anybodys_tokens_are_taken_only_where_that_is_meant():
    google = {"id": "google", "audience": API, "sign_in": False}
    with pytest.raises(ConfigError, match="anybody may have an account at 'google'"):
        client(google, remote_user="id")
    client(google, remote_user="id", allow_groups=["staff"])


def test_a_file_spells_it_as_any_option(tmp_path):
    file = tmp_path / "auth.ini"
    lines = [
        f"secret = {SECRET}",
        *(f"providers.op.{name} = {value}" for name, value in ISSUER.items()),
    ]
    file.write_text("\n".join(["[auth]", *lines, "providers.op.sign_in = no", ""]))
    config = AuthConfig.from_ini(file, environ={})
    assert config.providers == () and [each.id for each in config.issuers] == ["op"]


def test_start_up_warns_where_no_route_takes_its_tokens(fake):
    for routes, count in ((ROUTES, 0), (["/api/:path*"], 1)):
        found = middleware(alone(fake), routes=routes).config.warnings
        assert len([each for each in found if "its tokens open nothing" in each]) == count


def test_check_says_whose_tokens_count(fake):
    said: list[str] = []
    report(middleware(alone(fake)).config, said.append)
    assert "sign-in    nobody can" in said and "tokens     also of fake" in said
