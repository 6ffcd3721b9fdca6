"""Branch: a what-if copy of a stream, in memory; and how its line runs beside the one that was recorded."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from funes_lab import formats
from funes_lab.codec import encode, encode_context
from funes_lab.event import Event
from funes_lab.explore.audit import Audit, audited
from funes_lab.projection import Projection, fold_of
from funes_lab.reading_side import ReadingSide
from funes_lab.replay.columns import column, kinds_of, times
from funes_lab.replay.engine import Task, run
from funes_lab.replay.states import before_any, moved
from funes_lab.scratch import Scratch, judging_only
from funes_lab.seen import read_event
from funes_lab.storable import Moment, instant
from funes_lab.store import Row, rows_to_table
from funes_lab.store.checks import check_version
from funes_lab.stream import EventStream
from funes_lab.verdict import Verdict


class Branch(ReadingSide):
    """A what-if copy of a stream: the same rules, the same words, and nothing of it reaches a log.

    Get one with `stream.branch(at_version=…)`, also of a reading and of a branch. It is asked like a stream: `events`,
    `replay(P)`, `projected_with(P)`, `df()`, `rejections`. Versions stay those of the stream, so that events can be
    told from each other; what is appended or inserted gets the next one.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel, Field
    >>> class Filled(fl.Event, name="Example::Filled"):
    ...     litres: int
    >>> class Tank(BaseModel):
    ...     litres: int = Field(default=0, le=50)
    >>> class Level(fl.Projection[Tank]):
    ...     @fl.interpretation_for(Filled)
    ...     def filled(state, event):
    ...         state.litres += event.litres
    >>> class TankStream(fl.EventStream):
    ...     consistency_projection = Level
    >>> tank = TankStream.for_("tank", lab=fl.Lab())
    >>> _ = tank.append_all([Filled(litres=30), Filled(litres=20)])
    >>> tank.append(Filled(litres=5)).persisted
    False
    >>> branch = tank.branch().skip(1)
    >>> branch.append(Filled(litres=5)).persisted
    True
    >>> branch.compare(Level).difference
    {'litres': (50, 25)}
    """

    def __init__(self, origin: ReadingSide, rows: Sequence[Row]) -> None:
        self._origin, self._idx = origin, origin.idx
        self._stream_class = judging_only(origin.stream_class)
        #: The line that was recorded, as it stood when the branch was made.
        self._recorded = list(rows)
        self._begins = origin.lab.now()
        self._scratch: Scratch | None = None
        self._stand_on(rows)

    # --- what if -----------------------------------------------------------------------------------------------

    def append(self, event: Event, *, at: Moment | None = None) -> Event:
        """Append an event; see `EventStream.append`. What a rule refuses comes back with its errors."""
        return self._stream.append(event, at=at)

    def insert(self, event: Event, *, at: Moment) -> Event:
        """Append an event as if it had happened at another time; judged at its true place.

        Parameters
        ----------
        event : Event
        at : datetime, date or str

        Returns
        -------
        Event
            As it stands in the branch; if it was refused, its errors say why, and the branch is as it was.
        """
        return self._stream.append(self._dated(event, instant(at, "at")), at=at)

    def skip(self, version: int) -> Branch:
        """Leave an event out.

        Parameters
        ----------
        version : int

        Returns
        -------
        Branch
            The same. Whether the events that are left still hold: `problems()`.
        """
        there = self._row(version)
        self._stand_on([row for row in self.rows() if row.version != there.version])
        return self

    def replace(self, version: int, event: Event) -> Event:
        """Have another event in the place of one, at its time.

        Parameters
        ----------
        version : int
        event : Event

        Returns
        -------
        Event
            As it stands in the branch; if it was refused, its errors say why, and the branch is as it was.
        """
        row = self._row(version)
        return self._put(row, self._dated(event, row.occurred_at), row.occurred_at)

    def move(self, version: int, *, at: Moment) -> Event:
        """Have an event happen at another time.

        Parameters
        ----------
        version : int
        at : datetime, date or str

        Returns
        -------
        Event
            As it stands there; if it was refused, its errors say why, and the branch is as it was.
        """
        row, moment = self._row(version), instant(at, "at")
        return self._put(row, self._dated(read_event(row).model_copy(), moment), moment)

    def check(self, event: Event, *, at: Moment | None = None) -> Verdict:
        """Run an event through the gates and write nowhere; see `EventStream.check`."""
        return self._stream.check(event, at=at)

    # --- what came of it ---------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The highest version in the branch."""
        return self._stream.version

    def rows(self) -> list[Row]:
        """The events of the branch as rows, in replay order."""
        return self._stream.rows()

    def problems(self) -> Audit:
        """Which events of the branch its consistency projection would not have let in.

        Returns
        -------
        Audit
            As `lab.audit(P, then="keep")`; without a consistency projection there is none.

        Raises
        ------
        TypeError
            If the stream has no consistency projection.
        """
        projection = self.stream_class.consistency_projection
        if projection is None:
            raise TypeError(f"{self.stream_class.__name__} has no consistency_projection, so nothing judges a branch")
        return audited([rows_to_table(self.rows())], fold_of(projection), then="keep")

    def compare(self, projection: type[Projection[Any]]) -> Comparison:
        """Lay the line that was recorded and that of the branch side by side.

        Parameters
        ----------
        projection : Projection class

        Returns
        -------
        Comparison
            A DataFrame, a row a step of either line in the order of what happened: `version` (int64), `event`
            (category), `occurred_at` (datetime64[us, UTC]), `line` (category: both, recorded, branch), then for each
            field of the state `x_recorded` and `x_branch`, the state of each line by then, and `differs` (bool).
            `.parted_at` is the version of the first step where the states differ (None if they never do), `.difference`
            the fields that differ at the end, each as (recorded, branch).
        """
        return compared(projection, self._recorded, self.rows(), self._begins)

    # --- below -------------------------------------------------------------------------------------------------

    def _stand_on(self, rows: Sequence[Row]) -> None:
        former = self._scratch
        self._scratch = Scratch(self._origin.lab, rows, self._begins if former is None else former.now())
        self._lab = self._scratch
        self._stream: EventStream = self._stream_class.for_(self._idx, lab=self._lab)
        if former is not None:
            for entry in former.store.journalled():
                self._scratch.store.journal(entry)
            former.close()

    def __repr__(self) -> str:
        return f"A branch of {self._idx}, in memory\n{super().__repr__()}"

    def _repr_html_(self) -> str:
        return f"<p>A branch of {html.escape(self._idx)}, in memory</p>{super()._repr_html_()}"

    def _row(self, version: int) -> Row:
        check_version(version, "version", least=1)
        for row in self.rows():
            if row.version == version:
                return row
        known = ", ".join(str(row.version) for row in sorted(self.rows(), key=lambda row: row.version)[:20])
        raise ValueError(f"version must be that of an event of the branch, got {version!r}; it has {known or 'none'}")

    def _put(self, row: Row, event: Event, at: datetime) -> Event:
        """Have an event in the place of a row, if the rules let it in among the others."""
        others = [other for other in self.rows() if other.version != row.version]
        with Scratch(self._origin.lab, others, self._begins) as aside:
            found = self._stream_class.for_(self._idx, lab=aside).check(event, at=at)
        if found:
            context = encode_context(self._lab.metainformation_now(), event.event_name)
            made = Row(event.event_name, self._idx, encode(event), context, row.version, row.created_at, at)
            self._stand_on([*others, made])
            return read_event(made)
        return event

    def _dated(self, event: Event, at: datetime) -> Event:
        """An event that says itself when it happened says this time."""
        attribute = self._stream_class.actual_time_attribute
        if attribute is None or attribute not in type(event).model_fields or getattr(event, attribute) == at:
            return event
        return event.model_copy(update={attribute: at})


