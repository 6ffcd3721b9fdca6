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
from funes_lab.fold import Fold
from funes_lab.replay.columns import column, kinds_of, times
from funes_lab.replay.engine import Task, run
from funes_lab.storable import Moment, instant
from funes_lab.store import Row, rows_to_table


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
    if field not in fold.state.model_fields:
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
    done: dict[int, list[Mapping[str, Any] | None]] = {}
    lines = []
    for moment in down:
        there = [row for row in rows if row.created_at <= moment]
        if len(there) not in done:
            done[len(there)] = _line(fold, there, across)
        lines.append(done[len(there)])
    return lines


def _line(fold: Fold, rows: Sequence[Row], across: Sequence[datetime]) -> list[Mapping[str, Any] | None]:
    """The state at each actual time, as far as these rows know."""
    happened = [row.occurred_at for row in rows]
    ends = [bisect_right(happened, moment) for moment in across]
    found: list[Mapping[str, Any] | None]
    if fold.final or fold.starts_with_time:
        ended = [
            run(rows_to_table(rows[:end]), Task(fold, moment, every_stream=True)).values
            for end, moment in zip(ends, across, strict=True)
        ]
        found = [values[-1] if values else None for values in ended]
    else:
        after = run(rows_to_table(rows), Task(fold, happened[-1], steps=True, every_stream=True)).values if rows else []
        found = [after[end - 1] if end else None for end in ends]
    if not fold.secret:
        return found
    return [None if values is None else formats.mask(values, fold.secret) for values in found]


def moments(given: Moment | Iterable[Moment], argument: str) -> list[datetime]:
    """Read one time or a list of them."""
    if isinstance(given, (str, date)):
        given = [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument} must be a time or a list of times, got {given!r}")
    return [instant(moment, argument) for moment in given]
