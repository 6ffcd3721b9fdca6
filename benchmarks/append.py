"""What an append costs, beside a bare INSERT into the same table and beside itself on a long stream.

Everything is measured in one run, in turn (a b c a b c …), and given as a ratio of medians: the machine's speed
drifts, a ratio does not.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from pydantic import BaseModel, Field

import funes_lab as fl

ROUNDS, WARM_UP = 400, 20
LONG = 100_000

#: Gets everything ready and gives the work to be timed.
Prepare = Callable[[], Callable[[], object]]


class Received(fl.Event, name="Bench::Received"):
    """An event of three fields."""

    amount: Decimal = Field(gt=0)
    note: str = ""
    at: datetime


class Level(BaseModel):
    """What it leads to."""

    total: Decimal = Field(default=Decimal(0), ge=0)
    last_at: datetime | None = None


class CurrentLevel(fl.Projection[Level]):
    """The sum."""

    @fl.interpretation_for(Received)
    def received(state: Level, event: Received, at: datetime) -> None:
        state.total += event.amount
        state.last_at = at


class LevelStream(fl.EventStream):
    """A stream with a consistency projection."""

    consistency_projection = CurrentLevel


def an_event() -> Received:
    """A new event, as a notebook would build it."""
    return Received(amount=Decimal("1.25"), note="bench", at=datetime.now(UTC))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for place in (":memory:", str(Path(folder, "bench.duckdb"))):
            _report(place)
    _report_bulk()


def _report(place: str) -> None:
    lab = fl.Lab(place)
    long = LevelStream.for_("long", lab=lab)
    for _ in range(LONG // 10_000):
        long.append_all([an_event() for _ in range(10_000)])
    times = _in_turn({"bare": _bare_insert(lab), "ten": _to_ten_events(lab), "long": _to(long)})
    where = "in memory" if place == ":memory:" else "on file"
    bare, ten, many = (statistics.median(times[name]) for name in ("bare", "ten", "long"))
    print(
        f"{where}: a bare INSERT {bare * 1e6:,.0f} µs, append to 10 events {ten * 1e6:,.0f} µs, "
        f"to {LONG:,} events {many * 1e6:,.0f} µs"
    )
    print(f"{where}: append / bare INSERT {ten / bare:.2f}, {LONG:,} events / 10 events {many / ten:.2f}")
    lab.close()


def _to(stream: LevelStream) -> Prepare:
    def prepare() -> Callable[[], object]:
        event = an_event()
        return lambda: stream.append_or_raise(event)

    return prepare


def _to_ten_events(lab: fl.Lab) -> Prepare:
    """Appends to streams of 10 to 19 events: a new stream after every ten."""
    number = itertools.count()
    state: dict[str, LevelStream] = {}

    def prepare() -> Callable[[], object]:
        if (n := next(number)) % 10 == 0:
            state["stream"] = LevelStream.for_(f"short-{n}", lab=lab)
            state["stream"].append_all([an_event() for _ in range(10)])
        return _to(state["stream"])()

    return prepare


def _bare_insert(lab: fl.Lab) -> Prepare:
    connection: duckdb.DuckDBPyConnection = lab.store.cursor()
    sql = 'INSERT INTO "event_entries" VALUES (?, ?, ?, ?, ?, ?, ?)'
    props = '{"amount":"1.25","note":"bench","at":"2026-01-01T00:00:00Z"}'
    versions = itertools.count(1)

    def prepare() -> Callable[[], object]:
        now = datetime.now(UTC)
        row = ["Bench::Received", "bare", props, "{}", next(versions), now, now]
        return lambda: connection.execute(sql, row)

    return prepare


def _in_turn(work: dict[str, Prepare]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(ROUNDS + WARM_UP):
        for name, prepare in work.items():
            run = prepare()
            started = time.perf_counter()
            run()
            if number >= WARM_UP:
                times[name].append(time.perf_counter() - started)
    return times


def _report_bulk() -> None:
    rates = []
    for _ in range(7):
        lab = fl.Lab()
        stream = LevelStream.for_("bulk", lab=lab)
        events = [an_event() for _ in range(10_000)]
        started = time.perf_counter()
        stream.append_all(events)
        rates.append(len(events) / (time.perf_counter() - started))
        lab.close()
    print(f"in memory: append_all of 10,000 events {statistics.median(rates):,.0f} events/s")


if __name__ == "__main__":
    main()
