"""One field of the state over the bitemporal map: its values, their tones, and what a cell says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from numbers import Rational
from typing import TYPE_CHECKING, Any, Final

from funes_lab import formats
from funes_lab.replay.states import moved

if TYPE_CHECKING:
    from funes_lab.widgets.bitemporal.data import Plot
    from funes_lab.widgets.bitemporal.events import Witnesses

#: The turns at which a belief was corrected later.
BITES: Final = "ol"
_STEPS: Final = 6  # r0…r5
_HATCHES: Final = 7
_LISTED: Final = 8  # values of a field that is no number
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LABELS: Final = 150  # on the map
_BEYOND: Final = 400  # powers of ten that are compared


def field_data(name: str, plot: Plot, witnesses: Witnesses, *, secret: bool) -> dict[str, Any]:
    """A field, written out.

    Parameters
    ----------
    name : str
    plot : Plot
    witnesses : Witnesses
    secret : bool
        Whether its values are masked.

    Returns
    -------
    dict
        `kind` is "ramp" for numbers, whose `tones` are steps from 0 to 5 between the `ends`, "kinds" for everything
        else, whose `tones` are hatches, "secret" if it is masked. `cells` and `today` are places in `values`; a line
        of `turns` says which sentence each cell gets.
    """
    texts = _Texts()
    cells = [[texts.place(_of(values, name)) for values in line] for line in plot.lines]
    today = [texts.place(_of(values, name)) for values in plot.today]
    used = list(dict.fromkeys(cells[row][column] for row, column in plot.drawn()))
    numbers = {place: _number(texts.originals[place]) for place in used}
    known = [place for place in used if texts.originals[place] is not None]
    is_ramp = bool(known) and not secret and all(numbers[place] is not None for place in known)
    by_size = sorted(known, key=lambda place: numbers[place] or 0) if is_ramp else []
    ends = [by_size[0], by_size[-1]] if is_ramp else []
    return {
        "name": name,
        "title": formats.middle(name, 40),
        "says": _says(name, plot.today),
        "kind": "ramp" if is_ramp else "secret" if secret else "kinds",
        "ends": [texts.values[place] for place in ends],
        "values": texts.values,
        "tones": _ramp(texts, numbers, ends) if is_ramp else _hatches(texts, used),
        "letters": [] if is_ramp else _letters(texts, used),
        "legend": [] if is_ramp else used[:_LISTED],
        "more": "" if is_ramp or len(used) <= _LISTED else f"… {formats.count(len(used) - _LISTED, 'more value')}",
        "cells": cells,
        "today": today,
        "marks": [] if is_ramp else _regions(plot, cells),
        "turns": _turns(name, plot, witnesses),
    }


class _Texts:
    """The values of a field, each text once."""

    def __init__(self) -> None:
        self.values: list[str] = []
        #: For each text the first value that is written so.
        self.originals: list[Any] = []
        self._places: dict[str, int] = {}
        self._known: dict[int, int] = {}  # by identity: the states of a map live as long as this

    def place(self, value: Any) -> int:
        found = self._known.get(id(value))
        if found is None:
            text = _written(value)
            found = self._places.setdefault(text, len(self.values))
            if found == len(self.values):
                self.values.append(text)
                self.originals.append(value)
            self._known[id(value)] = found
        return found


def _written(value: Any) -> str:
    """A value in a sentence: an empty text in quotes, a midnight as its day."""
    if isinstance(value, datetime):
        day, _, clock = formats.value(value).partition(" ")
        return day if clock == "00:00" else f"{day} {clock}"
    return formats.value(value) or "“”"


def _of(values: Mapping[str, Any] | None, name: str) -> Any:
    return None if values is None else values.get(name)


def _says(name: str, today: Sequence[Mapping[str, Any] | None]) -> str:
    """The name of a field within a sentence."""
    words = formats.shorten(formats.humanize(name), 60)
    first, rest = words.partition(" ")[0], words[1:]
    lower = words if len(first) > 1 and first.isupper() else words[:1].lower() + rest
    is_truth = any(isinstance(_of(values, name), bool) for values in today)
    return f"“{lower}”" if is_truth else f"the {lower}"


def _number(value: Any) -> Fraction | None:
    """A value as a number, exactly; None for what is no number, or none to compare others with."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() and abs(value.adjusted()) <= _BEYOND else None
    if isinstance(value, float):
        return Fraction(value) if value - value == 0 else None
    return Fraction(value) if isinstance(value, Rational) else None


