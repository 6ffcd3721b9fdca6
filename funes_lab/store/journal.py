"""The journal of refused attempts, as a table beside the log."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from funes_lab.store import Attempt, Unit, from_microseconds
from funes_lab.store.failures import told
from funes_lab.watching import Watchers


class JournalTable:
    """The side of a store that keeps refused attempts, through cursors of its own."""

    path: str
    #: Told of whatever changes.
    watchers: Watchers
    _has_journal: bool

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own."""
        raise NotImplementedError

    def opened(self, purpose: str = "reading") -> contextlib.AbstractContextManager[Any]:
        """A block in which the database is open."""
        raise NotImplementedError

    def _check_writable(self) -> None:
        raise NotImplementedError

    def _fetch(self, sql: str, params: Sequence[Any], unit: Unit | None) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def journal(self, entry: Mapping[str, Any]) -> None:
        """Add a refused attempt."""
        sql = 'INSERT INTO "funes_lab_rejections" VALUES (?, ?, ?, ?, ?, ?, ?)'
        names = ("id", "attempted_at", "idx", "stream_class", "event", "stage", "entry")
        self._check_writable()
        with self.opened("writing"), contextlib.closing(self.cursor()) as cursor:
            try:
                cursor.execute(sql, [entry[name] for name in names])
            except duckdb.Error as failure:
                raise told(failure, self.path) from failure
        self.watchers.tell()

    def journalled(self, idx: str | None = None) -> list[dict[str, Any]]:
        """The refused attempts in their order."""
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        return self._entries(f"{where} ORDER BY rowid", params)

    def journalled_last(self, count: int, skip: int = 0, idx: str | None = None) -> list[dict[str, Any]]:
        """So many refused attempts, the newest first, after as many that are skipped."""
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        return self._entries(f"{where} ORDER BY rowid DESC LIMIT ? OFFSET ?", [*params, count, skip])

    def attempts(self, idx: Sequence[str]) -> list[Attempt]:
        """The refused attempts on these streams in their order, without their evidence."""
        if not self._has_journal or not idx:
            return []
        sql = (
            'SELECT "idx", "stage", "stream_class", "event", epoch_us("attempted_at") FROM "funes_lab_rejections" '
            'WHERE "idx" IN (SELECT unnest(?::VARCHAR[])) ORDER BY rowid'
        )
        found = self._fetch(sql, [list(idx)], None)
        return [Attempt(of, stage, cls, event, from_microseconds(when)) for of, stage, cls, event, when in found]

    def count_journalled(self, idx: str | None = None) -> int:
        """How many refused attempts there are."""
        if not self._has_journal:
            return 0
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        return int(self._fetch(f'SELECT count(*) FROM "funes_lab_rejections" {where}', params, None)[0][0])

    def clear_journal(self, idx: str | None = None) -> int:
        """Forget them; gives how many there were."""
        self._check_writable()
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        (forgotten,) = self._fetch(f'DELETE FROM "funes_lab_rejections" {where}', params, None)[0]
        self.watchers.tell()
        return int(forgotten)

    def _entries(self, which: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        if not self._has_journal:
            return []
        sql = (
            'SELECT "id", epoch_us("attempted_at"), "idx", "stream_class", "event", "stage", "entry" '
            f'FROM "funes_lab_rejections" {which}'
        )
        names = ("id", "attempted_at", "idx", "stream_class", "event", "stage", "entry")
        entries = [dict(zip(names, row, strict=True)) for row in self._fetch(sql, params, None)]
        for entry in entries:
            entry["attempted_at"] = from_microseconds(entry["attempted_at"])
        return entries
