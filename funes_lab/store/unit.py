"""An open transaction in DuckDB."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb

from funes_lab.errors import StoreError
from funes_lab.store import Unit
from funes_lab.store.failures import taken, told
from funes_lab.store.tables import Table, quoted
from funes_lab.watching import Watchers

#: The tables that only the lab itself writes.
OWN_TABLES: Final = ("event_entries", "funes_lab_rejections", "funes_lab_schema")

#: What a person may do inside a transaction of the lab.
_ALLOWED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE_INTO", "CREATE", "ALTER", "DROP", "COPY")


class DuckDBUnit:
    """An open transaction.

    Parameters
    ----------
    cursor : DuckDBPyConnection
    path : str
    tables : set of Table
        The read-model tables that are known to be there; those that this transaction makes are added if it lasts.
    watchers : Watchers
        Told when it lasts.
    spare : list of DuckDBPyConnection, optional
        For a transaction of the lab's own: where its cursor is put after a clean end, to be used again.
    at_end : callable, optional
        Called when it is over.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        path: str,
        tables: set[Table],
        watchers: Watchers,
        *,
        spare: list[duckdb.DuckDBPyConnection] | None = None,
        at_end: Callable[[], None] | None = None,
    ) -> None:
        self.cursor, self._spare, self._at_end = cursor, spare, at_end
        self._path, self._tables, self._watchers = path, tables, watchers
        self.cursor.execute("BEGIN TRANSACTION")
        #: Until it is committed or rolled back.
        self.is_open = True
        #: Read-model tables that this transaction made, if it lasts.
        self.made: set[Table] = set()

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """Run one statement of the user's; the tables of the lab cannot be written with it."""
        for statement in self.cursor.extract_statements(sql):
            if statement.type.name not in _ALLOWED:
                raise StoreError(
                    f"tx.execute takes {', '.join(_ALLOWED)}, got {sql!r}; BEGIN, COMMIT and ROLLBACK are the block's"
                )
        if _touches_own_tables(sql):
            raise StoreError(
                f"tx.execute is for your own tables; {', '.join(OWN_TABLES)} are written by appending events. "
                f"Read them with lab.sql. Got {sql!r}"
            )
        return self.cursor.execute(sql, params) if params is not None else self.cursor.execute(sql)

    def commit(self) -> None:
        """Make it last."""
        self.is_open = clean = False
        try:
            if self._spare is None:
                # a COMMIT after a failed statement, which a person may have caught, rolls back in silence
                self.cursor.execute("SELECT 1")
            self.cursor.execute("COMMIT")
            clean = True
            self._tables.update(self.made)
        except duckdb.Error as failure:
            if conflict := taken(failure):
                raise conflict from failure
            raise told(failure, self._path) from failure
        finally:
            self._let_go(clean=clean)
        self._watchers.tell()

    def rollback(self) -> None:
        """Undo it; a transaction that a failed COMMIT has ended already is left alone."""
        if self.is_open:
            self.is_open = clean = False
            try:
                with contextlib.suppress(duckdb.TransactionException):
                    self.cursor.execute("ROLLBACK")
                    clean = True
            finally:
                self._let_go(clean=clean)

    def _let_go(self, *, clean: bool) -> None:
        try:
            if clean and self._spare is not None and not self._spare:
                self._spare.append(self.cursor)
            else:
                self.cursor.close()
        finally:
            if self._at_end is not None:
                self._at_end()


def opened(unit: Unit) -> DuckDBUnit:
    """A unit as one of DuckDB's, which all units of this store are."""
    assert isinstance(unit, DuckDBUnit)
    return unit


def cursor_of(unit: Unit) -> duckdb.DuckDBPyConnection:
    """The cursor of an open transaction."""
    return opened(unit).cursor


def _touches_own_tables(sql: str) -> bool:
    words = set(re.findall(r"\w+", sql.lower()))
    return not words.isdisjoint(OWN_TABLES)


def refuse_other_columns(cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
    """A table of that name may be there from before the state changed."""
    described = f"DESCRIBE {quoted(table.name)}"
    found = {row[0]: row[1] for row in cursor.execute(described).fetchall()}
    kinds = [("idx", "VARCHAR"), *((column.name, column.kind) for column in table.columns)]
    wanted = {name: str(duckdb.sqltype(kind)) for name, kind in kinds}
    if found != wanted:
        raise StoreError(
            f"the table {table.name!r} has the columns {_listed(found)}, and the state has {_listed(wanted)}; make it "
            "anew with lab.rebuild(…)"
        )


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
