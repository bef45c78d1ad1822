"""Redis beyond the contract: what it keeps and for how long, TLS, its URL."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.adapters.servers import Redis, SecureRedis
from wsgi_auth.adapters import connect
from wsgi_auth.errors import ConfigError, StoreUnavailable
from wsgi_auth.records import Revocation, SessionRecord, UserRecord, VerificationToken

pytestmark = pytest.mark.live

ADA = UserRecord("u1", "Ada", "Ada@Example.org", 1_000)


@pytest.fixture
def store(redis_server: Redis):
    with redis_server.client() as client:
        client.flushall()
        adapter = connect(f"{redis_server.url}?prefix=t:")
        adapter.create_user(ADA)
        yield adapter, client
        adapter.close()


def test_what_has_an_end_goes_by_itself_an_hour_later(store) -> None:
    adapter, client = store
    now = int(time.time())
    adapter.create_session(SessionRecord("s1", "u1", now + 100, ""))
    adapter.create_session(SessionRecord("s2", "u1", now + 200, ""))
    adapter.create_verification_token(VerificationToken("a@example.org", "t", now + 100))
    for key, left in (("s:s1", 3_700), ("us:u1", 3_800), ("t:13:a@example.org:t", 3_700)):
        assert left - 60 < client.ttl(f"t:{key}") <= left
    renewed = SessionRecord("s1", "u1", now + 900, "")
    assert adapter.update_session(renewed, SessionRecord("s1", "u1", now + 100, ""))
    assert client.ttl("t:s:s1") > 4_400 and client.ttl("t:us:u1") > 4_400
    assert client.ttl("t:u:u1") == -1
    assert not client.exists("t:x")


def test_the_list_of_a_users_sessions_does_not_grow_with_those_that_are_gone(store) -> None:
    adapter, client = store
    now = int(time.time())
    for number in range(50):
        adapter.create_session(SessionRecord(f"s{number}", "u1", now + 1_000 + number, ""))
        client.delete(f"t:s:s{number}")  # as when its time is over
    assert client.zcard("t:us:u1") <= 3


def test_nothing_is_left_of_a_user_who_was_deleted(store) -> None:
    adapter, client = store
    adapter.create_session(SessionRecord("s1", "u1", int(time.time()) + 100, ""))
    adapter.create_session(SessionRecord("s2", "u1", 100, ""))
    assert adapter.delete_user("u1")
    assert client.keys("*") == []


def test_nothing_is_left_of_what_was_swept(store) -> None:
    adapter, client = store
    adapter.delete_user("u1")
    adapter.create_session(SessionRecord("s1", "u1", 100, ""))
    adapter.create_verification_token(VerificationToken("a@example.org", "t", 100))
    adapter.revoke([Revocation("session", "s1", 50, 100)])
    assert adapter.sweep(100, 10) == 3
    assert client.keys("*") == []


@pytest.mark.parametrize(
    "planted",
    [b"", b"[", b"{}", b"null", b'[2,"u1",2000,""]', b'[1,"u1",2000]', b"\xff",
     pickle.dumps(("u1", 2000, "")), b'[1,"u1",2000,"', b"[" * 2_000],
)  # fmt: skip
def test_a_record_that_is_not_ours_is_refused(store, planted: bytes) -> None:
    adapter, client = store
    client.set("t:s:s1", planted)
    with pytest.raises(StoreUnavailable):
        adapter.get_session_and_user("s1")


def test_a_users_record_that_is_not_ours_is_refused(store) -> None:
    adapter, client = store
    adapter.create_session(SessionRecord("s1", "u1", 2_000, ""))
    client.set("t:u:u1", b'[2,"Ada",null,null,null,null]')
    for read in (adapter.get_session_and_user, lambda _: adapter.get_user("u1")):
        with pytest.raises(StoreUnavailable):
            read("s1")


def test_a_server_that_forgot_the_scripts_learns_them_again(store) -> None:
    adapter, client = store
    adapter.create_session(SessionRecord("s1", "u1", 2_000, ""))
    client.script_flush()
    assert adapter.get_session_and_user("s1") is not None
    client.script_flush()
    assert adapter.delete_session("s1") is not None


def test_a_user_of_redis_with_the_rights_of_the_page_is_enough(store, redis_server: Redis) -> None:
    _, client = store
    page = (Path(__file__).parents[2] / "docs" / "keeping-sessions.rst").read_text()
    (rights,) = re.findall(r"`ACL SETUSER app (.*?)`", page)
    client.execute_command("ACL", "SETUSER", "app", *rights.split())
    adapter = connect(f"redis://app:password@127.0.0.1:{redis_server.port}/0")
    adapter.create_user(UserRecord("u9"))
    adapter.create_session(SessionRecord("s9", "u9", 4_000_000_000, ""))
    assert adapter.get_session_and_user("s9") is not None
    assert adapter.sweep(4_000_000_001, 10) == 0
    assert adapter.delete_user("u9")
    adapter.close()
    client.execute_command("ACL", "DELUSER", "app")


def test_two_prefixes_are_two_stores(store, redis_server: Redis) -> None:
    assert store[0].get_user("u1") == ADA
    other = connect(f"{redis_server.url}?prefix=t:2:")
    assert other.get_user("u1") is None
    other.create_user(ADA)
    other.close()


def test_over_tls_only_the_right_server_is_spoken_to(secure_redis: SecureRedis) -> None:
    good = connect(secure_redis.url)
    assert good.get_user("u1") is None
    good.close()
    for url in (secure_redis.untrusted, secure_redis.other_name):
        bad = connect(url)
        with pytest.raises(StoreUnavailable):
            bad.get_user("u1")
        bad.close()


@pytest.mark.parametrize(
    "url",
    ["redis://:hunter2@127.0.0.1:port/0", "redis://:hunter2@127.0.0.1/0?timeout=never",
     "redis://:hunter2@127.0.0.1/0?timeout=0", "redis://:hunter2@127.0.0.1/0?pool_size=0",
     "redis://:hunter2@127.0.0.1/0?prefix=a'b", "redis://:hunter2@127.0.0.1/0?colour=red",
     "redis://:hunter2@127.0.0.1/0?ssl_ca_certs=x", "redis://:hunter2@[::1/0"],
)  # fmt: skip
def test_a_bad_url_stops_start_up_without_showing_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)


def test_without_its_library_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['redis'] = None\n"
        "from wsgi_auth.adapters import connect\n"
        "from wsgi_auth.errors import ConfigError\n"
        "try: connect('redis://127.0.0.1')\n"
        "except ConfigError as error: print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "pip install 'wsgi_auth[redis]'" in shown.stdout, shown.stderr
