"""What makes a class an event: checked when it is defined."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any

from funes_lab.errors import DefinitionError
from funes_lab.storable import text_problem

_RESERVED = frozenset({
    "persisted", "version", "created_at", "occurred_at", "meta_info", "valid", "errors", "own_errors",
    "state_errors", "rejection", "event_name", "payload", "kept_aside", "filter_attributes",
})  # fmt: skip


def refuse_reserved(cls: type[Any], names: set[str]) -> None:
    """Refuse a class that would hide what every event has."""
    taken = sorted(_RESERVED.intersection(names) - {"filter_attributes"})
    if taken:
        raise DefinitionError(
            f"{cls.__name__} cannot have a field {taken[0]!r}: the lab uses that name on every event. "
            f"Rename it, for example to '{cls.__name__.lower()}_{taken[0]}'"
        )


def annotated_names(cls: type) -> set[str]:
    """The names that a class annotates itself."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return set(annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF))
    return set(inspect.get_annotations(cls))


def is_name(name: object) -> bool:
    """Whether a log can have this as the name of an event."""
    return isinstance(name, str) and 0 < len(name) <= 255 and not text_problem(name)


def checked_name(name: str, cls: type[Any]) -> str:
    """The name of an event in the log."""
    if not is_name(name):
        raise DefinitionError(f"name= of {cls.__qualname__} must be a text of 1 to 255 characters, got {name!r}")
    return name


def checked_aliases(aliases: Sequence[str], cls: type[Any]) -> tuple[str, ...]:
    """The older names of an event."""
    if not isinstance(aliases, (list, tuple)):
        hint = f"; write [{aliases!r}]" if isinstance(aliases, str) else ""
        raise DefinitionError(f"aliases= of {cls.__qualname__} must be a list of names, got {aliases!r}{hint}")
    for number, alias in enumerate(aliases):
        if not is_name(alias):
            raise DefinitionError(
                f"aliases[{number}] of {cls.__qualname__} must be a text of 1 to 255 characters, got {alias!r}"
            )
        if alias in aliases[:number]:
            raise DefinitionError(f"aliases= of {cls.__qualname__} has {alias!r} twice; name it once")
    return tuple(aliases)


def check_config(cls: type[Any]) -> None:
    """Refuse settings with which an event would be no fact."""
    excluded = [name for name, info in cls.model_fields.items() if info.exclude]
    if excluded:
        raise DefinitionError(f"{cls.__qualname__}.{excluded[0]} has exclude=True, and the log would not have it")
    for option, value in (("frozen", True), ("extra", "forbid")):
        if cls.model_config.get(option) != value:
            raise DefinitionError(f"model_config of {cls.__qualname__} must keep {option}={value!r}: events are facts")
    if isinstance(cls.filter_attributes, str):
        raise DefinitionError(
            f"filter_attributes of {cls.__qualname__} must be a list of names, got the text "
            f"{cls.filter_attributes!r}; write [{cls.filter_attributes!r}]"
        )
