"""Comparison: the line of a stream that was recorded and the line of a branch, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import pandas as pd

from funes_lab import formats
from funes_lab.projection import Projection, fold_of
from funes_lab.replay.columns import column, kinds_of, times
from funes_lab.replay.engine import Task, run
from funes_lab.replay.states import before_any, moved
from funes_lab.store import Row, rows_to_table

if TYPE_CHECKING:
    from funes_lab.widgets.branch import BranchPicture

_NAMED: Final = 3  # fields that are named in a sentence

State = Mapping[str, Any]


class Comparison(pd.DataFrame):
    """Two lines of one stream side by side: a DataFrame, and where they part; `branch.compare(P)` gives it.

    In a notebook it is shown as a picture: two lines that fork. What is cut out of it is a plain DataFrame.

    Attributes
    ----------
    parted_at : int or None
        The version of the first step where the states differ.
    difference : dict of str to tuple
        At the end, by field: (recorded, branch).
    """

    #: A list, or pandas could not read it from a pickle.
    _metadata: ClassVar[list[str]] = ["parted_at", "difference", "sides"]

    parted_at: int | None
    difference: dict[str, tuple[Any, Any]]
    #: What the picture is drawn from.
    sides: Sides

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def picture(self, field: str | None = None) -> BranchPicture:
        """The picture: two lines that fork, and log, what-if and difference at each step.

        Parameters
        ----------
        field : str, optional
            The field that is drawn; a number as a line, anything else in words. Default: the first number that differs
            at the end, else the first field that ever differs, else the first number.

        Returns
        -------
        BranchPicture
            A widget; `.field` and `.value`, the step that the cursor stands on, can be read and set, and
            `.save("branch.svg")` writes the image, `.save("branch.html")` a page that steps.

        Raises
        ------
        ValueError
            If the state has no such field.
        """
        from funes_lab.widgets.branch import BranchPicture

        return BranchPicture(self.sides, field)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = self.picture()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{told_of(self)}\n{pd.DataFrame(self)!r}" if len(self) else told_of(self)


def told_of(comparison: Comparison) -> str:
    """A comparison in a sentence."""
    beside = f"{comparison.sides.idx} and its branch under {comparison.sides.projection}"
    if comparison.parted_at is None:
        return f"{beside}: the same state at every step."
    listed = list(comparison.difference.items())
    told = [f"{name} is {formats.value(b)} instead of {formats.value(a)}" for name, (a, b) in listed[:_NAMED]]
    if len(listed) > _NAMED:
        told.append(formats.count(len(listed) - _NAMED, "more field"))
    end = f"at the end {', '.join(told)}" if told else "at the end they are the same again"
    return f"{beside} part at version {formats.value(comparison.parted_at)}; {end}."


@dataclass(slots=True)
class Step:
    """A place on the axis of both lines: what happened there in each, and the states after it."""

    version: int
    occurred_at: datetime
    recorded: Row | None = None
    branched: Row | None = None
    log: State = field(default_factory=dict)
    what_if: State = field(default_factory=dict)

    @property
    def is_same(self) -> bool:
        """Whether the same event happened in both."""
        if self.recorded is None or self.branched is None:
            return False
        return (self.recorded.klass, self.recorded.props) == (self.branched.klass, self.branched.props)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both lines as a picture shows them, secrets masked.

    Attributes
    ----------
    idx, projection : str
    changes : tuple of str
        What was changed on the branch, in words.
    steps : list of Step
        In the order of what happened. A moved event has two of them.
    start : mapping
        The state before the first step.
    kinds : dict of str to str
        By field of the state, what it promises; see `replay.columns`.
    problems : dict of int to tuple
        By version: the stage and the words of the events of the branch that its rules would not have let in.
    """

    idx: str
    projection: str
    changes: tuple[str, ...]
    steps: list[Step]
    start: State
    kinds: Mapping[str, str]
    problems: Mapping[int, tuple[str, str]]


