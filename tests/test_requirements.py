"""Each security requirement of this release is named by a test, and each name is a requirement.

A test says which it covers by its number, in its name or its docstring. Where the number would say
less than the name does, the table below says it.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: All of them.
NUMBERS = range(1, 106)
#: Number to file (or module) and test, with what is required.
ELSEWHERE = {
    8: ("test_floors.py", "test_no_cookie_of_a_client_meets_a_parser_of_quadratic_cost", "no cookie of a client is parsed by WebOb or http.cookies"),
    16: ("test_tokens.py", "test_the_tag_is_hmac_sha256", "nothing in a token chooses an algorithm"),
    17: ("test_config.py", "test_a_mistake_stops_start_up_and_names_the_option", "no start without a good secret"),
    26: ("sessions/test_kept.py", "test_after_sign_out_the_old_cookie_is_dead", "sign-out ends the session itself"),
    27: ("sessions/test_kept.py", "test_signing_out_everywhere_ends_all_and_nobody_elses", "all sessions of a user end by one call"),
    28: ("sessions/test_kept.py", "test_the_cookie_is_an_opaque_identifier_and_the_store_has_only_its_hash",
         "a leaked table holds no live session"),
    29: ("wsgi_auth.testing.adapter_contract", "test_a_session_is_found_by_its_very_id_only", "look-up is exact in every store"),
    31: ("sessions/test_kept.py", "test_at_the_edge_of_renewal_all_stay_signed_in_and_one_writes",
         "parallel requests at the edge of renewal"),
    34: ("oauth/test_client.py", "test_fresh_tokens_of_somebody_else_are_refused", "an ID token from a refresh keeps iss, sub and aud"),
    96: ("providers/test_htpasswd.py", "test_a_password_is_taken_whole_or_refused", "no password is cut"),
    42: ("test_matcher.py", "test_digits_of_any_script_are_digits", "whole paths, decoded text"),
    49: ("test_config.py", "test_a_mistake_stops_start_up_and_names_the_option", "a mistake never lets requests through"),
    50: ("test_decisions.py", "test_a_refused_post_goes_by_303_and_reaches_nobody",
         "after a refusal the application is never called"),
    58: ("test_urls.py", "test_a_legitimate_return_url_is_kept", "good return URLs are kept whole"),
    75: ("oauth/test_checks.py", "test_every_value_is_fresh_and_has_256_bits", "state, nonce and verifier are fresh, long and bound"),
    76: ("oauth/test_callback.py", "test_a_flow_with_an_empty_state_accepts_nothing", "no state, no code"),
    77: ("oauth/test_authorization.py",
         "test_an_openid_request_has_everything_and_nothing_else", "PKCE with S256 on every flow"),
    78: ("oauth/test_callback.py", "test_a_bad_answer", "iss is compared, and demanded where it was announced"),
    79: ("oauth/test_token.py", "test_a_code_is_exchanged_with_its_verifier", "a code is exchanged with its own verifier alone"),
    81: (
        "oauth/test_misbehaviour.py",
        "test_a_misbehaving_provider_signs_in_whom_it_should_or_nobody",
        "every claim, header and signature of an ID token is checked",
    ),
    84: ("oauth/test_userinfo.py", "test_anything_else_is_not", "userinfo is of the person of the ID token"),
    87: ("oauth/test_tokens_and_leaving.py", "test_no_token_is_ever_logged",
         "tokens are sealed, and never in logs or pages"),
    88: ("oauth/test_tokens_and_leaving.py",
         "test_signing_out_leads_to_the_provider_and_back_to_where_it_was_to_lead",
         "one return address, and a state that is checked"),
    102: ("actions/test_endpoints.py", "test_a_failure_is_honest_in_both_shapes",
          "an error page shows nothing of the inside"),
}  # fmt: skip


def text_of(file: str) -> str:
    """The text of a file of tests, or of those that every adapter gets from the package."""
    if file.endswith(".py"):
        return (TESTS / file).read_text(encoding="utf-8")
    return inspect.getsource(import_module(file))


def cited() -> set[int]:
    texts = (
        path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__)
    )
    return {int(number) for text in texts for number in re.findall(r"R(\d{3})(?!\d)", text)}


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"R{number:03}")
def test_a_requirement_has_a_test(number: int) -> None:
    if number in ELSEWHERE:
        file, test, _ = ELSEWHERE[number]
        assert f"def {test}(" in text_of(file)
    else:
        assert number in cited()
