"""Lesson 09, events grow old: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

from funes_lab.teaching.exercise import Wrong, exercise, expect, letters, number

_NOT_BY_AN_UPCASTER: Final = {
    "b": "b guesses what nobody wrote down, and a guess in the log is a fact to whoever reads it",
    "c": "c says of every old parcel that it weighed 500 grams, and nobody weighed them",
    "e": "e looks something up: the same event would say another thing next week",
}


@exercise(
    "09.1",
    "How old is it?",
    "lab.log.shapes() has a row for each event and shape, with a column events.",
    "The first shape is the one with the attributes name and total.",
)
def how_old(answer: Any) -> str:
    """Take the number of events."""
    events = number(answer)
    expect(events != 206, "that is the first shape of Order::Paid")
    expect(events != 800, "those are all that were ever placed, of any shape")
    expect(events not in (326, 249), "that is a later shape; the first one was the first to be seen")
    expect(events == 225, f"it is not {events.normalize():f}")
    return "Nobody has to remember what the program looked like in 2022. The log knows."


@exercise(
    "09.2",
    "The amount that was a float",
    "The function gets a dict and gives back another one, with both keys.",
    "Decimal(text).quantize(Decimal('0.01')) is to the cent; str(…) of it is a text again.",
)
def amount_to_the_cent(answer: Any) -> str:
    """Take a function from one payload to the next."""
    expect(callable(answer) and not isinstance(answer, type), "this wants the function itself: with_a_currency")
    for given, amount in (("59.969999999999995", "59.97"), ("45.9", "45.90"), ("8.99", "8.99")):
        old = {"amount": given}
        made = answer(deepcopy(old))
        expect(isinstance(made, Mapping), f"it should give back a dict, and gives {type(made).__name__}")
        expect("currency" in made, f"from {old} it makes {made}: the currency is missing")
        expect(made["currency"] == "EUR", f"the shop sold in EUR, and it says {made['currency']!r}")
        said = made.get("amount")
        expect(not isinstance(said, float), "the amount is a float again; a payload holds Decimals as text")
        expect(isinstance(said, str | Decimal), f"from {old} it makes the amount {said!r}")
        expect(Decimal(said) == Decimal(amount), f"from {given} it makes {said}; round it to the cent")
        expect(
            set(made) == {"amount", "currency"}, f"it makes {', '.join(map(str, made))}; today's Paid has two fields"
        )
    return "The old payload stays in the log. This is how it is read."


@exercise(
    "09.3",
    "What came in",
    'lab.log.df(names=["Order::Paid"]) has the payments with their times; occurred_at.dt.year is the year.',
    "If the amounts have many digits or currencies are missing, the upcaster is not in place: mark it with @fl.upcast.",
)
def came_in(answer: Any) -> str:
    """Take the sum of the year."""
    amount = number(answer)
    expect(amount != Decimal("2974.66"), "those are November and December only, the payments of the second shape")
    expect(
        amount != Decimal("10095.34"), "those are the payments of the first shape; the year ended with the second one"
    )
    expect(amount != Decimal("37400.94"), "that is what came in over all three years")
    expect(amount == Decimal("13070.00"), f"it is not {amount:,}")
    return "Two shapes, one sum."


@exercise(
    "09.4",
    "May an upcaster do that?",
    "Ask of each: does it say what the payload says already, only in another way?",
    "It may not guess, not invent, and not look at anything but the payload.",
)
def may_it(answer: Any) -> str:
    """Take the letters of what may be done."""
    found = letters(answer, "abcde")
    for letter in sorted(found & set(_NOT_BY_AN_UPCASTER)):
        raise Wrong(_NOT_BY_AN_UPCASTER[letter])
    expect(found == {"a", "d"}, "that is right, and one more may be done as well")
    return "Another name, another unit: the same fact. Whatever was not known then is not known now."
