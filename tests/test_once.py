"""What threads share is made once, on every version of Python."""

from __future__ import annotations

import time
from functools import cached_property

import pytest

from wsgi_auth import AuthMiddleware
from wsgi_auth.once import once
from wsgi_auth.reader import CookieSessionReader
from wsgi_auth.site import Site
from wsgi_auth.tenants import Tenants
from wsgi_auth.testing.threads import at_once, outcomes

SECRET = "a secret of the tests, which is long enough"


class Slow:
    def __init__(self):
        self.calls = 0

    @once
    def thing(self):
        """What it is."""
        self.calls += 1
        time.sleep(0.02)
        return object()

    @once
    def other(self):
        return self.thing

    @once
    def broken(self):
        self.calls += 1
        time.sleep(0.005)
        raise LookupError(self.calls)


def test_threads_that_come_first_together_get_one_thing():
    slow = Slow()

    found = at_once(8, lambda number: slow.thing if number % 2 else slow.other)

    assert slow.calls == 1
    assert len(set(map(id, found))) == 1


def test_each_instance_has_its_own():
    assert Slow().thing is not Slow().thing


def test_where_it_raises_nobody_gets_what_another_did_not_and_the_next_one_tries_again():
    slow = Slow()

    found = outcomes(4, lambda _: slow.broken)

    assert [type(each) for each in found] == [LookupError] * 4
    assert sorted(each.args for each in found) == [(1,), (2,), (3,), (4,)]


def test_of_the_class_it_is_the_attribute_itself_with_its_text():
    assert isinstance(Slow.thing, once)
    assert Slow.thing.__doc__ == "What it is."


@pytest.mark.parametrize("kind", [Site, Tenants, CookieSessionReader])
def test_nothing_that_threads_share_is_made_by_each_of_them(kind):
    kept = {name: each for name, each in vars(kind).items() if isinstance(each, cached_property)}

    assert kept
    assert {name for name, each in kept.items() if not isinstance(each, once)} == set()


def test_attempts_that_come_together_are_counted_by_one_counter():
    site = AuthMiddleware(lambda environ, start_response: [], secret=SECRET).site
    make, made = site._new_attempts, []

    def slowly():
        time.sleep(0.02)
        made.append(make())
        return made[-1]

    site._new_attempts = slowly

    at_once(8, lambda _: site.attempts)

    assert made == [site.attempts]
