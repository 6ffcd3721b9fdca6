"""What the data of the picture of a branch says of one place: the fields in both lines, and the sentence.

The live view says the same in the same words; a test holds the two side by side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

Data = Mapping[str, Any]


class Line(NamedTuple):
    """A field after a step, in the log and in the branch."""

    name: str
    log: str
    what_if: str
    gap: str
    differs: bool
    is_number: bool


def length(data: Data) -> int:
    """How many steps are told."""
    return len(data.get("versions", ()))


def field_of(data: Data, name: str) -> Data | None:
    """A field by its name."""
    return next((field for field in data["fields"] if field["name"] == name), None)


def lines(data: Data, place: int) -> list[Line]:
    """Every field after the step at a place."""
    return [line(data, field, place) for field in data["fields"]]


def line(data: Data, field: Data, place: int) -> Line:
    """A field after the step at a place."""
    log, what_if = (point(data, field, place, branch=branch)[1] for branch in (False, True))
    gap = field["gap"]["text"][_found(field["gap"], max(0, place - data["base"]))]
    return Line(field["name"], log, what_if, gap, differs(data, field, place), field["number"])


def differs(data: Data, field: Data, place: int) -> bool:
    """Whether the lines are apart at a place."""
    return place > data["base"] and not said(data, field, place).endswith("the same in both")


def point(data: Data, field: Data, place: int, *, branch: bool) -> tuple[float | None, str]:
    """A field at a place, to draw and to read."""
    other = branch and place > data["base"]
    source, there = (field["branch"], place - data["base"]) if other else (field["log"], place)
    found = _found(source, there)
    return source.get("number", [None] * (found + 1))[found], source["text"][found]


def said(data: Data, field: Data, place: int) -> str:
    """A field at a place in words, of both lines."""
    if place > data["base"]:
        return str(field["said"]["text"][_found(field["said"], place - data["base"])])
    return f"{point(data, field, place, branch=False)[1]}, the same in both"


def day(data: Data, place: int) -> str:
    """When the event at a place happened."""
    whole = data["days"][data["day"][place - 1]][1]
    clock = data["clock"][place - 1] if data["clock"] else ""
    return f"{whole} {clock}".rstrip()


def version(data: Data, place: int) -> str:
    """The version of the event at a place."""
    return str(data["named"][place - 1] if data["named"] else data["versions"][place - 1])


def title(data: Data, place: int) -> str:
    """The event at a place, and what became of it on the branch."""
    payload, name = data["payloads"][place - 1], data["types"][data["type"][place - 1]]
    mark = data["changed"].get(str(place), {}).get("said", "")
    return f"Version {version(data, place)}, {name}{' ' if payload else ''}{payload} on {day(data, place)}{mark}"


def sentence(data: Data, place: int, name: str) -> list[tuple[str, bool]]:
    """What the lines say at a place, in pieces, and whether they matter most; at the last one, what came of it."""
    field = field_of(data, name)
    if field is not None and place == length(data) and data["ends"]:
        first, rest = field["end"]
        pieces = [(first, True), *([(f" {rest}", False)] if rest else [])]
    elif field is not None:
        pieces = [(f"{title(data, place)}: ", False), (f"{name} is {said(data, field, place)}", True), (".", False)]
    else:
        pieces = [(f"{title(data, place)}.", False)]
    problem = data["problems"].get(str(place))
    return [*pieces, *([(f" The branch's rules would refuse it, {problem['text']}.", False)] if problem else [])]


def _found(runs: Data, place: int) -> int:
    return bisect_right(runs["at"], place) - 1
