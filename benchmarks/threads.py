"""Many threads with one lab: what they append together, beside one thread; and whether their reads are their own."""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import funes_lab as fl

THREADS, EACH, STREAMS = 8, 500, 5
READS = 10_000
ROUNDS = 7
WANTED = 0.9


class Counted(fl.Event, name="BenchThreads::Counted"):
    """Who appended it, and which of theirs it is."""

    by: int
    number: int


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for place in (":memory:", str(Path(folder, "bench.duckdb"))):
            _report(place)


def _report(place: str) -> None:
    where = "in memory" if place == ":memory:" else "on file"
    rates: dict[int, list[float]] = {1: [], THREADS: []}
    for turn in range(ROUNDS):
        for threads in (1, THREADS)[:: 1 if turn % 2 else -1]:  # who is first in a round alternates
            rates[threads].append(_storm(f"{place}.{turn}.{threads}", threads, _on_latest)[0])
    one, many = (statistics.median(found) for found in rates.values())
    # of each round, whose two halves saw the same machine
    ratio = statistics.median(after / before for before, after in zip(*rates.values(), strict=True))
    print(f"{where}: one thread {one:,.0f} appends/s, {THREADS} threads × {EACH} over {STREAMS} streams {many:,.0f}/s")
    print(
        f"{where}: {THREADS} threads / 1 thread {ratio:.2f}, wanted {WANTED} or more: {_verdict(ratio >= WANTED)}; "
        "contiguous, none lost, none twice"
    )
    rate, tries = _storm(f"{place}.readings", THREADS, _by_readings)
    print(
        f"{where}: the same by readings that retry {rate:,.0f}/s, {tries - THREADS * EACH:,} conflicts on the way; "
        "contiguous, none lost, none twice"
    )
    _report_reads(place, where)


def _storm(path: str, threads: int, append: Callable[[fl.EventStream, Counted], int]) -> tuple[float, int]:
    """All appends by so many threads: how many were stored in a second, and how often it was tried."""
    lab = fl.Lab(":memory:" if path.startswith(":memory:") else path)
    each = EACH * THREADS // threads
    tries: list[int] = []
    seconds = _all_at_once(threads, lambda thread: tries.append(_work(lab, thread, each, append)))
    _check(lab, threads, each)
    lab.close()
    return THREADS * EACH / seconds, sum(tries)


def _on_latest(stream: fl.EventStream, event: Counted) -> int:
    """As a notebook appends: again, should another writer be faster."""
    tries = 1
    while not stream.append(event).persisted:
        tries += 1
    return tries


def _by_readings(stream: fl.EventStream, event: Counted) -> int:
    """As a writer does who decides on what was read."""
    tries = 1
    while not stream.read().append(event).persisted:
        tries += 1
    return tries


def _work(lab: fl.Lab, thread: int, each: int, append: Callable[[fl.EventStream, Counted], int]) -> int:
    return sum(
        append(fl.EventStream.for_(f"s{(thread + n) % STREAMS}", lab=lab), Counted(by=thread, number=n))
        for n in range(each)
    )


def _all_at_once(threads: int, work: Callable[[int], object]) -> float:
    barrier = threading.Barrier(threads + 1)

    def run(thread: int) -> None:
        barrier.wait()
        work(thread)

    workers = [threading.Thread(target=run, args=[thread]) for thread in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


def _check(lab: fl.Lab, threads: int, each: int) -> None:
    log = lab.log.df()
    for _, versions in log.groupby("idx", observed=True).version:
        assert sorted(versions) == list(range(1, len(versions) + 1)), "not contiguous"
    there = Counter(zip(log.by, log.number, strict=True))
    assert there == {(thread, n): 1 for thread in range(threads) for n in range(each)}, "lost, or there twice"


def _report_reads(place: str, where: str) -> None:
    """Every stream holds its own number only: a row of another thread's query is a wrong one."""
    lab = fl.Lab(place if place == ":memory:" else f"{place}.reads")
    for number in range(STREAMS):
        fl.EventStream.for_(f"s{number}", lab=lab).append_all([Counted(by=number, number=n) for n in range(1, 21)])
    wrong: list[str] = []

    def read(thread: int) -> None:
        chance = random.Random(thread)
        for _ in range(READS // THREADS):
            number = chance.randrange(STREAMS)
            if not _is_right(lab, number, chance.randrange(4)):
                wrong.append(f"s{number}")
            if chance.random() < 0.02:
                stream = fl.EventStream.for_(f"s{number}", lab=lab)
                with lab.transaction():
                    stream.append(Counted(by=number, number=stream.version + 1))

    seconds = _all_at_once(THREADS, read)
    rate = READS / seconds
    print(
        f"{where}: {READS:,} mixed reads by {THREADS} threads that append too, {len(wrong)} wrong, wanted none: "
        f"{_verdict(not wrong)} ({rate:,.0f}/s)"
    )
    lab.close()


def _verdict(reached: bool) -> str:  # noqa: FBT001
    return "reached" if reached else "not reached"


def _is_right(lab: fl.Lab, number: int, kind: int) -> bool:
    stream = fl.EventStream.for_(f"s{number}", lab=lab)
    if kind == 0:
        reading = stream.read()
        return [(e.by, e.number) for e in reading.events] == [(number, n) for n in range(1, reading.version + 1)]
    if kind == 1:
        return all(e.by == number and e.number == e.version for e in stream.events)
    if kind == 2:
        found = lab.sql(
            "SELECT min(idx) AS a, max(idx) AS b, count(*) AS n, max(version) AS v FROM event_entries WHERE idx = ?",
            [stream.idx],
        )
        return (found.a[0], found.b[0], found.n[0]) == (stream.idx, stream.idx, found.v[0])
    frame = stream.df()
    return set(frame.by) == {number} and list(frame.number) == list(frame.version)


if __name__ == "__main__":
    main()
