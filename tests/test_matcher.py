"""The pattern language, the compiled set, the conditions."""

from __future__ import annotations

import re
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.data_matcher import (
    GOLDEN,
    GOLDEN_PATHS,
    LANGUAGE,
    MISTAKES,
    MUST_PASS,
    MUST_PROTECT,
    NOT_PUBLIC,
    PUBLIC,
)
from wsgi_auth.errors import ConfigError
from wsgi_auth.matcher import (
    MEMO_PATH_LENGTH,
    MEMO_PATHS,
    RouteMatcher,
    _PatternSet,
    as_route,
    compile_source,
)
from wsgi_auth.types import Condition, Route


def environ(path="/", method="GET", **extra):
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", **extra}


def protected(matcher, path):
    return bool(matcher.match(environ(path)))


def trie(source, protects=True, case_sensitive=True):
    route = Route(source, case_sensitive=case_sensitive)
    found = _PatternSet([("matcher", route)], protects=protects)
    return lambda text: bool(found.find(text))


# --- the language ---------------------------------------------------------------------------


@pytest.mark.parametrize("protects", [True, False])
@pytest.mark.parametrize("source", GOLDEN)
def test_a_pattern_matches_what_it_matches_in_next_js(source, protects):
    compiled = compile_source(source, protects=protects)
    expected = GOLDEN[source].split()
    assert [path for path in GOLDEN_PATHS if compiled.fullmatch(path)] == expected
    assert list(filter(trie(source, protects), GOLDEN_PATHS)) == expected


@pytest.mark.parametrize(("source", "matching", "other"), LANGUAGE)
def test_a_pattern_means_what_path_to_regexp_6_makes_of_it(source, matching, other):
    for matches in (compile_source(source).fullmatch, trie(source)):
        assert [path for path in matching if matches(path)] == matching
        assert [path for path in other if matches(path)] == []


@pytest.mark.parametrize(("source", "position", "shown"), MISTAKES)
def test_a_mistake_is_named_with_its_place_and_with_what_is_right(source, position, shown):
    for build in (lambda: compile_source(source), lambda: RouteMatcher([source])):
        with pytest.raises(ConfigError) as caught:
            build()
        assert repr(source) in str(caught.value)
        assert shown in str(caught.value)
        assert caught.value.key == "matcher"
        if position is not None:
            assert f"at position {position}:" in str(caught.value)


def test_a_mistake_names_the_option_it_stands_in():
    for option in ("matcher", "public", "ignore", "routes"):
        with pytest.raises(ConfigError, match=f"^{option}: "):
            RouteMatcher(**{option: ["/a*"]})


@given(st.text(st.sampled_from("/ab:*+?(){}\\.[]^$|!-=<>dwD1,"), max_size=15))
def test_any_text_is_a_pattern_or_a_configuration_error(text):
    try:
        compile_source("/" + text)
    except ConfigError:
        return
    assert isinstance(trie("/" + text)("/a"), bool)


def test_a_source_starts_with_a_slash_and_has_an_end():
    with pytest.raises(ConfigError, match="try '/admin'"):
        RouteMatcher(["admin"])
    with pytest.raises(ConfigError, match="4096"):
        RouteMatcher(["/" + "a" * 4096])
    assert protected(RouteMatcher(["/" + "a" * 4095]), "/" + "a" * 4095)


@pytest.mark.parametrize(
    ("source", "text", "wide", "narrow"),
    [
        (r"/reports/:id(\d+)", "/reports/٣", True, False),
        (r"/reports/:id([\d-]+)", "/reports/٣", True, False),
        (r"/x/(\w+)", "/x/é", True, False),
        (r"/x/(\D)", "/x/٣", True, False),
        (r"/x/([^\d])", "/x/٣", True, False),
        (r"/x/([\D])", "/x/٣", True, False),
        (r"/x/(\W)", "/x/é", True, False),
        (r"/x/(\S)", "/x/\u2003", True, False),
        (r"/x/(\s)", "/x/\u2003", True, False),
        (r"/((?!\d).*)", "/٣", True, False),
        (r"/((?!\D).*)", "/٣", True, False),
        (r"/((?!(?!\d)).*)", "/٣", True, False),
        ("/x(.*)", "/x\ny", True, False),
        ("/x(.*)", "/x\u2028y", True, False),
        (r"/(.*\bx)", "/éx", True, False),
        (r"/(é\b.*)", "/é!", True, False),
    ],
)
def test_a_doubt_protects_and_makes_no_exception(source, text, wide, narrow):
    for protects, expected in ((True, wide), (False, narrow)):
        assert bool(compile_source(source, protects=protects).fullmatch(text)) is expected
        assert trie(source, protects)(text) is expected


