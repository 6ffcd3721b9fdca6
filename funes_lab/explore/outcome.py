"""What came of a scenario, in words: events in a line, why one was refused, where states differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from funes_lab import formats
from funes_lab.errors import Error
from funes_lab.event import Event
from funes_lab.fold import Fold
from funes_lab.rejection import Rejection
from funes_lab.storable import settle, unconstrained

_TICK: Final = timedelta(milliseconds=1)
_WIDE: Final = 200


def after(moment: datetime) -> datetime:
    """A moment later."""
    try:
        return moment + _TICK
    except OverflowError:
        return moment


def told(event: Event) -> str:
    """An event in a line."""
    shown = formats.mask({**event.payload(), **event.kept_aside}, event.filter_attributes)
    return f"{event.event_name}  {formats.pairs(shown, limit=_WIDE)}" if shown else event.event_name


def reasons_of(rejection: Rejection) -> list[Error]:
    """The errors of a rejection; those of the state themselves, not what they led to."""
    return [error.origin or error for error in rejection.errors]


def fits(rejection: Rejection, stage: str | None, on: str | None, message: str | None) -> bool:
    """Whether it was refused as expected."""
    if stage is not None and rejection.stage != stage:
        return False
    return any(
        (on is None or error.attribute == on) and (message is None or message in error.full_message)
        for error in reasons_of(rejection)
    )


def why(rejection: Rejection) -> list[str]:
    """Why it was refused, and where it would have led."""
    lines = [
        f"{error.source}: {error.attribute}: {error.message}{f'  ({error.rule})' if error.rule else ''}"
        for error in reasons_of(rejection)
    ]
    before, after = (
        formats.mask(shown or {}, rejection.secret) for shown in (rejection.state_before, rejection.state_after)
    )
    moved = [name for name in after if name in before and before[name] != after[name]]
    return lines + [f"{name}: {' → '.join(both(name, before, after))}" for name in moved]


def both(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, str]:
    """Two values in words; as Python has them, where the words are the same."""
    a, b = ours.get(name), theirs.get(name)
    said = formats.value(a), formats.value(b)
    return (
        said
        if said[0] != said[1] or a == formats.FILTERED
        else (formats.shorten(repr(a), 80), formats.shorten(repr(b), 80))
    )


def check_fields(fold: Fold, fields: Mapping[str, Any]) -> None:
    """Refuse what is no field of the state."""
    known: Sequence[str] = list(fold.state.model_fields)
    if not fields:
        raise TypeError(f"then_state needs at least one field of {fold.state.__name__}: {', '.join(known)}")
    for name in fields:
        if name not in known and not fold.is_open:
            raise TypeError(f"{fold.state.__name__} has no field {name!r}; it has {', '.join(known)}")


def read_as(state: type[BaseModel], name: str, value: Any) -> Any:
    """What a field makes of a value, whatever its constraints; the value itself if it makes nothing of it."""
    info = state.model_fields.get(name)
    if info is None:
        return value
    try:
        read = _adapter(state, name).validate_python(value)
    except ValidationError:
        return value
    return settle(read, name, lambda _path, _message: None)


@lru_cache(maxsize=256)
def _adapter(state: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(unconstrained(state.model_fields[name].annotation))
