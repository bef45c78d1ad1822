"""What was proven a moment ago: for how long, of whom, and how much of it."""

from __future__ import annotations

import pytest

from wsgi_auth.remembered import LIFETIME, MOST, Remembered

NOW = 1_800_000_000.0
HERE = {"HTTP_HOST": "app.example.test"}


@pytest.mark.parametrize(
    ("ends", "later", "is_known"),
    [(None, 0, True), (None, 59, True), (None, 60, False), (None, 86_400, False),
     (None, -1, False), (30, 29, True), (30, 30, False), (90, 59, True), (90, 60, False)],
)  # fmt: skip
def test_it_is_known_for_a_minute_and_never_beyond_its_own_end(ends, later, is_known):
    assert LIFETIME == 60
    known: Remembered[str] = Remembered()
    key = known.key("proof", HERE)
    known.put(key, "ada", NOW, *(() if ends is None else (NOW + ends,)))
    assert known.get(key, NOW + later) == ("ada" if is_known else None)


def test_what_was_seen_to_be_over_does_not_come_back_with_the_clock():
    known: Remembered[str] = Remembered()
    key = known.key("proof", HERE)
    known.put(key, "ada", NOW)
    assert known.get(key, NOW - 1) is None  # another thread's now, perhaps
    assert known.get(key, NOW + 59) == "ada"
    assert [known.get(key, NOW + later) for later in (60, 59)] == [None, None]


OTHER_HOSTS = [{"HTTP_HOST": "other.example.test"}, {"SERVER_NAME": "other.example.test"},
               {"HTTP_HOST": "", "SERVER_NAME": "other.example.test"}, {}]  # fmt: skip


@pytest.mark.parametrize("elsewhere", OTHER_HOSTS)
def test_it_is_known_of_one_host_by_whatever_name_the_server_has_it(elsewhere):
    known: Remembered[str] = Remembered()
    known.put(known.key("proof", HERE), "ada", NOW)
    assert known.get(known.key("proof", elsewhere), NOW) is None
    assert known.get(known.key("proof", {"SERVER_NAME": HERE["HTTP_HOST"]}), NOW) == "ada"
    assert known.get(known.key("another", HERE), NOW) is None


def test_what_no_server_may_send_is_a_proof_of_nobody():
    known: Remembered[str] = Remembered()
    assert known.get(known.key("\ud800", {"HTTP_HOST": "\udcff"}), NOW) is None


def test_no_other_process_can_say_by_what_a_proof_is_remembered():
    assert Remembered().key("proof", HERE) != Remembered().key("proof", HERE)


def test_it_is_bounded_and_what_was_proven_longest_ago_goes_first():
    known: Remembered[int] = Remembered()
    keys = [known.key(str(number), HERE) for number in range(MOST + 1)]
    for number, key in enumerate(keys[:MOST]):
        known.put(key, number, NOW)
    known.put(keys[0], 0, NOW)  # proven again
    assert [known.get(key, NOW) for key in keys[:3]] == [0, 1, 2]
    known.put(keys[MOST], MOST, NOW)
    assert [known.get(key, NOW) for key in keys[:3]] == [0, None, 2]
    assert known.get(keys[MOST], NOW) == MOST
