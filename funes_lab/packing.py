"""Values of any kind as JSON that knows their types: what was refused is kept as it was tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from funes_lab import formats


def packed(value: Any) -> Any:
    """A value as JSON that knows its types, whatever it is: a refused event may hold anything."""
    if isinstance(value, Enum):
        return packed(value.value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, BaseModel):
        return packed(dict(value.__dict__))
    if isinstance(value, Mapping):
        return {("$" + key if str(key).startswith("$") else str(key)): packed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return {"$": "set", "v": [packed(item) for item in value]}
    if isinstance(value, (int, float)) and -(2**1023) < value < 2**1023:
        return value
    for kind, (of_type, pack, _) in _KINDS.items():
        if type(value) is of_type:
            return {"$": kind, "v": pack(value)}
    return {"$": "other", "v": formats.value(value, limit=1000)}


_MICROSECOND = timedelta(microseconds=1)

#: What JSON does not know: the type, how it is written, how it is read.
_KINDS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float": (float, str, float),
    "decimal": (Decimal, str, Decimal),
    "time": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "clock": (time, time.isoformat, time.fromisoformat),
    "duration": (timedelta, lambda span: span // _MICROSECOND, lambda n: n * _MICROSECOND),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
}


def unpacked(value: Any) -> Any:
    """The value that was packed."""
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key.removeprefix("$"): unpacked(item) for key, item in value.items()}
    kind, packed = value["$"], value["v"]
    if kind == "set":
        return {unpacked(item) if not isinstance(item, (list, dict)) else str(item) for item in packed}
    return _KINDS[kind][2](packed) if kind in _KINDS else packed
