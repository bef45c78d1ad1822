"""A provider that is made per request: two tenants in one process are two worlds."""

from __future__ import annotations

import json
import logging

import pytest
from joserfc.jwk import ECKey

from tests.oauth.visits import URL, Visitor, application, exchanged
from wsgi_auth import AuthConfig, AuthMiddleware, ConfigError, StoreUnavailable, get_auth, get_token
from wsgi_auth.providers import OIDC, PerRequest
from wsgi_auth.providers.per_request import party_of
from wsgi_auth.recent import MOST
from wsgi_auth.tenants import Tenants
from wsgi_auth.testing import FakeClient, FakeProvider, FakeTransport
from wsgi_auth.testing.fake_provider.web import Answered

SESSION, FLOW = "__Host-auth.session-token", "__Host-auth.flow"
HTML = {"Accept": "text/html"}


def two(**more) -> dict[str, FakeProvider]:
    """Two parties that know people by the same ids."""
    return {
        name: FakeProvider(f"https://{name}.example.test", id="sso", **more)
        for name in ("acme", "globex")
    }


def site(fakes, make=None, *, app=application, options=None, beside=(), **more) -> AuthMiddleware:
    """The tenant is what a proxy in front of the application says."""

    def of_header(request):
        fake = fakes.get(request.headers.get("X-Tenant"))
        return None if fake is None else fake.options(**(options or {}))

    provider = {"id": "sso", "name": "Single sign-on", "per_request": make or of_header}
    return AuthMiddleware(
        app, {"secret": "s" * 40, "url": URL, "matcher": ["/members/:path*"],
              "providers": [provider, *beside],
              "transport": FakeTransport(*fakes.values()), **more},
    )  # fmt: skip


def visitor(app, tenant: str) -> Visitor:
    page = Visitor(app)
    return at(page, tenant)


def at(page: Visitor, tenant: str) -> Visitor:
    page.extra_environ["HTTP_X_TENANT"] = tenant
    return page


def asked(fake: FakeProvider, path: str) -> int:
    return sum(each.path.endswith(path) for each in fake.requests)


def test_a_tenants_own_name_and_icon_come_before_those_for_all():
    fakes = two()

    def make(request):
        tenant = request.headers.get("X-Tenant")
        own = {"name": "Acme", "icon": "/static/acme.svg"} if tenant == "acme" else {}
        said = {key: value for key, value in fakes[tenant].options().items() if key != "name"}
        return {**said, **own}

    entry = {"id": "sso", "name": "Any", "icon": "/static/any.svg", "per_request": make}
    app = site(fakes, providers=[entry])
    for tenant, name in {"acme": "Acme", "globex": "Any"}.items():
        button = visitor(app, tenant).get("/auth/signin").html.select_one("form button")
        assert button.img["src"] == f"/static/{name.lower()}.svg"
        assert button.text == f"Sign in with {name}"


# --- two worlds -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"userinfo": True}, {"tokens": True}])
def test_each_tenant_signs_in_at_its_own_party_and_one_id_at_two_of_them_is_two_people(options):
    fakes = two()
    app = site(fakes, options=options)
    people = {}
    for name, fake in fakes.items():
        page = visitor(app, name)
        assert page.get("/auth/providers").json["sso"]["type"] == "oidc"
        fake.sign_in(page, "alice", start="/auth/signin?callbackUrl=/members/x")
        assert page.get("/members/x").status_int == 200
        people[name] = page.who
    assert len(set(people.values())) == 2
    assert all(who.startswith("sso:") and who.endswith(":alice") for who in people.values())


