"""A log is looked over: whether everything in it is as it must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn

from funes_lab.store.duckdb import DuckDBStore
from funes_lab.store.failures import damage_told

_TABLE: Final = "event_entries"
_JOURNAL: Final = "the journal"

_TWICE: Final = """
SELECT "idx", "version", count(*) AS n FROM "event_entries" WHERE "version" IS NOT NULL
GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
"""
_GAPS: Final = """
SELECT "idx", count(DISTINCT "version") AS n, min("version") AS low, max("version") AS high FROM "event_entries"
WHERE "version" IS NOT NULL GROUP BY "idx" HAVING low <> 1 OR high <> n ORDER BY "idx"
"""
_BACKWARDS: Final = """
SELECT "idx", min("version") AS version, count(*) AS n FROM (
    SELECT "idx", "version", "created_at" < lag("created_at") OVER (PARTITION BY "idx" ORDER BY "version") AS back
    FROM "event_entries") WHERE back GROUP BY "idx" ORDER BY "idx"
"""
_IMPOSSIBLE: Final = """
("{0}" IS NULL OR NOT isfinite("{0}") OR "{0}" NOT BETWEEN
 '0001-01-01 00:00:00+00'::TIMESTAMPTZ AND '9999-12-31 23:59:59.999999+00'::TIMESTAMPTZ)"""
_ROWS: Final = f"""
SELECT "idx", "version", unnest(list_filter([
    CASE WHEN "version" IS NULL THEN 'has no version' END,
    CASE WHEN coalesce("idx", '') = '' THEN 'has no idx' END,
    CASE WHEN coalesce("klass", '') = '' THEN 'has no name' END,
    CASE WHEN {_IMPOSSIBLE.format("occurred_at")} THEN 'occurred_at is no time in the years 1 to 9999' END,
    CASE WHEN {_IMPOSSIBLE.format("created_at")} THEN 'created_at is no time in the years 1 to 9999'
         WHEN "created_at" > $now THEN 'created_at lies in the future' END
], lambda told: told IS NOT NULL)) AS what FROM "event_entries" ORDER BY ALL
"""
_PAYLOADS: Final = """
SELECT "idx", "version", "props"::VARCHAR, "meta_info"::VARCHAR FROM "event_entries" ORDER BY "idx", "version"
"""
_ATTEMPTS: Final = f"""
SELECT "id", "idx", "entry"::VARCHAR, {_IMPOSSIBLE.format("attempted_at")} OR "attempted_at" > $now
FROM "funes_lab_rejections" ORDER BY rowid
"""
_KEYS: Final = """
SELECT array_to_string(constraint_column_names, ' ') AS key, true AS is_unique FROM duckdb_constraints()
WHERE table_name = 'event_entries' AND constraint_type IN ('UNIQUE', 'PRIMARY KEY')
UNION ALL SELECT expressions, is_unique FROM duckdb_indexes() WHERE table_name = 'event_entries'
"""
_TYPES: Final = """
SELECT column_name AS name, data_type AS kind FROM duckdb_columns() WHERE table_name = 'event_entries'
"""
_TEXT: Final = (r"VARCHAR|JSON", "a text")
_NUMBER: Final = (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?", "a whole number")
_TIME: Final = (r"TIMESTAMP.*", "a time")
_MUST_BE: Final = {
    "klass": _TEXT, "idx": _TEXT, "props": _TEXT, "meta_info": _TEXT,
    "version": _NUMBER, "created_at": _TIME, "occurred_at": _TIME,
}  # fmt: skip
_BATCH: Final = 20_000
_QUOTED: Final = 60


class Finding(NamedTuple):
    """One thing that is not as it must be: where (a stream, a table), and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def findings(store: DuckDBStore, now: datetime) -> Iterator[Finding]:
    """Look at every row of a log, and of the journal beside it.

    Parameters
    ----------
    store : DuckDBStore
        It may be open for reading only.
    now : datetime
        Nothing can have been recorded later.

    Yields
    ------
    Finding
        One for each thing that is not as it must be; nothing for a sound log.
    """
    wrong = list(_types(store))
    if wrong:  # then there is no use in asking what is in them
        yield from wrong
        return
    yield from _versions(store)
    for row in store.query(_BACKWARDS).to_pylist():
        yield _of(row["idx"], f"record time goes backwards at version {row['version']:,} ({row['n']:,} in all)")
    for row in store.query(_ROWS, {"now": now}).to_pylist():
        yield _of(row["idx"], f"version {row['version']} {row['what']}")
    yield from _payloads(store)
    yield from _attempts(store, now)
    yield from _keys(store)


def _types(store: DuckDBStore) -> Iterator[Finding]:
    for row in store.query(_TYPES).to_pylist():
        pattern, kind = _MUST_BE.get(row["name"], (".*", ""))
        if not re.fullmatch(pattern, row["kind"]):
            yield Finding(_TABLE, f"the column {row['name']} is {row['kind']} and must be {kind}")


def _versions(store: DuckDBStore) -> Iterator[Finding]:
    for row in store.query(_TWICE).to_pylist():
        yield _of(row["idx"], f"version {row['version']:,} is there {row['n']:,} times")
    for row in store.query(_GAPS).to_pylist():
        versions = f"versions go from {row['low']:,} to {row['high']:,}"
        yield _of(row["idx"], f"{versions} in {row['n']:,} events; some are missing")


def _payloads(store: DuckDBStore) -> Iterator[Finding]:
    for idx, version, props, meta_info in _rows(store, _PAYLOADS):
        for column, text in (("props", props), ("meta_info", meta_info)):
            if not (column == "meta_info" and text in (None, "null")) and not _is_object(text):
                yield _of(idx, f"{column} of version {version} is no JSON object: {_shown(text)}")


def _attempts(store: DuckDBStore, now: datetime) -> Iterator[Finding]:
    if store.count_journalled():
        for number, idx, entry, has_no_time in _rows(store, _ATTEMPTS, {"now": now}):
            if has_no_time:
                yield Finding(_JOURNAL, f"the attempt {number} on {idx!r} has no time, or one in the future")
            if not _is_object(entry):
                yield Finding(_JOURNAL, f"the attempt {number} on {idx!r} is no JSON object: {_shown(entry)}")


def _keys(store: DuckDBStore) -> Iterator[Finding]:
    keys = [(set(re.findall(r"\w+", row["key"] or "")), row["is_unique"]) for row in store.query(_KEYS).to_pylist()]
    if ({"idx", "version"}, True) not in keys:
        yield Finding(_TABLE, "no unique constraint on (idx, version); open it once for writing to get one")
    if not any(key == {"idx"} for key, _ in keys):
        yield Finding(_TABLE, "no index on idx; open it once for writing to get one")


def _rows(store: DuckDBStore, sql: str, params: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows of an answer, not all of them at once."""
    with damage_told(store.path), closing(store.cursor()) as cursor:
        cursor.execute(sql, params or {})
        while rows := cursor.fetchmany(_BATCH):
            yield from rows


def _of(idx: str | None, what: str) -> Finding:
    return Finding(repr(idx), what)


def _shown(text: str | None) -> str:
    return repr(text if text is None else text[:_QUOTED])


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or "", parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
