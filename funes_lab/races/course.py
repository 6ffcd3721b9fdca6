"""The course of a race: writers who read and append, one step after the other, in a real database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.current import Workspace
from funes_lab.errors import ConflictError, StreamNotFound
from funes_lab.event import Event
from funes_lab.gates import Gates
from funes_lab.races.desk import Desk
from funes_lab.races.schedule import Step
from funes_lab.rejection import Rejection
from funes_lab.rules import rules_of
from funes_lab.seen import Seen
from funes_lab.store import Head
from funes_lab.stream import EventStream, Reading

#: What a writer appends: an event, or a function of what it read that gives one, or None to let it be.
Decision = Callable[[Any], Event | None]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a writer means to append, and where."""

    idx: str
    what: Event | Decision


def program_of(plan: Sequence[Intent]) -> list[str]:
    """The steps of a writer with such a plan; who appends to several streams does so in a transaction."""
    commit = ["commit"] if len({intent.idx for intent in plan}) > 1 else []
    return ["read", *("append" for _ in plan), *commit]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of what happened in a race.

    Attributes
    ----------
    number : int
        The step, from 1; a step that touches several streams has a line for each.
    writer, action, idx : str
    at : datetime
        When, by the lab's clock.
    outcome : {"read", "accepted", "denied", "refused", "declined", "committed", "skipped"}
        `denied` is a lost race, `refused` the word of a rule, `declined` that of the writer, who let it be.
    seen, tried : int or None
        The version that the writer had seen, and the one it wanted.
    event : str or None
    payload : dict
        What was tried; secret attributes are masked.
    winner : str or None
        Who took the version: the name of a writer, or "another writer".
    winning : str or None
        The event that took it.
    message : str
        What happened, in a sentence.
    rejection : Rejection or None
    state : BaseModel or None
        By the consistency projection: what the writer read.
    """

    number: int
    writer: str
    action: str
    idx: str
    at: datetime
    outcome: str
    seen: int | None = None
    tried: int | None = None
    event: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    winner: str | None = None
    winning: str | None = None
    message: str = ""
    rejection: Rejection | None = None
    state: BaseModel | None = None


class Course:
    """Writers on their way through a schedule.

    Parameters
    ----------
    lab : Lab or Scratch
        Where they write.
    stream_class : EventStream class
    streams : list of str
    plans : dict of str to list of Intent
        What each writer means to append.
    guard : bool
        Whether an event that was judged at version N becomes N+1 or nothing.
    show : bool
        Whether to look at the state that is read.
    """

    def __init__(
        self,
        lab: Workspace,
        stream_class: type[EventStream],
        streams: Sequence[str],
        plans: Mapping[str, Sequence[Intent]],
        *,
        guard: bool = True,
        show: bool = True,
    ) -> None:
        self.lab, self.stream_class, self.streams, self.show = lab, stream_class, streams, show
        self.writers = {name: Writer(self, name, plan, guard=guard) for name, plan in plans.items()}
        self.steps: list[Step] = []
        self.entries: list[Entry] = []
        #: Who wrote what in this race.
        self.written: dict[tuple[str, int], str] = {}

    def take(self, step: Step) -> None:
        """Let a writer do one thing."""
        writer = self.writers[step.writer]
        self.steps.append(step)
        try:
            getattr(writer, step.action)()
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Undo every transaction that is still open."""
        for writer in self.writers.values():
            writer.desk.leave()

    def tell(self, writer: str, action: str, idx: str, outcome: str, **more: Any) -> None:
        """Note one line of what happened."""
        self.entries.append(Entry(len(self.steps), writer, action, idx, self.lab.now(), outcome, **more))

    def state(self, side: EventStream | Reading) -> BaseModel | None:
        """The state by the consistency projection; None without one, and of an empty stream."""
        projection = self.stream_class.consistency_projection
        if projection is None:
            return None
        try:
            state: BaseModel = side.projected_with(projection)
        except StreamNotFound:
            return None
        return state


