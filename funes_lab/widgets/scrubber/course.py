"""What a projection makes of a stream, event by event, as it is recorded and without some of its events.

A place is where an event stands in the replay: 1 is the first event, 0 is before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from funes_lab import formats
from funes_lab.fold import Fold
from funes_lab.replay.columns import kinds_of
from funes_lab.replay.engine import Task, run
from funes_lab.replay.states import before_any
from funes_lab.store import Row, rows_to_table

_NUMBERS = ("Int64", "float64", "decimal")


@dataclass(frozen=True, slots=True)
class Course:
    """The states of a stream, secrets masked.

    Attributes
    ----------
    states : list of mapping
        By place; where the replay broke there is the state before, and none after it.
    faults : dict of int to str
        By place, what broke there.
    """

    states: list[Mapping[str, Any]]
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The last place that has a state."""
        return len(self.states) - 1


def course(fold: Fold, rows: Sequence[Row], skipped: Collection[int] = ()) -> Course:
    """Replay the rows, in their order, without the versions that are skipped: there the state stays as it was."""
    if not rows:
        return Course([{}])
    kept = [place for place, row in enumerate(rows, 1) if row.version not in skipped]
    task = Task(fold, rows[-1].occurred_at, steps=True, every_stream=True, on_error="stop")
    found = run(rows_to_table([rows[place - 1] for place in kept]), task)
    made = Course([before_any(fold, rows[0].occurred_at)])
    for number, (row, values) in enumerate(zip(found.rows, found.values, strict=True)):
        made.states.extend([made.states[-1]] * (kept[row] - len(made.states)))
        made.states.append(formats.mask(values, fold.secret) if fold.secret else values)
        if number in found.errors:
            made.faults[kept[row]] = found.errors[number]
    if len(found.rows) == len(kept):
        made.states.extend([made.states[-1]] * (len(rows) + 1 - len(made.states)))
    return made


def names_of(fold: Fold, *courses: Course) -> list[str]:
    """The fields of the states, those of an open state too."""
    more = (name for made in courses for state in made.states for name in state) if fold.is_open else ()
    return list(dict.fromkeys([*fold.state.model_fields, *more]))


def numeric(fold: Fold, made: Course) -> list[str]:
    """The fields that a line can be drawn of."""
    kinds = kinds_of(fold.state, fold.secret)
    return [name for name in names_of(fold, made) if kinds.get(name) in _NUMBERS or _is_numeric(name, kinds, made)]


def _is_numeric(name: str, kinds: Mapping[str, str], made: Course) -> bool:
    """Whether a field that promises nothing of the kind has numbers only."""
    if kinds.get(name, "object") != "object":
        return False
    found = {type(state.get(name)) for state in made.states} - {type(None)}
    return bool(found) and all(issubclass(kind, (int, float, Decimal)) and kind is not bool for kind in found)
