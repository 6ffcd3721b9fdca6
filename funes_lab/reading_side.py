"""What can be asked of the events of a stream: the side that streams and readings share."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from funes_lab.current import Workspace
from funes_lab.errors import Errors, StreamNotFound
from funes_lab.event import Event
from funes_lab.fold import Fold, project
from funes_lab.projection import Projection, fold_of
from funes_lab.rejections import Rejections
from funes_lab.seen import events_of
from funes_lab.showing import Showing
from funes_lab.storable import Moment, instant
from funes_lab.store import Row, rows_to_table

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.explore.branch import Branch
    from funes_lab.explore.explain import EventExplanation


class ReadingSide(Showing):
    """What can be asked of the events of a stream; shared by streams and readings."""

    _lab: Workspace
    _idx: str
    _stream_class: type[Any]

    @property
    def idx(self) -> str:
        """What the events of the stream have in common."""
        return self._idx

    @property
    def lab(self) -> Workspace:
        """The lab that the stream is bound to."""
        return self._lab

    @property
    def stream_class(self) -> type[Any]:
        """The class of the stream."""
        return self._stream_class

    @property
    def rejections(self) -> Rejections:
        """The refused attempts on this stream."""
        return Rejections(self._lab.store, self._idx, read_only=self._lab.read_only, asked=self)

    def rows(self) -> list[Row]:
        """The rows of the log that are seen, in replay order."""
        raise NotImplementedError

    @property
    def events(self) -> list[Event]:
        """The events in replay order: by `occurred_at`, then version.

        Those of an older shape as their upcasters give them (see `fl.upcast`): where one made several events of a row,
        they share its version and times. `version` and `len(…)` count the rows of the log.
        """
        return events_of(self.rows())

    def __len__(self) -> int:
        return len(self.rows())

    def __bool__(self) -> bool:
        return True

    def df(self, *, decimals: Literal["exact", "float"] = "exact") -> pd.DataFrame:
        """The events as a DataFrame.

        Parameters
        ----------
        decimals : {"exact", "float"}
            Decimal objects, or floats.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event in replay order; columns as in `lab.log.df()`.
        """
        from funes_lab.replay import columns, frames

        columns.check_decimals(decimals)
        return frames.of_log([rows_to_table(self.rows())], decimals=decimals)

    def projected_with(
        self, projection: type[Projection[Any]], *, at: Moment | None = None, as_of: Moment | None = None
    ) -> Any:
        """The state that the events lead to.

        Parameters
        ----------
        projection : Projection class
        at : datetime, date or str, optional
            Actual time: only what had happened by then. Default: everything, seen from now.
        as_of : datetime, date or str, optional
            Record time: only what the log knew by then.

        Returns
        -------
        State
            An instance of the projection's state; one that breaks its own rules is returned as it is, and
            `state_errors` tells which.

        Raises
        ------
        StreamNotFound
            If no event is left.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Hired(fl.Event, name="Example::Hired"):
        ...     name: str
        >>> class Staff(BaseModel):
        ...     names: list[str] = []
        >>> class CurrentStaff(fl.Projection[Staff]):
        ...     @fl.interpretation_for(Hired)
        ...     def hired(state, event):
        ...         state.names.append(event.name)
        >>> library = fl.EventStream.for_("library", lab=fl.Lab())
        >>> for name, day in [("Borges", "1955-10-18"), ("Clemente", "1968-01-01")]:
        ...     event = library.append(Hired(name=name), at=day)
        >>> library.projected_with(CurrentStaff, at="1960-01-01").names
        ['Borges']
        """
        fold, state = self._project(projection, at, as_of)
        return fold.verdict(state)[0]

    def state_errors(
        self, projection: type[Projection[Any]], *, at: Moment | None = None, as_of: Moment | None = None
    ) -> Errors:
        """What is wrong with the state that the events lead to; see `projected_with` for the arguments."""
        fold, state = self._project(projection, at, as_of)
        return Errors(fold.verdict(state)[1])

    def replay(
        self,
        projection: type[Projection[Any]],
        *,
        at: Moment | None = None,
        as_of: Moment | None = None,
        steps: bool = True,
        changes: bool = False,
        on_error: Literal["raise", "stop", "skip"] = "raise",
        decimals: Literal["exact", "float"] = "exact",
    ) -> pd.DataFrame:
        """The state after every event, as a DataFrame.

        Parameters
        ----------
        projection : Projection class
        at, as_of : datetime, date or str, optional
            As for `projected_with`.
        steps : bool
            A row an event and the state after it; if False one row, with the state that all of them lead to.
        changes : bool
            Add `x_before` and `x_after` for each field x, with values in the rows whose event moved it.
        on_error : {"raise", "stop", "skip"}
            At an event that a block breaks at: raise, end there, or go on without it. The last two add the column
            `error` (str): what broke at that event, whose row has the state before it.
        decimals : {"exact", "float"}
            Decimal objects, or floats.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event in replay order. Columns `idx`, `version`, `event`, `occurred_at` and
            `created_at` as in `df()`, then the fields of the state after that event (`state.x` where one is
            called like a column), with the dtypes that the state promises: Int64, boolean, float64, str,
            datetime64[us, UTC], timedelta64[us], else objects, Decimals too. Row k is `projected_with` over the
            events up to k, at the time of k.

        Raises
        ------
        ProjectionError
            If a block breaks, with `on_error="raise"`.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel
        >>> class Summed(fl.Event, name="Example::Summed"):
        ...     number: int
        >>> class Sum(BaseModel):
        ...     total: int = 0
        >>> class Total(fl.Projection[Sum]):
        ...     @fl.interpretation_for(Summed)
        ...     def summed(state, event):
        ...         state.total += event.number
        >>> stream = fl.EventStream.for_("s", lab=fl.Lab())
        >>> _ = stream.append_all([Summed(number=2), Summed(number=3)])
        >>> stream.replay(Total, changes=True)[["version", "total", "total_before"]].to_dict("records")
        [{'version': 1, 'total': 2, 'total_before': 0}, {'version': 2, 'total': 5, 'total_before': 2}]
        """
        from funes_lab.replay import engine, states

        wish = states.check(steps=steps, changes=changes, on_error=on_error, decimals=decimals)
        rows, reference = self._filtered_rows(at, as_of)
        task = engine.Task(fold_of(projection), reference, steps, every_stream=True, on_error=on_error)
        return states.replayed([rows_to_table(rows)], task, wish)

    def branch(self, at_version: int | None = None) -> Branch:
        """Copy the events into a what-if branch in memory.

        Parameters
        ----------
        at_version : int, optional
            Only the events up to this version; default all of them.

        Returns
        -------
        Branch
            Judged by the same rules; `append`, `insert`, `skip`, `replace` and `move` change it and nothing else.
        """
        from funes_lab.explore.branch import branch_of

        return branch_of(self, at_version)

    def explain(self, version: int, *, projections: Iterable[type[Projection[Any]]] = ()) -> EventExplanation:
        """Tell all that is known of one event: who, when, in what context, what it changed, what was refused around it.

        Parameters
        ----------
        version : int
        projections : iterable of Projection classes
            More to look at than those of the stream's class (consistency, transactional and async ones).

        Returns
        -------
        EventExplanation
            A page, as text and as HTML. Its facts are attributes: `changes`, `refused`, `causes`, `effects` and
            `correlated` are DataFrames; `backdated`, `meta_info`, `correlation_id`, `causation_id` and more.

        Raises
        ------
        ValueError
            If the stream, or the reading, has no event of that version.
        UpcastError
            If an upcaster breaks at it. Blocks that break do not raise here: the page says which.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel, Field
        >>> class Stocked(fl.Event, name="Example::Stocked"):
        ...     pieces: int
        >>> class Reserved(fl.Event, name="Example::Reserved"):
        ...     pieces: int
        >>> class Shelf(BaseModel):
        ...     free: int = Field(default=0, ge=0)
        >>> class Free(fl.Projection[Shelf]):
        ...     @fl.interpretation_for(Stocked)
        ...     def stocked(state, event):
        ...         state.free += event.pieces
        ...     @fl.interpretation_for(Reserved)
        ...     def reserved(state, event):
        ...         state.free -= event.pieces
        >>> class ShelfStream(fl.EventStream):
        ...     consistency_projection = Free
        >>> lab = fl.Lab(clock=fl.testing.Clock("2026-05-01T08:00:00Z"))
        >>> shelf = ShelfStream.for_("shelf-7")
        >>> stocked = shelf.append(Stocked(pieces=5))
        >>> for pieces in (9, 2, 4):
        ...     event = shelf.append(Reserved(pieces=pieces), caused_by=stocked)
        >>> explained = shelf.explain(2)
        >>> explained.changes.to_dict("records")
        [{'projection': 'Free', 'field': 'free', 'before': 5, 'after': 3}]
        >>> explained.refused[["around", "version_read"]].to_dict("split")["data"]
        [['before it', 1], ['after it', 2]]
        >>> explained.causes.id.tolist(), shelf.explain(1).effects.id.tolist()
        (['shelf-7#1'], ['shelf-7#2'])
        """
        from funes_lab.explore.explain import explain

        return explain(self, version, projections)

    def _project(
        self, projection: type[Projection[Any]], at: Moment | None, as_of: Moment | None
    ) -> tuple[Fold, BaseModel]:
        fold = fold_of(projection)
        events, reference = self._filtered(at, as_of)
        if not events:
            when = "".join(f", {name}={value}" for name, value in (("at", at), ("as_of", as_of)) if value is not None)
            raise StreamNotFound(
                f"{self._stream_class.__name__} {self._idx!r} has no event to project to a {fold.state.__name__}{when}"
            )
        return fold, project(fold, events, reference)

    def _filtered(self, at: Moment | None, as_of: Moment | None) -> tuple[list[Event], datetime]:
        rows, reference = self._filtered_rows(at, as_of)
        return events_of(rows), reference

    def _filtered_rows(self, at: Moment | None, as_of: Moment | None) -> tuple[list[Row], datetime]:
        by = None if at is None else instant(at, "at")
        known = None if as_of is None else instant(as_of, "as_of")
        rows = [
            row
            for row in self.rows()
            if (by is None or row.occurred_at <= by) and (known is None or row.created_at <= known)
        ]
        return rows, by or self._lab.now()

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        return self._closed() if self._lab.closed else reprs.stream_text(telling.stream_card(self))

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs, telling

        if self._lab.closed:
            return f"<p>{html.escape(self._closed())}</p>"
        return reprs.stream_html(telling.stream_card(self))

    def _closed(self) -> str:
        return f"<{self._stream_class.__name__} {self._idx!r}: the lab on {self._lab.path} is closed>"
