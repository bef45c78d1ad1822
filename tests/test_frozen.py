"""Values with named fields: what ``dataclasses`` would give, without its cost at start-up."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

import wsgi_auth
from wsgi_auth.frozen import Frozen


class Point(Frozen):
    x: int
    y: int = 0

    @cached_property
    def sum(self) -> int:
        return self.x + self.y


class Named(Point, hidden=("secret",)):
    secret: str = "?"


class Positive(Frozen):
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("above zero, please")


def test_fields_come_by_position_or_name_and_defaults_fill_in() -> None:
    for point in (Point(1, 2), Point(1, y=2), Point(x=1, y=2), Point(y=2, x=1)):
        assert (point.x, point.y) == (1, 2)
    assert Point(1).y == 0
    assert Named(1, 2, "s").secret == "s", "the fields of a base come first"


@pytest.mark.parametrize(
    ("values", "named", "said"),
    [
        ((), {}, "Point needs x"),
        ((), {"y": 1}, "Point needs x"),
        ((1, 2, 3), {}, "has 2 fields, not 3"),
        ((1,), {"x": 1}, "'x' is given twice"),
        ((1,), {"z": 1}, "no field 'z'"),
        ((), {"x": 1, "sum": 1}, "no field 'sum'"),
        ((), {"x": 1, "__class__": 1}, "no field '__class__'"),
    ],
)
def test_fields_that_are_missing_unknown_or_doubled_are_refused(
    values: tuple[int, ...], named: dict[str, int], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        Point(*values, **named)


def test_nothing_can_be_changed() -> None:
    point = Point(1, 2)
    with pytest.raises(AttributeError, match="read-only"):
        point.x = 3  # type: ignore[misc]  # that is the point
    with pytest.raises(AttributeError, match="read-only"):
        del point.x
    with pytest.raises(AttributeError, match="read-only"):
        point.z = 3  # type: ignore[attr-defined]
    assert point == Point(1, 2)


def test_equality_and_hash_are_of_class_and_fields_whether_given_or_by_default() -> None:
    assert Point(1) == Point(1, 0) and hash(Point(1)) == hash(Point(1, 0))
    assert Point(1) != Point(2) and Point(1) != (1, 0)
    assert Point(1) != Named(1), "another class, with the same values"
    point = Point(1)
    assert point.sum == 1, "what is worked out and kept is no field"
    assert point == Point(1) and hash(point) == hash(Point(1)) and repr(point) == repr(Point(1))


def test_the_repr_shows_fields_but_no_hidden_ones() -> None:
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert repr(Named(1, 2, "s3cret")) == "Named(x=1, y=2)"


def test_a_class_may_refuse_what_it_is_given() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Positive(0)


def test_it_can_be_copied_pickled_and_matched() -> None:
    for made in (copy.copy, copy.deepcopy, lambda point: pickle.loads(pickle.dumps(point))):
        assert made(Named(1, 2, "s")) == Named(1, 2, "s")
    match Point(1, 2):
        case Point(1, two):
            assert two == 2


def test_a_start_loads_none_of_what_takes_long_to_load() -> None:
    code = f"""
import sys
sys.path.append({str(Path(wsgi_auth.__file__).parents[1])!r})
from wsgi_auth import AuthMiddleware
app = AuthMiddleware(lambda environ, start_response: [b"hello"], {{
    "secret": "x" * 40, "url": "https://app.example.com", "pages": {{"sign_in": "/login"}},
    "matcher": ["/members/:path*"]}})
said = []
app({{"REQUEST_METHOD": "GET", "PATH_INFO": "/members", "HTTP_ACCEPT": "text/html"}},
    lambda status, headers, exc_info=None: said.append(status))
assert said == ["302 Found"], said
slow = {{"dataclasses", "inspect", "logging", "random", "pathlib", "ipaddress", "urllib.parse",
        "traceback", "webob", "itsdangerous", "wsgi_auth.patterns"}}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""
    # a bare interpreter: an editable install has imported some of these before we come
    subprocess.run([sys.executable, "-S", "-E", "-s", "-c", code], check=True)
