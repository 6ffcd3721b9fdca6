"""The data of a race board: every step of the order that is shown, written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.races import schedule
from funes_lab.races.race import Race
from funes_lab.races.schedule import Step
from funes_lab.widgets.race import panels, words
from funes_lab.widgets.race.diagram import diagram
from funes_lab.widgets.race.play import Play

FOOT: Final = (
    "The band on a lifeline is the time a writer holds what it read. Played on a copy in memory: the log never changes."
)


def board(race: Race, play: Play, began: str = "") -> dict[str, Any]:
    """What the page gets of a play: whatever a step needs is there already.

    Parameters
    ----------
    race : Race
    play : Play
    began : str
        Why the race begins again, if it does.

    Returns
    -------
    dict
        `steps` of the order, as they are written; `frames`, one more than steps; the `diagram` of all of them.
    """
    last, field = play.results[-1], panels.field_of(race, play)
    count = len(play.steps)
    orders = schedule.count(race.programs)
    return {
        "title": formats.middle(", ".join(formats.middle(idx, 40) for idx in race.streams), 60),
        "streams": [formats.middle(idx, words.NAME) for idx in race.streams],
        "guard": last.guard,
        "state_field": field,
        "field": formats.middle(field, 16),
        "writers": [
            {"name": name, "shown": words.writer(name), "key": key}
            for name, key in zip(race.programs, keys(list(race.programs)), strict=True)
        ],
        "steps": [str(step) for step in play.steps],
        "shown": [shown(step) for step in play.steps],
        "step_of": [f"step {formats.value(n)} of {formats.value(count)}" for n in range(count + 1)],
        "story": words.sentence(play.results[0]).partition(" Nothing")[0],
        "diagram": diagram(last),
        "frames": panels.frames(race, play),
        "broke": formats.shorten(f"{play.fault}. The steps before it stand.", 400) if play.fault else "",
        "orders": formats.count(orders, "order"),
        "began": began,
        "foot": FOOT,
    }


def keys(names: Sequence[str]) -> list[str]:
    """A key for each writer: its first letter where it is its own, else a digit; R is for reset.

    Examples
    --------
    >>> keys(["Ana", "Bea", "Ben", "Rob"])
    ['A', 'B', '1', '2']
    """
    taken, found = {"R"}, []
    digits = iter("123456789")
    for name in names:
        letter = name[0].upper()
        if not (letter.isascii() and letter.isalpha()) or letter in taken:
            letter = next(digits, "")
        taken.add(letter)
        found.append(letter)
    return found


def shown(step: Step) -> str:
    """A step, as it is written beside the diagram."""
    return f"{words.writer(step.writer)}.{step.action}"


def part(data: Mapping[str, Any], kept: int) -> dict[str, Any]:
    """The data of the first steps only, for a page that has no room for more."""
    left = len(data["steps"]) - kept + 1
    drawn = data["diagram"]
    return {
        **data,
        "steps": data["steps"][: kept - 1],
        "shown": data["shown"][: kept - 1],
        "frames": data["frames"][:kept],
        "diagram": {
            **drawn,
            "marks": [mark for mark in drawn["marks"] if mark["n"] < kept],
            "bands": [band for band in drawn["bands"] if band["n"] < kept],
            "heights": drawn["heights"][:kept],
        },
        "foot": f"{formats.count(left, 'more step')} left out of this page. {data['foot']}",
    }


def moved(play: Play) -> str:
    """Say that the log has changed, and from where the race begins again."""
    heads = panels.heads(play.results[0])
    told = ", ".join(f"{formats.middle(idx, words.NAME)} is at version {formats.value(heads[idx])}" for idx in heads)
    return f"The log has changed: {told}. The race begins again from there."
