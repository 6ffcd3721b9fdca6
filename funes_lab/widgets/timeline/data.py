"""What a timeline shows: the marks of events and attempts, and the columns that the page gets of them.

A mark is an event of the log or a refused attempt. They come in the order of their recording; the columns have a
number a mark, differences where those are shorter, and every text in them is written here.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from funes_lab import formats, registry
from funes_lab.current import Workspace
from funes_lab.fold import Fold
from funes_lab.rejection import Rejection
from funes_lab.rejections import Rejections
from funes_lab.rules import rules_of
from funes_lab.selection import selection
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.timeline import axis as timeline_axis

if TYPE_CHECKING:
    from funes_lab.reading_side import ReadingSide

#: So many marks are shown at most: the newest; and so many lanes, the last of which takes the rest.
MOST: Final = 12_000
LANES: Final = 24
#: The axes by their names.
AXES: Final = ("record", "actual")

_NAME: Final = 60
_LANE_NAME: Final = 22
_LARGEST: Final = 10_000_000
_DIGITS: Final = string.digits + string.ascii_lowercase


class Mark(NamedTuple):
    """An event of the log, or an attempt that was refused (with the gate that refused it).

    `record` and `actual` are moments in microseconds since the beginning of the year 1.
    """

    key: str
    idx: str
    event: str
    version: int
    record: int
    actual: int
    stage: str
    source: Row | Rejection


@dataclass(frozen=True)
class Story:
    """What a timeline is about.

    `lane_of` gives the name of a mark's lane. `way` is the code that leads on where there is nothing to show;
    `events` and `refused` count all there are, also those that are left out of `marks`; `seen` says what a reading has
    seen. Of one stream `rows` are all its events in replay order, and `fold` is its consistency projection if it has
    one: what an event changed is worked out when it is asked for.
    """

    title: str
    marks: Sequence[Mark]
    types: Sequence[str]
    lane: Literal["type", "stream"]
    events: int
    refused: int
    way: str
    seen: str = ""
    rows: Sequence[Row] = ()
    fold: Fold | None = None

    @property
    def by_type(self) -> bool:
        """Whether a lane is an event type, else it is a stream."""
        return self.lane == "type"

    def lane_of(self, mark: Mark) -> str:
        """The name of a mark's lane."""
        return mark.event if self.by_type else mark.idx

    @property
    def left_out(self) -> int:
        """How many marks are not shown."""
        return self.events + self.refused - len(self.marks)

    def trimmed(self, most: int) -> Story:
        """The same with so many marks at most: the newest, of which a quarter are attempts where there are too many."""
        return replace(self, marks=_newest(self.marks, most))

    @property
    def counts(self) -> str:
        """How many events and refused attempts there are, and how many of them are left out."""
        refused = f"{formats.count(self.refused, 'refused attempt')}" if self.refused else "none refused"
        more = f"; the newest {formats.value(len(self.marks))} shown" if self.left_out else ""
        return f"{formats.count(self.events, 'event')}, {refused}{more}{self.seen}"


def of_stream(side: ReadingSide, most: int = MOST) -> Story:
    """The story of a stream or of a reading: a lane a type."""
    rows, attempts = side.rows(), list(side.rejections)
    types = _known(_canonical(rows), [attempt.event for attempt in attempts])
    marks = _newest(_marks(rows, attempts), most)
    version = max((row.version for row in rows), default=0)
    seen = "" if type(side) is side.stream_class else f"; read at version {formats.value(version)}"
    fold = rules_of(side.stream_class).consistency
    way = "stream.append(event)"
    return Story(side.idx, marks, types, "type", len(rows), len(attempts), way, seen, rows, fold)


