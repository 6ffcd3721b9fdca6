"""The store: where the rows of a log are kept.

A store takes rows and gives rows; whole logs come out as Arrow tables. It knows nothing of events and
projections, and there is no SQL above this floor. The one thing that it says about a write that did not happen
is `VersionTaken`: this version of this stream is another writer's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa

from funes_lab.watching import Watchers

if TYPE_CHECKING:
    from funes_lab.store.tables import Table
    from funes_lab.store.views import Events

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TIME: Final = pa.timestamp("us", tz="UTC")

#: The columns of the log, in their order; those of the table `event_entries` of the Ruby gem Funes.
LOG_SCHEMA: Final = pa.schema(
    [
        ("klass", pa.string()),
        ("idx", pa.string()),
        ("props", pa.string()),
        ("meta_info", pa.string()),
        ("version", pa.int64()),
        ("created_at", _TIME),
        ("occurred_at", _TIME),
    ]
)


class Row(NamedTuple):
    """One row of the log."""

    klass: str
    idx: str
    props: str
    meta_info: str | None
    version: int
    created_at: datetime
    occurred_at: datetime


class Head(NamedTuple):
    """Where a stream stands: its version (0 when empty) and the latest `occurred_at` in it."""

    version: int
    last_at: datetime | None


class Attempt(NamedTuple):
    """An attempt in the journal that was refused, without its evidence."""

    idx: str
    stage: str
    stream_class: str
    event: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of the log are asked for; by default all of them.

    Attributes
    ----------
    names : sequence of str, optional
        Only events that the log has under these names.
    idx : str or sequence of str, optional
        Only one stream, those that match a pattern (`*`, `?`, `[…]`), or those that are listed.
    at : datetime, optional
        Only what had happened by then.
    as_of : datetime, optional
        Only what the log knew by then.
    first : int, optional
        So many rows at most, in no certain order.
    """

    names: Sequence[str] | None = None
    idx: str | Sequence[str] | None = None
    at: datetime | None = None
    as_of: datetime | None = None
    first: int | None = None


EVERYTHING: Final = Selection()


class VersionTaken(Exception):
    """Another writer has this version of this stream."""

    def __init__(self, idx: str, version: int) -> None:
        super().__init__(f"version {version} of {idx!r} is taken")
        self.idx, self.version = idx, version


class Unit(Protocol):
    """An open transaction of a store."""

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """Run one statement of the user's in it."""
        ...

    def commit(self) -> None:
        """Make it last; raises VersionTaken when another writer was faster."""
        ...

    def rollback(self) -> None:
        """Undo it."""
        ...


