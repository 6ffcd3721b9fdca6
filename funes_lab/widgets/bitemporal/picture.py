"""The bitemporal map as an image: the map with its cursors, the sentence, the state and the events of the cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from funes_lab import formats
from funes_lab.widgets import svg
from funes_lab.widgets.bitemporal.data import sentence
from funes_lab.widgets.bitemporal.fields import BITES
from funes_lab.widgets.bitemporal.hatch import hatch
from funes_lab.widgets.bitemporal.panels import draw_panels
from funes_lab.widgets.svg import T1, T3, Sheet

_WIDTH: Final = 960
_MAP: Final = 584  # the part of the width that the map has
_PLOT: Final = 300
_TALLEST: Final = 40
_TOKEN: Final = re.compile(r" |[^ ]+")


def picture(data: Mapping[str, Any], field: str, cell: tuple[int, int], fault: str = "") -> tuple[str, str]:
    """Draw the map.

    Parameters
    ----------
    data : mapping
        As `mapped` makes them.
    field : str
    cell : tuple of int
        Column and row of the cell that is shown.
    fault : str, default ""
        What broke, if something did.

    Returns
    -------
    svg : str
    label : str
        What it shows, in words.
    """
    sheet = Sheet(_WIDTH)
    number = next((n for n, sent in enumerate(data["fields"]) if sent["name"] == field), 0)
    bottom = _head(sheet, data, number)
    if fault:
        sheet.text(12, bottom + 18, f"Not up to date: {fault}", size=T3, room=_WIDTH - 24)
        bottom += 28
    if not data["fields"]:
        sheet.text(12, bottom + 22, " ".join(data["empty"]), colour="muted")
        return sheet.svg(bottom + 38, data["label"]), data["label"]
    told = sentence(data, number, *cell)
    bottom = _say(sheet, told, bottom)
    plot = _Plot.of(data, bottom + 24)
    _draw_cells(sheet, data, data["fields"][number], plot)
    _draw_axes(sheet, data, plot)
    _draw_cursors(sheet, data, plot, cell)
    _draw_marks(sheet, data["fields"][number], plot)
    _draw_ahead(sheet, data, plot)
    below = draw_panels(sheet, data, cell, (_MAP + 24, bottom + 22, _WIDTH - 12))
    height = max(below, plot.bottom + 52)
    sheet.line(_MAP + 12, bottom, _MAP + 12, height)
    words = " ".join("".join(piece for piece, _ in line) for line in told)
    return sheet.svg(height, data["label"]), f"{data['label']}. {words}"


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things stand."""

    rows: int
    columns: int
    left: float
    top: float
    cell: float
    step: float

    @classmethod
    def of(cls, data: Mapping[str, Any], top: float) -> _Plot:
        rows, columns = len(data["as_of"]["short"]), len(data["at"]["short"])
        left = 12 + max(46, *(svg.wide(text, size=T1) + 18 for text in data["as_of"]["short"]))
        return cls(rows, columns, left, top, min(_TALLEST, _PLOT / rows), (_MAP - left - 4) / columns)

    @property
    def bottom(self) -> float:
        return self.top + self.cell * self.rows

    def x(self, column: int) -> float:
        return self.left + self.step * column

    def y(self, row: int) -> float:
        return self.bottom - self.cell * (row + 1)


def _head(sheet: Sheet, data: Mapping[str, Any], number: int) -> float:
    """The name of the stream, what is shown, and what the tones mean."""
    sheet.text(12, 23, data["idx"], bold=True, mono=True)
    x = 24 + svg.wide(data["idx"], mono=True, bold=True)
    field = data["fields"][number] if data["fields"] else None
    shown = ", ".join(filter(None, [field and field["title"], data["projection"], data["left_out"]]))
    wide = _legend(sheet, field, 23, draw=False) if field else 0
    above = x + svg.wide(shown) + wide + 24 <= _WIDTH
    sheet.text(x, 23, shown, colour="muted", room=_WIDTH - x - 12)
    bottom = 36.0
    if field and above:
        _legend(sheet, field, 23)
    elif field:
        _legend(sheet, field, 45)
        bottom = 58
    sheet.line(0, bottom, _WIDTH, bottom)
    return bottom


