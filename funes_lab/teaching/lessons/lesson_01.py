"""Lesson 01, facts, not state: what is asked, and how a right answer is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from funes_lab.event import Event
from funes_lab.teaching.exercise import Wrong, exercise, expect, kind, letters, number

_FACTS = {"b", "d", "e"}
_STATES = {"a": "what is in the jar", "c": "what Carla owes", "f": "how many cups are left"}


@exercise(
    "01.1",
    "What is a fact?",
    "Ask of each sentence: can something that happens tomorrow make it untrue?",
    "A fact tells of something that happened, once, in the past tense. What tells how things are is a state.",
)
def what_is_a_fact(answer: Any) -> str:
    """Take the letters of the sentences that are facts."""
    found = letters(answer, "abcdef")
    for letter in sorted(found & set(_STATES)):
        raise Wrong(f"sentence {letter} says {_STATES[letter]}, and tomorrow that may be another number")
    missing = len(_FACTS - found)
    expect(not missing, f"{'one fact is' if missing == 1 else f'{missing} facts are'} still missing")
    return "A state is what the facts so far add up to; it may change with each new one. A fact never changes."


@exercise(
    "01.2",
    "An event of your own",
    "An event is a pydantic model: class Name(fl.Event), and below it a line for each field, with its type.",
    "Look at how PaidIn is written: a text is a str, a whole number an int.",
)
def an_event_class(answer: Any) -> str:
    """Take an event class CoffeeDrunk with the fields by and cups."""
    kind(answer, Event, "the class itself, without brackets: CoffeeDrunk")
    expect(isinstance(answer, type), "this wants the class itself, without brackets: CoffeeDrunk, not CoffeeDrunk(…)")
    fields = answer.model_fields
    for name in ("by", "cups"):
        expect(name in fields, f"CoffeeDrunk has no field {name}; it has {', '.join(fields) or 'none'}")
    expect(
        answer(by="Ana", cups="a few").own_errors, 'it takes cups="a few" for a number; say that cups is a whole number'
    )
    good = answer(by="Ana", cups=2)
    expect(not good.own_errors, f'by="Ana", cups=2 should be fine, but: {"; ".join(good.own_errors.full_messages)}')
    return "Past tense, and as much in it as somebody may want to know one day."


@exercise(
    "01.3",
    "A question nobody foresaw",
    "Go through jar.events; each has a type and a field by.",
    "Only what Bruno paid in counts, not what he took out: isinstance(event, PaidIn).",
)
def what_bruno_paid(answer: Any) -> str:
    """Take the sum that Bruno has paid in."""
    amount = number(answer)
    expect(amount != Decimal("39.50"), "that is what everybody paid in together")
    expect(amount != Decimal("16.50"), "that is what Bruno paid in, less what he took out")
    expect(amount == Decimal("25.50"), f"Bruno did not pay in {amount}")
    return "Nobody had thought of this question when the facts were written down, and they answer it all the same."


@exercise(
    "01.4",
    "What was in the jar on Tuesday evening?",
    "The state at a time is the fold of what had happened by then. projected_with takes at=.",
    'jar.projected_with(Content, at="2026-03-03 20:00") is a state; its field is what you want.',
)
def content_on_tuesday(answer: Any) -> str:
    """Take the content of the jar on Tuesday at eight in the evening."""
    amount = number(answer.content if hasattr(answer, "content") else answer)
    expect(amount != Decimal("19.50"), "that is what is in it now, after everything")
    expect(amount == Decimal("15.50"), f"on Tuesday evening there was not {amount} in it")
    return "A state that is overwritten has no yesterday. Facts have every yesterday."
