"""Schedules: the order in which writers take their steps, and all the orders there are.

Orders keep the steps of each writer in their own order. For writers with n₁, n₂, … steps there are
(n₁ + n₂ + …)! / (n₁! · n₂! · …) of them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import factorial, prod
from typing import Final, NamedTuple

#: What a writer can do. `commit` is there for those with a transaction.
ACTIONS: Final = ("read", "append", "commit", "retry")


class Step(NamedTuple):
    """One writer does one thing."""

    writer: str
    action: str

    def __str__(self) -> str:
        return f"{self.writer}.{self.action}"


#: The steps of each writer, by name.
Programs = Mapping[str, Sequence[str]]


def parse(order: str | Iterable[str | Step], programs: Programs) -> list[Step]:
    """Read an order, such as "A.read B.read A.append B.append B.retry".

    Raises
    ------
    ValueError
        For a writer that is not there, something no writer does, and steps that come too early or too often.
    """
    if isinstance(order, str):
        words: list[str] = [word for word in re.split(r"[\s,→]+", order) if word]
    else:
        words = [str(step) for step in order]
    steps = [_step(word, programs) for word in words]
    _refuse_impossible(steps, programs)
    return steps


def written(order: Iterable[Step]) -> str:
    """An order as one writes it."""
    return " ".join(map(str, order))


def count(programs: Programs) -> int:
    """How many orders there are."""
    lengths = [len(steps) for steps in programs.values()]
    return factorial(sum(lengths)) // prod(map(factorial, lengths))


def every(programs: Programs) -> Iterator[tuple[Step, ...]]:
    """All orders, those in which the first writers come first before the others."""
    names = list(programs)
    yield from _every(dict.fromkeys(names, 0), programs, ())


def sampled(programs: Programs, size: int, seed: int | None) -> list[tuple[Step, ...]]:
    """Different orders, drawn evenly from all of them; the same seed draws the same."""
    if size >= count(programs):
        return list(every(programs))
    draw = random.Random(seed)
    turns = [name for name, steps in programs.items() for _ in steps]
    found: dict[tuple[Step, ...], None] = {}
    while len(found) < size:
        draw.shuffle(turns)
        found[_in_turn(turns, programs)] = None
    return list(found)


def beginnings(programs: Programs, length: int) -> Iterator[tuple[Step, ...]]:
    """All beginnings of orders with so many steps."""
    seen: dict[tuple[Step, ...], None] = {(): None}
    for _ in range(length):
        seen = {
            (*order, Step(name, steps[done])): None
            for order in seen
            for name, steps in programs.items()
            if (done := sum(step.writer == name for step in order)) < len(steps)
        }
    yield from seen


def _every(done: dict[str, int], programs: Programs, before: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    open_ = [name for name, steps in programs.items() if done[name] < len(steps)]
    if not open_:
        yield before
    for name in open_:
        step = Step(name, programs[name][done[name]])
        yield from _every({**done, name: done[name] + 1}, programs, (*before, step))


def _in_turn(turns: Sequence[str], programs: Programs) -> tuple[Step, ...]:
    ahead = {name: iter(steps) for name, steps in programs.items()}
    return tuple(Step(name, next(ahead[name])) for name in turns)


def _step(word: str, programs: Programs) -> Step:
    writer, dot, action = word.rpartition(".")
    if not dot or writer not in programs:
        raise ValueError(
            f"order has {word!r}, and the writers are {', '.join(programs)}; a step is written as "
            f"{next(iter(programs))}.read"
        )
    if action not in ACTIONS:
        raise ValueError(f"order has {word!r}, and what a writer does is {', '.join(ACTIONS)}")
    return Step(writer, action)


def _refuse_impossible(steps: Sequence[Step], programs: Programs) -> None:
    for name, program in programs.items():
        own = [step.action for step in steps if step.writer == name]
        if own and own[0] != "read":
            raise ValueError(
                f"order begins for {name} with {name}.{own[0]}; a writer reads before it does anything else"
            )
        for action in ("append", "commit"):
            wanted, able = own.count(action), program.count(action)
            if wanted > able:
                raise ValueError(f"order has {name}.{action} {_times(wanted)}, and {name} can do so {_times(able)}")
        if "commit" in own and "append" in own[own.index("commit") :]:
            raise ValueError(f"order has {name}.append after {name}.commit, when its transaction is over")


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
