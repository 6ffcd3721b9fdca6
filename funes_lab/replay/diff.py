"""Two projections over one log: where they differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from funes_lab import formats
from funes_lab.fold import Fold
from funes_lab.replay.columns import column
from funes_lab.replay.engine import Task, run
from funes_lab.replay.states import moved


def differences(
    tables: Iterable[pa.Table], left: Task, right: Task, *, decimals: str, tick: Callable[[int], object]
) -> pd.DataFrame:
    """A row a stream and field that differ; see `Lab.diff`."""
    fields = _common(left.fold, right.fold)
    found = [row for table in tables for row in _of_partition(table, left, right, fields, tick)]
    idx, names, lefts, rights = (list(part) for part in zip(*found, strict=True)) if found else ([], [], [], [])
    return pd.DataFrame(
        {
            "idx": pd.Categorical(pd.array(idx, dtype="str")),
            "field": pd.Categorical(names, categories=pd.Index(fields, dtype="str")),
            "left": column(lefts, "object", decimals=decimals),
            "right": column(rights, "object", decimals=decimals),
        }
    )


def _common(left: Fold, right: Fold) -> list[str]:
    fields = [name for name in left.state.model_fields if name in right.state.model_fields]
    if not fields:
        raise ValueError(
            f"the states of {left.name} ({', '.join(left.state.model_fields)}) and {right.name} "
            f"({', '.join(right.state.model_fields)}) have no field in common: nothing of them can be compared"
        )
    return fields


def _of_partition(
    table: pa.Table, left: Task, right: Task, fields: list[str], tick: Callable[[int], object]
) -> Iterator[tuple[str, str, Any, Any]]:
    ours, theirs = _by_row(table, left), _by_row(table, right)
    tick(table.num_rows)
    secret = {*left.fold.secret, *right.fold.secret}
    for row in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(row, {}), theirs.get(row, {})
        for name in fields:
            if moved(one.get(name), other.get(name)):
                yield table["idx"][row].as_py(), name, _shown(one, name, secret), _shown(other, name, secret)


def _shown(side: Mapping[str, Any], name: str, secret: Collection[str]) -> Any:
    """A field of one side as it is shown; nothing where that side has no state."""
    return formats.mask({name: side[name]}, secret)[name] if name in side else None


def _by_row(table: pa.Table, task: Task) -> dict[int, Mapping[str, Any]]:
    """The states by the last row of their stream."""
    states = run(table, task)
    return dict(zip(states.rows, states.values, strict=True))
