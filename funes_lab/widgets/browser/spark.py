"""A stream in a line: one number of its state after every event, and the refused attempts below it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from funes_lab import formats
from funes_lab.fold import Fold
from funes_lab.store import Attempt, Row
from funes_lab.widgets.scrubber.course import course, numeric
from funes_lab.widgets.scrubber.data import number_of

#: The picture is 120 by 28: the line stands between these, the refused attempts below.
LEFT, RIGHT, TOP, BOTTOM, TICK = 4, 112, 4, 20, 23


class Spark(NamedTuple):
    """What is drawn of a stream.

    Attributes
    ----------
    line, end : str, tuple of float or None
        The path, and where it ends.
    zero : float
        Where zero stands.
    name, now : str
        The field that is drawn, and its value now.
    fault : str
        What broke, if the replay did.
    """

    line: str
    end: tuple[float, float] | None
    zero: float
    name: str
    now: str
    fault: str = ""


NOTHING: Final = Spark("", None, BOTTOM, "", formats.NONE)


def spark(fold: Fold, rows: Sequence[Row]) -> Spark:
    """Replay a stream and draw the first number of its state; `NOTHING` where it has none."""
    made = course(fold, rows)
    fault = next((formats.shorten(told, 120) for told in made.faults.values()), "")
    names = numeric(fold, made)
    if not names or not made.end:
        return NOTHING._replace(fault=fault)
    name = names[0]
    values = [number_of(state.get(name)) for state in made.states[1:]]
    now = formats.value(made.states[-1].get(name))
    places = [(place, value) for place, value in enumerate(values) if value is not None]
    if not places:
        return Spark("", None, BOTTOM, name, now, fault)
    low, high = min(0.0, *(v for _, v in places), 0.0), max(0.0, *(v for _, v in places), 0.0)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * ((value - low) / (high - low) if high > low else 0)

    points = [(_x(place, len(values)), y(value)) for place, value in places]
    return Spark(_path(points), points[-1], round(y(0.0), 1), name, now, fault)


def ticks(rows: Sequence[Row], attempts: Iterable[Attempt]) -> list[tuple[str, str]]:
    """Where attempts were refused: for each gate the path of its ticks, after the event that was recorded before."""
    recorded = sorted(row.created_at for row in rows)
    after = ((attempt.stage, bisect_right(recorded, attempt.time)) for attempt in attempts)
    found: dict[str, set[int]] = {}
    taken: dict[int, str] = {}
    for gate, place in dict.fromkeys(after):  # many at one place are one tick
        wanted = _x(place - 0.5, max(len(recorded), 2))
        x = _free(round(min(max(wanted, LEFT - 2), RIGHT + 2)), gate, taken)
        taken[x] = gate
        found.setdefault(gate, set()).add(x)
    return [(gate, "".join(f"M{x} {TICK}v4" for x in sorted(places))) for gate, places in found.items()]


def _free(x: int, gate: str, taken: Mapping[int, str]) -> int:
    """Where a tick can be seen beside those of other gates, if there is room near its place."""
    near = (x - 4 * n for n in range(4))
    return next((one for one in near if all(taken.get(one + d, gate) == gate for d in (-2, -1, 0, 1, 2))), x)


def _x(place: float, count: int) -> float:
    return round(LEFT + (RIGHT - LEFT) * (place / (count - 1) if count > 1 else 0), 1)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Steps; where many events share a pixel, from the least to the largest of them."""
    x, y = points[0]
    parts = [f"M{x:g} {y:.3g}"]
    for x, near in _columns(points[1:]):
        parts.append(f"H{x:g}")
        marks = near if len(near) < 3 else [min(near), max(near), near[-1]]
        parts += [f"V{mark:.3g}" for mark in marks]
    return "".join(parts)


def _columns(points: Iterable[tuple[float, float]]) -> Iterator[tuple[float, list[float]]]:
    found: dict[int, tuple[float, list[float]]] = {}
    for x, y in points:
        found.setdefault(round(x), (x, []))[1].append(y)
    yield from found.values()