@pytest.mark.parametrize("response_mode", ["query", "form_post"])
@pytest.mark.parametrize("signed_in", [False, True])
def test_the_answer_of_one_tenants_party_is_none_at_another(response_mode, signed_in):
    fakes = two()
    page = visitor(site(fakes, options={"response_mode": response_mode}), "acme")
    if signed_in:
        at(page, "globex")
        fakes["globex"].sign_in(page, "bob")
        at(page, "acme")
    landing = fakes["acme"].approve(page.begin("sso"), "alice")
    before = exchanged(*fakes.values())
    at(page, "globex")
    posted = response_mode == "form_post"
    answer = (
        page.post(landing.url.removeprefix(URL), landing.form, expect_errors=True)
        if posted else page.land(landing)
    )  # fmt: skip
    if signed_in:
        assert answer.location == "/" and page.who.endswith(":bob")
    else:
        assert answer.status_int == 400 and "InvalidCheck" in answer.text and page.who is None
    assert exchanged(*fakes.values()) == before


def test_the_state_of_one_tenant_is_none_at_another_although_all_else_is_the_same():
    """The same issuer and another client: the flow is bound to both."""
    fake = FakeProvider(
        id="sso", clients=[FakeClient("one", "secret"), FakeClient("two", "secret")]
    )
    app = site({"one": fake, "two": fake}, lambda request: fake.options(
        client_id=request.headers["X-Tenant"], client_secret="secret"
    ))  # fmt: skip
    page = visitor(app, "one")
    landing = fake.approve(page.begin("sso"), "alice")
    assert at(page, "two").land(landing).status_int == 400 and exchanged(fake) == 0
    assert at(page, "one").land(landing).status_int == 302


