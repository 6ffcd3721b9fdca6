"""Timing in turn: a b c, b c a, c a b …, so that a machine whose speed drifts is unfair to nobody."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Timed(NamedTuple):
    """How long something took, in seconds: the median of the rounds, the fastest and the slowest, by the clock.

    `cpu` is the median of what the processor spent on it, all threads together: on a machine that others use too,
    it moves less than the clock.
    """

    median: float
    fastest: float
    slowest: float
    cpu: float


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timed]:
    """Time every work once a round, after a round that is not counted.

    The collector of cycles is off while a work runs, for all of them alike. It is not called before each of them: it
    looks at every object there is, and what takes milliseconds would begin with cold caches.
    """
    gc.collect()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    names = list(works)
    for number in range(-1, rounds):
        start = number % len(names)
        for name in (*names[start:], *names[:start]):
            seconds = _seconds(works[name])
            if number >= 0:
                taken[name].append(seconds)
    return {name: timed(found) for name, found in taken.items()}


def timed(taken: Sequence[tuple[float, float]]) -> Timed:
    """Sum up what the rounds took: seconds by the clock, seconds of the processor."""
    clock, cpu = ([pair[which] for pair in taken] for which in (0, 1))
    return Timed(statistics.median(clock), min(clock), max(clock), statistics.median(cpu))


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    gc.disable()
    try:
        started = time.perf_counter(), time.process_time()
        result = work()
        ended = time.perf_counter(), time.process_time()
    finally:
        gc.enable()
    del result  # freeing it is not part of the work
    return ended[0] - started[0], ended[1] - started[1]
