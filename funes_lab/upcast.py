"""Upcasting: payloads of older shapes, read as if they had been written today.

The log is never rewritten. A payload has a shape, a number from 1 on; where it is above 1 it stands in the
metainformation of the event under a reserved key. When an event is read, the upcasters of its name take its payload
from the shape that is stored to the one that the code knows, step by step.

Where the idea comes from: Overeem, Spoor, Jansen, "The dark side of event sourcing: managing data conversion" (SANER
2017), which compares upcasting with copying and with in-place changes of a log; Young, "Versioning in an Event
Sourced System" (2016).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic_core import to_jsonable_python

from funes_lab import formats, registry
from funes_lab.definition import is_name
from funes_lab.errors import DefinitionError, UpcastError
from funes_lab.event import Event
from funes_lab.registry import Upcaster, called

#: Where the shape of a payload stands in meta_info, if it is above 1.
SHAPE_KEY: Final = "funes_lab.shape"

_NOT_PLAIN = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_Function = TypeVar("_Function", bound=Callable[[dict[str, Any]], Any])


def upcast(
    event: type[Event] | str, *, from_version: int, to_version: int | None = None
) -> Callable[[_Function], _Function]:
    """Mark a function that takes payloads of an older shape to the next one.

    Events are immutable, their classes are not: a field is renamed, split, or gets a meaning that it had by default.
    An upcaster tells it once, and whatever reads the log (streams, projections, judgements, frames, read models) sees
    today's shape. The log itself is never rewritten.

    The first shape is 1; with every upcaster of an event the current one grows by 1, and the chain 1 → 2 → 3 is walked
    from the shape that is stored. New events are written in the current shape, with its number in `meta_info`.
    Upcasters belong to the name of the event, aliases included, and to the scope of `fl.testing.registry()`. Defining a
    function of the same module and name again replaces it.

    The function gets the payload as plain JSON values (texts for Decimals and times) in a dict of its own, which it
    may change, and returns the payload of the next shape. It may return a list: dicts are payloads of this event in
    the next shape, which go on through the chain; instances of any event class are as they are. All of them share the
    version and the times of the row. It should know nothing but the payload: neither the clock nor the log.

    Parameters
    ----------
    event : Event class or str
        The event, or its name; also one that no class has any more.
    from_version : int
        The shape that the function takes, from 1 on and without gaps.
    to_version : int, optional
        The shape that it returns: `from_version + 1`, to say it where it is defined.

    Returns
    -------
    callable
        Gives the function back unchanged, so that it can be tested by itself.

    Raises
    ------
    DefinitionError
        For a gap, a loop, another function for the same shape, or what is no event, version or function. What breaks
        later, when the log is read, is an `UpcastError`.

    References
    ----------
    Overeem, Spoor, Jansen: The dark side of event sourcing: managing data conversion, SANER 2017.
    Young: Versioning in an Event Sourced System, 2016.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> old = {"klass": "Example::Received", "idx": "debt-1", "created_at": "2020-01-01", "occurred_at": "2020-01-01"}
    >>> _ = lab.load([{**old, "version": 1, "props": {"amount": 30}}])

    The log has one amount; today it is parted:

    >>> class Received(fl.Event, name="Example::Received"):
    ...     principal: int
    ...     interest: int
    >>> @fl.upcast(Received, from_version=1)
    ... def part_the_amount(payload):
    ...     return {"principal": payload["amount"], "interest": 0}
    >>> part_the_amount({"amount": 30})
    {'principal': 30, 'interest': 0}
    >>> debt = fl.EventStream.for_("debt-1")
    >>> debt.events
    [Example::Received(principal=30, interest=0)]

    A year later each part is an event of its own:

    >>> class PrincipalPaid(fl.Event, name="Example::PrincipalPaid"):
    ...     amount: int
    >>> class InterestPaid(fl.Event, name="Example::InterestPaid"):
    ...     amount: int
    >>> @fl.upcast("Example::Received", from_version=2)
    ... def split(payload):
    ...     return [PrincipalPaid(amount=payload["principal"]), InterestPaid(amount=payload["interest"])]
    >>> [(event.version, event) for event in debt.events]
    [(1, Example::PrincipalPaid(amount=30)), (1, Example::InterestPaid(amount=0))]
    """
    name = _checked_event(event)
    _check_versions(from_version, to_version, name)

    def mark(function: _Function) -> _Function:
        _check_function(function)
        registry.add_upcaster(name, from_version, function)
        return function

    return mark


def current_shape(name: str) -> int:
    """The shape in which payloads of an event name are written now: 1 + the number of its upcasters."""
    return len(registry.upcasters_of(name)) + 1


@lru_cache(maxsize=256)  # most rows of a log say the same there
def stored_shape(meta_info: str | None) -> int:
    """The shape that a row says its payload has.

    Parameters
    ----------
    meta_info : str or None
        The JSON text of the row.

    Returns
    -------
    int
        1 where nothing is said, and for whatever is no whole number above 0 (`"2"`, `2.0`, true).
    """
    if meta_info is None or (SHAPE_KEY not in meta_info and "\\" not in meta_info):
        return 1
    try:
        told = json.loads(meta_info)
    except ValueError:
        return 1
    shape = told.get(SHAPE_KEY, 1) if isinstance(told, dict) else 1
    return shape if type(shape) is int and shape > 0 else 1


def _checked_event(event: object) -> str:
    name = event if isinstance(event, str) else None
    if isinstance(event, type) and issubclass(event, Event) and event is not Event:
        name = event.event_name
    if not isinstance(name, str) or not is_name(name):
        raise DefinitionError(
            f"event must be a subclass of fl.Event or the name of an event, got {event!r}; write "
            "@fl.upcast(PaymentReceived, from_version=1)"
        )
    return name


def _check_versions(first: int, then: int | None, name: str) -> None:
    for argument, value in (("from_version", first), ("to_version", then)):
        is_number = type(value) is int and value > 0
        if not is_number and (value is not None or argument == "from_version"):
            raise DefinitionError(
                f"{argument} of an upcaster of {name!r} must be a whole number from 1 on, got {value!r}"
            )
    if then is None or then == first + 1:
        return
    if then <= first:
        why = f"is a loop: an upcaster of {name!r} leads from a shape to the next one"
    else:
        why = f"leaves a gap: an upcaster of {name!r} takes one step; chain one for each shape between"
    raise DefinitionError(
        f"from_version={first}, to_version={then} {why}; leave to_version away, or write to_version={first + 1}"
    )


def _check_function(function: object) -> None:
    if not callable(function) or isinstance(function, type):
        raise DefinitionError(f"an upcaster must be a function that takes a payload, got {function!r}")
    if any(kind(function) for kind in _NOT_PLAIN):
        raise DefinitionError(
            f"{called(function)} is async or has a yield; an upcaster is a plain function that returns a payload, or a "
            "list of payloads and events"
        )
    try:
        inspect.signature(function).bind({})
    except TypeError as failure:
        raise DefinitionError(
            f"{called(function)} must take one argument, the payload, and cannot be called with it: {failure}"
        ) from None
    except ValueError:  # a function of C that tells nobody what it takes
        return


@dataclass(frozen=True, slots=True)
class Place:
    """Where a payload stands in the log, for the messages."""

    name: str
    idx: str | None = None
    version: int | None = None


def to_current(props: str, shape: int, place: Place) -> list[str | Event]:
    """Take a stored payload through the upcasters of its name.

    Parameters
    ----------
    props : str
        JSON text. What is no object has no shape and stays as it is.
    shape : int
        The shape it has; one that no upcaster takes is current, or newer than the code, and stays as it is.
    place : Place

    Returns
    -------
    list of str or Event
        At least one part: payloads as JSON text, and events that an upcaster built.

    Raises
    ------
    UpcastError
        If an upcaster raises, or returns what is no payload.
    """
    parts: list[str | Event] = [props]
    chain = registry.upcasters_of(place.name)[shape - 1 :]
    if not chain or not _is_object(props):
        return parts
    for number, function in enumerate(chain, start=shape):
        step = _Step(function, number, place)
        parts = [made for part in parts for made in ([part] if isinstance(part, Event) else step.take(part))]
    return parts


@dataclass(frozen=True, slots=True)
class _Step:
    """One upcaster at work on one stored event."""

    function: Upcaster
    number: int
    place: Place

    def take(self, text: str) -> list[str | Event]:
        """The next shape of a payload; each part shares nothing with the others."""
        try:
            result = self.function(json.loads(text))
        except Exception as failure:
            raise self._failed(text, f"broke: {type(failure).__name__}: {failure}") from failure
        items = result if isinstance(result, list) else [result]
        if not items:
            raise self._failed(text, "returned an empty list; an event may become others, but it cannot vanish")
        return [self._part(item, text, alone=result is item) for item in items]

    def _part(self, item: object, text: str, *, alone: bool) -> str | Event:
        if isinstance(item, dict):
            try:
                return json.dumps(item, allow_nan=False, default=to_jsonable_python)
            except (TypeError, ValueError, RecursionError) as failure:
                raise self._failed(text, f"returned a payload that is no JSON ({failure})") from failure
        if isinstance(item, Event) and not alone and isinstance(type(item).event_name, str):
            return item
        found = f"{'' if alone else 'a list with '}{_named(item)}"
        raise self._failed(text, f"returned {found}; it must return a dict, or a list of dicts and events")

    def _failed(self, text: str, what: str) -> UpcastError:
        place = self.place
        secret = getattr(registry.find(place.name), "filter_attributes", ())
        shown = formats.pairs(formats.mask(json.loads(text), secret))
        where = "" if place.idx is None else f" of {place.idx!r}"
        number = "" if place.version is None else f" #{place.version}"
        name = called(self.function)
        return UpcastError(
            f"the upcaster {name} (from_version={self.number}) {what}; at {place.name}{number}{where} ({shown})",
            upcaster=name,
            event=place.name,
            from_version=self.number,
            idx=place.idx,
            version=place.version,
        )


def _named(item: object) -> str:
    """What kind of thing was returned; not the thing, which may hold secrets."""
    return "None" if item is None else f"a value of type {type(item).__name__}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
