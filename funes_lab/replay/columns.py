"""Columns: values that belong together, as a pandas Series of the dtype that their field promises.

The dtype comes from the annotation of the field and not from the values, so that a frame of no events, of one and of
many have the same: whole numbers `Int64`, booleans `boolean`, `float64`, `str`, times `datetime64[us, UTC]`, spans
`timedelta64[us]`, everything else objects, Decimals too. Only where a value does not fit what was promised is the
column one of objects, so that nothing is lost.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, FutureDatetime, PastDatetime

#: What a field without an annotation promises: its values tell.
GUESS = "guess"

_KINDS = {
    bool: "boolean",
    int: "Int64",
    float: "float64",
    str: "str",
    datetime: "time",
    AwareDatetime: "time",
    PastDatetime: "time",
    FutureDatetime: "time",
    timedelta: "span",
    Decimal: "decimal",
}
_NOTHING = type(None)
#: The longest span in 64 bits of microseconds.
_LONGEST = timedelta(microseconds=2**63 - 1)
#: Up to here a float tells one whole number from the next.
_EXACT_IN_FLOATS = 2**53


def check_decimals(decimals: object) -> None:
    """Refuse what is no way to show Decimals."""
    if decimals not in ("exact", "float"):
        raise ValueError(f"decimals must be 'exact' (Decimal objects) or 'float', got {decimals!r}")


def kinds_of(cls: type[BaseModel], secret: Collection[str] = ()) -> dict[str, str]:
    """What the fields of a class promise; a masked one promises text."""
    return {name: "str" if name in secret else _kind(info.annotation) for name, info in cls.model_fields.items()}


def common(kinds: Iterable[str]) -> str:
    """What a column promises that takes the fields of several classes."""
    found = set(kinds)
    return found.pop() if len(found) == 1 else "object"


def column(values: list[Any], kind: str, *, decimals: str = "exact") -> Any:
    """A column.

    Parameters
    ----------
    values : list
        None where there is nothing.
    kind : str
        What the field promises.
    decimals : {"exact", "float"}
        Decimal objects, or floats.

    Returns
    -------
    Series
        Its values share nothing that can change with those given.
    """
    found = set(map(type, values))
    found.discard(_NOTHING)
    if kind == GUESS:
        kind = _guess(found, values)
    if Decimal in found and decimals == "float":
        values = [float(value) if type(value) is Decimal else value for value in values]
        found = found - {Decimal} | {float}
    if kind == "decimal" and decimals == "float":
        kind = "float64"
    make = _MAKERS.get(kind)
    made = None if make is None else make(values, found)
    return _objects(values, found) if made is None else made


def times(values: Sequence[datetime | None]) -> Any:
    """Times as a column."""
    return pd.Series(values, dtype="datetime64[us, UTC]")


def picked(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """One value of each row, None where it has none."""
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _kind(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0])
    if origin in (Union, types.UnionType):
        return common({_kind(arg) for arg in args if arg is not _NOTHING})
    if origin is Literal:
        return common({_KINDS.get(type(arg), "object") for arg in args if arg is not None})
    return _KINDS.get(annotation, "object") if isinstance(annotation, type) else "object"


def _guess(found: set[type], values: Sequence[Any]) -> str:
    if len(found) == 1:
        return _KINDS.get(next(iter(found)), "object")
    if found == {int, float} and all(type(v) is not int or abs(v) <= _EXACT_IN_FLOATS for v in values):
        return "float64"
    return "object"


def _booleans(values: list[Any], found: set[type]) -> Any:
    return pd.Series(values, dtype="boolean") if found <= {bool} else None


def _whole_numbers(values: list[Any], found: set[type]) -> Any:
    if not found <= {int}:
        return None
    try:
        # of what is beyond 64 bits pandas takes some for unsigned or floats, and then for other numbers
        there = pa.array(values, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return None
    missing = there.is_null().to_numpy(zero_copy_only=False)
    return pd.Series(pd.arrays.IntegerArray(there.fill_null(0).to_numpy().copy(), missing.copy()))


def _floats(values: list[Any], found: set[type]) -> Any:
    if found <= {float} or (found <= {int, float} and _guess({int, float}, values) == "float64"):
        return pd.Series(values, dtype="float64")
    return None


def _texts(values: list[Any], found: set[type]) -> Any:
    try:
        return pd.Series(values, dtype="str") if found <= {str} else None
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return None


def _moments(values: list[Any], found: set[type]) -> Any:
    if not found <= {datetime} or None in map(attrgetter("tzinfo"), filter(None, values)):
        return None
    return times(values)


def _spans(values: list[Any], found: set[type]) -> Any:
    # NumPy would wrap a longer one around in silence
    if not found <= {timedelta} or any(v is not None and abs(v) > _LONGEST for v in values):
        return None
    return pd.Series(np.array(values, dtype="timedelta64[us]"))


_MAKERS: Mapping[str, Callable[[list[Any], set[type]], Any]] = {
    "boolean": _booleans,
    "Int64": _whole_numbers,
    "float64": _floats,
    "str": _texts,
    "time": _moments,
    "span": _spans,
}


def _objects(values: Sequence[Any], found: Collection[type]) -> Any:
    if any(not issubclass(kind, _UNCHANGING) for kind in found):
        values = [v if isinstance(v, _UNCHANGING) else copy.deepcopy(v) for v in values]
    # item by item: whatever else takes a list looks into the lists in it
    return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=object)


_UNCHANGING = (str, int, float, bool, Decimal, date, time, timedelta, UUID, bytes, _NOTHING)
