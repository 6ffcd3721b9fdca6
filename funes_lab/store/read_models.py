"""The tables of read models, beside the log."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from funes_lab.store import Unit
from funes_lab.store.tables import Table, quoted
from funes_lab.store.unit import DuckDBUnit, cursor_of, opened, refuse_other_columns


class ReadModelTables:
    """The side of a store that keeps read models."""

    path: str
    writing: threading.RLock
    #: Read-model tables that are known to be there.
    tables: set[Table]

    def begin(self, *, alone: bool = False) -> DuckDBUnit:
        """Open a transaction."""
        raise NotImplementedError

    def opened(self, purpose: str = "reading") -> AbstractContextManager[Any]:
        """A block in which the database is open."""
        raise NotImplementedError

    def _check_writable(self) -> None:
        raise NotImplementedError

    def _fetch(self, sql: str, params: Sequence[Any], unit: Unit | None) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def _arrow(self, sql: str, params: Sequence[Any], unit: Unit | None) -> pa.Table:
        raise NotImplementedError

    def table(self, name: str, unit: Unit | None = None) -> pa.Table:
        """A table by idx."""
        with self.opened():
            known = {row[0] for row in self._fetch("SELECT table_name FROM duckdb_tables()", [], unit)}
            if name not in known:
                raise ValueError(f"there is no table {name!r} in {self.path}; there are {', '.join(sorted(known))}")
            return self._arrow(f"SELECT * FROM {quoted(name)} ORDER BY 1", (), unit)

    def write_read_model(self, table: Table, row: Sequence[Any], unit: Unit) -> None:
        """Replace the row of a stream; a violated constraint is DuckDB's own error."""
        cursor = cursor_of(unit)
        if table not in self.tables:
            cursor.execute(table.create)
            refuse_other_columns(cursor, table)
            opened(unit).made.add(table)
        (replaced,) = cursor.execute(table.update, row).fetchone() or (0,)
        if not replaced:
            cursor.execute(table.insert, row)

    def read_model_streams(self, table: Table) -> set[str]:
        """The streams that have a row in a read-model table; none if there is no such table."""
        there = "SELECT 1 FROM duckdb_columns() WHERE table_name = ? AND column_name = 'idx'"
        with self.opened():
            if not self._fetch(there, [table.name], None):
                return set()
            return {idx for (idx,) in self._fetch(f'SELECT "idx" FROM {quoted(table.name)}', [], None)}

    def refill_read_model(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Drop a read-model table and fill it anew, all or nothing."""
        self._check_writable()
        with self.writing:
            unit = self.begin()
            try:
                unit.cursor.execute(f"DROP TABLE IF EXISTS {quoted(table.name)}")
                unit.cursor.execute(table.create)
                if rows:
                    unit.cursor.register("funes_lab_incoming", table.arrow(rows))
                    unit.cursor.execute(table.fill)
                    unit.cursor.unregister("funes_lab_incoming")
                unit.commit()
            finally:
                unit.rollback()
            self.tables = {known for known in self.tables if known.name != table.name}
