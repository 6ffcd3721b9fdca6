"""What the bitemporal map shows, worked out: cells, sentences, states and events, all of it written out already.

Pure functions from the rows of a stream to one dict of texts and numbers. The picture and the page draw from it and
decide nothing: which sentence a cell gets is said here, a letter a cell.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from funes_lab import formats
from funes_lab.fold import Fold
from funes_lab.replay.bitemporal import actual_times, record_times, states
from funes_lab.store import Row
from funes_lab.widgets.bitemporal.events import Witnesses, panel
from funes_lab.widgets.bitemporal.fields import BITES, field_data

#: At most so many times are shown on each axis.
CELLS: Final = 60
#: The data are made coarser until they are no larger, so that the exported page stays under its 500 kB.
_LARGEST: Final = 300_000
#: A state that must be folded anew for every cell: at most so many events are folded in all.
_FOLDED: Final = 1_000_000

#: The sentences of a cell, by the letter that stands for it in `turns`.
SAYINGS: Final[Mapping[str, tuple[str, str]]] = {
    "s": ("On {as_of} we believed that on {at} {field} was {value}.", "Today we know the same."),
    "t": ("On {as_of} we believed that on {at} {field} was {value}.", "Nothing was recorded since."),
    "p": (
        "On {as_of} we believed that on {at} {field} was {value}.",
        "All events were recorded when they happened: the map is a diagonal, and nothing was corrected later.",
    ),
    "q": (
        "On {as_of} we believed that on {at} {field} was {value}.",
        "No event came so late that it corrected a belief.",
    ),
    "h": ("On {as_of} we believed that on {at} {field} was {value}.", "Today we know the same, although {why}."),
    "o": ("On {as_of} we believed that on {at} {field} was {value}.", "Today we know that it was {today}: {why}."),
    "n": ("On {as_of} the log knew nothing of {at}.", "Nothing had happened by then, as far as we know today."),
    "l": ("On {as_of} the log knew nothing of {at}.", "Today we know that {field} was {today}: {why}."),
    "a": ("On {as_of}, {at} lay ahead.", "By what the log knew, {field} was going to be {value}."),
    "e": ("On {as_of}, {at} lay ahead.", "The log knew nothing yet."),
}
_AT_ONCE: Final = timedelta(seconds=1)
#: The states of a line, from the left.
Line = Sequence[Mapping[str, Any] | None]
Lines = Sequence[Line]

T = TypeVar("T")
_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a map.

    Attributes
    ----------
    idx, projection : str
        Names, as they are shown.
    fold : Fold
    at, as_of : list of datetime, optional
        The times of the axes; default the stream's own.
    field : str
        The field that is shown; empty for the first that is a number.
    """

    idx: str
    projection: str
    fold: Fold
    at: Sequence[datetime] | None = None
    as_of: Sequence[datetime] | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """A map: its axes, what it shows, and the cell that tells most.

    Attributes
    ----------
    across, down : list of datetime
        Actual times from the left, record times from the bottom.
    data : dict
    field : str
        The field that is shown.
    telling : tuple of int
        Column and row.
    """

    across: Sequence[datetime]
    down: Sequence[datetime]
    data: dict[str, Any]
    field: str
    telling: tuple[int, int]


def mapped(asked: Asked, rows: Sequence[Row]) -> Map:
    """Work a map out, as fine as it may be."""
    if not rows:
        return _empty(asked)
    limit = CELLS
    if asked.fold.starts_with_time:
        limit = max(8, min(limit, int((2 * _FOLDED / len(rows)) ** 0.5)))
    across = sorted(set(asked.at)) if asked.at else actual_times(rows)
    down = sorted(set(asked.as_of)) if asked.as_of else record_times(rows)
    plot = _plotted(asked.fold, rows, _thinned(across, limit), _thinned(down, limit))
    while True:
        made = _mapped(asked, plot, _left_out(plot, len(across), len(down)))
        if limit <= 8 or len(json.dumps(made.data)) <= _LARGEST:
            return made
        limit = limit * 3 // 4
        plot = _coarser(plot, limit)


