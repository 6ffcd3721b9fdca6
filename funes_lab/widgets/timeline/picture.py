"""The picture of a timeline that needs neither a kernel nor a script: SVG, with the selected mark and its panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from funes_lab import formats
from funes_lab.widgets.svg import T1, T3, Sheet, wide
from funes_lab.widgets.timeline import axis as timeline_axis
from funes_lab.widgets.timeline.data import Story
from funes_lab.widgets.timeline.layout import BAR, Placed, Spot, left, place

WIDTH: Final = 960
RIGHT: Final = WIDTH - 16
#: So many event types have a colour.
COLOURS: Final = 8
_TOP: Final = 44  # of the picture, below the head
_FIRST: Final = 48  # the first lane, below that
_LABELS: Final = 300
#: The glyph of each gate, in a box of twelve pixels.
GLYPHS: Final = {
    "own": "M2 2h8v8H2z",
    "state": "M6 .8 11.2 6 6 11.2.8 6z",
    "interpretation": "M6 1.5 11 10.5H1z",
    "conflict": "M1.5 2 5 6 1.5 10M10.5 2 7 6l3.5 4",
}
_CROSS: Final = "M2 2l8 8M10 2l-8 8"
_TICK: Final = "M1.5 6.5 4.5 9.5 10.5 2.5"


class Drawn(NamedTuple):
    """The picture, what it shows in a sentence, and the numbers of the marks that are drawn one by one."""

    svg: str
    label: str
    marks: list[int]


def picture(
    story: Story, data: Mapping[str, Any], by: str, selected: int | None, detail: Mapping[str, Any] | None
) -> Drawn:
    """Draw a story.

    Parameters
    ----------
    story : Story
    data : mapping
        Its columns, as the page gets them.
    by : {"record", "actual"}
    selected : int, optional
        The number of the selected mark, with its `detail`.

    Returns
    -------
    Drawn
    """
    label = sentence(story, by, detail)
    sheet = Sheet(WIDTH)
    _head(sheet, story, by)
    if not story.marks:
        sheet.text(16, _TOP + 26, "No events yet. The first one:", colour="muted")
        sheet.text(16 + wide("No events yet. The first one: "), _TOP + 26, story.way, mono=True)
        return Drawn(sheet.svg(_TOP + 46, label), label, [])
    body = _Body(sheet, story, data, by)
    bottom, drawn = body.draw(selected)
    bottom = _key(sheet, story, data, body.tallest, bottom)
    if detail is not None:
        bottom = _detail(sheet, detail, bottom) + 26
        sheet.line(0, bottom - 22, WIDTH, bottom - 22)
        sheet.text(16, bottom - 4, detail["say"], colour="muted")
    return Drawn(sheet.svg(bottom + 8, label), label, drawn)


def sentence(story: Story, by: str, detail: Mapping[str, Any] | None) -> str:
    """Say what a timeline shows."""
    title = formats.middle(story.title, 60)
    if not story.marks:
        return f"Timeline of {title}: no events yet"
    moments = sorted((mark.record if by == "record" else mark.actual) for mark in story.marks)
    ends = " to ".join(dict.fromkeys(_day(moment) for moment in (moments[0], moments[-1])))
    chosen = f"; selected: {detail['say']}" if detail else ""
    return f"Timeline of {title} by {by} time: {story.counts}, {ends}{chosen}"


def colour(number: int) -> str:
    """The colour of an event type, by the number of its first appearance."""
    return f"c{number + 1}" if number < COLOURS else "muted"


class _Body:
    """Lanes, axis and strip."""

    def __init__(self, sheet: Sheet, story: Story, data: Mapping[str, Any], by: str) -> None:
        self._sheet, self._story, self._data = sheet, story, data
        moments: list[int] = [mark.record if by == "record" else mark.actual for mark in story.marks]
        self._low, self._high = timeline_axis.reach(min(moments), max(moments))
        lanes = data["lanes"]
        self._left = left(lanes)
        scale = (RIGHT - self._left) / (self._high - self._low)
        self._x = [self._left + (moment - self._low) * scale for moment in moments]
        self._pitch = 50 if len(lanes) <= 4 else 42 if len(lanes) <= 8 else 34
        self._lane = [
            data["lane_of"][n] for n in (data["type"] if story.by_type else data["stream"] or [0] * len(story.marks))
        ]
        self._bottom = _TOP + _FIRST + (len(lanes) - 1) * self._pitch + 22
        self._lanes = self._placed(len(lanes))
        self.tallest = max(placed.tallest for placed in self._lanes)
        self._own = [placed for placed, lane in zip(self._lanes, lanes, strict=True) if not lane["rest"]]

    def draw(self, selected: int | None) -> tuple[float, list[int]]:
        self._axis()
        at: dict[int, float] = {}
        room = _LABELS
        for n, (lane, placed) in enumerate(zip(self._data["lanes"], self._lanes, strict=True)):
            y = _TOP + _FIRST + n * self._pitch
            self._names(lane, y)
            self._marks(placed, y, at, room)
            room -= len(placed.labels)
        one_by_one = list(at)
        self._cursor(selected, at)
        self._strip()
        return self._bottom + 40, one_by_one

    def _placed(self, lanes: int) -> list[Placed]:
        spots: list[tuple[list[Spot], list[Spot]]] = [([], []) for _ in range(lanes)]
        versions = [formats.value(mark.version) for mark in self._story.marks]
        for n in sorted(range(len(self._x)), key=self._x.__getitem__):
            mark, lane = self._story.marks[n], self._lane[n]
            version = "" if self._data["lanes"][lane]["rest"] else versions[n]
            spots[lane][bool(mark.stage)].append(Spot(self._x[n], min(self._data["type"][n], COLOURS), n, version))
        return [place(accepted, refused) for accepted, refused in spots]

    def _axis(self) -> None:
        sheet, pixels = self._sheet, RIGHT - self._left
        sheet.text(16, _TOP + 12, timeline_axis.context(self._low, self._high, pixels), size=T1, colour="muted")
        end = 0.0
        for tick in timeline_axis.ticks(self._low, self._high, pixels):
            x = self._left + (tick.at - self._low) / (self._high - self._low) * pixels
            sheet.line(x, _TOP + 18, x, self._bottom)
            if x >= end and x + 4 + wide(tick.label, size=T1) <= WIDTH:
                sheet.text(x + 4, _TOP + 12, tick.label, size=T1, colour="muted")
                end = x + 8 + wide(tick.label, size=T1)

    def _names(self, lane: Mapping[str, Any], y: float) -> None:
        self._sheet.text(16, y, lane["name"], size=T1, bold=True, room=self._left - 24)
        self._sheet.text(16, y + 13, lane["told"], size=T1, colour="muted", room=self._left - 24)
        self._sheet.line(self._left, y, RIGHT, y)

    def _marks(self, placed: Placed, y: float, at: dict[int, float], room: int) -> None:
        self._bars(placed, y)
        for spot in placed.dots:
            self._sheet.circle(spot.x, y, 5.5, fill=colour(spot.colour))
            at[spot.mark] = y
        for x, version in placed.labels[: max(room, 0)]:
            self._sheet.text(x, y - 10, version, size=T1, colour="muted", anchor="middle")
        row = y + 13 if placed.apart else y
        for spot in placed.pins:
            stage = self._story.marks[spot.mark].stage
            self._sheet.line(spot.x, row + 4, spot.x, row + 9, colour=_tone(stage), width=1.6)
        for spot in placed.glyphs:
            _glyph(self._sheet, self._story.marks[spot.mark].stage, spot.x - 6, row - 6)
        at.update((spot.mark, row) for spot in (*placed.glyphs, *placed.pins))

    def _bars(self, placed: Placed, y: float) -> None:
        # the lane that takes the rest would dwarf all others
        scale = self._own if placed in self._own else [placed]
        tall, most = self._pitch - 22, max(4, *(lane.tallest for lane in scale))
        paths: dict[int, list[str]] = {}
        for bar in placed.bars:
            foot, total = y, sum(bar.counts.values())
            for number, count in bar.counts.items():
                height = max(3.0, tall * total / most) * count / total
                foot -= height
                paths.setdefault(number, []).append(f"M{bar.x:g} {foot:.1f}h{BAR - 1}v{height:.1f}h-{BAR - 1}z")
        for number, boxes in paths.items():
            self._sheet.path("".join(boxes), fill=colour(number))

    def _cursor(self, selected: int | None, at: Mapping[int, float]) -> None:
        if selected is None:
            return
        x = self._x[selected]
        y = at.get(selected, _TOP + _FIRST + self._lane[selected] * self._pitch)
        self._sheet.line(x, _TOP + 18, x, self._bottom, colour="accent")
        self._sheet.circle(x, y, 11, stroke="accent", width=2)

    def _strip(self) -> None:
        top = self._bottom + 12
        whole = "whole stream" if self._story.by_type else "all streams"
        self._sheet.text(16, top + 12, whole, size=T1, colour="muted")
        self._sheet.rect(self._left, top, RIGHT - self._left, 16, fill="raised")
        marks = self._story.marks
        facts = sorted({round(x) for x, mark in zip(self._x, marks, strict=True) if not mark.stage})
        self._sheet.path("".join(f"M{x} {top + 2}v12" for x in facts), stroke="muted")
        stages = dict.fromkeys(mark.stage for mark in marks if mark.stage)
        for stage in stages:
            places = sorted({round(x) for x, mark in zip(self._x, marks, strict=True) if mark.stage == stage})
            self._sheet.path("".join(f"M{x} {top + 2}v12" for x in places), stroke=_tone(stage), dash="2.5 2")


def _head(sheet: Sheet, story: Story, by: str) -> None:
    title = formats.middle(story.title, 60)
    sheet.text(16, 24, title, bold=True, mono=True)
    x = 16 + wide(title, mono=True, bold=True) + 10
    sheet.text(x, 24, story.counts, colour="muted", room=RIGHT - 110 - x)
    sheet.text(RIGHT, 24, f"{by} time", colour="accent", bold=True, anchor="end")
    sheet.line(0, 36, WIDTH, 36)


def _key(sheet: Sheet, story: Story, data: Mapping[str, Any], tallest: int, y: float) -> float:
    """Say what the glyphs mean, and in a lab which colour is which type."""
    x = 16.0
    y += 14

    def word(shown: str, tone: str, draw: Callable[[float], None] | None = None) -> None:
        nonlocal x, y
        room = wide(shown) + (28 if draw else 10)
        if x + room > RIGHT:
            x, y = 16.0, y + 20
        if draw:
            draw(x)
        sheet.text(x + (18 if draw else 0), y, shown, colour=tone, bold=tone != "muted" and draw is not None)
        x += room

    word("● in the log", "muted")
    if data["stages"]:
        word("hollow, refused by", "muted")
    for gate, named in data["stages"]:
        word(named, _tone(gate), lambda at, gate=gate: _glyph(sheet, gate, at, y - 10))  # type: ignore[misc]
    if not story.by_type:
        for n, name in enumerate(data["types"][:COLOURS]):
            shade = colour(n)
            word(name, "muted", lambda at, shade=shade: sheet.circle(at + 6, y - 4, 4, fill=shade))  # type: ignore[misc]
        if len(data["types"]) > COLOURS:
            word(formats.count(len(data["types"]) - COLOURS, "more type"), "muted")
    if tallest > 1:
        word(f"bars: events that would touch, the tallest is {formats.count(tallest, 'event')}", "muted")
    return y + 12


def _detail(sheet: Sheet, detail: Mapping[str, Any], y: float) -> float:
    note = detail["note"]
    tone, reasons = note["tone"], note["reasons"]
    height = 34 + 18 * len(reasons)
    sheet.rect(1, y, WIDTH - 2, height, fill=f"{tone}-tint" if tone in GLYPHS or tone == "accepted" else "raised")
    sheet.rect(1, y, 3, height, fill=_tone(tone))
    sheet.path(_TICK if tone == "accepted" else _CROSS, stroke=_tone(tone), width=1.6, move=f"16 {y + 11}")
    sheet.text(34, y + 21, note["headline"], size=T3, bold=True, room=RIGHT - 34)
    line = y + 39.0
    for gate, named, told in reasons:
        if gate:
            _glyph(sheet, gate, 16, line - 9)
            sheet.text(34, line, named, colour=_tone(gate), bold=True)
        sheet.text(42 + wide(named, bold=True), line, told, room=RIGHT - 50 - wide(named, bold=True))
        line += 18
    return _panels(sheet, detail["panels"], y + height)


def _panels(sheet: Sheet, panels: Sequence[Any], y: float) -> float:
    share, bottom = WIDTH / 3, y
    for n, (caption, lines, more) in enumerate(panels):
        left, right, line = n * share + 16, (n + 1) * share - 16, y + 22
        sheet.text(left, line, caption, size=T1, colour="muted", bold=True, room=share - 32)
        for name, shown, blamed in lines:
            line += 22
            sheet.line(left, line - 15, right, line - 15)
            tone, room = "state" if blamed else "ink", right - left
            names = min(wide(name, mono=n != 1), room * 0.42)
            sheet.text(left, line, name, mono=n != 1, colour="muted" if n == 1 else "ink", room=names + 1)
            sheet.text(right, line, shown, colour=tone, bold=blamed, anchor="end", room=room - names - 8)
        if more:
            line += 22
            sheet.text(left, line, more, colour="muted")
        bottom = max(bottom, line)
    for n in (1, 2):
        sheet.line(n * share, y, n * share, bottom + 10)
    sheet.line(0, y, WIDTH, y)
    return bottom + 6


def _glyph(sheet: Sheet, gate: str, x: float, y: float) -> None:
    if gate == "accepted":
        sheet.path(_TICK, stroke="accepted", width=1.6, move=f"{x:.1f} {y:.1f}")
        return
    sheet.path(GLYPHS.get(gate, _CROSS), stroke=_tone(gate), fill="surface", width=1.6, move=f"{x:.1f} {y:.1f}")


def _tone(gate: str) -> str:
    return gate if gate in GLYPHS or gate == "accepted" else "muted"


def _day(moment: int) -> str:
    low = timeline_axis.context(moment, moment + timeline_axis.HOUR, 600)
    return low.removesuffix(" UTC")
