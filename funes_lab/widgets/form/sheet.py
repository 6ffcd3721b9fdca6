"""The static picture of a form: what is in its fields, and what pressing Append would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from funes_lab import formats
from funes_lab.widgets import sentences
from funes_lab.widgets.form.outlook import Outlook, shown_lines
from funes_lab.widgets.svg import T1, T3, Sheet, wide

_WIDTH: Final = 960
_MIDDLE: Final = 500
_ROW: Final = 34
_MOST: Final = 30  # fields that are drawn


@dataclass(frozen=True)
class FieldRow:
    """A field as it stands in the form: its name, what is in it, its type, its errors by gate."""

    label: str
    shown: str
    hint: str
    errors: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class FormCard:
    """A form as it stands: the stream, the types and the chosen one, what it reads, its fields, what it says."""

    idx: str
    types: Sequence[str]
    chosen: int
    reads: str
    rows: Sequence[FieldRow]
    outlook: Outlook


def label_of(card: FormCard) -> str:
    """Say what the picture shows.

    Examples
    --------
    >>> label_of(FormCard("debts-1", ["Issued"], 0, "reads version 0, writes 1", [], Outlook(said="Not judged yet.")))
    'Append Issued to debts-1, reads version 0, writes 1. Not judged yet.'
    """
    told = card.outlook.headline or card.outlook.verdict or card.outlook.said
    event = formats.middle(card.types[card.chosen], 60)
    return f"Append {event} to {formats.middle(card.idx, 60)}, {card.reads}. {told}"


def drawn(card: FormCard) -> tuple[str, str]:
    """Draw a form.

    Returns
    -------
    tuple of (str, str)
        The SVG document, and what it shows in a sentence.
    """
    sheet, label = Sheet(_WIDTH), label_of(card)
    _head(sheet, card)
    top = _note(sheet, card.outlook, 37)
    bottom = max(_fields(sheet, card, top + 12), _panel(sheet, card.outlook, top + 12), top + 80)
    sheet.line(_MIDDLE, top, _MIDDLE, bottom)
    return sheet.svg(bottom, label), label


def _head(sheet: Sheet, card: FormCard) -> None:
    title = formats.middle(card.idx, 40)
    sheet.text(12, 23, title, mono=True, bold=True)
    x = 12 + wide(title, mono=True, bold=True) + 16
    for n, name in enumerate(card.types if len(card.types) > 1 else ()):
        shown = formats.middle(name, 24)
        room = wide(shown) + 20
        if x + room > _WIDTH - 220:
            sheet.text(x, 23, f"… {formats.count(len(card.types) - n, 'more type')}", colour="muted")
            break
        chosen = n == card.chosen
        fill, colour = ("accent-tint", "accent") if chosen else ("raised", "ink")
        sheet.rect(x, 6, room, 25, fill=fill, stroke="accent" if chosen else "line", radius=3)
        sheet.text(x + 10, 23, shown, colour=colour)
        x += room + 4
    sheet.text(_WIDTH - 12, 23, card.reads, colour="muted", anchor="end", room=300)
    sheet.line(0, 36.5, _WIDTH, 36.5)


def _note(sheet: Sheet, outlook: Outlook, top: float) -> float:
    if not outlook.headline:
        return top
    reasons = [*outlook.reasons[: formats.FIELDS], *([("", outlook.foot)] if outlook.foot else [])]
    height = 30 + 19 * len(reasons)
    fault = outlook.tone not in ("accepted", *sentences.STAGES)
    tone = "edge" if fault else outlook.tone
    sheet.rect(1, top, _WIDTH - 2, height, fill="raised" if fault else f"{tone}-tint")
    sheet.rect(1, top, 3, height, fill=tone)
    glyph = "✓" if outlook.tone == "accepted" else "✗"
    sheet.text(14, top + 20, glyph, size=T3, colour=tone, bold=True)
    sheet.text(32, top + 20, outlook.headline, size=T3, bold=True, room=_WIDTH - 44)
    y = top + 20
    for gate, said in reasons:
        y += 19
        word = f"{sentences.stage_glyph(gate)} {sentences.stage_word(gate)}" if gate else ""
        sheet.text(14, y, word, colour=gate if gate in sentences.STAGES else "muted", bold=True)
        x = 14 + (wide(word, bold=True) + 10 if word else 0)
        sheet.text(x, y, said, room=_WIDTH - x - 12)
    return top + height


def _fields(sheet: Sheet, card: FormCard, y: float) -> float:
    for row in card.rows[:_MOST]:
        sheet.text(12, y + 18, row.label, mono=True, room=146)
        bad = bool(row.errors)
        sheet.rect(166, y, 210, 28, stroke="own" if bad else "edge", radius=3)
        if bad:
            sheet.rect(166, y, 3, 28, fill="own")
        sheet.text(176, y + 18, row.shown, room=190)
        sheet.text(386, y + 18, row.hint, colour="muted", room=_MIDDLE - 392)
        y += _ROW
        for gate, said in row.errors:
            sheet.text(166, y + 8, f"{sentences.stage_glyph(gate)} {said}", colour=gate, room=_MIDDLE - 176)
            y += 18
    if (more := len(card.rows) - _MOST) > 0:
        sheet.text(12, y + 14, f"… {formats.count(more, 'more field')}", colour="muted")
        y += 24
    if not card.rows:
        sheet.text(12, y + 14, "an event without fields", colour="muted")
        y += 24
    sheet.rect(12, y + 4, 76, 28, stroke="edge", radius=3)
    sheet.text(50, y + 22, "Append", bold=True, anchor="middle")
    return y + 44


def _panel(sheet: Sheet, outlook: Outlook, y: float) -> float:
    left, right = _MIDDLE + 12, _WIDTH - 12
    sheet.text(left, y + 10, outlook.title, size=T1, colour="muted", bold=True, room=right - left)
    y += 18
    if outlook.said:
        sheet.text(left, y + 14, outlook.said, room=right - left)
        y += 26
    y = _state_lines(sheet, outlook, y)
    if outlook.now:
        sheet.text(left, y + 12, f"State now, {outlook.now[0][1]}", size=T1, colour="muted", bold=True, room=440)
        y += 20
    for name, value in outlook.now[1 : formats.FIELDS + 1]:
        sheet.text(left + 8, y + 17, formats.middle(name, 28), mono=True, colour="muted")
        sheet.text(right - 8, y + 17, formats.value(value), anchor="end", room=_room(value, 220))
        sheet.line(left, y + 26, right, y + 26)
        y += 26
    if outlook.verdict:
        sheet.text(left, y + 22, f"✓ {outlook.verdict}", colour="accepted", bold=True)
        y += 34
    return y + 12


def _state_lines(sheet: Sheet, outlook: Outlook, y: float) -> float:
    left, right = _MIDDLE + 12, _WIDTH - 12
    if outlook.lines:
        for x, word, anchor in (
            (left + 24, "field", "start"),
            (right - 110, "now", "end"),
            (right - 8, "would be", "end"),
        ):
            sheet.text(x, y + 14, word, size=T1, colour="muted", bold=True, anchor=anchor)
        y += 22
    for line in shown_lines(outlook.lines):
        same, bad = line.mark == "same", line.mark == "offending"
        if not same:
            sheet.rect(left, y, right - left, 26, fill="state-tint" if bad else "changed-tint")
        tone = "state" if bad else "changed"
        sheet.text(left + 8, y + 17, "" if same else sentences.MARKS[line.mark], colour=tone)
        sheet.text(left + 24, y + 17, formats.middle(line.name, 24), mono=True)
        before = formats.NONE if line.mark == "added" else formats.value(line.before)
        struck = line.mark in ("changed", "removed")
        sheet.text(
            right - 110,
            y + 17,
            before,
            anchor="end",
            struck=struck,
            colour="muted" if struck else "ink",
            room=_room(line.before, 130),
        )
        after = {"same": "same", "removed": "gone"}.get(line.mark, formats.value(line.after))
        colour = "muted" if same else "state" if bad else "ink"
        sheet.text(right - 8, y + 17, after, anchor="end", bold=not same, colour=colour, room=_room(line.after, 98))
        y += 26
    if (more := len(outlook.lines) - formats.FIELDS) > 0:
        sheet.text(left, y + 16, f"… {formats.count(more, 'more field')}", colour="muted")
        y += 24
    return y


def _room(value: object, room: float) -> float | None:
    """The room for a value; a number is never cut."""
    return None if isinstance(value, int | float | Decimal) else room
