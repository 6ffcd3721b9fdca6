"""EventStream and Reading: the events that share an idx, and what a writer saw of them.

A stream is the only door for writing. `stream.append(event)` judges on the latest, `stream.read()` gives a
`Reading`, which stays at the version it saw: what it appends becomes the next one, or is refused because another
writer was faster.

How an append goes, from the top: take the lock; judge on what is remembered of the stream; write the event as
N+1. If what was remembered turns out to be old, read the stream and judge once more. Nothing else retries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel

from funes_lab.current import Workspace, current
from funes_lab.errors import (
    ConflictError,
    DefinitionError,
    Errors,
    EventRejected,
    ProjectionError,
    StreamNotFound,
)
from funes_lab.event import Event, status
from funes_lab.fold import Fold, project, without_gc
from funes_lab.gates import Candidate, Gates, Rules, Verdict, check_event
from funes_lab.projection import Projection, fold_of
from funes_lab.rejection import Rejection, Rejections
from funes_lab.seen import Seen, read_event
from funes_lab.storable import instant
from funes_lab.store import Row, VersionTaken
from funes_lab.store.checks import check_idx, check_version

if TYPE_CHECKING:
    import pandas as pd

#: A point in time as people write it: a datetime, a date (00:00 UTC), or ISO 8601 text.
Moment = datetime | date | str


class _Stale(Exception):  # noqa: N818  (a message from judging to its caller, never seen outside)
    """What was remembered of the stream is old."""


class _ReadingSide:
    """What can be asked of the events of a stream; shared by streams and readings."""

    _lab: Workspace
    _idx: str
    _stream_class: type[EventStream]

    @property
    def idx(self) -> str:
        """What the events of the stream have in common."""
        return self._idx

    @property
    def lab(self) -> Workspace:
        """The lab that the stream is bound to."""
        return self._lab

    def _rows(self) -> list[Row]:
        raise NotImplementedError

    @property
    def events(self) -> list[Event]:
        """The events in replay order: by `occurred_at`, then version."""
        return [read_event(row) for row in self._rows()]

    def __len__(self) -> int:
        return len(self._rows())

    def __bool__(self) -> bool:
        return True

    def df(self) -> pd.DataFrame:
        """The events as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event in replay order. Columns `idx` (category), `version` (int64), `event`
            (category), `occurred_at` and `created_at` (datetime64[us, UTC]), then the attributes by their names
            (`payload.x` where one is called like a column); Decimals are Decimal objects. Secret attributes are
            masked.
        """
        from funes_lab.replay import frames

        return frames.of_events(self.events)

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
        self, projection: type[Projection[Any]], *, at: Moment | None = None, as_of: Moment | None = None
    ) -> pd.DataFrame:
        """The state after every event, as a DataFrame.

        Parameters
        ----------
        projection : Projection class
        at, as_of : datetime, date or str, optional
            As for `projected_with`.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event in replay order. Columns `idx`, `version`, `event`, `occurred_at` and
            `created_at` as in `df()`, then the fields of the state after that event (`state.x` where one is
            called like a column). Row k is `projected_with` over the events up to k, at the time of k.
        """
        from funes_lab.replay import frames

        fold = fold_of(projection)
        return frames.of_steps(fold, self._filtered(at, as_of)[0])

    def _project(
        self, projection: type[Projection[Any]], at: Moment | None, as_of: Moment | None
    ) -> tuple[Fold, BaseModel]:
        fold = fold_of(projection)
        events, reference = self._filtered(at, as_of)
        if not events:
            when = "".join(
                f", {name}={value}" for name, value in (("at", at), ("as_of", as_of)) if value is not None
            )
            raise StreamNotFound(
                f"{self._stream_class.__name__} {self._idx!r} has no event to project to a "
                f"{fold.state.__name__}{when}"
            )
        return fold, project(fold, events, reference)

    def _filtered(self, at: Moment | None, as_of: Moment | None) -> tuple[list[Event], datetime]:
        by = None if at is None else instant(at, "at")
        known = None if as_of is None else instant(as_of, "as_of")
        rows = [
            row
            for row in self._rows()
            if (by is None or row.occurred_at <= by) and (known is None or row.created_at <= known)
        ]
        return [read_event(row) for row in rows], by or self._lab.now()

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.stream_text(telling.stream_card(self))

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.stream_html(telling.stream_card(self))


class EventStream(_ReadingSide):
    """The events that share an `idx`, and the only door for writing them.

    Make a subclass to say how its events are judged, and get a stream with `for_`; it needs no set-up, it exists
    with its first event. Subclasses inherit the configuration.

    Attributes
    ----------
    consistency_projection : Projection class, optional
        Replays each event on the stream before it is written and refuses what leads to an invalid state.
    consistency_order : {"true_place", "on_top"}
        Where a backdated event is judged: at its place in time (default), or last, as the Ruby gem does.
    actual_time_attribute : str, optional
        The attribute of the events that says when they happened; without it, they happened when they were
        recorded, or at `at=`.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from decimal import Decimal
    >>> from pydantic import BaseModel, Field
    >>> class Drawn(fl.Event, name="Example::Drawn"):
    ...     amount: Decimal
    >>> class Account(BaseModel):
    ...     balance: Decimal = Field(default=Decimal(100), ge=0)
    >>> class Balance(fl.Projection[Account]):
    ...     @fl.interpretation_for(Drawn)
    ...     def drawn(state, event):
    ...         state.balance -= event.amount
    >>> class AccountStream(fl.EventStream):
    ...     consistency_projection = Balance
    >>> account = AccountStream.for_("account-1", lab=fl.Lab())
    >>> account.append(Drawn(amount=30)).version
    1
    >>> refused = account.append(Drawn(amount=71))
    >>> refused.persisted, refused.state_errors.full_messages
    (False, ['Balance must be greater than or equal to 0'])
    """

    consistency_projection: ClassVar[type[Projection[Any]] | None] = None
    consistency_order: ClassVar[str] = "true_place"
    actual_time_attribute: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_configuration(cls)

    def __init__(self, idx: str, lab: Workspace | None = None) -> None:
        self._idx = check_idx(idx)
        self._lab = current() if lab is None else lab
        self._stream_class = type(self)

    @classmethod
    def for_(cls, idx: str, lab: Workspace | None = None) -> Self:
        """The stream of an idx, bound to a lab.

        Parameters
        ----------
        idx : str
            1 to 1024 characters.
        lab : Lab, optional
            Default: the current lab.

        Returns
        -------
        EventStream
        """
        return cls(idx, lab)

    # --- writing ---------------------------------------------------------------------------------------------

    def append(self, event: Event, *, at: Moment | None = None, expected_version: int | None = None) -> Event:
        """Append an event, judged on the latest state of the stream.

        Parameters
        ----------
        event : Event
            One that is not in a log yet.
        at : datetime, date or str, optional
            When it happened; default: its `actual_time_attribute`, else now.
        expected_version : int, optional
            Refuse the event, as a conflict, unless the stream is at this version (0: empty).

        Returns
        -------
        Event
            The same object. Refused: `persisted` is False, `errors` and `rejection` say why, and the journal
            has a row. Else it has its `version` and times.

        Raises
        ------
        ProjectionError
            If a block of the consistency projection breaks. Like every exception here: nothing was stored.
        AlreadyPersistedError
            If the event object is in a log already.
        MissingActualTimeAttributeError, ConflictingActualTimeError
            If the time is missing, or said twice and differently.
        """
        expected = (
            None if expected_version is None else check_version(expected_version, "expected_version", least=0)
        )
        check_event(event)

        def work(gates: Gates, last_try: bool) -> None:
            _append(gates, gates.admit(event, at), last_try, expected)

        self._on_latest(work)
        return event

    def append_or_raise(
        self, event: Event, *, at: Moment | None = None, expected_version: int | None = None
    ) -> Event:
        """Append an event, or raise `EventRejected` (`ConflictError` for a lost race) with the event."""
        return _or_raise(self.append(event, at=at, expected_version=expected_version))

    def append_all(self, events: Iterable[Event]) -> list[Event]:
        """Append events as one unit of work: each judged on top of the former, all written or none.

        Parameters
        ----------
        events : iterable of Event

        Returns
        -------
        list of Event
            The same objects: all persisted; or none, and the first that was refused says why.
        """
        batch = _checked_batch(events)
        if batch:
            self._on_latest(lambda gates, last_try: _append_batch(gates, batch, last_try))
        return batch

    def check(self, event: Event, *, at: Moment | None = None) -> Verdict:
        """Run an event through the gates and write nowhere: neither the log nor the journal.

        Parameters
        ----------
        event : Event
        at : datetime, date or str, optional
            As for `append`.

        Returns
        -------
        Verdict
            True when it would be accepted; with the state before and after.
        """
        check_event(event)
        return self.read().check(event, at=at)

    def read(self) -> Reading:
        """See the stream as it is now.

        Returns
        -------
        Reading
            It stays at this version; what it appends becomes the next one or is refused.
        """
        seen = Seen.at(self._idx, self._lab.store.head(self._idx, self._lab.unit))
        transaction = self._lab.transaction_now
        if transaction is not None:
            transaction.moved(seen)
        return Reading(self, seen)

    # --- reading ---------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The version of the last event, 0 for an empty stream."""
        return self._lab.store.head(self._idx, self._lab.unit).version

    @property
    def rejections(self) -> Rejections:
        """The refused attempts on this stream."""
        return Rejections(self._lab.store, self._idx)

    def _rows(self) -> list[Row]:
        return self._lab.store.stream(self._idx, self._lab.unit)

    # --- how -------------------------------------------------------------------------------------------------

    def _on_latest(self, work: Callable[[Gates, bool], None]) -> None:
        """Judge on what is remembered; if that is old, once more on what is there."""
        with self._lab.store.writing:
            transaction = self._lab.transaction_now
            memory = self._lab.memory if transaction is None else transaction.memory
            seen = memory.take(self._idx)
            known = seen is not None and transaction is None
            gates = self._gates(seen)
            try:
                work(gates, not known)
            except _Stale:
                gates = self._gates(None)
                work(gates, True)
            if not gates.seen.pending:
                memory.put(gates.seen)

    def _gates(self, seen: Seen | None) -> Gates:
        if seen is None:
            seen = Seen.at(self._idx, self._lab.store.head(self._idx, self._lab.unit))
        return Gates(self._lab, self._idx, _rules(self._stream_class), seen)