@pytest.mark.parametrize(
    "beside", [[], [{"id": "credentials", "authorize": lambda form, request: None}]]
)
def test_the_session_of_one_tenant_is_nobodys_at_another_and_stays_where_it_is_at_home(beside):
    fakes = two()

    def told(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        auth, token = get_auth(environ), get_token(environ)
        found = [auth.session, auth.claims, token, auth.access_token("sso")]
        return [json.dumps([each is not None for each in found]).encode()]

    page = visitor(site(fakes, app=told, options={"tokens": True}, beside=beside), "acme")
    fakes["acme"].sign_in(page, "alice", start="/auth/signin?callbackUrl=/x")
    assert page.get("/").json == [True] * 4
    for elsewhere in ("globex", "nobody"):
        at(page, elsewhere)
        answer = page.get("/")
        assert answer.json == [False] * 4 and "Set-Cookie" not in answer.headers
        assert page.get("/members/x", expect_errors=True).status_int == 401
        assert page.get("/auth/session").json is None
        bearer = {"Authorization": f"Bearer {page.cookies[SESSION]}"}
        assert page.get("/", headers=bearer).json == [False] * 4
    assert at(page, "acme").get("/members/x").json == [True] * 4


def test_with_users_in_a_store_one_id_at_two_parties_is_two_users_and_sessions_stay_at_home():
    fakes = two()
    app = site(fakes, adapter="memory:")
    users = {}
    for name, who in (("acme", "alice"), ("globex", "alice"), ("acme", "bob")):
        page = visitor(app, name)
        answer = fakes[name].sign_in(page, who, expect_errors=True)
        if (name, who) == ("globex", "alice"):  # the address is taken, and nobody is anybody by it
            assert answer.status_int == 403 and page.who is None
            continue
        users[name, who] = page.who
        other = "globex" if name == "acme" else "acme"
        assert at(page, other).who is None and at(page, name).who == users[name, who]
    assert len(set(users.values())) == 2


def test_the_longest_return_url_fits_beside_the_tenant_and_a_key():
    fake = FakeProvider(id="sso", clients=[FakeClient(dpop=True)])
    page = visitor(site({"acme": fake}), "acme")
    wanted = "/members/" + "x" * (2048 - len("/members/"))
    landing = fake.approve(page.begin("sso", callbackUrl=wanted), "alice")
    assert page.land(landing).location == wanted and page.who.endswith(":alice")


def test_a_session_that_names_no_tenant_is_at_home_nowhere():
    """A ``jwt`` callback cannot take the tenant away, or put another there."""
    fakes = two()
    app = site(fakes, callbacks={"jwt": lambda claims, context: {**claims, "tenant": "other"}})
    page = visitor(app, "acme")
    fakes["acme"].sign_in(page, "alice")
    assert page.who and page.claims["tenant"] != "other"
    assert at(page, "globex").who is None


def test_metadata_and_keys_are_asked_for_once_for_each_tenant_and_shared_with_none():
    fakes = two()
    app = site(fakes)
    for _ in range(3):
        for name, fake in fakes.items():
            fake.sign_in(visitor(app, name), "alice")
    for fake in fakes.values():
        assert asked(fake, "/openid-configuration") == asked(fake, "/jwks") == 1


def test_two_clients_of_one_issuer_share_neither_metadata_nor_keys():
    fake = FakeProvider(
        id="sso", clients=[FakeClient("one", "secret"), FakeClient("two", "secret")]
    )
    app = site({"x": fake}, lambda request: fake.options(
        client_id=request.headers["X-Tenant"], client_secret="secret"
    ))  # fmt: skip
    for tenant in ("one", "two", "one", "two"):
        fake.sign_in(visitor(app, tenant), "alice")
    assert asked(fake, "/openid-configuration") == asked(fake, "/jwks") == 2


def test_a_secret_that_changes_is_used_at_once():
    fake = FakeProvider(id="sso", clients=[FakeClient("us", "new")])
    secret = ["old"]
    app = site({"x": fake}, lambda request: fake.options(client_secret=secret[0]))
    page = visitor(app, "x")
    assert fake.sign_in(page, "alice", expect_errors=True).status_int >= 400
    secret[0] = "new"
    fake.sign_in(page, "alice", expect_errors=True)
    assert page.who.endswith(":alice")


def test_one_tenants_keys_verify_nothing_of_another():
    """Each has its own party; what the other signs is not the provider's."""
    fakes = two()
    app = site(fakes)
    page = visitor(app, "acme")
    landing = fakes["acme"].approve(page.begin("sso"), "alice")
    own, other = fakes["acme"], fakes["globex"]
    stolen = {}

    def steal(answer, scene):
        stolen["id_token"] = json.loads(answer.body)["id_token"]
        return answer

    def put_in(answer, scene):
        body = {**json.loads(answer.body), **stolen}
        return Answered(200, [("Content-Type", "application/json")], json.dumps(body).encode())

    with other.tamper("http.token", steal):
        other.sign_in(visitor(app, "globex"), "alice")
    with own.tamper("http.token", put_in):
        assert page.land(landing).status_int == 502 and page.who is None


def test_signing_out_leads_to_the_tenants_own_party_and_back():
    fakes = two(clients=[FakeClient(post_logout_redirect_uris=(f"{URL}/auth/signout",))])
    page = visitor(site(fakes, options={"logout": True}), "globex")
    fakes["globex"].sign_in(page, "alice")
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"], "callbackUrl": "/bye"}
    away = page.post("/auth/signout", form)
    assert away.location.startswith("https://globex.example.test/")
    state = dict(each.split("=") for each in away.location.partition("?")[2].split("&"))["state"]
    assert at(page, "acme").get(f"/auth/signout?state={state}", status="*").status_int == 400
    assert at(page, "globex").get(f"/auth/signout?state={state}").location == "/bye"


ACME = {
    "type": "oidc",
    "issuer": "https://acme.example.test",
    "client_id": "us",
    "client_secret": "y",
}
SAME = {
    "as it is": {},
    "another secret": {"client_secret": "z"},
    "another name": {"name": "Acme"},
    "another icon": {"icon": "/static/acme.svg"},
}
ANOTHER_TENANT = {
    "another client": {"client_id": "them"},
    "groups from elsewhere": {"profile": {"groups": "nickname"}},
    "vouched for": {"vouches": True},
    "another scope": {"scope": "openid"},
}
ANOTHER_PARTY = {
    "another issuer": {"issuer": "https://acme.example.test/"},
    "ids from elsewhere": {"profile": {"id": "email"}},
    "another userinfo": {"userinfo": "https://evil.example.test/me"},
    "another token endpoint": {"token": "https://evil.example.test/token"},
    "plain OAuth": {"type": "oauth", "authorization": "https://evil.example.test/a",
                    "token": "https://evil.example.test/t", "userinfo": "https://evil.example.test/u",
                    "profile": {"id": "sub"}},
}  # fmt: skip


@pytest.mark.parametrize("change", [*SAME, *ANOTHER_TENANT, *ANOTHER_PARTY])
def test_who_writes_a_mapping_cannot_speak_for_anothers_party_by_naming_it(change):
    """Issuers and client ids are no secrets: a tenant that names another's, and sees to the rest
    itself, must get other ids and other sessions."""
    changed = {**SAME, **ANOTHER_TENANT, **ANOTHER_PARTY}[change]
    config = AuthConfig.from_mapping(
        {"secret": "s" * 40, "url": URL, "providers": [{"id": "sso", "per_request": lambda request: (
            ACME if request.host == "acme" else {**ACME, **changed})}]}
    )  # fmt: skip
    (entry,) = config.providers
    tenants = Tenants(config)
    acme, other = (
        tenants.provider(entry, {"HTTP_HOST": host, "wsgi.url_scheme": "https"})
        for host in ("acme", "other")
    )
    assert (acme.tenant == other.tenant) == (change in SAME)
    assert (party_of(acme) == party_of(other)) == (change not in ANOTHER_PARTY)


# --- none, and what is no provider --------------------------------------------------------------


def test_a_request_without_a_tenant_has_no_such_provider():
    fakes = two()
    page = visitor(site(fakes), "nobody")
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"]}
    assert page.get("/auth/providers").json == {}
    assert "sso" not in page.get("/auth/signin").text
    assert page.post("/auth/signin/sso", form, status="*").status_int == 404
    assert page.get("/auth/callback/sso?code=c&state=s", status="*").status_int == 404


def _raises(request):
    raise KeyError("a secret")


async def _later(request):
    return None


OIDC_ = {
    "type": "oidc",
    "issuer": "https://acme.example.test",
    "client_id": "x",
    "client_secret": "y",
}
BROKEN = {
    "raises": (_raises, "providers.sso.per_request"),
    "no mapping": (lambda request: ["acme"], "providers.sso.per_request: must return a mapping"),
    "a name": (lambda request: "google", "must return a mapping"),
    "a coroutine": (lambda request: _later(request), "must return a mapping"),
    "nothing in it": (lambda request: {}, "providers.sso"),
    "no issuer": (lambda request: {**OIDC_, "issuer": ""}, "providers.sso.issuer: is missing"),
    "http": (lambda request: {**OIDC_, "issuer": "http://acme.test"}, "must be https"),
    "no secret": (lambda request: {**OIDC_, "client_secret": None}, "providers.sso.client_secret"),
    "no client": (lambda request: {**OIDC_, "client_id": ""}, "providers.sso.client_id"),
    "an unknown option": (lambda request: {**OIDC_, "isuer": "x"}, "did you mean 'issuer'?"),
    "another id": (lambda request: {**OIDC_, "id": "other"}, "leave the id out"),
    "a password": (lambda request: {"type": "credentials", "authorize": print}, "must return"),
    "itself": (lambda request: {"per_request": print}, "must return"),
    "a set": (lambda request: {**OIDC_, "scope": {"openid"}}, "with a value that is none of"),
    "a file": (lambda request: {**OIDC_, "client_secret_file": "/etc/hostname"}, "names a file"),
    "a path": (lambda request: {**OIDC_, "private_key": "/etc/hostname"}, "not a path"),
    "a function's name": (lambda request: {**OIDC_, "profile": "os:system"}, "names a function"),
    "a shared secret": (lambda request: {**OIDC_, "id_token_signed_response_alg": "HS256"},
                        "must be asymmetric"),
    "linking": (lambda request: {**OIDC_, "link_by_email": True}, "link_by_email: is not for"),
    "a broken key": (lambda request: {**OIDC_, "client_secret": None, "private_key":
                     "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"}, "private_key"),
}  # fmt: skip


KEY = ECKey.generate_key("P-256", private=True)


@pytest.mark.parametrize(
    "options",
    [{"id_token_signed_response_alg": "ES256"},
     {"client_secret": None, "private_key": KEY.as_pem(private=True).decode()},
     {"client_secret": None, "private_key": KEY.as_dict(private=True)},
     {"client_secret": None, "private_key": json.dumps(KEY.as_dict(private=True))},
     {"client_secret": None, "private_key": "\n " + json.dumps(KEY.as_dict(private=True))}],
    ids=["an algorithm", "PEM", "a JWK", "its text", "its text, indented"],
)  # fmt: skip
def test_what_a_table_may_say_of_keys_is_taken(options):
    page = Visitor(site(two(), lambda request: {**OIDC_, **options}))
    assert page.get("/auth/providers").json["sso"]["type"] == "oidc"


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_provider_is_500_and_the_log_names_the_problem(kind, caplog, monkeypatch):
    """As strict as start-up, and with no variable for what a tenant leaves out."""
    monkeypatch.setenv("AUTH_SSO_ID", "of another")
    monkeypatch.setenv("AUTH_SSO_SECRET", "of another")
    make, said = BROKEN[kind]
    page = Visitor(site(two(), make))
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"]}
    caplog.clear()
    answer = page.post("/auth/signin/sso", form, status="*")
    assert (
        answer.status_int == 500 and "Configuration" in answer.text
    ) or "CallbackFailed" in answer.text
    assert said in caplog.text and "a secret" not in answer.text and "Traceback" not in answer.text
    if kind != "a broken key":  # which is looked at when it is needed
        for path in ("/auth/signin", "/auth/providers", "/auth/callback/sso?code=c&state=s"):
            assert page.get(path, status="*").status_int == 500
    assert FLOW not in page.cookies


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind != "a broken key"])
def test_one_that_cannot_be_made_is_left_out_and_the_others_are_offered(kind, caplog):
    make, said = BROKEN[kind]
    other = FakeProvider("https://other.example.test", id="other")
    entry = {"id": "sso", "name": "Single sign-on", "per_request": make}
    more = {"transport": FakeTransport(other), "session": {"fresh_age": 0}}
    page = Visitor(site({}, providers=[entry, other.options()], adapter="memory:", **more))
    for _ in range(3):
        assert list(page.get("/auth/providers").json) == ["other"]
        shown = page.get("/auth/signin")
        assert "signin/other" in shown.text and "signin/sso" not in shown.text
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert said in record.getMessage() and record.exc_info, "once a minute, with its traceback"
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"]}
    for path in ("/auth/signin/sso", "/auth/callback/sso"):
        assert page.post(path, form, status="*").status_int == 500
    other.sign_in(page, "alice")
    assert page.who is not None
    assert "alice" in page.get("/auth/account", headers=HTML).text
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"], "provider": "sso", "id": "1"}
    assert page.post("/auth/account/unlink", form, status="*").status_int == 500


