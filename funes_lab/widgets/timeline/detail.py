"""What is told of one event or attempt of a timeline: a note and three panels, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from funes_lab import formats
from funes_lab.errors import UpcastError
from funes_lab.rejection import Rejection
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.cards import RejectionCard
from funes_lab.widgets.telling import rejection_card
from funes_lab.widgets.timeline.data import Mark

#: Characters of a value.
_VALUE = 120
_NAME = 60

#: A row of a panel: name, value, whether errors name it.
Line = tuple[str, str, bool]


def detail(mark: Mark) -> dict[str, Any]:
    """Tell of a mark.

    Returns
    -------
    dict
        `note` (`tone`, `headline`, and `reasons`: gate, its word, what it says), `panels` (three times a caption, its
        lines, and how many more there are) and `say`, the sentence for who does not see the picture.
    """
    source = mark.source
    told = _of_attempt(mark, source) if isinstance(source, Rejection) else _of_event(mark, source)
    note, panels = told
    moment = formats.long_time(source.time if isinstance(source, Rejection) else source.occurred_at)
    verdict = f"refused by {sentences.stage_word(mark.stage)}" if mark.stage else "in the log"
    name = formats.middle(mark.event, _NAME)
    say = f"version {formats.value(mark.version)}, {name}, {moment}, {verdict}"
    return {"note": note, "panels": panels, "say": say}


def _of_event(mark: Mark, row: Row) -> tuple[dict[str, Any], list[Any]]:
    try:
        event = read_events(row)[0]
    except UpcastError as failure:
        broken = [("not readable", formats.shorten(str(failure), 300), True)]
        return _accepted_note(row), [_panel(mark.event, broken), _times("Event", row), _panel("Metainformation", [])]
    payload = formats.mask(event.payload(), event.filter_attributes)
    aside = {name: v for name, v in event.kept_aside.items() if name not in payload}
    aside = formats.mask(aside, event.filter_attributes)
    lines = [*_lines(payload), *((f"{name} (kept aside)", shown, bad) for name, shown, bad in _lines(aside))]
    left = len(payload) + len(aside) - len(lines)
    context = _panel("Metainformation", list(_lines(event.meta_info)), len(event.meta_info) - formats.FIELDS)
    return _accepted_note(row), [_panel(mark.event, lines, left), _times("Event", row), context]


def _accepted_note(row: Row) -> dict[str, Any]:
    late = row.created_at - row.occurred_at
    told = "it happened when it was recorded"
    if late:
        told = f"recorded {formats.roughly(late)} {'after' if late.total_seconds() > 0 else 'before'} it happened"
    headline = f"Version {formats.value(row.version)} of {formats.middle(row.idx, _NAME)}."
    return {"tone": "accepted", "headline": headline, "reasons": [["accepted", "in the log", told]]}


def _times(caption: str, row: Row) -> list[Any]:
    return _panel(
        caption,
        [
            ("stream", formats.middle(row.idx, _NAME), False),
            ("version", formats.value(row.version), False),
            ("recorded", formats.value(row.created_at), False),
            ("happened", _moment(row.occurred_at, row.created_at), False),
        ],
    )


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
    context = _panel("Metainformation", list(_lines(attempt.meta_info)), len(attempt.meta_info) - formats.FIELDS)
    return refused_note(card), [payload, _panel("Attempt", tried), context]


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
    more = f"… {formats.count(left, 'more field')}" if left > 0 else "" if lines else "none"
    return [formats.middle(caption, _NAME), [list(line) for line in lines], more]
