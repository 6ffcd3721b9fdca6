"""Read-model tables made anew from the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import pyarrow.compute as pc
from tqdm.auto import tqdm

from funes_lab.event import status
from funes_lab.fold import project
from funes_lab.projection import Projection
from funes_lab.replay.frames import streams_of
from funes_lab.store import Store
from funes_lab.tiers import Entry, ReadModel, read_model


def rebuild(store: Store, projection: type[Projection[Any]], *, progress: bool) -> int:
    """Write the read model of every stream that the projection interprets something of; see `Lab.rebuild`."""
    model = read_model(projection)
    if model.virtual:
        raise TypeError(f'{model.fold.name} writes nothing; give it a table = "…", or its state a persist_with')
    with store.writing:
        entries = list(_entries(store, model, progress=progress))
        if model.table is not None:
            store.refill_read_model(model.table, [entry.row for entry in entries if entry.row is not None])
        for entry in entries:
            entry.persist()
    return len(entries)


def _entries(store: Store, model: ReadModel, *, progress: bool) -> Iterator[Entry]:
    """The state of each stream that the projection interprets something of, or that has a row already."""
    log = store.log()
    known = set() if model.table is None else store.read_model_streams(model.table)
    with tqdm(total=pc.count_distinct(log["idx"]).as_py(), unit=" streams", delay=1, disable=not progress) as bar:
        for events in streams_of(log):
            bar.update()
            idx = cast(str, status(events[0]).idx)
            if idx in known or any(event.event_name in model.fold.blocks for event in events):
                at = max(cast(datetime, event.occurred_at) for event in events)
                yield model.entry(idx, project(model.fold, events, at))