class Branched(NamedTuple):
    """What is compared: a stream as it stood, and its branch."""

    idx: str
    recorded: Sequence[Row]
    branched: Sequence[Row]
    begins: datetime
    changes: tuple[str, ...] = ()
    problems: Mapping[int, tuple[str, str]] = {}


class _Place(NamedTuple):
    """Where a step stands, and what it says: a moved event stands at two places, and a replaced one says two things."""

    occurred_at: datetime
    version: int
    event: str
    props: str


def compared(projection: type[Projection[Any]], what: Branched) -> Comparison:
    """Replay both lines and lay their steps on one axis."""
    fold = fold_of(projection)
    lines = [_line(projection, rows, what.begins) for rows in (what.recorded, what.branched)]
    places = sorted({place for line in lines for place in line})
    start = before_any(fold, places[0].occurred_at if places else what.begins)
    told = [_filled(line, places, start) for line in lines]
    names = list(fold.state.model_fields)
    differs = [bool(differing(names, a, b)) for a, b in zip(*told, strict=True)]
    columns: dict[str, Any] = {
        "version": pd.Series([place.version for place in places], dtype="int64"),
        "event": pd.Categorical([place.event for place in places]),
        "occurred_at": times([place.occurred_at for place in places]),
        "line": pd.Categorical([_whose(place, *lines) for place in places], categories=["both", "recorded", "branch"]),
    }
    kinds = kinds_of(fold.state, fold.secret)
    for name in names:
        for suffix, line in (("recorded", told[0]), ("branch", told[1])):
            columns[f"{name}_{suffix}"] = column([state.get(name) for state in line], kinds[name])
    comparison = Comparison({**columns, "differs": pd.Series(differs, dtype="bool")})
    comparison.parted_at = next((p.version for p, other in zip(places, differs, strict=True) if other), None)
    end = zip(*(line[-1:] for line in told), strict=True)
    comparison.difference = {
        name: (ours.get(name), theirs.get(name)) for ours, theirs in end for name in differing(names, ours, theirs)
    }
    by = {name: kinds[name] for name in names}
    steps = _steps(what, places, told)
    comparison.sides = Sides(what.idx, fold.name, what.changes, steps, start, by, what.problems)
    return comparison


def differing(names: Sequence[str], ours: State, theirs: State) -> list[str]:
    """The fields in which two states differ."""
    return [name for name in names if moved(ours.get(name), theirs.get(name))]


def _line(projection: type[Projection[Any]], rows: Sequence[Row], at: datetime) -> dict[_Place, State]:
    """The state after each step of one line."""
    fold = fold_of(projection)
    after = run(rows_to_table(rows), Task(fold, at, steps=True, every_stream=True)).values
    found = [formats.mask(state, fold.secret) for state in after]
    return dict(zip(map(_place, rows), found, strict=True))


def _place(row: Row) -> _Place:
    return _Place(row.occurred_at, row.version, row.klass, row.props)


def _filled(line: Mapping[_Place, State], places: Sequence[_Place], start: State) -> list[State]:
    """The state of a line at every place of both."""
    filled, state = [], start
    for place in places:
        state = line.get(place, state)
        filled.append(state)
    return filled


def _whose(place: _Place, ours: Mapping[_Place, Any], theirs: Mapping[_Place, Any]) -> str:
    if place in ours and place in theirs:
        return "both"
    return "recorded" if place in ours else "branch"


def _steps(what: Branched, places: Sequence[_Place], told: Sequence[Sequence[State]]) -> list[Step]:
    """The places of both lines, an event and the one that is in its place at one step."""
    ours, theirs = ({_place(row): row for row in rows} for rows in (what.recorded, what.branched))
    steps: dict[tuple[datetime, int], Step] = {}
    for place, log, what_if in zip(places, *told, strict=True):
        step = steps.setdefault((place.occurred_at, place.version), Step(place.version, place.occurred_at))
        step.recorded, step.branched = ours.get(place, step.recorded), theirs.get(place, step.branched)
        step.log, step.what_if = log, what_if
    return list(steps.values())