def test_case_counts_unless_a_route_says_otherwise():
    assert not protected(RouteMatcher(["/admin/:path*"]), "/ADMIN/x")
    for source in ("/admin/:path*", "/admin/x", "/admin/:x(x|y)", "/:a(adm)in/(.*)", "/admin{/x}?"):
        matcher = RouteMatcher([{"source": source, "case_sensitive": False}])
        assert protected(matcher, "/aDmin/X"), source
        assert not protected(matcher, "/aDminn/X"), source


SEGMENTS = ["a", "b", "", "-", ":p", ":p?", ":p*", ":p+", "a-:p", ":p-:q", r":p(a|b)", r":p([a-]*)*",
            r":p(\d+)+", ":p(a.b)", "{x-:p}?", "(.*)", "((?!a).*)", ":p(.*)*", "a.:p", "a.:p*", ":p-:q-:r"]  # fmt: skip
SOURCES = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5).map(
    lambda parts: "".join(
        "/" + re.sub(":([pqr])", lambda m: f":{m[1]}{i}", part) for i, part in enumerate(parts)
    )
) | st.lists(
    st.sampled_from(
        ["/a", "{/a}?", "{/:%d}*", "/", "-", "{a}?", "{-:%d}*", "/(b)", "{/(a|b)}+", "/:%d"]
    ),
    max_size=6,
).map(lambda parts: "/" + "".join(p.replace("%d", f"n{i}") for i, p in enumerate(parts)))
TEXTS = st.text(st.sampled_from("///aabx-1.\n"), max_size=12).map(
    lambda text: "/" + text
) | st.text(st.sampled_from("/ab-"), max_size=4)


@given(SOURCES, st.lists(TEXTS, min_size=1, max_size=8), st.booleans(), st.booleans())
@example("/:p0(.*)*", [""], True, True)
def test_the_trie_and_the_expression_of_a_pattern_agree(source, texts, protects, cased):
    try:
        compiled = compile_source(source, protects=protects, case_sensitive=cased)
    except ConfigError:
        return
    matches = trie(source, protects, cased)
    for text in texts:
        assert matches(text) is bool(compiled.fullmatch(text))


@given(st.lists(SOURCES, max_size=6), TEXTS)
def test_patterns_do_not_disturb_each_other(sources, text):
    good = []
    for source in sources:
        try:
            compile_source(source)
        except ConfigError:
            continue
        good.append(source)
    together = _PatternSet([("matcher", Route(source)) for source in good], protects=True)
    alone = [index for index, source in enumerate(good) if trie(source)(text)]
    assert together.find(text) == alone


# --- paths that must be protected, and paths that must not ----------------------------------

ADMIN = RouteMatcher(["/admin/:path*"])
ALL_BUT_PUBLIC = RouteMatcher(["/:path*"], public=["/public/:path*"])


def test_the_tables_are_as_long_as_the_requirements_ask():
    assert len(set(MUST_PROTECT)) >= 69
    assert len(set(MUST_PASS)) >= 47


@pytest.mark.parametrize("path", MUST_PROTECT)
@pytest.mark.parametrize(
    "matcher",
    [
        ADMIN,
        ALL_BUT_PUBLIC,
        RouteMatcher([re.compile("/admin(/.*)?")]),
        RouteMatcher(["/admin{/(.*)}?"]),
        RouteMatcher(["/:path*"], public=["/((?!admin).*)"]),
        RouteMatcher(["/:path*"], public=[re.compile("/public(/.*)?")]),
        RouteMatcher(["/:path*"], ignore=["/public/:path*"]),
    ],
    ids=["trie", "all", "re", "list", "look-ahead", "public-re", "ignore"],
)
def test_every_spelling_of_a_protected_path_is_protected(matcher, path):
    assert protected(matcher, path)
    assert not matcher.ignores(path)


@pytest.mark.parametrize("path", MUST_PASS)
def test_a_path_that_only_looks_like_a_protected_one_passes(path):
    assert not protected(ADMIN, path)
    assert protected(ALL_BUT_PUBLIC, path) is not path.startswith("/public")


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_path_passes_however_it_is_spelt(path):
    assert not protected(ALL_BUT_PUBLIC, path)
    assert RouteMatcher(ignore=["/public/:path*"]).ignores(path)


