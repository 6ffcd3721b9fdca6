"""What a lab can be asked about states: of every stream, over both times, by two projections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from funes_lab.current import Workspace
from funes_lab.errors import StreamNotFound
from funes_lab.projection import Projection, fold_of
from funes_lab.selection import selection
from funes_lab.storable import Moment
from funes_lab.store.checks import check_idx

if TYPE_CHECKING:
    import pandas as pd


class Replaying:
    """The side of a lab that folds its log."""

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
            Only one stream, those that match a pattern (`"debts-*"`; `*`, `?` and `[…]` as in `fnmatch`), or those that
            are listed, whose names are taken as they are.
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

    def bitemporal(
        self: Workspace,
        projection: type[Projection[Any]],
        idx: str,
        field: str,
        *,
        at: Moment | Iterable[Moment] | None = None,
        as_of: Moment | Iterable[Moment] | None = None,
        decimals: Literal["exact", "float"] = "exact",
    ) -> pd.DataFrame:
        """One field of a stream over both times: what had happened by when, as far as was known when.

        Parameters
        ----------
        projection : Projection class
        idx : str
            The stream.
        field : str
            A field of the state.
        at, as_of : time, or list of times, optional
            The actual times across and the record times down, in this order. Default: those at which something
            happened, and those at which something was recorded.
        decimals : {"exact", "float"}
            Decimal objects, or floats.

        Returns
        -------
        DataFrame
            A row a record time (index `as_of`), a column an actual time (columns `at`), both datetime64[us, UTC].
            Each cell is the field of `projected_with(projection, at=…, as_of=…)`, in the dtype that the field
            promises; nothing where no event is known by then.

        Raises
        ------
        StreamNotFound
            If the stream has no event.
        ValueError
            If the state has no such field.

        Examples
        --------
        >>> from datetime import timedelta
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Weighed(fl.Event, name="Example::Weighed"):
        ...     kilos: int
        >>> class Weight(BaseModel):
        ...     kilos: int = 0
        >>> class Latest(fl.Projection[Weight]):
        ...     @fl.interpretation_for(Weighed)
        ...     def weighed(state, event):
        ...         state.kilos = event.kilos
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-03-01T00:00:00Z", tick=timedelta(days=1)))
        >>> cat = fl.EventStream.for_("cat", lab=lab)
        >>> for kilos, day in [(4, "2026-02-01"), (5, "2026-02-20"), (6, "2026-02-10")]:
        ...     event = cat.append(Weighed(kilos=kilos), at=day)
        >>> lab.bitemporal(Latest, "cat", "kilos").to_numpy().tolist()
        [[4, 4, 4], [4, 4, 5], [4, 6, 5]]
        """
        from funes_lab.replay import bitemporal, columns

        columns.check_decimals(decimals)
        fold = fold_of(projection)
        rows = self.store.stream(check_idx(idx), self.unit)
        if not rows:
            raise StreamNotFound(f"idx must be a stream that has events, got {idx!r}; see lab.log.streams()")
        return bitemporal.grid(fold, rows, field, at=at, as_of=as_of, decimals=decimals)

    def diff(
        self: Workspace,
        left: type[Projection[Any]],
        right: type[Projection[Any]],
        idx: str | Iterable[str] | None = None,
        *,
        at: Moment | None = None,
        as_of: Moment | None = None,
        decimals: Literal["exact", "float"] = "exact",
        progress: bool = True,
    ) -> pd.DataFrame:
        """Where two projections over one log differ.

        Parameters
        ----------
        left, right : Projection class
            Their states have fields in common: those are compared.
        idx, at, as_of, decimals, progress
            As for `replay`.

        Returns
        -------
        DataFrame
            RangeIndex, a row a stream and field that differ, by idx. Columns `idx` (category), `field` (category),
            `left` and `right` (object): the values. A stream that only one of them interprets has nothing on the
            other side.

        Raises
        ------
        ValueError
            If the states have no field in common.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Priced(fl.Event, name="Example::Priced"):
        ...     price: int
        >>> class Takings(BaseModel):
        ...     total: int = 0
        >>> class Gross(fl.Projection[Takings]):
        ...     @fl.interpretation_for(Priced)
        ...     def priced(state, event):
        ...         state.total += event.price
        >>> class Capped(fl.Projection[Takings]):
        ...     @fl.interpretation_for(Priced)
        ...     def priced(state, event):
        ...         state.total = min(10, state.total + event.price)
        >>> lab = fl.Lab()
        >>> for name, price in [("monday", 4), ("tuesday", 7), ("tuesday", 8)]:
        ...     event = fl.EventStream.for_(name, lab=lab).append(Priced(price=price))
        >>> lab.diff(Gross, Capped).to_dict("records")
        [{'idx': 'tuesday', 'field': 'total', 'left': 15, 'right': 10}]
        """
        from funes_lab.replay import columns, diff, engine, states

        columns.check_decimals(decimals)
        asked = selection(idx=idx, at=at, as_of=as_of)
        at = asked.at or self.now()
        ours, theirs = engine.Task(fold_of(left, "left"), at), engine.Task(fold_of(right, "right"), at)
        with self.store.scan(asked, self.unit) as scan, states.told(scan, progress=progress) as tick:
            return diff.differences(scan, ours, theirs, decimals=decimals, tick=tick)