def branch_of(side: ReadingSide, at_version: int | None) -> Branch:
    """A branch of a stream, a reading or another branch."""
    rows = side.rows()
    if at_version is not None:
        check_version(at_version, "at_version", least=0)
        newest = max((row.version for row in rows), default=0)
        if at_version > newest:
            raise ValueError(f"at_version must be 0 to {newest}, the version of the stream; got {at_version}")
    return Branch(side, [row for row in rows if at_version is None or row.version <= at_version])


# --- side by side -----------------------------------------------------------------------------------------------------


class Comparison(pd.DataFrame):
    """Two lines of one stream side by side: a DataFrame, and where they part.

    Attributes
    ----------
    parted_at : int or None
        The version of the first step where the states differ.
    difference : dict of str to tuple
        At the end, by field: (recorded, branch).
    """

    _metadata = ("parted_at", "difference")

    parted_at: int | None
    difference: dict[str, tuple[Any, Any]]

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame


class _Place(NamedTuple):
    """Where a step stands, and what it says: a moved event stands at two places, and a replaced one says two things."""

    occurred_at: datetime
    version: int
    event: str
    props: str


def compared(
    projection: type[Projection[Any]], recorded: Sequence[Row], branched: Sequence[Row], at: datetime
) -> Comparison:
    """Replay both lines and lay their steps on one axis."""
    fold = fold_of(projection)
    lines = [_line(projection, rows, at) for rows in (recorded, branched)]
    places = sorted({place for line in lines for place in line})
    start = before_any(fold, places[0].occurred_at if places else at)
    told = [_filled(line, places, start) for line in lines]
    names = list(fold.state.model_fields)
    differs = [any(moved(a.get(name), b.get(name)) for name in names) for a, b in zip(*told, strict=True)]
    columns: dict[str, Any] = {
        "version": pd.Series([place.version for place in places], dtype="int64"),
        "event": pd.Categorical([place.event for place in places]),
        "occurred_at": times([place.occurred_at for place in places]),
        "line": pd.Categorical([_whose(place, *lines) for place in places], categories=["both", "recorded", "branch"]),
    }
    kinds = kinds_of(fold.state, fold.secret)
    for name in names:
        for suffix, line in (("recorded", told[0]), ("branch", told[1])):
            columns[f"{name}_{suffix}"] = column([state.get(name) for state in line], kinds[name])
    comparison = Comparison({**columns, "differs": pd.Series(differs, dtype="bool")})
    comparison.parted_at = next((p.version for p, other in zip(places, differs, strict=True) if other), None)
    end = zip(*(line[-1:] for line in told), strict=True)
    comparison.difference = {
        name: (ours.get(name), theirs.get(name))
        for ours, theirs in end
        for name in names
        if moved(ours.get(name), theirs.get(name))
    }
    return comparison


def _line(projection: type[Projection[Any]], rows: Sequence[Row], at: datetime) -> dict[_Place, Mapping[str, Any]]:
    """The state after each step of one line."""
    fold = fold_of(projection)
    after = run(rows_to_table(rows), Task(fold, at, steps=True, every_stream=True)).values
    found = [formats.mask(state, fold.secret) for state in after]
    places = [_Place(row.occurred_at, row.version, row.klass, row.props) for row in rows]
    return dict(zip(places, found, strict=True))


def _filled(
    line: Mapping[_Place, Mapping[str, Any]], places: Sequence[_Place], start: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The state of a line at every place of both."""
    filled, state = [], start
    for place in places:
        state = line.get(place, state)
        filled.append(state)
    return filled


def _whose(place: _Place, ours: Mapping[_Place, Any], theirs: Mapping[_Place, Any]) -> str:
    if place in ours and place in theirs:
        return "both"
    return "recorded" if place in ours else "branch"
