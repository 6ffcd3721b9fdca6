"""StreamTimeline: what was accepted, what was refused, and when.

Events (solid) and refused attempts (hollow) stand on one axis, by the time they were recorded or by the time they
happened; a lane is an event type of a stream, or a stream of a lab. The page gets the columns of all marks and asks for
the payloads of those that are selected; a page without a kernel carries as many as fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import traitlets

from funes_lab import formats
from funes_lab.current import Workspace
from funes_lab.event import Event, status
from funes_lab.rejection import Rejection
from funes_lab.widgets.live import Live
from funes_lab.widgets.timeline import axis as timeline_axis
from funes_lab.widgets.timeline import data as timeline_data
from funes_lab.widgets.timeline import picture as timeline_picture
from funes_lab.widgets.timeline.data import Mark, Story
from funes_lab.widgets.timeline.detail import details
from funes_lab.widgets.twin import LARGEST, Static

if TYPE_CHECKING:
    from funes_lab.reading_side import ReadingSide

#: So many neighbours on each side are told of together with the selected mark, and what other keys lead to.
_NEAR: Final = 6
#: Of so many marks a page is told at once.
_AT_ONCE: Final = 400
#: What a page needs beside its data, its picture and its script.
_SPARE: Final = 2_000

_LAYOUT: Final = """
.fl-timeline [hidden] { display: none !important; }
.fl-timeline .seg { display: flex; }
.fl-timeline .seg .fl-btn + .fl-btn { margin-left: -1px; }
.fl-timeline .fl-in { width: 132px; }
.fl-timeline .track { position: relative; padding: 0; touch-action: pan-y; }
.fl-timeline .track:focus-visible { outline-offset: -2px; }
.fl-timeline .strip { cursor: ew-resize; touch-action: none; }
.fl-timeline .win { fill: var(--fl-accent-tint); stroke: var(--fl-accent); }
.fl-timeline .ring { fill: none; stroke: var(--fl-accent); stroke-width: 2; }
.fl-timeline .key { padding: 4px 12px 8px; display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
.fl-timeline .key { min-height: 30px; }
.fl-timeline .key .o { font-weight: 400; }
.fl-timeline .key .o svg.solid { stroke: none; }
.fl-timeline .fl-note { min-height: 52px; }
.fl.fl.fl-timeline .fl-note p { overflow-wrap: anywhere; }
.fl-timeline .c3 { grid-template-columns: 34fr 34fr 32fr; border-top: 1px solid var(--fl-line); }
.fl-timeline .c3 > * { min-width: 0; height: 164px; overflow: auto; }
.fl.fl.fl.fl-timeline .c3 :is(td, th) { padding: 3px 8px 3px 0; overflow-wrap: anywhere; }
.fl.fl.fl-timeline .c3 th { width: 38%; }
.fl-timeline .c3 th:not(.mono) { white-space: nowrap; }
.fl.fl.fl-timeline .c3 .bad { color: var(--fl-state); font-weight: 600; }
.fl-timeline .fl-foot { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.fl-timeline .say { flex: 1 1 auto; color: var(--fl-ink); }
@container (max-width: 640px) {
  .fl-timeline .c3 { grid-template-columns: 1fr; }
  .fl-timeline .c3 > * { height: auto; border-left: 0; border-top: 1px solid var(--fl-line); }
}
"""


class StreamTimeline(Live, esm="timeline/timeline.js", layout=_LAYOUT):
    """Accepted events and refused attempts on one axis; made by `stream.timeline()` and `lab.timeline()`.

    Attributes
    ----------
    by : {"record", "actual"}
        Whether marks stand where they were recorded, or where they happened. It can be set.
    """

    by = traitlets.Enum(timeline_data.AXES, default_value="record").tag(sync=True)
    #: The key of the selected mark, "" without one.
    selected = traitlets.Unicode("").tag(sync=True)
    #: What is told of marks, by their keys.
    details = traitlets.Dict().tag(sync=True)
    #: Whether somebody answers when a mark is selected.
    kernel = traitlets.Bool(default_value=True).tag(sync=True)

    def __init__(self, lab: Workspace, read: Callable[[], Story], by: str, *identity: Hashable) -> None:
        if by not in timeline_data.AXES:
            raise ValueError(f"by must be 'record' or 'actual', got {by!r}")
        self._read, self._story, self._places = read, read(), dict[str, int]()
        super().__init__(by=by)
        self._show(self._story)
        self.follow(lab, *identity)

    def refresh(self) -> None:
        """Read the log and draw."""
        self._show(self._read())

    @property
    def selection(self) -> tuple[str, int] | Rejection | None:
        """What is selected: `(idx, version)` of an event, or the attempt that was refused; None for nothing.

        It can be set: to an event of the log, to `(idx, version)`, for a stream also to a version, to a `Rejection`, or
        to None.
        """
        place = self._places.get(self.selected)
        if place is None:
            return None
        mark = self._story.marks[place]
        return mark.source if isinstance(mark.source, Rejection) else (mark.idx, mark.version)

    @selection.setter
    def selection(self, wanted: Event | Rejection | tuple[str, int] | int | None) -> None:
        key = "" if wanted is None else self._key(wanted)
        if key and key not in self._places:
            raise ValueError(f"selection must be an event or an attempt that this timeline shows, got {wanted!r}")
        self.selected = key

    def picture(self) -> tuple[str, str]:
        """The picture as it is now: an SVG document, and what it shows in a sentence."""
        return self._drawn(self._story, dict(self.data))[:2]

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs: with the payloads that fit.

        Returns
        -------
        Static
            Less than 500 kB. First come the payloads of the selected mark, of those that are drawn one by one, and of
            the neighbours of the selected one; if there are marks without, the page says how many.
        """
        story, data = self._story, dict(self.data)
        while True:
            drawn = self._drawn(story, data)
            fixed = Static(drawn.svg, drawn.label, esm=str(self._esm), css=str(self._css)).html
            room = LARGEST - _SPARE - len(fixed) - _weight(data)
            if room > 0 or len(story.marks) < 100:
                break
            story = story.trimmed(len(story.marks) * 3 // 4)
            data = _frame(story)
        details, left = self._details_for(story, drawn.marks, room)
        if left:
            told = formats.count(left, "mark")
            data["left_out"] = f"left out of this page, as of {told}; it is there where the notebook runs"
        state = {"data": data, "fault": self.fault, "by": self.by, "selected": self.selected, "details": details}
        return Static(
            drawn.svg, drawn.label, esm=str(self._esm), css=str(self._css), state={**_numbered(state), "kernel": False}
        )

    def _drawn(self, story: Story, data: dict[str, Any]) -> timeline_picture.Drawn:
        place = next((n for n, mark in enumerate(story.marks) if mark.key == self.selected), None)
        told = None if place is None else details(story, [story.marks[place]])[self.selected]
        return timeline_picture.picture(story, data, self.by, place, told)

    def _show(self, story: Story) -> None:
        self._story, self._orders = story, dict[str, list[int]]()
        self._places = {mark.key: n for n, mark in enumerate(story.marks)}
        with self.hold_sync():
            self.data = _frame(story)
            if self.selected not in self._places:
                self.selected = ""
            self._tell()

    @traitlets.observe("selected", "by")
    def _selected(self, _: object) -> None:
        with self.telling():
            self._tell()

    def _tell(self) -> None:
        """Tell of the selected mark and its neighbours."""
        place = self._places.get(self.selected)
        near = [] if place is None else [place, *self._neighbours(place)]
        self.details = details(self._story, [self._story.marks[n] for n in near])

    def _neighbours(self, place: int) -> list[int]:
        """The marks that a key leads to from one, on the axis: they are told of before they are asked for."""
        if self.by not in self._orders:
            moments = [mark.record if self.by == "record" else mark.actual for mark in self._story.marks]
            self._orders[self.by] = sorted(range(len(moments)), key=moments.__getitem__)
        order = self._orders[self.by]
        middle, marks = order.index(place), self._story.marks
        reached = [middle + far for far in (*range(-_NEAR, _NEAR + 1), -20, -10, 10, 20)]
        near = [order[n] for n in reached if 0 <= n < len(order)]
        refused = [next((n for n in beyond if marks[n].stage), place) for beyond in (order[middle + 1 :], order)]
        return [n for n in dict.fromkeys([*near, *refused, order[0], order[-1]]) if n != place]

    def _key(self, wanted: object) -> str:
        match wanted:
            case Rejection():
                return f"x{wanted.id}"
            case Event():
                rejection = wanted.rejection
                return f"x{rejection.id}" if rejection else f"{wanted.version} {status(wanted).idx}"
            case (str() as idx, int() as version):
                return f"{version} {idx}"
            case int() if self._story.by_type:
                return f"{wanted} {self._story.title}"
        raise TypeError(f"selection must be an event, a Rejection, (idx, version) or None, got {wanted!r}")

    def _details_for(self, story: Story, drawn: list[int], room: int) -> tuple[dict[str, Any], int]:
        """What is told of the marks that a page has room for, the most wanted first; and how many it has none for."""
        marks = story.marks
        place = next((n for n, mark in enumerate(marks) if mark.key == self.selected), len(marks) - 1)
        wanted = dict.fromkeys([*([place] if marks else []), *drawn])
        wanted |= dict.fromkeys(sorted(range(len(marks)), key=lambda n: abs(n - place)))
        told: dict[str, Any] = {}
        for key, one in _one_by_one(story, [marks[n] for n in wanted]):
            room -= _weight({key: one})
            if room < 0:
                break
            told[key] = one
        return told, len(marks) - len(told)


def of_stream(side: ReadingSide, by: str) -> StreamTimeline:
    """The timeline of a stream or of a reading."""
    return StreamTimeline(side.lab, lambda: timeline_data.of_stream(side), by, side.idx, type(side).__name__)


def of_lab(lab: Workspace, idx: str | Iterable[str] | None, by: str) -> StreamTimeline:
    """The timeline of several streams."""
    asked = idx if idx is None or isinstance(idx, str) else tuple(idx)
    return StreamTimeline(lab, lambda: timeline_data.of_lab(lab, asked), by, asked)


def _one_by_one(story: Story, marks: Sequence[Mark]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is told of marks, worked out for some at a time: there may be room for few of them."""
    for first in range(0, len(marks), _AT_ONCE):
        yield from details(story, marks[first : first + _AT_ONCE]).items()


def _frame(story: Story) -> dict[str, Any]:
    """All that the page gets of a story, but what is told of single marks."""
    return {
        **timeline_data.columns(story),
        "title": formats.middle(story.title, 60),
        "counts": story.counts,
        "way": story.way,
        "by_type": story.by_type,
        "labels": {by: timeline_picture.sentence(story, by, None) for by in timeline_data.AXES},
        "ticks": {"steps": [list(step) for step in timeline_axis.STEPS], "room": timeline_axis.ROOM},
        "words": dict(timeline_axis.WORDS),
        "glyphs": timeline_picture.GLYPHS,
        "left_out": "",
    }


def _numbered(state: dict[str, Any]) -> dict[str, Any]:
    """The same with attempts by number: their ids are others in every run, and a page must have the same bytes."""
    names = {key: f"x{n}" for n, key in enumerate(state["data"]["keys"], 1)}
    return {
        **state,
        "data": {**state["data"], "keys": [*names.values()]},
        "details": {names.get(key, key): told for key, told in state["details"].items()},
        "selected": names.get(state["selected"], state["selected"]),
    }


def _weight(values: object) -> int:
    """How many characters values take in a script."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    return len(text) + 5 * sum(text.count(letter) for letter in "<>&")
