"""What is told of one attempt: why, what was tried, the state it would have led to, and what led there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from funes_lab import formats
from funes_lab.causation import parted
from funes_lab.rejection import Rejection
from funes_lab.widgets import sentences, telling
from funes_lab.widgets.cards import EventRow, RejectionCard, StateLine
from funes_lab.widgets.form.outlook import shown_lines
from funes_lab.widgets.inspector.led import Led, Told
from funes_lab.widgets.timeline.detail import ids, refused_note

_NAME: Final = 60
_VALUE: Final = 120
_WHOLE: Final = 1_000
_ROWS: Final = {"offending": "bad", "changed": "changed", "added": "changed", "removed": "changed"}
_TONES: Final = {"offending": "state", "changed": "chg", "added": "accepted", "removed": "state"}
_UNDONE: Final = "Not all of what it was judged on became a fact: a transaction was rolled back."

#: A cell: its text, its classes, and the whole of it where it was cut.
Cell = list[str]
#: A panel: `caption`, `said` (lines above the table), `heads`, `rows` (`tone` and `cells`), `above`, `below`, and
#: `way` if there is more of what is said below.
Panel = dict[str, Any]


def detail(rejection: Rejection, led: Led) -> dict[str, Any]:
    """Tell of an attempt.

    Returns
    -------
    dict
        `note` (`tone`, `headline`, and `reasons`: gate, its word, what it says), `panels` (three), `duel` if
        the first one has a winner beside the attempt, and `say`, the sentence for who does not see the picture.
    """
    card = telling.rejection_card(rejection)
    attempted = _duel(rejection, card) if rejection.winner is not None else _attempted(rejection, card)
    verdict = "denied" if card.stage == "conflict" else f"refused by {sentences.stage_word(card.stage)}"
    event, idx = formats.middle(card.event, _NAME), formats.middle(card.idx, _NAME)
    return {
        "note": refused_note(card),
        "panels": [attempted, _state(card), _led(rejection, card, led)],
        "duel": rejection.winner is not None,
        "say": f"{event} on {idx}, {verdict}, {formats.long_time(card.time)}",
    }


# --- what was tried ------------------------------------------------------------------------------------------------


def _attempted(rejection: Rejection, card: RejectionCard) -> Panel:
    blamed = _blamed(card)
    rows = [_row([_name(name, blamed.get(name, "")), _value(v, "num")], "blamed" if name in blamed else "")
            for name, v in islice(card.payload.items(), formats.FIELDS)]  # fmt: skip
    rows += [_row([[name, "", ""], _text(told, "num keep")]) for name, told in _circumstances(rejection, card)]
    caption = f"Attempted, {formats.middle(card.event, _NAME)}"
    return _panel(caption, rows=rows, below=_more(len(card.payload), "field"))


def _duel(rejection: Rejection, card: RejectionCard) -> Panel:
    """The attempt beside the event that took its version."""
    assert rejection.winner is not None
    winner, blamed = rejection.winner, _blamed(card)
    won = formats.mask(winner.payload, rejection.secret)
    names = list(dict.fromkeys([*card.payload, *won]))
    rows = [_row([["event", "", ""], _text(_short(card.event), "num keep"), _text(_short(winner.event), "num keep")])]
    rows += [
        _row([_name(name, blamed.get(name, "")), _there(card.payload, name), _there(won, name)])
        for name in names[: formats.FIELDS]
    ]
    happened = [formats.value(card.at or card.time), formats.value(winner.occurred_at)]
    rows += [_row([["happened", "", ""], *(_text(told, "num keep") for told in happened)])]
    recorded = [formats.value(card.time), formats.value(winner.created_at)]
    rows += [_row([["recorded", "", ""], *(_text(told, "num keep") for told in recorded)])]
    context = parted(formats.mask(rejection.meta_info, rejection.secret))
    rows += [_row([[name, "", ""], _text(told, "num keep"), _text("", "num")]) for name, told in ids(context)]
    version = formats.value(winner.version)
    heads = [["", ""], ["attempted", "num"], [f"took version {version}", "num"]]
    return _panel("Attempt beside the winner", heads=heads, rows=rows, below=_more(len(names), "field"))


def _circumstances(rejection: Rejection, card: RejectionCard) -> Iterable[tuple[str, str]]:
    yield "stream", formats.middle(card.idx, 40)
    yield "class", formats.middle(card.stream_class, 40)
    yield "tried", f"version {formats.value(card.tried_version)}"
    yield "recorded", formats.value(card.time)
    yield "happened", "same" if card.at == card.time else formats.value(card.at)
    context = parted(formats.mask(rejection.meta_info, rejection.secret))
    yield from ids(context)
    for name, v in islice(context.bound.items(), formats.FIELDS):
        yield f"meta {formats.middle(name, 40)}", formats.value(v, limit=_VALUE)


def _blamed(card: RejectionCard) -> dict[str, str]:
    """The fields of the payload that errors name, and the gate of the first."""
    found: dict[str, str] = {}
    for row in card.errors:
        if row.source in ("own", "interpretation"):
            found.setdefault(row.attribute.split(".")[0], row.source)
    return found


def _short(event: str) -> str:
    return formats.middle(event.rpartition("::")[2] or event, 40)


def _there(payload: Mapping[str, object], name: str) -> Cell:
    return _value(payload[name], "num") if name in payload else [formats.NONE, "num muted", ""]


# --- the state -------------------------------------------------------------------------------------------------------


def _state(card: RejectionCard) -> Panel:
    caption = f"State, {formats.middle(card.projection, 40)}" if card.projection else "State"
    if not card.after:
        rows = [_row([_name(name), _value(v, "num")]) for name, v in card.before[: formats.FIELDS]]
        heads = [["field", ""], ["before", "num"]] if rows else []
        said = sentences.led_nowhere(card)
        told = f"It would have led {said}." if said.startswith("nowhere") else f"Where it would have led is {said}."
        return _panel(caption, said=[told], heads=heads, rows=rows, below=_more(len(card.before), "field"))
    heads = [["field", ""], ["before", "num"], ["would be", "num"]]
    rows = [_state_row(line) for line in shown_lines(card.after)]
    return _panel(caption, heads=heads, rows=rows, below=_more(len(card.after), "field"))


def _state_row(line: StateLine) -> dict[str, Any]:
    tone = _TONES.get(line.mark, "muted")
    name = [f"{sentences.MARKS[line.mark]} {formats.middle(line.name, 40)}", f"mono mark-{tone}", ""]
    before = [formats.NONE, "num", ""] if line.mark == "added" else _value(line.before, "num")
    after = {"same": ["same", "num muted", ""], "removed": ["gone", "num now", ""]}.get(line.mark)
    after = after or _value(line.after, "num now state" if line.mark == "offending" else "num now")
    return _row([name, before, after], _ROWS.get(line.mark, ""))


# --- what led there --------------------------------------------------------------------------------------------------


def _led(rejection: Rejection, card: RejectionCard, led: Led) -> Panel:
    no_event: EventRow | None = None
    said = [f"{told[:1].upper()}{told[1:]}" for told in sentences.judged_on(replace(card, last=no_event))]
    known = rejection.winner or (None if led.undone else rejection.last)
    said[0] += f"; more of #{known.version}: stream.explain({known.version})" if known else ""
    said += [_UNDONE] if led.undone else []
    verdict = "denied" if card.stage == "conflict" else "refused"
    tried = f"✗ {formats.value(card.tried_version)}"
    attempt = _row([[tried, "num mono", ""], ["this attempt", "", ""], [verdict, "", ""]], "attempt")
    # the attempt first, what led there below it, the nearest first
    rows = [*map(_event, reversed(led.after)), attempt, *map(_event, reversed(led.before))]
    above = f"… {formats.count(led.later, 'later event')}" if led.later else ""
    below = f"{formats.count(led.earlier, 'earlier event')}" if led.earlier else ""
    return {**_panel("Led there by", said=said, rows=rows, above=above, below=below), "way": bool(led.earlier)}


def _event(told: Told) -> dict[str, Any]:
    event = [_short(told.event), "cut", told.event]
    return _row([[told.version, "num mono", ""], event, [told.first, "muted keep", told.payload]])


# --- pieces ----------------------------------------------------------------------------------------------------------


def _panel(
    caption: str,
    *,
    said: Sequence[str] = (),
    heads: Sequence[Sequence[str]] = (),
    rows: Sequence[dict[str, Any]] = (),
    above: str = "",
    below: str = "",
) -> Panel:
    return {
        "caption": caption, "said": list(said), "heads": [list(head) for head in heads], "rows": list(rows),
        "above": above, "below": below, "way": False,
    }  # fmt: skip


def _row(cells: Sequence[Cell], tone: str = "") -> dict[str, Any]:
    return {"tone": tone, "cells": list(cells)}


def _name(name: str, gate: str = "") -> Cell:
    shown = formats.middle(name, 40)
    return [f"{sentences.stage_glyph(gate)} {shown}" if gate else shown, f"mono mark-{gate}" if gate else "mono", ""]


def _value(v: object, classes: str) -> Cell:
    shown, whole = formats.value(v, limit=_VALUE), formats.value(v, limit=_WHOLE)
    return [shown, f"{classes}{_kept(v)}", whole if whole != shown else ""]


def _kept(v: object) -> str:
    """Figures and times are never cut; only figures never break."""
    if isinstance(v, datetime):
        return " keep"
    return " keep fig" if isinstance(v, int | float | Decimal) and not isinstance(v, bool) else ""


def _text(told: str, classes: str) -> Cell:
    return [told, classes, ""]


def _more(listed: int, noun: str) -> str:
    left = listed - formats.FIELDS
    return f"… {formats.count(left, f'more {noun}')}" if left > 0 else ""