def test_nobody_is_sent_to_another_provider_because_their_own_cannot_be_made():
    own, other = FakeProvider(id="sso"), FakeProvider("https://other.example.test", id="other")
    said = [own.options(), None, KeyError("x")]

    def make(request):
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    entry = {"id": "sso", "name": "Single sign-on", "per_request": make}
    more = {"transport": FakeTransport(own, other), "auto_sign_in": True}
    page = Visitor(site({}, providers=[entry, other.options()], **more))
    assert "signin/other" in page.get("/auth/signin", status=200)
    del said[0]  # who has no provider of their own has one to choose from
    assert page.get("/auth/signin", status=302).location.startswith(other.issuer)
    del said[0]
    assert "signin/other" in page.get("/auth/signin", status=200)


@pytest.mark.parametrize(
    ("problem", "status"), [(KeyError("x"), 500), (StoreUnavailable("x"), 503)]
)
def test_a_session_whose_tenant_cannot_be_found_out_is_none_and_public_pages_go_on(
    problem, status, caplog
):
    fakes = two()
    broken = []

    def make(request):
        if broken:
            raise broken[0]
        return fakes["acme"].options()

    app = site(fakes, make)
    page = Visitor(app)
    fakes["acme"].sign_in(page, "alice")
    broken.append(problem)
    assert page.get("/members/x", status="*").status_int == status
    assert page.who is None
    cookie = page.cookies["__Host-auth.session-token"]
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {cookie}"}
    assert get_token(bearer, app.config) is None
    assert any(record.levelno >= logging.ERROR for record in caplog.records)
    broken.clear()
    assert get_token(bearer, app.config)["sub"]
    assert page.get("/members/x").status_int == 200


