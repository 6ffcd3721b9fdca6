"""The classes that are defined: a log and a journal know their names only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, cast

from funes_lab.errors import DefinitionError
from funes_lab.projection import Projection
from funes_lab.rules import check_configuration
from funes_lab.scratch import STANDS_IN
from funes_lab.stream import EventStream


def defined() -> list[type[EventStream]]:
    """Every stream class that is defined, by name."""
    found: list[type[EventStream]] = [EventStream, *subclasses(EventStream)]
    return sorted(found, key=lambda cls: (cls.__name__, cls.__module__, cls.__qualname__))


def subclasses(base: type[Any]) -> list[type[Any]]:
    """The subclasses as they are defined now: of a cell or a function that ran twice, those of the second run."""
    return list({_place(cls): cls for cls in _below(base) if _is_usable(cls)}.values())


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


def _below(base: type[Any]) -> Iterator[type[Any]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _below(cls)


def _place(cls: type[Any]) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _is_usable(cls: type[Any]) -> bool:
    """Whether a class is neither replaced by a cell that ran again, nor was refused as it was defined."""
    if STANDS_IN in vars(cls):
        return False
    if "<locals>" not in cls.__qualname__:
        found: Any = sys.modules.get(cls.__module__)
        for part in cls.__qualname__.split("."):
            found = getattr(found, part, None)
        return found is cls
    if issubclass(cls, Projection):
        return "_fold" in vars(cls)
    try:
        check_configuration(cast(Any, cls))
    except (DefinitionError, TypeError):
        return False
    return True
