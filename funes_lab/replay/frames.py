"""DataFrames of events, states and refused attempts.

One shape for all of them: a RangeIndex; the key columns `idx, version, event, occurred_at, created_at` first; then
fields by their names, `payload.x` or `state.x` where one is called like a key column. Decimals stay Decimal
objects, times are datetime64[us, UTC], secret attributes are masked.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from funes_lab import formats
from funes_lab.event import Event, status
from funes_lab.fold import Fold
from funes_lab.jobs import Job
from funes_lab.rejection import Rejection
from funes_lab.replay.engine import States, run
from funes_lab.seen import events_of, read_events
from funes_lab.store import Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)

KEYS = ("idx", "version", "event", "occurred_at", "created_at")


def of_events(events: Sequence[Event]) -> pd.DataFrame:
    """A row an event: keys, then payload."""
    payloads = [formats.mask({**e.payload(), **e.kept_aside}, e.filter_attributes) for e in events]
    context = _columns([{f"meta_info.{name}": value for name, value in e.meta_info.items()} for e in events])
    return _frame(_keys(events), {**_columns(payloads), **context}, "payload")


def of_log(table: pa.Table) -> pd.DataFrame:
    """The same of a whole log."""
    return of_events(events_of(Row(*row) for row in _rows(table)))


def of_steps(fold: Fold, table: pa.Table) -> pd.DataFrame:
    """A row an event: keys, then the state after it, at its own time."""
    return _of_states(fold, table, run(table, fold, _NEVER, steps=True, every_stream=True))


def of_streams(fold: Fold, table: pa.Table, at: datetime) -> pd.DataFrame:
    """A row a stream that the projection interprets something of: keys of its last event, then its state."""
    return _of_states(fold, table, run(table, fold, at))


def _of_states(fold: Fold, table: pa.Table, states: States) -> pd.DataFrame:
    there = table.take(pa.array(states.rows, type=pa.int64()))
    values: Sequence[Mapping[str, Any]] = states.values
    if fold.secret:
        values = [formats.mask(row, fold.secret) for row in values]
    return _frame(_keys_of(there), _columns(values, fold.state.model_fields), "state")


def _keys_of(table: pa.Table) -> dict[str, Any]:
    return {
        "idx": _categories(table["idx"]),
        "version": pd.Series(table["version"].to_numpy(), dtype="int64"),
        "event": _categories(table["klass"]),
        "occurred_at": _instants(table["occurred_at"]),
        "created_at": _instants(table["created_at"]),
    }


def _categories(column: pa.ChunkedArray) -> pd.Categorical:
    encoded = column.combine_chunks().dictionary_encode()
    return pd.Categorical.from_codes(encoded.indices.to_numpy(), encoded.dictionary.to_pylist())


def _instants(column: pa.ChunkedArray) -> Any:
    moments = column.cast(pa.timestamp("us")).to_numpy()
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def of_rejections(rejections: Sequence[Rejection]) -> pd.DataFrame:
    """A row an attempt."""

    def masked(values: Mapping[str, Any] | None, r: Rejection) -> Any:
        return None if values is None else formats.mask(values, r.secret)

    return pd.DataFrame(
        {
            "idx": pd.Categorical([r.idx for r in rejections]),
            "event": pd.Categorical([r.event for r in rejections]),
            "time": _times([r.time for r in rejections]),
            "stage": pd.Categorical([r.stage for r in rejections]),
            "errors": pd.Series(["; ".join(r.errors.full_messages) for r in rejections], dtype="str"),
            "payload": _objects([masked(r.payload, r) for r in rejections]),
            "at": _times([r.at for r in rejections]),
            "version_read": pd.Series([r.version_read for r in rejections], dtype="int64"),
            "projection": pd.Series([r.projection for r in rejections], dtype="str"),
            "stream_class": pd.Series([r.stream_class for r in rejections], dtype="str"),
            "state_before": _objects([masked(r.state_before, r) for r in rejections]),
            "state_after": _objects([masked(r.state_after, r) for r in rejections]),
            "winner": pd.Series(
                [None if r.winner is None else f"{r.winner.version} {r.winner.event}" for r in rejections],
                dtype="str",
            ),
            "meta_info": _objects([dict(r.meta_info) for r in rejections]),
        }
    )


def of_jobs(jobs: Sequence[Job]) -> pd.DataFrame:
    """A row a job."""
    return pd.DataFrame(
        {
            "job": pd.Series([job.number for job in jobs], dtype="int64"),
            "status": pd.Categorical([job.status for job in jobs], categories=["queued", "done", "failed"]),
            "stream": pd.Series([job.stream_class for job in jobs], dtype="str"),
            "idx": pd.Series([job.idx for job in jobs], dtype="str"),
            "projection": pd.Series([job.projection for job in jobs], dtype="str"),
            "queue": pd.Series([job.background.queue for job in jobs], dtype="str"),
            "at": _times([job.at for job in jobs]),
            "queued_at": _times([job.queued_at for job in jobs]),
            "finished_at": _times([job.finished_at for job in jobs]),
            "error": pd.Series([None if job.error is None else _told(job.error) for job in jobs], dtype="str"),
        }
    )


def of_shapes(table: pa.Table) -> pd.DataFrame:
    """A row a name, shape and set of keys; the store tells the keys in the order that payloads have them."""
    rows = pd.DataFrame({name: table[name].to_pylist() for name in ("klass", "shape", "events")})
    rows["attributes"] = _objects([tuple(sorted(set(keys))) for keys in table["keys"].to_pylist()])
    rows["first_seen"], rows["last_seen"] = _instants(table["first_seen"]), _instants(table["last_seen"])
    sets = rows.groupby(["klass", "shape", "attributes"], as_index=False, sort=False)
    found = sets.agg({"events": "sum", "first_seen": "min", "last_seen": "max"})
    found = found.sort_values(["klass", "shape", "first_seen", "attributes"], ignore_index=True)
    dtypes = {"klass": "category", "shape": "int64", "events": "int64"}
    return found.astype(dtypes).rename(columns={"klass": "event"})


def of_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as it is: Decimals as objects, whole numbers and booleans nullable, times in UTC."""
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_interval(column.type):
            frame[name] = pd.Series([_span(value) for value in column.to_pylist()], dtype="timedelta64[us]")
        elif column.null_count and (dtype := _nullable(column.type)):
            frame[name] = pd.array(column.to_pylist(), dtype=dtype)
    return frame


