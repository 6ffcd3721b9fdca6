"""DataFrames of events, refused attempts and jobs, and of whatever DuckDB gives.

One shape for all frames of events and states: a RangeIndex; the key columns `idx, version, event, occurred_at,
created_at` first; then fields by their names, `payload.x` or `state.x` where one is called like a key column. Dtypes
are those of `columns`; secret attributes are masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from funes_lab import formats, registry
from funes_lab.codec import decode, decode_all, decode_context, mapping
from funes_lab.event import Event
from funes_lab.jobs import Job
from funes_lab.rejection import Rejection
from funes_lab.replay.columns import GUESS, column, common, kinds_of, times
from funes_lab.store import LOG_SCHEMA
from funes_lab.upcast import stored_shape

#: Rows that are turned into events at a time.
AT_ONCE = 20_000


def of_log(
    tables: Iterable[pa.Table],
    *,
    names: Sequence[str] = (),
    expand: bool = True,
    decimals: str = "exact",
    tick: Callable[[int], object] = lambda rows: None,
) -> pd.DataFrame:
    """A row an event: keys, then payload.

    Parameters
    ----------
    tables : iterable of pa.Table
        Rows of the log.
    names : sequence of str
        Events whose attributes are columns even if there is none of them.
    expand : bool
        A column an attribute, or the payload as the log has it.
    decimals : {"exact", "float"}
    tick : callable
        Gets how many rows were taken up, each time that some were.
    """
    if not expand:
        return _as_stored(whole(tables))
    fields, keys = _Fields(names), []
    for table in tables:
        for part in _parts(table):
            keys.append(fields.read(part))
            tick(part.num_rows)
    payload, context = fields.columns(decimals)
    return frame(keys_of(whole(keys)), payload, "payload", context)


def of_nothing(
    sample: Iterable[pa.Table], *, names: Sequence[str] = (), expand: bool = True, decimals: str = "exact"
) -> pd.DataFrame:
    """The frame without a row that these rows would have: also the attributes of names that no class has."""
    found = of_log(sample, names=names, expand=expand, decimals=decimals).iloc[:0]
    return found.assign(**{key: found[key].cat.remove_unused_categories() for key in ("idx", "event")})


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, AT_ONCE):
        yield table.slice(start, AT_ONCE)


def whole(tables: Iterable[pa.Table]) -> pa.Table:
    """Tables of the log, or of some of its columns, as one; without any, all columns and no row."""
    return pa.concat_tables(list(tables) or [LOG_SCHEMA.empty_table()])


class _Fields:
    """The attributes of events, gathered by their names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._rows = 0
        self._promised: set[str] = set()
        self._values: dict[str, list[Any]] = {}
        self._kinds: dict[str, set[str]] = {}
        self._context: dict[str, list[Any]] = {}
        for name in names:
            self._promise(name)

    def _promise(self, name: str) -> None:
        """A column for each attribute of a class."""
        if name in self._promised:
            return
        self._promised.add(name)
        cls = registry.find(name)
        if cls is not None:
            for field, kind in kinds_of(cls, cls.filter_attributes).items():  # type: ignore[attr-defined]
                self._kinds.setdefault(field, set()).add(kind)
                self._values.setdefault(field, [])

    def read(self, table: pa.Table) -> pa.Table:
        """Add the events of a table; gives the table with a row an event, under the name that its class has now."""
        numbers, names = [], []
        columns = (table[name].to_pylist() for name in ("klass", "props", "meta_info", "idx", "version"))
        for number, (name, props, context, idx, version) in enumerate(zip(*columns, strict=True)):
            if registry.upcasters_of(name):
                events = decode_all(name, props, stored_shape(context), idx=idx, version=version)
            else:
                events = [decode(name, props)]
            for event in events:
                numbers.append(number)
                names.append(event.event_name)
                self._add(event, decode_context(context))
        at = LOG_SCHEMA.get_field_index("klass")
        return table.take(pa.array(numbers, pa.int64())).set_column(at, "klass", pa.array(names, pa.string()))

    def _add(self, event: Event, context: Mapping[str, Any]) -> None:
        self._promise(event.event_name)
        payload = {**event.payload(), **event.kept_aside}
        if event.filter_attributes:
            payload = formats.mask(payload, event.filter_attributes)
        self._put(self._values, payload)
        if context:
            self._put(self._context, {f"meta_info.{name}": value for name, value in context.items()})
        self._rows += 1

    def _put(self, columns: dict[str, list[Any]], values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            found = columns.setdefault(name, [])
            if len(found) < self._rows:
                found.extend([None] * (self._rows - len(found)))
            found.append(value)

    def columns(self, decimals: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The columns of the payload and those of the context."""

        def made(name: str, values: list[Any]) -> Any:
            kind = common(self._kinds.get(name, {GUESS}))
            return column(values + [None] * (self._rows - len(values)), kind, decimals=decimals)

        payload = {name: made(name, values) for name, values in self._values.items()}
        return payload, {name: made(name, values) for name, values in self._context.items()}


def _as_stored(table: pa.Table) -> pd.DataFrame:
    """The keys, then payload and context as the JSON texts of the log; what is secret is masked in them."""
    payloads: list[str] = table["props"].to_pylist()
    names = table["klass"].to_pylist()
    secrets = {name: getattr(registry.find(name), "filter_attributes", ()) for name in set(names)}
    if any(secrets.values()):
        payloads = [_masked(text, secrets[name]) for name, text in zip(names, payloads, strict=True)]
    fields = {"payload": payloads, "meta_info": table["meta_info"].to_pylist()}
    return frame(
        keys_of(table, as_stored=True), {name: column(values, "str") for name, values in fields.items()}, "payload"
    )


def _masked(text: str, secret: Sequence[str]) -> str:
    if not secret:
        return text
    return json.dumps(formats.mask(mapping(text), secret), ensure_ascii=False, separators=(",", ":"))


def frame(
    keys: Mapping[str, Any], fields: Mapping[str, Any], prefix: str, more: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Keys, then fields, then more columns; a field called like another column is told apart by a prefix."""
    more = more or {}
    taken = {*keys, *more}
    columns = dict(keys)
    for name, values in fields.items():
        if name in taken:
            name = f"{prefix}.{name}"  # noqa: PLW2901
            while name in taken or name in fields:
                name = f"{prefix}.{name}"  # noqa: PLW2901
        taken.add(name)
        columns[name] = values
    return pd.DataFrame({**columns, **more})


def keys_of(table: pa.Table, *, as_stored: bool = False) -> dict[str, Any]:
    """The key columns of rows of the log; events by the names that their classes have now, or by those stored."""
    return {
        "idx": _categories(table["idx"]),
        "version": pd.Series(table["version"].to_numpy(), dtype="int64"),
        "event": _categories(table["klass"], str if as_stored else registry.canonical),
        "occurred_at": _instants(table["occurred_at"]),
        "created_at": _instants(table["created_at"]),
    }


def _categories(values: pa.ChunkedArray, called: Callable[[str], str] = str) -> Any:
    encoded = values.combine_chunks().dictionary_encode()
    found = [called(name) for name in encoded.dictionary.to_pylist()]
    ordered = sorted(set(found))
    places = {name: place for place, name in enumerate(ordered)}
    codes = np.array([places[name] for name in found], dtype="int64")[encoded.indices.to_numpy()]
    return pd.Categorical.from_codes(codes, pd.Index(ordered, dtype="str"))


def _instants(values: pa.ChunkedArray) -> Any:
    moments = values.cast(pa.timestamp("us")).to_numpy()
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def of_rejections(rejections: Sequence[Rejection]) -> pd.DataFrame:
    """A row an attempt."""

    def masked(values: Mapping[str, Any] | None, r: Rejection) -> Any:
        return None if values is None else formats.mask(values, r.secret)

    return pd.DataFrame(
        {
            "idx": _texts_that_repeat([r.idx for r in rejections]),
            "event": _texts_that_repeat([r.event for r in rejections]),
            "time": times([r.time for r in rejections]),
            "stage": _texts_that_repeat([r.stage for r in rejections]),
            "errors": pd.Series(["; ".join(r.errors.full_messages) for r in rejections], dtype="str"),
            "payload": column([masked(r.payload, r) for r in rejections], "object"),
            "at": times([r.at for r in rejections]),
            "version_read": pd.Series([r.version_read for r in rejections], dtype="int64"),
            "projection": pd.Series([r.projection for r in rejections], dtype="str"),
            "stream_class": pd.Series([r.stream_class for r in rejections], dtype="str"),
            "state_before": column([masked(r.state_before, r) for r in rejections], "object"),
            "state_after": column([masked(r.state_after, r) for r in rejections], "object"),
            "winner": pd.Series(
                [None if r.winner is None else f"{r.winner.version} {r.winner.event}" for r in rejections],
                dtype="str",
            ),
            "meta_info": column([dict(r.meta_info) for r in rejections], "object"),
        }
    )


def _texts_that_repeat(values: list[str]) -> Any:
    return pd.Categorical(pd.array(values, dtype="str"))


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
            "at": times([job.at for job in jobs]),
            "queued_at": times([job.queued_at for job in jobs]),
            "finished_at": times([job.finished_at for job in jobs]),
            "error": pd.Series([None if job.error is None else _told(job.error) for job in jobs], dtype="str"),
        }
    )


