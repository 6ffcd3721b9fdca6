"""Lesson 10, a real log: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from funes_lab.projection import Projection
from funes_lab.teaching.exercise import exercise, expect, kind, number, practice_lab


@exercise(
    "10.1",
    "A quarter to",
    "world.replay(OffsetInForce, at=…) has a row for each zone; how many seconds are 5 hours and 45 minutes?",
    "Compare the column utc_offset with that number, and count the rows that are equal.",
)
def a_quarter_to(answer: Any) -> str:
    """Take the number of zones."""
    zones = number(len(answer) if hasattr(answer, "__len__") and not isinstance(answer, str) else answer)
    expect(zones != 1, "there are two names for the same place, and each is a zone")
    expect(zones == 2, f"it is not {zones.normalize():f}; 5 hours and 45 minutes are {5 * 60 + 45} minutes")
    return "A fold of 598 streams, and a comparison."


@exercise(
    "10.2",
    "Twice summer",
    'zone("Europe/London") is the stream; ask for its state at an instant in July 1941.',
    "utc_offset is in seconds, and an hour has 3,600 of them.",
)
def twice_summer(answer: Any) -> str:
    """Take the hours; seconds, a timedelta or the state itself are as good."""
    answer = getattr(answer, "utc_offset", answer)
    hours = number(answer.total_seconds() / 3600 if isinstance(answer, timedelta) else answer)
    expect(hours != 1, "one hour is what London has in most summers; this was 1941")
    expect(hours in (2, 7200), f"not {hours.normalize():f}; look at utc_offset in July 1941")
    return "It was called British Double Summer Time, BDST."


@exercise(
    "10.3",
    "Who wrote it, who committed it",
    "The event has both times: occurred_at is the author's, created_at the committer's.",
    "Subtract one from the other, and divide by an hour: timedelta(hours=1).",
)
def written_and_committed(answer: Any) -> str:
    """Take the hours between the two times."""
    hours = number(answer.total_seconds() / 3600 if isinstance(answer, timedelta) else answer)
    expect(hours >= 0, "it was written before it was committed")
    expect(hours != Decimal("10.83"), "those are the hours of the clock; six whole days lie between them as well")
    expect(Decimal("154.80") <= hours <= Decimal("154.90"), f"not {hours:f} hours; look at both times of the event")
    return "So long it was written and nobody else could know."


@exercise(
    "10.4",
    "The biggest jump",
    "A block sees one event. What it needs of the one before has to be in the state: that is what offset is for.",
    "Compare before you put the new offset in its place; a jump back counts as much as one forward: abs(…).",
)
def biggest_jump(answer: Any) -> str:
    """Take a projection that finds the biggest difference between two offsets that follow each other."""
    expect(isinstance(answer, type), "this wants the class itself: BiggestJump, without brackets")
    kind(answer, Projection, "a projection class")
    expect(_biggest(answer, [7200]) == 0, "a zone whose clock was set once has made no jump, and yours finds one")
    expect(_biggest(answer, [0, 3600]) == 3600, "from 0 to 3,600 is a jump of 3,600 seconds, and yours says otherwise")
    expect(_biggest(answer, [3600, 0]) == 3600, "from 3,600 back to 0 is a jump as well")
    expect(_biggest(answer, [0, 7200, 3600]) == 7200, "after 0, 7,200, 3,600 the biggest jump was the first one")
    expect(_biggest(answer, [0, 3600, 7200]) == 3600, "0, 3,600, 7,200 are two jumps of 3,600, not one of 7,200")
    return "The state of a fold is all that it remembers."


def _biggest(projection: type[Projection[Any]], offsets: Sequence[int]) -> Any:
    """What a projection finds in a zone with these offsets, one a day."""
    days = [datetime(2000, 1, 1 + number, tzinfo=UTC) for number in range(len(offsets))]
    rows = [
        {
            "klass": "TimeZone::ClockChanged", "idx": "zone", "version": version, "created_at": when,
            "occurred_at": when, "props": {"utc_offset": offset, "abbreviation": "XST", "dst": False},
        }
        for version, (offset, when) in enumerate(zip(offsets, days, strict=True), 1)
    ]  # fmt: skip
    with practice_lab() as lab:
        lab.load(rows)
        state = lab.replay(projection, progress=False)
    expect("biggest" in state.columns, "the state has no field biggest; keep the class Jumps as it is")
    return state["biggest"].iloc[0]
