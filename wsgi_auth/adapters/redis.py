"""``redis://``: for several machines; each step is one command or one script of the server's.

What lives here: keys, records as versioned JSON (R105) and Lua. Sessions and the tokens of links
end by themselves, by the server's clock; what has no time to live (a record that was over when it
was written, revocations) is for ``sweep``. Scripts name keys that they find in records, so that a
Redis Cluster is not for this; a primary with replicas is.

=====================  ==========  ================================================================
key, after the prefix  type        value
=====================  ==========  ================================================================
``u:ID``               string      ``[1, name, email, email_verified, image, key of the address]``
``e:ADDRESS``          string      the id of its user
``s:ID``               string      ``[1, user, expires, data]``
``us:USER``            sorted set  ids of sessions by ``expires``; may hold some that are gone
``a:N:PROVIDER:ID``    string      ``[1, user, provider, id, type, data]``; N: length of PROVIDER
``k:ID``               string      ``[1, user, credential, counter, data]``
``ua:USER, uk:USER``   set         the names of their accounts, their authenticators
``t:N:ADDRESS:TOKEN``  string      ``[1, expires, data]``
``r``, ``rx``          sorted set  revocations by ``at``, by ``expires``
``x``                  sorted set  sessions and tokens without a time to live, by ``expires``
=====================  ==========  ================================================================
"""

from __future__ import annotations

import hashlib
import json
import queue
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from wsgi_auth.adapters.common import Options, email_key, missing_driver
from wsgi_auth.errors import AlreadyExists, ConfigError, StoreUnavailable
from wsgi_auth.records import (
    AccountRecord,
    Authenticator,
    Revocation,
    SessionRecord,
    UserRecord,
    VerificationToken,
)

#: The version of the records that this release writes, and the only one that it reads.
VERSION = 1

# --- scripts --------------------------------------------------------------------------------------

_START = "local p, call = 'PREFIX', redis.call\n"

# A session stays for an hour after its end, so that its visitor is told and clocks may differ.
_HELPERS = """
local grace = 3600
local now = tonumber(call('TIME')[1])
local function live(key, expires)
  if expires + grace <= now then return false end
  call('EXPIREAT', key, expires + grace)
  return true
end
local function keep(name, value, expires)
  call('SET', p .. name, value)
  if live(p .. name, expires) then call('ZREM', p .. 'x', name)
  else call('ZADD', p .. 'x', expires, name) end
end
local function user_of(value) return cjson.decode(value)[2] end
local function add(id, value, expires)
  local index = p .. 'us:' .. user_of(value)
  keep('s:' .. id, value, expires)
  for _, old in ipairs(call('ZRANGE', index, 0, 1)) do
    if call('EXISTS', p .. 's:' .. old) == 0 then call('ZREM', index, old) end
  end
  call('ZADD', index, expires, id)
  if not live(index, tonumber(call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])) then
    call('PERSIST', index)
  end
end
local function remove(id)
  local value = call('GET', p .. 's:' .. id)
  call('ZREM', p .. 'x', 's:' .. id)
  if not value then return false end
  call('DEL', p .. 's:' .. id)
  call('ZREM', p .. 'us:' .. user_of(value), id)
  return value
end
local function claim(email, id)
  local owner = call('GET', p .. 'e:' .. email)
  if owner and owner ~= id then return false end
  call('SET', p .. 'e:' .. email, id)
  return true
end
local function release(value, id)
  local email = cjson.decode(value)[6]
  if type(email) == 'string' and call('GET', p .. 'e:' .. email) == id then
    call('DEL', p .. 'e:' .. email)
  end
end
"""

