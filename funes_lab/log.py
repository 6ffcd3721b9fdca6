"""Log: what is in the event log of a lab, as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from funes_lab import formats
from funes_lab.current import Workspace
from funes_lab.selection import Name, names_of, selection
from funes_lab.storable import Moment
from funes_lab.store import Selection

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.interchange.classes import Source

#: So many events tell what an empty frame of a log looks like.
_SAMPLE: Final = 1000


class Log:
    """The event log of a lab: what is in it, as DataFrames."""

    def __init__(self, lab: Workspace) -> None:
        self._lab = lab

    def __len__(self) -> int:
        return int(self._lab.store.query("SELECT count(*) FROM event_entries", unit=self._lab.unit)[0][0].as_py())

    def __bool__(self) -> bool:
        return True

    def df(
        self,
        names: Name | Iterable[Name] | None = None,
        idx: str | Iterable[str] | None = None,
        *,
        at: Moment | None = None,
        as_of: Moment | None = None,
        expand: bool = True,
        decimals: Literal["exact", "float"] = "exact",
        progress: bool = True,
    ) -> pd.DataFrame:
        """Events, stream by stream in replay order. Without arguments all of them.

        Parameters
        ----------
        names : str, event class, or a list of them, optional
            Only these events.
        idx : str or list of str, optional
            Only one stream, those that match a pattern (`"debts-*"`; `*`, `?` and `[…]` as in `fnmatch`), or those that
            are listed, whose names are taken as they are.
        at : datetime, date or str, optional
            Actual time: only what had happened by then.
        as_of : datetime, date or str, optional
            Record time: only what the log knew by then.
        expand : bool
            A column an attribute; or, if False, the payload as the log has it, in one column.
        decimals : {"exact", "float"}
            Decimal objects, or floats.
        progress : bool
            Show a bar when it takes longer than a second.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event. Columns `idx` (category), `version` (int64), `event` (category),
            `occurred_at` and `created_at` (datetime64[us, UTC]); then the attributes of all events by their names
            (`payload.x` where one is called like a column), with the dtypes that their classes promise: Int64,
            boolean, float64, str, datetime64[us, UTC], timedelta64[us], else objects, Decimals too; then
            `meta_info.x` for what was bound to events. Attributes of names that no class has are there as well. An
            empty result has the columns that a full one has, as far as a thousand events tell. With `expand=False` the
            last columns are `payload` and `meta_info` (str, JSON text), and `event` is the name that the log has: such
            a frame, written to a file, can be loaded by `Lab.load`. Secret attributes are masked in both.

        Examples
        --------
        >>> import funes_lab as fl
        >>> lab = fl.Lab()
        >>> class Jotted(fl.Event, name="Example::Jotted"):
        ...     text: str
        >>> class Counted(fl.Event, name="Example::Counted"):
        ...     count: int
        >>> _ = fl.EventStream.for_("a").append_all([Jotted(text="x"), Counted(count=1)])
        >>> lab.log.df(names=Jotted)[["version", "text"]].to_dict("records")
        [{'version': 1, 'text': 'x'}]
        """
        from funes_lab.replay import columns, frames, states

        columns.check_decimals(decimals)
        listed = None if names is None else names_of(names)
        asked = selection(names=listed, idx=idx, at=at, as_of=as_of)
        store, unit = self._lab.store, self._lab.unit
        with store.scan(asked, unit) as scan, states.told(scan, progress=progress) as tick:
            if scan.rows:
                return frames.of_log(scan, names=listed or (), expand=expand, decimals=decimals, tick=tick)
        promised = store.names(unit) if listed is None else listed
        with store.scan(Selection(names=asked.names, first=_SAMPLE), unit) as some:
            return frames.of_nothing(some, names=promised, expand=expand, decimals=decimals)

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

    def to_classes(self, names: Name | Iterable[Name] | None = None) -> Source:
        """Write event classes from the payloads found, to paste into a cell: an unknown log becomes a typed one.

        A type is chosen only if every value found comes back from it as it was; a text that is a number or a time
        in another spelling than the log's stays a text. Attributes that are missing or null somewhere are optional
        and then read as None. Objects that always have the same keys become models of their own. What is no name in
        Python gets one, and its own as `alias`.

        Parameters
        ----------
        names : str, event class or iterable of these, optional
            Which events; default all of the log.

        Returns
        -------
        Source
            A str that shows itself as it is. It has the imports that it needs; attributes that the class of that
            name keeps secret now (`filter_attributes`) stay secret and have no examples.

        Raises
        ------
        ValueError
            If the log has no event of such a name; it says which there are.

        Examples
        --------
        >>> import funes_lab as fl
        >>> lab = fl.Lab()
        >>> _ = lab.load([{"klass": "Old::Paid", "idx": "debts-1", "props": {"amount": "12.50", "first-name": "Ann"},
        ...                "version": 1, "created_at": "2020-01-01", "occurred_at": "2020-01-01"}])
        >>> lab.log.to_classes()
        from decimal import Decimal
        <BLANKLINE>
        import funes_lab as fl
        from pydantic import Field
        <BLANKLINE>
        <BLANKLINE>
        class Paid(fl.Event, name="Old::Paid"):
            ...1 event, first 2020-01-01 00:00:00 UTC, last 2020-01-01 00:00:00 UTC...
        <BLANKLINE>
            amount: Decimal = Field(examples=["12.50"])
            first_name: str = Field(alias="first-name", examples=["Ann"])
        """
        from funes_lab.interchange import classes

        with self._lab.store.scan(unit=self._lab.unit) as scan:
            return classes.to_classes(scan, names)

    def __repr__(self) -> str:
        where = "in memory" if self._lab.path == ":memory:" else f"of {self._lab.path}"
        if self._lab.closed:
            return f"<Log {where}: the lab is closed>"
        return f"<Log {where}, {formats.count(len(self), 'event')}>"
