"""The data that the replay scrubber draws: every value written out, every field told once for each time it moved.

So a stream of 10,000 events is sent once and stays small, and a step is a search in a few sorted lists.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final

from funes_lab import formats
from funes_lab.event import Event
from funes_lab.fold import WIDE, Fold
from funes_lab.replay.states import moved
from funes_lab.seen import read_event
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.scale import axis
from funes_lab.widgets.scrubber.course import Course, names_of, numeric

_TEXT: Final = 60  # characters of a text, or of a nested value, in the state
_PAYLOAD: Final = 60  # characters of a payload
_FAULT: Final = 300
_WHOLE: Final = 1_000  # characters of a value in a title
_WHOLES: Final = 50_000  # characters of all of them together
_NAMED: Final = 3  # versions that are named in "without 3, 5 and 8"


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the log, written out."""

    name: str
    payload: str
    figures: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Tale:
    """A stream and what a projection makes of it: all that is drawn."""

    idx: str
    fold: Fold
    rows: Sequence[Row]
    events: Sequence[Told]
    course: Course


def told(row: Row) -> Told:
    """Write an event out, secrets masked."""
    event: Event = read_event(row)
    payload = sentences.beside(formats.mask(event.payload(), event.filter_attributes), row.occurred_at)
    figures = {name: formats.value(value) for name, value in payload.items() if number_of(value) is not None}
    return Told(event.event_name, formats.pairs(payload, limit=_PAYLOAD) if payload else "", figures, row.occurred_at)


# --- as recorded ------------------------------------------------------------------------------------------------


def empty(idx: str, fold: Fold) -> dict[str, Any]:
    """What is drawn of a stream without events."""
    return {
        "idx": formats.middle(idx, 60),
        "projection": formats.middle(fold.name, 60),
        "sentence": "No events yet, so there is nothing to replay. The first one:",
        "way": "stream.append(…)",
    }


def recorded(tale: Tale, low: int = 0, high: int | None = None) -> dict[str, Any]:
    """What is drawn of a stream as it is recorded.

    Parameters
    ----------
    tale : Tale
    low, high : int
        The places that are told: those after `low`, up to `high`. Default: all.

    Returns
    -------
    dict
        Places in it begin at `low`.
    """
    fold, rows, made = tale.fold, tale.rows, tale.course
    high = len(rows) if high is None else high
    part, shown = rows[low:high], tale.events[low:high]
    types = list(dict.fromkeys(event.name for event in tale.events))
    numbers = numeric(fold, made)
    states = made.states[low : high + 1] or [{}]
    return {
        "idx": formats.middle(tale.idx, 60),
        "projection": formats.middle(fold.name, 60),
        "total": formats.value(len(rows)),
        "events": formats.count(len(rows), "event"),
        "left": _left_out(rows, low, high),
        "types": [formats.middle(name, 40) for name in types],
        "short": [formats.middle(name, 30) for name in without_namespace(types)],
        "type": _places(types, shown),
        "versions": [row.version for row in part],
        "named": [formats.value(row.version) for row in part] if any(row.version > 999 for row in part) else [],
        **times([event.at for event in shown]),
        **payloads(tale.events, shown),
        "fields": [runs(name, [state.get(name) for state in states]) for name in names_of(fold, made)],
        "numeric": numbers,
        "axes": {name: axis(number_of(state.get(name)) for state in states) for name in numbers},
        **_faults(rows, made, low, high),
    }


def _places(types: Sequence[str], events: Iterable[Told]) -> list[int]:
    known = {name: place for place, name in enumerate(types)}
    return [known[event.name] for event in events]


def without_namespace(names: Sequence[str]) -> list[str]:
    """The names in a list, where the namespace that all of them share is left out."""
    spaces = {name.rpartition("::")[0] for name in names}
    return [name.rpartition("::")[2] for name in names] if len(spaces) == 1 else list(names)


def _left_out(rows: Sequence[Row], low: int, high: int) -> str:
    """Say which events are not among those that are told."""
    if low == 0 and high == len(rows):
        return ""
    kept, count = formats.value(high - low), formats.count(len(rows), "event")
    first, last = formats.value(rows[low].version), formats.value(rows[high - 1].version)
    return f"This page holds {kept} of {count}, from version {first} to {last}."


def times(moments: Sequence[datetime]) -> dict[str, Any]:
    """The days once each, and the times of day if they are told at all."""
    years = {formats.day(moment)[-4:] for moment in moments}
    days: dict[str, int] = {}
    place = [days.setdefault(formats.day(moment), len(days)) for moment in moments]
    short = {formats.day(moment): formats.day(moment, year=len(years) > 1) for moment in moments}
    clocks = [formats.clock(moment) for moment in moments]
    return {
        "year": years.pop() if len(years) == 1 else "",
        "days": [[short[whole], whole] for whole in days],
        "day": place,
        "clock": clocks if any(clocks) else [],
    }


