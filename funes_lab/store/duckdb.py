"""A log in DuckDB.

One connection a store, a cursor a call (DuckDB hands one thread's rows to another when they share a cursor), one
lock around writing. Whatever needs the database is done in a block of `opened()`: this store has its file open for
life, that of `shared_file` in such a block only. What DuckDB accepts and a log must not is refused before it gets
here; what it does to a writer who lost a race is translated here.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from funes_lab.errors import (
    ClosedError,
    ForkedProcessError,
    ReadOnlyError,
)
from funes_lab.store import (
    EVERYTHING,
    Head,
    Row,
    Selection,
    Unit,
    VersionTaken,
    from_microseconds,
    open_stores,
    rows_to_table,
)
from funes_lab.store.backup import copy_database
from funes_lab.store.checks import refuse_bad_rows
from funes_lab.store.failures import damage_told, is_duplicate, told
from funes_lab.store.file_lock import FileLock
from funes_lab.store.journal import JournalTable
from funes_lab.store.opening import bind_indexes, check_path, connect, prepare, was_not_closed
from funes_lab.store.queries import BOUND, ROWS, SHAPES, answered
from funes_lab.store.read_models import ReadModelTables
from funes_lab.store.scan import DuckDBScan
from funes_lab.store.tables import Table
from funes_lab.store.unit import DuckDBUnit, cursor_of
from funes_lab.store.views import Events, Known
from funes_lab.watching import Watchers

_COLUMNS: Final = '"klass", "idx", "props", "meta_info", "version", "created_at", "occurred_at"'
_INSERT: Final = f'INSERT INTO "event_entries" ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)'
_SELECT: Final = f'{ROWS} WHERE "idx" = ?'
_HEAD: Final = 'SELECT max("version"), epoch_us(max("occurred_at")) FROM "event_entries" WHERE "idx" = ?'
# a filter on the version beside the idx would make DuckDB scan the whole table
_ONE: Final = f'WITH stream AS MATERIALIZED ({_SELECT}) SELECT * FROM stream WHERE "version" = ?'
_STREAMS: Final = """
WITH facts AS (
    SELECT "idx", count(*) AS events, max("version") AS version, min("occurred_at") AS first_at,
           max("occurred_at") AS last_at, arg_max("klass", "version") AS last_event
    FROM "event_entries" GROUP BY "idx"
), attempts AS (SELECT "idx", count(*) AS refused FROM {journal} GROUP BY "idx")
SELECT coalesce(facts."idx", attempts."idx") AS idx, coalesce(events, 0) AS events,
       coalesce(version, 0) AS version, first_at, last_at, last_event, coalesce(refused, 0) AS refused
FROM facts FULL JOIN attempts ON facts."idx" = attempts."idx" ORDER BY 1
"""
_NAMES_IN: Final = (
    'SELECT "idx", "klass", min("version") FROM "event_entries" WHERE "idx" IN (SELECT unnest(?::VARCHAR[])) '
    "GROUP BY 1, 2 ORDER BY 1, 3, 2"
)
_NO_JOURNAL: Final = "(SELECT '' AS \"idx\" WHERE false)"


class Opened:
    """A block in which the database is open, or until it is left; here it is open all the time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def leave(self) -> None:
        """End it."""


_ALWAYS: Final = Opened()


