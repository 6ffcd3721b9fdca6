"""The events behind the cells of the bitemporal map: those that the log knew by then, and those that came late."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from funes_lab import formats, registry
from funes_lab.seen import read_events
from funes_lab.store import Row
from funes_lab.widgets.sentences import beside

#: So many events of each kind stand beside a cell.
KNOWN: Final = 5
LATE: Final = 3
_TYPES: Final = 8  # colours for event types; the ninth is muted


class Witnesses:
    """For every cell the events that had happened by then: known, or recorded only later.

    Parameters
    ----------
    rows : list of Row
        The whole stream in replay order.
    across, down : list of datetime
    ends : list of int
        For each record time the column from which on time lay ahead.
    with_year : bool
        Whether a sentence names the year.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        across: Sequence[datetime],
        down: Sequence[datetime],
        ends: Sequence[int],
        *,
        with_year: bool,
    ) -> None:
        self._rows, self._with_year = rows, with_year
        self._across, self._down = across, down
        self._names = _short_names(rows)
        self._named: set[int] = set()
        #: For each cell how many events had happened by then: those that were known, those that came late.
        self.known: list[list[int]] = []
        self.late: list[list[int]] = []
        for moment, end in zip(down, ends, strict=True):
            known = [n for n, row in enumerate(rows) if row.created_at <= moment]
            late = [n for n, row in enumerate(rows) if row.created_at > moment]
            self.known.append([self._count(known, at, KNOWN) for at in across])
            self.late.append([self._count(late, at, LATE) if n < end else 0 for n, at in enumerate(across)])
        #: Whether some event was recorded after a cell at which it had happened already.
        self.some_late = any(map(any, self.late))

    def _count(self, numbers: Sequence[int], at: datetime, shown: int) -> int:
        """How many of these events had happened by then; the last of them will be named."""
        n = bisect_right(numbers, at, key=self._happened)
        self._named.update(numbers[max(0, n - shown) : n])
        return n

    def _happened(self, number: int) -> datetime:
        return self._rows[number].occurred_at

    def data(self) -> dict[str, Any]:
        """The events that are named somewhere, and how many there are for each cell; `panel` reads them."""
        rows = [self._rows[n] for n in sorted(self._named)]
        happened = formats.scale([row.occurred_at for row in rows])
        recorded = formats.scale([row.created_at for row in rows])
        counts = {n for lines in (self.known, self.late) for line in lines for n in line}
        counts |= {n - shown for n in counts for shown in (KNOWN, LATE, 1) if n > shown}
        return {
            "events": [
                {
                    **self._told(row),
                    "at": happened.short[n],
                    "recorded": "same" if row.created_at == row.occurred_at else recorded.short[n],
                    "column": bisect_left(self._across, row.occurred_at),
                    "row": bisect_left(self._down, row.created_at),
                    "why": self._why(row),
                }
                for n, row in enumerate(rows)
            ],
            "known": self.known,
            "late": self.late,
            "counts": {str(n): formats.value(n) for n in sorted(counts)},
            "listed": [KNOWN, LATE],
        }

    def _why(self, row: Row) -> str:
        """Why something else is known today, if this event came late."""
        if bisect_left(self._down, row.created_at) == bisect_left(self._down, row.occurred_at):
            return ""
        since, when = (
            formats.scale([m], with_year=self._with_year).prose[0] for m in (row.occurred_at, row.created_at)
        )
        if since == when:
            since, when = formats.long_time(row.occurred_at), formats.long_time(row.created_at)
        return f"{self._names[registry.canonical(row.klass)]} of {since} was recorded only on {when}"

    def _told(self, row: Row) -> dict[str, Any]:
        """An event in a line, its secrets masked."""
        event = read_events(row)[0]
        payload = beside(formats.mask(event.payload(), event.filter_attributes), row.occurred_at)
        name = registry.canonical(row.klass)
        tone = list(self._names).index(name) + 1
        shown = formats.pairs(payload, limit=48) if payload else ""
        if len(payload) == 1:
            shown = formats.value(next(iter(payload.values())), limit=48)
        return {
            "name": self._names[name],
            "payload": shown,
            "whole": f"version {formats.value(row.version)}, {formats.middle(name, 60)}: {formats.pairs(payload)}",
            "tone": f"c{tone}" if tone <= _TYPES else "muted",
        }


def panel(data: Mapping[str, Any], column: int, row: int) -> dict[str, Any]:
    """What stands beside a cell: places of events, and in words how many more there are and why."""
    n_known, n_late = data["known"][row][column], data["late"][row][column]
    there = [n for n, event in enumerate(data["events"]) if event["column"] <= column]
    known = [n for n in there if data["events"][n]["row"] <= row][-KNOWN:]
    late = [n for n in there if data["events"][n]["row"] > row][-LATE:] if n_late else []
    counts = data["counts"]
    others = f", and {counts[str(n_late - 1)]} more came late" if n_late > 1 else ""
    return {
        "known": known,
        "late": late,
        "before": f"… {counts[str(n_known - KNOWN)]} earlier" if n_known > KNOWN else "",
        "more": f"… {counts[str(n_late - LATE)]} more not known yet" if n_late > LATE else "",
        "why": data["events"][late[-1]]["why"] + others if late else "",
    }


def _short_names(rows: Sequence[Row]) -> dict[str, str]:
    """The names of events in order of first appearance; without what stands before the last part, if that is enough."""
    names = list(dict.fromkeys(registry.canonical(row.klass) for row in sorted(rows, key=lambda row: row.version)))
    last = [re.split(r"::|\.", name)[-1] for name in names]
    return {
        name: formats.middle(part if part and last.count(part) == 1 else name, 40)
        for name, part in zip(names, last, strict=True)
    }
