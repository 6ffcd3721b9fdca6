"""What was measured of the replay: as tables on the terminal, as JSON, as a picture."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._bars import Bar, Group, bars
from benchmarks._turns import Timed

_PACKAGES = ("duckdb", "pandas", "pyarrow", "pydantic", "eventsourcing", "msgspec")


class Row(NamedTuple):
    """One thing that was timed, and the events that it went through."""

    name: str
    events: int
    times: Timed

    @property
    def rate(self) -> float:
        """Events a second, by the median."""
        return self.events / self.times.median

    @property
    def cpu(self) -> float:
        """Microseconds of the processor an event."""
        return self.times.cpu / self.events * 1e6


class Memory(NamedTuple):
    """What a replay needed, in MiB: its result, and the high-water mark above it, which Linux alone tells."""

    result: float
    above: float | None


class Wanted(NamedTuple):
    """A figure that the project wants to reach, what was measured by the clock, and what by the processor's time."""

    what: str
    bound: str
    wanted: float
    unit: str
    measured: float | None
    cpu: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it was reached; None if it cannot be told here."""
        if self.measured is None:
            return None
        return self.measured >= self.wanted if self.bound == "≥" else self.measured <= self.wanted


@dataclass
class Report:
    """All figures of one run; in each list the first row is what the others are compared with."""

    events: int
    streams: int
    rounds: int
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    states: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    one_stream: list[Row] = field(default_factory=list)
    filters: list[list[Row]] = field(default_factory=list)
    growth: list[tuple[Row, Memory]] = field(default_factory=list)

    def wanted(self) -> list[Wanted]:
        """The figures that were wanted beside those that were measured."""
        lab, hand, library = self.states[:3]
        (small, _), (large, memory) = self.growth
        found = [
            _ratio("lab.replay(P) / by hand", "≥", 0.8, lab, hand),
            _ratio(f"lab.replay(P) / {library.name}", "≥", 8, lab, library),
            _ratio("steps=True / by hand", "≥", 0.7, *self.steps),
            _ratio(f"time an event, {large.events:,} / {small.events:,}", "≤", 1.3, small, large),
            Wanted(f"memory above the result, {large.events:,} events", "≤", 600, "MiB", memory.above),
        ]
        for row in self.one_stream:
            what = f"{row.events} events out of {self.events:,}, {row.name}"
            found.append(Wanted(what, "≤", 5, "ms", row.times.median * 1e3, row.times.cpu * 1e3))
        for whole, *filtered in self.filters:
            found += [_ratio(f"{whole.name} / {row.name}", "≥", 20, row, whole) for row in filtered]
        return found


def _ratio(what: str, bound: str, wanted: float, one: Row, other: Row) -> Wanted:
    """How many times as fast `one` is."""
    return Wanted(what, bound, wanted, "×", one.rate / other.rate, other.cpu / one.cpu)


def leave(report: Report, folder: Path) -> None:
    """Print the tables; write `replay.json` and `replay.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "replay.json").write_text(json.dumps(_plain(report), indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / "replay.svg").write_text(_picture(report), "utf-8")
    _print(report)


def _plain(report: Report) -> dict[str, Any]:
    return {
        "events": report.events,
        "streams": report.streams,
        "rounds": report.rounds,
        "versions": _versions(),
        "cores": os.cpu_count(),
        "load": {"before": round(report.load, 2), "after": round(os.getloadavg()[0], 2)},
        "states": [_plain_row(row) for row in report.states],
        "steps": [_plain_row(row) for row in report.steps],
        "one_stream": [_plain_row(row) for row in report.one_stream],
        "filters": [[_plain_row(row) for row in rows] for rows in report.filters],
        "growth": [{**_plain_row(row), "mebibytes": memory._asdict()} for row, memory in report.growth],
        "wanted": [{**wanted._asdict(), "reached": wanted.reached} for wanted in report.wanted()],
    }


def _plain_row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "events": row.events,
        "seconds": row.times._asdict(),
        "events_per_second": row.rate,
        "cpu_microseconds_per_event": row.cpu,
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _picture(report: Report) -> str:
    groups = [
        Group(title, [_bar(row, rows[1]) for row in rows])
        for title, rows in (("The state of every stream", report.states), ("The state after every event", report.steps))
    ]
    return bars("Replaying a log into a DataFrame", groups, _foot(report))


def _bar(row: Row, hand: Row) -> Bar:
    note = "" if row is hand else f"{row.rate / hand.rate:.2f} × by hand"
    return Bar(row.name, row.rate, note, drawn=not row.name.startswith("DuckDB"))


def _foot(report: Report) -> list[str]:
    found = _versions()
    versions = ", ".join(f"{name} {found[name]}" for name in ("duckdb", "pydantic", "eventsourcing", "msgspec"))
    fewer = min(row.events for row in report.states)
    what = f"{report.events:,} events with Decimals and times in {report.streams:,} streams, in memory"
    how = f"Median of {report.rounds} rounds, in turn, on {os.cpu_count()} cores"
    return [f"{what}; eventsourcing: {fewer:,} of them.", f"{how}. Python {found['python']}, {versions}."]


def _print(report: Report) -> None:
    print(f"{report.events:,} events in {report.streams:,} streams; median of {report.rounds} rounds, in turn;")
    print(f"{os.cpu_count()} cores, load {report.load:.1f} before and {os.getloadavg()[0]:.1f} after")
    for title, rows in (("the state of every stream", report.states), ("the state after every event", report.steps)):
        print(f"\n{title:40}{'events/s':>12}{'/ by hand':>12}{'CPU µs each':>13}{'/ by hand':>12}{'events':>12}")
        for row in rows:
            rate, cpu = row.rate / rows[1].rate, rows[1].cpu / row.cpu
            print(f"  {row.name:38}{row.rate:>12,.0f}{rate:>12.2f}{row.cpu:>13.2f}{cpu:>12.2f}{row.events:>12,}")
    print(f"\n{'growth':48}{'events/s':>12}{'result':>12}{'above it':>12}")
    for row, (result, above) in report.growth:
        told = "–" if above is None else f"{above:,.0f} MiB"
        print(f"  {row.name:46}{row.rate:>12,.0f}{f'{result:,.0f} MiB':>12}{told:>12}")
    for rows in report.filters:
        print(f"\n{'filters':48}{'ms':>12}")
        for row in rows:
            print(f"  {row.name:46}{row.times.median * 1e3:>12,.1f}")
    print(f"\n{'wanted':58}{'figure':>12}{'measured':>13}{'by CPU time':>13}")
    for what, bound, wanted, unit, *measured in (found := report.wanted()):
        told = "".join(f"{'–' if figure is None else f'{figure:,.2f} {unit}':>13}" for figure in measured)
        print(f"  {what:56}{f'{bound} {wanted:g} {unit}':>12}{told}")
    missed = [wanted.what for wanted in found if wanted.reached is False]
    print(f"reached: {len(found) - len(missed)} of {len(found)}" + (f"; missed: {'; '.join(missed)}" if missed else ""))
