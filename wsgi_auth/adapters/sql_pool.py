"""Connections to a SQL database: from a URL to rows, in time, whatever the database does.

What lives here: drivers and their time-outs, a bounded pool, errors. SQLAlchemy opens connections
and knows its drivers; statements go straight to the driver, in autocommit mode, so that one
statement is one round trip (through SQLAlchemy's own pool and execution, reading a session takes
three times as long).

A connection that was idle may be broken. A reading statement is asked once more, on a new
connection; a writing one never, so that its connection is asked for a sign of life before it.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from wsgi_auth.adapters.common import Options, missing_driver
from wsgi_auth.errors import AlreadyExists, ConfigError, StoreUnavailable

#: The driver where the URL names none, and the extra that brings it.
DRIVERS = {
    "postgresql": ("psycopg", "postgresql"),
    "mysql": ("pymysql", "mysql"),
    "mariadb": ("pymysql", "mysql"),
    "sqlite": ("pysqlite", "sql"),
}


class Statement(NamedTuple):
    """A statement in the words of one driver, with the names of its values in their order."""

    text: str
    names: tuple[str, ...]


class _Held(NamedTuple):
    """A connection, and the one cursor that is used in it (a new one each time costs a fifth)."""

    owner: Any
    cursor: Any
    slots: _Slots


class Pool:
    """At most ``pool_size`` connections of this process; another process has its own."""

    def __init__(self, url: str) -> None:
        self._options = options = Options.of(url)
        self.engine = _engine(options)
        self.dialect = self.engine.dialect
        self._process = os.getpid()
        self._slots = _Slots(options.pool_size)
        self._abandoned: list[Any] = []
        # MariaDB and MySQL have octets in place of texts that are compared
        self._octets = self.dialect.name in ("mysql", "mariadb")

    def compile(self, statement: sa.ClauseElement) -> Statement:
        compiled: Any = statement.compile(dialect=self.dialect)
        return Statement(str(compiled), tuple(compiled.positiontup))

    @contextmanager
    def connect(self, seconds: float | None = None) -> Iterator[sa.Connection]:
        """SQLAlchemy's own connection, for work on tables: with another time-out than requests
        have, where ``seconds`` says so. :class:`ConfigError` for what the database refuses."""
        engine = self.engine
        if seconds is not None:
            engine = _engine(self._options._replace(timeout=seconds))
        try:
            with engine.connect() as connection:
                yield connection
        except sa.exc.InterfaceError as error:
            raise StoreUnavailable(_first_line(error)) from error
        except TypeError as error:  # the driver's, for an argument that it does not have
            raise ConfigError("adapter", f"the options in its URL: {error}") from None
        except sa.exc.ProgrammingError as error:
            raise ConfigError("adapter", f"the database: {_first_line(error)}") from None
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(_first_line(error)) from error

    # --- statements -------------------------------------------------------------------------

    def read(self, statement: Statement, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """All rows of a statement that changes nothing."""
        parameters = self._parameters(statement, values)
        if parameters is None:
            return []  # what no database can keep is not there
        try:
            return self._read(statement.text, parameters, False)
        except _Broken:
            pass
        try:
            return self._read(statement.text, parameters, True)
        except _Broken as broken:
            raise StoreUnavailable(str(broken)) from broken.__cause__

    def _read(self, text: str, parameters: tuple[Any, ...], new: bool) -> list[Sequence[Any]]:
        held = self._take(new=new)
        try:
            held.cursor.execute(text, parameters)
            rows = held.cursor.fetchall()
        except BaseException as error:
            raise self._lost(held.slots, held, error) from error
        held.slots.put(held)
        return self._decoded(rows)

    def write(self, *steps: tuple[Statement, Mapping[str, Any]]) -> list[tuple[int, list[Any]]]:
        """For each statement the number of rows that it touched, and what it returns; many are one
        transaction. What the database undid because of a deadlock is done again."""
        prepared = []
        for statement, values in steps:
            parameters = self._parameters(statement, values)
            if parameters is None:
                raise StoreUnavailable("a database cannot keep such text")
            prepared.append((statement.text, parameters))
        if len(prepared) > 1:
            begin = "BEGIN IMMEDIATE" if self.dialect.name == "sqlite" else "BEGIN"
            prepared = [(begin, ()), *prepared, ("COMMIT", ())]
        for again in (True, True, False):
            try:
                done = self._write(prepared)
                return done if len(done) == 1 else done[1:-1]
            except StoreUnavailable as error:
                if not again or error.__cause__ is None or not _undone(error.__cause__):
                    raise
            except _Broken as broken:
                raise StoreUnavailable(str(broken)) from broken.__cause__
        raise AssertionError("unreachable")

    def _write(self, prepared: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        held, done = self._take(alive=True), []
        try:
            for text, parameters in prepared:
                held.cursor.execute(text, parameters)
                rows = held.cursor.fetchall() if held.cursor.description else []
                done.append((held.cursor.rowcount, self._decoded(rows)))
        except BaseException as error:
            if isinstance(error, self.dialect.loaded_dbapi.IntegrityError):
                self._undo(held, len(prepared) > 1)
                raise AlreadyExists("a record of this key") from None
            raise self._lost(held.slots, held, error) from error
        held.slots.put(held)
        return done

    def _undo(self, held: _Held, transaction: bool) -> None:
        """Put the connection back, after the end of its transaction."""
        try:
            if transaction:
                held.cursor.execute("ROLLBACK")
        except BaseException as error:
            raise self._lost(held.slots, held, error) from error
        held.slots.put(held)

    def _parameters(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        """The values as the driver wants them; None if there is one that no database can keep."""
        found: list[Any] = []
        for name in statement.names:
            value = values[name]
            if isinstance(value, str):
                try:
                    octets = value.encode()
                except UnicodeEncodeError:  # half of a surrogate pair
                    return None
                if b"\0" in octets:  # PostgreSQL has no such text
                    return None
                found.append(octets if self._octets else value)
            else:
                found.append(value)
        return tuple(found)

    def _decoded(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        if not self._octets:
            return list(rows)
        return [
            tuple(value.decode() if isinstance(value, bytes) else value for value in row)
            for row in rows
        ]

    # --- connections ------------------------------------------------------------------------

    def _take(self, new: bool = False, alive: bool = False) -> _Held:
        """A connection that belongs to the caller, who puts it back or reports it lost: any that
        nobody uses, one that gives a sign of life, or a ``new`` one."""
        if self._process != os.getpid():
            # what belongs to the parent is neither used nor closed
            self._abandoned.append(self._slots)
            self._process, self._slots = os.getpid(), _Slots(self._options.pool_size)
        slots = self._slots
        held = slots.get(self._options.timeout)
        try:
            if held is not None and (new or (alive and not self._is_alive(held))):
                _close(held)
                held = None
            if held is None:
                owner: Any = self.engine.raw_connection()
                held = _Held(owner, owner.dbapi_connection.cursor(), slots)
        except BaseException as error:
            raise self._lost(slots, held, error) from error
        return held

    def _is_alive(self, held: _Held) -> bool:
        try:
            return bool(self.dialect.do_ping(held.owner.dbapi_connection))
        except self.dialect.loaded_dbapi.Error as error:
            if _timed_out(error):
                raise
            return False

    def _lost(self, slots: _Slots, held: _Held | None, error: BaseException) -> BaseException:
        """The error to raise, :class:`_Broken` if a new connection may do better. The connection
        is given up, for nobody knows what is on its way in it."""
        errors: Any = self.dialect.loaded_dbapi
        broken = False
        if isinstance(error, errors.Error):
            if _timed_out(error):
                self.drain()  # those beside it would be waited for as long
            elif held is not None and self.dialect.is_disconnect(
                error, held.owner.dbapi_connection, held.cursor
            ):
                self.drain()
                broken = True
        if held is not None:
            _close(held)
        slots.put(None)
        if broken:
            return _Broken(_first_line(error))
        if isinstance(error, (errors.Error, sa.exc.SQLAlchemyError, OSError)):
            return StoreUnavailable(_first_line(error))
        return error

    def drain(self) -> None:
        """Close the connections that nobody uses now."""
        if self._process == os.getpid():
            while (held := self._slots.get_idle()) is not None:
                _close(held)
                held.slots.put(None)


class _Slots:
    """Places for connections: the last that was put back goes first, so that few stay open.

    Where one is idle, taking it is one atomic step, without a lock."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: deque[_Held] = deque()
        self._open = 0
        self._waiting = 0
        self._change = threading.Condition()

    def get_idle(self) -> _Held | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def get(self, seconds: float) -> _Held | None:
        """One that is idle, or None: room for a new one. Waits for either."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self._change:
            self._waiting += 1
            try:
                while self._change.wait_for(
                    lambda: self._open < self._size or bool(self._idle), seconds
                ):
                    held = self.get_idle()  # None: somebody without the lock was faster
                    if held is not None:
                        return held
                    if self._open < self._size:
                        self._open += 1
                        return None
            finally:
                self._waiting -= 1
        raise StoreUnavailable(f"all {self._size} connections are in use")

    def put(self, held: _Held | None) -> None:
        """Back; None: it was closed, and there is room."""
        if held is not None:
            self._idle.append(held)
            if not self._waiting:  # who waits from now on sees it
                return
        with self._change:
            if held is None:
                self._open -= 1
            self._change.notify()


class _Broken(Exception):
    """The connection ended; a new one may do."""


def _close(held: _Held) -> None:
    try:
        held.owner.close()
    except Exception:  # noqa: S110  it is given up either way
        pass


def _first_line(error: BaseException) -> str:
    """What the driver says, without the rest, which may show what was sent."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _timed_out(error: BaseException) -> bool:
    return isinstance(error.__cause__ or error.__context__, TimeoutError)


