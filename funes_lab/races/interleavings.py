"""Every order of a race, each on a scratch database; and the shortest one that breaks an invariant."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

from funes_lab.audience import bar
from funes_lab.current import Workspace
from funes_lab.races import schedule
from funes_lab.races.course import Course, Intent, program_of
from funes_lab.races.result import RaceResult, alone_or_all, final_states, result_of
from funes_lab.races.schedule import Programs, Step
from funes_lab.scratch import Scratch, judging_only, rows_of
from funes_lab.store import Row
from funes_lab.stream import EventStream

if TYPE_CHECKING:
    import pandas as pd

#: Whether a final state is as it should be.
Invariant = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is needed to play a race again and again: its plans, and its streams as they were."""

    lab: Workspace
    stream_class: type[EventStream]
    streams: Sequence[str]
    plans: Mapping[str, Sequence[Intent]]
    guard: bool
    rows: Sequence[Row]
    begins: datetime

    @classmethod
    def of(
        cls,
        lab: Workspace,
        stream_class: type[EventStream],
        streams: Sequence[str],
        plans: Mapping[str, Sequence[Intent]],
        *,
        guard: bool,
    ) -> Self:
        """The streams as they are now."""
        return cls(lab, judging_only(stream_class), streams, plans, guard, rows_of(lab, streams), begins=lab.now())

    def played(self, steps: Iterable[Step]) -> RaceResult:
        """Play it in one order, on a scratch database."""
        with Scratch(self.lab, self.rows, self.begins) as scratch:
            course = self._course(scratch, steps, show=True)
            return result_of(course, guard=self.guard, on_scratch=True)

    def tried(self, steps: Iterable[Step], *, retry: bool = False) -> Ending:
        """The same, without looking at more than how it ended."""
        with Scratch(self.lab, self.rows, self.begins) as scratch:
            course = self._course(scratch, steps, show=False, retry=retry)
            states, held = final_states(course)
            return Ending(course, states, held)

    def _course(self, scratch: Scratch, steps: Iterable[Step], *, show: bool, retry: bool = False) -> Course:
        course = Course(scratch, self.stream_class, self.streams, self.plans, guard=self.guard, show=show)
        try:
            for step in steps:
                course.take(step)
            while retry and (lost := _first_denied(course)) is not None:
                course.take(Step(lost, "retry"))
        finally:
            course.end()
        return course


@dataclass(frozen=True, slots=True)
class Ending:
    """How one order ended."""

    course: Course
    states: Mapping[str, BaseModel | None]
    held: bool

    def holds(self, invariant: Invariant | None) -> bool:
        """Whether an invariant holds; by default, whether the states keep their own rules."""
        return self.held if invariant is None else bool(invariant(alone_or_all(self.states)))

    def count(self, outcome: str) -> int:
        """How many events ended so."""
        return sum(entry.outcome == outcome for entry in self.course.entries)

    @property
    def retries(self) -> int:
        """How often somebody read again."""
        return sum(step.action == "retry" for step in self.course.steps)

    def fates(self) -> dict[str, str]:
        """What became of each writer's last attempt."""
        last = dict.fromkeys(self.course.writers, "nothing")
        last |= {
            entry.writer: entry.outcome for entry in self.course.entries if entry.outcome not in ("read", "skipped")
        }
        return last

    def kind(self) -> Hashable:
        """Orders of one kind ended alike."""
        states = tuple((idx, state and state.model_dump_json()) for idx, state in self.states.items())
        return (tuple(self.fates().items()), states)


def chosen(
    programs: Programs, *, limit: int, sample: int | None, seed: int | None
) -> tuple[int, Iterable[tuple[Step, ...]]]:
    """The orders that are run, and how many they are: counted before any is made."""
    if sample is not None:
        if not isinstance(sample, int) or isinstance(sample, bool) or sample < 1:
            raise ValueError(f"sample must be how many orders to draw, 1 or more, got {sample!r}")
        drawn = schedule.sampled(programs, sample, seed)
        return len(drawn), drawn
    found = schedule.count(programs)
    if found > limit:
        raise ValueError(
            f"there are {found:,} orders, more than limit={limit:,}; give a higher limit, or sample=1000 to run so "
            "many of them, drawn evenly"
        )
    return found, schedule.every(programs)


def tabulated(
    scene: Scene,
    orders: tuple[int, Iterable[tuple[Step, ...]]],
    *,
    retry: bool,
    invariant: Invariant | None,
    progress: bool,
) -> pd.DataFrame:
    """Run orders and list how they ended."""
    import pandas as pd

    kinds: dict[Hashable, int] = {}
    rows = []
    total, chosen_ = orders
    with bar(total, " orders", progress=progress) as tick:
        for order in chosen_:
            ending = scene.tried(order, retry=retry)
            kind = kinds.setdefault(ending.kind(), len(kinds) + 1)
            denied = ending.count("denied")
            row = [schedule.written(order), len(ending.course.written), denied, ending.count("refused"), ending.retries]
            state = alone_or_all(ending.states)
            rows.append([*row, state, ending.holds(invariant), kind, *ending.fates().values()])
            tick(1)
    return pd.DataFrame(
        {
            name: pd.Series([row[place] for row in rows], dtype=kind)
            for place, (name, kind) in enumerate(_columns(scene))
        }
    )


def _columns(scene: Scene) -> list[tuple[str, str]]:
    """The columns of the table, with their dtypes; a writer called like one of them is set apart."""
    numbers = [(name, "int64") for name in ("accepted", "denied", "refused", "retries")]
    columns = [("order", "str"), *numbers, ("final_state", "object"), ("invariant_held", "bool")]
    columns.append(("outcome_class", "int64"))
    taken = dict(columns)
    return columns + [(f"writer.{name}" if name in taken else name, "str") for name in scene.plans]


def shortest(scene: Scene, invariant: Invariant | None, *, limit: int) -> RaceResult | None:
    """The shortest beginning of an order that breaks an invariant; a reading breaks nothing, so it is never last."""
    programs = {name: program_of(plan) for name, plan in scene.plans.items()}
    tried = 0
    for length in range(1, sum(map(len, programs.values())) + 1):
        for order in schedule.beginnings(programs, length):
            if order[-1].action == "read":
                continue
            tried += 1
            if tried > limit:
                raise ValueError(
                    f"no order of up to {length - 1} steps breaks it, and more than limit={limit:,} would have to be "
                    "tried; give a higher limit"
                )
            if not scene.tried(order).holds(invariant):
                return scene.played(order)
    return None


def _first_denied(course: Course) -> str | None:
    """Whoever was denied first and has not tried again."""
    waiting = [name for name, writer in course.writers.items() if writer.denied]
    denials = [entry.writer for entry in course.entries if entry.outcome == "denied"]
    return min(waiting, key=denials.index, default=None)
