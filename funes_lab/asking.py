"""What can be asked of a lab: the log, the states of all streams, SQL, the tables of read models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from funes_lab.current import Workspace
from funes_lab.log import Log
from funes_lab.projection import Projection, fold_of
from funes_lab.selection import selection
from funes_lab.storable import Moment

if TYPE_CHECKING:
    import pandas as pd


class Asking:
    """The side of a lab that answers."""

    @property
    def log(self: Workspace) -> Log:
        """The event log."""
        return Log(self)

    def replay(
        self: Workspace,
        projection: type[Projection[Any]],
        idx: str | Iterable[str] | None = None,
        *,
        at: Moment | None = None,
        as_of: Moment | None = None,
        steps: bool = False,
        changes: bool = False,
        all: bool = False,  # noqa: A002  (the word that fits)
        on_error: Literal["raise", "stop", "skip"] = "raise",
        decimals: Literal["exact", "float"] = "exact",
        progress: bool = True,
    ) -> pd.DataFrame:
        """The state of every stream, as a DataFrame.

        Parameters
        ----------
        projection : Projection class
        idx : str or list of str, optional
            Only one stream, those that match a pattern (`"debts-*"`), or those that are listed.
        at : datetime, date or str, optional
            Actual time: only what had happened by then. Default: everything, seen from now.
        as_of : datetime, date or str, optional
            Record time: only what the log knew by then.
        steps : bool
            A row an event and the state after it, as `EventStream.replay` does it.
        changes : bool
            With steps: add `x_before` and `x_after` for each field x, with values in the rows whose event moved it.
        all : bool
            Also streams without an event that the projection interprets.
        on_error : {"raise", "stop", "skip"}
            At an event that a block breaks at: raise, end this stream there, or go on without it. The last two add
            the column `error` (str): what broke; that row has the state before it.
        decimals : {"exact", "float"}
            Decimal objects, or floats.
        progress : bool
            Show a bar when it takes longer than a second.

        Returns
        -------
        DataFrame
            RangeIndex, a row a stream that has an event the projection interprets, by idx. Columns `idx` (category),
            `version` (int64), `event` (category), `occurred_at` and `created_at` (datetime64[us, UTC]) of its last
            event, then the fields of the state, with the dtypes that it promises (see `EventStream.replay`).

        Raises
        ------
        ProjectionError
            If a block breaks, with `on_error="raise"`.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Added(fl.Event, name="Example::Added"):
        ...     number: int
        >>> class Sum(BaseModel):
        ...     total: int = 0
        >>> class Total(fl.Projection[Sum]):
        ...     @fl.interpretation_for(Added)
        ...     def added(state, event):
        ...         state.total += event.number
        >>> lab = fl.Lab()
        >>> for name, number in [("a-1", 2), ("b-1", 3), ("a-1", 5)]:
        ...     event = fl.EventStream.for_(name, lab=lab).append(Added(number=number))
        >>> lab.replay(Total, "a-*")[["idx", "version", "total"]].to_dict("records")
        [{'idx': 'a-1', 'version': 2, 'total': 7}]
        """
        from funes_lab.replay import engine, states

        wish = states.check(steps=steps, changes=changes, on_error=on_error, decimals=decimals)
        asked = selection(idx=idx, at=at, as_of=as_of)
        task = engine.Task(fold_of(projection), asked.at or self.now(), steps, every_stream=all, on_error=on_error)
        with self.store.scan(asked, self.unit) as scan, states.told(scan, progress=progress) as tick:
            return states.replayed(scan, task, wish, tick)

    def sql(self: Workspace, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Ask the log, and your own tables, in SQL.

        Parameters
        ----------
        query : str
            Exactly one SELECT. The log is the table `event_entries` with the columns klass, idx, props (JSON),
            meta_info (JSON), version, created_at and occurred_at.
        params : sequence or mapping, optional
            Values for `?` or `$name`.

        Returns
        -------
        DataFrame
            RangeIndex; Decimals are Decimal objects, times datetime64[us, UTC].

        Raises
        ------
        ValueError
            For anything but one SELECT.
        duckdb.Error
            What DuckDB says of the query.

        Examples
        --------
        >>> import funes_lab as fl
        >>> int(fl.Lab().sql("SELECT count(*) AS n FROM event_entries").n[0])
        0
        """
        if not isinstance(query, str):
            raise TypeError(f"query must be a str, got {query!r}")
        from funes_lab.replay import frames

        return frames.of_arrow(self.store.query(query, params, self.unit))

    def table(self: Workspace, name: str) -> pd.DataFrame:
        """A table of read models, or one of your own.

        Parameters
        ----------
        name : str
            As in `table = "…"` of the projection.

        Returns
        -------
        DataFrame
            RangeIndex, a row a stream: `idx` (str), then the fields of the state; Decimals are Decimal objects
            with the digits of the column, times datetime64[us, UTC].

        Raises
        ------
        ValueError
            If there is no such table; it names those that there are.
        """
        from funes_lab.replay import frames

        return frames.of_arrow(self.store.table(name, self.unit))
