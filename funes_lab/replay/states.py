"""DataFrames of states: a row a stream, or a row an event and the state after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from funes_lab import formats
from funes_lab.audience import bar
from funes_lab.errors import ProjectionError
from funes_lab.fold import Fold, folding
from funes_lab.replay.columns import GUESS, check_decimals, column, kinds_of, picked
from funes_lab.replay.engine import States, Task, run
from funes_lab.replay.frames import frame, keys_of, whole
from funes_lab.store import Scan

_KEPT = ("idx", "version", "klass", "occurred_at", "created_at")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a frame of states is to look.

    Attributes
    ----------
    changes : bool
        With steps: beside each field what it was before and after an event that moved it.
    decimals : {"exact", "float"}
    """

    changes: bool = False
    decimals: str = "exact"


def check(*, steps: bool, changes: bool, on_error: str, decimals: str) -> Wish:
    """Refuse what cannot be asked of a replay."""
    if on_error not in ("raise", "stop", "skip"):
        raise ValueError(f"on_error must be 'raise', 'stop' or 'skip', got {on_error!r}")
    if changes and not steps:
        raise ValueError("changes=True tells what each event moved; it needs steps=True")
    check_decimals(decimals)
    return Wish(changes, decimals)


def replayed(
    tables: Iterable[pa.Table], task: Task, wish: Wish, tick: Callable[[int], object] = lambda rows: None
) -> pd.DataFrame:
    """Fold partitions one after the other and put their states into one frame."""
    keys, states = [], _Columns(task.fold)
    for table in tables:
        found = run(table, task, tick)
        keys.append(_rows(table.select(_KEPT), found.rows))
        states.add(found)
    there = whole(keys)
    more: dict[str, Any] = {}
    if wish.changes:
        more = _changes(states, there, task, wish)
    if task.on_error != "raise":
        more["error"] = column(states.errors, "str")
    return frame(keys_of(there), states.columns(wish), "state", more)


def _rows(table: pa.Table, numbers: list[int]) -> pa.Table:
    """Some rows; with steps these are all of them, most of the time."""
    every = len(numbers) == table.num_rows
    return table if every else table.take(pa.array(numbers, type=pa.int64()))


@contextmanager
def told(scan: Scan, *, progress: bool) -> Iterator[Callable[[int], object]]:
    """A bar that shows how far a scan is, if it takes longer than a second and somebody looks; nothing of it stays."""
    with bar(scan.rows, " events", progress=progress) as tick:
        yield tick


class _Columns:
    """The states of all partitions, field by field."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._kinds = kinds_of(fold.state, fold.secret)
        self.rows = 0
        self.values: dict[str, list[Any]] = {name: [] for name in self._kinds}
        self.errors: list[str | None] = []

    def add(self, states: States) -> None:
        """Add those of one partition."""
        values: Sequence[Mapping[str, Any]] = states.values
        if self._fold.secret:
            values = [formats.mask(row, self._fold.secret) for row in values]
        if self._fold.is_open:
            for name in dict.fromkeys(name for row in values for name in row):
                self.values.setdefault(name, [None] * self.rows)
        for name, there in self.values.items():
            there.extend(picked(values, name))
        self.errors.extend([None] * len(values))
        for place, error in states.errors.items():
            self.errors[self.rows + place] = error
        self.rows += len(values)

    def columns(self, wish: Wish) -> dict[str, Any]:
        """As Series, each of the dtype that its field promises."""
        return {name: self.column(name, values, wish) for name, values in self.values.items()}

    def column(self, name: str, values: list[Any], wish: Wish) -> Any:
        """Values of a field as a Series."""
        return column(values, self._kinds.get(name, GUESS), decimals=wish.decimals)


def _changes(states: _Columns, keys: pa.Table, task: Task, wish: Wish) -> dict[str, Any]:
    """For each field what it was before and after the events that moved it, nothing beside the others."""
    codes = keys["idx"].combine_chunks().dictionary_encode().indices.to_numpy()
    firsts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist()] if len(codes) else []
    starts = {row: before_any(task.fold, keys["occurred_at"][row].as_py()) for row in firsts}
    changes = {}
    for name, values in states.values.items():
        before = [None, *values[:-1]] if values else []
        for row, start in starts.items():
            before[row] = start.get(name)
        hits = [moved(a, b) for a, b in zip(before, values, strict=True)]
        for suffix, side in (("before", before), ("after", values)):
            shown = [value if hit else None for value, hit in zip(side, hits, strict=True)]
            changes[f"{name}_{suffix}"] = states.column(name, shown, wish)
    return changes


def moved(before: Any, after: Any) -> bool:
    """Whether a value is another one."""
    if before is None or after is None:
        return before is not after
    both_nan = before != before and after != after
    return not both_nan and bool(before != after)


def before_any(fold: Fold, at: datetime) -> Mapping[str, Any]:
    """The fields before the first event, as a query at its time sees them."""
    try:
        with folding(fold):
            values = fold.settled(fold.finish(fold.start(at), at).__dict__)
    except ProjectionError:
        return {}
    return formats.mask(values, fold.secret) if fold.secret else values
