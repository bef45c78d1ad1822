"""The pages about providers that people run themselves: each file there signs somebody in."""

from __future__ import annotations

from pathlib import Path

import pytest
from webtest import TestApp

from tests.docs import blocks
from tests.docs.test_code_blocks import SECRET, app
from wsgi_auth import AuthMiddleware
from wsgi_auth.config import AuthConfig
from wsgi_auth.providers import OIDC
from wsgi_auth.testing import FakeClient, FakeProvider

PAGES = [page for page in blocks.PAGES if page.parent.name == "self-hosted"]
FILES = [block for block in blocks.of("toml") if block.page in PAGES]
#: Somebody of the group and somebody else, in whichever claim their provider says so.
ROLES = "urn:zitadel:iam:org:project:roles"
PEOPLE = {
    "ada": {"groups": ["staff", "engines"], "roles": ["staff"], ROLES: {"staff": {"1": "org"}}},
    "bob": {"groups": ["guests"], "roles": [], ROLES: {}},
}
VISITOR = {"wsgi.url_scheme": "https", "HTTP_HOST": "app.example.org"}


@pytest.fixture
def configured(request: pytest.FixtureRequest, tmp_path: Path) -> AuthConfig:
    """What one file of a page says, as the page has it."""
    file = tmp_path / "auth.toml"
    file.write_text(request.param.code, encoding="utf-8")
    (tmp_path / "secret.txt").write_text(SECRET)
    return AuthConfig.from_toml(file, environ={})


#: Nextcloud speaks OAuth 2.0 alone; ``tests/providers`` has its whole flow.
every_oidc_file = pytest.mark.parametrize(
    "configured",
    [block for block in FILES if block.page.stem != "nextcloud"],
    indirect=True,
    ids=lambda block: block.name,
)


def test_each_page_but_the_index_has_a_file() -> None:
    assert {page.stem for page in PAGES} - {block.page.stem for block in FILES} == {"index"}


@pytest.mark.parametrize("block", FILES, ids=lambda block: block.name)
def test_a_page_names_the_callback_url_of_its_file(block: blocks.Block, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "auth.toml").write_text(block.code, encoding="utf-8")
    (provider,) = AuthConfig.from_toml(tmp_path / "auth.toml", environ={}).providers
    assert f"/auth/callback/{provider.id}" in block.page.read_text(encoding="utf-8")


@pytest.mark.filterwarnings("default")
@every_oidc_file
def test_a_file_signs_in_a_member_of_the_group_and_nobody_else(configured: AuthConfig) -> None:
    (provider,) = configured.providers
    assert isinstance(provider, OIDC)
    client = FakeClient(provider.client_id, provider.client_secret, auth=provider.client_auth)
    people = [{"sub": name, "groups": claims["groups"]} for name, claims in PEOPLE.items()]
    fake = FakeProvider(provider.issuer, people, [client], id=provider.id)
    application = AuthMiddleware(app, configured, transport=fake.transport)

    def signed_in(name: str, audience: list[str]) -> bool:
        browser = TestApp(application, extra_environ=VISITOR)
        more = {**PEOPLE[name], "aud": audience, "azp": provider.client_id}
        with fake.tamper("claims", lambda said, scene: {**said, **more}):
            fake.sign_in(browser, name, expect_errors=True)
        return browser.get("/auth/session").json is not None

    audience = [provider.client_id, *provider.trusted_audiences]
    assert signed_in("ada", audience)
    assert signed_in("bob", audience) is (configured.allow_groups is None)
    assert not signed_in("ada", [provider.client_id, "another"])
