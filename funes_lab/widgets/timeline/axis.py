"""The axis of a timeline: from the year 1 to 9999, and down to microseconds.

A moment is a whole number of microseconds since the beginning of the year 1, in UTC. The labels of an axis are put
together from words that are written here (`WORDS`, and the years of the span): the picture in the page picks them by
the same rules, so that an axis can be zoomed where there is no kernel, and nothing is written by JavaScript.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: The last moment that a calendar has.
LAST: Final = date.max.toordinal() * DAY - 1

#: So many pixels are between two ticks at least.
ROOM: Final = 58


class Step(NamedTuple):
    """The distance between two ticks: so many years, months, or microseconds (`span`).

    `about` is its length in microseconds, for a month that of the shortest one.
    """

    unit: str
    n: int
    about: int


#: From the finest to the coarsest. Weeks begin on Monday, as the year 1 did.
STEPS: Final = (
    *(Step("span", n * power, n * power) for power in (1, 10, 100, 1_000, 10_000, 100_000) for n in (1, 2, 5)),
    *(Step("span", n * unit, n * unit) for unit in (SECOND, MINUTE) for n in (1, 5, 15, 30)),
    *(Step("span", n * HOUR, n * HOUR) for n in (1, 3, 6, 12)),
    *(Step("span", n * DAY, n * DAY) for n in (1, 7)),
    *(Step("month", n, 28 * n * DAY) for n in (1, 3, 6)),
    *(Step("year", n, 365 * n * DAY) for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)),
)

_NO_OFFSET: Final = UTC.utcoffset(None)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: What labels are put together from; the years are those of the axis.
WORDS: Final[Mapping[str, list[str]]] = {
    "months": list(_MONTHS),
    "days": [str(day) for day in range(32)],
    "clock": [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440)],
    "seconds": [f":{second:02d}" for second in range(60)],
    "thousandths": [f"{n:03d}" for n in range(1_000)],
}


class Tick(NamedTuple):
    """A place on an axis and its label."""

    at: int
    label: str


def micro(moment: datetime) -> int:
    """Count the microseconds since the beginning of the year 1.

    Examples
    --------
    >>> micro(datetime(1, 1, 2, tzinfo=UTC)) == DAY
    True
    """
    there = moment if moment.utcoffset() in (None, _NO_OFFSET) else moment.astimezone(UTC)
    seconds = (there.hour * 60 + there.minute) * 60 + there.second
    return (there.toordinal() - 1) * DAY + seconds * SECOND + there.microsecond


def reach(first: int, last: int) -> tuple[int, int]:
    """Where an axis begins and ends that shows these two moments; one instant stands in its day.

    Examples
    --------
    >>> reach(2 * DAY, 2 * DAY) == (2 * DAY - DAY // 2, 2 * DAY + DAY // 2)
    True
    """
    margin = max(2, (last - first) // 40) if last > first else DAY // 2
    return first - margin, last + margin


def years(low: int, high: int) -> dict[str, Any]:
    """The names of the years from one moment to another, and which is the first."""
    first, last = _day(low // DAY).year, _day(high // DAY).year
    return {"first": first, "names": [f"{year:04d}" if year < 1000 else str(year) for year in range(first, last + 1)]}


def step_for(span: int, pixels: float) -> Step:
    """Choose the finest step whose ticks have room."""
    least = span / max(pixels, 1) * ROOM
    place = bisect_left(STEPS, least, key=lambda step: step.about)
    return STEPS[min(place, len(STEPS) - 1)]


def ticks(low: int, high: int, pixels: float) -> list[Tick]:
    """The ticks from one moment to another, on so many pixels.

    Examples
    --------
    >>> year = micro(datetime(2026, 1, 1, tzinfo=UTC))
    >>> [tick.label for tick in ticks(year, year + 95 * DAY, 300)]
    ['Jan 2026', 'Feb', 'Mar', 'Apr']
    """
    step = step_for(high - low, pixels)
    made: list[Tick] = []
    for at in _places(step, low, high):
        made.append(Tick(at, _label(at, step, made[-1].at if made else None)))
    return made


def context(low: int, high: int, pixels: float) -> str:
    """Say what the labels leave out: the day, the minute or the second that the axis begins in.

    Examples
    --------
    >>> noon = micro(datetime(2026, 1, 5, 12, tzinfo=UTC))
    >>> context(noon, noon + 3 * HOUR, 600), context(noon, noon + 300 * DAY, 600)
    ('5 Jan 2026 UTC', 'UTC')
    """
    step, at = step_for(high - low, pixels), min(max(low, 0), LAST)
    if step.unit != "span" or step.n >= DAY:
        return "UTC"
    day = _day(at // DAY)
    parts = [f"{day.day} {_MONTHS[day.month - 1]} {_year(day)}"]
    if step.n < MINUTE:
        parts.append(WORDS["clock"][at % DAY // MINUTE] + (_second(at) if step.n < SECOND else ""))
    return " ".join([*parts, "UTC"])


def _places(step: Step, low: int, high: int) -> Iterator[int]:
    low, high = max(low, 0), min(high, LAST)
    if step.unit == "span":
        yield from range(-(-low // step.n) * step.n, high + 1, step.n)
        return
    months = step.n * (12 if step.unit == "year" else 1)
    number = _day(low // DAY).year * 12 + _day(low // DAY).month - 1
    number = -(-number // months) * months
    while number // 12 <= date.max.year:
        if number >= 12:
            at = (date(number // 12, number % 12 + 1, 1).toordinal() - 1) * DAY
            if at > high:
                return
            if at >= low:
                yield at
        number += months


def _label(at: int, step: Step, before: int | None) -> str:
    day = _day(at // DAY)
    if step.unit == "year":
        return _year(day)
    new_year = before is None or _day(before // DAY).year != day.year
    if step.unit == "month":
        return _MONTHS[day.month - 1] + (f" {_year(day)}" if new_year else "")
    date_ = f"{day.day} {_MONTHS[day.month - 1]}"
    if step.n >= DAY:
        return f"{date_} {_year(day)}" if new_year else date_
    if at % DAY == 0:
        return date_
    if step.n >= MINUTE:
        return WORDS["clock"][at % DAY // MINUTE]
    if at % SECOND == 0:
        return WORDS["clock"][at % DAY // MINUTE] + _second(at)
    fine = WORDS["thousandths"][at % 1_000] if step.n < 1_000 else ""
    return f".{WORDS['thousandths'][at % SECOND // 1_000]}{fine}"


def _second(at: int) -> str:
    return WORDS["seconds"][at % MINUTE // SECOND]


def _day(number: int) -> date:
    return date.fromordinal(min(max(number + 1, 1), date.max.toordinal()))


def _year(day: date) -> str:
    return f"{day.year:04d}" if day.year < 1000 else str(day.year)
