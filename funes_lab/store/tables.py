"""Read-model tables: a row a stream, its columns typed from the fields of a state.

What a column cannot hold exactly is an error and never rounded: DuckDB itself would round a Decimal in silence.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from funes_lab.storable import unconstrained

#: Digits of a DECIMAL column, and those behind the point where the field does not say (`decimal_places`).
DIGITS, PLACES = 38, 10

#: Raises where a digit would be lost.
_EXACT: Final = Context(prec=DIGITS, traps=[Inexact, InvalidOperation])

_TYPES: Final[dict[Any, str]] = {
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    str: "VARCHAR",
    bytes: "BLOB",
    datetime: "TIMESTAMPTZ",
    date: "DATE",
    time: "TIME",
    timedelta: "INTERVAL",
    UUID: "UUID",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type in DuckDB, its constraint, and for a Decimal the digits behind the point."""

    name: str
    kind: str
    places: int | None = None
    constraint: str = ""

    def fit(self, value: Any) -> Any:
        """The value as it is written, or ValueError if the column cannot hold it exactly."""
        if value is None:
            return None
        if self.kind == "JSON":
            return json.dumps(to_jsonable_python(value), allow_nan=False)
        if isinstance(value, Enum):
            value = value.value
        if self.places is not None:
            return self._exact(Decimal(value))
        if self.kind == "BIGINT" and not -(2**63) <= value < 2**63:
            raise ValueError(f"{self.name} {value} does not fit BIGINT (64 bits)")
        return str(value) if isinstance(value, UUID) else value

    def _exact(self, value: Decimal) -> Decimal:
        assert self.places is not None
        try:
            fitted = value.quantize(Decimal(1).scaleb(-self.places), context=_EXACT)
        except (Inexact, InvalidOperation):
            raise ValueError(
                f"{self.name} {value} does not fit {self.kind} exactly; say how many digits it has: "
                "Field(decimal_places=…)"
            ) from None
        return fitted


@dataclass(frozen=True, slots=True)
class Table:
    """A read-model table, keyed by `idx`."""

    name: str
    columns: tuple[Column, ...]
    constraints: tuple[str, ...] = ()

    @property
    def create(self) -> str:
        """The statement that makes it."""
        columns = (f"{quoted(c.name)} {c.kind} {c.constraint}".rstrip() for c in self.columns)
        parts = ['"idx" VARCHAR PRIMARY KEY', *columns, *self.constraints]
        return f"CREATE TABLE IF NOT EXISTS {quoted(self.name)} ({', '.join(parts)})"

    @property
    def insert(self) -> str:
        """The statement that adds a row: the values of the columns, then the idx."""
        names = ", ".join([*(quoted(c.name) for c in self.columns), '"idx"'])
        return f"INSERT INTO {quoted(self.name)} ({names}) VALUES ({', '.join('?' * (len(self.columns) + 1))})"

    @property
    def update(self) -> str:
        """The statement that replaces a row whole: the values of the columns, then the idx."""
        names = ", ".join(f"{quoted(c.name)} = ?" for c in self.columns) or '"idx" = "idx"'
        return f'UPDATE {quoted(self.name)} SET {names} WHERE "idx" = ?'

    @property
    def fill(self) -> str:
        """The statement that adds the rows of the relation `funes_lab_incoming`."""
        names = ", ".join([*(quoted(c.name) for c in self.columns), '"idx"'])
        return f"INSERT INTO {quoted(self.name)} ({names}) SELECT {names} FROM funes_lab_incoming"

    def arrow(self, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Rows as they are written, as an Arrow table."""
        kinds = [*(_arrow_type(column) for column in self.columns), pa.string()]
        names = [*(column.name for column in self.columns), "idx"]
        arrays = [pa.array(values, type=kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
        return pa.table(arrays, names=names)

    def row(self, idx: str, state: Mapping[str, Any]) -> list[Any]:
        """The values of a row, or ValueError for one that does not fit."""
        return [*(column.fit(state.get(column.name)) for column in self.columns), idx]


def table_for(name: str, state: type[BaseModel], constraints: Mapping[str, str] | Sequence[str]) -> Table:
    """The table for a state.

    Parameters
    ----------
    name : str
    state : pydantic model class
        Its fields are the columns, beside `idx`.
    constraints : mapping or sequence of str
        Per field ("NOT NULL", "UNIQUE"), or whole ones ("CHECK (quantity >= 0)").
    """
    columns = tuple(_column(field, info) for field, info in state.model_fields.items() if field != "idx")
    if isinstance(constraints, Mapping):
        unknown = sorted(set(constraints) - {column.name for column in columns})
        if unknown:
            raise ValueError(f"constraints names {unknown[0]!r}, which {state.__name__} does not have")
        return Table(name, tuple(replace(c, constraint=constraints.get(c.name, "")) for c in columns))
    return Table(name, columns, tuple(constraints))


def _arrow_type(column: Column) -> pa.DataType:
    if column.places is not None:
        return pa.decimal128(DIGITS, column.places)
    return {
        "BOOLEAN": pa.bool_(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BLOB": pa.binary(),
        "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"), "DATE": pa.date32(), "TIME": pa.time64("us"),
        "INTERVAL": pa.duration("us"),
    }.get(column.kind, pa.string())  # fmt: skip


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _column(name: str, info: FieldInfo) -> Column:
    kind = base_of(unconstrained(info.annotation))
    if kind is Decimal:
        places = next((p for part in info.metadata if (p := getattr(part, "decimal_places", None)) is not None), PLACES)
        return Column(name, f"DECIMAL({DIGITS}, {places})", places)
    return Column(name, type_of(kind))


def type_of(kind: Any) -> str:
    """The type of a column for values of a type that is no Decimal; JSON for whatever is nested, or of several."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        held = {type(member.value) for member in kind}
        return _TYPES.get(held.pop(), "JSON") if len(held) == 1 else "JSON"
    return _TYPES.get(kind, "JSON")


def base_of(annotation: Any) -> Any:
    """The one type that an annotation stands for, apart from None; None if it stands for several."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        others = [arg for arg in args if arg is not type(None)]
        return base_of(others[0]) if len(others) == 1 else None
    if origin is Literal:
        return str if all(isinstance(arg, str) for arg in args) else None
    return annotation
