"""What a view of an event name shows: the attributes of its class, and rows of older shapes in today's.

The store makes the views. What it needs to know of classes, aliases and upcasters is told here as plain data.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final, get_origin, is_typeddict

import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from funes_lab import registry
from funes_lab.codec import encode
from funes_lab.event import Event
from funes_lab.storable import unconstrained
from funes_lab.store import Row, rows_to_table
from funes_lab.store.kinds import BY_VALUES, DECIMAL, Attribute
from funes_lab.store.tables import base_of, type_of
from funes_lab.store.views import View
from funes_lab.upcast import Place, current_shape, stored_shape, to_current

#: What is text in a payload, though it is not in a table.
_TEXTS: Final = ("BLOB", "INTERVAL")


class ByClass:
    """What the registered classes say of their events."""

    def names(self) -> Collection[str]:
        """The names that classes read."""
        return registry.names()

    def view(self, name: str) -> View:
        """What the view of a name shows.

        Parameters
        ----------
        name : str
            Of a class, an alias of it, or a name of the log that no class reads.

        Returns
        -------
        View
        """
        own, cls = registry.canonical(name), registry.find(name)
        # an upcaster of any name may build an event of this one
        older = tuple((known, current_shape(known)) for known in registry.names_with_upcasters())
        return View(
            event=own,
            names=registry.names_of(name),
            attributes=None if cls is None else tuple(_attribute(*field) for field in cls.model_fields.items()),
            secret=frozenset(getattr(cls, "filter_attributes", ())),
            older=older,
            today=(lambda rows: _today(rows, own)) if older else None,
        )


def _attribute(name: str, info: FieldInfo) -> Attribute:
    keys = dict.fromkeys(key for key in (name, info.alias, info.validation_alias) if isinstance(key, str))
    return Attribute(tuple(keys), _kind(info.annotation), _default(info))


def _kind(annotation: Any) -> str:
    annotation = unconstrained(annotation)
    base = base_of(annotation)
    if base is Decimal:
        return DECIMAL
    known = type_of(base)
    if known != "JSON":
        return "VARCHAR" if known in _TEXTS else known
    return "JSON" if _is_nested(base) else BY_VALUES


def _is_nested(base: Any) -> bool:
    kind = get_origin(base) or base
    if not isinstance(kind, type) or issubclass(kind, Enum):
        return False
    holds_others = (
        issubclass(kind, (BaseModel, dict, list, tuple, set, frozenset)) or kind.__module__ == "collections.abc"
    )
    return holds_others or is_dataclass(kind) or is_typeddict(kind)


def _default(info: FieldInfo) -> str | None:
    """What a payload without the attribute means, if it is always the same."""
    if info.is_required() or info.default_factory is not None or info.default is None:
        return None
    try:
        return json.dumps(to_jsonable_python(info.default), allow_nan=False)
    except (PydanticSerializationError, ValueError, TypeError):
        return None


def _today(rows: pa.Table, name: str) -> pa.Table:
    """What upcasters make of rows, as rows with payloads of today's shape; those of this name."""
    found: list[Row] = []
    for values in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        row = Row(*values)
        for part in to_current(row.props, stored_shape(row.meta_info), Place(row.klass, row.idx, row.version)):
            made, props = (part.event_name, _encoded(part)) if isinstance(part, Event) else (row.klass, part)
            if registry.canonical(made) == name:
                found.append(row._replace(klass=name, props=props, meta_info=None))
    return rows_to_table(found)


def _encoded(event: Event) -> str:
    """The payload of an event that an upcaster built; one with errors of its own may hold anything."""
    if event.valid:
        return encode(event)
    return json.dumps({**event.payload(), **event.kept_aside}, default=to_jsonable_python)