class Reading(_ReadingSide):
    """What a writer saw: a stream at version N.

    It is asked like a stream, and it can write: `reading.append(event)` becomes N+1, or is refused because
    another writer took N+1 first. It moves on with its own accepted appends only. Get one with `stream.read()`.

    Examples
    --------
    >>> import funes_lab as fl
    >>> class Said(fl.Event, name="Example::Said"):
    ...     text: str
    >>> stream = fl.EventStream.for_("talk", lab=fl.Lab())
    >>> a, b = stream.read(), stream.read()
    >>> a.append(Said(text="first")).version
    1
    >>> late = b.append(Said(text="also first"))
    >>> late.persisted, late.rejection.stage, late.rejection.winner.event
    (False, 'conflict', 'Example::Said')
    """

    def __init__(self, stream: EventStream, seen: Seen) -> None:
        self._stream, self._seen = stream, seen
        self._idx, self._lab, self._stream_class = stream._idx, stream._lab, stream._stream_class
        self._loaded: tuple[int, list[Row]] = (0, [])

    @property
    def version(self) -> int:
        """The version it is at."""
        return self._seen.version

    @property
    def rejections(self) -> Rejections:
        """The refused attempts on this stream."""
        return Rejections(self._lab.store, self._idx)

    def append(self, event: Event, *, at: Moment | None = None) -> Event:
        """Append an event as the next version after the one that was seen; see `EventStream.append`."""
        check_event(event)
        self._on_seen(lambda gates: _append(gates, gates.admit(event, at), True, None))
        return event

    def append_or_raise(self, event: Event, *, at: Moment | None = None) -> Event:
        """Append an event, or raise `EventRejected` (`ConflictError` for a lost race) with the event."""
        return _or_raise(self.append(event, at=at))

    def append_all(self, events: Iterable[Event]) -> list[Event]:
        """Append events as one unit of work; see `EventStream.append_all`."""
        batch = _checked_batch(events)
        if batch:
            self._on_seen(lambda gates: _append_batch(gates, batch, True))
        return batch

    def check(self, event: Event, *, at: Moment | None = None) -> Verdict:
        """Run an event through the gates and write nowhere; see `EventStream.check`."""
        check_event(event)
        with self._lab.store.writing:
            gates = self._gates()
            candidate = gates.admit(event, at)
            found = gates.judge(candidate, show=True)
            verdict = Verdict(event, gates.seen.version + 1)
            if isinstance(found, Rejection):
                gates.refuse(found, event, journal=False)
                verdict.rejection = found
            judged = gates.judged
            if judged is not None:
                verdict.state_before, verdict.state_after = judged.before, judged.after
            return verdict

    def _on_seen(self, work: Callable[[Gates], None]) -> None:
        with self._lab.store.writing:
            transaction = self._lab.transaction_now
            if transaction is not None:
                transaction.moved(self._seen)
            try:
                work(self._gates())
            except BaseException:
                self._seen.states.clear()
                raise
            self._lab.memory.forget(self._idx)
            if transaction is not None:
                transaction.memory.forget(self._idx)

    def _gates(self) -> Gates:
        return Gates(self._lab, self._idx, _rules(self._stream_class), self._seen)

    def _rows(self) -> list[Row]:
        version, rows = self._loaded
        if version != self._seen.version:
            rows = [row for row in self._stream._rows() if row.version <= self._seen.version]
            self._loaded = (self._seen.version, rows)
        return list(rows)


