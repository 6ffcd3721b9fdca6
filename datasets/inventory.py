"""Writes inventory.parquet: the stock of a warehouse in the first quarter of 2025, kept by two keepers who race.

    python datasets/inventory.py

The warehouse is invented, with a fixed seed. Everything is appended through `ItemStream`, by a keeper who read the
stream some seconds or minutes before, under a clock that stands at the moment of each reading and each append: so every
fact in the file was accepted, and every attempt in it (column `attempt`: the gate that must refuse it) was refused.
Those at the gate `conflict` lost a race: the other keeper's event came between the reading and the append.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.datasets.recording import Entry, Recorder

__all__ = ["Counted", "ItemStream", "Listed", "Picked", "Received", "Shift", "Stock", "StockOnHand"]

SEED = 2357
ITEMS = 60
FIRST_DAY = datetime(2025, 1, 7, tzinfo=UTC)
LAST_DAY = datetime(2025, 3, 28, tzinfo=UTC)

QUICK, SLOW = "Ida", "Noor"
"""The keepers. Noor's terminal is slow: what he reads is old when he appends."""
NEAR_THE_DOOR = "A"
"""The row of shelves from which things vanish."""
DELIVERED_TWICE = (4, 26, 41)
"""One delivery was recorded by both keepers."""
TEN_TIMES = (15, 38)
"""One pick was recorded with a zero too many."""

ABOUT = "the stock of 60 items, kept by two keepers who race, and what the stock refused"
SOURCE = f"invented by datasets/inventory.py, seed {SEED}"


# --- the rules --------------------------------------------------------------------------------------------


class Listed(fl.Event, name="Item::Listed"):
    """The warehouse keeps a new item, on a shelf of its own."""

    name: str = Field(min_length=1)
    shelf: str = Field(pattern=r"^[A-F]-\d\d$")
    price: Decimal = Field(gt=0)


class Received(fl.Event, name="Item::Received"):
    """A delivery came in."""

    quantity: int = Field(gt=0)
    delivery: str


class Picked(fl.Event, name="Item::Picked"):
    """Pieces were taken from the shelf for an order."""

    quantity: int = Field(gt=0)
    order: str


class Counted(fl.Event, name="Item::Counted"):
    """Somebody counted what is on the shelf: from now on there is so much."""

    quantity: int = Field(ge=0)


class Stock(BaseModel):
    """How many pieces are on the shelf, and how many were fewer than the log said when somebody counted."""

    name: str | None = None
    shelf: str | None = None
    on_hand: int = Field(default=0, ge=0)
    missing: int = 0


class StockOnHand(fl.Projection[Stock]):
    """What is on the shelf."""

    @fl.interpretation_for(Listed)
    def listed(state, event):
        """An item is listed once."""
        if state.name is not None:
            event.errors.add("base", "Item is listed already")
        state.name, state.shelf = event.name, event.shelf

    @fl.interpretation_for(Received)
    def received(state, event):
        """Only what is listed has a shelf."""
        if state.name is None:
            event.errors.add("base", "Item is not listed")
            return
        state.on_hand += event.quantity

    @fl.interpretation_for(Picked)
    def picked(state, event):
        """Nobody picks what is not there: then the state does not hold."""
        if state.name is None:
            event.errors.add("base", "Item is not listed")
            return
        state.on_hand -= event.quantity

    @fl.interpretation_for(Counted)
    def counted(state, event):
        """What was counted is right, whatever the log says."""
        if state.name is None:
            event.errors.add("base", "Item is not listed")
            return
        state.missing += state.on_hand - event.quantity
        state.on_hand = event.quantity


class ItemStream(fl.EventStream):
    """The events of one item; they happen when they are recorded."""

    consistency_projection = StockOnHand


class Shift(BaseModel):
    """Who recorded it: the metainformation of every event."""

    keeper: str | None = None


STREAM, CONTEXT = ItemStream, Shift

LISTED, RECEIVED, PICKED, COUNTED = (event.event_name for event in (Listed, Received, Picked, Counted))


# --- the warehouse ----------------------------------------------------------------------------------------

THINGS = [
    "hinge",
    "castor",
    "drawer slide",
    "cam lock",
    "shelf pin",
    "wall plug",
    "cable clip",
    "hook",
    "handle",
    "knob",
]
MATERIALS = ["brass", "steel", "nylon", "oak", "zinc"]


