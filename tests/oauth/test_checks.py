"""A sign-in under way: fresh values, found again by its state, over after a quarter of an hour."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from wsgi_auth.oauth import checks
from wsgi_auth.oauth.checks import Flow
from wsgi_auth.providers.oauth import OIDC

NOW = 1_800_000_000.9


def provider(**more: Any) -> OIDC:
    options = {"id": "acme", "client_id": "us", "client_secret": "s", "issuer": "https://op.test"}
    return OIDC(**(options | more))


def begun(**more: Any) -> Flow:
    return checks.begin(provider(), "https://us.test/auth/callback/acme", "/after", NOW, **more)


def test_every_value_is_fresh_and_has_256_bits() -> None:
    flows = [begun() for _ in range(200)]
    values = {each for flow in flows for each in (flow.state, flow.nonce, flow.code_verifier)}
    assert len(values) == 600
    for value in values:
        assert len(base64.urlsafe_b64decode(value + "=")) == 32
        assert 43 <= len(value) <= 128, "RFC 7636 4.1"


def test_a_flow_says_what_was_asked() -> None:
    flow = begun(subject="ada", max_age=60)
    assert (flow.provider, flow.redirect_uri) == ("acme", "https://us.test/auth/callback/acme")
    assert (flow.callback_url, flow.created, flow.subject) == ("/after", 1_800_000_000, "ada")
    assert (flow.max_age, flow.dpop_key) == (60, "")


@pytest.mark.parametrize(
    ("configured", "asked", "expected"),
    [(None, None, None), (None, 5, 5), (60, None, 60), (60, 5, 5), (60, 600, 60), (60, 0, 0)],
)
def test_a_request_cannot_weaken_max_age(
    configured: int | None, asked: int | None, expected: int | None
) -> None:
    flow = checks.begin(provider(max_age=configured), "r", "u", NOW, max_age=asked)
    assert flow.max_age == expected


def test_a_flow_comes_back_as_it_was() -> None:
    plain = begun()
    full = replace(plain, subject="ada", max_age=0, dpop_key="x" * 43)
    for flow in (plain, full):
        assert Flow.from_json(json.loads(json.dumps(flow.to_json()))) == flow


def test_five_flows_fit_a_cookie() -> None:
    flow = checks.begin(
        provider(dpop=True), "https://app.example.com/auth/callback/acme", "/x" * 40, NOW
    )
    assert len(json.dumps([flow.to_json()] * 5)) * 4 / 3 < 3_800


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "x", [], {}, {"s": "x"}, {"p": "acme"},
        {**begun().to_json(), "x": 1},
        {**begun().to_json(), "s": ""},
        {**begun().to_json(), "s": None},
        {**begun().to_json(), "v": 5},
        {**begun().to_json(), "v": ""},
        {**begun().to_json(), "n": ""},
        {**begun().to_json(), "t": "1"},
        {**begun().to_json(), "t": True},
        {**begun().to_json(), "m": 1.5},
        {**begun().to_json(), "l": ["ada"]},
    ],
)  # fmt: skip
def test_anything_else_is_no_flow(value: object) -> None:
    assert Flow.from_json(value) is None


def test_a_flow_is_found_by_its_whole_state() -> None:
    flows = [begun() for _ in range(5)]
    for flow in flows:
        assert checks.find(flows, flow.state) is flow
    state = flows[2].state
    for wrong in ("", state[:-1], state + "a", state.swapcase(), "é", "\udcff", state + "\0"):
        assert checks.find(flows, wrong) is None
    assert checks.find([], state) is None


def test_an_empty_state_finds_nothing_even_where_one_was_stored() -> None:
    assert checks.find([replace(begun(), state="")], "") is None


@pytest.mark.parametrize(
    ("later", "expected"), [(0, True), (900, True), (901, False), (-60, True), (-62, False)]
)
def test_a_flow_lives_a_quarter_of_an_hour(later: int, expected: bool) -> None:
    flow = begun()
    assert flow.is_alive(flow.created + later) is expected
    assert checks.alive([flow], flow.created + later) == ((flow,) if expected else ())


def test_nothing_secret_is_shown() -> None:
    flow = begun()
    for secret in (flow.state, flow.nonce, flow.code_verifier):
        assert secret not in repr(flow)
