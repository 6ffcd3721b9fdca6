"""From a lab's objects to the cards that the pictures show, secrets masked on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from funes_lab import formats, registry
from funes_lab.errors import NOTHING, Error, Errors
from funes_lab.event import Event, status
from funes_lab.rejection import Rejection, Witness
from funes_lab.rejections import Rejections
from funes_lab.seen import events_of
from funes_lab.widgets import sentences
from funes_lab.widgets.cards import (
    ErrorRow,
    ErrorsCard,
    EventCard,
    EventRow,
    LabCard,
    RejectionCard,
    RejectionRow,
    RejectionsCard,
    StateLine,
    StreamCard,
    StreamRow,
    Winner,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from funes_lab.lab import Lab
    from funes_lab.reading_side import ReadingSide

_LAST, _STREAMS, _ATTEMPTS = 4, 8, 10


def errors_card(errors: Errors) -> ErrorsCard:
    """The errors of an attempt."""
    return ErrorsCard([error_row(error) for error in errors], errors.where)


def event_card(event: Event) -> EventCard:
    """One event and what became of it."""
    now = status(event)
    known = "accepted" if event.persisted else "new" if event.valid or now.idx is None else "refused"
    return EventCard(
        row=_event_row(event),
        status=known,
        stream=now.idx,
        errors=[error_row(error) for error in event.errors],
        kept_aside=formats.mask(event.kept_aside, event.filter_attributes),
        meta_info=dict(event.meta_info),
    )


def stream_card(side: ReadingSide) -> StreamCard:
    """A stream or a reading: its first event, how many more, the last four."""
    rows, lab = side.rows(), side.lab
    cut = len(rows) > _LAST + 2
    first, last = (rows[:1], rows[-_LAST:]) if cut else (rows, [])
    return StreamCard(
        idx=side.idx,
        stream_class=_class_name(side),
        version=max((row.version for row in rows), default=0),
        refused=lab.store.count_journalled(side.idx),
        first=[_event_row(event) for event in events_of(first)],
        more=len(rows) - len(first) - len(last),
        last=[_event_row(event) for event in events_of(last)],
        types=list(dict.fromkeys(registry.canonical(row.klass) for row in rows)),
    )


def lab_card(lab: Lab) -> LabCard:
    """A lab and its first streams."""
    if lab.closed:
        return LabCard(lab.path, 0, 0, 0, [], 0, lab.read_only, closed=True)
    try:
        return lab_card_of(lab, lab.store.streams(lab.unit))
    except Exception as failure:  # noqa: BLE001  (a doomed transaction, a damaged file: the repr says so)
        fault = f"{type(failure).__name__}: {failure}"
        return LabCard(lab.path, 0, 0, 0, [], 0, lab.read_only, closed=False, fault=fault)


def lab_card_of(lab: Lab, streams: pa.Table) -> LabCard:
    """A lab that is open, by what `store.streams()` gives."""
    first = streams.slice(0, _STREAMS).to_pylist()
    rows = [StreamRow(**{**row, "last_event": row["last_event"] or ""}) for row in first]
    return LabCard(
        path=lab.path,
        events=pc.sum(streams["events"]).as_py() or 0,
        streams=len(streams),
        refused=pc.sum(streams["refused"]).as_py() or 0,
        rows=rows,
        more=len(streams) - len(rows),
        read_only=lab.read_only,
        closed=False,
    )


def rejection_card(rejection: Rejection) -> RejectionCard:
    """A refused attempt with its evidence."""
    secret = rejection.secret
    before = formats.mask(rejection.state_before or {}, secret)
    return RejectionCard(
        idx=rejection.idx,
        stream_class=rejection.stream_class,
        event=rejection.event,
        payload=formats.mask(rejection.payload, secret),
        stage=rejection.stage,
        errors=[error_row(error) for error in rejection.errors],
        at=rejection.at,
        tried_version=rejection.version_tried,
        version_read=rejection.version_read,
        last=_witness_row(rejection.last),
        before=list(before.items()),
        after=_state_lines(rejection, before),
        projection=rejection.projection,
        place=rejection.place,
        winner=_winner(rejection.winner),
        time=rejection.time,
    )


def rejections_card(rejections: Rejections) -> RejectionsCard:
    """The last attempts, newest first."""
    listed = list(rejections)
    rows = [
        RejectionRow(r.time, r.idx, r.event, r.stage, sentences.gist([error_row(error) for error in r.errors]))
        for r in reversed(listed[-_ATTEMPTS:])
    ]
    return RejectionsCard(rows, len(listed) - len(rows))


def error_row(error: Error) -> ErrorRow:
    """One error."""
    told = error.origin or error
    has_value = told.value is not NOTHING
    return ErrorRow(
        error.source, told.attribute, told.message, error.rule, told.value if has_value else None, has_value
    )


def _event_row(event: Event) -> EventRow:
    payload = formats.mask(event.payload(), event.filter_attributes)
    return EventRow(event.version, event.event_name, payload, event.occurred_at, event.created_at)


def _witness_row(witness: Witness | None) -> EventRow | None:
    if witness is None:
        return None
    return EventRow(witness.version, witness.event, witness.payload, witness.occurred_at, witness.created_at)


def _winner(witness: Witness | None) -> Winner | None:
    if witness is None:
        return None
    # the time that it happened stands beside it already
    payload = {name: value for name, value in witness.payload.items() if value != witness.occurred_at}
    return Winner(witness.version, witness.event, witness.created_at, payload)


def _state_lines(rejection: Rejection, before: Mapping[str, Any]) -> Sequence[StateLine]:
    if rejection.state_after is None:
        return []
    after = formats.mask(rejection.state_after, rejection.secret)
    return state_lines(before, after, rejection.errors)


def state_lines(before: Mapping[str, Any], after: Mapping[str, Any], errors: Iterable[Error] = ()) -> list[StateLine]:
    """Two states side by side, secrets masked already; what the errors are about is marked."""
    offending = {(e.origin or e).attribute.split(".")[0] for e in errors if e.source == "state"}
    lines = []
    for name in dict.fromkeys([*before, *after]):
        was, is_now = before.get(name), after.get(name)
        mark = "same" if was == is_now else "changed"
        if name not in before or name not in after:
            mark = "removed" if name in before else "added"
        lines.append(StateLine(name, was, is_now, "offending" if name in offending else mark))
    return lines


def _class_name(side: ReadingSide) -> str:
    name = side.stream_class.__name__
    return name if type(side) is side.stream_class else f"reading of {name}"
