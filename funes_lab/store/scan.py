"""One pass over the log, in partitions that fit into memory.

The rows of a partition are ordered by DuckDB, the partitions follow each other by idx. All of them are read in one
transaction, so that what others append meanwhile is in none of them. The next one is read while the last is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from funes_lab.store import LOG_SCHEMA, Selection
from funes_lab.store.failures import damage_told

#: So many rows are read at a time; a longer stream makes a larger partition.
PARTITION: Final = 250_000

_COLUMNS: Final = ", ".join(f'"{name}"' for name in LOG_SCHEMA.names)
_ORDER: Final = 'ORDER BY "idx", "occurred_at", "version"'


class DuckDBScan:
    """A pass over part of the log.

    Parameters
    ----------
    cursor : DuckDBPyConnection
    selection : Selection
    path : str
    shared : bool
        Whether the cursor is that of an open transaction, which goes on afterwards.
    at_end : callable, optional
        Called when the rows are let go of.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        selection: Selection,
        path: str,
        *,
        shared: bool,
        at_end: Callable[[], None] | None = None,
    ) -> None:
        self._cursor, self._path, self._shared, self._at_end = cursor, path, shared, at_end
        self._reader: ThreadPoolExecutor | None = None
        self._limit = "" if selection.first is None else f" LIMIT {selection.first:d}"
        try:
            with damage_told(path):
                if not shared:
                    cursor.execute("BEGIN TRANSACTION READ ONLY")
                self._where, self._params = _where(self._without_hard_pattern(selection))
                # one stream is read at once: to count it first would take as long
                self._only = self._read(self._where, self._params) if _is_one_stream(selection) else None
                self.rows = self._count() if self._only is None else self._only.num_rows
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[pa.Table]:
        if self._only is not None:
            yield self._only
            return
        if self.rows <= PARTITION or self._limit:
            yield self._read(self._where, self._params)
            return
        beyond = f"{self._where} AND" if self._where else "WHERE"
        parts = ((f'{beyond} "idx" BETWEEN ? AND ?', [*self._params, *ends]) for ends in self._ranges())
        if self._shared:  # others may use the cursor between two partitions
            yield from (self._read(*part) for part in parts)
        else:
            yield from self._ahead(parts)

    def _ahead(self, parts: Iterator[tuple[str, list[Any]]]) -> Iterator[pa.Table]:
        """Read each partition while the one before it is used: DuckDB needs no interpreter for it."""
        reader = self._reader = ThreadPoolExecutor(1, thread_name_prefix="funes_lab scan")
        coming = None
        for part in parts:
            found, coming = coming, reader.submit(self._read, *part)
            if found is not None:
                yield found.result()
        if coming is not None:
            yield coming.result()

    def _without_hard_pattern(self, selection: Selection) -> Selection:
        """The same with the streams that a pattern means, where DuckDB takes a character for a byte, or escapes it."""
        pattern = selection.idx
        if not isinstance(pattern, str) or not _is_pattern(pattern) or not set(pattern) & set("?[\\"):
            return selection
        begins = re.split(r"[*?[]", pattern, maxsplit=1)[0]
        sql = 'SELECT DISTINCT "idx" FROM "event_entries" WHERE starts_with("idx", ?)'
        found = [idx for (idx,) in self._cursor.execute(sql, [begins]).fetchall()]
        return replace(selection, idx=[idx for idx in found if idx == pattern or fnmatchcase(idx, pattern)])

    def _ranges(self) -> Iterator[tuple[str, str]]:
        """The first and the last stream of each partition."""
        sizes = self._fetch(f'SELECT "idx", count(*) FROM "event_entries" {self._where} GROUP BY 1 ORDER BY 1')
        streams: list[str] = []
        rows = 0
        for idx, size in sizes:
            if streams and rows + size > PARTITION:
                yield streams[0], streams[-1]
                streams, rows = [], 0
            streams.append(idx)
            rows += size
        yield streams[0], streams[-1]

    def _read(self, where: str, params: list[Any]) -> pa.Table:
        if self._limit:  # first the rows, then their order: sorting everything for a sample would cost a whole pass
            some = f'(SELECT {_COLUMNS} FROM "event_entries" {where}{self._limit})'
            sql = f"SELECT {_COLUMNS} FROM {some} {_ORDER}"
        else:
            sql = f'SELECT {_COLUMNS} FROM "event_entries" {where} {_ORDER}'
        with damage_told(self._path):
            return self._cursor.sql(sql, params=params).to_arrow_table().cast(LOG_SCHEMA)

    def _count(self) -> int:
        ((rows,),) = self._fetch(f'SELECT count(*) FROM "event_entries" {self._where}')
        return int(rows)

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._cursor.execute(sql, self._params).fetchall()

    def close(self) -> None:
        """Let go of the rows, also in the middle: whoever reads ahead may finish first."""
        try:
            if self._reader is not None:
                self._reader.shutdown(cancel_futures=True)
            if not self._shared:
                self._cursor.close()
        finally:
            if self._at_end is not None:
                self._at_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _is_pattern(idx: str) -> bool:
    return any(mark in idx for mark in "*?[")


def _is_one_stream(selection: Selection) -> bool:
    return isinstance(selection.idx, str) and not _is_pattern(selection.idx)


def _where(selection: Selection) -> tuple[str, list[Any]]:
    """The condition of a selection, and its parameters."""
    conditions: list[tuple[str, list[Any]]] = []
    if selection.names is not None:
        conditions.append(('"klass" IN (SELECT unnest(?::VARCHAR[]))', [list(selection.names)]))
    if isinstance(selection.idx, str):
        if _is_pattern(selection.idx):
            # what looks like a pattern may be the name of a stream
            conditions.append(('("idx" = ? OR "idx" GLOB ?)', [selection.idx, selection.idx]))
        else:
            conditions.append(('"idx" = ?', [selection.idx]))
    elif selection.idx is not None:
        conditions.append(('"idx" IN (SELECT unnest(?::VARCHAR[]))', [list(selection.idx)]))
    if selection.at is not None:
        conditions.append(('"occurred_at" <= ?', [selection.at]))
    if selection.as_of is not None:
        conditions.append(('"created_at" <= ?', [selection.as_of]))
    where = " AND ".join(condition for condition, _ in conditions)
    return f"WHERE {where}" if where else "", [value for _, values in conditions for value in values]
