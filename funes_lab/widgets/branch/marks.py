"""What became of an event on a branch: replaced, left out, added or moved, as a mark and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funes_lab.explore.comparison import Sides, Step
from funes_lab.explore.edits import when
from funes_lab.store import Row
from funes_lab.widgets.scrubber.data import Told

#: The glyphs: changed, removed, added; moved away, and moved to here.
REPLACED, LEFT_OUT, ADDED, AWAY, HERE = "~", "−", "+", "→", "→"
#: What no longer happened at a step.
GONE: Final = ("left out", "moved away")

Events = Sequence[tuple[Told | None, Told | None]]


def brief(event: Told, common: str) -> str:
    """A payload, or the figure alone that all events have in common."""
    figure = event.figures.get(common, "")
    return figure if event.payload == f"{common} {figure}" else event.payload


def changed(sides: Sides, events: Events, low: int, high: int, common: str) -> dict[str, dict[str, str]]:
    """By place, what became of the events that are not the same in both lines.

    Parameters
    ----------
    sides : Sides
    events : sequence of tuple
        Those of all steps, written out.
    low, high : int
        The steps that are told.
    common : str
        The field that all events have, "" if there is none.

    Returns
    -------
    dict
        `glyph` and `word`; `by`, the event that is in the place of the one in the log; `said`, all of it in words.
    """
    away = _moved(sides.steps)
    found = {}
    for place in range(low, high):
        step, (log, branch) = sides.steps[place], events[place]
        if not step.is_same:
            found[str(place - low + 1)] = _mark(log, branch, away.get((step.version, _created(step))), common)
    return found


def _mark(log: Told | None, branch: Told | None, other: tuple[Step, Step] | None, common: str) -> dict[str, str]:
    if log is not None and branch is not None:
        payload = brief(branch, common)
        by = f"{branch.name} {payload}".rstrip() if branch.name != log.name else payload
        return {"glyph": REPLACED, "word": "replaced", "by": by, "said": f", replaced by {by or branch.name}"}
    if log is not None:
        if other is not None:
            there = when(other[1].occurred_at)
            return {"glyph": AWAY, "word": "moved away", "by": "", "said": f", moved to {there}"}
        return {"glyph": LEFT_OUT, "word": "left out", "by": "", "said": ", left out"}
    if other is not None:
        there = when(other[0].occurred_at)
        return {"glyph": HERE, "word": "moved here", "by": "", "said": f", moved here from {there}"}
    return {"glyph": ADDED, "word": "added", "by": "", "said": ", added"}


def _moved(steps: Sequence[Step]) -> dict[tuple[int, object], tuple[Step, Step]]:
    """The steps that an event left and those that it came to, by the event."""
    left = {(step.version, _created(step)): step for step in steps if step.recorded and not step.branched}
    come = {(step.version, _created(step)): step for step in steps if step.branched and not step.recorded}
    return {key: (left[key], come[key]) for key in left.keys() & come.keys()}


def _created(step: Step) -> object:
    """When the log learned of the event: what is moved keeps it, what is appended has one of its own."""
    row: Row | None = step.recorded or step.branched
    return None if row is None else row.created_at
