"""The line of a field in the static picture of the replay scrubber: a staircase over the events, the cursor on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from funes_lab.widgets.scrubber import words
from funes_lab.widgets.svg import T1, Sheet, wide

_CROSS: Final = "M-4 -4l8 8m0 -8l-8 8"
_DASH: Final = "4 3"

Data = Mapping[str, Any]


class Box(NamedTuple):
    """Where a plot stands on the sheet."""

    x: float
    y: float
    width: float
    height: float


class Plot:
    """A plot of one field.

    Parameters
    ----------
    sheet : Sheet
    data, other : mapping
        As recorded, and without the events that are skipped.
    name : str
        The field.
    box : Box
    """

    def __init__(self, sheet: Sheet, data: Data, other: Data, name: str, box: Box) -> None:
        self.sheet, self.data, self.other, self.name, self.box = sheet, data, other, name, box
        self.axis = (other or data)["axes"][name]
        self.events = len(data["versions"])
        self.left = box.x + 12 + max(wide(text, size=T1) for _, text in self.axis["ticks"])
        ends = [self._end(data)[1], *([self._end(other)[1]] if other else [])]
        self.right = max(self.left + 40, box.x + box.width - 12 - max(wide(text, size=T1) for text in ends))

    def draw(self, place: int) -> None:
        """Draw the lines, and the cursor at a place."""
        for value, text in self.axis["ticks"]:
            self.sheet.line(self.left, self._y(value), self.right, self._y(value))
            self.sheet.text(self.left - 8, self._y(value) + 4, text, size=T1, colour="muted", anchor="end")
        field = self._field(self.data)
        beside = self._field(self.other) if self.other else None
        if field is not None:
            grey = bool(self.other)
            line = self._path(field, 0, 1, self.data["end"])
            self.sheet.path(line, stroke="edge" if grey else "accent", width=1.5 if grey else 2)
        if beside is not None:
            base = self.other["base"]
            if field is not None and base:
                line = self._path(field, 0, 1, min(base, self.data["end"]), short=True)
                self.sheet.path(line, stroke="accent", width=2)
            line = self._path(beside, base, max(1, base), self.other["end"])
            self.sheet.path(line, stroke="accent", width=2, dash=_DASH)
            self._crosses()
        self._figures(place)
        self._cursor(place)

    def _field(self, source: Data) -> Data | None:
        found = next((field for field in source["fields"] if field["name"] == self.name), None)
        return found if found is not None and "number" in found else None

    def _x(self, place: float) -> float:
        return self.left + (place - 1) * (self.right - self.left) / (self.events - 0.5)

    def _y(self, value: float) -> float:
        lo, hi = float(self.axis["lo"]), float(self.axis["hi"])
        return self.box.y + self.box.height - 22 - (value - lo) / (hi - lo) * (self.box.height - 36)

    def _path(self, field: Data, base: int, first: int, last: int, *, short: bool = False) -> str:
        """The line from one place to another; to the end of its step, unless it is to be short."""
        steps = [
            (self._x(max(moved + base, first)), None if value is None else self._y(value))
            for moved, following, value in zip(field["at"], [*field["at"][1:], None], field["number"], strict=True)
            if moved + base <= last and (following is None or following + base > first)
        ]
        return staircase(steps, self._x(last if short else min(last + 1, self.events + 0.5)))

    def _crosses(self) -> None:
        for place in self.other["places"]:
            value, _ = words.number(self.data, self.other, self.name, place)
            if value is not None and len(self.other["places"]) * 8 < self.right - self.left:
                spot = f"{self._x(place):.1f} {self._y(value):.1f}"
                self.sheet.path(_CROSS, stroke="changed", width=2, move=spot)

    def _figures(self, place: int) -> None:
        """The versions under the plot."""
        bottom, own = self.box.y + self.box.height - 4, words.version(self.data, place)
        room = wide(words.version(self.data, self.events), size=T1) + 14
        every = max(1, math.ceil(room * self.events / (self.right - self.left)))
        for other in range(1, self.events + 1, every):
            if abs(self._x(other) - self._x(place)) >= room - 2:
                shown = words.version(self.data, other)
                self.sheet.text(self._x(other), bottom, shown, size=T1, colour="muted", anchor="middle")
        self.sheet.text(self._x(place), bottom, own, size=T1, colour="accent", bold=True, anchor="middle")

    def _cursor(self, place: int) -> None:
        x, box = self._x(place), self.box
        self.sheet.line(x, box.y + 8, x, box.y + box.height - 20, colour="accent")
        marks = self._marks(place)
        falls = self._falls(place)
        longest = 0.0
        for n, (y, text, accent) in enumerate(marks):
            room = wide(text, size=T1, bold=accent) + 10
            # the side where the line is not: above and right of one that falls
            right = falls == (n == 0)
            right = x - room < self.left if not right else x + room <= box.x + box.width - 4
            longest = max(longest, room if right else 0)
            lowest = box.y + box.height - 26
            above = max(box.y + 10, min(y - 8, lowest - 14 * (len(marks) - 1)))
            at = above if n == 0 else min(lowest, y + 16)
            colour, anchor = "accent" if accent else "muted", "start" if right else "end"
            self.sheet.text(x + (10 if right else -10), at, text, size=T1, colour=colour, bold=accent, anchor=anchor)
        for y, _, accent in sorted(marks, key=lambda mark: mark[2]):
            fill, edge = ("accent", "") if accent else ("surface", "edge")
            self.sheet.circle(x, y, 5 if accent else 4, fill=fill, stroke=edge, width=1.5)
        if x + longest + 2 <= self.right:
            self._ends()

    def _falls(self, place: int) -> bool:
        """Whether the line leads down from here, or has come down to here."""
        now, last, first = (words.number(self.data, {}, self.name, where)[0] for where in (place, self.data["end"], 1))
        if now is None or last is None or first is None:
            return True
        return last < now if last != now else first >= now

    def _marks(self, place: int) -> list[tuple[float, str, bool]]:
        """Where the cursor crosses the lines: the height, the figure, whether it is the one that counts."""
        what = bool(self.other) and place > self.other["base"]
        marks = []
        value, text = words.number(self.data, {}, self.name, place)
        if value is not None:
            marks.append((self._y(value), f"{text} as recorded" if what else text, not what))
        if what:
            value, text = words.number(self.data, self.other, self.name, place)
            if value is not None:
                marks.append((self._y(value), f"{text} without {self.other['without']}", True))
        if len(marks) == 2 and marks[0][0] == marks[1][0]:
            marks.pop(0)
        return sorted(marks)

    def _ends(self) -> None:
        """What the lines lead to."""
        ends = [(self._end(source), accent) for source, accent in self._sources() if source["end"] == self.events]
        shown = sorted((self._y(value), text, accent) for (value, text), accent in ends if value is not None)
        if len(shown) == 2 and shown[0][1] == shown[1][1]:
            shown = [line for line in shown if line[2]]
        lowest = -math.inf
        for y, text, accent in shown:
            lowest = max(y, lowest + 12)
            self.sheet.text(self.right + 6, lowest + 4, text, size=T1, colour="accent" if accent else "muted")

    def _sources(self) -> list[tuple[Data, bool]]:
        return [(self.data, False), (self.other, True)] if self.other else [(self.data, True)]

    def _end(self, source: Data) -> tuple[float | None, str]:
        return words.number(self.data, self.other if source is self.other else {}, self.name, source["end"])


def staircase(steps: Iterable[tuple[float, float | None]], end: float) -> str:
    """The path of a value that holds until the next one; where several share a column of pixels, their range.

    Examples
    --------
    >>> staircase([(0, 10), (5, 20), (5.2, 0), (5.4, 15)], 9)
    'M0 10H5V20V0V20V15H9'
    """
    parts: list[str] = []
    pen, column, low, high, last = False, -1, 0.0, 0.0, 0.0

    def flush() -> None:
        if low != high:
            parts.append(f"V{_n(low)}V{_n(high)}V{_n(last)}")

    for x, y in steps:
        if y is None:
            if pen:
                flush()
                parts.append(f"H{_n(x)}")
            pen = False
        elif pen and int(x) == column:
            low, high, last = min(low, y), max(high, y), y
        else:
            if pen:
                flush()
            parts.append(f"H{_n(x)}V{_n(y)}" if pen else f"M{_n(x)} {_n(y)}")
            pen, column, low, high, last = True, int(x), y, y, y
    if pen:
        flush()
        parts.append(f"H{_n(end)}")
    return "".join(parts)


def _n(number: float) -> str:
    return f"{round(number, 1):g}"
