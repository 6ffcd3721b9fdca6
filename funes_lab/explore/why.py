"""Why not: a smallest set of earlier events that stand in the way of a refused one.

Small sets are tried first, all of them; that finds a smallest one. Where many events stand in the way together, some
set that helps is made smaller by delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
input", IEEE Transactions on Software Engineering 28(2), 2002), and then each part of it is tried. Each try is a replay
in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any, ClassVar, Final, cast

import pandas as pd

from funes_lab import formats, registry
from funes_lab.explore.case import Case
from funes_lab.rejection import Rejection
from funes_lab.replay.columns import times
from funes_lab.seen import read_event
from funes_lab.store import Row

#: A set of versions that is left out.
Absent = tuple[int, ...]

#: Of all tries, the part that is spent on small sets before delta debugging begins.
_PATIENCE: Final = 0.5


class Why(pd.DataFrame):
    """What stands in the way of a refused event: a DataFrame, a row an event; get one with `rejection.why()`.

    Attributes
    ----------
    sentence : str
    probes : int
        How many pasts were tried.
    rejection : Rejection
        The refused attempt.
    seen : list of tuple
        The events that the writer had seen, in replay order: version and name of each.
    """

    _metadata: ClassVar[list[str]] = ["sentence", "probes", "rejection", "seen"]

    sentence: str
    probes: int
    rejection: Rejection
    seen: list[tuple[int, str]]

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return f"{self.sentence}\n{pd.DataFrame(self)!r}" if len(self) else self.sentence

    def _repr_html_(self) -> str | None:
        if not {"version", "event", "occurred_at", "created_at", "payload"} <= set(self.columns):
            return cast("str | None", super()._repr_html_())  # type: ignore[misc]
        from funes_lab.widgets import explored

        return explored.why_html(explored.why_card(self))


def why(case: Case, limit: int) -> Why:
    """Find a minimal set of events whose absence would let the refused one in."""
    search = _Search(case, limit)
    event = case.rejection.event
    if case.rejection.stage == "conflict":
        told = f"{event} lost a race: no earlier event stands in its way; read again and retry."
        return _answer(case, (), told, 0)
    if case.event().own_errors:
        return _answer(case, (), f"{event} breaks its own rules, whatever came before it.", 0)
    if search.helps(()):
        return _answer(case, (), f"{event} would be accepted now, with all that came before it: the rules changed.", 1)
    found = search.run()
    if found is not None:
        return _answer(case, found, _sentence(case, found, search), search.probes)
    return _answer(case, (), _nothing(event, search, limit), search.probes)


class _Spent(Exception):
    """No tries are left."""


class _Search:
    """Tries pasts, each once, up to a limit."""

    def __init__(self, case: Case, limit: int) -> None:
        self._case, self._limit = case, limit
        self._event = case.event()
        self._known: dict[Absent, bool] = {}
        #: Newest first: what came last is the most likely to stand in the way.
        self.versions = sorted((row.version for row in case.rows), reverse=True)
        self.complete = self.minimal = False

    @property
    def probes(self) -> int:
        """How many pasts were tried."""
        return len(self._known)

    def helps(self, absent: Collection[int]) -> bool:
        """Whether the event is let in without these."""
        key = tuple(sorted(absent))
        if key not in self._known:
            if len(self._known) >= self._limit:
                raise _Spent
            self._known[key] = self._case.accepts(self._event, set(key))
        return self._known[key]

    def run(self) -> Absent | None:
        """A set that helps, as small as the limit allows; None if none was found."""
        found: Absent | None = None
        try:
            found = self._small(int(self._limit * _PATIENCE))
            if found is not None or self.complete:
                self.minimal = found is not None
                return found
            found = next((absent for absent in self._beginnings() if self.helps(absent)), None)
            while found is not None:
                found = self._reduced(found)
                smaller = self._part_of(found)
                if smaller is None:
                    self.minimal = True
                    break
                found = smaller
            if found is None:
                return self._small(self._limit)
        except _Spent:
            pass
        return found

    def _small(self, until: int) -> Absent | None:
        """The smallest set that helps, among those that so many tries reach."""
        for size in range(1, len(self.versions) + 1):
            for absent in combinations(self.versions, size):
                if self.probes >= until:
                    return None
                if self.helps(absent):
                    self.minimal = True
                    return absent
        self.complete = True
        return None

    def _beginnings(self) -> Iterator[Absent]:
        """Pasts that end earlier: the last one, the last two, … are absent."""
        for size in range(1, len(self.versions) + 1):
            yield tuple(self.versions[:size])

    def _reduced(self, found: Absent) -> Absent:
        """Delta debugging: leave parts of the set away as long as the rest helps."""
        parts = 2
        while len(found) > 1:
            chunks = _split(found, parts)
            rests = [tuple(v for v in found if v not in chunk) for chunk in chunks] if parts > 2 else []
            smaller = next((part for part in (*chunks, *rests) if self.helps(part)), None)
            if smaller is not None:
                parts = max(parts - 1, 2) if smaller in rests else 2
                found = smaller
            elif parts < len(found):
                parts = min(len(found), parts * 2)
            else:
                break
        return found

    def _part_of(self, found: Absent) -> Absent | None:
        """A proper part of a set that helps too."""
        for size in range(1, len(found)):
            for part in combinations(found, size):
                if self.helps(part):
                    return part
        return None


def _split(found: Absent, parts: int) -> list[Absent]:
    size, more = divmod(len(found), parts)
    bounds = [n * size + min(n, more) for n in range(parts + 1)]
    return [found[a:b] for a, b in pairwise(bounds) if a < b]


# --- in words ---------------------------------------------------------------------------------------------------------


def _answer(case: Case, absent: Absent, sentence: str, probes: int) -> Why:
    rows = sorted((row for row in case.rows if row.version in absent), key=lambda row: row.version)
    answer = Why(
        {
            "version": pd.Series([row.version for row in rows], dtype="int64"),
            "event": pd.Series([read_event(row).event_name for row in rows], dtype="str"),
            "occurred_at": times([row.occurred_at for row in rows]),
            "created_at": times([row.created_at for row in rows]),
            "payload": pd.Series([_payload(row) for row in rows], dtype="object"),
        }
    )
    answer.sentence, answer.probes, answer.rejection = sentence, probes, case.rejection
    answer.seen = [(row.version, registry.canonical(row.klass)) for row in case.rows]
    return answer


def _payload(row: Row) -> dict[str, Any]:
    event = read_event(row)
    return formats.mask(event.payload(), event.filter_attributes)


def _sentence(case: Case, absent: Absent, search: _Search) -> str:
    rows = sorted((row for row in case.rows if row.version in absent), key=lambda row: row.version)
    told = f"{case.rejection.event} would be accepted without {_listed([_gist(case, row) for row in rows])}."
    if search.minimal:
        return told
    return f"{told} Perhaps without fewer: after {search.probes:,} tries the search ended; give a higher limit."


def _gist(case: Case, row: Row) -> str:
    """An event in a few words: its version, its name, its first figures."""
    hidden = case.rules.actual_time_attribute
    shown = [formats.value(v, limit=20) for name, v in _payload(row).items() if name != hidden and v not in (None, "")]
    return " ".join([f"#{row.version}", read_event(row).event_name, *shown[:1]])


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _nothing(event: str, search: _Search, limit: int) -> str:
    if search.complete:
        return f"No set of earlier events stands in the way of {event}: it is refused without any of them too."
    return (
        f"No set of earlier events was found whose absence would let {event} in, after {search.probes:,} tries; "
        f"larger sets were not all tried (limit={limit:,})."
    )