def names_of(fold: Fold, lines: Lines = ()) -> list[str]:
    """The fields of a state, and what a state that is open for more was found to hold."""
    found = (name for values in (lines[-1] if lines else ()) if values for name in values)
    return list(dict.fromkeys([*fold.state.model_fields, *(found if fold.is_open else ())]))


def sentence(data: Mapping[str, Any], field: int, column: int, row: int) -> list[list[tuple[str, bool]]]:
    """The two lines of a cell, in pieces: a text, and whether it is one of the figures that matter."""
    shown = data["fields"][field]
    slots = {
        "as_of": data["as_of"]["prose"][row],
        "at": data["at"]["prose"][column],
        "field": shown["says"],
        "value": shown["values"][shown["cells"][row][column]],
        "today": shown["values"][shown["today"][column]],
        "why": panel(data, column, row)["why"],
    }
    lines = []
    for template in data["sayings"][shown["turns"][row][column]]:
        pieces = _SLOT.split(template)  # every second one is the name of a slot
        lines.append(
            [(slots[p] if n % 2 else p, n % 2 == 1 and p not in ("field", "why")) for n, p in enumerate(pieces)]
        )
    return lines


@dataclass(frozen=True, slots=True)
class Plot:
    """The states of a map, before they are written out.

    Attributes
    ----------
    rows : list of Row
        The whole stream in replay order.
    across, down : list of datetime
    lines : list of list of dict
        The state of each cell, from the bottom; None where no event is known by then.
    today : list of dict
        The same by all that is known today.
    starts, ends : list of int
        For each line the columns that are drawn: from the first event known to the last that did not lie ahead.
    """

    rows: Sequence[Row]
    across: Sequence[datetime]
    down: Sequence[datetime]
    lines: Lines
    today: Line
    starts: Sequence[int]
    ends: Sequence[int]

    def told_all(self, row: int) -> bool:
        """Whether nothing was recorded after a line."""
        return all(known.created_at <= self.down[row] for known in self.rows)

    def is_diagonal(self) -> bool:
        """Whether all events were recorded when they happened; a second is what it takes to write them."""
        return all(abs(row.created_at - row.occurred_at) <= _AT_ONCE for row in self.rows)

    def corrects(self) -> bool:
        """Whether an event was recorded after others, although it had happened before that."""
        known = record_times(self.rows)
        return any(bisect_left(known, row.occurred_at) < bisect_left(known, row.created_at) for row in self.rows)

    def drawn(self) -> Iterator[tuple[int, int]]:
        """Row and column of all cells at which something was known."""
        return ((row, n) for row, (a, b) in enumerate(zip(self.starts, self.ends, strict=True)) for n in range(a, b))


def _mapped(asked: Asked, plot: Plot, left_out: str) -> Map:
    years = {moment.year for moment in (*plot.across, *plot.down)}
    witnesses = Witnesses(plot.rows, plot.across, plot.down, plot.ends, with_year=len(years) > 1)
    names, chosen = _sent(asked, names_of(asked.fold, plot.lines))
    if not names:
        raise ValueError(f"{asked.fold.state.__name__} has no field, so that there is nothing to draw a map of")
    fields = [field_data(name, plot, witnesses, secret=name in asked.fold.secret) for name in names]
    if not chosen:
        chosen = next((f["name"] for f in fields if f["kind"] == "ramp"), names[0])
    shown = fields[names.index(chosen)]
    data = {
        **_heads(asked),
        **_axes(plot.across, plot.down, with_year=len(years) > 1),
        "left_out": left_out,
        "starts": list(plot.starts),
        "ends": list(plot.ends),
        "diagonal": [min(bisect_left(plot.down, moment), len(plot.down) - 1) for moment in plot.across],
        "fields": fields,
        "label": _label(asked, chosen, plot, shown),
        **witnesses.data(),
    }
    return Map(plot.across, plot.down, data, chosen, _telling(plot, shown))


def _plotted(fold: Fold, rows: Sequence[Row], across: Sequence[datetime], down: Sequence[datetime]) -> Plot:
    last = max(down[-1], *(row.created_at for row in rows))
    *lines, today = states(fold, rows, across, [*down, last])
    return _plot(rows, across, down, lines, today)


