"""The tokens of other parties in a browser's own cookies: what fits, and whose they are."""

from __future__ import annotations

import random
import string

import pytest

from tests.conftest import config
from wsgi_auth.oauth.token import Tokens
from wsgi_auth.oauth.vault import LARGEST, Vault
from wsgi_auth.types import FrozenDict

CLAIMS = FrozenDict(sid="one", sub="alice")
NAME = "__Host-auth.tokens"


def noise(length: int, seed: int = 1) -> str:
    """Text that nothing makes shorter."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=length))


def header(written: list[str]) -> str:
    """The Cookie header of a browser that was told so."""
    pairs = (value.partition(";")[0] for value in written if "Max-Age=0" not in value)
    return "; ".join(pairs)


@pytest.fixture
def vault() -> Vault:
    return Vault(config())


FULL = Tokens("at", refresh_token="rt", id_token="it", scope="s", extras=FrozenDict(team="blue"))


def test_tokens_come_back_as_they_were_and_a_refusal_with_them(vault: Vault) -> None:
    kept = {"fake": FULL, "other": None}
    assert vault.read(header(vault.write("", CLAIMS, kept)), CLAIMS) == kept


@pytest.mark.parametrize(
    ("extra", "id_token", "left"),
    [
        (1_000, 1_000, {"extras", "id_token"}),
        (6_000, 1_000, {"id_token"}),
        (1_000, 6_000, set()),
        (6_000, 6_000, set()),
    ],
)
def test_what_nobody_needs_is_left_out_where_there_is_no_room(
    vault: Vault, extra: int, id_token: int, left: set[str]
) -> None:
    tokens = Tokens(
        noise(500), refresh_token=noise(500, 2), id_token=noise(id_token, 3), scope="s",
        extras=FrozenDict(x=noise(extra, 4)), expires_at=7, subject="sub",
    )  # fmt: skip
    written = vault.write("", CLAIMS, {"fake": tokens, "other": None})
    assert len(header(written)) <= LARGEST + 100
    found = vault.read(header(written), CLAIMS)
    assert found["other"] is None and found["fake"] is not None
    said, given = found["fake"].to_json(), tokens.to_json()
    assert said == {n: v for n, v in given.items() if n not in {"extras", "id_token"} - left}


def test_tokens_that_are_too_large_on_their_own_are_refused(vault: Vault) -> None:
    with pytest.raises(ValueError, match="characters of tokens"):
        vault.write("", CLAIMS, {"fake": Tokens(noise(6_000))})


def test_the_tokens_of_one_session_are_none_of_anothers(vault: Vault) -> None:
    told = header(vault.write("", CLAIMS, {"fake": FULL}))
    assert vault.read(told, FrozenDict(sid="two", sub="alice")) == {}
    assert vault.read(told, FrozenDict(sub="alice")) == {}
    assert vault.read("", CLAIMS) == {}


@pytest.mark.parametrize("length", [10, 4_000])
@pytest.mark.parametrize("junk", ["x", "%%", ""])
def test_a_cookie_that_somebody_planted_beside_ours_does_not_hide_it(
    vault: Vault, junk: str, length: int
) -> None:
    tokens = Tokens(noise(length))
    ours = header(vault.write("", CLAIMS, {"fake": tokens}))
    for told in (f"{NAME}={junk}; {ours}", f"{ours}; {NAME}={junk}"):
        assert vault.read(told, CLAIMS) == {"fake": tokens}


def test_what_is_written_or_removed_leaves_no_piece_of_what_was(vault: Vault) -> None:
    before = header(vault.write("", CLAIMS, {"fake": Tokens(noise(4_000))}))
    pieces = {pair.partition("=")[0] for pair in before.split("; ")}
    assert len(pieces) == 2
    for written in (vault.write(before, CLAIMS, {"fake": FULL}), vault.remove(before)):
        gone = {each.partition("=")[0] for each in written if "Max-Age=0" in each}
        assert pieces <= gone
