"""What it costs to read one stream out of a log that grows: 100 events out of 1,000 and out of 1,000,000."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa

import funes_lab as fl

ROUNDS = 100
STREAM = 100


class Ticked(fl.Event, name="Bench::Ticked"):
    """An event of the log."""

    n: int


class TickStream(fl.EventStream):
    """A stream of the log."""


def main() -> None:
    """Print the two medians and their ratio."""
    labs = {events: _lab(events) for events in (1_000, 1_000_000)}
    streams = {events: TickStream.for_("s-5", lab=lab) for events, lab in labs.items()}
    times: dict[int, list[float]] = {events: [] for events in labs}
    for _ in range(ROUNDS + 5):
        for events, stream in streams.items():
            started = time.perf_counter()
            found = len(stream.events)
            times[events].append(time.perf_counter() - started)
            assert found == STREAM
    small, large = (statistics.median(times[events][5:]) for events in labs)
    print(f"{STREAM} events out of 1,000: {small * 1e3:.2f} ms, out of 1,000,000: {large * 1e3:.2f} ms")
    print(f"opening: 1,000,000 / 1,000 events {large / small:.2f}")


def _lab(events: int) -> fl.Lab:
    lab = fl.Lab()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = pa.array([start + timedelta(seconds=n) for n in range(events)], type=pa.timestamp("us", tz="UTC"))
    lab.load(
        pa.table(
            {
                "klass": pa.array(["Bench::Ticked"] * events),
                "idx": pa.array([f"s-{n // STREAM}" for n in range(events)]),
                "props": pa.array([f'{{"n":{n}}}' for n in range(events)]),
                "version": pa.array([n % STREAM + 1 for n in range(events)], type=pa.int64()),
                "created_at": times,
                "occurred_at": times,
            }
        )
    )
    return lab


if __name__ == "__main__":
    main()
