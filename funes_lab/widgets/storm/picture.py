"""The storm as an image: lost races and throughput against the number of writers, all figures, the proof."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from funes_lab import formats
from funes_lab.widgets import scale, svg
from funes_lab.widgets.storm.words import COLUMNS, cells, label, proof_told, where
from funes_lab.widgets.svg import T1, T3, Sheet

_WIDTH: Final = 960
_PLOT: Final = 190
_ROW: Final = 24
#: More rows than these are left to the DataFrame.
ROWS: Final = 24
_MARKS: Final = ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-4 -4h8v8h-8z", "M0 -5l5 5l-5 5l-5 -5z", "M0 -5l5 9h-10z")
_COLOURS: Final = 8

Rows = Sequence[Mapping[str, Any]]


def picture(told: Mapping[str, Any], rows: Rows, broken: Sequence[str]) -> tuple[str, str]:
    """Draw a storm.

    Parameters
    ----------
    told : mapping
        `stream_class`, `processes`, `streams`, `appends`, `interrupted`, and `words`: what each policy does.
    rows : sequence of mapping
        Those of `Storm.df()`.
    broken : sequence of str
        What breaks the proof.

    Returns
    -------
    svg : str
    label : str
        What it shows, in words.
    """
    sheet = Sheet(_WIDTH)
    sheet.text(12, 23, "Storm", bold=True, size=T3)
    sheet.text(62, 23, told["stream_class"], mono=True, room=360)
    sheet.text(_WIDTH - 12, 23, where(told, rows), colour="muted", anchor="end")
    sheet.line(0, 36, _WIDTH, 36)
    names = list(dict.fromkeys(row["policy"] for row in rows))
    half = _WIDTH / 2
    sheet.line(half, 36, half, 80 + _PLOT)
    lost, rate = _Plot(12, half - 12, _lost), _Plot(half + 12, _WIDTH - 12, _rate)
    lost.draw(sheet, rows, names, "Lost races for each accepted event")
    rate.draw(sheet, rows, names, "Accepted events a second")
    bottom = _table(sheet, told, rows, names, 80.0 + _PLOT)
    bottom = _foot(sheet, proof_told(rows, broken), bottom, holds=not broken)
    return sheet.svg(bottom, said := label(told, rows, broken)), said


def _lost(row: Mapping[str, Any]) -> float | None:
    return row["conflicts"] / row["accepted"] if row["accepted"] else None


def _rate(row: Mapping[str, Any]) -> float | None:
    return float(row["throughput"]) if row["throughput"] == row["throughput"] else None


@dataclass(frozen=True, slots=True)
class _Plot:
    """One figure of every storm: the number of writers to the right, a line a policy."""

    left: float
    right: float
    figure: Callable[[Mapping[str, Any]], float | None]

    def draw(self, sheet: Sheet, rows: Rows, names: Sequence[str], title: str) -> None:
        sheet.text(self.left, 58, title, size=T1, colour="muted", bold=True)
        counts = sorted({row["writers"] for row in rows})
        axis = scale.axis(self.figure(row) for row in rows)
        top, bottom = 74.0, 74.0 + _PLOT - 36
        x0 = self.left + 12 + max(svg.wide(text, size=T1) for _, text in axis["ticks"])
        beside = min(150.0, max(svg.wide(name, size=T1) for name in names) + 22)
        x1 = self.right - beside

        def x_of(count: int) -> float:
            place = counts.index(count)
            return (x0 + x1) / 2 if len(counts) == 1 else x0 + 14 + place * (x1 - x0 - 28) / (len(counts) - 1)

        def y_of(value: float) -> float:
            return bottom - (value - float(axis["lo"])) / float(axis["hi"] - axis["lo"]) * (bottom - top)

        for value, text in axis["ticks"]:
            sheet.line(x0, y_of(value), x1, y_of(value))
            sheet.text(x0 - 8, y_of(value) + 4, text, size=T1, colour="muted", anchor="end")
        for count in counts:
            sheet.text(x_of(count), bottom + 17, f"{count:,}", size=T1, colour="muted", anchor="middle")
        sheet.text(x1 + 8, bottom + 17, "writers", size=T1, colour="muted")
        ends: list[tuple[float, int, str]] = []
        for number, name in enumerate(names):
            points = [
                (x_of(row["writers"]), y_of(value))
                for row in sorted(rows, key=lambda row: row["writers"])
                if row["policy"] == name and (value := self.figure(row)) is not None
            ]
            _line(sheet, points, number)
            if points:
                ends.append((points[-1][1], number, name))
        self._name(sheet, ends, x1 if len(counts) > 1 else x_of(counts[0]) + 4, (top, bottom))

    def _name(self, sheet: Sheet, ends: list[tuple[float, int, str]], x: float, within: tuple[float, float]) -> None:
        """Write each name, with its mark, where its line ends; those that would touch are moved apart."""
        lowest, spots = within[0] - 14, []
        for y, number, name in sorted(ends):
            lowest = max(y, lowest + 14)
            spots.append((lowest, number, name))
        over = max(0.0, lowest - within[1] + 8)
        for y, number, name in spots:
            _mark(sheet, x + 10, y - over, number)
            sheet.text(x + 18, y - over + 4, name, size=T1, room=self.right - x - 18)


def _line(sheet: Sheet, points: Sequence[tuple[float, float]], number: int) -> None:
    colour = _colour(number)
    if len(points) > 1:
        sheet.path("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), stroke=colour, width=2)
    for x, y in points:
        _mark(sheet, x, y, number)


def _mark(sheet: Sheet, x: float, y: float, number: int) -> None:
    mark, colour = _MARKS[number % len(_MARKS)], _colour(number)
    sheet.path(mark, fill=colour, stroke="surface", width=1.5, move=f"{x:.1f} {y:.1f}")


def _colour(number: int) -> str:
    return f"c{number + 1}" if number < _COLOURS else "muted"


def _table(sheet: Sheet, told: Mapping[str, Any], rows: Rows, names: Sequence[str], top: float) -> float:
    """Every figure in a row; gives where it ends."""
    sheet.rect(1, top, _WIDTH - 2, _ROW, fill="raised")
    sheet.line(0, top, _WIDTH, top)
    sheet.text(30, top + 16, "policy", size=T1, colour="muted", bold=True)
    for head, x in COLUMNS:
        sheet.text(x, top + 16, head, size=T1, colour="muted", bold=True, anchor="end")
    y, before = top + _ROW, ""
    for row in rows[:ROWS]:
        sheet.line(0, y, _WIDTH, y)
        if row["policy"] != before:
            before = row["policy"]
            _mark(sheet, 18, y + 12, names.index(before))
            words = told["words"][before]
            shown = before if words in before or words == before else f"{before}: {words}"
            sheet.text(30, y + 16, shown, room=COLUMNS[0][1] - 80)
        for (_, x), text in zip(COLUMNS, cells(row), strict=True):
            colour = {"✓": "accepted", "✗": "state"}.get(text, "ink")
            sheet.text(x, y + 16, text, colour=colour, anchor="end", bold=colour != "ink")
        y += _ROW
    if len(rows) > ROWS:
        sheet.line(0, y, _WIDTH, y)
        sheet.text(30, y + 16, f"… {len(rows) - ROWS:,} more in storm.df()", colour="muted")
        y += _ROW
    sheet.line(0, y, _WIDTH, y)
    return y


def _foot(sheet: Sheet, said: str, top: float, *, holds: bool) -> float:
    """The proof in words, in as many lines as it needs."""
    glyph, colour = ("✓", "accepted") if holds else ("✗", "state")
    sheet.text(12, top + 21, glyph, colour=colour, bold=True, size=T3)
    lines = textwrap.wrap(formats.visible(said), int((_WIDTH - 42) / svg.wide("n", size=T3)))
    for number, line in enumerate(lines):
        sheet.text(30, top + 21 + 19 * number, line, size=T3)
    return top + 15 + 19 * len(lines)
