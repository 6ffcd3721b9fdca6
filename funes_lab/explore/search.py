"""The search for a breach, by Hypothesis.

Events are drawn and go through the gates of their streams as in an append, on top of each other; only that nothing is
written, so that many can be tried. The invariant is asked after each that was accepted. What breaks it is made shorter
and simpler as long as it still does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import hypothesis
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel

from funes_lab import registry
from funes_lab.errors import ProjectionError
from funes_lab.event import Event
from funes_lab.explore.breach import Breach, Draw, Step
from funes_lab.explore.kinds import SCALE
from funes_lab.explore.outcome import after
from funes_lab.explore.scenario import Scenario
from funes_lab.explore.strategies import both_of, check_classes, takes
from funes_lab.fold import Fold
from funes_lab.gates import Gates
from funes_lab.judging import state_of
from funes_lab.projection import Projection, fold_of, latest
from funes_lab.rejection import Rejection
from funes_lab.rules import rules_of
from funes_lab.scratch import Scratch, judging_only
from funes_lab.seen import Seen, read_event
from funes_lab.store import Head, Row
from funes_lab.stream import EventStream

#: What may be asked of the final state, or of the states by idx.
Invariant = Callable[[Any], object]

_DAY: Final = timedelta(days=1)


class Search:
    """What is searched: streams, what happened in them already, and what may happen."""

    def __init__(
        self,
        streams: type[EventStream] | Mapping[str, type[EventStream]],
        invariant: Invariant,
        projection: type[Projection[Any]] | None,
        given: object,
        events: object,
    ) -> None:
        several = isinstance(streams, Mapping)
        classes: Mapping[Any, Any] = dict(streams) if isinstance(streams, Mapping) else {"stream-1": streams}
        if not classes:
            raise ValueError("streams needs at least one stream: {'his': AccountStream}")
        if not callable(invariant):
            raise TypeError(f"invariant must be a function of the state, got {invariant!r}")
        self._invariant, self._several = invariant, several
        scenarios = {idx: Scenario(cls, idx=idx) for idx, cls in classes.items()}
        self._classes = {idx: judging_only(cls) for idx, cls in classes.items()}
        self._folds = {idx: _fold(cls, projection) for idx, cls in classes.items()}
        self._rows: dict[str, list[Row]] = {}
        self._desk: Scratch
        self._given: list[Step] = []
        happened = _by_stream(given, classes, "given", several=several)
        for idx, scenario in scenarios.items():
            self._happened(idx, scenario, happened.get(idx, ()))
            self._rows[idx] = scenario.rows
        self._begins = max(scenario.now for scenario in scenarios.values())
        self._name = ", ".join(dict.fromkeys(cls.__name__ for cls in classes.values()))
        self._scale = _scale(self._given)
        asked = _by_stream(events, classes, "events", several=several)
        self._draws = st.one_of([draw for idx in classes for draw in self._draw(idx, asked.get(idx))])

    def first(self, *, max_events: int, max_examples: int, seed: int) -> Breach | None:
        """The shortest that is found; nothing of it can be left out."""
        with Scratch(None, [], self._begins) as self._desk:
            return self.play([], max_events) or self._first(max_events, max_examples, seed)

    def _first(self, max_events: int, max_examples: int, seed: int) -> Breach | None:
        found = self._found(max_events, max_examples, seed)
        if found is None:
            return None
        for length in range(1, len(found)):
            shorter = self._found(length, max_examples, seed)
            if shorter is not None:
                return self.play(shorter, length)
        return self.play(found, max_events)

    def play(self, drawn: Sequence[Draw], max_events: int) -> Breach | None:
        """Let events happen until the invariant breaks, or so many were accepted."""
        self._desk.go_to(self._begins)
        steps: list[Step] = []
        history = {idx: [step.event for step in self._given if step.idx == idx] for idx in self._classes}
        seen = {idx: _seen(idx, rows) for idx, rows in self._rows.items()}
        states = {idx: self._state(idx, known, self._begins) for idx, known in history.items()}
        if not self._holds(states):
            return self._breach(steps, states)
        for draw in drawn:
            known = history[draw.idx]
            event = self._accepted(draw, known, seen[draw.idx])
            if event is None:
                continue
            known.append(event)
            known.sort(key=_order)
            states[draw.idx] = self._state(draw.idx, known, self._desk.now())
            steps.append(Step(draw.idx, event, states[draw.idx], draw))
            if not self._holds(states):
                return self._breach(steps, states)
            if len(steps) == max_events:
                break
        return None

    # --- below -------------------------------------------------------------------------------------------------------

    def _found(self, max_events: int, max_examples: int, seed: int) -> list[Draw] | None:
        """What breaks it within so many accepted events: shrunk, without what was refused or can be left out."""
        settings = hypothesis.settings(
            max_examples=max_examples, database=None, deadline=None, derandomize=False,
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
            verbosity=hypothesis.Verbosity.quiet,
        )  # fmt: skip
        # some are refused; and Hypothesis takes nothing away from a list that is as long as it may be
        lists = st.lists(self._draws, min_size=1, max_size=2 * max_events + 1)
        source = random.Random(seed)
        try:
            drawn = hypothesis.find(
                lists, lambda drawn: self.play(drawn, max_events) is not None, settings=settings, random=source
            )
        except NoSuchExample:
            return None
        return self._in_whole_numbers(self._without_what_can_be_left_out(self._accepted_of(drawn, max_events)))

    def _without_what_can_be_left_out(self, drawn: list[Draw]) -> list[Draw]:
        for place in range(len(drawn)):
            fewer = drawn[:place] + drawn[place + 1 :]
            if fewer and self.play(fewer, len(fewer)) is not None:
                return self._without_what_can_be_left_out(self._accepted_of(fewer, len(fewer)))
        return drawn

    def _in_whole_numbers(self, drawn: list[Draw]) -> list[Draw]:
        """Hypothesis takes 100.01 for simpler than 101; people do not."""
        for place, draw in enumerate(drawn):
            for name, value in draw.event.payload().items():
                if isinstance(value, Decimal) and value % 1:
                    for whole in (Decimal(math.floor(value)), Decimal(math.ceil(value))):
                        event = drawn[place].event.model_copy(update={name: whole})
                        tried = [*drawn[:place], draw._replace(event=event), *drawn[place + 1 :]]
                        found = self.play(tried, len(tried))
                        if found is not None and len(found.steps) == len(drawn):
                            drawn = tried
                            break
        return drawn

    def _accepted_of(self, drawn: Sequence[Draw], max_events: int) -> list[Draw]:
        breach = self.play(drawn, max_events)
        assert breach is not None
        return [step.draw for step in breach.steps if step.draw is not None]

    def _happened(self, idx: str, scenario: Scenario, given: Any) -> None:
        """Let what is given happen, and remember the state after each."""
        for one in given:
            known = {event.version for event in scenario.events}
            scenario.given(one)
            (event,) = (event for event in scenario.events if event.version not in known)
            state = self._state(idx, scenario.events, scenario.now)
            self._given.append(Step(idx, event, state))

    def _draw(self, idx: str, asked: Any) -> list[SearchStrategy[Draw]]:
        """Events of one stream; those drawn from classes may happen before others."""
        if isinstance(asked, SearchStrategy):
            return [st.builds(Draw, st.just(idx), asked, st.none())]
        cls = self._classes[idx]
        classes = _classes_of(self._folds[idx], cls) if asked is None else _listed(asked)
        check_classes(classes)
        return [draw for one in classes for draw in self._draw_of(idx, cls.actual_time_attribute, one)]

    def _draw_of(self, idx: str, time: str | None, cls: type[Event]) -> list[SearchStrategy[Draw]]:
        ours = time is None or (time in cls.model_fields and takes(cls, time, self._begins))
        given = {time: st.just(self._begins)} if ours and time is not None else {}
        back = st.integers(0, len(self._given) + 1) if ours else st.none()
        return [st.builds(Draw, st.just(idx), events, back) for events in both_of(cls, given, self._scale)]

    def _accepted(self, draw: Draw, known: Sequence[Event], seen: Seen) -> Event | None:
        """An event as the log would have it, or None if it is refused."""
        cls = self._classes[draw.idx]
        name, at, event = cls.actual_time_attribute, None, draw.event.model_copy()
        if draw.back is not None and (name is not None or (draw.back and known)):
            at = _time(draw.back, known, self._begins)
            if name is not None:
                event = event.model_copy(update={name: at})
        gates = Gates(self._desk, draw.idx, rules_of(cls), seen)
        candidate = gates.admit(event, at)
        try:
            found = gates.judge(candidate)
        except ProjectionError:  # a block that breaks lets nothing in
            return None
        if isinstance(found, Rejection):
            return None
        row = gates.let_in(candidate, *found)
        self._desk.go_to(max(candidate.now, after(row.occurred_at)))
        return read_event(row)

    def _state(self, idx: str, events: Sequence[Event], now: datetime) -> BaseModel:
        fold = self._folds[idx]
        return fold.verdict(fold.end(state_of(fold, events, now), now))[0]

    def _holds(self, states: Mapping[str, BaseModel]) -> bool:
        said = self._invariant(dict(states) if self._several else next(iter(states.values())))
        if said is None:
            raise TypeError(
                "invariant must return whether the state is as it should be, True or False; it returned None"
            )
        return bool(said)

    def _breach(self, steps: Sequence[Step], states: Mapping[str, BaseModel]) -> Breach:
        state = dict(states) if self._several else next(iter(states.values()))
        return Breach(self._name, self._given, steps, state, self._folds)


def _seen(idx: str, rows: Sequence[Row]) -> Seen:
    """A stream with these events that are nowhere but here."""
    seen = Seen.at(idx, Head(len(rows), max((row.occurred_at for row in rows), default=None)))
    seen.stored, seen.pending = 0, list(rows)
    return seen


def _time(back: int, known: Sequence[Event], begins: datetime) -> datetime:
    """A day after the last event, or half a day before one of them."""
    times = [event.occurred_at for event in known if event.occurred_at is not None]
    if not times:
        return begins
    return times[-min(back, len(times))] - _DAY / 2 if back else times[-1] + _DAY


def _scale(given: Sequence[Step]) -> int:
    """In what range numbers may meet those that are there: twice the greatest."""
    there = (value for step in given for value in step.event.payload().values() if _is_number(value))
    return max(math.ceil(2 * max(map(abs, there), default=0)), SCALE)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value)


def _order(event: Event) -> tuple[datetime, int]:
    assert event.occurred_at is not None
    assert event.version is not None
    return event.occurred_at, event.version


def _fold(cls: type[EventStream], projection: type[Projection[Any]] | None) -> Fold:
    chosen = projection if projection is not None else cls.consistency_projection
    if chosen is None:
        raise TypeError(
            f"{cls.__name__} has no consistency_projection; say projection=, whose state the invariant gets"
        )
    return fold_of(chosen) if projection is not None else latest(chosen)._fold


def _classes_of(fold: Fold, cls: type[EventStream]) -> list[type[Event]]:
    """The event classes that the projections have blocks for."""
    judging = cls.consistency_projection
    names = [*fold.blocks, *(latest(judging)._fold.blocks if judging is not None else ())]
    found = [registry.find(name) for name in dict.fromkeys(names)]
    return [one for one in found if one is not None and issubclass(one, Event)]


def _listed(asked: Any) -> Sequence[Any]:
    return [asked] if isinstance(asked, type) else list(asked)


def _by_stream(asked: Any, streams: Mapping[str, Any], name: str, *, several: bool) -> dict[str, Any]:
    """What is asked of each stream; of several it may be said by idx, else it goes for all of them."""
    if isinstance(asked, Mapping):
        for idx in asked:
            if idx not in streams or not several:
                raise ValueError(f"{name} names the stream {idx!r}, and streams has {', '.join(streams)}")
        return dict(asked)
    if asked is None or asked == ():
        return {}
    if several and name == "given":
        raise TypeError(
            f"given must say what happened in which stream: {{{next(iter(streams))!r}: [...]}}, got {asked!r}"
        )
    return dict.fromkeys(streams, asked)
