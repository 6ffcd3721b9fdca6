"""Opening a log: the file, its lock, its tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import duckdb

from funes_lab.errors import CorruptLogError, SchemaVersionError, StoreError
from funes_lab.store import LOG_SCHEMA
from funes_lab.store.failures import damage_told, told
from funes_lab.store.kinds import literal
from funes_lab.store.tables import quoted

#: Grows when a newer funes_lab writes tables that this one cannot read.
SCHEMA_VERSION: Final = 1

#: Nothing is ever fetched from a network, also not an extension that a file or a query seems to ask for. A name in a
#: query is never a variable of the lab's own code.
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}

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


def prepare(connection: duckdb.DuckDBPyConnection, path: str, *, read_only: bool) -> bool:
    """Make the tables that are missing, or see that they fit; tells whether there is a journal."""
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "funes_lab_schema" in tables:
        _refuse_newer(connection, path)
    if "event_entries" in tables:
        _refuse_other_columns(connection, path)
    if read_only:
        if "event_entries" not in tables:
            raise CorruptLogError(f"{path} is no event log: it has no table event_entries")
        return "funes_lab_rejections" in tables
    connection.execute("BEGIN TRANSACTION")
    connection.execute(_CREATE)
    if "funes_lab_schema" not in tables:
        connection.execute('INSERT INTO "funes_lab_schema" VALUES (?)', [SCHEMA_VERSION])
    connection.execute("COMMIT")
    _make_versions_unique(connection, path)
    return True


def _make_versions_unique(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """A table from elsewhere may come without the one constraint that the lab stands on."""
    constraints = connection.execute(
        "SELECT constraint_column_names FROM duckdb_constraints() WHERE table_name = 'event_entries' "
        "AND constraint_type IN ('UNIQUE', 'PRIMARY KEY')"
    ).fetchall()
    indexes = connection.execute(
        "SELECT expressions FROM duckdb_indexes() WHERE table_name = 'event_entries' AND is_unique"
    ).fetchall()
    keys = [set(names) for (names,) in constraints] + [set(re.findall(r"\w+", text)) for (text,) in indexes]
    if {"idx", "version"} in keys:
        return
    try:
        connection.execute('CREATE UNIQUE INDEX "event_entries_idx_version" ON "event_entries" ("idx", "version")')
    except duckdb.ConstraintException as failure:
        raise CorruptLogError(f"{path} holds a version of a stream twice: {failure}") from failure


def _refuse_newer(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    (found,) = connection.execute('SELECT max("version") FROM "funes_lab_schema"').fetchone() or (0,)
    if found > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path} was written by a newer funes_lab (its tables have version {found}, this one knows "
            f"{SCHEMA_VERSION}); upgrade with: pip install -U funes-lab"
        )


def _refuse_other_columns(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    found = {row[0] for row in connection.execute('DESCRIBE "event_entries"').fetchall()}
    missing = [name for name in LOG_SCHEMA.names if name not in found]
    if missing:
        raise CorruptLogError(f"the table event_entries in {path} has no column {', '.join(missing)}")


def check_path(path: str, *, read_only: bool) -> None:
    """Raise StoreError for a file that cannot be opened, before anything is made beside it."""
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        what = "is a folder" if file.is_dir() else f"lies in {file.parent}, which does not exist"
        raise StoreError(f"path {path!r} {what}; give the name of a file in a folder that exists")
    if read_only and not file.exists():
        raise StoreError(f"path {path!r} does not exist; there is nothing to read. Open it without read_only=True")


def connect(path: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Connect to the database; a file that cannot be opened is told as what it is."""
    try:
        with damage_told(path):
            return duckdb.connect(path, read_only=read_only, config=_SETTINGS)
    except duckdb.Error as failure:
        raise told(failure, path) from failure


def bind_indexes(connection: duckdb.DuckDBPyConnection) -> None:
    """Have every index take in what the write-ahead log of a killed process held.

    DuckDB 1.5 does so when a table is first written to. If it never is, the next checkpoint, at the latest that of
    closing the file, forgets those rows in the indexes, and whoever asks by idx does not find them any more.
    """
    tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()"
    for schema, name in connection.execute(f"{tables} AND NOT internal").fetchall():
        connection.execute(f"DELETE FROM {quoted(schema)}.{quoted(name)} WHERE false")


def was_not_closed(path: str) -> bool:
    """Whether what was last done in a file stands beside it, in its write-ahead log."""
    return Path(f"{path}.wal").exists()


def attach(connection: duckdb.DuckDBPyConnection, path: str, *, read_only: bool) -> None:
    """Attach the file to a database in memory, under the name that it would have alone."""
    # the one name that is taken
    alias = " AS memory_db" if Path(path).name.partition(".")[0].lower() == "memory" else ""
    try:
        connection.execute(f"ATTACH {literal(path)}{alias}{' (READ_ONLY)' if read_only else ''}")
    except duckdb.Error as failure:
        raise told(failure, path) from failure


def attached(connection: duckdb.DuckDBPyConnection) -> str:
    """The name of the one database that is attached."""
    names = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"
    ((name,),) = connection.execute(names).fetchall()
    return str(name)
