"""A log in DuckDB.

One connection a store, a cursor a call (DuckDB hands one thread's rows to another when they share a cursor), one
lock around writing. What DuckDB accepts and a log must not is refused before it gets here; what it does to a
writer who lost a race is translated here.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from funes_lab.errors import (
    ClosedError,
    ForkedProcessError,
    ReadOnlyError,
    StoreError,
)
from funes_lab.store import EVERYTHING, Head, Row, Selection, Unit, VersionTaken, from_microseconds, rows_to_table
from funes_lab.store.backup import copy_database
from funes_lab.store.checks import refuse_bad_rows
from funes_lab.store.failures import damage_told, is_duplicate, told
from funes_lab.store.journal import JournalTable
from funes_lab.store.opening import connect, prepare
from funes_lab.store.queries import SHAPES, answered
from funes_lab.store.read_models import ReadModelTables
from funes_lab.store.scan import DuckDBScan
from funes_lab.store.tables import Table
from funes_lab.store.unit import DuckDBUnit, cursor_of
from funes_lab.store.views import Events, Known
from funes_lab.watching import Watchers

_COLUMNS: Final = '"klass", "idx", "props", "meta_info", "version", "created_at", "occurred_at"'
_INSERT: Final = f'INSERT INTO "event_entries" ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)'
_SELECT: Final = (
    'SELECT "klass", "idx", "props", "meta_info", "version", epoch_us("created_at"), epoch_us("occurred_at") '
    'FROM "event_entries" WHERE "idx" = ?'
)
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

_open_stores: dict[str, DuckDBStore] = {}
# a lab that is collected while another is opened closes its store here, in the same thread
_opening = threading.RLock()


def open_store(path: str | os.PathLike[str], *, read_only: bool = False) -> DuckDBStore:
    """Open a log; the same file opened again in this process is the same store.

    Parameters
    ----------
    path : str or path
        A file, made if it is missing, or ":memory:".
    read_only : bool
        Open an existing file without the right to write.

    Returns
    -------
    DuckDBStore

    Raises
    ------
    StoreLockedError
        If another process holds the file.
    CorruptLogError
        If the file is damaged or is no event log.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be the name of a file or ':memory:', got {path!r}")
    name = os.fspath(path)
    if isinstance(name, bytes) or not name or "\x00" in name:
        raise ValueError(f"path must be the name of a file or ':memory:', got {path!r}")
    if name == ":memory:":
        if read_only:
            raise ValueError("read_only=True needs a file: a new lab in memory has nothing to read")
        return DuckDBStore(name, read_only=False)
    real = os.path.realpath(Path(name).expanduser())
    with _opening:
        store = _open_stores.get(real)
        if store is None:
            store = DuckDBStore(real, read_only=read_only)
            _open_stores[real] = store
        else:
            store.users += 1  # first, so that nobody closes it meanwhile
            if problem := _why_not(store, real, read_only=read_only):
                store.users -= 1
                raise problem
        return store