# At every request: an id without escapes is cut out, and one text goes back, not two.
_READ = """
local session = call('GET', p .. 's:' .. ARGV[1])
if not session then return false end
local id = string.match(session, '^%[1,"([^"\\\\]*)",') or cjson.decode(session)[2]
local user = call('GET', p .. 'u:' .. id)
return user and '[' .. session .. ',' .. user .. ']'
"""
_USER_BY_EMAIL = """
local id = call('GET', p .. 'e:' .. ARGV[1])
local user = id and call('GET', p .. 'u:' .. id)
return user and {id, user}
"""
_USER_BY_ACCOUNT = """
local account = call('GET', p .. 'a:' .. ARGV[1])
if not account then return false end
local id = cjson.decode(account)[2]
local user = call('GET', p .. 'u:' .. id)
return user and {id, user}
"""
_CREATE_SESSION = """
if call('EXISTS', p .. 's:' .. ARGV[1]) == 1 then return 0 end
add(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return 1
"""
_UPDATE_SESSION = """
if call('GET', p .. 's:' .. ARGV[1]) ~= ARGV[4] then return 0 end
call('ZREM', p .. 'us:' .. user_of(ARGV[4]), ARGV[1])
add(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return 1
"""
_DELETE_SESSION = "return remove(ARGV[1])"
_LIST_SESSIONS = """
local index, found = p .. 'us:' .. ARGV[1], {}
for _, id in ipairs(call('ZRANGE', index, 0, -1)) do
  local value = call('GET', p .. 's:' .. id)
  if value then
    found[#found + 1] = id
    found[#found + 1] = value
  else call('ZREM', index, id) end
end
return found
"""
_DELETE_SESSIONS = """
local index, gone = p .. 'us:' .. ARGV[1], {}
for _, id in ipairs(call('ZRANGE', index, 0, -1)) do
  if id ~= ARGV[2] then
    local value = remove(id)
    if value then
      gone[#gone + 1] = id
      gone[#gone + 1] = value
    else call('ZREM', index, id) end
  end
end
return gone
"""
_CREATE_USER = """
if call('EXISTS', p .. 'u:' .. ARGV[1]) == 1 then return 0 end
if ARGV[4] ~= '' and call('EXISTS', p .. 'a:' .. ARGV[4]) == 1 then return 0 end
if ARGV[3] ~= '' and not claim(ARGV[3], ARGV[1]) then return 0 end
call('SET', p .. 'u:' .. ARGV[1], ARGV[2])
if ARGV[4] ~= '' then
  call('SET', p .. 'a:' .. ARGV[4], ARGV[5])
  call('SADD', p .. 'ua:' .. cjson.decode(ARGV[5])[2], ARGV[4])
end
return 1
"""
_UPDATE_USER = """
local old = call('GET', p .. 'u:' .. ARGV[1])
if not old then return -1 end
if ARGV[3] ~= '' and not claim(ARGV[3], ARGV[1]) then return 0 end
if cjson.decode(old)[6] ~= ARGV[3] then release(old, ARGV[1]) end
call('SET', p .. 'u:' .. ARGV[1], ARGV[2])
return 1
"""
_DELETE_USER = """
local old = call('GET', p .. 'u:' .. ARGV[1])
if not old then return 0 end
release(old, ARGV[1])
call('DEL', p .. 'u:' .. ARGV[1])
for _, id in ipairs(call('ZRANGE', p .. 'us:' .. ARGV[1], 0, -1)) do remove(id) end
call('DEL', p .. 'us:' .. ARGV[1])
for _, kind in ipairs({'a', 'k'}) do
  local index = p .. 'u' .. kind .. ':' .. ARGV[1]
  for _, name in ipairs(call('SMEMBERS', index)) do call('DEL', p .. kind .. ':' .. name) end
  call('DEL', index)
end
return 1
"""
# What a user owns: ARGV is the kind ('a' or 'k'), the name, then values.
_CREATE_OWNED = """
local key = p .. ARGV[1] .. ':' .. ARGV[2]
if call('EXISTS', key) == 1 then return 0 end
call('SET', key, ARGV[3])
call('SADD', p .. 'u' .. ARGV[1] .. ':' .. cjson.decode(ARGV[3])[2], ARGV[2])
return 1
"""
_UPDATE_OWNED = """
local key = p .. ARGV[1] .. ':' .. ARGV[2]
if call('GET', key) ~= ARGV[4] then return 0 end
call('SET', key, ARGV[3])
call('SREM', p .. 'u' .. ARGV[1] .. ':' .. cjson.decode(ARGV[4])[2], ARGV[2])
call('SADD', p .. 'u' .. ARGV[1] .. ':' .. cjson.decode(ARGV[3])[2], ARGV[2])
return 1
"""
_DELETE_OWNED = """
local key = p .. ARGV[1] .. ':' .. ARGV[2]
local value = call('GET', key)
if not value then return 0 end
call('DEL', key)
call('SREM', p .. 'u' .. ARGV[1] .. ':' .. cjson.decode(value)[2], ARGV[2])
return 1
"""
_LIST_OWNED = """
local found = {}
for _, name in ipairs(call('SMEMBERS', p .. 'u' .. ARGV[1] .. ':' .. ARGV[2])) do
  local value = call('GET', p .. ARGV[1] .. ':' .. name)
  if value then found[#found + 1] = value end
end
return found
"""
_CREATE_TOKEN = "keep('t:' .. ARGV[1], ARGV[2], tonumber(ARGV[3]))"
_USE_TOKEN = """
local value = call('GET', p .. 't:' .. ARGV[1])
call('DEL', p .. 't:' .. ARGV[1])
call('ZREM', p .. 'x', 't:' .. ARGV[1])
return value
"""
_REVOKE = """
for i = 1, #ARGV, 3 do
  for key, score in pairs({r = ARGV[i + 1], rx = ARGV[i + 2]}) do
    local known = call('ZSCORE', p .. key, ARGV[i])
    if not known or tonumber(known) < tonumber(score) then
      call('ZADD', p .. key, score, ARGV[i])
    end
  end
end
"""
_REVOKE_ONCE = """
if call('ZSCORE', p .. 'r', ARGV[1]) then return 0 end
call('ZADD', p .. 'r', ARGV[2], ARGV[1])
call('ZADD', p .. 'rx', ARGV[3], ARGV[1])
return 1
"""
_REVOCATIONS = """
local found = call('ZRANGEBYSCORE', p .. 'r', ARGV[1], '+inf', 'WITHSCORES')
local all = {}
for i = 1, #found, 2 do
  local expires = call('ZSCORE', p .. 'rx', found[i])
  all[#all + 1] = {found[i], found[i + 1], expires or found[i + 1]}
end
return all
"""
_SWEEP = """
local gone = 0
for _, name in ipairs(call('ZRANGEBYSCORE', p .. 'x', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  if string.sub(name, 1, 2) == 's:' then remove(string.sub(name, 3))
  else
    call('DEL', p .. name)
    call('ZREM', p .. 'x', name)
  end
  gone = gone + 1
end
for _, name in ipairs(call('ZRANGEBYSCORE', p .. 'rx', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  call('ZREM', p .. 'r', name)
  call('ZREM', p .. 'rx', name)
  gone = gone + 1
end
return gone
"""
_READS = {_READ, _USER_BY_EMAIL, _USER_BY_ACCOUNT, _LIST_OWNED, _REVOCATIONS}


