"""What a read-model table costs: an append with one, beside the same append without, on short and on long streams.

Everything is measured in turn in one run and given as ratios of medians, as in the benchmark of the append.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, Field

import funes_lab as fl
from benchmarks.append import LONG, LevelStream, Prepare, Received, _in_turn, an_event


class Kept(BaseModel):
    """A row a stream."""

    total: Decimal = Field(default=Decimal(0), ge=0)
    events: int = 0


class KeptLevel(fl.Projection[Kept]):
    """The sum, in a table."""

    table = "levels"

    @fl.interpretation_for(Received)
    def received(state: Kept, event: Received) -> None:
        state.total += event.amount
        state.events += 1


class KeptStream(LevelStream):
    """The same stream with a read model."""

    transactional_projections = (KeptLevel,)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for place in (":memory:", str(Path(folder, "bench.duckdb"))):
            _report(place)


def _report(place: str) -> None:
    lab = fl.Lab(place)
    long = {name: cls.for_(f"long-{name}", lab=lab) for name, cls in (("without", LevelStream), ("with", KeptStream))}
    for stream in long.values():
        for _ in range(LONG // 10_000):
            stream.append_all([an_event() for _ in range(10_000)])
    times = _in_turn(
        {
            "without": _to_short(LevelStream, lab),
            "with": _to_short(KeptStream, lab),
            "without, long": _to(long["without"]),
            "with, long": _to(long["with"]),
        }
    )
    without, kept, _, long_kept = (statistics.median(found) for found in times.values())
    where = "in memory" if place == ":memory:" else "on file"
    print(
        f"{where}: append without a read model {without * 1e6:,.0f} µs, with one {kept * 1e6:,.0f} µs, "
        f"to {LONG:,} events {long_kept * 1e6:,.0f} µs"
    )
    print(f"{where}: with / without {kept / without:.2f}, {LONG:,} events / 10 events {long_kept / kept:.2f}")
    lab.close()


def _to(stream: fl.EventStream) -> Prepare:
    def prepare() -> object:
        event = an_event()
        return lambda: stream.append_or_raise(event)

    return prepare  # type: ignore[return-value]


def _to_short(cls: type[fl.EventStream], lab: fl.Lab) -> Prepare:
    """Appends to streams of 10 to 19 events: a new stream after every ten."""
    number = itertools.count()
    state: dict[str, fl.EventStream] = {}

    def prepare() -> object:
        if (n := next(number)) % 10 == 0:
            state["stream"] = cls.for_(f"short-{cls.__name__}-{n}", lab=lab)
            state["stream"].append_all([an_event() for _ in range(10)])
        return _to(state["stream"])()

    return prepare  # type: ignore[return-value]


if __name__ == "__main__":
    main()
