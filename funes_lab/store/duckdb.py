"""A log in DuckDB.

One connection a store, a cursor a call (DuckDB hands one thread's rows to another when they share a cursor), one
lock around writing. What DuckDB accepts and a log must not is refused before it gets here; what it does to a
writer who lost a race is translated here.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from funes_lab.errors import (
    ClosedError,
    CorruptLogError,
    ForkedProcessError,
    ReadOnlyError,
    SchemaVersionError,
    StoreError,
    StoreLockedError,
)
from funes_lab.store import LOG_SCHEMA, Head, Row, VersionTaken, from_microseconds, rows_to_table
from funes_lab.store.checks import refuse_bad_rows

#: Grows when a newer funes_lab writes tables that this one cannot read.
SCHEMA_VERSION: Final = 1

#: The tables that only the lab itself writes.
OWN_TABLES: Final = ("event_entries", "funes_lab_rejections", "funes_lab_schema")

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS "event_entries" (
    "klass" VARCHAR NOT NULL, "idx" VARCHAR NOT NULL, "props" JSON NOT NULL, "meta_info" JSON,
    "version" BIGINT NOT NULL, "created_at" TIMESTAMPTZ NOT NULL, "occurred_at" TIMESTAMPTZ NOT NULL,
    UNIQUE ("idx", "version")
);
CREATE INDEX IF NOT EXISTS "event_entries_idx" ON "event_entries" ("idx");
CREATE TABLE IF NOT EXISTS "funes_lab_rejections" (
    "id" VARCHAR NOT NULL, "attempted_at" TIMESTAMPTZ NOT NULL, "idx" VARCHAR NOT NULL, "stream_class" VARCHAR,
    "event" VARCHAR NOT NULL, "stage" VARCHAR NOT NULL, "entry" VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS "funes_lab_schema" ("version" INTEGER NOT NULL);
"""

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
_NO_JOURNAL: Final = "(SELECT '' AS \"idx\" WHERE false)"

_open_stores: dict[str, DuckDBStore] = {}
_opening = threading.Lock()


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
    name = os.fspath(path)
    if not isinstance(name, str) or not name or "\x00" in name:
        raise ValueError(f"path must be the name of a file or ':memory:', got {path!r}")
    if name == ":memory:":
        if read_only:
            raise ValueError("read_only=True needs a file: a new lab in memory has nothing to read")
        return DuckDBStore(name, read_only=False)
    real = os.path.realpath(os.path.expanduser(name))
    with _opening:
        store = _open_stores.get(real)
        if store is None or store.pid != os.getpid():
            store = _open_stores[real] = DuckDBStore(real, read_only=read_only)
        elif store.read_only and not read_only:
            raise StoreError(f"{real} is open for reading only in this process; close that lab first")
        store.users += 1
        return store


class DuckDBUnit:
    """An open transaction."""

    def __init__(self, store: DuckDBStore) -> None:
        self._store = store
        self.cursor = store.cursor()
        self.cursor.execute("BEGIN TRANSACTION")
        self._open = True

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """Run one statement of the user's; the tables of the lab cannot be written with it."""
        for statement in self.cursor.extract_statements(sql):
            if statement.type == duckdb.StatementType.TRANSACTION:
                raise StoreError(f"leave BEGIN, COMMIT and ROLLBACK to lab.transaction(); got {sql!r}")
        if _touches_own_tables(sql):
            raise StoreError(
                f"tx.execute is for your own tables; {', '.join(OWN_TABLES)} are written by appending events. "
                f"Read them with lab.sql. Got {sql!r}"
            )
        return self.cursor.execute(sql, params) if params is not None else self.cursor.execute(sql)

    def commit(self) -> None:
        """Make it last."""
        self._open = False
        try:
            self.cursor.execute("COMMIT")
        except duckdb.Error as failure:
            if taken := _taken(failure):
                raise taken from failure
            raise _told(failure, self._store.path) from failure
        finally:
            self.cursor.close()

    def rollback(self) -> None:
        """Undo it; a transaction that a failed COMMIT has ended already is left alone."""
        if self._open:
            self._open = False
            try:
                self.cursor.execute("ROLLBACK")
            except duckdb.TransactionException:
                pass
            finally:
                self.cursor.close()


