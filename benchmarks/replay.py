"""What a replay costs: beside the same loop written by hand, beside `eventsourcing`, and beside SQL.

All of it is measured in one run, in turn, on the same events, and given as ratios of medians; results are compared
before they are timed. Leaves `build/bench/replay.json` and a picture beside it.

`FUNES_LAB_BENCH_EVENTS=20000` measures a small log, to see whether it runs; its figures say little.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

import funes_lab as fl
from benchmarks import _eventsourcing, _growth, _hand, _report
from benchmarks._ledger import LENGTH, DebtEventStream, VirtualOutstandingBalance, ledger
from benchmarks._report import Memory, Report, Row
from benchmarks._turns import in_turn, timed

EVENTS = 1_000_000
ROUNDS, LARGE_ROUNDS, FILTER_ROUNDS, STREAM_ROUNDS = 7, 3, 3, 100
#: Of the streams, `eventsourcing` gets one in so many: it takes ten times as long.
SHARE = 5

P = VirtualOutstandingBalance
replay = partial(fl.Lab.replay, progress=False)  # a bar would stand between the tables

#: The balance as one would ask for it in SQL.
BALANCES = """
SELECT
    idx, max(version) AS version,
    sum(CASE klass WHEN 'Debt::Issued' THEN (props->>'$.amount')::DECIMAL(18, 2)
                   ELSE -(props->>'$.principal_amount')::DECIMAL(18, 2) END) AS outstanding_balance,
    max(occurred_at) FILTER (klass = 'Debt::PaymentReceived') AS last_payment_at
FROM event_entries GROUP BY idx ORDER BY idx
"""


def main() -> None:
    """Measure, print the tables, write JSON and picture."""
    events = int(os.environ.get("FUNES_LAB_BENCH_EVENTS", EVENTS))
    report = Report(events, events // LENGTH, ROUNDS)
    with ledger(events) as lab:
        _measure_states(lab, report)
        _measure_steps(lab, report)
        _measure_one_stream(lab, report)
        _measure_filters(lab, report)
    with tempfile.TemporaryDirectory() as folder:
        _measure_growth(Path(folder), report)
    _report.leave(report, Path("build", "bench"))


def _measure_states(lab: fl.Lab, report: Report) -> None:
    """A row a stream."""
    with lab.store.cursor() as cursor:
        ways = _eventsourcing.ways(lab, report.streams // SHARE)
        works: dict[str, Callable[[], pd.DataFrame]] = {
            "funes_lab, lab.replay(P)": lambda: replay(lab, P),
            "by hand": lambda: _hand.replay(cursor),
            **{f"eventsourcing, {name}": way.replay for name, way in ways.items()},
            "DuckDB SQL, lab.sql(…)": lambda: lab.sql(BALANCES),
        }
        _check_the_same({name: work() for name, work in works.items()})
        found = in_turn(works, ROUNDS)
    for name, times in found.items():
        events = report.events // SHARE if name.startswith("eventsourcing") else report.events
        report.states.append(Row(name, events, times))


def _measure_steps(lab: fl.Lab, report: Report) -> None:
    """A row an event."""
    with lab.store.cursor() as cursor:
        works: dict[str, Callable[[], pd.DataFrame]] = {
            "funes_lab, steps=True": lambda: replay(lab, P, steps=True),
            "by hand, with steps": lambda: _hand.steps(cursor),
        }
        _check_the_same({name: work() for name, work in works.items()})
        report.steps.extend(Row(name, report.events, times) for name, times in in_turn(works, ROUNDS).items())


def _check_the_same(frames: dict[str, pd.DataFrame]) -> None:
    """All results are those of the first, in the columns and rows that they have."""
    first = next(iter(frames.values()))
    for name, other in frames.items():
        share = SHARE if name.startswith("eventsourcing") else 1
        assert len(other) == len(first) // share > 0, f"{name}: {len(other)} rows of {len(first)}"
        here = first.loc[: len(other) - 1, list(other.columns)]
        if len(other.columns) < len(first.columns):  # a rival; by hand it is the very same frame
            here, other = here.astype({"idx": "str"}), other.astype({"idx": "str"})  # noqa: PLW2901
        pd.testing.assert_frame_equal(here, other, check_categorical=False)


def _measure_one_stream(lab: fl.Lab, report: Report) -> None:
    """A hundred events out of all."""
    idx = str(lab.sql("SELECT median(idx) AS idx FROM event_entries").idx[0])
    stream = DebtEventStream.for_(idx, lab=lab)
    works: dict[str, Callable[[], object]] = {
        "stream.replay(P)": lambda: stream.replay(P),
        "lab.replay(P, idx=…)": lambda: replay(lab, P, idx=idx),
    }
    found = in_turn(works, STREAM_ROUNDS)
    report.one_stream.extend(Row(name, LENGTH, times) for name, times in found.items())


def _measure_filters(lab: fl.Lab, report: Report) -> None:
    """A hundredth of the events and less, beside all of them."""
    early = lab.sql(
        "SELECT quantile_disc(occurred_at, 0.009) AS at, quantile_disc(created_at, 0.009) AS as_of FROM event_entries"
    )
    at, as_of = early["at"][0].to_pydatetime(), early.as_of[0].to_pydatetime()
    few = [str(idx) for idx in lab.log.streams().idx[:: 2 * LENGTH]]
    df = partial(lab.log.df, progress=False)
    of_states: dict[str, Callable[[], pd.DataFrame]] = {
        "lab.replay(P)": lambda: replay(lab, P),
        'lab.replay(P, idx="debt-00*")': lambda: replay(lab, P, idx="debt-00*"),
        "lab.replay(P, idx=[…])": lambda: replay(lab, P, idx=few),
        "lab.replay(P, at=…)": lambda: replay(lab, P, at=at),
        "lab.replay(P, as_of=…)": lambda: replay(lab, P, as_of=as_of),
    }
    of_events: dict[str, Callable[[], pd.DataFrame]] = {
        "lab.log.df()": df,
        'lab.log.df(names=["Debt::Issued"])': lambda: df(names=["Debt::Issued"]),
        'lab.log.df(idx="debt-00*")': lambda: df(idx="debt-00*"),
        "lab.log.df(idx=[…])": lambda: df(idx=few),
        "lab.log.df(at=…)": lambda: df(at=at),
        "lab.log.df(as_of=…)": lambda: df(as_of=as_of),
    }
    kept = {name: len(work()) for name, work in of_events.items()}
    assert max(list(kept.values())[1:]) * 100 <= report.events, f"a filter keeps more than a hundredth: {kept}"
    for works in (of_states, of_events):
        report.filters.append([Row(name, report.events, t) for name, t in in_turn(works, FILTER_ROUNDS).items()])


def _measure_growth(folder: Path, report: Report) -> None:
    """A tenth of the events beside five times as many, on file, each replay in a process of its own."""
    sizes = report.events // 10, report.events * 5
    paths = {events: folder / f"{events}.duckdb" for events in sizes}
    for events, path in paths.items():
        ledger(events, str(path)).close()
    found: dict[int, list[_growth.Replayed]] = {events: [] for events in sizes}
    for _ in range(LARGE_ROUNDS):
        for events, path in paths.items():
            found[events].append(_growth.replayed(path))
    for events, replays in found.items():
        above = max((replay.above for replay in replays if replay.above is not None), default=None)
        row = Row(f"{events:,} events on file", events, timed([replay[:2] for replay in replays]))
        report.growth.append((row, Memory(replays[0].result, above)))


if __name__ == "__main__":
    main()
