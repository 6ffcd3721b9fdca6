"""Lesson 03, validation: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import pandas as pd
from pydantic import BaseModel, Field

from funes_lab import formats, registry
from funes_lab.event import Event
from funes_lab.projection import Projection, interpretation_for
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, practice_lab

_GATES = {"a": "interpretation", "b": "own", "c": "state", "d": "own", "e": "accepted"}
_WORDS = ("own", "interpretation", "state", "accepted")
_LOOK_AGAIN = {
    ("a", "accepted"): "there is enough in the jar for it. Who is Bruno?",
    ("a", "state"): "8.00 are in the jar, and more. What else is there to object to?",
    ("b", "accepted"): "look at the fields of PaidIn: is 0.00 fine?",
    ("c", "accepted"): "how much is in the jar?",
    ("c", "interpretation"): "Ana has paid in, so no block objects. What would the jar hold after it?",
    ("d", "interpretation"): "a block could object, if it were asked. Which gate comes first?",
    ("d", "state"): "where would it lead? It does not come that far: which gate is first?",
    ("e", "state"): "what would the jar hold after it, and is that below zero?",
}

#: Beans that can be bought, and others: grams and price.
_FINE: Final[tuple[tuple[float, str], ...]] = ((500, "9.90"), (1, "0.01"), (5000, "80"))
_NOT_FINE: Final[tuple[tuple[float, str], ...]] = (
    (0, "9.90"), (-5, "9.90"), (5001, "9.90"), (2.5, "9.90"), (500, "0"), (500, "-1"), (500, "x"),
)  # fmt: skip

#: What each gate has refused in the data set debts.
_REFUSED = {"own": 31, "interpretation": 16, "state": 76}


@exercise(
    "03.1",
    "Which gate?",
    "Ask the gates in order. Is it right in itself? Has the one who takes out paid in? What is in the jar after it?",
    "Build the jar in a cell of its own, and let check tell you: jar.check(…).",
)
def which_gate(answer: Any) -> str:
    """Take what becomes of each attempt."""
    told = {
        str(letter).lower(): "accepted"
        if gate is None
        else str(gate).lower().removesuffix(" rules").removesuffix(" rule")
        for letter, gate in kind(answer, dict, "a dict").items()
    }
    missing = [letter for letter in _GATES if letter not in told]
    expect(not missing, f"nothing is said of {', '.join(missing)}")
    for letter, gate in _GATES.items():
        found = told[letter]
        expect(found in _WORDS, f'for {letter} this wants one of {", ".join(_WORDS)}, and got "{found}"')
        expect(found == gate, f"{letter}: {_LOOK_AGAIN.get((letter, found), f'it is not {found}')}")
    return "The order matters: an event that is wrong in itself is not replayed."


@exercise(
    "03.2",
    "Rules of its own",
    "An own rule stands at the field: Field(gt=…), Field(ge=…), Field(le=…).",
    "gt is more than, ge at least, le at most. A whole number is an int.",
)
def own_rules(answer: Any) -> str:
    """Take an event class BeansBought with rules for grams and price."""
    kind(answer, Event, "the class itself, without brackets: BeansBought")
    expect(isinstance(answer, type), "this wants the class itself: BeansBought, not BeansBought(…)")
    for name in ("grams", "price"):
        expect(name in answer.model_fields, f"BeansBought has no field {name}")
    for grams, price in _FINE:
        errors = answer(grams=grams, price=price).own_errors
        expect(not errors, f"grams={grams}, price={price} should be fine, but: {'; '.join(errors.full_messages)}")
    for grams, price in _NOT_FINE:
        expect(answer(grams=grams, price=price).own_errors, f"grams={grams}, price={price} has no own error")
    return "Own rules need no stream: they can be read off the class."


@exercise(
    "03.3",
    "Ask first",
    "append writes, and when it refuses it leaves a line in the journal. What asks and does neither?",
    "Look again at the part of the lesson that asks without doing. Its answer is true or false.",
)
def ask_first(answer: Any) -> str:
    """Take a function that tells which events would be accepted."""
    expect(
        callable(answer) and not isinstance(answer, type), "this wants the function itself: possible, without brackets"
    )
    with registry.layer(), practice_lab() as lab:
        stream, poured = _barrel()
        stream.append(poured(litres=5))
        events = [poured(litres=litres) for litres in (-5, 3, 0, -6, 90, 95, 96)]
        found = answer(stream, list(events))
        expect(
            isinstance(found, Iterable),
            f"this wants a function that gives back a list of events, and got {found!r:.60}",
        )
        found = list(found)
        expect(len(lab.log) == 1, f"it wrote {formats.count(len(lab.log) - 1, 'event')} into the log")
        expect(not lab.rejections, f"it left {formats.count(len(lab.rejections), 'attempt')} in the journal")
        expect(all(isinstance(event, Event) for event in found), "the list should hold the events themselves")
        _compare(found, [events[0], events[1], events[4], events[5]], events)
    return "A form does the same with each key that is pressed: it says what append would say."


def _compare(found: list[Any], right: list[Any], asked: list[Any]) -> None:
    for event in asked:
        expect(
            event in found or event not in right,
            f"with 5 litres in a barrel for 100, {event.litres:+} would be accepted, and is not in the list",
        )
        expect(
            event not in found or event in right,
            f"with 5 litres in a barrel for 100, {event.litres:+} would be refused, and is in the list",
        )
    expect(len(found) == len(right), "an event is in the list more than once")


@exercise(
    "03.4",
    "What the journal knows",
    "ledger.rejections.df() is a row an attempt. Which column names the gate?",
    "pandas counts the values of a column: value_counts().",
)
def refused_by_gate(answer: Any) -> str:
    """Take how many attempts each gate of the debts refused."""
    counts = answer.to_dict() if isinstance(answer, pd.Series) else answer
    if not isinstance(counts, Mapping):
        expect(str(answer) != "123", "that is how many attempts there are in all; how many has each gate refused?")
        raise Wrong(f"this wants a dict or a Series, a number for each gate, and got {type(answer).__name__}")
    found = {str(gate).lower(): many for gate, many in counts.items()}
    expect(not any("::" in gate for gate in found), "that counts the types of events; which column names the gate?")
    unknown = [gate for gate in found if gate not in (*_REFUSED, "conflict")]
    expect(not unknown, f"there is no gate {', '.join(unknown)}")
    for gate, many in _REFUSED.items():
        expect(gate in found, f"how many attempts were refused by {gate}?")
        expect(found[gate] == many, f"{gate} did not refuse {found[gate]}")
    expect(not found.get("conflict"), "nobody lost a race here")
    return "Most of what is refused is not a typo: it is somebody who did not know the state."


@exercise(
    "03.5",
    "A tin of beans",
    "Which rule needs nothing but the event? Which one needs the state before it? Which one is about the state alone?",
    "The first rule is about an event alone, the third one about the state alone: both stand at fields.",
    "The second rule is about an event and the state before it: the block looks at the state, then changes it.",
)
def tin_of_beans(answer: Any) -> str:
    """Take a stream class with the events Filled and Brewed."""
    expect(isinstance(answer, tuple | list) and len(answer) == 3, "this wants (TinStream, Filled, Brewed)")
    stream, filled, brewed = answer
    for given, wanted, name in (
        (stream, EventStream, "TinStream"),
        (filled, Event, "Filled"),
        (brewed, Event, "Brewed"),
    ):
        expect(isinstance(given, type), f"this wants the class {name} itself, without brackets")
        kind(given, wanted, f"(TinStream, Filled, Brewed), where {name} is a subclass of fl.{wanted.__name__}")
    expect(stream.consistency_projection is not None, "TinStream has no consistency_projection: nobody asks the state")
    with practice_lab() as lab:
        tin = stream.for_("tin", lab=lab)
        for grams in (0, -5):
            _judged(tin, filled, {"grams": grams}, "own", "in an empty tin")
            _judged(tin, brewed, {"cups": grams}, "own", "in an empty tin")
        _judged(tin, brewed, {"cups": 1}, "state", "with an empty tin")
        _judged(tin, filled, {"grams": 500}, None, "into an empty tin")
        _judged(tin, filled, {"grams": 300}, "interpretation", "with 500 grams in the tin")
        _judged(tin, brewed, {"cups": 63}, "state", "with 500 grams in the tin")
        _judged(tin, brewed, {"cups": 50}, None, "with 500 grams in the tin")
        _judged(tin, filled, {"grams": 300}, "interpretation", "with 100 grams in the tin")
        _judged(tin, brewed, {"cups": 1}, None, "with 100 grams in the tin")
        _judged(tin, filled, {"grams": 909}, "state", "with 92 grams in the tin")
        _judged(tin, filled, {"grams": 908}, None, "with 92 grams in the tin")
    return "Each rule stands where what it needs is known, and no further along."


def _judged(tin: EventStream, event_class: type[Event], fields: dict[str, int], gate: str | None, when: str) -> None:
    """Go on if the attempt is refused by this gate, or by none."""
    name, value = next(iter(fields.items()))
    told = f"{when}, {event_class.__name__}({name}={value})"
    expect(name in event_class.model_fields, f"{event_class.__name__} has no field {name}")
    event = tin.append(event_class(**fields))
    if event.rejection is None:
        expect(gate is None, f"{told} was accepted")
        return
    why = "; ".join(event.errors.full_messages)
    expect(gate is not None, f"{told} should be fine, but: {why}")
    found = event.rejection.stage
    expect(found == gate, f"{told} was refused by the rule of another gate, {found}: {why}")


def _barrel() -> tuple[EventStream, Callable[..., Event]]:
    """Make a stream of a barrel for 100 litres, of which nothing is left in the registry."""

    class Poured(Event, name="Barrel::Poured"):
        litres: int

    class Barrel(BaseModel):
        litres: int = Field(default=0, ge=0, le=100)

    class Level(Projection[Barrel]):
        @interpretation_for(Poured)
        def poured(state: Any, event: Any) -> None:
            if event.litres == 0:
                event.errors.add("litres", "must move something")
            state.litres += event.litres

    class BarrelStream(EventStream):
        consistency_projection = Level

    return BarrelStream.for_("barrel"), Poured
