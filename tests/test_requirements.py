"""Each security requirement of this release is named by a test, and each name is a requirement.

A test says which it covers by its number, in its name or its docstring. Where the number would say
less than the name does, the table below says it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: Session cookies and tokens, route protection and answers, return URLs, CSRF and pages, sign-in
#: with other parties, limits and logs.
NUMBERS = [*range(1, 25), *range(39, 91), *range(98, 106)]
#: Number to file and test, with what is required.
ELSEWHERE = {
    8: ("test_floors.py", "test_no_cookie_of_a_client_meets_a_parser_of_quadratic_cost", "no cookie of a client is parsed by WebOb or http.cookies"),
    16: ("test_tokens.py", "test_the_tag_is_hmac_sha256", "nothing in a token chooses an algorithm"),
    17: ("test_config.py", "test_a_mistake_stops_start_up_and_names_the_option", "no start without a good secret"),
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
#: What belongs to parts that this release does not have, with the part.
LATER = {
    86: "linking by e-mail: without a store of accounts nothing is ever linked",
    89: "back-channel logout: needs the revocation list",
    105: "values in Redis or SQL: needs the stores of sessions",
}


def cited() -> set[int]:
    texts = (
        path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__)
    )
    return {int(number) for text in texts for number in re.findall(r"R(\d{3})(?!\d)", text)}


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"R{number:03}")
def test_a_requirement_has_a_test(number: int) -> None:
    if number in ELSEWHERE:
        file, test, _ = ELSEWHERE[number]
        assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8")
    elif number not in LATER:
        assert number in cited()
