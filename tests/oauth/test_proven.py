"""An account whose user has yet to say whether to link it: what the browser keeps of it."""

from __future__ import annotations

import pytest

from tests.conftest import OTHER_SECRET, config
from wsgi_auth.oauth.proven import LIFETIME, ProvenAccount, ProvenAccounts
from wsgi_auth.oauth.token import Tokens

NOW = 1_800_000_000
PROVEN = ProvenAccount("alice", "acme", "", "oidc", "a-1", "Alice", "/after", NOW)


@pytest.fixture
def kept() -> ProvenAccounts:
    return ProvenAccounts(config())


def as_sent(written: list[str]) -> str:
    return "; ".join(each.partition(";")[0] for each in written)


@pytest.mark.parametrize("tokens", [None, Tokens("of-access", refresh_token="of-refresh")])
def test_what_was_written_is_read_while_there_is_time(kept, tokens):
    proven = ProvenAccount("alice", "acme", "", "oidc", "a-1", "Alice", "/after", NOW, tokens)
    header = as_sent(kept.write(proven))
    assert kept.read(header, NOW + LIFETIME) == proven
    assert kept.read(header, NOW + LIFETIME + 1) is None
    assert "a-1" not in header and "of-access" not in header


def test_tokens_that_do_not_fit_stay_out(kept):
    large = ProvenAccount(
        "alice", "acme", "", "oidc", "a-1", "Alice", "/after", NOW, Tokens("x" * 5_000)
    )
    found = kept.read(as_sent(kept.write(large)), NOW)
    assert found == PROVEN


@pytest.mark.parametrize("change", [{"more": 1}, {"label": None, "colour": ""}])
def test_what_another_release_wrote_is_nothing_and_no_exception(kept, change):
    said = {name: getattr(PROVEN, name) for name in ProvenAccount.__dataclass_fields__}
    del said["tokens"]
    value = kept._codec.seal({**said, **change})
    assert kept.read(f"{kept._cookie.name}={value}", NOW) is None
    mine = as_sent(kept.write(PROVEN))
    assert kept.read(f"{kept._cookie.name}={value}; {mine}", NOW) == PROVEN


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "A" * 4_000])
def test_anything_else_is_nothing(kept, value):
    assert kept.read(f"{kept._cookie.name}={value}", NOW) is None


def test_its_user_has_ten_minutes_to_answer_and_then_it_is_gone(kept):
    (written,) = kept.write(PROVEN)
    assert "Max-Age=600;" in written and LIFETIME == 600
    assert kept.read(as_sent([written]), NOW - 86_400) is None, "of a clock that was ahead"
    (gone,) = kept.remove()
    assert gone.startswith(f"{kept._cookie.name}=;") and "Max-Age=0" in gone


def test_what_another_application_sealed_does_not_hide_ours(kept):
    foreign = as_sent(ProvenAccounts(config(secret=OTHER_SECRET)).write(PROVEN))
    assert kept.read(foreign, NOW) is None
    assert kept.read(f"{foreign}; {as_sent(kept.write(PROVEN))}", NOW) == PROVEN
    assert "alice" not in repr(PROVEN)
