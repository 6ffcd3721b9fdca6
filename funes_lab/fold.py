"""The fold: what runs when a stream becomes state.

While it folds, the state is an instance of a subclass whose assignment is plain, so that a block pays no
validation and may change the state or return another one; the whole state is validated once, at the end. A
block that breaks is named, with the event it broke at.
"""

from __future__ import annotations

import decimal
import gc
import inspect
import logging
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from funes_lab import formats
from funes_lab.errors import BASE, DefinitionError, Error, ProjectionError, UnknownEventError
from funes_lab.event import Event, Judge, judge, twin
from funes_lab.shape import exact_types, shape_of
from funes_lab.storable import is_immutable
from funes_lab.validation import errors_of

Block = Callable[..., Any]

_log = logging.getLogger("funes_lab")

#: Blocks compute with this many digits, so that adding money never rounds.
WIDE = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(slots=True)
class Blocks:
    """The marked functions of a projection class."""

    initial: Block | None = None
    final: Block | None = None
    interpretations: dict[str, Block] = field(default_factory=dict)


class Fold:
    """What runs: the blocks of one projection over a plain instance of its state.

    While it folds, the state is an instance of a subclass whose assignment is plain, so that a block pays no
    validation; the whole state is validated once, at the end.
    """

    def __init__(self, name: str, state: type[BaseModel], blocks: Blocks, *, strict: bool) -> None:
        self.name, self.state, self.strict = name, state, strict
        self.blocks = {key: (block, _arity(block)) for key, block in blocks.interpretations.items()}
        self._initial = _timed(blocks.initial, "initial_state") if blocks.initial else None
        self._final = _timed(blocks.final, "final_state") if blocks.final else None
        self.final = blocks.final is not None
        self.starts_with_time = self._initial is not None and self._initial[1]
        #: Whether the state takes attributes that it has no field for.
        self.is_open = state.model_config.get("extra") == "allow"
        self.immutable = not self.is_open and all(is_immutable(info.annotation) for info in state.model_fields.values())
        self._names = frozenset(state.model_fields)

    @cached_property
    def plain(self) -> type[BaseModel]:
        """The state class with plain assignment."""
        # as a class statement would, but with the names of the state, for the reprs and the errors
        names = {"__module__": self.state.__module__, "__qualname__": self.state.__qualname__}
        assignment = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
        return types.new_class(self.state.__name__, (self.state,), exec_body=lambda ns: ns.update(names, **assignment))

    # --- the three steps -------------------------------------------------------------------------------------

    def start(self, at: datetime) -> BaseModel:
        """The state before the first event."""
        state = self._blank()
        return state if self._initial is None else self._at_time(self._initial, "initial_state", state, at)

    def step(self, state: BaseModel, event: Event, at: datetime) -> BaseModel:
        """The state after one more event."""
        found = self.blocks.get(event.event_name)
        if found is None:
            if self.strict:
                raise self._unknown(event)
            return state
        block, takes_time = found
        shape = shape_of(type(event))
        if shape.mutable:
            event = twin(event)
        try:
            result = block(state, event, at) if takes_time else block(state, event)
        except Exception as failure:
            raise self.broken(block, event, failure) from failure
        return self.taken(result, state, block, event)

    def finish(self, state: BaseModel, at: datetime) -> BaseModel:
        """The state as the query sees it; changes the one it is given."""
        return state if self._final is None else self._at_time(self._final, "final_state", state, at)

    def end(self, state: BaseModel, at: datetime) -> BaseModel:
        """The same, leaving the given state as it is for the events to come."""
        if self._final is None:
            return state
        with folding(self):
            return self.finish(self.copy(state), at)

    # --- helpers around them ---------------------------------------------------------------------------------

    def run(self, state: BaseModel, events: Iterable[Event]) -> BaseModel:
        """Fold the events on top of a state."""
        for event in events:
            state = self.step(state, event, cast(datetime, event.occurred_at))
        return state

    def copy(self, state: BaseModel) -> BaseModel:
        """A state that shares nothing that can change with the first."""
        if not self.immutable:
            return state.model_copy(deep=True)
        return self.plain_of(state.__dict__)

    def verdict(self, state: BaseModel, secret: Sequence[str] = ()) -> tuple[BaseModel, list[Error]]:
        """Validate the whole state once.

        Parameters
        ----------
        state : BaseModel
        secret : sequence of str
            Names whose values must not be quoted, beside the state's own.

        Returns
        -------
        state : BaseModel
            Of the projection's state class: validated, or as it is if it does not hold.
        errors : list of Error
            What does not hold.
        """
        values = state.__dict__
        secret = [*self.secret, *secret]
        errors: list[Error] = []
        try:
            checked = self.state.__pydantic_validator__.validate_python(values, by_name=True)
        except ValidationError as failure:
            errors = errors_of(failure, source="state", owner=self.state.__name__, secret=secret)
        if not self.immutable:
            for name, value in values.items():
                errors += _inner_errors(value, name, self.state.__name__, secret)
        if not errors:
            return checked, errors
        as_it_is = self.state.__new__(self.state)
        _fill(as_it_is, dict(values))
        return as_it_is, errors

    def settled(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of a state as the reader gets them: validated, or as they are if the state does not hold."""
        try:
            checked = self.state.__pydantic_validator__.validate_python(values, by_name=True)
        except ValidationError:
            return values
        return fields_of(checked)

    @cached_property
    def exact(self) -> dict[str, frozenset[type]] | None:
        """For each field the types of values that validation leaves as they are; None if nobody can tell."""
        return exact_types(self.state)

    @property
    def secret(self) -> tuple[str, ...]:
        """Names of the state's fields that must not be shown."""
        return tuple(getattr(self.state, "filter_attributes", ()))

    def from_given(self, given: BaseModel) -> BaseModel:
        """A plain copy of a state that a person passed."""
        if not isinstance(given, self.state):
            raise TypeError(f"given must be a {self.state.__name__}, the state of {self.name}; got {given!r}")
        return self.plain_of(given.model_copy(deep=True).__dict__)

    def plain_of(self, values: Mapping[str, Any]) -> BaseModel:
        """A plain state with these fields."""
        state = self.plain.__new__(self.plain)
        _fill(state, dict(values))
        return state

    def _blank(self) -> BaseModel:
        state = self.plain.__new__(self.plain)
        values: dict[str, Any] = {}
        for name, info in self.state.model_fields.items():
            if not info.is_required():
                values[name] = info.get_default(call_default_factory=True, validated_data=values)
        _fill(state, values)
        return state

    def _at_time(
        self, block: tuple[Block, bool, Callable[..., Any]], kind: str, state: BaseModel, at: datetime
    ) -> BaseModel:
        function, _, call = block
        try:
            result = call(state, at)
        except Exception as failure:
            raise ProjectionError(
                f"{self.name}.{function.__name__} ({kind}) broke: {_said(failure)}",
                projection=self.name,
                block=function.__name__,
            ) from failure
        return self.taken(result, state, function, None)

    def taken(self, result: object, before: BaseModel, block: Block, event: Event | None) -> BaseModel:
        """The state that a block leaves: the one it returned, or the one it got and changed."""
        if result is None or result is before:
            state = before
        elif isinstance(result, self.plain):
            state = result
        elif isinstance(result, self.state):
            state = self.plain_of(result.__dict__)
        else:
            raise self._misused(
                block, event, f"returned {result!r}; it must return the {self.state.__name__}, or nothing"
            )
        if not self.knows(state):
            self._refuse_unknown(state, block, event)
        return state

    def knows(self, state: BaseModel) -> bool:
        """Whether a state has no attribute but its fields."""
        return self.is_open or state.__dict__.keys() <= self._names

    def _refuse_unknown(self, state: BaseModel, block: Block, event: Event | None) -> None:
        known = self._names
        for name in list(state.__dict__):
            if name not in known and not isinstance(getattr(self.state, name, None), cached_property):
                raise self._misused(
                    block,
                    event,
                    f"set {name!r}, which {self.state.__name__} does not have; it has {sorted(known)}",
                )
        for name in set(state.__dict__) - known:  # a cached property must not outlive the state it was made for
            del state.__dict__[name]

    def _misused(self, block: Block, event: Event | None, why: str) -> ProjectionError:
        at = f" at {_told(event)}" if event is not None else ""
        return ProjectionError(
            f"{self.name}.{block.__name__}{at} {why}", projection=self.name, block=block.__name__, event=event
        )

    def broken(self, block: Block, event: Event, failure: Exception) -> ProjectionError:
        """What is raised when an interpretation breaks."""
        return ProjectionError(
            f"{self.name}.{block.__name__} broke at {_told(event)}: {_said(failure)}",
            projection=self.name,
            block=block.__name__,
            event=event,
        )

    def _unknown(self, event: Event) -> UnknownEventError:
        return UnknownEventError(
            f"{self.name} is strict and has no interpretation for {_told(event)}; add "
            f"@fl.interpretation_for({'…' if event.kept_aside else type(event).__name__}), "
            "or set strict = False",
            projection=self.name,
            block="",
            event=event,
        )


class _Warner:
    """Outside a consistency projection nobody can be refused any more: what a block says is logged."""

    def __init__(self, projection: str) -> None:
        self._projection = projection

    def found(self) -> list[Error]:
        return []

    def add(self, attribute: str, message: str) -> None:
        _log.warning(
            "%s: errors.add(%r, %r) has no effect here: only the consistency projection of a stream refuses events",
            self._projection, attribute, message,
        )  # fmt: skip


class folding:  # noqa: N801  (used as a function: with folding(fold): …)
    """Run blocks, in a wide decimal context; without a listener what they add to `event.errors` is logged."""

    __slots__ = ("_decimals", "_listener", "_token")

    def __init__(self, fold: Fold, listener: Judge | None = None) -> None:
        self._listener = listener or _Warner(fold.name)

    def __enter__(self) -> None:
        self._token = judge.set(self._listener)
        self._decimals = decimal.getcontext()
        decimal.setcontext(WIDE.copy())

    def __exit__(self, *exc: object) -> None:
        decimal.setcontext(self._decimals)
        judge.reset(self._token)


@contextmanager
def without_gc() -> Iterator[None]:
    """Hold the cycle collector back while many objects are made that all stay: it would look at each again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fields_of(state: BaseModel) -> dict[str, Any]:
    """The fields of a state, and what a state that is open for more holds beside them."""
    return {**state.__dict__, **(state.__pydantic_extra__ or {})}


def project(fold: Fold, events: Iterable[Event], at: datetime) -> BaseModel:
    """The state after the events, as the query at `at` sees it; not validated."""
    with folding(fold):
        return fold.finish(fold.run(fold.start(at), events), at)


def _parameters(block: Block) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(block).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(p.kind not in positional for p in parameters):
        raise DefinitionError(f"{block.__qualname__} takes plain parameters only: state, event, at")
    return parameters


def _arity(block: Block) -> bool:
    """Whether an interpretation takes the time."""
    names = [p.name for p in _parameters(block)]
    if len(names) not in (2, 3):
        raise DefinitionError(
            f"{block.__qualname__} takes {formats.count(len(names), 'parameter')} ({', '.join(names)}); "
            "an interpretation takes (state, event) or (state, event, at)"
        )
    return len(names) == 3


def _timed(block: Block, kind: str) -> tuple[Block, bool, Callable[..., Any]]:
    """An initial_state or final_state, whether it takes the time, and how it is called."""
    names = [p.name for p in _parameters(block)]
    if len(names) > 2:
        raise DefinitionError(f"{block.__qualname__} takes {names}; {kind} takes (state) or (state, at)")
    if len(names) == 2:
        return block, True, block
    if names == ["at"]:
        return block, True, lambda state, at: block(at)
    return block, False, (lambda state, at: block(state)) if names else (lambda state, at: block())


def _fill(state: BaseModel, values: dict[str, Any]) -> None:
    object.__setattr__(state, "__dict__", values)
    object.__setattr__(state, "__pydantic_fields_set__", set(values))
    object.__setattr__(state, "__pydantic_extra__", None)
    object.__setattr__(state, "__pydantic_private__", None)


def _inner_errors(value: Any, path: str, owner: str, secret: Sequence[str]) -> list[Error]:
    """A model inside a state is validated when it is built, not when a block changes it: look again."""
    if isinstance(value, BaseModel):
        errors = []
        try:
            type(value).__pydantic_validator__.validate_python(value.__dict__, by_name=True)
        except ValidationError as failure:
            for e in errors_of(failure, source="state", owner=owner, secret=secret):
                where = path if e.attribute == BASE else f"{path}.{e.attribute}"
                errors.append(Error(where, e.message, "state", rule=owner, value=e.value))
        for name, item in value.__dict__.items():
            errors += _inner_errors(item, f"{path}.{name}", owner, secret)
        return errors
    if isinstance(value, dict):
        return [e for key, item in value.items() for e in _inner_errors(item, f"{path}.{key}", owner, secret)]
    if isinstance(value, (list, tuple, set)):
        return [e for n, item in enumerate(value) for e in _inner_errors(item, f"{path}.{n}", owner, secret)]
    return []


def _told(event: Event) -> str:
    number = f" #{event.version}" if event.version is not None else ""
    shown = formats.pairs(formats.mask(event.payload(), event.filter_attributes))
    return f"{event.event_name}{number} ({shown})"


def _said(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
