"""The gates an event passes on its way into the log, in their order.

    own validation → time → consistency projection → metainformation → insert at N+1 → commit

What a gate refuses comes back as an event that is not persisted and says why; the journal has a row, the log has
nothing. What is judged and what is written belong together: the state that was judged is that of exactly the
events 1…N, and the event becomes N+1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.causation import Cause, would_carry
from funes_lab.codec import UnknownEvent, decode_context, encode, encode_context
from funes_lab.current import Transaction, Workspace, scope
from funes_lab.errors import (
    BASE,
    AlreadyPersistedError,
    ConflictingActualTimeError,
    Error,
    MissingActualTimeAttributeError,
)
from funes_lab.event import Event, own_rules_again, status
from funes_lab.fold import Fold, fields_of, folding
from funes_lab.jobs import Job
from funes_lab.judging import Judgement, judge_in_place, judge_last, state_of
from funes_lab.rejection import Origin, Rejection, Witness
from funes_lab.rejections import Rejections
from funes_lab.rules import Rules
from funes_lab.seen import Seen, events_of, read_event
from funes_lab.storable import instant, unshared
from funes_lab.store import Head, Row, Unit
from funes_lab.tiers import Entry
from funes_lab.validation import quoted

#: How long the loser of a race looks for the winner's row: it can be refused before the row can be seen.
_LOOK_FOR_WINNER = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An event at the gates."""

    event: Event
    at: datetime | None
    now: datetime
    cause: Cause | None = None