def _undone(error: BaseException) -> bool:
    """Whether the database undid all of it, and it may be done once more: a deadlock."""
    state = getattr(error, "sqlstate", None)
    return state in ("40001", "40P01") or error.args[:1] == (1213,)


# --- drivers --------------------------------------------------------------------------------------


def _engine(options: Options) -> sa.Engine:
    """An engine whose connections are in autocommit mode and bounded in time."""
    problem = "must be a URL such as postgresql://user:password@host/name"
    try:
        url = sa.make_url(options.url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError("adapter", problem) from None
    backend, _, driver = url.drivername.partition("+")
    if backend not in DRIVERS:
        raise ConfigError("adapter", problem)
    known, extra = DRIVERS[backend]
    if driver not in ("", known):  # there is no bound in time to what others wait for
        raise ConfigError("adapter", f"{backend} is spoken to through {known}, not {driver}")
    if not url.database:
        raise ConfigError("adapter", "must name a database: " + problem.partition("as ")[2])
    arguments: dict[str, Any] = {
        "poolclass": NullPool,
        # nothing is asked of a connection that is closed: it may be one that does not answer
        "pool_reset_on_return": None,
        "isolation_level": "AUTOCOMMIT",
    }
    if known != "pysqlite":
        arguments["paramstyle"] = "format"
    if known == "psycopg":
        arguments["use_native_hstore"] = False
    try:
        engine = sa.create_engine(url.set(drivername=f"{backend}+{known}"), **arguments)
    except ImportError:
        raise missing_driver(f"{backend}://", known, extra) from None
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError("adapter", problem) from None
    {"psycopg": _bound_psycopg, "pymysql": _bound_pymysql, "pysqlite": _bound_sqlite}[known](
        engine, options
    )
    return engine


def _bound_psycopg(engine: sa.Engine, options: Options) -> None:
    import psycopg
    from psycopg.abc import RV, PQGen

    def bounded(steps: PQGen[RV]) -> PQGen[RV]:
        """The same steps, until one gets nothing from the server for too long."""
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if not ready:
                    raise psycopg.OperationalError("no answer in time") from TimeoutError()
                wanted = steps.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer

    class Bounded(psycopg.Connection[Any]):
        def wait(self, gen: PQGen[RV], interval: float = 0, timeout: float | None = None) -> RV:
            return super().wait(bounded(gen), options.timeout)

    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> Any:
        # the server ends what takes longer, whether we are still there or not
        limit = f"-c statement_timeout={math.ceil(options.timeout * 1000)}"
        named["options"] = f"{named.get('options', '')} {limit}".strip()
        named.setdefault("connect_timeout", max(2, math.ceil(options.connect_timeout)))
        named.setdefault("application_name", "wsgi_auth")
        if named.pop("prepare", "on") == "off":
            named["prepare_threshold"] = None
        return Bounded.connect(*arguments, **named)


def _bound_pymysql(engine: sa.Engine, options: Options) -> None:
    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> None:
        named["connect_timeout"] = options.connect_timeout
        named["read_timeout"] = named["write_timeout"] = options.timeout

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        limit = f"max_execution_time = {math.ceil(options.timeout * 1000)}"
        if "MariaDB" in connection.get_server_info():
            limit = f"max_statement_time = {options.timeout:g}"
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            # a text that is too long is an error, and not cut off
            cursor.execute(
                f"SET SESSION sql_mode = 'STRICT_ALL_TABLES', SESSION {limit}, "
                f"SESSION innodb_lock_wait_timeout = {math.ceil(options.timeout)}"
            )


def _bound_sqlite(engine: sa.Engine, options: Options) -> None:
    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> None:
        named["timeout"] = options.timeout

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_mode = WAL")
