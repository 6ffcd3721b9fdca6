"""The journal of refused attempts, as a table beside the log."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from funes_lab.store import Unit, from_microseconds
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
        self._check_writable()
        where, params = ('WHERE "idx" = ?', [idx]) if idx is not None else ("", [])
        (forgotten,) = self._fetch(f'DELETE FROM "funes_lab_rejections" {where}', params, None)[0]
        self.watchers.tell()
        return int(forgotten)
