"""Hypothesis strategies from event classes: what the fields promise is what is drawn."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from funes_lab.event import Event
from funes_lab.explore.kinds import CHARACTERS, RULES, SCALE, SIMPLE, Rules

_CONTAINERS: Final = (list, set, frozenset, tuple, dict, Sequence, Mapping)


def events_of(classes: Sequence[type[Event]], given: Mapping[str, Any], scale: int = SCALE) -> SearchStrategy[Event]:
    """A strategy of valid events; most of their numbers are within the scale."""
    check_classes(classes)
    for name, strategy in given.items():
        if not isinstance(strategy, SearchStrategy):
            raise TypeError(f"{name} must be a Hypothesis strategy, got {strategy!r}; write st.just({strategy!r})")
        if not any(name in cls.model_fields for cls in classes):
            raise TypeError(f"none of {', '.join(cls.__name__ for cls in classes)} has a field {name!r}")
    return st.one_of([strategy for cls in classes for strategy in both_of(cls, given, scale)])


def check_classes(classes: Sequence[Any]) -> None:
    """Refuse what is no event class."""
    if not classes:
        raise TypeError("events needs an event class: fl.testing.events(Issued)")
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Event)):
            raise TypeError(f"events takes event classes, got {cls!r}")


def both_of(cls: type[Event], given: Mapping[str, Any], scale: int) -> list[SearchStrategy[Event]]:
    """Events whose numbers are all within the scale, and events with any: the fewer choices, the better one shrinks."""
    return [_Maker(scale, near_only=near_only).event(cls, given) for near_only in (True, False)]


class _Maker:
    """Makes strategies; a model that holds itself is made once."""

    def __init__(self, scale: int, *, near_only: bool) -> None:
        self._scale, self._near_only = scale, near_only
        self._models: dict[type[BaseModel], SearchStrategy[Any]] = {}

    def event(self, cls: type[Event], given: Mapping[str, Any]) -> SearchStrategy[Event]:
        values = self._values(cls, given, by_name=True)
        return values.map(lambda drawn: cls(**drawn)).filter(lambda event: not event.own_errors)

    def _model(self, cls: type[BaseModel]) -> SearchStrategy[Any]:
        known = self._models.get(cls)
        if known is None:
            known = self._models[cls] = st.deferred(lambda: made)
            config = cls.model_config
            by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
            made = self._values(cls, {}, by_name=by_name).map(lambda drawn: _built(cls, drawn)).filter(_is_there)
        return known

    def _values(self, cls: type[BaseModel], given: Mapping[str, Any], *, by_name: bool) -> SearchStrategy[Any]:
        """The arguments; those that may be left out are left out at times."""
        required: dict[str, SearchStrategy[Any]] = {}
        optional: dict[str, SearchStrategy[Any]] = {}
        for name, info in cls.model_fields.items():
            alias = info.validation_alias if info.validation_alias is not None else info.alias
            key = name if by_name or not isinstance(alias, str) else alias
            there = name in given
            strategy = given[name] if there else self._field(cls, name, info)
            if _has_functions(cls, name, info):  # else half of what is drawn might be in vain for one of many fields
                strategy = strategy.filter(partial(_fits, cls, name, key))
            (required if info.is_required() or there else optional)[key] = strategy
        return st.fixed_dictionaries(required, optional=optional)

    def _field(self, cls: type[BaseModel], name: str, info: FieldInfo) -> SearchStrategy[Any]:
        try:
            return self._of(info.annotation, Rules().and_(info.metadata))
        except (HypothesisException, TypeError, ValueError) as failure:
            raise TypeError(
                f"no strategy is known for {cls.__name__}.{name}: {info.annotation!r} ({failure}); give one: "
                f"fl.testing.events({cls.__name__}, {name}=…)"
            ) from failure

    def _of(self, annotation: Any, rules: Rules) -> SearchStrategy[Any]:
        annotation, rules = _bare(annotation, rules)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Literal:
            return st.sampled_from(args)
        if origin in (Union, types.UnionType):
            ordered = sorted(args, key=lambda arg: arg is not type(None))
            return st.one_of([self._of(arg, rules) for arg in ordered])
        if (origin or annotation) in _CONTAINERS:
            return self._container(origin or annotation, args, rules)
        if annotation in SIMPLE:
            simple: SearchStrategy[Any] = SIMPLE[annotation](
                replace(rules, scale=self._scale, near_only=self._near_only)
            )
            return simple
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return st.sampled_from(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._model(annotation)
        if annotation is Any or isinstance(annotation, TypeVar):
            return st.none() | st.booleans() | st.integers() | st.text(CHARACTERS)
        found: SearchStrategy[Any] = st.from_type(annotation)
        found.validate()
        return found

    def _container(self, kind: Any, args: Sequence[Any], rules: Rules) -> SearchStrategy[Any]:
        if kind is tuple and args and args[-1] is not Ellipsis:
            return st.tuples(*(self._of(arg, Rules()) for arg in args))
        parts = [self._of(arg, Rules()) for arg in args if arg is not Ellipsis] or [self._of(Any, Rules())]
        if issubclass(kind, Mapping):
            keys = parts[0] if args else st.text(CHARACTERS)
            return st.dictionaries(keys, parts[-1], **rules.size())
        if issubclass(kind, (set, frozenset)):
            drawn: SearchStrategy[Any] = st.frozensets(parts[0], **rules.size())
        else:
            drawn = st.lists(parts[0], **rules.size())
        return drawn.map(kind) if kind in (set, tuple) else drawn


def _bare(annotation: Any, rules: Rules) -> tuple[Any, Rules]:
    """A type without what is wrapped around it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            rules = rules.and_(metadata)
        elif hasattr(annotation, "__supertype__"):  # a NewType
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # type Money = Decimal
            annotation = annotation.__value__
        else:
            return annotation, rules


def _has_functions(cls: type[BaseModel], name: str, info: FieldInfo) -> bool:
    """Whether a validator of the user's own looks at the field."""
    validators = cls.__pydantic_decorators__.field_validators.values()
    known = all(any(getattr(part, rule, None) is not None for rule in RULES) for part in info.metadata)
    return not known or any(name in one.info.fields or "*" in one.info.fields for one in validators)


def takes(cls: type[BaseModel], name: str, value: Any, key: str | None = None) -> bool:
    """Whether a field takes a value, whatever the others are."""
    try:
        made = cls(**{key or name: value})
    except ValidationError as failure:
        return not any(error["loc"][:1] in ((name,), (key,)) for error in failure.errors())
    return not isinstance(made, Event) or not any(e.attribute.split(".")[0] == name for e in made.own_errors)


def _built(cls: type[BaseModel], drawn: Mapping[str, Any]) -> BaseModel | None:
    try:
        return cls(**drawn)
    except ValidationError:
        return None


def _is_there(value: object) -> bool:
    return value is not None


def _fits(cls: type[BaseModel], name: str, key: str, value: Any) -> bool:
    return takes(cls, name, value, key)