def of_shapes(table: pa.Table) -> pd.DataFrame:
    """A row a name, shape and set of keys; the store tells the keys in the order that payloads have them."""
    rows = pd.DataFrame({name: table[name].to_pylist() for name in ("klass", "shape", "events")})
    rows["attributes"] = column([tuple(sorted(set(keys))) for keys in table["keys"].to_pylist()], "object")
    rows["first_seen"], rows["last_seen"] = _instants(table["first_seen"]), _instants(table["last_seen"])
    sets = rows.groupby(["klass", "shape", "attributes"], as_index=False, sort=False)
    found = sets.agg({"events": "sum", "first_seen": "min", "last_seen": "max"})
    found = found.sort_values(["klass", "shape", "first_seen", "attributes"], ignore_index=True)
    dtypes = {"klass": "category", "shape": "int64", "events": "int64"}
    return found.astype(dtypes).rename(columns={"klass": "event"})


def of_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as it is: Decimals as objects, whole numbers and booleans nullable, times in UTC."""
    found: pd.DataFrame = table.to_pandas(date_as_object=True)
    for place, values in enumerate(table.columns):  # by place: a query may give two columns one name
        if pa.types.is_interval(values.type):
            spans = [_span(value) for value in values.to_pylist()]
            found.isetitem(place, pd.Series(spans, dtype="timedelta64[us]").array)
        elif values.null_count and (dtype := _nullable(values.type)):
            found.isetitem(place, pd.array(values.to_pylist(), dtype=dtype))
    return found


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