def _ramp(texts: _Texts, numbers: Mapping[int, Fraction | None], ends: Sequence[int]) -> list[int]:
    """The step of each value; -1 where it is none."""
    low, high = numbers[ends[0]] or Fraction(0), numbers[ends[1]] or Fraction(0)
    steps = []
    for place in range(len(texts.values)):
        number = numbers.get(place)
        if number is None:
            steps.append(-1)
        elif low == high:
            steps.append(_STEPS // 2)
        else:
            steps.append(min(_STEPS - 1, int((number - low) / (high - low) * _STEPS)))
    return steps


def _hatches(texts: _Texts, used: Sequence[int]) -> list[int]:
    """The hatch of each value that is drawn, from 1 on; 0 for nothing."""
    order = _order(texts, used)
    return [1 + order[place] % _HATCHES if place in order else 0 for place in range(len(texts.values))]


def _letters(texts: _Texts, used: Sequence[int]) -> list[str]:
    """What stands on the map for a value."""
    order = _order(texts, used)
    return [_letter(order[place]) if place in order else formats.NONE for place in range(len(texts.values))]


def _letter(n: int) -> str:
    return _LETTERS[n % len(_LETTERS)] + (str(n // len(_LETTERS)) if n >= len(_LETTERS) else "")


def _order(texts: _Texts, used: Sequence[int]) -> dict[int, int]:
    """The values that are drawn and something, numbered."""
    return {place: n for n, place in enumerate(place for place in used if texts.originals[place] is not None)}


def _turns(name: str, plot: Plot, witnesses: Witnesses) -> list[str]:
    """For each line the letters of the sentences of its cells; see `SAYINGS`."""
    calm = "p" if plot.is_diagonal() else "" if witnesses.some_late or plot.corrects() else "q"
    lines = []
    for row in range(len(plot.down)):
        same = calm or ("t" if plot.told_all(row) else "s")
        lines.append("".join(_turn(name, plot, witnesses, (row, column), same) for column in range(len(plot.across))))
    return lines


def _turn(name: str, plot: Plot, witnesses: Witnesses, cell: tuple[int, int], same: str) -> str:
    row, column = cell
    known, today = plot.lines[row][column], plot.today[column]
    if column >= plot.ends[row]:
        return "e" if known is None else "a"
    if known is None:
        return "n" if today is None else "l"
    if witnesses.late[row][column]:
        return "o" if _differ(_of(known, name), _of(today, name)) else "h"
    return same


def _differ(before: Any, after: Any) -> bool:
    if before is after or (before != before and after != after):
        return False
    return moved(before, after)


def _regions(plot: Plot, cells: Sequence[Sequence[int]]) -> list[list[int]]:
    """Where the label of a value stands: in each region that has one value, the longest run nearest to its middle.

    Row, first column, the column after the last, place of the value.
    """
    left, found = set(plot.drawn()), []
    for start in plot.drawn():
        if start not in left:
            continue
        region, value = [start], cells[start[0]][start[1]]
        left.discard(start)
        for row, column in region:
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left and cells[near[0]][near[1]] == value:
                    left.discard(near)
                    region.append(near)
        found.append([*_longest_run(region), value])
    return sorted(found, key=lambda mark: mark[1] - mark[2])[:_LABELS]


def _longest_run(region: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
    rows: dict[int, list[int]] = {}
    for row, column in region:
        rows.setdefault(row, []).append(column)
    middle = (min(rows) + max(rows)) / 2
    runs = []
    for row, columns in rows.items():
        columns.sort()
        first = columns[0]
        for here, after in zip(columns, [*columns[1:], -1], strict=True):
            if after != here + 1:
                runs.append((here + 1 - first, -abs(row - middle), row, first))
                first = after
    length, _, row, first = max(runs)
    return row, first, first + length
