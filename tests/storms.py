"""What storms are made of, in a module: a process of its own can import it."""

from __future__ import annotations

import os
from random import Random

from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import Noted, PaymentReceived, day, paid


class Ticked(fl.Event, name="Storms::Ticked"):
    """One more."""

    by: int = Field(gt=0, le=9)
    word: str = Field(min_length=1, max_length=5)


class Count(BaseModel):
    n: int = 0


class Counter(fl.Projection[Count]):
    @fl.interpretation_for(Ticked)
    def ticked(state, event):
        if event.word == "break":
            raise RuntimeError("the block broke")
        if event.word == "die":
            os._exit(7)
        state.n += event.by


class CounterStream(fl.EventStream):
    consistency_projection = Counter


def payment(chance: Random, number: int) -> PaymentReceived:
    """Small, and a little later each."""
    return paid(chance.randint(1, 9), on=1 + number / 86_400)


def payment_or_too_much(chance: Random, number: int) -> PaymentReceived:
    """Every third one is refused by the balance, the unlucky ones by the block."""
    amount = (5, 13, 10**9)[number % 3]
    return PaymentReceived(principal_amount=amount, interest_amount=0, at=day(1 + number / 86_400))


def note(chance: Random, number: int) -> Noted:
    """A note of its own."""
    return Noted(text=f"{number}: {chance.random()}")


def one_breaks(chance: Random, number: int) -> Ticked:
    """The seventh breaks the block."""
    return Ticked(by=1, word="break") if number == 7 else Ticked(by=1, word="a")


def one_dies(chance: Random, number: int) -> Ticked:
    """The seventh takes its process along."""
    return Ticked(by=1, word="die") if number == 7 else Ticked(by=1, word="a")
