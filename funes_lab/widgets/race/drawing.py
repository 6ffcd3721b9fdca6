"""The sequence diagram of a race as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab.widgets.race.diagram import bands_at
from funes_lab.widgets.svg import T1, T3, Sheet, fitted, wide
from funes_lab.widgets.timeline.picture import GLYPHS

#: Room for the numbers of the steps, and between the outer lifelines and the edge.
_NUMBERS: Final = 28
_EDGE: Final = 56
_HEAD: Final = 22
_COLOURS: Final = 8


class Drawing:
    """A diagram on a sheet.

    Parameters
    ----------
    sheet : Sheet
    drawn : dict
        What `diagram` laid out.
    left, top, width : float
        Where it stands.
    """

    def __init__(self, sheet: Sheet, drawn: Mapping[str, Any], *, left: float, top: float, width: float) -> None:
        self._sheet, self._drawn = sheet, drawn
        self._left, self._top, self._right = left, top, left + width
        self._x = places(len(drawn["lanes"]), left, width)

    def draw(self, number: int, following: str = "") -> float:
        """Draw so many steps, and in a box what follows; returns where it ends."""
        bottom = float(self._drawn["heights"][number]) - 6
        height = bottom + (34 if following else 0)
        self._lifelines(height)
        for lane, top, end in bands_at(self._drawn, number):
            self._sheet.rect(self._x[lane] - 4, self._top + top, 8, end - top, fill="accent-tint", stroke="accent")
        for mark in self._drawn["marks"]:
            if mark["n"] <= number:
                getattr(self, f"_{mark['kind']}")(mark, self._top + mark["y"])
        if following:
            self._next(following, number, self._top + bottom + 2)
        return self._top + height + 8

    def _lifelines(self, height: float) -> None:
        sheet, gap = self._sheet, self._x[1] - self._x[0]
        for x, lane in zip(self._x, self._drawn["lanes"], strict=True):
            sheet.line(x, self._top + 34, x, self._top + height)
            if lane["kind"] == "stream":
                sheet.rect(x - 5, self._top + 34, 10, height - 34, fill="raised", stroke="line")
            room = max(40, min(gap - 8, 2 * min(x - self._left, self._right - x)))
            name = _first(lane["texts"], room, size=T3, bold=True)
            sheet.text(x, self._top + _HEAD, name, size=T3, bold=True, anchor="middle")

    def _next(self, following: str, number: int, y: float) -> None:
        name, _, _ = following.rpartition(".")
        lane = next(
            (n for n, one in enumerate(self._drawn["lanes"]) if one["kind"] == "writer" and one["texts"][1] == name), 0
        )
        told = f"next: {following}"
        room = wide(told, size=T1) + 16
        x = max(self._left + 2, min(self._x[lane] - room / 2, self._right - room - 2))
        box = f"M{x:g} {y:g}h{room:g}v22h-{room:g}z"
        self._sheet.path(box, stroke="accent", fill="surface", dash="4 3")
        self._sheet.text(x + room / 2, y + 15, told, size=T1, colour="accent", anchor="middle")
        self._sheet.text(self._left, y + 15, str(number + 1), size=T1, colour="muted")

    # --- marks -----------------------------------------------------------------------------------------------

    def _number(self, mark: Mapping[str, Any], y: float) -> None:
        self._sheet.text(self._left, y + 4, mark["text"], size=T1, colour="muted")

    def _ask(self, mark: Mapping[str, Any], y: float) -> None:
        self._arrow(mark, y, "ink", text="ink", width=1.3)

    def _answer(self, mark: Mapping[str, Any], y: float) -> None:
        self._arrow(mark, y, "edge", text="muted", width=1.3, dash="4 3")

    def _verdict(self, mark: Mapping[str, Any], y: float) -> None:
        self._arrow(mark, y, mark["tone"], text=mark["tone"], width=1.8, bold=True)

    def _dot(self, mark: Mapping[str, Any], y: float) -> None:
        x, number = self._x[mark["lane"]], mark["colour"]
        self._sheet.circle(x, y, 7, fill=f"c{number}" if 1 <= number <= _COLOURS else "muted")
        anchor = "start" if mark["side"] > 0 else "end"
        self._said(mark["text"], x + 14 * mark["side"], y + 4, "ink", bold=True, anchor=anchor)

    def _glyph(self, mark: Mapping[str, Any], y: float) -> None:
        gate, x = mark["gate"], self._x[mark["lane"]]
        tone = gate if gate in GLYPHS else "muted"
        shape = GLYPHS.get(gate, "M2 2l8 8M10 2l-8 8")
        self._sheet.path(shape, stroke=tone, fill="surface", width=1.6, move=f"{x - 6:g} {y - 6:g}")

    def _thread(self, mark: Mapping[str, Any], y: float) -> None:
        side, x, there = mark["side"], self._x[mark["lane"]], self._top + mark["to"]
        near, far = x + 10 * side, x + 54 * side
        d = f"M{near:g} {y:g}C{far:g} {y - 6:g} {far:g} {there + 18:g} {near:g} {there + 8:g}"
        self._sheet.path(d, stroke="conflict", dash="3 3")
        anchor = "start" if side > 0 else "end"
        self._said(mark["texts"][0], x + 50 * side, y - 12, "conflict", anchor=anchor)

    def _aside(self, mark: Mapping[str, Any], y: float) -> None:
        x = self._x[mark["lane"]]
        told = _first(mark["texts"], 180)
        room = wide(told, size=T1)
        x = max(self._left + _NUMBERS + room / 2, min(x, self._right - room / 2 - 4))
        self._said(told, x, y + 4, "muted", anchor="middle")

    # --- how -------------------------------------------------------------------------------------------------

    def _arrow(
        self,
        mark: Mapping[str, Any],
        y: float,
        colour: str,
        *,
        text: str,
        width: float,
        dash: str = "",
        bold: bool = False,
    ) -> None:
        source, target = self._x[mark["source"]], self._x[mark["target"]]
        to = 1 if target > source else -1
        tip = target - 6 * to
        self._sheet.line(source, y, tip - 6 * to, y, colour=colour, width=width, dash=dash)
        self._sheet.path(f"M{tip:g} {y:g}l{-8 * to} -4v8z", fill=colour)
        told = _first(mark["texts"], max(abs(target - source) - 12, 150), bold=bold)
        room = wide(told, size=T1, bold=bold)
        # a text that is wider than its arrow does not cross the lifeline of the stream
        stream, away = (target, -to) if self._drawn["lanes"][mark["target"]]["kind"] == "stream" else (source, to)
        middle = stream + away * max(abs(target - source) / 2, room / 2 + 10)
        middle = max(self._left + _NUMBERS + room / 2, min(middle, self._right - room / 2 - 4))
        self._said(told, middle, y - 7, text, bold=bold, anchor="middle")

    def _said(self, told: str, x: float, y: float, colour: str, *, bold: bool = False, anchor: str = "start") -> None:
        """Write a text; where it crosses a lifeline, on a ground of its own."""
        room = wide(told, size=T1, bold=bold)
        begin = x - {"start": 0, "middle": room / 2, "end": room}[anchor]
        if any(begin - 4 < lane < begin + room + 4 for lane in self._x):
            self._sheet.rect(begin - 2, y - 10, room + 4, 13, fill="surface")
        self._sheet.text(x, y, told, size=T1, colour=colour, bold=bold, anchor=anchor)


def places(lanes: int, left: float, width: float) -> list[float]:
    """Where the lifelines stand."""
    edge = min(_EDGE, width / (2 * lanes))
    gap = (width - _NUMBERS - 2 * edge) / max(1, lanes - 1)
    return [left + _NUMBERS + edge + n * gap for n in range(lanes)]


def _first(texts: Sequence[str], room: float, *, size: int = T1, bold: bool = False) -> str:
    """The first text that fits, else the last one cut."""
    for told in texts:
        if wide(told, size=size, bold=bold) <= room:
            return told
    return fitted(texts[-1], room, size=size, bold=bold)
