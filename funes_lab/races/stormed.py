"""What came of a storm: figures as DataFrames, the proof, and a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from funes_lab.races.figures import Run, attempts_of, proof_of, table_of, writers_of

if TYPE_CHECKING:
    from funes_lab.widgets.twin import Static


class Storm:
    """What came of a storm, or of several: a row of figures each, the proof, and a picture.

    Get one with `fl.storm(…)`.

    Attributes
    ----------
    interrupted : bool
        Whether it ended before it was done.
    """

    def __init__(self, stream_class: str, runs: Sequence[Run], *, processes: bool, interrupted: bool) -> None:
        self.stream_class, self.processes = stream_class, processes
        self.interrupted = interrupted
        self._runs = tuple(runs)

    def df(self) -> pd.DataFrame:
        """The figures.

        Returns
        -------
        DataFrame
            RangeIndex, a row a policy and number of writers. Columns `policy` (category); `writers`, `streams`,
            `appends` (of each writer), `accepted`, `conflicts` (lost races), `retries`, `refused` (by a rule),
            `given_up` (int64); `seconds`, `throughput` (accepted events a second); `p50`, `p95`, `p99`, the latency of
            an accepted event from its first reading to its answer, in milliseconds; `fairness`, Jain's index over what
            the writers had accepted until the first of them was done: 1 is even, 1/writers is all for one (float64;
            Jain, Chiu and Hawe, DEC TR-301, 1984); `proven`, `interrupted` (bool).
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        return table_of(self._runs)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """Every try to append.

        A DataFrame with a RangeIndex, a row an attempt in the order in which they began. Columns `policy` (category),
        `writers`, `writer`, `number` (of the writer's event, from 0) (int64), `stream` (category), `attempt` (int64, 1
        is the first), `outcome` (category: accepted, conflict, refused), `given_up` (bool), `version` (Int64),
        `started` and `seconds` (float64, the first since the storm began), `event` (category).
        """
        return attempts_of(self._runs)

    @cached_property
    def writers(self) -> pd.DataFrame:
        """Every writer.

        A DataFrame with a RangeIndex, a row a writer. Columns `policy` (category), `writers`, `writer`, `accepted`,
        `conflicts`, `retries`, `refused`, `given_up` (int64), `seconds`, `p50`, `p99` in milliseconds (float64).
        """
        return writers_of(self._runs)

    @cached_property
    def proof(self) -> pd.DataFrame:
        """The log held against what the writers were told.

        A DataFrame with a RangeIndex, three rows a storm. Columns `policy` (category), `writers` (int64), `rule`,
        `holds` (✓ or ✗), `expected` and `found` (int64), `broken` (what breaks it). *Versions contiguous*: streams that
        have each version from 1 to their last, once. *Nothing lost*: acknowledged events, and those of them that are
        in the log at their version with their payload. *Nothing twice*: acknowledged events, and rows that the storm
        left in the log. Read from the database anew when the storm ended.
        """
        return proof_of(self._runs)

    @property
    def proven(self) -> bool:
        """Whether every rule of the proof holds."""
        return all(run.proven for run in self._runs)

    def static(self) -> Static:
        """The picture: contention and throughput against the number of writers, a line a policy, and the figures."""
        from funes_lab.widgets.storm.picture import picture
        from funes_lab.widgets.twin import Static

        return Static(*picture(*self._shown()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, `.svg` or `.html`."""
        self.static().save(path)

    def _shown(self) -> tuple[Mapping[str, Any], list[dict[str, Any]], list[str]]:
        """What is told of it: once for all, a row a storm, and what breaks the proof."""
        rows = [{str(name): value for name, value in row.items()} for row in self._table.to_dict("records")]
        return self._told(), rows, self._broken()

    def _told(self) -> Mapping[str, Any]:
        first = self._runs[0]
        return {
            "stream_class": self.stream_class, "processes": self.processes, "streams": first.streams,
            "appends": first.appends, "interrupted": self.interrupted,
            "words": {run.policy: run.words for run in self._runs},
        }  # fmt: skip

    def _broken(self) -> list[str]:
        return [f"{rule.rule}: {rule.broken}" for run in self._runs for rule in run.proof if not rule.holds]

    def __repr__(self) -> str:
        from funes_lab.widgets.storm.words import text

        return text(*self._shown())

    def _repr_html_(self) -> str:
        return self.static().html
