"""Scratch databases: logs in memory to try something in, made in a millisecond and thrown away.

To start DuckDB takes longer than most of what is tried. So all scratches of a process are databases of one DuckDB that
lies in memory: each with its own tables, its own transactions and the real unique index, and none of them sees another.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import duckdb

from funes_lab.store import Head, Row, Unit
from funes_lab.store.duckdb import DuckDBStore
from funes_lab.store.opening import CREATE, connect

_numbers: Final = itertools.count(1)
_guard: Final = threading.Lock()
#: The process that started the DuckDB of the scratches, and the connection to it.
_started: dict[int, duckdb.DuckDBPyConnection] = {}


class ScratchStore(DuckDBStore):
    """An empty log in memory of its own."""

    def __init__(self) -> None:
        super().__init__(":memory:", read_only=False)
        self._name = f"scratch_{next(_numbers)}"
        with _guard:
            root = _root()
            root.execute(f"ATTACH ':memory:' AS {self._name}")
            self._connection = self._used(root.cursor())
        self._connection.execute(CREATE)
        self._has_journal = True
        self._writer = self.cursor()
        self._writer.execute("PRAGMA disable_optimizer")  # as in any store
        #: The streams as they are since the last write; nobody else writes here.
        self._read: dict[str, list[Row]] = {}
        self.watchers.add(self._forget)

    def head(self, idx: str, unit: Unit | None = None) -> Head:
        """Where a stream stands."""
        if unit is not None:
            return super().head(idx, unit)
        rows = self.stream(idx)
        return Head(max(row.version for row in rows), rows[-1].occurred_at) if rows else Head(0, None)

    def stream(self, idx: str, unit: Unit | None = None) -> list[Row]:
        """All rows of a stream in replay order."""
        if unit is not None:
            return super().stream(idx, unit)
        with self.writing:
            if idx not in self._read:
                self._read[idx] = super().stream(idx)
            return list(self._read[idx])

    def event(self, idx: str, version: int, unit: Unit | None = None) -> Row | None:
        """One row of a stream."""
        if unit is not None:
            return super().event(idx, version, unit)
        return next((row for row in self.stream(idx) if row.version == version), None)

    def _forget(self) -> None:
        self._read.clear()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own, in this database."""
        return self._used(super().cursor())

    def close(self) -> None:
        """Throw the database away."""
        if self._connection is not None:
            super().close()
            with _guard:
                _root().execute(f"DETACH {self._name}")

    def _fetch(self, sql: str, params: Sequence[Any], unit: Unit | None) -> list[tuple[Any, ...]]:
        """Answer outside of transactions with the one cursor that is there already, by whoever holds the lock."""
        if unit is not None:
            return super()._fetch(sql, params, unit)
        with self.writing:
            return self._ready().execute(sql, params).fetchall()

    def _used(self, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        cursor.execute(f"USE {self._name}")
        return cursor


def _root() -> duckdb.DuckDBPyConnection:
    """The one DuckDB of this process; a forked child starts its own."""
    here = os.getpid()
    if here not in _started:
        _started[here] = connect(":memory:", read_only=False)
        _started[here].execute("SET GLOBAL TimeZone = 'UTC'")
    return _started[here]
