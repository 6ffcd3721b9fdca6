"""Where the marks of a timeline stand: dots while they have room, bars as soon as they would touch.

The picture in the page is laid out by the same rules, for its own width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

#: Marks that are closer touch each other.
TOUCH: Final = 11
#: The distance between two bars.
BAR: Final = 4
#: A letter of a caption is about so wide.
LETTER: Final = 6.3


class Spot(NamedTuple):
    """A mark of a lane: where it stands across, its colour (a number), its number, and its version in words."""

    x: float
    colour: int
    mark: int
    version: str


class Bar(NamedTuple):
    """Marks that would touch: where, how many there are of which colour."""

    x: float
    counts: dict[int, int]


@dataclass
class Placed:
    """A lane: dots, bars, labels (where and what), and its attempts.

    Attempts that have room are in `glyphs`, the others in `pins`; they have a row of their own (`apart`) as soon as one
    would touch anything.
    """

    dots: list[Spot] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    labels: list[tuple[float, str]] = field(default_factory=list)
    glyphs: list[Spot] = field(default_factory=list)
    pins: list[Spot] = field(default_factory=list)
    apart: bool = False

    @property
    def tallest(self) -> int:
        """How many events the tallest bar has."""
        return max((sum(bar.counts.values()) for bar in self.bars), default=0)


def left(lanes: Iterable[Mapping[str, Any]]) -> float:
    """Where the axis begins: right of the words of the lanes."""
    words = max(max(len(lane["told"]), len(lane["name"]) * 1.1) for lane in lanes)
    return min(max(words * LETTER + 28, 150), 230)


def place(accepted: Sequence[Spot], refused: Sequence[Spot]) -> Placed:
    """Place the marks of a lane; both sequences are in the order of the axis.

    Examples
    --------
    >>> near = place([Spot(10, 0, 0, "1"), Spot(13, 0, 1, "2"), Spot(90, 0, 2, "3")], [Spot(50, 0, 3, "4")])
    >>> len(near.dots), near.tallest, near.labels, near.apart
    (1, 1, [(90, '3')], True)
    """
    placed, end = Placed(), -1e9
    for run in _runs(accepted):
        if len(run) > 1:
            placed.bars += _bars(run)
            continue
        placed.dots += run
        half = len(run[0].version) * LETTER / 2
        if run[0].version and run[0].x - half > end:
            placed.labels.append((run[0].x, run[0].version))
            end = run[0].x + half + 3
    _place_refused(placed, accepted, refused)
    return placed


def _runs(spots: Sequence[Spot]) -> Iterator[list[Spot]]:
    """Part marks where there is room between them."""
    run: list[Spot] = []
    for spot in spots:
        if run and spot.x - run[-1].x >= TOUCH:
            yield run
            run = []
        run.append(spot)
    if run:
        yield run


def _bars(run: Sequence[Spot]) -> Iterator[Bar]:
    counts: dict[int, Counter[int]] = {}
    for spot in run:
        counts.setdefault(int(spot.x // BAR), Counter())[spot.colour] += 1
    for slot, of_colour in counts.items():
        yield Bar(slot * BAR, dict(sorted(of_colour.items())))


def _place_refused(placed: Placed, accepted: Sequence[Spot], refused: Sequence[Spot]) -> None:
    end = -1e9
    for spot in refused:
        if spot.x - end >= TOUCH + 2:
            placed.glyphs.append(spot)
            end = spot.x
        else:
            placed.pins.append(spot)
    between = sorted([*((spot.x, 0) for spot in accepted), *((spot.x, 1) for spot in refused)])
    touching = (b[0] - a[0] < TOUCH + 1 and a[1] != b[1] for a, b in pairwise(between))
    placed.apart = bool(refused) and bool(placed.pins or placed.bars or any(touching))
