"""What a browser keeps of the sign-ins under way: some of them, for a while, for us alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import OTHER_SECRET, SECRET, config
from tests.oauth.ground import NOW, begun, oauth, oidc
from wsgi_auth.cookies import MAX_COOKIE
from wsgi_auth.oauth.checks import LIFETIME, Flow
from wsgi_auth.oauth.pending import LARGEST, MOST, Pending
from wsgi_auth.sealed import SealedCodec

ACME = oidc()
POSTED = oidc(response_mode="form_post")
FLOW, FLOW_POST = "__Host-auth.flow", "__Host-auth.flow-post"
#: As long as a return URL may be.
LONG = "/" + "x" * 2_047


def pending(**more: Any) -> Pending:
    return Pending(config(**more))


def header(set_cookies: list[str]) -> str:
    """The Cookie header of a browser that got these."""
    pairs = [each.partition(";")[0] for each in set_cookies]
    return "; ".join(pair for pair in pairs if not pair.endswith("="))


def value(set_cookies: list[str]) -> str:
    """The value of the only cookie in it."""
    (only,) = set_cookies
    return only.partition(";")[0].partition("=")[2]


def sealed(secret: str, purpose: str, *flows: Flow) -> str:
    return SealedCodec([secret.encode()], purpose).seal({"flows": [f.to_json() for f in flows]})


# --- which are kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [ACME, POSTED, oauth()], ids=["oidc", "form_post", "oauth"])
@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_flows_come_back_as_they_were_in_their_order(provider: Any, count: int) -> None:
    flows = tuple(begun(provider, max_age=number) for number in range(count))
    here = pending()
    assert here.read(provider, header(here.write(provider, flows)), NOW) == flows


@pytest.mark.parametrize("count", [MOST + 1, 3 * MOST])
def test_of_too_many_the_oldest_are_forgotten(count: int) -> None:
    here, flows = pending(), [begun() for _ in range(count)]
    assert here.read(ACME, header(here.write(ACME, iter(flows))), NOW) == tuple(flows[-MOST:])


def test_five_plain_flows_fit() -> None:
    flow = begun(oidc(id="a-name-of-some-length"), max_age=3_600)
    flow = replace(flow, callback_url="/a/page?with=a&query=" + "y" * 60, dpop_key="k" * 43)
    assert len(value(pending().write(ACME, [flow] * MOST))) <= LARGEST


def test_of_too_large_ones_the_oldest_are_forgotten_until_it_is_one_cookie() -> None:
    here = pending()
    flows = [replace(begun(), callback_url=LONG) for _ in range(3)]
    written = here.write(ACME, flows)
    assert len(value(written)) <= LARGEST
    assert here.read(ACME, header(written), NOW) == (flows[-1],)


def test_a_large_one_does_not_take_the_place_of_more_than_it_needs() -> None:
    here, small = pending(), [begun() for _ in range(3)]
    large = replace(begun(), callback_url="/" + "x" * 1_500)
    for flows in ([large, *small], [*small, large]):
        assert here.read(ACME, header(here.write(ACME, flows)), NOW) == tuple(flows)
    larger = replace(begun(), callback_url=LONG)
    kept = here.read(ACME, header(here.write(ACME, [*small, larger])), NOW)
    assert kept == (*small[-2:], larger)


def test_one_that_fits_nowhere_leaves_nothing_behind() -> None:
    huge = replace(begun(), callback_url="/" + "x" * LARGEST)
    for flows in ([huge], [begun(), huge]):
        (removal,) = pending().write(ACME, flows)
        assert removal.startswith(f"{FLOW}=; Max-Age=0;")


@settings(deadline=None)
@given(st.lists(st.integers(0, 4_000), max_size=8))
@example([1_200] * 5)
def test_whatever_the_sizes_it_is_one_cookie_with_the_newest(sizes: list[int]) -> None:
    here = pending()
    flows = [replace(begun(), callback_url="/" + "x" * size) for size in sizes]
    written = here.write(ACME, flows)
    assert len(value(written)) <= LARGEST
    kept = here.read(ACME, header(written), NOW)
    assert len(kept) <= MOST and kept == tuple(flows[len(flows) - len(kept) :])


@pytest.mark.parametrize("length", [100, 199, 200])
def test_a_long_name_of_the_cookie_leaves_less_room_and_it_is_one_cookie(length: int) -> None:
    """It is never cut into chunks, which nobody would put together."""
    here = pending(cookies={"flow": {"name": "n" * length}})
    flows = [replace(begun(), callback_url="/" + "x" * 260) for _ in range(MOST)]
    written = here.write(ACME, flows)
    assert length + len(value(written)) <= MAX_COOKIE
    kept = here.read(ACME, header(written), NOW)
    assert kept and kept == tuple(flows[-len(kept) :])


def test_no_flow_left_removes_the_cookie() -> None:
    for provider, name in ((ACME, FLOW), (POSTED, FLOW_POST)):
        (removal,) = pending().write(provider, ())
        assert removal.startswith(f"{name}=; Max-Age=0; Path=/; HttpOnly;")


# --- for how long --------------------------------------------------------------------------------


def test_an_expired_flow_is_dropped_and_the_others_are_not() -> None:
    here = pending()
    old, new = begun(), replace(begun(), created=int(NOW) + 600)
    cookie = header(here.write(ACME, [old, new]))
    assert here.read(ACME, cookie, old.created + LIFETIME) == (old, new)
    assert here.read(ACME, cookie, old.created + LIFETIME + 1) == (new,)
    assert here.read(ACME, cookie, new.created + LIFETIME + 1) == ()


def test_a_flow_of_the_future_is_dropped() -> None:
    here = pending()
    cookie = header(here.write(ACME, [replace(begun(), created=int(NOW) + 3_600)]))
    assert here.read(ACME, cookie, NOW) == ()


def test_the_browser_forgets_the_cookie_when_its_last_flow_is_over() -> None:
    (written,) = pending().write(ACME, [begun()])
    assert f"; Max-Age={LIFETIME};" in written


# --- in which cookie -----------------------------------------------------------------------------


def test_a_plain_answer_and_a_posted_one_have_cookies_of_their_own() -> None:
    """One that is SameSite=None comes with every request of another site: it holds no more than it
    has to."""
    here, plain, posted = pending(), begun(), begun(POSTED)
    (lax,), (none,) = here.write(ACME, [plain]), here.write(POSTED, [posted])
    assert lax.startswith(f"{FLOW}=") and lax.endswith("; HttpOnly; SameSite=Lax; Secure")
    assert none.startswith(f"{FLOW_POST}=") and none.endswith("; HttpOnly; SameSite=None; Secure")
    both = header([lax, none])
    assert here.read(ACME, both, NOW) == (plain,)
    assert here.read(POSTED, both, NOW) == (posted,)


def test_the_value_of_one_cookie_is_nothing_in_the_other() -> None:
    here = pending()
    plain, posted = here.write(ACME, [begun()]), here.write(POSTED, [begun(POSTED)])
    assert here.read(POSTED, f"{FLOW_POST}={value(plain)}", NOW) == ()
    assert here.read(ACME, f"{FLOW}={value(posted)}", NOW) == ()


def test_a_cookie_that_somebody_planted_beside_ours_does_not_hide_it() -> None:
    """A neighbouring subdomain can, and the browser sends it first."""
    here, flow = pending(), begun()
    good = header(here.write(ACME, [flow]))
    for planted in ("x", "", '"', "A" * 5_000):
        assert here.read(ACME, f"{FLOW}={planted}; {good}", NOW) == (flow,)
        assert here.read(ACME, f"{good}; {FLOW}={planted}", NOW) == (flow,)


# --- for whom ------------------------------------------------------------------------------------


def test_the_same_flows_are_never_written_the_same_way() -> None:
    here, flows = pending(), [begun()]
    assert len({value(here.write(ACME, flows)) for _ in range(20)}) == 20


def test_a_new_secret_still_reads_what_the_old_one_sealed() -> None:
    flow = begun()
    cookie = header(pending().write(ACME, [flow]))
    assert pending(secret=[OTHER_SECRET, SECRET]).read(ACME, cookie, NOW) == (flow,)
    newer = header(pending(secret=[OTHER_SECRET, SECRET]).write(ACME, [flow]))
    assert pending().read(ACME, newer, NOW) == ()
    assert pending(secret=OTHER_SECRET).read(ACME, newer, NOW) == (flow,)


def other_case() -> str:
    return value(pending().write(ACME, [begun()])).swapcase()


FOREIGN: dict[str, Callable[[], str]] = {
    "of another secret": lambda: value(pending(secret=OTHER_SECRET).write(ACME, [begun()])),
    "of another cookie's name": lambda: value(
        pending(cookies={"flow": {"name": "another"}}).write(ACME, [begun()])
    ),
    "of another purpose": lambda: sealed(SECRET, f"wsgi_auth.tokens {FLOW}", begun()),
    "of no purpose": lambda: sealed(SECRET, "", begun()),
    "cut off": lambda: value(pending().write(ACME, [begun()]))[:-1],
    "longer": lambda: value(pending().write(ACME, [begun()])) + "A",
    "of another case": other_case,
    "not sealed": lambda: "eyJmbG93cyI6W119",
    "too short for a seal": lambda: "A" * 37,
    "huge": lambda: "A" * 120_000,
    "no base64": lambda: "%%%%",
    "not ascii": lambda: "é" * 60,
    "empty": lambda: "",
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_we_did_not_seal_for_this_is_nothing(make: Callable[[], str]) -> None:
    assert pending().read(ACME, f"{FLOW}={make()}", NOW) == ()


def test_what_this_version_does_not_know_is_left_out() -> None:
    """A flow of a newer version, during an upgrade of several machines."""
    good = begun()
    odd: list[Any] = [{**begun().to_json(), "zz": 1}, {}, None, "x", good.to_json()]
    text = SealedCodec([SECRET.encode()], f"wsgi_auth.flow {FLOW}").seal({"flows": odd})
    assert pending().read(ACME, f"{FLOW}={text}", NOW) == (good,)


@given(st.text())
@example(f"{FLOW}")
@example(f"{FLOW}=; {FLOW}=")
@example(f"{FLOW}.0=1~x; {FLOW}.1=x")
def test_no_header_does_anything_but_hold_no_flow(text: str) -> None:
    assert pending().read(ACME, text, NOW) == ()
    assert pending().read(ACME, f"{FLOW}={text}", NOW) == ()


def test_nothing_of_a_flow_can_be_read_without_the_secret() -> None:
    flow = begun(oidc(dpop=True))
    (written,) = pending().write(ACME, [flow])
    for secret in (flow.state, flow.nonce, flow.code_verifier, flow.dpop_key, flow.callback_url):
        assert secret and secret not in written