def _nullable(kind: pa.DataType) -> str | None:
    if pa.types.is_boolean(kind):
        return "boolean"
    return "Int64" if pa.types.is_integer(kind) else None


def _span(value: Any) -> timedelta | None:
    """An interval of DuckDB; months, which have no fixed length, count as thirty days."""
    if value is None:
        return None
    return timedelta(days=30 * value.months + value.days, microseconds=value.nanoseconds // 1000)


def _told(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"


def _frame(keys: dict[str, Any], fields: dict[str, Any], prefix: str) -> pd.DataFrame:
    renamed = {f"{prefix}.{name}" if name in KEYS else name: column for name, column in fields.items()}
    return pd.DataFrame({**keys, **renamed})


def _keys(events: Sequence[Event]) -> dict[str, Any]:
    return {
        "idx": pd.Categorical([status(e).idx for e in events]),
        "version": pd.Series([e.version for e in events], dtype="int64"),
        "event": pd.Categorical([e.event_name for e in events]),
        "occurred_at": _times([e.occurred_at for e in events]),
        "created_at": _times([e.created_at for e in events]),
    }


def _columns(rows: Sequence[Mapping[str, Any]], names: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of all rows, in order of first appearance; a row without one has nothing there."""
    ordered = dict.fromkeys(names)
    for row in rows:
        ordered.update(dict.fromkeys(row))
    return {name: _column([row.get(name) for row in rows]) for name in ordered}


def _column(values: list[Any]) -> Any:
    """A column of the type that its values have in common, else of objects."""
    kinds = {type(value) for value in values if value is not None}
    complete = not any(value is None for value in values)
    if kinds == {bool}:
        return pd.Series(values, dtype="bool" if complete else "boolean")
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pd.Series(values, dtype="int64" if complete else "Int64")
    if kinds == {float}:
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return pd.Series(values, dtype="str")
    if kinds == {datetime}:
        return _times(values)
    return _objects(values)


def _objects(values: Sequence[Any]) -> Any:
    return pd.Series([copy.deepcopy(v) if isinstance(v, (dict, list, set)) else v for v in values], dtype=object)


def _times(values: Sequence[datetime | None]) -> Any:
    # a subtraction and a cast: fifty times as fast as handing datetimes to Arrow one by one
    spans = [None if value is None else value - _EPOCH for value in values]
    moments = np.array(spans, dtype="timedelta64[us]").view("datetime64[us]")
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))


def streams_of(table: pa.Table) -> Iterable[list[Event]]:
    """The events of a log, stream by stream; the log is in replay order."""
    events: list[Event] = []
    for row in _rows(table):
        parts = read_events(Row(*row))
        if events and status(events[-1]).idx != status(parts[0]).idx:
            yield events
            events = []
        events += parts
    if events:
        yield events
