"""Lesson 04, projections are folds: what is asked, and how a right answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Final

import pandas as pd

from funes_lab import registry
from funes_lab.event import Event
from funes_lab.projection import Projection, fold_of
from funes_lab.stream import EventStream
from funes_lab.teaching.exercise import Wrong, exercise, expect, practice_lab

#: What is told to a projection: the time, who, and how much was paid in, or taken out if it is negative.
Story = list[tuple[str, str, int]]

_TAKEN: Final = {"Ana": Decimal("20.00"), "Bruno": Decimal("9.50"), "Carla": Decimal("8.00")}
_OTHER_SUMS: Final = {
    Decimal("30.00"): "that is what Ana paid in, not what she took out",
    Decimal("50.00"): "that adds what Ana paid in to what she took out",
    Decimal("10.00"): "that is what Ana paid in, less what she took out",
}

_PURE: Final = {"a", "d"}
_IMPURE: Final = {
    "b": "b reads the whole stream: row k knows of events after k",
    "c": "c asks the clock on the wall, which says something else the next time",
    "e": "e keeps names in a list beside the state, and the list has them still when it is replayed again",
}


@exercise(
    "04.1",
    "The fullest jar",
    "jar.replay(Content) has a row for each moment. Which of them has the most?",
    "The column content is a Series, and a Series knows its largest value.",
)
def fullest_jar(answer: Any) -> str:
    """Take the highest content that the jar ever had."""
    amount = _amount(answer)
    expect(amount != Decimal("19.50"), "that is what is in it at the end")
    expect(amount != Decimal("57.00"), "that is what was paid in together; some of it was gone before the rest came")
    expect(amount == Decimal("33.50"), f"{amount} is not the most that was ever in it")
    return "The state at the end had forgotten it. The steps of the fold had not."


@exercise(
    "04.2",
    "Without a projection",
    "jar.df() is a row an event, with the columns event, amount and by. Which events are about taking out?",
    "Keep the rows of that type of event; then group them by the person and add up the amounts.",
)
def taken_out(answer: Any) -> str:
    """Take how much each person has taken out."""
    if isinstance(answer, pd.DataFrame):
        raise Wrong("this wants a Series or a dict; of a DataFrame choose the column with the amounts")
    counts = answer.to_dict() if isinstance(answer, pd.Series) else answer
    expect(isinstance(counts, Mapping), f"this wants a Series or a dict, and got {type(answer).__name__}")
    unknown = [str(name) for name in counts if name not in (*_TAKEN, "Dora")]
    expect(not unknown, f"this wants the amounts by the name of the person, and {', '.join(unknown)} is none")
    for name, amount in _TAKEN.items():
        expect(name in counts, f"nothing is said of {name}")
        found = _amount(counts[name])
        expect(found == amount, _OTHER_SUMS.get(found, f"{name} did not take out {found}"))
    expect(pd.isna(counts.get("Dora", 0)) or not counts.get("Dora"), "Dora took nothing out")
    return "What needs no order needs no fold: a sum over the facts is enough."


@exercise(
    "04.3",
    "Which ones keep the law?",
    "Does the block use anything besides state, event and at? What would that be at the next replay?",
    "A variable of the notebook may have changed by then, and so has the time.",
)
def pure_blocks(answer: Any) -> str:
    """Take the letters of the blocks that are pure."""
    expect(not isinstance(answer, bool | int | float), 'this wants letters, as {"a", "b"}')
    letters = {str(letter).strip().lower() for letter in answer if str(letter).strip(" ,")}
    unknown = letters - _PURE - set(_IMPURE)
    expect(not unknown, f"there is no block {', '.join(sorted(unknown))}")
    for letter in sorted(letters & set(_IMPURE)):
        raise Wrong(_IMPURE[letter])
    missing = len(_PURE - letters)
    expect(not missing, f"{'one is' if missing == 1 else f'{missing} are'} still missing")
    return "What comes in by the arguments can be replayed. Everything else cannot."


@exercise(
    "04.4",
    "The largest payment",
    "What must the state remember to know, at the next payment, whether that one is larger?",
    "Only PaidIn counts. The block compares the event with what the state remembers.",
)
def largest_payment(answer: Any) -> str:
    """Take a projection to the largest payment."""
    _projection(answer, "amount", "by")
    story = [
        ("2026-03-02 09:00", "Ana", -1), ("2026-03-02 10:00", "Ana", 5), ("2026-03-03 10:00", "Bruno", 12),
        ("2026-03-04 10:00", "Carla", -40), ("2026-03-05 10:00", "Carla", 7), ("2026-03-06 10:00", "Dora", 12),
        ("2026-03-07 10:00", "Ana", 13),
    ]  # fmt: skip
    right = [(0, None), (5, "Ana"), (12, "Bruno"), (12, "Bruno"), (12, "Bruno"), (12, "Bruno"), (13, "Ana")]
    for told, state, (amount, by) in zip(_tellings(story), _states(answer, story), right, strict=True):
        expect(
            isinstance(state.amount, Real | Decimal) and state.amount == amount,
            f"after {told} amount is {state.amount}",
        )
        expect(state.by == by, f"after {told} by is {state.by}" + _tie(told))
    return "The state is all that a fold remembers, so what the next step needs must be in it."


@exercise(
    "04.5",
    "The longest pause",
    "When a payment comes, how long is it since the one before? Who knows when that was?",
    "The state needs a second field, for the time of the last payment. A block may take at, the time of its event.",
)
def longest_pause(answer: Any) -> str:
    """Take a projection to the longest pause between two payments."""
    _projection(answer, "days")
    story = [
        ("2026-03-02 09:00", "Ana", 5), ("2026-03-04 08:00", "Bruno", 5), ("2026-03-05 10:00", "Ana", -3),
        ("2026-03-09 09:00", "Carla", 5), ("2026-03-10 09:00", "Carla", 5), ("2026-03-30 10:00", "Ana", -3),
    ]  # fmt: skip
    for told, state, days in zip(_tellings(story), _states(answer, story), [0, 1, 1, 5, 5, 5], strict=True):
        found = state.days.days if isinstance(state.days, timedelta) else state.days
        expect(
            isinstance(found, Real | Decimal) and found == days,
            f"after {told} days is {state.days}; Ana, Bruno and Carla had paid in on 2, 4, 9 and 10 March",
        )
    state = _states(answer, [("2026-03-02 09:00", "Ana", -5)])[-1]
    expect(not state.days, f"where nobody has ever paid in, days is {state.days}")
    return "A fold cannot look back. What it will need, it takes along."


# --- a story, told to a projection ------------------------------------------------------------------------------------


def _projection(answer: Any, *fields: str) -> None:
    expect(
        isinstance(answer, type) and issubclass(answer, Projection) and answer is not Projection,
        "this wants the projection class itself, without brackets",
    )
    known = fold_of(answer).state.model_fields
    for name in fields:
        expect(name in known, f"its state has no field {name}; it has {', '.join(known) or 'none'}")


def _states(projection: type[Projection[Any]], story: Story) -> list[Any]:
    """Give the state after each event of a story."""
    with _moves() as (paid_in, taken), practice_lab(story[-1][0]):
        jar = EventStream.for_("jar")
        states = []
        for time, by, amount in story:
            event = paid_in(amount=amount, by=by) if amount > 0 else taken(amount=-amount, by=by, bought="milk")
            jar.append_or_raise(event, at=time)
            states.append(jar.projected_with(projection, at=time))
    return states


@contextmanager
def _moves() -> Iterator[tuple[type[Event], type[Event]]]:
    """Give the classes PaidIn and TakenOut: those of the notebook, else some of our own for the time being."""
    found: list[Any] = [registry.find("PaidIn"), registry.find("TakenOut")]
    if [_names(cls) for cls in found] == [{"amount", "by"}, {"amount", "by", "bought"}]:
        yield found[0], found[1]
        return
    with registry.layer():

        class PaidIn(Event, name="PaidIn"):
            amount: Decimal
            by: str

        class TakenOut(Event, name="TakenOut"):
            amount: Decimal
            by: str
            bought: str

        yield PaidIn, TakenOut


def _names(cls: Any) -> set[str]:
    return set() if cls is None else set(cls.model_fields)


def _tellings(story: Story) -> Iterable[str]:
    """Say each event in words."""
    for _, by, amount in story:
        yield f"{by} {'paid in' if amount > 0 else 'took out'} {abs(amount)}"


def _tie(told: str) -> str:
    return "; who pays as much as the largest so far does not become it" if told == "Dora paid in 12" else ""


def _amount(answer: Any) -> Decimal:
    expect(
        isinstance(answer, Real | Decimal) and not isinstance(answer, bool),
        f"this wants a number, and got {type(answer).__name__}",
    )
    return Decimal(str(answer)).quantize(Decimal("0.01"))
