"""What the data of the replay scrubber says of one place: the lines of the state, and the sentence.

The live view says the same in the same words; a test holds the two side by side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from funes_lab import formats

_TOLD: Final = 3  # fields that moved, in a sentence

Data = Mapping[str, Any]


class Line(NamedTuple):
    """A field of the state, before and after an event; `recorded` only where something is skipped."""

    name: str
    before: str
    after: str
    changed: bool
    recorded: str
    is_number: bool


def lines(data: Data, other: Data, place: int) -> list[Line]:
    """The state around the event at a place; none where the replay has ended."""
    if place > end(data, other, place):
        return []
    told = []
    recorded = {field["name"]: field for field in data["fields"]}
    for field in other["fields"] if _is_other(other, place) else data["fields"]:
        name = field["name"]
        before, _ = _value(data, other, name, place - 1)
        after, changed = _value(data, other, name, place)
        beside = ""
        if _is_other(other, place) and name in recorded and place <= data["end"]:
            as_it_is = recorded[name]["text"][_found(recorded[name], place)]
            beside = "same" if as_it_is == after else as_it_is
        told.append(Line(name, before, after, changed, beside, "number" in field))
    return told


def end(data: Data, other: Data, place: int) -> int:
    """The last place that has a state."""
    return int(other["end"] if _is_other(other, place) else data["end"])


def fault(data: Data, other: Data, place: int) -> str:
    """What broke at a place; "" if nothing did."""
    return str((other if _is_other(other, place) else data)["faults"].get(str(place), ""))


def no_state(data: Data, other: Data, place: int) -> str:
    """Why there is no state at a place."""
    source = other if _is_other(other, place) else data
    return f"no state, the replay failed at version {source['stopped']}"


def number(data: Data, other: Data, name: str, place: int) -> tuple[float | None, str]:
    """A field at a place, to draw and to read."""
    source, there = (other, place - other["base"]) if _is_other(other, place) else (data, place)
    field = next((field for field in source["fields"] if field["name"] == name), None)
    if field is None or place > source["end"]:
        return None, ""
    found = _found(field, there)
    return field.get("number", [None] * (found + 1))[found], field["text"][found]


def day(data: Data, place: int) -> str:
    """When the event at a place happened."""
    whole = data["days"][data["day"][place - 1]][1]
    clock = data["clock"][place - 1] if data["clock"] else ""
    return f"{whole} {clock}".rstrip()


def version(data: Data, place: int) -> str:
    """The version of the event at a place."""
    return str(data["named"][place - 1] if data["named"] else data["versions"][place - 1])


def title(data: Data, place: int) -> str:
    """The event at a place: its version, name, payload and time."""
    payload = (data["payloads"] or data["figures"])[place - 1]
    name = data["types"][data["type"][place - 1]]
    return f"Version {version(data, place)}, {name}{' ' if payload else ''}{payload} on {day(data, place)}"


def sentence(data: Data, other: Data, place: int, field: str = "") -> list[tuple[str, bool]]:
    """What the event at a place did, in pieces, and whether they matter most; `field` is the one that is drawn."""
    pieces = [(f"{title(data, place)}: ", False)]
    broken = fault(data, other, place)
    if place > end(data, other, place):
        return [*pieces, (f"{no_state(data, other, place)}.", False)]
    if broken:
        return [*pieces, ("the replay failed here", True), (". The states before it stand.", False)]
    if place in other.get("places", ()):
        pieces.append(("skipped, the state stays as it was", True))
    else:
        pieces.append((_moved([line for line in lines(data, other, place) if line.changed]), True))
    gap = _gap(other, field, place)
    return [*pieces, (f". Without {other['without']} {field} is {gap}." if gap else ".", False)]


def _moved(changed: list[Line]) -> str:
    if not changed:
        return "no field changed"
    told = ", ".join(f"{line.name} {line.before} → {line.after}" for line in changed[:_TOLD])
    more = len(changed) - _TOLD
    return told + (f" and {formats.count(more, 'more field')}" if more > 0 else "")


def _gap(other: Data, field: str, place: int) -> str:
    if not _is_other(other, place) or field not in other["gaps"]:
        return ""
    return str(other["gaps"][field]["text"][_found(other["gaps"][field], place - other["base"])])


def _value(data: Data, other: Data, name: str, place: int) -> tuple[str, bool]:
    """A field after the event at a place, and whether the event moved it."""
    source, there = (other, place - other["base"]) if _is_other(other, place) else (data, place)
    field = next((field for field in source["fields"] if field["name"] == name), None)
    if field is None:
        return formats.NONE, False
    found = _found(field, there)
    return field["text"][found], found > 0 and field["at"][found] == there


def _is_other(other: Data, place: int) -> bool:
    """Whether the states at a place are those without the skipped events."""
    return bool(other) and place > other["base"]


def _found(field: Data, place: int) -> int:
    return bisect_right(field["at"], place) - 1