def entries() -> list[Entry]:
    """List everything that was typed in, facts and attempts, in the order in which it was recorded."""
    found = [*not_listed(random.Random(SEED))]
    for number in range(1, ITEMS + 1):
        # dice of its own: what is wrong with one item does not make another life of the next
        found += Item(random.Random(SEED + number), number, f"items-{number:03}").life()
    return sorted(found, key=lambda entry: (entry.recorded_at, entry.idx))


def lives(rng: random.Random, width: int) -> Iterator[list[Entry]]:
    """Yield item after item without end, the facts of each in the order in which they were recorded."""
    for number in count(1):
        life = Item(rng, 0, f"items-{number:0{width}}").life()
        yield [entry for entry in life if entry.attempt is None]


class Item:
    """The life of one item: what is on the shelf by the log, and what really is."""

    def __init__(self, rng: random.Random, number: int, idx: str) -> None:
        self.rng, self.idx = rng, idx
        self.is_delivered_twice, self.is_mistyped = number in DELIVERED_TWICE, number in TEN_TIMES
        self.shelf = f"{rng.choice('ABCDEF')}-{1 + int(12 * rng.random()):02}"
        self.usual = 1 + int(5 * rng.random() ** 2)
        self.on_hand = self.real = 0
        self.now = hour(rng, FIRST_DAY)

    def life(self) -> Iterator[Entry]:
        """Yield what was recorded of it, facts and attempts, in the order of their times."""
        rng = self.rng
        name = f"{rng.choice(MATERIALS)} {rng.choice(THINGS)}, {rng.choice((4, 6, 8, 10, 12))} mm"
        yield self.fact(LISTED, {"name": name, "shelf": self.shelf, "price": f"{0.2 + 9 * rng.random():.2f}"})
        self.later(0.1, 0.5)
        yield from self.delivery(twice=False)
        every, deliveries, coming = 0.4 + 2.2 * rng.random(), 0, False
        while True:
            self.later(every * 0.3, every * 1.7)
            if self.now > LAST_DAY:
                return
            if coming:
                yield from self.delivery(twice=self.is_delivered_twice and deliveries == 0)
                deliveries += 1
            elif rng.random() < 0.08:
                yield self.count()
            else:
                yield from self.pick()
            coming = self.on_hand < 3 * self.usual

    def delivery(self, *, twice: bool) -> Iterator[Entry]:
        """Take in what was ordered; if it is recorded twice, the next count shows it."""
        quantity = 10 * (1 + int(3 * self.usual * self.rng.random() + self.usual))
        told = {"quantity": quantity, "delivery": f"d-{1000 + int(9000 * self.rng.random())}"}
        self.real += quantity
        self.on_hand += quantity
        yield self.fact(RECEIVED, told, keeper=QUICK)
        if twice:
            self.later(0.05, 0.1)
            self.on_hand += quantity
            yield self.fact(RECEIVED, told, keeper=SLOW)
            self.later(1, 3)
            yield self.count()

    def pick(self) -> Iterator[Entry]:
        """Pick for an order: alone, in a race with the other keeper, or more than there is."""
        quantity, luck = self.some(), self.rng.random()
        if self.is_mistyped and self.on_hand >= 10 * quantity:
            self.is_mistyped = False
            self.take(10 * quantity, real=quantity)
            yield self.fact(PICKED, self.order(10 * quantity))
            self.later(0.8, 1.2)
            yield self.count()
        elif luck < 0.02 and self.on_hand:
            yield self.refused("state", PICKED, self.order(self.on_hand + 1 + int(9 * self.rng.random())))
        elif luck < 0.025:
            yield self.refused("own", PICKED, self.order(self.rng.choice((0, -quantity))))
        elif luck < 0.08 and self.on_hand > 1:
            yield from self.race(min(quantity, self.on_hand - 1))
        elif quantity <= self.on_hand:
            self.take(quantity)
            yield self.fact(PICKED, self.order(quantity))

    def race(self, quantity: int) -> Iterator[Entry]:
        """Both keepers have read the same version; who appends first wins, the other reads again and retries."""
        rng, began = self.rng, self.now
        other = self.some() if rng.random() < 0.85 else self.on_hand - quantity + 1
        other = max(1, min(other, self.on_hand))
        waits = {QUICK: seconds(rng, 15, 70), SLOW: seconds(rng, 20, 150)}
        first, second = sorted(waits, key=lambda keeper: waits[keeper])
        won, lost = began + waits[first], began + waits[first] + seconds(rng, 2, 15) + (waits[second] - waits[first])
        self.take(quantity)
        yield self.entry(won, PICKED, self.order(quantity), first, read_at=began)
        order = self.order(other)
        yield self.entry(lost, PICKED, order, second, read_at=began + seconds(rng, 1, 9), attempt="conflict")
        again = lost + seconds(rng, 15, 50)
        enough = other <= self.on_hand
        retry = again + seconds(rng, 5, 30)
        yield self.entry(retry, PICKED, order, second, read_at=again, attempt=None if enough else "state")
        if enough:
            self.take(other)
        self.now = retry

    def count(self) -> Entry:
        """Count what is really there; near the door something is missing most of the time."""
        vanished = int(4 * self.rng.random()) if self.shelf[0] == NEAR_THE_DOOR else int(1.05 * self.rng.random())
        self.real = self.on_hand = max(0, self.real - vanished)
        return self.fact(COUNTED, {"quantity": self.real})

    # --- small steps -----------------------------------------------------------------------------------------

    def some(self) -> int:
        """Choose how many pieces an order wants."""
        return max(1, round(self.usual * (0.4 + 1.4 * self.rng.random())))

    def order(self, quantity: int) -> dict[str, Any]:
        """Write a pick down for an order."""
        return {"quantity": quantity, "order": f"o-{20000 + int(60000 * self.rng.random())}"}

    def take(self, quantity: int, real: int | None = None) -> None:
        """Take pieces from the shelf: as the log says, and really."""
        self.on_hand -= quantity
        self.real = max(0, self.real - (quantity if real is None else real))

    def later(self, least: float, most: float) -> None:
        """Let some days go by."""
        self.now = hour(self.rng, self.now + timedelta(days=least + (most - least) * self.rng.random()), after=self.now)

    def fact(self, event: str, payload: dict[str, Any], keeper: str | None = None) -> Entry:
        """Record something while nobody else touches the item."""
        return self.alone(event, payload, keeper, None)

    def refused(self, gate: str, event: str, payload: dict[str, Any]) -> Entry:
        """Record something that the gate must refuse."""
        return self.alone(event, payload, None, gate)

    def alone(self, event: str, payload: dict[str, Any], keeper: str | None, attempt: str | None) -> Entry:
        """Record something some seconds after the stream was read."""
        who = keeper or (QUICK if self.rng.random() < 0.55 else SLOW)
        pause = seconds(self.rng, 15, 70) if who == QUICK else seconds(self.rng, 20, 150)
        return self.entry(self.now, event, payload, who, read_at=self.now - pause, attempt=attempt)

    def entry(
        self,
        at: datetime,
        event: str,
        payload: dict[str, Any],
        keeper: str,
        *,
        read_at: datetime,
        attempt: str | None = None,
    ) -> Entry:
        """Write it down."""
        return Entry(at, self.idx, event, payload, attempt=attempt, read_at=read_at, context={"keeper": keeper})