def _legend(sheet: Sheet, field: Mapping[str, Any], y: float, *, draw: bool = True) -> float:
    """What the tones mean, set to the right; gives how much room it takes."""
    items: list[tuple[str, str, float]] = []
    if field["kind"] == "ramp":
        items = [("", field["ends"][0], 4), *((f"r{n}", "", 0) for n in range(6)), ("", field["ends"][1], 12)]
    else:
        for value in field["legend"]:
            text = formats.shorten(field["values"][value], 24)
            items.append((f"h{field['tones'][value]}", f"{field['letters'][value]} {text}", 12))
        items.append(("", field["more"], 12))
    if any(bite in line for line in field["turns"] for bite in BITES):
        items.append(("/", "corrected later", 0))
    widths = [(20 if key else 0) + (svg.wide(text) + 2 if text else 0) + gap for key, text, gap in items]
    total = sum(widths)
    if not draw:
        return total
    x = max(12, _WIDTH - 12 - total)
    for (key, text, _), width in zip(items, widths, strict=True):
        _key(sheet, key, x, y)
        sheet.text(x + (22 if key else 0), y, text, colour="muted", room=max(20, _WIDTH - x - 30))
        x += width
    return total


def _key(sheet: Sheet, key: str, x: float, y: float) -> None:
    if key.startswith("r"):
        sheet.rect(x, y - 9, 18, 10, fill=key)
    elif key == "/":
        sheet.path(f"M{x + 6:g} {y:g}l8 -8", stroke="ink", width=1.2)
    elif key:
        sheet.rect(x, y - 10, 18, 12, fill="raised", stroke="edge")
        sheet.path(hatch(int(key[1:]), x, y - 10, 18, 12), stroke="edge")


def _say(sheet: Sheet, told: Sequence[Sequence[tuple[str, bool]]], top: float) -> float:
    """The sentence of the cell, in as many lines as it needs."""
    lines = [line for pieces in told for line in _wrapped(pieces, _WIDTH - 24)]
    height = 18 + 20 * max(2, len(lines))
    sheet.rect(1, top + 0.5, _WIDTH - 2, height, fill="raised")
    for n, line in enumerate(lines):
        sheet.runs(12, top + 24 + 20 * n, line, size=T3)
    sheet.line(0, top + height, _WIDTH, top + height)
    return top + height


def _wrapped(pieces: Sequence[tuple[str, bool]], room: float) -> list[list[tuple[str, bool]]]:
    """Break a line of pieces between words."""
    tokens = [(token, bold) for text, bold in pieces for token in _TOKEN.findall(text)]
    lines: list[list[tuple[str, bool]]] = [[]]
    used = 0.0
    while tokens:
        end = next((n for n, (token, _) in enumerate(tokens) if n and token == " "), len(tokens))
        wide = sum(svg.wide(token, size=T3, bold=bold) for token, bold in tokens[:end])
        if used + wide > room and lines[-1]:
            lines.append([])
            used = 0.0
            tokens, end = (tokens[1:], end - 1) if tokens[0][0] == " " else (tokens, end)
        lines[-1] += tokens[:end]
        used += wide
        tokens = tokens[end:]
    return lines


def _boxes(data: Mapping[str, Any], cells: Sequence[Sequence[int]]) -> list[list[int]]:
    """Runs of one value in a line, with the same runs above it: first line, lines, first column, end, value."""
    done: list[list[int]] = []
    open_: dict[tuple[int, int, int], list[int]] = {}
    for row, line in enumerate(cells):
        here: dict[tuple[int, int, int], list[int]] = {}
        start, end = data["starts"][row], data["ends"][row]
        for n in range(start + 1, end + 1):
            if n < end and line[n] == line[start]:
                continue
            key = (start, n, line[start])
            box = open_.get(key)
            if box is None:
                box = [row, 0, *key]
                done.append(box)
            box[1] += 1
            here[key] = box
            start = n
        open_ = here
    return done


def _draw_cells(sheet: Sheet, data: Mapping[str, Any], field: Mapping[str, Any], at: _Plot) -> None:
    tones: dict[str, list[str]] = {}
    hatches = []
    for row, lines, start, end, value in _boxes(data, field["cells"]):
        x, y, w, h = at.x(start), at.y(row + lines - 1), at.x(end) - at.x(start), at.cell * lines
        tone = field["tones"][value]
        is_step = field["kind"] == "ramp" and tone >= 0
        # a little more to the right and below: else the ground shines through between two boxes
        d = f"M{_n(x)} {_n(y)}h{_n(w + 0.3)}v{_n(h + 0.3)}h{_n(-w - 0.3)}z"
        tones.setdefault(f"r{tone}" if is_step else "raised", []).append(d)
        if not is_step and tone > 0:
            hatches.append(hatch(tone, x, y, w, h))
    for name, paths in tones.items():
        sheet.path("".join(paths), fill=name)
    if hatches:
        sheet.path("".join(hatches), stroke="edge")