@pytest.mark.parametrize("path", NOT_PUBLIC)
def test_a_path_that_may_be_read_as_not_public_is_protected(path):
    assert protected(ALL_BUT_PUBLIC, path)
    assert not RouteMatcher(ignore=["/public/:path*"]).ignores(path)


@given(st.text() | st.text(st.sampled_from("/ab.\\;%2eE#?\n\x00\xff\u0100\ud800"), max_size=30))
def test_everything_means_every_path(path):
    for everything in ("/:path*", "/(.*)", "/((?!_next/).*)"):
        assert protected(RouteMatcher([everything]), path) or "_next/" in path
    assert protected(ALL_BUT_PUBLIC, path) or "public" in path


def test_digits_of_any_script_are_digits():
    assert protected(RouteMatcher([r"/reports/:id(\d+)"]), "/reports/\xd9\xa1")
    assert protected(RouteMatcher([r"/reports/:id(\d+)"]), "/reports/1\n")


def test_a_path_too_long_and_too_odd_is_protected_by_every_route_and_never_public():
    path = "/public/;" + "a" * 20_000
    matcher = RouteMatcher(["/admin"], public=["/(.*)"], ignore=["/(.*)"], routes=["/x"])
    assert [route.source for route in matcher.match(environ(path))] == ["/admin", "/x"]
    assert not matcher.ignores(path)
    assert matcher.explain(environ(path)).unreadable


def test_the_mount_itself_is_its_root():
    assert protected(RouteMatcher(["/"]), "")
    assert not protected(RouteMatcher(["/:path*"], public=["/"]), "")


# --- matcher, routes, public, ignore --------------------------------------------------------


def sources(found):
    return [route.source for route in found]


def test_all_routes_that_match_are_returned_in_the_order_of_the_configuration():
    matcher = RouteMatcher(
        ["/:path*", "/b", "/a/:x", re.compile("/a/.*")], routes=["/a/(b)", "/c", "/a/b"]
    )
    assert sources(matcher.match(environ("/a/b"))) == [
        "/:path*", "/a/:x", re.compile("/a/.*"), "/a/(b)", "/a/b",
    ]  # fmt: skip


def test_nothing_applies_without_routes():
    assert RouteMatcher().match(environ("/x")) == ()


def test_a_route_given_twice_applies_once():
    twice = {"source": "/a", "methods": ["GET"]}
    matcher = RouteMatcher(["/a", "/a", twice], routes=["/a", twice])
    assert len(matcher.match(environ("/a"))) == 2


@pytest.mark.parametrize("path", ["/p/x/", "/p/x/y/", "/p/x/y/z/", "/p/x//", "/p/x/y"])
@pytest.mark.parametrize("page", ["/p", re.compile("/p"), "/(p)", "/p{/:q(1)}?"], ids=str)
def test_a_slash_at_the_end_is_of_the_page_before_it_and_of_none_above(page, path):
    assert protected(RouteMatcher(["/:path*"], public=[page]), path)
    assert not RouteMatcher(ignore=[page]).ignores(path)
    assert not protected(RouteMatcher([page]), path)
    assert protected(RouteMatcher([page]), "/p/")


def test_public_is_an_exception_to_matcher_and_not_to_routes():
    matcher = RouteMatcher(["/:path*"], public=["/p/:path*"], routes=["/p/secret", "/q"])
    assert sources(matcher.match(environ("/p/x"))) == []
    assert sources(matcher.match(environ("/p/secret"))) == ["/p/secret"]
    assert sources(RouteMatcher(["/a"], public=["/a"], routes=["/a"]).match(environ("/a"))) == [
        "/a"
    ]


def test_no_route_applies_on_an_ignored_path():
    matcher = RouteMatcher(["/:path*"], ignore=["/s/:path*"], routes=["/s/x"])
    assert matcher.match(environ("/s/x")) == ()
    assert matcher.ignores("/s/x")
    assert not matcher.ignores("/x")


def test_different_readings_may_be_public_by_different_patterns():
    matcher = RouteMatcher(["/:path*"], public=["/p/:path*", "/q/:path*"])
    assert not protected(matcher, "/p/../q/x")
    assert protected(matcher, "/p/../r/x")


def test_one_entry_need_not_be_a_list():
    for one in ("/a", re.compile("/a"), {"source": "/a"}, Route("/a")):
        assert protected(RouteMatcher(one), "/a")


