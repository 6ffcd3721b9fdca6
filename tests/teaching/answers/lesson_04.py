"""Answers to lesson 04."""

from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd
from pydantic import BaseModel

import funes_lab as fl

TAKEN = {"Ana": Decimal("20.00"), "Bruno": Decimal("9.50"), "Carla": 8}


def moves():
    """The classes of the notebook, under names that are theirs for the time being."""

    class PaidIn(fl.Event, name="PaidIn"):
        amount: Decimal
        by: str

    class TakenOut(fl.Event, name="TakenOut"):
        amount: Decimal
        by: str
        bought: str

    return PaidIn, TakenOut


def largest(*, last=False, ties=False, taken=False, fields=("amount", "by"), nobody=None):
    """A projection to the largest payment; each option is one way to get it wrong."""
    amount, by = fields
    state_class = type(
        "Largest",
        (BaseModel,),
        {"__annotations__": {amount: Decimal, by: str | None}, amount: Decimal(0), by: nobody, "__module__": __name__},
    )
    with fl.testing.registry():
        paid_in, taken_out = moves()

        class LargestPayment(fl.Projection[state_class]):
            @fl.interpretation_for(*([paid_in, taken_out] if taken else [paid_in]))
            def paid(state, event):
                if last or event.amount > getattr(state, amount) or (ties and event.amount == state.amount):
                    setattr(state, amount, event.amount)
                    setattr(state, by, event.by)

    return LargestPayment


def pause(*, taken=False, latest=False, until_now=False, as_delta=False, first=0):
    """A projection to the longest pause; each option is one way to get it wrong, or to write it otherwise."""

    class Pause(BaseModel):
        last: datetime | None = None
        days: timedelta | int = timedelta(0) if as_delta else first

    with fl.testing.registry():
        paid_in, taken_out = moves()

        class LongestPause(fl.Projection[Pause]):
            @fl.interpretation_for(*([paid_in, taken_out] if taken else [paid_in]))
            def paid(state, event, at):
                if state.last is not None:
                    since = at - state.last if as_delta else (at - state.last).days
                    state.days = since if latest else max(state.days, since)
                state.last = at

            @fl.final_state
            def end(state, at):
                if until_now and state.last is not None:
                    state.days = max(state.days, (at - state.last).days)

    return LongestPause


RIGHT = {
    "04.1": [Decimal("33.50"), 33.5],
    "04.2": [TAKEN, pd.Series(TAKEN), {**TAKEN, "Dora": 0}, pd.Series({**TAKEN, "Dora": None})],
    "04.3": [{"a", "d"}, "da", ["A", "D"]],
    "04.4": [lambda: largest()],  # noqa: PLW0108  (a function without parameters makes the answer)
    "04.5": [lambda: pause(taken=False), lambda: pause(as_delta=True)],
}

WRONG = {
    "04.1": [(19.5, "at the end"), (57, "paid in together"), (28, "is not the most"), ("33.50", "wants a number")],
    "04.2": [
        ({"Ana": 30, "Bruno": 15, "Carla": 12}, "what Ana paid in, not"),
        ({"Ana": 50, "Bruno": 24.5, "Carla": 39.5}, "adds what Ana paid in"),
        ({"Ana": 20, "Bruno": 9.5, "Carla": 27.5}, "Carla did not take out 27.50"),
        ({"Ana": 20}, "nothing is said of Bruno"),
        ({"milk": 12, "beans": 9.5}, "milk, beans is none"),
        ({**TAKEN, "Dora": 1}, "Dora took nothing"),
        (pd.DataFrame({"amount": TAKEN}), "choose the column"),
        (37.5, "a Series or a dict"),
    ],
    "04.3": [
        ({"a", "b"}, "knows of events after k"),
        ({"a", "c", "d"}, "the clock on the wall"),
        ({"a", "e", "d"}, "a list beside the state"),
        ({"a"}, "one is still missing"),
        (set(), "2 are still missing"),
        ("f", "no block f"),
        (2, "letters"),
    ],
    "04.4": [
        (lambda: largest(last=True), "after Carla paid in 7 amount is 7"),
        (lambda: largest(ties=True), "does not become it"),
        (lambda: largest(taken=True), "after Ana took out 1 amount is 1"),
        (lambda: largest(fields=("amount", "who")), "no field by"),
        (lambda: largest(nobody=""), "after Ana took out 1 by is"),
        (fl.Projection, "the projection class itself"),
        (12, "the projection class itself"),
    ],
    "04.5": [
        (lambda: pause(taken=True), "after Carla paid in 5 days is 3"),
        (lambda: pause(latest=True), "after Carla paid in 5 days is 1"),
        (lambda: pause(until_now=True), "after Ana took out 3 days is 20"),
        (lambda: pause(first=1), "after Ana paid in 5 days is 1"),
        (lambda: largest(taken=False), "no field days"),
        ("LongestPause", "the projection class itself"),
    ],
}
