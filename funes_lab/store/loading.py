"""Rows from elsewhere, brought into the columns of the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from funes_lab.storable import instant, text_problem
from funes_lab.store import LOG_SCHEMA
from funes_lab.store.checks import check_idx, check_version

_REQUIRED = tuple(name for name in LOG_SCHEMA.names if name != "meta_info")


def log_table(rows: object) -> pa.Table:
    """Rows as an Arrow table with the columns of the log, and `row_number` for messages.

    Parameters
    ----------
    rows : DataFrame, Arrow table or iterable of mappings

    Raises
    ------
    TypeError
        If it is none of these, or a column holds something that is no idx, no version, no time, no JSON.
    ValueError
        If a column is missing, or JSON cannot be made of a payload.
    """
    table = _arrow(rows)
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise ValueError(f"rows has no column {', '.join(missing)}; it has {', '.join(table.column_names) or 'none'}")
    columns = [_column(table, field) for field in LOG_SCHEMA]
    return pa.table(columns, schema=LOG_SCHEMA).append_column(
        "row_number", pa.array(range(table.num_rows), type=pa.int64())
    )


def _arrow(rows: object) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pd.DataFrame):
        return pa.table(
            {str(name): _from_series(str(name), rows[name]) for name in rows.columns if name in LOG_SCHEMA.names}
        )
    if isinstance(rows, (Mapping, str, bytes)) or not isinstance(rows, Iterable):
        raise TypeError(f"rows must be a DataFrame, an Arrow table or a list of dicts, got {type(rows).__name__}")
    listed = list(rows)
    for number, row in enumerate(listed):
        if not isinstance(row, Mapping):
            raise TypeError(f"rows: row {number} must be a dict with the columns of the log, got {row!r}")
        lacking = [name for name in _REQUIRED if name not in row]
        if lacking:
            raise ValueError(f"rows: row {number} has no {', '.join(lacking)}")
    return pa.table({name: _from_values(name, [row.get(name) for row in listed]) for name in LOG_SCHEMA.names})


def _from_series(name: str, series: pd.Series[Any]) -> pa.Array:
    if name in ("created_at", "occurred_at") and isinstance(series.dtype, (pd.DatetimeTZDtype,)):
        return pa.Array.from_pandas(series.dt.tz_convert("UTC"))
    if name == "version" and pd.api.types.is_integer_dtype(series.dtype):
        return pa.Array.from_pandas(series)
    return _from_values(name, [None if _is_missing(v) else v for v in series.tolist()])


def _from_values(name: str, values: list[Any]) -> pa.Array:
    """A column of Python values, each looked at: Arrow would make a text of an idx that is none."""
    converters: dict[str, Callable[[Any, str], Any]] = {
        "klass": _text, "idx": check_idx, "props": _json, "meta_info": _json, "version": _version,
        "created_at": instant, "occurred_at": instant,
    }  # fmt: skip
    convert = converters[name]
    made = []
    for number, value in enumerate(values):
        try:
            made.append(None if value is None and name == "meta_info" else convert(value, name))
        except (TypeError, ValueError) as failure:
            raise type(failure)(f"rows: row {number}: {failure}; nothing was loaded") from None
    return pa.array(made, type=LOG_SCHEMA.field(name).type)


def _column(table: pa.Table, field: pa.Field) -> Any:
    name = field.name
    if name not in table.column_names:
        return pa.nulls(table.num_rows, type=field.type)
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == field.type:
        return column
    wanted = (
        pa.types.is_integer if name == "version" else pa.types.is_timestamp if field.type != pa.string() else _is_text
    )
    if not wanted(column.type):
        return _from_values(name, column.to_pylist())
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid:  # value by value, to name the one that does not fit
        return _from_values(name, column.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {value!r}")
    return _sound(value, name)


def _sound(text: str, name: str) -> str:
    problem = text_problem(text)
    if problem:
        raise ValueError(f"{name} {problem}, got {text[:60]!r}")
    return text


def _version(value: object, name: str) -> int:
    if isinstance(value, float) and value.is_integer():
        raise TypeError(f"{name} must be an int, got {value!r}; cast the column with .astype('int64')")
    return check_version(value, name)


def _json(value: object, name: str) -> str:
    if isinstance(value, str):
        return _sound(value, name)
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be JSON text or a dict, got {value!r}")
    try:
        return json.dumps(value, allow_nan=False, default=_plain)
    except (ValueError, TypeError) as failure:
        raise ValueError(f"{name} cannot be written as JSON: {failure}") from None


def _plain(value: object) -> str:
    """Decimals as strings and times as ISO 8601 in UTC, as the log has them."""
    if isinstance(value, date):
        return (
            instant(value, "time").isoformat().replace("+00:00", "Z") if hasattr(value, "hour") else value.isoformat()
        )
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise TypeError(f"{value!r} is not JSON")