def test_a_compiled_pattern_must_match_the_whole_path():
    matcher = RouteMatcher([re.compile("/admin$")])
    assert protected(matcher, "/admin")
    assert protected(matcher, "/admin/")
    assert protected(matcher, "/admin\n")
    assert not protected(matcher, "/admin/x")
    assert not protected(matcher, "/x/admin")


def test_a_compiled_exception_is_taken_literally():
    matcher = RouteMatcher(["/:path*"], public=[re.compile("/login")])
    assert not protected(matcher, "/login")
    assert protected(matcher, "/login/")


# --- entries --------------------------------------------------------------------------------


def test_a_mapping_becomes_a_route():
    def check(request, session):
        return True

    route = as_route(
        {
            "source": "/a",
            "methods": "get, Post",
            "has": [{"type": "header", "key": "X-Beta"}],
            "missing": {"type": "host", "value": "a.test"},
            "authorized": check,
            "allow_groups": "ops",
            "fresh": 300,
            "answer": "401",
            "basic": True,
            "case_sensitive": False,
            "name": "a",
        },
        "matcher",
    )
    assert route == Route(
        "/a",
        methods=frozenset({"GET", "POST"}),
        has=(Condition("header", "x-beta"),),
        missing=(Condition("host", None, "a.test"),),
        authorized=check,
        allow_groups=frozenset({"ops"}),
        fresh=300,
        answer="401",
        basic=True,
        case_sensitive=False,
        name="a",
    )


def test_what_a_mapping_does_not_say_is_as_in_a_route():
    assert as_route({"source": "/a", "fresh": 1}, "routes") == Route("/a", fresh=1)


def test_a_route_in_order_stays_the_object_it_is():
    route = Route("/a", methods=frozenset({"GET"}))
    assert RouteMatcher([route]).match(environ("/a"))[0] is route


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"source": "/a", "method": "GET"},
            "unknown route option 'method'; did you mean 'methods'",
        ),
        ({"methods": "GET"}, "needs a source"),
        ({"source": 1}, "not 1"),
        (re.compile(b"/a"), "compiled regular expression of str"),
        (7, "not 7"),
        ({"source": "/a", "methods": []}, "methods must be"),
        ({"source": "/a", "methods": "*"}, "leave it out for all"),
        ({"source": "/a", "methods": 3}, "methods must be"),
        ({"source": "/a", "methods": ["GET POST"]}, "methods must be"),
        ({"source": "/a", "allow_groups": []}, "allow_groups must be"),
        ({"source": "/a", "allow_groups": ["ops", ""]}, "allow_groups must be"),
        ({"source": "/a", "allow_groups": ["ops", 7]}, "allow_groups must be"),
        ({"source": "/a", "allow_groups": {"ops": False}}, "allow_groups must be"),
        ({"source": "/a", "authorized": "no.such"}, "authorized must be callable"),
        ({"source": "/a", "fresh": "5m"}, "fresh must be"),
        ({"source": "/a", "fresh": True}, "fresh must be"),
        ({"source": "/a", "fresh": -1}, "fresh must be"),
        ({"source": "/a", "fresh": 0}, "fresh must be"),
        ({"source": "/a", "answer": "403"}, "answer must be 'redirect' or '401'"),
        ({"source": "/a", "basic": "yes"}, "basic must be"),
        ({"source": "/a", "name": 1}, "name must be"),
        ({"source": "/a", "has": "x"}, "list of conditions"),
        ({"source": "/a", "has": 5}, "list of conditions"),
        ({"source": "/a", "has": ["x"]}, "a condition is a mapping"),
        ({"source": "/a", "has": [{"type": "headr", "key": "x"}]}, "did you mean 'header'"),
        ({"source": "/a", "has": [{"type": "header"}]}, "needs a key"),
        ({"source": "/a", "has": [{"type": "cookie", "key": ""}]}, "needs a key"),
        ({"source": "/a", "has": [{"type": "cookie", "key": 7}]}, "needs a key"),
        ({"source": "/a", "has": [{"type": "host", "key": "x"}]}, "a value and no key"),
        ({"source": "/a", "has": [{"type": "host"}]}, "a value and no key"),
        (
            {"source": "/a", "has": [{"type": "host", "key": "x", "value": "y"}]},
            "a value and no key",
        ),
        (
            {"source": "/a", "has": [{"type": "query", "key": "x", "val": "y"}]},
            "did you mean 'value'",
        ),
        ({"source": "/a", "has": [{"type": "query", "key": "x", "value": 1}]}, "value must be"),
        ({"source": "/a", "has": [{"type": "query", "key": "x", "value": "("}]}, "never closed"),
        ({"source": "/a", "has": [{"type": "query", "key": "x", "value": "a)"}]}, "never opened"),
        (
            {"source": "/a", "has": [{"type": "query", "key": "x", "value": "a\\"}]},
            "a backslash at the end escapes nothing",
        ),
        (Route("/a", methods="GET*"), "GET"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_reason(entry, message):
    if isinstance(entry, Route):
        assert as_route(entry, "routes").methods == {"GET*"}
        return
    with pytest.raises(ConfigError) as caught:
        RouteMatcher(routes=[entry])
    assert message in str(caught.value)
    assert caught.value.key == "routes"


@pytest.mark.parametrize("wrong", [{"basic": 0}, {"case_sensitive": 1}, {"user_verified": 0.0}])
def test_a_route_is_checked_though_it_equals_one_without_options(wrong):
    with pytest.raises(ConfigError, match="must be True or False"):
        as_route(Route("/a", **wrong), "routes")


def test_what_is_no_list_of_entries_is_refused_with_a_reason():
    for option in ("matcher", "public", "ignore", "routes"):
        with pytest.raises(ConfigError, match=f"^{option}: must be a pattern or a list of them"):
            RouteMatcher(**{option: 5})


@pytest.mark.parametrize("option", ["public", "ignore"])
def test_an_exception_has_no_conditions(option):
    with pytest.raises(ConfigError, match="has methods; an exception has only"):
        RouteMatcher(**{option: [{"source": "/a", "methods": "GET"}]})
    RouteMatcher(**{option: [{"source": "/a", "case_sensitive": False, "name": "x"}]})


# --- methods and conditions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "method", "applies"),
    [
        ("POST", "POST", True),
        ("POST", "post", True),
        ("POST", "PoSt", True),
        ("POST", "GET", False),
        ("GET", "HEAD", True),
        ("GET", "head", True),
        ("HEAD", "GET", False),
        ("GET", "OPTIONS", False),
        ("OPTIONS", "OPTIONS", True),
        ("GET", "FOO", False),
        ("POST", "", True),
    ],
)
def test_a_method_is_compared_without_case_and_head_counts_as_get(methods, method, applies):
    matcher = RouteMatcher([{"source": "/a", "methods": methods}])
    assert bool(matcher.match(environ("/a", method))) is applies


