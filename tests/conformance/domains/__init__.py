"""What the vectors call by name: their events, models, projections and streams.

A new domain is a module in `MODULES`. The names of its events are claimed only inside `claimed()`, so that they
are free for everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import funes_lab as fl
from funes_lab import registry

with fl.testing.registry():
    from tests.conformance.domains import debt, inventory, salary

MODULES = (debt, salary, inventory)


def _classes(base: type) -> list[Any]:
    """The subclasses that the modules define themselves."""
    return [
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]


EVENTS: Mapping[str, Any] = {cls.event_name: cls for cls in _classes(fl.Event)}
STREAMS: Mapping[str, Any] = {cls.__name__: cls for cls in _classes(fl.EventStream)}
PROJECTIONS: Mapping[str, Any] = {cls.__name__: cls for cls in _classes(fl.Projection)}
TABLES: Mapping[str, str] = {
    "SalaryRecord": salary.SalaryRecordProjection.table,
    "InventorySnapshot": inventory.InventorySnapshotProjection.table,
    "InventoryLocation": inventory.InventoryLocationProjection.table,
}


@contextmanager
def claimed() -> Iterator[None]:
    """The names of the events stand for the classes of the domains while this is open."""
    with fl.testing.registry():
        for name, cls in EVENTS.items():
            registry.claim(name, cls)
        yield


def named(kind: Mapping[str, Any], name: str) -> Any:
    """The class of that name, or an error that lists the names there are."""
    if name not in kind:
        raise LookupError(f"the domains have no {name!r}; they have {', '.join(sorted(kind))}")
    return kind[name]
