"""The work of an append: through the gates, into the log.

Every function here raises `Stale` when what was seen of the stream turns out to be old and there is another try:
then the stream is read and the work begins again. On the last try a version that is taken is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from funes_lab.causation import Cause
from funes_lab.errors import ConflictError, EventRejected, InvalidReadModelError, ProjectionError
from funes_lab.event import Event, status
from funes_lab.fold import without_gc
from funes_lab.gates import Candidate, Gates, check_event
from funes_lab.judging import Judgement
from funes_lab.rejection import Rejection
from funes_lab.store import Row, VersionTaken

#: So many events at once are worth a checkpoint: until then they stand in the write-ahead log only.
MANY = 1000


class Stale(Exception):
    """What was remembered of the stream is old."""


def append_one(gates: Gates, candidate: Candidate, expected: int | None = None) -> None:
    """Judge one event and write it."""
    if expected is not None and expected != gates.seen.version and not status(candidate.event).own:
        if not gates.last_try:
            raise Stale
        gates.refuse(gates.deny(candidate, expected + 1, expected=expected), candidate.event)
        return
    found = _judged(gates, candidate)
    if isinstance(found, Rejection):
        gates.refuse(found, candidate.event)
    elif gates.is_behind(candidate.cause) or (row := _let_in(gates, candidate, *found)) is None:
        gates.refuse(gates.deny(candidate, gates.seen.version + 1), candidate.event)
    else:
        _write(gates, [row], [candidate])


def append_batch(gates: Gates, events: Sequence[Event], cause: Cause | None = None) -> None:
    """Judge each event on top of the former and write them together, or none of them."""
    with without_gc():
        candidates = gates.admit_all(events, cause)
        rows = []
        for candidate in candidates:
            found = _judged(gates, candidate)
            if isinstance(found, Rejection):
                gates.refuse(found, candidate.event)
                gates.step_back()
                return
            row = _let_in(gates, candidate, *found)
            if row is None:
                break
            rows.append(row)
        if len(rows) == len(candidates) and not gates.is_behind(cause):
            _write(gates, rows, candidates)
        else:
            gates.step_back()
            gates.refuse(gates.deny(candidates[0], gates.seen.version + 1), candidates[0].event)
            return
    if not gates.in_transaction and len(rows) >= MANY:
        gates.lab.store.checkpoint_softly()


def _let_in(gates: Gates, candidate: Candidate, at: datetime, judgement: Judgement) -> Row | None:
    """The row of an event that the rules let in; None if its read models fail because others wrote meanwhile."""
    try:
        return gates.let_in(candidate, at, judgement)
    except Exception as failure:
        behind = gates.is_old()
        if behind and not gates.last_try:
            raise Stale from None
        gates.step_back()
        if behind and isinstance(failure, (ProjectionError, InvalidReadModelError)):
            return None
        raise


def _judged(gates: Gates, candidate: Candidate) -> tuple[datetime, Judgement] | Rejection:
    """What the gates say; before refusing from memory, see whether the memory is old."""
    try:
        found = gates.judge(candidate)
    except Exception:
        if not gates.last_try and gates.is_old():
            raise Stale from None
        gates.step_back()
        raise
    # an event's own rules know no stream; but the events of its batch that were let in before it were judged on one
    on_memory = isinstance(found, Rejection) and (found.stage != "own" or bool(gates.seen.pending))
    if on_memory and not gates.last_try and gates.is_old():
        raise Stale
    return found


def _write(gates: Gates, rows: Sequence[Row], candidates: Sequence[Candidate]) -> None:
    try:
        gates.write(rows, candidates)
    except VersionTaken as taken:
        if not gates.last_try:
            raise Stale from None
        gates.step_back()
        if gates.in_transaction:
            # DuckDB has given the whole transaction up, so the block around it cannot go on
            gates.deny_lost(candidates[0], rows[0])
            raise ConflictError(candidates[0].event) from taken
        gates.refuse(gates.deny(candidates[0], rows[0].version), candidates[0].event)
    except BaseException:
        gates.step_back()
        raise


def lost_race(event: Event) -> bool:
    """Whether the last attempt was refused because another writer was faster."""
    return bool(status(event).conflict) and not event.persisted


def or_raise(event: Event) -> Event:
    """The event if it was written; else raise EventRejected, ConflictError for a lost race."""
    if event.persisted:
        return event
    raise (ConflictError if status(event).conflict else EventRejected)(event)


def checked_batch(events: Iterable[Event]) -> list[Event]:
    """Events that may be appended together."""
    if isinstance(events, Event):
        raise TypeError("events must be a list of events, got one; use append(event) for one")
    if not isinstance(events, Iterable):
        raise TypeError(f"events must be a list of events, got {events!r}")
    batch = [check_event(event) for event in events]
    if len({id(event) for event in batch}) < len(batch):
        raise ValueError("events holds the same event object twice; a fact happens once: build each event anew")
    return batch