def of_lab(lab: Workspace, idx: str | Iterable[str] | None = None, most: int = MOST) -> Story:
    """The story of several streams: a lane a stream."""
    asked = selection(idx=idx)
    with lab.store.scan(asked, lab.unit) as scan:
        events = scan.rows
        rows = _newest_rows(scan, most)
    attempts = [one for one in Rejections(lab.store) if _is_asked(one.idx, asked.idx)]
    marks = _newest(_marks(rows, attempts), most)
    streams = len({mark.idx for mark in marks})
    title = asked.idx if isinstance(asked.idx, str) else formats.count(streams, "stream")
    types = _known(mark.event for mark in marks)
    return Story(title, marks, types, "stream", events, len(attempts), 'fl.EventStream.for_("s-1").append(event)')


def columns(story: Story) -> dict[str, Any]:
    """What the page gets of a story.

    Returns
    -------
    dict
        `axes` (by name: the moments of the marks, see `_axis`), `type`, `stream` and `version` (a number a mark, the
        last as its distance from the one before), `lane_of` (the lane of each type or stream), `refused`, `stage` and
        `keys` (the numbers of the refused marks, their gates and keys), and the texts that those numbers stand for.
    """
    marks = story.marks
    streams = sorted({mark.idx for mark in marks})
    lanes, lane_of = _lanes(story)
    refused = [(n, mark) for n, mark in enumerate(marks) if mark.stage]
    found = {mark.stage for _, mark in refused}
    stages = [*(gate for gate in sentences.STAGES if gate in found), *sorted(found - {*sentences.STAGES})]
    return {
        "axes": {name: _axis(marks, name) for name in AXES} if marks else {},
        "type": _numbers(marks, story.types, lambda mark: mark.event),
        "stream": _numbers(marks, streams, lambda mark: mark.idx) if len(streams) > 1 else [],
        "lane_of": [lane_of.get(name, 0) for name in (story.types if story.by_type else streams)],
        "version": _differences([mark.version for mark in marks]),
        "refused": [n for n, _ in refused],
        "stage": [stages.index(mark.stage) for _, mark in refused],
        "keys": [mark.key for _, mark in refused],
        "types": [formats.middle(name, _NAME) for name in story.types],
        "streams": streams,
        "lanes": lanes,
        "stages": [[gate, sentences.stage_word(gate)] for gate in stages],
        "figures": _figures(max([len(marks), *(mark.version for mark in marks)])),
    }