class RedisAdapter:
    """An :class:`~wsgi_auth.protocols.Adapter` in a Redis server. Nothing is asked of it before it
    is needed: a server that is down does not stop start-up.

    Options in the query of the URL: ``prefix`` (of every key), ``timeout``, ``connect_timeout``
    (seconds) and ``pool_size`` as for every store, and those of TLS that redis-py has (``ssl_*``).
    """

    def __init__(self, url: str) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise missing_driver("redis://", "redis", "redis") from None
        options = Options.of(url)
        self._prefix = _prefix(options.rest.get("prefix", "auth:"))
        options = options.without("prefix")
        if not re.fullmatch("/?[0-9]{0,9}", urlsplit(options.url).path):  # redis-py takes it for 0
            raise ConfigError("adapter", "must be redis://user:password@host:port/number")
        secure = url.startswith("rediss:")
        for name in options.rest:
            if not (secure and name.startswith("ssl_")):
                raise ConfigError(
                    "adapter",
                    f"redis:// has no option {name!r}; it has prefix, timeout, connect_timeout, "
                    "pool_size, and rediss:// those of redis-py that begin with ssl_",
                )
        more: dict[str, Any] = {}
        if secure and options.rest.get("ssl_cert_reqs") != "none":
            more["ssl_check_hostname"] = True  # redis-py 5 does not unless it is told
        try:
            pool = redis.BlockingConnectionPool.from_url(
                options.url,
                max_connections=options.pool_size,
                timeout=options.timeout,
                socket_timeout=options.timeout,
                socket_connect_timeout=options.connect_timeout,
                socket_keepalive=True,
                # with RESP 3 redis-py does not look whether a connection that it kept is closed
                protocol=2,
                # what was sent may have been done: only the caller knows what may be sent again
                retry=Retry(NoBackoff(), 0),
                **more,
            )
        except ValueError:
            raise ConfigError("adapter", "must be redis://user:password@host:port/number") from None
        self._client: Any = redis.Redis(connection_pool=pool)
        self._errors: Any = redis.exceptions
        self._scripts: dict[str, tuple[str, str]] = {}

    # --- asking -----------------------------------------------------------------------------

    def _run(self, body: str, *values: bytes | int) -> Any:
        """What a script answers: one round trip, two where the server does not know it yet."""
        again = body in _READS
        known = self._scripts.get(body)
        if known is None:
            text = _START.replace("PREFIX", self._prefix) + ("" if again else _HELPERS) + body
            sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            known = self._scripts[body] = sha, text
        try:
            return self._call(again, "EVALSHA", known[0], 0, *values)
        except self._errors.NoScriptError:  # the server was restarted, or is another one
            pass
        try:
            return self._call(again, "EVAL", known[1], 0, *values)
        except self._errors.NoScriptError as error:
            raise StoreUnavailable(f"Redis: {error}") from error

    def _call(self, again: bool, *command: str | bytes | int) -> Any:
        """What the server answers; asked once ``again`` where the connection breaks."""
        try:
            return self._client.execute_command(*command)
        except self._errors.NoScriptError:
            raise
        except self._errors.ConnectionError as error:
            if again and not isinstance(error.__context__, queue.Empty):  # that is: all are in use
                return self._call(False, *command)
            raise StoreUnavailable(f"Redis: {error}") from error
        except (self._errors.RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis: {error}") from error

    def _get(self, name: bytes, count: int) -> list[Any] | None:
        value = self._call(True, "GET", self._prefix.encode() + name)
        return None if value is None else _unpack(value, count)

    # --- sessions ---------------------------------------------------------------------------

    def create_session(self, session: SessionRecord) -> None:
        if not self._run(_CREATE_SESSION, _b(session.id), _session(session), session.expires):
            raise AlreadyExists("a session of this id")

    def get_session_and_user(self, id: str) -> tuple[SessionRecord, UserRecord] | None:
        found = self._run(_READ, _b(id))
        if found is None:
            return None
        one, two = _parse(found) or (None, None)
        session = SessionRecord(id, *_fields(one, 3))
        return session, UserRecord(session.user_id, *_fields(two, 5)[:4])

    def update_session(self, session: SessionRecord, expected: SessionRecord) -> bool:
        return bool(
            self._run(
                _UPDATE_SESSION,
                _b(session.id),
                _session(session),
                session.expires,
                _session(expected),
            )
        )

    def delete_session(self, id: str) -> SessionRecord | None:
        value = self._run(_DELETE_SESSION, _b(id))
        return None if value is None else SessionRecord(id, *_unpack(value, 3))

    def list_sessions(self, user_id: str) -> list[SessionRecord]:
        found = _sessions(self._run(_LIST_SESSIONS, _b(user_id)))
        return sorted(found, key=lambda each: (-each.expires, each.id))

    def delete_sessions(self, user_id: str, but: str = "") -> list[SessionRecord]:
        return _sessions(self._run(_DELETE_SESSIONS, _b(user_id), _b(but)))

    # --- users ------------------------------------------------------------------------------

    def create_user(self, user: UserRecord, account: AccountRecord | None = None) -> UserRecord:
        linked = (b"", b"") if account is None else (_pair(*account[:2]), _account(account))
        email = _b(email_key(user) or "")
        if not self._run(_CREATE_USER, _b(user.id), _user(user), email, *linked):
            raise AlreadyExists("a user of this id or address, or an account")
        return user

    def get_user(self, id: str) -> UserRecord | None:
        found = self._get(b"u:" + _b(id), 5)
        return None if found is None else UserRecord(id, *found[:4])

    def get_user_by_email(self, email: str) -> UserRecord | None:
        return _found(self._run(_USER_BY_EMAIL, _b(email.lower())))

    def get_user_by_account(self, provider: str, provider_account_id: str) -> UserRecord | None:
        return _found(self._run(_USER_BY_ACCOUNT, _pair(provider, provider_account_id)))

    def update_user(self, user: UserRecord) -> bool:
        done = self._run(_UPDATE_USER, _b(user.id), _user(user), _b(email_key(user) or ""))
        if done == 0:
            raise AlreadyExists("a user of this address")
        return bool(done == 1)

    def delete_user(self, id: str) -> bool:
        return bool(self._run(_DELETE_USER, _b(id)))

    # --- accounts ---------------------------------------------------------------------------

    def link_account(self, account: AccountRecord) -> None:
        if not self._run(_CREATE_OWNED, b"a", _pair(*account[:2]), _account(account)):
            raise AlreadyExists("an account of this provider and id")

    def unlink_account(self, provider: str, provider_account_id: str) -> bool:
        return bool(self._run(_DELETE_OWNED, b"a", _pair(provider, provider_account_id)))

    def get_account(self, provider: str, provider_account_id: str) -> AccountRecord | None:
        found = self._get(b"a:" + _pair(provider, provider_account_id), 5)
        return None if found is None else _account_of(found)

    def list_accounts(self, user_id: str) -> list[AccountRecord]:
        found = self._run(_LIST_OWNED, b"a", _b(user_id))
        return sorted(_account_of(_unpack(value, 5)) for value in found)

    def update_account(self, account: AccountRecord, expected: AccountRecord) -> bool:
        name = _pair(*account[:2])
        return bool(self._run(_UPDATE_OWNED, b"a", name, _account(account), _account(expected)))

    # --- tokens of e-mail links -------------------------------------------------------------

    def create_verification_token(self, token: VerificationToken) -> None:
        value = _pack(token.expires, token.data)
        self._run(_CREATE_TOKEN, _pair(token.identifier, token.token), value, token.expires)

    def get_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        found = self._get(b"t:" + _pair(identifier, token), 2)
        return None if found is None else VerificationToken(identifier, token, *found)

    def use_verification_token(self, identifier: str, token: str) -> VerificationToken | None:
        value = self._run(_USE_TOKEN, _pair(identifier, token))
        return None if value is None else VerificationToken(identifier, token, *_unpack(value, 2))

    # --- passkeys ---------------------------------------------------------------------------

    def create_authenticator(self, authenticator: Authenticator) -> None:
        name = _b(authenticator.credential_id)
        if not self._run(_CREATE_OWNED, b"k", name, _authenticator(authenticator)):
            raise AlreadyExists("an authenticator of this id")

    def get_authenticator(self, credential_id: str) -> Authenticator | None:
        found = self._get(b"k:" + _b(credential_id), 4)
        return None if found is None else _authenticator_of(found)

    def list_authenticators(self, user_id: str) -> list[Authenticator]:
        found = self._run(_LIST_OWNED, b"k", _b(user_id))
        return sorted(_authenticator_of(_unpack(value, 4)) for value in found)

    def update_authenticator(self, authenticator: Authenticator, expected: Authenticator) -> bool:
        values = _authenticator(authenticator), _authenticator(expected)
        return bool(self._run(_UPDATE_OWNED, b"k", _b(authenticator.credential_id), *values))

    def delete_authenticator(self, credential_id: str) -> bool:
        return bool(self._run(_DELETE_OWNED, b"k", _b(credential_id)))

    # --- what was ended ---------------------------------------------------------------------

    def revoke(self, revocations: Sequence[Revocation]) -> None:
        values: list[bytes | int] = []
        for each in revocations:
            values += [_revoked(each), each.at, each.expires]
        if values:
            self._run(_REVOKE, *values)

    def revoke_once(self, revocation: Revocation) -> bool:
        values = _revoked(revocation), revocation.at, revocation.expires
        return bool(self._run(_REVOKE_ONCE, *values))

    def revocations(self, since: int) -> list[Revocation]:
        return [
            Revocation(
                "session" if name[:2] == b"s:" else "user",
                name[2:].decode("utf-8", "surrogatepass"),
                int(float(at)),
                int(float(expires)),
            )
            for name, at, expires in self._run(_REVOCATIONS, since)
        ]

    # --- all of it --------------------------------------------------------------------------

    def sweep(self, now: int, limit: int) -> int:
        return int(self._run(_SWEEP, now, limit))

    def close(self) -> None:
        """Close the connections of this process."""
        self._client.connection_pool.disconnect()


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:{}-]{0,64}", text):  # it becomes part of the scripts
        raise ConfigError("adapter", "prefix in its URL must be of letters, digits and _ . : - { }")
    return text


