"""What is known of a stream: its version, and the states its events lead to.

A `Seen` is what a writer saw when it judged. Streams remember one each, so that an append costs one INSERT; a
reading holds one of its own. It may be out of date, and nothing relies on its being up to date: the version it
leads to is unique in the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel

from funes_lab import registry
from funes_lab.codec import decode, decode_all, decode_context
from funes_lab.event import Event, status
from funes_lab.fold import Fold
from funes_lab.store import Head, Row, Store
from funes_lab.upcast import stored_shape

#: How many streams are remembered, and how many projections of each.
STREAMS, PROJECTIONS = 512, 4


@dataclass(slots=True)
class Seen:
    """A stream as it was seen: at this version, with these states.

    Attributes
    ----------
    idx : str
    version : int
        The last version seen, 0 for an empty stream.
    last_at : datetime or None
        The latest `occurred_at` among the events seen.
    stored : int
        The last version that is in the store; what comes after it is in `pending`.
    pending : list of Row
        Judged on top of each other, to be written together.
    states : dict
        The plain state of each projection after all events seen.
    generation : int
        That of the event registry when the states were made.
    moved_back : int
        How often what was seen turned out not to be a fact.
    """

    idx: str
    version: int
    last_at: datetime | None
    stored: int
    pending: list[Row] = field(default_factory=list)
    states: dict[Fold, BaseModel] = field(default_factory=dict)
    generation: int = field(default_factory=registry.generation)
    moved_back: int = 0

    @classmethod
    def at(cls, idx: str, head: Head) -> Seen:
        """A stream as it stands."""
        return cls(idx, head.version, head.last_at, head.version)

    def aside(self) -> Seen:
        """The same for a trial: it shares no state that a fold would change in place."""
        states = {fold: state for fold, state in self.states.items() if fold.immutable}
        return replace(self, pending=list(self.pending), states=states)

    def state(self, fold: Fold) -> BaseModel | None:
        """The remembered state, if no event class changed since."""
        if self.generation != registry.generation():
            self.states.clear()
            self.generation = registry.generation()
        return self.states.get(fold)

    def remember(self, fold: Fold, state: BaseModel) -> None:
        """Keep a state; only where it does not depend on the time of a query."""
        if not fold.starts_with_time:
            self.states[fold] = state
            while len(self.states) > PROJECTIONS:
                del self.states[next(iter(self.states))]

    def move_on(self, row: Row, kept: dict[Fold, BaseModel]) -> None:
        """See one more event, and the states that include it; others are forgotten."""
        self.version = row.version
        self.last_at = row.occurred_at if self.last_at is None else max(self.last_at, row.occurred_at)
        self.pending.append(row)
        self.states.clear()
        for fold, state in kept.items():
            self.remember(fold, state)

    def stand_at(self, head: Head) -> None:
        """Go back to what the log has: what was seen beyond it never became a fact."""
        self.version = self.stored = head.version
        self.last_at = head.last_at
        self.moved_back += 1
        self.pending.clear()
        self.states.clear()

    def written(self) -> None:
        """What was pending is in the store."""
        self.stored = self.version
        self.pending.clear()


class Memory:
    """What is remembered of streams; the one that was not used for longest is forgotten first."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, Seen] = OrderedDict()

    def shared(self, idx: str, version: int) -> dict[Fold, BaseModel]:
        """The states remembered at this version that can be shared, because nobody changes them in place."""
        seen = self._streams.get(idx)
        if seen is None or seen.version != version or seen.generation != registry.generation():
            return {}
        return {fold: state for fold, state in seen.states.items() if fold.immutable}

    def take(self, idx: str) -> Seen | None:
        """Get what is remembered and forget it: who takes it puts back what still holds."""
        return self._streams.pop(idx, None)

    def put(self, seen: Seen) -> None:
        """Remember."""
        self._streams[seen.idx] = seen
        while len(self._streams) > STREAMS:
            self._streams.popitem(last=False)

    def absorb(self, other: Memory) -> None:
        """Remember what another memory does."""
        for seen in other._streams.values():
            self.put(seen)

    def forget(self, idx: str) -> None:
        """Forget one stream."""
        self._streams.pop(idx, None)

    def clear(self) -> None:
        """Forget everything."""
        self._streams.clear()

    def __len__(self) -> int:
        return len(self._streams)


class ComparedMemory(Memory):
    """What is remembered of streams that other processes write too: compared with the log whenever they may have."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._turns: dict[str, int] = {}

    def take(self, idx: str) -> Seen | None:
        """Get what is remembered, if the stream still stands there, and forget it."""
        seen = super().take(idx)
        if seen is None or self._turns.pop(idx, None) == self._store.turn:
            return seen
        return seen if self._store.head(idx) == Head(seen.version, seen.last_at) else None

    def put(self, seen: Seen) -> None:
        """Remember, and when it was so."""
        super().put(seen)
        if len(self._turns) > 2 * STREAMS:
            self._turns = {idx: turn for idx, turn in self._turns.items() if idx in self._streams}
        self._turns[seen.idx] = self._store.turn


def read_events(row: Row) -> list[Event]:
    """The events of a row, with its version and times: one, unless an upcaster made several of it.

    Raises
    ------
    UpcastError
        If an upcaster breaks.
    """
    if registry.upcasters_of(row.klass):
        shape = stored_shape(row.meta_info)
        parts = decode_all(row.klass, row.props, shape, idx=row.idx, version=row.version)
        return [_placed(part, row) for part in parts]
    return [_placed(decode(row.klass, row.props), row)]


def read_event(row: Row) -> Event:
    """The event of a row, to show it: the first one, if an upcaster made several of it."""
    return read_events(row)[0]


def events_of(rows: Iterable[Row]) -> list[Event]:
    """The events of rows, in their order; the parts of one row in theirs."""
    events: list[Event] = []
    for row in rows:
        events += read_events(row)
    return events


def _placed(event: Event, row: Row) -> Event:
    now = status(event)
    now.idx, now.version = row.idx, row.version
    now.created_at, now.occurred_at = row.created_at, row.occurred_at
    if row.meta_info not in (None, "{}", "null"):
        now.meta_info = decode_context(row.meta_info)
    return event
