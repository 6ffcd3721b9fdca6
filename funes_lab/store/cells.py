"""The cells of a table from elsewhere: each is made a value of the log's column, or refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from funes_lab.storable import instant, text_problem
from funes_lab.store import LOG_SCHEMA
from funes_lab.store.checks import check_idx, check_version


class JsonText(str):
    """A value that is JSON text already, and stays as it is written: a float would lose digits."""

    __slots__ = ()


def from_series(name: str, series: pd.Series[Any]) -> pa.Array:
    """A column of the log out of one of a frame."""
    if name in ("created_at", "occurred_at") and isinstance(series.dtype, (pd.DatetimeTZDtype,)):
        return pa.Array.from_pandas(series.dt.tz_convert("UTC"))
    if name == "version" and pd.api.types.is_integer_dtype(series.dtype):
        return pa.Array.from_pandas(series)
    return from_values(name, [None if is_missing(v) else v for v in series.tolist()])


def from_values(name: str, values: Sequence[Any], first: int = 0) -> pa.Array:
    """A column of Python values, each looked at: Arrow would make a text of an idx that is none."""
    converters: dict[str, Callable[[Any, str], Any]] = {
        "klass": _text, "idx": check_idx, "props": _json, "meta_info": _json, "version": _version,
        "created_at": instant, "occurred_at": instant,
    }  # fmt: skip
    convert = converters[name]
    made = []
    for number, given in enumerate(values, first):
        value = json.loads(given) if isinstance(given, JsonText) and convert is not _json else given
        try:
            made.append(None if value is None and name == "meta_info" else convert(value, name))
        except (TypeError, ValueError) as failure:
            raise type(failure)(f"rows: row {number}: {failure}; nothing was loaded") from None
    return pa.array(made, type=LOG_SCHEMA.field(name).type)


def from_arrow(column: Any, field: pa.Field) -> Any:
    """A column of the log out of Arrow's; what is of another type is looked at value by value."""
    name = field.name
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == field.type:
        return column
    wanted = (
        pa.types.is_integer if name == "version" else pa.types.is_timestamp if field.type != pa.string() else _is_text
    )
    if not wanted(column.type):
        return from_values(name, column.to_pylist())
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid:  # value by value, to name the one that does not fit
        return from_values(name, column.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_missing(value: object) -> bool:
    """Whether pandas takes it for no value."""
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
    return json_of(value, name)


def json_of(value: object, name: str) -> str:
    """A value as JSON text, or ValueError."""
    try:
        return json.dumps(value, allow_nan=False, default=_plain)
    except (ValueError, TypeError) as failure:
        raise ValueError(f"{name} cannot be written as JSON: {failure}") from None


def _plain(value: object) -> Any:
    """Decimals as strings and times as ISO 8601 in UTC, as the log has them; numpy's lists and numbers as Python's."""
    if isinstance(value, date):
        return (
            instant(value, "time").isoformat().replace("+00:00", "Z") if hasattr(value, "hour") else value.isoformat()
        )
    if isinstance(value, time) and value.tzinfo is None:
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} is not JSON")
