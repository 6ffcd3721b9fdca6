"""The static picture of the replay scrubber: list, line, state and sentence at one version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from funes_lab import formats
from funes_lab.widgets.columns import wrap
from funes_lab.widgets.scrubber import words
from funes_lab.widgets.scrubber.plot import Box, Plot
from funes_lab.widgets.svg import T1, T3, T4, Sheet, wide

_EVENTS: Final = 12  # rows of the list
_FIELDS: Final = 8  # rows of the state
_PLOTS: Final = 3
_WIDTH, _LEFT = 960, 384
_ROW: Final = 26
_CROSS: Final = "M-4 -4l8 8m0 -8l-8 8"
_LETTERS: Final = 140  # of a line in the foot

Data = Mapping[str, Any]


def drawn(data: Data, other: Data, version: int, fields: Sequence[str], fault: str = "") -> tuple[str, str]:
    """Draw the picture: an SVG document, and what it shows in a sentence.

    Parameters
    ----------
    data, other : mapping
        As recorded, and without the events that are skipped ({} if none is).
    version : int
        Where the cursor stands.
    fields : sequence of str
        The numeric fields that are drawn.
    fault : str
        What went wrong outside of the replay.
    """
    sheet, named = Sheet(_WIDTH), f"Replay of {data['idx']} with {data['projection']}"
    if not data.get("versions"):
        _head(sheet, data, other)
        sheet.text(12, 60, data["sentence"], colour="muted")
        sheet.text(24 + wide(data["sentence"]), 60, data["way"], mono=True)
        return sheet.svg(80, named), f"{named}. No events yet"
    place = data["versions"].index(version) + 1
    pieces = words.sentence(data, other, place, next(iter(fields), next(iter(data["numeric"]), "")))
    _head(sheet, data, other)
    _track(sheet, data, other, place)
    top = _note(sheet, data, other, fault, 80)
    low = max(_list(sheet, data, other, place, top), _right(sheet, data, other, place, fields, top))
    sheet.line(_LEFT, top, _LEFT, low)
    told = "".join(text for text, _ in pieces)
    high = _foot(sheet, pieces, low)
    return sheet.svg(high, f"{named}. {told}"), f"{named}. {told}"


def _head(sheet: Sheet, data: Data, other: Data) -> None:
    sheet.text(12, 23, data["idx"], mono=True, bold=True)
    sheet.text(24 + wide(data["idx"], mono=True, bold=True), 23, data["projection"], colour="muted")
    shown = other["head"] if other else data.get("events", "")
    sheet.text(_WIDTH - 12, 23, shown, bold=bool(other), colour="changed" if other else "muted", anchor="end")
    sheet.line(0, 36, _WIDTH, 36)


def _track(sheet: Sheet, data: Data, other: Data, place: int) -> None:
    events, left, right, y = len(data["versions"]), 28, _WIDTH - 150, 58
    sheet.rect(1, 37, _WIDTH - 2, 43, fill="raised")

    def x(where: int) -> float:
        return left + (right - left) * ((where - 1) / (events - 1) if events > 1 else 0)

    sheet.rect(left - 8, y - 1, right - left + 16, 2, fill="line")
    skipped = other.get("places", ())
    if (right - left) / max(1, events - 1) < 4:
        sheet.rect(left, y - 5, right - left, 10, fill="edge")
        sheet.rect(left, y - 5, x(place) - left, 10, fill="accent")
    else:
        for where in range(1, events + 1):
            if where not in skipped:
                sheet.rect(x(where) - 1, y - 5, 2, 10, fill="accent" if where <= place else "edge")
    for where in skipped[: right - left]:
        sheet.path(_CROSS, stroke="surface", width=5, move=f"{x(where):.1f} {y}")
        sheet.path(_CROSS, stroke="changed", width=2, move=f"{x(where):.1f} {y}")
    sheet.circle(x(place), y, 9, fill="surface", stroke="accent")
    sheet.circle(x(place), y, 6, fill="accent")
    of = f"of {data['total']}"
    sheet.text(_WIDTH - 12, 64, of, colour="muted", anchor="end")
    sheet.text(_WIDTH - 18 - wide(of), 64, words.version(data, place), size=T4, bold=True, anchor="end")
    sheet.line(0, 80, _WIDTH, 80)


def _note(sheet: Sheet, data: Data, other: Data, fault: str, top: float) -> float:
    """What broke: in the code of the reader, or elsewhere."""
    told = [text for text in (fault, (other or data)["broke"]) if text]
    lines = [line for text in told for line in wrap(formats.visible(text), _LETTERS)]
    for n, line in enumerate(lines):
        sheet.text(12, top + 20 + 18 * n, line, size=T3)
    if lines:
        high = 10 + 18 * len(lines) + 4
        sheet.rect(1, top + 1, 3, high - 1, fill="edge")
        top += high
        sheet.line(0, top, _WIDTH, top)
    return top


# --- the list ---------------------------------------------------------------------------------------------------


class _Spots(NamedTuple):
    """Where the columns of the list stand: the right edges of numbers, figures and days, the left one of payloads."""

    number: float
    payload: float
    figures: float
    day: float


def _list(sheet: Sheet, data: Data, other: Data, place: int, top: float) -> float:
    events = len(data["versions"])
    low = max(1, min(place - _EVENTS // 2, events - _EVENTS + 1))
    high = min(events, low + _EVENTS - 1)
    shown = range(low, high + 1)
    number = 16 + max(wide(words.version(data, events), mono=True), 14)
    marked = any(where in other.get("places", ()) or words.fault(data, other, where) for where in shown)
    day = _LEFT - (64 if marked else 12)
    figures = day - max(wide(_day(data, where)) for where in shown) - 14
    names = max(wide(data["short"][data["type"][where - 1]]) for where in shown)
    spots = _Spots(number, min(200, number + 40 + names), figures, day)
    heads = [(number, "#", "end"), (number + 12, "event", "start"), (day, data["year"] or "day", "end")]
    heads.append((figures, data["column"], "end") if data["column"] else (spots.payload, "payload", "start"))
    for x, text, anchor in heads:
        sheet.text(x, top + 18, text, size=T1, bold=True, colour="muted", anchor=anchor)
    y = top + 26
    sheet.line(0, y, _LEFT, y)
    for where in shown:
        _event(sheet, data, other, where, place, spots, y)
        y += _ROW
    if high - low + 1 < events:
        before, after = formats.value(low - 1), formats.value(events - high)
        sheet.text(12, y + 18, f"… {before} before and {after} after these", colour="muted")
        y += _ROW
    return y


def _day(data: Data, place: int) -> str:
    short = data["days"][data["day"][place - 1]][0]
    return f"{short} {data['clock'][place - 1]}".rstrip() if data["clock"] else str(short)


def _event(sheet: Sheet, data: Data, other: Data, where: int, place: int, spots: _Spots, y: float) -> None:
    number, right = spots.number, spots.figures
    skipped, base = where in other.get("places", ()), y + 17
    if where == place:
        sheet.rect(1, y, _LEFT - 1, _ROW, fill="accent-tint")
        sheet.rect(1, y, 3, _ROW, fill="accent")
    colour = "muted" if skipped else "ink"
    sheet.text(number, base, words.version(data, where), mono=True, anchor="end")
    kind = data["type"][where - 1]
    sheet.circle(number + 16, y + 13, 4, fill=f"c{kind + 1}" if kind < 8 else "muted")
    figure = data["figures"][where - 1] if data["column"] else ""
    room = right - (number + 36) - wide(figure) if data["column"] else spots.payload - (number + 34)
    sheet.text(number + 26, base, data["short"][kind], struck=skipped, colour=colour, room=room)
    if data["column"]:
        sheet.text(right, base, figure, struck=skipped, colour=colour, anchor="end")
    else:
        payload = data["payloads"][where - 1]
        sheet.text(spots.payload, base, payload, struck=skipped, colour=colour, room=right - spots.payload + 4)
    sheet.text(spots.day, base, _day(data, where), colour="muted", anchor="end")
    word = "skipped" if skipped else "failed" if words.fault(data, other, where) else ""
    if word:
        sheet.text(_LEFT - 10, base, word, size=T1, bold=True, colour="changed" if skipped else "ink", anchor="end")
    sheet.line(0, y + _ROW, _LEFT, y + _ROW)


# --- the line and the state -------------------------------------------------------------------------------------


def _right(sheet: Sheet, data: Data, other: Data, place: int, fields: Sequence[str], top: float) -> float:
    y = top
    shown = fields[:_PLOTS] if data["end"] else ()
    for name in shown:
        high = 150 if len(shown) == 1 else 110
        sheet.text(_LEFT + 12, y + 20, name, size=T1, bold=True, colour="muted")
        Plot(sheet, data, other, name, Box(_LEFT + 12, y + 26, _WIDTH - _LEFT - 24, high)).draw(place)
        y += 26 + high + 6
    if len(fields) > len(shown):
        sheet.text(_LEFT + 12, y + 14, f"… {formats.count(len(fields) - len(shown), 'more line')}", colour="muted")
        y += 20
    if shown:
        sheet.line(_LEFT, y, _WIDTH, y)
    return _state(sheet, data, other, place, y)


def _state(sheet: Sheet, data: Data, other: Data, place: int, top: float) -> float:
    lines = words.lines(data, other, place)
    sheet.text(
        _LEFT + 12, top + 20, f"State after version {words.version(data, place)}", size=T1, bold=True, colour="muted"
    )
    if not lines:
        sheet.text(_LEFT + 12, top + 44, words.no_state(data, other, place), colour="muted")
        return top + 60
    ends = (_LEFT + 330, _LEFT + 455, _WIDTH - 12) if other else (_LEFT + 390, _WIDTH - 12, 0)
    heads = ("before", "after", *(["as recorded"] if other else []))
    sheet.text(_LEFT + 36, top + 42, "field", size=T1, bold=True, colour="muted")
    for x, text in zip(ends, heads, strict=False):
        sheet.text(x, top + 42, text, size=T1, bold=True, colour="muted", anchor="end")
    y = top + 50
    sheet.line(_LEFT, y, _WIDTH, y)
    # those that moved first, if not all can be shown
    first = sorted(lines, key=lambda line: not line.changed) if len(lines) > _FIELDS else lines
    for line in first[:_FIELDS]:
        _field(sheet, line, ends, y)
        y += _ROW
    if len(lines) > _FIELDS:
        sheet.text(_LEFT + 36, y + 18, f"… {formats.count(len(lines) - _FIELDS, 'more field')}", colour="muted")
        y += _ROW
    return y


def _field(sheet: Sheet, line: words.Line, ends: tuple[float, float, float], y: float) -> None:
    base, moved = y + 17, line.changed
    if moved:
        sheet.rect(_LEFT + 1, y + 1, _WIDTH - _LEFT - 2, _ROW - 1, fill="changed-tint")
        sheet.text(_LEFT + 14, base, "~", colour="changed")
    column = 118.0
    sheet.text(_LEFT + 36, base, line.name, mono=True, room=ends[0] - column - _LEFT - 40)
    for x, text, struck, bold, colour in (
        (ends[0], line.before, moved, False, "muted" if moved else "ink"),
        (ends[1], f"→ {line.after}" if moved else line.after, False, moved, "ink"),
        (ends[2], line.recorded, False, False, "muted"),
    ):
        if text and x:
            room = None if line.is_number else column
            sheet.text(x, base, text, struck=struck, bold=bold, colour=colour, anchor="end", room=room)
    sheet.line(_LEFT, y + _ROW, _WIDTH, y + _ROW)


def _foot(sheet: Sheet, pieces: Sequence[tuple[str, bool]], top: float) -> float:
    """The sentence, over as many lines as it needs."""
    sheet.line(0, top, _WIDTH, top)
    y = top + 20
    for line in lines(pieces, _WIDTH - 24):
        sheet.runs(12, y, line, colour="muted")
        y += 18
    return y - 6


def lines(pieces: Sequence[tuple[str, bool]], room: float) -> list[list[tuple[str, bool]]]:
    """Break a sentence at its spaces, wherever its pieces begin and end."""
    lines: list[list[tuple[str, bool]]] = [[]]
    length = 0.0
    for text, bold in pieces:
        for part in re.findall(r" ?[^ ]*", formats.visible(text)):
            if length + wide(part, bold=bold) > room and part.startswith(" "):
                lines.append([])
                length = 0.0
            lines[-1].append((part if lines[-1] else part.lstrip(), bold))
            length += wide(part, bold=bold)
    return lines