class DuckDBStore(JournalTable, ReadModelTables):
    """A log, its journal and the user's own tables in one DuckDB database.

    Parameters
    ----------
    path : str
        An absolute path, or ":memory:".
    read_only : bool
    """

    def __init__(self, path: str, *, read_only: bool) -> None:
        self.path, self.read_only = path, read_only
        self.pid = os.getpid()
        self.users = 1
        #: A cursor for the next transaction of the lab's own, if the one before ended cleanly.
        self._spare: list[duckdb.DuckDBPyConnection] = []
        self.tables: set[Table] = set()
        self.watchers = Watchers()
        self.turn = 0
        #: What views of events were made of, as long as the log has as many rows.
        self._known: Known = {}
        #: Held by whoever writes; a transaction holds it from its beginning to its end.
        self.writing = threading.RLock()
        self._has_journal = False
        self._writer: duckdb.DuckDBPyConnection | None = None
        self._lock: FileLock | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None

    def open(self, lock_timeout: float) -> None:
        """Open the file, which a store that shares it may have for a moment."""
        if self.path != ":memory:":
            check_path(self.path, read_only=self.read_only)
            self._lock = FileLock(self.path, reading=self.read_only, stays=True)
        try:
            if self._lock is not None:
                self._lock.take(lock_timeout, "an open lab")
            was_left = not self.read_only and was_not_closed(self.path)
            self._connection = connect(self.path, read_only=self.read_only)
            with damage_told(self.path):
                if was_left:
                    bind_indexes(self._connection)
                self._has_journal = prepare(self._connection, self.path, read_only=self.read_only)
                self._writer = self._connection.cursor()
                # planning dominates a one-row INSERT, and there is nothing in it to optimise
                self._writer.execute("PRAGMA disable_optimizer")
        except BaseException:
            self._let_go()
            raise

    def opened(self, purpose: str = "reading") -> Opened:  # noqa: ARG002  (it is told where the file is shared)
        """A block in which the database is open; `purpose` is told to whoever waits for the file."""
        return _ALWAYS

    # --- reading ---------------------------------------------------------------------------------------------

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own; a clear error once the store is closed, or in a forked child."""
        self.check_process()
        assert self._connection is not None
        return self._connection.cursor()

    def head(self, idx: str, unit: Unit | None = None) -> Head:
        """Where a stream stands."""
        version, last_at = self._fetch(_HEAD, [idx], unit)[0]
        return Head(0, None) if version is None else Head(version, from_microseconds(last_at))

    def stream(self, idx: str, unit: Unit | None = None) -> list[Row]:
        """All rows of a stream in replay order."""
        found = self._fetch(_SELECT, [idx], unit)
        found.sort(key=lambda row: (row[6], row[4]))
        return [_row(row) for row in found]

    def newest(self, idx: str, count: int, skip: int = 0, unit: Unit | None = None) -> list[Row]:
        """So many rows of a stream, the last in replay order first, after as many that are skipped."""
        sql = f'{_SELECT} ORDER BY "occurred_at" DESC, "version" DESC LIMIT ? OFFSET ?'
        return [_row(row) for row in self._fetch(sql, [idx, count, skip], unit)]

    def event(self, idx: str, version: int, unit: Unit | None = None) -> Row | None:
        """One row of a stream."""
        found = self._fetch(_ONE, [idx, version], unit)
        if not found:
            return None
        row = found[0]
        return _row(row)

    def bound(self, name: str, value: str, unit: Unit | None = None) -> list[Row]:
        """The rows of the log that have this value under a name in their `meta_info`."""
        return [_row(row) for row in self._fetch(BOUND, [f"$.{name}", value], unit)]

    def scan(self, selection: Selection = EVERYTHING, unit: Unit | None = None) -> DuckDBScan:
        """Rows of the log in replay order, stream by stream."""
        if unit is not None:
            return DuckDBScan(cursor_of(unit), selection, self.path, shared=True)
        opened = self.opened("reading many events")
        try:
            opened.__enter__()
            return DuckDBScan(self.cursor(), selection, self.path, shared=False, at_end=opened.leave)
        except BaseException:
            opened.leave()
            raise

    def names(self, unit: Unit | None = None) -> list[str]:
        """The names that the events of the log have, in order."""
        return [name for (name,) in self._fetch('SELECT DISTINCT "klass" FROM "event_entries" ORDER BY 1', (), unit)]

    def names_in(self, idx: Sequence[str], unit: Unit | None = None) -> list[tuple[str, str]]:
        """The names that the events of these streams have: idx and name, in the order of their first events."""
        return [(stream, name) for stream, name, _ in self._fetch(_NAMES_IN, [list(idx)], unit)] if idx else []

    def streams(self, unit: Unit | None = None) -> pa.Table:
        """A row a stream, refused attempts included."""
        journal = '"funes_lab_rejections"' if self._has_journal else _NO_JOURNAL
        return self._arrow(_STREAMS.format(journal=journal), (), unit)

    def query(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        unit: Unit | None = None,
        events: Events | None = None,
    ) -> pa.Table:
        """The result of exactly one SELECT, run where nothing can be written."""
        with self._asked(unit) as cursor:
            return answered(cursor, sql, params, events, self._known if unit is None else None)

    def shapes(self, unit: Unit | None = None) -> pa.Table:
        """The shapes of payloads that are found."""
        return self._arrow(SHAPES, (), unit)

    # --- writing ---------------------------------------------------------------------------------------------

    def insert(self, row: Row, unit: Unit | None = None) -> None:
        """Write one row; on its own it is there for good when this returns."""
        try:
            if unit is None:
                with self.opened("writing"):
                    self._ready().execute(_INSERT, row)
            else:
                cursor_of(unit).execute(_INSERT, row)
        except duckdb.Error as failure:
            if is_duplicate(failure):
                raise VersionTaken(row.idx, row.version) from failure
            raise told(failure, self.path) from failure
        if unit is None:
            self.watchers.tell()

    def insert_many(self, rows: Sequence[Row], unit: Unit | None = None) -> None:
        """Write rows, all or none."""
        self._insert_table(rows_to_table(rows), unit)

    def load(self, table: pa.Table) -> None:
        """Write a table with the columns of the log, after every row was looked at."""
        self._check_writable()
        with self.writing, self.opened("a load"):
            with self._asked(None) as cursor:
                cursor.register("incoming", table)
                refuse_bad_rows(cursor)
                cursor.unregister("incoming")
            self._insert_table(table, None)

    def begin(self, *, alone: bool = False) -> DuckDBUnit:
        """Open a transaction; `alone` for one of the lab's own, by whoever holds the lock of writing."""
        self._check_writable()
        opened, cursor = self.opened("a transaction"), None
        try:
            opened.__enter__()
            # taken out while it is used: a destination that appends in its turn opens a second transaction inside the
            # first, and a cursor that an interrupt left in the middle of something is never seen again
            cursor = self._spare.pop() if alone and self._spare else self.cursor()
            spare = self._spare if alone else None
            return DuckDBUnit(cursor, self.path, self.tables, self.watchers, spare=spare, at_end=opened.leave)
        except BaseException:
            if cursor is not None:
                cursor.close()
            opened.leave()
            raise

    # --- keeping ---------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write everything into the file itself, so that no event stands in the write-ahead log only."""
        self._check_writable()
        with self.writing, self.opened("a checkpoint"):
            try:
                self._ready().execute("CHECKPOINT")
            except duckdb.Error as failure:
                raise told(failure, self.path) from failure

    def checkpoint_softly(self) -> None:
        """The same, unless a transaction is open, which then does it when it ends or at the next checkpoint."""
        if self.path != ":memory:":
            with self.writing, self.opened("a checkpoint"), contextlib.suppress(duckdb.TransactionException):
                self._ready().execute("CHECKPOINT")

    def backup(self, path: str | os.PathLike[str]) -> None:
        """A consistent copy in a new file, made by DuckDB itself: copying the file would drop its lock."""
        if self.read_only:
            raise ReadOnlyError(
                "DuckDB writes no backup from a database that is open for reading only; nobody changes it, so close "
                "the lab and copy the file"
            )
        with self.opened("a backup"), contextlib.closing(self.cursor()) as cursor:
            copy_database(cursor, path)

    def close(self) -> None:
        """Let go of the file when the last lab on it is closed; whoever writes just now may finish."""
        with self.writing, open_stores.lock:
            self.users -= 1
            if self.users > 0 or self._connection is None:
                return
            open_stores.forget(self.path, self)
            if self.pid == os.getpid():
                self._let_go()
            self._connection = None

    # --- below -----------------------------------------------------------------------------------------------

    def check_process(self) -> None:
        """Raise ForkedProcessError in a forked child, ClosedError once the store is closed."""
        if self.pid != os.getpid():
            raise ForkedProcessError(
                f"this lab was opened in process {self.pid} and inherited by {os.getpid()} through a fork; "
                "its file would be written twice. Close the lab before the fork, or start the child with spawn, and "
                "open one of its own there"
            )
        if self._connection is None:
            raise ClosedError(f"the lab on {self.path} is closed; open it again with fl.Lab({self.path!r})")

    def _check_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(f"the lab on {self.path} is open for reading only; open it without read_only=True")
        self.check_process()

    def _ready(self) -> duckdb.DuckDBPyConnection:
        """The cursor of the one who holds the lock."""
        self._check_writable()
        assert self._writer is not None
        return self._writer

    def _let_go(self) -> None:
        """Close what is open, then give the lock back."""
        connection, self._connection = self._connection, None
        for cursor in (self._writer, *self._spare, connection):
            if cursor is not None:
                cursor.close()
        self._writer = None
        self._spare.clear()
        if self._lock is not None:
            self._lock.let_go()
            self._lock.remove()

    @contextlib.contextmanager
    def _asked(self, unit: Unit | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one's own, or that of an open transaction; damage is told as what it is."""
        if unit is not None:
            with damage_told(self.path):
                yield cursor_of(unit)
            return
        with self.opened():
            cursor = self.cursor()
            try:
                with damage_told(self.path):
                    yield cursor
            finally:
                cursor.close()

    def _fetch(self, sql: str, params: Sequence[Any], unit: Unit | None) -> list[tuple[Any, ...]]:
        with self._asked(unit) as cursor:
            return cursor.execute(sql, params).fetchall()

    def _arrow(self, sql: str, params: Sequence[Any], unit: Unit | None) -> pa.Table:
        with self._asked(unit) as cursor:
            return cursor.sql(sql, params=list(params)).to_arrow_table()

    def _insert_table(self, table: pa.Table, unit: Unit | None) -> None:
        if unit is None:
            with self.opened("writing"):
                self._insert_with(self._ready(), table)
            self.watchers.tell()
        else:
            self._insert_with(cursor_of(unit), table)

    def _insert_with(self, cursor: duckdb.DuckDBPyConnection, table: pa.Table) -> None:
        cursor.register("funes_lab_incoming", table)
        try:
            cursor.execute(f'INSERT INTO "event_entries" ({_COLUMNS}) SELECT {_COLUMNS} FROM funes_lab_incoming')
        except duckdb.Error as failure:
            if is_duplicate(failure):
                raise VersionTaken(table["idx"][0].as_py(), table["version"][0].as_py()) from failure
            raise told(failure, self.path) from failure
        finally:
            # in a transaction that has just failed this fails too, and must not hide why
            with contextlib.suppress(duckdb.TransactionException):
                cursor.unregister("funes_lab_incoming")


def _row(found: tuple[Any, ...]) -> Row:
    klass, idx, props, meta_info, version, created_at, occurred_at = found
    return Row(klass, idx, props, meta_info, version, from_microseconds(created_at), from_microseconds(occurred_at))