def _draw_marks(sheet: Sheet, field: Mapping[str, Any], at: _Plot) -> None:
    size = min(4, at.step * 0.3, at.cell * 0.4)
    marks: dict[str, list[str]] = {"ink": [], "surface": []}
    for row, line in enumerate(field["turns"]):
        for column, turn in enumerate(line):
            if turn in BITES:
                x, y = at.x(column) + at.step / 2, at.y(row) + at.cell / 2
                is_dark = turn == "o" and field["kind"] == "ramp" and field["tones"][field["cells"][row][column]] >= 4
                d = f"M{_n(x - size)} {_n(y + size * 0.75)}l{_n(2 * size)} {_n(-1.5 * size)}"
                marks["surface" if is_dark else "ink"].append(d)
    for colour, paths in marks.items():
        if paths:
            sheet.path("".join(paths), stroke=colour, width=1.2)
    for row, first, end, value in field["marks"] if at.cell >= 12 else ():
        text = field["letters"][value]
        wide = svg.wide(text, size=T1, bold=True) + 6
        if at.x(end) - at.x(first) >= wide:
            x, y = (at.x(first) + at.x(end)) / 2, at.y(row) + at.cell / 2
            sheet.rect(x - wide / 2, y - 6, wide, 12, fill="surface")
            sheet.text(x, y + 4, text, size=T1, bold=True, anchor="middle")


def _draw_axes(sheet: Sheet, data: Mapping[str, Any], at: _Plot) -> None:
    sheet.path(_edge(data, at), stroke="edge")
    for row in range(0, at.rows, ceil(16 / at.cell)):
        shown = data["as_of"]["short"][row]
        sheet.text(at.left - 10, at.y(row) + at.cell / 2 + 4, shown, size=T1, colour="muted", anchor="end")
    broad = max(svg.wide(text, size=T1) for text in data["at"]["short"]) + 10
    for column in range(0, at.columns, ceil(broad / at.step)):
        x = at.x(column) + at.step / 2
        sheet.line(x, at.bottom, x, at.bottom + 4)
        sheet.text(x, at.bottom + 16, data["at"]["short"][column], size=T1, colour="muted", anchor="middle")
    known, happened = (f", {data[axis]['shared']}" if data[axis]["shared"] else "" for axis in ("as_of", "at"))
    sheet.text(14, at.top - 8, f"as_of ↑ what the log knew{known}", size=T1, colour="muted", bold=True)
    below, told = at.bottom + 37, f"at → what had happened by{happened}"
    sheet.text(at.x(at.columns), below, told, size=T1, colour="muted", bold=True, anchor="end")


def _draw_ahead(sheet: Sheet, data: Mapping[str, Any], at: _Plot) -> None:
    """Say what the blank corner is."""
    row = at.rows // 4
    room = at.x(at.columns) - at.x(data["ends"][row])
    if at.cell * at.rows > 80 and room > 110:
        x, y = at.x(data["ends"][row]) + room / 2, at.y(row) + at.cell / 2 + 4
        sheet.rect(x - 50, y - 12, 100, 16, fill="surface")
        sheet.text(x, y, "not yet happened", size=T1, colour="muted", anchor="middle")


def _edge(data: Mapping[str, Any], at: _Plot) -> str:
    """The staircase around what was known."""
    up: list[str] = []
    down: list[str] = []
    for row, (start, end) in enumerate(zip(data["starts"], data["ends"], strict=True)):
        if start < end:
            low, high = _n(at.y(row) + at.cell), _n(at.y(row))
            up += [f"{_n(at.x(end))} {low}", f"{_n(at.x(end))} {high}"]
            down = [f"{_n(at.x(start))} {high}", f"{_n(at.x(start))} {low}", *down]
    return f"M{'L'.join(up + down)}Z" if up else ""


def _draw_cursors(sheet: Sheet, data: Mapping[str, Any], at: _Plot, cell: tuple[int, int]) -> None:
    column, row = cell
    x, y = at.x(column), at.y(row)
    mid, high = x + at.step / 2, y + at.cell / 2
    lines = f"M{_n(mid)} {_n(y + at.cell)}V{_n(at.bottom)}M{_n(at.left)} {_n(high)}H{_n(x)}"
    box = f"M{_n(x)} {_n(y)}h{_n(at.step)}v{_n(at.cell)}h{_n(-at.step)}z"
    for d, width in ((lines, 1.3), (box, 2)):
        sheet.path(d, stroke="surface", width=4)
        sheet.path(d, stroke="ink", width=width)
    known, happened = data["as_of"]["short"][row], data["at"]["short"][column]
    _pill(sheet, known, at.left - 8 - (svg.wide(known, size=T1) + 12) / 2, high - 9)
    _pill(sheet, happened, mid, at.bottom + 3)


def _pill(sheet: Sheet, text: str, centre: float, top: float) -> None:
    wide = svg.wide(text, size=T1) + 12
    left = min(max(centre - wide / 2, 2), _MAP + 6 - wide)
    sheet.rect(left, top, wide, 18, fill="accent", radius=3)
    sheet.text(left + wide / 2, top + 13, text, size=T1, colour="on-accent", anchor="middle")


def _n(number: float) -> str:
    return f"{round(number, 1):g}"
