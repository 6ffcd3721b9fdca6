"""Values as Python source: what a person would have typed, laid out as formatters do.

What comes from a log or from a user is written by `repr`, which no text gets out of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.storable import MAX_INT_BITS

_WIDTH: Final = 88
_STEP: Final = "    "


@dataclass(frozen=True, slots=True)
class Group:
    """Items in brackets: a call, a list, a dict."""

    head: str
    items: tuple[tuple[str, Node], ...]
    tail: str
    #: A tuple of one needs a comma even on one line.
    comma: bool = False

    def flat(self) -> str:
        """On one line."""
        inner = ", ".join(f"{name}{node if isinstance(node, str) else node.flat()}" for name, node in self.items)
        return f"{self.head}{inner}{',' if self.comma else ''}{self.tail}"


#: A piece of an expression.
Node = str | Group


def call(head: str, *positional: Node, **named: Node) -> Group:
    """A call."""
    items = [("", node) for node in positional] + [(f"{name}=", node) for name, node in named.items()]
    return Group(f"{head}(", tuple(items), ")")


def lines(node: Node, indent: str, before: str = "", after: str = "") -> Iterator[str]:
    """An expression in lines: on one if it fits, else an item a line."""
    flat = node if isinstance(node, str) else node.flat()
    if isinstance(node, str) or not node.items or len(indent + before + flat + after) <= _WIDTH:
        yield f"{indent}{before}{flat}{after}"
        return
    yield f"{indent}{before}{node.head}"
    for name, item in node.items:
        yield from lines(item, indent + _STEP, name, ",")
    yield f"{indent}{node.tail}{after}"


class Imports:
    """The names that a source uses, and where they come from."""

    def __init__(self) -> None:
        self._from: dict[str, dict[str, str]] = {}
        self._taken: dict[str, str] = {"fl": "funes_lab", "scenario": ""}
        #: Classes that no import reaches.
        self.unreachable: set[str] = set()

    def name(self, cls: type) -> str:
        """What a class is called in the source."""
        outer, _, rest = cls.__qualname__.partition(".")
        if "<locals>" in cls.__qualname__:
            self.unreachable.add(cls.__name__)
            return cls.__name__
        called = self._free(cls.__module__, outer)
        self._from.setdefault(cls.__module__, {})[outer] = called
        return f"{called}.{rest}" if rest else called

    def lines(self) -> list[str]:
        """The import statements: those of the standard library, then the others."""
        library = [self._line(module) for module in sorted(self._from) if module in _LIBRARY]
        others = [self._line(module) for module in sorted(self._from) if module not in _LIBRARY]
        found = ["import funes_lab as fl", *(line for part in others for line in part)]
        if library:
            found = [*(line for part in library for line in part), "", *found]
        if "__main__" in self._from:
            found += [
                "",
                "# Defined in a notebook or a script: move the classes into a module, and import them from there.",
            ]
        if self.unreachable:
            found += ["", f"# Defined in a function, so there is no import for: {', '.join(sorted(self.unreachable))}."]
        return found

    def _free(self, module: str, name: str) -> str:
        called, number = name, 1
        while self._taken.setdefault(called, module) != module:
            number += 1
            called = f"{name}_{number}"
        return called

    def _line(self, module: str) -> list[str]:
        names = tuple(
            ("", name if name == called else f"{name} as {called}")
            for name, called in sorted(self._from[module].items())
        )
        flat = f"from {module} import {', '.join(name for _, name in names)}"
        if len(flat) <= _WIDTH:
            return [flat]
        return [f"from {module} import (", *(f"{_STEP}{name}," for _, name in names), ")"]


_LIBRARY: Final = frozenset({"datetime", "decimal", "uuid"})


def plain(value: Any, *, by_alias: bool = False) -> Any:
    """The same in texts, numbers, lists and dicts, as a person types it: pydantic makes of it what it was."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, BaseModel):
        names = {name: _alias(type(value), name) if by_alias else name for name in value.__dict__}
        return {names[name]: plain(item, by_alias=by_alias) for name, item in value.__dict__.items()}
    if isinstance(value, Mapping):
        return {plain(key): plain(item, by_alias=by_alias) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(plain(item, by_alias=by_alias) for item in value) if _is_bare(value) else list(value)
    return value


def moment(value: datetime) -> str:
    """A time as text."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()


def written(value: Any, imports: Imports) -> Node:
    """A value as Python has it."""
    if isinstance(value, Enum):
        return f"{imports.name(type(value))}.{value.name}"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return quoted(str(value))
    if isinstance(value, (int, float)):
        return _number(value)
    writer = next((write for kind, write in _EXACT.items() if isinstance(value, kind)), None)
    if writer is not None:
        return writer(value, imports)
    if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
        return _instance(value, imports)
    if isinstance(value, Mapping):
        return Group(
            "{", tuple((f"{_flat(key, imports)}: ", written(item, imports)) for key, item in value.items()), "}"
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return _collection(value, imports)
    return quoted(formats.value(value))


def quoted(text: str) -> str:
    """A text in double quotes, where that needs no more escapes."""
    told = repr(text)
    return f'"{told[1:-1]}"' if told.startswith("'") and '"' not in told and "\\'" not in told else told


def _number(value: float) -> str:
    if isinstance(value, int):
        return hex(value) if value.bit_length() > MAX_INT_BITS else str(int(value))
    return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'


def _instance(value: Any, imports: Imports) -> Node:
    if isinstance(value, BaseModel):
        named = {_alias(type(value), name): item for name, item in value.__dict__.items()}
        named |= value.__pydantic_extra__ or {}
    else:
        named = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
    head = imports.name(type(value))
    if all(name.isidentifier() for name in named):
        return call(head, **{name: written(item, imports) for name, item in named.items()})
    inside = written(named, imports)
    return Group(f"{head}(", (("**", inside),), ")")


def _collection(value: Iterable[Any], imports: Imports) -> Node:
    if not value and isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}()"
    if isinstance(value, (set, frozenset)):
        items = tuple(("", item) for item in sorted(_flat(one, imports) for one in value))
        braces = Group("{", items, "}")
        return braces if isinstance(value, set) else call("frozenset", braces)
    listed = tuple(("", written(item, imports)) for item in value)
    return Group("[", listed, "]") if isinstance(value, list) else Group("(", listed, ")", comma=len(listed) == 1)


def _flat(value: Any, imports: Imports) -> str:
    node = written(value, imports)
    return node if isinstance(node, str) else node.flat()


def _alias(model: type[BaseModel], name: str) -> str:
    """The name by which a model takes a field."""
    info, config = model.model_fields.get(name), model.model_config
    if info is None or config.get("populate_by_name") or config.get("validate_by_name"):
        return name
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    return alias if isinstance(alias, str) else name


def _is_bare(value: Iterable[Any]) -> bool:
    return type(value) in (list, tuple, set, frozenset)


def _delta(value: timedelta, imports: Imports) -> Node:
    parts = {name: getattr(value, name) for name in ("days", "seconds", "microseconds")}
    return call(imports.name(timedelta), **{name: str(n) for name, n in parts.items() if n})


#: Values of the standard library that have no literal; a datetime is a date too, so it comes first.
_EXACT: Final[dict[type, Callable[[Any, Imports], Node]]] = {
    bytes: lambda value, imports: repr(value),
    Decimal: lambda value, imports: call(imports.name(Decimal), quoted(str(value))),
    datetime: lambda value, imports: call(f"{imports.name(datetime)}.fromisoformat", quoted(value.isoformat())),
    date: lambda value, imports: call(f"{imports.name(date)}.fromisoformat", quoted(value.isoformat())),
    time: lambda value, imports: call(f"{imports.name(time)}.fromisoformat", quoted(value.isoformat())),
    timedelta: _delta,
    UUID: lambda value, imports: call(imports.name(UUID), quoted(str(value))),
}