# --- the work of an append ------------------------------------------------------------------------------------


def _append(gates: Gates, candidate: Candidate, last_try: bool, expected: int | None) -> None:
    """Judge one event and write it; raises _Stale if what was seen is old and this is not the last try."""
    if expected is not None and expected != gates.seen.version:
        if not last_try:
            raise _Stale
        gates.refuse(gates.deny(candidate, expected + 1, expected), candidate.event)
        return
    if gates.is_behind():
        gates.refuse(gates.deny(candidate, gates.seen.version + 1), candidate.event)
        return
    found = _judged(gates, candidate, last_try)
    if isinstance(found, Rejection):
        gates.refuse(found, candidate.event)
        return
    row = gates.let_in(candidate, *found)
    _write(gates, [row], [candidate], last_try)


def _append_batch(gates: Gates, events: Sequence[Event], last_try: bool) -> None:
    """Judge each event on top of the former and write them together."""
    candidates = gates.admit_all(events)
    if gates.is_behind():
        gates.refuse(gates.deny(candidates[0], gates.seen.version + 1), candidates[0].event)
        return
    rows = []
    with without_gc():
        for candidate in candidates:
            found = _judged(gates, candidate, last_try)
            if isinstance(found, Rejection):
                gates.refuse(found, candidate.event)
                gates.step_back()
                return
            rows.append(gates.let_in(candidate, *found))
    _write(gates, rows, candidates, last_try)


