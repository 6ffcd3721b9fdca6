"""The rows that a run reads: a window of a partition, as Python objects, and the row that is read now."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from funes_lab.event import Event, Status
from funes_lab.seen import read_events
from funes_lab.store import Row

#: Rows that are turned into Python objects at a time; a longer stream makes a larger window.
WINDOW = 65_536


class RowsAtHand:
    """A table of rows, window by window, and the row that is read now."""

    def __init__(self, table: pa.Table, tick: Callable[[int], object]) -> None:
        self._table, self._tick = table, tick
        self.row = 0
        self._low = self._high = 0
        self._props: list[str] = []
        self._times: list[datetime] = []
        #: The window's rows as a whole, once somebody asks for one of them.
        self._rows: list[Row] = []

    def streams(self) -> Iterator[tuple[int, int]]:
        """The first row of each stream and the one after its last."""
        codes = self._table["idx"].combine_chunks().dictionary_encode().indices.to_numpy()
        bounds = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
        return itertools.pairwise(bounds)

    def load(self, first: int, last: int) -> None:
        """See to it that these rows are at hand."""
        if last > self._high:
            self._low, self._high = first, max(last, min(first + WINDOW, self._table.num_rows))
            self._tick(self._high - self._low)
            part = self._table.slice(first, self._high - first)
            self._props = part["props"].to_pylist()
            self._times = as_datetimes(part["occurred_at"])
            self._rows = []

    def window(self, first: int, last: int) -> tuple[list[str], list[datetime]]:
        """Payloads and times of some rows."""
        return self._props[first - self._low : last - self._low], self._times[first - self._low : last - self._low]

    def time(self, number: int) -> datetime:
        """When the event of a row happened."""
        return self._times[number - self._low]

    def status(self) -> Status:
        """What the log knows of the event that is read now."""
        return self.event(self.row)._status

    def event(self, number: int) -> Event:
        """The event of a row, with its version and times; the first, if an upcaster made several of it."""
        return self.events(number)[0]

    def events(self, number: int) -> list[Event]:
        """The events of a row: one, unless an upcaster made several of it."""
        if not self._rows:
            part = self._table.slice(self._low, self._high - self._low)
            columns = (part[name].to_pylist() for name in ("klass", "idx", "meta_info", "version"))
            klass, idx, meta_info, version = columns
            recorded = as_datetimes(part["created_at"])
            self._rows = list(map(Row, klass, idx, self._props, meta_info, version, recorded, self._times))
        return read_events(self._rows[number - self._low])


def as_datetimes(column: pa.ChunkedArray) -> list[datetime]:
    """Times as datetimes in UTC, at once: ten times as fast as one by one."""
    moments = column.cast(pa.timestamp("us")).to_numpy()
    listed: list[datetime] = pd.DatetimeIndex(moments).tz_localize("UTC").to_pydatetime().tolist()
    return listed
