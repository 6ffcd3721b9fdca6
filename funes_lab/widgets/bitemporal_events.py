"""The events behind the cells of the bitemporal map: those that the log knew by then, and those that came late."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
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
        self._late: list[bool] = []
        self._names = _short_names(rows)
        self._panels: dict[tuple[Any, ...], int] = {}
        self.cells: list[list[int]] = []
        #: Whether some event was recorded after a cell at which it had happened already.
        self.some_late = False
        for moment, end in zip(down, ends, strict=True):
            known = [n for n, row in enumerate(rows) if row.created_at <= moment]
            late = [n for n, row in enumerate(rows) if row.created_at > moment]
            self.cells.append([self._panel(known, late if n < end else [], at) for n, at in enumerate(across)])

    def is_late(self, row: int, column: int) -> bool:
        """Whether a cell has events that were recorded only later."""
        return self._late[self.cells[row][column]]

    def _panel(self, known: Sequence[int], late: Sequence[int], at: datetime) -> int:
        """The number of the panel with the last of these events that had happened by then."""
        n_known = bisect_right(known, at, key=self._happened)
        n_late = bisect_right(late, at, key=self._happened)
        self.some_late = self.some_late or n_late > 0
        there, hidden = known[max(0, n_known - KNOWN) : n_known], late[max(0, n_late - LATE) : n_late]
        key = (tuple(there), tuple(hidden), n_known, n_late)
        if key not in self._panels:
            self._panels[key] = len(self._panels)
            self._late.append(n_late > 0)
        return self._panels[key]

    def _happened(self, number: int) -> datetime:
        return self._rows[number].occurred_at

    def data(self) -> dict[str, Any]:
        """The events that are named somewhere, the panels that name them, and which panel a cell has."""
        numbers = sorted({n for key in self._panels for n in (*key[0], *key[1])})
        happened = formats.scale([self._rows[n].occurred_at for n in numbers])
        recorded = formats.scale([self._rows[n].created_at for n in numbers])
        place = {n: k for k, n in enumerate(numbers)}
        lines = [
            {
                **self._told(self._rows[n]),
                "at": happened.short[k],
                "recorded": recorded.short[k] if self._rows[n].created_at != self._rows[n].occurred_at else "same",
            }
            for k, n in enumerate(numbers)
        ]
        return {
            "events": lines,
            "panels": [self._written(key, place) for key in self._panels],
            "panel": self.cells,
        }

    def _written(self, key: tuple[Any, ...], place: dict[int, int]) -> dict[str, Any]:
        known, late, n_known, n_late = key
        return {
            "known": [place[n] for n in known],
            "late": [place[n] for n in late],
            "before": f"… {formats.count(n_known - len(known), 'earlier event')}" if n_known > len(known) else "",
            "more": f"… {formats.count(n_late - len(late), 'more event')} not known yet" if n_late > len(late) else "",
            "why": self._why(late, n_late),
        }

    def _why(self, late: Sequence[int], n_late: int) -> str:
        """Why today something else is known."""
        if not late:
            return ""
        last = self._rows[late[-1]]
        since, when = (
            formats.scale([m], with_year=self._with_year).prose[0] for m in (last.occurred_at, last.created_at)
        )
        if since == when:
            since, when = formats.long_time(last.occurred_at), formats.long_time(last.created_at)
        others = f", and {formats.count(n_late - 1, 'more event')} came late" if n_late > 1 else ""
        return f"{self._names[registry.canonical(last.klass)]} of {since} was recorded only on {when}{others}"

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
            "whole": f"version {formats.value(row.version)}, {formats.middle(name, 60)}: {formats.pairs(payload)}; "
            f"happened {formats.long_time(row.occurred_at)}, recorded {formats.long_time(row.created_at)}",
            "tone": f"c{tone}" if tone <= _TYPES else "muted",
        }


def _short_names(rows: Sequence[Row]) -> dict[str, str]:
    """The names of events in order of first appearance; without what stands before the last part, if that is enough."""
    names = list(dict.fromkeys(registry.canonical(row.klass) for row in sorted(rows, key=lambda row: row.version)))
    last = [re.split(r"::|\.", name)[-1] for name in names]
    return {
        name: formats.middle(part if part and last.count(part) == 1 else name, 40)
        for name, part in zip(names, last, strict=True)
    }
