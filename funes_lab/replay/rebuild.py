"""Read-model tables made anew from the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import pyarrow.compute as pc
from tqdm.auto import tqdm

from funes_lab.event import status
from funes_lab.fold import project
from funes_lab.projection import Projection
from funes_lab.replay.frames import streams_of
from funes_lab.store import Store
from funes_lab.tiers import read_model


def rebuild(store: Store, projection: type[Projection[Any]], *, progress: bool) -> int:
    """Write the read model of every stream that the projection interprets something of; see `Lab.rebuild`."""
    model = read_model(projection)
    if model.virtual:
        raise TypeError(f'{model.fold.name} writes nothing; give it a table = "…", or its state a persist_with')
    rows, states = [], []
    with store.writing:
        log = store.log()
        bar = tqdm(total=pc.count_distinct(log["idx"]).as_py(), unit=" streams", delay=1, disable=not progress)
        with bar:
            for events in streams_of(log):
                bar.update()
                if any(event.event_name in model.fold.blocks for event in events):
                    at = max(cast(datetime, event.occurred_at) for event in events)
                    state = model.checked(project(model.fold, events, at))
                    idx = cast(str, status(events[0]).idx)
                    states.append((idx, state))
                    if model.table is not None:
                        rows.append(model.row(idx, state))
        if model.table is not None:
            store.refill_read_model(model.table, rows)
        if model.persist_with is not None:
            for idx, state in states:
                model.persist(idx, state)
    return len(states)
