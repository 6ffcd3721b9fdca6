"""The two lines in the static picture of a branch: a staircase each, the fork, and what lies between their ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from funes_lab.widgets.branch import words
from funes_lab.widgets.scrubber.plot import Box, staircase
from funes_lab.widgets.svg import T1, T2, Sheet, wide

_DASH: Final = "4 3"
_DIAMOND: Final = "M0 -5L5 0L0 5L-5 0Z"
_TRIANGLE: Final = "M0 -5L5 4H-5Z"
_MARK: Final = 10  # pixels that a mark takes
_TOUCHING: Final = 4  # pixels of a box in a lane below which it is drawn as one with its neighbours
_MANY: Final = "many values"
_LANES: Final = {"log": 34, "what-if": 76}
_LANE: Final = 26

Data = Mapping[str, Any]


class Plot:
    """A plot of one field in both lines.

    Parameters
    ----------
    sheet : Sheet
    data : mapping
    field : mapping
        One of its fields.
    box : Box
    """

    def __init__(self, sheet: Sheet, data: Data, field: Data, box: Box) -> None:
        self.sheet, self.data, self.field, self.box = sheet, data, field, box
        self.last, self.first, self.base = words.length(data), int(data["first"]), int(data["base"])
        self.parted = self.base < self.last
        if field["number"]:
            self.left = box.x + 12 + max(wide(text, size=T1) for _, text in field["axis"]["ticks"])
            ends = max(wide(text, bold=True) for _, text, _ in self._ends())
            self.right = max(self.left + 40, box.x + box.width - 10 - ends)
        else:
            self.left, self.right = box.x + 52, box.x + box.width
        # the last state in words wants room for them
        self.tail = 0.5 if field["number"] else max(0.5, 0.15 * (self.last - self.first))
        self.top, self.bottom = box.y + 18, box.y + box.height - 34

    def draw(self, place: int) -> None:
        """Draw both lines, and the cursor at a place."""
        if self.field["number"]:
            self._lines()
        else:
            for name, y in _LANES.items():
                self._lane(name, self.box.y + y)
        self._fork()
        self._marks()
        self._figures(place)
        self._cursor(place)

    def _x(self, place: float) -> float:
        return self.left + (place - self.first) * (self.right - self.left) / (self.last - self.first + self.tail)

    def _y(self, value: float) -> float:
        lo, hi = float(self.field["axis"]["lo"]), float(self.field["axis"]["hi"])
        return self.bottom - (value - lo) / (hi - lo) * (self.bottom - self.top)

    def _height(self, place: int, *, branch: bool) -> float | None:
        value, _ = words.point(self.data, self.field, place, branch=branch)
        return None if value is None else self._y(value)

    # --- a number ------------------------------------------------------------------------------------------------

    def _lines(self) -> None:
        for value, text in self.field["axis"]["ticks"]:
            self.sheet.line(self.left, self._y(value), self.right, self._y(value))
            self.sheet.text(self.left - 8, self._y(value) + 4, text, size=T1, colour="muted", anchor="end")
        self.sheet.path(self._path(self.field["log"], 0), stroke="ink", width=2)
        if self.parted:
            self.sheet.path(self._path(self.field["branch"], self.base), stroke="accent", width=2, dash=_DASH)
        ends = self._ends()
        heights = [self.bottom if value is None else self._y(value) for value, _, _ in ends]
        if len(ends) > 1 and abs(heights[0] - heights[1]) > _MARK:
            x = self.right - 6
            self.sheet.line(x, min(heights) + 3, x, max(heights) - 3, colour="changed", width=4)
        lowest = -math.inf
        for y, (_, text, accent) in sorted(zip(heights, ends, strict=True), key=lambda end: end[0]):
            lowest = max(y, lowest + 15)
            colour = "accent" if accent else "ink"
            self.sheet.text(self.right + 6, lowest + 4, text, size=T2, bold=True, colour=colour)

    def _ends(self) -> list[tuple[float | None, str, bool]]:
        """What the lines lead to: the value, the figure, whether it is the branch."""
        ends = []
        for branch, name in ((False, "log"), (True, "what-if")) if self.parted else ((False, "both"),):
            value, text = words.point(self.data, self.field, self.last, branch=branch)
            ends.append((value, f"{name} {text}", branch))
        return ends

    def _path(self, runs: Data, base: int) -> str:
        steps = (
            [
                (self._x(max(at + base, self.first)), None if value is None else self._y(value))
                for at, following, value in zip(runs["at"], [*runs["at"][1:], None], runs["number"], strict=True)
                if following is None or following + base > self.first
            ]
            if "number" in runs
            else []
        )
        return staircase(steps, self._x(self.last + 0.5))

    # --- anything else -------------------------------------------------------------------------------------------

    def _lane(self, name: str, y: float) -> None:
        """A field in words: a box for as long as it is the same."""
        branch = name == "what-if"
        self.sheet.text(
            self.left - 8, y + 17, name, size=T1, bold=True, colour="accent" if branch else "ink", anchor="end"
        )
        runs, base = (self.field["branch"], self.base) if branch else (self.field["log"], 0)
        if branch and not self.parted:
            self.sheet.text(self.left, y + 17, "the same", colour="muted")
            return
        colour, dash = ("accent", _DASH) if branch else ("ink", "")
        for x, end, text in self._boxes(runs, base):
            outline = f"M{x:.1f} {y}H{end:.1f}V{y + _LANE}H{x:.1f}Z"
            fill = "surface" if text is not None else "raised"
            self.sheet.path(outline, fill=fill, stroke=colour, width=1.5, dash=dash)
            if end - x > 24:
                shown, quiet = (_MANY, "muted") if text is None else (text, "ink")
                self.sheet.text(x + 6, y + 17, shown, colour=quiet, room=end - x - 12)

    def _boxes(self, runs: Data, base: int) -> list[tuple[float, float, str | None]]:
        """From where to where which value stood; None for many that would touch, in one box."""
        boxes: list[tuple[float, float, str | None]] = []
        for n, at in enumerate(runs["at"]):
            following = runs["at"][n + 1] + base if n + 1 < len(runs["at"]) else self.last + self.tail
            if following <= self.first:
                continue
            x, end = self._x(max(at + base, self.first)), self._x(following)
            if end - x >= _TOUCHING:
                boxes.append((x, end, runs["text"][n]))
            elif boxes and boxes[-1][2] is None:
                boxes[-1] = (boxes[-1][0], end, None)
            else:
                boxes.append((x, end, None))
        return boxes

    # --- on top of both ------------------------------------------------------------------------------------------

    def _fork(self) -> None:
        """Where the lines part."""
        if not self.data["forked"] or self.base < self.first or not self.parted:
            return
        x = self._x(self.base)
        self.sheet.line(x, self.box.y + 14, x, self.bottom + 4, colour="edge", dash=_DASH)
        room = wide(self.data["forked"], size=T1) / 2
        at = min(max(x, self.box.x + room), self.box.x + self.box.width - room)
        self.sheet.text(at, self.box.y + 8, self.data["forked"], size=T1, colour="muted", anchor="middle")
        y = self._height(self.base, branch=False) if self.field["number"] else self.box.y + 68
        if y is not None:
            self.sheet.circle(x, y, 5, fill="surface", stroke="accent", width=2)

    def _marks(self) -> None:
        """What was changed, and what the rules would refuse, under the lines; bars where marks would touch."""
        close = (self.right - self.left) / max(1, self.last) < _MARK
        columns = {int(self._x(int(place))) for place in self.data["changed"]} if close else ()
        for column in columns:
            self.sheet.rect(column, self.bottom + 9, 1, 8, fill="changed")
        for place, mark in {} if close else self.data["changed"].items():
            x = self._x(int(place))
            self.sheet.text(x, self.bottom + 17, mark["glyph"], bold=True, colour="changed", anchor="middle")
        drawn: set[tuple[int, int]] = set()
        for place, problem in self.data["problems"].items():
            y = self._height(int(place), branch=True) if self.field["number"] else self.box.y + 114
            spot = (int(self._x(int(place)) / (4 if close else 1)), int(y or 0))
            if y is not None and spot not in drawn:
                drawn.add(spot)
                shape = _TRIANGLE if problem["stage"] == "interpretation" else _DIAMOND
                where = f"{self._x(int(place)):.1f} {y:.1f}"
                self.sheet.path(shape, fill="surface", stroke=problem["stage"], width=1.6, move=where)

    def _figures(self, place: int) -> None:
        """The versions under the plot."""
        bottom, data = self.box.y + self.box.height - 4, self.data
        room = max(wide(words.version(data, one), size=T1) for one in (1, self.last)) + 14
        every = max(1, math.ceil(room * self.last / (self.right - self.left)))
        for one in range(1, self.last + 1, every):
            if abs(self._x(one) - self._x(place)) >= room - 2:
                self.sheet.text(
                    self._x(one), bottom, words.version(data, one), size=T1, colour="muted", anchor="middle"
                )
        own = words.version(data, place)
        self.sheet.text(self._x(place), bottom, own, size=T1, colour="accent", bold=True, anchor="middle")

    def _cursor(self, place: int) -> None:
        x = self._x(place)
        self.sheet.line(x, self.top - 2, x, self.bottom + 4, colour="accent")
        if self.field["number"]:
            for branch, colour in ((False, "ink"), (True, "accent")) if self.parted else ((False, "ink"),):
                y = self._height(place, branch=branch)
                if y is not None and str(place) not in self.data["problems"]:
                    self.sheet.circle(x, y, 4, fill=colour)
