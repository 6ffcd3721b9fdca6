"""A log is looked over: whether everything in it is as it must be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NoReturn

from funes_lab.store.duckdb import DuckDBStore

_GAPS: Final = """
SELECT "idx", count(*) AS n, min("version") AS low, max("version") AS high FROM "event_entries"
GROUP BY "idx" HAVING min("version") <> 1 OR max("version") <> count(*) ORDER BY "idx"
"""
_BACKWARDS: Final = """
SELECT "idx", min("version") AS version, count(*) AS n FROM (
    SELECT "idx", "version", "created_at" < lag("created_at") OVER (PARTITION BY "idx" ORDER BY "version") AS back
    FROM "event_entries") WHERE back GROUP BY "idx" ORDER BY "idx"
"""
_TIMES: Final = """
SELECT "idx", "version", CASE WHEN "created_at" > $now THEN 'created_at lies in the future'
    ELSE 'has a time that is none' END AS what FROM "event_entries"
WHERE "created_at" > $now OR NOT isfinite("created_at") OR NOT isfinite("occurred_at") ORDER BY ALL
"""
_TEXTS: Final = """
SELECT "idx", "version", 'has no ' || CASE WHEN coalesce("idx", '') = '' THEN 'idx' ELSE 'name' END AS what
FROM "event_entries" WHERE coalesce("idx", '') = '' OR coalesce("klass", '') = '' ORDER BY ALL
"""
_UNIQUE: Final = """
SELECT (SELECT count(*) FROM duckdb_constraints() WHERE table_name = 'event_entries'
        AND constraint_type IN ('UNIQUE', 'PRIMARY KEY') AND list_sort(constraint_column_names) = ['idx', 'version'])
     + (SELECT count(*) FROM duckdb_indexes() WHERE table_name = 'event_entries' AND is_unique) AS n
"""
_INDEX: Final = """
SELECT count(*) AS n FROM duckdb_indexes()
WHERE table_name = 'event_entries' AND NOT is_unique AND expressions = '[idx]'
"""


def findings(store: DuckDBStore, now: datetime) -> Iterator[str]:
    """Look at every row of a log.

    Parameters
    ----------
    store : DuckDBStore
        It may be open for reading only.
    now : datetime
        Nothing can have been recorded later.

    Yields
    ------
    str
        One line for each thing that is not as it must be; nothing for a sound log.
    """
    for row in store.query(_GAPS).to_pylist():
        versions = f"from {row['low']:,} to {row['high']:,}"
        yield f"{row['idx']!r}: versions go {versions} in {row['n']:,} events; some are missing"
    for row in store.query(_BACKWARDS).to_pylist():
        yield f"{row['idx']!r}: record time goes backwards at version {row['version']:,} ({row['n']:,} in all)"
    for sql, params in ((_TIMES, {"now": now}), (_TEXTS, None)):
        for row in store.query(sql, params).to_pylist():
            yield f"{row['idx']!r}: version {row['version']} {row['what']}"
    yield from _payloads(store)
    if not store.query(_UNIQUE)["n"][0].as_py():
        yield "event_entries has no unique constraint on (idx, version); open it once for writing to get one"
    if not store.query(_INDEX)["n"][0].as_py():
        yield "event_entries has no index on idx; open it once for writing to get one"


def _payloads(store: DuckDBStore) -> Iterator[str]:
    with store.scan() as scan:
        for row in (row for table in scan for batch in table.to_batches(50_000) for row in batch.to_pylist()):
            for column in ("props", "meta_info"):
                text = row[column]
                if not (column == "meta_info" and text in (None, "null")) and not _is_object(text):
                    yield f"{row['idx']!r}: {column} of version {row['version']} is no JSON object: {text[:60]!r}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except ValueError:
        return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
