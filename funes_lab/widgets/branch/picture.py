"""The static picture of a branch: two lines that fork, the table of log, what-if and difference, and the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from funes_lab import formats
from funes_lab.widgets.branch import words
from funes_lab.widgets.branch.marks import GONE
from funes_lab.widgets.branch.plot import Plot
from funes_lab.widgets.columns import wrap
from funes_lab.widgets.scrubber.picture import lines as broken
from funes_lab.widgets.scrubber.plot import Box
from funes_lab.widgets.svg import T1, T3, Sheet, wide

_STEPS: Final = 10  # rows of the table
_FIELDS: Final = 6  # rows of the state
_WIDTH, _LEFT = 960, 540
_ROW: Final = 26
_CELL: Final = 76.0  # room of a text in a column of figures
_FIGURE: Final = 14  # characters of a payload that stands beside the name of its event
_WHAT_IF: Final = "what-if, not in the log"
_HEADS: Final = ("log", "what-if", "difference")

Data = Mapping[str, Any]


def drawn(data: Data, name: str, place: int, fault: str = "") -> tuple[str, str]:
    """Draw the picture: an SVG document, and what it shows in a sentence.

    Parameters
    ----------
    data : mapping
    name : str
        The field that is drawn, "" for none.
    place : int
        Where the cursor stands.
    fault : str
        What went wrong outside of it.
    """
    sheet, label = Sheet(_WIDTH), f"Branch of {data['idx']} under {data['projection']}, {data['changes']}"
    _head(sheet, data)
    if not words.length(data):
        sheet.text(12, 60, data["sentence"], colour="muted")
        sheet.text(24 + wide(data["sentence"]), 60, data["way"], mono=True)
        return sheet.svg(80, label), f"{label}. {data['sentence']}"
    pieces = words.sentence(data, place, name)
    low = max(_lines(sheet, data, name, place), _note(sheet, data, _table(sheet, data, name, place)))
    sheet.line(_LEFT, 36, _LEFT, low)
    told = "".join(text for text, _ in pieces)
    high = _foot(sheet, [*pieces, *([(f" {fault}", True)] if fault else [])], low)
    label = f"{label}. {told}"
    return sheet.svg(high, label), label


def _head(sheet: Sheet, data: Data) -> None:
    sheet.text(12, 23, data["idx"], mono=True, bold=True)
    x, end = 24 + wide(data["idx"], mono=True, bold=True), _WIDTH - 12
    sheet.text(x, 23, data["changes"], colour="muted", room=end - wide(_WHAT_IF, bold=True) - 16 - x)
    sheet.text(end, 23, _WHAT_IF, bold=True, colour="changed", anchor="end")
    sheet.line(0, 36, _WIDTH, 36)


# --- the lines and the state ------------------------------------------------------------------------------------


def _lines(sheet: Sheet, data: Data, name: str, place: int) -> float:
    field, y = words.field_of(data, name), 36.0
    if field is not None:
        sheet.text(12, y + 20, f"{formats.middle(name, 60)} by version", size=T1, bold=True, colour="muted")
        Plot(sheet, data, field, Box(12, y + 28, _LEFT - 24, 190 if field["number"] else 150)).draw(place)
        y += 28 + (190 if field["number"] else 150) + 8
        sheet.line(0, y, _LEFT, y)
    return _state(sheet, data, place, y)


def _state(sheet: Sheet, data: Data, place: int, y: float) -> float:
    told = f"State after version {words.version(data, place)}"
    sheet.text(12, y + 18, told, size=T1, bold=True, colour="muted")
    ends = (_LEFT - 220.0, _LEFT - 100.0, _LEFT - 12.0)
    for x, text in zip(ends, _HEADS, strict=True):
        sheet.text(x, y + 18, text, size=T1, bold=True, colour="muted", anchor="end")
    y += 26
    found = words.lines(data, place)
    # those that differ first, if not all can be shown
    listed = sorted(found, key=lambda line: not line.differs) if len(found) > _FIELDS else found
    for line in listed[:_FIELDS]:
        sheet.line(0, y, _LEFT, y)
        if line.differs:
            sheet.rect(1, y + 1, _LEFT - 1, _ROW - 1, fill="changed-tint")
        sheet.text(12, y + 17, line.name, mono=True, room=190)
        for n, (x, text) in enumerate(zip(ends, (line.log, line.what_if, line.gap), strict=True)):
            room = None if line.is_number else (110.0, 110.0, 80.0)[n]
            strong, colour = line.differs and n == 1, "muted" if n and not line.differs else "ink"
            sheet.text(x, y + 17, text, anchor="end", bold=strong, colour=colour, room=room)
        y += _ROW
    if len(found) > _FIELDS:
        sheet.text(12, y + 17, f"… {formats.count(len(found) - _FIELDS, 'more field')}", colour="muted")
        y += _ROW
    return y


# --- the table --------------------------------------------------------------------------------------------------


class _Spots(NamedTuple):
    """Where the columns of the table stand: the right edges of the numbers, of the events and of the figures."""

    number: float
    event: float
    figures: list[float]


Rows = Mapping[int, words.Line | None]


def _table(sheet: Sheet, data: Data, name: str, place: int) -> float:
    """The steps around the cursor: what happened, and the field in both lines."""
    steps, field = words.length(data), words.field_of(data, name)
    low = max(1, min(place - _STEPS // 2, steps - _STEPS + 1))
    shown = range(low, min(steps, low + _STEPS - 1) + 1)
    rows = {where: None if field is None else words.line(data, field, where) for where in shown}
    spots = _spots(data, rows)
    sheet.text(spots.number, 54, "#", size=T1, bold=True, colour="muted", anchor="end")
    sheet.text(spots.number + 12, 54, "event", size=T1, bold=True, colour="muted")
    for end, text in zip(spots.figures, _HEADS, strict=False):
        sheet.text(end, 54, text, size=T1, bold=True, colour="muted", anchor="end")
    y = 62.0
    for where, row in rows.items():
        sheet.line(_LEFT, y, _WIDTH, y)
        _ground(sheet, row, y, here=where == place)
        sheet.text(spots.number, y + 17, words.version(data, where), mono=True, anchor="end")
        _event(sheet, data, where, spots, y + 17)
        if row is not None:
            _figures(sheet, row, spots, y + 17)
        y += _ROW
    if len(rows) < steps:
        before, after = formats.value(low - 1), formats.value(steps - shown[-1])
        sheet.line(_LEFT, y, _WIDTH, y)
        sheet.text(_LEFT + 12, y + 17, f"… {before} before and {after} after these", colour="muted")
        y += _ROW
    return y


def _spots(data: Data, rows: Rows) -> _Spots:
    number = _LEFT + 14 + max(14.0, *(wide(words.version(data, where), mono=True) for where in rows))
    listed = [row for row in rows.values() if row is not None]
    figures: list[float] = []
    x = _WIDTH - 12.0
    for n in reversed(range(len(_HEADS) if listed else 0)):
        shown = (min(wide(_cells(row)[n], bold=True), 999.0 if row.is_number else _CELL) for row in listed)
        figures.insert(0, x)
        x -= 12 + max(wide(_HEADS[n], size=T1, bold=True), *shown)
    return _Spots(number, x, figures)


def _cells(row: words.Line) -> tuple[str, str, str]:
    return row.log, row.what_if, row.gap


def _ground(sheet: Sheet, row: words.Line | None, y: float, *, here: bool) -> None:
    tint = "accent-tint" if here else "changed-tint" if row is not None and row.differs else ""
    if tint:
        sheet.rect(_LEFT + 1, y + 1, _WIDTH - _LEFT - 2, _ROW - 1, fill=tint)
    if here:
        sheet.rect(_LEFT + 1, y, 3, _ROW, fill="accent")


def _event(sheet: Sheet, data: Data, where: int, spots: _Spots, y: float) -> None:
    """What happened, and what became of it on the branch."""
    mark, problem = data["changed"].get(str(where), {}), data["problems"].get(str(where))
    glyphs = [(mark["glyph"], "changed")] if mark else []
    glyphs += [("✗ refused", problem["stage"])] if problem else []
    x, right = spots.number + 12, spots.event
    for glyph, colour in glyphs:
        sheet.text(x, y, glyph, bold=True, colour=colour)
        x += max(12.0, wide(glyph, bold=True) + 7)
    name, payload = data["short"][data["type"][where - 1]], data["payloads"][where - 1]
    gone = mark.get("word") in GONE
    parts = [payload, *([mark["by"]] if mark.get("by") else [])]
    told = " → ".join(parts)
    figures = told if not any(" " in part or len(part) > _FIGURE for part in parts) else ""
    text = name if figures else f"{name} {told}".rstrip()
    room, colour = right - x - (wide(figures) + 14 if figures else 0), "muted" if gone else "ink"
    sheet.text(x, y, text, struck=gone, colour=colour, room=room)
    sheet.text(right, y, figures, struck=gone, colour=colour, anchor="end")


def _figures(sheet: Sheet, row: words.Line, spots: _Spots, y: float) -> None:
    for n, (end, shown) in enumerate(zip(spots.figures, _cells(row), strict=True)):
        colour = "muted" if n and not row.differs else "ink"
        room = None if row.is_number else _CELL
        sheet.text(end, y, shown, anchor="end", bold=row.differs and n == 1, colour=colour, room=room)


# --- below ------------------------------------------------------------------------------------------------------


def _note(sheet: Sheet, data: Data, top: float) -> float:
    """What the rules would not have let in."""
    note = data["note"]
    if not note:
        return top
    told: list[tuple[str, bool]] = [(f"✗ {note['head']}", True)]
    for _, version, text in note["lines"]:
        told += [(line, False) for line in wrap(f"{version}: {text}", 62)]
    told += [(note["more"], False)] if note["more"] else []
    stage, high = note["lines"][0][0], 14 + 18 * len(told)
    sheet.rect(_LEFT + 1, top + 1, _WIDTH - _LEFT - 2, high, fill=f"{stage}-tint")
    sheet.rect(_LEFT + 1, top + 1, 3, high, fill=stage)
    for n, (text, bold) in enumerate(told):
        room = _WIDTH - _LEFT - 28
        sheet.text(_LEFT + 14, top + 20 + 18 * n, text, size=T3 if bold else 12, bold=bold, room=room)
    return top + high + 1


def _foot(sheet: Sheet, pieces: list[tuple[str, bool]], top: float) -> float:
    """The sentence, over as many lines as it needs."""
    sheet.line(0, top, _WIDTH, top)
    y = top + 20
    for line in broken(pieces, _WIDTH - 24):
        sheet.runs(12, y, line, colour="muted")
        y += 18
    return y - 6
