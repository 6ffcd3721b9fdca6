"""Models, dicts and lists within a payload, written as JSON is, and not further than they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from numbers import Real

from pydantic import BaseModel

from funes_lab.formats.figures import scalar
from funes_lab.formats.texts import visible

_DEPTH = 6
_BYTES = 400


def written(v: object, limit: int) -> str:
    """Write a nested value in at most `limit` characters."""
    line = kept = ""
    for token in tokens(v, limit, 0):
        line += token
        if len(line) < limit:
            kept = line
        elif len(line) > limit:
            rest = line[len(kept) :]
            # a text may be cut where the room ends; a number or a bracket goes as a whole
            cut = rest[: limit - 1 - len(kept)] if '"' in rest[:3] else ""
            return f"{kept}{cut}".rstrip(", ") + "…"
    return line


def is_nested(v: object) -> bool:
    """Tell whether a value holds others."""
    return is_mapping(v) or isinstance(v, list | tuple | Set)


def is_mapping(v: object) -> bool:
    """Tell whether a value holds others by name."""
    return isinstance(v, Mapping | BaseModel) or (is_dataclass(v) and not isinstance(v, type))


def items(v: object) -> Iterable[tuple[object, object]]:
    """Give the names and values of a mapping, a model or a data class."""
    if isinstance(v, Mapping):
        return v.items()
    if isinstance(v, BaseModel):
        return iter(v)
    return ((field.name, getattr(v, field.name)) for field in fields(v))  # type: ignore[arg-type]


def words(v: object) -> str:
    """Write a value of a type that nobody here knows."""
    if isinstance(v, bytes | bytearray | memoryview):
        return repr(bytes(v[:_BYTES]))
    unknown = f"{type(v).__name__}(…)"
    if type(v).__str__ is object.__str__ and type(v).__repr__ is object.__repr__:
        return unknown  # object's own repr has an address, which differs from run to run
    try:
        return str(v)
    except Exception:  # noqa: BLE001 - Python refuses to write an int of 4,301 digits; a type of the user's may fail anyhow
        return unknown


def tokens(v: object, limit: int, depth: int) -> Iterator[str]:
    """Write a nested value piece by piece, so that nobody writes what will be cut."""
    if isinstance(v, Enum):
        yield from tokens(v.value, limit, depth)
    elif depth > _DEPTH:
        yield "…"
    elif is_mapping(v):
        yield "{"
        for n, (k, x) in enumerate(items(v)):
            yield f"{', ' if n else ''}{_quoted(_key(k), limit)}: "
            yield from tokens(x, limit, depth + 1)
        yield "}"
    elif isinstance(v, list | tuple):
        yield "["
        for n, x in enumerate(v):
            yield ", " if n else ""
            yield from tokens(x, limit, depth + 1)
        yield "]"
    elif isinstance(v, Set):
        # a set has no order of its own, and the same set must always read the same
        yield from tokens(sorted(v, key=lambda x: "".join(tokens(x, limit, depth))), limit, depth)
    else:
        yield _leaf(v, limit)


def _key(k: object) -> str:
    return k if isinstance(k, str) else scalar(k, grouped=False) or words(k)


def _leaf(v: object, limit: int) -> str:
    if v is None:
        return "null"
    # no comma groups: in a list a comma separates
    figure = scalar(v, grouped=False)
    if figure is None:
        return _quoted(v if isinstance(v, str) else words(v), limit)
    return figure if isinstance(v, Real | Decimal) else f'"{figure}"'


def _quoted(text: str, limit: int) -> str:
    return visible(json.dumps(text[: limit + 1], ensure_ascii=False))