def _judged(gates: Gates, candidate: Candidate, last_try: bool) -> Any:
    """What the gates say; before refusing from memory, see whether the memory is old."""
    try:
        found = gates.judge(candidate)
    except ProjectionError:
        if not last_try and gates.is_old():
            raise _Stale from None
        gates.step_back()
        raise
    if isinstance(found, Rejection) and found.stage != "own" and not last_try and gates.is_old():
        raise _Stale
    return found


def _write(gates: Gates, rows: Sequence[Row], candidates: Sequence[Candidate], last_try: bool) -> None:
    try:
        gates.write(rows, [candidate.event for candidate in candidates])
    except VersionTaken as taken:
        if not last_try:
            raise _Stale from None
        gates.step_back()
        gates.refuse(gates.deny(candidates[0], rows[0].version), candidates[0].event)
        if gates.in_transaction:
            # DuckDB has given the whole transaction up, so the block around it cannot go on
            raise ConflictError(candidates[0].event) from taken
    except BaseException:
        gates.step_back()
        raise


def _or_raise(event: Event) -> Event:
    if event.persisted:
        return event
    raise (ConflictError if status(event).conflict else EventRejected)(event)


def _checked_batch(events: Iterable[Event]) -> list[Event]:
    if isinstance(events, Event):
        raise TypeError("events must be a list of events, got one; use append(event) for one")
    batch = [check_event(event) for event in events]
    if len({id(event) for event in batch}) < len(batch):
        raise ValueError(
            "events holds the same event object twice; a fact happens once: build each event anew"
        )
    return batch


# --- the configuration of a stream class -----------------------------------------------------------------------


def _rules(cls: type[EventStream]) -> Rules:
    """The configuration of a stream class, with the projections as they are defined now."""
    projection = latest(cls.consistency_projection)
    return Rules(
        stream_class=cls.__name__,
        consistency=None if projection is None else projection._fold,
        order="on_top" if cls.consistency_order == "on_top" else "true_place",
        actual_time_attribute=cls.actual_time_attribute,
    )


def latest(projection: type[Projection[Any]] | None) -> type[Projection[Any]] | None:
    """A projection as its module has it now: a cell that was run again replaced the class."""
    if projection is None or "<locals>" in projection.__qualname__:
        return projection
    found: Any = sys.modules.get(projection.__module__)
    for part in projection.__qualname__.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Projection) else projection


def _check_configuration(cls: type[EventStream]) -> None:
    projection: object = cls.consistency_projection
    if projection is not None:
        try:
            fold_of(projection, "consistency_projection")
        except TypeError as failure:
            raise DefinitionError(f"{cls.__name__}: {failure}") from None
    if cls.consistency_order not in ("true_place", "on_top"):
        raise DefinitionError(
            f"{cls.__name__}: consistency_order must be 'true_place' or 'on_top', got {cls.consistency_order!r}"
        )
    attribute: object = cls.actual_time_attribute
    if attribute is not None and not (isinstance(attribute, str) and attribute.isidentifier()):
        raise DefinitionError(
            f"{cls.__name__}: actual_time_attribute must be the name of an attribute, such as 'at', got {attribute!r}"
        )
