"""Log: what is in the event log of a lab, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funes_lab import formats
from funes_lab.current import Workspace

if TYPE_CHECKING:
    import pandas as pd


class Log:
    """The event log of a lab: what is in it, as DataFrames."""

    def __init__(self, lab: Workspace) -> None:
        self._lab = lab

    def __len__(self) -> int:
        return int(self._lab.store.query("SELECT count(*) FROM event_entries", unit=self._lab.unit)[0][0].as_py())

    def __bool__(self) -> bool:
        return True

    def df(self) -> pd.DataFrame:
        """Every event, stream by stream in replay order.

        Returns
        -------
        DataFrame
            As `EventStream.df`: the key columns, then the attributes of all events by their names.
        """
        from funes_lab.replay import frames

        return frames.of_log(self._lab.store.log(unit=self._lab.unit))

    def streams(self) -> pd.DataFrame:
        """What streams there are.

        Returns
        -------
        DataFrame
            RangeIndex, a row a stream, by idx. Columns `idx` (str), `events`, `version` (int64), `first_at` and
            `last_at` (datetime64[us, UTC], actual time), `last_event` (str, by version) and `refused` (int64,
            attempts in the journal).
        """
        from funes_lab.replay import frames

        return frames.of_arrow(self._lab.store.streams(self._lab.unit))

    def shapes(self) -> pd.DataFrame:
        """What shapes the payloads have.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event name, shape version and set of keys; by event, shape and the time it was first
            seen. Columns `event` (category, the name as the log has it, older names included), `shape` (int64, the
            version that is stored with the event, 1 where none is), `attributes` (object, a tuple of str: the keys of
            the payload, sorted; empty for a payload that is no JSON object), `events` (int64), `first_seen` and
            `last_seen` (datetime64[us, UTC], record time).

        Examples
        --------
        >>> import funes_lab as fl
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-01-01"))
        >>> fact = {"klass": "Debt::Noted", "idx": "debt-1", "created_at": "2020-01-01", "occurred_at": "2020-01-01"}
        >>> facts = [{"text": "hi"}, {"text": "ho", "by": "Ada"}, {"by": "Eve", "text": "hm"}]
        >>> _ = lab.load([{**fact, "version": number, "props": props} for number, props in enumerate(facts, start=1)])
        >>> lab.log.shapes()[["event", "shape", "attributes", "events"]]
                 event  shape  attributes  events
        0  Debt::Noted      1  (by, text)       2
        1  Debt::Noted      1     (text,)       1
        """
        from funes_lab.replay import frames

        return frames.of_shapes(self._lab.store.shapes(self._lab.unit))

    def __repr__(self) -> str:
        where = "in memory" if self._lab.path == ":memory:" else f"of {self._lab.path}"
        if self._lab.closed:
            return f"<Log {where}: the lab is closed>"
        return f"<Log {where}, {formats.count(len(self), 'event')}>"