def _plot(rows: Sequence[Row], across: Sequence[datetime], down: Sequence[datetime], lines: Lines, today: Line) -> Plot:
    starts, ends = [], []
    for moment, line in zip(down, lines, strict=True):
        known = [row.occurred_at for row in rows if row.created_at <= moment]
        starts.append(next((n for n, values in enumerate(line) if values is not None), len(across)))
        ends.append(bisect_right(across, max([moment, *known])))
    return Plot(rows, across, down, lines, today, starts, ends)


def _coarser(plot: Plot, limit: int) -> Plot:
    """The same with fewer cells."""
    columns, rows = _thinned(range(len(plot.across)), limit), _thinned(range(len(plot.down)), limit)
    return _plot(
        plot.rows,
        [plot.across[n] for n in columns],
        [plot.down[n] for n in rows],
        [[plot.lines[row][n] for n in columns] for row in rows],
        [plot.today[n] for n in columns],
    )


def _thinned(all_: Sequence[T], limit: int) -> Sequence[T]:
    """As many of them as there is room for, the first and the last among them."""
    if len(all_) <= limit:
        return all_
    return [all_[n * (len(all_) - 1) // (limit - 1)] for n in range(limit)]


def _sent(asked: Asked, names: Sequence[str]) -> tuple[list[str], str]:
    """The fields that are worked out, ten at most, and the one that is to be shown, if it was named."""
    chosen = asked.field if asked.field in names else ""
    first = list(names[: formats.FIELDS])
    return (first if not chosen or chosen in first else [*first[:-1], chosen]), chosen


def _heads(asked: Asked) -> dict[str, Any]:
    return {
        "idx": formats.middle(asked.idx, 60),
        "whole": formats.shorten(asked.idx, 1_000),
        "projection": formats.middle(asked.projection, 60),
        "sayings": {letter: list(lines) for letter, lines in SAYINGS.items()},
        "empty": [],
    }


def _axes(across: Sequence[datetime], down: Sequence[datetime], *, with_year: bool) -> dict[str, Any]:
    named = {}
    for name, moments in (("at", across), ("as_of", down)):
        scale = formats.scale(moments, with_year=with_year)
        named[name] = {"short": scale.short, "prose": scale.prose, "shared": scale.shared}
    return named


def _left_out(plot: Plot, across: int, down: int) -> str:
    """Say how much of the axes is shown, if it is not all."""
    told = [
        f"{len(shown)} of {formats.count(n, noun)}"
        for shown, n, noun in ((plot.across, across, "actual time"), (plot.down, down, "record time"))
        if len(shown) < n
    ]
    return f"{', '.join(told)} shown" if told else ""


def _label(asked: Asked, field: str, plot: Plot, shown: Mapping[str, Any]) -> str:
    cells = f"{len(plot.across)} actual by {formats.count(len(plot.down), 'record time')}"
    corrected = sum(line.count(bite) for line in shown["turns"] for bite in BITES)
    told = formats.count(corrected, "belief") + (" was" if corrected == 1 else " were") + " corrected later"
    return f"Bitemporal map of {formats.middle(field, 40)}, {formats.middle(asked.idx, 60)}: {cells}; {told}"


def _telling(plot: Plot, shown: Mapping[str, Any]) -> tuple[int, int]:
    """The cell that tells most: the last belief that was corrected, else what is known today of the last time."""
    corrected = [(row, -column) for row, column in plot.drawn() if shown["turns"][row][column] == "o"]
    if corrected:
        row, column = max(corrected)
        return -column, row
    return max(plot.ends[-1] - 1, 0), len(plot.down) - 1


def _empty(asked: Asked) -> Map:
    names, chosen = _sent(asked, names_of(asked.fold))
    label = f"Bitemporal map, {formats.middle(asked.idx, 60)}: no events yet"
    data = {
        **_heads(asked),
        "label": label,
        "empty": ["The stream has no events yet; append one:", "stream.append(event, at=…)"],
        "fields": [],
        "left_out": "",
    }
    return Map([], [], data, chosen or next(iter(names), ""), (0, 0))
