"""Projection: state in, state out.

A projection says how a stream becomes state: where it begins (`initial_state`), what each type of event changes
(`interpretation_for`), and what is still to be done at the end (`final_state`). The class is checked when it is
defined; what runs is its `Fold`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel

from funes_lab.errors import DefinitionError
from funes_lab.event import Event
from funes_lab.fold import Block, Blocks, Fold

State = TypeVar("State", bound=BaseModel)

_MARK = "__funes_lab_block__"


def initial_state(block: Block) -> Block:
    """Mark the block that begins a projection: `(state)` or `(state, at)`.

    It gets the state with its defaults and the time of the query; it returns a state, or changes the one it got
    and returns nothing.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Seen(BaseModel):
    ...     names: list[str] = []
    >>> class Named(fl.Event, name="Example::Named"):
    ...     to: str
    >>> class Names(fl.Projection[Seen]):
    ...     @fl.initial_state
    ...     def start(state):
    ...         state.names = ["nobody"]
    ...     @fl.interpretation_for(Named)
    ...     def named(state, event):
    ...         state.names.append(event.to)
    >>> fl.testing.interpret(Names, Named(to="Ireneo"), given=fl.testing.initial_state(Names)).names
    ['nobody', 'Ireneo']
    """
    return _marked(block, "initial_state", ())


def final_state(block: Block) -> Block:
    """Mark the block that ends a projection: `(state)` or `(state, at)`, with the time of the query.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Opened(fl.Event, name="Example::Opened"):
    ...     pass
    >>> class Age(BaseModel):
    ...     opened_on: int = 0
    ...     days: int = 0
    >>> class CurrentAge(fl.Projection[Age]):
    ...     @fl.interpretation_for(Opened)
    ...     def opened(state, event, at):
    ...         state.opened_on = at.toordinal()
    ...     @fl.final_state
    ...     def end(state, at):
    ...         state.days = at.toordinal() - state.opened_on
    >>> shop = fl.EventStream.for_("shop", lab=fl.Lab())
    >>> opened = shop.append(Opened(), at="2026-01-01")
    >>> shop.projected_with(CurrentAge, at="2026-01-31").days
    30
    """
    return _marked(block, "final_state", ())


def interpretation_for(*types: type[Event]) -> Callable[[Block], Block]:
    """Mark the block that says what events of these types change: `(state, event)` or `(state, event, at)`.

    Parameters
    ----------
    *types : Event classes
        Matched by the events' names; a subclass of an event is another event.

    Returns
    -------
    decorator
        `at` is the event's `occurred_at`. The block returns the state, or changes it and returns nothing.

    Raises
    ------
    DefinitionError
        Without types, or with something that is no event class.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import BaseModel
    >>> class Lit(fl.Event, name="Example::Lit"):
    ...     pass
    >>> class Lamp(BaseModel):
    ...     on: bool = False
    >>> class CurrentLamp(fl.Projection[Lamp]):
    ...     @fl.interpretation_for(Lit)
    ...     def lit(state, event):
    ...         state.on = True
    >>> fl.testing.interpret(CurrentLamp, Lit(), given=Lamp())
    Lamp(on=True)
    """
    for given in types:
        if not (isinstance(given, type) and issubclass(given, Event)):
            raise DefinitionError(
                f"interpretation_for takes event classes, got {given!r}; "
                "write @fl.interpretation_for(Issued) above the block"
            )
    if not types:
        raise DefinitionError("interpretation_for needs an event class: @fl.interpretation_for(Issued)")
    return lambda block: _marked(block, "interpretation", tuple(types))


def _marked(block: Block, kind: str, types: tuple[type[Event], ...]) -> Block:
    function = block.__func__ if isinstance(block, staticmethod) else block
    if not inspect.isfunction(function):
        raise DefinitionError(f"{kind} marks a function, got {block!r}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise DefinitionError(f"{function.__qualname__} must be a plain function: a fold does not wait")
    # the mark is on what stands in the class, not on the function: one function may be a block of two projections
    marked = staticmethod(function)
    setattr(marked, _MARK, [*vars(block).get(_MARK, []), (kind, types)])
    return marked


class Projection(Generic[State]):
    """How a stream of events becomes a state.

    Write the state in brackets and a block for each type of event that changes it. Subclasses inherit blocks.

    Attributes
    ----------
    strict : bool
        Whether an event without an interpretation is an error (`UnknownEventError`); default False, it is
        skipped.
    table : str, optional
        The DuckDB table in which a tier of a stream keeps the state, a row an `idx`. A state may also write
        itself anywhere, by a method that it names: `persist_with: ClassVar[str] = "save"`, called with the idx.
        Without either the projection is virtual.
    constraints : mapping or sequence of str
        Of that table: per field (`{"sku": "UNIQUE"}`), or whole ones (`["CHECK (quantity >= 0)"]`).

    Raises
    ------
    DefinitionError
        When the class is defined, with what is missing.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from decimal import Decimal
    >>> from pydantic import BaseModel
    >>> class Deposited(fl.Event, name="Example::Deposited"):
    ...     amount: Decimal
    >>> class Balance(BaseModel):
    ...     balance: Decimal = Decimal(0)
    >>> class CurrentBalance(fl.Projection[Balance]):
    ...     @fl.interpretation_for(Deposited)
    ...     def deposited(state, event):
    ...         state.balance += event.amount
    >>> fl.testing.interpret(CurrentBalance, Deposited(amount=5), given=Balance())
    Balance(balance=Decimal('5'))
    """

    strict: ClassVar[bool] = False
    table: ClassVar[str | None] = None
    constraints: ClassVar[Mapping[str, str] | Sequence[str]] = ()
    _fold: ClassVar[Fold]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._fold = _compile(cls)

    def __new__(cls, *_: object, **__: object) -> Projection[State]:
        raise TypeError(f"{cls.__name__} is used as a class: pass it to replay(...) or projected_with(...)")


def fold_of(projection: object, argument: str = "projection") -> Fold:
    """The fold of a projection class; a clear error for anything else."""
    if isinstance(projection, type) and issubclass(projection, Projection) and projection is not Projection:
        return projection._fold
    raise TypeError(f"{argument} must be a subclass of fl.Projection[State], got {projection!r}")


def _compile(cls: type[Projection[Any]]) -> Fold:
    state, blocks = _state_of(cls), Blocks()
    for base in reversed(cls.__mro__):
        _collect(base, blocks)
    if state is None:
        raise DefinitionError(
            f"{cls.__name__} does not say its state; write class {cls.__name__}(fl.Projection[OutstandingBalance])"
        )
    if not blocks.interpretations:
        raise DefinitionError(
            f"{cls.__name__} has no interpretation; add a block marked @fl.interpretation_for(an event class)"
        )
    if state.__private_attributes__:
        private = next(iter(state.__private_attributes__))
        raise DefinitionError(
            f"the state of {cls.__name__} must not have private attributes: {private} of {state.__name__} would be no "
            "part of it. Make it a field"
        )
    if not isinstance(cls.strict, bool):
        raise DefinitionError(f"strict of {cls.__name__} must be True or False, got {cls.strict!r}")
    return Fold(cls.__name__, state, blocks, strict=cls.strict)


def _state_of(cls: type[Projection[Any]]) -> type[BaseModel] | None:
    for base in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Projection):
            (state,) = get_args(base)
            if not (isinstance(state, type) and issubclass(state, BaseModel)) or issubclass(state, Event):
                raise DefinitionError(f"the state of {cls.__name__} must be a pydantic model, got {state!r}")
            if state is BaseModel:
                raise DefinitionError(
                    f"the state of {cls.__name__} must be a pydantic model of your own, got BaseModel itself; write "
                    "class Balance(BaseModel) with its fields"
                )
            return state
    inherited = [base.__dict__["_fold"].state for base in cls.__mro__[1:] if "_fold" in base.__dict__]
    return inherited[0] if inherited else None


def _collect(base: type, blocks: Blocks) -> None:
    """Add what one class of the hierarchy defines; two blocks for one thing in one class are a mistake."""
    seen: dict[object, str] = {}
    for value in vars(base).values():
        if not isinstance(value, staticmethod):
            continue
        block: Block = value.__func__
        for kind, types in vars(value).get(_MARK, []):
            for key in [event.event_name for event in types] or [kind]:
                if key in seen:
                    raise DefinitionError(f"{base.__name__} has two blocks for {key}: {seen[key]} and {block.__name__}")
                seen[key] = block.__name__
                if types:
                    blocks.interpretations[str(key)] = block
            if kind == "initial_state":
                blocks.initial = block
            elif kind == "final_state":
                blocks.final = block


def latest(projection: type[Projection[Any]]) -> type[Projection[Any]]:
    """A projection as its module has it now: a cell that was run again replaced the class."""
    if "<locals>" in projection.__qualname__:
        return projection
    found: Any = sys.modules.get(projection.__module__)
    for part in projection.__qualname__.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Projection) else projection