class Gates:
    """The gates of one stream, in one lab, for a writer who saw it at some version.

    Parameters
    ----------
    lab : Workspace
    idx : str
    rules : Rules
    seen : Seen
        What the writer judges on; it moves on with each event that is let in.
    last_try : bool
        Whether a version that is taken is a conflict, or a reason to read the stream again.
    """

    def __init__(self, lab: Workspace, idx: str, rules: Rules, seen: Seen, *, last_try: bool = True) -> None:
        self.lab, self.idx, self.rules, self.seen, self.last_try = lab, idx, rules, seen, last_try
        #: The last judgement of the consistency projection.
        self.judged: Judgement | None = None
        self._transaction: Transaction | None = lab.transaction_now
        self._unit = lab.unit
        self._stood = Head(seen.version, seen.last_at)
        self._written: list[Entry] = []

    # --- the way in ------------------------------------------------------------------------------------------

    def admit(self, event: object, at: object, cause: Cause | None = None) -> Candidate:
        """Take an event that can be tried; its errors of an earlier attempt are forgotten."""
        known = check_event(event)
        moment = None if at is None else instant(at, "at")
        status(known).forget_attempt()
        status(known).idx = self.idx
        own_rules_again(known)
        return Candidate(known, moment, self.lab.now(), cause)

    def admit_all(self, events: Sequence[Event], cause: Cause | None = None) -> list[Candidate]:
        """Take events that are tried together, recorded at one time."""
        now = self.lab.now()
        for event in events:
            status(event).forget_attempt()
            status(event).idx = self.idx
            own_rules_again(event)
        return [Candidate(event, None, now, cause) for event in events]

    def judge(self, candidate: Candidate, *, show: bool = False) -> tuple[datetime, Judgement] | Rejection:
        """Own validation, time, consistency: what was judged, or why it was refused. Writes nothing."""
        if status(candidate.event).own:
            return self._rejection(candidate, "own", None)
        resolved = self._occurred_at(candidate)
        if isinstance(resolved, Error):
            # a time that cannot be read speaks against this attempt, not against the event for good
            status(candidate.event).interpretation = (resolved,)
            return self._rejection(candidate, "own", None)
        self.judged = judgement = self._consistency(candidate, resolved, show=show)
        if not judgement.refused:
            return resolved, judgement
        now = status(candidate.event)
        now.interpretation, now.state = tuple(judgement.interpretation), tuple(judgement.state)
        return self._rejection(candidate, "state" if judgement.state else "interpretation", resolved, judgement)

    def let_in(self, candidate: Candidate, occurred_at: datetime, judgement: Judgement) -> Row:
        """See the event as N+1: the row that will be written, and the states that include it."""
        event, name = candidate.event, candidate.event.event_name
        context = encode_context(self.lab.metainformation_now(candidate.cause), name)
        row = Row(name, self.idx, encode(event), context, self.seen.version + 1, candidate.now, occurred_at)
        kept, fold = {}, self.rules.consistency
        if fold is not None and judgement.end is not None:
            kept[fold] = judgement.end
        for model in self.rules.transactional:
            if model.fold not in kept or model.fold.starts_with_time:
                kept[model.fold] = self._after(model.fold, row)
        self.seen.move_on(row, kept)
        latest = self.seen.last_at or occurred_at
        self._written = [
            model.entry(self.idx, model.fold.end(kept[model.fold], latest)) for model in self.rules.transactional
        ]
        return row

    def _after(self, fold: Fold, row: Row) -> BaseModel:
        """The state of a read model after one more event, on top of what is remembered or from the beginning."""
        last_at = self.seen.last_at
        base = None if last_at is not None and row.occurred_at < last_at else self.seen.states.pop(fold, None)
        with folding(fold):
            if base is not None:
                return fold.run(fold.copy(base) if fold.immutable else base, events_of([row]))
            events = [*self.history(), *events_of([row])]
            events.sort(key=lambda event: cast(datetime, event.occurred_at))
            return fold.run(fold.start(max(last_at or row.occurred_at, row.occurred_at)), events)

    def write(self, rows: Sequence[Row], candidates: Sequence[Candidate]) -> None:
        """Write what was let in, as one unit of work, and tell the events; raises VersionTaken."""
        jobs = self._jobs(rows)
        if self._unit is None and not all(model.virtual for model in self.rules.transactional):
            unit = self.lab.store.begin(alone=True)
            try:
                self._insert(rows, unit)
                self._write_read_models(unit)
                unit.commit()
            finally:
                unit.rollback()
        else:
            self._insert(rows, self._unit)
            if self._unit is not None:
                self._write_read_models(self._unit)
        self.seen.written()
        for row, candidate in zip(rows, candidates, strict=True):
            now = status(candidate.event)
            now.version, now.created_at, now.occurred_at = row.version, row.created_at, row.occurred_at
            now.meta_info = decode_context(row.meta_info)
            if self._transaction is not None:
                deny = partial(self.deny_lost, candidate, row)
                self._transaction.wrote(candidate.event, row, self._stood, deny)
        self.lab.queue(jobs)

    def _write_read_models(self, unit: Unit) -> None:
        try:
            for entry in self._written:
                entry.write(self.lab.store, unit)
                with scope(self.lab):
                    entry.persist()
        except BaseException:
            if self._transaction is not None:
                self._transaction.doom()
            raise

    def _jobs(self, rows: Sequence[Row]) -> list[Job]:
        """The jobs of the async projections, one an event; a temporal context that fails stops the append."""
        if not self.rules.background:
            return []
        return [
            Job(self.rules.stream_class, self.idx, background, background.time_for(read_event(row)), row.created_at)
            for row in rows
            for background in self.rules.background
        ]

    def _insert(self, rows: Sequence[Row], unit: Unit | None) -> None:
        if len(rows) == 1:
            self.lab.store.insert(rows[0], unit)
        else:
            self.lab.store.insert_many(rows, unit)

    def refuse(self, rejection: Rejection, event: Event, *, journal: bool = True) -> None:
        """Tell the event why, and write the attempt down."""
        status(event).rejection = rejection
        if journal:
            Rejections(self.lab.store).add(rejection)

    def deny(self, candidate: Candidate, tried: int, *, expected: int | None = None) -> Rejection:
        """Refuse because another writer took the version first; the rules had nothing against it."""
        nobody = expected is not None and self.seen.version < tried
        winner = None if nobody else self._winner(tried)
        judged, at = None, candidate.at
        if expected is None:
            found = self.judge(candidate, show=True)
            if not isinstance(found, Rejection):
                at, judged = found
        told = _denied(tried, winner, expected, self.rules.actual_time_attribute)
        status(candidate.event).conflict = (Error(BASE, told, "conflict"),)
        return self._rejection(candidate, "conflict", at, judged, winner=winner, read=tried - 1)

    def deny_lost(self, candidate: Candidate, row: Row) -> None:
        """The transaction is over and was lost, nothing can be read in it: tell the event, write the attempt down."""
        self._transaction = self._unit = None
        winner = self._winner(row.version)
        told = _denied(row.version, winner, None, self.rules.actual_time_attribute)
        status(candidate.event).conflict = (Error(BASE, told, "conflict"),)
        found = self._rejection(candidate, "conflict", row.occurred_at, winner=winner, read=row.version - 1)
        self.refuse(found, candidate.event)

    # --- what was seen, and what is there -----------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether the append takes part in a transaction."""
        return self._transaction is not None

    def is_old(self) -> bool:
        """Whether the log went on since."""
        return self.lab.store.head(self.idx, self._unit).version != self.seen.stored

    def is_behind(self, cause: Cause | None = None) -> bool:
        """Whether an INSERT would fail and doom the transaction that is open: looked up before it does."""
        if not self.in_transaction:
            return False
        self.lab.metainformation_now(cause)  # the gate before the insert; what is wrong with it outweighs a lost race
        return self.is_old()

    def step_back(self) -> None:
        """See the stream as it was before the events that were let in and not written."""
        if self.seen.pending:
            self.seen.stand_at(self._stood)

    # --- the gates -------------------------------------------------------------------------------------------

    def _occurred_at(self, candidate: Candidate) -> datetime | Error:
        name, event, at = self.rules.actual_time_attribute, candidate.event, candidate.at
        if name is None:
            return at or candidate.now
        if name not in type(event).model_fields:
            raise MissingActualTimeAttributeError(
                f"{event.event_name} has no attribute {name!r}, which {self.rules.stream_class} takes as the time "
                f"of what happened (actual_time_attribute); add the field {name}: datetime to the event"
            )
        value = getattr(event, name)
        if value is None:
            raise MissingActualTimeAttributeError(
                f"{event.event_name}.{name} is empty, and {self.rules.stream_class} takes it as the time of what "
                f"happened (actual_time_attribute); give the event its {name}"
            )
        try:
            own = instant(value, name)
        except (TypeError, ValueError):
            shown = quoted(formats.FILTERED if name in event.filter_attributes else value)
            return Error(name, f"{shown} is not a date and time (ISO 8601)", "own")
        if at is not None and at != own:
            raise ConflictingActualTimeError(
                f"at={at.isoformat()} and {event.event_name}.{name}={own.isoformat()} differ; leave at= away, or "
                "give the same time"
            )
        return own

    def _consistency(self, candidate: Candidate, at: datetime, *, show: bool) -> Judgement:
        fold = self.rules.consistency
        if fold is None:
            return Judgement()
        last_at = self.seen.last_at
        backdated = last_at is not None and at < last_at
        if backdated and self.rules.order == "true_place":
            return judge_in_place(fold, candidate.event, at, self.history())
        base = self.seen.state(fold)
        if base is None:
            base = state_of(fold, self.history(), at)
        if fold.immutable or show:
            self.seen.remember(fold, base)
        else:
            self.seen.states.pop(fold, None)
        judgement = judge_last(fold, base, candidate.event, at, self.history, show=show)
        if backdated:
            judgement.end = None
        return judgement

    def history(self) -> list[Event]:
        """The events that the writer saw, in replay order."""
        rows = [] if self.seen.stored == 0 else self.lab.store.stream(self.idx, self._unit)
        known = [row for row in rows if row.version <= self.seen.stored] + self.seen.pending
        known.sort(key=lambda row: (row.occurred_at, row.version))
        return events_of(known)

    # --- what is told of a refusal ---------------------------------------------------------------------------

    def _rejection(
        self,
        candidate: Candidate,
        stage: str,
        at: datetime | None,
        judgement: Judgement | None = None,
        winner: Witness | None = None,
        read: int | None = None,
    ) -> Rejection:
        event, fold = candidate.event, self.rules.consistency
        version = self.seen.version if read is None else read
        judged = judgement is not None and fold is not None
        return Rejection(
            time=candidate.now,
            idx=self.idx,
            stream_class=self.rules.stream_class,
            event=event.event_name,
            payload=unshared({**event.payload(), **event.kept_aside}),
            stage=stage,
            errors=event.errors,
            version_read=version,
            meta_info=would_carry(candidate.cause, self.lab),
            at=at,
            projection=fold.name if fold is not None and stage != "own" else None,
            state_before=_fields(judgement.before) if judgement else None,
            state_after=_fields(judgement.after) if judgement else None,
            place=judgement.place if judgement else None,
            last=self._witness_of_place(judgement) if judged else None,
            winner=winner,
            secret=[*event.filter_attributes, *(fold.secret if fold else ())],
            origin=Origin(self.lab.store, self.rules.owner),
        )

    def _witness_of_place(self, judgement: Judgement | None) -> Witness | None:
        place = judgement.place if judgement and judgement.place is not None else self.seen.version
        for row in self.seen.pending:
            if row.version == place:
                return _witness(row)
        row_there = self.lab.store.event(self.idx, place, self._unit) if place else None
        return _witness(row_there) if row_there else None

    def _winner(self, version: int) -> Witness | None:
        """The event that took a version; it may take a moment until a fresh read sees it."""
        for pause in _LOOK_FOR_WINNER:
            time.sleep(pause)
            found = self.lab.store.event(self.idx, version)
            if found is not None:
                return _witness(found)
            if self._unit is not None:
                own = self.lab.store.event(self.idx, version, self._unit)
                return _witness(own) if own else None
        return None


