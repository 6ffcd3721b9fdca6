"""Events out of nothing: payloads that keep the constraints of their class, by chance and by seed.

A storm needs events by the thousand. What a field may be is said by its type and its constraints, so a value can be
drawn; what says too little, or is checked by a function that nothing drawn gets past, is told with the way out.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import partial
from random import Random
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import latest
from funes_lab.races.numbers import Bounds, Empty, draw, draws

#: Makes the event of a number.
Make = Callable[[Random, int], Event]

#: When the first event of a storm happened; the event k of it k seconds later, in the attribute that says so.
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)

_TRIES: Final = 100  # payloads drawn until one gets past the validators of a class
_DEEPEST: Final = 4
_WAY_OUT: Final = "give storm events=, a function of (chance, number) that builds one"
_CONSTRAINTS: Final = (
    "gt", "ge", "lt", "le", "multiple_of", "max_digits", "decimal_places", "min_length", "max_length", "pattern",
)  # fmt: skip


class CannotSample(Exception):
    """A value of this type cannot be drawn; says why."""


def types_of(stream_class: Any) -> list[type[Event]]:
    """The event types that the projections of a stream interpret, in their order.

    Raises
    ------
    ValueError
        If there is none.
    """
    projections = [
        *([stream_class.consistency_projection] if stream_class.consistency_projection else []),
        *stream_class.transactional_projections,
        *(one.projection for one in stream_class.async_projections),
    ]
    names = dict.fromkeys(name for projection in projections for name in latest(projection)._fold.blocks)
    found = [cls for name in names if (cls := registry.find(name)) is not None]
    if not found:
        raise ValueError(
            f"events must be given: no projection of {stream_class.__name__} names an event type; {_WAY_OUT}"
        )
    return cast(list[type[Event]], found)


def sampler(stream_class: Any) -> Make:
    """What draws events of the types that a stream's projections interpret.

    Raises
    ------
    ValueError
        For a type of which none can be drawn; it names the field and says what to do.
    """
    kinds = types_of(stream_class)
    make = partial(_one_of, kinds, stream_class.actual_time_attribute)
    for number, kind in enumerate(kinds):  # a type that cannot be drawn is told before anything is written
        sample(kind, Random(0), number, stream_class.actual_time_attribute)
    return make


def _one_of(kinds: Sequence[type[Event]], time_attribute: str | None, chance: Random, number: int) -> Event:
    return sample(chance.choice(kinds), chance, number, time_attribute)


def sample(kind: type[Event], chance: Random, number: int = 0, time_attribute: str | None = None) -> Event:
    """Draw an event of a type that its own rules let pass.

    Parameters
    ----------
    kind : Event class
    chance : Random
    number : int
        Of the event in its storm: the attribute of actual time is so many seconds after `BEGIN`.
    time_attribute : str, optional
        The attribute that says when it happened.

    Returns
    -------
    Event

    Raises
    ------
    ValueError
        If none can be drawn.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import Field
    >>> class Parcelled(fl.Event, name="Example::Parcelled"):
    ...     grams: int = Field(gt=0, le=3)
    >>> sorted({sample(Parcelled, Random(seed)).grams for seed in range(50)})
    [1, 2, 3]
    """
    event = None
    for _ in range(_TRIES):
        event = kind(**_payload(kind, chance, number, time_attribute))
        if not event.own_errors:
            return event
    told = "; ".join(event.own_errors.full_messages) if event is not None else ""
    raise ValueError(f"no {kind.event_name} could be drawn that its own rules let pass ({told}); {_WAY_OUT}")


def _payload(kind: type[Event], chance: Random, number: int, time_attribute: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, info in kind.model_fields.items():
        try:
            if name == time_attribute and (made := _time_of(info.annotation, number)) is not None:
                values[name] = made
            else:
                values[name] = value_of(info.annotation, info.metadata, chance)
        except CannotSample as why:
            if info.is_required():
                raise ValueError(f"{kind.event_name}.{name} cannot be drawn: {why}; {_WAY_OUT}") from None
    return values


def _time_of(annotation: Any, number: int) -> Any:
    """When the event of a number happened: later than those before it, so that few are backdated."""
    moment = BEGIN + timedelta(seconds=number)
    for part in _members(annotation):
        if part is datetime:
            return moment
        if part is date:
            return moment.date()
        if part is str:
            return moment.isoformat()
    return None


# --- values of a type ---------------------------------------------------------------------------------------------


def value_of(annotation: Any, metadata: Sequence[Any], chance: Random, depth: int = 0) -> Any:
    """Draw a value of a type that keeps its constraints.

    Parameters
    ----------
    annotation : type
    metadata : sequence
        The constraints, as pydantic keeps them.
    chance : Random
    depth : int
        How deep in nested models and lists.

    Raises
    ------
    CannotSample
        With what speaks against it.
    """
    annotation, metadata = _opened(annotation, metadata)
    if get_origin(annotation) is Literal:
        return chance.choice(_literals(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return _of_union(get_args(annotation), metadata, chance, depth)
    limits = _limits(metadata)
    if "pattern" in limits:
        raise CannotSample(f"no text is drawn by a pattern ({limits['pattern']!r})")
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return chance.choice(list(annotation))
    if draws(annotation):
        try:
            return draw(annotation, Bounds.of(limits), chance)
        except Empty as why:
            raise CannotSample(str(why)) from None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _of_model(annotation, chance, depth)
    return _of_container(annotation, limits, chance, depth)


def _of_union(args: Sequence[Any], metadata: Sequence[Any], chance: Random, depth: int) -> Any:
    """One of the types; None one time in four, and always where models hold themselves ever deeper."""
    others = [arg for arg in args if arg is not type(None)]
    if len(others) < len(args) and (depth >= _DEEPEST or chance.random() < 0.25):
        return None
    chance.shuffle(others)
    why: CannotSample | None = None
    for arg in others:
        try:
            return value_of(arg, metadata, chance, depth)
        except CannotSample as failure:
            why = failure
    if len(others) < len(args):
        return None
    raise why or CannotSample("it has no type")


def _of_model(model: type[BaseModel], chance: Random, depth: int) -> BaseModel:
    if depth > _DEEPEST:
        raise CannotSample(f"{model.__name__} holds itself without end")
    for _ in range(_TRIES):
        values: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            try:
                values[name] = value_of(info.annotation, info.metadata, chance, depth + 1)
            except CannotSample as why:
                if info.is_required():
                    raise CannotSample(f"{model.__name__}.{name}: {why}") from None
        try:
            return model.model_validate(values, by_alias=True, by_name=True)
        except ValueError:  # what pydantic raises, and what validators do
            continue
    raise CannotSample(f"no {model.__name__} got past its validators")


def _of_container(annotation: Any, limits: Mapping[str, Any], chance: Random, depth: int) -> Any:
    """A list, a set, a tuple or a dict: of no more than three, unless it must have more."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is tuple and Ellipsis not in args:
        return tuple(value_of(arg, (), chance, depth + 1) for arg in args)
    if origin not in (list, set, frozenset, tuple, dict, Sequence, Mapping):
        shown = getattr(annotation, "__name__", None) or annotation
        raise CannotSample(f"{shown} says too little, or is a type that nothing here can draw")
    least = limits.get("min_length", 0)
    most = min(limits.get("max_length", least + 3), least + 3)
    if depth >= _DEEPEST:
        most = least
    if most < least:
        raise CannotSample(f"no length is at least {least} and at most {most}")
    size = chance.randint(least, most)
    if origin in (dict, Mapping):
        keys = _different(args[0], (least, size), chance, depth)
        return {key: value_of(args[1], (), chance, depth + 1) for key in keys}
    if origin in (set, frozenset):
        return origin(_different(args[0], (least, size), chance, depth))
    values = (value_of(args[0], (), chance, depth + 1) for _ in range(size))
    return tuple(values) if origin is tuple else list(values)