class Scan(Protocol):
    """One pass over part of the log: whole streams in replay order, all seen at one moment."""

    #: How many rows it will give.
    rows: int

    def __iter__(self) -> Iterator[pa.Table]:
        """Partitions: tables with the columns of the log, by idx, `occurred_at`, version; no stream is in two."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Store(Protocol):
    """What the rest of the lab asks of a database."""

    path: str
    read_only: bool
    #: Held by whoever writes.
    writing: threading.RLock
    #: Told whenever something was written or forgotten.
    watchers: Watchers
    #: Grows whenever another process may have written, if the store lets any.
    turn: int

    def opened(self, purpose: str = "reading") -> AbstractContextManager[Any]:
        """A block in which the database stays open; `purpose` is told to whoever waits for the file."""
        ...

    def head(self, idx: str, unit: Unit | None = None) -> Head:
        """Where a stream stands."""
        ...

    def stream(self, idx: str, unit: Unit | None = None) -> list[Row]:
        """All rows of a stream in replay order: by `occurred_at`, then version."""
        ...

    def newest(self, idx: str, count: int, skip: int = 0, unit: Unit | None = None) -> list[Row]:
        """So many rows of a stream, the last in replay order first, after as many that are skipped."""
        ...

    def event(self, idx: str, version: int, unit: Unit | None = None) -> Row | None:
        """One row of a stream."""
        ...

    def bound(self, name: str, value: str, unit: Unit | None = None) -> list[Row]:
        """The rows of the log that have this value under a name in their `meta_info`, in the order of recording."""
        ...

    def insert(self, row: Row, unit: Unit | None = None) -> None:
        """Write one row, or raise VersionTaken."""
        ...

    def insert_many(self, rows: Sequence[Row], unit: Unit | None = None) -> None:
        """Write rows, all or none, or raise VersionTaken."""
        ...

    def load(self, table: pa.Table) -> None:
        """Write a table with the columns of the log, all or nothing; ValueError for rows that cannot be facts."""
        ...

    def scan(self, selection: Selection = EVERYTHING, unit: Unit | None = None) -> Scan:
        """Rows of the log in replay order, stream by stream."""
        ...

    def names(self, unit: Unit | None = None) -> list[str]:
        """The names that the events of the log have, in order."""
        ...

    def names_in(self, idx: Sequence[str], unit: Unit | None = None) -> list[tuple[str, str]]:
        """The names that the events of these streams have: idx and name, in the order of their first events."""
        ...

    def streams(self, unit: Unit | None = None) -> pa.Table:
        """A row a stream: idx, events, version, first_at, last_at, last_event, refused."""
        ...

    def query(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        unit: Unit | None = None,
        events: Events | None = None,
    ) -> pa.Table:
        """The result of exactly one SELECT; with `events` their names are tables too."""
        ...

    def shapes(self, unit: Unit | None = None) -> pa.Table:
        """A row a name, shape and list of keys: klass, shape, keys (in their order), events, first_seen, last_seen."""
        ...

    def write_read_model(self, table: Table, row: Sequence[Any], unit: Unit) -> None:
        """Replace the row of a stream in a read-model table, which is made if it is missing."""
        ...

    def table(self, name: str, unit: Unit | None = None) -> pa.Table:
        """A table of read models, or of the user's own, by idx."""
        ...

    def begin(self, *, alone: bool = False) -> Unit:
        """Open a transaction; `alone` for one of the lab's own, by whoever holds the lock of writing."""
        ...

    def journal(self, entry: Mapping[str, Any]) -> None:
        """Add a refused attempt to the journal, outside of any open transaction."""
        ...

    def journalled(self, idx: str | None = None) -> list[dict[str, Any]]:
        """The refused attempts in their order."""
        ...

    def journalled_last(self, count: int, skip: int = 0, idx: str | None = None) -> list[dict[str, Any]]:
        """So many refused attempts, the newest first, after as many that are skipped."""
        ...

    def attempts(self, idx: Sequence[str]) -> list[Attempt]:
        """The refused attempts on these streams in their order, without their evidence."""
        ...

    def count_journalled(self, idx: str | None = None) -> int:
        """How many there are."""
        ...

    def clear_journal(self, idx: str | None = None) -> int:
        """Forget them; gives how many there were."""
        ...

    def read_model_streams(self, table: Table) -> set[str]:
        """The streams that have a row in a read-model table; none if there is no such table."""
        ...

    def refill_read_model(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Drop a read-model table and fill it anew, all or nothing."""
        ...

    def checkpoint(self) -> None:
        """Write everything into the file itself."""
        ...

    def checkpoint_softly(self) -> None:
        """The same, if it can be done now; after a large piece of work."""
        ...

    def backup(self, path: str | os.PathLike[str]) -> None:
        """A consistent copy in a new file."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def rows_to_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with the columns of the log."""
    if not rows:
        return LOG_SCHEMA.empty_table()
    *texts, created_at, occurred_at = zip(*rows, strict=True)
    columns = [pa.array(column, type=LOG_SCHEMA.field(n).type) for n, column in enumerate(texts)]
    return pa.table([*columns, _times(created_at), _times(occurred_at)], schema=LOG_SCHEMA)


def _times(moments: Sequence[datetime]) -> pa.Array:
    """Times for Arrow: a subtraction and a cast are fifty times as fast as handing it the datetimes."""
    spans = np.array([moment - _EPOCH for moment in moments], dtype="timedelta64[us]")
    return pa.array(spans.view("int64"), type=pa.int64()).cast(_TIME)


def from_microseconds(since_epoch: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=since_epoch)
