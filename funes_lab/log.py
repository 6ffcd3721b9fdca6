"""Log: what is in the event log of a lab, as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from funes_lab import formats
from funes_lab.current import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.event import Event
    from funes_lab.interchange.classes import Source


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

    def to_classes(self, names: str | type[Event] | Iterable[str | type[Event]] | None = None) -> Source:
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

        return classes.to_classes([self._lab.store.log(unit=self._lab.unit)], names)

    def __repr__(self) -> str:
        where = "in memory" if self._lab.path == ":memory:" else f"of {self._lab.path}"
        if self._lab.closed:
            return f"<Log {where}: the lab is closed>"
        return f"<Log {where}, {formats.count(len(self), 'event')}>"
