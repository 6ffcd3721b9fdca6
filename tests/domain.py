"""A small debt domain that the tests of the core share."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, Field

import funes_lab as fl

START = datetime(2026, 1, 1, tzinfo=UTC)


def debts_script() -> dict[str, Any]:
    """The classes of the bundled debts, as the script that wrote them has them; under a name of their own."""
    path = Path(__file__).parents[1] / "datasets" / "debts.py"
    return runpy.run_path(str(path), run_name="generator_of_debts")


def day(number: float) -> datetime:
    """So many days after the beginning of 2026."""
    return START + timedelta(days=number)


class Issued(fl.Event, name="Debts::Issued"):
    amount: Decimal = Field(gt=0)
    interest_rate: Decimal = Field(ge=0)
    at: datetime


class PaymentReceived(fl.Event, name="Debts::PaymentReceived"):
    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class Forgiven(fl.Event, name="Debts::Forgiven"):
    reason: str
    at: datetime


class Noted(fl.Event, name="Debts::Noted"):
    text: str


class OutstandingBalance(BaseModel):
    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
    last_payment_at: datetime | None = None


class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(Issued)
    def issued(state, event, at):
        state.outstanding_balance = event.amount
        return state

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        if event.principal_amount == 13:
            event.errors.add("principal_amount", "must not be unlucky")
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        return state

    @fl.interpretation_for(Forgiven)
    def forgiven(state, event):
        if event.reason == "broken":
            raise RuntimeError("the block broke")
        state.outstanding_balance = Decimal(0)


class Texts(BaseModel):
    texts: list[str] = []


class Trail(fl.Projection[Texts]):
    """Every text noted, in a list that the block changes in place."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.texts.append(event.text)


class DebtEventStream(fl.EventStream):
    consistency_projection = VirtualOutstandingBalance
    actual_time_attribute = "at"


class NoteStream(fl.EventStream):
    """A stream that judges nothing."""


class ShortTexts(BaseModel):
    texts: list[str] = Field(default=[], max_length=3)


class ShortTrail(fl.Projection[ShortTexts]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.texts.append(event.text)
        if event.text == "broken":
            raise RuntimeError("after the state was changed")


class ShortNoteStream(fl.EventStream):
    """Three notes and no more, judged in a state that is changed in place."""

    consistency_projection = ShortTrail


def issued(amount: object = 100, on: float = 0, rate: object = "0.05") -> Issued:
    """A debt issued on that day."""
    return Issued(amount=amount, interest_rate=rate, at=day(on))


def paid(amount: object, on: float = 1) -> PaymentReceived:
    """A payment received on that day."""
    return PaymentReceived(principal_amount=amount, interest_amount=0, at=day(on))


def noted(text: str = "hello") -> Noted:
    """A note."""
    return Noted(text=text)


def balance(side: fl.EventStream | fl.Reading, **when: object) -> Decimal:
    """What is owed."""
    state: OutstandingBalance = side.projected_with(VirtualOutstandingBalance, **when)
    return state.outstanding_balance


def rows_of(lab: fl.Lab) -> int:
    """How many events the log has, counted in the table."""
    return int(lab.sql("SELECT count(*) AS n FROM event_entries").n[0])


def stored(lab: fl.Lab) -> pa.Table:
    """The rows of the log, as the store has them."""
    with lab.store.scan() as scan:
        return pa.concat_tables(scan)
