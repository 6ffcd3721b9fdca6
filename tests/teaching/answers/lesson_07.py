"""Answers to lesson 07."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, Field

import funes_lab as fl


class PaidIn(fl.Event, name="Lesson07::PaidIn"):
    amount: Decimal = Field(gt=0)
    by: str


class TakenOut(fl.Event, name="Lesson07::TakenOut"):
    amount: Decimal = Field(gt=0)
    by: str
    bought: str


# --- 07.3 ---------------------------------------------------------------------------------------------------------


class Spending(BaseModel):
    spent: Decimal = Decimal(0)
    purchases: int = 0


class SpendingTable(fl.Projection[Spending]):
    table = "spending"

    @fl.interpretation_for(TakenOut)
    def taken_out(state, event):
        state.spent += event.amount
        state.purchases += 1


class CountsAll(SpendingTable):
    @fl.interpretation_for(PaidIn)
    def paid_in(state, event):
        state.spent += event.amount
        state.purchases += 1


class CountsTwice(SpendingTable):
    @fl.interpretation_for(TakenOut)
    def taken_out(state, event):
        state.spent += event.amount
        state.purchases += 2


class NoTable(SpendingTable):
    table = None


class OtherTable(SpendingTable):
    table = "jars"


class Spent(BaseModel):
    spent: Decimal = Decimal(0)


class NoPurchases(fl.Projection[Spent]):
    table = "spending"

    @fl.interpretation_for(TakenOut)
    def taken_out(state, event):
        state.spent += event.amount


class OnlyPaid(fl.Projection[Spent]):
    table = "spending"

    @fl.interpretation_for(PaidIn)
    def paid_in(state, event):
        state.spent += event.amount


# --- 07.4 ---------------------------------------------------------------------------------------------------------

notes: list[str] = []


class Jar(BaseModel):
    content: Decimal = Field(default=Decimal(0), ge=0)


class Content(fl.Projection[Jar]):
    @fl.interpretation_for(PaidIn)
    def paid_in(state, event):
        state.content += event.amount

    @fl.interpretation_for(TakenOut)
    def taken_out(state, event):
        state.content -= event.amount


class Low(BaseModel):
    content: Decimal = Decimal(0)
    persist_with: ClassVar[str] = "write"


def noting(write):
    """A projection whose state is written by a function of the state and the idx."""
    state_class = type("Written", (Low,), {"write": write, "__module__": __name__})

    class Note(fl.Projection[state_class]):
        @fl.interpretation_for(PaidIn)
        def paid_in(state, event):
            state.content += event.amount

        @fl.interpretation_for(TakenOut)
        def taken_out(state, event):
            state.content -= event.amount

    return Note


def below_five(state, idx):
    if state.content < 5:
        notes.append(idx)


def up_to_five(state, idx):
    if state.content <= 5:
        notes.append(idx)


def always(state, idx):
    notes.append(f"look at {idx}")


def without_a_pencil(state, idx):
    raise OSError("no pencil")


class JarStream(fl.EventStream):
    consistency_projection = Content


def stream(base=JarStream, **tiers):
    return type("NoteStream", (base,), {**tiers, "__module__": __name__})


def later(write, base=JarStream):
    """Streams that write after the commit, and the list."""
    return stream(base, async_projections=[fl.Async(noting(write))]), notes


TIERS = {"a": "consistency", "b": "async", "c": "transactional", "d": "async"}

RIGHT = {
    "07.1": [TIERS, {letter.upper(): tier.upper() for letter, tier in TIERS.items()}],
    "07.2": [(9, 4), [Decimal("9.00"), 4.0], ("9.00", "4.00")],
    "07.3": [SpendingTable],
    "07.4": [lambda: later(below_five), lambda: [*later(below_five)]],
}

WRONG = {
    "07.1": [
        ({**TIERS, "a": "transactional"}, "it has to say no before"),
        ({**TIERS, "b": "transactional"}, "cannot be taken back"),
        ({**TIERS, "c": "async"}, "may not be late"),
        ({**TIERS, "d": "consistency"}, "for a minute"),
        ({"a": "consistency"}, "still missing: b, c, d"),
        ({"z": "async"}, "there is no z"),
        ({"a": "before"}, "is none of"),
        ("async", "wants a dict"),
    ],
    "07.2": [
        ((19, 4), "were rolled back"),
        ((9, 19), "were rolled back"),
        ((9, 9), "no job has run"),
        ((4, 4), "written with the event"),
        ((4, 9), "the other way round"),
        (9, "two amounts"),
        (("nine", 4), "no amount"),
    ],
    "07.3": [
        (CountsAll, "says that 14.5"),
        (CountsTwice, "twice something was taken out of a jar, and its row says 4"),
        (NoTable, "keeps no table"),
        (OtherTable, "is called 'jars'"),
        (NoPurchases, "no column purchases"),
        (OnlyPaid, "no block for TakenOut"),
        (JarStream, "a subclass of fl.Projection"),
        ("spending", "the class of the projection"),
    ],
    "07.4": [
        (lambda: (stream(transactional_projections=[noting(below_five)]), notes), "an event that was rolled back"),
        (lambda: later(always), "a jar with 8.00 in it"),
        (lambda: later(up_to_five), "not less than 5.00"),
        (lambda: later(without_a_pencil), "a job failed: OSError: no pencil"),
        (lambda: later(below_five, fl.EventStream), "take out more than there is"),
        ((JarStream, notes), "no note has its idx"),
        ((Content, notes), "a subclass of fl.EventStream"),
        (JarStream, "this wants a pair"),
    ],
}