def check_event(event: object) -> Event:
    """An event that may be appended: an Event that is not in a log yet."""
    if isinstance(event, UnknownEvent):
        raise TypeError(
            f"event is the unknown {event.event_name!r} of a log; define a class with that name and build it anew"
        )
    if not isinstance(event, Event):
        raise TypeError(f"event must be an instance of an fl.Event subclass, got {event!r}")
    if event.persisted:
        raise AlreadyPersistedError(
            f"this {event.event_name} is version {event.version} of {status(event).idx!r} already; a fact happens "
            "once. Build a new event, or event.model_copy()"
        )
    return event


def _witness(row: Row) -> Witness:
    """An event of the log as `stream.events` shows it; of several that an upcaster made of one, the first."""
    event = read_event(row)
    payload = formats.mask(event.payload(), event.filter_attributes)
    return Witness(row.version, event.event_name, payload, row.occurred_at, row.created_at)


def _fields(state: BaseModel | None) -> Mapping[str, Any] | None:
    return None if state is None else unshared(fields_of(state))


def _denied(tried: int, winner: Witness | None, expected: int | None, time_attribute: str | None) -> str:
    again = "read again and retry"
    if winner is None:
        if expected is None:
            return f"version {tried} was taken by another writer; {again}"
        return f"the stream is not at version {expected}, as expected; {again}"
    payload = {name: value for name, value in winner.payload.items() if name != time_attribute}
    told = f"{winner.event} ({formats.pairs(payload)})" if payload else winner.event
    return f"version {tried} was taken by {told}, recorded {formats.long_time(winner.created_at)}; {again}"
