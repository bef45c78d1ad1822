"""Limits on attempts: exact under threads, bounded in memory, shared in Redis, closed on faults."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import limits
import pytest

from wsgi_auth import AuthMiddleware
from wsgi_auth.addresses import client_address
from wsgi_auth.errors import ConfigError, StoreUnavailable, TooManyAttempts
from wsgi_auth.throttle import (
    MemoryCounters,
    Rate,
    Throttle,
)

PUBLIC = "8.8.4.4"


def peer(address: str = PUBLIC, forwarded: str | None = None) -> dict[str, object]:
    environ: dict[str, object] = {"REMOTE_ADDR": address}
    return environ if forwarded is None else {**environ, "HTTP_X_FORWARDED_FOR": forwarded}


def passes(throttle: Throttle, account: str, environ: dict[str, object], tries: int = 100) -> int:
    """How many of so many attempts get through."""
    passed = 0
    for _ in range(tries):
        try:
            throttle.attempt(account, environ)
            passed += 1
        except TooManyAttempts:
            pass
    return passed


# --- rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["10 per 15 minutes", "10/15 minutes", "5/minute", "5 per 1 second", "3 per hour", "7/2 days",
     "1/month", "2 PER YEAR", " 5 / minute ", "5per minute"],
)  # fmt: skip
def test_a_rate_is_read_as_the_limits_library_reads_it(text: str) -> None:
    item = limits.parse(text)
    assert Rate.parse(text, "limits.account") == Rate(item.amount, item.get_expiry())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/15m", Rate(10, 900)),
        ("10/15 m", Rate(10, 900)),
        ("5/s", Rate(5, 1)),
        ("5 per 2h", Rate(5, 7200)),
        ("5/1d", Rate(5, 86400)),
        ("off", None),
        (" OFF ", None),
    ],
)
def test_a_rate_has_a_short_form_and_off(text: str, expected: Rate | None) -> None:
    assert Rate.parse(text, "limits.account") == expected


@pytest.mark.parametrize(
    "text",
    ["", "10", "ten per minute", "0/minute", "1/0 minutes", "-1/minute", "10/15", "10/15 fortnights",
     "10/minute;100/hour", "1.5/minute", "10 per", "10//m", "10/ms", "9999999999/m", None, 10, True],
)  # fmt: skip
def test_what_is_no_rate_stops_start_up(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r'limits\.address: must be a rate such as "10 per 15 min'
    ):
        Throttle(address=text)


@pytest.mark.parametrize("storage", ["", "disk", "memcached://x", "redis", "http://x", None, 1])
def test_what_is_no_storage_stops_start_up(storage: str) -> None:
    with pytest.raises(ConfigError, match=r"limits\.storage"):
        Throttle(storage=storage)


def test_a_bad_redis_url_stops_start_up_without_showing_its_password() -> None:
    with pytest.raises(ConfigError, match=r"limits\.storage") as caught:
        Throttle(storage="redis://:hunter2@localhost:port/0")
    assert "hunter2" not in str(caught.value)


def test_redis_without_its_library_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from wsgi_auth.throttle import Throttle\n"
        "from wsgi_auth.errors import ConfigError\n"
        "try: Throttle(storage='redis://127.0.0.1')\n"
        "except ConfigError as error: print(error)\n"
    )
    root = Path(__file__).parents[1]
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True
    )
    assert "pip install wsgi_auth[redis]" in shown.stdout, shown.stderr


@pytest.mark.parametrize("proxies", [-1, True, "1", None, 1.0])
def test_what_is_no_number_of_proxies_stops_start_up(proxies: int) -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Throttle(trusted_proxies=proxies)


# --- counting ---------------------------------------------------------------------------------


def test_an_account_is_limited_from_all_addresses_together() -> None:
    throttle = Throttle(account="10/15m", address="50/15m")
    assert sum(passes(throttle, "ada", peer(f"8.8.8.{n}"), 3) for n in range(20)) == 10
    assert passes(throttle, "bob", peer("8.8.8.1"), 3) == 3


def test_an_address_is_limited_over_all_accounts_together() -> None:
    throttle = Throttle(account="10/15m", address="50/15m")
    assert sum(passes(throttle, f"user{n}", peer(), 1) for n in range(200)) == 50
    assert passes(throttle, "ada", peer("8.8.8.8"), 1) == 1


def test_a_refusal_says_when_to_come_back_and_counts_nothing() -> None:
    throttle = Throttle(account="1/15m", address="2/15m")
    throttle.attempt("ada", peer())
    for _ in range(5):
        with pytest.raises(TooManyAttempts) as caught:
            throttle.attempt("ada", peer())
        assert 1 <= caught.value.retry_after <= 900
    assert passes(throttle, "bob", peer(), 1) == 1


def test_an_address_over_its_limit_uses_up_nobody_elses_account() -> None:
    throttle = Throttle(account="10/15m", address="5/15m")
    assert passes(throttle, "mallory", peer("8.8.8.8"), 100) == 5
    assert passes(throttle, "ada", peer("8.8.8.8"), 100) == 0
    assert passes(throttle, "ada", peer("8.8.4.4"), 5) == 5


def test_a_success_does_not_consume() -> None:
    throttle = Throttle(account="2/15m", address="2/15m")
    for _ in range(100):
        throttle.attempt("ada", peer()).succeeded()
    assert passes(throttle, "ada", peer()) == 2


def test_a_success_resets_neither_its_own_counter_nor_another() -> None:
    throttle = Throttle(account="3/15m", address="100/15m")
    passes(throttle, "ada", peer(), 2)
    passes(throttle, "bob", peer(), 3)
    attempt = throttle.attempt("ada", peer())
    attempt.succeeded()
    attempt.succeeded()  # once is all it can give back
    assert passes(throttle, "ada", peer()) == 1
    assert passes(throttle, "bob", peer()) == 0


def test_a_window_ends_and_another_begins() -> None:
    now = [1000.0]
    counters, rate = MemoryCounters(clock=lambda: now[0]), Rate(2, 60)
    assert [counters.take("account:a", rate) for _ in range(3)] == [None, None, 60]
    now[0] += 59.5
    assert counters.take("account:a", rate) == 1
    now[0] += 0.5
    assert [counters.take("account:a", rate) for _ in range(3)] == [None, None, 60]


def test_an_attempt_of_an_ended_window_gives_the_new_one_nothing() -> None:
    now = [0.0]
    counters, rate = MemoryCounters(clock=lambda: now[0]), Rate(2, 60)
    counters.take("account:a", rate)
    now[0] = 60.0
    counters.give_back("account:a", rate)
    counters.take("account:a", rate)
    counters.take("account:a", rate)
    assert counters.take("account:a", rate) == 60
    counters.give_back("account:b", rate)
    counters.give_back("nothing:b", rate)


def test_a_real_window_ends() -> None:
    throttle = Throttle(account="2 per 1 second", address="off")
    assert passes(throttle, "ada", peer()) == 2
    deadline = time.monotonic() + 30
    while not passes(throttle, "ada", peer(), 1):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_off_limits_nothing() -> None:
    throttle = Throttle(account="off", address="off")
    assert passes(throttle, "ada", peer(), 500) == 500


def test_without_a_name_only_the_address_counts() -> None:
    throttle = Throttle(account="1/15m", address="5/15m")
    assert passes(throttle, "", peer()) == 5


SAME_NAME = [
    "Ada@Example.com", "ADA@EXAMPLE.COM", " ada@example.com ", "ada@example.com\n", "\tada@example.com",
    "ａｄａ@example.com", "ada＠example.com", "áda@example.com", "a\u0301da@example.com",
    "a\u200bda@example.com", "ada@exam\u00adple.com", "ada\u00a0@example.com", "\u202eada@example.com",
    "ada@example.com\x00", "ad\ufe0fa@example.com", "ada\ud800@example.com", "ada @example.com",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SAME_NAME, ids=ascii)
def test_another_spelling_of_a_name_is_no_new_counter(spelling: str) -> None:
    throttle = Throttle(account="3/15m", address="off")
    assert passes(throttle, "ada@example.com", peer()) == 3
    assert passes(throttle, spelling, peer()) == 0


@pytest.mark.parametrize(
    "name", ["bda@example.com", "ada@example.org", "ada.@example.com", "ada", "أدا"]
)
def test_another_name_is_another_counter(name: str) -> None:
    throttle = Throttle(account="3/15m", address="off")
    passes(throttle, "ada@example.com", peer())
    assert passes(throttle, name, peer()) == 3


def test_no_name_and_no_address_is_kept() -> None:
    throttle = Throttle()
    throttle.attempt("ada@example.com", peer("8.8.8.8"))
    kept = repr(throttle._counters._kinds)
    assert "account:" in kept and "ada" not in kept and "8.8.8.8" not in kept


# --- whose address it is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "expected"),
    [
        ("8.8.8.8", None, 0, "8.8.8.8"),
        ("8.8.8.8", "1.1.1.1", 0, "8.8.8.8"),
        ("10.0.0.1", "1.1.1.1", 0, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", 1, "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", 2, "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1", 2, "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6,", 1, "10.0.0.1"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", None, 1, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, nonsense", 1, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unknown", 1, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, 1.1.1.256", 1, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, 01.1.1.1", 1, "10.0.0.1"),
        ("10.0.0.1", "x" * 100_000, 1, "10.0.0.1"),
        ("10.0.0.1", "," * 100_000 + "1.1.1.1", 1, "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1:5050", 1, "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::1]:443", 1, "2001:db8::1"),
        ("10.0.0.1", '"[2001:db8::1]"', 1, "2001:db8::1"),
        ("10.0.0.1", "2001:DB8:0::1", 1, "2001:db8::1"),
        ("::ffff:8.8.8.8", None, 0, "8.8.8.8"),
        ("10.0.0.1", "::ffff:8.8.8.8", 1, "8.8.8.8"),
        # the name of an interface says nothing elsewhere, and may be any text
        ("fe80::1%eth0", None, 0, "fe80::1"),
        ("10.0.0.1", "fe80::1%<b>call +1 900 1234", 1, "fe80::1"),
        ("", None, 0, ""),
        ("", "1.1.1.1", 1, "1.1.1.1"),
        ("unix:", None, 0, "unix:"),
        ("x" * 1000, None, 0, "x" * 64),
    ],
)
def test_the_address_is_the_peers_or_what_a_listed_proxy_saw(
    remote: str, forwarded: str | None, proxies: int, expected: str
) -> None:
    assert client_address(peer(remote, forwarded), proxies) == expected


@pytest.mark.parametrize(
    "environ", [{}, {"REMOTE_ADDR": None}, {"REMOTE_ADDR": b"x", "HTTP_X_FORWARDED_FOR": b"1"}]
)
def test_an_environ_without_an_address_is_counted_as_one(environ: dict[str, object]) -> None:
    assert client_address(environ, 1) == ""
    assert passes(Throttle(account="off", address="5/15m"), "ada", environ) == 5


def test_spoofing_the_header_a_thousand_times_changes_nothing() -> None:
    for proxies, environ in (
        (0, lambda n: peer("8.8.8.8", f"1.2.{n // 250}.{n % 250}")),
        (1, lambda n: peer("10.0.0.1", f"1.2.{n // 250}.{n % 250}, 8.8.8.8")),
    ):
        throttle = Throttle(account="off", address="50/15m", trusted_proxies=proxies)
        assert sum(passes(throttle, "ada", environ(n), 1) for n in range(1000)) == 50


def test_one_customers_ipv6_addresses_are_one_client() -> None:
    throttle = Throttle(account="off", address="10/15m")
    assert sum(passes(throttle, "ada", peer(f"2a00:1450:1:1::{n:x}"), 1) for n in range(99)) == 10
    assert passes(throttle, "ada", peer("2a00:1450:1:2::1")) == 10


def test_ipv4_in_ipv6_is_the_same_client() -> None:
    throttle = Throttle(account="off", address="10/15m")
    assert passes(throttle, "ada", peer("8.8.8.8")) == 10
    assert passes(throttle, "ada", peer("::ffff:8.8.8.8")) == 0
    assert passes(throttle, "ada", peer("64:ff9b::808:808")) == 0


def test_behind_a_translator_to_ipv6_one_attacker_does_not_lock_out_the_others() -> None:
    """RFC 6052: a network of IPv6 alone has all of IPv4 in one /96."""
    throttle = Throttle(account="off", address="10/15m")
    assert passes(throttle, "ada", peer("64:ff9b::808:808")) == 10
    assert passes(throttle, "ada", peer("64:ff9b::808:404")) == 10


@pytest.mark.parametrize(
    "proxy", ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "fd00::1", "100.64.0.1", ""]
)
def test_behind_a_forgotten_proxy_one_attacker_does_not_lock_out_the_others(
    proxy: str, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = Throttle(account="off", address="50/15m")
    with caplog.at_level(logging.WARNING, "wsgi_auth"):
        assert passes(throttle, "ada", peer(proxy, "6.6.6.6"), 200) == 50
        assert passes(throttle, "ada", peer(proxy, "1.1.1.1"), 10) == 10
    assert len(caplog.records) == 1
    assert "trusted_proxies = 1" in caplog.text


@pytest.mark.parametrize(
    ("proxies", "header"), [(1, None), (1, "unknown"), (2, "6.6.6.6"), (3, "6.6.6.6, 10.0.0.7")]
)
def test_where_no_proxy_says_whose_attempt_it_is_the_log_says_so_once(
    proxies: int, header: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = Throttle(account="off", address="5/15m", trusted_proxies=proxies)
    assert passes(throttle, "ada", peer("127.0.0.1", header), 9) == 5
    assert len(caplog.records) == 1
    assert (
        "from 127.0.0.1 without" in caplog.text and f"trusted_proxies is {proxies}" in caplog.text
    )


@pytest.mark.parametrize("network", ["10.1.2.{}", "192.168.0.{}", "fd00:0:0:{}::1"])
@pytest.mark.parametrize(
    ("proxies", "forwarded"), [(0, None), (0, "unknown"), (1, "6.6.6.6, {}"), (2, "{}, 10.9.9.9")]
)
def test_people_on_a_private_network_are_counted_each_for_themselves(
    network: str, proxies: int, forwarded: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = Throttle(account="off", address="5/15m", trusted_proxies=proxies)
    for number in range(1, 9):
        client = network.format(number)
        environ = peer(
            client if proxies == 0 else "10.9.9.8", forwarded and forwarded.format(client)
        )
        assert passes(throttle, "ada", environ, 9) == 5
    assert not caplog.records, "nobody forgot a proxy"


def test_a_local_client_that_spoofs_the_header_is_still_limited() -> None:
    throttle = Throttle(account="off", address="50/15m")
    spoofed = (peer("192.168.1.9", f"1.2.{n // 250}.{n % 250}") for n in range(2000))
    assert sum(passes(throttle, "ada", environ, 1) for environ in spoofed) == 500


def test_a_forgotten_proxys_own_address_is_the_last_entry_only() -> None:
    throttle = Throttle(account="off", address="50/15m")
    made_up = (peer("10.0.0.1", f"1.2.3.{n}, 6.6.6.6") for n in range(200))
    assert sum(passes(throttle, "ada", environ, 1) for environ in made_up) == 50
    assert passes(throttle, "ada", peer("10.0.0.1", "1.1.1.1, nonsense"), 60) == 50


# --- threads, forks, memory ---------------------------------------------------------------------


def in_parallel(throttles: list[Throttle], count: int = 64) -> int:
    passed: list[int] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        passed.append(passes(throttles[number % len(throttles)], "ada", peer(), 1))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == count
    return sum(passed)


def test_of_64_parallel_attempts_exactly_the_limit_gets_through() -> None:
    for _ in range(20):
        assert in_parallel([Throttle(account="10/15m", address="off")]) == 10
        assert in_parallel([Throttle(account="off", address="10/15m")]) == 10


def test_a_forked_worker_goes_on_counting_even_if_the_lock_was_held() -> None:
    throttle = Throttle(account="10/15m", address="off")
    passes(throttle, "ada", peer(), 4)
    reading, writing = os.pipe()
    with throttle._counters._lock:  # another thread was counting at the moment of the fork
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, bytes([passes(throttle, "ada", peer(), 20)]))
            finally:
                os._exit(0)
    os.close(writing)
    answer = os.read(reading, 1)
    os.close(reading)
    os.waitpid(child, 0)
    assert answer == bytes([6])
    assert passes(throttle, "ada", peer(), 20) == 6


@pytest.mark.parametrize("rate", ["2/10m", "off"])
def test_tokens_to_ask_about_are_counted_by_themselves_and_twenty_times_as_many(rate: str) -> None:
    throttle = Throttle(address=rate)
    asked = 0
    for _ in range(50):
        try:
            throttle.question(peer())
            asked += 1
        except TooManyAttempts:
            pass
    assert asked == (40 if rate != "off" else 50)
    assert passes(throttle, "", peer(), 5) == (2 if rate != "off" else 5)
    throttle.question(peer("8.8.8.8")).succeeded()


def test_a_million_keys_leave_memory_flat() -> None:
    threads = threading.active_count()
    counters, rate = MemoryCounters(capacity=5_000), Rate(10, 900)
    for number in range(10_000):
        counters.take(f"account:{number}", rate)
    tracemalloc.start()
    try:
        for number in range(10_000, 20_000):
            counters.take(f"account:{number}", rate)
        early = tracemalloc.get_traced_memory()[0]
        for number in range(20_000, 60_000):
            counters.take(f"account:{number}", rate)
        late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    for number in range(1_000_000):
        counters.take(f"address:{number}", rate)
    assert len(counters) == 10_000
    assert late < early * 1.5
    assert threading.active_count() <= threads


def test_a_flood_of_addresses_pushes_no_account_out() -> None:
    counters, rate = MemoryCounters(capacity=100), Rate(1, 900)
    counters.take("account:ada", rate)
    for number in range(10_000):
        counters.take(f"address:{number}", rate)
    assert counters.take("account:ada", rate) is not None


def test_ended_windows_make_room_first() -> None:
    now = [0.0]
    counters, rate = MemoryCounters(capacity=1_000, clock=lambda: now[0]), Rate(1, 60)
    for number in range(500):
        counters.take(f"account:{number}", rate)
    now[0] = 61.0
    counters.take("account:new", rate)
    assert len(counters) == 1


# --- Redis --------------------------------------------------------------------------------------


class RedisServer:
    def __init__(self, binary: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(folder), "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    binary = shutil.which("redis-server")
    if binary is None:
        message = "redis-server is not installed (apt-get install redis-server)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    server = RedisServer(binary, tmp_path)
    yield server
    server.stop()


def stored(server: RedisServer) -> list[bytes]:
    import redis

    with redis.Redis(port=server.port) as client:
        return [key + b" ttl %d" % client.ttl(key) for key in client.scan_iter()]


def test_two_processes_share_one_limit_through_redis(redis_server: RedisServer) -> None:
    one, two = (Throttle("10/15m", "50/15m", redis_server.url) for _ in range(2))
    assert passes(one, "ada", peer(), 6) + passes(two, "Ada", peer(), 20) == 10
    with pytest.raises(TooManyAttempts) as caught:
        one.attempt("ada", peer())
    assert 1 <= caught.value.retry_after <= 900
    for _ in range(60):
        two.attempt("bob", peer()).succeeded()
    assert passes(one, "carol", peer(), 100) == 10
    keys = stored(redis_server)
    assert keys and all(b"ada" not in key and b"8.8" not in key for key in keys)
    assert all(0 < int(key.split()[-1]) <= 900 for key in keys)  # none stays for ever


def application(url: str, **more: Any) -> AuthMiddleware:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise AssertionError

    limits = {"account": "10/15m", "address": "10/15m", "storage": url}
    return AuthMiddleware(app, {"secret": "s" * 40, "limits": limits, **more})


def test_applications_on_one_redis_count_for_themselves(redis_server: RedisServer) -> None:
    used_up = application(redis_server.url).site.attempts
    assert passes(used_up, "ada", peer()) == 10
    for other in ({"secret": "t" * 40}, {"cookies": {"session": {"name": "__Host-other"}}}):
        attempts = application(redis_server.url, **other).site.attempts
        assert passes(attempts, "ada", peer()) == 10, other


def test_processes_of_one_application_share_counters_while_its_secret_is_rotated(
    redis_server: RedisServer,
) -> None:
    old, new = "s" * 40, "t" * 40
    for secret in (old, [new, old]):
        attempts = application(redis_server.url, secret=secret).site.attempts
        assert passes(attempts, "ada", peer(), 5) == 5
    assert passes(application(redis_server.url, secret=old).site.attempts, "ada", peer()) == 0


def test_of_64_parallel_attempts_through_redis_exactly_the_limit_gets_through(
    redis_server: RedisServer,
) -> None:
    throttles = [Throttle("10/15m", "off", redis_server.url) for _ in range(4)]
    assert in_parallel(throttles) == 10


def test_a_window_in_redis_ends(redis_server: RedisServer) -> None:
    throttle = Throttle("2 per 1 second", "off", redis_server.url)
    first = throttle.attempt("ada", peer())
    throttle.attempt("ada", peer())
    deadline = time.monotonic() + 30
    while stored(redis_server):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.succeeded()  # into a window that is over
    assert passes(throttle, "ada", peer(), 10) in (2, 3)
    while stored(redis_server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_redis_that_is_down_refuses_attempts(redis_server: RedisServer) -> None:
    throttle = Throttle(storage=redis_server.url)
    attempt = throttle.attempt("ada", peer())
    redis_server.stop()
    with pytest.raises(StoreUnavailable):
        throttle.attempt("ada", peer())
    attempt.succeeded()  # who was right all the same is let in


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_redis_that_never_was_up_does_not_stop_start_up(scheme: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and nobody listens
        throttle = Throttle(storage=f"{scheme}://127.0.0.1:{unused.getsockname()[1]}/0")
        with pytest.raises(StoreUnavailable):
            throttle.attempt("ada", peer())


def test_a_redis_that_hangs_refuses_attempts() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)  # accepts, and never answers
        throttle = Throttle(storage=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        with pytest.raises(StoreUnavailable):
            throttle.attempt("ada", peer())


def test_a_redis_that_comes_back_is_used_again(redis_server: RedisServer) -> None:
    import redis

    throttle = Throttle("10/15m", "off", redis_server.url)
    assert passes(throttle, "ada", peer(), 2) == 2
    with redis.Redis(port=redis_server.port) as client:
        client.client_kill_filter(_type="normal", skipme=True)
        client.script_flush()
    assert passes(throttle, "ada", peer()) == 8


def test_a_storage_at_what_can_be_no_host_cannot_be_asked():
    pytest.importorskip("redis")
    with pytest.raises(StoreUnavailable):
        Throttle(storage="redis://my..host/0").attempt("ada", {"REMOTE_ADDR": "203.0.113.9"})