def not_listed(rng: random.Random) -> Iterator[Entry]:
    """Mistype the number of an item now and then: there is no such stream."""
    for idx in ("items-061", "items-106", "items-303", "item-012"):
        at = hour(rng, FIRST_DAY + timedelta(days=70 * rng.random()))
        told = {"quantity": 1 + int(4 * rng.random()), "order": f"o-{20000 + int(60000 * rng.random())}"}
        yield Entry(at, idx, PICKED, told, attempt="interpretation", context={"keeper": rng.choice((QUICK, SLOW))})


def seconds(rng: random.Random, least: float, most: float) -> timedelta:
    """Pick a pause, to the millisecond: who races does not lose by whole seconds."""
    return timedelta(milliseconds=int(1000 * (least + (most - least) * rng.random())))


def hour(rng: random.Random, day: datetime, *, after: datetime | None = None) -> datetime:
    """Pick a moment of a working day, from 8 to 17, and at least ten minutes after what was before."""
    earliest = day if after is None else max(day, after + timedelta(minutes=10))
    if earliest.weekday() > 4 or earliest.hour >= 17:
        earliest = (earliest + timedelta(days=1)).replace(hour=0)
        while earliest.weekday() > 4:
            earliest += timedelta(days=1)
    if earliest.hour < 8:
        earliest = earliest.replace(hour=8, minute=0, second=0, microsecond=0) + seconds(rng, 0, 24_000)
    return earliest.replace(microsecond=1000 * (earliest.microsecond // 1000))


# --- the log ----------------------------------------------------------------------------------------------


def log_rows() -> list[dict[str, Any]]:
    """Append every entry at its time and give the rows of the log, with the attempts between the facts."""
    recorder = Recorder(Shift)
    recorder.record(entries(), ItemStream)
    return recorder.rows()


if __name__ == "__main__":
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), log_rows(), about=ABOUT, source=SOURCE)
