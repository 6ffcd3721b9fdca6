"""A race played on a copy of its streams, and looked at after every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from funes_lab.races.course import Course
from funes_lab.races.interleavings import Scene
from funes_lab.races.result import RaceResult, result_of
from funes_lab.races.schedule import Programs, Step
from funes_lab.scratch import Scratch


@dataclass(frozen=True, slots=True)
class Play:
    """A race in one order.

    Attributes
    ----------
    steps : list of Step
        The order, to its end.
    results : list of RaceResult
        What had come of it after so many steps; the first one is of none.
    open : list of dict of str to list of str
        Beside them, what each writer can do next; what it does by itself comes first.
    """

    steps: Sequence[Step]
    results: Sequence[RaceResult]
    open: Sequence[Mapping[str, Sequence[str]]]
    #: What broke in the user's code, and the step in which it did: it is not among the others.
    fault: str = ""

    def is_at(self, steps: Sequence[Step]) -> bool:
        """Whether an order begins this one."""
        return list(self.steps[: len(steps)]) == list(steps)


def played(scene: Scene, programs: Programs, steps: Sequence[Step], then: Sequence[Step]) -> Play:
    """Play steps, what is left of others, and in the end let those try again who were denied.

    Parameters
    ----------
    scene : Scene
        What is played, on a scratch database: no log changes.
    programs : mapping
        The steps of each writer.
    steps, then : sequence of Step
        The steps of `then` that `steps` has already are left out.

    Returns
    -------
    Play
    """
    with Scratch(scene.lab, scene.rows, scene.begins) as scratch:
        course = Course(scratch, scene.stream_class, scene.streams, scene.plans, guard=scene.guard)
        done: list[Step] = []
        results, open_ = [_so_far(course, scene)], [_open(course, programs)]
        try:
            for step in _ahead(course, [*steps, *_rest(steps, then)]):
                try:
                    course.take(step)
                except Exception as failure:  # noqa: BLE001  (a fault in a block is shown with the steps before it)
                    return Play(done, results, open_, f"{step} failed: {type(failure).__name__}: {failure}")
                done.append(step)
                results.append(_so_far(course, scene))
                open_.append(_open(course, programs))
            return Play(done, results, open_)
        finally:
            course.end()


def state_of(result: RaceResult, idx: str) -> BaseModel | None:
    """The final state of one stream."""
    state: BaseModel | None = result.final_state[idx] if len(result.streams) > 1 else result.final_state
    return state


def _ahead(course: Course, steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, and after them whoever was denied once more."""
    yield from steps
    for name, writer in course.writers.items():
        if writer.denied:
            yield Step(name, "retry")


def _so_far(course: Course, scene: Scene) -> RaceResult:
    return result_of(course, guard=scene.guard, on_scratch=True)


def _rest(steps: Sequence[Step], then: Sequence[Step]) -> list[Step]:
    """What is left of an order, without the steps that were taken already."""
    taken = list(steps)
    rest = []
    for step in then:
        if step in taken:
            taken.remove(step)
        elif step.action != "retry":
            rest.append(step)
    return rest


def _open(course: Course, programs: Programs) -> dict[str, list[str]]:
    """What each writer can do next: the next step of its program, or try again what was denied."""
    found = {}
    for name, program in programs.items():
        writer = course.writers[name]
        left = list(program)
        for step in course.steps:
            if step.writer == name and step.action in left:
                left.remove(step.action)
        # a transaction that was lost is tried again as a whole
        retry = ["retry"] if writer.denied and not (writer.has_transaction and left) else []
        found[name] = [*retry, *left[:1]]
    return found