def _axis(marks: Sequence[Mark], name: str) -> dict[str, Any]:
    """The moments of the marks on one axis.

    `day` is the day that offsets are counted from, `low` and `high` are the ends of the axis, `first` is the offset of
    the first mark, all in microseconds but the day; `steps` are the distances between neighbours in `unit`
    microseconds, to the base of 36; `order` are the numbers of the marks in the order of the axis, if that is not their
    own, each as its distance from the one before.
    """
    moments = [getattr(mark, name) for mark in marks]
    order = sorted(range(len(marks)), key=moments.__getitem__)
    there = [moments[n] for n in order]
    low, high = timeline_axis.reach(there[0], there[-1])
    day = low // timeline_axis.DAY
    steps = [after - before for before, after in pairwise(there)]
    unit = gcd(*steps) or 1
    origin = day * timeline_axis.DAY
    return {
        "day": day,
        "low": low - origin,
        "high": high - origin,
        "first": there[0] - origin,
        "unit": unit,
        "steps": " ".join(_short(step // unit) for step in steps),
        "order": [] if order == list(range(len(marks))) else _differences(order),
        "years": timeline_axis.years(low, high),
    }


def _lanes(story: Story) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The lanes and the number of each name's; what has no lane of its own is in the last one."""
    counted = Counter((story.lane_of(mark), bool(mark.stage)) for mark in story.marks)
    names = list(story.types) if story.by_type else sorted({mark.idx for mark in story.marks})
    names = [name for name in names if counted[name, False] or counted[name, True]]
    own = names if len(names) <= LANES else names[: LANES - 1]
    rest = names[len(own) :]
    lanes = [_lane(name, counted[name, False], counted[name, True], story) for name in own]
    if rest:
        accepted, refused = (sum(counted[name, gate] for name in rest) for gate in (False, True))
        more = formats.count(len(rest), "more type" if story.by_type else "more stream")
        lanes.append({**_lane(more, accepted, refused, story), "name": more, "rest": True})
    numbers = {name: n for n, name in enumerate(own)}
    return lanes, {**dict.fromkeys(rest, len(own)), **numbers}


def _lane(name: str, accepted: int, refused: int, story: Story) -> dict[str, Any]:
    word = "shown" if story.left_out else "in the log"
    told = f"{formats.value(accepted)} {word}" + (f" · {formats.value(refused)} refused" if refused else "")
    short = name.rpartition("::")[2] or name if story.by_type else name
    whole = formats.shorten(name, 1_000)
    return {"name": formats.middle(short, _LANE_NAME), "title": whole, "told": told, "rest": False}


def _marks(rows: Iterable[Row], attempts: Iterable[Rejection]) -> list[Mark]:
    """Marks in the order of their recording."""
    return sorted([*map(_accepted, rows), *map(_refused, attempts)], key=_recorded)


def _newest(marks: Sequence[Mark], most: int) -> Sequence[Mark]:
    """At most so many marks, in their order."""
    if len(marks) <= most:
        return marks
    accepted = [n for n, mark in enumerate(marks) if not mark.stage]
    refused = [n for n, mark in enumerate(marks) if mark.stage]
    refused = refused[-max(most // 4, most - len(accepted), 1) :]
    return [marks[n] for n in sorted([*refused, *accepted[-max(most - len(refused), 1) :]])]


def _accepted(row: Row) -> Mark:
    moments = timeline_axis.micro(row.created_at), timeline_axis.micro(row.occurred_at)
    key = f"{row.version} {row.idx}"
    return Mark(key, row.idx, registry.canonical(row.klass), row.version, *moments, "", row)


def _refused(attempt: Rejection) -> Mark:
    tried = timeline_axis.micro(attempt.time)
    at = tried if attempt.at is None else timeline_axis.micro(attempt.at)
    key = f"x{attempt.id}"
    return Mark(key, attempt.idx, attempt.event, attempt.version_tried, tried, at, attempt.stage, attempt)


def _recorded(mark: Mark) -> tuple[int, str, int]:
    return mark.record, mark.idx, mark.version


def _newest_rows(scan: Iterable[pa.Table], most: int) -> list[Row]:
    """The newest rows of a scan, never more than those and one partition at a time."""
    kept: pa.Table | None = None
    for part in scan:
        kept = part if kept is None else pa.concat_tables([kept, part])
        if kept.num_rows > most:
            newest = pc.select_k_unstable(kept, most, [("created_at", "descending"), ("version", "descending")])
            kept = kept.take(newest)
    return [] if kept is None else [Row(**row) for row in kept.to_pylist()]


def _canonical(rows: Iterable[Row]) -> list[str]:
    return [registry.canonical(row.klass) for row in rows]


def _known(*names: Iterable[str]) -> list[str]:
    """Names in the order of their first appearance."""
    return list(dict.fromkeys(name for several in names for name in several))


def _is_asked(idx: str, asked: str | Sequence[str] | None) -> bool:
    if asked is None:
        return True
    return idx == asked or fnmatchcase(idx, asked) if isinstance(asked, str) else idx in asked


def _numbers(marks: Iterable[Mark], names: Sequence[str], of: Callable[[Mark], str]) -> list[int]:
    number: Mapping[str, int] = {name: n for n, name in enumerate(names)}
    return [number[of(mark)] for mark in marks]


def _figures(largest: int) -> dict[str, list[str]]:
    """What every number up to the largest is put together from: those below a thousand, and the thousands.

    Larger ones than a page can hold have no words, and are not written.
    """
    thousands = range(min(largest, _LARGEST) // 1_000 + 1)
    return {
        "small": [formats.value(n) for n in range(1_000)],
        "thousands": [formats.value(n * 1_000).removesuffix("000") for n in thousands],
    }


def _short(number: int) -> str:
    """Write a whole number to the base of 36."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


def _differences(numbers: Sequence[int]) -> list[int]:
    return [after - before for before, after in pairwise([0, *numbers])]
