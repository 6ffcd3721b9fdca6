"""The figures of a storm, from its attempts: counts, throughput, latencies, fairness; and the frames of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from funes_lab.races.proof import Rule
from funes_lab.races.writers import ACCEPTED, CONFLICT, REFUSED, Attempt, ended

#: The columns that say which storm a row belongs to.
KEYS = ("policy", "writers")


@dataclass(frozen=True)
class Run:
    """One storm: a policy and a number of writers."""

    policy: str
    words: str
    writers: int
    appends: int
    streams: int
    attempts: tuple[Attempt, ...]
    proof: tuple[Rule, ...]
    interrupted: bool

    @property
    def proven(self) -> bool:
        """Whether every rule of its proof holds."""
        return all(rule.holds for rule in self.proof)

    @property
    def seconds(self) -> float:
        """From the moment the writers began until the last one had its last answer."""
        return max((one.started + one.seconds for one in self.attempts), default=0.0)

    def counts(self) -> dict[str, int]:
        """How many attempts ended how."""
        outcomes = Counter(one.outcome for one in self.attempts)
        return {
            "accepted": outcomes[ACCEPTED],
            "conflicts": outcomes[CONFLICT],
            "retries": sum(one.attempt > 1 for one in self.attempts),
            "refused": outcomes[REFUSED],
            "given_up": sum(one.given_up for one in self.attempts),
        }

    def latencies(self) -> list[float]:
        """Of each accepted event the milliseconds from its first reading to its answer: lost races and waits too."""
        first = {(one.writer, one.number): one.started for one in self.attempts if one.attempt == 1}
        return [
            1000 * (one.started + one.seconds - first[one.writer, one.number])
            for one in self.attempts
            if one.outcome == ACCEPTED
        ]

    def fairness(self) -> float:
        """Jain's index over what the writers had accepted while all of them were at it."""
        last: dict[int, float] = {}
        done = Counter(one.writer for one in self.attempts if ended(one))
        for one in self.attempts:
            last[one.writer] = max(last.get(one.writer, 0.0), one.started + one.seconds)
        until = min((last[writer] for writer, number in done.items() if number == self.appends), default=self.seconds)
        accepted = Counter(
            one.writer for one in self.attempts if one.outcome == ACCEPTED and one.started + one.seconds <= until
        )
        return jain([accepted[writer] for writer in range(self.writers)])

    def row(self) -> dict[str, Any]:
        """Its row of the table."""
        counts, seconds = self.counts(), self.seconds
        found = self.latencies()
        p50, p95, p99 = np.percentile(found, [50, 95, 99]) if found else [np.nan] * 3
        return {
            "policy": self.policy, "writers": self.writers, "streams": self.streams, "appends": self.appends, **counts,
            "seconds": seconds, "throughput": counts["accepted"] / seconds if seconds else np.nan,
            "p50": p50, "p95": p95, "p99": p99, "fairness": self.fairness(),
            "proven": self.proven, "interrupted": self.interrupted,
        }  # fmt: skip


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 if all shares are equal, 1/n if one of n has everything.

    The square of the sum over n times the sum of the squares. After R. Jain, D. Chiu and W. Hawe, "A Quantitative
    Measure of Fairness and Discrimination for Resource Allocation in Shared Computer Systems", DEC Research Report
    TR-301, 1984.

    Examples
    --------
    >>> jain([5, 5, 5, 5]), jain([5, 0, 0, 0]), jain([4, 2])
    (1.0, 0.25, 0.9)
    """
    squares = sum(share * share for share in shares)
    return float(sum(shares) ** 2 / (len(shares) * squares)) if squares else float("nan")


# --- frames -------------------------------------------------------------------------------------------------------


def table_of(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a storm."""
    return _frame([run.row() for run in runs])


def attempts_of(runs: Sequence[Run]) -> pd.DataFrame:
    """A row an attempt, in the order in which they began."""
    names = [name for name in Attempt._fields if name != "props"]
    rows = [
        {"policy": run.policy, "writers": run.writers} | {name: getattr(one, name) for name in names}
        for run in runs
        for one in sorted(run.attempts, key=lambda one: one.started)
    ]
    frame = pd.DataFrame.from_records(rows, columns=[*KEYS, *names])
    whole = dict.fromkeys(("writers", "writer", "number", "attempt"), "int64")
    named = dict.fromkeys(("policy", "stream", "outcome", "event"), "category")
    times = dict.fromkeys(("started", "seconds"), "float64")
    return frame.astype({**whole, **named, **times, "given_up": "bool", "version": "Int64"})


def writers_of(runs: Iterable[Run]) -> pd.DataFrame:
    """A row a writer."""
    rows = []
    for run in runs:
        by_writer: dict[int, list[Attempt]] = {writer: [] for writer in range(run.writers)}
        for one in run.attempts:
            by_writer[one.writer].append(one)
        for writer, attempts in by_writer.items():
            own = Run(
                run.policy, run.words, run.writers, run.appends, run.streams, tuple(attempts), (), interrupted=False
            )
            p50, p99 = np.percentile(own.latencies() or [np.nan], [50, 99])
            key = {"policy": run.policy, "writers": run.writers, "writer": writer}
            rows.append(key | own.counts() | {"seconds": own.seconds, "p50": p50, "p99": p99})
    return _frame(rows)


def proof_of(runs: Iterable[Run]) -> pd.DataFrame:
    """A row a rule of the proof."""
    return _frame(
        [
            {
                "policy": run.policy, "writers": run.writers, "rule": rule.rule, "holds": "✓" if rule.holds else "✗",
                "expected": rule.expected, "found": rule.found, "broken": rule.broken,
            }
            for run in runs
            for rule in run.proof
        ]
    )  # fmt: skip


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_records(rows).astype({"policy": "category"})