class Writer:
    """One writer: reads through a `Reading` of its own and appends through it.

    A writer who appends to several streams does so in one transaction, which begins when it reads.
    """

    def __init__(self, course: Course, name: str, plan: Sequence[Intent], *, guard: bool) -> None:
        self._course, self.name, self._guard = course, name, guard
        self.desk = Desk(course.lab)
        self._streams = {idx: course.stream_class.for_(idx, lab=self.desk) for idx in course.streams}
        self._readings: dict[str, Reading] = {}
        self._todo = list(plan)
        #: What lost a race, to be tried again.
        self.denied: list[Intent] = []
        self._tried: list[tuple[Intent, Event]] = []
        self.has_transaction = "commit" in program_of(plan)
        self._lost = False

    # --- the steps -------------------------------------------------------------------------------------------

    def read(self) -> None:
        """See all streams as they are now."""
        for idx, reading in self._look().items():
            state = self._course.state(reading) if self._course.show else None
            self._tell("read", idx, "read", seen=reading.version, message=f"saw version {reading.version}", state=state)

    def append(self) -> None:
        """Append what comes next in the plan."""
        self._try("append", self._todo.pop(0))

    def commit(self) -> None:
        """Make what was appended since the reading last."""
        self._commit("commit")

    def retry(self) -> None:
        """Read again, and append again what lost."""
        again, self.denied = self.denied, []
        if not again:
            self._tell("retry", self._course.streams[0], "skipped", message="nothing was denied")
            return
        self._look()
        for intent in again:
            self._try("retry", intent)
        if self.has_transaction:
            self._commit("retry")

    # --- how -------------------------------------------------------------------------------------------------

    def _look(self) -> dict[str, Reading]:
        self._lost = False
        self._tried = []
        if self.has_transaction:
            self.desk.begin()
        self._readings = {idx: stream.read() for idx, stream in self._streams.items()}
        return self._readings

    def _try(self, action: str, intent: Intent) -> None:
        idx, reading = intent.idx, self._readings[intent.idx]
        if self._lost:
            self.denied.append(intent)
            self._tell(action, idx, "skipped", seen=reading.version, message="its transaction was lost already")
            return
        event = self._decided(intent)
        if event is None:
            self._tell(action, idx, "declined", seen=reading.version, message="decided to append nothing")
            return
        seen = reading.version
        try:
            tried = self._append(reading, event)
        except ConflictError:
            self._lost, tried = True, seen + 1
            self.desk.leave()
        self._judge(action, intent, event, seen, tried)

    def _append(self, reading: Reading, event: Event) -> int:
        if self._guard:
            tried = reading.version + 1
            reading.append(event)
            return tried
        tried = append_unguarded(reading, event)
        self._readings[reading.idx] = self._streams[reading.idx].read() if event.persisted else reading
        return tried

    def _judge(self, action: str, intent: Intent, event: Event, seen: int, tried: int) -> None:
        """Tell what became of an event."""
        idx, facts = intent.idx, self._facts(event)
        if event.persisted:
            self._tried.append((intent, event))
            if not self.has_transaction:
                self._course.written[idx, tried] = self.name
            until = "; it lasts if the commit does" if self.has_transaction else ""
            told = f"accepted as version {tried}{until}"
            self._tell(action, idx, "accepted", seen=seen, tried=tried, message=told, **facts)
            return
        rejection = event.rejection
        assert rejection is not None
        if rejection.stage == "conflict":
            self.denied.append(intent)
            self._deny(action, idx, seen, tried, rejection, facts)
        else:
            told = "; ".join(rejection.errors.full_messages)
            self._tell(action, idx, "refused", seen=seen, tried=tried, message=told, rejection=rejection, **facts)

    def _commit(self, action: str) -> None:
        idx = self._course.streams[0]
        if self._lost or self.desk.transaction_now is None:
            self._tell(action, idx, "skipped", message="its transaction was lost already")
            return
        try:
            self.desk.commit()
        except ConflictError as lost:
            self._lost = True
            self.denied = [intent for intent, _ in self._tried]
            rejection = lost.event.rejection
            assert rejection is not None
            seen, tried = rejection.version_read, rejection.version_tried
            self._deny(action, rejection.idx, seen, tried, rejection, self._facts(lost.event))
            return
        for intent, event in self._tried:
            assert event.version is not None
            self._course.written[intent.idx, event.version] = self.name
            self._course.lab.memory.forget(intent.idx)
        if action == "commit":
            told = f"{formats.count(len(self._tried), 'event')} stored together"
            self._tell(action, idx, "committed", message=told)

    def _deny(
        self, action: str, idx: str, seen: int, tried: int, rejection: Rejection, facts: Mapping[str, Any]
    ) -> None:
        winner, winning = "another writer", None
        if rejection.winner is not None:
            winner = self._course.written.get((idx, rejection.winner.version), winner)
            winning = rejection.winner.event
        told = rejection.errors.full_messages[0] if rejection.errors else "lost the race"
        self._tell(
            action, idx, "denied", seen=seen, tried=tried, winner=winner, winning=winning, message=told,
            rejection=rejection, **facts,
        )  # fmt: skip

    def _decided(self, intent: Intent) -> Event | None:
        """A new event object: the one that was given is a fact at most once, and a race can be run again."""
        if isinstance(intent.what, Event):
            return intent.what.model_copy()
        readings = self._readings
        event = intent.what(readings if len(readings) > 1 else readings[intent.idx])
        if event is not None and not isinstance(event, Event):
            raise TypeError(f"what {self.name} decides must be an event, or None to append nothing; got {event!r}")
        return event

    def _facts(self, event: Event) -> dict[str, Any]:
        return {"event": event.event_name, "payload": formats.mask(event.payload(), event.filter_attributes)}

    def _tell(self, action: str, idx: str, outcome: str, **more: Any) -> None:
        self._course.tell(self.name, action, idx, outcome, **more)


def append_unguarded(reading: Reading, event: Event) -> int:
    """Judge an event on what was seen and write it after whatever is there: what versions are there to prevent.

    The Ruby gem Funes has this hole. Only a scratch is ever written this way.

    Returns
    -------
    int
        The version it was written as, or would have been.
    """
    lab, idx = reading.lab, reading.idx
    with lab.store.writing:
        moments = [row.occurred_at for row in reading.rows()]
        seen = Seen.at(idx, Head(reading.version, max(moments, default=None)))
        gates = Gates(lab, idx, rules_of(reading.stream_class), seen)
        candidate = gates.admit(event, None)
        found = gates.judge(candidate)
        if isinstance(found, Rejection):
            gates.refuse(found, event)
            return seen.version + 1
        seen.stand_at(lab.store.head(idx, lab.unit))
        gates.write([gates.let_in(candidate, *found)], [candidate])
        lab.memory.forget(idx)
        return seen.version