def payloads(events: Sequence[Told], shown: Sequence[Told]) -> dict[str, Any]:
    """The figure that all events have in common, in a column, and the payloads; the payloads alone if there is none."""
    sets: dict[str, dict[str, None]] = {}
    for event in events:
        if event.figures:
            known = sets.setdefault(event.name, dict.fromkeys(event.figures))
            for name in known.keys() - event.figures.keys():
                del known[name]
    common = [name for name in next(iter(sets.values()), ()) if all(name in known for known in sets.values())]
    whole = [event.payload for event in shown]
    if not common:
        return {"column": "", "figures": [], "payloads": whole}
    figures = [event.figures.get(common[0], "") for event in shown]
    alone = all(text in ("", f"{common[0]} {figure}") for text, figure in zip(whole, figures, strict=True))
    return {"column": formats.middle(common[0], 20), "figures": figures, "payloads": [] if alone else whole}


def runs(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """A field: the places at which it moved, and what it was from there on."""
    at, kept = moves(values)
    text = [_shown(value, _TEXT) for value in kept]
    numbers = [number_of(value) for value in kept]
    made: dict[str, Any] = {"name": name, "at": at, "text": text}
    if any(number is not None for number in numbers):
        made["number"] = numbers
    wholes = {n: formats.value(kept[n], limit=_WHOLE) for n, shown in enumerate(text) if shown.endswith("…")}
    if wholes and sum(map(len, wholes.values())) <= _WHOLES:
        made["whole"] = {str(n): whole for n, whole in wholes.items()}
    return made


def _shown(value: Any, limit: int) -> str:
    if isinstance(value, datetime) and value == value and not value.second and not value.microsecond:
        return f"{formats.day(value)} {formats.clock(value)}".rstrip()
    return formats.value(value, limit=limit)


def moves(values: Sequence[Any]) -> tuple[list[int], list[Any]]:
    """The places at which a value becomes another one, and those values."""
    at, kept = [0], [values[0]]
    for place, value in enumerate(values):
        if value is not kept[-1] and moved(kept[-1], value):
            at.append(place)
            kept.append(value)
    return at, kept


def _faults(rows: Sequence[Row], made: Course, low: int, high: int) -> dict[str, Any]:
    """Where the states end, and what broke."""
    told = {place: formats.shorten(fault, _FAULT) for place, fault in made.faults.items()}
    place = min(told, default=0)
    version = formats.value(rows[place - 1].version) if told else ""
    broke = f"The replay failed at version {version}: {told[place]}. The states before it stand." if told else ""
    return {
        "end": min(made.end, high) - low,
        "stopped": formats.value(rows[made.end - 1].version) if made.end < len(rows) else "",
        "broke": broke,
        "faults": {str(place - low): text for place, text in told.items() if low < place <= high},
    }


# --- without some events ----------------------------------------------------------------------------------------


def what_if(
    tale: Tale, other: Course, skipped: Collection[int], low: int = 0, high: int | None = None
) -> dict[str, Any]:
    """What is drawn beside it: the states without the versions that are skipped, from the first of them on.

    `base` is the last place that both have in common, and the places in it begin there; {} if nothing is skipped.
    """
    fold, rows, made = tale.fold, tale.rows, tale.course
    high = len(rows) if high is None else high
    places = [place for place, row in enumerate(rows, 1) if row.version in skipped]
    if not places or places[0] > high:
        return {}
    base = max(low, places[0] - 1)
    numbers = numeric(fold, made)
    both = [*made.states[low : high + 1], *other.states[low : high + 1]]
    states = other.states[base : high + 1] or [{}]
    versions = [rows[place - 1].version for place in places]
    return {
        "base": base - low,
        "skipped": versions,
        "places": [place - low for place in places if low < place <= high],
        "head": f"{formats.count(len(places), 'event')} skipped, what-if",
        "without": _named(versions),
        "fields": [runs(name, [state.get(name) for state in states]) for name in names_of(fold, made, other)],
        "axes": {name: axis(number_of(state.get(name)) for state in both) for name in numbers},
        "gaps": {name: _gaps(name, made.states[base : high + 1], states) for name in numbers},
        **_faults(rows, other, low, high),
    }


def _gaps(name: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How far a field is from what is recorded, in words."""
    pairs = zip(before, after, strict=False)
    gaps = [_gap(one.get(name), other.get(name)) for one, other in pairs]
    at, text = moves(gaps)
    return {"at": at, "text": text}


def _gap(before: Any, after: Any) -> str:
    if number_of(before) is None or number_of(after) is None:
        return ""
    with localcontext(WIDE):
        gap = exact(after) - exact(before)
    if not gap:
        return "the same as recorded"
    return f"{formats.value(abs(gap))} {'more' if gap > 0 else 'less'} than recorded"


def _named(versions: Sequence[int]) -> str:
    names = [formats.value(version) for version in versions]
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{formats.value(len(names) - _NAMED + 1)} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def number_of(value: Any) -> float | None:
    """Where a value stands on a scale; None if it is no number, or beyond every scale."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def exact(value: float | Decimal) -> Decimal:
    """Write a number as a Decimal, with the digits that are seen."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