@pytest.mark.parametrize("method", ["GET", "get", "FOO", "", "PROPFIND", "\xff"])
def test_a_route_without_methods_covers_all_of_them(method):
    assert RouteMatcher(["/a"]).match(environ("/a", method))


def test_an_override_header_can_only_add_protection():
    matcher = RouteMatcher([{"source": "/a", "methods": "DELETE"}])
    override = {"HTTP_X_HTTP_METHOD_OVERRIDE": "delete"}
    assert matcher.match(environ("/a", "POST", **override))
    assert matcher.match(environ("/a", "DELETE", HTTP_X_HTTP_METHOD_OVERRIDE="GET"))


@pytest.mark.parametrize(("methods", "applies"), [("GET", True), ("HEAD", True), ("POST", False)])
def test_head_is_as_get_and_as_nothing_else(methods, applies):
    matcher = RouteMatcher([{"source": "/a", "methods": methods}])
    assert bool(matcher.match(environ("/a", "HEAD"))) is applies


HAS = [
    # condition, what the request has, does a `has` route apply, does a `missing` one
    ("header X-Beta", {"HTTP_X_BETA": "1"}, True, False),
    ("header X-Beta", {"HTTP_X_BETA": ""}, False, True),
    ("header X-Beta", {}, False, True),
    ("header content-type", {"CONTENT_TYPE": "a/b"}, True, False),
    ("header x-beta 1|2", {"HTTP_X_BETA": "2"}, True, False),
    ("header x-beta 1|2", {"HTTP_X_BETA": "12"}, False, True),
    ("header x-beta 1", {"HTTP_X_BETA": "0, 1"}, True, True),
    ("header x-beta a, b", {"HTTP_X_BETA": "a, b"}, True, False),
    ("cookie c", {"HTTP_COOKIE": "a=b; c=d"}, True, False),
    ("cookie c", {"HTTP_COOKIE": "a=b; c="}, False, True),
    ("cookie c", {"HTTP_COOKIE": "c"}, False, True),
    ("cookie c", {"HTTP_COOKIE": "cc=1; C=1"}, False, True),
    ("cookie Sid", {"HTTP_COOKIE": "Sid=1"}, True, False),
    ("cookie c 1", {"HTTP_COOKIE": "c=1; c=2"}, True, True),
    ("cookie c 1", {"HTTP_COOKIE": "c=2;\tc=1 "}, True, True),
    ("cookie c 1", {"HTTP_COOKIE": 'c="1"'}, True, True),
    ("cookie c 1", {"HTTP_COOKIE": "a=b,c=1"}, True, True),
    ('cookie c "1"', {"HTTP_COOKIE": 'c="1"'}, True, False),
    ("cookie c 1", {"HTTP_COOKIE": "c=x1y"}, False, True),
    ("cookie c 1", {"HTTP_COOKIE": 'c="1x'}, False, True),
    ("cookie c 1", {"HTTP_COOKIE": 'c=x1"'}, False, True),
    ("cookie c 1?", {"HTTP_COOKIE": "c"}, False, True),
    ("cookie c 1?", {"HTTP_COOKIE": 'c=""'}, True, True),
    ("cookie c 1?", {"HTTP_COOKIE": 'c="'}, False, True),
    ("query q", {"QUERY_STRING": "q=1"}, True, False),
    ("query Q", {"QUERY_STRING": "Q=1"}, True, False),
    ("query q", {"QUERY_STRING": "q="}, False, True),
    ("query q", {"QUERY_STRING": "q"}, False, True),
    ("query q", {"QUERY_STRING": "%71=%31"}, True, False),
    ("query q a b", {"QUERY_STRING": "q=a+b"}, True, False),
    ("query q a b", {"QUERY_STRING": "q=a%20b"}, True, False),
    ("query q 1", {"QUERY_STRING": "q=1&q=2"}, True, True),
    ("query q 1", {"QUERY_STRING": "q=2&q=1"}, True, True),
    ("query q 1", {"QUERY_STRING": "x;q=1"}, True, True),
    ("query q é", {"QUERY_STRING": "q=%C3%A9"}, True, False),
    ("query q", {"QUERY_STRING": "q=%ff%zz&\xff\u0100=%"}, True, False),
    ("host a.test", {"HTTP_HOST": "A.test:8080"}, True, False),
    ("host a.test", {"HTTP_HOST": "xa.test"}, False, True),
    ("host a.test", {"SERVER_NAME": "a.test"}, True, False),
    ("host a.test", {"HTTP_HOST": "a.test."}, True, True),
    ("host a.test.", {"HTTP_HOST": "a.test."}, True, False),
    ("host a.test", {"HTTP_HOST": "b.test, a.test:1"}, True, True),
    ("host a.test,a.test", {"HTTP_HOST": "a.test,a.test"}, True, False),
    (r"host \[::1\]", {"HTTP_HOST": "[::1]:8080"}, True, False),
    (r"host (?<who>\w+)\.test", {"HTTP_HOST": "a.test"}, True, False),
]


