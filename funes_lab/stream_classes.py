"""The stream classes that are defined: a log and a journal know their names only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from funes_lab.stream import EventStream


def defined() -> list[type[EventStream]]:
    """Every stream class that is defined, as its module has it now: a cell that was run again replaced the class."""
    found: dict[tuple[str, str], type[EventStream]] = {}
    listed: list[type[EventStream]] = [EventStream, *_below(EventStream)]
    for cls in listed:
        where = (cls.__module__, cls.__qualname__)
        if where not in found or not _is_current(found[where]):
            found[where] = cls
    return sorted(found.values(), key=lambda cls: (cls.__name__, cls.__module__, cls.__qualname__))


def named(name: str, asked: Any = None) -> list[type[EventStream]]:
    """The stream classes of that name; the one that was asked, if it is one of them."""
    there = [cls for cls in defined() if cls.__name__ == name]
    own = [cls for cls in there if asked is not None and _place(cls) == _place(asked)]
    return own or there or ([asked] if asked is not None and asked.__name__ == name else [])


def labels(classes: list[type[EventStream]]) -> list[str]:
    """Their names, with their modules where two share one."""
    names = [cls.__name__ for cls in classes]
    return [
        cls.__name__ if names.count(cls.__name__) == 1 else f"{cls.__module__}.{cls.__qualname__}" for cls in classes
    ]


def _below(cls: type[EventStream]) -> Iterator[type[EventStream]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


def _place(cls: type[EventStream]) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _is_current(cls: type[EventStream]) -> bool:
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls
