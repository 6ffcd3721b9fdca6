"""The writers of a storm: each reads a stream, appends what it has on that reading, and tries again if it lost.

What a writer will append, and to which stream, is drawn before it begins, by its own seed: two storms with one seed
differ by their races only. The threads are here; `processes` has the writers that are processes of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

from funes_lab.codec import encode
from funes_lab.current import Workspace
from funes_lab.event import Event
from funes_lab.gates import check_event
from funes_lab.races.policies import Policy
from funes_lab.races.sampling import Make
from funes_lab.stream import EventStream

ACCEPTED, CONFLICT, REFUSED = "accepted", "conflict", "refused"

#: How often whoever waits for the writers looks at them, in seconds.
LOOK = 0.05


@dataclass(frozen=True)
class Task:
    """What one storm is, for every writer of it; it can be taken to another process.

    Attributes
    ----------
    stream_class : EventStream class
    make : callable
        Makes the event of a number.
    policy : Policy
    streams : tuple of str
        The idx of each.
    writers, appends : int
        How many writers, and how many events each of them has.
    seed : int
    """

    stream_class: type[EventStream]
    make: Make
    policy: Policy
    streams: tuple[str, ...]
    writers: int
    appends: int
    seed: int


class Attempt(NamedTuple):
    """One try to append one event; times in seconds, `started` since the storm began."""

    writer: int
    number: int
    stream: str
    attempt: int
    outcome: str
    given_up: bool
    version: int | None
    started: float
    seconds: float
    event: str
    props: str | None


@dataclass(frozen=True)
class Ran:
    """What came of the writers."""

    attempts: list[Attempt]
    interrupted: bool = False


class Stop(Protocol):
    """Tells a writer to end."""

    def is_set(self) -> bool:
        """Whether to end now."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds, or until it is time to end; tells which."""
        ...


#: Told how many events have come to their end.
Tick = Callable[[int], Any]


def plan(task: Task, writer: int) -> list[tuple[str, Event]]:
    """What one writer will append, and to which streams.

    Raises
    ------
    TypeError, ValueError
        If `events` gave no new event.
    """
    chance = Random(f"{task.seed}/{writer}")
    planned = []
    for number in range(task.appends):
        idx = chance.choice(task.streams)
        event: object = task.make(chance, number * task.writers + writer)
        if not isinstance(event, Event):
            raise TypeError(f"events must give an event, got {event!r} for the number {number * task.writers + writer}")
        planned.append((idx, check_event(event)))
    return planned


def refuse_twins(plans: Sequence[Sequence[tuple[str, Event]]]) -> None:
    """Raise ValueError if one event object is to be appended twice."""
    seen: set[int] = set()
    for _, event in (pair for planned in plans for pair in planned):
        if id(event) in seen:
            raise ValueError(
                f"events gave the same {event.event_name} object twice; a fact happens once: build each event anew"
            )
        seen.add(id(event))


def write(
    task: Task,
    writer: int,
    planned: Sequence[tuple[str, Event]],
    lab: Workspace,
    stop: Stop,
    begin: float,
    tell: Callable[[Attempt], Any],
) -> None:
    """Append what one writer has, one after the other, until all of it came to an end or it is told to stop."""
    chance = Random(f"{task.seed}/{writer}/pauses")
    for number, (idx, event) in enumerate(planned):
        stream = task.stream_class.for_(idx, lab=lab)
        for lost in range(1, 2**62):
            if stop.is_set():
                return
            started = time.perf_counter()
            stream.read().append(event)
            seconds = time.perf_counter() - started
            outcome = _outcome(event)
            pause = task.policy.pause(lost, chance) if outcome == CONFLICT else None
            given_up = outcome == CONFLICT and pause is None
            props = encode(event) if outcome == ACCEPTED else None
            tell(
                Attempt(
                    writer, number, idx, lost, outcome, given_up, event.version, started - begin, seconds,
                    event.event_name, props,
                )
            )  # fmt: skip
            if pause is None:
                break
            if pause > 0:
                stop.wait(pause)


def _outcome(event: Event) -> str:
    if event.persisted:
        return ACCEPTED
    return CONFLICT if event.rejection is not None and event.rejection.stage == "conflict" else REFUSED


def ended(attempt: Attempt) -> bool:
    """Whether an event came to its end: it will not be tried again."""
    return attempt.outcome != CONFLICT or attempt.given_up


def by_threads(task: Task, lab: Workspace, tick: Tick) -> Ran:
    """Let threads of this process write, until all are done or Ctrl-C.

    Raises
    ------
    Exception
        What a writer raised: the others end after what they are at, then it is raised here.
    """
    plans = [plan(task, writer) for writer in range(task.writers)]
    refuse_twins(plans)
    return _Threads(task, lab).run(plans, tick)


class _Threads:
    def __init__(self, task: Task, lab: Workspace) -> None:
        self.task, self.lab = task, lab
        self.stop, self.go = threading.Event(), threading.Event()
        self.begin = 0.0
        self.attempts: list[list[Attempt]] = [[] for _ in range(task.writers)]
        self.ended = [0] * task.writers
        self.left, self.counting, self.over = task.writers, threading.Lock(), threading.Event()
        self.broken: list[tuple[int, BaseException]] = []

    def run(self, plans: Sequence[Sequence[tuple[str, Event]]], tick: Tick) -> Ran:
        threads = [
            # each in a copy of the context: the metainformation that is bound around the storm holds in it too;
            # daemons, because whoever presses Ctrl-C twice need not wait for a block that hangs
            threading.Thread(
                target=copy_context().run, args=[self._write, writer, planned], name=f"storm-{writer}", daemon=True
            )
            for writer, planned in enumerate(plans)
        ]
        try:
            for thread in threads:
                thread.start()
            self.begin = time.perf_counter()
            self.go.set()
            interrupted = self._wait(tick)
        finally:
            self.stop.set()
            self.go.set()
        for thread in threads:
            thread.join()
        if self.broken:
            writer, failure = self.broken[0]
            failure.add_note(f"raised in writer {writer} of {self.task.writers} of the storm")
            raise failure
        return Ran([attempt for found in self.attempts for attempt in found], interrupted)

    def _write(self, writer: int, planned: Sequence[tuple[str, Event]]) -> None:
        def tell(attempt: Attempt) -> None:
            self.attempts[writer].append(attempt)
            self.ended[writer] += ended(attempt)

        try:
            self.go.wait()
            write(self.task, writer, planned, self.lab, self.stop, self.begin, tell)
        except BaseException as failure:  # noqa: BLE001  (it is raised where the storm was asked for)
            self.broken.append((writer, failure))
            self.stop.set()
        finally:
            with self.counting:
                self.left -= 1
                if not self.left:
                    self.over.set()

    def _wait(self, tick: Tick) -> bool:
        """Wait for all threads and tell how far they are; the first Ctrl-C lets them end, a second one is raised."""
        interrupted, told = False, 0
        while True:
            try:
                # not Thread.join: a Ctrl-C in it makes Python believe that a thread that runs has ended
                over = self.over.wait(LOOK)
                now = sum(self.ended)
                tick(now - told)
                told = now
                if over:
                    return interrupted
            except KeyboardInterrupt:
                self.stop.set()
                if interrupted:
                    raise
                interrupted = True
