"""EventStream and Reading: the events that share an idx, and what a writer saw of them.

A stream is the only door for writing. `stream.append(event)` judges on the latest, `stream.read()` gives a
`Reading`, which stays at the version it saw: what it appends becomes the next one, or is refused because another
writer was faster.

How an append goes, from the top: take the lock; judge on what is remembered of the stream; write the event as
N+1. If what was remembered turns out to be old, read the stream and judge once more. Nothing else retries, unless
`retry=` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

from funes_lab.appending import Stale, append_batch, append_one, checked_batch, lost_race, or_raise
from funes_lab.causation import cause_of
from funes_lab.current import Workspace, current
from funes_lab.errors import TransactionError
from funes_lab.event import Event
from funes_lab.gates import Gates, check_event
from funes_lab.projection import Projection
from funes_lab.reading_side import ReadingSide
from funes_lab.rejection import Rejection
from funes_lab.rules import check_configuration, rules_of
from funes_lab.seen import Seen
from funes_lab.storable import Moment
from funes_lab.store import Row
from funes_lab.store.checks import check_idx, check_version
from funes_lab.tiers import Async
from funes_lab.verdict import Verdict


class EventStream(ReadingSide):
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
    transactional_projections : list of Projection classes
        Read models that are written in the transaction of the append.
    async_projections : list of Async
        Read models that are brought up to date after the commit, by a job each.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel, Field
    >>> class Drawn(fl.Event, name="Example::Drawn"):
    ...     amount: int
    >>> class Account(BaseModel):
    ...     balance: int = Field(default=100, ge=0)
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
    transactional_projections: ClassVar[Sequence[type[Projection[Any]]]] = ()
    async_projections: ClassVar[Sequence[Async]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_configuration(cls)

    def __init__(self, idx: str, lab: Workspace | None = None) -> None:
        self._idx = check_idx(idx)
        if lab is not None and not hasattr(lab, "transaction_now"):
            raise TypeError(f"lab must be an fl.Lab, got {lab!r}; open one with fl.Lab({lab!r})")
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

    def append(
        self,
        event: Event,
        *,
        at: Moment | None = None,
        expected_version: int | None = None,
        retry: int = 0,
        caused_by: Event | None = None,
    ) -> Event:
        """Append an event, judged on the latest state of the stream.

        Parameters
        ----------
        event : Event
            One that is not in a log yet.
        at : datetime, date or str, optional
            When it happened; default: its `actual_time_attribute`, else now.
        expected_version : int, optional
            Refuse the event, as a conflict, unless the stream is at this version (0: empty).
        retry : int
            How often to read again, judge again and append again after a lost race. What a rule refuses is never
            tried again; every lost attempt is in the journal, with the event that won.
        caused_by : Event, optional
            The event of this log that led to this one. What is stored beside the event then says so: `causation_id` is
            that event's id (`"debts-1#2"`, where it stands), `correlation_id` is carried on from it, or its id begins
            one. A correlation id of the user's own (`lab.metainformation(correlation_id=…)`) is kept where the cause
            has none, and a default of the model's gives way to what is carried on.

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
        ValueError, TransactionError
            For `retry` with `expected_version`, or inside a transaction: both would lose again.
        TypeError, ValueError
            If `caused_by` is no event of this log.
        InvalidMetainformationError
            If the metainformation that is bound does not hold, or contradicts what is carried on.
        """
        expected = None if expected_version is None else check_version(expected_version, "expected_version", least=0)
        check_event(event)
        tries = self._tries(retry, expected)
        cause = cause_of(caused_by, self._lab)

        self._on_latest(lambda gates: append_one(gates, gates.admit(event, at, cause), expected), tries, [event])
        return event

    def append_or_raise(
        self,
        event: Event,
        *,
        at: Moment | None = None,
        expected_version: int | None = None,
        retry: int = 0,
        caused_by: Event | None = None,
    ) -> Event:
        """Append an event, or raise `EventRejected` (`ConflictError` for a lost race) with the event."""
        return or_raise(self.append(event, at=at, expected_version=expected_version, retry=retry, caused_by=caused_by))

    def append_all(self, events: Iterable[Event], *, retry: int = 0, caused_by: Event | None = None) -> list[Event]:
        """Append events as one unit of work: each judged on top of the former, all written or none.

        Parameters
        ----------
        events : iterable of Event
        retry, caused_by
            As for `append`.

        Returns
        -------
        list of Event
            The same objects: all persisted; or none, and the first that was refused says why.
        """
        batch = checked_batch(events)
        tries = self._tries(retry, None)
        cause = cause_of(caused_by, self._lab)
        if batch:
            self._on_latest(lambda gates: append_batch(gates, batch, cause), tries, batch)
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
            True when it would be accepted; with the state before and after. What would be a fault in `append` (a
            read model that does not hold, metainformation that does not fit) raises here too.
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
        seen.states.update(self._lab.memory.shared(self._idx, seen.version))
        return Reading(self, seen)

    # --- reading ---------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The version of the last event, 0 for an empty stream."""
        return self._lab.store.head(self._idx, self._lab.unit).version

    def rows(self) -> list[Row]:
        """The rows of the log that are seen, in replay order."""
        return self._lab.store.stream(self._idx, self._lab.unit)

    # --- how -------------------------------------------------------------------------------------------------

    def _on_latest(self, work: Callable[[Gates], None], tries: int, events: Sequence[Event]) -> None:
        """Judge on what is remembered; if that is old, once more on what is there. Begin anew after a lost race."""
        for _ in range(tries):
            self._try_on_latest(work)
            if not any(lost_race(event) for event in events):
                return

    def _tries(self, retry: object, expected: int | None) -> int:
        if not isinstance(retry, int) or isinstance(retry, bool) or retry < 0:
            raise ValueError(f"retry must be how often to try again, 0 or more, got {retry!r}")
        if retry and expected is not None:
            raise ValueError(
                f"retry={retry} with expected_version={expected} would lose again: the stream has left that version "
                "for good. Leave one of them away"
            )
        if retry and self._lab.transaction_now is not None:
            raise TransactionError(
                f"retry={retry} inside `with lab.transaction():` would lose again: a transaction sees one moment of "
                "the log. Try the whole block again"
            )
        return retry + 1

    def _try_on_latest(self, work: Callable[[Gates], None]) -> None:
        self._lab.check_writable()
        transaction = self._lab.transaction_now
        with self._lab.store.writing, self._lab.store.opened("writing"):
            memory = self._lab.memory if transaction is None else transaction.memory
            seen = memory.take(self._idx)
            # nobody else can write while a transaction is open, so what it remembers is not old
            gates = self._gates(seen, last_try=seen is None or transaction is not None)
            try:
                work(gates)
            except Stale:
                gates = self._gates(None, last_try=True)
                work(gates)
            memory.put(gates.seen)

    def _gates(self, seen: Seen | None, *, last_try: bool) -> Gates:
        if seen is None:
            seen = Seen.at(self._idx, self._lab.store.head(self._idx, self._lab.unit))
        return Gates(self._lab, self._idx, rules_of(type(self)), seen, last_try=last_try)