# --- records --------------------------------------------------------------------------------------


def _b(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _pair(one: str, two: str) -> bytes:
    """Two texts as one name, in a way that no other two have."""
    return _b(f"{len(one)}:{one}:{two}")


def _pack(*fields: Any) -> bytes:
    return _b(json.dumps([VERSION, *fields], ensure_ascii=False, separators=(",", ":")))


def _unpack(value: bytes, count: int) -> list[Any]:
    """The so many fields of a record; refuses what is of another version or shape (R105)."""
    return _fields(_parse(value), count)


def _parse(value: bytes) -> Any:
    try:
        try:
            return json.loads(value.decode())
        except UnicodeDecodeError:
            return json.loads(value.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None


def _fields(record: Any, count: int) -> list[Any]:
    if not isinstance(record, list) or len(record) != count + 1 or record[0] != VERSION:
        raise StoreUnavailable(f"Redis: a record that is not of version {VERSION}")
    return record[1:]


def _session(session: SessionRecord) -> bytes:
    return _pack(*session[1:])


def _sessions(found: list[bytes]) -> list[SessionRecord]:
    names = (name.decode("utf-8", "surrogatepass") for name in found[::2])
    return [
        SessionRecord(name, *_unpack(value, 3))
        for name, value in zip(names, found[1::2], strict=True)
    ]


def _user(user: UserRecord) -> bytes:
    return _pack(*user[1:], email_key(user))


def _found(found: list[bytes] | None) -> UserRecord | None:
    if found is None:
        return None
    return UserRecord(found[0].decode("utf-8", "surrogatepass"), *_unpack(found[1], 5)[:4])


def _account(account: AccountRecord) -> bytes:
    return _pack(account.user_id, *account[:2], *account[3:])


def _account_of(fields: list[Any]) -> AccountRecord:
    user_id, provider, id, type, data = fields
    return AccountRecord(provider, id, user_id, type, data)


def _authenticator(authenticator: Authenticator) -> bytes:
    return _pack(authenticator.user_id, authenticator.credential_id, *authenticator[2:])


def _authenticator_of(fields: list[Any]) -> Authenticator:
    user_id, credential_id, counter, data = fields
    return Authenticator(credential_id, user_id, counter, data)


def _revoked(revocation: Revocation) -> bytes:
    return _b(f"{revocation.kind[0]}:{revocation.id}")


__all__ = ["VERSION", "RedisAdapter"]
