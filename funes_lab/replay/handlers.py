"""Handlers: for every name in a table, how its events are decoded and which block interprets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Final, cast

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, TypeAdapter

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.fold import Block, Fold
from funes_lab.shape import shape_of
from funes_lab.storable import may_hold
from funes_lab.upcast import current_shape, stored_shape

#: Every time that pydantic reads has a zone of its own; that of UTC is known by its hash, and by nothing as quickly.
IN_UTC: Final = hash(TypeAdapter(datetime).validate_json('"1970-01-01T00:00:00Z"').tzinfo)


@dataclass(frozen=True, slots=True)
class Handler:
    """How events of one name are decoded and interpreted.

    Attributes
    ----------
    validate : callable
        Payload to event; raises what pydantic does for one that does not fit.
    times : tuple of str
        The fields that are a time, or None; it may be in another zone than UTC, or in none.
    block : callable
    takes_time : bool
    """

    validate: Callable[[str], Event]
    times: tuple[str, ...]
    block: Block
    takes_time: bool


def handlers_of(table: pa.Table, fold: Fold) -> tuple[list[Handler | None], list[int]]:
    """A handler for every name in the table, and which of them each row needs."""
    encoded = table["klass"].combine_chunks().dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    whole = _needs_whole_events(fold)
    handlers = [_handler(name, fold, whole=whole) for name in names]
    for code, name in enumerate(names):
        newest = current_shape(name)
        if newest > 1:
            rows = np.flatnonzero(codes == code)
            contexts = table["meta_info"].take(pa.array(rows)).to_pylist()
            older = [stored_shape(context) < newest for context in contexts]
            codes = codes.copy()
            codes[rows[older]] = len(names)
    return [*handlers, WHOLE], codes.tolist()


def _handler(name: str, fold: Fold, *, whole: bool) -> Handler | None:
    found = fold.blocks.get(registry.canonical(name))
    if found is None:
        return None
    cls = registry.find(name)
    if cls is None or whole:
        return WHOLE
    shape = shape_of(cls)
    validate = cast(Callable[[str], Event], shape.validate)
    if shape.deep:  # there may be times in lists and models
        return Handler(partial(_in_utc, validate, shape.times_to_utc), (), *found)
    return Handler(validate, tuple(shape.times), *found)


def _in_utc(validate: Callable[[str], Event], times_to_utc: Callable[[Event], None], props: str) -> Event:
    """An event whose times are looked at wherever they may be."""
    event = validate(props)
    times_to_utc(event)
    return event


def _needs_whole_events(fold: Fold) -> bool:
    """Whether a state may keep an event, which must know its version later, or what it computed once from its fields.

    Elsewhere an event is gone after its block, and looks its version up while it is there.
    """
    if fold.immutable:
        return _caches(fold.state)
    return fold.is_open or _caches(fold.state) or may_hold(fold.state, Event)


def _caches(state: type[BaseModel]) -> bool:
    return any(isinstance(value, cached_property) for base in state.__mro__ for value in vars(base).values())


def _nothing(props: str) -> Event:
    raise AssertionError(f"whole events are read from their rows, not from {props!r}")


#: For rows that are read one by one, with all that is known of them: those of an older shape, and where it matters.
WHOLE: Final = Handler(_nothing, (), lambda state, event: state, takes_time=False)