class DuckDBStore:
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
        self.users = 0
        #: Held by whoever writes; a transaction holds it from its beginning to its end.
        self.writing = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = _connect(path, read_only)
        try:
            with _damage_told(path):
                self._has_journal = self._prepare()
                self._writer = self._connection.cursor()
                # planning dominates a one-row INSERT, and there is nothing in it to optimise
                self._writer.execute("PRAGMA disable_optimizer")
        except BaseException:
            self._connection.close()
            raise

    # --- reading ---------------------------------------------------------------------------------------------

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own; a clear error once the store is closed, or in a forked child."""
        if self.pid != os.getpid():
            raise ForkedProcessError(
                f"this lab was opened in process {self.pid} and inherited by {os.getpid()} through a fork; "
                "its file would be written twice. Open a lab of its own in the child"
            )
        if self._connection is None:
            raise ClosedError(f"the lab on {self.path} is closed; open it again with fl.Lab({self.path!r})")
        return self._connection.cursor()

    def head(self, idx: str, unit: DuckDBUnit | None = None) -> Head:
        """Where a stream stands."""
        version, last_at = self._fetch(_HEAD, [idx], unit)[0]
        return Head(0, None) if version is None else Head(version, from_microseconds(last_at))

    def stream(self, idx: str, unit: DuckDBUnit | None = None) -> list[Row]:
        """All rows of a stream in replay order."""
        found = self._fetch(_SELECT, [idx], unit)
        found.sort(key=lambda row: (row[6], row[4]))
        return [Row(*row[:5], from_microseconds(row[5]), from_microseconds(row[6])) for row in found]

    def event(self, idx: str, version: int, unit: DuckDBUnit | None = None) -> Row | None:
        """One row of a stream."""
        found = self._fetch(_ONE, [idx, version], unit)
        if not found:
            return None
        row = found[0]
        return Row(*row[:5], from_microseconds(row[5]), from_microseconds(row[6]))

    def log(self, idx: str | None = None, unit: DuckDBUnit | None = None) -> pa.Table:
        """Rows of the log in replay order, stream by stream."""
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        sql = f'SELECT {_COLUMNS} FROM "event_entries" {where} ORDER BY "idx", "occurred_at", "version"'
        return self._arrow(sql, params, unit).cast(LOG_SCHEMA)

    def streams(self, unit: DuckDBUnit | None = None) -> pa.Table:
        """A row a stream, refused attempts included."""
        journal = '"funes_lab_rejections"' if self._has_journal else _NO_JOURNAL
        return self._arrow(_STREAMS.format(journal=journal), (), unit)

    def query(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        unit: DuckDBUnit | None = None,
    ) -> pa.Table:
        """The result of exactly one SELECT, run where nothing can be written."""
        cursor = self.cursor() if unit is None else unit.cursor
        statements = cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise ValueError(
                f"query must be exactly one SELECT: the log is written by appending events; got {sql!r}"
            )
        if unit is not None:
            return cursor.sql(sql, params=params).to_arrow_table()
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            return cursor.sql(sql, params=params).to_arrow_table()
        finally:
            cursor.close()

    # --- writing ---------------------------------------------------------------------------------------------

    def insert(self, row: Row, unit: DuckDBUnit | None = None) -> None:
        """Write one row; on its own it is there for good when this returns."""
        try:
            (self._ready() if unit is None else unit.cursor).execute(_INSERT, row)
        except duckdb.Error as failure:
            if _is_duplicate(failure):
                raise VersionTaken(row.idx, row.version) from failure
            raise _told(failure, self.path) from failure

    def insert_many(self, rows: Sequence[Row], unit: DuckDBUnit | None = None) -> None:
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

    def begin(self) -> DuckDBUnit:
        """Open a transaction."""
        self._ready()
        return DuckDBUnit(self)

    # --- the journal -----------------------------------------------------------------------------------------

    def journal(self, entry: Mapping[str, Any]) -> None:
        """Add a refused attempt."""
        sql = 'INSERT INTO "funes_lab_rejections" VALUES (?, ?, ?, ?, ?, ?, ?)'
        names = ("id", "attempted_at", "idx", "stream_class", "event", "stage", "entry")
        self._ready()
        cursor = self.cursor()
        try:
            cursor.execute(sql, [entry[name] for name in names])
        except duckdb.Error as failure:
            raise _told(failure, self.path) from failure
        finally:
            cursor.close()

    def journalled(self, idx: str | None = None) -> list[dict[str, Any]]:
        """The refused attempts in their order."""
        if not self._has_journal:
            return []
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        sql = (
            'SELECT "id", epoch_us("attempted_at"), "idx", "stream_class", "event", "stage", "entry" '
            f'FROM "funes_lab_rejections" {where} ORDER BY rowid'
        )
        names = ("id", "attempted_at", "idx", "stream_class", "event", "stage", "entry")
        entries = [dict(zip(names, row, strict=True)) for row in self._fetch(sql, params, None)]
        for entry in entries:
            entry["attempted_at"] = from_microseconds(entry["attempted_at"])
        return entries

    def count_journalled(self, idx: str | None = None) -> int:
        """How many refused attempts there are."""
        if not self._has_journal:
            return 0
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        return int(self._fetch(f'SELECT count(*) FROM "funes_lab_rejections" {where}', params, None)[0][0])

    def clear_journal(self, idx: str | None = None) -> int:
        """Forget them; gives how many there were."""
        self._ready()
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        return int(self._fetch(f'DELETE FROM "funes_lab_rejections" {where}', params, None)[0][0])

    def close(self) -> None:
        """Let go of the file when the last lab on it is closed."""
        with _opening:
            self.users -= 1
            if self.users > 0 or self._connection is None:
                return
            if _open_stores.get(self.path) is self:
                del _open_stores[self.path]
            if self.pid == os.getpid():
                self._writer.close()
                self._connection.close()
            self._connection = None

    # --- below -----------------------------------------------------------------------------------------------

    def _ready(self) -> duckdb.DuckDBPyConnection:
        """The cursor of the one who holds the lock."""
        if self.read_only:
            raise ReadOnlyError(
                f"the lab on {self.path} is open for reading only; open it without read_only=True"
            )
        if self._connection is None or self.pid != os.getpid():
            self.cursor()
        return self._writer

    def _fetch(self, sql: str, params: Sequence[Any], unit: DuckDBUnit | None) -> list[tuple[Any, ...]]:
        cursor = self.cursor() if unit is None else unit.cursor
        try:
            with _damage_told(self.path):
                return cursor.execute(sql, params).fetchall()
        finally:
            if unit is None:
                cursor.close()

    def _arrow(self, sql: str, params: Sequence[Any], unit: DuckDBUnit | None) -> pa.Table:
        cursor = self.cursor() if unit is None else unit.cursor
        try:
            with _damage_told(self.path):
                return cursor.sql(sql, params=list(params)).to_arrow_table()
        finally:
            if unit is None:
                cursor.close()

    def _insert_table(self, table: pa.Table, unit: DuckDBUnit | None) -> None:
        cursor = self._ready() if unit is None else unit.cursor
        cursor.register("funes_lab_incoming", table)
        try:
            cursor.execute(
                f'INSERT INTO "event_entries" ({_COLUMNS}) SELECT {_COLUMNS} FROM funes_lab_incoming'
            )
        except duckdb.Error as failure:
            if _is_duplicate(failure):
                raise VersionTaken(table["idx"][0].as_py(), table["version"][0].as_py()) from failure
            raise _told(failure, self.path) from failure
        finally:
            cursor.unregister("funes_lab_incoming")

    def _prepare(self) -> bool:
        """Make the tables that are missing, or see that they fit; tells whether there is a journal."""
        assert self._connection is not None
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        tables = {
            name for (name,) in self._connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        }
        if "funes_lab_schema" in tables:
            self._refuse_newer()
        if "event_entries" in tables:
            self._refuse_other_columns()
        if self.read_only:
            if "event_entries" not in tables:
                raise CorruptLogError(f"{self.path} is no event log: it has no table event_entries")
            return "funes_lab_rejections" in tables
        self._connection.execute("BEGIN TRANSACTION")
        self._connection.execute(_CREATE)
        if "funes_lab_schema" not in tables:
            self._connection.execute('INSERT INTO "funes_lab_schema" VALUES (?)', [SCHEMA_VERSION])
        self._connection.execute("COMMIT")
        return True

    def _refuse_newer(self) -> None:
        assert self._connection is not None
        (found,) = self._connection.execute('SELECT max("version") FROM "funes_lab_schema"').fetchone() or (
            0,
        )
        if found > SCHEMA_VERSION:
            raise SchemaVersionError(
                f"{self.path} was written by a newer funes_lab (its tables have version {found}, this one knows "
                f"{SCHEMA_VERSION}); upgrade with: pip install -U funes-lab"
            )

    def _refuse_other_columns(self) -> None:
        assert self._connection is not None
        found = {row[0] for row in self._connection.execute('DESCRIBE "event_entries"').fetchall()}
        missing = [name for name in LOG_SCHEMA.names if name not in found]
        if missing:
            raise CorruptLogError(
                f"the table event_entries in {self.path} has no column {', '.join(missing)}"
            )


def _connect(path: str, read_only: bool) -> duckdb.DuckDBPyConnection:
    folder = Path(path).parent
    if path != ":memory:" and (os.path.isdir(path) or not folder.is_dir()):
        what = "is a folder" if os.path.isdir(path) else f"lies in {folder}, which does not exist"
        raise StoreError(f"path {path!r} {what}; give the name of a file in a folder that exists")
    if read_only and not os.path.exists(path):
        raise StoreError(
            f"path {path!r} does not exist; there is nothing to read. Open it without read_only=True"
        )
    try:
        with _damage_told(path):
            return duckdb.connect(path, read_only=read_only)
    except duckdb.Error as failure:
        raise _told(failure, path) from failure


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    """Say of a damaged file that it is damaged."""
    try:
        yield
    except duckdb.Error as failure:
        told = _told(failure, path)
        if isinstance(told, (CorruptLogError, StoreLockedError)):
            raise told from failure
        raise


def _told(failure: duckdb.Error, path: str) -> StoreError:
    """DuckDB's exception as one of the store's."""
    text = str(failure)
    if "Could not set lock" in text or "Conflicting lock" in text:
        return _locked(text, path)
    if "newer version of DuckDB" in text or "version number" in text:
        return SchemaVersionError(f"{path} was written by another version of DuckDB: {text}")
    if _is_damage(failure, text):
        return CorruptLogError(f"{path} is damaged, or is no DuckDB file: {text}")
    return StoreError(text)


def _is_damage(failure: duckdb.Error, text: str) -> bool:
    words = ("corrupt", "not a valid duckdb", "checksum", "could not read enough bytes", "failed to deserialize",
             "replaying wal", "not a duckdb", "invalid unicode", "magic bytes")  # fmt: skip
    return isinstance(failure, (duckdb.SerializationException, duckdb.InternalException)) or any(
        word in text.lower() for word in words
    )


def _locked(text: str, path: str) -> StoreLockedError:
    found = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    process, pid = (found[1], int(found[2])) if found else (None, None)
    who = f"{process} (process {pid})" if found else "another process"
    return StoreLockedError(
        f"{path} is held by {who}: DuckDB lets one process at a time open a file. Close the lab there "
        "(lab.close(), or shut that notebook's kernel down), or work on a copy",
        path=path, process=process, pid=pid,
    )  # fmt: skip


def _is_duplicate(failure: duckdb.Error) -> bool:
    return (
        isinstance(failure, (duckdb.ConstraintException, duckdb.TransactionException))
        and "duplicate key" in str(failure).lower()
    )


def _taken(failure: duckdb.Error) -> VersionTaken | None:
    """Whose version it was, as far as a failed COMMIT tells: it names no table, the caller looks it up."""
    if not _is_duplicate(failure):
        return None
    found = re.search(r'duplicate key "(.*), (\d+)"', str(failure), re.DOTALL)
    return VersionTaken(found[1], int(found[2])) if found else VersionTaken("", 0)


def _touches_own_tables(sql: str) -> bool:
    words = set(re.findall(r"\w+", sql.lower()))
    return not words.isdisjoint(OWN_TABLES)
