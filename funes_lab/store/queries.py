"""Queries of people, and those over all payloads of a log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from funes_lab.store.views import SHAPE, Events, Known, Shown

#: Every row of the log.
ROWS: Final = (
    'SELECT "klass", "idx", "props", "meta_info", "version", epoch_us("created_at"), epoch_us("occurred_at") '
    'FROM "event_entries"'
)
#: The rows that have a value under a name in their context: a path to the name, and the value.
BOUND: Final = f"""
{ROWS} WHERE json_extract_string(TRY_CAST("meta_info" AS JSON), ?) = ? ORDER BY "created_at", "idx", "version"
"""

#: A row a name, shape and list of keys; what is no object has no keys.
SHAPES: Final = f"""
SELECT "klass", {SHAPE} AS shape, coalesce(json_keys(TRY_CAST("props" AS JSON)), []) AS keys, count(*) AS events,
       min("created_at") AS first_seen, max("created_at") AS last_seen
FROM "event_entries" GROUP BY ALL"""


def answered(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    params: Sequence[Any] | Mapping[str, Any] | None,
    events: Events | None,
    known: Known | None,
) -> pa.Table:
    """The result of exactly one SELECT, which writes nothing.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        One of its own, or that of an open transaction.
    sql, params
    events : Events or None
        Whose names are tables too.
    known : dict or None
        What is known of the values in the log; None inside a transaction.
    """
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ValueError(f"query must be exactly one SELECT: the log is written by appending events; got {sql!r}")
    if known is None:
        _refuse_writing(cursor, sql)
    else:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
    if events is None:
        return cursor.sql(sql, params=params).to_arrow_table()
    with Shown(cursor, events, known) as shown:
        while True:
            try:
                return cursor.sql(sql, params=params).to_arrow_table()
            except duckdb.CatalogException as failure:
                shown.show(failure, sql)


def _refuse_writing(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse a DELETE in a WITH of what calls itself a SELECT; quotes inside of texts are escaped here."""
    [(tree,)] = cursor.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    if re.search(r'"error":true|"type":"(INSERT|UPDATE|DELETE|MERGE)', tree):
        raise ValueError(f"query must be exactly one SELECT that writes nothing; got {sql!r}")