def _why_not(store: DuckDBStore, path: str, *, read_only: bool) -> StoreError | None:
    """Why a store that is open in this process cannot be shared."""
    if store.pid != os.getpid():
        return ForkedProcessError(
            f"process {store.pid} had {path} open when it forked this one, {os.getpid()}, and DuckDB would give both "
            "the same database, past its lock. Close the lab before the fork, or start the child with spawn"
        )
    if store.read_only and not read_only:
        return StoreError(f"{path} is open for reading only in this process; close that lab first")
    return None


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
        #: What views of events were made of, as long as the log has as many rows.
        self._known: Known = {}
        #: Held by whoever writes; a transaction holds it from its beginning to its end.
        self.writing = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = self._connected()
        try:
            with damage_told(path):
                self._has_journal = self._prepared(self._connection)
                self._writer = self.cursor()
                # planning dominates a one-row INSERT, and there is nothing in it to optimise
                self._writer.execute("PRAGMA disable_optimizer")
        except BaseException:
            self._connection.close()
            raise

    def _connected(self) -> duckdb.DuckDBPyConnection:
        return connect(self.path, read_only=self.read_only)

    def _prepared(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Make the tables, or see that they fit; tells whether there is a journal."""
        return prepare(connection, self.path, read_only=self.read_only)

    # --- reading ---------------------------------------------------------------------------------------------

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own; a clear error once the store is closed, or in a forked child."""
        if self.pid != os.getpid():
            raise ForkedProcessError(
                f"this lab was opened in process {self.pid} and inherited by {os.getpid()} through a fork; "
                "its file would be written twice. Close the lab before the fork, or start the child with spawn, and "
                "open one of its own there"
            )
        if self._connection is None:
            raise ClosedError(f"the lab on {self.path} is closed; open it again with fl.Lab({self.path!r})")
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

    def scan(self, selection: Selection = EVERYTHING, unit: Unit | None = None) -> DuckDBScan:
        """Rows of the log in replay order, stream by stream."""
        cursor = self.cursor() if unit is None else cursor_of(unit)
        return DuckDBScan(cursor, selection, self.path, shared=unit is not None)

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
        cursor = self.cursor() if unit is None else cursor_of(unit)
        try:
            with damage_told(self.path):
                return answered(cursor, sql, params, events, self._known if unit is None else None)
        finally:
            if unit is None:
                cursor.close()

    def shapes(self, unit: Unit | None = None) -> pa.Table:
        """The shapes of payloads that are found."""
        return self._arrow(SHAPES, (), unit)

    # --- writing ---------------------------------------------------------------------------------------------

    def insert(self, row: Row, unit: Unit | None = None) -> None:
        """Write one row; on its own it is there for good when this returns."""
        try:
            (self._ready() if unit is None else cursor_of(unit)).execute(_INSERT, row)
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
        self._ready()
        with self.writing:
            cursor = self.cursor()
            try:
                cursor.register("incoming", table)
                refuse_bad_rows(cursor)
                cursor.unregister("incoming")
            finally:
                cursor.close()
            self._insert_table(table, None)

    def begin(self, *, alone: bool = False) -> DuckDBUnit:
        """Open a transaction; `alone` for one of the lab's own, by whoever holds the lock of writing."""
        self._ready()
        if not alone:
            return DuckDBUnit(self.cursor(), self.path, self.tables, self.watchers)
        # taken out while it is used: a destination that appends in its turn opens a second transaction inside the
        # first, and a cursor that an interrupt left in the middle of something is never seen again
        cursor = self._spare.pop() if self._spare else self.cursor()
        return DuckDBUnit(cursor, self.path, self.tables, self.watchers, spare=self._spare)

    # --- keeping ---------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write everything into the file itself, so that no event stands in the write-ahead log only."""
        self._ready()
        with self.writing:
            try:
                self._writer.execute("CHECKPOINT")
            except duckdb.Error as failure:
                raise told(failure, self.path) from failure

    def checkpoint_softly(self) -> None:
        """The same, unless a transaction is open, which then does it when it ends or at the next checkpoint."""
        if self.path != ":memory:":
            with self.writing, contextlib.suppress(duckdb.TransactionException):
                self._ready().execute("CHECKPOINT")

    def backup(self, path: str | os.PathLike[str]) -> None:
        """A consistent copy in a new file, made by DuckDB itself: copying the file would drop its lock."""
        if self.read_only:
            raise ReadOnlyError(
                "DuckDB writes no backup from a database that is open for reading only; nobody changes it, so close "
                "the lab and copy the file"
            )
        cursor = self.cursor()
        try:
            copy_database(cursor, path)
        finally:
            cursor.close()

    def close(self) -> None:
        """Let go of the file when the last lab on it is closed; whoever writes just now may finish."""
        with self.writing, _opening:
            self.users -= 1
            if self.users > 0 or self._connection is None:
                return
            if _open_stores.get(self.path) is self:
                del _open_stores[self.path]
            connection, self._connection = self._connection, None
            if self.pid == os.getpid():
                self._writer.close()
                for cursor in self._spare:
                    cursor.close()
                connection.close()

    # --- below -----------------------------------------------------------------------------------------------

    def _ready(self) -> duckdb.DuckDBPyConnection:
        """The cursor of the one who holds the lock."""
        if self.read_only:
            raise ReadOnlyError(f"the lab on {self.path} is open for reading only; open it without read_only=True")
        if self._connection is None or self.pid != os.getpid():
            self.cursor()
        return self._writer

    def _fetch(self, sql: str, params: Sequence[Any], unit: Unit | None) -> list[tuple[Any, ...]]:
        cursor = self.cursor() if unit is None else cursor_of(unit)
        try:
            with damage_told(self.path):
                return cursor.execute(sql, params).fetchall()
        finally:
            if unit is None:
                cursor.close()

    def _arrow(self, sql: str, params: Sequence[Any], unit: Unit | None) -> pa.Table:
        cursor = self.cursor() if unit is None else cursor_of(unit)
        try:
            with damage_told(self.path):
                return cursor.sql(sql, params=list(params)).to_arrow_table()
        finally:
            if unit is None:
                cursor.close()

    def _insert_table(self, table: pa.Table, unit: Unit | None) -> None:
        cursor = self._ready() if unit is None else cursor_of(unit)
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
        if unit is None:
            self.watchers.tell()


def _row(found: tuple[Any, ...]) -> Row:
    klass, idx, props, meta_info, version, created_at, occurred_at = found
    return Row(klass, idx, props, meta_info, version, from_microseconds(created_at), from_microseconds(occurred_at))
