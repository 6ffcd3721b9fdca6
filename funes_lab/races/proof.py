"""The proof at the end of a storm: what the log has, held against what the writers were told.

It believes neither the writers nor what is remembered of streams: every row is read from the database anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from funes_lab.current import Workspace
from funes_lab.races.writers import ACCEPTED, Attempt
from funes_lab.store import LOG_SCHEMA, Selection

CONTIGUOUS, LOST, TWICE = "versions contiguous", "nothing lost", "nothing twice"

#: An event in its place: stream, version, name, payload.
Fact = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the proof.

    Attributes
    ----------
    rule : str
    holds : bool
    expected, found : int
        What must be equal: streams, acknowledged events, rows of the log.
    broken : str
        What breaks it, first of all.
    """

    rule: str
    holds: bool
    expected: int
    found: int
    broken: str = ""


def heads(lab: Workspace, streams: Iterable[str]) -> dict[str, int]:
    """The version of each stream."""
    return {idx: lab.store.head(idx).version for idx in streams}


def prove(lab: Workspace, before: Mapping[str, int], attempts: Iterable[Attempt]) -> list[Rule]:
    """Hold the log against what the writers were told.

    Parameters
    ----------
    lab : Lab
    before : mapping of str to int
        The streams, and their versions before the storm.
    attempts : iterable of Attempt

    Returns
    -------
    list of Rule
        Versions contiguous: each stream has every version from 1 to its last one, once. Nothing lost: every event that
        was acknowledged is in the log, at its version and with its payload. Nothing twice: the log has no other row,
        and no version was acknowledged to two writers.
    """
    log = _rows(lab, list(before))
    told = Counter(
        (a.stream, a.version or 0, a.event, a.props or "") for a in attempts if a.outcome == ACCEPTED
    )  # fmt: skip
    there = Counter(fact for fact in _facts(log) if fact[1] > before[fact[0]])
    return [_contiguous(log, before), _nothing_lost(told, there), _nothing_twice(told, there)]


def _rows(lab: Workspace, streams: Sequence[str]) -> pa.Table:
    with lab.store.scan(Selection(idx=streams)) as scan:
        return pa.concat_tables([LOG_SCHEMA.empty_table(), *scan])


def _facts(log: pa.Table) -> Iterable[Fact]:
    columns = (log[name].to_pylist() for name in ("idx", "version", "klass", "props"))
    return zip(*columns, strict=True)


def _contiguous(log: pa.Table, before: Mapping[str, int]) -> Rule:
    counts = log.group_by("idx").aggregate([("version", name) for name in ("min", "max", "count", "count_distinct")])
    last, rows, different = (counts[f"version_{name}"] for name in ("max", "count", "count_distinct"))
    right = pc.and_(pc.equal(counts["version_min"], 1), pc.and_(pc.equal(last, rows), pc.equal(last, different)))
    broken = counts.filter(pc.invert(right))["idx"].to_pylist()
    # a stream that had events and has none any more is not in the log at all
    gone = [idx for idx, version in before.items() if version and idx not in set(counts["idx"].to_pylist())]
    wrong = sorted([*broken, *gone])
    return Rule(CONTIGUOUS, not wrong, len(before), len(before) - len(wrong), _first([f"{idx!r}" for idx in wrong]))


def _nothing_lost(told: Counter[Fact], there: Counter[Fact]) -> Rule:
    missing = sorted((told - there).elements())
    broken = _first([f"version {version} of {idx!r}, {event}" for idx, version, event, _ in missing])
    return Rule(LOST, not missing, told.total(), told.total() - len(missing), broken)


def _nothing_twice(told: Counter[Fact], there: Counter[Fact]) -> Rule:
    places = Counter((idx, version) for idx, version, _, _ in told.elements())
    two = [f"version {version} of {idx!r} was acknowledged twice" for (idx, version), n in places.items() if n > 1]
    more = [
        f"version {version} of {idx!r}, {event}, was acknowledged to nobody"
        for idx, version, event, _ in (there - told).elements()
    ]
    return Rule(TWICE, not two and not more, told.total(), there.total(), _first(sorted([*two, *more])))


def _first(told: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    if not told:
        return ""
    return told[0] if len(told) == 1 else f"{told[0]}, and {len(told) - 1:,} more"