# --- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [RuntimeError("down"), StoreUnavailable("down")], ids=repr)
def test_a_tenant_that_cannot_be_found_out_keeps_nobody_else_signed_in(problem):
    def make(request):
        raise problem

    ada = {"id": "credentials", "authorize": lambda credentials, request: {"id": "ada"}}
    app = site({}, providers=[ada, {"id": "sso", "per_request": make}])
    page = visitor(app, "acme")
    form = {"csrfToken": page.get("/auth/csrf").json["csrfToken"]}
    page.post("/auth/callback/credentials", form)
    assert page.who == "ada"
    page.get("/auth/signout", headers=HTML).form.submit(status=303)
    assert page.who is None


def test_the_same_mapping_is_checked_once_and_the_number_of_tenants_kept_is_bounded():
    config = AuthConfig.from_mapping(
        {"secret": "s" * 40, "url": URL,
         "providers": [{"id": "sso", "per_request": lambda request: {
             **OIDC_, "client_id": request.host, "authorization_params": {"x": "y"}}}]}
    )  # fmt: skip
    tenants = Tenants(config)
    (entry,) = config.providers

    def of(host):
        return tenants.provider(entry, {"HTTP_HOST": host, "wsgi.url_scheme": "https"})

    first = of("first")
    assert of("first") is first and first.client_id == "first"
    for number in range(MOST + 5):
        of(f"t{number}")
    assert len(tenants._made._found) == MOST
    again = of("first")
    assert again is not first and again.tenant == first.tenant


