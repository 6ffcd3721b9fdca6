"""The picture of a race, for documents and for the board where nobody runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.races.result import RaceResult
from funes_lab.widgets import columns
from funes_lab.widgets.race import listing, words
from funes_lab.widgets.race.diagram import diagram
from funes_lab.widgets.race.drawing import Drawing
from funes_lab.widgets.svg import T1, T2, T3, Sheet, wide
from funes_lab.widgets.timeline.picture import GLYPHS
from funes_lab.widgets.twin import Static

WIDTH: Final = 960
_ALONE: Final = 720
_LANE: Final = 120
_SIDE: Final = 340  # of a board, what stands beside the diagram
_STEPS: Final = 200  # that are drawn
_HEAD: Final = 44
_TICK: Final = "M1.5 6.5 4.5 9.5 10.5 2.5"
_CROSS: Final = "M2 2l8 8M10 2l-8 8"
_ORDER: Final = 300


def of_result(result: RaceResult) -> Static:
    """The sequence diagram of a race.

    Parameters
    ----------
    result : RaceResult

    Returns
    -------
    Static
        The same bytes for the same race. A long race is drawn to its 200th step, and the picture says so.
    """
    drawn, label = diagram(result, most=_STEPS), words.sentence(result)
    width = max(_ALONE, 40 + _LANE * len(drawn["lanes"]))
    sheet = Sheet(width)
    _head(sheet, result.streams, result.order or "no step yet", "" if result.guard else "guard off")
    number = len(drawn["heights"]) - 1
    bottom = Drawing(sheet, drawn, left=16, top=_HEAD, width=width - 32).draw(number)
    last = max((entry.number for entry in result.entries), default=0)
    foot = [words.outcome(result)[:1].upper() + words.outcome(result)[1:] + "."]
    if last > number:
        foot.append(f"{formats.count(last - number, 'more step')} not drawn: result.df() has all of them.")
    if not result.held:
        foot.append("The state breaks its own rules.")
    if result.on_scratch:
        foot.append("Played on a copy in memory: the log never changes.")
    return Static(sheet.svg(_foot(sheet, " ".join(foot), bottom), label), label)


def of_board(
    data: Mapping[str, Any], number: int, label: str, *, fault: str = "", orders: Mapping[str, Any], picked: str = ""
) -> str:
    """The picture of a board after so many steps, as an SVG document; with every order, if there are `orders`."""
    frame, drawn = data["frames"][number], data["diagram"]
    width = max(WIDTH, _SIDE + 40 + 80 * len(drawn["lanes"]), listing.width_of(orders))
    sheet = Sheet(width)
    order = " ".join(data["steps"][:number])
    guard = "guard off" if not data["guard"] else ""
    _head(sheet, data["streams"], order or "no step yet", guard)
    following = data["shown"][number] if number < len(data["shown"]) else ""
    across = width - _SIDE
    bottom = Drawing(sheet, drawn, left=16, top=_HEAD, width=across - 32).draw(number, following)
    right = _Side(sheet, across + 16, width - 16)
    beside = right.draw(data, frame, fault)
    bottom = max(bottom, beside)
    sheet.line(across, _HEAD - 8, across, bottom + 8)
    if orders:
        bottom = listing.draw(sheet, orders, picked, bottom + 8)
    return sheet.svg(_foot(sheet, f"{data['step_of'][number].capitalize()}. {data['foot']}", bottom + 8), label)


def _head(sheet: Sheet, streams: Sequence[str], order: str, guard: str) -> None:
    x = 16.0
    sheet.text(x, 24, "Race on", size=T3, bold=True)
    x += wide("Race on ", size=T3, bold=True)
    name = formats.middle(", ".join(formats.middle(idx, 40) for idx in streams), 60)
    sheet.text(x, 24, name, bold=True, mono=True)
    x += wide(name, bold=True, mono=True) + 12
    room = wide(guard, bold=True) + 16 if guard else 0
    sheet.text(x, 24, formats.shorten(f"order: {order}", _ORDER), colour="muted", room=sheet.width - 16 - room - x)
    if guard:
        sheet.text(sheet.width - 16, 24, guard, colour="state", bold=True, anchor="end")
    sheet.line(0, 36, sheet.width, 36)


def _foot(sheet: Sheet, told: str, bottom: float) -> float:
    sheet.line(0, bottom, sheet.width, bottom)
    for line in _lines(told, sheet.width - 32):
        bottom += 18
        sheet.text(16, bottom, line, colour="muted")
    return bottom + 12


class _Side:
    """What stands beside the diagram of a board."""

    def __init__(self, sheet: Sheet, left: float, right: float) -> None:
        self._sheet, self._left, self._right = sheet, left, right
        self._y = 36.0

    def draw(self, data: Mapping[str, Any], frame: Mapping[str, Any], fault: str) -> float:
        self._readings(data, frame["readings"])
        self._log(data, [row for row in frame["log"] if not row.get("free")])
        self._note(frame["note"])
        if fault:
            self._note({"tone": "", "headline": fault, "reasons": []})
        return self._y

    def _caption(self, told: str) -> None:
        self._y += 20
        self._sheet.text(self._left, self._y, told, size=T1, colour="muted", bold=True)

    def _readings(self, data: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        sheet, left, right = self._sheet, self._left, self._right
        self._caption("Readings")
        self._y += 18
        for x, told in ((left + 76, "saw"), (left + 200, data["field"])):
            sheet.text(x, self._y, told, size=T1, colour="muted", bold=True, anchor="end", room=110)
        sheet.text(left + 216, self._y, "is now", size=T1, colour="muted", bold=True)
        for row in rows:
            self._y += 22
            sheet.line(left, self._y - 15, right, self._y - 15)
            name = row["writer"] if len(data["streams"]) == 1 else f"{row['writer']} {row['stream']}"
            sheet.text(left, self._y, name, bold=True, room=52)
            sheet.text(left + 76, self._y, row["saw"], mono=True, anchor="end")
            sheet.text(left + 200, self._y, row["figure"], anchor="end", room=106)
            tone, told = row["now"]
            if tone:
                shape = _TICK if tone == "accepted" else GLYPHS[tone]
                sheet.path(shape, stroke=tone, width=1.6, move=f"{left + 216:g} {self._y - 10:g}")
            sheet.text(left + 234, self._y, told, colour=tone or "muted", bold=bool(tone), room=right - left - 234)
        self._y += 8

    def _log(self, data: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        sheet, left, right = self._sheet, self._left, self._right
        stream = None
        for row in rows:
            if row.get("stream") != stream and ("left" in row or stream is None):
                stream = row["stream"]
                self._caption("Log" if len(data["streams"]) == 1 else f"Log of {stream}")
                earlier = f"… {row['left']} earlier" if row.get("left") else row.get("empty", "")
                if earlier:
                    sheet.text(right, self._y, earlier, size=T1, colour="muted", anchor="end")
            if row.get("empty"):
                continue
            self._y += 22
            if row["writer"]:
                sheet.rect(left - 4, self._y - 15, right - left + 8, 22, fill="accepted-tint")
            sheet.line(left, self._y - 15, right, self._y - 15)
            sheet.text(left + 28, self._y, row["version"], mono=True, anchor="end")
            colour = f"c{row['type']}" if 1 <= row["type"] <= 8 else "muted"
            sheet.circle(left + 40, self._y - 4, 4, fill=colour)
            sheet.text(left + 50, self._y, row["event"], room=130)
            sheet.text(right - 60, self._y, row["told"], anchor="end", room=66)
            sheet.text(right - 48, self._y, row["writer"], bold=True, room=48)
        self._y += 12

    def _note(self, note: Mapping[str, Any]) -> None:
        sheet, left, right = self._sheet, self._left, self._right
        tone, room = note["tone"], right - left - 20
        head = _lines(note["headline"], room, size=T3, bold=True)
        reasons = [(gate, word, _lines(f"{word}  {told}", room)) for gate, word, told in note["reasons"]]
        height = 14 + 18 * len(head) + sum(17 * len(lines) for _, _, lines in reasons)
        known = tone if tone in GLYPHS or tone == "accepted" else ""
        sheet.rect(left - 16, self._y, right - left + 31, height, fill=f"{known}-tint" if known else "raised")
        sheet.rect(left - 16, self._y, 3, height, fill=known or "edge")
        y = self._y + 20
        if known:
            sheet.path(_TICK if known == "accepted" else _CROSS, stroke=known, width=1.6, move=f"{left:g} {y - 11:g}")
        for line in head:
            sheet.text(left + 20, y, line, size=T3, bold=True)
            y += 18
        for gate, word, lines in reasons:
            if gate in GLYPHS:
                sheet.path(GLYPHS[gate], stroke=gate, width=1.6, move=f"{left:g} {y - 11:g}")
            for n, line in enumerate(lines):
                rest = line.removeprefix(word) if n == 0 else line
                if n == 0:
                    sheet.text(left + 20, y, word, colour=gate if gate in GLYPHS else "muted", bold=True)
                sheet.text(left + 20 + (wide(word, bold=True) + 4 if n == 0 else 0), y, rest.strip(), size=T2)
                y += 17
        self._y += height + 8


def _lines(told: str, room: float, *, size: int = T2, bold: bool = False) -> list[str]:
    """Break a text so that it fits."""
    return columns.wrap(told, max(10, int(room / wide("n", size=size, bold=bold))))