@pytest.mark.parametrize(("text", "extra", "has", "missing"), HAS)
def test_a_condition_in_doubt_protects(text, extra, has, missing):
    kind, _, rest = text.partition(" ")
    if kind == "host":
        condition = {"type": kind, "value": rest}
    else:
        key, _, value = rest.partition(" ")
        condition = {"type": kind, "key": key, "value": value or None}
    request = environ("/a", **extra)
    assert bool(RouteMatcher([{"source": "/a", "has": [condition]}]).match(request)) is has
    assert bool(RouteMatcher([{"source": "/a", "missing": [condition]}]).match(request)) is missing


def test_all_conditions_of_a_route_must_hold():
    matcher = RouteMatcher(
        [
            {
                "source": "/a",
                "methods": "GET",
                "has": [{"type": "query", "key": "q"}, {"type": "header", "key": "h"}],
                "missing": [{"type": "cookie", "key": "c"}],
            },
            "/a",
        ]
    )
    full = {"QUERY_STRING": "q=1", "HTTP_H": "1"}
    assert len(matcher.match(environ("/a", **full))) == 2
    for change in ({"QUERY_STRING": ""}, {"HTTP_H": ""}, {"HTTP_COOKIE": "c=1"}):
        assert sources(matcher.match(environ("/a", **{**full, **change}))) == ["/a"]
    assert len(matcher.match(environ("/a", "POST", **full))) == 1


def test_a_request_with_nothing_in_it_is_an_ordinary_request():
    assert RouteMatcher(["/", {"source": "/", "has": [{"type": "host", "value": "a"}]}]).match({})


# --- plan, memo, explanation ----------------------------------------------------------------


