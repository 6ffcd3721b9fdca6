"""One file, several processes that take turns in it: what an operation costs, what they append together, who waits.

Every run ends with a proof: versions contiguous, none lost, none twice.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

import funes_lab as fl

PROCESSES, EACH, STREAMS = 4, 200, 3
TURNS = 100


class Counted(fl.Event, name="BenchShared::Counted"):
    """Who appended it, and which of theirs it is."""

    by: int
    number: int


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        _report_operations(Path(folder))
        for kind in ("on the latest", "readings that retry", "in batches of 10"):
            _report_race(Path(folder), kind)


def _report_operations(folder: Path) -> None:
    alone, shared = fl.Lab(folder / "alone.duckdb"), fl.Lab(folder / "shared.duckdb", shared=True)
    by_hand = folder / "by_hand.duckdb"
    with duckdb.connect(str(by_hand)) as connection:
        connection.execute("CREATE TABLE t (idx VARCHAR, version BIGINT, props JSON, UNIQUE (idx, version))")
    work: dict[str, Callable[[int], object]] = {
        "append, a lab alone on its file": lambda n: _stream(alone).append_or_raise(Counted(by=0, number=n)),
        "append, shared": lambda n: _stream(shared).append_or_raise(Counted(by=0, number=n)),
        "one INSERT by hand, duckdb.connect for each": lambda n: _insert_by_hand(by_hand, n),
        "stream.version, shared": lambda n: _stream(shared).version,
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(TURNS):
        for name, do in work.items():
            started = time.perf_counter()
            do(turn)
            times[name].append(time.perf_counter() - started)
    with shared.batch():
        times["append, shared, in one lab.batch()"] = []
        for turn in range(TURNS):
            started = time.perf_counter()
            _stream(shared).append_or_raise(Counted(by=1, number=turn))
            times["append, shared, in one lab.batch()"].append(time.perf_counter() - started)
    for name, found in times.items():
        print(f"{name:45} {statistics.median(found) * 1e3:6.2f} ms")
    alone.close()
    shared.close()


def _insert_by_hand(path: Path, number: int) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO t VALUES ('s', ?, '{}')", [number])


def _stream(lab: fl.Lab, number: int = 0) -> fl.EventStream:
    return fl.EventStream.for_(f"s{number}", lab=lab)


def _report_race(folder: Path, kind: str) -> None:
    path = folder / f"{kind}.duckdb"
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.shared", str(path), str(number), kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    started = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [json.loads(worker.communicate()[0]) for worker in workers]
    seconds = time.perf_counter() - started
    _check(path)
    waits = sorted(wait for one in told for wait in one["waits"])
    conflicts, ends = sum(one["conflicts"] for one in told), [one["seconds"] for one in told]
    print(
        f"{PROCESSES} processes × {EACH} over {STREAMS} streams, {kind}: {PROCESSES * EACH / seconds:,.0f} appends/s "
        f"together, {conflicts} conflicts; an append {_at(waits, 0.5)}, p99 {_at(waits, 0.99)}, max {_at(waits, 1)}; "
        f"the first was done after {min(ends):.1f} s, the last after {max(ends):.1f} s; none lost or twice"
    )


def _at(waits: list[float], part: float) -> str:
    return f"{waits[round(part * (len(waits) - 1))] * 1e3:,.0f} ms"


def _check(path: Path) -> None:
    with fl.Lab(path) as lab:
        log = lab.log.df()
    for _, versions in log.groupby("idx", observed=True).version:
        assert sorted(versions) == list(range(1, len(versions) + 1)), "not contiguous"
    there = Counter(zip(log.by, log.number, strict=True))
    assert there == {(by, n): 1 for by in range(PROCESSES) for n in range(EACH)}, "lost, or there twice"


def _work(path: str, by: int, kind: str) -> dict[str, Any]:
    """One of the processes; it waits for the word to go."""
    lab = fl.Lab(path, shared=True, lock_timeout=60)
    print("ready", flush=True)
    sys.stdin.readline()
    waits: list[float] = []
    conflicts, begun = 0, time.perf_counter()
    for number in range(EACH // 10):
        if kind == "in batches of 10":
            with lab.batch():
                conflicts += _append_ten(lab, by, number * 10, kind, waits)
        else:
            conflicts += _append_ten(lab, by, number * 10, kind, waits)
    lab.close()
    return {"waits": waits, "conflicts": conflicts, "seconds": time.perf_counter() - begun}


def _append_ten(lab: fl.Lab, by: int, first: int, kind: str, waits: list[float]) -> int:
    conflicts = 0
    for number in range(first, first + 10):
        stream, started = _stream(lab, (by + number) % STREAMS), time.perf_counter()
        if kind == "readings that retry":
            while not stream.read().append(Counted(by=by, number=number)).persisted:
                conflicts += 1
        else:
            stream.append_or_raise(Counted(by=by, number=number))
        waits.append(time.perf_counter() - started)
    return conflicts


if __name__ == "__main__":
    print(json.dumps(_work(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
