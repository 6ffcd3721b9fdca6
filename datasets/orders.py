"""Writes orders.parquet: the orders of a small shop, 2022 to 2024, in a log whose schema changed twice.

    python datasets/orders.py

The shop is invented, with a fixed seed. Every event is appended through the `OrderStream` that the program had when it
was written, with the classes and upcasters of that time, under a clock: so every fact in the file was accepted by the
program that wrote it, and every attempt in it (column `attempt`: the gate that must refuse it) was refused. Attempts
were written down only from the third version on.

The classes below are those of today. They read the whole log.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import count, groupby
from operator import add, itemgetter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.datasets.recording import Entry, Recorder

__all__ = ["Cancelled", "Customer", "Line", "Order", "OrderNow", "OrderStream", "Paid", "Placed", "Shipped"]

SEED = 4004
ORDERS = 800
FIRST_DAY = datetime(2022, 1, 10, tzinfo=UTC)
SECOND = datetime(2022, 11, 2, 6, tzinfo=UTC)
"""The day of the second version: amounts are Decimals with a currency, the customer is an object."""
THIRD = datetime(2024, 1, 15, 6, tzinfo=UTC)
"""The day of the third: an order has lines instead of a total, and what was sent is shipped."""
LAST_DAY = datetime(2024, 12, 20, tzinfo=UTC)

OLD_WORKER = timedelta(days=9)
"""So long after the third version one of two workers, which nobody had restarted, sent parcels as before."""
SMALL_LETTERS = (datetime(2023, 5, 8, tzinfo=UTC), datetime(2023, 5, 15, tzinfo=UTC))
"""In this week the second version wrote "eur" for "EUR"."""
WITH_A_COMMA = (23, 58, 101)
"""Orders of the first version whose total was typed in by hand."""

ABOUT = "800 orders in a log whose schema changed twice: floats, then Decimals, then lines; one event was renamed"
SOURCE = f"invented by datasets/orders.py, seed {SEED}"


# --- today ------------------------------------------------------------------------------------------------


class Customer(BaseModel):
    """Who ordered; nobody was asked for an address before the second version."""

    name: str
    email: str | None = None


class Line(BaseModel):
    """A line of an order."""

    sku: str
    quantity: int = Field(gt=0)
    unit_price: Decimal = Field(ge=0)


class Placed(fl.Event, name="Order::Placed"):
    """A customer ordered something."""

    customer: Customer
    currency: str = Field(pattern="^[A-Z]{3}$")
    lines: list[Line] = Field(min_length=1)


class Paid(fl.Event, name="Order::Paid"):
    """Money came in."""

    amount: Decimal = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3}$")


class Shipped(fl.Event, name="Order::Shipped", aliases=["Order::Sent"]):
    """The parcel is on its way."""

    tracking: str


class Cancelled(fl.Event, name="Order::Cancelled"):
    """Nothing will be sent."""

    reason: str


@fl.upcast(Placed, from_version=1)
def with_a_customer(payload: dict[str, Any]) -> dict[str, Any]:
    """Make a customer of the name, and an amount of the float; the shop sold in EUR only."""
    customer = {"name": " ".join(payload["name"].split()), "email": None}
    return {"customer": customer, "total": cents(payload["total"]), "currency": "EUR"}


@fl.upcast(Placed, from_version=2)
def with_lines(payload: dict[str, Any]) -> dict[str, Any]:
    """Make one line of a total: nobody wrote down what was ordered."""
    line = {"sku": "unknown", "quantity": 1, "unit_price": payload["total"]}
    return {"customer": payload["customer"], "currency": payload["currency"].upper(), "lines": [line]}


@fl.upcast(Paid, from_version=1)
def with_a_currency(payload: dict[str, Any]) -> dict[str, Any]:
    """Round the float to cents."""
    return {"amount": cents(payload["amount"]), "currency": "EUR"}


def cents(text: str) -> str:
    """Round the text of a float to cents; three have a comma for a point."""
    return str(Decimal(text.replace(",", ".")).quantize(Decimal("0.01")))


class Order(BaseModel):
    """An order: what is still to be paid, and how far it is."""

    customer: str | None = None
    outstanding: Decimal = Field(default=Decimal(0), ge=0)
    status: str = "new"


class OrderNow(fl.Projection[Order]):
    """How far an order is."""

    @fl.interpretation_for(Placed)
    def placed(state, event):
        """An order is placed once."""
        if state.status != "new":
            event.errors.add("base", "Order was placed already")
        state.customer, state.status = event.customer.name, "placed"
        state.outstanding = sum((line.quantity * line.unit_price for line in event.lines), Decimal(0))

    @fl.interpretation_for(Paid)
    def paid(state, event):
        """It is paid at once or in parts, but never more than it costs: then the state does not hold."""
        if state.status != "placed":
            event.errors.add("base", f"Order is {state.status}")
            return
        state.outstanding -= event.amount
        if state.outstanding == 0:
            state.status = "paid"

    @fl.interpretation_for(Shipped)
    def shipped(state, event):
        """Nothing is sent before it is paid."""
        if state.status != "paid":
            event.errors.add("base", f"Order is {state.status}, not paid")
        state.status = "shipped"

    @fl.interpretation_for(Cancelled)
    def cancelled(state, event):
        """What is on its way cannot be cancelled."""
        if state.status not in ("placed", "paid"):
            event.errors.add("base", f"Order is {state.status}")
        state.status = "cancelled"


class OrderStream(fl.EventStream):
    """The events of one order."""

    consistency_projection = OrderNow


STREAM = OrderStream


# --- before -----------------------------------------------------------------------------------------------


def first_version() -> type[fl.EventStream]:
    """Define the classes of the first program: a name, and floats as text."""

    class Placed(fl.Event, name="Order::Placed"):
        name: str
        total: str

    class Paid(fl.Event, name="Order::Paid"):
        amount: str

    def number(text: str) -> float:
        return float(text.replace(",", "."))

    return rules(Placed, Paid, lambda placed: number(placed.total), lambda paid: number(paid.amount))


def second_version() -> type[fl.EventStream]:
    """Define the classes of the second one: an object for the customer, Decimals and a currency."""

    class Placed(fl.Event, name="Order::Placed"):
        customer: Customer
        total: Decimal
        currency: str

    class Paid(fl.Event, name="Order::Paid"):
        amount: Decimal
        currency: str

    fl.upcast(Placed, from_version=1)(with_a_customer)
    fl.upcast(Paid, from_version=1)(with_a_currency)
    return rules(Placed, Paid, lambda placed: placed.total, lambda paid: paid.amount)


def rules(
    placed_: type[fl.Event],
    paid_: type[fl.Event],
    cost: Callable[[Any], Any],
    amount: Callable[[Any], Any],
) -> type[fl.EventStream]:
    """Define what both programs had in common: what was sent was "sent"."""

    class Sent(fl.Event, name="Order::Sent"):
        tracking: str

    class Cancelled(fl.Event, name="Order::Cancelled"):
        reason: str

    class Order(BaseModel):
        outstanding: Decimal | float | None = Field(default=None, ge=0)
        status: str = "new"

    class OrderThen(fl.Projection[Order]):
        @fl.interpretation_for(placed_)
        def placed(state, event):
            if state.status != "new":
                event.errors.add("base", "Order was placed already")
            state.outstanding, state.status = cost(event), "placed"

        @fl.interpretation_for(paid_)
        def paid(state, event):
            state.outstanding -= amount(event)
            state.status = "paid" if state.outstanding == 0 else state.status

        @fl.interpretation_for(Sent)
        def sent(state, event):
            if state.status != "paid":
                event.errors.add("base", f"Order is {state.status}, not paid")
            state.status = "sent"

        @fl.interpretation_for(Cancelled)
        def cancelled(state, event):
            if state.status not in ("placed", "paid"):
                event.errors.add("base", f"Order is {state.status}")
            state.status = "cancelled"

    class OrderStream(fl.EventStream):
        consistency_projection = OrderThen

    return OrderStream


def old_worker() -> type[fl.EventStream]:
    """Define what a worker needed that only sent parcels: it asked no rule, somebody had told it to send."""

    class Sent(fl.Event, name="Order::Sent"):
        tracking: str

    class ParcelStream(fl.EventStream):
        pass

    assert Sent.event_name == SENT
    return ParcelStream


VERSIONS = {0: old_worker, 1: first_version, 2: second_version}
"""The programs of other days; the third version is the classes above."""

PLACED, PAID, SENT, SHIPPED, CANCELLED = (
    "Order::Placed",
    "Order::Paid",
    "Order::Sent",
    "Order::Shipped",
    "Order::Cancelled",
)


# --- the shop ---------------------------------------------------------------------------------------------

GOODS = [
    ("tea-assam-250", "7.49"), ("tea-sencha-100", "11.90"), ("tea-rooibos-250", "5.99"), ("tea-mint-50", "3.29"),
    ("cup-white", "6.95"), ("cup-blue", "7.95"), ("pot-06", "24.90"), ("pot-12", "34.99"), ("sieve", "4.19"),
    ("kettle-iron", "89.00"), ("tin-small", "3.49"), ("tin-large", "5.79"), ("honey-500", "8.99"),
]  # fmt: skip
NAMES = [
    "Aino Eriksen", "Bram Jansen", "Cleo Moreau", "Dário Lopes", "Edda Brandt", "Farid Haddad", "Greta Gruber",
    "Hana Ito", "Ivo Kovač", "Júlia Cardoso", "Karim Haddad", "Lena Novak", "Mateus Fontes", "Nuno Antunes",
    "Olga Novak", "Pablo Quintela", "Rosa Antunes", "Sami Dupont", "Tilda Eriksen", "Yara Lopes",
]  # fmt: skip


def entries() -> list[tuple[int, Entry]]:
    """List everything that was typed in, facts and attempts, in order, each with the version that wrote it."""
    rng = random.Random(SEED)
    span = (LAST_DAY - FIRST_DAY).total_seconds()
    times = sorted(FIRST_DAY + timedelta(seconds=int(span * rng.random())) for _ in range(ORDERS))
    found: list[tuple[int, Entry]] = []
    for number, at in enumerate(times, start=1):
        facts = [*life(rng, f"orders-{number:04}", at, comma=number in WITH_A_COMMA)]
        found += facts
        if facts[0][0] == 3 and number % 5 == 0:
            found += [(3, attempt(random.Random(SEED + number), number // 5, [entry for _, entry in facts]))]
    return sorted(found, key=lambda pair: (pair[1].recorded_at, pair[1].idx))


def lives(rng: random.Random, width: int) -> Iterator[list[Entry]]:
    """Yield order after order without end, the facts of each in the order in which they were recorded."""
    span = (LAST_DAY - FIRST_DAY).total_seconds()
    for number in count(1):
        at = FIRST_DAY + timedelta(seconds=int(span * rng.random()))
        yield [entry for _, entry in life(rng, f"orders-{number:0{width}}", at)]


def life(rng: random.Random, idx: str, at: datetime, *, comma: bool = False) -> Iterator[tuple[int, Entry]]:
    """Yield the facts of one order, each with the version that wrote it."""
    goods = [(*rng.choice(GOODS), 1 + int(3 * rng.random() ** 2)) for _ in range(1 + int(4 * rng.random() ** 2))]
    # added up as the first program did; sum() of a later Python would not err as that one did
    as_float = str(reduce(add, (float(price) * quantity for _, price, quantity in goods)))
    as_float = cents(as_float) if comma else as_float
    total = Decimal(cents(as_float))
    yield wrote(idx, at, PLACED, order(rng, at, goods, as_float.replace(".", ",") if comma else as_float))
    if rng.random() < 0.07:
        yield wrote(idx, later(rng, at, 14, 16), CANCELLED, {"reason": "not paid"})
        return
    if rng.random() < 0.12 and version(at) > 1 and total > 10:
        part = Decimal(cents(str(total / 3)))
        at = later(rng, at, 0, 2)
        yield wrote(idx, at, PAID, {"amount": str(part), "currency": "EUR"})
        at = later(rng, at, 5, 20)
        yield wrote(idx, at, PAID, {"amount": str(total - part), "currency": "EUR"})
    else:
        at = later(rng, at, 0, 5)
        yield wrote(
            idx, at, PAID, {"amount": as_float} if version(at) == 1 else {"amount": str(total), "currency": "EUR"}
        )
    at = later(rng, at, 0.5, 4)
    if rng.random() < 0.04:
        yield wrote(idx, at, CANCELLED, {"reason": "changed my mind"})
        return
    told = {"tracking": f"{rng.choice(('CP', 'RR', 'LX'))}{int(1e9 * rng.random()):09}"}
    is_old = THIRD <= at < THIRD + OLD_WORKER and rng.random() < 0.5
    yield wrote(idx, at, SHIPPED if version(at) == 3 and not is_old else SENT, told, by=0 if is_old else None)


def order(rng: random.Random, at: datetime, goods: list[tuple[str, str, int]], as_float: str) -> dict[str, Any]:
    """Fill in an order as the program of the day did."""
    first, last = rng.choice(NAMES).split()
    careless = rng.random() < 0.08
    email = f"{first[0]}.{last}@mail.example".lower() if rng.random() < 0.85 else None
    if version(at) == 1:
        return {"name": f"{first}  {last} " if careless else f"{first} {last}", "total": as_float}
    customer = {"name": f"{first} {last}", "email": email}
    if version(at) == 2:
        is_small = SMALL_LETTERS[0] <= at < SMALL_LETTERS[1]
        return {"customer": customer, "total": cents(as_float), "currency": "eur" if is_small else "EUR"}
    lines = [{"sku": sku, "quantity": quantity, "unit_price": price} for sku, price, quantity in goods]
    return {"customer": customer, "currency": "EUR", "lines": lines}


def wrote(idx: str, at: datetime, event: str, payload: dict[str, Any], by: int | None = None) -> tuple[int, Entry]:
    """Record something by the program of the day, or by another one."""
    program = version(at) if by is None else by
    shapes = {PLACED: program, PAID: min(program, 2)}
    return program, Entry(at, idx, event, payload, shape=shapes.get(event, 1))


def version(at: datetime) -> int:
    """Tell which version of the program ran."""
    return 1 if at < SECOND else 2 if at < THIRD else 3


def later(rng: random.Random, at: datetime, least: float, most: float) -> datetime:
    """Let some days go by, and ten minutes at least."""
    return at + timedelta(seconds=600 + int(86_400 * (least + (most - least) * rng.random())))


def attempt(rng: random.Random, turn: int, facts: list[Entry]) -> Entry:
    """Make a mistake with an order of the third version: another kind at each turn."""
    first, last = facts[0], facts[-1]
    lines = first.payload["lines"]
    cost = sum((line["quantity"] * Decimal(line["unit_price"]) for line in lines), Decimal(0))
    soon, after = first.recorded_at + timedelta(minutes=5), later(rng, last.recorded_at, 0, 3)
    mistakes: list[tuple[datetime, str, dict[str, Any], str]] = [
        (soon, SHIPPED, {"tracking": "CP000000000"}, "interpretation"),
        (soon, PAID, {"amount": str(cost + 10), "currency": "EUR"}, "state"),
        (soon, PLACED, {**first.payload, "lines": []}, "own"),
        (after, PAID, {"amount": str(cost), "currency": "EUR"}, "interpretation"),
        (soon, PLACED, {**first.payload, "lines": [{**lines[0], "quantity": 0}]}, "own"),
        (soon, PLACED, first.payload, "interpretation"),
        (soon, PAID, {"amount": str(cost), "currency": "Euro"}, "own"),
        (after, CANCELLED, {"reason": "changed my mind"}, "interpretation"),
        (soon, PAID, {"amount": str(cost * 100), "currency": "EUR"}, "state"),
    ]
    at, event, payload, gate = mistakes[turn % len(mistakes)]
    return Entry(at, first.idx, event, payload, attempt=gate, shape={PLACED: 3, PAID: 2}.get(event, 1))


# --- the log ----------------------------------------------------------------------------------------------


def log_rows() -> list[dict[str, Any]]:
    """Append every entry at its time, by the program that wrote it, and give the rows of the log with the attempts."""
    recorder = Recorder()
    record(recorder, entries())
    return recorder.rows()


def record(recorder: Recorder, written: list[tuple[int, Entry]]) -> None:
    """Append entries, each with the classes of the version that wrote it."""
    for program, pairs in groupby(written, key=itemgetter(0)):
        with fl.testing.registry() if program in VERSIONS else nullcontext():
            stream = VERSIONS[program]() if program in VERSIONS else OrderStream
            recorder.record([entry for _, entry in pairs], stream)


if __name__ == "__main__":
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), log_rows(), about=ABOUT, source=SOURCE)
