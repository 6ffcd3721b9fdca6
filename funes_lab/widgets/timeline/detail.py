"""What is told of events and attempts of a timeline: a note and a few panels each, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from funes_lab import formats
from funes_lab.causation import Context, parted
from funes_lab.codec import decode_context
from funes_lab.errors import UpcastError
from funes_lab.event import Event
from funes_lab.explore.changes import Change, Changed, changed_by
from funes_lab.rejection import Rejection
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.cards import RejectionCard
from funes_lab.widgets.explaining import nothing_changed
from funes_lab.widgets.telling import rejection_card
from funes_lab.widgets.timeline.data import Mark, Story

#: Characters of a value.
_VALUE = 120
_NAME = 60

#: So many events are folded at most to tell what some of them changed: for more there is `stream.explain`.
_FOLDED: Final = 5_000

#: A row of a panel: name, value, whether errors name it.
Line = tuple[str, str, bool]


def details(story: Story, marks: Sequence[Mark]) -> dict[str, dict[str, Any]]:
    """Tell of marks, by their keys; what their events changed is worked out for all of them together."""
    versions = {mark.version for mark in marks if not mark.stage}
    changed: Mapping[int, Changed] | None = None
    if story.fold is not None:
        cost = len(story.rows) * (len(versions) if story.fold.starts_with_time else 1)
        changed = changed_by(story.fold, story.rows, versions) if cost <= _FOLDED else {}
    return {mark.key: _detail(story, mark, changed) for mark in marks}


def _detail(story: Story, mark: Mark, changed: Mapping[int, Changed] | None) -> dict[str, Any]:
    """Tell of a mark.

    Returns
    -------
    dict
        `note` (`tone`, `headline`, and `reasons`: gate, its word, what it says), `panels` (three times a caption, its
        lines, and what stands below them) and `say`, the sentence for who does not see the picture.
    """
    source = mark.source
    note, panels = (
        _of_attempt(mark, source) if isinstance(source, Rejection) else _of_event(story, mark, source, changed)
    )
    moment = formats.long_time(source.time if isinstance(source, Rejection) else source.occurred_at)
    verdict = f"refused by {sentences.stage_word(mark.stage)}" if mark.stage else "in the log"
    name = formats.middle(mark.event, _NAME)
    say = f"version {formats.value(mark.version)}, {name}, {moment}, {verdict}"
    return {"note": note, "panels": panels, "say": say}


def _of_event(
    story: Story, mark: Mark, row: Row, changed: Mapping[int, Changed] | None
) -> tuple[dict[str, Any], list[Any]]:
    try:
        event = read_events(row)[0]
    except UpcastError as failure:
        context = parted(decode_context(row.meta_info))
        payload = _panel(mark.event, [("not readable", formats.shorten(str(failure), 300), True)])
    else:
        context = parted(formats.mask(event.meta_info, event.filter_attributes))
        payload = _payload(mark, event)
    panels = [payload, _event(row, context), _bound(context)]
    if story.fold is not None and changed is not None:
        # what was bound stands below the times then: whoever sees a state wants to see it move
        panels[1][1] += _bound(context)[1]
        panels[2] = _changed(mark, story.fold.name, changed.get(mark.version))
    return _accepted_note(story, mark, row, context), panels


def _payload(mark: Mark, event: Event) -> list[Any]:
    payload = formats.mask(event.payload(), event.filter_attributes)
    aside = {name: v for name, v in event.kept_aside.items() if name not in payload}
    aside = formats.mask(aside, event.filter_attributes)
    lines = [*_lines(payload), *((f"{name} (kept aside)", shown, bad) for name, shown, bad in _lines(aside))]
    return _panel(mark.event, lines, len(payload) + len(aside) - len(lines))


def _changed(mark: Mark, projection: str, changed: Changed | None) -> list[Any]:
    """What an event changed in the consistency projection of its stream."""
    if changed is None:
        return [_changed_caption(projection), [], f"worked out by {_way(mark)}"]
    lines = [
        (formats.middle(change.field, _NAME), _moved(change), False) for change in changed.changes[: formats.FIELDS]
    ]
    left = len(changed.changes) - len(lines)
    said = formats.shorten(nothing_changed(changed, mark.event), _VALUE)
    return [_changed_caption(projection), [list(line) for line in lines], said or _more(left)]


def _changed_caption(projection: str) -> str:
    return f"Changed, {formats.middle(projection, 40)}"


def _moved(change: Change) -> str:
    before = formats.NONE if change.mark == "added" else formats.value(change.before, limit=_VALUE)
    after = "gone" if change.mark == "removed" else formats.value(change.after, limit=_VALUE)
    return f"{before} → {after}"


def _way(mark: Mark) -> str:
    return f"stream.explain({mark.version})"


def _bound(context: Context) -> list[Any]:
    return _panel("Metainformation", list(_lines(context.bound)), len(context.bound) - formats.FIELDS)


def ids(context: Context) -> list[tuple[str, str]]:
    """What led to an event or an attempt, and the correlation it belongs to, if it says so."""
    named = (("caused by", context.causation_id), ("correlation", context.correlation_id))
    return [(name, formats.value(own, limit=_NAME)) for name, own in named if own is not None]


def _accepted_note(story: Story, mark: Mark, row: Row, context: Context) -> dict[str, Any]:
    late = row.created_at - row.occurred_at
    told = ["it happened when it was recorded"]
    if late:
        told = [f"recorded {formats.roughly(late)} {'after' if late.total_seconds() > 0 else 'before'} it happened"]
    told += [f"caused by {own}" for name, own in ids(context) if name == "caused by"]
    told += [_way(mark)] if story.by_type else []
    headline = f"Version {formats.value(row.version)} of {formats.middle(row.idx, _NAME)}."
    return {"tone": "accepted", "headline": headline, "reasons": [["accepted", "in the log", "; ".join(told)]]}


def _event(row: Row, context: Context) -> list[Any]:
    lines = [
        ("stream", formats.middle(row.idx, _NAME), False),
        ("version", formats.value(row.version), False),
        ("recorded", formats.value(row.created_at), False),
        ("happened", _moment(row.occurred_at, row.created_at), False),
    ]
    return _panel("Event", [*lines, *((name, own, False) for name, own in ids(context) if name == "correlation")])


def _of_attempt(mark: Mark, attempt: Rejection) -> tuple[dict[str, Any], list[Any]]:
    card = rejection_card(attempt)
    blamed = {(row.attribute or "").split(".")[0] for row in card.errors}
    payload = _panel(mark.event, list(_lines(card.payload, blamed)), len(card.payload) - formats.FIELDS)
    tried = [
        ("stream", formats.middle(card.idx, _NAME), False),
        ("tried", f"version {formats.value(card.tried_version)}", False),
        ("recorded", formats.value(card.time), False),
        ("happened", _moment(card.at, card.time), False),
    ]
    context = parted(formats.mask(attempt.meta_info, attempt.secret))
    tried += [(name, own, False) for name, own in ids(context)]
    return refused_note(card), [payload, _panel("Attempt", tried), _bound(context)]


def refused_note(card: RejectionCard) -> dict[str, Any]:
    """Say why an attempt was refused: the colour, the sentence, and of each error the gate, its word and the rule."""
    known = list(sentences.reasons(card))
    reasons = [[gate, sentences.stage_word(gate), told] for gate, told in known[: formats.FIELDS]]
    if len(known) > formats.FIELDS:
        reasons.append(["", "", f"… {formats.count(len(known) - formats.FIELDS, 'more error')}"])
    tone = card.stage if card.stage in sentences.STAGES else sentences.weightiest(card.errors)
    return {"tone": tone, "headline": sentences.headline(card), "reasons": reasons}


def _moment(at: datetime | None, recorded: datetime) -> str:
    return "same" if at == recorded else formats.value(at)


def _lines(mapping: Mapping[str, object], blamed: set[str] | frozenset[str] = frozenset()) -> Iterator[Line]:
    for name, v in islice(mapping.items(), formats.FIELDS):
        yield formats.middle(name, _NAME), formats.value(v, limit=_VALUE), name in blamed


def _panel(caption: str, lines: Sequence[Line], left: int = 0) -> list[Any]:
    return [formats.middle(caption, _NAME), [list(line) for line in lines], _more(left) or ("" if lines else "none")]


def _more(left: int) -> str:
    return f"… {formats.count(left, 'more field')}" if left > 0 else ""
