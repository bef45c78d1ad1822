"""Which expressions of a configuration one request can keep busy."""

from __future__ import annotations

import re

import pytest

from wsgi_auth.cli.slow import takes_for_ever

SLOW = [
    r"(\w+-?)*", r"/x((?:a|a)*)b", r"(a+)+", r"([a-z]+)*\.html", r"(a|aa)+$", r"(.*)*x",
    r"/y/(\d+|\w+)*/z", r"(?:\w+\s?)*", r"(?=(a+)+b).*", r".*.*x", r"\w*\d*\w*!", r"(?:éo|[é-ü]o)*",
    r"/(.*)/(.*)/(.*)/edit", r"/.*/.*/.*x", r".*;.*;.*=x", r"(?:a{1,50}){1,50}b",
    r"(\w{1,40}\.?){1,40}x", r"(?:.*,){11}P", r"(?:[一-鿿]+)+x", r"[^,]*,[^;]*,[^;]*,[^;]*x",
    "((((((a*)*)*)*)*)*)*",
    r"(?i:(?:BC|bc)*)d", r"(?:x{2,3})*", r"([^\s/]+[^/]?)*", r"(?:\W+|\D+)+", r"/(?:(?:-|.)+)?z",
]  # fmt: skip
QUICK = [
    r"(?>\w+-?)*+", r"\w+(-\w+)*", r"/admin(?:/[^/]+)*", r"[^/]+(?:/[^/]+)*", r"(?!api|_next).*",
    r"\d{4}-\d{2}", r"(a|b)*c", r".*\.html", r"[^@]+@[^@]+", r"(?i:ABC)+", r"a*b*c*", r"(en|de|fr)",
    r"é+[^é]*", r"", r"(a)\1+", r"(?:é|[é-ü])*", r"\s*\S+", r"(?<=a)b*", r"[^a]+",
]  # fmt: skip


@pytest.mark.parametrize("expression", SLOW)
def test_what_can_match_in_many_ways_is_found(expression: str) -> None:
    assert takes_for_ever(re.compile(expression))


@pytest.mark.parametrize("expression", QUICK)
def test_what_can_match_in_one_way_is_let_be(expression: str) -> None:
    assert takes_for_ever(re.compile(expression)) == ""