def test_a_plan_tells_what_depends_on_the_request():
    matcher = RouteMatcher([{"source": "/a", "methods": "POST"}, "/:x"], ignore=["/s"])
    plan = matcher.plan("/a")
    assert (sources(plan.static), sources(plan.conditional)) == (["/:x"], ["/a"])
    assert sources(plan.routes(environ("/a", "POST"))) == ["/a", "/:x"]
    assert not plan.ignored
    assert matcher.plan("/s").ignored
    assert matcher.plan("/s").static == matcher.plan("/s").conditional == ()


def test_what_is_at_a_path_is_neither_ignored_nor_protected():
    at = object()
    matcher = RouteMatcher(["/:path*"], ignore=["/auth/:x"], own={"/auth/me": at})
    plan = matcher.plan("/auth/me")
    assert plan.own is at
    assert not plan.ignored and not plan.is_open
    assert plan.routes(environ("/auth/me")) == ()
    assert matcher.plan("/auth/other").ignored  # exactly at that path


def test_no_route_protects_a_page_but_it_may_be_ignored():
    matcher = RouteMatcher(["/:path*"], ignore=["/ignored"], pages=["/login", "/ignored"])
    assert matcher.plan("/login").is_open
    assert matcher.plan("/ignored").ignored
    assert not matcher.plan("/login/").is_open  # exactly that path
    assert matcher.plan("/login/").static


def test_a_path_seen_before_is_one_look_up():
    matcher = RouteMatcher(["/a"])
    plan = matcher.plan("/a")
    assert matcher.memo["/a"] is plan
    assert matcher.plan("/a") is plan


def test_the_memo_is_bounded_in_number_and_in_length():
    matcher = RouteMatcher(["/:path*"])
    for number in range(3 * MEMO_PATHS):
        matcher.plan(f"/{number}")
        matcher.plan("/kept")
        assert len(matcher.memo) + len(matcher._older) <= 2 * MEMO_PATHS
    kept = matcher.plan("/kept")
    assert matcher.memo["/kept"] is kept
    matcher.plan("/" + "a" * MEMO_PATH_LENGTH)
    assert max(map(len, [*matcher.memo, *matcher._older])) <= MEMO_PATH_LENGTH


def test_threads_may_plan_at_once():
    matcher = RouteMatcher(["/a/:x"])
    wrong = []

    def work(name):
        for number in range(2000):
            wrong.extend(
                path
                for path in (f"/a/{name}{number}", f"/b/{name}{number}")
                if bool(matcher.plan(path).static) is not path.startswith("/a")
            )

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(matcher.memo) + len(matcher._older) <= 2 * MEMO_PATHS + len(threads)


def test_an_explanation_shows_each_reading_with_the_sources_that_match():
    matcher = RouteMatcher(
        ["/:path*"],
        public=["/p/:path*"],
        ignore=["/s"],
        routes=[{"source": "/admin", "methods": "POST"}, re.compile("/adm.*")],
    )
    told = matcher.explain(environ("/p/../admin"))
    assert [reading.text for reading in told.readings] == ["/p/../admin", "/admin"]
    assert told.readings[0].public == ("/p/:path*",)
    assert told.readings[1].public == ()
    assert told.readings[1].matcher == ("/:path*",)
    assert told.readings[1].routes == ("/admin", "/adm.*")
    assert (told.ignored, told.public, told.protected, told.unreadable) == (
        False,
        False,
        True,
        False,
    )
    assert sources(told.routes) == ["/:path*", re.compile("/adm.*")]
    assert sources(told.not_applying) == ["/admin"]
    assert matcher.explain(environ("/p/x")).public
    assert matcher.explain(environ("/s")).ignored


@pytest.mark.parametrize("path", [*MUST_PROTECT, *MUST_PASS, *PUBLIC, *NOT_PUBLIC])
def test_an_explanation_agrees_with_the_answer(path):
    for matcher in (ADMIN, ALL_BUT_PUBLIC):
        told = matcher.explain(environ(path))
        assert told.routes == matcher.match(environ(path))
        assert told.ignored == matcher.ignores(path)


# --- growth ---------------------------------------------------------------------------------


def cost(call):
    """The least of several timings, each long enough to be told from noise."""
    best = float("inf")
    for _ in range(9):
        rounds, spent = 0, 0.0
        start = time.process_time()
        while spent < 0.004:
            call()
            rounds += 1
            spent = time.process_time() - start
        best = min(best, spent / rounds)
    return best


