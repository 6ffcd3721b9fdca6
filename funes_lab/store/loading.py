"""Rows from elsewhere, brought into the columns of the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from funes_lab.store import LOG_SCHEMA, Store
from funes_lab.store.cells import JsonText, from_arrow, from_series, from_values, is_missing, json_of
from funes_lab.store.columns import (
    Columns,
    check_attributes,
    check_renaming,
    refuse_left_over,
    refuse_unknown,
    sort_out,
)

#: What every row must have, if any has it: `version` and `created_at` can be made.
_REQUIRED: Final = tuple(name for name in LOG_SCHEMA.names if name not in ("meta_info", "version", "created_at"))
_BATCH: Final = 20_000


def log_table(rows: object, columns: Mapping[str, str] | None = None, *, whole: bool = False) -> pa.Table:
    """Rows as an Arrow table with the columns of the log, and `row_number` for messages.

    Parameters
    ----------
    rows : DataFrame, Arrow table or iterable of mappings
    columns : mapping of str to str, optional
        What their names are in the log.
    whole : bool
        Refuse columns that are none of the log's where there is a payload: nothing of the rows may be lost.

    Returns
    -------
    Arrow table
        Without the column `version`, if they have none.

    Raises
    ------
    TypeError
        If it is none of these, or a column holds something that is no idx, no version, no time, no JSON.
    ValueError
        If a column is missing or cannot be told from another, or JSON cannot be made of a payload.
    """
    renamed = check_renaming(columns)
    if isinstance(rows, (pa.Table, pd.DataFrame)):
        names = rows.column_names if isinstance(rows, pa.Table) else [str(name) for name in rows.columns]
        refuse_unknown([name for name in renamed if name not in names], names)
        table = _of_columns(rows, names, sort_out(names, renamed), whole=whole)
    elif isinstance(rows, (Mapping, str, bytes)) or not isinstance(rows, Iterable):
        raise TypeError(f"rows must be a DataFrame, an Arrow table or a list of dicts, got {type(rows).__name__}")
    else:
        table = _of_mappings(rows, renamed, whole=whole)
    if "created_at" not in table.column_names:
        table = table.append_column("created_at", table["occurred_at"])
    table = table.select([name for name in LOG_SCHEMA.names if name in table.column_names])
    return table.append_column("row_number", pa.array(range(table.num_rows), type=pa.int64()))


def numbered(table: pa.Table, store: Store) -> pa.Table:
    """The table with versions, if it has none: in its order, stream by stream, after what the store has already.

    Parameters
    ----------
    table : Arrow table
        As `log_table` gives it.
    store : Store
        The caller holds its lock of writing.
    """
    if "version" in table.column_names:
        return table
    heads = store.streams()
    at = dict(zip(heads["idx"].to_pylist(), heads["version"].to_pylist(), strict=True))
    versions = []
    for idx in table["idx"].to_pylist():
        at[idx] = version = at.get(idx, 0) + 1
        versions.append(version)
    return table.append_column("version", pa.array(versions, type=pa.int64()))


# --- tables and frames -----------------------------------------------------------------------------------------


def _of_columns(rows: Any, names: Sequence[str], columns: Columns, *, whole: bool) -> pa.Table:
    missing = [name for name in _REQUIRED if name not in columns.ours]
    if missing == ["props"] and columns.left:
        missing = []
    if missing:
        raise ValueError(f"rows has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}")
    if whole:
        refuse_left_over(columns)
    check_attributes(columns.attributes)
    if isinstance(rows, pd.DataFrame):
        rows = rows.set_axis(list(names), axis="columns")
        made = {name: from_series(name, rows[theirs]) for name, theirs in columns.ours.items()}
    else:
        made = {name: rows[theirs] for name, theirs in columns.ours.items()}
    if columns.attributes:
        made["props"] = _payloads(rows[columns.attributes] if isinstance(rows, pd.DataFrame)
                                  else rows.select(columns.attributes))  # fmt: skip
    made.setdefault("meta_info", pa.nulls(len(rows), type=pa.string()))
    table = pa.table(made)
    fields = [field for field in LOG_SCHEMA if field.name in made]
    return pa.table([from_arrow(table[field.name], field) for field in fields], schema=pa.schema(fields))


def _payloads(attributes: Any) -> pa.Array:
    """A payload a row, of columns; what is missing in a row is left out."""
    made: list[str] = []
    for first in range(0, len(attributes), _BATCH):
        if isinstance(attributes, pd.DataFrame):
            part = attributes.iloc[first : first + _BATCH]
            names, lists = [*part.columns], [part[name].tolist() for name in part.columns]
        else:
            part = attributes.slice(first, _BATCH)
            names, lists = part.column_names, [column.to_pylist() for column in part.columns]
        for number, values in enumerate(zip(*lists, strict=True), first):
            made.append(_payload(dict(zip(names, values, strict=True)), number))
    return pa.array(made, type=pa.string())


def _payload(attributes: Mapping[str, Any], number: int) -> str:
    try:
        parts = [
            f"{json.dumps(name)}: {value if isinstance(value, JsonText) else json_of(value, name)}"
            for name, value in attributes.items()
            if not is_missing(value)
        ]
    except ValueError as failure:
        raise ValueError(f"rows: row {number}: props: {failure}; nothing was loaded") from None
    return f"{{{', '.join(parts)}}}"


# --- mappings --------------------------------------------------------------------------------------------------


def _of_mappings(rows: Iterable[Any], renamed: Mapping[str, str], *, whole: bool) -> pa.Table:
    """The same of rows one by one; what the first one has, all must have."""
    given = iter(rows)
    tables: list[pa.Table] = []
    reader = _Mappings(renamed, whole=whole)
    while batch := list(islice(given, _BATCH)):
        tables.append(reader.table(batch))
    reader.check_end()
    return pa.concat_tables(tables) if tables else LOG_SCHEMA.empty_table()


class _Mappings:
    def __init__(self, renamed: Mapping[str, str], *, whole: bool) -> None:
        self._renamed, self._whole = renamed, whole
        self._unseen = set(renamed)
        self._first: Columns | None = None
        self._names: tuple[str, ...] = ()
        self._count = 0
        self._known: dict[tuple[str, ...], Columns] = {}
        self._has_attributes = False

    def table(self, rows: Sequence[Any]) -> pa.Table:
        values: dict[str, list[Any]] = {}
        for number, row in enumerate(rows, self._count):
            columns = self._columns(row, number)
            if not values:
                assert self._first is not None
                values = {name: [] for name in LOG_SCHEMA.names if name in {*self._first.ours, "props", "meta_info"}}
            for name, made in values.items():
                if name == "props" and "props" not in columns.ours:
                    made.append(_payload({name: row[name] for name in columns.left}, number))
                else:
                    made.append(row[columns.ours[name]] if name in columns.ours else None)
        fields = [LOG_SCHEMA.field(name) for name in values]
        made = [from_values(field.name, values[field.name], self._count) for field in fields]
        self._count += len(rows)
        return pa.table(made, schema=pa.schema(fields))

    def _columns(self, row: Any, number: int) -> Columns:
        """What the keys of a row are; rows with the same keys are looked at once."""
        if not isinstance(row, Mapping):
            raise TypeError(f"rows: row {number} must be a dict with the columns of the log, got {row!r}")
        names = tuple(row)
        columns = self._known.get(names)
        if columns is None:
            columns = self._look_at(names, number)
            if len(self._known) < _BATCH:
                self._known[names] = columns
        return columns

    def _look_at(self, names: tuple[str, ...], number: int) -> Columns:
        columns = sort_out(names, self._renamed)
        self._unseen.difference_update(names)
        if self._first is None:
            self._first, self._names = columns, names
        first = self._first.ours
        lacking = [name for name in _REQUIRED if name not in columns.ours and (name != "props" or name in first)]
        lacking += [name for name in ("version", "created_at") if name in first and name not in columns.ours]
        if lacking:
            raise ValueError(f"rows: row {number} has no {', '.join(lacking)}")
        more = [name for name in columns.ours if name not in first and name != "meta_info"]
        if more:
            raise ValueError(f"rows: row {number} has {', '.join(more)}, and the first has not; give it to all or none")
        if self._whole:
            refuse_left_over(columns)
        check_attributes(columns.attributes)
        self._has_attributes = self._has_attributes or bool(columns.attributes)
        return columns

    def check_end(self) -> None:
        if self._first is None:
            return
        refuse_unknown(sorted(self._unseen), self._names)
        if "props" not in self._first.ours and not self._has_attributes:
            raise ValueError("rows: row 0 has no props")
