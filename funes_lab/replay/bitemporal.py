"""One field of a stream over both times: what had happened by when, as far as was known when.

The grid of Snodgrass, "Developing Time-Oriented Database Applications in SQL" (2000): valid time across, transaction
time down; here they are called actual time and record time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from funes_lab import formats
from funes_lab.event import Event
from funes_lab.fold import Fold, folding
from funes_lab.replay.columns import column, kinds_of, times
from funes_lab.seen import read_events
from funes_lab.storable import Moment, instant
from funes_lab.store import Row


def grid(
    fold: Fold,
    rows: Sequence[Row],
    field: str,
    *,
    at: Moment | Iterable[Moment] | None,
    as_of: Moment | Iterable[Moment] | None,
    decimals: str,
) -> pd.DataFrame:
    """The values of a field: a row a record time, a column an actual time; see `Lab.bitemporal`."""
    check_field(fold, field)
    across = actual_times(rows) if at is None else moments(at, "at")
    down = record_times(rows) if as_of is None else moments(as_of, "as_of")
    lines = [
        [None if values is None else values.get(field) for values in line] for line in states(fold, rows, across, down)
    ]
    kind = kinds_of(fold.state, fold.secret)[field]
    index = pd.DatetimeIndex(times(down), name="as_of")
    made = {
        place: column([line[place] for line in lines], kind, decimals=decimals).set_axis(index)
        for place in range(len(across))
    }
    frame = pd.DataFrame(made, index=index)
    frame.columns = pd.DatetimeIndex(times(across), name="at")
    return frame


def check_field(fold: Fold, field: str) -> None:
    """Refuse a field that the state does not have."""
    if not isinstance(field, str) or field not in fold.state.model_fields:
        known = ", ".join(fold.state.model_fields)
        raise ValueError(f"field must be one of {known}, the fields of {fold.state.__name__}; got {field!r}")


def actual_times(rows: Sequence[Row]) -> list[datetime]:
    """The times at which something happened."""
    return sorted({row.occurred_at for row in rows})


def record_times(rows: Sequence[Row]) -> list[datetime]:
    """The times at which something was recorded."""
    return sorted({row.created_at for row in rows})


def states(
    fold: Fold, rows: Sequence[Row], across: Sequence[datetime], down: Sequence[datetime]
) -> list[list[Mapping[str, Any] | None]]:
    """The fields of the state, secrets masked: a line a record time, in it one an actual time.

    None where no event is known by then.
    """
    events = [read_events(row) for row in rows]
    done: dict[int, list[Mapping[str, Any] | None]] = {}
    lines = []
    for moment in down:
        there = [number for number, row in enumerate(rows) if row.created_at <= moment]
        if len(there) not in done:
            happened = [rows[number].occurred_at for number in there]
            done[len(there)] = _line(fold, happened, [events[number] for number in there], across)
        lines.append(done[len(there)])
    return lines


def _line(
    fold: Fold, happened: Sequence[datetime], events: Sequence[Sequence[Event]], across: Sequence[datetime]
) -> list[Mapping[str, Any] | None]:
    """The state at each actual time, as far as these events know; each is folded on top of the one before."""
    found: dict[datetime, Mapping[str, Any] | None] = {}
    state, done, values = None, 0, None
    with folding(fold):
        for moment in sorted(set(across)):
            end = bisect_right(happened, moment)
            if state is None or fold.starts_with_time:
                state, done = fold.start(moment), 0
            state = fold.run(state, (event for row in events[done:end] for event in row))
            if end > done or fold.final or fold.starts_with_time:
                values = fold.settled(fold.finish(fold.copy(state), moment).__dict__)
            found[moment], done = values if end else None, end
    if fold.secret:
        return [None if (seen := found[moment]) is None else formats.mask(seen, fold.secret) for moment in across]
    return [found[moment] for moment in across]


def moments(given: Moment | Iterable[Moment], argument: str) -> list[datetime]:
    """Read one time or a list of them."""
    if isinstance(given, (str, date)):
        given = [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument} must be a time or a list of times, got {given!r}")
    return [instant(moment, argument) for moment in given]