def grows_at_most(factor, small, large, tries=4):
    """Whether ``large()`` costs at most ``factor`` times ``small()``; noise gets further tries."""
    return any(cost(large) <= factor * cost(small) for _ in range(tries))


@pytest.mark.alone
@pytest.mark.parametrize(
    ("shape", "hit", "miss"),
    [
        ("/area{}/:path*", "/area{}/x/y", "/zone/x/y"),
        ("/org/:id/area{}", "/org/12/area{}", "/org/12/zone"),
        (r"/org/:id(\d+)/area{}/:rest*", "/org/12/area{}", "/org/x/zone"),
        ("/:any*/area{}", "/x/y/area{}", "/x/y/zone"),
        ("/area{}/(.*)", "/area{}/x", "/zone/x"),
    ],
)
def test_ten_thousand_patterns_cost_a_request_what_ten_do(shape, hit, miss):
    count = 1000 if "(.*)" in shape else 10_000
    few, many = (
        _PatternSet([("matcher", Route(shape.format(i))) for i in range(n)], protects=True)
        for n in (10, count)
    )
    last = hit.format(count - 1)
    assert few.find(hit.format(9))
    assert many.find(last)
    assert not many.find(miss)
    assert grows_at_most(1.5, lambda: few.find(hit.format(9)), lambda: many.find(last))
    assert grows_at_most(1.5, lambda: few.find(miss), lambda: many.find(miss))


@pytest.mark.alone
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/:path*", "/a"),
        ("/:a*/:b*/:c*/end", "/a"),
        ("/:a*/x/:b*/x/:c*/end", "/x"),
        (r"/:a*/:n(\d+)/:b*/:m(\d+)/:c*/end", "/1"),
        ("/:a?/:b?/:c?/:d*/:e+/end", "/a"),
        ("/:a-:b-:c-:d/end", "-a"),
        ("/:all(.*)*/end", "/a"),
        ("/x{-:a}*/end", "-a"),
        (r"/:x([a-z]+)*/end", "/a"),
        ("/((?!api).*)", "/a"),
    ],
)
def test_a_pattern_costs_time_in_proportion_to_the_path(source, path):
    matches = trie(source)
    texts = [("/x" + path * size)[:100_000] + "!" for size in (500, 4000)]
    assert grows_at_most(8 * 2, lambda: matches(texts[0]), lambda: matches(texts[1]))


@pytest.mark.alone
@pytest.mark.parametrize("source", ["/:a*/:b*/:c*", "/:path*", "/:a-:b-:c-:d", "/x{-:a}*"])
def test_the_expression_of_a_pattern_is_linear_too(source):
    compiled = compile_source(source)
    texts = [("/x" + "-a/b" * size) + "//" for size in (500, 4000)]
    assert grows_at_most(
        8 * 2, lambda: compiled.fullmatch(texts[0]), lambda: compiled.fullmatch(texts[1])
    )


@pytest.mark.parametrize(
    "path",
    [
        "/a;b\\..\\c#d?e\x01\xff%41//..",
        "/a/../",
        "//",
        "/.",
        ";",
        "\\",
        "%2f",
        "\xff",
        "\n",
        "/\xc3\xa9",
    ],
)
def test_a_long_odd_path_costs_little_more_than_a_short_one_of_its_kind(path):
    matcher = RouteMatcher(["/admin/:path*"], public=["/public/:path*"])
    texts = [("/x" + path * 5000)[:size] for size in (1000, 8000)]
    assert grows_at_most(
        8 * 2, lambda: matcher.plan(texts[0]).static, lambda: matcher.plan(texts[1]).static
    )


@pytest.mark.parametrize(
    ("condition", "name", "unit"),
    [
        ({"type": "cookie", "key": "c", "value": "1"}, "HTTP_COOKIE", 'a="\\;,c=2'),
        ({"type": "query", "key": "q", "value": "1"}, "QUERY_STRING", "%%;q=2&+"),
        ({"type": "header", "key": "h", "value": "1"}, "HTTP_H", ", ,"),
        ({"type": "host", "value": "a"}, "HTTP_HOST", ":1,"),
    ],
)
def test_a_condition_is_linear_in_what_a_client_sends(condition, name, unit):
    matcher = RouteMatcher([{"source": "/a", "has": [condition], "missing": [condition]}])
    small, large = (environ("/a", **{name: unit * size}) for size in (500, 4000))
    assert grows_at_most(8 * 2, lambda: matcher.match(small), lambda: matcher.match(large))
