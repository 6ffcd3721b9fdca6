"""The consistency projection judges an event.

An event that comes last is judged on top of the state of the stream. A backdated one is judged at its true
place: the state right after it, and after each later event, must hold; of the later ones only what it adds
counts. With `consistency_order = "on_top"` it is judged last whatever its date, as the Ruby gem does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Literal, cast

from pydantic import BaseModel

from funes_lab.errors import BASE, Error
from funes_lab.event import Event
from funes_lab.fold import Fold, folding

Order = Literal["true_place", "on_top"]

#: Gives the events 1…N of the stream in replay order.
History = Callable[[], Sequence[Event]]


@dataclass(slots=True)
class Judgement:
    """What a consistency projection says of one event.

    Attributes
    ----------
    interpretation, state : list of Error
        What its blocks, and the state, hold against the event.
    end : BaseModel or None
        The plain state after all events in replay order, the judged one included; None when it is not known.
    before, after : BaseModel or None
        The state it was judged on, and the state it led to (at the first step that does not hold); filled for a
        refusal, and when they were asked for.
    place : int or None
        For a backdated event: the version it comes right after (0 for none).
    """

    interpretation: list[Error] = field(default_factory=list)
    state: list[Error] = field(default_factory=list)
    end: BaseModel | None = None
    before: BaseModel | None = None
    after: BaseModel | None = None
    place: int | None = None

    @property
    def refused(self) -> bool:
        """Whether anything speaks against the event."""
        return bool(self.interpretation or self.state)


class _Sitting:
    """Collects what blocks add to the event under judgement."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._errors: list[Error] = []
        self._block = ""

    def found(self) -> list[Error]:
        return self._errors

    def add(self, attribute: str, message: str) -> None:
        self._errors.append(Error(attribute, message, "interpretation", rule=f"{self._fold.name}.{self._block}"))

    def over(self, event: Event) -> list[Error]:
        """Sit anew, over this event; the list fills while its block runs."""
        found = self._fold.blocks.get(event.event_name)
        self._block = found[0].__name__ if found else ""
        self._errors = []
        return self._errors


def state_of(fold: Fold, events: Sequence[Event], at: datetime) -> BaseModel:
    """The plain state after the events; what blocks say about them is history and no longer counts."""
    with folding(fold, _Sitting(fold)):
        return fold.run(fold.start(at), events)


def judge_last(
    fold: Fold, base: BaseModel, event: Event, at: datetime, history: History, *, show: bool = False, keep: bool = False
) -> Judgement:
    """Judge an event on top of a state.

    Parameters
    ----------
    fold : Fold
        Of the consistency projection.
    base : BaseModel
        The plain state of the stream. A state with fields that can change is folded in place: the caller has to
        forget it when the event is refused, or a block breaks.
    event : Event
    at : datetime
        When it occurred.
    history : callable
        Gives the events behind `base`, to show what a refused event found there.
    show : bool
        Leave `base` alone and give `before` and `after` whatever the verdict.
    keep : bool
        Leave `base` alone.

    Returns
    -------
    Judgement
    """
    in_place = not (fold.immutable or show or keep)
    sitting = _Sitting(fold)
    with folding(fold, sitting):
        said = sitting.over(event)
        end = fold.step(base if in_place else fold.copy(base), event, at)
        after, broken = fold.verdict(fold.finish(fold.copy(end) if fold.final else end, at), event.filter_attributes)
    judgement = Judgement(list(said), broken, end=end)
    if judgement.refused or show:
        found = state_of(fold, history(), at) if in_place else base
        judgement.before, judgement.after = _shown(fold, found, at), after
    return judgement


def judge_in_place(fold: Fold, event: Event, at: datetime, history: Sequence[Event]) -> Judgement:
    """Judge a backdated event at its true place among the events of its stream.

    Parameters
    ----------
    fold : Fold
        Of the consistency projection.
    event : Event
    at : datetime
        When it occurred: before the last event of the history.
    history : sequence of Event
        The events of the stream in replay order.

    Returns
    -------
    Judgement
    """
    earlier = [e for e in history if cast(datetime, e.occurred_at) <= at]
    later = history[len(earlier) :]
    base = state_of(fold, earlier, at)
    sitting = _Sitting(fold)
    with folding(fold, sitting):
        without = _walk(fold, sitting, fold.copy(base), later, event.filter_attributes).steps
        said = sitting.over(event)
        state = fold.step(fold.copy(base), event, at)
        said = list(said)
        after, broken = fold.verdict(fold.finish(fold.copy(state), at), event.filter_attributes)
        rest = _walk(fold, sitting, state, later, event.filter_attributes)
    judgement = Judgement(said, broken, end=rest.end, place=cast(int, earlier[-1].version) if earlier else 0)
    judgement.before, judgement.after = _shown(fold, base, at), after
    for known, found, shown, parts in zip(without, rest.steps, rest.shown, _by_version(later), strict=True):
        added = _added(known, found, parts[0])
        if added and not judgement.refused:
            judgement.after = shown
        _note(judgement, added)
    return judgement


@dataclass(slots=True)
class _Walk:
    steps: list[list[Error]]
    shown: list[BaseModel]
    end: BaseModel


def _walk(fold: Fold, sitting: _Sitting, state: BaseModel, events: Sequence[Event], secret: Sequence[str]) -> _Walk:
    walk = _Walk([], [], state)
    for parts in _by_version(events):
        at = cast(datetime, parts[0].occurred_at)
        said: list[Error] = []
        for event in parts:
            heard = sitting.over(event)
            walk.end = fold.step(walk.end, event, at)
            said += heard
        masked = [*secret, *(name for event in parts for name in event.filter_attributes)]
        shown, broken = fold.verdict(fold.finish(fold.copy(walk.end), at), masked)
        walk.steps.append([*said, *broken])
        walk.shown.append(shown)
    return walk


def _by_version(events: Sequence[Event]) -> list[list[Event]]:
    """Each fact by itself: what an upcaster made several of was one, and no state in the middle of it ever stood."""
    return [list(parts) for _, parts in groupby(events, key=lambda event: event.version)]


def _added(known: list[Error], found: list[Error], event: Event) -> list[Error]:
    """The errors of a later step that were not there without the event."""
    left = Counter((e.source, *e) for e in known)
    added = []
    for error in found:
        key = (error.source, *error)
        if left[key]:
            left[key] -= 1
        elif error.source == "state":
            rule = f"{error.rule}, after #{event.version}"
            added.append(Error(error.attribute, error.message, "state", rule=rule, value=error.value))
        else:
            message = f"#{event.version} {event.event_name} would be refused: {error.full_message}"
            added.append(Error(BASE, message, "interpretation", rule=error.rule))
    return added


def _note(judgement: Judgement, added: list[Error]) -> None:
    for error in added:
        kept = judgement.state if error.source == "state" else judgement.interpretation
        if error not in kept:
            kept.append(error)


def _shown(fold: Fold, state: BaseModel, at: datetime) -> BaseModel:
    with folding(fold, _Sitting(fold)):
        return fold.verdict(fold.finish(fold.copy(state), at))[0]