def _different(annotation: Any, sizes: tuple[int, int], chance: Random, depth: int) -> list[Any]:
    """So many different values; fewer where the type has no more."""
    least, size = sizes
    seen: dict[Any, None] = {}
    for _ in range(_TRIES):
        if len(seen) == size:
            break
        seen[value_of(annotation, (), chance, depth + 1)] = None
    if len(seen) < least:
        raise CannotSample(f"there are not {least} different ones")
    return list(seen)


# --- what an annotation says --------------------------------------------------------------------------------------


def _opened(annotation: Any, metadata: Sequence[Any]) -> tuple[Any, list[Any]]:
    """A type without its wrappings, and all the constraints that were in them."""
    found = list(metadata)
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            found += more
        elif hasattr(annotation, "__supertype__"):  # a NewType
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # type X = …
            annotation = annotation.__value__
        else:
            return annotation, found


def _members(annotation: Any) -> list[Any]:
    """A type, or those of a union."""
    annotation, _ = _opened(annotation, ())
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for arg in get_args(annotation) for member in _members(arg)]
    return [annotation]


def _literals(annotation: Any) -> list[Any]:
    return [one for arg in get_args(annotation) for one in (_literals(arg) if get_origin(arg) is Literal else [arg])]


def _limits(metadata: Sequence[Any]) -> dict[str, Any]:
    """The constraints by name; of two for one thing the narrower."""
    limits: dict[str, Any] = {}
    for part in metadata:
        if isinstance(part, FieldInfo):
            found = _limits(part.metadata)
        elif isinstance(part, GroupedMetadata) and not hasattr(part, "pattern"):
            found = _limits(list(part))
        else:
            found = {name: given for name in _CONSTRAINTS if (given := getattr(part, name, None)) is not None}
        for name, given in found.items():
            narrower = max if name in ("gt", "ge", "min_length") else min
            known = limits.get(name)
            limits[name] = given if known is None or name in ("pattern", "multiple_of") else narrower(known, given)
    return limits
