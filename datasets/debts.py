"""Writes debts.parquet: the ledger of 500 debts, as a lender's office kept it from 2021 to 2024.

    python datasets/debts.py

The debts are invented, with a fixed seed. Everything is appended through `DebtEventStream`, under a clock
that stands at the moment when the office recorded it: so every fact in the file was accepted, and every
attempt in it (column `attempt`: the gate that must refuse it) was refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.datasets.recording import Entry, Recorder

__all__ = ["DebtEventStream", "Issued", "OutstandingBalance", "PaymentReceived", "VirtualOutstandingBalance"]

SEED = 1942
DEBTS = 500
FIRST_DAY = datetime(2021, 1, 4, tzinfo=UTC)
LAST_ISSUE = datetime(2024, 6, 28, tzinfo=UTC)
LAST_DAY = datetime(2024, 12, 20, tzinfo=UTC)
"""No payment is made after it; what is recorded late may be recorded up to seven weeks later."""

ABOUT = "500 debts and their payments, some recorded weeks late, and what the ledger refused"
SOURCE = f"invented by datasets/debts.py, seed {SEED}"


# --- the ledger -------------------------------------------------------------------------------------------


class Issued(fl.Event, name="Debt::Issued"):
    """Money was lent."""

    amount: Decimal = Field(gt=0)
    interest_rate: Decimal = Field(ge=0)
    at: datetime


class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    """Money came back: a part of the debt itself, and interest."""

    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class OutstandingBalance(BaseModel):
    """What is still owed."""

    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
    last_payment_at: datetime | None = None


class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    """What is still owed, counted from the events."""

    @fl.interpretation_for(Issued)
    def issued(state, event):
        """Refuse to issue a debt twice."""
        if state.outstanding_balance or state.last_payment_at:
            event.errors.add("base", "Debt was issued already")
        state.outstanding_balance = event.amount
        return state

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        """Refuse a payment of nothing at all."""
        if event.principal_amount + event.interest_amount == 0:
            event.errors.add("base", "Payment must not be zero")
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        return state


class DebtEventStream(fl.EventStream):
    """The events of one debt."""

    consistency_projection = VirtualOutstandingBalance
    actual_time_attribute = "at"


STREAM = DebtEventStream

ISSUED, PAID = Issued.event_name, PaymentReceived.event_name


# --- the office -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """What was agreed: the amount is paid back in equal monthly instalments."""

    amount: Decimal
    interest_rate: Decimal
    months: int
    issued_at: datetime

    @property
    def instalment(self) -> Decimal:
        """The monthly payment, interest included."""
        growth = (1 + self.interest_rate / 12) ** self.months
        return cents(self.amount * self.interest_rate / 12 * growth / (growth - 1))


def entries() -> list[Entry]:
    """List everything that was typed in, facts and attempts, in the order in which it was recorded."""
    rng = random.Random(SEED)
    span = (LAST_ISSUE - FIRST_DAY).days
    days = sorted(int(rng.random() * span) for _ in range(DEBTS))
    found: list[Entry] = []
    for number, day in enumerate(days, start=1):
        idx = f"debts-{number:03}"
        terms = agree(rng, FIRST_DAY + timedelta(days=day))
        facts = [*life(rng, idx, terms)]
        found += facts
        if number % 7 == 0:
            found += attempts(rng, number // 7, idx, terms, facts)
    return sorted(found, key=lambda entry: (entry.recorded_at, entry.idx))


def lives(rng: random.Random, width: int) -> Iterator[list[Entry]]:
    """Yield debt after debt without end, the facts of each in the order in which they were recorded."""
    span = (LAST_ISSUE - FIRST_DAY).days
    for number in count(1):
        terms = agree(rng, FIRST_DAY + timedelta(days=int(rng.random() * span)))
        yield sorted(life(rng, f"debts-{number:0{width}}", terms), key=lambda entry: entry.recorded_at)


def agree(rng: random.Random, day: datetime) -> Terms:
    """Agree on the terms of a debt that is issued on a day: many small debts, few large ones."""
    amount = Decimal(50 * round(10 * 80 ** rng.random()))
    rate = Decimal(rng.choice(["0.035", "0.05", "0.0625", "0.08", "0.099", "0.1249"]))
    return Terms(amount, rate, rng.choice([6, 9, 12, 18, 24]), office_hours(rng, day))


def life(rng: random.Random, idx: str, terms: Terms) -> Iterator[Entry]:
    """Yield the facts of one debt, in the order in which they happened."""
    amount, rate = str(terms.amount), str(terms.interest_rate)
    delay = timedelta(hours=rng.random(), days=0 if rng.random() > 0.04 else 1 + 8 * rng.random())
    recorded_at = whole_seconds(terms.issued_at + delay)
    issued = {"amount": amount, "interest_rate": rate, "at": iso(terms.issued_at)}
    yield Entry(recorded_at, idx, ISSUED, issued, whole_seconds(terms.issued_at))
    # Most pay as agreed; some pay all at once before the end, some stop, some never begin.
    luck, turn = rng.random(), 1 + int(rng.random() * (terms.months - 1))
    paid_off_at = turn if luck < 0.2 else terms.months
    stops_after = 0 if luck > 0.92 else turn if luck > 0.78 else terms.months
    balance, before = terms.amount, terms.issued_at + timedelta(days=12)
    for month in range(1, min(paid_off_at, stops_after) + 1):
        paid_at = max(before + timedelta(days=1), payment_day(rng, terms.issued_at, month))
        if paid_at > LAST_DAY:
            return
        interest = cents(balance * terms.interest_rate / 12)
        principal = balance if month == paid_off_at else min(balance, terms.instalment - interest)
        balance, before = balance - principal, paid_at
        yield Entry(noticed(rng, paid_at), idx, PAID, payment(principal, interest, paid_at), whole_seconds(paid_at))


def payment_day(rng: random.Random, issued_at: datetime, month: int) -> datetime:
    """Tell when the instalment of a month is paid: about when it is due, sometimes weeks after."""
    due = issued_at + timedelta(days=round(30.44 * month))
    lateness = 24 * rng.random() if rng.random() < 0.08 else -3 + 5 * rng.random()
    return office_hours(rng, due + timedelta(days=round(lateness)))


def noticed(rng: random.Random, paid_at: datetime) -> datetime:
    """Tell when the office records a payment: within hours, but one in twelve only after days or weeks."""
    late = rng.random() < 1 / 12
    return whole_seconds(paid_at + timedelta(hours=6 * rng.random(), days=4 + 44 * rng.random() if late else 0))


def attempts(rng: random.Random, turn: int, idx: str, terms: Terms, facts: list[Entry]) -> Iterator[Entry]:
    """Make mistakes that the office made with one debt: another kind at each turn."""
    issued, last = facts[0], max(facts, key=lambda entry: entry.recorded_at)
    day = office_hours(rng, last.recorded_at + timedelta(days=3))
    small = payment(Decimal("25.00"), Decimal("1.00"), day)
    paid = sum((Decimal(entry.payload["principal_amount"]) for entry in facts[1:]), Decimal(0))
    mistakes: list[tuple[str, str, dict[str, Any]]] = [
        ("own", ISSUED, issued.payload | {"amount": "0"}),
        ("state", PAID, small | {"principal_amount": str(terms.amount - paid + 1)}),
        ("interpretation", ISSUED, issued.payload | {"at": iso(day)}),
        ("own", PAID, small | {"principal_amount": "twenty-five"}),
        ("state", PAID, small | {"principal_amount": str(terms.amount * 100)}),
        ("interpretation", PAID, small | {"principal_amount": "0", "interest_amount": "0"}),
        ("own", ISSUED, issued.payload | {"interest_rate": "-" + str(terms.interest_rate)}),
        ("state", PAID, small | {"at": iso(terms.issued_at - timedelta(days=30))}),
        ("own", PAID, {name: value for name, value in small.items() if name != "at"}),
    ]
    stage, event, payload = mistakes[turn % len(mistakes)]
    yield Entry(day + timedelta(minutes=5), idx, event, payload, happened(payload), stage)
    if paid == terms.amount:
        # Booked once more when nothing is owed: the payment recorded last, or one from the middle.
        again = last if turn % 2 else facts[len(facts) // 2]
        yield Entry(day + timedelta(days=1), idx, PAID, again.payload, again.occurred_at, "state")


def payment(principal: Decimal, interest: Decimal, at: datetime) -> dict[str, Any]:
    """Fill in the form for a payment."""
    return {"principal_amount": str(principal), "interest_amount": str(interest), "at": iso(at)}


def office_hours(rng: random.Random, day: datetime) -> datetime:
    """Pick a moment between 08:00 and 18:00 of a day."""
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=8, seconds=int(36_000 * rng.random()))


def whole_seconds(moment: datetime) -> datetime:
    """Cut a moment to the second."""
    return moment.replace(microsecond=0)


def cents(amount: Decimal) -> Decimal:
    """Round an amount to the cent, half to even."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def happened(payload: dict[str, Any]) -> datetime | None:
    """Tell when something happened, by what was typed in."""
    return datetime.fromisoformat(payload["at"]) if "at" in payload else None


def iso(moment: datetime) -> str:
    """Write a moment as the log does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- the log ----------------------------------------------------------------------------------------------


def log_rows() -> list[dict[str, Any]]:
    """Append every entry at its time and give the rows of the log, with the attempts between the facts."""
    recorder = Recorder()
    recorder.record(entries(), DebtEventStream)
    return recorder.rows()


if __name__ == "__main__":
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), log_rows(), about=ABOUT, source=SOURCE)
