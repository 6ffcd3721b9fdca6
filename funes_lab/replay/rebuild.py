"""Read-model tables made anew from the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import pyarrow as pa

from funes_lab.event import Event, status
from funes_lab.fold import project
from funes_lab.projection import Projection
from funes_lab.replay.states import told
from funes_lab.seen import events_of
from funes_lab.store import Row, Store
from funes_lab.tiers import Entry, ReadModel, read_model

#: Rows that are turned into Python objects at a time.
_AT_ONCE = 10_000


def rebuild(store: Store, projection: type[Projection[Any]], *, progress: bool) -> int:
    """Write the read model of every stream that the projection interprets something of; see `Lab.rebuild`."""
    model = read_model(projection)
    if model.virtual:
        raise TypeError(f'{model.fold.name} writes nothing; give it a table = "…", or its state a persist_with')
    with store.writing, store.opened("a rebuild"):
        entries = list(_entries(store, model, progress=progress))
        if model.table is not None:
            store.refill_read_model(model.table, [entry.row for entry in entries if entry.row is not None])
        for entry in entries:
            entry.persist()
    return len(entries)


def _entries(store: Store, model: ReadModel, *, progress: bool) -> Iterator[Entry]:
    """The state of each stream that the projection interprets something of, or that has a row already."""
    known = set() if model.table is None else store.read_model_streams(model.table)
    with store.scan() as scan, told(scan, progress=progress) as tick:
        for events in (events for table in scan for events in _streams(table)):
            tick(len(events))
            idx = cast(str, status(events[0]).idx)
            if idx in known or any(event.event_name in model.fold.blocks for event in events):
                at = max(cast(datetime, event.occurred_at) for event in events)
                yield model.entry(idx, project(model.fold, events, at))


def _streams(table: pa.Table) -> Iterator[list[Event]]:
    """The events of each stream."""
    rows = (Row(*row) for batch in table.to_batches(_AT_ONCE) for row in zip(*batch.to_pydict().values(), strict=True))
    for _, group in itertools.groupby(rows, key=lambda row: row.idx):
        yield events_of(group)