def test_an_object_does_as_well_and_is_not_changed():
    fakes = two()
    objects = {
        name: OIDC(id="sso", issuer=fake.issuer, client_id=fake.options()["client_id"],
                   client_secret=fake.options()["client_secret"])
        for name, fake in fakes.items()
    }  # fmt: skip
    app = site(
        fakes,
        providers=[PerRequest("sso", lambda request: objects.get(request.headers.get("X-Tenant")))],
    )
    for name, fake in fakes.items():
        page = visitor(app, name)
        fake.sign_in(page, "alice")
        fake.sign_in(page, "bob")
        assert page.who.endswith(":bob") and asked(fake, "/openid-configuration") == 1
    assert {each.tenant for each in objects.values()} == {""}


# --- start-up -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": None}, "url: is needed for 'sso'"),
        ({"remote_user": "email", "allow_emails": "*"}, "remote_user"),
        ({"remote_user": "login", "allow_emails": "*"}, "remote_user"),
        ({"remote_user": "{provider}:{login}", "allow_emails": "*"}, "remote_user"),
        ({"remote_user": "id"}, "allow_emails: anybody may have an account at 'sso'"),
        ({"providers": [{"id": "sso", "per_request": 5}]}, "providers.sso.per_request"),
        ({"providers": [{"id": "sso", "per_request": print, "issuer": "x"}]}, "providers.sso.issuer"),
        ({"providers": [{"per_request": print}]}, "needs an id"),
    ],
)  # fmt: skip
def test_a_mistake_that_shows_at_start_up_stops_it(more, said):
    with pytest.raises(ConfigError, match=said):
        site(two(), **more)


def test_remote_user_tells_two_tenants_people_apart():
    fakes = two()
    app = site(fakes, remote_user="id", allow_emails="*")
    names = set()
    for name, fake in fakes.items():
        page = visitor(app, name)
        fake.sign_in(page, "alice", start="/auth/signin?callbackUrl=/members/x")
        names.add(page.get("/members/x").json["name"])
    assert len(names) == 2