class Reading(ReadingSide):
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
        self._idx, self._lab, self._stream_class = stream.idx, stream.lab, type(stream)
        self._loaded: tuple[tuple[int, int], list[Row]] = ((0, 0), [])

    @property
    def version(self) -> int:
        """The version it is at."""
        return self._seen.version

    def append(self, event: Event, *, at: Moment | None = None, caused_by: Event | None = None) -> Event:
        """Append an event as the next version after the one that was seen; see `EventStream.append`."""
        check_event(event)
        cause = cause_of(caused_by, self._lab)
        self._on_seen(lambda gates: append_one(gates, gates.admit(event, at, cause)))
        return event

    def append_or_raise(self, event: Event, *, at: Moment | None = None, caused_by: Event | None = None) -> Event:
        """Append an event, or raise `EventRejected` (`ConflictError` for a lost race) with the event."""
        return or_raise(self.append(event, at=at, caused_by=caused_by))

    def append_all(self, events: Iterable[Event], *, caused_by: Event | None = None) -> list[Event]:
        """Append events as one unit of work; see `EventStream.append_all`."""
        batch = checked_batch(events)
        cause = cause_of(caused_by, self._lab)
        if batch:
            self._on_seen(lambda gates: append_batch(gates, batch, cause))
        return batch

    def check(self, event: Event, *, at: Moment | None = None) -> Verdict:
        """Run an event through the gates and write nowhere; see `EventStream.check`."""
        check_event(event)
        with self._lab.store.writing, self._lab.store.opened():
            gates = Gates(self._lab, self._idx, rules_of(self._stream_class), self._seen.aside())
            candidate = gates.admit(event, at)
            found = gates.judge(candidate, show=True)
            verdict = Verdict(event, gates.seen.version + 1)
            if isinstance(found, Rejection):
                gates.refuse(found, event, journal=False)
                verdict.rejection = found
            else:
                gates.let_in(candidate, *found)
            if gates.judged is not None:
                verdict.state_before, verdict.state_after = gates.judged.before, gates.judged.after
            return verdict

    def _on_seen(self, work: Callable[[Gates], None]) -> None:
        self._lab.check_writable()
        transaction = self._lab.transaction_now
        with self._lab.store.writing, self._lab.store.opened("writing"):
            if transaction is not None:
                transaction.moved(self._seen)
            gates = self._gates()
            try:
                work(gates)
            except BaseException:
                gates.step_back()
                self._seen.states.clear()
                raise
            self._lab.memory.forget(self._idx)
            if transaction is not None:
                transaction.memory.forget(self._idx)

    def _gates(self) -> Gates:
        return Gates(self._lab, self._idx, rules_of(self._stream_class), self._seen)

    def rows(self) -> list[Row]:
        """The rows of the log that are seen, in replay order."""
        seen, rows = self._loaded
        if seen != (self._seen.version, self._seen.moved_back):
            rows = [row for row in self._stream.rows() if row.version <= self._seen.version]
            self._loaded = ((self._seen.version, self._seen.moved_back), rows)
        return list(rows)
