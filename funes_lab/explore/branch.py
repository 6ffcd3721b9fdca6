"""Branch: a what-if copy of a stream, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from funes_lab.codec import encode, encode_context
from funes_lab.errors import FunesLabError
from funes_lab.event import Event
from funes_lab.explore import edits
from funes_lab.explore.audit import Audit, audited
from funes_lab.explore.comparison import Branched, Comparison, compared
from funes_lab.projection import Projection, fold_of
from funes_lab.reading_side import ReadingSide
from funes_lab.scratch import Scratch, judging_only
from funes_lab.seen import read_event
from funes_lab.storable import Moment, instant
from funes_lab.store import Row, rows_to_table
from funes_lab.store.checks import check_version
from funes_lab.stream import EventStream
from funes_lab.verdict import Verdict

_TICK: Final = timedelta(microseconds=1)


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

    def __init__(self, origin: ReadingSide, rows: Sequence[Row], at_version: int | None = None) -> None:
        self._origin, self._idx = origin, origin.idx
        self._stream_class = judging_only(origin.stream_class)
        #: The line that was recorded, as it stood when the branch was made.
        self._recorded = list(rows)
        kept = [row for row in rows if at_version is None or row.version <= at_version]
        self._changes = [edits.ends(at_version)] if at_version is not None and len(kept) < len(rows) else []
        self._begins = origin.lab.now()
        self._scratch: Scratch | None = None
        self._stand_on(kept)

    # --- what if -----------------------------------------------------------------------------------------------

    def append(self, event: Event, *, at: Moment | None = None, caused_by: Event | None = None) -> Event:
        """Append an event; see `EventStream.append`. What a rule refuses comes back with its errors."""
        return self._said(self._stream.append(event, at=at, caused_by=caused_by), edits.appended)

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
        moment = instant(at, "at")
        appended = self._stream.append(self._dated(event, moment), at=at)
        return self._said(appended, lambda there: edits.inserted(there, moment))

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
        self._changes.append(edits.left_out(read_event(there)))
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
        found = self._put(row, self._dated(event, row.occurred_at), row.occurred_at)
        return self._said(found, lambda there: edits.replaced(read_event(row), there))

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
        found = self._put(row, self._dated(read_event(row).model_copy(), moment), moment)
        return self._said(found, lambda there: edits.moved(read_event(row), moment))

    def check(self, event: Event, *, at: Moment | None = None) -> Verdict:
        """Run an event through the gates and write nowhere; see `EventStream.check`."""
        return self._stream.check(event, at=at)

    # --- what came of it ---------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The highest version in the branch."""
        return self._stream.version

    @property
    def changes(self) -> tuple[str, ...]:
        """What was changed, in words, in the order in which it was done."""
        return tuple(self._changes)

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
        """Lay the line that was recorded, all of it as it stood, and that of the branch side by side.

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
            the fields that differ at the end, each as (recorded, branch). A notebook shows it as two lines that fork;
            `.picture(field)` gives that picture.
        """
        rows = self.rows()
        told = Branched(self._idx, self._recorded, rows, self._begins, self.changes, self._problems(rows))
        return compared(projection, told)

    # --- below -------------------------------------------------------------------------------------------------

    def _stand_on(self, rows: Sequence[Row]) -> None:
        former = self._scratch
        # later than all that was recorded, also where a clock stands still: so what is new can be told from it
        begins = max([self._begins, *(row.created_at + _TICK for row in self._recorded)])
        self._scratch = Scratch(self._origin.lab, rows, begins if former is None else former.now())
        self._lab = self._scratch
        self._stream: EventStream = self._stream_class.for_(self._idx, lab=self._lab)
        if former is not None:
            for entry in former.store.journalled():
                self._scratch.store.journal(entry)
            former.close()

    def _problems(self, rows: Sequence[Row]) -> dict[int, tuple[str, str]]:
        """By version, the stage and the words of what the rules would not have let in."""
        projection = self.stream_class.consistency_projection
        if projection is None:
            return {}
        try:
            found = audited([rows_to_table(rows)], fold_of(projection), then="keep")
        except FunesLabError:
            return {}  # a block that breaks says so where the branch is asked for its problems
        return dict(zip(found["version"], zip(found["stage"], found["errors"], strict=True), strict=True))

    def _said(self, event: Event, words: Callable[[Event], str]) -> Event:
        """Note a change, if the rules have let it in."""
        if event.persisted:
            self._changes.append(words(event))
        return event

    def __repr__(self) -> str:
        from funes_lab.widgets.branch import reprs

        return f"{reprs.branch_text(self._idx, self.changes)}\n{super().__repr__()}"

    def _repr_html_(self) -> str:
        from funes_lab.widgets.branch import reprs

        return f"{reprs.branch_html(self._idx, self.changes)}{super()._repr_html_()}"

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
    return Branch(side, rows, at_version)
